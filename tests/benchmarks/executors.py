"""`train_many` of 200 networks on executors with two workers, beside one thread at home.

Run it as::

    python -m tests.benchmarks.executors processes loky dask
    mpiexec -n 3 python -m mpi4py.futures -m tests.benchmarks.executors mpi
"""

from __future__ import annotations

import statistics
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Executor, ProcessPoolExecutor
from contextlib import contextmanager
from importlib import import_module
from typing import Any

import numpy as np

import fnn

NETWORKS, WORKERS, ROUNDS = 200, 2, 5


def problem() -> tuple[list[fnn.Params[np.float32]], dict[str, Any]]:
    """Networks of several sizes and rates."""
    rng = np.random.default_rng(0)
    x, y = rng.random((500, 8), dtype=np.float32), rng.random((500, 2), dtype=np.float32)
    starts = [fnn.init((8, 10 + i % 30, 2), seed=i, dtype=np.float32) for i in range(NETWORKS)]
    optimizers = fnn.Each([fnn.adam(1e-3 * (1 + i % 3)) for i in range(NETWORKS)])
    options = dict(x=x, y=y, optimizer=optimizers, batch_size=32, validation=0.2, seed=fnn.Each(range(NETWORKS)))

    return starts, options


@contextmanager
def dask() -> Iterator[Executor]:
    distributed: Any = import_module("distributed")
    with (
        distributed.LocalCluster(n_workers=WORKERS, threads_per_worker=1, dashboard_address=None) as cluster,
        distributed.Client(cluster) as client,
    ):
        yield client.get_executor()


KINDS: dict[str, Callable[[], Any]] = {
    "processes": lambda: ProcessPoolExecutor(WORKERS),
    "loky": lambda: import_module("loky").ProcessPoolExecutor(WORKERS),
    "dask": dask,
    "mpi": lambda: import_module("mpi4py.futures").MPIPoolExecutor(WORKERS),
}


def seconds(epochs: int, **where: Any) -> tuple[float, list[bytes]]:
    """How long the sweep takes, and the weights that it brings."""
    starts, options = problem()
    began = time.perf_counter()
    runs = fnn.train_many(starts, **options, epochs=epochs, **where)

    return time.perf_counter() - began, [run.params.flat.tobytes() for run in runs]


def compare(kind: str, epochs: int = 400) -> None:
    """Rounds at home and on the executor in turn, and the medians."""
    seconds(2, threads=1)
    with KINDS[kind]() as executor:
        seconds(20, executor=executor)  # workers load the code
        rounds = [(seconds(epochs, threads=1), seconds(epochs, executor=executor)) for _ in range(ROUNDS)]
    home, there = (statistics.median(found[side][0] for found in rounds) for side in (0, 1))
    ratio = statistics.median(a / b for (a, _), (b, _) in rounds)
    same = all(a == b for (_, a), (_, b) in rounds)
    print(f"{kind}: {home:.2f} s at home, {there:.2f} s, {ratio:.2f} times as fast; the same bits: {same}", flush=True)


if __name__ == "__main__":
    for argument in sys.argv[1:] or KINDS:
        compare(argument)
