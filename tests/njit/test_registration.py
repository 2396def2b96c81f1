"""The signatures of the public functions inside jitted ones are those of Python."""

from __future__ import annotations

from collections.abc import Callable
from inspect import Parameter, signature
from typing import Any

import pytest

import fnn
from fnn.njit.registration import Body, Call, in_nopython, parameters_of

FUNCTIONS: tuple[Callable[..., Any], ...] = (
    fnn.Cases, fnn.backprop, fnn.error, fnn.forward, fnn.grad, fnn.input_grad, fnn.train, fnn.update,
    fnn.value_and_grad, fnn.vjp, fnn.workspace,
)  # fmt: skip


@pytest.mark.parametrize("function", FUNCTIONS)
def test_names_order_and_defaults(function: Callable[..., Any]) -> None:
    python, njit = signature(function).parameters, parameters_of(function).parameters
    assert list(python) == list(njit)
    for name, parameter in python.items():
        assert njit[name].kind is Parameter.POSITIONAL_OR_KEYWORD
        if name == "epochs":  # Numba has no required parameter behind one with a default
            assert (parameter.default, njit[name].default) == (Parameter.empty, None)
        else:
            assert parameter.default is njit[name].default


def test_a_body_must_have_the_parameters_of_the_function() -> None:
    def function(x: Any, y: Any = None) -> None: ...

    registered: list[Callable[..., Any]] = []

    def choose(call: Call) -> Body:
        def body(y: Any, x: Any) -> None: ...

        registered.append(body)
        return body

    in_nopython(function)(choose)
    from numba import njit

    @njit
    def call(x: Any) -> None:
        function(x)

    with pytest.raises(AssertionError, match=r"the body has the parameters \('y', 'x'\)"):
        call(1)
