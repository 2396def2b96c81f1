"""Levenberg–Marquardt and Bayesian regularisation: steps, ends, rules, promises."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.optimize import least_squares

import fnn
from fnn.equations.objective import objective_of
from tests.kills import digest
from tests.problems import problem
from tests.scalars import CAUCHY_WITH_SECOND

Doubles = NDArray[np.float64]

X = np.linspace(-1, 1, 80)[:, None]
Y = np.sin(3 * X) + 0.1 * np.cos(40 * X)
START = fnn.init((1, 6, 1), seed=0, hidden=fnn.tanh, output=fnn.identity)
LINE = fnn.Params({"W1": [[2.0]], "b1": [1.0]}, hidden=(), output=fnn.identity)
LM = fnn.levenberg_marquardt()


def residuals(params: fnn.Params[Any], x: Doubles, y: Doubles) -> tuple[Doubles, Doubles]:
    """The errors of all outputs, and their derivatives by the parameters."""
    e = fnn.forward(params, x) - y

    return e.ravel(), fnn.jacobian(params, x, by="params").reshape(e.size, -1)


def one_epoch(params: fnn.Params[Any], x: Doubles, y: Doubles, mu: float) -> tuple[fnn.Params[Any], float]:
    """L1 by least squares on the stacked system (J; √μ) s = (e; 0), by the rules of trainlm."""
    e, J = residuals(params, x, y)
    while True:
        stacked = np.vstack([J, np.sqrt(mu) * np.eye(J.shape[1])])
        s = np.linalg.lstsq(stacked, np.concatenate([e, np.zeros(J.shape[1])]), rcond=None)[0]
        trial = params.with_flat(params.flat - s)
        if fnn.error(trial, x, y) < fnn.error(params, x, y):
            return trial, 0.1 * mu
        mu *= 10


@pytest.mark.parametrize("count", [4, 80, 4200])  # the last ones aren't all in the workspace
@pytest.mark.parametrize("sizes", [(1, 6, 1), (1, 5, 2)])
def test_a_step_is_that_of_least_squares(sizes: tuple[int, ...], count: int) -> None:
    start = fnn.init(sizes, seed=1, hidden=fnn.tanh, output=fnn.identity)
    x, y = np.resize(X, (count, 1)), np.resize(np.hstack([Y, -Y])[:, : sizes[-1]], (count, sizes[-1]))
    run = fnn.train(start, x, y, optimizer=fnn.levenberg_marquardt(mu=0.1), epochs=3)
    params, mu = start, 0.1
    for _ in range(3):
        params, mu = one_epoch(params, x, y, mu)

    np.testing.assert_allclose(run.params.flat, params.flat, rtol=0, atol=1e-10 * np.abs(params.flat).max())
    np.testing.assert_allclose(run.state.numbers, mu, rtol=1e-12)
    assert run.history.error[-1] == pytest.approx(fnn.error(run.params, x, y, reduction="mean"), rel=1e-14)


@pytest.mark.parametrize("seed", range(20))
def test_the_end_is_that_of_scipy(seed: int) -> None:
    """The same minimum or a lower one, from a start near enough that both go to one."""
    true = fnn.init((1, 2, 1), seed=seed, hidden=fnn.tanh, output=fnn.identity, initializer=fnn.standard_normal)
    r = np.random.default_rng(seed)
    x = r.normal(size=(60, 1))
    y = fnn.forward(true, x) + 0.01 * r.normal(size=(60, 1))
    start = true.with_flat(true.flat + 0.05 * r.normal(size=true.flat.size))
    run = fnn.train(start, x, y, optimizer=fnn.levenberg_marquardt(min_gradient=1e-12), epochs=3000)

    def part(i: int) -> Any:
        return lambda flat: residuals(true.with_flat(flat), x, y)[i]

    found = least_squares(part(0), start.flat, part(1), method="lm", xtol=1e-15, ftol=1e-15, gtol=1e-15)

    assert run.history.error[-1] * 60 <= found.cost * (1 + 1e-9)
    assert run.stop_reason in ("min_gradient", "largest_mu", "epochs")


def transcription(x: Doubles, y: Doubles, epochs: int) -> tuple[fnn.Params[Any], Doubles]:
    """trainbr in NumPy, with MacKay's α and β: the params, and μ, α, β, γ."""
    params, mu, (e, J) = START, 5e-3, residuals(START, x, y)
    unit = np.eye(params.flat.size)
    gamma = float(params.flat.size) if e.size > params.flat.size else e.size / 2
    alpha, beta = gamma / (params.flat @ params.flat), (e.size - gamma) / (e @ e)
    for _ in range(epochs):
        w = params.flat
        F = 0.5 * beta * e @ e + 0.5 * alpha * w @ w
        while True:
            s = np.linalg.solve(beta * J.T @ J + (alpha + mu) * unit, beta * J.T @ e + alpha * w)
            trial = params.with_flat(w - s)
            f = fnn.forward(trial, x).ravel() - y.ravel()
            if 0.5 * beta * f @ f + 0.5 * alpha * (w - s) @ (w - s) < F:
                break
            mu *= 10
        params, mu, (e, J) = trial, 0.1 * mu, residuals(trial, x, y)
        gamma = params.flat.size - alpha * np.trace(np.linalg.inv(beta * J.T @ J + alpha * unit))
        alpha, beta = gamma / (params.flat @ params.flat), (e.size - gamma) / (e @ e)

    return params, np.array([mu, alpha, beta, gamma])


