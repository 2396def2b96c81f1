"""The scalar kernels of activations in C: the same operations in the same order, and so the same bits.

Such a kernel is straight-line Python: assignments, arithmetic, comparisons, conditional values, and calls of functions
of the same form, down to a few intrinsics. Every operation becomes a statement of its own, and functions that are
called become part of the one that calls them. C compilers must neither contract nor reorder the operations.
"""

from __future__ import annotations

import ast
import inspect
import math
import operator
import re
from collections.abc import Callable, Mapping, Sequence
from string import Template
from textwrap import dedent, indent
from typing import Any, Final, TypeAlias

import numpy as np
from numba import types

from fnn.compiler.inline import Inline
from fnn.compiler.intrinsics import fma, like
from fnn.numerics.float_formats import TABLE, constants, polynomial, power_of_two, split
from fnn.numerics.special import SPECIAL, special

# What an expression stands for: a C variable, by its name; a number; a function or a table; or a tuple of these.
Value: TypeAlias = Any

_OPERATORS: Final[dict[type[ast.AST], tuple[str, Callable[[Any, Any], Any]]]] = {
    ast.Add: ("+", operator.add), ast.Sub: ("-", operator.sub), ast.Mult: ("*", operator.mul),
    ast.Div: ("/", operator.truediv), ast.BitAnd: ("&", operator.and_), ast.Lt: ("<", operator.lt),
    ast.Gt: (">", operator.gt), ast.LtE: ("<=", operator.le), ast.GtE: (">=", operator.ge),
    ast.Eq: ("==", operator.eq), ast.NotEq: ("!=", operator.ne),
}  # fmt: skip
_TRUTHS: Final = (ast.BitAnd, ast.cmpop)  # operators whose result is a truth value

_ONE: Final = np.float32(1)
_BITS_OF_ONE, _LOWEST = (int(x.view(np.int32)) for x in (_ONE, np.sqrt(_ONE / 2)))  # those of √½, as in `split`
HELPERS: Final = Template("""\
static inline float ${name}_power_of_two(float shifted) { /* 2^n, of n + 12583039 */
    uint32_t bits;
    memcpy(&bits, &shifted, 4);
    bits <<= 23;
    memcpy(&shifted, &bits, 4);
    return shifted;
}

static inline float ${name}_exponent(float x) { /* k with x = 2^k m, 0.7071 <= m < 1.4143 */
    uint32_t bits;
    memcpy(&bits, &x, 4);
    return (float)((int)((bits + $moved) >> 23) - 127);
}

static inline float ${name}_mantissa(float x) { /* m */
    uint32_t bits;
    memcpy(&bits, &x, 4);
    bits = ((bits + $moved) & 0x7fffff) + $lowest;
    memcpy(&x, &bits, 4);
    return x;
}
""").safe_substitute(moved=f"{_BITS_OF_ONE - _LOWEST}u", lowest=f"{_LOWEST}u")


def scalar_in_c(name: str, scalar: Callable[..., float], *parameters: float) -> str:
    """A scalar kernel as a C function of one float; further parameters of the kernel become constants.

    What `HELPERS` defines is called ``${name}_..``.
    """
    body = _Body()
    result = _text(body.call(scalar, ["z", *map(np.float32, parameters)]))
    lines = "\n".join([*body.lines_for(result), f"return {result};"])

    return f"static inline float {name}(float z) {{\n{indent(lines, '    ')}\n}}\n"


