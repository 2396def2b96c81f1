"""`train_many`: many networks at once, each as `train` would train it alone."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Executor
from typing import Any, SupportsFloat, SupportsIndex, TypeAlias, TypeVar

from numpy.typing import ArrayLike

from fnn.boundary.calls import Each, by_name, needs
from fnn.boundary.checks import prefixed, whole
from fnn.compiler.threads import available
from fnn.data.batch_stream import require_no_batches
from fnn.data.cases import Cases, cases_of
from fnn.equations.objective import Reduction
from fnn.losses.library import squared_error
from fnn.losses.loss import Loss
from fnn.network.architecture import Architecture
from fnn.network.params import DT, Params, require_params, wrap
from fnn.network.regularization import Regularization
from fnn.optimizers.optimizer import Optimizer, OptimizerState
from fnn.optimizers.schedule import Rate
from fnn.training.advice import advise
from fnn.training.callbacks import Callback
from fnn.training.checkpoint import Checkpoint
from fnn.training.executors.pool import ExecutorPool
from fnn.training.executors.threads import NetworkPool, Outcome
from fnn.training.history import Run, TrainingDiverged
from fnn.training.steppers.solver import Solver
from fnn.training.stopping import Stopping
from fnn.training.task import Task, checkpoint_of, task_of

T = TypeVar("T")


OrEach: TypeAlias = T | Each[T]


@by_name
def train_many(
    params: Iterable[Params[DT]],
    x: OrEach[ArrayLike | Cases],
    y: OrEach[ArrayLike | None] = None,
    *,
    optimizer: OrEach[Optimizer | Solver | None] = None,
    eta: OrEach[Rate | None] = None,
    epochs: OrEach[SupportsIndex],
    batch_size: OrEach[SupportsIndex | None] = None,
    seed: OrEach[SupportsIndex] = 0,
    shuffle: OrEach[bool] = True,
    first_epoch: OrEach[SupportsIndex] = 0,
    loss: OrEach[Loss] = squared_error,
    reduction: OrEach[Reduction] = "sum",
    regularization: OrEach[Regularization | None] = None,
    validation: OrEach[Cases | tuple[ArrayLike, ArrayLike] | SupportsFloat | None] = None,
    stopping: OrEach[Stopping | None] = None,
    callbacks: OrEach[Sequence[Callback[DT]]] = (),
    checkpoint: str | os.PathLike[str] | Checkpoint | None = None,
    state: OrEach[OptimizerState[DT] | None] = None,
    threads: SupportsIndex | None = None,
    executor: Executor | Callable[[], Executor] | None = None,
) -> list[Run[DT]]:
    """Train many networks at once, of one architecture or of several; each gets the same bits as by `train` alone.

    Parameters
    ----------
    params
        Where to start: a sequence of networks. ``[params] * 10`` with ``seed=fnn.Each(range(10))`` is one network ten
        times, its cases in other orders.
    x, y, optimizer, eta, epochs, batch_size, seed, shuffle, first_epoch, loss, reduction, regularization, validation, \
