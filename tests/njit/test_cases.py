"""`fnn.Cases` inside jitted functions: made there, and passed from Python."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import fnn
from tests.njit import jitted


def require_same(params: fnn.Params[Any], cases: fnn.Cases, given: fnn.Cases) -> None:
    """What every function computes of `given` inside is what it computes of `cases` from Python."""
    error, grads, value, same, t, slopes, trained = jitted.all_of_cases(params, given)
    assert (error, grads) == (value, same) == fnn.value_and_grad(params, cases)
    wanted = fnn.backprop(params, cases)
    assert (t.grads, t.error) == (wanted.grads, wanted.error)
    np.testing.assert_array_equal(t.delta[1], wanted.delta[1], strict=True)
    np.testing.assert_array_equal(slopes, fnn.input_grad(params, cases), strict=True)
    assert trained == fnn.train(params, cases, eta=0.1, epochs=2).params


@pytest.mark.parametrize(
    "dtype, weighted, single",
    [(np.float64, False, False), (np.float64, True, True), (np.float32, True, False)],
)
def test_from_python(dtype: Any, weighted: bool, single: bool) -> None:
    params = fnn.init((4, 6, 3), seed=0, dtype=dtype, hidden=fnn.tanh)
    random = np.random.default_rng(0)
    x, y = random.normal(size=(5, 4)).astype(dtype), random.normal(size=(5, 3)).astype(dtype)
    which = 0 if single else slice(None)
    weights = np.arange(1.0, 6.0)[which] if weighted else None
    cases = fnn.Cases(x[which], y[which], weights=weights)
    require_same(params, cases, cases)
    require_same(params, cases, jitted.new_cases(cases.x, cases.y, None if weights is None else cases.weights))


def test_arrays_of_other_layouts_and_dtypes() -> None:
    dtype = np.float32
    params = fnn.init((4, 6, 3), seed=0, dtype=dtype)
    random = np.random.default_rng(0)
    x, y = random.normal(size=(5, 4)).astype(dtype), random.normal(size=(5, 3)).astype(dtype)
    plain = fnn.Cases(x, y, weights=np.arange(1.0, 6.0))
    require_same(params, plain, fnn.Cases(np.asfortranarray(x), y[::-1][::-1], weights=np.arange(1, 6, dtype="f")))
    made = jitted.new_cases(np.asfortranarray(x), np.repeat(y, 2, axis=0)[::2], np.arange(1, 6))
    assert (made.x.flags.c_contiguous, made.y.flags.c_contiguous) == (True, True)
    assert made.weights is not None
    assert made.weights.dtype == np.float64
    require_same(params, plain, made)


@pytest.mark.parametrize("labels", [np.array([0, 2, 1, 1, 0], np.int8), 2])
def test_labels(labels: Any) -> None:
    params = fnn.init((4, 6, 3), seed=0, output=fnn.softmax)
    x = np.ones((5, 4)) if np.ndim(labels) else np.ones(4)
    wanted = fnn.value_and_grad(params, x, labels, loss=fnn.cross_entropy)
    cases = jitted.new_cases(x, labels, None)
    assert jitted.cross_entropy_of(params, cases) == jitted.cross_entropy_of(params, fnn.Cases(x, labels)) == wanted


def test_a_vector_is_a_column_where_there_is_one_output() -> None:
    params, single = fnn.init((4, 6, 1), seed=0), fnn.init((4, 6, 1), seed=0, dtype=np.float32)
    random = np.random.default_rng(0)
    x, y, weights = random.normal(size=(5, 4)), random.normal(size=5), np.arange(1.0, 6.0)
    column = fnn.Cases(x, y[:, None], weights=weights)
    for vector in (y, np.repeat(y, 2)[::2]):
        require_same(params, column, fnn.Cases(x, vector, weights=weights))
    assert jitted.error(params, x, y) == fnn.error(params, x, y[:, None])
    assert jitted.error(params, x[0], 0.1) == fnn.error(params, x[0], [0.1])
    assert jitted.error(single, x[0].astype(np.float32), 0.1) == fnn.error(single, x[0], [0.1])


def test_weights_beyond_float32() -> None:
    x, y = np.ones((5, 4), np.float32), np.ones((5, 3), np.float32)
    cases = fnn.Cases(x, y, weights=np.full(5, 1e300))
    with pytest.raises(ValueError, match="weights: must be finite and at least 0, in the dtype of params too"):
        jitted.all_of_cases(fnn.init((4, 3), seed=0, dtype=np.float32), cases)
