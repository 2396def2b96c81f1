"""F2 and F3: sigmoid, tanh, exp, sin and the Gaussian.

Each is f(z), f′(z, a) and f″(z, a), where a = f(z): scalar functions without branches or calls, so that LLVM
vectorises the loops over them. NaN stays NaN.
"""

from fnn.activations.kernels.lift import elementwise
from fnn.compiler.inline import forced, inline
from fnn.compiler.intrinsics import fma, like
from fnn.numerics.elementary import exp, sigmoid, tanh
from fnn.numerics.special import clamped_to_bell, cos, sin, times_exp_of_square


@inline
def sigmoid_prime(z: float, a: float) -> float:
    """F3: σ′(z) = σ(z)(1 − σ(z))."""
    return a * (like(a, 1.0) - a)


@inline
def sigmoid_second(z: float, a: float) -> float:
    """σ″ = σ(1 − σ)(1 − 2σ)."""
    one = like(a, 1.0)
    return a * (one - a) * ((one - a) - a)


SIGMOID = elementwise("sigmoid", sigmoid, sigmoid_prime, sigmoid_second)


@inline
def tanh_prime(z: float, a: float) -> float:
    """tanh′(z) = 1 − tanh²(z)."""
    return (like(a, 1.0) - a) * (like(a, 1.0) + a)


@inline
def tanh_second(z: float, a: float) -> float:
    """tanh″ = −2 tanh (1 − tanh²)."""
    return like(a, -2.0) * a * tanh_prime(z, a)


TANH = elementwise("tanh", tanh, tanh_prime, tanh_second)


@inline
def exp_prime(z: float, a: float) -> float:
    """e^z; f″, too."""
    return a


EXP = elementwise("exp", exp, exp_prime, exp_prime)


@forced
def sin_prime(z: float, a: float) -> float:
    """cos z."""
    return cos(z)


@inline
def sin_second(z: float, a: float) -> float:
    """−sin z."""
    return -a


SIN = elementwise("sin", sin, sin_prime, sin_second)


@forced
def gaussian(z: float) -> float:
    """e^−z²."""
    return times_exp_of_square(like(z, 1.0), clamped_to_bell(z), like(z, -1.0))


@inline
def gaussian_prime(z: float, a: float) -> float:
    """−2z e^−z²."""
    return like(z, -2.0) * clamped_to_bell(z) * a


@inline
def gaussian_second(z: float, a: float) -> float:
    """(4z² − 2) e^−z²."""
    near = clamped_to_bell(z)
    return fma(like(z, 4.0) * near, near, like(z, -2.0)) * a


GAUSSIAN = elementwise("gaussian", gaussian, gaussian_prime, gaussian_second)
