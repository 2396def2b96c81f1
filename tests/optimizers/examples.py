"""Optimizers, parameters and gradients that the tests share."""

from __future__ import annotations

from typing import Any

import numpy as np
from hypothesis import strategies as st
from numpy.typing import NDArray

import fnn

OPTIMIZERS: list[fnn.Optimizer] = [
    fnn.gradient_descent(0.3),
    fnn.gradient_descent(0.3, weight_decay=0.2, clip_norm=1.0),
    fnn.momentum(0.1),
    fnn.momentum(0.05, alpha=0.5, shrink=0.1, decay_biases=True),
    fnn.nesterov(0.1),
    fnn.nesterov(0.05, alpha=0.0),
    fnn.nesterov(0.05, max_norm=0.8),
    fnn.adam(),
    fnn.adam(0.1, beta_1=0.0, beta_2=0.5, epsilon=1e-3),
    fnn.adam(0.02, clip=0.3, clip_norm=0.9, weight_decay=0.1, shrink=0.01, decay_biases=True, max_norm=1.1),
    fnn.adamw(0.05),
    fnn.adamw(0.05, weight_decay=0.5),
    fnn.adamw(0.05, weight_decay=0.5, decay_biases=True),
    fnn.nadam(0.02),
    fnn.amsgrad(0.03, beta_2=0.6),
    fnn.rmsprop(0.01),
    fnn.rmsprop(0.01, rho=0.99, epsilon=1e-2, clip=0.1),
    fnn.adagrad(0.1),
    fnn.adadelta(),
    fnn.adadelta(0.5, rho=0.95, epsilon=1e-3, shrink=0.02),
    fnn.lion(0.01),
    fnn.lion(0.01, beta_1=0.5, beta_2=0.6, weight_decay=0.3),
    fnn.lion(0.01, weight_decay=0.3, decay_biases=True),
    fnn.irprop(),
    fnn.irprop(0.1, increase=1.5, decrease=0.3, smallest=0.02, largest=0.3),
    fnn.irprop(shrink=0.05, max_norm=0.9),
]
WITH_ETA = [optimizer for optimizer in OPTIMIZERS if optimizer.rate is not None]
FOR_BATCHES = [optimizer for optimizer in OPTIMIZERS if not optimizer.needs_all_cases]

PARAMS: fnn.Params[Any] = fnn.init((3, 4, 2), seed=5).with_flat((np.arange(26) * 11 + 5) % 26 / 26 - 0.5)


def slope(step: int, w: NDArray[Any]) -> NDArray[Any]:
    """A gradient that pulls to somewhere, is noisy, and is 0 for some parameters now and then."""
    mixed = 7919 * step + 10007 * np.arange(w.size) + step * np.arange(w.size) ** 2
    return (w - np.linspace(-1, 1, w.size) + (mixed % 1009 / 336 - 1.5)) * (mixed % 19 > 0)


def path(optimizer: fnn.Optimizer, params: fnn.Params[Any], steps: int) -> NDArray[Any]:
    """The parameters after each step."""
    flats, state = [], optimizer.init(params)
    for step in range(steps):
        params, state = optimizer.update(params, params.with_flat(slope(step, params.flat)), state)
        flats.append(params.flat)
    assert state.step == steps

    return np.array(flats)


@st.composite
def optimizers(draw: st.DrawFn, *, for_batches: bool = False) -> fnn.Optimizer:
    """Any optimizer with any of the fields that all have, some of which change steps of ordinary size."""
    optimizer = draw(st.sampled_from(FOR_BATCHES if for_batches else OPTIMIZERS))
    limit = st.none() | st.sampled_from([1e-3, 0.03, 0.3, 2.0, 100.0])
    fields: dict[str, Any] = {
        "clip": draw(limit),
        "clip_norm": draw(limit),
        "max_norm": draw(limit),
        "shrink": draw(st.sampled_from([0.0, 0.0, 1e-3, 0.4])),
        "decay_biases": draw(st.booleans()),
    }
    if optimizer.rate is not None:
        fields["weight_decay"] = draw(st.sampled_from([0.0, 0.0, 1e-3, 0.7]))

    return optimizer.__replace__(**fields)
