"""How long 200 iterations of Levenberg–Marquardt take on sinc, and how near they come.

sin(10x) / (10x) on 2,000 points of [−1, 1], 1-20-1 with tanh, float64, seven starts from `fnn.nguyen_widrow`.
"""

from __future__ import annotations

import time
from typing import Final, NamedTuple

import numpy as np

import fnn

from .solvers import METHODS, Task

SIZES, CASES, SEEDS, EPOCHS = (1, 20, 1), 2000, 7, 200
PEER, OURS = "numpy LM", "fnn.levenberg_marquardt"
LARGEST: Final = 1e-8  # the mean squared error, at most, in the median
PART: Final = 0.1 / 0.12  # of the peer's time, at most


class Run(NamedTuple):
    """Mean squared error, and the seconds of the clock and of all processors."""

    error: float
    wall: float
    cpu: float


def run(name: str, task: Task) -> Run:
    wall, cpu = time.perf_counter(), time.process_time()
    end = METHODS[name](task)
    seconds = time.perf_counter() - wall, time.process_time() - cpu

    return Run(2 * fnn.error(end.params, task.x, task.y, reduction="mean"), *seconds)


def measure(threads: int) -> dict[str, list[Run]]:
    """The methods take turns, after one run each that doesn't count."""
    x = np.linspace(-1, 1, CASES)[:, None]
    y = np.sinc(10 * x / np.pi)
    found: dict[str, list[Run]] = {PEER: [], OURS: []}
    for seed in (0, *range(SEEDS)):
        start = fnn.init(
            SIZES, hidden=fnn.tanh, output=fnn.identity, initializer=fnn.nguyen_widrow, seed=seed, dtype=np.float64
        )
        for name, runs in found.items():
            runs.append(run(name, Task(start, x, y, threads, None, EPOCHS)))

    return {name: runs[1:] for name, runs in found.items()}


def report(threads: int) -> None:
    """Print the medians beside their limits."""
    print(f" sinc, {EPOCHS} iterations")
    found = {name: np.array(runs) for name, runs in measure(threads).items()}
    for name, runs in found.items():
        error, wall, cpu = np.median(runs, axis=0)
        print(f"  {name:24s} median MSE {error:.1e}, {wall:.3f} s, {cpu:.3f} s of processors")
    _, wall, cpu = np.median(found[OURS] / found[PEER], axis=0)
    near = np.median(found[OURS][:, 0]) <= LARGEST
    print(f"  MSE ≤ {LARGEST:g}: {'yes' if near else 'NO'};  of NumPy's time {wall:.2f}, of processors {cpu:.2f};  "
          f"≤ {PART:.2f}: {'yes' if wall <= PART else 'NO'}", flush=True)  # fmt: skip
