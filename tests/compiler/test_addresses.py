"""Intrinsics on pointers, memory, and calls of compiled code through its address."""

from typing import Any

import numpy as np
import pytest
from numba import njit, types
from numba.core.errors import TypingError

from fnn.compiler.addresses import address_of, calling
from fnn.compiler.inline import intrinsic
from fnn.compiler.intrinsics import Floats, address, aligned, doubles, fma, integers, like, like_pointer, pointer, shift
from fnn.compiler.memory import STACK, allocate, is_null, on_stack, release
from fnn.compiler.target import LINE

BLOCK = types.void(types.CPointer(types.float64), types.int64)
NUMBER = types.float64(types.float64, types.float64)


def double(x: Floats, count: int) -> None:
    for i in range(count):
        x[i] *= 2


def quotient(a: float, b: float) -> float:
    return a / b


@intrinsic
def call_block(typingctx: Any, code: Any, x: Any, count: Any) -> Any:
    return calling(BLOCK)


@intrinsic
def call_number(typingctx: Any, code: Any, a: Any, b: Any) -> Any:
    return calling(NUMBER)


@njit
def through_addresses(block: int, number: int, x: Any) -> float:
    call_block(block, pointer(x), x.size)

    return float(call_number(number, x[0], x[1]))


def test_code_is_called_through_its_address() -> None:
    x = np.array([1.0, 4.0, 5.0])
    block, number = address_of(double, BLOCK, cached=False), address_of(quotient, NUMBER, cached=False)

    assert through_addresses(block, number, x) == 0.25
    assert x.tolist() == [2.0, 8.0, 10.0]


@njit
def moved(x: Any) -> tuple[int, int, float, float, int]:
    p = pointer(x)
    bits = integers(p)

    return address(p), address(aligned(p)), shift(p, 2)[0], like_pointer(p, address(p) + 8)[0], doubles(bits)[0] == x[0]


def test_pointers() -> None:
    space = np.arange(20.0)
    for start in range(9):
        x = space[start:]
        at, line, second, first, same = moved(x)
        assert at == x.ctypes.data
        assert line % LINE == 0
        assert 0 <= line - at < LINE
        assert (second, first, same) == (x[2], x[1], True)


@njit
def in_dtype(x: Any, value: Any) -> Any:
    return like(x, value)


def test_numbers_take_the_dtype() -> None:
    for dtype in (np.float32, np.float64):
        assert in_dtype(dtype(1), 0.1) == dtype(0.1)
    with pytest.raises(TypingError, match="needs floats of one dtype, got int64"):
        in_dtype(1, 0.1)


@njit
def fused(a: float, b: float, c: float) -> float:
    return float(fma(a, b, c))


def test_fma_is_rounded_once() -> None:
    a = 1 + 2.0**-30

    assert fused(a, a, -a * a) == 2.0**-60


@njit
def sum_of_stack(x: Any) -> Any:
    stack, total = on_stack(pointer(x)), 0.0
    for i in range(STACK):
        stack[i] = i
    for i in range(STACK):
        total += stack[i]

    return total


@njit
def sum_of_heap(x: Any, count: int, where: Any) -> Any:
    heap, total = allocate(pointer(x), count), 0.0
    where[0] = address(heap)  # or LLVM would do without the memory
    if is_null(heap):
        return -1.0
    for i in range(count):
        total += heap[i]
    release(heap)

    return total


def test_work_memory() -> None:
    x, where = np.zeros(1), np.zeros(1, np.int64)

    assert sum_of_stack(x) == STACK * (STACK - 1) / 2
    assert sum_of_heap(x, 1000, where) == 0
    assert where[0] != 0
    assert sum_of_heap(x, 2**60, where) == -1
    assert where[0] == 0
