"""`Task`: the arguments of a run of `train`, checked."""

from __future__ import annotations

import os
from collections.abc import Sequence
from itertools import pairwise
from typing import Any, Generic, NamedTuple, SupportsFloat, SupportsIndex

import numpy as np
from numpy.typing import ArrayLike

from fnn.checks import positive, whole
from fnn.data.batch_stream import Batches, BatchStream, require_no_batches, stream_of
from fnn.data.cases import Cases, cases_of
from fnn.data.rows import CaseArrays
from fnn.equations.objective import Objective, Reduction, objective_of
from fnn.losses.loss import Loss
from fnn.network.params import DT, Params, require_params
from fnn.network.regularization import Regularization
from fnn.optimizers.library import gradient_descent
from fnn.optimizers.optimizer import Optimizer, OptimizerState
from fnn.optimizers.schedules import Rate
from fnn.training.callbacks import Callback, Callbacks
from fnn.training.checkpoint import Checkpoint
from fnn.training.stopping import Stopper, Stopping
from fnn.training.validation import held_out_cases, split


class Task(NamedTuple, Generic[DT]):
    """A run whose arguments are checked; it takes memory when it begins."""

    params: Params[DT]
    cases: CaseArrays[DT] | BatchStream[DT]
    held_out: CaseArrays[DT] | None
    objective: Objective
    optimizer: Optimizer
    batch_size: int  # 0 for a stream, whose batches have their own sizes
    seed: int
    scale: float  # of the inputs, as in `Cases`
    epochs: int
    state: OptimizerState[DT] | None
    stopper: Stopper[DT]
    checkpoint: Checkpoint | None
    callbacks: Callbacks[DT]
    threads: int | None  # at most

    def work(self, batch_size: int) -> float:
        """Operations of a step on a batch of this size: three products a layer, but no B4 in the first."""
        sizes = self.params.sizes
        products = 3 * sum(m * n for m, n in pairwise(sizes)) - sizes[0] * sizes[1]

        return 2.0 * batch_size * products * (2 if self.params.dtype == np.float64 else 1)

    @property
    def steps(self) -> int:
        """Steps of the whole run; 0 for a stream, whose length is unknown."""
        return 0 if isinstance(self.cases, BatchStream) else self.epochs * -(-self.cases.number // self.batch_size)


def task_of(
    params: Params[DT], x: ArrayLike | Cases | Batches, y: ArrayLike | None, *, optimizer: Optimizer | None,
    eta: Rate | None, epochs: SupportsIndex, batch_size: SupportsIndex | None, seed: SupportsIndex, loss: Loss,
    reduction: Reduction, regularization: Regularization | None,
    validation: Cases | tuple[ArrayLike, ArrayLike] | SupportsFloat | None, stopping: Stopping | None,
    callbacks: Sequence[Callback[DT]], checkpoint: str | os.PathLike[str] | Checkpoint | None,
    state: OptimizerState[DT] | None, threads: SupportsIndex | None,
) -> Task[DT]:  # fmt: skip
    """Check the arguments of `train`."""
    require_params("params", params)
    if not np.isfinite(params.flat_buffer).all():
        raise ValueError("params: hold NaN or infinity")
    objective = objective_of(params, loss, reduction, regularization)
    called = Callbacks(callbacks)
    optimizer, total = resolve_optimizer(eta, optimizer, params), whole("epochs", epochs, at_least=0)
    number = whole("seed", seed, at_least=0, at_most=2**63 - 1)
    cases: CaseArrays[DT] | BatchStream[DT]
    if y is None and not isinstance(x, Cases):
        cases, size, scale = BatchStream(stream_of(x, total, batch_size), params, loss), 0, 1.0
        if optimizer.needs_all_cases:
            raise ValueError(f"x: {optimizer!r} needs all cases in every step, so x can't be an iterable of batches")
        held_out = held_out_cases(params, validation, loss, scale)
    else:
        given = cases_of(require_no_batches(x), y)
        scale = given.scale
        cases, held_out = split(params, given, validation, loss, number)
        size = cases.number if batch_size is None else min(whole("batch_size", batch_size, at_least=1), cases.number)
        if optimizer.needs_all_cases and size < cases.number:
            raise ValueError(f"batch_size: {optimizer!r} needs all {cases.number} cases in every step, got {size}")
    most = None if threads is None else whole("threads", threads, at_least=1)
    if state is not None:
        optimizer.require_state(params, state)
    stopper: Stopper[DT] = Stopper(stopping, params.architecture)

    return Task(
        params, cases, held_out, objective, optimizer, size, number, scale, total, state, stopper,
        _checkpoint_of(checkpoint), called, most,
    )  # fmt: skip


def resolve_optimizer(eta: Rate | None, optimizer: Optimizer | None, params: Params[Any]) -> Optimizer:
    """The optimizer that is meant by the two arguments, one of which must be given."""
    if optimizer is None:
        if eta is None:
            raise TypeError("eta: needs a learning rate, or optimizer= needs an optimizer such as fnn.adam(1e-3)")
        return gradient_descent(eta if callable(eta) else positive("eta", eta, params.dtype))
    if not isinstance(optimizer, Optimizer):
        raise TypeError(f"optimizer: needs an optimizer such as fnn.adam(1e-3), got {optimizer!r}")
    optimizer.require_limits(params.dtype)
    if eta is not None:
        raise TypeError(f"eta: {optimizer!r} has its own, so it can't be given too; got {eta!r}")

    return optimizer


def _checkpoint_of(given: object) -> Checkpoint | None:
    """Where the run is kept, and how often; TypeError if it is neither a path nor an `fnn.Checkpoint`."""
    if given is None or isinstance(given, Checkpoint):
        return given
    if not isinstance(given, str | os.PathLike):
        raise TypeError(f"checkpoint: needs a path or an fnn.Checkpoint, got {given!r:.60}")

    return Checkpoint(given)
