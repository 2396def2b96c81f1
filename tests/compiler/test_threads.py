"""The library used from several threads at once, and in a forked child."""

import math
import os
import signal
import subprocess
import sys
import threading
import time
import traceback
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from llvmlite import binding

import fnn
from fnn.boundary.extras import importing
from fnn.compiler import threads as threads_module
from fnn.compiler.internals import global_compiler_lock
from fnn.compiler.threads import available, cpu_quota, pin_apart, run_in_threads
from fnn.training import evaluator
from fnn.training.executors.threads import NetworkPool
from tests.conftest import NewThreads
from tests.paces import processors
from tests.problems import problem

pytestmark = pytest.mark.usefixtures("exact_threads")

PROBLEMS = [
    problem(seed, (5, 20, 3), (fnn.tanh,), fnn.identity, fnn.squared_error, count, dtype=dtype)
    for seed, (count, dtype) in enumerate([(10, np.float32), (100, np.float64), (300, np.float32), (600, np.float64)])
]


def work(i: int, threads: int | None) -> bytes:
    """The bits that all kinds of calls return."""
    p = PROBLEMS[i % len(PROBLEMS)]
    run = fnn.train(p.params, p.x, p.y, eta=1e-3, epochs=3, batch_size=32, seed=i, threads=threads)
    t = fnn.backprop(p.params, p.x, p.y)
    arrays = [run.params.flat, run.history.error, t.grads.flat, t.dE_da[0], fnn.forward(p.params, p.x)]

    return b"".join(array.tobytes() for array in arrays)


@pytest.mark.parametrize("threads", [1, 2])
def test_concurrent_callers_get_the_same_bits(threads: int) -> None:
    expected = [work(i, 1) for i in range(40)]
    with ThreadPoolExecutor(6) as pool:
        assert list(pool.map(lambda i: work(i, threads), range(40))) == expected


def test_concurrent_first_calls_compile_each_kernel_once() -> None:
    code = (
        "from tests.compiler.test_threads import *\n"
        "with ThreadPoolExecutor(8) as pool:\n"
        "    results = list(pool.map(lambda i: work(i % 4, 1), range(16)))\n"
        "assert results == [work(i % 4, 1) for i in range(16)]\n"
        "from fnn.equations.kernels.forward import forward_kernel as k\n"
        "assert [len(d.signatures) for d in k._compiled.values()] == [1, 1]\n"
    )
    run_python(code)


def run_python(code: str) -> None:
    root = os.path.dirname(os.path.dirname(fnn.__file__))
    command = [sys.executable, "-W", "error", "-c", code]
    done = subprocess.run(command, cwd=root, capture_output=True, text=True, check=False, timeout=300)
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs os.fork")
@pytest.mark.parametrize("threads", [1, 3])
def test_a_forked_child(threads: int, new_threads: NewThreads) -> None:
    expected = [work(i, 1) for i in range(4)]
    work(3, threads)  # the parent has had threads of its own, which are gone by now
    assert not new_threads()
    child = os.fork()
    if child == 0:
        status = 1
        try:
            status = 0 if [work(i, threads) for i in range(4)] == expected else 2
        except BaseException:
            traceback.print_exc()
        finally:
            os._exit(status)

    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs os.fork")
