"""`Study`: a network to simulate; `Measured`: what was measured for it, and the models that follow."""

from __future__ import annotations

from typing import Final, NamedTuple

from .model import Exchange, Model, Network, Steps, line
from .training import Setting

NETWORKS: Final = Network("10 Gb/s, 20 µs", 20e-6, 1.25e9), Network("100 Gb/s, 2 µs", 2e-6, 12.5e9)
SHARED: Final = "shared memory"


class Study(NamedTuple):
    """A network, and the cases: of each rank in weak scaling, of a batch in strong scaling, twice as many."""

    sizes: tuple[int, ...]
    cases: int

    @property
    def batch(self) -> int:
        """Which both have with two ranks."""
        return 2 * self.cases

    @property
    def title(self) -> str:
        """The network."""
        return "-".join(map(str, self.sizes))

    @property
    def row(self) -> int:
        """Bytes of the gradient."""
        return Setting(self.sizes, 1, None).row


class Measured(NamedTuple):
    """What was measured for a study: seconds."""

    study: Study
    steps: Steps  # of one rank
    pair: float  # of two ranks
    messages: list[list[float]]  # of a message and of adding it: of 64 bytes, and of half a gradient

    def models(self, speed: float = 1.0) -> list[Model]:
        """One for each network, the last for two processes that share memory."""
        half = self.study.row // 2
        latency, bandwidth = line((64, half), [message for message, _ in self.messages])
        networks, adding = (*NETWORKS, Network(SHARED, latency, bandwidth)), half / self.messages[1][1]

        return [Model(self.steps, Exchange(self.study.row, network, adding), speed) for network in networks]

    @property
    def weak(self) -> float:
        """The efficiency of two ranks, as measured."""
        return self.steps.seconds(self.study.cases) / self.pair

    @property
    def strong(self) -> float:
        """How many times as fast as one rank two are, as measured."""
        return self.steps.seconds(self.study.batch) / self.pair
