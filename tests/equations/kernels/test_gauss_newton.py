"""The compiled matrix: the same bits for any number of threads, and interrupts."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy.testing import assert_array_equal
from numpy.typing import NDArray

import fnn
from fnn.compiler.barrier import INTERRUPTED, SIZE
from fnn.compiler.target import LINE
from fnn.compiler.threads import run_in_threads
from fnn.data.rows import NO_LABELS, NO_WEIGHTS
from fnn.equations.gauss_newton import start_of
from fnn.equations.kernels.forward import BLOCK
from fnn.equations.kernels.gauss_newton import gauss_newton_kernel
from fnn.equations.kernels.jacobian_rows import ROWS, row_size
from fnn.numerics.symmetric import packed_size
from tests.problems import Problem, problem

NETWORKS = [
    ((1, 20, 1), fnn.identity, fnn.squared_error, 300), ((3, 7, 5), fnn.softmax, fnn.cross_entropy, 130),
    ((4, 9, 3), fnn.sigmoid, fnn.cross_entropy, 1), ((6, 30, 2), fnn.exp, fnn.poisson, 600),
    ((1, 1), fnn.identity, fnn.huber, 257),
]  # fmt: skip


def lower(p: Problem, threads: int, kept: NDArray[np.int64], barrier: NDArray[np.int64] | None = None) -> NDArray[Any]:
    """The lower triangle, by threads with workspaces of their own."""
    params, dtype, loss = p.params, p.params.flat.dtype, p.loss
    layout, p_count = params.architecture.layout(dtype, BLOCK), params.flat.size
    signals = np.zeros(SIZE, np.int64) if barrier is None else barrier
    block = np.empty(packed_size(len(kept), ROWS, dtype) + LINE, dtype)
    g = np.full((len(kept), len(kept)), np.nan, dtype)

    def part(thread: int, parts: int) -> None:
        space, wide = (np.full(layout.whole, np.nan, dtype) for _ in range(2))
        gauss_newton_kernel[dtype](
            thread, parts, signals, layout.table, params.flat, space, space if params.sizes[-1] == 1 else wide,
            np.full(row_size(p_count, dtype), np.nan, dtype), p.x, p.y, NO_LABELS, NO_WEIGHTS, False,
            loss.descriptor_address(dtype), loss.second_derivative_address(dtype), start_of(params, loss), True, kept,
            block, g,
        )  # fmt: skip

    run_in_threads(part, threads)

    return np.tril(g)


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("sizes, output, loss, count", NETWORKS, ids=repr)
def test_threads(sizes: tuple[int, ...], output: fnn.Activation, loss: fnn.Loss, count: int, dtype: type[Any]) -> None:
    p = problem(1, sizes, (fnn.tanh,) * (len(sizes) - 2), output, loss, count, dtype=dtype)
    everything = np.arange(p.params.flat.size)
    alone = lower(p, 1, everything)

    assert_array_equal(alone, np.tril(fnn.gauss_newton(p.params, p.x, p.y, loss=loss, reduction="mean")))
    for threads in (2, 3, 4):
        assert lower(p, threads, everything).tobytes() == alone.tobytes()
    some = everything[::3].copy()
    assert lower(p, 2, some).tobytes() == alone[np.ix_(some, some)].tobytes()


def test_an_interrupt_ends_it_in_all_threads() -> None:
    p = problem(1, (1, 20, 1), (fnn.tanh,), fnn.identity, fnn.squared_error, 600)
    for threads in (1, 2):
        barrier = np.zeros(SIZE, np.int64)
        barrier[INTERRUPTED] = 1
        assert np.isnan(lower(p, threads, np.arange(p.params.flat.size), barrier)).sum() == 61 * 62 // 2
