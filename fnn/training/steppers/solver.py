"""Solvers: methods that need all cases in each of their iterations, and more of the objective than a gradient.

To add one: a file with a subclass of `Solver`, the value that `train` takes for `optimizer`, and one of
`SolverStepper`, whose kernel does the iterations. An epoch is an iteration.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from functools import partial
from itertools import pairwise
from typing import Any, ClassVar, Final, Generic, NoReturn

import numpy as np
from numba import types
from numpy.typing import NDArray

from fnn.compiler.internals import TypingError
from fnn.data.rows import CaseArrays, address_of
from fnn.equations.objective import Objective
from fnn.io.archive import require_arrays
from fnn.network.kernels.plan import CHAIN
from fnn.network.params import DT, Params, require_params, wrap
from fnn.optimizers.optimizer import OptimizerState, require_parts
from fnn.training.checkpoint_format import Arrays
from fnn.training.evaluator import Evaluator
from fnn.training.history import Ending
from fnn.training.interrupt import Interrupt
from fnn.training.kernels.solvers.cursor import CURSOR_SIZE, ENDING, EPOCH, STOPPED
from fnn.training.kernels.work_stealing import barrier_size
from fnn.training.ranks.sharding import Sharding
from fnn.training.ranks.together import to_the_end
from fnn.training.steppers.kernel_calls import KernelCalls
from fnn.training.steppers.later import sharded_evaluator, solver_memory
from fnn.training.steppers.plateau import RateObserver
from fnn.training.steppers.stepper import Snapshot, Stepper, history_for
from fnn.values import Value

_ENDINGS: Final[tuple[Ending | None, ...]] = (None, "min_gradient", "largest_mu", "line_search")  # as in the cursor

SPACE: Final = 2**21  # bytes of a workspace, which stays in a cache
LEAST, MOST = 2 * CHAIN, 16 * CHAIN  # cases in it: more of them need fewer barriers
OF_UNIT: Final = 100  # operations that a unit of a case takes, beside products: about a tanh


class Solver(Value):
    """The base of `levenberg_marquardt` and `lbfgs`, which `train` takes as its optimizer.

    Each epoch is an iteration over all cases.
    """

    needs_all_cases: ClassVar[bool] = True
    failures: ClassVar[int] = 0  # epochs whose validation error is above the least, after which a run ends; 0: no rule

    def init(self, params: Params[DT]) -> OptimizerState[DT]:
        """The state before the first epoch; TypeError if params isn't `Params`."""
        require_params("params", params)
        zeros = np.zeros((self.vectors, params.flat_buffer.size), params.dtype)

        return OptimizerState(0, tuple(wrap(zero, params.architecture) for zero in zeros), self.numbers)

    def update(self, *_: object) -> NoReturn:
        """Raise TypeError: an iteration evaluates the objective at several points, which a gradient doesn't tell."""
        raise TypeError(
            f"fnn.{type(self).__name__} has no update: a gradient alone doesn't tell its step; call fnn.train"
        )

    @property
    def told(self) -> tuple[str, ...]:
        """What it tells of each epoch, by name."""
        return ()

    @property
    def vectors(self) -> int:
        """Vectors of its state, which start at 0."""
        return 0

    @property
    def numbers(self) -> tuple[float, ...]:
        """Numbers of its state, as they start."""
        return ()

    def require_limits(self, dtype: np.dtype[Any]) -> None:
        """Raise ValueError if a hyperparameter is beyond the dtype."""

    def require_state(self, params: Params[Any], state: OptimizerState[Any]) -> None:
        """Raise TypeError or ValueError unless the state is one of this solver for such params."""
        require_parts(self, self.vectors, len(self.numbers), params, state)

    def require_objective(
        self, params: Params[DT], batch: CaseArrays[DT], objective: Objective, sharding: Sharding | None = None
    ) -> None:
        """Raise ValueError or MemoryError if it can't minimise the objective of a run."""
        regularization = objective.regularization
        for name, value in (("l1", regularization.l1), ("dropout", any(regularization.dropped))):
            if value:
                raise ValueError(f"regularization: {self!r} needs an objective that is smooth and the same in every "
                                 f"epoch, so {name} must be 0")  # fmt: skip

    def work(self, params: Params[Any], cases: int) -> float:
        """Floating-point operations of an epoch, more or less."""
        raise NotImplementedError

    def stepper(
        self, params: Params[DT], batch: CaseArrays[DT], objective: Objective, epochs: int,
        state: OptimizerState[DT] | None, sharding: Sharding | None = None,
    ) -> Stepper[DT]:  # fmt: skip
        """What does the iterations of a run, on the shards of this process if there are any."""
        raise NotImplementedError

    @property
    def _numba_type_(self) -> types.Type:
        raise TypingError(f"fnn.{type(self).__name__}: can't be used inside @njit; call fnn.train outside")


