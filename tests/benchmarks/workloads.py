"""What is trained: four networks, from one that fits in a register file to one that keeps four cores busy."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

DTYPES = {"float32": np.float32, "float64": np.float64}
Array = npt.NDArray[Any]
Order = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Workload:
    """A network and the mini-batch that it is trained with."""

    name: str
    sizes: tuple[int, ...]
    batch: int
    eta: float


WORKLOADS = {
    w.name: w
    for w in (
        Workload("xor", (2, 2, 1), 4, 2.0),
        Workload("nielsen", (784, 30, 10), 10, 3.0),
        Workload("mid", (784, 128, 10), 128, 3.0),
        Workload("big", (784, 512, 512, 10), 256, 1.0),
    )
}


@dataclass(frozen=True)
class Case:
    """Everything that a peer needs to train: start, data, mini-batch, learning rate (of the MEAN gradient)."""

    sizes: tuple[int, ...]
    start: tuple[Array, ...]  # W1, b1, W2, b2, ..; W is (inputs, outputs)
    x: Array
    y: Array
    batch: int
    eta: float

    @property
    def steps(self) -> int:
        """Steps in an epoch. The number of rows is a multiple of the batch, so that no peer has a short last one."""
        return len(self.x) // self.batch

    @property
    def full_batch(self) -> bool:
        """Whether a step sees all cases, so that there is nothing to shuffle or gather."""
        return self.batch == len(self.x)


def start(sizes: Sequence[int], dtype: str = "float32", scaled: bool = True) -> tuple[Array, ...]:
    """Weights from N(0, 1/inputs), or N(0, 1) as in Nielsen's book; the same for every peer."""
    rng = np.random.default_rng(0)
    leaves: list[Array] = []
    for inputs, outputs in pairwise(sizes):
        w = rng.standard_normal((inputs, outputs)) / (np.sqrt(inputs) if scaled else 1.0)
        b = np.zeros(outputs) if scaled else rng.standard_normal(outputs)
        leaves += [w.astype(DTYPES[dtype]), b.astype(DTYPES[dtype])]

    return tuple(leaves)


def xor() -> tuple[Array, Array]:
    """The four cases of exclusive or."""
    x = np.array([[0, 0], [0, 1], [1, 0], [1, 1]], np.float32)

    return x, np.array([[0], [1], [1], [0]], np.float32)


def case(name: str, data: str | Path, dtype: str = "float32") -> Case:
    """The workload of that name with its data, read from the folder that `data.prepare` filled."""
    w = WORKLOADS[name]
    x, y = xor() if name == "xor" else (np.load(Path(data) / "x.npy"), np.load(Path(data) / "y.npy"))

    return trimmed(w.sizes, x, y, w.batch, w.eta, dtype)


def trimmed(sizes: tuple[int, ...], x: Array, y: Array, batch: int, eta: float, dtype: str = "float32") -> Case:
    """A case whose number of rows is the largest multiple of the batch."""
    rows = len(x) // batch * batch
    x, y = (a[:rows].astype(DTYPES[dtype], copy=False) for a in (x, y))

    return Case(sizes, start(sizes, dtype), x, y, batch, eta)
