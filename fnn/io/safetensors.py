"""Parameters as safetensors: a tensor for each leaf, and the description as metadata."""

from __future__ import annotations

import os
from typing import Any

import numpy as np

from fnn.activations.activation import Activation
from fnn.extras import extra
from fnn.io.archive import description_of, require_short
from fnn.io.description import architecture_in
from fnn.network.architecture import Architecture
from fnn.network.layout import cache_aligned
from fnn.network.params import AnyParams, Params, wrap

_WHAT = "path: a .safetensors file"
_NAMES = {np.dtype(np.float32): "F32", np.dtype(np.float64): "F64"}


def pack(text: str, params: Params[Any]) -> bytes:
    """The contents of a file; ValueError if `read` would refuse the description for its length."""
    leaves = {key: leaf.copy() for key, leaf in params.items()}
    contents: bytes = extra("safetensors.numpy", _WHAT).save(leaves, {"fnn": text})
    require_short(len(text), len(contents), "can't be saved")

    return contents


def read(path: str, own: dict[str, Activation]) -> AnyParams:
    """The parameters in a file; ValueError, which names the file, if it's invalid."""
    package = extra("safetensors", _WHAT)
    length = _checked_length(path)
    try:
        with package.safe_open(path, framework="numpy") as file:
            text = (file.metadata() or {}).get("fnn", "").encode()
            require_short(len(text), length, f"{path}: damaged")
            architecture, dtype = architecture_in(path, description_of(path, text), own)
            _check_tensors(path, file, architecture, _NAMES[dtype])
            flat = cache_aligned(architecture.count, dtype)
            for key, part, _ in architecture.slices():
                flat[part] = file.get_tensor(key).ravel()
    except package.SafetensorError as error:
        raise ValueError(f"{path}: damaged, or no safetensors file: {error}") from None

    return wrap(flat, architecture)


def _checked_length(path: str) -> int:
    """The file's length; ValueError if its header claims to be longer: the package would allocate memory for it."""
    with open(path, "rb") as file:
        head = int.from_bytes(file.read(8), "little")
        length = os.fstat(file.fileno()).st_size
    if not 0 < head <= length - 8:
        raise ValueError(f"{path}: damaged, or no safetensors file: a header of {head} bytes in a file of {length}")

    return length


def _check_tensors(path: str, file: Any, architecture: Architecture, dtype: str) -> None:
    """Raise ValueError unless the file has exactly the leaves of the architecture."""
    shapes = {key: shape for key, _, shape in architecture.slices()}
    if difference := set(file.keys()) ^ set(shapes):
        raise ValueError(f"{path}: must hold {', '.join(shapes)}; {min(difference)!r} is missing or unexpected")
    for key, shape in shapes.items():
        leaf = file.get_slice(key)
        its_dtype, its_shape = leaf.get_dtype(), tuple(leaf.get_shape())
        if (its_dtype, its_shape) != (dtype, shape):
            raise ValueError(f"{path}: {key} must be {dtype} {shape}, it is {its_dtype} {its_shape}")
