"""What a run's result follows from, in words: by these a checkpoint knows the run that it is of."""

from __future__ import annotations

from typing import Any

from fnn.data.batch_stream import BatchStream
from fnn.data.fingerprint import fingerprint, fingerprints
from fnn.losses.loss import Loss
from fnn.network.regularization import OF_ALL
from fnn.training.checkpoint_format import Settings
from fnn.training.task import Task
from fnn.values import Value


def run_identity(task: Task[Any]) -> Settings:
    """The identity of a run, in the order in which its parts are compared."""
    params, state, regularization, rules = task.params, task.state, task.objective.regularization, task.stopper.rules
    vectors = [] if state is None else [fingerprint(vector.flat) for vector in state.vectors]
    validation = "None"
    if task.held_out is not None:
        is_own = task.held_out.chosen.size == 0  # else which cases those are follows from the seed
        fraction = f"{task.held_out.number} of all cases"
        validation = ", ".join(fingerprints(task.held_out).values()) if is_own else fraction
    cases = {"x": "an iterable of batches"} if isinstance(task.cases, BatchStream) else fingerprints(task.cases)

    return {
        "dtype": params.dtype.name,
        "sizes": str(list(params.sizes)),
        "activations": str([f.name for f in params.activations]),
        "optimizer": describe(task.optimizer),
        "loss": describe(task.objective.loss),
        "reduction": "mean" if task.objective.mean else "sum",
        "batch_size": str(task.batch_size or "None"),
        "seed": str(task.seed),
        "scale": repr(task.scale),
        "l2": repr(regularization.l2),
        "l1": repr(regularization.l1),
        "dropout": str([round(n / OF_ALL, 15) for n in regularization.dropped if any(regularization.dropped)]),
        "mask": "None" if regularization.mask is None else fingerprint(regularization.mask),
        **{f"stopping: {name}": describe(value) for name, value in vars(rules).items() if name != "seconds"},
        "params": fingerprint(params.flat),
        "state": "None" if state is None else f"after {state.step} steps, {', '.join(vectors) or 'no vectors'}",
        **cases,
        "validation": validation,
    }


def describe(value: object) -> str:
    """The value's repr, but a function's name: what it does can't be told."""
    if isinstance(value, Value):
        parts = [f"{name}={describe(part)}" for name, part in vars(value).items()]

        return f"fnn.{type(value).__name__}({', '.join(parts)})"
    if isinstance(value, Loss):
        return value.name if value.scalars else repr(value)
    if callable(value):
        return str(getattr(value, "__qualname__", type(value).__qualname__))

    return repr(value)
