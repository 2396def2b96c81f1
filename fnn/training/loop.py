"""The loop of `train` around the compiled one: who looks on, and when."""

from __future__ import annotations

import time
from typing import Generic, NoReturn

import numpy as np
from numpy.typing import NDArray

from fnn.network.params import DT, Params, wrap
from fnn.training.call_tuner import CallTuner
from fnn.training.callbacks import Callbacks
from fnn.training.checkpoint import Checkpointer, Position
from fnn.training.evaluator import Measures
from fnn.training.history import Ending, Run, TrainingDiverged, TrainingInterrupted
from fnn.training.interrupt import Interrupt
from fnn.training.progress import Progress
from fnn.training.recorder import Recorder
from fnn.training.steps import BatchStepper, Snapshot
from fnn.training.stopping import Stopper


class Loop(Generic[DT]):
    """Calls of the kernel, most of 30 to 120 ms, and what happens between them and at the ends of epochs."""

    def __init__(
        self,
        stepper: BatchStepper[DT],
        epochs: int,
        recorder: Recorder[DT],
        stopper: Stopper[DT],
        tuner: CallTuner,
        progress: Progress,
        callbacks: Callbacks[DT],
        checkpointer: Checkpointer[DT] | None = None,
    ) -> None:
        self._stepper, self._epochs = stepper, epochs
        self._recorder, self._stopper, self._tuner, self._progress, self._callbacks = (
            recorder,
            stopper,
            tuner,
            progress,
            callbacks,
        )
        self._checkpointer, self._interrupt = checkpointer, Interrupt(stepper.interrupt)
        self._beginning = stepper.beginning
        self._trail = [self._beginning, self._beginning]  # at the last two ends of epochs where somebody looked
        self._called = self._told = 0  # the epoch and the step after which the caller's functions were called last
        self._stop_reason: Ending | None = None

    def run(self) -> Run[DT]:
        """Train to the end, from where the checkpoint is if there is one."""
        stepper = self._stepper
        self._resume()
        self._recorder.begin()
        self._progress.begin(stepper.epoch)
        try:
            with self._interrupt:
                if stepper.steps:
                    self.after_call()  # the run may have been interrupted before it had
                while stepper.epoch < self._epochs and self._stop_reason is None:
                    self._advance()
                    self.after_call()
                run = self.result()
                self._save()
            self.check_interrupt()  # if it came after the last look; from here on it raises as ever
        finally:
            self._progress.close()

        return run

    def _resume(self) -> None:
        """Go on from the checkpoint, if there is one."""
        if self._checkpointer is not None:
            seen, self._called, self._told, self._stop_reason = self._checkpointer.resume(self._beginning, self._epochs)
            self._trail = [seen, seen]

    def _save(self) -> None:
        if self._checkpointer is not None:
            self._checkpointer.write(Position(self._trail[1], self._called, self._told, self._stop_reason))

    def result(self) -> Run[DT]:
        """What there is so far, or what was best."""
        stepper, best = self._stepper, self._stopper.best
        flat, state = (self._good_flat(), stepper.state()) if best is None else (best.flat, best.state)
        history = self._recorder.history(stepper, stepper.epoch)

        whole_way: Ending = "epochs" if stepper.epoch >= self._epochs else "interrupted"

        return Run(self._params(flat), history, state, self._stop_reason or whole_way)

    def _advance(self) -> None:
        """One call of the kernel: part of an epoch, or whole epochs to their end."""
        stepper = self._stepper
        steps, threads = self._tuner.suggest()
        steps = min(steps, self._callbacks.until_due(stepper.steps) or steps)
        is_cut = False
        if self._stopper.limit is not None:
            in_time = max(self._stopper.limit - self._recorder.seconds, 0.0)
            lasting = self._tuner.seconds(steps)
            is_cut = lasting > in_time
            if is_cut:
                steps = max(1, int(steps * in_time / lasting))
        left = stepper.steps_an_epoch - stepper.step
        if steps >= left:
            more = min((steps - left) // stepper.steps_an_epoch, self._until() - stepper.epoch - 1)
            steps = left + more * stepper.steps_an_epoch
        began = time.perf_counter()
        stepper.run(steps, threads, seconds=self._tuner.seconds(steps), interrupt=self._interrupt)
        if not (is_cut or stepper.stopped or self._interrupt.interrupted):  # else it was too short to say much
            self._tuner.observe(steps, threads, time.perf_counter() - began)

    def _until(self) -> int:
        """The epoch at whose end somebody wants to look."""
        is_seen = (
            self._callbacks.observe_epochs
            or self._recorder.has_validation
            or self._stopper.listens
            or self._stepper.listens
        )

        return min(self._stepper.epoch + 1, self._epochs) if is_seen else self._epochs

    def after_call(self) -> None:
        """Do what is due between two calls of the kernel."""
        stepper = self._stepper
        self._recorder.mark_time(stepper.epoch)  # before it may be saved
        self.check_interrupt()
        if stepper.steps > self._told and self._callbacks.is_due(stepper.steps):
            self._end_step()
        if stepper.stopped or (stepper.step == 0 and stepper.epoch > self._trail[1].epoch):
            self._end_epoch()
        if self._trail[1].epoch > self._called:
            self._call_back()
        if self._stop_reason is None and stepper.epoch < self._epochs and self._stopper.is_late(self._recorder.seconds):
            self._stop_reason = "seconds"
        self._progress.show(stepper.epoch + stepper.step / stepper.steps_an_epoch)
        if self._checkpointer is not None and self._checkpointer.is_due:
            self._save()
        self.check_interrupt()

    def check_interrupt(self) -> None:
        """Save the run and raise what hands it over, if somebody has interrupted it."""
        if not self._interrupt.interrupted:
            return
        stepper, seen = self._stepper, self._trail[1].epoch
        if stepper.stopped or not np.isfinite(stepper.flat()).all():
            stepper.start(self._trail[1])
        else:
            self._save()
        epochs = seen if self._recorder.has_validation else stepper.epoch
        raise TrainingInterrupted(
            self._params(stepper.flat()), self._recorder.history(stepper, epochs), stepper.state()
        )

    def _end_step(self) -> None:
        """Call who wants to be called after so many steps."""
        stepper = self._stepper
        params = self._params(self._good_flat())
        if self._interrupt.call(lambda: self._callbacks.after_steps(stepper.steps, params, stepper.error)):
            self._stop_reason = "callback"
        self.check_interrupt()
        self._told = stepper.steps

    def _end_epoch(self) -> None:
        """Look at what an epoch has brought, or several in which nobody wanted to."""
        stepper, recorder = self._stepper, self._recorder
        recorder.append(self._measures(self._good_flat()))
        self._trail = [self._trail[1], stepper.snapshot()]
        error = recorder.error(stepper)
        stepper.observe(error)
        self._stop_reason = self._stopper.observe(error, stepper) or self._stop_reason
        self._progress.tell(recorder.record(stepper))

    def _measures(self, flat: NDArray[DT]) -> Measures | None:
        """The measures of parameters on the validation set, if there is one."""
        measures = self._recorder.measure(flat, lambda: self._interrupt.interrupted)
        self.check_interrupt()

        return measures

    def _call_back(self) -> None:
        """Call who wants to be called after every epoch."""
        stepper = self._stepper
        if self._callbacks.observe_epochs:
            params, record = self._params(stepper.flat()), self._recorder.record(stepper)
            if self._interrupt.call(lambda: self._callbacks.after_epoch(stepper.epoch, params, record)):
                self._stop_reason = "callback"
            self.check_interrupt()
        self._called = stepper.epoch

    def _good_flat(self) -> NDArray[DT]:
        """The parameters as they are now, or the error that says that they, or the error with them, aren't finite."""
        stepper, flat = self._stepper, self._stepper.flat()
        if stepper.stopped or not np.isfinite(flat).all():
            self._diverged()

        return flat

    def _diverged(self) -> NoReturn:
        """Look for the last good parameters, which may take a while."""
        stepper = self._stepper
        found = self._interrupt.call(lambda: last_good(stepper, self._tuner, self._beginning, self._trail[0]))
        if found is None:
            stepper.start(self._trail[1])
        self.check_interrupt()
        assert found is not None
        wrong, good, epochs = found
        raise TrainingDiverged(wrong, self._params(good), self._recorder.history(stepper, epochs))

    def _params(self, flat: NDArray[DT]) -> Params[DT]:
        return wrap(flat, self._stepper.architecture)


def last_good(
    stepper: BatchStepper[DT], tuner: CallTuner, beginning: Snapshot, at: Snapshot
) -> tuple[int, NDArray[DT], int]:
    """Go over a run that went wrong again, from a snapshot before it did, an epoch at a time.

    Returns the epoch, from 1, in which it went wrong, the last parameters with which all is finite, and after how many
    epochs they were. If there are none from the snapshot on, the run is gone over from its beginning.
    """
    known = stepper.last_good()
    if known is not None:
        return known
    good = (at.flat, at.epoch) if stepper.is_fine(at.flat) else None
    if good is None and at.epoch > 0:
        return last_good(stepper, tuner, beginning, beginning)
    stepper.start(at)
    while True:
        run_epoch(stepper, tuner)
        flat = stepper.flat()
        if stepper.stopped or not np.isfinite(flat).all():
            return stepper.epoch + stepper.stopped, *(good or (beginning.flat, 0))
        if stepper.is_fine(flat):
            good = flat, stepper.epoch


def run_epoch(stepper: BatchStepper[DT], tuner: CallTuner) -> None:
    """Take the steps of an epoch by one thread, in calls about as short as those of the run."""
    left = stepper.steps_an_epoch
    while left > 0 and not stepper.stopped:
        together, threads = tuner.suggest()
        steps = min(max(1, together // threads), left)
        stepper.run(steps, 1, seconds=tuner.seconds(steps))
        left -= steps
