"""A fit: from checked data and an estimator's parameters to a run of `train`, and what comes of it."""

from __future__ import annotations

import os
from collections.abc import Sequence
from copy import copy
from functools import partial
from typing import Any

import numpy as np
from joblib.parallel import get_active_backend
from sklearn.exceptions import ConvergenceWarning
from sklearn.model_selection import train_test_split

from fnn.activations.activation import Activation
from fnn.equations.forward import forward
from fnn.equations.objective import Reduction
from fnn.losses.loss import Loss
from fnn.network.params import AnyParams
from fnn.network.regularization import Regularization
from fnn.optimizers.optimizer import Optimizer, OptimizerState
from fnn.optimizers.schedule import OfStep, Schedule
from fnn.sklearn.advice import warn
from fnn.sklearn.data import Array, Data, Fitted, Problem
from fnn.sklearn.draw import first_params
from fnn.sklearn.parameters import LEAST_SQUARES, optimizer_of, sizes_of
from fnn.sklearn.rule import RELATIVE, AdaptiveRate, FitRule, InverseScaling, Limits, Progress
from fnn.sklearn.scaling import Scaling, scaling_of
from fnn.sklearn.scores import Score, minus_loss
from fnn.sklearn.suitability import require_keepable, require_suited
from fnn.training.callbacks import Callback
from fnn.training.history import Ending, TrainingDiverged, TrainingInterrupted
from fnn.training.steppers.levenberg_marquardt import levenberg_marquardt
from fnn.training.steppers.solver import Solver
from fnn.training.steppers.stepper import Snapshot
from fnn.training.task import checkpoint_of, task_of
from fnn.training.train import begin


