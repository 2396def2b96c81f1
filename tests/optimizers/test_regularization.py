"""Penalties, decay, clipping, norms and masks in training against the same in NumPy, step by step."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal
from numpy.typing import NDArray

import fnn
from fnn.optimizers.optimizer import Optimizer
from tests import reference
from tests.paces import train_by_exactly
from tests.problems import Problem, problem, problems, trained

OPTIMIZERS: list[Optimizer] = [
    fnn.gradient_descent(0.05), fnn.momentum(0.02), fnn.nesterov(0.02), fnn.adam(0.01), fnn.adamw(0.01, decay=0.1),
    fnn.nadam(0.01), fnn.amsgrad(0.01), fnn.rmsprop(0.01), fnn.adagrad(0.05), fnn.adadelta(), fnn.lion(0.01, decay=0.1),
    fnn.irprop(),
]  # fmt: skip
ONE_BY_ONE: list[dict[str, Any]] = [
    {"l2": 0.3}, {"l1": 0.05}, {"decay": 0.02}, {"decay": 0.02, "decay_biases": True},
    {"clip": 0.01}, {"clip_norm": 0.1}, {"max_norm": 0.7}, {"mask": None},
]  # fmt: skip
TOGETHER = {"l2": 0.3, "l1": 0.05, "decay": 0.02, "clip": 0.2, "clip_norm": 0.5, "max_norm": 1.1, "mask": None}
ALL: list[dict[str, Any]] = [*ONE_BY_ONE, TOGETHER, {**TOGETHER, "dropout": 0.4}, {"dropout": 0.4}]


def masks(params: fnn.Params[Any], seed: int = 0) -> dict[str, NDArray[Any]]:
    """Two thirds of all connections, and of the biases."""
    random = np.random.default_rng(seed)
    return {key: (random.uniform(size=leaf.shape) < 2 / 3).astype(int) for key, leaf in params.items()}


def restrained(p: Problem, optimizer: Optimizer, *, epochs: int, batch_size: int, **restraints: Any) -> fnn.Params[Any]:
    """Training by `grad` and the optimizer's `update`, and the restraints in NumPy."""
    r = {"l2": 0.0, "l1": 0.0, "decay": 0.0, "clip": np.inf, "clip_norm": np.inf, "max_norm": np.inf, **restraints}
    mask = {key: np.ones(leaf.shape) for key, leaf in p.params.items()} | r.get("mask", {})
    there = np.concatenate([np.ravel(mask[key]) for key in p.params])
    weight = np.concatenate([np.full(leaf.size, float(key[0] == "W")) for key, leaf in p.params.items()])
    params = p.params.with_flat(p.params.flat * there)
    state = optimizer.init(params)
    for epoch in range(epochs):
        for rows in reference.batches(len(p.x), batch_size, 0, epoch):
            q, w = p.rows(rows), params.flat
            g = fnn.grad(params, q.cases, **q.options).flat
            g = (g + weight * (r["l2"] * w + r["l1"] * np.sign(w))) * there
            g = np.clip(g, -r["clip"], r["clip"])
            g = g * min(1, r["clip_norm"] / max(np.linalg.norm(g), 1e-300))
            params, state = optimizer.update(params, params.with_flat(g), state)
            decayed = np.ones_like(weight) if r.get("decay_biases") else weight
            params = params.with_flat(params.flat * (1 - r["decay"] * decayed) * there)
            lengths = {key: np.linalg.norm(leaf, axis=0) for key, leaf in params.items() if key[0] == "W"}
            factors = {key: np.minimum(1, r["max_norm"] / np.maximum(n, 1e-300)) for key, n in lengths.items()}
            params = params.replace({key: params[key] * factor for key, factor in factors.items()})

    return params


def some_problem(count: int, dtype: type[Any] = np.float64, sizes: tuple[int, ...] = (3, 17, 2)) -> Problem:
    hidden = (fnn.tanh,) * (len(sizes) - 2)
    return problem(
        8, sizes, hidden, fnn.sigmoid, fnn.squared_error, count, reduction="mean", weighted=True, dtype=dtype
    )


def with_masks(restraints: dict[str, Any], params: fnn.Params[Any]) -> dict[str, Any]:
    return {**restraints, "mask": masks(params)} if "mask" in restraints else restraints


