"""Losses as values: E1 and E2 against exact numbers, and which outputs they suit."""

import copy
import pickle
import re
from collections.abc import Callable
from fractions import Fraction
from math import log
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numba import njit
from numpy.testing import assert_allclose
from scipy import special
from sklearn import metrics

import fnn
from tests import scalars
from tests.problems import LOSSES, OUTPUTS, PAIRS, problem
from tests.scalars import CAUCHY


def outputs(a: list[float], activation: fnn.Activation) -> fnn.Params[np.float64]:
    """A network whose outputs are a, whatever its input."""
    logits: dict[fnn.Activation, Callable[[Any], Any]] = {
        fnn.identity: lambda a: a,
        fnn.sigmoid: lambda a: np.log(a / (1 - a)),
        fnn.softmax: np.log,
    }
    z = logits[activation](np.array(a))

    return fnn.Params({"W1": np.zeros((1, len(a))), "b1": z}, hidden=(), output=activation)


def test_squared_error_is_half_the_sum_of_squares() -> None:
    a, y = [Fraction(1, 2), Fraction(-3), Fraction(7, 4)], [Fraction(1), Fraction(2), Fraction(7, 4)]
    expected = sum((p - q) ** 2 for p, q in zip(a, y, strict=True)) / 2  # (1/4 + 25)/2
    t = fnn.backprop(outputs([float(p) for p in a], fnn.identity), [0.0], [float(q) for q in y])

    assert t.error == float(expected) == 12.625
    assert t.dE_da[1].tolist() == [-0.5, -5, 0]


def test_cross_entropy_of_softmax() -> None:
    # −½ log ¼ − ½ log ⅝
    t = fnn.backprop(outputs([1 / 8, 1 / 4, 5 / 8], fnn.softmax), [0.0], [0, 0.5, 0.5], loss=fnn.cross_entropy)

    assert t.error == pytest.approx(-0.5 * log(1 / 4) - 0.5 * log(5 / 8), rel=1e-15)
    assert_allclose(t.dE_da[1], [0, -2, -0.8], rtol=1e-15)
    assert_allclose(t.delta[1], [1 / 8, -1 / 4, 1 / 8], rtol=1e-14)


def test_cross_entropy_of_sigmoids_sums_over_the_units() -> None:
    # −log ¼ − log(1 − ¾): two units, each a case of yes or no
    t = fnn.backprop(outputs([1 / 4, 3 / 4], fnn.sigmoid), [0.0], [1, 0], loss=fnn.cross_entropy)

    assert t.error == pytest.approx(2 * log(4), rel=1e-15)
    assert_allclose(t.dE_da[1], [-4, 4], rtol=1e-14)
    assert_allclose(t.delta[1], [-3 / 4, 3 / 4], rtol=1e-14)


def test_cross_entropy_is_minimal_at_the_targets() -> None:
    # There it is the entropy of the targets, and every δ is 0.
    y = [1 / 8, 1 / 4, 5 / 8]
    t = fnn.backprop(outputs(y, fnn.softmax), [0.0], y, loss=fnn.cross_entropy)

    assert t.error == pytest.approx(-sum(p * log(p) for p in y), rel=1e-15)
    assert np.abs(t.delta[1]).max() < 1e-16


Z = np.array([[0.2, -1.0, 0.5], [1.5, 0.3, -0.7]])
CASE_WEIGHTS = np.array([[0.2, 0.3, 0.5], [0.7, 0.1, 0.2]])
YES = np.array([[0.0, 1, 1], [0, 0, 1]])
REALS = np.array([[0.1, -2.0, 2.5], [1, 0, 0]])
COUNTS = np.array([[0.0, 1, 4], [2, 0, 3]])


def of_logits(output: fnn.Activation, dtype: type[Any] = np.float64) -> fnn.Params[Any]:
    """A network whose weighted inputs are its inputs."""
    return fnn.Params({"W1": np.eye(3, dtype=dtype), "b1": np.zeros(3, dtype)}, hidden=(), output=output)


