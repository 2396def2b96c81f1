"""What all optimizers share: their fields, `init` and `update`, and what they refuse."""

from __future__ import annotations

import pickle
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from numpy.testing import assert_allclose

import fnn
from tests.optimizers.examples import OPTIMIZERS, PARAMS, slope

each = pytest.mark.parametrize("optimizer", OPTIMIZERS, ids=repr)


def test_a_step_with_each_field_by_hand() -> None:
    params = fnn.Params({"W1": [[3.0], [-1.0]], "b1": [0.5]}, hidden=(), output=fnn.identity)
    grads = params.with_flat([2.5, 2.5, 2.5])

    def after(**fields: Any) -> list[float]:
        optimizer = fnn.gradient_descent(0.5, **fields)
        moved, _ = optimizer.update(params, grads, optimizer.init(params))

        return [float(w) for w in moved.flat]

    assert after() == [1.75, -2.25, -0.75]
    assert after(clip=2) == [2, -2, -0.5]
    assert after(weight_decay=0.5) == [0.75 * 3 - 1.25, 0.75 * -1 - 1.25, -0.75]
    assert after(weight_decay=0.5, decay_biases=True) == [0.75 * 3 - 1.25, 0.75 * -1 - 1.25, 0.75 * 0.5 - 1.25]
    assert after(shrink=0.25) == [0.75 * 1.75, 0.75 * -2.25, -0.75]
    assert after(shrink=0.25, decay_biases=True) == [0.75 * 1.75, 0.75 * -2.25, 0.75 * -0.75]
    assert_allclose(after(clip_norm=1), np.array([3, -1, 0.5]) - 0.5 / np.sqrt(3), rtol=1e-14)
    assert_allclose(after(max_norm=1), [1.75 / np.hypot(1.75, 2.25), -2.25 / np.hypot(1.75, 2.25), -0.75], rtol=1e-14)
    assert after(clip=2.5, clip_norm=5, max_norm=3) == after()


def test_a_gradient_of_zeros_has_no_norm_to_clip() -> None:
    optimizer = fnn.gradient_descent(1.0, clip_norm=0.1, max_norm=100.0)
    zeros = PARAMS.with_flat(np.zeros(PARAMS.flat.size))
    assert optimizer.update(PARAMS, zeros, optimizer.init(PARAMS))[0] == PARAMS


# Weights and gradients whose squares leave the range of float64: the norms must be those of the numbers that they are
# multiples of.
SCALES = pytest.mark.parametrize("scale", [1e154, 1e300, 1e-162, 1e-170, 1e-300])


@SCALES
@pytest.mark.parametrize("part", [1.0, 0.01])
def test_units_are_limited_whatever_the_squares_of_their_weights(scale: float, part: float) -> None:
    random = np.random.default_rng(0)
    W = random.normal(size=(5, 40)) * random.uniform(0.1, 2, size=40)
    W[:, 7] = 0
    limit = 3.0 * scale * part
    params = fnn.Params({"W1": W * scale, "b1": np.zeros(40)}, hidden=(), output=fnn.identity)
    optimizer, zeros = fnn.gradient_descent(0.5, max_norm=limit), params.with_flat(np.zeros(240))
    moved, _ = optimizer.update(params, zeros, optimizer.init(params))
    lengths = np.linalg.norm(W, axis=0)
    wanted = np.where(lengths > 3 * part, W * 3 * part / np.maximum(lengths, 1e-3), W)

    assert_allclose(moved["W1"] / scale, wanted, rtol=1e-12)
    for threads in (1, 2):
        run = fnn.train(params, np.zeros((1, 5)), np.zeros((1, 40)), optimizer=optimizer, epochs=1, threads=threads)
        assert run.params == moved


def test_the_limited_unit_of_3_and_4() -> None:
    params = fnn.Params({"W1": [[3e154], [4e154]], "b1": [0.0]}, hidden=(), output=fnn.identity)
    for kind in (fnn.gradient_descent, fnn.adam):
        optimizer = kind(0.1, max_norm=1.0)
        moved, _ = optimizer.update(params, params.with_flat(np.zeros(3)), optimizer.init(params))
        assert_allclose(moved["W1"], [[0.6], [0.8]], rtol=1e-14)


