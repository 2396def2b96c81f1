"""`Schedule`, the base of all schedules, and how a hyperparameter that may be one is checked and evaluated."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable
from inspect import signature
from typing import Annotated, SupportsFloat, SupportsIndex, TypeAlias

import numpy as np
from numpy.typing import NDArray

from fnn.boundary.checks import number, positive, real, whole
from fnn.values import Value

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
        """η of these steps; ValueError if they must be those of a run, and none is known."""

    def over(self, steps: int, epoch: int) -> Schedule:
        """The same in a run of some steps, at least 1, and some an epoch: itself, unless it has none of its own."""
        return self

    @property
    def needs_run(self) -> bool:
        """Whether its steps are those of a run."""
        return self.over(2, 1) is not self


OfStep: TypeAlias = SupportsFloat | Schedule | Callable[[int], SupportsFloat]


def rate_over(rate: OfStep, steps: int, epoch: int) -> OfStep:
    """`Schedule.over` of a rate, which is itself if it is no schedule."""
    return rate.over(steps, epoch) if isinstance(rate, Schedule) else rate


def own_steps(schedule: Schedule, name: str, steps: int | None) -> int:
    """The steps of a schedule, by their name; ValueError if they are those of a run, which isn't known here."""
    if steps is None:
        raise ValueError(
            f"{name}: {schedule!r} goes over the steps of a run of fnn.train; elsewhere, as in optimizer.update and "
            f"inside @njit, it needs {name}="
        )

    return steps


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
        with np.errstate(under="ignore"):  # one that fades to 0 may be subnormal on its way
            values = value.at(steps)
    else:
        values = np.array([number(f"{name} at step {step}", value(step)) for step in steps.tolist()])
    is_valid = (values >= 0) & (values < below)
    if not is_valid.all():
        wrong = int(np.argmin(is_valid))
        limits = "finite and at least 0" if below == np.inf else f"at least 0 and below {below:g}"
        raise ValueError(f"{name}: must be {limits}, is {values[wrong]} at step {steps[wrong]}")

    return values
