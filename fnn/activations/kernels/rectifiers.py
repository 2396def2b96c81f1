"""F2 and F3: smooth relatives of relu, from elu to mish.

Each is f(z), f′(z, a) and f″(z, a), where a = f(z): scalar functions without branches or calls, so that LLVM
vectorises the loops over them. NaN stays NaN. Infinity gives the limit: z is clamped where the formula would have ∞ · 0
or ∞ − ∞, to a bound beyond which the other factor is 0 or 1 in float64 and in float32.
"""

from typing import Final

from fnn.activations.kernels.lift import elementwise, parametric
from fnn.compiler.inline import forced, inline
from fnn.compiler.intrinsics import fma, like
from fnn.numerics.elementary import exp, log1p
from fnn.numerics.special import clamped, expm1_of_negative, normal_cdf, normal_density

_FAR: Final = 800.0  # e^−z is 0
_GELU_FAR: Final = 40.0  # Φ(−z) is 0
_CUBIC_FAR: Final = 30.0  # e^−z³ is 0
_MISH_FAR: Final = 22.0  # 1 + z e^−2z is 1
_SELU_SCALE: Final = 1.0507009873554804934193349852946  # λ
_SELU_ALPHA: Final = 1.6732632423543772848170429916717  # α
_TWO_ROOTS: Final = 1.5957691216057307117597842397375  # 2√(2/π)
_CUBIC: Final = 0.044715
# 2√(2/π) and 2√(2/π) · 0.044715, each as a float32 and the remainder.
_LINEAR_TERM: Final = 1.5957691669464111, -4.534068042105272e-08
_CUBIC_TERM: Final = 0.07135481387376785, 2.3988323959931355e-09


@inline
def within(z: float, far: float) -> float:
    """z clamped to ±far."""
    return clamped(z, like(z, -far), like(z, far))


@inline
def above(z: float, low: float) -> float:
    """max(z, low)."""
    return like(z, low) if z < low else z


@inline
def below_zero(z: float) -> float:
    """min(z, 0)."""
    return like(z, 0.0) if z > 0 else z


@forced
def sigmoids(z: float) -> tuple[float, float]:
    """σ(z) and σ(−z), which is 1 − σ(z) without its cancellation."""
    e = exp(-abs(z))
    near = like(z, 1.0) / (like(z, 1.0) + e)
    far = e * near
    return (near, far) if z >= 0 else (far, near)


@forced
def elu(z: float, alpha: float) -> float:
    """z where z > 0, else α(e^z − 1)."""
    return z if z > 0 else alpha * expm1_of_negative(z)


@forced
def elu_prime(z: float, a: float, alpha: float) -> float:
    """1 where z > 0, else α e^z, which a + α equals but for its cancellation."""
    return like(z, 1.0) if z > 0 else alpha * exp(below_zero(z))


@forced
def elu_second(z: float, a: float, alpha: float) -> float:
    """0 where z > 0, else α e^z."""
    return like(z, 0.0) if z > 0 else alpha * exp(below_zero(z))


ELU = parametric("elu", elu, elu_prime, elu_second)


@forced
def selu(z: float) -> float:
    """λ z where z > 0, else λα(e^z − 1)."""
    return like(z, _SELU_SCALE) * z if z > 0 else like(z, _SELU_SCALE * _SELU_ALPHA) * expm1_of_negative(z)


@forced
def selu_prime(z: float, a: float) -> float:
    """λ where z > 0, else λα e^z."""
    return like(z, _SELU_SCALE) if z > 0 else like(z, _SELU_SCALE * _SELU_ALPHA) * exp(below_zero(z))


@forced
def selu_second(z: float, a: float) -> float:
    """0 where z > 0, else λα e^z."""
    return like(z, 0.0) if z > 0 else like(z, _SELU_SCALE * _SELU_ALPHA) * exp(below_zero(z))


SELU = elementwise("selu", selu, selu_prime, selu_second)


@forced
def gelu(z: float) -> float:
    """z Φ(z)."""
    return above(z, -_GELU_FAR) * normal_cdf(z)


@forced
def gelu_prime(z: float, a: float) -> float:
    """Φ(z) + z φ(z)."""
    return fma(within(z, _GELU_FAR), normal_density(z), normal_cdf(z))


@forced
def gelu_second(z: float, a: float) -> float:
    """φ(z)(2 − z²)."""
    near = within(z, _GELU_FAR)
    return normal_density(z) * fma(-near, near, like(z, 2.0))


GELU = elementwise("gelu", gelu, gelu_prime, gelu_second)


@forced
def cubic(z: float) -> tuple[float, float]:
    """u = 2√(2/π)(z + 0.044715 z³) and its rounding error, which e^u would magnify |u|-fold."""
    linear, cubed = like(z, _LINEAR_TERM[0]), like(z, _CUBIC_TERM[0])
    square = z * z
    product = cubed * square
    first = linear + product
    back = first - linear
    lost = (linear - (first - back)) + (product - back) + fma(cubed, square, -product)
    lost += fma(cubed, fma(z, z, -square), fma(like(z, _CUBIC_TERM[1]), square, like(z, _LINEAR_TERM[1])))
    u = z * first
    lost = fma(z, lost, fma(z, first, -u))
    return u + lost, lost - ((u + lost) - u)


