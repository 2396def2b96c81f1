"""Every built-in activation against its oracle in `tests.oracles`."""

from __future__ import annotations

import copy
import itertools
import pickle
import re
from decimal import Decimal, localcontext
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numba import njit
from numpy.testing import assert_allclose, assert_array_equal

import fnn
from fnn.activations import activation
from fnn.compiler.intrinsics import pointer
from tests import reference
from tests.njit import jitted
from tests.oracles import LIMITS, ROWS, WIDE, margin

DTYPES = (np.float64, np.float32)
rows = pytest.mark.parametrize("f", ROWS, ids=repr)
REALS = arrays(
    st.sampled_from(DTYPES), st.integers(1, 40), elements=st.floats(-12, 12, width=32) | st.floats(-1, 1, width=32)
)


def test_every_activation_has_an_oracle() -> None:
    elementwise = {name for name, kernels in activation.BUILT_IN.items() if not kernels.is_rowwise}
    assert elementwise == {f.name.split("(")[0] for f in ROWS}
    public = {name for name, value in vars(fnn).items() if isinstance(value, fnn.Activation)}
    assert public | {"leaky_relu", "elu"} == set(activation.BUILT_IN)


@rows
@given(z=REALS)
@settings(deadline=None, max_examples=60)
def test_f(f: fnn.Activation, z: Any) -> None:
    a, exact = f(z), ROWS[f].f(z.astype(WIDE))
    assert (a.shape, a.dtype) == (z.shape, z.dtype)
    spacing = np.spacing(np.abs(exact.astype(z.dtype)))
    if f is fnn.hard_sigmoid:  # beside −3 the rounding of z + 3 is that of a number near 3
        spacing = np.maximum(spacing, np.finfo(z.dtype).eps / 2)
    if f is fnn.sin:  # beside ±π, at which the oracle's own π ends
        spacing = np.maximum(spacing, 1e-18)
    assert (np.abs(a - exact) <= ROWS[f].ulps * spacing).all()


@rows
@given(z=REALS)
@settings(deadline=None, max_examples=60)
def test_f_prime(f: fnn.Activation, z: Any) -> None:
    prime, exact = f.prime(z), ROWS[f].prime(z.astype(WIDE))
    assert (prime.shape, prime.dtype) == (z.shape, z.dtype)
    assert (np.abs(prime - exact) <= 3 * np.finfo(z.dtype).eps * (1 + np.abs(exact))).all()


@rows
@given(z=arrays(np.float64, 12, elements=st.floats(-6, 6)))
@settings(deadline=None, max_examples=40)
def test_oracle_prime_by_central_differences(f: fnn.Activation, z: Any) -> None:
    wide = z[[margin(f, z[i : i + 1]) > 1e-4 for i in range(len(z))]].astype(WIDE)
    h = WIDE(1e-5)
    slope = (ROWS[f].f(wide + h) - ROWS[f].f(wide - h)) / (2 * h)
    assert_allclose(slope.astype(float), ROWS[f].prime(wide).astype(float), rtol=1e-7, atol=1e-9)


def second(f: fnn.Activation, z: Any) -> Any:
    """f″ of the kernels."""
    function: Any = f._kernels.second
    a, result = f(z), np.empty_like(z)
    if f._parameter is None:

        @njit(error_model="numpy")
        def run(z: Any, a: Any, result: Any, parameter: Any) -> None:
            p, q, r = pointer(z), pointer(a), pointer(result)
            for i in range(z.size):
                r[i] = function(p[i], q[i])

    else:

        @njit(error_model="numpy")
        def run(z: Any, a: Any, result: Any, parameter: Any) -> None:
            p, q, r = pointer(z), pointer(a), pointer(result)
            for i in range(z.size):
                r[i] = function(p[i], q[i], parameter)

    run(z, a, result, z.dtype.type(f._parameter or 0))

    return result


@rows
def test_second_derivative(f: fnn.Activation) -> None:
    z = np.concatenate([np.linspace(-12, 12, 400), np.linspace(-1.5, 1.5, 101)]) + 1e-3
    wide, h = z.astype(WIDE), WIDE(1e-5)
    prime = ROWS[f].prime
    expected = (8 * (prime(wide + h) - prime(wide - h)) - (prime(wide + 2 * h) - prime(wide - 2 * h))) / (12 * h)

    scale = 1 + np.abs(expected)
    assert (np.abs(second(f, z) - expected) <= 1e-11 * scale).all()
    single = z.astype(np.float32)
    kinked = [abs(single - kink) < 1e-5 for kink in ROWS[f].kinks]
    assert not np.any(kinked)
    assert (np.abs(second(f, single) - expected) <= 2e-5 * scale).all()
    assert np.isnan(second(f, np.array([np.nan]))).all() or (second(f, z) == 0).all()


