"""What Levenberg–Marquardt refuses, and how it ends where there is little to find."""

from __future__ import annotations

import signal
import threading
from typing import Any

import numpy as np
import pytest
from numba import njit
from numba.core.errors import TypingError

import fnn
from tests.problems import problem
from tests.training.test_levenberg_marquardt import LINE, LM, START, X, Y


def test_what_has_no_such_matrix_is_refused() -> None:
    p = problem(3, (4, 6, 3), (fnn.tanh,), fnn.identity, fnn.squared_error, 30)
    refused: list[tuple[str, dict[str, Any]]] = [
        ("loss: .*quantile", {"loss": fnn.quantile}), ("loss: .*absolute_error", {"loss": fnn.absolute_error}),
        ("l1 must be 0", {"regularization": fnn.Regularization(l1=0.1)}),
        ("dropout must be 0", {"regularization": fnn.Regularization(dropout=0.1)}),
        ("batch_size: .*needs all 30 cases", {"batch_size": 10}),
        ("eta: .*has none", {"eta": 0.1}),
        ("state: .*needs 1 finite numbers", {"state": fnn.OptimizerState(0, ())}),
        ("state: .*needs 0 vectors", {"state": fnn.adam().init(p.params)}),
    ]  # fmt: skip
    for message, options in refused:
        with pytest.raises((ValueError, TypeError), match=message):
            fnn.train(p.params, p.x, p.y, optimizer=LM, epochs=3, **options)
    with pytest.raises(ValueError, match=r"x: .*needs all cases in every step"):
        fnn.train(p.params, [(p.x, p.y)], optimizer=LM, epochs=3)
    bayesian = fnn.levenberg_marquardt(bayesian=True)
    with pytest.raises(ValueError, match=r"loss: .*needs fnn.squared_error, got fnn.log_cosh"):
        fnn.train(p.params, p.x, p.y, optimizer=bayesian, epochs=3, loss=fnn.log_cosh)
    regularization, large = fnn.Regularization(l2=0.1), fnn.init((500, 2000, 250), seed=0)
    with pytest.raises(ValueError, match="l2 must be 0"):
        fnn.train(p.params, p.x, p.y, optimizer=bayesian, epochs=3, regularization=regularization)
    with pytest.raises(MemoryError, match=r"params: 1,502,250 parameters need 36\d{3}\.\d GB for matrices"):
        fnn.train(large, np.zeros((10_000, 500)), np.zeros((10_000, 250)), optimizer=LM, epochs=1)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"mu": 0}, "mu: must be finite and above 0"),
        ({"increase": 1}, "increase: must be finite and at least 1.1, got 1"),
        ({"decrease": 1}, "decrease: must be at least 0 and below 1"),
        ({"mu": 10, "largest": 1}, "largest: must be at least mu"),
        ({"min_gradient": -1}, "min_gradient: must be finite and at least 0"),
    ],
)  # fmt: skip
def test_numbers_out_of_range(arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        fnn.levenberg_marquardt(**arguments)


def test_inside_njit_it_is_refused_by_name() -> None:
    @njit
    def made_inside(params: Any) -> Any:
        return fnn.train(params, X, Y, optimizer=fnn.levenberg_marquardt(), epochs=1)

    @njit
    def made_outside(params: Any) -> Any:
        return fnn.train(params, X, Y, optimizer=LM, epochs=1)

    for function in (made_inside, made_outside):
        with pytest.raises(TypingError, match=r"fnn.levenberg_marquardt: can't be used inside @njit"):
            function(START)


@pytest.mark.parametrize("numbers", [(0.0,), (-1.0,), (np.nan,), ()])
def test_a_state_that_no_run_has_is_refused(numbers: tuple[float, ...]) -> None:
    with pytest.raises(ValueError, match=r"^state: "):
        fnn.train(START, X, Y, optimizer=LM, epochs=3, state=fnn.OptimizerState(3, (), numbers))


def test_negative_evidence_is_refused() -> None:
    state: fnn.OptimizerState[Any] = fnn.OptimizerState(3, (), (1e-3, -1.0, -1.0, 2.0))
    with pytest.raises(ValueError, match="needs μ above 0, and α, β and γ of at least 0"):
        fnn.train(START, X, Y, optimizer=fnn.levenberg_marquardt(bayesian=True), epochs=3, state=state)


def test_no_other_optimizer_takes_its_state() -> None:
    state = fnn.train(START, X, Y, optimizer=LM, epochs=1).state
    with pytest.raises(ValueError, match=r"state: .* needs 0 finite numbers, got \(0.0"):
        fnn.train(START, X, Y, eta=0.1, epochs=1, state=state)


def test_there_is_no_update() -> None:
    with pytest.raises(TypeError, match=r"fnn.levenberg_marquardt has no update: .*; call fnn.train"):
        LM.update(START, START, LM.init(START))


@pytest.mark.usefixtures("default_sigint")
def test_ctrl_c_ends_it_between_two_epochs() -> None:
    x = np.linspace(-1, 1, 2000)[:, None]
    start = fnn.init((1, 40, 1), seed=0, hidden=fnn.tanh, output=fnn.identity)
    options: dict[str, Any] = {"optimizer": fnn.levenberg_marquardt(min_gradient=0), "threads": 1}
    fnn.train(start, x, np.sin(30 * x), epochs=1, **options)
    timer = threading.Timer(0.2, signal.raise_signal, [signal.SIGINT])
    timer.start()
    with pytest.raises(fnn.TrainingInterrupted) as caught:
        fnn.train(start, x, np.sin(30 * x), epochs=10**9, **options)
    timer.join()
    epochs = len(caught.value.history)

    assert epochs > 0
    same = fnn.train(start, x, np.sin(30 * x), epochs=epochs, **options)
    assert caught.value.params.flat.tobytes() == same.params.flat.tobytes()


DEAD = fnn.Params({"W1": np.zeros((1, 3)), "b1": [-5.0] * 3, "W2": np.ones((3, 1)), "b2": [0.0]}, hidden=fnn.relu,
                  output=fnn.identity)  # fmt: skip
SINGULAR: dict[str, tuple[fnn.Params[Any], Any, Any]] = {
    "dead units": (DEAD, X, Y),
    "a duplicated input": (fnn.init((2, 5, 1), seed=0, hidden=fnn.tanh, output=fnn.identity), np.hstack([X, X]), Y),
    "one case": (START, X[:1], Y[:1]),
    "a perfect fit": (LINE, X, 2 * X + 1),
    "constant targets": (START, X, np.ones_like(X)),
    "targets of zero": (START, X, np.zeros_like(X)),
    "an input without effect": (START, np.zeros_like(X), Y),
}


@pytest.mark.parametrize("bayesian", [False, True])
@pytest.mark.parametrize("name", SINGULAR)
def test_a_singular_problem_ends_without_nan(name: str, bayesian: bool) -> None:
    start, x, y = SINGULAR[name]
    run = fnn.train(start, x, y, optimizer=fnn.levenberg_marquardt(bayesian=bayesian), epochs=3000)

    assert run.stop_reason in ("min_gradient", "largest_mu", "epochs")
    count = run.history.solver.get("effective_parameters", np.zeros(1))
    assert ((count >= 0) & (count <= min(start.flat.size, len(x)))).all()
    assert np.isfinite(run.params.flat).all()
    assert all(np.isfinite(column).all() for column in run.history.as_dict().values())
    assert run.history.error[-1] <= fnn.error(start, x, y, reduction="mean") * (1 + 1e-12) + 1e-20


def test_an_error_that_is_not_finite_is_told() -> None:
    huge = fnn.Params({"W1": [[1e200]], "b1": [0.0]}, hidden=(), output=fnn.identity)
    with pytest.raises(fnn.TrainingDiverged) as caught:
        fnn.train(huge, [[1e200]], [[0.0]], optimizer=LM, epochs=3)
    assert caught.value.params.flat.tobytes() == huge.flat.tobytes()


@pytest.mark.parametrize("optimizer", [LM, fnn.lbfgs()])
def test_a_gradient_that_is_not_finite_is_told(optimizer: fnn.Solver) -> None:
    weights = np.full(len(X), 1e300)
    with pytest.raises(fnn.TrainingDiverged, match="usually inputs or targets are not scaled"):
        fnn.train(START, fnn.Cases(1e20 * X, Y, weights=weights), optimizer=optimizer, epochs=3)
