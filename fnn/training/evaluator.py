"""Error and accuracy of a network on a fixed set of cases, measured again and again."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, Generic, TypeAlias

import numpy as np
from numpy.typing import NDArray

from fnn.compiler.threads import available, run_in_threads
from fnn.data.rows import NO_LABELS, CaseArrays, as_labels
from fnn.equations.forward import WORTH_THREADS
from fnn.equations.kernels.forward import BLOCK
from fnn.equations.objective import Objective
from fnn.losses.loss import Loss
from fnn.metrics import classes_of
from fnn.network.params import DT, Params
from fnn.training.kernels.evaluate import evaluate_kernel

Measures: TypeAlias = tuple[float, float | None]  # the error per case, and the accuracy if the targets name classes

CHUNKS: Final = 4  # a thread, at least: one may be far slower than the others
CHUNK_WORK: Final = 250_000_000  # multiplications of a chunk, at most: some 10 ms, in which no interrupt is noticed


class Evaluator(Generic[DT]):
    """Measures the error, and the accuracy if the targets name classes, in one pass. The cases have no fault."""

    def __init__(self, params: Params[DT], batch: CaseArrays[DT], objective: Objective, threads: int | None) -> None:
        architecture, dtype, loss = params.architecture, params.dtype, objective.loss
        self._batch, self._loss = batch, loss
        count, self._layout = batch.number, architecture.layout(dtype, BLOCK)
        self._threshold = sum(loss.targets.label_values) / 2
        self._classes = _classes(batch, loss)
        self.held_out = batch.chosen.copy() if batch.chosen.size else None  # else the cases are no part of others
        self.has_accuracy = self._classes is not None
        self._errors = np.empty(count)
        most = available(threads) if count * architecture.count >= WORTH_THREADS else 1
        self._threads = min(most, count // BLOCK) or 1
        chunks = 1 if self._threads == 1 else CHUNKS * self._threads
        blocks = min(-(-count // (BLOCK * chunks)), CHUNK_WORK // (BLOCK * architecture.count))
        self._chunk = BLOCK * max(blocks, 1)  # cases
        self._spaces = [np.zeros(self._layout.whole, dtype) for _ in range(self._threads)]

    def measure(self, flat: NDArray[DT], is_interrupted: Callable[[], bool] = lambda: False) -> Measures:
        """To the bit `fnn.error` with reduction="mean", and `fnn.accuracy`; the error is NaN once interrupted."""
        right = self._measure_cases(flat, True, is_interrupted)
        if right is None:
            return np.nan, None
        with np.errstate(over="ignore", invalid="ignore"):  # infinity is what the kernels would find
            error = float(np.add.accumulate(self._errors)[-1])  # from left to right, as they add up

        return error, None if self._classes is None else right / self._batch.number

    def _measure_cases(
        self, flat: NDArray[DT], mean: bool, is_interrupted: Callable[[], bool] = lambda: False
    ) -> int | None:
        """Write what each case adds to the error; how many get their own class, or None once interrupted."""
        x, y, labels, weights, sources = self._batch.taken
        kernel, count, loss = evaluate_kernel[flat.dtype], self._batch.number, self._loss.descriptor_address(flat.dtype)
        tops = iter(range(0, count, self._chunk))  # shared by all threads
        classes = NO_LABELS if self._classes is None else self._classes
        right: list[int] = []

        def part(number: int, _: int) -> None:
            for top in tops:
                if is_interrupted():
                    return
                correct = kernel(
                    table=self._layout.table, flat=flat, space=self._spaces[number], x=x, y=y, labels=labels,
                    weights=weights, sources=sources, chosen=self._batch.chosen, loss=loss, top=top,
                    bottom=min(top + self._chunk, count), classes=classes, threshold=self._threshold,
                    mean=mean, errors=self._errors,
                )  # fmt: skip
                right.append(correct)

        run_in_threads(part, self._threads)

        return sum(right) if len(right) * self._chunk >= count else None

    def is_finite(self, params: Params[DT]) -> bool:
        """Whether parameters are finite, and so is the error of the cases with them."""
        error, _ = self.measure(params.flat_buffer)

        return bool(np.isfinite(error) and np.isfinite(params.flat_buffer).all())


def _classes(batch: CaseArrays[DT], loss: Loss) -> NDArray[np.int64] | None:
    """The classes of the chosen cases, if the targets are labels or one-hot."""
    chosen = batch.chosen
    if batch.labels.size:
        return as_labels(batch.labels[chosen] if chosen.size else batch.labels)
    no, yes = loss.targets.label_values
    parts = []
    for _, chunk in batch.chunks():
        y = chunk.y
        if not (np.isin(y, (no, yes)).all() and (y.shape[1] == 1 or ((y == yes).sum(axis=1) == 1).all())):
            return None
        parts.append(classes_of(y, (no + yes) / 2))
    classes = np.concatenate(parts)

    return classes[chosen] if chosen.size else classes
