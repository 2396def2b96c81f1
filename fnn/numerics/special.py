"""More functions that LLVM vectorises inside a loop: eˣ − 1, the normal distribution, sine and cosine.

Like those of `fnn.numerics.elementary`, and within 1.6 units in the last place, Φ within 2.8. The polynomials
interpolate at Chebyshev nodes, in 60-digit arithmetic.
"""

from typing import Any, Final, NamedTuple

import numpy as np
from numba import types

from fnn.compiler.inline import forced, inline, intrinsic
from fnn.compiler.intrinsics import fma
from fnn.numerics.elementary import reduced
from fnn.numerics.float_formats import constant_of, constants, polynomial, power_of_two


class _Special(NamedTuple):
    """Constants of the formulas for a float format, beside those of `fnn.numerics.float_formats`."""

    four: Any
    expm1_low: Any  # below it eˣ − 1 is −1
    cdf_low: Any  # below it Φ is 0
    bell: Any  # beyond it e^−x² is 0
    cdf: Any  # Φ(−u) e^(u²/2) (1 + u) in powers of (u − 4)/(u + 4), for 0 ≤ u ≤ −cdf_low
    density: Any  # 1/√(2π)
    two_over_pi: Any
    half_pi: Any  # π/2 in three parts
    to_integer: Any  # x + to_integer rounds x to an integer
    angle: Any  # beyond it sin and cos are constant
    sin: Any  # (sin r − r)/r³ in powers of r², for |r| ≤ ¼π
    cos: Any  # (cos r − 1 + ½r²)/r⁴


def _special_of(
    dtype: type[np.floating[Any]], cdf_low: float, cdf: tuple[float, ...], half_pi: tuple[float, ...],
    angle: float, sin: tuple[float, ...], cos: tuple[float, ...],
) -> _Special:  # fmt: skip
    bits = int(np.finfo(dtype).nmant)
    return _Special(
        four=dtype(4), expm1_low=dtype(-1.3 * bits), cdf_low=dtype(cdf_low),
        bell=dtype(-0.71 * cdf_low),
        cdf=tuple(map(dtype, cdf)), density=dtype(1 / np.sqrt(2 * np.pi)), two_over_pi=dtype(2 / np.pi),
        half_pi=tuple(map(dtype, half_pi)), to_integer=dtype(1.5 * 2.0**bits), angle=dtype(angle),
        sin=tuple(map(dtype, sin)), cos=tuple(map(dtype, cos)),
    )  # fmt: skip


SPECIAL = {
    types.float32: _special_of(
        np.float32,
        cdf_low=-14.6,
        cdf=(
            0.4720532, -0.09670347, 0.013999632, 0.028600028, -0.032197747, 0.01793953, -0.0050024376, -0.00030037778,
            0.0006911433, -6.594051e-05, -7.402671e-05,
        ),
        half_pi=(1.5707963705062866, -4.371138828673793e-08, -1.7151245100058819e-15),
        angle=2.0**19,
        sin=(-0.16666667, 0.008333332, -0.00019840084, 2.724962e-06),
        cos=(0.041666668, -0.0013888888, 2.4800598e-05, -2.7300703e-07),
    ),
    types.float64: _special_of(
        np.float64,
        cdf_low=-38.7,
        cdf=(
            0.47205320650984467, -0.0967034773265258, 0.01399963472442541, 0.028600364053550688, -0.0321978374280858,
            0.01793609747967908, -0.005002378591041206, -0.0002856230980626015, 0.0006948971044812629,
            -9.443025317505525e-05, -8.78531827495905e-05, 2.1250046101724165e-05, 1.3626864542511933e-05,
            -3.432190033183663e-06, -2.6128941920124036e-06, 4.04468682479967e-07, 5.519827150216451e-07,
            1.4824819757561145e-09, -1.1099285937743473e-07, -1.991599345799603e-08, 1.7647147048336716e-08,
            6.243412401975432e-09, -1.5424526770964862e-09, -7.883429733312199e-10,
        ),
        half_pi=(1.5707963267948966, 6.123233995736766e-17, -1.4973849048591698e-33),
        angle=2.0**48,
        sin=(
            -0.16666666666666666, 0.008333333333330936, -0.00019841269836740532, 2.7557316093198404e-06,
            -2.50511298964498e-08, 1.591798897937466e-10,
        ),
        cos=(
            0.041666666666666664, -0.0013888888888887389, 2.48015872987544e-05, -2.7557317265878077e-07,
            2.087614504941294e-09, -1.1382544645335006e-11,
        ),
    ),
}  # fmt: skip

