"""What mutations start from: good files and hostile ones, of each format that fnn reads."""

from __future__ import annotations

import gzip
import io
import json
import pickle
import tempfile
import zipfile
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from functools import cache, partial
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np

import fnn
from fnn.io.archive import write_archive

GOOD = {"fnn": "params", "format": 1, "dtype": "float64", "sizes": [2, 1], "activations": ["tanh"]}
ARRAYS = {"W1": np.array([[1.0], [2.0]]), "b1": np.array([3.0])}


@dataclass(frozen=True, repr=False)
class Format:
    """Files of a format: how they are read, and examples, the good ones first."""

    suffix: str
    read: Callable[[Path], object]
    good: list[bytes]
    hostile: list[bytes]

    @property
    def seeds(self) -> list[bytes]:
        return self.good + self.hostile


class Bomb:
    """What a pickle runs when it is read."""

    def __reduce__(self) -> tuple[Any, ...]:
        return exec, ("raise SystemExit('a pickle was run')",)


def networks() -> list[fnn.Params[Any]]:
    """Small ones, deep ones, both dtypes."""
    return [
        fnn.init((2, 1), seed=0),
        fnn.init((2, 3, 1), seed=0, dtype=np.float32),
        fnn.init((1, 2, 3, 2), seed=0, hidden=(fnn.tanh, fnn.relu), output=fnn.softmax, dtype=np.float32),
        fnn.init((40, 9, 2), seed=0, hidden=fnn.elu(0.3), output=fnn.leaky_relu()),
    ]


def saved(params: fnn.Params[Any] | fnn.Quantized, suffix: str) -> bytes:
    """The contents of the file that `save` makes."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, f"params{suffix}")
        fnn.save(path, params)
        return path.read_bytes()


def archive(description: object, arrays: dict[str, Any]) -> bytes:
    """An archive in the right form with any contents, in checksums that fit."""
    stream = io.BytesIO()
    write_archive(stream, json.dumps(description), arrays.items())  # type: ignore[arg-type] # a file in memory

    return stream.getvalue()


def numpy_archive(compressed: bool, **arrays: Any) -> bytes:
    stream = io.BytesIO()
    (np.savez_compressed if compressed else np.savez)(stream, **arrays)

    return stream.getvalue()


def zipped(members: dict[str, bytes]) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as file:
        for name, contents in members.items():
            file.writestr(name, contents)

    return stream.getvalue()


def wrong_archives() -> list[bytes]:
    """In the right form, but what is in them doesn't fit together."""
    nan = {**ARRAYS, "b1": np.array([np.nan])}
    changes: list[dict[str, object]] = [
        {"sizes": [10**6, 10**6]}, {"sizes": [2, -1]}, {"sizes": [10**4000] * 2}, {"sizes": [2, True]}, {"sizes": 2},
        {"sizes": [2.0, 1]}, {"sizes": [[2], 1]}, {"sizes": [1]}, {"sizes": [2, 1, 1]}, {"sizes": [0, 1]},
        {"dtype": "object"}, {"dtype": "float16"}, {"dtype": ["float64"]}, {"dtype": "float32"},
        {"activations": ["eval"]}, {"activations": ["Activation"]}, {"activations": "tanh"}, {"activations": [None]},
        {"activations": ["leaky_relu(1e999)"]}, {"activations": ["leaky_relu(__import__('os'))"]},
        {"activations": ["tanh(1.0)"]}, {"activations": []}, {"format": 2}, {"format": "1"}, {"fnn": "checkpoint"},
        {"more": 1},
    ]  # fmt: skip
    arrays: list[dict[str, Any]] = [
        nan, {**ARRAYS, "b1": np.array([np.inf])}, {"W1": ARRAYS["W1"]}, {}, {**ARRAYS, "b2": np.ones(1)},
        {"b1": ARRAYS["b1"], "W1": ARRAYS["W1"]}, {**ARRAYS, "W1": np.ones((1, 2))},
        {"W1": np.ones(2), "b1": np.ones(1)},
        {"W1": ARRAYS["W1"].astype(np.int64), "b1": ARRAYS["b1"]},
    ]  # fmt: skip
    swapped = {"sizes": [2, 2, 1], "activations": ["softmax", "tanh"]}
    two = {"W1": np.ones((2, 2)), "b1": np.ones(2), "W2": np.ones((2, 1)), "b2": np.ones(1)}

    return [
        *(archive(GOOD | change, ARRAYS) for change in changes),
        *(archive(GOOD, some) for some in arrays),
        archive(GOOD | swapped, two),
        archive([], ARRAYS),
        archive(None, {}),
        archive({}, {}),
    ]


