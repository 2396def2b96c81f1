"""Jobs of every kind, and the bits that come out: for threads and processes that do them side by side."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from numba import njit, prange
from numpy.typing import NDArray

import fnn
from tests.paces import processors, train_by_exactly, train_many_by

COUNTS = (10, 100, 300, 600)
SIZES = (5, 20, 3)
THREADS = 3  # of a call that may have several


@njit(cache=True, nogil=True, parallel=True)
def outputs(params: Any, x: Any) -> Any:
    """What a user may write: all cases side by side, in threads of Numba's."""
    a = np.empty((len(x), 3))
    for i in prange(len(x)):
        a[i] = fnn.forward(params, x[i])
    return a


@njit(cache=True, nogil=True, parallel=True)
def total(x: Any) -> Any:
    """The same without fnn."""
    s = np.int64(0)
    for i in prange(x.size):
        s += np.int64(x.flat[i] * 1000)
    return s


class Problem:
    """A network and its cases, drawn by a seed."""

    def __init__(self, seed: int) -> None:
        random, count = np.random.default_rng(seed), COUNTS[seed % len(COUNTS)]
        dtype = (np.float32, np.float64)[seed % 2]
        self.params: fnn.Params[Any] = fnn.init(SIZES, seed=seed, hidden=fnn.tanh, output=fnn.identity, dtype=dtype)
        self.x, self.y = random.normal(size=(count, 5)).astype(dtype), random.normal(size=(count, 3)).astype(dtype)
        self.options: dict[str, Any] = {"epochs": 2, "batch_size": 32, "seed": seed}


def train(p: Problem) -> list[NDArray[Any]]:
    """By one thread."""
    run = fnn.train(p.params, p.x, p.y, eta=1e-3, **p.options, threads=1)

    return [run.params.flat, run.history.error]


def train_by_several(p: Problem) -> list[NDArray[Any]]:
    """With more to do after each step, and a validation set."""
    found = fnn.train(
        p.params, p.x, p.y, optimizer=fnn.adam(), validation=(p.x[:9], p.y[:9]), threads=THREADS,
        regularization=fnn.Regularization(l2=0.01, dropout=0.2), **p.options,
    )  # fmt: skip

    return [found.params.flat, found.history.error, np.array(found.history.validation_error)]


def train_many(p: Problem) -> list[NDArray[Any]]:
    """Networks side by side."""
    runs = fnn.train_many([p.params] * 5, p.x, p.y, eta=fnn.Each([1e-3, 1e-4, 1e-5, 1e-6, 0.01]), **p.options)

    return [run.params.flat for run in runs]


def predict(p: Problem) -> list[NDArray[Any]]:
    """Outputs of all cases, and of one."""
    return [fnn.forward(p.params, np.tile(p.x, (5, 1)), threads=THREADS), fnn.forward(p.params, p.x[0])]


def differentiate(p: Problem) -> list[NDArray[Any]]:
    """Gradients, and everything between."""
    t = fnn.backprop(p.params, p.x, p.y)

    return [t.grads.flat, t.dE_da[0], fnn.hvp(p.params, p.x, p.y, v=t.grads).flat]


def evaluate(p: Problem) -> list[NDArray[Any]]:
    """Numbers."""
    return [np.array(fnn.error(p.params, p.x, p.y)), fnn.update(p.params, fnn.grad(p.params, p.x, p.y), 0.1).flat]


def user(p: Problem) -> list[NDArray[Any]]:
    """Loops of the user's, over threads of Numba's."""
    return [outputs(p.params, p.x), np.array(total(p.x))]


JOBS: tuple[Callable[[Problem], list[NDArray[Any]]], ...] = (
    train, train_by_several, train_many, predict, differentiate, evaluate
)  # fmt: skip
PROBLEMS = [Problem(seed) for seed in range(len(COUNTS))]
NUMBERS = range(len(JOBS) * len(PROBLEMS))


def bits(number: int) -> bytes:
    """Do a job, the number-th; what came out."""
    job = JOBS[number % len(JOBS)]

    return b"".join(array.tobytes() for array in job(PROBLEMS[number // len(JOBS) % len(PROBLEMS)]))


def user_bits(number: int) -> bytes:
    """Do a job of the user's."""
    return b"".join(array.tobytes() for array in user(PROBLEMS[number % len(PROBLEMS)]))


def take_threads() -> None:
    """From now on all calls of this process take the threads that they may have, however little there is to do."""
    patch = pytest.MonkeyPatch()
    train_by_exactly(patch)
    train_many_by(patch, THREADS)
    for name, module in list(sys.modules.items()):
        if name.startswith("fnn.") and hasattr(module, "WORTH_THREADS"):
            patch.setattr(module, "WORTH_THREADS", 1)
            patch.setattr(module, "available", processors(THREADS))
