"""Compiled code on disk: used by the next process, not after an edit, and not needed without a writable folder."""

import errno
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from itertools import cycle
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numba import types

import fnn
from fnn.compiler.cache import COMPILED, CacheFiles, digest_of, sources
from fnn.compiler.kernel import kernel, output

PACKAGE = Path(fnn.__file__).parent

PROGRAM = """
import json, os, resource, sys, warnings
if "LARGEST_FILE" in os.environ:
    resource.setrlimit(resource.RLIMIT_FSIZE, (int(os.environ["LARGEST_FILE"]),) * 2)
with warnings.catch_warnings(record=True) as caught:
    warnings.simplefilter("always")
    import fnn, numpy as np
    z = np.full(1, 6.0, np.float32)
    answer = (fnn.identity(z) * fnn.identity.prime(z)).tolist()
    can_compile = "numba.np.arraymath" in sys.modules
    if "OWN" in os.environ:
        from numba import njit
        params = fnn.init((1, 1), seed=0, output=fnn.identity)
        answer += [njit(lambda params, z: fnn.forward(params, z).sum())(params, np.ones(1)) / params["W1"].item()]
report = {"answer": answer, "can_compile": can_compile}
print(json.dumps(report | {"warnings": [[w.category.__name__, str(w.message), w.filename] for w in caught]}))
"""


def run(folder: Path, **environment: str) -> dict[str, Any]:
    """What the program prints with the copy of the package in a folder, and how often Numba read and wrote code."""
    inherited = {key: value for key, value in os.environ.items() if not key.startswith(("NUMBA", "PYTHON", "XDG"))}
    options = {"PYTHONDONTWRITEBYTECODE": "1", "NUMBA_DEBUG_CACHE": "1"}
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM], cwd=folder, env={**inherited, **options, **environment},
        capture_output=True, text=True, check=False, timeout=300,
    )  # fmt: skip
    assert (done.returncode, done.stderr) == (0, "")
    *numba, last = done.stdout.splitlines()
    report: dict[str, Any] = json.loads(last)
    for event in ("loaded", "saved"):
        report[event] = sum(line.startswith(f"[cache] data {event}") for line in numba)
    report["folders"] = {line.split("'")[1] for line in numba if line.startswith("[cache] data")}

    return report


@pytest.fixture(scope="module")
def warm(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path, dict[str, Any]]:
    """A copy of the package, a folder for its compiled code, and the report of the first process that used both."""
    folder = tmp_path_factory.mktemp("warm")
    shutil.copytree(PACKAGE, folder / "fnn", ignore=shutil.ignore_patterns("__pycache__"))
    cache = folder / "compiled"

    return folder, cache, run(folder, NUMBA_CACHE_DIR=str(cache))


def test_the_first_process_compiles_and_the_second_does_not(warm: tuple[Path, Path, dict[str, Any]]) -> None:
    folder, cache, first = warm
    second = run(folder, NUMBA_CACHE_DIR=str(cache))

    assert first["answer"] == second["answer"] == [6.0]
    assert first["loaded"] == 0
    assert first["saved"] > 3
    assert (second["loaded"], second["saved"]) == (first["saved"], 0)
    assert first["warnings"] == second["warnings"] == []
    assert all(path.startswith(str(cache)) for path in first["folders"])
    assert (first["can_compile"], second["can_compile"]) == (True, False)  # which would take most of the time


def test_a_users_function_is_compiled_after_code_has_been_loaded(warm: tuple[Path, Path, dict[str, Any]]) -> None:
    folder, cache, _ = warm
    report = run(folder, NUMBA_CACHE_DIR=str(cache), OWN="1")

    assert (report["can_compile"], report["answer"], report["warnings"]) == (False, [6.0, 1.0], [])


def test_an_edit_of_another_file_changes_what_is_computed(warm: tuple[Path, Path, dict[str, Any]]) -> None:
    # The case that Numba's own key misses: the function is in another file than the one whose code is cached.
    folder, cache, first = warm
    source = folder / "fnn" / "activations" / "kernels" / "piecewise.py"
    text = source.read_text(encoding="utf-8")
    assert text.count("    return z\n") == 1  # the identity
    source.write_text(text.replace("    return z\n", "    return z + z\n"), encoding="utf-8")
    edited = run(folder, NUMBA_CACHE_DIR=str(cache))
    source.write_text(text, encoding="utf-8")
    restored = run(folder, NUMBA_CACHE_DIR=str(cache))

    assert edited["answer"] == [12.0]
    assert (edited["loaded"], edited["saved"]) == (0, first["saved"])
    assert restored["answer"] == [6.0]


