"""The Numba types of `Params`, `Cases`, losses, and optimizers with their state.

They keep their names and this module, which users' compiled functions in caches on disk refer to.
"""

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


class ParamsType(NetworkType):
    """`Params` of a dtype, of any architecture.

    The version is part of its identity, so that a function compiled for another version is compiled again.
    """

    def __init__(self, dtype: types.Float) -> None:
        self.dtype = dtype
        self.version = version()
        super().__init__(f"fnn.Params[{dtype}]")

    @property
    def key(self) -> tuple[types.Float, str]:
        """What makes two types the same."""
        return self.dtype, self.version

    @property
    def flat(self) -> types.Array:
        """The type of the parameters as one vector."""
        return types.Array(self.dtype, 1, "C", readonly=True)


SPEC = types.Array(types.int64, 1, "C", readonly=True)  # see `fnn.njit.kernels.arguments.Network`


@register_model(ParamsType)
class _ParamsModel(models.StructModel):
    def __init__(self, manager: Any, params: ParamsType) -> None:
        super().__init__(manager, params, [("flat", params.flat), ("spec", SPEC)])


class CasesType(types.Type):
    """Inputs, targets or labels, and weights or None, each of the type that kernels take: one case or a batch."""

    def __init__(self, x: NumbaType, y: NumbaType, weights: NumbaType) -> None:
        self.x, self.y, self.weights = x, y, weights
        super().__init__(f"fnn.Cases[{x}, {y}, {weights}]")

    @property
    def key(self) -> tuple[NumbaType, NumbaType, NumbaType, str]:
        """What makes two types the same."""
        return self.x, self.y, self.weights, version()


@register_model(CasesType)
class _CasesModel(models.StructModel):
    def __init__(self, manager: Any, cases: CasesType) -> None:
        super().__init__(manager, cases, [("x", cases.x), ("y", cases.y), ("weights", cases.weights)])


class LossType(types.Opaque):
    """One loss: a constant when a function is compiled."""

    def __init__(self, loss: Loss) -> None:
        self.loss = loss
        super().__init__(repr(loss))

    @property
    def key(self) -> tuple[Loss, str]:
        """What makes two types the same."""
        return self.loss, version()


register_model(LossType)(models.OpaqueModel)


class OptimizerType(types.Type):
    """Any optimizer, by its words (see `fnn.njit.kernels.optimizer_words`)."""

    def __init__(self) -> None:
        super().__init__("fnn.Optimizer")

    @property
    def key(self) -> str:
        """What makes two types the same."""
        return version()


@register_model(OptimizerType)
class _OptimizerModel(models.StructModel):
    def __init__(self, manager: Any, kind: OptimizerType) -> None:
        super().__init__(manager, kind, [("words", SPEC)])


class StateType(types.Type):
    """`OptimizerState` of any optimizer, architecture and dtype: the vectors are bytes."""

    vectors = types.Array(types.uint8, 1, "C", readonly=True)

    def __init__(self) -> None:
        super().__init__("fnn.OptimizerState")

    @property
    def key(self) -> str:
        """What makes two types the same."""
        return version()


@register_model(StateType)
class _StateModel(models.StructModel):
    def __init__(self, manager: Any, kind: StateType) -> None:
        numbers = [(name, types.int64) for name in ("step", "count", "itemsize")]
        super().__init__(manager, kind, [*numbers, ("spec", SPEC), ("vectors", kind.vectors)])


OPTIMIZER, STATE = OptimizerType(), StateType()


class ByLayerType(types.Type):
    """A quantity of each layer from `first` on, (n_l,) or (N, n_l)."""

    def __init__(self, dtype: types.Float, ndim: int, first: int) -> None:
        self.dtype, self.ndim, self.first = dtype, ndim, first
        super().__init__(f"fnn.ByLayer[{dtype}, {ndim}, {first}]")

    @property
    def key(self) -> tuple[types.Float, int, int, str]:
        """What makes two types the same."""
        return self.dtype, self.ndim, self.first, version()

    @property
    def values(self) -> types.Array:
        """The type of the vector that holds them all, from layer 0 on."""
        return types.Array(self.dtype, 1, "C")


@register_model(ByLayerType)
class _ByLayerModel(models.StructModel):
    def __init__(self, manager: Any, kind: ByLayerType) -> None:
        super().__init__(manager, kind, [("values", kind.values), ("spec", SPEC), ("cases", types.int64)])


class NativeBackprop(NamedTuple):
    """What `backprop` returns in a jitted function."""

    z: Any
    a: Any
    dE_da: Any
    delta: Any
    grads: Any
    error: Any


class NativeHistory(NamedTuple):
    """The errors of a run's epochs, from a jitted function."""

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
