"""`save` and `load`: networks in files."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import PurePath
from typing import Any, Literal, overload

import numpy as np

from fnn.activations.activation import Activation
from fnn.boundary.checks import flag, path_of
from fnn.io import quantized as quantized_files
from fnn.io import safetensors as tensors
from fnn.io.archive import little_endian, open_archive, text_of, write_archive
from fnn.io.atomic import replacing
from fnn.io.description import by_name, describe, dtype_in
from fnn.network.layout import cache_aligned
from fnn.network.leaves import cast_leaf
from fnn.network.params import DT, AnyParams, Params, wrap
from fnn.network.quantized.value import Quantized
from fnn.network.tree import require_finite


def save(path: str | os.PathLike[str], params: Params[Any] | Quantized) -> None:
    """Save parameters with their architecture, or a quantized network; the same network gives the same bytes.

    A process killed while saving leaves the previous file: the new one replaces it atomically, once it is on disk, and
    has its mode. Where the path is a link, what it leads to is replaced, not the link, as by ``cp``. The path is
    ``name.npz``, which ``np.load`` can read, too, or for parameters ``name.safetensors``, for which `save` needs the
    extra ``fnn[safetensors]``. Of an activation of your own only the name is saved.

    Raises
    ------
    ValueError, TypeError
        Another suffix, a parameter that isn't finite, an argument of another type; two activations of your own with the
        same name, or with names that take most of the file.
    OSError, ModuleNotFoundError
        The file can't be written, or what is there isn't a plain file; the package safetensors is missing.

    Examples
    --------
    >>> import fnn, pathlib, tempfile
    >>> params = fnn.init((2, 3, 1), seed=0, hidden=fnn.tanh)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = pathlib.Path(folder, "xor.npz")
    ...     fnn.save(path, params)
    ...     fnn.load(path) == params
    True
    """
    if isinstance(params, str | os.PathLike) and not isinstance(path, str | os.PathLike):
        raise TypeError(f"path, params: are swapped: save(path, params) got {type(path).__name__} as the path")
    is_npz = _is_npz(path_of("path", path), isinstance(params, Quantized))
    if isinstance(params, Quantized):
        leaves, description = params.leaves, describe("quantized", params.architecture, "weights", params.weights)
    else:
        require_finite("params", params)
        leaves, description = dict(params), describe("params", params.architecture, "dtype", params.dtype.name)
    if is_npz:
        with replacing(path) as file:
            write_archive(file, text_of(description), leaves.items())
    elif not isinstance(params, Quantized):
        contents = tensors.pack(description, params)
        with replacing(path) as file:
            file.write(contents)


@overload
def load(
    path: str | os.PathLike[str], activations: Iterable[Activation] = ..., *, dtype: None = None,
    quantized: Literal[False] = False,
) -> AnyParams: ...  # fmt: skip
@overload
def load(
    path: str | os.PathLike[str], activations: Iterable[Activation] = ..., *, dtype: type[DT],
    quantized: Literal[False] = False,
) -> Params[DT]: ...  # fmt: skip
@overload
def load(
    path: str | os.PathLike[str], activations: Iterable[Activation] = ..., *, quantized: Literal[True]
) -> Quantized: ...  # fmt: skip
def load(
    path: str | os.PathLike[str], activations: Iterable[Activation] = (), *, dtype: type[Any] | None = None,
    quantized: bool = False,
) -> Params[Any] | Quantized:  # fmt: skip
    """Load parameters with their architecture from a file written by `save`, ``name.npz`` or ``name.safetensors``.

    An untrusted file is safe: no code in it is run, and the memory needed is at most a few times its length (which a
    sparse file doesn't take on disk), or 40 times if it has a quantized network of narrow layers. It has activations
    of your own by name only: pass them.

    Parameters
    ----------
    path
        The file, or a link to it.
    activations
        Your own, if the network has any.
    dtype
        np.float32 or np.float64, which type checkers then know; parameters of the other are cast, float64 by rounding.
        None: that of the file.
    quantized
        Whether the file has a quantized network, which type checkers then know; it has no other dtype.

    Raises
    ------
    ValueError, TypeError
        The file is damaged or truncated, wasn't written by `save`, or has a number that isn't finite, or is beyond the
        dtype. The network has an activation that is neither built in nor passed. Another suffix, an argument of another
        type. The message names the file and the fault.
    OSError
        The file can't be read, or isn't a plain file.
    """
    name, own = path_of("path", path), by_name(activations)
    if dtype not in (None, np.float32, np.float64):
        raise TypeError(f"dtype: needs np.float32 or np.float64, got {dtype!r}")
    if flag("quantized", quantized):
        if dtype is not None:
            raise TypeError(f"dtype: a quantized network has float32 outputs, and takes no dtype; got {dtype!r}")
        _is_npz(name, quantized)
        return quantized_files.read(name, own)
    params = _read_npz(name, own) if _is_npz(name) else tensors.read(name, own)
    require_finite(name, params)
    if dtype is None or params.dtype == dtype:
        return params

    return wrap(cast_leaf(name, params.flat_buffer, np.dtype(dtype)), params.architecture)


def _is_npz(path: str, quantized: bool = False) -> bool:
    suffix = PurePath(path).suffix
    if suffix not in ((".npz",) if quantized else (".npz", ".safetensors")):
        choice = ".npz, for a quantized network" if quantized else ".npz or .safetensors"
        raise ValueError(f"path: must end in {choice}, got {path!r}")

    return suffix == ".npz"


def _read_npz(path: str, own: dict[str, Activation]) -> AnyParams:
    with open_archive(path) as archive:
        architecture, dtype = dtype_in(archive.path, archive.description, own)
        archive.expect((key, shape, dtype) for key, _, shape in architecture.slices())
        flat = cache_aligned(architecture.count, little_endian(dtype))
        archive.fill((key, flat[part].reshape(shape)) for key, part, shape in architecture.slices())

    return wrap(flat.astype(dtype, copy=False), architecture)
