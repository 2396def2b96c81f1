"""Equations with their numbers as lines of text: by rows, by columns, or both side by side."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import zip_longest
from typing import Any, Literal, NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

By: TypeAlias = Literal["rows", "columns", "both"]


class Heading(NamedTuple):
    """A line above the quantities of a layer."""

    rows: str
    columns: str
    both: str


class Quantity(NamedTuple):
    """A quantity in both conventions: its tag, its formulas and its numbers."""

    tag: str
    rows: str
    row_numbers: NDArray[Any]
    columns: str
    column_numbers: NDArray[Any]


def written(parts: Sequence[Heading | Quantity], by: By, most: int) -> list[str]:
    """The lines of all parts; of arrays with more than `most` rows or columns only the first and the last."""
    blocks = [None if isinstance(part, Heading) else _lines(part, by, most) for part in parts]
    left = max((len(line) for block in blocks if block for line in block[0]), default=0) + 1
    lines = []
    for part, block in zip(parts, blocks, strict=True):
        if isinstance(part, Heading):
            lines += ["", f"---- {getattr(part, by)} ".ljust(81, "-")]
            continue
        assert block is not None
        if by == "both":
            body = [f"{ours:{left}}│ {theirs}" for ours, theirs in zip_longest(*block, fillvalue="")]
        else:
            body = block[by == "columns"]
        lines += [f"{tag:4}{line}".rstrip() for tag, line in zip_longest([part.tag], body, fillvalue="")]

    return lines


def _lines(quantity: Quantity, by: By, most: int) -> tuple[list[str], list[str]]:
    """The formula and the numbers, for rows and for columns; [] for what isn't wanted."""
    _, rows, row_numbers, columns, column_numbers = quantity
    ours = [] if by == "columns" else [rows, *table_of(row_numbers, most)]
    theirs = [] if by == "rows" else [columns, *table_of(column_numbers, most)]

    return ours, theirs


def table_of(array: NDArray[Any], most: int) -> list[str]:
    """The lines of a matrix, or of a vector or a number as its only row."""
    matrix = np.atleast_2d(array)
    rows, columns = (_shown(length, most) for length in matrix.shape)
    finite = np.abs(matrix[np.isfinite(matrix)])
    form = ".5f" if 1e-3 <= finite.max(initial=1e-3 if not finite.any() else 0) < 1e5 else ".4e"
    cells = [["…" if None in (i, j) else format(float(matrix[i, j]), form) for j in columns] for i in rows]
    width = max(len(cell) for row in cells for cell in row)

    return ["  ".join(cell.rjust(width) for cell in row) for row in cells]


def _shown(length: int, most: int) -> list[int | None]:
    """The places that are shown; None stands for those left out."""
    if length <= most:
        return list(range(length))

    return [*range(most - most // 2), None, *range(length - most // 2, length)]


def number(value: float) -> str:
    """A number in brackets, as in a product written out."""
    return f"({value:.6g})"


def products(p: NDArray[Any], q: NDArray[Any], most: int) -> str:
    """Σ p q written out; of more than `most` terms the first ones."""
    terms = [number(float(u)) + number(float(v)) for u, v in zip(p.flat, q.flat, strict=True)]

    return " + ".join(terms if len(terms) <= most else [*terms[:most], "…"])
