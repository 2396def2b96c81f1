"""A thread pool for independent runs, longest first. When fewer runs than threads remain, each gets several threads."""

from __future__ import annotations

import threading
from collections.abc import Callable
from contextlib import suppress
from typing import Generic, TypeAlias

from fnn.network.params import DT
from fnn.training.history import Run, TrainingDiverged, TrainingInterrupted
from fnn.training.loop import Loop
from fnn.training.progress import NetworkProgress, PoolProgress
from fnn.training.steppers import call_tuner
from fnn.training.task import Task
from fnn.training.train import begin

Outcome: TypeAlias = Run[DT] | TrainingDiverged


class NetworkPool(Generic[DT]):
    """Worker threads, and the runs that they take one after another; `threads` is the most of both together."""

    def __init__(self, tasks: list[Task[DT]], threads: int) -> None:
        self._tasks, self._threads = tasks, threads
        self._works = [task.work(task.batch_size) for task in tasks]  # operations of a step
        lengths = [work * task.steps for work, task in zip(self._works, tasks, strict=True)]
        self._waiting = sorted(range(len(tasks)), key=lengths.__getitem__)  # numbers of tasks, the longest last
        self._tuners = {work: call_tuner.tuner_for(work, 1) for work in set(self._works)}  # of runs with one thread
        shown = (task.callbacks.shown for task in tasks)
        self._progress = PoolProgress(next((wish for wish in shown if wish is not None), None))
        for task in tasks:
            task.callbacks.network_progress = NetworkProgress(self._progress)
        self._outcomes: dict[int, Outcome[DT]] = {}
        self._loops: dict[int, Loop[DT]] = {}  # of the tasks that run
        self._busy = 0  # workers
        self._lock = threading.Lock()
        self._failure: BaseException | None = None
        self._is_cancelled = False

    def run(self) -> list[Outcome[DT]]:
        """Train them all; the outcomes in the order of the tasks. An error that ends all gets them, None if missing."""
        self._busy = min(self._threads, len(self._tasks))
        self._progress.begin(len(self._tasks), 0)
        try:
            if self._busy == 1:
                self._work()
            elif self._busy > 1:
                self._work_in_threads(self._busy)
            if self._failure is not None:
                raise self._failure
        except BaseException as failure:
            vars(failure)["outcomes"] = [self._outcomes.get(number) for number in range(len(self._tasks))]
            raise
        finally:
            self._progress.close()

        return [self._outcomes[number] for number in range(len(self._tasks))]

    def _tuner_of(self, number: int) -> Callable[[], call_tuner.Tuner]:
        """The tuner of a run, which gets more threads as others end."""
        work, threads = self._works[number], 1
        tuner = self._tuners[work]

        def present() -> call_tuner.Tuner:
            nonlocal threads, tuner
            available = 1 if self._waiting else self._threads // max(self._busy, 1)
            if available != threads:
                threads, tuner = available, call_tuner.tuner_for(work, available)
            return tuner

        return present

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
        try:
            loop = begin(self._tasks[number], self._tuner_of(number))
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
        except TrainingInterrupted as stopped:
            if not self._is_cancelled:
                raise
            return run_of(self._tasks[number], stopped)
        except BaseException as failure:
            noted(failure, number)
            raise


def run_of(task: Task[DT], stopped: TrainingInterrupted) -> Run[DT]:
    """The run that an interrupt carries."""
    of_task = task.held_out
    held_out = of_task.chosen.copy() if of_task is not None and of_task.chosen.size else None

    return Run(stopped.params, stopped.history, stopped.state, "interrupted", held_out)


def noted(failure: BaseException, number: int) -> None:
    """Let an error tell in which network it was raised."""
    with suppress(AttributeError):  # a frozen dataclass
        failure.add_note(f"in network {number}")
