"""Writes what was measured: tables as Markdown, all values as JSON, a plot."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from .measure import ChildError, python
from .tables import Table, markdown


def write(folder: Path, head: Sequence[str], tables: Sequence[Table]) -> list[Path]:
    """The files that were written."""
    folder.mkdir(parents=True, exist_ok=True)
    written = [folder / "results.md", folder / "results.json"]
    written[0].write_text("\n\n".join(["  \n".join(head), *map(markdown, tables)]))
    written[1].write_text(json.dumps({"head": list(head), "tables": [vars(t) for t in tables]}, indent=1))
    try:
        python(["-m", f"{__package__}.report", str(written[1]), str(folder / "steps.png")])
        written.append(folder / "steps.png")
    except ChildError as error:
        print(f"no plot: {error}")

    return written


def plot(results: Path, picture: Path) -> None:
    """Bars of table 1 on a logarithmic axis."""
    import matplotlib

    matplotlib.use("agg")
    import matplotlib.pyplot as plt

    tables: list[dict[str, Any]] = json.loads(results.read_text())["tables"]
    steps = next((t for t in tables if t["name"] == "steps"), None)
    if steps is None:
        raise SystemExit("table 1 was not measured")
    peers = steps["columns"][1:-2]
    figure, axes = plt.subplots(figsize=(9, 4), layout="constrained")
    for i, peer in enumerate(peers):
        values = [float(row[1 + i]) if row[1 + i] != "–" else float("nan") for row in steps["rows"]]
        places = [k + (i - (len(peers) - 1) / 2) * 0.8 / len(peers) for k in range(len(values))]
        bars = axes.bar(places, values, 0.8 / len(peers), label=peer)
        axes.bar_label(bars, labels=[row[1 + i] for row in steps["rows"]], fontsize=7)
    axes.set_yscale("log")
    axes.set_xticks(range(len(steps["rows"])), [row[0].replace(": ", "\n") for row in steps["rows"]])
    axes.set_ylabel("µs a training step")
    axes.legend(ncols=len(peers), loc="upper left", fontsize=8)
    axes.margins(y=0.2)
    figure.savefig(picture, dpi=150)


if __name__ == "__main__":
    import sys

    plot(Path(sys.argv[1]), Path(sys.argv[2]))
