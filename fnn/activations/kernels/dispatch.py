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

from fnn.compiler.addresses import NumbaSignature, emit_call_at
from fnn.compiler.inline import intrinsic
from fnn.compiler.internals import ir
from fnn.compiler.linking import OnDemand

CODE, ACTIVATE, MULTIPLY, PARAMETER = range(4)  # the parameter: the bits of a float64
DESCRIPTOR_SIZE: Final = 4
PUSH, SECOND = ACTIVATE, MULTIPLY  # in the descriptor for derivatives along a direction

# Codes that losses test for; other activations are numbered from FREE_CODES on.
CODE_OF_SIGMOID, CODE_OF_SOFTMAX, CODE_OF_LOG_SOFTMAX, CODE_OF_EXP, CODE_OF_SOFTPLUS, FREE_CODES = range(6)


def _kernel_type(blocks: int) -> NumbaSignature:
    """The signature of a kernel: its blocks, the rows, the units, the stride, and the activation's parameter."""
    return lambda t: types.void(*[types.CPointer(t)] * blocks, *[types.int64] * 3, t)


_activate_type, _multiply_type, _second_type = _kernel_type(2), _kernel_type(4), _kernel_type(6)


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
        self, name: str, f: Callable[..., None], prime: Callable[..., None],
        second_derivative: Callable[..., None] | None, *, push: Callable[..., None] | None = None,
        scalar: Callable[..., float] | None = None, second: Callable[..., float] | None = None,
        is_rowwise: bool = False, cached: bool = True,
    ) -> None:  # fmt: skip
        for kernel in (f, prime, second_derivative, push):
            if kernel is not None:
                kernel.__qualname__ = f"{name}.{kernel.__name__}"  # identifies it in the cache on disk
        self.name = name
        self.doc = ""  # the docstring of a built-in activation
        self.scalar, self.second = scalar, second  # f(z) and f″(z, a) of a number
        self.is_rowwise = is_rowwise  # whether each output depends on all inputs of its row
        self.f = OnDemand(f, _activate_type, cached=cached)  # F2
        self.prime = OnDemand(prime, _multiply_type, cached=cached)  # B1
        # R2, which is B1 where the Jacobian is symmetric.
        self.push = self.prime if push is None else OnDemand(push, _multiply_type, cached=cached)
        # The second term of R4.
        self.second_derivative = second_derivative and OnDemand(second_derivative, _second_type, cached=cached)
