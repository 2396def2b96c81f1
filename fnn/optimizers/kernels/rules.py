"""The optimizers' rules: the new parameter w and its new state, given the gradient g and the coefficients of the step.

To add one: a scalar function here, and its coefficients in `fnn.optimizers.library`. It takes w, g, `states` numbers of
state, and then the coefficients, by the names that they have there; it returns the new w and the new state. It is
compiled for a dtype on first use, and reached through its address.
"""

import math
from collections.abc import Callable
from typing import Any, Final

import numpy as np
from numba import types

from fnn.compiler.inline import inline, intrinsic
from fnn.compiler.internals import ir
from fnn.compiler.intrinsics import Floats, fma, like, shift
from fnn.compiler.linking import OnDemand
from fnn.numerics.elementary import sign
from fnn.numerics.float_formats import constant_of

MAX_RULE_COEFFICIENTS: Final = 8  # of a rule
_LIMITS: Final = {
    types.float32: (np.finfo(np.float32).max, np.float32(2.0**64 - 2.0**40)),
    types.float64: (np.finfo(np.float64).max, np.float64(2.0**512 - 2.0**459)),
}  # the greatest number, and the greatest whose square isn't beyond it


def rule_type(t: types.Float) -> Any:
    """The signature of a compiled rule: w, g, state, its stride, the coefficients, keep, the number of parameters."""
    p, i = types.CPointer(t), types.int64

    return types.void(p, p, p, i, p, t, i)


class Rule(OnDemand):
    """A rule for whole vectors."""

    def __init__(self, scalar: Callable[..., Any], states: int) -> None:
        code = scalar.__code__
        self.states = states  # vectors of state
        self.coefficients = code.co_varnames[2 + states : code.co_argcount]  # their names, in order
        kernel = _lifted(scalar, states, len(self.coefficients))
        kernel.__qualname__ = f"{scalar.__name__}.{kernel.__name__}"  # its name in the cache on disk
        super().__init__(kernel, rule_type)


def rule(states: int) -> Callable[[Callable[..., Any]], Rule]:
    """Make a rule of a scalar function that has `states` numbers of state."""
    return lambda scalar: Rule(scalar, states)


