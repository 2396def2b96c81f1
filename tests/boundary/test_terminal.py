"""Standard error as the user sees it."""

import io
import sys
from types import ModuleType, SimpleNamespace
from typing import Any, cast

import pytest

from fnn.boundary import terminal
from tests.terminals import Terminal


class Failing(io.StringIO):
    def isatty(self) -> bool:
        raise OSError("no such device")


@pytest.mark.parametrize(
    "stream, is_shown",
    [(Terminal(), True), (io.StringIO(), False), (Failing(), False), (object(), False), (None, False)],
)
def test_only_a_terminal_shows_it(stream: Any, is_shown: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stderr", stream)

    assert terminal.is_shown() is is_shown
    assert terminal.columns() == 80  # nothing else is known of it


@pytest.mark.parametrize(
    "shell, is_notebook",
    [(SimpleNamespace(config={"IPKernelApp": {}}), True), (SimpleNamespace(config={}), False), (None, False)],
)
def test_or_a_notebook(shell: Any, is_notebook: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stderr", io.StringIO())
    assert not terminal.in_notebook()
    monkeypatch.setitem(sys.modules, "IPython", cast(ModuleType, SimpleNamespace(get_ipython=lambda: shell)))

    assert (terminal.in_notebook(), terminal.is_shown()) == (is_notebook, is_notebook)
