"""F2 and F3: the activations and their derivatives, a block of cases at a time.

To add one: a code, the scalar pair f and f′, and a branch in `activate` and in `multiply_by_prime`. The branches stand
outside the loops, so that each loop is a simple one, which LLVM vectorises. Blocks are processed with their padding.
"""

from fnn.kernels.intrinsics import Floats, fma, like, shift
from fnn.kernels.options import inline
from fnn.kernels.vecmath import exp, sigmoid, tanh

IDENTITY, SIGMOID, TANH, RELU, SOFTMAX = range(5)


@inline
def relu(z: float) -> float:
    """max(0, z), written so that NaN stays NaN."""
    return like(z, 0.0) if z < 0 else z


@inline
def sigmoid_prime(a: float) -> float:
    """F3: σ′(z) = σ(z)(1 − σ(z))."""
    return a * (like(a, 1.0) - a)


@inline
def tanh_prime(a: float) -> float:
    """tanh′(z) = 1 − tanh²(z)."""
    return (like(a, 1.0) - a) * (like(a, 1.0) + a)


@inline
def relu_prime(a: float) -> float:
    """1 where z > 0, else 0; at the kink, 0."""
    return like(a, 1.0) if a > 0 else like(a, 0.0)


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
def softmax_delta(a: Floats, dE_da: Floats, delta: Floats, units: int) -> None:
    """B1 with softmax's whole Jacobian ∂a_j/∂z_i = a_j(𝟙[i=j] − a_i):  δ_i = a_i (g_i − Σ_j g_j a_j)."""
    inner = like(a, 0.0)
    for j in range(units):
        inner = fma(dE_da[j], a[j], inner)
    for i in range(units):
        delta[i] = a[i] * (dE_da[i] - inner)


@inline
def activate(code: int, z: Floats, a: Floats, rows: int, units: int, stride: int) -> None:
    """F2: A = f(Z)."""
    count = rows * stride
    if code == SIGMOID:
        for i in range(count):
            a[i] = sigmoid(z[i])
    elif code == TANH:
        for i in range(count):
            a[i] = tanh(z[i])
    elif code == RELU:
        for i in range(count):
            a[i] = relu(z[i])
    elif code == SOFTMAX:
        for row in range(rows):
            softmax(shift(z, row * stride), shift(a, row * stride), units)
    else:
        for i in range(count):
            a[i] = z[i]


@inline
def multiply_by_prime(
    code: int, z: Floats, a: Floats, dE_da: Floats, delta: Floats, rows: int, units: int, stride: int
) -> None:
    """B1: Δ = ∂E/∂A ⊙ f′(Z), with f′ in terms of A where that is exact."""
    count = rows * stride
    if code == SIGMOID:
        for i in range(count):
            delta[i] = dE_da[i] * sigmoid_prime(a[i])
    elif code == TANH:
        for i in range(count):
            delta[i] = dE_da[i] * tanh_prime(a[i])
    elif code == RELU:
        for i in range(count):
            delta[i] = dE_da[i] * relu_prime(a[i])
    elif code == SOFTMAX:
        for row in range(rows):
            at = row * stride
            softmax_delta(shift(a, at), shift(dE_da, at), shift(delta, at), units)
    else:
        for i in range(count):
            delta[i] = dE_da[i]
