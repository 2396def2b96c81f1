"""The optimizers against their formulas in NumPy, and against PyTorch and Optax."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from numpy.testing import assert_allclose
from numpy.typing import NDArray

import fnn
from tests.optimizers import formulas
from tests.optimizers.examples import OPTIMIZERS, PARAMS, WITH_ETA, path, slope

each = pytest.mark.parametrize("optimizer", OPTIMIZERS, ids=repr)


def by_formula(optimizer: fnn.Optimizer, steps: int) -> NDArray[np.float64]:
    """The parameters after each step."""
    taken, w, flats = formulas.begin(optimizer, PARAMS), PARAMS.flat, []
    for step in range(steps):
        w = taken.send(slope(step, w))
        flats.append(w)

    return np.array(flats)


@each
def test_a_hundred_steps_by_the_formula(optimizer: fnn.Optimizer) -> None:
    assert_allclose(path(optimizer, PARAMS, 100), by_formula(optimizer, 100), rtol=1e-12, atol=1e-14)


@each
def test_a_hundred_steps_in_float32(optimizer: fnn.Optimizer) -> None:
    params = fnn.init((3, 4, 2), seed=5, dtype=np.float32).with_flat(PARAMS.flat)
    wide = PARAMS.with_flat(params.flat)
    state, steps, w = optimizer.init(params), formulas.begin(optimizer, wide), wide.flat
    for step in range(100):
        g = slope(step, w).astype(np.float32)  # of the formula's w: signs would not forgive a rounding
        w = steps.send(g.astype(float))
        params, state = optimizer.update(params, params.with_flat(g), state)

    assert params.dtype == np.float32
    assert all(vector.dtype == np.float32 for vector in state.vectors)
    assert_allclose(params.flat, w, rtol=2e-5, atol=2e-5)


def test_an_eta_that_changes_is_that_of_the_step() -> None:
    for optimizer in WITH_ETA:
        changing = optimizer.with_rate(lambda step: 0.1 / (1 + step))
        assert_allclose(path(changing, PARAMS, 50), by_formula(changing, 50), rtol=1e-12, atol=1e-14)


@pytest.mark.parametrize("alpha", [lambda step: 0.5 if step < 20 else 0.9, fnn.inverse_time(0.9, steps=10)])
def test_an_alpha_that_changes_is_that_of_the_step(alpha: Any) -> None:
    optimizer = fnn.momentum(lambda step: 0.1 / (1 + step), alpha=alpha)
    assert_allclose(path(optimizer, PARAMS, 50), by_formula(optimizer, 50), rtol=1e-12, atol=1e-14)


# Ours, and what makes those of PyTorch, from torch.optim and the parameters, and of Optax.

PYTORCH: dict[str, tuple[fnn.Optimizer, Callable[[Any, Any], Any]]] = {
    "SGD": (fnn.gradient_descent(0.3), lambda o, p: o.SGD(p, lr=0.3)),
    "SGD decay": (
        fnn.gradient_descent(0.3, weight_decay=0.2, decay_biases=True), lambda o, p: o.SGD(p, lr=0.3, weight_decay=0.2),
    ),
    "SGD momentum": (fnn.momentum(0.1, alpha=0.8), lambda o, p: o.SGD(p, lr=0.1, momentum=0.8)),
    "SGD nesterov": (fnn.nesterov(0.1), lambda o, p: o.SGD(p, lr=0.1, momentum=0.9, nesterov=True)),
    "Adam": (fnn.adam(0.01), lambda o, p: o.Adam(p, lr=0.01)),
    "AdamW": (fnn.adamw(0.05, weight_decay=0.2, decay_biases=True), lambda o, p: o.AdamW(p, 0.05, weight_decay=0.2)),
    "AMSGrad": (fnn.amsgrad(0.01, beta_2=0.7), lambda o, p: o.Adam(p, 0.01, betas=(0.9, 0.7), amsgrad=True)),
    "RMSprop": (fnn.rmsprop(0.01, rho=0.99), lambda o, p: o.RMSprop(p, lr=0.01)),
    "Adagrad": (fnn.adagrad(0.01), lambda o, p: o.Adagrad(p, lr=0.01)),
    "Adadelta": (fnn.adadelta(0.7), lambda o, p: o.Adadelta(p, lr=0.7, rho=0.9)),
    "Rprop": (fnn.irprop(largest=0.5), lambda o, p: o.Rprop(p, 0.01, etas=(0.5, 1.2), step_sizes=(1e-6, 0.5))),
}  # fmt: skip
OPTAX: dict[str, tuple[fnn.Optimizer, Callable[[Any], Any]]] = {
    "nadam": (fnn.nadam(0.02), lambda o: o.nadam(0.02)),
    "lion": (fnn.lion(0.01, weight_decay=0.3, decay_biases=True), lambda o: o.lion(0.01, weight_decay=0.3)),
    "adam": (fnn.adam(0.02), lambda o: o.adam(0.02)),
    "rmsprop": (fnn.rmsprop(0.02), lambda o: o.rmsprop(0.02, eps_in_sqrt=False)),
    "sgd": (fnn.momentum(0.02), lambda o: o.sgd(0.02, momentum=0.9)),
    "clip": (fnn.gradient_descent(0.1, clip=0.4), lambda o: o.chain(o.clip(0.4), o.sgd(0.1))),
    "clip_by_global_norm": (
        fnn.adam(0.02, clip=0.7, clip_norm=1.5),
        lambda o: o.chain(o.clip(0.7), o.clip_by_global_norm(1.5), o.adam(0.02)),
    ),
}  # fmt: skip

# Parameters 0, 13, 17 and 25, of W1, b1, W2 and b2, after a hundred steps by PyTorch 2.13.0, and by Optax 0.2.8.
HUNDREDTH: dict[str, list[float]] = {
    "SGD": [-1.150932096831237, 0.14819849818263325, -0.2234614048089124, 0.9676946209115918],
    "SGD decay": [-1.0020667976239384, 0.10139292478744084, -0.29010089373501874, 0.843306249095867],
    "SGD momentum": [-0.8219374018838808, 0.14846381980936624, 0.24404259245061477, 0.494563113434729],
    "SGD nesterov": [-0.8664405001549311, 0.10055899688361644, -0.03442307391172239, 0.46648686043731236],
    "Adam": [-0.7741693023008381, 0.16171242796395893, 0.20884916504981965, 0.7346807316805162],
    "AdamW": [-0.832453602227072, 0.37631400058412656, 0.3280009305185151, 0.8457037987417968],
    "AMSGrad": [-0.6994738441983714, 0.17107575706144576, 0.15598943076785274, 0.6307352659884766],
    "RMSprop": [-0.9287835483930266, 0.14054432248413012, 0.26758130105528, 0.8837110230884675],
    "Adagrad": [-0.415765600478398, 0.17737625881786676, -0.044364157917302305, 0.3697885022682786],
    "Adadelta": [-0.40907347783018144, 0.19194210710013176, -0.009784823025606185, 0.40148477931134063],
    "Rprop": [-0.39863803262251374, -0.001112946071929105, -0.09184594938835422, 0.26055343601276465],
    "nadam": [-0.9655439144069125, 0.17833446842538322, 0.32825065666886305, 0.9434172439743785],
    "lion": [-1.054896286468733, 0.182158515006665, 0.46614103259024564, 1.0195817471123616],
    "adam": [-0.9695293445003245, 0.17516671320615446, 0.33443383555024236, 0.9486349355567079],
    "rmsprop": [-0.9126277794825663, 0.05664938040076072, 0.2477033775239531, 0.906523789154387],
    "sgd": [-0.9249236479591837, 0.5897976793037809, 0.451587950095421, 0.888280977582616],
    "clip": [-0.9184860691518447, 0.14778077026362407, 0.22994510393489578, 0.9896117025464066],
    "clip_by_global_norm": [-0.9344284870566407, 0.17770092869134502, 0.2796260631640962, 0.9004181580285073],
}


@pytest.mark.parametrize("name", HUNDREDTH)
def test_the_hundredth_step_of_pytorch_and_optax(name: str) -> None:
    optimizer = (PYTORCH | OPTAX)[name][0]
    assert_allclose(path(optimizer, PARAMS, 100)[-1, [0, 13, 17, 25]], HUNDREDTH[name], rtol=1e-12)


@pytest.mark.parametrize("name", PYTORCH)
def test_a_hundred_steps_of_pytorch(name: str) -> None:
    torch = pytest.importorskip("torch")
    ours, theirs = PYTORCH[name]
    w = torch.tensor(PARAMS.flat, requires_grad=True)
    optimizer, flats = theirs(torch.optim, [w]), []
    for step in range(100):
        w.grad = torch.tensor(slope(step, w.detach().numpy()))
        optimizer.step()
        flats.append(w.detach().numpy().copy())

    assert_allclose(path(ours, PARAMS, 100), flats, rtol=1e-12, atol=1e-14)


@pytest.mark.parametrize("name", OPTAX)
def test_a_hundred_steps_of_optax(name: str) -> None:
    jax, optax = pytest.importorskip("jax"), pytest.importorskip("optax")
    ours, make = OPTAX[name]
    with jax.enable_x64(True):
        w, theirs, flats = jax.numpy.array(PARAMS.flat), make(optax), []
        state = theirs.init(w)
        for step in range(100):
            updates, state = theirs.update(jax.numpy.array(slope(step, np.array(w))), state, w)
            w = optax.apply_updates(w, updates)
            flats.append(np.array(w))

    assert_allclose(path(ours, PARAMS, 100), flats, rtol=1e-12, atol=1e-14)


BIG: dict[type[Any], float] = {np.float32: 1e38, np.float64: 1e300}  # no square of it, nor of a hundredth, is finite
ADAPTIVE: list[Any] = [
    fnn.adam, fnn.adamw, fnn.nadam, fnn.amsgrad, fnn.rmsprop, fnn.adagrad, fnn.adadelta, fnn.lion,
]  # fmt: skip


def single(w: float, b: float, dtype: type[Any]) -> fnn.Params[Any]:
    leaves = {"W1": np.array([[w]], dtype), "b1": np.array([b], dtype)}
    return fnn.Params(leaves, hidden=(), output=fnn.identity)


@pytest.mark.parametrize("dtype", BIG)
@pytest.mark.parametrize("kind", ADAPTIVE)
def test_a_gradient_without_a_finite_square_is_a_step_as_any_large_one(kind: Any, dtype: type[Any]) -> None:
    optimizer, params, big = kind(0.1), single(1.5, -0.5, dtype), BIG[dtype]
    steps = formulas.begin(optimizer, params)
    wanted = steps.send(np.array([-1e7, 1e7]))  # of which ε is a negligible part: they depend on the sign alone
    moved, state = optimizer.update(params, params.with_flat([-big, big / 100]), optimizer.init(params))
    assert_allclose(moved.flat, wanted, rtol=1e-6)
    for step in range(40):
        before = moved
        grads = params.with_flat([-big, np.finfo(dtype).max * (-1) ** step])
        moved, state = optimizer.update(before, grads, state)
        assert np.abs(moved.flat - before.flat).max() < 0.5
        assert all(np.isfinite(vector.flat).all() for vector in state.vectors)


@pytest.mark.parametrize("kind", ADAPTIVE)
def test_training_where_the_square_of_the_gradient_overflows(kind: Any) -> None:
    # One weight 1.5, x = 1e19 and y = 2x in float32: ∂E/∂W = −5e37, ∂E/∂b = −5e18.
    params, x, y = single(1.5, 0.0, np.float32), np.array([[1e19]], np.float32), np.array([[2e19]], np.float32)
    optimizer = kind(0.1)
    steps = formulas.begin(optimizer, params)
    run = fnn.train(params, x, y, optimizer=optimizer, epochs=1)
    assert_allclose(run.params.flat, steps.send(np.array([-1e18, -1e18])), rtol=1e-6)
    assert all(np.isfinite(vector.flat).all() for vector in run.state.vectors)
    assert fnn.train_many([params], x, y, optimizer=optimizer, epochs=1)[0].params == run.params
    assert optimizer.update(params, fnn.grad(params, x, y), optimizer.init(params)) == (run.params, run.state)


@pytest.mark.parametrize("optimizer", [o for o in OPTIMIZERS if o.clip is None], ids=repr)
@pytest.mark.parametrize("wrong", [np.inf, -np.inf, np.nan])
def test_an_infinite_gradient_is_not_hidden(optimizer: fnn.Optimizer, wrong: float) -> None:
    grads = PARAMS.with_flat(np.where(np.arange(PARAMS.flat.size) == 3, wrong, 1.0))
    moved, _ = optimizer.update(PARAMS, grads, optimizer.init(PARAMS))
    assert not np.isfinite(moved.flat[3])
    if optimizer.clip_norm is None:
        assert np.isfinite(np.delete(moved.flat, 3)).sum() >= 14  # the norm of a unit's weights may be infinite


@pytest.mark.parametrize("kind", [*ADAPTIVE, fnn.irprop])
def test_training_with_an_infinite_gradient_diverges(kind: Any) -> None:
    params, x = single(1.5, 0.0, np.float32), np.array([[1e20]], np.float32)  # ∂E/∂W = −5e39
    with pytest.raises(fnn.TrainingDiverged):
        fnn.train(params, x, 2 * x, optimizer=kind(), epochs=2)
