"""Processes on a terminal, and what stands for one."""

import io
import os
import subprocess
from pathlib import Path

import pytest

import fnn

pty, termios = pytest.importorskip("pty"), pytest.importorskip("termios")

ROOT = Path(fnn.__file__).parents[1]


class Terminal(io.StringIO):
    """What is written to a terminal."""

    def isatty(self) -> bool:
        return True


def on_a_terminal(command: list[str], **environment: str) -> tuple[str, int]:
    """What a process writes to standard error if that is a terminal, and its exit status."""
    master, slave = pty.openpty()
    termios.tcsetwinsize(slave, (24, 80))
    process = subprocess.Popen(
        command, cwd=ROOT, stdout=subprocess.PIPE, stderr=slave, env={**os.environ, **environment}
    )
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
