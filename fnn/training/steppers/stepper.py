"""`Stepper`: what changes parameters step by step. `Loop` does everything else.

To add an engine (such as data parallelism): a file with a class that has these members, which `begin` in
`fnn.training.train` chooses by the optimizer or the cases. Validation, stopping, callbacks, checkpoints and Ctrl-C then
work with it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Generic, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from fnn.network.params import DT, Params
from fnn.optimizers.optimizer import OptimizerState
from fnn.training.checkpoint_format import Arrays
from fnn.training.history import Ending
from fnn.training.interrupt import Interrupt
from fnn.training.steppers.plateau import RateObserver


class Snapshot(NamedTuple, Generic[DT]):
    """A run between two steps."""

    epoch: int  # epochs that have ended
    params: Params[DT]
    state: OptimizerState[DT]  # its step counts those of earlier runs, too
    cases: int = 0  # of the current epoch that are done
    sums: tuple[float, float] = (0.0, 0.0)  # Σ_c w_c E_c and Σ_c w_c of those cases


def history_for(epochs: int) -> NDArray[np.float64]:
    """Memory for the errors of a run."""
    try:
        return np.empty(epochs)
    except (MemoryError, ValueError):  # the latter beyond what an array may be
        raise MemoryError(f"epochs: no memory for the errors of {epochs} epochs") from None


class Stepper(Protocol[DT]):
    """Changes parameters step by step, always with the same bits, however the steps are divided into calls."""

    history: NDArray[np.float64]  # the error per case of each epoch, written as it ends
    starting: float  # seconds, of those that `run` returned, until all threads ran, unless every step starts its own
    rate: RateObserver  # it must observe the error after every epoch, before the next step

    @property
    def epoch(self) -> int:
        """Epochs that have ended."""

    @property
    def step(self) -> int:
        """Steps of the current epoch."""

    @property
    def steps(self) -> int:
        """Steps of the whole run."""

    @property
    def steps_per_epoch(self) -> int:
        """Steps of an epoch, or a number that is never reached where it is unknown."""

    @property
    def error(self) -> float:
        """The error per case of the current epoch's steps or, at its end, of all of them, each before its update.

        NaN as long as these cases weigh nothing.
        """

    @property
    def diverged(self) -> bool:
        """Whether the error of a step was NaN or infinite; no further step is then taken."""

    @property
    def ending(self) -> Ending | None:
        """The rule of its own by which the run ends with the last epoch, if one does; no further step is then taken."""

    def told(self, epochs: int) -> Mapping[str, NDArray[np.float64]]:
        """What it tells of each of the first epochs, by name; views, to be copied if they are kept."""

    def etas(self, epochs: int) -> NDArray[np.float64] | None:
        """The learning rate of the first step of each of the first epochs; None if there is none."""

    def first_steps(self, epochs: int) -> NDArray[np.int64]:
        """The optimizer's number, from 0, of the first step of each of the first epochs."""

    def run(
        self, steps: int, threads: int, *, seconds: float = 0.0, interrupt: Interrupt | None = None
    ) -> tuple[int, float]:
        """Take steps, fewer if the run diverges or is interrupted; return how many, and their seconds.

        A call of many expected `seconds` must leave the main thread free to handle signals. Code of the user, such as
        an iterable of batches, is called by `interrupt.call`, and its time doesn't count.
        """

    def interrupt(self) -> None:
        """End the running call of `run`, or else the next, after a step or before its update; for signal handlers."""

    def params(self) -> Params[DT]:
        """The parameters as they are now; until the next step the same object."""

    def snapshot(self) -> Snapshot[DT]:
        """The run as it is now."""

    def restore(self, at: Snapshot[DT]) -> None:
        """Go on from a snapshot of this run."""

    def is_finite(self, params: Params[DT]) -> bool:
        """Whether parameters are finite, and so is the error of all cases with them."""

    def last_good(self) -> Params[DT] | None:
        """Finite parameters shortly before the run diverged; None if it can be repeated to find them."""

    def arrays(self) -> Arrays:
        """What a checkpoint must hold beside a snapshot and the history."""

    def resume(self, at: Snapshot[DT], errors: NDArray[np.float64], arrays: Arrays) -> None:
        """Go on from a checkpoint, with the history and what `arrays` returned; ValueError if that can't have been."""

    def catch_up(self) -> bool:
        """After `resume`, find the next case to train on; whether those before it are the ones that were trained on."""
