"""`Training`: the steps of a run on shards, taken when they are asked for, with the time that exchanges take."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final, NamedTuple

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
from .rounds import Interval, Processor, Round, timed, undisturbed

CASES: Final = 16_384  # more than the caches hold
_EPOCHS: Final = 100_000
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


def halves(comm: Any, row: NDArray[Any], received: NDArray[Any]) -> Callable[[], None]:
    """What two ranks must send each other to add up their rows: first one half, then the other."""
    middle, other = row.size // 2, 1 - comm.Get_rank()
    parts = [(row[part], received[part]) for part in (slice(middle), slice(middle, None))]

    def exchange() -> None:
        for sent, place in parts:
            comm.Sendrecv(sent, other, recvbuf=place, source=other)

    return exchange


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
        self.messages: list[Interval] = []  # two, as long as those of an exchange, in its place
        self.compares = False
        if task.sharding is None:
            self._stepper: BatchStepper[Any] = BatchStepper(*given)
            return
        sharded = self._stepper = ShardedStepper(*given, task.sharding)
        if sharded.memory.sum is not None:
            self._observe(sharded.memory.sum, comm)

    def _observe(self, tree: TreeSum, comm: Any) -> None:
        """Note when each exchange begins and ends; or in every other step, if asked, when messages do before it."""
        add_up, row = tree.sum, vars(tree)["_buffers"][0]
        messages = halves(comm, row, np.zeros_like(row))

        def observed() -> None:
            if self.compares and tree.calls % 2:
                self.messages.append(timed(messages))
                add_up()
            else:
                self.exchanges.append(timed(add_up))

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


def interleaved(trainings: Mapping[str, Training], rounds: int, budget: float) -> dict[str, list[float]]:
    """Seconds of the processor that a step of each takes, in rounds A B C A B C."""
    steps = {name: training.steps_in(budget) for name, training in trainings.items()}

    def measure() -> Round:
        times, shares = {}, []
        for name, training in trainings.items():
            with Processor() as processor:
                seconds = training.seconds(steps[name])
            times[name] = seconds * processor.share
            shares.append(processor.share)
        return Round(times, min(shares))

    return undisturbed(measure, rounds)
