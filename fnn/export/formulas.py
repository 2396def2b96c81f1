"""The formulas of the activations, in terms that every target language has.

A formula is an expression in z, the activation's parameter p, numbers, + - * / > and functions that every target has
in its `_OPERATIONS`; before it, each ended by a semicolon, names are given to parts of it. Small results keep their
digits. NaN stays NaN, and infinity gives what fnn gives: z is clamped where the formula would have ∞ · 0 or ∞ / ∞. The
rowwise activations are written by each target itself.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, TypeVar

import numpy as np
from numpy.typing import NDArray

from fnn.activations.activation import Activation
from fnn.activations.library import named
from fnn.boundary.checks import prefixed
from fnn.network.architecture import Architecture
from fnn.network.params import Params
from fnn.network.tree import require_finite
from fnn.numerics.special import CDF

T = TypeVar("T")

_SIGMOID: Final = "e = exp(-abs(z)); s = where(z > 0, 1, e) / (1 + e);"
# h is u without its last bits, so that h² and h³ are exact: e^(−u²) = e^(−h²) e^((h − u)(h + u)) keeps the digits that
# the rounding of a great u² would cost.
_NEAR: Final = "u = min(abs(z), 40); h = floor(u * 64) / 64;"
_POLYNOMIAL: Final = f"{'(' * len(CDF)}{') * t + '.join(repr(float(c)) for c in reversed(CDF))})"
_TAIL: Final = (  # Φ(−u), as in `fnn.numerics.special`
    f"{_NEAR} t = (u - 4) / (u + 4);"
    f" q = exp(-0.5 * (h * h)) * exp(0.5 * (h - u) * (h + u)) * ({_POLYNOMIAL} / (1 + u));"
)
# e = e^−(bu + cu³) with b = 2√(2/π) and c = 0.044715 b, each as a part by which v is exact and the rest.
_CUBIC: Final = (
    f"{_NEAR} v = 1.595769121311605 * h + 0.07135480642318726 * (h * h * h);"
    "w = 2.941257351057315e-10 * h + 9.849412992916964e-09 * (h * h * h)"
    "+ (u - h) * (1.5957691216057308 + 0.07135481627260025 * (u * u + u * h + h * h));"
    "e = exp(-v) * exp(-w);"
)
FORMULAS: Final = {
    "identity": "z",
    "sigmoid": f"{_SIGMOID} s",
    "tanh": "tanh(z)",
    "relu": "max(z, 0)",
    "leaky_relu": "where(z > 0, z, p * z)",
    "elu": "where(z > 0, z, p * expm1(min(z, 0)))",
    "selu": "where(z > 0, 1.0507009873554805 * z, 1.7580993408473768 * expm1(min(z, 0)))",
    "gelu": f"{_TAIL} max(z, -40) * where(z > 0, 1 - q, q)",
    "gelu_tanh": f"{_CUBIC} max(z, -40) * where(z > 0, 1, e) / (1 + e)",
    "silu": f"{_SIGMOID} max(z, -800) * s",
    "softplus": "max(z, 0) + log1p(exp(-abs(z)))",
    "softsign": "u = min(max(z, -1e18), 1e18); u / (1 + abs(u))",
    "mish": "e = exp(min(z, 22)); q = e * (e + 2); max(z, -800) * (q / (q + 2))",
    "hard_tanh": "min(max(z, -1), 1)",
    "hard_sigmoid": "min(max((z + 3) / 6, 0), 1)",
    "relu6": "min(max(z, 0), 6)",
    "exp": "exp(z)",
    "sin": "sin(min(max(z, -p), p) + (z - z))",
    "gaussian": f"{_NEAR} exp(-(h * h)) * exp((h - u) * (h + u))",
}
ROWWISE: Final = ("softmax", "log_softmax")
WIDE: Final = ("gelu", "gelu_tanh", "gaussian")  # computed in float64 for float32 as well, for the tails
FAR: Final = {"float32": 2.0**19, "float64": 2.0**48}  # beyond it sin is constant: the p of its formula
INFIX: Final = {  # of `written`, in C and Python
    "+": "({} + {})", "-": "({} - {})", "*": "({} * {})", "/": "({} / {})", ">": "({} > {})", "negative": "(-{})",
}  # fmt: skip

_OPERATORS: Final[dict[type[ast.AST], str]] = {
    ast.Add: "+", ast.Sub: "-", ast.Mult: "*", ast.Div: "/", ast.Gt: ">", ast.USub: "negative",
}  # fmt: skip


def kinds_of(params: Params[Any], target: str) -> dict[Activation, str]:
    """A network's activations, with their names without parameters; TypeError or ValueError if it can't be exported."""
    require_finite("params", params)

    return known_kinds(params.activations, params.dtype, target)


def known_kinds(activations: Sequence[Activation], dtype: np.dtype[Any], target: str) -> dict[Activation, str]:
    """Activations with their names without parameters; ValueError if one can't be exported."""
    kinds = {}
    for layer, f in enumerate(activations, start=1):
        kind = f.name.partition("(")[0]
        if named(f.name) is not f:
            raise ValueError(f"params: layer {layer} has {f!r}; only built-in activations can be written as {target}")
        if kind not in FORMULAS and kind not in ROWWISE:
            raise ValueError(f"params: layer {layer} has {f!r}, which can't be written as {target}")
        with prefixed(f"params: layer {layer}: "):
            f.require_dtype(dtype)
        kinds[f] = kind

    return kinds


