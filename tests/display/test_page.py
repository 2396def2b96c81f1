"""`to_html`: the page's arithmetic in a browser, against `backprop` and `update`; and what it refuses."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numba import njit
from numpy.typing import NDArray

import fnn
from tests import oracles
from tests.display.browser import answers, require_chromium
from tests.display.readers import EDGE, READ, STEPS, TARGETS, TIME, TRAIN
from tests.problems import PAIRS, Problem, problem

ETA = 0.02
P: fnn.Params[np.float64] = fnn.Params(
    {"W1": [[0.5, -0.4], [0.2, 0.6], [-0.3, 0.9]], "b1": [0.1, -0.2], "W2": [[1.0], [-0.6]], "b2": [-0.1]},
    hidden=fnn.tanh, output=fnn.sigmoid,
)  # fmt: skip
X, Y = [[1.0, 0.5, -1.0], [0.0, 2.0, 0.25]], [[1.0], [0.0]]


TAKEN: list[tuple[str, fnn.Activation, fnn.Loss, list[float]]] = [
    ("sum.html", fnn.softmax, fnn.cross_entropy, [0.0, 0.25, 0.75]),
    ("range.html", fnn.sigmoid, fnn.focal, [0.5, 0.25]),
    ("ends.html", fnn.tanh, fnn.hinge, [-1.0, 1.0]),
    ("any.html", fnn.tanh, fnn.huber, [-1.0, 1.0]),
]


def networks() -> list[Problem]:
    """Fifty, with every activation, and every loss at each output that suits it."""
    pairs = [(loss, output) for loss, output in PAIRS if not loss.scalars]
    hidden = list(oracles.ROWS)
    made = []
    for i in range(50):
        loss, output = pairs[11 * i % len(pairs)]
        sizes = ((3, 4, 3), (2, 3, 2, 3), (4, 2), (1, 5, 4, 2))[i % 4]
        inner = tuple(hidden[(i + k) % len(hidden)] for k in range(len(sizes) - 2))
        made.append(
            problem(
                i, sizes, inner, output, loss, (1, 5)[i % 3 > 0], weighted=i % 5 == 0, reduction="mean", margin=1e-3
            )
        )

    return made


def assert_agree(found: dict[str, Any], p: fnn.Params[Any], t: fnn.Backprop[Any], y: NDArray[Any]) -> None:
    """Assert that every quantity of a page is that of fnn to 10⁻¹² of the largest, or of 1."""
    layers = range(1, len(p.sizes))
    pairs: list[tuple[str, Any, Any]] = [("E", found["E"], t.error), ("y", found["y"], y)]
    for layer in (0, *layers):
        pairs += [(f"{name}{layer}", found[name][layer], getattr(t, name)[layer]) for name in ("a", "dE_da")]
    for layer in layers:
        pairs += [(f"{name}{layer}", found[name][layer], getattr(t, name)[layer]) for name in ("z", "delta")]
        for key in "Wb":
            pairs += [(f"{key}{layer}", found[key][layer], p[f"{key}{layer}"])]
            pairs += [(f"d{key}{layer}", found[f"d{key}"][layer], t.grads[f"{key}{layer}"])]
    for name, theirs, ours in pairs:
        scale = max(1.0, float(np.abs(ours).max()))
        np.testing.assert_allclose(np.array(theirs, float), ours, rtol=0, atol=1e-12 * scale, err_msg=name)


def test_pages_in_a_browser(tmp_path: Path) -> None:  # one test, as to start Chromium takes seconds
    require_chromium()
    browsed = browse(tmp_path)
    fifty_networks_after_twenty_steps(browsed)
    a_reader(browsed)
    formulas_are_filled_in(browsed)
    extremes(browsed["edge.html"])
    beyond, within = ([browsed[name][i] for name, *_ in TAKEN] for i in (0, 1))
    assert beyond == [[1, 0, 0], [1, 0.25], [1, 1], [2, 1]]
    np.testing.assert_allclose(within[0], [0.4, 0.3, 0.3])
    assert within[1:] == [[0.4, 0.25], [-1, 1], [0.4, 1]]
    assert min(browsed["large.html"]) < 16  # a frame of dragging


def browse(folder: Path) -> dict[str, Any]:
    """What the pages of all networks answer, and those of one that is read and of a large one."""
    pages = {}
    for i, p in enumerate(networks()):
        fnn.to_html(p.params, p.cases, None, folder / f"{i}.html", eta=ETA, **p.options)
        pages[f"{i}.html"] = "train"
    fnn.to_html(P, X, Y, folder / "read.html")
    large = fnn.init((10, 11, 9), seed=0, hidden=fnn.tanh)
    fnn.to_html(large, np.ones((3, 10)), np.zeros((3, 9)), folder / "large.html")
    assert all((folder / page).stat().st_size < 60_000 for page in (*pages, "large.html"))
    fnn.to_html(P, [[500.0, 0.5, -1.0]], [[1.0]], folder / "edge.html", eta=0.001)
    others = {"read.html": "read", "large.html": "time", "edge.html": "edge"}
    for name, output, loss, y in TAKEN:
        fnn.to_html(fnn.init((1, len(y)), seed=0, output=output), [1.0], y, folder / name, loss=loss)
        others[name] = "targets"

    return answers(
        folder, {"train": TRAIN, "read": READ, "time": TIME, "targets": TARGETS, "edge": EDGE}, pages | others
    )


def fifty_networks_after_twenty_steps(browsed: dict[str, Any]) -> None:
    seen = set()
    for i, net in enumerate(networks()):
        p = net.params
        for _ in range(STEPS):
            p = fnn.update(p, fnn.grad(p, net.cases, **net.options), ETA)
        assert_agree(browsed[f"{i}.html"], p, fnn.backprop(p, net.cases, **net.options), net.dense)
        seen |= {*p.activations, net.loss}
    assert {loss for loss, _ in PAIRS if not loss.scalars} | {*oracles.ROWS, fnn.softmax, fnn.log_softmax} <= seen


def a_reader(browsed: dict[str, Any]) -> None:
    read, t = browsed["read.html"], fnn.backprop(P, X, Y)
    assert_agree(read["start"], P, t, np.array(Y))
    tags = " ".join(title.split()[0] for title, *_ in read["stories"])
    assert tags == "F1 F2 F1 F2 E1 E2 B1 B2 B3 B4 B1 B2 B3 B4 G1"
    assert_agree(read["learnt"], (new := fnn.update(P, t.grads, 0.5)), fnn.backprop(new, X, Y), np.array(Y))
    assert_agree(read["back"], P, t, np.array(Y))
    assert read["back"]["step"]["tag"] == "G1"
    assert read["hosts"] == []

    changed = P.replace({"W1": [[0.5, -0.9], *P["W1"][1:]], "b2": [3.5]})
    x, y = [[2.0, 0.5, -1.0], X[1]], np.array([[1.2], [0.0]])
    assert_agree(read["dragged"], changed, fnn.backprop(changed, x, y), y)
    assert read["dragged"]["eta"] == 1

    p = P
    errors = [fnn.error(p, X, Y)]
    for _ in range(3):
        p = fnn.update(p, fnn.grad(p, X, Y), 0.5)
        errors.append(fnn.error(p, X, Y))
    assert_agree(read["trained"], p, fnn.backprop(p, X, Y), np.array(Y))
    np.testing.assert_allclose(read["errors"], errors, rtol=1e-12)


def extremes(found: dict[str, Any]) -> None:
    assert found["order"] == "x₁ x₂ x₃ w₁₁¹ w₁₂¹ w₂₁¹ w₂₂¹ w₃₁¹ w₃₂¹ b₁¹ b₂¹ w₁₁² w₂₁² b₁² y₁"
    (r, _, b), (red, _, blue) = found["colours"]
    assert r > b  # as in fnn.plots, what is above 0 is red, and blue below
    assert blue > red
    assert found["chosen"] == [28, 31, 36]  # the page's ink, neither of the two colours of connections
    before, after, most = found["scrolled"]
    assert before < 20 < most / 2 < after
    assert found["dragged"] == 500 + 10 * 0.02 * 100
    assert found["told"].endswith(" after 1100 steps of G1")
    assert found["back"] == [found["back"][0], True]
    assert found["back"][0].endswith(" after 100 steps of G1")
    assert 300 < found["points"] < 500
    weights, told, without_number = found["overflow"]
    assert [w for w in weights if w in ("NaN", "Infinity")] == ["NaN", "Infinity"]
    assert "E = NaN" in told
    assert told.endswith(": numbers became too large; go back or reset, and take a smaller η")
    assert without_number == []


def formulas_are_filled_in(browsed: dict[str, Any]) -> None:
    """Every sum of products that a step tells, worked out again, is the number that it tells."""
    stories, sums = browsed["read.html"]["stories"], 0
    for title, formula, lines, code, place in stories:
        assert formula
        assert code.splitlines()[0].endswith(f"// {title.split()[0]}")
        assert place.startswith("in fnn: ")
        for line in lines.splitlines():
            *_, text, value = line.split(" = ")
            plain = text.replace("·", "*").replace("−", "-").replace("½", "0.5*").replace("²", "**2")
            if re.fullmatch(r"[-+*() .\de]+", plain):
                assert eval(plain) == pytest.approx(float(value.replace("−", "-")), rel=1e-3, abs=1e-4)
                sums += 1
    assert sums == (2 + 1) + (1 + 1) + 1 + (1 + 2 + 1 + 2) + (2 + 6 + 2 + 3) + 11
    formula, numbers = browsed["read.html"]["columns"]
    assert formula == "z² = W² a¹ + b²"
    assert numbers.index("layer 1") < numbers.index("layer 3")


def test_refusals(tmp_path: Path) -> None:
    path, double, two = tmp_path / "page.html", njit(lambda z: 2 * z), njit(lambda z, a: 2.0)
    own = fnn.init((3, 1), seed=0, output=fnn.Activation("doubled", double, two))
    own_loss = fnn.Loss("own", two, two)
    wide = fnn.init((30, 10), seed=0)
    refused: list[tuple[fnn.Params[Any], Any, Any, dict[str, Any], str]] = [
        (wide, np.ones(30), np.ones(10), {}, "params: has 310 weights and biases; a page can show at most 256"),
        (P, np.ones((300, 3)), np.ones((300, 1)), {}, "x, y: have 1200 numbers; a page can show at most 1000"),
        (own, X, Y, {}, "params: layer 1 has .*doubled.*; only built-in activations can be written as HTML"),
        (P, X, Y, {"loss": own_loss}, "loss: .*own.*; only built-in losses can be written as HTML"),
        (P, X, Y, {"loss": fnn.hinge}, "loss: fnn.hinge needs fnn.identity or fnn.tanh at the output"),
        (P, X, Y, {"eta": -1}, "eta: must be finite and above 0, got -1.0"),
        (P, X, Y, {"reduction": "max"}, "reduction: must be"),
        (P, [[np.nan, 0, 0], X[1]], Y, {}, "x: NaN"),
    ]
    for params, x, y, options, message in refused:
        with pytest.raises(ValueError, match=message):
            fnn.to_html(params, x, y, path, **options)
    with pytest.raises(TypeError, match="path: needs a path, got 3"):
        fnn.to_html(P, X, Y, 3)  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="params: needs fnn"):
        fnn.to_html(dict(P), X, Y, path)  # type: ignore[arg-type]
    assert list(tmp_path.iterdir()) == []
    with pytest.raises(FileNotFoundError):
        fnn.to_html(P, X, Y, tmp_path / "no" / "page.html")
