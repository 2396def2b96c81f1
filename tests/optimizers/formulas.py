"""The optimizers in plain NumPy, written from their papers: the oracle for `fnn.optimizers.library`.

Each formula is a generator: it is sent the parameters and the gradient there, and yields the parameters after the step.
η is a function of the step, which counts from 0. `begin` adds what all optimizers do besides.
"""

from __future__ import annotations

from collections.abc import Callable, Generator
from itertools import count
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

import fnn

Vector: TypeAlias = NDArray[np.float64]
Formula: TypeAlias = Generator[Vector, tuple[Vector, Vector], None]
Steps: TypeAlias = Generator[Vector, Vector, None]
Rate: TypeAlias = Callable[[int], float]

FIELDS = ("clip", "clip_norm", "weight_decay", "shrink", "decay_biases", "max_norm")


def gradient_descent(w: Vector, eta: Rate) -> Formula:
    for step in count():
        w, g = yield w
        w = w - eta(step) * g


def momentum(w: Vector, eta: Rate, alpha: float | Rate) -> Formula:
    """Rumelhart, Hinton, Williams 1986, page 535: Δw(t) = −ε ∂E/∂w(t) + α Δw(t − 1)."""
    change = np.zeros_like(w)
    for step in count():
        w, g = yield w
        change = -eta(step) * g + (alpha(step) if callable(alpha) else alpha) * change
        w = w + change


def nesterov(w: Vector, eta: Rate, alpha: float) -> Formula:
    """Sutskever et al. 2013, equations 3 and 4, with θ and v; w is where the gradient is taken, θ + αv."""
    v = np.zeros_like(w)
    for step in count():
        w, g = yield w
        theta = w - alpha * v
        v = alpha * v - eta(step) * g
        w = theta + v + alpha * v


def adam(w: Vector, eta: Rate, beta_1: float, beta_2: float, epsilon: float) -> Formula:
    """Kingma and Ba 2015, algorithm 1; with weight decay it is algorithm 2 of Loshchilov and Hutter 2019."""
    m, v = np.zeros_like(w), np.zeros_like(w)
    for step in count():
        w, g = yield w
        t = step + 1
        m = beta_1 * m + (1 - beta_1) * g
        v = beta_2 * v + (1 - beta_2) * g**2
        m_hat, v_hat = m / (1 - beta_1**t), v / (1 - beta_2**t)
        w = w - eta(step) * m_hat / (np.sqrt(v_hat) + epsilon)


def nadam(w: Vector, eta: Rate, beta_1: float, beta_2: float, epsilon: float) -> Formula:
    """Dozat 2016, algorithm 2, with μ_t = β₁."""
    m, v = np.zeros_like(w), np.zeros_like(w)
    for step in count():
        w, g = yield w
        t = step + 1
        m = beta_1 * m + (1 - beta_1) * g
        v = beta_2 * v + (1 - beta_2) * g**2
        m_hat = beta_1 * m / (1 - beta_1 ** (t + 1)) + (1 - beta_1) * g / (1 - beta_1**t)
        w = w - eta(step) * m_hat / (np.sqrt(v / (1 - beta_2**t)) + epsilon)


def amsgrad(w: Vector, eta: Rate, beta_1: float, beta_2: float, epsilon: float) -> Formula:
    """Reddi, Kale and Kumar 2018, algorithm 2, with Adam's corrections of m and of the greatest v."""
    m, v, greatest = np.zeros_like(w), np.zeros_like(w), np.zeros_like(w)
    for step in count():
        w, g = yield w
        t = step + 1
        m = beta_1 * m + (1 - beta_1) * g
        v = beta_2 * v + (1 - beta_2) * g**2
        greatest = np.maximum(greatest, v)
        w = w - eta(step) * m / (1 - beta_1**t) / (np.sqrt(greatest / (1 - beta_2**t)) + epsilon)


def rmsprop(w: Vector, eta: Rate, rho: float, epsilon: float) -> Formula:
    v = np.zeros_like(w)
    for step in count():
        w, g = yield w
        v = rho * v + (1 - rho) * g**2
        w = w - eta(step) * g / (np.sqrt(v) + epsilon)