def parameter_of(f: Activation, dtype: np.dtype[Any]) -> float:
    """The p of an activation's formula."""
    parameter = f.name.partition("(")[2].removesuffix(")")

    return float(parameter) if parameter else FAR[dtype.name]


def translated(
    formula: str, z: T, p: float, number: Callable[[float], T], apply: Callable[[str, list[T]], T],
    name: Callable[[str, T], T] = lambda _, value: value,
) -> T:  # fmt: skip
    """A formula in a language, given its z, its numbers and its function application.

    `name` gives a name to a value, and returns what stands for it from then on.
    """
    names = {"z": z}

    def fold(node: ast.expr) -> T:
        match node:
            case ast.Name(id=key):
                return number(p) if key == "p" else names[key]
            case ast.Constant(value=int() | float() as value):
                return number(float(value))
            case ast.UnaryOp(op=ast.USub(), operand=ast.Constant(value=int() | float() as value)):
                return number(-float(value))
            case ast.UnaryOp(op=op, operand=operand):
                return apply(_OPERATORS[type(op)], [fold(operand)])
            case ast.BinOp(left=left, op=op, right=right) | ast.Compare(left=left, ops=[op], comparators=[right]):
                return apply(_OPERATORS[type(op)], [fold(left), fold(right)])
            case ast.Call(func=ast.Name(id=function), args=arguments):
                return apply(function, [fold(argument) for argument in arguments])
        raise AssertionError(ast.unparse(node))

    *parts, result = [part.strip() for part in formula.split(";")]
    for part in parts:
        key, _, expression = part.partition(" = ")
        names[key] = name(key, fold(ast.parse(expression, mode="eval").body))

    return fold(ast.parse(result, mode="eval").body)


def written(
    f: Activation, kind: str, dtype: np.dtype[Any], operations: Mapping[str, str], number: str, assignment: str
) -> tuple[list[str], str]:
    """An activation's formula in a language of format strings: the lines that name parts of it, and the value."""
    bits, lines = 64 if kind in WIDE else 8 * dtype.itemsize, []

    def name(key: str, value: str) -> str:
        lines.append(assignment.format(key, value))

        return key

    value = translated(
        FORMULAS[kind], "z", parameter_of(f, dtype), lambda x: number.format(literal(x, bits)),
        lambda function, of: operations[function].format(*of), name,
    )  # fmt: skip

    return lines, value


def literal(number: float, bits: int) -> str:
    """A decimal literal that reads back exactly, even if read as float64 and rounded to float32."""
    text = f"{number:.9g}" if bits == 32 else repr(number)

    return text if any(c in text for c in ".e") else f"{text}.0"


def lines_of(numbers: NDArray[Any], separator: str) -> str:
    """Literals of all numbers in row-major order, eight to a line."""
    literals = [literal(number, 8 * numbers.itemsize) for number in numbers.ravel().tolist()]
    lines = [separator.join(literals[start : start + 8]) for start in range(0, len(literals), 8)]

    return f"{separator.rstrip()}\n    ".join(lines)


def title_of(architecture: Architecture, numbers: object) -> str:
    """A one-line description of a network, with the dtype or the kind of its numbers."""
    return f"{'-'.join(map(str, architecture.sizes))}, {', '.join(f.name for f in architecture.activations)}; {numbers}"
