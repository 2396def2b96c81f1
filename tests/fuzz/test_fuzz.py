"""Mutated files give a value or a clear error: a little of the long run, with new files every time outside the gate."""

from __future__ import annotations

import random
import tracemalloc
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.fuzz.mutations import is_accepted, mutated
from tests.fuzz.seeds import formats

FORMATS = {kind.suffix: kind for kind in formats()}
suffixes = pytest.mark.parametrize("suffix", FORMATS)


@suffixes
def test_good_files_are_read_and_hostile_ones_refused(suffix: str, tmp_path: Path) -> None:
    path = tmp_path / f"file{suffix}"

    assert all(is_accepted(FORMATS[suffix], path, content) for content in FORMATS[suffix].good)
    assert not any(is_accepted(FORMATS[suffix], path, content) for content in FORMATS[suffix].hostile)


@suffixes
@settings(max_examples=300, deadline=None)
@given(number=st.integers(0, 2**64))
def test_mutated_files(suffix: str, tmp_path_factory: pytest.TempPathFactory, number: int) -> None:
    path = tmp_path_factory.getbasetemp() / f"mutated{suffix}"
    content = mutated(random.Random(number), FORMATS[suffix].seeds)
    tracemalloc.start()
    try:
        is_accepted(FORMATS[suffix], path, content)
        assert tracemalloc.get_traced_memory()[1] < 4_000_000 + 40 * len(content)
    finally:
        tracemalloc.stop()


@suffixes
def test_truncations_are_refused(suffix: str, tmp_path: Path) -> None:
    path, content = tmp_path / f"file{suffix}", FORMATS[suffix].good[0]
    lengths = range(len(content)) if len(content) < 1000 else {*range(0, len(content), 5), *range(len(content))[-100:]}

    assert not any(is_accepted(FORMATS[suffix], path, content[:length]) for length in lengths)
