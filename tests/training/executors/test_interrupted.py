"""Ctrl-C while workers train: what they have is kept; and what they do when the process that started them is killed."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="needs POSIX signals")


@contextmanager
def sweep(folder: Path, kind: str = "forkserver") -> Iterator[tuple[subprocess.Popen[str], int]]:
    """A process whose sweep has one network left, and the worker that trains it."""
    command = [sys.executable, "-m", "tests.training.executors.interrupted", kind]
    environment = {**os.environ, "TMPDIR": str(folder)}
    with subprocess.Popen(
        command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, text=True, start_new_session=True
    ) as process:
        try:
            assert process.stdout is not None
            *ended, ready = sorted(process.stdout.readline() for _ in range(4))
            assert ended == ["ended\n"] * 3
            time.sleep(0.5)  # until one worker has nothing to do
            yield process, int(ready.removeprefix("ready "))
        finally:
            os.killpg(process.pid, signal.SIGKILL)  # all have the session of the first


@pytest.mark.parametrize("to_all", [False, True])
def test_what_workers_have_is_kept(to_all: bool, tmp_path: Path) -> None:
    with sweep(tmp_path) as (process, _):
        assert process.stdout is not None
        began = time.perf_counter()
        (os.killpg if to_all else os.kill)(process.pid, signal.SIGINT)  # a terminal sends it to all
        outcomes, children = process.stdout.readlines()
        seconds = time.perf_counter() - began
        files = [path.name for path in tmp_path.iterdir() if path.suffix == ".shared"]
    found = json.loads(outcomes)

    assert seconds < 10  # 0.2 s on an idle machine
    assert [ending for ending, _ in found] == ["callback", "interrupted", "callback", "callback"]
    assert found[1][1] > 3
    assert (int(children), files) == (0, [])


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="needs /proc")
@pytest.mark.parametrize("kind", ["forkserver", "fork"])
def test_workers_of_a_process_that_is_killed_stop(kind: str, tmp_path: Path) -> None:
    with sweep(tmp_path, kind) as (process, worker):
        before = processor_time(worker)
        time.sleep(0.5)
        assert processor_time(worker) > before  # it trains
        os.kill(process.pid, signal.SIGKILL)
        deadline = time.perf_counter() + 20
        while before != (before := processor_time(worker)):
            assert time.perf_counter() < deadline
            time.sleep(1)


def processor_time(process: int) -> int:
    """Ticks that a process has run; −1 if it has ended."""
    try:
        fields = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
    except FileNotFoundError:
        return -1

    return int(fields[11]) + int(fields[12])
