"""`train`: gradient descent over mini-batches, or a solver's iterations over all cases, in a compiled loop."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from typing import SupportsFloat, SupportsIndex

from numpy.typing import ArrayLike

from fnn.boundary.calls import by_name
from fnn.compiler.numba_types import jittable
from fnn.compiler.target import lanes_of
from fnn.data.batch_stream import Batches, BatchStream
from fnn.data.cases import Cases
from fnn.equations.objective import Reduction
from fnn.losses.library import squared_error
from fnn.losses.loss import Loss
from fnn.network.params import DT, Params
from fnn.network.regularization import Regularization
from fnn.optimizers.optimizer import Optimizer, OptimizerState
from fnn.optimizers.schedule import Rate
from fnn.training.advice import advise
from fnn.training.callbacks import Callback
from fnn.training.checkpoint import Checkpoint, Checkpointer
from fnn.training.evaluator import Evaluator
from fnn.training.history import Run
from fnn.training.loop import Loop
from fnn.training.ranks.team import Communicator, team_of
from fnn.training.recorder import Recorder
from fnn.training.steppers import call_tuner
from fnn.training.steppers.batches import BatchStepper
from fnn.training.steppers.later import sharded_evaluator, sharded_stepper
from fnn.training.steppers.solver import Solver
from fnn.training.steppers.stepper import Stepper
from fnn.training.steppers.streams import StreamStepper
from fnn.training.stopping import Stopping
from fnn.training.task import Task, run_identity, settings_of, task_of


@jittable
@by_name
def train(
    params: Params[DT],
    x: ArrayLike | Cases | Batches,
    y: ArrayLike | None = None,
    *,
    optimizer: Optimizer | Solver | None = None,
    eta: Rate | None = None,
    epochs: SupportsIndex,
    batch_size: SupportsIndex | None = None,
    seed: SupportsIndex = 0,
    shuffle: bool = True,
    first_epoch: SupportsIndex = 0,
    loss: Loss = squared_error,
    reduction: Reduction = "sum",
    regularization: Regularization | None = None,
    validation: Cases | tuple[ArrayLike, ArrayLike] | SupportsFloat | None = None,
    stopping: Stopping | None = None,
    callbacks: Sequence[Callback[DT]] = (),
    checkpoint: str | os.PathLike[str] | Checkpoint | None = None,
    state: OptimizerState[DT] | None = None,
    threads: SupportsIndex | None = None,
    shards: SupportsIndex | None = None,
    comm: Communicator | None = None,
    total_cases: SupportsIndex | None = None,
) -> Run[DT]:
    """Train by gradient descent (G1), or with another optimizer, over mini-batches; the loop is compiled.

    The same arguments give the same bits, whatever the number of threads, unless the time ends the run.

    Parameters
    ----------
    params
        Where to start.
    x, y
        Inputs and targets as for `Cases`, arrays or data frames; or `Cases`, which may have weights and a scale, in the
        place of x. Arrays of any real dtype (but long double), byte order and strides, such as ``np.memmap``, are read
        where they lie, and must stay as they are meanwhile; nothing of more than a megabyte is copied. The bits are
        those of ``x.astype(dtype)``. Or, without y, x is an iterable of batches, each `Cases`, (x, y) or
        (x, y, weights): a step each, in the order in which they come, anew in every epoch, with the bits of the same
        batches in one array.
    optimizer, eta
        How a step uses the gradient, such as ``fnn.adam(1e-3, clip_norm=1.0)``; or, for ``fnn.gradient_descent(eta)``,
        the learning rate η alone: a number, finite and above 0, a schedule such as ``fnn.cosine(3.0)``, which goes over
        all steps of the run, or any function of the step, which counts from 0. Or a `Solver`, `lbfgs` or
        `levenberg_marquardt`, whose epochs are iterations over all cases.
    epochs
        How often to go through all cases, at least 0.
    batch_size
        Cases a step, at least 1; the last batch of an epoch may be smaller. None: all of them, or the batches of an
        iterable as they come. 1: online.
    seed
        Of the order of the cases, which changes every epoch (a batch of all cases keeps their order), of dropout, and
        of the cases that a fraction for `validation` holds out.
    shuffle, first_epoch
        Whether the order changes; else the cases keep theirs. And how many epochs earlier runs have done, at least 0:
        with their params, their `state` and the same seed, a run goes on as one of all epochs would, to the bit.
    loss, reduction
        As for `grad`. With "mean" a step follows the mean gradient of its batch, weighted by the weights of its cases.
        The errors that a run tells are per case with both (see `Record`).
    regularization, stopping
        Penalties, dropout and removed connections: a `Regularization`. When to end before the last epoch, and whether
        to return the best params: a `Stopping`.
    validation
        What to measure the error on after every epoch, and the accuracy if the targets are labels or one-hot: `Cases`;
        or (x, y); or the fraction in (0, 1) of the cases that is drawn by the seed, with their weights, and not
        trained on, whatever their classes; the run's `held_out` says which.
    callbacks
        What to call meanwhile, in this order: `each_epoch`, `each_steps`, `progress`.
    checkpoint
        A file in which the run is kept, and from which it goes on if the file is there, to end with the bits of a run
        that was left alone: a path, or an `fnn.Checkpoint`. More `epochs` than before are welcome; a schedule that goes
        over all steps of the run then goes over those of all epochs from there on, with a RuntimeWarning. Other
        arguments or data are refused, but of the user's functions only the names are compared. Callbacks that were
        called after the file was last written are called again, and an iterable must give the batches of the present
        epoch again.
    state
        What the optimizer starts from, such as the `state` of an earlier run: its vectors, and the steps that it has
        taken, by which schedules go on, unless they go over all steps of a run. What `fnn.plateau` sees is that of a
        new run, and so is the order of the cases without `first_epoch`.
    threads
        The most threads, at least 1; by default as many as the work is worth, but no more than OMP_NUM_THREADS,
        OMP_THREAD_LIMIT, NUMBA_NUM_THREADS or a quota of processor time allow. It changes no bit of the result.
    shards
        Data-parallel training: the cases are cut into this many contiguous shards, a power of two of at most as many as
        there are cases. Each gives its part to every batch, in an order of its own, and its sums are added to those of
        the others along one binary tree. The result depends on the number of shards, but not on who trains on them.
        Sixteen or more cases of a shard in a batch cost little more than a run without shards; with fewer, a batch
        takes as long as if it were some times larger. None: there are none, and no batch is composed by shards.
    comm
        A communicator of mpi4py, such as ``MPI.COMM_WORLD``, whose ranks share the shards evenly, in order, and all
        call this with the same arguments: the bits are those of one process. A rank reads its own cases alone. All
        ranks return the same run, but for `held_out`, which has the rank's own cases of a fraction. Rank 0 alone calls
        back, shows progress, and reads and writes the checkpoint, from which any number of ranks may go on; a callback
        can't use comm, for the others wait for it. What ends the run on one rank ends it on all: Ctrl-C, or an error,
        which says of which rank it is; so does ``python -m mpi4py script.py`` with errors outside of this function.
        threads: of a rank; by default its share of the processors.
    total_cases
        With comm, if x and y are this rank's cases alone: the number of the cases of all ranks, of which
        `fnn.shard_range` says which those are. None: x and y are all cases. Cases for validation are always all.

    Returns
    -------
    A `Run`: the new params, the history of every epoch, and the optimizer's state.

    Warns
    -----
    ScaleWarning
        Targets beyond the range of the output's activation; inputs so large that the first layer is saturated. Not of
        an iterable's batches, and not inside ``@njit``.

    Raises
    ------
    ValueError, TypeError
        As `grad` does, and for an argument out of range; both eta and an optimizer, or neither; an optimizer that needs
        all cases in a step, with smaller batches; a fraction that leaves no cases to validate or to train on; a state
        that isn't this optimizer's; a checkpoint that is damaged or of another run, which is left as it is.
    OSError
        The checkpoint can't be read, or not be written at the start. Later that is a RuntimeWarning.
    MemoryError
        A solver's vectors or matrices, or the history, take more memory than there is.
    TrainingInterrupted
        Ctrl-C: a KeyboardInterrupt between two steps, with parameters and history so far and the checkpoint written.
    TrainingDiverged
        The error or the parameters became NaN or infinite; it carries the last good ones. The checkpoint stays.
    BatchError
        A batch of an iterable has a fault, or the iterable raised an error. It carries the run until then, and the
        checkpoint is written.
    Other errors
        Those of a function of the user, such as a rate or a callback, or a warning that a filter makes an error, come
        as they are. Their attribute `run` is the run until then, and the checkpoint is written.

    Examples
    --------
    >>> import fnn
    >>> x, y = [[0, 0], [0, 1], [1, 0], [1, 1]], [[0], [1], [1], [0]]
    >>> run = fnn.train(fnn.init((2, 2, 1), seed=2), x, y, eta=2.0, epochs=2000)
    >>> fnn.forward(run.params, x).round(1).ravel()
    array([0., 1., 1., 0.])
    """
    team = team_of(comm)
    team.claim()
    with team:
        if comm is not None and shards is None:
            raise TypeError("shards: comm needs the number of shards, too, a power of two such as shards=64")
        if total_cases is not None and shards is None:
            raise TypeError("total_cases: needs shards, of which x and y are some")
        task = task_of(
            params, x, y, optimizer=optimizer, eta=eta, epochs=epochs, batch_size=batch_size, seed=seed,
            shuffle=shuffle, first_epoch=first_epoch, loss=loss, reduction=reduction, regularization=regularization,
            validation=validation, stopping=stopping, callbacks=callbacks, checkpoint=checkpoint, state=state,
            threads=threads, shards=shards, total_cases=total_cases, team=team,
        )  # fmt: skip
        if task.sharding is not None:
            others = {"epochs": str(task.epochs), "vectors of the processor": str(lanes_of(params.dtype))}
            task.sharding.require_agreement({**settings_of(task), **others})
        if team.leads:
            advise([task], stacklevel=3)  # beyond `by_name`
        loop = begin(task)

    return loop.run()


def begin(task: Task[DT], present: Callable[[], call_tuner.Tuner] | None = None) -> Loop[DT]:
    """Make what a run needs. `present` returns its tuner; None: one that knows what runs with as much work found."""
    stepper, sharding = _stepper_of(task), task.sharding
    if isinstance(stepper, StreamStepper):
        streamed = stepper
        present = _always(call_tuner.StreamTuner(lambda: task.work(streamed.batch_size), task.threads))
    elif present is None:
        work = task.work(task.batch_size) * (1.0 if sharding is None else sharding.part)
        present = _always(call_tuner.tuner_for(work, task.threads))
    recorder = Recorder(_evaluator_of(task))
    checkpointer: Checkpointer[DT] | None = None
    if task.checkpoint is not None:
        checkpointer = Checkpointer(task.checkpoint, run_identity(task), stepper, recorder, task.stopper)

    team = None if sharding is None else sharding.team

    return Loop(stepper, task.epochs, recorder, task.stopper, present, task.callbacks, checkpointer, team)


def _stepper_of(task: Task[DT]) -> Stepper[DT]:
    """What changes the parameters."""
    params, cases, objective, optimizer = task.params, task.cases, task.objective, task.optimizer
    if isinstance(optimizer, Solver):
        assert not isinstance(cases, BatchStream)
        return optimizer.stepper(params, cases, objective, task.epochs, task.state, task.sharding)
    if isinstance(cases, BatchStream):
        return StreamStepper(
            params, cases, objective, optimizer, task.seed, task.epochs, task.state,
            first_epoch=task.first_epoch, keeps_digest=task.checkpoint is not None,
        )  # fmt: skip
    if task.sharding is not None:
        return sharded_stepper()(
            params, cases, objective, optimizer, task.batch_size, task.seed, task.epochs, task.state, task.sharding,
            keeps_order=task.keeps_order, first_epoch=task.first_epoch,
        )  # fmt: skip

    return BatchStepper(
        params, cases, objective, optimizer, task.batch_size, task.seed, task.epochs, task.state,
        keeps_order=task.keeps_order, first_epoch=task.first_epoch, tells_squares=task.tells_squares,
    )  # fmt: skip


def _evaluator_of(task: Task[DT]) -> Evaluator[DT] | None:
    """What measures the error of the cases that are held out, if there are any."""
    if task.held_out is None:
        return None
    given, sharding = (task.params, task.held_out, task.objective, task.threads), task.sharding
    if sharding is None:
        return Evaluator(*given)

    return sharded_evaluator()(*given, sharding, sharding.validation)


def _always(tuner: call_tuner.Tuner) -> Callable[[], call_tuner.Tuner]:
    return lambda: tuner
