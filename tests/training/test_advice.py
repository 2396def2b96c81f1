"""Warnings about scales: when they come, what they say, and that they don't come otherwise."""

import warnings
from typing import Any

import numpy as np
import pytest

import fnn

X = np.random.default_rng(0).normal(size=(60, 3))
Y = 25 + 321 * np.linspace(0, 1, 60)[:, None]


def warned(train: Any = fnn.train, *arguments: Any, **options: Any) -> list[str]:
    """What is said about scales."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        train(*arguments, **dict(eta=1e-6, epochs=1) | options)
    assert all(w.category is fnn.ScaleWarning and w.filename == __file__ for w in caught)

    return [str(w.message) for w in caught]


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_the_first_regression(dtype: Any) -> None:
    (message,) = warned(fnn.train, fnn.init((3, 8, 1), seed=0, dtype=dtype), X, Y)

    assert message.startswith(
        "y: the targets of 60 of 60 cases lie outside [0, 1], all that fnn.sigmoid at the output can reach: they go "
        "from 25 to 346. Write fnn.init(.., output=fnn.identity)"
    )
    assert "fnn.fold" in message


@pytest.mark.parametrize(
    ("output", "y", "interval"),
    [
        (fnn.tanh, [-1.5, 0.5], "[-1, 1]"),
        (fnn.relu, [-0.5, 5.0], "[0, ∞)"),
        (fnn.elu(0.5), [-0.6, 5.0], "[-0.5, ∞)"),
        (fnn.log_softmax, [0.5, -2.0], "(−∞, 0]"),
    ],
)
def test_one_target_outside(output: fnn.Activation, y: list[float], interval: str) -> None:
    start = fnn.init((3, 2), seed=0, output=output)

    (message,) = warned(fnn.train, start, X[:2], np.tile(y, (2, 1)).T)

    assert f"of 1 of 2 cases lie outside {interval}, all that {output!r} at" in message


@pytest.mark.parametrize(
    ("output", "loss", "y"),
    [
        (fnn.sigmoid, fnn.squared_error, np.array([[0.0], [1.0]])),
        (fnn.tanh, fnn.huber, np.array([[-1.0], [1.0]])),
        (fnn.softplus, fnn.poisson, np.array([[0.0], [9.0]])),
        (fnn.identity, fnn.squared_error, np.array([[-1e9], [1e9]])),
        (fnn.sigmoid, fnn.cross_entropy, np.array([0, 1])),
        (fnn.tanh, fnn.hinge, np.array([[-1.0], [1.0]])),
    ],
)
def test_targets_that_can_be_reached(output: fnn.Activation, loss: fnn.Loss, y: Any) -> None:
    assert warned(fnn.train, fnn.init((3, 1), seed=0, output=output), X[:2], y, loss=loss) == []


@pytest.mark.parametrize("hidden", [fnn.sigmoid, fnn.tanh, fnn.softsign])
@pytest.mark.parametrize("scale", [1.0, 1.0001])  # as they are, and fetched
def test_raw_inputs(hidden: fnn.Activation, scale: float) -> None:
    x = np.random.default_rng(1).integers(0, 255, (200, 784)).astype(np.float32 if scale == 1 else np.uint16)
    start = fnn.init((784, 40, 1), seed=0, hidden=hidden, dtype=np.float32)
    y = np.full((200, 1), 0.5)

    (message,) = warned(fnn.train, start, fnn.Cases(x, y, scale=scale))

    assert message.startswith("x: 9") or message.startswith("x: 8")
    assert f"saturated, where {hidden!r} is nearly flat" in message
    assert "(x - x.mean(0)) / x.std(0)" in message
    assert warned(fnn.train, start, fnn.Cases(x, y, scale=scale / 255)) == []
    folded = fnn.fold(start, x_shift=x.mean(axis=0), x_scale=x.std(axis=0))
    assert warned(fnn.train, folded, fnn.Cases(x, y)) == []


def test_inputs_of_layers_that_do_not_saturate() -> None:
    for start in fnn.init((3, 4, 1), seed=0, hidden=fnn.relu), fnn.init((3, 1), seed=0, output=fnn.identity):
        assert warned(fnn.train, start, 1e4 * X, np.full((60, 1), 0.5), eta=1e-30) == []


def test_of_many_networks_once() -> None:
    starts = [fnn.init((3, 4, 1), seed=seed) for seed in range(5)]

    assert len(warned(fnn.train_many, starts, X, Y)) == 1
    assert len(warned(fnn.train_many, starts, 1e4 * X, Y)) == 2
    assert len(warned(fnn.train_many, [*starts, fnn.init((3, 4, 1), seed=0, output=fnn.tanh)], X, Y)) == 2