def hostile_archives() -> list[bytes]:
    """Whatever else calls itself NPZ."""
    objects = np.array([Bomb()], dtype=object)
    promise = (
        b"\x93NUMPY\1\0v\0{'descr': '<f8', 'fortran_order': False, 'shape': (1000000, 1000000), }".ljust(127) + b"\n"
    )

    return [
        numpy_archive(False, **ARRAYS),
        numpy_archive(True, **ARRAYS),
        numpy_archive(False, W1=objects, b1=objects),
        zipped({"fnn.json": json.dumps(GOOD).encode(), "W1.npy": pickle.dumps(Bomb())}),
        zipped({"fnn.json": json.dumps(GOOD).encode(), "W1.npy": promise}),
        zipped({"W1.npy": bytes(10_000_000)}),
        zipped({"fnn.json": b"[" * 1_000_000}),
        pickle.dumps(Bomb()),
        promise,
        b"",
        b"PK\5\6" + bytes(18),
        *wrong_archives(),
    ]


def quantized_files() -> tuple[list[bytes], list[bytes]]:
    """Of both kinds; and files of parameters, and of what doesn't fit together."""
    x = np.random.default_rng(0).normal(size=(9, 40))
    quantized = [fnn.quantize(params, weights="bfloat16") for params in networks()]
    quantized += [fnn.quantize(params, x[:, : params.sizes[0]]) for params in networks()]
    description = {"fnn": "quantized", "format": 1, "weights": "int8", "sizes": [2, 1], "activations": ["tanh"]}
    changes: list[dict[str, object]] = [
        {}, {"weights": "bfloat16"}, {"weights": "float32"}, {"weights": None}, {"sizes": [10**6, 10**6]},
        {"sizes": [2**62, 2**62]}, {"activations": ["eval"]}, {"fnn": "params"}, {"more": 1},
    ]  # fmt: skip

    return [saved(q, ".npz") for q in quantized], [
        *(archive(description | change, ARRAYS) for change in changes),
        *(saved(params, ".npz") for params in networks()),
        pickle.dumps(Bomb()),
        b"",
    ]


def tensors(head: object, data: bytes, length: int | None = None) -> bytes:
    text = json.dumps(head).encode()

    return (len(text) if length is None else length).to_bytes(8, "little") + text + data


def hostile_tensors() -> list[bytes]:
    """Whatever calls itself safetensors."""
    metadata = {"__metadata__": {"fnn": json.dumps(GOOD)}}
    W = {"dtype": "F64", "shape": [2, 1], "data_offsets": [0, 16]}
    b = {"dtype": "F64", "shape": [1], "data_offsets": [16, 24]}
    heads: list[Any] = [
        {"W1": W, "b1": b}, metadata, {**metadata, "W1": W}, {**metadata, "W1": W, "b1": b | {"data_offsets": [0, 8]}},
        {**metadata, "W1": W | {"shape": [2**40, 1]}, "b1": b}, {**metadata, "W1": W | {"dtype": "I64"}, "b1": b},
        {**metadata, "W1": W | {"dtype": "BF16", "shape": [8, 1]}, "b1": b},
        {**metadata, "W1": W | {"shape": [1, 2]}, "b1": b},
        {**metadata, "W1": W | {"data_offsets": [0, 2**60]}, "b1": b}, {"__metadata__": {"fnn": "[" * 100_000}},
        {"__metadata__": {}, "W1": W, "b1": b}, [], None,
    ]  # fmt: skip
    good = {**metadata, "W1": W, "b1": b}

    return [
        *(tensors(head, bytes(24)) for head in heads),
        tensors(good, bytes(16) + np.float64(np.nan).tobytes()),
        tensors(good, bytes(23)),
        tensors(good, bytes(25)),
        tensors(good, bytes(24), 2**63),
        tensors(good, bytes(24), 10**8),
        b"",
    ]


