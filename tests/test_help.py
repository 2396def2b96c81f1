"""`help` of every activation, loss, initializer and schedule: its formula, its range and its source."""

from __future__ import annotations

import pydoc
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from numba import njit

import fnn
from fnn.optimizers.schedule import Schedule

# The formula, the range and the source; for activations the range as numbers, too.
ACTIVATIONS: dict[str, tuple[str, str, str, float, float]] = {
    "sigmoid": ("σ(z) = 1 / (1 + e^−z)", "in (0, 1)", "Rumelhart", 0, 1),
    "tanh": ("(e^z − e^−z) / (e^z + e^−z)", "in (−1, 1)", "LeCun", -1, 1),
    "relu": ("max(0, z)", "in [0, ∞)", "Nair and Hinton 2010", 0, np.inf),
    "leaky_relu": ("z for z > 0, else slope z", "in (−∞, ∞)", "Maas", -np.inf, np.inf),
    "relu6": ("min(max(0, z), 6)", "in [0, 6]", "Krizhevsky 2010", 0, 6),
    "elu": ("z for z > 0, else α(e^z − 1)", "in (−α, ∞)", "Clevert", -1, np.inf),
    "selu": ("λz for z > 0, else λα(e^z − 1)", "in (−λα, ∞)", "Klambauer", -1.0508 * 1.6733, np.inf),
    "gelu": ("z Φ(z)", "above −0.17,", "Hendrycks and Gimpel 2016", -0.17, np.inf),
    "gelu_tanh": ("½z(1 + tanh u)", "above −0.171", "Hendrycks and Gimpel 2016", -0.171, np.inf),
    "silu": ("z σ(z)", "above −0.279", "Elfwing", -0.279, np.inf),
    "mish": ("z t", "above −0.309", "Misra 2019", -0.309, np.inf),
    "softplus": ("log(1 + e^z)", "in (0, ∞)", "Dugas", 0, np.inf),
    "softsign": ("z / (1 + |z|)", "in (−1, 1)", "Glorot and Bengio 2010", -1, 1),
    "hard_sigmoid": ("min(max(0, z/6 + ½), 1)", "in [0, 1]", "Howard", 0, 1),
    "hard_tanh": ("min(max(−1, z), 1)", "in [−1, 1]", "Collobert 2004", -1, 1),
    "identity": ("f(z) = z", "in (−∞, ∞)", "Widrow and Hoff 1960", -np.inf, np.inf),
    "exp": ("e^z", "in (0, ∞)", "Nelder and Wedderburn 1972", 0, np.inf),
    "sin": ("sin z", "in [−1, 1]", "Sitzmann", -1, 1),
    "gaussian": ("e^−z²", "in (0, 1]", "Broomhead and Lowe 1988", 0, 1),
    "softmax": ("e^z_j / Σ_k e^z_k", "in (0, 1)", "Bridle 1990", 0, 1),
    "log_softmax": ("z_j − log Σ_k e^z_k", "in (−∞, 0]", "Bridle", -np.inf, 0),
}
PROBABILITIES = "targets: values between 0 and 1"
LOSSES = {
    "squared_error": ("½ Σ_d (a_d − y_d)²", "targets: finite values; output: any activation", "Gauss"),
    "absolute_error": ("Σ_d |a_d − y_d|", "E ≥ 0", "Laplace"),
    "huber": ("½r² where |r| ≤ δ, else δ(|r| − ½δ)", "δ is above 0", "Huber 1964"),
    "log_cosh": ("Σ_d log cosh(a_d − y_d)", "E ≥ 0", "Green 1990"),
    "quantile": ("max(q(y_d − a_d), (1 − q)(a_d − y_d))", "q is in (0, 1)", "Koenker and Bassett 1978"),
    "cross_entropy": ("−Σ_d y_d log a_d", PROBABILITIES, "Bridle 1990"),
    "focal": ("−Σ_d y_d (1 − a_d)^γ log a_d", f"{PROBABILITIES}; output: softmax or sigmoid", "Lin et al. 2017"),
    "kl_divergence": ("Σ_d y_d log(y_d / a_d)", PROBABILITIES, "Kullback and Leibler 1951"),
    "hinge": ("Σ_d max(0, 1 − y_d a_d)", "targets: the values −1 and 1", "Cortes and Vapnik 1995"),
    "poisson": ("y_d log(y_d/a_d) − y_d + a_d", "targets: values of at least 0", "Nelder and Wedderburn"),
    "gamma": ("log(a_d/y_d) + y_d/a_d − 1", "targets: values above 0", "Nelder and Wedderburn"),
}
INITIALIZERS = {
    "glorot_uniform": ("√(6/(n_in + n_out))", "uniform in ±", "Glorot and Bengio 2010"),
    "glorot_normal": ("√(2/(n_in + n_out))", "normal with mean 0", "Glorot and Bengio 2010"),
    "he_uniform": ("√(6/n_in)", "uniform in ±", "He et al. 2015"),
    "he_normal": ("√(2/n_in)", "normal with mean 0", "He et al. 2015"),
    "lecun_uniform": ("√(3/n_in)", "uniform in ±", "LeCun et al. 1998"),
    "lecun_normal": ("√(1/n_in)", "normal with mean 0", "LeCun et al. 1998"),
    "nguyen_widrow": ("0.7 n_out^(1/n_in)", "inputs in about [−1, 1]", "Nguyen and Widrow 1990"),
    "standard_normal": ("σ = 1", "W and b normal", "Nielsen"),
    "uniform": ("uniform in (low, high)", "finite", "Rumelhart, Hinton and Williams"),
}
SCHEDULES = {
    "step_decay": ("η · factor^⌊s / every⌋", "above 0", "He et al. 2016"),
    "exponential": ("η · factor^(s / every)", "above 0", "Senior et al. 2013"),
    "inverse_time": ("η / (1 + s / steps)", "above 0", "Darken and Moody 1990"),
    "cosine": ("(1 + cos(π · min(s / steps, 1))) / 2", "at least 0", "Loshchilov, Hutter 2017"),
    "one_cycle": ("(top − start) · (1 + cos(π s / P)) / 2", "in [0, 1)", "Smith, Topin 2019"),
    "warm_up": ("rate(0) · (s + 1) / steps", "at least 1", "Goyal et al. 2017"),
    "plateau": ("scale · rate(s)", "In [0, 1)", "Senior et al. 2013"),
}
HELP = {name: row[:3] for name, row in ACTIVATIONS.items()} | LOSSES | INITIALIZERS | SCHEDULES
MADE: dict[str, Callable[[], Any]] = {
    "leaky_relu": fnn.leaky_relu,
    "elu": fnn.elu,
    "uniform": lambda: fnn.uniform(-1, 1),
}


