"""What notebooks show for `Params`, `Run` and `Backprop`: a drawing as SVG, and tables."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fnn.display.drawing import BLUE, NEGATIVE, ORANGE, POSITIVE, curves_svg, network_svg, shown
from fnn.equations.gradients import Backprop
from fnn.network.params import Params
from fnn.training.history import History, Run

_EPOCHS = 8  # rows of the table of errors


def html_of(value: object) -> str:
    """A few kilobytes of HTML for a value."""
    if isinstance(value, Params):
        title = f"fnn.Params: {value.flat_buffer.size} parameters, {value.dtype}"
        return _whole(title, _drawing(value, "weights"), _table(_layers(value)))
    if isinstance(value, Run):
        return _run(value)
    if isinstance(value, Backprop):
        return _backprop(value)
    raise TypeError(f"value: needs fnn.Params, fnn.Run or fnn.Backprop, got {type(value).__name__}")


def _whole(title: str, *parts: str) -> str:
    return f"<div><p><b>{escape(title)}</b></p>{''.join(parts)}</div>"


def _drawing(params: Params[Any], what: str, values: Sequence[NDArray[Any]] = (), of_values: str = "") -> str:
    layers = range(1, len(params.sizes))
    names = ["inputs", *(escape(f.name) for f in params.activations)]
    svg = network_svg([params[f"W{layer}"] for layer in layers], names, values)
    key = f'<span style="color:{POSITIVE}">above 0</span>, <span style="color:{NEGATIVE}">below 0</span>'

    return f"{svg}<p><small>lines: {what}{of_values}; {key}; the largest of a layer is the widest</small></p>"


def _table(rows: Sequence[Sequence[object]]) -> str:
    """A table, its first row the header."""
    head, *body = ([escape(str(cell)) for cell in row] for row in rows)
    lines = [f"<tr><td>{'</td><td>'.join(row)}</td></tr>" for row in body]

    return f"<table><tr><th>{'</th><th>'.join(head)}</th></tr>{''.join(lines)}</table>"


def _layers(params: Params[Any]) -> list[list[object]]:
    rows: list[list[object]] = [["layer", "W", "b", "activation", "W from .. to", "b from .. to"]]
    for place in shown(len(params.activations)):
        if place is None:
            rows.append(["…"] * 6)
            continue
        W, b = params[f"W{place + 1}"], params[f"b{place + 1}"]
        rows.append([place + 1, W.shape, b.shape, params.activations[place].name, _range(W), _range(b)])

    return rows


def _range(array: NDArray[Any]) -> str:
    """The numbers, if they are few; else the least and the greatest."""
    if array.size <= 4:
        return ", ".join(f"{number:.4g}" for number in array.ravel().tolist())

    return f"{array.min():.4g} .. {array.max():.4g}"


def _run(run: Run[Any]) -> str:
    history, epochs = run.history, len(run.history)
    seconds = history.seconds[-1] if epochs else 0.0
    title = f"fnn.Run: {epochs} epochs in {seconds:.3g} seconds, ended by {run.stop_reason}"
    curves = [("error", BLUE, history.error)]
    if history.validation_error is not None:
        curves.append(("validation error", ORANGE, history.validation_error))
    errors = [curves_svg(curves), _table(_errors(history))] if epochs else []

    return _whole(title, *errors, _drawing(run.params, "weights"))


def _errors(history: History) -> list[list[object]]:
    """The measures of some epochs: the first, the last, the best, and some between."""
    columns = history.as_dict()
    some = {int(epoch) for epoch in np.geomspace(1, len(history), _EPOCHS).round()}
    best = history.best_epoch
    epochs = sorted(some | {best} if best else some)
    rows: list[list[object]] = [[name.replace("_", " ") for name in columns]]
    for epoch in epochs:
        row = [f"{column[epoch - 1]:.5g}" for column in columns.values()]
        rows.append([f"{row[0]}, the best" if epoch == best else row[0], *row[1:]])

    return rows


def _backprop(t: Backprop[Any]) -> str:
    """The first case's activations and every connection's gradient; the quantities of all cases by layer."""
    p = t.grads
    count = 1 if t.a[0].ndim == 1 else len(t.a[0])
    values = [np.atleast_2d(t.a[layer])[0] for layer in range(len(t.a))]
    rows: list[list[object]] = [["layer", "z", "a", "∂E/∂a", "δ", "∂E/∂W", "∂E/∂b"]]
    for layer in shown(len(t.a)):
        if layer is None:
            rows.append(["…"] * 7)
            continue
        z, delta = (_range(q[layer]) if layer else "" for q in (t.z, t.delta))
        slopes = [_range(p[f"{key}{layer}"]) if layer else "" for key in "Wb"]
        rows.append([layer, z, _range(t.a[layer]), _range(t.dE_da[layer]), delta, *slopes])
    title = f"fnn.Backprop: error {t.error:.6g}, {count} case{'s' * (count > 1)}, {p.dtype}"
    of_units = f"; units: a{' of the first case' * (count > 1)}"

    return _whole(title, _drawing(p, "∂E/∂W", values, of_units), _table(rows))
