"""The validation set of a run: the caller's, or a fraction of the cases that isn't trained on."""

from __future__ import annotations

from typing import SupportsFloat

import numpy as np
from numpy.typing import ArrayLike, NDArray

from fnn.checks import number, prefixed
from fnn.data.cases import Cases
from fnn.data.conversion import require_weight
from fnn.data.rows import CaseArrays
from fnn.losses.loss import Loss
from fnn.network.params import DT, Params


def split(
    params: Params[DT], cases: Cases, validation: Cases | tuple[ArrayLike, ArrayLike] | SupportsFloat | None,
    loss: Loss, seed: int,
) -> tuple[CaseArrays[DT], CaseArrays[DT] | None]:  # fmt: skip
    """The cases to train on, and those to validate on; no case is copied."""
    arrays = cases.arrays(params, loss)
    if not isinstance(validation, SupportsFloat) or isinstance(validation, bool | np.bool_ | np.ndarray):
        return arrays, held_out_cases(params, validation, loss, cases.scale, ", or the fraction of the cases")
    fraction, count = number("validation", validation), len(arrays.x)
    if not 0 < fraction < 1:
        raise ValueError(f"validation: the fraction of the cases must be in (0, 1), got {fraction}")
    some = round(fraction * count)
    if not 0 < some < count:
        raise ValueError(f"validation: {fraction} of {count} cases leaves none to validate or to train on")
    is_held_out = drawn(some, count, seed)
    rest, held_out = (arrays._replace(chosen=np.flatnonzero(part)) for part in (~is_held_out, is_held_out))
    require_weight(params, rest)
    with prefixed("validation "):
        require_weight(params, held_out)

    return rest, held_out


def held_out_cases(
    params: Params[DT], validation: object, loss: Loss, scale: float, otherwise: str = ""
) -> CaseArrays[DT] | None:
    """The caller's own validation set; `otherwise` is what it might be instead, for the error if it is none."""
    if validation is None:
        return None
    with prefixed("validation "):
        if isinstance(validation, tuple) and len(validation) == 2:
            if scale != 1:
                raise ValueError(f"x: say whether it has the scale {scale} of x, too: fnn.Cases(x, y, scale=..)")
            validation = Cases(*validation)
        if isinstance(validation, Cases):
            return validation.arrays(params, loss)
    raise TypeError(f"validation: needs fnn.Cases or a tuple (x, y){otherwise}, got {validation!r:.60}")


def drawn(some: int, count: int, seed: int) -> NDArray[np.bool_]:
    """Which ones are some of `count` cases, drawn at random: a function of the seed, the same on every machine."""
    numbers = np.random.PCG64((seed, 1)).random_raw(count)  # 1: apart from what `init` draws with the same seed
    chosen = np.zeros(count, np.bool_)
    chosen[np.argsort(numbers, kind="stable")[:some]] = True

    return chosen
