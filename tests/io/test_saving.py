"""`save` and `load`: exact round trips, other dtypes, and refusal of invalid files and arguments."""

from __future__ import annotations

import json
import subprocess
import sys
import tracemalloc
import zipfile
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from numba import njit

import fnn
from fnn.io.archive import write_archive
from tests.fuzz.seeds import ARRAYS, GOOD, archive, numpy_archive, saved
from tests.problems import Problem, problems

needs_safetensors = pytest.mark.skipif(find_spec("safetensors") is None, reason="the package safetensors is missing")
SUFFIXES = [".npz", pytest.param(".safetensors", marks=needs_safetensors)]
both = pytest.mark.parametrize("suffix", SUFFIXES)


@njit
def cube(z: float) -> float:
    return z * z * z


@njit
def cube_prime(z: float, a: float) -> float:
    return 3 * z * z


@both
@settings(max_examples=60, deadline=None)
@given(problem=problems(counts=(1,)))
def test_round_trip(suffix: str, tmp_path_factory: pytest.TempPathFactory, problem: Problem) -> None:
    path = tmp_path_factory.getbasetemp() / f"params{suffix}"
    fnn.save(path, problem.params)
    loaded = fnn.load(path)

    assert loaded == problem.params
    assert loaded.flat.tobytes() == problem.params.flat.tobytes()
    assert loaded.dtype == problem.params.dtype
    assert not loaded["W1"].flags.writeable
    np.testing.assert_array_equal(fnn.forward(loaded, problem.x), fnn.forward(problem.params, problem.x))


@both
def test_round_trip_of_extreme_numbers(suffix: str, tmp_path: Path) -> None:
    for dtype in (np.float32, np.float64):
        info = np.finfo(dtype)
        numbers = np.array([-0.0, info.max, -info.max, info.tiny, info.smallest_subnormal, info.eps], dtype)
        params: fnn.Params[Any] = fnn.Params(
            {"W1": numbers[:, None], "b1": numbers[:1]}, hidden=(), output=fnn.identity
        )
        fnn.save(tmp_path / f"p{suffix}", params)
        assert fnn.load(tmp_path / f"p{suffix}").flat.tobytes() == params.flat.tobytes()


@both
def test_bytes_are_deterministic(suffix: str) -> None:
    first = saved(fnn.init((3, 4, 2), seed=0), suffix)

    assert first == saved(fnn.init((3, 4, 2), seed=0), suffix)
    assert first != saved(fnn.init((3, 4, 2), seed=1), suffix)


