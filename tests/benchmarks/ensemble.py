"""1024 networks 2-16-1 trained at the same time, 64 cases, full batch: microseconds a network and step."""

from __future__ import annotations

from itertools import pairwise

import numpy as np

from .measure import Call, Settings, compare
from .peers import PEERS
from .tables import Table, verdict
from .timing import seconds_each
from .workloads import Array

NETWORKS, SIZES, CASES, ETA = 1024, (2, 16, 1), 64, 0.1
STEPS = 200  # in one call
REQUIRED = 3.0


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
    """`fnn.train` of one network after another, in as many Python threads as there are cores."""
    from concurrent.futures import ThreadPoolExecutor

    from .peers.with_fnn import Training
    from .workloads import Case

    leaves, x, y = problem()
    learners = [
        Training(Case(SIZES, tuple(leaf[i] for leaf in leaves), x, y, CASES, ETA), 1, stepwise=False)
        for i in range(NETWORKS)
    ]
    shares = [learners[i::threads] for i in range(threads)]

    def train(share: list[Training]) -> None:
        for learner in share:
            learner.run(STEPS)

    with ThreadPoolExecutor(threads) as pool:

        def run(times: int) -> None:
            for _ in range(times):
                list(pool.map(train, shares))

        return 1e6 * seconds_each(run, seconds) / (NETWORKS * STEPS)


def measure(settings: Settings) -> Table:
    """JAX and fnn."""
    columns = ["", "fnn", "JAX vmap", "fnn must reach"]
    table = Table("ensemble", f"{NETWORKS} networks 2-16-1 trained together, {CASES} cases", columns)
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
    table.add("µs a network and step", own, rival, verdict(own, rival / REQUIRED if rival else None))
    table.notes.append("fnn: one `train` after another, in Python threads")
    table.raw["ensemble"] = {name: {"values": s.values, "best": s.best} for name, s in samples.items()}

    return table
