"""A network as Python source that needs only NumPy."""

from __future__ import annotations

from typing import Any, Final

import numpy as np

from fnn.activations.activation import Activation
from fnn.export.formulas import INFIX, WIDE, kinds_of, lines_of, title_of, written
from fnn.network.params import Params

_OPERATIONS: Final = INFIX | {
    "max": "np.maximum({}, {})", "min": "np.minimum({}, {})", "where": "np.where({}, {}, {})", "abs": "np.abs({})",
    "exp": "np.exp({})", "expm1": "np.expm1({})", "log1p": "np.log1p({})", "tanh": "np.tanh({})",
    "floor": "np.floor({})", "sin": "np.sin({})",
}  # fmt: skip

_BODIES: Final = {
    "softmax": """\
    e = np.exp(z - z.max(axis=-1, keepdims=True))
    return e / e.sum(axis=-1, keepdims=True)
""",
    "log_softmax": """\
    z = z - z.max(axis=-1, keepdims=True)
    return z - np.log(np.exp(z).sum(axis=-1, keepdims=True))
""",
}


def to_python(params: Params[Any]) -> str:
    """The network as Python source: a module that contains the weights and needs only NumPy.

    Its function ``forward(x)`` takes one case (n_0,) or several (N, n_0) and returns (n_L,) or (N, n_L), in the dtype
    of the parameters. It agrees with `fnn.forward` to the precision of that dtype, not to the bit.

    Raises
    ------
    ValueError, TypeError
        An activation of your own; a number that isn't finite; anything but `Params`.

    Examples
    --------
    >>> import fnn
    >>> params = fnn.Params({"W1": [[1.0], [2.0]], "b1": [0.5]}, hidden=(), output=fnn.relu)
    >>> module = {}
    >>> exec(fnn.to_python(params), module)
    >>> module["forward"]([3.0, 4.0])
    array([11.5])
    """
    kinds = kinds_of(params, "Python")
    functions = {f: f"f{i}" for i, f in enumerate(kinds, start=1)}
    parts = [_function(f, functions[f], kind, params.dtype) for f, kind in kinds.items()]
    weights = [
        f'{key} = np.array("""\n    {lines_of(leaf, " ")}\n""".split(), np.{params.dtype}).reshape({leaf.shape})\n'
        for key, leaf in params.items()
    ]
    head = f'"""{title_of(params.architecture, params.dtype)}. Written by fnn."""\n\nimport numpy as np\n\n' + "".join(
        weights
    )

    return "\n\n".join([head, *parts, _forward(params, functions)])


def _function(f: Activation, function: str, kind: str, dtype: np.dtype[Any]) -> str:
    body = _BODIES.get(kind)
    if body is None:
        lines, value = written(f, kind, dtype, _OPERATIONS, "{}", "{} = {}")
        if kind in WIDE and dtype == np.float32:
            lines, value = ["z = z.astype(np.float64)", *lines], f"({value}).astype(np.float32)"
        body = "".join(f"    {line}\n" for line in [*lines, f"return {value}"])

    return f"def {function}(z):  # {f.name}\n{body}"


def _forward(params: Params[Any], functions: dict[Activation, str]) -> str:
    layers = [f"a = {functions[f]}(a @ W{layer} + b{layer})" for layer, f in enumerate(params.activations, start=1)]
    body = "\n        ".join(layers)

    return f'''\
def forward(x):
    """Outputs ({params.sizes[-1]},) of a case ({params.sizes[0]},), or a row for each of several."""
    with np.errstate(all="ignore"):  # what overflows is infinite, what is undefined NaN
        a = np.asarray(x, np.{params.dtype})
        {body}
    return a
'''
