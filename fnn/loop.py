"""The loop of `train` around the compiled one: who looks on, and when."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Generic

import numpy as np
from numpy.typing import NDArray

from fnn.descent import Descent, Snapshot
from fnn.history import Record, Run, TrainingDiverged
from fnn.pace import Pace
from fnn.params import DT, Params, wrap
from fnn.progress import Progress
from fnn.watch import Watch


class Loop(Generic[DT]):
    """Calls of the kernel, each of some 30 ms, and what happens between them and at the ends of epochs."""

    def __init__(
        self,
        descent: Descent[DT],
        epochs: int,
        watch: Watch[DT],
        pace: Pace,
        progress: Progress,
        callback: Callable[[int, Params[DT], Record], object] | None,
    ) -> None:
        self._descent, self._epochs = descent, epochs
        self._watch, self._pace, self._progress, self._callback = watch, pace, progress, callback
        self._beginning = descent.snapshot()
        self._trail = [self._beginning, self._beginning]  # at the last two ends of epochs where somebody looked
        self._is_over = False

    def run(self) -> Run[DT]:
        """Train to the end."""
        descent = self._descent
        try:
            while descent.epoch < self._epochs and not self._is_over:
                self._advance()
                if descent.stopped or descent.step == 0:
                    self._end_epoch()
        finally:
            self._progress.close()

        return self.result()

    def result(self) -> Run[DT]:
        """What there is so far."""
        descent = self._descent
        history = self._watch.history(descent, descent.epoch)

        return Run(self._params(descent.flat()), history, descent.state())

    def _advance(self) -> None:
        """One call of the kernel: part of an epoch, or whole epochs to their end."""
        descent = self._descent
        steps, threads = self._pace.next()
        left = descent.steps_an_epoch - descent.step
        if steps >= left:
            more = min((steps - left) // descent.steps_an_epoch, self._until() - descent.epoch - 1)
            steps = left + more * descent.steps_an_epoch
        began = time.perf_counter()
        descent.run(steps, threads)
        self._pace.saw(steps, threads, time.perf_counter() - began)

    def _until(self) -> int:
        """The epoch at whose end somebody wants to look."""
        is_seen = self._callback is not None or self._watch.validates or self._descent.listens

        return min(self._descent.epoch + 1, self._epochs) if is_seen else self._epochs

    def _end_epoch(self) -> None:
        """Look at what an epoch has brought, or several in which nobody wanted to."""
        descent, watch = self._descent, self._watch
        now = descent.snapshot()
        if descent.stopped or not np.isfinite(now.flat).all():
            wrong, good, epochs_good = last_good(descent, self._beginning, self._trail[0])
            raise TrainingDiverged(wrong, self._params(good), watch.history(descent, epochs_good))
        self._progress.advance(now.epoch - self._trail[1].epoch, float(descent.history[now.epoch - 1]))
        self._trail = [self._trail[1], now]
        watch.measure(now.flat)
        descent.saw(watch.error(descent))
        if self._callback is not None:
            answer = self._callback(now.epoch, self._params(now.flat), watch.record(descent))
            self._is_over = isinstance(answer, bool | np.bool_) and bool(answer)

    def _params(self, flat: NDArray[DT]) -> Params[DT]:
        return wrap(flat, self._descent.architecture)


def last_good(descent: Descent[DT], beginning: Snapshot, at: Snapshot) -> tuple[int, NDArray[DT], int]:
    """Go over a run that went wrong again, from a snapshot before it did, an epoch at a time.

    Returns the epoch, from 1, in which it went wrong, the last parameters with which all is finite, and after how many
    epochs they were. If there are none from the snapshot on, the run is gone over from its beginning.
    """
    known = descent.last_good()
    if known is not None:
        return known
    good = (at.flat, at.epoch) if descent.is_fine(at.flat) else None
    if good is None and at.epoch > 0:
        return last_good(descent, beginning, beginning)
    descent.start(at)
    while True:
        descent.run(descent.steps_an_epoch, 1)
        flat = descent.flat()
        if descent.stopped or not np.isfinite(flat).all():
            return descent.epoch + descent.stopped, *(good or (beginning.flat, 0))
        if descent.is_fine(flat):
            good = flat, descent.epoch
