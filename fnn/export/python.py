"""A network as Python source that needs only NumPy."""

from __future__ import annotations

from typing import Any, Final

from fnn.activations.activation import Activation
from fnn.export.formulas import INFIX, kinds_of, lines_of, literal, title_of, written
from fnn.network.params import Params

_OPERATIONS: Final = INFIX | {
    "max": "np.maximum({}, {})", "min": "np.minimum({}, {})", "where": "np.where({}, {}, {})", "abs": "np.abs({})",
    "exp": "np.exp({})", "expm1": "np.expm1({})", "log1p": "np.log1p({})", "tanh": "np.tanh({})",
    "cdf": "cdf({})", "sin": "np.sin({})",
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

_CDF: Final = """\
def cdf(z):
    return np.vectorize(lambda x: math.erfc(-x / math.sqrt(2)) / 2, otypes=[z.dtype])(z)
"""


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
    parts = [_function(f, functions[f], kind, 8 * params.dtype.itemsize) for f, kind in kinds.items()]
    needs_cdf = any("cdf(" in part for part in parts)
    imports = "import math\n\nimport numpy as np\n" if needs_cdf else "import numpy as np\n"
    weights = [
        f'{key} = np.array("""\n    {lines_of(leaf, " ")}\n""".split(), np.{params.dtype}).reshape({leaf.shape})\n'
        for key, leaf in params.items()
    ]
    head = f'"""{title_of(params)}. Written by fnn."""\n\n{imports}\n' + "".join(weights)
    parts = [head, *[_CDF] * needs_cdf, *parts, _forward(params, functions)]

    return "\n\n".join(parts)


def _function(f: Activation, function: str, kind: str, bits: int) -> str:
    body = _BODIES.get(kind)
    if body is None:
        body = f"    return {written(f, kind, _OPERATIONS, lambda number: literal(number, bits))}\n"

    return f"def {function}(z):  # {f.name}\n{body}"


def _forward(params: Params[Any], functions: dict[Activation, str]) -> str:
    layers = [f"a = {functions[f]}(a @ W{layer} + b{layer})" for layer, f in enumerate(params.activations, start=1)]
    body = "\n        ".join(layers)

    return f'''\
def forward(x):
    """Outputs ({params.sizes[-1]},) of a case ({params.sizes[0]},), or a row for each of several."""
    a = np.asarray(x, np.{params.dtype})
    with np.errstate(over="ignore"):  # e^-z where 1/(1 + e^-z) is 0
        {body}
    return a
'''
