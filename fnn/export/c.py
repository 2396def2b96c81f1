"""A network as C source."""

from __future__ import annotations

import re
from string import Template
from typing import Any, Final

import numpy as np

from fnn.activations.activation import Activation
from fnn.export.c_quantized import source_of
from fnn.export.formulas import INFIX, WIDE, kinds_of, lines_of, title_of, written
from fnn.network.params import Params
from fnn.network.quantized.value import Quantized

# $f: the suffix of functions and literals of type float. fmax and fmin would drop NaN.
_OPERATIONS: Final = INFIX | {
    "max": "({0} < {1} ? {1} : {0})", "min": "({0} > {1} ? {1} : {0})", "where": "({} ? {} : {})", "abs": "fabs$f({})",
    "exp": "exp$f({})", "expm1": "expm1$f({})", "log1p": "log1p$f({})", "tanh": "tanh$f({})",
    "floor": "floor$f({})", "sin": "sin$f({})",
}  # fmt: skip

_TOP: Final = """\
    $real top = a[0], sum = 0;
    for (int j = 1; j < n; j++) top = a[j] > top ? a[j] : top;
"""
_BODIES: Final = {
    "softmax": f"""{_TOP}\
    for (int j = 0; j < n; j++) sum += a[j] = exp$f(a[j] - top);
    for (int j = 0; j < n; j++) a[j] /= sum;
""",
    "log_softmax": f"""{_TOP}\
    for (int j = 0; j < n; j++) sum += exp$f(a[j] - top);
    for (int j = 0; j < n; j++) a[j] = a[j] - top - log$f(sum);
""",
}

_HEAD: Final = """\
/* $name: $title. Written by fnn.
 *
 *     void ${name}_forward(const $real x[${name}_INPUTS], $real y[${name}_OUTPUTS])
 *
 * computes the outputs y of one case x; they may not overlap. It allocates nothing, keeps no state and takes about
 * $stack bytes of the stack. C99 or C++; link with -lm.
 */
#ifndef ${name}_H
#define ${name}_H

#include <math.h>

#define ${name}_INPUTS $inputs
#define ${name}_OUTPUTS $outputs
"""
# Compilers make vectors of a loop over units whose number they know. So many inputs are added to the sums at a time, in
# order: with fewer, GCC unrolls a loop over 16 units or fewer before it makes vectors.
_AT_A_TIME: Final = 8
_LANES: Final = 4  # hidden layers become wider by up to a tenth, with weights of 0, to be whole vectors


def to_c(params: Params[Any] | Quantized, name: str = "network") -> str:
    """The network as C source: a header, in C99 and C++, that contains the weights and allocates nothing.

    Its function ``name_forward`` takes one case (n_0,) to (n_L,), in ``float`` for float32, in ``double`` for float64.
    It agrees with `fnn.forward` to the precision of that dtype, not to the bit; gelu, gelu_tanh and gaussian compute in
    ``double`` either way. A quantized network computes in ``float``, and gives the very bits that ``q(x)`` gives, on
    every processor, if the compiler neither contracts nor reorders operations: GCC by ``-std=c99``.

    Raises
    ------
    ValueError, TypeError
        An activation of your own; a number that isn't finite; anything but a network; a name that C doesn't allow.

    Examples
    --------
    >>> import fnn
    >>> source = fnn.to_c(fnn.init((2, 3, 1), seed=0), name="xor")
    >>> "static inline void xor_forward(const double *x, double *y) {" in source
    True
    """
    if not isinstance(name, str) or not re.fullmatch(r"[A-Za-z][A-Za-z0-9_]*", name):
        raise ValueError(f"name: must be an identifier in C, got {name!r}")
    if isinstance(params, Quantized):
        return source_of(params, name)
    kinds = kinds_of(params, "C")
    functions = {f: f"f{i}" for i, f in enumerate(kinds, start=1)}
    parts = [
        _HEAD,
        *(_function(f, functions[f], kind, params.dtype) for f, kind in kinds.items()),
        *(_leaf(params, key) for key in params),
        *(_dense(params, layer) for layer in range(1, len(params.sizes))),
        _forward(params, functions),
        "#endif\n",
    ]
    single, hidden = params.dtype == np.float32, _widest(params)
    words = {
        "name": name, "title": title_of(params.architecture, params.dtype),
        "real": "float" if single else "double", "f": "f" if single else "",
        "inputs": params.sizes[0], "outputs": params.sizes[-1],
        "stack": (2 * hidden + max(hidden, params.sizes[-1])) * params.dtype.itemsize,
    }  # fmt: skip

    return Template("\n".join(parts)).substitute(words)


