"""Schedules against their formulas step by step, and against PyTorch's schedulers."""

from __future__ import annotations

import math
import pickle
import re
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_allclose

import fnn
from fnn.numerics.powers import powers

FORMULAS: list[tuple[fnn.Schedule, Callable[[int], float]]] = [
    (fnn.step_decay(3.0, every=7, factor=0.3), lambda s: 3 * 0.3 ** (s // 7)),
    (fnn.step_decay(0.5, every=1, factor=1.01), lambda s: 0.5 * 1.01**s),
    (fnn.exponential(2.0, factor=0.97), lambda s: 2 * 0.97**s),
    (fnn.exponential(2.0, factor=0.5, every=30), lambda s: 2 * 0.5 ** (s / 30)),
    (fnn.inverse_time(2.0, steps=50), lambda s: 2 / (1 + s / 50)),
    (fnn.cosine(3.0, steps=80), lambda s: 3 * (1 + math.cos(math.pi * min(s, 80) / 80)) / 2),
    (
        fnn.cosine(3.0, steps=80, end=1.0),
        lambda s: 1 + 2 * (1 + math.cos(math.pi * s / 80)) / 2 if s < 80 else 1.0,
    ),
    (fnn.warm_up(2.0, steps=20), lambda s: 2 * (s + 1) / 20 if s < 20 else 2.0),
    (
        fnn.warm_up(fnn.exponential(2.0, factor=0.9), steps=20),
        lambda s: 2 * (s + 1) / 20 if s < 20 else 2 * 0.9 ** (s - 20),
    ),
    (
        fnn.warm_up(lambda step: 1.0 + step, steps=4),
        lambda s: (s + 1) / 4 if s < 4 else s - 3.0,
    ),
]


def named(value: object) -> str:
    """What a test is called: the same in every process."""
    return re.sub(" at 0x[0-9a-f]+", "", repr(value))[:60]


each = pytest.mark.parametrize("schedule, formula", FORMULAS, ids=named)


@each
def test_formulas(schedule: fnn.Schedule, formula: Callable[[int], float]) -> None:
    steps = np.arange(300)
    wanted = [formula(step) for step in range(300)]

    assert_allclose(schedule.at(steps), wanted, rtol=1e-13, atol=1e-15)
    assert_allclose([schedule(step) for step in range(300)], wanted, rtol=1e-13, atol=1e-15)
    # Wherever the steps that are worked out together begin, they are the same to the bit.
    assert schedule.at(steps)[17:].tobytes() == schedule.at(steps[17:]).tobytes()


# Ours, PyTorch's, and its rates in the steps 1, 37, 63 and the last (PyTorch 2.13.0).
BY_PYTORCH: list[tuple[fnn.Schedule, str, dict[str, Any], list[float]]] = [
    (
        fnn.step_decay(0.3, every=7, factor=0.6), "StepLR", {"step_size": 7, "gamma": 0.6},
        [0.3, 0.023327999999999998, 0.0030233087999999996, 0.0002350924922879999],
    ),
    (
        fnn.exponential(0.3, factor=0.97), "ExponentialLR", {"gamma": 0.97},
        [0.291, 0.09720204960565253, 0.044029171510778765, 0.014706961214042967],
    ),
    (
        fnn.cosine(0.3, steps=99, end=0.01), "CosineAnnealingLR", {"T_max": 99, "eta_min": 0.01},
        [0.2999269986455618, 0.2110200432255036, 0.09476482311472642, 0.01],
    ),
    (
        fnn.one_cycle(0.3, steps=100), "OneCycleLR", {"max_lr": 0.3, "total_steps": 100},
        [0.012844134169772203, 0.2904352688550382, 0.15673029763367904, 1.2e-06],
    ),
    (
        fnn.one_cycle(0.3, steps=90, rise=0.61, divisor=4, last_divisor=10), "OneCycleLR",
        {"max_lr": 0.3, "total_steps": 90, "pct_start": 0.61, "div_factor": 4, "final_div_factor": 10},
        [0.07519103889139803, 0.2496946379091599, 0.25411283953830227, 0.0075],
    ),
]  # fmt: skip
by_pytorch = pytest.mark.parametrize("ours, name, options, rates", BY_PYTORCH, ids=named)


@by_pytorch
def test_rates_of_pytorch(ours: fnn.Schedule, name: str, options: dict[str, Any], rates: list[float]) -> None:
    last = options.get("total_steps", 100) - 1
    assert_allclose([ours(step) for step in (1, 37, 63, last)], rates, rtol=1e-12)


@by_pytorch
def test_all_rates_of_pytorch(ours: fnn.Schedule, name: str, options: dict[str, Any], rates: list[float]) -> None:
    torch = pytest.importorskip("torch")
    optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=0.3)
    theirs, expected = getattr(torch.optim.lr_scheduler, name)(optimizer, **options), []
    for _ in range(options.get("total_steps", 100) - 1):
        expected.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        theirs.step()
    expected.append(optimizer.param_groups[0]["lr"])

    assert_allclose(ours.at(np.arange(len(expected))), expected, rtol=1e-12, atol=1e-15)


def test_one_cycle() -> None:
    # 10 steps: up to step 2, where a half wave from 1 to 4 ends, then a half wave down to ½ at step 9.
    schedule = fnn.one_cycle(4.0, steps=10, rise=0.3, divisor=4.0, last_divisor=2.0)
    found = [schedule(step) for step in range(12)]
    down = [0.5 + 3.5 * (1 + math.cos(math.pi * i / 7)) / 2 for i in range(1, 8)]

    assert_allclose(found, [1, 2.5, 4, *down, 0.5, 0.5], rtol=1e-14)
    assert fnn.one_cycle(4.0, steps=10, rise=0.0)(0) == 4


@given(st.floats(0, 1), st.integers(0, 30_000), st.integers(1, 3000))
def test_powers(base: float, first: int, count: int) -> None:
    exponents = np.arange(first, first + count)
    found = powers(base, exponents)

    assert_allclose(found, base**exponents, rtol=1e-11, atol=1e-300)
    assert found[count // 2 :].tobytes() == powers(base, exponents[count // 2 :]).tobytes()


def test_what_a_step_gets() -> None:
    # One weight b, identity, target 1 at x = 0: b ← b − η(s) (b − 1).
    params = fnn.Params({"W1": [[0.0]], "b1": [0.0]}, hidden=(), output=fnn.identity)
    asked: list[int] = []

    def eta(step: int) -> float:
        asked.append(step)
        return 0.5 / (1 + step)

    run = fnn.train(params, np.zeros((6, 1)), np.ones((6, 1)), eta=eta, epochs=2, batch_size=2, reduction="mean")
    assert_allclose(1 - run.params["b1"], [math.prod(1 - 0.5 / (1 + step) for step in range(6))], rtol=1e-14)
    assert asked == [*range(6), 0, 3]  # and the beginnings of epochs again, for the history


@each
def test_values(schedule: fnn.Schedule, formula: Callable[[int], float]) -> None:
    if "<" not in repr(schedule):
        assert eval(repr(schedule)) == schedule == pickle.loads(pickle.dumps(schedule))
        assert hash(schedule) == hash(eval(repr(schedule)))
    with pytest.raises(AttributeError):
        schedule.steps = 5  # type: ignore[attr-defined]  # what it says


@pytest.mark.parametrize(
    "make, error, text",
    [
        (lambda: fnn.step_decay(0, every=1, factor=0.5), ValueError, "eta: must be finite and above 0, got 0"),
        (lambda: fnn.step_decay(1, every=0, factor=0.5), ValueError, "every: must be at least 1, got 0"),
        (lambda: fnn.step_decay(1, every="a", factor=0.5), TypeError, "every: needs a whole number, got 'a'"),  # type: ignore[arg-type]
        (lambda: fnn.step_decay(1, every=1, factor=0), ValueError, "factor: must be finite and above 0, got 0"),
        (lambda: fnn.exponential(1, factor=math.inf), ValueError, "factor: must be finite and above 0, got inf"),
        (lambda: fnn.exponential(1, factor=0.5, epochs=0), ValueError, "epochs: must be at least 1, got 0"),
        (lambda: fnn.exponential(1, factor=0.5, every=1, epochs=2), ValueError, "epochs: can't be given beside every"),
        (lambda: fnn.cosine(1, steps=0), ValueError, "steps: must be at least 1, got 0"),
        (lambda: fnn.cosine(1, steps=5, end=-1), ValueError, "end: must be finite and at least 0, got -1"),
        (lambda: fnn.warm_up(-1, steps=5), ValueError, "rate: must be finite and above 0, got -1"),
        (lambda: fnn.one_cycle(1, steps=1), ValueError, "steps: must be at least 2, got 1"),
        (lambda: fnn.one_cycle(1, steps=5, rise=1), ValueError, "rise: must be at least 0 and below 1, got 1"),
        (lambda: fnn.inverse_time("1", steps=5), TypeError, "eta: needs a number, got '1'"),  # type: ignore[arg-type]
        (lambda: fnn.plateau(1, factor=1), ValueError, "factor: must be at least 0 and below 1, got 1"),
        (lambda: fnn.plateau(1, patience=-1), ValueError, "patience: must be at least 0, got -1"),
        (lambda: fnn.cosine(1, steps=2**63), ValueError, "steps: must be at most 9223372036854775807, got 92"),
        (lambda: fnn.cosine(1, steps=np.array(2.5)), TypeError, r"steps: needs a whole number, got array\(2.5\)"),  # type: ignore[arg-type]
        (lambda: fnn.warm_up(lambda: 0.1, steps=2), TypeError, "rate: needs a function of the step, got <function"),  # type: ignore[arg-type, misc]
        (lambda: fnn.cosine(1, steps=5)(-1), ValueError, "step: must be at least 0, got -1"),
        (lambda: fnn.plateau(1)(0), ValueError, "eta: fnn.plateau needs the errors of epochs"),
        (lambda: fnn.exponential(1, factor=9)(10**6), ValueError, "eta: must be finite and at least 0, is inf at"),
    ],
)  # fmt: skip
def test_bad_arguments(make: Callable[[], object], error: type[Exception], text: str) -> None:
    with pytest.raises(error, match=text):
        make()


# Schedules that go over the steps of a run, here of 5 epochs of 4 steps; and the same with those steps.

OPEN: list[tuple[Any, Any]] = [
    (fnn.cosine(3.0, end=0.1), fnn.cosine(3.0, steps=20, end=0.1)),
    (fnn.one_cycle(1.0, rise=0.5), fnn.one_cycle(1.0, steps=20, rise=0.5)),
    (fnn.exponential(1.0, factor=0.5, epochs=2), fnn.exponential(1.0, factor=0.5, every=8)),
    (fnn.warm_up(fnn.cosine(1.0), steps=5), fnn.warm_up(fnn.cosine(1.0, steps=15), steps=5)),
    (fnn.warm_up(fnn.cosine(1.0), steps=25), fnn.warm_up(fnn.cosine(1.0, steps=1), steps=25)),
    (fnn.plateau(fnn.cosine(1.0), patience=0), fnn.plateau(fnn.cosine(1.0, steps=20), patience=0)),
]
X, Y = np.random.default_rng(0).normal(size=(20, 3)), np.random.default_rng(1).uniform(size=(20, 2))
PARAMS = fnn.init((3, 5, 2), seed=0)


def trained(eta: Any, epochs: int = 5, **options: Any) -> fnn.Run[Any]:
    options |= {"optimizer": options.get("optimizer") or fnn.adam(eta)}
    return fnn.train(PARAMS, X, Y, epochs=epochs, batch_size=6, **options)


def etas(run: fnn.Run[Any]) -> list[float]:
    assert run.history.eta is not None
    return [float(eta) for eta in run.history.eta]


@pytest.mark.parametrize("schedule, closed", OPEN, ids=named)
def test_schedules_that_go_over_the_steps_of_the_run(schedule: Any, closed: Any) -> None:
    run, wanted = trained(schedule), trained(closed)
    assert (run.params, etas(run)) == (wanted.params, etas(wanted))
    many = fnn.train_many([PARAMS] * 2, X, Y, optimizer=fnn.adam(schedule), epochs=5, batch_size=6)
    assert [one.params for one in many] == [wanted.params] * 2
    assert eval(repr(schedule)) == schedule == pickle.loads(pickle.dumps(schedule))
    # After the steps of another run they begin anew.
    again = trained(schedule, state=run.state)
    assert etas(again)[0] == etas(run)[0]
    assert again.state.step == 40


def test_each_run_of_many_has_its_own_steps() -> None:
    runs = fnn.train_many([PARAMS] * 2, X, Y, eta=fnn.cosine(1.0), epochs=fnn.Each([5, 3]), batch_size=6)
    for run, epochs in zip(runs, (5, 3), strict=True):
        wanted = [(1 + math.cos(math.pi * epoch / epochs)) / 2 for epoch in range(epochs)]
        assert_allclose(etas(run), wanted, rtol=1e-13)
    assert trained(None, optimizer=fnn.adam(fnn.cosine(1.0)), epochs=0).params == PARAMS


def test_an_alpha_goes_over_the_steps_of_the_run() -> None:
    run = trained(None, optimizer=fnn.momentum(0.1, alpha=fnn.cosine(0.9)))
    assert run.params == trained(None, optimizer=fnn.momentum(0.1, alpha=fnn.cosine(0.9, steps=20))).params


def test_where_no_run_is_known_they_are_refused_by_name() -> None:
    optimizer = fnn.adam(fnn.warm_up(fnn.cosine(0.5), steps=3))
    text = r"steps: fnn\.cosine\(eta=0\.5, steps=None, end=0\.0\) goes over the steps of a run of fnn\.train"
    with pytest.raises(ValueError, match=text):
        optimizer.update(PARAMS, PARAMS, optimizer.init(PARAMS))
    with pytest.raises(ValueError, match=text):
        fnn.cosine(0.5)(3)
    with pytest.raises(ValueError, match=r"every: fnn\.exponential\(.*, epochs=2\) goes over"):
        fnn.exponential(1.0, factor=0.5, epochs=2)(3)
    with pytest.raises(ValueError, match=r"x: fnn\.warm_up\(.*\) goes over the steps of the run, whose number"):
        fnn.train(PARAMS, [(X, Y)], optimizer=optimizer, epochs=1)
