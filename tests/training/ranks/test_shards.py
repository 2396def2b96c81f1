from __future__ import annotations

from itertools import pairwise
from typing import Any

import pytest

import fnn
from fnn.training.ranks.shards import require_shards, shard_start, shards_of


@pytest.mark.parametrize("number, shards", [(1, 1), (8, 8), (9, 8), (60_001, 64), (127, 64), (10**12 + 7, 65536)])
def test_shards_cut_the_cases(number: int, shards: int) -> None:
    starts = [shard_start(shard, number, shards) for shard in range(shards + 1)]
    sizes = [b - a for a, b in pairwise(starts)]
    assert starts[0] == 0
    assert starts[-1] == number
    assert sizes == sorted(sizes, reverse=True)
    assert max(sizes) - min(sizes) <= 1
    assert min(sizes) >= 1


@pytest.mark.parametrize("ranks, shards", [(1, 1), (3, 8), (7, 8), (8, 8), (7, 64), (1000, 1024)])
def test_every_rank_owns_shards(ranks: int, shards: int) -> None:
    parts = [range(*shards_of(rank, ranks, shards)) for rank in range(ranks)]
    assert [shard for part in parts for shard in part] == list(range(shards))
    assert all(parts)


def test_alone_a_process_has_all_cases() -> None:
    assert fnn.shard_range(1000, 8) == range(1000)


@pytest.mark.parametrize(
    "number, shards, error, message",
    [
        (100, 0, ValueError, r"^shards: must be at least 1, got 0$"),
        (100, 12, ValueError, r"^shards: must be a power of two, got 12$"),
        (10**6, 2**17, ValueError, r"^shards: must be at most 65536, got 131072$"),
        (100, 8.0, TypeError, r"^shards: needs a whole number"),
        (7, 8, ValueError, r"^number: must be at least 8, got 7$"),
        ("7", 8, TypeError, r"^number: needs a whole number"),
    ],
)
def test_refuses(number: Any, shards: Any, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        fnn.shard_range(number, shards)


def test_refuses_more_ranks_than_shards() -> None:
    assert require_shards(8, 8) == 8
    with pytest.raises(ValueError, match=r"^shards: must be at least as many as the 9 ranks of comm, got 8$"):
        require_shards(8, 9)
