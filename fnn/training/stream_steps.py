"""One run of the compiled training loop over a stream, a step a batch."""

from __future__ import annotations

import time
import zlib
from collections.abc import Callable, Mapping
from itertools import pairwise
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from fnn.data.batch_stream import BatchStream
from fnn.data.fingerprint import fingerprints
from fnn.data.rows import NO_LABELS, NO_WEIGHTS, CaseArrays, sources_of
from fnn.equations.objective import Objective
from fnn.io.archive import require_arrays
from fnn.network.layout import cache_aligned_copy
from fnn.network.params import DT, Params
from fnn.optimizers.optimizer import Optimizer, OptimizerState
from fnn.optimizers.schedules import Scaled, Schedule, plateau
from fnn.training.call_tuner import CallTuner, tuner_for
from fnn.training.interrupt import Interrupt
from fnn.training.kernels.descend import CAPACITY, CASE, EPOCH, LOADED
from fnn.training.steps import BatchStepper, Snapshot

CALL: Final = 0.03  # seconds after which the loop sees how far training is, however long the batches take
AHEAD: Final = 256  # steps whose numbers are worked out at once
MANY: Final = 2**62  # steps of an epoch: nobody knows how many there are


class StreamStepper(BatchStepper[DT]):
    """Steps on batches as they come; with each the kernel believes that others of the epoch follow."""

    def __init__(
        self, params: Params[DT], stream: BatchStream[DT], objective: Objective, optimizer: Optimizer, seed: int,
        epochs: int, state: OptimizerState[DT] | None = None,
    ) -> None:  # fmt: skip
        inputs, outputs = (np.empty((0, units), params.dtype) for units in (params.sizes[0], params.sizes[-1]))
        nothing = CaseArrays(inputs, outputs, NO_LABELS, NO_WEIGHTS, False)
        self._firsts = [0]  # the number of the first step of each epoch
        super().__init__(params, nothing, objective, optimizer, CAPACITY + 1, seed, epochs, state)
        self.steps_an_epoch = MANY
        self.digest: int | None = None  # of the epoch's batches so far, if somebody sets it to 0 before the first
        self.took = 0, 0.0  # steps of the last call, and their seconds without the waiting for batches
        self._stream = stream
        self._ahead, self._ahead_from = np.zeros((0, 0), params.dtype), 0

    def start(self, at: Snapshot) -> None:
        """Go on from there."""
        super().start(at)
        self._firsts = self._firsts[: at.epoch + 1]
        self._number, self._done = 0, self._firsts[-1]
        self._good = cache_aligned_copy(self._weights)  # with these, the error of a batch was finite

    @property
    def step(self) -> int:
        """Steps of the current epoch that are done."""
        return self._number

    @property
    def steps(self) -> int:
        """Steps of the whole run that are done."""
        return self._done

    @property
    def batch_size(self) -> int:
        """Cases of the last batch."""
        return len(self._batch.x)

    def is_boundary(self, cases: int) -> bool:
        """Whether a step may begin after so many cases of an epoch."""
        return cases >= 0

    def arrays(self) -> dict[str, NDArray[Any]]:
        """All that must survive until the run is resumed, beside a snapshot."""
        digest = self.digest if self._number else 0
        numbers = {"firsts": self._firsts, "batches": self._number, "digest": digest}

        return {name: np.array(number, np.int64) for name, number in numbers.items()}

    def restore(self, arrays: Mapping[str, NDArray[Any]], stepper: object, seen: int) -> None:
        """Go on from what `arrays` returned; ValueError if it can't have been that."""
        require_arrays(
            arrays, {"firsts": (np.int64, (self.epoch + 1,)), "batches": (np.int64, ()), "digest": (np.int64, ())}
        )
        firsts, batches = arrays["firsts"].tolist(), int(arrays["batches"])
        if firsts[0] != 0 or not all(a < b for a, b in pairwise(firsts)) or (batches > 0) != (self.cases > 0):
            raise ValueError(
                f"there is no such place as batch {batches} of the epoch that begins with step {firsts[-1]}"
            )
        self._firsts, self._number, self._done = firsts, batches, firsts[-1] + batches
        self.digest = int(arrays["digest"])

    def catch_up(self) -> bool:
        """Go through the batches of the epoch that are done; whether they are those that were trained on."""
        found, count = 0, 0
        for batch in self._stream.skip(self.epoch + 1, self._number):
            found, count = digest_of(batch, found), count + 1

        return (found, count) == (self.digest, self._number)

    def _first_steps(self, epochs: int) -> NDArray[np.int64]:
        """The number, from 0, of the first step of each of the first epochs."""
        return np.array(self._firsts[:epochs], np.int64)

    def run(self, steps: int, threads: int, *, seconds: float = 0.0, interrupt: Interrupt | None = None) -> None:
        """Take some steps, all of one epoch; fewer if it ends, if time is up, or if the error is no longer finite.

        Fewer, too, if somebody interrupts, at once even while the next batch is waited for.
        """
        before, began, spent, count = cache_aligned_copy(self._weights), time.perf_counter(), 0.0, 0
        while (
            count < steps
            and not (self.stopped or self._interrupted)
            and (count == 0 or time.perf_counter() - began < CALL)
        ):
            found = self._next(interrupt)
            if found is None:
                break
            (batch,) = found
            if batch is None:
                self._end_epoch()
                break
            start = time.perf_counter()
            self._take(batch, threads, seconds / steps)
            spent += time.perf_counter() - start
            count += 1
            if count == 1 and not self.stopped and np.isfinite(before).all():
                self._good = before
        self.took = count, spent

    def last_good(self) -> tuple[int, NDArray[DT], int] | None:
        """The epoch that went wrong, parameters shortly before, and how many epochs were over: no batch comes again."""
        return self.epoch + 1, self._unpacked(self._good), self.epoch

    def _next(self, interrupt: Interrupt | None) -> tuple[CaseArrays[DT] | None] | None:
        """What the stream has next; None if an interrupt came first."""

        def following() -> tuple[CaseArrays[DT] | None]:
            return (self._stream.next(),)

        return following() if interrupt is None else interrupt.call(following)

    def _take(self, batch: CaseArrays[DT], threads: int, seconds: float) -> None:
        """A step on a batch."""
        sources = sources_of(batch, self._dtype, 1.0, int(self._cursor[CASE]), more=True)
        self._batch, self._batch_size = batch._replace(sources=sources), len(batch.x)
        self._cursor[LOADED] = 0
        before = self.cases
        self._run(self._numbers(), 1, threads, seconds)
        if self.cases > before or self.stopped:  # else it was interrupted
            if self.digest is not None:
                self.digest = digest_of(batch, self.digest if self._number else 0)
            self._done += 1
            self._number += 1

    def _numbers(self) -> NDArray[DT]:
        """Those of the next step: a row."""
        at = self._taken - self._ahead_from
        if at >= len(self._ahead) or (self._number == 0 and self.listens):
            optimizer, rate = self._optimizer, self._optimizer.rate
            if isinstance(rate, plateau):
                optimizer = optimizer.with_rate(Scaled(rate.rate, self._seen[self.epoch].scale))
            # A function of the user's may know no steps but those that are taken.
            count = 1 if callable(rate) and not isinstance(rate, Schedule | plateau) else AHEAD
            numbers = self._coefficients(optimizer, count)
            self._ahead, self._ahead_from, at = np.broadcast_to(numbers, (count, numbers.shape[1])), self._taken, 0

        return np.ascontiguousarray(self._ahead[at : at + 1])

    def _end_epoch(self) -> None:
        total, weight = self._sums.tolist()
        self.history[self.epoch] = total / weight if self._mean else total
        self._cursor[EPOCH] += 1
        self._cursor[CASE] = self._number = 0
        self._firsts.append(self._done)
        self._sums[:] = 0


def digest_of(batch: CaseArrays[Any], before: int) -> int:
    """A checksum of a batch and of those before it."""
    return zlib.crc32(repr(fingerprints(batch)).encode(), before)


class StreamTuner(CallTuner):
    """The pace of steps on batches whose size is known when the first one has come."""

    def __init__(self, stepper: StreamStepper[Any], work: Callable[[int], float], threads: int | None) -> None:
        super().__init__(0.0, 1)
        self._stepper, self._work, self._threads = stepper, work, threads
        self._inner: CallTuner | None = None

    def suggest(self) -> tuple[int, int]:
        """Steps and threads for the next call."""
        return (1, 1) if self._inner is None else self._inner.suggest()

    def seconds(self, steps: int) -> float:
        """How long so many steps will take, as far as can be told."""
        return 0.0 if self._inner is None else self._inner.seconds(steps)

    def observe(self, steps: int, threads: int, seconds: float) -> None:
        """Learn how long a call took, but for what the stream took."""
        steps, seconds = self._stepper.took
        if steps == 0:
            return
        if self._inner is None:
            self._inner = tuner_for(self._work(self._stepper.batch_size), self._threads)
        else:
            self._inner.observe(steps, threads, seconds)