@pytest.mark.parametrize("restraints", [*ONE_BY_ONE, TOGETHER], ids="-".join)
@pytest.mark.parametrize("optimizer", OPTIMIZERS, ids=repr)
def test_by_the_formulas(optimizer: Optimizer, restraints: dict[str, Any]) -> None:
    p = some_problem(23)
    size = 23 if optimizer.needs_all_cases else 7
    options = {"epochs": 5, "batch_size": size, **with_masks(restraints, p.params)}
    run = fnn.train(p.params, p.cases, optimizer=optimizer, **options, **p.options)
    wanted = restrained(p, optimizer, **options)

    assert_allclose(run.params.flat, wanted.flat, rtol=1e-10, atol=1e-13)
    assert run.params != fnn.train(p.params, p.cases, optimizer=optimizer, epochs=5, batch_size=size, **p.options)


def test_batches_that_are_larger_than_the_workspace() -> None:
    p = some_problem(1200)
    for restraints in (TOGETHER, {"l2": 0.3}):
        options = {"epochs": 3, "batch_size": 700, **with_masks(restraints, p.params)}
        run = fnn.train(p.params, p.cases, eta=0.1, **options, **p.options)
        wanted = restrained(p, fnn.gradient_descent(0.1), **options)

        assert_allclose(run.params.flat, wanted.flat, rtol=1e-10, atol=1e-13)


def test_one_step_by_hand() -> None:
    # One case x = 1, 1 with target 0, identity: a = W1 + W2 + b = 3 − 1 + ½ = 2.5 = δ = every gradient.
    params = fnn.Params({"W1": [[3.0], [-1.0]], "b1": [0.5]}, hidden=(), output=fnn.identity)

    def after(**restraints: Any) -> list[float]:
        run = fnn.train(params, [[1.0, 1.0]], [[0.0]], eta=0.5, epochs=1, **restraints)
        assert run.history.error.tolist() == [2.5**2 / 2]
        return [float(w) for w in run.params.flat]

    assert after() == [1.75, -2.25, -0.75]
    assert after(l2=0.5) == [3 - 0.5 * (2.5 + 1.5), -1 - 0.5 * (2.5 - 0.5), -0.75]
    assert after(l1=0.5) == [3 - 0.5 * 3, -1 - 0.5 * 2, -0.75]
    assert after(clip=2) == [2, -2, -0.5]
    assert after(decay=0.25, decay_biases=True) == [0.75 * 1.75, 0.75 * -2.25, 0.75 * -0.75]
    assert after(decay=0.25) == [0.75 * 1.75, 0.75 * -2.25, -0.75]
    assert_allclose(after(clip_norm=1), np.array([3, -1, 0.5]) - 0.5 / np.sqrt(3), rtol=1e-14)
    assert_allclose(after(max_norm=1), [1.75 / np.hypot(1.75, 2.25), -2.25 / np.hypot(1.75, 2.25), -0.75], rtol=1e-14)


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("optimizer", OPTIMIZERS, ids=repr)
def test_a_removed_connection_is_exactly_0_for_ever(optimizer: Optimizer, dtype: type[Any]) -> None:
    p = some_problem(30, dtype, (4, 35, 6, 2))
    mask = masks(p.params)
    removed = np.concatenate([np.ravel(mask[key]) for key in p.params]) == 0
    size = 30 if optimizer.needs_all_cases else 8
    seen: list[NDArray[Any]] = []
    every: list[dict[str, Any]] = [
        {},
        {"l2": 0.1, "l1": 0.1, "decay": 0.1, "clip_norm": 1.0, "max_norm": 1.0, "dropout": 0.3},
    ]
    for restraints in every:
        run = fnn.train(p.params, p.x, p.y, optimizer=optimizer, epochs=4, batch_size=size, regularization=fnn.Regularization(mask=mask), callbacks=[fnn.each_epoch(lambda epoch, params, record: seen.append(params.flat))], **restraints, **p.options)  # fmt: skip
        seen.append(run.params.flat)
    for flat in seen:
        assert (flat[removed] == 0).all()
        assert not np.signbit(flat[removed]).any()
        assert np.isfinite(flat).all()
        assert (flat[~removed] != 0).mean() > 0.9


@pytest.mark.parametrize("optimizer", [fnn.adam(epsilon=0), fnn.adagrad(epsilon=0), fnn.rmsprop(epsilon=0)], ids=repr)
def test_a_removed_connection_is_0_even_where_the_rule_divides_0_by_0(optimizer: Optimizer) -> None:
    p = some_problem(30)
    mask = masks(p.params)["W1"]
    run = fnn.train(
        p.params, p.x, p.y, optimizer=optimizer, epochs=4, regularization=fnn.Regularization(mask={"W1": mask})
    )

    assert_array_equal(run.params["W1"] != 0, mask == 1)


