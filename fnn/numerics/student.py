"""The quantiles of Student's t distribution, the same bits on every machine."""

from decimal import Decimal, localcontext
from math import sqrt
from typing import Final

import numpy as np

from fnn.numerics.normal import normal_quantile

_PI: Final = 3.141592653589793
# Γ(x + ½) / (√x Γ(x)) by powers of 1/x (Tricomi and Erdélyi 1951); for x of at least 20 the next term is below 1e-15.
_RATIO: Final = (1.0, -1 / 8, 1 / 128, 5 / 1024, -21 / 32768, -399 / 262144, 869 / 4194304, 39325 / 33554432)
_TINY: Final = 1e-300
_LARGE: Final = 1e7  # degrees of freedom


def student_quantile(level: float, freedom: float) -> float:
    """The t for which ∫ f from −t to t is the level in [0, 1); of the normal distribution for infinite freedom.

    By Newton's method from the normal quantile, which lies below: the tail's integral is convex, so t only grows. Where
    rounding errors of the integral exceed the next term, by powers of 1 / freedom (Cornish and Fisher 1938).
    """
    tail = (1 - level) / 2
    t = abs(float(normal_quantile(np.array([tail]))[0]))
    if freedom >= _LARGE:
        return t + (t**3 + t) / (4 * freedom)
    while True:
        density, beyond = _density_and_tail(t, freedom)
        step = (beyond - tail) / density
        if t + step <= t * (1 + 1e-15):
            break
        t += step

    return t


def _density_and_tail(t: float, freedom: float) -> tuple[float, float]:
    """The density at t > 0 and its integral beyond, by the incomplete beta function (DLMF 8.17.22)."""
    with localcontext() as context:
        context.prec = 40
        base = 1 + Decimal(t) * Decimal(t) / Decimal(freedom)
        power = float((-(Decimal(freedom) + 1) / 2 * base.ln()).exp())  # rounded correctly, which the C library's isn't
    density = _gamma_ratio(freedom / 2) / sqrt(_PI * freedom) * power
    square = t * t
    if freedom * (freedom / 2 + 2.5) < (freedom / 2 + 1) * (freedom + square):
        x = freedom / (freedom + square)
        return density, density * t / freedom * _continued_fraction(x, freedom / 2, 0.5)

    return density, 0.5 - density * t * _continued_fraction(square / (freedom + square), 0.5, freedom / 2)


def _gamma_ratio(x: float) -> float:
    """Γ(x + ½) / Γ(x) for x of at least ½."""
    factor = 1.0
    while x < 20:
        factor *= x / (x + 0.5)
        x += 1
    series = 0.0
    for coefficient in reversed(_RATIO):
        series = series / x + coefficient

    return factor * sqrt(x) * series


def _continued_fraction(x: float, a: float, b: float) -> float:
    """1 / (1 + d₁/(1 + d₂/(1 + ..))) of I_x(a, b), from the front (Lentz 1976)."""
    c, d = 1.0, 1 / (1 - (a + b) * x / (a + 1))
    value, m, change = d, 1, 0.0
    while abs(change - 1) > 1e-16:
        change = 1.0
        for numerator in (
            m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m)),
            -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1)),
        ):
            c = 1 + numerator / c or _TINY
            d = 1 / (1 + numerator * d or _TINY)
            change *= c * d
        value *= change
        m += 1

    return value
