"""Training by a given number of threads: `train` gives small work, such as a test's, to one, whatever `threads` is."""

from collections.abc import Callable

import pytest

from fnn.training.steppers import call_tuner
from fnn.training.steppers.call_tuner import Tuner


class Exactly:
    """In the place of `fnn.training.steppers.call_tuner.tuner_for`: the most threads, in calls of seven steps."""

    def __init__(self, work: float, threads: int | None) -> None:
        self._threads = threads or 1

    def suggest(self) -> tuple[int, int]:
        """Steps and threads for the next call."""
        return 7, self._threads

    def seconds(self, steps: int) -> float:
        """The expected duration of the next call: none."""
        return 0.0

    def observe(self, steps: int, threads: int, seconds: float, starting: float = 0.0) -> None:
        """Learn nothing."""


def tune_by(patch: pytest.MonkeyPatch, tuner_for: Callable[[float, int | None], Tuner]) -> None:
    """From now on training has the tuners that `tuner_for` makes for the work of a step and the most threads."""
    patch.setattr(call_tuner, "tuner_for", tuner_for)


def train_by_exactly(patch: pytest.MonkeyPatch) -> None:
    """From now on ``fnn.train(threads=n)`` runs n threads."""
    tune_by(patch, Exactly)


def processors(count: int) -> Callable[..., int]:
    """In the place of `fnn.compiler.threads.available`, on a machine with as many processors, all of them allowed."""
    return lambda threads=None: min(threads or count, count)


def train_many_by(patch: pytest.MonkeyPatch, threads: int) -> None:
    """From now on `fnn.train_many` has `threads` processors, and trains a network by as many as are free."""
    tune_by(patch, Exactly)
    patch.setattr("fnn.training.many.available", processors(threads))
