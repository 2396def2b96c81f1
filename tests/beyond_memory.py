"""A training run on a file that is several times larger than the memory that the process may use.

Run it as::

    python -m tests.beyond_memory FILE ROWS

The file, which it makes, has ROWS rows of 4096 bytes, with a hole where most of them are. Whoever starts this limits
its memory.
"""

import sys
from pathlib import Path

import numpy as np

import fnn

UNITS = 4096  # a page, so that no row shares one


def make(path: Path, rows: int) -> None:
    """A row for every label: all 0, or from the middle on 255."""
    with path.open("wb") as file:
        file.truncate(rows * UNITS)
        for row in range(1, rows, 1000):  # among zeros, so that these must be told apart
            file.seek(row * UNITS)
            file.write(bytes([255]) * UNITS)


def labels_of(rows: int) -> np.ndarray[tuple[int], np.dtype[np.uint8]]:
    labels = np.zeros(rows, np.uint8)
    labels[1::1000] = 1

    return labels


def anonymous() -> int:
    """Bytes of memory that belong to no file."""
    status = dict(line.split(":", 1) for line in Path("/proc/self/status").read_text().splitlines())

    return int(status["RssAnon"].split()[0]) * 1024


def train(path: Path, rows: int) -> fnn.Params[np.float32]:
    x = np.memmap(path, np.uint8, "r", shape=(rows, UNITS))
    params = fnn.init((UNITS, 2, 1), seed=1, dtype=np.float32)
    run = fnn.train(
        params, x, labels_of(rows), eta=0.1, epochs=1, batch_size=100, loss=fnn.cross_entropy, scale=1 / 255, threads=1
    )

    return run.params


def main() -> None:
    path, rows = Path(sys.argv[1]), int(sys.argv[2])
    make(path, rows)
    params = train(path, rows)
    zeros, ones = np.zeros(UNITS), np.ones(UNITS)
    print(f"{fnn.forward(params, zeros).item()} {fnn.forward(params, ones).item()} {anonymous()}")


if __name__ == "__main__":
    main()
