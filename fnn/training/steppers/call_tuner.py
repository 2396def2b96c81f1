"""How many steps of training to take in one call, and with how many threads."""

from __future__ import annotations

from collections.abc import Callable
from copy import copy
from enum import Enum
from typing import Final, Protocol

from fnn.compiler.threads import available

CALL: Final = 0.03  # seconds of a call: long beside what is done between two calls, short enough for Ctrl-C
LONGEST: Final = 4  # times CALL, with several threads: they take up to 1 ms to start, and can be interrupted
PROBE: Final = 0.005  # seconds of a call that measures one thread
TRIAL: Final = 0.001  # seconds of a call whose number of threads may turn out to be slow
TRIED: Final = 0.01  # seconds of the next call, by which it is judged
ENOUGH: Final = 3  # calls on which a measurement rests, or a verdict against several threads
FEWEST: Final = 2  # calls from one trial to the next,
RARER: Final = 3  # times as many after each trial that didn't pay,
MOST: Final = 64  # at most
LOSS: Final = 0.02  # of the time, lost to one thread: several are given up if they lose more, and not tried until then
GAIN: Final = 0.95  # of the present time of a step, below which another number of threads is better
MUCH: Final = 1.6  # times the present time of a step: a trial is hopeless, or the machine has changed
REFRESH: Final = 400  # times as long as it takes to measure one thread: the age at which it is measured again
EARLY: Final = 40  # the same, if that time can't be believed: the process may have been stopped meanwhile
FLOPS: Final = 1e11  # a second, of one core, in float32: a first guess
FASTEST: Final = 128  # times that is beyond any core: the clock stands still, and its time is not believed
SMALL: Final = 3e5  # operations of a step below which barriers take longer than several threads can gain
LARGE: Final = 1e7  # operations of a step above which all threads are tried first


class Tuner(Protocol):
    """Chooses the length of calls and the number of threads, which change no bit of the result."""

    def suggest(self) -> tuple[int, int]:
        """Steps and threads for the next call."""

    def seconds(self, steps: int) -> float:
        """The expected duration of the next call, with this number of steps."""

    def observe(self, steps: int, threads: int, seconds: float, starting: float = 0.0) -> None:
        """Learn how long a call took, and for how long of this its threads were starting."""


class State(Enum):
    """What a `CallTuner` does with the next call."""

    MEASURING, SETTLED, TRYING = range(3)


