"""What only runs on shards need: ``import fnn`` would take a tenth longer if it were imported with the rest."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from fnn.boundary.extras import importing
from fnn.data.rows import CaseArrays
from fnn.network.params import DT, Params
from fnn.training.ranks.sharding import Sharding

if TYPE_CHECKING:
    from fnn.training.ranks.evaluator import ShardedEvaluator
    from fnn.training.steppers.shard_memory import ShardMemory
    from fnn.training.steppers.sharded import ShardedStepper


def _later(module: str) -> Any:
    with importing:
        return import_module(module)


def sharded_stepper() -> type[ShardedStepper[Any]]:
    """The class `ShardedStepper`."""
    kind: type[ShardedStepper[Any]] = _later("fnn.training.steppers.sharded").ShardedStepper

    return kind


def sharded_evaluator() -> type[ShardedEvaluator[Any]]:
    """The class `ShardedEvaluator`."""
    kind: type[ShardedEvaluator[Any]] = _later("fnn.training.ranks.evaluator").ShardedEvaluator

    return kind


def solver_memory(
    sharding: Sharding | None, params: Params[DT], batch: CaseArrays[DT], capacity: int
) -> ShardMemory | None:
    """The memory for a solver's sums of shards, if there are any; its workspace has room for `capacity` cases."""
    if sharding is None:
        return None
    memory: ShardMemory = _later("fnn.training.steppers.shard_memory").solver_memory(sharding, params, batch, capacity)

    return memory
