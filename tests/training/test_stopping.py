"""When `train` ends before its last epoch, and what it then returns."""

import math
import pickle
from typing import Any, cast

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

import fnn
from fnn.training.steps import BatchStepper
from fnn.training.stopping import Stopper
from tests.paces import Exactly, train_by_exactly
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


class Told:
    """In the place of a `BatchStepper`: parameters that are the number of the epoch."""

    states = 1

    def __init__(self, params: fnn.Params[np.float64]) -> None:
        self.epoch, self._params = 0, params

    def flat(self) -> NDArray[np.float64]:
        return np.full(self._params.flat.size, float(self.epoch))

    def state(self) -> fnn.OptimizerState[np.float64]:
        vector = self._params.replace({key: np.full_like(leaf, self.epoch) for key, leaf in self._params.items()})

        return fnn.OptimizerState(self.epoch, (vector,))


P = fnn.init((2, 1), seed=0)


def told(errors: list[float], rules: fnn.Stopping, stopper: Stopper[Any] | None = None) -> tuple[Any, Stopper[Any]]:
    """The epoch after which a stopper ends a run with such errors and why, if it does; and the stopper."""
    stopper, run = stopper or Stopper(rules, P._architecture), Told(P)
    for run.epoch, error in enumerate(errors, start=1):
        why = stopper.observe(error, run)  # type: ignore[arg-type]  # as far as it looks, this is a BatchStepper
        if why is not None:
            return (run.epoch, why), stopper

    return None, stopper


@given(ERRORS, st.integers(1, 4), st.sampled_from([0.0, 0.5, 1.0]))
def test_patience_by_hand(errors: list[float], patience: int, least: float) -> None:
    epoch = by_hand(errors, patience, least)
    ended, _ = told(errors, fnn.Stopping(patience=patience, min_improvement=least))

    assert ended == (None if epoch is None else (epoch, "patience"))


@given(ERRORS, st.sampled_from([0.0, 1.25, 2.0]))
def test_a_target_is_reached_or_passed(errors: list[float], target: float) -> None:
    reached = [epoch for epoch, error in enumerate(errors, start=1) if error <= target]
    ended, _ = told(errors, fnn.Stopping(target_error=target))

    assert ended == ((reached[0], "target_error") if reached else None)


@given(ERRORS)
def test_the_best_is_the_first_of_the_least(errors: list[float]) -> None:
    numbers = [error for error in errors if error < math.inf]
    _, stopper = told(errors, fnn.Stopping(restore_best=True))

    if not numbers:
        assert stopper.best is None
        return
    assert stopper.best is not None
    epoch = errors.index(min(numbers)) + 1
    assert stopper.best.error == min(numbers)
    assert stopper.best.flat.tolist() == [epoch] * 3
    assert stopper.best.state.step == epoch


@given(ERRORS, ERRORS, st.integers(1, 3), st.booleans())
def test_a_stopper_goes_on_from_its_arrays(before: list[float], after: list[float], patience: int, best: bool) -> None:
    rules = fnn.Stopping(patience=patience, min_improvement=0.25, target_error=-1, restore_best=best)
    ended, first = told(before, rules)
    if ended is not None:
        return
    second = Stopper[np.float64](rules, P._architecture)
    second.restore(pickle.loads(pickle.dumps(first.arrays())), cast(Any, Told(P)), len(before))

    assert told(after, rules, first)[0] == told(after, rules, second)[0]
    assert (first.best is None) == (second.best is None)
    if first.best is not None and second.best is not None:
        assert first.best.error == second.best.error
        assert first.best.flat.tobytes() == second.best.flat.tobytes()
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


def test_who_has_no_rule_trains_as_without_any() -> None:
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
    counted = train(epochs=10_000, batch_size=batch_size, on_step=(run.state.step, lambda *_: True))

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

    def observe(self, steps: int, threads: int, seconds: float) -> None:
        self.taught.append(steps)


