"""`train` on shards: the same bits for any number of ranks and threads; errors, Ctrl-C and kills under ``mpiexec``."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import fnn
from tests.training.ranks import runs
from tests.training.ranks.launch import Mpi, ended, mpirun, start, stop

PROGRAM = "tests.training.ranks.runs"
SOON = 10.0  # seconds


def alone(threads: int) -> dict[str, str]:
    """The bits of all runs in this process."""
    found = {}
    with pytest.MonkeyPatch.context() as patch:
        train = fnn.train
        patch.setattr(fnn, "train", lambda *args, **options: train(*args, threads=threads, **options))
        for name, run in runs.RUNS.items():
            found[name] = runs.digest(run(None))

    return found


@pytest.fixture(scope="module")
def wanted() -> dict[str, str]:
    return alone(1)


@pytest.mark.parametrize("threads", [2, 4])
def test_the_same_bits_for_any_number_of_threads(wanted: dict[str, str], threads: int) -> None:
    assert alone(threads) == wanted


@pytest.mark.parametrize("mpi, ranks", [("mpich", 3), ("mpich", 7), ("openmpi", 2)])
def test_the_same_bits_for_any_number_of_ranks(wanted: dict[str, str], mpi: Mpi, ranks: int) -> None:
    found = json.loads(mpirun(ranks, "-m", PROGRAM, mpi=mpi, seconds=120))

    assert found == {name: [bits] * ranks for name, bits in wanted.items()}


def test_an_error_on_one_rank_is_raised_on_all(tmp_path: Path) -> None:
    found = json.loads(mpirun(3, "-m", PROGRAM, "failures", str(tmp_path / "run.npz"), mpi="mpich"))
    differs = "all ranks must give the same, but rank 1 has"
    for name, rank, words in [
        ("with_nan", 2, "ValueError: x: NaN or infinity in row 374"),
        ("other_eta", None, f"ValueError: optimizer: {differs} fnn.gradient_descent("),
        ("other_params", None, f"ValueError: params: {differs} "),
        ("other_validation", None, f"ValueError: validation: {differs} None, rank 0 0.1"),
        (
            "own_cases_alone",
            None,
            "ValueError: x, y: needs the same cases on all ranks; if each has its own alone",
        ),
        ("other_validation_cases", None, "ValueError: validation x, y: needs the same cases on all ranks"),
        ("ended_by_a_signal", 1, "SystemExit: 3"),
        ("failing_callback", 0, "ZeroDivisionError: division by zero"),
        ("failing_rate", 2, "ArithmeticError: no rate"),
        ("failing_after_overflow", 1, "ArithmeticError: no rate"),
        ("training_callback", 0, "ValueError: comm: another run of this process uses it"),
        ("diverging", None, "TrainingDiverged: "),
        ("full_disk", 0, "OSError: "),
    ]:
        assert {raised for raised, _, _ in found[name]} == {found[name][0][0]}, name
        assert found[name][0][0].startswith(words), name
        assert all(seconds < SOON for *_, seconds in found[name]), name
        if rank is not None:
            said = [f"raised on rank {rank} of 3" in notes for _, notes, _ in found[name]]
            assert said == [other != rank for other in range(3)], name
    assert all("rows count from case 628 on, the first of rank 2" in notes for _, notes, _ in found["with_nan"])
    raised, _, _ = found["too_few"][1]
    assert raised == (
        "ValueError: x: of total_cases=1003 in 8 shards, rank 1 of 3 has the cases 252 .. 627, as fnn.shard_range "
        "says; got 10 cases"
    )
    assert list(tmp_path.iterdir()) == []


@contextmanager
def endless(path: Path, ranks: int, mpi: Mpi) -> Iterator[subprocess.Popen[str]]:
    """A run that has begun; its checkpoint is written ever again."""
    process = start(ranks, "-m", PROGRAM, "endless", str(path), mpi=mpi)
    try:
        until = time.monotonic() + 60
        while not Path(f"{path}.begun").exists():
            assert process.poll() is None, process.communicate()
            assert time.monotonic() < until
            time.sleep(0.05)
        yield process
    finally:
        stop(process)


def ranks_of(launcher: subprocess.Popen[str]) -> list[int]:
    """The processes that train: descendants of the launcher that have none themselves."""
    command = ["ps", "-eo", "pid=,ppid="]
    listed = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    parents = {int(pid): int(parent) for pid, parent in map(str.split, listed.splitlines())}

    def belongs(pid: int) -> bool:
        while pid in parents and pid != launcher.pid:
            pid = parents[pid]
        return pid == launcher.pid

    return [pid for pid in parents if belongs(pid) and pid not in parents.values()]


def test_a_run_whose_rank_was_killed_goes_on_with_other_ranks(tmp_path: Path) -> None:
    """``python -m tests.training.ranks.everything`` does so many times, and with Open MPI."""
    path = tmp_path / "run.npz"
    kill_one_of_three(path, "mpich", random.Random(0))
    goes_on_to_the_bit(path, lambda epochs: digests_of_ranks(path, epochs, 2, "mpich"))


def kill_one_of_three(path: Path, mpi: Mpi, rng: random.Random) -> None:
    """All ranks end within some seconds."""
    with endless(path, 3, mpi) as process:
        time.sleep(rng.uniform(0.0, 0.5))
        began, members = time.monotonic(), ranks_of(process)
        assert len(members) == 3
        os.kill(rng.choice(members), signal.SIGKILL)
        status, *_ = ended(process, seconds=SOON)
    assert status != 0
    while any(Path(f"/proc/{pid}").exists() for pid in members):
        assert time.monotonic() - began < SOON
        time.sleep(0.05)


def digests_of_ranks(path: Path, epochs: int, ranks: int, mpi: Mpi) -> set[str]:
    output = mpirun(ranks, "-m", PROGRAM, "whole", str(path), str(epochs), mpi=mpi)

    return set(json.loads(output)["whole"])


def goes_on_to_the_bit(path: Path, resumed: Callable[[int], set[str]]) -> None:
    """From the checkpoint that was left a run comes to the bits of one that was left alone."""
    with np.load(path) as file:
        epochs = len(file["history"]) + 2
    run = runs.long_run(str(path.with_name("alone.npz")), epochs)

    assert resumed(epochs) == {runs.digest(run(None))}


def test_ctrl_c_on_one_rank_interrupts_all(tmp_path: Path) -> None:
    path = tmp_path / "run.npz"
    with endless(path, 3, "openmpi") as process:
        os.kill(ranks_of(process)[-1], signal.SIGINT)
        status, output, errors = ended(process, seconds=SOON)
    assert (status, errors) == (0, "")
    words, parameters = json.loads(output)["interrupted"]
    assert words.startswith("training was interrupted")
    assert parameters == 1
    goes_on_to_the_bit(path, lambda epochs: {runs.digest(runs.long_run(str(path), epochs)(None))})


def test_without_an_mpi_and_with_other_communicators() -> None:
    wrong: Any = object()
    given: dict[str, Any] = {"eta": 0.1, "epochs": 1}
    with pytest.raises(
        TypeError, match=r"comm: needs a communicator of the package mpi4py \(pip install 'fnn\[mpi\]'\)"
    ):
        fnn.train(runs.PARAMS, runs.X, runs.Y, shards=2, comm=wrong, **given)
    for shards, words in [
        (3, "shards: must be a power of two, got 3"), (0, "shards: must be at least 1"),
        (2048, "x: needs a case for each of 2048 shards, got 1003"),
    ]:  # fmt: skip
        with pytest.raises(ValueError, match=words):
            fnn.train(runs.PARAMS, runs.X, runs.Y, shards=shards, **given)
    with pytest.raises(ValueError, match=r"validation: 0\.01 of 1003 cases leaves some of the shards none"):
        fnn.train(runs.PARAMS, runs.X, runs.Y, shards=64, validation=0.01, **given)
    with pytest.raises(ValueError, match="validation x: needs a case for each of 64 shards, got 10"):
        fnn.train(runs.PARAMS, runs.X, runs.Y, shards=64, validation=(runs.X[:10], runs.Y[:10]), **given)
    with pytest.raises(ValueError, match=r"x: of total_cases=900 in 8 shards, rank 0 of 1 has the cases 0 \.\. 899"):
        fnn.train(runs.PARAMS, runs.X, runs.Y, shards=8, total_cases=900, **given)
    with pytest.raises(TypeError, match="total_cases: needs shards"):
        fnn.train(runs.PARAMS, runs.X, runs.Y, total_cases=1003, **given)
    with pytest.raises(ValueError, match="shards: x must have all cases"):
        fnn.train(runs.PARAMS, [(runs.X, runs.Y)], shards=8, **given)
