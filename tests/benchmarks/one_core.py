"""Table of one core: small and odd layers, each with its share of the core's best matrix product of the same run."""

from __future__ import annotations

import os
import time
from collections.abc import Callable

import numpy as np

import fnn

from .measure import Call, ChildError, Sample, Settings, child, compare, leave_out
from .peers import PEERS
from .peers.with_fnn import network
from .scaling import operations
from .tables import Table, verdict
from .timing import repeated
from .workloads import WORKLOADS, Case, Workload, case, start, trimmed

SMALL = {
    w.name: w
    for w in (
        Workload("small", (20, 64, 64, 1), 32, 1.0),
        Workload("twelve", (32,) * 13, 64, 1.0),
        Workload("odd", (41, 203, 3), 77, 1.0),
        Workload("wide", (64, 2048, 10), 64, 1.0),
    )
}
CASES = 6_400  # about
# The least share of the product rate; xor, whose products are too small for it, has a limit in microseconds.
SHARES = {"nielsen": 0.72, "mid": 0.83, "big": 0.97, "small": 0.68, "twelve": 0.68, "odd": 0.65, "wide": 0.78}
XOR = 0.07  # µs a step
SURROGATE, SURROGATE_CASES, SURROGATE_LIMIT = (4, 32, 16, 4), 10_000, 40.0  # ns a case and step, by Adam
JACOBIAN, JACOBIAN_CASES, JACOBIAN_LIMIT = (24, 8, 2), 200, 5.0  # µs a call, float64
PRODUCT = 768  # rows and columns


def alone() -> None:
    """Keep this process on its last core."""
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})


def best_of(runs: dict[str, Callable[[int], object]], seconds: float) -> dict[str, float]:
    """The least seconds of one unit of each run, in blocks of some 50 ms that take turns."""
    units = {}
    for name, run in runs.items():
        run(1)
        units[name] = 1
        while timed(run, units[name]) < 0.05:
            units[name] *= 2
    best, end = dict.fromkeys(runs, np.inf), time.perf_counter() + seconds * len(runs)
    while time.perf_counter() < end:
        for name, run in runs.items():
            best[name] = min(best[name], timed(run, units[name]) / units[name])

    return best


def timed(run: Callable[[int], object], units: int) -> float:
    begin = time.perf_counter()
    run(units)

    return time.perf_counter() - begin


def product(threads: int) -> Callable[[int], object]:
    """NumPy's BLAS, the limit of all of these."""
    from threadpoolctl import threadpool_limits

    threadpool_limits(threads)
    a, b = np.random.default_rng(0).random((2, PRODUCT, PRODUCT), dtype=np.float32)
    c = np.empty_like(a)

    return repeated(lambda: np.matmul(a, b, out=c))


def problem(name: str, data: str) -> Case:
    """The workload's data: MNIST or noise."""
    if name in WORKLOADS:
        return case(name, data)
    w, rng = SMALL[name], np.random.default_rng(0)
    x, y = (rng.random((CASES, units), dtype=np.float32) for units in (w.sizes[0], w.sizes[-1]))

    return trimmed(w.sizes, x, y, w.batch, w.eta)


def step(name: str, data: str, seconds: float) -> list[float]:
    """Microseconds a step of fnn, and its share of the product rate."""
    alone()
    made = problem(name, data)
    learner = PEERS["fnn"].adapter().train(made, 1, "")
    best = best_of({"product": product(1), "step": learner.run}, seconds)
    each = best["step"] / made.steps

    return [1e6 * each, share(made, each, best["product"])]


def share(made: Case, each: float, product: float) -> float:
    """A step's operations a second by those of the product, from the seconds of both."""
    return operations(made.sizes, made.batch) / each * product / (2.0 * PRODUCT**3)


def peer_step(peer: str, name: str, data: str, threads: int, style: str, seconds: float) -> float:
    """Microseconds a step of a peer; with one thread it finds one core."""
    if threads == 1:
        alone()
    made = problem(name, data)
    learner = PEERS[peer].adapter().train(made, threads, style)

    return 1e6 * best_of({"step": learner.run}, seconds)["step"] / made.steps


