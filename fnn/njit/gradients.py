"""`fnn.error`, `fnn.grad`, `fnn.value_and_grad` and `fnn.update` in nopython mode."""

from typing import Any

import numpy as np

from fnn.compiler.internals import TypingError
from fnn.data.kernels.faults import FINE
from fnn.equations.gradients import error, grad, update, value_and_grad
from fnn.equations.kernels.backprop import ERROR_ONLY, GRADIENT
from fnn.njit.argument_types import require_left_out, require_number, require_written
from fnn.njit.calls import differentiate_all, loss_at, update_all, with_flat
from fnn.njit.cases import Objective, objective_of
from fnn.njit.faults import NO_MEMORY, refuse
from fnn.njit.registration import Body, Call, in_nopython
from fnn.njit.types import ParamsType


def _checked(call: Call) -> Objective:
    require_left_out(call, "regularization")
    require_written("workspace", call.params, call.workspace, 1)

    return objective_of(call)


@in_nopython(error, prefer_literal=True)
def _error(call: Call) -> Body:
    mean, arrange = _checked(call)

    def body(params: Any, x: Any, y: Any, loss: Any, reduction: Any, regularization: Any, workspace: Any) -> Any:
        cases = arrange(x, y)
        value, status = differentiate_all(
            params, cases, loss_at(params, loss), mean, ERROR_ONLY, None, workspace
        )  # fmt: skip
        if status != FINE:
            refuse(status, loss)
            raise MemoryError(NO_MEMORY)
        return value

    return body


@in_nopython(value_and_grad, prefer_literal=True)
def _value_and_grad(call: Call) -> Body:
    mean, arrange = _checked(call)

    def body(params: Any, x: Any, y: Any, loss: Any, reduction: Any, regularization: Any, workspace: Any) -> Any:
        cases, into = arrange(x, y), np.empty(params.flat.size, params.flat.dtype)
        value, status = differentiate_all(
            params, cases, loss_at(params, loss), mean, GRADIENT, into, workspace
        )  # fmt: skip
        if status != FINE:
            refuse(status, loss)
            raise MemoryError(NO_MEMORY)
        return value, with_flat(params, into)

    return body


@in_nopython(grad, prefer_literal=True)
def _grad(call: Call) -> Body:
    mean, arrange = _checked(call)

    def body(params: Any, x: Any, y: Any, loss: Any, reduction: Any, regularization: Any, workspace: Any) -> Any:
        cases, into = arrange(x, y), np.empty(params.flat.size, params.flat.dtype)
        _, status = differentiate_all(
            params, cases, loss_at(params, loss), mean, GRADIENT, into, workspace
        )  # fmt: skip
        if status != FINE:
            refuse(status, loss)
            raise MemoryError(NO_MEMORY)
        return with_flat(params, into)

    return body


@in_nopython(update)
def _update(call: Call) -> Body:
    if not isinstance(call.grads, ParamsType) or call.grads.dtype != call.params.dtype:
        raise TypingError(f"grads: needs fnn.Params of {call.params.dtype} inside @njit, got {call.grads}")
    require_number("eta", call.eta)

    def body(params: Any, grads: Any, eta: Any) -> Any:
        into = np.empty(params.flat.size, params.flat.dtype)
        status = update_all(params, grads, eta, into)
        if status != FINE:
            refuse(status, None)
            raise MemoryError(NO_MEMORY)
        return with_flat(params, into)

    return body
