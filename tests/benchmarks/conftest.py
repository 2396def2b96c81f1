"""Keeps pytest out of what measures: importing these modules needs the peers, and measuring is not testing."""

from __future__ import annotations

from pathlib import Path


def pytest_ignore_collect(collection_path: Path) -> bool | None:
    """Ignore all modules but tests."""
    return None if collection_path.is_dir() or collection_path.name.startswith("test_") else True
