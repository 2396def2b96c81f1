"""A short training run as a process of its own. Imports little else, because the whole process is what is timed."""

from __future__ import annotations

from .peers import PEERS
from .workloads import WORKLOADS, trimmed, xor

STEPS = 10_000


def train(peer: str) -> float:
    """Train xor; a weight, so that the result is waited for."""
    workload = WORKLOADS["xor"]
    problem = trimmed(workload.sizes, *xor(), workload.batch, workload.eta)
    learner = PEERS[peer].adapter().train(problem, 1, PEERS[peer].styles[-1])  # the last style wins on xor
    learner.run(STEPS)

    return float(learner.parameters()[0][0, 0])
