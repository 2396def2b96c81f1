"""When `train` ends before its last epoch, and what it then returns."""

import math
import pickle
from typing import Any, cast

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import fnn
from fnn.equations.objective import objective_of
from fnn.training.steppers.batches import BatchStepper
from fnn.training.steppers.stepper import Snapshot
from fnn.training.stopping import Stopper
from tests.paces import Exactly, train_by_exactly, tune_by
from tests.problems import Problem, problem

ERRORS = st.lists(st.sampled_from([0.0, 1.0, 1.5, 2.0, 2.25, 3.0, math.nan, math.inf]), max_size=12)
LEARN = problem(1, (3, 6, 2), (fnn.tanh,), fnn.sigmoid, fnn.squared_error, 40)
JUDGE = problem(2, (3, 6, 2), (fnn.tanh,), fnn.sigmoid, fnn.squared_error, 25)  # of other targets: gets worse soon
OPTIONS: dict[str, Any] = {"eta": 0.5, "batch_size": 7, "reduction": "mean"}


def train(p: Problem = LEARN, **options: Any) -> fnn.Run[Any]:
    return fnn.train(p.params, p.x, p.y, **{**OPTIONS, **options})


def by_hand(errors: list[float], patience: int, least: float) -> int | None:
    """After how many epochs patience ends a run: none of the last ones was an improvement on what came before."""
    improvements = [0]
    reference = math.inf
    for epoch, error in enumerate(errors, start=1):
        if reference - error > least:
            improvements.append(epoch)
            reference = error
        if epoch - improvements[-1] == patience:
            return epoch

    return None


P = fnn.init((2, 1), seed=0)


def after(epoch: int) -> Snapshot[np.float64]:
    """A run after an epoch, with parameters that are its number."""
    params = P.with_flat(np.full(P.flat.size, float(epoch)))

    return Snapshot(epoch, params, fnn.OptimizerState(epoch, (params,)))


def observed(errors: list[float], rules: fnn.Stopping, stopper: Stopper[Any] | None = None) -> tuple[Any, Stopper[Any]]:
    """The epoch after which a stopper ends a run with such errors and the rule, if it does; and the stopper."""
    stopper = stopper or Stopper(rules, P.architecture)
    for epoch, error in enumerate(errors, start=1):
        rule = stopper.observe(fnn.Record(error, None, None), after(epoch))
        if rule is not None:
            return (epoch, rule), stopper

    return None, stopper


@given(ERRORS, st.integers(1, 4), st.sampled_from([0.0, 0.5, 1.0]))
def test_patience_by_hand(errors: list[float], patience: int, least: float) -> None:
    epoch = by_hand(errors, patience, least)
    ended, _ = observed(errors, fnn.Stopping(patience=patience, min_improvement=least))

    assert ended == (None if epoch is None else (epoch, "patience"))


@given(ERRORS, st.sampled_from([0.0, 1.25, 2.0]))
def test_a_target_is_reached_or_passed(errors: list[float], target: float) -> None:
    reached = [epoch for epoch, error in enumerate(errors, start=1) if error <= target]
    ended, _ = observed(errors, fnn.Stopping(target_error=target))

    assert ended == ((reached[0], "target_error") if reached else None)


@given(ERRORS)
def test_the_best_is_the_first_of_the_least(errors: list[float]) -> None:
    numbers = [error for error in errors if error < math.inf]
    _, stopper = observed(errors, fnn.Stopping(restore_best=True))

    if not numbers:
        assert stopper.best is None
        return
    assert stopper.best is not None
    epoch = errors.index(min(numbers)) + 1
    assert stopper.best.error == min(numbers)
    assert stopper.best.params.flat.tolist() == [epoch] * 3
    assert stopper.best.state.step == epoch


