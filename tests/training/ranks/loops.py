"""Runs of the loop under ``mpiexec``: ``python -m tests.training.ranks.loops FOLDER``; rank 0 prints JSON.

The stepper is one in Python, whose gradients are sums along the tree.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import signal
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

import fnn
from fnn.equations.objective import objective_of
from fnn.network.params import wrap
from fnn.training.callbacks import Callbacks
from fnn.training.checkpoint import Checkpointer
from fnn.training.evaluator import Evaluator
from fnn.training.interrupt import Interrupt
from fnn.training.loop import Loop
from fnn.training.ranks.shards import forest, shard_start, shards_of
from fnn.training.ranks.team import Team, team_of
from fnn.training.ranks.tree import TAIL, TreeSum
from fnn.training.recorder import Recorder
from fnn.training.steppers.call_tuner import CallTuner
from fnn.training.stopping import Stopper
from tests.training.python_stepper import PythonStepper

SHARDS = 8
PARAMS = fnn.init((3, 6, 2), seed=1, output=fnn.identity)
X, Y = np.random.default_rng(1).normal(size=(40, 3)), np.random.default_rng(2).uniform(0.1, 0.9, (40, 2))
ENDLESS = 10_000_000
Trial = Callable[[Team, Path], Loop[Any]]


class SummedStepper(PythonStepper):
    """Gradient descent, all cases a step, summed along the tree."""

    def __init__(self, team: Team, eta: float, epochs: int) -> None:
        super().__init__(PARAMS, X, Y, eta, epochs)
        self._team, self._nodes = team, forest(*shards_of(team.rank, team.size, SHARDS))
        self._rows = np.zeros((len(self._nodes), PARAMS.flat.nbytes + TAIL), np.uint8)
        self._sum = TreeSum(team, SHARDS, self._rows, PARAMS.dtype, len(PARAMS.flat))
        self.fails_at = self.interrupts_at = ENDLESS

    def run(
        self, steps: int, threads: int, *, seconds: float = 0.0, interrupt: Interrupt | None = None
    ) -> tuple[int, float]:
        if self.epoch >= self.fails_at:
            raise MemoryError("no room for a step")
        self._team.meet()  # what is above may fail on one rank
        count, interrupted = 0, False
        while count < steps and not (self.diverged or interrupted):
            if self.epoch == self.interrupts_at:
                press()
                press()
            for row, node in zip(self._rows, self._nodes, strict=True):
                error, grads = self._node(*node)
                row[:-TAIL] = grads.flat.view(np.uint8)
                row[-TAIL:].view(np.float64)[:2] = error, self._interrupted
            self._sum.sum()
            error, interrupted = self._rows[0, -TAIL:].view(np.float64)[:2]
            grads = wrap(self._rows[0, :-TAIL].copy().view(PARAMS.dtype), PARAMS.architecture)
            self._params = fnn.update(self._params, grads, self.eta)
            self.diverged = not np.isfinite(error)
            if not self.diverged:
                self.history[self.epoch] = error / len(X)
                self.epoch, count = self.epoch + 1, count + 1
        self._interrupted = False

        return count, 1e-4 * count

    def _node(self, first: int, size: int) -> tuple[float, fnn.Params[Any]]:
        if size == 1:
            a, b = (shard_start(shard, len(X), SHARDS) for shard in (first, first + 1))
            return fnn.value_and_grad(self._params, X[a:b], Y[a:b])
        (error, grads), (error2, grads2) = self._node(first, size // 2), self._node(first + size // 2, size // 2)

        return error + error2, fnn.tree_map(np.add, grads, grads2)


def loop(
    team: Team, epochs: int, path: Path | None = None, eta: float = 0.01, seconds: float | None = None,
    callbacks: tuple[Any, ...] = (), every: float = 0.0,
) -> Loop[Any]:  # fmt: skip
    stepper, tuner = SummedStepper(team, eta, epochs), CallTuner(1e3, 1)
    arrays = fnn.Cases(X, Y).arrays(PARAMS, fnn.squared_error)
    recorder = Recorder[Any](Evaluator(PARAMS, arrays, objective_of(PARAMS, fnn.squared_error, "sum", None), 1))
    stopper = Stopper[Any](fnn.Stopping(seconds=seconds), PARAMS.architecture)
    checkpointer = None
    if path is not None:
        checkpointer = Checkpointer(fnn.Checkpoint(path, seconds=every), {"eta": str(eta)}, stepper, recorder, stopper)

    called = Callbacks(callbacks if team.leads else ())

    return Loop(stepper, epochs, recorder, stopper, lambda: tuner, called, checkpointer, team)


def stepper_of(made: Loop[Any]) -> SummedStepper:
    assert isinstance(made._stepper, SummedStepper)

    return made._stepper


def after(epoch: int, function: Callable[[], Any]) -> Any:
    """A callback after one epoch."""
    return fnn.each_epoch(lambda now, params, record: now == epoch and function())


def fail() -> None:
    raise ZeroDivisionError("in a callback")


def true() -> bool:
    return True


def whole(team: Team, folder: Path) -> Loop[Any]:
    return loop(team, 30)


def calling(team: Team, folder: Path) -> Loop[Any]:
    return loop(team, 30, callbacks=(fnn.each_steps(7, lambda step, params, error: step == 21), after(30, fail)))


def failing_callback(team: Team, folder: Path) -> Loop[Any]:
    """Its checkpoint has the name of the number of ranks."""
    return loop(team, 30, folder / f"{team.size}.npz", callbacks=(after(11, fail),))


def resumed(team: Team, folder: Path) -> Loop[Any]:
    """It goes on from a copy of the checkpoint that one process left."""
    if team.leads:
        shutil.copy(folder / "1.npz", folder / "copy.npz")

    return loop(team, 30, folder / "copy.npz")


def failing_rank(team: Team, folder: Path) -> Loop[Any]:
    made = loop(team, 30)
    if team.rank == 2:
        stepper_of(made).fails_at = 12

    return made


def diverging(team: Team, folder: Path) -> Loop[Any]:
    return loop(team, 30, eta=1e10)


def late(team: Team, folder: Path) -> Loop[Any]:
    return loop(team, ENDLESS, seconds=0.2)


def no_folder(team: Team, folder: Path) -> Loop[Any]:
    return loop(team, 3, folder / "none" / "run.npz")


def damaged(team: Team, folder: Path) -> Loop[Any]:
    if team.leads:
        (folder / "damaged.npz").write_bytes(b"PK")

    return loop(team, 3, folder / "damaged.npz")


def _losing_folder(team: Team, folder: Path, epoch: int, every: float) -> Loop[Any]:
    lost = folder / "lost"
    lost.mkdir(exist_ok=True)

    return loop(team, 30, lost / "run.npz", callbacks=(after(epoch, lambda: shutil.rmtree(lost)),), every=every)


def unwritable(team: Team, folder: Path) -> Loop[Any]:
    return _losing_folder(team, folder, 5, 0.0)


def unwritable_at_the_end(team: Team, folder: Path) -> Loop[Any]:
    return _losing_folder(team, folder, 30, 1e6)


def press() -> None:
    """Ctrl-C."""
    os.kill(os.getpid(), signal.SIGINT)


def interrupted(team: Team, folder: Path) -> Loop[Any]:
    """Ctrl-C twice on one rank, between two steps."""
    made = loop(team, ENDLESS)
    if team.rank == 1:
        stepper_of(made).interrupts_at = 40

    return made


def interrupted_everywhere(team: Team, folder: Path) -> Loop[Any]:
    made = loop(team, ENDLESS)
    stepper_of(made).interrupts_at = 40 + team.rank

    return made


def interrupted_callback(team: Team, folder: Path) -> Loop[Any]:
    if team.leads:
        threading.Timer(0.3, press).start()

    return loop(team, ENDLESS, callbacks=(after(3, lambda: time.sleep(60)),))


def differing(team: Team, folder: Path) -> Loop[Any]:
    made = loop(team, 30)
    if team.rank == 2:
        stepper_of(made)._params = fnn.tree_map(np.negative, PARAMS)

    return made


def other_arguments(team: Team, folder: Path) -> Loop[Any]:
    return loop(team, 20 if team.rank == 1 else 30)


TRIALS: list[Trial] = [
    whole, calling, failing_callback, resumed, failing_rank, diverging, late, no_folder, damaged, unwritable,
    unwritable_at_the_end, interrupted, interrupted_everywhere, interrupted_callback, differing, other_arguments,
]  # fmt: skip


def bits_of(run: Any) -> str:
    """The bits of params and errors."""
    bits = run.params.flat.tobytes() + run.history.error.tobytes()

    return hashlib.sha256(bits + run.history.validation_error.tobytes()).hexdigest()


def outcome(trial: Trial, team: Team, folder: Path) -> list[Any]:
    """What a run ended with: its digest; or an error, its text, its notes and the digest of its run, if it has one."""
    try:
        run = trial(team, folder).run()
        return ["Run", bits_of(run), run.stop_reason, len(run.history)]
    except BaseException as error:
        held = getattr(error, "run", error)
        bits = bits_of(held) if hasattr(held, "params") else ""

        return [type(error).__name__, str(error), getattr(error, "__notes__", []), bits]


def main(folder: str) -> None:
    """Run all trials in this rank."""
    from mpi4py import MPI

    signal.signal(signal.SIGINT, signal.default_int_handler)  # it may be ignored where the tests run
    world, found = MPI.COMM_WORLD, {}
    for trial in TRIALS:
        began = time.monotonic()
        ended = outcome(trial, team_of(world), Path(folder))
        found[trial.__name__] = world.allgather([*ended, time.monotonic() - began])
    if world.rank == 0:
        print(json.dumps(found))


if __name__ == "__main__":
    main(*sys.argv[1:])
