"""The training loop. Every thread runs it, each with its part of every step's two phases.

Phase 1, by cases: forward, and back to every Δ; the weights are only read. Phase 2, by rows of each W: ∂E/∂W over the
whole batch and the update at once. Two barriers a step, and no sum of partial gradients: each number is computed by the
same operations in the same order whatever the number of threads.
"""

from typing import Final

import numpy as np
import numpy.typing as npt
from numba import types

from fnn.compiler.inline import inline
from fnn.compiler.intrinsics import Floats, Integers, aligned, like, pointer, shift, words_at
from fnn.compiler.kernel import array, kernel, output
from fnn.compiler.linking import linked
from fnn.data.kernels.cases import (
    CasePointers,
    Labels,
    Reals,
    Weights,
    cases_of,
    cases_type,
    prefetch_targets,
    total_weight,
)
from fnn.data.kernels.fetch import LENGTH
from fnn.equations.kernels.backprop import GRADIENT, gradient, partition, transpose
from fnn.equations.kernels.forward import descend_flat
from fnn.equations.kernels.gradient import forward_backward, sum_in_order
from fnn.network.kernels import plan
from fnn.network.kernels.plan import COLUMNS, Net, entry, errors_of, net_type
from fnn.numerics.matmul import Prefetch
from fnn.numerics.microkernel import DESCEND, KEEP, STORE, ZERO
from fnn.numerics.random import shuffle
from fnn.optimizers.kernels.abi import ETA
from fnn.training.kernels.barrier import AGREED, agrees_to_end, load_acquired, wait_for_all
from fnn.training.kernels.phases import (
    UpdateRule,
    call_cases_phase,
    call_rows_phase,
    resolve_optimizer,
    update_rule_type,
)
from fnn.training.kernels.work_stealing import CASES, ROWS, Worker, even_chunks, guided_chunk, guided_chunks, next_chunk

# The clock: the epoch, the first case of the next batch in it, whether the workspace holds the one batch that there is,
# and whether an error was not finite.
EPOCH, CASE, LOADED, STOPPED, CURSOR_SIZE = range(5)

LEAST_CASES, LEAST_ROWS = 8, 24  # of a piece
_FAR: Final = 2_000_000  # weights that don't stay in the caches: pieces must have more cases, all of which they serve
_MORE_CASES: Final = 64
_NEAR: Final = 250_000  # elements of x that stay in the second-level cache anyway

CAPACITY: Final = 512  # cases of a batch that the workspace holds; larger batches add up their gradient


