"""Training with penalties and masks beside what an optimizer does: against NumPy, step by step, and by many threads."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal
from numpy.typing import NDArray

import fnn
from tests import reference
from tests.optimizers.examples import optimizers
from tests.paces import train_by_exactly, tune_by
from tests.problems import Problem, problem, problems, trained

OPTIMIZERS: list[fnn.Optimizer] = [
    fnn.gradient_descent(0.05, clip=0.2, clip_norm=0.5, shrink=0.02, max_norm=1.1), fnn.momentum(0.02),
    fnn.nesterov(0.02, clip=0.01), fnn.adam(0.01, clip_norm=0.1), fnn.adamw(0.01, weight_decay=0.1), fnn.nadam(0.01),
    fnn.amsgrad(0.01, max_norm=0.7), fnn.rmsprop(0.01), fnn.adagrad(0.05, shrink=0.02, decay_biases=True),
    fnn.adadelta(), fnn.lion(0.01, weight_decay=0.1), fnn.irprop(max_norm=1.1),
]  # fmt: skip
REGULARIZATIONS: list[dict[str, Any]] = [
    {"l2": 0.3}, {"l1": 0.05}, {"mask": None}, {"l2": 0.3, "l1": 0.05, "mask": None},
]  # fmt: skip
WITH_DROPOUT = [{"dropout": 0.4}, {"l2": 0.3, "l1": 0.05, "mask": None, "dropout": 0.4}]


def masks(params: fnn.Params[Any], seed: int = 0) -> dict[str, NDArray[Any]]:
    """Two thirds of all connections, and of the biases."""
    random = np.random.default_rng(seed)
    return {key: (random.uniform(size=leaf.shape) < 2 / 3).astype(int) for key, leaf in params.items()}


def made(fields: dict[str, Any], params: fnn.Params[Any]) -> fnn.Regularization:
    return fnn.Regularization(**fields | ({"mask": masks(params)} if "mask" in fields else {}))


def by_updates(
    p: Problem, optimizer: fnn.Optimizer, fields: dict[str, Any], epochs: int, batch_size: int
) -> fnn.Params[Any]:
    """Training by `grad` and the optimizer's `update`, penalties and masks in NumPy."""
    mask = made(fields, p.params).mask or {key: np.ones(leaf.shape) for key, leaf in p.params.items()}
    is_kept = np.concatenate([np.ravel(mask[key]) for key in p.params])
    is_weight = np.concatenate([np.full(leaf.size, key[0] == "W") for key, leaf in p.params.items()])
    params = p.params.with_flat(p.params.flat * is_kept)
    state = optimizer.init(params)
    for epoch in range(epochs):
        for rows in reference.batches(len(p.x), batch_size, 0, epoch):
            q, w = p.rows(rows), params.flat
            penalty = is_weight * (fields.get("l2", 0.0) * w + fields.get("l1", 0.0) * np.sign(w))
            g = (fnn.grad(params, q.cases, **q.options).flat + penalty) * is_kept
            params, state = optimizer.update(params, params.with_flat(g), state)

    return params


def some_problem(count: int, dtype: type[Any] = np.float64, sizes: tuple[int, ...] = (3, 17, 2)) -> Problem:
    hidden = (fnn.tanh,) * (len(sizes) - 2)
    return problem(
        8, sizes, hidden, fnn.sigmoid, fnn.squared_error, count, reduction="mean", weighted=True, dtype=dtype
    )


@pytest.mark.parametrize("fields", REGULARIZATIONS, ids="-".join)
@pytest.mark.parametrize("optimizer", OPTIMIZERS, ids=repr)
def test_by_the_formulas(optimizer: fnn.Optimizer, fields: dict[str, Any]) -> None:
    p = some_problem(23)
    size = 23 if optimizer.needs_all_cases else 7
    options: dict[str, Any] = {"optimizer": optimizer, "epochs": 5, "batch_size": size, **p.options}
    run = fnn.train(p.params, p.cases, regularization=made(fields, p.params), **options)

    assert_allclose(run.params.flat, by_updates(p, optimizer, fields, 5, size).flat, rtol=1e-10, atol=1e-13)
    assert run.params != fnn.train(p.params, p.cases, **options).params


@pytest.mark.parametrize("fields", REGULARIZATIONS, ids="-".join)
def test_batches_that_are_larger_than_the_workspace(fields: dict[str, Any]) -> None:
    p, optimizer = some_problem(1200), OPTIMIZERS[0]
    options: dict[str, Any] = {"optimizer": optimizer, "epochs": 3, "batch_size": 700, **p.options}
    run = fnn.train(p.params, p.cases, regularization=made(fields, p.params), **options)

    assert_allclose(run.params.flat, by_updates(p, optimizer, fields, 3, 700).flat, rtol=1e-10, atol=1e-13)


