"""The optimizers. Their rules are in `fnn.optimizers.kernels.rules`, the fields that all have in `Optimizer`.

In the formulas g is the gradient, t counts the steps from 1, all operations are elementwise, and state starts at 0.
Where they have g², a finite g counts as no more than the greatest number whose square the dtype has: the state stays
finite, and such a step is about as long as η.
"""

from __future__ import annotations

from dataclasses import KW_ONLY

import numpy as np

from fnn.numerics.powers import powers
from fnn.optimizers.kernels import rules
from fnn.optimizers.optimizer import Coefficients, Optimizer
from fnn.optimizers.schedule import Etas, FractionOfStep, Rate, Steps, at_steps
from fnn.values import AtLeast0, AtLeast1, Fraction, Positive


class gradient_descent(Optimizer):
    """Gradient descent (G1; S1).

        w ← w − η g

    Parameters
    ----------
    eta
        The learning rate η: a number, or a schedule.
    clip, clip_norm, weight_decay, shrink, decay_biases, max_norm
        As for `Optimizer`, by name. All optimizers have them.

    Raises
    ------
    ValueError, TypeError
        A hyperparameter out of range, or of another type. So do all optimizers.

    Examples
    --------
    >>> import fnn
    >>> p = fnn.Params({"W1": [[1.0]], "b1": [2.0]}, hidden=(), output=fnn.identity)
    >>> optimizer = fnn.gradient_descent(0.5)
    >>> p, state = optimizer.update(p, p, optimizer.init(p))
    >>> p["W1"], state.step
    (array([[0.5]]), 1)
    """

    eta: Rate
    rule = rules.gradient_descent


class momentum(Optimizer):
    """Gradient descent with momentum (Rumelhart, Hinton, Williams 1986).

        Δ ← −η g + α Δ,   w ← w + Δ

    Their ε is η here. η stands inside Δ, as in the paper; PyTorch and Optax multiply by it at the end, which is the
    same as long as η doesn't change.

    Parameters
    ----------
    eta, alpha
        η, a number or a schedule; the momentum coefficient α in [0, 1), a number or a function of the step.
    """

    eta: Rate
    alpha: FractionOfStep = 0.9
    rule = rules.momentum

    def coefficients(self, eta: Etas | float, steps: Steps) -> Coefficients:
        """η, and the α of these steps."""
        return {"eta": eta, "alpha": at_steps("alpha", self.alpha, steps, below=1)}


class nesterov(Optimizer):
    """Nesterov's accelerated gradient (Sutskever, Martens, Dahl, Hinton 2013), in terms of the looked-ahead parameters.

        Δ ← −η g + α Δ,   w ← w − η g + α Δ

    Where the paper has θ and takes the gradient at θ + αΔ, w is that point; so it is in PyTorch and Optax, which
    multiply by η at the end: the same as long as η doesn't change.

    Parameters
    ----------
    eta, alpha
        η, a number or a schedule; the momentum coefficient α in [0, 1).
    """

    eta: Rate
    alpha: Fraction = 0.9
    rule = rules.nesterov


class adam(Optimizer):
    """Adam (Kingma, Ba 2015).

        m ← β₁ m + (1 − β₁) g,   v ← β₂ v + (1 − β₂) g²
        w ← w − η m̂ / (√v̂ + ε),   m̂ = m / (1 − β₁ᵗ),   v̂ = v / (1 − β₂ᵗ)

    ε stands outside the root and beside the corrected v̂, as in the paper, PyTorch and Optax.

    Parameters
    ----------
    eta, beta_1, beta_2, epsilon
        η, a number or a schedule; the decay rates β₁ and β₂ in [0, 1) of the averages m and v; ε, above 0, in
        the dtype of params too.
    """

    eta: Rate = 1e-3
    beta_1: Fraction = 0.9
    beta_2: Fraction = 0.999
    epsilon: Positive = 1e-8
    rule = rules.adam

    def coefficients(self, eta: Etas | float, steps: Steps) -> Coefficients:
        """η / (1 − β₁ᵗ), 1 − β₁, 1 − β₂ and √(1 / (1 − β₂ᵗ))."""
        return {
            "eta": eta / (1 - powers(self.beta_1, steps + 1)),
            "rest_1": 1 - self.beta_1,
            "rest_2": 1 - self.beta_2,
            "root": np.sqrt(1 / (1 - powers(self.beta_2, steps + 1))),
        }


class adamw(adam):
    """Adam with decoupled weight decay (Loshchilov, Hutter 2019).

        w ← w − η λ w   for weights; then Adam's step

    The decay is multiplied by η, as in PyTorch and Optax; in the paper the two are scheduled together. There biases
    decay as weights do, which here takes ``decay_biases=True``.

    Parameters
    ----------
    eta, beta_1, beta_2, epsilon, weight_decay
        As for `adam`; λ, at least 0; η λ must not exceed 1.
    """

    _: KW_ONLY
    weight_decay: AtLeast0 = 1e-2


