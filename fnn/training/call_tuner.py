"""How many steps of training to take in one call of the kernel, and with how many threads."""

from __future__ import annotations

from copy import copy
from typing import Final

from fnn.compiler.threads import available

CALL: Final = 0.03  # seconds that a call should last: long beside a look around, short beside a person's patience
LONGER: Final = 4  # times as long may it last with several threads: they take 2 ms to start, and end when asked
PROBE: Final = 0.005  # that the first calls should last, and the one before a trial, which is spared
HOPELESS: Final = 1.8  # if a step takes so many times as long
EARNED: Final = 3e-6  # seconds of a step below which two barriers and three threads can't gain anything
LARGE: Final = 1e-4  # from which on all threads are tried first
FLOPS: Final = 1e11  # of one core, in float32, for a first guess
SLOW: Final = 10.0  # times the first guess that a step may well take
GAIN: Final = 0.95  # of the present time for a step: what a number of threads must stay below to be preferred
SLOWER: Final = 1.5  # times the best time seen with the present number: something has changed
FIRST: Final = 3  # calls with one thread, of which all but the last are short: code and data come from afar
FEWEST: Final = 2  # calls from one trial to the next,
RARER: Final = 3  # times as many after a trial that didn't pay,
MOST: Final = 64  # at most,
SETTLING: Final = 6  # and to the first one where all threads run: a virtual machine spreads them within 0.3 s
PATIENCE: Final = 3  # calls in turn that may be slower than one thread was
REFRESHED: Final = 2.0  # seconds after which it is measured again what one thread takes,
COSTLY: Final = 100  # and at least so many steps of one


class CallTuner:
    """Measures how fast calls go, and climbs to the number of threads that is fastest: from one, or from all down.

    Threads that wait for each other are slow when another process has one of the processors, many times slower than one
    alone in the worst case. So the number that is best is a matter of the moment, and the neighbours of the present one
    are tried, each for the time of a call, ever more seldom if it doesn't pay. It changes no bit of the result.

    Parameters
    ----------
    work
        Floating-point operations of a step.
    most
        Threads, at most.
    """

    def __init__(self, work: float, most: int) -> None:
        guess = work / FLOPS
        halvings = {most >> n for n in range(most.bit_length())}
        self._choices = [1] if guess < EARNED else sorted({*halvings, max(most - 1, 1)})
        self._seconds = max(guess, 1e-7)  # of a step, at present
        self._alone = float("inf")  # of a step with one thread, as far as is known,
        self._known_for = 0.0  # seconds
        self._slower = 0  # calls in turn with more, which took longer
        self._best = float("inf")  # of a step with the present number of threads
        is_large = guess > LARGE
        self._at = len(self._choices) - 1 if is_large else 0  # the present choice
        self._towards = -1 if is_large else 1  # the next trial: one choice up, or down
        self._wait = SETTLING if is_large else FEWEST  # calls from one trial to the next
        self._calls = -FIRST  # since the last trial; the first ones only measure, with one thread
        self._trying = self._probed = self._refreshing = False
        self._candidate = 0  # the choice that is tried

    def suggest(self) -> tuple[int, int]:
        """Steps and threads for the next call."""
        self._refreshing = self._at > 0 and self._known_for > max(REFRESHED, COSTLY * self._alone) and not self._probed
        if not self._probed:
            self._candidate = self._open()
        self._trying = self._calls >= self._wait and self._candidate != self._at and not self._refreshing
        choice = 0 if self._calls < 0 or self._refreshing else self._candidate if self._trying else self._at

        return max(1, round(self._length(choice) / self._each())), self._choices[choice]

    def _each(self) -> float:
        """Seconds that a step of the next call will take, as far as can be told."""
        return self._alone if self._refreshing else self._seconds

    def _length(self, choice: int) -> float:
        """Seconds that the next call should last: ever longer while nothing new is seen."""
        is_new = self._calls == 0 and self._best == float("inf")
        if self._calls < -1 or is_new or self._refreshing or (self._trying and not self._probed):
            return PROBE
        if self._trying or choice == 0:
            return CALL
        return CALL * min(self._calls + 1, LONGER)

    def seconds(self, steps: int) -> float:
        """How long so many steps will take, as far as can be told; before the first call, how long they might."""
        return steps * self._each() * (1 if self._calls > -FIRST else SLOW)

    def observe(self, steps: int, threads: int, seconds: float) -> None:
        """Learn how long a call took."""
        each = seconds / steps
        self._known_for += seconds
        if threads == 1:
            self._alone, self._known_for = each, 0.0
        if self._refreshing:
            return
        if not self._trying:
            self._note(each)
            return
        if not self._probed and each < HOPELESS * self._seconds:
            self._probed = True
            return
        up = 1 if self._candidate > self._at else -1
        self._calls, self._probed = 0, False
        if each < GAIN * self._seconds:
            self._at, self._seconds, self._best = self._candidate, each, each
            self._towards, self._wait = up, FEWEST
        else:
            self._towards, self._wait = -up, min(RARER * self._wait, MOST)

    def _note(self, each: float) -> None:
        """Learn how long a step takes with the present number of threads."""
        self._calls += 1
        self._seconds = each
        if self._calls <= 0:
            return
        self._slower = self._slower + 1 if each > self._alone else 0
        self._best = min(self._best, each)
        if self._slower == PATIENCE:
            self._at, self._slower, self._seconds, self._best = 0, 0, self._alone, self._alone
            self._towards, self._wait = 1, FEWEST
        elif each > SLOWER * self._best:
            self._best, self._wait = each, FEWEST

    def _open(self) -> int:
        """The choice to try: the neighbour on that side, else on the other; the present one if neither can be faster.

        It can't be where threads would be too slow even if each were as fast as one alone. But that may have been
        measured at a bad moment, so everything is tried in the end.
        """
        for at in (self._at + self._towards, self._at - self._towards):
            if 0 <= at < len(self._choices):
                least = self._alone / self._choices[at]
                if least < GAIN * self._seconds or self._calls >= MOST:
                    return at

        return self._at


_known: Final[dict[tuple[float, int], CallTuner]] = {}  # what the last run with as much work a step has learned


def tuner_for(work: float, threads: int | None) -> CallTuner:
    """A pace that starts from what runs with as much work a step have learned, for whoever trains an epoch a call.

    Parameters
    ----------
    work
        Floating-point operations of a step.
    threads
        At most so many, or None: as many as there are processors.
    """
    most = available() if threads is None else min(threads, available())
    known = _known.get((work, most))
    tuner = _known[work, most] = copy(known) if known else CallTuner(work, most)  # a copy: runs may go on side by side

    return tuner
