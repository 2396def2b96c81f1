"""`explain`: every equation of backpropagation with its numbers."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple, SupportsFloat, SupportsIndex

import numpy as np
from numpy.typing import ArrayLike, NDArray

from fnn.boundary.calls import by_name
from fnn.boundary.checks import whole
from fnn.data.cases import Cases
from fnn.display.targets import DenseCases, dense_cases
from fnn.display.text import By, Heading, Quantity, number, products, written
from fnn.display.wording import LossWording, factor_of, loss_wording, prime_of, superscript
from fnn.equations.gradients import Backprop, backprop, update
from fnn.equations.objective import Reduction
from fnn.losses.library import squared_error
from fnn.losses.loss import Loss
from fnn.network.params import Params


class _Story(NamedTuple):
    """All that is told."""

    params: Params[Any]
    cases: DenseCases
    t: Backprop[Any]
    new: Params[Any]
    eta: float
    loss: LossWording
    mean: bool


@by_name
def explain(
    params: Params[Any], x: ArrayLike | Cases, y: ArrayLike | None = None, *, eta: SupportsFloat = 0.5,
    loss: Loss = squared_error, reduction: Reduction = "sum", by: By = "rows", most: SupportsIndex = 12,
) -> str:  # fmt: skip
    """Every equation of a step of gradient descent, F1 to G1, with its numbers, as text.

    The numbers are those of `backprop` and `update`; last, one of each kind of sum is written out.

    Parameters
    ----------
    params, x, y, loss, reduction
        As for `grad`: x is (n_0,) or (N, n_0), y (n_L,) or (N, n_L); N cases are told at once, as matrices.
    eta
        The learning rate η of G1, above 0.
    by
        "rows": as fnn has it, a case is a row, W is (n_{l−1}, n_l), the layers of weights are counted from 1.
        "columns": as the tutorial S1 has it, a case is a column, W is the transpose of fnn's, and the inputs are
        layer 1, so that the weights belong to the layers 2 .. L + 1. "both": side by side.
    most
        At least 2: of an array with more rows or columns, and of a longer sum, only as many are told.

    Returns
    -------
    str, of many lines.

    Raises
    ------
    ValueError, TypeError
        As `grad` and `update`; by is another word; most isn't a whole number of at least 2.

    Examples
    --------
    >>> import fnn
    >>> p = fnn.Params({"W1": [[1.0], [2.0]], "b1": [0.5]}, hidden=(), output=fnn.identity)
    >>> text = fnn.explain(p, [3.0, 4.0], [10.0], eta=0.1)
    >>> print(text[text.index("F1"):text.index("F2")])
    F1  z¹ = a⁰ W¹ + b¹
        11.50000
    <BLANKLINE>
    """
    if not isinstance(by, str) or by not in ("rows", "columns", "both"):
        raise ValueError(f'by: must be "rows", "columns" or "both", got {by!r}')
    limit = whole("most", most, at_least=2)
    t = backprop(params, x, y, loss=loss, reduction=reduction)
    new = update(params, t.grads, eta)
    wording = loss_wording(loss, params.activations[-1])
    story = _Story(params, dense_cases(params, x, y, loss), t, new, float(eta), wording, reduction == "mean")
    parts = [*_inputs(story), *_forward(story), *_error(story), *_backward(story), *_learning(story)]

    return "\n".join([*written(parts, by, limit)[1:], *_by_hand(story, by, limit)])


def _quantity(
    story: _Story, tag: str, layer: int, numbers: NDArray[Any], rows: str, columns: str = "", *, is_bias: bool = False
) -> Quantity:
    """A quantity of fnn's layer, {l} in the formulas, where {k} is the one before and {a}, {z}, {d} are letters."""
    letters = dict(zip("azd", "azδ" if story.cases.single else "AZΔ", strict=True))
    ours, theirs = (
        text.format(l=superscript(i), k=superscript(i - 1) if i else "", **letters)
        for text, i in ((rows, layer), (columns or rows, layer + 1))
    )
    turned = numbers[:, None] if numbers.ndim == 1 and (is_bias or story.cases.single) else numbers.T

    return Quantity(tag, ours, numbers, theirs, turned)


