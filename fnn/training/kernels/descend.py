"""The training loop. Every thread runs it, each with its chunks of both phases of every step.

There are two barriers a step, and no sum of partial gradients: each number is computed by the same operations in the
same order whatever the number of threads.
"""

from typing import Final

import numpy as np
import numpy.typing as npt
from numba import types

from fnn.compiler.barrier import CANCELLED, load_acquired, wait_for_all
from fnn.compiler.inline import inline
from fnn.compiler.intrinsics import Floats, Integers, aligned, like, pointer, shift
from fnn.compiler.kernel import array, kernel, output
from fnn.compiler.linking import linked
from fnn.data.kernels.cases import CasePointers, Labels, Reals, Weights, cases_of, cases_type
from fnn.equations.kernels.backprop import transpose
from fnn.equations.kernels.forward import descend_flat
from fnn.equations.kernels.gradient import sum_in_order
from fnn.equations.kernels.parts import partition
from fnn.network.kernels import plan
from fnn.network.kernels.pack import copy_rows
from fnn.network.kernels.plan import CHAIN, Net, entry, errors_of, net_of, net_type
from fnn.numerics.microkernel import DESCEND, STORE
from fnn.optimizers.kernels.abi import ETA
from fnn.training.kernels import epochs
from fnn.training.kernels.epochs import begin_batch, end_batch, position_at, reshuffle, store_position
from fnn.training.kernels.phases import phase_1, phase_2
from fnn.training.kernels.squares import squared_weights
from fnn.training.kernels.update_rule import UpdateRule, call_rows_phase, update_rule_of, update_rule_type
from fnn.training.kernels.work_stealing import Worker

CAPACITY: Final = 2 * CHAIN  # cases that the workspace holds; larger batches add up their gradient


@kernel(lambda t: types.void(array(types.int64), output(t), output(t), output(t), types.boolean))
def pack_kernel(table: npt.NDArray[np.int64], flat: Reals, weights: Reals, space: Reals, packing: bool) -> None:
    """Copy compact parameters to packed weights, or back.

    A workspace, unless it is empty, is prepared for the weights: the number one, and each Wᵀ for B4. One kernel for
    all of this, because each takes 0.1 s of the first `train`.
    """
    net = net_of(table, weights, space)
    copy_rows(net, pointer(flat), packing)
    if space.size > 0:
        net.space[plan.ONE] = like(net.space, 1.0)
        transpose(net, 2, 0, 1)


