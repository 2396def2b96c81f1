"""What all tests share."""

import os

import pytest
from hypothesis import settings

from tests.paces import train_by_exactly

collect_ignore = ["typing"]  # read by mypy (test_types.py), not imported

# The gate gives one commit one verdict; everybody else's run tries new examples.
settings.register_profile("gate", derandomize=True)
if os.environ.get("CI"):
    settings.load_profile("gate")


@pytest.fixture
def exact_threads(monkeypatch: pytest.MonkeyPatch) -> None:
    """`train` takes as many threads as it is told to."""
    train_by_exactly(monkeypatch)