def test_without_a_writable_folder(tmp_path: Path) -> None:
    # Not by permissions, which don't bind the administrator's account: a folder can't be made below a file.
    shutil.copytree(PACKAGE, tmp_path / "fnn", ignore=shutil.ignore_patterns("__pycache__"))
    for folder in {path.parent for path in (tmp_path / "fnn").rglob("*.py")}:
        (folder / "__pycache__").write_text("a file", encoding="utf-8")
    nowhere = tmp_path / "file"
    nowhere.write_text("not a folder", encoding="utf-8")

    below = {name: str(nowhere / "below") for name in ("HOME", "XDG_CACHE_HOME", "NUMBA_CACHE_DIR")}
    report = run(tmp_path, **below)

    assert report["answer"] == [6.0]
    assert [category for category, _, _ in report["warnings"]] == ["RuntimeWarning"]
    assert "no folder for compiled code is writable" in report["warnings"][0][1]
    assert "NUMBA_CACHE_DIR" in report["warnings"][0][1]
    assert report["warnings"][0][2] == "<string>"  # the program's own line


def test_without_room_on_the_disk(warm: tuple[Path, Path, dict[str, Any]], tmp_path: Path) -> None:
    # A file that is too large is refused as a full disk and a quota refuse it: in the middle of writing.
    report = run(warm[0], NUMBA_CACHE_DIR=str(tmp_path), LARGEST_FILE="2000")

    assert report["answer"] == [6.0]
    assert [category for category, _, _ in report["warnings"]] == ["RuntimeWarning"]
    assert f"compiled code can't be kept in {tmp_path}" in report["warnings"][0][1]
    assert "(File too large)" in report["warnings"][0][1]
    assert [path for path in tmp_path.rglob("*") if path.is_file() and path.suffix != ".nbi"] == []


