"""Runs of `train` on shards: ``python -m tests.training.ranks.runs`` under ``mpiexec``; rank 0 prints JSON.

As a script without arguments it trains each of `RUNS`; with a name it makes the wrong calls of `FAILURES`; with
``endless FILE`` it trains until it is ended, with a checkpoint, and with ``whole FILE`` to its end.
"""

from __future__ import annotations

import hashlib
import json
import os
import resource
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

import fnn
from fnn.training.ranks.shards import shard_range

N, SHARDS = 1003, 8
RNG = np.random.default_rng(1)
X, Y, WEIGHTS = RNG.random((N, 7)), RNG.random((N, 3)), RNG.random(N)
LABELS = RNG.integers(0, 3, N)
PIXELS = RNG.integers(0, 256, (N, 7), np.uint8)
PARAMS, NARROW = fnn.init((7, 12, 3), seed=1), fnn.init((7, 33, 20, 3), seed=2, hidden=fnn.tanh, dtype=np.float32)
CLASSES = fnn.init((7, 12, 3), seed=3, hidden=fnn.relu, output=fnn.softmax, dtype=np.float32)
Run = Callable[[Any], Any]  # of a communicator, or None


def run(params: Any, x: Any, y: Any = None, **options: Any) -> Run:
    """A run with these arguments, and others that most have."""
    given: dict[str, Any] = {"epochs": 3, "shards": SHARDS, "reduction": "mean"}

    return lambda comm: fnn.train(params, x, y, comm=comm, **given | options)


def own_cases(comm: Any) -> Any:
    """Each rank has its own cases alone."""
    rows = shard_range(N, SHARDS, comm)
    cases = fnn.Cases(X[rows.start : rows.stop], Y[rows.start : rows.stop], weights=WEIGHTS[rows.start : rows.stop])

    return run(PARAMS, cases, total_cases=N, eta=0.3, batch_size=64)(comm)


def called(comm: Any) -> Any:
    """Callbacks of rank 0 end the run; the others have none."""
    seen: list[Any] = []
    callbacks = [
        fnn.each_epoch(lambda epoch, params, record: seen.append(record.error)),
        fnn.each_steps(5, lambda step, params, error: step == 40),
    ]
    ended = run(PARAMS, X, Y, eta=0.3, batch_size=64, epochs=9, callbacks=callbacks if leads(comm) else [])(comm)
    assert (len(seen) == 2 and ended.stop_reason == "callback") or not leads(comm)

    return ended


def leads(comm: Any) -> bool:
    return comm is None or comm.rank == 0


CASES = fnn.Cases(X, Y, weights=WEIGHTS)
LAST = fnn.Cases(X, Y, weights=np.arange(N) >= 900)  # of most ranks, all cases weigh nothing
RUNS: dict[str, Run] = {
    "gradient descent": run(PARAMS, X, Y, eta=0.3, batch_size=64),
    "sums, float32, 64 shards": run(NARROW, X, Y, eta=0.003, batch_size=100, reduction="sum", shards=64),
    "chains": run(NARROW, np.tile(X, (9, 1)), np.tile(Y, (9, 1)), eta=0.3),
    "adam with clip_norm": run(NARROW, CASES, optimizer=fnn.adam(0.01, clip_norm=0.01), batch_size=200),
    "few cases a batch": run(PARAMS, X, Y, optimizer=fnn.momentum(0.1), batch_size=5),
    "dropout": run(
        PARAMS, X, Y, optimizer=fnn.adam(0.01), regularization=fnn.Regularization(dropout=0.3, l2=1e-3), batch_size=70
    ),
    "class weights, labels": run(
        CLASSES, fnn.Cases(PIXELS, LABELS, class_weights=[1, 2, 0.5], scale=1 / 255), loss=fnn.cross_entropy,
        optimizer=fnn.adam(0.01, max_norm=1.0), batch_size=128, validation=0.2,
    ),
    "plateau, patience": run(
        PARAMS, CASES, optimizer=fnn.momentum(fnn.plateau(0.5, patience=1)), batch_size=300, epochs=12,
        validation=(X[:100], Y[:100]), stopping=fnn.Stopping(patience=4, restore_best=True),
    ),
    "kept order, first epoch": run(PARAMS, X, Y, eta=0.3, batch_size=64, shuffle=False, first_epoch=2),
    "own cases": own_cases,
    "cases that weigh nothing": run(PARAMS, LAST, eta=0.3, batch_size=64, validation=0.1),
    "callbacks": called,
    "lbfgs": run(PARAMS, CASES, optimizer=fnn.lbfgs(), epochs=8, validation=0.1),
    "levenberg_marquardt": run(PARAMS, CASES, optimizer=fnn.levenberg_marquardt(), epochs=4, reduction="sum"),
    "bayesian": run(NARROW, X, Y, optimizer=fnn.levenberg_marquardt(bayesian=True), epochs=3),
}  # fmt: skip


