"""`forward` for one case: the same bits as for many cases, without a layout and mostly without a workspace."""

from collections.abc import Callable, Sequence
from typing import Any

from numba import types

from fnn.activations.kernels.dispatch import activate
from fnn.compiler.inline import inline, intrinsic
from fnn.compiler.internals import IRBuilder, IRValue, cgutils
from fnn.compiler.intrinsics import Floats, Integers, like, shift
from fnn.compiler.kernel import kernel
from fnn.compiler.memory import STACK, on_stack
from fnn.compiler.plain_arrays import PlainArray, given, written
from fnn.compiler.target import Machine, constant, machine, panel_width, vector_width
from fnn.data.kernels.cases import copy
from fnn.data.kernels.finite import is_finite
from fnn.network.kernels.plan import rounded
from fnn.network.kernels.spec import Network, activation_of, size_of
from fnn.numerics.microkernel import BIAS, STORE
from fnn.numerics.simd import Vectors, number, repeat
from fnn.numerics.tile import tile


def _vectors_of_z(count: Callable[[Machine], int], *, whole: bool) -> Callable[..., Any]:
    """An intrinsic: z[j] = b[j] + Σ_k a[k] W[k,j] for as many vectors of j, if not `whole` for `columns` of them.

    The chains of fma are those of a tile. But a tile stores part of a vector, and to read that again takes 20 cycles;
    this stores all of it.
    """

    def vectors_of_z(typingctx: Any, inputs: Any, a: Any, w: Any, units: Any, columns: Any, b: Any, z: Any) -> Any:
        def codegen(context: Any, builder: IRBuilder, signature: Any, arguments: Any) -> Any:
            inputs, a, w, units, columns, b, z = arguments
            dtype = signature.args[1].dtype
            vectors = Vectors(context, builder, dtype)
            starts = [number(vectors.lanes * i) for i in range(count(machine(context, dtype)))]
            masks = [] if whole else [vectors.first(builder.sub(columns, start)) for start in starts]

            def row(p: IRValue) -> list[IRValue]:
                places = [cgutils.gep(builder, p, start) for start in starts]
                if whole:
                    return [vectors.load(place) for place in places]
                return [vectors.masked_load(place, mask) for place, mask in zip(places, masks, strict=True)]

            def longer(totals: Sequence[IRValue], a: IRValue, w: IRValue) -> list[IRValue]:
                x = vectors.splat(builder.load(a))
                return [vectors.fma(x, part, total) for part, total in zip(row(w), totals, strict=True)]

            totals = repeat(builder, inputs, 1, longer, [(a, number(1)), (w, units)], row(b))
            for start, total in zip(starts, totals, strict=True):
                vectors.store(total, cgutils.gep(builder, z, start))
            return context.get_dummy_value()

        i = types.int64
        return types.void(i, a, w, i, i, b, z), codegen

    return intrinsic(vectors_of_z)


def _many(machine: Machine) -> int:
    """Vectors of W's row that are read in one piece: 16 by AVX-512, whose sums leave registers for the rest.

    Where W is larger than a core's cache, the time is that of reading it, and the more of a row is read at once, the
    better it is foreseen: 784-512-512-10, of 2.6 MB, takes 31 µs by tiles, of eight vectors, and 23 by these; a sum of
    all its numbers takes 21 (`python -m tests.benchmarks --only calls`).
    """
    return machine.rows + 4


_one_vector = _vectors_of_z(lambda _: 1, whole=False)
_two_vectors = _vectors_of_z(lambda _: 2, whole=False)
_many_vectors = _vectors_of_z(_many, whole=True)


@intrinsic
def _many_columns(typingctx: Any, p: types.CPointer) -> Any:
    """The columns of `_many_vectors`."""
    return constant(p, lambda machine: _many(machine) * machine.lanes)


@kernel(lambda t: types.boolean(given(types.int64), given(t), given(t), written(t)))
def forward_one_kernel(
    spec: PlainArray[Integers], flat: PlainArray[Floats], x: PlainArray[Floats], into: PlainArray[Floats]
) -> bool:
    """Whether x is finite, no layer too wide for the stack, and all arrays plain; only then are the outputs written."""
    network = Network(spec.at, flat.at)
    if flat.dimensions != 1 or x.dimensions != 1 or into.dimensions != 1:
        return False
    stride, layers = row_stride(network), network.spec[0]
    if x.columns != size_of(network.spec, 0) or into.columns != size_of(network.spec, layers):
        return False
    if 3 * stride > STACK or not is_finite(x.at, x.columns):
        return False
    through_layers(network, x.at, into.at, on_stack(x.at), stride)
    return True


@inline
def row_stride(network: Network) -> int:
    """Elements of a row of work memory: the largest layer's, not counting the inputs, in whole panels."""
    most = 0
    for layer in range(1, network.spec[0] + 1):
        most = max(most, size_of(network.spec, layer))
    return rounded(most, panel_width(network.flat))


@inline
def through_layers(network: Network, x: Floats, into: Floats, space: Floats, stride: int) -> None:
    """F1 and F2 of all layers, in three rows of work memory: z, and the a of two layers."""
    a, w, inputs = x, network.flat, size_of(network.spec, 0)
    for layer in range(1, network.spec[0] + 1):
        units = size_of(network.spec, layer)
        z, result = shift(space, 2 * stride), shift(space, layer % 2 * stride)
        weighted_inputs(inputs, units, a, w, z)
        activate(activation_of(network.spec, layer), z, result, 1, units, rounded(units, vector_width(z)))
        a, w, inputs = result, shift(w, (inputs + 1) * units), units
    copy(a, into, inputs)


@inline
def weighted_inputs(inputs: int, units: int, a: Floats, w: Floats, z: Floats) -> None:
    """F1 for one case, with the parameters of a layer in the order of `Params`."""
    b, panel, many, j = shift(w, inputs * units), panel_width(z), _many_columns(z), 0
    if units <= vector_width(z):
        _one_vector(inputs, a, w, units, units, b, z)
        return
    if units <= panel:
        _two_vectors(inputs, a, w, units, units, b, z)
        return
    while units - j >= many:
        _many_vectors(inputs, a, shift(w, j), units, many, shift(b, j), shift(z, j))
        j += many
    while j < units:
        tile(
            1, 1, inputs, a, 0, 1, shift(w, j), panel, units, shift(z, j), panel, panel, BIAS, shift(b, j), STORE,
            like(z, 0.0), min(4 * panel, units - j), w, 0,
        )  # fmt: skip
        j += 4 * panel
