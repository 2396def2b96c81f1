"""What a user's module looks like; run as a process by the tests: ``.. user leaks 1000``."""

from __future__ import annotations

import gc
import os
import resource
import sys
import time
from threading import Barrier, Event, Thread
from typing import Any

import numpy as np
from numba import njit, prange
from numba.core.errors import TypingError

import fnn
from tests.scalars import BELL, CAUCHY, SOFTPLUS


@njit(cache=True)
def evaluate(params: Any, x: Any) -> Any:
    return fnn.forward(params, x)


@njit(cache=True)
def fit(params: Any, x: Any, y: Any, eta: Any, steps: Any) -> Any:
    held = np.ones(10)
    for _ in range(steps):
        params = fnn.update(params, fnn.grad(params, x, y), eta * held[0])
    return params


@njit(cache=True)
def halved(params: Any, flat: Any) -> Any:
    return params.with_flat(flat / 2)


@njit
def repeated(params: Any, x: Any, out: Any, workspace: Any, times: Any) -> None:
    for _ in range(times):
        fnn.forward(params, x, out=out, workspace=workspace)


@njit
def repeated_error(params: Any, x: Any, y: Any, workspace: Any, times: Any) -> Any:
    total = 0.0
    for _ in range(times):
        total += fnn.error(params, x, y, workspace=workspace)
    return total


@njit
def through_tuples(pair: Any, x: Any, y: Any, times: Any) -> Any:
    for _ in range(times):
        run = fnn.train(pair[0], x, y, eta=0.1, epochs=1)
        t = fnn.backprop(pair[1], x, y)
        pair = (fnn.update(pair[1], t.grads, 0.1), run.params)
    return pair, fnn.value_and_grad(pair[0], x[0], y[0])


def allocations() -> None:
    """Print what a thousand calls allocate in a caller's memory."""
    from numba.core.runtime import rtsys

    params = fnn.init((4, 8, 2), seed=0)
    x, y, out, workspace = np.ones((3, 4)), np.ones((3, 2)), np.empty((3, 2)), fnn.workspace(params, 3)
    calls: dict[str, Any] = {
        "one": lambda times: repeated(params, x[0], out[0], None, times),
        "many": lambda times: repeated(params, x, out, workspace, times),
        "error": lambda times: repeated_error(params, x, y, workspace, times),
    }
    for name, call in calls.items():
        call(1)
        counts = []
        for times in (1, 1001):
            before = rtsys.get_allocation_stats().alloc
            call(times)
            counts.append(rtsys.get_allocation_stats().alloc - before)
        print(name, counts[1] - counts[0])


HUBER = fnn.huber(0.3)


@njit(cache=True)
def of_constants(params: Any, x: Any, y: Any) -> Any:
    return fnn.error(params, x, y, loss=HUBER), fnn.error(params, x, y, loss=CAUCHY)


@njit(cache=True)
def of_an_argument(params: Any, x: Any, y: Any, loss: Any) -> Any:
    return fnn.error(params, x, y, loss=loss)


@njit(cache=True, parallel=True)
def in_parallel(params: Any, x: Any, y: Any) -> Any:
    errors = np.empty(len(x))
    for i in prange(len(x)):
        errors[i] = fnn.error(params, x[i], y[i], loss=HUBER)
    return errors


def losses() -> None:
    """The same with losses that are constants, built in or not, and with losses as arguments."""
    params = fnn.init((4, 8, 2), seed=0)
    x, y = np.linspace(-1, 1, 20).reshape(5, 4), np.ones((5, 2))
    assert of_constants(params, x, y) == (fnn.error(params, x, y, loss=HUBER), fnn.error(params, x, y, loss=CAUCHY))
    for loss in (fnn.log_cosh, CAUCHY):
        assert of_an_argument(params, x, y, loss) == fnn.error(params, x, y, loss=loss)
    found = in_parallel(params, x, y)
    assert list(found) == [fnn.error(params, *case, loss=HUBER) for case in zip(x, y, strict=True)]
    for function in (of_constants, of_an_argument, in_parallel):
        stats: Any = function.stats
        print(len(function.signatures), sum(stats.cache_hits.values()), sum(stats.cache_misses.values()))


ADAM = fnn.adam(fnn.cosine(0.1, steps=7))


@njit(cache=True)
def optimized(optimizer: Any, params: Any, x: Any, y: Any, steps: Any) -> Any:
    state = optimizer.init(params)
    for _ in range(steps):
        params, state = optimizer.update(params, fnn.grad(params, x, y), state)
    run = fnn.train(params, x, y, optimizer=optimizer, epochs=1)
    return optimizer.update(run.params, params, run.state)


