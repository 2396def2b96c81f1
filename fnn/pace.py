"""How many steps of training to take in one call of the kernel, and with how many threads."""

from __future__ import annotations

from fnn.threads import available

CALL = 0.03  # seconds that a call should last: long beside starting threads, short beside a person's patience
TRIAL = 0.003  # that a call should last while the best number of threads is looked for
EARNED = 3e-6  # seconds of a step below which two barriers and three threads can't gain anything
FLOPS = 1e11  # of one core, in float32, for a first guess
CALLS_BETWEEN_TRIALS = 16


class Pace:
    """Measures how fast calls go and lets the fastest number of threads do the next ones.

    Threads that wait for each other are slow when another process has one of the processors, so the number that is best
    is a matter of the moment; it changes no bit of the result.

    Parameters
    ----------
    work
        Floating-point operations of a step.
    threads
        At most so many, or None: as many as there are processors.
    """

    def __init__(self, work: float, threads: int | None) -> None:
        most = available() if threads is None else min(threads, available())
        guess = work / FLOPS
        halvings = {most >> n for n in range(most.bit_length())}
        self._choices = [1] if guess < EARNED else sorted({*halvings, max(most - 1, 1)}, reverse=True)
        self._seconds: dict[int, float] = {}  # of a step, by number of threads
        self._untried = list(self._choices)
        self._guess = guess
        self._calls = 0

    def next(self) -> tuple[int, int]:
        """Steps and threads for the next call."""
        if self._untried:
            threads = self._untried[0]
            seconds = self._seconds.get(threads) or max(self._guess, 1e-7)
            return max(1, round(TRIAL / seconds)), threads
        best = min(self._choices, key=lambda threads: self._seconds[threads])

        return max(1, round(CALL / self._seconds[best])), best

    def saw(self, steps: int, threads: int, seconds: float) -> None:
        """Learn how long a call took."""
        self._seconds[threads] = seconds / steps
        self._calls += 1
        if self._untried and self._untried[0] == threads:
            self._untried.pop(0)
        if self._calls % CALLS_BETWEEN_TRIALS == 0 and len(self._choices) > 1:
            self._untried = list(self._choices)
