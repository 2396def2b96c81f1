"""The progress bar: on a terminal only, and only where tqdm is. Each run is a process of its own."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

import fnn

pty, termios = pytest.importorskip("pty"), pytest.importorskip("termios")

ROOT = Path(fnn.__file__).parents[1]
TRAIN = """
import sys
{before}
import fnn, time
params = fnn.init((1, 1), seed=0)
run = fnn.train(params, [[1.0]], [[0.5]], eta=0.1, epochs={epochs}, progress={progress},
                callback=lambda *_: time.sleep({pause}))
print("error", run.history.error[-1])
"""
WITHOUT_TQDM = "sys.modules['tqdm'] = None"


def script(before: str = "", epochs: int = 3, progress: object = None, pause: float = 0.0) -> list[str]:
    code = TRAIN.format(before=before, epochs=epochs, progress=progress, pause=pause)

    return [sys.executable, "-W", "error", "-c", code]


def piped(command: list[str]) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False, timeout=120)


def on_a_terminal(command: list[str]) -> tuple[str, int]:
    """What a process writes to standard error if that is a terminal, and its exit status."""
    master, slave = pty.openpty()
    termios.tcsetwinsize(slave, (24, 80))
    process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=slave)
    os.close(slave)
    seen = b""
    while True:
        try:
            chunk = os.read(master, 4096)
        except OSError:  # the other end is closed
            break
        if not chunk:
            break
        seen += chunk
    os.close(master)
    assert process.stdout is not None
    process.stdout.close()

    return seen.decode(), process.wait(120)


def test_nothing_is_printed_where_nobody_watches() -> None:
    done = piped(script(pause=0.6))

    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("error")


def test_a_long_run_on_a_terminal_shows_a_bar() -> None:
    pytest.importorskip("tqdm")
    seen, status = on_a_terminal(script(epochs=8, pause=0.3))

    assert status == 0, seen
    assert "/8 [" in seen
    assert "epoch" in seen
    assert "error 0.0" in seen
    assert seen.endswith("\r")  # and takes it away


def test_a_short_run_on_a_terminal_shows_none() -> None:
    seen, status = on_a_terminal(script())

    assert (status, seen.strip()) == (0, "")


@pytest.mark.parametrize("progress", [False, None])
def test_no_bar_on_a_terminal_without_tqdm_or_if_unwanted(progress: bool | None) -> None:
    before = WITHOUT_TQDM if progress is None else ""
    seen, status = on_a_terminal(script(before, epochs=4, pause=0.4, progress=progress))

    assert (status, seen) == (0, "")


def test_a_wanted_bar_is_shown_anywhere() -> None:
    pytest.importorskip("tqdm")
    done = piped(script(epochs=8, pause=0.3, progress=True))

    assert done.returncode == 0
    assert "/8 [" in done.stderr


def test_a_wanted_bar_needs_tqdm() -> None:
    done = piped(script(WITHOUT_TQDM, progress=True))

    assert done.returncode == 1
    assert done.stderr.strip().endswith("ImportError: progress=True needs tqdm: pip install 'fnn[progress]'")
    assert done.stdout == ""


def test_the_bar_is_taken_away_if_the_run_fails() -> None:
    pytest.importorskip("tqdm")
    command = script(epochs=8, pause=0.3)
    command[-1] = command[-1].replace("time.sleep(0.3)", "(time.sleep(0.4), 1 / (5 - _[0]))")
    seen, status = on_a_terminal(command)

    assert status == 1
    assert "/8 [" in seen
    assert seen.rfind("Traceback") > seen.rfind("/8 [")
