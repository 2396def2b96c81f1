"""Float formats for `fnn.numerics.elementary`: constants, polynomials, and the exponent's bits.

One source serves float32 and float64; only the table of constants differs. The polynomials are minimax fits (Remez
exchange in 60-digit arithmetic) made for this table.
"""

import math
from collections.abc import Iterator, Mapping
from typing import Any, Final, NamedTuple

import numpy as np
from numba import typeof, types

from fnn.compiler.inline import intrinsic
from fnn.compiler.internals import IRBuilder, IRValue, NumbaType, TypingError, cgutils, ir

_I32: Final = ir.IntType(32)


class _Constants(NamedTuple):
    """Constants of the formulas for a float format."""

    zero: Any
    one: Any
    two: Any
    half: Any
    inf: Any
    nan: Any
    log2_e: Any
    ln2: Any
    ln2_rest: Any  # ln 2 - ln2
    shift: Any  # x + shift rounds x to an integer n, and the low bits of the sum are those of the exponent field of 2ⁿ
    exp_low: Any  # below it exp is 0
    exp_high: Any  # above it exp is inf
    saturated: Any  # above it tanh and the sigmoid are 1
    unit: Any  # 2⁻ᵏ, with which 2ⁿ⁻ᵏ is a normal number even if 2⁻ⁿ isn't
    lowered: Any  # shift - k
    tiny: Any  # the smallest normal number
    widen: Any  # a power of two that makes every subnormal number normal
    widen_log2: Any
    exp: Any  # (eʳ - 1 - r)/r² for |r| ≤ ½ ln 2
    log: Any  # (log((1+s)/(1-s)) - 2s)/s³ in powers of s², for |s| ≤ 3 - 2√2


def _constants_of(
    dtype: type[np.floating[Any]], ln2_rest: float, exp: tuple[float, ...], log: tuple[float, ...]
) -> _Constants:
    """Fill the table from the format's own limits."""
    info = np.finfo(dtype)
    bits, bias = int(info.nmant), int(info.maxexp) - 1
    return _Constants(
        zero=dtype(0),
        one=dtype(1),
        two=dtype(2),
        half=dtype(0.5),
        inf=dtype(math.inf),
        nan=dtype(math.nan),
        log2_e=dtype(1 / math.log(2)),
        ln2=dtype(math.log(2)),
        ln2_rest=dtype(ln2_rest),
        shift=dtype(1.5 * 2.0**bits + bias),
        exp_low=dtype(-(bias + bits + 1) * math.log(2)),
        exp_high=dtype((bias + 1.5) * math.log(2)),
        saturated=dtype(bits),
        unit=dtype(2.0 ** -(bits + 1)),
        lowered=dtype(1.5 * 2.0**bits + bias - (bits + 1)),
        tiny=info.tiny,
        widen=dtype(2.0 ** (bits + 1)),
        widen_log2=dtype(bits + 1),
        exp=tuple(map(dtype, exp)),
        log=tuple(map(dtype, log)),
    )


TABLE = {
    types.float32: _constants_of(
        np.float32,
        ln2_rest=-1.9046542999577679e-09,
        exp=(0.5, 0.16666533, 0.04166724, 0.008367542, 0.0013863727),
        log=(0.66666776, 0.39977494, 0.2987308),
    ),
    types.float64: _constants_of(
        np.float64,
        ln2_rest=2.3190468138462996e-17,
        exp=(
            0.5, 0.16666666666666433, 0.0416666666666035, 0.008333333333501246, 0.0013888888927005444,
            0.00019841269464191942, 2.4801508393163327e-05, 2.755764201028057e-06, 2.7625311817098073e-07,
            2.497825672351254e-08,
        ),
        log=(
            0.6666666666666735, 0.3999999999941109, 0.2857142874326311, 0.22222198475955793, 0.18183569740750333,
            0.15313903236527934, 0.1479750769215265,
        ),
    ),
}  # fmt: skip


def _require_float(x: NumbaType) -> None:
    if x not in TABLE:
        raise TypingError(f"needs float32 or float64, got {x}")


