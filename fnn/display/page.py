"""`to_html`: a network, its cases and the equations as a page that computes, of plain JavaScript and SVG."""

from __future__ import annotations

import json
import os
from importlib.resources import files
from typing import Any, Final, SupportsFloat

import numpy as np
from numpy.typing import ArrayLike, NDArray

from fnn.activations.activation import Activation
from fnn.boundary.calls import by_name
from fnn.boundary.checks import path_of, positive
from fnn.data.cases import Cases
from fnn.display.targets import DenseCases, dense_cases
from fnn.display.wording import factor_of, kind_of, loss_wording, prime_of
from fnn.equations.gradients import error
from fnn.equations.objective import Reduction
from fnn.export.formulas import INFIX, ROWWISE, kinds_of, written
from fnn.io.atomic import replacing
from fnn.losses.kernels.dispatch import ENDS, PROBABILITIES
from fnn.losses.library import squared_error
from fnn.losses.loss import Loss
from fnn.network.params import Params

MOST_PARAMETERS: Final = 256
MOST_NUMBERS: Final = 1000  # of x and y together
_SCRIPTS: Final = ("functions.js", "equations.js", "story.js", "view.js", "controls.js")
_OPERATIONS: Final = INFIX | {
    "max": "Math.max({}, {})", "min": "Math.min({}, {})", "where": "({} ? {} : {})", "abs": "Math.abs({})",
    "exp": "Math.exp({})", "expm1": "Math.expm1({})", "log1p": "Math.log1p({})", "tanh": "Math.tanh({})",
    "floor": "Math.floor({})", "sin": "Math.sin({})",
}  # fmt: skip


@by_name
def to_html(
    params: Params[Any], x: ArrayLike | Cases, y: ArrayLike | None, path: str | os.PathLike[str], *,
    eta: SupportsFloat = 0.5, loss: Loss = squared_error, reduction: Reduction = "sum",
) -> None:  # fmt: skip
    """Write a page on which backpropagation can be walked through with this network and these cases.

    A single file that needs nothing else and opens from disk in a browser of 2024 or later. Inputs, weights, biases,
    targets and η can be dragged; F1, F2, E1, E2, B1 to B4 and G1 are taken one at a time, forward and back, each with
    its formula filled in, the line of code that computes it and all numbers of the network, by rows or by columns;
    "train" repeats them. It computes in float64, and agrees with `backprop` and `update` but for rounding.

    Parameters
    ----------
    params, x, y, loss, reduction
        As for `grad`, with activations and a loss of fnn's own: x is (n_0,) or (N, n_0), y (n_L,) or (N, n_L). At most
        256 weights and biases, and 1000 numbers of x and y. Where x is `Cases`, y is None.
    path
        The file, conventionally ``.html``. One that is there is replaced.
    eta
        The learning rate η, above 0, from which the page starts.

    Raises
    ------
    ValueError, TypeError
        As `grad`; a network or cases that are too large; an activation or a loss of your own; numbers that
        aren't finite; an η out of range.
    OSError
        The file can't be written.

    Examples
    --------
    >>> import fnn, pathlib, tempfile
    >>> xor = [[0, 0], [0, 1], [1, 0], [1, 1]], [[0], [1], [1], [0]]
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = pathlib.Path(folder, "xor.html")
    ...     fnn.to_html(fnn.init((2, 2, 1), seed=2), *xor, path, eta=2.0)
    ...     path.stat().st_size < 60_000
    True
    """
    target = path_of("path", path)
    kinds = kinds_of(params, "HTML")
    if params.flat_buffer.size > MOST_PARAMETERS:
        raise ValueError(
            f"params: has {params.flat_buffer.size} weights and biases; a page can show at most {MOST_PARAMETERS}"
        )
    if isinstance(loss, Loss) and loss.scalars:
        raise ValueError(f"loss: {loss!r} is your own; only built-in losses can be written as HTML")
    rate = positive("eta", eta)
    error(params, x, y, loss=loss, reduction=reduction)  # for its checks
    cases = dense_cases(params, x, y, loss)
    if cases.x.size + cases.y.size > MOST_NUMBERS:
        raise ValueError(
            f"x, y: have {cases.x.size + cases.y.size} numbers; a page can show at most {MOST_NUMBERS}: take some cases"
        )
    data = json.dumps(_data(params, cases, rate, loss, reduction == "mean"), ensure_ascii=False, allow_nan=False)
    functions = {f.name: _function(f, kind) for f, kind in kinds.items() if kind not in ROWWISE}
    lines = ",\n".join(f"  {json.dumps(name)}: z => {body}" for name, body in functions.items())
    assets = files("fnn.display") / "assets"
    page, *scripts = (
        (assets / name).read_text("utf-8").replace('"use strict";\n', "") for name in ("page.html", *_SCRIPTS)
    )
    head = f'"use strict";\nconst DATA = {data};\n\n// F2\nconst FUNCTIONS = {{\n{lines}\n}};\n'
    with replacing(target) as file:
        file.write(page.replace("/*SCRIPTS*/", "\n".join([head, *scripts])).encode())


def _function(f: Activation, kind: str) -> str:
    """The body of an activation's function of z."""
    lines, value = written(f, kind, np.dtype(np.float64), _OPERATIONS, "{}", "const {} = {};")

    return f"{{ {' '.join(lines)} return {value}; }}" if lines else value


def _data(params: Params[Any], cases: DenseCases, eta: float, loss: Loss, mean: bool) -> dict[str, Any]:
    """All that the page has of the network, for JSON."""
    count, output = len(cases.x), params.activations[-1]
    weights = cases.weights if cases.weights.size else np.ones(count)
    wording, (before, after) = loss_wording(loss, output), factor_of(count, mean, bool(cases.weights.size))
    layers = range(1, len(params.sizes))
    activations = [
        {"name": f.name, "kind": kind_of(f), "p": _parameter(f.name), "prime": prime_of(f)} for f in params.activations
    ]

    return {
        "title": f"Backpropagation: {'-'.join(map(str, params.sizes))}, {loss!r}",
        "sizes": params.sizes,
        "activations": activations,
        "net": {key: [None, *(_numbers(params[f"{key}{layer}"]) for layer in layers)] for key in "Wb"},
        "x": _numbers(cases.x),
        "y": _numbers(cases.y),
        "share": _numbers(weights / weights.sum() if mean else weights),
        "eta": eta,
        "loss": {
            "name": loss.name, "p": loss.parameter, "output": output.name, "E": wording.error, "slope": wording.slope,
            "delta": wording.delta, "before": before, "after": after,
            "isDirect": loss.kernel is not None and loss.kernel.is_direct,
        },
        "targets": _targets(loss, output.is_rowwise),
    }  # fmt: skip


def _parameter(name: str) -> float | None:
    """The parameter in an activation's name."""
    text = name.partition("(")[2].removesuffix(")")

    return float(text) if text else None


def _numbers(array: NDArray[Any]) -> Any:
    """Lists of numbers in float64."""
    return array.astype(np.float64).tolist()


def _targets(loss: Loss, is_rowwise: bool) -> dict[str, Any]:
    """Which targets the page may set; None stands for infinity."""
    low, high = (None if np.isinf(bound) else bound for bound in (loss.targets.low, loss.targets.high))
    rule = "range"
    if loss.targets.rule == ENDS:
        rule = "ends"
    elif loss.targets.rule == PROBABILITIES and is_rowwise:
        rule = "sum"

    return {"rule": rule, "low": low, "high": high}
