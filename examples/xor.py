"""XOR, which needs a hidden layer
===============================

The smallest problem that needs a hidden layer, learned by gradient descent.

Two inputs, two hidden units and one output, all of them sigmoid. Each step computes the error summed over the four
cases (E1) and moves every weight against its gradient (G1). Afterwards the hidden units are looked at: together they
turn a problem that one unit can't solve into one that it can. The picture shows what the output unit says anywhere
between the four cases, and the weights. About one start in five ends in a local minimum instead.
Run it as::

    python examples/xor.py
    python examples/xor.py --seed 9        # one of those starts
    python examples/xor.py --out xor.png   # the picture, by matplotlib
"""

import argparse
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

import fnn

X = np.array([[0, 0], [0, 1], [1, 0], [1, 1]])
Y = np.array([[0], [1], [1], [0]])

NAMES = {(0, 0, 0, 1): "AND", (0, 1, 1, 1): "OR", (1, 1, 1, 0): "NAND", (1, 0, 0, 0): "NOR"}


def print_descent(errors: NDArray[np.float64]) -> None:
    """The error before steps 1, 3, 10, 30, .. as numbers and bars."""
    print("steps done   error E")
    for steps in (0, 3, 10, 30, 100, 300, 1_000, 3_000, 10_000, 30_000):
        if steps < len(errors):
            bar = "#" * round(60 * errors[steps])
            print(f"{steps:10,}   {errors[steps]:.5f}  {bar}")


def print_cases(t: fnn.Backprop[np.float64]) -> None:
    """What the hidden units and the output unit say in each case."""
    print("\ninputs   hidden units   output   target")
    for x, hidden, output, y in zip(X, t.a[1], t.a[2], Y, strict=True):
        print(f" {x[0]}  {x[1]}    {hidden[0]:.3f}  {hidden[1]:.3f}    {output[0]:.3f}      {y[0]}")


def print_hidden_units(a: NDArray[np.float64]) -> None:
    """Each hidden unit as a function of two bits: 1 where it is more on than off."""
    print()
    for unit, column in enumerate(a.T, start=1):
        truth = tuple(int(value > 0.5) for value in column)
        where = [f"{x[0]}{x[1]}" for x, on in zip(X, truth, strict=True) if on]
        name = f", which is {NAMES[truth]}" if truth in NAMES else ""
        print(f"hidden unit {unit} is on for {', '.join(where) or 'nothing'}{name}")


def save_picture(path: Path, params: fnn.Params[np.float64]) -> None:
    from matplotlib.figure import Figure

    figure = Figure(figsize=(7, 8), layout="constrained")
    above, below = figure.subplots(2, 1, height_ratios=(2, 1))
    fnn.plots.decision(params, X, Y[:, 0], ax=above).set_aspect("equal")
    fnn.plots.network(params, inputs=["x₁", "x₂"], numbers=True, ax=below)
    figure.savefig(path, dpi=150)


def arguments(argv: Sequence[str] | None) -> tuple[argparse.ArgumentParser, argparse.Namespace]:
    parser = argparse.ArgumentParser(description="Train a 2-2-1 network on XOR.")
    parser.add_argument("--epochs", type=int, default=5_000, help="steps of gradient descent (default: %(default)s)")
    parser.add_argument("--eta", type=float, default=2.0, help="learning rate η (default: %(default)s)")
    parser.add_argument("--seed", type=int, default=1, help="of the first weights (default: %(default)s)")
    parser.add_argument("--out", type=Path, help="file for a picture, by matplotlib (default: none)")

    return parser, parser.parse_args(argv)


def main(argv: Sequence[str] | None = None) -> None:
    parser, args = arguments(argv)
    try:
        params = fnn.init((2, 2, 1), seed=args.seed)
        run = fnn.train(params, X, Y, eta=args.eta, epochs=args.epochs)
        if args.out is not None:
            save_picture(args.out, run.params)
    except (ImportError, OSError, ValueError, fnn.TrainingDiverged) as error:
        parser.error(str(error))

    t = fnn.backprop(run.params, X, Y)
    print_descent(np.append(len(X) * run.history.error, t.error))  # the history has errors per case
    print_cases(t)
    print_hidden_units(t.a[1])

    if fnn.accuracy(run.params, X, Y[:, 0]) == 1:
        print(f"\nsolved: all four outputs are on the right side of ½, E = {t.error:.5f}")
    else:
        print(f"\nnot solved: E = {t.error:.5f}; try more --epochs or another --seed")


if __name__ == "__main__":
    main()
