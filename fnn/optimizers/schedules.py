"""Schedules, as values: learning rates that are pure functions of the step, which counts from 0.

A schedule stands wherever a learning rate does: ``fnn.train(.., eta=fnn.cosine(3.0, steps=1000))``,
``fnn.adam(fnn.warm_up(1e-3, steps=100))``. So does any function of the step.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable
from dataclasses import KW_ONLY
from inspect import signature
from typing import Annotated, SupportsFloat, SupportsIndex, TypeAlias

import numpy as np
from numpy.typing import NDArray

from fnn.checks import number, positive, real, whole
from fnn.numerics.powers import powers
from fnn.values import AtLeast0, Count, CountFrom2, Fraction, Positive, Value

Steps: TypeAlias = NDArray[np.int64]
Etas: TypeAlias = NDArray[np.float64]


class Schedule(Value):
    """A learning rate for each step, called with the step: ``fnn.cosine(1.0, steps=10)(5)``."""

    def __call__(self, step: SupportsIndex) -> float:
        """η of a step, which counts from 0."""
        eta = etas(self, np.array([whole("step", step, at_least=0)]))

        return float(np.ravel(eta)[0])

    @abstractmethod
    def at(self, steps: Steps) -> Etas:
        """η of these steps."""


OfStep: TypeAlias = SupportsFloat | Schedule | Callable[[int], SupportsFloat]


def rate_of(name: str, value: OfStep) -> OfStep:
    """A learning rate, checked: a number above 0 as a float, or a function of the step."""
    return function_of_step(name, value) if callable(value) else positive(name, value)


def fraction_of(name: str, value: OfStep) -> OfStep:
    """A number in [0, 1) as a float, or a function of the step, checked."""
    return function_of_step(name, value) if callable(value) else real(name, value, at_least=0, below=1)


Rate: TypeAlias = Annotated[OfStep, rate_of]
FractionOfStep: TypeAlias = Annotated[OfStep, fraction_of]


def function_of_step(name: str, f: Callable[[int], SupportsFloat]) -> Callable[[int], SupportsFloat]:
    """The function itself; TypeError unless it can be called with a step alone."""
    try:
        signature(f).bind(0)
    except TypeError as error:
        raise TypeError(f"{name}: needs a function of the step, got {f!r}: {error}") from None
    except ValueError:  # compiled ones may have no signature
        pass

    return f


def etas(rate: OfStep, steps: Steps) -> Etas | float:
    """η of these steps, a single number if it is constant; ValueError where one is negative or not finite."""
    return at_steps("eta", rate, steps)


def at_steps(name: str, value: OfStep, steps: Steps, below: float = np.inf) -> Etas | float:
    """A hyperparameter in these steps, a single number if it is constant; ValueError where it isn't in [0, below)."""
    if not callable(value):
        return float(value)
    if isinstance(value, Schedule):
        values = value.at(steps)
    else:
        values = np.array([number(f"{name} at step {step}", value(step)) for step in steps.tolist()])
    is_valid = (values >= 0) & (values < below)
    if not is_valid.all():
        wrong = int(np.argmin(is_valid))
        limits = "finite and at least 0" if below == np.inf else f"at least 0 and below {below:g}"
        raise ValueError(f"{name}: must be {limits}, is {values[wrong]} at step {steps[wrong]}")

    return values


