"""`save` and `load`: exact round trips, refusal of invalid files, and atomic replacement."""

from __future__ import annotations

import json
import os
import signal
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
from fnn.io.atomic import replacing
from tests.fuzz.seeds import ARRAYS, GOOD, archive, saved
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


@needs_safetensors
def test_safetensors_is_readable_by_its_package(tmp_path: Path) -> None:
    from safetensors.numpy import load_file

    params = fnn.init((3, 4, 2), seed=0)
    fnn.save(tmp_path / "p.safetensors", params)
    arrays = load_file(tmp_path / "p.safetensors")

    assert set(arrays) == set(params)
    for key, leaf in params.items():
        np.testing.assert_array_equal(arrays[key], leaf, strict=True)


def test_any_flipped_bit_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "p.npz"
    fnn.save(path, fnn.init((2, 3, 1), seed=0, dtype=np.float32))
    content = path.read_bytes()
    for place in range(len(content)):
        for bit in (1, 128):
            path.write_bytes(content[:place] + bytes([content[place] ^ bit]) + content[place + 1 :])
            with pytest.raises(ValueError, match=r"p\.npz"):
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
        (b"", "damaged, or not saved by fnn: no member where fnn.json should begin"),
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
        assert tracemalloc.get_traced_memory()[1] < (1.2 if suffix == ".npz" else 2.2) * params.flat.nbytes
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


def test_missing_safetensors_package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("safetensors", "safetensors.numpy"):
        monkeypatch.setitem(sys.modules, name, None)
    with pytest.raises(ModuleNotFoundError, match=r"pip install 'fnn\[safetensors\]'"):
        fnn.save(tmp_path / "p.safetensors", fnn.init((2, 1), seed=0))
    assert list(tmp_path.iterdir()) == []
    (tmp_path / "p.safetensors").write_bytes(b"")
    with pytest.raises(ModuleNotFoundError, match=r"pip install 'fnn\[safetensors\]'"):
        fnn.load(tmp_path / "p.safetensors")


def test_exception_while_writing_keeps_the_previous_file(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"before")

    def half() -> None:
        with replacing(path) as file:
            file.write(b"half")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        half()
    assert path.read_bytes() == b"before"
    assert os.listdir(tmp_path) == ["file"]


def test_saving_through_a_link(tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    target, link = tmp_path / "folder" / "p.npz", tmp_path / "latest.npz"
    link.symlink_to(target)
    fnn.save(link, fnn.init((2, 1), seed=0))

    assert link.is_symlink()
    assert fnn.load(target) == fnn.load(link) == fnn.init((2, 1), seed=0)


KILLED = """
import sys, fnn
first, second = (fnn.init((300, 300), seed=seed) for seed in (0, 1))
fnn.save(sys.argv[1], first)
print(flush=True)
while True:
    fnn.save(sys.argv[1], second)
    fnn.save(sys.argv[1], first)
"""


@pytest.mark.parametrize("milliseconds", [1, 3, 10, 20, 33])
def test_killed_process_leaves_a_complete_file(tmp_path: Path, milliseconds: int) -> None:
    path = tmp_path / "p.npz"
    with subprocess.Popen([sys.executable, "-c", KILLED, str(path)], stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        process.stdout.readline()
        with pytest.raises(subprocess.TimeoutExpired):
            process.wait(milliseconds / 1000)
        process.send_signal(signal.SIGKILL)

    assert fnn.load(path) in [fnn.init((300, 300), seed=seed) for seed in (0, 1)]
