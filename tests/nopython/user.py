"""What a user's module looks like; run as a process by the tests: ``.. user leaks|cache|custom``."""

from __future__ import annotations

import gc
import sys
from typing import Any

import numpy as np
from numba import njit

import fnn
from tests.scalars import BELL, SOFTPLUS


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
    """The same with activations of the user's own, and so many more."""
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


def leaks() -> None:
    """Call rightly and wrongly, so many times each, and print what is left over."""
    from numba.core.runtime import rtsys

    params = fnn.init((4, 8, 2), seed=0)
    x, y = np.ones((3, 4)), np.ones((3, 2))
    wrong = np.full((3, 4), np.nan)

    def state() -> list[int]:
        gc.collect()
        stats = rtsys.get_allocation_stats()
        held = (params._flat, params._architecture._spec_float64, x, y, wrong, params)
        return [stats.alloc - stats.free, stats.mi_alloc - stats.mi_free, *map(sys.getrefcount, held)]

    def calls(times: int) -> None:
        for _ in range(times):
            evaluate(params, x)
            fit(params, x, y, 0.1, 1)
            for arguments in ((params, wrong, y, 0.1, 1), (params, x, y, -1.0, 1), (params, x, y[:2], 0.1, 1)):
                try:
                    fit(*arguments)
                except ValueError:
                    continue
                raise AssertionError("no error")
            halved(params, params.flat)
            for call, argument in ((evaluate, wrong), (evaluate, x[:, :3].copy()), (halved, np.ones(1))):
                try:
                    call(params, argument)
                except ValueError:
                    continue
                raise AssertionError("no error")

    calls(10)
    before = state()
    calls(int(sys.argv[2]))
    assert rtsys.get_allocation_stats().alloc > 1000
    print(before == state(), before, state())


if __name__ == "__main__":
    {"cache": cache, "custom": custom, "leaks": leaks}[sys.argv[1]]()