@forced
def sigmoids_of_cubic(z: float) -> tuple[float, float]:
    """σ(u) and σ(−u)."""
    u, lost = cubic(z)
    s, r = sigmoids(u)
    return fma(s * r, lost, s), fma(-s * r, lost, r)


@inline
def cubic_prime(z: float) -> float:
    return like(z, _TWO_ROOTS) * fma(like(z, 3 * _CUBIC) * z, z, like(z, 1.0))


@forced
def gelu_tanh(z: float) -> float:
    """½z(1 + tanh ½u) = z σ(u) with u = 2√(2/π)(z + 0.044715 z³)."""
    return above(z, -_CUBIC_FAR) * sigmoids_of_cubic(within(z, _CUBIC_FAR))[0]


@forced
def gelu_tanh_prime(z: float, a: float) -> float:
    """σ(u) + z u′ σ(u)σ(−u)."""
    near = within(z, _CUBIC_FAR)
    s, r = sigmoids_of_cubic(near)
    return fma(near * cubic_prime(near), s * r, s)


@forced
def gelu_tanh_second(z: float, a: float) -> float:
    """σ(u)σ(−u) (2u′ + z u″ + z u′² (σ(−u) − σ(u)))."""
    near = within(z, _CUBIC_FAR)
    s, r = sigmoids_of_cubic(near)
    slope, curvature = cubic_prime(near), like(z, 6 * _TWO_ROOTS * _CUBIC) * near
    return s * r * (like(z, 2.0) * slope + near * curvature + near * slope * slope * (r - s))


GELU_TANH = elementwise("gelu_tanh", gelu_tanh, gelu_tanh_prime, gelu_tanh_second)


@forced
def silu(z: float) -> float:
    """z σ(z)."""
    return above(z, -_FAR) * sigmoids(z)[0]


@forced
def silu_prime(z: float, a: float) -> float:
    """σ(z) + z σ(z)σ(−z)."""
    s, r = sigmoids(z)
    return fma(within(z, _FAR), s * r, s)


@forced
def silu_second(z: float, a: float) -> float:
    """σ(z)σ(−z) (2 + z(σ(−z) − σ(z)))."""
    s, r = sigmoids(z)
    return s * r * fma(within(z, _FAR), r - s, like(z, 2.0))


SILU = elementwise("silu", silu, silu_prime, silu_second)


@forced
def softplus(z: float) -> float:
    """log(1 + e^z) = max(z, 0) + log(1 + e^−|z|)."""
    return (like(z, 0.0) if z < 0 else z) + log1p(exp(-abs(z)))


@forced
def softplus_prime(z: float, a: float) -> float:
    """σ(z)."""
    return sigmoids(z)[0]


@forced
def softplus_second(z: float, a: float) -> float:
    """σ(z)σ(−z)."""
    s, r = sigmoids(z)
    return s * r


SOFTPLUS = elementwise("softplus", softplus, softplus_prime, softplus_second)


@forced
def mish(z: float) -> float:
    """z tanh(log(1 + e^z)) = z n/(n + 2) with n = e^z(e^z + 2)."""
    e = exp(clamped(z, like(z, -_FAR), like(z, _MISH_FAR)))
    n = e * (e + like(z, 2.0))
    return above(z, -_FAR) * (n / (n + like(z, 2.0)))


@forced
def mish_prime(z: float, a: float) -> float:
    """n/(n + 2) + 4z e^z(e^z + 1)/(n + 2)²."""
    one, two = like(z, 1.0), like(z, 2.0)
    near = clamped(z, like(z, -_FAR), like(z, _MISH_FAR))
    e = exp(near)
    n = e * (e + two)
    inverse = one / (n + two)
    return fma(like(z, 4.0) * near, (e * inverse) * ((e + one) * inverse), n * inverse)


@forced
def mish_second(z: float, a: float) -> float:
    """2t′ + z t″, with t = n/(n + 2), t′ = 4e^z(e^z + 1)/(n + 2)² and t″ = 4e^z(1 + 2e^z)/(n + 2)² − 2t′ n′/(n + 2)."""
    one, two, four = like(z, 1.0), like(z, 2.0), like(z, 4.0)
    near = clamped(z, like(z, -_FAR), like(z, _MISH_FAR))
    e = exp(near)
    inverse = one / fma(e, e + two, two)
    small, slope = e * inverse, (e + one) * inverse
    first = four * small * slope
    second = four * small * inverse * fma(two, e, one) - four * first * (e * slope)
    return fma(near, second, two * first)


MISH = elementwise("mish", mish, mish_prime, mish_second)
