"""`train_many`: each network gets the bits that it would get alone."""

from __future__ import annotations

import inspect
import os
import pickle
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import fnn
from fnn.training.callbacks import EachEpoch
from fnn.training.executors import threads as network_pool
from fnn.training.loop import Loop
from fnn.training.task import Task
from fnn.training.train import begin
from tests.conftest import NewThreads
from tests.kills import in_child
from tests.paces import Exactly, train_many_by, tune_by

RNG = np.random.default_rng(0)
X, Y = RNG.standard_normal((40, 3)), RNG.random((40, 2))
OPTIMIZERS = (fnn.gradient_descent(0.1), fnn.momentum(0.05), fnn.adam(fnn.cosine(1e-2, steps=9)))


def bits(run: fnn.Run[Any]) -> list[bytes]:
    """All that a run brings, but the times."""
    history = run.history
    arrays = [run.params.flat, history.error, *(v.flat for v in run.state.vectors)]
    arrays += [found for found in (history.validation_error, history.validation_accuracy) if found is not None]

    return [array.tobytes() for array in arrays]


def networks(*middles: int, dtype: Any = np.float64) -> list[fnn.Params[Any]]:
    """3 inputs, 2 outputs, and a number of hidden units."""
    return [fnn.init((3, n, 2), seed=i, hidden=fnn.tanh, dtype=dtype) for i, n in enumerate(middles)]


@st.composite
def cases(draw: st.DrawFn) -> fnn.Cases:
    """Some of the cases; weights of classes need targets that name one."""
    count, k = draw(st.sampled_from([40, 7])), draw(st.none() | st.just([1.0, 2.0]))
    y = Y if k is None else np.eye(2)[RNG.integers(0, 2, 40)]

    return fnn.Cases(X[:count], y[:count], class_weights=k, scale=draw(st.sampled_from([1.0, 0.5])))


@st.composite
def ensembles(draw: st.DrawFn) -> tuple[list[fnn.Params[Any]], dict[str, list[Any]]]:
    """Some networks, and what `train` is to get for each."""
    count = draw(st.integers(1, 6))
    sizes = draw(st.lists(st.lists(st.integers(1, 40), max_size=3), min_size=count, max_size=count))
    dtypes = draw(st.lists(st.sampled_from([np.float32, np.float64]), min_size=count, max_size=count))
    params: list[fnn.Params[Any]] = [
        fnn.init((3, *middle, 2), seed=len(middle), dtype=dtype) for middle, dtype in zip(sizes, dtypes, strict=True)
    ]
    options: dict[str, st.SearchStrategy[Any]] = {
        "optimizer": st.sampled_from(OPTIMIZERS),
        "epochs": st.integers(0, 5),
        "batch_size": st.none() | st.integers(1, 50),
        "loss": st.sampled_from([fnn.squared_error, fnn.cross_entropy]),
        "reduction": st.sampled_from(["sum", "mean"]),
        "regularization": st.sampled_from([None, fnn.Regularization(l2=0.1), fnn.Regularization(dropout=0.25)]),
        "seed": st.integers(0, 9),
        "validation": st.sampled_from([None, 0.3, fnn.Cases(X[:5], np.eye(2)[[0, 1, 0, 0, 1]])]),
        "stopping": st.sampled_from([None, fnn.Stopping(patience=1, restore_best=True)]),
    }
    given = {name: [draw(strategy) for _ in params] for name, strategy in options.items()}
    given["x"] = [draw(cases()) for _ in params]

    return params, given


@settings(deadline=None, max_examples=40)
@given(ensembles(), st.integers(1, 5))
def test_every_network_gets_the_bits_that_it_gets_alone(
    ensemble: tuple[list[fnn.Params[Any]], dict[str, list[Any]]], threads: int
) -> None:
    params, options = ensemble
    alone = [
        fnn.train(start, threads=1, **{name: values[i] for name, values in options.items()})
        for i, start in enumerate(params)
    ]
    with pytest.MonkeyPatch.context() as patch:
        train_many_by(patch, threads)
        given: dict[str, Any] = {name: fnn.Each(values) for name, values in options.items()}
        together = fnn.train_many(params, **given)

    assert [bits(run) for run in together] == [bits(run) for run in alone]
    assert [run.params for run in together] == [run.params for run in alone]


