"""The Numba types of `Params`, `Cases`, losses, and optimizers with their state.

They keep their names and this module, which users' compiled functions in caches on disk refer to.
"""

from collections.abc import Sequence
from functools import cache
from typing import Any, NamedTuple

from numba import types
from numba.extending import models, register_model

from fnn.compiler.cache import digest_of, sources
from fnn.compiler.internals import NumbaType
from fnn.compiler.numba_types import NetworkType
from fnn.losses.loss import Loss


@cache
def version() -> str:
    """A hash of the sources that are compiled into a user's function, or called by it."""
    return sources() + digest_of(
        *(f"{package}/*.py" for package in ("njit", "activations", "data", "losses", "optimizers"))
    )


SPEC = types.Array(types.int64, 1, "C", readonly=True)  # see `fnn.njit.kernels.arguments.Network`


class StructType(types.Type):
    """A value of fnn, made of `members`.

    The version is part of its identity, so that a function compiled for another version is compiled again.
    """

    members: Sequence[tuple[str, NumbaType]]

    def __init__(self, name: str) -> None:
        self.version = version()
        super().__init__(name)

    @property
    def key(self) -> tuple[str, str]:
        """What makes two types the same."""
        return self.name, self.version


class ParamsType(StructType, NetworkType):
    """`Params` of a dtype, of any architecture."""

    def __init__(self, dtype: types.Float) -> None:
        self.dtype = dtype
        self.flat = types.Array(dtype, 1, "C", readonly=True)
        self.members = [("flat", self.flat), ("spec", SPEC)]
        super().__init__(f"fnn.Params[{dtype}]")


class CasesType(StructType):
    """Inputs, targets or labels, and weights or None, each of the type that kernels take: one case or a batch."""

    def __init__(self, x: NumbaType, y: NumbaType, weights: NumbaType) -> None:
        self.x, self.y, self.weights = x, y, weights
        self.members = [("x", x), ("y", y), ("weights", weights)]
        super().__init__(f"fnn.Cases[{x}, {y}, {weights}]")


class LossType(types.Opaque):
    """One loss: a constant when a function is compiled."""

    def __init__(self, loss: Loss) -> None:
        self.loss = loss
        super().__init__(repr(loss))

    @property
    def key(self) -> tuple[Loss, str]:
        """What makes two types the same."""
        return self.loss, version()


class OptimizerType(StructType):
    """Any optimizer, by its words (see `fnn.njit.kernels.optimizer_words`)."""

    members = (("words", SPEC),)


class StateType(StructType):
    """`OptimizerState` of any optimizer, architecture and dtype: the vectors are bytes."""

    vectors = types.Array(types.uint8, 1, "C", readonly=True)
    members = (
        *((name, types.int64) for name in ("step", "count", "itemsize")),
        ("spec", SPEC),
        ("vectors", vectors),
    )


class ByLayerType(StructType):
    """A quantity of each layer from `first` on, (n_l,) or (N, n_l), in one vector that has a place for all layers."""

    def __init__(self, dtype: types.Float, ndim: int, first: int) -> None:
        self.dtype, self.ndim, self.first = dtype, ndim, first
        self.values = types.Array(dtype, 1, "C")
        self.members = [("values", self.values), ("spec", SPEC), ("cases", types.int64)]
        super().__init__(f"fnn.ByLayer[{dtype}, {ndim}, {first}]")


class _StructModel(models.StructModel):
    def __init__(self, manager: Any, kind: StructType) -> None:
        super().__init__(manager, kind, list(kind.members))


for _kind in (ParamsType, CasesType, OptimizerType, StateType, ByLayerType):
    register_model(_kind)(_StructModel)
register_model(LossType)(models.OpaqueModel)

OPTIMIZER, STATE = OptimizerType("fnn.Optimizer"), StateType("fnn.OptimizerState")


class NativeBackprop(NamedTuple):
    """What `backprop` returns in a jitted function."""

    z: Any
    a: Any
    dE_da: Any
    delta: Any
    grads: Any
    error: Any


class NativeHistory(NamedTuple):
    """The errors per case of a run's epochs, from a jitted function."""

    error: Any


class NativeRun(NamedTuple):
    """What `train` returns in a jitted function."""

    params: Any
    history: NativeHistory


class NativeOptimizedRun(NamedTuple):
    """The same with an optimizer."""

    params: Any
    history: NativeHistory
    state: Any
