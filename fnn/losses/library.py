"""E1 and E2: the built-in losses, each with its formula, its derivative and its source.

To add one: its formula among the kernels, a value here with what `help` shows, and a line in ``fnn/__init__.py``; for
the tests a row in `tests.problems`, `tests.reference` and `tests.test_help`. A loss with a parameter needs a class,
whose call checks the parameter.
"""

from __future__ import annotations

from functools import partial
from inspect import cleandoc
from typing import Any, ClassVar, Self, SupportsFloat, TypeVar

import numpy as np

from fnn.activations.activation import Activation
from fnn.activations.library import exp, identity, log_softmax, sigmoid, softmax, softplus, tanh
from fnn.boundary.calls import counting
from fnn.boundary.checks import number, positive, real
from fnn.losses.kernels import casewise, pointwise
from fnn.losses.kernels import focal as focal_kernels
from fnn.losses.kernels.dispatch import ENDS, PROBABILITIES, RANGE, LossKernel
from fnn.losses.loss import ANYTHING, BUILT_IN, Loss, Targets

_PROBABILITIES = Targets("values between 0 and 1", PROBABILITIES, 0, 1, labels=True)
_COUNTS = Targets("values of at least 0", RANGE, 0)
_POSITIVE = Targets("values above 0", RANGE, np.nextafter(0, 1))
_SIGNS = Targets("the values −1 and 1", ENDS, -1, 1, labels=True)


LossT = TypeVar("LossT", bound=Loss)


def _built_in(
    kind: type[LossT], name: str, kernel: LossKernel | None, doc: str, *, outputs: tuple[Activation, ...] = (),
    targets: Targets = ANYTHING, parameter: float = 0.0,
) -> LossT:  # fmt: skip
    """A built-in loss, with the default of its parameter."""
    loss = object.__new__(kind)
    suited = " or ".join(f.name for f in outputs) or "any activation"
    doc = f"{cleandoc(doc)}\n\nE ≥ 0; targets: {targets.text}; output: {suited}."
    loss.set_fields(name, kernel, outputs, targets, parameter, doc=doc)
    BUILT_IN[name] = loss

    return loss


class _LossWithParameter(Loss):
    """A built-in loss that is called to set its parameter."""

    __slots__ = ()
    _parameter_name: ClassVar[str]

    def with_parameter(self, value: float) -> Self:
        """The same loss with another parameter; with the default, the built-in one itself."""
        default = BUILT_IN[self.name]
        if value == default.parameter:
            assert isinstance(default, type(self))
            return default
        loss = object.__new__(type(self))
        loss.set_fields(self.name, self.kernel, self.outputs, self.targets, value, doc=self.doc)

        return loss

    def __repr__(self) -> str:
        is_default = self is BUILT_IN[self.name]
        return f"fnn.{self.name}" if is_default else f"fnn.{self.name}({self._parameter_name}={self.parameter})"

    def __reduce__(self) -> tuple[Any, ...]:
        return _with_parameter, (self.name, self.parameter)


def _with_parameter(name: str, value: float) -> Loss:
    default = BUILT_IN[name]
    assert isinstance(default, _LossWithParameter)

    return default.with_parameter(value)


class _CrossEntropy(_LossWithParameter):
    __slots__ = ()
    _parameter_name = "label_smoothing"

    @partial(counting, name="cross_entropy")
    def __call__(self, *, label_smoothing: SupportsFloat) -> Self:
        """With smoothing ε in [0, 1): targets (1 − ε)y + ε/n_L with softmax, (1 − ε)y + ε/2 with sigmoid."""
        return self.with_parameter(real("label_smoothing", label_smoothing, at_least=0, below=1))


class _Huber(_LossWithParameter):
    __slots__ = ()
    _parameter_name = "delta"

    def __call__(self, delta: SupportsFloat) -> Self:
        """With δ > 0: linear where |a − y| > δ."""
        return self.with_parameter(positive("delta", delta))


class _Quantile(_LossWithParameter):
    __slots__ = ()
    _parameter_name = "q"

    def __call__(self, q: SupportsFloat) -> Self:
        """With the quantile q in (0, 1)."""
        value = number("q", q)
        if not 0 < value < 1:
            raise ValueError(f"q: must be above 0 and below 1, got {value}")

        return self.with_parameter(value)


class _Focal(_LossWithParameter):
    __slots__ = ()
    _parameter_name = "gamma"

    def __call__(self, gamma: SupportsFloat) -> Self:
        """With the exponent γ ≥ 0; γ = 0 is cross-entropy."""
        return self.with_parameter(real("gamma", gamma, at_least=0))


squared_error = _built_in(
    Loss, "squared_error", None, "E = ½ Σ_d (a_d − y_d)²;  ∂E/∂a_d = a_d − y_d  (E1, E2; Gauss 1809)."
)