@SCALES
@pytest.mark.parametrize("part", [10.0, 0.01])
def test_the_gradient_is_clipped_whatever_its_squares(scale: float, part: float) -> None:
    # All weights are 0, and the gradient of one case is −y x, and −y of b.
    random = np.random.default_rng(0)
    x, y = random.normal(size=(1, 5)), random.normal(size=(1, 40))
    params = fnn.Params({"W1": np.zeros((5, 40)), "b1": np.zeros(40)}, hidden=(), output=fnn.identity)
    by_x, by_y = (scale, 1.0) if scale > 1 else (1.0, scale)
    grads = fnn.grad(params, x * by_x, y * by_y)
    g = np.concatenate([(-x.T @ y).ravel(), -y.ravel() if scale < 1 else np.zeros(40)])
    limit = float(np.linalg.norm(g)) * part
    optimizer = fnn.gradient_descent(0.5, clip_norm=limit * scale)
    moved, _ = optimizer.update(params, grads, optimizer.init(params))

    assert_allclose(moved.flat / scale, -0.5 * g * min(1.0, part), rtol=1e-12, atol=1e-150)
    for threads in (1, 2):
        run = fnn.train(params, x * by_x, y * by_y, optimizer=optimizer, epochs=1, threads=threads)
        assert run.params == moved


def test_limits_hold_after_many_steps() -> None:
    random = np.random.default_rng(0)
    x, y = random.normal(size=(40, 3)), random.uniform(size=(40, 2))
    optimizer = fnn.gradient_descent(5.0, max_norm=0.8)
    run = fnn.train(fnn.init((3, 70, 2), seed=0), x, y, epochs=20, batch_size=9, optimizer=optimizer)
    for key in ("W1", "W2"):
        lengths = np.linalg.norm(run.params[key], axis=0)
        assert (lengths <= 0.8 * (1 + 1e-14)).all()
        assert lengths.max() > 0.79


@each
def test_update_is_pure(optimizer: fnn.Optimizer) -> None:
    state, grads = optimizer.init(PARAMS), PARAMS.with_flat(slope(0, PARAMS.flat))
    flat, dE_dw = PARAMS.flat.copy(), grads.flat.copy()
    params, after = optimizer.update(PARAMS, grads, state)
    again = optimizer.update(PARAMS, grads, state)

    assert (params, after) == again
    assert state == optimizer.init(PARAMS)
    assert state.step == 0
    assert (PARAMS.flat == flat).all()
    assert (grads.flat == dE_dw).all()
    assert not params.flat.flags.writeable
    assert all(not vector.flat.flags.writeable for vector in after.vectors)
    assert params != PARAMS


@each
def test_values(optimizer: fnn.Optimizer) -> None:
    assert pickle.loads(pickle.dumps(optimizer)) == optimizer
    assert eval(repr(optimizer)) == optimizer
    assert hash(eval(repr(optimizer))) == hash(optimizer)
    with pytest.raises(AttributeError):
        optimizer.shrink = 0.5  # type: ignore[misc]  # what it says


def test_the_repr_leaves_out_fields_that_do_nothing() -> None:
    assert repr(fnn.gradient_descent(0.5)) == "fnn.gradient_descent(eta=0.5)"
    assert repr(fnn.momentum(1, clip=2, shrink=0.0)) == "fnn.momentum(eta=1.0, alpha=0.9, clip=2.0)"
    assert repr(fnn.adamw()).endswith("epsilon=1e-08)")
    assert repr(fnn.adamw(weight_decay=0.0)).endswith("epsilon=1e-08, weight_decay=0.0)")


def test_a_step_modifies_more_than_the_rule_does() -> None:
    assert not fnn.adamw(decay_biases=True).modifies_weights
    for fields in ({"clip": 1.0}, {"clip_norm": 1.0}, {"shrink": 0.1}, {"max_norm": 1.0}):
        assert fnn.adam(**fields).modifies_weights  # type: ignore[arg-type]


# What goes wrong.

