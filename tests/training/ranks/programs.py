"""What the tests run under ``mpiexec``: ``python -m tests.training.ranks.programs NAME``; rank 0 prints JSON."""

from __future__ import annotations

import ctypes
import hashlib
import json
import os
import sys
from collections.abc import Callable, Iterable
from typing import Any

import mpi4py
import numpy as np

from fnn.training.ranks.shards import forest, shard_range, shards_of
from fnn.training.ranks.team import Team, team_of
from fnn.training.ranks.tree import TAIL, TreeSum
from tests.training.ranks.oracle import CASES, SIZES, Rows


def sums(world: Any) -> Any:
    """By number of ranks, for each of the cases: the digests of all ranks' sums."""
    found = {}
    for size in SIZES:
        comm = world.Split(int(world.rank < size), world.rank)
        if world.rank < size:
            trees: dict[tuple[Any, ...], tuple[TreeSum, Any]] = {}
            found[size] = [comm.allgather(_digest(team_of(comm), rows, trees)) for rows in CASES]

    return found


def _digest(team: Team, rows: Rows, trees: dict[tuple[Any, ...], tuple[TreeSum, Any]]) -> str:
    """The digest of a sum, made by the function for C; with a second trial of the same shape by the same tree."""
    nodes, dtype = forest(*shards_of(team.rank, team.size, rows.shards)), np.dtype(rows.dtype)
    length = rows.length * dtype.itemsize
    if rows[:3] not in trees:
        buffers = np.empty((len(nodes), -(-length // 64) * 64 + TAIL), np.uint8)
        trees[rows[:3]] = TreeSum(team, rows.shards, buffers, dtype, rows.length), buffers
    tree, buffers = trees[rows[:3]]
    for buffer, node in zip(buffers, nodes, strict=True):
        row = rows.node(*node)
        buffer[:length], buffer[-TAIL:] = row.elements.view(np.uint8), row.numbers.view(np.uint8)
    assert ctypes.CFUNCTYPE(ctypes.c_int64)(tree.address)() == 0
    assert tree.calls == rows.trial + 1
    assert tree.seconds > 0

    return hashlib.sha256(bytes(buffers[0, :length]) + bytes(buffers[0, -TAIL:])).hexdigest()


def broken(world: Any) -> None:
    """Rows that are longer on one rank than on the other: an error of MPI, from within compiled code."""
    buffers = np.zeros((1, TAIL * (1 + world.rank)), np.uint8)
    ctypes.CFUNCTYPE(ctypes.c_int64)(TreeSum(team_of(world), 2, buffers, np.dtype(np.float32), 0).address)()


class Unpicklable(Exception):
    """An error that holds a function."""

    def __init__(self, text: str) -> None:
        super().__init__(text)
        self.function = lambda: text


class Unlike(Exception):
    """An error that can be pickled, but not be made again."""

    def __init__(self, one: str, two: str) -> None:
        super().__init__(one + two)


def meetings(world: Any) -> Any:
    """What ranks agree on, and the errors that they get, by rank."""
    team, calls = team_of(world), []

    def called() -> int:
        calls.append(1)
        return 7

    answers = [team.lead(world.rank + 5), team.call(called), len(calls), team.gather(world.rank**2)]
    found = {
        "answers": world.allgather(answers),
        "interrupts": world.allgather(_interrupts(team_of(world), team_of(world))),
    }
    for name, failing in ERRORS.items():
        team, seconds = team_of(world), team_of(world)
        found[name] = world.allgather([_raised(team, failing.get(world.rank)), _raised(seconds, None)])

    return found


ERRORS: dict[str, dict[int, BaseException]] = {
    "one": {2: ValueError("two", 2)},
    "several": {2: KeyError("two"), 1: ZeroDivisionError("one")},
    "leader": {0: OSError(28, "No space left on device", "/a/file")},
    "exit": {3: SystemExit(4)},
    "unpicklable": {1: Unpicklable("held")},
    "unlike": {1: Unlike("a", "b")},
}


def _raised(team: Team, error: BaseException | None) -> list[Any]:
    """The error that a rank ends with, if it meets the others or fails; told once, though it leaves two blocks."""
    try:
        with team, team:
            if error is not None:
                raise error
            team.call(int)
    except BaseException as caught:
        file = caught.filename if isinstance(caught, OSError) else None
        team.fail(ValueError("another one, when all have ended"))

        return [type(caught).__name__, caught.args, getattr(caught, "__notes__", []), file]

    return []


def _interrupts(team: Team, ended: Team) -> list[bool]:
    """Whether a team is interrupted: before rank 1 wants it, then, and after a meeting; and one that meets no more."""
    found = [team.interrupted]
    team.wanted = team.rank == 1
    found.append(team.interrupted)
    team.meet()
    ended.wanted = team.wanted
    ended.end()

    return [*found, team.interrupted, ended.interrupted]


def threads(world: Any) -> Any:
    """The threads that ranks get on one processor each, on all of them, and of two when the other has one."""
    processors = sorted(os.sched_getaffinity(0))
    pair = world.Split(int(world.rank < 2), world.rank)
    rows = []
    for comm, ours in (
        (world, processors),
        (world, processors[:1]),
        (pair, processors[: 1 if world.rank == 0 else None]),
    ):
        os.sched_setaffinity(0, ours)
        team = team_of(comm)
        rows.append([team.threads(None), team.threads(1), team.threads(1000)])

    return [len(processors), *world.allgather(rows)]


def communicators(world: Any) -> Any:
    """What is refused, and what isn't; and the cases of each rank."""
    MPI: Any = mpi4py.MPI
    half = world.Split(world.rank % 2, world.rank)
    between = half.Create_intercomm(0, world, 1 - world.rank % 2)
    freed = world.Dup()
    freed.Free()
    refused = [_message(comm) for comm in (between, MPI.COMM_NULL, freed, MPI.INFO_NULL)]
    alone = team_of(MPI.COMM_SELF)
    assert team_of(half).communicator == team_of(half).communicator != half  # MPICH has no more than 2,048
    ranges = [world.allgather(list(_ends(shard_range(number, 8, world)))) for number in (8, 29)]

    return {"refused": refused, "alone": [alone.size, type(alone).__name__], "ranges": ranges}


def _ends(cases: range) -> Iterable[int]:
    return cases.start, cases.stop


def _message(comm: Any) -> str:
    try:
        team_of(comm)
    except (TypeError, ValueError) as error:
        return f"{type(error).__name__}: {error}"

    return ""


def funneled(world: Any) -> Any:
    """The error where MPI may be called by the main thread alone."""
    return _message(world)


def teams(world: Any) -> Any:
    """All that needs a few ranks, and little time."""
    return {"meetings": meetings(world), "threads": threads(world), "communicators": communicators(world)}


PROGRAMS: dict[str, Callable[[Any], Any]] = {program.__name__: program for program in (sums, broken, teams, funneled)}


def main(name: str) -> None:
    """Run a program in this rank."""
    mpi4py.rc.thread_level = "funneled" if name == "funneled" else "multiple"
    from mpi4py import MPI

    found = PROGRAMS[name](MPI.COMM_WORLD)
    if MPI.COMM_WORLD.rank == 0:
        print(json.dumps(found))


if __name__ == "__main__":
    main(*sys.argv[1:])
