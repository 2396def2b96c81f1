"""Cases in the workspace, and the weights of batches, against NumPy."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from numba import types
from numpy.testing import assert_array_equal
from numpy.typing import NDArray

import fnn
from fnn.compiler.kernel import array, kernel, output
from fnn.data.kernels.cases import Labels, Reals, Weights, cases_of, load, total_weight
from fnn.network.kernels import plan
from fnn.network.kernels.plan import net_of
from fnn.network.layout import first_aligned

ROWS, X = 5, np.random.default_rng(0).normal(size=(7, 3))
W = np.random.default_rng(1).uniform(size=7)
NONE, NO_WEIGHTS, NO_Y = np.zeros(0, np.int64), np.zeros(0), np.zeros((7, 0))


@kernel(
    lambda t: types.float64(
        array(types.int64), output(t), array(t, 2), array(t, 2), array(types.int64), array(types.float64),
        array(types.int64), types.int64, types.int64, types.int64, types.float64, types.int64,
    )
)  # fmt: skip
def load_kernel(
    table: npt.NDArray[np.int64], space: Reals, x: Reals, y: Reals, labels: Labels, weights: Weights, order: Labels,
    first: int, top: int, bottom: int, scale: float, loss: int,
) -> float:  # fmt: skip
    """Load rows; returns Σ w of their cases."""
    cases = cases_of(x, y, labels, weights, order, 0, 0)
    load(net_of(table, space, space), cases, first, scale, loss, top, bottom)
    return total_weight(cases, first + top, bottom - top) if cases.has_weights else 0.0


def loaded(
    dtype: type[Any], outputs: int, y: NDArray[Any], labels: NDArray[np.int64], weights: NDArray[np.float64],
    order: NDArray[np.int64], loss: fnn.Loss = fnn.squared_error,
) -> tuple[NDArray[Any], NDArray[Any], NDArray[Any], float]:  # fmt: skip
    """A⁰, the targets and the cases' weights in the rows 1 .. 4, loaded from the places 2 .. 5; and Σ w."""
    params: fnn.Params[Any] = fnn.init((3, outputs), seed=0, dtype=dtype)
    layout = params.architecture.layout(params.dtype, ROWS)
    space = np.full(layout.whole, np.nan, dtype)
    x, address = X.astype(dtype), loss.descriptor_address(params.dtype)
    total = load_kernel[params.dtype](
        layout.table, space, x, y.astype(dtype), labels, weights, order, 1, 1, 4, 0.25, address
    )
    space = space[first_aligned(space) :]
    columns = plan.COLUMNS

    def block(offset: int, stride: int, units: int) -> NDArray[Any]:
        return space[offset : offset + ROWS * stride].reshape(ROWS, stride)[:, :units]

    a = block(layout.table[plan.A], layout.table[plan.STRIDE], 3)
    targets = block(layout.table[plan.TARGETS], layout.table[columns + plan.STRIDE], outputs)
    case_weights = block(layout.table[plan.CASE_WEIGHTS], 1, 1)[:, 0]
    for rows in (a, targets, case_weights):
        assert np.isnan(rows[[0, 4]]).all()

    return a[1:4], targets[1:4], case_weights[1:4], total


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_targets_and_weights_in_an_order(dtype: type[Any]) -> None:
    y, order = np.random.default_rng(2).normal(size=(7, 2)), np.array([6, 0, 3, 1, 5, 2, 4])
    a, targets, case_weights, total = loaded(dtype, 2, y, NONE, W, order)

    assert_array_equal(a, X[[3, 1, 5]].astype(dtype))
    assert_array_equal(targets, y[[3, 1, 5]].astype(dtype))
    assert_array_equal(case_weights, (W[[3, 1, 5]] * 0.25).astype(dtype))
    assert total == W[3] + W[1] + W[5]


def test_without_an_order_a_place_is_a_case() -> None:
    y = np.random.default_rng(2).normal(size=(7, 2))
    a, targets, case_weights, _ = loaded(np.float64, 2, y, NONE, NO_WEIGHTS, NONE)

    assert_array_equal(a, X[2:5])
    assert_array_equal(targets, y[2:5])
    assert_array_equal(case_weights, [0.25] * 3)


@pytest.mark.parametrize("loss, low, high", [(fnn.cross_entropy, 0, 1), (fnn.hinge, -1, 1)])
def test_labels_become_targets(loss: fnn.Loss, low: float, high: float) -> None:
    labels = np.array([0, 2, 1, 0, 2, 2, 1])
    _, targets, _, _ = loaded(np.float64, 3, NO_Y, labels, NO_WEIGHTS, NONE, loss)
    assert_array_equal(targets, np.where(np.eye(3)[labels[2:5]] > 0, high, low))

    binary = np.array([0, 0, 1, 0, 1, 0, 0])
    _, targets, _, _ = loaded(np.float64, 1, NO_Y, binary, NO_WEIGHTS, NONE, loss)
    assert_array_equal(targets[:, 0], np.where(binary[2:5] == 1, high, low))
