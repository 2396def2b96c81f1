"""Derivatives against JAX's automatic ones, where JAX is installed."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import fnn
from tests.oracles import ROWS
from tests.problems import PAIRS, Problem, problem
from tests.scalars import CAUCHY, CAUCHY_WITH_SECOND

jax = pytest.importorskip("jax", reason="needs JAX: pip install jax")
jnp = jax.numpy

Array = Any
Leaves = dict[str, Any]

TWICE = [(CAUCHY_WITH_SECOND if loss is CAUCHY else loss, output) for loss, output in PAIRS]
ACTIVATIONS: dict[str, Callable[[Array], Array]] = {
    "sigmoid": jax.nn.sigmoid, "tanh": jnp.tanh, "relu": jax.nn.relu, "identity": lambda z: z,
    "softmax": jax.nn.softmax, "log_softmax": jax.nn.log_softmax, "selu": jax.nn.selu,
    "gelu": lambda z: jax.nn.gelu(z, approximate=False), "gelu_tanh": lambda z: jax.nn.gelu(z, approximate=True),
    "silu": jax.nn.silu, "softplus": jax.nn.softplus, "softsign": jax.nn.soft_sign, "mish": jax.nn.mish,
    "hard_tanh": jax.nn.hard_tanh, "hard_sigmoid": jax.nn.hard_sigmoid, "relu6": jax.nn.relu6, "exp": jnp.exp,
    "sin": jnp.sin, "gaussian": lambda z: jnp.exp(-z * z),
}  # fmt: skip


def activation(f: fnn.Activation, z: Array) -> Array:
    kind, _, parameter = f.name.rstrip(")").partition("(")
    if kind == "leaky_relu":
        return jax.nn.leaky_relu(z, float(parameter))
    if kind == "elu":
        return jax.nn.elu(z, float(parameter))

    return ACTIVATIONS[kind](z)


def forward(p: Problem, leaves: Leaves, x: Array) -> Array:
    a = x
    for layer, f in enumerate(p.params.activations, start=1):
        a = activation(f, a @ leaves[f"W{layer}"] + leaves[f"b{layer}"])

    return a


def error(p: Problem, leaves: Leaves, x: Array) -> Array:
    """E1 from a; JAX differentiates what cancels, too."""
    a, q, is_sigmoid = forward(p, leaves, x), p.loss.parameter, p.params.activations[-1] is fnn.sigmoid
    y = p.dense
    r = a - y
    if p.loss.name == "cross_entropy":
        y = (1 - q) * y + q / (2 if is_sigmoid else y.shape[1])
    log_a = a if p.params.activations[-1] is fnn.log_softmax else jnp.log(jnp.where(a > 0, a, 1))
    no = (1 - y) * jnp.log1p(-a) if is_sigmoid else 0
    terms: dict[str, Callable[[], Array]] = {
        "squared_error": lambda: r**2 / 2,
        "absolute_error": lambda: jnp.abs(r),
        "huber": lambda: jnp.where(jnp.abs(r) <= q, r**2 / 2, q * (jnp.abs(r) - q / 2)),
        "log_cosh": lambda: jnp.log(jnp.cosh(r)),
        "quantile": lambda: jnp.where(r < 0, -q * r, (1 - q) * r),
        "hinge": lambda: jnp.maximum(0, 1 - y * a),
        "cross_entropy": lambda: -y * log_a - no,
        "focal": lambda: -y * (1 - a) ** q * log_a - no * a**q,
        "kl_divergence": lambda: -y * log_a,
        "poisson": lambda: a - y * log_a,
        "gamma": lambda: log_a + y / a,
        "cauchy": lambda: jnp.log1p(r**2) / 2,
    }
    w = np.ones(len(x)) if p.weights is None else p.weights

    return (w / (w.sum() if p.reduction == "mean" else 1) * terms[p.loss.name]().sum(axis=1)).sum()


def close(mine: Array, its: Array) -> None:
    """Within 1e-10, relative to the greatest of them."""
    wanted = np.asarray(its)
    assert mine.shape == wanted.shape
    assert np.abs(mine - wanted).max() <= 1e-10 * (np.abs(wanted).max() + 1e-30)


def compare(p: Problem, seed: int) -> None:
    """All derivatives of a network, along random directions."""
    random = np.random.default_rng(seed)
    leaves = {key: jnp.asarray(leaf) for key, leaf in p.params.items()}
    v = p.params.with_flat(random.normal(size=p.params.flat.size))
    dx, u = random.normal(size=p.x.shape), random.normal(size=p.dense.shape)
    x, direction = jnp.asarray(p.x), {key: jnp.asarray(leaf) for key, leaf in v.items()}

    its = jax.vmap(jax.jacrev(lambda case: forward(p, leaves, case[None])[0]))(x)
    close(fnn.jacobian(p.params, p.x), its)
    its = jax.jacrev(lambda w: forward(p, w, x))(leaves)
    close(fnn.jacobian(p.params, p.x, by="params"), rows_of(its, p))
    _, its = jax.jvp(lambda w, x: forward(p, w, x), (leaves, x), (direction, jnp.asarray(dx)))
    close(fnn.jvp(p.params, p.x, v=v, dx=dx), its)
    grads, inputs = fnn.vjp(p.params, p.x, u)
    its_grads, its = jax.vjp(lambda w, x: forward(p, w, x), leaves, x)[1](jnp.asarray(u))
    close(inputs, its)
    close(grads.flat, flat(its_grads, p))
    close(fnn.input_grad(p.params, p.cases, **p.options), jax.grad(lambda x: error(p, leaves, x))(x))
    _, its = jax.jvp(jax.grad(lambda w: error(p, w, x)), (leaves,), (direction,))
    close(fnn.hvp(p.params, p.cases, v=v, **p.options).flat, flat(its, p))


def rows_of(leaves: Leaves, p: Problem) -> Array:
    """The Jacobians by every leaf side by side, (N, n_L, P)."""
    return np.concatenate([np.asarray(leaves[key]).reshape(*p.dense.shape, -1) for key in p.params], axis=2)


def flat(leaves: Leaves, p: Problem) -> Array:
    return np.concatenate([np.asarray(leaves[key]).ravel() for key in p.params])


@pytest.mark.parametrize("depth", [1, 2, 3])
@pytest.mark.parametrize("loss, output", TWICE, ids=repr)
def test_every_loss_and_output(loss: fnn.Loss, output: fnn.Activation, depth: int) -> None:
    sizes, hidden = (4, 6, 5, 3)[3 - depth :], (fnn.tanh, fnn.sigmoid)[: depth - 1]
    with jax.enable_x64(True):
        compare(problem(depth, sizes, hidden, output, loss, 9, weighted=True, reduction="mean"), depth)


@pytest.mark.parametrize("f", ROWS, ids=repr)
def test_every_activation(f: fnn.Activation) -> None:
    with jax.enable_x64(True):
        for sizes in ((4, 7, 6, 3), (3, 5, 6, 8)):
            compare(problem(7, sizes, (f, f), fnn.identity, fnn.squared_error, 70), 1)
