"""Nielsen's run: 784-30-10, 30 epochs of 50,000, mini-batches of 10, learning rate 3; time and best test accuracy."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from . import reference
from .measure import Call, ChildError, Sample, Settings, child
from .peers import PEERS
from .tables import Table, verdict
from .timing import seconds
from .workloads import WORKLOADS, Case, start

ROWS = 50_000
CONTENDERS = ("fnn", "jax")


def job(peer: str, data: str, epochs: int) -> list[float]:
    """Seconds of all epochs in one call, warmed up; the best accuracy of such a run taken epoch by epoch."""
    folder, w = Path(data), WORKLOADS["nielsen"]
    x, y, x_test, y_test = (np.load(folder / f"{name}.npy") for name in ("x", "y", "x_test", "y_test"))
    problem = Case(w.sizes, start(w.sizes, scaled=False), x[:ROWS], y[:ROWS], w.batch, w.eta)
    adapter, style = PEERS[peer].adapter(), PEERS[peer].styles[0]
    timed = adapter.train(problem, 0, style)
    timed.run(1)
    spent = seconds(timed.run, epochs)

    learner, best = adapter.train(problem, 0, style), 0.0
    for _ in range(epochs):
        learner.run(1)
        a = reference.forward(learner.parameters(), x_test)[-1]
        best = max(best, float(np.mean(a.argmax(axis=1) == y_test.argmax(axis=1))))

    return [spent, best]


def measure(settings: Settings) -> Table:
    """fnn and JAX."""
    epochs = 3 if settings.quick else 30
    columns = ["", "s", "must reach", "best test accuracy", "must reach"]
    table = Table("nielsen", f"Nielsen's run, {epochs} epochs", columns)
    for peer in (p for p in CONTENDERS if PEERS[p].installed):
        time, best = Sample(), Sample()
        call: Call = {"job": "nielsen:job", "peer": peer, "data": settings.data, "epochs": epochs}
        try:
            for _ in range(settings.repeats if peer == "fnn" else 1):
                for sample, value in zip((time, best), child(call), strict=True):
                    sample.values.append(value)
        except ChildError as error:
            table.notes.append(f"{PEERS[peer].title} left out: {error}")
            continue
        own = peer == "fnn" and not settings.quick
        limits = (1.3, 0.95) if own else (None, None)
        table.add(
            PEERS[peer].title, time.median, verdict(time.median, limits[0]),
            best.median, verdict(best.median, limits[1], at_least=True),
        )  # fmt: skip
        table.raw[peer] = [time.values, best.values]
    table.notes.append("his own code, in NumPy, took 59 s on another 4-core AVX-512 machine")

    return table
