"""A user's jitted functions, for each public function, with a cache on disk."""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import prange

import fnn
from tests.scalars import cached


@cached()
def forward(params: Any, x: Any, out: Any = None, workspace: Any = None) -> Any:
    return fnn.forward(params, x, out, workspace)


@cached()
def workspace_size(params: Any, cases: Any) -> Any:
    return fnn.workspace(params, cases).size


@cached()
def error(params: Any, x: Any, y: Any) -> Any:
    return fnn.error(params, x, y)


@cached()
def grad(params: Any, x: Any, y: Any) -> Any:
    return fnn.grad(params, x, y)


@cached()
def value_and_grad(params: Any, x: Any, y: Any, weights: Any) -> Any:
    return fnn.value_and_grad(params, fnn.Cases(x, y, weights=weights), reduction="mean")


@cached()
def cross_entropy(params: Any, x: Any, y: Any, weights: Any = None) -> Any:
    return fnn.value_and_grad(params, fnn.Cases(x, y, weights=weights), loss=fnn.cross_entropy)


@cached()
def any_loss(params: Any, x: Any, y: Any, loss: Any, weights: Any = None) -> Any:
    return fnn.value_and_grad(params, fnn.Cases(x, y, weights=weights), loss=loss, reduction="mean")


@cached()
def backprop(params: Any, x: Any, y: Any, loss: Any, weights: Any = None) -> Any:
    return fnn.backprop(params, fnn.Cases(x, y, weights=weights), loss=loss, reduction="mean")


@cached()
def some_of_backprop(params: Any, x: Any, y: Any, layer: int) -> Any:
    t = fnn.backprop(params, x, y)
    return t.z[1], t.a[layer], t.dE_da[0], t.delta[layer], t.grads["W1"], t.error


@cached()
def input_grad(params: Any, x: Any, y: Any) -> Any:
    return fnn.input_grad(params, x, y)


@cached()
def any_input_grad(params: Any, x: Any, y: Any, loss: Any, weights: Any) -> Any:
    return fnn.input_grad(params, fnn.Cases(x, y, weights=weights), loss=loss, reduction="mean")


@cached()
def vjp(params: Any, x: Any, u: Any) -> Any:
    return fnn.vjp(params, x, u)


@cached()
def update(params: Any, grads: Any, eta: Any) -> Any:
    return fnn.update(params, grads, eta)


@cached()
def all_of_cases(params: Any, cases: Any) -> Any:
    value, grads = fnn.value_and_grad(params, cases)
    t = fnn.backprop(params, cases)
    run = fnn.train(params, cases, eta=0.1, epochs=2)
    return fnn.error(params, cases), fnn.grad(params, cases), value, grads, t, fnn.input_grad(params, cases), run.params


@cached()
def cross_entropy_of(params: Any, cases: Any) -> Any:
    return fnn.value_and_grad(params, cases, loss=fnn.cross_entropy)


@cached()
def new_cases(x: Any, y: Any, weights: Any) -> Any:
    return fnn.Cases(x, y, weights=weights)


@cached()
def in_a_workspace(params: Any, x: Any, y: Any, workspace: Any) -> Any:
    out = np.empty_like(y)
    fnn.forward(params, x, out=out, workspace=workspace)
    error = fnn.error(params, x, y, workspace=workspace)
    value, grads = fnn.value_and_grad(params, x, y, workspace=workspace)
    return out, error, value, grads, fnn.grad(params, x, y, workspace=workspace)


@cached()
def fit(params: Any, x: Any, y: Any, eta: Any, steps: Any) -> Any:
    for _ in range(steps):
        params = fnn.update(params, fnn.grad(params, x, y), eta)
    return params


@cached()
def train(params: Any, x: Any, y: Any, eta: Any, epochs: Any) -> Any:
    return fnn.train(params, x, y, eta=eta, epochs=epochs)


@cached()
def train_by_threads(params: Any, x: Any, y: Any, threads: Any) -> Any:
    return fnn.train(params, x, y, eta=0.1, epochs=2, callbacks=(), threads=threads)


@cached()
def train_in_batches(params: Any, x: Any, y: Any, eta: Any, epochs: Any, batch: Any, seed: Any, weights: Any) -> Any:
    return fnn.train(
        params, fnn.Cases(x, y, weights=weights), eta=eta, epochs=epochs, batch_size=batch, seed=seed,
        loss=fnn.cross_entropy, reduction="mean",
    )  # fmt: skip


@cached()
def first_layer(params: Any) -> Any:
    return params["W1"], params["b1"]


@cached()
def second_layer(params: Any) -> Any:
    return params["W2"], params["b2"]


@cached()
def facts(params: Any) -> Any:
    return len(params), params.sizes, params.flat


@cached()
def with_flat(params: Any, flat: Any) -> Any:
    moved = params.with_flat(flat)
    flat[0] = np.nan  # which the parameters must not see
    return moved


@cached(parallel=True)
def outputs_of_all(params: Any, flats: Any, x: Any) -> Any:
    """The outputs of networks of one architecture, each with its vector of parameters."""
    outputs = np.empty((flats.shape[0], 2), x.dtype)
    for i in prange(flats.shape[0]):
        outputs[i] = fnn.forward(params.with_flat(flats[i]), x)
    return outputs


@cached(parallel=True)
def first_outputs(params: Any, x: Any) -> Any:
    outputs = np.empty(x.shape[0])
    for row in prange(x.shape[0]):
        outputs[row] = fnn.forward(params, x[row])[0]
    return outputs


@cached()
def swapped(pair: Any) -> Any:
    return pair[1], pair[0]


@cached(parallel=True, nogil=True)
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
