"""Ctrl-C, as a real signal to a real process: it stops soon, between two steps, and nothing is lost."""

from __future__ import annotations

import contextlib
import json
import pickle
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

import fnn
from fnn.equations.objective import objective_of
from fnn.training.callbacks import EachEpoch
from fnn.training.checkpoint import Checkpointer
from fnn.training.checkpoint_format import Place
from fnn.training.interrupt import Interrupt
from fnn.training.steppers.batches import BatchStepper
from fnn.training.steppers.stepper import Snapshot
from tests.conftest import NewThreads
from tests.interrupted import KINDS
from tests.kills import digest
from tests.paces import Exactly, tune_by

pytestmark = [
    pytest.mark.skipif(sys.platform == "win32", reason="needs POSIX signals"),
    pytest.mark.usefixtures("default_sigint"),
]


@pytest.fixture(scope="module")
def trainer() -> Iterator[subprocess.Popen[str]]:
    """A process that trains as it is told, and goes on after Ctrl-C: its start costs seconds."""
    command = [sys.executable, "-m", "tests.interrupted"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        yield process
        try:
            assert process.stdin is not None
            process.stdin.close()
            assert process.wait(60) == 0
        finally:
            process.kill()


@pytest.mark.parametrize("kind", KINDS)
def test_it_stops_soon_and_the_checkpoint_is_written(kind: str, tmp_path: Path, trainer: subprocess.Popen[str]) -> None:
    assert trainer.stdin is not None
    assert trainer.stdout is not None
    print(json.dumps([kind, str(tmp_path)]), file=trainer.stdin, flush=True)
    while not (tmp_path / "run.npz").exists() and trainer.poll() is None:
        time.sleep(0.01)
    time.sleep(0.4)
    stuck = threading.Timer(60, trainer.kill)
    stuck.start()
    sent = time.monotonic()
    trainer.send_signal(signal.SIGINT)
    stopped = trainer.stdout.readline()
    stuck.cancel()
    stuck.join()

    assert stopped, "the process has ended"
    # 0.1 s on an idle machine, but for a step that takes longer; and the time to write the file.
    assert float(stopped) - sent < (10.0 if kind == "huge" else 1.0)


def test_a_run_that_was_interrupted_goes_on_to_the_bit(tmp_path: Path) -> None:
    x, y = np.random.default_rng(0).normal(size=(2, 200, 3))
    params = fnn.init((3, 8, 3), seed=0, output=fnn.identity)
    options: dict[str, Any] = {"eta": 1e-3, "epochs": 20, "batch_size": 9}
    calls = 0

    def interrupt(epoch: int, params: fnn.Params[np.float64], record: fnn.Record) -> None:
        nonlocal calls
        calls += 1
        if calls in (3, 7):
            signal.raise_signal(signal.SIGINT)

    kept: dict[str, Any] = {"callbacks": [fnn.each_epoch(interrupt)], "checkpoint": tmp_path / "run"}
    for epochs in (2, 5):  # the callback of the epoch in which it was pressed is called once more
        with pytest.raises(fnn.TrainingInterrupted) as caught:
            fnn.train(params, x, y, **options, **kept)
        assert len(caught.value.history) == epochs + 1
        copy = pickle.loads(pickle.dumps(caught.value))
        assert (copy.params, str(copy)) == (caught.value.params, str(caught.value))
        assert copy.state.step == 23 * (epochs + 1)
        assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
    resumed = fnn.train(params, x, y, **options, **kept)

    assert digest(resumed) == digest(fnn.train(params, x, y, **options))


def stepper(
    shape: tuple[int, int, int], cases: int, batch_size: int, optimizer: fnn.Optimizer, epochs: int
) -> BatchStepper[np.float64]:
    r = np.random.default_rng(0)
    x, y = r.normal(size=(cases, shape[0])), r.normal(size=(cases, shape[2]))

    return stepper_of(fnn.init(shape, seed=0), x, y, batch_size, optimizer, epochs)


def stepper_of(
    params: fnn.Params[np.float64], x: NDArray[np.float64], y: NDArray[np.float64], batch_size: int,
    optimizer: fnn.Optimizer, epochs: int,
) -> BatchStepper[np.float64]:  # fmt: skip
    arrays = fnn.Cases(x, y).arrays(params, fnn.squared_error)

    return BatchStepper(
        params, arrays, objective_of(params, fnn.squared_error, "mean", None), optimizer, batch_size, 0, epochs
    )


@pytest.mark.parametrize("optimizer", [fnn.gradient_descent(1e-4), fnn.adam(1e-4)])
@pytest.mark.parametrize("batch_size", [7, 30, 700, 1000])  # 700 and 1000 exceed the workspace
@pytest.mark.parametrize("threads", [1, 2, 3])
def test_a_call_ends_between_two_steps(threads: int, batch_size: int, optimizer: fnn.Optimizer) -> None:
    one, other = (stepper((2, 40, 2), 1000, batch_size, optimizer, 3 * 10**6) for _ in range(2))
    one.history[:] = np.nan
    taken: list[int] = []
    for turn in range(25):
        epoch = one.epoch
        call = threading.Thread(target=lambda: taken.append(one.run(10**5, threads)[0]), daemon=True)
        call.start()
        time.sleep(0.0007 * (turn % 5))  # perhaps before it begins
        while turn % 2 and np.isnan(one.history[epoch]):  # or after some steps
            time.sleep(0.0001)
        one.interrupt()
        call.join(60)
        assert not call.is_alive()
        if taken[-1] > 0:
            other.run(taken[-1], 1)

        assert one.snapshot() == other.snapshot()
        assert one.history[: one.epoch].tobytes() == other.history[: other.epoch].tobytes()
    assert sum(taken) > 0
    assert min(taken) < 10**5


@pytest.mark.parametrize("threads", [1, 2])
def test_a_call_that_is_cancelled_at_once_has_loaded_nothing(threads: int) -> None:
    def rate(step: int) -> float:
        if presses:
            presses.pop()
            one.interrupt()  # after the last check in Python
        return 1e-3

    presses = [1]
    one, other = (stepper((60, 90, 60), 200, 200, fnn.adam(eta), 9) for eta in (rate, 1e-3))
    assert one.run(5, threads)[0] == 0
    for each in (one, other):
        each.run(5, threads)

    assert one.history[:5].tobytes() == other.history[:5].tobytes()
    assert one.params() == other.params()


def test_an_interrupt_ends_the_next_call_and_no_other() -> None:
    one = stepper((2, 3, 2), 20, 5, fnn.adam(0.1), 100)
    one.interrupt()

    assert [one.run(8, 1)[0] for _ in range(3)] == [0, 8, 8]


@contextlib.contextmanager
def alarm(handle: Any) -> Any:
    """A signal in 50 ms."""
    before = signal.signal(signal.SIGALRM, lambda *_: handle())
    signal.setitimer(signal.ITIMER_REAL, 0.05)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


@pytest.mark.parametrize("threads", [1, 2])
def test_signals_are_handled_during_a_long_call(threads: int) -> None:
    one = stepper((20, 100, 20), 1000, 10, fnn.adam(1e-4), 10**5)
    with alarm(one.interrupt):
        taken, seconds = one.run(10**6, threads, seconds=60.0)

    assert 0 < taken < 10**6
    assert seconds < 30


@pytest.mark.parametrize("threads", [1, 2, 3])
def test_the_run_so_far_is_whole_if_a_signal_handler_raises(
    threads: int, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    class LongCalls(Exactly):
        def suggest(self) -> tuple[int, int]:
            return 10**6, threads

        def seconds(self, steps: int) -> float:
            signal.setitimer(signal.ITIMER_REAL, 0.05)  # from here on, not from before the preparations
            return 60.0

    def fail() -> None:
        raise LookupError("a handler of the user")

    x, y = np.random.default_rng(0).normal(size=(2, 64, 60))
    params = fnn.init((60, 100, 60), seed=0, hidden=fnn.tanh, output=fnn.identity)
    options: dict[str, Any] = {"optimizer": fnn.adam(1e-5), "batch_size": 32, "reduction": "mean"}
    fnn.train(params, x, y, epochs=1, **options)  # which compiles
    tune_by(monkeypatch, LongCalls)
    with pytest.raises(LookupError, match="of the user") as caught, alarm(fail):
        fnn.train(params, x, y, epochs=10**6, checkpoint=tmp_path / "run.npz", **options)
    so_far = vars(caught.value)["run"]

    assert so_far.state.step > 0
    other = stepper_of(params, x, y, 32, options["optimizer"], 10**6)
    other.run(so_far.state.step, 1)
    assert so_far.params == other.params()
    assert so_far.state == other.snapshot().state
    with np.load(tmp_path / "run.npz") as arrays:
        assert arrays["params"].tobytes() == so_far.params.flat.tobytes()


@pytest.mark.parametrize("threads", [1, 2])
def test_threads_end_soon_if_a_signal_handler_raises(threads: int, new_threads: NewThreads) -> None:
    def fail() -> None:
        raise LookupError("a handler of the user")

    one = stepper((20, 100, 20), 1000, 10, fnn.adam(1e-4), 10**5)
    with pytest.raises(LookupError, match="of the user"), alarm(fail):
        one.run(10**6, threads, seconds=60.0)
    deadline = time.monotonic() + 30
    while new_threads() and time.monotonic() < deadline:
        time.sleep(0.01)

    assert not new_threads()


def test_snapshots_are_values() -> None:
    one = stepper((2, 3, 2), 20, 5, fnn.adam(0.1), 2)
    beginning = one.snapshot()
    one.run(1, 1)
    params, after = one.params(), one.snapshot()
    one.run(2, 1)

    assert one.params() != params == after.params
    one.restore(beginning)
    assert (one.snapshot(), one.params()) == (beginning, beginning.params)
    one.restore(after)
    assert (one.params(), one.steps, one.snapshot().state.step) == (params, 1, 1)
    assert one.run(2, 1)[0] == 2


def test_code_of_the_user_may_be_interrupted() -> None:
    notified: list[int] = []
    interrupt = Interrupt(lambda: notified.append(1))
    with interrupt:
        assert interrupt.call(lambda: 3) == 3
        assert interrupt.call(lambda: signal.raise_signal(signal.SIGINT)) is None
        assert (interrupt.interrupted, notified) == (True, [])
    with (again := Interrupt(lambda: notified.append(1))):
        signal.raise_signal(signal.SIGINT)
        assert (again.interrupted, notified) == (True, [1])
        with pytest.raises(KeyboardInterrupt):  # the second one
            signal.raise_signal(signal.SIGINT)


def test_ctrl_c_after_the_last_step_is_not_lost(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    x, y = np.random.default_rng(0).normal(size=(2, 20, 2))
    params, write, written = fnn.init((2, 3, 2), seed=0), Checkpointer.write, 0

    def writing(checkpointer: Checkpointer[Any], last: Snapshot[Any], place: Place) -> None:
        nonlocal written
        write(checkpointer, last, place)
        written += 1
        if written == 1:
            signal.raise_signal(signal.SIGINT)

    monkeypatch.setattr(Checkpointer, "write", writing)
    with pytest.raises(fnn.TrainingInterrupted) as caught:
        fnn.train(params, x, y, eta=0.1, epochs=3, checkpoint=tmp_path / "run")

    assert len(caught.value.history) == 3
    assert caught.value.params == fnn.train(params, x, y, eta=0.1, epochs=3).params
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
def test_ctrl_c_between_steps_leaves_a_checkpoint_that_goes_on(
    options: dict[str, Any], units: int, batch_size: int, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    x, y = np.random.default_rng(0).normal(size=(2, 20, 2))
    params = fnn.init((2, units, 2), seed=0)
    options = {"epochs": 9, "batch_size": batch_size, **options}
    alone, calls = fnn.train(params, x, y, **options), 0

    class Interrupting(Exactly):
        """A step a call; Ctrl-C before every third one."""

        def suggest(self) -> tuple[int, int]:
            nonlocal calls
            calls += 1
            if calls % 3 == 0:
                signal.raise_signal(signal.SIGINT)
            return 1, 1

    tune_by(monkeypatch, Interrupting)
    times, resumed = 0, None
    while resumed is None:
        try:
            resumed = fnn.train(params, x, y, checkpoint=tmp_path / "run", **options)
        except fnn.TrainingInterrupted:
            times += 1

    assert times >= 4
    assert digest(resumed) == digest(alone)


def test_a_batch_whose_step_is_cancelled_is_trained_on_when_the_run_goes_on(tmp_path: Path) -> None:
    r = np.random.default_rng(0)
    batches = [tuple(r.normal(size=(2, 600, 2))) for _ in range(4)]
    params, presses = fnn.init((2, 300, 2), seed=0), {2: 2, 5: 3}  # how often, at which step

    def rate(step: int) -> float:
        if presses.get(step, 0) > 0:
            presses[step] -= 1
            signal.raise_signal(signal.SIGINT)
        return 1e-4

    resumed, steps = None, []
    while resumed is None:
        try:
            resumed = fnn.train(params, batches, eta=rate, epochs=2, checkpoint=tmp_path / "run")
        except fnn.TrainingInterrupted as error:
            steps.append(error.state.step)

    assert steps == [2, 2, 5, 5, 5]
    assert digest(resumed) == digest(fnn.train(params, batches, eta=1e-4, epochs=2))


def test_other_handlers_and_other_threads_are_left_alone() -> None:
    heard: list[int] = []
    x, y = np.zeros((4, 2)), np.zeros((4, 1))
    params = fnn.init((2, 1), seed=0)
    press: EachEpoch[Any] = fnn.each_epoch(lambda *_: signal.raise_signal(signal.SIGINT))

    before = signal.signal(signal.SIGINT, lambda number, frame: heard.append(number))
    try:
        run = fnn.train(params, x, y, eta=0.1, epochs=2, callbacks=[press])
    finally:
        signal.signal(signal.SIGINT, before)
    assert (len(run.history), heard) == (2, [signal.SIGINT] * 2)

    handlers: list[object] = []
    note: EachEpoch[Any] = fnn.each_epoch(lambda *_: handlers.append(signal.getsignal(signal.SIGINT)))
    thread = threading.Thread(target=lambda: fnn.train(params, x, y, eta=0.1, epochs=1, callbacks=[note]))
    thread.start()
    thread.join()
    assert handlers == [before]
