"""The equations that depend on the activation or the loss, in Unicode, with the letters of `fnn.equations`.

In the formulas of activations {a} and {z} stand for aˡ and zˡ.
"""

from __future__ import annotations

from typing import Any, Final, NamedTuple

from fnn.activations.activation import Activation
from fnn.losses.loss import Loss

_PRIMES: Final = {
    "identity": "1",
    "sigmoid": "{a} ⊙ (1 − {a})",
    "tanh": "1 − {a} ⊙ {a}",
    "relu": "1 where {z} > 0, else 0",
    "leaky_relu": "1 where {z} > 0, else slope",
    "elu": "1 where {z} > 0, else {a} + α",
    "selu": "λ where {z} > 0, else {a} + λα",
    "gelu": "Φ({z}) + {z} φ({z})",
    "gelu_tanh": "½(1 + tanh u) + ½{z} u′ (1 − tanh² u)",
    "silu": "σ({z}) + {a} (1 − σ({z}))",
    "softplus": "σ({z})",
    "softsign": "1 / (1 + |{z}|)²",
    "mish": "t + {z} σ({z}) (1 − t²), t = tanh log(1 + e^{z})",
    "hard_tanh": "1 where |{z}| < 1, else 0",
    "hard_sigmoid": "1/6 where |{z}| < 3, else 0",
    "relu6": "1 where 0 < {z} < 6, else 0",
    "exp": "{a}",
    "sin": "cos {z}",
    "gaussian": "−2 {z} ⊙ {a}",
}
_POINTWISE: Final = {  # E of a case, and ∂E/∂a; {p} is the parameter
    "squared_error": ("½ Σ_d (a_d − y_d)²", "a − y"),
    "absolute_error": ("Σ_d |a_d − y_d|", "sign(a − y)"),
    "huber": ("Σ_d (½r_d² where |r_d| ≤ δ, else δ(|r_d| − ½δ)), r = a − y, δ = {p}", "a − y within ±{p}"),
    "log_cosh": ("Σ_d log cosh(a_d − y_d)", "tanh(a − y)"),
    "quantile": ("Σ_d max(q(y_d − a_d), (1 − q)(a_d − y_d)), q = {p}", "−q where a < y, 1 − q where a > y"),
    "hinge": ("Σ_d max(0, 1 − y_d a_d)", "−y where y a < 1, else 0"),
    "poisson": ("Σ_d [y_d log(y_d / a_d) − y_d + a_d]", "1 − y / a"),
    "gamma": ("Σ_d [log(a_d / y_d) + y_d / a_d − 1]", "(1 − y / a) / a"),
}
_BY_OUTPUT: Final = {  # E of a case, and ∂E/∂a
    "cross_entropy": {
        "softmax": ("−Σ_d y_d log a_d", "−y / a"),
        "log_softmax": ("−Σ_d y_d a_d", "−y"),
        "sigmoid": ("−Σ_d [y_d log a_d + (1 − y_d) log(1 − a_d)]", "(a − y) / (a (1 − a))"),
    },
    "kl_divergence": {
        "softmax": ("Σ_d y_d log(y_d / a_d)", "−y / a"),
        "log_softmax": ("Σ_d y_d (log y_d − a_d)", "−y"),
    },
    "focal": {
        "softmax": ("−Σ_d y_d (1 − a_d)^{p} log a_d", "y (1 − a)^{p} ({p}·(log a) / (1 − a) − 1 / a)"),
        "sigmoid": (
            "−Σ_d [y_d (1 − a_d)^{p} log a_d + (1 − y_d) a_d^{p} log(1 − a_d)]",
            "[y (1 − a)^{p} ({p}·a log a − (1 − a)) − (1 − y) a^{p} ({p}·(1 − a) log(1 − a) − a)] / (a (1 − a))",
        ),
    },
}
_DELTAS: Final = {  # δ at the output, where ∂E/∂a and f′ cancel to less
    ("cross_entropy", "softmax"): "a − y",
    ("cross_entropy", "log_softmax"): "e^a − y",
    ("cross_entropy", "sigmoid"): "a − y",
    ("kl_divergence", "softmax"): "a − y",
    ("kl_divergence", "log_softmax"): "e^a − y",
    ("poisson", "exp"): "a − y",
    ("gamma", "exp"): "1 − y / a",
}


class LossWording(NamedTuple):
    """The formulas of a loss at an output activation."""

    error: str  # E of a case
    slope: str  # ∂E/∂a
    delta: str  # δ, if it is shorter than ∂E/∂a ⊙ f′; else ""


def kind_of(f: Activation) -> str:
    """An activation's name without its parameter."""
    return f.name.partition("(")[0]


def prime_of(f: Activation) -> str:
    """The formula of f′ in {a} and {z}; "" if f is rowwise or the user's own."""
    parameter = f.name.partition("(")[2].removesuffix(")")
    formula = _PRIMES.get(kind_of(f), "")

    return formula.replace("slope", parameter).replace("+ α", f"+ {parameter}") if parameter else formula


def loss_wording(loss: Loss, output: Activation) -> LossWording:
    """The formulas of a loss; of the user's own its name."""
    if loss.scalars:
        return LossWording(f"Σ_d {loss.name}(a_d, y_d)", f"{loss.name}′(a, y)", "")
    error, slope = _POINTWISE.get(loss.name) or _BY_OUTPUT[loss.name][output.name]
    error, slope = (text.format(p=f"{loss.parameter:g}") for text in (error, slope))
    delta = _DELTAS.get((loss.name, output.name), "")
    if loss.name == "cross_entropy" and loss.parameter:
        error, slope, delta = (text.replace("y", "y′") for text in (error, slope, delta))
        spread = "½ε" if output.name == "sigmoid" else "ε/n"
        error += f", y′ = (1 − ε)y + {spread}, ε = {loss.parameter:g}"

    return LossWording(error, slope, delta)


def factor_of(count: int, mean: bool, weighted: bool) -> tuple[str, str]:
    """What an error of one of `count` cases is multiplied by: before it and after it."""
    if mean and count == 1:
        return "", ""

    return "w_c " if weighted else "", (" / Σ_c w_c" if weighted else " / N") if mean else ""


def superscript(layer: int) -> str:
    """The number of a layer above the line."""
    return str(layer).translate(_RAISED)


_RAISED: Final[dict[int, Any]] = str.maketrans("0123456789", "⁰¹²³⁴⁵⁶⁷⁸⁹")
