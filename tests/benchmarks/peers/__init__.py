"""The peers, each used the way that is fastest for it. This module imports none of them."""

from __future__ import annotations

import importlib
import importlib.util
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Protocol, cast

from ..workloads import Array, Case, Order, case


class Learner(Protocol):
    """A network in training."""

    def run(self, epochs: int) -> None:
        """Train for that many epochs, shuffled anew each, and wait for the result."""

    def follow(self, order: Order) -> None:
        """Train on the mini-batches whose row numbers are the rows of `order`."""

    def parameters(self) -> list[Array]:
        """W1, b1, W2, b2, .. as they are now."""


class Adapter(Protocol):
    """What each module in this folder offers."""

    def train(self, case: Case, threads: int, style: str) -> Learner:
        """The peer's fastest way to train. `threads` 0 leaves the choice to the peer."""

    def loop(self, case: Case, threads: int, style: str) -> Learner:
        """One step after another from Python, all cases in each; an epoch is a step."""

    def forward(self, start: tuple[Array, ...], x: Array, threads: int, style: str) -> Callable[[], object]:
        """A function that evaluates the network on one case, which it already has in the peer's own form."""


@dataclass(frozen=True)
class Peer:
    """A peer's name in the tables, the package that it needs, and the ways to use it that are tried."""

    title: str
    package: str
    module: str
    styles: tuple[str, ...] = ("",)
    forward_styles: tuple[str, ...] = ("",)
    identity_output: bool = False
    rate: float | None = None  # instead of the workload's

    @property
    def installed(self) -> bool:
        """Whether its package can be imported."""
        return importlib.util.find_spec(self.package) is not None

    def case(self, workload: str, data: str, dtype: str = "float32") -> Case:
        """The workload of that name, with a learning rate that this peer's output units can bear."""
        made = case(workload, data, dtype)

        return made if self.rate is None else replace(made, eta=self.rate)

    def adapter(self) -> Adapter:
        """Its module, imported now."""
        return cast(Adapter, importlib.import_module(f"{__package__}.{self.module}"))


PEERS = {
    "fnn": Peer("fnn", "fnn", "with_fnn"),
    "jax": Peer("JAX", "jax", "with_jax", forward_styles=("aW", "Wa")),
    "torch": Peer("PyTorch", "torch", "with_torch", ("foreach", "fused"), ("linear", "addmv")),
    "torch-hand": Peer("PyTorch, no autograd", "torch", "with_torch", ("hand",)),
    "sklearn": Peer("scikit-learn", "sklearn", "with_sklearn", identity_output=True, rate=0.01),
    "onnx": Peer("ONNX Runtime", "onnxruntime", "with_onnx", forward_styles=("run",)),
    "onnx-bound": Peer("ONNX Runtime, bound arrays", "onnxruntime", "with_onnx", forward_styles=("bound",)),
    "numpy": Peer("NumPy", "numpy", "with_numpy"),
}
