"""Which full-batch method arrives nearest in the same time, on a smooth function of five inputs; and sinc.

    python -m tests.benchmarks.arrival --seconds 5

2,000 samples of sin 3u₁ e^(−u₂²) + u₃u₄ / (1 + u₅²) on [−1, 1]⁵, 4,000 others to test; 5-24-24-1 with tanh, float64.
Each method has the same seconds, by one thread and by all, and what it compiles was compiled before. For the other
problem see `sinc`.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
from collections.abc import Sequence

import numpy as np

import fnn

from . import sinc
from .machine import cores
from .solvers import METHODS, Reals, Task

SIZES, TRAINED, TESTED = (5, 24, 24, 1), 2000, 4000


def surrogate(u: Reals) -> Reals:
    """(N, 1) of (N, 5)."""
    a, b, c, d, e = u.T

    return np.asarray(np.sin(3 * a) * np.exp(-(b**2)) + c * d / (1 + e**2))[:, None]


def measure(methods: Sequence[str], seconds: float, seeds: int, threads: int) -> dict[str, list[tuple[float, int]]]:
    """The RMSE of the test and the steps of every method and seed; the methods take turns."""
    random = np.random.default_rng(0)
    x, x_test = (random.uniform(-1, 1, (n, SIZES[0])) for n in (TRAINED, TESTED))
    y, y_test = surrogate(x), surrogate(x_test)
    found: dict[str, list[tuple[float, int]]] = {name: [] for name in methods}
    for seed in range(seeds):
        start = fnn.init(SIZES, hidden=fnn.tanh, output=fnn.identity, seed=seed, dtype=np.float64)
        for name in methods:
            METHODS[name](Task(start, x, y, threads, 0.05))
            params, steps = METHODS[name](Task(start, x, y, threads, seconds))
            rmse = float(np.sqrt(np.mean((fnn.forward(params, x_test) - y_test) ** 2)))
            found[name].append((rmse, steps))

    return found


def report(methods: Sequence[str], seconds: float, seeds: int, threads: int) -> None:
    """Print the test's RMSE and the steps of each method."""
    print(f" surrogate, {seconds:g} s")
    for name, runs in measure(methods, seconds, seeds, threads).items():
        errors, steps = zip(*runs, strict=True)
        each = "  ".join(f"{error:.2e}" for error in errors)
        print(f"  {name:24s} median {np.median(errors):.2e}   each {each}   steps {int(np.median(steps))}", flush=True)


def main() -> None:
    """Print a table for one thread, and one for all, each by a process whose BLAS has as many, too."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=10.0)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--problems", nargs="+", choices=("surrogate", "sinc"), default=["surrogate", "sinc"])
    parser.add_argument("--methods", nargs="+", choices=METHODS, default=list(METHODS))
    parser.add_argument("--threads", type=int, help="in this process")
    arguments = parser.parse_args()
    if arguments.threads is not None:
        print(f"{arguments.threads} threads, load {os.getloadavg()[0]:.1f}", flush=True)
        if "surrogate" in arguments.problems:
            report(arguments.methods, arguments.seconds, arguments.seeds, arguments.threads)
        if "sinc" in arguments.problems:
            sinc.report(arguments.threads)
        return
    for threads in sorted({1, cores()}):
        environment = {name: value for name, value in os.environ.items() if not name.startswith("OPENBLAS_")}
        command = [sys.executable, "-m", __spec__.name, *sys.argv[1:], "--threads", str(threads)]
        subprocess.run(command, env={**environment, "OPENBLAS_NUM_THREADS": str(threads)}, check=True)


if __name__ == "__main__":
    main()
