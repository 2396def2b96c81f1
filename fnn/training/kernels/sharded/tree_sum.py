"""B2 and B3 summed along the tree of shards, block by block of ∂E/∂W.

A block of ∂E/∂W goes through all leaves in turn, with the stack of its sums in the first-level cache: no shard has a
gradient in memory, only what is left on the stack.
"""

from typing import Final, NamedTuple

from numba import types

from fnn.compiler.inline import inline
from fnn.compiler.intrinsics import Floats, Integers, like, shift
from fnn.compiler.linking import linked
from fnn.compiler.target import itemsize, panel_width, tile_rows
from fnn.data.kernels.cases import CasePointers, cases_type, weight_of
from fnn.equations.kernels.backprop import no_prefetch
from fnn.equations.kernels.gradient import sum_in_order
from fnn.equations.kernels.parts import partition
from fnn.network.kernels import plan
from fnn.network.kernels.plan import Net, block, entry, errors_of, net_type
from fnn.numerics.matmul import matmul
from fnn.numerics.microkernel import ADD, STORE, ZERO
from fnn.training.kernels.sharded.leaves import DEPTH, END, LEAF, MERGES
from fnn.training.kernels.sharded.shards import Shards, shards_type

TILES: Final = 4  # tiles of a block, one below the other
SCALARS: Final = 8  # float64 behind a node's sums: Σ_c w_c E_c and Σ_c w_c of its cases; then what ranks tell
ERROR, WEIGHT, INTERRUPTED = range(3)


class Chunk(NamedTuple):
    """Leaves whose cases are in the workspace."""

    leaves: Integers  # of the batch
    start: int  # the chunk has the leaves start .. stop
    stop: int
    row: int  # of the batch, the first in the workspace
    depth: int  # subtrees on the stack before
    kept: int  # subtrees of the stack that are nodes: they stay from chunk to chunk; the others are in scratch


def chunk_type() -> types.Type:
    """`Chunk` as a Numba type."""
    return types.NamedTuple([types.CPointer(types.int64), *[types.int64] * 5], Chunk)


class Place(NamedTuple):
    """A block of sums on the stack."""

    sums: Floats
    row: int  # from one row to the next


class Block(NamedTuple):
    """A block of each subtree's ∂E/∂W, and of what it is a product of."""

    at: int  # the offset of the block among the weights
    row: int  # from one row of the block to the next there
    rows: int
    columns: int
    a: Floats  # Aˡ⁻¹ of the first case in the workspace, from the block's first unit on
    a_row: int  # from one row of the block to the next in A, 0 for B3
    a_case: int
    delta: Floats  # Δˡ of that case, from the block's first unit on
    stride: int


@linked(
    lambda t: types.void(
        net_type(t), shards_type(t), chunk_type(), types.int64, types.int64, types.int64, types.CPointer(t)
    )
)
def sum_gradients(net: Net, shards: Shards, chunk: Chunk, thread: int, part: int, parts: int, one: Floats) -> None:
    """The part's rows of each subtree's ∂E/∂W, and the last part's ∂E/∂b; `one` is the number one."""
    panel, most = panel_width(one), TILES * tile_rows(one)
    for layer in range(1, net.layers + 1):
        top, bottom = partition(entry(net, layer - 1, plan.UNITS), part, parts)
        columns, row = entry(net, layer, plan.WIDTH), entry(net, layer, plan.W_ROW)
        a, a_case = block(net, layer - 1, plan.A, 0), entry(net, layer - 1, plan.STRIDE)
        deltas, stride = block(net, layer, plan.DELTA, 0), entry(net, layer, plan.STRIDE)
        for j in range(0, columns, panel):
            w = entry(net, layer, plan.W) + j // panel * entry(net, layer, plan.W_PANEL)
            i = top
            while i < bottom:
                rows = min(most, bottom - i)
                width, delta = min(panel, columns - j), shift(deltas, j)
                of = Block(w + i * row, row, rows, width, shift(a, i), 1, a_case, delta, stride)
                sum_block(net, shards, chunk, thread, of)
                i += rows
        for j in range(0, columns if part == parts - 1 else 0, 4 * panel):
            width, delta = min(4 * panel, columns - j), shift(deltas, j)
            of = Block(entry(net, layer, plan.B) + j, width, 1, width, one, 0, 0, delta, stride)
            sum_block(net, shards, chunk, thread, of)


