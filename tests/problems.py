"""Random networks with cases, for tests that hold for all of them."""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from typing import Any

import numpy as np
from hypothesis import reject
from hypothesis import strategies as st
from numpy.typing import NDArray

import fnn
from tests import reference
from tests.scalars import CAUCHY

HIDDEN = (fnn.sigmoid, fnn.tanh, fnn.relu, fnn.identity)
OUTPUTS = (*HIDDEN, fnn.softmax, fnn.log_softmax, fnn.exp, fnn.softplus)
KINKED = (fnn.absolute_error, fnn.huber(0.7), fnn.quantile(0.8), fnn.hinge)  # where E or its slope has a kink in a
LOSSES = (
    fnn.squared_error, fnn.log_cosh, fnn.cross_entropy, fnn.cross_entropy(label_smoothing=0.2), fnn.focal,
    fnn.focal(0.5), fnn.kl_divergence, fnn.poisson, fnn.gamma, CAUCHY, *KINKED,
)  # fmt: skip
PAIRS = [(loss, output) for loss in LOSSES for output in OUTPUTS if not loss.outputs or output in loss.outputs]
# One loss of each kind: plain, with labels, with a parameter, with an output of its own, a user's. A jitted function is
# compiled for each loss, for a second.
KINDS = [
    (fnn.squared_error, fnn.sigmoid), (fnn.cross_entropy, fnn.softmax), (fnn.huber(0.7), fnn.identity),
    (fnn.poisson, fnn.exp), (CAUCHY, fnn.tanh),
]  # fmt: skip

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
        return {"loss": self.loss, "reduction": self.reduction}

    @property
    def cases(self) -> fnn.Cases:
        return fnn.Cases(self.x, self.y, weights=self.weights)

    @property
    def measure(self) -> reference.Measure:
        """The loss, for the oracle."""
        return self.loss.name, self.loss.parameter

    @property
    def wanted(self) -> reference.Quantities:
        """What the oracle says."""
        net = reference.network(self.params)
        return reference.backprop(net, self.x, self.dense, self.measure, self.reduction, self.weights)

    def rows(self, which: Any) -> Problem:
        """Some of the cases."""
        weights = None if self.weights is None else self.weights[which]
        return Problem(self.params, self.x[which], self.y[which], self.dense[which], self.loss, self.reduction, weights)


def problem(
    seed: int, sizes: tuple[int, ...], hidden: tuple[fnn.Activation, ...], output: fnn.Activation, loss: fnn.Loss,
    count: int, *, dtype: type[Any] = np.float64, labelled: bool = False, weighted: bool = False,
    reduction: str = "sum", margin: float = 1e-9,
) -> Problem:  # fmt: skip
    """Draw the numbers; where a relu or the loss is within the margin of a kink, draw again or move y."""
    for attempt in range(200):
        random = np.random.default_rng([seed, attempt])
        leaves = {}
        for layer, (m, n) in enumerate(itertools.pairwise(sizes), start=1):
            leaves[f"W{layer}"] = (random.normal(size=(m, n)) / np.sqrt(m)).astype(dtype)
            leaves[f"b{layer}"] = (0.5 * random.normal(size=n)).astype(dtype)
        params: fnn.Params[Any] = fnn.Params(leaves, hidden=hidden, output=output)
        x = random.normal(size=(count, sizes[0])).astype(dtype)
        y, dense = _targets(random, output, loss, count, sizes[-1], dtype, labelled)
        z, a = reference.forward(reference.network(params), x)
        if loss in KINKED and loss is not fnn.hinge:
            y = np.where(_distance_from_kink(loss, a[len(sizes) - 1], dense) <= margin, y + 3 * margin, y).astype(dtype)
            dense = y.astype(np.float64)
        kinked = [_distance_from_kink(loss, a[len(sizes) - 1], dense).min()]
        kinked += [np.abs(z[i]).min() for i, f in enumerate(params.activations, start=1) if f is fnn.relu]
        if min(kinked) > margin:
            break
    else:
        raise AssertionError("no network found that is away from its kinks")
    weights = random.uniform(0.1, 3, count) if weighted else None

    return Problem(params, x, y, dense, loss, reduction, weights)


def _distance_from_kink(loss: fnn.Loss, a: NDArray[Any], y: NDArray[Any]) -> NDArray[Any]:
    if loss not in KINKED:
        return np.full(1, np.inf)
    if loss is fnn.hinge:
        return np.asarray(np.abs(1 - y * a))

    return np.asarray(np.abs(np.abs(a - y) - (loss.parameter if loss.name == "huber" else 0)))


def _targets(
    random: np.random.Generator, output: fnn.Activation, loss: fnn.Loss, count: int, units: int, dtype: type[Any],
    labelled: bool,
) -> tuple[NDArray[Any], NDArray[np.float64]]:  # fmt: skip
    low, high = loss.targets.low, loss.targets.high
    if labelled and loss.targets.labels:
        labels = random.integers(0, max(units, 2), count)
        is_class: NDArray[np.float64] = labels[:, None].astype(float) if units == 1 else np.eye(units)[labels]
        return labels, low + (high - low) * is_class
    if loss is fnn.poisson:
        y = random.poisson(1.5, (count, units)).astype(float)
    elif loss is fnn.gamma:
        y = random.gamma(2, 1, (count, units)) + 0.1
    elif loss is fnn.hinge:
        y = random.choice([-1.0, 1.0], (count, units))
    elif loss.targets.labels or (output is fnn.softmax and loss in KINKED):  # all outputs below y have no gradient
        y = random.uniform(0, 1, (count, units))
        y /= 1 if output is fnn.sigmoid else y.sum(axis=1, keepdims=True)
    else:
        y = random.normal(size=(count, units))
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
    if output in (fnn.softmax, fnn.log_softmax) and sizes[-1] == 1:
        sizes = (*sizes[:-1], 2)

    return problem(
        draw(st.integers(0, 2**32)), sizes, hidden, output, loss, draw(st.sampled_from(counts)),
        dtype=draw(st.sampled_from(dtypes)), labelled=draw(st.booleans()), weighted=draw(st.booleans()),
        reduction=draw(st.sampled_from(["sum", "mean"])), margin=margin,
    )  # fmt: skip


def trained(p: Problem, **options: Any) -> fnn.Run[Any]:
    """A run that doesn't diverge, as one with exponential outputs may: then hypothesis is to draw another problem."""
    try:
        return fnn.train(p.params, p.cases, **options)
    except fnn.TrainingDiverged:
        reject()


def assert_near(actual: NDArray[Any], wanted: NDArray[Any], scale: Any, name: str = "") -> None:
    """Within some hundred roundings of numbers of this scale."""
    tolerance = (2e-4 if actual.dtype == np.float32 else 1e-12) * scale
    worst = np.abs(actual - wanted).max()
    assert actual.shape == wanted.shape, name
    assert worst <= tolerance, f"{name}: off by {worst}, allowed {tolerance}"
