"""Runs that are interrupted: ``python -m tests.interrupted`` reads ``["KIND", "FOLDER"]``, prints when it stopped."""

from __future__ import annotations

import json
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

import fnn


def steps(folder: Path, **more: Any) -> None:
    """Short steps, with a validation set."""
    r = np.random.default_rng(0)
    x, y = r.normal(size=(2000, 20)).astype(np.float32), r.integers(0, 4, 2000)
    params = fnn.init((20, 30, 4), seed=0, output=fnn.softmax, dtype=np.float32)
    fnn.train(
        params, x, y, optimizer=fnn.adam(1e-4), loss=fnn.cross_entropy, epochs=10_000_000, batch_size=16,
        validation=0.1, checkpoint=folder / "run.npz", **more,
    )  # fmt: skip


def wide(folder: Path, *, count: int, width: int, threads: int) -> None:
    """All cases in one step: of many chunks, each of a fraction of a second, or of a single one of about a second."""
    r = np.random.default_rng(0)
    x, y = r.normal(size=(count, width)).astype(np.float32), r.normal(size=(count, 10)).astype(np.float32)
    params = fnn.init((width, width, 10), seed=0, dtype=np.float32)
    fnn.train(params, x, y, eta=1e-9, epochs=10_000, threads=threads, checkpoint=folder / "run.npz")


def validating(folder: Path) -> None:
    """A validation set that takes seconds, beside hardly any training."""
    r = np.random.default_rng(0)
    x, y = r.normal(size=(100_000, 300)).astype(np.float32), r.normal(size=(100_000, 5)).astype(np.float32)
    params = fnn.init((300, 1000, 300, 5), seed=0, dtype=np.float32)
    fnn.train(
        params, x[:10], y[:10], eta=1e-9, epochs=10_000, validation=(x, y), threads=1, checkpoint=folder / "run.npz"
    )


def sleeping(*_: object) -> None:
    time.sleep(60)


def warm() -> None:
    """Compile what the runs need: Ctrl-C waits for that."""
    x, y = np.ones((20, 20), np.float32), np.zeros(20, int)
    params = fnn.init((20, 30, 4), seed=0, output=fnn.softmax, dtype=np.float32)
    fnn.train(params, x, y, optimizer=fnn.adam(1e-4), loss=fnn.cross_entropy, epochs=1, validation=0.1)
    fnn.train(params, x, fnn.one_hot(y, 4), eta=1e-9, epochs=1)


KINDS: dict[str, Callable[[Path], None]] = {
    "steps": steps,
    "one thread": lambda folder: steps(folder, threads=1),
    "callback of epochs": lambda folder: steps(folder, callbacks=[fnn.each_epoch(sleeping)]),
    "callback of steps": lambda folder: steps(folder, callbacks=[fnn.each_steps(3, sleeping)]),
    "wide": lambda folder: wide(folder, count=60_000, width=512, threads=1),
    "wide, threads": lambda folder: wide(folder, count=60_000, width=512, threads=2),
    "huge": lambda folder: wide(folder, count=512, width=3000, threads=1),
    "validating": validating,
}


def main(kind: str, folder: str) -> None:
    """Train until Ctrl-C, and print when that was."""
    try:
        KINDS[kind](Path(folder))
    except fnn.TrainingInterrupted as error:
        stopped = time.monotonic()
        assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
        with np.load(Path(folder) / "run.npz") as arrays:
            assert arrays["params"].tobytes() == error.params.flat.tobytes()
            assert len(arrays["history"]) in (len(error.history), len(error.history) + 1)
        print(stopped, flush=True)


if __name__ == "__main__":
    signal.signal(signal.SIGINT, signal.default_int_handler)  # it may be ignored where the tests run
    warm()
    for line in sys.stdin:
        main(*json.loads(line))
