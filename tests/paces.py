"""Training by a given number of threads: `train` gives small work, such as a test's, to one, whatever `threads` is."""

import pytest


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

    def observe(self, steps: int, threads: int, seconds: float) -> None:
        """Learn nothing."""


def train_by_exactly(patch: pytest.MonkeyPatch) -> None:
    """From now on ``fnn.train(threads=n)`` runs n threads."""
    patch.setattr("fnn.training.run.tuner_for", Exactly)


def train_many_by(patch: pytest.MonkeyPatch, threads: int) -> None:
    """From now on `fnn.train_many` has `threads` processors, and trains a network by as many as are free."""
    patch.setattr("fnn.training.network_pool.tuner_for", Exactly)
    patch.setattr("fnn.training.many.available", lambda: threads)
