"""Each equation against numbers worked by hand, in both conventions.

One network serves them all: 2-2-2 with sigmoid units and multiples of λ = ln 3 for weights, because σ(λ) = 3/4,
σ(−λ) = 1/4, σ(0) = 1/2 and σ(2λ) = 9/10.

              case 1                                     case 2
    x         (1, 2)                                     (−1, 2)
    z¹        (λ·1 + 0·2 + 0, −λ·1 + λ/2·2 − λ)          (−λ, λ + λ − λ)
              = (λ, −λ)                                  = (−λ, λ)
    a¹        (3/4, 1/4)                                 (1/4, 3/4)
    z²        (2λ·3/4 − 2λ·1/4 + 0, 0 + 4λ·1/4 − λ)      (2λ/4 − 6λ/4, 3λ − λ)
              = (λ, 0)                                   = (−λ, 2λ)
    a²        (3/4, 1/2)                                 (1/4, 9/10)
    y         (1/4, 1)                                   (1/4, 7/10)
    E         ½(1/4 + 1/4) = 1/4                         ½(0 + 1/25) = 1/50
    ∂E/∂a²    (1/2, −1/2)                                (0, 1/5)
    σ′(z²)    (3/16, 1/4)                                (3/16, 9/100)
    δ²        (3/32, −1/8)                               (0, 9/500)
"""

from math import log
from typing import Any

import numpy as np
import pytest
from numpy.testing import assert_allclose
from numpy.typing import ArrayLike, NDArray

import fnn

L = log(3)
X = np.array([[1.0, 2.0], [-1.0, 2.0]])
Y = np.array([[1 / 4, 1.0], [1 / 4, 7 / 10]])

ROWS = fnn.Params(
    {"W1": [[L, -L], [0, L / 2]], "b1": [0, -L], "W2": [[2 * L, 0], [-2 * L, 4 * L]], "b2": [0, -L]},
    hidden=fnn.sigmoid, output=fnn.sigmoid,
)  # fmt: skip

# S1's matrices: a row for each unit of layer l, a column for each unit of the layer before.
W1_S1 = np.array([[L, 0], [-L, L / 2]])
W2_S1 = np.array([[2 * L, -2 * L], [0, 4 * L]])
B1_S1 = np.array([[0], [-L]])
B2_S1 = np.array([[0], [-L]])
COLUMNS = fnn.Params(
    {"W1": W1_S1.T, "b1": B1_S1[:, 0], "W2": W2_S1.T, "b2": B2_S1[:, 0]}, hidden=fnn.sigmoid, output=fnn.sigmoid
)


def close(actual: ArrayLike, wanted: Any) -> None:
    assert np.shape(actual) == np.shape(wanted)
    assert_allclose(np.asarray(actual), np.asarray(wanted), rtol=1e-14, atol=1e-15)


def column(vector: NDArray[Any]) -> NDArray[Any]:
    return vector[:, None]


@pytest.fixture
def t() -> fnn.Backprop[np.float64]:
    """Case 1 by rows."""
    return fnn.backprop(ROWS, X[0], Y[0])


@pytest.fixture
def s1() -> fnn.Backprop[np.float64]:
    """Case 1 from S1's matrices."""
    return fnn.backprop(COLUMNS, X[0], Y[0])


def test_the_two_conventions_describe_one_network() -> None:
    assert ROWS == COLUMNS


def test_f1_by_rows(t: fnn.Backprop[np.float64]) -> None:
    close(t.z[1], [L, -L])
    close(t.z[2], [L, 0])


def test_f1_by_columns(s1: fnn.Backprop[np.float64]) -> None:
    # z_d = Σ_s w_ds a_s + b_d:  z_1 = λ·1 + 0·2 + 0 = λ,  z_2 = −λ·1 + λ/2·2 − λ = −λ
    close(column(s1.z[1]), [[L], [-L]])
    close(column(s1.z[1]), W1_S1 @ column(X[0]) + B1_S1)
    close(column(s1.z[2]), [[L], [0]])
    close(column(s1.z[2]), W2_S1 @ np.array([[3 / 4], [1 / 4]]) + B2_S1)


def test_f1_of_a_batch() -> None:
    batch = fnn.backprop(ROWS, X, Y)

    close(batch.z[1], [[L, -L], [-L, L]])
    close(batch.z[2], [[L, 0], [-L, 2 * L]])