class step_decay(Schedule):
    """Step decay: the rate is multiplied by a factor every few steps, constant in between (as by He et al. 2016).

        η(s) = η · factor^⌊s / every⌋

    Parameters
    ----------
    eta, factor
        The initial learning rate η and the factor, above 0.
    every
        Steps with the same rate, at least 1.

    Raises
    ------
    ValueError, TypeError
        A hyperparameter out of range, or of another type. So do all schedules.

    Examples
    --------
    >>> import fnn
    >>> schedule = fnn.step_decay(3.0, every=10, factor=0.5)
    >>> [schedule(step) for step in (0, 9, 10, 20)]
    [3.0, 3.0, 1.5, 0.75]
    """

    eta: Positive
    _: KW_ONLY
    every: Count
    factor: Positive

    def at(self, steps: Steps) -> Etas:
        """η of these steps."""
        return self.eta * powers(self.factor, steps // self.every)


class exponential(Schedule):
    """Exponential decay: from each step to the next the rate changes by the same factor (Senior et al. 2013).

        η(s) = η · factor^(s / every)

    Parameters
    ----------
    eta, factor
        The initial learning rate η and the factor, above 0.
    every
        Steps in which the rate changes by the factor, at least 1.

    Examples
    --------
    >>> import fnn
    >>> round(fnn.exponential(3.0, factor=0.25, every=10)(5), 6)
    1.5
    """

    eta: Positive
    _: KW_ONLY
    factor: Positive
    every: Count = 1

    def at(self, steps: Steps) -> Etas:
        """η of these steps."""
        return self.eta * powers(self.factor ** (1 / self.every), steps)


class inverse_time(Schedule):
    """Inverse-time decay (Darken and Moody 1990).

        η(s) = η / (1 + s / steps)

    Parameters
    ----------
    eta, steps
        The initial learning rate η, above 0; steps until it is η / 2, at least 1.

    Examples
    --------
    >>> import fnn
    >>> fnn.inverse_time(3.0, steps=10)(20)
    1.0
    """

    eta: Positive
    _: KW_ONLY
    steps: Count

    def at(self, steps: Steps) -> Etas:
        """η of these steps."""
        return self.eta / (1 + steps / self.steps)


class cosine(Schedule):
    """Cosine decay to `end`, constant afterwards (Loshchilov, Hutter 2017, without restarts).

        η(s) = end + (η − end) · (1 + cos(π · min(s / steps, 1))) / 2

    Parameters
    ----------
    eta, end
        The initial learning rate η, above 0, and the final one, at least 0.
    steps
        Steps of the decay, at least 1.

    Examples
    --------
    >>> import fnn
    >>> schedule = fnn.cosine(3.0, steps=1000)
    >>> [round(schedule(step), 3) for step in (0, 500, 1000, 2000)]
    [3.0, 1.5, 0.0, 0.0]
    """

    eta: Positive
    _: KW_ONLY
    steps: Count
    end: AtLeast0 = 0.0

    def at(self, steps: Steps) -> Etas:
        """η of these steps."""
        return _half_wave(self.eta, self.end, np.minimum(steps / self.steps, 1))


class warm_up(Schedule):
    """Linear warm-up, then another schedule from its beginning (Goyal et al. 2017).

        η(s) = rate(0) · (s + 1) / steps  for s < steps, then rate(s − steps)

    Parameters
    ----------
    rate, steps
        The schedule after the warm-up, or a number; steps of the warm-up, at least 1.

    Examples
    --------
    >>> import fnn
    >>> schedule = fnn.warm_up(fnn.step_decay(3.0, every=10, factor=0.5), steps=3)
    >>> [schedule(step) for step in (0, 1, 2, 3, 13)]
    [1.0, 2.0, 3.0, 3.0, 1.5]
    """

    rate: Rate
    _: KW_ONLY
    steps: Count

    def at(self, steps: Steps) -> Etas:
        """η of these steps."""
        return etas(self.rate, np.maximum(steps - self.steps, 0)) * np.minimum((steps + 1) / self.steps, 1)


class one_cycle(Schedule):
    """One cycle: half a cosine wave up, then half a wave down to nearly 0 (Smith, Topin 2019).

    With the last step T = steps − 1 and the top at P = rise · steps − 1:

        η(s) = top − (top − start) · (1 + cos(π s / P)) / 2                   for s ≤ P
        η(s) = end + (top − end) · (1 + cos(π (s − P) / (T − P))) / 2         for P < s ≤ T, then end

    with start = top / divisor and end = start / last_divisor, as in PyTorch.

    Parameters
    ----------
    top, divisor, last_divisor
        The highest learning rate, top / start and start / end, above 0.
    steps, rise
        Steps of the whole cycle, at least 2; the fraction of them on the way up, in [0, 1).

    Examples
    --------
    >>> import fnn
    >>> schedule = fnn.one_cycle(0.5, steps=1000)
    >>> [round(schedule(step), 6) for step in (0, 299, 999)]
    [0.02, 0.5, 2e-06]
    """

    top: Positive
    _: KW_ONLY
    steps: CountFrom2
    rise: Fraction = 0.3
    divisor: Positive = 25.0
    last_divisor: Positive = 1e4

    def at(self, steps: Steps) -> Etas:
        """η of these steps."""
        last, top = self.steps - 1, max(self.rise * self.steps - 1, 0.0)
        start = self.top / self.divisor
        up = _half_wave(start, self.top, np.minimum(steps / top, 1) if top > 0 else np.ones(len(steps)))
        down = _half_wave(self.top, start / self.last_divisor, np.clip((steps - top) / (last - top), 0, 1))

        return np.where(steps <= top, up, down)


def _half_wave(start: float, end: float, way: Etas) -> Etas:
    """From start to end, as `way` goes from 0 to 1: end + (start − end) · cos²(way · π/2).

    The cosine is its Taylor series, by products and sums alone: `np.cos` may differ from processor to processor.
    """
    square = (np.pi / 2 * way) ** 2
    wave = np.ones_like(way)
    for n in range(24, 0, -2):  # the first term left out is below 1e-21
        wave = 1 - square / (n * (n - 1)) * wave

    return end + (start - end) * wave**2
