"""one_hot, accuracy, and what else says how well a network does."""

import warnings
from collections.abc import Callable
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_array_equal

import fnn

PASS = fnn.Params({"W1": np.eye(3), "b1": np.zeros(3)}, hidden=(), output=fnn.identity)
SINGLE = fnn.Params({"W1": [[1.0]], "b1": [0.0]}, hidden=(), output=fnn.identity)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_one_hot(dtype: type[Any]) -> None:
    rows = fnn.one_hot([2, 0, 2, 1], 4, dtype=dtype)

    assert rows.dtype == dtype
    assert_array_equal(rows, [[0, 0, 1, 0], [1, 0, 0, 0], [0, 0, 1, 0], [0, 1, 0, 0]])
    assert rows.flags.writeable
    assert rows.flags.c_contiguous


def test_one_hot_of_other_labels() -> None:
    assert_array_equal(fnn.one_hot(1, 3), [0, 1, 0])
    assert_array_equal(fnn.one_hot(np.array([1, 0], np.uint8), 2), [[0, 1], [1, 0]])
    assert_array_equal(fnn.one_hot([True, False], 2), [[0, 1], [1, 0]])
    assert fnn.one_hot(np.empty(0, int), 3).shape == (0, 3)
    assert fnn.one_hot([0], 1).tolist() == [[1]]


def test_one_hot_of_many_classes_takes_little_memory() -> None:
    assert fnn.one_hot([3, 99_999], 100_000).nonzero()[1].tolist() == [3, 99_999]


