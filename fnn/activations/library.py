"""F2 and F3: the built-in activations, each with its formula, its derivative and its source.

To add one: f, f′ and f″ among the kernels, a line here, one in ``fnn/__init__.py``, one in `fnn.export.formulas`, and
for the tests one in `tests.oracles`.
"""

from __future__ import annotations

from typing import Final, SupportsFloat

import numpy as np

from fnn.activations.activation import BUILT_IN, RANGES, Activation, intern
from fnn.activations.kernels import piecewise, rectifiers, smooth
from fnn.activations.kernels.dispatch import (
    CODE_OF_EXP,
    CODE_OF_LOG_SOFTMAX,
    CODE_OF_SIGMOID,
    CODE_OF_SOFTMAX,
    CODE_OF_SOFTPLUS,
    ActivationKernels,
)
from fnn.activations.kernels.softmax import LOG_SOFTMAX, SOFTMAX
from fnn.checks import positive

_FAMILIES: Final = {kernels.name: kernels for kernels in (piecewise.LEAKY_RELU, rectifiers.ELU)}
BUILT_IN.update(_FAMILIES)
RANGES[rectifiers.ELU.name] = -1, np.inf


def named(name: str) -> Activation | None:
    """The built-in activation with a name such as ``tanh`` or ``elu(1.0)``; None if there is none."""
    if name in BUILT_IN and name not in _FAMILIES:
        return intern(BUILT_IN[name])
    kind, _, rest = name.partition("(")
    try:
        parameter = float(rest.removesuffix(")"))
    except ValueError:
        return None
    is_member = kind in _FAMILIES and 0 < parameter < np.inf and name == f"{kind}({parameter!r})"

    return intern(_FAMILIES[kind], parameter=parameter) if is_member else None


def _built_in(
    kernels: ActivationKernels, low: float = -np.inf, high: float = np.inf, *, code: int | None = None
) -> Activation:
    BUILT_IN[kernels.name], RANGES[kernels.name] = kernels, (low, high)

    return intern(kernels, code=code)


sigmoid = _built_in(smooth.SIGMOID, 0, 1, code=CODE_OF_SIGMOID)
"""σ(z) = 1 / (1 + e^−z);  σ′ = σ(1 − σ)  (F2, F3; S1)."""

tanh = _built_in(smooth.TANH, -1, 1)
"""tanh z;  tanh′ = 1 − tanh²."""

relu = _built_in(piecewise.RELU, 0)
"""max(0, z);  0 for z ≤ 0, else 1 (Nair and Hinton 2010)."""

identity = _built_in(piecewise.IDENTITY)
"""z;  1."""

softmax = _built_in(SOFTMAX, 0, 1, code=CODE_OF_SOFTMAX)
"""e^z_j / Σ_k e^z_k, at the output only;  ∂a_j/∂z_i = a_j(𝟙[i=j] − a_i)  (Bridle 1990)."""

log_softmax = _built_in(LOG_SOFTMAX, high=0, code=CODE_OF_LOG_SOFTMAX)
"""z_j − log Σ_k e^z_k, at the output only;  ∂a_j/∂z_i = 𝟙[i=j] − e^a_i."""

selu = _built_in(rectifiers.SELU, -1.7581)
"""λz for z > 0, else λα(e^z − 1), with λ = 1.0507.., α = 1.6732..;  λ or λα e^z (Klambauer et al. 2017)."""

gelu = _built_in(rectifiers.GELU, -0.16998)
"""z Φ(z), with Φ(z) = ½(1 + erf(z/√2));  Φ(z) + z e^(−z²/2)/√(2π)  (Hendrycks and Gimpel 2016)."""

gelu_tanh = _built_in(rectifiers.GELU_TANH, -0.17005)
"""½z(1 + tanh u), with u = √(2/π)(z + 0.044715 z³);  ½(1 + tanh u) + ½z u′(1 − tanh² u)  (the same paper)."""

silu = _built_in(rectifiers.SILU, -0.27847)
"""z σ(z);  σ(z) + z σ(z)(1 − σ(z))  (Elfwing, Uchibe and Doya 2017; also known as swish)."""

softplus = _built_in(rectifiers.SOFTPLUS, 0, code=CODE_OF_SOFTPLUS)
"""log(1 + e^z);  σ(z)  (Dugas et al. 2001)."""

softsign = _built_in(piecewise.SOFTSIGN, -1, 1)
"""z / (1 + |z|);  1 / (1 + |z|)²  (Glorot and Bengio 2010)."""

mish = _built_in(rectifiers.MISH, -0.30885)
"""z t, with t = tanh(log(1 + e^z));  t + z σ(z)(1 − t²)  (Misra 2019)."""

hard_tanh = _built_in(piecewise.HARD_TANH, -1, 1)
"""min(max(−1, z), 1);  1 for |z| < 1, else 0 (Collobert 2004)."""

hard_sigmoid = _built_in(piecewise.HARD_SIGMOID, 0, 1)
"""min(max(0, z/6 + ½), 1);  1/6 for |z| < 3, else 0 (Howard et al. 2019; older definitions have slope 1/5)."""

relu6 = _built_in(piecewise.RELU6, 0, 6)
"""min(max(0, z), 6);  1 for 0 < z < 6, else 0 (Krizhevsky 2010)."""

exp = _built_in(smooth.EXP, 0, code=CODE_OF_EXP)
"""e^z;  e^z."""

sin = _built_in(smooth.SIN, -1, 1)
"""sin z;  cos z  (Sitzmann et al. 2020). z is clamped to ±2⁴⁸, for float32 to ±2¹⁹."""

gaussian = _built_in(smooth.GAUSSIAN, 0, 1)
"""e^−z²;  −2z e^−z²  (Broomhead and Lowe 1988)."""


def leaky_relu(slope: SupportsFloat = 0.01) -> Activation:
    """z for z > 0, else slope z;  1 for z > 0, else slope (Maas, Hannun and Ng 2013).

    Parameters
    ----------
    slope
        Finite and above 0, or ValueError or TypeError is raised.

    Examples
    --------
    >>> import fnn
    >>> fnn.leaky_relu(0.25)([-2.0, 2.0])
    array([-0.5,  2. ])
    """
    return intern(piecewise.LEAKY_RELU, parameter=positive("slope", slope))


def elu(alpha: SupportsFloat = 1.0) -> Activation:
    """z for z > 0, else α(e^z − 1);  1 for z > 0, else α e^z (Clevert, Unterthiner and Hochreiter 2015).

    Parameters
    ----------
    alpha
        α, finite and above 0, or ValueError or TypeError is raised.

    Examples
    --------
    >>> import fnn
    >>> fnn.elu(2.0)([-1e9, 0.0, 2.0])
    array([-2.,  0.,  2.])
    """
    return intern(rectifiers.ELU, parameter=positive("alpha", alpha))
