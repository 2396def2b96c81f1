"""F2 and F3: what an activation is. The built-in ones are in `fnn.activations.library`, their formulas in `fnn.kernels`."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from itertools import count
from typing import Any, Final

import numpy as np
from numba import types
from numba.core.errors import NumbaError
from numpy.typing import ArrayLike, NDArray

from fnn.activations.kernels.apply import activate_kernel, prime_kernel
from fnn.activations.kernels.dispatch import FREE_CODES, ActivationKernels
from fnn.activations.kernels.lift import from_user
from fnn.compiler.user_functions import Scalar, Stored, require_jitted, restored, stored

# Every activation, by what makes it what it is, and by code. None is ever forgotten: neither is compiled code.
_known: Final[dict[tuple[object, ...], Activation]] = {}
_by_code: Final[dict[int, Activation]] = {}
_built_in: Final[dict[str, ActivationKernels]] = {}
_families: Final[dict[str, Callable[[float], Activation]]] = {}
_codes: Final = count(FREE_CODES)


@dataclass(frozen=True, slots=True, init=False, eq=False, repr=False)
class Activation:
    """An activation function f and its derivative f′: a built-in one such as `fnn.sigmoid`, or one of your own.

    One of your own is made from two scalar functions under ``@numba.njit``. It is used wherever a built-in one is,
    inside jitted functions too; it is compiled when a network that has it is first used, once for each dtype.

    The functions may neither raise nor allocate: nobody would see the exception, and training would go on with what
    was there before. Python's division raises, so give them ``@njit(error_model="numpy")`` if they divide.

    Parameters
    ----------
    name
        A name, as in Python; not that of a built-in activation.
    f
        f(z) → a, jitted. For a float32 network it gets a float32, and what it returns is rounded to float32.
    prime
        prime(z, a) → f′(z), jitted, where a = f(z).
    second
        second(z, a) → f″(z), jitted; only `hvp` needs it.

    Raises
    ------
    TypeError
        f, prime or second isn't a jitted function, or takes another number of arguments; the name isn't text.
    ValueError
        The name isn't one, or is that of a built-in activation.

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
    code: int  # what the kernels know it by
    _kernels: ActivationKernels
    _scalars: tuple[Scalar, ...]  # f, f′ and perhaps f″, if they are somebody's
    _parameter: float | None
    _descriptors: dict[np.dtype[Any], NDArray[np.int64]]

    def __new__(cls, name: str, f: Scalar, prime: Scalar, second: Scalar | None = None) -> Activation:
        """The activation of these; the same object for the same ones."""
        if not isinstance(name, str):
            raise TypeError(f"name: needs text, got {name!r}")
        if not name.isidentifier():
            raise ValueError(f"name: must be a name as in Python, got {name!r}")
        if name in _built_in:
            raise ValueError(f"name: fnn.{name} is a built-in activation")
        require_jitted("f", f, "z")
        require_jitted("prime", prime, "z, a")
        if second is None:
            return _activation(from_user(name, f, prime), f, prime)
        require_jitted("second", second, "z, a")

        return _activation(from_user(name, f, prime, second), f, prime, second)

    def __call__(self, z: ArrayLike) -> NDArray[np.floating]:
        """a = f(z) (F2), elementwise; `softmax` and `log_softmax` along the last axis.

        Parameters
        ----------
        z
            Weighted inputs of any shape; float32 stays float32, any other real dtype becomes float64.

        Returns
        -------
        Array of the shape of z.
        """
        rows = _rows(z)
        a = np.empty_like(rows)
        activate_kernel[rows.dtype](self.descriptor(rows.dtype), rows, a)

        return a.reshape(np.shape(z))

    def prime(self, z: ArrayLike) -> NDArray[np.floating]:
        """f′(z) (F3), elementwise; where a row is taken as a whole the Jacobian ∂a_j/∂z_i, with one more axis.

        Parameters
        ----------
        z
            Weighted inputs of any shape; float32 stays float32, any other real dtype becomes float64.
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
    def is_rowwise(self) -> bool:
        """Whether every output depends on all inputs of its row, as with softmax."""
        return self._kernels.is_rowwise

    def descriptor(self, dtype: np.dtype[Any]) -> NDArray[np.int64]:
        """What the kernels must know of it (see `fnn.activations.kernels.dispatch`); compiles it for the dtype if need be.

        Raises
        ------
        TypeError
            f or f′ can't be compiled for such numbers.
        """
        found = self._descriptors.get(dtype)
        if found is None:
            try:
                addresses = self._kernels.addresses(types.float32 if dtype == np.float32 else types.float64)
            except NumbaError as error:
                raise TypeError(f"{self!r}: f or prime can't be compiled for {dtype}:\n{error}") from error
            found = self._descriptors[dtype] = np.array([self.code, *addresses, self._parameter_bits])

        return found

    @property
    def has_second(self) -> bool:
        """Whether f″ is known."""
        return self._kernels.has_second_derivative

    def directional_descriptor(self, dtype: np.dtype[Any], *, curved: bool) -> list[int]:
        """What the kernels must know of it for R2 and, if `curved`, for R4; compiles what that takes.

        Raises
        ------
        TypeError
            f″ can't be compiled for such numbers.
        """
        number = types.float32 if dtype == np.float32 else types.float64
        try:
            second_derivative = self._kernels.second_derivative_address(number) if curved else 0
        except NumbaError as error:
            raise TypeError(f"{self!r}: second can't be compiled for {dtype}:\n{error}") from error

        return [self.code, self._kernels.push_address(number), second_derivative, self._parameter_bits]

    @property
    def _parameter_bits(self) -> int:
        return int(np.float64(self._parameter or 0).view(np.int64))

    def __repr__(self) -> str:
        if self._scalars:
            names = ", ".join(getattr(scalar, "__name__", "?") for scalar in self._scalars)
            return f"fnn.Activation({self.name!r}, {names})"

        return f"fnn.{self.name}"

    def __reduce__(self) -> tuple[Callable[..., Activation], tuple[Any, ...]]:
        if self._scalars:
            return _own, (self.name, *map(stored, self._scalars))

        return _library, (self._kernels.name, self._parameter)


def built_in(kernels: ActivationKernels, *, code: int | None = None) -> Activation:
    """An activation of the library's."""
    _built_in[kernels.name] = kernels

    return _activation(kernels, code=code)


