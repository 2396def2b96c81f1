"""Focal loss, computed from z: cross-entropy whose terms are multiplied by (1 − p)^γ, p the target's probability."""

import numpy as np

from fnn.activations.kernels.dispatch import CODE_OF_SIGMOID
from fnn.compiler.inline import inline
from fnn.compiler.intrinsics import Floats, like
from fnn.losses.kernels.casewise import log_sum_of_exp
from fnn.losses.kernels.dispatch import casewise
from fnn.losses.kernels.second_derivatives import second_of
from fnn.numerics.elementary import exp, log, log1p


@inline
def power(base_log: float, exponent: float) -> float:
    """base^exponent, given log base; 0⁰ = 1."""
    return exp(exponent * base_log) if exponent != 0 else 1.0


@inline
def log_sigmoids(z: float) -> tuple[float, float]:
    """log σ(z) and log σ(−z)."""
    rest = log1p(exp(-abs(z)))
    return -rest if z > 0 else z - rest, -z - rest if z > 0 else -rest


@casewise
def focal(
    p: Floats, code: int, z: Floats, a: Floats, y: Floats, case_weight: float, dE_da: Floats, delta: Floats, units: int
) -> float:
    """E and δ by output activation."""
    if code == CODE_OF_SIGMOID:
        return sigmoid_focal(p[0], z, a, y, case_weight, dE_da, delta, units)
    return softmax_focal(p[0], z, a, y, case_weight, dE_da, delta, units)


@inline
def softmax_focal(
    gamma: float, z: Floats, a: Floats, y: Floats, case_weight: float, dE_da: Floats, delta: Floats, units: int
) -> float:
    """E = −Σ_d y_d q_d^γ log a_d,  q = 1 − a;  h_d = a_d ∂E/∂a_d = y_d q_d^γ (γ a_d (log a_d)/q_d − 1),
    δ_d = h_d − a_d Σ_k h_k.
    """
    top, log_sum = log_sum_of_exp(z, units)
    error = total = 0.0
    for d in range(units):
        log_a = np.float64(z[d]) - top - log_sum
        p_d = exp(log_a)
        q = 1.0 - p_d
        weight = np.float64(y[d]) * power(log(q), gamma)
        ratio = log_a / q if q > 0 else -1.0  # (log a)/(1 − a) → −1 as a → 1
        h = weight * (gamma * p_d * ratio - 1.0) if weight != 0 else 0.0
        if weight != 0:
            error -= weight * log_a
        total += h
        dE_da[d] = like(a, np.float64(case_weight) * h / p_d if h != 0 else 0.0)
        delta[d] = like(a, np.float64(case_weight) * h)
    for d in range(units):
        delta[d] -= like(a, np.float64(case_weight) * np.float64(a[d]) * total)
    return error


@inline
def sigmoid_focal(
    gamma: float, z: Floats, a: Floats, y: Floats, case_weight: float, dE_da: Floats, delta: Floats, units: int
) -> float:
    """E = −Σ_d [y_d b_d^γ log a_d + (1 − y_d) a_d^γ log b_d],  b = 1 − a,
    δ_d = y_d b_d^γ (γ a_d log a_d − b_d) − (1 − y_d) a_d^γ (γ b_d log b_d − a_d) = a_d b_d ∂E/∂a_d.
    """
    error = 0.0
    for d in range(units):
        target = np.float64(y[d])
        log_a, log_b = log_sigmoids(np.float64(z[d]))
        a_d, b_d = exp(log_a), exp(log_b)
        yes, no = target * power(log_b, gamma), (1.0 - target) * power(log_a, gamma)
        error -= yes * log_a + no * log_b
        slope = yes * (gamma * a_d * log_a - b_d) - no * (gamma * b_d * log_b - a_d)
        dE_da[d] = like(a, np.float64(case_weight) * slope / (a_d * b_d) if slope != 0 else 0.0)
        delta[d] = like(a, np.float64(case_weight) * slope)
    return error


