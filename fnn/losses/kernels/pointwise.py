"""Losses that sum over the output units: E and ∂E/∂a of one unit from a and y, in float64.

NaN stays NaN in both. At a kink the slope is 0. ∂²E/∂a² stands below each, or last.
"""

import numpy as np

from fnn.compiler.intrinsics import Floats
from fnn.losses.kernels.dispatch import pointwise
from fnn.losses.kernels.second_derivatives import second_of
from fnn.numerics.elementary import exp, log1p, tanh

LN_2 = float(np.log(2))


@pointwise
def absolute_error(p: Floats, a: float, y: float) -> tuple[float, float]:
    """|r|, r = a − y;  sign r."""
    r = a - y
    return abs(r), 1.0 if r > 0 else (-1.0 if r < 0 else r)


@pointwise
def huber(p: Floats, a: float, y: float) -> tuple[float, float]:
    """½r² where |r| ≤ δ, else δ(|r| − ½δ);  r clamped to ±δ."""
    r, delta = a - y, p[0]
    slope = delta if r > delta else (-delta if r < -delta else r)
    return slope * (r - 0.5 * slope), slope


@second_of(huber)
def huber_second(p: Floats, a: float, y: float) -> float:
    """1 where |r| < δ, else 0."""
    return 1.0 if abs(a - y) < p[0] else 0.0


@pointwise
def log_cosh(p: Floats, a: float, y: float) -> tuple[float, float]:
    """log cosh r = |r| + log(1 + e^(−2|r|)) − log 2 = −½ log(1 − tanh² r), accurate for small r;  tanh r."""
    r = a - y
    slope, size = tanh(r), abs(r)
    error = size + log1p(exp(-2.0 * size)) - LN_2 if size > 1.0 else -0.5 * log1p(-slope * slope)
    return error, slope


@second_of(log_cosh)
def log_cosh_second(p: Floats, a: float, y: float) -> float:
    """1 − tanh² r."""
    slope = tanh(a - y)
    return (1.0 - slope) * (1.0 + slope)


@pointwise
def quantile(p: Floats, a: float, y: float) -> tuple[float, float]:
    """q(y − a) where a < y, else (1 − q)(a − y);  −q, 1 − q."""
    r, q = a - y, p[0]
    slope = 1.0 - q if r > 0 else (-q if r < 0 else r)
    return slope * r, slope


@pointwise
def hinge(p: Floats, a: float, y: float) -> tuple[float, float]:
    """max(0, 1 − y a);  −y where 1 − y a > 0, else 0."""
    short = 1.0 - y * a
    return 0.0 if short <= 0 else short, -y if short > 0 else (0.0 if short <= 0 else short)


@second_of(absolute_error, quantile, hinge)
def straight_second(p: Floats, a: float, y: float) -> float:
    """0 on straight pieces."""
    return 0.0
