"""The training loop. Every thread runs it, each with its part of every step's two phases.

Phase 1, by cases: forward, and back to every Δ; the weights are only read. Phase 2, by rows of each W: ∂E/∂W over the
whole batch and the update at once. Two barriers a step, and no sum of partial gradients: each number is computed by the
same operations in the same order whatever the number of threads.
"""

from typing import Final

import numpy as np
import numpy.typing as npt
from numba import types

from fnn.kernels import plan
from fnn.kernels.barrier import wait_for_all
from fnn.kernels.cases import Cases, Labels, Reals, Weights, cases_of, cases_type, copy, find_fault, total_weight
from fnn.kernels.differentiate import sum_in_order, through
from fnn.kernels.equations import GRADIENT, gradient, share, transpose
from fnn.kernels.evaluate import descend_flat
from fnn.kernels.intrinsics import Floats, Integers, aligned, like, pointer, shift
from fnn.kernels.kernel import array, kernel, output
from fnn.kernels.linking import linked
from fnn.kernels.options import inline
from fnn.kernels.plan import COLUMNS, Net, entry, errors_of, net_type
from fnn.kernels.shuffle import shuffle
from fnn.kernels.tile import DESCEND, KEEP, STORE, ZERO, panel_width

# The clock: the epoch, the first case of the next batch in it, whether the workspace holds the one batch that there is,
# and whether an error was not finite.
EPOCH, CASE, LOADED, STOPPED, HANDS = range(5)

ROOM: Final = 512  # cases of a batch that the workspace holds; larger batches add up their gradient


@kernel(
    lambda t: types.UniTuple(types.int64, 2)(
        array(t, 2), array(t, 2), array(types.int64), array(types.float64), types.int64, types.int64, types.int64
    )
)
def fault_kernel(
    x: Reals, y: Reals, labels: Labels, weights: Weights, outputs: int, code: int, loss: int
) -> tuple[int, int]:
    """What is wrong with the cases, and in which row."""
    return find_fault(cases_of(x, y, labels, weights, labels[:0]), x.shape[1], outputs, code, loss)


@kernel(lambda t: types.void(array(types.int64), output(t), output(t), output(t), types.boolean))
def relay_kernel(table: npt.NDArray[np.int64], flat: Reals, weights: Reals, space: Reals, packing: bool) -> None:
    """Bring compact parameters into the layout of training, or back."""
    net = Net(table.size // COLUMNS - 1, pointer(table), aligned(pointer(weights)), aligned(pointer(space)))
    relay_weights(net, pointer(flat), packing)
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
        array(t, 2), array(t, 2), array(types.int64), array(types.float64), output(types.int64),
        types.int64, types.boolean, t, types.int64, types.int64,
        types.int64, output(types.int64), output(types.float64), output(types.float64),
    )
)  # fmt: skip
def descend_kernel(
    part: int,
    parts: int,
    barrier: npt.NDArray[np.int64],
    table: npt.NDArray[np.int64],
    weights: Reals,
    space: Reals,
    room: int,
    large: Reals,
    x: Reals,
    y: Reals,
    labels: Labels,
    case_weights: Weights,
    order: Labels,
    loss: int,
    mean: bool,
    eta: float,
    batch: int,
    seed: int,
    steps: int,
    clock: npt.NDArray[np.int64],
    sums: Weights,
    history: Weights,
) -> None:
    """Train packed weights in place for some steps, or until the error of one is not finite.

    The clock and the sums say where training stands; `history` gets the error of each epoch that ends. The workspace
    has room for so many cases; `large` is a gradient, for batches of more.
    """
    net = Net(table.size // COLUMNS - 1, pointer(table), aligned(pointer(weights)), aligned(pointer(space)))
    cases = cases_of(x, y, labels, case_weights, order)
    descend(
        part, parts, pointer(barrier), net, room, aligned(pointer(large)), cases, loss, mean, eta, batch, seed,
        steps, pointer(clock), pointer(sums), pointer(history),
    )  # fmt: skip


@linked(
    lambda t: types.void(
        types.int64, types.int64, types.CPointer(types.int64), net_type(t), types.int64, types.CPointer(t),
        cases_type(t), types.int64, types.boolean, t, types.int64, types.int64,
        types.int64, types.CPointer(types.int64), types.CPointer(types.float64), types.CPointer(types.float64),
    )
)  # fmt: skip
def descend(
    part: int, parts: int, barrier: Integers, net: Net, room: int, large: Floats,
    cases: Cases, loss: int, mean: bool, eta: float, batch: int, seed: int,
    steps: int, clock: Integers, sums: Floats, history: Floats,
) -> None:  # fmt: skip
    """The loop over steps; all parts keep the same time, and the first part's is the one that is told."""
    epoch, first, total, weight = clock[EPOCH], clock[CASE], sums[0], sums[1]
    reshuffles = batch < cases.number
    loading = reshuffles or room < cases.number or clock[LOADED] == 0
    for _ in range(steps):
        if first == 0 and reshuffles:
            if part == 0:
                shuffle(cases.order, cases.number, seed, epoch)
            wait_for_all(barrier, parts)
        rows = min(batch, cases.number - first)
        of_batch = total_weight(cases, first, rows) if cases.has_weights else float(rows)
        scale = 1.0 / of_batch if mean and of_batch > 0 else 1.0
        error = step(part, parts, barrier, net, room, large, cases, loss, eta, first, rows, scale, loading)
        loading = reshuffles or room < cases.number
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
        clock[EPOCH], clock[CASE], clock[LOADED], sums[0], sums[1] = epoch, first, 1, total, weight


@inline
def step(
    part: int, parts: int, barrier: Integers, net: Net, room: int, large: Floats,
    cases: Cases, loss: int, eta: float, first: int, rows: int, scale: float, loading: bool,
) -> float:  # fmt: skip
    """One step of gradient descent on the cases first .. first + rows of the order; returns their error."""
    errors = errors_of(net, 0)
    if rows <= room:
        top, bottom = share(rows, part, parts)
        through(net, cases, first, scale, loss, GRADIENT, top, bottom, loading)
        wait_for_all(barrier, parts)
        error = sum_in_order(errors, rows, 0.0)
        gradient(net, rows, net.weights, ZERO, DESCEND, eta, part, parts)
        wait_for_all(barrier, parts)
        return error
    error = 0.0
    for start in range(0, rows, room):
        count = min(room, rows - start)
        top, bottom = share(count, part, parts)
        through(net, cases, first + start, scale, loss, GRADIENT, top, bottom, loading)
        wait_for_all(barrier, parts)
        error = sum_in_order(errors, count, error)
        gradient(net, count, large, ZERO if start == 0 else KEEP, STORE, eta, part, parts)
        wait_for_all(barrier, parts)
    update(net, large, eta, part, parts)
    wait_for_all(barrier, parts)
    transpose(net, 2, part, parts)
    wait_for_all(barrier, parts)
    return error


@inline
def update(net: Net, dE_dw: Floats, eta: float, part: int, parts: int) -> None:
    """G1 from a gradient that lies as the weights do, the part's share of it."""
    end = entry(net, net.layers, plan.B) + entry(net, net.layers, plan.UNITS)
    top, bottom = share(end, part, parts)
    w = shift(net.weights, top)
    descend_flat(w, shift(dE_dw, top), eta, w, bottom - top)
