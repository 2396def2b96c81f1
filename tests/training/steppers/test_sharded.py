"""Steps on shards, to the bit, against gradients of the shards' cases that are added along the tree by NumPy."""

from __future__ import annotations

import random
import threading
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from numpy.typing import NDArray

import fnn
from fnn.equations.objective import objective_of
from fnn.network.kernels.plan import CHAIN
from fnn.network.params import wrap
from fnn.training.ranks.sharding import Sharding
from fnn.training.ranks.team import Team
from fnn.training.steppers.sharded import ShardedStepper
from tests.problems import Problem, problem

Sums = tuple[NDArray[Any], float, float]  # ∂E/∂(W, b), Σ_c w_c E_c, Σ_c w_c


def stepper(
    p: Problem, shards: int, batch_size: int, optimizer: fnn.Optimizer, epochs: int = 3, **options: Any
) -> ShardedStepper[Any]:
    arrays, objective = p.cases.arrays(p.params, p.loss), objective_of(p.params, p.loss, p.reduction, None)
    number = len(p.x)
    sharding = Sharding(Team(), shards, 0, shards, number, number)

    return ShardedStepper(p.params, arrays, objective, optimizer, batch_size, 7, epochs, None, sharding, **options)


def parts(order: NDArray[np.int64], number: int, shards: int) -> list[NDArray[np.int64]]:
    """The cases of a batch by shards."""
    starts = [shard * (number // shards) + min(shard, number % shards) for shard in range(shards + 1)]

    return [order[(order >= a) & (order < b)] for a, b in pairwise(starts)]


def chain_sum(p: Problem, params: fnn.Params[Any], cases: NDArray[np.int64]) -> Sums | None:
    """The sums of a shard's cases: a chain, or those of two halves, the first of which is as large as it can be."""
    if len(cases) <= CHAIN:
        if len(cases) == 0:
            return None
        some = p.rows(cases)
        error, grads = fnn.value_and_grad(params, some.cases, loss=p.loss)
        weights = np.ones(len(cases)) if some.weights is None else some.weights
        return grads.flat, error, float(np.add.accumulate(weights)[-1])
    half = CHAIN << (-(-len(cases) // CHAIN) - 1).bit_length() - 1

    return added(chain_sum(p, params, cases[:half]), chain_sum(p, params, cases[half:]))


def added(left: Sums | None, right: Sums | None) -> Sums | None:
    if left is None or right is None:
        return right if left is None else left

    return left[0] + right[0], left[1] + right[1], left[2] + right[2]


def tree_sum(sums: list[Sums | None]) -> Sums | None:
    half = len(sums) // 2

    return added(tree_sum(sums[:half]), tree_sum(sums[half:])) if half else sums[0]


LARGE = problem(3, (5, 40, 33, 2), (fnn.tanh, fnn.tanh), fnn.identity, fnn.squared_error, 2100)
SMALL = problem(4, (3, 4, 3), (fnn.tanh,), fnn.softmax, fnn.cross_entropy, 61, labelled=True, weighted=True,
                dtype=np.float32, reduction="mean")  # fmt: skip
WEIGHTED = problem(5, (3, 20, 1), (fnn.sigmoid,), fnn.sigmoid, fnn.squared_error, 150, weighted=True, reduction="mean")


@pytest.mark.parametrize("p, shards, batch_size, threads", [
    (LARGE, 1, 2100, 1), (LARGE, 2, 2100, 3), (LARGE, 4, 1500, 2), (LARGE, 64, 900, 1), (LARGE, 16, 256, 4),
    (SMALL, 8, 10, 1), (SMALL, 32, 7, 2), (SMALL, 1, 1, 1), (SMALL, 4, 61, 1), (WEIGHTED, 16, 64, 2),
])  # fmt: skip
def test_each_step_follows_the_sum_along_the_tree(p: Problem, shards: int, batch_size: int, threads: int) -> None:
    eta, number, params = 1e-4, len(p.x), p.params
    run, count = stepper(p, shards, batch_size, fnn.gradient_descent(eta)), -(-number // batch_size)
    total = weight = 0.0
    for step in range(min(count + 2, 3 * count)):
        run.run(1, threads)
        batch = run.order[step % count * batch_size :][:batch_size]
        sums = tree_sum([chain_sum(p, params, cases) for cases in parts(batch, number, shards)])
        assert sums is not None
        flat, dtype = sums[0], p.params.dtype.type
        if p.reduction == "mean":
            flat = flat * dtype(1.0 / sums[2])
        params = fnn.update(params, wrap(flat, params.architecture), eta)
        assert_array_equal(run.params().flat, params.flat)
        total, weight = total + sums[1], weight + sums[2]
        assert run.error == total / weight
        if step % count == count - 1:
            assert run.history[step // count] == total / weight
            total = weight = 0.0


@pytest.mark.parametrize("keeps_order", [False, True])
@pytest.mark.parametrize("shards, batch_size", [(1, 7), (8, 7), (32, 7), (16, 61), (4, 32)])
def test_every_shard_gives_its_part_to_every_batch(shards: int, batch_size: int, keeps_order: bool) -> None:
    number, count = len(SMALL.x), -(-len(SMALL.x) // batch_size)
    run = stepper(SMALL, shards, batch_size, fnn.gradient_descent(0.01), keeps_order=keeps_order)
    orders = []
    for _ in range(2):
        run.run(count, 1)
        orders.append(run.order.copy())
        assert sorted(run.order) == list(range(number))
        for start in range(0, number, batch_size):
            batch = run.order[start : start + batch_size]
            by_shards = parts(batch, number, shards)
            assert_array_equal(np.concatenate(by_shards), batch)
            dealt = range(start, start + len(batch))
            assert [len(part) for part in by_shards] == [sum(c % shards == s for c in dealt) for s in range(shards)]
    has_new_order = not keeps_order and batch_size < number and shards < 32
    assert (orders[0].tolist() != orders[1].tolist()) == has_new_order or shards == 32
    if keeps_order or batch_size == number:
        for part in parts(orders[0], number, shards):
            assert_array_equal(part, np.sort(part))


@pytest.mark.parametrize("optimizer", [fnn.lbfgs(), fnn.levenberg_marquardt(), fnn.levenberg_marquardt(bayesian=True)])
@pytest.mark.parametrize("p", [LARGE, WEIGHTED])
def test_solvers_find_what_they_find_without_shards(p: Problem, optimizer: Any) -> None:
    """The cases of `LARGE` don't fit into the workspace, so that sums stay from one part of them to the next."""
    given: dict[str, Any] = {"optimizer": optimizer, "epochs": 3, "loss": p.loss, "reduction": p.reduction}
    alone = fnn.train(p.params, p.cases, **given)
    for shards in (1, 4, 64):
        found, again = (fnn.train(p.params, p.cases, shards=shards, threads=n, **given) for n in (1, 3))
        assert_allclose(found.params.flat, alone.params.flat, rtol=1e-7, atol=1e-9)
        assert_allclose(found.history.error, alone.history.error, rtol=1e-9)
        assert_array_equal(found.params.flat, again.params.flat)


@pytest.mark.parametrize("optimizer", [fnn.gradient_descent(1e-5), fnn.lbfgs(), fnn.levenberg_marquardt()])
def test_an_interrupt_at_any_moment_ends_a_call_in_all_threads(optimizer: Any) -> None:
    epochs, waits = 10**5, random.Random(1)
    objective = objective_of(LARGE.params, LARGE.loss, LARGE.reduction, None)
    given = LARGE.params, LARGE.cases.arrays(LARGE.params, LARGE.loss), objective
    sharding = Sharding(Team(), 4, 0, 4, len(LARGE.x), len(LARGE.x))
    made: Any
    if isinstance(optimizer, fnn.Solver):
        made = optimizer.stepper(*given, epochs, None, sharding)
    else:
        made = ShardedStepper(*given, optimizer, 64, 7, epochs, None, sharding)
    made.run(1, 3)
    done = []

    def run() -> None:
        for _ in range(30):
            threading.Timer(waits.uniform(0.0, 0.02), made.interrupt).start()
            made.run(10**6, 3, seconds=1.0)
            done.append(made.steps)

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    thread.join(60)
    assert len(done) == 30
