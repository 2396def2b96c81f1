"""Runs with a checkpoint: they go on to the bit, other runs are refused, and a damaged file stays as it is."""

from __future__ import annotations

import math
import os
import random
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import fnn
from fnn.io.atomic import remove_leftovers, replacing
from tests.kills import digest, kinds, train, trial
from tests.problems import problem

PROBLEM = problem(3, (4, 6, 2), (fnn.tanh,), fnn.sigmoid, fnn.squared_error, 50)
OPTIONS: dict[str, Any] = {"eta": 0.1, "epochs": 6, "batch_size": 8, "seed": 1}


class Stop(Exception):
    """What ends a run somewhere."""


def stop_at(last: int) -> Any:
    """A callback that raises `Stop` after that step."""

    def fail(step: int, params: object, error: float) -> None:
        if step >= last:
            raise Stop

    return fnn.each_steps(1, fail)


def run(path: object, **changes: Any) -> fnn.Run[Any]:
    """A run with a checkpoint, with other options."""
    p = changes.pop("problem", PROBLEM)
    cases = fnn.Cases(p.x, p.y, **changes.pop("cases", {}))
    rules = fnn.Checkpoint(str(path), seconds=0)

    return fnn.train(p.params, cases, checkpoint=rules, **{**OPTIONS, **changes})


@pytest.mark.parametrize("kind", kinds())
@pytest.mark.usefixtures("exact_threads")
def test_a_run_that_failed_anywhere_goes_on_to_the_bit(kind: str, tmp_path: Path) -> None:
    params, x, y, options = kinds()[kind]
    rules, r = fnn.Checkpoint(tmp_path / "run", seconds=0), random.Random(kind)
    of_solvers = {"lbfgs": 150, "levenberg_marquardt": 70, "bayesian": 70}  # the last two end by a rule
    steps = {"adam": 880, "plateau": 528, "batch": 150, "plain": 1400, **of_solvers}[kind]
    for last in sorted(r.sample(range(1, steps), 5)):

        def fail(step: int, params: object, error: float, last: int = last) -> None:
            if step >= last:
                raise Stop

        with pytest.raises(Stop):
            fnn.train(params, x, y, checkpoint=rules, callbacks=[stop_at(last)], **options)

    assert train(kinds()[kind], checkpoint=rules) == train(kinds()[kind])


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs os.fork")
@pytest.mark.parametrize("number", range(10))
def test_a_killed_run_goes_on_to_the_bit(number: int, tmp_path: Path) -> None:
    assert trial(number, 99, tmp_path)[0]


def test_a_finished_run_returns_at_once_and_more_epochs_go_on(tmp_path: Path) -> None:
    path, p = tmp_path / "run", PROBLEM
    first = run(path)
    content = path.read_bytes()

    assert digest(run(path)) == digest(first) == digest(fnn.train(p.params, p.x, p.y, **OPTIONS))
    assert path.read_bytes() == content
    assert digest(run(path, epochs=11)) == digest(fnn.train(p.params, p.x, p.y, **{**OPTIONS, "epochs": 11}))
    with pytest.raises(ValueError, match="is of a run that has done 11 epochs, more than 10"):
        run(path, epochs=10)


def test_a_schedule_of_all_steps_goes_on_to_the_bit(tmp_path: Path) -> None:
    for last in (1, 9, 30):
        with pytest.raises(Stop):
            run(tmp_path / "run", eta=fnn.cosine(1.0), callbacks=[stop_at(last)])
    p = PROBLEM
    wanted = fnn.train(p.params, p.x, p.y, **OPTIONS | {"eta": fnn.cosine(1.0, steps=42)})
    assert digest(run(tmp_path / "run", eta=fnn.cosine(1.0))) == digest(wanted)