@given(ERRORS, ERRORS, st.integers(1, 3), st.booleans())
def test_a_stopper_goes_on_from_its_arrays(before: list[float], later: list[float], patience: int, best: bool) -> None:
    rules = fnn.Stopping(patience=patience, min_improvement=0.25, target_error=-1, restore_best=best)
    ended, first = observed(before, rules)
    if ended is not None:
        return
    second = Stopper[np.float64](rules, P.architecture)
    arrays = fnn.Cases([[0.0, 0.0]], [[0.0]]).arrays(P, fnn.squared_error)
    objective = objective_of(P, fnn.squared_error, "sum", None)
    stepper = BatchStepper(P, arrays, objective, fnn.momentum(0.1), 1, 0, 1)
    second.restore(pickle.loads(pickle.dumps(first.arrays())), stepper, len(before))

    assert observed(later, rules, first)[0] == observed(later, rules, second)[0]
    assert (first.best is None) == (second.best is None)
    if first.best is not None and second.best is not None:
        assert first.best.error == second.best.error
        assert first.best.params == second.best.params
        assert first.best.state == second.best.state


@pytest.mark.parametrize("validation", [None, (JUDGE.x, JUDGE.y), 0.3])
@pytest.mark.parametrize("patience, least", [(1, 0.0), (3, 0.0), (2, 1e-3)])
def test_a_run_ends_by_patience(validation: Any, patience: int, least: float) -> None:
    whole = train(epochs=60, eta=3.0, validation=validation)
    errors = whole.history.validation_error if validation is not None else whole.history.error
    assert errors is not None
    wanted = by_hand(errors.tolist(), patience, least)
    rules = fnn.Stopping(patience=patience, min_improvement=least)
    run = train(epochs=60, eta=3.0, validation=validation, stopping=rules)

    assert wanted is not None
    assert (len(run.history), run.stop_reason) == (wanted, "patience")
    assert run.params == train(epochs=wanted, eta=3.0, validation=validation).params
    assert run.history.error.tobytes() == whole.history.error[:wanted].tobytes()


def test_a_run_ends_at_its_target() -> None:
    whole = train(epochs=30, validation=(JUDGE.x, JUDGE.y))
    assert whole.history.validation_error is not None
    for errors, validation in ((whole.history.error, None), (whole.history.validation_error, (JUDGE.x, JUDGE.y))):
        target = float(np.sort(errors)[20])
        run = train(epochs=30, validation=validation, stopping=fnn.Stopping(target_error=target))
        assert run.stop_reason == "target_error"
        assert len(run.history) == int(np.argmax(errors <= target)) + 1


@pytest.mark.parametrize("optimizer", [None, fnn.adam(0.05), fnn.adam(fnn.plateau(0.05, patience=2))])
@pytest.mark.parametrize("patience", [None, 4])
def test_the_best_epoch_is_restored_with_its_state(optimizer: fnn.Optimizer | None, patience: int | None) -> None:
    options: dict[str, Any] = {"validation": (JUDGE.x, JUDGE.y), "optimizer": optimizer}
    options["eta"] = 1.0 if optimizer is None else None
    run = train(epochs=40, stopping=fnn.Stopping(patience=patience, restore_best=True), **options)
    errors, best = run.history.validation_error, run.history.best_epoch

    assert errors is not None
    assert best is not None
    assert errors[best - 1] == errors.min()
    assert best < len(run.history)
    assert run.stop_reason == ("epochs" if patience is None else "patience")
    there = train(epochs=best, **options)
    assert run.params == there.params
    assert run.state == there.state
    assert fnn.error(run.params, JUDGE.x, JUDGE.y, reduction="mean") == errors.min()


def test_without_a_best_epoch_the_last_is_what_there_is() -> None:
    # The output is so large that the validation error, but not that of the one case to learn, overflows.
    params = fnn.Params({"W1": [[1.0]], "b1": [0.0]}, hidden=(), output=fnn.identity)
    rules = fnn.Stopping(patience=3, restore_best=True)
    run = fnn.train(
        params, [[0.0]], [[1.0]], eta=0.1, epochs=9, validation=([[1e200]], [[0.0]]), stopping=rules
    )  # fmt: skip

    assert (len(run.history), run.stop_reason, run.history.best_epoch) == (3, "patience", 1)
    assert run.history.validation_error is not None
    assert np.isinf(run.history.validation_error).all()
    assert run.params == fnn.train(params, [[0.0]], [[1.0]], eta=0.1, epochs=3).params


def test_stopping_without_a_rule_changes_nothing() -> None:
    run = train(epochs=5, stopping=fnn.Stopping())

    assert run.params == train(epochs=5).params
    assert (len(run.history), run.stop_reason) == (5, "epochs")


# The time.


