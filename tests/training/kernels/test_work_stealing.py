"""Work stealing: each chunk is taken once, and fast threads take the chunks of slow ones."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numba import njit
from numpy.typing import NDArray

from fnn.compiler.barrier import wait_for_all
from fnn.compiler.intrinsics import pointer
from fnn.compiler.threads import run_in_threads
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
    thread: int, threads: int, words: NDArray[np.int64], each: NDArray[np.int64], done: NDArray[np.int64], pause: int
) -> float:
    """Rounds of two phases; `done` counts, by round, phase, thread and chunk, how often a chunk was taken."""
    worker, busy = Worker(thread, threads, pointer(words)), 0.0
    for round_ in range(done.shape[0]):
        for phase in (CASES, ROWS):
            chunk = next_chunk(worker, phase, each[round_, phase], -1)
            while chunk >= 0:
                done[round_, phase, thread, chunk] += 1
                for _ in range(pause):
                    busy = busy * 0.5 + 1.0
                chunk = next_chunk(worker, phase, each[round_, phase], chunk)
            wait_for_all(worker.barrier, threads)
    return busy


def run(threads: int, each: NDArray[np.int64], pause: int = 0) -> NDArray[np.int64]:
    """`done` after rounds in which the first thread pauses at each chunk; `each` has a row for each round."""
    words = np.zeros(barrier_size(threads), np.int64)
    done = np.zeros((*each.shape, threads, threads * each.max()), np.int64)
    work(0, 1, np.zeros(barrier_size(1), np.int64), np.ones((1, 2), np.int64), np.zeros((1, 2, 1, 1), np.int64), 0)

    def thread(number: int, of: int) -> None:
        work(number, of, words, each, done, pause if number == 0 else 0)

    run_in_threads(thread, threads)

    return done


# Two threads meet in most rounds. More of them wait for a processor at each barrier, some milliseconds each time.
@pytest.mark.parametrize("threads, rounds", [(2, 2000), (3, 150), (4, 150), (8, 40)])
@pytest.mark.parametrize("choice", [[(1, 1)], [(1, 8)], [(3, 1)], [(4, 5)], [(1, 8), (8, 1), (2, 2), (1, 1), (3, 5)]])
def test_each_chunk_is_taken_once(threads: int, rounds: int, choice: list[tuple[int, int]]) -> None:
    each = np.random.default_rng(0).choice(np.array(choice), rounds)  # the number may change from round to round
    done = run(threads, each).sum(axis=2)

    assert (done == (np.arange(done.shape[-1]) < threads * each[..., None])).all()


def test_a_single_chunk_stays_with_its_thread() -> None:
    done = run(3, np.ones((50, 2), np.int64))

    assert (done == np.eye(3, dtype=np.int64)).all()


def test_chunks_of_a_slow_thread_are_stolen() -> None:
    done = run(3, np.full((4, 2), 8), pause=3_000_000)  # some 10 ms

    assert (done.sum(axis=2) == 1).all()
    by_slow = done[:, :, 0].sum(axis=-1)
    assert by_slow.max() <= 4  # one or two of the eight of its own


@njit
def cut(thread: int, threads: int, words: NDArray[np.int64], multiplications: int, rows: int, least: int) -> int:
    return even_chunks(Worker(thread, threads, pointer(words)), multiplications, rows, least)


@settings(deadline=None)
@given(threads=st.integers(1, 9), work=st.integers(0, 10**12), rows=st.integers(1, 10**5), least=st.integers(1, 50))
def test_chunks_are_worth_taking(threads: int, work: int, rows: int, least: int) -> None:
    each = cut(0, threads, np.zeros(1, np.int64), work, rows, least)

    assert 1 <= each <= 8
    if each > 1:
        assert threads > 1
        assert work / (threads * each) >= 500_000
        assert rows / (threads * each) >= least


@njit
def cut_guided(threads: int, multiplications: int, rows: int, least: int, edges: NDArray[np.int64]) -> int:
    """Write where the chunks begin and end; returns how many a thread has."""
    each = guided_chunks(Worker(0, threads, pointer(edges)), multiplications, rows, least)
    for chunk in range(threads * each):
        edges[2 * chunk], edges[2 * chunk + 1] = guided_chunk(rows, chunk, each, threads)
    return each


@settings(deadline=None)
@given(threads=st.integers(1, 9), work=st.integers(0, 10**12), rows=st.integers(1, 10**5), least=st.integers(1, 50))
def test_guided_chunks_halve(threads: int, work: int, rows: int, least: int) -> None:
    edges = np.zeros(2 * 8 * threads, np.int64)
    each = cut_guided(threads, work, rows, least, edges)
    begin, end = edges[: 2 * threads * each].reshape(threads * each, 2).T

    assert 1 <= each <= 8
    assert (begin[0], end[-1]) == (0, rows)
    assert (begin[1:] == end[:-1]).all()
    sizes = (end - begin).reshape(threads, each)
    sums = sizes.sum(axis=1)
    assert sums.max() - sums.min() <= 1
    if each > 1:
        assert threads > 1
        assert sizes.min() >= least
        assert work / threads / 2 ** (each - 1) >= 500_000
        assert (sizes[:, 0] - sums // 2 <= 1).all()
        assert (np.diff(sizes[:, :-1]) <= 0).all()
