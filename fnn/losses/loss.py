"""E1 and E2: the value `Loss`. The built-in ones are in `fnn.losses.library`."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Final, NamedTuple

import numpy as np
from numba import types
from numpy.typing import NDArray

from fnn.activations.activation import Activation
from fnn.compiler.internals import NumbaError
from fnn.compiler.numba_types import numba_type
from fnn.compiler.target import float_type
from fnn.compiler.user_functions import (
    Scalar,
    Stored,
    checked_functions,
    representation,
    restored,
    stored,
)
from fnn.losses.kernels.dispatch import ANY, LossKernel, from_user
from fnn.losses.kernels.second_derivatives import SQUARED_ERROR, second_from_user
from fnn.values import Documented


class Targets(NamedTuple):
    """The targets that a loss takes, and whether it takes labels for them."""

    text: str = "finite values"
    rule: int = ANY
    low: float = -np.inf
    high: float = np.inf
    labels: bool = False

    @property
    def label_values(self) -> tuple[float, float]:
        """The targets that a label stands for: at the units of the other classes, and at that of its own."""
        return (self.low, self.high) if self.labels else (0.0, 1.0)


ANYTHING = Targets()


@dataclass(frozen=True, slots=True, init=False, repr=False)
class Loss(Documented):
    """A measure of error, summed over the output units and (unless ``reduction="mean"``) over the cases.

    A loss with a parameter is called to set it: ``fnn.huber`` has δ = 1, ``fnn.huber(2.0)`` δ = 2.

    One of your own, from scalar functions of one output unit under ``@numba.njit``, works wherever a built-in one does,
    inside jitted functions too, with any output activation, and is compiled for each dtype on first use. Every path
    through the functions must return a real number. They must neither raise nor allocate: an exception would be lost.
    Python's division raises, so use ``@njit(error_model="numpy")`` for a function that divides.

    Parameters
    ----------
    name
        An identifier, as in Python; not the name of a built-in loss.
    error, prime, second
        error(a, y) → E of one unit, prime(a, y) → ∂E/∂a and second(a, y) → ∂²E/∂a², which only `hvp` needs; jitted. a
        and y are float64 whatever the dtype.

    Raises
    ------
    TypeError
        error, prime or second isn't a jitted function, takes another number of arguments, or may return
        what is no real number; the name isn't a string.
    ValueError
        The name isn't an identifier, or is that of a built-in loss.

    Examples
    --------
    >>> import fnn
    >>> from numba import njit
    >>> @njit
    ... def fourth(a: float, y: float) -> float:
    ...     return (a - y) ** 4
    >>> @njit
    ... def fourth_prime(a: float, y: float) -> float:
    ...     return 4 * (a - y) ** 3
    >>> loss = fnn.Loss("fourth", fourth, fourth_prime)
    >>> p = fnn.Params({"W1": [[1.0]], "b1": [0.0]}, hidden=(), output=fnn.identity)
    >>> fnn.error(p, [3.0], [1.0], loss=loss), fnn.grad(p, [3.0], [1.0], loss=loss)["b1"]
    (16.0, array([32.]))
    """

    name: str
    parameter: float  # 0 if it has none
    scalars: tuple[Scalar, ...]  # the user's error, prime and perhaps second; empty for a built-in one
    outputs: tuple[Activation, ...] = field(compare=False)  # the output activations that suit it; empty: any
    targets: Targets = field(compare=False)
    kernel: LossKernel | None = field(compare=False)  # None: part of every network's code
    doc: str = field(compare=False)
    _descriptors: dict[np.dtype[Any], tuple[NDArray[np.int64], int]] = field(compare=False)

    def __init__(self, name: str, error: Scalar, prime: Scalar, second: Scalar | None = None) -> None:
        scalars = checked_functions(
            "loss", name, BUILT_IN, error=(error, "a, y"), prime=(prime, "a, y"), second=(second, "a, y")
        )
        kernel = from_user(name, error, prime)
        if second is not None:
            kernel.second_derivative = second_from_user(name, second)
        # Equal losses share a kernel, which is compiled once and never freed.
        self.set_fields(name, _user_kernels.setdefault((name, *scalars), kernel), scalars=scalars)

    def set_fields(
        self, name: str, kernel: LossKernel | None, outputs: tuple[Activation, ...] = (), targets: Targets = ANYTHING,
        parameter: float = 0.0, scalars: tuple[Scalar, ...] = (), doc: str = "",
    ) -> None:  # fmt: skip
        """Initialize an instance, which is frozen from then on."""
        values: tuple[Any, ...] = name, parameter, scalars, outputs, targets, kernel, doc, {}
        for key, value in zip(Loss.__slots__, values, strict=True):
            object.__setattr__(self, key, value)

    def check(self, output: Activation) -> None:
        """Raise ValueError unless the network's output activation suits this loss."""
        if self.outputs and output not in self.outputs:
            raise ValueError(f"{self.needs_output}, got {output!r}")

    @property
    def needs_output(self) -> str:
        """The error message for an output activation that doesn't suit it."""
        return f"loss: {self!r} needs {' or '.join(map(repr, self.outputs))} at the output"

    @property
    def needs_targets(self) -> str:
        """The error message for a target that it doesn't take."""
        return f"y: {self!r} needs {self.targets.text}"

    def descriptor_address(self, dtype: np.dtype[Any]) -> int:
        """The address of its descriptor, which lives as long as the loss; TypeError if it can't be compiled."""
        if dtype not in self._descriptors:
            address = 0 if self.kernel is None else self.compiled(float_type(dtype))[1]
            descriptor = np.array(self.descriptor(address), np.int64)
            self._descriptors[dtype] = descriptor, descriptor.ctypes.data

        return self._descriptors[dtype][1]

    def descriptor(self, address: int) -> list[int]:
        """The words that kernels read (see `fnn.losses.kernels.dispatch`), given the address of its compiled code."""
        suited = sum(1 << f.code for f in self.outputs) or -1
        is_direct = self.kernel is not None and self.kernel.is_direct
        floats = np.array([self.targets.low, self.targets.high, self.parameter])

        return [address, suited, int(is_direct), self.targets.rule, *floats.view(np.int64).tolist()]

    def compiled(self, number: types.Float) -> tuple[Any, int]:
        """The compiled code and its address."""
        assert self.kernel is not None
        try:
            return self.kernel.compiled(number)
        except NumbaError as error:
            raise TypeError(f"{self!r}: error or prime can't be compiled for float64:\n{error}") from error

    @property
    def second_derivative(self) -> LossKernel | None:
        """The kernel of its second derivative, if it has one."""
        return SQUARED_ERROR if self.kernel is None else self.kernel.second_derivative

    def second_derivative_address(self, dtype: np.dtype[Any]) -> int:
        """The address of its second derivative's code; TypeError if it can't be compiled."""
        assert self.second_derivative is not None
        try:
            return self.second_derivative.compiled(float_type(dtype))[1]
        except NumbaError as error:
            raise TypeError(f"{self!r}: second can't be compiled for float64:\n{error}") from error

    @property
    def _numba_type_(self) -> types.Type:
        """A Numba type for each loss, so that jitted functions know the loss when they are compiled."""
        return numba_type(self)

    def __repr__(self) -> str:
        return representation("Loss", self.name, self.scalars) if self.scalars else f"fnn.{self.name}"

    def __reduce__(self) -> tuple[Any, ...]:
        if self.scalars:
            return _user_made, (self.name, *map(stored, self.scalars))

        return _built_in, (self.name,)  # a copy is the same object


BUILT_IN: Final[dict[str, Loss]] = {}  # by name; see `library`
_user_kernels: Final[dict[tuple[str | Scalar, ...], LossKernel]] = {}


def _built_in(name: str) -> Loss:
    return BUILT_IN[name]


def _user_made(name: str, error: Stored, prime: Stored, *second: Stored) -> Loss:
    return Loss(name, restored(error), restored(prime), *map(restored, second))
