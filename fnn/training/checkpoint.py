"""Checkpoints: a run in a file (see `checkpoint_format`), from which it goes on as if it had never been interrupted."""

from __future__ import annotations

import os
import time
import warnings
from dataclasses import KW_ONLY
from typing import Annotated, Final, Generic

import numpy as np

from fnn.boundary.checks import path_of, prefixed
from fnn.io.archive import Description, open_archive, require_arrays, text_of, write_archive
from fnn.io.atomic import remove_leftovers, replacing
from fnn.network.params import DT
from fnn.training.checkpoint_format import Arrays, Place, Settings, header, read, state_arrays, state_from, state_specs
from fnn.training.ranks.team import Team
from fnn.training.recorder import Recorder
from fnn.training.steppers.stepper import Snapshot, Stepper
from fnn.training.stopping import Stopper
from fnn.values import OptionalAtLeast0, Value

_INTERVAL: Final = 10.0  # seconds from one writing to the next, by default, or longer if they would
_PART: Final = 0.01  # take more than this part of the time


class Checkpoint(Value):
    """Where `train` keeps a run, and how often it is written.

    Parameters
    ----------
    path
        A plain file of any name, or a link to one, relative to the folder in which the run starts. ``np.load`` can read
        it if that ends in .npz.
    seconds
        The time from one writing to the next, at least 0; None: ten seconds, or a hundred times what writing takes.

    Raises
    ------
    ValueError, TypeError
        Seconds out of range or of another type; a path that is none.
    """

    path: Annotated[str | os.PathLike[str], path_of]
    _: KW_ONLY
    seconds: OptionalAtLeast0 = None


