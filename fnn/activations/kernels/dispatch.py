"""How activations are reached: through addresses, so that only those that a network has are ever compiled.

The other kernels know an activation by four numbers: a code, the addresses of its two kernels, and a parameter such as
the slope of a leaky relu. The two kernels are F2, A = f(Z), and B1, Δ = ∂E/∂A ⊙ f′(Z), for a block of cases, whose rows
are `stride` apart. A call through an address costs 2 ns, which the plain case gets back from what it need not look at.

Derivatives along a direction need two more, in place of those: R2, R{A}, and what R4 adds to R{Δ} (see
`fnn.equations.kernels.directional`).
"""

from collections.abc import Callable
from typing import Any, Final

from llvmlite import ir
from numba import types
from numba.core.compiler_lock import global_compiler_lock

from fnn.compiler.intrinsics import Floats
from fnn.compiler.linking import NumbaSignature, address_of
from fnn.compiler.options import intrinsic

CODE, ACTIVATE, MULTIPLY, PARAMETER = range(4)  # the parameter: the bits of a float64
DESCRIPTOR_SIZE: Final = 4
PUSH, CURVE = ACTIVATE, MULTIPLY  # in the numbers for derivatives along a direction

# Those that the losses know.
CODE_OF_SIGMOID, CODE_OF_SOFTMAX, CODE_OF_LOG_SOFTMAX, CODE_OF_EXP, CODE_OF_SOFTPLUS, FREE_CODES = range(6)


def _activate_type(t: types.Float) -> Any:
    block, i = types.CPointer(t), types.int64

    return types.void(block, block, i, i, i, t)


def _multiply_type(t: types.Float) -> Any:
    block, i = types.CPointer(t), types.int64

    return types.void(block, block, block, block, i, i, i, t)


def _curve_type(t: types.Float) -> Any:
    block, i = types.CPointer(t), types.int64

    return types.void(block, block, block, block, block, block, i, i, i, t)


def _calling(signature: NumbaSignature, place: int, function: Any, blocks: Any, sizes: Any) -> Any:
    """Typing and code of a call of one of the activation's kernels."""
    t = blocks[0].dtype
    wanted = signature(t)

    def codegen(context: Any, builder: Any, _: Any, arguments: Any) -> Any:
        numbers, *rest = arguments

        def number(i: int) -> Any:
            return builder.load(builder.gep(numbers, [ir.Constant(ir.IntType(64), i)]))

        kind = ir.FunctionType(ir.VoidType(), [context.get_value_type(argument) for argument in wanted.args])
        parameter = builder.bitcast(number(PARAMETER), ir.DoubleType())
        cast = context.cast(builder, parameter, types.float64, t)
        builder.call(builder.inttoptr(number(place), kind.as_pointer()), [*rest, cast])

        return context.get_dummy_value()

    return types.void(function, *blocks, *[types.int64] * len(sizes)), codegen


@intrinsic
def activate(typingctx: Any, function: Any, z: Any, a: Any, rows: Any, units: Any, stride: Any) -> Any:
    """F2: A = f(Z)."""
    return _calling(_activate_type, ACTIVATE, function, [z, a], [rows, units, stride])


@intrinsic
def multiply_by_prime(
    typingctx: Any, function: Any, z: Any, a: Any, dE_da: Any, delta: Any, rows: Any, units: Any, stride: Any
) -> Any:
    """B1: Δ = ∂E/∂A ⊙ f′(Z)."""
    return _calling(_multiply_type, MULTIPLY, function, [z, a, dE_da, delta], [rows, units, stride])


@intrinsic
def push(typingctx: Any, function: Any, z: Any, a: Any, r_z: Any, r_a: Any, rows: Any, units: Any, stride: Any) -> Any:
    """R2: R{A} = f′(Z) ⊙ R{Z}."""
    return _calling(_multiply_type, PUSH, function, [z, a, r_z, r_a], [rows, units, stride])


@intrinsic
def add_curvature(
    typingctx: Any, function: Any, z: Any, a: Any, dE_da: Any, r_z: Any, r_a: Any, r_delta: Any, rows: Any, units: Any,
    stride: Any,
) -> Any:  # fmt: skip
    """R4, its second term: R{Δ} += ∂E/∂A ⊙ f″(Z) ⊙ R{Z}."""
    return _calling(_curve_type, CURVE, function, [z, a, dE_da, r_z, r_a, r_delta], [rows, units, stride])


class ActivationKernels:
    """The kernels of an activation, compiled for a dtype when somebody first wants their addresses."""

    def __init__(
        self,
        name: str,
        f: Callable[[Floats, Floats, int, int, int, float], None],
        prime: Callable[[Floats, Floats, Floats, Floats, int, int, int, float], None],
        second_derivative: Callable[[Floats, Floats, Floats, Floats, Floats, Floats, int, int, int, float], None]
        | None = None,
        *,
        pushed: Callable[[Floats, Floats, Floats, Floats, int, int, int, float], None] | None = None,
        second: Callable[..., float] | None = None,
        is_rowwise: bool = False,
        cached: bool = True,
    ) -> None:
        self.name = name
        self.second = second  # f″(z, a), a scalar
        self.is_rowwise = is_rowwise  # whether each output depends on all inputs of its row
        self._kernels = (f, _activate_type), (prime, _multiply_type)
        self._push, self._curve = pushed, second_derivative
        self._cached = cached
        self._addresses: dict[types.Float, tuple[int, int]] = {}
        self._of_push: dict[types.Float, int] = {}
        self._of_curve: dict[types.Float, int] = {}
        for kernel in (f, prime, second_derivative, pushed):
            if kernel is not None:
                kernel.__qualname__ = f"{name}.{kernel.__name__}"  # by which the cache on disk knows them apart

    def addresses(self, dtype: types.Float) -> tuple[int, int]:
        """Where the compiled code of both starts."""
        with global_compiler_lock:
            if dtype not in self._addresses:
                f, prime = (address_of(kernel, kind(dtype), cached=self._cached) for kernel, kind in self._kernels)
                self._addresses[dtype] = f, prime
            return self._addresses[dtype]

    @property
    def has_second_derivative(self) -> bool:
        """Whether f″ is known."""
        return self._curve is not None

    def push_address(self, dtype: types.Float) -> int:
        """Where the code of R2 starts: that of B1 unless the Jacobian isn't symmetric."""
        if self._push is None:
            return self.addresses(dtype)[1]
        with global_compiler_lock:
            if dtype not in self._of_push:
                self._of_push[dtype] = address_of(self._push, _multiply_type(dtype), cached=self._cached)
            return self._of_push[dtype]

    def second_derivative_address(self, dtype: types.Float) -> int:
        """Where the code of what f″ adds in R4 starts; 0 if nobody knows f″."""
        if self._curve is None:
            return 0
        with global_compiler_lock:
            if dtype not in self._of_curve:
                self._of_curve[dtype] = address_of(self._curve, _curve_type(dtype), cached=self._cached)
            return self._of_curve[dtype]