def test_round_trip_of_activations_with_parameters(tmp_path: Path) -> None:
    hidden, path = (fnn.leaky_relu(0.1), fnn.elu(1e-300), fnn.elu(1 / 3)), tmp_path / "p.npz"
    params = fnn.init((2, 3, 3, 3, 1), seed=0, hidden=hidden, output=fnn.gelu_tanh)
    fnn.save(path, params)

    assert fnn.load(path) == params
    for name in ("elu(0)", "elu(-1.0)", "elu(inf)", "elu(nan)", "elu(1)", "elu(1.0", "elu()", "elu", "tanh(1.0)"):
        path.write_bytes(archive(GOOD | {"activations": [name]}, ARRAYS))
        with pytest.raises(ValueError, match="which isn't built in"):
            fnn.load(path)
    program = "import fnn, sys; print(fnn.load(sys.argv[1]).activations)"  # in a process that has made none of them
    fnn.save(path, params)
    done = subprocess.run([sys.executable, "-c", program, str(path)], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == repr(params.activations)


def test_npz_is_readable_by_numpy(tmp_path: Path) -> None:
    params = fnn.init((3, 4, 2), seed=0, hidden=fnn.tanh, dtype=np.float32)
    fnn.save(tmp_path / "p.npz", params)

    with zipfile.ZipFile(tmp_path / "p.npz") as file:
        assert file.testzip() is None
        description = json.loads(file.read("fnn.json"))
        assert {entry.compress_type for entry in file.infolist()} == {zipfile.ZIP_STORED}
    assert description == {
        "fnn": "params", "format": 1, "dtype": "float32", "sizes": [3, 4, 2], "activations": ["tanh", "sigmoid"],
    }  # fmt: skip
    with np.load(tmp_path / "p.npz", allow_pickle=False) as arrays:
        assert list(arrays) == ["fnn.json", *params]
        for key, leaf in params.items():
            np.testing.assert_array_equal(arrays[key], leaf, strict=True)


@both
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_any_flipped_bit_is_refused(suffix: str, dtype: type[Any], tmp_path: Path) -> None:
    path = tmp_path / f"p{suffix}"
    fnn.save(path, fnn.init((2, 3, 1), seed=0, dtype=dtype))
    content = path.read_bytes()
    for place in range(len(content)):
        for bit in (1, 128):
            path.write_bytes(content[:place] + bytes([content[place] ^ bit]) + content[place + 1 :])
            with pytest.raises(ValueError, match=rf"p\{suffix}"):
                fnn.load(path)


@both
def test_user_activations_are_matched_by_name(suffix: str, tmp_path: Path) -> None:
    mine, path = fnn.Activation("cubed", cube, cube_prime), tmp_path / f"p{suffix}"
    params = fnn.init((2, 3, 1), seed=0, hidden=mine)
    fnn.save(path, params)

    assert fnn.load(path, activations=[mine]) == fnn.load(path, [fnn.tanh, mine]) == params
    with pytest.raises(ValueError, match=r"p\.\w+: has an activation 'cubed', which isn't built in; pass your own to"):
        fnn.load(path)
    with pytest.raises(ValueError, match="two of them have the name 'cubed'"):
        fnn.load(path, activations=[mine, fnn.Activation("cubed", cube, njit(lambda z, a: a))])
    with pytest.raises(TypeError, match="activations: needs activations"):
        fnn.load(path, activations=["cubed"])  # type: ignore[list-item] # bad input


def test_two_activations_of_one_name_are_refused(tmp_path: Path) -> None:
    pair = [fnn.Activation("twin", cube, cube_prime), fnn.Activation("twin", cube, njit(lambda z, a: a))]
    params = fnn.init((2, 3, 3, 1), seed=0, hidden=pair)

    with pytest.raises(ValueError, match="two of them have the name 'twin'"):
        fnn.save(tmp_path / "p.npz", params)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "content, message",
    [
        (b"", "not a file that fnn saved, or its beginning is damaged"),
        (numpy_archive(False, **ARRAYS), "not a file that fnn saved, or its beginning is damaged"),
        (archive({"fnn": "checkpoint"}, {}), "holds no parameters of fnn, but a checkpoint, from which train goes on"),
        (archive(GOOD | {"sizes": [10**6, 10**6]}, ARRAYS), "truncated: what it describes takes 8000008000870 bytes"),
        (archive(GOOD, {**ARRAYS, "b2": np.ones(1)}), "too long: what it describes takes 882 bytes"),
        (archive(GOOD, {"W1": ARRAYS["W1"]}), "truncated: what it describes takes 882 bytes"),
        (archive(GOOD, {**ARRAYS, "b1": np.array([np.nan])}), "b1 has a number that isn't finite"),
        (archive(GOOD, {**ARRAYS, "W1": np.ones((1, 2))}), r"W1.npy isn't an array of float64 with shape \(2, 1\)"),
        (archive(GOOD, {"W2": ARRAYS["W1"], "b1": np.ones(1)}), "another member where W1.npy should begin"),
        (archive(GOOD | {"format": 2}, ARRAYS), "has format 2, but this version of fnn knows only 1"),
        (archive(GOOD | {"activations": ["eval"]}, ARRAYS), "has an activation 'eval', which isn't built in"),
        (archive(GOOD | {"sizes": [2.0, 1]}, ARRAYS), r"sizes must be a list of int, got \[2\.0, 1\]"),
    ],
)  # fmt: skip
def test_bad_files_are_refused(tmp_path: Path, content: bytes, message: str) -> None:
    path = tmp_path / "digits.npz"
    path.write_bytes(content)

    with pytest.raises(ValueError, match=f"digits.npz: .*{message}"):
        fnn.load(path)


@both
def test_memory_of_save_and_load(suffix: str, tmp_path: Path) -> None:
    params, path = fnn.init((1000, 1000, 1000), seed=0), tmp_path / f"p{suffix}"
    tracemalloc.start()
    try:
        fnn.save(path, params)
        assert tracemalloc.get_traced_memory()[1] < (0.2 if suffix == ".npz" else 3.2) * params.flat.nbytes
        tracemalloc.reset_peak()
        fnn.load(path)
        assert tracemalloc.get_traced_memory()[1] < 1.2 * params.flat.nbytes
    finally:
        tracemalloc.stop()


def test_long_description_is_refused_without_parsing(tmp_path: Path) -> None:
    path = tmp_path / "p.npz"
    with open(path, "wb") as file, pytest.raises(ValueError, match="can't be saved: a description of 1200000 bytes"):
        write_archive(file, json.dumps([[]] * 300_000), [])  # which says so when all is written
    tracemalloc.start()
    try:
        with pytest.raises(ValueError, match=r"p\.npz: damaged: a description of 1200000 bytes, in a file of 1200238"):
            fnn.load(path)
        assert tracemalloc.get_traced_memory()[1] < 200_000
    finally:
        tracemalloc.stop()


