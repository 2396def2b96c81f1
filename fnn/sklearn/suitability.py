"""What doesn't go together: refused before a fit begins."""

from __future__ import annotations

from numbers import Integral
from typing import Any

import numpy as np

from fnn.losses.library import squared_error
from fnn.losses.loss import Loss
from fnn.optimizers.optimizer import Optimizer
from fnn.optimizers.schedule import Schedule
from fnn.training.steppers.plateau import plateau


def require_suited(estimator: Any, loss: Loss, *, is_solver: bool) -> None:
    """Raise ValueError if the solver can't do what is asked for."""
    solver, dropout = estimator.solver, estimator.dropout
    if solver == "bayesian" and loss is not squared_error:
        raise ValueError(f"solver: 'bayesian' is for fnn.squared_error, 'lm' for other losses, too; got {loss!r}")
    if is_solver and np.any(dropout):
        raise ValueError(
            f"dropout: solver {solver!r} needs the same loss in every iteration, so it must be 0; got {dropout}"
        )


def require_keepable(estimator: Any, *, incremental: bool, goes_on: bool) -> None:
    """Raise ValueError for a schedule or a checkpoint that a fit in parts can't have."""
    rate, checkpoint, seed = estimator.learning_rate, estimator.checkpoint, estimator.random_state
    used = estimator.solver.rate if isinstance(estimator.solver, Optimizer) else rate
    if incremental and isinstance(used, Schedule) and (used.needs_run or isinstance(used, plateau)):
        raise ValueError(
            f"learning_rate: partial_fit doesn't know the run that {used!r} goes over; give it steps=, or a number"
        )
    if checkpoint is not None and not isinstance(seed, Integral):
        raise ValueError(f"checkpoint: needs an integer random_state, so that a fit can go on as it was; got {seed!r}")
    if checkpoint is not None and goes_on:
        raise ValueError("checkpoint: is for a fit from the beginning, not for partial_fit, nor to go on by warm_start")
