"""`Training`: the steps of a run on shards, taken when they are asked for, with the time that exchanges take."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from operator import attrgetter
from typing import Any, Final, NamedTuple, Self

import numpy as np
from numpy.typing import NDArray

import fnn
from fnn.data.batch_stream import BatchStream
from fnn.training.ranks.team import team_of
from fnn.training.ranks.tree import TAIL, TreeSum
from fnn.training.steppers.batches import BatchStepper
from fnn.training.steppers.sharded import ShardedStepper
from fnn.training.task import task_of

from ..peers.with_fnn import network
from ..workloads import start

SHARE: Final = "share"  # among the times: what the ranks had of their processors
CASES: Final = 16_384  # more than the caches hold
_EPOCHS: Final = 100_000
_ENOUGH: Final = 0.98  # of a processor
_FLOAT: Final = np.dtype(np.float32)


class Setting(NamedTuple):
    """A network, the cases of a batch, and into how many shards they are cut; None: the loop without shards."""

    sizes: tuple[int, ...]
    batch: int
    shards: int | None

    @property
    def row(self) -> int:
        """Bytes of what a rank sends: the gradient as it is laid out, and eight numbers."""
        params = network(self.sizes, start(self.sizes))

        return params.architecture.layout(_FLOAT, 1, packed=True).stride * _FLOAT.itemsize + TAIL


class Interval(NamedTuple):
    """From a rank's arrival to its departure; ranks of one machine have one clock."""

    begin: float
    end: float


class Training:
    """Sigmoid units, squared error, mean gradients, float32, noise in place of cases; one thread."""

    def __init__(self, setting: Setting, comm: Any = None) -> None:
        random = np.random.default_rng(0)
        x = random.random((CASES, setting.sizes[0]), dtype=np.float32)
        y = np.eye(setting.sizes[-1], dtype=np.float32)[random.integers(0, setting.sizes[-1], CASES)]
        task = task_of(
            network(setting.sizes, start(setting.sizes)), x, y, optimizer=None, eta=0.1, epochs=_EPOCHS,
            batch_size=setting.batch, seed=0, loss=fnn.squared_error, reduction="mean", regularization=None,
            validation=None, stopping=None, callbacks=(), checkpoint=None, state=None, threads=1,
            shards=setting.shards, team=team_of(comm),
        )  # fmt: skip
        assert not isinstance(task.cases, BatchStream)
        assert isinstance(task.optimizer, fnn.Optimizer)
        given = task.params, task.cases, task.objective, task.optimizer, task.batch_size, 0, _EPOCHS, None
        self.exchanges: list[Interval] = []
        if task.sharding is None:
            self._stepper: BatchStepper[Any] = BatchStepper(*given)
            return
        sharded = self._stepper = ShardedStepper(*given, task.sharding)
        if sharded.memory.sum is not None:
            self._observe(sharded.memory.sum)

    def _observe(self, tree: TreeSum) -> None:
        """Note when each exchange begins and ends."""
        add_up = tree.sum

        def observed() -> None:
            begin = time.perf_counter()
            add_up()
            self.exchanges.append(Interval(begin, time.perf_counter()))

        vars(tree)["sum"] = observed

    def seconds(self, steps: int) -> float:
        """Seconds a step."""
        count, seconds = self._stepper.run(steps, 1)
        assert count == steps

        return seconds / count

    def steps_in(self, budget: float) -> int:
        """The steps that take about so many seconds, after a first one that compiles."""
        self.seconds(1)

        return max(1, round(budget / self.seconds(2)))


class Round(NamedTuple):
    """Seconds by name, and the part of the time that the ranks that worked had their processors."""

    times: dict[str, float]
    share: float


class Processor:
    """Measures which part of a block's time this process, which never sleeps in it, had its processor."""

    share = 1.0

    def __enter__(self) -> Self:
        self._began = time.perf_counter(), time.process_time()
        return self

    def __exit__(self, *_: object) -> None:
        began, used = self._began
        self.share = (time.process_time() - used) / (time.perf_counter() - began)


def undisturbed(measure: Callable[[], Round], rounds: int) -> dict[str, list[float]]:
    """The times of as many rounds in which other processes take next to nothing from the ranks.

    Others are measured again, but no more than ten times as many in all; the best ones of these are taken then.
    """
    found: list[Round] = []
    while len(found) < 10 * rounds and sum(one.share >= _ENOUGH for one in found) < rounds:
        found.append(measure())
    best = sorted(found, key=attrgetter("share"), reverse=True)[:rounds]

    return {name: [one.times[name] for one in best] for name in best[0].times} | {SHARE: [one.share for one in best]}


def interleaved(trainings: Mapping[str, Training], rounds: int, budget: float) -> dict[str, list[float]]:
    """Seconds a step of each, in rounds A B C A B C."""
    steps = {name: training.steps_in(budget) for name, training in trainings.items()}

    def measure() -> Round:
        times, shares = {}, []
        for name, training in trainings.items():
            with Processor() as processor:
                times[name] = training.seconds(steps[name])
            shares.append(processor.share)
        return Round(times, min(shares))

    return undisturbed(measure, rounds)


def joint(intervals: Sequence[Sequence[Interval]]) -> NDArray[np.float64]:
    """How long exchanges take from the last rank's arrival until all have left; each rank has a list of all."""
    ranks = np.array(intervals)
    joined: NDArray[np.float64] = ranks[:, :, 1].max(axis=0) - ranks[:, :, 0].max(axis=0)

    return joined
