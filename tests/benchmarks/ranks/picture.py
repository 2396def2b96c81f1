"""The picture of a simulation: efficiency and speed-up by ranks, a column for each network."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Final

from .study import SHARED, Measured

if TYPE_CHECKING:
    from matplotlib.axes import Axes

COLOURS: Final = ("#b2182b", "#2166ac", "0.55")
RANKS: Final = tuple(2**i for i in range(11))


def draw(measured: Sequence[Measured], path: Path) -> None:
    """Weak scaling above, strong scaling below; circles are measured."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(11, 6.5), layout="constrained")
    rows = figure.subplots(2, len(measured), squeeze=False, sharex=True, sharey="row")
    for one, upper, lower in zip(measured, *rows, strict=True):
        draw_study(one, upper, lower)
    rows[0][0].set_ylabel("weak scaling: efficiency, %")
    rows[1][0].set_ylabel("strong scaling: times as fast")
    handles, labels = rows[0][0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=len(labels), frameon=False)
    figure.savefig(path, dpi=150)


def draw_study(one: Measured, upper: Axes, lower: Axes) -> None:
    """Both panels of a network."""
    for model, colour in zip(one.models(), COLOURS, strict=True):
        name = model.exchange.network.name
        style = ":" if name == SHARED else "-"
        label = f"{name}, as here" if name == SHARED else name
        weak = [100 * model.weak(ranks, one.study.cases) for ranks in RANKS]
        strong = [model.strong(ranks, one.study.batch) for ranks in RANKS]
        for axes, values in ((upper, weak), (lower, strong)):
            axes.plot(RANKS, values, style, color=colour, linewidth=1.8, label=label)
    lower.plot(RANKS, RANKS, "--", color="0.7", linewidth=1)
    lower.annotate("ideal", (64, 64), (-4, 2), textcoords="offset points", ha="right", color="0.5")
    for axes, values in ((upper, [100, 100 * one.weak]), (lower, [1, one.strong])):
        axes.plot((1, 2), values, "o", color="black", markersize=5, label="measured, shared memory", zorder=3)
        axes.spines[["top", "right"]].set_visible(False)
        axes.grid(color="0.92")
    upper.set_title(f"{one.study.title}\n{one.study.cases:,} cases a rank", fontsize=11)
    upper.set_ylim(0, 108)
    upper.set_xscale("log", base=2)
    lower.set_title(f"batch of {one.study.batch:,}", fontsize=11)
    lower.set_yscale("log", base=2)
    lower.set_ylim(0.5, 256)
    lower.set_xticks(RANKS[::2], [f"{ranks:,}" for ranks in RANKS[::2]])
    lower.set_yticks([2**i for i in range(-1, 9)], [f"{2.0**i:g}" for i in range(-1, 9)])
    lower.set_xlabel("ranks")
