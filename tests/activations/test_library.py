"""Built-in activations as values: f and f′ against exact numbers and SciPy."""

from collections.abc import Callable
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays
from numpy.testing import assert_allclose, assert_array_equal
from scipy import special

import fnn
from tests import oracles
from tests.problems import HIDDEN

OUTPUTS = (*HIDDEN, fnn.softmax)

SCIPY: dict[fnn.Activation, Callable[[Any], Any]] = {
    fnn.sigmoid: special.expit,
    fnn.tanh: np.tanh,
    fnn.relu: lambda z: np.maximum(z, 0),
    fnn.identity: lambda z: z,
    fnn.softmax: lambda z: special.softmax(z, axis=-1),
}
PRIMES: dict[fnn.Activation, Callable[[Any], Any]] = {  # in the forms that are accurate where f is close to its limits
    fnn.sigmoid: lambda z: special.expit(z) * special.expit(-z),
    fnn.tanh: lambda z: 1 / np.cosh(z) ** 2,
    fnn.relu: lambda z: np.where(z > 0, 1.0, 0.0),
    fnn.identity: np.ones_like,
}
DTYPES = [np.float32, np.float64]
REALS = arrays(
    st.sampled_from(DTYPES), array_shapes(min_dims=0, max_dims=3, max_side=9), elements=st.floats(-30, 30, width=32)
)


@pytest.mark.parametrize("f", OUTPUTS, ids=repr)
@given(z=REALS)
@settings(deadline=None, max_examples=60)
def test_f(f: fnn.Activation, z: Any) -> None:
    a: Any = f(z)

    assert (a.shape, a.dtype) == (z.shape, z.dtype)
    # Softmax rounds z − max z, which is up to 60: 30 roundings of the exponential.
    assert_allclose(a, SCIPY[f](z.astype(float)), rtol=64 * np.finfo(z.dtype).eps, atol=1e-37)


@pytest.mark.parametrize("f", HIDDEN, ids=repr)
@given(z=REALS)
@settings(deadline=None, max_examples=60)
def test_f_prime(f: fnn.Activation, z: Any) -> None:
    prime: Any = f.prime(z)

    assert (prime.shape, prime.dtype) == (z.shape, z.dtype)
    # From a, as a(1 − a): an error of the size of a rounding of a.
    assert_allclose(prime, PRIMES[f](z.astype(float)), rtol=4e-6, atol=1e-6 if z.dtype == np.float32 else 1e-15)


@given(z=arrays(np.float64, st.tuples(st.integers(1, 4), st.integers(1, 6)), elements=st.floats(-5, 5)))
@settings(deadline=None, max_examples=60)
def test_softmax_jacobian_by_complex_step(z: Any) -> None:
    units = z.shape[1]
    jacobian = fnn.softmax.prime(z)
    assert jacobian.shape == (*z.shape, units)
    for i in range(units):
        moved = np.exp(z + 1e-30j * np.eye(units)[i])
        column = (moved / moved.sum(axis=1, keepdims=True)).imag / 1e-30
        assert_allclose(jacobian[:, :, i], column, rtol=1e-12, atol=1e-15)


def test_exact_values() -> None:
    # σ(ln 3) = 3/4, σ(ln 9) = 9/10, tanh(½ ln 3) = ½, softmax(0, ln 2, ln 5) = (1, 2, 5)/8
    ln = np.log
    assert_allclose(fnn.sigmoid([-ln(3), 0, ln(3), ln(9)]), [0.25, 0.5, 0.75, 0.9], rtol=1e-15)
    assert_allclose(fnn.tanh([-ln(3) / 2, 0, ln(3) / 2]), [-0.5, 0, 0.5], rtol=1e-15)
    assert_array_equal(fnn.relu([-1.5, -0.0, 0.0, 1.5]), [0, 0, 0, 1.5])
    assert_array_equal(fnn.identity([-1.5, 0, 1.5]), [-1.5, 0, 1.5])
    assert_allclose(fnn.softmax([0, ln(2), ln(5)]), np.array([1, 2, 5]) / 8, rtol=1e-15)
    a = [Fraction(1, 8), Fraction(2, 8), Fraction(5, 8)]
    expected = [[float(a[j] * ((i == j) - a[i])) for i in range(3)] for j in range(3)]
    assert_allclose(fnn.softmax.prime([0, ln(2), ln(5)]), expected, rtol=1e-15)
    assert_allclose(fnn.tanh.prime([0, ln(3) / 2]), [1, 0.75], rtol=1e-15)
    assert_array_equal(fnn.relu.prime([-1.5, 0.0, 1.5]), [0, 0, 1])
    assert_array_equal(fnn.identity.prime([-1.5, 0, 1.5]), [1, 1, 1])


