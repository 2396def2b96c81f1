"""`train_many`: many networks at once, each as `train` would train it alone."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any, Generic, SupportsFloat, SupportsIndex, TypeAlias, TypeVar

from numpy.typing import ArrayLike

from fnn.checks import whole
from fnn.compiler.threads import available
from fnn.data.cases import Reduction
from fnn.losses.library import squared_error
from fnn.losses.loss import Loss
from fnn.network.params import DT, Params
from fnn.optimizers.library import Optimizer, OptimizerState
from fnn.optimizers.regularization import Mask
from fnn.optimizers.schedules import Rate
from fnn.training.history import Record, Run, TrainingDiverged
from fnn.training.shared_inputs import Shared
from fnn.training.stopping import Stopping
from fnn.training.train import Task, task_of
from fnn.training.worker_pool import Outcome, WorkerPool

T = TypeVar("T")
T_co = TypeVar("T_co", covariant=True)


class Each(Generic[T_co]):
    """A value for each network, for `train_many`: ``eta=fnn.Each([0.1, 0.3, 1.0])``.

    Parameters
    ----------
    values
        As many as there are networks, in their order.

    Raises
    ------
    TypeError
        One value instead of several.
    """

    __slots__ = ("values",)
    values: tuple[T_co, ...]

    def __init__(self, values: Iterable[T_co]) -> None:
        if not isinstance(values, Iterable):
            raise TypeError(f"each: needs a value for each network, got {values!r}")
        self.values = tuple(values)

    def __repr__(self) -> str:
        return f"fnn.Each({list(self.values)!r:.60})"


OrEach: TypeAlias = T | Each[T]


def train_many(
    params: Iterable[Params[DT]],
    x: OrEach[ArrayLike],
    y: OrEach[ArrayLike],
    *,
    eta: OrEach[Rate | None] = None,
    optimizer: OrEach[Optimizer | None] = None,
    epochs: OrEach[SupportsIndex],
    batch_size: OrEach[SupportsIndex | None] = None,
    loss: OrEach[Loss] = squared_error,
    reduction: OrEach[Reduction] = "sum",
    weights: OrEach[ArrayLike | None] = None,
    class_weights: OrEach[ArrayLike | None] = None,
    l2: OrEach[SupportsFloat] = 0.0,
    l1: OrEach[SupportsFloat] = 0.0,
    decay: OrEach[SupportsFloat] = 0.0,
    decay_biases: OrEach[bool] = False,
    clip: OrEach[SupportsFloat | None] = None,
    clip_norm: OrEach[SupportsFloat | None] = None,
    max_norm: OrEach[SupportsFloat | None] = None,
    dropout: OrEach[SupportsFloat | Sequence[SupportsFloat]] = 0.0,
    mask: OrEach[Mask | None] = None,
    validation: OrEach[tuple[ArrayLike, ArrayLike] | SupportsFloat | None] = None,
    stopping: OrEach[Stopping | None] = None,
    seed: OrEach[SupportsIndex] = 0,
    scale: OrEach[SupportsFloat] = 1.0,
    state: OrEach[OptimizerState[DT] | None] = None,
    callback: OrEach[Callable[[int, Params[DT], Record], object] | None] = None,
    on_step: OrEach[tuple[SupportsIndex, Callable[[int, Params[DT], float], object]] | None] = None,
    threads: SupportsIndex | None = None,
) -> list[Run[DT]]:
    """Train many networks at once, of one architecture or of several; each gets the same bits as by `train` alone.

    Parameters
    ----------
    params
        Where to start: a sequence of networks. ``[params] * 10`` with ``seed=fnn.Each(range(10))`` is one network ten
        times, its cases in other orders.
    x, y, eta, optimizer, epochs, batch_size, loss, reduction, weights, class_weights, l2, l1, decay, decay_biases, \
