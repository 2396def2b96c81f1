"""`fnn.plots.curve` and `residuals`."""

import numpy as np
import pytest
from matplotlib.axes import Axes
from matplotlib.colors import same_color

import fnn
from fnn.plots.canvas import PALETTE
from tests.plots.seen import legend_of, points_of

X, Y = np.array([0.0, 1.0, 2.0, 4.0]), np.array([1.5, 2.5, 5.5, 9.0])


def line(slope: float, start: float = 1.0) -> fnn.Params[np.float64]:
    """A network that computes start + slope x."""
    return fnn.Params({"W1": [[slope]], "b1": [start]}, hidden=(), output=fnn.identity)


LINE = line(2)


def ends(ax: Axes, area: int) -> dict[float, tuple[float, float]]:
    """The lower and the upper end of an area at each x."""
    at = np.asarray(ax.collections[area].get_paths()[0].vertices, np.float64)
    return {float(x): (at[at[:, 0] == x, 1].min(), at[at[:, 0] == x, 1].max()) for x in np.unique(at[:, 0])}


class TestCurve:
    @pytest.mark.parametrize("x", [X, X[:, None]], ids=["N", "N-1"])
    def test_fit_and_cases(self, ax: Axes, x: np.ndarray[tuple[int, ...], np.dtype[np.float64]]) -> None:
        assert fnn.plots.curve(LINE, x, Y, names=["volts"], inputs=["seconds"], ax=ax) is ax

        cases, fit = ax.lines
        assert points_of(cases) == (X.tolist(), Y.tolist())
        at, values = (np.array(values) for values in points_of(fit))
        np.testing.assert_allclose(at, np.linspace(0, 4, 500))
        np.testing.assert_allclose(values, 1 + 2 * at)
        assert same_color(fit.get_color(), PALETTE[0])
        assert legend_of(ax) == ["cases", "volts"]
        assert (ax.get_xlabel(), ax.get_ylabel()) == ("seconds", "volts")
        assert not ax.collections

    def test_intervals_of_a_posterior(self, ax: Axes) -> None:
        known = fnn.posterior(LINE, X[:, None], Y)

        fnn.plots.curve(known, X, Y, level=0.5, ax=ax)

        # of a straight line: s² = Σ e² / (N − 2), variance of the mean s² (1/N + (x − x̄)² / Σ (x − x̄)²), t of 2 degrees
        s2 = ((Y - 1 - 2 * X) ** 2).sum() / 2
        t = np.sqrt(2 / 3)  # its upper quartile, by the closed form of its distribution
        for area, noise in ((0, 1), (1, 0)):
            for x, (low, high) in list(ends(ax, area).items())[::100]:
                half = t * np.sqrt(s2 * (noise + 1 / 4 + (x - X.mean()) ** 2 / ((X - X.mean()) ** 2).sum()))
                assert low == pytest.approx(1 + 2 * x - half, rel=1e-6)
                assert high == pytest.approx(1 + 2 * x + half, rel=1e-6)
        assert legend_of(ax) == ["new targets, 50 %", "the mean, 50 %", "cases", "output"]

    def test_an_ensemble(self, ax: Axes) -> None:
        fnn.plots.curve([line(1), line(3), line(2)], X, Y, span=(-1, 1), ax=ax)

        _, fit = ax.lines
        np.testing.assert_allclose(points_of(fit)[1], 1 + 2 * np.linspace(-1, 1, 500))
        low, high = ends(ax, 0)[1.0]
        spread = 2 * np.sqrt(2 / 3)
        np.testing.assert_allclose([low, high], [3 - spread, 3 + spread])
        assert legend_of(ax)[0] == "two standard deviations of 3 networks"

    def test_several_outputs_and_a_scale(self, ax: Axes) -> None:
        params = fnn.Params({"W1": [[2.0, -1.0]], "b1": [1.0, 0.0]}, hidden=(), output=fnn.identity)

        fnn.plots.curve(params, fnn.Cases([[0], [10]], [[1.0, 0.0], [3.0, -1.0]], scale=0.1), ax=ax)

        cases, first, others, second = ax.lines
        assert points_of(cases) == ([0, 10], [1, 3])
        assert points_of(others) == ([0, 10], [0, -1])
        np.testing.assert_allclose(points_of(first)[1], np.linspace(1, 3, 500))
        np.testing.assert_allclose(points_of(second)[1], np.linspace(0, -1, 500), atol=1e-15)
        assert legend_of(ax) == ["cases", "output 0", "output 1"]
        assert same_color(others.get_color(), PALETTE[1])

    def test_names_of_columns(self, ax: Axes) -> None:
        pandas = pytest.importorskip("pandas")
        frame = pandas.DataFrame({"seconds": X, "volts": Y})

        fnn.plots.curve(LINE, frame["seconds"], frame["volts"], ax=ax)
        assert (ax.get_xlabel(), ax.get_ylabel()) == ("seconds", "volts")
        ax = fnn.plots.curve(LINE, frame[["seconds"]], frame[["volts"]], names=["V"])
        assert (ax.get_xlabel(), ax.get_ylabel()) == ("seconds", "V")
        assert fnn.plots.residuals(LINE, frame[["seconds"]], frame["volts"]).get_xlabel() == "volts"
        assert fnn.plots.curve(LINE, frame["seconds"].to_numpy(), pandas.Series(Y)).get_ylabel() == "output"

    def test_cases_with_one_input_alone(self, ax: Axes) -> None:
        fnn.plots.curve(LINE, [3.0, 3.0], [7.0, 6.5], ax=ax)

        at, values = (np.array(values) for values in points_of(ax.lines[-1]))
        np.testing.assert_allclose(at[[0, -1]], [1.5, 4.5])
        np.testing.assert_allclose(values, 1 + 2 * at)

    def test_bad_values(self, ax: Axes) -> None:
        with pytest.raises(ValueError, match="fit: needs one input for a curve, has 2"):
            fnn.plots.curve(fnn.init((2, 1), seed=0), X, Y, ax=ax)
        with pytest.raises(TypeError, match=r"fit: needs fnn\.Params, several of them, or what fnn\.posterior returns"):
            fnn.plots.curve(3, X, Y, ax=ax)  # type: ignore[arg-type]
        with pytest.raises(TypeError, match=r"got Run; its \.params are"):
            fnn.plots.curve(fnn.train(LINE, X[:, None], Y, eta=0.1, epochs=0), X, Y, ax=ax)  # type: ignore[arg-type]
        with pytest.raises(TypeError, match=r"got Run among them; its \.params are"):
            fnn.plots.curve([LINE, fnn.train(LINE, X[:, None], Y, eta=0.1, epochs=0)], X, Y, ax=ax)  # type: ignore[arg-type]
        with pytest.raises(ValueError, match="fit: has outputs that are NaN or infinite"):
            fnn.plots.curve([LINE, line(np.inf)], X, Y, ax=ax)
        with pytest.raises(ValueError, match="fit: needs at least one network, got none"):
            fnn.plots.curve([], X, Y, ax=ax)
        with pytest.raises(ValueError, match="fit: needs as many outputs each, got 1 and 2"):
            fnn.plots.curve([LINE, fnn.init((1, 2), seed=0)], X, Y, ax=ax)
        with pytest.raises(ValueError, match="level: must be at least 0 and below 1, got 1"):
            fnn.plots.curve(LINE, X, Y, level=1, ax=ax)
        with pytest.raises(ValueError, match="span: must go upwards, got 1 to 0"):
            fnn.plots.curve(LINE, X, Y, span=(1, 0), ax=ax)
        with pytest.raises(TypeError, match="span: needs two numbers, such as"):
            fnn.plots.curve(LINE, X, Y, span=3, ax=ax)  # type: ignore[arg-type]
        with pytest.raises(ValueError, match=r"y: needs shape \(4, 1\), got \(3,\)"):
            fnn.plots.curve(LINE, X, Y[:3], ax=ax)
        assert not ax.lines