def constant_of(x: types.Float, tables: Mapping[types.Float, tuple[Any, ...]], name: str) -> Any:
    """Typing and code of the table for the type of x; no other table may have its name.

    The numbers are read from memory that LLVM takes for unchanged but not for known. It then reads them before a loop;
    numbers that it knows, it reads anew for each vector: 10 instead of 8 cycles for a vector of sigmoids.
    """
    _require_float(x)
    table, values = typeof(tables[x]), [*_numbers(tables[x])]

    def codegen(context: Any, builder: IRBuilder, signature: Any, arguments: Any) -> IRValue:
        kind = ir.ArrayType(context.get_value_type(x), len(values))
        known = builder.module.globals.get(f"{name}.{x}")
        memory = known or ir.GlobalVariable(builder.module, kind, f"{name}.{x}")
        memory.linkage, memory.initializer = "linkonce_odr", ir.Constant(kind, [float(value) for value in values])
        unchanged, places = builder.module.add_metadata([]), iter(range(len(values)))

        def read(part: types.Type) -> IRValue:
            if isinstance(part, types.BaseTuple):
                return context.make_tuple(builder, part, [read(item) for item in part])
            value = builder.load(builder.gep(memory, [_I32(0), _I32(next(places))]))
            value.set_metadata("invariant.load", unchanged)
            return value

        return read(table)

    return table(x), codegen


def _numbers(values: tuple[Any, ...]) -> Iterator[Any]:
    """The numbers of a table, in order."""
    for value in values:
        yield from _numbers(value) if isinstance(value, tuple) else [value]


@intrinsic
def constants(typingctx: Any, x: types.Float) -> Any:
    """The table for the type of x."""
    return constant_of(x, TABLE, "fnn.formats")


@intrinsic
def polynomial(typingctx: Any, x: types.Float, coefficients: NumbaType) -> Any:
    """Estrin's scheme, constant term first: neighbours are joined by x, then by x², by x⁴, ..

    Horner's rule takes two operations less, but each waits for the one before it: 6 ns more in a layer of few units.
    """
    _require_float(x)

    def codegen(context: Any, builder: IRBuilder, signature: Any, arguments: Any) -> IRValue:
        power, terms = arguments[0], cgutils.unpack_tuple(builder, arguments[1])
        while True:
            pairs = zip(terms[::2], terms[1::2], strict=False)
            terms = [builder.fma(high, power, low) for low, high in pairs] + terms[len(terms) // 2 * 2 :]
            if len(terms) == 1:
                return terms[0]
            power = builder.fmul(power, power)

    return x(x, coefficients), codegen


@intrinsic
def power_of_two(typingctx: Any, shifted: types.Float) -> Any:
    """2ⁿ from n + shift."""
    _require_float(shifted)
    mantissa = np.finfo(TABLE[shifted].one).nmant

    def codegen(context: Any, builder: IRBuilder, signature: Any, arguments: Any) -> IRValue:
        word = ir.IntType(shifted.bitwidth)
        bits = builder.bitcast(arguments[0], word)
        return builder.bitcast(builder.shl(bits, ir.Constant(word, mantissa)), arguments[0].type)

    return shifted(shifted), codegen


@intrinsic
def split(typingctx: Any, x: types.Float) -> Any:
    """k and m with x = 2ᵏ·m and √½ ≤ m < √2, for normal x > 0."""
    _require_float(x)
    one = TABLE[x].one
    info = np.finfo(one)
    integer = np.dtype(f"i{one.itemsize}")
    lowest = int(np.sqrt(one / 2).view(integer))
    # An integer put into the mantissa of 2**nmant reads as a float: AVX2 cannot convert 64-bit integers.
    offset = one.dtype.type(2.0**info.nmant)

    def codegen(context: Any, builder: IRBuilder, signature: Any, arguments: Any) -> IRValue:
        float_type, word = arguments[0].type, ir.IntType(x.bitwidth)
        moved = builder.add(builder.bitcast(arguments[0], word), ir.Constant(word, int(one.view(integer)) - lowest))
        exponent = builder.lshr(moved, ir.Constant(word, info.nmant))
        k = builder.bitcast(builder.or_(exponent, ir.Constant(word, int(offset.view(integer)))), float_type)
        k = builder.fsub(k, ir.Constant(float_type, float(offset) + info.maxexp - 1))
        mantissa = builder.and_(moved, ir.Constant(word, 2**info.nmant - 1))
        m = builder.bitcast(builder.add(mantissa, ir.Constant(word, lowest)), float_type)
        return context.make_tuple(builder, signature.return_type, (k, m))

    return types.UniTuple(x, 2)(x), codegen
