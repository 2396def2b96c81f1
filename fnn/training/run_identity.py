"""What a run's result follows from, in words: by these a checkpoint knows the run that it is of."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from typing import Any, TypeAlias

from fnn.data.batch_stream import BatchStream
from fnn.data.fingerprint import fingerprint, fingerprints
from fnn.data.rows import CaseArrays
from fnn.losses.loss import Loss
from fnn.network.params import Params
from fnn.optimizers.library import Optimizer, OptimizerState, gradient_descent
from fnn.optimizers.regularization import OF_ALL, Restraints
from fnn.values import Value

Settings: TypeAlias = Mapping[str, str]


def run_identity(
    params: Params[Any],
    cases: CaseArrays[Any] | BatchStream[Any],
    held_out: CaseArrays[Any] | None,
    loss: Loss,
    mean: bool,
    optimizer: Optimizer,
    restraints: Restraints,
    batch_size: int,
    seed: int,
    scale: float,
    state: OptimizerState[Any] | None,
    stopping: Mapping[str, object],
) -> Settings:
    """Those of a run, checked, in the order in which they are compared."""
    is_plain = isinstance(optimizer, gradient_descent)
    vectors = [] if state is None else [fingerprint(vector.flat) for vector in state.vectors]
    validation = "None"
    if held_out is not None:
        is_own = held_out.chosen.size == 0  # else which cases those are follows from the seed
        validation = ", ".join(fingerprints(held_out).values()) if is_own else f"{held_out.number} of all cases"

    return {
        "dtype": params.dtype.name,
        "sizes": str(list(params.sizes)),
        "activations": str([f.name for f in params.activations]),
        "eta" if is_plain else "optimizer": describe(optimizer.rate if is_plain else optimizer),
        "loss": describe(loss),
        "reduction": "mean" if mean else "sum",
        "batch_size": str(batch_size or "None"),
        "seed": str(seed),
        "scale": repr(scale),
        **_of_restraints(restraints),
        **{f"stopping: {name}": describe(value) for name, value in stopping.items() if name != "seconds"},
        "params": fingerprint(params.flat),
        "state": "None" if state is None else f"after {state.step} steps, {', '.join(vectors) or 'no vectors'}",
        **(fingerprints(cases) if isinstance(cases, CaseArrays) else cases.words),
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


def require_same(path: str, theirs: Settings, ours: Settings) -> None:
    """Raise ValueError, which names the first difference, unless a file is of a run with the same settings."""
    for (its, there), (name, here) in zip(theirs.items(), ours.items(), strict=False):
        if (its, there) != (name, here):
            wanted = here if its == name else f"{name} {here}"
            raise ValueError(f"checkpoint: {path} is of a run with {its} {there}, this one has {wanted}")
    if len(theirs) != len(ours):
        raise ValueError(f"checkpoint: {path} is of a run with {len(theirs)} settings, this one has {len(ours)}")


def _of_restraints(restraints: Restraints) -> Settings:
    found = {field.name: describe(getattr(restraints, field.name)) for field in fields(restraints)}
    del found["dropped"]
    mask = "None" if restraints.mask is None else fingerprint(restraints.mask)

    return found | {"dropout": str([round(n / OF_ALL, 15) for n in restraints.dropped]), "mask": mask}
