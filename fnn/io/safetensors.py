"""Parameters as safetensors: a tensor for each leaf and, as metadata, the description with a checksum, ``crc32``.

    length of the header, 8 bytes | header, JSON: metadata, and the place of each tensor | elements

The checksum is the CRC-32 of the description without it and of the tensors in the order of `Params.flat`. A program
that changes the tensors must leave it out; then, damage to the numbers isn't noticed.
"""

from __future__ import annotations

import json
import math
import os
import zlib
from io import BufferedReader
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fnn.activations.activation import Activation
from fnn.boundary.extras import extra
from fnn.io.archive import Description, description_of, little_endian, require_short, text_of
from fnn.io.description import dtype_in
from fnn.io.plain import open_plain
from fnn.network.architecture import Architecture
from fnn.network.layout import cache_aligned
from fnn.network.params import AnyParams, Params, wrap

_NAMES = {np.dtype(np.float32): "F32", np.dtype(np.float64): "F64"}
_METADATA = "__metadata__"


def pack(description: Description, params: Params[Any]) -> bytes:
    """The contents of a file; ValueError if `read` would refuse the header or the description for its length."""
    leaves = {key: leaf.copy() for key, leaf in params.items()}
    text = text_of(description | {"crc32": _checksum(description, params.flat_buffer)})
    contents: bytes = extra("safetensors.numpy", "path: to save a .safetensors file").save(leaves, {"fnn": text})
    require_short(len(text), len(contents), "can't be saved")
    _require_short_header(int.from_bytes(contents[:8], "little"), len(contents), "can't be saved")

    return contents


def read(path: str, own: dict[str, Activation]) -> AnyParams:
    """The parameters in a file, which isn't mapped, since others may cut it; ValueError if it's invalid."""
    with open_plain(path) as file:
        length = os.fstat(file.fileno()).st_size
        header, start = _header(path, file, length)
        metadata = header.pop(_METADATA, None)
        if not isinstance(metadata, dict) or not isinstance(text := metadata.get("fnn"), str):
            raise ValueError(f"{path}: not a file that fnn saved: its metadata have no description by fnn")
        require_short(len(text), length, f"{path}: damaged")
        description = description_of(path, text.encode(errors="surrogatepass"))
        checksum = description.pop("crc32", None)
        architecture, dtype = dtype_in(path, description, own)
        offsets = _offsets(path, header, architecture, dtype, length - start)
        flat = cache_aligned(architecture.count, little_endian(dtype))
        for key, part, _ in architecture.slices():
            file.seek(start + offsets[key])
            if file.readinto(flat[part].data) < flat[part].nbytes:
                raise ValueError(f"{path}: changed while it was read")
    if checksum is not None and checksum != (actual := _checksum(description, flat)):
        raise ValueError(f"{path}: damaged: its checksum is {actual}, it should be {checksum}")

    return wrap(flat.astype(dtype, copy=False), architecture)


def _checksum(description: Description, flat: NDArray[Any]) -> int:
    elements = flat.astype(little_endian(flat.dtype), copy=False)

    return zlib.crc32(elements.data, zlib.crc32(text_of(description).encode()))


def _require_short_header(header: int, length: int, what: str) -> None:
    """Raise ValueError if a header is implausibly long: parsed, JSON takes up to 25 times its length in memory."""
    if header > max(1 << 20, length // 4):
        raise ValueError(f"{what}: a header of {header} bytes, in a file of {length}")


def _header(path: str, file: BufferedReader, length: int) -> tuple[dict[str, object], int]:
    """The header, and where the elements begin."""
    size, what = int.from_bytes(file.read(8), "little"), f"{path}: not a file that fnn saved, or damaged"
    if size > length - 8:
        raise ValueError(f"{what}: a header of {size} bytes, in a file of {length}")
    _require_short_header(size, length, what)
    try:
        header = json.loads(file.read(size))
    except (ValueError, RecursionError):
        header = None
    if not isinstance(header, dict):
        raise ValueError(f"{what}: it doesn't begin with the header of a safetensors file")

    return header, 8 + size


def _offsets(
    path: str, header: dict[str, object], architecture: Architecture, dtype: np.dtype[Any], size: int
) -> dict[str, int]:
    """Where each leaf begins; ValueError unless the file has exactly those of the architecture, side by side."""
    shapes = {key: shape for key, _, shape in architecture.slices()}
    if difference := set(header) ^ set(shapes):
        raise ValueError(f"{path}: must hold {', '.join(shapes)}; {min(difference)!r} is missing or unexpected")
    places = {}
    for key, shape in shapes.items():
        match header[key]:
            case {"dtype": str(name), "shape": list(its_shape), "data_offsets": [int(first), int(last)]} if (
                name == _NAMES[dtype] and its_shape == list(shape)
                and last - first == math.prod(shape) * dtype.itemsize
            ):  # fmt: skip
                places[key] = first, last
            case other:
                raise ValueError(f"{path}: {key} must be {_NAMES[dtype]} {shape}, it is {other!r:.100}")
    starts, ends = zip(*sorted(places.values()), strict=True)
    if starts != (0, *ends[:-1]) or ends[-1] != size:
        raise ValueError(f"{path}: truncated or damaged: its tensors must fill {size} bytes, they end at {ends[-1]}")

    return {key: first for key, (first, _) in places.items()}