@pytest.mark.parametrize(
    "lock", [global_compiler_lock, binding.ffi.lib._lock, importing], ids=["Numba's", "llvmlite's", "extras"]
)
def test_a_fork_waits_for_a_thread_that_compiles_or_imports(lock: Any) -> None:
    entered = threading.Event()

    def hold() -> None:
        with lock:
            entered.set()
            time.sleep(0.2)

    thread = threading.Thread(target=hold)
    thread.start()
    entered.wait()
    child = os.fork()
    if child == 0:
        signal.alarm(30)  # ends it
        with lock, global_compiler_lock:
            found = binding.address_of_symbol("a name that LLVM doesn't have")
        os._exit(0 if found is None else 1)
    thread.join()

    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    with lock:  # both are free again
        pass


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs os.fork")
def test_a_child_that_is_forked_beside_threads_has_imported_everything() -> None:
    run_python(
        "import os, sys, threading, fnn\n"
        "later = {'fnn.njit', *fnn._LATER.values()}\n"
        "assert not later & set(sys.modules)\n"
        "def forked():\n"
        "    child = os.fork()\n"
        "    if child == 0:\n"
        "        os._exit(len(later - set(sys.modules)))\n"
        "    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])\n"
        "assert forked() == len(later)\n"  # alone: nothing is imported that might not be needed
        "done = threading.Event()\n"
        "thread = threading.Thread(target=done.wait)\n"
        "thread.start()\n"
        "assert forked() == 0\n"
        "done.set()\n"
    )


@pytest.mark.parametrize("parts", [1, 2, 3, 8])
def test_all_parts_run_at_once_in_threads_of_their_own(parts: int, new_threads: NewThreads) -> None:
    together = threading.Barrier(parts)
    calls: list[tuple[int, int, str]] = []

    def part(number: int, of: int) -> None:
        together.wait(30)
        calls.append((number, of, threading.current_thread().name))

    run_in_threads(part, parts)

    assert sorted(number for number, _, _ in calls) == list(range(parts))
    assert {of for _, of, _ in calls} == {parts}
    assert len({name for _, _, name in calls}) == parts
    assert (threading.current_thread().name in {name for _, _, name in calls}) == (parts == 1)
    assert not new_threads()


@pytest.mark.parametrize("refused", [1, 2, 3])
def test_one_part_does_the_work_if_a_thread_is_refused(
    monkeypatch: pytest.MonkeyPatch, refused: int, new_threads: NewThreads
) -> None:
    start, started = threading.Thread.start, []

    def refusing(thread: threading.Thread) -> None:
        started.append(thread)
        if len(started) == refused:
            raise RuntimeError("can't start new thread")
        start(thread)

    monkeypatch.setattr(threading.Thread, "start", refusing)
    calls: list[tuple[int, int]] = []
    run_in_threads(lambda number, parts: calls.append((number, parts)), 4)

    assert calls == [(0, 1)]
    assert not new_threads()


