"""The quantiles of the normal distribution, the same bits on every machine."""

import numpy as np
from numpy.typing import NDArray

Doubles = NDArray[np.float64]

# Wichura 1988, algorithm AS 241 (PPND16): numerators and denominators, highest power first.
_CENTRE = (
    (2.5090809287301226727e3, 3.3430575583588128105e4, 6.7265770927008700853e4, 4.5921953931549871457e4,
     1.3731693765509461125e4, 1.9715909503065514427e3, 1.3314166789178437745e2, 3.3871328727963666080e0),
    (5.2264952788528545610e3, 2.8729085735721942674e4, 3.9307895800092710610e4, 2.1213794301586595867e4,
     5.3941960214247511077e3, 6.8718700749205790830e2, 4.2313330701600911252e1, 1.0),
)  # fmt: skip
_TAIL = (
    (7.74545014278341407640e-4, 2.27238449892691845833e-2, 2.41780725177450611770e-1, 1.27045825245236838258e0,
     3.64784832476320460504e0, 5.76949722146069140550e0, 4.63033784615654529590e0, 1.42343711074968357734e0),
    (1.05075007164441684324e-9, 5.47593808499534494600e-4, 1.51986665636164571966e-2, 1.48103976427480074590e-1,
     6.89767334985100004550e-1, 1.67638483018380384940e0, 2.05319162663775882187e0, 1.0),
)  # fmt: skip
_FAR_TAIL = (
    (2.01033439929228813265e-7, 2.71155556874348757815e-5, 1.24266094738807843860e-3, 2.65321895265761230930e-2,
     2.96560571828504891230e-1, 1.78482653991729133580e0, 5.46378491116411436990e0, 6.65790464350110377720e0),
    (2.04426310338993978564e-15, 1.42151175831644588870e-7, 1.84631831751005468180e-5, 7.86869131145613259100e-4,
     1.48753612908506148525e-2, 1.36929880922735805310e-1, 5.99832206555887937690e-1, 1.0),
)  # fmt: skip
_LN2 = 0.6931471805599453


def normal_quantile(u: Doubles) -> Doubles:
    """Φ⁻¹(u) of the standard normal distribution, 0 < u < 1."""
    q = u - 0.5
    near = np.minimum(u, 1 - u)
    r = np.sqrt(-_log(near))
    tail = np.where(r <= 5, _ratio(_TAIL, r - 1.6), _ratio(_FAR_TAIL, r - 5))

    return np.where(np.abs(q) <= 0.425, q * _ratio(_CENTRE, 0.180625 - q * q), np.copysign(tail, q))


def _ratio(coefficients: tuple[tuple[float, ...], tuple[float, ...]], r: Doubles) -> Doubles:
    """A rational function of r."""
    above, below = np.zeros_like(r), np.zeros_like(r)
    for p, q in zip(*coefficients, strict=True):
        above, below = above * r + p, below * r + q

    return above / below


def _log(x: Doubles) -> Doubles:
    """log x for 0 < x < 1: log m + e log 2, and log m = 2 artanh((m − 1)/(m + 1)) by its series."""
    m, e = np.frexp(x)
    low = m < np.sqrt(0.5)
    m, e = np.where(low, 2 * m, m), np.where(low, e - 1, e)
    s = (m - 1) / (m + 1)
    series = np.zeros_like(s)
    for k in range(21, 0, -2):  # |s| < 0.172: the next term is below 1e-17
        series = series * (s * s) + 1 / k

    return 2 * s * series + e * _LN2
