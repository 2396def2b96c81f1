"""`fnn.plots.decision`, `confusion` and `calibration`."""

from statistics import NormalDist

import numpy as np
import pytest
from matplotlib.axes import Axes
from matplotlib.colors import same_color, to_rgba
from matplotlib.contour import ContourSet
from numpy.typing import NDArray

import fnn
from fnn.plots.canvas import PALETTE
from tests.plots.seen import bars_of, drawn, faces_of, has_point, legend_of, points_of, texts_of, values_of, vertices_of

STEP = fnn.Params({"W1": [[1.0], [0.0]], "b1": [-1.0]}, hidden=(), output=fnn.sigmoid)  # a > ½ for x₁ > 1
THREE = fnn.Params({"W1": [[1.0, 0.0, -1.0], [0.0, 1.0, -1.0]], "b1": np.zeros(3)}, hidden=(), output=fnn.softmax)
X, LABELS = np.array([[0.0, 0.0], [2.0, 4.0], [1.5, 1.0], [0.5, 3.0]]), np.array([0, 1, 1, 1])


def contours(ax: Axes) -> tuple[list[ContourSet], list[ContourSet]]:
    """Areas and lines."""
    both = [part for part in ax.collections if isinstance(part, ContourSet)]
    return [part for part in both if part.filled], [part for part in both if not part.filled]


class TestDecision:
    def test_cases_and_regions_of_a_single_output(self, ax: Axes) -> None:
        assert fnn.plots.decision(STEP, X, LABELS, names=["left", "right"], inputs=["u", "v"], ax=ax) is ax

        first, second = ax.lines
        assert points_of(first) == ([0], [0])
        assert points_of(second) == ([2, 1.5, 0.5], [4, 1, 3])
        assert same_color(first.get_color(), PALETTE[0])
        assert same_color(second.get_color(), PALETTE[1])
        assert first.get_marker() != second.get_marker()
        assert legend_of(ax) == ["left", "right"]
        assert (ax.get_xlabel(), ax.get_ylabel()) == ("u", "v")
        np.testing.assert_allclose([ax.get_xlim(), ax.get_ylim()], [(-0.16, 2.16), (-0.32, 4.32)])
        areas, lines = contours(ax)
        assert len(areas) == len(lines) == 2
        for area, colour, inside, outside in zip(
            areas, PALETTE, ((0.9, 2), (1.1, 2)), ((1.1, 2), (0.9, 2)), strict=False
        ):
            np.testing.assert_allclose(faces_of(area)[0], to_rgba(colour, 0.25))
            (path,) = area.get_paths()
            assert path.contains_point(inside)
            assert not path.contains_point(outside)
        for line in lines:
            np.testing.assert_allclose(vertices_of(line)[:, 0], 1, atol=1e-3)

    def test_a_threshold_moves_the_boundary(self, ax: Axes) -> None:
        fnn.plots.decision(STEP, X, LABELS, threshold=1 / (1 + np.e), ax=ax)  # σ(−1): x₁ > 0

        _, lines = contours(ax)
        np.testing.assert_allclose(vertices_of(lines[0])[:, 0], 0, atol=1e-3)

    def test_several_outputs(self, ax: Axes) -> None:
        x = np.array([[2.0, -2.0], [-2.0, 2.0], [-2.0, -2.0]])

        fnn.plots.decision(THREE, x, fnn.one_hot([0, 1, 2], 3), ax=ax)

        areas, _ = contours(ax)
        for i, area in enumerate(areas):
            assert [has_point(area, (u, v)) for u, v in x] == [i == 0, i == 1, i == 2]
        assert legend_of(ax) == ["0", "1", "2"]

    def test_a_class_that_is_never_predicted_has_no_region(self, ax: Axes) -> None:
        fnn.plots.decision(STEP, X, LABELS, threshold=2, ax=ax)

        areas, lines = contours(ax)
        assert (len(areas), len(lines)) == (1, 0)

    def test_a_class_without_cases_that_is_predicted_is_in_the_legend(self, ax: Axes) -> None:
        fnn.plots.decision(STEP, X, [0, 0, 0, 0], ax=ax)

        assert legend_of(ax) == ["0", "1"]
        assert points_of(ax.lines[1]) == ([], [])

    def test_a_legend_of_twenty_classes_is_within_the_figure(self) -> None:
        x = np.random.default_rng(0).normal(size=(40, 2))

        ax = drawn(fnn.plots.decision(fnn.init((2, 20), seed=0, output=fnn.softmax), x, np.arange(40) % 20))

        legend = ax.get_legend()
        assert legend is not None
        box = legend.get_window_extent()
        assert box.y0 > 0
        assert box.x1 < ax.figure.bbox.x1

    def test_cases_that_lie_close_together_and_far_from_zero(self, ax: Axes) -> None:
        fnn.plots.decision(STEP, [[1e20, -1e20], [1e20, -1e20]], [0, 1], ax=ax)

        assert ax.get_xlim()[0] < 1e20 < ax.get_xlim()[1]
        assert ax.get_ylim()[0] < -1e20 < ax.get_ylim()[1]

    def test_names_of_columns(self, ax: Axes) -> None:
        frame = pytest.importorskip("pandas").DataFrame({"width": X[:, 0], 2: X[:, 1]})

        fnn.plots.decision(STEP, frame, LABELS, ax=ax)

        assert (ax.get_xlabel(), ax.get_ylabel()) == ("width", "2")

    def test_cases_with_a_scale(self, ax: Axes) -> None:
        fnn.plots.decision(STEP, fnn.Cases(100 * X, LABELS, scale=0.01), ax=ax)

        _, lines = contours(ax)
        np.testing.assert_allclose(vertices_of(lines[0])[:, 0], 100, atol=0.1)
        assert points_of(ax.lines[0]) == ([0], [0])
        assert points_of(ax.lines[1]) == ([200, 150, 50], [400, 100, 300])

    def test_bad_values(self, ax: Axes) -> None:
        with pytest.raises(ValueError, match="params: needs two inputs for a picture of its regions, has 3"):
            fnn.plots.decision(fnn.init((3, 1), seed=0), X, LABELS, ax=ax)
        with pytest.raises(ValueError, match="labels: must be 0 to 1, got 2 in row 1"):
            fnn.plots.decision(STEP, X, [0, 2, 1, 1], ax=ax)
        with pytest.raises(ValueError, match="x: has 1 columns"):
            fnn.plots.decision(STEP, X[:, :1], LABELS, ax=ax)
        with pytest.raises(ValueError, match="names: needs one for each of the 2 classes, got 1"):
            fnn.plots.decision(STEP, X, LABELS, names=["a"], ax=ax)
        with pytest.raises(ValueError, match="params: has outputs that are NaN or infinite"):
            fnn.plots.decision(STEP.replace({"b1": [np.nan]}), X, LABELS, ax=ax)
        with pytest.raises(ValueError, match="resolution: must be at least 2, got 1"):
            fnn.plots.decision(STEP, X, LABELS, resolution=1, ax=ax)
        assert not ax.lines


