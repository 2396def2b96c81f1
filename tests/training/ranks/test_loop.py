"""The loop on ranks, whose stepper is one in Python: all decide alike, and an error on one ends all."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from fnn.training.ranks.team import Team
from tests.training.ranks.launch import Mpi, mpirun
from tests.training.ranks.loops import calling, diverging, failing_callback, loop, outcome, whole

SOON = 8.0  # seconds on a machine that is busy


@pytest.mark.parametrize("mpi", ["mpich", "openmpi"])
def test_loops(mpi: Mpi, tmp_path: Path) -> None:
    alone = {trial.__name__: outcome(trial, Team(), tmp_path) for trial in (whole, calling, failing_callback)}
    found = json.loads(mpirun(3, "-m", "tests.training.ranks.loops", str(tmp_path), mpi=mpi))
    for name, ranks in found.items():
        assert all(seconds < SOON for *_, seconds in ranks), (name, ranks)
        found[name] = [ended for *ended, _ in ranks]
    assert found["whole"] == [alone["whole"]] * 3
    assert found["calling"] == [alone["calling"]] * 3
    assert alone["calling"][2:] == ["callback", 21]
    check_checkpoints(found, alone, tmp_path)
    check_errors(found, alone)
    check_interrupts(found)


def check_checkpoints(found: dict[str, Any], alone: dict[str, Any], folder: Path) -> None:
    """Rank 0 writes; a run goes on with another number of ranks; and its errors come to all."""
    assert found["resumed"] == [alone["whole"]] * 3
    assert outcome(lambda team, folder: loop(team, 30, folder / "3.npz"), Team(), folder) == alone["whole"]
    for name, kind, words in [
        ("no_folder", "FileNotFoundError", "run.npz"),
        ("damaged", "ValueError", "not a file that fnn saved"),
        ("unwritable", "RuntimeWarning", "wasn't written"),
        ("unwritable_at_the_end", "RuntimeWarning", "wasn't written"),
    ]:
        assert_same_error(found[name], 0, kind, words)
    assert sorted(path.name for path in folder.iterdir()) == ["1.npz", "3.npz", "copy.npz", "damaged.npz"]


def check_errors(found: dict[str, Any], alone: dict[str, Any]) -> None:
    """An error comes to all ranks, with the run so far."""
    assert_same_error(found["failing_callback"], 0, "ZeroDivisionError", "in a callback")
    assert found["failing_callback"][0] == alone["failing_callback"]
    assert_same_error(found["failing_rank"], 2, "MemoryError", "no room for a step")
    assert all("had taken 12 steps" in notes[-1] for _, _, notes, _ in found["failing_rank"])
    diverged = outcome(diverging, Team(), Path())
    assert diverged[0] == "TrainingDiverged"
    assert found["diverging"] == [diverged] * 3
    for _, words, _, params in found["differing"]:
        assert words.startswith("after step 30 the parameters on rank 2 differ from those on rank 0")
        assert params == ""
    assert all("with the same arguments" in words for _, words, *_ in found["other_arguments"])


def check_interrupts(found: dict[str, Any]) -> None:
    """Ctrl-C, and the time limit, end all ranks after the same step."""
    for name in ("late", "interrupted", "interrupted_everywhere", "interrupted_callback"):
        first, *others = found[name]
        assert others == [first] * 2
        assert first[0] == ("Run" if name == "late" else "TrainingInterrupted")
    assert "by step 41 " in found["interrupted"][0][1]
    assert "by step 3 " in found["interrupted_callback"][0][1]


def assert_same_error(ranks: list[Any], first: int, kind: str, words: str) -> None:
    """All ranks raise the error of one, with the run until then, if there is one; the others say of which."""
    for rank, (raised, text, notes, params) in enumerate(ranks):
        assert raised == kind
        assert words in text
        assert (f"raised on rank {first} of 3" in notes) == (rank != first)
        assert params == ranks[first][3]
        assert bool(params) == any("had taken" in note for note in notes)
