"""Shards: which cases they have, and what each gives to a batch.

The M cases of an epoch are dealt as cards are: the p-th goes to a batch from shard p mod S, whose p // S-th case it is.
So shard s has M // S cases, and one more if s < M mod S. In memory, the cases of a batch lie shard by shard.
"""

from typing import NamedTuple

import numpy as np
from numba import types

from fnn.compiler.inline import inline
from fnn.compiler.intrinsics import Floats, Integers, doubles, like_pointer, shift, words_at
from fnn.data.kernels.cases import CasePointers
from fnn.equations.kernels.gradient import unit_case_weight
from fnn.numerics.random import GOLDEN, mixed, shuffle

_SHARDED = np.uint64(0x9FB21C651E98DF25)  # other sequences than those of a run without shards


class Shards(NamedTuple):
    """The shards of a run, those of this process, and the memory for their sums."""

    number: int  # M: the cases of all shards
    size: int  # S, a power of two
    first: int  # this process has the shards first .. last
    last: int
    drawn: Integers  # the order of the cases of each of these shards in this epoch, one after the other
    leaves: Integers  # of each thread, as `plan_leaves` writes them
    leaves_size: int  # from one thread's to the next
    nodes: Floats  # sums of subtrees, each laid out as the weights are, and behind it scalars, see `SCALARS`
    node_size: int  # from one to the next
    scratch: Floats  # of each thread: blocks of sums
    scratch_size: int  # from one thread's to the next
    partial: Floats  # float64: the scalars of subtrees
    exchange: int  # the address of what sums the nodes of all processes, or 0: this is the only one


def shards_type(t: types.Float) -> types.Type:
    """`Shards` as a Numba type."""
    i, integers, floats = types.int64, types.CPointer(types.int64), types.CPointer(t)
    return types.NamedTuple(
        [i, i, i, i, integers, integers, i, floats, i, floats, i, types.CPointer(types.float64), i], Shards
    )


# In Python, a vector of int64 has the members of `Shards`, addresses included; what solvers need follows: the codes of
# `sharded_objective` and of `sharded_gauss_newton`, the bits of the weight in E of a case of weight 1 if E is a mean,
# the address of the nodes of the latter, the elements from one to the next, and the exchange of these.
OBJECTIVE, GAUSS_NEWTON, UNIT, MATRICES, MATRIX_SIZE, MATRIX_EXCHANGE, WORDS = range(13, 20)


@inline
def shards_of(words: Integers, p: Floats) -> Shards:
    """The shards of a vector; p is any pointer to the floats of the run."""
    return Shards(
        words[0], words[1], words[2], words[3], words_at(words[4]), words_at(words[5]), words[6],
        like_pointer(p, words[7]), words[8], like_pointer(p, words[9]), words[10], doubles(words_at(words[11])),
        words[12],
    )  # fmt: skip


@inline
def unit_of(cases: CasePointers, mean: bool, shards: int) -> float:
    """The weight in E of a case of weight 1, by all cases of all shards, if there are any at the address."""
    if not mean or shards == 0:
        return unit_case_weight(cases, mean)
    return doubles(words_at(shards))[UNIT]


@inline
def first_case(shards: Shards, shard: int) -> int:
    """The number of the shard's first case among those of all shards."""
    return shard * (shards.number // shards.size) + min(shard, shards.number % shards.size)


@inline
def dealt(shards: Shards, shard: int, cases: int) -> int:
    """How many of the first `cases` of an epoch the shard gives."""
    return (cases + shards.size - 1 - shard) // shards.size


@inline
def dealt_here(shards: Shards, cases: int) -> int:
    """How many of the first `cases` of an epoch the shards of this process give."""
    rest = min(max(cases % shards.size, shards.first), shards.last)
    return cases // shards.size * (shards.last - shards.first) + rest - shards.first


@inline
def dealt_before(shards: Shards, cases: int) -> int:
    """How many of the first `cases` of an epoch shards before those of this process give."""
    return cases // shards.size * shards.first + min(cases % shards.size, shards.first)


@inline
def giving(shards: Shards, cases: int, rows: int, part: int, first: int, last: int) -> tuple[int, int]:
    """Which of the shards first .. last give to the batch of some rows after the first `cases` of an epoch.

    They are two ranges, part 0 and part 1, one of which may be empty; each of these shards gives a case at least.
    """
    start = cases % shards.size
    end = start + rows
    if rows >= shards.size:
        top, bottom = 0, shards.size if part == 0 else 0
    elif end > shards.size:
        top, bottom = (0, end - shards.size) if part == 0 else (start, shards.size)
    else:
        top, bottom = start, end if part == 0 else start
    top, bottom = max(top, first), min(bottom, last)
    return top, max(top, bottom)


@inline
def reorder(shards: Shards, order: Integers, batch_size: int, seed: int, epoch: int, keeps: bool) -> None:
    """Fill `order` with this epoch's cases of this process, batch by batch, and in each shard by shard."""
    start = first_case(shards, shards.first)
    for s in range(shards.first, shards.last):
        top = first_case(shards, s)
        of_shard = mixed((mixed(np.uint64(seed) + GOLDEN) ^ _SHARDED) + np.uint64(s))
        shuffle(shift(shards.drawn, top - start), first_case(shards, s + 1) - top, of_shard, epoch, keeps)
    place = done = 0
    while done < shards.number:  # a range with a step would divide
        end = min(done + batch_size, shards.number)
        for part in range(2):
            first, last = giving(shards, done, end - done, part, shards.first, shards.last)
            for s in range(first, last):
                top = first_case(shards, s) - start
                for i in range(dealt(shards, s, done), dealt(shards, s, end)):
                    order[place] = top + shards.drawn[top + i]
                    place += 1
        done = end
