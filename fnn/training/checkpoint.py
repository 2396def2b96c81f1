"""Checkpoints: a run in a file, from which it goes on as if it had never been interrupted.

A checkpoint is an archive (see `fnn.io.archive`). Its description holds the settings that the result follows from, in
words, and the place in the run; its arrays are the parameters, the optimizer's vectors and the history so far. The
order of the cases and what is dropped are functions of the seed and the place.
"""

from __future__ import annotations

import os
import re
import time
import warnings
from collections.abc import Mapping
from dataclasses import KW_ONLY
from typing import Annotated, Any, Final, Generic, NamedTuple, SupportsFloat, TypeAlias

import numpy as np
from numpy.typing import NDArray

from fnn.checks import real
from fnn.io.archive import (
    Archive,
    Description,
    Spec,
    little_endian,
    open_archive,
    require_arrays,
    text_of,
    write_archive,
)
from fnn.io.atomic import remove_leftovers, replacing
from fnn.network.params import DT
from fnn.training.history import Ending
from fnn.training.recorder import Recorder
from fnn.training.steps import BatchStepper, Snapshot
from fnn.training.stopping import Stopper
from fnn.training.stream_steps import StreamStepper
from fnn.values import Value

_FORMAT: Final = 1
_KEYS: Final = ["fnn", "format", "settings", "place", "arrays"]
_SELDOM, _PART = 10.0, 0.01  # seconds from one to the next, and the part of the time that they may take
_MOST: Final = 2**48  # elements along an axis
_NUMBERS: Final = {kind: np.dtype(kind) for kind in ("float32", "float64", "int64")}
_ENDINGS: Final = (None, "callback", "patience", "target_error", "seconds")

Arrays: TypeAlias = dict[str, NDArray[Any]]
Settings: TypeAlias = Mapping[str, str]  # what a run's result follows from, in words


def _path(name: str, value: str | os.PathLike[str]) -> str:
    if not isinstance(value, str | os.PathLike) or not isinstance(os.fspath(value), str):
        raise TypeError(f"{name}: needs a path, got {value!r}")

    return os.fspath(value)


def _spacing(name: str, value: SupportsFloat | None) -> float | None:
    return None if value is None else real(name, value, at_least=0)


class Checkpoint(Value):
    """Where `train` keeps a run, and how often.

    Parameters
    ----------
    path
        A file of any name. ``np.load`` can read it if that ends in .npz.
    seconds
        At least so many from one time to the next, at least 0; None: ten, or a hundred times as long as it takes.

    Raises
    ------
    ValueError, TypeError
        A number out of range, or none; a path that is none.
    """

    path: Annotated[str | os.PathLike[str], _path]
    _: KW_ONLY
    seconds: Annotated[float | None, _spacing] = None


class Position(NamedTuple):
    """Where a run stands beside its `BatchStepper`."""

    seen: Snapshot  # at the last end of an epoch that somebody has looked at
    called: int  # the epoch after which the callback was called last,
    told: int  # and the step after which the other one was
    stop_reason: Ending | None


