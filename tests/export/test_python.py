"""`to_python`, in a process that imports only NumPy."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

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

PROGRAM = """
import importlib.util, sys
import numpy as np
for i in range(int(sys.argv[1])):
    spec = importlib.util.spec_from_file_location(f"net{i}", f"net{i}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    x = np.load(f"x{i}.npy")
    y = module.forward(x)
    assert np.allclose(module.forward(x[3].tolist()), y[3], rtol=1e-5, atol=1e-5)
    np.save(f"y{i}.npy", y)
assert not {"fnn", "numba"} & set(sys.modules)
"""


@pytest.mark.parametrize("dtype", DTYPES)
def test_outputs_agree_with_forward(tmp_path: Path, dtype: type[Any]) -> None:
    every = networks(dtype)
    for i, params in enumerate(every):
        (tmp_path / f"net{i}.py").write_text(fnn.to_python(params))
        np.save(tmp_path / f"x{i}.npy", cases(params))
    command = [sys.executable, "-W", "error", "-c", PROGRAM, str(len(every))]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    for i, params in enumerate(every):
        assert_agrees(params, np.load(tmp_path / f"y{i}.npy"))


@pytest.mark.parametrize("dtype", DTYPES)
def test_needs_numpy_alone(dtype: type[Any]) -> None:
    for params in networks(dtype):
        tree = ast.parse(fnn.to_python(params))
        assert [ast.unparse(node) for node in ast.walk(tree) if isinstance(node, ast.Import)] == ["import numpy as np"]


def forward_of(params: fnn.Params[Any]) -> Any:
    module: dict[str, Any] = {}
    exec(fnn.to_python(params), module)

    return module["forward"]


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("f", oracles.ROWS, ids=repr)
def test_tails_and_extremes(f: fnn.Activation, dtype: type[Any]) -> None:
    with np.errstate(all="raise"):
        outputs = forward_of(single(f, dtype))(tails(dtype))

    assert_precise(f, outputs, dtype)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("f", [fnn.softmax, fnn.log_softmax], ids=repr)
def test_extremes_of_softmax(f: fnn.Activation, dtype: type[Any]) -> None:
    params, x = overflowing(f, dtype)

    assert_softmax(f, forward_of(params)(x))


@pytest.mark.parametrize("dtype", DTYPES)
def test_weights_are_exact(dtype: type[Any]) -> None:
    info, random = np.finfo(dtype), np.random.default_rng(0)
    bits = random.integers(0, 2**info.bits, 3000, np.uint64).astype(f"u{info.bits // 8}").view(dtype)
    numbers = np.concatenate([bits[np.isfinite(bits)], [-0.0, info.max, info.tiny, info.smallest_subnormal]])
    leaves = {"W1": np.ones((1, len(numbers)), dtype), "b1": numbers.astype(dtype)}
    module: dict[str, Any] = {}
    exec(fnn.to_python(fnn.Params(leaves, hidden=(), output=fnn.identity)), module)

    assert module["b1"].dtype == dtype
    assert module["b1"].tobytes() == leaves["b1"].tobytes()