def digest(ended: Any) -> str:
    """The bits of a run."""
    history = ended.history
    bits = [ended.params.flat, *(v.flat for v in ended.state.vectors), history.error]
    bits += [column for column in (history.validation_error, history.validation_accuracy) if column is not None]

    return hashlib.sha256(b"".join(part.tobytes() for part in bits)).hexdigest()


def with_nan(comm: Any) -> Any:
    x = X.copy()
    x[-1, 0] = np.nan  # of the last rank's cases

    return run(PARAMS, x, Y, eta=0.3)(comm)


def other_eta(comm: Any) -> Any:
    return run(PARAMS, X, Y, eta=0.3 if comm.rank == 0 else 0.4)(comm)


def other_params(comm: Any) -> Any:
    return run(PARAMS if comm.rank == 0 else fnn.init((7, 12, 3), seed=2), X, Y, eta=0.3)(comm)


def other_validation(comm: Any) -> Any:
    return run(PARAMS, X, Y, eta=0.3, validation=0.1 if comm.rank == 0 else None)(comm)


def own_cases_alone(comm: Any) -> Any:
    """Files of the same size, and no word of the others."""
    rows = slice(100 * comm.rank, 100 * comm.rank + 100)

    return run(PARAMS, X[rows], Y[rows], eta=0.3)(comm)


def other_validation_cases(comm: Any) -> Any:
    rows = slice(comm.rank, 500 + comm.rank)

    return run(PARAMS, X, Y, eta=0.3, validation=(X[rows], Y[rows]))(comm)


def ended_by_a_signal(comm: Any) -> Any:
    """A handler of the user's raises at any moment, on one rank."""

    def handle(*_: object) -> None:
        raise SystemExit(3)

    before = signal.signal(signal.SIGTERM, handle)
    if comm.rank == 1:
        threading.Timer(0.4, os.kill, (os.getpid(), signal.SIGTERM)).start()
    try:
        return run(PARAMS, X, Y, eta=1e-3, batch_size=64, epochs=10**6)(comm)
    finally:
        signal.signal(signal.SIGTERM, before)


def without_shards(comm: Any) -> Any:
    return run(PARAMS, X, Y, eta=0.3, shards=None if comm.rank == 1 else 8)(comm)


def too_few(comm: Any) -> Any:
    return run(PARAMS, X[:10], Y[:10], eta=0.3, total_cases=N)(comm)


def failing_callback(comm: Any) -> Any:
    return run(PARAMS, X, Y, eta=0.3, batch_size=64, callbacks=[fnn.each_epoch(lambda *_: 1 / 0)])(comm)


def failing_rate(comm: Any) -> Any:
    """A rate that fails on one rank, between two calls of the kernel."""

    def rate(step: int) -> float:
        if comm.rank == comm.size - 1 and step >= 20:
            raise ArithmeticError("no rate")
        return 0.3

    return run(PARAMS, X, Y, eta=rate, batch_size=64)(comm)


