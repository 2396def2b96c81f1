"""A table of results: what a section of the benchmark returns and the report prints."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field


@dataclass
class Table:
    """Rows of text, and the requirements that they settle."""

    name: str
    title: str
    columns: Sequence[str]
    rows: list[list[str]] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    raw: dict[str, object] = field(default_factory=dict)

    def add(self, *cells: object) -> None:
        """Append a row; floats are rounded to three digits, None is a gap."""
        self.rows.append([text(cell) for cell in cells])


def text(cell: object) -> str:
    """A cell as it is printed."""
    if cell is None:
        return "–"
    if not isinstance(cell, float):
        return str(cell)
    if cell == 0 or not math.isfinite(cell):
        return str(cell)
    digits = max(0, 2 - math.floor(math.log10(abs(cell))))

    return f"{cell:.{digits}f}"


def verdict(value: float | None, limit: float | None, at_least: bool = False) -> str:
    """The limit, and whether the value keeps it."""
    if limit is None:
        return "–"
    sign = "≥" if at_least else "≤"
    if value is None:
        return f"{sign} {text(limit)}"
    kept = value >= limit if at_least else value <= limit

    return f"{sign} {text(limit)} {'yes' if kept else 'NO'}"


def markdown(table: Table) -> str:
    """The table as aligned Markdown, with its notes below."""
    lines = [list(table.columns), *table.rows]
    widths = [max(len(row[i]) for row in lines) for i in range(len(table.columns))]

    def line(cells: Sequence[str]) -> str:
        padded = (c.ljust(w) if i == 0 else c.rjust(w) for i, (c, w) in enumerate(zip(cells, widths, strict=True)))
        return "| " + " | ".join(padded) + " |"

    rule = "|".join(["", *("-" * (w + 2) if i == 0 else "-" * (w + 1) + ":" for i, w in enumerate(widths)), ""])
    body = [f"### {table.title}", "", line(lines[0]), rule, *map(line, lines[1:]), ""]

    return "\n".join([*body, *(f"- {note}" for note in table.notes)]) + "\n"


def by_peer(medians: Mapping[str, float], peers: Sequence[str]) -> list[float | None]:
    """A row's values in the order of the columns."""
    return [medians.get(peer) for peer in peers]
