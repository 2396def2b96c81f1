"""The file in which processes share arrays: the same values, each written once, and marks that all see."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import fnn
from fnn.data import shared_file
from fnn.data.shared_file import BEGUN, MappedFile, SharedFile

RNG = np.random.default_rng(0)
PLAIN = RNG.standard_normal((100, 7))
ARRAYS: dict[str, np.ndarray[Any, Any]] = {
    "plain": PLAIN,
    "columns": np.asfortranarray(PLAIN),
    "part": PLAIN[::-3, 2:5],
    "repeated": np.broadcast_to(PLAIN[0], (50, 7)),
    "other bytes": PLAIN.astype(">f4"),
    "half": PLAIN.astype(np.float16),
    "labels": np.arange(100),
    "flags": PLAIN[:, 0] > 0,
    "none": np.empty((0, 3)),
}


@pytest.mark.parametrize("as_content", [False, True])
def test_arrays_come_out_as_they_went_in(as_content: bool) -> None:
    with SharedFile(ARRAYS.values(), 3) as file:
        pickled = file.dumps([ARRAYS, PLAIN + 1])
        with MappedFile(file.path, 3, os.getpid(), bytearray(file.content) if as_content else None) as mapped:
            found, apart = mapped.loads(pickled)

    assert len(pickled) < 2 * PLAIN.nbytes  # what isn't in the file, once, and places
    assert np.array_equal(apart, PLAIN + 1)
    for name, array in ARRAYS.items():
        assert found[name].dtype == array.dtype
        assert np.array_equal(found[name], array), name
        assert array.size == 0 or found[name].flags.carray or name == "other bytes"


def test_each_array_is_written_once() -> None:
    views = [PLAIN.reshape(100, 7), PLAIN[:], PLAIN]
    with SharedFile(views, 0) as file:
        assert os.stat(file.path).st_size <= PLAIN.nbytes + 64


def test_what_a_process_writes_into_its_arrays_no_other_sees() -> None:
    with (
        SharedFile([PLAIN], 1) as file,
        MappedFile(file.path, 1, os.getpid()) as mapped,
        MappedFile(file.path, 1, os.getpid()) as again,
    ):
        one, other = (mapping.loads(file.dumps(PLAIN)) for mapping in (mapped, again))
        one[0] = 9

    assert np.array_equal(other, PLAIN)


def test_marks_are_seen_by_all() -> None:
    with SharedFile([PLAIN], 3) as file, MappedFile(file.path, 3, os.getpid()) as mapped:
        mapped.marks[2] = BEGUN
        assert [file.marks[run] for run in range(3)] == [0, 0, BEGUN]
        before = mapped.is_wanted
        file.marks.cancel()
        assert (before, mapped.is_wanted) == (True, False)
        assert mapped.loads(file.dumps(PLAIN)).tobytes() == PLAIN.tobytes()


def test_the_file_goes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    with SharedFile([PLAIN], 3) as file:
        assert Path(file.path).parent == tmp_path
    with pytest.raises(TypeError, match="no array"):
        SharedFile(_failing(), 3)

    assert os.listdir(tmp_path) == []
    with pytest.raises(FileNotFoundError):
        MappedFile(file.path, 3, os.getpid())


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
def test_a_full_disk_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shared_file, "_created", lambda: (os.open("/dev/full", os.O_RDWR), str(tmp_path), False))
    with pytest.raises(OSError, match="No space left") as caught:
        SharedFile([PLAIN], 3)

    assert "TMPDIR names the folder" in caught.value.__notes__[0]


@pytest.mark.skipif(sys.platform == "win32", reason="needs POSIX locks")
def test_the_files_of_killed_processes_are_removed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    code = (
        f"import fnn.data.shared_file as s, os, tempfile; tempfile.tempdir = {str(tmp_path)!r}\n"
        "file = s.SharedFile([], 3); os._exit(1)"
    )
    subprocess.run([sys.executable, "-c", code], cwd=Path(__file__).parents[2], check=False)
    (left,) = os.listdir(tmp_path)
    with SharedFile([PLAIN], 3) as one, SharedFile([PLAIN], 3) as other:
        assert left not in os.listdir(tmp_path)
        assert sorted(os.listdir(tmp_path)) == sorted(Path(file.path).name for file in (one, other))


def _failing() -> Any:
    yield PLAIN
    raise TypeError("no array")


def test_cases_whose_rows_are_fetched_can_be_copied() -> None:
    params = fnn.init((3, 4, 2), seed=0, dtype=np.float32)
    x = np.asfortranarray(RNG.standard_normal((200_000, 3)))
    arrays = fnn.Cases(x, x[:, :2], scale=0.5).arrays(params, fnn.squared_error)
    assert arrays.sources is not None
    with SharedFile([arrays.x, arrays.y], 0) as file, MappedFile(file.path, 0, os.getpid()) as mapped:
        copy = mapped.loads(file.dumps(arrays))

    assert copy.sources.scale == 0.5
    assert copy.sources.words.tolist() != arrays.sources.words.tolist()
    for part, other in zip(arrays.plain[:2], copy.plain[:2], strict=True):
        assert part.tobytes() == other.tobytes()