def shown(value: object) -> str:
    """What `help` prints."""
    return pydoc.plain(pydoc.render_doc(value))


@pytest.mark.parametrize("name", HELP)
def test_help_has_formula_range_and_source(name: str) -> None:
    text = shown(getattr(fnn, name))
    for part in HELP[name]:
        assert part in text
    if name in MADE:
        assert HELP[name][0] in shown(MADE[name]())


def test_every_public_one_is_here() -> None:
    kinds: Any = (fnn.Activation, fnn.Loss, fnn.Initializer)
    public = {name for name in dir(fnn) if isinstance(getattr(fnn, name), kinds)}
    public |= {name for name, value in vars(fnn).items() if isinstance(value, type) and issubclass(value, Schedule)}

    assert public - {"Schedule"} | set(MADE) == set(HELP)


def test_help_of_every_public_name() -> None:
    for name in dir(fnn):
        assert len(shown(getattr(fnn, name))) > 200 or name in HELP


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_ranges_of_activations(name: str) -> None:
    *_, low, high = ACTIVATIONS[name]
    z = np.linspace(-2000, 2000, 400001)
    a = MADE.get(name, lambda: getattr(fnn, name))()(np.stack([z, 0 * z], axis=1))

    assert low <= a.min() <= a.max() <= high
    if np.isfinite(low):  # no wider than it need be
        assert a.min() - low < 0.001
    if np.isfinite(high):
        assert high - a.max() < 0.001


def test_values_with_another_parameter() -> None:
    assert "½r² where |r| ≤ δ" in shown(fnn.huber(3.0))
    assert "label_smoothing=0.1" in shown(fnn.cross_entropy(label_smoothing=0.2))
    assert "α(e^z − 1)" in shown(fnn.elu(2.5))


def test_classes_and_the_users_own_show_the_class() -> None:
    double, two = njit(lambda z: 2 * z), njit(lambda z, a: 2.0)
    for kind, value, words in (
        (fnn.Activation, fnn.Activation("doubled", double, two), "An activation function f and its derivative f′"),
        (fnn.Loss, fnn.Loss("odd", two, two), "A measure of error"),
        (fnn.Initializer, fnn.Initializer("mine", lambda u, m, n: u), "A scheme that turns uniform numbers"),
    ):
        assert words in shown(kind)
        assert words in shown(value)
