"""The public functions inside jitted ones: the same bits as from Python, and near the oracle."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numba
import numpy as np
import pytest

import fnn
from tests.njit import jitted
from tests.problems import PAIRS, assert_near, problem

DTYPES = (np.float64, np.float32)
SIZES = ((4, 2), (4, 8, 2), (3, 17, 70, 5), (2, 1100, 3), (130, 33, 300, 1))
HIDDEN = (fnn.sigmoid, fnn.tanh, fnn.relu, fnn.identity)


def network(sizes: tuple[int, ...], dtype: Any, hidden: fnn.Activation, output: fnn.Activation) -> fnn.Params[Any]:
    return fnn.init(sizes, seed=1, dtype=dtype, hidden=hidden, output=output)


def equal(left: Any, right: Any) -> bool:
    return bool(left.dtype == right.dtype and left.shape == right.shape and (left == right).all())


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("sizes", SIZES)
@pytest.mark.parametrize("hidden", HIDDEN)
def test_forward_has_the_bits_of_the_python_call(dtype: Any, sizes: tuple[int, ...], hidden: fnn.Activation) -> None:
    for output in (*HIDDEN, fnn.softmax):
        params = network(sizes, dtype, hidden, output)
        x = np.random.default_rng(0).normal(size=(70, sizes[0])).astype(dtype)
        wanted = fnn.forward(params, x)
        assert equal(jitted.forward(params, x), wanted)
        for row in range(3):
            assert equal(jitted.forward(params, x[row]), wanted[row])


@pytest.mark.parametrize("loss, output", PAIRS)
def test_error_and_gradient_have_the_bits_of_the_python_call_and_are_near_the_oracle(
    loss: fnn.Loss, output: fnn.Activation
) -> None:
    options: dict[str, Any] = {"loss": loss, "reduction": "mean"}
    for dtype in DTYPES if loss in (fnn.squared_error, fnn.cross_entropy, fnn.huber(0.7)) else DTYPES[:1]:
        for count in (1, 65, 300):
            p = problem(5, (4, 9, 3), (fnn.tanh,), output, loss, count, dtype=dtype, weighted=True, reduction="mean")
            error, grads = jitted.any_loss(p.params, p.x, p.y, loss, p.weights)
            assert (error, grads) == fnn.value_and_grad(p.params, fnn.Cases(p.x, p.y, weights=p.weights), **options)
            for key, leaf in p.wanted.grads.items():
                assert_near(grads[key], leaf, count * (1 + np.abs(leaf).max()), key)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("count", [1, 65, 300])
def test_each_function_has_the_bits_of_the_python_call(dtype: Any, count: int) -> None:
    p = problem(5, (4, 9, 3), (fnn.tanh,), fnn.softmax, fnn.cross_entropy, count, dtype=dtype, weighted=True)
    cases, weighted = (p.params, p.x, p.y), fnn.Cases(p.x, p.y, weights=p.weights)
    wanted = fnn.value_and_grad(p.params, weighted, loss=fnn.cross_entropy)
    assert jitted.cross_entropy(p.params, p.x, p.y, p.weights) == wanted
    mean = fnn.value_and_grad(p.params, weighted, reduction="mean")
    assert jitted.value_and_grad(p.params, p.x, p.y, p.weights) == mean
    assert jitted.error(*cases) == fnn.error(*cases)
    assert jitted.grad(*cases) == fnn.grad(*cases)


@pytest.mark.parametrize("dtype", DTYPES)
def test_one_case_with_a_label_and_a_weight(dtype: Any) -> None:
    params = network((4, 6, 3), dtype, fnn.tanh, fnn.softmax)
    x = np.arange(4, dtype=dtype)
    wanted = fnn.value_and_grad(params, fnn.Cases(x, 2, weights=3.0), loss=fnn.cross_entropy)
    assert jitted.cross_entropy(params, x, 2, 3.0) == wanted
    y = np.array([0.5, 0.25, 0.25], dtype)
    assert jitted.cross_entropy(params, x, y) == fnn.value_and_grad(params, x, y, loss=fnn.cross_entropy)


@pytest.mark.parametrize("dtype", DTYPES)
def test_arrays_that_are_not_contiguous_and_other_dtypes_of_labels_and_weights(dtype: Any) -> None:
    p = problem(3, (4, 6, 3), (fnn.tanh,), fnn.softmax, fnn.cross_entropy, 8, dtype=dtype, labelled=True)
    x = np.repeat(p.x, 2, axis=1)[:, ::2]
    labels, weights = np.repeat(p.y.astype(np.int32), 2)[::2], np.arange(1, 9, dtype=np.float32)
    wanted = fnn.value_and_grad(p.params, fnn.Cases(p.x, p.y, weights=weights), loss=fnn.cross_entropy)
    assert jitted.cross_entropy(p.params, x, labels, weights) == wanted
    assert equal(jitted.forward(p.params, x), fnn.forward(p.params, p.x))
    assert equal(jitted.forward(p.params, np.repeat(p.x[0], 2)[::2]), fnn.forward(p.params, p.x[0]))
    dense = np.asfortranarray(p.dense.astype(dtype))
    assert jitted.error(p.params, x, dense) == fnn.error(p.params, p.x, dense)
    run = jitted.train_in_batches(p.params, x, labels, 0.5, 3, 2, 7, weights)
    options: dict[str, Any] = {"loss": fnn.cross_entropy, "reduction": "mean"}
    cases = fnn.Cases(p.x, p.y, weights=weights)
    assert run.params == fnn.train(p.params, cases, eta=0.5, epochs=3, batch_size=2, seed=7, **options).params


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("count", [1, 5, 600])
def test_training_has_the_bits_of_the_python_call(dtype: Any, count: int) -> None:
    params = network((4, 9, 3), dtype, fnn.sigmoid, fnn.softmax)
    random = np.random.default_rng(0)
    x, labels = random.normal(size=(count, 4)).astype(dtype), random.integers(0, 3, count)
    weights = random.uniform(0.5, 2, count)
    y = random.normal(size=(count, 3)).astype(dtype)
    assert jitted.fit(params, x, y, 0.01, 3) == fnn.train(params, x, y, eta=0.01, epochs=3).params
    whole, wanted = jitted.train(params, x, y, 0.01, 4), fnn.train(params, x, y, eta=0.01, epochs=4)
    assert whole.params == wanted.params
    assert equal(whole.history.error, wanted.history.error)
    for batch in (1, 7, 2 * count):
        run = jitted.train_in_batches(params, x, labels, 0.5, 3, batch, 11, weights)
        wanted = fnn.train(
            params, fnn.Cases(x, labels, weights=weights), eta=0.5, epochs=3, batch_size=batch, seed=11,
            loss=fnn.cross_entropy, reduction="mean",
        )  # fmt: skip
        assert run.params == wanted.params
        assert equal(run.history.error, wanted.history.error)
    assert jitted.train(params, x, y, 0.01, 0).params == params


def test_a_loss_may_be_an_argument() -> None:
    p = problem(1, (3, 2), (), fnn.sigmoid, fnn.cross_entropy, 4)
    for loss in (fnn.squared_error, fnn.cross_entropy):
        wanted = fnn.value_and_grad(p.params, p.x, p.y, loss=loss, reduction="mean")
        assert jitted.any_loss(p.params, p.x, p.y, loss) == wanted


@pytest.mark.parametrize("dtype", DTYPES)
def test_params_are_a_mapping(dtype: Any) -> None:
    params = network((4, 3, 2), dtype, fnn.tanh, fnn.identity)
    leaves = (*jitted.first_layer(params), *jitted.second_layer(params))
    for key, leaf in zip(("W1", "b1", "W2", "b2"), leaves, strict=True):
        assert equal(leaf, params[key])
        assert not leaf.flags.writeable
    length, sizes, flat = jitted.facts(params)
    assert (length, tuple(sizes)) == (4, (4, 3, 2))
    assert equal(flat, params.flat)


@pytest.mark.parametrize("dtype", DTYPES)
def test_params_around_another_vector(dtype: Any) -> None:
    params = network((4, 3, 2), dtype, fnn.tanh, fnn.identity)
    flats = np.random.default_rng(0).normal(size=(9, params.flat.size)).astype(dtype)
    x = np.ones(4, dtype)
    wanted = np.array([fnn.forward(params.with_flat(flat), x) for flat in flats])
    assert equal(jitted.outputs_of_all(params, flats, x), wanted)
    for flat in (flats[0].copy(), np.repeat(flats[0], 2)[::2]):
        assert jitted.with_flat(params, flat) == params.with_flat(flats[0])


def test_params_pass_through_and_keep_their_architecture() -> None:
    first, second = (network(sizes, np.float64, fnn.tanh, fnn.softmax) for sizes in ((2, 3), (3, 4, 5)))
    back = jitted.swapped((first, second))
    assert back == (second, first)
    moved = jitted.update(second, second, 0.5)
    again = jitted.update(moved, second, 0.5)
    assert again.architecture is moved.architecture
    assert moved == fnn.update(second, second, 0.5)


def test_views_outlive_their_params() -> None:
    leaf = jitted.first_layer(network((50, 40), np.float64, fnn.tanh, fnn.tanh))[0]
    np.random.default_rng(0).random(2000)
    assert equal(leaf, network((50, 40), np.float64, fnn.tanh, fnn.tanh)["W1"])


@pytest.mark.parametrize("dtype", DTYPES)
def test_out(dtype: Any) -> None:
    params = network((4, 8, 2), dtype, fnn.tanh, fnn.identity)
    x = np.random.default_rng(0).normal(size=(5, 4)).astype(dtype)
    for cases in (x, x[0]):
        wanted = fnn.forward(params, cases)
        for call in (jitted.forward, fnn.forward):
            out = np.empty_like(wanted)
            assert call(params, cases, out) is out
            assert equal(out, wanted)


def test_one_specialisation_serves_all_architectures() -> None:
    for sizes in SIZES:
        jitted.forward(network(sizes, np.float64, fnn.tanh, fnn.relu), np.ones(sizes[0]))
    params = numba.typeof(network((2, 2), np.float64, fnn.tanh, fnn.relu))
    rests = [rest for first, x, *rest in jitted.forward.signatures if (first, x) == (params, numba.float64[::1])]
    assert sum(all(isinstance(kind, numba.types.Omitted) for kind in rest) for rest in rests) == 1


def parallel_problem() -> tuple[fnn.Params[np.float64], Any, Any]:
    random = np.random.default_rng(0)
    params = fnn.init((4, 8, 2), seed=0, hidden=fnn.tanh)
    return params, random.normal(size=(23, 5, 4)), random.normal(size=(23, 5, 2))


def expected(params: fnn.Params[np.float64], x: Any, y: Any) -> tuple[Any, Any]:
    errors = []
    for i in range(len(x)):
        moved = params
        for _ in range(2):
            moved = fnn.update(moved, fnn.grad(moved, x[i], y[i], reduction="mean"), 0.1)
        run = fnn.train(moved, x[i], y[i], eta=0.1, epochs=2, batch_size=2, seed=i)
        errors.append(fnn.error(run.params, x[i], y[i]) + run.history.error[1])

    return np.array([fnn.forward(params, rows) for rows in x]), np.array(errors)


def test_the_same_bits_in_prange_with_any_number_of_threads() -> None:
    params, x, y = parallel_problem()
    outputs, errors = expected(params, x, y)
    most = numba.config.NUMBA_NUM_THREADS
    for threads in range(1, min(4, most) + 1):
        numba.set_num_threads(threads)
        try:
            found = jitted.in_parallel(params, x, y)
        finally:
            numba.set_num_threads(most)
        assert equal(found[0], outputs)
        assert equal(found[1], errors)


def test_several_python_threads_at_once() -> None:
    params, x, y = parallel_problem()
    wanted = [fnn.train(params, rows, targets, eta=0.1, epochs=20).params for rows, targets in zip(x, y, strict=True)]
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(lambda i: jitted.fit(params, x[i], y[i], 0.1, 20), range(len(x))))
    assert found == wanted
