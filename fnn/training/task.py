"""`Task`: the arguments of a run of `train`, checked; and in words, by which a checkpoint knows its run."""

from __future__ import annotations

import os
from collections.abc import Sequence
from functools import partial
from itertools import pairwise
from typing import Any, Generic, NamedTuple, SupportsFloat, SupportsIndex

import numpy as np
from numpy.typing import ArrayLike

from fnn.boundary.calls import needs
from fnn.boundary.checks import flag, number, positive, prefixed, whole
from fnn.data.batch_stream import Batches, BatchStream, require_no_batches, stream_of
from fnn.data.cases import Cases, cases_of
from fnn.data.conversion import require_weight
from fnn.data.draw import drawn
from fnn.data.fingerprint import fingerprint, fingerprints
from fnn.data.rows import CaseArrays
from fnn.equations.objective import Objective, Reduction, objective_of
from fnn.losses.loss import Loss
from fnn.network.params import DT, Params, require_params
from fnn.network.regularization import OF_ALL, Regularization
from fnn.optimizers.library import gradient_descent
from fnn.optimizers.optimizer import Optimizer, OptimizerState
from fnn.optimizers.schedule import Rate, Schedule
from fnn.training.callbacks import Callback, Callbacks
from fnn.training.checkpoint import Checkpoint
from fnn.training.checkpoint_format import Settings
from fnn.training.ranks.sharding import Sharding, sample_of, sharding_of
from fnn.training.ranks.team import Team
from fnn.training.steppers.solver import Solver
from fnn.training.stopping import Stopper, Stopping
from fnn.values import Value


