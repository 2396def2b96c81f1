"""Optimizers against formulas in NumPy and against PyTorch and Optax; `train` with them against their `update`."""

from __future__ import annotations

import pickle
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose
from numpy.typing import NDArray

import fnn
from fnn.optimizers.optimizer import Optimizer
from tests import reference
from tests.optimizers import formulas
from tests.paces import train_by_exactly
from tests.problems import Problem, problem, problems, trained

OPTIMIZERS: list[Optimizer] = [
    fnn.gradient_descent(0.3),
    fnn.momentum(0.1),
    fnn.momentum(0.05, alpha=0.5),
    fnn.nesterov(0.1),
    fnn.nesterov(0.05, alpha=0.0),
    fnn.adam(),
    fnn.adam(0.1, beta_1=0.0, beta_2=0.5, epsilon=1e-3),
    fnn.adamw(0.05),
    fnn.adamw(0.05, decay=0.5),
    fnn.adamw(0.05, decay=0.5, decay_biases=True),
    fnn.nadam(0.02),
    fnn.amsgrad(0.03, beta_2=0.6),
    fnn.rmsprop(0.01),
    fnn.rmsprop(0.01, rho=0.99, epsilon=1e-2),
    fnn.adagrad(0.1),
    fnn.adadelta(),
    fnn.adadelta(0.5, rho=0.95, epsilon=1e-3),
    fnn.lion(0.01),
    fnn.lion(0.01, beta_1=0.5, beta_2=0.6, decay=0.3),
    fnn.lion(0.01, decay=0.3, decay_biases=True),
    fnn.irprop(),
    fnn.irprop(0.1, grow=1.5, shrink=0.3, least=0.02, most=0.3),
]
WITH_ETA = [optimizer for optimizer in OPTIMIZERS if optimizer.rate is not None]
FOR_BATCHES = [optimizer for optimizer in OPTIMIZERS if not optimizer.needs_all_cases]
each = pytest.mark.parametrize("optimizer", OPTIMIZERS, ids=repr)

PARAMS: fnn.Params[Any] = fnn.init((3, 4, 2), seed=5)
DECAYED = np.concatenate([np.full(leaf.size, float(key.startswith("W"))) for key, leaf in PARAMS.items()])


def slope(step: int, w: NDArray[Any]) -> NDArray[Any]:
    """A gradient that pulls to somewhere, is noisy, and is 0 for some parameters now and then."""
    random = np.random.default_rng(step)
    return (w - np.linspace(-1, 1, w.size) + random.normal(size=w.size)) * (random.uniform(size=w.size) > 0.05)


def path(optimizer: Optimizer, params: fnn.Params[Any], steps: int) -> NDArray[Any]:
    """The parameters after each step."""
    found, state = [], optimizer.init(params)
    for step in range(steps):
        params, state = optimizer.update(params, params.with_flat(slope(step, params.flat)), state)
        found.append(params.flat)
    assert state.step == steps

    return np.array(found)


@each
def test_a_hundred_steps_by_the_formula(optimizer: Optimizer) -> None:
    steps = formulas.begin(optimizer, PARAMS.flat, DECAYED)
    w, wanted = PARAMS.flat, []
    for step in range(100):
        w = steps.send(slope(step, w))
        wanted.append(w)

    assert_allclose(path(optimizer, PARAMS, 100), wanted, rtol=1e-12, atol=1e-14)


@each
def test_a_hundred_steps_in_float32(optimizer: Optimizer) -> None:
    params = fnn.init((3, 4, 2), seed=5, dtype=np.float32)
    double, state = params.with_flat(params.flat), optimizer.init(params)
    steps, wanted = formulas.begin(optimizer, params.flat.astype(float), DECAYED), params.flat.astype(float)
    for step in range(100):
        g = slope(step, wanted).astype(np.float32)  # of the formula's w: signs would not forgive a rounding
        wanted = steps.send(g.astype(float))
        double, state = optimizer.update(double, params.with_flat(g), state)

    assert double.dtype == np.float32
    assert all(vector.dtype == np.float32 for vector in state.vectors)
    assert_allclose(double.flat, wanted, rtol=2e-5, atol=2e-5)


