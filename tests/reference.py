"""The equations in plain NumPy, float64, read straight off the sources: the oracle for the compiled library.

Nothing here is shared with fnn. Every loss goes through E2 and B1 in full (so ∂E/∂a and f′ are formed even where they
cancel), softmax by its whole Jacobian, and the random order by Python's integers. Forward and error accept complex
parameters, so that a complex step can differentiate them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

import fnn
from tests import oracles

Array = NDArray[Any]
Leaves = dict[str, Array]
Measure = tuple[str, float]  # the loss's name and its parameter, 0 if it has none


@dataclass(frozen=True)
class Network:
    """Leaves in double precision and the names of the activations."""

    leaves: Leaves
    activations: tuple[str, ...]


@dataclass(frozen=True)
class Quantities:
    """What `fnn.backprop` returns."""

    z: dict[int, Array]
    a: dict[int, Array]
    dE_da: dict[int, Array]
    delta: dict[int, Array]
    grads: Leaves
    error: float


def network(params: fnn.Params[Any]) -> Network:
    """The same network for this module."""
    leaves = {key: np.array(leaf, np.float64) for key, leaf in params.items()}

    return Network(leaves, tuple(f.name for f in params.activations))


def activation(name: str, z: Array) -> Array:
    """F2."""
    functions: dict[str, Callable[[], Array]] = {
        "sigmoid": lambda: 1 / (1 + np.exp(-z)),
        "tanh": lambda: np.asarray(np.tanh(z)),
        "relu": lambda: np.where(z.real > 0, z, 0),
        "identity": lambda: z,
        "exp": lambda: np.asarray(np.exp(z)),
        "softplus": lambda: np.log1p(np.exp(z)),
        "softmax": lambda: np.asarray(np.exp(z - z.real.max(axis=1, keepdims=True))),
        "log_softmax": lambda: np.log(activation("softmax", z)),
    }
    if name not in functions:
        row = next(row for f, row in oracles.ROWS.items() if f.name == name)
        return np.asarray(row.f(z.astype(np.longdouble)), np.float64)
    a = functions[name]()

    return np.asarray(a / a.sum(axis=1, keepdims=True)) if name == "softmax" else a


def jacobian(name: str, z: Array) -> Array:
    """∂a_j/∂z_i of each case, (N, j, i)."""
    a, identity = activation(name, z), np.eye(z.shape[1])
    if name == "softmax":
        return np.asarray(a[:, :, None] * (identity - a[:, None, :]))
    if name == "log_softmax":
        return np.asarray(identity - np.exp(a)[:, None, :])
    primes: dict[str, Callable[[], Array]] = {
        "sigmoid": lambda: np.asarray(np.exp(-z) / (1 + np.exp(-z)) ** 2),
        "tanh": lambda: np.asarray(1 / np.cosh(z) ** 2),
        "relu": lambda: np.where(z > 0, 1.0, 0.0),
        "identity": lambda: np.ones_like(z),
        "exp": lambda: np.asarray(np.exp(z)),
        "softplus": lambda: np.asarray(1 / (1 + np.exp(-z))),
    }

    return primes[name]()[:, :, None] * identity


def forward(net: Network, x: Array) -> tuple[dict[int, Array], dict[int, Array]]:
    """F1 and F2: every z and a."""
    z: dict[int, Array] = {}
    a = {0: np.asarray(x, np.float64)}
    for layer, name in enumerate(net.activations, start=1):
        z[layer] = a[layer - 1] @ net.leaves[f"W{layer}"] + net.leaves[f"b{layer}"]
        a[layer] = activation(name, z[layer])

    return z, a


def smoothed(loss: Measure, output: str, y: Array) -> Array:
    """The targets that cross-entropy compares with."""
    name, epsilon = loss
    if name != "cross_entropy":
        return y

    return (1 - epsilon) * y + epsilon / (2 if output == "sigmoid" else y.shape[1])


def case_errors(loss: Measure, output: str, z: Array, a: Array, y: Array) -> Array:
    """E1 of each case."""
    name, q = loss
    r, y = a - y, smoothed(loss, output, y)
    log_y = np.log(np.where(y > 0, y, 1))  # 0 · log 0 counts as 0
    b = activation("sigmoid", -z) if output == "sigmoid" else 1 - a  # 1 − σ(z) = σ(−z), which keeps its digits
    log_a = a if output == "log_softmax" else np.log(np.where(a.real > 0, a, 1))
    is_softmax = output != "sigmoid"
    size = np.where(r.real > 0, r, -r)
    terms: dict[str, Callable[[], Array]] = {
        "squared_error": lambda: r**2 / 2,
        "absolute_error": lambda: size,
        "huber": lambda: np.where(abs(r.real) <= q, r**2 / 2, q * (size - q / 2)),
        "log_cosh": lambda: size + np.log1p(np.exp(-2 * size)) - np.log(2),
        "quantile": lambda: np.where(r.real < 0, -q * r, (1 - q) * r),
        "hinge": lambda: np.where((1 - y * a).real > 0, 1 - y * a, 0),
        "cross_entropy": lambda: -y * log_a - (0 if is_softmax else (1 - y) * np.log(b)),
        "focal": lambda: -y * b**q * log_a - (0 if is_softmax else (1 - y) * a**q * np.log(b)),
        "kl_divergence": lambda: y * (log_y - log_a),
        "poisson": lambda: y * (log_y - log_a) - y + a,
        "gamma": lambda: log_a - log_y + y / a - 1,
        "cauchy": lambda: np.asarray(np.log(1 + r**2) / 2),
    }

    return np.asarray(terms[name]().sum(axis=1))


def error_slope(loss: Measure, output: str, z: Array, a: Array, y: Array) -> Array:
    """E2: ∂E/∂a of each case."""
    name, q = loss
    r, y = a - y, smoothed(loss, output, y)
    b = activation("sigmoid", -z) if output == "sigmoid" else 1 - a
    is_softmax = output != "sigmoid"
    if output == "log_softmax" and name in ("cross_entropy", "kl_divergence"):
        return np.asarray(-y)
    slopes: dict[str, Callable[[], Array]] = {
        "squared_error": lambda: r,
        "absolute_error": lambda: np.asarray(np.sign(r)),
        "huber": lambda: np.asarray(np.clip(r, -q, q)),
        "log_cosh": lambda: np.asarray(np.tanh(r)),
        "quantile": lambda: np.where(r < 0, -q, 1 - q),
        "hinge": lambda: np.where(1 - y * a > 0, -y, 0),
        "cross_entropy": lambda: -y / a + (0 if is_softmax else (1 - y) / b),
        "focal": lambda: focal_slope(q, a, b, y) - (0 if is_softmax else focal_slope(q, b, a, 1 - y)),
        "kl_divergence": lambda: -y / a,
        "poisson": lambda: 1 - y / a,
        "gamma": lambda: 1 / a - y / a**2,
        "cauchy": lambda: r / (1 + r**2),
    }

    return slopes[name]()


def focal_slope(q: float, a: Array, b: Array, y: Array) -> Array:
    """∂/∂a of −y (1 − a)^γ log a."""
    return np.asarray(y * (q * b ** (q - 1) * np.log(a) - b**q / a))


def shares(weights: Array | None, reduction: str, count: int) -> Array:
    """What each case's error is multiplied by."""
    w = np.ones(count) if weights is None else np.asarray(weights, np.float64)

    return np.asarray(w / w.sum()) if reduction == "mean" else w


