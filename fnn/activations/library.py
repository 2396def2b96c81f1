"""F2 and F3: the built-in activations, each with its formula, its derivative and its source.

To add one: f, f′ and f″ among the kernels, a value here with what `help` shows, a line in ``fnn/__init__.py``, one in
`fnn.export.formulas`, and for the tests one in `tests.oracles` and one in `tests.test_help`.
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
from fnn.boundary.checks import positive

_FAMILIES: Final = {kernels.name: kernels for kernels in (piecewise.LEAKY_RELU, rectifiers.ELU)}
BUILT_IN.update(_FAMILIES)
RANGES.update(
    sigmoid=(0, 1), tanh=(-1, 1), relu=(0, np.inf), softmax=(0, 1), log_softmax=(-np.inf, 0), selu=(-1.7581, np.inf),
    gelu=(-0.16998, np.inf), gelu_tanh=(-0.17005, np.inf), silu=(-0.27847, np.inf), softplus=(0, np.inf),
    softsign=(-1, 1), mish=(-0.30885, np.inf), hard_tanh=(-1, 1), hard_sigmoid=(0, 1), relu6=(0, 6), exp=(0, np.inf),
    sin=(-1, 1), gaussian=(0, 1), elu=(-1, np.inf),
)  # fmt: skip


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


def _built_in(kernels: ActivationKernels, doc: str, *, code: int | None = None) -> Activation:
    BUILT_IN[kernels.name] = kernels
    kernels.doc = doc

    return intern(kernels, code=code)


sigmoid = _built_in(
    smooth.SIGMOID,
    "σ(z) = 1 / (1 + e^−z), in (0, 1);  σ′ = σ(1 − σ)  (F2, F3; Rumelhart, Hinton and Williams 1986).",
    code=CODE_OF_SIGMOID,
)

tanh = _built_in(
    smooth.TANH, "tanh z = (e^z − e^−z) / (e^z + e^−z), in (−1, 1);  tanh′ = 1 − tanh²  (LeCun et al. 1998)."
)

relu = _built_in(piecewise.RELU, "f(z) = max(0, z), in [0, ∞);  f′ = 0 for z ≤ 0, else 1  (Nair and Hinton 2010).")

identity = _built_in(piecewise.IDENTITY, "f(z) = z, in (−∞, ∞);  f′ = 1  (the linear unit of Widrow and Hoff 1960).")

softmax = _built_in(
    SOFTMAX,
    """a_j = e^z_j / Σ_k e^z_k, in (0, 1), with sum 1;  ∂a_j/∂z_i = a_j(𝟙[i=j] − a_i)  (Bridle 1990).

    At the output only.""",
    code=CODE_OF_SOFTMAX,
)

log_softmax = _built_in(
    LOG_SOFTMAX,
    """a_j = z_j − log Σ_k e^z_k, in (−∞, 0];  ∂a_j/∂z_i = 𝟙[i=j] − e^a_i  (the logarithm of Bridle's softmax, 1990).

    At the output only.""",
    code=CODE_OF_LOG_SOFTMAX,
)

selu = _built_in(
    rectifiers.SELU,
    """f(z) = λz for z > 0, else λα(e^z − 1), in (−λα, ∞);  f′ = λ for z > 0, else λα e^z
    (Klambauer et al. 2017). λ = 1.0507.., α = 1.6732...""",
)

gelu = _built_in(
    rectifiers.GELU,
    """f(z) = z Φ(z), above −0.17, with Φ(z) = ½(1 + erf(z/√2));  f′ = Φ(z) + z e^(−z²/2)/√(2π)
    (Hendrycks and Gimpel 2016).""",
)

gelu_tanh = _built_in(
    rectifiers.GELU_TANH,
    """f(z) = ½z(1 + tanh u), above −0.171, with u = √(2/π)(z + 0.044715 z³);  f′ = ½(1 + tanh u) + ½z u′(1 − tanh² u)
    (Hendrycks and Gimpel 2016, their approximation of `gelu`).""",
)

silu = _built_in(
    rectifiers.SILU,
    "f(z) = z σ(z), above −0.279;  f′ = σ(z) + z σ(z)(1 − σ(z))  (Elfwing, Uchibe and Doya 2017; also known as swish).",
)

softplus = _built_in(
    rectifiers.SOFTPLUS, "f(z) = log(1 + e^z), in (0, ∞);  f′ = σ(z)  (Dugas et al. 2001).", code=CODE_OF_SOFTPLUS
)

softsign = _built_in(
    piecewise.SOFTSIGN, "f(z) = z / (1 + |z|), in (−1, 1);  f′ = 1 / (1 + |z|)²  (Glorot and Bengio 2010)."
)

mish = _built_in(
    rectifiers.MISH, "f(z) = z t, above −0.309, with t = tanh(log(1 + e^z));  f′ = t + z σ(z)(1 − t²)  (Misra 2019)."
)

hard_tanh = _built_in(
    piecewise.HARD_TANH, "f(z) = min(max(−1, z), 1), in [−1, 1];  f′ = 1 for |z| < 1, else 0  (Collobert 2004)."
)

hard_sigmoid = _built_in(
    piecewise.HARD_SIGMOID,
    """f(z) = min(max(0, z/6 + ½), 1), in [0, 1];  f′ = 1/6 for |z| < 3, else 0
    (Howard et al. 2019; older definitions have slope 1/5).""",
)

relu6 = _built_in(
    piecewise.RELU6, "f(z) = min(max(0, z), 6), in [0, 6];  f′ = 1 for 0 < z < 6, else 0  (Krizhevsky 2010)."
)

exp = _built_in(
    smooth.EXP,
    "f(z) = e^z, in (0, ∞);  f′ = e^z  (the inverse of the logarithmic link, Nelder and Wedderburn 1972).",
    code=CODE_OF_EXP,
)

sin = _built_in(
    smooth.SIN,
    "f(z) = sin z, in [−1, 1];  f′ = cos z  (Sitzmann et al. 2020). z is clamped to ±2⁴⁸, for float32 to ±2¹⁹.",
)

gaussian = _built_in(smooth.GAUSSIAN, "f(z) = e^−z², in (0, 1];  f′ = −2z e^−z²  (Broomhead and Lowe 1988).")


def leaky_relu(slope: SupportsFloat = 0.01) -> Activation:
    """f(z) = z for z > 0, else slope z, in (−∞, ∞);  f′ = 1 for z > 0, else slope  (Maas, Hannun and Ng 2013).

    Each slope that a process has met, in a loaded file too, takes half a kilobyte until the process ends.

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
    """f(z) = z for z > 0, else α(e^z − 1), in (−α, ∞);  f′ = 1 for z > 0, else α e^z  (Clevert et al. 2015).

    Each α that a process has met, in a loaded file too, takes half a kilobyte until the process ends.

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


piecewise.LEAKY_RELU.doc, rectifiers.ELU.doc = leaky_relu.__doc__ or "", elu.__doc__ or ""
