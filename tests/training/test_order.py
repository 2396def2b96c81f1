"""The order of the cases: kept, drawn, and gone on with by later runs."""

from typing import Any

import numpy as np
import pytest

import fnn
from fnn.equations.objective import objective_of
from fnn.training.steppers.batches import BatchStepper

RNG = np.random.default_rng(0)
X, Y = RNG.normal(size=(23, 3)), RNG.normal(size=(23, 2))
SIZES = {"narrow": (3, 4, 2), "wide": (3, 40, 30, 2)}
OPTIMIZERS = [fnn.gradient_descent(0.1), fnn.adam(1e-2), fnn.momentum(fnn.inverse_time(0.1, steps=10))]


def start(kind: str) -> fnn.Params[np.float64]:
    return fnn.init(SIZES[kind], seed=1, hidden=fnn.tanh, output=fnn.identity)


@pytest.mark.parametrize("kind", SIZES)
@pytest.mark.parametrize("batch_size", [1, 5, 23])
def test_cases_that_keep_their_order_are_a_stream_of_batches(kind: str, batch_size: int) -> None:
    batches = [(X[i : i + batch_size], Y[i : i + batch_size]) for i in range(0, 23, batch_size)]
    streamed = fnn.train(start(kind), batches, eta=0.1, epochs=3)
    kept = fnn.train(start(kind), X, Y, eta=0.1, epochs=3, batch_size=batch_size, shuffle=False, seed=7)

    assert np.array_equal(kept.params.flat, streamed.params.flat)


@pytest.mark.parametrize("kind", SIZES)
@pytest.mark.parametrize("dropout", [0.0, 0.3])
@pytest.mark.parametrize("optimizer", OPTIMIZERS, ids=repr)
def test_later_runs_go_on_as_one_run(kind: str, dropout: float, optimizer: fnn.Optimizer) -> None:
    regularization = fnn.Regularization(dropout=dropout)
    settings: dict[str, Any] = dict(optimizer=optimizer, batch_size=5, seed=3, regularization=regularization)
    whole = fnn.train(start(kind), X, Y, epochs=5, **settings)
    first = fnn.train(start(kind), X, Y, epochs=2, **settings)
    later = fnn.train(first.params, X, Y, epochs=3, first_epoch=2, state=first.state, **settings)
    again = fnn.train(first.params, X, Y, epochs=3, state=first.state, **settings)

    assert np.array_equal(later.params.flat, whole.params.flat)
    assert later.state == whole.state
    assert np.array_equal(later.history.error, whole.history.error[2:])
    assert not np.array_equal(again.params.flat, whole.params.flat)


def test_streams_go_on_with_dropout() -> None:
    batches, regularization = [(X[:10], Y[:10]), (X[10:], Y[10:])], fnn.Regularization(dropout=0.5)
    settings: dict[str, Any] = dict(eta=0.1, seed=3, regularization=regularization)
    whole = fnn.train(start("wide"), batches, epochs=3, **settings)
    first = fnn.train(start("wide"), batches, epochs=1, **settings)
    later = fnn.train(first.params, batches, epochs=2, first_epoch=1, state=first.state, **settings)

    assert np.array_equal(later.params.flat, whole.params.flat)


def test_wrong_orders_are_refused() -> None:
    with pytest.raises(ValueError, match=r"^first_epoch: must be .*got -1"):
        fnn.train(start("narrow"), X, Y, eta=0.1, epochs=1, first_epoch=-1)
    with pytest.raises(TypeError, match=r"^shuffle: "):
        fnn.train(start("narrow"), X, Y, eta=0.1, epochs=1, shuffle=1)  # type: ignore[arg-type]


@pytest.mark.parametrize("kind", SIZES)
@pytest.mark.parametrize("threads", [1, 2, 3])
def test_a_stepper_tells_the_squared_weights_of_each_epoch(kind: str, threads: int) -> None:
    arrays = fnn.Cases(X, Y).arrays(start(kind), fnn.squared_error)
    objective = objective_of(start(kind), fnn.squared_error, "sum", None)
    optimizer = fnn.gradient_descent(0.01)
    stepper = BatchStepper(start(kind), arrays, objective, optimizer, 5, 3, 4, tells_squares=True)
    stepper.run(4 * stepper.steps_per_epoch, threads)

    told = stepper.told(4)["squared_weights"]
    for epochs in range(1, 5):
        params = fnn.train(start(kind), X, Y, optimizer=optimizer, epochs=epochs, batch_size=5, seed=3).params
        squares = sum(float(np.sum(W**2)) for key, W in params.items() if key.startswith("W"))
        assert told[epochs - 1] == pytest.approx(squares, rel=1e-13)
