"""What is known of a call's arguments when it is compiled; what is wrong is an error of typing in a plain sentence."""

from typing import Any, NamedTuple

from numba import types
from numba.core.errors import TypingError

from fnn.losses.loss import Loss
from fnn.njit.types import LossType, ParamsType


def unwrapped(argument: Any) -> Any:
    """The value of an argument that wasn't given, or of a literal; otherwise its type."""
    if isinstance(argument, types.Omitted):
        return argument.value
    if isinstance(argument, types.NoneType):
        return None

    return argument.literal_value if isinstance(argument, types.Literal) else argument


def require_floats(name: str, params: ParamsType, array: Any, dimensions: tuple[int, ...]) -> None:
    """Raise unless it is an array of the dtype of params with so many dimensions."""
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
    """Raise unless it is nothing, or an array that a result of the dtype of params can be written to."""
    if unwrapped(array) is None:
        return
    require_floats(name, params, array, (ndim,))
    if array.layout != "C" or not array.mutable:
        raise TypingError(f"{name}: needs a C-contiguous, writable array")


class Measure(NamedTuple):
    """How the error is measured, and whether the cases lie as the kernels take them: all known when compiling."""

    loss: Loss
    mean: bool
    ready: bool


def measure(params: ParamsType, x: Any, y: Any, loss: Any, reduction: Any, weights: Any) -> Measure:
    """Check the types of a call's arguments."""
    require_floats("x", params, x, (1, 2))
    loss, reduction, weights = unwrapped(loss), unwrapped(reduction), unwrapped(weights)
    if not isinstance(loss, LossType | Loss):
        raise TypingError(f"loss: must be a constant such as fnn.cross_entropy inside @njit, got {loss}")
    loss = loss.loss if isinstance(loss, LossType) else loss
    if reduction not in ("sum", "mean"):
        raise TypingError(f'reduction: must be the constant "sum" or "mean" inside @njit, got {reduction}')
    is_labels = _is_labels(y, x.ndim - 1)
    labelled = loss.targets.labels and is_labels
    if is_labels and not labelled:
        raise TypingError(f"y: {loss!r} takes no labels; use loss=fnn.cross_entropy, or fnn.one_hot before the call")
    if not labelled:
        require_floats("y", params, y, (x.ndim,))
    _require_weights(weights, x.ndim - 1)
    ready = (
        x.layout == "C"
        and (not isinstance(y, types.Array) or (y.layout == "C" and (not labelled or y.dtype == types.int64)))
        and (not isinstance(weights, types.Array) or (weights.layout == "C" and weights.dtype == types.float64))
    )

    return Measure(loss, reduction == "mean", ready)


def _is_labels(y: Any, dimensions: int) -> bool:
    """Whether y are whole numbers, one a case."""
    if dimensions == 0:
        return isinstance(y, types.Integer | types.Boolean)

    return isinstance(y, types.Array) and y.ndim == 1 and isinstance(y.dtype, types.Integer | types.Boolean)


def _require_weights(weights: Any, dimensions: int) -> None:
    if weights is None or (dimensions == 0 and isinstance(weights, types.Number | int | float)):
        return
    is_vector = isinstance(weights, types.Array) and weights.ndim == 1 and isinstance(weights.dtype, types.Number)
    if not (dimensions and is_vector):
        raise TypingError(f"weights: needs one number a case, got {weights}")


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
