"""`train_many` on processes: the same bits and errors as at home."""

from __future__ import annotations

import os
import pickle
import sys
import tempfile
from collections.abc import Iterator
from concurrent.futures import Executor, Future, ProcessPoolExecutor, ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import fnn
from fnn.training.executors.pool import chunks
from fnn.training.many import _tasks
from tests.training.executors import sweeps
from tests.training.executors.sweeps import X, Y, bits, networks


@pytest.fixture(scope="module")
def pool() -> Iterator[Executor]:
    with sweeps.processes() as executor:
        yield executor


@pytest.fixture(autouse=True)
def no_files_stay(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    folder = tmp_path_factory.mktemp("shared")
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    yield
    assert [name for name in os.listdir(folder) if name.endswith(".shared")] == []


def test_processes_train_to_the_same_bits(pool: Executor) -> None:
    assert sweeps.same_as_at_home(pool)


def test_workers_with_several_threads_train_to_the_same_bits(pool: Executor) -> None:
    x, y = np.tile(X, (100, 1)), np.tile(Y, (100, 1))
    params = [fnn.init((3, 64, 2), seed=i) for i in range(2)]
    given: dict[str, Any] = dict(eta=1e-3, epochs=9, reduction="mean")
    others: list[dict[str, Any]] = [{}, dict(threads=2, executor=pool)]
    home, there = (fnn.train_many(params, x, y, **given, **more) for more in others)

    assert [bits(run) for run in home] == [bits(run) for run in there]


def test_threads_train_to_the_same_bits() -> None:
    with ThreadPoolExecutor(2) as executor:
        assert sweeps.same_as_at_home(executor)


def test_workers_that_see_no_file_train_to_the_same_bits() -> None:
    with sweeps.processes(sweeps.hide_files) as executor:
        assert sweeps.same_as_at_home(executor)


@pytest.mark.skipif(sys.platform == "win32", reason="needs POSIX locks")
def test_workers_that_see_no_lock_train_to_the_same_bits() -> None:
    with sweeps.processes(sweeps.hide_locks) as executor:
        runs = fnn.train_many(networks(3), X, Y, eta=1e-3, epochs=5, executor=executor)

    assert [bits(run) for run in runs] == [bits(run) for run in fnn.train_many(networks(3), X, Y, eta=1e-3, epochs=5)]


def test_other_machines_get_the_cases_once_or_little_more() -> None:
    jobs: list[bool] = []

    class Counting(ThreadPoolExecutor):
        def submit(self, function: Any, /, *arguments: Any, **named: Any) -> Any:
            jobs.append(arguments[0].content is not None)
            return executor.submit(function, *arguments, **named)

    given: dict[str, Any] = dict(eta=1e-3, epochs=50, batch_size=1)
    with sweeps.processes(sweeps.hide_files) as executor, Counting() as counting:
        runs = fnn.train_many(networks(60), X, Y, **given, executor=counting)

    assert [bits(run) for run in runs] == [bits(run) for run in fnn.train_many(networks(60), X, Y, **given)]
    assert len(jobs) > 20
    assert 1 <= sum(jobs) <= 6


class Inline(Executor):
    """Trains in `submit`."""

    jobs = 0

    def submit(self, function: Any, /, *arguments: Any, **named: Any) -> Future[Any]:
        self.jobs += 1
        future: Future[Any] = Future()
        future.set_result(function(*arguments, **named))

        return future


def test_an_executor_that_trains_in_submit_ends_at_the_first_error() -> None:
    executor, given = Inline(), dict[str, Any](eta=1e-3, epochs=5)
    runs = fnn.train_many(networks(20), X, Y, **given, executor=executor)
    ended = executor.jobs
    with pytest.raises(LookupError, match="no such thing"):
        fnn.train_many(networks(20), X, Y, **given, callbacks=[fnn.each_epoch(sweeps.fail)], executor=executor)

    assert [bits(run) for run in runs] == [bits(run) for run in fnn.train_many(networks(20), X, Y, **given)]
    assert (ended > 1, executor.jobs) == (True, ended + 1)


def test_no_networks(pool: Executor) -> None:
    assert fnn.train_many([], X, Y, eta=0.1, epochs=1, executor=pool) == []


def test_a_sweep_goes_on_elsewhere(pool: Executor, tmp_path: Path) -> None:
    params, options = sweeps.all_kinds()
    started = fnn.Each([min(epochs, 2) for epochs in options["epochs"].values])
    options["optimizer"] = fnn.adam(1e-3)
    fnn.train_many(params, **{**options, "epochs": started}, checkpoint=tmp_path / "home")
    fnn.train_many(params, **{**options, "epochs": started}, checkpoint=tmp_path / "pool", executor=pool)
    alone = [bits(run) for run in fnn.train_many(params, **options)]

    assert alone == [
        bits(run) for run in fnn.train_many(params, **options, checkpoint=tmp_path / "home", executor=pool)
    ]
    assert alone == [bits(run) for run in fnn.train_many(params, **options, checkpoint=tmp_path / "pool")]
    assert sorted(os.listdir(tmp_path / "pool")) == [f"{i}.npz" for i in range(8)]


def test_one_that_diverges_costs_the_others_nothing(pool: Executor) -> None:
    found = []
    for executor in (None, pool):
        with pytest.raises(fnn.SomeDiverged, match=r"^2 of 4 networks diverged: 1, 3; ") as caught:
            fnn.train_many(networks(4), X, Y, eta=fnn.Each([1e-3, 1e6, 1e-3, 1e200]), epochs=30, executor=executor)
        found.append(caught.value.outcomes)

    for home, there in zip(*found, strict=True):
        if isinstance(home, fnn.TrainingDiverged):
            assert isinstance(there, fnn.TrainingDiverged)
            assert (home.epoch, home.params, str(home)) == (there.epoch, there.params, str(there))
        else:
            assert bits(home) == bits(there)


def test_a_callback_that_fails_ends_all(pool: Executor) -> None:
    callbacks: Any = fnn.Each([[], [fnn.each_epoch(sweeps.fail)], [], []])
    with pytest.raises(LookupError, match="no such thing") as caught:
        fnn.train_many(
            networks(4), X, Y, eta=1e-9, epochs=fnn.Each([10**9, 10**6, 1, 1]), callbacks=callbacks, executor=pool
        )
    assert caught.value.__notes__[1:] == ["in network 1"]
    assert "in fail" in str(caught.value.__cause__)  # the traceback in the worker
    run, outcomes = vars(caught.value)["run"], vars(caught.value)["outcomes"]
    assert run.params == fnn.train(networks(4)[1], X, Y, eta=1e-9, epochs=3).params
    assert outcomes[1] is None
    assert outcomes[0].stop_reason == "interrupted"  # it ran beside


def test_an_error_that_cannot_be_sent_is_told(pool: Executor) -> None:
    callbacks: Any = [fnn.each_epoch(sweeps.fail_oddly)]
    with pytest.raises(RuntimeError, match=r"^Unpicklable: 1 and 2") as caught:
        fnn.train_many(networks(1), X, Y, eta=0.1, epochs=2, callbacks=callbacks, executor=pool)
    assert len(vars(caught.value)["run"].history) == 1
    assert caught.value.__notes__[1:] == ["in network 0"]


def test_what_cannot_be_sent_is_named(pool: Executor, monkeypatch: pytest.MonkeyPatch) -> None:
    def closure(epoch: int, params: object, record: object) -> None: ...

    given: dict[str, Any] = dict(epochs=1, executor=pool)
    with pytest.raises(TypeError, match=r"^network 1: eta or optimizer: can't be sent to a worker .* no lambda"):
        fnn.train_many(networks(2), X, Y, eta=fnn.Each([0.1, lambda step: 0.1]), **given)
    with pytest.raises(TypeError, match=r"^network 1: callbacks: can't be sent to a worker"):
        fnn.train_many(networks(2), X, Y, eta=0.1, callbacks=[fnn.each_epoch(closure)], **given)
    with monkeypatch.context() as patch:
        patch.setattr(sweeps.rate, "__module__", "__main__")
        patch.setattr(sys.modules["__main__"], "rate", sweeps.rate, raising=False)
        with pytest.raises(TypeError, match=r"^eta or optimizer: a worker can't load it: .*'rate'.* no lambda"):
            fnn.train_many(networks(2), X, Y, eta=sweeps.rate, **given)


@pytest.mark.parametrize("wrong", [3, "processes", [ProcessPoolExecutor]])
def test_what_is_no_executor_is_refused(wrong: Any) -> None:
    made: Any = print
    with pytest.raises(TypeError, match=r"^executor: needs a concurrent\.futures\.Executor, or a function that makes"):
        fnn.train_many(networks(1), X, Y, eta=0.1, epochs=1, executor=wrong)
    with pytest.raises(TypeError, match=r"^executor: needs a function that makes a .*Executor, but it made, got None"):
        fnn.train_many(networks(1), X, Y, eta=0.1, epochs=1, executor=made)


def test_a_pool_that_was_shut_down_is_refused() -> None:
    with ThreadPoolExecutor(1) as executor:
        pass
    with pytest.raises(RuntimeError, match="shutdown") as caught:
        fnn.train_many(networks(1), X, Y, eta=0.1, epochs=1, executor=executor)
    assert any("given for executor" in note for note in caught.value.__notes__)


def test_an_error_of_the_function_that_makes_a_pool_says_so() -> None:
    with pytest.raises(ValueError, match="max_workers must be greater than 0") as caught:
        fnn.train_many(networks(1), X, Y, eta=0.1, epochs=1, executor=partial(ProcessPoolExecutor, 0))
    assert "raised by the function that was given for executor" in caught.value.__notes__


def test_the_bar_counts_networks(
    pool: Executor, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("fnn.training.progress._DELAY", 0.0)
    monkeypatch.setattr("fnn.training.progress._WRITTEN", 0.0)
    monkeypatch.setattr("fnn.training.progress._tqdm", _no_tqdm)
    fnn.train_many(networks(3), X, Y, eta=0.1, epochs=1, callbacks=[fnn.progress(True)], executor=pool)

    assert "3.0/3 networks" in capsys.readouterr().err


def _no_tqdm() -> Any:
    raise ImportError


def test_jobs_are_the_longest_first_and_ever_shorter() -> None:
    starts = [fnn.init((3, 1 + i % 7, 2), seed=i) for i in range(3000)]
    options: dict[str, Any] = dict.fromkeys(["optimizer", "regularization", "validation", "stopping", "state"])
    options |= dict(x=X, y=Y, eta=0.1, epochs=200, batch_size=4, seed=0, shuffle=True, first_epoch=0, callbacks=())
    tasks = _tasks(starts, options | dict(loss=fnn.squared_error, reduction="sum"), 1)
    jobs = chunks(tasks)
    works = [tasks[number].work(4) for job in jobs for number in job]

    assert sorted(number for job in jobs for number in job) == list(range(3000))
    assert works == sorted(works, reverse=True)
    assert len(jobs[0]) > 3 * len(jobs[-1])
    assert len(chunks(tasks, range(8))) >= 4  # short ones, but functions of the user may wait
    assert chunks(tasks, [5]) == [[5]]
    assert chunks(tasks, []) == []


def test_an_error_of_lost_networks_can_be_pickled() -> None:
    run = fnn.train(networks(1)[0], X, Y, eta=0.1, epochs=1)
    error = fnn.SomeLost([run, None, None], {1: ValueError("a"), 2: ValueError("b")}, [2], False)
    copied = pickle.loads(pickle.dumps(error))

    assert str(copied) == str(error)
    assert str(error).startswith("2 of 3 networks are lost, because workers died: 1, 2; ")
    assert (copied.lost.keys(), copied.suspects) == ({1, 2}, [2])
    assert np.array_equal(copied.outcomes[0].params.flat, run.params.flat)
