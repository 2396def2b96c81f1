"""Checks of the types of a call's arguments, each an error of typing in a plain sentence."""

from typing import Any

from numba import types

from fnn.compiler.internals import TypingError
from fnn.njit.registration import Call
from fnn.njit.types import ParamsType


def unwrapped(argument: Any) -> Any:
    """The value of an argument that was left out, or of a literal; otherwise its type."""
    if isinstance(argument, types.Omitted):
        return argument.value
    if isinstance(argument, types.NoneType):
        return None

    return argument.literal_value if isinstance(argument, types.Literal) else argument


def require_left_out(call: Call, *names: str) -> None:
    """Raise unless nothing, None or an empty tuple stands for these parameters, which only Python's calls have."""
    for name in names:
        argument = getattr(call, name)
        is_given = isinstance(argument, types.Type) and not isinstance(argument, types.Omitted | types.NoneType)
        if is_given and argument != types.Tuple(()):
            raise TypingError(f"{name}: can't be given inside @njit")


def require_floats(name: str, params: ParamsType, array: Any, dimensions: tuple[int, ...]) -> None:
    """Raise unless it is an array of the dtype of params with one of these numbers of dimensions."""
    if not isinstance(array, types.Array):
        raise TypingError(f"{name}: must be an array inside @njit, got {array}")
    if array.dtype != params.dtype:
        raise TypingError(
            f"{name}: has dtype {array.dtype}, but params have {params.dtype}; convert it, e.g. with astype"
        )
    if array.ndim not in dimensions:
        needed = " or ".join(f"{n}" for n in dimensions)
        raise TypingError(f"{name}: needs {needed} dimensions, got an array with {array.ndim}")


def require_written(name: str, params: ParamsType, array: Any, ndim: int) -> None:
    """Raise unless it is None, or an array that a result of the dtype of params can be written to."""
    if unwrapped(array) is None:
        return
    require_floats(name, params, array, (ndim,))
    if array.layout != "C" or not array.mutable:
        raise TypingError(f"{name}: needs a C-contiguous, writable array")


def require_number(name: str, value: Any) -> None:
    """Raise unless it is a real number."""
    value = unwrapped(value)
    if isinstance(value, bool) or not isinstance(value, types.Integer | types.Float | int | float):
        raise TypingError(f"{name}: needs a number, got {value}")


def require_whole(name: str, value: Any) -> None:
    """Raise unless it is a whole number."""
    value = unwrapped(value)
    if isinstance(value, bool) or not isinstance(value, types.Integer | int):
        raise TypingError(f"{name}: needs a whole number, got {value}")
