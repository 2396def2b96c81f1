"""Losses as values: E1 and E2 against exact numbers, and which outputs they suit."""

from collections.abc import Callable
from fractions import Fraction
from math import log
from typing import Any

import numpy as np
import pytest
from numpy.testing import assert_allclose

import fnn
from tests.problems import OUTPUTS


def outputs(a: list[float], activation: fnn.Activation) -> fnn.Params[np.float64]:
    """A network whose outputs are a, whatever its input."""
    logits: dict[fnn.Activation, Callable[[Any], Any]] = {
        fnn.identity: lambda a: a,
        fnn.sigmoid: lambda a: np.log(a / (1 - a)),
        fnn.softmax: np.log,
    }
    z = logits[activation](np.array(a))

    return fnn.Params({"W1": np.zeros((1, len(a))), "b1": z}, hidden=(), output=activation)


def test_squared_error_is_half_the_sum_of_squares() -> None:
    a, y = [Fraction(1, 2), Fraction(-3), Fraction(7, 4)], [Fraction(1), Fraction(2), Fraction(7, 4)]
    wanted = sum((p - q) ** 2 for p, q in zip(a, y, strict=True)) / 2  # (1/4 + 25)/2
    t = fnn.backprop(outputs([float(p) for p in a], fnn.identity), [0.0], [float(q) for q in y])

    assert t.error == float(wanted) == 12.625
    assert t.dE_da[1].tolist() == [-0.5, -5, 0]


def test_cross_entropy_of_softmax() -> None:
    # −½ log ¼ − ½ log ⅝
    t = fnn.backprop(outputs([1 / 8, 1 / 4, 5 / 8], fnn.softmax), [0.0], [0, 0.5, 0.5], loss=fnn.cross_entropy)

    assert t.error == pytest.approx(-0.5 * log(1 / 4) - 0.5 * log(5 / 8), rel=1e-15)
    assert_allclose(t.dE_da[1], [0, -2, -0.8], rtol=1e-15)
    assert_allclose(t.delta[1], [1 / 8, -1 / 4, 1 / 8], rtol=1e-14)


def test_cross_entropy_of_sigmoids_sums_over_the_units() -> None:
    # −log ¼ − log(1 − ¾): two units, each a case of yes or no
    t = fnn.backprop(outputs([1 / 4, 3 / 4], fnn.sigmoid), [0.0], [1, 0], loss=fnn.cross_entropy)

    assert t.error == pytest.approx(2 * log(4), rel=1e-15)
    assert_allclose(t.dE_da[1], [-4, 4], rtol=1e-14)
    assert_allclose(t.delta[1], [-3 / 4, 3 / 4], rtol=1e-14)


def test_cross_entropy_is_least_where_the_outputs_are_the_targets() -> None:
    # There it is the entropy of the targets, and every δ is 0.
    y = [1 / 8, 1 / 4, 5 / 8]
    t = fnn.backprop(outputs(y, fnn.softmax), [0.0], y, loss=fnn.cross_entropy)

    assert t.error == pytest.approx(-sum(p * log(p) for p in y), rel=1e-15)
    assert np.abs(t.delta[1]).max() < 1e-16


@pytest.mark.parametrize("output", [f for f in OUTPUTS if f not in (fnn.sigmoid, fnn.softmax)])
def test_cross_entropy_refuses_other_outputs(output: fnn.Activation) -> None:
    params = fnn.init((1, 2), seed=0, output=output)
    message = f"loss: fnn.cross_entropy needs fnn.softmax or fnn.sigmoid at the output, got fnn.{output.name}"
    for call in (fnn.error, fnn.grad, fnn.value_and_grad, fnn.backprop, fnn.check_grad):
        with pytest.raises(ValueError, match=message):
            call(params, [[0.0]], [[0.0, 1.0]], loss=fnn.cross_entropy)
    with pytest.raises(ValueError, match=message):
        fnn.train(params, [[0.0]], [[0.0, 1.0]], loss=fnn.cross_entropy, eta=1, epochs=1)


def test_repr() -> None:
    assert repr(fnn.squared_error) == "fnn.squared_error"
    assert repr(fnn.cross_entropy) == "fnn.cross_entropy"
    assert fnn.squared_error != fnn.cross_entropy


def test_a_case_that_does_not_count_may_overflow() -> None:
    params = fnn.Params({"W1": [[1.0]], "b1": [0.0]}, hidden=(), output=fnn.identity)

    assert fnn.error(params, [[1e200], [1.0]], [[0.0], [0.0]], weights=[0.0, 1.0]) == 0.5  # ½ (1 − 0)²


def test_errors_are_float64_whatever_the_network_is() -> None:
    leaves = {"W1": np.ones((1, 1), np.float32), "b1": np.zeros(1, np.float32)}
    params = fnn.Params(leaves, hidden=(), output=fnn.identity)

    assert fnn.error(params, [[1e20]], [[0.0]]) == 0.5 * float(np.float32(1e20)) ** 2  # 5·10³⁹, beyond float32


@pytest.mark.parametrize("weights", [[1e300, 1.0], [1e-320, 0.0]])
def test_weights_that_can_not_be_computed_with_are_refused(weights: list[float]) -> None:
    params = fnn.init((1, 1), seed=0, dtype=np.float32)

    with pytest.raises(ValueError, match="weights: "):
        fnn.grad(params, [[1.0], [2.0]], [[0.0], [1.0]], weights=weights, reduction="mean")
