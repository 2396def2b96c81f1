"""`levenberg_marquardt`: the method of least squares, and of all convex losses, for networks of moderate size."""

from __future__ import annotations

from dataclasses import KW_ONLY
from functools import partial
from typing import Annotated, Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from fnn.boundary.checks import real
from fnn.compiler.target import LINE, float_type
from fnn.data.rows import CaseArrays
from fnn.equations.gauss_newton import require_convex, require_memory, start_of
from fnn.equations.kernels.forward import BLOCK
from fnn.equations.kernels.jacobian_rows import ROWS, SOFTMAX, row_size
from fnn.equations.objective import Objective
from fnn.losses.library import squared_error
from fnn.network.kernels.plan import padded
from fnn.network.layout import cache_aligned
from fnn.network.params import DT, Params
from fnn.network.regularization import NetworkRegularization
from fnn.numerics.cholesky import cholesky_scratch, inverses_size
from fnn.numerics.symmetric import packed_size
from fnn.numerics.triangular import trace_scratch
from fnn.optimizers.optimizer import OptimizerState
from fnn.training.kernels.solvers.levenberg_marquardt_epochs import VECTORS, levenberg_marquardt_kernel
from fnn.training.kernels.solvers.sharded_gauss_newton import SHARDED_GAUSS_NEWTON
from fnn.training.ranks.sharding import Sharding
from fnn.training.steppers.solver import Solver, SolverStepper, capacity_of, evaluation_work
from fnn.values import AtLeast0, Flag, Fraction, OptionalPositive, Positive

_ROUNDINGS: Final = 16  # by which G of each unknown may be off, where γ is worked out: see `next_evidence`

OF_NUMBER: Final = 40  # operations that it takes to write a number of a Jacobian, move it to its place, and load it


