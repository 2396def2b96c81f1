"""`BatchStepper`: a `Stepper` on mini-batches of arrays, by the compiled training loop."""

from __future__ import annotations

import time
from functools import partial
from typing import Final, Generic

import numpy as np
from numpy.typing import NDArray

from fnn.data.rows import CaseArrays, expect_no_order
from fnn.equations.objective import Objective
from fnn.io.archive import require_arrays
from fnn.network.layout import cache_aligned
from fnn.network.params import DT, Params, wrap
from fnn.optimizers.kernels.abi import L1, L2, MAX_STEPS
from fnn.optimizers.optimizer import Optimizer, OptimizerState
from fnn.training.checkpoint_format import Arrays
from fnn.training.evaluator import Evaluator
from fnn.training.interrupt import Interrupt
from fnn.training.kernels import work_stealing
from fnn.training.kernels.descend import descend_kernel
from fnn.training.kernels.epochs import CASE, CURSOR_SIZE, EARLIER, EPOCH, KEEPS_ORDER, SQUARES, STOPPED
from fnn.training.kernels.narrow.descend import narrow_kernel
from fnn.training.steppers.buffers import Buffers
from fnn.training.steppers.kernel_calls import KernelCalls
from fnn.training.steppers.plateau import RateObserver
from fnn.training.steppers.stepper import Snapshot, history_for

SQUARED_WEIGHTS: Final = "squared_weights"  # what `told` has of each epoch, if it is asked for: Σ W² after it
AHEAD: Final = 512  # steps, at least, whose coefficients are worked out together