def test_f1_in_the_shapes_of_figure_1() -> None:
    # S1: W^3 is 3×4 and W^4 is 4×3; its layers are counted from the input, ours from the first weights.
    params = fnn.init((3, 4, 3, 4), seed=0)

    assert params["W2"].T.shape == (3, 4)
    assert params["W3"].T.shape == (4, 3)


def test_f2_by_rows(t: fnn.Backprop[np.float64]) -> None:
    close(t.a[0], X[0])
    close(t.a[1], [3 / 4, 1 / 4])
    close(t.a[2], [3 / 4, 1 / 2])
    close(fnn.forward(ROWS, X), [[3 / 4, 1 / 2], [1 / 4, 9 / 10]])


def test_f2_by_columns(s1: fnn.Backprop[np.float64]) -> None:
    close(column(s1.a[1]), [[3 / 4], [1 / 4]])
    close(column(s1.a[2]), [[3 / 4], [1 / 2]])
    # Cases as columns, too: S1's X is ours transposed.
    close(fnn.forward(COLUMNS, np.array([[1.0, -1.0], [2.0, 2.0]]).T).T, [[3 / 4, 1 / 4], [1 / 2, 9 / 10]])


def test_f3_by_rows() -> None:
    # σ′ = σ(1 − σ): 3/4 · 1/4, 1/2 · 1/2, 9/10 · 1/10
    close(fnn.sigmoid.prime([L, 0.0, 2 * L]), [3 / 16, 1 / 4, 9 / 100])


def test_f3_by_columns() -> None:
    close(fnn.sigmoid.prime([[L], [0.0], [2 * L]]), [[3 / 16], [1 / 4], [9 / 100]])


def test_f4_every_unit_hears_every_unit_before_it() -> None:
    # ∂z_d/∂a_s = w_ds, for all pairs that have a weight: from case to case by one input at a time.
    moved = fnn.backprop(ROWS, X[0] + [1, 0], Y[0])
    close(moved.z[1], [2 * L, -2 * L])
    moved = fnn.backprop(ROWS, X[0] + [0, 1], Y[0])
    close(moved.z[1], [L, -L / 2])  # unit 1 has weight 0 from input 2: no connection


def test_f4_by_columns_a_zero_weight_removes_the_connection() -> None:
    cut = W2_S1.copy()
    cut[1, 1] = 0  # from unit 2 of layer 1 to unit 2 of layer 2 (w_22 in S1's indices)
    removed = COLUMNS.replace({"W2": cut.T})

    # z²_2 = 0·3/4 + 0·1/4 − λ: neither unit of layer 1 reaches it.
    close(column(fnn.backprop(removed, X[0], Y[0]).z[2]), [[L], [-L]])
    close(column(fnn.backprop(removed, X[1], Y[1]).z[2]), [[-L], [-L]])


def test_f4_a_removed_weight_stays_zero_while_its_slope_is_removed_too() -> None:
    mask = fnn.tree_map(lambda leaf: leaf != 0, ROWS)
    params: fnn.Params[np.float64] = ROWS
    for _ in range(3):
        grads = fnn.grad(params, X, Y)
        assert grads["W1"][1, 0] != 0
        params = fnn.update(params, fnn.tree_map(np.multiply, grads, mask), 0.5)

    assert params["W1"][1, 0] == 0
    assert params["W2"][0, 1] == 0
    assert params["W1"][0, 0] != ROWS["W1"][0, 0]


def test_e1_by_rows(t: fnn.Backprop[np.float64]) -> None:
    close(t.error, 1 / 4)
    close(fnn.error(ROWS, X[1], Y[1]), 1 / 50)
    close(fnn.error(ROWS, X, Y), 27 / 100)  # summed over cases: 1/4 + 1/50


def test_e1_by_columns(s1: fnn.Backprop[np.float64]) -> None:
    difference = np.array([[3 / 4 - 1 / 4], [1 / 2 - 1]])  # a column: E = ½ dᵀ d
    close(s1.error, 0.5 * (difference.T @ difference).item())


def test_e1_mean_and_weights() -> None:
    close(fnn.error(ROWS, X, Y, reduction="mean"), 27 / 200)
    # 1/4 + 2 · 1/50 = 29/100, over 1 + 2
    close(fnn.error(ROWS, fnn.Cases(X, Y, weights=[1, 2])), 29 / 100)
    close(fnn.error(ROWS, fnn.Cases(X, Y, weights=[1, 2]), reduction="mean"), 29 / 300)
    close(fnn.error(ROWS, fnn.Cases(X[1], Y[1], weights=3)), 3 / 50)


