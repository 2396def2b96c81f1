"""A user's jitted functions in processes of their own: what is cached, and what is left over."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from fnn.njit import types

ROOT = Path(__file__).parents[2]


def run(*arguments: str, folder: Path | None = None, **environment: str) -> list[str]:
    """The lines that the user's module prints; in a folder its functions have a cache of their own there."""
    module = ["-m", "tests.njit.user"]
    if folder is not None:
        module = [str(folder / "user.py")]
        if not Path(module[0]).exists():
            shutil.copy(ROOT / "tests/njit/user.py", folder)
    done = subprocess.run(
        [sys.executable, *module, *arguments], cwd=ROOT,
        env=os.environ | {"PYTHONPATH": str(ROOT)} | environment, capture_output=True, text=True, check=False,
        timeout=300,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()


def test_a_second_process_compiles_nothing_and_one_specialisation_serves_two_architectures() -> None:
    run("cache")
    assert run("cache") == ["1 1 0", "1 1 0", "1 1 0"]


def test_a_second_process_with_activations_of_its_own(tmp_path: Path) -> None:
    assert run("custom", "0", folder=tmp_path) == ["1 0 1", "1 0 1"]
    assert run("custom", "3", folder=tmp_path) == ["1 1 0", "1 1 0"]


def test_a_second_process_with_losses(tmp_path: Path) -> None:
    assert run("losses", folder=tmp_path) == ["1 0 1", "2 0 2", "1 0 1"]
    assert run("losses", folder=tmp_path) == ["1 1 0", "2 2 0", "1 1 0"]


def test_a_second_process_with_optimizers(tmp_path: Path) -> None:
    assert run("optimizers", folder=tmp_path) == ["1 0 1", "1 0 1", "1 0 1"]
    assert run("optimizers", folder=tmp_path) == ["1 1 0", "1 1 0", "1 1 0"]


def test_the_first_call_of_a_process_has_no_params() -> None:
    assert run("without_params") == ["True", "True"]


def test_calls_and_errors_leak_nothing() -> None:
    (line,) = run("leaks", "1000", NUMBA_NRT_STATS="1")
    assert line.startswith("True"), line


def test_forked_children_can_go_on_while_a_thread_of_their_parent_compiles() -> None:
    assert run("forked") == ["0 0 0"]


def test_two_threads_ask_first_for_both_dtypes_at_once(tmp_path: Path) -> None:
    assert run("raced") == ["True True"]
    # Where both compile, as fast as LLVM can: what is raced for is the same, and so are the bits.
    assert run("raced", NUMBA_CACHE_DIR=str(tmp_path), NUMBA_OPT="0") == ["True True"]


def test_another_version_of_fnn_is_another_type(monkeypatch: pytest.MonkeyPatch) -> None:
    from numba import float64

    mine: Any = types.ParamsType(float64)
    monkeypatch.setattr(types, "version", lambda: "another")
    assert types.ParamsType(float64) != mine
    assert mine == mine
