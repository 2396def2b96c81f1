"""The method in plain NumPy and float64: what every peer's parameters are compared with."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from .workloads import Array, Case, Order


def sigmoid(z: Array) -> Array:
    """The logistic function."""
    return np.asarray(1.0 / (1.0 + np.exp(-z)))


def forward(leaves: Sequence[Array], x: Array, identity_output: bool = False) -> list[Array]:
    """The activations of all layers, the input first."""
    a = [np.asarray(x, np.float64)]
    last = len(leaves) // 2 - 1
    for layer in range(last + 1):
        z = a[-1] @ leaves[2 * layer].astype(np.float64) + leaves[2 * layer + 1]
        a.append(z if identity_output and layer == last else sigmoid(z))

    return a


def step(leaves: Sequence[Array], x: Array, y: Array, eta: float, identity_output: bool = False) -> list[Array]:
    """One step along the mean gradient of ½ Σ (a − y)²."""
    a = forward(leaves, x, identity_output)
    slope = 1.0 if identity_output else a[-1] * (1.0 - a[-1])
    delta = (a[-1] - y) * slope / len(x)
    new = [np.asarray(leaf, np.float64) for leaf in leaves]
    for layer in reversed(range(len(leaves) // 2)):
        w = new[2 * layer]
        new[2 * layer] = w - eta * (a[layer].T @ delta)
        new[2 * layer + 1] = new[2 * layer + 1] - eta * delta.sum(axis=0)
        delta = (delta @ w.T) * a[layer] * (1.0 - a[layer])

    return new


def follow(case: Case, order: Order, identity_output: bool = False) -> list[Array]:
    """The parameters after the mini-batches whose row numbers are the rows of `order`."""
    leaves = list(case.start)
    for rows in order:
        leaves = step(leaves, case.x[rows], case.y[rows], case.eta, identity_output)

    return leaves


def distance(got: Sequence[Array], want: Sequence[Array], begin: Sequence[Array]) -> float:
    """The largest difference, as a part of how far the steps moved that array."""
    return max(float(np.abs(g - w).max() / np.abs(w - b).max()) for g, w, b in zip(got, want, begin, strict=True))
