"""Parameters as safetensors: the leaves under their names, and the description as metadata."""

from __future__ import annotations

import os
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fnn.activation import Activation
from fnn.architecture import Architecture
from fnn.archive import MOST_TEXT, description_of
from fnn.description import described
from fnn.extras import extra
from fnn.params import Params

_WHAT = "path: a .safetensors file"
_NAMES = {np.dtype(np.float32): "F32", np.dtype(np.float64): "F64"}


def pack(text: str, params: Params[Any]) -> bytes:
    """The contents of a file."""
    contents: bytes = extra("safetensors.numpy", _WHAT).save(
        {key: leaf.copy() for key, leaf in params.items()}, {"fnn": text}
    )

    return contents


def read(path: str, own: dict[str, Activation]) -> tuple[Architecture, NDArray[np.float32 | np.float64]]:
    """The architecture and the vector of parameters in a file; ValueError, which names it, if it holds none."""
    package = extra("safetensors", _WHAT)
    _check_head(path)
    try:
        with package.safe_open(path, framework="numpy") as file:
            text = (file.metadata() or {}).get("fnn", "")
            architecture, dtype = described(path, description_of(path, text.encode()), own)
            _check_tensors(path, file, architecture, _NAMES[dtype])
            flat = np.empty(architecture.count, dtype)
            for key, place, _ in architecture.slices():
                flat[place] = file.get_tensor(key).ravel()
    except package.SafetensorError as error:
        raise ValueError(f"{path}: damaged, or no safetensors file: {error}") from None

    return architecture, flat


def _check_head(path: str) -> None:
    """Refuse what the package would take much memory for: it reads a head of up to 100 MB, whatever it says."""
    with open(path, "rb") as file:
        length = int.from_bytes(file.read(8), "little")
        there = os.fstat(file.fileno()).st_size
    if not 0 < length <= min(2 * MOST_TEXT, there - 8):
        raise ValueError(f"{path}: damaged, or no safetensors file: a head of {length} bytes, the file has {there}")


def _check_tensors(path: str, file: Any, architecture: Architecture, dtype: str) -> None:
    """Make sure that the file has the leaves of the architecture, no less and no more."""
    shapes = {key: shape for key, _, shape in architecture.slices()}
    if strange := set(file.keys()) ^ set(shapes):
        raise ValueError(f"{path}: must hold {', '.join(shapes)}; {min(strange)!r} is missing or one too many")
    for key, shape in shapes.items():
        leaf = file.get_slice(key)
        if (leaf.get_dtype(), tuple(leaf.get_shape())) != (dtype, shape):
            raise ValueError(
                f"{path}: {key} must be {dtype} {shape}, it is {leaf.get_dtype()} {tuple(leaf.get_shape())}"
            )