def _heading(way: str, layer: int, name: str) -> Heading:
    return Heading(
        f"{way}: layer {layer}{name}", f"{way}: layer {layer + 1}{name}",
        f"{way}: fnn's layer {layer}, S1's layer {layer + 1}{name}",
    )  # fmt: skip


def _inputs(story: _Story) -> Iterator[Heading | Quantity]:
    yield Heading("a case is a row", "a case is a column", "left: fnn, a case is a row; right: S1, a case is a column")
    x, y, weights, single = story.cases
    yield _quantity(story, "", 0, x[0] if single else x, "{a}{l} = x")
    yield _quantity(story, "", 0, y[0] if single else y, "y")
    if weights.size:
        yield _quantity(story, "", 0, weights, "w_c, the weights of the cases")


def _forward(story: _Story) -> Iterator[Heading | Quantity]:
    p, t = story.params, story.t
    for layer, f in enumerate(p.activations, start=1):
        yield _heading("forward", layer, f", {f.name}")
        yield _quantity(story, "", layer, p[f"W{layer}"], "W{l}")
        yield _quantity(story, "", layer, p[f"b{layer}"], "b{l}", is_bias=True)
        sums = "{z}{l} = {a}{k} W{l} + b{l}", "{z}{l} = W{l} {a}{k} + b{l}"
        yield _quantity(story, "F1", layer, t.z[layer], *sums)
        name = "σ" if f.name == "sigmoid" else f.name
        yield _quantity(story, "F2", layer, t.a[layer], f"{{a}}{{l}} = {name}({{z}}{{l}})")
        yield _prime(story, layer)


def _prime(story: _Story, layer: int) -> Quantity:
    """F3; of a rowwise activation the Jacobian, a row for each output, of one case below the other."""
    f = story.params.activations[layer - 1]
    prime = f.prime(story.t.z[layer])
    if f.is_rowwise:
        jacobian = prime.reshape(-1, prime.shape[-1])
        text = "J{l}: ∂{a}_j/∂{z}_i, a row for each j"
        return _quantity(story, "F3", layer, jacobian, text)._replace(column_numbers=jacobian)
    formula = prime_of(f).format(a="{a}{l}", z="{z}{l}")
    name = "σ" if f.name == "sigmoid" else "f"
    text = f"{name}′({{z}}{{l}})"

    return _quantity(story, "F3", layer, prime, f"{text} = {formula}" if formula else text)


def _error(story: _Story) -> Iterator[Heading | Quantity]:
    yield Heading(*["error"] * 3)
    L, t, error = len(story.params.activations), story.t, story.loss.error
    before, after = factor_of(len(story.cases.x), story.mean, bool(story.cases.weights.size))
    if not story.cases.single or before:
        error = f"Σ_c {before}E_c{after}, E_c = {error}"
    yield _quantity(story, "E1", L, np.array(t.error), f"E = {error}")
    yield _quantity(story, "E2", L, t.dE_da[L], f"∂E/∂{{a}}{{l}} = {_weighed(story, story.loss.slope)}")


def _weighed(story: _Story, formula: str) -> str:
    """A formula of one case, times what the case counts."""
    before, after = factor_of(len(story.cases.x), story.mean, bool(story.cases.weights.size))

    return f"{before}({formula}){after}" if before or after else formula