class levenberg_marquardt(Solver):
    """Levenberg–Marquardt (Levenberg 1944; Marquardt 1963), for networks by Hagan and Menhaj (1994); as trainlm.

        s = (G + μ)⁻¹ g,   w ← w − s,   G = Jᵀ J for `squared_error`

    An epoch is an iteration over all cases. If the objective doesn't fall by the step, μ is multiplied by `increase`,
    and s tried anew, until it does; then by `decrease`. For the other losses that are convex in the outputs G is their
    `gauss_newton` matrix. E is the objective of `train`, penalty included: with ``reduction="mean"`` μ and the gradient
    are those of the mean.

    For up to some thousand parameters: it keeps two matrices of P² numbers, and an iteration takes some N n_L P² + P³/3
    operations; with fewer targets than parameters, N n_L stands for P. float64 is recommended: a step needs twice the
    digits that it gives. With a validation set, and without `stopping`, a run ends after six epochs whose validation
    error was above the least, and returns the best params.

    With ``bayesian=True`` it minimises, as trainbr,

        F = ½ β Σ e² + ½ α Σ w²,   γ = P − α tr (β JᵀJ + α)⁻¹,   α = γ / Σ w²,   β = (n − γ) / Σ e²

    where e are the n errors, w all weights and biases, and γ the effective number of parameters; α and β, the most
    probable ones, follow from each step (MacKay 1992; Foresee and Hagan 1997). It needs no validation set. Weights of
    cases count as repetitions; l2 has no place in it, and the reduction doesn't matter. `posterior` makes intervals of
    what it finds.

    `history.solver` has ``mu`` and ``gradient_norm`` after each epoch, and ``alpha``, ``beta`` and
    ``effective_parameters``; `state.numbers` is (μ,) or (μ, α, β, γ).

    Parameters
    ----------
    mu
        The first μ, above 0; None: 1e-3, and 5e-3 with `bayesian`.
    decrease, increase
        Factors of μ, in [0, 1) and at least 1.1; μ doesn't fall below 1e-20.
    largest
        The run ends by the rule "largest_mu" when μ passes it; the epoch then changes nothing.
    min_gradient
        The run ends by the rule "min_gradient" when the norm of the objective's gradient, with `bayesian` that of
        F / β, is at most this, at least 0; that of a mean is N times smaller than that of a sum.
    bayesian
        Whether α and β are worked out; for `squared_error` alone.

    Raises
    ------
    ValueError, TypeError
        A hyperparameter out of range. In `train`: a loss that isn't convex in the outputs, l1, dropout, smaller
        batches.
    MemoryError
        In `train`: the matrices take more memory than this process may use.

    Examples
    --------
    >>> import fnn, numpy as np
    >>> x = np.linspace(-1, 1, 100)[:, None]
    >>> start = fnn.init((1, 8, 1), seed=0, hidden=fnn.tanh, output=fnn.identity, initializer=fnn.nguyen_widrow)
    >>> run = fnn.train(start, x, np.sin(3 * x), optimizer=fnn.levenberg_marquardt(), epochs=50)
    >>> bool(run.history.error[-1] < 1e-8)
    True
    """

    mu: OptionalPositive = None
    decrease: Fraction = 0.1
    increase: Annotated[float, partial(real, at_least=1.1)] = 10.0
    largest: Positive = 1e10
    _: KW_ONLY
    min_gradient: AtLeast0 = 1e-7
    bayesian: Flag = False

    failures = 6

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.largest < self.numbers[0]:
            raise ValueError(f"largest: must be at least mu, {self.numbers[0]}, got {self.largest}")

    @property
    def told(self) -> tuple[str, ...]:
        """What it tells of each epoch, by name."""
        of_all = "mu", "gradient_norm"

        return (*of_all, "alpha", "beta", "effective_parameters") if self.bayesian else of_all

    @property
    def numbers(self) -> tuple[float, ...]:
        """μ, and α, β and γ, which are found before the first step."""
        mu = self.mu or (5e-3 if self.bayesian else 1e-3)

        return (mu, 0.0, 0.0, 0.0) if self.bayesian else (mu,)

    def require_state(self, params: Params[Any], state: OptimizerState[Any]) -> None:
        """Raise TypeError or ValueError unless the state is one of this solver for such params."""
        super().require_state(params, state)
        mu, *others = state.numbers
        if mu <= 0 or min(others, default=0.0) < 0:
            raise ValueError(f"state: needs μ above 0, and α, β and γ of at least 0, got {state.numbers}")

    def require_objective(
        self, params: Params[DT], batch: CaseArrays[DT], objective: Objective, sharding: Sharding | None = None
    ) -> None:
        """Raise ValueError or MemoryError if it can't minimise the objective of a run."""
        super().require_objective(params, batch, objective, sharding)
        require_convex(objective.loss)
        if self.bayesian and objective.loss is not squared_error:
            raise ValueError(f"loss: {self!r} needs fnn.squared_error, got {objective.loss!r}")
        if self.bayesian and objective.regularization.l2:
            raise ValueError(f"regularization: {self!r} works out the penalty itself, so l2 must be 0")
        size = _size_of(params, batch.number, objective.regularization, is_sharded=sharding is not None)
        of_shards = 0 if sharding is None else (sharding.levels - 1) * size.unknowns**2
        require_memory(size.unknowns, size.numbers + of_shards, params.dtype, "; fnn.lbfgs needs no matrix")

    def work(self, params: Params[Any], cases: int) -> float:
        """Floating-point operations of an epoch, more or less."""
        size = _size_of(params, cases, NetworkRegularization())
        of_matrices = size.unknowns * size.rows * size.order + size.order**3 / 3
        of_rows = OF_NUMBER * size.unknowns * size.rows

        return evaluation_work(params, cases) + (of_matrices + of_rows) * (2 if params.dtype == np.float64 else 1)

    def stepper(
        self, params: Params[DT], batch: CaseArrays[DT], objective: Objective, epochs: int,
        state: OptimizerState[DT] | None, sharding: Sharding | None = None,
    ) -> LevenbergMarquardtStepper[DT]:  # fmt: skip
        """What does the iterations of a run."""
        return LevenbergMarquardtStepper(self, params, batch, objective, epochs, state, sharding)


class _Size(NamedTuple):
    """The size of the system."""

    unknowns: int
    rows: int  # of R

    @property
    def is_dual(self) -> bool:
        return self.rows < self.unknowns

    @property
    def order(self) -> int:
        """Rows of the matrix that is factored."""
        return min(self)

    @property
    def numbers(self) -> int:
        """Elements of the matrices, at most."""
        return self.order * (self.unknowns + self.order * (2 if self.is_dual else 1))


def _size_of(
    params: Params[Any], cases: int, regularization: NetworkRegularization, *, is_sharded: bool = False
) -> _Size:
    mask = regularization.mask
    count = params.flat_buffer.size if mask is None else int(np.count_nonzero(mask))

    return _Size(count, max(count, cases * params.sizes[-1]) if is_sharded else cases * params.sizes[-1])