class SolverStepper(Generic[DT]):
    """The members of `Stepper` that all solvers share."""

    steps_per_epoch, step = 1, 0
    _snapshot: Snapshot[DT] | None  # of the run as it is now; None after an epoch, until it is asked for
    _cursor: NDArray[np.int64]

    def __init__(
        self, solver: Solver, params: Params[DT], batch: CaseArrays[DT], objective: Objective, epochs: int,
        state: OptimizerState[DT] | None, sharding: Sharding | None = None,
    ) -> None:  # fmt: skip
        self._sharding, self.memory = sharding, solver_memory(sharding, params, batch, capacity_of(params))
        self.architecture, self._dtype = params.architecture, params.dtype
        self._solver, self._batch, self._objective = solver, batch, objective
        self.history = history_for(epochs)
        self.rate = RateObserver()
        self._told = np.empty((len(solver.told), epochs))
        state = solver.init(params) if state is None else state
        self._earlier_steps = state.step
        self._calls = KernelCalls()
        # What the kernel works on:
        self._flat = np.empty_like(params.flat_buffer)
        self._vectors = np.empty((solver.vectors, self._flat.size), self._dtype)
        self._numbers = np.empty(len(solver.numbers))
        self.restore(Snapshot(0, wrap(objective.regularization.masked(params.flat_buffer), self.architecture), state))

    def prepare(self, threads: int) -> None:
        """Make what a call by as many threads needs."""

    def iterate(self, thread: int, threads: int, words: NDArray[np.int64], epochs: int) -> None:
        """The kernel's part of a thread in some epochs, fewer if it ends by a rule, diverges or is interrupted."""
        raise NotImplementedError

    @property
    def _shards(self) -> int:
        """What kernels are told of shards."""
        return 0 if self.memory is None else address_of(self.memory.words)

    @property
    def epoch(self) -> int:
        return int(self._cursor[EPOCH])

    @property
    def steps(self) -> int:
        return self.epoch

    @property
    def error(self) -> float:
        return float(self.history[self.epoch - 1])

    @property
    def diverged(self) -> bool:
        return bool(self._cursor[STOPPED])

    @property
    def ending(self) -> Ending | None:
        return _ENDINGS[int(self._cursor[ENDING])]

    def told(self, epochs: int) -> Mapping[str, NDArray[np.float64]]:
        return {name: row[:epochs] for name, row in zip(self._solver.told, self._told, strict=True)}

    def etas(self, epochs: int) -> None:
        return None

    def first_steps(self, epochs: int) -> NDArray[np.int64]:
        return self._earlier_steps + np.arange(epochs)

    def params(self) -> Params[DT]:
        return self.snapshot().params

    def snapshot(self) -> Snapshot[DT]:
        if self._snapshot is None:
            flat, *vectors = (wrap(v.copy(), self.architecture) for v in (self._flat, *self._in_order()))
            step, numbers = self._earlier_steps + self.epoch, tuple(self._numbers.tolist())
            self._snapshot = Snapshot(self.epoch, flat, OptimizerState(step, tuple(vectors), numbers))

        return self._snapshot

    def _in_order(self) -> Sequence[NDArray[DT]]:
        """The vectors of the state."""
        return [*self._vectors]

    def restore(self, at: Snapshot[DT]) -> None:
        self._snapshot = at
        self._cursor = np.zeros(CURSOR_SIZE, np.int64)
        self._cursor[EPOCH] = at.epoch
        self._flat[:], self._numbers[:] = at.params.flat_buffer, at.state.numbers
        for row, vector in zip(self._vectors, at.state.vectors, strict=True):
            row[:] = vector.flat_buffer

    def interrupt(self) -> None:
        self._calls.interrupt()

    def run(
        self, steps: int, threads: int, *, seconds: float = 0.0, interrupt: Interrupt | None = None
    ) -> tuple[int, float]:
        began, first, cancelled = time.perf_counter(), self.epoch, self._calls.interrupted
        if not (self.diverged or self.ending or (cancelled and self._sharding is None)):
            self._snapshot = None
            self.prepare(threads)
            if self.memory is not None:
                self.memory.prepare(threads)
            if self._sharding is None or self._sharding.team.size == 1:
                self._iterate(steps, threads, seconds)
            else:
                to_the_end(partial(self._iterate, steps, threads, seconds), self._calls.interrupt)
        self._calls.interrupted = False
        self.starting, self._calls.starting = self._calls.starting, 0.0

        return self.epoch - first, time.perf_counter() - began

    def _iterate(self, epochs: int, threads: int, seconds: float) -> None:
        """Call the kernel, together with all other processes."""
        if self._sharding is not None:
            self._sharding.team.meet()
        size = barrier_size(threads)
        self._calls.call(lambda i, n, words: self.iterate(i, n, words, epochs), threads, size, seconds)

    def is_finite(self, params: Params[DT]) -> bool:
        s, given = self._sharding, (params, self._batch, self._objective, 1)
        if s is None:
            return Evaluator(*given).is_finite(params)

        return sharded_evaluator()(*given, s, s.bounds(s.number)).is_finite(params)

    def last_good(self) -> Params[DT] | None:
        """None: the run can be repeated from a snapshot."""
        return None

    def arrays(self) -> Arrays:
        """What it told of the epochs that have ended, and the rule that ends the run with the last one."""
        return {"told": self._told[:, : self.epoch], "ending": np.array(self._cursor[ENDING])}

    def resume(self, at: Snapshot[DT], errors: NDArray[np.float64], arrays: Arrays) -> None:
        """Go on from a checkpoint; ValueError if no epoch ended there."""
        require_arrays(arrays, {"told": (np.float64, (len(self._told), at.epoch)), "ending": (np.int64, ())})
        if not 0 <= arrays["ending"] < len(_ENDINGS):
            raise ValueError(f"ending: there is no rule {arrays['ending']}")
        if at.cases or at.state.step != self._earlier_steps + at.epoch:
            raise ValueError(f"step: needs {self._earlier_steps + at.epoch}, got {at.state.step}")
        self.history[: at.epoch] = errors
        self._told[:, : at.epoch] = arrays["told"]
        self.restore(at)
        self._cursor[ENDING] = arrays["ending"]

    def catch_up(self) -> bool:
        """True: there is no order of cases."""
        return True


def evaluation_work(params: Params[Any], cases: int) -> float:
    """Operations of E and its gradient: three products a layer, but no B4 in the first, and the activations."""
    sizes = params.sizes
    products = 3 * sum(m * n for m, n in pairwise(sizes)) - sizes[0] * sizes[1]

    return cases * (2.0 * products + OF_UNIT * sum(sizes[1:])) * (2 if params.dtype == np.float64 else 1)


def capacity_of(params: Params[Any]) -> int:
    """The most cases in the workspace: a multiple of CHAIN."""
    of_chain = params.architecture.layout(params.dtype, CHAIN).whole * params.dtype.itemsize

    return min(max(SPACE // of_chain * CHAIN, LEAST), MOST)
