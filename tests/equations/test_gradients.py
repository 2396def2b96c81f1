"""forward, error, grad, value_and_grad, backprop and update against the plain NumPy oracle."""

from math import exp, log1p
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal

import fnn
from tests import reference
from tests.problems import HIDDEN, PAIRS, Problem, assert_near, problem, problems

SMALL = (1, 2, 3, 7)
ONE_UNIT: dict[str, Any] = {"hidden": (), "output": fnn.sigmoid}


@given(problems(counts=SMALL, dtypes=(np.float64,), widest=5))
@settings(deadline=None, max_examples=50)
def test_the_oracle_agrees_with_a_complex_step(p: Problem) -> None:
    net = reference.network(p.params)
    wanted = reference.complex_step(net, p.x, p.dense, p.measure, p.reduction, p.weights)

    for key, leaf in p.wanted.grads.items():
        assert_allclose(leaf, wanted[key], rtol=1e-10, atol=1e-12)


def size_of_summands(p: Problem) -> dict[tuple[str, int], Any]:
    """How large the numbers are that each quantity is a sum of: they may cancel, but their roundings don't."""
    wanted, last = p.wanted, len(p.params.activations)
    weights = {layer: np.abs(p.params[f"W{layer}"].astype(np.float64)) for layer in range(1, last + 1)}
    found: dict[tuple[str, int], Any] = {("a", 0): np.abs(wanted.a[0]).max()}
    for layer, W in weights.items():
        z = np.abs(wanted.a[layer - 1]) @ W + np.abs(p.params[f"b{layer}"])
        # The only slope above 1: that of exp is the value itself.
        slope = max(wanted.a[layer].max(), 1.0) if p.params.activations[layer - 1].name == "exp" else 1.0
        found["z", layer], found["a", layer] = z.max(), max(z.max(), 1.0) * slope
    share = reference.shares(p.weights, p.reduction, len(p.x)).reshape(-1, 1)
    back = share * (np.abs(wanted.a[last]) + np.abs(p.dense)) + np.abs(wanted.delta[last])
    found["dE_da", last] = max(back.max(), np.abs(wanted.dE_da[last]).max())
    for layer in range(last, 0, -1):
        found["delta", layer] = back.max()
        back = back @ weights[layer].T  # and no |f′| is above 1
        found["dE_da", layer - 1] = back.max()

    return found


@given(problems())
@settings(deadline=None, max_examples=200)
def test_every_quantity(p: Problem) -> None:
    t, wanted, summands = fnn.backprop(p.params, p.cases, **p.options), p.wanted, size_of_summands(p)

    assert list(t.z) == list(t.delta) == list(range(1, len(p.params.sizes)))
    assert list(t.a) == list(t.dE_da) == list(range(len(p.params.sizes)))
    for name, mine, its in [
        ("z", t.z, wanted.z), ("a", t.a, wanted.a), ("delta", t.delta, wanted.delta), ("dE_da", t.dE_da, wanted.dE_da)
    ]:  # fmt: skip
        for layer, array in mine.items():
            assert array.dtype == p.params.dtype
            scale = summands[name, layer] + 1e-30
            if name == "dE_da" and p.loss.name == "cross_entropy" and layer == len(wanted.z):
                # It is formed from a, whose rounding is large beside 1 − a where a is close to 1.
                scale /= max((1 - wanted.a[layer]).min(), 1e-9)
            assert_near(array, its[layer], scale, f"{name}[{layer}]")
    tolerance = 1e-4 if p.params.dtype == np.float32 else 1e-12
    assert t.error == pytest.approx(wanted.error, rel=tolerance)
    for key, leaf in t.grads.items():
        layer = int(key[1:])
        left = np.abs(wanted.a[layer - 1]).T if key[0] == "W" else np.ones(len(p.x))
        scale = left.sum(axis=-1).max() * summands["delta", layer] + 1e-30
        assert_near(leaf, wanted.grads[key], scale, key)


@given(problems())
@settings(deadline=None, max_examples=150)
def test_all_functions_give_the_same_bits(p: Problem) -> None:
    t = fnn.backprop(p.params, p.cases, **p.options)
    value, grads = fnn.value_and_grad(p.params, p.cases, **p.options)

    assert t.grads.flat.tobytes() == grads.flat.tobytes()
    assert fnn.grad(p.params, p.cases, **p.options).flat.tobytes() == grads.flat.tobytes()
    assert t.error == value == fnn.error(p.params, p.cases, **p.options)
    assert t.a[len(p.params.activations)].tobytes() == fnn.forward(p.params, p.x).tobytes()


