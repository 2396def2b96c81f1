"""A stepper in Python, by `grad` and `update`: the loop drives whatever has these members."""

from __future__ import annotations

from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

import fnn
from fnn.io.archive import require_arrays
from fnn.training.checkpoint_format import Arrays
from fnn.training.interrupt import Interrupt
from fnn.training.steppers.plateau import RateObserver
from fnn.training.steppers.stepper import Snapshot

Params: TypeAlias = fnn.Params[Any]


class PythonStepper:
    """Gradient descent, all cases a step."""

    steps_per_epoch, step, ending, starting = 1, 0, None, 0.0

    def __init__(
        self, params: Params, x: NDArray[np.float64], y: NDArray[np.float64], eta: float, epochs: int
    ) -> None:  # fmt: skip
        self.x, self.y, self.eta, self.history, self.epoch = x, y, eta, np.zeros(epochs), 0
        self.rate = RateObserver(fnn.gradient_descent(eta))
        self._params = params
        self.diverged = self._interrupted = False

    @property
    def steps(self) -> int:
        return self.epoch

    @property
    def error(self) -> float:
        return float(self.history[self.epoch - 1])

    def told(self, epochs: int) -> dict[str, NDArray[np.float64]]:
        return {}

    def etas(self, epochs: int) -> NDArray[np.float64]:
        return np.full(epochs, self.eta)

    def first_steps(self, epochs: int) -> NDArray[np.int64]:
        return np.arange(epochs)

    def run(
        self, steps: int, threads: int, *, seconds: float = 0.0, interrupt: Interrupt | None = None
    ) -> tuple[int, float]:
        count = 0
        while count < steps and not (self.diverged or self._interrupted):
            error, grads = fnn.value_and_grad(self._params, self.x, self.y)
            self._params = fnn.update(self._params, grads, self.eta)
            self.diverged = not np.isfinite(error)
            if not self.diverged:
                self.history[self.epoch] = error / len(self.x)
                self.epoch, count = self.epoch + 1, count + 1
        self._interrupted = False

        return count, 1e-4 * count

    def interrupt(self) -> None:
        self._interrupted = True

    def params(self) -> Params:
        return self._params

    def snapshot(self) -> Snapshot[Any]:
        return Snapshot(self.epoch, self._params, fnn.OptimizerState(self.epoch, ()))

    def restore(self, at: Snapshot[Any]) -> None:
        self.epoch, self._params, self.diverged = at.epoch, at.params, False

    def is_finite(self, params: Params) -> bool:
        return bool(np.isfinite(fnn.error(params, self.x, self.y)) and np.isfinite(params.flat).all())

    def last_good(self) -> None:
        return None

    def arrays(self) -> Arrays:
        return {}

    def resume(self, at: Snapshot[Any], errors: NDArray[np.float64], arrays: Arrays) -> None:
        require_arrays(arrays, {})
        self.history[: at.epoch] = errors
        self.restore(at)

    def catch_up(self) -> bool:
        return True
