"""Random quantized networks, and their outputs by exact integers, for the tests that need them."""

from __future__ import annotations

import ctypes
import hashlib
from pathlib import Path
from typing import Any, Final

import numpy as np
from hypothesis import strategies as st
from numpy.typing import NDArray

import fnn
from fnn.network.quantized.layout import KINDS as KINDS
from fnn.network.quantized.layout import Kind

HIDDEN: Final = (fnn.relu, fnn.tanh, fnn.sigmoid, fnn.gelu, fnn.elu(0.5), fnn.identity, fnn.sin)
OUTPUTS: Final = (fnn.softmax, fnn.identity, fnn.sigmoid, fnn.log_softmax)

_fmaf = ctypes.CDLL(None).fmaf  # of the C library: a·b + c, rounded once
_fmaf.argtypes, _fmaf.restype = [ctypes.c_float] * 3, ctypes.c_float
_fma = np.vectorize(_fmaf, otypes=[np.float32])


def network(sizes: tuple[int, ...], seed: int = 0, **options: Any) -> fnn.Params[np.float32]:
    """A network with biases, too."""
    params = fnn.init(sizes, seed=seed, dtype=np.float32, **options)
    random = np.random.default_rng(seed)

    return params.replace({key: random.normal(size=leaf.shape) for key, leaf in params.items() if key[0] == "b"})


def cases(count: int, inputs: int, seed: int = 0) -> NDArray[np.float32]:
    return np.random.default_rng(seed).normal(size=(count, inputs)).astype(np.float32)


def quantized(params: fnn.Params[Any], kind: Kind, x: Any) -> fnn.Quantized:
    """A network with weights of a kind, calibrated by x if that is needed."""
    return fnn.quantize(params, x if kind == "int8" else None, weights=kind)


@st.composite
def networks(draw: st.DrawFn) -> fnn.Params[np.float32]:
    """Layers around the widths of groups, vectors and panels."""
    units = st.integers(1, 20) | st.sampled_from([31, 33, 63, 64, 65, 127, 129, 150])
    sizes = tuple(draw(st.lists(units, min_size=2, max_size=4)))
    hidden = tuple(draw(st.sampled_from(HIDDEN)) for _ in sizes[2:])

    return network(sizes, draw(st.integers(0, 99)), hidden=hidden, output=draw(st.sampled_from(OUTPUTS)))


def widened(W: NDArray[np.uint16]) -> NDArray[np.float32]:
    """The float32 numbers that bits of bfloat16 stand for."""
    return (W.astype(np.uint32) << 16).view(np.float32)


def integers(q: fnn.Quantized, a: NDArray[np.float32], layer: int) -> NDArray[np.int64]:
    """The integers that stand for a layer's inputs, from a product and a sum that are exact in long double."""
    rate, zero = q.leaves[f"input{layer}"].astype(np.longdouble)

    return np.asarray(np.clip(np.rint(a * rate + zero), 0, 255), np.int64)


def expected(q: fnn.Quantized, x: NDArray[np.float32]) -> NDArray[np.float32]:
    """The outputs of int8 by sums of 64 bits, and roundings by the C library."""
    a, leaves = x, q.leaves
    for layer, f in enumerate(q.activations, start=1):
        W, zero = leaves[f"W{layer}"].astype(np.int64), int(leaves[f"input{layer}"][1])
        sums = (integers(q, a, layer) - zero) @ W
        assert np.abs(sums).max() < 2**31
        a = f(_fma(sums.astype(np.float32), leaves[f"scale{layer}"], leaves[f"b{layer}"])).astype(np.float32)

    return a


def rounded_network(q: fnn.Quantized, params: fnn.Params[np.float32]) -> fnn.Params[np.float32]:
    """The float32 network whose weights are those of bfloat16."""
    return params.replace({key: widened(leaf) for key, leaf in q.leaves.items() if key[0] == "W"})


def save_some(folder: Path) -> None:
    """Networks of both kinds, with many shapes of layers."""
    for i, sizes in enumerate([(784, 30, 10), (5, 64, 3), (64, 129, 65, 2), (17, 33, 100, 1), (300, 257, 16)]):
        params = network(sizes, i, hidden=HIDDEN[i % 3], output=OUTPUTS[i % 2])
        for kind in KINDS:
            fnn.save(folder / f"{kind}-{i}.npz", quantized(params, kind, cases(50, sizes[0])))


def digest(folder: Path) -> str:
    """A hash of the outputs of all networks in a folder, for many numbers of cases."""
    content = hashlib.sha256()
    for path in sorted(folder.iterdir()):
        q = fnn.load(path, quantized=True)
        x = cases(203, q.sizes[0])
        for part in (x, x[:97], x[0], x[:2], x[:5]):
            content.update(q(part).tobytes())

    return content.hexdigest()