# What PyTorch 2.13 gave, in float64: the losses, summed, and their gradients with respect to Z.
BY_TORCH: list[tuple[fnn.Loss, fnn.Activation, Any, float, list[list[float]]]] = [
    (fnn.absolute_error, fnn.identity, REALS, 4.6, [[1, 1, -1], [1, 1, -1]]),  # l1_loss
    (fnn.huber(0.7), fnn.identity, REALS, 2.03, [[0.1, 0.7, -0.7], [0.5, 0.3, -0.7]]),  # huber_loss
    (fnn.log_cosh, fnn.identity, REALS, 2.1555007729052615, [  # log(cosh(..))
        [0.09966799462495583, 0.761594155955765, -0.964027580075817],
        [0.46211715726000985, 0.2913126124515909, -0.6043677771171634]]),
    (fnn.hinge, fnn.identity, 2 * YES - 1, 9.2, [[1, -1, -1], [1, 1, -1]]),  # clamp(1 - s * z, min=0)
    (fnn.cross_entropy(label_smoothing=0.1), fnn.softmax, np.array([2, 0]), 1.1932955369046854, [  # cross_entropy
        [0.3438752674184742, 0.08027971389661182, -0.4241549813150859],
        [-0.2251167168919238, 0.17997741231886333, 0.04513930457306043]]),
    (fnn.kl_divergence, fnn.softmax, CASE_WEIGHTS, 0.2584906369634411, [  # kl_div
        [0.1772086007518075, -0.18638695277005485, 0.00917835201824746],
        [0.008216616441409585, 0.11331074565219665, -0.12152736209362]]),
    (fnn.focal, fnn.sigmoid, YES, 2.922474012866496, [  # Lin et al.'s formula, differentiated by autograd
        [0.3834666667483439, -0.7682347231993176, -0.1379369973509144],
        [0.9614246874703603, 0.4295064685857506, -0.625193895633764]]),
    (fnn.focal(1.5), fnn.softmax, CASE_WEIGHTS, 1.3525402101304613, [
        [0.15145177253623912, -0.25359692298081843, 0.10214515044457942],
        [0.1738761062029962, 0.013719045041279528, -0.18759515124427575]]),
    # poisson_nll_loss, which leaves out Σ y log y − y
    (fnn.poisson, fnn.exp, COUNTS, 7.666136651737217 + 4 * log(4) - 4 - 1 + 2 * log(2) - 2 + 3 * log(3) - 3, [
        [1.2214027581601699, -0.6321205588285577, -2.351278729299872],
        [2.4816890703380645, 1.3498588075760032, -2.5034146962085906]]),
]  # fmt: skip


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("loss, output, y, error, delta", BY_TORCH)
def test_against_pytorch(
    loss: fnn.Loss, output: fnn.Activation, y: Any, error: float, delta: list[list[float]], dtype: type[Any]
) -> None:
    t = fnn.backprop(of_logits(output, dtype), Z, y, loss=loss)
    tolerance = 1e-12 if dtype is np.float64 else 1e-6

    assert t.error == pytest.approx(error, rel=tolerance)
    assert_allclose(t.delta[1], delta, rtol=0, atol=tolerance)


REAL = st.floats(-50, 50)


