"""`history`: how the errors of runs fell."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal, TypeAlias

import numpy as np
from matplotlib.axes import Axes
from numpy.typing import NDArray

from fnn.boundary.checks import flag
from fnn.network.params import DT
from fnn.plots.canvas import PALETTE, axes_of, colour_of, legend, plain
from fnn.training.history import History, Run

Reals: TypeAlias = NDArray[np.float64]


def history(
    runs: Run[DT] | History | Sequence[Run[DT] | History] | Mapping[str, Run[DT] | History], *,
    by: Literal["epoch", "seconds"] = "epoch", rate: bool = False, ax: Axes | None = None,
) -> Axes:  # fmt: skip
    """Errors per case of training and validation, each epoch, and the best epoch.

    One run has a colour for each of the two errors; of several each has its own, and its validation errors are drawn
    through, those of training dashed. A ring is at the best epoch, that with the least validation error (without
    validation, the least error). The axis of errors is logarithmic if all errors are above 0.

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
    for i, (name, each) in enumerate(histories.items()):
        _draw_errors(ax, each, _times(each, by), name, i)
    errors = [e for h in histories.values() for e in (h.error, h.validation_error) if e is not None]
    if all((e[np.isfinite(e)] > 0).all() for e in errors):
        ax.set_yscale("log")
    ax.set(xlabel=by if by == "epoch" else "time in seconds", ylabel="error per case")
    ax.set_title("errors", loc="left")
    ax.grid(alpha=0.25)
    legend(ax)
    plain(ax)
    if rate:
        _draw_rates(ax, histories, by)

    return ax


def _histories_of(runs: object) -> dict[str, History]:
    """The histories by their names; that of a single run has none."""
    if isinstance(runs, Run | History):
        named: dict[str, object] = {"": runs}
    elif isinstance(runs, Mapping):
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


def _draw_errors(ax: Axes, history: History, times: Reals, name: str, index: int) -> None:
    """A curve for the errors of training, one for those of validation, and a ring at the best epoch."""
    prefix, dashes = (f"{name}, ", "--") if name else ("", "-")
    colour = colour_of(index)
    measured = history.validation_error
    if measured is None:
        ax.plot(times, history.error, "-", color=colour, linewidth=1.5, label=name or "training")
    else:
        ax.plot(times, history.error, dashes, color=colour, linewidth=1.5, label=f"{prefix}training")
        colour = colour if name else PALETTE[1]
        ax.plot(times, measured, "-", color=colour, linewidth=1.5, label=f"{prefix}validation")
    best = history.best_epoch
    if best is not None:
        errors = history.error if measured is None else measured
        ax.plot(
            times[best - 1], errors[best - 1], "o", markersize=8, fillstyle="none", color=colour, markeredgewidth=1.5,
            label=f"{prefix}best: epoch {best}", clip_on=False,
        )  # fmt: skip


def _draw_rates(ax: Axes, histories: Mapping[str, History], by: str) -> None:
    """The learning rates, with an axis of their own."""
    rates = ax.twinx()
    for i, each in enumerate(histories.values()):
        if each.eta is not None:
            rates.plot(_times(each, by), each.eta, ":", color="0.4" if len(histories) == 1 else colour_of(i))
    rates.set_ylabel("learning rate η (dots)")
    rates.set_ylim(bottom=0)
    rates.spines["top"].set_visible(False)
