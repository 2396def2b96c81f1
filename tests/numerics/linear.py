"""Calls of the kernels of linear algebra by real threads, with NaN wherever nothing is to be read."""

from __future__ import annotations

from typing import Any, NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

from fnn.compiler.barrier import SIZE
from fnn.compiler.threads import run_in_threads
from fnn.numerics.cholesky import cholesky_kernel, cholesky_scratch, inverses_size
from fnn.numerics.symmetric import BLOCK, gram_kernel, packed_size
from fnn.numerics.triangular import (
    back_substitute_kernel,
    solve_rows_kernel,
    solve_scratch,
    trace_kernel,
    trace_scratch,
)

Array: TypeAlias = NDArray[Any]

LINE = 16  # elements, to align work memory


class Factored(NamedTuple):
    """What `cholesky` left: whether all pivots were positive, by thread; L and the rows below it; the inverses."""

    outcomes: list[bool]
    n: int
    whole: Array
    inverses: Array

    @property
    def lower(self) -> Array:
        return np.tril(self.whole[: self.n, : self.n])

    @property
    def below(self) -> Array:
        return self.whole[self.n :, : self.n]


def barrier() -> NDArray[np.int64]:
    return np.zeros(SIZE, np.int64)


def gram(x: Array, *, threads: int = 1, spare: int = 0) -> Array:
    """The lower triangle of Xᵀ X; rows of C have `spare` elements more."""
    n = x.shape[1]
    c = np.full((n, n + spare), np.nan, x.dtype)
    scratch = np.full(packed_size(n, BLOCK, x.dtype) + LINE, np.nan, x.dtype)
    kernel, signals = gram_kernel[x.dtype], barrier()
    run_in_threads(lambda thread, all_of: kernel(thread, all_of, signals, x, c, scratch), threads)
    assert np.isnan(c[:, n:]).all()

    lower: Array = np.tril(c[:, :n])

    return lower


def factor(a: Array, below: Array | None = None, *, threads: int = 1, spare: int = 0) -> Factored:
    """Factor the lower triangle of a matrix, with other rows below it."""
    n = len(a)
    rows = np.vstack([np.where(np.tri(n, dtype=bool), a, np.nan), *([] if below is None else [below])])
    whole = np.hstack([rows, np.full((len(rows), spare), np.nan)]).astype(a.dtype)
    inverses = np.full(inverses_size(n), np.nan, a.dtype)
    scratch = np.full(cholesky_scratch(n, threads), np.nan, a.dtype)
    kernel, signals, outcomes = cholesky_kernel[a.dtype], barrier(), [False] * threads

    def part(thread: int, all_of: int) -> None:
        outcomes[thread] = kernel(thread, all_of, signals, n, whole, inverses, scratch)

    run_in_threads(part, threads)
    assert np.isnan(whole[:, n:]).all()

    return Factored(outcomes, n, whole, inverses)


def solve_rows(f: Factored, b: Array, first: int = 0) -> Array:
    """Rows b L⁻ᵀ."""
    b = b.copy()
    scratch = np.full(solve_scratch(f.n, len(b)), np.nan, b.dtype)
    solve_rows_kernel[b.dtype](f.whole, f.inverses, b, first, scratch)

    return b


def back_substitute(f: Factored, x: Array) -> Array:
    """L⁻ᵀ x."""
    x = x.copy()
    back_substitute_kernel[x.dtype](f.whole, x)

    return x


def traces(f: Factored, threads: int = 1) -> list[float]:
    """The trace of A⁻¹, by thread."""
    dtype = f.whole.dtype
    scratch, signals, result = np.full(trace_scratch(f.n, threads), np.nan, dtype), barrier(), [0.0] * threads

    def part(thread: int, all_of: int) -> None:
        result[thread] = trace_kernel[dtype](thread, all_of, signals, f.n, f.whole, f.inverses, scratch)

    run_in_threads(part, threads)

    return result


def positive_definite(n: int, dtype: Any, seed: int = 0, condition: float = 1e2) -> Array:
    """A symmetric matrix whose eigenvalues go from 1 to `condition`."""
    q, _ = np.linalg.qr(np.random.default_rng([seed, n]).normal(size=(n, n)))
    a = q * np.geomspace(1, condition, n) @ q.T

    symmetric: Array = ((a + a.T) / 2).astype(dtype)

    return symmetric
