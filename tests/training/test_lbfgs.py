"""`lbfgs` in `train`: against SciPy's L-BFGS-B, with every part of the objective, and how runs end and go on."""

from __future__ import annotations

import pickle
import threading
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy.optimize import minimize

import fnn
from fnn.equations.objective import objective_of
from fnn.training.steppers.solver import OF_UNIT, capacity_of, evaluation_work
from tests.problems import KINDS, Problem, problem
from tests.scalars import CAUCHY

SMOOTH = problem(1, (3, 8, 2), (fnn.tanh,), fnn.identity, fnn.squared_error, 60)
LABELLED = problem(2, (4, 6, 3), (fnn.tanh,), fnn.softmax, fnn.cross_entropy, 80, labelled=True, weighted=True)
L2 = fnn.Regularization(l2=0.01)
MASK = {"W1": np.arange(24).reshape(3, 8) % 3 != 0, "b2": np.array([True, False])}


def run(p: Problem = SMOOTH, epochs: int = 40, **options: Any) -> fnn.Run[Any]:
    options = {"optimizer": fnn.lbfgs(), **p.options, **options}

    return fnn.train(p.params, p.cases, epochs=epochs, **options)


def assert_same(a: fnn.Run[Any], b: fnn.Run[Any]) -> None:
    assert_array_equal(a.params.flat, b.params.flat)
    assert_array_equal(a.history.error, b.history.error)
    for name, row in a.history.solver.items():
        assert_array_equal(row, b.history.solver[name])
    for one, other in zip(a.state.vectors, b.state.vectors, strict=True):
        assert_array_equal(one.flat, other.flat)
    assert (a.stop_reason, a.state.step) == (b.stop_reason, b.state.step)


@pytest.mark.parametrize("reduction", ["sum", "mean"])
@pytest.mark.parametrize("regularization", [None, L2], ids=["plain", "l2"])
@pytest.mark.parametrize("p", [SMOOTH, LABELLED], ids=["squared error", "cross-entropy"])
def test_iterations_are_those_of_scipy(p: Problem, regularization: Any, reduction: Any) -> None:
    options: dict[str, Any] = {"loss": p.loss, "reduction": reduction, "regularization": regularization}
    values, evaluations = [], []

    def evaluate(flat: Any) -> tuple[float, Any]:
        value, slope = fnn.value_and_grad(p.params.with_flat(flat), p.cases, **options)
        return value, slope.flat

    for most in (12, 60):
        limits = {"maxiter": most, "ftol": 0.0, "gtol": 0.0, "maxcor": 10, "maxfun": 10**6}
        theirs = minimize(evaluate, p.params.flat, jac=True, method="L-BFGS-B", options=limits)
        ours = fnn.train(p.params, p.cases, optimizer=fnn.lbfgs(min_gradient=0), epochs=most, **options)
        values.append((fnn.error(ours.params, p.cases, **options), theirs.fun))
        evaluations.append((1 + ours.history.solver["evaluations"].sum(), theirs.nfev))
    assert_allclose(*values[0], rtol=1e-7)  # later, roundings have grown
    assert evaluations[0][0] == evaluations[0][1]
    assert values[1][0] <= 1.3 * values[1][1]
    assert evaluations[1][0] <= 1.1 * evaluations[1][1]


def test_a_convex_problem_ends_in_its_minimum() -> None:
    p = problem(7, (3, 2), (), fnn.identity, fnn.squared_error, 40, weighted=True)
    assert p.weights is not None
    root = np.sqrt(p.weights)[:, None]
    design = np.hstack([p.x, np.ones((40, 1))])
    wanted = np.linalg.lstsq(root * design, root * p.y, rcond=None)[0]
    found = run(p, 300, optimizer=fnn.lbfgs(min_gradient=1e-9))

    assert found.stop_reason == "min_gradient"
    assert_allclose(found.params.flat, wanted.ravel(), atol=1e-9)
    assert np.linalg.norm(fnn.grad(found.params, p.cases).flat) <= 1e-9
    assert found.history.solver["gradient_norm"][-1] <= 1e-9 < found.history.solver["gradient_norm"][-2]


