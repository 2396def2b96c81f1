"""Networks that the workers of an executor train: jobs of some tenths of a second, the longest first."""

from __future__ import annotations

import os
import time
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import BrokenExecutor, Executor, Future
from contextlib import suppress
from itertools import count
from queue import Empty, SimpleQueue
from typing import Any, Final, Generic, TypeAlias

from numpy.typing import NDArray

from fnn.boundary.calls import needs
from fnn.data.rows import CaseArrays
from fnn.data.shared_file import BEGUN, WAITING, SharedFile
from fnn.network.params import DT
from fnn.training.executors.lost import SomeLost
from fnn.training.executors.pickling import dumps, unloadable
from fnn.training.executors.threads import Outcome, run_of
from fnn.training.executors.worker import Answer, Failure, Job, work
from fnn.training.history import TrainingInterrupted
from fnn.training.progress import PoolProgress
from fnn.training.task import Task

Source: TypeAlias = Executor | Callable[[], Executor]

_JOB: Final = 0.25  # seconds that a job should take at most, and
_SHORTEST: Final = 0.02  # at least, beside the millisecond or more that it costs
_PARTS: Final = 4  # of what is left, and of all networks, for each processor here: so the last jobs are short
_FLOPS: Final = 1e10  # a second, of one core: a rough guess
_STEP, _NETWORK = 2e-6, 5e-4  # seconds that a step and a network take besides
_TRIES: Final = 3  # of executors that break at once; of a network whose jobs fail: Dask blames all a worker had to do
_GRACE: Final = 10.0  # seconds that workers have to hand over what they have when all is cancelled


