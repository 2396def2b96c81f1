"""`StreamStepper`: a `Stepper` on an iterable of batches, a step a batch."""

from __future__ import annotations

import time
import zlib
from itertools import pairwise
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from fnn.data.batch_stream import BatchStream, Refusal
from fnn.data.fingerprint import fingerprints
from fnn.data.rows import NO_LABELS, NO_WEIGHTS, CaseArrays, sources_of
from fnn.equations.objective import Objective
from fnn.io.archive import require_arrays
from fnn.network.params import DT, Params
from fnn.optimizers.optimizer import Optimizer, OptimizerState
from fnn.optimizers.schedule import Schedule
from fnn.training.checkpoint_format import Arrays, ArraySpecs
from fnn.training.interrupt import Interrupt
from fnn.training.kernels.descend import CAPACITY
from fnn.training.kernels.epochs import CASE, EPOCH, LOADED
from fnn.training.steppers.batches import BatchStepper
from fnn.training.steppers.stepper import Snapshot

CALL: Final = 0.03  # seconds after which `run` returns, however slowly the batches come
AHEAD: Final = 256  # steps whose coefficients are worked out at once
UNKNOWN: Final = 2**62  # steps of an epoch: more than there will ever be


class StreamStepper(BatchStepper[DT]):
    """Steps on batches as they come: the kernel sees each as part of an epoch without an end; `_end_epoch` ends it."""

    def __init__(
        self, params: Params[DT], stream: BatchStream[DT], objective: Objective, optimizer: Optimizer, seed: int,
        epochs: int, state: OptimizerState[DT] | None = None, *, first_epoch: int = 0, keeps_digest: bool = False,
    ) -> None:  # fmt: skip
        x, y = (np.empty((0, units), params.dtype) for units in (params.sizes[0], params.sizes[-1]))
        no_cases = CaseArrays(x, y, NO_LABELS, NO_WEIGHTS, False)
        self._starts = [0]  # of epochs: the steps before each
        super().__init__(
            params, no_cases, objective, optimizer, CAPACITY + 1, seed, epochs, state, first_epoch=first_epoch
        )
        self.steps_per_epoch = UNKNOWN
        self._stream = stream
        self._digest: int | None = 0 if keeps_digest else None  # of the current epoch's batches, for a resumed run

    def restore(self, at: Snapshot[DT]) -> None:
        """Go on from a snapshot at the end of an epoch; `resume` may find the place within one."""
        super().restore(at)
        self._starts = self._starts[: at.epoch + 1]
        self._step = 0
        self._rows, self._first_row = np.zeros((0, 0), self._dtype), 0  # coefficients of the steps from that one on
        self._good = at.params  # with these, the error of a batch was finite

    @property
    def step(self) -> int:
        return self._step

    @property
    def steps(self) -> int:
        return self._starts[-1] + self._step

    @property
    def batch_size(self) -> int:
        """Cases of the last batch; 0 before the first."""
        return len(self._batch.x)

    def first_steps(self, epochs: int) -> NDArray[np.int64]:
        return self._earlier_steps + np.array(self._starts[:epochs], np.int64)

    def run(
        self, steps: int, threads: int, *, seconds: float = 0.0, interrupt: Interrupt | None = None
    ) -> tuple[int, float]:
        """Take steps, fewer if the epoch ends, 30 ms are over, or the run diverges or is interrupted."""
        before, end, spent, count = self.params(), time.perf_counter() + CALL, 0.0, 0
        while (
            count < steps
            and not (self.diverged or self._calls.interrupted)
            and (count == 0 or time.perf_counter() < end)
        ):
            item = self._following() if interrupt is None else interrupt.call(self._following)
            if item is None:  # an interrupt came first
                break
            (batch,) = item
            if batch is None:
                self._end_epoch()
                break
            began = time.perf_counter()
            if not self._take(batch, threads, seconds / steps, interrupt):
                break
            count, spent = count + 1, spent + time.perf_counter() - began
            if count == 1 and not self.diverged and np.isfinite(before.flat_buffer).all():
                self._good = before
        self._calls.interrupted = False

        return count, spent

    def _following(self) -> tuple[CaseArrays[DT] | None]:
        """A batch, or None at the end of an epoch; in a tuple, for `Interrupt.call` returns None, too."""
        return (self._stream.next(),)

    def _take(self, batch: CaseArrays[DT], threads: int, seconds: float, interrupt: Interrupt | None) -> bool:
        """Take a step on a batch; whether it was taken, not cancelled."""
        coefficients = self._next_coefficients(interrupt)
        if coefficients is None:
            return False
        sources = sources_of(batch, self._dtype, 1.0, int(self._cursor[CASE]), more=True)
        self._batch, self._batch_size = batch._replace(sources=sources), len(batch.x)
        self._snapshot = self._params = None
        self._cursor[LOADED] = 0
        before = self._cursor[CASE].item()
        self._run(coefficients, 1, threads, seconds)
        if self._cursor[CASE] == before and not self.diverged:
            return False
        if self._digest is not None:
            self._digest = digest_of(batch, self._digest if self._step else 0)
        self._step += 1

        return True

    def _next_coefficients(self, interrupt: Interrupt | None) -> NDArray[DT] | None:
        """The coefficients of the next step: a row; None if interrupted."""
        row = self.steps - self._first_row
        if row >= len(self._rows) or (self._step == 0 and self.rate.observes_errors):
            optimizer = self.rate.optimizer(self.epoch)
            # A function of the user is called only for steps that are taken.
            is_known = not callable(optimizer.rate) or isinstance(optimizer.rate, Schedule)
            count = AHEAD if is_known else 1
            found = self._coefficients(optimizer, self.steps, count, interrupt)
            if found is None:
                return None
            table, count = found
            self._rows, self._first_row, row = np.broadcast_to(table, (count, table.shape[1])), self.steps, 0

        return np.ascontiguousarray(self._rows[row : row + 1])

    def _end_epoch(self) -> None:
        total, weight = self._sums.tolist()
        if weight == 0:
            raise Refusal(f"x: the batches of epoch {self.epoch + 1} weigh nothing", self.epoch + 1, self._step)
        self.history[self.epoch] = total / weight
        self._starts.append(self.steps)
        self._cursor[EPOCH] += 1
        self._cursor[CASE] = self._step = 0
        self._sums[:] = 0
        self._snapshot = None

    def last_good(self) -> Params[DT] | None:
        """Parameters shortly before the run diverged: no batch comes again."""
        return self._good

    def arrays(self) -> Arrays:
        """The place in the stream."""
        numbers = {"starts": self._starts, "batches": self._step, "digest": self._digest if self._step else 0}

        return {name: np.array(number, np.int64) for name, number in numbers.items()}

    def resume(self, at: Snapshot[DT], errors: NDArray[np.float64], arrays: Arrays) -> None:
        """Go on from a checkpoint; ValueError if there is no such place in a stream."""
        specs: ArraySpecs = {
            "starts": (np.int64, (at.epoch + 1,)), "batches": (np.int64, ()), "digest": (np.int64, ()),
        }  # fmt: skip
        require_arrays(arrays, specs)
        starts, batches = arrays["starts"].tolist(), int(arrays["batches"])
        is_place = batches > 0 if at.cases else batches == 0
        if starts[0] != 0 or not all(a < b for a, b in pairwise(starts)) or not is_place:
            raise ValueError(f"there is no batch {batches} in the epoch that begins after {starts[-1]} steps")
        self.history[: at.epoch] = errors
        self._starts = starts
        self.restore(at)
        self._step, self._digest = batches, int(arrays["digest"])
        self._require_step(at)

    def catch_up(self) -> bool:
        """Skip the batches of the epoch that are done; whether they are those that were trained on."""
        digest, count = 0, 0
        for batch in self._stream.skip(self.epoch + 1, self._step):
            digest, count = digest_of(batch, digest), count + 1

        return (digest, count) == (self._digest, self._step)


def digest_of(batch: CaseArrays[Any], before: int) -> int:
    """A checksum of a batch and of those before it."""
    return zlib.crc32(repr(fingerprints(batch)).encode(), before)