def test_e2_by_rows(t: fnn.Backprop[np.float64]) -> None:
    close(t.dE_da[2], [1 / 2, -1 / 2])


def test_e2_by_columns(s1: fnn.Backprop[np.float64]) -> None:
    close(column(s1.dE_da[2]), np.array([[3 / 4], [1 / 2]]) - np.array([[1 / 4], [1]]))


def test_b1_by_rows(t: fnn.Backprop[np.float64]) -> None:
    close(t.delta[2], [3 / 32, -1 / 8])
    # δ¹ = ∂E/∂a¹ ⊙ σ′(z¹) = (3λ/16, −11λ/16) ⊙ (3/16, 3/16)
    close(t.delta[1], [9 * L / 256, -33 * L / 256])


def test_b1_by_columns(s1: fnn.Backprop[np.float64]) -> None:
    close(column(s1.delta[2]), [[1 / 2 * 3 / 16], [-1 / 2 * 1 / 4]])
    close(column(s1.delta[1]), [[3 * L / 16 * 3 / 16], [-11 * L / 16 * 3 / 16]])


def test_b1_with_the_jacobian_of_softmax() -> None:
    # z = (0, ln 2, ln 5): a = (1, 2, 5)/8.  y = (1/8, 1/4, 1/8): g = ∂E/∂a = (0, 0, 1/2), Σ g a = 5/16.
    # δ_i = a_i (g_i − 5/16) = (−5/128, −10/128, 5/8 · 3/16 = 15/128)
    params = fnn.Params({"W1": [[0, log(2), log(5)]], "b1": np.zeros(3)}, hidden=(), output=fnn.softmax)
    t = fnn.backprop(params, [1.0], [1 / 8, 1 / 4, 1 / 8])

    close(t.a[1], [1 / 8, 1 / 4, 5 / 8])
    close(t.dE_da[1], [0, 0, 1 / 2])
    close(t.delta[1], [-5 / 128, -10 / 128, 15 / 128])


def test_b1_where_loss_and_activation_cancel() -> None:
    # Softmax, a = (1, 2, 5)/8 and label 1: E = −ln(1/4), ∂E/∂a = (0, −4, 0), δ = a − y.
    params = fnn.Params({"W1": [[0, log(2), log(5)]], "b1": np.zeros(3)}, hidden=(), output=fnn.softmax)
    t = fnn.backprop(params, [1.0], 1, loss=fnn.cross_entropy)
    close(t.error, log(4))
    close(t.dE_da[1], [0, -4, 0])
    close(t.delta[1], [1 / 8, -3 / 4, 5 / 8])

    # Sigmoid, a = 3/4 and y = 1/4: E = −¼ ln ¾ − ¾ ln ¼, ∂E/∂a = ½ / (3/16), δ = ½.
    params = fnn.Params({"W1": [[L]], "b1": [0]}, hidden=(), output=fnn.sigmoid)
    t = fnn.backprop(params, [1.0], [1 / 4], loss=fnn.cross_entropy)
    close(t.error, -log(3 / 4) / 4 - 3 * log(1 / 4) / 4)
    close(t.dE_da[1], [8 / 3])
    close(t.delta[1], [1 / 2])


def test_b2_by_rows(t: fnn.Backprop[np.float64]) -> None:
    # (a¹)ᵀ δ² and xᵀ δ¹
    close(t.grads["W2"], [[3 / 4 * 3 / 32, 3 / 4 * -1 / 8], [1 / 4 * 3 / 32, 1 / 4 * -1 / 8]])
    close(t.grads["W1"], [[9 * L / 256, -33 * L / 256], [18 * L / 256, -66 * L / 256]])


def test_b2_by_columns(s1: fnn.Backprop[np.float64]) -> None:
    # δ² (a¹)ᵀ and δ¹ xᵀ, (n_l × n_{l−1})
    close(s1.grads["W2"].T, [[9 / 128, 3 / 128], [-3 / 32, -1 / 32]])
    close(s1.grads["W1"].T, [[9 * L / 256, 18 * L / 256], [-33 * L / 256, -66 * L / 256]])