class ExecutorPool(Generic[DT]):
    """Trains networks on an executor, or on those that a function makes, another one when one is broken."""

    def __init__(self, tasks: Sequence[Task[DT]], source: Source) -> None:
        self._tasks, self._source = tasks, source
        self._outcomes: dict[int, Outcome[DT]] = {}
        self._lost: dict[int, BaseException] = {}
        self._waiting: list[Job] = []
        self._suspects: list[list[int]] = []  # networks that workers trained when one died: trained apart once more
        self._group: list[int] = []  # of suspects that are trained now; halved when it breaks, down to one network
        self._running: dict[Future[Answer], Job] = {}
        self._ended: SimpleQueue[Future[Answer]] = SimpleQueue()
        self._unfinished: list[Job] = []  # of a broken executor
        self._broken: BaseException | None = None
        self._works = False  # the present executor
        self._idle = 0  # executors that broke, one after another, before any network had begun
        self._failures: Counter[int] = Counter()  # of jobs with a network, but for broken executors
        self._attempts = count()
        self._supplied: set[str] = set()  # workers that can't open the file, and for which it was sent
        shown = (task.callbacks.shown for task in tasks)
        self._progress = PoolProgress(next((wish for wish in shown if wish is not None), None))

    def run(self) -> list[Outcome[DT]]:
        """Train them all; the outcomes in the order of the tasks. An error that ends all gets them, None if missing."""
        self._progress.begin(len(self._tasks), 0)
        try:
            with SharedFile(_arrays(self._tasks), len(self._tasks)) as self._file:
                self._waiting = [self._job(numbers) for numbers in chunks(self._tasks)]
                self._train()
        except BaseException as failure:
            vars(failure)["outcomes"] = self._present()
            raise
        finally:
            self._progress.close()

        return [self._outcomes[number] for number in range(len(self._tasks))]

    def _present(self) -> list[Outcome[DT] | None]:
        return [self._outcomes.get(number) for number in range(len(self._tasks))]

    def _job(self, numbers: Sequence[int]) -> Job:
        tasks = dumps(self._file, self._tasks, numbers)
        is_own = not isinstance(self._source, Executor)

        return Job(tuple(numbers), tasks, self._file.path, self._file.runs, next(self._attempts), os.getpid(), is_own)

    def _train(self) -> None:
        """Submit jobs and receive answers until there is nothing to do."""
        self._executor = self._open()
        try:
            while self._waiting or self._suspects:
                self._group = [] if self._waiting else self._suspects.pop()
                jobs, self._waiting = self._waiting or [self._job([number]) for number in self._group], []
                for job in jobs:
                    self._submit([job])
                    while not self._ended.empty():  # at once, if the executor trains in `submit`
                        self._receive(self._ended.get())
                self._receive_all()
                if self._broken is not None:
                    self._recover(self._broken)
            if self._lost:
                raise SomeLost(self._present(), self._lost) from next(iter(self._lost.values()))
        except BaseException:
            self._cancel()
            raise
        finally:
            self._close()

    def _open(self) -> Executor:
        self._works, self._broken = False, None
        if isinstance(self._source, Executor):
            return self._source
        try:
            made: object = self._source()
        except Exception as error:
            error.add_note("raised by the function that was given for executor")
            raise
        if not isinstance(made, Executor):
            raise needs("executor", "a function that makes a concurrent.futures.Executor, but it made", made)

        return made

    def _close(self) -> None:
        if self._executor is not self._source:
            self._executor.shutdown(wait=not self._running)  # else for what wasn't handed over in time

    def _submit(self, jobs: Iterable[Job]) -> None:
        for job in jobs:
            try:
                if self._broken is None:
                    future = self._executor.submit(work, job)
                    self._running[future] = job
                    future.add_done_callback(self._ended.put)
                    continue
            except BrokenExecutor as error:
                self._broken = error
            except RuntimeError as error:  # it is shut down
                error.add_note(f"raised by the executor, {self._executor!r}, that was given for executor or made by it")
                raise
            self._unfinished.append(job)

    def _receive_all(self) -> None:
        """Receive until nothing runs. A broken executor may forget a job that was submitted just then (CPython)."""
        try:
            while self._running:
                self._receive(self._ended.get(timeout=None if self._broken is None else _GRACE))
        except Empty:
            self._unfinished += self._running.values()
            self._running.clear()

    def _receive(self, future: Future[Answer]) -> None:
        """Keep what a job brought, or find out what to do with its networks."""
        job = self._running.pop(future)
        if future.cancelled():
            raise RuntimeError(f"executor: {self._executor!r} was shut down before all networks were trained")
        error = future.exception()
        if isinstance(error, BrokenExecutor):
            self._broken = error
            self._unfinished.append(job)
        elif error is not None:
            self._fail(job, error)
        elif (answer := future.result()).lacks_file:
            self._supply(job, answer.worker)
        else:
            self._works = True
            self._keep(answer)
            if answer.failure is not None:
                raise self._failure(job, answer.failure)
            jobs, self._waiting = self._waiting, []
            self._submit(jobs)

    def _failure(self, job: Job, failure: Failure) -> BaseException:
        error = failure.error()
        is_unloadable = failure.number is None and isinstance(error, Exception)

        return unloadable(self._tasks, job.numbers, error) if is_unloadable else error

    def _supply(self, job: Job, worker: str) -> None:
        """Submit a job again, with the content of the file; later and without it if that is on its way already."""
        job = job._replace(attempt=next(self._attempts), content=None)
        if worker in self._supplied and any(other.content for other in self._running.values()):
            self._waiting.append(job)
        else:
            self._supplied.add(worker)
            self._submit([job._replace(content=self._file.content)])

    def _keep(self, answer: Answer) -> None:
        for number, outcome in answer.outcomes.items():
            self._outcomes[number] = outcome
            self._progress.add(1.0)

    def _fail(self, job: Job, error: BaseException) -> None:
        """Train the networks of a job that failed outside of training again, unless none has ever begun."""
        has_begun = any(self._file.marks[number] != WAITING for number in range(len(self._tasks)))
        begun, self._works = self._begun(job.numbers), self._works or has_begun
        if not self._works or not isinstance(error, Exception):
            raise error
        self._failures.update(job.numbers)
        if len(self._group) == 1 or self._failures[job.numbers[0]] > _TRIES:
            self._lost |= dict.fromkeys(job.numbers, error)
        else:
            self._sort(job.numbers, begun)

    def _recover(self, error: BaseException) -> None:
        """Make another executor in the place of one that is broken, and train the networks that it left again."""
        numbers = [number for job in self._unfinished for number in job.numbers]
        begun, is_own = self._begun(numbers), self._executor is not self._source
        self._idle = 0 if self._works or begun else self._idle + 1
        if not is_own or self._idle == _TRIES:
            missing = set(range(len(self._tasks))) - self._outcomes.keys() - self._lost.keys()
            raise SomeLost(self._present(), self._lost | dict.fromkeys(missing, error), begun, is_own) from error
        self._close()
        self._unfinished = []
        if len(self._group) == 1 and begun:
            self._lost |= dict.fromkeys(numbers, error)
        else:
            self._sort(numbers, begun)
        self._executor = self._open()

    def _sort(self, numbers: Sequence[int], begun: list[int]) -> None:
        """Let networks be trained again; those that workers were training when one died apart, after the others."""
        parts = [begun[::2], begun[1::2]] if self._group else [begun]
        self._suspects += [part for part in parts if part]
        self._waiting += [self._job(some) for some in chunks(self._tasks, set(numbers) - set(begun))]

    def _begun(self, numbers: Iterable[int]) -> list[int]:
        """The networks that a worker was training, which are marked as waiting again."""
        begun = [number for number in numbers if self._file.marks[number] == BEGUN]
        for number in begun:
            self._file.marks[number] = WAITING

        return begun

    def _cancel(self) -> None:
        """End all runs soon, and keep what they bring by then."""
        self._file.marks.cancel()
        for future, job in list(self._running.items()):
            if all(self._file.marks[number] == WAITING for number in job.numbers):
                future.cancel()
        end = time.monotonic() + _GRACE
        with suppress(Empty):
            while self._running:
                future = self._ended.get(timeout=max(end - time.monotonic(), 0))
                self._running.pop(future, None)
                if not future.cancelled() and future.exception() is None:
                    self._keep_interrupted(future.result())

    def _keep_interrupted(self, answer: Answer) -> None:
        self._keep(answer)
        if answer.failure is not None and (number := answer.failure.number) is not None:
            error = answer.failure.error()
            if isinstance(error, TrainingInterrupted):
                self._outcomes[number] = run_of(self._tasks[number], error)


