"""`fnn.plots.network`, `activations` and `deltas`."""

from itertools import pairwise

import numpy as np
import pytest
from matplotlib import colormaps, style
from matplotlib.axes import Axes
from matplotlib.collections import EllipseCollection, LineCollection
from matplotlib.colors import same_color
from matplotlib.figure import Figure

import fnn
from tests.plots.seen import bars_of, colours_of, drawn, faces_of, places_of, texts_of, values_of, widths_of

W1, B1 = np.array([[1.0, -2.0, 0.0], [0.5, 4.0, -1.0]]), np.array([0.5, -1.0, 2.0])
W2, B2 = np.array([[3.0], [-0.5], [1.0]]), np.array([-4.0])
PARAMS = fnn.Params({"W1": W1, "b1": B1, "W2": W2, "b2": B2}, hidden=fnn.tanh, output=fnn.identity)
X, Y = np.array([[0.5, -1.0], [1.0, 2.0]]), np.array([[1.0], [-1.0]])


def parts(ax: Axes) -> tuple[LineCollection, EllipseCollection]:
    lines, units = ax.collections
    assert isinstance(lines, LineCollection)
    assert isinstance(units, EllipseCollection)
    return lines, units


class TestNetwork:
    def test_units_and_connections(self, ax: Axes) -> None:
        assert fnn.plots.network(PARAMS, ax=ax) is ax

        lines, units = parts(ax)
        assert places_of(units).tolist() == [[0, 0.5], [0, -0.5], [2.5, 1], [2.5, 0], [2.5, -1], [5, 0]]
        np.testing.assert_array_equal(values_of(units), [np.nan, np.nan, 0.5, -1.0, 2.0, -4.0])
        places = {"p": (0, 0.5), "q": (0, -0.5), "1": (2.5, 1), "2": (2.5, 0), "3": (2.5, -1), "a": (5, 0)}
        weights = {"p1": 1, "p2": -2, "q1": 0.5, "q2": 4, "q3": -1, "1a": 3, "2a": -0.5, "3a": 1}  # 0 isn't drawn
        expected = {(places[name[0]], places[name[1]]): w for name, w in weights.items()}
        found = {tuple(map(tuple, line)): w for line, w in zip(lines.get_segments(), values_of(lines), strict=True)}
        assert found == expected
        assert ax.get_title(loc="left") == "network 2-3-1"
        assert texts_of(ax) == ["2 inputs", "3 tanh", "1 identity"]

    def test_colours_and_widths_by_value(self, ax: Axes) -> None:
        fnn.plots.network(PARAMS, ax=ax)

        lines, units = parts(drawn(ax))
        w = values_of(lines)
        cmap = colormaps["coolwarm"]
        np.testing.assert_allclose(colours_of(lines), cmap((w + 4) / 8), atol=1e-12)
        np.testing.assert_allclose(widths_of(lines), 0.3 + 2.7 * np.abs(w) / 4)
        assert (np.diff(np.abs(w)) >= 0).all()  # the largest on top
        faces = faces_of(units)
        np.testing.assert_array_equal(faces[:2], 1)  # inputs, which have no bias, are white
        np.testing.assert_allclose(faces[2:], cmap((np.array([0.5, -1, 2, -4]) + 4) / 8), atol=1e-12)
        assert bars_of(ax) == {"weight (lines), bias (units)": (-4, 4)}

    def test_a_limit(self, ax: Axes) -> None:
        fnn.plots.network(PARAMS, limit=2, ax=ax)

        lines, _ = parts(ax)
        assert lines.get_clim() == (-2, 2)
        assert max(widths_of(lines)) == 3

    def test_names_and_numbers(self, ax: Axes) -> None:
        fnn.plots.network(PARAMS, inputs=["p", "q"], outputs=["answer"], numbers=True, ax=ax)

        found = texts_of(ax)[3:]
        assert [found.pop(0) for _ in range(3)] == ["p", "q", "answer"]
        assert sorted(found[:8]) == sorted(["1.00", "−2.00", "0.50", "4.00", "−1.00", "3.00", "−0.50", "1.00"])
        assert found[8:] == ["0.50", "−1.00", "2.00", "−4.00"]
        inked = dict(zip(found, [text.get_color() for text in ax.texts[6:]], strict=True))
        assert inked["−4.00"] == "white"  # on the deepest blue

    def test_large_layers_are_elided(self, ax: Axes) -> None:
        params = fnn.init((784, 30, 10), seed=0)

        fnn.plots.network(params, most=5, outputs=list("0123456789"), ax=ax)

        lines, units = parts(ax)
        assert len(places_of(units)) == 15
        assert len(lines.get_segments()) == 25 + 25
        drawn = [*range(3), 782, 783], [*range(3), 28, 29], [*range(3), 8, 9]
        expected = [params[f"W{i + 1}"][np.ix_(*drawn[i : i + 2])].ravel() for i in range(2)]
        np.testing.assert_array_equal(np.sort(values_of(lines)), np.sort(np.concatenate(expected)))
        assert texts_of(ax) == ["784 inputs", "30 sigmoid", "10 sigmoid", "⋮", "⋮", "⋮", *"01289"]

    def test_what_is_drawn_lies_within_the_limits(self) -> None:
        for sizes in ((1, 1), (2, 40, 3), (3, 5, 5, 5, 5, 2)):
            ax = fnn.plots.network(fnn.init(sizes, seed=0))
            x, y = places_of(parts(ax)[1]).T
            assert ax.get_xlim()[0] < x.min() - 0.34 < x.max() + 0.34 < ax.get_xlim()[1]
            assert ax.get_ylim()[0] < y.min() - 0.34 < y.max() + 0.34 < ax.get_ylim()[1]
            assert ax.get_aspect() == 1

    def test_numbers_can_be_read_in_a_dark_style(self) -> None:
        with style.context("dark_background"):
            ax = fnn.plots.network(PARAMS, numbers=True)

        box = ax.texts[3].get_bbox_patch()
        assert box is not None
        assert same_color(box.get_facecolor(), "black")
        assert same_color(ax.texts[3].get_color(), "white")

    def test_long_names_leave_the_drawing_its_size(self) -> None:
        names = ["a name of an input, with its unit, km/h"] * 2
        plain, named = (drawn(fnn.plots.network(PARAMS, inputs=given)) for given in (None, names))

        sides = [np.diff(ax.transData.transform([(0, 0), (1, 0)]), axis=0)[0, 0] for ax in (plain, named)]
        assert sides[1] > 0.8 * sides[0]
        assert isinstance(named.figure, Figure)
        left = min(text.get_window_extent().x0 for text in named.texts)
        assert left >= 0

    @pytest.mark.parametrize("columns", [1, 2])
    def test_names_of_layers_stand_side_by_side(self, columns: int) -> None:
        params = fnn.init((20, 20, 20, 10), seed=0, hidden=fnn.hard_sigmoid, output=fnn.softmax)
        figure = Figure(figsize=(8, 3))
        for ax in figure.subplots(1, columns, squeeze=False)[0]:
            fnn.plots.network(params, ax=ax)
            boxes = [text.get_window_extent() for text in drawn(ax).texts[:4]]
            assert all(first.x1 < second.x0 for first, second in pairwise(boxes))

    def test_a_network_of_zeros(self, ax: Axes) -> None:
        fnn.plots.network(PARAMS.with_flat(0 * PARAMS.flat), ax=ax)

        lines, units = parts(ax)
        assert len(lines.get_segments()) == 0
        assert units.get_clim() == (-1, 1)

    def test_bad_values(self, ax: Axes) -> None:
        with pytest.raises(TypeError, match=r"params: needs fnn\.Params, got dict"):
            fnn.plots.network({}, ax=ax)  # type: ignore[arg-type]
        with pytest.raises(ValueError, match="inputs: needs one for each of the 2 inputs, got 3"):
            fnn.plots.network(PARAMS, inputs=["a", "b", "c"], ax=ax)
        with pytest.raises(TypeError, match="outputs: needs a sequence of strings, got 'a'"):
            fnn.plots.network(PARAMS, outputs="a", ax=ax)
        with pytest.raises(TypeError, match="outputs: needs a sequence of strings, got 3"):
            fnn.plots.network(PARAMS, outputs=3, ax=ax)  # type: ignore[arg-type]
        with pytest.raises(ValueError, match="most: must be at least 2, got 1"):
            fnn.plots.network(PARAMS, most=1, ax=ax)
        with pytest.raises(ValueError, match="limit: must be finite and above 0, got 0"):
            fnn.plots.network(PARAMS, limit=0, ax=ax)
        with pytest.raises(ValueError, match="params: b2 has NaN or infinity"):
            fnn.plots.network(PARAMS.replace({"b2": [np.inf]}), ax=ax)
        with pytest.raises(TypeError, match="numbers: needs True or False"):
            fnn.plots.network(PARAMS, numbers=3, ax=ax)  # type: ignore[arg-type]
        assert not ax.collections


