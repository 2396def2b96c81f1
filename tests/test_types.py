"""What mypy makes of calls: those in typing/accept.py are right, the marked ones in typing/reject_*.py are wrong."""

import json
import re
import runpy
import subprocess
import sys
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
FILES = sorted(Path(__file__).with_name("typing").glob("*.py"))


def expected(file: Path) -> set[tuple[int, str]]:
    """Line and error code, from comments ``# expect: code``."""
    lines = file.read_text(encoding="utf-8").splitlines()
    found = ((number, re.search(r"  # expect: ([\w-]+)$", line)) for number, line in enumerate(lines, 1))

    return {(number, match[1]) for number, match in found if match}


@cache
def errors() -> dict[str, set[tuple[int, str]]]:
    """What mypy finds in each file, with the project's options."""
    # In a process of its own, because mypy turns the garbage collector off.
    command = [sys.executable, "-m", "mypy", "--output=json", *map(str, FILES)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode in (0, 1), done.stdout + done.stderr
    found: dict[str, set[tuple[int, str]]] = {}
    for message in map(json.loads, done.stdout.splitlines()):
        if message["severity"] == "error":
            found.setdefault(Path(message["file"]).name, set()).add((message["line"], message["code"]))

    return found


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_mypy_finds_exactly_the_marked_errors(file: Path) -> None:
    assert errors().get(file.name, set()) == expected(file)
    assert bool(expected(file)) == file.stem.startswith("reject_")


def test_accepted_calls_run() -> None:
    runpy.run_path(str(ROOT / "tests" / "typing" / "accept.py"))


def test_the_library_silences_no_checker() -> None:
    sources = sorted((ROOT / "fnn").rglob("*.py"))

    assert [path for path in sources if re.search(r"#\s*type:\s*ignore", path.read_text("utf-8"))] == []