@njit(cache=True)
def by_a_constant(params: Any, x: Any, y: Any) -> Any:
    run = fnn.train(params, x, y, optimizer=ADAM, epochs=3)
    return ADAM.update(run.params, params, run.state)


@njit(cache=True, parallel=True)
def by_a_constant_in_parallel(params: Any, x: Any, y: Any) -> Any:
    flats = np.empty((len(x), params.flat.size))
    for i in prange(len(x)):
        moved, state = ADAM.update(params, fnn.grad(params, x[i], y[i]), ADAM.init(params))
        flats[i] = ADAM.update(moved, params, state)[0].flat
    return flats


@njit(cache=True)
def against(params: Any, x: Any, y: Any) -> Any:
    return fnn.input_grad(params, x, y), fnn.vjp(params, x, y)


@njit
def through_states(optimizer: Any, params: Any, grads: Any, state: Any) -> Any:
    for _ in range(3):
        held = (params, state)
        params, state = optimizer.update(held[0], grads, held[1])
    return params, state, optimizer.init(params)


def optimizers() -> None:
    """The same with optimizers as arguments and as constants."""
    random = np.random.default_rng(0)
    for sizes in ((4, 8, 2), (3, 5, 6, 1)):
        params = fnn.init(sizes, seed=0)
        x, y = random.normal(size=(5, sizes[0])), random.normal(size=(5, sizes[-1]))
        for optimizer in (fnn.lion(0.1), fnn.gradient_descent(0.1), ADAM):
            moved, state = params, optimizer.init(params)
            for _ in range(2):
                moved, state = optimizer.update(moved, fnn.grad(moved, x, y), state)
            run = fnn.train(moved, x, y, optimizer=optimizer, epochs=1)
            assert optimized(optimizer, params, x, y, 2) == optimizer.update(run.params, moved, run.state)
        run = fnn.train(params, x, y, optimizer=ADAM, epochs=3)
        assert by_a_constant(params, x, y) == ADAM.update(run.params, params, run.state)
        for flat, *case in zip(by_a_constant_in_parallel(params, x, y), x, y, strict=True):
            moved, state = ADAM.update(params, fnn.grad(params, *case), ADAM.init(params))
            assert (flat == ADAM.update(moved, params, state)[0].flat).all()
    for function in (optimized, by_a_constant, by_a_constant_in_parallel):
        stats: Any = function.stats
        print(len(function.signatures), sum(stats.cache_hits.values()), sum(stats.cache_misses.values()))


def cache() -> None:
    """Print how many specialisations there are, and hits and misses, for two architectures."""
    random = np.random.default_rng(0)
    for sizes in ((4, 8, 2), (3, 5, 6, 1)):
        params = fnn.init(sizes, seed=0)
        x, y = random.normal(size=(5, sizes[0])), random.normal(size=(5, sizes[-1]))
        assert (evaluate(params, x) == fnn.forward(params, x)).all()
        assert halved(params, params.flat) == params.with_flat(params.flat / 2)
        assert fit(params, x, y, 0.1, 3) == fnn.train(params, x, y, eta=0.1, epochs=3).params
    for function in (evaluate, fit, halved):
        stats: Any = function.stats
        print(len(function.signatures), sum(stats.cache_hits.values()), sum(stats.cache_misses.values()))


def custom() -> None:
    """The same with activations of the user's own, and many more."""
    chosen: list[fnn.Activation] = [BELL, SOFTPLUS]
    for number in range(int(sys.argv[2])):
        twice, two = njit(lambda z: 2 * z), njit(lambda z, a: 2.0)
        chosen.append(fnn.Activation(f"other{number}", twice, two))
    for f in reversed(chosen):
        params = fnn.init((4, 3, 2), seed=0, hidden=f, output=BELL)
        x, y = np.linspace(-1, 1, 20).reshape(5, 4), np.ones((5, 2))
        assert (evaluate(params, x) == fnn.forward(params, x)).all()
        fitted = fit(params, x, y, 0.1, 3)
        assert fitted == fnn.train(params, x, y, eta=0.1, epochs=3).params
        assert fitted.activations == (f, BELL)
    for function in (evaluate, fit):
        stats: Any = function.stats
        print(len(function.signatures), sum(stats.cache_hits.values()), sum(stats.cache_misses.values()))


def refused(function: Any, *arguments: Any) -> None:
    """Call it, which must raise ValueError."""
    try:
        function(*arguments)
    except ValueError:
        return
    raise AssertionError("no error")


def memory() -> int:
    """Kilobytes of this process that are in memory."""
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * resource.getpagesize() // 1024


