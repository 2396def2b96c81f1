"""`fnn.Cases` in nopython mode, and what the calls that take cases have in common."""

from typing import Any, NamedTuple

import numpy as np
from numba import types
from numba.extending import make_attribute_wrapper, register_jitable

from fnn.compiler.internals import NumbaType, TypingError
from fnn.data.cases import Cases
from fnn.losses.loss import Loss
from fnn.njit.calls import cases_of, new_cases
from fnn.njit.errors import require_floats, require_left_out, unwrapped
from fnn.njit.registration import Body, Call, in_nopython
from fnn.njit.types import CasesType, LossType

for _member in ("x", "y", "weights"):
    make_attribute_wrapper(CasesType, _member, _member)


class Objective(NamedTuple):
    """What a body needs of its objective: whether to take the mean, and a function of x and y that makes the cases."""

    mean: bool
    arrange: Body


@in_nopython(Cases)
def _cases(call: Call) -> Body:
    require_left_out(call, "class_weights", "scale")
    arrange = _arrangement(call.x, call.y, unwrapped(call.weights)) or new_cases

    def body(x: Any, y: Any, weights: Any, class_weights: Any, scale: Any) -> Any:
        return arrange(x, y, weights)

    return body


def objective_of(call: Call) -> Objective:
    """Check the types of a call's cases, loss and reduction."""
    x: Any = call.x
    y, weights = unwrapped(call.y), None
    arrange: Body | None = None
    if isinstance(x, CasesType):
        if y is not None:
            raise TypingError("y: fnn.Cases has its own targets, so y can't be given beside it")
        x, y, weights = x.x, x.y, unwrapped(x.weights)
    elif y is None:
        raise TypingError("y: needs the targets, unless x is fnn.Cases(x, y)")
    else:
        arrange = _arrangement(x, call.y, None)
    require_floats("x", call.params, x, (1, 2))
    as_column = _column_of_targets(call, y, x.ndim)
    _require_weights(weights, x.ndim - 1)
    reduction = unwrapped(call.reduction)
    if reduction not in ("sum", "mean"):
        raise TypingError(f'reduction: must be the constant "sum" or "mean" inside @njit, got {reduction}')
    if as_column is not None:
        return Objective(
            reduction == "mean", _with_column(as_column, arrange or new_cases, isinstance(call.x, CasesType))
        )
    if arrange is None:
        return Objective(reduction == "mean", cases_of)

    def arranged(x: Any, y: Any) -> Any:
        return arrange(x, y, None)

    return Objective(reduction == "mean", register_jitable(arranged))


def _with_column(as_column: Body, arrange: Body, is_made: bool) -> Body:
    """The same with targets (N,), or a number, as a column."""

    def arranged(x: Any, y: Any) -> Any:
        return arrange(x, as_column(y), None)

    def arranged_again(cases: Any, y: Any) -> Any:
        return arrange(cases.x, as_column(cases.y), cases.weights)

    return register_jitable(arranged_again if is_made else arranged)


def _column_of_targets(call: Call, y: Any, ndim: int) -> Body | None:
    """Raise unless y suits the loss, which must be a constant, and x, by the number of its dimensions.

    Returns how to make a column of y if it is (N,), or a number, for the single output that the network then must have.
    """
    loss = unwrapped(call.loss)
    if not isinstance(loss, LossType | Loss):
        raise TypingError(f"loss: must be a constant such as fnn.cross_entropy inside @njit, got {loss}")
    loss = loss.loss if isinstance(loss, LossType) else loss
    labels = y.dtype if ndim == 2 and isinstance(y, types.Array) and y.ndim == 1 else y if ndim == 1 else None
    if isinstance(labels, types.Integer | types.Boolean | int):
        if not loss.targets.labels:
            raise TypingError(
                f"y: {loss!r} takes no labels; use loss=fnn.cross_entropy, or fnn.one_hot before the call"
            )
        return None
    if ndim == 1 and isinstance(y, types.Float):
        return _number_as_column(call.params.dtype)
    require_floats("y", call.params, y, (ndim - 1, ndim))

    return _vector_as_column if y.ndim < ndim else None


def _require_weights(weights: Any, dimensions: int) -> None:
    if weights is None or (dimensions == 0 and isinstance(weights, types.Number)):
        return
    is_vector = isinstance(weights, types.Array) and weights.ndim == 1 and isinstance(weights.dtype, types.Number)
    if not (dimensions and is_vector):
        raise TypingError(f"weights: needs one number a case, got {weights}")


def _arrangement(x: Any, y: Any, weights: Any) -> Body | None:
    """A function that brings cases to the layout and the dtypes that kernels take; None if they have them."""
    as_x, as_y, as_weights = _conversion(x, None), _conversion(y, None), _conversion(weights, types.float64)
    if isinstance(y, types.Array) and isinstance(y.dtype, types.Integer | types.Boolean):
        as_y = _conversion(y, types.int64)
    if as_x is as_y is as_weights is _itself:
        return None

    def arrange(x: Any, y: Any, weights: Any) -> Any:
        return new_cases(as_x(x), as_y(y), as_weights(weights))

    return register_jitable(arrange)


def _conversion(argument: Any, dtype: NumbaType | None) -> Body:
    """How to bring an argument to C-contiguity, and to a dtype if there is one; anything but an array stays."""
    if not isinstance(argument, types.Array) or (argument.layout == "C" and dtype in (None, argument.dtype)):
        return _itself
    if dtype is None:
        return _contiguous

    return _as_labels if dtype == types.int64 else _as_weights


def _number_as_column(dtype: NumbaType) -> Body:
    """How to make a vector of one number."""

    def column(y: Any) -> Any:
        return np.full(1, y, dtype)

    return register_jitable(column)


@register_jitable
def _vector_as_column(y: Any) -> Any:
    return np.ascontiguousarray(y).reshape(-1, 1)


@register_jitable
def _itself(value: Any) -> Any:
    return value


@register_jitable
def _contiguous(array: Any) -> Any:
    return np.ascontiguousarray(array)


@register_jitable
def _as_labels(array: Any) -> Any:
    return array.astype(np.int64)


@register_jitable
def _as_weights(array: Any) -> Any:
    return array.astype(np.float64)
