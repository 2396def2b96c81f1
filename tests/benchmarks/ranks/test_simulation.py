from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from ..measure import ChildError
from . import simulation
from .launch import run
from .rounds import SHARE, Interval, joint
from .study import Study
from .training import Setting

LIKE: dict[str, Any] = {"sizes": [6, 5, 3], "rounds": 1, "budget": 1e-4}


def test_the_tables_and_the_picture(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    study = Study((784, 128, 10), 200)
    half = study.row // 2
    steps = [[1, 400], [1.01e-3, 5e-3]]  # a millisecond, and 10 µs a case
    kept, picture = tmp_path / "measured.json", tmp_path / "scaling.png"
    kept.write_text(json.dumps([[study, steps, 4e-3, [[1e-6, 0.0], [1e-6 + (half - 64) / 1e10, half / 1e11]]]]))
    simulation.main([str(picture), "--measured", str(kept)])

    printed = capsys.readouterr().out
    rows = re.findall(r"^\| 784-128-10, shared memory; (weak|strong).*?: \S+ +\| +(\S+) \| +(\S+) ", printed, re.M)
    exchange = 2 * (1e-6 + half / 1e10) + half / 1e11
    assert [row[0] for row in rows] == ["weak", "strong"]
    assert [float(row[1]) for row in rows] == [75, 1.25]  # 3 ms by 4, 5 ms by 4
    assert [float(row[2]) for row in rows] == pytest.approx(
        [300e-3 / (3e-3 + exchange), 5e-3 / (3e-3 + exchange)], 0.01
    )
    assert picture.read_bytes().startswith(b"\x89PNG")


def test_a_row_is_what_ranks_send() -> None:
    count = 784 * 128 + 128 + 128 * 10 + 10
    assert 4 * count < Setting((784, 128, 10), 1, None).row < 4 * 1.05 * count


def test_exchanges_begin_with_the_last_rank() -> None:
    intervals = [[Interval(0, 5), Interval(10, 12)], [Interval(3, 4), Interval(9, 13)]]
    assert joint(intervals).tolist() == [2, 3]


def test_jobs_of_one_rank() -> None:
    (found,) = run("alone", batches=[8], shards=[None, 4], **LIKE)
    assert found.keys() == {"None", "4", SHARE}
    assert all(len(values) == 1 and 0 < values[0] < 2 for values in found.values())


def test_jobs_of_two_ranks() -> None:
    pytest.importorskip("mpi4py")
    try:
        found = run("together", ranks=2, batch=8, shards=4, **LIKE)
    except ChildError as error:
        if "there is no mpiexec" in str(error):
            pytest.skip(str(error))
        raise
    assert found.keys() == {"alone", "together", "in steps", "messages in steps", "sum", "messages", SHARE}
    (message,) = run("link", ranks=2, sizes=[64], rounds=1)
    assert message.keys() == {"down", "sum", "up", SHARE}
    for values in (*found.values(), *message.values()):
        assert len(values) == 1
        assert 0 < values[0] < 5
