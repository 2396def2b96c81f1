"""`posterior`: variances against plain NumPy and linear regression, and how often its intervals are right."""

from __future__ import annotations

import math
import pickle
from typing import Any

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from numpy.typing import NDArray

import fnn

stats = pytest.importorskip("scipy.stats")
Doubles = NDArray[np.float64]

X = np.linspace(-1, 1, 40)[:, None]
Y = np.hstack([np.sin(3 * X), X**2]) + 0.1 * np.cos(40 * X)
NEW = np.linspace(-1.2, 1.2, 7)[:, None]
WEIGHTS = (0.5 + np.arange(40) % 3).astype(np.float64)
NET = fnn.init((1, 4, 2), seed=1, hidden=fnn.tanh, output=fnn.identity, initializer=fnn.nguyen_widrow)
MASK = fnn.Regularization(l2=0.001, mask={"W1": [[1, 1, 0, 1]], "b2": [1, 0]})
BAYESIAN = fnn.levenberg_marquardt(bayesian=True)


def jacobian_of(params: fnn.Params[Any], x: Doubles) -> Doubles:
    """The derivatives of all outputs, a row each, for the parameters."""
    units = np.eye(params.sizes[-1])

    return np.array([fnn.vjp(params, case, unit)[0].flat for case in x for unit in units])


class Plain:
    """The formulas with NumPy's inverse."""

    def __init__(
        self, params: fnn.Params[Any], R: Doubles, noise: float | None = None, w: Doubles | None = None
    ) -> None:  # fmt: skip
        J, e = jacobian_of(params, X), (fnn.forward(params, X) - Y).ravel()
        each = np.ones(80) if w is None else np.repeat(w, 2)
        kept = params.flat != 0  # of these tests, what a mask removes is 0, and nothing else
        G = J.T @ (each[:, None] * J)
        R = R + 2.0**-48 * kept.sum() * np.diag(G)
        self.inverse = np.zeros_like(G)
        self.inverse[np.ix_(kept, kept)] = np.linalg.inv((G + np.diag(R))[np.ix_(kept, kept)])
        self.gamma = kept.sum() - np.sum(R * np.diag(self.inverse))
        self.freedom = each.sum() - self.gamma
        self.noise = math.sqrt(each @ e**2 / self.freedom) if noise is None else noise
        self.params = params

    def std(self, x: Doubles, noise: bool = True) -> Doubles:
        J = jacobian_of(self.params, x)
        deviations: Doubles = self.noise * np.sqrt(noise + np.einsum("ij,jk,ik->i", J, self.inverse, J))

        return deviations.reshape(-1, 2)


def penalty_of(params: fnn.Params[Any], weights: float, biases: float = 0.0) -> Doubles:
    return np.concatenate([np.full(leaf.size, weights if key[0] == "W" else biases) for key, leaf in params.items()])


def require_equal(found: fnn.Posterior[Any], plain: Plain, freedom: float) -> None:
    assert_allclose(found.std(NEW), plain.std(NEW), rtol=1e-9)
    assert_allclose(found.std(NEW, noise=False), plain.std(NEW, noise=False), rtol=1e-9)
    assert_allclose([found.noise, found.effective_parameters], [plain.noise, plain.gamma], rtol=1e-9)
    assert found.degrees_of_freedom == pytest.approx(freedom, rel=1e-9)


@pytest.fixture(scope="module")
def run() -> fnn.Run[np.float64]:
    return fnn.train(NET, X, Y, optimizer=fnn.levenberg_marquardt(), epochs=40)


def test_the_delta_method(run: fnn.Run[np.float64]) -> None:
    plain = Plain(run.params, penalty_of(NET, 0))
    assert plain.freedom == pytest.approx(80 - 18, abs=1e-4)
    found = fnn.posterior(run, X, Y)
    require_equal(found, plain, plain.freedom)
    low, high = found.interval(NEW, 0.75)
    half = stats.t.ppf(0.875, plain.freedom) * plain.std(NEW)

    assert_allclose((low + high) / 2, fnn.forward(run.params, NEW), rtol=1e-12, atol=1e-14)
    assert_allclose((high - low) / 2, half, rtol=1e-9)
    assert repr(found).startswith("fnn.Posterior(noise=0.")
    assert "effective_parameters=18, " in repr(found)