def test_more_epochs_say_what_becomes_of_such_a_schedule(tmp_path: Path) -> None:
    # 7 steps an epoch. After 6 epochs 9 are wanted; in the middle of the last, 11.
    path, schedule = tmp_path / "run", fnn.cosine(1.0)
    run(path, eta=schedule)
    with pytest.raises(Stop), pytest.warns(RuntimeWarning, match=r"have 6 epochs, now 9: from step 42 on eta=fnn\.cos"):
        run(path, eta=schedule, epochs=9, callbacks=[stop_at(59)])
    with pytest.warns(RuntimeWarning, match="have 9 epochs, now 11: from step 59 on .* the steps of all 11"):
        longer = run(path, eta=schedule, epochs=11)
    again = run(path, eta=schedule, epochs=11)  # without a warning
    wanted = [(6, epoch) for epoch in range(6)] + [(9, 6), (9, 7), (9, 8), (11, 9), (11, 10)]

    assert longer.history.eta == pytest.approx([(1 + math.cos(math.pi * e / all)) / 2 for all, e in wanted], rel=1e-13)
    assert digest(again) == digest(longer)


def test_a_schedule_of_some_epochs_needs_no_warning(tmp_path: Path) -> None:
    path, p, schedule = tmp_path / "run", PROBLEM, fnn.exponential(0.1, factor=0.5, epochs=2)
    run(path, eta=schedule)
    wanted = OPTIONS | {"eta": fnn.exponential(0.1, factor=0.5, every=14), "epochs": 9}
    assert digest(run(path, eta=schedule, epochs=9)) == digest(fnn.train(p.params, p.x, p.y, **wanted))


def test_what_ended_a_run_ends_it_again(tmp_path: Path) -> None:
    called: list[int] = []

    def until_3(epoch: int, params: object, record: object) -> bool:
        called.append(epoch)
        return epoch == 3

    assert run(tmp_path / "run", callbacks=[fnn.each_epoch(until_3)]).stop_reason == "callback"
    assert (run(tmp_path / "run", callbacks=[fnn.each_epoch(until_3)]).stop_reason, called) == ("callback", [1, 2, 3])


OTHERS: list[tuple[dict[str, Any], str]] = [
    ({"eta": 0.3}, r"with optimizer fnn\.gradient_descent\(.*eta=0\.1.*, this one has .*eta=0\.3"),
    ({"eta": None, "optimizer": fnn.adam(0.1)}, r"with optimizer fnn\.gradient.*, this one has fnn\.adam\("),
    ({"loss": fnn.huber}, r"with loss fnn.squared_error, this one has fnn.huber"),
    ({"reduction": "mean"}, "with reduction sum, this one has mean"),
    ({"batch_size": 9}, "with batch_size 8, this one has 9"),
    ({"seed": 2}, "with seed 1, this one has 2"),
    ({"cases": {"scale": 0.5}}, r"with scale 1.0, this one has 0.5"),
    ({"regularization": fnn.Regularization(l2=0.1)}, r"with l2 0.0, this one has 0.1"),
    ({"regularization": fnn.Regularization(dropout=0.25)}, r"with dropout \[\], this one has \[0.0, 0.25\]"),
    ({"regularization": fnn.Regularization(mask={"b1": np.zeros(6)})}, r"with mask None, this one has bool \(44,\)"),
    ({"stopping": fnn.Stopping(patience=3)}, "with stopping: patience None, this one has 3"),
    ({"cases": {"weights": np.ones(50)}}, r"with weights None, this one has float64 \(50,\)"),
    ({"validation": 0.2}, "with validation None, this one has 10 of all cases"),
    ({"validation": (PROBLEM.x, PROBLEM.y)}, r"with validation None, this one has float64 \(50, 4\)"),
    ({"problem": problem(4, (4, 6, 2), (fnn.tanh,), fnn.sigmoid, fnn.squared_error, 50)}, "with params float64"),
    (
        {"problem": problem(4, (4, 7, 2), (fnn.tanh,), fnn.sigmoid, fnn.squared_error, 50)},
        r"with sizes \[4, 6, 2\], this one has \[4, 7, 2\]",
    ),
    (
        {"problem": problem(4, (4, 6, 2), (fnn.relu,), fnn.sigmoid, fnn.squared_error, 50)},
        r"with activations \['tanh', 'sigmoid'\], this one has \['relu', 'sigmoid'\]",
    ),
    (
        {"problem": problem(4, (4, 6, 2), (fnn.tanh,), fnn.sigmoid, fnn.squared_error, 50, dtype=np.float32)},
        "with dtype float64, this one has float32",
    ),
]  # fmt: skip


