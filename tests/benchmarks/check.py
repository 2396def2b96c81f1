"""Whether all peers compute the same thing: their parameters after a few steps against plain NumPy in float64."""

from __future__ import annotations

import dataclasses

import numpy as np

from . import reference
from .measure import Call, ChildError, Settings, child
from .peers import PEERS, Learner, Peer
from .steps import CONTENDERS
from .tables import Table, verdict
from .workloads import WORKLOADS, Array, Case, Order, start

STEPS = 5
# As a part of how far the steps moved the parameters; float32 leaves about 1e-6 of the parameters themselves.
TOLERANCE = 1e-3
# At a small rate the order of the mini-batches matters little, and wrong rows matter much. Linear outputs move faster.
SMALL_RATE, SMALL_RATE_LINEAR, SHUFFLED_TOLERANCE = 3e-3, 3e-4, 2e-2
FORWARD_TOLERANCE = 1e-5


def distance(learner: Learner, made: Case, order: Order, peer: Peer) -> float:
    """Of its parameters from the reference's."""
    return reference.distance(learner.parameters(), reference.follow(made, order, peer.identity_output), made.start)


def trained(peer: str, workload: str, data: str, style: str, threads: int) -> list[float]:
    """Distance after given mini-batches, after full-batch epochs, and after the Python loop where there is one."""
    p = PEERS[peer]
    made, adapter = p.case(workload, data), p.adapter()
    order = np.random.default_rng(1).permutation(len(made.x))[: STEPS * made.batch].reshape(-1, made.batch)
    learner = adapter.train(made, threads, style)
    learner.follow(order)
    found = [distance(learner, made, order, p)]

    whole = dataclasses.replace(made, x=made.x[: made.batch], y=made.y[: made.batch])
    every = np.tile(np.arange(made.batch), (STEPS, 1))
    for way in [adapter.train, adapter.loop] if hasattr(adapter, "loop") else [adapter.train]:
        learner = way(whole, threads, style)
        learner.run(STEPS)
        found.append(distance(learner, whole, every, p))

    return found


def shuffled(peer: str, workload: str, data: str, style: str, threads: int) -> float:
    """Distance after an epoch in the peer's own order, at a small rate, from one in the given order."""
    p = PEERS[peer]
    made = p.case(workload, data)
    rows = 4 * STEPS * made.batch
    rate = SMALL_RATE_LINEAR if p.identity_output else SMALL_RATE
    made = dataclasses.replace(made, x=made.x[:rows], y=made.y[:rows], eta=rate)
    learner = p.adapter().train(made, threads, style)
    learner.run(1)

    return distance(learner, made, np.arange(rows).reshape(-1, made.batch), p)


def evaluated(peer: str, sizes: list[int], style: str, threads: int) -> float:
    """Largest difference of one case's outputs from the reference's."""
    x, leaves = np.random.default_rng(1).random(sizes[0], dtype=np.float32), start(sizes)
    a = PEERS[peer].adapter().forward(leaves, x, threads, style)()
    got: Array = np.asarray(a.numpy() if hasattr(a, "numpy") else a)

    return float(np.abs(got.ravel() - reference.forward(leaves, x)[-1]).max())


def measure(settings: Settings) -> Table:
    """Every peer in every style."""
    table = Table("check", "Distance from plain NumPy in float64", ["", "measured", "must be"])
    for key, peer in PEERS.items():
        if not peer.installed:
            table.notes.append(f"{peer.title} is not installed")
            continue
        common: Call = {"peer": key, "threads": 0 if key == "fnn" else settings.cores}
        for style in peer.styles if key in CONTENDERS else ():
            for workload in WORKLOADS:
                call = {**common, "workload": workload, "data": settings.data, "style": style}
                label = " ".join(part for part in (peer.title, style, workload) if part)
                loop = "" if key == "sklearn" else ", Python loop"
                row(table, f"{label}: mini-batches, full batch{loop}", {**call, "job": "check:trained"}, TOLERANCE)
                if workload != "xor":
                    row(table, f"{label}: shuffled", {**call, "job": "check:shuffled"}, SHUFFLED_TOLERANCE)
        for style in peer.forward_styles if key not in ("torch-hand", "sklearn") else ():
            call = {**common, "job": "check:evaluated", "sizes": [784, 30, 10], "style": style}
            row(table, f"{peer.title} {style}".strip() + ": forward", call, FORWARD_TOLERANCE)

    return table


def row(table: Table, label: str, call: Call, tolerance: float) -> None:
    """All of a call's distances, judged by the largest."""
    try:
        result = child(call)
    except ChildError as error:
        table.add(label, "failed", verdict(None, tolerance))
        table.notes.append(f"{label}: {error}")
        return
    found = result if isinstance(result, list) else [result]
    table.add(label, ", ".join(f"{value:.0e}" for value in found), verdict(max(found), tolerance))
