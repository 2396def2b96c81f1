"""`to_c` of quantized networks: the bits of Python, through a C compiler."""

from __future__ import annotations

import ctypes
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

import fnn
from fnn.network.quantized.layout import Kind
from tests.export.networks import ACTIVATIONS
from tests.export.test_c import CXX, WARNINGS, C, needs_c, program, run
from tests.network.quantized import KINDS, cases, network, quantized

kinds = pytest.mark.parametrize("kind", KINDS)


def networks(kind: Kind) -> list[fnn.Quantized]:
    """One for each activation, hidden where possible; a shallow, a deep and a wide one."""
    every = [
        network((3, 20, 4), seed, hidden=fnn.identity if f.is_rowwise else f, output=f)
        for seed, f in enumerate(ACTIVATIONS)
    ]
    every += [
        network((3, 1)), network((1, 7, 2, 9, 1), hidden=(fnn.relu, fnn.tanh, fnn.elu(0.3)), output=fnn.gelu),
        network((70, 200, 10), hidden=fnn.silu, output=fnn.softmax),
    ]  # fmt: skip

    return [quantized(params, kind, cases(50, params.sizes[0])) for params in every]


def compiled(
    folder: Path, every: list[fnn.Quantized], *options: str
) -> Callable[[int, NDArray[np.float32]], NDArray[np.float32]]:
    """The networks as a function of a network's number and its cases."""
    source = program(folder, every, "float")
    run(C, "-std=c99", *options, *WARNINGS, "-fPIC", "-shared", str(source), "-o", "nets.so", "-lm", folder=folder)
    library = ctypes.CDLL(str(folder / "nets.so"))

    def forward(i: int, x: NDArray[np.float32]) -> NDArray[np.float32]:
        y = np.full((len(x), every[i].sizes[-1]), -1, np.float32)
        library[f"run{i}"](ctypes.c_void_p(x.ctypes.data), ctypes.c_void_p(y.ctypes.data), len(x))

        return y

    return forward


@needs_c
@kinds
@pytest.mark.parametrize("options", [["-O0"], ["-O3"], ["-O3", "-march=native"]])
def test_outputs_have_the_bits_of_python(tmp_path: Path, kind: Kind, options: list[str]) -> None:
    every = networks(kind)
    forward = compiled(tmp_path, every, *options)
    for i, q in enumerate(every):
        x = cases(300, q.sizes[0], seed=i)
        x[100:] *= np.float32(10) ** np.random.default_rng(i).uniform(-30, 2, (200, 1)).astype(np.float32)
        np.testing.assert_array_equal(forward(i, x), q(x), strict=True, err_msg=repr(q))


@needs_c
def test_activations_have_the_bits_of_python_for_all_numbers(tmp_path: Path) -> None:
    bits = np.arange(0, 2**32, 9973).astype(np.uint32)
    z = np.concatenate([bits.view(np.float32), np.linspace(-100, 100, 100_001, dtype=np.float32)])
    z = z[np.isfinite(z)]
    every = [network((1, 1), output=f).replace({"W1": [[1.0]], "b1": [-0.0]}) for f in ACTIVATIONS]
    forward = compiled(tmp_path, [fnn.quantize(params, weights="bfloat16") for params in every], "-O2")
    for i, f in enumerate(ACTIVATIONS):
        np.testing.assert_array_equal(forward(i, z[:, None]), f(z[:, None]), strict=True, err_msg=f.name)


@needs_c
@kinds
def test_nan_is_never_hidden(tmp_path: Path, kind: Kind) -> None:
    steep = network((2, 3, 2), hidden=fnn.sin, output=fnn.identity).replace({"W1": np.full((2, 3), 2e38)})
    every = [quantized(params, kind, [[1e-30, 0.0], [0.0, 1.0]]) for params in (network((2, 3, 2)), steep)]
    forward = compiled(tmp_path, every)
    x = np.array([[np.nan, 0.5], [0.25, np.nan], [1.0, 1.0]], np.float32)

    np.testing.assert_array_equal(np.isnan(forward(0, x)), [[True, True], [True, True], [False, False]])
    np.testing.assert_array_equal(forward(1, x[2:]), every[1](x[2:]))  # sin of infinity
    assert np.isnan(forward(1, x[2:])).all()


@pytest.mark.skipif(CXX is None, reason="there is no C++ compiler")
@kinds
def test_header_is_valid_cpp(tmp_path: Path, kind: Kind) -> None:
    source = program(tmp_path, networks(kind), "float")

    run(CXX, "-x", "c++", "-std=c++11", "-fsyntax-only", *WARNINGS, str(source), folder=tmp_path)


@kinds
def test_header_of_a_network(kind: Kind) -> None:
    source = fnn.to_c(quantized(network((2, 3, 3, 1), hidden=fnn.relu), kind, cases(9, 2)), "xor")

    assert source.startswith(f"/* xor: 2-3-3-1, relu, relu, sigmoid; {kind}. Written by fnn.")
    assert f"about {15 if kind == 'int8' else 24} bytes" in source.replace("\n * ", " ")
    assert "alloc" not in source.replace("allocates nothing", "")
    assert "$" not in source


def test_bad_arguments() -> None:
    q = fnn.quantize(network((2, 1)), weights="bfloat16")
    with pytest.raises(ValueError, match="name: must be an identifier in C, got '1st'"):
        fnn.to_c(q, "1st")
