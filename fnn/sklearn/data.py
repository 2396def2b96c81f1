"""What goes into a fit, and what comes of it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

from fnn.activations.activation import Activation
from fnn.data.cases import Cases
from fnn.losses.loss import Loss
from fnn.network.params import AnyParams
from fnn.optimizers.optimizer import OptimizerState
from fnn.sklearn.rule import Progress
from fnn.sklearn.scaling import Scaling
from fnn.sklearn.scores import Score

Array: TypeAlias = NDArray[Any]


class Data(NamedTuple):
    """Checked inputs, targets as `fnn.Cases` takes them, and weights."""

    x: Array
    y: Array
    weights: Array | None

    def part(self, chosen: Array) -> Data:
        """Some of the cases."""
        return Data(self.x[chosen], self.y[chosen], None if self.weights is None else self.weights[chosen])

    def without_weightless(self) -> Data:
        """The cases that weigh something: it is as if the others weren't there."""
        if self.weights is None or self.weights.all():
            return self

        return self.part(np.flatnonzero(self.weights))

    def scaled(self, scaling: Scaling | None) -> Data:
        """The same in standard units."""
        return self if scaling is None else Data(scaling.inputs(self.x), scaling.targets(self.y), self.weights)

    @property
    def weight(self) -> float:
        """Σ w."""
        return float(len(self.x) if self.weights is None else self.weights.sum())

    def cases(self) -> Cases:
        """The same for `train`."""
        return Cases(self.x, self.y, weights=self.weights)


class Problem(NamedTuple):
    """What the targets are to the network."""

    targets: Array  # labels (N,), or (N, n_L)
    outputs: int
    output: Activation
    loss: Loss
    score: Callable[[Array, Array | None], Score]  # for targets and weights
    is_stratified: bool = False  # whether a part that is held out has as many of each of two classes
    averages_outputs: bool = False  # whether scikit-learn's loss is the mean of that of the outputs
    scales_targets: bool = False


class Fitted(NamedTuple):
    """What a fit has found, and what a later one goes on from."""

    params: AnyParams  # in raw units
    network: AnyParams  # in standard units, if there is a scaling
    scaling: Scaling | None = None
    seed: int | None = None  # None: to be drawn
    epochs: int = 0  # that have drawn from the seed
    cases_seen: int = 0
    optimizer: str = ""  # whose state it is
    state: OptimizerState[Any] | None = None
    progress: Progress = Progress()
    loss_curve: tuple[float, ...] = ()
    validation_loss_curve: tuple[float, ...] = ()
    validation_scores: tuple[float, ...] = ()
    iterations: int = 0  # of the last fit
    stops_early: bool = False

    def attributes(self) -> dict[str, Any]:
        """Those of a fitted estimator, but for the network's."""
        return {
            "loss_": self.loss_curve[-1],
            "loss_curve_": [*self.loss_curve],
            "best_loss_": None if self.stops_early else self.progress.best_loss,
            "validation_loss_curve_": [*self.validation_loss_curve] or None,
            "validation_scores_": [*self.validation_scores] or None,
            "best_validation_score_": self.progress.best_score if self.stops_early else None,
            "n_iter_": self.iterations,
            "t_": self.cases_seen,
            "_no_improvement_count": self.progress.no_change,
        }
