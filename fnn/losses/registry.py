"""The built-in losses, by name."""

from __future__ import annotations

from typing import Any, ClassVar, Self, TypeVar

from fnn.activations.activation import Activation
from fnn.losses.kernels.dispatch import LossKernel
from fnn.losses.loss import ANYTHING, BUILT_IN, Loss, Targets

LossT = TypeVar("LossT", bound=Loss)


def built_in(
    kind: type[LossT], name: str, kernel: LossKernel | None, *, outputs: tuple[Activation, ...] = (),
    targets: Targets = ANYTHING, parameter: float = 0.0,
) -> LossT:  # fmt: skip
    """Register a built-in loss, with the default of its parameter."""
    loss = object.__new__(kind)
    loss.set_fields(name, kernel, outputs, targets, parameter)
    BUILT_IN[name] = loss

    return loss


class LossWithParameter(Loss):
    """A built-in loss that is called to set its parameter."""

    __slots__ = ()
    _parameter_name: ClassVar[str]

    def with_parameter(self, value: float) -> Self:
        """The same loss with another parameter; with the default, the built-in one itself."""
        default = BUILT_IN[self.name]
        if value == default.parameter:
            assert isinstance(default, type(self))
            return default
        loss = object.__new__(type(self))
        loss.set_fields(self.name, self.kernel, self.outputs, self.targets, value)

        return loss

    def __repr__(self) -> str:
        is_default = self is BUILT_IN[self.name]
        return f"fnn.{self.name}" if is_default else f"fnn.{self.name}({self._parameter_name}={self.parameter})"

    def __reduce__(self) -> tuple[Any, ...]:
        return _with_parameter, (self.name, self.parameter)


def _with_parameter(name: str, value: float) -> Loss:
    default = BUILT_IN[name]
    assert isinstance(default, LossWithParameter)

    return default.with_parameter(value)