class Checkpointer(Generic[DT]):
    """Writes a run to its checkpoint as it goes, and brings it back."""

    def __init__(
        self,
        rules: Checkpoint,
        settings: Settings,
        stepper: BatchStepper[DT],
        recorder: Recorder[DT],
        stopper: Stopper[DT],
    ) -> None:
        self._rules, self._settings, self._stepper = rules, settings, stepper
        self._path = os.fspath(rules.path)
        self._parts: dict[str, Recorder[DT] | Stopper[DT] | StreamStepper[DT]] = {
            "watch": recorder,
            "stopping": stopper,
        }
        if isinstance(stepper, StreamStepper):
            self._parts["stream"] = stepper
            stepper.digest = 0
        self._due = 0.0
        self._written: Description = {}

    @property
    def is_due(self) -> bool:
        """Whether it is time to write again."""
        return time.monotonic() >= self._due

    def resume(self, beginning: Snapshot, epochs: int) -> Position:
        """Go on from the file if there is one, else write the first.

        Raises
        ------
        ValueError
            The file is damaged, or of another run; it is left as it is.
        OSError
            The file can't be read, or written.
        """
        path = self._path
        remove_leftovers(path)
        try:
            with open_archive(path) as archive:
                settings, at, specs = _described(archive)
                require_same(path, settings, self._settings)
                arrays = _read(archive, specs)
        except FileNotFoundError:
            position = Position(beginning, 0, 0, None)
            self._write(position)
            return position
        if max(at["epoch"], at["seen"]) > epochs:
            raise ValueError(f"checkpoint: {path} is of a run that has done {at['epoch']} epochs, more than {epochs}")
        try:
            position = self._restored(at, arrays, beginning, epochs)
        except ValueError as error:
            raise ValueError(f"checkpoint: {path} is damaged: {error}") from None
        if not self._stepper.catch_up():
            raise ValueError(f"checkpoint: {path} is of a run whose batches in epoch {at['epoch'] + 1} were others")
        self._written = self._description(position, self._arrays(position))
        self._put_off(0.0)

        return position

    def write(self, position: Position) -> None:
        """Write the run as it is now; a warning if the file can't be written, for the run is worth more than that."""
        try:
            self._write(position)
        except OSError as error:
            self._put_off(0.0)
            warnings.warn(f"checkpoint: {self._path} wasn't written: {error}", RuntimeWarning, stacklevel=2)

    def _write(self, position: Position) -> None:
        began = time.monotonic()
        arrays = self._arrays(position)
        description = self._description(position, arrays)
        if description == self._written or not np.isfinite(arrays["params"]).all():
            return  # what is no longer finite could not go on
        text = text_of(description)
        with replacing(self._path) as file:
            write_archive(file, text, arrays.items())
        self._written = description
        self._put_off(time.monotonic() - began)

    def _put_off(self, took: float) -> None:
        seconds = self._rules.seconds
        self._due = time.monotonic() + (max(_SELDOM, took / _PART) if seconds is None else seconds)

    def _arrays(self, position: Position) -> Arrays:
        stepper = self._stepper
        now, seen = stepper.snapshot(), position.seen
        arrays = {"params": now.flat, "vectors": stepper.vectors(now), "sums": np.array(now.sums)}
        arrays["history"] = stepper.history[: now.epoch]
        if _is_apart(seen.epoch, now.epoch, now.cases):
            arrays |= {"seen_params": seen.flat, "seen_vectors": stepper.vectors(seen)}
        for part, kept in self._parts.items():
            arrays |= {f"{part}_{name}": array for name, array in kept.arrays().items()}

        return arrays

    def _description(self, position: Position, arrays: Arrays) -> Description:
        stepper = self._stepper
        at = {
            "epoch": stepper.epoch, "cases": stepper.cases, "seen": position.seen.epoch, "called": position.called,
            "told": position.told, "stop_reason": position.stop_reason,
        }  # fmt: skip
        specs = [[name, array.dtype.name, list(array.shape)] for name, array in arrays.items()]

        return dict(zip(_KEYS, ("checkpoint", _FORMAT, dict(self._settings), at, specs), strict=True))

    def _restored(self, at: dict[str, Any], arrays: Arrays, beginning: Snapshot, epochs: int) -> Position:
        stepper, epoch, cases, seen = self._stepper, at["epoch"], at["cases"], at["seen"]
        count, dtype = beginning.flat.size, beginning.flat.dtype
        vectors = (stepper.states, count)
        is_apart = _is_apart(seen, epoch, cases)
        specs: dict[str, tuple[type[Any], tuple[int, ...]]] = {
            "params": (dtype.type, (count,)), "vectors": (dtype.type, vectors), "sums": (np.float64, (2,)),
            "history": (np.float64, (epoch,)),
        }  # fmt: skip
        if is_apart:
            specs |= {"seen_params": (dtype.type, (count,)), "seen_vectors": (dtype.type, vectors)}
        own = {name: arrays.pop(name) for name in specs if name in arrays}
        require_arrays(own, specs, finite=["params", "sums", "history", *(["seen_params"] if is_apart else [])])
        if seen > epoch or (epoch == epochs and cases) or not stepper.is_boundary(cases):
            raise ValueError(f"there is no such place as epoch {epoch}, case {cases}, of which epoch {seen} was seen")

        now = Snapshot(epoch, own["params"], beginning.state, cases, tuple(own["sums"].tolist()))
        now = stepper.with_vectors(now, own["vectors"])
        then = now if seen else beginning
        if is_apart:
            then = stepper.with_vectors(Snapshot(seen, own["seen_params"], beginning.state), own["seen_vectors"])
        stepper.history[:epoch] = own["history"]
        stepper.start(now)
        for part, kept in self._parts.items():
            names = [name for name in arrays if name.startswith(f"{part}_")]
            kept.restore({name.removeprefix(f"{part}_"): arrays.pop(name) for name in names}, stepper, seen)
        if arrays:
            raise ValueError(f"it has an array {min(arrays)}, which this run has no use for")
        recorder = self._parts["watch"]
        assert isinstance(recorder, Recorder)
        for error in recorder.errors(stepper, seen) if stepper.listens else ():
            stepper.observe(error)
        stop_reason = (
            None if at["stop_reason"] == "seconds" else at["stop_reason"]
        )  # there may be more of them this time

        return Position(then, at["called"], at["told"], stop_reason)


