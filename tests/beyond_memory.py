"""A training run on a file that is several times larger than the memory that the process may use.

Run it as::

    python -m tests.beyond_memory mapped FILE ROWS
    python -m tests.beyond_memory stream FILE ROWS BYTES

The file, which it makes, has ROWS rows of 4096 bytes, with holes where most of them are. To map it, the process needs
that much address space, so its starter limits its memory by a control group. Of a stream it sees a batch at a
time, and limits itself to BYTES of address space.
"""

import resource
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

import fnn

UNITS = 4096  # a page, so that no row shares one
EVERY, BATCH = 1000, 100


def make(path: Path, rows: int) -> None:
    """Rows of 0, and here and there one of 255."""
    with path.open("wb") as file:
        file.truncate(rows * UNITS)
        for row in range(1, rows, EVERY):
            file.seek(row * UNITS)
            file.write(bytes([255]) * UNITS)


def labels_of(rows: int) -> NDArray[np.uint8]:
    """Which ones those are."""
    labels = np.zeros(rows, np.uint8)
    labels[1::EVERY] = 1

    return labels


def anonymous() -> int:
    """Bytes of memory that belong to no file."""
    status = dict(line.split(":", 1) for line in Path("/proc/self/status").read_text().splitlines())

    return int(status["RssAnon"].split()[0]) * 1024


def windows(path: Path, rows: int) -> Iterator[fnn.Cases]:
    """Batches, one after the other."""
    labels = labels_of(rows)
    with path.open("rb") as file:
        for top in range(0, rows, BATCH):
            x = np.fromfile(file, np.uint8, BATCH * UNITS)
            yield fnn.Cases(x.reshape(-1, UNITS), labels[top : top + BATCH], scale=1 / 255)


def train(how: str, path: Path, rows: int) -> fnn.Params[np.float32]:
    params = fnn.init((UNITS, 2, 1), seed=1, dtype=np.float32)
    options: dict[str, Any] = {"eta": 0.1, "epochs": 1, "loss": fnn.cross_entropy, "threads": 1}
    if how == "stream":
        return fnn.train(params, windows(path, rows), **options).params
    x = np.memmap(path, np.uint8, "r", shape=(rows, UNITS))

    return fnn.train(params, fnn.Cases(x, labels_of(rows), scale=1 / 255), batch_size=BATCH, **options).params


def main() -> None:
    how, path, rows = sys.argv[1], Path(sys.argv[2]), int(sys.argv[3])
    make(path, rows)
    if how == "stream":
        resource.setrlimit(resource.RLIMIT_AS, (int(sys.argv[4]), int(sys.argv[4])))
    params = train(how, path, rows)
    low, high = (fnn.forward(params, np.full(UNITS, value)).item() for value in (0, 1))
    print(low, high, anonymous())


if __name__ == "__main__":
    main()
