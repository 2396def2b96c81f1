"""What ranks under ``mpiexec`` measure: ``python -m tests.benchmarks.ranks.jobs JSON``; rank 0 prints JSON."""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, Final

import numpy as np

from fnn.training.ranks.team import team_of
from fnn.training.ranks.tree import TAIL, TreeSum

from .rounds import Interval, Processor, Round, joint, timed, undisturbed
from .training import Setting, Training, halves, interleaved

_TRIALS: Final = 20  # exchanges a round


def alone(sizes: list[int], batches: list[int], shards: list[int | None], rounds: int, budget: float) -> Any:
    """Seconds a step by one rank, of each batch size with each number of shards, batch by batch."""
    _pin(0)
    made = [{str(n): Training(Setting(tuple(sizes), batch, n)) for n in shards} for batch in batches]

    return [interleaved(trainings, rounds, budget) for trainings in made]


def together(sizes: list[int], batch: int, shards: int, rounds: int, budget: float) -> Any:
    """Seconds of a step and of exchanges, by round: alone, while the other sleeps, and together."""
    world = _world()
    setting = Setting(tuple(sizes), batch, shards)
    both, ways = Training(setting, world), _exchanges(world, setting)
    steps = world.bcast(both.steps_in(budget))
    by_one = Training(setting) if world.rank == 0 else None
    few = by_one.steps_in(budget) if by_one else 0

    def measure() -> Round:
        times, processor = {}, Processor()
        if by_one is not None:
            with processor:
                times["alone"] = by_one.seconds(few)
        _wait(world)
        with Processor() as of_both:
            times["together"] = both.seconds(steps)
            both.exchanges.clear()
            both.messages.clear()
            both.compares = True
            both.seconds(max(4, steps))
            both.compares = False
            times["in steps"], times["messages in steps"] = (
                _median(world, both.exchanges),
                _median(world, both.messages),
            )
            times |= {name: _median(world, [do() for _ in range(_TRIALS)]) for name, do in ways.items()}
        return _round(world, times, processor, of_both)

    return undisturbed(measure, rounds)


def _round(world: Any, times: dict[str, float], *processors: Processor) -> Round:
    """A round of all ranks."""
    return Round(times, min(world.allgather(min(processor.share for processor in processors))))


def _exchanges(world: Any, setting: Setting) -> dict[str, Callable[[], Interval]]:
    """The sum of the rows of two ranks, which each has just written, and messages of the same size.

    (What hasn't been written since the last message is in the other rank's cache, too, and need not travel.)
    """
    rows, received = np.zeros((2, 1, setting.row), np.uint8)
    tree = TreeSum(team_of(world), 2, rows, np.dtype(np.float32), (setting.row - TAIL) // 4)

    def fresh(exchange: Callable[[], object]) -> Interval:
        rows.view(np.float32)[:] = 1.0
        world.Barrier()
        return timed(exchange)

    return {"sum": partial(fresh, tree.sum), "messages": partial(fresh, halves(world, rows[0], received[0]))}


def link(sizes: list[int], rounds: int) -> Any:
    """Seconds of the two messages of an exchange, and of the sum between them, by the bytes of a message."""
    world = _world()
    rows = np.zeros((3, max(sizes) // 4), np.float32)
    found = []
    for size in sizes:
        given, received, own = rows[:, : size // 4]
        swap = partial(world.Sendrecv, dest=1 - world.rank, source=1 - world.rank)
        calls = {
            "down": partial(swap, given, recvbuf=received),
            "sum": partial(np.add, own, received, out=own),
            "up": partial(swap, own, recvbuf=given),
        }

        def measure(calls: Mapping[str, Callable[[], object]] = calls) -> Round:
            with Processor() as processor:
                each: dict[str, list[Interval]] = {name: [] for name in calls}
                for _ in range(_TRIALS):
                    for name, do in calls.items():
                        world.Barrier()
                        each[name].append(timed(do))
            return _round(world, {name: _median(world, trials) for name, trials in each.items()}, processor)

        found.append(undisturbed(measure, rounds))

    return found


def _median(world: Any, intervals: list[Interval]) -> float:
    return float(np.median(joint(world.allgather(intervals))))


def _wait(world: Any) -> None:
    """Wait for all ranks asleep, so that those that work have their processors."""
    request = world.Ibarrier()
    while not request.Test():
        time.sleep(0.002)


def _world() -> Any:
    """The ranks, each of which has a processor of its own from here on."""
    from mpi4py import MPI

    world: Any = MPI.COMM_WORLD
    _pin(world.rank)

    return world


def _pin(rank: int) -> None:
    """Keep a rank to one processor, where that is possible."""
    if hasattr(os, "sched_setaffinity"):
        processors = sorted(os.sched_getaffinity(0))
        os.sched_setaffinity(0, {processors[rank % len(processors)]})


JOBS: dict[str, Callable[..., Any]] = {job.__name__: job for job in (alone, together, link)}


def main() -> None:
    """Do the job of the command line."""
    arguments = json.loads(sys.argv[1])
    found = JOBS[arguments.pop("job")](**arguments)
    module = sys.modules.get("mpi4py.MPI")
    if module is None or module.COMM_WORLD.rank == 0:
        print(json.dumps(found))


if __name__ == "__main__":
    main()
