"""Intervals in which new targets lie: by the covariance of the weights, or by quantiles."""

from __future__ import annotations

import math
from typing import Any, Final, NamedTuple, TypeAlias

import numpy as np

from fnn.boundary.checks import prefixed
from fnn.equations.forward import forward
from fnn.losses.library import quantile
from fnn.network.fold import fold
from fnn.network.params import AnyParams
from fnn.network.regularization import Regularization
from fnn.sklearn.data import Array, Data
from fnn.sklearn.fitting import Fit
from fnn.sklearn.scaling import Scaling
from fnn.training.posterior import Posterior, posterior
from fnn.training.steppers.levenberg_marquardt import levenberg_marquardt

_ROUNDING: Final = 1e-9


class PosteriorInterval(NamedTuple):
    """By the covariance of the weights."""

    posterior: Posterior[Any]  # in standard units, if there is a scaling
    scaling: Scaling | None
    level: float

    def at(self, x: Array, level: float | None) -> tuple[Array, Array]:
        """The lower and the upper ends, (N, n_L)."""
        scaling = self.scaling
        standard = x if scaling is None else scaling.inputs(x)
        low, high = self.posterior.interval(standard, self.level if level is None else level)

        return (low, high) if scaling is None else (scaling.raw_targets(low), scaling.raw_targets(high))


class QuantileInterval(NamedTuple):
    """By networks for the lower and the upper quantile, in raw units."""

    low: AnyParams
    high: AnyParams
    level: float

    def at(self, x: Array, level: float | None) -> tuple[Array, Array]:
        """The lower and the upper ends, (N, n_L)."""
        if level not in (None, self.level):
            raise ValueError(
                f"level: the fit has learned that of interval={self.level}, so it can't be another; got {level}"
            )
        low, high = forward(self.low, x), forward(self.high, x)

        return np.minimum(low, high), np.maximum(low, high)


Interval: TypeAlias = PosteriorInterval | QuantileInterval


def interval_of(fit: Fit, held_out: Data | None, level: float) -> Interval:
    """The interval of a fit that has run; `held_out` is the validation set that was given, in standard units.

    ValueError if there are too few targets, or the outputs have an activation.
    """
    solver = fit.estimator.solver
    is_bayesian = solver == "bayesian" or (isinstance(solver, levenberg_marquardt) and solver.bayesian)
    if is_bayesian or solver == "lm" or isinstance(solver, levenberg_marquardt):
        regularization = Regularization(l2=0.0 if is_bayesian else float(fit.estimator.alpha))

        return PosteriorInterval(
            posterior(fit.ended, fit.trained.cases(), regularization=regularization), fit.scaling, level
        )
    if not fit.problem.scales_targets:
        raise ValueError(f"interval: needs outputs without an activation, got {fit.problem.output!r}")

    return _of_quantiles(fit, held_out, level)


def _of_quantiles(fit: Fit, held_out: Data | None, level: float) -> QuantileInterval:
    with prefixed("interval: needs cases that are held out. "):
        data, judge = fit.split() if held_out is None else (fit.data, held_out)
    count = len(judge.x)
    rank = math.ceil(level * (count + 1) - _ROUNDING)
    if rank > count:
        needed = math.ceil(level / (1 - level) - _ROUNDING)
        raise ValueError(
            f"interval: {level} needs at least {needed} cases that are held out, "
            f"got {count}; raise validation_fraction, give X_val and y_val, or take solver='bayesian'"
        )
    ends = {"low": (1 - level) / 2, "high": (1 + level) / 2}
    watched = judge if fit.estimator.early_stopping else None
    low, high = (fit.another(quantile(q), data, name).run(watched).network for name, q in ends.items())
    outside = np.maximum(forward(low, judge.x) - judge.y, judge.y - forward(high, judge.x))  # negative inside
    margin = np.sort(outside, axis=0)[rank - 1]
    low, high = fold(low, y_shift=-margin), fold(high, y_shift=margin)
    if fit.scaling is not None:
        low, high = fit.scaling.folded(low), fit.scaling.folded(high)

    return QuantileInterval(low, high, level)
