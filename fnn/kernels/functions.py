"""How activations are reached: through addresses, so that only those that a network has are ever compiled.

The other kernels know an activation by four numbers: a code, the addresses of its two kernels, and a parameter such as
the slope of a leaky relu. The two kernels are F2, A = f(Z), and B1, Δ = ∂E/∂A ⊙ f′(Z), for a block of cases, whose rows
are `stride` apart. A call through an address costs 2 ns, which the plain case gets back from what it need not look at.
"""

from collections.abc import Callable
from typing import Any, Final

from llvmlite import ir
from numba import types
from numba.core.compiler_lock import global_compiler_lock
from numba.extending import intrinsic

from fnn.kernels.intrinsics import Floats, like, shift
from fnn.kernels.linking import NumbaSignature, address_of

CODE, ACTIVATE, MULTIPLY, PARAMETER = range(4)  # the parameter: the bits of a float64
NUMBERS: Final = 4

# Those that the losses know.
CODE_OF_SIGMOID, CODE_OF_SOFTMAX, CODE_OF_LOG_SOFTMAX, CODE_OF_EXP, CODE_OF_SOFTPLUS, FREE_CODES = range(6)


def _activate_type(t: types.Float) -> Any:
    block, i = types.CPointer(t), types.int64

    return types.void(block, block, i, i, i, t)


def _multiply_type(t: types.Float) -> Any:
    block, i = types.CPointer(t), types.int64

    return types.void(block, block, block, block, i, i, i, t)


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


class ActivationKernels:
    """The two kernels of an activation, compiled for a dtype when somebody first wants their addresses."""

    def __init__(
        self,
        name: str,
        f: Callable[[Floats, Floats, int, int, int, float], None],
        prime: Callable[[Floats, Floats, Floats, Floats, int, int, int, float], None],
        *,
        second: Callable[..., float] | None = None,
        is_rowwise: bool = False,
        cached: bool = True,
    ) -> None:
        self.name = name
        self.second = second  # f″(z, a), a scalar
        self.is_rowwise = is_rowwise  # whether each output depends on all inputs of its row
        self._kernels = (f, _activate_type), (prime, _multiply_type)
        self._cached = cached
        self._addresses: dict[types.Float, tuple[int, int]] = {}
        for kernel, _ in self._kernels:
            kernel.__qualname__ = f"{name}.{kernel.__name__}"  # by which the cache on disk knows them apart

    def addresses(self, dtype: types.Float) -> tuple[int, int]:
        """Where the compiled code of both starts."""
        with global_compiler_lock:
            if dtype not in self._addresses:
                f, prime = (address_of(kernel, kind(dtype), cached=self._cached) for kernel, kind in self._kernels)
                self._addresses[dtype] = f, prime
            return self._addresses[dtype]


def elementwise(
    name: str,
    scalar: Callable[[float], float],
    scalar_prime: Callable[[float, float], float],
    scalar_second: Callable[[float, float], float],
) -> ActivationKernels:
    """The kernels of f(z) and f′(z, a), whole blocks at a time, the padding of the rows included."""

    def f(z: Floats, a: Floats, rows: int, units: int, stride: int, parameter: float) -> None:
        for i in range(rows * stride):
            a[i] = scalar(z[i])

    def prime(
        z: Floats, a: Floats, dE_da: Floats, delta: Floats, rows: int, units: int, stride: int, parameter: float
    ) -> None:
        for i in range(rows * stride):
            delta[i] = dE_da[i] * scalar_prime(z[i], a[i])

    return ActivationKernels(name, f, prime, second=scalar_second)


def parametric(
    name: str,
    scalar: Callable[[float, float], float],
    scalar_prime: Callable[[float, float, float], float],
    scalar_second: Callable[[float, float, float], float],
) -> ActivationKernels:
    """The same for functions with a parameter, which comes last."""

    def f(z: Floats, a: Floats, rows: int, units: int, stride: int, parameter: float) -> None:
        for i in range(rows * stride):
            a[i] = scalar(z[i], parameter)

    def prime(
        z: Floats, a: Floats, dE_da: Floats, delta: Floats, rows: int, units: int, stride: int, parameter: float
    ) -> None:
        for i in range(rows * stride):
            delta[i] = dE_da[i] * scalar_prime(z[i], a[i], parameter)

    return ActivationKernels(name, f, prime, second=scalar_second)


def rowwise(
    name: str,
    row_of: Callable[[Floats, Floats, int], None],
    deltas_of: Callable[[Floats, Floats, Floats, Floats, int], None],
) -> ActivationKernels:
    """The kernels of an activation that takes rows: from z to a, and from z, a and ∂E/∂a to δ."""

    def f(z: Floats, a: Floats, rows: int, units: int, stride: int, parameter: float) -> None:
        for row in range(rows):
            row_of(shift(z, row * stride), shift(a, row * stride), units)

    def prime(
        z: Floats, a: Floats, dE_da: Floats, delta: Floats, rows: int, units: int, stride: int, parameter: float
    ) -> None:
        for row in range(rows):
            at = row * stride
            deltas_of(shift(z, at), shift(a, at), shift(dE_da, at), shift(delta, at), units)

    return ActivationKernels(name, f, prime, is_rowwise=True)


def of_others(name: str, scalar: Callable[..., object], scalar_prime: Callable[..., object]) -> ActivationKernels:
    """The kernels of somebody's jitted f(z) and f′(z, a).

    Their code isn't cached on disk, since nobody knows what else it calls. They never see the padding of the rows: it
    may be where they aren't defined.
    """

    def f(z: Floats, a: Floats, rows: int, units: int, stride: int, parameter: float) -> None:
        for row in range(rows):
            for i in range(row * stride, row * stride + units):
                a[i] = like(a, scalar(z[i]))

    def prime(
        z: Floats, a: Floats, dE_da: Floats, delta: Floats, rows: int, units: int, stride: int, parameter: float
    ) -> None:
        for row in range(rows):
            for i in range(row * stride, row * stride + units):
                delta[i] = dE_da[i] * like(a, scalar_prime(z[i], a[i]))

    return ActivationKernels(name, f, prime, cached=False)