class CallTuner:
    """Measures calls, and climbs to the number of threads that is fastest: from one, or from all of them down.

    Threads that wait for each other are slow when another process has one of the processors, in the worst case many
    times slower than one alone. So the best number changes, and its neighbours are tried now and then.

    =========  ==============================  =================================================================
    state      next call                       then
    =========  ==============================  =================================================================
    MEASURING  one thread, short               SETTLED after three calls at the start, after one later
    SETTLED    the present number of threads,  with one thread after a call slower than one thread that loses too
               from 10 ms to 120 ms            much, or three in turn; MEASURING if the time of one thread is old;
                                               TRYING after `wait` calls, unless the neighbours can't be faster
    TRYING     a neighbour: a call of 1 ms,    SETTLED: with the neighbour if it was faster; else as before, and
               then one of 10 ms               `wait` is three times as long
    =========  ==============================  =================================================================
    """

    def __init__(self, work: float, most: int) -> None:  # floating-point operations of a step, and threads at most
        halves = {most >> n for n in range(most.bit_length())}
        self._choices = [1] if work < SMALL else sorted({*halves, max(most - 1, 1)})  # of numbers of threads
        self._state, self._left = State.MEASURING, ENOUGH  # calls until that state ends
        self._at = len(self._choices) - 1 if work > LARGE else 0  # the present choice
        self._candidate = self._at  # the choice that is tried
        self._direction = -1 if work > LARGE else 1  # of the next trial
        self._wait = 1  # calls from one trial to the next; before the first one
        self._calls = 0  # since the last trial
        self._slower = 0  # of those in turn, that were slower than one thread
        self._seconds = max(work / FLOPS, 1e-7)  # of a step with the present choice
        self._least = self._seconds / FASTEST  # of a step, times threads
        self._best = float("inf")  # the least of these
        self._alone, self._age = float("inf"), 0.0  # seconds of a step with one thread, and since that was measured
        self._elapsed, self._lost = 0.0, 0.0  # seconds of all calls; of those, what one thread would have saved
        self._price = 0.0  # seconds that the last trial has lost, or the first call if it is one

    def suggest(self) -> tuple[int, int]:
        choice = self._at if self._state is State.SETTLED else self._candidate if self._state is State.TRYING else 0

        return max(1, round(self._length(choice) / self.seconds(1))), self._choices[choice]

    def seconds(self, steps: int) -> float:
        is_measured = self._state is State.MEASURING and self._alone < float("inf")

        return steps * (self._alone if is_measured else self._seconds)

    def _length(self, choice: int) -> float:
        """Seconds that the next call should take."""
        is_new = self._best == float("inf")
        if self._state is State.MEASURING:
            return TRIED if is_new and self._left == 1 else PROBE
        if self._state is State.TRYING:
            return TRIAL if self._left == 2 else TRIED
        if is_new:
            return TRIAL

        if choice > 0 and self._calls < FEWEST:
            return TRIED

        return CALL * (min(self._calls, LONGEST) if choice > 0 else 1)

    def observe(self, steps: int, threads: int, seconds: float, starting: float = 0.0) -> None:
        """Learn how long a call took, and choose the next state.

        Threads take 0.3 to 1 ms to start. A long call pays for that; a verdict on the first, short one leaves it out.
        """
        each = seconds / steps
        if each * threads < self._least:
            return
        self._age, self._elapsed = self._age + seconds, self._elapsed + seconds
        if threads == 1:
            self._alone, self._age = each, 0.0
        else:
            lost, is_trial = seconds - steps * self._alone, self._state is State.TRYING
            # One call tells little: the process may have been stopped. A trial tells more the more have failed before,
            # or threads that lose 5 ms in each ms would lose 5 % of an hour. Gains excuse no more than one call.
            believed = min(lost, CALL * (max(self._wait, FEWEST) if is_trial else 1))
            self._lost = max(self._lost + believed, -CALL)
            if is_trial or self._best == float("inf"):
                self._price += believed
        self._left -= 1
        started = (seconds - min(starting, threads * TRIAL)) / steps  # longer only if others have the processors
        if self._state is State.MEASURING:
            self._seconds = each if self._best == float("inf") else self._seconds
        elif self._state is State.SETTLED:
            self._end_call(started if self._best == float("inf") else each)
        elif self._left == 0 or started >= MUCH * self._seconds:
            self._end_trial(each)
        if self._left <= 0:
            self._choose_state()

    def _end_call(self, each: float) -> None:
        """Learn the seconds of a step with the present number of threads."""
        self._calls, self._left, self._seconds = self._calls + 1, 0, each
        self._slower = self._slower + 1 if each > self._alone else 0
        if self._slower == ENOUGH or (self._slower and not self._can_lose(CALL * (1 - self._alone / each))):
            self._move(0, self._alone, 1)
        elif each > MUCH * self._best:
            self._best, self._wait = each, FEWEST
        self._best = min(self._best, each)

    def _can_lose(self, seconds: float) -> bool:
        """Whether several threads may lose as much in the next calls."""
        return self._lost + seconds <= LOSS * self._elapsed

    def _end_trial(self, each: float) -> None:
        """Learn the seconds of a step with the candidate."""
        direction = 1 if self._candidate > self._at else -1
        self._calls = self._left = 0
        if each < GAIN * self._seconds:
            self._move(self._candidate, each, direction)
            # The next neighbour is tried at once; the one left behind, not so soon.
            self._wait = 0 if 0 <= self._at + direction < len(self._choices) else RARER * FEWEST
        else:
            self._direction, self._wait = -direction, min(RARER * max(self._wait, FEWEST), MOST)

    def _move(self, choice: int, each: float, direction: int) -> None:
        """Make a choice the present one."""
        self._at, self._seconds, self._best, self._slower = choice, each, each, 0
        self._direction, self._wait = direction, FEWEST

    def _choose_state(self) -> None:
        self._state = State.SETTLED
        if self._at > 0 and self._age > self._age_limit():
            self._state, self._left = State.MEASURING, 1
        elif self._calls >= self._wait and self._can_lose(self._price):
            self._candidate = self._next_candidate()
            if self._candidate != self._at:
                self._state, self._left, self._price = State.TRYING, 2, 0.0

    def _age_limit(self) -> float:
        """The age at which the time of one thread is measured again: early, if several can't be as much faster."""
        most = self._choices[self._at] * self._seconds
        return REFRESH * max(PROBE, self._alone) if self._alone < MUCH * most else EARLY * max(PROBE, most)

    def _next_candidate(self) -> int:
        """The neighbour in the direction of the next trial, else the other; the present choice if none can be faster.

        A neighbour can't if it would be too slow even with threads as fast as one alone. But that may have been
        measured at a bad moment, so in the end it is tried.
        """
        for at in (self._at + self._direction, self._at - self._direction):
            if 0 <= at < len(self._choices):
                least = self._alone / self._choices[at]
                if least < GAIN * self._seconds or self._calls >= MOST:
                    return at

        return self._at


_tuners: Final[dict[tuple[float, int], CallTuner]] = {}  # of the last run with this work and most threads


def tuner_for(work: float, threads: int | None) -> CallTuner:
    """A tuner for at most `threads`, which starts from what earlier runs with as much work a step have measured."""
    most = 1 if work < SMALL else available(threads)
    if len(_tuners) > 1000:
        _tuners.clear()
    earlier = _tuners.get((work, most))  # copied, because that run may still go on
    tuner = _tuners[work, most] = copy(earlier) if earlier else CallTuner(work, most)

    return tuner


class StreamTuner:
    """A tuner for batches whose size, and so the work of a step, is known when the first one has come."""

    def __init__(self, work: Callable[[], float], threads: int | None) -> None:
        self._work, self._threads = work, threads
        self._tuner: CallTuner | None = None

    def suggest(self) -> tuple[int, int]:
        return (1, 1) if self._tuner is None else self._tuner.suggest()

    def seconds(self, steps: int) -> float:
        return 0.0 if self._tuner is None else self._tuner.seconds(steps)

    def observe(self, steps: int, threads: int, seconds: float, starting: float = 0.0) -> None:
        if self._tuner is None:
            self._tuner = tuner_for(self._work(), self._threads)
        else:
            self._tuner.observe(steps, threads, seconds, starting)
