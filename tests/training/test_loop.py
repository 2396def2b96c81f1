"""The loop drives whatever has the members of `Stepper`: here one in Python, by `grad` and `update`."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

import fnn
from fnn.equations.objective import objective_of
from fnn.training.callbacks import Callbacks
from fnn.training.checkpoint import Checkpointer
from fnn.training.evaluator import Evaluator
from fnn.training.loop import Loop
from fnn.training.recorder import Recorder
from fnn.training.steppers.call_tuner import CallTuner
from fnn.training.stopping import Stopper
from tests.kills import digest
from tests.problems import problem
from tests.training.python_stepper import Params, PythonStepper

P = problem(1, (3, 6, 2), (fnn.tanh,), fnn.sigmoid, fnn.squared_error, 40)


def loop(
    epochs: int, path: Path | None = None, eta: float = 0.1, stopping: fnn.Stopping | None = None,
    callbacks: tuple[Any, ...] = (),
) -> Loop[Any]:  # fmt: skip
    stepper, tuner = PythonStepper(P.params, P.x, P.y, eta, epochs), CallTuner(1e3, 1)
    arrays = fnn.Cases(P.x, P.y).arrays(P.params, fnn.squared_error)
    objective = objective_of(P.params, fnn.squared_error, "sum", None)
    recorder = Recorder[Any](Evaluator(P.params, arrays, objective, 1))
    stopper = Stopper[Any](stopping, P.params.architecture)
    checkpointer = None
    if path is not None:
        checkpointer = Checkpointer(fnn.Checkpoint(path, seconds=0), {"eta": str(eta)}, stepper, recorder, stopper)

    return Loop(
        stepper, epochs, recorder, stopper, lambda: tuner, Callbacks(callbacks), checkpointer,
    )  # fmt: skip


def trained(**options: Any) -> fnn.Run[Any]:
    return fnn.train(P.params, P.x, P.y, **{"eta": 0.1, "validation": (P.x, P.y), **options})


def test_a_run_has_the_bits_of_train() -> None:
    assert digest(loop(30).run()) == digest(trained(epochs=30))


def test_stopping_and_callbacks() -> None:
    stopping, calls = fnn.Stopping(target_error=trained(epochs=30).history.error[12]), list[int]()
    note: Any = fnn.each_epoch(lambda epoch, params, record: calls.append(epoch))
    run = loop(30, stopping=stopping, callbacks=(note,)).run()

    assert digest(run) == digest(trained(epochs=30, stopping=stopping))
    assert calls == list(range(1, len(run.history) + 1))


def test_a_checkpoint(tmp_path: Path) -> None:
    def fail(step: int, params: object, error: float) -> None:
        if step == 11:
            raise LookupError

    failing: Any = fnn.each_steps(1, fail)
    with pytest.raises(LookupError):
        loop(30, tmp_path / "run", callbacks=(failing,)).run()

    assert digest(loop(30, tmp_path / "run").run()) == digest(trained(epochs=30))
    with pytest.raises(ValueError, match=r"is of a run with eta 0\.1, this one has 0\.2"):
        loop(30, tmp_path / "run", eta=0.2).run()


def test_an_interrupt_from_a_callback_keeps_the_run(tmp_path: Path) -> None:
    loops: list[Loop[Any]] = []
    press: Any = fnn.each_epoch(lambda epoch, *_: loops[0].interrupt() if epoch == 7 else None)
    loops.append(loop(30, tmp_path / "run", callbacks=(press,)))
    with pytest.raises(fnn.TrainingInterrupted) as caught:
        loops[0].run()

    assert caught.value.params == trained(epochs=7).params
    assert digest(loop(30, tmp_path / "run").run()) == digest(trained(epochs=30))


def test_divergence() -> None:
    with pytest.raises(fnn.TrainingDiverged) as one:
        loop(30, eta=1e308).run()
    with pytest.raises(fnn.TrainingDiverged) as other:
        trained(epochs=30, eta=1e308)

    assert (one.value.epoch, one.value.params) == (other.value.epoch, other.value.params)


# Functions of the user that fail late, in runs of four steps an epoch.


class Failing:
    """A rate and callbacks that raise an error, if there is one, before step 7 or after it, or after epoch 2."""

    def __init__(self, error: BaseException | None = None) -> None:
        self.error = error

    def _fail(self) -> None:
        if self.error is not None:
            raise self.error

    def rate(self, step: int) -> float:
        if step >= 7:
            self._fail()
        return 0.1 / (step + 1)

    def after_steps(self, step: int, params: Params, error: float) -> None:
        if step == 7:
            self._fail()

    def after_epoch(self, epoch: int, params: Params, record: fnn.Record) -> None:
        if epoch == 2:
            self._fail()


USES: dict[str, Any] = {  # and the steps before the failure
    "rate": (lambda f: {"eta": f.rate}, 7),
    "schedule": (lambda f: {"optimizer": fnn.adam(fnn.warm_up(f.rate, steps=2))}, 9),
    "plateau": (lambda f: {"optimizer": fnn.momentum(fnn.plateau(f.rate, patience=0))}, 7),
    "steps": (lambda f: {"eta": 0.1, "callbacks": [fnn.each_steps(7, f.after_steps)]}, 7),
    "epoch": (lambda f: {"eta": 0.1, "callbacks": [fnn.each_epoch(f.after_epoch)]}, 8),
}
STREAM = [(P.x[top : top + 10], P.y[top : top + 10]) for top in range(0, 40, 10)]


@pytest.mark.parametrize("kind", [LookupError, KeyboardInterrupt])
@pytest.mark.parametrize("validation", [None, (P.x, P.y)], ids=["", "validated"])
@pytest.mark.parametrize("streamed", [False, True], ids=["", "stream"])
@pytest.mark.parametrize("use", USES)
def test_a_function_that_fails_late_loses_nothing(
    use: str, streamed: bool, validation: Any, kind: type[BaseException], tmp_path: Path
) -> None:
    data: dict[str, Any] = {"x": STREAM} if streamed else {"x": P.x, "y": P.y, "batch_size": 10}
    options: dict[str, Any] = {"epochs": 5, "validation": validation, **data}
    (of, steps), error = USES[use], kind("of the user")
    path = fnn.Checkpoint(tmp_path / "run", seconds=1e9)
    with pytest.raises(kind) as caught:
        fnn.train(P.params, checkpoint=path, **options, **of(Failing(error)))
    found: Any = caught.value
    if kind is LookupError:
        assert caught.value is error
        assert found.__notes__[-1].startswith(f"fnn.train had taken {steps} steps")
        found = found.run
        assert (found.state.step, found.stop_reason) == (steps, "interrupted")
    steps = found.state.step  # a rate is asked for steps ahead, and KeyboardInterrupt ends a run at once
    until: Any = fnn.each_steps(steps or 1, lambda *_: True)
    wanted = fnn.train(P.params, **{**options, **of(Failing()), "callbacks": [until]})
    whole: Any = fnn.train(P.params, **options, **of(Failing()))

    assert found.params == (wanted.params if steps else P.params)
    assert found.history.error.tolist() == whole.history.error[: steps // 4].tolist()
    assert len(found.history.seconds) == steps // 4
    if validation is not None:
        assert found.history.validation_error.tolist() == whole.history.validation_error[: steps // 4].tolist()
    assert digest(fnn.train(P.params, checkpoint=path, **options, **of(Failing()))) == digest(whole)


def test_a_rate_that_fails_in_the_middle_of_many_epochs_keeps_them() -> None:
    with pytest.raises(ValueError, match=r"^eta: must be finite and at least 0, is -.* at step 1001\n") as caught:
        fnn.train(P.params, P.x, P.y, eta=lambda step: 0.001 - 1e-6 * step, epochs=2000)
    run = vars(caught.value)["run"]

    assert run.params == fnn.train(P.params, P.x, P.y, eta=lambda step: 0.001 - 1e-6 * step, epochs=1001).params
    assert [len(run.history.error), len(run.history.eta), len(run.history.seconds)] == [1001] * 3


def test_what_diverged_before_a_function_fails_is_told() -> None:
    def rate(step: int) -> float:
        if step == 700:
            raise LookupError
        return 3.0

    # b ← b − 3 (b − 1): |b − 1| doubles a step, and its square is beyond float64 after 512.
    params = fnn.Params({"W1": [[0.0]], "b1": [0.0]}, hidden=(), output=fnn.identity)
    with pytest.raises(fnn.TrainingDiverged):
        fnn.train(params, [[0.0]], [[1.0]], eta=rate, epochs=999)


def test_a_rate_that_can_not_be_asked_again_costs_its_column_alone() -> None:
    rates = iter([0.1] * 9)
    run = fnn.train(P.params, P.x, P.y, eta=lambda step: next(rates), epochs=9)

    assert run.params == fnn.train(P.params, P.x, P.y, eta=0.1, epochs=9).params
    assert run.history.eta is None


def test_an_error_of_a_run_within_a_callback_carries_the_outer_run() -> None:
    diverging: Any = fnn.each_epoch(lambda *_: fnn.train(P.params, P.x, P.y, eta=1e308, epochs=9))
    with pytest.raises(fnn.TrainingDiverged) as caught:
        fnn.train(P.params, P.x, P.y, eta=0.1, epochs=3, callbacks=[diverging])

    assert vars(caught.value)["run"].params == fnn.train(P.params, P.x, P.y, eta=0.1, epochs=1).params


@dataclass(frozen=True)
class Frozen(Exception):
    """An error that takes no note."""


@pytest.mark.parametrize("error", [SystemExit, Frozen])
def test_errors_of_any_kind_carry_it(error: type[BaseException], tmp_path: Path) -> None:
    def fail(step: int, params: object, so_far: float) -> None:
        if step == 3:
            raise error

    options: dict[str, Any] = {"eta": 0.1, "epochs": 5, "checkpoint": fnn.Checkpoint(tmp_path / "run", seconds=1e9)}
    with pytest.raises(error) as caught:
        fnn.train(P.params, P.x, P.y, callbacks=[fnn.each_steps(1, fail)], **options)

    assert vars(caught.value)["run"].params == fnn.train(P.params, P.x, P.y, eta=0.1, epochs=3).params
    asked: Any = fnn.each_steps(1, lambda step, *_: steps.append(step))
    steps: list[int] = []
    fnn.train(P.params, P.x, P.y, callbacks=[asked], **options)
    assert steps == [3, 4, 5]