def error(net: Network, x: Array, y: Array, loss: Measure, reduction: str = "sum", weights: Array | None = None) -> Any:
    """E1 of all cases; complex if the parameters are."""
    z, a = forward(net, x)
    top = len(net.activations)
    errors = case_errors(loss, net.activations[-1], z[top], a[top], y)

    return (shares(weights, reduction, len(x)) * errors).sum()


def backprop(
    net: Network, x: Array, y: Array, loss: Measure, reduction: str = "sum", weights: Array | None = None
) -> Quantities:
    """E1 to B4."""
    z, a = forward(net, x)
    top = len(net.activations)
    share = shares(weights, reduction, len(x))
    dE_da = {top: share[:, None] * error_slope(loss, net.activations[-1], z[top], a[top], y)}
    delta: dict[int, Array] = {}
    grads: Leaves = {}
    for layer in range(top, 0, -1):
        delta[layer] = np.einsum("cj,cji->ci", dE_da[layer], jacobian(net.activations[layer - 1], z[layer]))
        grads[f"W{layer}"] = a[layer - 1].T @ delta[layer]
        grads[f"b{layer}"] = delta[layer].sum(axis=0)
        dE_da[layer - 1] = delta[layer] @ net.leaves[f"W{layer}"].T
    errors = case_errors(loss, net.activations[-1], z[top], a[top], y)

    return Quantities(z, a, dE_da, delta, grads, float((share * errors).sum()))