@given(problems(counts=(1, 2, 65, 257)), st.integers(0, 2**16))
@settings(deadline=None, max_examples=60)
def test_a_case_gives_the_same_bits_alone_and_in_any_batch(p: Problem, pick: int) -> None:
    row = pick % len(p.x)
    sums = Problem(p.params, p.x, p.y, p.dense, p.loss, "sum", p.weights)
    batch, alone = (fnn.backprop(q.params, q.cases, **q.options) for q in (sums, sums.rows(row)))

    for layer, delta in batch.delta.items():
        assert alone.delta[layer].shape == delta.shape[1:]
        assert delta[row].tobytes() == alone.delta[layer].tobytes()
        assert batch.z[layer][row].tobytes() == alone.z[layer].tobytes()
    for layer, dE_da in batch.dE_da.items():
        assert dE_da[row].tobytes() == alone.dE_da[layer].tobytes()
        assert batch.a[layer][row].tobytes() == alone.a[layer].tobytes()
    assert fnn.forward(p.params, p.x)[row].tobytes() == fnn.forward(p.params, p.x[row]).tobytes()


@given(problems(counts=(1, 2, 7, 65, 300), dtypes=(np.float64,), widest=8))
@settings(deadline=None, max_examples=60)
def test_the_gradient_of_a_batch_is_the_sum_of_its_cases(p: Problem) -> None:
    sums = Problem(p.params, p.x, p.y, p.dense, p.loss, "sum", p.weights)
    each = np.array([fnn.grad(q.params, q.cases, **q.options).flat for q in map(sums.rows, range(len(p.x)))])
    whole = fnn.grad(p.params, p.cases, **sums.options).flat

    assert_near(whole, each.sum(axis=0), np.abs(each).sum(axis=0).max() + 1e-30)


@given(problems(counts=(1, 3, 65, 257), dtypes=(np.float64,), widest=8), st.integers(0, 2**32))
@settings(deadline=None, max_examples=60)
def test_a_whole_weight_is_so_many_cases(p: Problem, seed: int) -> None:
    times = np.random.default_rng(seed).integers(0, 4, len(p.x))
    times[0] += 1
    repeated = p.rows(np.repeat(np.arange(len(p.x)), times))
    options = {"loss": p.loss, "reduction": p.reduction}
    wanted, wanted_grads = fnn.value_and_grad(p.params, repeated.x, repeated.y, **options)
    value, grads = fnn.value_and_grad(p.params, fnn.Cases(p.x, p.y, weights=times), **options)

    assert value == pytest.approx(wanted, rel=1e-12)
    assert_near(grads.flat, wanted_grads.flat, 100 * np.abs(wanted_grads.flat).max() + 1e-30)


@given(problems(widest=8))
@settings(deadline=None, max_examples=60)
def test_the_mean_is_the_sum_over_the_weights(p: Problem) -> None:
    total = len(p.x) if p.weights is None else p.weights.sum()
    summed, mean = (
        fnn.value_and_grad(p.params, fnn.Cases(p.x, p.y, weights=p.weights), loss=p.loss, reduction=r)
        for r in ("sum", "mean")
    )

    assert mean[0] == pytest.approx(summed[0] / total, rel=1e-6 if p.params.dtype == np.float32 else 1e-12)
    wanted = summed[1].flat / total
    assert_near(mean[1].flat, wanted, 100 * np.abs(wanted).max() + 1e-30)


def test_sum_is_the_default_reduction() -> None:
    p = problem(0, (2, 3, 2), (fnn.tanh,), fnn.identity, fnn.squared_error, 5)

    assert fnn.grad(p.params, p.x, p.y) == fnn.grad(p.params, p.x, p.y, reduction="sum")
    assert fnn.grad(p.params, p.x, p.y) != fnn.grad(p.params, p.x, p.y, reduction="mean")


