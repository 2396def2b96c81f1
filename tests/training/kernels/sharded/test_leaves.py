"""What the stack of sums adds up, against the tree of shards as it is defined, for all parts of it."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
from hypothesis import example, given, settings
from hypothesis import strategies as st
from numba import types

from fnn.compiler.intrinsics import pointer
from fnn.compiler.kernel import kernel, output
from fnn.data.kernels.cases import Reals
from fnn.network.kernels.plan import CHAIN
from fnn.training.kernels.sharded.leaves import DEPTH, END, LEAF, MERGES, plan_leaves
from fnn.training.kernels.sharded.shards import Shards
from fnn.training.ranks.shards import forest, shards_of

Sum = Any  # a chain (shard, number), a pair of sums, or None: there are no cases


@kernel(lambda t: types.int64(*[types.int64] * 6, output(types.int64), output(t)))
def leaves_kernel(
    number: int, size: int, first: int, last: int, start: int, rows: int, leaves: npt.NDArray[np.int64], nothing: Reals
) -> int:
    floats, integers = pointer(nothing), pointer(leaves)
    shards = Shards(number, size, first, last, integers, integers, 0, floats, 0, floats, 0, floats, 0)
    return plan_leaves(shards, start, rows, integers)


def chains(shard: int, count: int, start: int = 0) -> Sum:
    """The sum of a shard's chains: of the largest power of two of them, and of the rest."""
    if count <= 1:
        return (shard, start) if count else None
    half = 1 << (count - 1).bit_length() - 1
    return chains(shard, half, start), chains(shard, count - half, start + half)


def subtree(of_shards: list[Sum]) -> Sum:
    """The sum of as many shards as a power of two."""
    if len(of_shards) == 1:
        return of_shards[0]
    half = len(of_shards) // 2
    left, right = subtree(of_shards[:half]), subtree(of_shards[half:])

    return (left, right) if left is not None and right is not None else right if left is None else left


@settings(max_examples=200)
@given(
    number=st.integers(1, 5000), depth=st.integers(0, 6), ranks=st.integers(1, 64), rank=st.integers(0, 63),
    where=st.floats(0, 1), size=st.integers(1, 3000),
)  # fmt: skip
@example(number=4000, depth=2, ranks=1, rank=0, where=0.0, size=4000)  # chains of a shard
@example(number=100, depth=6, ranks=7, rank=3, where=0.5, size=10)  # shards without cases
def test_the_sums_of_a_batch(number: int, depth: int, ranks: int, rank: int, where: float, size: int) -> None:
    shards = 1 << depth
    first, last = shards_of(rank % min(ranks, shards), min(ranks, shards), shards)
    start = int(where * (number - 1))
    rows = min(size, number - start)
    dealt = [sum(place % shards == shard for place in range(start, start + rows)) for shard in range(shards)]
    leaves = np.zeros(DEPTH + LEAF * (2 * (last - first) + rows // CHAIN + 1), np.int64)

    count = leaves_kernel[np.dtype(np.float64)](
        number, shards, first, last, start, rows, leaves, np.zeros(1)
    )  # fmt: skip

    entries = leaves[DEPTH : DEPTH + LEAF * count].reshape(count, LEAF)
    ends = entries[:, END].tolist()
    assert ends[-1] == sum(dealt[first:last])
    names = iter([(s, chain) for s in range(first, last) for chain in range(-(-dealt[s] // CHAIN))])
    stack: list[Sum] = []
    for before, end, merges in zip([0, *ends], ends, entries[:, MERGES].tolist(), strict=False):
        stack.append(next(names) if end > before else None)
        for _ in range(merges):
            right, left = stack.pop(), stack.pop()
            stack.append((left, right))
        assert len(stack) <= DEPTH
    assert next(names, None) is None
    whole = [chains(shard, -(-cases // CHAIN)) for shard, cases in enumerate(dealt)]
    assert stack == [subtree(whole[a : a + width]) for a, width in forest(first, last)]
    sizes = np.diff([0, *ends])
    assert sizes.max(initial=0) <= CHAIN