def test_an_eta_that_changes_is_that_of_the_step() -> None:
    for optimizer in WITH_ETA:
        changing = optimizer.with_rate(lambda step: 0.1 / (1 + step))
        steps, w, wanted = formulas.begin(changing, PARAMS.flat, DECAYED), PARAMS.flat, []
        for step in range(50):
            w = steps.send(slope(step, w))
            wanted.append(w)
        assert_allclose(path(changing, PARAMS, 50), wanted, rtol=1e-12, atol=1e-14, err_msg=repr(optimizer))


def test_an_alpha_that_changes_is_that_of_the_step() -> None:
    alphas: list[Any] = [lambda step: 0.5 if step < 20 else 0.9, fnn.inverse_time(0.9, steps=10)]
    for alpha in alphas:
        optimizer = fnn.momentum(lambda step: 0.1 / (1 + step), alpha=alpha)
        steps, w, wanted = formulas.begin(optimizer, PARAMS.flat, DECAYED), PARAMS.flat, []
        for step in range(50):
            w = steps.send(slope(step, w))
            wanted.append(w)
        assert_allclose(path(optimizer, PARAMS, 50), wanted, rtol=1e-12, atol=1e-14, err_msg=repr(optimizer))


def peers() -> dict[str, tuple[Optimizer, Callable[[Any], Any]]]:
    """Ours, and what makes PyTorch's of its parameters."""
    torch = pytest.importorskip("torch")
    o = torch.optim
    return {
        "SGD": (fnn.gradient_descent(0.3), lambda p: o.SGD(p, lr=0.3)),
        "SGD momentum": (fnn.momentum(0.1, alpha=0.8), lambda p: o.SGD(p, lr=0.1, momentum=0.8)),
        "SGD nesterov": (fnn.nesterov(0.1), lambda p: o.SGD(p, lr=0.1, momentum=0.9, nesterov=True)),
        "Adam": (fnn.adam(0.01), lambda p: o.Adam(p, lr=0.01)),
        "AdamW": (fnn.adamw(0.05, decay=0.2), lambda p: o.AdamW(p, lr=0.05)),
        "AdamW of all": (fnn.adamw(0.05, decay=0.2, decay_biases=True), lambda p: o.AdamW(p, lr=0.05)),
        "AMSGrad": (fnn.amsgrad(0.01, beta_2=0.7), lambda p: o.Adam(p, lr=0.01, betas=(0.9, 0.7), amsgrad=True)),
        "RMSprop": (fnn.rmsprop(0.01, rho=0.99), lambda p: o.RMSprop(p, lr=0.01)),
        "Adagrad": (fnn.adagrad(0.01), lambda p: o.Adagrad(p, lr=0.01)),
        "Adadelta": (fnn.adadelta(0.7), lambda p: o.Adadelta(p, lr=0.7, rho=0.9)),
        "Rprop": (fnn.irprop(0.01, most=0.5), lambda p: o.Rprop(p, lr=0.01, etas=(0.5, 1.2), step_sizes=(1e-6, 0.5))),
    }


@pytest.mark.parametrize(
    "name",
    [
        "SGD",
        "SGD momentum",
        "SGD nesterov",
        "Adam",
        "AdamW",
        "AdamW of all",
        "AMSGrad",
        "RMSprop",
        "Adagrad",
        "Adadelta",
        "Rprop",
    ],
)
def test_a_hundred_steps_by_pytorch(name: str) -> None:
    torch = pytest.importorskip("torch")
    ours, theirs = peers()[name]
    places = np.array(DECAYED, bool)
    halves = [torch.tensor(PARAMS.flat[part], dtype=torch.float64, requires_grad=True) for part in (places, ~places)]
    decays = np.array([1, getattr(ours, "decay_biases", False)]) * getattr(ours, "decay", 0)
    groups = [dict(params=half, weight_decay=decay) for half, decay in zip(halves, decays.tolist(), strict=True)]
    optimizer, wanted = theirs(groups), []
    for step in range(100):
        w = np.empty(len(places))
        w[places], w[~places] = (half.detach().numpy() for half in halves)
        g = slope(step, w)
        for half, part in zip(halves, (places, ~places), strict=True):
            half.grad = torch.tensor(g[part])
        optimizer.step()
        w[places], w[~places] = (half.detach().numpy() for half in halves)
        wanted.append(w)

    assert_allclose(path(ours, PARAMS, 100), wanted, rtol=1e-12, atol=1e-14)


