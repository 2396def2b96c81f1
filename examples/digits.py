"""Handwritten digits in a moment
==============================

Train a network, test it on digits that it has never seen, and look at what it learned.

The 1,797 images of 8×8 pixels come with scikit-learn; a quarter of them is held out. One hidden layer of tanh units, a
softmax output, cross-entropy, mini-batches. The picture shows how the error fell, on both sets, and the weights of each
hidden unit as an image: where the unit wants ink (red) and where it wants none (blue). Run it as::

    python examples/digits.py
    python examples/digits.py --hidden 12 --epochs 200 --out /tmp
"""

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

import fnn

try:
    from matplotlib.figure import Figure
    from sklearn.datasets import load_digits
except ImportError as error:
    raise SystemExit(f"This example needs scikit-learn and matplotlib ({error}): pip install 'fnn[examples]'") from None

HELD_OUT = 450


class Digits(NamedTuple):
    """Images (N, 64) from 0 to 1, and which digits they show."""

    x: NDArray[np.float32]
    labels: NDArray[np.int64]


def load() -> tuple[Digits, Digits]:
    """The digits to learn from and those held out; the same ones every time, whatever --seed says."""
    images, labels = load_digits(return_X_y=True)
    x = (images / 16).astype(np.float32)
    order = np.random.default_rng(0).permutation(len(x))
    held_out, learn = order[:HELD_OUT], order[HELD_OUT:]

    return Digits(x[learn], labels[learn]), Digits(x[held_out], labels[held_out])


def save_picture(path: Path, run: fnn.Run[np.float32]) -> None:
    figure = Figure(figsize=(12, 5), layout="constrained")
    left, right = figure.subplots(1, 2, width_ratios=(1, 1.3))
    fnn.plots.history(run, ax=left)
    largest_first = np.argsort(-np.linalg.norm(run.params["W1"], axis=0)).tolist()
    fnn.plots.weights(run.params, 1, shape=(8, 8), units=largest_first, ax=right)
    figure.savefig(path, dpi=150)


def arguments(argv: Sequence[str] | None) -> tuple[argparse.ArgumentParser, argparse.Namespace]:
    parser = argparse.ArgumentParser(description="Train a network on scikit-learn's handwritten digits.")
    parser.add_argument("--hidden", type=int, default=48, help="hidden units (default: %(default)s)")
    parser.add_argument("--epochs", type=int, default=60, help="passes over the training digits (default: %(default)s)")
    parser.add_argument("--eta", type=float, default=0.5, help="learning rate η (default: %(default)s)")
    parser.add_argument("--batch-size", type=int, default=10, help="digits a step (default: %(default)s)")
    parser.add_argument("--seed", type=int, default=0, help="of the first weights and the order (default: %(default)s)")
    parser.add_argument("--out", type=Path, default=Path("digits.png"), help="file or folder (default: %(default)s)")

    return parser, parser.parse_args(argv)


def main(argv: Sequence[str] | None = None) -> None:
    parser, args = arguments(argv)
    if args.epochs < 1:
        parser.error(f"--epochs: must be at least 1, got {args.epochs}")
    out = args.out / "digits.png" if args.out.is_dir() else args.out
    learn, held_out = load()
    try:
        params = fnn.init(
            (64, args.hidden, 10), seed=args.seed, hidden=fnn.tanh, output=fnn.softmax,
            initializer=fnn.uniform(-0.1, 0.1), dtype=np.float32,
        )  # fmt: skip
        run = fnn.train(
            params, learn.x, learn.labels, validation=held_out, loss=fnn.cross_entropy, reduction="mean",
            eta=args.eta, epochs=args.epochs, batch_size=args.batch_size, seed=args.seed,
        )  # fmt: skip
        save_picture(out, run)
    except (OSError, ValueError, fnn.TrainingDiverged) as error:
        parser.error(str(error))

    accuracy = fnn.accuracy(run.params, *held_out)
    print(f"trained on {len(learn.x)} digits for {len(run.history)} epochs")
    print(f"accuracy on {len(held_out.x)} held-out digits: {accuracy:.2%}")
    print(f"picture: {out}")


if __name__ == "__main__":
    main()
