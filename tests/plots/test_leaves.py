"""`fnn.plots.weights`."""

import numpy as np
import pytest
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.patches import Rectangle

import fnn
from tests.plots.seen import bars_of, faces_of, values_of

W1 = np.array([[1.0, -2.0, 0.5], [3.0, 4.0, -1.0], [0.0, 1.0, 2.0], [-4.0, 0.25, 1.0]])
W2 = np.array([[1.0], [-0.5], [2.0]])
PARAMS = fnn.Params({"W1": W1, "b1": np.zeros(3), "W2": W2, "b2": [0.0]}, hidden=fnn.tanh, output=fnn.tanh)


class TestWeights:
    def test_a_row_for_each_unit(self, ax: Axes) -> None:
        assert fnn.plots.weights(PARAMS, 1, names=["a", "b", "c", "d"], ax=ax) is ax

        (image,) = ax.images
        np.testing.assert_array_equal(values_of(image), W1.T)
        assert image.get_clim() == (-4, 4)
        assert image.get_cmap().name == "RdBu_r"
        assert bars_of(ax) == {"weight": (-4, 4)}
        assert [label.get_text() for label in ax.get_xticklabels()] == ["a", "b", "c", "d"]
        assert [label.get_text() for label in ax.get_yticklabels()] == ["0", "1", "2"]
        assert (ax.get_xlabel(), ax.get_ylabel()) == ("input", "unit of layer 1")
        assert ax.get_title(loc="left") == "weights of layer 1"

    def test_of_another_layer_and_some_units(self, ax: Axes) -> None:
        fnn.plots.weights(PARAMS, 2, units=[0], limit=10, ax=ax)

        np.testing.assert_array_equal(values_of(ax.images[0]), W2.T)
        assert ax.images[0].get_clim() == (-10, 10)
        assert (ax.get_xlabel(), ax.get_ylabel()) == ("unit of layer 1", "unit of layer 2")
        assert ax.get_title(loc="left") == "weights of layer 2, unit 0"

    def test_bars(self, ax: Axes) -> None:
        fnn.plots.weights(PARAMS, 1, units=[2, 0], bars=True, ax=ax)

        bars = [patch for patch in ax.patches if isinstance(patch, Rectangle)]
        assert len(bars) == 8
        for i, bar in enumerate(bars):
            row, column = divmod(i, 4)
            w = W1[column, [2, 0][row]]
            assert bar.get_x() + bar.get_width() / 2 == pytest.approx(column)
            assert bar.get_y() == row
            assert bar.get_height() == pytest.approx(-0.45 * w / 4)  # the axis points downwards
            np.testing.assert_allclose(faces_of(bar), colormaps["RdBu_r"]((w + 4) / 8))
        low, high = ax.get_ylim()
        assert low > 1 > 0 > high
        assert [label.get_text() for label in ax.get_yticklabels()] == ["2", "0"]

    def test_images(self, ax: Axes) -> None:
        fnn.plots.weights(PARAMS, 1, shape=(2, 2), columns=2, limit=3, ax=ax)

        found, no = values_of(ax.images[0]), np.nan
        expected = [
            [1, 3, no, -2, 4],
            [0, -4, no, 1, 0.25],
            [no] * 5,
            [0.5, -1, no, no, no],
            [2, 1, no, no, no],
        ]
        np.testing.assert_array_equal(found, expected)
        assert ax.get_aspect() == 1

    def test_the_deepest_colour_of_images_is_that_of_nearly_all(self, ax: Axes) -> None:
        W = np.zeros((400, 1))
        W[:1, 0], W[1:, 0] = -100, np.linspace(-1, 1, 399)
        params = fnn.Params({"W1": W, "b1": [0.0]}, hidden=(), output=fnn.tanh)

        fnn.plots.weights(params, shape=(20, 20), ax=ax)

        (low, high) = ax.images[0].get_clim()
        assert low == -high
        assert 0.9 < high <= 1
        assert (np.abs(W) > high).sum() <= 0.005 * 400

    def test_images_of_many_units_are_a_little_wider_than_high(self, ax: Axes) -> None:
        fnn.plots.weights(fnn.init((16, 30, 1), seed=0), shape=(4, 4), ax=ax)

        height, width = values_of(ax.images[0]).shape
        assert height < width < 2 * height

    @pytest.mark.parametrize("units", [1, 2, 5, 30, 64])
    def test_images_fill_their_rows(self, units: int) -> None:
        values = values_of(fnn.plots.weights(fnn.init((16, units, 1), seed=0), shape=(4, 4)).images[0])

        across, down = (round((side + 1) / 5) for side in reversed(values.shape))
        assert across * (down - 1) < units <= across * down
        assert across * down - units < down

    def test_bad_values(self, ax: Axes) -> None:
        for layer, bound in ((0, "at least 1"), (3, "at most 2")):
            with pytest.raises(ValueError, match=f"layer: must be {bound}, got {layer}"):
                fnn.plots.weights(PARAMS, layer, ax=ax)
        with pytest.raises(ValueError, match="shape: 3 by 2 are 6, but each unit has 4 weights"):
            fnn.plots.weights(PARAMS, shape=(3, 2), ax=ax)
        with pytest.raises(TypeError, match="shape: needs rows and columns, such as"):
            fnn.plots.weights(PARAMS, shape=4, ax=ax)  # type: ignore[arg-type]
        with pytest.raises(ValueError, match="bars: can't be True with a shape"):
            fnn.plots.weights(PARAMS, shape=(2, 2), bars=True, ax=ax)
        with pytest.raises(ValueError, match="names: can't be given with a shape"):
            fnn.plots.weights(PARAMS, shape=(2, 2), names=list("abcd"), ax=ax)
        with pytest.raises(ValueError, match="columns: can't be given without a shape"):
            fnn.plots.weights(PARAMS, columns=2, ax=ax)
        with pytest.raises(ValueError, match="units: must be at most 2, got 3"):
            fnn.plots.weights(PARAMS, units=[0, 3], ax=ax)
        with pytest.raises(ValueError, match="units: needs one at least, got none"):
            fnn.plots.weights(PARAMS, units=[], ax=ax)
        with pytest.raises(TypeError, match="units: needs a sequence of whole numbers, got 1"):
            fnn.plots.weights(PARAMS, units=1, ax=ax)  # type: ignore[arg-type]
        with pytest.raises(ValueError, match="names: needs one for each of the 4 inputs of the layer, got 1"):
            fnn.plots.weights(PARAMS, names=["a"], ax=ax)
        assert not ax.images