class Clock:
    """Each look at it is a second after the last."""

    def __init__(self) -> None:
        self.now = 0.0

    def perf_counter(self) -> float:
        self.now += 1

        return self.now


@pytest.mark.parametrize("seconds", [1e-9, 3.0, 17.5, 40.0])
@pytest.mark.parametrize("batch_size", [1, 7, None])
def test_a_run_whose_time_is_over_ends_within_an_epoch(
    monkeypatch: pytest.MonkeyPatch, seconds: float, batch_size: int | None
) -> None:
    clock = Clock()
    monkeypatch.setattr("fnn.training.recorder.time", clock)
    train_by_exactly(monkeypatch)  # calls of seven steps at most
    run = train(epochs=10_000, batch_size=batch_size, stopping=fnn.Stopping(seconds=seconds))
    spent = clock.now
    counted = train(epochs=10_000, batch_size=batch_size, callbacks=[fnn.each_steps(run.state.step, lambda *_: True)])

    assert run.stop_reason == "seconds"
    assert seconds <= spent - 2 < seconds + 4  # two looks at the clock before the first step, one or two a call
    assert 1 <= run.state.step < 10_000
    assert run.params == counted.params
    steps_an_epoch = 1 if batch_size is None else -(-40 // batch_size)
    assert len(run.history) == run.state.step // steps_an_epoch


class Steady(Exactly):
    """Steps of a second each, by a clock of its own, three a call."""

    def __init__(self, work: float, threads: int | None) -> None:
        super().__init__(work, 1)
        self.now, self.taught = 0.0, list[int]()

    def perf_counter(self) -> float:
        return self.now

    def suggest(self) -> tuple[int, int]:
        return 3, 1

    def seconds(self, steps: int) -> float:
        return float(steps)

    def observe(self, steps: int, threads: int, seconds: float, starting: float = 0.0) -> None:
        self.taught.append(steps)


@pytest.mark.parametrize("limit, steps, taught", [(0.5, 1, []), (2.5, 3, []), (3.0, 3, [3]), (7.0, 7, [3, 3])])
def test_a_call_fits_in_the_time_that_is_left(
    limit: float, steps: int, taught: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    steady, run_steps = Steady(0.0, None), BatchStepper.run

    def running(stepper: BatchStepper[Any], count: int, *args: Any, **more: Any) -> tuple[int, float]:
        steady.now += count

        return run_steps(stepper, count, *args, **more)

    monkeypatch.setattr("fnn.training.recorder.time", steady)
    tune_by(monkeypatch, lambda work, threads: steady)
    monkeypatch.setattr(BatchStepper, "run", running)
    run = train(epochs=100, batch_size=4, stopping=fnn.Stopping(seconds=limit))

    assert (run.state.step, run.stop_reason) == (steps, "seconds")
    assert steady.taught == taught  # what was cut says little about how long others take


def test_a_run_takes_no_more_time_than_it_has() -> None:
    run = train(epochs=10**7, stopping=fnn.Stopping(seconds=0.2))

    assert run.stop_reason == "seconds"
    assert 0.1 < run.history.seconds[-1] < 2


def test_time_that_is_over_with_the_last_epoch_ends_nothing() -> None:
    assert train(epochs=1, batch_size=None, stopping=fnn.Stopping(seconds=1e-9)).stop_reason == "epochs"


def test_a_run_that_is_late_and_diverges_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    train_by_exactly(monkeypatch)
    params = fnn.Params({"W1": [[0.0]], "b1": [0.0]}, hidden=(), output=fnn.sigmoid)
    # The first case's step overflows, but no error does: sigmoids saturate.
    x, y = [[1.0]] * 20, [[1e150]] * 20
    with pytest.raises(fnn.TrainingDiverged) as info:
        fnn.train(params, x, y, eta=1e308, batch_size=1, epochs=1, stopping=fnn.Stopping(seconds=1e-9))
    assert info.value.epoch == 1


# What the run says of it.


def test_what_ended_a_run() -> None:
    assert train(epochs=3).stop_reason == "epochs"
    assert train(epochs=0).stop_reason == "epochs"
    assert train(epochs=3, callbacks=[fnn.each_epoch(lambda epoch, *_: epoch == 2)]).stop_reason == "callback"


def test_rules_are_values() -> None:
    rules, five = fnn.Stopping(patience=5, target_error=0.5), cast(int, np.int8(5))

    assert rules == fnn.Stopping(target_error=0.5, patience=five)
    assert rules != fnn.Stopping(patience=5)
    assert eval(repr(rules), {"fnn": fnn}) == rules
    assert pickle.loads(pickle.dumps(rules)) == rules
    assert vars(Stopper[np.float64](rules, P.architecture).rules) == {
        "patience": 5, "min_improvement": 0.0, "target_error": 0.5, "seconds": None, "restore_best": False,
    }  # fmt: skip


@pytest.mark.parametrize(
    "options, error, message",
    [
        ({"patience": 0}, ValueError, "patience: must be at least 1, got 0"),
        ({"patience": -3}, ValueError, "patience: must be at least 1, got -3"),
        ({"patience": 1.5}, TypeError, "patience: needs a whole number, got 1.5"),
        ({"patience": True}, TypeError, "patience: needs a whole number, got True"),
        ({"patience": 1, "min_improvement": -1}, ValueError, "min_improvement: must be finite and at least 0, got -1"),
        ({"patience": 1, "min_improvement": math.nan}, ValueError, "min_improvement: must be finite and at least 0"),
        ({"min_improvement": 0.1}, ValueError, "min_improvement: 0.1 matters only with patience"),
        ({"target_error": math.nan}, ValueError, "target_error: must be finite, got nan"),
        ({"target_error": -math.inf}, ValueError, "target_error: must be finite, got -inf"),
        ({"target_error": "0.1"}, TypeError, "target_error: needs a number, got '0.1'"),
        ({"seconds": 0}, ValueError, "seconds: must be finite and above 0, got 0"),
        ({"seconds": math.inf}, ValueError, "seconds: must be finite and above 0, got inf"),
        ({"seconds": math.nan}, ValueError, "seconds: must be finite and above 0, got nan"),
        ({"seconds": "1 h"}, TypeError, "seconds: needs a number, got '1 h'"),
        ({"restore_best": 1}, TypeError, "restore_best: needs True or False, got 1"),
        ({"patient": 1}, TypeError, "patient"),
    ],
)
def test_rules_refuse(options: dict[str, Any], error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        fnn.Stopping(**options)


@pytest.mark.parametrize(
    "options, error, message",
    [
        ({"stopping": 5}, TypeError, r"stopping: needs fnn\.Stopping\(\.\.\), got 5"),
        ({"stopping": fnn.Stopping}, TypeError, r"stopping: needs fnn\.Stopping\(\.\.\), got <class"),
    ],
)
def test_train_refuses(options: dict[str, Any], error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        train(epochs=1, **options)


# Batches that come one by one.


def batches(p: Problem, size: int) -> list[tuple[Any, Any]]:
    return [(p.x[top : top + size], p.y[top : top + size]) for top in range(0, len(p.x), size)]


def test_a_stream_ends_by_the_rules() -> None:
    def stream(**options: Any) -> fnn.Run[Any]:
        return fnn.train(LEARN.params, batches(LEARN, 8), **{"eta": 0.5, "epochs": 50, **options})

    whole = stream(validation=(JUDGE.x, JUDGE.y)).history.validation_error
    assert whole is not None
    rules = fnn.Stopping(patience=2, restore_best=True)
    run = stream(validation=(JUDGE.x, JUDGE.y), stopping=rules)
    assert (len(run.history), run.stop_reason) == (by_hand(whole.tolist(), 2, 0.0), "patience")
    assert run.params == stream(epochs=run.history.best_epoch).params
    assert stream(callbacks=[fnn.each_steps(7, lambda *_: True)]).state.step == 7
    assert stream(epochs=10**6, stopping=fnn.Stopping(seconds=0.1)).stop_reason == "seconds"
    with pytest.raises(TypeError, match=r"validation: needs fnn.Cases or a tuple \(x, y\), got 0\.1"):
        stream(validation=0.1)


def test_a_run_that_was_interrupted_says_so() -> None:
    bad = [*batches(LEARN, 8), (np.full((1, 3), np.nan), LEARN.y[:1])]
    with pytest.raises(fnn.BatchError) as info:
        fnn.train(LEARN.params, bad, eta=0.1, epochs=3)

    assert info.value.run.stop_reason == "interrupted"
    assert len(info.value.run.history) == 0
