"""`fnn.error`, `grad`, `value_and_grad`, `input_grad`, `vjp` and `update` in nopython mode."""

from typing import Any

import numpy as np

from fnn.data.kernels.faults import FINE
from fnn.equations.derivatives import input_grad
from fnn.equations.gradients import error, grad, update, value_and_grad
from fnn.equations.jacobians import vjp
from fnn.equations.kernels.backprop import ERROR_ONLY, GRADIENT
from fnn.njit.calls import differentiate_all, input_gradient_all, loss_at, update_all, vjp_all, with_flat
from fnn.njit.cases import Objective, objective_of
from fnn.njit.errors import (
    NO_MEMORY,
    refuse,
    require_floats,
    require_gradient,
    require_left_out,
    require_number,
    require_written,
)
from fnn.njit.registration import Body, Call, in_nopython


def _checked(call: Call) -> Objective:
    require_left_out(call, "regularization")
    require_written("workspace", call.params, call.workspace, 1)

    return objective_of(call)


@in_nopython(error, prefer_literal=True)
def _error(call: Call) -> Body:
    mean, arrange = _checked(call)

    def body(params: Any, x: Any, y: Any, loss: Any, reduction: Any, regularization: Any, workspace: Any) -> Any:
        cases = arrange(x, y)
        value, status = differentiate_all(params, cases, loss_at(params, loss), mean, ERROR_ONLY, None, None, workspace)
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
        value, status = differentiate_all(params, cases, loss_at(params, loss), mean, GRADIENT, into, None, workspace)
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
        _, status = differentiate_all(params, cases, loss_at(params, loss), mean, GRADIENT, into, None, workspace)
        if status != FINE:
            refuse(status, loss)
            raise MemoryError(NO_MEMORY)
        return with_flat(params, into)

    return body


@in_nopython(input_grad, prefer_literal=True)
def _input_grad(call: Call) -> Body:
    mean, arrange = objective_of(call)

    def body(params: Any, x: Any, y: Any, loss: Any, reduction: Any) -> Any:
        cases = arrange(x, y)
        into = np.empty_like(cases.x)
        status = input_gradient_all(params, cases, loss_at(params, loss), mean, into, None)
        if status != FINE:
            refuse(status, loss)
            raise MemoryError(NO_MEMORY)
        return into

    return body


@in_nopython(vjp)
def _vjp(call: Call) -> Body:
    x, u = call.x, call.u
    require_floats("x", call.params, x, (1, 2))
    require_floats("u", call.params, u, (x.ndim,))

    def body(params: Any, x: Any, u: Any) -> Any:
        into, inputs = np.empty(params.flat.size, x.dtype), np.empty_like(x)
        status = vjp_all(params, x, u, into, inputs, None)
        if status != FINE:
            refuse(status, None)
            raise MemoryError(NO_MEMORY)
        return with_flat(params, into), inputs

    def rearranged(params: Any, x: Any, u: Any) -> Any:
        return vjp(params, np.ascontiguousarray(x), np.ascontiguousarray(u))

    return body if x.layout == u.layout == "C" else rearranged


@in_nopython(update)
def _update(call: Call) -> Body:
    require_gradient(call.params, call.grads)
    require_number("eta", call.eta)

    def body(params: Any, grads: Any, eta: Any) -> Any:
        into = np.empty(params.flat.size, params.flat.dtype)
        status = update_all(params, grads, eta, into)
        if status != FINE:
            refuse(status, None)
            raise MemoryError(NO_MEMORY)
        return with_flat(params, into)

    return body
