from __future__ import annotations

import json
import subprocess
import sys
import types
from typing import Any

import pytest

from fnn.training.ranks.team import Team, team_of
from tests.training.ranks.launch import ROOT, Mpi, mpirun

PROGRAMS = "tests.training.ranks.programs"


@pytest.mark.parametrize("mpi", ["mpich", "openmpi"])
def test_teams(mpi: Mpi, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("NUMBA_NUM_THREADS", "OMP_NUM_THREADS", "OMP_THREAD_LIMIT"):
        monkeypatch.delenv(name, raising=False)
    found = json.loads(mpirun(4, "-m", PROGRAMS, "teams", mpi=mpi))
    check_meetings(found["meetings"])
    check_threads(*found["threads"])
    check_communicators(found["communicators"])


def check_meetings(found: Any) -> None:
    """Answers are those of rank 0; errors come to every rank with the first failed rank, to that as they are."""
    squares = [0, 1, 4, 9]
    assert found["answers"] == [[5, 7, 1, squares]] + [[5, 7, 0, squares]] * 3
    assert found["interrupts"] == [[False, False, True, rank == 1] for rank in range(4)]
    for name, first, kind, arguments, file in [
        ("one", 2, "ValueError", ["two", 2], None),
        ("leader", 0, "OSError", [28, "No space left on device"], "/a/file"),
        ("exit", 3, "SystemExit", [4], None),
    ]:
        for rank, (raised, again) in enumerate(found[name]):
            notes = [] if rank == first else [f"raised on rank {first} of 4"]
            assert raised == [kind, arguments, notes, file]
            assert again == []  # another team isn't concerned
    for name, words in (("unpicklable", "Unpicklable('held')"), ("unlike", "Unlike('ab')")):
        own, *others = (found[name][rank][0] for rank in (1, 0, 2, 3))
        assert own[0] == words.partition("(")[0]
        assert others == [["RuntimeError", [words], ["raised on rank 1 of 4"], None]] * 3
    first_error = ["ZeroDivisionError", ["one"], ["raised on rank 1 of 4"], None]
    own_error = ["ZeroDivisionError", ["one"], [], None]
    assert [raised for raised, _ in found["several"]] == [
        first_error,
        own_error,
        ["KeyError", ["two"], [], None],
        first_error,
    ]


def check_threads(processors: int, *ranks: list[list[int]]) -> None:
    """Ranks that may run on the same processors share them."""
    for rank, (all_of_them, one, pair) in enumerate(ranks):
        shared = max(1, processors // 4)
        assert all_of_them == [shared, 1, shared]
        assert one == [1, 1, 1]
        if rank < 2:
            assert pair == [1, 1, 1] if rank == 0 or processors == 1 else [min(pair[0], processors), 1, processors]


def check_communicators(found: Any) -> None:
    """Only intracommunicators that are valid are taken; and a rank has the cases of its shards."""
    intercommunicator, null, freed, info = found["refused"]
    assert intercommunicator.startswith(
        "TypeError: comm: needs a communicator of the package mpi4py (pip install 'fnn[mpi]') such as "
        "mpi4py.MPI.COMM_WORLD, got a mpi4py.MPI.Intercomm: "
    )
    assert "got a mpi4py.MPI.Comm" in null
    assert "no longer valid" in freed
    assert "got a mpi4py.MPI.Info" in info
    assert found["alone"] == [1, "Team"]
    # 8 shards, 2 of them on each rank; of 29 cases the first 5 shards have 4, the others 3.
    assert found["ranges"] == [[[0, 2], [2, 4], [4, 6], [6, 8]], [[0, 8], [8, 16], [16, 23], [23, 29]]]


def test_mpi_that_only_the_main_thread_may_call() -> None:
    assert "mpi4py.rc.thread_level = 'serialized'" in mpirun(1, "-m", PROGRAMS, "funneled", mpi="mpich")


@pytest.mark.parametrize("comm", [0, "world", types.SimpleNamespace(rank=0, size=2), Team()])
def test_refuses_other_objects(comm: Any) -> None:
    kind = type(comm)
    with pytest.raises(TypeError, match=rf"^comm: needs .* mpi4py .* got a {kind.__module__}\.{kind.__qualname__}: "):
        team_of(comm)


def test_alone() -> None:
    team = team_of(None)
    assert (team.rank, team.size, team.leads) == (0, 1, True)
    team.meet()
    assert team.lead(3) == 3
    assert team.gather("a") == ["a"]
    calls = iter((7, 8))
    assert team.call(calls.__next__) == 7
    assert next(calls) == 8
    with pytest.raises(ValueError, match="as it is") as caught, team:
        raise ValueError("as it is")
    assert not hasattr(caught.value, "__notes__")
    team.wanted = True
    assert team.interrupted


def test_mpi4py_is_not_imported() -> None:
    code = "import sys, fnn; fnn.shard_range(100, 8); assert not any(name.startswith('mpi4py') for name in sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True, cwd=ROOT)