clip, clip_norm, max_norm, dropout, mask, validation, stopping, seed, scale, state, callback, on_step
        As for `train`, for all networks; or `each` of them has its own: ``x=fnn.Each(samples)``. What they share is
        checked and converted once. Functions are called in the threads that train, several at a time.
    threads
        At most so many; by default as many as there are processors. Each trains a network, the longest first; when
        fewer are left, several may train one. It changes no bit of the result.

    Returns
    -------
    A `Run` for each network, in the order of params.

    Raises
    ------
    ValueError, TypeError
        As `train` does, naming the network by its number from 0, before any is trained; `each` with another number of
        values than there are networks; params that are no sequence.
    SomeDiverged
        Networks diverged. The others were trained to their end, and it carries their runs.

    Examples
    --------
    >>> import fnn
    >>> x, y = [[0, 0], [0, 1], [1, 0], [1, 1]], [[0], [1], [1], [0]]
    >>> starts = [fnn.init((2, 2, 1), seed=seed) for seed in range(100)]
    >>> runs = fnn.train_many(starts, x, y, eta=2.0, epochs=2000)
    >>> len([run for run in runs if run.history.error[-1] < 0.01])  # the others end in a local minimum
    77
    """
    arguments: dict[str, object] = dict(
        x=x, y=y, eta=eta, optimizer=optimizer, epochs=epochs, batch_size=batch_size, loss=loss, reduction=reduction,
        weights=weights, class_weights=class_weights, l2=l2, l1=l1, decay=decay, decay_biases=decay_biases, clip=clip,
        clip_norm=clip_norm, max_norm=max_norm, dropout=dropout, mask=mask, validation=validation, stopping=stopping,
        seed=seed, scale=scale, state=state, callback=callback, on_step=on_step,
    )  # fmt: skip
    most = available() if threads is None else min(whole("threads", threads, at_least=1), available())
    networks = _networks(params)
    outcomes = WorkerPool(_tasks(networks, arguments, max(1, most // max(1, len(networks)))), most).run()
    runs = [outcome for outcome in outcomes if isinstance(outcome, Run)]
    if len(runs) < len(outcomes):
        raise SomeDiverged(outcomes)

    return runs


class SomeDiverged(ArithmeticError):
    """Some of the networks that were trained together diverged.

    Attributes
    ----------
    outcomes
        For each network its `Run`, or its `TrainingDiverged` with its last good parameters.
    """

    def __init__(self, outcomes: Sequence[Outcome[Any]]) -> None:
        numbers = [i for i, outcome in enumerate(outcomes) if isinstance(outcome, TrainingDiverged)]
        named = ", ".join(map(str, numbers[:10])) + ", .." * (len(numbers) > 10)
        first = outcomes[numbers[0]] if numbers else None
        super().__init__(
            f"{len(numbers)} of {len(outcomes)} networks diverged: {named}; .outcomes holds what came of each. "
            f"Network {numbers[0] if numbers else None}: {first}"
        )
        self.outcomes = list(outcomes)

    def __reduce__(self) -> tuple[type[SomeDiverged], tuple[list[Outcome[Any]]]]:
        return SomeDiverged, (self.outcomes,)


def _networks(params: Iterable[Params[DT]]) -> list[Params[DT]]:
    is_one: bool = isinstance(params, Params)  # and so an iterable of keys
    if is_one or not isinstance(params, Iterable):
        raise TypeError(f"params: needs a sequence of fnn.Params, got {type(params).__name__}")

    return list(params)


def _tasks(networks: list[Params[DT]], arguments: dict[str, object], threads: int) -> list[Task[DT]]:
    """Check all arguments of all networks."""
    given: dict[str, Any] = {}
    own: dict[str, tuple[Any, ...]] = {}
    for name, value in arguments.items():
        if not isinstance(value, Each):
            given[name] = value
        elif len(value.values) != len(networks):
            raise ValueError(f"{name}: has {len(value.values)} values, but there are {len(networks)} networks")
        else:
            own[name] = value.values
    together, tasks = Shared(), []
    for number, network in enumerate(networks):
        for name, values in own.items():
            given[name] = values[number]
        try:
            if given["y"] is None:
                raise TypeError("y: needs the targets; batches that come one after the other are for `train` alone")
            tasks.append(task_of(network, shared=together, checkpoint=None, progress=False, threads=threads, **given))
        except (TypeError, ValueError) as error:
            raise type(error)(f"network {number}: {error}") from error

    return tasks