BAD: list[tuple[Callable[[], object], type[Exception], str]] = [
    (lambda: fnn.gradient_descent(0), ValueError, "eta: must be finite and above 0, got 0"),
    (lambda: fnn.adam(float("nan")), ValueError, "eta: must be finite and above 0, got nan"),
    (lambda: fnn.adam("a"), TypeError, "eta: needs a number, got 'a'"),  # type: ignore[arg-type]
    (lambda: fnn.momentum(1, alpha=1.0), ValueError, "alpha: must be at least 0 and below 1, got 1.0"),
    (lambda: fnn.adam(beta_1=-0.1), ValueError, "beta_1: must be at least 0 and below 1, got -0.1"),
    (lambda: fnn.adam(beta_2=True), TypeError, "beta_2: needs a number, got True"),
    (lambda: fnn.adam(epsilon=-1), ValueError, "epsilon: must be finite and above 0, got -1"),
    *[
        (lambda kind=kind: kind(epsilon=0.0), ValueError, "epsilon: must be finite and above 0, got 0.0")
        for kind in (fnn.adam, fnn.adamw, fnn.nadam, fnn.amsgrad, fnn.rmsprop, fnn.adagrad)
    ],
    (lambda: fnn.rmsprop(rho=float("nan")), ValueError, "rho: must be at least 0 and below 1, got nan"),
    (lambda: fnn.adadelta(epsilon=0), ValueError, "epsilon: must be finite and above 0, got 0"),
    (lambda: fnn.adam(10**400), ValueError, "eta: is beyond float64"),
    (lambda: fnn.adam(np.array("a")), TypeError, "eta: needs a number, got array"),
    (lambda: fnn.adam(lambda: 0.1), TypeError, "eta: needs a function of the step, got <function .*: too many pos"),  # type: ignore[arg-type, misc]
    (lambda: fnn.momentum(1, alpha=lambda s, t: 0.1), TypeError, "alpha: needs a function of the step, got <function"),  # type: ignore[arg-type, misc]
    (lambda: fnn.irprop(0), ValueError, "start: must be finite and above 0, got 0"),
    (lambda: fnn.irprop(increase=0.9), ValueError, "increase: must be finite and at least 1, got 0.9"),
    (lambda: fnn.irprop(decrease=1), ValueError, "decrease: must be at least 0 and below 1, got 1"),
    (lambda: fnn.irprop(smallest=2, largest=1), ValueError, "smallest: must be at most `largest`, 1.0, got 2.0"),
    (lambda: fnn.adam(clip=0), ValueError, "clip: must be finite and above 0, got 0"),
    (lambda: fnn.adam(clip_norm="a"), TypeError, "clip_norm: needs a number, got 'a'"),  # type: ignore[arg-type]
    (lambda: fnn.adam(max_norm=np.inf), ValueError, "max_norm: must be finite and above 0, got inf"),
    (lambda: fnn.adam(shrink=1), ValueError, "shrink: must be at least 0 and below 1, got 1"),
    (lambda: fnn.adam(weight_decay=-1), ValueError, "weight_decay: must be finite and at least 0, got -1"),
    (lambda: fnn.adam(decay_biases=1), TypeError, "decay_biases: needs True or False, got 1"),  # type: ignore[arg-type]
    (lambda: fnn.irprop(weight_decay=0.1), ValueError, "weight_decay: fnn.irprop has no eta .* use shrink, got 0.1"),
    (lambda: fnn.adam(1e-3, 0.9, 0.999, 1e-8, 1.0), TypeError, "fnn.adam: takes eta, .* did you mean clip=1.0"),  # type: ignore[call-arg]
]


@pytest.mark.parametrize("make, error, text", BAD)
def test_bad_hyperparameters(make: Callable[[], object], error: type[Exception], text: str) -> None:
    with pytest.raises(error, match=text):
        make()


