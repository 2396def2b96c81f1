"""`lbfgs`: the quasi-Newton method with limited memory, for `train`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import KW_ONLY
from functools import partial
from typing import Annotated, Any

import numpy as np
from numpy.typing import NDArray

from fnn.boundary.checks import whole
from fnn.data.rows import CaseArrays
from fnn.equations.objective import Objective
from fnn.network.layout import cache_aligned
from fnn.network.params import DT, Params
from fnn.optimizers.optimizer import OptimizerState
from fnn.training.kernels.solvers.lbfgs import NEWEST, WORK_ROWS, numbers_of
from fnn.training.kernels.solvers.lbfgs_loop import WORDS, lbfgs_kernel
from fnn.training.ranks.sharding import Sharding
from fnn.training.steppers.solver import Solver, SolverStepper, capacity_of, evaluation_work
from fnn.training.steppers.stepper import Snapshot
from fnn.values import AtLeast0


class lbfgs(Solver):
    """L-BFGS (Nocedal 1980; Liu and Nocedal 1989): steps along −H g, where H ≈ (∂²E)⁻¹ follows from the last steps.

        s = w(t+1) − w(t),  y = g(t+1) − g(t)         of the last iterations, at most `history` pairs
        H₀ = γ I,  γ = sᵀy / yᵀy                      of the newest pair
        w(t+1) = w(t) − α H g                         α by the line search of Moré and Thuente (1994)

    For networks of any size whose cases are few enough to go through all of them in every iteration, and a smooth
    objective: any loss, but a kink, as that of `quantile`, may end the run early. An epoch is an iteration; most
    evaluate E and its gradient once, some several times. The run ends by "min_gradient" after an epoch with
    ‖∂E/∂(W, b)‖ ≤ `min_gradient`; by "line_search" where no step reduces E, neither along −H g nor along −g, mostly
    because rounding hides it; with float32 sooner than with float64.

    The history has the error after each epoch, and of each in `solver` the norm ``gradient_norm`` and the greatest
    element ``greatest_slope`` of the gradient after it, and its ``evaluations``. E never rises. The state has the pairs
    s, y, s, y, .., the newest first, zeros where there is none; there is no `update`: the line search evaluates E,
    which a gradient alone doesn't tell.

    Parameters
    ----------
    history
        The most pairs that are kept, from 1 to 1000: 2 · history vectors of the size of the parameters.
    min_gradient
        At least 0. With ``reduction="sum"``, E and its gradient grow with the number of cases.

    Raises
    ------
    ValueError, TypeError
        A number out of range or of another type. `train` refuses smaller batches, an iterable of batches, l1 and
        dropout.
    MemoryError
        In `train`, for a history that is too large.

    Examples
    --------
    >>> import fnn, numpy as np
    >>> x = np.linspace(-1, 1, 50)[:, None]
    >>> start = fnn.init((1, 5, 1), hidden=fnn.tanh, output=fnn.identity, seed=1, dtype=np.float64)
    >>> run = fnn.train(start, x, np.sin(3 * x), optimizer=fnn.lbfgs(), epochs=200, reduction="mean")
    >>> bool(run.history.error[-1] < 1e-5)
    True
    """

    history: Annotated[int, partial(whole, at_least=1, at_most=1000)] = 10
    _: KW_ONLY
    min_gradient: AtLeast0 = 1e-7

    @property
    def told(self) -> tuple[str, ...]:
        return "gradient_norm", "evaluations", "greatest_slope"  # in the order of the kernel

    @property
    def vectors(self) -> int:
        return 2 * self.history

    def work(self, params: Params[Any], cases: int) -> float:
        """One evaluation, and the two loops of the recursion."""
        of_vectors = 4.0 * self.vectors * params.architecture.count

        return evaluation_work(params, cases) + of_vectors * (2 if params.dtype == np.float64 else 1)

    def require_objective(
        self, params: Params[DT], batch: CaseArrays[DT], objective: Objective, sharding: Sharding | None = None
    ) -> None:
        super().require_objective(params, batch, objective, sharding)
        try:
            np.empty((self.vectors, params.architecture.count), params.dtype)
        except (MemoryError, ValueError):  # the latter beyond what an array may be
            raise MemoryError(f"history: no memory for the vectors of {self.history} iterations") from None

    def stepper(
        self, params: Params[DT], batch: CaseArrays[DT], objective: Objective, epochs: int,
        state: OptimizerState[DT] | None, sharding: Sharding | None = None,
    ) -> LbfgsStepper[DT]:  # fmt: skip
        return LbfgsStepper(self, params, batch, objective, epochs, state, sharding)


class LbfgsStepper(SolverStepper[DT]):
    """Iterations of L-BFGS on cases that have no fault."""

    def __init__(
        self, solver: lbfgs, params: Params[DT], batch: CaseArrays[DT], objective: Objective, epochs: int,
        state: OptimizerState[DT] | None, sharding: Sharding | None = None,
    ) -> None:  # fmt: skip
        count, dtype = params.flat_buffer.size, params.dtype
        self._least = solver.min_gradient
        self._capacity = min(batch.number, capacity_of(params))
        self._layout = params.architecture.layout(dtype, self._capacity)
        self._space = np.zeros(self._layout.whole, dtype)
        self._work = cache_aligned(WORK_ROWS * self._layout.stride, dtype).reshape(WORK_ROWS, self._layout.stride)
        self._search, self._values = np.zeros(numbers_of(solver.history)), np.zeros(2)
        mask = objective.regularization.mask
        self._mask = np.zeros(0, dtype) if mask is None else mask.astype(dtype)
        self._words = np.zeros(WORDS, np.int64)
        super().__init__(solver, params, batch, objective, epochs, state, sharding)
        self._flat = cache_aligned(count, dtype)
        self._flat[:] = self.params().flat_buffer

    def iterate(self, thread: int, threads: int, words: NDArray[np.int64], epochs: int) -> None:
        x, y, labels, weights, sources = self._batch.taken
        loss, mean, regularization = self._objective
        lbfgs_kernel[self._dtype](
            thread=thread, threads=threads, barrier=words, table=self._layout.table, flat=self._flat,
            space=self._space, capacity=self._capacity, x=x, y=y, labels=labels, case_weights=weights,
            sources=sources, chosen=self._batch.chosen, loss=loss.descriptor_address(self._dtype), mean=mean,
            l2=regularization.l2, mask=self._mask, pairs=self._vectors, work=self._work, numbers=self._search,
            words=self._words, cursor=self._cursor, values=self._values, epochs=epochs, least=self._least,
            history=self.history, told=self._told, shards=self._shards,
        )  # fmt: skip

    def _in_order(self) -> Sequence[NDArray[DT]]:
        """The pairs, the newest first."""
        first = 2 * int(self._words[NEWEST])

        return [*self._vectors[first:], *self._vectors[:first]]

    def restore(self, at: Snapshot[DT]) -> None:
        super().restore(at)
        self._words[:] = 0
        if self._mask.size:
            self._vectors[:, self._mask == 0] = 0
