"""The oracle is NumPy in the next wider format: float64 for float32, long double for float64."""

import math
import re
from functools import cache
from typing import Any, TypeAlias

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numba import njit
from numba.core.errors import TypingError
from numpy.typing import NDArray

from fnn.compiler.intrinsics import pointer
from fnn.numerics import elementary

Array: TypeAlias = NDArray[np.floating[Any]]
Float: TypeAlias = type[np.floating[Any]]

WIDER: dict[Float, Float] = {np.float32: np.float64, np.float64: np.longdouble}

# The largest error in ulp: over all float32 numbers it is 1.05, 0.77, 1.34, 1.72 and 1.25.
LIMIT = {"exp": 1.1, "log": 0.8, "log1p": 1.4, "sigmoid": 1.75, "tanh": 1.35}

functions = pytest.mark.parametrize("name", LIMIT)
dtypes = pytest.mark.parametrize("dtype", [np.float32, np.float64])


@cache
def loop(name: str) -> Any:
    """The loop in which a kernel would use the function."""
    function = getattr(elementary, name)

    @njit(error_model="numpy")
    def run(x: Array, y: Array) -> None:
        p, q = pointer(x), pointer(y)
        for i in range(x.size):
            q[i] = function(p[i])

    return run


def apply(name: str, x: Array) -> Array:
    y = np.empty_like(x)
    loop(name)(x, y)

    return y


def value(name: str, x: float, dtype: Float = np.float64) -> float:
    return float(apply(name, np.array([x], dtype))[0])


def exact(name: str, x: Array) -> Array:
    """The function in the wider format, whose own rounding is below 0.001 ulp of the narrower."""
    wide = x.astype(WIDER[x.dtype.type])
    if name == "sigmoid":
        e = np.exp(-np.abs(wide))
        return np.asarray(np.where(wide >= 0, 1, e) / (1 + e))

    return np.asarray(getattr(np, name)(wide))


def error_in_ulp(y: Array, reference: Array) -> Array:
    """|y - reference| in units of the last place, wherever the reference rounds to a finite number."""
    rounded = reference.astype(y.dtype)
    finite = np.isfinite(rounded)
    np.testing.assert_array_equal(y[~finite], rounded[~finite])

    return np.asarray(np.abs(y[finite] - reference[finite]) / np.spacing(np.abs(rounded[finite])))


def bit_patterns(dtype: Float, count: int) -> Array:
    """Floats of all magnitudes and signs, NaN and infinities among them."""
    word = np.dtype(f"u{np.dtype(dtype).itemsize}")
    return np.random.default_rng(0).integers(0, np.iinfo(word).max, count, word, endpoint=True).view(dtype)


def edges(dtype: Float) -> Array:
    """Both signs of zero, of infinity, and of the numbers next to where a formula or a format changes."""
    info = np.finfo(dtype)
    limits = [math.log(info.max), math.log(info.tiny), math.log(info.smallest_subnormal), math.sqrt(2), math.sqrt(0.5)]
    around = np.array(
        [1, 2, info.eps, info.tiny, info.max, *limits, *(i * math.log(2) / 2 for i in range(1, 9))], dtype
    )
    with np.errstate(over="ignore"):
        near = np.concatenate([np.nextafter(around, dtype(end)) for end in (-math.inf, math.inf)])
    special = np.array([0, math.inf, math.nan, info.smallest_subnormal], dtype)
    x = np.concatenate([special, around, near])

    return np.concatenate([x, np.negative(x)])


@functions
@dtypes
def test_error_in_ulp(name: str, dtype: Float) -> None:
    intervals = [(-1, 1), (0.5, 2), (-30, 30), (-110, 90), (-750, 712)]
    dense = [np.linspace(low, high, 50_001, dtype=dtype) for low, high in intervals]
    x = np.concatenate([edges(dtype), bit_patterns(dtype, 100_000), *dense])

    with np.errstate(all="ignore"):  # of the oracle
        error = error_in_ulp(apply(name, x), exact(name, x))

    assert error.max() < LIMIT[name]


@pytest.mark.parametrize(
    "name, x, expected",
    [
        ("exp", 0.0, 1.0),
        ("exp", -0.0, 1.0),
        ("exp", math.inf, math.inf),
        ("exp", -math.inf, 0.0),
        ("exp", 1e4, math.inf),
        ("exp", -1e4, 0.0),
        ("sigmoid", 0.0, 0.5),
        ("sigmoid", math.inf, 1.0),
        ("sigmoid", -math.inf, 0.0),
        ("sigmoid", 1e4, 1.0),
        ("sigmoid", -1e4, 0.0),
        ("tanh", 0.0, 0.0),
        ("tanh", -0.0, -0.0),
        ("tanh", math.inf, 1.0),
        ("tanh", -math.inf, -1.0),
        ("tanh", 1e4, 1.0),
        ("tanh", 1e-30, 1e-30),
        ("tanh", -1e-40, -1e-40),
        ("log", 1.0, 0.0),
        ("log", 0.0, -math.inf),
        ("log", -0.0, -math.inf),
        ("log", -1e-40, math.nan),
        ("log", -math.inf, math.nan),
        ("log", math.inf, math.inf),
        ("log1p", 0.0, 0.0),
        ("log1p", -0.0, -0.0),
        ("log1p", 1e-20, 1e-20),
        ("log1p", -1e-40, -1e-40),
        ("log1p", -1.0, -math.inf),
        ("log1p", -2.0, math.nan),
        ("log1p", -math.inf, math.nan),
        ("log1p", math.inf, math.inf),
        *((name, math.nan, math.nan) for name in LIMIT),
    ],
)
@dtypes
def test_special_values(name: str, x: float, expected: float, dtype: Float) -> None:
    y, want = value(name, x, dtype), float(dtype(expected))

    np.testing.assert_equal(y, want)
    if not math.isnan(want):
        assert math.copysign(1, y) == math.copysign(1, want)


