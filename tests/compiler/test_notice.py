"""What a terminal shows while fnn compiles: one line, after two seconds, in the process that compiles."""

import sys
import threading
from types import SimpleNamespace
from typing import Any

import pytest

from fnn.compiler import notice
from fnn.compiler.cache import KernelCache
from fnn.compiler.notice import Notice
from tests.conftest import NewThreads
from tests.terminals import Terminal, on_a_terminal

PROGRAM = """
import threading
import fnn, fnn.compiler.notice
fnn.compiler.notice._AFTER = 0.01
threads = [threading.Thread(target=function, args=(0.5,)) for function in (fnn.sigmoid, fnn.identity, fnn.tanh)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
"""


def test_one_line_from_all_threads_and_none_from_the_next_process(tmp_path: Any) -> None:
    command = [sys.executable, "-W", "error", "-c", PROGRAM]
    first, second = (on_a_terminal(command, NUMBA_CACHE_DIR=str(tmp_path)) for _ in range(2))

    assert first[1] == second[1] == 0, (first, second)
    assert first[0].startswith("fnn: compiling, which takes some seconds and happens once")
    assert (first[0].count("\n"), second[0]) == (1, "")


def compiling(*, is_kept: bool = True) -> Any:
    """What Numba tells when it compiles a function, such as one of the user's that isn't kept."""
    dispatcher = SimpleNamespace(_cache=object.__new__(KernelCache)) if is_kept else SimpleNamespace()

    return SimpleNamespace(data={"dispatcher": dispatcher})


def test_only_the_time_that_fnn_compiles_counts_and_that_of_a_nested_function_once(
    monkeypatch: pytest.MonkeyPatch, new_threads: NewThreads
) -> None:
    terminal, clock, due = Terminal(), SimpleNamespace(now=0.0), list[float]()

    class Timer(threading.Timer):
        """Says when the line is due, and is too late to write it."""

        def __init__(self, interval: float, function: Any) -> None:
            due.append(interval)
            super().__init__(1e6, function)

    monkeypatch.setattr(sys, "stderr", terminal)
    monkeypatch.setattr(notice, "time", SimpleNamespace(perf_counter=lambda: clock.now))
    monkeypatch.setattr(threading, "Timer", Timer)
    own, of_user, listener = compiling(), compiling(is_kept=False), Notice()

    listener.on_start(of_user)
    clock.now = 50.0
    listener.on_end(of_user)
    listener.on_start(own)  # due in two seconds
    listener.on_start(own)
    clock.now = 51.0
    listener.on_end(own)
    clock.now = 51.5
    listener.on_end(own)
    clock.now = 99.0
    listener.on_start(own)  # one and a half are over
    listener.on_end(own)

    assert due == [2.0, 0.5]
    assert terminal.getvalue() == ""
    assert not new_threads()


def test_what_fails_is_never_an_error(monkeypatch: pytest.MonkeyPatch, new_threads: NewThreads) -> None:
    class Full(Terminal):
        def write(self, text: str) -> int:
            raise OSError("no space left")

    def refuse(thread: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    for stream in (Full(), object(), None):
        monkeypatch.setattr(sys, "stderr", stream)
        listener = Notice()
        listener.on_start(compiling())
        listener._tell()
        listener.on_end(compiling())
    terminal, listener = Terminal(), Notice()
    monkeypatch.setattr(sys, "stderr", terminal)
    with monkeypatch.context() as patch:
        patch.setattr(threading.Thread, "start", refuse)
        listener.on_start(compiling())
        listener.on_end(compiling())
    assert terminal.getvalue() == ""
    listener.on_start(compiling())
    listener._tell()
    listener.on_end(compiling())

    assert terminal.getvalue().startswith("fnn: compiling")
    assert not new_threads()
