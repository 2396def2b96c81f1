"""What all tests share."""

import os
import signal
import threading
from collections.abc import Callable, Iterator
from typing import TypeAlias

import pytest
from hypothesis import settings

from tests.paces import train_by_exactly
from tests.warm import warm_up

collect_ignore = ["typing"]  # read by mypy (test_types.py), not imported

# The gate gives one commit one verdict; everybody else's run tries new examples.
settings.register_profile("gate", derandomize=True)
if os.environ.get("CI"):
    settings.load_profile("gate")


def pytest_sessionstart(session: pytest.Session) -> None:
    """Compile before xdist starts its workers."""
    if session.config.getoption("numprocesses", None) and not hasattr(session.config, "workerinput"):
        warm_up()


NewThreads: TypeAlias = Callable[[], set[threading.Thread]]


@pytest.fixture
def new_threads() -> NewThreads:
    """The threads that have been started since: other tests may leave some, such as joblib's."""
    before = set(threading.enumerate())

    return lambda: set(threading.enumerate()) - before


@pytest.fixture
def exact_threads(monkeypatch: pytest.MonkeyPatch) -> None:
    """`train` takes as many threads as it is told to."""
    train_by_exactly(monkeypatch)


@pytest.fixture
def default_sigint() -> Iterator[None]:
    """Python's own handler of Ctrl-C, even if SIGINT is ignored where the tests run."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)
