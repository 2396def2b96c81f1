"""Exports: every built-in activation is supported, and user-defined ones are refused."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from numba import njit

import fnn
from fnn.activations import activation
from fnn.export.formulas import FORMULAS, ROWWISE
from tests.export.networks import ACTIVATIONS

EXPORTS: list[Callable[[fnn.Params[Any]], object]] = [fnn.to_c, fnn.to_python, fnn.to_onnx]
exports = pytest.mark.parametrize("export", EXPORTS)


def test_every_activation_has_a_formula() -> None:
    assert set(activation.BUILT_IN) == set(FORMULAS) | set(ROWWISE)
    assert {f.name.partition("(")[0] for f in ACTIVATIONS} == set(activation.BUILT_IN)


@exports
def test_user_activations_are_refused(export: Callable[[fnn.Params[Any]], object]) -> None:
    for name in ("mine", "Tanh"):
        mine = fnn.Activation(name, njit(lambda z: z), njit(lambda z, a: z))
        params = fnn.init((2, 3, 1), seed=0, output=mine)
        with pytest.raises(ValueError, match=rf"params: layer 2 has fnn\.Activation\('{name}', .*; only built-in"):
            export(params)


@exports
def test_bad_input(export: Callable[[Any], object]) -> None:
    params = fnn.init((2, 1), seed=0)
    with pytest.raises(TypeError, match=r"params: needs fnn\.Params, got dict"):
        export(dict(params))
    with pytest.raises(ValueError, match="params: b1 has a number that isn't finite"):
        export(params.replace({"b1": [float("nan")]}))