class Checkpointer(Generic[DT]):
    """Writes a run to its checkpoint, and restores it."""

    def __init__(
        self, rules: Checkpoint, settings: Settings, stepper: Stepper[DT], recorder: Recorder[DT], stopper: Stopper[DT]
    ) -> None:
        self._rules, self._settings = rules, settings
        self._path = os.path.abspath(rules.path)  # a callback may change the folder
        self._stepper, self._recorder, self._stopper = stepper, recorder, stopper
        self._due = 0.0
        self._written: Description = {}

    @property
    def is_due(self) -> bool:
        """Whether it is time to write again."""
        return time.monotonic() >= self._due

    def resume(self, beginning: Snapshot[DT], epochs: int, team: Team) -> tuple[Snapshot[DT], Place]:
        """Go on from the file if there is one, else write the first; return the last snapshot and the place.

        Only rank 0 reads and writes. ValueError if the file is damaged, of another run or no plain file; OSError if it
        can't be read, or written.
        """
        path, found = self._path, team.call(self._read)
        if found is None:
            place = Place(0, 0, 0, 0, 0, None)
            team.call(lambda: self._write(beginning, place))
            return beginning, place
        place, arrays = found
        if max(place.epoch, place.snapshot_epoch) > epochs:
            raise ValueError(
                f"checkpoint: {path} is of a run that has done {place.epoch} epochs, more than {epochs}; name another "
                "file, or delete this"
            )
        try:
            last = self._restore(place, arrays, beginning, epochs)
        except ValueError as error:
            raise ValueError(f"checkpoint: {path} is damaged: {error}") from None
        if not self._stepper.catch_up():
            raise ValueError(f"checkpoint: {path} is of a run whose batches in epoch {place.epoch + 1} were others")
        if place.stop_reason == "seconds":  # this time there may be more
            place = place._replace(stop_reason=None)
        self._written = header(self._settings, place, self._arrays(last))
        self._put_off(0.0)

        return last, place

    def _read(self) -> tuple[Place, Arrays] | None:
        """What the file holds; None if there is none."""
        remove_leftovers(self._path)
        try:
            with prefixed("checkpoint: "), open_archive(self._path) as archive:
                return read(archive, self._settings)
        except FileNotFoundError:
            return None

    def write(self, last: Snapshot[DT], place: Place) -> None:
        """Write the run as it is now; warn if the file can't be written, for the run is worth more than that."""
        try:
            self._write(last, place)
        except OSError as error:
            self._put_off(0.0)
            warnings.warn(f"checkpoint: {self._path} wasn't written: {error}", RuntimeWarning, stacklevel=2)

    def _write(self, last: Snapshot[DT], place: Place) -> None:
        began, arrays = time.monotonic(), self._arrays(last)
        description = header(self._settings, place, arrays)
        if description == self._written or not np.isfinite(arrays["params"]).all():
            return  # a run that has diverged could not go on
        text = text_of(description)
        with replacing(self._path) as file:
            write_archive(file, text, arrays.items())
        self._written = description
        self._put_off(time.monotonic() - began)

    def _put_off(self, took: float) -> None:
        seconds = self._rules.seconds
        self._due = time.monotonic() + (max(_INTERVAL, took / _PART) if seconds is None else seconds)

    def _arrays(self, last: Snapshot[DT]) -> Arrays:
        now = self._stepper.snapshot()
        arrays = state_arrays("", now.params, now.state)
        arrays |= {"sums": np.array(now.sums), "history": self._stepper.history[: now.epoch]}
        if _is_apart(last.epoch, now.epoch, now.cases):
            arrays |= state_arrays("snapshot_", last.params, last.state)
        for part, values in (("recorder", self._recorder), ("stopper", self._stopper), ("stepper", self._stepper)):
            arrays |= {f"{part}_{name}": array for name, array in values.arrays().items()}

        return arrays

    def _restore(self, place: Place, arrays: Arrays, beginning: Snapshot[DT], epochs: int) -> Snapshot[DT]:
        """Bring the parts of the run to where they were; ValueError if they can't have been there."""
        stepper, (epoch, cases, last_epoch) = self._stepper, place[:3]
        if not place.callback_epoch <= last_epoch <= epoch or (epoch == epochs and cases):
            raise ValueError(f"there is no such place in a run: {place}")
        is_apart = _is_apart(last_epoch, epoch, cases)
        specs = state_specs("", beginning.params, beginning.state)
        specs |= {"sums": (np.float64, (2,)), "history": (np.float64, (epoch,))}
        if is_apart:
            specs |= state_specs("snapshot_", beginning.params, beginning.state)
        own = {name: arrays.pop(name) for name in specs if name in arrays}
        require_arrays(own, specs, finite=["params", "sums", "history", *(["snapshot_params"] if is_apart else [])])
        total, weight = own["sums"].tolist()
        now = Snapshot(epoch, *state_from("", own, beginning.params), cases, (total, weight))
        stepper.resume(now, own["history"], _part(arrays, "stepper"))
        if place.callback_step > stepper.steps:
            raise ValueError(f"callback_step: needs at most {stepper.steps}, got {place.callback_step}")
        self._recorder.restore(_part(arrays, "recorder"), stepper, last_epoch)
        self._stopper.restore(_part(arrays, "stopper"), stepper, last_epoch)
        if arrays:
            raise ValueError(f"it has an array {min(arrays)}, which this run has no use for")
        for error in self._recorder.errors(stepper, last_epoch) if stepper.rate.observes_errors else ():
            stepper.rate.observe(error)
        if is_apart:
            params, state = state_from("snapshot_", own, beginning.params)
            if state.step != (needed := stepper.first_steps(last_epoch + 1)[-1]):
                raise ValueError(f"snapshot_step: needs {needed}, got {state.step}")
            return Snapshot(last_epoch, params, state)

        return now if last_epoch else beginning


def _is_apart(last_epoch: int, epoch: int, cases: int) -> bool:
    """Whether the last end of an epoch that was processed is neither the beginning nor the present."""
    return last_epoch > 0 and (last_epoch, 0) != (epoch, cases)


def _part(arrays: Arrays, name: str) -> Arrays:
    """The arrays of one part of the run, taken from all."""
    names = [key for key in arrays if key.startswith(f"{name}_")]

    return {key.removeprefix(f"{name}_"): arrays.pop(key) for key in names}
