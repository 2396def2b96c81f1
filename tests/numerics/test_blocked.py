"""Wide layers, whose W is copied block by block: the bits of one case alone, which never is."""

from typing import Any

import numpy as np
import pytest

import fnn
from fnn.compiler.target import lanes_of
from fnn.network.kernels import plan
from fnn.numerics.blocked import DEEP, WIDE, pays


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("inputs", [1, DEEP - 1, DEEP, DEEP + 1, 2 * DEEP + 3])
def test_a_batch_has_the_bits_of_each_case(dtype: type[Any], inputs: int) -> None:
    lanes = lanes_of(np.dtype(dtype))
    far = 64 * lanes
    assert pays(64, far, lanes)
    assert not pays(64, far - 1, lanes)
    assert not pays(63, far, lanes)
    for units in (far, far + 1, far + 2 * lanes * WIDE - 1):
        params: fnn.Params[Any] = fnn.init((inputs, units, 3), seed=1, hidden=fnn.tanh, dtype=dtype)
        params = params.with_flat(params.flat + np.linspace(-0.01, 0.01, params.flat.size))  # biases other than 0
        x = np.random.default_rng(0).normal(size=(270, inputs)).astype(dtype)
        alone = np.array([fnn.forward(params, row) for row in x])
        for cases in (63, 64, 65, 270):  # one block and two
            assert np.array_equal(fnn.forward(params, x[:cases]), alone[:cases])
        workspace = fnn.workspace(params, 270)
        assert np.array_equal(fnn.forward(params, x, workspace=workspace), alone)
        assert np.array_equal(fnn.forward(params, x, threads=2), alone)


def test_which_networks_are_multiplied_by_blocks() -> None:
    far = 64 * lanes_of(np.dtype(np.float32))

    def by_blocks(sizes: tuple[int, ...], cases: int, packed: bool = False) -> bool:
        layout = fnn.init(sizes, seed=0).architecture.layout(np.dtype(np.float32), cases, packed=packed)
        return bool(layout.table[plan.BY_BLOCKS])

    assert by_blocks((2, far, 1), 64)
    assert by_blocks((2, far), 64)
    assert not by_blocks((far, 3, 1), 100)
    assert not by_blocks((2, far, 1), 63)
    assert not by_blocks((2, far, 1), 100, packed=True)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_gradients_of_a_wide_layer(dtype: type[Any]) -> None:
    units = 64 * lanes_of(np.dtype(dtype)) + 5
    params: fnn.Params[Any] = fnn.init((7, units, 2), seed=0, dtype=dtype)
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(80, 7)).astype(dtype), rng.random((80, 2)).astype(dtype)
    w1, b1, w2, b2 = (np.asarray(leaf, np.float64) for leaf in params.values())
    a1 = 1 / (1 + np.exp(-(x @ w1 + b1)))
    a2 = 1 / (1 + np.exp(-(a1 @ w2 + b2)))
    delta2 = (a2 - y) * a2 * (1 - a2)
    delta1 = delta2 @ w2.T * a1 * (1 - a1)
    expected = [x.T @ delta1, delta1.sum(axis=0), a1.T @ delta2, delta2.sum(axis=0)]
    tolerance = 1e-5 if dtype == np.float32 else 1e-13
    for found, wanted in zip(fnn.grad(params, x, y).values(), expected, strict=True):
        np.testing.assert_allclose(found, wanted, rtol=tolerance, atol=tolerance)
