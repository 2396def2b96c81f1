"""Workers that are killed: what they cost, and what is said of it."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import BrokenExecutor
from functools import partial
from pathlib import Path
from typing import Any

import pytest

import fnn
from fnn.training.callbacks import EachEpoch
from tests.training.executors import sweeps
from tests.training.executors.sweeps import FACTORY, X, Y, bits, networks

COUNT = 12


def train(executor: Any, function: Callable[..., object], number: int = 3) -> list[fnn.Run[Any]]:
    """Train networks, of which one has a callback."""
    callbacks: list[list[EachEpoch[Any]]] = [[fnn.each_epoch(function)] if i == number else [] for i in range(COUNT)]

    return fnn.train_many(networks(COUNT), X, Y, eta=1e-3, epochs=300, callbacks=fnn.Each(callbacks), executor=executor)


@pytest.fixture(scope="module")
def home() -> list[list[object]]:
    return [bits(run) for run in fnn.train_many(networks(COUNT), X, Y, eta=1e-3, epochs=300)]


def test_a_worker_that_is_killed_costs_no_network(home: list[list[object]], tmp_path: Path) -> None:
    runs = train(FACTORY, partial(sweeps.kill_once, tmp_path / "killed"))

    assert (tmp_path / "killed").exists()
    assert [bits(run) for run in runs] == home


def test_a_worker_that_is_killed_when_it_starts_costs_no_network(home: list[list[object]], tmp_path: Path) -> None:
    factory = partial(sweeps.processes, partial(sweeps.kill_first, tmp_path / "killed"))

    assert [bits(run) for run in train(factory, sweeps.at_third, 0)][1:] == home[1:]
    assert (tmp_path / "killed").exists()


def test_a_network_that_kills_its_worker_is_named(home: list[list[object]]) -> None:
    with pytest.raises(fnn.SomeLost, match=r"^1 of 12 networks are lost, because workers died: 3; ") as caught:
        train(FACTORY, sweeps.kill)

    assert caught.value.outcomes[3] is None
    assert list(caught.value.lost) == [3]
    assert isinstance(caught.value.__cause__, BrokenExecutor)
    others = [i for i in range(COUNT) if i != 3]
    assert [bits(caught.value.outcomes[i]) for i in others] == [home[i] for i in others]


def test_an_executor_that_breaks_is_said_to_be_broken(home: list[list[object]]) -> None:
    with sweeps.processes() as executor, pytest.raises(fnn.SomeLost, match=r"executor can't be used again: ") as caught:
        train(executor, sweeps.kill, 11)  # the longest, so the first

    assert 11 in caught.value.suspects
    assert set(caught.value.suspects) <= set(caught.value.lost)
    for number, outcome in enumerate(caught.value.outcomes):
        assert (outcome is None) == (number in caught.value.lost)
        assert outcome is None or bits(outcome) == home[number]


def test_a_pool_whose_workers_never_begin(caplog: pytest.LogCaptureFixture) -> None:
    with pytest.raises(fnn.SomeLost, match=r"^12 of 12 networks are lost") as caught:
        train(partial(sweeps.processes, sweeps.refuse), sweeps.fail)

    assert caught.value.suspects == []
    assert caught.value.outcomes == [None] * COUNT
