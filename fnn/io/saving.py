"""`save` and `load`: parameters with their architecture in files."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import PurePath
from typing import Any

from fnn.activations.activation import Activation
from fnn.io import safetensors as tensors
from fnn.io.archive import little_endian, open_archive, text_of, write_archive
from fnn.io.atomic import replacing
from fnn.io.description import architecture_in, by_name, describe
from fnn.network.layout import cache_aligned
from fnn.network.params import AnyParams, Params, wrap
from fnn.network.tree import require_finite


def save(path: str | os.PathLike[str], params: Params[Any]) -> None:
    """Save parameters with their architecture in a file; the same parameters give the same bytes.

    A process killed while saving leaves the previous file: the new one replaces it atomically, once it is on disk. The
    path is ``name.npz``, which ``np.load`` can read, too, or ``name.safetensors``, which needs the extra
    ``fnn[safetensors]``. Of an activation of your own only the name is saved.

    Raises
    ------
    ValueError, TypeError
        Another suffix, a parameter that isn't finite, an argument of another type; two activations of your own with the
        same name, or with names that take most of the file.
    OSError, ModuleNotFoundError
        The file can't be written; the package safetensors is missing.

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
    require_finite("params", params)
    is_npz = _is_npz(path)
    text = text_of(describe(params))
    if is_npz:
        with replacing(path) as file:
            write_archive(file, text, params.items())
    else:
        contents = tensors.pack(text, params)
        with replacing(path) as file:
            file.write(contents)


def load(path: str | os.PathLike[str], activations: Iterable[Activation] = ()) -> AnyParams:
    """Load parameters with their architecture from a file written by `save`, ``name.npz`` or ``name.safetensors``.

    An untrusted file is safe: no code in it is run, and the memory needed is at most a few times its size. It has
    activations of your own by name only: pass them.

    Raises
    ------
    ValueError, TypeError
        The file is damaged or truncated, wasn't written by `save`, or has a number that isn't finite. The network has
        an activation that is neither built in nor passed. Another suffix, activations of another type. The message
        names the file and the fault.
    OSError, ModuleNotFoundError
        The file can't be read; the package safetensors is missing.
    """
    own = by_name(activations)
    params = _read_npz(path, own) if _is_npz(path) else tensors.read(os.fspath(path), own)
    require_finite(os.fspath(path), params)

    return params


def _is_npz(path: str | os.PathLike[str]) -> bool:
    suffix = PurePath(path).suffix
    if suffix not in (".npz", ".safetensors"):
        raise ValueError(f"path: must end in .npz or .safetensors, got {os.fspath(path)!r}")

    return suffix == ".npz"


def _read_npz(path: str | os.PathLike[str], own: dict[str, Activation]) -> AnyParams:
    with open_archive(path) as archive:
        architecture, dtype = architecture_in(archive.path, archive.description, own)
        archive.expect((key, shape, dtype) for key, _, shape in architecture.slices())
        flat = cache_aligned(architecture.count, little_endian(dtype))
        archive.fill((key, flat[part].reshape(shape)) for key, part, shape in architecture.slices())

    return wrap(flat.astype(dtype, copy=False), architecture)