@given(st.lists(st.tuples(REAL, REAL), min_size=1, max_size=20), st.floats(0.01, 10), st.floats(0.01, 0.99))
@settings(deadline=None, max_examples=50)
def test_against_scipy_and_sklearn(pairs: list[tuple[float, float]], delta: float, q: float) -> None:
    a, y = (np.array(column) for column in zip(*pairs, strict=True))
    params = fnn.Params({"W1": np.eye(1), "b1": np.zeros(1)}, hidden=(), output=fnn.identity)

    def error(loss: fnn.Loss, a: Any = a, y: Any = y, of: fnn.Params[Any] = params) -> float:
        return fnn.error(of, a[:, None], y[:, None], loss=loss, reduction="mean")

    assert_allclose(error(fnn.absolute_error), metrics.mean_absolute_error(y, a), rtol=1e-12)
    assert_allclose(error(fnn.huber(delta)), special.huber(delta, a - y).mean(), rtol=1e-12)
    assert_allclose(error(fnn.quantile(q)), metrics.mean_pinball_loss(y, a, alpha=q), rtol=1e-12)
    assert_allclose(error(fnn.log_cosh), np.log(np.cosh(a - y)).mean(), rtol=1e-12, atol=1e-15)
    signs = np.where(y > 0, 1.0, -1.0)
    # It takes signs for labels, and must be shown both of them; a case of a margin of 1 adds nothing.
    both = metrics.hinge_loss([*signs, -1, 1], [*a, -1, 1]) * (len(a) + 2) / len(a)
    assert_allclose(error(fnn.hinge, y=signs), both, rtol=1e-12, atol=1e-14)
    means = fnn.Params(dict(params), hidden=(), output=fnn.exp)
    m, counts = np.exp(a / 10), np.abs(np.round(y))
    assert_allclose(
        error(fnn.poisson, a / 10, counts, means), metrics.mean_poisson_deviance(counts, m) / 2, rtol=1e-10, atol=1e-13
    )
    amounts = np.abs(y) + 0.1
    assert_allclose(
        error(fnn.gamma, a / 10, amounts, means), metrics.mean_gamma_deviance(amounts, m) / 2, rtol=1e-10, atol=1e-13
    )


@given(st.integers(0, 2**32), st.integers(2, 6))
@settings(deadline=None, max_examples=30)
def test_losses_of_distributions(seed: int, units: int) -> None:
    random = np.random.default_rng(seed)
    z, y = random.normal(size=(7, units)) * 3, random.dirichlet(np.ones(units), 7)
    params = fnn.Params({"W1": np.eye(units), "b1": np.zeros(units)}, hidden=(), output=fnn.softmax)
    a, labels = special.softmax(z, axis=1), random.integers(0, units, 7)

    assert_allclose(fnn.error(params, z, y, loss=fnn.kl_divergence), special.rel_entr(y, a).sum(), rtol=1e-11)
    # Of a one-hot distribution the divergence is the cross-entropy, and so is focal loss with γ = 0.
    expected = fnn.value_and_grad(params, z, labels, loss=fnn.cross_entropy)
    for loss in (fnn.kl_divergence, fnn.focal(0)):
        error, grads = fnn.value_and_grad(params, z, labels, loss=loss)
        assert error == pytest.approx(expected[0], rel=1e-13)
        assert_allclose(grads.flat, expected[1].flat, rtol=0, atol=1e-13)


def test_labels_become_targets() -> None:
    labels = [2, 0]
    for loss, output, low, high in (
        (fnn.hinge, fnn.identity, -1.0, 1.0),
        (fnn.focal, fnn.sigmoid, 0.0, 1.0),
        (fnn.kl_divergence, fnn.softmax, 0.0, 1.0),
    ):
        params = of_logits(output)
        dense = np.full((2, 3), low)
        dense[[0, 1], labels] = high
        assert fnn.value_and_grad(params, Z, labels, loss=loss) == fnn.value_and_grad(params, Z, dense, loss=loss)
    one = fnn.init((3, 1), seed=0, output=fnn.identity)
    assert fnn.grad(one, Z, [0, 1], loss=fnn.hinge) == fnn.grad(one, Z, [[-1.0], [1.0]], loss=fnn.hinge)


def test_slopes_at_kinks_are_zero() -> None:
    zero = [[0.0, 0, 0]]
    for loss in (fnn.absolute_error, fnn.quantile(0.9), fnn.huber):
        assert fnn.backprop(of_logits(fnn.identity), zero, zero, loss=loss).delta[1].tolist() == [[0, 0, 0]]
    t = fnn.backprop(of_logits(fnn.identity), [[1.0, -1, 1]], [[1.0, -1, -1]], loss=fnn.hinge)
    assert t.delta[1].tolist() == [[0, 0, 1]]


