"""What a run returns or raises: a record of each epoch, their history, and errors that hand over what was trained."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Generic, Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from fnn.boundary.notebook import html_of
from fnn.network.params import DT, Params
from fnn.optimizers.optimizer import OptimizerState

Ending: TypeAlias = Literal[
    "epochs",
    "callback",
    "patience",
    "target_error",
    "seconds",
    "interrupted",
    "min_gradient",
    "largest_mu",
    "line_search",
]


@dataclass(frozen=True, slots=True)
class Record:
    """The measures of an epoch, at its end.

    Errors are per case, whatever the `reduction`: Σ_c w_c E_c / Σ_c w_c, which is `fnn.error` with
    ``reduction="mean"``. `error` is that of the cases trained on, each measured before the update of its batch; with
    `lbfgs` and `levenberg_marquardt`, which know it, that after the epoch. The validation measures are those after the
    epoch; None without a validation set. `solver` has what a `Solver` tells of the epoch, by name.
    """

    error: float
    validation_error: float | None
    validation_accuracy: float | None
    solver: Mapping[str, float] = field(default_factory=dict)

    @property
    def judged(self) -> float:
        """The error by which a run is judged: that of the validation set, if there is one."""
        return self.error if self.validation_error is None else self.validation_error


@dataclass(frozen=True, slots=True, eq=False)
class History:
    """The records of all epochs as arrays of shape (epochs,), errors per case; what wasn't measured is None.

    `eta` is the rate of an epoch's first step; None if there is none, or its function fails when it is asked again.
    `seconds` is the duration of the run at the end of the epoch; short epochs without observers are timed in groups.
    `solver` has what `levenberg_marquardt` or `lbfgs` tells of each epoch, by name; else it is empty.
    """

    error: NDArray[np.float64]
    validation_error: NDArray[np.float64] | None
    validation_accuracy: NDArray[np.float64] | None
    eta: NDArray[np.float64] | None
    seconds: NDArray[np.float64]
    solver: Mapping[str, NDArray[np.float64]] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.error)

    @property
    def best_epoch(self) -> int | None:
        """The first epoch, counted from 1, whose error was least: the validation error, if there is one."""
        errors = self.error if self.validation_error is None else self.validation_error

        return None if np.isnan(errors).all() else int(np.nanargmin(errors)) + 1

    def line(self, epoch: int) -> str:
        """The measures of an epoch, counted from 1, in a line."""
        columns = [(name, getattr(self, name)) for name in ("error", "validation_error", "validation_accuracy")]
        measures = [f"{name.replace('_', ' ')} {c[epoch - 1]:.6g}" for name, c in columns if c is not None]

        return f"epoch {epoch}, {', '.join(measures)}"

    def as_dict(self) -> dict[str, NDArray[Any]]:
        """The columns that were measured, first the epochs, counted from 1: ``pandas.DataFrame(history.as_dict())``."""
        own = {name: getattr(self, name) for name in self.__slots__ if name != "solver"}
        columns = {"epoch": np.arange(1, len(self) + 1), **own, **self.solver}

        return {name: column for name, column in columns.items() if column is not None}


@dataclass(frozen=True, slots=True, eq=False)
class Run(Generic[DT]):
    """What `train` returns.

    `state` is the optimizer's, from which `train` goes on, and its `update`. `stop_reason` is "epochs", after the last
    one; "callback", one returned True; a rule of `stopping`: "patience", "target_error" or "seconds"; a rule of `lbfgs`
    or `levenberg_marquardt`: "min_gradient", "largest_mu" or "line_search"; or "interrupted", by the error that carries
    this run. `held_out` are the numbers of the cases, rows of the caller's arrays in ascending order, that a fraction
    for `validation` kept for it; else None.
    """

    params: Params[DT]
    history: History
    state: OptimizerState[DT]
    stop_reason: Ending
    held_out: NDArray[np.int64] | None = None

    def __repr__(self) -> str:
        history, epochs = self.history, len(self.history)
        seconds = history.seconds[-1] if epochs else 0.0
        ends = [f"fnn.Run({epochs} epochs in {seconds:.3g} seconds, stop_reason={self.stop_reason!r})"]
        for name, epoch in (("last", epochs), ("best", history.best_epoch)):
            ends.append(f"  {name}: {history.line(epoch) if epoch else 'none'}")

        return "\n".join(ends)

    def _repr_html_(self) -> str:
        """What a notebook shows."""
        return html_of(self)


class BatchError(ValueError):
    """A batch of an iterable couldn't be trained on, or the iterable raised an error, which is the cause of this one.

    Attributes
    ----------
    epoch, batch
        The place, both counted from 1; batch 0 if the epoch had none.
    run
        The run until the batch before: parameters, the history of whole epochs, the optimizer's state.
    """

    def __init__(self, message: str, epoch: int, batch: int, run: Run[Any]) -> None:
        super().__init__(message)
        self.epoch, self.batch, self.run = epoch, batch, run

    def __reduce__(self) -> tuple[type[BatchError], tuple[str, int, int, Run[Any]]]:
        return BatchError, (str(self), self.epoch, self.batch, self.run)


class TrainingInterrupted(KeyboardInterrupt):
    """Ctrl-C ended a run between two steps.

    Attributes
    ----------
    params, state
        The parameters and the optimizer's state after the last step.
    history
        The history of the epochs that had ended.
    """

    def __init__(self, params: Params[Any], history: History, state: OptimizerState[Any]) -> None:
        super().__init__(
            f"training was interrupted after {len(history)} epochs, by step {state.step} of the optimizer; "
            f".params, .history and .state hold it so far"
        )
        self.params, self.history, self.state = params, history, state

    def __reduce__(self) -> tuple[type[TrainingInterrupted], tuple[Params[Any], History, OptimizerState[Any]]]:
        return TrainingInterrupted, (self.params, self.history, self.state)


class TrainingDiverged(ArithmeticError):
    """The error or the parameters became NaN or infinite.

    Attributes
    ----------
    epoch
        The epoch, counted from 1, in which they did.
    params
        The parameters after the last good epoch: they are finite, and so is the error with them.
    history
        The history of the epochs up to those parameters.
    """

    def __init__(self, epoch: int, params: Params[Any], history: History) -> None:
        causes = 'eta is too large (with reduction="sum" the step grows with the batch) or the inputs are not scaled'
        if history.solver:
            causes = "inputs or targets are not scaled"
        super().__init__(
            f"the error or the parameters became NaN or infinite in epoch {epoch}; usually {causes}; .params holds the "
            f"network after epoch {len(history)} (or some batches later, if they came one by one)"
        )
        self.epoch, self.params, self.history = epoch, params, history

    def __reduce__(self) -> tuple[type[TrainingDiverged], tuple[int, Params[Any], History]]:
        return TrainingDiverged, (self.epoch, self.params, self.history)
