"""Intrinsics for the bodies: calls of the kernels, and the parts of fnn's values.

A call takes whole arrays, not pointers: Numba frees an array after the last instruction that uses it, and that must be
the call.
"""

from collections.abc import Callable, Sequence
from typing import Any

from numba import types
from numba.core.imputils import impl_ret_borrowed, impl_ret_new_ref
from numba.extending import intrinsic
from numba.np.arrayobj import make_array, populate_array

from fnn.compiler.addresses import embedded
from fnn.compiler.inline import expression, with_parameters
from fnn.compiler.internals import IRBuilder, NumbaType, cgutils, ir
from fnn.compiler.linking import Linked, OnDemand
from fnn.losses.kernels.dispatch import KERNEL
from fnn.losses.loss import Loss
from fnn.njit import structures
from fnn.njit.kernels import entry_points as entry_points
from fnn.njit.kernels import forward_one as forward_one_kernels
from fnn.njit.kernels import optimize
from fnn.njit.structures import WORD, data_of, members_of, value_of
from fnn.njit.types import SPEC, ByLayerType, CasesType, OptimizerType, ParamsType, StateType

_PROBLEM = "params cases loss mean"  # arguments that make up a `Problem`


def _calling(link: Linked | OnDemand, names: str) -> Callable[..., Any]:
    """An intrinsic that calls a kernel; if that takes a `Problem`, the names start with its parts."""
    parts = len(_PROBLEM.split()) if names.startswith(_PROBLEM) else 0

    def call(typingctx: Any, *arguments: Any) -> Any:
        dtype = arguments[0].dtype
        signature = link.signature(dtype)
        kinds: Sequence[Any] = signature.args[1:] if parts else signature.args
        taken = [*arguments[:2], types.int64, types.boolean] if parts else []
        taken += [
            argument if isinstance(kind, types.NamedTuple | types.CPointer) else kind
            for kind, argument in zip(kinds, arguments[parts:], strict=True)
        ]

        def codegen(context: Any, builder: IRBuilder, _: Any, values: Any) -> Any:
            emitted = [structures.problem_of(context, builder, taken[:parts], values[:parts])] if parts else []
            for kind, argument, value in zip(kinds, taken[parts:], values[parts:], strict=True):
                if isinstance(argument, ParamsType):
                    value = structures.network_of(context, builder, argument, value)
                elif isinstance(argument, StateType):
                    value = structures.state_of(context, builder, kind, value)
                elif kind == optimize.state_type(dtype):
                    value = structures.structure_of(context, builder, kind, [None] * len(kind))
                elif isinstance(argument, OptimizerType):
                    value = structures.optimizer_words_of(context, builder, value)
                elif isinstance(kind, types.NamedTuple):
                    value = structures.matrix_of(context, builder, kind.types[0].dtype, argument, value)
                emitted.append(value)
            return link.emit(context, builder, dtype, emitted)

        return signature.return_type(*taken), codegen

    call.__name__ = link.function.__name__

    return intrinsic(with_parameters(call, names.split()))


workspace_size = _calling(entry_points.workspace_size, "params rows")
forward_one = _calling(forward_one_kernels.forward_one, "params x into workspace")
forward_many = _calling(entry_points.forward_many, "params x into workspace")
differentiate_all = _calling(entry_points.differentiate_all, f"{_PROBLEM} wanted into quantities workspace")
update_all = _calling(entry_points.update_all, "params grads eta into")
train_all = _calling(entry_points.train_all, f"{_PROBLEM} eta batch seed epochs history into")
input_gradient_all = _calling(entry_points.INPUT_GRADIENT, f"{_PROBLEM} into workspace")
vjp_all = _calling(entry_points.VJP, "params x u into inputs workspace")
begin_state = _calling(optimize.BEGIN, "params optimizer vectors size")
step_all = _calling(optimize.STEP, "params grads optimizer state into vectors")
optimize_all = _calling(optimize.OPTIMIZE, f"{_PROBLEM} optimizer phase state batch seed epochs history into vectors")


def _cases_type(x: NumbaType, y: NumbaType, weights: NumbaType) -> CasesType:
    """The type of cases whose label and weight, if there is one case, are converted."""
    return CasesType(
        x,
        types.int64 if isinstance(y, types.Integer | types.Boolean) else y,
        types.float64 if isinstance(weights, types.Number) else weights,
    )


@intrinsic
def new_cases(typingctx: Any, x: Any, y: Any, weights: Any) -> Any:
    """`fnn.Cases` of arrays as kernels take them, or of one case and its label and weight."""
    cases = _cases_type(x, y, weights)

    def codegen(context: Any, builder: IRBuilder, signature: Any, values: Any) -> Any:
        return value_of(context, builder, cases, x=values[0], y=values[1], weights=values[2])

    return cases(cases.x, cases.y, cases.weights), codegen


