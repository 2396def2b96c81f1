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
from fnn.training.kernels.sharded.shards import Shards, dealt, giving, shards_type

DEPTH: Final = 64  # subtrees on the stack, at most: log₂ of the shards twice, and of the chains of a shard
END, MERGES, LEAF = 0, 1, 2  # of a leaf: the row of the batch behind its last; merges after it; words of an entry


@linked(lambda t: types.int64(shards_type(t), types.int64, types.int64, types.CPointer(types.int64)))
def plan_leaves(shards: Shards, first: int, rows: int, leaves: Integers) -> int:
    """Write the entries of a batch's leaves; DEPTH words before them hold the first shards of the sums on the stack.

    Returns how many leaves there are.
    """
    depth, count, end, node = 0, 0, 0, shards.first
    while node < shards.last:  # the largest subtrees, in order
        size, pushed = 1, False
        while node % (2 * size) == 0 and node + 2 * size <= shards.last:
            size *= 2
        for part in range(2):
            top, bottom = giving(shards, first, rows, part, node, node + size)
            other, _ = giving(shards, first, rows, 1, node, node + size)
            for s in range(top, bottom):
                cases = dealt(shards, s, first + rows) - dealt(shards, s, first)
                count = plan_chains(cases, leaves, count, end)
                leaves[depth] = s
                end, depth, pushed = end + cases, depth + 1, True
                following = s + 1 if s + 1 < bottom else other if part == 0 and other > s else node + size
                merges = merged(leaves, depth, s, following, node)
                leaves[DEPTH + (count - 1) * LEAF + MERGES] += merges
                depth -= merges
        if not pushed:
            leaves[DEPTH + count * LEAF + END], leaves[DEPTH + count * LEAF + MERGES] = end, 0
            leaves[depth] = node
            depth, count = depth + 1, count + 1
        node += size
    return count


@inline
def plan_chains(cases: int, leaves: Integers, count: int, end: int) -> int:
    """Write the entries of a shard's chains, which are added up among themselves; returns how many there are then."""
    chain = 0
    while chain * CHAIN < cases:
        is_last = (chain + 1) * CHAIN >= cases
        leaves[DEPTH + count * LEAF + END] = end + (cases if is_last else (chain + 1) * CHAIN)
        leaves[DEPTH + count * LEAF + MERGES] = ones(chain) if is_last else trailing_ones(chain)
        chain, count = chain + 1, count + 1
    return count


@inline
def merged(starts: Integers, depth: int, s: int, following: int, node: int) -> int:
    """How many sums are merged after the shard s: in all subtrees, from `node` on, that end before the next that gives.

    `starts` are the first shards of the sums on the stack.
    """
    count, size = 0, 2
    top = s // size * size
    while top + size <= following and top >= node:
        if depth - count > 1 and starts[depth - count - 2] >= top:
            count += 1
        size *= 2
        top = s // size * size
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
