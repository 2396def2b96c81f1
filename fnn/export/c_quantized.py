"""A quantized network as C source, which computes the same bits as `Quantized`."""

from __future__ import annotations

from collections.abc import Iterator
from string import Template
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from fnn.activations.activation import BUILT_IN, Activation
from fnn.export.formulas import known_kinds, lines_of, literal, parameter_of, title_of
from fnn.export.scalars_in_c import HELPERS, scalar_in_c
from fnn.network.quantized.kernels.forward import GREATEST, ROUNDER
from fnn.network.quantized.kernels.tiles import INT8
from fnn.network.quantized.value import Quantized
from fnn.numerics.elementary import exp, log

_SINGLE: Final = np.dtype(np.float32)
_HEAD: Final = """\
/* $name: $title. Written by fnn.
 *
 *     void ${name}_forward(const float x[${name}_INPUTS], float y[${name}_OUTPUTS])
 *
 * computes the outputs y of one case x, finite numbers; they may not overlap. It allocates nothing, keeps no state and
 * takes about $stack bytes of the stack. C99 or C++; link with -lm. The outputs have the bits that fnn computes if the
 * compiler takes operations on float as they stand: GCC by -std=c99 or -ffp-contract=off, never with -ffast-math.
 * With the processor's own fmaf (such as by -march=native) it is faster.
 */
#ifndef ${name}_H
#define ${name}_H

#include <math.h>
#include <stdint.h>
#include <string.h>

#ifdef __clang__
#pragma STDC FP_CONTRACT OFF
#endif

#define ${name}_INPUTS $inputs
#define ${name}_OUTPUTS $outputs
"""
_LAYERS: Final = {
    "int8": f"""\
/* u = the integer nearest to rate a + offset, from 0 to {GREATEST}; whether an a is NaN */
static inline int ${{name}}_quantize(const float *a, uint8_t *u, int m, float rate, float offset) {{
    int lost = 0;
    for (int i = 0; i < m; i++) {{
        float t = fmaf(a[i], rate, {ROUNDER}f + offset);
        t = t > {ROUNDER}f ? t : {ROUNDER}f;
        t = t < {ROUNDER + GREATEST}f ? t : {ROUNDER + GREATEST}f;
        u[i] = (uint8_t)(t - {ROUNDER}f);
        lost |= a[i] != a[i];
    }}
    return lost;
}}

/* z_j = scale_j (sum_i u_i W_ji - less_j) + b_j */
static inline void ${{name}}_dense(const uint8_t *u, const int8_t *W, const int32_t *less, const float *scale,
                                 const float *b, float *z, int m, int n) {{
    for (int j = 0; j < n; j++, W += m) {{
        int32_t sum = 0;
        for (int i = 0; i < m; i++) sum += (int32_t)u[i] * W[i];
        z[j] = fmaf((float)(sum - less[j]), scale[j], b[j]);
    }}
}}
""",
    "bfloat16": """\
/* z_j = b_j + sum_i a_i W_ij, where W_ij is the upper half of a float */
static inline void ${name}_dense(const float *a, const uint16_t *W, const float *b, float *z, int m, int n) {
    for (int j = 0; j < n; j++) z[j] = b[j];
    for (int i = 0; i < m; i++, W += n)
        for (int j = 0; j < n; j++) {
            const uint32_t bits = (uint32_t)W[j] << 16;
            float w;
            memcpy(&w, &bits, 4);
            z[j] = fmaf(a[i], w, z[j]);
        }
}
""",
}
_TOP: Final = """\
    float top = a[0], total = 0;
    for (int j = 1; j < n; j++) top = a[j] > top ? a[j] : top;
"""
_ROWS: Final = {
    "softmax": f"""{_TOP}\
    for (int j = 0; j < n; j++) a[j] = ${{name}}_exp(a[j] - top);
    for (int j = 0; j < n; j++) total += a[j];
    for (int j = 0; j < n; j++) a[j] /= total;
""",
    "log_softmax": f"""{_TOP}\
    for (int j = 0; j < n; j++) total += ${{name}}_exp(a[j] - top);
    total = ${{name}}_log(total);
    for (int j = 0; j < n; j++) a[j] = (a[j] - top) - total;
""",
}


