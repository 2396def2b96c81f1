"""Losses computed from z, a case at a time: computed from a, E and δ would suffer cancellation.

Each fills δ, for every output activation that suits it, and ∂E/∂a, which may be infinite and is only reported, by
`backprop`. R3, R{δ} along a direction, stands below each or below its kin.
"""

import numpy as np

from fnn.activations.kernels.dispatch import CODE_OF_EXP, CODE_OF_LOG_SOFTMAX, CODE_OF_SIGMOID
from fnn.activations.kernels.softmax import greatest, sum_of_exp
from fnn.compiler.inline import inline
from fnn.compiler.intrinsics import Floats, fma, like
from fnn.losses.kernels.dispatch import casewise
from fnn.losses.kernels.second_derivatives import second_of
from fnn.numerics.elementary import exp, log, log1p, sigmoid


@casewise
def cross_entropy(
    p: Floats, code: int, z: Floats, a: Floats, y: Floats, case_weight: float, dE_da: Floats, delta: Floats, units: int
) -> float:
    """With targets y′, which are y unless labels are smoothed: y′ = (1 − ε)y + ε/n, for a sigmoid (1 − ε)y + ½ε."""
    smoothing = p[0]
    keep = like(a, 1.0 - smoothing)
    if code == CODE_OF_SIGMOID:
        return sigmoid_cross_entropy(z, a, y, keep, like(a, 0.5 * smoothing), case_weight, dE_da, delta, units)
    spread = like(a, smoothing / np.float64(units))
    return softmax_cross_entropy(code, z, a, y, keep, spread, case_weight, dE_da, delta, units)