class TestResiduals:
    def test_by_output(self, ax: Axes) -> None:
        assert fnn.plots.residuals(LINE, X[:, None], Y, names=["volts"], ax=ax) is ax

        zero, cases = ax.lines
        assert points_of(zero)[1] == [0, 0]
        assert points_of(cases) == ([1, 3, 5, 9], [0.5, -0.5, 0.5, 0])
        assert (ax.get_xlabel(), ax.get_ylabel()) == ("volts", "target − output")
        assert ax.get_title(loc="left") == "residuals, root mean square 0.433"  # √(3/16)
        assert ax.get_legend() is None

    def test_intervals(self, ax: Axes) -> None:
        interval = ([0.0, 1.0, 2.0, 3.0], [[2.0], [4.0], [6.0], [8.0]])

        fnn.plots.residuals(LINE, X[:, None], Y, interval=interval, ax=ax)

        lines = ax.collections[0].get_segments()  # type: ignore[attr-defined]
        assert [line.tolist() for line in lines] == [
            [[1, -1], [1, 1]], [[3, -2], [3, 1]], [[5, -3], [5, 1]], [[9, -6], [9, -1]]
        ]  # fmt: skip
        assert legend_of(ax) == ["interval", "cases"]

    def test_several_outputs(self, ax: Axes) -> None:
        params = fnn.Params({"W1": [[2.0, -1.0]], "b1": [1.0, 0.0]}, hidden=(), output=fnn.identity)

        fnn.plots.residuals(params, [[1.0]], [[4.0, 1.0]], ax=ax)

        assert [points_of(line) for line in ax.lines[1:]] == [([3], [1]), ([-1], [2])]
        assert legend_of(ax) == ["output 0", "output 1"]

    def test_bad_values(self, ax: Axes) -> None:
        with pytest.raises(ValueError, match=r"interval: needs ends of shape \(4, 1\), got \(3,\)"):
            fnn.plots.residuals(LINE, X[:, None], Y, interval=(Y[:3], Y), ax=ax)
        with pytest.raises(TypeError, match="interval: needs its lower and its upper ends"):
            fnn.plots.residuals(LINE, X[:, None], Y, interval=Y, ax=ax)  # type: ignore[arg-type]
        with pytest.raises(ValueError, match="params: has outputs that are NaN or infinite"):
            fnn.plots.residuals(line(np.nan), X[:, None], Y, ax=ax)
        with pytest.raises(TypeError, match=r"params: needs fnn\.Params"):
            fnn.plots.residuals(3, X, Y, ax=ax)  # type: ignore[arg-type]
        assert not ax.lines
