"""The table of offsets: arrays are disjoint, aligned and within their buffers."""

import itertools
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fnn.activations.kernels.dispatch import DESCRIPTOR_SIZE
from fnn.network.kernels import plan
from fnn.network.kernels.plan import CHAIN, COLUMNS, fill
from fnn.numerics.blocked import DEEP, WIDE

SIZES = st.lists(st.integers(1, 300), min_size=2, max_size=6)
LANES = st.sampled_from([2, 4, 8, 16])


def table_of(sizes: list[int], rows: int, lanes: int, packed: bool, by_blocks: int = 0) -> tuple[list[int], Any]:
    table = [-1] * (COLUMNS * len(sizes))

    return table, fill(len(sizes) - 1, sizes, functions_of(sizes), rows, lanes, packed, by_blocks, table)


def functions_of(sizes: list[int]) -> list[int]:
    """Distinct numbers for the activations."""
    return list(range(1, 1 + DESCRIPTOR_SIZE * (len(sizes) - 1)))


def rounded_up(count: int, unit: int) -> int:
    return -(-count // unit) * unit


def blocks_of_space(
    table: list[int], sizes: list[int], rows: int, lanes: int, weights: int
) -> list[tuple[int, int, str]]:
    """(start, end, name) of everything in the workspace."""
    blocks = [(0, lanes, "one")]
    for layer, units in enumerate(sizes):
        row = table[layer * COLUMNS : (layer + 1) * COLUMNS]
        size = rows * row[plan.STRIDE]
        names = {"a": plan.A, "dE_da": plan.DE_DA} | ({"z": plan.Z, "delta": plan.DELTA} if layer else {})
        blocks += [(row[column], row[column] + size, f"{name}{layer}") for name, column in names.items()]
        if layer:
            # Wᵀ in panels of two vectors of columns, which are the n_in rows of W.
            packed = rounded_up(sizes[layer - 1], 2 * lanes) * units
            blocks.append((row[plan.TRANSPOSED], row[plan.TRANSPOSED] + packed, f"transposed{layer}"))
            work = table[(layer - 1) * COLUMNS + plan.STRIDE] * units if units < lanes else 0
            blocks.append((row[plan.WORK], row[plan.WORK] + work, f"work{layer}"))
    last_stride = table[(len(sizes) - 1) * COLUMNS + plan.STRIDE]
    blocks.append((table[plan.TARGETS], table[plan.TARGETS] + rows * last_stride, "targets"))
    blocks += [
        (table[c], table[c] + rows, n) for c, n in ((plan.CASE_WEIGHTS, "case_weights"), (plan.ERRORS, "errors"))
    ]

    if rows >= CHAIN:
        blocks.append((table[plan.GROUP_SUMS], table[plan.GROUP_SUMS] + weights, "group_sums"))

    return sorted(blocks)


@given(SIZES, st.integers(1, 600), LANES, st.booleans(), st.sampled_from([0, 77]))
def test_workspace_has_no_overlaps(sizes: list[int], rows: int, lanes: int, packed: bool, by_blocks: int) -> None:
    table, needed = table_of(sizes, rows, lanes, packed, by_blocks)
    blocks = blocks_of_space(table, sizes, rows, lanes, needed.weights)
    assert (table[plan.CASES], table[plan.BY_BLOCKS]) == (rows, by_blocks)
    if by_blocks:
        at = table[plan.PANELS]
        blocks = sorted([*blocks, (at, at + DEEP * WIDE * 2 * lanes, "a block of panels")])

    for (_, end, name), (start, _, other) in itertools.pairwise(blocks):
        assert end <= start, (name, other)
    assert blocks[-1][1] <= needed.whole
    assert all(start % lanes == 0 for start, _, _ in blocks)
    forward = [end for _, end, name in blocks if name == "one" or name[0] in "az"]
    assert max(forward) <= needed.forward <= needed.whole


@given(SIZES, LANES)
def test_offsets_of_weights(sizes: list[int], lanes: int) -> None:
    panel, count = 2 * lanes, 0
    table, needed = table_of(sizes, 5, lanes, packed=False)
    for layer in range(1, len(sizes)):
        row = table[layer * COLUMNS : (layer + 1) * COLUMNS]
        m, n = sizes[layer - 1], sizes[layer]
        assert (row[plan.W], row[plan.B], row[plan.COMPACT]) == (count, count + m * n, count)
        assert (row[plan.W_PANEL], row[plan.W_ROW]) == (panel, n)
        count += (m + 1) * n
    assert needed.weights == count

    table, needed = table_of(sizes, 5, lanes, packed=True)
    end = 0
    for layer in range(1, len(sizes)):
        row = table[layer * COLUMNS : (layer + 1) * COLUMNS]
        m, n = sizes[layer - 1], rounded_up(sizes[layer], panel)
        assert row[plan.W] >= end
        assert row[plan.B] >= row[plan.W] + m * n
        assert (row[plan.W_PANEL], row[plan.W_ROW]) == (m * panel, panel)
        assert row[plan.W] % lanes == row[plan.B] % lanes == 0
        end = row[plan.B] + n
    assert needed.weights >= end


@given(SIZES, st.integers(1, 600), LANES)
def test_units_and_activations(sizes: list[int], rows: int, lanes: int) -> None:
    table, _ = table_of(sizes, rows, lanes, packed=False)

    assert table[plan.UNITS :: COLUMNS] == sizes
    for i in range(DESCRIPTOR_SIZE):
        assert table[COLUMNS + plan.FUNCTION + i :: COLUMNS] == functions_of(sizes)[i::DESCRIPTOR_SIZE]


@pytest.mark.parametrize(
    "units, lanes, stride",
    [
        (1, 16, 16), (16, 16, 16), (17, 16, 32), (30, 16, 32), (3, 2, 4),
        (112, 16, 112), (113, 16, 9 * 16), (128, 16, 9 * 16), (144, 16, 144), (145, 16, 11 * 16), (1024, 8, 129 * 8),
    ],
)  # fmt: skip
def test_strides_of_rows(units: int, lanes: int, stride: int) -> None:
    assert plan.padded(units, lanes) == stride


@given(st.integers(1, 5000), LANES)
def test_strides_are_no_multiple_of_4_kb(units: int, lanes: int) -> None:
    stride = plan.padded(units, lanes)

    assert units <= stride < units + 2 * lanes
    assert stride % lanes == 0
    if stride >= 8 * lanes:
        assert (stride * 64 // lanes) % 4096 != 0  # a vector of 64 bytes


def test_weights_do_not_depend_on_the_number_of_rows() -> None:
    few, many = (np.array(table_of([5, 7, 3], rows, 8, False)[0]).reshape(-1, COLUMNS) for rows in (1, 100))
    functions = range(plan.FUNCTION, plan.FUNCTION + DESCRIPTOR_SIZE)
    same = [plan.UNITS, plan.STRIDE, *functions, plan.W, plan.W_PANEL, plan.W_ROW, plan.B, plan.COMPACT]

    np.testing.assert_array_equal(few[1:, same], many[1:, same])
