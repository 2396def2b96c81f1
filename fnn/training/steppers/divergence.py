"""The last good parameters of a run that diverged, found by repeating it from a snapshot."""

from __future__ import annotations

from typing import Generic, NamedTuple

import numpy as np

from fnn.network.params import DT, Params
from fnn.training.interrupt import Interrupt
from fnn.training.steppers.call_tuner import Tuner
from fnn.training.steppers.stepper import Snapshot, Stepper


class LastGood(NamedTuple, Generic[DT]):
    """Where a run diverged."""

    epoch: int  # counted from 1, in which it did
    params: Params[DT]  # the last ones at the end of an epoch with which the error is finite, too
    epochs: int  # that had ended with them


def last_good(
    stepper: Stepper[DT], tuner: Tuner, interrupt: Interrupt, beginning: Snapshot[DT], at: Snapshot[DT]
) -> LastGood[DT]:
    """Repeat a run that diverged, an epoch at a time: from `at` or, if that isn't good either, from its beginning."""
    params = stepper.last_good()
    if params is not None:
        return LastGood(stepper.epoch + 1, params, stepper.epoch)
    start = at if at.epoch == 0 or stepper.is_finite(at.params) else beginning
    good = start.params, start.epoch
    stepper.restore(start)
    while True:
        run_epoch(stepper, tuner, interrupt)
        params = stepper.params()
        if stepper.diverged or not np.isfinite(params.flat_buffer).all():
            return LastGood(stepper.epoch + stepper.diverged, *good)
        if stepper.is_finite(params):
            good = params, stepper.epoch


def run_epoch(stepper: Stepper[DT], tuner: Tuner, interrupt: Interrupt) -> None:
    """Take the steps of an epoch by one thread, in calls about as short as those of the run."""
    left = stepper.steps_per_epoch
    while left > 0 and not stepper.diverged:
        together, threads = tuner.suggest()
        steps = min(max(1, together // threads), left)
        count, _ = stepper.run(steps, 1, seconds=tuner.seconds(steps), interrupt=interrupt)
        left -= count
        if interrupt.interrupted:
            raise KeyboardInterrupt
