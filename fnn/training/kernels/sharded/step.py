"""The sum of a step: the gradient, the error and the weight of a batch, along the tree of shards of all processes."""

from typing import Any, Final, NamedTuple

from numba import types

from fnn.compiler.addresses import calling
from fnn.compiler.barrier import CANCELLED, load_acquired, store_released, wait_for_all
from fnn.compiler.inline import inline, intrinsic
from fnn.compiler.intrinsics import Integers, doubles, shift
from fnn.data.kernels.cases import CasePointers
from fnn.network.kernels import plan
from fnn.network.kernels.plan import Net, entry
from fnn.training.kernels.phases import phase_1
from fnn.training.kernels.sharded.shards import Shards, dealt_before, dealt_here
from fnn.training.kernels.sharded.tree_sum import (
    INTERRUPTED,
    SCALARS,
    Chunk,
    depth_after,
    next_chunk_of_leaves,
    rows_of,
    scalars_size,
    sum_gradients,
    sum_scalars,
)
from fnn.training.kernels.update_rule import UpdateRule
from fnn.training.kernels.work_stealing import ROWS, Worker, even_chunks, next_chunk

_LEAST_ROWS: Final = 48  # of a chunk


class Part(NamedTuple):
    """What the shards of this process give to a batch."""

    first: int  # the place of its first case in the order
    rows: int  # its cases
    place: int  # of its first case in the epoch, among the cases of all shards
    leaves: Integers
    number: int  # of leaves


@inline
def part_of(shards: Shards, first: int, rows: int, leaves: Integers, count: int) -> Part:
    """What this process gives to the batch of `rows` cases that begins after `first` cases of the epoch."""
    here, before = dealt_here(shards, first), dealt_before(shards, first)
    place = first + dealt_before(shards, first + rows) - before

    return Part(here, dealt_here(shards, first + rows) - here, place, leaves, count)


@inline
def sum_step(
    worker: Worker, net: Net, capacity: int, cases: CasePointers, loss: int, scale: float,
    update_rule: UpdateRule, shards: Shards, part: Part, seed: int, epoch: int,
) -> bool:  # fmt: skip
    """∂E/∂(W, b) of the whole batch in the first node, Σ_c w_c E_c and Σ_c w_c in `partial`, in every thread.

    A case of weight 1 has the weight `scale` in E. False after an interrupt, in all threads of all processes: then
    CANCELLED is set, and there are no sums.
    """
    leaf, depth, is_done = 0, 0, True
    while leaf < part.number and is_done:
        chunk = next_chunk_of_leaves(part.leaves, leaf, part.number, capacity, depth)
        rows = rows_of(chunk)
        phase_1(
            worker, net, cases, loss, part.first + chunk.row, rows, scale, True, update_rule, seed, epoch,
            part.place + chunk.row,
        )  # fmt: skip
        is_done = load_acquired(shift(worker.barrier, CANCELLED)) == 0  # only here all threads find the same
        if is_done:
            sum_phase(worker, net, cases, shards, chunk, rows, part.first)
        leaf, depth = chunk.stop, depth_after(chunk)
    if shards.exchange != 0:
        if worker.thread == 0:
            exchange(shards, depth, not is_done)
        wait_for_all(worker.barrier, worker.threads)
        is_done = shards.partial[INTERRUPTED] == 0.0
        if not is_done:
            store_released(shift(worker.barrier, CANCELLED), 1)
    return is_done


@inline
def sum_phase(
    worker: Worker, net: Net, cases: CasePointers, shards: Shards, chunk: Chunk, rows: int, first: int
) -> None:
    """Phase 2: the sums of a chunk of leaves, by rows of each W."""
    if worker.thread == 0:
        sum_scalars(net, cases, shards, chunk, first)
    work = rows * entry(net, 0, plan.MULTIPLICATIONS)
    chunks = even_chunks(worker, work, entry(net, 0, plan.UNITS), _LEAST_ROWS)
    part = next_chunk(worker, ROWS, chunks, -1)
    while part >= 0:
        one = shift(net.space, plan.ONE)
        sum_gradients(net, shards, chunk, worker.thread, part, worker.threads * chunks, one)
        part = next_chunk(worker, ROWS, chunks, part)
    wait_for_all(worker.barrier, worker.threads)


@intrinsic
def call_exchange(typingctx: Any, address: Any) -> Any:
    """Sum the nodes of all processes in the first node of each; 0, unless that failed."""
    return calling(types.int64())


@inline
def exchange(shards: Shards, depth: int, is_cancelled: bool) -> None:
    """Sum up the nodes of all processes, with their scalars, one of which tells of an interrupt."""
    stride = shards.node_size - scalars_size(shards.nodes)
    for k in range(depth):
        scalars = doubles(shift(shards.nodes, k * shards.node_size + stride))
        for i in range(SCALARS):
            scalars[i] = shards.partial[k * SCALARS + i]
    doubles(shift(shards.nodes, stride))[INTERRUPTED] = 1.0 if is_cancelled else 0.0
    failed = call_exchange(shards.exchange) != 0
    scalars = doubles(shift(shards.nodes, stride))
    for i in range(SCALARS):
        shards.partial[i] = scalars[i]
    if failed:
        shards.partial[INTERRUPTED] = 1.0
