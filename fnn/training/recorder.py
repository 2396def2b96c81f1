"""What is measured as a run goes on, and its history."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from itertools import pairwise
from typing import Any, Generic

import numpy as np
from numpy.typing import NDArray

from fnn.io.archive import require_arrays
from fnn.network.params import DT
from fnn.training.evaluator import Evaluator, Measures
from fnn.training.history import History, Record
from fnn.training.steps import BatchStepper


class Recorder(Generic[DT]):
    """What a validation set says after each epoch, how long all has taken, and the history of that."""

    def __init__(self, evaluator: Evaluator[DT] | None) -> None:
        self._evaluator = evaluator
        self._measured: list[Measures] = []  # an epoch each, if there is a validation set
        self._seen: list[tuple[int, float]] = []  # so many epochs were over after so many seconds
        self._spent, self._began = 0.0, time.perf_counter()

    def begin(self) -> None:
        """From now on the time of the run counts."""
        self._began = time.perf_counter()

    @property
    def seconds(self) -> float:
        """How long the run has lasted, with what came before it was resumed."""
        return self._spent + time.perf_counter() - self._began

    @property
    def has_validation(self) -> bool:
        """Whether there is a validation set, so that every epoch must be seen."""
        return self._evaluator is not None

    def mark_time(self, epochs: int) -> None:
        """Remember that so many epochs are over by now."""
        if epochs > (self._seen[-1][0] if self._seen else 0):
            self._seen.append((epochs, self.seconds))

    def measure(self, flat: NDArray[DT], is_interrupted: Callable[[], bool] = lambda: False) -> Measures | None:
        """The measures of parameters, of no use if interrupted; None if there is no validation set."""
        return None if self._evaluator is None else self._evaluator.measure(flat, is_interrupted)

    def append(self, measures: Measures | None) -> None:
        """Add those after an epoch to the history."""
        if measures is not None:
            self._measured.append(measures)

    def error(self, stepper: BatchStepper[DT]) -> float:
        """After the last epoch: of the validation set or, if there is none, of the epoch."""
        record = self.record(stepper)

        return record.error if record.validation_error is None else record.validation_error

    def errors(self, stepper: BatchStepper[DT], epochs: int) -> list[float]:
        """The same after each of the first epochs."""
        if self._evaluator is None:
            return [float(error) for error in stepper.history[:epochs]]

        return [error for error, _ in self._measured[:epochs]]

    def record(self, stepper: BatchStepper[DT]) -> Record:
        """What is known of the last epoch."""
        measured = self._measured[-1] if self._measured else (None, None)

        return Record(float(stepper.history[stepper.epoch - 1]), *measured)

    def history(self, stepper: BatchStepper[DT], epochs: int) -> History:
        """Of the first epochs."""
        errors, evaluator = stepper.history[:epochs].copy(), self._evaluator
        ends, seconds = self._times()
        seen = np.repeat(seconds, np.diff(ends, prepend=0))[:epochs]
        if evaluator is None:
            return History(errors, None, None, stepper.etas(epochs), seen)
        found = self._found()[:epochs]
        accuracy = found[:, 1].copy() if evaluator.has_accuracy else None

        return History(errors, found[:, 0].copy(), accuracy, stepper.etas(epochs), seen)

    def arrays(self) -> dict[str, NDArray[Any]]:
        """All that must survive until the run is resumed."""
        ends, seconds = self._times()

        return {"measured": self._found(), "ends": ends, "seconds": seconds, "spent": np.array(self.seconds)}

    def restore(self, arrays: Mapping[str, NDArray[Any]], stepper: BatchStepper[DT], seen: int) -> None:
        """Go on from what `arrays` returned; ValueError if it can't have been that, after so many epochs were seen."""
        times = np.shape(arrays.get("ends", ()))
        specs: dict[str, tuple[type[Any], tuple[int, ...]]] = {
            "measured": (np.float64, (seen if self.has_validation else 0, 2)),
            "ends": (np.int64, times), "seconds": (np.float64, times), "spent": (np.float64, ()),
        }  # fmt: skip
        require_arrays(arrays, specs, finite=["seconds", "spent"])
        ends = [0, *arrays["ends"].ravel().tolist()]
        if len(times) != 1 or ends[-1] != stepper.epoch or not all(a < b for a, b in pairwise(ends)):
            raise ValueError(f"ends: {ends[1:4]}.. aren't the epochs until {stepper.epoch}")
        has_accuracy = self._evaluator is not None and self._evaluator.has_accuracy
        rows = arrays["measured"].tolist()
        self._measured = [(error, accuracy if has_accuracy else None) for error, accuracy in rows]
        self._seen = list(zip(arrays["ends"].tolist(), arrays["seconds"].tolist(), strict=True))
        self._spent = float(arrays["spent"])

    def _found(self) -> NDArray[np.float64]:
        """Errors and accuracies on the validation set, an epoch a row; NaN where there is no accuracy."""
        return np.array(self._measured, np.float64).reshape(-1, 2)

    def _times(self) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
        """When the run was looked at: after so many epochs, and so many seconds."""
        return np.array([e for e, _ in self._seen], np.int64), np.array([s for _, s in self._seen], np.float64)
