"""The loop of `train` around the compiled one: who looks on, and when."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Generic, NamedTuple, NoReturn

import numpy as np
from numpy.typing import NDArray

from fnn.compiler.threads import run_parts
from fnn.network.params import DT, Params, wrap
from fnn.training.call_tuner import Pace
from fnn.training.checkpoint import Keeper, Place
from fnn.training.history import Ending, Record, Run, TrainingDiverged, TrainingInterrupted
from fnn.training.interrupt import Interrupt
from fnn.training.progress import Progress
from fnn.training.recorder import Measures, Watch
from fnn.training.steps import LONG, Descent, Snapshot
from fnn.training.stopping import Stopper


class Calls(NamedTuple, Generic[DT]):
    """Functions of the caller's: one after every epoch, and one after every so many steps."""

    callback: Callable[[int, Params[DT], Record], object] | None
    every: int  # 0: never
    on_step: Callable[[int, Params[DT], float], object] | None


class Loop(Generic[DT]):
    """Calls of the kernel, most of 30 to 120 ms, and what happens between them and at the ends of epochs."""

    def __init__(
        self,
        descent: Descent[DT],
        epochs: int,
        watch: Watch[DT],
        stopper: Stopper[DT],
        pace: Pace,
        progress: Progress,
        calls: Calls[DT],
        keeper: Keeper[DT] | None = None,
    ) -> None:
        self._descent, self._epochs = descent, epochs
        self._watch, self._stopper, self._pace, self._progress, self._calls = watch, stopper, pace, progress, calls
        self._keeper, self._interrupt = keeper, Interrupt(descent.interrupt)
        self._beginning = descent.beginning
        self._trail = [self._beginning, self._beginning]  # at the last two ends of epochs where somebody looked
        self._called = self._told = 0  # the epoch and the step after which the caller's functions were called last
        self._ended_by: Ending | None = None
        self._measuring = np.inf  # seconds that it takes

    def run(self) -> Run[DT]:
        """Train to the end, from where the checkpoint is if there is one."""
        descent = self._descent
        self._resume()
        self._watch.begin()
        self._progress.begin(descent.epoch)
        try:
            with self._interrupt:
                if descent.steps:
                    self._look()  # the run may have been interrupted before it had
                while descent.epoch < self._epochs and self._ended_by is None:
                    self._advance()
                    self._look()
                run = self.result()
                self._save()
            self._heed()  # if it came after the last look; from here on it raises as ever
        finally:
            self._progress.close()

        return run

    def _resume(self) -> None:
        """Go on from the checkpoint, if there is one."""
        if self._keeper is not None:
            seen, self._called, self._told, self._ended_by = self._keeper.resume(self._beginning, self._epochs)
            self._trail = [seen, seen]

    def _save(self) -> None:
        if self._keeper is not None:
            self._keeper.write(Place(self._trail[1], self._called, self._told, self._ended_by))

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
        is_cut = False
        if self._stopper.limit is not None:
            in_time = max(self._stopper.limit - self._watch.seconds, 0.0)
            lasting = self._pace.seconds(steps)
            is_cut = lasting > in_time
            if is_cut:
                steps = max(1, int(steps * in_time / lasting))
        left = descent.steps_an_epoch - descent.step
        if steps >= left:
            more = min((steps - left) // descent.steps_an_epoch, self._until() - descent.epoch - 1)
            steps = left + more * descent.steps_an_epoch
        began = time.perf_counter()
        descent.run(steps, threads, seconds=self._pace.seconds(steps), interrupt=self._interrupt)
        if not (is_cut or descent.stopped or self._interrupt.asked):  # else it was too short to say much
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
        self._watch.note(descent.epoch)  # before it may be saved
        self._heed()
        if every and descent.steps % every == 0 and descent.steps > self._told:
            self._end_step()
        if descent.stopped or (descent.step == 0 and descent.epoch > self._trail[1].epoch):
            self._end_epoch()
        if self._trail[1].epoch > self._called:
            self._call_back()
        if self._ended_by is None and descent.epoch < self._epochs and self._stopper.is_late(self._watch.seconds):
            self._ended_by = "seconds"
        self._progress.show(descent.epoch + descent.step / descent.steps_an_epoch)
        if self._keeper is not None and self._keeper.is_due:
            self._save()
        self._heed()

    def _heed(self) -> None:
        """Save the run and raise what hands it over, if somebody has interrupted it."""
        if not self._interrupt.asked:
            return
        descent, seen = self._descent, self._trail[1].epoch
        if descent.stopped or not np.isfinite(descent.flat()).all():
            descent.start(self._trail[1])
        else:
            self._save()
        epochs = seen if self._watch.validates else descent.epoch
        raise TrainingInterrupted(self._params(descent.flat()), self._watch.history(descent, epochs), descent.state())

    def _end_step(self) -> None:
        """Call who wants to be called after so many steps."""
        descent = self._descent
        params = self._params(self._good_flat())
        on_step = self._calls.on_step
        assert on_step is not None
        if is_true(self._interrupt.call(lambda: on_step(descent.steps, params, descent.error))):
            self._ended_by = "on_step"
        self._heed()
        self._told = descent.steps

    def _end_epoch(self) -> None:
        """Look at what an epoch has brought, or several in which nobody wanted to."""
        descent, watch = self._descent, self._watch
        watch.keep(self._measures(self._good_flat()))
        self._trail = [self._trail[1], descent.snapshot()]
        error = watch.error(descent)
        descent.saw(error)
        self._ended_by = self._stopper.saw(error, descent) or self._ended_by
        self._progress.tell(watch.record(descent))

    def _measures(self, flat: NDArray[DT]) -> Measures | None:
        """What the validation set says of parameters."""
        found: list[Measures | None] = []
        is_late = None if self._measuring < LONG or not self._watch.validates else lambda: self._interrupt.asked
        began = time.perf_counter()
        run_parts(lambda number, parts: found.append(self._watch.measure(flat)), 1, is_late=is_late)
        self._measuring = time.perf_counter() - began
        self._heed()

        return found[0]

    def _call_back(self) -> None:
        """Call who wants to be called after every epoch."""
        descent, callback = self._descent, self._calls.callback
        if callback is not None:
            params, record = self._params(descent.flat()), self._watch.record(descent)
            if is_true(self._interrupt.call(lambda: callback(descent.epoch, params, record))):
                self._ended_by = "callback"
            self._heed()
        self._called = descent.epoch

    def _good_flat(self) -> NDArray[DT]:
        """The parameters as they are now, or the error that says that they, or the error with them, aren't finite."""
        descent, flat = self._descent, self._descent.flat()
        if descent.stopped or not np.isfinite(flat).all():
            self._diverged()

        return flat

    def _diverged(self) -> NoReturn:
        """Look for the last good parameters, which may take a while."""
        descent = self._descent
        found = self._interrupt.call(lambda: last_good(descent, self._pace, self._beginning, self._trail[0]))
        if found is None:
            descent.start(self._trail[1])
        self._heed()
        assert found is not None
        wrong, good, epochs = found
        raise TrainingDiverged(wrong, self._params(good), self._watch.history(descent, epochs))

    def _params(self, flat: NDArray[DT]) -> Params[DT]:
        return wrap(flat, self._descent.architecture)


def is_true(answer: object) -> bool:
    """Whether a function of the caller's has answered True, itself or NumPy's."""
    return isinstance(answer, bool | np.bool_) and bool(answer)


def last_good(descent: Descent[DT], pace: Pace, beginning: Snapshot, at: Snapshot) -> tuple[int, NDArray[DT], int]:
    """Go over a run that went wrong again, from a snapshot before it did, an epoch at a time.

    Returns the epoch, from 1, in which it went wrong, the last parameters with which all is finite, and after how many
    epochs they were. If there are none from the snapshot on, the run is gone over from its beginning.
    """
    known = descent.last_good()
    if known is not None:
        return known
    good = (at.flat, at.epoch) if descent.is_fine(at.flat) else None
    if good is None and at.epoch > 0:
        return last_good(descent, pace, beginning, beginning)
    descent.start(at)
    while True:
        run_epoch(descent, pace)
        flat = descent.flat()
        if descent.stopped or not np.isfinite(flat).all():
            return descent.epoch + descent.stopped, *(good or (beginning.flat, 0))
        if descent.is_fine(flat):
            good = flat, descent.epoch


def run_epoch(descent: Descent[DT], pace: Pace) -> None:
    """Take the steps of an epoch by one thread, in calls about as short as those of the run."""
    left = descent.steps_an_epoch
    while left > 0 and not descent.stopped:
        together, threads = pace.next()
        steps = min(max(1, together // threads), left)
        descent.run(steps, 1, seconds=pace.seconds(steps))
        left -= steps
