"""Full-batch methods that are compared: what each makes of a start."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import suppress
from typing import Literal, NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray
from scipy import optimize

import fnn

from . import numpy_levenberg_marquardt

Reals: TypeAlias = NDArray[np.float64]
Network: TypeAlias = fnn.Params[np.float64]
FOR_EVER = 1_000_000  # epochs


class Task(NamedTuple):
    """A start, the cases, by how many threads to train, and how long."""

    start: Network
    x: Reals
    y: Reals
    threads: int
    seconds: float | None
    epochs: int = FOR_EVER


class End(NamedTuple):
    """What a method arrives at, after how many iterations or, with L-BFGS, evaluations of the gradient."""

    params: Network
    steps: int


class Late(Exception):
    """The seconds are over."""


def with_scipy(task: Task) -> End:
    """L-BFGS-B, driven by `fnn.value_and_grad`, which works with one thread."""
    began, count, best = time.perf_counter(), 0, (np.inf, task.start.flat)
    cases, seconds = fnn.Cases(task.x, task.y), task.seconds or np.inf

    def evaluate(flat: Reals) -> tuple[float, Reals]:
        nonlocal count, best
        if time.perf_counter() - began > seconds:
            raise Late
        value, slope = fnn.value_and_grad(task.start.with_flat(flat), cases, reduction="mean")
        count, best = count + 1, min(best, (value, flat.copy()), key=lambda pair: pair[0])
        return value, slope.flat

    options = dict(maxiter=task.epochs, maxfun=10**9, ftol=0.0, gtol=1e-12, maxcor=10)
    with suppress(Late):
        optimize.minimize(evaluate, task.start.flat, jac=True, method="L-BFGS-B", options=options)

    return End(task.start.with_flat(best[1]), count)


def with_numpy(task: Task) -> End:
    """Levenberg–Marquardt, transcribed."""
    flat, count = numpy_levenberg_marquardt.minimize(
        task.start.flat, task.start.sizes, task.x, task.y, task.epochs, task.seconds or np.inf
    )

    return End(task.start.with_flat(flat), count)


def with_fnn(optimizer: fnn.Solver, reduction: Literal["sum", "mean"]) -> Callable[[Task], End]:
    """A solver of fnn."""

    def train(task: Task) -> End:
        stopping = fnn.Stopping(seconds=task.seconds) if task.seconds else None
        run = fnn.train(
            task.start, task.x, task.y, optimizer=optimizer, epochs=task.epochs, reduction=reduction,
            threads=task.threads, stopping=stopping,
        )  # fmt: skip
        told = run.history.solver

        return End(run.params, int(told["evaluations"].sum()) if "evaluations" in told else len(run.history.error))

    return train


METHODS: dict[str, Callable[[Task], End]] = {
    "scipy L-BFGS-B": with_scipy,
    "fnn.lbfgs": with_fnn(fnn.lbfgs(min_gradient=0), "mean"),
    "numpy LM": with_numpy,
    "fnn.levenberg_marquardt": with_fnn(fnn.levenberg_marquardt(min_gradient=0), "sum"),
}
