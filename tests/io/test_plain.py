"""What isn't a plain file is neither read, nor waited for, nor replaced."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

import fnn


def device(path: Path) -> None:
    try:
        os.mknod(path, stat.S_IFCHR | 0o600, os.makedev(1, 3))  # what writes to it would vanish
    except PermissionError:
        pytest.skip("only root may make devices")


def link(path: Path) -> None:
    os.mkfifo(path.with_name("pipe"))
    path.symlink_to("pipe")


KINDS: dict[str, Callable[[Path], object]] = {
    "a folder": os.mkdir, "a named pipe": os.mkfifo, "a device": device, "a named pipe, by a link": link,
}  # fmt: skip


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("suffix", [".npz", ".safetensors"])
def test_what_is_no_plain_file_is_refused(kind: str, suffix: str, tmp_path: Path) -> None:
    path, params = tmp_path / f"m{suffix}", fnn.init((2, 1), seed=0)
    KINDS[kind](path)
    before = path.lstat(), set(os.listdir(tmp_path))
    calls: list[Callable[[], object]] = [
        lambda: fnn.load(path),
        lambda: fnn.read_idx(path),
        lambda: fnn.read_images_and_labels(path, path),
        lambda: fnn.train(params, np.ones((3, 2)), np.ones((3, 1)), eta=0.1, epochs=1, checkpoint=path),
        lambda: fnn.save(path, params),
    ]
    for call in calls:
        with pytest.raises((OSError, ValueError), match=rf"m\{suffix}: needs a plain file, got {kind.split(',')[0]}"):
            call()
    assert (path.lstat(), set(os.listdir(tmp_path))) == before
