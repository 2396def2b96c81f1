"""MNIST from its four IDX files, or noise of the same shape when there are none."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np

from fnn.io.idx import read_images_and_labels

from .workloads import Array

# The files' names as they are distributed, each perhaps with ".gz".
FILES = {"": ("train-images-idx3-ubyte", "train-labels-idx1-ubyte"),
         "_test": ("t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte")}  # fmt: skip


def prepare(source: Path | None, folder: Path) -> str:
    """Write x, y, x_test, y_test as .npy files that the measured processes load; say what the data is."""
    source = source or (Path(os.environ["FNN_MNIST"]) if "FNN_MNIST" in os.environ else None)
    made = synthetic() if source is None else mnist(source)
    for name, array in made.items():
        np.save(folder / f"{name}.npy", array)

    return "synthetic data of MNIST's shape (no --data, no FNN_MNIST)" if source is None else "MNIST"


def mnist(source: Path) -> dict[str, Array]:
    """Pixels in 0..1 as float32 rows, labels as one-hot rows."""
    made: dict[str, Array] = {}
    for suffix, names in FILES.items():
        zipped = (source / f"{names[0]}.gz").exists()
        images, labels = read_images_and_labels(*(source / (f"{name}.gz" if zipped else name) for name in names))
        made |= {f"x{suffix}": pixels(images), f"y{suffix}": one_hot(labels)}

    return made


def pixels(images: Array) -> Array:
    """Images as rows of float32 in 0..1."""
    return np.divide(images.reshape(len(images), -1), 255, dtype=np.float32)


def one_hot(labels: Array) -> Array:
    """Labels 0..9 as rows with one 1."""
    return np.eye(10, dtype=np.float32)[labels]


def synthetic() -> dict[str, Array]:
    """Noise with MNIST's shapes and about its share of dark pixels (0.81)."""
    rng = np.random.default_rng(0)

    def images(rows: int) -> Array:
        x = rng.random((rows, 784), dtype=np.float32)
        x *= rng.random((rows, 784), dtype=np.float32) > np.float32(0.81)
        return x

    return {
        "x": images(60_000),
        "y": one_hot(rng.integers(0, 10, 60_000)),
        "x_test": images(10_000),
        "y_test": one_hot(rng.integers(0, 10, 10_000)),
    }
