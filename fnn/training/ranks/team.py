"""`Team`: the processes that share a run. Alone it does nothing; `Ranks` are those of an mpi4py communicator."""

from __future__ import annotations

import math
import os
import pickle
import sys
import traceback
from collections.abc import Callable
from functools import cache
from types import TracebackType
from typing import Any, Final, NoReturn, Protocol, Self, TypeVar

from fnn.compiler.threads import available, cpu_quota

T = TypeVar("T")

_HOW: Final = "needs a communicator of the package mpi4py (pip install 'fnn[mpi]') such as mpi4py.MPI.COMM_WORLD"


class Communicator(Protocol):
    """An intracommunicator of mpi4py, ``mpi4py.MPI.Intracomm``, such as ``mpi4py.MPI.COMM_WORLD``."""

    def Get_rank(self) -> int:
        """The number of this process."""

    def Get_size(self) -> int:
        """The number of processes."""


class Team:
    """The processes that share a run: one alone, whose methods return at once.

    As a context it tells the other ranks of an error that ends the block (see `fail`).
    """

    rank, size = 0, 1

    def __init__(self) -> None:
        self.wanted = False  # whether this rank wants the run to end, as Ctrl-C does

    @property
    def leads(self) -> bool:
        """Whether this is rank 0, which calls back, shows progress and writes the checkpoint."""
        return self.rank == 0

    @property
    def communicator(self) -> Any:
        """What `fnn.training.ranks` sends messages by itself: None alone."""
        return None

    @property
    def interrupted(self) -> bool:
        """Whether a rank wants the run to end, and all ranks know that."""
        return self.wanted

    def meet(self) -> None:
        """Wait for the other ranks; raise the error of one that has failed."""

    def lead(self, value: T) -> T:
        """The value of rank 0, in every rank."""
        return value

    def call(self, function: Callable[[], T]) -> T:
        """What the function returns on rank 0, which alone calls it; or its error, in every rank."""
        return function()

    def gather(self, value: T) -> list[T]:
        """The values of all ranks, by rank."""
        return [value]

    def fail(self, error: BaseException) -> None:
        """Tell the other ranks, at their next meeting, of an error that ends the run on this one, unless they know."""

    def claim(self) -> None:
        """Keep other runs of this process away until the end; ValueError if there is one. No rank waits for others."""

    def end(self) -> None:
        """End the meetings: from here on every rank is on its own."""

    def threads(self, threads: int | None) -> int:
        """The most threads of this rank, as in `available`."""
        return available(threads)

    def abort(self) -> NoReturn:
        """End all ranks at once, after an error of MPI; the traceback is printed."""
        raise RuntimeError("there is no MPI to abort")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        if error is not None:
            self.fail(error)


