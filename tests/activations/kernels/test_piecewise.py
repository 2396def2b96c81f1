"""Piecewise linear activations and softsign: values, and the derivatives at kinks."""

import numpy as np
import pytest

import fnn
from tests.activations.kernels.blocks import Kernels, assert_elementwise

Z = [-3.5, -0.75, 0.5, 2.0, 6.5]
# f, f′ and f″ at Z by PyTorch 2.13.0 and its autograd, in float64.
BY_PYTORCH: dict[fnn.Activation, list[list[float]]] = {
    fnn.identity: [
        [-3.5, -0.75, 0.5, 2, 6.5],
        [1, 1, 1, 1, 1],
        [0, 0, 0, 0, 0],
    ],
    fnn.relu: [
        [0, 0, 0.5, 2, 6.5],
        [0, 0, 1, 1, 1],
        [0, 0, 0, 0, 0],
    ],
    fnn.leaky_relu(0.25): [
        [-0.875, -0.1875, 0.5, 2, 6.5],
        [0.25, 0.25, 1, 1, 1],
        [0, 0, 0, 0, 0],
    ],
    fnn.relu6: [
        [0, 0, 0.5, 2, 6],
        [0, 0, 1, 1, 0],
        [0, 0, 0, 0, 0],
    ],
    fnn.hard_tanh: [
        [-1, -0.75, 0.5, 1, 1],
        [0, 1, 1, 0, 0],
        [0, 0, 0, 0, 0],
    ],
    fnn.hard_sigmoid: [
        [0, 0.375, 0.5833333333333334, 0.8333333333333334, 1],
        [0, 1 / 6, 1 / 6, 1 / 6, 0],
        [0, 0, 0, 0, 0],
    ],
    fnn.softsign: [
        [-0.7777777777777778, -0.42857142857142855, 0.3333333333333333, 0.6666666666666666, 0.8666666666666667],
        [0.04938271604938271, 0.32653061224489793, 0.4444444444444444, 0.1111111111111111, 0.017777777777777767],
        [0.021947873799725653, 0.3731778425655976, -0.5925925925925926, -0.07407407407407407, -0.00474074074074074],
    ],
}  # fmt: skip


@pytest.mark.parametrize("activation", BY_PYTORCH, ids=repr)
def test_against_pytorch(activation: fnn.Activation) -> None:
    assert_elementwise(activation, Z, *BY_PYTORCH[activation])


@pytest.mark.parametrize(
    "activation, kinks, prime",
    [
        (fnn.relu, [0.0, -0.0], 0), (fnn.leaky_relu(0.25), [0.0, -0.0], 0.25), (fnn.relu6, [0.0, 6.0], 0),
        (fnn.hard_tanh, [-1.0, 1.0], 0), (fnn.hard_sigmoid, [-3.0, 3.0], 0),
    ],
)  # fmt: skip
def test_prime_at_a_kink_is_the_smaller_side(activation: fnn.Activation, kinks: list[float], prime: float) -> None:
    kernels, z = Kernels(activation), np.array([kinks])

    assert kernels.delta(z, kernels.f(z), np.ones_like(z)).tolist() == [[prime, prime]]


def test_second_derivative_of_softsign_at_0_is_0() -> None:
    zero, one = np.zeros((1, 1)), np.ones((1, 1))

    assert Kernels(fnn.softsign).add_second(zero, zero, one, one, one, zero) == 0
