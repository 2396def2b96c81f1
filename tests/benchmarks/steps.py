"""Table 1: microseconds a training step, shuffle and gather included."""

from __future__ import annotations

from .measure import Call, Settings, compare, ratio
from .peers import PEERS
from .tables import Table, by_peer, verdict
from .timing import seconds_each
from .workloads import WORKLOADS

CONTENDERS = ("fnn", "jax", "torch", "torch-hand", "sklearn")
# fnn may take at most JAX's time divided by this.
REQUIRED = {"xor": 1.0, "nielsen": 4.0, "mid": 2.5, "big": 1.5}


def job(peer: str, workload: str, data: str, threads: int, style: str, seconds: float, dtype: str = "float32") -> float:
    """Microseconds a step of one peer."""
    problem = PEERS[peer].case(workload, data, dtype)
    learner = PEERS[peer].adapter().train(problem, threads, style)

    return 1e6 * seconds_each(learner.run, seconds) / problem.steps


def ways(peer: str, workload: str, settings: Settings) -> list[Call]:
    """The calls that a peer's best is chosen from. fnn chooses its threads itself."""
    choices = [0] if peer == "fnn" else settings.thread_choices()
    common: dict[str, object] = {"job": "steps:job", "peer": peer, "workload": workload}
    common |= {"data": settings.data, "seconds": settings.seconds}

    return [{**common, "threads": threads, "style": style} for threads in choices for style in PEERS[peer].styles]


def measure(settings: Settings) -> Table:
    """All peers on all workloads."""
    peers = [p for p in CONTENDERS if PEERS[p].installed]
    table = Table(
        "steps", "Training, µs a step", ["", *(PEERS[p].title for p in peers), "JAX / fnn", "fnn must reach"],
        notes=[f"{PEERS[p].title} is not installed" for p in CONTENDERS if p not in peers],
    )  # fmt: skip
    for name, workload in WORKLOADS.items():
        samples = compare({p: ways(p, name, settings) for p in peers}, settings.repeats, table.notes)
        medians = {p: sample.median for p, sample in samples.items()}
        both = "fnn" in samples and "jax" in samples
        gain = 1 / ratio(samples["fnn"], samples["jax"]) if both else None
        limit = medians["jax"] / REQUIRED[name] if "jax" in medians else None
        label = f"{name}: {'-'.join(map(str, workload.sizes))}, batch {workload.batch}"
        table.add(label, *by_peer(medians, peers), gain, verdict(medians.get("fnn"), limit))
        table.raw[name] = {p: {"values": s.values, "best": s.best} for p, s in samples.items()}
        chosen = ", ".join(f"{PEERS[p].title} {s.best}" for p, s in samples.items() if s.best and p != "fnn")
        table.notes.append(f"{name}: best of its ways was {chosen}")

    return table