@pytest.mark.parametrize(
    "labels, n, error, message",
    [
        ([0, 3], 3, ValueError, "labels: must be 0 to 2, got 3 in row 1"),
        ([0, -1, 5], 3, ValueError, "labels: must be 0 to 2, got -1 in row 1"),
        (7, 3, ValueError, "labels: must be 0 to 2, got 7"),
        ([[0, 1]], 3, ValueError, r"labels: needs shape \(N,\), got \(1, 2\)"),
        ([0.0, 1.0], 3, TypeError, "labels: needs integers, got dtype float64"),
        (["a"], 3, TypeError, "labels: needs real numbers, got dtype <U1"),
        ([None], 3, TypeError, "labels: needs real numbers, got dtype object"),
        ([1j], 3, TypeError, "labels: needs real numbers, got dtype complex128"),
        ([0], 0, ValueError, "n: must be at least 1, got 0"),
        ([0], 2.0, TypeError, "n: needs a whole number, got 2.0"),
    ],
)
def test_one_hot_refuses(labels: Any, n: Any, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        fnn.one_hot(labels, n)


def test_accuracy_is_the_fraction_of_greatest_outputs_that_match() -> None:
    # The network passes its input on: greatest are columns 2, 0, 1, 0.
    x = [[0, 1, 2], [3, 1, 2], [-3, -1, -2], [5, 4, 3]]

    assert fnn.accuracy(PASS, x, [2, 0, 1, 0]) == 1
    assert fnn.accuracy(PASS, x, [2, 0, 1, 1]) == 0.75
    assert fnn.accuracy(PASS, x, np.array([0, 1, 2, 2], np.uint8)) == 0
    assert fnn.accuracy(PASS, x[0], 2) == 1
    assert fnn.accuracy(PASS, [1, 1, 1], 0) == 1  # the first of equals


def test_accuracy_of_a_single_output_asks_whether_it_is_above_a_half() -> None:
    x = [[0.4], [0.5], [0.6], [-3.0], [9.0]]

    assert fnn.accuracy(SINGLE, x, [0, 0, 1, 0, 1]) == 1
    assert fnn.accuracy(SINGLE, x, [False, True, True, False, True]) == 0.8


def test_the_threshold_of_a_single_output() -> None:
    x = [[-0.5], [0.0], [0.4], [3.0]]

    assert fnn.accuracy(SINGLE, x, [0, 0, 1, 1], threshold=0) == 1
    assert fnn.accuracy(SINGLE, x, [0, 0, 0, 1], threshold=np.float32(0.4)) == 1
    assert fnn.accuracy(PASS, [[1, 2, 9]], [2], threshold=100) == 1  # the greatest, wherever it is
    with pytest.raises(ValueError, match="threshold: must be a number, got nan"):
        fnn.accuracy(SINGLE, x, [0, 0, 1, 1], threshold=np.nan)
    with pytest.raises(TypeError, match="threshold: needs a number, got None"):
        fnn.accuracy(SINGLE, x, [0, 0, 1, 1], threshold=None)  # type: ignore[arg-type]  # what bad input gets


@pytest.mark.parametrize("output", [fnn.identity, fnn.tanh], ids=repr)
def test_what_hinge_learns_is_measured_as_validation_does(output: fnn.Activation) -> None:
    x = np.linspace(-1, 1, 40)[:, None]
    labels = (x[:, 0] > 0.2).astype(int)
    run = fnn.train(
        fnn.init((1, 1), seed=0, output=output), x, labels, loss=fnn.hinge, reduction="mean", eta=0.5, epochs=300,
        validation=(x, 2.0 * labels[:, None] - 1),
    )  # fmt: skip

    assert run.history.validation_accuracy is not None
    assert fnn.accuracy(run.params, x, labels, threshold=0) == run.history.validation_accuracy[-1] > 0.95
    assert fnn.accuracy(run.params, x, labels) < run.history.validation_accuracy[-1]


def test_cases_and_one_hot_rows_stand_for_labels() -> None:
    x, labels = np.random.default_rng(0).integers(0, 9, (20, 3), np.uint8), np.arange(20) % 3
    scaled, one_hot = x.astype(float) * 0.5, fnn.one_hot(labels, 3)
    for y in (labels, one_hot):
        cases = fnn.Cases(x, y, weights=np.arange(1, 21), scale=0.5)  # each counts once
        assert fnn.accuracy(PASS, cases) == fnn.accuracy(PASS, scaled, labels) == fnn.accuracy(PASS, scaled, one_hot)
        assert fnn.top_k_accuracy(PASS, cases, k=2) == fnn.top_k_accuracy(PASS, scaled, labels, k=2)
        assert (fnn.confusion_matrix(PASS, cases) == fnn.confusion_matrix(PASS, scaled, labels)).all()
    assert fnn.r2_score(PASS, fnn.Cases(x, one_hot, scale=0.5)) == fnn.r2_score(PASS, scaled, one_hot)


def test_targets_that_name_classes_stand_for_labels() -> None:
    x = np.array([[0.1], [0.9], [0.6], [0.2]])
    for y in ([[0], [1], [0], [0]], [[0.0], [1.0], [0.0], [0.0]], [[-1.0], [1.0], [-1.0], [-1.0]]):
        assert fnn.accuracy(SINGLE, fnn.Cases(x, y)) == fnn.accuracy(SINGLE, x, y) == 0.75
    assert fnn.accuracy(PASS, fnn.Cases([1.0, 3.0, 2.0], [0, 1, 0])) == 1.0
    assert fnn.accuracy(PASS, fnn.Cases([[1.0, 3.0, 2.0]], [[-1, -1, 1]])) == 0.0
    with pytest.raises(TypeError, match=r"^y: needs integers, got dtype float64"):
        fnn.accuracy(SINGLE, fnn.Cases(x, x))


@pytest.mark.parametrize(
    "x, labels, error, message",
    [
        ([[1.0, 2.0]], [0], ValueError, "x: has 2 columns, but the network has 3 inputs"),
        ([[1.0, 2.0, 3.0]], [0, 1], ValueError, "labels: has 2 cases, but x has 1"),
        ([[1.0, 2.0, 3.0]] * 2, 1, ValueError, "labels: has 1 cases, but x has 2"),
        ([[1.0, 2.0, 3.0]], [3], ValueError, "labels: must be 0 to 2, got 3 in row 0"),
        ([[1.0, 2.0, 3.0]], [1.0], TypeError, "labels: needs integers, got dtype float64"),
        ([[1.0, 2.0, 3.0]], [[1, 1, 0]], ValueError, r"labels: needs shape \(N,\), got \(1, 3\)"),
        ([[1.0, np.nan, 3.0]], [0], ValueError, "x: NaN or infinity in row 0"),
    ],
)
def test_accuracy_refuses(x: Any, labels: Any, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        fnn.accuracy(PASS, x, labels)


def test_accuracy_refuses_a_plain_dict() -> None:
    with pytest.raises(TypeError, match=r"params: needs fnn\.Params, got dict"):
        fnn.accuracy(dict(PASS), [1, 2, 3], 0)  # type: ignore[arg-type]  # what bad input gets


def test_labels_of_a_single_output_are_0_and_1() -> None:
    with pytest.raises(ValueError, match="labels: must be 0 to 1, got 2 in row 0"):
        fnn.accuracy(SINGLE, [[1.0]], [2])


def test_one_hot_of_no_labels_and_of_strange_dtypes() -> None:
    assert fnn.one_hot([], 3).shape == (0, 3)
    with pytest.raises(TypeError, match=r"dtype: needs np\.float32 or np\.float64"):
        fnn.one_hot([0], 3, dtype=object)


# More of them, by scikit-learn.


def classifier(seed: int, units: int, count: int) -> tuple[fnn.Params[Any], Any, Any]:
    """A network, inputs with few values, so that some outputs are equal, and labels."""
    random = np.random.default_rng(seed)
    w = random.integers(-1, 2, (3, units)).astype(float)
    params = fnn.Params({"W1": w, "b1": np.zeros(units)}, hidden=(), output=fnn.identity)

    return params, random.integers(-2, 3, (count, 3)).astype(float), random.integers(0, max(units, 2), count)


@given(st.integers(0, 2**32), st.integers(2, 6), st.integers(1, 40))
@settings(deadline=None)
def test_top_k_accuracy_by_scikit_learn(seed: int, units: int, count: int) -> None:
    metrics = pytest.importorskip("sklearn.metrics")
    params, x, labels = classifier(seed, units, count)
    # Scikit-learn takes the last of equals, and two classes as one score: so no ties, and from three classes on.
    a = fnn.forward(params, x) - 1e-6 * np.arange(units)
    for k in range(1, units + 1):
        found = fnn.top_k_accuracy(params, x, labels, k=k)
        if units > 2:
            with warnings.catch_warnings(action="ignore"):  # that k = n is always right
                wanted = metrics.top_k_accuracy_score(labels, a, k=k, labels=range(units))
            assert found == pytest.approx(wanted, abs=1e-15)
    assert fnn.top_k_accuracy(params, x, labels, k=1) == fnn.accuracy(params, x, labels)
    assert fnn.top_k_accuracy(params, x, labels.astype(np.uint64), k=np.int8(units)) == 1


@given(st.integers(0, 2**32), st.integers(1, 6), st.integers(1, 40))
@settings(deadline=None)
def test_confusion_matrix_by_scikit_learn(seed: int, units: int, count: int) -> None:
    metrics = pytest.importorskip("sklearn.metrics")
    params, x, labels = classifier(seed, units, count)
    a = fnn.forward(params, x)
    given_labels = a.argmax(axis=1) if units > 1 else (a[:, 0] > 0.5).astype(int)
    found = fnn.confusion_matrix(params, x, labels)

    assert_array_equal(found, metrics.confusion_matrix(labels, given_labels, labels=range(max(units, 2))))
    assert found.dtype == np.int64
    assert found.trace() / count == fnn.accuracy(params, x, labels)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("units", [1, 3])
def test_r2_score_by_scikit_learn(units: int, dtype: type[Any]) -> None:
    metrics = pytest.importorskip("sklearn.metrics")
    random = np.random.default_rng(units)
    params = fnn.init((4, units), seed=1, output=fnn.identity, dtype=dtype)
    x = random.normal(size=(50, 4)).astype(dtype)
    a = fnn.forward(params, x)
    y = (a + random.normal(size=(50, units))).astype(dtype)
    constant, met = y.copy(), y.copy()
    constant[:, 0], met[:, 0] = 2.0, 0.0
    silent = params.replace({"W1": params["W1"] * (np.arange(units) > 0)})

    for network, targets in ((params, y), (params, 100 * y), (params, a), (params, constant), (silent, met)):
        wanted = metrics.r2_score(targets.astype(float), fnn.forward(network, x).astype(float))
        assert fnn.r2_score(network, x, targets) == pytest.approx(wanted, rel=1e-12)


@pytest.mark.parametrize(
    "call, error, message",
    [
        (lambda: fnn.top_k_accuracy(PASS, [[1, 2, 3]], [0], k=0), ValueError, "k: must be at least 1, got 0"),
        (lambda: fnn.top_k_accuracy(PASS, [[1, 2, 3]], [0], k=4), ValueError, "k: must be at most 3, got 4"),
        (lambda: fnn.top_k_accuracy(PASS, [[1, 2, 3]], [0], k=1.0), TypeError, "k: needs a whole number"),  # type: ignore[arg-type]  # what bad input gets
        (lambda: fnn.top_k_accuracy(PASS, [[1, 2, 3]], [0, 1], k=1), ValueError, "labels: has 2 cases, but x has 1"),
        (lambda: fnn.top_k_accuracy(SINGLE, [[1]], [0], k=1), ValueError, "params: needs two outputs or more, has 1"),
        (lambda: fnn.confusion_matrix(PASS, [[1, 2, 3]], [3]), ValueError, "labels: must be 0 to 2, got 3 in row 0"),
        (lambda: fnn.confusion_matrix(PASS, [[1, 2]], [1]), ValueError, "x: has 2 columns"),
        (lambda: fnn.r2_score(SINGLE, [[1.0]], [[1.0]]), ValueError, "x: needs at least two cases, got one"),
        (
            lambda: fnn.r2_score(SINGLE, [[1.0], [2.0]], [1.0, 2.0, 3.0]),
            ValueError,
            r"y: needs shape \(2, 1\), got \(3,\)",
        ),
        (lambda: fnn.r2_score(SINGLE, [[1.0], [2.0]], [[1.0], [np.nan]]), ValueError, "y: NaN or infinity in row 1"),
        (lambda: fnn.r2_score(SINGLE, [[1.0], [np.inf]], [[1.0], [2.0]]), ValueError, "x: NaN or infinity in row 1"),
        (lambda: fnn.r2_score({}, [[1.0], [2.0]], [[1.0], [2.0]]), TypeError, "params: needs fnn.Params"),  # type: ignore[arg-type]  # what bad input gets
    ],
)
def test_the_others_refuse(call: Callable[[], object], error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        call()


@pytest.mark.parametrize("units", [1, 3])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_no_class_is_right_where_an_output_is_nan(units: int, dtype: type[Any]) -> None:
    leaves = {"W1": np.array([[np.inf] + [1.0] * (units - 1)], dtype), "b1": np.zeros(units, dtype)}
    p: Any = fnn.Params(leaves, hidden=(), output=fnn.identity)
    x = [[0.0], [1.0]]  # ∞ · 0, and a case whose class is that of ∞

    for label in range(max(units, 2)):
        own = int(label == (1 if units == 1 else 0))
        assert fnn.accuracy(p, x, [label, label]) == 0.5 * own
        if units > 1:
            assert fnn.top_k_accuracy(p, x, [label, label], k=units) == 0.5
    with pytest.raises(ValueError, match="x: an output is NaN in row 0, so that no class is predicted"):
        fnn.confusion_matrix(p, x, [0, 0])


def r2_of(output: float, targets: list[float]) -> float:
    p = fnn.Params({"W1": [[0.0]], "b1": [output]}, hidden=(), output=fnn.identity)
    return fnn.r2_score(p, [[0.0]] * len(targets), [[y] for y in targets])


def test_r2_of_a_constant_target_that_rounding_moves_off_its_mean() -> None:
    assert np.mean([0.1] * 3) != 0.1
    assert r2_of(1.1, [0.1] * 3) == 0
    assert r2_of(0.1, [0.1] * 3) == 1
    assert r2_of(0.1 + 1e-200, [0.0] * 3) == 0
    assert r2_of(1e-200, [0.0] * 3) == 0


@given(exponent=st.integers(-1070, 1020), seed=st.integers(0, 99))
@settings(deadline=None, max_examples=60)
def test_r2_of_targets_of_any_size(exponent: int, seed: int) -> None:
    y = np.random.default_rng(seed).integers(-4, 5, 4)
    y[0] = 5  # not constant
    scaled = [float(value) for value in np.ldexp(y.astype(float), exponent)]
    exact = 1 - Fraction(int(sum((y - 2) ** 2))) / sum((Fraction(int(v)) - Fraction(int(y.sum()), 4)) ** 2 for v in y)

    assert r2_of(float(np.ldexp(2.0, exponent)), scaled) == pytest.approx(float(exact), rel=1e-14, abs=1e-14)


def test_r2_of_what_is_not_finite() -> None:
    p = fnn.Params({"W1": [[np.inf]], "b1": [0.0]}, hidden=(), output=fnn.identity)

    assert np.isnan(fnn.r2_score(p, [[0.0], [0.0]], [[1.0], [2.0]]))
    assert np.isnan(fnn.r2_score(p, [[0.0], [0.0]], [[1.0], [1.0]]))
    assert fnn.r2_score(p, [[1.0], [1.0]], [[1.0], [2.0]]) == -np.inf
