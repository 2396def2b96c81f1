"""`fnn.explain`: the numbers that it tells, against the equations in plain NumPy."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

import fnn
from fnn.display.wording import loss_wording, prime_of
from tests import oracles
from tests.problems import LOSSES, PAIRS, Problem, problem

P: fnn.Params[np.float64] = fnn.init((3, 4, 2), seed=0)
X, Y = [1.0, 0.5, -1.0], [1.0, 0.0]
SINGLE = [pair for pair in PAIRS if pair[0] in (fnn.squared_error, fnn.cross_entropy, fnn.huber(0.7), fnn.poisson)]


def told(text: str) -> Iterator[tuple[str, str, NDArray[np.float64]]]:
    """The tag, the formula and the numbers of each quantity before the sums by hand."""
    for tag, formula, body in re.findall(r"^(..  |    (?=[^-\d ]))(\S.*)\n((?: {4,}[-\d].*\n?)+)", text, re.MULTILINE):
        yield tag.strip(), formula, np.array([line.split() for line in body.splitlines()], float)


def quantities(p: Problem) -> Iterator[tuple[str, NDArray[Any]]]:
    """What is told, in its order, as the oracle has it."""
    t, params, layers = p.wanted, p.params, range(1, len(p.params.sizes))
    yield from (("", p.x), ("", p.dense))
    if p.weights is not None:
        yield "", p.weights
    for layer in layers:
        f = params.activations[layer - 1]
        yield from (("", params[f"W{layer}"]), ("", params[f"b{layer}"]), ("F1", t.z[layer]), ("F2", t.a[layer]))
        yield "F3", oracles.ROWS[f].prime(t.z[layer]) if f in oracles.ROWS else jacobian(f, t.a[layer])
    yield from (("E1", np.array(t.error)), ("E2", t.dE_da[layers[-1]]))
    for layer in reversed(layers):
        yield from (("B1", t.delta[layer]), ("B2", t.grads[f"W{layer}"]), ("B3", t.grads[f"b{layer}"]))
        yield "B4", t.dE_da[layer - 1]
    for layer, key in itertools.product(layers, "Wb"):
        yield "G1", params[f"{key}{layer}"] - 0.25 * t.grads[f"{key}{layer}"]


def jacobian(f: fnn.Activation, a: NDArray[Any]) -> NDArray[Any]:
    """∂a_j/∂z_i of softmax or log_softmax, a row for each j, of one case below the other."""
    same = np.eye(a.shape[1])
    if f is fnn.softmax:
        return np.concatenate([row[:, None] * (same - row) for row in a])

    return np.concatenate([same - np.exp(row) for row in a])


@pytest.mark.parametrize("by", ["rows", "columns"])
@pytest.mark.parametrize("loss, output", SINGLE, ids=str)
def test_every_number(loss: fnn.Loss, output: fnn.Activation, by: Any) -> None:
    p = problem(3, (3, 4, 3), (fnn.tanh,), output, loss, 5, weighted=output is fnn.softmax, reduction="mean")
    found = list(told(fnn.explain(p.params, p.cases, eta=0.25, by=by, most=20, **p.options)))

    expected = list(quantities(p))
    assert [tag for tag, *_ in found] == [tag for tag, _ in expected]
    for (tag, formula, ours), (_, theirs) in zip(found, expected, strict=True):
        wanted = np.atleast_2d(theirs)
        if by == "columns" and not formula.startswith("J"):
            wanted = wanted if tag == "" and wanted.shape[0] == 1 and not formula.startswith("b") else wanted.T
        np.testing.assert_allclose(ours, wanted, rtol=1e-4, atol=0.6e-5, err_msg=formula)


def test_one_case_by_rows_and_by_columns() -> None:
    ours, theirs = (list(told(fnn.explain(P, X, Y, by=by))) for by in ("rows", "columns"))

    assert len(ours) == len(theirs) == 2 + 2 * 5 + 2 + 2 * 4 + 2 * 2
    for (*_, rows), (_, formula, columns) in zip(ours, theirs, strict=True):
        np.testing.assert_array_equal(rows.T, columns, err_msg=formula)
    assert [formula for tag, formula, _ in ours if tag == "B4"] == ["∂E/∂a¹ = δ² (W²)ᵀ", "∂E/∂a⁰ = δ¹ (W¹)ᵀ"]
    assert [formula for tag, formula, _ in theirs if tag == "B2"] == ["∂E/∂W³ = δ³ (a²)ᵀ", "∂E/∂W² = δ² (a¹)ᵀ"]


@pytest.mark.parametrize("by", ["rows", "columns", "both"])
def test_sums_by_hand(by: Any) -> None:
    text = fnn.explain(P, [X, X[::-1]], [Y, Y], by=by, eta=0.3)
    sums = re.findall(r"^ {8}= (.*) = (\S+)$", text, re.MULTILINE)

    t = fnn.backprop(P, [X, X[::-1]], [Y, Y])
    wanted = [t.z[1][0, 0], t.grads["W2"][0, 0], t.dE_da[1][0, 0], P["W2"][0, 0] - 0.3 * t.grads["W2"][0, 0]]
    for (sum_, result), number in zip(sums, wanted, strict=True):
        plain = sum_.replace(")(", ") * (").replace("−", "-")
        assert re.fullmatch(r"[-+*() .\de]+", plain)
        assert eval(plain) == pytest.approx(number, abs=1e-5)
        assert float(result) == pytest.approx(number, rel=1e-5)


def test_what_is_too_large_is_left_out() -> None:
    wide = fnn.init((784, 30, 10), seed=0)
    text = fnn.explain(wide, np.linspace(0, 1, 784), np.eye(10)[3], most=5)

    assert max(map(len, text.splitlines())) < 160
    first = text.splitlines()[text.splitlines().index("    W¹") + 1 :][:6]
    for line, i in zip(first, [0, 1, 2, None, 782, 783], strict=True):
        row = line.split()
        assert row[3] == "…"
        if i is not None:
            np.testing.assert_allclose(np.array(row[:3] + row[4:], float), wide["W1"][i, [0, 1, 2, 28, 29]], atol=6e-6)


def test_great_and_small_numbers_keep_their_digits() -> None:
    for scale in (1e9, 1e-9):
        p: fnn.Params[np.float64] = fnn.Params({"W1": [[scale]], "b1": [0.0]}, hidden=(), output=fnn.identity)
        z = next(numbers for tag, _, numbers in told(fnn.explain(p, [1.2345], [0.0])) if tag == "F1")
        assert z.item() == pytest.approx(1.2345 * scale, rel=1e-4)


def test_every_formula_is_there() -> None:
    for f in oracles.ROWS:
        assert prime_of(f).format(a="a", z="z")
    for loss, output in PAIRS:
        assert all(loss_wording(loss, output)[:2])
    assert {loss_wording(loss, fnn.identity).error for loss in LOSSES if loss.scalars} == {"Σ_d cauchy(a_d, y_d)"}
    text = fnn.explain(P, X, Y, loss=fnn.cross_entropy(label_smoothing=0.2))
    assert "y′ = (1 − ε)y + ½ε, ε = 0.2" in text
    assert "δ² = ∂E/∂a² ⊙ σ′(z²) = a − y′" in text


@pytest.mark.parametrize(
    "options, message",
    [
        (dict(by="row"), 'by: must be "rows", "columns" or "both", got \'row\''),
        (dict(most=1), "most: must be at least 2, got 1"),
        (dict(eta=0), "eta: must be finite and above 0, got 0.0"),
        (dict(loss=fnn.hinge), "loss: fnn.hinge needs fnn.identity or fnn.tanh at the output"),
    ],
)
def test_bad_values(options: Any, message: str) -> None:
    with pytest.raises(ValueError, match=re.escape(message)):
        fnn.explain(P, X, Y, **options)


def test_bad_cases() -> None:
    with pytest.raises(ValueError, match="x: has 2 columns, but the network has 3 inputs"):
        fnn.explain(P, X[:2], Y)
    with pytest.raises(TypeError, match="y: needs the targets"):
        fnn.explain(P, X)
    with pytest.raises(TypeError, match=r"params: needs fnn\.Params, got dict"):
        fnn.explain(dict(P), X, Y)  # type: ignore[arg-type]
    with pytest.raises(TypeError, match=r"fnn\.explain: has no parameter lr; did you mean eta"):
        fnn.explain(P, X, Y, lr=1)  # type: ignore[call-arg]
