"""F2 and B1: softmax and log softmax, activations of whole rows, whose derivative is a Jacobian."""

from fnn.activations.kernels.lift import rowwise
from fnn.compiler.inline import inline
from fnn.compiler.intrinsics import Floats, fma, like
from fnn.numerics.elementary import exp, log


@inline
def greatest(z: Floats, units: int) -> float:
    """max z; NaN is ignored here, and propagates through the sum of exponentials."""
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
    """a_j = e^(z_j − max z) / Σ_k e^(z_k − max z), which doesn't overflow."""
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


@inline
def softmax_r_deltas(z: Floats, a: Floats, dE_da: Floats, r_a: Floats, r_delta: Floats, units: int) -> None:
    """The second term of R4, from R{a}:  R{a_i} (g_i − Σ_j g_j a_j) − a_i Σ_j g_j R{a_j}."""
    inner = r_inner = like(a, 0.0)
    for j in range(units):
        inner = fma(dE_da[j], a[j], inner)
        r_inner = fma(dE_da[j], r_a[j], r_inner)
    for i in range(units):
        r_delta[i] += fma(r_a[i], dE_da[i] - inner, -a[i] * r_inner)


SOFTMAX = rowwise("softmax", softmax, softmax_deltas, softmax_deltas, softmax_r_deltas)  # the Jacobian is symmetric


@inline
def log_softmax(z: Floats, a: Floats, units: int) -> None:
    """a_j = (z_j − max z) − log Σ_k e^(z_k − max z)."""
    top = greatest(z, units)
    log_sum = log(sum_of_exp(z, top, units))
    for j in range(units):
        a[j] = (z[j] - top) - log_sum


@inline
def log_softmax_deltas(z: Floats, a: Floats, dE_da: Floats, delta: Floats, units: int) -> None:
    """B1 with the whole Jacobian ∂a_j/∂z_i = 𝟙[i=j] − e^a_i:  δ_i = g_i − e^a_i Σ_j g_j."""
    total = like(a, 0.0)
    for j in range(units):
        total += dE_da[j]
    for i in range(units):
        delta[i] = fma(-exp(a[i]), total, dE_da[i])


@inline
def log_softmax_push(z: Floats, a: Floats, r_z: Floats, r_a: Floats, units: int) -> None:
    """R2 with that Jacobian:  R{a_j} = R{z_j} − Σ_i e^a_i R{z_i}."""
    mean = like(a, 0.0)
    for i in range(units):
        mean = fma(exp(a[i]), r_z[i], mean)
    for j in range(units):
        r_a[j] = r_z[j] - mean


@inline
def log_softmax_r_deltas(z: Floats, a: Floats, dE_da: Floats, r_a: Floats, r_delta: Floats, units: int) -> None:
    """The second term of R4, from R{a}:  −e^a_i R{a_i} Σ_j g_j."""
    total = like(a, 0.0)
    for j in range(units):
        total += dE_da[j]
    for i in range(units):
        r_delta[i] = fma(-exp(a[i]) * r_a[i], total, r_delta[i])


LOG_SOFTMAX = rowwise("log_softmax", log_softmax, log_softmax_deltas, log_softmax_push, log_softmax_r_deltas)
