"""F2 and F3: piecewise linear activations, and softsign. At a kink f′ is the smaller of its two one-sided values.

Each is f(z), f′(z, a) and f″(z, a), where a = f(z): scalar functions without branches or calls, so that LLVM
vectorises the loops over them. NaN stays NaN.
"""

from typing import Final

from fnn.activations.kernels.lift import elementwise, parametric
from fnn.compiler.inline import inline
from fnn.compiler.intrinsics import like
from fnn.numerics.special import clamped


@inline
def zero_second(z: float, a: float) -> float:
    """f″ = 0 between the kinks."""
    return like(z, 0.0)


@inline
def zero_second_with_parameter(z: float, a: float, parameter: float) -> float:
    """f″ = 0 between the kinks, of a function with a parameter."""
    return like(z, 0.0)


@inline
def identity(z: float) -> float:
    return z


@inline
def identity_prime(z: float, a: float) -> float:
    return like(z, 1.0)


IDENTITY = elementwise("identity", identity, identity_prime, zero_second)


@inline
def relu(z: float) -> float:
    """max(0, z)."""
    return like(z, 0.0) if z < 0 else z


@inline
def relu_prime(z: float, a: float) -> float:
    """1 where z > 0, else 0."""
    return like(a, 1.0) if a > 0 else like(a, 0.0)


RELU = elementwise("relu", relu, relu_prime, zero_second)


@inline
def leaky_relu(z: float, slope: float) -> float:
    """z where z > 0, else slope z."""
    return slope * z if z < 0 else z


@inline
def leaky_relu_prime(z: float, a: float, slope: float) -> float:
    """1 where z > 0, else slope."""
    return like(z, 1.0) if z > 0 else slope


LEAKY_RELU = parametric("leaky_relu", leaky_relu, leaky_relu_prime, zero_second_with_parameter)


@inline
def relu6(z: float) -> float:
    """min(max(0, z), 6)."""
    return clamped(z, like(z, 0.0), like(z, 6.0))


@inline
def relu6_prime(z: float, a: float) -> float:
    """1 where 0 < z < 6, else 0."""
    return like(z, 1.0) if (z > 0) & (z < 6) else like(z, 0.0)


RELU6 = elementwise("relu6", relu6, relu6_prime, zero_second)


@inline
def hard_tanh(z: float) -> float:
    """min(max(−1, z), 1)."""
    return clamped(z, like(z, -1.0), like(z, 1.0))


@inline
def hard_tanh_prime(z: float, a: float) -> float:
    """1 where |z| < 1, else 0."""
    return like(z, 1.0) if abs(z) < 1 else like(z, 0.0)


HARD_TANH = elementwise("hard_tanh", hard_tanh, hard_tanh_prime, zero_second)


@inline
def hard_sigmoid(z: float) -> float:
    """min(max(0, z/6 + ½), 1)."""
    return clamped((z + like(z, 3.0)) / like(z, 6.0), like(z, 0.0), like(z, 1.0))


@inline
def hard_sigmoid_prime(z: float, a: float) -> float:
    """1/6 where |z| < 3, else 0."""
    return like(z, 1.0 / 6.0) if abs(z) < 3 else like(z, 0.0)


HARD_SIGMOID = elementwise("hard_sigmoid", hard_sigmoid, hard_sigmoid_prime, zero_second)

_FAR: Final = 2.0**60  # 1 + _FAR == _FAR


@inline
def softsign(z: float) -> float:
    """z/(1 + |z|)."""
    near = clamped(z, like(z, -_FAR), like(z, _FAR))
    return near / (like(z, 1.0) + abs(near))


@inline
def softsign_prime(z: float, a: float) -> float:
    """1/(1 + |z|)²."""
    inverse = like(z, 1.0) / (like(z, 1.0) + abs(z))
    return inverse * inverse


@inline
def softsign_second(z: float, a: float) -> float:
    """−2 sgn(z)/(1 + |z|)³; 0 at its jump at 0."""
    inverse = like(z, 1.0) / (like(z, 1.0) + abs(z))
    sign = like(z, 0.0) if z == 0 else (like(z, -2.0) if z > 0 else like(z, 2.0))
    return sign * inverse * inverse * inverse


SOFTSIGN = elementwise("softsign", softsign, softsign_prime, softsign_second)
