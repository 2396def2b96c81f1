"""What is too small for the dtype of the params is 0, whatever NumPy has been told to raise."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from numpy.testing import assert_array_equal

import fnn

P = fnn.init((2, 3, 1), seed=0, dtype=np.float32)
Q = fnn.init((2, 3, 1), seed=0)
X, Y = np.array([[1e-50, 1.0], [1e-40, 0.5]]), np.array([[1e-50], [1.0]])
WIDE = P.replace({"W1": np.full((2, 3), 1e-30)})
ZERO = fnn.Params({"W1": [[0.0]], "b1": [0.0]}, hidden=(), output=fnn.identity)
LONG: Any = np.ldexp(np.ones((1, 1), np.longdouble), -1100)
ADAM = fnn.adam(1e-3)
TINY = fnn.Regularization(l2=1e-50, l1=1e-50)

CALLS: dict[str, Callable[[], Any]] = {
    "forward": lambda: fnn.forward(P, X).tolist(),
    "forward, scaled": lambda: fnn.forward(P, X * 1e20, scale=1e-40).tolist(),
    "jacobian": lambda: fnn.jacobian(P, X).tolist(),
    "jacobian by params": lambda: fnn.jacobian(P, X, by="params").tolist(),
    "vjp": lambda: fnn.vjp(P, X, Y)[0],
    "jvp": lambda: fnn.jvp(P, X, dx=X).tolist(),
    "error": lambda: fnn.error(P, X, Y),
    "grad": lambda: fnn.grad(P, X, Y),
    "value_and_grad": lambda: fnn.value_and_grad(P, X, Y, regularization=TINY),
    "backprop": lambda: fnn.backprop(P, X, Y).a[0].tolist(),
    "input_grad": lambda: fnn.input_grad(P, X, Y).tolist(),
    "hvp": lambda: fnn.hvp(P, X, Y, v=P),
    "gauss_newton": lambda: fnn.gauss_newton(P, X, Y, regularization=fnn.Regularization(l2=1e-50)).tolist(),
    "check_grad": lambda: fnn.check_grad(ZERO, [1.0], [1e-305]),
    "weights": lambda: fnn.error(P, fnn.Cases(X, Y, weights=[1e-50, 1.0], scale=1e-42)),
    "class_weights": lambda: fnn.error(P, fnn.Cases(X, Y, class_weights=[1e-200, 1.0]), loss=fnn.cross_entropy),
    "many cases": lambda: fnn.error(P, np.full((200_000, 2), 1e-50), np.full((200_000, 1), 1e-50)),
    "accuracy": lambda: fnn.accuracy(P, X, [0, 1]),
    "r2_score": lambda: fnn.r2_score(ZERO, [[1.0], [2.0]], [[1e-200], [1.0]]),
    "penalty": lambda: fnn.penalty(Q.with_flat(1e-200 * Q.flat), l2=1e-50, l1=1e-200),
    "update": lambda: fnn.update(P, Q.with_flat(np.full(13, 1e-50)), 1e-40),
    "Params": lambda: fnn.Params({"W1": LONG, "b1": [0.0]}, hidden=(), output=fnn.relu),
    "replace": lambda: WIDE.replace({"W1": np.full((2, 3), 1e-50)}),
    "with_flat": lambda: P.with_flat(np.full(13, 1e-41)),
    "init": lambda: fnn.init((2, 3, 1), seed=0, initializer=fnn.uniform(-1e-45, 1e-45), dtype=np.float32),
    "adam": lambda: ADAM.update(P, Q.with_flat(np.full(13, 1e-50)), ADAM.init(P)),
    "train": lambda: fnn.train(
        P, X, Y, optimizer=ADAM, epochs=3, regularization=TINY, validation=(X, Y), reduction="mean"
    ).params,
    "train_many": lambda: fnn.train_many([P, P], X, Y, eta=0.1, epochs=3, validation=0.5)[1].params,
    "stream": lambda: fnn.train(P, [(X, Y)] * 2, eta=0.1, epochs=3).params,
    "to_python": lambda: _module(fnn.to_python(P))["forward"](1000 * X + 1e-50).tolist(),
}  # fmt: skip


def _module(source: str) -> dict[str, Any]:
    names: dict[str, Any] = {}
    exec(source, names)

    return names


@pytest.mark.parametrize("call", CALLS.values(), ids=CALLS)
def test_a_number_that_is_too_small_is_0(call: Callable[[], Any]) -> None:
    with np.errstate(all="ignore"):
        wanted = call()
    with np.errstate(all="raise"):
        assert call() == wanted


def test_too_small_an_input_counts_as_0() -> None:
    with np.errstate(all="raise"):
        assert_array_equal(fnn.forward(P, [1e-50, 1.0]), fnn.forward(P, [0.0, 1.0]))
        assert fnn.grad(P, [1e-50, 1.0], [1e-50]) == fnn.grad(P, [0.0, 1.0], [0.0])


FADING = [
    fnn.exponential(1.0, factor=1e-30), fnn.step_decay(1.0, every=2, factor=1e-40), fnn.inverse_time(1e-310, steps=1),
    fnn.cosine(1e-300, steps=9), fnn.one_cycle(1e-300, steps=12),
    fnn.warm_up(fnn.exponential(1.0, factor=1e-30), steps=2),
    fnn.plateau(fnn.exponential(1.0, factor=1e-20), factor=1e-200, patience=0),
]  # fmt: skip


@pytest.mark.parametrize("rate", FADING, ids=repr)
@pytest.mark.parametrize("kind", [fnn.gradient_descent, fnn.adam, fnn.nadam])
def test_a_schedule_that_fades_to_0(kind: Callable[[Any], fnn.Optimizer], rate: fnn.Schedule) -> None:
    networks: list[fnn.Params[Any]] = [P, Q]
    for params in networks:
        wanted = fnn.train(params, X, Y, optimizer=kind(rate), epochs=14).params
        with np.errstate(all="raise"):
            run = fnn.train(params, X, Y, optimizer=kind(rate), epochs=14)
            stream = fnn.train(params, [(X, Y)], optimizer=kind(rate), epochs=14)
        assert run.params == stream.params == wanted
        assert run.history.eta is not None
        assert run.history.eta[-1] < 1e-37
    if not isinstance(rate, fnn.plateau):
        with np.errstate(all="raise"):
            assert rate(13) < 1e-37
