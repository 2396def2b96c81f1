"""`fnn.input_grad` and `fnn.vjp` in jitted functions: the bits of Python, slopes of `error`, and plain errors."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numba.core.errors import TypingError

import fnn
from fnn.compiler.linking import needed_by
from fnn.njit.kernels import entry_points as native
from tests.njit import jitted
from tests.problems import KINDS, problem

DTYPES = (np.float64, np.float32)


@pytest.mark.parametrize("loss, output", KINDS)  # test_functions.py has all losses
def test_it_has_the_bits_of_backprop(loss: fnn.Loss, output: fnn.Activation) -> None:
    for dtype in DTYPES if loss in (fnn.squared_error, fnn.cross_entropy) else DTYPES[:1]:
        for count in (1, 64, 150):
            p = problem(5, (4, 9, 3), (fnn.tanh,), output, loss, count, dtype=dtype, weighted=True, reduction="mean")
            found = jitted.any_input_grad(p.params, p.x, p.y, loss, p.weights)
            wanted = fnn.backprop(p.params, fnn.Cases(p.x, p.y, weights=p.weights), loss=loss, reduction="mean").dE_da[
                0
            ]
            np.testing.assert_array_equal(found, wanted, strict=True)


@pytest.mark.parametrize("dtype", DTYPES)
def test_one_case_labels_and_arrays_that_are_not_contiguous(dtype: Any) -> None:
    p = problem(3, (4, 6, 3), (fnn.tanh,), fnn.softmax, fnn.cross_entropy, 8, dtype=dtype, labelled=True)
    loss = fnn.cross_entropy
    wanted = fnn.input_grad(p.params, p.x, p.y, loss=loss, reduction="mean")
    x, labels = np.repeat(p.x, 2, axis=1)[:, ::2], p.y.astype(np.int32)
    np.testing.assert_array_equal(jitted.any_input_grad(p.params, x, labels, loss, None), wanted, strict=True)
    one = jitted.any_input_grad(p.params, p.x[0], int(p.y[0]), loss, 2.0)
    np.testing.assert_array_equal(one, fnn.input_grad(p.params, p.x[0], p.y[0], loss=loss), strict=True)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("count", [1, 65, 300])
def test_vjp_has_the_bits_of_the_python_call(dtype: Any, count: int) -> None:
    params = fnn.init((4, 9, 3), seed=1, dtype=dtype, hidden=fnn.tanh, output=fnn.softmax)
    random = np.random.default_rng(0)
    x, u = random.normal(size=(count, 4)).astype(dtype), random.normal(size=(count, 3)).astype(dtype)
    for cases, ends in ((x, u), (x[0], u[0]), (np.asfortranarray(x), np.repeat(u, 2, axis=1)[:, ::2])):
        grads, inputs = jitted.vjp(params, cases, ends)
        wanted = fnn.vjp(params, cases, ends)
        assert grads == wanted[0]
        np.testing.assert_array_equal(inputs, wanted[1], strict=True)


def test_vjp_of_the_slope_of_the_error_is_its_gradient() -> None:
    p = problem(2, (4, 6, 3), (fnn.tanh,), fnn.identity, fnn.squared_error, 5)
    grads, inputs = jitted.vjp(p.params, p.x, fnn.forward(p.params, p.x) - p.y)
    for key, leaf in p.wanted.grads.items():
        np.testing.assert_allclose(grads[key], leaf, rtol=1e-10, atol=1e-12)
    np.testing.assert_array_equal(inputs, jitted.input_grad(p.params, p.x, p.y))


def test_it_is_the_slope_of_the_error() -> None:
    p = problem(2, (4, 6, 3), (fnn.tanh,), fnn.identity, fnn.squared_error, 5)
    found, step = jitted.input_grad(p.params, p.x, p.y), 1e-6
    for place in np.ndindex(*p.x.shape):
        aside = np.zeros_like(p.x)
        aside[place] = step
        rise = fnn.error(p.params, p.x + aside, p.y) - fnn.error(p.params, p.x - aside, p.y)
        np.testing.assert_allclose(found[place], rise / (2 * step), rtol=1e-6, atol=1e-8)


def test_what_it_reaches_is_loaded_with_every_params() -> None:
    loaded = set(needed_by(native.differentiate_all.function))
    assert set(needed_by(native.input_gradient_all)) <= loaded
    assert set(needed_by(native.vjp_all)) <= loaded


P, X, Y = fnn.init((4, 3, 2), seed=0), np.ones((5, 4)), np.ones((5, 2))


def test_errors() -> None:
    with pytest.raises(TypingError) as caught:
        jitted.input_grad(P, X.astype(np.float32), Y)
    assert "x: has dtype float32, but params have float64" in str(caught.value)
    with pytest.raises(TypingError) as caught:
        jitted.input_grad(X, X, Y)
    assert "params: needs fnn.Params, got array(float64, 2d, C)" in str(caught.value)
    for arguments, text in (
        ((P, X[:, :3].copy(), Y), "x: has another number of columns"),
        ((P, X, Y[:4]), "y: has another shape"),
        ((P, X[:0], Y[:0]), "x: needs at least one case"),
        ((P, X * np.nan, Y), "x: NaN or infinity"),
    ):
        with pytest.raises(ValueError, match=text):
            jitted.input_grad(*arguments)
        with pytest.raises(ValueError, match=text.replace("y:", "u:")):
            jitted.vjp(*arguments)
    with pytest.raises(ValueError, match="u: NaN or infinity"):
        jitted.vjp(P, X, Y * np.inf)
    with pytest.raises(TypingError) as caught:
        jitted.vjp(P, X, Y[0])
    assert "u: needs 2 dimensions, got an array with 1" in str(caught.value)
    with pytest.raises(ValueError, match=r"y: fnn\.cross_entropy needs values between 0 and 1"):
        jitted.any_input_grad(P, X, 3 * Y, fnn.cross_entropy, None)
