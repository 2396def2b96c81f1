"""Phase 2 of a training step with an optimizer's rule and regularization.

In a module of its own, so that an optimizer without regularization needn't wait for its compilation.
"""

from typing import Final

import numpy as np

from fnn.compiler.barrier import wait_for_all
from fnn.compiler.inline import inline
from fnn.compiler.intrinsics import Floats, doubles, like, shift
from fnn.compiler.linking import OnDemand
from fnn.data.kernels.cases import CasePointers
from fnn.equations.kernels.backprop import transpose
from fnn.network.kernels.plan import Net
from fnn.numerics.microkernel import STORE
from fnn.optimizers.kernels.abi import GRADIENT_NORM, MASK, MASKED, RULE, STRIDE, UNIT_NORM
from fnn.optimizers.kernels.apply import clipping_factor, is_known, regularize_gradient, update_weights
from fnn.training.kernels.phases import APPLY, PREPARE, next_gradient, over_rows
from fnn.training.kernels.regularize import factor_beyond_range, limit_units, norm, remove, squares_of_gradient
from fnn.training.kernels.update_rule import UpdateRule, rows_phase_type
from fnn.training.kernels.work_stealing import Worker

_BLOCK: Final = 2048  # parameters that stay in the first-level cache between the stages of their use


def regularized_phase(
    worker: Worker, net: Net, case: int, rows: int, is_last: bool, into: Floats, update_rule: UpdateRule,
    coefficients: Floats, cases: CasePointers, next_first: int,
) -> None:  # fmt: skip
    """∂E/∂W for all rows of each W and, if these cases are the batch's last, its use by rule and regularization."""
    zero, one = like(into, 0.0), like(into, 1.0)
    stages = PREPARE + APPLY if coefficients[GRADIENT_NORM] == zero else PREPARE
    part = -1
    while True:
        part, parts = next_gradient(worker, net, case, rows, is_last, into, STORE, zero, cases, next_first, part)
        if part < 0:
            break
        if is_last:
            use_regularized(net, into, update_rule, coefficients, stages, one, part, parts)
    wait_for_all(worker.barrier, worker.threads)
    if is_last and coefficients[GRADIENT_NORM] > zero:
        use_clipped(worker, net, into, update_rule, coefficients)
    if is_last and coefficients[UNIT_NORM] > zero:
        limit_units(net, coefficients[UNIT_NORM], squares_of(update_rule), worker.thread, worker.threads)
        wait_for_all(worker.barrier, worker.threads)
        transpose(net, 2, worker.thread, worker.threads)
        wait_for_all(worker.barrier, worker.threads)


@inline
def use_clipped(worker: Worker, net: Net, dE_dw: Floats, update_rule: UpdateRule, coefficients: Floats) -> None:
    """The rule with the gradient scaled to at most GRADIENT_NORM."""
    squares, limit = squares_of(update_rule), np.float64(coefficients[GRADIENT_NORM])
    squares_of_gradient(net, dE_dw, squares, worker.thread, worker.threads)
    wait_for_all(worker.barrier, worker.threads)
    length = norm(net, squares)
    factor = clipping_factor(limit, length)
    if not is_known(length, limit):
        factor = factor_beyond_range(net, dE_dw, limit)
        wait_for_all(worker.barrier, worker.threads)  # others still read the gradient, which is scaled from here on
    use_regularized(
        net, dE_dw, update_rule, coefficients, APPLY, like(dE_dw, factor), worker.thread, worker.threads
    )  # fmt: skip
    wait_for_all(worker.barrier, worker.threads)


@inline
def apply(
    net: Net, dE_dw: Floats, update_rule: UpdateRule, coefficients: Floats, stages: int, factor: float, is_weight: bool,
    first: int, count: int,
) -> None:  # fmt: skip
    """The rule and regularization for `count` weights, or biases, from the first on."""
    descriptor = update_rule.descriptor
    rule, stride, is_masked = descriptor[RULE], descriptor[STRIDE], descriptor[MASKED]
    for start in range(first, first + count, _BLOCK):
        size = min(_BLOCK, first + count - start)
        w, g, state = shift(net.weights, start), shift(dE_dw, start), shift(update_rule.state, start)
        mask = shift(state, descriptor[MASK] * stride)
        if stages & PREPARE:
            regularize_gradient(w, g, coefficients, is_weight, size)
            if is_masked:
                remove(g, mask, size)
        if stages & APPLY:
            update_weights(rule, w, g, state, stride, coefficients, factor, is_weight, size)
            if is_masked:
                remove(w, mask, size)


use_regularized = inline(over_rows(apply))


@inline
def squares_of(update_rule: UpdateRule) -> Floats:
    """The vector behind the mask, which sums of squares are written to."""
    return doubles(shift(update_rule.state, (update_rule.descriptor[MASK] + 1) * update_rule.descriptor[STRIDE]))


REGULARIZED_PHASE = OnDemand(regularized_phase, rows_phase_type)
