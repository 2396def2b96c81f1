"""Shards: contiguous parts of the cases, each of which a rank owns; they are the leaves of the tree of sums."""

from __future__ import annotations

from typing import Final, SupportsIndex

from fnn.boundary.checks import whole
from fnn.training.ranks.team import Communicator, require_communicator

_MOST: Final = 65536


def shard_range(number: SupportsIndex, shards: SupportsIndex, comm: Communicator | None = None) -> range:
    """The cases of this rank in data-parallel training: of all shards that it owns.

    The cases are cut into contiguous shards, whose sizes differ by at most one, the larger ones first, and the shards
    into contiguous parts, one for each rank in order. So a rank needs no other cases than these.

    Parameters
    ----------
    number
        All cases, at least `shards`.
    shards
        Their parts, a power of two in [1, 65536], at least as many as there are ranks.
    comm
        The ranks: an intracommunicator of mpi4py such as ``MPI.COMM_WORLD``; None: this process alone, which has all
        cases.

    Returns
    -------
    range
        Numbers of cases, from 0, in ascending order: ``x[r.start : r.stop]`` are this rank's.

    Raises
    ------
    ValueError, TypeError
        A number out of range or of another type; more ranks than shards; no communicator of mpi4py.

    Examples
    --------
    >>> import fnn
    >>> fnn.shard_range(60_000, shards=64)
    range(0, 60000)
    """
    rank, ranks = 0, 1
    if comm is not None:
        require_communicator(comm)
        rank, ranks = comm.Get_rank(), comm.Get_size()
    shards = require_shards(shards, ranks)
    number = whole("number", number, at_least=shards)
    first, last = shards_of(rank, ranks, shards)

    return range(shard_start(first, number, shards), shard_start(last, number, shards))


def require_shards(shards: SupportsIndex, ranks: int) -> int:
    """The shards as an int; ValueError, TypeError unless they are a power of two, and there is one for each rank."""
    count = whole("shards", shards, at_least=1, at_most=_MOST)
    if count & (count - 1):
        raise ValueError(f"shards: must be a power of two, got {count}")
    if count < ranks:
        raise ValueError(f"shards: must be at least as many as the {ranks} ranks of comm, got {count}")

    return count


def shards_of(rank: int, ranks: int, shards: int) -> tuple[int, int]:
    """The first shard that a rank owns, and the one after its last."""
    return shards * rank // ranks, shards * (rank + 1) // ranks


def shard_start(shard: int, number: int, shards: int) -> int:
    """The first case of a shard, or `number` for the one after the last."""
    return shard * (number // shards) + min(shard, number % shards)


def forest(first: int, last: int) -> list[tuple[int, int]]:
    """The largest aligned subtrees of the shards in [first, last), in order: the first shard, and how many."""
    trees = []
    while first < last:
        size = 1 << ((last - first).bit_length() - 1)
        if first:
            size = min(size, first & -first)
        trees.append((first, size))
        first += size

    return trees
