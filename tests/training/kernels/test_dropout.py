"""Dropout in training against the same in NumPy, its random numbers by Python's integers."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy.testing import assert_allclose
from numpy.typing import NDArray

import fnn
from tests import reference
from tests.problems import Problem, problem
from tests.reference import mix

GOLDEN, BITS = 0x9E3779B97F4A7C15, 2**64 - 1


def kept(seed: int, epoch: int, layer: int, place: int, units: int, rate: float) -> NDArray[np.float64]:
    """1 / (1 − rate) for the units that take part, 0 for the others."""
    run = mix(((mix((seed + GOLDEN) & BITS) ^ 0xD6E8FEB86659FD93) + epoch) & BITS)
    case = mix((mix((run + layer) & BITS) + place) & BITS)
    numbers = [mix((case + unit * GOLDEN) & BITS) >> 11 for unit in range(units)]

    return np.array([(number >= int(rate * 2**53)) / (1 - rate) for number in numbers])


def slope(
    p: Problem, params: fnn.Params[Any], rows: list[int], epoch: int, first: int, seed: int, rates: tuple[float, ...]
) -> NDArray[Any]:
    """The gradient over a batch; its first case has this place in the epoch."""
    net = reference.network(params)
    grads = np.zeros(params.flat.size)
    for i, row in enumerate(rows):
        factors = [
            kept(seed, epoch, layer, first + i, params.sizes[layer], rate) if rate else np.ones(params.sizes[layer])
            for layer, rate in enumerate(rates)
        ]
        # A unit's factor f may as well stand in the weights that come after it: a′ W = a (f W).
        leaves = dict(net.leaves)
        for layer, factor in enumerate(factors, start=1):
            leaves[f"W{layer}"] = factor[:, None] * leaves[f"W{layer}"]
        q = reference.backprop(reference.Network(leaves, net.activations), p.x[[row]], p.dense[[row]], p.measure)
        for layer, factor in enumerate(factors, start=1):
            q.grads[f"W{layer}"] = factor[:, None] * q.grads[f"W{layer}"]
        grads += reference.flat(q.grads)

    return grads


@pytest.mark.parametrize("loss, output", [(fnn.squared_error, fnn.sigmoid), (fnn.cross_entropy, fnn.softmax)])
@pytest.mark.parametrize("batch_size", [4, 13])
@pytest.mark.parametrize("dropout, rates", [(0.5, (0.0, 0.5, 0.5)), ((0.2, 0.0, 0.6), (0.2, 0.0, 0.6))])
def test_by_the_reference(
    dropout: Any, rates: tuple[float, ...], batch_size: int, loss: fnn.Loss, output: fnn.Activation
) -> None:
    # f′ of a sigmoid and of tanh is made from a, which must not be what is left after dropping.
    p = problem(5, (4, 9, 6, 3), (fnn.sigmoid, fnn.tanh), output, loss, 13)
    run = fnn.train(
        p.params,
        p.x,
        p.y,
        eta=0.1,
        epochs=3,
        batch_size=batch_size,
        loss=loss,
        seed=77,
        regularization=fnn.Regularization(dropout=dropout),
    )
    params = p.params
    for epoch in range(3):
        first = 0
        for rows in reference.batches(13, batch_size, 77, epoch):
            g = slope(p, params, rows, epoch, first, 77, rates)
            params = params.with_flat(params.flat - 0.1 * g)
            first += len(rows)

    assert_allclose(run.params.flat, params.flat, rtol=1e-10, atol=1e-13)


def test_a_batch_larger_than_the_workspace() -> None:
    p = problem(6, (2, 5, 1), (fnn.tanh,), fnn.sigmoid, fnn.squared_error, 700)
    run = fnn.train(p.params, p.x, p.y, eta=1e-3, epochs=2, regularization=fnn.Regularization(dropout=0.5))
    params = p.params
    for epoch in range(2):
        g = slope(p, params, list(range(700)), epoch, 0, 0, (0.0, 0.5))
        params = params.with_flat(params.flat - 1e-3 * g)

    assert_allclose(run.params.flat, params.flat, rtol=1e-10, atol=1e-13)


@pytest.mark.parametrize("rate", [0.1, 0.5, 0.9])
def test_fraction_of_dropped_units(rate: float) -> None:
    # Output identity, target far away: the hidden units' part in ∂E/∂W2 shows which took part in the one step.
    units, cases = 4000, 5
    params = fnn.Params(
        {"W1": np.zeros((1, units)), "b1": np.ones(units), "W2": np.zeros((units, 1)), "b2": [0.0]},
        hidden=fnn.identity, output=fnn.identity,
    )  # fmt: skip
    shares = []
    for seed in range(cases):
        run = fnn.train(
            params, [[0.0]], [[1.0]], eta=1.0, epochs=1, seed=seed, regularization=fnn.Regularization(dropout=rate)
        )
        moved = run.params["W2"].ravel()
        assert_allclose(moved[moved != 0], 1 / (1 - rate), rtol=1e-15)
        shares.append((moved == 0).mean())

    assert len(set(shares)) > 1
    assert abs(np.mean(shares) - rate) < 4 * np.sqrt(rate * (1 - rate) / (units * cases))


def test_a_rate_of_0_is_no_dropout() -> None:
    p = problem(7, (3, 5, 2), (fnn.tanh,), fnn.sigmoid, fnn.squared_error, 20)
    plain = fnn.train(p.params, p.x, p.y, eta=0.1, epochs=5, batch_size=6)

    for dropout in (0, 0.0, (0.0, 0.0)):
        assert (
            fnn.train(
                p.params, p.x, p.y, eta=0.1, epochs=5, batch_size=6, regularization=fnn.Regularization(dropout=dropout)
            ).params
            == plain.params
        )
    assert (
        fnn.train(
            p.params, p.x, p.y, eta=0.1, epochs=5, batch_size=6, regularization=fnn.Regularization(dropout=0.1)
        ).params
        != plain.params
    )


def test_a_diverged_run_repeats_with_the_same_units() -> None:
    params = fnn.Params(
        {"W1": np.ones((1, 8)), "b1": np.zeros(8), "W2": np.ones((8, 1)), "b2": [0.0]},
        hidden=fnn.identity, output=fnn.identity,
    )  # fmt: skip
    with pytest.raises(fnn.TrainingDiverged) as info:
        fnn.train(
            params,
            [[1.0], [2.0]],
            [[1.0], [2.0]],
            eta=0.3,
            epochs=1000,
            batch_size=1,
            regularization=fnn.Regularization(dropout=0.5),
        )
    good = len(info.value.history)
    run = fnn.train(
        params,
        [[1.0], [2.0]],
        [[1.0], [2.0]],
        eta=0.3,
        epochs=good,
        batch_size=1,
        regularization=fnn.Regularization(dropout=0.5),
    )

    assert run.params == info.value.params
