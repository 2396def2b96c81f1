"""The validation set of a run: the caller's, or a part of the cases that isn't trained on."""

from __future__ import annotations

from typing import SupportsFloat

import numpy as np
from numpy.typing import ArrayLike, NDArray

from fnn.checks import number
from fnn.data.cases import require_weight
from fnn.data.rows import CaseArrays
from fnn.losses.loss import Loss
from fnn.network.params import DT, Params
from fnn.training.evaluator import Evaluator
from fnn.training.shared_inputs import Shared


def split_off(
    params: Params[DT],
    batch: CaseArrays[DT],
    validation: tuple[ArrayLike, ArrayLike] | SupportsFloat | None,
    loss: Loss,
    seed: int,
    scale: SupportsFloat,
    shared: Shared,
) -> tuple[CaseArrays[DT], CaseArrays[DT] | None]:
    """The cases to train on, and those to validate on; no case is copied."""
    if validation is None:
        return batch, None
    if not isinstance(validation, SupportsFloat) or isinstance(validation, bool | np.bool_ | np.ndarray):
        return batch, own_set(params, validation, loss, scale, shared, ", or which part of the cases")
    fraction, count = number("validation", validation), len(batch.x)
    if not 0 < fraction < 1:
        raise ValueError(f"validation: the part of the cases must be above 0 and below 1, got {fraction}")
    some = round(fraction * count)
    if not 0 < some < count:
        raise ValueError(f"validation: {fraction} of {count} cases leaves none to validate or to train on")
    is_held_out = drawn(some, count, seed)
    rest, held_out = (batch._replace(chosen=np.flatnonzero(part)) for part in (~is_held_out, is_held_out))
    require_weight(params, rest)
    require_weight(params, held_out, "validation ")

    return rest, held_out


def own_set(
    params: Params[DT], validation: object, loss: Loss, scale: SupportsFloat, shared: Shared, otherwise: str = ""
) -> CaseArrays[DT]:
    """The caller's own validation set; `otherwise` is what it might be instead, for the error if it is none."""
    if not isinstance(validation, tuple) or len(validation) != 2:
        raise TypeError(f"validation: needs a tuple (x, y){otherwise}, got {validation!r:.60}")

    return shared.batch(params, *validation, None, loss, None, scale, "validation ")


def drawn(some: int, count: int, seed: int) -> NDArray[np.bool_]:
    """Which ones are some of `count` cases, drawn at random: a function of the seed, the same on every machine."""
    numbers = np.random.PCG64((seed, 1)).random_raw(count)  # 1: apart from what `init` draws with the same seed
    chosen = np.zeros(count, np.bool_)
    chosen[np.argsort(numbers, kind="stable")[:some]] = True

    return chosen


def evaluator_for(
    params: Params[DT], held_out: CaseArrays[DT] | None, loss: Loss, mean: bool, threads: int | None
) -> Evaluator[DT] | None:
    """Who measures the network on the validation set, if there is one."""
    if held_out is None:
        return None

    return Evaluator(params._architecture, params.dtype, held_out, loss, mean, threads)