@intrinsic
def cases_of(typingctx: Any, x: Any, y: Any) -> Any:
    """The cases that two arguments of a call stand for: (cases, None) or (x, y)."""
    is_made = isinstance(x, CasesType)
    cases = x if is_made else _cases_type(x, y, types.none)

    def codegen(context: Any, builder: IRBuilder, signature: Any, values: Any) -> Any:
        if is_made:
            return impl_ret_borrowed(context, builder, cases, values[0])
        return value_of(context, builder, cases, x=values[0], y=values[1])

    return cases(x, y if is_made else cases.y), codegen


@intrinsic
def whole_or(typingctx: Any, value: Any, default: Any) -> Any:
    """A whole number, or the default for None."""
    is_given = not isinstance(value, types.NoneType)
    signature = types.int64(types.int64 if is_given else value, types.int64)
    return expression(signature, lambda builder, value, default: value if is_given else default)


@intrinsic
def loss_at(typingctx: Any, params: Any, loss: Any) -> Any:
    """The address of a loss's descriptor, which is a constant of the function that is being compiled.

    The loss's code becomes part of that function, too: loaded from the cache, it then needs nothing else, not even in a
    thread without Python's lock.
    """
    value: Loss = loss.loss

    def codegen(context: Any, builder: IRBuilder, signature: Any, values: Any) -> Any:
        words = [ir.Constant(WORD, word) for word in value.descriptor(0)]
        if value.kernel is not None:
            compiled, _ = value.compiled(params.dtype)
            code = embedded(context, builder, compiled, ir.FunctionType(ir.VoidType(), []))
            words[KERNEL] = code.ptrtoint(WORD)
        constant = cgutils.global_constant(
            builder, "fnn.losses.loss", ir.Constant(ir.ArrayType(WORD, len(words)), words)
        )
        return builder.ptrtoint(constant, WORD)

    return types.int64(params, loss), codegen


def _outputs(context: Any, builder: IRBuilder, params: ParamsType, value: Any) -> Any:
    """n_L."""
    spec = data_of(context, builder, SPEC, members_of(context, builder, params, value).spec)
    layers = builder.load(spec)

    return builder.load(cgutils.gep(builder, spec, builder.add(layers, ir.Constant(WORD, 1))))


@intrinsic
def outputs_of(typingctx: Any, params: Any) -> Any:
    """n_L."""

    def codegen(context: Any, builder: IRBuilder, signature: Any, values: Any) -> Any:
        return _outputs(context, builder, params, values[0])

    return types.int64(params), codegen


@intrinsic
def new_output(typingctx: Any, params: Any) -> Any:
    """A new vector of n_L elements, at the address 0 if there is no memory.

    `np.empty` would raise, and around what may raise Numba keeps superfluous atomic increments and decrements of
    reference counts: 25 ns in all.
    """
    vector = types.Array(params.dtype, 1, "C")

    def codegen(context: Any, builder: IRBuilder, signature: Any, values: Any) -> Any:
        count = _outputs(context, builder, params, values[0])
        itemsize = ir.Constant(WORD, params.dtype.bitwidth // 8)
        size, line = builder.mul(count, itemsize), ir.Constant(ir.IntType(32), 32)
        memory = context.nrt.meminfo_alloc_aligned_unchecked(builder, size=size, align=line)
        array = make_array(vector)(context, builder)
        is_null = cgutils.is_null(builder, memory)
        data = cgutils.alloca_once_value(builder, ir.Constant(context.get_data_type(params.dtype).as_pointer(), None))
        with builder.if_then(builder.not_(is_null), likely=True):
            start = context.nrt.meminfo_data(builder, memory)
            builder.store(builder.bitcast(start, array.data.type), data)
        populate_array(
            array, data=builder.load(data), shape=[count], strides=[itemsize], itemsize=itemsize, meminfo=memory
        )
        return impl_ret_new_ref(context, builder, vector, array._getvalue())

    return vector(params), codegen


def _by_layer(first: int) -> Callable[..., Any]:
    def by_layer(typingctx: Any, params: Any, x: Any, values: Any, cases: Any) -> Any:
        """A quantity of each layer from `first` on, in a vector that has a place for all layers."""
        kind = ByLayerType(params.dtype, x.ndim, first)

        def codegen(context: Any, builder: IRBuilder, signature: Any, arguments: Any) -> Any:
            spec = members_of(context, builder, params, arguments[0]).spec
            return value_of(context, builder, kind, values=arguments[2], spec=spec, cases=arguments[3])

        return kind(params, x, kind.values, types.int64), codegen

    return intrinsic(by_layer)


from_input, from_first_layer = _by_layer(0), _by_layer(1)


@intrinsic
def with_flat(typingctx: Any, params: Any, flat: Any) -> Any:
    """Params of the same architecture around a vector, which must not be written to afterwards."""

    def codegen(context: Any, builder: IRBuilder, signature: Any, values: Any) -> Any:
        spec = members_of(context, builder, params, values[0]).spec
        return value_of(context, builder, params, flat=values[1], spec=spec)

    return params(params, types.Array(params.dtype, 1, "C")), codegen
