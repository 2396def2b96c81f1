"""The losses that are worked out from z, a case at a time, because E and δ would lose their digits in a.

Each gives δ too, for all output activations that it admits, and ∂E/∂a, which may be infinite, for looking only.
"""

import numpy as np

from fnn.kernels.functions import CODE_OF_EXP, CODE_OF_LOG_SOFTMAX, CODE_OF_SIGMOID
from fnn.kernels.intrinsics import Floats, fma, like
from fnn.kernels.losses import casewise
from fnn.kernels.options import inline
from fnn.kernels.softmax import greatest, sum_of_exp
from fnn.kernels.vecmath import exp, log, log1p, sigmoid


@casewise
def cross_entropy(
    p: Floats, code: int, z: Floats, a: Floats, y: Floats, share: float, dE_da: Floats, delta: Floats, units: int
) -> float:
    """With targets y′, which are y unless labels are smoothed: y′ = (1 − ε)y + ε/n, for a sigmoid (1 − ε)y + ½ε."""
    smoothing = p[0]
    keep = like(a, 1.0 - smoothing)
    if code == CODE_OF_SIGMOID:
        return sigmoid_cross_entropy(z, a, y, keep, like(a, 0.5 * smoothing), share, dE_da, delta, units)
    spread = like(a, smoothing / np.float64(units))
    return softmax_cross_entropy(code, z, a, y, keep, spread, share, dE_da, delta, units)


@inline
def softmax_cross_entropy(
    code: int, z: Floats, a: Floats, y: Floats, keep: float, spread: float, share: float, dE_da: Floats,
    delta: Floats, units: int,
) -> float:  # fmt: skip
    """E = −Σ_d y_d log p_d = Σ_d y_d (log Σ_k e^(z_k) − z_d), p = softmax(z);  as Σ_d y_d = 1, δ_d = p_d − y_d."""
    top = greatest(z, units)
    log_sum = log(sum_of_exp(z, top, units))
    zero = like(a, 0.0)
    error = 0.0
    for d in range(units):
        target = fma(y[d], keep, spread)
        if target != zero:  # 0 · ∞ counts as 0
            error += np.float64(target) * (np.float64(log_sum) - (np.float64(z[d]) - np.float64(top)))
        divergence_slopes(code, a, target, share, dE_da, delta, d)
    return error


@inline
def divergence_slopes(
    code: int, a: Floats, target: float, share: float, dE_da: Floats, delta: Floats, d: int
) -> None:  # fmt: skip
    """With softmax ∂E/∂a_d = −y_d/a_d and δ_d = a_d − y_d; with log_softmax −y_d and e^(a_d) − y_d."""
    if code == CODE_OF_LOG_SOFTMAX:
        dE_da[d] = -share * target
        delta[d] = share * (exp(a[d]) - target)
    else:
        dE_da[d] = -share * target / a[d] if target != 0 else like(a, 0.0)
        delta[d] = share * (a[d] - target)


@inline
def sigmoid_cross_entropy(
    z: Floats, a: Floats, y: Floats, keep: float, spread: float, share: float, dE_da: Floats, delta: Floats, units: int
) -> float:
    """E = −Σ_d [y_d log a_d + (1 − y_d) log(1 − a_d)] = Σ_d [max(z_d, 0) − y_d z_d + log(1 + e^(−|z_d|))],
    ∂E/∂a_d = (a_d − y_d) / (a_d (1 − a_d)),  δ_d = a_d − y_d.
    """
    zero, one = like(a, 0.0), like(a, 1.0)
    error = 0.0
    for d in range(units):
        target = fma(y[d], keep, spread)
        positive = z[d] if z[d] > zero else zero
        error += np.float64(positive) - np.float64(target) * np.float64(z[d]) + np.float64(log1p(exp(-abs(z[d]))))
        difference = share * (a[d] - target)
        dE_da[d] = difference / (a[d] * (one - a[d])) if difference != zero else zero
        delta[d] = difference
    return error


@inline
def log_sum_of_exp(z: Floats, units: int) -> tuple[float, float]:
    """max z, and log Σ_k e^(z_k − max z), in float64: log softmax(z)_d = (z_d − max z) − that."""
    top = np.float64(greatest(z, units))
    total = 0.0
    for d in range(units):
        total += exp(np.float64(z[d]) - top)
    return top, log(total)


@casewise
def kl_divergence(
    p: Floats, code: int, z: Floats, a: Floats, y: Floats, share: float, dE_da: Floats, delta: Floats, units: int
) -> float:
    """E = Σ_d y_d (log y_d − log p_d), p = softmax(z);  as Σ_d y_d = 1, δ_d = p_d − y_d."""
    top, log_sum = log_sum_of_exp(z, units)
    error = 0.0
    for d in range(units):
        target = np.float64(y[d])
        if target != 0:  # 0 · log 0 counts as 0
            error += target * (log(target) - (np.float64(z[d]) - top - log_sum))
        divergence_slopes(code, a, y[d], share, dE_da, delta, d)
    return error


