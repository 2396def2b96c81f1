"""When a run ends before its last epoch, as a value; and what a run has seen of that."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import KW_ONLY
from typing import Annotated, Any, Final, Generic, Literal, NamedTuple, SupportsFloat, SupportsIndex, TypeAlias

import numpy as np
from numpy.typing import NDArray

from fnn.checks import number, positive, whole
from fnn.io.archive import require_arrays
from fnn.network.architecture import Architecture
from fnn.network.params import DT, wrap
from fnn.optimizers.optimizer import OptimizerState
from fnn.training.steps import BatchStepper
from fnn.values import AtLeast0, Value

Rule: TypeAlias = Literal["patience", "target_error"]


def _count(name: str, value: SupportsIndex | None) -> int | None:
    return None if value is None else whole(name, value, at_least=1)


def _duration(name: str, value: SupportsFloat | None) -> float | None:
    return None if value is None else positive(name, value)


def _finite(name: str, value: SupportsFloat | None) -> float | None:
    found = None if value is None else number(name, value)
    if found is not None and not np.isfinite(found):
        raise ValueError(f"{name}: must be finite, got {found}")

    return found


def _truth(name: str, value: bool) -> bool:
    if not isinstance(value, bool | np.bool_):
        raise TypeError(f"{name}: must be True or False, got {value!r}")

    return bool(value)


class Stopping(Value):
    """When `train` ends before its last epoch; what isn't given doesn't matter.

    The error is that of the validation set, if there is one, or else the epoch's. NaN is never an improvement, and
    never reaches a target.

    Parameters
    ----------
    patience
        It ends after so many epochs in a row, at least 1, without an improvement.
    min_improvement
        An epoch is one if its error is below that of the last one by more than this, at least 0.
    target_error
        It ends after an epoch whose error is at most this, which is finite.
    seconds
        It ends when it has lasted so long, above 0, with all that happens in it: within an epoch if need be, after a
        whole step, and then the result depends on how fast the machine is.
    restore_best
        Whether the run returns the params after the epoch whose error was least (the first of several), and the
        optimizer's state after it, instead of the last ones. So it does, too, if it wasn't ended early.

    Raises
    ------
    ValueError, TypeError
        A number out of range, or none; a min_improvement without patience.

    Examples
    --------
    >>> import fnn
    >>> x, y = [[0, 0], [0, 1], [1, 0], [1, 1]], [[0], [1], [1], [0]]
    >>> start = fnn.init((2, 2, 1), seed=2)
    >>> run = fnn.train(start, x, y, eta=2.0, epochs=10_000, stopping=fnn.Stopping(target_error=0.01))
    >>> run.stop_reason, len(run.history) < 10_000
    ('target_error', True)
    """

    _: KW_ONLY
    patience: Annotated[int | None, _count] = None
    min_improvement: AtLeast0 = 0.0
    target_error: Annotated[float | None, _finite] = None
    seconds: Annotated[float | None, _duration] = None
    restore_best: Annotated[bool, _truth] = False

    def __post_init__(self) -> None:
        """Check the fields."""
        super().__post_init__()
        if self.min_improvement > 0 and self.patience is None:
            raise ValueError(f"min_improvement: {self.min_improvement} matters only with patience, which wasn't given")


_NEVER: Final = Stopping()  # made once, which takes 20 µs


class Best(NamedTuple, Generic[DT]):
    """A run after the epoch whose error was least."""

    error: float
    flat: NDArray[DT]
    state: OptimizerState[DT]


class Stopper(Generic[DT]):
    """What a run has seen that matters to its `stopping`."""

    def __init__(self, rules: Stopping | None, architecture: Architecture) -> None:
        if not (rules is None or isinstance(rules, Stopping)):
            raise TypeError(f"stopping: needs fnn.Stopping(..), got {rules!r}")
        self._rules = _NEVER if rules is None else rules
        self._architecture = architecture
        self._improved, self._since = np.inf, 0  # the error of the last improvement, and the epochs since
        self.best: Best[DT] | None = None  # if it is wanted

    @property
    def listens(self) -> bool:
        """Whether it must be told the error of every epoch."""
        rules = self._rules

        return rules.patience is not None or rules.target_error is not None or rules.restore_best

    @property
    def settings(self) -> dict[str, Any]:
        """The rules in terms of JSON."""
        return dict(vars(self._rules))

    def observe(self, error: float, stepper: BatchStepper[DT]) -> Rule | None:
        """Learn the error after an epoch; returns why the run should end, if it should."""
        rules = self._rules
        if rules.restore_best and error < (np.inf if self.best is None else self.best.error):
            self.best = Best(error, stepper.flat(), stepper.state())
        if error < self._improved - rules.min_improvement:
            self._improved, self._since = error, 0
        else:
            self._since += 1
        if rules.target_error is not None and error <= rules.target_error:
            return "target_error"

        return "patience" if rules.patience is not None and self._since >= rules.patience else None

    def is_late(self, seconds: float) -> bool:
        """Whether a run that has lasted so long should end."""
        return self.limit is not None and seconds >= self.limit

    @property
    def limit(self) -> float | None:
        """How many seconds a run may last."""
        return self._rules.seconds

    def arrays(self) -> dict[str, NDArray[Any]]:
        """All that must survive until the run is resumed."""
        found: dict[str, NDArray[Any]] = {"improved": np.array(self._improved), "since": np.array(self._since)}
        if self.best is not None:
            error, flat, state = self.best
            vectors = np.array([vector.flat for vector in state.vectors], flat.dtype).reshape(-1, flat.size)
            found |= {"best_error": np.array(error), "best_params": flat}
            found |= {"best_step": np.array(state.step), "best_state": vectors}

        return found

    def restore(self, arrays: Mapping[str, NDArray[Any]], stepper: BatchStepper[DT], seen: int) -> None:
        """Go on from what `arrays` returned; ValueError if it can't have been that, after so many epochs were seen."""
        specs: dict[str, tuple[type[Any], tuple[int, ...]]] = {"improved": (np.float64, ()), "since": (np.int64, ())}
        if "best_error" in arrays:
            count, dtype = self._architecture.count, stepper.flat().dtype.type
            specs |= {"best_error": (np.float64, ()), "best_params": (dtype, (count,))}
            specs |= {"best_step": (np.int64, ()), "best_state": (dtype, (stepper.states, count))}
        has_best = "best_error" in arrays
        require_arrays(arrays, specs, finite=["best_error", "best_params"] if has_best else [])
        if not 0 <= arrays["since"] <= seen or (has_best and not (self._rules.restore_best and seen > 0)):
            raise ValueError(f"since: {arrays['since']} of {seen} epochs, or a best one that nobody wants")
        self._improved, self._since = float(arrays["improved"]), int(arrays["since"])
        if "best_error" in arrays:
            vectors = tuple(wrap(vector, self._architecture) for vector in arrays["best_state"])
            state = OptimizerState(int(arrays["best_step"]), vectors)
            self.best = Best(float(arrays["best_error"]), arrays["best_params"], state)
