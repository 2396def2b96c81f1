"""The memory that control groups and the machine allow."""

import math
import os
from pathlib import Path

import pytest

from fnn.compiler.control_groups import memory_limit

MACHINE = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") if hasattr(os, "sysconf") else math.inf


@pytest.mark.parametrize(
    "groups, files, limit",
    [
        ("0::/\n", {"memory.max": "4096\n"}, 4096),
        ("0::/\n", {"memory.max": "max\n"}, MACHINE),
        ("0::/\n", {"memory.max": str(10**30)}, MACHINE),
        ("0::/\n", {}, MACHINE),
        ("0::/a/b\n", {"a/memory.max": "4096", "a/b/memory.max": "max"}, 4096),  # of an ancestor
        ("1:memory:/a\n0::/\n", {"memory/a/memory.limit_in_bytes": "8192\n"}, 8192),
        ("2:cpu:/\n", {"cpu/memory.limit_in_bytes": "1"}, MACHINE),
        ("no line of groups\n", {"memory.max": "1"}, MACHINE),
    ],
)
def test_memory_limit(tmp_path: Path, groups: str, files: dict[str, str], limit: float) -> None:
    for name, text in files.items():
        (tmp_path / "root" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "root" / name).write_text(text, encoding="utf-8")
    (tmp_path / "own").write_text(groups, encoding="utf-8")

    assert memory_limit(tmp_path / "own", tmp_path / "root") == limit
    assert memory_limit(tmp_path / "absent", tmp_path / "root") == MACHINE


def test_where_the_machine_does_not_tell(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(os, "sysconf", raising=False)
    assert memory_limit(tmp_path / "nothing", tmp_path) == math.inf