def adagrad(w: Vector, eta: Rate, epsilon: float) -> Formula:
    total = np.zeros_like(w)
    for step in count():
        w, g = yield w
        total = total + g**2
        w = w - eta(step) * g / (np.sqrt(total) + epsilon)


def adadelta(w: Vector, eta: Rate, rho: float, epsilon: float) -> Formula:
    """Zeiler 2012, algorithm 1."""
    of_g, of_change = np.zeros_like(w), np.zeros_like(w)
    for step in count():
        w, g = yield w
        of_g = rho * of_g + (1 - rho) * g**2
        change = -np.sqrt(of_change + epsilon) / np.sqrt(of_g + epsilon) * g
        of_change = rho * of_change + (1 - rho) * change**2
        w = w + eta(step) * change


def lion(w: Vector, eta: Rate, beta_1: float, beta_2: float) -> Formula:
    """Chen et al. 2023, algorithm 2."""
    m = np.zeros_like(w)
    for step in count():
        w, g = yield w
        c = beta_1 * m + (1 - beta_1) * g
        w, m = w - eta(step) * np.sign(c), beta_2 * m + (1 - beta_2) * g


def irprop(
    w: Vector, eta: Rate, start: float, increase: float, decrease: float, smallest: float, largest: float
) -> Formula:
    """Igel and Hüsken 2000, section 2.2.2, weight by weight."""
    last, size = np.zeros_like(w), np.full_like(w, start)
    while True:
        w, g = (a.copy() for a in (yield w))
        for i in range(w.size):
            if last[i] * g[i] > 0:
                size[i] = min(size[i] * increase, largest)
            elif last[i] * g[i] < 0:
                size[i] = max(size[i] * decrease, smallest)
                g[i] = 0
            w[i] -= np.sign(g[i]) * size[i]
        last = g


FORMULAS: dict[str, Callable[..., Formula]] = {
    "gradient_descent": gradient_descent, "momentum": momentum, "nesterov": nesterov, "adam": adam, "adamw": adam,
    "nadam": nadam, "amsgrad": amsgrad, "rmsprop": rmsprop, "adagrad": adagrad, "adadelta": adadelta, "lion": lion,
    "irprop": irprop,
}  # fmt: skip


def begin(optimizer: Any, params: fnn.Params[Any]) -> Steps:
    """The steps of an optimizer from params on, ready for the first gradient."""
    settings = dict(vars(optimizer))
    fields = {name: settings.pop(name) for name in FIELDS}
    rate = settings.pop("eta", 0.0)
    eta = rate if callable(rate) else lambda step: rate
    formula = FORMULAS[type(optimizer).__name__](params.flat.astype(float), eta, **settings)
    next(formula)
    steps = take(formula, params, eta, **fields)
    next(steps)

    return steps


def take(
    formula: Formula, params: fnn.Params[Any], eta: Rate, clip: float | None, clip_norm: float | None,
    weight_decay: float, shrink: float, decay_biases: bool, max_norm: float | None,
) -> Steps:  # fmt: skip
    w = params.flat.astype(float)
    is_decayed = np.concatenate([np.full(leaf.size, key[0] == "W" or decay_biases) for key, leaf in params.items()])
    for step in count():
        g = yield w
        if clip is not None:
            g = np.clip(g, -clip, clip)
        if clip_norm is not None and np.linalg.norm(g) > clip_norm:
            g = g * clip_norm / np.linalg.norm(g)
        w = formula.send((w - eta(step) * weight_decay * is_decayed * w, g))
        w = w - shrink * is_decayed * w
        if max_norm is not None:
            leaves = params.with_flat(w)
            norms = {key: np.linalg.norm(W, axis=0) for key, W in leaves.items() if key[0] == "W"}
            w = leaves.replace(
                {key: leaves[key] * np.minimum(1, max_norm / np.maximum(n, 1e-300)) for key, n in norms.items()}
            ).flat
