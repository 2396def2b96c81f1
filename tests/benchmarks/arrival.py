"""Who arrives nearest in the same time: full-batch methods on a smooth function of five inputs.

    python -m tests.benchmarks.arrival --seconds 5

2,000 samples of sin 3u₁ e^(−u₂²) + u₃u₄ / (1 + u₅²) on [−1, 1]⁵, 4,000 others to test; 5-24-24-1 with tanh, float64.
Each method has the same seconds, by one thread and by all, and what it compiles was compiled before.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Any, NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize

import fnn

from .machine import cores

SIZES, TRAINED, TESTED = (5, 24, 24, 1), 2000, 4000

Reals: TypeAlias = NDArray[np.float64]
Network: TypeAlias = fnn.Params[np.float64]


class Task(NamedTuple):
    """A start, the cases, and how long and by how many threads to train."""

    start: Network
    cases: fnn.Cases
    seconds: float
    threads: int


class End(NamedTuple):
    """What a method arrives at, after how many evaluations of the gradient."""

    params: Network
    evaluations: int


class Late(Exception):
    """The seconds are over."""


def surrogate(u: Reals) -> Reals:
    """(N, 1) of (N, 5)."""
    a, b, c, d, e = u.T

    return np.asarray(np.sin(3 * a) * np.exp(-(b**2)) + c * d / (1 + e**2))[:, None]


def with_scipy(task: Task) -> End:
    """L-BFGS-B, driven by `fnn.value_and_grad`, which works with one thread."""
    began, count, best = time.perf_counter(), 0, (np.inf, task.start.flat)

    def evaluate(flat: Reals) -> tuple[float, Reals]:
        nonlocal count, best
        if time.perf_counter() - began > task.seconds:
            raise Late
        value, slope = fnn.value_and_grad(task.start.with_flat(flat), task.cases, reduction="mean")
        count, best = count + 1, min(best, (value, flat.copy()), key=lambda pair: pair[0])
        return value, slope.flat

    options = dict(maxiter=10**9, maxfun=10**9, ftol=0.0, gtol=1e-12, maxcor=10)
    with suppress(Late):
        minimize(evaluate, task.start.flat, jac=True, method="L-BFGS-B", options=options)

    return End(task.start.with_flat(best[1]), count)


def with_fnn(optimizer: Any) -> Callable[[Task], End]:
    """A solver of fnn."""

    def train(task: Task) -> End:
        run = fnn.train(
            task.start, task.cases, optimizer=optimizer, epochs=1_000_000, reduction="mean", threads=task.threads,
            stopping=fnn.Stopping(seconds=task.seconds),
        )  # fmt: skip
        return End(run.params, int(run.history.solver["evaluations"].sum()))

    return train


METHODS: dict[str, Callable[[Task], End]] = {
    "scipy L-BFGS-B": with_scipy,
    "fnn.lbfgs": with_fnn(fnn.lbfgs(min_gradient=0)),
}


def measure(methods: Sequence[str], seconds: float, seeds: int, threads: int) -> dict[str, list[tuple[float, int]]]:
    """The RMSE of the test and the count of every method and seed; the methods take turns."""
    random = np.random.default_rng(0)
    x, x_test = (random.uniform(-1, 1, (n, SIZES[0])) for n in (TRAINED, TESTED))
    cases, y_test = fnn.Cases(x, surrogate(x)), surrogate(x_test)
    found: dict[str, list[tuple[float, int]]] = {name: [] for name in methods}
    for seed in range(seeds):
        start = fnn.init(SIZES, hidden=fnn.tanh, output=fnn.identity, seed=seed, dtype=np.float64)
        for name in methods:
            METHODS[name](Task(start, cases, 0.05, threads))
            params, evaluations = METHODS[name](Task(start, cases, seconds, threads))
            rmse = float(np.sqrt(np.mean((fnn.forward(params, x_test) - y_test) ** 2)))
            found[name].append((rmse, evaluations))

    return found


def report(methods: Sequence[str], seconds: float, seeds: int, threads: int) -> None:
    """Print the table of a number of threads."""
    print(f"{seconds:g} s, {threads} thread{'s' * (threads > 1)}, load {os.getloadavg()[0]:.1f}")
    for name, runs in measure(methods, seconds, seeds, threads).items():
        errors, counts = zip(*runs, strict=True)
        each = "  ".join(f"{error:.2e}" for error in errors)
        print(f"  {name:16s} median {np.median(errors):.2e}   each {each}   evaluations {int(np.median(counts))}")


def main() -> None:
    """Print a table for one thread, and one for all, each by a process whose BLAS has as many, too."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=10.0)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--methods", nargs="+", choices=METHODS, default=list(METHODS))
    parser.add_argument("--threads", type=int, help="in this process")
    arguments = parser.parse_args()
    if arguments.threads is not None:
        report(arguments.methods, arguments.seconds, arguments.seeds, arguments.threads)
        return
    for threads in sorted({1, cores()}):
        environment = {name: value for name, value in os.environ.items() if not name.startswith("OPENBLAS_")}
        command = [sys.executable, "-m", __spec__.name, *sys.argv[1:], "--threads", str(threads)]
        subprocess.run(command, env={**environment, "OPENBLAS_NUM_THREADS": str(threads)}, check=True)


if __name__ == "__main__":
    main()
