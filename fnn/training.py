"""`train`: gradient descent over mini-batches, in a compiled loop."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Generic, NamedTuple, SupportsFloat, SupportsIndex

import numpy as np
from numpy.typing import ArrayLike, NDArray

from fnn.batch import Reduction, batch_of, require_loss, require_reduction
from fnn.checks import positive, whole
from fnn.descent import Descent
from fnn.history import Record, Run, TrainingDiverged
from fnn.losses import Loss, squared_error
from fnn.params import DT, Params, require_params, wrap
from fnn.progress import Progress
from fnn.watch import Watch


def train(
    params: Params[DT],
    x: ArrayLike,
    y: ArrayLike,
    *,
    eta: SupportsFloat,
    epochs: SupportsIndex,
    batch_size: SupportsIndex | None = None,
    loss: Loss = squared_error,
    reduction: Reduction = "sum",
    weights: ArrayLike | None = None,
    validation: tuple[ArrayLike, ArrayLike] | None = None,
    seed: SupportsIndex = 0,
    callback: Callable[[int, Params[DT], Record], object] | None = None,
    progress: bool | None = None,
    threads: SupportsIndex | None = None,
) -> Run[DT]:
    """Train by gradient descent (G1) over mini-batches; the loop is compiled.

    The same arguments give the same bits, whatever the number of threads.

    Parameters
    ----------
    params
        Where to start.
    x, y, loss, reduction, weights
        The cases, as for `grad`. With "mean" a step follows the mean gradient of its batch.
    eta
        The learning rate η, finite and above 0.
    epochs
        How often to go through all cases, at least 0.
    batch_size
        Cases a step, at least 1; the last batch of an epoch may be smaller. None: all of them. 1: online.
    validation
        (x, y) to measure the error on after every epoch, and the accuracy if y are labels or one-hot.
    seed
        Of the order of the cases, which changes every epoch. A batch of all cases keeps their order.
    callback
        Called as ``callback(epoch, params, record)`` after every epoch, counted from 1; returning True ends it.
    progress
        Whether to show a progress bar (extra `progress`); by default on a terminal, after a second.
    threads
        At most so many threads; by default as many as the work is worth. It changes no bit of the result.

    Returns
    -------
    A `Run`: the new params, and the history of every epoch.

    Raises
    ------
    ValueError, TypeError
        As `grad` does, and for eta, epochs, batch_size, seed or threads out of range.
    TrainingDiverged
        The error or the parameters became NaN or infinite; it carries the last good parameters.

    Examples
    --------
    >>> import fnn
    >>> x, y = [[0, 0], [0, 1], [1, 0], [1, 1]], [[0], [1], [1], [0]]
    >>> run = fnn.train(fnn.init((2, 2, 1), seed=2), x, y, eta=2.0, epochs=2000)
    >>> fnn.forward(run.params, x).round(1).ravel()
    array([0., 1., 1., 0.])
    """
    require_params("params", params)
    require_loss(params, loss)
    mean = require_reduction(reduction)
    rate, total = positive("eta", eta), whole("epochs", epochs, at_least=0)
    batch = batch_of(params, x, y, weights, loss)
    size = len(batch.x) if batch_size is None else min(whole("batch_size", batch_size, at_least=1), len(batch.x))
    most = 1 if threads is None else whole("threads", threads, at_least=1)
    descent = Descent(params, batch, loss, mean, rate, size, whole("seed", seed, at_least=0), most)
    watch = Watch(params, validation, loss, reduction)
    bar = Progress(total, progress)
    call = _Call(params._flat, 0, params._flat, 0, 1)
    try:
        while call.done < total:
            now = 1 if callback or watch.validates else min(call.stride, total - call.done)
            call = _advance(descent, watch, call, now)
            record = watch.latest()
            bar.advance(now, record.error)
            if callback and callback(call.done, wrap(call.flat.copy(), params._architecture), record) is True:
                break
    finally:
        bar.close()

    return Run(wrap(call.flat.copy(), params._architecture), watch.history())


class _Call(NamedTuple, Generic[DT]):
    """Where training stands after a call of the kernel."""

    before: NDArray[DT]  # the parameters before that call
    before_done: int  # and the epochs until then
    flat: NDArray[DT]  # the parameters after it
    done: int
    stride: int  # epochs that the next call may take


def _advance(descent: Descent[DT], watch: Watch[DT], call: _Call[DT], epochs: int) -> _Call[DT]:
    """Train for some epochs. A call can't be interrupted, so they grow only while they are short."""
    began = time.perf_counter()
    flat = call.flat.copy()
    errors, stopped, _ = descent.run(flat, call.done, epochs)
    if stopped or not np.isfinite(flat).all():
        epoch, good, done = descent.last_good(call.before, call.before_done)
        raise TrainingDiverged(epoch, wrap(good, descent.architecture), watch.history(done))
    watch.add(errors, flat)
    is_short = time.perf_counter() - began < 0.05

    return _Call(call.flat, call.done, flat, call.done + epochs, call.stride * (2 if is_short else 1))