# E and δ far out, where a naive formula has ∞ − ∞ or 0 · ∞.
FAR_OUT = [
    (fnn.log_cosh, fnn.identity, 1e4, 0.0, 1e4 - log(2), 1.0),
    (fnn.log_cosh, fnn.identity, -1e30, 0.0, 1e30, -1.0),
    (fnn.log_cosh, fnn.identity, 1e-8, 0.0, 5e-17, 1e-8),
    (fnn.huber(1e-3), fnn.identity, 1e30, 0.0, 1e27, 1e-3),
    (fnn.quantile(0.9), fnn.identity, -1e30, 0.0, 9e29, -0.9),
    (fnn.focal, fnn.sigmoid, 1e4, 1.0, 0.0, 0.0),
    (fnn.focal, fnn.sigmoid, 1e4, 0.0, 1e4, 1.0),
    (fnn.focal, fnn.sigmoid, -1e4, 1.0, 1e4, -1.0),
    (fnn.focal(0.5), fnn.sigmoid, -1e4, 0.0, 0.0, 0.0),
    (fnn.cross_entropy(label_smoothing=0.5), fnn.sigmoid, 1e4, 0.0, 7500.0, 0.75),
    (fnn.poisson, fnn.exp, -1e4, 0.0, 0.0, 0.0),
    (fnn.poisson, fnn.exp, -1e4, 1.0, 1e4 - 1, -1.0),  # y log(y/a) − y + a, log a = −10⁴
    (fnn.poisson, fnn.softplus, -1e4, 1.0, 1e4 - 1, -1.0),
    (fnn.poisson, fnn.softplus, 1e4, 1.0, 1e4 - 1 - log(1e4), 1 - 1e-4),
    (fnn.gamma, fnn.exp, 1e4, 1.0, 1e4 - 1, 1.0),  # log(a/y) + y/a − 1
    (fnn.gamma, fnn.softplus, 1e4, 1.0, log(1e4) + 1e-4 - 1, (1 - 1e-4) / 1e4),
    (fnn.gamma, fnn.exp, -50.0, 1.0, np.exp(50) - 51, -np.exp(50)),
]


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("loss, output, z, y, error, delta", FAR_OUT)
def test_extreme_inputs(
    loss: fnn.Loss, output: fnn.Activation, z: float, y: float, error: float, delta: float, dtype: type[Any]
) -> None:
    params: fnn.Params[Any] = fnn.Params(
        {"W1": np.ones((1, 1), dtype), "b1": np.zeros(1, dtype)}, hidden=(), output=output
    )
    t = fnn.backprop(params, [z], [y], loss=loss)
    tolerance = 1e-12 if dtype is np.float64 else 1e-6

    assert t.error == pytest.approx(error, rel=tolerance, abs=0)
    assert t.delta[1] == pytest.approx([delta], rel=tolerance, abs=0)


@pytest.mark.parametrize("gamma", [0.0, 0.5, 2.0])
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_extreme_distributions(dtype: type[Any], gamma: float) -> None:
    z = [[1e4, 0.0, -1e4]]
    pairs: list[tuple[fnn.Loss, fnn.Activation]] = [(fnn.focal(gamma), fnn.softmax)]
    pairs += [(loss, f) for loss in (fnn.cross_entropy, fnn.kl_divergence) for f in (fnn.softmax, fnn.log_softmax)]
    for loss, output in pairs:
        for label, error, delta in ((0, 0.0, [0, 0, 0]), (1, 1e4, [1, -1, 0]), (2, 2e4, [1, 0, -1])):
            t = fnn.backprop(of_logits(output, dtype), z, [label], loss=loss)
            assert t.error == error
            assert t.delta[1].tolist() == [delta]


def test_errors_beyond_float32_are_finite() -> None:
    params = fnn.Params({"W1": np.ones((1, 1), np.float32), "b1": np.zeros(1, np.float32)}, hidden=(), output=fnn.exp)
    t = fnn.backprop(params, [100.0], [1.0], loss=fnn.poisson)

    assert t.error == pytest.approx(np.exp(100) - 101, rel=1e-12)  # e¹⁰⁰ is beyond float32
    assert t.delta[1] == np.inf  # and isn't hidden