def test_training_if_threads_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    expected = work(2, 1)

    def refusing(thread: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(threading.Thread, "start", refusing)
    assert work(2, 4) == expected


@pytest.mark.parametrize("threads, most", [(1, 1), (2, 2), (None, 3), (9, 3)])
def test_validation_takes_no_more_threads_than_allowed(
    monkeypatch: pytest.MonkeyPatch, threads: int | None, most: int
) -> None:
    calls: list[int] = []

    def counting(part: Callable[[int, int], None], parts: int) -> None:
        calls.append(parts)
        run_in_threads(part, parts)

    for name, value in (("available", processors(3)), ("WORTH_THREADS", 1), ("run_in_threads", counting)):
        monkeypatch.setattr(evaluator, name, value)
    p = problem(8, (5, 20, 3), (fnn.tanh,), fnn.softmax, fnn.cross_entropy, 300, labelled=True)
    run = fnn.train(p.params, p.x, p.y, eta=1e-3, epochs=2, loss=p.loss, validation=(p.x, p.y), threads=threads)

    assert calls == [most] * 2  # after each epoch
    assert run.history.validation_accuracy is not None
    assert run.history.validation_accuracy[-1] == fnn.accuracy(run.params, p.x, p.y)


@pytest.mark.parametrize("threads, expected", [(None, [3]), (1, [1]), (2, [2]), (np.int8(9), [9])])
def test_forward_takes_no_more_threads_than_allowed(
    monkeypatch: pytest.MonkeyPatch, threads: int | None, expected: list[int]
) -> None:
    calls: list[int] = []

    def counting(part: Callable[[int, int], None], parts: int) -> None:
        calls.append(parts)
        run_in_threads(part, parts)

    module = sys.modules[fnn.forward.__module__]
    p = problem(8, (5, 20, 3), (fnn.tanh,), fnn.softmax, fnn.cross_entropy, 600)
    a = fnn.forward(p.params, p.x)
    for name, value in (("available", processors(3)), ("WORTH_THREADS", 1), ("run_in_threads", counting)):
        monkeypatch.setattr(module, name, value)

    np.testing.assert_array_equal(fnn.forward(p.params, p.x, threads=threads), a)
    assert calls == expected


def test_available_counts_the_processors_of_this_process() -> None:
    assert 1 <= available() <= (os.cpu_count() or 1)


@pytest.fixture
def eight_processors(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """A process that may use eight, without any limit."""
    for name in ("NUMBA_NUM_THREADS", "OMP_NUM_THREADS", "OMP_THREAD_LIMIT"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(8)), raising=False)
    monkeypatch.setattr(threads_module, "cpu_quota", lambda: math.inf)

    return monkeypatch


@pytest.mark.parametrize(
    "environment, quota, most",
    [
        ({}, math.inf, 8),
        ({"NUMBA_NUM_THREADS": "1"}, math.inf, 1),
        ({"OMP_NUM_THREADS": "2"}, math.inf, 2),
        ({"OMP_NUM_THREADS": " 3, 2"}, math.inf, 3),  # by level of nesting
        ({"OMP_THREAD_LIMIT": "4"}, math.inf, 4),
        ({"OMP_NUM_THREADS": "4", "NUMBA_NUM_THREADS": "3"}, 2.0, 2),
        ({"OMP_NUM_THREADS": "64"}, math.inf, 8),
        ({"OMP_NUM_THREADS": ""}, 2.5, 2),
        ({"OMP_NUM_THREADS": "0", "NUMBA_NUM_THREADS": "many"}, 0.25, 1),
    ],
)
def test_available_is_no_more_than_any_limit(
    eight_processors: pytest.MonkeyPatch, environment: dict[str, str], quota: float, most: int
) -> None:
    for name, value in environment.items():
        eight_processors.setenv(name, value)
    eight_processors.setattr(threads_module, "cpu_quota", lambda: quota)

    assert available() == most
    assert [available(threads) for threads in (1, 5, 9)] == [1, 5, 8]  # as told


@pytest.mark.parametrize(
    "groups, files, quota",
    [
        ("0::/\n", {"cpu.max": "150000 100000\n"}, 1.5),
        ("0::/\n", {"cpu.max": "max 100000\n"}, math.inf),
        ("0::/\n", {}, math.inf),
        ("0::/a/b\n", {"a/cpu.max": "200000 100000", "a/b/cpu.max": "max 100000"}, 2.0),  # of an ancestor
        ("0::/a/b\n", {"a/cpu.max": "200000 100000", "a/b/cpu.max": "50000 100000"}, 0.5),
        ("0::/../a\n", {"cpu.max": "200000 50000"}, 4.0),  # outside of the namespace
        ("0::/a:b\n", {"a:b/cpu.max": "100000 100000"}, 1.0),
        ("1:cpu:/a\n0::/\n", {"cpu/a/cpu.cfs_quota_us": "300000\n", "cpu/a/cpu.cfs_period_us": "100000\n"}, 3.0),
        ("1:cpu:/a\n", {"cpu/cpu.cfs_quota_us": "300000", "cpu/cpu.cfs_period_us": "200000"}, 1.5),
        ("1:cpu:/\n", {"cpu/cpu.cfs_quota_us": "-1\n", "cpu/cpu.cfs_period_us": "100000\n"}, math.inf),
        ("4:cpu,cpuacct:/\n", {"cpu,cpuacct/cpu.cfs_quota_us": "5", "cpu,cpuacct/cpu.cfs_period_us": "1"}, 5.0),
        ("2:cpuset:/\n", {"cpuset/cpu.cfs_quota_us": "5", "cpuset/cpu.cfs_period_us": "1"}, math.inf),
        ("no line of groups\n", {"cpu.max": "1 1"}, math.inf),
    ],
)
def test_quota_of_the_control_groups(tmp_path: Path, groups: str, files: dict[str, str], quota: float) -> None:
    for name, text in files.items():
        (tmp_path / "root" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "root" / name).write_text(text, encoding="utf-8")
    (tmp_path / "own").write_text(groups, encoding="utf-8")

    assert cpu_quota(tmp_path / "own", tmp_path / "root") == quota
    assert cpu_quota(tmp_path / "absent", tmp_path / "root") == math.inf


def test_training_takes_no_more_threads_than_the_environment_allows(eight_processors: pytest.MonkeyPatch) -> None:
    eight_processors.setenv("OMP_NUM_THREADS", "1")
    many = sys.modules[fnn.train_many.__module__]
    pools: list[int] = []

    def pool(tasks: Any, most: int) -> NetworkPool[Any]:
        pools.append(most)

        return NetworkPool(tasks, 1)

    eight_processors.setattr(many, "NetworkPool", pool)
    p = PROBLEMS[1]
    for threads in (None, 3):
        fnn.train_many([p.params] * 2, p.x, p.y, eta=1e-3, epochs=1, threads=threads)

    assert pools == [1, 3]


@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="needs os.sched_setaffinity")
def test_more_threads_than_processors() -> None:
    # Parts wait for each other on one processor: slow, but neither a deadlock nor another result.
    expected = work(1, 1)
    allowed = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {min(allowed)})
    try:
        assert available() == 1
        assert work(1, 8) == expected
    finally:
        os.sched_setaffinity(0, allowed)


