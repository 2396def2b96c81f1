"""Optimizers, as values: how a step uses the gradient. The rules themselves are in `fnn.optimizers.kernels.rules`.

``optimizer.init(params)`` makes its state and ``optimizer.update(params, grads, state)`` takes a step; both are pure.
``fnn.train(.., optimizer=optimizer)`` takes the same steps, to the bit, in its compiled loop.

In the formulas g is the gradient, t counts the steps from 1, all operations are elementwise, and state starts at 0.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Generic, Self, TypeAlias

import numpy as np
from numba import types
from numpy.typing import NDArray

from fnn.checks import positive, whole
from fnn.compiler.numba_types import numba_type
from fnn.compiler.target import float_type
from fnn.data.conversion import cast_to
from fnn.network.params import DT, Params, require_params, wrap
from fnn.network.tree import require_same_structure
from fnn.numerics.powers import powers
from fnn.optimizers.kernels import rules
from fnn.optimizers.kernels.abi import (
    COEFFICIENTS,
    DESCRIPTOR_SIZE,
    ETA,
    KEEP,
    KEEP_BIASES,
    MASK,
    MOST,
    RULE,
    RULE_COEFFICIENTS,
    SHRINK,
    STRIDE,
)
from fnn.optimizers.kernels.apply import apply_kernel
from fnn.optimizers.schedules import Etas, FractionOfStep, Rate, Steps, at_steps, etas
from fnn.values import AtLeast0, AtLeast1, Flag, Fraction, Positive, Value

Coefficients: TypeAlias = Mapping[str, Etas | float]


@dataclass(frozen=True, slots=True)
class OptimizerState(Generic[DT]):
    """What an optimizer remembers: how many steps it has taken, and vectors that are like the parameters.

    The vectors are those of the optimizer's formula, in its order. Immutable, and can be pickled.
    """

    step: int
    vectors: tuple[Params[DT], ...]

    @property
    def _numba_type_(self) -> types.Type:
        return numba_type(self)


class Optimizer(Value):
    """The base of all optimizers.

    To add one: a rule in `fnn.optimizers.kernels.rules`, and here a class with its hyperparameters and the rule's numbers.
    """

    rule: ClassVar[rules.Rule]
    starts: ClassVar[tuple[str, ...]] = ()  # for each vector of state, the hyperparameter that it starts from, or ""
    needs_all_cases: ClassVar[bool] = False  # in every step
    modifies_weights: ClassVar[bool] = False
    weight_decay: ClassVar[float] = 0.0

    @abstractmethod
    def coefficients(self, steps: Steps) -> Coefficients:
        """The rule's numbers in the steps that come after so many.

        Besides, "keep" is what decay leaves of a weight, and "keep_biases" whether of a bias, too.
        """

    def init(self, params: Params[DT]) -> OptimizerState[DT]:
        """The state before the first step.

        Raises
        ------
        TypeError
            params isn't `Params`.
        """
        require_params("params", params)

        return OptimizerState(0, tuple(wrap(v, params._architecture) for v in self.vectors(params)))

    def update(
        self, params: Params[DT], grads: Params[Any], state: OptimizerState[DT]
    ) -> tuple[Params[DT], OptimizerState[DT]]:
        """One step: the new params, and the new state.

        Raises
        ------
        ValueError
            params, grads and the state's vectors differ in structure, or the state is another optimizer's.
        TypeError
            An argument of another type.
        """
        require_params("params", params)
        require_params("grads", grads)
        require_same_structure("grads", params, grads)
        self.require_state(params, state)
        dtype, architecture = params.dtype, params._architecture
        descriptor, row = self.descriptor(dtype, params._flat.size), self.coefficient_table(state.step, 1, dtype)[0]
        flat, slope = params._flat.copy(), cast_to(dtype, grads._flat, "grads")
        vectors = np.array([old._flat for old in state.vectors], dtype).reshape(-1, flat.size)
        for leaf, place, _ in architecture.slices():
            keep = float(row[KEEP]) if leaf.startswith("W") or row[KEEP_BIASES] else 1.0
            apply_kernel[dtype](descriptor, flat[place], slope[place], vectors.reshape(-1)[place.start :], row, keep)
        after = OptimizerState(state.step + 1, tuple(wrap(vector, architecture) for vector in vectors))

        return wrap(flat, architecture), after

    @property
    def _numba_type_(self) -> types.Type:
        """One type for all, so that another optimizer compiles nothing; ValueError if @njit can't use it."""
        return numba_type(self)

    @property
    def rate(self) -> Rate | None:
        """Its learning rate, if it has one."""
        found: Rate | None = getattr(self, "eta", None)

        return found

    def with_rate(self, eta: Rate) -> Self:
        """The same with another learning rate."""
        return self.__replace__(eta=eta)

    def vectors(self, params: Params[DT]) -> NDArray[DT]:
        """The vectors of state before the first step, a row each."""
        made = np.zeros((self.rule.states, params._flat.size), params.dtype)
        for vector, name in zip(made, self.starts, strict=False):
            vector[:] = positive(name, getattr(self, name), params.dtype) if name else 0

        return made

    def require_state(self, params: Params[Any], state: OptimizerState[Any]) -> None:
        """Raise TypeError or ValueError unless the state is one of this optimizer for such params."""
        if not isinstance(state, OptimizerState):
            raise TypeError(f"state: needs what init or update returned, got {type(state).__name__}")
        whole("state.step", state.step, at_least=0)
        if len(state.vectors) != self.rule.states:
            raise ValueError(f"state: {self!r} needs {self.rule.states} vectors, got {len(state.vectors)}")
        for i, vector in enumerate(state.vectors):
            require_params(f"state.vectors[{i}]", vector)
            require_same_structure(f"state.vectors[{i}]", params, vector)
            if vector.dtype != params.dtype:
                raise ValueError(f"state.vectors[{i}]: needs {params.dtype}, got {vector.dtype}")

    def descriptor(self, dtype: np.dtype[Any], stride: int) -> NDArray[np.int64]:
        """What the kernels must know of it in itself; `stride` from one vector of state to the next."""
        descriptor = np.zeros(DESCRIPTOR_SIZE, np.int64)
        descriptor[MASK] = -1
        descriptor[RULE] = self.rule.address(float_type(dtype))
        descriptor[STRIDE] = stride

        return descriptor

    def coefficient_table(self, first: int, count: int, dtype: np.dtype[DT]) -> NDArray[DT]:
        """The numbers of `count` steps after the first ones, as the kernels take them: a row each, or one for all."""
        coefficients = self.coefficients(np.arange(first, first + count))
        changes = any(isinstance(number, np.ndarray) for number in coefficients.values())
        coefficient_table = np.zeros((count if changes else 1, COEFFICIENTS))
        coefficient_table[:, ETA], coefficient_table[:, KEEP] = (
            coefficients.get("eta", 0.0),
            coefficients.get("keep", 1.0),
        )
        coefficient_table[:, KEEP_BIASES] = coefficients.get("keep_biases", 0.0)
        coefficient_table[:, [SHRINK, MOST]] = 1.0, np.inf
        if (coefficient_table[:, KEEP] < 0).any():
            wrong = int(np.argmin(coefficient_table[:, KEEP] >= 0))
            raise ValueError(f"decay: {self!r} takes away more than all of a weight at step {first + wrong}")
        for column, name in enumerate(self.rule.coefficients, start=RULE_COEFFICIENTS):
            coefficient_table[:, column] = coefficients[name]
        with np.errstate(over="ignore"):
            cast = coefficient_table.astype(dtype)
        if not np.isfinite(cast[:, RULE_COEFFICIENTS:]).all() or not np.isfinite(cast[:, ETA]).all():
            raise ValueError(f"{self!r}: its numbers are beyond {dtype} at step {first} or soon after")

        return cast


