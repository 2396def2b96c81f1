"""`fnn.backprop` inside jitted functions: every quantity has the bits of the Python call."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numba import njit
from numba.core.errors import TypingError

import fnn
from tests.njit import jitted
from tests.problems import KINDS, problem

DTYPES = (np.float64, np.float32)
QUANTITIES = ("z", "a", "dE_da", "delta")


@njit
def by_text(params: Any, x: Any, y: Any) -> Any:
    return fnn.backprop(params, x, y).z["1"]  # type: ignore[index]  # refused when compiled


def require_equal(found: Any, wanted: fnn.Backprop[Any]) -> None:
    for name in QUANTITIES:
        mine, theirs = getattr(found, name), getattr(wanted, name)
        assert list(mine) == list(theirs)
        for layer, array in theirs.items():
            assert mine[layer].dtype == array.dtype
            np.testing.assert_array_equal(mine[layer], array, strict=True)
    assert (found.grads, found.error) == (wanted.grads, wanted.error)


@pytest.mark.parametrize("loss, output", KINDS)  # test_functions.py has all losses
def test_every_quantity(loss: fnn.Loss, output: fnn.Activation) -> None:
    options: dict[str, Any] = {"loss": loss, "reduction": "mean"}
    for dtype in DTYPES if loss in (fnn.squared_error, fnn.cross_entropy, fnn.huber(0.7)) else DTYPES[:1]:
        for count in (1, 7, 300):
            p = problem(5, (4, 9, 3), (fnn.tanh,), output, loss, count, dtype=dtype, weighted=True)
            found = jitted.backprop(p.params, p.x, p.y, loss, p.weights)
            require_equal(found, fnn.backprop(p.params, fnn.Cases(p.x, p.y, weights=p.weights), **options))
            # A gradient from jitted code is what update takes.
            assert fnn.update(p.params, found.grads, 0.5) == fnn.update(
                p.params, fnn.grad(p.params, fnn.Cases(p.x, p.y, weights=p.weights), **options), 0.5
            )


@pytest.mark.parametrize("dtype", DTYPES)
def test_one_case_a_label_and_arrays_that_are_not_contiguous(dtype: Any) -> None:
    params = fnn.init((4, 6, 3), seed=0, dtype=dtype, hidden=fnn.relu, output=fnn.softmax)
    x = np.random.default_rng(0).normal(size=(5, 4)).astype(dtype)
    wanted = fnn.backprop(params, fnn.Cases(x[0], 2, weights=3.0), loss=fnn.cross_entropy, reduction="mean")
    require_equal(jitted.backprop(params, x[0], 2, fnn.cross_entropy, 3.0), wanted)
    labels, weights = np.array([0, 1, 2, 1, 0], np.int32), np.arange(1, 6, dtype=np.float32)
    wanted = fnn.backprop(params, fnn.Cases(x, labels, weights=weights), loss=fnn.cross_entropy, reduction="mean")
    apart = np.repeat(x, 2, axis=1)[:, ::2]
    require_equal(jitted.backprop(params, apart, np.repeat(labels, 2)[::2], fnn.cross_entropy, weights), wanted)


@pytest.mark.parametrize("single", [True, False])
def test_layers_by_literal_and_at_run_time(single: bool) -> None:
    params = fnn.init((4, 5, 6, 2), seed=0)
    x, y = np.random.default_rng(0).normal(size=(3, 4)), np.ones((3, 2))
    if single:
        x, y = x[0], y[0]
    t = fnn.backprop(params, x, y)
    for layer in (1, 2, 3):
        *found, error = jitted.some_of_backprop(params, x, y, layer)
        wanted = (t.z[1], t.a[layer], t.dE_da[0], t.delta[layer], t.grads["W1"])
        for mine, theirs in zip(found, wanted, strict=True):
            np.testing.assert_array_equal(mine, theirs, strict=True)
        assert error == t.error


@pytest.mark.parametrize("layer", [0, 3, -1])
def test_a_layer_that_is_not_there(layer: int) -> None:
    params, x, y = fnn.init((4, 5, 2), seed=0), np.ones(4), np.ones(2)
    with pytest.raises(KeyError, match="there is no such layer"):
        jitted.some_of_backprop(params, x, y, layer)


def test_errors() -> None:
    params, x, y = fnn.init((4, 5, 2), seed=0), np.ones((3, 4)), np.ones((3, 2))
    with pytest.raises(ValueError, match="y: has another shape than the outputs for x"):
        jitted.backprop(params, x, y[:2], fnn.squared_error, np.ones(3))
    with pytest.raises(ValueError, match="x: needs at least one case"):
        jitted.backprop(params, x[:0], y[:0], fnn.squared_error)
    with pytest.raises(ValueError, match=r"loss: fnn\.poisson needs fnn\.exp"):
        jitted.backprop(params, x, y, fnn.poisson)
    with pytest.raises(ValueError, match=r"y: fnn\.cross_entropy needs values between 0 and 1"):
        jitted.backprop(params, x, 2 * y, fnn.cross_entropy)
    with pytest.raises(TypingError, match="needs the number of a layer, got"):
        by_text(params, x, y)