class TestConfusion:
    def test_counts_and_colours(self, ax: Axes) -> None:
        assert fnn.plots.confusion(STEP, X, LABELS, names=["no", "yes"], ax=ax) is ax

        (image,) = ax.images
        np.testing.assert_allclose(values_of(image), np.array([[1, 0], [1 / 3, 2 / 3]]))
        assert image.get_clim() == (0, 1)
        assert [(text.get_position(), text.get_text()) for text in ax.texts] == [
            ((0, 0), "1"), ((1, 0), "0"), ((0, 1), "1"), ((1, 1), "2")
        ]  # fmt: skip
        assert [text.get_color() for text in ax.texts] == ["white", "black", "black", "white"]
        assert ax.get_title(loc="left") == "3 of 4 cases right: 75.00 %"
        assert [label.get_text() for label in ax.get_yticklabels()] == ["no", "yes"]
        assert (ax.get_xlabel(), ax.get_ylabel()) == ("class predicted", "class")
        assert bars_of(ax) == {"part of the class's cases": (0, 1)}

    def test_a_class_without_cases(self, ax: Axes) -> None:
        fnn.plots.confusion(THREE, [[2.0, -2.0]], [0], ax=ax)

        np.testing.assert_array_equal(values_of(ax.images[0]), [[1, 0, 0], [0, 0, 0], [0, 0, 0]])

    def test_many_classes_have_no_numbers(self, ax: Axes) -> None:
        params = fnn.init((2, 30), seed=0, output=fnn.softmax)

        fnn.plots.confusion(params, X, LABELS, ax=ax)

        assert not ax.texts
        assert values_of(ax.images[0]).shape == (30, 30)

    def test_bad_values(self, ax: Axes) -> None:
        with pytest.raises(TypeError, match="labels: needs integers"):
            fnn.plots.confusion(STEP, X, [0.5, 1, 1, 0], ax=ax)
        with pytest.raises(ValueError, match="names: needs one for each of the 2 classes, got 3"):
            fnn.plots.confusion(STEP, X, LABELS, names=["a", "b", "c"], ax=ax)