class gradient_descent(Optimizer):
    """Gradient descent (G1; S1).

        w ← w − η g

    Parameters
    ----------
    eta
        The learning rate η: a number, or a schedule.

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

    def coefficients(self, steps: Steps) -> Coefficients:
        """η."""
        return {"eta": etas(self.eta, steps)}


class momentum(Optimizer):
    """Gradient descent with momentum (Rumelhart, Hinton, Williams 1986).

        Δ ← −η g + α Δ,   w ← w + Δ

    Their ε is η here. η stands inside Δ, as in the paper; PyTorch and Optax multiply by it at the end, which is the
    same as long as η doesn't change.

    Parameters
    ----------
    eta
        The learning rate η: a number, or a schedule.
    alpha
        How much of the last change is made again, from 0 on and below 1: a number, or a function of the step.
    """

    eta: Rate
    alpha: FractionOfStep = 0.9
    rule = rules.momentum

    def coefficients(self, steps: Steps) -> Coefficients:
        """η and α."""
        return {"eta": etas(self.eta, steps), "alpha": at_steps("alpha", self.alpha, steps, below=1)}


class nesterov(Optimizer):
    """Nesterov's accelerated gradient (Sutskever, Martens, Dahl, Hinton 2013), in terms of the looked-ahead parameters.

        Δ ← −η g + α Δ,   w ← w − η g + α Δ

    Where the paper has θ and takes the gradient at θ + αΔ, w is that point; so it is in PyTorch and Optax, which
    multiply by η at the end: the same as long as η doesn't change.

    Parameters
    ----------
    eta
        The learning rate η: a number, or a schedule.
    alpha
        How much of the last change is made again, from 0 on and below 1.
    """

    eta: Rate
    alpha: Fraction = 0.9
    rule = rules.nesterov

    def coefficients(self, steps: Steps) -> Coefficients:
        """η and α."""
        return {"eta": etas(self.eta, steps), "alpha": self.alpha}


class adam(Optimizer):
    """Adam (Kingma, Ba 2015).

        m ← β₁ m + (1 − β₁) g,   v ← β₂ v + (1 − β₂) g²
        w ← w − η m̂ / (√v̂ + ε),   m̂ = m / (1 − β₁ᵗ),   v̂ = v / (1 − β₂ᵗ)

    ε stands outside the root and beside the corrected v̂, as in the paper, PyTorch and Optax.

    Parameters
    ----------
    eta
        The learning rate η: a number, or a schedule.
    beta_1, beta_2
        How slowly m and v follow, from 0 on and below 1.
    epsilon
        ε, at least 0.
    """

    eta: Rate = 1e-3
    beta_1: Fraction = 0.9
    beta_2: Fraction = 0.999
    epsilon: AtLeast0 = 1e-8
    rule = rules.adam

    def coefficients(self, steps: Steps) -> Coefficients:
        """η / (1 − β₁ᵗ), both averages' weights, √(1 / (1 − β₂ᵗ)) and ε."""
        return {
            **_averages(self.beta_1, self.beta_2, self.epsilon, steps),
            "eta": etas(self.eta, steps) / (1 - powers(self.beta_1, steps + 1)),
        }


