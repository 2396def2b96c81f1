"""`train`: gradient descent over mini-batches, in a compiled loop."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import Generic, NamedTuple, SupportsFloat, SupportsIndex

import numpy as np
from numpy.typing import ArrayLike

from fnn.checks import whole
from fnn.compiler.numba_types import jittable
from fnn.data.batch_stream import Batches, BatchStream, Refusal, require_arrays, stream_of
from fnn.data.cases import Reduction, require_loss, require_reduction, scale_of
from fnn.data.rows import CaseArrays
from fnn.losses.library import squared_error
from fnn.losses.loss import Loss
from fnn.network.params import DT, Params, require_params
from fnn.optimizers.library import Optimizer, OptimizerState
from fnn.optimizers.regularization import Mask, Restraints, restraints_of
from fnn.optimizers.schedules import Rate
from fnn.training.call_tuner import CallTuner, tuner_for
from fnn.training.checkpoint import Checkpoint, Checkpointer
from fnn.training.history import BatchError, Record, Run
from fnn.training.loop import Calls, Loop
from fnn.training.progress import Progress
from fnn.training.recorder import Recorder
from fnn.training.run_identity import run_identity
from fnn.training.shared_inputs import Shared
from fnn.training.steps import BatchStepper
from fnn.training.stopping import Stopper, Stopping
from fnn.training.stream_steps import StreamStepper, StreamTuner
from fnn.training.validation import evaluator_for, own_set, split_off


@jittable
def train(
    params: Params[DT],
    x: ArrayLike | Batches,
    y: ArrayLike | None = None,
    *,
    eta: Rate | None = None,
    optimizer: Optimizer | None = None,
    epochs: SupportsIndex,
    batch_size: SupportsIndex | None = None,
    loss: Loss = squared_error,
    reduction: Reduction = "sum",
    weights: ArrayLike | None = None,
    class_weights: ArrayLike | None = None,
    l2: SupportsFloat = 0.0,
    l1: SupportsFloat = 0.0,
    decay: SupportsFloat = 0.0,
    decay_biases: bool = False,
    clip: SupportsFloat | None = None,
    clip_norm: SupportsFloat | None = None,
    max_norm: SupportsFloat | None = None,
    dropout: SupportsFloat | Sequence[SupportsFloat] = 0.0,
    mask: Mask | None = None,
    validation: tuple[ArrayLike, ArrayLike] | SupportsFloat | None = None,
    stopping: Stopping | None = None,
    seed: SupportsIndex = 0,
    scale: SupportsFloat = 1.0,
    state: OptimizerState[DT] | None = None,
    checkpoint: str | os.PathLike[str] | Checkpoint | None = None,
    callback: Callable[[int, Params[DT], Record], object] | None = None,
    on_step: tuple[SupportsIndex, Callable[[int, Params[DT], float], object]] | None = None,
    progress: bool | None = None,
    threads: SupportsIndex | None = None,
) -> Run[DT]:
    """Train by gradient descent (G1), or with another optimizer, over mini-batches; the loop is compiled.

    The same arguments give the same bits, whatever the number of threads, unless the time ends the run.

    Parameters
    ----------
    params
        Where to start.
    x, y, loss, reduction, weights, class_weights
        The cases, as for `grad`. Arrays of any real dtype (but long double), byte order and strides, such as
        ``np.memmap``, are read where they lie, and must stay as they are meanwhile: each case is cast when its batch
        comes, and nothing of more than a megabyte is copied. The bits are those of ``x.astype(dtype)``. With "mean" a
        step follows the mean gradient of its batch: the sum over its cases, however many they are, divided by the sum
        of their weights. Without y, x is an iterable of batches (x, y) or (x, y, weights): each is one step, in the
        order in which they come, and an epoch goes through the iterable from its beginning. They have the bits of the
        same batches in one array.
    eta
        The learning rate η of gradient descent: a number, finite and above 0, a schedule such as
        ``fnn.cosine(3.0, steps=1000)``, or any function of the step, which counts from 0.
    optimizer
        Instead of eta: how a step uses the gradient, such as ``fnn.adam(1e-3)``.
    epochs
        How often to go through all cases, at least 0.
    batch_size
        Cases a step, at least 1; the last batch of an epoch may be smaller. None: all of them, or the batches of an
        iterable as they come. 1: online.
    l2, l1
        λ₂ and λ₁ ≥ 0 of the `penalty` ½ λ₂ Σ W² + λ₁ Σ |W| that is added to the error of every batch: λ₂ W + λ₁ sign W
        is added to its gradient. Biases are free. The history tells the error without it.
    decay
        By which part every weight becomes smaller after each change, from 0 on and below 1.
    decay_biases
        Whether biases decay as weights do.
    clip
        The gradient's elements are brought to −clip .. clip, the penalty's part included.
    clip_norm
        Then the gradient, all of it as one vector, is made that long if it is longer.
    max_norm
        After each step, the weights into a unit are made that long, as a vector, if they are longer.
    dropout
        How probably a unit takes no part, from 0 on and below 1: for all hidden layers, or one number for the inputs
        and one for each hidden layer. The others count for more, so that the network is used as it is afterwards.
    mask
        0 for connections that are removed (F4; S1), else 1: a mapping from all or some of W1, b1, .. to arrays of their
        shapes. What is removed is 0 from the start and stays so.
    validation
        What to measure the error on after every epoch, and the accuracy if y are labels or one-hot: (x, y), each case
        weighing 1; or which part of the cases, above 0 and below 1, is drawn by the seed, with their weights, and not
        trained on.
    stopping
        When to end before the last epoch, and whether to return the best params: an `fnn.Stopping`.
    seed
        Of the order of the cases, which changes every epoch. A batch of all cases keeps their order.
    scale
        Finite and above 0: x, and that of `validation`, is multiplied by it once it is cast to the dtype of params, as
        ``x.astype(dtype) * dtype(scale)`` is. ``scale=1 / 255`` makes bytes into numbers from 0 to 1.
    state
        What the optimizer starts from, such as the `state` of an earlier run: its vectors, and the steps that it has
        taken, by which schedules go on. The order of the cases is that of a new run, and so is what `fnn.plateau` sees.
    checkpoint
        A file in which the run is kept as it goes, every ten seconds or so, and from which it goes on if the file is
        there: a path, or an `fnn.Checkpoint`. Then it ends with the bits of a run that was left alone; more `epochs`
        than before are welcome. A run with other arguments or data is refused, but of functions of your own only the
        names are compared. Those that were called after the file was last written are called again. An iterable of
        batches must give the same ones again: those of the present epoch are gone through once more, and compared.
    callback
        Called as ``callback(epoch, params, record)`` after every epoch, counted from 1; returning True ends it.
    on_step
        (k, function): after every k steps of the run it is called as ``function(step, params, error)``, with the steps
        so far and the error of those of this epoch; returning True ends the run.
    progress
        Whether to show a progress bar (extra `progress`); by default if standard error is a terminal, after a second.
    threads
        At most so many threads; by default as many as the work is worth. It changes no bit of the result.

    Returns
    -------
    A `Run`: the new params, the history of every epoch, and the optimizer's state.

    Raises
    ------
    ValueError, TypeError
        As `grad` does, and for eta, epochs, batch_size, seed or threads out of range; both eta and an optimizer, or
        neither; an optimizer that needs all cases in a step, with smaller batches; a callback that is no function;
        a part of the cases that leaves none to validate or to train on; a state that isn't this optimizer's; a
        checkpoint that is damaged or of another run, which is left as it is.
    OSError
        The checkpoint can't be read, or not be written at the start. Later that is a RuntimeWarning.
    TrainingInterrupted
        Ctrl-C, where it would raise KeyboardInterrupt, which this is: within 0.3 s, after a whole step, with the
        parameters and history so far, and the checkpoint written.
    TrainingDiverged
        The error or the parameters became NaN or infinite; it carries the last good parameters. The checkpoint stays
        as it was before.
    BatchError
        A batch of an iterable has a fault, or the iterable raised an error; it carries what was learned until then.

    Examples
    --------
    >>> import fnn
    >>> x, y = [[0, 0], [0, 1], [1, 0], [1, 1]], [[0], [1], [1], [0]]
    >>> run = fnn.train(fnn.init((2, 2, 1), seed=2), x, y, eta=2.0, epochs=2000)
    >>> fnn.forward(run.params, x).round(1).ravel()
    array([0., 1., 1., 0.])
    """
    task = task_of(
        params, x, y, Shared(), eta=eta, optimizer=optimizer, epochs=epochs, batch_size=batch_size, loss=loss,
        reduction=reduction, weights=weights, class_weights=class_weights, l2=l2, l1=l1, decay=decay,
        decay_biases=decay_biases, clip=clip, clip_norm=clip_norm, max_norm=max_norm, dropout=dropout, mask=mask,
        validation=validation, seed=seed, stopping=stopping, scale=scale, state=state, checkpoint=checkpoint,
        callback=callback, on_step=on_step, progress=progress, threads=threads,
    )  # fmt: skip

    loop = task.begin()
    try:
        return loop.run()
    except Refusal as refusal:
        raise BatchError(str(refusal), refusal.epoch, refusal.batch, loop.result()) from refusal.__cause__


class Task(NamedTuple, Generic[DT]):
    """A run whose arguments are checked; it takes memory when it begins."""

    params: Params[DT]
    cases: CaseArrays[DT] | BatchStream[DT]
    held_out: CaseArrays[DT] | None
    loss: Loss
    mean: bool
    optimizer: Optimizer
    restraints: Restraints
    size: int  # of a batch; a stream's are as large as they come
    seed: int
    scale: float
    epochs: int
    state: OptimizerState[DT] | None
    stopper: Stopper[DT]
    checkpoint: Checkpoint | None
    calls: Calls[DT]
    progress: bool | None
    threads: int | None  # at most

    def work(self, size: int) -> float:
        """Operations of a step on so many cases: three products a layer, but no B4 in the first."""
        sizes = self.params.sizes
        products = 3 * sum(m * n for m, n in pairwise(sizes)) - sizes[0] * sizes[1]

        return 2.0 * size * products * (2 if self.params.dtype == np.float64 else 1)

    @property
    def steps(self) -> int:
        """Of the whole run; 0 for a stream, whose length nobody knows."""
        return 0 if isinstance(self.cases, BatchStream) else self.epochs * -(-self.cases.number // self.size)

    def begin(self, tuner: CallTuner | None = None) -> Loop[DT]:
        """Make what the run needs; without a pace, one that learns from other runs with as much work a step."""
        rules = self.loss, self.mean, self.optimizer, self.restraints
        stepper: BatchStepper[DT]
        if isinstance(self.cases, BatchStream):
            stepper = stream_stepper = StreamStepper(
                self.params, self.cases, *rules, self.seed, self.epochs, self.state
            )
            tuner = tuner or StreamTuner(stream_stepper, self.work, self.threads)
        else:
            stepper = BatchStepper(self.params, self.cases, *rules, self.size, self.seed, self.epochs, self.state)
            tuner = tuner or tuner_for(self.work(self.size), self.threads)
        recorder = Recorder(evaluator_for(self.params, self.held_out, self.loss, self.mean, self.threads))
        checkpointer: Checkpointer[DT] | None = None
        if self.checkpoint is not None:
            held_out, stopping = self.held_out, self.stopper.settings
            settings = run_identity(
                self.params, self.cases, held_out, *rules, self.size, self.seed, self.scale, self.state, stopping
            )
            checkpointer = Checkpointer(self.checkpoint, settings, stepper, recorder, self.stopper)
        progress = Progress(self.epochs, self.progress)

        return Loop(stepper, self.epochs, recorder, self.stopper, tuner, progress, self.calls, checkpointer)


def task_of(
    params: Params[DT], x: ArrayLike | Batches, y: ArrayLike | None, shared: Shared, *,
    eta: Rate | None, optimizer: Optimizer | None, epochs: SupportsIndex, batch_size: SupportsIndex | None,
    loss: Loss, reduction: Reduction, weights: ArrayLike | None, class_weights: ArrayLike | None,
    l2: SupportsFloat, l1: SupportsFloat, decay: SupportsFloat, decay_biases: bool, clip: SupportsFloat | None,
    clip_norm: SupportsFloat | None, max_norm: SupportsFloat | None,
    dropout: SupportsFloat | Sequence[SupportsFloat], mask: Mask | None,
    validation: tuple[ArrayLike, ArrayLike] | SupportsFloat | None, stopping: Stopping | None, seed: SupportsIndex,
    scale: SupportsFloat, state: OptimizerState[DT] | None,
    checkpoint: str | os.PathLike[str] | Checkpoint | None,
    callback: Callable[[int, Params[DT], Record], object] | None,
    on_step: tuple[SupportsIndex, Callable[[int, Params[DT], float], object]] | None, progress: bool | None,
    threads: SupportsIndex | None,
) -> Task[DT]:  # fmt: skip
    """Check the arguments of `train`; what it has in common with others is worked out once."""
    require_params("params", params)
    if not np.isfinite(params._flat).all():
        raise ValueError("params: hold NaN or infinity")
    params = shared.params(params)
    require_loss(params, loss)
    mean = require_reduction(reduction)
    calls = calls_of(callback, on_step)
    optimizer, total = shared.method(params, eta, optimizer), whole("epochs", epochs, at_least=0)
    number = whole("seed", seed, at_least=0, at_most=2**63 - 1)
    cases: CaseArrays[DT] | BatchStream[DT]
    if y is None:
        batches = stream_of(x, total, {"batch_size": batch_size, "weights": weights})
        if optimizer.needs_all_cases:
            raise ValueError(f"x: {optimizer!r} needs all cases in every step, so x can't be an iterable of batches")
        held_out = None if validation is None else own_set(params, validation, loss, scale, shared)
        cases, size = BatchStream(batches, params, loss, class_weights, scale_of(params, scale)), 0
    else:
        everything = shared.batch(params, require_arrays(x), y, weights, loss, class_weights, scale)
        cases, held_out = split_off(params, everything, validation, loss, number, scale, shared)
        size = cases.number if batch_size is None else min(whole("batch_size", batch_size, at_least=1), cases.number)
        if optimizer.needs_all_cases and size < cases.number:
            raise ValueError(f"batch_size: {optimizer!r} needs all {cases.number} cases in every step, got {size}")
    most = None if threads is None else whole("threads", threads, at_least=1)
    restraints = restraints_of(params, l2, l1, decay, decay_biases, clip, clip_norm, max_norm, dropout, mask)
    if state is not None:
        optimizer.require_state(params, state)
    stopper: Stopper[DT] = Stopper(stopping, params._architecture)
    rules = rules_of(checkpoint)

    return Task(
        params, cases, held_out, loss, mean, optimizer, restraints, size, number, scale_of(params, scale), total, state,
        stopper, rules, calls, progress, most,
    )  # fmt: skip


def rules_of(given: object) -> Checkpoint | None:
    """Where the run is kept, and how often; TypeError if it is neither a path nor an `fnn.Checkpoint`."""
    if given is None or isinstance(given, Checkpoint):
        return given
    if not isinstance(given, str | os.PathLike):
        raise TypeError(f"checkpoint: needs a path or an fnn.Checkpoint, got {given!r:.60}")

    return Checkpoint(given)


def calls_of(
    callback: Callable[[int, Params[DT], Record], object] | None,
    on_step: tuple[SupportsIndex, Callable[[int, Params[DT], float], object]] | None,
) -> Calls[DT]:
    """The caller's functions, and how often to call the one after steps."""
    if callback is not None and not callable(callback):
        raise TypeError(f"callback: needs a function, got {callback!r}")
    if on_step is None:
        return Calls(callback, 0, None)
    if not isinstance(on_step, tuple) or len(on_step) != 2:
        raise TypeError(f"on_step: needs a tuple (k, function), got {on_step!r}")
    every, function = on_step
    if not callable(function):
        raise TypeError(f"on_step: needs a function after k, got {function!r}")

    return Calls(callback, whole("on_step: k", every, at_least=1), function)
