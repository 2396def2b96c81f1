"""Weights of quantized networks, packed in the order in which the tiles read them; the same on every machine.

The columns of a layer lie in panels, the last of which may be narrower. A panel has, step by step, the weights of each
of its columns that a step of the inputs meets: four of int8, or one of bfloat16. Whole steps and vectors are filled up
with zeros.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise
from typing import Any, Final, Literal, NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

from fnn.compiler.target import LINE, target_features
from fnn.network.layout import cache_aligned
from fnn.network.quantized.kernels.forward import INPUT_ROW, PANEL, ROUNDER, STRIDE, WIDEST
from fnn.network.quantized.kernels.tiles import INT8, LANES, UNROLLED, shape_of

Kind: TypeAlias = Literal["int8", "bfloat16"]
KINDS: Final[tuple[Kind, ...]] = ("int8", "bfloat16")
Leaves: TypeAlias = Mapping[str, NDArray[Any]]


class Form(NamedTuple):
    """How weights of a kind are stored."""

    dtype: np.dtype[np.int8 | np.uint16]
    group: int  # inputs of a step
    steps: int  # of which the steps of a layer are a multiple


FORMS: Final[dict[str, Form]] = {
    "int8": Form(np.dtype(np.int8), 4, UNROLLED),
    "bfloat16": Form(np.dtype(np.uint16), 1, 1),
}


class Place(NamedTuple):
    """Where a layer lies among the packed weights and the columns of all layers."""

    inputs: int
    units: int
    steps: int
    width: int  # units, rounded up to whole vectors
    start: int  # the first element of W
    column: int  # the first column

    @property
    def columns(self) -> slice:
        """Those of the units."""
        return slice(self.column, self.column + self.units)


class Packed(NamedTuple):
    """All numbers of a quantized network, as kernels read them."""

    W: NDArray[np.uint8]
    less: NDArray[np.int32]  # for each column o Σ_i W_ij, which the sum of u W has too much; only for int8
    scale: NDArray[np.float32]  # s of each column; only for int8
    bias: NDArray[np.float32]
    steps: NDArray[np.float32]  # of the inputs of each layer r, and o as kernels add it; (L, 2)


def rounded(n: int, to: int) -> int:
    """The least multiple of `to` that isn't less than n."""
    return -(-n // to) * to


def places_of(sizes: Sequence[int], form: Form) -> list[Place]:
    """The places of all layers."""
    places, start, column = [], 0, 0
    for m, n in pairwise(sizes):
        steps, width = rounded(-(-m // form.group), form.steps), rounded(n, LANES)
        places.append(Place(m, n, steps, width, start, column))
        start, column = start + steps * form.group * width, column + width

    return places


def _panels(packed: NDArray[Any], place: Place, form: Form) -> Iterator[tuple[slice, NDArray[Any]]]:
    """For each panel of a layer, its columns, and its weights as (steps, columns, inputs of a step)."""
    most, rows = PANEL // (form.group * form.dtype.itemsize), place.steps * form.group
    for first in range(0, place.width, most):
        columns = min(most, place.width - first)
        start = place.start + first * rows
        panel = packed[start : start + rows * columns].reshape(place.steps, columns, form.group)
        yield slice(first, first + columns), panel


def pack(sizes: Sequence[int], kind: Kind, leaves: Leaves) -> Packed:
    """Pack leaves as `unpack` returns them."""
    form = FORMS[kind]
    places = places_of(sizes, form)
    last = places[-1]
    columns, is_int8 = last.column + last.width, kind == INT8
    W = _zeros(last.start + last.steps * form.group * last.width, form.dtype)
    less, scale = (_zeros(columns * is_int8, np.dtype(dtype)) for dtype in (np.int32, np.float32))
    packed = Packed(W, less, scale, _zeros(columns, np.dtype(np.float32)), np.zeros((len(places), 2), np.float32))
    for layer, place in enumerate(places, start=1):
        weights = leaves[f"W{layer}"]
        padded = np.zeros((place.steps * form.group, place.width), form.dtype)
        padded[: place.inputs, : place.units] = weights
        for part, panel in _panels(W, place, form):
            panel[:] = padded[:, part].reshape(place.steps, form.group, -1).transpose(0, 2, 1)
        packed.bias[place.columns] = leaves[f"b{layer}"]
        if is_int8:
            rate, zero = leaves[f"input{layer}"]
            less[place.columns] = int(zero) * weights.sum(axis=0, dtype=np.int64)
            scale[place.columns] = leaves[f"scale{layer}"]
            packed.steps[layer - 1] = rate, ROUNDER + zero
    for array in packed:
        array.flags.writeable = False

    return packed._replace(W=W.view(np.uint8))


def unpack(sizes: Sequence[int], kind: Kind, packed: Packed) -> dict[str, NDArray[Any]]:
    """The leaves by name, read-only."""
    form, leaves = FORMS[kind], dict[str, NDArray[Any]]()
    for layer, place in enumerate(places_of(sizes, form), start=1):
        padded = np.empty((place.steps * form.group, place.width), form.dtype)
        for part, panel in _panels(packed.W.view(form.dtype), place, form):
            padded[:, part] = panel.transpose(0, 2, 1).reshape(len(padded), -1)
        leaves[f"W{layer}"] = padded[: place.inputs, : place.units].copy()
        leaves[f"b{layer}"] = packed.bias[place.columns].copy()
        if kind == INT8:
            leaves[f"scale{layer}"] = packed.scale[place.columns].copy()
            leaves[f"input{layer}"] = packed.steps[layer - 1] - np.array([0, ROUNDER], np.float32)
    for leaf in leaves.values():
        leaf.flags.writeable = False

    return leaves


def _zeros(count: int, dtype: np.dtype[Any]) -> NDArray[Any]:
    """Zeros that start at a cache line."""
    zeros = cache_aligned(count, dtype)
    zeros[:] = 0

    return zeros


def table_of(sizes: Sequence[int], kind: Kind, descriptors: Sequence[Sequence[int]]) -> NDArray[np.int64]:
    """What kernels read first: the limits of the tiles, the layers' places, and their activations' descriptors."""
    form, shape, is_int8 = FORMS[kind], shape_of(kind, target_features()), kind == INT8
    rows: list[list[int]] = []
    for place, descriptor in zip(places_of(sizes, form), descriptors, strict=True):
        # bfloat16 reads A where it lies.
        input_row = _odd_lines(4 * place.steps) if is_int8 else 4 * (rows[-1][STRIDE] if rows else place.inputs)
        stride, start = _odd_lines(4 * place.width) // 4, place.start * form.dtype.itemsize
        numbers = place.inputs, place.steps, input_row, place.units, place.width, stride, start, place.column
        rows.append([*numbers, *descriptor])
    widest = max(max(row[STRIDE], row[INPUT_ROW] // 4 * is_int8) for row in rows)
    head = [shape.rows, shape.vectors, shape.single, len(rows), widest]

    return np.array([*head, *(word for row in rows for word in row)], np.int64)


def _odd_lines(count: int) -> int:
    """At least `count` bytes, in cache lines, from 512 on an odd number: see `fnn.network.kernels.plan`."""
    lines = rounded(count, LINE) // LINE

    return LINE * (lines + (lines >= 8 and lines % 2 == 0))


def workspace_size(table: NDArray[np.int64], rows: int) -> int:
    """The bytes in which kernels work: Z, A, the integers for A, and a byte for each case."""
    return 12 * int(table[WIDEST]) * rows + rows + LINE
