"""Files of safetensors: to and from other programs, damage, and files that others change meanwhile."""

from __future__ import annotations

import json
import os
import sys
import tracemalloc
import zlib
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import fnn
from fnn.network.layout import cache_aligned
from tests.fuzz.seeds import GOOD, saved, tensors

needs_safetensors = pytest.mark.skipif(find_spec("safetensors") is None, reason="the package safetensors is missing")

# As another program writes it: in another order, with another key among the metadata, and without a checksum.
SAFETENSORS = {
    "b1": {"shape": [1], "data_offsets": [16, 24], "dtype": "F64"},
    "__metadata__": {"format": "np", "fnn": json.dumps(GOOD)},
    "W1": {"dtype": "F64", "shape": [2, 1], "data_offsets": [0, 16]},
}


@needs_safetensors
def test_safetensors_is_readable_by_its_package(tmp_path: Path) -> None:
    from safetensors.numpy import load_file

    params = fnn.init((3, 4, 2), seed=0)
    fnn.save(tmp_path / "p.safetensors", params)
    arrays = load_file(tmp_path / "p.safetensors")

    assert set(arrays) == set(params)
    for key, leaf in params.items():
        np.testing.assert_array_equal(arrays[key], leaf, strict=True)


def test_safetensors_of_other_programs(tmp_path: Path) -> None:
    path, data = tmp_path / "p.safetensors", np.arange(3.0).tobytes()
    path.write_bytes(tensors(SAFETENSORS, data))
    assert fnn.load(path).flat.tolist() == [0, 1, 2]

    description = {**GOOD, "crc32": zlib.crc32(data, zlib.crc32(json.dumps(GOOD).encode()))}
    head = {**SAFETENSORS, "__metadata__": {"fnn": json.dumps(description)}}
    path.write_bytes(tensors(head, data))
    assert fnn.load(path).flat.tolist() == [0, 1, 2]
    path.write_bytes(tensors(head, data[:-1] + b"A"))
    with pytest.raises(ValueError, match=r"p\.safetensors: damaged: its checksum is \d+, it should be \d+"):
        fnn.load(path)

    for content in (tensors({"W1": SAFETENSORS["W1"]}, data), b"", saved(fnn.init((2, 1), seed=0), ".npz"), b"{}" * 9):
        path.write_bytes(content)
        with pytest.raises(ValueError, match=r"p\.safetensors: not a file that fnn saved"):
            fnn.load(path)


def test_a_long_header_is_refused_without_parsing(tmp_path: Path) -> None:
    path = tmp_path / "p.safetensors"
    path.write_bytes(tensors({**SAFETENSORS, "junk": [[]] * 300_000}, bytes(24)))
    tracemalloc.start()
    try:
        with pytest.raises(ValueError, match=r"p\.safetensors: .*: a header of 12\d{5} bytes, in a file of 12\d{5}"):
            fnn.load(path)
        assert tracemalloc.get_traced_memory()[1] < 200_000
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize(
    "change, message",
    [
        (lambda path: os.truncate(path, 200_000), "changed while it was read"),
        (lambda path: path.write_bytes(b"x" * path.stat().st_size), "damaged: its checksum is"),
    ],
)  # fmt: skip
@needs_safetensors
def test_a_file_that_others_change_meanwhile(
    change: Callable[[Path], object], message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "p.safetensors"
    fnn.save(path, fnn.init((300, 300), seed=0))

    def changed(*arguments: Any) -> Any:  # the header has been read, and nothing else
        change(path)
        return cache_aligned(*arguments)

    monkeypatch.setattr("fnn.io.safetensors.cache_aligned", changed)
    with pytest.raises(ValueError, match=rf"p\.safetensors: {message}"):
        fnn.load(path)


def test_missing_safetensors_package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("safetensors", "safetensors.numpy"):
        monkeypatch.setitem(sys.modules, name, None)
    with pytest.raises(ModuleNotFoundError, match=r"pip install 'fnn\[safetensors\]'"):
        fnn.save(tmp_path / "p.safetensors", fnn.init((2, 1), seed=0))
    assert list(tmp_path.iterdir()) == []
    (tmp_path / "p.safetensors").write_bytes(tensors(SAFETENSORS, np.arange(3.0).tobytes()))
    assert fnn.load(tmp_path / "p.safetensors").flat.tolist() == [0, 1, 2]  # needs no package
