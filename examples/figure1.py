"""Every equation of backpropagation, with numbers, for the example network of the tutorial S1 ("Figure-01").

Layers of 4, 3 and 4 sigmoid units; the text doesn't tell the number of inputs, here it is 3. The weights are short, so
that every line can be checked by hand. Each quantity is printed twice:

- on the left as fnn has it: a case is a row, W is (n_in, n_out), and the layers of weights are counted, 1 .. 3;
- on the right as S1 has it: a case is a column, W is the transpose of fnn's, and the inputs are layer 1, so that the
  weights belong to the layers 2 .. 4.

The left comes from `fnn.backprop`, the right from S1's formulas as they are written out in `in_columns`. Run it as::

    python examples/figure1.py
    python examples/figure1.py --x 0 1 1 --y 0 0 0 1 --eta 0.1
"""

import argparse
from collections.abc import Sequence
from itertools import zip_longest
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

import fnn

Layers = dict[int, NDArray[np.float64]]

LEAVES: dict[str, ArrayLike] = {
    "W1": [[0.5, -0.4, 0.3, 0.8], [0.2, 0.6, -0.7, 0.1], [-0.3, 0.9, 0.4, -0.5]],
    "b1": [0.1, -0.2, 0.3, 0.0],
    "W2": [[1.0, -0.6, 0.4], [-0.8, 0.7, 0.2], [0.3, 0.5, -0.9], [0.6, -0.1, 1.1]],
    "b2": [-0.1, 0.2, 0.1],
    "W3": [[0.9, -1.2, 0.5, 0.7], [-0.6, 0.8, 1.1, -0.3], [1.3, 0.4, -0.8, 0.6]],
    "b3": [0.2, -0.3, 0.1, 0.0],
}


class Columns(NamedTuple):
    """S1's quantities, by S1's numbers of the layers; z, a, prime, delta and dE_da are columns."""

    W: Layers
    b: Layers
    z: Layers
    a: Layers
    prime: Layers  # σ′(z), F3
    delta: Layers
    dE_da: Layers
    dE_dW: Layers


def in_columns(params: fnn.Params[np.float64], x: NDArray[np.float64], y: NDArray[np.float64]) -> Columns:
    """S1's equations for one case, in S1's shapes."""
    L = len(params.activations) + 1
    s1 = Columns({}, {}, {}, {1: x[:, None]}, {}, {}, {}, {})
    W, b, z, a, prime, delta, dE_da, dE_dW = s1
    for i in range(2, L + 1):
        W[i], b[i] = params[f"W{i - 1}"].T, params[f"b{i - 1}"][:, None]
        z[i] = W[i] @ a[i - 1] + b[i]  # F1
        a[i] = 1 / (1 + np.exp(-z[i]))  # F2
        prime[i] = a[i] * (1 - a[i])  # F3
    dE_da[L] = a[L] - y[:, None]  # E2
    for i in range(L, 1, -1):
        delta[i] = dE_da[i] * prime[i]  # B1, and B3: ∂E/∂b = δ
        dE_dW[i] = delta[i] @ a[i - 1].T  # B2
        dE_da[i - 1] = W[i].T @ delta[i]  # B4

    return s1


def heading(text: str) -> None:
    print(f"\n---- {text} ".ljust(81, "-"))


def show(tag: str, i: int, rows: ArrayLike, column: ArrayLike, left: str, right: str = "") -> None:
    """Print a quantity of fnn's layer i both ways; {l} and {k} stand for the layer and the one before it."""
    s = "⁰¹²³⁴"
    right = (right or left).format(l=s[i + 1], k=s[i])
    print(f"{tag:4}{left.format(l=s[i], k=s[i - 1]):37}│ {right}")
    blocks = [["".join(f"{v:9.5f}" for v in row) for row in np.atleast_2d(block)] for block in (rows, column)]
    for ours, theirs in zip_longest(*blocks, fillvalue=""):
        print(f"    {ours:37}│ {theirs}".rstrip())


def show_forward(params: fnn.Params[np.float64], t: fnn.Backprop[np.float64], s1: Columns) -> None:
    for i in t.z:
        heading(f"forward: fnn's layer {i}, S1's layer {i + 1}")
        show("", i, params[f"W{i}"], s1.W[i + 1], "W{l}")
        show("", i, params[f"b{i}"], s1.b[i + 1], "b{l}")
        show("F1", i, t.z[i], s1.z[i + 1], "z{l} = a{k} W{l} + b{l}", "z{l} = W{l} a{k} + b{l}")
        show("F2", i, t.a[i], s1.a[i + 1], "a{l} = σ(z{l})")
        show("F3", i, fnn.sigmoid.prime(t.z[i]), s1.prime[i + 1], "σ′(z{l}) = a{l} ⊙ (1 − a{l})")