@pytest.mark.parametrize(
    "ours, name, options",
    [
        (fnn.nadam(0.02), "nadam", {"learning_rate": 0.02}),
        (fnn.lion(0.01, decay=0.0), "lion", {"learning_rate": 0.01, "weight_decay": 0.0}),
        (fnn.adam(0.02), "adam", {"learning_rate": 0.02}),
        (fnn.rmsprop(0.02), "rmsprop", {"learning_rate": 0.02, "eps_in_sqrt": False}),
        (fnn.momentum(0.02), "sgd", {"learning_rate": 0.02, "momentum": 0.9}),
    ],
    ids=repr,
)
def test_a_hundred_steps_by_optax(ours: Optimizer, name: str, options: dict[str, Any]) -> None:
    jax, optax = pytest.importorskip("jax"), pytest.importorskip("optax")
    with jax.enable_x64(True):
        w, wanted = jax.numpy.array(PARAMS.flat), []
        theirs = getattr(optax, name)(**options)
        state = theirs.init(w)
        for step in range(100):
            updates, state = theirs.update(jax.numpy.array(slope(step, np.array(w))), state, w)
            w = optax.apply_updates(w, updates)
            wanted.append(np.array(w))

    assert_allclose(path(ours, PARAMS, 100), wanted, rtol=1e-12, atol=1e-14)


# In training.


def steps(
    p: Problem, optimizer: Optimizer, *, epochs: int, batch_size: int | None = None, seed: int = 0
) -> tuple[fnn.Params[Any], fnn.OptimizerState[Any]]:
    """Training by `grad` and the optimizer's `update`, in the oracle's order of cases."""
    params, state = p.params, optimizer.init(p.params)
    for epoch in range(epochs):
        for rows in reference.batches(len(p.x), batch_size, seed, epoch):
            q = p.rows(rows)
            params, state = optimizer.update(params, fnn.grad(params, q.cases, **q.options), state)

    return params, state


@given(problems(counts=(1, 2, 7, 65, 600, 1100), widest=70), st.sampled_from(OPTIMIZERS))
@settings(deadline=None, max_examples=60)
def test_full_batches_are_such_updates_to_the_bit(p: Problem, optimizer: Optimizer) -> None:
    run = trained(p, optimizer=optimizer, epochs=3, **p.options)
    params, state = steps(p, optimizer, epochs=3)

    assert run.params == params
    assert run.state == state


@given(
    problems(counts=(1, 2, 7, 65, 600), widest=35), st.sampled_from(FOR_BATCHES),
    st.sampled_from([1, 5, 64, 255, 513]), st.integers(0, 2**63 - 1),
)  # fmt: skip
@settings(deadline=None, max_examples=60)
def test_batches_are_such_updates_to_the_bit(p: Problem, optimizer: Optimizer, batch_size: int, seed: int) -> None:
    options: dict[str, Any] = {"epochs": 1 if batch_size == 1 else 2, "batch_size": batch_size, "seed": seed}
    run = trained(p, optimizer=optimizer, **options, **p.options)
    params, state = steps(p, optimizer, **options)

    assert run.params == params
    assert run.state == state


def test_gradient_descent_is_what_eta_stands_for() -> None:
    for count in (20, 600):  # more than the workspace has room for, too
        p = problem(1, (5, 40, 3), (fnn.tanh,), fnn.sigmoid, fnn.squared_error, count)
        run = fnn.train(p.params, p.x, p.y, eta=0.01, epochs=9)
        same = fnn.train(p.params, p.x, p.y, optimizer=fnn.gradient_descent(0.01), epochs=9)
        changing = fnn.train(p.params, p.x, p.y, eta=lambda step: 0.01, epochs=9)

        assert run.params == same.params == changing.params
        assert run.state == same.state == fnn.OptimizerState(9, ())


