"""Targets: vectors where there is one output, labels where they mean nothing, probabilities that were rounded."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

import fnn
from fnn.data.rows import CAST

X = np.random.default_rng(0).normal(size=(6, 2))
Y = np.random.default_rng(1).uniform(size=6)
DTYPES = [np.float32, np.float64]
SHARP = fnn.cross_entropy(label_smoothing=0.1)


def one(dtype: type[Any], **options: Any) -> fnn.Params[Any]:
    params: fnn.Params[Any] = fnn.init((2, 3, 1), seed=0, dtype=dtype, **options)

    return params


def trained(params: fnn.Params[Any], x: Any, y: Any = None, **options: Any) -> fnn.Params[Any]:
    return fnn.train(params, x, y, eta=0.1, epochs=2, batch_size=4, **options).params


def train_many(params: fnn.Params[Any], x: Any, y: Any = None, **options: Any) -> fnn.Params[Any]:
    return fnn.train_many([params], x, y, eta=0.1, epochs=2, batch_size=4, **options)[0].params


def streamed(params: fnn.Params[Any], x: Any, y: Any, **options: Any) -> fnn.Params[Any]:
    return fnn.train(params, [(x, y)] * 2, eta=0.1, epochs=2, **options).params


def hvp(params: fnn.Params[Any], x: Any, y: Any, **options: Any) -> fnn.Params[Any]:
    return fnn.hvp(params, x, y, v=params, **options)


def slopes(params: fnn.Params[Any], x: Any, y: Any, **options: Any) -> bytes:
    return fnn.backprop(params, x, y, **options).delta[1].tobytes()


def input_grad(params: fnn.Params[Any], x: Any, y: Any, **options: Any) -> bytes:
    return fnn.input_grad(params, x, y, **options).tobytes()


def gauss_newton(params: fnn.Params[Any], x: Any, y: Any, **options: Any) -> bytes:
    return fnn.gauss_newton(params, x, y, **options).tobytes()


LEARNERS: list[Callable[..., Any]] = [
    fnn.error, fnn.grad, fnn.value_and_grad, slopes, input_grad, hvp, gauss_newton, fnn.check_grad, trained, train_many,
    streamed,
]  # fmt: skip


@pytest.mark.parametrize("dtype", DTYPES)
def test_a_vector_is_a_column_where_there_is_one_output(dtype: type[Any]) -> None:
    params = one(dtype)
    for y in (Y, Y.astype(dtype), np.repeat(Y, 2)[::2], Y.tolist()):
        for call in LEARNERS:
            assert call(params, X, y) == call(params, X, np.asarray(y)[:, None]), call
    assert fnn.forward(params, X).shape == (6, 1)
    residuals = fnn.forward(params, X)[:, 0].astype(np.float64) - Y.astype(dtype)
    assert_allclose(fnn.error(params, X, Y), 0.5 * np.sum(residuals**2), rtol=1e-6)
    assert_allclose(fnn.r2_score(params, X, Y), 1 - np.sum(residuals**2) / (6 * np.var(Y)), rtol=1e-5)


def test_a_number_is_the_target_of_one_case() -> None:
    params = one(np.float64)
    for call in LEARNERS:
        assert call(params, X[0], 0.25) == call(params, X[0], [0.25]), call
    residual = fnn.forward(params, X[0])[0] - 2
    assert fnn.error(params, X[0], 2) == pytest.approx(0.5 * residual**2, rel=1e-12)


def test_a_vector_of_what_takes_labels() -> None:
    params = one(np.float64)
    for call in LEARNERS:
        options = {"loss": fnn.cross_entropy}
        assert call(params, X, Y, **options) == call(params, X, Y[:, None], **options)
        for labels in (Y > 0.5, (Y > 0.5).astype(np.int8)):
            assert call(params, X, labels, **options) == call(params, X, (Y > 0.5)[:, None], **options)
    weights = [1.0, 3.0]
    assert fnn.error(params, fnn.Cases(X, Y, class_weights=weights), loss=fnn.cross_entropy) == fnn.error(
        params, fnn.Cases(X, Y[:, None], class_weights=weights), loss=fnn.cross_entropy
    )


def test_a_vector_for_validation_and_for_metrics() -> None:
    params, is_above = one(np.float64), Y > 0.5
    for validation in ((X, Y), fnn.Cases(X, Y), 0.5):
        column = (X, Y[:, None]) if isinstance(validation, tuple) else validation
        runs = [fnn.train(params, X, Y, eta=0.1, epochs=2, validation=given) for given in (validation, column)]
        assert_array_equal(runs[0].history.validation_error, runs[1].history.validation_error)
    for labels in (is_above, is_above.astype(np.float64), is_above[:, None].astype(np.float64)):
        predicted = fnn.forward(params, X)[:, 0] > 0.5
        assert fnn.accuracy(params, X, labels) == np.mean(predicted == is_above)
        assert_array_equal(fnn.confusion_matrix(params, X, labels).sum(axis=1), np.bincount(is_above, minlength=2))


def test_a_large_vector_is_read_where_it_lies() -> None:
    params, count = one(np.float32), CAST // 4 + 1
    x, y = np.full((count, 2), 0.5, np.float32), np.linspace(0, 1, count)
    cases = fnn.Cases(x, y)
    assert cases.arrays(params, fnn.squared_error).sources is not None
    assert fnn.error(params, cases) == fnn.error(params, x, y.astype(np.float32)[:, None])


def test_nothing_is_broadcast() -> None:
    params, two = one(np.float64), fnn.init((2, 2), seed=0)
    for y, shape in ((Y[None], "(1, 6)"), (Y[:1], "(1,)"), (0.5, "()"), (Y[:, None, None], "(6, 1, 1)")):
        for call in LEARNERS:
            with pytest.raises(ValueError, match="needs shape") as info:
                call(params, X, y)
            assert f"y: needs shape (6, 1), got {shape}" in str(info.value)
    with pytest.raises(ValueError, match=r"y: needs shape \(6, 2\), got \(6,\)$"):
        fnn.error(two, X, Y)
    with pytest.raises(ValueError, match=r"y: needs shape \(2,\), got \(\)$"):
        fnn.error(two, X[0], 0.5)


SINGLE = [
    *[(loss, f) for loss in (fnn.cross_entropy, SHARP, fnn.kl_divergence) for f in (fnn.softmax, fnn.log_softmax)],
    (fnn.focal, fnn.softmax), (fnn.focal(1.0), fnn.softmax),
]  # fmt: skip


@pytest.mark.parametrize("loss, output", SINGLE, ids=repr)
@pytest.mark.parametrize("dtype", DTYPES)
def test_no_labels_for_softmax_over_a_single_unit(dtype: type[Any], loss: fnn.Loss, output: fnn.Activation) -> None:
    params = one(dtype, output=output)
    targets: list[Any] = [[0, 0, 1, 1, 0, 1], np.ones(6, bool), np.zeros((6, 1))]
    calls = [partial(call, params, X, y) for call in LEARNERS if call not in (hvp, gauss_newton) for y in targets]
    for call in (*calls, partial(fnn.error, params, fnn.Cases(X, [0] * 6, class_weights=[1, 2]))):
        with pytest.raises(ValueError, match=r"y: .*; (for a single unit )?use fnn\.sigmoid"):
            call(loss=loss)
    assert np.isfinite(fnn.error(params, X, np.ones((6, 1)), loss=loss))  # a distribution, if a dull one


@pytest.mark.parametrize("output", [fnn.softmax, fnn.log_softmax])
def test_no_accuracy_of_softmax_over_a_single_unit(output: fnn.Activation) -> None:
    for measure in (fnn.accuracy, fnn.confusion_matrix):
        with pytest.raises(ValueError, match=r"params: .* over a single unit never changes; use fnn\.sigmoid"):
            measure(one(np.float64, output=output), X, [0, 1] * 3)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("units", [3, 1000])
def test_probabilities_that_float16_has_rounded(dtype: type[Any], units: int) -> None:
    params: fnn.Params[Any] = fnn.init((2, units), seed=0, output=fnn.softmax, dtype=dtype)
    exact = np.random.default_rng(3).dirichlet(np.full(units, 0.5), 6)
    half = exact.astype(np.float16)
    assert np.abs(half.astype(np.float64).sum(axis=1) - 1).max() > 1e-5
    weighted = fnn.Cases(X, half, class_weights=np.ones(units))  # by Σ_d y_d
    for loss in (fnn.cross_entropy, fnn.kl_divergence):
        assert_allclose(fnn.error(params, weighted, loss=loss), fnn.error(params, X, half, loss=loss), rtol=2e-3)
        for call in [call for call in LEARNERS if call is not fnn.check_grad]:  # whose gradient is that of a sum of 1
            call(params, X, half, loss=loss)
        with pytest.raises(
            ValueError, match=r"needs values that sum to 1, got .*, whose sum is (0\.99|1\.0)\d+ in row"
        ):
            fnn.error(params, X, half.astype(dtype), loss=loss)
    p = fnn.forward(params, X).astype(np.float64)
    assert_allclose(
        fnn.error(params, X, half, loss=fnn.cross_entropy), -np.sum(half.astype(np.float64) * np.log(p)), rtol=1e-5
    )
    with pytest.raises(ValueError, match=r"needs values that sum to 1, got .*, whose sum is 1\.\d+ in row 0"):
        fnn.error(params, X, (1.01 * exact).astype(np.float16), loss=fnn.cross_entropy)


def test_large_targets_of_float16() -> None:
    params = fnn.init((2, 3), seed=0, output=fnn.softmax, dtype=np.float32)
    y = np.random.default_rng(3).dirichlet(np.ones(3), CAST // 12 + 1).astype(np.float16)
    x = np.full((len(y), 2), 0.5, np.float32)
    cases = fnn.Cases(x, y)
    assert cases.arrays(params, fnn.cross_entropy).sources is not None
    p = fnn.forward(params, x[0]).astype(np.float64)
    wanted = -np.sum(y.astype(np.float64) * np.log(p))
    for value in (fnn.error(params, cases, loss=fnn.cross_entropy), fnn.error(params, x, y, loss=fnn.cross_entropy)):
        assert_allclose(value, wanted, rtol=1e-5)
    assert_allclose(fnn.backprop(params, cases, loss=fnn.cross_entropy).error, wanted, rtol=1e-5)


def test_three_decimals_are_told_their_sum() -> None:
    params = fnn.init((2, 3), seed=0, output=fnn.softmax)
    with pytest.raises(
        ValueError,
        match=r"y: .*got \[0\.333 0\.333 0\.333\], whose sum is 0\.999 in row 5; divide each row by its sum$",
    ):
        fnn.error(params, X, [[0.5, 0.25, 0.25]] * 5 + [[0.333] * 3], loss=fnn.cross_entropy)


def test_weights_beyond_float32() -> None:
    params, large = one(np.float32), [1.0, 1e300, 1.0, 1.0, 1.0, 1.0]
    for call in (fnn.error, fnn.grad, trained):
        with pytest.raises(ValueError, match=r"^weights: 1e\+300 is beyond float32 in row 1$"):
            call(params, fnn.Cases(X, Y, weights=large))
    with pytest.raises(ValueError, match=r"^class_weights: 1e\+300 is beyond float32 for class 1$"):
        fnn.error(params, fnn.Cases(X, Y > 0.5, class_weights=[1, 1e300]), loss=fnn.cross_entropy)
    assert np.isfinite(fnn.error(one(np.float64), fnn.Cases(X, Y, weights=large), reduction="mean"))


@pytest.mark.parametrize("weights", ["balanced", {0: 1.0, 1: 2.0}])
def test_class_weights_say_how(weights: Any) -> None:
    how = r"of a dict k \[k\[label\] for label in range\(n\)\], balanced ones len\(labels\) / \(n \* np.bincount"
    with pytest.raises(TypeError, match=f"^class_weights: needs an array with a weight for each class, got .*{how}"):
        fnn.Cases(X, [0, 1] * 3, class_weights=weights)
