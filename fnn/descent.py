"""One run of the compiled training loop: its workspace, its threads, its state between calls."""

from __future__ import annotations

from typing import Generic, NamedTuple

import numpy as np
from numpy.typing import NDArray

from fnn.batch import Batch, raise_fault
from fnn.kernels import barrier, cases
from fnn.kernels.descend import EPOCH, NEWS, STEP, STOP, descend_kernel, fault_kernel, pack_kernel, unpack_kernel
from fnn.kernels.plan import LINE
from fnn.losses import Loss
from fnn.params import DT, Params
from fnn.threads import run_parts

ROOM = 512  # cases of a batch that the workspace holds; larger batches add up their gradient


class Course(NamedTuple):
    """What came of some epochs."""

    errors: NDArray[np.float64]  # of the epochs that ended
    stopped: bool  # the error was not finite
    at_once: bool  # and it was so before the epoch changed anything


class Descent(Generic[DT]):
    """Everything that stays the same while a network is trained."""

    def __init__(
        self,
        params: Params[DT],
        batch: Batch[DT],
        loss: Loss,
        mean: bool,
        eta: float,
        batch_size: int,
        seed: int,
        threads: int,
    ) -> None:
        self.architecture, self._dtype = params._architecture, params.dtype
        self._batch, self._loss, self._mean = batch, loss, mean
        self._eta, self._batch_size, self._seed = eta, batch_size, seed
        fault, row = fault_kernel[params.dtype](*batch[:4], params.sizes[-1], params.activations[-1].code, loss.code)
        if fault != cases.FINE:
            raise_fault(params, batch, fault, row)
        self._room = min(batch_size, ROOM)
        self._layout = self.architecture.layout(self._dtype, self._room, packed=True)
        self._space = np.zeros(self._layout.whole, self._dtype)
        self._weights = np.zeros(self._layout.weights, self._dtype)
        self._large = np.zeros(self._layout.weights if batch_size > ROOM else LINE // self._dtype.itemsize, self._dtype)
        self._order = np.arange(len(batch.x))
        self._threads = threads

    def run(self, flat: NDArray[DT], first_epoch: int, epochs: int) -> Course:
        """Train `flat` in place for some epochs, or until the error isn't finite."""
        errors, news = np.empty(epochs), np.zeros(NEWS, np.int64)
        gate, table = np.zeros(barrier.SIZE, np.int64), self._layout.table
        kernel = descend_kernel[self._dtype]

        def part(number: int, parts: int) -> None:
            kernel(
                number, parts, gate, table, self._weights, self._space, self._room, self._large,
                *self._batch[:4], self._order, self._loss.code, self._mean, self._eta, self._batch_size, self._seed,
                first_epoch, errors, news,
            )  # fmt: skip

        pack_kernel[self._dtype](table, flat, self._weights, self._space)
        run_parts(part, self._threads)
        unpack_kernel[self._dtype](table, self._weights, flat)
        if news[STOP]:
            return Course(errors[: news[EPOCH]], True, news[STEP] == 0)

        return Course(errors, False, False)

    def last_good(self, flat: NDArray[DT], done: int) -> tuple[int, NDArray[DT], int]:
        """Go over a run that went wrong again, an epoch at a time, from a place before it did.

        Returns the epoch (from 1) in which it went wrong, the last parameters that are finite and have a finite error,
        and after how many epochs those were.
        """
        before, good = flat, flat
        while True:
            tried = good.copy()
            course = self.run(tried, done, 1)
            if course.stopped and course.at_once and done > 0:
                return done + 1, before, done - 1
            if course.stopped or not np.isfinite(tried).all():
                return done + 1, good, done
            before, good, done = good, tried, done + 1
