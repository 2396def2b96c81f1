"""R3 of every loss and output: central differences of ∂E/∂A or, if the loss is direct, of Δ."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.testing import assert_allclose

import fnn
from tests.losses.kernels.blocks import r_slopes, slopes
from tests.problems import PAIRS

Z, R_Z = np.array([0.35, -0.9, 0.55]), np.array([1.0, -0.5, 0.25])
Y = {"hinge": [1.0, -1.0, 1.0], "gamma": [0.3, 1.0, 4.0], "poisson": [0.0, 1.0, 4.0]}
STEP = 1e-5  # the error of central differences is h²/6 times a third derivative of about 1


@pytest.mark.parametrize(
    "loss, output", [(loss, output) for loss, output in PAIRS if loss.kernel and loss.second_derivative]
)
def test_by_central_differences(loss: fnn.Loss, output: fnn.Activation) -> None:
    assert loss.kernel is not None
    y = np.array(Y.get(loss.name, [0.2, 0.3, 0.5]))
    above, below = (slopes(loss, output, Z + h * R_Z, y) for h in (STEP, -STEP))
    difference = above.delta - below.delta if loss.kernel.is_direct else above.dE_da - below.dE_da

    assert_allclose(r_slopes(loss, output, Z, y, R_Z), difference / (2 * STEP), rtol=1e-6, atol=1e-9)
