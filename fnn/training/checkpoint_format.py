"""The format of checkpoints, and the checks of a file that may be damaged or hostile.

A checkpoint is an archive (see `fnn.io.archive`). Its description has these keys, in this order:

- ``fnn``: "checkpoint"; ``format``: 4
- ``settings``: what the result follows from, in words (see `fnn.training.task.run_identity`)
- ``place``: a `Place`
- ``arrays``: name, dtype and shape of each array

Its arrays are

- ``params``, and ``step``, ``vectors`` and, if there are any, ``numbers`` of the optimizer's state, the vectors in the
  order of `Params.flat`
- ``sums``: Σ_c w_c E_c and Σ_c w_c of the current epoch's cases
- ``history``: the error per case of each epoch that has ended
- ``snapshot_params``, ``.._step``, ``.._vectors``: those after ``snapshot_epoch``, if that is neither 0 nor the place
- ``recorder_..``: validation measures and times (`Recorder.arrays`)
- ``stopper_..``: what patience counts, and the best parameters (`Stopper.arrays`)
- ``stepper_..``: the place in an iterable of batches (`StreamStepper.arrays`), or the epochs that schedules go over
  (`RateObserver.arrays`), or what a solver tells of each epoch (`SolverStepper.arrays`)

The order of the cases and what dropout drops are functions of the seed and the place.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final, NamedTuple, TypeAlias, get_args

import numpy as np
from numpy.typing import NDArray

from fnn.io.archive import Archive, Description, Spec, little_endian
from fnn.network.params import DT, Params, wrap
from fnn.optimizers.optimizer import OptimizerState
from fnn.training.history import Ending

Arrays: TypeAlias = dict[str, NDArray[Any]]
ArraySpecs: TypeAlias = dict[str, tuple[type[Any], tuple[int, ...]]]  # dtype and shape
Settings: TypeAlias = Mapping[str, str]

_FORMAT: Final = 4
_KEYS: Final = ["fnn", "format", "settings", "place", "arrays"]
_MAX_LENGTH: Final = 2**48  # of an axis
_DTYPES: Final = {kind: np.dtype(kind) for kind in ("float32", "float64", "int64")}
_STOP_REASONS: Final = {None, *get_args(Ending)} - {"epochs", "interrupted"}


class Place(NamedTuple):
    """Where a run stands."""

    epoch: int  # epochs that have ended
    cases: int  # of the current epoch that are done
    snapshot_epoch: int  # the last one whose end was processed
    callback_epoch: int  # after which callbacks of epochs were called last
    callback_step: int  # after which callbacks of steps were called last
    stop_reason: Ending | None


def header(settings: Settings, place: Place, arrays: Arrays) -> Description:
    """The description of a checkpoint."""
    specs = [[name, array.dtype.name, list(array.shape)] for name, array in arrays.items()]

    return dict(zip(_KEYS, ("checkpoint", _FORMAT, dict(settings), place._asdict(), specs), strict=True))


def read(archive: Archive, ours: Settings) -> tuple[Place, Arrays]:
    """Place and arrays of an archive, in no more memory than it is long; ValueError unless it is of such a run."""
    path, description = archive.path, archive.description
    if description.get("fnn") != "checkpoint":
        raise ValueError(f"{path} holds no checkpoint of fnn")
    if (version := description.get("format")) != _FORMAT:
        raise ValueError(f"{path} has format {version!r:.40}, but this version of fnn knows only {_FORMAT}")
    settings, place, arrays = (description.get(key) for key in _KEYS[2:])
    if not (
        list(description) == _KEYS and isinstance(settings, dict) and isinstance(arrays, list)
        and all(isinstance(text, str) for text in settings.values())
    ):  # fmt: skip
        raise ValueError(f"{path} is damaged: its description isn't that of a checkpoint")
    checked, specs = _place_of(path, place), _specs_of(path, arrays)
    _require_same(path, settings, ours)
    archive.expect(specs)
    values = {name: np.empty(shape, little_endian(dtype)) for name, shape, dtype in specs}
    archive.fill(values.items())

    return checked, {name: array.astype(array.dtype.newbyteorder("="), copy=False) for name, array in values.items()}


def _place_of(path: str, place: object) -> Place:
    if isinstance(place, dict) and list(place) == list(Place._fields):
        *numbers, stop_reason = place.values()
        is_text = stop_reason is None or isinstance(stop_reason, str)
        if all(type(n) is int and 0 <= n < 2**63 for n in numbers) and is_text and stop_reason in _STOP_REASONS:
            return Place(**place)
    raise ValueError(f"{path} is damaged: it describes no place in a run, but {place!r:.100}")


def _specs_of(path: str, arrays: list[object]) -> list[Spec]:
    specs = [_spec_of(path, array) for array in arrays]
    if len({name for name, _, _ in specs}) < len(specs):
        raise ValueError(f"{path} is damaged: it describes two arrays of one name")

    return specs


def _spec_of(path: str, array: object) -> Spec:
    """Name, shape and dtype of an array, or ValueError if it isn't what a checkpoint may hold."""
    match array:
        case [str(name), str(dtype), list(shape)] if re.fullmatch("[a-z_]{1,40}", name) and dtype in _DTYPES:
            if len(shape) <= 2 and all(type(n) is int and 0 <= n < _MAX_LENGTH for n in shape):
                return name, tuple(shape), _DTYPES[dtype]
    raise ValueError(f"{path} is damaged: it describes an array as {array!r:.100}")