def _function(f: Activation, function: str, kind: str, dtype: np.dtype[Any]) -> str:
    """An activation as a function that overwrites n weighted inputs."""
    body = _BODIES.get(kind)
    if body is None:
        casts = kind in WIDE and dtype == np.float32
        real, suffix = ("double", "") if casts else ("$real", "$f")
        operations = {key: form.replace("$f", suffix) for key, form in _OPERATIONS.items()}
        lines, value = written(f, kind, dtype, operations, f"{{}}{suffix}", f"const {real} {{}} = {{}};")
        z, a = ("(double)a[j]", f"(float)({value})") if casts else ("a[j]", value)
        lines = [f"const {real} z = {z};", *lines, f"a[j] = {a};"]
        body = "".join(["    for (int j = 0; j < n; j++) {\n", *(f"        {line}\n" for line in lines), "    }\n"])

    return f"/* {f.name} */\nstatic inline void ${{name}}_{function}($real *a, int n) {{\n{body}}}\n"


def _columns(params: Params[Any], layer: int) -> int:
    """Units of a layer, with those that fill the last vector of a hidden layer if they are few."""
    units = params.sizes[layer]
    whole = -(-units // _LANES) * _LANES

    return whole if layer < len(params.activations) and 10 * whole <= 11 * units else units


def _leaf(params: Params[Any], key: str) -> str:
    """Weights or biases as an array."""
    leaf, width = params[key], _columns(params, int(key[1:]))
    wide = np.pad(leaf, [(0, 0)] * (leaf.ndim - 1) + [(0, width - leaf.shape[-1])])

    return f"static const $real ${{name}}_{key}[] = {{\n    {lines_of(wide, '$f, ')}$f\n}};\n"


def _dense(params: Params[Any], layer: int) -> str:
    """The weighted inputs of a layer as a function; the sums are apart from z, which might overlap a."""
    m, n = params.sizes[layer - 1], _columns(params, layer)
    units, whole = f"for (int j = 0; j < {n}; j++)", m - m % _AT_A_TIME

    def add(inputs: list[str], indent: str) -> str:
        """Add the products of inputs to the sums, from left to right."""
        rows = ["W[j]", *(f"W[{i * n} + j]" for i in range(1, len(inputs)))]
        products = f"\n{indent}        + ".join(f"a[{i}] * {row}" for i, row in zip(inputs, rows, strict=True))
        return f"{units}\n{indent}    t[j] = t[j] + {products};\n"

    lines = [f"const $real *W = ${{name}}_W{layer};\n", f"$real t[{n}];\n", f"{units} t[j] = ${{name}}_b{layer}[j];\n"]
    if whole:
        step, inputs = f"i += {_AT_A_TIME}, W += {_AT_A_TIME * n}", ["i", *(f"i + {i}" for i in range(1, _AT_A_TIME))]
        lines.append(f"for (int i = 0; i < {whole}; {step})\n        {add(inputs, ' ' * 8)}")
    if m > whole:
        lines.append(add([str(i) for i in range(whole, m)], " " * 4))
    lines.append(f"{units} z[j] = t[j];\n")

    return f"static inline void ${{name}}_dense{layer}(const $real *a, $real *z) {{\n    {'    '.join(lines)}}}\n"


def _widest(params: Params[Any]) -> int:
    """Columns of the widest hidden layer."""
    return max((_columns(params, layer) for layer in range(1, len(params.activations))), default=0)


def _forward(params: Params[Any], functions: dict[Activation, str]) -> str:
    """The function that runs all layers, which write to u and v in turn, and the last to y."""
    source, lines = "x", []
    if width := _widest(params):
        lines.append(f"    $real u[{width}]{f', v[{width}]' if len(params.activations) > 2 else ''};")
    for layer, f in enumerate(params.activations, start=1):
        n = params.sizes[layer]
        target = "y" if layer == len(params.activations) else "uv"[1 - layer % 2]
        lines.append(f"    ${{name}}_dense{layer}({source}, {target});")
        lines.append(f"    ${{name}}_{functions[f]}({target}, {n});")
        source = target
    body = "\n".join(lines)

    return f"static inline void ${{name}}_forward(const $real *x, $real *y) {{\n{body}\n}}\n"
