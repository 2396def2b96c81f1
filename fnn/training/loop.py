"""The Python loop around the compiled one: callbacks, validation, stopping, checkpoints, Ctrl-C."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from typing import Generic, NoReturn

import numpy as np

from fnn.data.batch_stream import Refusal
from fnn.network.params import DT, Params
from fnn.training.callbacks import Callbacks
from fnn.training.checkpoint import Checkpointer
from fnn.training.checkpoint_format import Place
from fnn.training.history import BatchError, Ending, Record, Run, TrainingDiverged, TrainingInterrupted
from fnn.training.interrupt import Interrupt
from fnn.training.progress import Progress
from fnn.training.ranks.digests import Digests, RanksDiffer
from fnn.training.ranks.team import Team
from fnn.training.recorder import Recorder
from fnn.training.steppers.call_tuner import Tuner
from fnn.training.steppers.stepper import Snapshot, Stepper
from fnn.training.stopping import Best, Rule, Stopper


class Loop(Generic[DT]):
    """A run: calls of `Stepper.run`, most of 30 to 120 ms, and what is due between them and at the ends of epochs.

    All ranks of a team go through the same loop. What depends on time or on code of the user is decided by rank 0.
    """

    def __init__(
        self, stepper: Stepper[DT], epochs: int, recorder: Recorder[DT], stopper: Stopper[DT],
        tuner: Callable[[], Tuner], callbacks: Callbacks[DT], checkpointer: Checkpointer[DT] | None = None,
        team: Team | None = None,
    ) -> None:  # fmt: skip
        self._stepper, self._epochs, self._tuner = stepper, epochs, tuner  # the last returns the present one
        self._recorder, self._stopper, self._callbacks = recorder, stopper, callbacks
        self._checkpointer, self._team = checkpointer, (team := team or Team())
        self._interrupt, self._digests = Interrupt(stepper.interrupt, team), Digests(team)
        self._progress = callbacks.network_progress or Progress(team.leads and callbacks.shown)
        self._beginning = stepper.snapshot()
        self._snapshots = self._beginning, self._beginning  # of the last two ends of epochs that were processed
        self._callback_epoch = self._callback_step = 0  # after which callbacks were called last
        self._stop_reason: Ending | None = None
        self._has_diverged = False

    def run(self) -> Run[DT]:
        """Train to the end, from the checkpoint if there is one; an error on one rank is raised on all."""
        with self._team:
            self._callbacks.share(self._team)
            if self._checkpointer is not None:
                last, place = self._checkpointer.resume(self._beginning, self._epochs, self._team)
                *_, self._callback_epoch, self._callback_step, self._stop_reason = place
                self._snapshots = last, last
            self._recorder.begin()
            self._progress.begin(self._epochs, self._stepper.epoch)
            try:
                with self._interrupt:
                    run = self._run()
                self._check_interrupt()  # Ctrl-C may have come after the last check; from here on it raises
            finally:
                self._progress.close()

        return run

    def _run(self) -> Run[DT]:
        """Train to the end; an error that comes before, such as one of a function of the user, gets the run so far."""
        stepper = self._stepper
        try:
            if stepper.steps:
                self._after_call()  # a resumed run may not have done what was due
            while stepper.epoch < self._epochs and self._stop_reason is None:
                self._advance()
                self._after_call()
            run = self.result()
            self._digests.compare(stepper.params().flat_buffer, stepper.steps)
            self._save()
            self._team.meet()  # in which ranks hear of an error of the last saving
            self._team.end()
        except Refusal as refusal:
            raise BatchError(str(refusal), refusal.epoch, refusal.batch, self._hand_over()) from refusal.__cause__
        except (KeyboardInterrupt, RanksDiffer):  # `TrainingInterrupted`, or a second Ctrl-C
            raise
        except BaseException as error:
            self._team.fail(error)
            if not self._has_diverged:
                vars(error)["run"] = self._hand_over()
                with suppress(AttributeError):  # a frozen dataclass
                    error.add_note(f"fnn.train had taken {stepper.steps} steps; they are in .run of this error")
            raise

        return run

    def _hand_over(self) -> Run[DT]:
        """The run so far, when an error ends it; it is also saved."""
        self._recorder.mark_time(self._stepper.epoch, self._recorder.seconds)
        if self._team.size > 1 and not self._is_good():  # the ranks no longer meet to find the last good parameters
            return self._run_at(self._snapshots[1], self._snapshots[1].epoch)
        run = self.result()
        with suppress(RuntimeWarning):  # an error, too, by the user's filter, but not the one that is raised
            self._save()

        return run

    def interrupt(self) -> None:
        """End the run soon, as Ctrl-C does; any thread may call it."""
        self._interrupt.interrupt()

    def result(self) -> Run[DT]:
        """The run so far, with its best parameters if those are to be restored."""
        best = self._stopper.best
        if best is None:
            self._good_params()

        return self._run_at(best or self._stepper.snapshot(), self._epochs_recorded())

    def _run_at(self, at: Snapshot[DT] | Best[DT], epochs: int) -> Run[DT]:
        """The run with the parameters of a snapshot, and the history of some epochs."""
        ending = self._stop_reason or ("epochs" if self._stepper.epoch >= self._epochs else "interrupted")
        history = self._recorder.history(self._stepper, epochs)

        return Run(at.params, history, at.state, ending, self._recorder.held_out)

    def _epochs_recorded(self) -> int:
        """The epochs that have all their measures."""
        return self._snapshots[1].epoch if self._recorder.has_validation else self._stepper.epoch

    def _save(self) -> None:
        if self._checkpointer is not None and self._team.leads:
            now, last = self._stepper.snapshot(), self._snapshots[1]
            called = self._callback_epoch, self._callback_step
            self._checkpointer.write(last, Place(now.epoch, now.cases, last.epoch, *called, self._stop_reason))

    def _advance(self) -> None:
        """One call: part of an epoch, or whole epochs to their end."""
        stepper, tuner = self._stepper, self._tuner()
        suggested, threads = tuner.suggest()
        steps, is_cut = self._team.call(lambda: self._plan(suggested, tuner))
        count, seconds = stepper.run(steps, threads, seconds=tuner.seconds(steps), interrupt=self._interrupt)
        if count and not (is_cut or stepper.diverged or self._interrupt.interrupted):  # else too short to tell much
            tuner.observe(count, threads, seconds, stepper.starting)

    def _plan(self, steps: int, tuner: Tuner) -> tuple[int, bool]:
        """The steps of the next call, for which the tuner suggests some, and whether they are cut to end in time."""
        stepper = self._stepper
        steps, is_cut = min(steps, self._callbacks.until_due(stepper.steps) or steps), False
        if self._stopper.rules.seconds is not None:
            left, seconds = max(self._stopper.rules.seconds - self._recorder.seconds, 0.0), tuner.seconds(steps)
            is_cut = seconds > left
            if is_cut:
                steps = max(1, int(steps * left / seconds))
        to_end = stepper.steps_per_epoch - stepper.step
        if steps >= to_end:
            more = min((steps - to_end) // stepper.steps_per_epoch, self._next_observed() - stepper.epoch - 1)
            steps = to_end + more * stepper.steps_per_epoch

        return steps, is_cut

    def _next_observed(self) -> int:
        """The epoch at whose end something is due."""
        stepper, recorder, callbacks = self._stepper, self._recorder, self._callbacks
        is_each = callbacks.observe_epochs or recorder.has_validation or stepper.rate.observes_errors

        return min(stepper.epoch + (1 if is_each else self._stopper.epochs_to_end()), self._epochs)

    def _after_call(self) -> None:
        """Do what is due between two calls."""
        stepper = self._stepper
        now = self._team.lead(self._recorder.seconds)
        self._recorder.mark_time(stepper.epoch, now)  # before it may be saved
        self._check_interrupt()
        if stepper.steps > self._callback_step and self._callbacks.is_due(stepper.steps):
            self._call_after_steps()
        if stepper.diverged or (stepper.step == 0 and stepper.epoch > self._snapshots[1].epoch):
            self._end_epoch()
        if self._snapshots[1].epoch > self._callback_epoch:
            self._call_after_epoch()
        self._progress.show(stepper.epoch + stepper.step / stepper.steps_per_epoch)
        is_late, compares, saves = self._team.call(self._look_at_clock)
        if is_late and self._stop_reason is None and stepper.epoch < self._epochs:
            self._stop_reason = "seconds"
        if compares:
            self._digests.compare(stepper.params().flat_buffer, stepper.steps)
        if saves:
            self._save()
        self._check_interrupt()

    def _look_at_clock(self) -> tuple[bool, bool, bool]:
        """Whether it is time to end the run, to compare the parameters of the ranks, and to save the run."""
        saves = self._checkpointer is not None and self._checkpointer.is_due
        return self._stopper.is_late(self._recorder.seconds), self._digests.is_due, saves

    def _call_after_steps(self) -> None:
        """Call the callbacks that are due after this number of steps."""
        stepper, params = self._stepper, self._good_params()
        self._call_back(lambda: self._callbacks.after_steps(stepper.steps, params, stepper.error))
        self._callback_step = stepper.steps

    def _end_epoch(self) -> None:
        """Process the end of one epoch, or of several that needed no processing."""
        stepper, recorder, params = self._stepper, self._recorder, self._good_params()
        measures = recorder.measure(params, lambda: self._interrupt.interrupted)
        if recorder.has_validation:
            self._team.meet()  # it may have taken long
        self._check_interrupt()
        self._snapshots = self._snapshots[1], stepper.snapshot()
        recorder.append(measures)
        record, rule = self._observe()
        self._stop_reason = rule or stepper.ending or self._stop_reason
        self._progress.tell(record)

    def _observe(self) -> tuple[Record, Rule | None]:
        """Let rules see each epoch that has ended; only the last one can end the run."""
        stepper, (before, now), rule = self._stepper, self._snapshots, None
        first = before.epoch if self._stopper.observes_errors else now.epoch - 1
        for epoch in range(first + 1, now.epoch + 1):
            record = self._recorder.record(stepper, epoch)
            stepper.rate.observe(record.judged)
            rule = self._stopper.observe(record, now)

        return record, rule

    def _call_after_epoch(self) -> None:
        """Call the callbacks that are due after every epoch."""
        stepper = self._stepper
        if self._callbacks.observe_epochs:
            params, record = stepper.params(), self._recorder.record(stepper, stepper.epoch)
            self._call_back(lambda: self._callbacks.after_epoch(stepper.epoch, params, record))
        self._callback_epoch = stepper.epoch

    def _call_back(self, call: Callable[[], bool]) -> None:
        """Call callbacks, which may end the run, on rank 0."""
        if self._team.call(lambda: self._interrupt.call(call)):
            self._stop_reason = "callback"
        self._check_interrupt()

    def _is_good(self) -> bool:
        """Whether the error of every step was finite, and the parameters are."""
        return not self._stepper.diverged and bool(np.isfinite(self._stepper.params().flat_buffer).all())

    def _good_params(self) -> Params[DT]:
        """The parameters as they are now, or `TrainingDiverged` with the last good ones, which may take a while."""
        if self._is_good():
            return self._stepper.params()
        self._check_interrupt()
        self._has_diverged = True
        found = self._interrupt.call(self._last_good, waits=True)
        if found is None:
            self._raise_interrupted(self._snapshots[1], self._snapshots[1].epoch)
        epoch, params, epochs = found
        raise TrainingDiverged(epoch, params, self._recorder.history(self._stepper, epochs))

    def _last_good(self) -> tuple[int, Params[DT], int]:
        """The epoch, from 1, in which the run diverged; the last params before with a finite error; their epochs.

        The run is repeated, an epoch at a time: from the last end of an epoch but one or, if that isn't good either,
        from its beginning.
        """
        stepper, at = self._stepper, self._snapshots[0]
        params = stepper.last_good()
        if params is not None:
            return stepper.epoch + 1, params, stepper.epoch
        start = at if at.epoch == 0 or stepper.is_finite(at.params) else self._beginning
        good = start.params, start.epoch
        stepper.restore(start)
        while True:
            self._repeat_epoch()
            if not self._is_good():
                return stepper.epoch + stepper.diverged, *good
            if stepper.is_finite(stepper.params()):
                good = stepper.params(), stepper.epoch

    def _repeat_epoch(self) -> None:
        """Take the steps of an epoch by one thread, in calls about as short as those of the run."""
        left = self._stepper.steps_per_epoch
        while left > 0 and not self._stepper.diverged:
            tuner, (together, threads) = self._tuner(), self._tuner().suggest()
            steps = self._team.lead(min(max(1, together // threads), left))
            count, _ = self._stepper.run(steps, 1, seconds=tuner.seconds(steps), interrupt=self._interrupt)
            left -= count
            if self._interrupt.interrupted:
                raise KeyboardInterrupt

    def _check_interrupt(self) -> None:
        """If the run is interrupted, save it and raise `TrainingInterrupted`."""
        if not self._interrupt.interrupted:
            return
        last, is_good = self._snapshots[1], self._is_good()
        try:
            if is_good:
                self._save()
        finally:  # after a warning that is an error, too
            at = (self._stepper.snapshot(), self._epochs_recorded()) if is_good else (last, last.epoch)
            self._raise_interrupted(*at)

    def _raise_interrupted(self, at: Snapshot[DT], epochs: int) -> NoReturn:
        """Raise what hands over the run as it was at a snapshot, with the history of some epochs."""
        raise TrainingInterrupted(at.params, self._recorder.history(self._stepper, epochs), at.state)