def test_bad_arguments() -> None:
    optimizer, other = fnn.adam(), fnn.init((2, 2), seed=0)
    state = optimizer.init(PARAMS)
    with pytest.raises(TypeError, match=r"params: needs fnn.Params, got dict"):
        optimizer.init(dict(PARAMS))  # type: ignore[arg-type]
    with pytest.raises(TypeError, match=r"grads: needs fnn.Params, got float"):
        optimizer.update(PARAMS, 1.0, state)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="grads: needs sizes"):
        optimizer.update(PARAMS, other, state)
    with pytest.raises(ValueError, match=r"state.vectors\[0\]: needs sizes"):
        optimizer.update(PARAMS, PARAMS, optimizer.init(other))
    with pytest.raises(ValueError, match=r"state: fnn.adam\(.*\) needs 2 vectors, got 1"):
        optimizer.update(PARAMS, PARAMS, fnn.momentum(1).init(PARAMS))
    with pytest.raises(ValueError, match=r"state.vectors\[0\]: needs float64, got float32"):
        optimizer.update(PARAMS, PARAMS, optimizer.init(fnn.init((3, 4, 2), seed=5, dtype=np.float32)))
    with pytest.raises(TypeError, match=r"state: needs what init or update returned, got tuple"):
        optimizer.update(PARAMS, PARAMS, ())  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "optimizer, text",
    [
        (fnn.adam(1e100), "its coefficients are beyond float32"),
        (fnn.irprop(1e40), r"start: 1e\+40 is beyond float32"),
        (fnn.adam(clip=1e39), r"clip: 1e\+39 is beyond float32"),
        (fnn.adam(clip=1e-50), r"clip: 1e-50 is beyond float32"),
        (fnn.adam(clip_norm=1e-50), r"clip_norm: 1e-50 is beyond float32"),
        (fnn.adam(max_norm=1e39), r"max_norm: 1e\+39 is beyond float32"),
        (fnn.adam(epsilon=1e-50), r"epsilon: 1e-50 is beyond float32"),
        (fnn.rmsprop(epsilon=1e-30), r"epsilon: must be at least 1\.1e-19 in float32"),
        (fnn.adadelta(epsilon=1e-46), r"epsilon: 1e-46 is beyond float32"),
    ],
)
def test_hyperparameters_beyond_the_dtype(optimizer: fnn.Optimizer, text: str) -> None:
    params = fnn.init((2, 1), seed=0, dtype=np.float32)
    with pytest.raises(ValueError, match=text):
        fnn.train(params, np.ones((4, 2)), np.ones((4, 1)), optimizer=optimizer, epochs=1)
    with pytest.raises(ValueError, match=text):
        optimizer.update(params, params, optimizer.init(params))


def test_bad_arguments_of_train() -> None:
    params, x, y = fnn.init((2, 1), seed=0), np.ones((4, 2)), np.ones((4, 1))
    with pytest.raises(TypeError, match=r"eta: fnn.adam\(.*\) has its own, so it can't be given too; got 0.1"):
        fnn.train(params, x, y, eta=0.1, optimizer=fnn.adam(), epochs=1)
    with pytest.raises(TypeError, match=r"eta: needs a learning rate, or optimizer= needs"):
        fnn.train(params, x, y, epochs=1)
    with pytest.raises(TypeError, match=r"optimizer: needs an optimizer such as fnn.adam\(1e-3\), got 'adam'"):
        fnn.train(params, x, y, optimizer="adam", epochs=1)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match=r"batch_size: fnn.irprop\(.*\) needs all 4 cases in every step, got 2"):
        fnn.train(params, x, y, optimizer=fnn.irprop(), epochs=1, batch_size=2)
    with pytest.raises(ValueError, match=r"eta: must be finite and at least 0, is -1\.0 at step 3"):
        fnn.train(params, x, y, eta=lambda step: 2.0 - step, epochs=5)
    with pytest.raises(TypeError, match="eta at step 2: needs a number, got None"):
        fnn.train(params, x, y, eta=lambda step: None if step > 1 else 0.1, epochs=5)  # type: ignore[arg-type, return-value]
    with pytest.raises(ValueError, match=r"alpha: must be at least 0 and below 1, is 1\.0 at step 2"):
        fnn.train(params, x, y, optimizer=fnn.momentum(0.1, alpha=lambda step: step / 2), epochs=5)
    decaying = fnn.lion(lambda step: 1.0 + (step > 2), weight_decay=0.9)
    with pytest.raises(
        ValueError, match=r"weight_decay: fnn.lion\(.*\) takes away more than all of a weight at step 3"
    ):
        fnn.train(params, x, y, optimizer=decaying, epochs=5)
