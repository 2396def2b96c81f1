"""The loop of `train` around the compiled one: who looks on, and when."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Generic, NamedTuple

import numpy as np
from numpy.typing import NDArray

from fnn.descent import Descent, Snapshot
from fnn.history import Ending, Record, Run, TrainingDiverged
from fnn.pace import Pace
from fnn.params import DT, Params, wrap
from fnn.progress import Progress
from fnn.stopping import Stopper
from fnn.watch import Watch


class Calls(NamedTuple, Generic[DT]):
    """Functions of the caller's: one after every epoch, and one after every so many steps."""

    callback: Callable[[int, Params[DT], Record], object] | None
    every: int  # 0: never
    on_step: Callable[[int, Params[DT], float], object] | None


class Loop(Generic[DT]):
    """Calls of the kernel, each of some 30 ms, and what happens between them and at the ends of epochs."""

    def __init__(
        self,
        descent: Descent[DT],
        epochs: int,
        watch: Watch[DT],
        stopper: Stopper[DT],
        pace: Pace,
        progress: Progress,
        calls: Calls[DT],
    ) -> None:
        self._descent, self._epochs = descent, epochs
        self._watch, self._stopper, self._pace, self._progress, self._calls = watch, stopper, pace, progress, calls
        self._beginning = descent.beginning
        self._trail = [self._beginning, self._beginning]  # at the last two ends of epochs where somebody looked
        self._called_after = 0  # steps
        self._ended_by: Ending | None = None

    def run(self) -> Run[DT]:
        """Train to the end."""
        descent = self._descent
        self._watch.begin()
        self._progress.begin(descent.epoch)
        try:
            while descent.epoch < self._epochs and self._ended_by is None:
                self._advance()
                self._look()
        finally:
            self._progress.close()

        return self.result()

    def result(self) -> Run[DT]:
        """What there is so far, or what was best."""
        descent, best = self._descent, self._stopper.best
        flat, state = (self._good_flat(), descent.state()) if best is None else (best.flat, best.state)
        history = self._watch.history(descent, descent.epoch)

        whole_way: Ending = "epochs" if descent.epoch >= self._epochs else "interrupted"

        return Run(self._params(flat), history, state, self._ended_by or whole_way)

    def _advance(self) -> None:
        """One call of the kernel: part of an epoch, or whole epochs to their end."""
        descent, every = self._descent, self._calls.every
        steps, threads = self._pace.next()
        if every:
            steps = min(steps, every - descent.steps % every)
        left = descent.steps_an_epoch - descent.step
        if steps >= left:
            more = min((steps - left) // descent.steps_an_epoch, self._until() - descent.epoch - 1)
            steps = left + more * descent.steps_an_epoch
        began = time.perf_counter()
        descent.run(steps, threads)
        self._pace.saw(steps, threads, time.perf_counter() - began)

    def _until(self) -> int:
        """The epoch at whose end somebody wants to look."""
        is_seen = (
            self._calls.callback is not None or self._watch.validates or self._stopper.listens or self._descent.listens
        )

        return min(self._descent.epoch + 1, self._epochs) if is_seen else self._epochs

    def _look(self) -> None:
        """Do what is due between two calls of the kernel."""
        descent, every = self._descent, self._calls.every
        self._watch.note(descent.epoch)
        if every and descent.steps % every == 0 and descent.steps > self._called_after:
            self._end_step()
        if descent.stopped or descent.step == 0:
            self._end_epoch()
        if self._ended_by is None and descent.epoch < self._epochs and self._stopper.is_late(self._watch.seconds):
            self._ended_by = "seconds"
        self._progress.show(descent.epoch + descent.step / descent.steps_an_epoch)

    def _end_step(self) -> None:
        """Call who wants to be called after so many steps."""
        descent = self._descent
        self._called_after = descent.steps
        params = self._params(self._good_flat())
        assert self._calls.on_step is not None
        if is_true(self._calls.on_step(descent.steps, params, descent.error)):
            self._ended_by = "on_step"

    def _end_epoch(self) -> None:
        """Look at what an epoch has brought, or several in which nobody wanted to."""
        descent, watch = self._descent, self._watch
        flat = self._good_flat()
        self._trail = [self._trail[1], descent.snapshot()]
        watch.measure(flat)
        record, error = watch.record(descent), watch.error(descent)
        descent.saw(error)
        self._ended_by = self._stopper.saw(error, descent) or self._ended_by
        self._progress.tell(record)
        callback = self._calls.callback
        if callback is not None and is_true(callback(descent.epoch, self._params(flat), record)):
            self._ended_by = "callback"

    def _good_flat(self) -> NDArray[DT]:
        """The parameters as they are now, or the error that says that they, or the error with them, aren't finite."""
        descent, flat = self._descent, self._descent.flat()
        if descent.stopped or not np.isfinite(flat).all():
            wrong, good, epochs_good = last_good(descent, self._beginning, self._trail[0])
            raise TrainingDiverged(wrong, self._params(good), self._watch.history(descent, epochs_good))

        return flat

    def _params(self, flat: NDArray[DT]) -> Params[DT]:
        return wrap(flat, self._descent.architecture)


def is_true(answer: object) -> bool:
    """Whether a function of the caller's has answered True, itself or NumPy's."""
    return isinstance(answer, bool | np.bool_) and bool(answer)


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
