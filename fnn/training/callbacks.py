"""Callbacks: functions of the user that `train` calls after every epoch or every k steps, and `progress`."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, Generic, SupportsIndex, TypeAlias

import numpy as np

from fnn.boundary.checks import flag, whole
from fnn.network.params import DT, Params
from fnn.training.history import Record
from fnn.training.progress import NetworkProgress
from fnn.training.ranks.team import Team
from fnn.values import Value


class EachEpoch(Value, Generic[DT]):
    """What `each_epoch` returns."""

    function: Callable[[int, Params[DT], Record], object]


class EachSteps(Value, Generic[DT]):
    """What `each_steps` returns."""

    k: int
    function: Callable[[int, Params[DT], float], object]


class ShowProgress(Value):
    """What `progress` returns."""

    shown: bool | None = None


Callback: TypeAlias = EachEpoch[DT] | EachSteps[DT] | ShowProgress


def each_epoch(function: Callable[[int, Params[DT], Record], object]) -> EachEpoch[DT]:
    """A callback of `train`: ``function(epoch, params, record)`` after every epoch, counted from 1; True ends the run.

    Raises
    ------
    TypeError
        The function isn't callable.

    Examples
    --------
    >>> import fnn
    >>> def stop_early(epoch: int, params: fnn.Params, record: fnn.Record) -> bool:
    ...     return record.error < 0.1
    >>> x, y = [[0, 0], [0, 1], [1, 0], [1, 1]], [[0], [1], [1], [0]]
    >>> start, watch = fnn.init((2, 2, 1), seed=2), fnn.each_epoch(stop_early)
    >>> fnn.train(start, x, y, eta=2.0, epochs=10_000, callbacks=[watch]).stop_reason
    'callback'
    """
    if not callable(function):
        raise TypeError(f"each_epoch: needs a function, got {function!r}")

    return EachEpoch(function)


def each_steps(k: SupportsIndex, function: Callable[[int, Params[DT], float], object]) -> EachSteps[DT]:
    """A callback of `train`: ``function(step, params, error)`` after every k steps of the run.

    Parameters
    ----------
    k
        Steps from one call to the next, at least 1.
    function
        It gets the steps so far and the error per case of those of the present epoch, each measured before its update
        (NaN as long as these cases weigh nothing); it ends the run by returning True.

    Raises
    ------
    ValueError, TypeError
        k is out of range, or the function isn't callable.
    """
    if not callable(function):
        raise TypeError(f"each_steps: needs a function after k, got {function!r}")

    return EachSteps(whole("each_steps: k", k, at_least=1), function)


def progress(shown: bool | None = None) -> ShowProgress:
    """A callback of `train` and `train_many`: a progress bar on standard error, once a run has lasted a second.

    That of `train` shows its epochs, their errors and the time left; that of `train_many` how many networks are done.
    It is tqdm's if that is installed (extra `progress`), else a plain one.

    Parameters
    ----------
    shown
        True: always, if standard error can be written to. False: never. None, as without this callback: if a terminal
        or a notebook shows standard error.

    Raises
    ------
    TypeError
        It is neither True nor False nor None.
    """
    return ShowProgress(None if shown is None else flag("shown", shown))


class Callbacks(Generic[DT]):
    """The callbacks of a run."""

    def __init__(self, given: Iterable[Callback[DT]]) -> None:
        is_one: bool = isinstance(given, EachEpoch | EachSteps | ShowProgress)
        if is_one or not isinstance(given, Iterable):
            raise TypeError(f"callbacks: needs a sequence such as [fnn.each_epoch(f)], got {given!r:.60}")
        callbacks: list[Any] = list(given)
        for i, callback in enumerate(callbacks):
            if not isinstance(callback, EachEpoch | EachSteps | ShowProgress):
                raise TypeError(
                    f"callbacks[{i}]: needs fnn.each_epoch(f), fnn.each_steps(k, f) or fnn.progress(), "
                    f"got {callback!r:.60}"
                )
        self._of_epochs = [c.function for c in callbacks if isinstance(c, EachEpoch)]
        self.observe_epochs = bool(self._of_epochs)
        self._of_steps = [(c.k, c.function) for c in callbacks if isinstance(c, EachSteps)]
        self.shown = next((c.shown for c in callbacks if isinstance(c, ShowProgress)), None)
        self.network_progress: NetworkProgress | None = None  # of a bar of many networks

    def share(self, team: Team) -> None:
        """Let all ranks know when those of rank 0, which alone are called, are due."""
        self.observe_epochs, steps = team.lead((self.observe_epochs, [k for k, _ in self._of_steps]))
        if not team.leads:
            self._of_steps = [(k, _call_nothing) for k in steps]

    def until_due(self, steps: int) -> int | None:
        """From a number of steps that are done, the steps until a callback is due; None if none ever is."""
        return min((k - steps % k for k, _ in self._of_steps), default=None)

    def is_due(self, steps: int) -> bool:
        """Whether a callback is due when this many steps are done."""
        return any(steps % k == 0 for k, _ in self._of_steps)

    def after_steps(self, steps: int, params: Params[DT], error: float) -> bool:
        """Call what is due when this many steps are done; whether one of the callbacks ends the run."""
        return _ends_run([f(steps, params, error) for k, f in self._of_steps if steps % k == 0])

    def after_epoch(self, epoch: int, params: Params[DT], record: Record) -> bool:
        """Call the callbacks of epochs; whether one of them ends the run."""
        return _ends_run([f(epoch, params, record) for f in self._of_epochs])


def _call_nothing(*_: object) -> None:
    """In place of a function that rank 0 calls."""


def _ends_run(answers: list[object]) -> bool:
    """Whether a function of the user has returned True, Python's or NumPy's."""
    return any(isinstance(answer, bool | np.bool_) and answer for answer in answers)
