"""`Quantized`: int8 against exact integers, bfloat16 against rounded weights, on other processors and by threads."""

from __future__ import annotations

import copy
import math
import os
import pickle
import platform
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numba import njit

import fnn
from fnn.compiler.target import target_features
from fnn.network.quantized import value
from fnn.network.quantized.kernels.forward import BLOCK
from fnn.network.quantized.layout import Kind
from tests.network.quantized import (
    KINDS,
    cases,
    digest,
    expected,
    network,
    networks,
    quantized,
    rounded_network,
    save_some,
)

COUNTS = (1, 2, 3, 5, 6, 7, 13, BLOCK - 1, BLOCK, BLOCK + 1, 2 * BLOCK + 5)

# Processors by what their tiles are made of; all have been sold.
PROCESSORS = {
    "VNNI of 512 bits": ("icelake-server", "+avx512f,+avx512bw,+avx512vl,+avx512dq,+avx512vnni,+avx2,+avx,+fma"),
    "AVX-512 without VNNI": ("skylake-avx512", "+avx512f,+avx512bw,+avx512vl,+avx512dq,+avx2,+avx,+fma"),
    "VNNI of 256 bits": ("alderlake", "+avxvnni,+avx2,+avx,+fma"),
    "AVX2": ("haswell", "+avx2,+avx,+fma"),
    "SSE2": ("generic", ""),
}


