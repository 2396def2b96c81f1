"""E1 and E2: what a loss is. The built-in ones are in `fnn.losses.library`, their formulas in `fnn.kernels`."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, ClassVar, Final, NamedTuple, Self, TypeVar

import numpy as np
from numba import types
from numba.core.errors import NumbaError
from numpy.typing import NDArray

from fnn.activations.activation import Activation
from fnn.compiler.numba_types import numba_type
from fnn.compiler.user_functions import Scalar, Stored, require_jitted, restored, stored
from fnn.losses.kernels.dispatch import ANY, LossKernel, of_scalars
from fnn.losses.kernels.second_derivatives import SQUARED_ERROR, of_scalar


class Targets(NamedTuple):
    """What the targets of a loss must be, and what labels stand for if it takes them."""

    text: str = "finite values"
    rule: int = ANY
    low: float = -np.inf
    high: float = np.inf
    labels: bool = False

    @property
    def label_values(self) -> tuple[float, float]:
        """What a label, or a one-hot target, has at the units of the other classes and at that of its own."""
        return (self.low, self.high) if self.labels else (0.0, 1.0)


ANYTHING = Targets()


@dataclass(frozen=True, slots=True, init=False, repr=False)
class Loss:
    """A measure of error, summed over the output units and (unless ``reduction="mean"``) over the cases.

    Those with a parameter are called to set it: ``fnn.huber`` has δ = 1, ``fnn.huber(2.0)`` δ = 2.

    One of your own is made from two scalar functions under ``@numba.njit``, for one output unit. It is used wherever a
    built-in one is, inside jitted functions too, with any output activation; it is compiled when it is first used, once
    for each dtype.

    The functions may neither raise nor allocate: nobody would see the exception. Python's division raises, so give them
    ``@njit(error_model="numpy")`` if they divide.

    Parameters
    ----------
    name
        A name, as in Python; not that of a built-in loss.
    error
        error(a, y) → E of one unit, jitted; it gets float64 numbers whatever the dtype.
    prime
        prime(a, y) → ∂E/∂a, jitted.
    second
        second(a, y) → ∂²E/∂a², jitted; only `hvp` needs it.

    Raises
    ------
    TypeError
        error, prime or second isn't a jitted function, or takes another number of arguments; the name isn't text.
    ValueError
        The name isn't one, or is that of a built-in loss.

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
    scalars: tuple[Scalar, ...]  # error, prime and perhaps second, if they are somebody's
    outputs: tuple[Activation, ...] = field(compare=False)  # the activations that suit it; empty: any
    targets: Targets = field(compare=False)
    kernel: LossKernel | None = field(compare=False)  # None: part of every network's code
    _descriptors: dict[np.dtype[Any], tuple[NDArray[np.int64], int]] = field(compare=False)

    def __init__(self, name: str, error: Scalar, prime: Scalar, second: Scalar | None = None) -> None:
        if not isinstance(name, str):
            raise TypeError(f"name: needs text, got {name!r}")
        if not name.isidentifier():
            raise ValueError(f"name: must be a name as in Python, got {name!r}")
        if name in _built_in:
            raise ValueError(f"name: fnn.{name} is a built-in loss")
        require_jitted("error", error, "a, y")
        require_jitted("prime", prime, "a, y")
        scalars: tuple[Scalar, ...] = error, prime
        made = of_scalars(name, error, prime)
        if second is not None:
            require_jitted("second", second, "a, y")
            scalars = error, prime, second
            made.second_derivative = of_scalar(name, second)
        kernel = _compiled_once.setdefault((name, *scalars), made)  # two of the same are compiled once
        self._set(name, kernel, scalars=scalars)

    def _set(
        self,
        name: str,
        kernel: LossKernel | None,
        outputs: tuple[Activation, ...] = (),
        targets: Targets = ANYTHING,
        parameter: float = 0.0,
        scalars: tuple[Scalar, ...] = (),
    ) -> None:
        values: tuple[Any, ...] = name, parameter, scalars, outputs, targets, kernel, {}
        for key, value in zip(Loss.__slots__, values, strict=True):
            object.__setattr__(self, key, value)

    def check(self, output: Activation) -> None:
        """Raise ValueError if the network's output activation does not suit this loss."""
        if self.outputs and output not in self.outputs:
            raise ValueError(f"{self.needs_output}, got {output!r}")

    @property
    def needs_output(self) -> str:
        """What is wrong if the output activation doesn't suit it."""
        return f"loss: {self!r} needs {' or '.join(map(repr, self.outputs))} at the output"

    @property
    def needs_targets(self) -> str:
        """What is wrong if a target isn't one that it takes."""
        return f"y: {self!r} needs {self.targets.text}"

    def descriptor_address(self, dtype: np.dtype[Any]) -> int:
        """The address of what the kernels must know of it; compiles it for the dtype if need be.

        Raises
        ------
        TypeError
            It is made of somebody's functions, and they can't be compiled for float64.
        """
        found = self._descriptors.get(dtype)
        if found is None:
            number = types.float32 if dtype == np.float32 else types.float64
            descriptor = np.array(self.descriptor(0 if self.kernel is None else self.compiled(number)[1]), np.int64)
            found = self._descriptors[dtype] = (
                descriptor,
                descriptor.ctypes.data,
            )  # in memory that lives as long as the loss

        return found[1]

    def descriptor(self, address: int) -> list[int]:
        """What the kernels must know of it (see `fnn.losses.kernels.dispatch`), given where its code starts."""
        suited = sum(1 << f.code for f in self.outputs) or -1
        is_direct = self.kernel is not None and self.kernel.is_direct
        floats = np.array([self.targets.low, self.targets.high, self.parameter])

        return [address, suited, int(is_direct), self.targets.rule, *floats.view(np.int64).tolist()]

    def compiled(self, number: types.Float) -> tuple[Any, int]:
        """The compiled code, and where it starts."""
        assert self.kernel is not None
        try:
            return self.kernel.compiled(number)
        except NumbaError as error:
            raise TypeError(f"{self!r}: error or prime can't be compiled for float64:\n{error}") from error

    @property
    def second_derivative(self) -> LossKernel | None:
        """The code of its second derivative, if there is one."""
        return SQUARED_ERROR if self.kernel is None else self.kernel.second_derivative

    def second_derivative_address(self, dtype: np.dtype[Any]) -> int:
        """Where the code of its second derivative starts; compiles it if need be.

        Raises
        ------
        TypeError
            It is somebody's, and can't be compiled for float64.
        """
        assert self.second_derivative is not None
        try:
            return self.second_derivative.compiled(types.float32 if dtype == np.float32 else types.float64)[1]
        except NumbaError as error:
            raise TypeError(f"{self!r}: second can't be compiled for float64:\n{error}") from error

    @property
    def _numba_type_(self) -> types.Type:
        """A type of its own, so that jitted functions know the loss when they are compiled."""
        return numba_type(self)

    def __repr__(self) -> str:
        if self.scalars:
            names = ", ".join(getattr(scalar, "__name__", "?") for scalar in self.scalars)
            return f"fnn.Loss({self.name!r}, {names})"

        return f"fnn.{self.name}"

    def __reduce__(self) -> tuple[Any, ...]:
        if self.scalars:
            return _own, (self.name, *map(stored, self.scalars))

        return _library, (self.name, self.parameter)  # so that a copy of a named one is the same object


