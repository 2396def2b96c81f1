"""The history of a run, as arrays and as a table."""

import math
import pickle
import re
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

import fnn
from fnn.equations.objective import objective_of
from fnn.training.evaluator import Evaluator
from fnn.training.recorder import Recorder
from fnn.training.steppers.batches import BatchStepper
from tests.paces import train_by_exactly
from tests.problems import problem

P = problem(1, (3, 4, 3), (fnn.tanh,), fnn.softmax, fnn.cross_entropy, 30, labelled=True)


def train(**options: Any) -> fnn.Run[Any]:
    return fnn.train(P.params, P.x, P.y, **{"eta": 0.05, "epochs": 6, "batch_size": 7, "loss": P.loss, **options})


def test_columns_are_what_was_measured() -> None:
    plain, watched = train().history.as_dict(), train(validation=(P.x, P.y)).history.as_dict()
    guided = fnn.train(P.params, P.x, P.y, optimizer=fnn.irprop(), epochs=6, loss=P.loss)

    assert list(plain) == ["epoch", "error", "eta", "seconds"]
    assert list(watched) == ["epoch", "error", "validation_error", "validation_accuracy", "eta", "seconds"]
    assert list(guided.history.as_dict()) == ["epoch", "error", "seconds"]
    for columns in (plain, watched):
        assert {column.shape for column in columns.values()} == {(6,)}
        assert columns["epoch"].tolist() == [1, 2, 3, 4, 5, 6]
    none = train(epochs=0, validation=0.5).history.as_dict()
    assert list(none) == list(watched)
    assert {column.shape for column in none.values()} == {(0,)}


def test_a_table_of_pandas() -> None:
    pandas = pytest.importorskip("pandas", reason="pandas isn't among what the tests need")
    history = train(validation=0.3).history
    table = pandas.DataFrame(history.as_dict())

    assert table.shape == (6, 6)
    assert table.set_index("epoch")["validation_error"].idxmin() == history.best_epoch
    assert_array_equal(table["error"].to_numpy(), history.error)
    assert (table.dtypes[1:] == np.float64).all()


@pytest.mark.parametrize("watched", [False, True])
@pytest.mark.parametrize(
    "rate", [0.05, fnn.exponential(0.05, factor=0.9), fnn.warm_up(0.05, steps=9), lambda step: 0.5 / (10 + step)]
)
def test_the_rate_is_that_of_the_first_step(rate: Any, watched: bool) -> None:
    history = train(eta=rate, validation=(P.x, P.y) if watched else None).history
    wanted = [rate(5 * epoch) if callable(rate) else rate for epoch in range(6)]  # five steps an epoch

    assert history.eta is not None
    assert_allclose(history.eta, wanted, rtol=1e-15)


def test_the_rate_of_an_optimizer_that_follows_the_error() -> None:
    history = train(eta=None, optimizer=fnn.adam(fnn.plateau(0.5, factor=0.5, patience=1)), epochs=30).history
    scale, best, since, wanted = 1.0, math.inf, 0, []
    for error in history.error:
        wanted.append(0.5 * scale)
        if error < best * (1 - 1e-4):
            best, since = error, 0
        elif since < 1:
            since += 1
        else:
            scale, since = scale / 2, 0

    assert scale < 1
    assert history.eta is not None
    assert_allclose(history.eta, wanted, rtol=1e-15)


def test_seconds_of_epochs_that_are_seen_one_by_one(monkeypatch: pytest.MonkeyPatch) -> None:
    looks = iter(range(1000))  # at the clock
    monkeypatch.setattr("fnn.training.recorder.time", SimpleNamespace(perf_counter=lambda: next(looks) ** 2))
    train_by_exactly(monkeypatch)
    history = train(epochs=3, callbacks=[fnn.each_epoch(lambda *_: None)]).history  # 5 steps an epoch: a call each

    began = 1  # the second look at the clock; then one when an epoch has ended, and one whether it is late
    assert history.seconds.tolist() == [2**2 - began, 4**2 - began, 6**2 - began]


def test_epochs_that_end_in_one_call_have_its_time() -> None:
    history = train(epochs=20_000, batch_size=None).history

    assert len(history.seconds) == 20_000
    assert (np.diff(history.seconds) >= 0).all()
    assert 1 <= len(np.unique(history.seconds)) < 10_000
    assert history.seconds[0] > 0