def _backward(story: _Story) -> Iterator[Heading | Quantity]:
    p, t = story.params, story.t
    for layer in range(len(p.activations), 0, -1):
        f = p.activations[layer - 1]
        yield _heading("backward", layer, f", {f.name}")
        yield _delta(story, layer)
        gradient = "∂E/∂W{l} = ({a}{k})ᵀ {d}{l}", "∂E/∂W{l} = {d}{l} ({a}{k})ᵀ"
        yield _quantity(story, "B2", layer, t.grads[f"W{layer}"], *gradient)
        text = "∂E/∂b{l} = {d}{l}" if story.cases.single else "∂E/∂b{l} = Σ_c δ{l}"
        yield _quantity(story, "B3", layer, t.grads[f"b{layer}"], text, is_bias=True)
        before = "∂E/∂{a}{k} = {d}{l} (W{l})ᵀ", "∂E/∂{a}{k} = (W{l})ᵀ {d}{l}"
        yield _quantity(story, "B4", layer, t.dE_da[layer - 1], *before)


def _delta(story: _Story, layer: int) -> Quantity:
    f = story.params.activations[layer - 1]
    name = "σ" if f.name == "sigmoid" else "f"
    ours = theirs = f"{{d}}{{l}} = ∂E/∂{{a}}{{l}} ⊙ {name}′({{z}}{{l}})"
    if f.is_rowwise:
        ours, theirs = "{d}{l} = ∂E/∂{a}{l} J{l}", "{d}{l} = (J{l})ᵀ ∂E/∂{a}{l}"
    if layer == len(story.params.activations) and story.loss.delta:
        ours, theirs = (f"{text} = {_weighed(story, story.loss.delta)}" for text in (ours, theirs))

    return _quantity(story, "B1", layer, story.t.delta[layer], ours, theirs)


def _learning(story: _Story) -> Iterator[Heading | Quantity]:
    yield Heading(*[f"learning, with η = {story.eta:g}"] * 3)
    for layer in range(1, len(story.params.activations) + 1):
        for key in ("W", "b"):
            text = f"{key}{{l}}(t+1) = {key}{{l}}(t) − η ∂E/∂{key}{{l}}"
            yield _quantity(story, "G1", layer, story.new[f"{key}{layer}"], text, is_bias=key == "b")


def _by_hand(story: _Story, by: By, most: int) -> list[str]:
    """A sum of each kind, written out; a calculator gives the same, but for the last digit."""
    p, t, L = story.params, story.t, len(story.params.activations)
    first, last, below = (superscript(i + int(by != "rows")) for i in (1, L, L - 1))
    inputs = superscript(int(by != "rows"))
    a, z, delta, dE_da = ([np.atleast_2d(q[i]) for i in sorted(q)] for q in (t.a, t.z, t.delta, t.dE_da))
    W, b, V = p["W1"], p["b1"], p[f"W{L}"]
    w_in, w_out = f"w₁ₛ{first} aₛ{inputs}", f"w_d1{last}"
    left, right = W[:, 0], a[0][0]
    if by == "rows":
        w_in, w_out = f"aₛ{inputs} wₛ₁{first}", f"w_1d{last}"
        left, right = right, left
    slope, old, new = (float(q[f"W{L}"][0, 0]) for q in (t.grads, p, story.new))
    sums = [
        ("F1", f"z₁{first} = Σ_s {w_in} + b₁{first}", f"{products(left, right, most)} + {number(b[0])}", z[0][0, 0]),
        (
            "B2", f"∂E/∂w₁₁{last} = {'' if story.cases.single else 'Σ_c '}δ₁{last} a₁{below}",
            products(delta[-1][:, 0], a[L - 1][:, 0], most), slope,
        ),
        ("B4", f"∂E/∂a₁{below} = Σ_d δ_d{last} {w_out}", products(delta[-1][0], V[0], most), dE_da[L - 1][0, 0]),
        (
            "G1", f"w₁₁{last}(t+1) = w₁₁{last}(t) − η ∂E/∂w₁₁{last}",
            f"{number(old)} − {number(story.eta)}{number(slope)}", new,
        ),
    ]  # fmt: skip
    of_first = "" if story.cases.single else ", for the first case"
    lines = ["", f"---- by hand{of_first} ".ljust(81, "-")]
    for tag, formula, terms, value in sums:
        lines += [f"{tag}  {formula}", f"        = {terms} = {value:.6g}"]

    return lines
