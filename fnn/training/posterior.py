"""`posterior`: how sure a network that was trained by least squares is of its outputs.

With e the errors, w the weights and biases, J = ∂a/∂w of all targets and R a diagonal penalty,

    H = Jᵀ J + R,   γ = P − tr (H⁻¹ R),   σ² = Σ e² / (n − γ),   variance of an output = σ² (1 + jᵀ H⁻¹ j)

after a run with Bayesian regularisation R = α / β and σ² = 1 / β (MacKay 1992). Cases count by their weights.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Any, Final, Generic, NamedTuple, SupportsFloat

import numpy as np
from numpy.typing import ArrayLike, NDArray

from fnn.boundary.checks import real
from fnn.compiler.barrier import SIZE
from fnn.data.cases import Cases, arrays_of, cases_of
from fnn.data.conversion import inputs_of
from fnn.equations.forward import forward
from fnn.equations.gauss_newton import gauss_newton
from fnn.equations.gradients import error
from fnn.equations.jacobians import jacobian
from fnn.equations.objective import Reduction, require_reduction
from fnn.losses.library import squared_error
from fnn.network.kernels.plan import padded
from fnn.network.params import DT, Params, require_params, wrap
from fnn.network.regularization import Regularization, regularization_of
from fnn.numerics.cholesky import cholesky_kernel, cholesky_scratch, inverses_size
from fnn.numerics.student import student_quantile
from fnn.numerics.triangular import solve_scratch
from fnn.training.history import Run
from fnn.training.kernels.posterior import squares_kernel

Doubles = NDArray[np.float64]

_ROWS: Final = 64  # of a Jacobian at a time
_LINE: Final = 8  # numbers
_RIDGE: Final = 2.0**-48  # of the diagonal, for each parameter: some times the rounding errors of the factor


class _Factor(NamedTuple):
    """H = L Lᵀ, as `cholesky` leaves it."""

    L: Doubles
    inverses: Doubles

    def squares(self, b: Doubles, first: int) -> Doubles:
        """bᵀ H⁻¹ b of each row; b is overwritten."""
        into = np.empty(len(b))
        squares_kernel[b.dtype](self.L, self.inverses, b, first, np.empty(solve_scratch(b.shape[1], len(b))), into)

        return into


@dataclass(frozen=True, slots=True, eq=False)
class Posterior(Generic[DT]):
    """What `posterior` returns. Immutable, and can be pickled.

    `noise` is σ, the standard deviation of targets around the outputs, the same for all of them;
    `effective_parameters` γ, how many parameters the cases determine; `degrees_of_freedom` those of Student's t, n − γ,
    or infinity, for the normal distribution, after Bayesian regularisation.
    """

    params: Params[DT]
    noise: float
    effective_parameters: float
    degrees_of_freedom: float
    _wide: Params[np.float64]  # in which all is worked out
    _kept: NDArray[np.int64]
    _factor: _Factor

    def __repr__(self) -> str:
        names = "noise", "effective_parameters", "degrees_of_freedom"

        return f"fnn.Posterior({', '.join(f'{name}={getattr(self, name):.6g}' for name in names)})"

    def std(self, x: ArrayLike, *, noise: bool = True) -> NDArray[DT]:
        """The standard deviation of a new target or, without the noise, of the output, for each output.

        Parameters
        ----------
        x
            As for `forward`.
        noise
            Whether the noise of a new target is part of it.

        Returns
        -------
        (n_L,) or (N, n_L), at least 0.

        Raises
        ------
        ValueError, TypeError
            As `forward` does.
        """
        rows, single = inputs_of(self._wide, x)
        outputs = self.params.sizes[-1]
        step, squares = max(_ROWS // outputs, 1), np.empty((len(rows), outputs))
        for top in range(0, len(rows), step):
            j = jacobian(self._wide, rows[top : top + step], by="params").reshape(-1, self._wide.flat.size)
            of_kept = j if len(self._kept) == j.shape[1] else np.ascontiguousarray(j[:, self._kept])
            squares[top : top + step] = self._factor.squares(of_kept, 0).reshape(-1, outputs)
        deviations = (self.noise * np.sqrt(squares + noise)).astype(self.params.dtype)

        return deviations[0] if single else deviations

    def interval(
        self, x: ArrayLike, level: SupportsFloat = 0.9, *, noise: bool = True
    ) -> tuple[NDArray[DT], NDArray[DT]]:
        """Where a new target or, without the noise, the mean of targets lies with a probability of `level`.

        Parameters
        ----------
        x, noise
            As for `std`.
        level
            In [0, 1).

        Returns
        -------
        The lower and the upper ends, each (n_L,) or (N, n_L).

        Raises
        ------
        ValueError, TypeError
            As `forward` does; a level out of range.
        """
        quantile = student_quantile(real("level", level, at_least=0, below=1), self.degrees_of_freedom)
        middle, half = forward(self.params, x), self.params.dtype.type(quantile) * self.std(x, noise=noise)

        return middle - half, middle + half


def posterior(
    run: Run[DT] | Params[DT], x: ArrayLike | Cases, y: ArrayLike | None = None, *, reduction: Reduction = "sum",
    regularization: Regularization | None = None,
) -> Posterior[DT]:  # fmt: skip
    """How sure a network that was trained with `squared_error` is: intervals for its outputs and for new targets.

        variance of a new target = σ² (1 + jᵀ H⁻¹ j),   H = Jᵀ J + R,   j = ∂a/∂(W, b)

    After a run of ``fnn.levenberg_marquardt(bayesian=True)`` σ² = 1 / β and R = α / β are those that it found (MacKay
    1992). Else σ² = Σ e² / (n − γ) for n targets and γ = P − tr (H⁻¹ R) effective parameters, R is λ₂ at the weights,
    and the quantiles are those of Student's t: the delta method (Seber and Wild 1989). Both hold near a minimum of the
    objective, for errors that are independent, normal and all of one size, and for cases as those trained on: far from
    them, the network is surer than it should be. With more parameters than the cases determine, take the first.

    What rounding errors amount to is added to R, so that parameters that the cases don't determine, such as those of
    dead units and of twins, don't count; where they matter, the intervals are wide. All is worked out in float64, and
    takes three matrices of P² numbers.

    Parameters
    ----------
    run
        What `train` returned, or its params.
    x, y
        The cases that it was given, as for `grad`, those of `run.held_out` included, which take no part. Cases count by
        their weights: one that weighs 2 counts as two.
    reduction, regularization
        Those of the run: l2 and a mask.

    Returns
    -------
    A `Posterior`.

    Raises
    ------
    ValueError, TypeError
        As `grad` does; l1 or dropout other than 0; no more targets than effective parameters.
    MemoryError
        As `gauss_newton` does.

    Examples
    --------
    >>> import fnn, numpy as np
    >>> x = np.linspace(0, 3, 7)[:, None]
    >>> line = fnn.Params({"W1": [[2.0]], "b1": [1.0]}, hidden=(), output=fnn.identity)
    >>> known = fnn.posterior(line, x, 1 + 2 * x + [[0.1], [-0.1], [-0.1], [0.2], [-0.1], [-0.1], [0.1]])
    >>> known
    fnn.Posterior(noise=0.141421, effective_parameters=2, degrees_of_freedom=5)
    >>> known.interval([1.5], level=0.95)  # doctest: +ELLIPSIS
    (array([3.6113...]), array([4.388...]))
    """
    params = run.params if isinstance(run, Run) else run
    require_params("run", params)
    changes, is_mean = regularization_of(params, regularization), require_reduction(reduction)
    flat = changes.masked(params.flat_buffer)
    params, wide = wrap(flat, params.architecture), wrap(flat.astype(np.float64), params.architecture)
    cases = cases_of(x, y) if isinstance(run, Params) else _trained_on(run, cases_of(x, y))
    weights = arrays_of(wide, cases, None, squared_error).weights
    weight = math.fsum(weights) if weights.size else float(len(cases))
    alpha, beta = _evidence(run)
    if beta and changes.l2:
        raise ValueError(f"regularization: after Bayesian regularisation l2 must be 0, got {changes.l2}")
    penalty = changes.l2 * (weight if is_mean else 1.0)
    R = np.concatenate([
        np.full(leaf.size, alpha / beta if beta else penalty * key.startswith("W")) for key, leaf in wide.items()
    ])  # fmt: skip
    kept = np.arange(flat.size) if changes.mask is None else np.flatnonzero(changes.mask)
    only_mask = None if regularization is None else replace(regularization, l2=0.0)
    G = gauss_newton(wide, cases, regularization=only_mask)
    factor, gamma = _factor_of(G if len(kept) == len(G) else G[np.ix_(kept, kept)], R[kept])
    freedom = weight * params.sizes[-1] - gamma
    if not beta and freedom < 1:
        raise ValueError(
            f"x, y: {weight * params.sizes[-1]:g} targets are too few to tell the noise from {gamma:.4g} effective "
            "parameters; fnn.levenberg_marquardt(bayesian=True) finds fewer of these"
        )
    noise = math.sqrt(1 / beta if beta else 2 * error(wide, cases) / freedom)

    return Posterior(params, noise, gamma, math.inf if beta else freedom, wide, kept, factor)


def _evidence(run: Run[Any] | Params[Any]) -> tuple[float, float]:
    """α and β of Bayesian regularisation; else zeros."""
    if not isinstance(run, Run) or "beta" not in run.history.solver:
        return 0.0, 0.0
    _, alpha, beta, _ = run.state.numbers

    return alpha, beta


def _trained_on(run: Run[Any], cases: Cases) -> Cases:
    """The cases without those that were held out."""
    if run.held_out is None:
        return cases
    if run.held_out[-1] >= len(cases):
        raise ValueError(f"x: needs all cases that train was given, {run.held_out[-1] + 1} at least, got {len(cases)}")
    x, y = (np.delete(array, run.held_out, axis=0) for array in (cases.x, cases.y))
    weights = None if cases.weights is None else np.delete(cases.weights, run.held_out)

    return Cases(x, y, weights=weights, class_weights=cases.class_weights, scale=cases.scale)


def _factor_of(G: Doubles, R: Doubles) -> tuple[_Factor, float]:
    """The factor of H = G + R, and γ; R is raised until H is positive definite."""
    n = len(G)
    if not np.isfinite(G).all():
        raise ValueError("run: the derivatives of its outputs aren't finite")
    L, barrier, scratch = np.zeros((n, padded(n, _LINE))), np.zeros(SIZE, np.int64), np.empty(cholesky_scratch(n, 1))
    factor = _Factor(L, np.empty(inverses_size(n)))
    diagonal = G.diagonal()
    raised = _RIDGE * n * np.where(diagonal > 0, diagonal, diagonal.max(initial=0) or 1.0)
    while True:
        L[:, :n] = G
        L[range(n), range(n)] += R + raised
        if cholesky_kernel[L.dtype](0, 1, barrier, n, L, factor.inverses, scratch):
            break
        raised *= 10
    root = np.sqrt(R + raised)
    parts: list[float] = []
    for first in range(0, n, _ROWS):
        here = np.arange(first, min(first + _ROWS, n))
        b = np.zeros((len(here), n))
        b[here - first, here] = root[here]
        parts.extend(factor.squares(b, first))

    return factor, n - math.fsum(parts)
