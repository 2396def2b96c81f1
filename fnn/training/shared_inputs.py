"""What networks that are trained together have in common: it is checked and converted once."""

from __future__ import annotations

from typing import Any, SupportsFloat

from numpy.typing import ArrayLike

from fnn.checks import positive
from fnn.data.cases import batch_of, require_no_fault
from fnn.data.rows import CaseArrays
from fnn.losses.loss import Loss
from fnn.network.architecture import Architecture
from fnn.network.params import DT, Params, wrap
from fnn.optimizers.library import Optimizer, gradient_descent
from fnn.optimizers.schedules import Rate


class Shared:
    """Cases, optimizers and architectures of several runs; the same objects, wanted for the same purpose, are one.

    Objects are told apart by where they are, so the caller must keep what it hands over until the last call.
    """

    def __init__(self) -> None:
        self._batches: dict[tuple[object, ...], CaseArrays[Any]] = {}
        self._methods: dict[tuple[object, ...], Optimizer] = {}
        self._architectures: dict[Architecture, Architecture] = {}

    def params(self, params: Params[DT]) -> Params[DT]:
        """The same parameters; equal architectures become one, because its layouts take 0.1 ms to work out."""
        architecture = params._architecture
        known = self._architectures.setdefault(architecture, architecture)

        return params if known is architecture else wrap(params._flat, known)

    def batch(
        self, params: Params[DT], x: ArrayLike, y: ArrayLike, weights: ArrayLike | None, loss: Loss,
        class_weights: ArrayLike | None, scale: SupportsFloat, name: str = "",
    ) -> CaseArrays[DT]:  # fmt: skip
        """The cases of a run, free from faults; `name` prefixes the arguments' names in errors."""
        sizes, output = params.sizes, params.activations[-1]
        key = (params.dtype, sizes[0], sizes[-1], name, *map(id, (output, loss, x, y, weights, class_weights, scale)))
        known = self._batches.get(key)
        if known is None:
            known = batch_of(params, x, y, weights, loss, name, class_weights, scale=scale, whole=False)
            if known.sources is None:  # those are looked through already
                require_no_fault(params, known, loss, name)
            self._batches[key] = known

        return known

    def method(self, params: Params[Any], eta: Rate | None, optimizer: Optimizer | None) -> Optimizer:
        """The optimizer of a run."""
        key = (params.dtype, id(eta), id(optimizer))
        known = self._methods.get(key)
        if known is None:
            known = self._methods[key] = resolve_optimizer(eta, optimizer, params)

        return known


def resolve_optimizer(eta: Rate | None, optimizer: Optimizer | None, params: Params[Any]) -> Optimizer:
    """The optimizer that is meant by the two arguments, one of which must be given."""
    if optimizer is None:
        if eta is None:
            raise TypeError("eta: needs a learning rate, or optimizer= needs an optimizer such as fnn.adam(1e-3)")
        return gradient_descent(eta if callable(eta) else positive("eta", eta, params.dtype))
    if not isinstance(optimizer, Optimizer):
        raise TypeError(f"optimizer: needs an optimizer such as fnn.adam(1e-3), got {optimizer!r}")
    if eta is not None:
        raise TypeError(f"eta: {optimizer!r} has its own, so it can't be given too; got {eta!r}")

    return optimizer
