"""F2 and F3: the activations and their derivatives.

To add one: its f(z) and f′(z, a) as scalars, where a = f(z), without a branch or a call, so that LLVM vectorises the
loop over them, and a line that makes their kernels.
"""

from fnn.kernels.functions import elementwise, rowwise
from fnn.kernels.intrinsics import Floats, fma, like
from fnn.kernels.options import inline
from fnn.kernels.vecmath import exp, sigmoid, tanh


@inline
def identity(z: float) -> float:
    return z


@inline
def identity_prime(z: float, a: float) -> float:
    return like(z, 1.0)


IDENTITY = elementwise("identity", identity, identity_prime)


@inline
def sigmoid_prime(z: float, a: float) -> float:
    """F3: σ′(z) = σ(z)(1 − σ(z))."""
    return a * (like(a, 1.0) - a)


SIGMOID = elementwise("sigmoid", sigmoid, sigmoid_prime)


@inline
def tanh_prime(z: float, a: float) -> float:
    """tanh′(z) = 1 − tanh²(z)."""
    return (like(a, 1.0) - a) * (like(a, 1.0) + a)


TANH = elementwise("tanh", tanh, tanh_prime)


@inline
def relu(z: float) -> float:
    """max(0, z), written so that NaN stays NaN."""
    return like(z, 0.0) if z < 0 else z


@inline
def relu_prime(z: float, a: float) -> float:
    """1 where z > 0, else 0; at the kink, 0."""
    return like(a, 1.0) if a > 0 else like(a, 0.0)


RELU = elementwise("relu", relu, relu_prime)


@inline
def greatest(z: Floats, units: int) -> float:
    """max z; a NaN that it misses comes back through the sum of exponentials."""
    top = z[0]
    for j in range(1, units):
        top = z[j] if z[j] > top else top
    return top


@inline
def sum_of_exp(z: Floats, top: float, units: int) -> float:
    """Σ_j e^(z_j − top), in the order of j."""
    total = like(z, 0.0)
    for j in range(units):
        total += exp(z[j] - top)
    return total


@inline
def softmax(z: Floats, a: Floats, units: int) -> None:
    """a_j = e^(z_j − max z) / Σ_k e^(z_k − max z), which can't overflow."""
    top = greatest(z, units)
    total = like(z, 0.0)
    for j in range(units):
        a[j] = exp(z[j] - top)
    for j in range(units):
        total += a[j]
    for j in range(units):
        a[j] /= total


@inline
def softmax_deltas(z: Floats, a: Floats, dE_da: Floats, delta: Floats, units: int) -> None:
    """B1 with softmax's whole Jacobian ∂a_j/∂z_i = a_j(𝟙[i=j] − a_i):  δ_i = a_i (g_i − Σ_j g_j a_j)."""
    inner = like(a, 0.0)
    for j in range(units):
        inner = fma(dE_da[j], a[j], inner)
    for i in range(units):
        delta[i] = a[i] * (dE_da[i] - inner)


SOFTMAX = rowwise("softmax", softmax, softmax_deltas)
