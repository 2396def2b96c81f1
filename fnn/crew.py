"""Threads that train networks side by side: each takes the longest that is left, and the last ones get company."""

from __future__ import annotations

import threading
from typing import Generic, TypeAlias

from fnn.history import Run, TrainingDiverged
from fnn.pace import Pace, pace_for
from fnn.params import DT
from fnn.training import Task

Outcome: TypeAlias = Run[DT] | TrainingDiverged


class Abandoned(Exception):
    """Another network failed, or the caller was interrupted, so that nobody wants the runs any more."""


class Crew(Generic[DT]):
    """A number of threads, and the runs that they have before them."""

    def __init__(self, tasks: list[Task[DT]], threads: int) -> None:
        self._tasks, self._threads = tasks, threads
        self._works = [task.work for task in tasks]  # operations of a step
        lengths = [work * task.steps for work, task in zip(self._works, tasks, strict=True)]
        self._left = sorted(range(len(tasks)), key=lengths.__getitem__)  # the longest is the last
        self._paces = {work: pace_for(work, 1) for work in set(self._works)}  # of all that are trained by one thread
        self._outcomes: dict[int, Outcome[DT]] = {}
        self._busy = 0  # how many are with a network
        self._lock, self._all_left = threading.Lock(), threading.Event()
        self._failure: BaseException | None = None
        self._is_over = False

    def run(self) -> list[Outcome[DT]]:
        """Train them all; what came of each, in their order."""
        self._busy = min(self._threads, len(self._tasks))
        if self._busy == 1:
            self._work()
        elif self._busy > 1:
            self._work_together(self._busy)
        if self._failure is not None:
            raise self._failure

        return [self._outcomes[number] for number in range(len(self._tasks))]

    def threads_each(self) -> int:
        """How many threads a network may have now, or the news that it isn't wanted any more."""
        if self._is_over:
            raise Abandoned

        return 1 if self._left else self._threads // max(self._busy, 1)

    def _work_together(self, count: int) -> None:
        """The caller only waits, so that an interrupt from the keyboard is its own, and ends the others soon."""
        started: list[threading.Thread] = []
        try:
            for _ in range(count):
                worker = threading.Thread(target=self._work, daemon=True)
                worker.start()
                started.append(worker)
        except RuntimeError:  # can't start new thread
            for _ in range(count - len(started) - (not started)):
                self._leave()
            if not started:
                self._work()
        try:
            self._all_left.wait()  # joining a thread that is interrupted takes the thread for dead (Python 3.11, 3.12)
        finally:
            self._is_over = True
            self._all_left.wait()
            for worker in started:
                worker.join()

    def _work(self) -> None:
        """Train one network after another, as long as there are any."""
        try:
            while not self._is_over:
                with self._lock:
                    number = self._left.pop() if self._left else None
                if number is None:
                    break
                self._outcomes[number] = self._train(number)
        except Abandoned:
            pass
        except BaseException as failure:
            self._failure = self._failure or failure
            self._is_over = True
        finally:
            self._leave()

    def _leave(self) -> None:
        with self._lock:
            self._busy -= 1
            if self._busy == 0:
                self._all_left.set()

    def _train(self, number: int) -> Outcome[DT]:
        task = self._tasks[number]
        try:
            work = self._works[number]
            return task.begin(_Beside(self, work, self._paces[work])).run()
        except TrainingDiverged as error:
            return error
        except Abandoned:
            raise
        except BaseException as failure:
            failure.add_note(f"in network {number}")
            raise


class _Beside(Pace):
    """The pace of a network that is trained beside others, by as many threads as they leave to it."""

    def __init__(self, crew: Crew[DT], work: float, alone: Pace) -> None:
        self._crew, self._work, self._threads, self._pace = crew, work, 1, alone

    def next(self) -> tuple[int, int]:
        """Steps and threads for the next call."""
        threads = self._crew.threads_each()
        if threads != self._threads:
            self._threads, self._pace = threads, pace_for(self._work, threads)

        return self._pace.next()

    def saw(self, steps: int, threads: int, seconds: float) -> None:
        """Learn how long a call took."""
        self._pace.saw(steps, threads, seconds)
