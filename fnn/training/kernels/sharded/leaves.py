"""The leaves of the tree of sums: chains of at most CHAIN cases of one shard.

A stack holds the sums of subtrees that are complete: a leaf is pushed on it, and then the two topmost sums are merged
as often as the leaf's entry says. The chains of a shard are added along a binary tree, and so are the shards, of which
a subtree is merged when the shards of this process complete it. What is left, from the bottom up, are the sums of the
largest subtrees that this process has alone; one without cases has a leaf without cases. The tree depends on the number
of shards and on the batch, so the sums have the same bits wherever its parts are computed.
"""

from typing import Final

from numba import types

from fnn.compiler.inline import inline
from fnn.compiler.intrinsics import Integers
from fnn.compiler.linking import linked
from fnn.network.kernels.plan import CHAIN
from fnn.training.kernels.sharded.shards import Shards, dealt, shards_type

DEPTH: Final = 64  # subtrees on the stack, at most: log₂ of the shards twice, and of the chains of a shard
END, MERGES, LEAF = 0, 1, 2  # of a leaf: the row of the batch behind its last; merges after it; words of an entry


@linked(lambda t: types.int64(shards_type(t), types.int64, types.int64, types.CPointer(types.int64)))
def plan_leaves(shards: Shards, first: int, rows: int, leaves: Integers) -> int:
    """Write the entries of a batch's leaves, behind DEPTH words of work space; returns how many there are."""
    starts, depth, count, end = leaves, 0, 0, 0  # `starts`: the first shard of each subtree on the stack
    for s in range(shards.first, shards.last):
        cases = dealt(shards, s, first + rows) - dealt(shards, s, first)
        chain = 0
        while chain * CHAIN < cases:
            size = min(CHAIN, cases - chain * CHAIN)
            end += size
            is_last = (chain + 1) * CHAIN >= cases
            leaves[DEPTH + count * LEAF + END] = end
            leaves[DEPTH + count * LEAF + MERGES] = ones(chain) if is_last else trailing_ones(chain)
            chain, count = chain + 1, count + 1
        if cases > 0:
            starts[depth] = s
            depth += 1
        size = 1
        while (s + 1) % (2 * size) == 0 and s + 1 - 2 * size >= shards.first:
            size *= 2
            if depth > 1 and starts[depth - 2] >= s + 1 - size:
                leaves[DEPTH + (count - 1) * LEAF + MERGES] += 1
                depth -= 1
        top = s + 1 - size
        parent = top // (2 * size) * 2 * size
        is_largest = 2 * size > shards.size or parent < shards.first or parent + 2 * size > shards.last
        if is_largest and (depth == 0 or starts[depth - 1] < top):
            leaves[DEPTH + count * LEAF + END], leaves[DEPTH + count * LEAF + MERGES] = end, 0
            starts[depth] = top
            depth, count = depth + 1, count + 1
    return count


@inline
def ones(number: int) -> int:
    """The ones of a binary number."""
    count = 0
    while number > 0:
        count, number = count + (number & 1), number >> 1
    return count


@inline
def trailing_ones(number: int) -> int:
    """The ones at the end of a binary number."""
    count = 0
    while number & 1:
        count, number = count + 1, number >> 1
    return count