DAMAGES: dict[str, Callable[[bytes], bytes]] = {
    "emptied": lambda content: b"",
    "halved": lambda content: content[: len(content) // 2],
    "one byte short": lambda content: content[:-1],
    "zeroed": lambda content: bytes(len(content)),
    "half zeroed": lambda content: content[: len(content) // 2].ljust(len(content), b"\0"),
    "longer": lambda content: content + b"\0",
    "first bit": lambda content: bytes([content[0] ^ 1]) + content[1:],
    "a bit in the middle": lambda content: content[:20] + bytes([content[20] ^ 16]) + content[21:],
    "last bit": lambda content: content[:-1] + bytes([content[-1] ^ 128]),
}


def test_damaged_files_are_compiled_anew(warm: tuple[Path, Path, dict[str, Any]], tmp_path: Path) -> None:
    folder, cache, first = warm
    shutil.copytree(cache, tmp_path, dirs_exist_ok=True)
    damages = cycle(DAMAGES.values())
    for path in sorted(tmp_path.rglob("*.nb[ic]")):
        path.write_bytes(next(damages)(path.read_bytes()))
    damaged = run(folder, NUMBA_CACHE_DIR=str(tmp_path))

    assert (damaged["answer"], damaged["warnings"]) == ([6.0], [])
    assert (damaged["loaded"], damaged["saved"]) == (0, first["saved"])


def test_the_key_covers_all_compiled_sources(tmp_path: Path) -> None:
    shutil.copytree(PACKAGE, tmp_path, ignore=shutil.ignore_patterns("__pycache__"), dirs_exist_ok=True)
    paths = sorted({path for pattern in COMPILED for path in tmp_path.glob(pattern)})
    digests = []
    for source in paths:
        text = source.read_text(encoding="utf-8")
        source.write_text(text + "\n", encoding="utf-8")
        digests.append(digest_of(*COMPILED, root=tmp_path))
        source.write_text(text, encoding="utf-8")

    assert digest_of(*COMPILED, root=tmp_path) == sources()
    assert len({sources(), *digests}) == 1 + len(paths) > 30
    inlining = [path for path in tmp_path.rglob("*.py") if "import inline" in path.read_text(encoding="utf-8")]
    assert set(inlining) <= set(paths)


@pytest.fixture
def files(tmp_path: Path) -> CacheFiles:
    """The files of a function that is compiled for the first time."""
    return CacheFiles(str(tmp_path), "function", "stamp of its source")


def test_processes_that_compile_at_the_same_time_write_different_files(
    files: CacheFiles, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each has read the index before the other has written it; Numba would give both the same file."""
    for dtype in ("float32", "float64"):
        with monkeypatch.context() as patch:
            patch.setattr(files, "_load_index", dict)
            files.save((dtype, "sources"), f"code for {dtype}")

    assert files.load(("float64", "sources")) == "code for float64"
    assert files.load(("float32", "sources")) is None  # to be compiled again
    assert len(list(tmp_path.glob("*.nbc"))) == 2


def test_code_of_older_sources_is_deleted(files: CacheFiles, tmp_path: Path) -> None:
    files.save(("float32", "older"), "old")
    files.save(("float64", "newer"), "new")

    assert files.load(("float64", "newer")) == "new"
    assert files.load(("float32", "older")) is None
    assert len(list(tmp_path.glob("*.nbc"))) == 1


@pytest.mark.parametrize("damage", DAMAGES.values(), ids=DAMAGES)
@pytest.mark.parametrize("suffix", ["nbi", "nbc"])
def test_a_damaged_file_counts_as_absent(
    files: CacheFiles, tmp_path: Path, suffix: str, damage: Callable[[bytes], bytes]
) -> None:
    files.save(("float32", "sources"), "code")
    assert files.load(("float32", "sources")) == "code"
    (path,) = tmp_path.glob(f"*.{suffix}")
    path.write_bytes(damage(path.read_bytes()))

    assert files.load(("float32", "sources")) is None
    files.save(("float32", "sources"), "code again")
    assert files.load(("float32", "sources")) == "code again"


def test_any_flipped_bit_is_noticed(files: CacheFiles, tmp_path: Path) -> None:
    files.save(("float32", "sources"), "code")
    for path in tmp_path.iterdir():
        content = path.read_bytes()
        for place in range(8 * len(content)):
            flipped = bytearray(content)
            flipped[place // 8] ^= 1 << place % 8
            path.write_bytes(flipped)
            assert files.load(("float32", "sources")) is None
        path.write_bytes(content)
    assert files.load(("float32", "sources")) == "code"


@pytest.mark.parametrize("suffix", ["nbi", "nbc"])
def test_a_folder_in_the_place_of_a_file(files: CacheFiles, tmp_path: Path, suffix: str) -> None:
    files.save(("float32", "sources"), "code")
    (path,) = tmp_path.glob(f"*.{suffix}")
    path.unlink()
    path.mkdir()

    assert files.load(("float32", "sources")) is None


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EIO])
def test_code_that_cannot_be_written_is_used(monkeypatch: pytest.MonkeyPatch, number: int) -> None:
    def refuse(files: CacheFiles, name: str, data: Any) -> None:
        raise OSError(number, os.strerror(number))

    @kernel(lambda t: types.void(output(t)))
    def fill(a: Any) -> None:
        a[0] = 3.0

    monkeypatch.setattr(CacheFiles, "_save_data", refuse)
    monkeypatch.setattr("fnn.compiler.cache._reasons", [])
    a, b = np.zeros(1), np.zeros(1, np.float32)

    def both() -> None:
        fill[a.dtype](a)
        fill[b.dtype](b)

    with pytest.warns(RuntimeWarning, match=f"fnn: compiled code can't be kept in .*{os.strerror(number)}") as caught:
        both()

    assert (a[0], b[0]) == (3.0, 3.0)
    assert len(caught) == 1


class Moved:
    """A class that an index names."""


@pytest.mark.parametrize("name", [Moved.__name__, Moved.__module__])
def test_an_index_with_a_class_that_has_moved_counts_as_empty(files: CacheFiles, tmp_path: Path, name: str) -> None:
    files.save((Moved, "sources"), "code")
    (index,) = tmp_path.glob("*.nbi")
    index.write_bytes(index.read_bytes().replace(name.encode(), name.swapcase().encode()))

    assert files.load((Moved, "sources")) is None
    files.save(("float64", "sources"), "new")
    assert files.load(("float64", "sources")) == "new"
