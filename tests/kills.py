"""Runs that are killed: ``python -m tests.kills --count 100``. Exits with 1 unless all end as if left alone.

A run is a process that trains with a checkpoint. It is killed by SIGKILL at a random instant, the file that it leaves
is read, and another process goes on from there, until one comes to the end. Its bits are compared with those of a run
without a checkpoint.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import random
import signal
import sys
import tempfile
import time
import traceback
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import fnn
from fnn.training.checkpoint import Checkpoint
from tests.paces import train_by_exactly
from tests.problems import problem

Kind = tuple[fnn.Params[Any], Any, Any, dict[str, Any]]


def kinds() -> dict[str, Kind]:
    """Runs with everything that there is to keep; each lasts about a second, or longer with many saves."""
    p = problem(0, (6, 30, 4), (fnn.tanh,), fnn.softmax, fnn.cross_entropy, 2000, dtype=np.float32, labelled=True)
    q = problem(1, (5, 12, 8, 2), (fnn.relu, fnn.sigmoid), fnn.identity, fnn.squared_error, 700)
    r = problem(2, (9, 40, 3), (fnn.relu,), fnn.identity, fnn.huber(0.7), 1100, dtype=np.float32, weighted=True)
    hidden = {"W1": np.arange(5 * 12).reshape(5, 12) % 3 > 0}

    return {
        "adam": (p.params, p.x, p.y, {
            "optimizer": fnn.adam(fnn.cosine(1e-2, steps=900)), "loss": p.loss, "epochs": 11, "batch_size": 20,
            "regularization": fnn.Regularization(dropout=(0.1, 0.3)), "validation": 0.2, "threads": 2, "seed": 7,
        }),
        "plateau": (q.params, q.x, q.y, {
            "optimizer": fnn.momentum(fnn.plateau(1e-4, patience=1), max_norm=2.0), "epochs": 12, "batch_size": 16,
            "regularization": fnn.Regularization(l2=1e-3, mask=hidden), "validation": (q.x[:50], q.y[:50]),
            "reduction": "mean", "stopping": fnn.Stopping(patience=10, restore_best=True),
        }),
        "batch": (r.params, fnn.Cases(r.x, r.y, weights=r.weights), None, {
            "optimizer": fnn.irprop(), "loss": r.loss, "epochs": 150, "threads": 3,
        }),
        "levenberg_marquardt": (q.params, q.x, q.y, {
            "optimizer": fnn.levenberg_marquardt(), "epochs": 300, "validation": 0.2, "threads": 2,
            "regularization": fnn.Regularization(l2=1e-3, mask=hidden), "stopping": fnn.Stopping(restore_best=True),
        }),
        "bayesian": (q.params, q.x[:40], q.y[:40], {
            "optimizer": fnn.levenberg_marquardt(bayesian=True), "epochs": 400,
        }),
        "lbfgs": (q.params, q.x, q.y, {
            "optimizer": fnn.lbfgs(4, min_gradient=0), "epochs": 150, "validation": 0.2, "threads": 3,
            "regularization": fnn.Regularization(l2=1e-3, mask=hidden), "stopping": fnn.Stopping(restore_best=True),
        }),
        "plain": (q.params, q.x, q.y, {"eta": 1e-3, "epochs": 2, "batch_size": 1}),
    }  # fmt: skip


def digest(run: fnn.Run[Any]) -> str:
    """All bits of a run but the time that it took."""
    arrays = [run.params.flat, *(vector.flat for vector in run.state.vectors), np.array(run.state.numbers)]
    arrays += [a for name, a in run.history.as_dict().items() if name != "seconds"]
    bits = b"".join(array.tobytes() for array in arrays) + f"{run.state.step} {run.stop_reason}".encode()

    return hashlib.sha256(bits).hexdigest()


def train(kind: Kind, **more: Any) -> str:
    """The digest of a run."""
    params, x, y, options = kind

    return digest(fnn.train(params, x, y, **options, **more))


def in_child(work: Callable[[], object], seconds: float | None) -> bool:
    """Do something in a forked process; False if that was killed after these seconds before it was done."""
    child = os.fork()
    if child == 0:
        status = 1
        try:
            work()
            status = 0
        except BaseException:
            traceback.print_exc()
        finally:
            os._exit(status)
    if seconds is not None:
        time.sleep(seconds)
        os.kill(child, signal.SIGKILL)
    status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    if status not in (0, -signal.SIGKILL):
        raise AssertionError(f"the run ended with status {status}")

    return status == 0


def read_all(path: Path) -> int:
    """Read all that is in a file, if it is there; how many epochs the run had done."""
    if not path.exists():
        return -1
    with zipfile.ZipFile(path) as file:
        assert file.testzip() is None
    with np.load(path, allow_pickle=False) as arrays:
        return len(arrays["history"])


def survive(kind: Kind, folder: Path, r: random.Random, longest: float, kills: int) -> tuple[str, int]:
    """Kill a run so often at most, then let it end; its digest, and how often it was killed."""
    path, result = folder / "run.npz", folder / "result"
    rules = Checkpoint(path, seconds=r.choice([0, 0, 0.01, 0.1]))
    done, killed = -1, 0

    def end() -> None:
        (folder / "unfinished").write_text(train(kind, checkpoint=rules))
        (folder / "unfinished").rename(result)  # a result is there as a whole or not at all

    while not result.exists():
        seconds = r.uniform(0, longest) if killed < kills else None
        if not in_child(end, seconds):
            killed += 1
        before, done = done, read_all(path)
        assert done >= before, f"went back from epoch {before} to {done}"
    assert set(os.listdir(folder)) == {"run.npz", "result"}

    return result.read_text(), killed


def trial(number: int, seed: int, folder: Path) -> tuple[bool, int]:
    """One run; whether it ended as it should, and how often it was killed."""
    r = random.Random(f"{seed} {number}")
    kind = list(kinds().values())[number % len(kinds())]
    wanted = train(kind)  # which compiles, before there is a fork
    with pytest.MonkeyPatch.context() as patch:
        if r.random() < 0.5:
            train_by_exactly(patch)  # calls of a few steps, so that most of the time goes into writing
        found, killed = survive(kind, folder, r, r.choice([0.03, 0.1, 0.3]), kills=30)

    return found == wanted, killed


def main() -> int:
    """The long run; the exit code."""
    parser = argparse.ArgumentParser(prog="python -m tests.kills", description=__doc__)
    parser.add_argument("--count", type=int, default=100, help="runs")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    wrong = kills = 0
    for number in range(options.count):
        with tempfile.TemporaryDirectory() as folder:
            is_right, killed = trial(number, options.seed, Path(folder))
        if not is_right:
            print(f"run {number} of seed {options.seed} ended with other bits")
        wrong, kills = wrong + (not is_right), kills + killed
    print(f"{options.count} runs, killed {kills} times: {options.count - wrong} ended with the bits of one left alone")

    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