class _Body:
    """The statements of a C function, each of which gives a value a name."""

    def __init__(self) -> None:
        self._names: dict[tuple[str, str], str] = {}  # of kinds and expressions
        self._intrinsics: dict[object, Callable[..., Value]] = {
            fma: self._fma,
            like: lambda _, x: np.float32(x),
            constants: lambda _: TABLE[types.float32],
            special: lambda _: SPECIAL[types.float32],
            polynomial: self._polynomial,
            power_of_two: lambda x: self._new(f"${{name}}_power_of_two({_text(x)})"),
            split: lambda x: tuple(self._new(f"${{name}}_{part}({_text(x)})") for part in ("exponent", "mantissa")),
            abs: lambda x: self._new(f"fabsf({_text(x)})"),
            math.copysign: lambda x, y: self._new(f"copysignf({_text(x)}, {_text(y)})"),
        }

    def _new(self, expression: str, kind: str = "float") -> str:
        """The variable for the value of an expression."""
        return self._names.setdefault((kind, expression), f"t{len(self._names)}")

    def lines_for(self, result: str) -> list[str]:
        """The statements, without those that a result doesn't need."""
        needed, lines = {result}, []
        for (kind, expression), name in reversed(self._names.items()):
            if name in needed:
                needed.update(re.findall(r"\bt\d+\b", expression))
                lines.append(f"const {kind} {name} = {expression};")

        return lines[::-1]

    def _fma(self, a: Value, b: Value, c: Value) -> str:
        return self._new(f"fmaf({_text(a)}, {_text(b)}, {_text(c)})")

    def _polynomial(self, x: Value, coefficients: Sequence[Value]) -> Value:
        power, terms = x, list(coefficients)
        while True:
            pairs = zip(terms[::2], terms[1::2], strict=False)
            terms = [self._fma(high, power, low) for low, high in pairs] + terms[len(terms) // 2 * 2 :]
            if len(terms) == 1:
                return terms[0]
            power = self._new(f"{power} * {power}")

    def call(self, function: Any, arguments: Sequence[Value]) -> Value:
        """What a function returns, with its statements written."""
        if function in self._intrinsics:
            return self._intrinsics[function](*arguments)
        python = function.function if isinstance(function, Inline) else function
        definition = ast.parse(dedent(inspect.getsource(python))).body[0]
        assert isinstance(definition, ast.FunctionDef)
        names = dict(zip((parameter.arg for parameter in definition.args.args), arguments, strict=True))
        scope = {**vars(math), "abs": abs, **python.__globals__}
        for statement in definition.body:
            match statement:
                case ast.Return(value=ast.expr() as value):
                    return self._value(value, names, scope)
                case ast.Assign(targets=[ast.Name(id=key)], value=value):
                    names[key] = self._value(value, names, scope)
                case ast.Assign(targets=[ast.Tuple(elts=targets)], value=value):
                    names |= zip(map(ast.unparse, targets), self._value(value, names, scope), strict=True)
                case ast.AugAssign(target=ast.Name(id=key), op=op, value=value):
                    names[key] = self._apply(op, names[key], self._value(value, names, scope))
                case ast.Expr(value=ast.Constant()):  # the docstring
                    continue
                case _:
                    raise AssertionError(ast.unparse(statement))
        raise AssertionError(ast.unparse(definition))

    def _value(self, node: ast.expr, names: Mapping[str, Value], scope: Mapping[str, Any]) -> Value:
        """What an expression stands for, with its statements written."""

        def value(part: ast.expr) -> Value:
            return self._value(part, names, scope)

        match node:
            case ast.Constant(value=number):
                return number
            case ast.Name(id=key):
                return names[key] if key in names else scope[key]
            case ast.Attribute(value=owner, attr=key):
                return getattr(value(owner), key)
            case ast.Subscript(value=owner, slice=index):
                return value(owner)[value(index)]
            case ast.Tuple(elts=parts):
                return tuple(map(value, parts))
            case ast.UnaryOp(op=ast.USub(), operand=operand):
                x = value(operand)
                return self._new(f"-{x}") if isinstance(x, str) else -x
            case ast.BinOp(left=left, op=op, right=right):
                return self._apply(op, value(left), value(right))
            case ast.Compare(left=left, ops=[op], comparators=[right]):
                return self._apply(op, value(left), value(right))
            case ast.IfExp(test=test, body=yes, orelse=no):
                return self._select(value(test), value(yes), value(no))
            case ast.Call(func=function, args=arguments):
                return self.call(value(function), list(map(value, arguments)))
        raise AssertionError(ast.unparse(node))

    def _apply(self, op: ast.operator | ast.cmpop, x: Value, y: Value) -> Value:
        """An operation; one of two numbers is done now."""
        sign, compute = _OPERATORS[type(op)]
        if not isinstance(x, str) and not isinstance(y, str):
            return compute(x, y)

        return self._new(f"{_text(x)} {sign} {_text(y)}", "int" if isinstance(op, _TRUTHS) else "float")

    def _select(self, condition: Value, yes: Value, no: Value) -> Value:
        if isinstance(yes, tuple):
            return tuple(self._select(condition, a, b) for a, b in zip(yes, no, strict=True))

        return self._new(f"{condition} ? {_text(yes)} : {_text(no)}")


def _text(x: Value) -> str:
    """A variable's name, or a literal of a float."""
    if isinstance(x, str):
        return x
    if not math.isfinite(x):
        return "NAN" if math.isnan(x) else "INFINITY" if x > 0 else "(-INFINITY)"
    text = f"{np.float32(x):.9g}"
    text = text if any(c in text for c in ".e") else f"{text}.0"

    return f"({text}f)" if text[0] == "-" else f"{text}f"
