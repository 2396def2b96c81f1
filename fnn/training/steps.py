"""One run of the compiled training loop: its buffers, and where it stands."""

from __future__ import annotations

from typing import Any, Final, Generic, NamedTuple

import numpy as np
from numpy.typing import NDArray

from fnn.compiler.target import LINE, float_type, lanes_of
from fnn.compiler.threads import run_in_threads
from fnn.data.rows import CaseArrays, expect_no_order
from fnn.equations.objective import Objective
from fnn.network.kernels.narrow_plan import is_narrow
from fnn.network.kernels.pack import pack_kernel, unpack_kernel
from fnn.network.layout import Layout, cache_aligned
from fnn.network.params import DT, Params, wrap
from fnn.optimizers.kernels.abi import CASES_PHASE, DESCRIPTOR_SIZE, L1, L2, MASK, MASKED, MAX_STEPS, ROWS_PHASE
from fnn.optimizers.library import gradient_descent
from fnn.optimizers.optimizer import Optimizer, OptimizerState
from fnn.optimizers.schedules import Plateau, Scaled, etas, plateau
from fnn.training.evaluator import Evaluator
from fnn.training.interrupt import Interrupt
from fnn.training.kernels import barrier
from fnn.training.kernels import work_stealing as turns
from fnn.training.kernels.descend import CAPACITY, CASE, CURSOR_SIZE, EPOCH, STOPPED, descend_kernel, prepare_kernel
from fnn.training.kernels.dropout import DROPOUT_PHASE
from fnn.training.kernels.narrow.descend import narrow_kernel
from fnn.training.kernels.narrow.outputs import OUTPUTS_BY_CASES
from fnn.training.kernels.optimizer_phase import OPTIMIZER_PHASE
from fnn.training.kernels.regularized_phase import REGULARIZED_PHASE

LONG_CALL: Final = 0.05  # seconds: longer calls run in a worker thread, so that the main thread can handle signals


class Snapshot(NamedTuple):
    """A run between two steps."""

    epoch: int
    flat: NDArray[Any]
    state: NDArray[Any]  # the optimizer's vectors, laid out as the kernels have them
    cases: int = 0  # of the epoch that are done
    sums: tuple[float, float] = (0.0, 0.0)  # of these: the error, and the weights