class LossWithParameter(Loss):
    """A built-in loss that is called to set its parameter."""

    __slots__ = ()
    _parameter_name: ClassVar[str]

    def with_parameter(self, value: float) -> Self:
        """The same loss with another parameter."""
        named = _built_in[self.name]
        if value == named.parameter:
            assert isinstance(named, type(self))
            return named
        made = object.__new__(type(self))
        made._set(self.name, self.kernel, self.outputs, self.targets, value)

        return made

    def __repr__(self) -> str:
        is_named = self is _built_in[self.name]
        return f"fnn.{self.name}" if is_named else f"fnn.{self.name}({self._parameter_name}={self.parameter})"


_built_in: Final[dict[str, Loss]] = {}
_compiled_once: Final[dict[tuple[str | Scalar, ...], LossKernel]] = {}
LossT = TypeVar("LossT", bound=Loss)


def built_in(
    kind: type[LossT],
    name: str,
    kernel: LossKernel | None,
    *,
    outputs: tuple[Activation, ...] = (),
    targets: Targets = ANYTHING,
    parameter: float = 0.0,
) -> LossT:
    """A built-in loss."""
    made = object.__new__(kind)
    made._set(name, kernel, outputs, targets, parameter)
    _built_in[name] = made

    return made


def _library(name: str, parameter: float) -> Loss:
    named = _built_in[name]

    return named.with_parameter(parameter) if isinstance(named, LossWithParameter) else named


def _own(name: str, error: Stored, prime: Stored, *second: Stored) -> Loss:
    return Loss(name, restored(error), restored(prime), *map(restored, second))