@inline
def softmax_cross_entropy(
    code: int, z: Floats, a: Floats, y: Floats, keep: float, spread: float, case_weight: float, dE_da: Floats,
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
        divergence_slopes(code, a, target, case_weight, dE_da, delta, d)
    return error


@inline
def divergence_slopes(
    code: int, a: Floats, target: float, case_weight: float, dE_da: Floats, delta: Floats, d: int
) -> None:  # fmt: skip
    """With softmax ∂E/∂a_d = −y_d/a_d and δ_d = a_d − y_d; with log_softmax −y_d and e^(a_d) − y_d."""
    if code == CODE_OF_LOG_SOFTMAX:
        dE_da[d] = -case_weight * target
        delta[d] = case_weight * (exp(a[d]) - target)
    else:
        dE_da[d] = -case_weight * target / a[d] if target != 0 else like(a, 0.0)
        delta[d] = case_weight * (a[d] - target)


@inline
def sigmoid_cross_entropy(
    z: Floats, a: Floats, y: Floats, keep: float, spread: float, case_weight: float, dE_da: Floats, delta: Floats,
    units: int,
) -> float:  # fmt: skip
    """E = −Σ_d [y_d log a_d + (1 − y_d) log(1 − a_d)] = Σ_d [max(z_d, 0) − y_d z_d + log(1 + e^(−|z_d|))],
    ∂E/∂a_d = (a_d − y_d) / (a_d (1 − a_d)),  δ_d = a_d − y_d.
    """
    zero, one = like(a, 0.0), like(a, 1.0)
    error = 0.0
    for d in range(units):
        target = fma(y[d], keep, spread)
        positive = z[d] if z[d] > zero else zero
        error += np.float64(positive) - np.float64(target) * np.float64(z[d]) + np.float64(log1p(exp(-abs(z[d]))))
        difference = case_weight * (a[d] - target)
        dE_da[d] = difference / (a[d] * (one - a[d])) if difference != zero else zero
        delta[d] = difference
    return error


@inline
def log_sum_of_exp(z: Floats, units: int) -> tuple[float, float]:
    """m = max z and s = log Σ_k e^(z_k − m), in float64, so that log softmax(z)_d = (z_d − m) − s."""
    top = np.float64(greatest(z, units))
    total = 0.0
    for d in range(units):
        total += exp(np.float64(z[d]) - top)
    return top, log(total)


@casewise
def kl_divergence(
    p: Floats, code: int, z: Floats, a: Floats, y: Floats, case_weight: float, dE_da: Floats, delta: Floats, units: int
) -> float:
    """E = Σ_d y_d (log y_d − log p_d), p = softmax(z);  as Σ_d y_d = 1, δ_d = p_d − y_d."""
    top, log_sum = log_sum_of_exp(z, units)
    error = 0.0
    for d in range(units):
        target = np.float64(y[d])
        if target != 0:  # 0 · log 0 counts as 0
            error += target * (log(target) - (np.float64(z[d]) - top - log_sum))
        divergence_slopes(code, a, y[d], case_weight, dE_da, delta, d)
    return error


@second_of(cross_entropy, kl_divergence)
def divergence_second(
    p: Floats, code: int, z: Floats, a: Floats, y: Floats, case_weight: float, r_z: Floats, r_a: Floats,
    r_delta: Floats, units: int,
) -> None:  # fmt: skip
    """δ = a − y, so R{δ} = R{a}; with log_softmax, where δ_d = e^(a_d) − y_d, R{δ_d} = e^(a_d) R{a_d}."""
    for d in range(units):
        r_delta[d] = case_weight * (exp(a[d]) * r_a[d] if code == CODE_OF_LOG_SOFTMAX else r_a[d])


@inline
def mean_of(code: int, z: float) -> tuple[float, float, float]:
    """a, log a and f′(z)/a of an output a that is a positive mean, eᶻ or log(1 + eᶻ), which for z ≪ 0 is eᶻ."""
    if code == CODE_OF_EXP or z < -40.0:
        return exp(z), z, 1.0
    a = (z if z > 0 else 0.0) + log1p(exp(-abs(z)))
    return a, log(a), sigmoid(z) / a


@inline
def second_ratio(code: int, z: float) -> float:
    """f″(z)/a of a positive mean a: 1 for eᶻ, σ(z)σ(−z)/a for log(1 + eᶻ)."""
    if code == CODE_OF_EXP or z < -40.0:
        return 1.0
    return sigmoid(z) * sigmoid(-z) / ((z if z > 0 else 0.0) + log1p(exp(-abs(z))))


@casewise
def poisson(
    p: Floats, code: int, z: Floats, a: Floats, y: Floats, case_weight: float, dE_da: Floats, delta: Floats, units: int
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
        dE_da[d] = like(a, np.float64(case_weight) * slope)
        delta[d] = like(a, np.float64(case_weight) * excess * ratio)
    return error


@second_of(poisson)
def poisson_second(
    p: Floats, code: int, z: Floats, a: Floats, y: Floats, case_weight: float, r_z: Floats, r_a: Floats,
    r_delta: Floats, units: int,
) -> None:  # fmt: skip
    """R{δ_d} = [y_d (f′/a_d)² + (a_d − y_d) f″/a_d] R{z_d}, with exp a_d R{z_d}."""
    for d in range(units):
        mean, _, ratio = mean_of(code, np.float64(z[d]))
        target = np.float64(y[d])
        slope = target * ratio * ratio + (mean - target) * second_ratio(code, np.float64(z[d]))
        r_delta[d] = like(a, np.float64(case_weight) * slope * np.float64(r_z[d]))


@casewise
def gamma(
    p: Floats, code: int, z: Floats, a: Floats, y: Floats, case_weight: float, dE_da: Floats, delta: Floats, units: int
) -> float:
    """E = Σ_d log(a_d/y_d) + y_d/a_d − 1,  ∂E/∂a_d = (1 − y_d/a_d)/a_d;  δ_d = (1 − y_d/a_d) f′/a_d."""
    error = 0.0
    for d in range(units):
        mean, log_mean, ratio = mean_of(code, np.float64(z[d]))
        target = np.float64(y[d])
        quotient = target * exp(-log_mean)
        error += log_mean - log(target) + quotient - 1.0
        dE_da[d] = like(a, np.float64(case_weight) * (1.0 - quotient) / mean)
        delta[d] = like(a, np.float64(case_weight) * (1.0 - quotient) * ratio)
    return error


@second_of(gamma)
def gamma_second(
    p: Floats, code: int, z: Floats, a: Floats, y: Floats, case_weight: float, r_z: Floats, r_a: Floats,
    r_delta: Floats, units: int,
) -> None:  # fmt: skip
    """R{δ_d} = [(y_d/a_d) (f′/a_d)² + (1 − y_d/a_d) (f″/a_d − (f′/a_d)²)] R{z_d}, with exp y_d/a_d R{z_d}."""
    for d in range(units):
        _, log_mean, ratio = mean_of(code, np.float64(z[d]))
        quotient = np.float64(y[d]) * exp(-log_mean)
        square = ratio * ratio
        slope = quotient * square + (1.0 - quotient) * (second_ratio(code, np.float64(z[d])) - square)
        r_delta[d] = like(a, np.float64(case_weight) * slope * np.float64(r_z[d]))