class BatchStepper(Generic[DT]):
    """Steps of an optimizer, any number of them at a time by any number of threads, always with the same bits.

    The batch must be free from faults.
    """

    def __init__(
        self,
        params: Params[DT],
        batch: CaseArrays[DT],
        objective: Objective,
        optimizer: Optimizer,
        batch_size: int,
        seed: int,
        epochs: int,
        state: OptimizerState[DT] | None = None,
    ) -> None:
        self.architecture, self._dtype = params._architecture, params.dtype
        self._batch, self._loss, self._mean, regularization = batch, *objective
        self._optimizer, self._regularization, self._batch_size, self._seed = (
            optimizer,
            regularization,
            batch_size,
            seed,
        )
        self._modifies_weights = regularization.modifies_weights or optimizer.modifies_weights
        if batch_size < batch.number:
            for array in batch[:3]:
                expect_no_order(array, self)
        self.steps_an_epoch = -(-batch.number // batch_size)
        self.history = _history(epochs)
        self._capacity = min(batch_size, CAPACITY)
        plain = isinstance(optimizer, gradient_descent) and not (self._modifies_weights or optimizer.weight_decay)
        self._is_narrow = (
            plain and not any(regularization.dropped) and batch.sources is None
            and is_narrow(params.sizes, batch_size, lanes_of(self._dtype))
        )  # fmt: skip
        self._layout = self._layout_for(params)
        self._space = np.zeros(self._layout.whole, self._dtype)
        self._weights = cache_aligned(self._layout.weights, self._dtype)
        self._weights[:] = 0
        self._earlier = 0 if state is None else state.step  # steps of earlier runs
        self._interrupted = False
        self._gate = np.zeros(0, np.int64)
        self._known_flat: NDArray[DT] | None = None
        self._set_method(params, plain, state)
        self._seen = [Plateau()]  # by epoch
        self._evaluator: Evaluator[DT] | None = None  # once it is needed
        self._order = batch.chosen.copy() if batch.chosen.size else np.arange(batch.number)
        self.beginning = Snapshot(0, regularization.masked(params._flat), self._state.copy())
        self.start(self.beginning)

    def _layout_for(self, params: Params[DT]) -> Layout:
        """Where the kernels find everything."""
        if not self._is_narrow:
            return self.architecture.layout(self._dtype, self._capacity, packed=True)
        code = 0
        if self._loss.kernel is not None or params.activations[-1].is_rowwise:
            code = OUTPUTS_BY_CASES.address(float_type(self._dtype))

        return self.architecture.narrow_layout(self._dtype, self._batch_size, code)

    def _set_method(self, params: Params[DT], plain: bool, state: OptimizerState[DT] | None) -> None:
        """Make what the kernels must know of the optimizer and the regularization."""
        optimizer, regularization, stride = self._optimizer, self._regularization, self._layout.stride
        self._gradient = np.zeros(LINE if plain and self._batch_size <= CAPACITY else stride, self._dtype)
        vectors = [v.flat.copy() for v in state.vectors] if state else list(optimizer.vectors(params))
        places = np.zeros(DESCRIPTOR_SIZE, np.int64) if plain else optimizer.descriptor(self._dtype, stride)
        t = float_type(self._dtype)
        if not plain:
            places[ROWS_PHASE] = (REGULARIZED_PHASE if self._modifies_weights else OPTIMIZER_PHASE).address(t)
        if self._modifies_weights:
            places[MASK], places[MASKED] = len(vectors), regularization.mask is not None
            mask = np.ones(params._flat.size) if regularization.mask is None else regularization.mask
            vectors += [mask.astype(self._dtype), np.zeros(params._flat.size, self._dtype)]  # the second: to sum in
        if any(regularization.dropped):
            places[CASES_PHASE] = DROPOUT_PHASE.address(t)
        self._descriptor = np.concatenate([places, np.array(regularization.dropped, np.int64)])
        self._state = cache_aligned(len(vectors) * stride, self._dtype).reshape(len(vectors), stride)
        self._state[:] = 0
        for vector, packed in zip(vectors, self._state, strict=True):
            pack_kernel[self._dtype](self._layout.table, vector, packed)

    def start(self, at: Snapshot) -> None:
        """Go on from there."""
        self._known_flat = None
        self._cursor, self._sums = np.zeros(CURSOR_SIZE, np.int64), np.array(at.sums)
        self._cursor[EPOCH], self._cursor[CASE] = at.epoch, at.cases
        self._state[:] = at.state
        if self._is_narrow:
            self._weights[:] = at.flat
        else:
            pack_kernel[self._dtype](self._layout.table, at.flat, self._weights)
            prepare_kernel[self._dtype](self._layout.table, self._weights, self._space)

    def snapshot(self) -> Snapshot:
        """The run as it is now."""
        total, weight = self._sums.tolist()

        return Snapshot(self.epoch, self.flat(), self._state.copy(), self.cases, (total, weight))

    def vectors(self, at: Snapshot) -> NDArray[DT]:
        """The optimizer's vectors in a snapshot, a row each, laid out as the parameters are."""
        lines, rows = cache_aligned(self._layout.stride, self._dtype), []  # the kernels start at a whole cache line
        for vector in at.state[: self.states]:
            lines[:] = vector
            rows.append(self._unpacked(lines))

        return np.array(rows, self._dtype).reshape(self.states, self.architecture.count)

    def with_vectors(self, at: Snapshot, vectors: NDArray[DT]) -> Snapshot:
        """The snapshot with these vectors of the optimizer."""
        lines, state = (
            cache_aligned(self._layout.stride, self._dtype),
            self._state.copy(),
        )  # there is more in it: the mask
        for vector, packed in zip(vectors, state, strict=False):
            lines[:] = packed
            pack_kernel[self._dtype](self._layout.table, vector, lines)
            packed[:] = lines

        return at._replace(state=state)

    @property
    def epoch(self) -> int:
        """Epochs that have ended."""
        return int(self._cursor[EPOCH])

    @property
    def step(self) -> int:
        """Steps of the current epoch that are done."""
        return self.cases // self._batch_size

    @property
    def steps(self) -> int:
        """Steps of the whole run that are done."""
        return self.epoch * self.steps_an_epoch + self.step

    @property
    def cases(self) -> int:
        """Cases of the current epoch that are done."""
        return int(self._cursor[CASE])

    def is_boundary(self, cases: int) -> bool:
        """Whether a step may begin after so many cases of an epoch."""
        return 0 <= cases < self._batch.number and cases % self._batch_size == 0

    @property
    def states(self) -> int:
        """Vectors of the optimizer's."""
        return self._optimizer.rule.states

    @property
    def error(self) -> float:
        """Of the current epoch's cases so far or, at its end, of all of them, each measured before its step."""
        if self.step == 0:
            return float(self.history[self.epoch - 1])
        total, weight = self._sums.tolist()

        return float(total / weight if self._mean else total)

    def _first_steps(self, epochs: int) -> NDArray[np.int64]:
        """The number, from 0, of the first step of each of the first epochs."""
        return np.arange(epochs) * self.steps_an_epoch

    def etas(self, epochs: int) -> NDArray[np.float64] | None:
        """The learning rate at the beginning of each of the first epochs; None if the optimizer has none."""
        rate = self._optimizer.rate
        if rate is None:
            return None
        if isinstance(rate, float):  # which spares small networks a tenth of their time
            return np.full(epochs, rate)
        firsts = self._earlier + self._first_steps(epochs)
        if isinstance(rate, plateau):
            scales = np.array([seen.scale for seen in self._seen[:epochs]])
            return scales * etas(rate.rate, firsts)

        return np.broadcast_to(etas(rate, firsts), epochs).copy()

    @property
    def stopped(self) -> bool:
        """Whether the error of a step was NaN or infinite."""
        return bool(self._cursor[STOPPED])

    def flat(self) -> NDArray[DT]:
        """The parameters as they are now: read-only, and the same array until the next step."""
        if self._known_flat is None:
            self._known_flat = self._unpacked(self._weights)
            self._known_flat.flags.writeable = False

        return self._known_flat

    def state(self) -> OptimizerState[DT]:
        """The optimizer's state as it is now."""
        vectors = [self._unpacked(vector) for vector in self._state[: self.states]]

        return OptimizerState(self._taken, tuple(wrap(vector, self.architecture) for vector in vectors))

    @property
    def _taken(self) -> int:
        """Steps that the optimizer has taken, those of earlier runs included."""
        return self._earlier + self.steps

    @property
    def listens(self) -> bool:
        """Whether the learning rate follows the error, so that it must be told after every epoch."""
        return isinstance(self._optimizer.rate, plateau)

    def observe(self, error: float) -> None:
        """Learn the error after an epoch."""
        rate = self._optimizer.rate
        if isinstance(rate, plateau):
            self._seen.append(rate.after(self._seen[-1], error))

    def interrupt(self) -> None:
        """End what runs now as soon as can be, after a whole step; a signal handler may call it."""
        self._interrupted = True
        self._gate[barrier.ASKED : barrier.ASKED + 1] = 1

    def run(self, steps: int, threads: int, *, seconds: float = 0.0, interrupt: Interrupt | None = None) -> None:
        """Take some steps, all of one epoch if the rate follows the error.

        There are fewer if the error is no longer finite, or somebody interrupts. The call may last for so many seconds;
        a long one isn't made in the main thread, in which Python heeds no signal meanwhile. Who waits for cases does so
        by `interrupt`.
        """
        optimizer, rate = self._optimizer, self._optimizer.rate
        if isinstance(rate, plateau):
            optimizer = optimizer.with_rate(Scaled(rate.rate, self._seen[self.epoch].scale))
        last = self._taken + steps
        while self._taken < last and not self.stopped and not self._interrupted:
            count = min(last - self._taken, MAX_STEPS)
            coefficients = self._coefficients(optimizer, count)
            if len(coefficients) == 1:
                count = last - self._taken
            self._run(coefficients, count, threads, count * seconds / steps)

    def _coefficients(self, optimizer: Optimizer, count: int) -> NDArray[DT]:
        """The coefficients of the next steps, a row each, or one for all."""
        table = optimizer.coefficient_table(self._taken, count, self._dtype)
        table[:, [L2, L1]] = self._regularization.l2, self._regularization.l1

        return table

    def _run(self, coefficients: NDArray[DT], steps: int, threads: int, seconds: float) -> None:
        self._known_flat = None
        x, y, labels, weights, sources = self._batch.taken
        w, state, cursor, sums = self._weights, self._state, self._cursor, self._sums
        if self._is_narrow:
            narrow_kernel[self._dtype](
                self._layout.table, w, self._space, x, y, labels, weights, self._order, self._batch.chosen,
                self._loss.descriptor_address(self._dtype), self._mean, coefficients, self._batch_size, self._seed, steps, cursor, sums,
                self.history,
            )  # fmt: skip
            return
        gate, kernel = np.zeros(turns.barrier_size(threads), np.int64), descend_kernel[self._dtype]

        def part(number: int, parts: int) -> None:
            kernel(
                number, parts, gate, self._layout.table, w, self._space, self._capacity, self._gradient,
                x, y, labels, weights, sources, self._order, self._batch.chosen, self._loss.descriptor_address(self._dtype), self._mean,
                self._descriptor, state, coefficients, self._batch_size, self._seed, steps, cursor, sums, self.history,
            )  # fmt: skip

        self._gate = gate
        if self._interrupted:  # between the last look and now
            return

        def abandon() -> None:
            gate[barrier.ABANDONED] = 1

        try:
            run_in_threads(part, threads, abandon, apart=seconds > LONG_CALL)
        except BaseException:  # perhaps while the parts run on: they end after this step
            gate[barrier.ASKED] = 1
            raise

    def catch_up(self) -> bool:
        """Bring the cases to where a run that is resumed stands; whether they are those that it had until then."""
        return True

    def last_good(self) -> tuple[int, NDArray[DT], int] | None:
        """What `fnn.training.loop.last_good` returns, if the run can't be gone over again."""
        return None

    def is_fine(self, flat: NDArray[DT]) -> bool:
        """Whether parameters and the error of all cases with them are finite."""
        if self._evaluator is None:
            self._evaluator = Evaluator(self.architecture, self._dtype, self._batch, self._loss, self._mean, 1)
        error, _ = self._evaluator.measure(flat)

        return bool(np.isfinite(error) and np.isfinite(flat).all())

    def _unpacked(self, packed: NDArray[DT]) -> NDArray[DT]:
        flat = cache_aligned(self.architecture.count, self._dtype)
        if self._is_narrow:
            flat[:] = packed
        else:
            unpack_kernel[self._dtype](self._layout.table, packed, flat)

        return flat


def _history(epochs: int) -> NDArray[np.float64]:
    """Where the kernel writes the error of each epoch."""
    try:
        return np.empty(epochs)
    except (MemoryError, ValueError):  # the latter beyond what an array may be
        raise MemoryError(f"epochs: no memory for the errors of {epochs} epochs") from None
