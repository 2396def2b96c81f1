"""Runs that somebody interrupts: ``python -m tests.interrupted KIND FOLDER`` says when it stopped, and with what."""

from __future__ import annotations

import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

import fnn
from fnn.training.checkpoint import Checkpointer, Position


def steps(folder: Path, **more: Any) -> None:
    """Short steps, with a callback and a validation set."""
    r = np.random.default_rng(0)
    x, y = r.normal(size=(2000, 20)).astype(np.float32), r.integers(0, 4, 2000)
    params = fnn.init((20, 30, 4), seed=0, output=fnn.softmax, dtype=np.float32)
    fnn.train(
        params, x, y, optimizer=fnn.adam(1e-4), loss=fnn.cross_entropy, epochs=10_000_000, batch_size=16,
        validation=0.1, checkpoint=folder / "run.npz", **more,
    )  # fmt: skip


def wide(folder: Path, *, count: int, width: int, threads: int) -> None:
    """All cases in one step, which lasts for seconds."""
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


def sleeping(epoch: int, params: fnn.Params[Any], record: fnn.Record) -> None:
    time.sleep(60)


def warm() -> None:
    """Compile what the runs need: Ctrl-C has to wait for that."""
    x, y = np.ones((20, 20), np.float32), np.zeros(20, int)
    params = fnn.init((20, 30, 4), seed=0, output=fnn.softmax, dtype=np.float32)
    fnn.train(params, x, y, optimizer=fnn.adam(1e-4), loss=fnn.cross_entropy, epochs=1, validation=0.1)
    fnn.train(params, x, fnn.one_hot(y, 4), eta=1e-9, epochs=1)


KINDS: dict[str, Callable[[Path], None]] = {
    "steps": steps,
    "one thread": lambda folder: steps(folder, threads=1),
    "callback": lambda folder: steps(folder, callback=sleeping),
    "on_step": lambda folder: steps(folder, on_step=(3, sleeping)),
    "wide": lambda folder: wide(folder, count=60_000, width=512, threads=1),
    "wide, threads": lambda folder: wide(folder, count=60_000, width=512, threads=2),
    "huge": lambda folder: wide(folder, count=512, width=3000, threads=1),
    "validating": validating,
}


def main(kind: str, folder: Path) -> None:
    asked: list[float] = []
    write = Checkpointer.write

    def writing(keeper: Checkpointer[Any], place: Position) -> None:
        asked.append(time.monotonic())
        write(keeper, place)

    Checkpointer.write = writing  # type: ignore[method-assign,assignment] # the run has stopped when it is saved last
    warm()
    print("ready", flush=True)
    try:
        KINDS[kind](folder)
    except fnn.TrainingInterrupted as found:
        stopped = time.monotonic()
        assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
        with np.load(folder / "run.npz") as kept:
            assert kept["params"].tobytes() == found.params.flat.tobytes()
            assert len(kept["history"]) in (len(found.history), len(found.history) + 1)
        print(asked[-1], stopped, found.state.step, len(found.history), flush=True)


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]))