def complex_step(
    net: Network, x: Array, y: Array, loss: Measure, reduction: str = "sum", weights: Array | None = None
) -> Leaves:
    """The gradient as Im E(w + ih)/h, which has no cancellation: an oracle for the oracle."""
    h = 1e-30
    grads = {key: np.zeros_like(leaf) for key, leaf in net.leaves.items()}
    for key, leaf in net.leaves.items():
        for index in np.ndindex(leaf.shape):
            moved = leaf.astype(complex)
            moved[index] += 1j * h
            there = Network({**net.leaves, key: moved}, net.activations)
            grads[key][index] = error(there, x, y, loss, reduction, weights).imag / h

    return grads


_BITS = 2**64 - 1
_GOLDEN = 0x9E3779B97F4A7C15


def splitmix64(state: int) -> Iterator[int]:
    """Steele, Lea and Flood's generator, from a state."""
    while True:
        state = (state + _GOLDEN) & _BITS
        yield mix(state)


def mix(x: int) -> int:
    """Its output function."""
    x = ((x ^ (x >> 30)) * 0xBF58476D1CE4E5B9) & _BITS
    x = ((x ^ (x >> 27)) * 0x94D049BB133111EB) & _BITS

    return x ^ (x >> 31)


def permutation(count: int, seed: int, epoch: int) -> list[int]:
    """The order of the cases in an epoch (counted from 0): Fisher and Yates, from the end."""
    order = list(range(count))
    numbers = splitmix64(mix((mix((seed + _GOLDEN) & _BITS) + epoch) & _BITS))
    for i in range(count - 1, 0, -1):
        j = int((next(numbers) >> 11) * 2.0**-53 * (i + 1))
        order[i], order[j] = order[j], order[i]

    return order


def batches(count: int, batch_size: int | None, seed: int, epoch: int) -> list[list[int]]:
    """The cases of each step of an epoch (counted from 0)."""
    if batch_size is None or batch_size >= count:
        return [list(range(count))]
    order = permutation(count, seed, epoch)

    return [order[i : i + batch_size] for i in range(0, count, batch_size)]


def train(
    net: Network, x: Array, y: Array, loss: Measure, *, eta: float, epochs: int, batch_size: int | None, seed: int,
    reduction: str = "sum", weights: Array | None = None,
) -> tuple[Network, list[float]]:  # fmt: skip
    """G1 over mini-batches, and the error of each epoch."""
    w = np.ones(len(x)) if weights is None else np.asarray(weights, np.float64)
    history = []
    for epoch in range(epochs):
        total = 0.0
        for rows in batches(len(x), batch_size, seed, epoch):
            total += error(net, x[rows], y[rows], loss, "sum", w[rows])
            grads = backprop(net, x[rows], y[rows], loss, reduction, w[rows]).grads
            net = Network({key: leaf - eta * grads[key] for key, leaf in net.leaves.items()}, net.activations)
        history.append(total / w.sum())

    return net, history


def flat(leaves: Mapping[str, Array]) -> Array:
    """W1, b1, .., WL, bL as one vector."""
    layers = len(leaves) // 2

    return np.concatenate([leaves[f"{kind}{layer}"].ravel() for layer in range(1, layers + 1) for kind in "Wb"])
