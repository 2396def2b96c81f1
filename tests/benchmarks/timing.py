"""Clocks, used inside the measured processes."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable


def seconds_each(run: Callable[[int], object], budget: float) -> float:
    """Time of one unit of `run(units)`: warmed up, then the median of three blocks of about `budget` seconds each."""
    run(1)
    units = 1
    while (elapsed := seconds(run, units)) < budget / 2:
        # A short time says little about how many units fit into the budget.
        units = int(units * budget / elapsed) if elapsed > budget / 20 else 4 * units
    blocks = [elapsed, seconds(run, units), seconds(run, units)]

    return statistics.median(blocks) / units


def seconds(run: Callable[[int], object], units: int) -> float:
    """Wall time of one call."""
    begin = time.perf_counter()
    run(units)

    return time.perf_counter() - begin


def repeated(call: Callable[[], object]) -> Callable[[int], None]:
    """A call without arguments as something that `seconds_each` can run."""

    def run(times: int) -> None:
        for _ in range(times):
            call()

    return run
