"""Nielsen's experiment on MNIST ("Neural networks and deep learning", chapter 1), from a folder of IDX files.

784-30-10 sigmoid units; squared error; weights and biases drawn from the standard normal distribution; mini-batches of
10; η = 3 on the mean gradient of the batch; 30 epochs over the first 50,000 training images. Nielsen's own run got
95.42 % of the 10,000 test images right at its best epoch; most seeds end near that, but about one in ten never learns
one of the digits and stays at 86 %. Run it as::

    python examples/mnist.py --data DIR
    FNN_MNIST=DIR python examples/mnist.py --hidden 100

DIR holds MNIST's four files under their own names, gzip or not: train-images-idx3-ubyte, train-labels-idx1-ubyte,
t10k-images-idx3-ubyte and t10k-labels-idx1-ubyte (or with a dot, as in train-images.idx3-ubyte).
"""

import argparse
import os
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

import fnn

TRAINING_IMAGES = 50_000  # Nielsen kept the other 10,000 for choosing hyperparameters


class Images(NamedTuple):
    """Images (N, 784) from 0 to 1, and their labels as one-hot rows (N, 10)."""

    x: NDArray[Any]
    y: NDArray[Any]


def find(folder: Path, stem: str, kind: str) -> Path:
    """The file of that name, however it is spelt and packed."""
    names = [f"{stem}{joint}{kind}-ubyte{packed}" for joint in "-." for packed in ("", ".gz")]
    for name in names:
        if (folder / name).is_file():
            return folder / name

    raise FileNotFoundError(f"{folder}: has none of {', '.join(names)}")


def load(folder: Path, name: str, dtype: type[Any]) -> Images:
    """MNIST's "train" or "t10k" images, scaled, with targets."""
    if not folder.is_dir():
        raise FileNotFoundError(f"{folder}: no such folder")
    images, labels = fnn.read_images_and_labels(
        find(folder, f"{name}-images", "idx3"), find(folder, f"{name}-labels", "idx1")
    )
    x = images.reshape(len(images), -1).astype(dtype) / dtype(255)

    return Images(x, fnn.one_hot(labels, 10, dtype=dtype))


def print_epoch(epoch: int, params: fnn.Params[Any], record: fnn.Record) -> None:
    print(f"{epoch:5}   {record.error:14.5f}   {record.validation_accuracy:13.2%}", flush=True)


def arguments(argv: Sequence[str] | None) -> tuple[argparse.ArgumentParser, argparse.Namespace]:
    parser = argparse.ArgumentParser(description="Repeat Nielsen's experiment on MNIST.")
    folder = os.environ.get("FNN_MNIST") or None
    parser.add_argument("--data", type=Path, default=folder, help="folder of IDX files (default: $FNN_MNIST)")
    parser.add_argument("--hidden", type=int, default=30, help="hidden units (default: %(default)s)")
    parser.add_argument("--epochs", type=int, default=30, help="default: %(default)s")
    parser.add_argument("--eta", type=float, default=3.0, help="learning rate η (default: %(default)s)")
    parser.add_argument("--batch-size", type=int, default=10, help="images a step (default: %(default)s)")
    parser.add_argument("--seed", type=int, default=0, help="of the first weights and the order (default: %(default)s)")
    parser.add_argument("--float64", action="store_true", help="double precision (default: float32)")
    args = parser.parse_args(argv)
    if args.data is None:
        parser.error("say where MNIST's files are: --data DIR, or FNN_MNIST=DIR in the environment")

    return parser, args


def main(argv: Sequence[str] | None = None) -> None:
    parser, args = arguments(argv)
    dtype = np.float64 if args.float64 else np.float32
    try:
        training, test = load(args.data, "train", dtype), load(args.data, "t10k", dtype)
        params = fnn.init(
            (training.x.shape[1], args.hidden, 10), seed=args.seed, initializer=fnn.standard_normal, dtype=dtype
        )
        print("epoch   training error   test accuracy")
        began = time.perf_counter()
        run = fnn.train(
            params, training.x[:TRAINING_IMAGES], training.y[:TRAINING_IMAGES], validation=test, reduction="mean",
            eta=args.eta, epochs=args.epochs, batch_size=args.batch_size, seed=args.seed, callback=print_epoch,
        )  # fmt: skip
        seconds = time.perf_counter() - began
    except (OSError, ValueError, fnn.TrainingDiverged) as error:
        parser.error(str(error))

    accuracies = run.history.validation_accuracy
    if accuracies is not None and len(accuracies):
        best = int(np.argmax(accuracies))
        print(f"best: {accuracies[best]:.2%} of the {len(test.x):,} test images, after epoch {best + 1}")
        print(f"time: {seconds:.2f} s for {len(accuracies)} epochs, with the tests")


if __name__ == "__main__":
    main()