@pytest.mark.parametrize("limit, steps, taught", [(0.5, 1, []), (2.5, 3, []), (3.0, 3, [3]), (7.0, 7, [3, 3])])
def test_a_call_fits_in_the_time_that_is_left(
    limit: float, steps: int, taught: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    pace, run_steps = Steady(0.0, None), BatchStepper.run

    def running(stepper: BatchStepper[Any], count: int, *args: Any, **more: Any) -> None:
        run_steps(stepper, count, *args, **more)
        pace.now += count

    monkeypatch.setattr("fnn.training.recorder.time", pace)
    monkeypatch.setattr("fnn.training.run.tuner_for", lambda work, threads: pace)
    monkeypatch.setattr(BatchStepper, "run", running)
    run = train(epochs=100, batch_size=4, stopping=fnn.Stopping(seconds=limit))

    assert (run.state.step, run.stop_reason) == (steps, "seconds")
    assert pace.taught == taught  # what was cut says little about how long others take


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


# Calls after so many steps.


@pytest.mark.parametrize("k", [1, 2, 5, 6, 7, 12, 100])
@pytest.mark.parametrize("batch_size", [7, None])
@pytest.mark.parametrize("watched", [False, True])
def test_a_function_is_called_after_every_k_steps(k: int, batch_size: int | None, watched: bool) -> None:
    steps_an_epoch = 6 if batch_size else 1
    seen: list[tuple[int, fnn.Params[Any], float]] = []
    options: dict[str, Any] = {"epochs": 15, "batch_size": batch_size}
    if watched:
        options["callback"] = lambda *_: None
    run = train(on_step=(k, lambda *arguments: seen.append(arguments)), **options)
    whole = train(**options)

    assert [step for step, _, _ in seen] == list(range(k, 15 * steps_an_epoch + 1, k))
    assert run.params == whole.params
    assert run.history.error.tobytes() == whole.history.error.tobytes()
    for step, params, error in seen:
        until = train(on_step=(step, lambda *_: True), **options)
        assert params == until.params
        assert (until.stop_reason, until.state.step) == ("on_step", step)
        if step % steps_an_epoch == 0:
            assert error == whole.history.error[step // steps_an_epoch - 1]


@pytest.mark.parametrize("reduction", ["sum", "mean"])
def test_the_error_so_far_is_that_of_the_cases_before_their_steps(reduction: Any) -> None:
    # Full of cases alike, so that their order doesn't matter; each step's error is that with the params before it.
    p = problem(5, (2, 1), (), fnn.identity, fnn.squared_error, 1)
    x, y = np.repeat(p.x, 10, axis=0), np.repeat(p.y, 10, axis=0)
    errors: list[float] = []
    wanted, params = [], p.params
    fnn.train(params, x, y, eta=0.05, epochs=1, batch_size=2, reduction=reduction, callbacks=[fnn.each_steps(1, lambda step, now, error: errors.append(error))])  # fmt: skip
    for step in range(5):
        wanted.append(fnn.error(params, x[:2], y[:2], reduction=reduction))
        params = fnn.update(params, fnn.grad(params, x[:2], y[:2], reduction=reduction), 0.05)
        so_far = np.mean(wanted) if reduction == "mean" else np.sum(wanted)
        assert errors[step] == pytest.approx(so_far, rel=1e-12)


@pytest.mark.usefixtures("exact_threads")
@pytest.mark.parametrize("threads", [1, 2, 3])
def test_steps_are_counted_alike_with_any_threads(threads: int) -> None:
    p = problem(3, (5, 30, 3), (fnn.relu,), fnn.softmax, fnn.cross_entropy, 300)
    seen: list[tuple[int, bytes, float]] = []

    def note(step: int, params: fnn.Params[Any], error: float) -> bool:
        seen.append((step, params.flat.tobytes(), error))
        return step == 9

    options: dict[str, Any] = {"eta": 1e-3, "epochs": 4, "batch_size": 64, "loss": p.loss}
    run = fnn.train(p.params, p.x, p.y, threads=threads, callbacks=[fnn.each_steps(3, note)], **options)
    alone, seen = seen, []
    again = fnn.train(p.params, p.x, p.y, threads=1, callbacks=[fnn.each_steps(3, note)], **options)

    assert alone == seen
    assert [step for step, _, _ in seen] == [3, 6, 9]
    assert run.params == again.params
    assert len(run.history) == 1


def test_steps_that_diverge_are_not_shown() -> None:
    # b ← b − η (b − 1): |b − 1| doubles a step; its square overflows after some 512 steps.
    params, seen = fnn.Params({"W1": [[0.0]], "b1": [0.0]}, hidden=(), output=fnn.identity), []
    with pytest.raises(fnn.TrainingDiverged) as info:
        fnn.train(params, [[0.0]] * 100, [[1.0]] * 100, eta=3.0, epochs=99, batch_size=1, callbacks=[fnn.each_steps(10, lambda step, now, error: seen.append((now["b1"].item(), error)))])  # fmt: skip
    assert info.value.epoch == 6
    assert len(seen) == 51
    assert np.isfinite(seen).all()


# What the run says of it.


def test_what_ended_a_run() -> None:
    assert train(epochs=3).stop_reason == "epochs"
    assert train(epochs=0).stop_reason == "epochs"
    assert train(epochs=3, callback=lambda epoch, *_: epoch == 2).stop_reason == "callback"
    assert train(epochs=3, on_step=(4, lambda *_: np.bool_(True))).stop_reason == "on_step"
    assert train(epochs=3, on_step=(4, lambda *_: 1)).stop_reason == "epochs"


def test_rules_are_values() -> None:
    rules, five = fnn.Stopping(patience=5, target_error=0.5), cast(int, np.int8(5))

    assert rules == fnn.Stopping(target_error=0.5, patience=five)
    assert rules != fnn.Stopping(patience=5)
    assert eval(repr(rules), {"fnn": fnn}) == rules
    assert pickle.loads(pickle.dumps(rules)) == rules
    assert Stopper[np.float64](rules, P._architecture).settings == {
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
        ({"restore_best": 1}, TypeError, "restore_best: must be True or False, got 1"),
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
        ({"on_step": (0, print)}, ValueError, "on_step: k: must be at least 1, got 0"),
        ({"on_step": (1.0, print)}, TypeError, "on_step: k: needs a whole number, got 1.0"),
        ({"on_step": (1, "print")}, TypeError, "on_step: needs a function after k, got 'print'"),
        ({"on_step": print}, TypeError, r"on_step: needs a tuple \(k, function\), got <built-in"),
        ({"on_step": (1, print, 2)}, TypeError, r"on_step: needs a tuple \(k, function\), got \(1,"),
    ],
)
def test_train_refuses(options: dict[str, Any], error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        train(epochs=1, **options)


def test_an_error_in_a_function_comes_through() -> None:
    def fail(*_: object) -> None:
        raise KeyError("from the function")

    with pytest.raises(KeyError, match="from the function"):
        train(epochs=3, on_step=(2, fail))


# Batches that come one by one.


def batches(p: Problem, size: int) -> list[tuple[Any, Any]]:
    return [(p.x[top : top + size], p.y[top : top + size]) for top in range(0, len(p.x), size)]


@pytest.mark.parametrize("k", [1, 2, 3, 5, 10])
def test_a_stream_is_watched_step_by_step(k: int) -> None:
    seen: list[tuple[int, fnn.Params[Any], float]] = []
    eta = fnn.exponential(0.5, factor=0.9)
    run = fnn.train(
        LEARN.params,
        batches(LEARN, 8),
        eta=eta,
        epochs=4,
        callbacks=[fnn.each_steps(k, lambda *arguments: seen.append(arguments))],
    )
    params, after = LEARN.params, []
    errors: list[float] = []
    for step in range(20):
        x, y = batches(LEARN, 8)[step % 5]
        errors = [*(errors if step % 5 else []), fnn.error(params, x, y)]
        params = fnn.update(params, fnn.grad(params, x, y), eta(step))
        after.append((step + 1, params, sum(errors)))

    assert [(step, params) for step, params, _ in seen] == [(step, params) for step, params, _ in after[k - 1 :: k]]
    assert [error for *_, error in seen] == pytest.approx([error for *_, error in after[k - 1 :: k]], rel=1e-12)
    assert run.history.eta is not None
    assert run.history.eta.tolist() == [eta(0), eta(5), eta(10), eta(15)]


def test_a_stream_ends_by_the_rules() -> None:
    def stream(**options: Any) -> fnn.Run[Any]:
        return fnn.train(LEARN.params, batches(LEARN, 8), **{"eta": 0.5, "epochs": 50, **options})

    whole = stream(validation=(JUDGE.x, JUDGE.y)).history.validation_error
    assert whole is not None
    rules = fnn.Stopping(patience=2, restore_best=True)
    run = stream(validation=(JUDGE.x, JUDGE.y), stopping=rules)
    assert (len(run.history), run.stop_reason) == (by_hand(whole.tolist(), 2, 0.0), "patience")
    assert run.params == stream(epochs=run.history.best_epoch).params
    assert stream(on_step=(7, lambda *_: True)).state.step == 7
    assert stream(epochs=10**6, stopping=fnn.Stopping(seconds=0.1)).stop_reason == "seconds"
    with pytest.raises(TypeError, match=r"validation: needs a tuple \(x, y\), got 0\.1"):
        stream(validation=0.1)


def test_a_run_that_was_interrupted_says_so() -> None:
    bad = [*batches(LEARN, 8), (np.full((1, 3), np.nan), LEARN.y[:1])]
    with pytest.raises(fnn.BatchError) as info:
        fnn.train(LEARN.params, bad, eta=0.1, epochs=3)

    assert info.value.run.stop_reason == "interrupted"
    assert len(info.value.run.history) == 0
