"""Numba's compiler without the steps that kernels don't need."""

import gc
import operator
import signal
import threading
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import numpy as np
import pytest
from numba import njit, types

import fnn
from fnn.compiler.inline import inline
from fnn.compiler.pipeline import compiling, jitted

NUMBERS = (types.boolean, types.int32, types.int64, types.uint64, types.float32, types.float64)
OPERATORS = (operator.add, operator.sub, operator.mul, operator.truediv, operator.floordiv, operator.lt, operator.eq)


@pytest.mark.parametrize("of_two", OPERATORS)
def test_operators_return_what_they_do_in_numba(of_two: Callable[[Any, Any], Any]) -> None:
    def function(a: Any, b: Any) -> Any:
        return of_two(a, b), of_two(b, a), of_two(a, 3), of_two(2.5, b)

    ours, numbas = jitted(function), njit(error_model="numpy")(function)
    for a, b in zip(NUMBERS, (*NUMBERS[2:], *NUMBERS[:2]), strict=True):
        for compiled in (ours, numbas):
            compiled.compile((a, b))
        assert ours.nopython_signatures[-1].return_type == numbas.nopython_signatures[-1].return_type


def test_kernels_count_no_references() -> None:
    def total(x: Any) -> float:
        part = x[1:]
        result = 0.0
        for i in range(len(part)):
            result += part[i]
        return result

    ours, numbas = jitted(total), njit(total)
    x = np.arange(5.0)

    assert ours(x) == numbas(x) == 10.0
    assert "NRT_" in numbas.inspect_llvm(numbas.signatures[0])
    assert "NRT_" not in ours.inspect_llvm(ours.signatures[0])


@inline
def _leaf(x: float) -> float:
    return x + 1.0


@inline
def _first(x: float) -> float:
    return _leaf(x) * 2.0


@inline
def _second(x: float) -> float:
    return _leaf(x) + _first(x)


ORDERS = [(_leaf, _first, _second), (_second, _first, _leaf), (_second, _second, _first)]


@pytest.mark.parametrize("compiler", [jitted, njit])
@pytest.mark.parametrize("functions", ORDERS)
def test_inlined_functions_reach_the_caller_from_every_level(compiler: Any, functions: Any) -> None:
    one, two, three = functions
    in_python = {_leaf: 4.0, _first: 8.0, _second: 12.0}

    assert compiler(lambda x: one(x) + two(x) + three(x))(3.0) == sum(in_python[function] for function in functions)


@pytest.mark.parametrize("is_enabled", [True, False])
def test_the_collector_of_cycles_rests_while_kernels_are_compiled(is_enabled: bool) -> None:
    before = gc.isenabled()
    (gc.enable if is_enabled else gc.disable)()
    try:
        with compiling():
            with suppress(ZeroDivisionError), compiling():
                raise ZeroDivisionError
            assert not gc.isenabled()
        assert gc.isenabled() == is_enabled
    finally:
        (gc.enable if before else gc.disable)()


def _compile(done: list[bool], *, interrupts: int) -> None:
    with compiling(), compiling():
        for _ in range(interrupts):
            signal.raise_signal(signal.SIGINT)
        done.append(True)


@pytest.mark.parametrize("interrupts", [1, 2])
def test_control_c_waits_until_all_is_compiled_and_a_second_one_does_not(interrupts: int) -> None:
    done: list[bool] = []
    with pytest.raises(KeyboardInterrupt):
        _compile(done, interrupts=interrupts)

    assert done == [True] * (interrupts == 1)
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
    assert gc.isenabled()


def test_a_handler_of_the_users_stays_while_kernels_are_compiled() -> None:
    seen: list[int] = []
    before = signal.signal(signal.SIGINT, lambda number, _: seen.append(number))
    try:
        with compiling():
            signal.raise_signal(signal.SIGINT)
            assert seen == [signal.SIGINT]
    finally:
        signal.signal(signal.SIGINT, before)


def test_other_threads_compile_without_a_handler() -> None:
    handlers: list[Any] = []

    def compile_nothing() -> None:
        with compiling():
            handlers.append(signal.getsignal(signal.SIGINT))

    thread = threading.Thread(target=compile_nothing)
    thread.start()
    thread.join()

    assert handlers == [signal.default_int_handler]


_factor = njit(lambda z: 2.0 * z)


def test_a_function_that_is_compiled_again_may_return_another_type() -> None:
    global _factor
    of_user = njit(lambda z: _factor(z))
    one = njit(lambda z, a: 1.0)
    before = _factor
    try:
        x = np.array([-1.0, 3.0])
        assert fnn.Activation("doubled", of_user, one)(x).tolist() == [-2.0, 6.0]
        _factor = njit(lambda z: z > 0.0)
        of_user.recompile()
        assert fnn.Activation("step", of_user, one)(x).tolist() == [0.0, 1.0]
    finally:
        _factor = before


def test_messages_on_functions_of_the_user_are_numbas() -> None:
    bad = fnn.Loss("bad", njit(lambda a, y: a.shape), njit(lambda a, y: a - y))
    params = fnn.init((2, 1), seed=0)

    with pytest.raises(TypeError) as caught:
        fnn.error(params, [1.0, 2.0], 0.0, loss=bad)
    assert "Unknown attribute 'shape'" in str(caught.value)
    assert "in nopython mode pipeline (step: nopython frontend)" in str(caught.value)
    assert "fnn mode" not in str(caught.value)