@second_of(focal)
def focal_second(
    p: Floats, code: int, z: Floats, a: Floats, y: Floats, case_weight: float, r_z: Floats, r_a: Floats,
    r_delta: Floats, units: int,
) -> None:  # fmt: skip
    """R{δ} by output activation."""
    if code == CODE_OF_SIGMOID:
        sigmoid_focal_second(p[0], z, y, case_weight, r_z, r_delta, units)
    else:
        softmax_focal_second(p[0], z, y, case_weight, r_z, r_delta, units)


@inline
def softmax_focal_second(
    gamma: float, z: Floats, y: Floats, case_weight: float, r_z: Floats, r_delta: Floats, units: int
) -> None:
    """R{δ_d} = R{h_d} − R{a_d} Σ_k h_k − a_d Σ_k R{h_k};  R{a_d} = a_d (R{z_d} − Σ_k a_k R{z_k}) and
    R{h_d} = y_d γ q_d^(γ−1) (2 + log a_d − (γ − 1) a_d (log a_d)/q_d) R{a_d}.
    """
    top, log_sum = log_sum_of_exp(z, units)
    mean = 0.0
    for d in range(units):
        mean += exp(np.float64(z[d]) - top - log_sum) * np.float64(r_z[d])
    total = r_total = 0.0
    for d in range(units):
        h, r_h, _, _ = softmax_focal_term(gamma, np.float64(z[d]) - top - log_sum, np.float64(y[d]), r_z[d] - mean)
        total += h
        r_total += r_h
    for d in range(units):
        _, r_h, p_d, r_p = softmax_focal_term(gamma, np.float64(z[d]) - top - log_sum, np.float64(y[d]), r_z[d] - mean)
        r_delta[d] = like(z, np.float64(case_weight) * (r_h - r_p * total - p_d * r_total))


@inline
def softmax_focal_term(gamma: float, log_a: float, y: float, r_log_a: float) -> tuple[float, float, float, float]:
    """h, R{h}, a and R{a} of one unit."""
    a = exp(log_a)
    q, r_a = 1.0 - a, a * r_log_a
    if y == 0:  # 0 · ∞ counts as 0
        return 0.0, 0.0, a, r_a
    ratio = log_a / q if q > 0 else -1.0  # (log a)/(1 − a) → −1 as a → 1
    h = y * power(log(q), gamma) * (gamma * a * ratio - 1.0)
    if gamma == 0:
        return h, 0.0, a, r_a
    slope = gamma * power(log(q), gamma - 1.0) * (2.0 + log_a - (gamma - 1.0) * a * ratio)
    return h, y * slope * r_a if r_a != 0 else 0.0, a, r_a


@inline
def sigmoid_focal_second(
    gamma: float, z: Floats, y: Floats, case_weight: float, r_z: Floats, r_delta: Floats, units: int
) -> None:
    """R{δ_d} = {y_d b^γ [ab(γ(1 + log a) + 1) − γa(γ a log a − b)] + (1 − y_d) a^γ [.. a, b swapped ..]} R{z_d}."""
    for d in range(units):
        target = np.float64(y[d])
        log_a, log_b = log_sigmoids(np.float64(z[d]))
        slope = target * power(log_b, gamma) * sigmoid_focal_slope(gamma, log_a, log_b)
        slope += (1.0 - target) * power(log_a, gamma) * sigmoid_focal_slope(gamma, log_b, log_a)
        r_delta[d] = like(z, np.float64(case_weight) * slope * np.float64(r_z[d]))


@inline
def sigmoid_focal_slope(gamma: float, log_a: float, log_b: float) -> float:
    """ab(γ(1 + log a) + 1) − γa(γ a log a − b)."""
    a, b = exp(log_a), exp(log_b)
    return a * (b * (gamma * (2.0 + log_a) + 1.0) - gamma * gamma * a * log_a)
