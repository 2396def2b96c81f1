"""fnn: one call of `train` for many epochs; `grad` and `update`; `forward`."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import numpy as np

import fnn

from ..workloads import Array, Case, Order


def network(sizes: tuple[int, ...], start: Iterable[Array]) -> fnn.Params[Any]:
    """Sigmoid units everywhere, with these weights and biases."""
    leaves = list(start)
    keys = (f"{letter}{layer}" for layer in range(1, len(sizes)) for letter in "Wb")

    return fnn.Params(dict(zip(keys, leaves, strict=True)), hidden=fnn.sigmoid, output=fnn.sigmoid)


class Training:
    """`fnn.train`, going on from where the last call stopped."""

    def __init__(self, case: Case, threads: int, stepwise: bool) -> None:
        self.case, self.stepwise, self.calls = case, stepwise, 0
        self.params = network(case.sizes, case.start)
        self.threads = threads or None
        # The mean's factor goes into the rate, as for the peers.
        self.rate = case.eta / len(case.x) if stepwise else case.eta / case.batch

    def run(self, epochs: int) -> None:
        if self.stepwise:
            for _ in range(epochs):
                self.step(self.case.x, self.case.y)
            return
        self.calls += 1
        self.params = fnn.train(
            self.params, self.case.x, self.case.y, eta=self.case.eta, epochs=epochs, batch_size=self.case.batch,
            reduction="mean", seed=self.calls, threads=self.threads,
        ).params  # fmt: skip

    def step(self, x: Array, y: Array) -> None:
        self.params = fnn.update(self.params, fnn.grad(self.params, x, y), self.rate)

    def follow(self, order: Order) -> None:
        for rows in order:
            self.step(self.case.x[rows], self.case.y[rows])

    def parameters(self) -> list[Array]:
        return [np.asarray(leaf) for leaf in self.params.values()]


def train(case: Case, threads: int, style: str) -> Training:
    """Shuffle and gather are `fnn.train`'s own."""
    return Training(case, threads, stepwise=False)


def loop(case: Case, threads: int, style: str) -> Training:
    """`grad` and `update` from Python."""
    return Training(case, threads, stepwise=True)


def forward(start: tuple[Array, ...], x: Array, threads: int, style: str) -> Callable[[], object]:
    """One case."""
    params = network((len(start[0]), *map(len, start[1::2])), start)

    return lambda: fnn.forward(params, x)
