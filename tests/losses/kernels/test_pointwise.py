"""Losses that sum over the output units: E, ∂E/∂a and ∂²E/∂a²."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy.testing import assert_allclose

import fnn
from tests.losses.kernels.blocks import WEIGHTS, r_slopes, slopes

A, Y, SIGNS = np.array([0.2, -1.0, 0.5, -3.5]), np.array([0.1, -2.0, 2.5, -0.4]), np.array([1.0, 1.0, 1.0, -1.0])
# E, ∂E/∂a and ∂²E/∂a² of each unit by PyTorch 2.13.0 and its autograd, in float64.
BY_PYTORCH: dict[fnn.Loss, list[Any]] = {
    fnn.absolute_error: [[0.1, 1, 2, 3.1], [1, 1, -1, -1], [0, 0, 0, 0]],  # l1_loss
    fnn.huber(0.7): [[0.005, 0.455, 1.155, 1.925], [0.1, 0.7, -0.7, -0.7], [1, 0, 0, 0]],  # huber_loss
    fnn.log_cosh: [  # log(cosh(a - y))
        [0.004991688821646436, 0.4337808304830271, 1.3250027473578645, 2.408880193563893],
        [0.09966799462495583, 0.761594155955765, -0.964027580075817, -0.9959493592219003],
        [0.9900662908474398, 0.419974341614026, 0.07065082485316432, 0.008084873865486064],
    ],
    # maximum(q * (y - a), (1 - q) * (a - y))
    fnn.quantile(0.8): [[0.02, 0.2, 1.6, 2.48], [0.2, 0.2, -0.8, -0.8], [0, 0, 0, 0]],
    fnn.hinge: [[0.8, 2, 0.5, 0], [-1, -1, -1, 0], [0, 0, 0, 0]],  # clamp(1 - y * a, min=0)
}


@pytest.mark.parametrize("loss", BY_PYTORCH, ids=repr)
def test_against_pytorch(loss: fnn.Loss) -> None:
    error, slope, second = BY_PYTORCH[loss]
    y = SIGNS if loss is fnn.hinge else Y
    actual, r_a = slopes(loss, fnn.identity, A, y), np.array([2.0, -1.0, 0.5, 3.0])

    assert_allclose(actual.errors, WEIGHTS * sum(error), rtol=1e-14)
    assert_allclose(actual.dE_da, WEIGHTS[:, None] * slope, rtol=1e-14)
    assert_allclose(actual.delta, 0)  # B1 follows
    assert_allclose(r_slopes(loss, fnn.identity, A, y, r_a), WEIGHTS[:, None] * second * r_a, rtol=1e-13, atol=1e-15)


def test_second_derivative_of_squared_error() -> None:
    r_a = np.array([2.0, -1.0, 0.5, 3.0])

    assert_allclose(r_slopes(fnn.squared_error, fnn.identity, A, Y, r_a), WEIGHTS[:, None] * r_a)


def test_kinks() -> None:
    assert slopes(fnn.absolute_error, fnn.identity, Y, Y).dE_da.tolist() == [[0.0] * 4] * 3
    assert slopes(fnn.quantile(0.8), fnn.identity, Y, Y).dE_da.tolist() == [[0.0] * 4] * 3
    assert slopes(fnn.hinge, fnn.identity, SIGNS, SIGNS).dE_da.tolist() == [[0.0] * 4] * 3
    assert slopes(fnn.huber, fnn.identity, Y + 1, Y).dE_da[0].tolist() == [1.0] * 4


def test_nan_propagates() -> None:
    for loss in BY_PYTORCH:
        actual = slopes(loss, fnn.identity, np.array([np.nan, 1.0]), np.array([1.0, 1.0]))
        assert np.isnan(actual.errors[:2]).all()
        assert np.isnan(actual.dE_da[:2, 0]).all()
        assert actual.errors[2] == 0  # of weight 0
