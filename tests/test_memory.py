"""Training on more than memory holds."""

import os
import subprocess
import sys
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.beyond_memory import UNITS

LIMIT = 160 * 2**20  # of which Python, NumPy, Numba and the compiled code take some 110
ADDRESSES = 768 * 2**20  # of which they take some 650


def run(how: str, path: Path, rows: int, *, limit: int = 2**40, before: str = "") -> list[float]:
    """What `tests.beyond_memory` prints, in a process that a shell prepares."""
    command = f"{before} exec {sys.executable} -m tests.beyond_memory {how} {path} {rows} {limit}"
    few = {**os.environ, "OPENBLAS_NUM_THREADS": "1"}  # each takes some 50 MB of addresses
    done = subprocess.run(
        ["sh", "-c", command], cwd=Path(__file__).parents[1], capture_output=True, text=True, timeout=300, env=few,
        check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr

    return [float(word) for word in done.stdout.split()]


@pytest.fixture(scope="module", autouse=True)
def _compiled(tmp_path_factory: pytest.TempPathFactory) -> None:
    for how in ("mapped", "stream"):
        run(how, tmp_path_factory.mktemp("small") / "x", 1000)  # LLVM wants more memory than the runs do


@pytest.fixture
def group() -> Iterator[Path]:
    """A control group whose processes may use LIMIT bytes, the pages of files included."""
    first = Path("/sys/fs/cgroup/memory")
    parent, name = (first, "memory.limit_in_bytes") if first.is_dir() else (first.parent, "memory.max")
    made = parent / f"fnn-{uuid.uuid4().hex}"
    try:
        made.mkdir()
    except OSError as error:
        pytest.skip(f"no control group can be made: {error}")
    try:
        if not (made / name).exists():
            pytest.skip(f"control groups have no {name} here")
        try:
            (made / name).write_text(str(LIMIT))
        except OSError as error:
            pytest.skip(f"the memory of a control group can't be limited: {error}")
        yield made
    finally:
        made.rmdir()


def test_a_file_of_four_times_the_memory_trains_to_the_end(group: Path, tmp_path: Path) -> None:
    low, high, _ = run("mapped", tmp_path / "x", 4 * LIMIT // UNITS, before=f"echo $$ > {group}/cgroup.procs &&")

    assert low < 0.1 < high


def test_a_stream_of_twice_the_address_space_trains_to_the_end(tmp_path: Path) -> None:
    low, high, _ = run("stream", tmp_path / "x", 2 * ADDRESSES // UNITS, limit=ADDRESSES)

    assert low < 0.1 < high


@pytest.mark.skipif(not os.path.exists("/proc/self/status"), reason="only Linux tells the memory of a process")
def test_memory_does_not_grow_with_the_file(tmp_path: Path) -> None:
    (*_, small), (*_, large) = (run("mapped", tmp_path / f"{rows}", rows) for rows in (1000, 50_000))

    assert large < small + 16 * 2**20 < small + 50_000 * UNITS / 8
