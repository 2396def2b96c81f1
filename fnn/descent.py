"""One run of the compiled training loop: its buffers, and where it stands."""

from __future__ import annotations

from typing import Generic

import numpy as np
from numpy.typing import NDArray

from fnn.backprop import evaluate
from fnn.batch import Batch, raise_fault
from fnn.kernels import barrier, cases, turns
from fnn.kernels.descend import (
    CASE,
    EPOCH,
    HANDS,
    ROOM,
    STOPPED,
    descend_kernel,
    fault_kernel,
    relay_kernel,
)
from fnn.kernels.differentiate import PIECE
from fnn.kernels.equations import ERROR_ONLY
from fnn.kernels.plan import LINE
from fnn.layout import on_line
from fnn.loss import Loss
from fnn.params import DT, Params, wrap
from fnn.threads import run_parts


class Descent(Generic[DT]):
    """Gradient descent, any number of steps at a time by any number of threads, always with the same bits."""

    def __init__(
        self,
        params: Params[DT],
        batch: Batch[DT],
        loss: Loss,
        mean: bool,
        eta: float,
        batch_size: int,
        seed: int,
        epochs: int,
    ) -> None:
        self.architecture, self._dtype = params._architecture, params.dtype
        self._batch, self._loss, self._mean = batch, loss, mean
        self._eta, self._batch_size, self._seed = eta, batch_size, seed
        x, y, labels, weights, _ = batch
        code = params.activations[-1].code
        fault, row = fault_kernel[self._dtype](x, y, labels, weights, params.sizes[-1], code, loss.at(self._dtype))
        if fault != cases.FINE:
            raise_fault(params, batch, loss, fault, row)
        self.steps_an_epoch = -(-len(x) // batch_size)
        self.history = np.empty(epochs)
        self._room = min(batch_size, ROOM)
        self._layout = self.architecture.layout(self._dtype, self._room, packed=True)
        self._space = np.zeros(self._layout.whole, self._dtype)
        self._weights = np.zeros(self._layout.weights, self._dtype)
        self._large = np.zeros(self._layout.weights if batch_size > ROOM else LINE, self._dtype)
        self._order = np.arange(len(x))
        self.start(params._flat, 0)

    def start(self, flat: NDArray[DT], epoch: int) -> None:
        """Go on from these parameters at the beginning of an epoch."""
        self._clock, self._sums = np.zeros(HANDS, np.int64), np.zeros(2)
        self._clock[EPOCH] = epoch
        relay_kernel[self._dtype](self._layout.table, flat.copy(), self._weights, self._space, True)

    @property
    def epoch(self) -> int:
        """Epochs that have ended."""
        return int(self._clock[EPOCH])

    @property
    def step(self) -> int:
        """Steps of the current epoch that are done."""
        return int(self._clock[CASE]) // self._batch_size

    @property
    def stopped(self) -> bool:
        """Whether the error of a step was NaN or infinite."""
        return bool(self._clock[STOPPED])

    def flat(self) -> NDArray[DT]:
        """A copy of the parameters as they are now."""
        flat = on_line(self.architecture.count, self._dtype)
        relay_kernel[self._dtype](self._layout.table, flat, self._weights, self._space, False)

        return flat

    def run(self, steps: int, threads: int) -> None:
        """Take some steps, or fewer if the error is no longer finite."""
        gate, kernel = np.zeros(turns.gate_size(threads), np.int64), descend_kernel[self._dtype]
        x, y, labels, weights, _ = self._batch

        def part(number: int, parts: int) -> None:
            kernel(
                number, parts, gate, self._layout.table, self._weights, self._space, self._room, self._large,
                x, y, labels, weights, self._order, self._loss.at(self._dtype), self._mean, self._eta, self._batch_size,
                self._seed, steps, self._clock, self._sums, self.history,
            )  # fmt: skip

        run_parts(part, threads, lambda: gate.__setitem__(barrier.ABANDONED, 1))

    def is_fine(self, flat: NDArray[DT]) -> bool:
        """Whether parameters and the error of all cases with them are finite."""
        params, count = wrap(flat, self.architecture), len(self._batch.x)
        value = evaluate(params, self._batch, self._loss, self._mean, ERROR_ONLY, min(count, PIECE))[0]

        return bool(np.isfinite(value) and np.isfinite(flat).all())
