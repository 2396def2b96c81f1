"""`fnn.error`, `fnn.grad`, `fnn.value_and_grad` and `fnn.update` in nopython mode."""

from typing import Any

import numpy as np
from numba import types
from numba.core.errors import TypingError
from numba.extending import register_jitable

from fnn.data.kernels.faults import FINE
from fnn.equations.gradients import error, grad, update, value_and_grad
from fnn.equations.kernels.backprop import ERROR_ONLY, GRADIENT
from fnn.losses.library import squared_error
from fnn.njit.argument_types import measure, require_number, require_written, unwrapped
from fnn.njit.calls import differentiate_all, loss_at, update_all, with_flat
from fnn.njit.faults import NO_MEMORY, refuse
from fnn.njit.registration import Body, in_nopython
from fnn.njit.types import ParamsType


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


def arrangements(y: Any, weights: Any) -> tuple[Body, Body]:
    """How to bring targets and weights to the layout and dtype that the kernels take."""
    arrange_y: Body = _itself
    arrange_weights: Body = _itself
    if isinstance(y, types.Array):
        arrange_y = _contiguous if isinstance(y.dtype, types.Float) else _as_labels
    if isinstance(unwrapped(weights), types.Array):
        arrange_weights = _as_weights

    return arrange_y, arrange_weights


def _rearranged(function: Body, y: Any, weights: Any) -> Body:
    """The function once more, on arrays that lie as the kernels take them."""
    arrange_y, arrange_weights = arrangements(y, weights)

    def body(
        params: Any, x: Any, y: Any, loss: Any = squared_error, reduction: Any = "sum", weights: Any = None,
        workspace: Any = None,
    ) -> Any:  # fmt: skip
        arranged = arrange_weights(weights)
        return function(params, np.ascontiguousarray(x), arrange_y(y), loss, reduction, arranged, workspace)

    return body


@in_nopython(error, prefer_literal=True)
def _error(
    params: Any, x: Any, y: Any, loss: Any = squared_error, reduction: Any = "sum", weights: Any = None,
    workspace: Any = None,
) -> Body | None:  # fmt: skip
    if not isinstance(params, ParamsType):
        return None
    require_written("workspace", params, workspace, 1)
    known = measure(params, x, y, loss, reduction, weights)
    mean = known.mean

    def body(
        params: Any, x: Any, y: Any, loss: Any = squared_error, reduction: Any = "sum", weights: Any = None,
        workspace: Any = None,
    ) -> Any:  # fmt: skip
        value, status = differentiate_all(params, x, y, weights, loss_at(params, loss), mean, ERROR_ONLY, x, workspace)
        if status != FINE:
            refuse(status, loss)
            raise MemoryError(NO_MEMORY)
        return value

    return body if known.ready else _rearranged(error, y, weights)


@in_nopython(value_and_grad, prefer_literal=True)
def _value_and_grad(
    params: Any, x: Any, y: Any, loss: Any = squared_error, reduction: Any = "sum", weights: Any = None,
    workspace: Any = None,
) -> Body | None:  # fmt: skip
    if not isinstance(params, ParamsType):
        return None
    require_written("workspace", params, workspace, 1)
    known = measure(params, x, y, loss, reduction, weights)
    mean = known.mean

    def body(
        params: Any, x: Any, y: Any, loss: Any = squared_error, reduction: Any = "sum", weights: Any = None,
        workspace: Any = None,
    ) -> Any:  # fmt: skip
        into = np.empty(params.flat.size, x.dtype)
        value, status = differentiate_all(params, x, y, weights, loss_at(params, loss), mean, GRADIENT, into, workspace)
        if status != FINE:
            refuse(status, loss)
            raise MemoryError(NO_MEMORY)
        return value, with_flat(params, into)

    return body if known.ready else _rearranged(value_and_grad, y, weights)


@in_nopython(grad, prefer_literal=True)
def _grad(
    params: Any, x: Any, y: Any, loss: Any = squared_error, reduction: Any = "sum", weights: Any = None,
    workspace: Any = None,
) -> Body | None:  # fmt: skip
    if not isinstance(params, ParamsType):
        return None
    require_written("workspace", params, workspace, 1)
    known = measure(params, x, y, loss, reduction, weights)
    mean = known.mean

    def body(
        params: Any, x: Any, y: Any, loss: Any = squared_error, reduction: Any = "sum", weights: Any = None,
        workspace: Any = None,
    ) -> Any:  # fmt: skip
        into = np.empty(params.flat.size, x.dtype)
        _, status = differentiate_all(params, x, y, weights, loss_at(params, loss), mean, GRADIENT, into, workspace)
        if status != FINE:
            refuse(status, loss)
            raise MemoryError(NO_MEMORY)
        return with_flat(params, into)

    return body if known.ready else _rearranged(grad, y, weights)


@in_nopython(update)
def _update(params: Any, grads: Any, eta: Any) -> Body | None:
    if not isinstance(params, ParamsType):
        return None
    if not isinstance(grads, ParamsType) or grads.dtype != params.dtype:
        raise TypingError(f"grads: needs fnn.Params of {params.dtype} inside @njit, got {grads}")
    require_number("eta", eta)

    def body(params: Any, grads: Any, eta: Any) -> Any:
        into = np.empty(params.flat.size, params.flat.dtype)
        status = update_all(params, grads, eta, into)
        if status != FINE:
            refuse(status, None)
            raise MemoryError(NO_MEMORY)
        return with_flat(params, into)

    return body