# A flat signature, because Numba would not match a NamedTuple of arrays with one of read-only arrays. Callers name the
# arguments, so that mypy finds swapped ones, for 1 µs of a call.
@kernel(
    lambda t: types.void(
        types.int64, types.int64, output(types.int64), array(types.int64), output(t), output(t), types.int64, output(t),
        array(t, 2), array(t, 2), array(types.int64), array(types.float64), types.int64, output(types.int64),
        array(types.int64), types.int64, types.boolean, array(types.int64), output(t, 2), array(t, 2), types.int64,
        types.int64, types.int64, output(types.int64), output(types.float64), output(types.float64),
    )
)  # fmt: skip
def descend_kernel(
    thread: int, threads: int, barrier: npt.NDArray[np.int64], table: npt.NDArray[np.int64], weights: Reals,
    space: Reals, capacity: int, gradient_buffer: Reals, x: Reals, y: Reals, labels: Labels, case_weights: Weights,
    sources: int, order: Labels, chosen: Labels, loss: int, mean: bool, descriptor: npt.NDArray[np.int64], state: Reals,
    coefficients: Reals, batch_size: int, seed: int, steps: int, cursor: npt.NDArray[np.int64], sums: Weights,
    history: Weights,
) -> None:  # fmt: skip
    """Train packed weights in place for `steps` steps; fewer after an interrupt or an error that is not finite.

    `cursor` and `sums` hold the position; `history` gets the error of each epoch that ends. The workspace has room for
    `capacity` cases. The gradient buffer is for batches of more than CHAIN cases, and for optimizers, whose
    coefficients have a row for each step, or one for all. If `chosen` is not empty, only those cases count. `order` has
    an entry for each case that counts; with a single batch an epoch, it holds them.
    """
    net = net_of(table, weights, space)
    cases = cases_of(x, y, labels, case_weights, order, sources, chosen.size)
    descend(
        thread, threads, pointer(barrier), net, capacity, aligned(pointer(gradient_buffer)), cases, loss, mean,
        update_rule_of(descriptor, state, coefficients), batch_size, seed, steps, pointer(cursor), pointer(sums),
        pointer(history), pointer(chosen), chosen.size > 0,
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
    thread: int, threads: int, barrier: Integers, net: Net, capacity: int, gradient_buffer: Floats,
    cases: CasePointers, loss: int, mean: bool, update_rule: UpdateRule, batch_size: int, seed: int,
    steps: int, cursor: Integers, sums: Floats, history: Floats, chosen: Integers, has_chosen: bool,
) -> None:  # fmt: skip
    """The loop over steps. All threads keep the same position; the first stores it."""
    worker, at = Worker(thread, threads, barrier), position_at(cursor, sums)
    reshuffles = cases.has_order and batch_size < cases.number
    always_loads = reshuffles or capacity < cases.number
    # The epoch of the order, and the one in which the only batch must be loaded. Flags that change in the first step
    # would do, but LLVM then compiles the first iteration apart, which takes 0.3 s.
    order_epoch = at.epoch if cursor[epochs.LOADED] and at.first > 0 else -1
    loading_epoch = -1 if cursor[epochs.LOADED] else at.epoch
    for number in range(steps):
        if reshuffles and at.epoch != order_epoch:
            if thread == 0:
                reshuffle(cases, chosen, has_chosen, seed, cursor, at.epoch)
            order_epoch = at.epoch
            wait_for_all(barrier, threads)
        batch = begin_batch(at, cases, batch_size, mean)
        coefficients = shift(update_rule.coefficients, number * update_rule.coefficient_stride)
        error, is_done = step(
            worker, net, capacity, gradient_buffer, cases, loss, update_rule, coefficients, batch,
            always_loads or at.epoch == loading_epoch, seed, at.epoch + cursor[epochs.EARLIER],
        )  # fmt: skip
        if not is_done:
            break
        is_finite = np.isfinite(error)
        if thread == 0:
            cursor[epochs.LOADED], cursor[epochs.STOPPED] = 1, not is_finite
        if not is_finite:
            break
        at = end_batch(at, batch, error, cases, mean, history, thread == 0)
        if cursor[epochs.SQUARES] != 0 and at.first == 0:
            wait_for_all(barrier, threads)  # for the weights of the others
            if thread == 0:
                history[at.epoch - 1 + cursor[epochs.SQUARES]] = squared_weights(net)
    if thread == 0:
        store_position(at, cursor, sums)


@inline
def step(
    worker: Worker, net: Net, capacity: int, gradient_buffer: Floats, cases: CasePointers, loss: int,
    update_rule: UpdateRule, coefficients: Floats, batch: epochs.Batch, loading: bool, seed: int, epoch: int,
) -> tuple[float, bool]:  # fmt: skip
    """One step; returns the batch's error, and whether the step is done.

    It is not if an interrupt is pending in phase 1: the step is cancelled before it changes any state.
    """
    is_plain, eta = update_rule.rows_phase == 0, coefficients[ETA]
    into, epilogue = (net.weights, DESCEND) if is_plain and batch.rows <= CHAIN else (gradient_buffer, STORE)
    error = 0.0
    start = 0
    while start < batch.rows:  # a range with a step would divide
        rows, first = min(capacity, batch.rows - start), batch.first + start
        phase_1(worker, net, cases, loss, first, rows, batch.scale, loading, update_rule, seed, epoch, first)
        if load_acquired(shift(worker.barrier, CANCELLED)) != 0:
            return 0.0, False
        error = sum_in_order(errors_of(net, 0), rows, error)
        is_last = start + rows == batch.rows
        if is_plain:
            phase_2(worker, net, start, rows, is_last, into, epilogue, eta, cases, first + rows)
        else:
            call_rows_phase(
                update_rule.rows_phase, worker, net, start, rows, is_last, into, update_rule, coefficients, cases,
                first + rows,
            )  # fmt: skip
        start += rows
    if is_plain and epilogue == STORE:
        update(worker, net, gradient_buffer, eta)
    return error, True


@inline
def update(worker: Worker, net: Net, dE_dw: Floats, eta: float) -> None:
    """G1 from the gradient buffer."""
    end = entry(net, net.layers, plan.B) + entry(net, net.layers, plan.UNITS)
    top, bottom = partition(end, worker.thread, worker.threads)
    w = shift(net.weights, top)
    descend_flat(w, shift(dE_dw, top), eta, w, bottom - top)
    wait_for_all(worker.barrier, worker.threads)
    transpose(net, 2, worker.thread, worker.threads)
    wait_for_all(worker.barrier, worker.threads)
