"""`to_c`, through a C compiler."""

from __future__ import annotations

import ctypes
import os
import shutil
import subprocess
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

import fnn
from tests import oracles
from tests.export.networks import (
    DTYPES,
    assert_agrees,
    assert_precise,
    assert_softmax,
    cases,
    networks,
    overflowing,
    single,
    tails,
)  # fmt: skip

C = next(filter(None, map(shutil.which, [os.environ.get("CC", "cc"), "gcc", "clang"])), None)
CXX = next(filter(None, map(shutil.which, [os.environ.get("CXX", "c++"), "g++", "clang++"])), None)
WARNINGS = ["-Wall", "-Wextra", "-Wpedantic", "-Wdouble-promotion", "-Wconversion", "-Wshadow", "-Werror"]
needs_c = pytest.mark.skipif(C is None, reason="there is no C compiler")


def run(compiler: str | None, *arguments: str, folder: Path) -> None:
    assert compiler is not None
    done = subprocess.run([compiler, *arguments], cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def program(folder: Path, params: Sequence[fnn.Params[Any] | fnn.Quantized], real: str) -> Path:
    """All networks in one file, with a loop over the cases around each."""
    lines = []
    for i, network in enumerate(params):
        (folder / f"net{i}.h").write_text(fnn.to_c(network, f"net{i}"))
        lines += [
            f'#include "net{i}.h"',
            f"void run{i}(const {real} *x, {real} *y, int count);",
            f"void run{i}(const {real} *x, {real} *y, int count) {{",
            f"    for (; count; count--, x += net{i}_INPUTS, y += net{i}_OUTPUTS) net{i}_forward(x, y);",
            "}",
        ]
    source = folder / "nets.c"
    source.write_text("\n".join(lines) + "\n")

    return source


def compiled(folder: Path, params: list[fnn.Params[Any]], *options: str) -> Callable[[int, NDArray[Any]], NDArray[Any]]:
    """The networks as a function of a network's number and its cases."""
    dtype = params[0].dtype
    source = program(folder, params, "float" if dtype == np.float32 else "double")
    run(C, "-std=c99", *options, *WARNINGS, "-fPIC", "-shared", str(source), "-o", "nets.so", "-lm", folder=folder)
    library = ctypes.CDLL(str(folder / "nets.so"))

    def forward(i: int, x: NDArray[Any]) -> NDArray[Any]:
        y = np.full((len(x), params[i].sizes[-1]), np.nan, dtype)
        library[f"run{i}"](ctypes.c_void_p(x.ctypes.data), ctypes.c_void_p(y.ctypes.data), len(x))

        return y

    return forward


@needs_c
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("level", ["-O0", "-O3"])
def test_outputs_agree_with_forward(tmp_path: Path, dtype: type[Any], level: str) -> None:
    every = networks(dtype)
    forward = compiled(tmp_path, every, level)
    for i, params in enumerate(every):
        assert_agrees(params, forward(i, cases(params)))


def sums_in_order(params: fnn.Params[Any], x: NDArray[Any]) -> NDArray[Any]:
    """The outputs of identity units, each sum from left to right from b on, every operation rounded."""
    for layer in range(1, len(params.sizes)):
        z = np.tile(params[f"b{layer}"], (len(x), 1))
        for i, row in enumerate(params[f"W{layer}"]):
            z = z + x[:, i : i + 1] * row
        x = z

    return x


@needs_c
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("level", ["-O0", "-O2", "-O3", "-O3 -march=native"])
def test_sums_have_one_order(tmp_path: Path, dtype: type[Any], level: str) -> None:
    """The bits don't depend on how a compiler makes vectors of the loops."""
    every = [fnn.init((m, n, 2), seed=m, hidden=fnn.identity, output=fnn.identity, dtype=dtype)
             for m in (1, 7, 8, 9, 25) for n in (1, 3, 4, 16, 30, 33)]  # fmt: skip
    every = [p.with_flat(p.flat + dtype(0.1)) for p in every]
    forward = compiled(tmp_path, every, *level.split(), "-ffp-contract=off")
    for i, params in enumerate(every):
        x = np.random.default_rng(i).normal(size=(5, params.sizes[0])).astype(dtype)
        assert forward(i, x).tobytes() == sums_in_order(params, x).tobytes(), params.sizes


@needs_c
@pytest.mark.parametrize("dtype", DTYPES)
def test_tails_and_extremes(tmp_path: Path, dtype: type[Any]) -> None:
    forward = compiled(tmp_path, [single(f, dtype) for f in oracles.ROWS], "-O2")
    for i, f in enumerate(oracles.ROWS):
        assert_precise(f, forward(i, tails(dtype)), dtype)


@needs_c
@pytest.mark.parametrize("dtype", DTYPES)
def test_extremes_of_softmax(tmp_path: Path, dtype: type[Any]) -> None:
    kinds = (fnn.softmax, fnn.log_softmax)
    params, x = zip(*(overflowing(f, dtype) for f in kinds), strict=True)
    forward = compiled(tmp_path, list(params), "-O2")
    for i, f in enumerate(kinds):
        assert_softmax(f, forward(i, x[i]))


@pytest.mark.skipif(CXX is None, reason="there is no C++ compiler")
@pytest.mark.parametrize("dtype", DTYPES)
def test_header_is_valid_cpp(tmp_path: Path, dtype: type[Any]) -> None:
    source = program(tmp_path, networks(dtype), "float" if dtype is np.float32 else "double")

    run(CXX, "-x", "c++", "-std=c++11", "-fsyntax-only", *WARNINGS, str(source), folder=tmp_path)


@needs_c
def test_weights_are_exact(tmp_path: Path) -> None:
    for dtype, real in ((np.float32, "float"), (np.float64, "double")):
        info, random = np.finfo(dtype), np.random.default_rng(0)
        bits = random.integers(0, 2**info.bits, 3000, np.uint64).astype(f"u{info.bits // 8}").view(dtype)
        numbers = np.concatenate([bits[np.isfinite(bits)], [-0.0, info.max, info.tiny, info.smallest_subnormal, 1e22]])
        leaves = {"W1": np.ones((1, len(numbers)), dtype), "b1": numbers.astype(dtype)}
        params: fnn.Params[Any] = fnn.Params(leaves, hidden=(), output=fnn.identity)
        source = tmp_path / f"{real}.c"
        source.write_text(
            f"{fnn.to_c(params, 'net')}const {real} *b(void);\nconst {real} *b(void) {{ return net_b1; }}"
        )
        run(C, "-std=c99", "-fPIC", "-shared", str(source), "-o", f"{real}.so", "-lm", folder=tmp_path)
        function = ctypes.CDLL(str(tmp_path / f"{real}.so")).b
        function.restype = ctypes.c_void_p
        assert ctypes.string_at(function(), params["b1"].nbytes) == params["b1"].tobytes()


@pytest.mark.parametrize("name", ["", "1st", "a-b", "naïve", "a b", "a;b", "_a", 3])
def test_bad_names(name: Any) -> None:
    with pytest.raises(ValueError, match="name: must be an identifier in C, got"):
        fnn.to_c(fnn.init((2, 1), seed=0), name)


def test_header_of_a_network() -> None:
    source = fnn.to_c(fnn.init((2, 3, 3, 1), seed=0, hidden=(fnn.tanh, fnn.leaky_relu(0.1)), dtype=np.float32), "xor")

    assert source.startswith("/* xor: 2-3-3-1, tanh, leaky_relu(0.1), sigmoid; float32. Written by fnn.")
    assert "float u[3], v[3];" in source
    assert "about\n * 36 bytes" in source
    assert "alloc" not in source.replace("allocates nothing", "")
    assert "$" not in source