@inline
def power(base_log: float, exponent: float) -> float:
    """The power of a base given by its logarithm; 0⁰ = 1."""
    return exp(exponent * base_log) if exponent != 0 else 1.0


@casewise
def focal(
    p: Floats, code: int, z: Floats, a: Floats, y: Floats, share: float, dE_da: Floats, delta: Floats, units: int
) -> float:
    """Cross-entropy in which each term is multiplied by (1 − the probability of what was the case)^γ."""
    if code == CODE_OF_SIGMOID:
        return sigmoid_focal(p[0], z, a, y, share, dE_da, delta, units)
    return softmax_focal(p[0], z, a, y, share, dE_da, delta, units)


@inline
def softmax_focal(
    gamma: float, z: Floats, a: Floats, y: Floats, share: float, dE_da: Floats, delta: Floats, units: int
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
        dE_da[d] = like(a, np.float64(share) * h / p_d if h != 0 else 0.0)
        delta[d] = like(a, np.float64(share) * h)
    for d in range(units):
        delta[d] -= like(a, np.float64(share) * np.float64(a[d]) * total)
    return error


@inline
def sigmoid_focal(
    gamma: float, z: Floats, a: Floats, y: Floats, share: float, dE_da: Floats, delta: Floats, units: int
) -> float:
    """E = −Σ_d [y_d b_d^γ log a_d + (1 − y_d) a_d^γ log b_d],  b = 1 − a,
    δ_d = y_d b_d^γ (γ a_d log a_d − b_d) − (1 − y_d) a_d^γ (γ b_d log b_d − a_d) = a_d b_d ∂E/∂a_d.
    """
    error = 0.0
    for d in range(units):
        x, target = np.float64(z[d]), np.float64(y[d])
        rest = log1p(exp(-abs(x)))
        log_a, log_b = -rest if x > 0 else x - rest, -x - rest if x > 0 else -rest
        a_d, b_d = exp(log_a), exp(log_b)
        yes, no = target * power(log_b, gamma), (1.0 - target) * power(log_a, gamma)
        error -= yes * log_a + no * log_b
        slope = yes * (gamma * a_d * log_a - b_d) - no * (gamma * b_d * log_b - a_d)
        dE_da[d] = like(a, np.float64(share) * slope / (a_d * b_d) if slope != 0 else 0.0)
        delta[d] = like(a, np.float64(share) * slope)
    return error


@inline
def mean_of(code: int, z: float) -> tuple[float, float, float]:
    """A, log a and f′(z)/a of an output that is a mean above 0, eᶻ or log(1 + eᶻ), which for z ≪ 0 is eᶻ."""
    if code == CODE_OF_EXP:
        return exp(z), z, 1.0
    if z < -40.0:
        return exp(z), z, 1.0
    a = (z if z > 0 else 0.0) + log1p(exp(-abs(z)))
    return a, log(a), sigmoid(z) / a


@casewise
def poisson(
    p: Floats, code: int, z: Floats, a: Floats, y: Floats, share: float, dE_da: Floats, delta: Floats, units: int
) -> float:
    """E = Σ_d y_d log(y_d/a_d) − y_d + a_d,  ∂E/∂a_d = 1 − y_d/a_d;  δ_d = (a_d − y_d) f′/a_d, with exp a_d − y_d."""
    error = 0.0
    for d in range(units):
        mean, log_mean, ratio = mean_of(code, np.float64(z[d]))
        target = np.float64(y[d])
        excess, slope = mean - target, 1.0
        error += excess
        if target != 0:  # 0 · log 0 counts as 0
            error += target * (log(target) - log_mean)
            slope = 1.0 - target / mean
        dE_da[d] = like(a, np.float64(share) * slope)
        delta[d] = like(a, np.float64(share) * excess * ratio)
    return error


@casewise
def gamma(
    p: Floats, code: int, z: Floats, a: Floats, y: Floats, share: float, dE_da: Floats, delta: Floats, units: int
) -> float:
    """E = Σ_d log(a_d/y_d) + y_d/a_d − 1,  ∂E/∂a_d = (1 − y_d/a_d)/a_d;  δ_d = (1 − y_d/a_d) f′/a_d."""
    error = 0.0
    for d in range(units):
        mean, log_mean, ratio = mean_of(code, np.float64(z[d]))
        target = np.float64(y[d])
        quotient = target * exp(-log_mean)
        error += log_mean - log(target) + quotient - 1.0
        dE_da[d] = like(a, np.float64(share) * (1.0 - quotient) / mean)
        delta[d] = like(a, np.float64(share) * (1.0 - quotient) * ratio)
    return error