LOSSES = [*KINDS, (fnn.log_cosh, fnn.identity), (fnn.gamma, fnn.softplus), (fnn.kl_divergence, fnn.log_softmax),
          (fnn.focal, fnn.sigmoid), (fnn.quantile(0.8), fnn.tanh), (fnn.absolute_error, fnn.identity),
          (fnn.hinge, fnn.identity)]  # fmt: skip


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize(("loss", "output"), LOSSES, ids=lambda value: value.name)
def test_every_loss_falls_and_the_history_has_the_error_after_each_epoch(loss: Any, output: Any, dtype: Any) -> None:
    p = problem(3, (3, 7, 3), (fnn.tanh,), output, loss, 70, weighted=True, dtype=dtype, reduction="mean")
    seen = []

    def observe(epoch: int, params: fnn.Params[Any], record: fnn.Record) -> None:
        seen.append(fnn.error(params, p.cases, **p.options))

    found = run(p, 15, callbacks=[fnn.each_epoch(observe)])
    before = fnn.error(p.params, p.cases, **p.options)

    assert found.history.error[-1] < 0.9 * before
    assert (np.diff([before, *found.history.error]) <= 0).all()
    assert_array_equal(found.history.error, seen)


def test_the_reduction_changes_no_step() -> None:
    """The first step has the length 1, the others follow from ratios."""
    a, b = (run(LABELLED, 12, reduction=reduction) for reduction in ("sum", "mean"))

    assert_allclose(a.history.error, b.history.error, rtol=1e-7)


def test_a_weight_counts_as_so_many_cases() -> None:
    p = problem(4, (2, 5, 1), (fnn.tanh,), fnn.identity, fnn.squared_error, 30)
    times = np.arange(30) % 3
    weighted = fnn.train(p.params, fnn.Cases(p.x, p.y, weights=times), optimizer=fnn.lbfgs(), epochs=10)
    rows = np.repeat(np.arange(30), times)
    repeated = fnn.train(p.params, p.x[rows], p.y[rows], optimizer=fnn.lbfgs(), epochs=10)

    assert_allclose(weighted.history.error, repeated.history.error, rtol=1e-8)


def test_the_penalty_counts_but_is_not_in_the_history() -> None:
    found = run(SMOOTH, 500, regularization=fnn.Regularization(l2=0.3), optimizer=fnn.lbfgs(min_gradient=1e-6))
    slope = fnn.grad(found.params, SMOOTH.cases, regularization=fnn.Regularization(l2=0.3))

    assert found.stop_reason == "min_gradient"
    assert np.linalg.norm(slope.flat) <= 1.01e-6
    assert_allclose(found.history.error[-1], fnn.error(found.params, SMOOTH.cases, reduction="mean"), rtol=1e-14)


@pytest.mark.parametrize("l2", [0.0, 0.05])
def test_removed_weights_stay_0(l2: float) -> None:
    regularization = fnn.Regularization(mask=MASK, l2=l2)
    other = fnn.lbfgs().init(SMOOTH.params)
    filled = fnn.OptimizerState(0, tuple(vector.with_flat(np.ones(vector.flat.size)) for vector in other.vectors))
    for options in ({}, {"state": filled}):
        found = run(SMOOTH, 30, regularization=regularization, **options)
        for key, kept in MASK.items():
            assert not found.params[key][~kept].any()
            assert not any(vector[key][~kept].any() for vector in found.state.vectors)
        assert found.history.error[-1] < 0.8 * found.history.error[0]
    wanted = fnn.grad(found.params, SMOOTH.cases, regularization=regularization)
    assert_allclose(found.history.solver["gradient_norm"][-1], np.linalg.norm(wanted.flat), rtol=1e-6)