@pytest.mark.parametrize("changes, message", OTHERS)
def test_another_run_is_refused(changes: dict[str, Any], message: str, tmp_path: Path) -> None:
    run(tmp_path / "run")
    content = (tmp_path / "run").read_bytes()

    with pytest.raises(ValueError, match=f"checkpoint: .*run is of a run {message}"):
        run(tmp_path / "run", **changes)
    assert (tmp_path / "run").read_bytes() == content


def test_another_scale_of_the_validation_set_is_another_run(tmp_path: Path) -> None:
    inputs = np.random.default_rng(0).integers(0, 9, (40_000, 4), np.uint8)  # large: cast as it is read
    targets = np.zeros((40_000, 2))
    run(tmp_path / "run", epochs=1, validation=fnn.Cases(inputs, targets, scale=1 / 255))
    with pytest.raises(ValueError, match="is of a run with validation uint8"):
        run(tmp_path / "run", epochs=2, validation=fnn.Cases(inputs, targets))


@pytest.mark.parametrize("name", ["x", "y"])
def test_one_other_number_is_other_data(name: str, tmp_path: Path) -> None:
    p = PROBLEM
    run(tmp_path / "run")
    data = {"x": p.x.copy(), "y": p.y.copy()}
    data[name][37, 1] = np.nextafter(data[name][37, 1], 1)

    with pytest.raises(ValueError, match=f"is of a run with {name} float64"):
        fnn.train(p.params, data["x"], data["y"], checkpoint=tmp_path / "run", **OPTIONS)


def test_a_damaged_file_is_refused_and_kept(tmp_path: Path) -> None:
    path = tmp_path / "run"
    run(path)
    content = path.read_bytes()
    for wrong in (content[:-1], content[:100], b"", content[:-200] + b"x" + content[-199:], content + b"x"):
        path.write_bytes(wrong)
        with pytest.raises(ValueError, match="run"):
            run(path)
        assert path.read_bytes() == wrong
    fnn.save(tmp_path / "p.npz", PROBLEM.params)
    with pytest.raises(ValueError, match=r"p\.npz holds no checkpoint of fnn"):
        run(tmp_path / "p.npz")


def test_a_diverging_run_still_hands_over_what_was_good(tmp_path: Path) -> None:
    p = problem(5, (3, 5, 2), (fnn.identity,), fnn.identity, fnn.squared_error, 40)
    options: dict[str, Any] = {"eta": fnn.warm_up(0.2, steps=200), "epochs": 50, "batch_size": 7}
    with pytest.raises(fnn.TrainingDiverged) as left_alone:
        fnn.train(p.params, p.x, p.y, **options)

    last = 6 * left_alone.value.epoch - 9
    rules = fnn.Checkpoint(tmp_path / "run", seconds=0)
    with pytest.raises(Stop):
        fnn.train(p.params, p.x, p.y, checkpoint=rules, callbacks=[stop_at(last)], **options)
    for _ in range(2):  # the file stays as it was before
        with pytest.raises(fnn.TrainingDiverged) as found:
            fnn.train(p.params, p.x, p.y, checkpoint=tmp_path / "run", **options)
        assert (found.value.epoch, found.value.params) == (left_alone.value.epoch, left_alone.value.params)
        assert found.value.history.error.tobytes() == left_alone.value.history.error.tobytes()


@pytest.mark.parametrize("optimizer", [fnn.adam(fnn.cosine(0.05, steps=60)), fnn.irprop(), fnn.gradient_descent(0.1)])
def test_the_state_of_an_earlier_run(optimizer: fnn.Optimizer) -> None:
    p = PROBLEM
    whole = fnn.train(p.params, p.x, p.y, optimizer=optimizer, epochs=60)
    half = fnn.train(p.params, p.x, p.y, optimizer=optimizer, epochs=30)
    rest = fnn.train(half.params, p.x, p.y, optimizer=optimizer, epochs=30, state=half.state)

    assert rest.params.flat.tobytes() == whole.params.flat.tobytes()
    assert (rest.state.step, rest.state.vectors) == (60, whole.state.vectors)
    with pytest.raises(ValueError, match="state: "):
        fnn.train(p.params, p.x, p.y, optimizer=fnn.amsgrad(), epochs=1, state=half.state)