class Task(NamedTuple, Generic[DT]):
    """A run whose arguments are checked; it takes memory when it begins."""

    params: Params[DT]
    cases: CaseArrays[DT] | BatchStream[DT]
    held_out: CaseArrays[DT] | None
    objective: Objective
    optimizer: Optimizer | Solver
    batch_size: int  # 0 for a stream, whose batches have their own sizes
    seed: int
    keeps_order: bool
    first_epoch: int  # of those that draw
    tells_squares: bool  # whether the run tells Σ W² of each epoch
    scale: float  # of the inputs, as in `Cases`
    epochs: int
    state: OptimizerState[DT] | None
    stopper: Stopper[DT]
    checkpoint: Checkpoint | None
    callbacks: Callbacks[DT]
    threads: int | None  # at most
    sharding: Sharding | None = None  # what of this rank has the cases

    def work(self, batch_size: int) -> float:
        """Operations of a step on a batch of this size: three products a layer, but no B4 in the first."""
        if isinstance(self.optimizer, Solver):
            return self.optimizer.work(self.params, batch_size)
        sizes = self.params.sizes
        products = 3 * sum(m * n for m, n in pairwise(sizes)) - sizes[0] * sizes[1]

        return 2.0 * batch_size * products * (2 if self.params.dtype == np.float64 else 1)

    @property
    def steps(self) -> int:
        """Steps of the whole run; 0 for a stream, whose length is unknown."""
        return 0 if isinstance(self.cases, BatchStream) else self.epochs * -(-self.cases.number // self.batch_size)


def task_of(
    params: Params[DT], x: ArrayLike | Cases | Batches, y: ArrayLike | None, *, optimizer: Optimizer | Solver | None,
    eta: Rate | None, epochs: SupportsIndex, batch_size: SupportsIndex | None, seed: SupportsIndex, loss: Loss,
    reduction: Reduction, regularization: Regularization | None,
    validation: Cases | tuple[ArrayLike, ArrayLike] | SupportsFloat | None, stopping: Stopping | None,
    callbacks: Sequence[Callback[DT]], checkpoint: str | os.PathLike[str] | Checkpoint | None,
    state: OptimizerState[DT] | None, threads: SupportsIndex | None, shuffle: bool = True,
    first_epoch: SupportsIndex = 0, shards: SupportsIndex | None = None, total_cases: SupportsIndex | None = None,
    team: Team | None = None,
) -> Task[DT]:  # fmt: skip
    """Check the arguments of `train`."""
    require_params("params", params)
    if not np.isfinite(params.flat_buffer).all():
        raise ValueError("params: hold NaN or infinity")
    objective = objective_of(params, loss, reduction, regularization)
    called = Callbacks(callbacks)
    optimizer, total = _optimizer_of(eta, optimizer, params), whole("epochs", epochs, at_least=0)
    seed = whole("seed", seed, at_least=0, at_most=2**63 - 1)
    first_epoch = whole("first_epoch", first_epoch, at_least=0, at_most=2**62)
    keeps_order = not flag("shuffle", shuffle)
    cases: CaseArrays[DT] | BatchStream[DT]
    sharding: Sharding | None = None
    if y is None and not isinstance(x, Cases):
        cases, size, scale = BatchStream(stream_of(x, total, batch_size), params, loss), 0, 1.0
        if shards is not None:
            raise ValueError("shards: x must have all cases, or this rank's, in arrays, but is an iterable of batches")
        if optimizer.needs_all_cases:
            raise ValueError(f"x: {optimizer!r} needs all cases in every step, so x can't be an iterable of batches")
        for value in vars(optimizer).values():
            if isinstance(value, Schedule) and value.needs_run:
                raise ValueError(
                    f"x: {value!r} goes over the steps of the run, whose number batches don't tell; give it steps="
                )
        held_out = _held_out_cases(params, validation, loss, scale)
    else:
        given = cases_of(require_no_batches(x), y)
        if shards is not None:
            kind = validation if validation is None or isinstance(validation, SupportsFloat) else "cases"
            said = {"validation": str(kind), "checkpoint": "None" if checkpoint is None else "a file"}
            sharding, given = sharding_of(team or Team(), shards, given, total_cases, said)
        scale = given.scale
        cases, held_out, sharding = _split(params, given, validation, loss, seed, sharding)
        number = cases.number if sharding is None else sharding.number
        size = number if batch_size is None else min(whole("batch_size", batch_size, at_least=1), number)
        if optimizer.needs_all_cases and size < number:
            raise ValueError(f"batch_size: {optimizer!r} needs all {number} cases in every step, got {size}")
        if isinstance(optimizer, Solver):
            optimizer.require_objective(params, cases, objective, sharding)
            if stopping is None and held_out is not None and optimizer.failures:
                stopping = Stopping(patience=optimizer.failures, restore_best=True)
    most = None if threads is None else whole("threads", threads, at_least=1)
    if team is not None and team.size > 1:
        most = team.threads(most)
    if state is not None:
        optimizer.require_state(params, state)
    stopper: Stopper[DT] = Stopper(stopping, params.architecture, spares_ties=isinstance(optimizer, Solver))

    return Task(
        params, cases, held_out, objective, optimizer, size, seed, keeps_order, first_epoch, False, scale, total, state,
        stopper, checkpoint_of(checkpoint), called, most, sharding,
    )  # fmt: skip


def _optimizer_of(eta: Rate | None, optimizer: Optimizer | Solver | None, params: Params[Any]) -> Optimizer | Solver:
    """The optimizer that is meant by the two arguments, one of which must be given."""
    if optimizer is None:
        if eta is None:
            raise TypeError("eta: needs a learning rate, or optimizer= needs an optimizer such as fnn.adam(1e-3)")
        return gradient_descent(eta if callable(eta) else positive("eta", eta, params.dtype))
    if not isinstance(optimizer, Optimizer | Solver):
        raise needs("optimizer", "an optimizer such as fnn.adam(1e-3)", optimizer)
    optimizer.require_limits(params.dtype)
    if eta is not None:
        its = "has its own" if isinstance(optimizer, Optimizer) else "has none"
        raise TypeError(f"eta: {optimizer!r} {its}, so it can't be given too; got {eta!r}")

    return optimizer


def checkpoint_of(given: object) -> Checkpoint | None:
    """Where the run is kept, and how often; TypeError if it is neither a path nor an `fnn.Checkpoint`."""
    if given is None or isinstance(given, Checkpoint):
        return given
    if not isinstance(given, str | os.PathLike):
        raise TypeError(f"checkpoint: needs a path or an fnn.Checkpoint, got {given!r:.60}")

    return Checkpoint(given)


def _split(
    params: Params[DT], cases: Cases, validation: Cases | tuple[ArrayLike, ArrayLike] | SupportsFloat | None,
    loss: Loss, seed: int, sharding: Sharding | None,
) -> tuple[CaseArrays[DT], CaseArrays[DT] | None, Sharding | None]:  # fmt: skip
    """The cases to train on, and those to validate on; no case is copied."""
    arrays = (
        cases.arrays(params, loss) if sharding is None else sharding.arrays(cases, params, loss, sharding.all_cases)
    )
    if validation is None:  # isinstance with a protocol takes 4 µs
        return arrays, None, sharding
    if not isinstance(validation, SupportsFloat) or isinstance(validation, bool | np.bool_ | np.ndarray):
        held_out = _held_out_cases(params, validation, loss, cases.scale, ", or the fraction of the cases", sharding)
        return arrays, held_out, sharding and sharding.validating(held_out)
    fraction, count = number("validation", validation), len(arrays.x) if sharding is None else sharding.all_cases
    if not 0 < fraction < 1:
        raise ValueError(f"validation: the fraction of the cases must be in (0, 1), got {fraction}")
    some = round(fraction * count)
    least, of_shards = (1, "") if sharding is None else (sharding.shards, " some of the shards")
    if not least <= some <= count - least:
        raise ValueError(f"validation: {fraction} of {count} cases leaves{of_shards} none to validate or to train on")
    is_held_out = drawn(some, count, seed) if sharding is None else sharding.drawn(some, seed)
    rest, held_out = (arrays._replace(chosen=np.flatnonzero(part)) for part in (~is_held_out, is_held_out))
    weigh = partial(require_weight, params) if sharding is None else sharding.require_weight
    weigh(rest)
    with prefixed("validation "):
        weigh(held_out)

    return rest, held_out, sharding and sharding.holding_out(some)


def _held_out_cases(
    params: Params[DT], validation: object, loss: Loss, scale: float, otherwise: str = "",
    sharding: Sharding | None = None,
) -> CaseArrays[DT] | None:  # fmt: skip
    """The caller's own validation set; `otherwise` is what it might be instead, for the error if it is none."""
    if validation is None:
        return None
    with prefixed("validation "):
        if isinstance(validation, tuple) and len(validation) == 2:
            if scale != 1:
                raise ValueError(f"x: say whether it has the scale {scale} of x, too: fnn.Cases(x, y, scale=..)")
            validation = Cases(*validation)
        if isinstance(validation, Cases):
            if sharding is not None:
                sharding.require_same_cases("x, y", sample_of(validation))
                return sharding.arrays(sharding.own(validation), params, loss, len(validation))
            return validation.arrays(params, loss)
    raise TypeError(f"validation: needs fnn.Cases or a tuple (x, y){otherwise}, got {validation!r:.60}")


def run_identity(task: Task[Any]) -> Settings:
    """The identity of a run, in the order in which its parts are compared."""
    validation = "None"
    if task.held_out is not None:
        is_own = task.held_out.chosen.size == 0  # else which cases those are follows from the seed
        number = task.held_out.number if task.sharding is None else task.sharding.held_out
        validation = ", ".join(_in_data(task, task.held_out).values()) if is_own else f"{number} of all cases"
    cases = {"x": "an iterable of batches"} if isinstance(task.cases, BatchStream) else _in_data(task, task.cases)

    return {**settings_of(task), **cases, "validation": validation}


def settings_of(task: Task[Any]) -> Settings:
    """What the result follows from, but for the data."""
    params, state, regularization, rules = task.params, task.state, task.objective.regularization, task.stopper.rules
    vectors = [] if state is None else [fingerprint(vector.flat) for vector in state.vectors]

    return {
        "dtype": params.dtype.name,
        "sizes": str(list(params.sizes)),
        "activations": str([f.name for f in params.activations]),
        "optimizer": _in_words(task.optimizer),
        "loss": _in_words(task.objective.loss),
        "reduction": "mean" if task.objective.mean else "sum",
        "batch_size": str(task.batch_size or "None"),
        "seed": str(task.seed),
        "shards": "None" if task.sharding is None else str(task.sharding.shards),
        "order": "kept" if task.keeps_order else f"drawn, from epoch {task.first_epoch} on",
        "scale": repr(task.scale),
        "l2": repr(regularization.l2),
        "l1": repr(regularization.l1),
        "dropout": str([round(n / OF_ALL, 15) for n in regularization.dropped if any(regularization.dropped)]),
        "mask": "None" if regularization.mask is None else fingerprint(regularization.mask),
        **{f"stopping: {name}": _in_words(value) for name, value in vars(rules).items() if name != "seconds"},
        "params": fingerprint(params.flat),
        "state": "None" if state is None else f"after {state.step} steps, {', '.join(vectors) or 'no vectors'}",
    }


def _in_data(task: Task[Any], arrays: CaseArrays[Any]) -> dict[str, str]:
    """The fingerprints of cases, those of other ranks included."""
    return fingerprints(arrays) if task.sharding is None else task.sharding.fingerprints(arrays)


def _in_words(value: object) -> str:
    """The value's repr, but a function's name: what it does can't be told."""
    if isinstance(value, Value):
        parts = [f"{name}={_in_words(part)}" for name, part in vars(value).items()]

        return f"fnn.{type(value).__name__}({', '.join(parts)})"
    if isinstance(value, Loss):
        return value.name if value.scalars else repr(value)
    if callable(value):
        return str(getattr(value, "__qualname__", type(value).__qualname__))

    return repr(value)
