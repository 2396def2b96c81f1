"""fnn among other threads and processes: under each of Numba's threading layers, in pools, and in forked children."""

from __future__ import annotations

import multiprocessing
import os
import subprocess
import sys
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from tests.concurrency.__main__ import LAYERS, hammer
from tests.concurrency.work import JOBS, bits, take_threads

ROOT = Path(__file__).parents[1]
SOME = range(len(JOBS))  # one job of each kind
LONG = 300.0  # seconds, after which something is stuck


@pytest.mark.parametrize("layer", LAYERS)
def test_threads_under_each_threading_layer(layer: str) -> None:
    found = hammer(layer, 6, 0.7)
    if found.get("failed", "") is None:
        pytest.skip(f"the threading layer {layer} isn't installed, or where the loader doesn't look")

    assert "failed" not in found, found["failed"]
    assert (found["layer"], found["different"]) == (layer, 0)
    assert min(found["calls"].values()) > 0


def run_python(code: str, **environment: str) -> None:
    """Run a program at the top of the project."""
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, env=os.environ | environment, capture_output=True, text=True,
        check=False, timeout=LONG,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr


FORKED = """
import os, signal, threading
from tests.concurrency.work import *

wanted = [bits(number) for number in range(len(JOBS))]
{before}
take_threads()
done = threading.Event()

def busy():
    while not done.is_set():
        assert [bits(number) for number in range(len(JOBS))] == wanted

threads = [threading.Thread(target=busy) for _ in range(3)]
for thread in threads:
    thread.start()
for _ in range(5):
    child = os.fork()
    if child == 0:
        status = 3
        try:
            signal.alarm(60)
            status = 0 if [bits(number) for number in range(len(JOBS))] == wanted else 2
        finally:
            os._exit(status)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
done.set()
for thread in threads:
    thread.join()
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs os.fork")
@pytest.mark.parametrize("layer", ["workqueue", "omp"])
def test_children_forked_while_other_threads_train(layer: str) -> None:
    # Under omp a forked child that runs parallel code of a user's is ended by Numba; fnn's threads are no part of that.
    run_python(FORKED.format(before="user_bits(0)"), NUMBA_THREADING_LAYER=layer)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs os.fork")
def test_a_fork_waits_for_the_imports_of_first_calls() -> None:
    # A child could never import what another thread was importing; Numba's first look at an array imports numpy.ma.
    run_python(
        "import os, sys, threading\n"
        "import fnn\n"
        "threading.Thread(target=threading.Event().wait, daemon=True).start()\n"
        "child = os.fork()\n"
        "if child == 0:\n"
        "    os._exit(0 if 'numpy.ma' in sys.modules else 2)\n"
        "assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0\n"
    )


def started(method: str) -> Any:
    """How a pool starts its processes."""
    if method not in multiprocessing.get_all_start_methods():
        pytest.skip(f"this system has no {method}")

    return multiprocessing.get_context(method)


def bits_of_all(numbers: range) -> list[bytes]:
    """All jobs, in a process of a pool."""
    take_threads()

    return [bits(number) for number in numbers]


@pytest.mark.parametrize("method", ["fork", "spawn", "forkserver"])
def test_a_pool_of_processes(method: str) -> None:
    wanted = [bits(number) for number in SOME]
    with ProcessPoolExecutor(2, mp_context=started(method)) as pool:
        for found in [pool.submit(bits_of_all, SOME) for _ in range(2)]:
            assert found.result(LONG) == wanted


def test_multiprocessing_with_networks_as_arguments_and_results() -> None:
    import fnn

    params = [fnn.init((3, n, 1), seed=n) for n in (2, 5, 9)]
    x, y = [[0.0, 1.0, 0.5], [1.0, 0.0, 0.5]], [[0.0], [1.0]]
    with started("spawn").Pool(2) as pool:
        runs = pool.starmap_async(trained, [(start, x, y) for start in params]).get(LONG)

    for start, run in zip(params, runs, strict=True):
        alone = trained(start, x, y)
        assert run.params == alone.params
        assert run.state.vectors == alone.state.vectors
        assert run.history.error.tobytes() == alone.history.error.tobytes()


def trained(params: Any, x: Any, y: Any) -> Any:
    """In a process of its own."""
    import fnn

    return fnn.train(params, x, y, optimizer=fnn.adam(), epochs=3)


@pytest.mark.parametrize("backend", ["loky", "threading"])
def test_joblib(backend: str) -> None:
    pytest.importorskip("joblib", reason="joblib isn't installed, which scikit-learn brings along")
    run_python(  # in a process of its own, because loky's threads outlive the call
        "import joblib\n"
        "from tests.concurrency.work import *\n"
        "numbers = range(len(JOBS))\n"
        f"parallel = joblib.Parallel(n_jobs=2, backend={backend!r}, timeout={LONG})\n"
        "assert parallel(joblib.delayed(bits)(n) for n in numbers) == [bits(n) for n in numbers]\n"
    )