@rows
@pytest.mark.parametrize("dtype", DTYPES)
def test_extreme_inputs(f: fnn.Activation, dtype: type[Any]) -> None:
    most = np.finfo(dtype).max
    z = np.array([-most, -1e30, -1e4, -200, 200, 1e4, 1e30, most], dtype)
    if f is fnn.sin:
        assert (np.abs(f(z)) <= 1).all()
        assert (np.abs(f.prime(z)) <= 1).all()
        return
    with np.errstate(all="ignore"):
        expected = ROWS[f].f(z.astype(WIDE)).astype(dtype)
        slopes = ROWS[f].prime(z.astype(WIDE)).astype(dtype)
    if f in (fnn.gelu, fnn.gelu_tanh, fnn.mish, fnn.silu):  # ∞ · 0 in the oracle
        expected, slopes = np.where(z < -1000, 0, expected), np.where(abs(z) > 1000, z > 0, slopes)
        expected[-2:], slopes[4:] = z[-2:], 1
    assert_allclose(f(z), expected, rtol=1e-6 if dtype == np.float32 else 1e-14, atol=1e-38)
    assert_allclose(f.prime(z), slopes, rtol=1e-6 if dtype == np.float32 else 1e-14, atol=1e-38)


@rows
@pytest.mark.parametrize("dtype", DTYPES)
def test_infinity_and_nan(f: fnn.Activation, dtype: type[Any]) -> None:
    z = np.array([-np.inf, np.inf], dtype)
    values = [*f(z), *f.prime(z)]
    assert_allclose(values, LIMITS[f.name], rtol=2 * float(np.finfo(dtype).eps))
    assert np.isnan(f(np.array([np.nan, 1], dtype))).tolist() == [True, False]


@rows
@pytest.mark.parametrize("depth", [1, 2, 3, 4])
def test_gradients(f: fnn.Activation, depth: int) -> None:
    for output in {f, fnn.identity, fnn.tanh}:
        for seed in range(200):
            random = np.random.default_rng([seed, depth])
            params = fnn.init((3, 4, 3, 4, 2)[-depth - 1 :], seed=seed, hidden=f, output=output)
            if f is fnn.exp:  # e^e^e^z
                params = fnn.tree_map(lambda leaf: leaf / 2, params)
            x, y = random.normal(size=(3, params.sizes[0])), random.normal(size=(3, 2))
            z, _ = reference.forward(reference.network(params), x)
            if all(margin(g, z[layer]) > 0.02 for layer, g in enumerate(params.activations, start=1)):
                break
        else:
            raise AssertionError("no network away from the kinks")
        assert fnn.check_grad(params, x, y, h=3e-4) <= 1e-7


@pytest.mark.parametrize("count", [1, 3])
@pytest.mark.parametrize("output", [fnn.log_softmax, fnn.softmax])
def test_gradients_of_rowwise_outputs(output: fnn.Activation, count: int) -> None:
    params = fnn.init((3, 4, 5), seed=0, hidden=fnn.silu, output=output)
    random = np.random.default_rng(0)
    x, y = random.normal(size=(count, 3)), random.normal(size=(count, 5))

    assert fnn.check_grad(params, x, y) <= 1e-7


@pytest.mark.usefixtures("exact_threads")
@pytest.mark.parametrize("dtype", DTYPES)
def test_mixed_activations_have_the_same_bits_in_jitted_code(dtype: type[Any]) -> None:
    order = list(ROWS)
    for pair in itertools.batched(order, 3) if hasattr(itertools, "batched") else zip(*[iter(order)] * 3, strict=False):
        params: fnn.Params[Any] = fnn.init(
            (4, *(7,) * len(pair), 3), seed=0, hidden=pair, output=fnn.log_softmax, dtype=dtype
        )
        random = np.random.default_rng(0)
        x, y = random.normal(size=(70, 4)).astype(dtype), random.normal(size=(70, 3)).astype(dtype)
        first = fnn.train(params, x, y, eta=1e-3, epochs=2, threads=1).params
        assert all(fnn.train(params, x, y, eta=1e-3, epochs=2, threads=t).params == first for t in (2, 4))
        assert first != params
        assert jitted.fit(params, x, y, 1e-3, 2) == first
        assert_array_equal(jitted.forward(params, x[1]), fnn.forward(params, x)[1])
        assert fnn.backprop(params, x, y).grads == fnn.grad(params, x, y)


@given(z=arrays(np.float64, st.tuples(st.integers(1, 4), st.integers(1, 6)), elements=st.floats(-5, 5)))
@settings(deadline=None, max_examples=60)
def test_log_softmax_by_complex_step(z: Any) -> None:
    assert_allclose(fnn.log_softmax(z), z - np.log(np.exp(z).sum(axis=1, keepdims=True)), rtol=1e-13, atol=1e-14)
    jacobian = fnn.log_softmax.prime(z)
    for i in range(z.shape[1]):
        moved = z + 1e-30j * np.eye(z.shape[1])[i]
        column = (moved - np.log(np.exp(moved).sum(axis=1, keepdims=True))).imag / 1e-30
        assert_allclose(jacobian[:, :, i], column, rtol=1e-12, atol=1e-14)