@pytest.mark.usefixtures("exact_threads")
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_bits_are_those_of_one_thread(dtype: Any) -> None:
    p = problem(5, (3, 17, 5), (fnn.tanh,), fnn.softmax, fnn.cross_entropy, 1300, weighted=True, dtype=dtype)
    mask = {"W1": np.arange(51).reshape(3, 17) % 4 != 0}
    options = {"regularization": fnn.Regularization(l2=0.01, mask=mask), "validation": 0.2}
    one = run(p, 12, threads=1, **options)
    for threads in (2, 3, 4):
        assert_same(run(p, 12, threads=threads, **options), one)


def test_a_run_goes_on_from_its_state() -> None:
    whole, first = run(SMOOTH, 25), run(SMOOTH, 13)
    rest = fnn.train(first.params, SMOOTH.cases, optimizer=fnn.lbfgs(), epochs=12, state=first.state)

    assert_array_equal(rest.params.flat, whole.params.flat)
    assert_array_equal(np.concatenate([first.history.error, rest.history.error]), whole.history.error)
    for one, other in zip(rest.state.vectors, whole.state.vectors, strict=True):
        assert_array_equal(one.flat, other.flat)
    assert (first.state.step, rest.state.step) == (13, 25)


def test_the_state_has_the_newest_pair_first() -> None:
    before, after = run(SMOOTH, 6, optimizer=fnn.lbfgs(3)), run(SMOOTH, 7, optimizer=fnn.lbfgs(3))
    slopes = [fnn.grad(r.params, SMOOTH.cases).flat for r in (before, after)]

    assert len(after.state.vectors) == 6
    assert_array_equal(after.state.vectors[0].flat, after.params.flat - before.params.flat)
    assert_array_equal(after.state.vectors[1].flat, slopes[1] - slopes[0])
    assert_array_equal(after.state.vectors[2].flat, before.state.vectors[0].flat)


def test_a_checkpoint_goes_on_to_the_bit(tmp_path: Path) -> None:
    class Stop(Exception):
        pass

    def fail(epoch: int, params: object, record: object, last: int = 0) -> None:
        if epoch == last:
            raise Stop

    options: dict[str, Any] = {"validation": 0.25, "stopping": fnn.Stopping(patience=50, restore_best=True)}
    whole = run(SMOOTH, 30, **options)
    kept = {**options, "checkpoint": fnn.Checkpoint(tmp_path / "run", seconds=0)}
    for last in (1, 2, 11, 29):
        with pytest.raises(Stop):
            run(SMOOTH, 30, callbacks=[fnn.each_epoch(lambda *a, last=last: fail(*a, last=last))], **kept)  # type: ignore[misc]
    assert_same(run(SMOOTH, 30, **kept), whole)
    assert_same(run(SMOOTH, 30, **kept), whole)  # it has ended


def test_a_run_that_ended_by_its_own_rule_stays_so(tmp_path: Path) -> None:
    p = problem(7, (3, 2), (), fnn.identity, fnn.squared_error, 40)
    whole = run(p, 300)
    assert whole.stop_reason == "min_gradient"
    for _ in range(2):
        assert_same(run(p, 300, checkpoint=fnn.Checkpoint(tmp_path / "run", seconds=0)), whole)


@pytest.mark.parametrize("threads", [1, 3])
def test_interrupts_leave_no_trace(threads: int) -> None:
    """Each ends a call, mostly in the middle of an iteration, which then begins anew."""
    x = np.random.default_rng(1).normal(size=(20_000, 4))
    start = fnn.init((4, 30, 3), hidden=fnn.tanh, output=fnn.identity, seed=1, dtype=np.float64)
    arrays = fnn.Cases(x, x[:, :3] ** 2).arrays(start, fnn.squared_error)
    objective = objective_of(start, fnn.squared_error, "sum", None)
    whole, cut = (fnn.lbfgs(3).stepper(start, arrays, objective, 12, None) for _ in range(2))
    assert whole.run(1, threads)[0] == 1
    before = time.perf_counter()
    assert whole.run(11, threads)[0] == 11
    iteration = (time.perf_counter() - before) / 11
    random, cuts = np.random.default_rng(1), 0
    while cut.epoch < 12:
        longest = iteration * (1 + cuts / 8)  # longer, in case that the machine has become slow
        timer = threading.Timer(random.uniform(0, longest), cut.interrupt)
        timer.start()
        cut.run(12 - cut.epoch, threads)
        timer.join()
        cut._calls.interrupted = False
        cuts += 1

    assert cuts > 3
    assert_array_equal(cut.params().flat, whole.params().flat)
    assert_array_equal(cut.history, whole.history)
    assert_array_equal(cut.told(12)["evaluations"], whole.told(12)["evaluations"])