def idx(shape: tuple[int, ...], elements: bytes, kind: int = 8) -> bytes:
    return bytes([0, 0, kind, len(shape)]) + b"".join(size.to_bytes(4, "big") for size in shape) + elements


def idx_files() -> tuple[list[bytes], list[bytes]]:
    good = [idx((3, 4, 5), bytes(range(60))), idx((7,), bytes(7)), idx((2, 300), bytes(600))]
    hostile = [
        idx((4096, 2**20, 2**10), b"abc"),
        idx((10,), bytes(80), 0x0E),
        gzip.compress(idx((10,), bytes(5_000_000)), mtime=0),
        gzip.compress(idx((2**31,), bytes(1000)), mtime=0),
        pickle.dumps(Bomb()),
        b"",
    ]

    return good + [gzip.compress(file, mtime=0) for file in good], hostile


class Stopped(Exception):
    """What ends the run of `kept` where a file is wanted."""


_stops: list[int] = []  # steps after which it ends


def _stop(step: int, params: object, error: float) -> None:
    if step in _stops:
        raise Stopped


def kept(path: Path) -> fnn.Run[Any]:
    """What comes of a small run that goes on from a checkpoint."""
    x, y = np.array([[0.0, 1.0], [1.0, 0.5], [0.25, 1.0]]), np.array([[1.0], [0.0], [0.5]])

    return fnn.train(
        fnn.init((2, 2, 1), seed=0), x, y, optimizer=fnn.adam(0.1), epochs=4, batch_size=2, validation=(x, y),
        stopping=fnn.Stopping(patience=3, restore_best=True), checkpoint=fnn.Checkpoint(path, seconds=0), threads=1,
        callbacks=[fnn.each_steps(1, _stop), fnn.progress(False)],
    )  # fmt: skip


def checkpoints() -> tuple[list[bytes], list[bytes]]:
    """Of the middle of an epoch, its end, and the end of all; and hostile ones."""
    good = []
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "run.ckpt")
        for last in (4, 5, 100):
            _stops[:] = [last]
            with suppress(Stopped):
                kept(path)
            good.append(path.read_bytes())
        _stops.clear()
    with zipfile.ZipFile(io.BytesIO(good[1])) as file:
        description = json.loads(file.read("fnn.json"))
        arrays = {name: np.load(io.BytesIO(file.read(f"{name}.npy"))) for name, _, _ in description["arrays"]}
    place, specs = description["place"], description["arrays"]
    changes: list[dict[str, object]] = [
        {"fnn": "params"}, {"format": 2}, {"settings": {}}, {"settings": {"dtype": 3}}, {"arrays": []}, {"place": []},
        {"place": place | {"epoch": -1}}, {"place": place | {"epoch": 10**9}}, {"place": place | {"cases": 1}},
        {"place": place | {"snapshot_epoch": 2**62}}, {"place": place | {"stop_reason": "eval"}},
        {"arrays": [[[], [], []]]},
        {"arrays": [["params", "float64", [10**12]], *specs[1:]]}, {"arrays": [["params", "object", [9]], *specs[1:]]},
        {"arrays": [["../../x", "float64", [9]], *specs[1:]]}, {"arrays": [specs[0], *specs]},
        {"arrays": [["params", "float64", [0, 2**47]], *specs[1:]]},
    ]  # fmt: skip
    nan = {**arrays, "params": np.full_like(arrays["params"], np.nan)}
    hostile = [archive(description | change, arrays) for change in changes]

    return good, [*hostile, archive(description, nan), archive(GOOD, ARRAYS), pickle.dumps(Bomb()), b""]


@cache
def formats() -> list[Format]:
    """Those that can be read here: safetensors only where that package is."""
    found = [
        Format(".idx", fnn.read_idx, *idx_files()),
        Format(".npz", fnn.load, [saved(params, ".npz") for params in networks()], hostile_archives()),
    ]
    found.append(Format(".ckpt", kept, *checkpoints()))
    found.append(Format(".quantized.npz", partial(fnn.load, quantized=True), *quantized_files()))
    if find_spec("safetensors"):
        good = [saved(params, ".safetensors") for params in networks()]
        found.append(Format(".safetensors", fnn.load, good, hostile_tensors()))

    return found
