"""The optimizers in plain NumPy, written from their papers: the oracle for `fnn.optimizers.library`.

Each is a generator: it is sent the gradient at the current parameters, and yields the parameters after the step. η is a
function of the step, which counts from 0; `decayed` is 1 where decoupled decay applies, else 0.
"""

from __future__ import annotations

from collections.abc import Callable, Generator
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

Vector: TypeAlias = NDArray[np.float64]
Steps: TypeAlias = Generator[Vector, Vector, None]
Rate: TypeAlias = Callable[[int], float]


def gradient_descent(w: Vector, decayed: Vector, eta: Rate) -> Steps:
    for step in range(10**9):
        g = yield w
        w = w - eta(step) * g


def momentum(w: Vector, decayed: Vector, eta: Rate, alpha: float | Rate) -> Steps:
    """Rumelhart, Hinton, Williams 1986, page 535: Δw(t) = −ε ∂E/∂w(t) + α Δw(t − 1)."""
    change = np.zeros_like(w)
    for step in range(10**9):
        g = yield w
        change = -eta(step) * g + (alpha(step) if callable(alpha) else alpha) * change
        w = w + change


def nesterov(w: Vector, decayed: Vector, eta: Rate, alpha: float) -> Steps:
    """Sutskever et al. 2013, equations 3 and 4, with θ and v; it yields where the gradient is wanted, θ + αv."""
    theta, v = w, np.zeros_like(w)
    for step in range(10**9):
        g = yield theta + alpha * v
        v = alpha * v - eta(step) * g
        theta = theta + v


def adam(
    w: Vector, decayed: Vector, eta: Rate, beta_1: float, beta_2: float, epsilon: float, decay: float = 0.0,
    decay_biases: bool = False,
) -> Steps:  # fmt: skip
    """Kingma and Ba 2015, algorithm 1; with decay Loshchilov and Hutter 2019, algorithm 2."""
    decayed = np.ones_like(w) if decay_biases else decayed
    m, v = np.zeros_like(w), np.zeros_like(w)
    for step in range(10**9):
        g = yield w
        t = step + 1
        m = beta_1 * m + (1 - beta_1) * g
        v = beta_2 * v + (1 - beta_2) * g**2
        m_hat, v_hat = m / (1 - beta_1**t), v / (1 - beta_2**t)
        w = w - eta(step) * (m_hat / (np.sqrt(v_hat) + epsilon) + decay * decayed * w)


def nadam(w: Vector, decayed: Vector, eta: Rate, beta_1: float, beta_2: float, epsilon: float) -> Steps:
    """Dozat 2016, algorithm 2, with μ_t = β₁."""
    m, v = np.zeros_like(w), np.zeros_like(w)
    for step in range(10**9):
        g = yield w
        t = step + 1
        m = beta_1 * m + (1 - beta_1) * g
        v = beta_2 * v + (1 - beta_2) * g**2
        m_hat = beta_1 * m / (1 - beta_1 ** (t + 1)) + (1 - beta_1) * g / (1 - beta_1**t)
        w = w - eta(step) * m_hat / (np.sqrt(v / (1 - beta_2**t)) + epsilon)


def amsgrad(w: Vector, decayed: Vector, eta: Rate, beta_1: float, beta_2: float, epsilon: float) -> Steps:
    """Reddi, Kale and Kumar 2018, algorithm 2, with Adam's corrections of m and of the greatest v."""
    m, v, greatest = np.zeros_like(w), np.zeros_like(w), np.zeros_like(w)
    for step in range(10**9):
        g = yield w
        t = step + 1
        m = beta_1 * m + (1 - beta_1) * g
        v = beta_2 * v + (1 - beta_2) * g**2
        greatest = np.maximum(greatest, v)
        w = w - eta(step) * m / (1 - beta_1**t) / (np.sqrt(greatest / (1 - beta_2**t)) + epsilon)


def rmsprop(w: Vector, decayed: Vector, eta: Rate, rho: float, epsilon: float) -> Steps:
    v = np.zeros_like(w)
    for step in range(10**9):
        g = yield w
        v = rho * v + (1 - rho) * g**2
        w = w - eta(step) * g / (np.sqrt(v) + epsilon)


def adagrad(w: Vector, decayed: Vector, eta: Rate, epsilon: float) -> Steps:
    total = np.zeros_like(w)
    for step in range(10**9):
        g = yield w
        total = total + g**2
        w = w - eta(step) * g / (np.sqrt(total) + epsilon)


def adadelta(w: Vector, decayed: Vector, eta: Rate, rho: float, epsilon: float) -> Steps:
    """Zeiler 2012, algorithm 1."""
    of_g, of_change = np.zeros_like(w), np.zeros_like(w)
    for step in range(10**9):
        g = yield w
        of_g = rho * of_g + (1 - rho) * g**2
        change = -np.sqrt(of_change + epsilon) / np.sqrt(of_g + epsilon) * g
        of_change = rho * of_change + (1 - rho) * change**2
        w = w + eta(step) * change


def lion(
    w: Vector, decayed: Vector, eta: Rate, beta_1: float, beta_2: float, decay: float, decay_biases: bool
) -> Steps:
    """Chen et al. 2023, algorithm 2."""
    decayed = np.ones_like(w) if decay_biases else decayed
    m = np.zeros_like(w)
    for step in range(10**9):
        g = yield w
        c = beta_1 * m + (1 - beta_1) * g
        w, m = w - eta(step) * (np.sign(c) + decay * decayed * w), beta_2 * m + (1 - beta_2) * g


def irprop(
    w: Vector, decayed: Vector, eta: Rate, start: float, grow: float, shrink: float, least: float, most: float
) -> Steps:
    """Igel and Hüsken 2000, section 2.2.2, weight by weight."""
    last, size = np.zeros_like(w), np.full_like(w, start)
    while True:
        g = (yield w).copy()
        w = w.copy()
        for i in range(w.size):
            if last[i] * g[i] > 0:
                size[i] = min(size[i] * grow, most)
            elif last[i] * g[i] < 0:
                size[i] = max(size[i] * shrink, least)
                g[i] = 0
            w[i] -= np.sign(g[i]) * size[i]
        last = g


FORMULAS: dict[str, Callable[..., Steps]] = {
    "gradient_descent": gradient_descent, "momentum": momentum, "nesterov": nesterov, "adam": adam, "adamw": adam,
    "nadam": nadam, "amsgrad": amsgrad, "rmsprop": rmsprop, "adagrad": adagrad, "adadelta": adadelta, "lion": lion,
    "irprop": irprop,
}  # fmt: skip


def begin(optimizer: Any, w: Vector, decayed: Vector) -> Steps:
    """The formula for an optimizer, ready for the first gradient."""
    settings = dict(vars(optimizer))
    eta = settings.pop("eta", 0.0)
    steps = FORMULAS[type(optimizer).__name__](w, decayed, eta if callable(eta) else lambda step: eta, **settings)
    next(steps)

    return steps