def test_log_softmax_of_extreme_inputs() -> None:
    assert_array_equal(fnn.log_softmax([-1e300, 0.0, 1e4]), [-1e300, -1e4, 0])
    with pytest.raises(ValueError, match=r"hidden: fnn\.log_softmax can only be the output activation"):
        fnn.init((2, 2, 1), seed=0, hidden=fnn.log_softmax)


def test_activations_with_parameters_are_values() -> None:
    one = fnn.leaky_relu(0.25)
    assert one is fnn.leaky_relu(0.25)
    assert len({one, fnn.leaky_relu(), fnn.leaky_relu(0.5), fnn.elu(0.25), fnn.elu(1)}) == 5
    assert (repr(one), repr(fnn.elu(1))) == ("fnn.leaky_relu(0.25)", "fnn.elu(1.0)")
    for f in (one, fnn.elu(), fnn.silu, fnn.log_softmax):
        assert pickle.loads(pickle.dumps(f)) is copy.deepcopy(f) is f
    params = fnn.init((3, 4, 5, 2), seed=0, hidden=(one, fnn.leaky_relu(0.5)), output=fnn.elu(2))
    assert jitted.update(params, params, 0.5).activations == params.activations
    assert_array_equal([g([-1.0])[0] for g in params.activations[:2]], [-0.25, -0.5])


@pytest.mark.parametrize("make, name", [(fnn.leaky_relu, "slope"), (fnn.elu, "alpha")])
def test_bad_parameters(make: Any, name: str) -> None:
    for value in (0, -1, np.inf, np.nan):
        with pytest.raises(ValueError, match=f"{name}: must be finite and above 0"):
            make(value)
    with pytest.raises(TypeError, match=f"{name}: needs a number"):
        make("0.1")


@pytest.mark.parametrize(
    "f, rounded", [(fnn.elu(1e300), "inf"), (fnn.leaky_relu(4e38), "inf"), (fnn.leaky_relu(1e-300), "0.0")], ids=repr
)
def test_parameters_beyond_float32(f: fnn.Activation, rounded: str) -> None:
    p32, p64 = (fnn.init((1, 1), seed=0, hidden=(), output=f, dtype=dtype) for dtype in (np.float32, np.float64))
    x: Any = np.ones((1, 1), np.float32)
    calls = (
        lambda: f(x), lambda: f.prime(x), lambda: fnn.forward(p32, x), lambda: fnn.grad(p32, x, x),
        lambda: fnn.jvp(p32, x, v=p32), lambda: fnn.hvp(p32, x, x, v=p32), lambda: jitted.forward(p32, x),
        lambda: fnn.train(p32, x, x, eta=0.1, epochs=1), lambda: fnn.train_many([p32], x, x, eta=0.1, epochs=1),
        lambda: fnn.to_c(p32), lambda: fnn.to_python(p32), lambda: fnn.to_onnx(p32),
    )  # fmt: skip
    for call in calls:
        with pytest.raises(ValueError, match=rf"{re.escape(repr(f))}: its parameter .* is {rounded} in float32; use"):
            call()

    z = -abs(float(p64["W1"][0, 0]))
    slope = float(repr(f).partition("(")[2][:-1])
    assert_allclose(f([z, 1.0]), [slope * (np.expm1(z) if f.name.startswith("elu") else z), 1], rtol=1e-15)


@pytest.mark.parametrize("name", ["leaky_relu", "elu", "mish"])
def test_names_of_built_ins_are_refused(name: str) -> None:
    with pytest.raises(ValueError, match=f"name: fnn.{name} is a built-in activation"):
        fnn.Activation(name, njit(lambda z: z), njit(lambda z, a: a))


@pytest.mark.parametrize(("dtype", "least"), [(np.float32, -9.7), (np.float64, -20.9)])
def test_gelu_tanh_is_accurate_in_the_tail(dtype: type[Any], least: float) -> None:
    # The rounding of u, which is −720 there, would be magnified 720-fold.
    for z in np.linspace(least, -1, 200).astype(dtype):
        with localcontext(prec=50):
            exact = Decimal(float(z))
            u = 2 * (2 / Decimal("3.14159265358979323846264338327950288419716939937511")).sqrt()
            u *= exact + Decimal("0.044715") * exact**3
            exact /= 1 + (-u).exp()
            off = abs(Decimal(float(fnn.gelu_tanh(z))) - exact) / Decimal(float(np.spacing(dtype(abs(exact)))))
        assert off < 4