def test_b2_of_a_batch_sums_over_its_cases() -> None:
    # Case 2 adds (1/4, 3/4)ᵀ (0, 9/500) = ((0, 9/2000), (0, 27/2000)).
    grads = fnn.grad(ROWS, X, Y)
    close(grads["W2"], [[9 / 128, -3 / 32 + 9 / 2000], [3 / 128, -1 / 32 + 27 / 2000]])
    close(grads["b2"], [3 / 32, -1 / 8 + 9 / 500])

    mean = fnn.grad(ROWS, X, Y, reduction="mean")
    close(mean["W2"], [[9 / 256, -3 / 64 + 9 / 4000], [3 / 256, -1 / 64 + 27 / 4000]])

    # Case 2 twice, and over a weight of 3.
    weighted = fnn.grad(ROWS, fnn.Cases(X, Y, weights=[1, 2]))
    close(weighted["b2"], [3 / 32, -1 / 8 + 9 / 250])
    close(fnn.grad(ROWS, fnn.Cases(X, Y, weights=[1, 2]), reduction="mean")["b2"], [1 / 32, (-1 / 8 + 9 / 250) / 3])


def test_b3_by_rows(t: fnn.Backprop[np.float64]) -> None:
    close(t.grads["b2"], [3 / 32, -1 / 8])
    close(t.grads["b1"], [9 * L / 256, -33 * L / 256])


def test_b3_by_columns(s1: fnn.Backprop[np.float64]) -> None:
    close(column(s1.grads["b2"]), [[3 / 32], [-1 / 8]])
    close(column(s1.grads["b1"]), [[9 * L / 256], [-33 * L / 256]])


def test_b4_by_rows(t: fnn.Backprop[np.float64]) -> None:
    # δ² (W²)ᵀ: unit 1: 3/32 · 2λ − 1/8 · 0;  unit 2: 3/32 · (−2λ) − 1/8 · 4λ = −3λ/16 − 8λ/16
    close(t.dE_da[1], [3 * L / 16, -11 * L / 16])
    # δ¹ (W¹)ᵀ: input 1: 9λ/256 · λ + 33λ/256 · λ;  input 2: 0 − 33λ/256 · λ/2
    close(t.dE_da[0], [42 * L**2 / 256, -33 * L**2 / 512])


def test_b4_by_columns(s1: fnn.Backprop[np.float64]) -> None:
    close(column(s1.dE_da[1]), W2_S1.T @ np.array([[3 / 32], [-1 / 8]]))
    close(column(s1.dE_da[1]), [[3 * L / 16], [-11 * L / 16]])
    close(column(s1.dE_da[0]), [[21 * L**2 / 128], [-33 * L**2 / 512]])


def test_g1_by_rows(t: fnn.Backprop[np.float64]) -> None:
    # w − 2 ∂E/∂w
    after = fnn.update(ROWS, t.grads, 2.0)
    close(after["W2"], [[2 * L - 9 / 64, 3 / 16], [-2 * L - 3 / 64, 4 * L + 1 / 16]])
    close(after["b2"], [-3 / 16, -L + 1 / 4])
    close(after["W1"], [[L - 9 * L / 128, -L + 33 * L / 128], [-18 * L / 128, L / 2 + 66 * L / 128]])
    close(after["b1"], [-9 * L / 128, -L + 33 * L / 128])


def test_g1_by_columns(s1: fnn.Backprop[np.float64]) -> None:
    after = fnn.update(COLUMNS, s1.grads, 2.0)
    close(after["W2"].T, W2_S1 - 2 * np.array([[9 / 128, 3 / 128], [-3 / 32, -1 / 32]]))
    close(column(after["b2"]), B2_S1 - 2 * np.array([[3 / 32], [-1 / 8]]))


def test_g1_by_train_over_one_epoch() -> None:
    # Both cases in one step: b² − 2 (3/32, −1/8 + 9/500)
    run = fnn.train(ROWS, X, Y, eta=2.0, epochs=1)
    close(run.params["b2"], [-3 / 16, -L + 1 / 4 - 9 / 250])
    close(run.history.error, [27 / 200])  # per case


def test_repr_has_a_line_a_layer() -> None:
    params = fnn.init((2, 3, 1), seed=0, hidden=fnn.tanh, output=fnn.identity, dtype=np.float32)
    x, y = np.ones((12, 2)), np.ones((12, 1))
    head, *lines = repr(fnn.backprop(params, x, y)).splitlines()

    assert head == f"fnn.Backprop(float32, error {fnn.error(params, x, y):.6g})"
    assert lines == [
        "  layer  a, dE_da  z, delta  W       b     activation",
        "  0      (12, 2)",
        "  1      (12, 3)   (12, 3)   (2, 3)  (3,)  tanh",
        "  2      (12, 1)   (12, 1)   (3, 1)  (1,)  identity",
    ]
    assert repr(fnn.backprop(params, x[0], y[0])).splitlines()[3] == "  1      (3,)      (3,)      (2, 3)  (3,)  tanh"
