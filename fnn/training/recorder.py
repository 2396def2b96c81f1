"""`Recorder`: validation measures and elapsed time of each epoch, and the history that they make."""

from __future__ import annotations

import time
from collections.abc import Callable
from itertools import pairwise
from typing import Generic

import numpy as np
from numpy.typing import NDArray

from fnn.io.archive import require_arrays
from fnn.network.params import DT, Params
from fnn.training.checkpoint_format import Arrays, ArraySpecs
from fnn.training.evaluator import Evaluator, Measures
from fnn.training.history import History, Record
from fnn.training.steppers.stepper import Stepper


class Recorder(Generic[DT]):
    """Records the validation measures and the elapsed time of each epoch."""

    def __init__(self, evaluator: Evaluator[DT] | None) -> None:
        self._evaluator, self.has_validation = evaluator, evaluator is not None
        self._measures: list[Measures] = []  # after each epoch, if there is a validation set
        self._times: list[tuple[int, float]] = []  # epochs that were over, and the seconds then
        self._earlier, self._began = 0.0, time.perf_counter()

    @property
    def held_out(self) -> NDArray[np.int64] | None:
        """The numbers of the cases that a fraction of them holds out; None if there is no fraction."""
        return None if self._evaluator is None else self._evaluator.held_out

    def begin(self) -> None:
        """Start the clock."""
        self._began = time.perf_counter()

    @property
    def seconds(self) -> float:
        """The duration of the run, the time before it was resumed included."""
        return self._earlier + time.perf_counter() - self._began

    def mark_time(self, epochs: int, seconds: float) -> None:
        """Record that these epochs were over after some seconds of the run."""
        if epochs > (self._times[-1][0] if self._times else 0):
            self._times.append((epochs, seconds))

    def measure(self, params: Params[DT], is_interrupted: Callable[[], bool] = lambda: False) -> Measures | None:
        """The measures of parameters, of no use if interrupted; None if there is no validation set."""
        return None if self._evaluator is None else self._evaluator.measure(params.flat_buffer, is_interrupted)

    def append(self, measures: Measures | None) -> None:
        if measures is not None:
            self._measures.append(measures)

    def errors(self, stepper: Stepper[DT], epochs: int) -> list[float]:
        """The error after each of the first epochs: of the validation set or, if there is none, of the epoch."""
        if self._evaluator is None:
            return [float(error) for error in stepper.history[:epochs]]

        return [error for error, _ in self._measures[:epochs]]

    def record(self, stepper: Stepper[DT], epoch: int) -> Record:
        """The record of an epoch, counted from 1; with a validation set, of the last one."""
        error, accuracy = self._measures[-1] if self._measures else (None, None)
        told = {name: float(column[-1]) for name, column in stepper.told(epoch).items()}

        return Record(float(stepper.history[epoch - 1]), error, accuracy, told)

    def history(self, stepper: Stepper[DT], epochs: int) -> History:
        """The history of the first epochs."""
        errors, evaluator = stepper.history[:epochs].copy(), self._evaluator
        ends, times = self._time_arrays()
        ends[1:] -= ends[:-1]  # `np.diff` takes ten times as long
        seconds = np.repeat(times, ends)[:epochs]
        told = {name: column.copy() for name, column in stepper.told(epochs).items()}
        if evaluator is None:
            return History(errors, None, None, stepper.etas(epochs), seconds, told)
        measures = self._measure_array()[:epochs]
        accuracy = measures[:, 1].copy() if evaluator.has_accuracy else None

        return History(errors, measures[:, 0].copy(), accuracy, stepper.etas(epochs), seconds, told)

    def arrays(self) -> Arrays:
        """What a checkpoint must hold."""
        ends, seconds = self._time_arrays()

        return {"measures": self._measure_array(), "ends": ends, "seconds": seconds, "spent": np.array(self.seconds)}

    def restore(self, arrays: Arrays, stepper: Stepper[DT], epochs: int) -> None:
        """Go on from what `arrays` returned after processing some epochs; ValueError if it can't have been that."""
        times = np.shape(arrays.get("ends", ()))
        specs: ArraySpecs = {
            "measures": (np.float64, (epochs if self.has_validation else 0, 2)),
            "ends": (np.int64, times), "seconds": (np.float64, times), "spent": (np.float64, ()),
        }  # fmt: skip
        require_arrays(arrays, specs, finite=["seconds", "spent"])
        ends = [0, *arrays["ends"].ravel().tolist()]
        if len(times) != 1 or ends[-1] != stepper.epoch or not all(a < b for a, b in pairwise(ends)):
            raise ValueError(f"ends: {ends[1:4]}.. aren't the epochs until {stepper.epoch}")
        has_accuracy = self._evaluator is not None and self._evaluator.has_accuracy
        rows = arrays["measures"].tolist()
        self._measures = [(error, accuracy if has_accuracy else None) for error, accuracy in rows]
        self._times = list(zip(arrays["ends"].tolist(), arrays["seconds"].tolist(), strict=True))
        self._earlier = float(arrays["spent"])

    def _measure_array(self) -> NDArray[np.float64]:
        """Validation errors and accuracies, an epoch a row; NaN where there is no accuracy."""
        return np.array(self._measures, np.float64).reshape(-1, 2)

    def _time_arrays(self) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
        """Epochs that were over, and the seconds then."""
        return np.array([e for e, _ in self._times], np.int64), np.array([s for _, s in self._times], np.float64)
