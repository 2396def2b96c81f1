"""`train`: gradient descent over mini-batches, in a compiled loop."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import Any, SupportsFloat, SupportsIndex

import numpy as np
from numpy.typing import ArrayLike

from fnn.batch import Reduction, batch_of, require_loss, require_reduction
from fnn.checkpoints import Keeper
from fnn.checkpoints import checkpoint as Checkpoint
from fnn.checks import positive, whole
from fnn.descent import Descent
from fnn.history import Record, Run
from fnn.jittable import jittable
from fnn.loop import Calls, Loop
from fnn.loss import Loss
from fnn.losses import squared_error
from fnn.optimizers import Optimizer, OptimizerState, gradient_descent
from fnn.pace import pace_for
from fnn.params import DT, Params, require_params
from fnn.progress import Progress
from fnn.restraints import Mask, restraints_of
from fnn.schedules import Rate
from fnn.settings import settings_of
from fnn.stopping import Stopper
from fnn.stopping import stopping as Stopping
from fnn.validation import Validation, split_off
from fnn.watch import Watch


@jittable
def train(
    params: Params[DT],
    x: ArrayLike,
    y: ArrayLike,
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
    clip: SupportsFloat | None = None,
    clip_norm: SupportsFloat | None = None,
    max_norm: SupportsFloat | None = None,
    dropout: SupportsFloat | Sequence[SupportsFloat] = 0.0,
    mask: Mask | None = None,
    validation: tuple[ArrayLike, ArrayLike] | SupportsFloat | None = None,
    stopping: Stopping | None = None,
    seed: SupportsIndex = 0,
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
        The cases, as for `grad`. With "mean" a step follows the mean gradient of its batch: the sum over its cases,
        however many they are, divided by the sum of their weights.
    eta
        The learning rate η of gradient descent: a number, finite and above 0, a schedule such as
        ``fnn.cosine(3.0, steps=1000)``, or any function of the step, which counts from 0.
    optimizer
        Instead of eta: how a step uses the gradient, such as ``fnn.adam(1e-3)``.
    epochs
        How often to go through all cases, at least 0.
    batch_size
        Cases a step, at least 1; the last batch of an epoch may be smaller. None: all of them. 1: online.
    l2, l1
        λ₂ and λ₁ ≥ 0 of the `penalty` ½ λ₂ Σ W² + λ₁ Σ |W| that is added to the error of every batch: λ₂ W + λ₁ sign W
        is added to its gradient. Biases are free. The history tells the error without it.
    decay
        By which part every weight (no bias) becomes smaller after each change, from 0 on and below 1.
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
        When to end before the last epoch, and whether to return the best params: an `fnn.stopping`.
    seed
        Of the order of the cases, which changes every epoch. A batch of all cases keeps their order.
    state
        What the optimizer starts from, such as the `state` of an earlier run: its vectors, and the steps that it has
        taken, by which schedules go on. The order of the cases is that of a new run, and so is what `fnn.plateau` sees.
    checkpoint
        A file in which the run is kept as it goes, every ten seconds or so, and from which it goes on if the file is
        there: a path, or an `fnn.checkpoint`. Then it ends with the bits of a run that was left alone; more `epochs`
        than before are welcome. A run with other arguments or data is refused, but of functions of your own only the
        names are compared. Those that were called after the file was last written are called again.
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

    Examples
    --------
    >>> import fnn
    >>> x, y = [[0, 0], [0, 1], [1, 0], [1, 1]], [[0], [1], [1], [0]]
    >>> run = fnn.train(fnn.init((2, 2, 1), seed=2), x, y, eta=2.0, epochs=2000)
    >>> fnn.forward(run.params, x).round(1).ravel()
    array([0., 1., 1., 0.])
    """
    require_params("params", params)
    if not np.isfinite(params._flat).all():
        raise ValueError("params: hold NaN or infinity")
    require_loss(params, loss)
    mean = require_reduction(reduction)
    calls = calls_of(callback, on_step)
    method, total = method_of(eta, optimizer, params), whole("epochs", epochs, at_least=0)
    number = whole("seed", seed, at_least=0, at_most=2**63 - 1)
    batch, held_out = split_off(
        params, batch_of(params, x, y, weights, loss, class_weights=class_weights), validation, loss, number
    )
    size = len(batch.x) if batch_size is None else min(whole("batch_size", batch_size, at_least=1), len(batch.x))
    most = None if threads is None else whole("threads", threads, at_least=1)
    if method.needs_all_cases and size < len(batch.x):
        raise ValueError(f"batch_size: {method!r} needs all {len(batch.x)} cases in every step, got {size}")
    restraints = restraints_of(params, l2, l1, decay, clip, clip_norm, max_norm, dropout, mask)
    if state is not None:
        method.require_state(params, state)
    descent = Descent(params, batch, loss, mean, method, restraints, size, number, total, state)
    watch = Watch(None if held_out is None else Validation(params, held_out, loss, mean, most))
    stopper: Stopper[DT] = Stopper(stopping, params._architecture)
    keeper: Keeper[DT] | None = None
    if checkpoint is not None:
        rules = checkpoint if isinstance(checkpoint, Checkpoint) else Checkpoint(checkpoint)
        settings = settings_of(
            params, batch, held_out, loss, mean, method, state, restraints, size, number, stopper.settings
        )
        keeper = Keeper(rules, settings, descent, watch, stopper)
    loop = Loop(
        descent,
        total,
        watch,
        stopper,
        pace_for(_work(params, size), most),
        Progress(total, progress),
        calls,
        keeper,
    )

    return loop.run()


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


def method_of(eta: Rate | None, optimizer: Optimizer | None, params: Params[Any]) -> Optimizer:
    """The optimizer that is meant by the two arguments, one of which must be given."""
    if optimizer is None:
        if eta is None:
            raise TypeError("eta: needs a learning rate, or optimizer= needs an optimizer such as fnn.adam(1e-3)")
        return gradient_descent(eta if callable(eta) else positive("eta", eta, params.dtype))
    if not isinstance(optimizer, Optimizer):
        raise TypeError(f"optimizer: needs an optimizer such as fnn.adam(1e-3), got {optimizer!r}")
    if eta is not None:
        raise TypeError(f"eta: {optimizer!r} has its own, so it can't be given too; got {eta!r}")

    return optimizer


def _work(params: Params[DT], batch_size: int) -> float:
    """Operations of a step: three products a layer, but no B4 in the first."""
    sizes = params.sizes
    products = 3 * sum(m * n for m, n in pairwise(sizes)) - sizes[0] * sizes[1]

    return 2.0 * batch_size * products * (2 if params.dtype == np.float64 else 1)
