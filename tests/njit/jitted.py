"""Jitted functions of a user, one for each public function."""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit, prange

import fnn


@njit
def forward(params: Any, x: Any) -> Any:
    return fnn.forward(params, x)


@njit
def forward_out(params: Any, x: Any, out: Any) -> Any:
    return fnn.forward(params, x, out=out)


@njit
def error(params: Any, x: Any, y: Any) -> Any:
    return fnn.error(params, x, y)


@njit
def grad(params: Any, x: Any, y: Any) -> Any:
    return fnn.grad(params, x, y)


@njit
def value_and_grad(params: Any, x: Any, y: Any, weights: Any) -> Any:
    return fnn.value_and_grad(params, fnn.Cases(x, y, weights=weights), reduction="mean")


@njit
def cross_entropy(params: Any, x: Any, y: Any) -> Any:
    return fnn.value_and_grad(params, x, y, loss=fnn.cross_entropy)


@njit
def weighted_cross_entropy(params: Any, x: Any, y: Any, weights: Any) -> Any:
    return fnn.value_and_grad(params, fnn.Cases(x, y, weights=weights), loss=fnn.cross_entropy)


@njit
def any_loss(params: Any, x: Any, y: Any, loss: Any) -> Any:
    return fnn.error(params, x, y, loss=loss)


@njit
def any_value_and_grad(params: Any, x: Any, y: Any, loss: Any, weights: Any) -> Any:
    return fnn.value_and_grad(params, fnn.Cases(x, y, weights=weights), loss=loss, reduction="mean")


@njit
def input_grad(params: Any, x: Any, y: Any) -> Any:
    return fnn.input_grad(params, x, y)


@njit
def any_input_grad(params: Any, x: Any, y: Any, loss: Any, weights: Any) -> Any:
    return fnn.input_grad(params, fnn.Cases(x, y, weights=weights), loss=loss, reduction="mean")


@njit
def vjp(params: Any, x: Any, u: Any) -> Any:
    return fnn.vjp(params, x, u)


@njit
def update(params: Any, grads: Any, eta: Any) -> Any:
    return fnn.update(params, grads, eta)


@njit
def fit(params: Any, x: Any, y: Any, eta: Any, steps: Any) -> Any:
    for _ in range(steps):
        params = fnn.update(params, fnn.grad(params, x, y), eta)
    return params


@njit
def train(params: Any, x: Any, y: Any, eta: Any, epochs: Any) -> Any:
    return fnn.train(params, x, y, eta=eta, epochs=epochs)


@njit
def train_by_threads(params: Any, x: Any, y: Any, threads: Any) -> Any:
    return fnn.train(params, x, y, eta=0.1, epochs=2, threads=threads, callbacks=[fnn.progress(False)])


@njit
def train_in_batches(params: Any, x: Any, y: Any, eta: Any, epochs: Any, batch: Any, seed: Any, weights: Any) -> Any:
    return fnn.train(params, fnn.Cases(x, y, weights=weights), eta=eta, epochs=epochs, batch_size=batch, seed=seed, loss=fnn.cross_entropy, reduction="mean")  # fmt: skip


@njit
def first_layer(params: Any) -> Any:
    return params["W1"], params["b1"]


@njit
def second_layer(params: Any) -> Any:
    return params["W2"], params["b2"]


@njit
def facts(params: Any) -> Any:
    return len(params), params.sizes, params.flat


@njit
def with_flat(params: Any, flat: Any) -> Any:
    moved = params.with_flat(flat)
    flat[0] = np.nan  # which the parameters must not see
    return moved


@njit(parallel=True)
def outputs_of_all(params: Any, flats: Any, x: Any) -> Any:
    """What networks of one architecture say, each in a vector of its own."""
    outputs = np.empty((flats.shape[0], 2), x.dtype)
    for i in prange(flats.shape[0]):
        outputs[i] = fnn.forward(params.with_flat(flats[i]), x)
    return outputs


@njit
def swapped(pair: Any) -> Any:
    return pair[1], pair[0]


@njit(parallel=True, nogil=True)
def in_parallel(params: Any, x: Any, y: Any) -> Any:
    """Outputs and errors after two steps, a case or a batch at a time."""
    outputs = np.empty((x.shape[0], x.shape[1], y.shape[2]), x.dtype)
    errors = np.empty(x.shape[0])
    for i in prange(x.shape[0]):
        for row in range(x.shape[1]):
            outputs[i, row] = fnn.forward(params, x[i, row])
        moved = params
        for _ in range(2):
            moved = fnn.update(moved, fnn.grad(moved, x[i], y[i], reduction="mean"), 0.1)
        run = fnn.train(moved, x[i], y[i], eta=0.1, epochs=2, batch_size=2, seed=i)
        errors[i] = fnn.error(run.params, x[i], y[i]) + run.history.error[1]
    return outputs, errors
