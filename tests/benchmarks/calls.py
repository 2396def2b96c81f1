"""Table 2: single calls from Python (and from a jitted function), microseconds each."""

from __future__ import annotations

import math

import numpy as np

from .measure import Call, Settings, compare
from .peers import PEERS
from .tables import Table, by_peer, verdict
from .timing import repeated, seconds_each
from .workloads import WORKLOADS, start, trimmed, xor

FORWARD = ("fnn", "onnx", "onnx-bound", "numpy", "jax", "torch")
LOOP = ("fnn", "jax", "torch", "torch-hand")
# Layer sizes, what ONNX Runtime's time is divided by for fnn's limit, and microseconds allowed in any case.
NETWORKS = (((784, 30, 10), 1.5, 2.5), ((784, 512, 512, 10), 1.0, math.inf))
LOOP_LIMIT = 3.7  # µs, grad and update of xor
# Layer sizes, nanoseconds of FANN (a library in C) on the design's machine, nanoseconds allowed.
JITTED = (((4, 8, 2), 47, 40), ((4, 64, 64, 2), 1360, 350))


def forward(peer: str, sizes: list[int], threads: int, style: str, seconds: float) -> float:
    """Microseconds to evaluate one case."""
    x = np.random.default_rng(1).random(sizes[0], dtype=np.float32)
    call = PEERS[peer].adapter().forward(start(sizes), x, threads, style)

    return 1e6 * seconds_each(repeated(call), seconds)


def loop(peer: str, threads: int, style: str, seconds: float) -> float:
    """Microseconds of one step on xor, each a call (or two) from Python."""
    workload = WORKLOADS["xor"]
    problem = trimmed(workload.sizes, *xor(), workload.batch, workload.eta)

    return 1e6 * seconds_each(PEERS[peer].adapter().loop(problem, threads, style).run, seconds)


def jitted(sizes: list[int], seconds: float) -> float:
    """Nanoseconds of `fnn.forward` inside a jitted function, each call's input depending on the last one's result."""
    import numba

    import fnn

    from .peers.with_fnn import network

    def many(params: fnn.Params[np.float32], x: np.ndarray[tuple[int], np.dtype[np.float32]], times: int) -> None:
        for _ in range(times):
            x[0] = fnn.forward(params, x)[0]

    compiled, params = numba.njit(many), network(tuple(sizes), start(sizes))
    x = np.ones(sizes[0], np.float32)

    return 1e9 * seconds_each(lambda times: compiled(params, x, times), seconds)


def ways(peer: str, job: str, settings: Settings, styles: tuple[str, ...], **arguments: object) -> list[Call]:
    """The calls that a peer's best is chosen from."""
    choices = [0] if peer == "fnn" else settings.thread_choices()
    common = {"job": f"calls:{job}", "peer": peer, "seconds": settings.seconds / 4, **arguments}

    return [{**common, "threads": threads, "style": style} for threads in choices for style in styles]


def measure(settings: Settings) -> Table:
    """forward for two networks, a Python loop of steps, forward inside @njit."""
    peers = [p for p in dict.fromkeys((*FORWARD, *LOOP)) if PEERS[p].installed]
    table = Table("calls", "Single calls, µs", ["", *(PEERS[p].title for p in peers), "fnn must reach"])

    def row(label: str, contenders: dict[str, list[Call]], rival: str, by: float, most: float) -> None:
        samples = compare(contenders, settings.repeats, table.notes)
        medians = {p: sample.median for p, sample in samples.items()}
        limit = min(medians[rival] / by if rival in medians else math.inf, most)
        table.add(label, *by_peer(medians, peers), verdict(medians.get("fnn"), limit if limit < math.inf else None))
        table.raw[label] = {p: {"values": s.values, "best": s.best} for p, s in samples.items()}

    for sizes, by, most in NETWORKS:
        contenders = {
            p: ways(p, "forward", settings, PEERS[p].forward_styles, sizes=sizes) for p in FORWARD if p in peers
        }
        row(f"forward of one case, {'-'.join(map(str, sizes))}", contenders, "onnx", by, most)
    contenders = {p: ways(p, "loop", settings, PEERS[p].styles) for p in LOOP if p in peers}
    row("Python loop of grad and update, xor", contenders, "jax", 2.0, LOOP_LIMIT)
    for sizes, fann, allowed in JITTED:
        label = f"forward inside @njit, {'-'.join(map(str, sizes))}"
        call: Call = {"job": "calls:jitted", "sizes": sizes, "seconds": settings.seconds / 4}
        samples = compare({"fnn": [call]}, settings.repeats, table.notes)
        value = samples["fnn"].median / 1e3 if "fnn" in samples else None
        table.add(label, value, *[None] * (len(peers) - 1), verdict(value, allowed / 1e3))
        table.raw[label] = samples["fnn"].values if value else []
        table.notes.append(f"{label}: FANN, in C, took {fann} ns on another 4-core AVX-512 machine")

    return table
