"""Rounds of measurements, again where other processes disturb them; when calls of several ranks begin and end."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from operator import attrgetter
from typing import Final, NamedTuple, Self

import numpy as np
from numpy.typing import NDArray

SHARE: Final = "share"  # among the times: what the ranks had of their processors
_ENOUGH: Final = 0.98  # of a processor


class Interval(NamedTuple):
    """From a rank's arrival to its departure; ranks of one machine have one clock."""

    begin: float
    end: float


def timed(call: Callable[[], object]) -> Interval:
    """When a call begins and ends."""
    begin = time.perf_counter()
    call()

    return Interval(begin, time.perf_counter())


def joint(intervals: Sequence[Sequence[Interval]]) -> NDArray[np.float64]:
    """How long exchanges take from the last rank's arrival until all have left; each rank has a list of all."""
    ranks = np.array(intervals)
    joined: NDArray[np.float64] = ranks[:, :, 1].max(axis=0) - ranks[:, :, 0].max(axis=0)

    return joined


class Round(NamedTuple):
    """Seconds by name, and the part of the time that the ranks that worked had their processors."""

    times: dict[str, float]
    share: float


class Processor:
    """Measures which part of a block's time this process, which never sleeps in it, had its processor."""

    share = 1.0

    def __enter__(self) -> Self:
        self._began = time.perf_counter(), time.process_time()
        return self

    def __exit__(self, *_: object) -> None:
        began, used = self._began
        self.share = (time.process_time() - used) / (time.perf_counter() - began)


def undisturbed(measure: Callable[[], Round], rounds: int) -> dict[str, list[float]]:
    """The times of as many rounds in which other processes take next to nothing from the ranks.

    Others are measured again, but no more than twenty times as many in all; the best ones of these are taken then.
    """
    found: list[Round] = []
    while len(found) < 20 * rounds and sum(one.share >= _ENOUGH for one in found) < rounds:
        found.append(measure())
    best = sorted(found, key=attrgetter("share"), reverse=True)[:rounds]

    return {name: [one.times[name] for one in best] for name in best[0].times} | {SHARE: [one.share for one in best]}
