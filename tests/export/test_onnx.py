"""`to_onnx`, through ONNX's checker and ONNX Runtime."""

from __future__ import annotations

import sys
from typing import Any

import pytest

import fnn
from tests.export.networks import ACTIVATIONS, DTYPES, assert_agrees, cases, networks


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


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("number", range(len(ACTIVATIONS) + 3))
def test_outputs_agree_with_forward(dtype: type[Any], number: int) -> None:
    pytest.importorskip("onnx")
    runtime = pytest.importorskip("onnxruntime")
    params = networks(dtype)[number]
    session = runtime.InferenceSession(fnn.to_onnx(params), providers=["CPUExecutionProvider"])
    (y,) = session.run(["y"], {"x": cases(params)})

    assert_agrees(params, y)
