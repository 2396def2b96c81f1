"""Dispatch of activations through addresses, so that only those that a network has are compiled.

A descriptor of four integers stands for an activation: a code, the addresses of two kernels, and a parameter such as
the slope of a leaky relu. The kernels are F2, A = f(Z), and B1, Δ = ∂E/∂A ⊙ f′(Z), for a block of cases, whose rows
are `stride` elements apart. A call through an address takes 2 ns.

The descriptor for derivatives along a direction has two other kernels in their place: R2, R{A}, and the second term of
R4 (see `fnn.equations.kernels.directional`).
"""

from collections.abc import Callable
from typing import Any, Final

from numba import types

from fnn.compiler.addresses import NumbaSignature, address_of, emit_call_at
from fnn.compiler.inline import intrinsic
from fnn.compiler.internals import global_compiler_lock, ir
from fnn.compiler.intrinsics import Floats

CODE, ACTIVATE, MULTIPLY, PARAMETER = range(4)  # the parameter: the bits of a float64
DESCRIPTOR_SIZE: Final = 4
PUSH, SECOND = ACTIVATE, MULTIPLY  # in the descriptor for derivatives along a direction

# Codes that losses test for; other activations are numbered from FREE_CODES on.
CODE_OF_SIGMOID, CODE_OF_SOFTMAX, CODE_OF_LOG_SOFTMAX, CODE_OF_EXP, CODE_OF_SOFTPLUS, FREE_CODES = range(6)


def _activate_type(t: types.Float) -> Any:
    block, i = types.CPointer(t), types.int64

    return types.void(block, block, i, i, i, t)


def _multiply_type(t: types.Float) -> Any:
    block, i = types.CPointer(t), types.int64

    return types.void(block, block, block, block, i, i, i, t)


def _second_type(t: types.Float) -> Any:
    block, i = types.CPointer(t), types.int64

    return types.void(block, block, block, block, block, block, i, i, i, t)


def _calling(signature: NumbaSignature, field: int, descriptor: Any, blocks: Any, sizes: Any) -> Any:
    """Typing and code of a call of the kernel whose address is in a field of the descriptor."""
    t = blocks[0].dtype
    called = signature(t)

    def codegen(context: Any, builder: Any, _: Any, arguments: Any) -> Any:
        words, *rest = arguments

        def word(i: int) -> Any:
            return builder.load(builder.gep(words, [ir.Constant(ir.IntType(64), i)]))

        parameter = context.cast(builder, builder.bitcast(word(PARAMETER), ir.DoubleType()), types.float64, t)
        return emit_call_at(context, builder, called, word(field), [*rest, parameter])

    return types.void(descriptor, *blocks, *[types.int64] * len(sizes)), codegen


@intrinsic
def activate(typingctx: Any, descriptor: Any, z: Any, a: Any, rows: Any, units: Any, stride: Any) -> Any:
    """F2: A = f(Z)."""
    return _calling(_activate_type, ACTIVATE, descriptor, [z, a], [rows, units, stride])


@intrinsic
def multiply_by_prime(
    typingctx: Any, descriptor: Any, z: Any, a: Any, dE_da: Any, delta: Any, rows: Any, units: Any, stride: Any
) -> Any:
    """B1: Δ = ∂E/∂A ⊙ f′(Z)."""
    return _calling(_multiply_type, MULTIPLY, descriptor, [z, a, dE_da, delta], [rows, units, stride])


@intrinsic
def push(
    typingctx: Any, descriptor: Any, z: Any, a: Any, r_z: Any, r_a: Any, rows: Any, units: Any, stride: Any
) -> Any:
    """R2: R{A} = f′(Z) ⊙ R{Z}."""
    return _calling(_multiply_type, PUSH, descriptor, [z, a, r_z, r_a], [rows, units, stride])


@intrinsic
def add_second_derivative(
    typingctx: Any, descriptor: Any, z: Any, a: Any, dE_da: Any, r_z: Any, r_a: Any, r_delta: Any, rows: Any,
    units: Any, stride: Any,
) -> Any:  # fmt: skip
    """R4, its second term: R{Δ} += ∂E/∂A ⊙ f″(Z) ⊙ R{Z}."""
    return _calling(_second_type, SECOND, descriptor, [z, a, dE_da, r_z, r_a, r_delta], [rows, units, stride])


class ActivationKernels:
    """The kernels of an activation, each compiled for a dtype when its address is first asked for."""

    def __init__(
        self,
        name: str,
        f: Callable[[Floats, Floats, int, int, int, float], None],
        prime: Callable[[Floats, Floats, Floats, Floats, int, int, int, float], None],
        second_derivative: Callable[[Floats, Floats, Floats, Floats, Floats, Floats, int, int, int, float], None]
        | None,
        *,
        push: Callable[[Floats, Floats, Floats, Floats, int, int, int, float], None] | None = None,
        second: Callable[..., float] | None = None,
        is_rowwise: bool = False,
        cached: bool = True,
    ) -> None:
        self.name = name
        self.second = second  # f″(z, a), a scalar
        self.is_rowwise = is_rowwise  # whether each output depends on all inputs of its row
        self._f, self._prime, self._second_derivative = f, prime, second_derivative
        self._push = push or prime  # R2 is B1 where the Jacobian is symmetric
        self._cached = cached
        self._addresses: dict[tuple[Callable[..., None], types.Float], int] = {}
        for kernel in (f, prime, second_derivative, push):
            if kernel is not None:
                kernel.__qualname__ = f"{name}.{kernel.__name__}"  # identifies it in the cache on disk

    @property
    def has_second_derivative(self) -> bool:
        """Whether it has f″."""
        return self._second_derivative is not None

    def addresses(self, dtype: types.Float) -> tuple[int, int]:
        """The addresses of F2 and B1."""
        return self._address(self._f, _activate_type, dtype), self._address(self._prime, _multiply_type, dtype)

    def push_address(self, dtype: types.Float) -> int:
        """The address of R2."""
        return self._address(self._push, _multiply_type, dtype)

    def second_derivative_address(self, dtype: types.Float) -> int:
        """The address of the second term of R4; 0 without f″."""
        return 0 if self._second_derivative is None else self._address(self._second_derivative, _second_type, dtype)

    def _address(self, kernel: Callable[..., None], signature: NumbaSignature, dtype: types.Float) -> int:
        with global_compiler_lock:
            if (kernel, dtype) not in self._addresses:
                self._addresses[kernel, dtype] = address_of(kernel, signature(dtype), cached=self._cached)
            return self._addresses[kernel, dtype]