class TestActivations:
    def test_those_of_a_case(self, ax: Axes) -> None:
        fnn.plots.activations(fnn.backprop(PARAMS, X, Y), case=1, outputs=["answer"], ax=ax)

        lines, units = parts(ax)
        hidden = np.tanh(X[1] @ W1 + B1)
        np.testing.assert_allclose(values_of(units), [*X[1], *hidden, *(hidden @ W2 + B2)], rtol=1e-12)
        assert len(lines.get_segments()) == 6 + 3
        assert texts_of(ax)[3:6] == ["answer", "1.00", "2.00"]
        assert ax.get_title(loc="left") == "activations of case 1"

    def test_a_single_case_without_numbers(self, ax: Axes) -> None:
        fnn.plots.activations(fnn.backprop(PARAMS, X[0], Y[0]), numbers=False, ax=ax)

        assert values_of(parts(ax)[1])[:2].tolist() == [0.5, -1.0]
        assert len(texts_of(ax)) == 3

    def test_bad_values(self, ax: Axes) -> None:
        t = fnn.backprop(PARAMS, X, Y)
        with pytest.raises(ValueError, match="case: must be at most 1, got 2"):
            fnn.plots.activations(t, case=2, ax=ax)
        with pytest.raises(TypeError, match=r"t: needs what fnn\.backprop returns"):
            fnn.plots.activations(PARAMS, ax=ax)  # type: ignore[arg-type]


