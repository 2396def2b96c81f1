"""Measuring in chunks, between which a run may be interrupted; the numbers are tested in `test_validation`."""

import numpy as np
import pytest

import fnn
from fnn.equations.objective import objective_of
from fnn.training.evaluator import Evaluator
from tests.paces import processors


@pytest.mark.parametrize("threads", [1, 2])
def test_no_chunk_is_measured_after_an_interrupt(threads: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("fnn.training.evaluator.CHUNK_WORK", 1)
    monkeypatch.setattr("fnn.training.evaluator.WORTH_THREADS", 1)
    monkeypatch.setattr("fnn.training.evaluator.available", processors(4))
    params, (x, y) = fnn.init((3, 5, 2), seed=0), np.random.default_rng(0).normal(size=(2, 1000, 3))
    arrays = fnn.Cases(x, y[:, :2]).arrays(params, fnn.squared_error)
    evaluator = Evaluator(params, arrays, objective_of(params, fnn.squared_error, "sum", None), threads)
    asked: list[int] = []

    def after(calls: int) -> bool:
        asked.append(calls)

        return len(asked) > calls

    error, accuracy = evaluator.measure(params.flat, lambda: after(3))

    assert np.isnan(error)
    assert accuracy is None
    assert len(asked) == 3 + threads
    assert evaluator.measure(params.flat)[0] == fnn.error(params, x, y[:, :2], reduction="mean")
    asked.clear()
    evaluator.measure(params.flat, lambda: after(100))
    assert len(asked) == 16  # chunks of 64
