"""Phase 2 of a training step with an optimizer's rule, and the rule for whole vectors of parameters."""

from fnn.compiler.intrinsics import Floats, like, shift
from fnn.compiler.linking import OnDemand
from fnn.compiler.options import inline
from fnn.data.kernels.cases import Cases
from fnn.equations.kernels.backprop import gradient, share, transpose_rows
from fnn.network.kernels import plan
from fnn.network.kernels.plan import Net, entry, rounded
from fnn.numerics.microkernel import STORE, panel_width
from fnn.optimizers.kernels.abi import KEEP, KEEP_BIASES, OF_RULE, RULE, STRIDE, call_rule
from fnn.training.kernels.barrier import wait_for_all
from fnn.training.kernels.descend import LEAST_ROWS, coming
from fnn.training.kernels.phases import Method, rows_phase_type
from fnn.training.kernels.work_stealing import ROWS, Crew, next_piece, pieces


def rule_phase(
    crew: Crew, net: Net, rows: int, into: Floats, start: int, last: bool, method: Method, numbers: Floats,
    cases: Cases, next_first: int,
) -> None:  # fmt: skip
    """The gradient over these cases for all rows of each W and, if they are the batch's last, its use by the rule."""
    inputs = entry(net, 0, plan.UNITS)
    each = pieces(crew, rows * entry(net, 0, plan.MULTIPLICATIONS), inputs, LEAST_ROWS)
    piece = next_piece(crew, ROWS, each, -1)
    while piece >= 0:
        soon = coming(cases, net, next_first, rows, piece, crew.parts * each)
        gradient(net, rows, into, start, STORE, like(into, 0.0), piece, crew.parts * each, soon)
        if last:
            use(net, into, method, numbers, piece, crew.parts * each)
        piece = next_piece(crew, ROWS, each, piece)
    wait_for_all(crew.gate, crew.parts)


@inline
def use(net: Net, dE_dw: Floats, method: Method, numbers: Floats, part: int, parts: int) -> None:
    """The rule for the part's rows of each W, and the last part's for each b."""
    panel, keep = panel_width(dE_dw), numbers[KEEP]
    keep_b = keep if numbers[KEEP_BIASES] != 0 else like(dE_dw, 1.0)
    for layer in range(1, net.layers + 1):
        inputs, width = entry(net, layer - 1, plan.UNITS), rounded(entry(net, layer, plan.UNITS), panel)
        w = entry(net, layer, plan.W)
        top, bottom = share(inputs, part, parts)
        if parts == 1:  # the panels lie one behind the other
            apply(net, dE_dw, method, numbers, keep, w, width * inputs)
        elif bottom > top:
            for j in range(0, width, panel):
                apply(net, dE_dw, method, numbers, keep, w + j * inputs + top * panel, (bottom - top) * panel)
        if part == parts - 1:
            apply(net, dE_dw, method, numbers, keep_b, entry(net, layer, plan.B), width)
        if layer > 1:
            transpose_rows(net, layer, top, bottom)


@inline
def apply(net: Net, dE_dw: Floats, method: Method, numbers: Floats, keep: float, first: int, count: int) -> None:
    """The rule for `count` parameters from the first on."""
    w, g, state = shift(net.weights, first), shift(dE_dw, first), shift(method.state, first)
    call_rule(method.places[RULE], w, g, state, method.places[STRIDE], shift(numbers, OF_RULE), keep, count)


RULE_PHASE = OnDemand(rule_phase, rows_phase_type)
