"""The recipes of examples/mnist.py that PyTorch would be used for, by fnn and by PyTorch: microseconds a training step.

- chapter3: 784-100-10 sigmoid units, cross-entropy, L2, batches of 10, gradient descent;
- dropout: 784-1024-10, ReLU and softmax, cross-entropy, dropout, batches of 100, Adam whose η falls in half a wave.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from itertools import islice
from pathlib import Path
from typing import Any, Final, NamedTuple

import numpy as np

from .measure import Call, Settings, compare, ratio
from .peers import PEERS
from .tables import Table, by_peer
from .timing import seconds_each
from .workloads import Array, start

ROWS: Final = 50_000
LAMBDA: Final = 5.0 / ROWS
DROPPED: Final = (0.2, 0.5)  # of the inputs, and of the hidden units
EPOCHS: Final = 30  # in which η falls
CONTENDERS: Final = ("fnn", "torch")
STYLES: Final = {"fnn": ("",), "torch": ("foreach", "fused")}


class Recipe(NamedTuple):
    """A network, its mini-batch and its learning rate."""

    sizes: tuple[int, ...]
    batch: int
    eta: float

    @property
    def steps(self) -> int:
        """Of an epoch."""
        return ROWS // self.batch


RECIPES: Final = {"chapter3": Recipe((784, 100, 10), 10, 0.5), "dropout": Recipe((784, 1024, 10), 100, 1e-3)}


def job(peer: str, recipe: str, data: str, threads: int, style: str, seconds: float) -> float:
    """Microseconds a step."""
    folder = Path(data)
    x, y = (np.load(folder / f"{name}.npy")[:ROWS] for name in ("x", "y"))
    if peer == "fnn":
        return 1e6 * seconds_each(with_fnn(recipe, x, y), seconds) / RECIPES[recipe].steps

    return 1e6 * seconds_each(with_torch(recipe, x, y, threads, style), seconds)


def with_fnn(recipe: str, x: Array, y: Array) -> Callable[[int], object]:
    """`train`, for a number of epochs; it chooses its threads itself."""
    import fnn

    sizes, batch, eta = RECIPES[recipe]
    params = fnn.init(sizes, seed=0, dtype=np.float32)
    options: dict[str, Any] = {"eta": eta, "regularization": fnn.Regularization(l2=LAMBDA)}
    if recipe == "dropout":
        params = fnn.init(sizes, seed=0, hidden=fnn.relu, output=fnn.softmax, dtype=np.float32)
        schedule = fnn.cosine(eta, steps=EPOCHS * RECIPES[recipe].steps)
        options = {"optimizer": fnn.adam(schedule), "regularization": fnn.Regularization(dropout=DROPPED)}

    def run(epochs: int) -> None:
        fnn.train(
            params, x, y, loss=fnn.cross_entropy, reduction="mean", epochs=epochs, batch_size=batch,
            callbacks=[fnn.progress(False)], **options,
        )  # fmt: skip

    return run


def with_torch(recipe: str, x: Array, y: Array, threads: int, style: str) -> Callable[[int], object]:
    """Steps, eager: data as tensors, autograd, and the optimizer of `torch.optim` in one of its fast forms."""
    import torch
    from torch.nn import functional

    torch.set_num_threads(threads)
    sizes, batch, eta = RECIPES[recipe]
    leaves = [torch.tensor(leaf, requires_grad=True) for leaf in start(sizes)]
    inputs, one_hot = torch.from_numpy(x), torch.from_numpy(y)
    labels = one_hot.argmax(dim=1)
    fast: dict[str, Any] = {style: True}

    def chapter3(rows: Any) -> Any:
        a = torch.sigmoid(torch.addmm(leaves[1], inputs[rows], leaves[0]))
        z = torch.addmm(leaves[3], a, leaves[2])
        return functional.binary_cross_entropy_with_logits(z, one_hot[rows], reduction="sum") / batch

    def dropout(rows: Any) -> Any:
        a = functional.relu(torch.addmm(leaves[1], functional.dropout(inputs[rows], DROPPED[0]), leaves[0]))
        return functional.cross_entropy(
            torch.addmm(leaves[3], functional.dropout(a, DROPPED[1]), leaves[2]), labels[rows]
        )

    if recipe == "chapter3":
        groups = [{"params": leaves[::2], "weight_decay": LAMBDA}, {"params": leaves[1::2]}]
        error, optimizer = chapter3, torch.optim.SGD(groups, lr=eta, **fast)
    else:
        error, optimizer = dropout, torch.optim.Adam(leaves, lr=eta, **fast)

    def batches() -> Iterator[Any]:
        while True:
            yield from torch.randperm(ROWS).split(batch)

    in_turn = enumerate(batches())

    def run(steps: int) -> None:
        for step, rows in islice(in_turn, steps):
            if recipe == "dropout":
                part = min(step / (EPOCHS * RECIPES[recipe].steps), 1)
                optimizer.param_groups[0]["lr"] = 0.5 * eta * (1 + math.cos(math.pi * part))
            optimizer.zero_grad()
            error(rows).backward()
            optimizer.step()

    return run


def measure(settings: Settings) -> Table:
    """Both peers on both recipes."""
    peers = [p for p in CONTENDERS if PEERS[p].installed]
    table = Table("recipes", "MNIST's recipes, µs a step", ["", *(PEERS[p].title for p in peers), "PyTorch / fnn"])
    for name, recipe in RECIPES.items():
        common: Call = {"job": "recipes:job", "recipe": name, "data": settings.data, "seconds": settings.seconds}
        ways: dict[str, list[Call]] = {
            peer: [
                {**common, "peer": peer, "threads": threads, "style": style}
                for threads in ([0] if peer == "fnn" else settings.thread_choices())
                for style in STYLES[peer]
            ]
            for peer in peers
        }
        samples = compare(ways, settings.repeats, table.notes)
        medians = {p: sample.median for p, sample in samples.items()}
        gain = 1 / ratio(samples["fnn"], samples["torch"]) if {"fnn", "torch"} <= samples.keys() else None
        label = f"{name}: {'-'.join(map(str, recipe.sizes))}, batch {recipe.batch}"
        table.add(label, *by_peer(medians, peers), gain)
        table.raw[name] = {p: {"values": s.values, "best": s.best} for p, s in samples.items()}
        table.notes += [f"{name}: PyTorch's best was {samples['torch'].best}"] if "torch" in samples else []

    return table
