"""Steps of the training loop: what cancels them, what stops them, and that calls continue each other."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from numpy.typing import NDArray

import fnn
from fnn.compiler import barrier
from fnn.compiler.threads import run_in_threads
from fnn.equations.objective import objective_of
from fnn.network.kernels.plan import CHAIN, GROUP
from fnn.optimizers.kernels.abi import L1, L2
from fnn.training.kernels import work_stealing
from fnn.training.kernels.descend import descend_kernel
from fnn.training.kernels.epochs import CASE, CURSOR_SIZE, EPOCH, LOADED, STOPPED
from fnn.training.steppers.buffers import Buffers
from tests import reference
from tests.problems import Problem, problem

COUNT, BATCH, SEED = 13, 5, 3
PROBLEM = problem(4, (4, 40, 3), (fnn.tanh,), fnn.sigmoid, fnn.squared_error, COUNT)
RATE = fnn.gradient_descent(0.1)


class Run:
    """The buffers of a run, and calls of the kernel on them."""

    def __init__(self, p: Problem = PROBLEM, optimizer: fnn.Optimizer = RATE, batch_size: int = BATCH) -> None:
        objective = objective_of(p.params, p.loss, "sum", None)
        self.p, self.optimizer, self.batch_size = p, optimizer, batch_size
        self.cases = p.cases.arrays(p.params, p.loss)
        self.buffers = Buffers(p.params, self.cases, objective, optimizer, batch_size)
        self.buffers.pack(p.params.flat, self.buffers.weights)
        self.cursor, self.sums, self.history = np.zeros(CURSOR_SIZE, np.int64), np.zeros(2), np.full(9, np.nan)
        self.order, self.taken = np.arange(len(p.x)), 0

    def steps(self, count: int, threads: int = 1, *, is_interrupted: bool = False) -> None:
        b, (x, y, labels, weights, sources) = self.buffers, self.cases.taken
        dtype = self.p.params.dtype
        words = np.zeros(work_stealing.barrier_size(threads), np.int64)
        words[barrier.INTERRUPTED] = is_interrupted
        coefficients = self.optimizer.coefficient_table(self.taken, count, dtype)
        coefficients[:, L2] = coefficients[:, L1] = 0

        def part(thread: int, threads: int) -> None:
            descend_kernel[dtype](
                thread=thread, threads=threads, barrier=words, table=b.layout.table, weights=b.weights, space=b.space,
                capacity=b.capacity, gradient_buffer=b.gradient, x=x, y=y, labels=labels, case_weights=weights,
                sources=sources, order=self.order, chosen=self.cases.chosen, mean=False,
                loss=self.p.loss.descriptor_address(dtype), descriptor=b.descriptor, state=b.state,
                coefficients=coefficients, batch_size=self.batch_size, seed=SEED, steps=count, cursor=self.cursor,
                sums=self.sums, history=self.history,
            )  # fmt: skip

        run_in_threads(part, threads)
        self.taken += count

    def flat(self) -> NDArray[Any]:
        return self.buffers.unpack(self.buffers.weights, np.empty_like(self.p.params.flat))


@pytest.mark.parametrize("threads", [1, 3])
def test_steps_by_the_oracle(threads: int) -> None:
    run, p = Run(), PROBLEM
    run.steps(2 * 3, threads)  # three batches an epoch
    net, errors = reference.train(
        reference.network(p.params), p.x, p.dense, p.measure, eta=0.1, epochs=2, batch_size=BATCH, seed=SEED
    )

    assert_allclose(run.flat(), reference.flat(net.leaves), rtol=1e-11, atol=1e-13)
    assert_allclose(run.history[:2], errors, rtol=1e-12)
    assert np.isnan(run.history[2:]).all()
    assert_array_equal(run.cursor[[EPOCH, CASE, LOADED, STOPPED]], [2, 0, 1, 0])


@pytest.mark.parametrize("batch_size", [5, COUNT])
@pytest.mark.parametrize("optimizer", [RATE, fnn.adam(0.01)], ids=repr)
def test_calls_continue_each_other(optimizer: fnn.Optimizer, batch_size: int) -> None:
    one, other = (Run(optimizer=optimizer, batch_size=batch_size) for _ in range(2))
    one.steps(7)
    for count, threads in [(1, 1), (1, 2), (3, 1), (2, 2)]:
        other.steps(count, threads)

    assert_array_equal(one.flat(), other.flat())
    assert_array_equal(one.buffers.state, other.buffers.state)
    assert_array_equal(one.cursor, other.cursor)
    assert_array_equal(one.history, other.history)


@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize("optimizer", [RATE, fnn.adam(0.01), fnn.adam(0.01, clip_norm=1.0)], ids=repr)
def test_a_cancelled_step_changes_nothing(optimizer: fnn.Optimizer, threads: int) -> None:
    run = Run(optimizer=optimizer)
    run.steps(4)
    before = [array.copy() for array in (run.buffers.weights, run.buffers.state, run.cursor, run.sums, run.history)]
    run.steps(5, threads, is_interrupted=True)

    after = (run.buffers.weights, run.buffers.state, run.cursor, run.sums, run.history)
    for one, other in zip(before, after, strict=True):
        assert_array_equal(one, other)


@pytest.mark.parametrize("threads", [1, 2])
def test_an_error_that_is_not_finite_stops(threads: int) -> None:
    p = problem(7, (2, 40, 2), (fnn.relu,), fnn.identity, fnn.squared_error, COUNT)
    run = Run(Problem(p.params, 1e200 * p.x, p.y, p.dense, p.loss, p.reduction, None))
    run.steps(9, threads)

    assert run.cursor[STOPPED] == 1
    assert (run.cursor[EPOCH], run.cursor[CASE]) == (0, 0)
    assert np.isnan(run.history).all()


@pytest.mark.parametrize("optimizer", [RATE, fnn.adam(0.01), fnn.adam(0.01, clip_norm=1.0)], ids=repr)
@pytest.mark.parametrize("batch_size", [CHAIN, CHAIN + 1, 300, 512, 513, 700, GROUP, GROUP + 1, 40_000])
def test_threads_change_no_bit_of_large_batches(optimizer: fnn.Optimizer, batch_size: int) -> None:
    p = problem(5, (6, 70, 5), (fnn.tanh,), fnn.identity, fnn.squared_error, batch_size, dtype=np.float32)
    state, params, runs = optimizer.init(p.params), p.params, [Run(p, optimizer, batch_size) for _ in range(4)]
    for step in range(2):
        params, state = optimizer.update(params, fnn.grad(params, p.x, p.y), state)
        for threads, run in enumerate(runs, start=1):
            run.steps(1, threads)
            assert_array_equal(run.flat(), params.flat, f"{threads} threads, step {step}")


@pytest.mark.parametrize("optimizer", [RATE, fnn.adam(0.01), fnn.adam(0.01, clip_norm=1.0)], ids=repr)
@pytest.mark.parametrize("batch_size", [20, CHAIN + 1])
@pytest.mark.parametrize("sizes", [(33, 33, 33, 33, 5), (3, 40, 40, 40, 40, 40, 40)], ids=str)
def test_threads_change_no_bit_of_layers_of_one_shape(
    optimizer: fnn.Optimizer, batch_size: int, sizes: tuple[int, ...]
) -> None:
    hidden = (fnn.tanh,) * (len(sizes) - 2)
    p = problem(5, sizes, hidden, fnn.identity, fnn.squared_error, batch_size, dtype=np.float32)
    state, params, runs = optimizer.init(p.params), p.params, [Run(p, optimizer, batch_size) for _ in range(4)]
    for step in range(2):
        params, state = optimizer.update(params, fnn.grad(params, p.x, p.y), state)
        for threads, run in enumerate(runs, start=1):
            run.steps(1, threads)
            assert_array_equal(run.flat(), params.flat, f"{threads} threads, step {step}")
