"""`Stopping`, when a run ends before its last epoch; `Stopper`, which applies it in a run."""

from __future__ import annotations

import sys
from dataclasses import KW_ONLY
from functools import cache
from typing import Generic, Literal, NamedTuple, TypeAlias

import numpy as np

from fnn.io.archive import require_arrays
from fnn.network.architecture import Architecture
from fnn.network.params import DT, Params
from fnn.optimizers.optimizer import OptimizerState
from fnn.training.checkpoint_format import Arrays, ArraySpecs, state_arrays, state_from, state_specs
from fnn.training.history import Record
from fnn.training.steppers.stepper import Snapshot, Stepper
from fnn.values import AtLeast0, Flag, OptionalCount, OptionalFinite, OptionalPositive, Value

Rule: TypeAlias = Literal["patience", "target_error"]


class Stopping(Value):
    """When `train` ends before its last epoch: by the first of these rules that is met.

    The error is that of the validation set, if there is one, or else the epoch's; per case, whatever the reduction (see
    `Record`). NaN is never an improvement, and never reaches a target.

    Parameters
    ----------
    patience
        Epochs in a row without an improvement after which the run ends, at least 1.
    min_improvement
        An epoch is an improvement if its error is below that of the last one by more than this, at least 0.
    target_error
        The run ends after an epoch whose error is at most this, which is finite.
    seconds
        The duration, above 0, after which the run ends, with all that happens in it: within an epoch if need be, after
        a whole step, and then the result depends on how fast the machine is.
    restore_best
        Whether the run returns the params after the epoch whose error was least (the first of several), and the
        optimizer's state after it, instead of the last ones, also if it ends with the last epoch.

    Raises
    ------
    ValueError, TypeError
        A number out of range or of another type; a min_improvement without patience.

    Examples
    --------
    >>> import fnn
    >>> x, y = [[0, 0], [0, 1], [1, 0], [1, 1]], [[0], [1], [1], [0]]
    >>> start = fnn.init((2, 2, 1), seed=2)
    >>> run = fnn.train(start, x, y, eta=2.0, epochs=10_000, stopping=fnn.Stopping(target_error=0.01))
    >>> run.stop_reason, len(run.history) < 10_000
    ('target_error', True)
    """

    _: KW_ONLY
    patience: OptionalCount = None
    min_improvement: AtLeast0 = 0.0
    target_error: OptionalFinite = None
    seconds: OptionalPositive = None
    restore_best: Flag = False

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.min_improvement > 0 and self.patience is None:
            raise ValueError(f"min_improvement: {self.min_improvement} matters only with patience, which wasn't given")


@cache  # to make one takes 20 µs, and 0.6 ms the first time
def _never() -> Stopping:
    """No rule at all."""
    return Stopping()


class Best(NamedTuple, Generic[DT]):
    """A run after the epoch whose error was least."""

    error: float
    params: Params[DT]
    state: OptimizerState[DT]


class Stopper(Generic[DT]):
    """Applies the rules of a `Stopping` to the epochs of a run."""

    def __init__(self, rules: Stopping | None, architecture: Architecture, *, spares_ties: bool = False) -> None:
        if not (rules is None or isinstance(rules, Stopping)):
            raise TypeError(f"stopping: needs fnn.Stopping(..), got {rules!r}")
        self.rules = rules = _never() if rules is None else rules
        self.observes_errors = rules.patience is not None or rules.target_error is not None or rules.restore_best
        self._spares_ties = spares_ties  # an error that equals that of the last improvement isn't counted
        self._improved, self._since = np.inf, 0  # the error of the last improvement, and the epochs since
        self.best: Best[DT] | None = None  # if it is to be restored

    def epochs_to_end(self) -> int:
        """How many epochs must pass, at least 1, before a rule can end the run or needs its params."""
        rules = self.rules
        if rules.restore_best or rules.target_error is not None:
            return 1

        return sys.maxsize if rules.patience is None else max(1, rules.patience - self._since)

    def is_late(self, seconds: float) -> bool:
        """Whether a run that has lasted so long should end."""
        return self.rules.seconds is not None and seconds >= self.rules.seconds

    def observe(self, record: Record, at: Snapshot[DT]) -> Rule | None:
        """Learn the measures of an epoch; return the rule that ends the run, if one does."""
        rules, error = self.rules, record.judged
        if rules.restore_best and error < (np.inf if self.best is None else self.best.error):
            self.best = Best(error, at.params, at.state)
        if error < self._improved - rules.min_improvement:
            self._improved, self._since = error, 0
        elif not (self._spares_ties and error == self._improved):
            self._since += 1
        if rules.target_error is not None and error <= rules.target_error:
            return "target_error"

        return "patience" if rules.patience is not None and self._since >= rules.patience else None

    def arrays(self) -> Arrays:
        """What a checkpoint must hold."""
        arrays: Arrays = {"improved": np.array(self._improved), "since": np.array(self._since)}
        if self.best is not None:
            error, params, state = self.best
            arrays |= {"best_error": np.array(error)} | state_arrays("best_", params, state)

        return arrays

    def restore(self, arrays: Arrays, stepper: Stepper[DT], epochs: int) -> None:
        """Go on from what `arrays` returned after processing some epochs; ValueError if it can't have been that."""
        specs: ArraySpecs = {"improved": (np.float64, ()), "since": (np.int64, ())}
        now, has_best = stepper.snapshot(), "best_error" in arrays
        if has_best:
            specs |= {"best_error": (np.float64, ())} | state_specs("best_", now.params, now.state)
        require_arrays(arrays, specs, finite=["best_error", "best_params"] if has_best else [])
        if not 0 <= arrays["since"] <= epochs:
            raise ValueError(f"since: {arrays['since']} of {epochs} epochs")
        if has_best and not (self.rules.restore_best and epochs > 0):
            raise ValueError("best_error: there is a best epoch although restore_best is off, or no epoch has ended")
        if has_best and arrays["best_step"] not in stepper.first_steps(epochs + 1)[1:]:
            raise ValueError(f"best_step: no epoch ended after {arrays['best_step']} steps")
        self._improved, self._since = float(arrays["improved"]), int(arrays["since"])
        if has_best:
            self.best = Best(float(arrays["best_error"]), *state_from("best_", arrays, now.params))
