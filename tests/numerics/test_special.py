"""The oracles: long double, and for the normal distribution its series in 90 decimal digits."""

from __future__ import annotations

from decimal import Decimal, localcontext
from functools import cache
from typing import Any

import numpy as np
import pytest
from numba import njit

from fnn.compiler.intrinsics import pointer
from fnn.numerics import special

DTYPES = (np.float32, np.float64)
# The largest error in ulp over some millions of numbers, rounded up.
LIMIT = {"expm1_of_negative": 1.3, "normal_density": 1.6, "sin": 0.9, "cos": 0.9}
dtypes = pytest.mark.parametrize("dtype", DTYPES)


@cache
def loop(name: str) -> Any:
    function = getattr(special, name)

    @njit(error_model="numpy")
    def run(x: Any, y: Any) -> None:
        p, q = pointer(x), pointer(y)
        for i in range(x.size):
            q[i] = function(p[i])

    return run


def apply(name: str, x: Any) -> Any:
    y = np.empty_like(x)
    loop(name)(x, y)

    return y


def exact(name: str, x: Any) -> Any:
    wide = x.astype(np.longdouble)
    if name == "expm1_of_negative":
        return np.expm1(wide)
    if name == "normal_density":
        return np.exp(-wide * wide / 2) / np.sqrt(8 * np.arctan(np.longdouble(1)))

    return getattr(np, name)(wide)


def points(name: str, dtype: type[Any]) -> Any:
    random = np.random.default_rng(0)
    small = np.exp(random.uniform(-40, 4, 20000)) * random.choice([-1, 1], 20000)
    if name == "expm1_of_negative":
        return -np.abs(small).astype(dtype)
    if name == "normal_density":
        return np.clip(small, -12, 12).astype(dtype)
    far = 18 if dtype == np.float32 else 47
    quarters = np.arange(1, 2000) * np.pi / 2  # whose results near 0 lose digits first
    large = 2.0 ** random.uniform(0, far, 20000)

    return np.concatenate([small, quarters, large]).astype(dtype)


@dtypes
@pytest.mark.parametrize("name", LIMIT)
def test_accuracy(name: str, dtype: type[Any]) -> None:
    x = points(name, dtype)
    y, expected = apply(name, x), exact(name, x)
    assert (np.abs(y - expected) <= LIMIT[name] * np.spacing(np.abs(expected.astype(dtype)))).all()


def cdf(x: float) -> Decimal:
    """Φ(x) = ½ + φ(x)(x + x³/3 + x⁵/(3·5) + ..)."""
    with localcontext() as context:
        context.prec = 90  # the tails cancel 40 of them
        z = Decimal(x)
        term = total = z
        k = 1
        while abs(term) > Decimal(10) ** -85:
            k += 2
            term *= z * z / k
            total += term
        pi = Decimal(
            "3.14159265358979323846264338327950288419716939937510582097494459230781640628620899862803482534211"
        )
        return Decimal("0.5") + total * (-z * z / 2).exp() / (2 * pi).sqrt()


@dtypes
def test_the_normal_distribution(dtype: type[Any]) -> None:
    random = np.random.default_rng(0)
    x = np.concatenate([random.uniform(-13, 5, 150), random.uniform(-1, 1, 50)]).astype(dtype)
    values = apply("normal_cdf", x)
    for value, y in zip(x.tolist(), values, strict=True):
        expected = cdf(value)
        assert abs(Decimal(float(y)) - expected) <= Decimal("2.8") * Decimal(float(np.spacing(dtype(expected))))


@pytest.mark.parametrize(
    "x, tail",
    [  # Φ(x) to 17 digits, by mpmath
        (-14.25, 2.24140623269364e-46),
        (-18.5, 1.0323698689563289e-76),
        (-23.0, 2.3306370062206488e-117),
        (-27.75, 8.712397652497471e-170),
        (-31.125, 5.528037271014503e-213),
        (-34.5, 4.010728966577262e-261),
        (-37.0, 5.725571222524577e-300),
    ],
)
def test_far_tails_of_the_normal_distribution(x: float, tail: float) -> None:
    y = apply("normal_cdf", np.array([x]))[0]
    assert abs(y - tail) <= 3 * np.spacing(tail)


@dtypes
def test_special_values(dtype: type[Any]) -> None:
    x = np.array([-np.inf, np.inf, np.nan, 0, -1e30, 1e30], dtype)
    assert apply("normal_cdf", x)[[0, 1, 3, 4, 5]].tolist() == [0, 1, 0.5, 0, 1]
    assert apply("normal_density", x)[[0, 1, 4, 5]].tolist() == [0, 0, 0, 0]
    assert apply("expm1_of_negative", x)[[0, 3, 4]].tolist() == [-1, 0, -1]
    for name in ("sin", "cos"):
        y = apply(name, x)
        assert np.isnan(y[:3]).all()
        assert (np.abs(y[3:]) <= 1).all()
    for name in (*LIMIT, "normal_cdf"):
        assert np.isnan(apply(name, x)[2])