def _require_same(path: str, theirs: Settings, ours: Settings) -> None:
    """Raise ValueError, which names the first difference, unless a file is of a run with the same settings."""
    for (their_name, there), (name, here) in zip(theirs.items(), ours.items(), strict=False):
        if (their_name, there) != (name, here):
            own = here if their_name == name else f"{name} {here}"
            raise ValueError(
                f"{path} is of a run with {their_name} {there}, this one has {own}; name another file, or delete this"
            )
    if len(theirs) != len(ours):
        raise ValueError(f"{path} is of a run with {len(theirs)} settings, this one has {len(ours)}")


def state_arrays(prefix: str, params: Params[DT], state: OptimizerState[DT]) -> Arrays:
    """Parameters and the optimizer's state as arrays."""
    count = params.flat_buffer.size
    vectors = np.array([vector.flat_buffer for vector in state.vectors], params.dtype).reshape(-1, count)

    arrays = {f"{prefix}params": params.flat_buffer, f"{prefix}step": np.array(state.step), f"{prefix}vectors": vectors}

    return arrays | ({f"{prefix}numbers": np.array(state.numbers)} if state.numbers else {})


def state_specs(prefix: str, params: Params[DT], state: OptimizerState[DT]) -> ArraySpecs:
    """The dtypes and shapes of such arrays."""
    dtype, count = params.dtype.type, params.flat_buffer.size
    vectors = dtype, (len(state.vectors), count)

    specs: ArraySpecs = {
        f"{prefix}params": (dtype, (count,)), f"{prefix}step": (np.int64, ()), f"{prefix}vectors": vectors
    }  # fmt: skip

    return specs | ({f"{prefix}numbers": (np.float64, (len(state.numbers),))} if state.numbers else {})


def state_from(prefix: str, arrays: Arrays, like: Params[DT]) -> tuple[Params[DT], OptimizerState[DT]]:
    """The parameters and the state that `state_arrays` was called with."""
    architecture = like.architecture
    vectors = tuple(wrap(vector, architecture) for vector in arrays[f"{prefix}vectors"])

    numbers = tuple(arrays.get(f"{prefix}numbers", np.empty(0)).tolist())
    state = OptimizerState(int(arrays[f"{prefix}step"]), vectors, numbers)

    return wrap(arrays[f"{prefix}params"], architecture), state