def test_stopping_validation_and_callbacks() -> None:
    validation = problem(9, (3, 8, 2), (fnn.tanh,), fnn.identity, fnn.squared_error, 30).cases
    found = run(SMOOTH, 200, validation=validation, stopping=fnn.Stopping(patience=6, restore_best=True))
    errors = found.history.validation_error
    assert errors is not None
    assert found.stop_reason == "patience"
    assert len(found.history) == found.history.best_epoch + 6  # type: ignore[operator]
    assert_allclose(fnn.error(found.params, validation, reduction="mean"), errors.min(), rtol=1e-14)

    target = run(SMOOTH, 200, stopping=fnn.Stopping(target_error=0.5))
    assert target.stop_reason == "target_error"
    assert target.history.error[-1] <= 0.5 < target.history.error[-2]

    epochs: list[int] = []

    def stop(epoch: int, params: fnn.Params[Any], record: fnn.Record) -> bool:
        epochs.append(epoch)
        return epoch == 9

    found = run(SMOOTH, 200, callbacks=[fnn.each_epoch(stop)])
    assert (found.stop_reason, epochs) == ("callback", [*range(1, 10)])

    late = run(SMOOTH, 10**6, stopping=fnn.Stopping(seconds=0.2), optimizer=fnn.lbfgs(min_gradient=0))
    assert late.stop_reason in ("seconds", "line_search")
    assert late.history.seconds[-1] < 5


def test_train_many() -> None:
    starts = [fnn.init((3, 8, 2), hidden=fnn.tanh, output=fnn.identity, seed=i, dtype=np.float64) for i in range(5)]
    together = fnn.train_many(starts, SMOOTH.x, SMOOTH.y, optimizer=fnn.lbfgs(5), epochs=20)
    for start, found in zip(starts, together, strict=True):
        assert_same(found, fnn.train(start, SMOOTH.x, SMOOTH.y, optimizer=fnn.lbfgs(5), epochs=20))


X = np.random.default_rng(0).normal(size=(40, 3))
DEAD = {"W1": np.ones((3, 4)), "b1": np.full(4, -100.0), "W2": np.ones((4, 1)), "b2": np.zeros(1)}
SINGULAR: dict[str, tuple[Any, Any, Any, Any]] = {
    "constant targets": (fnn.tanh, None, X, np.full((40, 1), 0.7)),
    "one case": (fnn.tanh, None, X[:1], np.full((1, 1), 2.0)),
    "dead units": (fnn.relu, DEAD, X, X[:, :1]),
    "a duplicated input": (fnn.tanh, None, X[:, [0, 0, 0]], X[:, :1] ** 2),
    "a constant input": (fnn.tanh, None, 0 * X, X[:, :1]),
    "more parameters than cases": (fnn.tanh, None, X[:4], X[:4, 1:2]),
}


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("name", SINGULAR)
def test_singular_problems_end_by_a_rule(name: str, dtype: Any) -> None:
    hidden, leaves, x, y = SINGULAR[name]
    params: Any = fnn.init((3, 4, 1), hidden=hidden, output=fnn.identity, seed=3, dtype=dtype)
    params = params if leaves is None else params.replace(leaves)
    found = fnn.train(params, x.astype(dtype), y.astype(dtype), optimizer=fnn.lbfgs(), epochs=100_000)

    assert found.stop_reason in ("min_gradient", "line_search")
    assert np.isfinite(found.params.flat).all()
    assert np.isfinite(found.history.error).all()
    assert (np.diff(found.history.error) <= 0).all()