@pytest.mark.parametrize("output", [fnn.softmax, fnn.sigmoid])
def test_labels_stand_for_one_hot_targets(output: fnn.Activation) -> None:
    p = problem(1, (3, 5, 4), (fnn.relu,), output, fnn.cross_entropy, 300, labelled=True)
    wanted = fnn.value_and_grad(p.params, p.x, p.dense, loss=fnn.cross_entropy)

    for labels in (p.y, p.y.tolist(), p.y.astype(np.uint8), p.y.astype(">i2"), np.repeat(p.y, 2)[::2]):
        assert fnn.value_and_grad(p.params, p.x, labels, loss=fnn.cross_entropy) == wanted
    single = fnn.backprop(p.params, p.x[7], int(p.y[7]), loss=fnn.cross_entropy)
    assert single.grads == fnn.grad(p.params, p.x[7], p.dense[7], loss=fnn.cross_entropy)


def test_labels_for_a_single_output_are_0_and_1() -> None:
    p = problem(2, (3, 4, 1), (fnn.tanh,), fnn.sigmoid, fnn.cross_entropy, 9, labelled=True)
    wanted = fnn.grad(p.params, p.x, p.dense, loss=fnn.cross_entropy)

    assert fnn.grad(p.params, p.x, p.y, loss=fnn.cross_entropy) == wanted
    assert fnn.grad(p.params, p.x, p.y.astype(bool), loss=fnn.cross_entropy) == wanted


def test_one_case_and_a_batch_of_one() -> None:
    p = problem(3, (3, 4, 2), (fnn.tanh,), fnn.sigmoid, fnn.squared_error, 1)

    assert fnn.forward(p.params, p.x).shape == (1, 2)
    assert fnn.forward(p.params, p.x[0]).shape == (2,)
    assert fnn.grad(p.params, p.x, p.y) == fnn.grad(p.params, p.x[0], p.y[0])
    one, batch = fnn.backprop(p.params, p.x[0], p.y[0]), fnn.backprop(p.params, p.x, p.y)
    assert [one.z[1].shape, batch.z[1].shape] == [(4,), (1, 4)]
    assert [one.dE_da[0].shape, batch.dE_da[0].shape] == [(3,), (1, 3)]


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_params_set_the_dtype(dtype: type[Any]) -> None:
    p = problem(4, (3, 4, 2), (fnn.tanh,), fnn.sigmoid, fnn.squared_error, 6, dtype=dtype)
    x, y = np.arange(18).reshape(6, 3) / 8, np.arange(12).reshape(6, 2) / 4  # exact in float16

    wanted = fnn.backprop(p.params, x.astype(dtype), y.astype(dtype))
    for other in (np.float16, np.float32, np.float64, np.longdouble):
        t = fnn.backprop(p.params, x.astype(other), y.astype(other))
        assert t.grads == wanted.grads
        assert t.grads.dtype == t.a[0].dtype == t.z[1].dtype == fnn.forward(p.params, x.astype(other)).dtype == dtype


@given(problems(counts=(3,)))
@settings(deadline=None, max_examples=40)
def test_update(p: Problem) -> None:
    grads = fnn.grad(p.params, p.cases, **p.options)
    after = fnn.update(p.params, grads, 0.3)

    wanted = p.params.flat.astype(float) - 0.3 * grads.flat.astype(float)
    assert after.dtype == p.params.dtype
    assert (after.sizes, after.activations) == (p.params.sizes, p.params.activations)
    assert_near(after.flat, wanted, np.abs(wanted).max())


def test_update_rounds_once() -> None:
    # 1 − (1 + ε)(1 − ε) is ε²; a product that is rounded first is 1 and leaves 0.
    e = 2.0**-30
    params = fnn.Params({"W1": [[1.0]], "b1": [0.0]}, **ONE_UNIT)

    assert fnn.update(params, params.replace({"W1": [[1 - e]]}), 1 + e)["W1"].item() == e * e


@pytest.mark.parametrize("activation", HIDDEN)
def test_a_deep_and_a_wide_network(activation: fnn.Activation) -> None:
    for sizes in [(3, *(5,) * 12, 2), (130, 300, 2), (2, 257, 129)]:
        p = problem(5, sizes, (activation,) * (len(sizes) - 2), fnn.identity, fnn.squared_error, 20)
        wanted = p.wanted.grads
        for key, leaf in fnn.grad(p.params, p.x, p.y).items():
            assert_near(leaf, wanted[key], 1000 * np.abs(wanted[key]).max(), key)


