"""Ctrl-C, as a real signal to a real process: it stops soon, with a whole step, and nothing is lost."""

from __future__ import annotations

import contextlib
import pickle
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from fnn.optimizers.regularization import restraints_of

import fnn
from fnn.compiler.threads import run_in_threads
from fnn.data.cases import batch_of
from fnn.training.checkpoint import Checkpointer, Position
from fnn.training.kernels import barrier
from fnn.training.steps import BatchStepper
from tests.interrupted import KINDS
from tests.kills import digest

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="needs POSIX signals")


@pytest.mark.parametrize("kind", KINDS)
def test_it_stops_within_the_time_and_the_checkpoint_is_written(kind: str, tmp_path: Path) -> None:
    command = [sys.executable, "-m", "tests.interrupted", kind, str(tmp_path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        while not (tmp_path / "run.npz").exists() and process.poll() is None:
            time.sleep(0.01)
        time.sleep(0.4)
        sent = time.monotonic()
        process.send_signal(signal.SIGINT)
        lines = process.communicate(timeout=60)[0].splitlines()

    assert process.returncode == 0
    asked, saved, _, _ = (float(word) for word in lines[1].split())
    # 0.3 s, not counting how long the file takes to be written; twice that beside the other tests on a busy machine.
    assert asked - sent < 0.6, f"stopped after {asked - sent:.3f} s, saved after {saved - sent:.3f} s"


def test_a_run_that_was_interrupted_goes_on_to_the_bit(tmp_path: Path) -> None:
    x, y = np.random.default_rng(0).normal(size=(2, 200, 3))
    params = fnn.init((3, 8, 3), seed=0, output=fnn.identity)
    calls = 0

    def interrupt(epoch: int, params: fnn.Params[np.float64], record: fnn.Record) -> None:
        nonlocal calls
        calls += 1
        if calls in (3, 7):
            signal.raise_signal(signal.SIGINT)

    for epochs in (2, 5):  # the epoch in whose callback it was pressed is called back once more
        with pytest.raises(fnn.TrainingInterrupted) as found:
            fnn.train(
                params,
                x,
                y,
                eta=1e-3,
                epochs=20,
                batch_size=9,
                checkpoint=tmp_path / "run",
                callbacks=[fnn.each_epoch(interrupt)],
            )
        assert len(found.value.history) == epochs + 1
        copy = pickle.loads(pickle.dumps(found.value))
        assert (copy.params, str(copy)) == (found.value.params, str(found.value))
        assert copy.state.step == 23 * (epochs + 1)
        assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
    kept = fnn.train(
        params,
        x,
        y,
        eta=1e-3,
        epochs=20,
        batch_size=9,
        checkpoint=tmp_path / "run",
        callbacks=[fnn.each_epoch(interrupt)],
    )
    alone = fnn.train(params, x, y, eta=1e-3, epochs=20, batch_size=9)

    assert kept.params.flat.tobytes() == alone.params.flat.tobytes()
    assert kept.history.error.tobytes() == alone.history.error.tobytes()


@pytest.mark.parametrize("units", range(1, 30))
def test_a_call_that_is_given_up_leaves_all_as_it_was(units: int, monkeypatch: pytest.MonkeyPatch) -> None:
    # Wherever the buffers and their copies lie in memory, which depends on how large they are.
    params, (x, y) = fnn.init((2, units, 2), seed=0), np.random.default_rng(0).normal(size=(2, 20, 2))
    free = restraints_of(params, 0, 0, 0, False, None, None, None, 0, None)
    batch, method = batch_of(params, x, y, None, fnn.squared_error), fnn.adam(0.1)
    stepper = BatchStepper(params, batch, fnn.squared_error, False, method, free, 5, 0, 2)
    stepper.run(3, 1)
    before, state = stepper.flat(), stepper.state()

    def give_up(*given: object) -> bool:
        stepper.interrupt()
        for array in (stepper._weights, stepper._state, stepper._cursor, stepper._sums):
            array[...] = 7  # a thread that is left alone goes on writing
        return False

    monkeypatch.setattr("fnn.training.steps.run_in_threads", give_up)
    stepper.run(1, 1, seconds=1.0)

    assert stepper.flat().tobytes() == before.tobytes()
    assert stepper.state().vectors == state.vectors
    assert stepper.steps == 3


@pytest.mark.parametrize("optimizer", [fnn.gradient_descent(1e-4), fnn.adam(1e-4)])
@pytest.mark.parametrize("batch_size", [7, 30, 700, 1000])  # 700 and 1000 in two pieces, for which there is room
@pytest.mark.parametrize("threads", [1, 2, 3])
def test_a_call_ends_between_two_steps_when_it_is_asked_to(
    threads: int, batch_size: int, optimizer: fnn.Optimizer
) -> None:
    params, (x, y) = fnn.init((2, 40, 2), seed=0), np.random.default_rng(0).normal(size=(2, 1000, 2))
    free = restraints_of(params, 0, 0, 0, False, None, None, None, 0, None)
    batch = batch_of(params, x, y, None, fnn.squared_error)
    asked, alone = (
        BatchStepper(params, batch, fnn.squared_error, True, optimizer, free, batch_size, 0, 3 * 10**6)
        for _ in range(2)
    )
    asked.history[:] = np.nan
    ended = 0
    for turn in range(25):
        asked._asked = 0.0
        before, epoch = asked.steps, asked.epoch
        call = threading.Thread(target=asked.run, args=(10**5, threads), daemon=True)
        call.start()
        time.sleep(0.0007 * (turn % 5))  # perhaps before it begins
        while turn % 2 and np.isnan(asked.history[epoch]):  # or after some steps
            time.sleep(0.0001)
        asked.interrupt()
        call.join(60)
        assert not call.is_alive()
        ended += asked.steps < before + 10**5
        if asked.steps > before:
            alone.run(asked.steps - before, 1)

        assert asked.flat().tobytes() == alone.flat().tobytes()
        assert asked.state().vectors == alone.state().vectors
        assert (asked.epoch, asked.cases) == (alone.epoch, alone.cases)
        assert asked._sums.tobytes() == alone._sums.tobytes()
        assert asked.history[: asked.epoch].tobytes() == alone.history[: alone.epoch].tobytes()
    assert ended > 0
    assert asked.steps > 0


def test_a_call_that_is_given_up_at_once_has_loaded_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    params, (x, y) = fnn.init((60, 90, 60), seed=0), np.random.default_rng(0).normal(size=(2, 200, 60))
    free = restraints_of(params, 0, 0, 0, False, None, None, None, 0, None)
    batch = batch_of(params, x, y, None, fnn.squared_error)
    asked, alone = (
        BatchStepper(params, batch, fnn.squared_error, True, fnn.adam(1e-3), free, 200, 0, 9) for _ in range(2)
    )

    def ask(*given: Any) -> bool:
        asked.interrupt()
        return run_in_threads(*given)

    with monkeypatch.context() as patch:
        patch.setattr("fnn.training.steps.run_in_threads", ask)
        asked.run(5, 2)
    assert asked.steps == 0
    asked._asked = 0.0
    for stepper in (asked, alone):
        stepper.run(5, 2)

    assert asked.history[:5].tobytes() == alone.history[:5].tobytes()
    assert asked.flat().tobytes() == alone.flat().tobytes()


@pytest.mark.parametrize(
    "seconds, threads, is_apart, may_be_late",
    [(0.01, 1, False, False), (0.1, 1, True, False), (0.1, 2, False, False), (3.0, 2, True, True)],
)
def test_who_waits_for_a_call(
    seconds: float, threads: int, is_apart: bool, may_be_late: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    params, (x, y) = fnn.init((2, 3, 2), seed=0), np.random.default_rng(0).normal(size=(2, 20, 2))
    free = restraints_of(params, 0, 0, 0, False, None, None, None, 0, None)
    batch, method = batch_of(params, x, y, None, fnn.squared_error), fnn.adam(0.1)
    stepper = BatchStepper(params, batch, fnn.squared_error, False, method, free, 5, 0, 2)

    def look(part: Any, parts: int, abandon: Any, is_late: Any) -> bool:
        assert (is_late is not None) == is_apart
        stepper._asked = 1e-9  # long ago
        if is_late is not None:
            assert is_late() == may_be_late
        return True

    monkeypatch.setattr("fnn.training.steps.run_in_threads", look)
    stepper.run(2, threads, seconds=seconds)


def test_what_is_left_alone_writes_to_nothing_that_is_used(monkeypatch: pytest.MonkeyPatch) -> None:
    # An exception out of waiting: the parts go on until they see that they needn't.
    params, (x, y) = fnn.init((2, 300, 2), seed=0), np.random.default_rng(0).normal(size=(2, 1000, 2))
    free = restraints_of(params, 0, 0, 0, False, None, None, None, 0, None)
    batch = batch_of(params, x, y, None, fnn.squared_error)
    stepper = BatchStepper(params, batch, fnn.squared_error, True, fnn.adam(1e-4), free, 10, 0, 10**5)
    started: list[threading.Thread] = []
    written = stepper._weights, stepper._state, stepper._cursor, stepper._sums

    def leave(part: Any, parts: int, *more: Any) -> bool:
        started.append(threading.Thread(target=part, args=(0, 1), daemon=True))
        started[0].start()
        while np.isnan(stepper.history[0]):
            time.sleep(0.001)
        raise KeyboardInterrupt

    stepper.history[:] = np.nan
    monkeypatch.setattr("fnn.training.steps.run_in_threads", leave)
    with pytest.raises(KeyboardInterrupt):
        stepper.run(4000, 1, seconds=1.0)
    used = stepper._weights, stepper._state, stepper._cursor, stepper._sums
    assert not any(np.shares_memory(old, new) for old, new in zip(written, used, strict=True))
    assert stepper._gate[barrier.ASKED] != 0
    stepper.start(stepper.beginning)
    started[0].join(60)

    assert not started[0].is_alive()
    assert (stepper.epoch, stepper.cases) == (0, 0)
    assert stepper.flat().tobytes() == params.flat.tobytes()
    assert stepper.state().vectors == fnn.adam(1e-4).init(params).vectors


def test_what_is_known_of_the_parameters_is_forgotten_with_them() -> None:
    params, (x, y) = fnn.init((2, 3, 2), seed=0), np.random.default_rng(0).normal(size=(2, 20, 2))
    free = restraints_of(params, 0, 0, 0, False, None, None, None, 0, None)
    batch = batch_of(params, x, y, None, fnn.squared_error)
    stepper = BatchStepper(params, batch, fnn.squared_error, False, fnn.adam(0.1), free, 5, 0, 2)
    stepper.run(1, 1)
    after, kept = stepper.flat(), stepper.snapshot()

    assert stepper.flat() is after
    with pytest.raises(ValueError, match="read-only"):
        after[0] = 1
    stepper.start(stepper.beginning)
    assert stepper.flat().tobytes() == params.flat.tobytes()
    stepper.start(kept)
    assert stepper.flat().tobytes() == after.tobytes() != params.flat.tobytes()


def test_ctrl_c_after_the_last_step_is_not_lost(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    x, y = np.random.default_rng(0).normal(size=(2, 20, 2))
    params, write, written = fnn.init((2, 3, 2), seed=0), Checkpointer.write, 0

    def writing(keeper: Checkpointer[Any], place: Position) -> None:
        nonlocal written
        write(keeper, place)
        written += 1
        if written == 1:
            signal.raise_signal(signal.SIGINT)

    monkeypatch.setattr(Checkpointer, "write", writing)
    with pytest.raises(fnn.TrainingInterrupted) as found:
        fnn.train(params, x, y, eta=0.1, epochs=3, checkpoint=tmp_path / "run")

    assert len(found.value.history) == 3
    assert found.value.params == fnn.train(params, x, y, eta=0.1, epochs=3).params
    assert fnn.train(params, x, y, eta=0.1, epochs=3, checkpoint=tmp_path / "run").stop_reason == "epochs"


@pytest.mark.parametrize("batch_size", [7, 20])
@pytest.mark.parametrize("units", [3, 300])
@pytest.mark.parametrize(
    "options",
    [
        {"eta": 1e-3},
        {"eta": 1e-3, "validation": 0.2},
        {"optimizer": fnn.adam(fnn.plateau(1e-3, patience=1)), "stopping": fnn.Stopping(restore_best=True)},
    ],
)
def test_ctrl_c_during_steps_leaves_a_checkpoint_that_goes_on(
    options: dict[str, Any], units: int, batch_size: int, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    x, y = np.random.default_rng(0).normal(size=(2, 20, 2))
    params = fnn.init((2, units, 2), seed=0)
    options = {"epochs": 9, "batch_size": batch_size, **options}
    alone, run, calls = fnn.train(params, x, y, **options), BatchStepper.run, 0

    def interrupted(stepper: BatchStepper[Any], steps: int, threads: int, **given: Any) -> None:
        nonlocal calls
        run(stepper, 1, threads, **given)
        calls += 1
        if calls % 2 == 0:
            signal.raise_signal(signal.SIGINT)

    monkeypatch.setattr(BatchStepper, "run", interrupted)
    times, kept = 0, None
    while kept is None:
        try:
            kept = fnn.train(params, x, y, checkpoint=tmp_path / "run", **options)
        except fnn.TrainingInterrupted:
            times += 1

    assert times >= 4
    assert digest(kept) == digest(alone)


def test_a_batch_whose_step_is_given_up_is_trained_on_when_the_run_goes_on(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    r = np.random.default_rng(0)
    batches = [tuple(r.normal(size=(2, 600, 2))) for _ in range(4)]
    params, given_up = fnn.init((2, 300, 2), seed=0), 0
    alone, run = fnn.train(params, batches, eta=1e-4, epochs=2), BatchStepper._run

    def give_up(stepper: BatchStepper[Any], *given: Any) -> None:
        nonlocal given_up
        if stepper.steps in (2, 5) and given_up < 2 * (stepper.steps // 2 + 1):
            given_up += 1
            signal.raise_signal(signal.SIGINT)
        else:
            run(stepper, *given)

    monkeypatch.setattr(BatchStepper, "_run", give_up)
    kept = None
    while kept is None:
        with contextlib.suppress(fnn.TrainingInterrupted):
            kept = fnn.train(params, batches, eta=1e-4, epochs=2, checkpoint=tmp_path / "run")

    assert given_up == 6
    assert digest(kept) == digest(alone)


def test_other_handlers_and_other_threads_are_left_alone() -> None:
    heard: list[int] = []
    x, y = np.zeros((4, 2)), np.zeros((4, 1))
    params = fnn.init((2, 1), seed=0)

    def call(epoch: int, params: object, record: object) -> None:
        signal.raise_signal(signal.SIGINT)

    before = signal.signal(signal.SIGINT, lambda number, frame: heard.append(number))
    try:
        run = fnn.train(params, x, y, eta=0.1, epochs=2, callbacks=[fnn.each_epoch(call)])
    finally:
        signal.signal(signal.SIGINT, before)
    assert (len(run.history), heard) == (2, [signal.SIGINT] * 2)

    handlers: list[object] = []
    thread = threading.Thread(
        target=lambda: fnn.train(
            params,
            x,
            y,
            eta=0.1,
            epochs=1,
            callbacks=[fnn.each_epoch(lambda *_: handlers.append(signal.getsignal(signal.SIGINT)))],
        )
    )
    thread.start()
    thread.join()
    assert handlers == [before]
