"""Sums over many cases: in which order they are added up, and how far rounding takes them from float64."""

from __future__ import annotations

from functools import reduce
from typing import Any

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from numpy.typing import NDArray

import fnn
from fnn.network.kernels.plan import CHAIN, GROUP
from tests import reference
from tests.njit import jitted, optimizing

MILLION = 1_000_000
COUNTS = (CHAIN, CHAIN + 1, 300, 2 * CHAIN, 2 * CHAIN + 1, 700, GROUP, GROUP + 1, 2 * GROUP + 1, 40_000)

Flat = NDArray[np.float64]
Network = fnn.Params[Any]


def network(W: float, b: float) -> Network:
    """x ↦ 2 (W x + b) − 1, in float32."""
    leaves = {"W1": [[W]], "b1": [b], "W2": [[2.0]], "b2": [-1.0]}

    return fnn.Params(
        {key: np.array(leaf, np.float32) for key, leaf in leaves.items()}, hidden=fnn.identity, output=fnn.identity
    )


def flat_of(params: Network) -> Flat:
    return params.flat.astype(np.float64)


def slope(params: Network, at: Flat, x: float, y: float) -> Flat:
    """The gradient for one case, in float64."""
    leaves = {key: leaf.astype(np.float64) for key, leaf in params.items()}
    net = reference.network(fnn.Params(leaves, hidden=fnn.identity, output=fnn.identity).with_flat(at))
    return reference.flat(reference.backprop(net, np.array([[x]]), np.array([[y]]), ("squared_error", 0.0)).grads)


# Equal terms are the worst: each addition rounds the same way until the sum's exponent changes.
@pytest.mark.parametrize("W, b, x", [(0.7, 0.3, 0.1), (1.3, -0.2, 0.7), (-0.6, 0.9, 0.3), (0.31, 0.77, 1.9)])
def test_a_million_equal_cases(W: float, b: float, x: float) -> None:
    p, v = network(W, b), network(0.4, 0.8)
    inputs, targets = np.full((MILLION, 1), x, np.float32), np.zeros((MILLION, 1), np.float32)
    x = float(inputs[0, 0])
    g = slope(p, flat_of(p), x, 0.0)

    found = [
        fnn.grad(p, inputs, targets), fnn.value_and_grad(p, inputs, targets)[1], jitted.grad(p, inputs, targets),
        fnn.vjp(p, inputs, fnn.forward(p, inputs))[0], jitted.vjp(p, inputs, fnn.forward(p, inputs))[0],
    ]  # fmt: skip
    for params in found:
        assert_allclose(flat_of(params), MILLION * g, rtol=1e-5)
    curvature = (
        slope(p, flat_of(p) + 1e-4 * flat_of(v), x, 0.0) - slope(p, flat_of(p) - 1e-4 * flat_of(v), x, 0.0)
    ) / 2e-4
    assert_allclose(flat_of(fnn.hvp(p, inputs, targets, v=v)), MILLION * curvature, rtol=1e-5)

    eta = 0.5 / MILLION
    for run in [
        fnn.train(p, inputs, targets, eta=eta, epochs=1), jitted.train(p, inputs, targets, eta, 1),
        fnn.train(p, inputs, targets, optimizer=fnn.momentum(eta), epochs=1),
        optimizing.train(fnn.momentum(eta), p, inputs, targets, 1, MILLION),
    ]:  # fmt: skip
        assert_allclose((flat_of(p) - flat_of(run.params)) / 0.5, g, rtol=1e-5, atol=5e-7)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("count", COUNTS)
def test_in_which_order(dtype: Any, count: int) -> None:
    random = np.random.default_rng(count)
    p = fnn.init((3, 2), seed=0, dtype=dtype, hidden=(), output=fnn.tanh)
    x, y, u = (random.normal(size=(count, n)).astype(dtype) for n in (3, 2, 2))

    def total(call: Any) -> NDArray[Any]:
        """The sums of the chains of each group, then of the groups."""
        chains = [call(slice(i, i + CHAIN)).flat for i in range(0, count, CHAIN)]
        each = GROUP // CHAIN
        groups = [reduce(np.add, chains[i : i + each]) for i in range(0, len(chains), each)]
        return reduce(np.add, groups)

    g, workspace = total(lambda s: fnn.grad(p, x[s], y[s])), fnn.workspace(p, count)
    workspace[:] = np.nan
    assert_array_equal(fnn.grad(p, x, y, workspace=workspace).flat, g, strict=True)
    assert_array_equal(fnn.grad(p, x, y).flat, g, strict=True)
    assert_array_equal(fnn.backprop(p, x, y).grads.flat, g, strict=True)
    assert_array_equal(jitted.backprop(p, x, y, fnn.squared_error).grads.flat, fnn.grad(p, x, y, reduction="mean").flat)
    assert_array_equal(jitted.grad(p, x, y).flat, g, strict=True)
    assert_array_equal(fnn.vjp(p, x, u)[0].flat, total(lambda s: fnn.vjp(p, x[s], u[s])[0]), strict=True)
    assert_array_equal(fnn.hvp(p, x, y, v=p).flat, total(lambda s: fnn.hvp(p, x[s], y[s], v=p)), strict=True)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("count", COUNTS)
def test_all_functions_add_up_alike(dtype: Any, count: int) -> None:
    random = np.random.default_rng(count)
    p = fnn.init((5, 40, 3), seed=0, dtype=dtype, hidden=fnn.tanh, output=fnn.identity)
    x, y = random.normal(size=(count, 5)).astype(dtype), random.normal(size=(count, 3)).astype(dtype)
    g = fnn.grad(p, x, y)

    assert g == fnn.backprop(p, x, y).grads == fnn.value_and_grad(p, x, y)[1] == jitted.grad(p, x, y)
    assert fnn.vjp(p, x, fnn.forward(p, x) - y)[0] == g
    run, wanted = fnn.train(p, x, y, eta=1e-6, epochs=1).params, fnn.update(p, g, 1e-6)
    assert run == wanted == jitted.train(p, x, y, 1e-6, 1).params
    many = fnn.train_many([p, p], x, y, eta=1e-6, epochs=1)
    assert all(each.params == wanted for each in many)
    for optimizer in (fnn.adam(1e-3), fnn.adam(1e-3, clip_norm=1.0)):
        wanted, _ = optimizer.update(p, g, optimizer.init(p))
        assert fnn.train(p, x, y, optimizer=optimizer, epochs=1).params == wanted
        assert optimizing.train(optimizer, p, x, y, 1, count).params == wanted