@pytest.mark.parametrize(
    "fields, first, second", [({"l2": 0.5}, 2.5 + 1.5, 2.5 - 0.5), ({"l1": 0.5}, 2.5 + 0.5, 2.5 - 0.5)]
)
def test_one_step_by_hand(fields: dict[str, Any], first: float, second: float) -> None:
    # One case x = 1, 1 with target 0, identity: a = W1 + W2 + b = 3 − 1 + ½ = 2.5 = δ = every gradient.
    params = fnn.Params({"W1": [[3.0], [-1.0]], "b1": [0.5]}, hidden=(), output=fnn.identity)
    penalty = fnn.Regularization(**fields)
    run = fnn.train(params, [[1.0, 1.0]], [[0.0]], eta=0.5, epochs=1, regularization=penalty)

    assert run.history.error.tolist() == [2.5**2 / 2]
    assert run.params.flat.tolist() == [3 - 0.5 * first, -1 - 0.5 * second, -0.75]


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("optimizer", OPTIMIZERS, ids=repr)
@pytest.mark.parametrize("fields", [{}, {"l2": 0.1, "l1": 0.1, "dropout": 0.3}], ids="-".join)
def test_a_removed_connection_stays_exactly_0(
    fields: dict[str, Any], optimizer: fnn.Optimizer, dtype: type[Any]
) -> None:
    p = some_problem(30, dtype, (4, 35, 6, 2))
    mask = masks(p.params)
    removed = np.concatenate([np.ravel(mask[key]) for key in p.params]) == 0
    flats: list[NDArray[Any]] = []
    run = fnn.train(
        p.params, p.cases, optimizer=optimizer, epochs=4, batch_size=30 if optimizer.needs_all_cases else 8,
        regularization=fnn.Regularization(mask=mask, **fields),
        callbacks=[fnn.each_epoch(lambda epoch, params, record: flats.append(params.flat))], **p.options,
    )  # fmt: skip
    for flat in (*flats, run.params.flat):
        assert (flat[removed] == 0).all()
        assert not np.signbit(flat[removed]).any()
        assert np.isfinite(flat).all()
        assert (flat[~removed] != 0).mean() > 0.9


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


def test_training_goes_down_the_error_and_the_penalty() -> None:
    p = some_problem(15)
    run = fnn.train(
        p.params, p.cases, eta=0.2, epochs=1, regularization=fnn.Regularization(l2=0.3, l1=0.1), **p.options
    )
    slope = fnn.grad(p.params, p.cases, **p.options).flat + fnn.penalty(p.params, l2=0.3, l1=0.1)[1].flat

    assert_allclose(run.params.flat, p.params.flat - 0.2 * slope, rtol=1e-12)


@given(
    problems(counts=(7, 65, 600), widest=90), optimizers(for_batches=True), st.sampled_from([None, 16, 64, 513]),
    st.sampled_from([*REGULARIZATIONS, *WITH_DROPOUT]), st.integers(0, 99),
)  # fmt: skip
@settings(deadline=None, max_examples=20)
def test_the_bits_do_not_depend_on_threads_nor_on_how_the_run_is_cut(
    p: Problem, optimizer: fnn.Optimizer, batch_size: int | None, fields: dict[str, Any], seed: int
) -> None:
    optimizer = optimizer.with_rate(0.01 / len(p.x))
    options: dict[str, Any] = {
        "optimizer": optimizer, "epochs": 3, "batch_size": batch_size, "regularization": made(fields, p.params),
        **p.options,
    }  # fmt: skip
    expected = trained(p, threads=1, **options)
    random = np.random.default_rng(seed)

    class AnyTuner:
        def __init__(self, *arguments: object) -> None: ...

        def suggest(self) -> tuple[int, int]:
            return int(random.choice([1, 2, 3, 5, 50, 300])), int(random.integers(1, 5))

        def seconds(self, steps: int) -> float:
            return 0.0

        def observe(self, *arguments: object) -> None: ...

    with pytest.MonkeyPatch.context() as patch:
        train_by_exactly(patch)
        runs = [trained(p, threads=threads, **options) for threads in (2, 3, 4)]
        tune_by(patch, AnyTuner)
        runs.append(trained(p, **options))
    for run in runs:
        assert run.params == expected.params
        assert run.state == expected.state
        assert run.history.error.tobytes() == expected.history.error.tobytes()


@pytest.mark.usefixtures("exact_threads")
@pytest.mark.parametrize("fields", [*REGULARIZATIONS, *WITH_DROPOUT], ids="-".join)
def test_large_layers_by_four_threads(fields: dict[str, Any]) -> None:
    p = some_problem(200, np.float32, (300, 220, 7))
    options: dict[str, Any] = {"epochs": 2, "batch_size": 90, "regularization": made(fields, p.params)}
    for optimizer in (fnn.adam(), fnn.adam(clip_norm=0.1, max_norm=0.9)):
        expected = fnn.train(p.params, p.x, p.y, optimizer=optimizer, threads=1, **options)
        assert fnn.train(p.params, p.x, p.y, optimizer=optimizer, threads=4, **options).params == expected.params


@pytest.mark.usefixtures("exact_threads")
def test_no_thread_scales_a_tiny_gradient_while_others_measure_it() -> None:
    p = some_problem(16, np.float64, (300, 100, 100, 7))
    cases = fnn.Cases(p.x, p.y, weights=np.full(16, 1e-145))  # squares of the gradient leave float64's range
    options: dict[str, Any] = {"optimizer": fnn.momentum(1e140, clip_norm=1e-146), "epochs": 30}
    expected = fnn.train(p.params, cases, threads=1, **options)
    assert expected.params != p.params
    for threads in (2, 3):
        assert fnn.train(p.params, cases, threads=threads, **options).params == expected.params