def _first(count: int) -> Any:
    """A function that loads `count` coefficients: once, before the loop, or LLVM would not vectorise it."""

    @intrinsic
    def load(typingctx: Any, p: Any) -> Any:
        def codegen(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
            places = [builder.gep(arguments[0], [ir.Constant(ir.IntType(64), i)]) for i in range(count)]
            return context.make_tuple(builder, signature.return_type, [builder.load(place) for place in places])

        return types.UniTuple(p.dtype, count)(p), codegen

    return load


def _lifted(scalar: Callable[..., Any], states: int, count: int) -> Callable[..., None]:
    """The rule for `count` parameters in a row; the vectors of state lie `stride` apart.

    Decoupled decay is the same for all rules: they take keep · w, which is w where keep is 1.
    """
    f, load = inline(scalar), _first(count)

    def stateless(w: Floats, g: Floats, s: Floats, stride: int, coefficients: Floats, keep: float, number: int) -> None:
        c = load(coefficients)
        for i in range(number):
            w[i] = f(keep * w[i], g[i], *c)

    def with_one(w: Floats, g: Floats, s: Floats, stride: int, coefficients: Floats, keep: float, number: int) -> None:
        c = load(coefficients)
        for i in range(number):
            w[i], s[i] = f(keep * w[i], g[i], s[i], *c)

    def with_two(w: Floats, g: Floats, s: Floats, stride: int, coefficients: Floats, keep: float, number: int) -> None:
        c, s_2 = load(coefficients), shift(s, stride)
        for i in range(number):
            w[i], s[i], s_2[i] = f(keep * w[i], g[i], s[i], s_2[i], *c)

    def with_three(
        w: Floats, g: Floats, s: Floats, stride: int, coefficients: Floats, keep: float, number: int
    ) -> None:
        c, s_2, s_3 = load(coefficients), shift(s, stride), shift(s, 2 * stride)
        for i in range(number):
            w[i], s[i], s_2[i], s_3[i] = f(keep * w[i], g[i], s[i], s_2[i], s_3[i], *c)

    return (stateless, with_one, with_two, with_three)[states]


@rule(states=0)
def gradient_descent(w: float, g: float, eta: float) -> float:
    """G1: w ← w − η g."""
    return fma(-eta, g, w)


@rule(states=1)
def momentum(w: float, g: float, delta: float, eta: float, alpha: float) -> tuple[float, float]:
    """Δ ← −η g + α Δ;  w ← w + Δ."""
    delta = fma(alpha, delta, -eta * g)
    return w + delta, delta


@rule(states=1)
def nesterov(w: float, g: float, delta: float, eta: float, alpha: float) -> tuple[float, float]:
    """Δ ← −η g + α Δ;  w ← w − η g + α Δ."""
    step = -eta * g
    delta = fma(alpha, delta, step)
    return w + fma(alpha, delta, step), delta


@intrinsic
def limits(typingctx: Any, x: types.Float) -> Any:
    """The greatest number of the type of x, and the greatest whose square isn't beyond it."""
    return constant_of(x, _LIMITS, "fnn.rules")


@inline
def squarable(g: float) -> float:
    """g, but of what is finite and has no finite square the nearest number that has one."""
    greatest, root = limits(g)
    return math.copysign(root, g) if (g * g > greatest) & (abs(g) <= greatest) else g


@inline
def within(x: float) -> float:
    """x ≥ 0, at most the greatest number: where sums of squares overflow."""
    greatest, _ = limits(x)
    return greatest if x > greatest else x


@inline
def known_by(w: float, state: float) -> float:
    """w, but NaN where the state isn't finite, which a rule that uses signs alone would hide."""
    greatest, _ = limits(w)
    return w if abs(state) <= greatest else state - state


@inline
def average(old: float, new: float, keep: float, take: float) -> float:
    """Keep · old + take · new, where keep + take = 1."""
    return fma(keep, old, take * new)


@inline
def average_square(old: float, x: float, keep: float, take: float) -> float:
    """Keep · old + take · x²."""
    return within(average(old, x * x, keep, take))


@rule(states=2)
def adam(
    w: float, g: float, m: float, v: float,
    eta: float, beta_1: float, rest_1: float, beta_2: float, rest_2: float, root: float, epsilon: float,
) -> tuple[float, float, float]:  # fmt: skip
    """m ← β₁m + (1 − β₁) g;  v ← β₂v + (1 − β₂) g²;  w ← w − eta m / (root · √v + ε).

    eta is η / (1 − β₁ᵗ) and root √(1 / (1 − β₂ᵗ)): the bias correction is in the coefficients of `library.adam`.
    """
    g = squarable(g)
    m, v = average(m, g, beta_1, rest_1), average_square(v, g, beta_2, rest_2)
    return w - eta * m / fma(root, math.sqrt(v), epsilon), m, v


@rule(states=2)
def nadam(
    w: float, g: float, m: float, v: float, eta_m: float, eta_g: float,
    beta_1: float, rest_1: float, beta_2: float, rest_2: float, root: float, epsilon: float,
) -> tuple[float, float, float]:  # fmt: skip
    """m ← β₁m + (1 − β₁) g;  v ← β₂v + (1 − β₂) g²;  w ← w − (η_m m + η_g g) / (root · √v + ε)."""
    g = squarable(g)
    m, v = average(m, g, beta_1, rest_1), average_square(v, g, beta_2, rest_2)
    return w - fma(eta_m, m, eta_g * g) / fma(root, math.sqrt(v), epsilon), m, v


@rule(states=3)
def amsgrad(
    w: float, g: float, m: float, v: float, greatest: float,
    eta: float, beta_1: float, rest_1: float, beta_2: float, rest_2: float, root: float, epsilon: float,
) -> tuple[float, float, float, float]:  # fmt: skip
    """As Adam with the greatest v so far:  w ← w − η m / (root · √max v + ε)."""
    g = squarable(g)
    m, v = average(m, g, beta_1, rest_1), average_square(v, g, beta_2, rest_2)
    greatest = v if v > greatest else greatest
    return w - eta * m / fma(root, math.sqrt(greatest), epsilon), m, v, greatest


@rule(states=1)
def rmsprop(w: float, g: float, v: float, eta: float, rho: float, rest: float, epsilon: float) -> tuple[float, float]:
    """v ← ρv + (1 − ρ) g²;  w ← w − η g / (√v + ε)."""
    g = squarable(g)
    v = average_square(v, g, rho, rest)
    return w - eta * g / (math.sqrt(v) + epsilon), v


@rule(states=1)
def adagrad(w: float, g: float, v: float, eta: float, epsilon: float) -> tuple[float, float]:
    """v ← v + g²;  w ← w − η g / (√v + ε)."""
    g = squarable(g)
    v = within(fma(g, g, v))
    return w - eta * g / (math.sqrt(v) + epsilon), v


@rule(states=2)
def adadelta(
    w: float, g: float, v: float, u: float, eta: float, rho: float, rest: float, epsilon: float
) -> tuple[float, float, float]:
    """v ← ρv + (1 − ρ) g²;  Δ = √(u + ε) / √(v + ε) · g;  u ← ρu + (1 − ρ) Δ²;  w ← w − η Δ."""
    g = squarable(g)
    v = average_square(v, g, rho, rest)
    delta = math.sqrt(u + epsilon) / math.sqrt(v + epsilon) * g
    return fma(-eta, delta, w), v, average_square(u, delta, rho, rest)


@rule(states=1)
def lion(
    w: float, g: float, m: float, eta: float, beta_1: float, rest_1: float, beta_2: float, rest_2: float
) -> tuple[float, float]:
    """w ← w − η sign(β₁m + (1 − β₁) g);  m ← β₂m + (1 − β₂) g."""
    w, m = fma(-eta, sign(average(m, g, beta_1, rest_1)), w), average(m, g, beta_2, rest_2)
    return known_by(w, m), m


@rule(states=2)
def irprop(
    w: float, g: float, last: float, size: float, increase: float, decrease: float, smallest: float, largest: float
) -> tuple[float, float, float]:
    """Size ← size · increase or decrease, as g has the last one's sign or the other;  w ← w − sign(g) size.

    Where the sign has changed, g counts as 0, in this step and as the last one of the next.
    """
    agreement = sign(g) * sign(last)  # the product of the two might underflow
    zero = like(g, 0.0)
    larger, smaller = size * increase, size * decrease
    larger = larger if larger < largest else largest
    smaller = smaller if smaller > smallest else smallest
    size = larger if agreement > zero else smaller if agreement < zero else size
    g = zero if agreement < zero else g
    return known_by(fma(-sign(g), size, w), g), g, size