@kernel(lambda t: types.void(array(types.int64), array(t), output(t)))
def prepare_kernel(table: npt.NDArray[np.int64], weights: Reals, space: Reals) -> None:
    """Ready a workspace for packed weights: the number one, and each Wᵀ that B4 needs."""
    net = Net(table.size // COLUMNS - 1, pointer(table), aligned(pointer(weights)), aligned(pointer(space)))
    net.space[plan.ONE] = like(net.space, 1.0)
    transpose(net, 2, 0, 1)


@kernel(
    lambda t: types.void(
        types.int64, types.int64, output(types.int64), array(types.int64), output(t), output(t), types.int64, output(t),
        array(t, 2), array(t, 2), array(types.int64), array(types.float64), types.int64, output(types.int64),
        array(types.int64), types.int64, types.boolean, array(types.int64), output(t, 2), array(t, 2), types.int64,
        types.int64, types.int64, output(types.int64), output(types.float64), output(types.float64),
    )
)  # fmt: skip
def descend_kernel(
    part: int, parts: int, barrier: npt.NDArray[np.int64], table: npt.NDArray[np.int64], weights: Reals, space: Reals,
    capacity: int, gradient_buffer: Reals, x: Reals, y: Reals, labels: Labels, case_weights: Weights, sources: int,
    order: Labels, chosen: Labels, loss: int, mean: bool, descriptor: npt.NDArray[np.int64], state: Reals,
    coefficients: Reals, batch: int, seed: int, steps: int, cursor: npt.NDArray[np.int64], sums: Weights,
    history: Weights,
) -> None:  # fmt: skip
    """Train packed weights in place for some steps, or until somebody asks or the error of one is not finite.

    The clock and the sums say where training stands; `history` gets the error of each epoch that ends. The workspace
    has room for so many cases; `large` is a gradient, for batches of more and for optimizers, which `places` and
    `state` stand for. `numbers` has a row for each step, or one for all. If some cases are chosen, the others don't
    count; the order has room for as many as count, and if there is but one batch, it holds them.
    """
    net = Net(table.size // COLUMNS - 1, pointer(table), aligned(pointer(weights)), aligned(pointer(space)))
    cases = cases_of(x, y, labels, case_weights, order, sources, chosen.size)
    descend(
        part, parts, pointer(barrier), net, capacity, aligned(pointer(gradient_buffer)), cases, loss, mean,
        resolve_optimizer(descriptor, state, coefficients), batch, seed, steps, pointer(cursor), pointer(sums), pointer(history),
        pointer(chosen), chosen.size > 0,
    )  # fmt: skip


@linked(
    lambda t: types.void(
        types.int64, types.int64, types.CPointer(types.int64), net_type(t), types.int64, types.CPointer(t),
        cases_type(t), types.int64, types.boolean, update_rule_type(t), types.int64, types.int64,
        types.int64, types.CPointer(types.int64), types.CPointer(types.float64), types.CPointer(types.float64),
        types.CPointer(types.int64), types.boolean,
    )
)  # fmt: skip
def descend(
    part: int, parts: int, barrier: Integers, net: Net, capacity: int, gradient_buffer: Floats,
    cases: CasePointers, loss: int, mean: bool, update_rule: UpdateRule, batch: int, seed: int,
    steps: int, cursor: Integers, sums: Floats, history: Floats, chosen: Integers, is_part: bool,
) -> None:  # fmt: skip
    """The loop over steps; all parts keep the same time, and the first part's is the one that is told."""
    worker = Worker(part, parts, barrier)
    epoch, first, total, weight = cursor[EPOCH], cursor[CASE], sums[0], sums[1]
    reshuffles = cases.has_order and batch < cases.number
    loading = reshuffles or capacity < cases.number or cursor[LOADED] == 0
    loaded, is_ordered = cursor[LOADED], cursor[LOADED] != 0  # else the run goes on from somewhere in an epoch
    for number in range(steps):
        if reshuffles and (first == 0 or not is_ordered):
            if part == 0:
                shuffle(cases.order, cases.number, seed, epoch)
                for place in range(cases.number if is_part else 0):
                    cases.order[place] = chosen[cases.order[place]]
            is_ordered = True
            wait_for_all(barrier, parts)
        rows = min(batch, cases.number - first)
        of_batch = total_weight(cases, first, rows) if cases.has_weights else float(rows)
        scale = 1.0 / of_batch if mean and of_batch > 0 else 1.0
        coefficients = shift(update_rule.coefficients, number * update_rule.coefficient_stride)
        error, is_given_up = step(
            worker,
            net,
            capacity,
            gradient_buffer,
            cases,
            loss,
            update_rule,
            coefficients,
            first,
            rows,
            scale,
            loading,
            seed,
            epoch,
        )
        loading = reshuffles or capacity < cases.number
        if is_given_up:
            break
        loaded = 1
        if not np.isfinite(error):
            if part == 0:
                cursor[STOPPED] = 1
            break
        total += error * of_batch if mean else error
        weight += of_batch
        first += rows
        if first == cases.number:
            if part == 0:
                history[epoch] = total / weight if mean else total
            epoch, first, total, weight = epoch + 1, 0, 0.0, 0.0
    if part == 0:
        cursor[EPOCH], cursor[CASE], cursor[LOADED], sums[0], sums[1] = epoch, first, loaded, total, weight


@inline
def step(
    worker: Worker, net: Net, capacity: int, gradient_buffer: Floats,
    cases: CasePointers, loss: int, update_rule: UpdateRule, coefficients: Floats, first: int, rows: int, scale: float, loading: bool,
    seed: int, epoch: int,
) -> tuple[float, bool]:  # fmt: skip
    """One step on the cases first .. first + rows of the order; returns their error, and whether it was given up.

    So it is, before it changes anything, if somebody has asked for an end.
    """
    plain, at_once, eta = update_rule.rows_phase == 0, rows <= capacity, coefficients[ETA]
    into, epilogue = (net.weights, DESCEND) if at_once else (gradient_buffer, STORE)
    error = 0.0
    start = 0
    while start < rows:  # a range with a step would divide
        count = min(capacity, rows - start)
        phase_1(worker, net, cases, loss, first + start, count, scale, loading, update_rule, seed, epoch)
        if load_acquired(shift(worker.barrier, AGREED)) != 0:
            return 0.0, True
        error = sum_in_order(errors_of(net, 0), count, error)
        init, end = ZERO if start == 0 else KEEP, start + count
        if plain:
            phase_2(worker, net, count, into, init, epilogue, eta, cases, first + end)
        else:
            call_rows_phase(
                update_rule.rows_phase,
                worker,
                net,
                count,
                gradient_buffer,
                init,
                end == rows,
                update_rule,
                coefficients,
                cases,
                first + end,
            )
        start = end
    if at_once or not plain:
        return error, False
    update(net, gradient_buffer, eta, worker.part, worker.parts)
    wait_for_all(worker.barrier, worker.parts)
    transpose(net, 2, worker.part, worker.parts)
    wait_for_all(worker.barrier, worker.parts)
    return error, False


@inline
def phase_1(
    worker: Worker, net: Net, cases: CasePointers, loss: int, first: int, rows: int, scale: float, loading: bool,
    update_rule: UpdateRule, seed: int, epoch: int,
) -> None:  # fmt: skip
    """Forward and back for all cases of the batch."""
    products = entry(net, 0, plan.MULTIPLICATIONS)  # of a case, as many as there are weights
    each = guided_chunks(worker, rows * products, rows, LEAST_CASES if products < _FAR else _MORE_CASES)
    chunk = next_chunk(worker, CASES, each, -1)
    while chunk >= 0 and not agrees_to_end(worker.barrier):
        top, bottom = guided_chunk(rows, chunk, each, worker.parts)
        if update_rule.cases_phase == 0:
            forward_backward(net, cases, first, scale, loss, GRADIENT, top, bottom, loading)
        else:
            call_cases_phase(
                update_rule.cases_phase,
                net,
                cases,
                first,
                scale,
                loss,
                top,
                bottom,
                update_rule.descriptor,
                seed,
                epoch,
            )
        chunk = next_chunk(worker, CASES, each, chunk)
    wait_for_all(worker.barrier, worker.parts)


@inline
def phase_2(
    worker: Worker, net: Net, rows: int, into: Floats, start: int, epilogue: int, eta: float, cases: CasePointers,
    next_first: int,
) -> None:  # fmt: skip
    """The gradient over the batch for all rows of each W, and its use."""
    each = even_chunks(worker, rows * entry(net, 0, plan.MULTIPLICATIONS), entry(net, 0, plan.UNITS), LEAST_ROWS)
    chunk = next_chunk(worker, ROWS, each, -1)
    while chunk >= 0:
        prefetch = next_batch_prefetch(cases, net, next_first, rows, chunk, worker.parts * each)
        gradient(net, rows, into, start, epilogue, eta, chunk, worker.parts * each, prefetch)
        chunk = next_chunk(worker, ROWS, each, chunk)
    wait_for_all(worker.barrier, worker.parts)


@inline
def next_batch_prefetch(cases: CasePointers, net: Net, first: int, rows: int, part: int, parts: int) -> Prefetch:
    """The part's share of the cases that follow, which phase 1 of the next step will want.

    From memory they come far slower than a core computes with them: of a step of ten digits through 30 units, 8.6 µs,
    fetching them during phase 2 saves 1.6. The inputs are so many that the tiles fetch them, one line after the other.
    """
    inputs = entry(net, 0, plan.UNITS)
    length = inputs if cases.sources == 0 else words_at(cases.sources)[LENGTH]
    count = min(rows, cases.number - first) if cases.has_order and cases.number * length > _NEAR else 0
    top, bottom = partition(count, part, parts)
    if count > 0:
        prefetch_targets(cases, entry(net, net.layers, plan.UNITS), first + top, bottom - top)
    return Prefetch(cases.x, shift(cases.order, first + top), length, bottom - top)


@inline
def update(net: Net, dE_dw: Floats, eta: float, part: int, parts: int) -> None:
    """G1 from a gradient that lies as the weights do, the part's share of it."""
    end = entry(net, net.layers, plan.B) + entry(net, net.layers, plan.UNITS)
    top, bottom = partition(end, part, parts)
    w = shift(net.weights, top)
    descend_flat(w, shift(dE_dw, top), eta, w, bottom - top)
