"""The formulas of the activations, in terms that every target language has.

A formula is an expression in z and optionally the parameter p, of numbers, + - * / > and functions that every target
has in its `_OPERATIONS` (Φ is ``cdf``). The rowwise activations are written by each target itself.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Mapping
from typing import Any, Final, TypeVar

from numpy.typing import NDArray

from fnn.activations.activation import Activation
from fnn.activations.library import named
from fnn.network.params import Params
from fnn.network.tree import require_finite

T = TypeVar("T")

_SOFTPLUS = "max(z, 0) + log1p(exp(-abs(z)))"
FORMULAS: Final = {
    "identity": "z",
    "sigmoid": "1 / (1 + exp(-z))",
    "tanh": "tanh(z)",
    "relu": "max(z, 0)",
    "leaky_relu": "where(z > 0, z, p * z)",
    "elu": "where(z > 0, z, p * expm1(min(z, 0)))",
    "selu": "1.0507009873554805 * where(z > 0, z, 1.6732632423543772 * expm1(min(z, 0)))",
    "gelu": "z * cdf(z)",
    "gelu_tanh": "0.5 * z * (1 + tanh(0.7978845608028654 * (z + 0.044715 * z * z * z)))",
    "silu": "z / (1 + exp(-z))",
    "softplus": _SOFTPLUS,
    "softsign": "z / (1 + abs(z))",
    "mish": f"z * tanh({_SOFTPLUS})",
    "hard_tanh": "min(max(z, -1), 1)",
    "hard_sigmoid": "min(max(z / 6 + 0.5, 0), 1)",
    "relu6": "min(max(z, 0), 6)",
    "exp": "exp(z)",
    "sin": "sin(z)",
    "gaussian": "exp(-(z * z))",
}
ROWWISE: Final = ("softmax", "log_softmax")
INFIX: Final = {  # of `written`, in C and Python
    "+": "({} + {})", "-": "({} - {})", "*": "({} * {})", "/": "({} / {})", ">": "({} > {})", "negative": "(-{})",
}  # fmt: skip

_OPERATORS: Final[dict[type[ast.AST], str]] = {
    ast.Add: "+", ast.Sub: "-", ast.Mult: "*", ast.Div: "/", ast.Gt: ">", ast.USub: "negative",
}  # fmt: skip


def kinds_of(params: Params[Any], target: str) -> dict[Activation, str]:
    """A network's activations, with their names without parameters; TypeError or ValueError if it can't be exported."""
    require_finite("params", params)
    kinds = {}
    for layer, f in enumerate(params.activations, start=1):
        kind = f.name.partition("(")[0]
        if named(f.name) is not f:
            raise ValueError(f"params: layer {layer} has {f!r}; only built-in activations can be written as {target}")
        if kind not in FORMULAS and kind not in ROWWISE:
            raise ValueError(f"params: layer {layer} has {f!r}, which can't be written as {target}")
        kinds[f] = kind

    return kinds


def translated(f: Activation, kind: str, z: T, number: Callable[[float], T], apply: Callable[[str, list[T]], T]) -> T:
    """An elementwise activation's formula in a language, given its z, its numbers and its function application."""

    def fold(node: ast.expr) -> T:
        match node:
            case ast.Name(id="z"):
                return z
            case ast.Name(id="p"):
                return number(float(f.name.partition("(")[2].removesuffix(")")))
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

    return fold(ast.parse(FORMULAS[kind], mode="eval").body)


def written(f: Activation, kind: str, operations: Mapping[str, str], number: Callable[[float], str]) -> str:
    """The same in a language whose operations are format strings."""
    return translated(f, kind, "z", number, lambda name, of: operations[name].format(*of))


def literal(number: float, bits: int) -> str:
    """A decimal literal that reads back exactly, even if read as float64 and rounded to float32."""
    text = f"{number:.9g}" if bits == 32 else repr(number)

    return text if any(c in text for c in ".e") else f"{text}.0"


def lines_of(numbers: NDArray[Any], separator: str) -> str:
    """Literals of all numbers in row-major order, eight to a line."""
    literals = [literal(number, 8 * numbers.itemsize) for number in numbers.ravel().tolist()]
    lines = [separator.join(literals[start : start + 8]) for start in range(0, len(literals), 8)]

    return f"{separator.rstrip()}\n    ".join(lines)


def title_of(params: Params[Any]) -> str:
    """A one-line description of a network."""
    return f"{'-'.join(map(str, params.sizes))}, {', '.join(f.name for f in params.activations)}; {params.dtype}"