@pytest.mark.parametrize("step", [1, 6])  # 80 cases, or 14 and fewer than there are parameters
def test_the_evidence_is_that_of_a_transcription(step: int) -> None:
    x, y = X[::step], Y[::step]
    epochs = 8
    run = fnn.train(START, x, y, optimizer=fnn.levenberg_marquardt(bayesian=True), epochs=epochs)
    params, numbers = transcription(x, y, epochs)

    np.testing.assert_allclose(run.params.flat, params.flat, rtol=1e-7, atol=1e-8)
    np.testing.assert_allclose(run.state.numbers, numbers, rtol=1e-7)
    told = [run.history.solver[name][-1] for name in ("mu", "alpha", "beta", "effective_parameters")]
    assert tuple(told) == run.state.numbers
    assert 0 < numbers[3] < min(len(x), START.flat.size)


CONVEX = [
    (fnn.huber(0.3), fnn.identity), (fnn.log_cosh, fnn.tanh), (fnn.cross_entropy, fnn.softmax),
    (fnn.cross_entropy(label_smoothing=0.1), fnn.sigmoid), (fnn.poisson, fnn.exp), (fnn.gamma, fnn.softplus),
    (fnn.kl_divergence, fnn.log_softmax), (fnn.squared_error, fnn.softmax),
]  # fmt: skip


@pytest.mark.parametrize(("loss", "output"), CONVEX)
@pytest.mark.parametrize("count", [9, 90])
def test_a_step_with_any_convex_loss(loss: fnn.Loss, output: fnn.Activation, count: int) -> None:
    """In the smaller form and in the larger one, with weights, l2, a mask and the mean."""
    p = problem(3, (4, 6, 3), (fnn.tanh,), output, loss, count, weighted=True, reduction="mean")
    mask: dict[str, Any] = {"W1": np.arange(24).reshape(4, 6) % 5 > 0, "b2": [1, 0, 1]}
    options: Any = p.options | {"regularization": fnn.Regularization(l2=0.01, mask=mask)}
    run = fnn.train(p.params, p.cases, optimizer=fnn.levenberg_marquardt(mu=1.0), epochs=1, **options)
    kept = np.concatenate([np.broadcast_to(mask.get(k, True), p.params[k].shape).ravel() for k in p.params]) == 1
    start = p.params.with_flat(np.where(kept, p.params.flat, 0))
    E, g = fnn.value_and_grad(start, p.cases, **options)
    G = fnn.gauss_newton(start, p.cases, **options)[np.ix_(kept, kept)]
    wanted, mu = start.flat.copy(), 1.0
    while True:
        wanted[kept] = start.flat[kept] - np.linalg.solve(G + mu * np.eye(len(G)), g.flat[kept])
        if fnn.error(start.with_flat(wanted), p.cases, **options) < E:
            break
        mu *= 10

    np.testing.assert_allclose(run.params.flat, wanted, rtol=0, atol=1e-11)
    assert not run.params.flat[~kept].any()


@pytest.mark.parametrize("bayesian", [False, True])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("count", [9, 700])
def test_threads_change_no_bit(count: int, dtype: type[Any], bayesian: bool) -> None:
    p = problem(5, (3, 7, 5, 2), (fnn.tanh, fnn.sigmoid), fnn.identity, fnn.squared_error, count, dtype=dtype)
    optimizer = fnn.levenberg_marquardt(bayesian=bayesian)
    digests = {digest(fnn.train(p.params, p.x, p.y, optimizer=optimizer, epochs=12, threads=n)) for n in (1, 2)}
    objective = objective_of(p.params, p.loss, "sum", None)
    for threads in (3, 4):  # more than `train` starts on two processors
        stepper = optimizer.stepper(p.params, p.cases.arrays(p.params, p.loss), objective, 12, None)
        stepper.run(12, threads)
        epochs = stepper.epoch
        history = fnn.History(stepper.history[:epochs], None, None, None, np.zeros(epochs), stepper.told(epochs))
        run = fnn.Run(stepper.params(), history, stepper.snapshot().state, stepper.ending or "epochs")
        digests.add(digest(run))

    assert len(digests) == 1


