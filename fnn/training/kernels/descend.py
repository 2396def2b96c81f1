"""The training loop. Every thread runs it, each with its part of every step's two phases.

Phase 1, by cases: forward, and back to every Δ; the weights are only read. Phase 2, by rows of each W: ∂E/∂W over the
whole batch and the update at once. Two barriers a step, and no sum of partial gradients: each number is computed by the
same operations in the same order whatever the number of threads.
"""

from typing import Final

import numpy as np
import numpy.typing as npt
from numba import types

from fnn.compiler.intrinsics import Floats, Integers, aligned, like, pointer, shift, words_at
from fnn.compiler.kernel import array, kernel, output
from fnn.compiler.linking import linked
from fnn.compiler.options import inline
from fnn.data.kernels.cases import (
    Cases,
    Labels,
    Reals,
    Weights,
    cases_of,
    cases_type,
    copy,
    prefetch_targets,
    total_weight,
)
from fnn.data.kernels.fetch import LENGTH
from fnn.equations.kernels.backprop import GRADIENT, gradient, share, transpose
from fnn.equations.kernels.forward import descend_flat
from fnn.equations.kernels.gradient import sum_in_order, through
from fnn.network.kernels import plan
from fnn.network.kernels.plan import COLUMNS, Net, entry, errors_of, net_type
from fnn.numerics.matmul import Soon
from fnn.numerics.microkernel import DESCEND, KEEP, STORE, ZERO, panel_width
from fnn.numerics.random import shuffle
from fnn.optimizers.kernels.abi import ETA
from fnn.training.kernels.barrier import AGREED, agrees_to_end, load_acquired, wait_for_all
from fnn.training.kernels.phases import Method, call_cases_phase, call_rows_phase, method_of, method_type
from fnn.training.kernels.work_stealing import CASES, ROWS, Crew, halved, halvings, next_piece, pieces

# The clock: the epoch, the first case of the next batch in it, whether the workspace holds the one batch that there is,
# and whether an error was not finite.
EPOCH, CASE, LOADED, STOPPED, HANDS = range(5)

LEAST_CASES, LEAST_ROWS = 8, 24  # of a piece
_FAR: Final = 2_000_000  # weights that don't stay in the caches: pieces must have more cases, all of which they serve
_MORE_CASES: Final = 64
_NEAR: Final = 250_000  # elements of x that stay in the second-level cache anyway

ROOM: Final = 512  # cases of a batch that the workspace holds; larger batches add up their gradient