def family(kernels: ActivationKernels) -> Callable[[float], Activation]:
    """Activations of the library's that differ in a parameter, which is finite and above 0."""

    def member(parameter: float) -> Activation:
        return _activation(kernels, parameter=parameter)

    _built_in[kernels.name] = kernels
    _families[kernels.name] = member

    return member


def named(name: str) -> Activation | None:
    """The activation of the library's that has this name, such as ``tanh`` or ``elu(1.0)``, if one has it."""
    if (name,) in _known:
        return _known[name,]
    kind, _, rest = name.partition("(")
    try:
        parameter = float(rest.removesuffix(")"))
    except ValueError:
        return None
    is_member = kind in _families and 0 < parameter < np.inf and name == f"{kind}({parameter!r})"

    return _families[kind](parameter) if is_member else None


def _activation(
    kernels: ActivationKernels, *scalars: Scalar, code: int | None = None, parameter: float | None = None
) -> Activation:
    """The one activation with this name and parameter and, if it is somebody's, these functions."""
    name = kernels.name if parameter is None else f"{kernels.name}({parameter!r})"
    key = (name, *scalars)
    if key not in _known:
        made = object.__new__(Activation)
        values: tuple[object, ...] = name, next(_codes) if code is None else code, kernels, scalars, parameter, {}
        for field, value in zip(Activation.__slots__, values, strict=True):
            object.__setattr__(made, field, value)
        first = _known.setdefault(key, made)  # of those that several threads have made
        _by_code[first.code] = first

    return _known[key]


def activation_of(code: int) -> Activation:
    """The activation that the kernels know by this code."""
    return _by_code[code]


def _own(name: str, f: Stored, prime: Stored, *second: Stored) -> Activation:
    return Activation(name, restored(f), restored(prime), *map(restored, second))


def _library(name: str, parameter: float | None) -> Activation:
    return _activation(_built_in[name], parameter=parameter)


def _rows(z: ArrayLike) -> NDArray[np.floating]:
    """Z as a contiguous matrix of floats."""
    array = np.asarray(z)
    if array.dtype.kind not in "fiub":
        raise TypeError(f"z: needs real numbers, got dtype {array.dtype}")
    if array.size == 0:
        raise ValueError(f"z: needs at least one number, got shape {array.shape}")
    rows: NDArray[np.floating] = np.ascontiguousarray(array, np.float32 if array.dtype.str[1:] == "f4" else np.float64)

    return rows.reshape(-1, array.shape[-1] if array.ndim else 1)