def source_of(q: Quantized, name: str) -> str:
    """The source of `to_c`."""
    kinds = known_kinds(q.activations, _SINGLE, "C")
    functions = {f: f"f{i}" for i, f in enumerate(kinds, start=1)}
    called = {"exp": exp, "log": log} if "log_softmax" in kinds.values() else {"exp": exp}
    parts = [
        _HEAD,
        _LAYERS[q.weights],
        HELPERS,
        *(scalar_in_c(f"${{name}}_{key}", f) for key, f in called.items() if set(kinds.values()) & set(_ROWS)),
        *(_activation(f, functions[f], kind) for f, kind in kinds.items()),
        *(f"static const {kind} ${{name}}_{key}[] = {{\n    {text}\n}};\n" for key, kind, text in _arrays(q)),
        _forward(q, functions),
        "#endif\n",
    ]
    widths = max(q.sizes[:-1]), max(q.sizes[1:-1], default=0)
    words = {
        "name": name, "title": title_of(q.architecture, q.weights), "inputs": q.sizes[0], "outputs": q.sizes[-1],
        "stack": widths[0] + 4 * widths[1] if q.weights == INT8 else 8 * widths[1],
    }  # fmt: skip

    return Template("\n".join(parts)).substitute(words)


def _activation(f: Activation, function: str, kind: str) -> str:
    """An activation as a function that overwrites n weighted inputs; those of single numbers call one of a number."""
    scalar = BUILT_IN[kind].scalar
    if scalar is None:
        return f"/* {f.name} */\nstatic inline void ${{name}}_{function}(float *a, int n) {{\n{_ROWS[kind]}}}\n"
    parameters = [parameter_of(f, _SINGLE)] if "(" in f.name else []

    return f"""\
/* {f.name} */
{scalar_in_c(f"${{name}}_{function}_of", scalar, *parameters)}
static inline void ${{name}}_{function}(float *a, int n) {{
    for (int j = 0; j < n; j++) a[j] = ${{name}}_{function}_of(a[j]);
}}
"""


def _arrays(q: Quantized) -> Iterator[tuple[str, str, str]]:
    """The name, the type and the elements of each array."""
    leaves = q.leaves
    for layer in range(1, len(q.activations) + 1):
        W = leaves[f"W{layer}"]
        if q.weights == INT8:  # transposed, so that a sum runs along a row
            yield f"W{layer}", "int8_t", _integers(W.T)
            yield f"less{layer}", "int32_t", _integers(int(leaves[f"input{layer}"][1]) * W.sum(axis=0, dtype=np.int32))
            yield f"scale{layer}", "float", f"{lines_of(leaves[f'scale{layer}'], 'f, ')}f"
        else:
            yield f"W{layer}", "uint16_t", _integers(W)
        yield f"b{layer}", "float", f"{lines_of(leaves[f'b{layer}'], 'f, ')}f"


def _integers(numbers: NDArray[Any]) -> str:
    """Literals in row-major order, sixteen to a line."""
    literals = list(map(str, numbers.ravel().tolist()))

    return ",\n    ".join(", ".join(literals[start : start + 16]) for start in range(0, len(literals), 16))


def _forward(q: Quantized, functions: dict[Activation, str]) -> str:
    """The function that runs all layers: int8's write to z, those of bfloat16 to u and v in turn, and the last to y."""
    is_int8, hidden = q.weights == INT8, max(q.sizes[1:-1], default=0)
    lines = [f"uint8_t u[{max(q.sizes[:-1])}];", "int lost = 0;"] if is_int8 else []
    names = ["z"] if is_int8 else ["u", "v"][: len(q.activations) - 1]
    if hidden:
        lines.append(f"float {', '.join(f'{name}[{hidden}]' for name in names)};")
    source, leaves = "x", q.leaves if is_int8 else {}
    for layer, f in enumerate(q.activations, start=1):
        m, n = q.sizes[layer - 1 : layer + 1]
        target = "y" if layer == len(q.activations) else names[(layer - 1) % len(names)]
        arrays = [f"${{name}}_{key}{layer}" for key in (("W", "less", "scale", "b") if is_int8 else ("W", "b"))]
        if is_int8:
            rate, zero = (f"{literal(float(number), 32)}f" for number in leaves[f"input{layer}"])
            lines.append(f"lost |= ${{name}}_quantize({source}, u, {m}, {rate}, {zero});")
        lines.append(f"${{name}}_dense({'u' if is_int8 else source}, {', '.join(arrays)}, {target}, {m}, {n});")
        lines.append(f"${{name}}_{functions[f]}({target}, {n});")
        source = target
    if is_int8:
        lines.append(f"if (lost)\n        for (int j = 0; j < {q.sizes[-1]}; j++) y[j] = NAN;")
    body = "\n    ".join(lines)

    return f"static inline void ${{name}}_forward(const float *x, float *y) {{\n    {body}\n}}\n"
