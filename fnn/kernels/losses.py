"""E1 and E2: each case's error, and ∂E/∂A at the output.

To add one: a code and a function that fills ∂E/∂a (scaled by the case's share of the whole) and returns the case's
own error in float64. Sums over the output units run in their order.
"""

import numpy as np

from fnn.kernels.functions import CODE_OF_SOFTMAX
from fnn.kernels.intrinsics import Floats, like, shift
from fnn.kernels.options import inline
from fnn.kernels.softmax import greatest, sum_of_exp
from fnn.kernels.vecmath import exp, log, log1p

SQUARED_ERROR, CROSS_ENTROPY = range(2)


@inline
def squared_error(a: Floats, y: Floats, share: float, dE_da: Floats, units: int) -> float:
    """E = ½ Σ_d (a_d − y_d)²,  ∂E/∂a_d = a_d − y_d."""
    error = 0.0
    for d in range(units):
        difference = a[d] - y[d]
        dE_da[d] = share * difference
        error += np.float64(difference) * np.float64(difference)
    return 0.5 * error


@inline
def softmax_cross_entropy(
    z: Floats, a: Floats, y: Floats, share: float, dE_da: Floats, delta: Floats, units: int
) -> float:
    """E = −Σ_d y_d log a_d = Σ_d y_d (log Σ_k e^(z_k) − z_d),  ∂E/∂a_d = −y_d/a_d;  as Σ_d y_d = 1, δ_d = a_d − y_d."""
    top = greatest(z, units)
    log_sum = log(sum_of_exp(z, top, units))
    zero = like(a, 0.0)
    error = 0.0
    for d in range(units):
        if y[d] != zero:  # 0 · ∞ counts as 0
            error += np.float64(y[d]) * (np.float64(log_sum) - (np.float64(z[d]) - np.float64(top)))
        dE_da[d] = -share * y[d] / a[d] if y[d] != zero else zero
        delta[d] = share * (a[d] - y[d])
    return error


@inline
def sigmoid_cross_entropy(
    z: Floats, a: Floats, y: Floats, share: float, dE_da: Floats, delta: Floats, units: int
) -> float:
    """E = −Σ_d [y_d log a_d + (1 − y_d) log(1 − a_d)] = Σ_d [max(z_d, 0) − y_d z_d + log(1 + e^(−|z_d|))],
    ∂E/∂a_d = (a_d − y_d) / (a_d (1 − a_d)),  δ_d = a_d − y_d.
    """
    zero, one = like(a, 0.0), like(a, 1.0)
    error = 0.0
    for d in range(units):
        positive = z[d] if z[d] > zero else zero
        error += np.float64(positive) - np.float64(y[d]) * np.float64(z[d]) + np.float64(log1p(exp(-abs(z[d]))))
        difference = share * (a[d] - y[d])
        dE_da[d] = difference / (a[d] * (one - a[d])) if difference != zero else zero
        delta[d] = difference
    return error


@inline
def output_error(
    loss: int,
    code: int,
    z: Floats,
    a: Floats,
    y: Floats,
    share: Floats,
    dE_da: Floats,
    delta: Floats,
    errors: Floats,
    rows: int,
    units: int,
    stride: int,
) -> None:
    """E1 and E2 for a block of cases; where the loss and the activation cancel, δ as well (see `is_matched`)."""
    for row in range(rows):
        at = row * stride
        z_c, a_c, y_c = shift(z, at), shift(a, at), shift(y, at)
        g_c, delta_c = shift(dE_da, at), shift(delta, at)
        if loss == SQUARED_ERROR:
            error = squared_error(a_c, y_c, share[row], g_c, units)
        elif code == CODE_OF_SOFTMAX:
            error = softmax_cross_entropy(z_c, a_c, y_c, share[row], g_c, delta_c, units)
        else:
            error = sigmoid_cross_entropy(z_c, a_c, y_c, share[row], g_c, delta_c, units)
        errors[row] = share[row] * error if share[row] != 0 else 0.0  # a case that doesn't count may be infinite


@inline
def is_matched(loss: int) -> bool:
    """Whether δᴸ = A − Y holds for the loss with each output activation that it admits."""
    return loss == CROSS_ENTROPY