@pytest.mark.parametrize("given", [5, True, b"run", ["run"], fnn.Checkpoint])
def test_what_is_no_path_is_refused_by_its_name(given: Any) -> None:
    with pytest.raises(TypeError, match=r"^checkpoint: needs a path or an fnn\.Checkpoint, got "):
        fnn.train(PROBLEM.params, PROBLEM.x, PROBLEM.y, checkpoint=given, **OPTIONS)


def test_a_file_that_can_not_be_written_is_known_at_once(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        run(tmp_path / "none" / "run")
    with pytest.raises(TypeError, match="path: needs a path, got 3"):
        fnn.Checkpoint(3)  # type: ignore[arg-type] # what is refused
    with pytest.raises(ValueError, match="seconds: must be finite and at least 0, got -1"):
        fnn.Checkpoint("run", seconds=-1)


def test_a_full_disk_later_is_a_warning(tmp_path: Path) -> None:
    folder = tmp_path / "folder"
    folder.mkdir()

    def remove(epoch: int, params: object, record: object) -> None:
        if epoch == 2:
            (folder / "run").unlink()
            folder.rmdir()

    with pytest.warns(RuntimeWarning, match="wasn't written"):
        kept = run(folder / "run", callbacks=[fnn.each_epoch(remove)])
    assert kept.params == fnn.train(PROBLEM.params, PROBLEM.x, PROBLEM.y, **OPTIONS).params


@pytest.mark.filterwarnings("error::RuntimeWarning")
@pytest.mark.parametrize("when", [2, 6])  # the last epoch, too
def test_a_warning_about_it_that_is_an_error_hands_over_the_run(when: int, tmp_path: Path) -> None:
    folder = tmp_path / "folder"
    folder.mkdir()

    def remove(epoch: int, params: object, record: object) -> None:
        if epoch == when:
            (folder / "run").unlink()
            folder.rmdir()

    with pytest.raises(RuntimeWarning, match="wasn't written") as caught:
        run(folder / "run", callbacks=[fnn.each_epoch(remove)])
    wanted = fnn.train(PROBLEM.params, PROBLEM.x, PROBLEM.y, **{**OPTIONS, "epochs": when})
    handed: fnn.Run[Any] = vars(caught.value)["run"]

    assert (handed.params, len(handed.history)) == (wanted.params, when)


@pytest.mark.filterwarnings("error::RuntimeWarning")
@pytest.mark.parametrize("error", [KeyboardInterrupt, LookupError])
def test_no_such_warning_hides_what_ends_a_run(error: type[BaseException], tmp_path: Path) -> None:
    folder = tmp_path / "folder"
    folder.mkdir()

    def remove(step: int, params: object, so_far: float) -> None:
        if step == 9:
            (folder / "run").unlink()
            folder.rmdir()
            raise error

    wanted = fnn.TrainingInterrupted if error is KeyboardInterrupt else error
    with pytest.raises(wanted) as caught:
        run(folder / "run", callbacks=[fnn.each_steps(1, remove)])
    handed = caught.value if isinstance(caught.value, fnn.TrainingInterrupted) else vars(caught.value)["run"]
    assert handed.state.step == 9


def test_a_relative_path_is_that_of_the_start(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "other").mkdir()
    kept = run("run", callbacks=[fnn.each_epoch(lambda *_: os.chdir(tmp_path / "other"))])

    assert os.listdir(tmp_path / "other") == []
    assert digest(run(tmp_path / "run")) == digest(kept)


def test_what_others_have_put_beside_it_stays(tmp_path: Path) -> None:
    names = [f".run.{word}.tmp" for word in ("my-own-precious!", "0" * 15, "0" * 17, "0123456789ABCDEF", "٠" * 16)]
    for name in names:
        (tmp_path / name).write_bytes(b"mine")
    (tmp_path / f".run.{'0' * 16}.tmp").symlink_to(tmp_path / names[0])
    run(tmp_path / "run")

    assert sorted(os.listdir(tmp_path)) == sorted([*names, f".run.{'0' * 16}.tmp", "run"])


def test_leftovers_are_removed_but_not_what_is_being_written(tmp_path: Path) -> None:
    path = tmp_path / "run"
    (tmp_path / f".run.{'0' * 16}.tmp").write_bytes(b"left by a process that was killed")
    (tmp_path / f".run2.{'0' * 16}.tmp").write_bytes(b"of another path")
    with replacing(path) as file:
        file.write(b"all of it")
        remove_leftovers(path)
    assert path.read_bytes() == b"all of it"
    assert sorted(os.listdir(tmp_path)) == [f".run2.{'0' * 16}.tmp", "run"]


def test_the_file_can_be_read_by_numpy(tmp_path: Path) -> None:
    kept = run(tmp_path / "run.npz")
    with np.load(tmp_path / "run.npz", allow_pickle=False) as arrays:
        np.testing.assert_array_equal(arrays["params"], kept.params.flat, strict=True)
        np.testing.assert_array_equal(arrays["history"], kept.history.error, strict=True)


def test_the_script() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "tests.kills", "--count", "2"], capture_output=True, text=True, timeout=300, check=False
    )
    assert done.returncode == 0, done.stderr
    assert "2 ended with the bits of one left alone" in done.stdout


