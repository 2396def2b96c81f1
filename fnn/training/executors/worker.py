"""What a worker of an executor runs: a job, which is to train some networks, and its answer."""

from __future__ import annotations

import os
import pickle
import signal
import socket
import threading
import traceback
from typing import Any, Final, NamedTuple

from fnn.data.shared_file import BEGUN, ENDED, MappedFile
from fnn.training.executors.threads import Outcome, noted
from fnn.training.history import TrainingDiverged
from fnn.training.loop import Loop
from fnn.training.progress import NetworkProgress, PoolProgress
from fnn.training.steppers import call_tuner
from fnn.training.task import Task
from fnn.training.train import begin


class Job(NamedTuple):
    """Networks that a worker is to train one after another."""

    numbers: tuple[int, ...]
    tasks: bytes  # of these numbers, without the arrays that are in the file
    path: str  # of the file
    runs: int  # how many marks it has
    attempt: int  # Dask takes equal jobs for one
    writer: int  # the process that wrote the file
    is_only: bool  # whether the worker works for the writer alone
    content: bytes | None = None  # of the file, if it can't be opened


class Failure(NamedTuple):
    """An error that ended a job."""

    number: int | None  # of the network; None: they couldn't be unpickled
    pickled: bytes
    told: str  # its traceback

    def error(self) -> BaseException:
        """The error, caused by what was raised in the worker."""
        try:
            error: BaseException = pickle.loads(self.pickled)
        except Exception:  # of a module that isn't here
            error = RuntimeError(self.told.splitlines()[-1])
        error.__cause__ = InWorker(self.told)

        return error


class Answer(NamedTuple):
    """What came of a job."""

    worker: str
    outcomes: dict[int, Outcome[Any]]  # of the networks that it came to
    failure: Failure | None = None
    lacks_file: bool = False  # and so it has not come to all


class InWorker(Exception):
    """The traceback of an error in a worker, as text."""

    def __str__(self) -> str:
        return f"\n\n{self.args[0]}"


_received: Final[dict[str, bytearray]] = {}  # the content of the last file that this process can't open


def work(job: Job) -> Answer:
    """Train the networks of a job, until one fails or all are cancelled."""
    answer = Answer(f"{socket.gethostname()} {os.getpid()}", {})
    file = _file_of(job)
    if file is None:
        return answer._replace(lacks_file=True)
    if file.is_shared and job.is_only and os.getpid() != job.writer:
        _ignore_interrupts()
    number = None
    try:
        with file:
            tasks: list[Task[Any]] = file.loads(job.tasks)
            for number, task in zip(job.numbers, tasks, strict=True):
                if not file.is_wanted:  # or so it seems, where the lock can't be seen
                    return answer._replace(lacks_file=True)
                file.marks[number] = BEGUN
                answer.outcomes[number] = _train(task, file)
                file.marks[number] = ENDED
    except BaseException as error:
        if number is not None:
            noted(error, number)
        return answer._replace(failure=Failure(number, _portable(error), "".join(traceback.format_exception(error))))

    return answer


def _ignore_interrupts() -> None:
    """Ignore Ctrl-C, of which the marks tell: it would end a worker that is idle, and so break the pool."""
    is_main = threading.current_thread() is threading.main_thread()
    if is_main and signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, signal.SIG_IGN)


def _file_of(job: Job) -> MappedFile | None:
    """The file of a job; None if it can't be opened here."""
    if job.content is not None:
        _received.clear()
        _received[job.path] = bytearray(job.content)
    try:
        return MappedFile(job.path, job.runs, job.writer, _received.get(job.path))
    except OSError:
        return None


def _train(task: Task[Any], file: MappedFile) -> Outcome[Any]:
    """Train a network, as a run of `train`, but without a bar; one that isn't wanted is interrupted."""
    task.callbacks.network_progress = NetworkProgress(PoolProgress(False))
    tuner = call_tuner.tuner_for(task.work(task.batch_size), task.threads)

    def present() -> call_tuner.Tuner:
        if not file.is_wanted:
            loop.interrupt()
        return tuner

    loop: Loop[Any] = begin(task, present)
    try:
        return loop.run()
    except TrainingDiverged as error:
        return error.with_traceback(None)


def _portable(error: BaseException) -> bytes:
    """The error pickled; if it can't be, or can't be unpickled, one that tells its type and its message."""
    try:
        pickled = pickle.dumps(error)
        pickle.loads(pickled)
    except Exception:
        other = RuntimeError(f"{type(error).__qualname__}: {error}")
        vars(other).update((name, value) for name, value in vars(error).items() if name in ("run", "__notes__"))
        pickled = pickle.dumps(other)

    return pickled
