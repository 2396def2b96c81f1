"""A network as Python source that needs only NumPy."""

from __future__ import annotations

from typing import Any, Final

from fnn.activations.activation import Activation
from fnn.export.formulas import kinds_of, lines_of, literal, title_of, translated
from fnn.network.params import Params, require_params
from fnn.network.tree import require_finite

_OPERATIONS: Final = {
    "+": "({} + {})", "-": "({} - {})", "*": "({} * {})", "/": "({} / {})", ">": "({} > {})", "negative": "(-{})",
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

    Parameters
    ----------
    params
        Built-in activations and finite numbers only.

    Raises
    ------
    ValueError
        An activation of your own; a number that isn't finite.
    TypeError
        params isn't `Params`.

    Examples
    --------
    >>> import fnn
    >>> params = fnn.Params({"W1": [[1.0], [2.0]], "b1": [0.5]}, hidden=(), output=fnn.relu)
    >>> module = {}
    >>> exec(fnn.to_python(params), module)
    >>> module["forward"]([3.0, 4.0])
    array([11.5])
    """
    require_params("params", params)
    require_finite(params)
    functions = {f: (f"f{i}", kind) for i, (f, kind) in enumerate(kinds_of(params, "Python").items(), start=1)}
    parts = [_function(f, name, kind, 8 * params.dtype.itemsize) for f, (name, kind) in functions.items()]
    needs_cdf = any("cdf(" in part for part in parts)
    imports = "import math\n\nimport numpy as np\n" if needs_cdf else "import numpy as np\n"
    weights = [
        f'{key} = np.array("""\n    {lines_of(leaf, " ")}\n""".split(), np.{params.dtype}).reshape({leaf.shape})\n'
        for key, leaf in params.items()
    ]
    head = f'"""{title_of(params)}. Written by fnn."""\n\n{imports}\n' + "".join(weights)
    parts = [head, *[_CDF] * needs_cdf, *parts, _forward(params, {f: name for f, (name, _) in functions.items()})]

    return "\n\n".join(parts)


def _function(f: Activation, function: str, kind: str, bits: int) -> str:
    value = None if kind in _BODIES else translated(
        f, kind, "z", lambda number: literal(number, bits), lambda name, of: _OPERATIONS[name].format(*of)
    )  # fmt: skip
    body = _BODIES.get(kind, f"    return {value}\n")

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
