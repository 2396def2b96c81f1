"""Kernels for blocks of cases, lifted from functions of a number or of a row."""

from collections.abc import Callable

from fnn.activations.kernels.dispatch import ActivationKernels
from fnn.compiler.inline import inline
from fnn.compiler.intrinsics import Floats, fma, like, shift


@inline
def nothing(parameter: float) -> tuple[()]:
    """The further arguments of a function without a parameter."""
    return ()


@inline
def itself(parameter: float) -> tuple[float]:
    """The further arguments of a function with a parameter."""
    return (parameter,)


def elementwise(
    name: str, scalar: Callable[..., float], scalar_prime: Callable[..., float], scalar_second: Callable[..., float],
    further: Callable[[float], tuple[()] | tuple[float]] = nothing,
) -> ActivationKernels:  # fmt: skip
    """The kernels of f(z), f′(z, a) and f″(z, a), which run over the padding of the rows, too."""

    def f(z: Floats, a: Floats, rows: int, units: int, stride: int, parameter: float) -> None:
        p = further(parameter)
        for i in range(rows * stride):
            a[i] = scalar(z[i], *p)

    def prime(
        z: Floats, a: Floats, dE_da: Floats, delta: Floats, rows: int, units: int, stride: int, parameter: float
    ) -> None:
        p = further(parameter)
        for i in range(rows * stride):
            delta[i] = dE_da[i] * scalar_prime(z[i], a[i], *p)

    def second_derivative(
        z: Floats, a: Floats, dE_da: Floats, r_z: Floats, r_a: Floats, r_delta: Floats, rows: int, units: int,
        stride: int, parameter: float,
    ) -> None:  # fmt: skip
        p = further(parameter)
        for i in range(rows * stride):
            r_delta[i] = fma(dE_da[i] * scalar_second(z[i], a[i], *p), r_z[i], r_delta[i])

    return ActivationKernels(name, f, prime, second_derivative, scalar=scalar, second=scalar_second)


def parametric(
    name: str, scalar: Callable[..., float], scalar_prime: Callable[..., float], scalar_second: Callable[..., float]
) -> ActivationKernels:
    """The same of functions with a parameter, which comes last."""
    return elementwise(name, scalar, scalar_prime, scalar_second, itself)


def rowwise(
    name: str, row_f: Callable[[Floats, Floats, int], None],
    row_deltas: Callable[[Floats, Floats, Floats, Floats, int], None],
    row_push: Callable[[Floats, Floats, Floats, Floats, int], None],
    row_r_deltas: Callable[[Floats, Floats, Floats, Floats, Floats, int], None],
) -> ActivationKernels:  # fmt: skip
    """The kernels of an activation of whole rows.

    The functions of a row are z → a; (z, a, ∂E/∂a) → δ; (z, a, R{z}) → R{a}; and (z, a, ∂E/∂a, R{a}), added to R{δ}.
    """

    def f(z: Floats, a: Floats, rows: int, units: int, stride: int, parameter: float) -> None:
        for row in range(rows):
            row_f(shift(z, row * stride), shift(a, row * stride), units)

    def prime(
        z: Floats, a: Floats, dE_da: Floats, delta: Floats, rows: int, units: int, stride: int, parameter: float
    ) -> None:
        for row in range(rows):
            at = row * stride
            row_deltas(shift(z, at), shift(a, at), shift(dE_da, at), shift(delta, at), units)

    def push(
        z: Floats, a: Floats, r_z: Floats, r_a: Floats, rows: int, units: int, stride: int, parameter: float
    ) -> None:
        for row in range(rows):
            at = row * stride
            row_push(shift(z, at), shift(a, at), shift(r_z, at), shift(r_a, at), units)

    def second_derivative(
        z: Floats, a: Floats, dE_da: Floats, r_z: Floats, r_a: Floats, r_delta: Floats, rows: int, units: int,
        stride: int, parameter: float,
    ) -> None:  # fmt: skip
        for row in range(rows):
            at = row * stride
            row_r_deltas(shift(z, at), shift(a, at), shift(dE_da, at), shift(r_a, at), shift(r_delta, at), units)

    return ActivationKernels(name, f, prime, second_derivative, push=push, is_rowwise=True)


def from_user(
    name: str, scalar: Callable[..., object], scalar_prime: Callable[..., object],
    scalar_second: Callable[..., object] | None = None,
) -> ActivationKernels:  # fmt: skip
    """The kernels of a user's jitted f(z), f′(z, a) and, optionally, f″(z, a).

    Not cached on disk: their dependencies are unknown. They skip the padding of the rows, where f may be undefined.
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

    second = scalar_second or scalar_prime  # without f″, `second_derivative` is never compiled

    def second_derivative(
        z: Floats, a: Floats, dE_da: Floats, r_z: Floats, r_a: Floats, r_delta: Floats, rows: int, units: int,
        stride: int, parameter: float,
    ) -> None:  # fmt: skip
        for row in range(rows):
            for i in range(row * stride, row * stride + units):
                r_delta[i] = fma(dE_da[i] * like(a, second(z[i], a[i])), r_z[i], r_delta[i])

    return ActivationKernels(name, f, prime, second_derivative if scalar_second else None, cached=False)
