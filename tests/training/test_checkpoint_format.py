"""Files at the path of a checkpoint: damaged ones with checksums that fit, those of others, their modes and names."""

from __future__ import annotations

import io
import json
import os
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import fnn
from tests.fuzz.seeds import archive, saved
from tests.kills import digest
from tests.training.test_checkpoint import PROBLEM, Batches, Stop, run, stop_at


@pytest.mark.parametrize("is_stream", [False, True])
def test_a_place_that_can_not_be_is_refused(is_stream: bool, tmp_path: Path) -> None:
    path, last = tmp_path / "run", 6 if is_stream else 10  # in the middle of the second epoch
    data: tuple[Any, ...] = (Batches(),) if is_stream else (PROBLEM.x, PROBLEM.y)
    options: dict[str, Any] = {
        "eta": 0.1, "epochs": 3, "batch_size": None if is_stream else 8, "checkpoint": fnn.Checkpoint(path, seconds=0),
        "stopping": fnn.Stopping(patience=3, restore_best=True),
    }  # fmt: skip
    with pytest.raises(Stop):
        fnn.train(PROBLEM.params, *data, callbacks=[stop_at(last)], **options)
    with zipfile.ZipFile(path) as file:
        description = json.loads(file.read("fnn.json"))
        arrays = {name: np.load(io.BytesIO(file.read(f"{name}.npy"))) for name, _, _ in description["arrays"]}
    epoch_end, place = 4 if is_stream else 7, description["place"]
    assert (arrays["snapshot_step"], arrays["stopper_best_step"], place["snapshot_epoch"]) == (epoch_end, epoch_end, 1)
    for name in ("step", "snapshot_step", "stopper_best_step"):
        said = name.removeprefix("stopper_")
        for step in (-1, 0, epoch_end - 1, epoch_end + 1, 2**62):
            if step != arrays[name]:
                path.write_bytes(archive(description, {**arrays, name: np.array(step)}))
                with pytest.raises(ValueError, match=rf"checkpoint: .*run is damaged: {said}: .*{step}\b"):
                    fnn.train(PROBLEM.params, *data, **options)
    for wrong in ({"callback_epoch": 2}, {"callback_step": last + 1}, {"callback_step": 2**62}, {"snapshot_epoch": 2}):
        path.write_bytes(archive({**description, "place": place | wrong}, arrays))
        with pytest.raises(ValueError, match=r"checkpoint: .*run is damaged: "):
            fnn.train(PROBLEM.params, *data, **options)
    path.write_bytes(archive(description, arrays))
    assert fnn.train(PROBLEM.params, *data, **options).history.error.shape == (3,)


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04 of another program", b"text\n", saved(PROBLEM.params, ".npz")])
def test_a_file_of_another_program_is_refused_and_kept(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "run").write_bytes(content)
    what = "holds no checkpoint of fnn" if b"fnn.json" in content else ": not a file that fnn saved, or its beginning"
    with pytest.raises(ValueError, match=f"^checkpoint: .*run.*{what}"):
        run(tmp_path / "run")
    assert (tmp_path / "run").read_bytes() == content


def test_the_mode_stays(tmp_path: Path) -> None:
    run(tmp_path / "run", epochs=1)
    (tmp_path / "run").chmod(0o600)
    run(tmp_path / "run", epochs=2)
    assert (tmp_path / "run").stat().st_mode & 0o777 == 0o600


def test_a_long_name(tmp_path: Path) -> None:
    path = tmp_path / ("r" * 255)
    assert digest(run(path)) == digest(run(path)) == digest(run(tmp_path / "run"))
    assert set(os.listdir(tmp_path)) == {path.name, "run"}