# |z| = 1e4 with a unit weight: x is z.
def unit(activation: fnn.Activation, dtype: type[Any], units: int = 1) -> fnn.Params[Any]:
    leaves = {"W1": np.eye(units, dtype=dtype), "b1": np.zeros(units, dtype)}
    return fnn.Params(leaves, hidden=(), output=activation)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize(
    "z, y, error, delta",
    [
        (1e4, 1.0, 0.0, 0.0),  # log(1 + e^−10000) = 0 in any format
        (1e4, 0.0, 1e4, 1.0),
        (-1e4, 0.0, 0.0, 0.0),
        (-1e4, 1.0, 1e4, -1.0),
        (1e4, 0.25, 7500.0, 0.75),
        (-1e4, 0.25, 2500.0, -0.25),
    ],
)
def test_sigmoid_cross_entropy_far_out(dtype: type[Any], z: float, y: float, error: float, delta: float) -> None:
    t = fnn.backprop(unit(fnn.sigmoid, dtype), [z], [y], loss=fnn.cross_entropy)

    assert t.error == error
    assert_array_equal(t.delta[1], [delta])
    assert_array_equal(t.grads["W1"], [[delta * z]])
    assert_array_equal(t.dE_da[0], [delta])


@pytest.mark.parametrize("z", [-700.0, -40.0, -1.0, 0.0, 1.0, 40.0, 700.0])
def test_sigmoid_cross_entropy_keeps_small_errors(z: float) -> None:
    # E = log(1 + e^−z) for y = 1, and log(1 + e^z) for y = 0.
    for y, sign in ((1.0, -1), (0.0, 1)):
        wanted = log1p(exp(sign * z)) if sign * z < 500 else sign * z
        assert fnn.error(unit(fnn.sigmoid, np.float64), [z], [y], loss=fnn.cross_entropy) == pytest.approx(
            wanted, rel=1e-14
        )


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize(
    "label, error, delta",
    [(0, 0.0, [0, 0, 0]), (1, 1e4, [1, -1, 0]), (2, 2e4, [1, 0, -1])],  # log Σ e^z = 1e4: E = 1e4 − z_label
)
def test_softmax_cross_entropy_far_out(dtype: type[Any], label: int, error: float, delta: list[float]) -> None:
    z = [1e4, 0.0, -1e4]
    params = unit(fnn.softmax, dtype, 3)

    assert_array_equal(fnn.forward(params, z), [1, 0, 0])
    for y in (label, np.eye(3)[label]):
        t = fnn.backprop(params, z, y, loss=fnn.cross_entropy)
        assert t.error == error
        assert_array_equal(t.delta[1], delta)
        assert_array_equal(t.grads["W1"], np.outer(z, delta))


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("activation", [fnn.sigmoid, fnn.tanh, fnn.softmax, fnn.relu, fnn.identity])
def test_squared_error_far_out(dtype: type[Any], activation: fnn.Activation) -> None:
    outputs = {
        fnn.sigmoid: [1, 0], fnn.tanh: [1, -1], fnn.softmax: [1, 0], fnn.relu: [1e4, 0], fnn.identity: [1e4, -1e4]
    }[activation]  # fmt: skip
    slopes = {fnn.relu: [1, 0], fnn.identity: [1, 1]}.get(activation, [0, 0])
    t = fnn.backprop(unit(activation, dtype, 2), [1e4, -1e4], [0.5, 0.5])

    assert_array_equal(t.a[1], outputs)
    assert_array_equal(t.delta[1], (np.array(outputs) - 0.5) * slopes)
    assert t.error == pytest.approx(0.5 * ((np.array(outputs) - 0.5) ** 2).sum(), rel=1e-7)


def test_probabilities_beyond_the_format_still_give_finite_errors() -> None:
    # a = e^−2000 underflows to 0, but its logarithm does not.
    params = unit(fnn.softmax, np.float32, 2)

    assert fnn.error(params, [0.0, 2000.0], [0.5, 0.5], loss=fnn.cross_entropy) == 1000


@pytest.mark.parametrize("loss, output", PAIRS)
def test_every_pair_trains_downhill(loss: fnn.Loss, output: fnn.Activation) -> None:
    p = problem(6, (3, 6, 3), (fnn.tanh,), output, loss, 20)
    value, grads = fnn.value_and_grad(p.params, p.x, p.y, loss=loss)

    square = float(grads.flat @ grads.flat)
    eta = 1e-5 * value / square
    lower = fnn.error(fnn.update(p.params, grads, eta), p.x, p.y, loss=loss)
    # E(w − ηg) = E − η|g|² + O(η²)
    assert (value - lower) / eta == pytest.approx(square, rel=1e-3)