@pytest.mark.parametrize("reduction", ["sum", "mean"])
def test_weights_l2_and_a_mask(reduction: Any) -> None:
    cases = fnn.Cases(X, Y, weights=WEIGHTS)
    options: Any = {"reduction": reduction, "regularization": MASK}
    params = fnn.train(NET, cases, optimizer=fnn.levenberg_marquardt(), epochs=20, **options).params
    R = penalty_of(NET, 0.001 * (WEIGHTS.sum() if reduction == "mean" else 1))
    plain = Plain(params, R, w=WEIGHTS)
    found = fnn.posterior(params, cases, **options)

    assert np.count_nonzero(params.flat) == 18 - 2
    require_equal(found, plain, plain.freedom)
    # Removed parameters take no part, whatever stands there.
    filled = params.with_flat(np.where(params.flat == 0, 7.0, params.flat))
    assert_array_equal(fnn.posterior(filled, cases, **options).std(NEW), found.std(NEW))


def test_bayesian_regularisation() -> None:
    run = fnn.train(NET, X, Y, optimizer=BAYESIAN, epochs=60)
    _, alpha, beta, gamma = run.state.numbers
    found = fnn.posterior(run, X, Y)
    require_equal(found, Plain(run.params, penalty_of(NET, alpha / beta, alpha / beta), beta**-0.5), math.inf)
    low, high = found.interval(NEW)

    assert found.effective_parameters == pytest.approx(gamma, rel=0.01)
    assert_allclose((high - low) / 2, stats.norm.ppf(0.95) * found.std(NEW), rtol=1e-12)
    assert fnn.posterior(run.params, X, Y).degrees_of_freedom < math.inf  # params alone don't tell
    with pytest.raises(ValueError, match=r"regularization: after Bayesian regularisation l2 must be 0, got 0\.001"):
        fnn.posterior(run, X, Y, regularization=MASK)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_linear_regression(dtype: type[Any]) -> None:
    random = np.random.default_rng(0)
    x = random.normal(size=(30, 3)).astype(dtype).astype(np.float64)
    y = x @ [1.0, 2.0, -1.0] + 0.5 + 0.3 * random.normal(size=30)
    A, new = np.c_[x, np.ones(30)], random.normal(size=(5, 3))
    w = np.linalg.lstsq(A, y, rcond=None)[0]
    params = fnn.Params({"W1": w[:3, None].astype(dtype), "b1": w[3:].astype(dtype)}, hidden=(), output=fnn.identity)
    s = math.sqrt(np.sum((A @ w - y) ** 2) / 26)
    leverage = np.einsum("ij,jk,ik->i", np.c_[new, np.ones(5)], np.linalg.inv(A.T @ A), np.c_[new, np.ones(5)])
    found = fnn.posterior(params, x, y)
    for noise in (0, 1):
        low, high = found.interval(new, 0.95, noise=bool(noise))
        half = stats.t.ppf(0.975, 26) * s * np.sqrt(noise + leverage)
        assert low.dtype == high.dtype == dtype
        assert_allclose((high - low)[:, 0] / 2, half, rtol=1e-12 if dtype == np.float64 else 2e-5)
    assert found.effective_parameters == pytest.approx(4, abs=1e-10)


def test_a_case_of_weight_2_counts_as_two(run: fnn.Run[np.float64]) -> None:
    twice = np.r_[0:40, 0:40:2]
    weighted = fnn.posterior(run, fnn.Cases(X, Y, weights=1.0 + (np.arange(40) % 2 == 0)))
    repeated = fnn.posterior(run, X[twice], Y[twice])

    assert_allclose(weighted.std(NEW), repeated.std(NEW), rtol=1e-9)
    assert weighted.degrees_of_freedom == pytest.approx(120 - 18)


def test_what_was_held_out_takes_no_part() -> None:
    cases = fnn.Cases(2 * X, Y, weights=WEIGHTS, scale=0.5)
    run = fnn.train(NET, cases, optimizer=fnn.levenberg_marquardt(), epochs=5, validation=0.25)
    assert run.held_out is not None
    rest = np.setdiff1d(np.arange(40), run.held_out)
    found = fnn.posterior(run, cases)
    expected = fnn.posterior(run.params, fnn.Cases(X[rest], Y[rest], weights=WEIGHTS[rest]))

    assert_array_equal(found.std(NEW), expected.std(NEW))
    with pytest.raises(ValueError, match=r"x: needs all cases that train was given, \d+ at least, got 5"):
        fnn.posterior(run, X[:5], Y[:5])


