"""Random networks with cases, for tests that hold for all of them."""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from typing import Any

import numpy as np
from hypothesis import strategies as st
from numpy.typing import NDArray

import fnn
from tests import reference

HIDDEN = (fnn.sigmoid, fnn.tanh, fnn.relu, fnn.identity)
OUTPUTS = (*HIDDEN, fnn.softmax)
LOSSES = (fnn.squared_error, fnn.cross_entropy)
PAIRS = [(loss, output) for loss in LOSSES for output in OUTPUTS if not loss.outputs or output in loss.outputs]

# Around the blocks (64), pieces (256) and room (512) of cases that the kernels work in.
COUNTS = (1, 2, 3, 7, 63, 64, 65, 128, 255, 256, 257, 511, 512, 513, 700)


@dataclass(frozen=True)
class Problem:
    """A network, its cases and how to measure it."""

    params: fnn.Params[Any]
    x: NDArray[Any]
    y: NDArray[Any]  # targets or, for cross-entropy, perhaps labels
    dense: NDArray[np.float64]  # the targets, (N, n_L)
    loss: fnn.Loss
    reduction: Any
    weights: NDArray[np.float64] | None

    @property
    def options(self) -> dict[str, Any]:
        return {"loss": self.loss, "reduction": self.reduction, "weights": self.weights}

    @property
    def wanted(self) -> reference.Quantities:
        """What the oracle says."""
        net = reference.network(self.params)
        return reference.backprop(net, self.x, self.dense, self.loss.name, self.reduction, self.weights)

    def rows(self, which: Any) -> Problem:
        """Some of the cases."""
        weights = None if self.weights is None else self.weights[which]
        return Problem(self.params, self.x[which], self.y[which], self.dense[which], self.loss, self.reduction, weights)


def problem(
    seed: int, sizes: tuple[int, ...], hidden: tuple[fnn.Activation, ...], output: fnn.Activation, loss: fnn.Loss,
    count: int, *, dtype: type[Any] = np.float64, labelled: bool = False, weighted: bool = False,
    reduction: str = "sum", margin: float = 1e-9,
) -> Problem:  # fmt: skip
    """Draw the numbers; where a relu's weighted input is within the margin of its kink, draw again."""
    for attempt in range(200):
        random = np.random.default_rng([seed, attempt])
        leaves = {}
        for layer, (m, n) in enumerate(itertools.pairwise(sizes), start=1):
            leaves[f"W{layer}"] = (random.normal(size=(m, n)) / np.sqrt(m)).astype(dtype)
            leaves[f"b{layer}"] = (0.5 * random.normal(size=n)).astype(dtype)
        params: fnn.Params[Any] = fnn.Params(leaves, hidden=hidden, output=output)
        x = random.normal(size=(count, sizes[0])).astype(dtype)
        z, _ = reference.forward(reference.network(params), x)
        kinked = [np.abs(z[i]).min() for i, f in enumerate(params.activations, start=1) if f is fnn.relu]
        if min(kinked, default=np.inf) > margin:
            break
    else:
        raise AssertionError("no network found whose relus are away from their kinks")
    y, dense = _targets(random, output, loss, count, sizes[-1], dtype, labelled)
    weights = random.uniform(0.1, 3, count) if weighted else None

    return Problem(params, x, y, dense, loss, reduction, weights)


def _targets(
    random: np.random.Generator, output: fnn.Activation, loss: fnn.Loss, count: int, units: int, dtype: type[Any],
    labelled: bool,
) -> tuple[NDArray[Any], NDArray[np.float64]]:  # fmt: skip
    if loss is fnn.squared_error:
        y = random.normal(size=(count, units)).astype(dtype)
        return y, y.astype(np.float64)
    if labelled:
        labels = random.integers(0, max(units, 2), count)
        return labels, labels[:, None].astype(float) if units == 1 else np.eye(units)[labels]
    y = random.uniform(0, 1, (count, units))
    if output is fnn.softmax:
        y /= y.sum(axis=1, keepdims=True)
    y = y.astype(dtype)

    return y, y.astype(np.float64)


@st.composite
def problems(
    draw: st.DrawFn, *, counts: tuple[int, ...] = COUNTS, dtypes: tuple[type[Any], ...] = (np.float64, np.float32),
    widest: int = 40, margin: float = 1e-5,
) -> Problem:  # fmt: skip
    """Activations × losses × depths 1 .. 4 × batch sizes × dtypes."""
    depth = draw(st.integers(1, 4))
    # Widths beside and beyond those of the register tiles, too.
    width = st.one_of(st.integers(1, 5), st.integers(1, widest))
    sizes = tuple(draw(st.lists(width, min_size=depth + 1, max_size=depth + 1)))
    hidden = tuple(draw(st.lists(st.sampled_from(HIDDEN), min_size=depth - 1, max_size=depth - 1)))
    loss, output = draw(st.sampled_from(PAIRS))
    if output is fnn.softmax and sizes[-1] == 1:
        sizes = (*sizes[:-1], 2)

    return problem(
        draw(st.integers(0, 2**32)), sizes, hidden, output, loss, draw(st.sampled_from(counts)),
        dtype=draw(st.sampled_from(dtypes)), labelled=draw(st.booleans()), weighted=draw(st.booleans()),
        reduction=draw(st.sampled_from(["sum", "mean"])), margin=margin,
    )  # fmt: skip


def assert_near(actual: NDArray[Any], wanted: NDArray[Any], scale: Any, name: str = "") -> None:
    """Within some hundred roundings of numbers of this scale."""
    tolerance = (2e-4 if actual.dtype == np.float32 else 1e-12) * scale
    worst = np.abs(actual - wanted).max()
    assert actual.shape == wanted.shape, name
    assert worst <= tolerance, f"{name}: off by {worst}, allowed {tolerance}"
