"""`to_onnx`, through ONNX's checker and ONNX Runtime."""

from __future__ import annotations

import sys
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

import fnn
from tests import oracles
from tests.export.networks import (
    ACTIVATIONS,
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


def test_missing_onnx_package(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "onnx", None)
    with pytest.raises(ModuleNotFoundError, match=r"to_onnx needs the package onnx: pip install 'fnn\[onnx\]'"):
        fnn.to_onnx(fnn.init((2, 1), seed=0))


@pytest.mark.parametrize("dtype", DTYPES)
def test_model_is_valid(dtype: type[Any]) -> None:
    onnx = pytest.importorskip("onnx")
    for params in networks(dtype):
        model = onnx.load_from_string(fnn.to_onnx(params))
        onnx.checker.check_model(model, full_check=True)
        assert {tensor.name for tensor in model.graph.initializer} >= set(params)


def run(params: fnn.Params[Any], x: NDArray[Any]) -> NDArray[Any]:
    """The outputs by ONNX Runtime."""
    pytest.importorskip("onnx")
    runtime = pytest.importorskip("onnxruntime")
    session = runtime.InferenceSession(fnn.to_onnx(params), providers=["CPUExecutionProvider"])
    (y,) = session.run(["y"], {"x": x})
    outputs: NDArray[Any] = y

    return outputs


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("number", range(len(ACTIVATIONS) + 3))
def test_outputs_agree_with_forward(dtype: type[Any], number: int) -> None:
    params = networks(dtype)[number]

    assert_agrees(params, run(params, cases(params)))


# What the runtime computes to the precision of numbers near 1.
COARSE = {
    np.float32: (fnn.sigmoid, fnn.tanh, fnn.sin, fnn.gelu, fnn.gelu_tanh, fnn.gaussian),
    np.float64: (fnn.sigmoid, fnn.tanh, fnn.sin),
}  # fmt: skip


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("f", oracles.ROWS, ids=repr)
def test_tails_and_extremes(f: fnn.Activation, dtype: type[Any]) -> None:
    assert_precise(f, run(single(f, dtype), tails(dtype)), dtype, relative_to=float(f in COARSE[dtype]))


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("f", [fnn.softmax, fnn.log_softmax], ids=repr)
def test_extremes_of_softmax(f: fnn.Activation, dtype: type[Any]) -> None:
    assert_softmax(f, run(*overflowing(f, dtype)))
