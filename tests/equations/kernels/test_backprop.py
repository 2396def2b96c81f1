"""F1 to B4 and G1 in the workspace, block by block and part by part, against the oracle."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numba import types
from numpy.testing import assert_allclose, assert_array_equal
from numpy.typing import NDArray

import fnn
from fnn.compiler.intrinsics import like, pointer
from fnn.compiler.kernel import array, kernel, output
from fnn.data.kernels.cases import Reals
from fnn.equations.kernels.backprop import (
    ERROR_ONLY,
    EVERYTHING,
    GRADIENT,
    backward,
    forward,
    gradient,
    no_prefetch,
    transpose,
)
from fnn.network.kernels import plan
from fnn.network.kernels.plan import CHAIN, net_of
from fnn.network.layout import first_aligned
from fnn.numerics.microkernel import DESCEND, STORE
from tests import reference
from tests.problems import Problem, problem

ROWS = 5
PROBLEM = problem(1, (4, 21, 6, 3), (fnn.tanh, fnn.sigmoid), fnn.tanh, fnn.squared_error, ROWS, weighted=True)
SAME_SHAPES = problem(3, (4, 9, 9, 9, 9, 3), (fnn.tanh,) * 4, fnn.tanh, fnn.squared_error, ROWS, weighted=True)
SOFTMAX = problem(2, (4, 21, 3), (fnn.tanh,), fnn.softmax, fnn.cross_entropy, ROWS, weighted=True)


@kernel(
    lambda t: types.void(
        array(types.int64), array(t), output(t), types.int64, types.int64, types.int64, types.int64, types.boolean
    )
)
def block_kernel(
    table: npt.NDArray[np.int64], flat: Reals, space: Reals, loss: int, extent: int, first: int, rows: int,
    transposing: bool,
) -> None:  # fmt: skip
    """`forward` and `backward` of a block."""
    net = net_of(table, flat, space)
    if transposing:
        transpose(net, 1, 0, 1)
    forward(net, first, rows)
    backward(net, loss, extent, first, rows)


@kernel(
    lambda t: types.void(
        array(types.int64), output(t), output(t), types.int64, output(t), types.int64, t, types.int64, types.int64
    )
)
def gradient_kernel(
    table: npt.NDArray[np.int64], flat: Reals, space: Reals, case: int, into: Reals, epilogue: int, eta: float,
    part: int, parts: int,
) -> None:  # fmt: skip
    """`gradient` of a part, over all rows of the workspace."""
    net = net_of(table, flat, space)
    net.space[plan.ONE] = like(net.space, 1.0)
    gradient(net, case, ROWS, False, pointer(into), epilogue, eta, part, parts, no_prefetch(net))


class Workspace:
    """A network laid out for the cases of a problem."""

    def __init__(self, p: Problem) -> None:
        self.params, self.loss = p.params, p.loss.descriptor_address(p.params.dtype)
        self.layout = p.params.architecture.layout(p.params.dtype, ROWS)
        self.space, self.flat = np.zeros(self.layout.whole), p.params.flat.copy()
        self.table = self.layout.table.reshape(-1, plan.COLUMNS)
        self.at(0, plan.A)[:] = p.x
        self.view(self.table[0, plan.TARGETS], self.table[-1, plan.STRIDE], p.params.sizes[-1])[:] = p.dense
        self.view(self.table[0, plan.CASE_WEIGHTS], 1, 1)[:, 0] = p.weights

    def view(self, offset: int, stride: int, units: int) -> NDArray[np.float64]:
        start = first_aligned(self.space) + offset
        return self.space[start : start + ROWS * stride].reshape(ROWS, stride)[:, :units]

    def at(self, layer: int, column: int) -> NDArray[np.float64]:
        """An array of a layer, a row for each case."""
        return self.view(self.table[layer, column], self.table[layer, plan.STRIDE], self.params.sizes[layer])

    def block(self, extent: int, first: int, rows: int, transposing: bool = True) -> None:
        block_kernel[self.flat.dtype](
            self.layout.table, self.flat, self.space, self.loss, extent, first, rows, transposing
        )

    def gradient(
        self, into: NDArray[np.float64], part: int = 0, parts: int = 1, case: int = 0, epilogue: int = STORE,
        eta: float = 0.0,
    ) -> NDArray[np.float64]:  # fmt: skip
        gradient_kernel[self.flat.dtype](
            self.layout.table, self.flat, self.space, case, into, epilogue, eta, part, parts
        )
        return into


def filled(p: Problem, extent: int = EVERYTHING) -> Workspace:
    workspace = Workspace(p)
    workspace.block(extent, 0, ROWS)

    return workspace


@pytest.mark.parametrize("p", [PROBLEM, SOFTMAX], ids=["squared", "direct"])
def test_every_quantity(p: Problem) -> None:
    workspace, q = filled(p), p.wanted
    for layer in range(1, len(p.params.sizes)):
        assert_allclose(workspace.at(layer, plan.Z), q.z[layer], rtol=1e-12, atol=1e-14)
        assert_allclose(workspace.at(layer, plan.A), q.a[layer], rtol=1e-12, atol=1e-14)
        assert_allclose(workspace.at(layer, plan.DELTA), q.delta[layer], rtol=1e-11, atol=1e-14)
    assert_allclose(workspace.at(0, plan.DE_DA), q.dE_da[0], rtol=1e-11, atol=1e-14)

    grads = workspace.gradient(np.full(p.params.flat.size, np.nan))
    assert_allclose(grads, reference.flat(q.grads), rtol=1e-11, atol=1e-14)


def test_blocks_have_the_bits_of_the_whole() -> None:
    one, other = filled(PROBLEM), Workspace(PROBLEM)
    for first, rows in [(3, 2), (0, 1), (1, 2)]:
        other.block(EVERYTHING, first, rows)

    for layer in range(1, 4):
        assert_array_equal(one.at(layer, plan.DELTA), other.at(layer, plan.DELTA))
    assert_array_equal(one.at(0, plan.DE_DA), other.at(0, plan.DE_DA))


@pytest.mark.parametrize("extent", [ERROR_ONLY, GRADIENT, EVERYTHING])
def test_how_far_back(extent: int) -> None:
    workspace = Workspace(PROBLEM)
    delta, dE_da = workspace.at(1, plan.DELTA), workspace.at(0, plan.DE_DA)
    delta[:] = dE_da[:] = np.nan
    workspace.block(extent, 0, ROWS)

    assert np.isnan(delta).all() == (extent == ERROR_ONLY)
    assert np.isnan(dE_da).all() == (extent != EVERYTHING)


@pytest.mark.parametrize("p", [PROBLEM, SAME_SHAPES], ids=["any", "same"])
@pytest.mark.parametrize("parts", [2, 3, 30])
def test_parts_have_the_bits_of_the_whole(p: Problem, parts: int) -> None:
    workspace, size = filled(p), p.params.flat.size
    whole, by_parts = workspace.gradient(np.full(size, np.nan)), np.full(size, np.nan)
    for part in reversed(range(parts)):
        workspace.gradient(by_parts, part, parts)

    assert_array_equal(by_parts, whole)


@given(
    st.lists(st.tuples(st.integers(1, 150), st.integers(1, 4)), min_size=1, max_size=4), st.integers(1, 9),
    st.integers(1, 64),
)  # fmt: skip
@settings(deadline=None, max_examples=60)
def test_parts_have_every_row_once(runs: list[tuple[int, int]], outputs: int, parts: int) -> None:
    sizes = *(units for units, layers in runs for _ in range(layers)), outputs  # some layers of one shape
    p = problem(4, sizes, (fnn.tanh,) * (len(sizes) - 2), fnn.tanh, fnn.squared_error, ROWS, weighted=True)
    workspace, start = filled(p), np.random.default_rng(0).normal(size=p.params.flat.size)
    whole, by_parts = workspace.gradient(start.copy(), case=CHAIN), start.copy()
    for part in range(parts):
        workspace.gradient(by_parts, part, parts, case=CHAIN)  # which adds

    assert np.isfinite(whole).all()
    assert_array_equal(by_parts, whole)


def test_sums_that_go_on() -> None:
    workspace, start = filled(PROBLEM), np.random.default_rng(0).normal(size=PROBLEM.params.flat.size)
    g = workspace.gradient(np.empty_like(start))

    assert_array_equal(workspace.gradient(start.copy(), case=CHAIN), start + g)


def test_descent_updates_the_weights_and_their_transposes() -> None:
    workspace, w = filled(PROBLEM), PROBLEM.params.flat
    g = workspace.gradient(np.empty_like(w))
    workspace.gradient(workspace.flat, epilogue=DESCEND, eta=0.5)
    assert_allclose(workspace.flat, w - 0.5 * g, rtol=1e-15, atol=1e-16)

    workspace.block(GRADIENT, 0, ROWS, transposing=False)
    W2 = PROBLEM.params.with_flat(workspace.flat)["W2"]
    assert_allclose(workspace.at(1, plan.DE_DA), workspace.at(2, plan.DELTA) @ W2.T, rtol=1e-12, atol=1e-14)
