"""`FitRule`: when a fit ends, by scikit-learn's rules, and what it tells of each epoch."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final, NamedTuple

import numpy as np

from fnn.io.archive import require_arrays
from fnn.network.params import AnyParams
from fnn.optimizers.schedule import Etas, Schedule, Steps
from fnn.training.checkpoint_format import Arrays, ArraySpecs, state_arrays, state_from, state_specs
from fnn.training.history import History, Record
from fnn.training.steppers.batches import SQUARED_WEIGHTS
from fnn.training.steppers.stepper import Snapshot, Stepper
from fnn.training.stopping import Best, Rule, Stopper, Stopping

RELATIVE: Final = 1e7 * np.finfo(np.float64).eps  # of the loss, as SciPy's L-BFGS-B has it
_LEAST_RATE: Final = 1e-6  # to which an adaptive learning rate is divided
_FACTOR: Final = 5.0


class Limits(NamedTuple):
    """The parameters by which a fit ends."""

    tol: float
    n_iter_no_change: float
    max_fun: float
    early_stopping: bool
    goes_over_all: bool  # a solver's iterations, each of which knows the loss after it
    steps: int  # of an epoch
    relative: float  # change of the loss below which a solver's run ends
    adaptive: bool
    verbose: bool


class Progress(NamedTuple):
    """What goes on in a later fit with `warm_start`, and in `partial_fit`."""

    no_change: int = 0  # epochs in a row without an improvement by tol
    best_loss: float = np.inf
    best_score: float = -np.inf
    rate: float = np.nan  # the learning rate, if it is adaptive
    squares: float = np.nan  # Σ W² as the last epoch has summed it; NaN: to be summed anew


class FitRule(Stopper[Any]):
    """Ends a run of `train` where scikit-learn ends a fit, and keeps its curves.

    `loss_of` makes the loss that scikit-learn tells of an error per case and of Σ W²; `score_of` measures params on the
    validation set.
    """

    def __init__(
        self, limits: Limits, start: AnyParams, progress: Progress, loss_of: Callable[[float, float], float],
        score_of: Callable[[AnyParams], float] | None,
    ) -> None:  # fmt: skip
        super().__init__(Stopping(), start.architecture)
        self.observes_errors = True
        self._limits, self._loss_of, self._score_of = limits, loss_of, score_of
        self._squares = _squares(start) if np.isnan(progress.squares) else progress.squares
        self.progress = progress
        self.losses: list[float] = []
        self.validation_losses: list[float] = []
        self.scores: list[float] = []
        self.has_converged = False
        self._evaluations = 0.0

    def epochs_to_end(self) -> int:
        limits = self._limits
        if limits.goes_over_all or limits.verbose or self._score_of is not None:
            return 1

        return max(
            1, int(min(limits.n_iter_no_change, 2.0**53)) + 1 - self.progress.no_change
        )  # or fewer were asked for

    def rate(self) -> float:
        """The present learning rate."""
        return self.progress.rate

    def observe(self, record: Record, at: Snapshot[Any]) -> Rule | None:
        self._see(record, at)
        if self._limits.goes_over_all and not self._limits.early_stopping:
            return self._end_of_solver(record)

        return self._end_of_descent()

    def catch_up(self, history: History, at: Snapshot[Any]) -> None:
        """See the epochs of a call that was interrupted."""
        for epoch in range(len(self.losses), len(history)):
            told = {name: float(column[epoch]) for name, column in history.solver.items()}
            self._see(Record(float(history.error[epoch]), None, None, told), at)

    def _see(self, record: Record, at: Snapshot[Any]) -> None:
        """Keep the measures of an epoch."""
        limits, before = self._limits, self._squares
        known = record.solver.get(SQUARED_WEIGHTS)
        self._squares = _squares(at.params) if known is None else known
        part = 1.0 if limits.goes_over_all else (limits.steps - 1) / (2 * limits.steps)  # of the way, in the mean
        within = before + part * (self._squares - before)
        self.losses.append(self._loss_of(record.error, within))
        if limits.verbose:
            print(f"Iteration {len(self.losses)}, loss = {self.losses[-1]:.8f}")
        if record.validation_error is not None:
            self.validation_losses.append(self._loss_of(record.validation_error, 0.0))
        if self._score_of is not None:
            self.scores.append(self._score_of(at.params))
            if limits.verbose:
                print(f"Validation score: {self.scores[-1]:.6f}")
        self._count(at)

    def _count(self, at: Snapshot[Any]) -> None:
        """Count the epochs without an improvement, and keep the best."""
        p, limits, loss = self.progress, self._limits, self.losses[-1]
        if limits.early_stopping:
            score = self.scores[-1]
            is_worse = score < p.best_score + limits.tol
            if score > p.best_score:
                self.best = Best(-score, at.params, at.state)
            best_loss, best_score = p.best_loss, max(p.best_score, score)  # NaN is never the best
        else:
            is_worse = loss > p.best_loss - limits.tol
            best_loss, best_score = min(p.best_loss, loss), p.best_score
        squares = np.nan if limits.early_stopping else self._squares  # those of the last weights, not of the best
        self.progress = Progress(p.no_change + 1 if is_worse else 0, best_loss, best_score, p.rate, squares)

    def _end_of_descent(self) -> Rule | None:
        p, limits = self.progress, self._limits
        if p.no_change <= limits.n_iter_no_change:
            return None
        what = "Validation score" if limits.early_stopping else "Training loss"
        text = f"{what} did not improve more than tol={limits.tol:f} for {limits.n_iter_no_change} consecutive epochs."
        if limits.adaptive and p.rate > _LEAST_RATE:
            self.progress = p._replace(no_change=0, rate=p.rate / _FACTOR)
            if limits.verbose:
                print(f"{text} Setting learning rate to {self.progress.rate:f}")
            return None
        if limits.verbose:
            print(f"{text} Stopping.")
        self.has_converged = True

        return "patience"

    def _end_of_solver(self, record: Record) -> Rule | None:
        limits = self._limits
        self._evaluations += record.solver.get("evaluations", 1.0)
        has_settled = record.solver.get("greatest_slope", np.inf) <= limits.tol
        if len(self.losses) > 1:
            before, now = self.losses[-2:]
            has_settled |= 0 <= before - now <= limits.relative * max(abs(before), abs(now), 1.0)
        self.has_converged = has_settled and self._evaluations < limits.max_fun

        return "patience" if self.has_converged or self._evaluations >= limits.max_fun else None

    def arrays(self) -> Arrays:
        p = self.progress
        arrays: Arrays = {
            "losses": np.array(self.losses, np.float64),
            "validation_losses": np.array(self.validation_losses, np.float64),
            "scores": np.array(self.scores, np.float64),
            "counts": np.array([p.no_change, self.has_converged], np.int64),
            "numbers": np.array([p.best_loss, p.best_score, p.rate, self._squares, self._evaluations]),
        }
        if self.best is not None:
            arrays |= {"best_error": np.array(self.best.error)} | state_arrays("best_", *self.best[1:])

        return arrays

    def restore(self, arrays: Arrays, stepper: Stepper[Any], epochs: int) -> None:
        specs: ArraySpecs = {
            "losses": (np.float64, (epochs,)),
            "validation_losses": (np.float64, np.shape(arrays.get("validation_losses", ()))),
            "scores": (np.float64, (epochs if self._score_of is not None else 0,)),
            "counts": (np.int64, (2,)),
            "numbers": (np.float64, (5,)),
        }
        now, has_best = stepper.snapshot(), "best_error" in arrays
        if has_best:
            specs |= {"best_error": (np.float64, ())} | state_specs("best_", now.params, now.state)
        require_arrays(arrays, specs, finite=["best_params"] if has_best else [])
        self.losses, self.validation_losses, self.scores = (
            arrays[name].tolist() for name in ("losses", "validation_losses", "scores")
        )
        best_loss, best_score, rate, self._squares, self._evaluations = arrays["numbers"].tolist()
        count, self.has_converged = int(arrays["counts"][0]), bool(arrays["counts"][1])
        squares = np.nan if self._limits.early_stopping else self._squares
        self.progress = Progress(count, best_loss, best_score, rate, squares)
        if has_best:
            self.best = Best(float(arrays["best_error"]), *state_from("best_", arrays, now.params))


class AdaptiveRate(Schedule):
    """The learning rate that a rule has set for the present epoch."""

    present: Callable[[], float]

    def at(self, steps: Steps) -> Etas:
        return np.full(len(steps), self.present())


class InverseScaling(Schedule):
    """η₀ / (t + 1)ᵖ, t the cases seen before the present epoch; η₀ in the first epoch of a fit, as in scikit-learn."""

    eta: float
    power: float
    cases: int  # of an epoch
    before: int  # cases seen before the run
    steps: int  # of an epoch
    first: int  # step
    goes_on: bool

    def at(self, steps: Steps) -> Etas:
        epochs = np.maximum(steps - self.first, 0) // self.steps
        scaled = self.eta / (self.before + epochs * self.cases + 1.0) ** self.power

        return np.where((epochs > 0) | self.goes_on, scaled, self.eta)


def _squares(params: AnyParams) -> float:
    """Σ W²."""
    flat, slices = params.flat_buffer, params.architecture.slices()

    return float(sum(np.vdot(flat[part], flat[part]) for key, part, _ in slices if key.startswith("W")))