class adamw(adam):
    """Adam with decoupled weight decay (Loshchilov, Hutter 2019).

        w ← w − η λ w   for weights; then Adam's step

    The decay is multiplied by η, as in PyTorch and Optax; in the paper the two are scheduled together. There biases
    decay as weights do, which here must be asked for.

    Parameters
    ----------
    eta, beta_1, beta_2, epsilon
        As for `adam`.
    decay
        λ, at least 0; η λ must not be above 1.
    decay_biases
        Whether biases decay, too.
    """

    decay: AtLeast0 = 1e-2
    decay_biases: Flag = False

    def coefficients(self, steps: Steps) -> Coefficients:
        """Those of Adam, and 1 − η λ."""
        keep = 1 - etas(self.eta, steps) * self.decay
        return {**adam.coefficients(self, steps), "keep": keep, "keep_biases": self.decay_biases}


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

    def coefficients(self, steps: Steps) -> Coefficients:
        """η β₁ / (1 − β₁ᵗ⁺¹) of m, η (1 − β₁) / (1 − β₁ᵗ) of g, and those of Adam."""
        eta, now = etas(self.eta, steps), 1 - powers(self.beta_1, steps + 1)
        return {
            **_averages(self.beta_1, self.beta_2, self.epsilon, steps),
            "eta": eta,
            "eta_m": eta * self.beta_1 / (1 - powers(self.beta_1, steps + 2)),
            "eta_g": eta * (1 - self.beta_1) / now,
        }


class amsgrad(adam):
    """AMSGrad (Reddi, Kale, Kumar 2018): Adam with the greatest v that there has been.

        m ← β₁ m + (1 − β₁) g,   v ← β₂ v + (1 − β₂) g²,   u ← max(u, v)
        w ← w − η m̂ / (√û + ε),   m̂ = m / (1 − β₁ᵗ),   û = u / (1 − β₂ᵗ)

    The greatest is looked for before v is corrected, as in PyTorch; Optax looks among the corrected ones, and the paper
    corrects neither m nor v.

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
    eta
        The learning rate η: a number, or a schedule.
    rho
        How slowly v follows, from 0 on and below 1. PyTorch's default is 0.99.
    epsilon
        ε, at least 0.
    """

    eta: Rate = 1e-3
    rho: Fraction = 0.9
    epsilon: AtLeast0 = 1e-8
    rule = rules.rmsprop

    def coefficients(self, steps: Steps) -> Coefficients:
        """η, the average's weights and ε."""
        return {"eta": etas(self.eta, steps), "rho": self.rho, "rest": 1 - self.rho, "epsilon": self.epsilon}