def test_a_removed_connection_is_0_from_the_start() -> None:
    p = some_problem(10)
    mask = masks(p.params)
    masked = p.params.replace({key: leaf * mask[key] for key, leaf in p.params.items()})
    for epochs in (0, 3):
        run, same = (
            fnn.train(params, p.x, p.y, eta=0.3, epochs=epochs, regularization=fnn.Regularization(mask=mask))
            for params in (p.params, masked)
        )
        assert run.params == same.params
        assert run.history.error.tolist() == same.history.error.tolist()
    assert (
        fnn.train(p.params, p.x, p.y, eta=0.3, epochs=0, regularization=fnn.Regularization(mask=mask)).params == masked
    )
    # And so is one whose leaf alone is named; the others are all there.
    run = fnn.train(p.params, p.x, p.y, eta=0.3, epochs=3, regularization=fnn.Regularization(mask={"W2": mask["W2"]}))
    assert_array_equal(run.params["W2"] != 0, mask["W2"] == 1)
    assert (run.params["W1"] != 0).all()


def test_masks_make_two_networks_of_one() -> None:
    # Two blocks that never meet learn what two networks learn.
    random = np.random.default_rng(1)
    x, y = random.normal(size=(20, 5)), random.uniform(size=(20, 3))
    both = fnn.init((5, 6, 3), seed=3, hidden=fnn.tanh)
    mask = {"W1": fnn.connections(5, 6, ([0, 1], range(2)), ([2, 3, 4], range(2, 6)))}
    mask["W2"] = fnn.connections(6, 3, ([0, 1], [0]), (range(2, 6), [1, 2]))
    run = fnn.train(both, x, y, optimizer=fnn.momentum(0.05), epochs=30, regularization=fnn.Regularization(mask=mask))
    for i, h, o in ((slice(2), slice(2), slice(1)), (slice(2, None), slice(2, None), slice(1, None))):
        leaves = {"W1": both["W1"][i, h], "b1": both["b1"][h], "W2": both["W2"][h, o], "b2": both["b2"][o]}
        alone = fnn.Params(leaves, hidden=fnn.tanh, output=fnn.sigmoid)
        trained = fnn.train(alone, x[:, i], y[:, o], optimizer=fnn.momentum(0.05), epochs=30).params
        assert_allclose(run.params["W1"][i, h], trained["W1"], rtol=1e-12)
        assert_allclose(run.params["W2"][h, o], trained["W2"], rtol=1e-12)


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_the_penalty_by_central_differences(dtype: type[Any]) -> None:
    params = some_problem(1, dtype).params
    E, slope = fnn.penalty(params, l2=0.7, l1=0.3)
    w = params.flat.astype(float)
    weight = np.concatenate([np.full(leaf.size, float(key[0] == "W")) for key, leaf in params.items()])

    def cost(flat: NDArray[Any]) -> float:
        return float(0.35 * weight @ flat**2 + 0.3 * weight @ np.abs(flat))

    h = 1e-6 * np.eye(len(w))
    assert_allclose(E, cost(w), rtol=1e-13)
    assert slope.dtype == dtype
    assert_allclose(slope.flat, [(cost(w + d) - cost(w - d)) / 2e-6 for d in h], rtol=1e-6, atol=1e-8)
    assert fnn.penalty(params)[0] == 0
    assert (fnn.penalty(params)[1].flat == 0).all()


def test_training_goes_down_the_error_and_the_penalty() -> None:
    p = some_problem(15)
    run = fnn.train(
        p.params, p.cases, eta=0.2, epochs=1, regularization=fnn.Regularization(l2=0.3, l1=0.1), **p.options
    )
    slope = fnn.grad(p.params, p.cases, **p.options).flat + fnn.penalty(p.params, l2=0.3, l1=0.1)[1].flat

    assert_allclose(run.params.flat, p.params.flat - 0.2 * slope, rtol=1e-12)


def test_norms_are_within_their_limit() -> None:
    p = some_problem(40, np.float64, (3, 70, 2))
    run = fnn.train(p.params, p.x, p.y, epochs=20, batch_size=9, optimizer=fnn.gradient_descent(5.0, max_norm=0.8))
    for key in ("W1", "W2"):
        lengths = np.linalg.norm(run.params[key], axis=0)
        assert (lengths <= 0.8 * (1 + 1e-14)).all()
        assert lengths.max() > 0.79


