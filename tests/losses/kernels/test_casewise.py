"""Losses computed from z, a case at a time: E, ∂E/∂a, δ and R{δ}."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.testing import assert_allclose

import fnn
from tests.losses.kernels.blocks import WEIGHTS, r_slopes, slopes

Z, R_Z = np.array([0.2, -1.0, 0.5]), np.array([1.0, -0.5, 0.25])
DENSE, BINARY, COUNTS, AMOUNTS = [0.2, 0.3, 0.5], [0.0, 1.0, 0.25], [0.0, 1.0, 4.0], [0.3, 1.0, 4.0]
# E, δ = ∂E/∂z and R{δ} by PyTorch 2.13.0: the loss, its gradient, and the gradient of R{z}ᵀ δ, in float64.
BY_PYTORCH: list[tuple[fnn.Loss, fnn.Activation, list[float], float, list[float], list[float]]] = [
    (fnn.cross_entropy, fnn.softmax, DENSE, 1.1849569269138376,  # cross_entropy
        [0.1772086007518075, -0.18638695277005485, 0.00917835201824746],
        [0.2083335681325707, -0.10767070597637102, -0.10066286215619975]),
    (fnn.cross_entropy(label_smoothing=0.1), fnn.softmax, DENSE, 1.1939569269138377,  # cross_entropy
        [0.16387526741847416, -0.1897202861033882, 0.025845018684914123],
        [0.2083335681325707, -0.10767070597637102, -0.10066286215619975]),
    (fnn.cross_entropy, fnn.sigmoid, BINARY, 2.9604775410799213,  # binary_cross_entropy_with_logits
        [0.549833997312478, -0.7310585786300049, 0.3724593312018546],
        [0.24751657271185995, -0.09830596662074093, 0.058750928050398624]),
    (fnn.cross_entropy(label_smoothing=0.1), fnn.sigmoid, BINARY, 2.887977541079921,  # of 0.9 * y + 0.05
        [0.49983399731247796, -0.681058578630005, 0.34745933120185457],
        [0.24751657271185995, -0.09830596662074093, 0.058750928050398624]),
    (fnn.kl_divergence, fnn.softmax, DENSE, 0.15530391284926412,  # kl_div
        [0.1772086007518075, -0.18638695277005485, 0.00917835201824746],
        [0.2083335681325707, -0.10767070597637102, -0.10066286215619975]),
    (fnn.poisson, fnn.exp, COUNTS, 2.783180914511303,  # poisson_nll_loss + xlogy(y, y) - y
        [1.2214027581601699, -0.6321205588285577, -2.351278729299872],
        [1.2214027581601699, -0.18393972058572117, 0.41218031767503205]),
    (fnn.poisson, fnn.softplus, COUNTS, 3.8964311180033677,  # the same
        [0.549833997312478, -0.5895785703361418, -1.933639791603256],
        [0.24751657271185995, -0.15302005226922752, 0.22584575531616605]),
    (fnn.gamma, fnn.exp, AMOUNTS, 1.9077021364390188,  # log(a / y) + y / a - 1
        [0.7543807740766054, -1.718281828459045, -1.4261226388505337],
        [0.2456192259233944, -1.3591409142295225, 0.6065306597126334]),
    (fnn.gamma, fnn.softplus, AMOUNTS, 3.0797697875277357,  # the same
        [0.4299570726820557, -1.8820640819725045, -1.9850995588719564],
        [0.07573790103082206, -1.296368381796303, 0.5489881189549012]),
]  # fmt: skip


@pytest.mark.parametrize("loss, output, y, error, delta, r_delta", BY_PYTORCH)
def test_against_pytorch(
    loss: fnn.Loss, output: fnn.Activation, y: list[float], error: float, delta: list[float], r_delta: list[float]
) -> None:
    actual = slopes(loss, output, Z, y)

    assert_allclose(actual.errors, WEIGHTS * error, rtol=1e-14)
    assert_allclose(actual.delta, WEIGHTS[:, None] * delta, rtol=1e-13)
    assert_allclose(r_slopes(loss, output, Z, y, R_Z), WEIGHTS[:, None] * r_delta, rtol=1e-12)


@pytest.mark.parametrize(
    "loss, output, y, dE_da",
    [  # by PyTorch 2.13.0
        (fnn.cross_entropy, fnn.softmax, DENSE, [-0.5302106038976411, -2.6405417979223835, -0.9819741904150738]),
        (fnn.cross_entropy, fnn.sigmoid, BINARY, [2.22140275816017, -3.7182818284590455, 1.5849082880969378]),
        (fnn.kl_divergence, fnn.softmax, DENSE, [-0.5302106038976411, -2.6405417979223835, -0.9819741904150738]),
        (fnn.poisson, fnn.exp, COUNTS, [1, -1.718281828459045, -1.4261226388505337]),
        (fnn.gamma, fnn.softplus, AMOUNTS, [0.7819761505902396, -6.998044675993818, -3.189123303909822]),
    ],
)
def test_dE_da(loss: fnn.Loss, output: fnn.Activation, y: list[float], dE_da: list[float]) -> None:
    assert_allclose(slopes(loss, output, Z, y).dE_da, WEIGHTS[:, None] * dE_da, rtol=1e-13)


@pytest.mark.parametrize("loss", [fnn.cross_entropy, fnn.kl_divergence], ids=repr)
def test_log_softmax_is_as_softmax(loss: fnn.Loss) -> None:
    actual, expected = slopes(loss, fnn.log_softmax, Z, DENSE), slopes(loss, fnn.softmax, Z, DENSE)

    assert actual.errors.tolist() == expected.errors.tolist()
    assert_allclose(actual.delta, expected.delta, rtol=1e-13)
    assert_allclose(actual.dE_da, -WEIGHTS[:, None] * DENSE)
    r_delta = r_slopes(loss, fnn.softmax, Z, DENSE, R_Z)
    assert_allclose(r_slopes(loss, fnn.log_softmax, Z, DENSE, R_Z), r_delta, rtol=1e-13)


def test_targets_of_0_add_nothing() -> None:
    z, y = np.array([-1e4, 0.0]), [0.0, 1.0]
    for loss in (fnn.cross_entropy, fnn.kl_divergence):
        assert slopes(loss, fnn.softmax, z, y).errors.tolist() == [0, 0, 0]
