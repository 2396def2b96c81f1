"""`plateau`, a learning rate that is reduced when the error stops falling; and how a run follows the errors."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import KW_ONLY
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from fnn.optimizers.optimizer import Optimizer
from fnn.optimizers.schedules import Etas, Rate, Schedule, Steps, etas
from fnn.values import CountFrom0, Fraction


class PlateauState(NamedTuple):
    """What `plateau` remembers of the errors so far."""

    best: float = np.inf
    epochs: int = 0  # since the best, or since the rate was reduced
    scale: float = 1.0  # of the rate


class plateau(Schedule):
    """The rate times a scale that is reduced whenever the error stops falling, in `train` only (Senior et al. 2013).

        η(s) = scale · rate(s)

    After each epoch: if its error is below the best so far by more than threshold × best, it is the new best. After
    more than `patience` epochs without a new best the scale is multiplied by the factor, and counting starts again.
    The error is that of the validation set, if there is one, or else the epoch's.

    Parameters
    ----------
    rate
        What is scaled: a number, or a schedule.
    factor
        In [0, 1).
    patience
        Epochs without a new best before the rate is reduced, at least 0.
    threshold
        The fraction in [0, 1) by which the error must fall.
    least
        The smallest scale, in [0, 1).

    Examples
    --------
    >>> import fnn
    >>> x, y = [[0, 0], [0, 1], [1, 0], [1, 1]], [[0], [1], [1], [0]]
    >>> optimizer = fnn.adam(fnn.plateau(0.1, patience=5))
    >>> run = fnn.train(fnn.init((2, 2, 1), seed=2), x, y, optimizer=optimizer, epochs=200)
    """

    rate: Rate
    _: KW_ONLY
    factor: Fraction = 0.1
    patience: CountFrom0 = 10
    threshold: Fraction = 1e-4
    least: Fraction = 0.0

    def at(self, steps: Steps) -> Etas:
        """Raise ValueError: the steps alone don't tell the rate."""
        raise ValueError("eta: fnn.plateau needs the errors of epochs, so it works in fnn.train only, outermost")

    def after(self, state: PlateauState, error: float) -> PlateauState:
        """The state after one more epoch."""
        part = self.threshold if state.best > 0 else -self.threshold  # a user's loss may be negative
        if error < state.best * (1 - part):
            return PlateauState(error, 0, state.scale)
        if state.epochs < self.patience:
            return PlateauState(state.best, state.epochs + 1, state.scale)

        return PlateauState(state.best, 0, max(state.scale * self.factor, self.least))


class RateObserver:
    """The learning rate of a run: it follows the errors of epochs if it is a `plateau`, else the step alone."""

    def __init__(self, optimizer: Optimizer) -> None:
        self._optimizer, self._rate = optimizer, optimizer.rate
        self.observes_errors = isinstance(self._rate, plateau)
        self._states = [PlateauState()]  # at the beginning of each epoch

    def observe(self, error: float) -> None:
        """Learn the error after an epoch: that of the validation set, if there is one."""
        if isinstance(self._rate, plateau):
            self._states.append(self._rate.after(self._states[-1], error))

    def optimizer(self, epoch: int) -> Optimizer:
        """The optimizer with the rate of an epoch, counted from 0."""
        if isinstance(self._rate, plateau):
            return self._optimizer.with_rate(_Scaled(self._rate.rate, self._states[epoch].scale))

        return self._optimizer

    def etas(self, epochs: int, first_steps: Callable[[int], Steps]) -> NDArray[np.float64] | None:
        """The rate at the first step of each of the first epochs; None if there is none, or a function of it fails."""
        rate = self._rate
        if rate is None:
            return None
        if isinstance(rate, float):  # a shortcut that spares small networks a tenth of their time
            return np.full(epochs, rate)
        scales = np.ones(epochs)
        if isinstance(rate, plateau):
            rate, scales = rate.rate, np.array([state.scale for state in self._states[:epochs]])
        try:
            return etas(rate, first_steps(epochs)) * scales
        except Exception:  # of the user's function, for steps that it was asked for before
            return None


class _Scaled(Schedule):
    """Another rate times a number."""

    rate: Rate
    scale: float

    def at(self, steps: Steps) -> Etas:
        return self.scale * np.broadcast_to(etas(self.rate, steps), len(steps))
