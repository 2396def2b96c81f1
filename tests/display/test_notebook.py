"""What `Params`, `Run` and `Backprop` show in notebooks."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET
from typing import Any

import numpy as np
import pytest
from numba import njit

import fnn
from fnn.display import notebook
from fnn.display.drawing import NEGATIVE, POSITIVE, curves_svg, network_svg
from tests.test_import import run as printed

SVG = "{http://www.w3.org/2000/svg}"
P: fnn.Params[np.float64] = fnn.Params(
    {"W1": [[0.5, -1.0], [0.0, 0.25]], "b1": [0.0, 3.0], "W2": [[2.0], [-0.5]], "b2": [0.125]},
    hidden=fnn.tanh, output=fnn.identity,
)  # fmt: skip
X, Y = np.array([[1.0, 2.0], [-3.0, 0.5], [0.0, 1.0]]), np.array([[1.0], [2.0], [0.5]])


def shown(value: Any) -> ET.Element:
    """The HTML, which is well-formed XML, too, and not large."""
    html = value._repr_html_()
    assert len(html) < 6000

    return ET.fromstring(html)


def text_of(root: ET.Element) -> str:
    return " ".join("".join(element.itertext()) for element in root)


def table(root: ET.Element) -> list[list[str]]:
    return [[cell.text or "" for cell in row] for row in root.find("table") or ()]


def lines(root: ET.Element) -> dict[tuple[float, ...], tuple[str, float]]:
    """The colour and the width of each line, by its ends."""
    found = {}
    for path in root.iter(f"{SVG}path"):
        for ends in re.findall(r"M(\S+) (\S+)L(\S+) ([\d.]+)", path.attrib["d"]):
            found[tuple(map(float, ends))] = path.attrib["stroke"], float(path.attrib["stroke-width"])

    return found


def test_the_drawing_of_a_network() -> None:
    root = shown(P)
    circles = [(float(c.attrib["cx"]), float(c.attrib["cy"])) for c in root.iter(f"{SVG}circle")]

    assert circles == [(30, 13), (30, 39), (140, 13), (140, 39), (250, 26)]
    expected: dict[tuple[float, ...], Any] = {  # none for the connection that is removed
        (39, 13, 131, 13): (POSITIVE, pytest.approx(0.6 * 2)),
        (39, 13, 131, 39): (NEGATIVE, pytest.approx(0.6 * 4)),
        (39, 39, 131, 39): (POSITIVE, pytest.approx(0.6 * 1)),
        (149, 13, 241, 26): (POSITIVE, pytest.approx(0.6 * 4)),
        (149, 39, 241, 26): (NEGATIVE, pytest.approx(0.6 * 1)),
    }
    assert lines(root) == expected
    assert [label.text for label in root.iter(f"{SVG}text")] == ["inputs", "2", "tanh", "2", "identity", "1"]


def test_params() -> None:
    assert "fnn.Params: 9 parameters, float64" in text_of(shown(P))
    assert table(shown(P))[1:] == [
        ["1", "(2, 2)", "(2,)", "tanh", "0.5, -1, 0, 0.25", "0, 3"],
        ["2", "(2, 1)", "(1,)", "identity", "2, -0.5", "0.125"],
    ]


def test_what_is_above_0_is_reddish_as_in_plots() -> None:
    red, blue = (tuple(bytes.fromhex(colour[1:])) for colour in (POSITIVE, NEGATIVE))

    assert red[0] > red[2]
    assert blue[2] > blue[0]


def test_large_and_deep_networks_are_elided() -> None:
    wide = shown(fnn.init((784, 30, 10), seed=0))
    assert len(list(wide.iter(f"{SVG}circle"))) == 3 * 7
    assert [label.text for label in wide.iter(f"{SVG}text")].count("⋮") == 3
    deep = shown(fnn.init((2,) * 40, seed=0))
    assert len(list(deep.iter(f"{SVG}circle"))) == 7 * 2
    assert [row[0] for row in table(deep)] == ["layer", "1", "2", "3", "4", "…", "37", "38", "39"]


def test_backprop() -> None:
    t = fnn.backprop(P, X, Y)
    root = shown(t)

    assert f"error {t.error:.6g}, 3 cases, float64" in text_of(root)
    assert table(root)[1] == ["0", "", "-3 .. 2", f"{t.dE_da[0].min():.4g} .. {t.dE_da[0].max():.4g}", "", "", ""]
    deltas, slopes = (", ".join(f"{v:.4g}" for v in q.ravel()) for q in (t.delta[2], t.grads["W2"]))
    assert (table(root)[3][4], table(root)[3][5]) == (deltas, slopes)
    fills = [(c.attrib["fill"], float(c.attrib["fill-opacity"])) for c in root.iter(f"{SVG}circle")]
    of_first = [np.abs(a[0]) / np.abs(a[0]).max() for a in t.a.values()]
    np.testing.assert_allclose([share for _, share in fills], np.concatenate(of_first), atol=0.006)
    assert [colour for colour, _ in fills] == [POSITIVE if v > 0 else NEGATIVE for a in t.a.values() for v in a[0]]
    assert "1 case," in text_of(shown(fnn.backprop(P, X[0], Y[0])))


def test_run() -> None:
    run = fnn.train(P, X, Y, eta=0.01, epochs=300, validation=(X, Y + 1))
    root, history = shown(run), run.history

    assert "fnn.Run: 300 epochs in" in text_of(root)
    rows = table(root)
    assert rows[0] == ["epoch", "error", "validation error", "eta", "seconds"]
    epochs = [int(row[0].partition(",")[0]) for row in rows[1:]]
    assert (epochs[0], epochs[-1]) == (1, 300)
    assert [row[0] for row in rows if "best" in row[0]] == [f"{history.best_epoch}, the best"]
    assert [row[1] for row in rows[1:]] == [f"{history.error[epoch - 1]:.5g}" for epoch in epochs]
    assert len(list(root.iter(f"{SVG}polyline"))) == 2
    assert "0 epochs" in text_of(shown(fnn.train(P, X, Y, eta=0.1, epochs=0)))


def test_curves() -> None:
    root = ET.fromstring(curves_svg([("error", POSITIVE, np.array([100.0, 10.0, np.nan, 1.0]))]))
    (line,) = root.iter(f"{SVG}polyline")
    points = [tuple(map(float, point.split(","))) for point in line.attrib["points"].split()]

    x, y = zip(*points, strict=True)
    np.testing.assert_allclose(x, [46, 46 + 270 / 3, 316], atol=0.5)
    np.testing.assert_allclose(y, [8, 8 + 104 / 2, 112], atol=0.06)  # by its logarithm
    assert curves_svg([("error", POSITIVE, np.array([np.nan]))]) == ""


def test_numbers_that_are_not_finite() -> None:
    root = ET.fromstring(network_svg([np.array([[np.nan, np.inf, 1.0]])], ["a", "b"], [np.ones(1), np.full(3, np.nan)]))

    assert len(lines(root)) == 1
    assert {c.attrib["fill-opacity"] for c in list(root.iter(f"{SVG}circle"))[1:]} == {"0.00"}


def test_names_and_other_values() -> None:
    double, two = njit(lambda z: 2 * z), njit(lambda z, a: 2.0)
    own = fnn.init((1, 1), seed=0, output=fnn.Activation("größer", double, two))
    assert "größer" in own._repr_html_()
    with pytest.raises(TypeError, match=r"value: needs fnn\.Params, fnn\.Run or fnn\.Backprop, got int"):
        notebook.html_of(3)


def test_matplotlib_is_not_needed() -> None:
    code = "import sys, fnn; html = fnn.init((2, 1), seed=0)._repr_html_(); print('svg' in html, *sys.modules)"
    is_drawn, *modules = printed(code).split()
    assert is_drawn == "True"
    assert "matplotlib" not in modules
