"""Focal loss: E, ∂E/∂a, δ and R{δ}."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.testing import assert_allclose

import fnn
from tests.losses.kernels.blocks import WEIGHTS, r_slopes, slopes

Z, R_Z = np.array([0.2, -1.0, 0.5]), np.array([1.0, -0.5, 0.25])
DENSE, BINARY = [0.2, 0.3, 0.5], [0.0, 1.0, 0.25]
# E, δ = ∂E/∂z and R{δ} by PyTorch 2.13.0: -y * (1 - p)**gamma * log_p, its gradient, and the gradient of R{z}ᵀ δ.
BY_PYTORCH: list[tuple[fnn.Loss, fnn.Activation, list[float], float, list[float], list[float]]] = [
    (fnn.focal(2), fnn.softmax, DENSE, 0.6695789296339028,
        [0.14217621084207324, -0.27334059249980025, 0.13116438165772706],
        [0.2641736604967031, -0.09230361297407326, -0.1718700475226299]),
    (fnn.focal(0.5), fnn.softmax, DENSE, 1.004618869869795,
        [0.17246401940060102, -0.20829384599320244, 0.0358298265926015],
        [0.23133740012974252, -0.10101267495451362, -0.13032472517522894]),
    (fnn.focal(2), fnn.sigmoid, BINARY, 1.24311166415041,
        [0.3834666667483439, -0.7682347231993176, 0.36012961706820873],
        [0.4502858464955001, -0.22623233663477124, 0.10747722010788123]),
    (fnn.focal(0.5), fnn.sigmoid, BINARY, 2.3638956949967973,
        [0.540916302903513, -0.7760618315149121, 0.3964666604189994],
        [0.32381090594571255, -0.1230669492332836, 0.0754053623699056]),
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
    "output, y, dE_da",
    [  # by PyTorch 2.13.0
        (fnn.softmax, DENSE, [-0.4485302395357573, -3.231337777803335, -0.5678468376087467]),
        (fnn.sigmoid, BINARY, [1.549256530772777, -3.9073656951216678, 1.532442248228304]),
    ],
)
def test_dE_da(output: fnn.Activation, y: list[float], dE_da: list[float]) -> None:
    assert_allclose(slopes(fnn.focal(2.0), output, Z, y).dE_da, WEIGHTS[:, None] * dE_da, rtol=1e-13)


@pytest.mark.parametrize("output, y", [(fnn.softmax, DENSE), (fnn.sigmoid, BINARY)])
def test_gamma_0_is_cross_entropy(output: fnn.Activation, y: list[float]) -> None:
    actual, expected = slopes(fnn.focal(0), output, Z, y), slopes(fnn.cross_entropy, output, Z, y)

    for one, other in zip(actual, expected, strict=True):
        assert_allclose(one, other, rtol=1e-13)
    r_delta = r_slopes(fnn.cross_entropy, output, Z, y, R_Z)
    assert_allclose(r_slopes(fnn.focal(0), output, Z, y, R_Z), r_delta, rtol=1e-13)


@pytest.mark.parametrize("gamma", [0.0, 0.5, 1.0, 2.0])
def test_certain_outputs(gamma: float) -> None:
    z, r_z = np.array([1e4, -1e4]), np.array([1.0, 1.0])
    for output in (fnn.softmax, fnn.sigmoid):
        assert slopes(fnn.focal(gamma), output, z, [1.0, 0.0]).errors.tolist() == [0, 0, 0]
        assert slopes(fnn.focal(gamma), output, z, [1.0, 0.0]).delta.tolist() == [[0, 0]] * 3
        assert r_slopes(fnn.focal(gamma), output, z, [1.0, 0.0], r_z).tolist() == [[0, 0]] * 3
