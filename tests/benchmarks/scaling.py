"""Table 4, fnn alone: dtype, threads, size, the part of the machine's limit that it reaches, equal bits."""

from __future__ import annotations

import hashlib
from itertools import pairwise

import numpy as np

from .measure import Call, ChildError, Settings, child, compare, ratio
from .peers import PEERS
from .tables import Table, text, verdict
from .timing import seconds_each
from .workloads import WORKLOADS, case, trimmed

DOUBLE = {"xor": 1.3, "nielsen": 2.3, "mid": 2.3, "big": 2.3}
# 4 threads must be faster than one by these factors; `not slower` leaves 2 % for the clock.
FOUR_THREADS = {"xor": 0.98, "nielsen": 0.98, "mid": 2.8, "big": 3.4}
WIDTHS = ((64,), (256,), (1024,), (1024, 1024), (4096, 4096))
OF_LIMIT = 0.75


def operations(sizes: tuple[int, ...], batch: int) -> int:
    """Multiplications and additions of a step: forward, backward (not to the input) and update."""
    weights = [a * b for a, b in pairwise(sizes)]

    return 2 * batch * (3 * sum(weights) - weights[0])


def size_job(sizes: list[int], batch: int, seconds: float) -> float:
    """Nanoseconds a parameter and case."""
    rng = np.random.default_rng(0)
    rows = 8 * batch
    x, y = rng.random((rows, sizes[0]), dtype=np.float32), rng.random((rows, sizes[-1]), dtype=np.float32)
    problem = trimmed(tuple(sizes), x, y, batch, 1e-3)
    parameters = sum(leaf.size for leaf in problem.start)
    learner = PEERS["fnn"].adapter().train(problem, 0, "")

    return 1e9 * seconds_each(learner.run, seconds) / (rows * parameters)


def bits_job(data: str, threads: int) -> str:
    """A digest of the parameters after three epochs of mid."""
    learner = PEERS["fnn"].adapter().train(case("mid", data), threads, "")
    learner.run(3)
    digest = hashlib.sha256()
    for leaf in learner.parameters():
        digest.update(leaf.tobytes())

    return digest.hexdigest()


def step_call(workload: str, settings: Settings, **options: object) -> list[Call]:
    """fnn's step of table 1 with other options."""
    common = {"job": "steps:job", "peer": "fnn", "workload": workload, "data": settings.data, "style": ""}

    return [{**common, "threads": 0, "seconds": settings.seconds, **options}]


def measure(settings: Settings, limit: float | None) -> Table:
    """All rows; `limit` is the best matrix product of this run, GFLOP/s."""
    table = Table("scaling", "fnn by itself", ["", "measured", "must reach"])
    for name in WORKLOADS:
        pair = {d: step_call(name, settings, dtype=d) for d in ("float32", "float64")}
        samples = compare(pair, settings.repeats, table.notes)
        if len(samples) < 2:
            continue
        table.raw[f"dtype {name}"] = {d: s.values for d, s in samples.items()}
        part = ratio(samples["float64"], samples["float32"])
        table.add(f"{name}: float64 / float32", part, verdict(part, DOUBLE[name]))
        if name == "big" and limit:
            rate = operations(WORKLOADS[name].sizes, WORKLOADS[name].batch) / samples["float32"].median / 1e3
            table.add("big: GFLOP/s", rate, verdict(rate, OF_LIMIT * limit, at_least=True))
            table.add("big: part of the best matrix product", rate / limit, verdict(rate / limit, OF_LIMIT, True))
    sizes(table, settings)
    try:
        threads(table, settings)
        bits(table, settings)
    except ChildError as error:
        table.notes.append(f"threads left out: {error}")

    return table


def sizes(table: Table, settings: Settings) -> None:
    """Cost a parameter and case, from narrow to wide."""
    networks = {f"784-{'-'.join(map(str, hidden))}-10": [784, *hidden, 10] for hidden in WIDTHS}
    common = {"job": "scaling:size_job", "batch": 256, "seconds": settings.seconds / 2}
    contenders: dict[str, list[Call]] = {name: [{**common, "sizes": s}] for name, s in networks.items()}
    samples = compare(contenders, settings.repeats, table.notes)
    if not samples:
        return
    medians = {name: sample.median for name, sample in samples.items()}
    for name, median in medians.items():
        table.add(f"{name}, batch 256: ns a parameter and case", median, verdict(None, None))
    spread = max(medians.values()) / min(medians.values())
    table.add("largest / smallest of these", spread, verdict(spread, 1.6))
    table.raw["sizes"] = {name: sample.values for name, sample in samples.items()}


def threads(table: Table, settings: Settings) -> None:
    """Each workload on one thread and on all."""
    for name in WORKLOADS:
        counts = range(1, settings.cores + 1)
        samples = compare({str(n): step_call(name, settings, threads=n) for n in counts}, settings.repeats, table.notes)
        table.raw[f"threads {name}"] = {n: s.values for n, s in samples.items()}
        gain = ratio(samples["1"], samples[str(settings.cores)])
        limit = FOUR_THREADS[name] if settings.cores == 4 else None
        all_times = ", ".join(text(s.median) for s in samples.values())
        table.add(f"{name}: 1 → {settings.cores} threads, times faster", gain, verdict(gain, limit, at_least=True))
        table.notes.append(f"{name}: µs a step with 1.. threads: {all_times}")


def bits(table: Table, settings: Settings) -> None:
    """Parameters after three epochs of mid, for every number of threads up to four."""
    digests = [child({"job": "scaling:bits_job", "data": settings.data, "threads": n}) for n in range(1, 5)]
    table.add("mid, 3 epochs, 1 to 4 threads: different results", str(len(set(digests))), "1")
    table.raw["bits"] = digests
