"""Calls in a caller's memory: the same bits, whatever was in it; and nothing is allocated."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numba.core.errors import TypingError

import fnn
from tests.njit import jitted
from tests.njit.test_processes import run

DTYPES = (np.float64, np.float32)
SIZES = ((4, 2), (4, 8, 2), (3, 17, 70, 5), (2, 1100, 3))


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("sizes", SIZES)
@pytest.mark.parametrize("count", [1, 5, 300])
def test_what_was_in_it_does_not_matter(dtype: Any, sizes: tuple[int, ...], count: int) -> None:
    params = fnn.init(sizes, seed=0, dtype=dtype, hidden=fnn.tanh, output=fnn.softmax)
    random = np.random.default_rng(0)
    x, y = (random.normal(size=(count, n)).astype(dtype) for n in (sizes[0], sizes[-1]))
    memory = fnn.workspace(params, count)
    assert memory.size >= jitted.workspace_size(params, count) > 0
    wanted = (fnn.forward(params, x), fnn.error(params, x, y), fnn.grad(params, x, y))
    for content in (np.nan, 1e-40, np.inf):
        memory[:] = content
        out, error, value, grads, same = jitted.in_a_workspace(
            params, x, y, memory[: jitted.workspace_size(params, count)]
        )
        np.testing.assert_array_equal(out, wanted[0], strict=True)
        assert (error, value, grads, same) == (wanted[1], wanted[1], wanted[2], wanted[2])
        memory[:] = content
        np.testing.assert_array_equal(fnn.forward(params, x, workspace=memory), wanted[0], strict=True)
        memory[:] = content
        assert fnn.error(params, x, y, workspace=memory) == wanted[1]
        assert fnn.value_and_grad(params, x, y, workspace=memory) == wanted[1:]
        assert fnn.grad(params, x, y, workspace=memory) == wanted[2]
        np.testing.assert_array_equal(jitted.forward(params, x[0], None, memory), wanted[0][0], strict=True)


@pytest.mark.parametrize("sizes, cases", [((4, 8, 2), 3), ((2, 1100, 3), 1)])
def test_too_small(sizes: tuple[int, ...], cases: int) -> None:
    params = fnn.init(sizes, seed=0)
    x = np.ones((cases, sizes[0]))
    text = r"workspace: is too small; fnn.workspace makes one for a number of cases"
    enough = fnn.workspace(params, cases).size - 8  # which has room to begin with a cache line
    for length in (0, 1, 64, min(500, enough - 1)):
        with pytest.raises(ValueError, match=text):
            jitted.in_a_workspace(params, x, np.ones((cases, sizes[-1])), np.empty(length))
        with pytest.raises(ValueError, match=r"workspace: needs [0-9]+ elements in a row, got shape \(10,\)"):
            fnn.forward(params, x, workspace=np.empty(10))
    if max(sizes) > 1024:
        with pytest.raises(ValueError, match=text):
            jitted.forward(params, x[0], None, np.empty(64))


def test_of_another_kind() -> None:
    params, x = fnn.init((4, 3, 2), seed=0), np.ones((5, 4))
    kinds: list[tuple[Any, str]] = [
        (np.empty(10**4, np.float32), "workspace: has dtype float32, but params have float64"),
        (np.empty((10, 1000)), "workspace: needs 1 dimensions, got an array with 2"),
        (np.empty(10**4)[::2], "workspace: needs a C-contiguous, writable array"),
        (params.flat, "workspace: needs a C-contiguous, writable array"),
    ]
    for wrong, message in kinds:
        with pytest.raises(TypingError, match=message):
            jitted.forward(params, x, None, wrong)
        with pytest.raises((ValueError, TypeError), match="workspace: needs"):
            fnn.forward(params, x, workspace=wrong)
    with pytest.raises(ValueError, match="cases: must be at least 1"):
        jitted.workspace_size(params, 0)
    with pytest.raises(ValueError, match="cases: must be at least 1, got 0"):
        fnn.workspace(params, 0)
    with pytest.raises(TypingError, match="cases: needs a whole number"):
        jitted.workspace_size(params, 1.5)


def test_nothing_is_allocated() -> None:
    assert run("allocations", NUMBA_NRT_STATS="1") == ["one 0", "many 0", "error 0"]


@pytest.mark.parametrize("call", [fnn.forward, jitted.forward])
@pytest.mark.parametrize("dtype", DTYPES)
def test_out_may_be_x_or_beside_it_but_not_overlap_it(call: Any, dtype: Any) -> None:
    params = fnn.init((5, 8, 5), seed=0, dtype=dtype)
    memory = np.random.default_rng(0).normal(size=(301, 5)).astype(dtype)
    x, wanted = memory.copy(), fnn.forward(params, memory)

    for places in ((slice(300), slice(1, 301)), (slice(1, 301), slice(300)), (slice(150), slice(149, 299))):
        with pytest.raises(ValueError, match="out: overlaps x"):
            call(params, memory[places[0]], memory[places[1]], None)
    np.testing.assert_array_equal(memory, x)
    call(params, memory[:150], memory[150:300], None)
    np.testing.assert_array_equal(memory[150:300], wanted[:150])
    call(params, memory[:150], memory[:150], None)
    np.testing.assert_array_equal(memory[:150], wanted[:150])
    call(params, memory[300], memory.reshape(-1)[1497:1502], None)  # one case
    np.testing.assert_array_equal(memory.reshape(-1)[1497:1502], wanted[300])


@pytest.mark.parametrize("call", [fnn.forward, jitted.forward])
@pytest.mark.parametrize("place", [(), 0])
def test_a_workspace_must_be_apart(call: Any, place: Any) -> None:
    params = fnn.init((5, 1100, 5), seed=0)
    memory, other = fnn.workspace(params, 4), np.ones((4, 5))
    inside = memory[-20:].reshape(4, 5)
    inside[:] = 0.5
    with pytest.raises(ValueError, match="workspace: overlaps x"):
        call(params, inside[place], other[place], memory)
    with pytest.raises(ValueError, match="out: overlaps"):
        call(params, other[place], inside[place], memory)
    np.testing.assert_array_equal(inside, 0.5)