def chunks(tasks: Sequence[Task[Any]], numbers: Iterable[int] | None = None) -> list[list[int]]:
    """The numbers of tasks, the longest first, for jobs that take ever less time."""
    seconds = {number: _seconds(tasks[number]) for number in (range(len(tasks)) if numbers is None else numbers)}
    left, length, target = sum(seconds.values()), 0.0, 0.0
    parts = _PARTS * (os.cpu_count() or 1)
    most = -(-len(seconds) // parts)  # networks of a job: how long they really take depends on functions of the user
    jobs: list[list[int]] = []
    for number in sorted(seconds, key=seconds.__getitem__, reverse=True):
        if not jobs or length + seconds[number] > target or len(jobs[-1]) == most:
            jobs.append([])
            length, target = 0.0, min(max(left / parts, _SHORTEST), _JOB)
        jobs[-1].append(number)
        length += seconds[number]
        left -= seconds[number]

    return jobs


def _seconds(task: Task[Any]) -> float:
    """About how long a run takes."""
    return _NETWORK + task.steps * (_STEP + task.work(task.batch_size) / _FLOPS)


def _arrays(tasks: Iterable[Task[Any]]) -> Iterable[NDArray[Any]]:
    """The arrays of all cases."""
    for task in tasks:
        for cases in (task.cases, task.held_out):
            if isinstance(cases, CaseArrays):
                yield from (cases.x, cases.y, cases.labels, cases.weights, cases.chosen)
