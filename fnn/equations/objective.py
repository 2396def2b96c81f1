"""What is minimised: a loss, how it is reduced over the cases, and what regularization adds."""

from __future__ import annotations

from typing import Any, Literal, NamedTuple

from fnn.losses.loss import Loss
from fnn.network.params import Params
from fnn.network.regularization import NetworkRegularization, Regularization, regularization_of

Reduction = Literal["sum", "mean"]


class Objective(NamedTuple):
    """The objective of a run, checked for its network."""

    loss: Loss
    mean: bool
    regularization: NetworkRegularization


def objective_of(
    params: Params[Any], loss: Loss, reduction: Reduction, regularization: Regularization | None
) -> Objective:
    """The objective that the arguments of a call stand for, or an error that names the wrong one."""
    require_loss(params, loss)

    return Objective(loss, require_reduction(reduction), regularization_of(params, regularization))


def require_reduction(reduction: Reduction) -> bool:
    """Whether the reduction is "mean"; ValueError if it is neither "sum" nor "mean"."""
    if not isinstance(reduction, str) or reduction not in ("sum", "mean"):
        raise ValueError(f'reduction: must be "sum" or "mean", got {reduction!r}')

    return reduction == "mean"


def require_loss(params: Params[Any], loss: Loss) -> None:
    """Raise TypeError if it isn't a `Loss`, ValueError if the network's output activation doesn't suit it."""
    if not isinstance(loss, Loss):
        raise TypeError(f"loss: needs a loss such as fnn.squared_error, got {loss!r}")
    if loss.outputs:
        loss.check(params.activations[-1])