class BatchStepper(Generic[DT]):
    """Steps of an optimizer, each on a mini-batch of cases that have no fault. For the members see `Stepper`."""

    ending, starting = None, 0.0
    _cursor: NDArray[np.int64]  # the epoch and the case, as the kernels count them
    _sums: NDArray[np.float64]  # Σ_c w_c E_c and Σ_c w_c of the current epoch's cases
    _snapshot: Snapshot[DT] | None  # of the run as it is now; None after a step, until it is asked for
    _params: Params[DT] | None  # likewise

    def __init__(
        self, params: Params[DT], batch: CaseArrays[DT], objective: Objective, optimizer: Optimizer, batch_size: int,
        seed: int, epochs: int, state: OptimizerState[DT] | None = None, *, keeps_order: bool = False,
        first_epoch: int = 0, tells_squares: bool = False, number: int = 0,
    ) -> None:  # fmt: skip
        self.architecture, self._dtype = params.architecture, params.dtype
        self._keeps_order, self._first_epoch = keeps_order, first_epoch
        self._batch, self._batch_size, self._seed = batch, batch_size, seed
        self._number = number or batch.number  # of the cases of an epoch, some of which other processes may have
        self._objective, (self._loss, self._mean, self._regularization) = objective, objective
        if batch_size < self._number:
            for array in batch[:3]:
                expect_no_order(array, self)
        self.steps_per_epoch = -(-self._number // batch_size)
        self._measures = history_for(2 * epochs if tells_squares else epochs)
        self.history, self._squares = self._measures[:epochs], self._measures[epochs:]
        self._buffers = Buffers(
            params, batch, objective, optimizer, self._own_size(), allows_narrow=self._allows_narrow()
        )  # fmt: skip
        self.order = batch.chosen.copy() if batch.chosen.size else np.arange(batch.number)
        self._calls = KernelCalls()
        self._ahead: tuple[Optimizer | None, int, NDArray[DT]] = None, 0, np.empty((0, 0), self._dtype)
        self._evaluator: Evaluator[DT] | None = None  # once it is needed
        state = optimizer.init(params) if state is None else state
        self._earlier_steps = state.step
        self.rate = RateObserver(optimizer, state.step, self.steps_per_epoch, epochs)
        self.restore(Snapshot(0, wrap(self._regularization.masked(params.flat_buffer), self.architecture), state))

    def _own_size(self) -> int:
        """The cases of a batch that this process has, at most."""
        return self._batch_size

    def _allows_narrow(self) -> bool:
        """Whether the loop for narrow networks can train."""
        return not self._squares.size

    @property
    def epoch(self) -> int:
        return int(self._cursor[EPOCH])

    @property
    def step(self) -> int:
        return int(self._cursor[CASE]) // self._batch_size

    @property
    def steps(self) -> int:
        return self.epoch * self.steps_per_epoch + self.step

    @property
    def error(self) -> float:
        if self.step == 0:
            return float(self.history[self.epoch - 1])
        total, weight = self._sums.tolist()

        return float(total / weight) if weight else np.nan

    @property
    def diverged(self) -> bool:
        return bool(self._cursor[STOPPED])

    def told(self, epochs: int) -> dict[str, NDArray[np.float64]]:
        return {SQUARED_WEIGHTS: self._squares[:epochs]} if self._squares.size else {}

    def etas(self, epochs: int) -> NDArray[np.float64] | None:
        return self.rate.etas(epochs, self.first_steps)

    def first_steps(self, epochs: int) -> NDArray[np.int64]:
        return self._earlier_steps + np.arange(epochs) * self.steps_per_epoch

    def params(self) -> Params[DT]:
        if self._params is None:
            flat = cache_aligned(self.architecture.count, self._dtype)
            self._params = wrap(self._buffers.unpack(self._buffers.weights, flat), self.architecture)

        return self._params

    def snapshot(self) -> Snapshot[DT]:
        if self._snapshot is None:
            unpack, packed = self._buffers.unpack, self._buffers.vectors
            rows = np.empty((len(packed), self.architecture.count), self._dtype)
            vectors = tuple(wrap(unpack(*pair), self.architecture) for pair in zip(packed, rows, strict=True))
            state, (total, weight) = OptimizerState(self._earlier_steps + self.steps, vectors), self._sums.tolist()
            self._snapshot = Snapshot(self.epoch, self.params(), state, int(self._cursor[CASE]), (total, weight))

        return self._snapshot

    def restore(self, at: Snapshot[DT]) -> None:
        self._snapshot, self._params = at, at.params
        self._cursor, self._sums = np.zeros(CURSOR_SIZE, np.int64), np.array(at.sums)
        self._cursor[EPOCH], self._cursor[CASE] = at.epoch, at.cases
        self._cursor[EARLIER], self._cursor[KEEPS_ORDER] = self._first_epoch, self._keeps_order
        self._cursor[SQUARES] = self._squares.size  # as many as there are epochs, or none
        for vector, packed in zip(at.state.vectors, self._buffers.vectors, strict=True):
            self._buffers.pack(vector.flat_buffer, packed)
        self._buffers.pack(at.params.flat_buffer, self._buffers.weights)

    def interrupt(self) -> None:
        self._calls.interrupt()

    def run(
        self, steps: int, threads: int, *, seconds: float = 0.0, interrupt: Interrupt | None = None
    ) -> tuple[int, float]:
        began, optimizer = time.perf_counter(), self.rate.optimizer(self.epoch)
        self._snapshot = self._params = None
        first = now = self.steps
        last = first + steps
        while now < last and not (self.diverged or self._calls.interrupted):
            found = self._coefficients(optimizer, now, min(last - now, MAX_STEPS), interrupt)
            if found is None:  # an interrupt came first
                break
            coefficients, count = found
            if len(coefficients) == 1 < count:
                count = last - now
            self._run(coefficients, count, threads, count * seconds / steps)
            now = self.steps
        self._calls.interrupted = False
        self.starting, self._calls.starting = self._calls.starting, 0.0

        return now - first, time.perf_counter() - began

    def _coefficients(
        self, optimizer: Optimizer, first: int, count: int, interrupt: Interrupt | None
    ) -> tuple[NDArray[DT], int] | None:
        """The coefficients of some steps of the run, a row each, or one for all; and of how many; None if interrupted.

        They are kept for later calls, unless a function of the user tells them. Of fewer than `count`, if that fails
        for later ones: the steps before them are taken.
        """
        before = self._earlier_steps + first
        known, begin, kept = self._ahead
        if known is optimizer and len(kept) == 1:
            return kept, count
        if known is optimizer and begin <= before and before + count <= begin + len(kept):
            return kept[before - begin : before - begin + count], count
        is_constant = not any(map(callable, vars(optimizer).values()))  # else functions of the user are asked no sooner
        count, asked = max(count, AHEAD) if is_constant else count, count
        while True:
            tabulate = partial(optimizer.coefficient_table, before, count, self._dtype)
            try:
                table = tabulate() if interrupt is None else interrupt.call(tabulate)
                break
            except Exception:
                if count == 1:
                    raise
                count //= 2
        if table is None:
            return None
        if self._regularization.l2 or self._regularization.l1:
            with np.errstate(under="ignore"):
                table[:, L2], table[:, L1] = self._regularization.l2, self._regularization.l1
        if is_constant:
            self._ahead = optimizer, before, table

        return table[:asked], min(asked, count)

    def _run(self, coefficients: NDArray[DT], steps: int, threads: int, seconds: float) -> None:
        """Call the kernel."""
        b, batch, loss = self._buffers, self._batch, self._loss.descriptor_address(self._dtype)
        x, y, labels, weights, sources = batch.taken
        cursor, sums = self._cursor, self._sums
        if b.is_narrow:  # by names, here and below: a swapped integer would write anywhere in memory
            narrow_kernel[self._dtype](
                table=b.layout.table, flat=b.weights, space=b.space, x=x, y=y, labels=labels, case_weights=weights,
                order=self.order, chosen=batch.chosen, loss=loss, mean=self._mean, coefficients=coefficients,
                batch_size=self._batch_size, seed=self._seed, steps=steps, cursor=cursor, sums=sums,
                history=self._measures,
            )  # fmt: skip
            return
        kernel = descend_kernel[self._dtype]

        def part(number: int, parts: int, words: NDArray[np.int64]) -> None:
            kernel(
                thread=number, threads=parts, barrier=words, table=b.layout.table, weights=b.weights, space=b.space,
                capacity=b.capacity, gradient_buffer=b.gradient, x=x, y=y, labels=labels, case_weights=weights,
                sources=sources, order=self.order, chosen=batch.chosen, loss=loss, mean=self._mean,
                descriptor=b.descriptor, state=b.state, coefficients=coefficients, batch_size=self._batch_size,
                seed=self._seed, steps=steps, cursor=cursor, sums=sums, history=self._measures,
            )  # fmt: skip

        self._calls.call(part, threads, work_stealing.barrier_size(threads), seconds)

    def is_finite(self, params: Params[DT]) -> bool:
        if self._evaluator is None:
            self._evaluator = self._new_evaluator(params)

        return self._evaluator.is_finite(params)

    def _new_evaluator(self, params: Params[DT]) -> Evaluator[DT]:
        """What measures the error of all cases."""
        return Evaluator(params, self._batch, self._objective, 1)

    def last_good(self) -> Params[DT] | None:
        """None: the run can be repeated from a snapshot."""
        return None

    def arrays(self) -> Arrays:
        """What the rate needs, and Σ W² of each epoch if it is told."""
        squares = {"squares": self._squares[: self.epoch].copy()} if self._squares.size else {}

        return self.rate.arrays() | squares

    def resume(self, at: Snapshot[DT], errors: NDArray[np.float64], arrays: Arrays) -> None:
        """Go on from a checkpoint; ValueError if no step begins there."""
        if at.cases >= self._number or at.cases % self._batch_size:
            raise ValueError(f"no step begins after {at.cases} of {self._number} cases")
        self.history[: at.epoch] = errors
        if self._squares.size:
            squares = {"squares": arrays.pop("squares", np.empty(0))}
            require_arrays(squares, {"squares": (np.float64, (at.epoch,))})
            self._squares[: at.epoch] = squares["squares"]
        self.restore(at)
        self._require_step(at)
        self.rate.resume(arrays, self.steps)

    def _require_step(self, at: Snapshot[DT]) -> None:
        if at.state.step != self._earlier_steps + self.steps:
            raise ValueError(f"step: needs {self._earlier_steps + self.steps}, got {at.state.step}")

    def catch_up(self) -> bool:
        """True: the next case follows from the seed."""
        return True