@given(
    problems(counts=(7, 65, 600, 1100), widest=90), st.sampled_from(FOR_BATCHES), st.sampled_from([None, 3, 64, 513])
)
@settings(deadline=None, max_examples=25)
def test_the_bits_do_not_depend_on_threads_nor_on_how_the_run_is_cut(
    p: Problem, optimizer: Optimizer, batch_size: int | None
) -> None:
    if optimizer.rate is not None:
        optimizer = optimizer.with_rate(fnn.warm_up(fnn.cosine(0.01 / len(p.x), steps=9), steps=3))
    options: dict[str, Any] = {"optimizer": optimizer, "epochs": 3, "batch_size": batch_size, **p.options}
    wanted = trained(p, threads=1, **options)
    random = np.random.default_rng(0)

    class AnyPace:
        def __init__(self, *arguments: object) -> None: ...

        def suggest(self) -> tuple[int, int]:
            return int(random.choice([1, 2, 3, 5, 50, 300])), int(random.integers(1, 5))

        def seconds(self, steps: int) -> float:
            return 0.0

        def observe(self, *arguments: object) -> None: ...

    with pytest.MonkeyPatch.context() as patch:
        train_by_exactly(patch)
        runs = [fnn.train(p.params, p.x, p.y, threads=threads, **options) for threads in (2, 3, 4)]
        patch.setattr("fnn.training.run.tuner_for", AnyPace)
        runs += [fnn.train(p.params, p.x, p.y, **options) for _ in range(2)]
    for run in runs:
        assert run.params == wanted.params
        assert run.state == wanted.state
        assert run.history.error.tobytes() == wanted.history.error.tobytes()


@pytest.mark.usefixtures("exact_threads")
@pytest.mark.parametrize("optimizer", FOR_BATCHES, ids=repr)
def test_large_layers_by_four_threads(optimizer: Optimizer) -> None:
    # Wide enough that threads take pieces over from each other.
    p = problem(3, (300, 220, 7), (fnn.tanh,), fnn.sigmoid, fnn.squared_error, 200, dtype=np.float32)
    options: dict[str, Any] = {"optimizer": optimizer, "epochs": 2, "batch_size": 90, "reduction": "mean"}
    wanted = fnn.train(p.params, p.x, p.y, threads=1, **options)
    run = fnn.train(p.params, p.x, p.y, threads=4, **options)

    assert run.params == wanted.params
    assert run.state == wanted.state


def test_a_run_may_be_longer_than_the_numbers_that_are_worked_out_ahead() -> None:
    p = problem(4, (2, 2, 1), (fnn.tanh,), fnn.sigmoid, fnn.squared_error, 3)
    optimizer = fnn.adam(fnn.cosine(1e-3, steps=9000))
    run = fnn.train(p.params, p.x, p.y, optimizer=optimizer, epochs=9500)
    params, state = steps(p, optimizer, epochs=9500)

    assert run.params == params
    assert run.state == state


def test_update_goes_on_where_a_run_ended() -> None:
    p = problem(5, (3, 5, 2), (fnn.tanh,), fnn.sigmoid, fnn.squared_error, 20)
    optimizer = fnn.nadam(0.01)
    run = fnn.train(p.params, p.x, p.y, optimizer=optimizer, epochs=3)
    params, state = run.params, pickle.loads(pickle.dumps(run.state))
    for _ in range(4):
        params, state = optimizer.update(params, fnn.grad(params, p.x, p.y), state)

    assert params == fnn.train(p.params, p.x, p.y, optimizer=optimizer, epochs=7).params


@each
def test_update_is_pure(optimizer: Optimizer) -> None:
    state = optimizer.init(PARAMS)
    grads = PARAMS.with_flat(slope(0, PARAMS.flat))
    params, after = optimizer.update(PARAMS, grads, state)
    again = optimizer.update(PARAMS, grads, state)

    assert (params, after) == again
    assert state == optimizer.init(PARAMS)
    assert state.step == 0
    assert not params.flat.flags.writeable
    assert all(not vector.flat.flags.writeable for vector in after.vectors)
    assert params != PARAMS


@each
def test_values(optimizer: Optimizer) -> None:
    assert pickle.loads(pickle.dumps(optimizer)) == optimizer
    assert eval(repr(optimizer)) == optimizer
    assert hash(eval(repr(optimizer))) == hash(optimizer)
    with pytest.raises(AttributeError):
        optimizer.eta = 2.0  # type: ignore[attr-defined]  # what it says


# What goes wrong.


