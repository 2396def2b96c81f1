"""How many steps and threads the next call gets: simulated calls, whose time is a function of their threads."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import pairwise
from typing import NamedTuple

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import fnn
from fnn.training.steppers.call_tuner import CALL, LONGEST, LOSS, TRIAL, CallTuner, StreamTuner, Tuner, tuner_for
from tests.paces import processors
from tests.problems import problem


class Call(NamedTuple):
    steps: int
    threads: int
    seconds: float


@pytest.fixture(autouse=True)
def four_processors(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("fnn.training.steppers.call_tuner.available", processors(4))


def run(tuner: Tuner, each: Mapping[int, float], calls: int = 10**6, seconds: float = float("inf")) -> list[Call]:
    """Calls, if a step takes ``each[threads]`` seconds: up to a number and a time."""
    made: list[Call] = []
    while len(made) < calls and sum(call.seconds for call in made[-1:]) < seconds:
        steps, threads = tuner.suggest()
        call = Call(steps, threads, steps * each[threads])
        tuner.observe(*call)
        made.append(call)
        seconds -= call.seconds

    return made


def speed(calls: list[Call]) -> float:
    """Seconds of a step, on average."""
    return sum(call.seconds for call in calls) / sum(call.steps for call in calls)


TIMES = st.lists(st.floats(0.05, 20.0), min_size=3, max_size=3)  # of 2, 3 and 4 threads, relative to one


def times(alone: float, relative: list[float]) -> dict[int, float]:
    return {1: alone} | {threads: alone * times for threads, times in zip((2, 3, 4), relative, strict=True)}


# The number of threads.


@pytest.mark.parametrize("threads, most", [(3, 3), (1, 1), (2, 2), (99, 4), (None, 4)])
def test_threads_is_an_upper_bound(threads: int | None, most: int) -> None:
    calls = run(tuner_for(1e12, threads), {1: 3.0, 2: 2.0, 3: 1.0, 4: 0.5}, 50)

    assert max(call.threads for call in calls) == most


@given(TIMES, st.sampled_from([1e6, 1e7, 1e8, 1e9]), st.floats(0.1, 10.0), st.sampled_from([1.0, 5.0, 25.0]))
@settings(deadline=None, max_examples=300)
def test_it_is_hardly_ever_slower_than_one_thread(relative: list[float], work: float, luck: float, T: float) -> None:
    each = times(work / 1e11 * luck, relative)
    calls = run(CallTuner(work, 4), each, seconds=T)
    lost = sum(call.seconds - call.steps * each[1] for call in calls)
    trial = max(each.values()) + TRIAL * max(relative)  # seconds of one that doesn't pay: a step, or a short call
    trials = 2 + T * LOSS / CALL * (trial > CALL)  # at most, since no more than CALL counts of each

    assert lost < CALL + LOSS * T + trials * trial


@pytest.mark.parametrize("work", [5e5, 5e6, 1e8, 1e9])
@pytest.mark.parametrize("slower", [1.2, 3.0, 20.0])
def test_no_run_is_much_slower_than_with_one_thread(work: float, slower: float) -> None:
    # Other processes have the processors, so threads that wait for each other are slow.
    each = {1: work / 2e11} | dict.fromkeys((2, 3, 4), slower * work / 2e11)
    for seconds in (1.0, 3.0, 10.0):
        calls = run(CallTuner(work, 4), each, seconds=seconds)
        lost = sum(call.seconds - call.steps * each[1] for call in calls)
        assert lost < 0.03 * seconds + each[2]  # of a step that tries it


@pytest.mark.parametrize("work", [5e6, 1e8])
@pytest.mark.parametrize("best", [1, 2, 3, 4])
def test_the_fastest_is_found_and_kept(best: int, work: float) -> None:
    each = {threads: 1e-4 * 1.5 ** abs(threads - best) for threads in (1, 2, 3, 4)}
    tuner = CallTuner(work, 4)
    run(tuner, each, seconds=1.0)

    assert speed(run(tuner, each, seconds=5.0)) < 1.05 * each[best]


@pytest.mark.parametrize("work", [5e5, 5e6, 1e8, 1e9])
@pytest.mark.parametrize("best", [1, 2, 3, 4])
def test_the_fastest_is_found_in_a_fifth_of_a_second(best: int, work: float) -> None:
    each = {threads: work / 2e11 * 1.3 ** abs(threads - best) for threads in (1, 2, 3, 4)}
    tuner = CallTuner(work, 4)
    run(tuner, each, seconds=0.2)

    assert best in {call.threads for call in run(tuner, each, 2)}


@pytest.mark.parametrize("work", [5e6, 5e7, 1e9])
@pytest.mark.parametrize("starting", [1e-4, 1e-3, 2e-3])
def test_it_is_found_although_threads_take_longer_to_start_than_a_trial(work: float, starting: float) -> None:
    alone, tuner, elapsed = work / 2e11, CallTuner(work, 2), 0.0
    while elapsed < 0.1 + 4 * alone:
        steps, threads = tuner.suggest()
        late = starting if threads == 2 else 0.0
        seconds = steps * alone / (1.7 if threads == 2 else 1.0) + late
        tuner.observe(steps, threads, seconds, late)
        elapsed += seconds

    assert tuner.suggest()[1] == 2


def test_threads_that_gain_less_than_it_takes_to_start_them_are_given_up() -> None:
    tuner, elapsed, lost = CallTuner(5e6, 2), 0.0, 0.0
    while elapsed < 3.0:  # calls of one step, as with a callback after each
        _, threads = tuner.suggest()
        late = 1e-3 if threads == 2 else 0.0
        seconds = 5e-5 / threads + late
        tuner.observe(1, threads, seconds, late)
        elapsed, lost = elapsed + seconds, lost + max(seconds - 5e-5, 0.0)

    assert lost < 0.03 * elapsed


@pytest.mark.parametrize("work", [5e6, 1e8])
@pytest.mark.parametrize("best", [1, 2, 3, 4])
def test_it_notices_that_another_number_is_faster_now(best: int, work: float) -> None:
    tuner = CallTuner(work, 4)
    run(tuner, {1: 4e-4, 2: 2e-4, 3: 1.5e-4, 4: 1e-4}, seconds=5.0)
    each = {threads: 4e-4 * 1.5 ** abs(threads - best) for threads in (1, 2, 3, 4)}
    run(tuner, each, seconds=15.0)

    assert speed(run(tuner, each, seconds=5.0)) < 1.05 * each[best]


@pytest.mark.parametrize("slow", [1, 2, 3])
def test_it_recovers_from_slow_measurements_of_one_thread(slow: int) -> None:
    # At first one thread is three times slower than usual; then it is faster than all others.
    tuner, each = CallTuner(1e8, 4), {1: 1e-3, 2: 1.5e-3, 3: 2e-3, 4: 2.5e-3}
    run(tuner, {1: 3e-3}, slow)
    run(tuner, each, seconds=3.0)

    assert speed(run(tuner, each, seconds=3.0)) < 1.1 * each[1]


def test_it_recovers_from_one_slow_call() -> None:
    tuner, each = CallTuner(1e8, 4), {1: 4e-3, 2: 2e-3, 3: 1.5e-3, 4: 1e-3}
    run(tuner, each, seconds=2.0)
    steps, threads = tuner.suggest()
    tuner.observe(steps, threads, steps * 20e-3)

    assert speed(run(tuner, each, seconds=2.0)) < 1.2 * each[4]


@pytest.mark.parametrize("work", [5e6, 1e8, 1e9])
@pytest.mark.parametrize("faster", [0.6, 1.8])
def test_it_recovers_from_a_call_in_which_the_process_was_stopped(work: float, faster: float) -> None:
    each = {1: work / 1e11, 2: work / 1e11 / faster}
    for before in range(40):
        tuner = CallTuner(work, 2)
        run(tuner, each, before)
        steps, threads = tuner.suggest()
        tuner.observe(steps, threads, steps * each[threads] + 2.0)
        run(tuner, each, seconds=5.0)
        assert speed(run(tuner, each, seconds=5.0)) < 1.05 * min(each.values()), before


@pytest.mark.parametrize("work", [5e6, 1e8])
@pytest.mark.parametrize("slower", [20.0, 100.0])
def test_threads_that_lose_much_in_each_trial_are_tried_less_and_less(work: float, slower: float) -> None:
    each = {1: work / 1e11, 2: slower * work / 1e11}
    assert speed(run(CallTuner(work, 2), each, seconds=60.0)) < 1.025 * each[1]


def test_several_threads_that_are_slow_are_given_up_at_once() -> None:
    # Threads that wait for each other are a hundred times slower than one, if others have the processors.
    calls = run(CallTuner(1e9, 4), {1: 2e-3, 2: 0.2, 3: 0.2, 4: 0.2}, 30)

    assert sum(call.seconds for call in calls if call.threads > 1) < 2.0
    assert {call.threads for call in calls[10:20]} <= {1, 2}


def test_small_steps_are_for_one_thread() -> None:
    calls = run(CallTuner(100.0, 4), {1: 1e-7}, 50)

    assert {call.threads for call in calls} == {1}


def test_what_could_not_be_faster_is_tried_seldom() -> None:
    each = {1: 4e-3, 2: 2e-3, 3: 1.35e-3, 4: 1.1e-3}  # three threads can't take less than 4/3 ms
    calls = run(CallTuner(1e9, 4), each, seconds=20.0)

    assert 0 < sum(call.seconds for call in calls if call.threads == 3) < 0.01 * 20


@pytest.mark.parametrize("scale", [1.0, 250.0])  # with the second a call is one step
def test_the_time_of_one_thread_is_measured_again_and_again(scale: float) -> None:
    each = {threads: scale * seconds for threads, seconds in {1: 4e-3, 2: 2e-3, 3: 1.35e-3, 4: 1.1e-3}.items()}
    tuner = CallTuner(scale * 1e9, 4)
    run(tuner, each, seconds=100.0 * scale)
    calls = run(tuner, each, seconds=100.0 * scale)
    alone = sum(call.seconds for call in calls if call.threads == 1)

    assert 0 < alone < 0.01 * sum(call.seconds for call in calls)


# The length of calls.


@given(TIMES, st.sampled_from([1e3, 1e6, 1e7, 1e9]), st.floats(0.3, 3.0))
@settings(deadline=None)
def test_calls_are_short_but_not_too_short(relative: list[float], work: float, luck: float) -> None:
    each = times(work / 1e11 * luck, relative)
    calls = run(CallTuner(work, 4), each, seconds=3.0)

    for before, call in pairwise(calls[3:]):
        jump = max(1.0, each[call.threads] / each[before.threads])  # not known before it is tried
        assert call.seconds <= LONGEST * CALL * jump + each[call.threads]
    settled = [call.seconds for call in calls[10:]]
    assert sum(settled) / len(settled) > 0.5 * CALL


@pytest.mark.parametrize("seconds", [0.0, 1e-9])
@pytest.mark.parametrize("work", [100.0, 1e8])
def test_a_clock_that_stands_still_teaches_nothing(work: float, seconds: float) -> None:
    tuner, fresh = CallTuner(work, 4), CallTuner(work, 4)
    for _ in range(100):
        steps, threads = tuner.suggest()
        assert (steps, threads) == fresh.suggest()
        assert tuner.seconds(steps) > 0
        tuner.observe(steps, threads, seconds)


def test_runs_under_such_a_clock_and_after_it(monkeypatch: pytest.MonkeyPatch) -> None:
    p = problem(1, (3, 6, 2), (fnn.tanh,), fnn.sigmoid, fnn.squared_error, 41)
    with monkeypatch.context() as patch:
        patch.setattr("time.perf_counter", lambda: 1234.5)
        frozen = fnn.train(p.params, p.x, p.y, eta=0.1, epochs=9, batch_size=4)
        stream = fnn.train(p.params, [(p.x, p.y)], eta=0.1, epochs=9, stopping=fnn.Stopping(seconds=1))
    later = fnn.train(p.params, p.x, p.y, eta=0.1, epochs=9, batch_size=4)

    assert frozen.params == later.params
    assert frozen.history.seconds.tolist() == [0.0] * 9
    assert stream.params == fnn.train(p.params, p.x, p.y, eta=0.1, epochs=9).params


def test_a_call_is_never_of_no_steps() -> None:
    assert all(call.steps >= 1 for call in run(CallTuner(1e15, 4), dict.fromkeys(range(1, 5), 100.0), 40))


def test_how_long_a_call_will_take_is_known() -> None:
    each, tuner = {1: 4e-3, 2: 2e-3, 3: 1.35e-3, 4: 1.1e-3}, CallTuner(1e9, 4)
    run(tuner, each, seconds=1.0)
    wrong = total = 0.0
    for _ in range(200):
        expected = tuner.seconds(tuner.suggest()[0])
        ((_, _, seconds),) = run(tuner, each, 1)
        wrong, total = wrong + abs(expected - seconds), total + seconds

    assert wrong < 0.02 * total


# What runs learn from each other.


def test_short_runs_learn_from_each_other() -> None:
    each = {1: 4e-4, 2: 2e-4, 3: 1.5e-4, 4: 1e-4}
    chosen = [run(tuner_for(1.25e8, None), each, 1)[0].threads for _ in range(40)]

    assert chosen[0] == 1
    assert chosen[-10:].count(4) >= 8


def test_runs_side_by_side_do_not_share_their_state() -> None:
    one, other = tuner_for(1.5e8, None), tuner_for(1.5e8, None)
    while one.suggest()[1] == 1:
        one.observe(1, 1, 1e-3)

    assert other.suggest()[1] == 1


def test_the_work_of_a_stream_is_known_after_its_first_step() -> None:
    asked: list[int] = []

    def work() -> float:
        asked.append(1)
        return 1e9

    tuner, each = StreamTuner(work, 3), {1: 4e-3, 2: 2e-3, 3: 1.4e-3}
    assert (tuner.suggest(), tuner.seconds(5), asked) == ((1, 1), 0.0, [])
    calls = run(tuner, each, seconds=2.0)

    assert asked == [1]
    assert calls[-1].threads == 3