def diverging(comm: Any) -> Any:
    exponential = fnn.init((7, 5, 3), seed=4, output=fnn.exp)

    return run(exponential, X, 1e3 * Y, eta=1e3, batch_size=64, epochs=50)(comm)


def failing_after_overflow(comm: Any) -> Any:
    """A rate that fails on one rank when the weights are infinite already, though no error is."""

    def rate(step: int) -> float:
        if comm.rank == 1 and step >= 1:
            raise ArithmeticError("no rate")
        return 1e38

    linear = fnn.init((7, 3), seed=5, output=fnn.identity, dtype=np.float32)

    return run(linear, 1e3 * X, Y, eta=rate, batch_size=64)(comm)


def training_callback(comm: Any) -> Any:
    def train(*_: object) -> None:
        run(PARAMS, X, Y, eta=0.3)(comm)

    return run(PARAMS, X, Y, eta=0.3, callbacks=[fnn.each_epoch(train)])(comm)


def full_disk(comm: Any) -> Any:
    """No file may become larger than a kilobyte on rank 0."""
    with limited(1000) if comm.rank == 0 else limited(resource.RLIM_INFINITY):
        return run(PARAMS, X, Y, eta=0.3, checkpoint=sys.argv[2])(comm)


@contextmanager
def limited(size: int) -> Iterator[None]:
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


FAILURES: list[Any] = [
    with_nan, other_eta, other_params, other_validation, without_shards, too_few, own_cases_alone,
    other_validation_cases, ended_by_a_signal, failing_callback, failing_rate, failing_after_overflow,
    training_callback, diverging, full_disk,
]  # fmt: skip


def outcome(attempt: Run, comm: Any) -> list[Any]:
    """What a call raised, its notes, and the seconds that it took."""
    began, raised, notes = time.monotonic(), "nothing", list[str]()
    try:
        attempt(comm)
    except (Exception, SystemExit) as error:
        raised, notes = f"{type(error).__name__}: {error}", getattr(error, "__notes__", [])

    return [raised, notes, time.monotonic() - began]


def long_run(path: str, epochs: int, **options: Any) -> Run:
    """A run that is killed and goes on."""
    return run(
        NARROW, CASES, optimizer=fnn.adam(1e-3), batch_size=64, epochs=epochs, validation=0.2,
        regularization=fnn.Regularization(dropout=0.1), checkpoint=fnn.Checkpoint(path, seconds=0.05), **options,
    )  # fmt: skip


def main(command: str = "", *arguments: str) -> None:
    """Do what the command says in this rank."""
    from mpi4py import MPI

    signal.signal(signal.SIGINT, signal.default_int_handler)  # it may be ignored where the tests run
    world, found = MPI.COMM_WORLD, dict[str, Any]()
    if command == "failures":
        found = {attempt.__name__: world.allgather(outcome(attempt, world)) for attempt in FAILURES}
    elif command == "endless":
        began: Any = fnn.each_steps(1, lambda *_: Path(f"{arguments[0]}.begun").touch())
        try:
            long_run(arguments[0], 10**6, callbacks=[began])(world)
        except fnn.TrainingInterrupted as error:
            bits = world.allgather(hashlib.sha256(error.params.flat.tobytes()).hexdigest())
            found = {"interrupted": [str(error), len(set(bits))]}
    elif command == "whole":
        found = {"whole": world.allgather(digest(long_run(arguments[0], int(arguments[1]))(world)))}
    else:
        ended = {name: train(world) for name, train in RUNS.items()}
        found = {name: world.allgather(digest(run)) for name, run in ended.items()}
        seconds = world.allgather([run.history.seconds.tolist() for run in ended.values()])
        assert seconds == seconds[:1] * world.size
    if world.rank == 0:
        print(json.dumps(found))


if __name__ == "__main__":
    main(*sys.argv[1:])
