"""Sweeps for executors; what workers call stands here, where they can import it."""

from __future__ import annotations

import multiprocessing
import os
import signal
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from contextlib import suppress
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np

import fnn

RNG = np.random.default_rng(0)
X, Y = RNG.standard_normal((40, 3)), RNG.random((40, 2))
LARGE = np.asfortranarray(np.random.default_rng(1).standard_normal((50_000, 3)))  # 1.2 MB: rows are fetched from it


def bits(outcome: object) -> list[object]:
    """All that a run brings, but the times."""
    assert isinstance(outcome, fnn.Run)
    columns = {name: column for name, column in outcome.history.as_dict().items() if name != "seconds"}
    arrays = [outcome.params.flat, *columns.values(), *(v.flat for v in outcome.state.vectors)]
    held_out = None if outcome.held_out is None else outcome.held_out.tobytes()

    return [*(array.tobytes() for array in arrays), outcome.state.step, outcome.stop_reason, held_out]


def networks(count: int, dtype: Any = np.float64) -> list[fnn.Params[Any]]:
    """3 inputs, 2 outputs, and ever more hidden units."""
    return [fnn.init((3, 2 + i, 2), seed=i, hidden=fnn.tanh, output=fnn.identity, dtype=dtype) for i in range(count)]


def rate(step: int) -> float:
    return 0.1 / (1 + step)


def all_kinds() -> tuple[list[fnn.Params[Any]], dict[str, Any]]:
    """Networks of both dtypes, with all kinds of optimizers, cases and callbacks."""
    weighted = fnn.Cases(X, Y, weights=np.arange(1.0, 41))
    large = fnn.Cases(LARGE, LARGE[:, :2], scale=0.5)
    optimizers = [
        fnn.adam(fnn.cosine(1e-2)), fnn.gradient_descent(rate), fnn.lbfgs(), fnn.levenberg_marquardt(),
        fnn.momentum(fnn.plateau(1e-2)), fnn.irprop(), fnn.adam(1e-3), fnn.adam(1e-3),
    ]  # fmt: skip
    options = dict(
        x=fnn.Each([weighted, weighted, *[fnn.Cases(X, Y)] * 4, large, large]), optimizer=fnn.Each(optimizers),
        epochs=fnn.Each([9, 8, 7, 6, 5, 4, 2, 2]), seed=fnn.Each(range(8)),
        batch_size=fnn.Each([8, 7, None, None, 40, None, 1000, 1000]),
        validation=fnn.Each([None, 0.2, (X[:9], Y[:9]), 0.3, 0.2, None, 0.1, None]),
        stopping=fnn.Each([None, fnn.Stopping(restore_best=True), *[None] * 6]), reduction="mean",
        regularization=fnn.Each([fnn.Regularization(dropout=0.2), None, fnn.Regularization(l2=0.1), *[None] * 5]),
        callbacks=fnn.Each([[], [fnn.each_epoch(at_third)], *[[]] * 6]),
    )  # fmt: skip

    return networks(6) + networks(2, np.float32), options


def at_third(epoch: int, params: object, record: object) -> bool:
    return epoch == 3


def fail(epoch: int, params: object, record: object) -> None:
    if epoch == 3:
        raise LookupError("no such thing")


class Unpicklable(Exception):
    """An error that can be pickled, but not be made again."""

    def __init__(self, a: int, b: int) -> None:
        super().__init__(f"{a} and {b}")


def fail_oddly(epoch: int, params: object, record: object) -> None:
    raise Unpicklable(1, 2)


def kill(epoch: int, params: object, record: object) -> None:
    """Kill the process that trains."""
    if epoch == 2:
        os.kill(os.getpid(), signal.SIGKILL)


def kill_once(path: Path, epoch: int, params: object, record: object) -> None:
    """Kill the first process that trains."""
    if epoch == 2 and not path.exists():
        path.touch()
        os.kill(os.getpid(), signal.SIGKILL)


def hide_files() -> None:
    """Let this process see no file that another has shared, as if it ran on another machine."""
    before = os.open

    def opened(path: Any, *arguments: Any, **named: Any) -> Any:
        if str(path).endswith(".shared"):
            raise FileNotFoundError(path)
        return before(path, *arguments, **named)

    os.open = opened  # of the workers of one pool


def hide_locks() -> None:
    """Let this process see no lock of another, as on some file systems of clusters."""
    module: Any = import_module("fcntl")
    module.flock = lambda *given: None


def refuse() -> None:
    raise LookupError("no worker can begin")


def kill_first(path: Path) -> None:
    """Kill the first worker when it starts."""
    with suppress(FileExistsError):
        path.touch(exist_ok=False)
        os.kill(os.getpid(), signal.SIGKILL)


def processes(initializer: Callable[[], None] | None = None, workers: int = 2) -> ProcessPoolExecutor:
    """Processes that have imported this module before they are forked."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload([__name__, "fnn.training.many"])

    return ProcessPoolExecutor(workers, context, initializer)


FACTORY = partial(processes, None, 2)


def same_as_at_home(executor: Any) -> bool:
    """Whether a sweep has the same bits on an executor as at home."""
    params, options = all_kinds()
    home, there = (fnn.train_many(params, **options, **more) for more in ({}, {"executor": executor}))

    return [bits(run) for run in home] == [bits(run) for run in there]