@pytest.mark.parametrize("optimizer", [fnn.momentum(3.0), fnn.nesterov(3.0), fnn.adagrad(1e200)], ids=repr)
@pytest.mark.parametrize("watching", [False, True])
def test_diverged(optimizer: Optimizer, watching: bool) -> None:
    params = fnn.Params({"W1": [[0.0]], "b1": [0.0]}, hidden=(), output=fnn.identity)
    x, y = [[0.0], [1.0]], [[1.0], [2.0]]
    callback = (lambda *_: None) if watching else None
    with pytest.raises(fnn.TrainingDiverged) as info:
        fnn.train(params, x, y, optimizer=optimizer, epochs=100_000, batch_size=1, callbacks=[fnn.each_epoch(callback)])
    error = info.value
    good = len(error.history)

    assert error.epoch - good in (1, 2)
    assert np.isfinite(fnn.error(error.params, x, y))
    run = fnn.train(params, x, y, optimizer=optimizer, epochs=good, batch_size=1)
    assert run.params == error.params
    assert run.history.error.tobytes() == error.history.error.tobytes()
    with pytest.raises(fnn.TrainingDiverged):
        fnn.train(params, x, y, optimizer=optimizer, epochs=good + 2, batch_size=1)


BAD: list[tuple[Callable[[], object], type[Exception], str]] = [
    (lambda: fnn.gradient_descent(0), ValueError, "eta: must be finite and above 0, got 0"),
    (lambda: fnn.adam(float("nan")), ValueError, "eta: must be finite and above 0, got nan"),
    (lambda: fnn.adam("a"), TypeError, "eta: needs a number, got 'a'"),  # type: ignore[arg-type]
    (lambda: fnn.momentum(1, alpha=1.0), ValueError, "alpha: must be at least 0 and below 1, got 1.0"),
    (lambda: fnn.adam(beta_1=-0.1), ValueError, "beta_1: must be at least 0 and below 1, got -0.1"),
    (lambda: fnn.adam(beta_2=True), TypeError, "beta_2: needs a number, got True"),
    (lambda: fnn.adam(epsilon=-1), ValueError, "epsilon: must be finite and at least 0, got -1"),
    (lambda: fnn.adamw(decay=float("inf")), ValueError, "decay: must be finite and at least 0, got inf"),
    (lambda: fnn.rmsprop(rho=float("nan")), ValueError, "rho: must be at least 0 and below 1, got nan"),
    (lambda: fnn.adadelta(epsilon=0), ValueError, "epsilon: must be finite and above 0, got 0"),
    (lambda: fnn.adamw(decay_biases=1), TypeError, "decay_biases: needs True or False, got 1"),  # type: ignore[arg-type]
    (lambda: fnn.adam(10**400), ValueError, "eta: is beyond float64"),
    (lambda: fnn.adam(np.array("a")), TypeError, "eta: needs a number, got array"),
    (lambda: fnn.adam(lambda: 0.1), TypeError, "eta: needs a function of the step, got <function .*: too many pos"),  # type: ignore[arg-type, misc]
    (lambda: fnn.momentum(1, alpha=lambda s, t: 0.1), TypeError, "alpha: needs a function of the step, got <function"),  # type: ignore[arg-type, misc]
    (lambda: fnn.irprop(0), ValueError, "start: must be finite and above 0, got 0"),
    (lambda: fnn.irprop(grow=0.9), ValueError, "grow: must be finite and at least 1, got 0.9"),
    (lambda: fnn.irprop(shrink=1), ValueError, "shrink: must be at least 0 and below 1, got 1"),
    (lambda: fnn.irprop(least=2, most=1), ValueError, "least: must be at most `most`, 1.0, got 2.0"),
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
    single = fnn.init((2, 1), seed=0, dtype=np.float32)
    with pytest.raises(ValueError, match="its numbers are beyond float32"):
        fnn.train(single, x, y, optimizer=fnn.adam(1e100), epochs=1)
    with pytest.raises(ValueError, match=r"start: 1e\+40 is beyond float32"):
        fnn.train(single, x, y, optimizer=fnn.irprop(1e40), epochs=1)
    with pytest.raises(TypeError, match="eta at step 2: needs a number, got None"):
        fnn.train(params, x, y, eta=lambda step: None if step > 1 else 0.1, epochs=5)  # type: ignore[arg-type, return-value]
    with pytest.raises(ValueError, match=r"alpha: must be at least 0 and below 1, is 1\.0 at step 2"):
        fnn.train(params, x, y, optimizer=fnn.momentum(0.1, alpha=lambda step: step / 2), epochs=5)
    with pytest.raises(ValueError, match=r"decay: fnn.adamw\(.*\) takes away more than all of a weight at step 3"):
        fnn.train(params, x, y, optimizer=fnn.adamw(lambda step: 1.0 + (step > 2), decay=0.9), epochs=5)
