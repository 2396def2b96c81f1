"""Schedules, as values: learning rates that are pure functions of the step, which counts from 0.

A schedule stands wherever a learning rate does: ``fnn.train(.., eta=fnn.cosine(3.0))``,
``fnn.adam(fnn.warm_up(1e-3, steps=100))``. So does any function of the step. `cosine` and `one_cycle` without steps,
and `exponential` with epochs, go over the steps of a run of `train` or `train_many`; where no run is known, they are
refused.
"""

from __future__ import annotations

from dataclasses import KW_ONLY

import numpy as np

from fnn.numerics.powers import powers
from fnn.optimizers.schedule import Etas, Rate, Schedule, Steps, etas, own_steps, rate_over
from fnn.values import AtLeast0, Count, Fraction, OptionalCount, OptionalCountFrom2, Positive


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
    every, epochs
        Steps in which the rate changes by the factor, at least 1, by default 1; or, in `train` alone, epochs, at
        least 1.

    Examples
    --------
    >>> import fnn
    >>> round(fnn.exponential(3.0, factor=0.25, every=10)(5), 6)
    1.5
    """

    eta: Positive
    _: KW_ONLY
    factor: Positive
    every: OptionalCount = None
    epochs: OptionalCount = None

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.epochs is not None and self.every is not None:
            raise ValueError(f"epochs: can't be given beside every, {self.every}; got {self.epochs}")
        if self.epochs is None and self.every is None:
            vars(self)["every"] = 1

    def at(self, steps: Steps) -> Etas:
        """η of these steps."""
        return self.eta * powers(self.factor ** (1 / own_steps(self, "every", self.every)), steps)

    def over(self, steps: int, epoch: int) -> Schedule:
        """With the steps of its epochs."""
        return self if self.epochs is None else self.__replace__(every=self.epochs * epoch, epochs=None)


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
        Steps of the decay, at least 1. None: all of the run, in `train` alone.

    Examples
    --------
    >>> import fnn
    >>> schedule = fnn.cosine(3.0, steps=1000)
    >>> [round(schedule(step), 3) for step in (0, 500, 1000, 2000)]
    [3.0, 1.5, 0.0, 0.0]
    """

    eta: Positive
    _: KW_ONLY
    steps: OptionalCount = None
    end: AtLeast0 = 0.0

    def at(self, steps: Steps) -> Etas:
        """η of these steps."""
        return _half_wave(self.eta, self.end, np.minimum(steps / own_steps(self, "steps", self.steps), 1))

    def over(self, steps: int, epoch: int) -> Schedule:
        """With the steps of the run."""
        return self if self.steps is not None else self.__replace__(steps=steps)


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

    def over(self, steps: int, epoch: int) -> Schedule:
        """With what the warm-up leaves of the run."""
        rate = rate_over(self.rate, max(steps - self.steps, 1), epoch)

        return self if rate is self.rate else self.__replace__(rate=rate)


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
        Steps of the whole cycle, at least 2, None: all of the run, in `train` alone; the fraction of them on the way
        up, in [0, 1).

    Examples
    --------
    >>> import fnn
    >>> schedule = fnn.one_cycle(0.5, steps=1000)
    >>> [round(schedule(step), 6) for step in (0, 299, 999)]
    [0.02, 0.5, 2e-06]
    """

    top: Positive
    _: KW_ONLY
    steps: OptionalCountFrom2 = None
    rise: Fraction = 0.3
    divisor: Positive = 25.0
    last_divisor: Positive = 1e4

    def at(self, steps: Steps) -> Etas:
        """η of these steps."""
        count = own_steps(self, "steps", self.steps)
        last, top = count - 1, max(self.rise * count - 1, 0.0)
        start = self.top / self.divisor
        up = _half_wave(start, self.top, np.minimum(steps / top, 1) if top > 0 else np.ones(len(steps)))
        down = _half_wave(self.top, start / self.last_divisor, np.clip((steps - top) / (last - top), 0, 1))

        return np.where(steps <= top, up, down)

    def over(self, steps: int, epoch: int) -> Schedule:
        """With the steps of the run."""
        return self if self.steps is not None else self.__replace__(steps=max(steps, 2))


def _half_wave(start: float, end: float, way: Etas) -> Etas:
    """From start to end, as `way` goes from 0 to 1: end + (start − end) · cos²(way · π/2).

    The cosine is its Taylor series, by products and sums alone: `np.cos` may differ from processor to processor.
    """
    square = (np.pi / 2 * way) ** 2
    wave = np.ones_like(way)
    for n in range(24, 0, -2):  # the first term left out is below 1e-21
        wave = 1 - square / (n * (n - 1)) * wave

    return end + (start - end) * wave**2
