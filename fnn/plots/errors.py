"""`history`: how the errors of runs fell."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any, Final, Literal, TypeAlias

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator
from numpy.typing import NDArray

from fnn.boundary.checks import flag
from fnn.network.params import DT, Params
from fnn.plots.canvas import PALETTE, axes_of, colours_of, legend, plain, plot
from fnn.training.history import History, Run

Reals: TypeAlias = NDArray[np.float64]

_MOST: Final = 30  # runs in a legend


@plot
def history(
    runs: Run[DT] | History | Sequence[Run[DT] | History] | Mapping[str, Run[DT] | History], *,
    by: Literal["epoch", "seconds"] = "epoch", rate: bool = False, ax: Axes | None = None,
) -> Axes:  # fmt: skip
    """Errors per case of training and validation, each epoch, and the best epoch.

    One run has a colour for each of the two errors; of several each has its own, and its validation errors are drawn
    through, those of training dashed. A ring is at the best epoch, that with the least validation error (without
    validation, the least error). The axis of errors is logarithmic if all errors are above 0 and the greatest is at
    least ten times the least. More than 30 runs have no legend.

    Parameters
    ----------
    runs
        What `train` or `train_many` returned; or a `History`; or several by name.
    by
        "epoch", counted from 1, or "seconds" since the run began: epochs that were timed as a group share its time
        evenly.
    rate
        Whether the learning rate η of each epoch's first step is drawn too, in dots, with its own axis to the right.
    ax
        By default axes of a new figure.

    Returns
    -------
    The axes.

    Raises
    ------
    ValueError, TypeError
        No run, one without an epoch, or with a rate that isn't known; arguments of another type.

    Examples
    --------
    >>> import fnn
    >>> x, y = [[0, 0], [0, 1], [1, 0], [1, 1]], [[0], [1], [1], [0]]
    >>> run = fnn.train(fnn.init((2, 2, 1), seed=2), x, y, eta=2.0, epochs=100)
    >>> ax = fnn.plots.history(run)
    >>> ax.get_xlabel(), ax.get_ylabel(), len(ax.lines[0].get_ydata())
    ('epoch', 'error per case', 100)
    """
    histories = _histories_of(runs)
    if by not in ("epoch", "seconds"):
        raise ValueError(f'by: must be "epoch" or "seconds", got {by!r}')
    if flag("rate", rate):
        for name, each in histories.items():
            if each.eta is None:
                raise ValueError(f"rate: {name or 'the run'} has no learning rates")
    ax = axes_of(ax)
    for (name, each), colour in zip(histories.items(), colours_of(len(histories)), strict=True):
        _draw_errors(ax, each, _times(each, by), name, colour)
    measured = [e for h in histories.values() for e in (h.error, h.validation_error) if e is not None]
    errors = np.concatenate([e[np.isfinite(e)] for e in measured])
    if 0 < 10 * errors.min(initial=np.inf) <= errors.max(initial=0):
        ax.set_yscale("log")
    if by == "epoch":
        ax.xaxis.set_major_locator(MaxNLocator("auto", steps=[1, 2, 5, 10], integer=True, min_n_ticks=1))
    ax.set(xlabel=by if by == "epoch" else "time in seconds", ylabel="error per case")
    ax.set_title("errors", loc="left")
    ax.grid(alpha=0.25)
    _write_legend(ax, histories)
    plain(ax)
    if rate:
        _draw_rates(ax, histories, by)

    return ax


def _histories_of(runs: object) -> dict[str, History]:
    """The histories by their names; that of a single run has none."""
    if isinstance(runs, Run | History):
        named: dict[str, object] = {"": runs}
    elif isinstance(runs, Mapping) and not isinstance(runs, Params):
        named = {str(name): run for name, run in runs.items()}
    elif isinstance(runs, Sequence) and not isinstance(runs, str):
        named = {f"run {i}": run for i, run in enumerate(runs, start=1)}
    else:
        raise TypeError(f"runs: needs what fnn.train returns, or several of that, got {type(runs).__name__}")
    histories = {}
    for name, run in named.items():
        if not isinstance(run, Run | History):
            raise TypeError(f"runs: needs what fnn.train returns, got {type(run).__name__} for {name}")
        histories[name] = run.history if isinstance(run, Run) else run
        if len(histories[name]) == 0:
            raise ValueError(f"runs: {name or 'the run'} has no epochs")
    if not histories:
        raise ValueError("runs: needs one run at least, got none")

    return histories


def _times(history: History, by: str) -> Reals:
    """Where the epochs lie."""
    epochs = np.arange(1.0, len(history) + 1)
    if by == "epoch":
        return epochs
    ends = np.append(np.flatnonzero(np.diff(history.seconds)), len(epochs) - 1)  # of groups

    return np.asarray(np.interp(epochs, [0.0, *epochs[ends]], [0.0, *history.seconds[ends]]))


def _draw_errors(ax: Axes, history: History, times: Reals, name: str, colour: Any) -> None:
    """A curve for the errors of training, one for those of validation, and a ring at the best epoch."""
    best, validation = history.best_epoch, history.validation_error
    of_best = f"best: epoch {best}" if best else "no best epoch"
    errors, label = history.error, f"{name}, {of_best}" if name else "validation"
    if validation is None:
        _draw_curve(ax, times, errors, "-", colour, label if name else "training")
    else:
        _draw_curve(ax, times, errors, "--" if name else "-", colour, "" if name else "training")
        errors, colour = validation, colour if name else PALETTE[1]
        _draw_curve(ax, times, errors, "-", colour, label)
    if best:
        ax.plot(
            times[best - 1], errors[best - 1], "o", markersize=8, fillstyle="none", color=colour, markeredgewidth=1.5,
            label="" if name else of_best, clip_on=False,
        )  # fmt: skip


def _draw_curve(ax: Axes, times: Reals, errors: Reals, style: str, colour: Any, label: str) -> None:
    """A line through the errors, and dots where there is none to either side that is finite, too."""
    ax.plot(times, errors, style, color=colour, linewidth=1.5, label=label)
    is_finite = np.isfinite(errors)
    alone = is_finite & ~np.append(False, is_finite[:-1]) & ~np.append(is_finite[1:], False)
    if alone.any():
        ax.plot(times[alone], errors[alone], ".", color=colour)


def _write_legend(ax: Axes, histories: Mapping[str, History]) -> None:
    """What the lines are; of several runs an entry for each, in columns if they are many."""
    has_dashes = "" not in histories and any(each.validation_error is not None for each in histories.values())
    title = "validation (lines), training (dashes)" if has_dashes else None
    count, epochs = len(histories), sum(map(len, histories.values()))
    if count <= _MOST:
        size = "small" if count > 6 else None
        legend(ax, epochs, "upper right", title=title, ncols=math.ceil(count / 10), fontsize=size)


def _draw_rates(ax: Axes, histories: Mapping[str, History], by: str) -> None:
    """The learning rates, with an axis of their own."""
    rates = ax.twinx()
    for each, colour in zip(histories.values(), colours_of(len(histories)), strict=True):
        if each.eta is not None:
            rates.plot(_times(each, by), each.eta, ":", color="0.4" if len(histories) == 1 else colour)
    rates.set_ylabel("learning rate η (dots)")
    rates.set_ylim(bottom=0)
    rates.spines["top"].set_visible(False)
