"""The kinds of activations: elementwise, with a parameter, of whole rows, and somebody's own."""

from collections.abc import Callable

from fnn.activations.kernels.dispatch import ActivationKernels
from fnn.compiler.intrinsics import Floats, fma, like, shift


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

    def second_derivative(
        z: Floats, a: Floats, dE_da: Floats, r_z: Floats, r_a: Floats, r_delta: Floats, rows: int, units: int,
        stride: int, parameter: float,
    ) -> None:  # fmt: skip
        for i in range(rows * stride):
            r_delta[i] = fma(dE_da[i] * scalar_second(z[i], a[i]), r_z[i], r_delta[i])

    return ActivationKernels(name, f, prime, second_derivative, second=scalar_second)


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

    def second_derivative(
        z: Floats, a: Floats, dE_da: Floats, r_z: Floats, r_a: Floats, r_delta: Floats, rows: int, units: int,
        stride: int, parameter: float,
    ) -> None:  # fmt: skip
        for i in range(rows * stride):
            r_delta[i] = fma(dE_da[i] * scalar_second(z[i], a[i], parameter), r_z[i], r_delta[i])

    return ActivationKernels(name, f, prime, second_derivative, second=scalar_second)


def rowwise(
    name: str,
    row_of: Callable[[Floats, Floats, int], None],
    deltas_of: Callable[[Floats, Floats, Floats, Floats, int], None],
    pushed_of: Callable[[Floats, Floats, Floats, Floats, int], None],
    curve_of: Callable[[Floats, Floats, Floats, Floats, Floats, int], None],
) -> ActivationKernels:
    """The kernels of an activation that takes rows.

    They are made from z → a; z, a, ∂E/∂a → δ; z, a, R{z} → R{a}; and z, a, ∂E/∂a, R{a}, which adds to R{δ}.
    """

    def f(z: Floats, a: Floats, rows: int, units: int, stride: int, parameter: float) -> None:
        for row in range(rows):
            row_of(shift(z, row * stride), shift(a, row * stride), units)

    def prime(
        z: Floats, a: Floats, dE_da: Floats, delta: Floats, rows: int, units: int, stride: int, parameter: float
    ) -> None:
        for row in range(rows):
            at = row * stride
            deltas_of(shift(z, at), shift(a, at), shift(dE_da, at), shift(delta, at), units)

    def pushed(
        z: Floats, a: Floats, r_z: Floats, r_a: Floats, rows: int, units: int, stride: int, parameter: float
    ) -> None:
        for row in range(rows):
            at = row * stride
            pushed_of(shift(z, at), shift(a, at), shift(r_z, at), shift(r_a, at), units)

    def second_derivative(
        z: Floats, a: Floats, dE_da: Floats, r_z: Floats, r_a: Floats, r_delta: Floats, rows: int, units: int,
        stride: int, parameter: float,
    ) -> None:  # fmt: skip
        for row in range(rows):
            at = row * stride
            curve_of(shift(z, at), shift(a, at), shift(dE_da, at), shift(r_a, at), shift(r_delta, at), units)

    return ActivationKernels(name, f, prime, second_derivative, pushed=pushed, is_rowwise=True)


def from_user(
    name: str,
    scalar: Callable[..., object],
    scalar_prime: Callable[..., object],
    scalar_second: Callable[..., object] | None = None,
) -> ActivationKernels:
    """The kernels of somebody's jitted f(z), f′(z, a) and, if there is one, f″(z, a).

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

    second = scalar_second or scalar_prime  # without the former, `curve` is never compiled

    def second_derivative(
        z: Floats, a: Floats, dE_da: Floats, r_z: Floats, r_a: Floats, r_delta: Floats, rows: int, units: int,
        stride: int, parameter: float,
    ) -> None:  # fmt: skip
        for row in range(rows):
            for i in range(row * stride, row * stride + units):
                r_delta[i] = fma(dE_da[i] * like(a, second(z[i], a[i])), r_z[i], r_delta[i])

    return ActivationKernels(name, f, prime, second_derivative if scalar_second else None, cached=False)