@given(
    problems(counts=(7, 65, 600, 1100), widest=90), st.sampled_from(OPTIMIZERS[:-1]),
    st.sampled_from([None, 3, 64, 513]), st.sampled_from(ALL), st.integers(0, 99),
)  # fmt: skip
@settings(deadline=None, max_examples=40)
def test_the_bits_do_not_depend_on_threads_nor_on_how_the_run_is_cut(
    p: Problem, optimizer: Optimizer, batch_size: int | None, restraints: dict[str, Any], seed: int
) -> None:
    options: dict[str, Any] = {
        "optimizer": optimizer, "epochs": 3, "batch_size": batch_size, **p.options, **with_masks(restraints, p.params)
    }  # fmt: skip
    if optimizer.rate is not None:
        options["optimizer"] = optimizer.with_rate(0.01 / len(p.x))
    wanted = trained(p, threads=1, **options)
    random = np.random.default_rng(seed)

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
        runs.append(fnn.train(p.params, p.x, p.y, **options))
    for run in runs:
        assert run.params == wanted.params
        assert run.state == wanted.state
        assert run.history.error.tobytes() == wanted.history.error.tobytes()


@pytest.mark.usefixtures("exact_threads")
def test_large_layers_by_four_threads() -> None:
    p = some_problem(200, np.float32, (300, 220, 7))
    for restraints in ONE_BY_ONE:
        options: dict[str, Any] = {"optimizer": fnn.adam(), "epochs": 2, "batch_size": 90}
        options |= with_masks(restraints, p.params)
        wanted = fnn.train(p.params, p.x, p.y, threads=1, **options)
        assert fnn.train(p.params, p.x, p.y, threads=4, **options).params == wanted.params


@pytest.mark.parametrize(
    "restraints, error, text",
    [
        ({"l2": -1}, ValueError, "l2: must be finite and at least 0, got -1"),
        ({"l1": np.nan}, ValueError, "l1: must be finite and at least 0, got nan"),
        ({"decay": 1}, ValueError, "decay: must be at least 0 and below 1, got 1"),
        ({"decay": 0.1, "decay_biases": 0}, TypeError, "decay_biases: needs True or False, got 0"),
        ({"clip": 0}, ValueError, "clip: must be finite and above 0, got 0"),
        ({"clip_norm": "a"}, TypeError, "clip_norm: needs a number, got 'a'"),
        ({"max_norm": np.inf}, ValueError, "max_norm: must be finite and above 0, got inf"),
        ({"dropout": 1.0}, ValueError, "dropout: must be at least 0 and below 1, got 1"),
        ({"dropout": [0.1, -0.5]}, ValueError, r"dropout\[1\]: must be at least 0 and below 1, got -0.5"),
        ({"dropout": [0.1]}, ValueError, "dropout: needs one number for all hidden layers, or one .* of 1 .*, got 1"),
        ({"dropout": None}, TypeError, "dropout: needs a number, got None"),
        ({"mask": [1, 0]}, TypeError, "mask: needs a mapping from W1, b1, .. to arrays of 0 and 1, got list"),
        ({"mask": {"W3": 1}}, ValueError, "mask: unknown key 'W3'; this network has W1, b1, W2, b2"),
        ({"mask": {"W1": np.ones((3, 2))}}, ValueError, r"mask\['W1'\]: needs shape \(2, 3\), got \(3, 2\)"),
        ({"mask": {"b1": [1, 0.5, 0]}}, ValueError, r"mask\['b1'\]: must be 0 and 1, got 0.5"),
    ],
)
def test_bad_arguments(restraints: dict[str, Any], error: type[Exception], text: str) -> None:
    with pytest.raises(error, match=text):
        fnn.train(fnn.init((2, 3, 1), seed=0), np.ones((4, 2)), np.ones((4, 1)), eta=1, epochs=1, **restraints)


def test_bad_penalties() -> None:
    params = fnn.init((2, 1), seed=0)
    with pytest.raises(ValueError, match="l2: must be finite and at least 0, got -1"):
        fnn.penalty(params, l2=-1)
    with pytest.raises(ValueError, match="l1: must be finite and at least 0, got inf"):
        fnn.penalty(params, l1=np.inf)
    with pytest.raises(ValueError, match=r"l2: 1e\+39 is beyond float32"):
        fnn.penalty(fnn.init((2, 1), seed=0, dtype=np.float32), l2=1e39)
    with pytest.raises(TypeError, match=r"params: needs fnn\.Params, got dict"):
        fnn.penalty(dict(params))  # type: ignore[arg-type]
