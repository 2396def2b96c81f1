"""Threads that train networks side by side: each takes the longest that is left, and the last ones get company."""

from __future__ import annotations

import threading
from typing import Generic, TypeAlias

from fnn.network.params import DT
from fnn.training.call_tuner import CallTuner, tuner_for
from fnn.training.history import Run, TrainingDiverged
from fnn.training.run import begin
from fnn.training.task import Task

Outcome: TypeAlias = Run[DT] | TrainingDiverged


class Cancelled(Exception):
    """Another network failed, or the caller was interrupted, so that nobody wants the runs any more."""


class WorkerPool(Generic[DT]):
    """A number of threads, and the runs that they have before them."""

    def __init__(self, tasks: list[Task[DT]], threads: int) -> None:
        self._tasks, self._threads = tasks, threads
        self._works = [task.work(task.batch_size) for task in tasks]  # operations of a step
        lengths = [work * task.steps for work, task in zip(self._works, tasks, strict=True)]
        self._left = sorted(range(len(tasks)), key=lengths.__getitem__)  # the longest is the last
        self._paces = {work: tuner_for(work, 1) for work in set(self._works)}  # of all that are trained by one thread
        self._outcomes: dict[int, Outcome[DT]] = {}
        self._busy = 0  # how many are with a network
        self._lock = threading.Lock()
        self._failure: BaseException | None = None
        self._is_over = False

    def run(self) -> list[Outcome[DT]]:
        """Train them all; what came of each, in their order."""
        self._busy = min(self._threads, len(self._tasks))
        if self._busy == 1:
            self._work(threading.Event())
        elif self._busy > 1:
            self._work_together(self._busy)
        if self._failure is not None:
            raise self._failure

        return [self._outcomes[number] for number in range(len(self._tasks))]

    def threads_each(self) -> int:
        """How many threads a network may have now, or the news that it isn't wanted any more."""
        if self._is_over:
            raise Cancelled

        return 1 if self._left else self._threads // max(self._busy, 1)

    def _work_together(self, count: int) -> None:
        """The caller only waits, so that an interrupt from the keyboard is its own, and ends the others soon."""
        # An event for each: joining a thread that is interrupted takes the thread for dead (Python 3.11 and 3.12).
        started: list[tuple[threading.Thread, threading.Event]] = []
        try:
            while len(started) < count:
                ended = threading.Event()
                worker = threading.Thread(target=self._work, args=(ended,), daemon=True)
                try:
                    worker.start()
                except RuntimeError:  # can't start new thread
                    break
                started.append((worker, ended))
            with self._lock:
                self._busy -= count - max(len(started), 1)
            if not started:
                self._work(threading.Event())
            for _, ended in started:
                ended.wait()
        finally:
            self._is_over = True
            for worker, ended in started:
                ended.wait()
                worker.join()

    def _work(self, ended: threading.Event) -> None:
        """Train one network after another, as long as there are any."""
        try:
            while (number := self._next()) is not None:
                self._outcomes[number] = self._train(number)
        except Cancelled:
            pass
        except BaseException as failure:
            self._failure = self._failure or failure
            self._is_over = True
        finally:
            ended.set()

    def _next(self) -> int | None:
        with self._lock:
            if self._left and not self._is_over:
                return self._left.pop()
            self._busy -= 1

        return None

    def _train(self, number: int) -> Outcome[DT]:
        task = self._tasks[number]
        try:
            work = self._works[number]
            return begin(task, PooledTuner(self, work, self._paces[work])).run()
        except TrainingDiverged as error:
            return error.with_traceback(None)  # which would keep the run's memory
        except Cancelled:
            raise
        except BaseException as failure:
            failure.add_note(f"in network {number}")
            raise


class PooledTuner(CallTuner):
    """The pace of a network that is trained beside others, by as many threads as they leave to it."""

    def __init__(self, pool: WorkerPool[DT], work: float, alone: CallTuner) -> None:
        self._pool, self._work, self._threads, self._tuner = pool, work, 1, alone

    def suggest(self) -> tuple[int, int]:
        """Steps and threads for the next call."""
        threads = self._pool.threads_each()
        if threads != self._threads:
            self._threads, self._tuner = threads, tuner_for(self._work, threads)

        return self._tuner.suggest()

    def seconds(self, steps: int) -> float:
        """How long so many steps will take, as far as can be told."""
        return self._tuner.seconds(steps)

    def observe(self, steps: int, threads: int, seconds: float) -> None:
        """Learn how long a call took."""
        self._tuner.observe(steps, threads, seconds)
