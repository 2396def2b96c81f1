"""`ShardedStepper`: a `Stepper` on mini-batches of shards, in one process or in many that take the same steps."""

from __future__ import annotations

import time
from functools import partial

import numpy as np
from numpy.typing import NDArray

from fnn.compiler import barrier
from fnn.data.rows import CaseArrays
from fnn.equations.objective import Objective
from fnn.network.params import DT, Params
from fnn.optimizers.kernels.abi import MAX_STEPS
from fnn.optimizers.optimizer import Optimizer, OptimizerState
from fnn.training.evaluator import Evaluator
from fnn.training.interrupt import Interrupt
from fnn.training.kernels import work_stealing
from fnn.training.kernels.sharded.descend import sharded_kernel
from fnn.training.ranks.evaluator import ShardedEvaluator
from fnn.training.ranks.sharding import Sharding
from fnn.training.ranks.together import to_the_end
from fnn.training.steppers.batches import BatchStepper
from fnn.training.steppers.shard_memory import ShardMemory


class ShardedStepper(BatchStepper[DT]):
    """Steps of an optimizer, each on a mini-batch to which every shard gives its part. For members see `Stepper`."""

    def __init__(
        self, params: Params[DT], batch: CaseArrays[DT], objective: Objective, optimizer: Optimizer, batch_size: int,
        seed: int, epochs: int, state: OptimizerState[DT] | None, sharding: Sharding, *, keeps_order: bool = False,
        first_epoch: int = 0,
    ) -> None:  # fmt: skip
        self._sharding = sharding
        super().__init__(
            params, batch, objective, optimizer, batch_size, seed, epochs, state, keeps_order=keeps_order,
            first_epoch=first_epoch, number=sharding.number,
        )  # fmt: skip
        fits, stride = self._own_size() <= self._buffers.capacity, self._buffers.layout.stride
        self.memory = ShardMemory(sharding, self._dtype, stride, batch_size, fits)
        self._interrupted_together = False  # whether a process was interrupted in the last call, as all of them know

    def _new_evaluator(self, params: Params[DT]) -> Evaluator[DT]:
        s = self._sharding
        return ShardedEvaluator(params, self._batch, self._objective, 1, s, s.bounds(s.number))

    def _own_size(self) -> int:
        sharding, batch_size = self._sharding, self._batch_size
        own = (sharding.last - sharding.first) * -(-batch_size // sharding.shards)

        return max(1, min(own, batch_size, self._batch.number))

    def _allows_narrow(self) -> bool:
        return False

    def run(
        self, steps: int, threads: int, *, seconds: float = 0.0, interrupt: Interrupt | None = None
    ) -> tuple[int, float]:
        """As `Stepper.run`; all processes take as many steps."""
        began, optimizer = time.perf_counter(), self.rate.optimizer(self.epoch)
        self._snapshot = self._params = None
        self._interrupted_together = False
        self._prepare(threads)
        first = now = self.steps
        while now < first + steps and not (self.diverged or self._interrupted_together):
            found = self._coefficients(optimizer, now, min(first + steps - now, MAX_STEPS), interrupt)
            take = partial(self._take, found, threads, seconds / steps)
            if self._sharding.team.size == 1:
                take()
            else:
                to_the_end(take, self._calls.interrupt)
            now = self.steps
        self._calls.interrupted = False
        self.starting, self._calls.starting = self._calls.starting, 0.0

        return now - first, time.perf_counter() - began

    def _take(self, found: tuple[NDArray[DT], int] | None, threads: int, seconds: float) -> None:
        """Take steps with coefficients, of which there are none if an interrupt came first, on one of the processes."""
        table, count = (None, 0) if found is None else found
        count = min(self._sharding.team.gather(count))  # the last word before all processes enter the kernel
        if table is None or count == 0:
            self._interrupted_together = True
        else:
            self._run(table[:count], count, threads, count * seconds)

    def _prepare(self, threads: int) -> None:
        """Do what may fail before the processes enter the kernel together."""
        self.memory.prepare(threads)
        self._loss.descriptor_address(self._dtype)
        sharded_kernel[self._dtype]

    def _run(self, coefficients: NDArray[DT], steps: int, threads: int, seconds: float) -> None:
        b, batch, loss = self._buffers, self._batch, self._loss.descriptor_address(self._dtype)
        x, y, labels, weights, sources = batch.taken
        kernel = sharded_kernel[self._dtype]

        def part(number: int, parts: int, words: NDArray[np.int64]) -> None:
            kernel(
                thread=number, threads=parts, barrier=words, table=b.layout.table, weights=b.weights, space=b.space,
                capacity=b.capacity, x=x, y=y, labels=labels, case_weights=weights, sources=sources, order=self.order,
                chosen=batch.chosen, loss=loss, mean=self._mean, descriptor=b.descriptor, state=b.state,
                coefficients=coefficients, batch_size=self._batch_size, seed=self._seed, steps=steps,
                cursor=self._cursor, sums=self._sums, history=self._measures, shards=self.memory.words,
            )  # fmt: skip
            if number == 0:
                self._interrupted_together = bool(words[barrier.CANCELLED])

        self._calls.call(part, threads, work_stealing.barrier_size(threads), seconds)
