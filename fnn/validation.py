"""A validation set: cases that training doesn't see, and how well they are met."""

from __future__ import annotations

from typing import Final, Generic, SupportsFloat

import numpy as np
from numpy.typing import ArrayLike, NDArray

from fnn.backprop import WORTH_THREADS
from fnn.batch import NO_LABELS, Batch, batch_of
from fnn.checks import number
from fnn.descent import require_sound
from fnn.kernels.assess import assess_kernel
from fnn.kernels.evaluate import BLOCK
from fnn.loss import Loss
from fnn.metrics import classes_of
from fnn.params import DT, Params
from fnn.threads import available, run_parts

PIECES: Final = 4  # for each thread


class Validation(Generic[DT]):
    """Measures the error, and the accuracy if the targets name classes, in one pass that no bit of training depends on.

    Raises
    ------
    ValueError
        The cases can't be computed with.
    """

    def __init__(self, params: Params[DT], batch: Batch[DT], loss: Loss, mean: bool, threads: int | None) -> None:
        require_sound(params, batch, loss, "validation ")
        self._batch, self._loss, self._mean = batch, loss, mean
        count, self._layout = len(batch.x), params._architecture.layout(params.dtype, BLOCK)
        self._middle = sum(loss.targets.no_and_yes) / 2
        self._classes = _classes(batch, loss)
        self._errors = np.empty(count)
        is_worth_them = count * params._flat.size >= WORTH_THREADS
        wish = min(threads or available(), available()) if is_worth_them else 1
        self._threads = min(wish, count // BLOCK) or 1
        pieces = 1 if self._threads == 1 else PIECES * self._threads
        self._piece = BLOCK * -(-count // (BLOCK * pieces))
        self._spaces = [np.zeros(self._layout.whole, params.dtype) for _ in range(self._threads)]

    @property
    def names_classes(self) -> bool:
        """Whether there is an accuracy."""
        return self._classes is not None

    def measure(self, flat: NDArray[DT]) -> tuple[float, float | None]:
        """The error, to the bit that of `fnn.error`, and the accuracy, that of `fnn.accuracy`."""
        x, y, labels, weights, _ = self._batch
        kernel, tops = assess_kernel[flat.dtype], iter(range(0, len(x), self._piece))
        classes = NO_LABELS if self._classes is None else self._classes
        right: list[int] = []

        def part(number: int, _: int) -> None:
            for top in tops:  # which all threads take from, as one may be far slower than the others
                found = kernel(
                    self._layout.table, flat, self._spaces[number], x, y, labels, weights,
                    self._loss.at(flat.dtype), self._mean, top, min(top + self._piece, len(x)), classes, self._middle,
                    self._errors,
                )  # fmt: skip
                right.append(found)

        run_parts(part, self._threads)
        error = float(np.add.accumulate(self._errors)[-1])  # from left to right, as the kernels add up

        return error, None if self._classes is None else sum(right) / len(x)


def _classes(batch: Batch[DT], loss: Loss) -> NDArray[np.int64] | None:
    """The classes that the targets stand for, if they are labels or one-hot."""
    if batch.labels.size:
        return batch.labels
    no, yes = loss.targets.no_and_yes
    y = batch.y
    is_one_hot = np.isin(y, (no, yes)).all() and (y.shape[1] == 1 or ((y == yes).sum(axis=1) == 1).all())

    return classes_of(y, (no + yes) / 2) if is_one_hot else None


def split_off(
    params: Params[DT],
    batch: Batch[DT],
    validation: tuple[ArrayLike, ArrayLike] | SupportsFloat | None,
    loss: Loss,
    seed: int,
) -> tuple[Batch[DT], Batch[DT] | None]:
    """The cases to train on, and those to validate on, which are the caller's or a part of all."""
    if validation is None:
        return batch, None
    if isinstance(validation, tuple) and len(validation) == 2:
        return batch, batch_of(params, *validation, None, loss, "validation ")
    if not isinstance(validation, SupportsFloat) or isinstance(validation, bool | np.bool_ | np.ndarray):
        raise TypeError(f"validation: needs a tuple (x, y), or which part of the cases, got {validation!r:.60}")
    fraction, count = number("validation", validation), len(batch.x)
    if not 0 < fraction < 1:
        raise ValueError(f"validation: the part of the cases must be above 0 and below 1, got {fraction}")
    held_out = round(fraction * count)
    if not 0 < held_out < count:
        raise ValueError(f"validation: {fraction} of {count} cases leaves none to validate or to train on")
    require_sound(params, batch, loss)  # here, as its rows are the caller's
    is_held_out = drawn(held_out, count, seed)

    return _taken(batch, ~is_held_out), _taken(batch, is_held_out)


def drawn(some: int, count: int, seed: int) -> NDArray[np.bool_]:
    """Which ones are some of `count` cases, drawn at random: a function of the seed, the same on every machine."""
    numbers = np.random.PCG64((seed, 1)).random_raw(count)  # 1: apart from what `init` draws with the same seed
    chosen = np.zeros(count, np.bool_)
    chosen[np.argsort(numbers, kind="stable")[:some]] = True

    return chosen


def _taken(batch: Batch[DT], chosen: NDArray[np.bool_]) -> Batch[DT]:
    """The cases that are chosen, in their order."""
    x, y, labels, weights, single = batch

    return Batch(
        x[chosen],
        y[chosen] if len(y) else y,
        labels[chosen] if labels.size else labels,
        weights[chosen] if weights.size else weights,
        single,
    )
