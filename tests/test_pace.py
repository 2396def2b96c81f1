"""How many steps and threads the next call gets."""

import pytest

from fnn import pace
from fnn.pace import Pace


def run(p: Pace, seconds: dict[int, float], calls: int) -> list[tuple[int, int]]:
    """What it chooses if a step takes so long with so many threads."""
    chosen = []
    for _ in range(calls):
        steps, threads = p.next()
        chosen.append((steps, threads))
        p.saw(steps, threads, steps * seconds[threads])

    return chosen


def test_a_wish_is_a_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("fnn.pace.available", lambda: 4)
    seconds = {1: 3.0, 2: 2.0, 3: 1.0}

    chosen = [threads for _, threads in run(Pace(1e12, 3), seconds, 50)]
    assert max(chosen) == 3
    assert chosen.count(3) > 25
    assert {threads for _, threads in run(Pace(1e12, 1), seconds, 50)} == {1}
    assert max(threads for _, threads in run(Pace(1e12, 99), {**seconds, 4: 0.5}, 50)) == 4


def test_small_steps_are_for_one_thread() -> None:
    chosen = run(Pace(100.0, None), {1: 1e-7}, 50)

    assert {threads for _, threads in chosen} == {1}
    assert chosen[-1][0] == round(pace.CALL / 1e-7)


@pytest.mark.parametrize("best", [1, 2, 3, 4])
def test_the_fastest_is_found_and_kept(monkeypatch: pytest.MonkeyPatch, best: int) -> None:
    monkeypatch.setattr("fnn.pace.available", lambda: 4)
    seconds = {threads: 1e-4 if threads == best else 2e-4 for threads in (1, 2, 3, 4)}
    chosen = [threads for _, threads in run(Pace(1e8, None), seconds, 200)]

    assert set(chosen[:8]) >= {1, 2, 4}
    assert chosen.count(best) > 120


def test_it_notices_that_another_is_faster_now(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("fnn.pace.available", lambda: 4)
    p = Pace(1e8, None)
    run(p, {1: 4e-4, 2: 2e-4, 3: 1.5e-4, 4: 1e-4}, 50)
    chosen = [threads for _, threads in run(p, {1: 4e-4, 2: 2e-4, 3: 3e-4, 4: 9e-4}, 100)]

    assert chosen.count(2) > 60


def test_a_call_is_never_of_no_steps() -> None:
    assert all(steps >= 1 for steps, _ in run(Pace(1e15, None), dict.fromkeys(range(1, 999), 100.0), 40))