def test_a_perfect_fit_at_the_start_ends_at_once() -> None:
    y = fnn.forward(SMOOTH.params, SMOOTH.x)
    found = fnn.train(SMOOTH.params, SMOOTH.x, y, optimizer=fnn.lbfgs(), epochs=50)

    assert (found.stop_reason, len(found.history), found.history.error[0]) == ("min_gradient", 1, 0.0)
    assert_array_equal(found.params.flat, SMOOTH.params.flat)
    assert found.history.solver["evaluations"].tolist() == [0]


def test_a_start_that_overflows_has_diverged() -> None:
    wild = SMOOTH.params.with_flat(1e200 * SMOOTH.params.flat)
    with pytest.raises(fnn.TrainingDiverged) as caught:
        fnn.train(wild, SMOOTH.cases, optimizer=fnn.lbfgs(), epochs=5)

    assert caught.value.epoch == 1
    assert_array_equal(caught.value.params.flat, wild.flat)


def test_wrong_calls_are_refused_by_name() -> None:
    x, y = SMOOTH.x, SMOOTH.y
    with pytest.raises(ValueError, match="history: must be at least 1, got 0"):
        fnn.lbfgs(0)
    with pytest.raises(ValueError, match="min_gradient"):
        fnn.lbfgs(min_gradient=-1.0)
    with pytest.raises(TypeError):
        fnn.lbfgs(10, 1e-3)  # type: ignore[call-arg]
    with pytest.raises(ValueError, match="history: must be at most 1000, got 1001"):
        fnn.lbfgs(1001)
    for regularization in (fnn.Regularization(l1=0.1), fnn.Regularization(dropout=0.5)):
        with pytest.raises(ValueError, match="regularization"):
            run(regularization=regularization)
    with pytest.raises(ValueError, match="batch_size"):
        run(batch_size=10)
    with pytest.raises(ValueError, match="iterable"):
        fnn.train(SMOOTH.params, [(x, y)], optimizer=fnn.lbfgs(), epochs=2)
    with pytest.raises(TypeError, match="eta"):
        run(eta=0.1)
    with pytest.raises(ValueError, match="state"):
        run(state=fnn.lbfgs(9).init(SMOOTH.params))


def test_the_value() -> None:
    assert repr(fnn.lbfgs()) == "fnn.lbfgs(history=10, min_gradient=1e-07)"
    assert fnn.lbfgs(5) == pickle.loads(pickle.dumps(fnn.lbfgs(5))) != fnn.lbfgs(6)
    state = fnn.lbfgs(2).init(SMOOTH.params)
    assert (state.step, state.numbers, len(state.vectors)) == (0, (), 4)
    assert not any(vector.flat.any() for vector in state.vectors)


def test_the_workspace_is_neither_tiny_nor_huge() -> None:
    sizes = {(1, 1): 4096, (16, 16, 16, 16): 1024, (784, 128, 16): 512}  # whole vectors on every processor
    for layers, wanted in sizes.items():
        assert capacity_of(fnn.init(layers, seed=0, dtype=np.float64)) == wanted


def test_the_operations_of_an_evaluation() -> None:
    """2-3-1: F1 and B2 of 9 weights, B4 of 3, and 4 units; numbers of float64 take twice as long."""
    each = 2 * (9 + 9 + 3) + 4 * OF_UNIT

    assert evaluation_work(fnn.init((2, 3, 1), seed=0, dtype=np.float32), 50) == 50 * each
    assert evaluation_work(fnn.init((2, 3, 1), seed=0, dtype=np.float64), 50) == 100 * each


def test_a_loss_of_the_user() -> None:
    p = problem(3, (3, 7, 3), (fnn.tanh,), fnn.identity, CAUCHY, 70)
    found = run(p, 20)

    assert found.history.error[-1] < 0.9 * found.history.error[0]