CDF: Final = SPECIAL[types.float64].cdf  # for exported networks


@intrinsic
def special(typingctx: Any, x: types.Float) -> Any:
    return constant_of(x, SPECIAL, "fnn.special")


@inline
def clamped(x: float, low: float, high: float) -> float:
    """The value in [low, high] nearest to x; NaN stays NaN."""
    x = low if x < low else x
    return high if x > high else x


@inline
def expm1_of_negative(x: float) -> float:
    """eˣ − 1 for x ≤ 0, small results keeping their digits; 0 for x > 0."""
    c = constants(x)
    n, e, _ = reduced(clamped(x, special(x).expm1_low, c.zero))
    power = power_of_two(n + c.shift)

    return fma(power, e, power - c.one)


@forced
def times_exp_of_square(q: float, x: float, factor: float) -> float:
    """q e^(factor x²) for a factor −1 or −½, corrected for the rounding error of x²; |x| is bounded by the table."""
    c = constants(x)
    square = x * x
    lost = factor * fma(x, x, -square)
    n, e, rest = reduced(factor * square)
    e += fma(lost, e, lost) + rest
    first = fma(n, c.half, c.shift)
    second = n - (first - c.shift) + c.shift

    return fma(q, e, q) * power_of_two(first) * power_of_two(second)


@inline
def clamped_to_bell(x: float) -> float:
    """The number nearest to x for which e^−x² isn't 0."""
    return clamped(x, -special(x).bell, special(x).bell)


@forced
def normal_density(x: float) -> float:
    """φ(x) = e^(−x²/2)/√(2π)."""
    c = special(x)
    return times_exp_of_square(c.density, clamped(x, c.cdf_low, -c.cdf_low), -constants(x).half)


@forced
def normal_cdf(x: float) -> float:
    """Φ(x) = ½ erfc(−x/√2), small results keeping their digits."""
    c, s = constants(x), special(x)
    u = abs(x)
    u = -s.cdf_low if u > -s.cdf_low else u
    inverse = c.one / (u + s.four)
    t = (u - s.four) * inverse
    t = fma(inverse, fma(-t, u, fma(t + c.one, -s.four, u)), t)  # (u − 4)/(u + 4) to the last place
    p = polynomial(t, s.cdf)
    inverse = c.one / (c.one + u)
    q = p * inverse
    q = fma(inverse, fma(-q, u, p - q), q)  # p/(1 + u)
    tail = times_exp_of_square(q, u, -c.half)

    return tail if x < 0 else c.one - tail


@forced
def _is_odd(n: float) -> bool:
    """Whether an integer is odd, from its half."""
    c, s = constants(n), special(n)
    half = n * c.half
    return (half + s.to_integer) - s.to_integer != half


@forced
def _sine_of_quarters(x: float, quarters: float) -> float:
    """sin(x + ½π quarters), from sine and cosine on |r| ≤ ¼π, where x = ½π n + r."""
    c, s = constants(x), special(x)
    x = clamped(x, -s.angle, s.angle) + (x - x)  # NaN for infinity
    n = fma(x, s.two_over_pi, s.to_integer) - s.to_integer
    # The first difference is exact; r is the rest, `lost` its rounding error.
    first = fma(-n, s.half_pi[0], x)
    product = n * s.half_pi[1]
    difference = first - product
    back = difference - first
    rest = (first - (difference - back)) - (product + back) - fma(n, s.half_pi[1], -product) - n * s.half_pi[2]
    r = difference + rest
    lost = difference - r + rest

    square = r * r
    sine = r + fma(square * r, polynomial(square, s.sin), fma(-c.half * square, lost, lost))
    half = c.half * square
    near = c.one - half
    cosine = near + (((c.one - near) - half) + fma(square * square, polynomial(square, s.cos), -r * lost))

    n += quarters
    odd = _is_odd(n)
    value = cosine if odd else sine
    return -value if _is_odd(c.half * (n - c.one if odd else n)) else value


@forced
def sin(x: float) -> float:
    """sin x; constant beyond ±2⁴⁸ (float32: ±2¹⁹), where floats are far apart; NaN for infinity."""
    return _sine_of_quarters(x, constants(x).zero)


@forced
def cos(x: float) -> float:
    """cos x, with the bounds of `sin`."""
    return _sine_of_quarters(x, constants(x).one)