@inline
def sum_block(net: Net, shards: Shards, chunk: Chunk, thread: int, of: Block) -> None:
    """The block of all subtrees: B2, or B3 with ones in the place of A."""
    panel, depth, start = panel_width(of.a), chunk.depth, 0
    leaf = chunk.start
    if leaf > 0:
        start = chunk.leaves[DEPTH + (leaf - 1) * LEAF + END] - chunk.row
    while leaf < chunk.stop:
        end, merges = chunk.leaves[DEPTH + leaf * LEAF + END] - chunk.row, chunk.leaves[DEPTH + leaf * LEAF + MERGES]
        joins = merges > 0
        depth += not joins
        to = place_of(shards, chunk, thread, of, depth - 1)
        if end > start:
            matmul(
                of.rows, of.columns, end - start,
                shift(of.a, start * of.a_case), of.a_row, of.a_case,
                shift(of.delta, start * of.stride), panel, of.stride,
                to.sums, panel, to.row,
                ZERO, of.a, ADD if joins else STORE, like(of.a, 0.0), no_prefetch(net),
            )  # fmt: skip
        else:
            fill(to, of.rows, of.columns)
        while merges > 1:
            merges, depth = merges - 1, depth - 1
            add(place_of(shards, chunk, thread, of, depth - 1), place_of(shards, chunk, thread, of, depth), of)
        start, leaf = end, leaf + 1


@inline
def place_of(shards: Shards, chunk: Chunk, thread: int, of: Block, subtree: int) -> Place:
    """Where a block of a subtree of the stack lies."""
    if subtree < chunk.kept:
        return Place(shift(shards.nodes, subtree * shards.node_size + of.at), of.row)
    size = TILES * tile_rows(of.a) * panel_width(of.a)
    offset = thread * shards.scratch_size + (subtree - chunk.kept) * size
    return Place(shift(shards.scratch, offset), panel_width(of.a) if of.rows > 1 else of.columns)


@inline
def add(to: Place, other: Place, of: Block) -> None:
    """The sum of two subtrees."""
    if to.row == other.row and (to.row == of.columns or of.rows == 1):
        for i in range(of.rows * of.columns):
            to.sums[i] += other.sums[i]
    else:
        for r in range(of.rows):
            into, values = shift(to.sums, r * to.row), shift(other.sums, r * other.row)
            for i in range(of.columns):
                into[i] += values[i]


@inline
def fill(to: Place, rows: int, columns: int) -> None:
    """The sum of no cases, −0, which added to any number changes no bit of it."""
    zero = like(to.sums, -0.0)
    for r in range(rows):
        for i in range(columns):
            to.sums[r * to.row + i] = zero


@linked(lambda t: types.void(net_type(t), cases_type(t), shards_type(t), chunk_type(), types.int64))
def sum_scalars(net: Net, cases: CasePointers, shards: Shards, chunk: Chunk, first: int) -> None:
    """Σ_c w_c E_c and Σ_c w_c of each subtree, in `partial`; the batch is at the place `first` of the order."""
    depth, start = chunk.depth, chunk.row
    if chunk.start > 0:
        start = chunk.leaves[DEPTH + (chunk.start - 1) * LEAF + END]
    for leaf in range(chunk.start, chunk.stop):
        end = chunk.leaves[DEPTH + leaf * LEAF + END]
        here = shift(shards.partial, depth * SCALARS)
        for i in range(SCALARS):
            here[i] = 0.0
        here[ERROR] = sum_in_order(errors_of(net, start - chunk.row), end - start, 0.0)
        here[WEIGHT] = weight_of(cases, first + start, end - start) if cases.has_weights else float(end - start)
        depth += 1
        for _ in range(chunk.leaves[DEPTH + leaf * LEAF + MERGES]):
            depth -= 1
            into, values = shift(shards.partial, (depth - 1) * SCALARS), shift(shards.partial, depth * SCALARS)
            for i in range(SCALARS):
                into[i] += values[i]
        start = end


@inline
def rows_of(chunk: Chunk) -> int:
    """The cases of the chunk."""
    return chunk.leaves[DEPTH + (chunk.stop - 1) * LEAF + END] - chunk.row


@inline
def scalars_size(p: Floats) -> int:
    """The room that scalars take behind the sums of a node, in elements."""
    return SCALARS * 8 // itemsize(p)


@inline
def depth_after(chunk: Chunk) -> int:
    """Subtrees on the stack after the chunk."""
    depth = chunk.depth
    for leaf in range(chunk.start, chunk.stop):
        depth += 1 - chunk.leaves[DEPTH + leaf * LEAF + MERGES]
    return depth


@inline
def next_chunk_of_leaves(leaves: Integers, start: int, count: int, capacity: int, depth: int) -> Chunk:
    """As many leaves from `start` on as the workspace has room for."""
    row = leaves[DEPTH + (start - 1) * LEAF + END] if start > 0 else 0
    stop = start
    while stop < count and leaves[DEPTH + stop * LEAF + END] - row <= capacity:
        stop += 1
    chunk = Chunk(leaves, start, stop, row, depth, 0)
    return Chunk(leaves, start, stop, row, depth, max(depth, depth_after(chunk)))
