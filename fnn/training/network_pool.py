"""A thread pool for independent runs, longest first. When fewer runs than threads remain, each gets several threads."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Generic, TypeAlias

from fnn.network.params import DT
from fnn.training.history import Run, TrainingDiverged
from fnn.training.loop import Loop
from fnn.training.run import begin
from fnn.training.steppers.call_tuner import CallTuner, tuner_for
from fnn.training.task import Task

Outcome: TypeAlias = Run[DT] | TrainingDiverged


class NetworkPool(Generic[DT]):
    """Worker threads, and the runs that they take one after another.

    Parameters
    ----------
    tasks
        The runs.
    threads
        The most threads, of workers and of their runs.
    """

    def __init__(self, tasks: list[Task[DT]], threads: int) -> None:
        self._tasks, self._threads = tasks, threads
        self._works = [task.work(task.batch_size) for task in tasks]  # operations of a step
        lengths = [work * task.steps for work, task in zip(self._works, tasks, strict=True)]
        self._waiting = sorted(range(len(tasks)), key=lengths.__getitem__)  # numbers of tasks, the longest last
        self._tuners = {work: tuner_for(work, 1) for work in set(self._works)}  # shared by runs with one thread
        self._outcomes: dict[int, Outcome[DT]] = {}
        self._loops: dict[int, Loop[DT]] = {}  # of the tasks that run
        self._busy = 0  # workers
        self._lock = threading.Lock()
        self._failure: BaseException | None = None
        self._is_cancelled = False

    def run(self) -> list[Outcome[DT]]:
        """Train them all; the outcomes in the order of the tasks."""
        self._busy = min(self._threads, len(self._tasks))
        if self._busy == 1:
            self._work()
        elif self._busy > 1:
            self._work_in_threads(self._busy)
        if self._failure is not None:
            raise self._failure

        return [self._outcomes[number] for number in range(len(self._tasks))]

    def threads_each(self) -> int:
        """Threads available to each run."""
        return 1 if self._waiting else self._threads // max(self._busy, 1)

    def cancel(self) -> None:
        """End all runs soon, and begin no other."""
        with self._lock:
            self._is_cancelled = True
            for loop in self._loops.values():
                loop.interrupt()

    def _work_in_threads(self, count: int) -> None:
        """Start workers and wait for them. The caller does no work, so that Ctrl-C reaches it."""
        # An event for each: a join that Ctrl-C ends takes the thread for dead (Python 3.11 and 3.12).
        workers: list[tuple[threading.Thread, threading.Event]] = []
        try:
            while len(workers) < count:
                ended = threading.Event()
                worker = threading.Thread(target=self._work, args=(ended.set,), daemon=True)
                try:
                    worker.start()
                except RuntimeError:  # can't start new thread
                    break
                workers.append((worker, ended))
            with self._lock:
                self._busy -= count - max(len(workers), 1)
            if not workers:
                self._work()
            for _, ended in workers:
                ended.wait()
        except BaseException:
            self.cancel()
            raise
        finally:
            for worker, ended in workers:
                ended.wait()
                worker.join()

    def _work(self, at_end: Callable[[], object] = lambda: None) -> None:
        """Train one network after another, while there are any."""
        try:
            while (number := self._next()) is not None:
                self._outcomes[number] = self._train(number)
        except BaseException as failure:  # or what ends a run that is cancelled
            if not self._is_cancelled:
                self._failure = self._failure or failure
            self.cancel()
        finally:
            at_end()

    def _next(self) -> int | None:
        with self._lock:
            if self._waiting and not self._is_cancelled:
                return self._waiting.pop()
            self._busy -= 1

        return None

    def _train(self, number: int) -> Outcome[DT]:
        work = self._works[number]
        try:
            loop = begin(self._tasks[number], PooledTuner(self.threads_each, work, self._tuners[work]))
            with self._lock:
                self._loops[number] = loop
                if self._is_cancelled:
                    loop.interrupt()
            try:
                return loop.run()
            finally:
                with self._lock:
                    del self._loops[number]
        except TrainingDiverged as error:
            return error.with_traceback(None)  # which would keep the run's memory
        except BaseException as failure:
            failure.add_note(f"in network {number}")
            raise


class PooledTuner:
    """The tuner of a run in a pool, which gets more threads as others end.

    Parameters
    ----------
    threads
        Returns the threads that are available to each run.
    work
        Floating-point operations of a step.
    alone
        The tuner for one thread.
    """

    def __init__(self, threads: Callable[[], int], work: float, alone: CallTuner) -> None:
        self._available, self._work, self._threads, self._tuner = threads, work, 1, alone

    def suggest(self) -> tuple[int, int]:
        """Steps and threads for the next call."""
        threads = self._available()
        if threads != self._threads:
            self._threads, self._tuner = threads, tuner_for(self._work, threads)

        return self._tuner.suggest()

    def seconds(self, steps: int) -> float:
        """The expected duration of the next call, with this number of steps."""
        return self._tuner.seconds(steps)

    def observe(self, steps: int, threads: int, seconds: float) -> None:
        """Learn how long a call took."""
        self._tuner.observe(steps, threads, seconds)