stopping, callbacks, state
        As for `train`, for all networks; or `Each` of them has its own: ``x=fnn.Each(samples)``. What they share is
        checked and converted once. Functions are called in the threads that train, several at a time. There is one
        progress bar, of networks that are done.
    checkpoint
        A folder, made if it isn't there, in which network i has the checkpoint i.npz of `train`; or an `fnn.Checkpoint`
        with that path. A call that was killed, made again, doesn't train again what had ended, and goes on from where
        the others were; also with more networks or epochs than before. One that diverged goes there again.
    threads
        The most threads; by default as many as `train` may have at most. Each trains a network, the longest run first;
        when fewer networks than threads are left, several train one. It changes no bit of the result.
    executor
        Where to train, instead of in threads, to the same bits: a `concurrent.futures.Executor` of processes, of MPI
        (`mpi4py.futures.MPIPoolExecutor`), Dask (`distributed.Client.get_executor()`) or loky; or a function that makes
        one, such as ``functools.partial(ProcessPoolExecutor, 8)``. Workers take networks as they become free, the
        longest run first, each with as many threads as `threads` says, by default 1.
        They map the cases, also those of an ``np.memmap``, from one temporary file in the folder that TMPDIR names or,
        on other machines, get a copy; all else is pickled, so the user's functions must stand in a module. Those are
        called in the workers, where what they change stays, and which write the checkpoints: into a folder that all
        see. A worker that dies breaks most executors; a function makes another one, in which all that is missing is
        trained, and only a network whose worker dies again while it alone is trained is lost.

    Returns
    -------
    A `Run` for each network, in the order of params.

    Raises
    ------
    ValueError, TypeError
        As `train` does, naming the network by its number from 0, before any is trained; `Each` with another number of
        values than there are networks; params that are no sequence. What is wrong with a checkpoint is found when the
        network's turn comes.
    OSError
        The folder or a checkpoint can't be made or read.
    SomeDiverged
        Networks diverged. The others were trained to their end, and it carries their runs.
    SomeLost
        Workers of the executor died. It names the networks that are lost, and carries what came of the others.
    Other errors
        As in `train`. They and a KeyboardInterrupt end all runs; their attribute `outcomes` is as that of
        `SomeDiverged`, with None for what failed or hadn't begun.

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
        x=x, y=y, optimizer=optimizer, eta=eta, epochs=epochs, batch_size=batch_size, seed=seed, shuffle=shuffle,
        first_epoch=first_epoch, loss=loss, reduction=reduction, regularization=regularization, validation=validation,
        stopping=stopping, callbacks=callbacks, state=state,
    )  # fmt: skip
    given = None if threads is None else whole("threads", threads, at_least=1)
    if not (executor is None or isinstance(executor, Executor) or callable(executor)):
        raise needs("executor", "a concurrent.futures.Executor, or a function that makes one", executor)
    is_one: bool = isinstance(params, Params)  # and so an iterable of keys
    if is_one or not isinstance(params, Iterable):
        raise TypeError(f"params: needs a sequence of fnn.Params, got {type(params).__name__}")
    networks, rules = list(params), checkpoint_of(checkpoint)
    most = available(given)
    tasks = _tasks(networks, arguments, max(1, most // max(1, len(networks))) if executor is None else given or 1)
    advise(tasks, stacklevel=3)
    if rules is not None:
        tasks = _kept(tasks, rules)
    outcomes = NetworkPool(tasks, most).run() if executor is None else ExecutorPool(tasks, executor).run()
    runs = [outcome for outcome in outcomes if isinstance(outcome, Run)]
    if len(runs) < len(outcomes):
        raise SomeDiverged(outcomes)

    return runs


class SomeDiverged(ArithmeticError):
    """Some of the networks that were trained together have diverged.

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


def _tasks(networks: list[Params[DT]], arguments: dict[str, object], threads: int) -> list[Task[DT]]:
    """Check all arguments of all networks; what they share is checked and converted once."""
    shared = {name: value for name, value in arguments.items() if not isinstance(value, Each)}
    own = {name: value.values for name, value in arguments.items() if isinstance(value, Each)}
    for name in shared.keys() - {"x", "y", "validation", "callbacks"}:
        value: Any = shared[name]
        if isinstance(value, Iterable) and not isinstance(value, str) and getattr(value, "ndim", 1) > 0:
            raise needs(name, f"one value for all networks, or {name}=fnn.Each(..) of a value for each", value)
    for name, values in own.items():
        if len(values) != len(networks):
            raise ValueError(f"{name}: has {len(values)} values, but there are {len(networks)} networks")
    given: dict[str, Any] = shared | _as_values(shared, own.get("x", ()))
    architectures: dict[Architecture, Architecture] = {}  # equal ones are made one: its layouts take 0.1 ms
    tasks = []
    for number, network in enumerate(networks):
        given |= {name: values[number] for name, values in own.items()}
        with prefixed(f"network {number}: "):
            if given["y"] is None and not isinstance(given["x"], Cases):
                raise TypeError("y: needs the targets; batches that come one after the other are for `train` alone")
            require_params("params", network)
            architecture = architectures.setdefault(network.architecture, network.architecture)
            own_network = wrap(network.flat_buffer, architecture)
            task: Task[DT] = task_of(own_network, **given, checkpoint=None, threads=threads)
        tasks.append(task)

    return tasks


def _kept(tasks: list[Task[DT]], rules: Checkpoint) -> list[Task[DT]]:
    """The same, each with a checkpoint in the folder of the rules."""
    folder = os.path.abspath(rules.path)
    try:
        os.makedirs(folder, exist_ok=True)
    except FileExistsError:
        raise NotADirectoryError(f"checkpoint: needs a folder, for a file of each network, got {folder}") from None
    files = (rules.__replace__(path=os.path.join(folder, f"{number}.npz")) for number in range(len(tasks)))

    return [task._replace(checkpoint=file) for task, file in zip(tasks, files, strict=True)]


def _as_values(shared: dict[str, Any], own_x: Iterable[Any]) -> dict[str, Any]:
    """What all networks share in a form that can be shared: arrays as `Cases`, callbacks as a list."""
    values: dict[str, Any] = {}
    if "x" in shared and shared.get("y") is not None:
        values = {"x": cases_of(require_no_batches(shared["x"]), shared["y"]), "y": None}
    validation = shared.get("validation")
    scales = {x.scale for x in [shared.get("x"), *own_x] if isinstance(x, Cases)}
    if isinstance(validation, tuple) and len(validation) == 2 and scales <= {1.0}:  # else each `train` refuses it
        with prefixed("validation "):
            values["validation"] = Cases(*validation)
    if isinstance(shared.get("callbacks"), Iterator):
        values["callbacks"] = list(shared["callbacks"])

    return values
