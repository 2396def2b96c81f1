"""What is sent to workers, pickled, or an error that names the argument that can't be."""

from __future__ import annotations

import pickle
from collections.abc import Iterator, Sequence
from typing import Any, Final

from fnn.data.shared_file import SharedFile
from fnn.training.task import Task

_HINT: Final = "workers get functions by their names, from modules that they can import, so no lambda and no closure"


def dumps(file: SharedFile, tasks: Sequence[Task[Any]], numbers: Sequence[int]) -> bytes:
    """Some of the tasks pickled; TypeError that names the network and the argument that can't be."""
    try:
        return file.dumps([tasks[number] for number in numbers])
    except Exception as failure:
        for number in numbers:
            for name, value in _parts(tasks[number]):
                try:
                    file.dumps(value)
                except Exception as error:
                    raise TypeError(
                        f"network {number}: {name}: can't be sent to a worker of the executor: {error}; {_HINT}"
                    ) from error
        raise failure


def unloadable(tasks: Sequence[Task[Any]], numbers: Sequence[int], error: BaseException) -> TypeError:
    """The error for networks that a worker couldn't unpickle, with the arguments that may be the cause."""
    names = {name for number in numbers for name, value in _parts(tasks[number]) if b"__main__" in pickle.dumps(value)}
    wrong = TypeError(f"{', '.join(sorted(names)) or 'executor'}: a worker can't load it: {error}; {_HINT}")
    wrong.__cause__ = error

    return wrong


def _parts(task: Task[Any]) -> Iterator[tuple[str, object]]:
    """The arguments that may hold functions of the user, by their names."""
    yield "params", task.params
    yield "loss", task.objective.loss
    yield "eta or optimizer", task.optimizer
    yield "callbacks", task.callbacks
    yield "stopping", task.stopper
    yield "state", task.state