class Ranks(Team):
    """The processes of an mpi4py communicator, which all call the same methods in the same order.

    All methods rest on one meeting, to which each rank brings a value or an error. If one brings an error, all raise
    it, so that none waits for a rank that has failed.
    """

    def __init__(self, comm: Any) -> None:
        super().__init__()
        self._comm, self._kept = comm, _kept_with(comm)
        self.rank, self.size = comm.Get_rank(), comm.Get_size()
        self._knows, self._is_over = False, False

    @property
    def communicator(self) -> Any:
        """A copy of the caller's communicator, apart from its messages, made at the first meeting on it."""
        if self._kept.private is None:
            self._kept.private = self._comm.Dup()
            self._kept.private.Set_errhandler(sys.modules["mpi4py.MPI"].ERRORS_RETURN)

        return self._kept.private

    @property
    def interrupted(self) -> bool:
        return self._knows or (self._is_over and self.wanted)

    def meet(self) -> None:
        self._meet("meet", None)

    def lead(self, value: T) -> T:
        values: list[Any] = self._meet("lead", value if self.leads else None)
        answer: T = values[0]

        return answer

    def call(self, function: Callable[[], T]) -> T:
        answer: Any = None
        if self.leads:
            with self:
                answer = function()
        values: list[Any] = self._meet("call", answer)
        shared: T = values[0]

        return shared

    def gather(self, value: T) -> list[T]:
        return self._meet("gather", value)

    def fail(self, error: BaseException) -> None:
        if not self._is_over:
            self._attend(("fail", None, _packed(error), self.wanted))
            self.end()

    def claim(self) -> None:
        if self._kept.runs:
            raise ValueError(
                "comm: another run of this process uses it; a callback, which rank 0 alone calls, can't train on it, "
                "and runs at the same time need communicators of their own, such as comm.Dup()"
            )
        self._kept.runs.append(self)

    def end(self) -> None:
        if self in self._kept.runs:
            self._kept.runs.remove(self)
        self._is_over = True

    def threads(self, threads: int | None) -> int:
        """The most threads of this rank: ranks of a node that may run on the same processors share them. All ask."""
        own = sys.modules["mpi4py.MPI"].Get_processor_name(), _processors()
        processors, sharing = float(len(own[1])), self.gather(own).count(own)
        if threads is None:
            processors, threads = min(processors, cpu_quota()), available()

        return max(1, min(threads, math.floor(processors / sharing)))

    def abort(self) -> NoReturn:
        traceback.print_exc()
        sys.stderr.flush()
        self.communicator.Abort(1)
        raise SystemExit(1)

    def _meet(self, kind: str, value: T) -> list[T]:
        """The values that all ranks bring; or the error that the first of them, by rank, brings."""
        answers = self._attend((kind, value, None, self.wanted))
        self._knows = any(wanted for *_, wanted in answers)
        for rank, (_, _, packed, _) in enumerate(answers):
            if packed is not None:
                self.end()
                error = _unpacked(*packed)
                error.add_note(f"raised on rank {rank} of {self.size}")
                raise error
        if len({kind for kind, *_ in answers}) > 1:
            self.end()
            raise RuntimeError("ranks are at different places of a run: all must call fnn with the same arguments")

        return [value for _, value, *_ in answers]

    def _attend(self, answer: tuple[str, Any, tuple[bytes, str] | None, bool]) -> list[Any]:
        """What all ranks bring to a meeting. An error of MPI itself ends them all."""
        if self._is_over:  # the others don't come
            raise RuntimeError("the ranks of this run have met for the last time")
        try:
            return list(self.communicator.allgather(answer))
        except sys.modules["mpi4py.MPI"].Exception:
            self.abort()


def team_of(comm: Communicator | None) -> Team:
    """The processes of a communicator, which must all call this; TypeError, ValueError if it can't be used."""
    if comm is None:
        return Team()
    require_communicator(comm)

    return Ranks(comm) if comm.Get_size() > 1 else Team()


def require_communicator(comm: Communicator) -> None:
    """TypeError, ValueError if a communicator can't be used."""
    mpi: Any = sys.modules.get("mpi4py.MPI")  # imported by the caller, if comm is of it
    if mpi is None or not isinstance(comm, mpi.Intracomm):
        kind = type(comm)
        raise TypeError(f"comm: {_HOW}, got a {kind.__module__}.{kind.__qualname__}: {comm!r:.60}")
    if comm == mpi.COMM_NULL or mpi.Is_finalized():
        raise ValueError(f"comm: {_HOW}, got one that is no longer valid")
    if mpi.Query_thread() < mpi.THREAD_SERIALIZED:
        raise ValueError(
            "comm: MPI must let any thread call it, one at a time: before mpi4py.MPI is imported, set "
            "mpi4py.rc.thread_level = 'serialized'"
        )


class _Kept:
    """What a communicator keeps for us."""

    def __init__(self) -> None:
        self.private: Any = None  # a copy of it
        self.runs: list[Team] = []  # that use it


def _kept_with(comm: Any) -> _Kept:
    kept: _Kept | None = comm.Get_attr(_key())
    if kept is None:
        comm.Set_attr(_key(), kept := _Kept())

    return kept


@cache
def _key() -> Any:
    """The key by which communicators keep their private copies, which are freed with them."""
    return sys.modules["mpi4py.MPI"].Comm.Create_keyval(delete_fn=_free)


def _free(comm: Any, key: int, kept: _Kept) -> None:
    if kept.private is not None:
        kept.private.Free()


def _processors() -> list[int]:
    """The processors that this process may run on."""
    if hasattr(os, "sched_getaffinity"):
        return sorted(os.sched_getaffinity(0))

    return list(range(os.cpu_count() or 1))


def _packed(error: BaseException) -> tuple[bytes, str]:
    """An error as bytes, none if it can't be pickled; and in words."""
    try:
        return pickle.dumps(error), repr(error)
    except Exception:
        return b"", repr(error)


def _unpacked(packed: bytes, words: str) -> BaseException:
    """The error from `_packed`; a RuntimeError with its words if it can't be made again."""
    try:
        error = pickle.loads(packed)
        if isinstance(error, BaseException):
            return error
    except Exception:
        pass

    return RuntimeError(words)