@pytest.mark.parametrize("loss", LOSSES)
def test_overflow_gives_a_non_finite_error(loss: fnn.Loss) -> None:
    output = loss.outputs[0] if loss.outputs else fnn.identity
    leaves: dict[str, Any] = {"W1": [[1e200, -1e200]] * 2, "b1": [0.0] * 2, "W2": [[1e200] * 2] * 2, "b2": [0.0] * 2}
    params: fnn.Params[np.float64] = fnn.Params(leaves, hidden=fnn.identity, output=output)
    y = {fnn.softmax: 0.5, fnn.identity: -1.0}.get(output, 1.0)  # for hinge on the wrong side

    assert not np.isfinite(fnn.error(params, [[1.0, 1.0]], [[y, y]], loss=loss))


SUITED = {
    "cross_entropy": "fnn.softmax or fnn.log_softmax or fnn.sigmoid", "focal": "fnn.softmax or fnn.sigmoid",
    "kl_divergence": "fnn.softmax or fnn.log_softmax", "hinge": "fnn.identity or fnn.tanh",
    "poisson": "fnn.exp or fnn.softplus", "gamma": "fnn.exp or fnn.softplus",
}  # fmt: skip


@pytest.mark.parametrize("loss", [loss for loss in LOSSES if loss.outputs])
def test_unsuited_outputs_are_refused(loss: fnn.Loss) -> None:
    for output in OUTPUTS:
        params = fnn.init((1, 2), seed=0, output=output)
        if output in loss.outputs:
            continue
        message = re.escape(f"loss: {loss!r} needs {SUITED[loss.name]} at the output, got fnn.{output.name}")
        for call in (fnn.error, fnn.grad, fnn.value_and_grad, fnn.backprop, fnn.check_grad):
            with pytest.raises(ValueError, match=message):
                call(params, [[0.0]], [[0.0, 1.0]], loss=loss)
        with pytest.raises(ValueError, match=message):
            fnn.train(params, [[0.0]], [[0.0, 1.0]], loss=loss, eta=1, epochs=1)


@pytest.mark.parametrize(
    "loss, output, y, message",
    [
        (fnn.poisson, fnn.exp, [0.0, -1.0, 2.0], "y: fnn.poisson needs values of at least 0, got .* in row 1"),
        (fnn.gamma, fnn.exp, [1.0, 0.0, 2.0], "y: fnn.gamma needs values above 0, got .* in row 1"),
        (fnn.gamma, fnn.softplus, [1.0, -1.0, 2.0], "y: fnn.gamma needs values above 0, got .* in row 1"),
        (fnn.hinge, fnn.identity, [1.0, 0.0, -1.0], "y: fnn.hinge needs the values −1 and 1, got .* in row 1"),
        (fnn.hinge, fnn.tanh, [1.0, 2.0, -1.0], "y: fnn.hinge needs the values −1 and 1, got .* in row 1"),
        (fnn.focal, fnn.sigmoid, [1.0, 1.5, 0.0], "y: fnn.focal needs values between 0 and 1, got .* in row 1"),
        (fnn.focal, fnn.softmax, [0.5, 0.4, 0.5], "y: fnn.focal with fnn.softmax needs values that sum to 1, got"),
        (fnn.kl_divergence, fnn.softmax, [0.0, 0.4, 1.0], "y: fnn.kl_divergence with fnn.softmax needs"),
        (fnn.cross_entropy(label_smoothing=0.1), fnn.sigmoid, [1, -0.5, 0], r"y: .*\(label_smoothing=0.1\) needs"),
    ],
)  # fmt: skip
def test_bad_targets_are_refused(loss: fnn.Loss, output: fnn.Activation, y: list[float], message: str) -> None:
    params = fnn.init((1, 2), seed=0, output=output)
    x, pairs = np.zeros((3, 1)), np.array([[v, v if output is not fnn.softmax or v == 0.4 else 1 - v] for v in y])
    for dtype in (np.float64, np.float32):
        network = fnn.tree_map(lambda leaf, dtype=dtype: leaf.astype(dtype), params)
        for call in (fnn.error, fnn.grad, fnn.backprop):
            with pytest.raises(ValueError, match=message):
                call(network, x, pairs, loss=loss)
        with pytest.raises(ValueError, match=message):
            fnn.train(network, x, pairs, loss=loss, eta=1, epochs=1)


