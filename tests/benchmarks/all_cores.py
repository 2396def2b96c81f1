"""Table of all cores: the rows of one core by as many threads as there are cores, and by as many as `train` chooses.

What a second core brings depends on whether the two share a cache, which on a virtual machine changes from minute to
minute; a note says what this machine's cores share.
"""

from __future__ import annotations

import statistics
import time
from functools import partial
from pathlib import Path

import fnn
from fnn.training.steppers import call_tuner

from .measure import Settings
from .one_core import SMALL, best_peer, problem, product, rounds, share, timed
from .peers.with_fnn import network
from .tables import Table, verdict
from .workloads import WORKLOADS

APART = 20.0  # µs a step on one core, from which all cores must be faster
FASTER = 1.7  # times, by two cores that share a cache
SLOWER = 1.03  # times one thread: the most that `threads=None` may take
CACHES = Path("/sys/devices/system/cpu")


class Fixed:
    """A tuner that knows the number of threads: calls of 0.1 s, as long as those of many threads become."""

    def __init__(self, threads: int) -> None:
        self.threads, self.each = threads, 0.1

    def suggest(self) -> tuple[int, int]:
        return max(1, round(0.1 / self.each)), self.threads

    def seconds(self, steps: int) -> float:
        return steps * self.each

    def observe(self, steps: int, threads: int, seconds: float, starting: float = 0.0) -> None:
        self.each = seconds / steps


def step(name: str, data: str, cores: int, seconds: float) -> list[float]:
    """Microseconds a step by one thread, all, and as many as `train` chooses; the share of all cores' product rate.

    The runs take turns in blocks of some 0.2 s, each a `train` of its own; medians, of the product the best.
    """
    made = problem(name, data)
    params = network(made.sizes, made.start)
    by_measure = call_tuner.tuner_for

    def run(threads: int | None, epochs: int) -> None:
        vars(call_tuner)["tuner_for"] = by_measure if threads is None else lambda *_: Fixed(threads)
        fnn.train(
            params, made.x, made.y, eta=made.eta, epochs=epochs, batch_size=made.batch, reduction="mean", seed=1,
            threads=threads,
        )  # fmt: skip

    runs = {n: partial(run, n) for n in (1, cores, None)}
    multiply, epochs = product(cores), 1
    while timed(runs[1], epochs) < 0.2:
        epochs *= 2
    times: dict[int | None, list[float]] = {n: [] for n in runs}
    best, end = timed(multiply, 10), time.perf_counter() + 4 * seconds
    while time.perf_counter() < end:
        for n, trained in runs.items():
            times[n].append(timed(trained, epochs))
        best = min(best, timed(multiply, 10))
    one, together, chosen = (statistics.median(times[n]) / epochs / made.steps for n in runs)

    return [1e6 * one, 1e6 * together, 1e6 * chosen, share(made, together, best / 10)]


def measure(settings: Settings) -> Table:
    """All rows but xor's, which one thread computes in any case; medians of the rounds."""
    columns = ["", "one thread", "all", "faster", "must be", "share of the product rate", "chosen / one", "must be"]
    table = Table("all_cores", "All cores: training, µs a step", [*columns, "JAX", "JAX / fnn"])
    table.notes.append(sharing(settings.cores))
    for name, w in {**WORKLOADS, **SMALL}.items():
        job = {"job": "all_cores:step", "name": name, "data": settings.data, "cores": settings.cores}
        found = rounds(job, settings, table) if name != "xor" else []
        if not found:
            continue
        one, together, chosen, part = (statistics.median(column) for column in zip(*found, strict=True))
        jax = best_peer("jax", name, settings.thread_choices(), settings, table)
        must = FASTER if one > APART and settings.cores == 2 else None
        table.add(
            f"{name}: {'-'.join(map(str, w.sizes))}, batch {w.batch}", one, together, one / together,
            verdict(one / together, must, at_least=True), part, chosen / one, verdict(chosen / one, SLOWER), jax,
            jax and jax / chosen,
        )  # fmt: skip
        table.raw[name] = found

    return table


def sharing(cores: int) -> str:
    """Which caches cores share, by Linux's word."""
    shared = sorted(
        (cache / "level").read_text().strip()
        for cache in CACHES.glob("cpu0/cache/index*")
        if set((cache / "shared_cpu_list").read_text().strip()) & set(",-")
    )

    return f"{cores} cores share the cache of level {', '.join(shared)}" if shared else f"{cores} cores share no cache"
