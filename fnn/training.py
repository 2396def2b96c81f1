"""`train`: gradient descent over mini-batches, in a compiled loop."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import Any, SupportsFloat, SupportsIndex

import numpy as np
from numpy.typing import ArrayLike

from fnn.batch import Reduction, batch_of, require_loss, require_reduction
from fnn.checks import positive, whole
from fnn.descent import Descent
from fnn.history import Record, Run
from fnn.jittable import jittable
from fnn.loop import Loop
from fnn.loss import Loss
from fnn.losses import squared_error
from fnn.optimizers import Optimizer, gradient_descent
from fnn.pace import pace_for
from fnn.params import DT, Params, require_params
from fnn.progress import Progress
from fnn.restraints import Mask, restraints_of
from fnn.schedules import Rate
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
    decay_biases: bool = False,
    clip: SupportsFloat | None = None,
    clip_norm: SupportsFloat | None = None,
    max_norm: SupportsFloat | None = None,
    dropout: SupportsFloat | Sequence[SupportsFloat] = 0.0,
    mask: Mask | None = None,
    validation: tuple[ArrayLike, ArrayLike] | None = None,
    seed: SupportsIndex = 0,
    callback: Callable[[int, Params[DT], Record], object] | None = None,
    progress: bool | None = None,
    threads: SupportsIndex | None = None,
) -> Run[DT]:
    """Train by gradient descent (G1), or with another optimizer, over mini-batches; the loop is compiled.

    The same arguments give the same bits, whatever the number of threads.

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
        (x, y) to measure the error on after every epoch, each case weighing 1, and the accuracy if y are labels or
        one-hot.
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
    A `Run`: the new params, the history of every epoch, and the optimizer's state.

    Raises
    ------
    ValueError, TypeError
        As `grad` does, and for eta, epochs, batch_size, seed or threads out of range; both eta and an optimizer, or
        neither; an optimizer that needs all cases in a step, with smaller batches; a callback that is no function.
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
    if not np.isfinite(params._flat).all():
        raise ValueError("params: hold NaN or infinity")
    require_loss(params, loss)
    mean = require_reduction(reduction)
    if callback is not None and not callable(callback):
        raise TypeError(f"callback: needs a function, got {callback!r}")
    method, total = method_of(eta, optimizer, params), whole("epochs", epochs, at_least=0)
    batch = batch_of(params, x, y, weights, loss, class_weights=class_weights)
    size = len(batch.x) if batch_size is None else min(whole("batch_size", batch_size, at_least=1), len(batch.x))
    most = None if threads is None else whole("threads", threads, at_least=1)
    if method.needs_all_cases and size < len(batch.x):
        raise ValueError(f"batch_size: {method!r} needs all {len(batch.x)} cases in every step, got {size}")
    restraints = restraints_of(params, l2, l1, decay, decay_biases, clip, clip_norm, max_norm, dropout, mask)
    number = whole("seed", seed, at_least=0, at_most=2**63 - 1)
    descent = Descent(params, batch, loss, mean, method, restraints, size, number, total)
    loop = Loop(
        descent,
        total,
        Watch(params, validation, loss, mean, most),
        pace_for(_work(params, size), most),
        Progress(total, progress),
        callback,
    )

    return loop.run()


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