def smoothed(value: float) -> fnn.Loss:
    return fnn.cross_entropy(label_smoothing=value)


@pytest.mark.parametrize(
    "make, value, error, message",
    [
        (fnn.huber, 0, ValueError, "delta: must be finite and above 0, got 0.0"),
        (fnn.huber, float("inf"), ValueError, "delta: must be finite and above 0, got inf"),
        (fnn.huber, "1", TypeError, "delta: needs a number, got '1'"),
        (fnn.quantile, 0, ValueError, "q: must be above 0 and below 1, got 0.0"),
        (fnn.quantile, 1.0, ValueError, "q: must be above 0 and below 1, got 1.0"),
        (fnn.quantile, float("nan"), ValueError, "q: must be above 0 and below 1, got nan"),
        (fnn.focal, -1, ValueError, "gamma: must be finite and at least 0, got -1.0"),
        (fnn.focal, [1.0], TypeError, "gamma: needs a number, got "),
        (smoothed, 1, ValueError, "label_smoothing: must be at least 0 and below 1, got 1.0"),
        (smoothed, -0.1, ValueError, "label_smoothing: must be at least 0 and below 1, got -0.1"),
        (smoothed, True, TypeError, "label_smoothing: needs a number, got True"),
    ],
)  # fmt: skip
def test_bad_parameters(make: Callable[[Any], Any], value: Any, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        make(value)


def test_losses_are_values() -> None:
    assert fnn.huber(2) == fnn.huber(2.0) != fnn.huber(3.0)
    assert hash(fnn.huber(2)) == hash(fnn.huber(2.0))
    assert fnn.huber(1.0) is fnn.huber
    assert fnn.huber(2.0)(1.0) is fnn.huber
    assert fnn.squared_error != fnn.cross_entropy
    assert fnn.focal(2.0) is fnn.focal
    assert repr(fnn.squared_error) == "fnn.squared_error"
    assert repr(fnn.huber) == "fnn.huber"
    assert repr(fnn.huber(2)) == "fnn.huber(delta=2.0)"
    assert repr(fnn.cross_entropy(label_smoothing=0.1)) == "fnn.cross_entropy(label_smoothing=0.1)"
    assert repr(CAUCHY) == "fnn.Loss('cauchy', cauchy, cauchy_prime)"
    for loss in LOSSES:
        again = pickle.loads(pickle.dumps(loss))
        assert again == loss == copy.deepcopy(loss)
        if loss.name == repr(loss)[4:]:
            assert again is loss


@pytest.mark.usefixtures("exact_threads")
@pytest.mark.parametrize("loss, output", PAIRS)
def test_training_reduces_the_error_with_the_same_bits_for_any_threads(loss: fnn.Loss, output: fnn.Activation) -> None:
    for dtype in (np.float64, np.float32):
        p = problem(4, (3, 8, 3), (fnn.tanh,), output, loss, 150, dtype=dtype, weighted=True)
        options: dict[str, Any] = {"eta": 0.05, "batch_size": 40, "reduction": "mean", "loss": loss}
        before = fnn.error(p.params, p.x, p.y, loss=loss)
        alone = fnn.train(p.params, p.cases, **options, epochs=20, threads=1)
        assert fnn.error(alone.params, p.x, p.y, loss=loss) < 0.998 * before
        first = fnn.train(p.params, p.cases, **options, epochs=2, threads=1)
        for threads in (2, 3, 4):  # which wait at each step: few steps
            run = fnn.train(p.params, p.cases, **options, epochs=2, threads=threads)
            assert run.params == first.params
            assert run.history.error.tobytes() == first.history.error.tobytes()


def test_quantiles_are_learned() -> None:
    y = np.random.default_rng(0).gamma(2, 1, (1001, 1))
    params = fnn.Params({"W1": np.zeros((1, 1)), "b1": [1.0]}, hidden=(), output=fnn.identity)
    run = fnn.train(params, np.zeros((1001, 1)), y, loss=fnn.quantile(0.9), reduction="mean", eta=0.05, epochs=4000)

    assert np.mean(y <= run.params["b1"]) == pytest.approx(0.9, abs=0.01)


# User-defined losses.


def test_bad_user_losses_are_refused() -> None:
    for arguments, error, message in [
        (("f", abs, scalars.cauchy_prime), TypeError, "error: needs a function under @numba.njit, got <built-in"),
        (("f", scalars.cauchy, lambda a, y: a), TypeError, "prime: needs a function under @numba.njit, got <func"),
        (("f", scalars.softplus, scalars.cauchy), TypeError, r"error: needs to take 2 \(a, y\), got softplus\(z"),
        (("huber", scalars.cauchy, scalars.cauchy), ValueError, "name: fnn.huber is a built-in loss"),
        (("a b", scalars.cauchy, scalars.cauchy), ValueError, "name: must be an identifier, got 'a b'"),
        ((1, scalars.cauchy, scalars.cauchy), TypeError, "name: needs a string, got 1"),
    ]:  # fmt: skip
        make: Any = fnn.Loss
        with pytest.raises(error, match=message):
            make(*arguments)
    loss = fnn.Loss("wrong", njit(lambda a, y: a.nothing), scalars.cauchy)
    with pytest.raises(TypeError, match=r"wrong.*error or prime can't be compiled for float64"):
        fnn.error(of_logits(fnn.identity), Z, REALS, loss=loss)


def test_user_losses_that_do_not_always_return_a_number() -> None:
    maybe = scalars.same_or_none_of_two
    for error, prime, got in [
        (maybe, scalars.cauchy, "error must always return a real number, but it may return None"),
        (scalars.cauchy, maybe, "prime must always return a real number, but it may return None"),
        (scalars.pair_of_two, scalars.cauchy, "error must always return a real number, but it returns UniTuple"),
    ]:
        with pytest.raises(TypeError, match=got):
            fnn.Loss("partial", error, prime)
    with pytest.raises(TypeError, match="second must always return a real number, but it may return None"):
        fnn.Loss("partial", scalars.cauchy, scalars.cauchy, maybe)


def test_user_loss_may_return_integers() -> None:
    loss = fnn.Loss("constant", scalars.constant, scalars.constant)
    t = fnn.backprop(of_logits(fnn.identity), Z, REALS, loss=loss)

    assert t.error == 6
    assert t.delta[1].tolist() == [[1, 1, 1]] * 2


def test_user_losses_compare_by_functions() -> None:
    assert fnn.Loss("cauchy", scalars.cauchy, scalars.cauchy_prime) == CAUCHY
    other = fnn.Loss("cauchy", scalars.constant, scalars.constant)
    assert other != CAUCHY
    assert fnn.error(of_logits(fnn.identity), Z, REALS, loss=other) == 6
    assert fnn.error(of_logits(fnn.identity), Z, REALS, loss=CAUCHY) == pytest.approx(
        np.log1p((Z - REALS) ** 2).sum() / 2
    )


def test_case_of_weight_0_may_overflow() -> None:
    params = fnn.Params({"W1": [[1.0]], "b1": [0.0]}, hidden=(), output=fnn.identity)

    assert fnn.error(params, fnn.Cases([[1e200], [1.0]], [[0.0], [0.0]], weights=[0.0, 1.0])) == 0.5  # ½ (1 − 0)²


def test_squared_error_is_float64() -> None:
    leaves = {"W1": np.ones((1, 1), np.float32), "b1": np.zeros(1, np.float32)}
    params = fnn.Params(leaves, hidden=(), output=fnn.identity)

    assert fnn.error(params, [[1e20]], [[0.0]]) == 0.5 * float(np.float32(1e20)) ** 2  # 5·10³⁹, beyond float32


@pytest.mark.parametrize("weights", [[1e300, 1.0], [1e-320, 0.0]])
def test_extreme_weights_are_refused(weights: list[float]) -> None:
    params = fnn.init((1, 1), seed=0, dtype=np.float32)

    with pytest.raises(ValueError, match="weights: "):
        fnn.grad(params, fnn.Cases([[1.0], [2.0]], [[0.0], [1.0]], weights=weights), reduction="mean")
