"""The order of the cases against SplitMix64 in Python's integers, and its distribution."""

from collections import Counter
from itertools import islice

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numba import njit
from numpy.typing import NDArray

from fnn.compiler.intrinsics import pointer
from fnn.numerics.random import mixed, shuffle
from tests import reference


@njit
def shuffled(order: NDArray[np.int64], seed: int, epoch: int, keeps: bool = False) -> None:
    shuffle(pointer(order), order.size, seed, epoch, keeps)


@njit
def mixed_of(x: np.uint64) -> np.uint64:
    return mixed(x)


def permutation(count: int, seed: int, epoch: int) -> list[int]:
    order = np.full(count, -1)
    shuffled(order, seed, epoch)

    return order.tolist()


def test_the_oracle_is_splitmix64() -> None:
    # The first numbers from the state 1234567, as published with the algorithm's test programs.
    assert list(islice(reference.splitmix64(1234567), 5)) == [
        6457827717110365317, 3203168211198807973, 9817491932198370423, 4593380528125082431, 16408922859458223821
    ]  # fmt: skip


@given(st.integers(0, 2**64 - 1))
@settings(deadline=None)
def test_mixed(x: int) -> None:
    assert int(mixed_of(np.uint64(x))) == reference.mix(x)


@given(st.integers(1, 300), st.integers(0, 2**63 - 1), st.integers(0, 2**40))
@settings(deadline=None)
def test_against_the_oracle(count: int, seed: int, epoch: int) -> None:
    assert permutation(count, seed, epoch) == reference.permutation(count, seed, epoch)


@pytest.mark.parametrize("count", [1, 2, 1000, 60_000])
def test_it_is_a_permutation(count: int) -> None:
    assert sorted(permutation(count, 3, 4)) == list(range(count))


def test_the_former_contents_of_the_array_do_not_matter() -> None:
    order = np.arange(20)[::-1].copy()
    shuffled(order, 1, 2)

    assert order.tolist() == permutation(20, 1, 2)


def assert_equally_likely(counts: Counter[tuple[int, ...]]) -> None:
    """χ² with 23 degrees of freedom, which exceeds 49.7 once in a thousand."""
    assert len(counts) == 24
    assert sum((count - 1000) ** 2 / 1000 for count in counts.values()) < 49.7


def test_all_orders_are_equally_likely_over_the_epochs() -> None:
    counts = Counter(tuple(permutation(4, 7, epoch)) for epoch in range(24_000))

    assert_equally_likely(counts)


def test_all_orders_are_equally_likely_over_the_seeds() -> None:
    counts = Counter(tuple(permutation(4, seed, 0)) for seed in range(24_000))

    assert_equally_likely(counts)


def test_epochs_of_one_seed_are_not_those_of_another() -> None:
    # seed + 1 must not be the same sequence an epoch later.
    orders = {tuple(permutation(50, seed, epoch)) for seed in range(30) for epoch in range(30)}

    assert len(orders) == 900


def test_an_order_that_is_kept() -> None:
    order = np.full(9, -1)
    shuffled(order, 1, 2, True)

    assert order.tolist() == list(range(9))