@pytest.mark.parametrize("bayesian", [False, True])
def test_a_run_in_parts_has_the_same_bits(bayesian: bool, tmp_path: Path) -> None:
    optimizer, path = fnn.levenberg_marquardt(bayesian=bayesian), tmp_path / "run.npz"
    options: dict[str, Any] = {"optimizer": optimizer, "validation": 0.2}
    whole = fnn.train(START, X, Y, epochs=20, **options)
    fnn.train(START, X, Y, epochs=7, checkpoint=path, **options)
    resumed = fnn.train(START, X, Y, epochs=20, checkpoint=path, **options)
    assert digest(resumed) == digest(whole)

    del options["validation"]
    first = fnn.train(START, X, Y, epochs=7, **options)
    second = fnn.train(first.params, X, Y, epochs=13, state=first.state, **options)
    at_once = fnn.train(START, X, Y, epochs=20, **options)
    assert second.params.flat.tobytes() == at_once.params.flat.tobytes()
    assert second.state == at_once.state or second.state.numbers == at_once.state.numbers


def test_a_failure_in_the_last_epoch_hides_no_rule(tmp_path: Path) -> None:
    whole, path = fnn.train(LINE, X, 2 * X + 3, optimizer=LM, epochs=50), tmp_path / "run.npz"
    last = len(whole.history)

    def fail(step: int, params: object, error: float) -> None:
        if step == last:
            raise ZeroDivisionError

    note: Any = fnn.each_steps(1, fail)
    with pytest.raises(ZeroDivisionError):
        fnn.train(LINE, X, 2 * X + 3, optimizer=LM, epochs=50, checkpoint=path, callbacks=[note])
    resumed = fnn.train(LINE, X, 2 * X + 3, optimizer=LM, epochs=50, checkpoint=path)

    assert whole.stop_reason == "min_gradient"
    assert digest(resumed) == digest(whole)


def test_validation_has_the_rule_of_six_failures() -> None:
    r = np.random.default_rng(0)
    x = r.uniform(-1, 1, (40, 1))
    y = np.sin(3 * x) + 0.3 * r.normal(size=x.shape)
    start = fnn.init((1, 20, 1), seed=0, hidden=fnn.tanh, output=fnn.identity)
    run = fnn.train(start, x[:25], y[:25], optimizer=LM, epochs=500, validation=(x[25:], y[25:]))
    errors = run.history.validation_error
    assert errors is not None

    best = int(np.argmin(errors))
    assert run.stop_reason == "patience"
    assert (errors[best + 1 :] > errors[best]).sum() == 6
    assert fnn.error(run.params, x[25:], y[25:], reduction="mean") == errors[best]


def test_an_explicit_rule_takes_its_place() -> None:
    run = fnn.train(START, X, Y, optimizer=LM, epochs=9, validation=(X, Y), stopping=fnn.Stopping(target_error=1e3))
    assert (run.stop_reason, len(run.history)) == ("target_error", 1)


def test_restarts() -> None:
    starts = [fnn.init((1, 4, 1), seed=seed, hidden=fnn.tanh, output=fnn.identity) for seed in range(12)]
    runs = fnn.train_many(starts, X, Y, optimizer=LM, epochs=30)
    for start, run in zip(starts, runs, strict=True):
        assert digest(run) == digest(fnn.train(start, X, Y, optimizer=LM, epochs=30))


def test_callbacks_see_every_epoch() -> None:
    seen: list[float] = []
    note: Any = fnn.each_epoch(lambda epoch, params, record: seen.append(record.error))
    run = fnn.train(START, X, Y, optimizer=LM, epochs=10, callbacks=[note])
    assert seen == run.history.error.tolist()
    assert seen == sorted(seen, reverse=True)


def test_a_loss_of_the_user() -> None:
    """Cauchy's isn't convex: where its second derivative is negative it counts as 0, and the error falls."""
    run = fnn.train(START, X, Y, optimizer=LM, epochs=20, loss=CAUCHY_WITH_SECOND)
    assert run.history.error[-1] < 0.1 * fnn.error(START, X, Y, loss=CAUCHY_WITH_SECOND, reduction="mean")