def test_parameters_of_no_influence() -> None:
    # A unit that is dead on the cases, and a twin: 3 of 10 parameters aren't determined, nor is what the dead one does.
    leaves: dict[str, Any] = {"W1": [[1.0, 1.0, 1.0]], "b1": [2.0, 2.0, -3.0], "W2": [[1.0], [1.0], [1.0]], "b2": [0.0]}
    params: fnn.Params[Any] = fnn.Params(leaves, hidden=fnn.relu, output=fnn.identity)
    y = 2 * X[:, 0] + 4 + 0.1 * np.cos(40 * X[:, 0])
    found = fnn.posterior(params, X, y)
    A = np.c_[X, np.ones(40)]
    s = math.sqrt(np.sum((y - 2 * X[:, 0] - 4) ** 2) / 38)

    assert found.effective_parameters == pytest.approx(2, abs=0.05)  # the twins' derivatives are alike to rounding
    leverage = np.einsum("ij,jk,ik->i", A, np.linalg.inv(A.T @ A), A)
    assert_allclose(found.std(X, noise=False)[:, 0], s * np.sqrt(leverage), rtol=1e-3)
    assert 1e3 < found.std([4.0])[0] < math.inf


def test_outputs_that_depend_on_nothing() -> None:
    params = fnn.Params({"W1": [[1.0]], "b1": [-5.0]}, hidden=(), output=fnn.relu)
    found = fnn.posterior(params, X, 0.1 * np.cos(40 * X))

    assert found.effective_parameters == pytest.approx(0, abs=1e-12)
    assert_array_equal(found.std(X, noise=False), 0)


def test_a_perfect_fit() -> None:
    params = fnn.Params({"W1": [[2.0]], "b1": [1.0]}, hidden=(), output=fnn.identity)
    found = fnn.posterior(params, X, 1 + 2 * X)

    assert found.noise == 0
    assert_array_equal(found.interval(X), [1 + 2 * X] * 2)


def test_one_case_many_cases_and_copies(run: fnn.Run[np.float64]) -> None:
    found = fnn.posterior(run, X, Y)
    many = np.linspace(-1, 1, 101)[:, None]

    assert found.std(many[3]).shape == (2,)
    assert_array_equal(found.std(many[3]), found.std(many)[3])
    assert_array_equal(pickle.loads(pickle.dumps(found)).std(many), found.std(many))
    assert_array_equal(found.interval(many, 0)[0], fnn.forward(run.params, many))


def wave(x: Doubles) -> Doubles:
    return np.sin(3 * x)


@pytest.mark.parametrize("optimizer", [fnn.levenberg_marquardt(), BAYESIAN], ids=["delta", "bayesian"])
def test_intervals_hold_what_they_promise(optimizer: Any) -> None:
    random, sets = np.random.default_rng(1), 200

    def drawn(count: int) -> tuple[Doubles, Doubles]:
        x = random.uniform(-1, 1, (count, 1))
        return x, wave(x) + 0.2 * random.normal(size=x.shape)

    starts = [
        fnn.init((1, 4, 1), seed=seed, hidden=fnn.tanh, output=fnn.identity, initializer=fnn.nguyen_widrow)
        for seed in range(sets)
    ]
    cases = [fnn.Cases(*drawn(100)) for _ in range(sets)]
    runs = fnn.train_many(starts, fnn.Each(cases), optimizer=optimizer, epochs=150)
    inside = np.empty((sets, 2, 100))
    for k in range(sets):
        found, (x, y) = fnn.posterior(runs[k], cases[k]), drawn(100)
        for noise, truth in ((0, wave(x)), (1, y)):
            low, high = found.interval(x, noise=bool(noise))
            inside[k, noise] = ((low <= truth) & (truth <= high))[:, 0]

    assert 0.88 <= inside[:, 1].mean() <= 0.92
    assert 0.86 <= inside[:, 0].mean() <= 0.94


@pytest.mark.parametrize(
    "arguments, options, error, message",
    [
        ((NET, X[::6], Y[::6]), {}, ValueError, r"x, y: 14 targets are too few to tell the noise from 1"),
        ((NET, X), {}, TypeError, "y: needs the targets"),
        ((NET, X, Y), {"reduction": "all"}, ValueError, "reduction: must be"),
        ((NET, X, Y), {"regularization": fnn.Regularization(l1=0.1)}, ValueError, "regularization: l1"),
        ((NET, X, Y), {"regularization": 0.1}, TypeError, "regularization: needs"),
        ((NET.flat, X, Y), {}, TypeError, "run: needs"),
        ((NET, X, Y[:, :1]), {}, ValueError, "y: "),
    ],
)  # fmt: skip
def test_refusals(arguments: Any, options: Any, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        fnn.posterior(*arguments, **options)


def test_bad_levels_and_inputs(run: fnn.Run[np.float64]) -> None:
    found = fnn.posterior(run, X, Y)
    for level in (1, -0.1, np.nan):
        with pytest.raises(ValueError, match="level: must be at least 0 and below 1, got"):
            found.interval(X, level)
    with pytest.raises(ValueError, match="x: has 2 columns"):
        found.std(Y)
    with pytest.raises(AttributeError):
        found.noise = 1.0  # type: ignore[misc]
