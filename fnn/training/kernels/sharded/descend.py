"""The training loop on shards, on one process or on many: that of `fnn.training.kernels.descend`, but for the sums.

A step's gradient, error and weight are sums along the tree of shards, exchanged with other processes in the middle of
the step if there are any; then every process takes the same step.
"""

import numpy as np
import numpy.typing as npt
from numba import types

from fnn.compiler.barrier import wait_for_all
from fnn.compiler.inline import inline
from fnn.compiler.intrinsics import Floats, Integers, like, pointer, shift
from fnn.compiler.kernel import array, kernel, output
from fnn.compiler.linking import linked
from fnn.data.kernels.cases import CasePointers, Labels, Reals, Weights, cases_of, cases_type
from fnn.equations.kernels.parts import partition
from fnn.network.kernels import plan
from fnn.network.kernels.plan import Net, entry, net_of, net_type
from fnn.optimizers.kernels.abi import ETA
from fnn.training.kernels import epochs
from fnn.training.kernels.descend import update
from fnn.training.kernels.epochs import Position, position_at, store_position
from fnn.training.kernels.sharded.leaves import plan_leaves
from fnn.training.kernels.sharded.shards import Shards, reorder, shards_of, shards_type
from fnn.training.kernels.sharded.step import part_of, sum_step
from fnn.training.kernels.sharded.tree_sum import (
    ERROR,
    WEIGHT,
)
from fnn.training.kernels.update_rule import UpdateRule, call_rows_phase, update_rule_of, update_rule_type
from fnn.training.kernels.work_stealing import Worker


# A flat signature, as that of `descend_kernel`.
@kernel(
    lambda t: types.void(
        types.int64, types.int64, output(types.int64), array(types.int64), output(t), output(t), types.int64,
        array(t, 2), array(t, 2), array(types.int64), array(types.float64), types.int64, output(types.int64),
        array(types.int64), types.int64, types.boolean, array(types.int64), output(t, 2), array(t, 2), types.int64,
        types.int64, types.int64, output(types.int64), output(types.float64), output(types.float64),
        array(types.int64),
    )
)  # fmt: skip
def sharded_kernel(
    thread: int, threads: int, barrier: npt.NDArray[np.int64], table: npt.NDArray[np.int64], weights: Reals,
    space: Reals, capacity: int, x: Reals, y: Reals, labels: Labels, case_weights: Weights, sources: int, order: Labels,
    chosen: Labels, loss: int, mean: bool, descriptor: npt.NDArray[np.int64], state: Reals, coefficients: Reals,
    batch_size: int, seed: int, steps: int, cursor: npt.NDArray[np.int64], sums: Weights, history: Weights,
    shards: npt.NDArray[np.int64],
) -> None:  # fmt: skip
    """What `descend_kernel` does, on the shards that are described by `shards` (see `shards_of`).

    The cases, `order` and `chosen` are those of this process. The workspace has room for `capacity` cases, at least for
    those of a leaf.
    """
    net = net_of(table, weights, space)
    descend_shards(
        thread, threads, pointer(barrier), net, capacity,
        cases_of(x, y, labels, case_weights, order, sources, order.size), loss, mean,
        update_rule_of(descriptor, state, coefficients), batch_size, seed, steps, pointer(cursor), pointer(sums),
        pointer(history), pointer(chosen), chosen.size > 0, shards_of(pointer(shards), net.space),
    )  # fmt: skip


@linked(
    lambda t: types.void(
        types.int64, types.int64, types.CPointer(types.int64), net_type(t), types.int64, cases_type(t), types.int64,
        types.boolean, update_rule_type(t), types.int64, types.int64, types.int64, types.CPointer(types.int64),
        types.CPointer(types.float64), types.CPointer(types.float64), types.CPointer(types.int64), types.boolean,
        shards_type(t),
    )
)  # fmt: skip
def descend_shards(
    thread: int, threads: int, barrier: Integers, net: Net, capacity: int, cases: CasePointers, loss: int, mean: bool,
    update_rule: UpdateRule, batch_size: int, seed: int, steps: int, cursor: Integers, sums: Floats, history: Floats,
    chosen: Integers, has_chosen: bool, shards: Shards,
) -> None:  # fmt: skip
    """The loop over steps. All threads keep the same position; the first stores it."""
    worker, at = Worker(thread, threads, barrier), position_at(cursor, sums)
    order_epoch = at.epoch if cursor[epochs.LOADED] and at.first > 0 else -1
    leaves, planned_first, planned_rows, count = shift(shards.leaves, thread * shards.leaves_size), -1, -1, 0
    for number in range(steps):
        if at.epoch != order_epoch:
            if thread == 0:
                keeps = cursor[epochs.KEEPS_ORDER] != 0 or batch_size >= shards.number
                reorder(shards, cases.order, batch_size, seed, at.epoch + cursor[epochs.EARLIER], keeps)
                for place in range(cases.number if has_chosen else 0):
                    cases.order[place] = chosen[cases.order[place]]
            order_epoch = at.epoch
            wait_for_all(barrier, threads)
        rows = min(batch_size, shards.number - at.first)
        if planned_first != at.first % shards.size or planned_rows != rows:
            planned_first, planned_rows = at.first % shards.size, rows
            count = plan_leaves(shards, at.first, rows, leaves)
        part = part_of(shards, at.first, rows, leaves, count)
        epoch = at.epoch + cursor[epochs.EARLIER]
        if not sum_step(worker, net, capacity, cases, loss, 1.0, update_rule, shards, part, seed, epoch):
            break
        error, weight = shards.partial[ERROR], shards.partial[WEIGHT]
        is_finite = np.isfinite(error)
        if thread == 0:
            cursor[epochs.LOADED], cursor[epochs.STOPPED] = 1, not is_finite
        if not is_finite:
            break
        coefficients = shift(update_rule.coefficients, number * update_rule.coefficient_stride)
        scale = 1.0 / weight if mean and weight > 0 else 1.0
        use(worker, net, shards.nodes, scale, update_rule, coefficients, cases)
        at = end_step(at, rows, error, weight, shards, history, thread == 0)
    if thread == 0:
        store_position(at, cursor, sums)


@inline
def end_step(
    at: Position, rows: int, error: float, weight: float, shards: Shards, history: Floats, is_writer: bool
) -> Position:
    """The position after a batch; the last one of an epoch writes the epoch's error, Σ_c w_c E_c / Σ_c w_c."""
    total, whole, first = at.total + error, at.weight + weight, at.first + rows
    is_last = first == shards.number
    if is_last and is_writer:
        history[at.epoch] = total / whole
    return Position(at.epoch + is_last, 0 if is_last else first, 0.0 if is_last else total, 0.0 if is_last else whole)


@inline
def use(
    worker: Worker, net: Net, dE_dw: Floats, scale: float, update_rule: UpdateRule, coefficients: Floats,
    cases: CasePointers,
) -> None:  # fmt: skip
    """The step by the gradient times `scale`: G1, or the phase of an optimizer, which finds no cases to add."""
    if scale != 1.0:
        factor = like(dE_dw, scale)
        top, bottom = partition(
            entry(net, net.layers, plan.B) + entry(net, net.layers, plan.UNITS), worker.thread, worker.threads
        )
        for i in range(top, bottom):
            dE_dw[i] *= factor
        wait_for_all(worker.barrier, worker.threads)
    if update_rule.rows_phase == 0:
        update(worker, net, dE_dw, coefficients[ETA])
    else:
        call_rows_phase(
            update_rule.rows_phase, worker, net, 0, 0, True, dE_dw, update_rule, coefficients, cases, 0
        )  # fmt: skip