def leaks() -> None:
    """Call rightly and wrongly, again and again, and print whether anything is left over."""
    from numba.core.runtime import rtsys

    params = fnn.init((4, 8, 2), seed=0)
    x, y, out, workspace = np.ones((3, 4)), np.ones((3, 2)), np.empty((3, 2)), fnn.workspace(params, 3)
    wrong, narrow = np.full((3, 4), np.nan), x[:, :3].copy()
    adam, begun = fnn.adam(0.1), fnn.adam(0.1).init(params)

    def state() -> list[int]:
        gc.collect()
        stats = rtsys.get_allocation_stats()
        held = (params.flat_buffer, params.architecture._spec_float64, x, y, out, workspace, wrong, params)
        of_steps = (adam, begun, begun.vectors, begun.vectors[0].flat_buffer)
        return [stats.alloc - stats.free, stats.mi_alloc - stats.mi_free, *map(sys.getrefcount, (*held, *of_steps))]

    def calls(times: int) -> None:
        for _ in range(times):
            evaluate(params, x)
            fit(params, x, y, 0.1, 1)
            repeated(params, x, out, workspace, 1)
            for arguments in ((params, wrong, y, 0.1, 1), (params, x, y, -1.0, 1), (params, x, y[:2], 0.1, 1)):
                refused(fit, *arguments)
            for case in (wrong, narrow):
                refused(evaluate, params, case)
            halved(params, params.flat)
            refused(halved, params, np.ones(1))
            refused(repeated, params, x, out, workspace[:10], 1)
            refused(through_tuples, (params, params), x, y[:2], 1)
            refused(through_tuples, (params, params), wrong, y, 1)
            through_tuples((params, params), x, y, 1)
            # Targets, and then outputs, that don't suit the loss.
            refused(of_an_argument, params, x, 2 * y, fnn.cross_entropy)
            refused(of_an_argument, params, x, y, fnn.poisson)
            against(params, x, y)
            refused(against, params, x, y[:2])
            optimized(adam, params, x, y, 2)
            by_a_constant(params, x, y)
            refused(optimized, adam, params, x, y[:2], 2)
            refused(optimized, adam, params, wrong, y, 0)
            refused(through_states, adam, params, params, fnn.momentum(0.1).init(params))
            through_states(adam, params, params, begun)

    times = int(sys.argv[2])
    calls(times // 4)
    before, size = state(), memory()
    calls(times)
    through_tuples((params, params), x, y, 50 * times)
    after, grown = state(), memory() - size
    assert rtsys.get_allocation_stats().alloc > times
    print(before == after and grown < 300, before, after, f"{grown} kB more")


def without_params() -> None:
    """Print whether what Numba says is plain, in a process that has made no `Params`."""
    try:
        evaluate(np.ones((3, 4)), np.ones((3, 4)))
    except TypingError as error:
        print("params: needs fnn.Params, got array(float64, 2d, C)" in str(error))
    params = fnn.init((4, 8, 2), seed=0)
    print((evaluate(params, np.ones((3, 4))) == fnn.forward(params, np.ones((3, 4)))).all())


def forked() -> None:
    """Use a kernel, fork while another thread compiles, and use kernels in the children; print what each says."""
    params, x = fnn.init((4, 8, 2), seed=0), np.ones((3, 4))
    wanted = evaluate(params, x)
    started = Event()

    def compile_others() -> None:
        started.set()
        single = fnn.init((4, 8, 2), seed=0, dtype=np.float32)
        through_tuples((single, single), x.astype(np.float32), np.ones((3, 2), np.float32), 1)

    thread = Thread(target=compile_others)
    thread.start()
    started.wait()
    children = []
    for delay in (0.0, 0.3, 0.7):
        time.sleep(delay)
        child = os.fork()
        if child == 0:
            fine = (evaluate(params, x) == wanted).all() and fit(params, x, np.ones((3, 2)), 0.1, 2) is not None
            os._exit(0 if fine else 1)
        children.append(child)
    thread.join()
    print(*(os.waitpid(child, 0)[1] for child in children))


def raced() -> None:
    """Two threads want the kernels of one dtype each, for the first time, at once."""
    barrier, results = Barrier(2), {}

    def work(dtype: Any) -> None:
        params, x = fnn.init((4, 8, 2), seed=0, dtype=dtype), np.ones((3, 4), dtype)
        barrier.wait()
        moved = fit(params, x, np.ones((3, 2), dtype), 0.1, 2)
        results[dtype] = moved == fnn.train(params, x, np.ones((3, 2)), eta=0.1, epochs=2).params

    threads = [Thread(target=work, args=(dtype,)) for dtype in (np.float32, np.float64)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    print(*(results[dtype] for dtype in (np.float32, np.float64)))


if __name__ == "__main__":
    modes = (cache, custom, losses, optimizers, allocations, leaks, forked, raced, without_params)
    {mode.__name__: mode for mode in modes}[sys.argv[1]]()