class Fit:
    """A fit of an estimator to data, or, `incremental`, an epoch of `partial_fit`; `before` is what it goes on from."""

    def __init__(
        self, estimator: Any, data: Data, problem: Problem, activations: Sequence[Activation],
        random: np.random.RandomState, before: Fitted | None, *, incremental: bool = False,
    ) -> None:  # fmt: skip
        self.estimator, self.problem, self.before, self.incremental = estimator, problem, before, incremental
        self.random = random
        self.checkpoint = estimator.checkpoint
        self._has_interval = getattr(estimator, "interval", None) is not None  # which needs a run that has ended
        solver = estimator.solver
        self._is_solver = isinstance(solver, Solver) or (
            isinstance(solver, str) and solver in {"lbfgs", *LEAST_SQUARES}
        )
        require_suited(estimator, problem.loss, is_solver=self._is_solver)
        goes_on = incremental or before is not None
        require_keepable(estimator, incremental=incremental, goes_on=goes_on)
        if before is not None:  # its network's dtype stays
            data = data._replace(x=data.x.astype(before.network.dtype, copy=False))
        self.scaling = self._scaling_of(data)
        self.data = data.scaled(self.scaling)
        self.start = self._first_network(activations)

    def _scaling_of(self, data: Data) -> Scaling | None:
        if self.before is not None:  # whose weights are in its units
            return self.before.scaling
        if not self.estimator.standardize:
            return None

        return scaling_of(*data, scales_targets=self.problem.scales_targets)

    def _first_network(self, activations: Sequence[Activation]) -> AnyParams:
        sizes = (self.data.x.shape[1], *sizes_of(self.estimator.hidden_layer_sizes), self.problem.outputs)
        if self.before is None:
            return first_params(sizes, activations, self.random, self.data.x.dtype)
        network = self.before.network
        if (network.sizes, network.activations) != (sizes, tuple(activations)):
            raise ValueError(
                f"hidden_layer_sizes, activation: a fit that goes on from the last needs those that it had, "
                f"{network.sizes} and {network.activations}; got {sizes} and {tuple(activations)}"
            )

        return network

    def attributes(self, params: AnyParams, epoch: int) -> dict[str, Any]:
        """What a copy of the estimator needs to be as if the fit had ended after an epoch."""
        return {"params_": params if self.scaling is None else self.scaling.folded(params), "n_iter_": epoch}

    def another(self, loss: Loss, data: Data, name: str) -> Fit:
        """The same fit with another loss, to cases in standard units."""
        fit = copy(self)
        fit.before = None
        fit.problem, fit.data = self.problem._replace(loss=loss, score=partial(minus_loss, loss)), data
        if self.checkpoint is not None:
            rules = checkpoint_of(self.checkpoint)
            assert rules is not None
            fit.checkpoint = rules.__replace__(path=f"{os.fspath(rules.path)}.{name}")

        return fit

    def run(self, held_out: Data | None, callbacks: Sequence[Callback[Any]] = ()) -> Fitted:
        """Train, and tell what came of it; the validation set is in standard units, as all data here."""
        estimator, before, data = self.estimator, self.before, self.data
        stops_early = estimator.early_stopping and not self.incremental
        if stops_early and held_out is None:
            if estimator.solver == "lbfgs":
                stops_early = False
            else:
                data, held_out = self.split()
        same_run = before if self.incremental and before is not None and before.seed is not None else None
        seed = int(self.random.randint(2**31 - 1)) if same_run is None else same_run.seed
        assert seed is not None
        self.trained = data
        size, state = self._batch_size(len(data.x)), None
        rule = self._rule(data, held_out, size, stops_early=stops_early)
        first = 0 if same_run is None else same_run.epochs
        seen = 0 if before is None else before.cases_seen
        name = type(optimizer_of(estimator, 1e-3, data.weight)).__name__
        if same_run is not None and same_run.optimizer == name:
            state = same_run.state
        rate = self._rate(rule, len(data.x), size, seen, state)
        optimizer = optimizer_of(estimator, rate, data.weight)
        network, state = self._train(data, held_out, rule, optimizer, size, seed, first, state, callbacks)
        if stops_early and rule.best is None and before is not None:
            network, state = before.network, before.state
        earlier = Fitted(network, network) if before is None else before

        return Fitted(
            network if self.scaling is None else self.scaling.folded(network), network, self.scaling, seed,
            first + len(rule.losses), seen + len(data.x) * len(rule.losses), name, state, rule.progress,
            (*earlier.loss_curve, *rule.losses), (*earlier.validation_loss_curve, *rule.validation_losses),
            (*earlier.validation_scores, *rule.scores), len(rule.losses), stops_early,
        )  # fmt: skip

    def split(self) -> tuple[Data, Data]:
        """What is trained on and what is held out: the same cases as by scikit-learn."""
        data = self.data
        strata = data.y.astype(bool).reshape(-1, 1) if self.problem.is_stratified else None
        trained, held_out = train_test_split(
            np.arange(len(data.x)), random_state=self.random, test_size=self.estimator.validation_fraction,
            stratify=strata,
        )  # fmt: skip
        if len(held_out) < 2:
            raise ValueError(
                "The validation set is too small. Increase 'validation_fraction' or the size of your dataset."
            )

        return data.part(trained), data.part(held_out)

    def _batch_size(self, cases: int) -> int:
        size = self.estimator.batch_size
        if self._is_solver or getattr(self.estimator.solver, "needs_all_cases", False):
            return cases
        if size == "auto":
            return min(200, cases)
        if size > cases:
            warn("Got `batch_size` less than 1 or larger than sample size. It is going to be clipped")

        return int(min(size, cases))

    def _l2(self, data: Data, size: int) -> tuple[float, float]:
        """λ₂ of a step, alpha / n for n cases of a batch; and that of the loss that scikit-learn tells."""
        solver, alpha, cases = self.estimator.solver, float(self.estimator.alpha), len(data.x)
        if solver == "bayesian" or (isinstance(solver, levenberg_marquardt) and solver.bayesian):
            return 0.0, 0.0
        batches, rest = divmod(cases, size)
        of_batches = (batches / size + (1 / rest if rest else 0.0)) / (batches + bool(rest))
        mean_weight = data.weight / cases
        is_sum = self._reduction() == "sum"

        return alpha if is_sum else alpha * of_batches / mean_weight, alpha * (batches + bool(rest)) / data.weight

    def _reduction(self) -> Reduction:
        solver = self.estimator.solver
        is_least_squares = isinstance(solver, levenberg_marquardt) or solver in LEAST_SQUARES

        return "sum" if is_least_squares else "mean"  # μ is that of a sum

    def _rule(self, data: Data, held_out: Data | None, size: int, *, stops_early: bool) -> FitRule:
        estimator, problem = self.estimator, self.problem
        adaptive = estimator.solver == "sgd" and estimator.learning_rate == "adaptive"
        limits = Limits(
            float(estimator.tol), estimator.n_iter_no_change,
            estimator.max_fun if estimator.solver == "lbfgs" else np.inf, stops_early, self._is_solver,
            -(-len(data.x) // size), RELATIVE if estimator.solver in {"lbfgs", "lm"} else -1.0, adaptive,
            bool(estimator.verbose),
        )  # fmt: skip
        _, l2 = self._l2(data, size)
        outputs = problem.outputs if problem.averages_outputs else 1
        progress = Progress() if self.before is None else self.before.progress
        if not self.incremental:
            progress = progress._replace(squares=np.nan)
        if not (self.incremental and progress.rate > 0):
            progress = progress._replace(rate=float(estimator.learning_rate_init))
        score_of = None
        if held_out is not None:
            score_of = partial(_score, problem.score(held_out.y, held_out.weights), held_out.x)

        return FitRule(limits, self.start, progress, lambda error, w: error / outputs + l2 * w / 2, score_of)

    def _rate(self, rule: FitRule, cases: int, size: int, seen: int, state: OptimizerState[Any] | None) -> OfStep:
        estimator = self.estimator
        rate, eta = estimator.learning_rate, float(estimator.learning_rate_init)
        if isinstance(rate, Schedule):
            return rate
        if estimator.solver == "sgd" and rate == "adaptive":
            return AdaptiveRate(rule.rate)
        if estimator.solver == "sgd" and rate == "invscaling":
            steps, first = -(-cases // size), 0 if state is None else state.step
            return InverseScaling(eta, float(estimator.power_t), cases, seen, steps, first, state is not None)

        return eta

    def _train(
        self, data: Data, held_out: Data | None, rule: FitRule, optimizer: Optimizer | Solver, size: int, seed: int,
        first: int, state: OptimizerState[Any] | None, callbacks: Sequence[Callback[Any]],
    ) -> tuple[AnyParams, OptimizerState[Any] | None]:  # fmt: skip
        """The network and the optimizer's state after a run of `train`."""
        estimator, (l2, _) = self.estimator, self._l2(data, size)
        dropout = estimator.dropout if np.ndim(estimator.dropout) == 0 else tuple(estimator.dropout)
        task = task_of(
            self.start, data.cases(), None, optimizer=optimizer, eta=None,
            epochs=1 if self.incremental else estimator.max_iter, batch_size=size, seed=seed, loss=self.problem.loss,
            reduction=self._reduction(), regularization=Regularization(l2=l2, dropout=dropout),
            validation=None if held_out is None else held_out.cases(), stopping=None, callbacks=callbacks,
            checkpoint=self.checkpoint, state=state, threads=threads_of(estimator.threads),
            shuffle=bool(estimator.shuffle), first_epoch=first,
        )  # fmt: skip
        try:
            run = begin(task._replace(stopper=rule, tells_squares=True)).run()
        except TrainingDiverged as error:
            if rule.best is None or self._has_interval:
                raise ValueError(
                    "Solver produced non-finite parameter weights. The input data may contain large values and need to "
                    f"be preprocessed. (In epoch {error.epoch}; try standardize=True, or a lower learning_rate_init.)"
                ) from error
            rule.losses.append(np.nan)
            rule.scores.append(np.nan)
            warn(
                f"The fit diverged in epoch {error.epoch}; it has the best weights of those before.", ConvergenceWarning
            )
            return rule.best.params, rule.best.state
        except TrainingInterrupted as interrupted:
            history = interrupted.history
            rule.catch_up(history, Snapshot(len(history), interrupted.params, interrupted.state))
            if not rule.losses or self._has_interval:
                raise
            warn("Training interrupted by user.")
            best = interrupted if rule.best is None else rule.best
            return best.params, best.state
        self.ended = run
        self._warn(rule, run.stop_reason)

        return run.params, run.state

    def _warn(self, rule: FitRule, ending: Ending) -> None:
        """Warn if the iterations ran out."""
        if self.incremental or rule.has_converged or ending not in {"epochs", "patience"}:
            return
        name = "lbfgs" if self._is_solver else "Stochastic Optimizer"
        limit = "max_fun" if ending == "patience" else "max_iter"
        otherwise = ", or standardise the inputs, as standardize=True does, so that fewer are enough"
        advice = "" if self.estimator.standardize else otherwise
        warn(
            f"{name}: Maximum iterations ({len(rule.losses)}) reached and the optimization hasn't converged yet. Raise "
            f"{limit}{advice}.",
            ConvergenceWarning,
        )  # fmt: skip


def _score(score: Score, x: Array, params: AnyParams) -> float:
    """The score of the network's outputs for inputs."""
    return score(forward(params, x))


def threads_of(threads: int | None) -> int | None:
    """The most threads: those given; else one in a worker of joblib's, unless it says how many it leaves to each."""
    if threads is not None:
        return int(threads)
    backend, _ = get_active_backend()
    is_worker, is_limited = bool(getattr(backend, "nesting_level", 0)), "OMP_NUM_THREADS" in os.environ

    return 1 if is_worker and not is_limited else None