class nadam(adam):
    """Adam with Nesterov's momentum (Dozat 2016), its β₁ the same in all steps.

        m ← β₁ m + (1 − β₁) g,   v ← β₂ v + (1 − β₂) g²
        w ← w − η (β₁ m / (1 − β₁ᵗ⁺¹) + (1 − β₁) g / (1 − β₁ᵗ)) / (√v̂ + ε),   v̂ = v / (1 − β₂ᵗ)

    So it is in Optax; PyTorch lets β₁ grow from step to step.

    Parameters
    ----------
    eta, beta_1, beta_2, epsilon
        As for `adam`.
    """

    rule = rules.nadam

    def coefficients(self, eta: Etas | float, steps: Steps) -> Coefficients:
        """η β₁ / (1 − β₁ᵗ⁺¹) of m, η (1 − β₁) / (1 − β₁ᵗ) of g, and those of Adam."""
        return {
            **super().coefficients(eta, steps),
            "eta_m": eta * self.beta_1 / (1 - powers(self.beta_1, steps + 2)),
            "eta_g": eta * (1 - self.beta_1) / (1 - powers(self.beta_1, steps + 1)),
        }


class amsgrad(adam):
    """AMSGrad (Reddi, Kale, Kumar 2018): Adam with the greatest v so far.

        m ← β₁ m + (1 − β₁) g,   v ← β₂ v + (1 − β₂) g²,   u ← max(u, v)
        w ← w − η m̂ / (√û + ε),   m̂ = m / (1 − β₁ᵗ),   û = u / (1 − β₂ᵗ)

    u is the greatest v before correction, as in PyTorch; Optax takes the greatest corrected v, and the paper corrects
    neither m nor v.

    Parameters
    ----------
    eta, beta_1, beta_2, epsilon
        As for `adam`.
    """

    rule = rules.amsgrad


class rmsprop(Optimizer):
    """RMSprop (Tieleman, Hinton 2012).

        v ← ρ v + (1 − ρ) g²,   w ← w − η g / (√v + ε)

    ε stands outside the root, as in PyTorch; Optax has it inside unless told otherwise.

    Parameters
    ----------
    eta, rho, epsilon
        η, a number or a schedule; the decay rate ρ in [0, 1) of the average v, in PyTorch 0.99; ε as for
        `adam`.
    """

    eta: Rate = 1e-3
    rho: Fraction = 0.9
    epsilon: Positive = 1e-8
    rule = rules.rmsprop

    def coefficients(self, eta: Etas | float, steps: Steps) -> Coefficients:
        """η and 1 − ρ."""
        return {"eta": eta, "rest": 1 - self.rho}


class adagrad(Optimizer):
    """Adagrad (Duchi, Hazan, Singer 2011), its diagonal form.

        v ← v + g²,   w ← w − η g / (√v + ε)

    ε stands outside the root and v starts at 0, as in PyTorch; in Optax v starts at 0.1, and ε is inside.

    Parameters
    ----------
    eta, epsilon
        η, a number or a schedule; ε as for `adam`.
    """

    eta: Rate = 1e-2
    epsilon: Positive = 1e-10
    rule = rules.adagrad


class adadelta(Optimizer):
    """Adadelta (Zeiler 2012).

        v ← ρ v + (1 − ρ) g²,   Δ = √(u + ε) / √(v + ε) · g,   u ← ρ u + (1 − ρ) Δ²,   w ← w − η Δ

    Parameters
    ----------
    eta, rho, epsilon
        η, a number or a schedule, which in the paper is 1; the decay rate ρ in [0, 1) of the averages v and u; ε as for
        `adam`: with 0, no weight would ever change, as u starts at 0.
    """

    eta: Rate = 1.0
    rho: Fraction = 0.9
    epsilon: Positive = 1e-6
    rule = rules.adadelta

    def coefficients(self, eta: Etas | float, steps: Steps) -> Coefficients:
        """η and 1 − ρ."""
        return {"eta": eta, "rest": 1 - self.rho}


class lion(Optimizer):
    """Lion (Chen et al. 2023).

        w ← w − η (sign(β₁ m + (1 − β₁) g) + λ w),   m ← β₂ m + (1 − β₂) g

    Parameters
    ----------
    eta, beta_1, beta_2, weight_decay
        η, a number or a schedule; the decay rates β₁ and β₂ in [0, 1) of the direction and of m; λ, at least 0; η λ
        must not exceed 1.
    """

    eta: Rate = 1e-4
    beta_1: Fraction = 0.9
    beta_2: Fraction = 0.99
    rule = rules.lion

    def coefficients(self, eta: Etas | float, steps: Steps) -> Coefficients:
        """η, 1 − β₁ and 1 − β₂."""
        return {"eta": eta, "rest_1": 1 - self.beta_1, "rest_2": 1 - self.beta_2}


class irprop(Optimizer):
    """iRPROP− (Igel, Hüsken 2000): only the signs of the gradient count, and each parameter has its own step size.

        Δ ← min(η⁺ Δ, Δ_max) where g has the sign of the last one, max(η⁻ Δ, Δ_min) where it has the other, and there
        g ← 0;   w ← w − sign(g) Δ

    It follows the gradient of all cases: `train` refuses smaller batches. It has no η, and so no `weight_decay`.

    Parameters
    ----------
    start, smallest, largest
        The first Δ, above 0; Δ_min, at least 0; Δ_max, above 0.
    increase, decrease
        η⁺, at least 1, and η⁻ in [0, 1).
    """

    start: Positive = 0.01
    increase: AtLeast1 = 1.2
    decrease: Fraction = 0.5
    smallest: AtLeast0 = 1e-6
    largest: Positive = 50.0
    rule = rules.irprop
    starts = ("", "start")
    needs_all_cases = True

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.smallest > self.largest:
            raise ValueError(f"smallest: must be at most `largest`, {self.largest}, got {self.smallest}")
