"""F2 and F3: the value `Activation`. The built-in ones are in `fnn.activations.library`."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from itertools import count
from typing import Any, Final

import numpy as np
from numpy.typing import ArrayLike, NDArray

from fnn.activations.kernels.apply import activate_kernel, prime_kernel
from fnn.activations.kernels.dispatch import FREE_CODES, ActivationKernels
from fnn.activations.kernels.lift import from_user
from fnn.boundary.checks import real_array
from fnn.compiler.internals import NumbaError
from fnn.compiler.target import float_type
from fnn.compiler.user_functions import (
    Scalar,
    Stored,
    checked_functions,
    representation,
    require_numbers,
    restored,
    stored,
)
from fnn.values import Documented

BUILT_IN: Final[dict[str, ActivationKernels]] = {}  # by name, a family's without its parameter; see `library`
RANGES: Final[dict[str, tuple[float, float]]] = {}  # by name; a family's with the parameter 1

# Activations are interned, by name, parameter and functions, and never freed: neither is compiled code.
_interned: Final[dict[tuple[object, ...], Activation]] = {}
_by_code: Final[dict[int, Activation]] = {}
_codes: Final = count(FREE_CODES)


@dataclass(frozen=True, slots=True, init=False, eq=False, repr=False)
class Activation(Documented):
    """An activation function f and its derivative f′: a built-in one such as `fnn.sigmoid`, or one of your own.

    One of your own, from scalar functions under ``@numba.njit``, works wherever a built-in one does, inside jitted
    functions too, and is compiled for each dtype on first use. Every path through the functions must return a real
    number. They must neither raise nor allocate: an exception would be lost, and the old output values used instead.
    Python's division raises, so use ``@njit(error_model="numpy")`` for a function that divides.

    The same name and functions give the same object. It is kept until the process ends, and so is its compiled code:
    a notebook cell that defines an activation leaves one behind each time it is run.

    Parameters
    ----------
    name
        An identifier, as in Python; not the name of a built-in activation.
    f, prime, second
        f(z) → a, prime(z, a) → f′(z) and second(z, a) → f″(z), which only `hvp` needs; jitted. In a float32 network
        z is a float32, and the result is rounded to float32.

    Raises
    ------
    TypeError
        f, prime or second isn't a jitted function, takes another number of arguments, or may return what
        is no real number; the name isn't a string.
    ValueError
        The name isn't an identifier, or is that of a built-in activation.

    Examples
    --------
    >>> import fnn
    >>> fnn.sigmoid([-1e4, 0.0, 1e4])
    array([0. , 0.5, 1. ])
    >>> fnn.sigmoid.prime(0.0)
    array(0.25)
    >>> fnn.sigmoid
    fnn.sigmoid

    >>> from numba import njit
    >>> @njit
    ... def square(z: float) -> float:
    ...     return z * z
    >>> @njit
    ... def twice(z: float, a: float) -> float:
    ...     return 2 * z
    >>> squared = fnn.Activation("squared", square, twice)
    >>> squared([1.0, 3.0]), squared.prime([1.0, 3.0])
    (array([1., 9.]), array([2., 6.]))
    """

    name: str
    code: int  # identifies it in the kernels' tables
    _kernels: ActivationKernels
    _scalars: tuple[Scalar, ...]  # the user's f, f′ and perhaps f″; empty for a built-in one
    _parameter: float | None
    _descriptors: dict[np.dtype[Any], NDArray[np.int64]]

    def __new__(cls, name: str, f: Scalar, prime: Scalar, second: Scalar | None = None) -> Activation:
        """Intern an activation made of jitted functions."""
        scalars = checked_functions(
            "activation", name, BUILT_IN, f=(f, "z"), prime=(prime, "z, a"), second=(second, "z, a")
        )

        return intern(from_user(name, *scalars), *scalars)

    def __call__(self, z: ArrayLike) -> NDArray[np.floating]:
        """a = f(z) (F2), elementwise; `softmax` and `log_softmax` along the last axis.

        Parameters
        ----------
        z
            Weighted inputs of any shape, which is that of a; float32 stays float32, other real dtypes become float64.
        """
        rows = _rows(z)
        a = np.empty_like(rows)
        activate_kernel[rows.dtype](self.descriptor(rows.dtype), rows, a)

        return a.reshape(np.shape(z))

    def prime(self, z: ArrayLike) -> NDArray[np.floating]:
        """f′(z) (F3), elementwise; for `softmax` and `log_softmax` the Jacobian ∂a_j/∂z_i, with one more axis.

        Parameters
        ----------
        z
            As for f.
        """
        rows = _rows(z)
        units, shape = rows.shape[1], np.shape(z)
        ones = np.ones_like(rows)
        if self.is_rowwise:  # δ_i for ∂E/∂a = e_j is ∂a_j/∂z_i
            ones = np.tile(np.eye(units, dtype=rows.dtype), (len(rows), 1))
            rows, shape = np.repeat(rows, units, axis=0), (*np.shape(z)[:-1], units, units)
        descriptor, a, prime = self.descriptor(rows.dtype), np.empty_like(rows), np.empty_like(rows)
        activate_kernel[rows.dtype](descriptor, rows, a)
        prime_kernel[rows.dtype](descriptor, rows, a, ones, prime)

        return prime.reshape(shape)

    @property
    def range(self) -> tuple[float, float]:
        """What f can reach, at least nearly: (−∞, ∞) for one of your own."""
        low, high = RANGES.get(self._kernels.name, (-np.inf, np.inf))
        factor = self._parameter or 1.0

        return low * factor, high * factor

    @property
    def doc(self) -> str:
        """Formula, range and source of a built-in activation."""
        return self._kernels.doc

    @property
    def is_rowwise(self) -> bool:
        """Whether every output depends on all inputs of its row, as with softmax."""
        return self._kernels.is_rowwise

    def require_dtype(self, dtype: np.dtype[Any]) -> None:
        """Raise ValueError if rounding to the dtype makes the parameter 0 or infinite."""
        with np.errstate(all="ignore"):
            rounded = dtype.type(1 if self._parameter is None else self._parameter)
        if not 0 < rounded < np.inf:
            raise ValueError(f"{self!r}: its parameter {self._parameter} is {rounded} in {dtype}; use np.float64")

    def descriptor(self, dtype: np.dtype[Any]) -> NDArray[np.int64]:
        """What kernels read (see `fnn.activations.kernels.dispatch`).

        TypeError if f or f′ can't be compiled; ValueError if the parameter isn't a number of the dtype.
        """
        descriptor = self._descriptors.get(dtype)
        if descriptor is None:
            parameter = self._parameter_bits(dtype)
            try:
                require_numbers(float_type(dtype), ("f", "prime"), self._scalars)
                addresses = [kernel.address(float_type(dtype)) for kernel in (self._kernels.f, self._kernels.prime)]
            except NumbaError as error:
                raise TypeError(f"{self!r}: f or prime can't be compiled for {dtype}:\n{error}") from error
            descriptor = self._descriptors[dtype] = np.array([self.code, *addresses, parameter])

        return descriptor

    @property
    def has_second_derivative(self) -> bool:
        """Whether it has f″."""
        return self._kernels.second_derivative is not None

    def directional_descriptor(self, dtype: np.dtype[Any], *, with_second: bool) -> list[int]:
        """The same for derivatives along a direction: R2 and, `with_second`, the second term of R4."""
        number, second_derivative = float_type(dtype), self._kernels.second_derivative
        try:
            require_numbers(number, ("second",), self._scalars[2:] if with_second else ())
            second = second_derivative.address(number) if with_second and second_derivative else 0
        except NumbaError as error:
            raise TypeError(f"{self!r}: second can't be compiled for {dtype}:\n{error}") from error

        return [self.code, self._kernels.push.address(number), second, self._parameter_bits(dtype)]

    def _parameter_bits(self, dtype: np.dtype[Any]) -> int:
        self.require_dtype(dtype)

        return int(np.float64(self._parameter or 0).view(np.int64))

    def __repr__(self) -> str:
        return representation("Activation", self.name, self._scalars) if self._scalars else f"fnn.{self.name}"

    def __reduce__(self) -> tuple[Callable[..., Activation], tuple[Any, ...]]:
        if self._scalars:
            return _user_made, (self.name, *map(stored, self._scalars))

        return _built_in, (self._kernels.name, self._parameter)


def intern(
    kernels: ActivationKernels, *scalars: Scalar, code: int | None = None, parameter: float | None = None
) -> Activation:
    """The one activation with the kernels' name, the parameter and the user's functions, if any."""
    name = kernels.name if parameter is None else f"{kernels.name}({parameter!r})"
    key = (name, *scalars)
    if key not in _interned:
        activation = object.__new__(Activation)
        values: tuple[object, ...] = name, next(_codes) if code is None else code, kernels, scalars, parameter, {}
        for field, value in zip(Activation.__slots__, values, strict=True):
            object.__setattr__(activation, field, value)
        first = _interned.setdefault(key, activation)  # of those that several threads have made
        _by_code[first.code] = first

    return _interned[key]


def activation_of(code: int) -> Activation:
    """The activation with a code."""
    return _by_code[code]


def _user_made(name: str, f: Stored, prime: Stored, *second: Stored) -> Activation:
    return Activation(name, restored(f), restored(prime), *map(restored, second))


def _built_in(name: str, parameter: float | None) -> Activation:
    return intern(BUILT_IN[name], parameter=parameter)


def _rows(z: ArrayLike) -> NDArray[np.floating]:
    """The array z as a contiguous matrix of floats."""
    array = real_array("z", z)
    if array.size == 0:
        raise ValueError(f"z: needs at least one number, got shape {array.shape}")
    rows: NDArray[np.floating] = np.ascontiguousarray(array, np.float32 if array.dtype.str[1:] == "f4" else np.float64)

    return rows.reshape(-1, array.shape[-1] if array.ndim else 1)
