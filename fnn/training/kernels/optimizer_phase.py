"""Phase 2 of a training step with an optimizer's rule, and the rule for whole vectors of parameters."""

from fnn.compiler.inline import inline
from fnn.compiler.intrinsics import Floats, like, shift
from fnn.compiler.linking import OnDemand
from fnn.compiler.target import panel_width
from fnn.data.kernels.cases import CasePointers
from fnn.equations.kernels.backprop import gradient, partition, transpose_rows
from fnn.network.kernels import plan
from fnn.network.kernels.plan import Net, entry, rounded
from fnn.numerics.microkernel import STORE
from fnn.optimizers.kernels.abi import DECAY_BIASES, KEEP, RULE, RULE_COEFFICIENTS, STRIDE, call_rule
from fnn.training.kernels.barrier import wait_for_all
from fnn.training.kernels.descend import LEAST_ROWS, next_batch_prefetch
from fnn.training.kernels.phases import UpdateRule, rows_phase_type
from fnn.training.kernels.work_stealing import ROWS, Worker, even_chunks, next_chunk


def optimizer_phase(
    worker: Worker, net: Net, rows: int, into: Floats, start: int, last: bool, update_rule: UpdateRule, coefficients: Floats,
    cases: CasePointers, next_first: int,
) -> None:  # fmt: skip
    """The gradient over these cases for all rows of each W and, if they are the batch's last, its use by the rule."""
    inputs = entry(net, 0, plan.UNITS)
    each = even_chunks(worker, rows * entry(net, 0, plan.MULTIPLICATIONS), inputs, LEAST_ROWS)
    chunk = next_chunk(worker, ROWS, each, -1)
    while chunk >= 0:
        prefetch = next_batch_prefetch(cases, net, next_first, rows, chunk, worker.parts * each)
        gradient(net, rows, into, start, STORE, like(into, 0.0), chunk, worker.parts * each, prefetch)
        if last:
            use(net, into, update_rule, coefficients, chunk, worker.parts * each)
        chunk = next_chunk(worker, ROWS, each, chunk)
    wait_for_all(worker.barrier, worker.parts)


@inline
def use(net: Net, dE_dw: Floats, update_rule: UpdateRule, coefficients: Floats, part: int, parts: int) -> None:
    """The rule for the part's rows of each W, and the last part's for each b."""
    panel, keep = panel_width(dE_dw), coefficients[KEEP]
    keep_b = keep if coefficients[DECAY_BIASES] != 0 else like(dE_dw, 1.0)
    for layer in range(1, net.layers + 1):
        inputs, width = entry(net, layer - 1, plan.UNITS), rounded(entry(net, layer, plan.UNITS), panel)
        w = entry(net, layer, plan.W)
        top, bottom = partition(inputs, part, parts)
        if parts == 1:  # the panels lie one behind the other
            apply(net, dE_dw, update_rule, coefficients, keep, w, width * inputs)
        elif bottom > top:
            for j in range(0, width, panel):
                apply(net, dE_dw, update_rule, coefficients, keep, w + j * inputs + top * panel, (bottom - top) * panel)
        if part == parts - 1:
            apply(net, dE_dw, update_rule, coefficients, keep_b, entry(net, layer, plan.B), width)
        if layer > 1:
            transpose_rows(net, layer, top, bottom)


@inline
def apply(
    net: Net, dE_dw: Floats, update_rule: UpdateRule, coefficients: Floats, keep: float, first: int, count: int
) -> None:
    """The rule for `count` parameters from the first on."""
    w, g, state = shift(net.weights, first), shift(dE_dw, first), shift(update_rule.state, first)
    call_rule(
        update_rule.descriptor[RULE],
        w,
        g,
        state,
        update_rule.descriptor[STRIDE],
        shift(coefficients, RULE_COEFFICIENTS),
        keep,
        count,
    )


OPTIMIZER_PHASE = OnDemand(optimizer_phase, rows_phase_type)
