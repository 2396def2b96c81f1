"""Functions that become part of the kernels that call them."""

from collections.abc import Callable
from typing import Any

import pytest
from numba import float64

from fnn.compiler.inline import forced, inline
from fnn.compiler.pipeline import jitted


@pytest.mark.parametrize("inlining", [inline, forced])
def test_an_inlined_function_has_no_machine_code_of_its_own(inlining: Callable[..., Any]) -> None:
    @inlining
    def doubled(x: float) -> float:
        return x + x

    @inlining
    def quadrupled(x: float) -> float:
        twice: float = doubled(x) + doubled(x)
        return twice

    caller = jitted(lambda x: quadrupled(x) + doubled(x))
    caller.compile(float64(float64))

    assert caller(1.5) == 9.0
    has_code = [
        result.library.codegen._engine.is_symbol_defined(result.fndesc.llvm_func_name)
        for dispatcher in (caller, quadrupled._dispatcher, doubled._dispatcher)
        for result in dispatcher.overloads.values()
    ]
    assert has_code == [True, False, False]