def show_backward(t: fnn.Backprop[np.float64], s1: Columns) -> None:
    for i in reversed(t.z):
        heading(f"backward: fnn's layer {i}, S1's layer {i + 1}")
        show("B1", i, t.delta[i], s1.delta[i + 1], "δ{l} = ∂E/∂a{l} ⊙ σ′(z{l})")
        show("B2", i, t.grads[f"W{i}"], s1.dE_dW[i + 1], "∂E/∂W{l} = (a{k})ᵀ δ{l}", "∂E/∂W{l} = δ{l} (a{k})ᵀ")
        show("B3", i, t.grads[f"b{i}"], s1.delta[i + 1], "∂E/∂b{l} = δ{l}")
        show("B4", i, t.dE_da[i - 1], s1.dE_da[i], "∂E/∂a{k} = δ{l} (W{l})ᵀ", "∂E/∂a{k} = (W{l})ᵀ δ{l}")


def show_by_hand(s1: Columns, eta: float) -> None:
    """One number of each kind, written out; a calculator gives the same, but for the last digit."""
    heading("by hand, in S1's letters")
    w, b, z = s1.W[2][0], s1.b[2][0, 0], s1.z[2][0, 0]
    print(f"F1  z₁² = Σ_s w₁ₛ² aₛ¹ + b₁²\n        = {products(w, s1.a[1])} + {number(b)} = {z:.5f}")
    delta, dE_dw = s1.delta[4], s1.dE_dW[4][0, 0]
    print(f"B2  ∂E/∂w₁₁⁴ = δ₁⁴ a₁³\n        = {number(delta[0, 0])}{number(s1.a[3][0, 0])} = {dE_dw:.5f}")
    w = s1.W[4][:, 0]
    print(f"B4  ∂E/∂a₁³ = Σ_d δ_d⁴ w_d1⁴\n        = {products(delta, w)} = {s1.dE_da[3][0, 0]:.5f}")
    step = f"{number(w[0])} − {number(eta)}{number(dE_dw)} = {w[0] - eta * dE_dw:.5f}"
    print(f"G1  w₁₁⁴(t+1) = w₁₁⁴(t) − η ∂E/∂w₁₁⁴\n        = {step}")


def number(value: float) -> str:
    return f"({round(value, 5):g})"


def products(p: NDArray[np.float64], q: NDArray[np.float64]) -> str:
    return " + ".join(number(u) + number(v) for u, v in zip(p.flat, q.flat, strict=True))


def main(argv: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description="Print every equation's value for S1's example network.")
    parser.add_argument("--x", type=float, nargs=3, default=[1.0, 0.5, -1.0], help="the inputs (default: %(default)s)")
    parser.add_argument("--y", type=float, nargs=4, default=[1.0, 0.0, 1.0, 0.0], help="targets (default: %(default)s)")
    parser.add_argument("--eta", type=float, default=0.5, help="learning rate η (default: %(default)s)")
    args = parser.parse_args(argv)
    x, y = np.array(args.x), np.array(args.y)
    params: fnn.Params[np.float64] = fnn.Params(LEAVES, hidden=fnn.sigmoid, output=fnn.sigmoid)
    try:
        t = fnn.backprop(params, x, y)
        new = fnn.update(params, t.grads, args.eta)
    except ValueError as error:
        parser.error(str(error))
    s1 = in_columns(params, x, y)

    print(f"{'    fnn: a case is a row':41}│ S1: a case is a column")
    show("", 0, x, s1.a[1], "a{l} = x")
    show_forward(params, t, s1)
    heading("error")
    show("E1", 3, t.error, np.sum((s1.a[4] - y[:, None]) ** 2) / 2, "E = ½ Σ_d (a_d{l} − y_d)²")
    show("E2", 3, t.dE_da[3], s1.dE_da[4], "∂E/∂a{l} = a{l} − y")
    show_backward(t, s1)
    heading(f"learning, with η = {args.eta:g}")
    for i in t.z:
        show("G1", i, new[f"W{i}"], s1.W[i + 1] - args.eta * s1.dE_dW[i + 1], "W{l}(t+1) = W{l}(t) − η ∂E/∂W{l}")
        show("G1", i, new[f"b{i}"], s1.b[i + 1] - args.eta * s1.delta[i + 1], "b{l}(t+1) = b{l}(t) − η ∂E/∂b{l}")
    show_by_hand(s1, args.eta)


if __name__ == "__main__":
    main()