def surrogate(seconds: float) -> list[float]:
    """Nanoseconds a case and step by Adam, all cases in each."""
    alone()
    rng = np.random.default_rng(0)
    x, y = (rng.random((SURROGATE_CASES, units), dtype=np.float32) for units in (SURROGATE[0], SURROGATE[-1]))
    params = network(SURROGATE, start(SURROGATE))

    def run(epochs: int) -> None:
        fnn.train(params, x, y, optimizer=fnn.adam(1e-3), epochs=epochs, threads=1)

    return [1e9 * best_of({"step": run}, seconds)["step"] / SURROGATE_CASES]


def call(seconds: float) -> list[float]:
    """Microseconds of `value_and_grad` from Python, in float64 and in a workspace."""
    alone()
    rng = np.random.default_rng(0)
    x, y = (rng.random((JACOBIAN_CASES, units)) for units in (JACOBIAN[0], JACOBIAN[-1]))
    params = network(JACOBIAN, start(JACOBIAN, "float64"))
    workspace = fnn.workspace(params, JACOBIAN_CASES)
    run = repeated(lambda: fnn.value_and_grad(params, x, y, workspace=workspace))

    return [1e6 * best_of({"call": run}, seconds)["call"]]


def measure(settings: Settings) -> Table:
    """All rows; of the rounds the best, because what else a machine does can only make them longer."""
    columns = ["", "fnn", "share of the product rate", "JAX", "JAX / fnn", "fnn must reach"]
    table = Table("one_core", "One core: training, µs a step", columns)
    for name, w in {**WORKLOADS, **SMALL}.items():
        found = rounds({"job": "one_core:step", "name": name, "data": settings.data}, settings, table)
        if not found:
            continue
        each, share = min(f[0] for f in found), max(f[1] for f in found)
        jax = best_peer("jax", name, [1], settings, table)
        reached = verdict(each, XOR) if name == "xor" else verdict(share, SHARES[name], at_least=True)
        label = f"{name}: {'-'.join(map(str, w.sizes))}, batch {w.batch}"
        table.add(label, each, share, jax, jax and jax / each, reached)
        table.raw[name] = found
    label = f"{'-'.join(map(str, SURROGATE))}, Adam, all of {SURROGATE_CASES:,} cases: ns a case and step"
    single(table, settings, label, "surrogate", SURROGATE_LIMIT)
    label = f"{'-'.join(map(str, JACOBIAN))}, float64, value_and_grad of {JACOBIAN_CASES} cases from Python: µs"
    single(table, settings, label, "call", JACOBIAN_LIMIT)

    return table


def single(table: Table, settings: Settings, label: str, job: str, limit: float) -> None:
    """A row without a share."""
    found = rounds({"job": f"one_core:{job}"}, settings, table)
    if found:
        value = min(f[0] for f in found)
        table.add(label, value, None, None, None, verdict(value, limit))
        table.raw[job] = found


def rounds(job: Call, settings: Settings, table: Table) -> list[list[float]]:
    """What a job found in each round."""
    try:
        return [child({**job, "seconds": settings.seconds}) for _ in range(settings.repeats)]
    except ChildError as error:
        leave_out(str(job.get("name", job["job"])), error, table.notes)
        return []


def best_peer(peer: str, name: str, threads: list[int], settings: Settings, table: Table) -> float | None:
    """The best round of a peer's best way; None without the peer."""
    if not PEERS[peer].installed:
        return None
    common: Call = {"job": "one_core:peer_step", "peer": peer, "name": name, "data": settings.data}
    common = {**common, "seconds": settings.seconds}
    ways = [{**common, "threads": n, "style": style} for n in threads for style in PEERS[peer].styles]
    samples: dict[str, Sample] = compare({peer: ways}, settings.repeats, table.notes)

    return min(samples[peer].values) if peer in samples else None