def outputs_that_are(p: list[float]) -> tuple[fnn.Params[np.float64], NDArray[np.float64]]:
    """A network of one input, and inputs for which it predicts these probabilities."""
    params = fnn.Params({"W1": [[1.0]], "b1": [0.0]}, hidden=(), output=fnn.identity)
    return params, np.array(p)[:, None]


class TestCalibration:
    P, CAME = [0.05, 0.1, 0.15, 0.6, 0.65, 0.7, 0.75, 1.0], [0, 0, 1, 1, 0, 1, 1, 1]

    def test_bins_and_their_intervals(self, ax: Axes) -> None:
        params, x = outputs_that_are(self.P)

        assert fnn.plots.calibration(params, x, self.CAME, bins=4, ax=ax) is ax

        means, fractions = points_of(ax.lines[1])
        np.testing.assert_allclose(means, [0.1, 0.65, 0.875])  # none lies in [0.25, 0.5)
        np.testing.assert_allclose(fractions, [1 / 3, 2 / 3, 1])
        intervals = np.array([line[:, 1] for line in ax.collections[0].get_segments()])  # type: ignore[attr-defined]
        z2 = NormalDist().inv_cdf(0.95) ** 2
        for ends, came, n in zip(intervals, (1, 2, 2), (3, 3, 2), strict=True):  # p with (p̂ − p)² = z² p (1 − p) / n
            roots = np.roots([1 + z2 / n, -(2 * came / n + z2 / n), (came / n) ** 2])
            np.testing.assert_allclose(ends, np.sort(roots), rtol=1e-10)
        assert points_of(ax.lines[0]) == ([0, 1], [0, 1])
        assert ax.get_xlabel() == "probability predicted of class 1"
        assert ax.get_title(loc="left") == "calibration, 8 cases"

    def test_of_class_0_of_a_single_output(self, ax: Axes) -> None:
        params, x = outputs_that_are(self.P)

        fnn.plots.calibration(params, x, self.CAME, of=0, bins=1, ax=ax)

        np.testing.assert_allclose(points_of(ax.lines[1]), [[0.5], [3 / 8]])

    def test_of_the_class_predicted_and_of_one(self) -> None:
        x, labels = np.array([[1.0, 0.0], [0.0, 2.0], [-1.0, 0.0]]), [0, 0, 2]
        e = np.exp(x @ np.array(THREE["W1"]))
        p = e / e.sum(axis=1, keepdims=True)

        for of, mean, fraction in (
            (None, p.max(axis=1).mean(), 2 / 3),
            (0, p[:, 0].mean(), 2 / 3),
            (1, p[:, 1].mean(), 0),
        ):
            for output in (fnn.softmax, fnn.log_softmax):
                params = fnn.Params({**THREE}, hidden=(), output=output)
                ax = fnn.plots.calibration(params, x, labels, of=of, bins=1)
                np.testing.assert_allclose(points_of(ax.lines[1]), [[mean], [fraction]], rtol=1e-9)

    def test_bad_values(self, ax: Axes) -> None:
        params, x = outputs_that_are([0.5, 1.5])
        with pytest.raises(ValueError, match=r"params: its outputs must be probabilities, from 0 to 1, got 1\.5"):
            fnn.plots.calibration(params, x, [0, 1], ax=ax)
        with pytest.raises(ValueError, match="of: must be at most 1, got 2"):
            fnn.plots.calibration(STEP, X, LABELS, of=2, ax=ax)
        with pytest.raises(ValueError, match="bins: must be at least 1, got 0"):
            fnn.plots.calibration(STEP, X, LABELS, bins=0, ax=ax)
        assert not texts_of(ax)