@kernel(lambda t: types.void(array(types.int64), output(t), output(t), output(t), types.boolean))
def relay_kernel(table: npt.NDArray[np.int64], flat: Reals, weights: Reals, space: Reals, packing: bool) -> None:
    """Bring compact parameters into the layout of training, or back; with a workspace, make that ready for them."""
    net = Net(table.size // COLUMNS - 1, pointer(table), aligned(pointer(weights)), aligned(pointer(space)))
    relay_weights(net, pointer(flat), packing)
    if space.size > 0:
        net.space[plan.ONE] = like(net.space, 1.0)
        transpose(net, 2, 0, 1)


@linked(lambda t: types.void(net_type(t), types.CPointer(t), types.boolean))
def relay_weights(net: Net, flat: Floats, packing: bool) -> None:
    """Copy the parameters from their compact places to those that the table says, or back; pads stay as they are."""
    panel = panel_width(flat)
    for layer in range(1, net.layers + 1):
        inputs, units = entry(net, layer - 1, plan.UNITS), entry(net, layer, plan.UNITS)
        compact = shift(flat, entry(net, layer, plan.COMPACT))
        w, b = shift(net.weights, entry(net, layer, plan.W)), shift(net.weights, entry(net, layer, plan.B))
        for row in range(inputs + 1):  # b lies behind the last row of W
            for j in range(0, units, panel):
                lies = shift(compact, row * units + j)
                packed = shift(b, j) if row == inputs else shift(w, j * inputs + row * panel)
                source, into = (lies, packed) if packing else (packed, lies)
                copy(source, into, min(panel, units - j))


@kernel(
    lambda t: types.void(
        types.int64, types.int64, output(types.int64), array(types.int64), output(t), output(t), types.int64, output(t),
        array(t, 2), array(t, 2), array(types.int64), array(types.float64), types.int64, output(types.int64),
        array(types.int64), types.int64, types.boolean, array(types.int64), output(t, 2), array(t, 2), types.int64,
        types.int64, types.int64, output(types.int64), output(types.float64), output(types.float64),
    )
)  # fmt: skip
def descend_kernel(
    part: int,
    parts: int,
    gate: npt.NDArray[np.int64],
    table: npt.NDArray[np.int64],
    weights: Reals,
    space: Reals,
    room: int,
    large: Reals,
    x: Reals,
    y: Reals,
    labels: Labels,
    case_weights: Weights,
    sources: int,
    order: Labels,
    chosen: Labels,
    loss: int,
    mean: bool,
    places: npt.NDArray[np.int64],
    state: Reals,
    numbers: Reals,
    batch: int,
    seed: int,
    steps: int,
    clock: npt.NDArray[np.int64],
    sums: Weights,
    history: Weights,
) -> None:
    """Train packed weights in place for some steps, or until somebody asks or the error of one is not finite.

    The clock and the sums say where training stands; `history` gets the error of each epoch that ends. The workspace
    has room for so many cases; `large` is a gradient, for batches of more and for optimizers, which `places` and
    `state` stand for. `numbers` has a row for each step, or one for all. If some cases are chosen, the others don't
    count; the order has room for as many as count, and if there is but one batch, it holds them.
    """
    net = Net(table.size // COLUMNS - 1, pointer(table), aligned(pointer(weights)), aligned(pointer(space)))
    cases = cases_of(x, y, labels, case_weights, order, sources, chosen.size)
    descend(
        part, parts, pointer(gate), net, room, aligned(pointer(large)), cases, loss, mean,
        method_of(places, state, numbers), batch, seed, steps, pointer(clock), pointer(sums), pointer(history),
        pointer(chosen), chosen.size > 0,
    )  # fmt: skip


@linked(
    lambda t: types.void(
        types.int64, types.int64, types.CPointer(types.int64), net_type(t), types.int64, types.CPointer(t),
        cases_type(t), types.int64, types.boolean, method_type(t), types.int64, types.int64,
        types.int64, types.CPointer(types.int64), types.CPointer(types.float64), types.CPointer(types.float64),
        types.CPointer(types.int64), types.boolean,
    )
)  # fmt: skip
def descend(
    part: int, parts: int, gate: Integers, net: Net, room: int, large: Floats,
    cases: Cases, loss: int, mean: bool, method: Method, batch: int, seed: int,
    steps: int, clock: Integers, sums: Floats, history: Floats, chosen: Integers, is_part: bool,
) -> None:  # fmt: skip
    """The loop over steps; all parts keep the same time, and the first part's is the one that is told."""
    crew = Crew(part, parts, gate)
    epoch, first, total, weight = clock[EPOCH], clock[CASE], sums[0], sums[1]
    reshuffles = cases.has_order and batch < cases.number
    loading = reshuffles or room < cases.number or clock[LOADED] == 0
    loaded, is_ordered = clock[LOADED], clock[LOADED] != 0  # else the run goes on from somewhere in an epoch
    for number in range(steps):
        if reshuffles and (first == 0 or not is_ordered):
            if part == 0:
                shuffle(cases.order, cases.number, seed, epoch)
                for place in range(cases.number if is_part else 0):
                    cases.order[place] = chosen[cases.order[place]]
            is_ordered = True
            wait_for_all(gate, parts)
        rows = min(batch, cases.number - first)
        of_batch = total_weight(cases, first, rows) if cases.has_weights else float(rows)
        scale = 1.0 / of_batch if mean and of_batch > 0 else 1.0
        numbers = shift(method.numbers, number * method.each)
        error, is_given_up = step(
            crew, net, room, large, cases, loss, method, numbers, first, rows, scale, loading, seed, epoch
        )
        loading = reshuffles or room < cases.number
        if is_given_up:
            break
        loaded = 1
        if not np.isfinite(error):
            if part == 0:
                clock[STOPPED] = 1
            break
        total += error * of_batch if mean else error
        weight += of_batch
        first += rows
        if first == cases.number:
            if part == 0:
                history[epoch] = total / weight if mean else total
            epoch, first, total, weight = epoch + 1, 0, 0.0, 0.0
    if part == 0:
        clock[EPOCH], clock[CASE], clock[LOADED], sums[0], sums[1] = epoch, first, loaded, total, weight


@inline
def step(
    crew: Crew, net: Net, room: int, large: Floats,
    cases: Cases, loss: int, method: Method, numbers: Floats, first: int, rows: int, scale: float, loading: bool,
    seed: int, epoch: int,
) -> tuple[float, bool]:  # fmt: skip
    """One step on the cases first .. first + rows of the order; returns their error, and whether it was given up.

    So it is, before it changes anything, if somebody has asked for an end.
    """
    plain, at_once, eta = method.rows_phase == 0, rows <= room, numbers[ETA]
    into, finish = (net.weights, DESCEND) if at_once else (large, STORE)
    error = 0.0
    start = 0
    while start < rows:  # a range with a step would divide
        count = min(room, rows - start)
        phase_1(crew, net, cases, loss, first + start, count, scale, loading, method, seed, epoch)
        if load_acquired(shift(crew.gate, AGREED)) != 0:
            return 0.0, True
        error = sum_in_order(errors_of(net, 0), count, error)
        begin, end = ZERO if start == 0 else KEEP, start + count
        if plain:
            phase_2(crew, net, count, into, begin, finish, eta, cases, first + end)
        else:
            call_rows_phase(
                method.rows_phase, crew, net, count, large, begin, end == rows, method, numbers, cases, first + end
            )
        start = end
    if at_once or not plain:
        return error, False
    update(net, large, eta, crew.part, crew.parts)
    wait_for_all(crew.gate, crew.parts)
    transpose(net, 2, crew.part, crew.parts)
    wait_for_all(crew.gate, crew.parts)
    return error, False


@inline
def phase_1(
    crew: Crew, net: Net, cases: Cases, loss: int, first: int, rows: int, scale: float, loading: bool,
    method: Method, seed: int, epoch: int,
) -> None:  # fmt: skip
    """Forward and back for all cases of the batch."""
    products = entry(net, 0, plan.MULTIPLICATIONS)  # of a case, as many as there are weights
    each = halvings(crew, rows * products, rows, LEAST_CASES if products < _FAR else _MORE_CASES)
    piece = next_piece(crew, CASES, each, -1)
    while piece >= 0 and not agrees_to_end(crew.gate):
        top, bottom = halved(rows, piece, each, crew.parts)
        if method.cases_phase == 0:
            through(net, cases, first, scale, loss, GRADIENT, top, bottom, loading)
        else:
            call_cases_phase(
                method.cases_phase, net, cases, first, scale, loss, top, bottom, method.places, seed, epoch
            )
        piece = next_piece(crew, CASES, each, piece)
    wait_for_all(crew.gate, crew.parts)


@inline
def phase_2(
    crew: Crew, net: Net, rows: int, into: Floats, start: int, finish: int, eta: float, cases: Cases, next_first: int
) -> None:
    """The gradient over the batch for all rows of each W, and its use."""
    each = pieces(crew, rows * entry(net, 0, plan.MULTIPLICATIONS), entry(net, 0, plan.UNITS), LEAST_ROWS)
    piece = next_piece(crew, ROWS, each, -1)
    while piece >= 0:
        soon = coming(cases, net, next_first, rows, piece, crew.parts * each)
        gradient(net, rows, into, start, finish, eta, piece, crew.parts * each, soon)
        piece = next_piece(crew, ROWS, each, piece)
    wait_for_all(crew.gate, crew.parts)


@inline
def coming(cases: Cases, net: Net, first: int, rows: int, part: int, parts: int) -> Soon:
    """The part's share of the cases that follow, which phase 1 of the next step will want.

    From memory they come far slower than a core computes with them: of a step of ten digits through 30 units, 8.6 µs,
    fetching them during phase 2 saves 1.6. The inputs are so many that the tiles fetch them, one line after the other.
    """
    inputs = entry(net, 0, plan.UNITS)
    length = inputs if cases.sources == 0 else words_at(cases.sources)[LENGTH]
    count = min(rows, cases.number - first) if cases.has_order and cases.number * length > _NEAR else 0
    top, bottom = share(count, part, parts)
    if count > 0:
        prefetch_targets(cases, entry(net, net.layers, plan.UNITS), first + top, bottom - top)
    return Soon(cases.x, shift(cases.order, first + top), length, bottom - top)


@inline
def update(net: Net, dE_dw: Floats, eta: float, part: int, parts: int) -> None:
    """G1 from a gradient that lies as the weights do, the part's share of it."""
    end = entry(net, net.layers, plan.B) + entry(net, net.layers, plan.UNITS)
    top, bottom = share(end, part, parts)
    w = shift(net.weights, top)
    descend_flat(w, shift(dE_dw, top), eta, w, bottom - top)
