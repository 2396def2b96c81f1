"""Jitted functions of a user that have optimizers."""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import prange

import fnn
from tests.scalars import cached


@cached()
def init(optimizer: Any, params: Any) -> Any:
    return optimizer.init(params)


@cached()
def update(optimizer: Any, params: Any, grads: Any, state: Any) -> Any:
    return optimizer.update(params, grads, state)


@cached()
def follow(optimizer: Any, params: Any, slopes: Any, state: Any) -> Any:
    """A step for each gradient; the parameters after each."""
    found = np.empty_like(slopes)
    for step in range(len(slopes)):
        params, state = optimizer.update(params, params.with_flat(slopes[step]), state)
        found[step] = params.flat
    return found, state


@cached()
def fit(optimizer: Any, params: Any, x: Any, y: Any, steps: Any) -> Any:
    state = optimizer.init(params)
    for _ in range(steps):
        params, state = optimizer.update(params, fnn.grad(params, x, y), state)
    return params, state, state.step


@cached()
def fit_mean(optimizer: Any, params: Any, x: Any, y: Any, steps: Any) -> Any:
    state = optimizer.init(params)
    for _ in range(steps):
        params, state = optimizer.update(params, fnn.grad(params, x, y, reduction="mean"), state)
    return params, state, state.step


@cached()
def train_mean(optimizer: Any, params: Any, x: Any, y: Any, epochs: Any, batch: Any) -> Any:
    return fnn.train(params, x, y, optimizer=optimizer, epochs=epochs, batch_size=batch, reduction="mean")


@cached()
def train(optimizer: Any, params: Any, x: Any, y: Any, epochs: Any, batch: Any) -> Any:
    return fnn.train(params, x, y, optimizer=optimizer, epochs=epochs, batch_size=batch, seed=5)


@cached()
def go_on(optimizer: Any, params: Any, x: Any, y: Any, state: Any) -> Any:
    return fnn.train(params, x, y, optimizer=optimizer, epochs=2, state=state)


@cached(parallel=True, nogil=True)
def in_parallel(optimizer: Any, params: Any, x: Any, y: Any) -> Any:
    """Parameters after two steps and two epochs, a batch at a time."""
    flats = np.empty((x.shape[0], params.flat.size), x.dtype)
    for i in prange(x.shape[0]):
        moved, state = params, optimizer.init(params)
        for _ in range(2):
            moved, state = optimizer.update(moved, fnn.grad(moved, x[i], y[i]), state)
        flats[i] = fnn.train(moved, x[i], y[i], optimizer=optimizer, epochs=2).params.flat
    return flats
