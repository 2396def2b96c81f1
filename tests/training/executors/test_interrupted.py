"""Ctrl-C while workers train: what they have is kept."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]


@pytest.mark.skipif(sys.platform == "win32", reason="needs POSIX signals")
@pytest.mark.parametrize("to_all", [False, True])
def test_what_workers_have_is_kept(to_all: bool, tmp_path: Path) -> None:
    command = [sys.executable, "-m", "tests.training.executors.interrupted"]
    environment = {**os.environ, "TMPDIR": str(tmp_path)}
    with subprocess.Popen(
        command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, text=True, start_new_session=True
    ) as process:
        try:
            assert process.stdout is not None
            assert sorted(process.stdout.readline() for _ in range(4)) == ["ended\n"] * 3 + ["ready\n"]
            time.sleep(0.5)  # until one worker has nothing to do
            began = time.perf_counter()
            (os.killpg if to_all else os.kill)(process.pid, signal.SIGINT)  # a terminal sends it to all
            outcomes, children = process.stdout.readlines()
            assert process.wait(30) == 0
        finally:
            process.kill()
    found = json.loads(outcomes)

    assert time.perf_counter() - began < 10  # 0.2 s on an idle machine
    assert [ending for ending, _ in found] == ["callback", "interrupted", "callback", "callback"]
    assert found[1][1] > 3
    assert int(children) == 0
    assert [path.name for path in tmp_path.iterdir() if path.suffix == ".shared"] == []