def test_the_best_epoch() -> None:
    def history(errors: list[float], validation: list[float] | None) -> fnn.History:
        judged = None if validation is None else np.array(validation)
        return fnn.History(np.array(errors), judged, None, None, np.zeros(len(errors)))

    assert history([3.0, 1.0, 1.0, 2.0], None).best_epoch == 2
    assert history([3.0, 1.0, 2.0], [3.0, 2.0, 1.0]).best_epoch == 3
    assert history([3.0, 1.0, 2.0], [math.nan, 2.0, math.inf]).best_epoch == 2
    assert history([3.0, 1.0], [math.nan, math.nan]).best_epoch is None
    assert history([], None).best_epoch is None


@pytest.mark.parametrize("loss, targets", [(fnn.cross_entropy, P.y), (fnn.squared_error, np.full((30, 3), 0.3))])
def test_a_recorder_goes_on_from_its_arrays(loss: fnn.Loss, targets: Any) -> None:
    arrays = fnn.Cases(P.x, targets).arrays(P.params, loss)
    objective = objective_of(P.params, loss, "mean", None)
    stepper = BatchStepper(P.params, arrays, objective, fnn.momentum(0.1), 7, 0, 4)

    def recorder() -> Recorder[Any]:
        return Recorder(Evaluator(P.params, arrays, objective, 1))

    def record(recorders: list[Recorder[Any]], epochs: int) -> None:
        for recorder in recorders:
            recorder.begin()
        for _ in range(epochs):
            stepper.run(stepper.steps_per_epoch, 1)
            for recorder in recorders:
                recorder.mark_time(stepper.epoch, recorder.seconds)
                recorder.append(recorder.measure(stepper.params()))

    whole, first, second = recorder(), recorder(), recorder()
    record([whole, first], 2)
    kept = pickle.loads(pickle.dumps(first.arrays()))
    second.restore(kept, stepper, 2)
    record([whole, second], 2)
    wanted, history = (r.history(stepper, 4) for r in (whole, second))

    assert history.validation_error is not None
    assert wanted.validation_error is not None
    assert history.validation_error.tobytes() == wanted.validation_error.tobytes()
    assert (history.validation_accuracy is None) == (loss is fnn.squared_error)
    if wanted.validation_accuracy is not None:
        assert_array_equal(history.validation_accuracy, wanted.validation_accuracy)
    assert (np.diff(history.seconds) >= 0).all()
    assert history.seconds[2] >= kept["spent"]
    assert second.record(stepper, 4) == whole.record(stepper, 4)
    assert second.errors(stepper, 4) == history.validation_error.tolist()


def test_the_repr_of_a_run_is_three_lines() -> None:
    history = fnn.History(
        np.array([3.0, 1.0, 0.5]), np.array([2.0, 0.25, 0.123456789]), np.array([0.5, 0.75, 1.0]), None,
        np.array([0.5, 1.0, 75.25]),
    )  # fmt: skip
    run = fnn.Run(P.params, history, fnn.OptimizerState(3, ()), "patience")
    assert repr(run) == (
        "fnn.Run(3 epochs in 75.2 seconds, stop_reason='patience')\n"
        "  last: epoch 3, error 0.5, validation error 0.123457, validation accuracy 1\n"
        "  best: epoch 3, error 0.5, validation error 0.123457, validation accuracy 1"
    )
    history.error[1] = 0.25
    plain = fnn.History(history.error, None, None, None, history.seconds)
    assert repr(fnn.Run(P.params, plain, run.state, "epochs")).splitlines() == [
        "fnn.Run(3 epochs in 75.2 seconds, stop_reason='epochs')",
        "  last: epoch 3, error 0.5",
        "  best: epoch 2, error 0.25",
    ]
    assert repr(train(epochs=0)) == "fnn.Run(0 epochs in 0 seconds, stop_reason='epochs')\n  last: none\n  best: none"
    assert re.fullmatch(
        r"fnn\.Run\(6 epochs in \S+ seconds, stop_reason='epochs'\)\n"
        r"  last: epoch 6, error \S+, validation error \S+, validation accuracy [01]\S*\n  best: epoch .*",
        repr(train(validation=0.3)),
    )
