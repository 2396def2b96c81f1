"""Threads that share the even_chunks of a phase: each piece is done once, and the fast do what the slow have left."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numba import njit
from numpy.typing import NDArray

from fnn.compiler.intrinsics import pointer
from fnn.compiler.threads import run_in_threads
from fnn.training.kernels.barrier import wait_for_all
from fnn.training.kernels.work_stealing import (
    CASES,
    ROWS,
    Worker,
    barrier_size,
    even_chunks,
    guided_chunk,
    guided_chunks,
    next_chunk,
)


@njit(nogil=True)
def work(
    part: int, parts: int, gate: NDArray[np.int64], each: NDArray[np.int64], done: NDArray[np.int64], pause: int
) -> float:
    """Rounds of two phases; `done` counts, by round, phase, thread and piece, how often a piece was done."""
    worker, busy = Worker(part, parts, pointer(gate)), 0.0
    for turn in range(done.shape[0]):
        for phase in (CASES, ROWS):
            piece = next_chunk(worker, phase, each[turn, phase], -1)
            while piece >= 0:
                done[turn, phase, part, piece] += 1
                for _ in range(pause):
                    busy = busy * 0.5 + 1.0
                piece = next_chunk(worker, phase, each[turn, phase], piece)
            wait_for_all(worker.barrier, parts)
    return busy


def run(parts: int, each: NDArray[np.int64], pause: int = 0) -> NDArray[np.int64]:
    """What was done, the first thread pausing at each piece; `each` has a row a round."""
    gate = np.zeros(barrier_size(parts), np.int64)
    done = np.zeros((*each.shape, parts, parts * each.max()), np.int64)
    work(0, 1, np.zeros(barrier_size(1), np.int64), np.ones((1, 2), np.int64), np.zeros((1, 2, 1, 1), np.int64), 0)

    def part(number: int, of: int) -> None:
        work(number, of, gate, each, done, pause if number == 0 else 0)

    run_in_threads(part, parts)

    return done


@pytest.mark.parametrize("parts, rounds", [(2, 2000), (3, 2000), (4, 2000), (8, 300)])
@pytest.mark.parametrize("choice", [[(1, 1)], [(1, 8)], [(3, 1)], [(4, 5)], [(1, 8), (8, 1), (2, 2), (1, 1), (3, 5)]])
def test_each_piece_is_done_once(parts: int, rounds: int, choice: list[tuple[int, int]]) -> None:
    each = np.random.default_rng(0).choice(np.array(choice), rounds)  # the cut may change from round to round
    done = run(parts, each).sum(axis=2)

    assert (done == (np.arange(done.shape[-1]) < parts * each[..., None])).all()


def test_a_share_that_is_not_cut_stays_with_its_thread() -> None:
    done = run(3, np.ones((50, 2), np.int64))

    assert (done == np.eye(3, dtype=np.int64)).all()


def test_others_do_what_a_slow_thread_has_left() -> None:
    done = run(3, np.full((4, 2), 8), pause=3_000_000)  # some 10 ms

    assert (done.sum(axis=2) == 1).all()
    by_the_slow = done[:, :, 0].sum(axis=-1)
    assert by_the_slow.max() <= 4  # one or two of the eight of its share; all of them would be 8


@njit
def cut(part: int, parts: int, gate: NDArray[np.int64], multiplications: int, rows: int, least: int) -> int:
    return even_chunks(Worker(part, parts, pointer(gate)), multiplications, rows, least)


@settings(deadline=None)
@given(parts=st.integers(1, 9), work=st.integers(0, 10**12), rows=st.integers(1, 10**5), least=st.integers(1, 50))
def test_pieces_are_worth_a_turn(parts: int, work: int, rows: int, least: int) -> None:
    each = cut(0, parts, np.zeros(1, np.int64), work, rows, least)

    assert 1 <= each <= 8
    if each > 1:
        assert parts > 1
        assert work / (parts * each) >= 500_000
        assert rows / (parts * each) >= least


@njit
def cut_by_halves(parts: int, multiplications: int, rows: int, least: int, edges: NDArray[np.int64]) -> int:
    """Write where the even_chunks begin and end, and return how many there are of a share."""
    each = guided_chunks(Worker(0, parts, pointer(edges)), multiplications, rows, least)
    for piece in range(parts * each):
        edges[2 * piece], edges[2 * piece + 1] = guided_chunk(rows, piece, each, parts)
    return each


@settings(deadline=None)
@given(parts=st.integers(1, 9), work=st.integers(0, 10**12), rows=st.integers(1, 10**5), least=st.integers(1, 50))
def test_pieces_shrink_by_halves(parts: int, work: int, rows: int, least: int) -> None:
    edges = np.zeros(2 * 8 * parts, np.int64)
    each = cut_by_halves(parts, work, rows, least, edges)
    begin, end = edges[: 2 * parts * each].reshape(parts * each, 2).T

    assert 1 <= each <= 8
    assert (begin[0], end[-1]) == (0, rows)
    assert (begin[1:] == end[:-1]).all()
    sizes = (end - begin).reshape(parts, each)
    shares = sizes.sum(axis=1)
    assert shares.max() - shares.min() <= 1
    if each > 1:
        assert parts > 1
        assert sizes.min() >= least
        assert work / parts / 2 ** (each - 1) >= 500_000
        assert (sizes[:, 0] - shares // 2 <= 1).all()
        assert (np.diff(sizes[:, :-1]) <= 0).all()