def test_a_kernel_releases_the_interpreters_lock() -> None:
    p = problem(9, (50, 200, 50), (fnn.tanh,), fnn.identity, fnn.squared_error, 500)
    ticks = 0
    done = threading.Event()

    def tick() -> None:
        nonlocal ticks
        while not done.wait(0.001):
            ticks += 1

    thread = threading.Thread(target=tick)
    thread.start()
    try:
        fnn.train(p.params, p.x, p.y, eta=1e-6, epochs=40, threads=1)
    finally:
        done.set()
        thread.join()
    assert ticks > 10


@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="needs os.sched_setaffinity")
def test_a_thread_moves_away_from_a_taken_processor_and_may_return() -> None:
    allowed = os.sched_getaffinity(0)
    for left in allowed:
        busy = allowed - {left}
        pin_apart(busy)
        assert busy == os.sched_getaffinity(0) == allowed
    pin_apart(busy)
    assert busy == os.sched_getaffinity(0) == allowed


@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="needs os.sched_setaffinity")
@pytest.mark.parametrize("refused", [False, True])
def test_threads_on_one_processor_are_moved_apart(monkeypatch: pytest.MonkeyPatch, refused: bool) -> None:
    moves: list[set[int]] = []
    busy: set[int] = set()

    def move(_: int, to: set[int]) -> None:
        assert refused or to == {0, 2, 3} or to <= busy  # busy before the thread moves
        moves.append(set(to))
        if refused:
            raise OSError

    monkeypatch.setattr(threads_module, "_processor", lambda: 2)
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {0, 2, 3})
    monkeypatch.setattr(os, "sched_setaffinity", move)
    for _ in range(4):
        pin_apart(busy)

    assert busy == {0, 2, 3}
    assert moves == ([{0}, {3}] if refused else [{0}, {0, 2, 3}, {3}, {0, 2, 3}])


def test_the_error_of_a_part_is_raised() -> None:
    def part(number: int, parts: int) -> None:
        if number == 1:
            raise MemoryError("no room")

    with pytest.raises(MemoryError, match="no room"):
        run_in_threads(part, 3)
