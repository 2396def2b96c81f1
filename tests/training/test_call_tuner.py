"""How many steps and threads the next call gets."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fnn.training import call_tuner as pace
from fnn.training.call_tuner import CallTuner, tuner_for


@pytest.fixture(autouse=True)
def four_processors(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("fnn.training.call_tuner.available", lambda: 4)


def run(p: CallTuner, seconds: dict[int, float], calls: int) -> list[tuple[int, int]]:
    """What it chooses if a step takes so long with so many threads."""
    chosen = []
    for _ in range(calls):
        steps, threads = p.suggest()
        chosen.append((steps, threads))
        p.observe(steps, threads, steps * seconds[threads])

    return chosen


def test_a_wish_is_a_limit() -> None:
    seconds = {1: 3.0, 2: 2.0, 3: 1.0, 4: 0.5}

    assert max(threads for _, threads in run(tuner_for(1e12, 3), seconds, 50)) == 3
    assert {threads for _, threads in run(tuner_for(1e12, 1), seconds, 50)} == {1}
    assert max(threads for _, threads in run(tuner_for(1e12, 99), seconds, 50)) == 4
    assert max(threads for _, threads in run(tuner_for(1e12, None), seconds, 50)) == 4


def test_short_runs_learn_from_each_other() -> None:
    seconds = {1: 4e-4, 2: 2e-4, 3: 1.5e-4, 4: 1e-4}
    chosen = [run(tuner_for(1.25e8, None), seconds, 1)[0][1] for _ in range(40)]

    assert chosen[0] == 1
    assert chosen[-10:].count(4) >= 8


def test_large_steps_begin_with_all_threads() -> None:
    seconds = {1: 4e-3, 2: 2e-3, 3: 1.5e-3, 4: 1e-3}
    chosen = [threads for _, threads in run(CallTuner(1e9, 4), seconds, pace.FIRST + pace.SETTLING)]

    assert chosen == [1] * pace.FIRST + [4] * pace.SETTLING
    assert {threads for _, threads in run(CallTuner(1e9, 1), seconds, 50)} == {1}


def test_what_could_not_be_faster_is_tried_seldom() -> None:
    seconds = {1: 4e-3, 2: 2e-3, 3: 1.35e-3, 4: 1.1e-3}  # three can't be below 4/3 ms
    chosen = [threads for _, threads in run(CallTuner(1e9, 4), seconds, pace.FIRST + 2 * pace.MOST)]
    later = chosen[pace.FIRST :]

    assert {3} & set(later[: pace.MOST]) == set()
    assert later.count(3) == 2  # one trial, in two calls: what was known may be wrong now
    assert set(later) == {1, 3, 4}


def test_what_one_thread_takes_is_measured_again() -> None:
    seconds = {1: 4e-3, 2: 2e-3, 3: 1.35e-3, 4: 1.1e-3}
    calls = run(CallTuner(1e9, 4), seconds, pace.FIRST + 3 * pace.MOST)[pace.FIRST :]
    spent = sum(steps * seconds[threads] for steps, threads in calls)
    alone = [steps * seconds[1] for steps, threads in calls if threads == 1]

    assert 0.8 * spent < len(alone) * pace.REFRESHED < spent
    assert sum(alone) < 0.01 * spent
    huge = run(CallTuner(1e12, 4), {1: 1.0, 2: 0.5, 3: 0.4, 4: 0.3}, 1000)[pace.FIRST :]  # a call is a step
    assert 0 < sum(threads == 1 for _, threads in huge) < 5


def test_how_long_a_call_will_take_is_known_whoever_makes_it() -> None:
    seconds, p, alone = {1: 4e-3, 2: 2e-3, 3: 1.35e-3, 4: 1.1e-3}, CallTuner(1e9, 4), 0
    run(p, seconds, pace.FIRST + 1)
    for _ in range(pace.MOST - 1):
        steps, threads = p.suggest()
        alone += threads == 1
        assert p.seconds(steps) == pytest.approx(steps * seconds[threads])
        p.observe(steps, threads, steps * seconds[threads])

    assert alone > 0


def test_a_bad_moment_at_the_start_does_no_harm_for_long() -> None:
    # One thread is three times slower while it is measured first, and then faster than all others.
    p, now = CallTuner(1e8, 4), 0.0
    run(p, {1: 3e-3}, pace.FIRST)
    calls = run(p, {1: 1e-3, 2: 1.5e-3, 3: 2e-3, 4: 2.5e-3}, 60)
    while calls and now < 3.0:
        steps, threads = calls.pop(0)
        now += steps * {1: 1e-3, 2: 1.5e-3, 3: 2e-3, 4: 2.5e-3}[threads]

    assert now >= 3.0
    assert [threads for _, threads in calls].count(1) > 0.8 * len(calls) > 0


def test_a_trial_is_told_by_what_was_tried() -> None:
    # Two threads are best; one, tried now and then, is measured as fast as it is, which must not send it to four.
    p = CallTuner(5e6, 4)
    chosen = [threads for _, threads in run(p, {1: 1.9e-4, 2: 1e-4, 4: 1.2e-4, 3: 1.1e-4}, 300)]

    assert chosen[-200:].count(2) > 180


def test_calls_of_several_threads_grow_longer_while_nothing_is_new() -> None:
    seconds = {1: 4e-3, 2: 2e-3, 3: 1.35e-3, 4: 1e-3}
    lasting = [steps * seconds[threads] for steps, threads in run(CallTuner(1e9, 4), seconds, pace.FIRST + 15)]

    assert lasting[pace.FIRST + 1 :] == pytest.approx([0.06, 0.09] + 12 * [0.12])
    alone = [steps * 1e-5 for steps, _ in run(CallTuner(1e6, 1), {1: 1e-5}, pace.FIRST + 20)]
    assert alone[pace.FIRST + 1 :] == pytest.approx(19 * [0.03])


def test_the_first_call_with_all_threads_is_short() -> None:
    # They may be a hundred times slower than one, if others have the processors.
    chosen = run(CallTuner(1e9, 4), {1: 2e-3, 4: 0.2}, pace.FIRST + pace.PATIENCE)

    assert chosen[pace.FIRST :] == [(round(pace.PROBE / 2e-3), 4), (1, 4), (1, 4)]


def test_all_threads_are_given_up_at_once_if_one_is_faster() -> None:
    seconds = {1: 1e-3, 2: 1.5e-3, 3: 2e-3, 4: 2.5e-3}
    chosen = [threads for _, threads in run(CallTuner(1e9, 4), seconds, 60)]

    given_up = pace.FIRST + pace.PATIENCE
    assert chosen[:given_up] == [1] * pace.FIRST + [4] * pace.PATIENCE
    assert set(chosen[given_up:]) == {1, 2}


def test_runs_side_by_side_do_not_share_their_state() -> None:
    one = tuner_for(1.5e8, None)
    run(one, {1: 1e-3, 2: 2e-3, 3: 1.0, 4: 1.0}, 2)
    other = tuner_for(1.5e8, None)
    while one.suggest()[1] == 1:
        one.observe(1, 1, 1e-3)

    assert other.suggest()[1] == 1


def test_small_steps_are_for_one_thread() -> None:
    chosen = run(CallTuner(100.0, 4), {1: 1e-7}, 50)

    assert {threads for _, threads in chosen} == {1}
    assert chosen[-1][0] == round(pace.CALL / 1e-7)


@pytest.mark.parametrize("work", [5e6, 1e8])
@pytest.mark.parametrize("best", [1, 2, 3, 4])
def test_the_fastest_is_found_and_kept(best: int, work: float) -> None:
    seconds = {threads: 1e-4 * 1.5 ** abs(threads - best) for threads in (1, 2, 3, 4)}
    chosen = [threads for _, threads in run(CallTuner(work, 4), seconds, 200)]

    assert chosen[0] == 1
    assert chosen.count(best) > 150


@pytest.mark.parametrize("work", [5e6, 1e8])
@pytest.mark.parametrize("best", [1, 2, 3, 4])
def test_it_notices_that_another_is_faster_now(best: int, work: float) -> None:
    p = CallTuner(work, 4)
    run(p, {1: 4e-4, 2: 2e-4, 3: 1.5e-4, 4: 1e-4}, 50)
    seconds = {threads: 4e-4 * 1.5 ** abs(threads - best) for threads in (1, 2, 3, 4)}
    chosen = [threads for _, threads in run(p, seconds, 300)]

    assert chosen[-100:].count(best) > 90


@given(slowdown=st.lists(st.floats(1.0, 20.0), min_size=3, max_size=3))
@settings(deadline=None)
def test_threads_that_do_not_pay_cost_little(slowdown: list[float]) -> None:
    seconds = {1: 1e-4} | {threads: 1e-4 * times for threads, times in zip((2, 3, 4), slowdown, strict=True)}
    p = CallTuner(1e7, 4)
    spent = steps = 0.0
    while spent < 2.0:
        ((count, threads),) = run(p, seconds, 1)
        spent += count * seconds[threads]
        steps += count

    assert spent / steps < 1.3e-4


def test_a_call_is_never_of_no_steps() -> None:
    assert all(steps >= 1 for steps, _ in run(CallTuner(1e15, 4), dict.fromkeys(range(1, 5), 100.0), 40))
