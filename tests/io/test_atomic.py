"""Files that are replaced: completely or not at all, with their mode, whatever their names."""

from __future__ import annotations

import os
import signal
import stat
import subprocess
import sys
from pathlib import Path

import pytest

import fnn
from fnn.io.atomic import remove_leftovers, replacing


def test_exception_while_writing_keeps_the_previous_file(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"before")

    def half() -> None:
        with replacing(path) as file:
            file.write(b"half")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        half()
    assert path.read_bytes() == b"before"
    assert os.listdir(tmp_path) == ["file"]


def test_saving_through_a_link(tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    target, link = tmp_path / "folder" / "p.npz", tmp_path / "latest.npz"
    link.symlink_to(target)
    fnn.save(link, fnn.init((2, 1), seed=0))

    assert link.is_symlink()
    assert fnn.load(target) == fnn.load(link) == fnn.init((2, 1), seed=0)


@pytest.mark.parametrize("mode", [0o600, 0o640, 0o666, 0o400])
def test_the_mode_stays(mode: int, tmp_path: Path) -> None:
    path, params = tmp_path / "p.npz", fnn.init((2, 1), seed=0)
    path.touch()
    path.chmod(mode)
    os.utime(path, (0, 0))
    fnn.save(path, params)
    assert stat.S_IMODE(path.stat().st_mode) == mode
    assert path.stat().st_mtime > 0

    with replacing(path) as file:  # nor can others read it before it is complete
        temporary = next(tmp_path.glob(".p.npz.*.tmp"))
        assert stat.S_IMODE(temporary.stat().st_mode) == mode
        file.write(b"x")
    link = tmp_path / "link.npz"
    link.symlink_to(path)
    fnn.save(link, params)
    assert (link.is_symlink(), stat.S_IMODE(path.stat().st_mode)) == (True, mode)
    assert fnn.load(path) == params


def test_a_new_file_has_the_mode_of_others(tmp_path: Path) -> None:
    (tmp_path / "other").write_bytes(b"")
    fnn.save(tmp_path / "p.npz", fnn.init((2, 1), seed=0))
    assert (tmp_path / "p.npz").stat().st_mode == (tmp_path / "other").stat().st_mode


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() != 0, reason="only root may give files away")
def test_the_owner_stays(tmp_path: Path) -> None:
    path = tmp_path / "p.npz"
    path.write_bytes(b"")
    os.chown(path, 12345, 54321)
    path.chmod(0o600)
    fnn.save(path, fnn.init((2, 1), seed=0))
    status = path.stat()
    assert (status.st_uid, status.st_gid, stat.S_IMODE(status.st_mode)) == (12345, 54321, 0o600)


@pytest.mark.parametrize("stem", ["m" * 229, "m" * 230, "m" * 251, "é" * 125, "模" * 83])
def test_long_names(stem: str, tmp_path: Path) -> None:
    path, params = tmp_path / f"{stem}.npz", fnn.init((2, 1), seed=0)
    for _ in range(2):
        fnn.save(path, params)
    assert fnn.load(path) == params
    assert os.listdir(tmp_path) == [path.name]

    with replacing(path) as file:
        file.write(b"x")
        (leftover,) = set(os.listdir(tmp_path)) - {path.name}
    other = leftover.replace(leftover[22:30], "0" * 8) if len(leftover) < 60 else f"{leftover}0"
    for name in (leftover, other):
        (tmp_path / name).write_bytes(b"")
    remove_leftovers(path)
    assert set(os.listdir(tmp_path)) == {path.name, other}


def test_errors_name_the_file_that_was_asked_for(tmp_path: Path) -> None:
    params = fnn.init((2, 1), seed=0)
    for name in ("m" * 252 + ".npz", "none/m.npz"):
        with pytest.raises(OSError, match=name) as found:
            fnn.save(tmp_path / name, params)
        assert found.value.filename == os.fspath(tmp_path / name)
    assert os.listdir(tmp_path) == []


def test_only_names_that_fnn_makes_are_leftovers(tmp_path: Path) -> None:
    names = {".run.my-own-precious!.tmp", f".run.{'0' * 15}.tmp", f".run.{'A' * 16}.tmp", f"x.run.{'0' * 16}.tmp"}
    for name in names:
        (tmp_path / name).write_bytes(b"")
    os.mkfifo(tmp_path / f".run.{'1' * 16}.tmp")  # which isn't waited for
    remove_leftovers(tmp_path / "run")
    assert set(os.listdir(tmp_path)) == {*names, f".run.{'1' * 16}.tmp"}


KILLED = """
import sys, fnn
first, second = (fnn.init((300, 300), seed=seed) for seed in (0, 1))
fnn.save(sys.argv[1], first)
print(flush=True)
while True:
    fnn.save(sys.argv[1], second)
    fnn.save(sys.argv[1], first)
"""


@pytest.mark.parametrize("milliseconds", [1, 3, 10, 20, 33])
def test_killed_process_leaves_a_complete_file(tmp_path: Path, milliseconds: int) -> None:
    path = tmp_path / "p.npz"
    with subprocess.Popen([sys.executable, "-c", KILLED, str(path)], stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        process.stdout.readline()
        with pytest.raises(subprocess.TimeoutExpired):
            process.wait(milliseconds / 1000)
        process.send_signal(signal.SIGKILL)

    assert fnn.load(path) in [fnn.init((300, 300), seed=seed) for seed in (0, 1)]