@given(params=networks(), count=st.sampled_from(COUNTS), seed=st.integers(0, 99))
@settings(deadline=None, max_examples=150)
def test_int8_equals_exact_integers(params: fnn.Params[np.float32], count: int, seed: int) -> None:
    x = cases(count, params.sizes[0], seed)
    q = fnn.quantize(params, x[: max(count // 2, 1)])  # so that some cases lie outside the range

    np.testing.assert_array_equal(q(x), expected(q, x), strict=True)


@given(params=networks(), count=st.sampled_from(COUNTS), seed=st.integers(0, 99))
@settings(deadline=None, max_examples=150)
def test_bfloat16_equals_forward_with_rounded_weights(params: fnn.Params[np.float32], count: int, seed: int) -> None:
    x, q = cases(count, params.sizes[0], seed), fnn.quantize(params, weights="bfloat16")

    np.testing.assert_array_equal(q(x), fnn.forward(rounded_network(q, params), x), strict=True)


@pytest.mark.parametrize("kind", KINDS)
def test_a_case_has_the_same_bits_in_every_batch_and_by_any_number_of_threads(
    kind: Kind, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(value.WORTH_THREADS, kind, 0)
    monkeypatch.setattr(value, "available", lambda: 7)
    params, x = network((20, 70, 33, 3), hidden=fnn.tanh, output=fnn.softmax), cases(8 * BLOCK + 3, 20)
    q = quantized(params, kind, x)
    whole = q(x, threads=1)

    for threads in (2, 3, 5, None):
        np.testing.assert_array_equal(q(x, threads=threads), whole)
    for count in COUNTS:
        np.testing.assert_array_equal(q(x[:count]), whole[:count])
    np.testing.assert_array_equal([q(case) for case in x[:20]], whole[:20])


@pytest.mark.skipif(platform.machine() != "x86_64", reason="names of x86 processors")
@pytest.mark.parametrize("processor", PROCESSORS)
def test_other_processors_return_the_same_bits(processor: str, tmp_path: Path) -> None:
    cpu, features = PROCESSORS[processor]
    if not set(features.split(",")) - {""} <= set(target_features()):
        pytest.skip("this processor lacks the instructions")
    save_some(tmp_path)
    cache = tmp_path.with_suffix(".cache")
    target = {"NUMBA_CPU_NAME": cpu, "NUMBA_CPU_FEATURES": features, "NUMBA_CACHE_DIR": str(cache)}
    child = subprocess.run(
        [sys.executable, "-c", f"from tests.network.quantized import *; print(digest(Path({str(tmp_path)!r})))"],
        env=os.environ | target, cwd=Path(__file__).parents[2], capture_output=True, text=True, check=True,
    )  # fmt: skip

    assert child.stdout.strip() == digest(tmp_path)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("dtype", [np.uint8, np.int64, np.float16, np.float64, ">f4"])
def test_other_dtypes_and_layouts(kind: Kind, dtype: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(value, "_CAST", 1)  # piece by piece
    x = np.random.default_rng(0).integers(0, 9, (2 * BLOCK + 9, 7)).astype(dtype)
    q = quantized(network((7, 5, 2)), kind, x)
    plain = q(x.astype(np.float32))

    np.testing.assert_array_equal(q(x), plain)
    np.testing.assert_array_equal(q(np.asfortranarray(x)), plain)
    np.testing.assert_array_equal(q(x[::2]), plain[::2])
    np.testing.assert_array_equal(q(x[0].tolist()), plain[0])


@pytest.mark.parametrize("kind", KINDS)
def test_float64_networks_become_float32(kind: Kind) -> None:
    params, x = fnn.init((3, 4, 2), seed=0), cases(5, 3)

    assert quantized(params, kind, x)(x).dtype == np.float32


def test_what_is_outside_the_calibration_is_clipped() -> None:
    q = fnn.quantize(network((1, 1), output=fnn.identity), [[-1.0], [2.0]])

    assert q([1e38]) == q([2.0])
    assert q([-1e38]) == q([-1.0])
    assert q([1.0]) != q([2.0])


@pytest.mark.parametrize("kind", KINDS)
def test_bad_inputs(kind: Kind, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(value, "_CAST", 1)  # piece by piece
    q = quantized(network((3, 4, 2)), kind, cases(5, 3))
    x = cases(2 * BLOCK, 3).astype(np.float64)
    for bad in (np.nan, np.inf, -np.inf, 1e39):
        x[BLOCK + 1, 1] = bad
        with pytest.raises(ValueError, match=rf"^x: NaN or infinity or a value beyond float32 in row {BLOCK + 1}$"):
            q(x)
    with pytest.raises(ValueError, match=r"^x: NaN or infinity or a value beyond float32$"):
        q(x[BLOCK + 1])
    with pytest.raises(ValueError, match="x: has 2 columns, but the network has 3 inputs"):
        q([1.0, 2.0])
    with pytest.raises(ValueError, match="x: needs at least one case"):
        q(np.empty((0, 3)))
    with pytest.raises(ValueError, match=r"x: needs shape \(3,\) or \(N, 3\), got \(1, 1, 3\)"):
        q([[[1.0, 2.0, 3.0]]])
    with pytest.raises(TypeError, match="x: needs real numbers"):
        q(["a", "b", "c"])
    with pytest.raises(ValueError, match="threads: must be at least 1, got 0"):
        q([1.0, 2.0, 3.0], threads=0)


@pytest.mark.parametrize("kind", KINDS)
def test_the_first_bad_row_is_told_by_threads_too(kind: Kind, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(value.WORTH_THREADS, kind, 0)
    monkeypatch.setattr(value, "available", lambda: 3)
    x = cases(5 * BLOCK, 3)
    q = quantized(network((3, 4, 2)), kind, x)
    x[[4 * BLOCK, 2 * BLOCK + 1]] = np.nan

    with pytest.raises(ValueError, match=f"in row {2 * BLOCK + 1}$"):
        q(x)


@njit
def root(z: float) -> float:
    return math.sqrt(z)


@njit
def root_prime(z: float, a: float) -> float:
    return 0.5 / a


@pytest.mark.parametrize("kind", KINDS)
def test_nan_of_an_activation_is_never_hidden(kind: Kind) -> None:
    own = fnn.Activation("root", root, root_prime)
    leaves: dict[str, Any] = {"W1": [[1.0], [-1.0]], "b1": [0.0], "W2": [[1.0, 0.5]], "b2": [0.0, 0.0]}
    params = fnn.Params(leaves, hidden=own, output=fnn.identity)
    q = quantized(params, kind, [[0.0, 0.0], [1.0, 0.0], [1.0, 1.0]])
    x = [[1.0, 0.5], [0.5, 1.0], [1.0, 0.0]]

    np.testing.assert_allclose(q(x), fnn.forward(params, x), rtol=0.01)  # NaN for the second case alone
    assert np.isnan(q(x[1])).all()


@pytest.mark.parametrize("kind", KINDS)
def test_value(kind: Kind) -> None:
    params, x = network((30, 200, 10)), cases(9, 30)
    q = quantized(params, kind, x)
    for other in (copy.copy(q), copy.deepcopy(q), pickle.loads(pickle.dumps(q))):
        assert other == q
        np.testing.assert_array_equal(other(x), q(x))
    assert q != quantized(network((30, 200, 10), 1), kind, x)
    assert q != quantized(params, "int8" if kind == "bfloat16" else "bfloat16", x)
    assert q != params
    assert repr(q) == (
        f"fnn.Quantized({kind}, 8210 parameters)\n"
        "  layer  W          b       activation\n"
        "  1      (30, 200)  (200,)  sigmoid\n"
        "  2      (200, 10)  (10,)   sigmoid"
    )
    assert (q.sizes, q.activations, q.weights) == (params.sizes, params.activations, kind)
    assert not any(leaf.flags.writeable for leaf in q.leaves.values())
    with pytest.raises(AttributeError, match="Quantized is immutable: weights can't be set"):
        q.weights = "int8"
    with pytest.raises(AttributeError, match="Quantized is immutable: weights can't be deleted"):
        del q.weights
    with pytest.raises(TypeError, match="unhashable"):
        hash(q)
    with pytest.raises(TypeError, match=r"fnn\.quantize\(params, x_calibration\) makes one"):
        fnn.Quantized()
    with pytest.raises(TypeError, match=r"params: needs fnn\.Params, got Quantized; it is called itself: q\(x\)"):
        fnn.forward(q, x)  # type: ignore[arg-type] # bad input


def test_memory() -> None:
    params = network((784, 512, 512, 10))

    assert fnn.quantize(params, cases(3, 784)).nbytes < params.flat.nbytes / 3.9
    assert fnn.quantize(params, weights="bfloat16").nbytes < params.flat.nbytes / 1.97