@pytest.mark.parametrize("name", ["log1p", "tanh"])
@dtypes
def test_tiny_arguments_are_their_own_results(name: str, dtype: Float) -> None:
    info = np.finfo(dtype)
    units = (float(info.smallest_subnormal), float(info.tiny), float(info.eps) ** 2)
    x = np.array([i * unit for unit in units for i in range(-9, 10)]).astype(dtype)

    np.testing.assert_array_equal(apply(name, x), x)


@pytest.mark.parametrize("name", ["exp", "sigmoid"])
@pytest.mark.parametrize("x, dtype", [(-100.0, np.float32), (-740.0, np.float64)])
def test_results_become_subnormal_before_they_become_zero(name: str, x: float, dtype: Float) -> None:
    y = value(name, x, dtype)

    assert 0 < y < np.finfo(dtype).tiny
    assert y == pytest.approx(math.exp(x), abs=float(np.finfo(dtype).smallest_subnormal))


@functions
@dtypes
def test_vectors_and_single_elements_have_the_same_bits(name: str, dtype: Float) -> None:
    x = np.concatenate([np.linspace(-20, 20, 600, dtype=dtype), bit_patterns(dtype, 403)])
    together = apply(name, x)
    alone = np.concatenate([apply(name, x[i : i + 1]) for i in range(x.size)])
    moved = np.concatenate([apply(name, x[:5]), apply(name, x[5:])])

    np.testing.assert_array_equal(together, alone)  # NaN equals NaN, whose sign and payload may differ
    np.testing.assert_array_equal(together, moved)
    np.testing.assert_array_equal(np.signbit(together[~np.isnan(together)]), np.signbit(alone[~np.isnan(alone)]))


@functions
@dtypes
def test_loops_are_vectorised_without_calls(name: str, dtype: Float) -> None:
    x = np.zeros(1, dtype)
    apply(name, x)
    signature = next(s for s in loop(name).signatures if s[0].dtype.name == np.dtype(dtype).name)
    code = loop(name).inspect_llvm(signature)

    assert re.search(r"call <\d+ x (float|double)> @llvm\.fma", code)
    assert not re.search(r"@(exp|expm1|log|log1p|tanh|fma|ldexp|frexp)f?\(", code)
    assert not re.search(r"call .*3fnn8numerics", code)  # the mangled name of a function that isn't inlined


def test_integers_are_refused() -> None:
    with pytest.raises(TypingError, match="needs float32 or float64, got int64"):
        loop("exp")(np.arange(3), np.arange(3))


wide_range = st.floats(-800, 800)
positive = st.floats(min_value=5e-324, max_value=1e308)


@settings(deadline=None)
@given(wide_range)
def test_tanh_is_odd(x: float) -> None:
    assert value("tanh", -x) == -value("tanh", x)


@settings(deadline=None)
@given(wide_range)
def test_sigmoid_is_symmetric(x: float) -> None:
    assert value("sigmoid", x) + value("sigmoid", -x) == pytest.approx(1, rel=4e-16)


@settings(deadline=None)
@given(wide_range)
def test_sigmoid_and_tanh_are_one_function(x: float) -> None:
    assert value("tanh", x / 2) == pytest.approx(2 * value("sigmoid", x) - 1, rel=0, abs=5e-16)


@settings(deadline=None)
@given(wide_range, wide_range)
def test_results_increase_with_the_argument(x: float, y: float) -> None:
    low, high = sorted((x, y))
    for name in ("exp", "sigmoid", "tanh"):
        a, b = value(name, low), value(name, high)
        assert a <= b or a == pytest.approx(b, rel=4e-16)


@settings(deadline=None)
@given(positive)
def test_exp_undoes_log(x: float) -> None:
    # An error of half an ulp in log x, which is up to 745, is one of up to 745 halves of an ulp in x.
    y = value("log", x)
    assert value("exp", y) == pytest.approx(x, rel=(4 + abs(y)) * 2.3e-16, abs=5e-324)


@settings(deadline=None)
@given(st.floats(-0.999, 1e300))
def test_log1p_is_the_log_of_one_more(x: float) -> None:
    assert value("log1p", x) == pytest.approx(value("log", 1 + x), rel=4e-16, abs=2.3e-16 / (1 + min(x, 0)))
