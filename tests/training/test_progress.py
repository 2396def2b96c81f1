"""The progress bar: on a terminal only, and only where tqdm is. Each run is a process of its own."""

import os
import re
import subprocess
import sys
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any, cast

import pytest

import fnn
from fnn.training.callbacks import Progress

pty, termios = pytest.importorskip("pty"), pytest.importorskip("termios")

ROOT = Path(fnn.__file__).parents[1]
TRAIN = """
import sys
{before}
import fnn, time
params = fnn.init((1, 1), seed=0)
run = fnn.train(params, [[1.0]] * 4, [[0.5]] * 4, eta=0.1, epochs={epochs}, batch_size=1,
                callbacks=[fnn.progress({progress}), {call}], validation=([[1.0]], [[3.0]]))
print("error", run.history.error[-1])
"""
WITHOUT_TQDM = "sys.modules['tqdm'] = None"


def script(
    before: str = "", epochs: int = 3, progress: object = None, pause: float = 0.0, call: str = "each_epoch"
) -> list[str]:
    function = f"lambda *_: time.sleep({pause})"
    call = f"fnn.each_steps(1, {function})" if call == "each_steps" else f"fnn.each_epoch({function})"
    code = TRAIN.format(before=before, epochs=epochs, progress=progress, call=call)

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
    assert re.search(r"epoch/s|s/epoch", seen)
    assert re.search(r"\[00:0\d<00:0\d, ", seen)  # how long it has taken, and how long it will
    assert re.search(r"error 0\.\d+, validation [23]\.\d+", seen)
    assert seen.endswith("\r")  # and takes it away


def test_the_bar_moves_within_an_epoch() -> None:
    pytest.importorskip("tqdm")
    seen, status = on_a_terminal(script(epochs=2, pause=0.4, call="each_steps"))

    assert status == 0, seen
    assert {"0.8/2", "1.2/2", "1.5/2", "1.8/2"} & set(re.findall(r"\d\.\d/2", seen))
    assert {"1.0/2", "2.0/2"} & set(re.findall(r"\d\.\d/2", seen))


def test_the_bar_of_a_resumed_run_begins_where_it_was() -> None:
    tqdm: Any = pytest.importorskip("tqdm").tqdm
    made: list[dict[str, object]] = []

    def start(bar: object, **options: object) -> None:
        made.append(options)
        tqdm.__init__(bar, **{**options, "disable": True})

    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(
            sys.modules, "tqdm", cast(ModuleType, SimpleNamespace(tqdm=type("Bar", (tqdm,), {"__init__": start})))
        )
        progress = Progress(10, True)
        progress.begin(4)
        progress.show(4.5)
        progress.close()

    assert [(options["total"], options["initial"]) for options in made] == [(10, 4)]


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
    assert done.stderr.strip().endswith("fnn.progress(True) needs the package tqdm: pip install 'fnn[progress]'")
    assert done.stdout == ""


def test_the_bar_is_taken_away_if_the_run_fails() -> None:
    pytest.importorskip("tqdm")
    command = script(epochs=8, pause=0.3)
    command[-1] = command[-1].replace("time.sleep(0.3)", "(time.sleep(0.4), 1 / (5 - _[0]))")
    seen, status = on_a_terminal(command)

    assert status == 1
    assert "/8 [" in seen
    assert seen.rfind("Traceback") > seen.rfind("/8 [")
