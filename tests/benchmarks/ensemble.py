"""Many networks at once: 1024 of 2-16-1, beside JAX's `vmap`; and 64 architectures, on one core and on all."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np

from .measure import Call, Settings, compare, ratio
from .peers import PEERS
from .tables import Table, verdict
from .timing import seconds_each
from .workloads import Array

NETWORKS, SIZES, CASES, ETA = 1024, (2, 16, 1), 64, 0.1
STEPS = 2000  # in one call; what comes before them takes fnn as long as some 100
REQUIRED = 3.0

ARCHITECTURES, MIXED_CASES, BATCH, EPOCHS = 64, 512, 32, 20
FOUR_CORES = 3.3  # times faster than one core


def problem() -> tuple[list[Array], Array, Array]:
    """W1, b1, W2, b2 of all networks, each with one axis more in front, and the cases that all share."""
    rng = np.random.default_rng(0)
    shapes = [shape for n, m in pairwise(SIZES) for shape in ((n, m), (m,))]
    leaves: list[Array] = [rng.standard_normal((NETWORKS, *shape), dtype=np.float32) for shape in shapes]
    x = rng.random((CASES, SIZES[0]), dtype=np.float32)

    return leaves, x, np.prod(x, axis=1, keepdims=True)


def jax(threads: int, seconds: float) -> float:
    """`vmap` of the training step, in a compiled loop."""
    from .peers.with_jax import limit, vmapped

    limit(threads)
    leaves, x, y = problem()
    run = vmapped(leaves, x, y, ETA, STEPS)

    return 1e6 * seconds_each(run, seconds) / (NETWORKS * STEPS)


def fnn(threads: int, seconds: float) -> float:
    """`fnn.train_many`."""
    import fnn

    from .peers.with_fnn import network

    leaves, x, y = problem()
    state = [network(SIZES, (leaf[i] for leaf in leaves)) for i in range(NETWORKS)]

    def run(times: int) -> None:
        nonlocal state
        for _ in range(times):
            runs = fnn.train_many(state, x, y, eta=ETA, epochs=STEPS, reduction="mean", threads=threads)
            state = [run.params for run in runs]

    return 1e6 * seconds_each(run, seconds) / (NETWORKS * STEPS)


def mixed(threads: int, seconds: float) -> float:
    """Seconds for networks of different architectures: one after the other, or by `fnn.train_many`."""
    import fnn

    rng = np.random.default_rng(0)
    x, y = rng.random((MIXED_CASES, 20), dtype=np.float32), rng.random((MIXED_CASES, 5), dtype=np.float32)
    starts = [
        fnn.init((20, *rng.integers(8, 160, 1 + i % 3).tolist(), 5), seed=i, dtype=np.float32)
        for i in range(ARCHITECTURES)
    ]
    options: dict[str, Any] = {"eta": 0.01, "batch_size": BATCH, "epochs": EPOCHS}

    def run(times: int) -> None:
        for _ in range(times):
            if threads > 1:
                fnn.train_many(starts, x, y, **options, threads=threads)
            else:
                for start in starts:
                    fnn.train(start, x, y, **options, threads=1)

    return seconds_each(run, seconds)


def measure(settings: Settings) -> Table:
    """JAX and fnn, and fnn by itself."""
    table = Table("ensemble", "Many networks at once", ["", "fnn", "JAX vmap", "fnn must reach"])
    contenders: dict[str, list[Call]] = {
        name: [
            {"job": f"ensemble:{name}", "threads": threads, "seconds": settings.seconds}
            for threads in settings.thread_choices()
        ]
        for name in ("fnn", "jax")
        if PEERS[name].installed
    }
    samples = compare(contenders, settings.repeats, table.notes)
    own, rival = (samples[name].median if name in samples else None for name in ("fnn", "jax"))
    what = f"{NETWORKS} networks 2-16-1, {CASES} cases: µs a network and step"
    table.add(what, own, rival, verdict(own, rival / REQUIRED if rival else None))
    table.raw["ensemble"] = {name: {"values": s.values, "best": s.best} for name, s in samples.items()}
    different(table, settings)

    return table


def different(table: Table, settings: Settings) -> None:
    """Networks of different architectures, on one core and on all."""
    counts = (1, settings.cores)
    contenders: dict[str, list[Call]] = {
        str(n): [{"job": "ensemble:mixed", "threads": n, "seconds": settings.seconds}] for n in counts
    }
    samples = compare(contenders, settings.repeats, table.notes)
    if len(samples) < len(contenders):
        return
    gain = ratio(samples["1"], samples[str(settings.cores)])
    limit = FOUR_CORES if settings.cores == 4 else None
    what = f"{ARCHITECTURES} architectures: {settings.cores} threads, times faster than one after the other on one"
    table.add(what, gain, None, verdict(gain, limit, at_least=True))
    table.raw["mixed"] = {n: sample.values for n, sample in samples.items()}
