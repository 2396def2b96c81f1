"""Batches from any iterable, one after the other: for cases that fit neither memory nor a file."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Generic, TypeAlias, cast

from numpy.typing import ArrayLike

from fnn.boundary.checks import prefixed
from fnn.data.cases import Cases
from fnn.data.rows import CaseArrays
from fnn.losses.loss import Loss
from fnn.network.params import DT, Params


class Refusal(Exception):
    """A batch with a fault, or an iterable that raised an error, which is the cause of this exception."""

    def __init__(self, message: str, epoch: int, batch: int) -> None:
        super().__init__(message)
        self.epoch, self.batch = epoch, batch


Batches: TypeAlias = Iterable[Cases | tuple[ArrayLike, ArrayLike] | tuple[ArrayLike, ArrayLike, ArrayLike]]


def stream_of(x: object, epochs: int, batch_size: object) -> Iterable[Any]:
    """The argument x of `train` without y; an error unless it is an iterable of batches that fits the other two."""
    if hasattr(x, "__array__") or not isinstance(x, Iterable) or isinstance(x, str | bytes | Mapping):
        raise TypeError(
            f"y: needs the targets; without y, x must be fnn.Cases or an iterable of batches, got {x!r:.60}"
        )
    if batch_size is not None:
        raise TypeError("batch_size: x is an iterable of batches, each of which has its own size")
    if epochs > 1 and isinstance(x, Iterator) and iter(x) is x:  # of others `__iter__` may have an effect
        raise ValueError(f"epochs: x is an iterator, which can be gone through once, not {epochs} times")

    return x


def require_no_batches(x: ArrayLike | Cases | Batches) -> ArrayLike | Cases:
    """The argument x of `train` with y; TypeError if it is an iterator."""
    if isinstance(x, Iterator):
        raise TypeError(f"y: an iterable of batches has its own targets, so y can't be given beside {x!r:.60}")

    return cast(ArrayLike | Cases, x)


class BatchStream(Generic[DT]):
    """An iterable of `Cases`, (x, y) or (x, y, weights), gone through once an epoch; its batches are checked."""

    def __init__(self, batches: Iterable[Any], params: Params[DT], loss: Loss) -> None:
        self._batches, self._params, self._loss = batches, params, loss
        self._iterator: Iterator[Any] | None = None
        self._epoch, self._number = 1, 0  # of the last batch

    def next(self) -> CaseArrays[DT] | None:
        """The next batch of the epoch, or None at its end; the call after that begins another epoch. Else `Refusal`."""
        self._number += 1
        try:
            if self._iterator is None:
                self._iterator = iter(self._batches)
            item = next(self._iterator)
        except StopIteration:
            if self._number == 1:
                raise Refusal(f"x: has no batches in epoch {self._epoch}", self._epoch, 0) from None
            self._iterator, self._epoch, self._number = None, self._epoch + 1, 0
            return None
        except Exception as error:
            raise Refusal(f"{self._place}{error!r}", self._epoch, self._number) from error
        try:
            return self._checked(item)
        except (TypeError, ValueError) as error:
            raise Refusal(str(error), self._epoch, self._number) from error

    def skip(self, epoch: int, batches: int) -> Iterator[CaseArrays[DT]]:
        """Begin an epoch, counted from 1, anew and yield its first batches; `next` goes on after them."""
        self._iterator, self._epoch, self._number = None, epoch, 0
        for _ in range(batches):
            batch = self.next()
            if batch is None:
                return
            yield batch

    @property
    def _place(self) -> str:
        return f"batch {self._number} of epoch {self._epoch}: "

    def _checked(self, item: Any) -> CaseArrays[DT]:
        with prefixed(self._place):
            if isinstance(item, tuple | list) and len(item) in (2, 3):
                x, y, *weights = item
                item = Cases(x, y, weights=weights[0] if weights else None)
            if not isinstance(item, Cases):
                raise TypeError(f"needs fnn.Cases or a tuple (x, y) or (x, y, weights), got {item!r:.60}")
            return item.arrays(self._params, self._loss, is_batch=True, may_weigh_nothing=True).plain