class TestDeltas:
    def test_those_of_a_case_and_its_gradient(self, ax: Axes) -> None:
        fnn.plots.deltas(fnn.backprop(PARAMS, X, Y), case=0, ax=ax)

        lines, units = parts(ax)
        hidden = np.tanh(X[0] @ W1 + B1)
        last = hidden @ W2 + B2 - Y[0]
        first = (W2 @ last) * (1 - hidden**2)
        np.testing.assert_allclose(values_of(units), [np.nan, np.nan, *first, *last], rtol=1e-12)
        gradient = np.concatenate([np.outer(X[0], first).ravel(), (hidden * last).ravel()])
        np.testing.assert_allclose(np.sort(values_of(lines)), np.sort(gradient), rtol=1e-12)
        bars = bars_of(ax)
        assert len(bars) == 2
        assert bars["delta, ∂E/∂z (units)"][1] == pytest.approx(np.abs([*first, *last]).max())
        assert bars["gradient, ∂E/∂w (lines)"][1] == pytest.approx(np.abs(gradient).max())
        assert {low == -high for low, high in bars.values()} == {True}

    def test_the_gradients_of_all_cases_sum_to_that_of_the_batch(self) -> None:
        t = fnn.backprop(PARAMS, X, Y)
        sums = 0.0
        for case in range(2):
            lines, _ = parts(fnn.plots.deltas(t, case=case))
            sums += values_of(lines).sum()
        assert sums == pytest.approx(sum(t.grads[key].sum() for key in ("W1", "W2")))

    def test_bad_values(self, ax: Axes) -> None:
        with pytest.raises(TypeError, match=r"t: needs what fnn\.backprop returns"):
            fnn.plots.deltas(PARAMS, ax=ax)  # type: ignore[arg-type]
        with pytest.raises(ValueError, match="case: must be at least 0, got -1"):
            fnn.plots.deltas(fnn.backprop(PARAMS, X, Y), case=-1, ax=ax)
