from __future__ import annotations

import hashlib
import json
from itertools import pairwise

import pytest

from fnn.training.ranks.shards import forest, shards_of
from fnn.training.ranks.tree import sums_of
from tests.training.ranks.launch import Mpi, ended, mpirun, start
from tests.training.ranks.oracle import CASES, SIZES


@pytest.mark.parametrize("mpi", ["mpich", "openmpi"])
def test_sums_have_the_same_bits_on_any_number_of_ranks(mpi: Mpi) -> None:
    found = json.loads(mpirun(max(SIZES), "-m", "tests.training.ranks.programs", "sums", mpi=mpi))
    for number, rows in enumerate(CASES):
        root = rows.node(0, rows.shards)
        digest = hashlib.sha256(root.elements.tobytes() + root.numbers.tobytes()).hexdigest()
        for size in SIZES:
            assert found[str(size)][number] == [digest] * size, (size, rows)


@pytest.mark.parametrize("mpi", ["mpich", "openmpi"])
def test_an_error_of_mpi_in_a_sum_ends_all_ranks(mpi: Mpi) -> None:
    status, _, errors = ended(start(2, "-m", "tests.training.ranks.programs", "broken", mpi=mpi), seconds=20)
    assert status != 0
    assert "Traceback" in errors
    assert "truncate" in errors.lower()


@pytest.mark.parametrize(
    "first, last, wanted",
    [
        (0, 8, [(0, 8)]),
        (8, 16, [(8, 8)]),
        (3, 4, [(3, 1)]),
        (0, 7, [(0, 4), (4, 2), (6, 1)]),
        (1, 8, [(1, 1), (2, 2), (4, 4)]),
        (21, 42, [(21, 1), (22, 2), (24, 8), (32, 8), (40, 2)]),
    ],
)
def test_forest(first: int, last: int, wanted: list[tuple[int, int]]) -> None:
    assert forest(first, last) == wanted


@pytest.mark.parametrize("ranks, shards", [(1, 1), (2, 2), (3, 4), (5, 16), (7, 64), (64, 64), (1000, 1024)])
def test_every_node_of_the_forests_is_summed_once(ranks: int, shards: int) -> None:
    sums, root = sums_of(ranks, shards)
    sizes = {
        (rank, row): size
        for rank in range(ranks)
        for row, (_, size) in enumerate(forest(*shards_of(rank, ranks, shards)))
    }
    for size, left, right, result in sums:
        other = right if result == left else left
        assert sizes[left] == sizes[right] == size // 2
        del sizes[other]
        sizes[result] = size
    assert sizes == {root: shards}
    assert all(a.size <= b.size for a, b in pairwise(sums))