def _is_apart(seen: int, epoch: int, cases: int) -> bool:
    """Whether the last end of an epoch that was looked at is neither the beginning nor the present."""
    return seen > 0 and (seen, 0) != (epoch, cases)


def _described(archive: Archive) -> tuple[Settings, dict[str, Any], list[Spec]]:
    """The settings, the place and what arrays there are; ValueError, which names the file, if it isn't a checkpoint."""
    path, description = archive.path, archive.description
    if description.get("fnn") != "checkpoint":
        raise ValueError(f"checkpoint: {path} holds no checkpoint of fnn")
    if (version := description.get("format")) != _FORMAT:
        raise ValueError(f"checkpoint: {path} has format {version!r:.40}, but this version of fnn knows only {_FORMAT}")
    settings, position, arrays = (description.get(key) for key in _KEYS[2:])
    if list(description) == _KEYS and isinstance(settings, dict) and isinstance(arrays, list) and _is_text(settings):
        return settings, _position_of(path, position), _specs_of(path, arrays)
    raise ValueError(f"checkpoint: {path} is damaged: its description isn't that of a checkpoint")


def _is_text(settings: dict[str, object]) -> bool:
    return all(isinstance(text, str) for text in settings.values())


def _position_of(path: str, position: object) -> dict[str, Any]:
    names = ["epoch", "cases", "seen", "called", "told", "stop_reason"]
    if isinstance(position, dict) and list(position) == names:
        numbers = list(position.values())[:-1]
        if all(type(n) is int and 0 <= n < 2**63 for n in numbers) and position["stop_reason"] in _ENDINGS:
            return position
    raise ValueError(f"checkpoint: {path} is damaged: it describes no place in a run, but {position!r:.100}")


def _specs_of(path: str, arrays: list[Any]) -> list[Spec]:
    """Names, shapes and dtypes; ValueError if one of them isn't what a checkpoint may hold."""
    found: list[Spec] = []
    for array in arrays:
        if not _is_spec(array):
            raise ValueError(f"checkpoint: {path} is damaged: it describes an array as {array!r:.100}")
        name, dtype, shape = array
        found.append((name, tuple(shape), _NUMBERS[dtype]))
    if len({name for name, _, _ in found}) < len(found):
        raise ValueError(f"checkpoint: {path} is damaged: it describes two arrays of one name")

    return found


def _is_spec(array: object) -> bool:
    if not isinstance(array, list) or len(array) != 3:
        return False
    name, dtype, shape = array
    if not (isinstance(name, str) and re.fullmatch("[a-z_]{1,40}", name)) or not isinstance(shape, list):
        return False
    is_shape = len(shape) <= 2 and all(type(n) is int and 0 <= n < _MOST for n in shape)

    return is_shape and isinstance(dtype, str) and dtype in _NUMBERS


def _read(archive: Archive, specs: list[Spec]) -> Arrays:
    """All arrays of the file, which takes no more memory than the file is long."""
    archive.expect(specs)
    arrays = {name: np.empty(shape, little_endian(dtype)) for name, shape, dtype in specs}
    archive.fill(arrays.items())

    return {name: array.astype(array.dtype.newbyteorder("="), copy=False) for name, array in arrays.items()}


def require_same(path: str, theirs: Settings, ours: Settings) -> None:
    """Raise ValueError, which names the first difference, unless a file is of a run with the same settings."""
    for (its, there), (name, here) in zip(theirs.items(), ours.items(), strict=False):
        if (its, there) != (name, here):
            wanted = here if its == name else f"{name} {here}"
            raise ValueError(f"checkpoint: {path} is of a run with {its} {there}, this one has {wanted}")
    if len(theirs) != len(ours):
        raise ValueError(f"checkpoint: {path} is of a run with {len(theirs)} settings, this one has {len(ours)}")