absolute_error = _built_in(
    Loss, "absolute_error", pointwise.absolute_error,
    "E = Σ_d |a_d − y_d|;  ∂E/∂a_d = sign(a_d − y_d), 0 where a_d = y_d  (Laplace 1774).",
)  # fmt: skip

huber = _built_in(
    _Huber, "huber", pointwise.huber,
    """With r = a_d − y_d, E = Σ_d ½r² where |r| ≤ δ, else δ(|r| − ½δ);  ∂E/∂a_d = r clamped to ±δ  (Huber 1964).

    ``fnn.huber`` has δ = 1, ``fnn.huber(2.0)`` δ = 2; δ is above 0.""",
    parameter=1.0,
)  # fmt: skip

log_cosh = _built_in(
    Loss, "log_cosh", pointwise.log_cosh,
    "E = Σ_d log cosh(a_d − y_d);  ∂E/∂a_d = tanh(a_d − y_d)  (Green 1990).",
)  # fmt: skip

quantile = _built_in(
    _Quantile, "quantile", pointwise.quantile,
    """E = Σ_d max(q(y_d − a_d), (1 − q)(a_d − y_d));  ∂E/∂a_d = −q where a_d < y_d, 1 − q where a_d > y_d, else 0
    (the pinball loss; Koenker and Bassett 1978).

    ``fnn.quantile`` has q = 0.5, half the absolute error; ``fnn.quantile(0.9)`` q = 0.9; q is in (0, 1). Several
    quantiles are several networks: ``fnn.train_many([params] * 2, .., loss=fnn.Each([fnn.quantile(0.05), ..]))``; how
    often they hold is to be checked on cases that were held out, as ``examples/regression.py`` does.""",
    parameter=0.5,
)  # fmt: skip

hinge = _built_in(
    Loss, "hinge", pointwise.hinge,
    """E = Σ_d max(0, 1 − y_d a_d), y_d = ±1;  ∂E/∂a_d = −y_d where 1 − y_d a_d > 0, else 0  (Cortes and Vapnik 1995).

    A label stands for 1 at the unit of its class and −1 at the others, and with a single unit 0 for −1 and 1 for 1.""",
    outputs=(identity, tanh), targets=_SIGNS,
)  # fmt: skip

cross_entropy = _built_in(
    _CrossEntropy, "cross_entropy", casewise.cross_entropy,
    """Softmax: E = −Σ_d y_d log a_d. Sigmoid: E = −Σ_d [y_d log a_d + (1 − y_d) log(1 − a_d)]. Either way δᴸ = a − y
    (Bridle 1990).

    With log_softmax E is the same as with softmax. ``fnn.cross_entropy(label_smoothing=0.1)`` has targets
    (1 − ε)y + ε/n_L in place of y (Szegedy et al. 2016), for sigmoids (1 − ε)y + ε/2; ε is in [0, 1).""",
    outputs=(softmax, log_softmax, sigmoid), targets=_PROBABILITIES,
)  # fmt: skip

focal = _built_in(
    _Focal, "focal", focal_kernels.focal,
    """Cross-entropy in which well-classified cases count less (Lin et al. 2017).

    Softmax: E = −Σ_d y_d (1 − a_d)^γ log a_d.
    Sigmoid: E = −Σ_d [y_d (1 − a_d)^γ log a_d + (1 − y_d) a_d^γ log(1 − a_d)].
    ``fnn.focal`` has γ = 2, ``fnn.focal(1.0)`` γ = 1; γ is at least 0.""",
    outputs=(softmax, sigmoid), targets=_PROBABILITIES, parameter=2.0,
)  # fmt: skip

kl_divergence = _built_in(
    Loss, "kl_divergence", casewise.kl_divergence,
    """E = Σ_d y_d log(y_d / a_d) with softmax, the same with log_softmax;  δᴸ = a − y  (Kullback and Leibler 1951).""",
    outputs=(softmax, log_softmax), targets=_PROBABILITIES,
)  # fmt: skip

poisson = _built_in(
    Loss, "poisson", casewise.poisson,
    """E = Σ_d y_d log(y_d/a_d) − y_d + a_d, half the deviance of counts from their means a;  ∂E/∂a_d = 1 − y_d/a_d.

    With exp, whose z is then the logarithm of the mean, δᴸ = a − y  (Nelder and Wedderburn 1972).""",
    outputs=(exp, softplus), targets=_COUNTS,
)  # fmt: skip

gamma = _built_in(
    Loss, "gamma", casewise.gamma,
    """E = Σ_d log(a_d/y_d) + y_d/a_d − 1, half the deviance of positive amounts with means a and standard deviations
    proportional to a;  ∂E/∂a_d = (1 − y_d/a_d)/a_d  (Nelder and Wedderburn 1972).""",
    outputs=(exp, softplus), targets=_POSITIVE,
)  # fmt: skip