class Batches:
    """Batches that are the same in every epoch, unless their scale is another."""

    def __init__(self, scale: float = 1.0) -> None:
        self.scale = scale

    def __iter__(self) -> Iterator[tuple[Any, Any]]:
        for top, bottom in ((0, 7), (7, 8), (8, 30), (30, 50)):
            yield self.scale * PROBLEM.x[top:bottom], PROBLEM.y[top:bottom]


STREAMED: list[dict[str, Any]] = [
    {"eta": 0.1},
    {
        "optimizer": fnn.adam(fnn.cosine(0.1, steps=20)),
        "regularization": fnn.Regularization(dropout=0.2),
        "validation": (PROBLEM.x, PROBLEM.y),
    },
    {
        "optimizer": fnn.momentum(fnn.plateau(0.1, patience=1)),
        "regularization": fnn.Regularization(l2=0.1),
        "reduction": "mean",
    },
]


@pytest.mark.parametrize("options", STREAMED)
@pytest.mark.parametrize("last", [1, 3, 4, 5, 14])
def test_a_stream_goes_on_to_the_bit(options: dict[str, Any], last: int, tmp_path: Path) -> None:
    rules = fnn.Checkpoint(tmp_path / "run", seconds=0)

    with pytest.raises(Stop):
        fnn.train(PROBLEM.params, Batches(), epochs=5, checkpoint=rules, callbacks=[stop_at(last)], **options)
    resumed = fnn.train(PROBLEM.params, Batches(), epochs=5, checkpoint=rules, **options)
    alone = fnn.train(PROBLEM.params, Batches(), epochs=5, **options)

    assert digest(resumed) == digest(alone)
    assert (resumed.history.eta is None) == (alone.history.eta is None)
    assert resumed.history.eta is None or alone.history.eta is None or (resumed.history.eta == alone.history.eta).all()


def test_other_batches_are_noticed(tmp_path: Path) -> None:
    rules = fnn.Checkpoint(tmp_path / "run", seconds=0)

    with pytest.raises(Stop):
        fnn.train(PROBLEM.params, Batches(), eta=0.1, epochs=5, checkpoint=rules, callbacks=[stop_at(6)])
    with pytest.raises(ValueError, match="is of a run whose batches in epoch 2 were others"):
        fnn.train(PROBLEM.params, Batches(2.0), eta=0.1, epochs=5, checkpoint=rules)
    with pytest.raises(ValueError, match="is of a run with batch_size None, this one has 50"):
        fnn.train(PROBLEM.params, PROBLEM.x, PROBLEM.y, eta=0.1, epochs=5, checkpoint=rules)
