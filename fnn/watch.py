"""Measuring on a validation set, and collecting the history."""

from __future__ import annotations

from typing import Final, Generic, SupportsFloat

import numpy as np
from numpy.typing import ArrayLike, NDArray

from fnn.backprop import WORTH_THREADS, evaluate, forward_by_parts
from fnn.batch import batch_of
from fnn.data import Batch
from fnn.descent import Descent
from fnn.history import History, Record
from fnn.kernels.differentiate import PIECE
from fnn.kernels.equations import ERROR_ONLY
from fnn.loss import Loss
from fnn.metrics import classes_of
from fnn.params import DT, Params, wrap
from fnn.threads import available

MOST_OUTPUTS: Final = 2**22  # that are held at once


class Watch(Generic[DT]):
    """What a validation set says after each epoch, and the history of all."""

    def __init__(
        self,
        params: Params[DT],
        validation: tuple[ArrayLike, ArrayLike] | None,
        loss: Loss,
        mean: bool,
        threads: int | None,
        scale: SupportsFloat,
    ) -> None:
        self._measured: list[tuple[float, float | None]] = []
        self._loss, self._mean = loss, mean
        self._architecture = params._architecture
        self._batch: Batch[DT] | None = None
        if validation is not None:
            if not isinstance(validation, tuple) or len(validation) != 2:
                raise TypeError("validation: needs a tuple (x, y)")
            self._batch = batch_of(params, *validation, None, loss, "validation ", scale=scale, whole=False)
            self._middle = sum(loss.targets.no_and_yes) / 2
            self._classes = _classes(self._batch, loss)
            is_worth_them = len(self._batch.x) * params._flat.size >= WORTH_THREADS
            self._threads = min(threads or available(), available()) if is_worth_them else 1
            self._measure(params)  # bad values are refused before training begins

    @property
    def validates(self) -> bool:
        """Whether there is a validation set, so that every epoch must be seen."""
        return self._batch is not None

    def measure(self, flat: NDArray[DT]) -> None:
        """Take the measure of the parameters at the end of an epoch."""
        if self._batch is not None:
            self._measured.append(self._measure(wrap(flat, self._architecture)))

    def error(self, descent: Descent[DT]) -> float:
        """After the last epoch: of the validation set or, if there is none, of the epoch."""
        record = self.record(descent)

        return record.error if record.validation_error is None else record.validation_error

    def record(self, descent: Descent[DT]) -> Record:
        """What is known of the last epoch."""
        measured = self._measured[-1] if self._measured else (None, None)

        return Record(float(descent.history[descent.epoch - 1]), *measured)

    def history(self, descent: Descent[DT], epochs: int) -> History:
        """Of the first epochs."""
        errors = descent.history[:epochs].copy()
        if self._batch is None:
            return History(errors, None, None)
        measured = self._measured[:epochs]
        accuracy = None if self._classes is None else np.array([a for _, a in measured], np.float64)

        return History(errors, np.array([e for e, _ in measured], np.float64), accuracy)

    def _measure(self, params: Params[DT]) -> tuple[float, float | None]:
        assert self._batch is not None
        x = self._batch.x
        value = evaluate(params, self._batch, self._loss, self._mean, ERROR_ONLY, min(len(x), PIECE), "validation ")[0]
        if self._classes is None:
            return value, None

        scale = self._batch.sources.scale if self._batch.sources else None
        right, step = 0, max(MOST_OUTPUTS // params.sizes[-1], 1)
        for top in range(0, len(x), step):
            rows, wanted = x[top : top + step], self._classes[top : top + step]
            a = np.empty((len(rows), params.sizes[-1]), params.dtype)
            forward_by_parts(params, rows, a, self._threads, scale)
            right += int(np.sum(classes_of(a, self._middle) == wanted))

        return value, right / len(x)


def _classes(batch: Batch[DT], loss: Loss) -> NDArray[np.int64] | None:
    """The classes that the targets stand for, if they are labels or one-hot."""
    if batch.labels.size:
        return batch.labels
    no, yes = loss.targets.no_and_yes
    found = []
    for _, piece in batch.pieces():
        y = piece.y
        if not (np.isin(y, (no, yes)).all() and (y.shape[1] == 1 or ((y == yes).sum(axis=1) == 1).all())):
            return None
        found.append(classes_of(y, (no + yes) / 2))

    return np.concatenate(found)
