"""Levenberg–Marquardt in NumPy, as one would write it: a peer, for tanh layers and one linear output."""

from __future__ import annotations

import time
from collections.abc import Sequence
from itertools import pairwise
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

Reals: TypeAlias = NDArray[np.float64]
MU, DECREASE, INCREASE, SMALLEST, LARGEST = 1e-3, 0.1, 10.0, 1e-20, 1e10  # trainlm's


def layers_of(flat: Reals, sizes: Sequence[int]) -> list[tuple[Reals, Reals]]:
    """W and b of each layer, as views of W¹, b¹, W², .. one behind the other."""
    layers, at = [], 0
    for m, n in pairwise(sizes):
        w, b = flat[at : at + m * n].reshape(m, n), flat[at + m * n : at + (m + 1) * n]
        layers.append((w, b))
        at += (m + 1) * n

    return layers


def activations(flat: Reals, sizes: Sequence[int], x: Reals) -> list[Reals]:
    """A⁰ .. Aᴸ."""
    *hidden, (w, b) = layers_of(flat, sizes)
    a = [x]
    for w_hidden, b_hidden in hidden:
        a.append(np.tanh(a[-1] @ w_hidden + b_hidden))

    return [*a, a[-1] @ w + b]


def jacobian(flat: Reals, sizes: Sequence[int], a: Sequence[Reals]) -> Reals:
    """∂aᴸ/∂(W, b): a row for each case, in the order of the parameters."""
    delta, parts = np.ones_like(a[-1]), []
    for (w, _), before in reversed(list(zip(layers_of(flat, sizes), a[:-1], strict=True))):
        parts += [delta, (before[:, :, None] * delta[:, None, :]).reshape(len(before), -1)]
        delta = delta @ w.T * (1 - before**2)

    return np.hstack(parts[::-1])


def minimize(
    flat: Reals, sizes: Sequence[int], x: Reals, y: Reals, epochs: int, seconds: float = np.inf
) -> tuple[Reals, int]:
    """The parameters after some epochs, fewer if the time is over or μ passes its limit; and how many there were."""
    began, mu, unit = time.perf_counter(), MU, np.eye(flat.size)
    a = activations(flat, sizes, x)
    e = (a[-1] - y).ravel()
    for epoch in range(epochs):
        J = jacobian(flat, sizes, a)
        G, g, error = J.T @ J, J.T @ e, e @ e
        while mu <= LARGEST and time.perf_counter() - began < seconds:
            trial = flat - np.linalg.solve(G + mu * unit, g)
            a = activations(trial, sizes, x)
            e = (a[-1] - y).ravel()
            if e @ e < error:
                break
            mu *= INCREASE
        else:
            return flat, epoch
        flat, mu = trial, max(DECREASE * mu, SMALLEST)

    return flat, epochs