@pytest.mark.parametrize("threads", [1, 2, 3, 8])
def test_shared_data_with_validation(monkeypatch: pytest.MonkeyPatch, threads: int) -> None:
    train_many_by(monkeypatch, threads)
    params = networks(2, 30, 7, 100, 1)
    given: dict[str, Any] = dict(eta=0.05, epochs=6, batch_size=8, validation=(X[:9], Y[:9]))
    weighted = fnn.Cases(X, Y, weights=np.arange(1.0, 41))

    assert [bits(run) for run in fnn.train_many(params, weighted, **given, threads=threads)] == [
        bits(fnn.train(start, weighted, **given)) for start in params
    ]


def test_shared_cases_are_converted_and_checked_once(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[object] = []
    convert: Any = sys.modules["fnn.data.cases"].__dict__["convert"]

    def noting(params: object, x: object, *given: Any) -> Any:
        seen.append(x)
        return convert(params, x, *given)

    monkeypatch.setattr("fnn.data.cases.convert", noting)
    x, y, cases = X.tolist(), Y.tolist(), fnn.Cases(X, Y)

    fnn.train_many(networks(4, 5, 6), x, y, eta=0.1, epochs=1)
    assert len(seen) == 1
    fnn.train_many(networks(4, 5, 6), fnn.Each([cases, fnn.Cases(X, Y), cases]), eta=0.1, epochs=1)
    assert len(seen) == 1 + 2
    fnn.train_many(networks(4, 5, 6), x, y, eta=0.1, epochs=1, validation=(x, y))
    assert len(seen) == 3 + 2
    fnn.train_many(networks(4, 5, 6), cases, eta=0.1, epochs=1, validation=cases)
    assert len(seen) == 5


def test_cases_that_one_loss_takes_and_another_refuses_are_looked_at_for_each() -> None:
    y = 3 * Y
    params = networks(4, 4)
    fnn.train_many(params, X, y, eta=0.1, epochs=1)
    with pytest.raises(ValueError, match=r"^network 1: y: "):
        fnn.train_many(params, X, y, eta=0.1, epochs=1, loss=fnn.Each([fnn.squared_error, fnn.cross_entropy]))


def test_nothing_is_changed() -> None:
    params, x, y = networks(4, 5), X.copy(), Y.copy()
    before = [p.flat.copy() for p in params]
    fnn.train_many(params, x, y, eta=0.1, epochs=3, batch_size=7)

    assert [p.flat.tobytes() for p in params] == [b.tobytes() for b in before]
    assert (x.tobytes(), y.tobytes()) == (X.tobytes(), Y.tobytes())


def test_no_networks() -> None:
    assert fnn.train_many([], X, Y, eta=0.1, epochs=1) == []


@pytest.mark.parametrize(
    "change, kind, message",
    [
        (dict(eta=fnn.Each([0.1, 0.1])), ValueError, "eta: has 2 values, but there are 3 networks"),
        (dict(eta=fnn.Each([0.1, 0.1, -1])), ValueError, "network 2: eta: must be finite and above 0"),
        (dict(epochs=fnn.Each([1, 2.5, 1])), TypeError, "network 1: epochs: needs a whole number, got 2.5"),
        (dict(x=fnn.Each([X, X, X[:, :2]])), ValueError, "network 2: x: has 2 columns"),
        (dict(y=fnn.Each([Y, np.where(Y > 0.9, np.nan, Y), Y])), ValueError, "network 1: y: NaN or infinity"),
        (dict(validation=fnn.Each([None, (X, Y[:9]), 0.5])), ValueError, "network 1: validation y: needs shape"),
        (dict(validation=fnn.Each([None, 0.5, 2.0])), ValueError, "network 2: validation: the fraction of the cases"),
        (dict(stopping=fnn.Each([None, 9, None])), TypeError, "network 1: stopping: needs fnn.Stopping"),
        (
            dict(regularization=fnn.Regularization(dropout=[0.5])),
            ValueError,
            "network 0: dropout: needs one number",
        ),
        (dict(seed=[1, 2, 3]), TypeError, r"seed: needs one value for all networks, or seed=fnn\.Each\(\.\.\) of a"),
        (
            dict(eta=[0.1, 0.2]),
            TypeError,
            r"eta: needs .* eta=fnn\.Each\(\.\.\) of a value for each, got \[0\.1, 0\.2\]",
        ),
        (dict(eta=np.ones(3)), TypeError, r"eta: needs .* eta=fnn\.Each\(\.\.\)"),
        (dict(loss=(fnn.huber, fnn.huber)), TypeError, r"loss: needs .* loss=fnn\.Each\(\.\.\)"),
        (dict(threads=0), ValueError, "threads: must be at least 1"),
        (dict(optimizer=fnn.adam()), TypeError, "network 0: eta: fnn.adam"),
        (dict(params=networks(3)[0]), TypeError, "params: needs a sequence of fnn.Params, got Params"),
        (dict(params=3), TypeError, "params: needs a sequence of fnn.Params, got int"),
        (dict(params=[*networks(3, 3), {"W1": X}]), TypeError, "network 2: params: needs fnn.Params, got dict"),
    ],
)
def test_errors_name_the_network_and_the_argument(change: dict[str, Any], kind: type[Exception], message: str) -> None:
    called: list[object] = []
    given: dict[str, Any] = dict(
        params=networks(3, 4, 5),
        x=X,
        y=Y,
        eta=0.1,
        epochs=1,
        callbacks=[fnn.each_steps(1, lambda *arguments: called.append(arguments))],
    )
    with pytest.raises(kind, match=f"^{message}"):
        fnn.train_many(**{**given, **change})
    assert called == []


@pytest.mark.parametrize(
    "make, text",
    [
        (lambda each: fnn.adam(each), "eta: needs a number"),
        (lambda each: fnn.adam(clip=each), "clip: needs a number"),
        (lambda each: fnn.cosine(1.0, steps=each), "steps: needs a whole number"),
        (lambda each: fnn.Regularization(l2=each), "l2: needs a number"),
        (lambda each: fnn.Stopping(restore_best=each), "restore_best: needs True or False"),
        (lambda each: fnn.train(networks(3)[0], X, Y, eta=each, epochs=1), "eta: needs a number"),
        (lambda each: fnn.train(networks(3)[0], X, Y, optimizer=each, epochs=1), "optimizer: needs an optimizer"),
    ],
)
def test_each_within_an_argument_says_where_it_goes(make: Callable[[Any], object], text: str) -> None:
    where = r"fnn\.Each stands around a whole argument of fnn\.train_many: optimizer=fnn\.Each\(\[fnn\.adam"
    with pytest.raises(TypeError, match=rf"^{text}.*, got fnn\.Each\(\[1, 2\]\); {where}"):
        make(fnn.Each([1, 2]))


def test_each_needs_several() -> None:
    with pytest.raises(TypeError, match=r"^fnn\.Each: needs a value for each network, got 0\.1"):
        fnn.Each(0.1)  # type: ignore[arg-type]
    assert repr(fnn.Each([1, 2])) == "fnn.Each([1, 2])"


@pytest.mark.parametrize("threads", [1, 3])
def test_one_that_diverges_costs_the_others_nothing(threads: int) -> None:
    params = [fnn.init((3, 4, 2), seed=i, output=fnn.identity) for i in range(4)]
    etas = [1e-3, 1e6, 1e-3, 1e200]
    with pytest.raises(fnn.SomeDiverged, match=r"^2 of 4 networks diverged: 1, 3; ") as caught:
        fnn.train_many(params, X, Y, eta=fnn.Each(etas), epochs=30, threads=threads)

    outcomes = caught.value.outcomes
    for start, eta, outcome in zip(params, etas, outcomes, strict=True):
        if isinstance(outcome, fnn.Run):
            assert bits(outcome) == bits(fnn.train(start, X, Y, eta=eta, epochs=30))
        else:
            with pytest.raises(fnn.TrainingDiverged) as alone:
                fnn.train(start, X, Y, eta=eta, epochs=30)
            assert (outcome.epoch, outcome.params) == (alone.value.epoch, alone.value.params)
    copied = pickle.loads(pickle.dumps(caught.value))
    assert str(copied) == str(caught.value)
    assert [type(outcome) for outcome in copied.outcomes] == [type(outcome) for outcome in outcomes]


@pytest.mark.parametrize("threads", [1, 3])
def test_a_callback_that_fails_ends_all(monkeypatch: pytest.MonkeyPatch, threads: int, new_threads: NewThreads) -> None:
    train_many_by(monkeypatch, threads)
    called: list[int] = []

    def fails(epoch: int, params: object, record: object) -> None:
        called.append(epoch)
        if epoch == 3:
            raise LookupError("no such thing")

    start = networks(4)[0]
    callbacks: fnn.Each[Any] = fnn.Each([[], [fnn.each_epoch(fails)], [], []])
    with pytest.raises(LookupError, match="no such thing") as caught:
        fnn.train_many(
            [start] * 4,
            X,
            Y,
            eta=1e-9,
            epochs=fnn.Each([10**9, 10**9, 1, 1]) if threads > 1 else 5,
            callbacks=callbacks,
        )
    assert caught.value.__notes__[1:] == ["in network 1"]
    run, outcomes = vars(caught.value)["run"], vars(caught.value)["outcomes"]
    assert (len(run.history), run.params) == (3, fnn.train(start, X, Y, eta=1e-9, epochs=3).params)
    ended = [None if outcome is None else (len(outcome.history), outcome.stop_reason) for outcome in outcomes]
    if threads == 1:  # the last one first
        assert ended == [None, None, (5, "epochs"), (5, "epochs")]
    else:
        assert outcomes[0] is None or outcomes[0].stop_reason == "interrupted"
        assert ended[1] is None
        assert set(ended[2:]) <= {
            None,
            (1, "epochs"),
            (0, "interrupted"),
            (1, "interrupted"),
        }  # cancelled at any moment
    assert called == [1, 2, 3]
    assert not new_threads()


def test_callbacks_may_end_networks_one_by_one() -> None:
    def ending(last: int) -> list[EachEpoch[np.float64]]:
        return [fnn.each_epoch(lambda epoch, params, record: epoch == last)]

    runs = fnn.train_many(networks(3, 3, 3), X, Y, eta=0.1, epochs=9, callbacks=fnn.Each(map(ending, (2, 5, 20))))

    assert [len(run.history) for run in runs] == [2, 5, 9]


def test_the_longest_is_first_and_the_last_ones_get_more_threads(monkeypatch: pytest.MonkeyPatch) -> None:
    train_many_by(monkeypatch, 4)
    begun: list[int] = []
    begin: Any = sys.modules["fnn.training.executors.threads"].__dict__["begin"]
    threads: set[int] = set()

    class Noting(Exactly):
        def observe(self, steps: int, taken: int, seconds: float, starting: float = 0.0) -> None:
            threads.add(taken)

    def noting(task: Task[Any], tuner: Any) -> Any:
        begun.append(task.params.sizes[1])
        return begin(task, tuner)

    monkeypatch.setattr("fnn.training.executors.threads.begin", noting)
    tune_by(monkeypatch, Noting)
    callbacks: fnn.Each[Any] = fnn.Each(
        [[], [fnn.each_epoch(lambda epoch, params, record: 4 in threads)], [], [], [], []]
    )
    epochs = fnn.Each([1, 10**5, 1, 1, 1, 1])
    fnn.train_many(networks(5, 300, 20, 100, 1, 50), X, Y, eta=1e-9, epochs=epochs, callbacks=callbacks)

    assert begun[0] == 300
    assert begun[-1] == 1
    assert {1, 4} <= threads


def test_where_threads_are_refused(monkeypatch: pytest.MonkeyPatch, new_threads: NewThreads) -> None:
    train_many_by(monkeypatch, 3)
    wanted = [bits(fnn.train(start, X, Y, eta=0.1, epochs=2)) for start in networks(3, 4, 5)]
    start = threading.Thread.start

    def allow(some: int) -> Callable[[threading.Thread], None]:
        started: list[threading.Thread] = []

        def starting(thread: threading.Thread) -> None:
            if len(started) == some:
                raise RuntimeError("can't start new thread")
            started.append(thread)
            start(thread)

        return starting

    for some in (0, 1, 2):
        with monkeypatch.context() as patch:
            patch.setattr(threading.Thread, "start", allow(some))
            assert [bits(run) for run in fnn.train_many(networks(3, 4, 5), X, Y, eta=0.1, epochs=2)] == wanted
        assert not new_threads()


@pytest.mark.skipif(sys.platform == "win32", reason="needs POSIX signals")
def test_an_interrupt_ends_it_soon() -> None:
    code = (
        "import fnn, signal, sys, threading\n"
        "signal.signal(signal.SIGINT, signal.default_int_handler)\n"  # it may be ignored where the tests run
        "params = [fnn.init((3, 50, 2), seed=i) for i in range(5)]\n"
        "fnn.train_many(params, [[1, 2, 3]] * 50, [[0, 1]] * 50, eta=0.1, epochs=2)\n"
        "print('ready', flush=True)\n"
        "try:\n"
        "    fnn.train_many(params, [[1, 2, 3]] * 50, [[0, 1]] * 50, eta=1e-9, epochs=10**8, threads=2)\n"
        "except KeyboardInterrupt:\n"
        "    sys.exit(threading.active_count())\n"
    )
    root = os.path.dirname(os.path.dirname(fnn.__file__))
    with subprocess.Popen([sys.executable, "-c", code], cwd=root, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            assert process.stdout.readline() == "ready\n"
            time.sleep(0.5)
            process.send_signal(signal.SIGINT)
            began = time.perf_counter()
            assert process.wait(30) == 1
        finally:
            process.kill()
    assert time.perf_counter() - began < 10  # 0.1 s on an idle machine


def test_it_takes_what_train_takes() -> None:
    one, many = (inspect.signature(function).parameters for function in (fnn.train, fnn.train_many))

    shared = [name for name in one if name not in ("shards", "comm", "total_cases")]
    assert [*shared, "executor"] == list(many)
    assert all(many[name].default == one[name].default for name in shared)


def test_callbacks_that_come_one_by_one_are_for_all_networks() -> None:
    epochs: list[int] = []
    once: Any = iter([fnn.each_epoch(lambda epoch, params, record: epochs.append(epoch))])
    fnn.train_many(networks(3, 3, 3), X, Y, eta=0.1, epochs=2, callbacks=once, threads=1)

    assert epochs == [1, 2] * 3
    values: list[Any] = [None, fnn.each_epoch(print), 3]
    for wrong in values:
        with pytest.raises(TypeError, match=r"^network 0: callbacks: needs a sequence such as"):
            fnn.train_many(networks(3), X, Y, eta=0.1, epochs=1, callbacks=wrong)


@pytest.mark.parametrize("own", ["no", "cases", "each"])
def test_a_validation_set_of_all_is_converted_once(own: str, monkeypatch: pytest.MonkeyPatch) -> None:
    x: Any = {"no": X, "cases": fnn.Cases(X, Y), "each": fnn.Each([X, fnn.Cases(X, Y)])}[own]
    y: Any = {"no": Y, "cases": None, "each": fnn.Each([Y, None])}[own]
    tasks: list[Task[Any]] = []

    def begin_and_keep(task: Task[Any], tuner: Any) -> Loop[Any]:
        tasks.append(task)

        return begin(task, tuner)

    monkeypatch.setattr(network_pool, "begin", begin_and_keep)
    fnn.train_many(networks(3, 3), x, y, eta=0.1, epochs=1, validation=(X[:9].tolist(), Y[:9]))

    assert tasks[0].held_out is not None
    assert tasks[0].held_out.x is tasks[1].held_out.x  # type: ignore[union-attr]


def test_a_limit_beyond_the_dtype_is_refused_before_any_network_is_trained() -> None:
    called: list[int] = []
    params = [*networks(3), *networks(3, dtype=np.float32)]
    counting: Any = [fnn.each_epoch(lambda epoch, params, record: called.append(epoch))]
    with pytest.raises(ValueError, match=r"^network 1: clip: "):
        fnn.train_many(params, X, Y, optimizer=fnn.adam(clip=1e-60), epochs=1, callbacks=counting)

    assert called == []


def test_batches_are_refused_as_by_train() -> None:
    with pytest.raises(TypeError, match=r"^y: an iterable of batches has its own targets"):
        fnn.train_many(networks(3), iter([X]), Y, eta=0.1, epochs=1)  # type: ignore[arg-type]


SWEEP: dict[str, Any] = dict(
    optimizer=fnn.adam(fnn.cosine(1e-2, steps=120)), epochs=fnn.Each([8, 24, 16, 24]), batch_size=8,
    validation=fnn.Each([None, 0.2, (X[:9], Y[:9]), 0.1]), regularization=fnn.Regularization(dropout=0.2),
    stopping=fnn.Each([None, None, fnn.Stopping(patience=3, restore_best=True), None]), seed=fnn.Each([3, 1, 4, 1]),
)  # fmt: skip
STARTS = [*networks(5, 9, 30), *networks(7, dtype=np.float32)]


def is_killed(rules: fnn.Checkpoint, network: int, epoch: int) -> bool:
    """Train a sweep in a process that is killed after an epoch of one network."""

    def kill(now: int, params: object, record: object) -> None:
        if now == epoch:
            os.kill(os.getpid(), signal.SIGKILL)

    callbacks: list[Any] = [[fnn.each_epoch(kill)] if i == network else [] for i in range(len(STARTS))]

    return not in_child(
        lambda: fnn.train_many(STARTS, X, Y, checkpoint=rules, threads=2, callbacks=fnn.Each(callbacks), **SWEEP), None
    )


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs os.fork")
@pytest.mark.parametrize("seconds", [0.0, None])
def test_a_sweep_that_is_killed_goes_on_to_the_bit(
    seconds: float | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    train_many_by(monkeypatch, 2)
    alone = [bits(run) for run in fnn.train_many(STARTS, X, Y, **SWEEP)]
    rules = fnn.Checkpoint(tmp_path / "of" / "sweep", seconds=seconds)

    assert is_killed(rules, 1, 12)
    is_killed(rules, 3, 20)  # unless it had ended by then
    is_killed(rules, 0, 6)
    assert [bits(run) for run in fnn.train_many(STARTS, X, Y, checkpoint=rules, **SWEEP)] == alone
    assert sorted(os.listdir(rules.path)) == ["0.npz", "1.npz", "2.npz", "3.npz"]

    called: list[int] = []
    noting: list[Any] = [fnn.each_epoch(lambda epoch, params, record: called.append(epoch))]
    again = fnn.train_many(STARTS, X, Y, checkpoint=rules, callbacks=noting, **SWEEP)
    assert [bits(run) for run in again] == alone
    assert called == []  # what had ended isn't trained again


def test_a_sweep_goes_on_where_each_network_was(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    called: list[int] = []

    def move_and_fail(epoch: int, params: object, record: object) -> None:
        os.chdir("/")
        called.append(epoch)
        if called == [1, 2, 3, 4, 5, 1, 2]:
            raise LookupError

    def until(last: int, path: Path = tmp_path / "a", **more: Any) -> list[fnn.Run[Any]]:
        noting: list[Any] = [fnn.each_epoch(move_and_fail)]
        given: dict[str, Any] = {"eta": 0.1, "epochs": last, "threads": 1, "callbacks": noting}
        return fnn.train_many(networks(3, 4), X, Y, checkpoint=fnn.Checkpoint(path, seconds=0), **given, **more)

    with pytest.raises(LookupError):
        until(5, Path("a"))
    with pytest.raises(ValueError, match=r"a/0\.npz is of a run with seed 0, this one has 1") as refused:
        until(5, seed=fnn.Each([1, 0]))
    assert refused.value.__notes__ == ["in network 0"]
    runs = until(5)
    assert called[7:] == [2, 3, 4, 5]  # the second network alone, from the callback that failed on
    more = until(7)
    assert called[11:] == [6, 7, 6, 7]
    for last, found in ((5, runs), (7, more)):
        alone = fnn.train_many(networks(3, 4), X, Y, eta=0.1, epochs=last)
        assert [bits(run) for run in found] == [bits(run) for run in alone]


def test_a_checkpoint_of_many_needs_a_folder(tmp_path: Path) -> None:
    given: dict[str, Any] = dict(eta=0.1, epochs=1)
    (tmp_path / "file").write_text("mine")
    with pytest.raises(
        NotADirectoryError, match=r"^checkpoint: needs a folder, for a file of each network, got .*file"
    ):
        fnn.train_many(networks(3), X, Y, checkpoint=tmp_path / "file", **given)
    assert (tmp_path / "file").read_text() == "mine"
    for wrong in (True, fnn.Each(["a"])):
        with pytest.raises(TypeError, match=r"^checkpoint: needs a path or an fnn\.Checkpoint, got "):
            fnn.train_many(networks(3), X, Y, checkpoint=wrong, **given)  # type: ignore[arg-type] # what is refused
    with pytest.raises(ValueError, match="epochs: "):
        fnn.train_many(networks(3), X, Y, checkpoint=tmp_path / "new", eta=0.1, epochs=-1)
    assert os.listdir(tmp_path) == ["file"]


def test_one_that_diverged_does_so_again(tmp_path: Path) -> None:
    params = [fnn.init((3, 4, 2), seed=i, output=fnn.identity) for i in range(2)]
    found = []
    for _ in range(2):
        with pytest.raises(fnn.SomeDiverged) as caught:
            fnn.train_many(params, X, Y, eta=fnn.Each([1e-3, 1e6]), epochs=30, batch_size=8, checkpoint=tmp_path)
        found.append([(outcome.params, len(outcome.history)) for outcome in caught.value.outcomes])

    assert found[0] == found[1]
    assert found[0][0][1] == 30
