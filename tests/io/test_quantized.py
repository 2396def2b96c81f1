"""Quantized networks in files: exact round trips, and refusal of what isn't one."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from numba import njit

import fnn
from fnn.network.quantized.layout import Kind
from tests.fuzz.seeds import ARRAYS, GOOD, archive, saved
from tests.network.quantized import KINDS, cases, network, networks, quantized

kinds = pytest.mark.parametrize("kind", KINDS)


@njit
def cube(z: float) -> float:
    return z * z * z


@njit
def cube_prime(z: float, a: float) -> float:
    return 3 * z * z


@kinds
@settings(max_examples=40, deadline=None)
@given(params=networks())
def test_round_trip(kind: Kind, tmp_path_factory: pytest.TempPathFactory, params: fnn.Params[np.float32]) -> None:
    path, x = tmp_path_factory.getbasetemp() / "q.npz", cases(9, params.sizes[0])
    q = quantized(params, kind, x)
    fnn.save(path, q)
    loaded = fnn.load(path, quantized=True)

    assert loaded == q
    assert loaded.nbytes == q.nbytes
    np.testing.assert_array_equal(loaded(x), q(x))


@kinds
def test_numpy_reads_the_leaves(kind: Kind, tmp_path: Path) -> None:
    q = quantized(network((5, 7, 2)), kind, cases(9, 5))
    fnn.save(tmp_path / "q.npz", q)
    with np.load(tmp_path / "q.npz", allow_pickle=False) as arrays:
        assert list(arrays) == ["fnn.json", *q.leaves]
        for key, leaf in q.leaves.items():
            np.testing.assert_array_equal(arrays[key], leaf, strict=True)


@kinds
def test_a_file_is_four_or_two_times_smaller(kind: Kind, tmp_path: Path) -> None:
    params = network((784, 512, 512, 10))
    q = quantized(params, kind, cases(9, 784))

    assert len(saved(q, ".npz")) < len(saved(params, ".npz")) / {"int8": 3.9, "bfloat16": 1.97}[kind]
    assert saved(q, ".npz") == saved(quantized(params, kind, cases(9, 784)), ".npz")


@kinds
def test_any_flipped_bit_is_refused(kind: Kind, tmp_path: Path) -> None:
    content, path = saved(quantized(network((2, 1)), kind, cases(9, 2)), ".npz"), tmp_path / "q.npz"
    for place in range(len(content)):
        for bit in (1, 128):
            path.write_bytes(content[:place] + bytes([content[place] ^ bit]) + content[place + 1 :])
            with pytest.raises(ValueError, match=r"q\.npz"):
                fnn.load(path, quantized=True)


@kinds
def test_activations_of_the_user(kind: Kind, tmp_path: Path) -> None:
    mine = fnn.Activation("cubed", cube, cube_prime)
    q = quantized(network((2, 3, 1), hidden=mine), kind, cases(9, 2))
    fnn.save(tmp_path / "q.npz", q)

    assert fnn.load(tmp_path / "q.npz", [mine], quantized=True) == q
    with pytest.raises(ValueError, match="has an activation 'cubed', which isn't built in"):
        fnn.load(tmp_path / "q.npz", quantized=True)


INT8: dict[str, Any] = {"fnn": "quantized", "format": 1, "weights": "int8", "sizes": [2, 1], "activations": ["tanh"]}
LEAVES: dict[str, Any] = {
    "W1": np.array([[1], [2]], np.int8), "b1": np.ones(1, np.float32), "scale1": np.ones(1, np.float32),
    "input1": np.array([255, 3], np.float32),
}  # fmt: skip
BFLOAT16 = INT8 | {"weights": "bfloat16"}
HALVES: dict[str, Any] = {"W1": np.array([[1], [2]], np.uint16), "b1": LEAVES["b1"]}
TALL = LEAVES | {"W1": np.ones((65_537, 1), np.int8)}
NAN = np.full(1, np.nan, np.float32)


def test_these_files_are_good(tmp_path: Path) -> None:
    for description, arrays in ((INT8, LEAVES), (BFLOAT16, HALVES)):
        (tmp_path / "q.npz").write_bytes(archive(description, arrays))
        assert fnn.load(tmp_path / "q.npz", quantized=True).weights == description["weights"]


@pytest.mark.parametrize(
    "content, message",
    [
        (archive(GOOD, ARRAYS), r"holds no quantized network of fnn, but parameters: fnn\.load\(path\)"),
        (archive({"fnn": "checkpoint"}, {}), "holds no quantized network of fnn, but a checkpoint"),
        (archive({}, {}), "holds no quantized network of fnn$"),
        (archive(INT8 | {"weights": "int4"}, LEAVES), "weights must be int8 or bfloat16, got 'int4'"),
        (archive(INT8 | {"weights": ["int8"]}, LEAVES), r"weights must be int8 or bfloat16, got \['int8'\]"),
        (archive(INT8 | {"format": 2}, LEAVES), "has format 2"),
        (archive(INT8 | {"more": 2}, LEAVES), "its description must have"),
        (archive(INT8 | {"sizes": [10**6, 10**6]}, LEAVES), "truncated"),
        (archive(INT8, HALVES), "truncated"),
        (archive(INT8, LEAVES | {"W1": LEAVES["W1"].astype(np.uint8)}), "W1.npy isn't an array of int8"),
        (archive(INT8 | {"sizes": [65_537, 1]}, TALL), "W1 has more than 65536 rows"),
        (archive(INT8, LEAVES | {"scale1": NAN}), "scale1 has a number that isn't finite"),
        (archive(INT8, LEAVES | {"b1": NAN}), "b1 has a number that isn't finite"),
        (archive(BFLOAT16, HALVES | {"W1": np.full((2, 1), 0xFF80, np.uint16)}), "W1 has a number that isn't finite"),
        *(
            (archive(INT8, LEAVES | {"input1": np.array(pair, np.float32)}), "input1 (needs a rate above 0|has)")
            for pair in ([0, 3], [-1, 3], [1, 0.5], [1, 256], [1, -1], [np.nan, 1], [1, np.inf])
        ),
    ],
)
def test_bad_files_are_refused(tmp_path: Path, content: bytes, message: str) -> None:
    path = tmp_path / "digits.npz"
    path.write_bytes(content)

    with pytest.raises(ValueError, match=f"digits.npz: .*{message}"):
        fnn.load(path, quantized=True)


def test_bad_arguments(tmp_path: Path) -> None:
    q, path = fnn.quantize(network((2, 1)), [[1.0, 2.0]]), tmp_path / "q.npz"
    fnn.save(path, q)
    with pytest.raises(ValueError, match=r"holds no parameters of fnn, but a quantized network: fnn\.load\(path, quan"):
        fnn.load(path)
    with pytest.raises(TypeError, match="dtype: a quantized network has float32 outputs"):
        fnn.load(path, dtype=np.float32, quantized=True)  # type: ignore[call-overload] # bad input
    with pytest.raises(TypeError, match="quantized: needs True or False"):
        fnn.load(path, quantized=1)  # type: ignore[call-overload] # bad input
    for refused in (lambda: fnn.save(tmp_path / "q.safetensors", q), lambda: fnn.load("q.safetensors", quantized=True)):
        with pytest.raises(ValueError, match=r"path: must end in \.npz, for a quantized network, got"):
            refused()
