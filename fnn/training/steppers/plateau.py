"""`plateau`, a learning rate that is reduced when the error stops falling; and how a run follows steps and errors."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from dataclasses import KW_ONLY
from itertools import pairwise
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from fnn.io.archive import require_arrays
from fnn.optimizers.optimizer import Optimizer
from fnn.optimizers.schedule import Etas, Rate, Schedule, Steps, etas, rate_over
from fnn.training.checkpoint_format import Arrays
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

    def over(self, steps: int, epoch: int) -> Schedule:
        """With the rate in the run."""
        rate = rate_over(self.rate, steps, epoch)

        return self if rate is self.rate else self.__replace__(rate=rate)

    def after(self, state: PlateauState, error: float) -> PlateauState:
        """The state after one more epoch."""
        part = self.threshold if state.best > 0 else -self.threshold  # a user's loss may be negative
        if error < state.best * (1 - part):
            return PlateauState(error, 0, state.scale)
        if state.epochs < self.patience:
            return PlateauState(state.best, state.epochs + 1, state.scale)

        return PlateauState(state.best, 0, max(state.scale * self.factor, self.least))


class RateObserver:
    """The learning rate of a run: it follows the errors of epochs if it is a `plateau`, else the step alone.

    Schedules that go over the steps of the run begin with it, whatever steps the optimizer took before. If a resumed
    run has another number of epochs than before, they go over the steps of those from there on. Without an optimizer
    there is no rate.
    """

    def __init__(
        self, optimizer: Optimizer | None = None, before: int = 0, steps_per_epoch: int = 1, epochs: int = 0
    ) -> None:
        self._given, self._before, self._steps_per_epoch = optimizer, before, steps_per_epoch
        values = {} if optimizer is None else vars(optimizer)
        self._open = {name: value for name, value in values.items() if isinstance(value, Schedule) and value.needs_run}
        self._parts = [(0, epochs)]  # a step of the run, and the epochs that it had from there on
        self._states = [PlateauState()]  # at the beginning of each epoch
        self._bind()
        self.observes_errors = isinstance(self._rate, plateau)

    def _bind(self) -> None:
        """Give the steps of the run to the schedules that go over them."""
        bound = {name: self._in_run(schedule) for name, schedule in self._open.items()}
        self._optimizer = self._given.__replace__(**bound) if bound and self._given is not None else self._given
        self._rate = None if self._optimizer is None else self._optimizer.rate

    def _in_run(self, schedule: Schedule) -> Schedule:
        if isinstance(schedule, plateau) and isinstance(schedule.rate, Schedule):
            return schedule.__replace__(rate=self._in_run(schedule.rate))

        return _InRun(self._before, tuple((first, self._over(epochs, schedule)) for first, epochs in self._parts))

    def _over(self, epochs: int, schedule: Schedule) -> Schedule:
        return schedule.over(max(epochs * self._steps_per_epoch, 1), self._steps_per_epoch)

    def arrays(self) -> Arrays:
        """What a checkpoint must hold."""
        return {"epochs": np.array(self._parts, np.int64)} if self._open else {}

    def resume(self, arrays: Arrays, step: int) -> None:
        """Go on from a checkpoint after some steps of the run, and warn if schedules go on otherwise than planned."""
        count = max([1, *(len(array) for array in arrays.values() if array.ndim)])
        require_arrays(arrays, {"epochs": (np.int64, (count, 2))} if self._open else {})
        if self._open:
            self._go_on([(int(first), int(epochs)) for first, epochs in arrays["epochs"]], step)

    def _go_on(self, planned: list[tuple[int, int]], step: int) -> None:
        (_, epochs), firsts = self._parts[0], [first for first, _ in planned]
        if firsts[0] != 0 or firsts[-1] > step or not all(a < b for a, b in pairwise(firsts)):
            raise ValueError(f"epochs: no run of {step} steps has gone on after {firsts}")
        self._parts, (last, old) = planned, planned[-1]
        changed = [f"{n}={s!r}" for n, s in self._open.items() if self._over(old, s) != self._over(epochs, s)]
        if changed:
            self._parts = [*planned[: -1 if last == step else None], (step, epochs)]
        self._bind()
        if changed and step:
            warnings.warn(
                f"checkpoint: the run was to have {old} epochs, now {epochs}: from step {step} on "
                f"{', '.join(changed)} goes over the steps of all {epochs}, so the result isn't that of {epochs} "
                "epochs from the beginning",
                RuntimeWarning,
                stacklevel=2,
            )

    def observe(self, error: float) -> None:
        """Learn the error after an epoch: that of the validation set, if there is one."""
        if isinstance(self._rate, plateau):
            self._states.append(self._rate.after(self._states[-1], error))

    def optimizer(self, epoch: int) -> Optimizer:
        """The optimizer with the rate of an epoch, counted from 0."""
        assert self._optimizer is not None
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
            with np.errstate(under="ignore"):
                return etas(rate, first_steps(epochs)) * scales
        except Exception:  # of the user's function, for steps that it was asked for before
            return None


class _InRun(Schedule):
    """A schedule from a step of the optimizer on; in parts, each from a step of the run on."""

    before: int
    parts: tuple[tuple[int, Schedule], ...]

    def at(self, steps: Steps) -> Etas:
        own, values = np.maximum(steps - self.before, 0), np.zeros(len(steps))
        for first, schedule in self.parts:
            values = np.where(own >= first, schedule.at(own), values)

        return values


class _Scaled(Schedule):
    """Another rate times a number."""

    rate: Rate
    scale: float

    def at(self, steps: Steps) -> Etas:
        return self.scale * np.broadcast_to(etas(self.rate, steps), len(steps))