@pytest.mark.parametrize("dtype", DTYPES)
def test_extreme_inputs(dtype: type[Any]) -> None:
    z = np.array([-np.inf, -1e30, -1e4, 1e4, 1e30, np.inf], dtype)

    assert_array_equal(fnn.sigmoid(z), [0, 0, 0, 1, 1, 1])
    assert_array_equal(fnn.sigmoid.prime(z), np.zeros(6))
    assert_array_equal(fnn.tanh(z), [-1, -1, -1, 1, 1, 1])
    assert_array_equal(fnn.tanh.prime(z), np.zeros(6))
    assert_array_equal(fnn.softmax(z[2:4]), [0, 1])
    assert_array_equal(fnn.softmax(z[1:5]), [0, 0, 0, 1])
    assert_array_equal(fnn.softmax([1e4, 1e4, 1e4, 1e4]), [0.25] * 4)


@pytest.mark.parametrize("f", OUTPUTS, ids=repr)
@pytest.mark.parametrize("dtype", DTYPES)
def test_nan_propagates(f: fnn.Activation, dtype: type[Any]) -> None:
    for z in ([np.nan, 1.0], [1.0, np.nan]):
        assert np.isnan(f(np.array(z, dtype))).any()


@pytest.mark.parametrize("f", OUTPUTS, ids=repr)
def test_any_real_array_like(f: fnn.Activation) -> None:
    expected = f([[0.0, 1.0, 2.0], [3.0, 4.0, 5.0]])
    z = np.arange(6).reshape(2, 3)
    for other in (z, z.astype(np.uint8), z.astype(">f8"), np.asfortranarray(z, float), z[:, ::-1][:, ::-1], z.tolist()):
        assert_array_equal(f(other), expected)
    assert f(np.array([1.0], np.float16)).dtype == np.float64
    assert f(True).shape == ()


def test_repr_and_equality() -> None:
    assert [repr(f) for f in OUTPUTS] == [
        "fnn.sigmoid", "fnn.tanh", "fnn.relu", "fnn.identity", "fnn.softmax"
    ]  # fmt: skip
    assert len(set(OUTPUTS)) == 5


@pytest.mark.parametrize("f", OUTPUTS, ids=repr)
def test_input_is_unchanged(f: fnn.Activation) -> None:
    z = np.array([[1.0, -2.0]])
    for function in (f, f.prime):
        result = function(z)
        assert not np.shares_memory(result, z)
        assert_array_equal(z, [[1, -2]])


@pytest.mark.parametrize("f", OUTPUTS, ids=repr)
def test_bad_input(f: fnn.Activation) -> None:
    for function in (f, f.prime):
        with pytest.raises(TypeError, match="z: needs real numbers, got dtype complex128"):
            function([1j])
        with pytest.raises(TypeError, match="z: needs real numbers, got dtype object"):
            function(None)  # type: ignore[arg-type]  # bad input
        with pytest.raises(ValueError, match=r"z: needs at least one number, got shape \(2, 0\)"):
            function(np.empty((2, 0)))
        with pytest.raises(AttributeError):
            f.name = "other"  # type: ignore[misc]


def test_scalar_and_byte_orders() -> None:
    assert fnn.softmax.prime(0.0).tolist() == [[0.0]]  # a = 1, whatever z is
    assert fnn.sigmoid(np.zeros(2, ">f4")).dtype == np.float32


@pytest.mark.parametrize("f", [*oracles.ROWS, fnn.identity, fnn.elu(3.0)], ids=repr)
def test_range(f: fnn.Activation) -> None:
    low, high = f.range
    z = np.concatenate([-np.geomspace(1e9, 1e-9, 20_001), [0], np.geomspace(1e-9, 1e9, 20_001)])
    with np.errstate(over="ignore"):
        a = f(z)

    assert low <= a.min()
    assert a.max() <= high
    assert a.min() < -1e6 if low == -np.inf else a.min() - low < 2e-5
    assert a.max() > 1e6 if high == np.inf else high - a.max() < 2e-5
