"""Phase 2 of a training step with an optimizer's rule and restraints.

Apart from `fnn.training.kernels.optimizer_phase`, so that optimizers alone need not wait for its compilation.
"""

from typing import Final

import numpy as np
from numba import types

from fnn.compiler.intrinsics import Floats, doubles, like, shift
from fnn.compiler.linking import OnDemand, linked
from fnn.compiler.options import inline
from fnn.data.kernels.cases import Cases
from fnn.equations.kernels.backprop import gradient, share, transpose, transpose_rows
from fnn.network.kernels import plan
from fnn.network.kernels.plan import Net, entry, net_type, rounded
from fnn.numerics.microkernel import STORE, panel_width
from fnn.optimizers.kernels.abi import (
    GRADIENT_NORM,
    KEEP,
    KEEP_BIASES,
    L1,
    L2,
    MASK,
    MASKED,
    MOST,
    OF_RULE,
    RULE,
    SHRINK,
    SHRINK_BIASES,
    STRIDE,
    UNIT_NORM,
    call_rule,
)
from fnn.training.kernels.barrier import wait_for_all
from fnn.training.kernels.descend import LEAST_ROWS, coming
from fnn.training.kernels.phases import Method, method_type, rows_phase_type
from fnn.training.kernels.regularize import limit_units, multiply, norm, remove, restrain_gradient, squares_of_gradient
from fnn.training.kernels.work_stealing import ROWS, Crew, next_piece, pieces

_BEFORE, _AFTER = 1, 2  # what is done to the gradient, then the rule and what is done to the weights
_NEAR: Final = 2048  # parameters that stay in the first-level cache from the one to the other


def restrained_phase(
    crew: Crew, net: Net, rows: int, into: Floats, start: int, last: bool, method: Method, numbers: Floats,
    cases: Cases, next_first: int,
) -> None:  # fmt: skip
    """The gradient over these cases for all rows of each W and, if they are the batch's last, its use by the rule."""
    inputs = entry(net, 0, plan.UNITS)
    each = pieces(crew, rows * entry(net, 0, plan.MULTIPLICATIONS), inputs, LEAST_ROWS)
    work = _BEFORE + _AFTER if numbers[GRADIENT_NORM] == like(into, 0.0) else _BEFORE
    piece = next_piece(crew, ROWS, each, -1)
    while piece >= 0:
        soon = coming(cases, net, next_first, rows, piece, crew.parts * each)
        gradient(net, rows, into, start, STORE, like(into, 0.0), piece, crew.parts * each, soon)
        if last:
            use(net, into, method, numbers, work, like(into, 1.0), piece, crew.parts * each)
        piece = next_piece(crew, ROWS, each, piece)
    wait_for_all(crew.gate, crew.parts)
    if last:
        if numbers[GRADIENT_NORM] > like(into, 0.0):
            use_clipped(crew, net, into, method, numbers)
        if numbers[UNIT_NORM] > like(into, 0.0):
            limit_units(net, numbers[UNIT_NORM], squares_of(method), crew.part, crew.parts)
            wait_for_all(crew.gate, crew.parts)
            transpose(net, 2, crew.part, crew.parts)
            wait_for_all(crew.gate, crew.parts)


@inline
def use_clipped(crew: Crew, net: Net, dE_dw: Floats, method: Method, numbers: Floats) -> None:
    """The rule with the gradient no longer than it may be."""
    squares = squares_of(method)
    squares_of_gradient(net, dE_dw, squares, crew.part, crew.parts)
    wait_for_all(crew.gate, crew.parts)
    length = norm(net, squares)
    factor = min(numbers[GRADIENT_NORM] / length, 1.0) if length > 0 else 1.0
    use(net, dE_dw, method, numbers, _AFTER, like(dE_dw, factor), crew.part, crew.parts)
    wait_for_all(crew.gate, crew.parts)


@linked(
    lambda t: types.void(
        net_type(t), types.CPointer(t), method_type(t), types.CPointer(t), types.int64, t, types.int64, types.int64
    )
)
def use(
    net: Net, dE_dw: Floats, method: Method, numbers: Floats, work: int, factor: float, part: int, parts: int
) -> None:
    """The part's rows of each W, and the last part's for each b."""
    panel = panel_width(dE_dw)
    for layer in range(1, net.layers + 1):
        inputs, width = entry(net, layer - 1, plan.UNITS), rounded(entry(net, layer, plan.UNITS), panel)
        w = entry(net, layer, plan.W)
        top, bottom = share(inputs, part, parts)
        if parts == 1:  # the panels lie one behind the other
            apply(net, dE_dw, method, numbers, work, factor, True, w, width * inputs)
        elif bottom > top:
            for j in range(0, width, panel):
                first = w + j * inputs + top * panel
                apply(net, dE_dw, method, numbers, work, factor, True, first, (bottom - top) * panel)
        if part == parts - 1:
            apply(net, dE_dw, method, numbers, work, factor, False, entry(net, layer, plan.B), width)
        if work & _AFTER and layer > 1:
            transpose_rows(net, layer, top, bottom)


@inline
def apply(
    net: Net, dE_dw: Floats, method: Method, numbers: Floats, work: int, factor: float, weights: bool, first: int,
    count: int,
) -> None:  # fmt: skip
    """The rule and the restraints for `count` weights, or biases, from the first on."""
    zero, one, places = like(dE_dw, 0.0), like(dE_dw, 1.0), method.places
    keep = numbers[KEEP] if weights or numbers[KEEP_BIASES] != zero else one
    shrink = numbers[SHRINK] if weights or numbers[SHRINK_BIASES] != zero else one
    l2, l1 = (numbers[L2], numbers[L1]) if weights else (zero, zero)
    is_changed = (l2 != zero) | (l1 != zero) | (numbers[MOST] < np.inf)
    for start in range(first, first + count, _NEAR):
        size = min(_NEAR, first + count - start)
        w, g, state = shift(net.weights, start), shift(dE_dw, start), shift(method.state, start)
        mask = shift(state, places[MASK] * places[STRIDE])
        if work & _BEFORE:
            if is_changed:
                restrain_gradient(w, g, l2, l1, numbers[MOST], size)
            if places[MASKED]:
                remove(g, mask, size)
        if work & _AFTER:
            if factor != one:
                multiply(g, factor, size)
            call_rule(places[RULE], w, g, state, places[STRIDE], shift(numbers, OF_RULE), keep, size)
            if shrink != one:
                multiply(w, shrink, size)
            if places[MASKED]:
                remove(w, mask, size)


@inline
def squares_of(method: Method) -> Floats:
    """Room for sums of squares: the vector behind the mask."""
    return doubles(shift(method.state, (method.places[MASK] + 1) * method.places[STRIDE]))


RESTRAINED_PHASE = OnDemand(restrained_phase, rows_phase_type)