class LevenbergMarquardtStepper(SolverStepper[DT]):
    """The iterations of `levenberg_marquardt`."""

    def __init__(
        self, solver: levenberg_marquardt, params: Params[DT], batch: CaseArrays[DT], objective: Objective, epochs: int,
        state: OptimizerState[DT] | None, sharding: Sharding | None = None,
    ) -> None:  # fmt: skip
        architecture, dtype, regularization = params.architecture, params.dtype, objective.regularization
        self._rules, self._is_bayesian = solver, solver.bayesian
        mask = regularization.mask
        self._mask = np.empty(0, dtype) if mask is None else mask.astype(dtype)
        self._kept = np.arange(params.flat_buffer.size) if mask is None else np.flatnonzero(mask)
        penalty = np.zeros(params.flat_buffer.size, dtype)
        for key, part, _ in architecture.slices():
            penalty[part] = regularization.l2 if key.startswith("W") else 0
        self._penalty = penalty[self._kept]
        self._start = start_of(params, objective.loss)
        self._size = size = _size_of(params, batch.number, regularization, is_sharded=sharding is not None)
        line = LINE // dtype.itemsize
        stride = padded(size.order, line)
        self._matrix = np.empty((size.unknowns, stride), dtype)
        self._factor = np.empty((size.order + 1, stride), dtype)
        of_products = size.order if size.is_dual and not regularization.l2 else 0
        self._products = np.empty((of_products, stride), dtype)
        self._inverses = np.empty(inverses_size(size.order), dtype)
        of_rows = ROWS * size.unknowns if size.is_dual else 0
        self._block = np.empty(max(packed_size(size.order, ROWS, dtype), of_rows) + line, dtype)
        self._capacity = min(batch.number, capacity_of(params))
        self._layout, self._block_layout = (architecture.layout(dtype, n) for n in (self._capacity, BLOCK))
        self._space = np.zeros(self._layout.whole, dtype)
        self._own: list[tuple[NDArray[DT], NDArray[DT], NDArray[DT]]] = []  # of each thread
        self._scratch = np.empty(0, dtype)
        self._work = np.zeros((VECTORS, params.flat_buffer.size), dtype)
        self._error = np.zeros(1)
        super().__init__(solver, params, batch, objective, epochs, state, sharding)
        self._work[0], self._flat = self._flat, self._work[0]
        if self.memory is not None:
            code = SHARDED_GAUSS_NEWTON.address(float_type(dtype))
            self._matrix = self.memory.prepare_matrix(code, size.unknowns, stride)

    def prepare(self, threads: int) -> None:
        """Make the memory of each thread."""
        dtype, layout = self._dtype, self._block_layout
        row = max(row_size(self._flat.size, dtype), self._size.order)
        while len(self._own) < threads:
            space = np.zeros(layout.whole, dtype)
            wide = space if self.architecture.sizes[-1] == 1 else np.zeros(layout.whole, dtype)
            self._own.append((space, wide, cache_aligned(row, dtype)))
        order = self._size.order
        needed = max(cholesky_scratch(order, threads), trace_scratch(order, threads)) + LINE // dtype.itemsize
        if needed > self._scratch.size:
            self._scratch = np.empty(needed, dtype)

    def iterate(self, thread: int, threads: int, words: NDArray[np.int64], epochs: int) -> None:
        x, y, labels, weights, sources = self._batch.taken
        space, wide, row = self._own[thread]
        loss, mean, regularization = self._objective
        rules, dtype, rounding = self._rules, self._dtype, float(np.finfo(self._dtype).eps)
        levenberg_marquardt_kernel[dtype](
            thread=thread, threads=threads, barrier=words, table=self._layout.table, space=self._space,
            capacity=self._capacity, block_table=self._block_layout.table, own_space=space, wide_space=wide, row=row,
            x=x, y=y, labels=labels, weights=weights, sources=sources, chosen=self._batch.chosen,
            loss=loss.descriptor_address(dtype),
            second_derivative=0 if self._start == SOFTMAX else loss.second_derivative_address(dtype),
            start=self._start, mean=mean and not self._is_bayesian, l2=regularization.l2, mask=self._mask,
            kept=self._kept, rows=self._size.rows, is_dual=self._size.is_dual, matrix=self._matrix,
            factor=self._factor, inverses=self._inverses, scratch=self._scratch, block=self._block,
            penalty=self._penalty, products=self._products, vectors=self._work,
            rules=np.array([rules.decrease, rules.increase, rules.largest, rules.min_gradient, _ROUNDINGS * rounding]),
            bayesian=self._is_bayesian, numbers=self._numbers, error=self._error, told=self._told,
            history=self.history, cursor=self._cursor, epochs=epochs, shards=self._shards,
        )  # fmt: skip