class adagrad(Optimizer):
    """Adagrad (Duchi, Hazan, Singer 2011), its diagonal form.

        v ← v + g²,   w ← w − η g / (√v + ε)

    ε stands outside the root and v starts at 0, as in PyTorch; in Optax v starts at 0.1, and ε is inside.

    Parameters
    ----------
    eta
        The learning rate η: a number, or a schedule.
    epsilon
        ε, at least 0.
    """

    eta: Rate = 1e-2
    epsilon: AtLeast0 = 1e-10
    rule = rules.adagrad

    def coefficients(self, steps: Steps) -> Coefficients:
        """η and ε."""
        return {"eta": etas(self.eta, steps), "epsilon": self.epsilon}


class adadelta(Optimizer):
    """Adadelta (Zeiler 2012).

        v ← ρ v + (1 − ρ) g²,   Δ = √(u + ε) / √(v + ε) · g,   u ← ρ u + (1 − ρ) Δ²,   w ← w − η Δ

    Parameters
    ----------
    eta
        The learning rate η: a number, or a schedule. The paper has none, which is 1.
    rho
        How slowly v and u follow, from 0 on and below 1.
    epsilon
        ε, above 0, or nothing would ever start to move.
    """

    eta: Rate = 1.0
    rho: Fraction = 0.9
    epsilon: Positive = 1e-6
    rule = rules.adadelta

    def coefficients(self, steps: Steps) -> Coefficients:
        """η, the averages' weights and ε."""
        return {"eta": etas(self.eta, steps), "rho": self.rho, "rest": 1 - self.rho, "epsilon": self.epsilon}


class lion(Optimizer):
    """Lion (Chen et al. 2023).

        w ← w − η (sign(β₁ m + (1 − β₁) g) + λ w),   m ← β₂ m + (1 − β₂) g

    Parameters
    ----------
    eta
        The learning rate η: a number, or a schedule.
    beta_1, beta_2
        How slowly the direction and m follow, from 0 on and below 1.
    decay
        λ, at least 0; η λ must not be above 1.
    decay_biases
        Whether biases decay as weights do.
    """

    eta: Rate = 1e-4
    beta_1: Fraction = 0.9
    beta_2: Fraction = 0.99
    decay: AtLeast0 = 0.0
    decay_biases: Flag = False
    rule = rules.lion

    def coefficients(self, steps: Steps) -> Coefficients:
        """η, both averages' weights, and 1 − η λ."""
        eta = etas(self.eta, steps)
        return {
            "eta": eta,
            "keep": 1 - eta * self.decay,
            "keep_biases": self.decay_biases,
            "beta_1": self.beta_1,
            "rest_1": 1 - self.beta_1,
            "beta_2": self.beta_2,
            "rest_2": 1 - self.beta_2,
        }


class irprop(Optimizer):
    """iRPROP− (Igel, Hüsken 2000): only the signs of the gradient count, and every parameter has a step of its own.

        Δ ← min(η⁺ Δ, Δ_max) where g has the sign of the last one, max(η⁻ Δ, Δ_min) where it has the other, and there
        g ← 0;   w ← w − sign(g) Δ

    It follows the gradient of all cases: `train` refuses it smaller batches.

    Parameters
    ----------
    start
        The first Δ, above 0.
    grow, shrink
        η⁺, at least 1, and η⁻, from 0 on and below 1.
    least, most
        Δ_min, at least 0, and Δ_max, above 0.
    """

    start: Positive = 0.01
    grow: AtLeast1 = 1.2
    shrink: Fraction = 0.5
    least: AtLeast0 = 1e-6
    most: Positive = 50.0
    rule = rules.irprop
    starts = ("", "start")
    needs_all_cases = True

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.least > self.most:
            raise ValueError(f"least: must be at most `most`, {self.most}, got {self.least}")

    def coefficients(self, steps: Steps) -> Coefficients:
        """The same in all steps."""
        return {"grow": self.grow, "shrink": self.shrink, "least": self.least, "most": self.most}


def _averages(beta_1: float, beta_2: float, epsilon: float, steps: Steps) -> Coefficients:
    """What the kin of Adam share: the weights of m and v, the correction of v, and ε."""
    return {
        "beta_1": beta_1,
        "rest_1": 1 - beta_1,
        "beta_2": beta_2,
        "rest_2": 1 - beta_2,
        "root": np.sqrt(1 / (1 - powers(beta_2, steps + 1))),
        "epsilon": epsilon,
    }
