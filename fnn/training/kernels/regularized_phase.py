"""Phase 2 of a training step with an optimizer's rule and restraints.

Apart from `fnn.training.kernels.optimizer_phase`, so that optimizers alone need not wait for its compilation.
"""

from typing import Final

from fnn.compiler.inline import inline
from fnn.compiler.intrinsics import Floats, doubles, like, shift
from fnn.compiler.linking import OnDemand
from fnn.compiler.target import panel_width
from fnn.data.kernels.cases import CasePointers
from fnn.equations.kernels.backprop import gradient, partition, transpose, transpose_rows
from fnn.network.kernels import plan
from fnn.network.kernels.plan import Net, entry, rounded
from fnn.numerics.microkernel import STORE
from fnn.optimizers.kernels.abi import GRADIENT_NORM, MASK, MASKED, RULE, STRIDE, UNIT_NORM
from fnn.optimizers.kernels.apply import clipping_factor, regularize_gradient, update_weights
from fnn.training.kernels.barrier import wait_for_all
from fnn.training.kernels.descend import LEAST_ROWS, next_batch_prefetch
from fnn.training.kernels.phases import UpdateRule, rows_phase_type
from fnn.training.kernels.regularize import limit_units, norm, remove, squares_of_gradient
from fnn.training.kernels.work_stealing import ROWS, Worker, even_chunks, next_chunk

_BEFORE, _AFTER = 1, 2  # what is done to the gradient, then the rule and what is done to the weights
_NEAR: Final = 2048  # parameters that stay in the first-level cache from the one to the other


def regularized_phase(
    worker: Worker, net: Net, rows: int, into: Floats, start: int, last: bool, update_rule: UpdateRule, coefficients: Floats,
    cases: CasePointers, next_first: int,
) -> None:  # fmt: skip
    """The gradient over these cases for all rows of each W and, if they are the batch's last, its use by the rule."""
    inputs = entry(net, 0, plan.UNITS)
    each = even_chunks(worker, rows * entry(net, 0, plan.MULTIPLICATIONS), inputs, LEAST_ROWS)
    work = _BEFORE + _AFTER if coefficients[GRADIENT_NORM] == like(into, 0.0) else _BEFORE
    chunk = next_chunk(worker, ROWS, each, -1)
    while chunk >= 0:
        prefetch = next_batch_prefetch(cases, net, next_first, rows, chunk, worker.parts * each)
        gradient(net, rows, into, start, STORE, like(into, 0.0), chunk, worker.parts * each, prefetch)
        if last:
            use(net, into, update_rule, coefficients, work, like(into, 1.0), chunk, worker.parts * each)
        chunk = next_chunk(worker, ROWS, each, chunk)
    wait_for_all(worker.barrier, worker.parts)
    if last:
        if coefficients[GRADIENT_NORM] > like(into, 0.0):
            use_clipped(worker, net, into, update_rule, coefficients)
        if coefficients[UNIT_NORM] > like(into, 0.0):
            limit_units(net, coefficients[UNIT_NORM], squares_of(update_rule), worker.part, worker.parts)
            wait_for_all(worker.barrier, worker.parts)
            transpose(net, 2, worker.part, worker.parts)
            wait_for_all(worker.barrier, worker.parts)


@inline
def use_clipped(worker: Worker, net: Net, dE_dw: Floats, update_rule: UpdateRule, coefficients: Floats) -> None:
    """The rule with the gradient no longer than it may be."""
    squares = squares_of(update_rule)
    squares_of_gradient(net, dE_dw, squares, worker.part, worker.parts)
    wait_for_all(worker.barrier, worker.parts)
    factor = clipping_factor(coefficients[GRADIENT_NORM], norm(net, squares))
    use(net, dE_dw, update_rule, coefficients, _AFTER, like(dE_dw, factor), worker.part, worker.parts)
    wait_for_all(worker.barrier, worker.parts)


@inline
def use(
    net: Net, dE_dw: Floats, update_rule: UpdateRule, coefficients: Floats, work: int, factor: float, part: int,
    parts: int,
) -> None:  # fmt: skip
    """The part's rows of each W, and the last part's for each b."""
    panel = panel_width(dE_dw)
    for layer in range(1, net.layers + 1):
        inputs, width = entry(net, layer - 1, plan.UNITS), rounded(entry(net, layer, plan.UNITS), panel)
        w = entry(net, layer, plan.W)
        top, bottom = partition(inputs, part, parts)
        if parts == 1:  # the panels lie one behind the other
            apply(net, dE_dw, update_rule, coefficients, work, factor, True, w, width * inputs)
        elif bottom > top:
            for j in range(0, width, panel):
                first = w + j * inputs + top * panel
                apply(net, dE_dw, update_rule, coefficients, work, factor, True, first, (bottom - top) * panel)
        if part == parts - 1:
            apply(net, dE_dw, update_rule, coefficients, work, factor, False, entry(net, layer, plan.B), width)
        if work & _AFTER and layer > 1:
            transpose_rows(net, layer, top, bottom)


@inline
def apply(
    net: Net, dE_dw: Floats, update_rule: UpdateRule, coefficients: Floats, work: int, factor: float, is_weight: bool,
    first: int, count: int,
) -> None:  # fmt: skip
    """What is done to the gradient, then the rule and what is done to the weights, for `count` of them."""
    descriptor = update_rule.descriptor
    rule, stride, is_masked = descriptor[RULE], descriptor[STRIDE], descriptor[MASKED]
    for start in range(first, first + count, _NEAR):
        size = min(_NEAR, first + count - start)
        w, g, state = shift(net.weights, start), shift(dE_dw, start), shift(update_rule.state, start)
        mask = shift(state, descriptor[MASK] * stride)
        if work & _BEFORE:
            regularize_gradient(w, g, coefficients, is_weight, size)
            if is_masked:
                remove(g, mask, size)
        if work & _AFTER:
            update_weights(rule, w, g, state, stride, coefficients, factor, is_weight, size)
            if is_masked:
                remove(w, mask, size)


@inline
def squares_of(update_rule: UpdateRule) -> Floats:
    """Room for sums of squares: the vector behind the mask."""
    return doubles(shift(update_rule.state, (update_rule.descriptor[MASK] + 1) * update_rule.descriptor[STRIDE]))


REGULARIZED_PHASE = OnDemand(regularized_phase, rows_phase_type)
