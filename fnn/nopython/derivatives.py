"""`fnn.input_grad` in nopython mode."""

from typing import Any

import numpy as np

from fnn.derivatives import input_grad
from fnn.kernels.problem import FINE
from fnn.losses import squared_error
from fnn.nopython.calls import input_gradient_all, loss_at
from fnn.nopython.checks import measure
from fnn.nopython.gradients import arrangements
from fnn.nopython.registration import OUTSIDE, UNSUITED, Body, in_nopython, refuse
from fnn.nopython.types import ParamsType


@in_nopython(input_grad, prefer_literal=True)
def _input_grad(
    params: Any, x: Any, y: Any, loss: Any = squared_error, reduction: Any = "sum", weights: Any = None
) -> Body | None:
    if not isinstance(params, ParamsType):
        return None
    known = measure(params, x, y, loss, reduction, weights)
    mean, needs_output, needs_targets = known.constants
    arrange_y, arrange_weights = arrangements(y, weights)

    def body(
        params: Any, x: Any, y: Any, loss: Any = squared_error, reduction: Any = "sum", weights: Any = None
    ) -> Any:
        into = np.empty_like(x)
        status = input_gradient_all(params, x, y, weights, loss_at(params, loss), mean, into, None)
        if status == OUTSIDE:
            raise ValueError(needs_targets)
        if status == UNSUITED:
            raise ValueError(needs_output)
        if status != FINE:
            refuse(status)
        return into

    def rearranged(
        params: Any, x: Any, y: Any, loss: Any = squared_error, reduction: Any = "sum", weights: Any = None
    ) -> Any:
        shares = arrange_weights(weights)
        return input_grad(
            params, np.ascontiguousarray(x), arrange_y(y), loss=loss, reduction=reduction, weights=shares
        )  # fmt: skip

    return body if known.ready else rearranged