@both
def test_save_refuses_what_load_would_refuse(suffix: str, tmp_path: Path) -> None:
    params = fnn.init((2, 1), seed=0, output=fnn.Activation("m" * 100_000, cube, cube_prime))
    with pytest.raises(ValueError, match="can't be saved: a description of 100"):
        fnn.save(tmp_path / f"p{suffix}", params)
    assert list(tmp_path.iterdir()) == []


@both
def test_deep_networks(suffix: str, tmp_path: Path) -> None:
    params = fnn.init((1,) * 3000, seed=0, hidden=fnn.leaky_relu(0.010000000000000002))
    fnn.save(tmp_path / f"p{suffix}", params)
    assert fnn.load(tmp_path / f"p{suffix}") == params


@both
def test_bad_input(suffix: str, tmp_path: Path) -> None:
    params = fnn.init((2, 1), seed=0)
    for number in (np.nan, np.inf):
        with pytest.raises(ValueError, match="params: b1 has a number that isn't finite"):
            fnn.save(tmp_path / f"p{suffix}", params.replace({"b1": [number]}))
    with pytest.raises(TypeError, match=r"params: needs fnn\.Params, got dict"):
        fnn.save(tmp_path / f"p{suffix}", dict(params))  # type: ignore[arg-type] # bad input
    with pytest.raises(FileNotFoundError):
        fnn.load(tmp_path / f"none{suffix}")
    with pytest.raises(FileNotFoundError):
        fnn.save(tmp_path / "none" / f"p{suffix}", params)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", ["params", "params.pkl", ".npz", "params.npz.gz"])
def test_other_suffixes_are_refused(name: str, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"path: must end in \.npz or \.safetensors, got '"):
        fnn.save(tmp_path / name, fnn.init((2, 1), seed=0))
    with pytest.raises(ValueError, match=r"path: must end in \.npz or \.safetensors, got '"):
        fnn.load(tmp_path / name)


@both
def test_loading_as_a_dtype(suffix: str, tmp_path: Path) -> None:
    path = tmp_path / f"p{suffix}"
    numbers = [1 / 3, -1e-50, 16777217.0]
    params = fnn.Params({"W1": [[numbers[0]], [numbers[1]]], "b1": [numbers[2]]}, hidden=(), output=fnn.elu(0.5))
    fnn.save(path, params)
    single = fnn.load(path, dtype=np.float32)
    assert (single.sizes, single.activations, single.dtype.name) == (params.sizes, params.activations, "float32")
    assert [x.hex() for x in single.flat.tolist()] == ["0x1.5555560000000p-2", "-0x0.0p+0", "0x1.0000000000000p+24"]
    assert fnn.load(path, dtype=np.float64) == fnn.load(path) == params

    fnn.save(path, single)
    assert fnn.load(path, dtype=np.float32) == fnn.load(path) == single
    double = fnn.load(path, dtype=np.float64)
    assert (double.dtype.name, double.flat.tolist()) == ("float64", single.flat.tolist())

    fnn.save(path, params.replace({"b1": [1e39]}))
    with pytest.raises(ValueError, match=rf"p\{suffix}: has a value beyond float32"):
        fnn.load(path, dtype=np.float32)
    wrong: Any
    for wrong in (np.float16, int, "float32"):
        with pytest.raises(TypeError, match=r"dtype: needs np\.float32 or np\.float64, got "):
            fnn.load(path, dtype=wrong)
    with pytest.raises(TypeError, match="activations: needs a sequence of activations, got <class"):
        fnn.load(path, np.float32)  # type: ignore[call-overload] # bad input


@pytest.mark.parametrize("path", ["m.npz", Path("m.safetensors"), Path("m")])
def test_swapped_arguments(path: Any) -> None:
    params: Any = fnn.init((2, 1), seed=0)
    with pytest.raises(TypeError, match=r"path, params: are swapped: save\(path, params\) got Params as the path"):
        fnn.save(params, path)
    with pytest.raises(TypeError, match=r"path, params: are swapped: save\(path, params\) got dict as the path"):
        fnn.save(dict(params), path)  # type: ignore[arg-type] # bad input
    with pytest.raises(TypeError, match=r"path: needs a path, got fnn\.Params\(float64, 3 parameters\)$"):
        fnn.load(params)
    with pytest.raises(TypeError, match=r"path: needs a path, got None$"):
        fnn.save(None, params)  # type: ignore[arg-type] # bad input
    with pytest.raises(TypeError, match=r"path: needs a path, got \["):
        fnn.load([fnn.tanh], path)  # type: ignore[call-overload] # bad input
