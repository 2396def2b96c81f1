"""`fnn.plots.history`."""

from collections.abc import Callable

import numpy as np
import pytest
from matplotlib import pyplot
from matplotlib.axes import Axes
from matplotlib.colors import same_color
from matplotlib.figure import Figure
from numpy.typing import ArrayLike

import fnn
from fnn.plots.canvas import PALETTE
from tests.plots.seen import drawn, legend_of, points_of


def column(values: ArrayLike | None) -> np.ndarray[tuple[int], np.dtype[np.float64]] | None:
    return None if values is None else np.array(values, np.float64)


def made(error: ArrayLike, validation: ArrayLike | None = None, eta: ArrayLike | None = None) -> fnn.History:
    """A history with a second for every two epochs."""
    errors = np.array(error, np.float64)
    seconds = np.repeat(np.arange(1.0, len(errors)), 2)[: len(errors)]

    return fnn.History(errors, column(validation), None, column(eta), seconds)


class TestHistory:
    def test_a_run_with_validation(self, ax: Axes) -> None:
        assert fnn.plots.history(made([4, 2, 1, 0.5], [5, 3, 2, 2.5]), ax=ax) is ax

        training, validation, best = ax.lines
        assert points_of(training) == ([1, 2, 3, 4], [4, 2, 1, 0.5])
        assert points_of(validation) == ([1, 2, 3, 4], [5, 3, 2, 2.5])
        assert points_of(best) == ([3], [2])
        assert same_color(training.get_color(), PALETTE[0])
        assert same_color(validation.get_color(), PALETTE[1])
        assert legend_of(ax) == ["training", "validation", "best: epoch 3"]
        assert (ax.get_xlabel(), ax.get_ylabel(), ax.get_yscale()) == ("epoch", "error per case", "log")
        assert ax.get_title(loc="left") == "errors"

    def test_of_a_real_run(self) -> None:
        x = np.linspace(-1, 1, 20)[:, None]
        start = fnn.init((1, 3, 1), seed=0, output=fnn.identity)
        run = fnn.train(start, x, x**2, eta=0.01, epochs=5, validation=(x + 0.01, x**2))

        ax = fnn.plots.history(run)

        assert points_of(ax.lines[0])[1] == run.history.error.tolist()
        assert run.history.validation_error is not None
        assert points_of(ax.lines[1])[1] == run.history.validation_error.tolist()
        assert pyplot.get_fignums() == [1]

    def test_without_validation_the_least_error_is_best(self, ax: Axes) -> None:
        fnn.plots.history(made([4, 1, 2, 3]), ax=ax)

        assert [points_of(line) for line in ax.lines] == [([1, 2, 3, 4], [4, 1, 2, 3]), ([2], [1])]

    @pytest.mark.parametrize("pack", [lambda a, b: {"slow": a, "fast": b}, lambda a, b: [a, b]])
    def test_several_runs(self, ax: Axes, pack: Callable[..., object]) -> None:
        fnn.plots.history(pack(made([4, 2], [5, 3]), made([3, 1])), ax=ax)  # type: ignore[arg-type]  # of one of both kinds

        dashed, through, _, other, _ = ax.lines
        assert [line.get_linestyle() for line in (dashed, through, other)] == ["--", "-", "-"]
        assert same_color(dashed.get_color(), through.get_color())
        assert same_color(other.get_color(), PALETTE[1])
        first, second = (label.removesuffix(", best: epoch 2") for label in legend_of(ax))
        assert (first, second) in (("slow", "fast"), ("run 1", "run 2"))
        legend = ax.get_legend()
        assert legend is not None
        assert legend.get_title().get_text() == "validation (lines), training (dashes)"

    def test_many_runs_have_their_own_colours_and_a_legend_within_the_axes(self) -> None:
        ax = drawn(fnn.plots.history([made([4, 2, 1], [5, 3, 2])] * 20))

        colours = {str(line.get_color()) for line in ax.lines}
        assert len(colours) == 20
        legend = ax.get_legend()
        assert legend is not None
        inner, outer = legend.get_window_extent(), ax.get_window_extent()
        assert outer.x0 <= inner.x0 < inner.x1 <= outer.x1
        assert outer.y0 <= inner.y0 < inner.y1 <= outer.y1
        assert fnn.plots.history([made([4, 2, 1])] * 31).get_legend() is None

    def test_by_seconds_groups_share_their_time(self, ax: Axes) -> None:
        fnn.plots.history(made([4, 3, 2, 1]), by="seconds", ax=ax)

        assert points_of(ax.lines[0])[0] == [0.5, 1.0, 1.5, 2.0]
        assert ax.get_xlabel() == "time in seconds"

    def test_the_rate_has_its_own_axis(self, ax: Axes) -> None:
        fnn.plots.history(made([4, 3, 2], eta=[0.3, 0.2, 0.1]), rate=True, ax=ax)

        (rates,) = [other for other in ax.figure.axes if other is not ax]
        assert points_of(rates.lines[0]) == ([1, 2, 3], [0.3, 0.2, 0.1])
        assert rates.get_ylabel() == "learning rate η (dots)"
        assert rates.get_ylim()[0] == 0

    def test_the_legend_of_very_many_epochs_has_its_place(self) -> None:
        ax = drawn(fnn.plots.history(made(np.linspace(0, 1, 20_000))))  # with its end behind the legend

        legend = ax.get_legend()
        assert legend is not None
        assert legend.get_window_extent().x1 == pytest.approx(ax.get_window_extent().x1, abs=20)

    @pytest.mark.parametrize("errors", [[1, 0], [-1, 1], [9, 1], [np.nan] * 2])
    def test_errors_that_do_not_span_a_power_of_ten_are_on_a_linear_axis(self, ax: Axes, errors: list[float]) -> None:
        assert fnn.plots.history(made(errors), ax=ax).get_yscale() == "linear"

    def test_an_epoch_between_others_that_are_not_finite_is_a_dot(self, ax: Axes) -> None:
        fnn.plots.history(made([4, 2, np.nan, 1, np.inf], [np.nan] * 5), ax=ax)

        _, dot, _ = ax.lines
        assert (points_of(dot), dot.get_marker()) == (([4], [1]), ".")
        assert legend_of(ax) == ["training", "validation"]

    @pytest.mark.parametrize("epochs", [1, 3, 100])
    def test_ticks_are_whole_epochs(self, epochs: int) -> None:
        ticks = drawn(fnn.plots.history(made(np.arange(1.0, epochs + 1)))).get_xticks()

        assert len(ticks)
        assert all(tick == int(tick) for tick in ticks)

    def test_bad_values(self, ax: Axes) -> None:
        for runs, message in (
            (made([]), "runs: the run has no epochs"),
            ({"a": made([])}, "runs: a has no epochs"),
            ([], "runs: needs one run at least, got none"),
        ):
            with pytest.raises(ValueError, match=message):
                fnn.plots.history(runs, ax=ax)
        for wrong in (3, "run", [1.0], fnn.init((1, 1), seed=0)):
            with pytest.raises(TypeError, match=r"runs: needs what fnn\.train returns"):
                fnn.plots.history(wrong, ax=ax)  # type: ignore[arg-type]
        with pytest.raises(ValueError, match=r'by: must be "epoch" or "seconds", got \'steps\''):
            fnn.plots.history(made([1]), by="steps", ax=ax)  # type: ignore[arg-type]
        with pytest.raises(ValueError, match="rate: the run has no learning rates"):
            fnn.plots.history(made([1]), rate=True, ax=ax)
        with pytest.raises(TypeError, match="ax: needs matplotlib's Axes, got Figure"):
            fnn.plots.history(made([1]), ax=ax.figure)  # type: ignore[arg-type]
        with pytest.raises(TypeError, match="ax: needs axes with a projection in straight lines, got PolarAxes"):
            fnn.plots.history(made([1]), ax=Figure().add_subplot(projection="polar"))
        with pytest.raises(TypeError, match=r"fnn\.plots\.history: has no parameter colour; it has ax, by, rate, runs"):
            fnn.plots.history(made([1]), colour="red")  # type: ignore[call-arg]
        with pytest.raises(
            TypeError, match=r"fnn\.plots\.history: takes runs without a name.*did you mean by='seconds'"
        ):
            fnn.plots.history(made([1]), "seconds")  # type: ignore[call-arg]
        assert not ax.lines
