"""The validation set of a run: what is measured on it, and how a part of the cases is held out."""

import tracemalloc
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal

import fnn
from fnn.data.draw import drawn
from fnn.equations.objective import objective_of
from fnn.training.evaluator import Evaluator
from tests.paces import processors
from tests.problems import Problem, problem, problems, trained

COUNTS = (1, 2, 63, 64, 65, 128, 300, 700)


def measured(p: Problem, threads: int, weights: Any = None) -> tuple[float, float | None]:
    batch = fnn.Cases(p.x, p.y, weights=weights).arrays(p.params, p.loss)
    evaluator = Evaluator(p.params, batch, objective_of(p.params, p.loss, p.reduction, None), threads)

    return evaluator.measure(p.params.flat)


def test_errors_whose_sum_is_infinite_have_a_mean() -> None:
    params = fnn.init((1, 2, 1), seed=0, output=fnn.identity)
    x, y = np.ones((3, 1)), np.full((3, 1), 1.2e154)
    run = fnn.train(params, x, np.ones((3, 1)), eta=0.1, epochs=2, validation=(x, y))

    assert run.history.validation_error is not None
    assert_allclose(run.history.validation_error, 0.72e308, rtol=1e-12)
    assert fnn.error(params, x, y) == np.inf


@given(problems(counts=COUNTS), st.integers(1, 4))
@settings(deadline=None, max_examples=100)
def test_the_error_is_that_of_error_to_the_bit(p: Problem, threads: int) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("fnn.training.evaluator.WORTH_THREADS", 1)
        patch.setattr("fnn.training.evaluator.available", processors(4))
        for weights in (None, p.weights):
            error, accuracy = measured(p, threads, weights)
            wanted = fnn.error(p.params, fnn.Cases(p.x, p.y, weights=weights), loss=p.loss, reduction="mean")

            assert error == wanted
            if p.y.ndim == 1:
                middle = sum(p.loss.targets.label_values) / 2
                assert accuracy == fnn.accuracy(p.params, p.x, p.y, threshold=middle)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("threads", [1, 2, 3])
@pytest.mark.parametrize("units", [1, 2, 10])
def test_large_sets_are_shared_by_threads(
    monkeypatch: pytest.MonkeyPatch, units: int, threads: int, dtype: type[Any]
) -> None:
    monkeypatch.setattr("fnn.training.evaluator.WORTH_THREADS", 1)
    random = np.random.default_rng(units)
    params = fnn.init((20, 30, units), seed=0, dtype=dtype)
    x, labels = random.normal(size=(2999, 20)).astype(dtype), random.integers(0, max(units, 2), 2999)
    y = fnn.one_hot(labels, units, dtype=dtype) if units > 1 else labels[:, None].astype(dtype)
    batch = fnn.Cases(x, y).arrays(params, fnn.squared_error)
    evaluator = Evaluator(params, batch, objective_of(params, fnn.squared_error, "sum", None), threads)

    for _ in range(3):
        wanted = fnn.error(params, x, y, reduction="mean"), fnn.accuracy(params, x, labels)
        assert evaluator.measure(params.flat) == wanted


def test_equal_outputs_and_the_middle() -> None:
    params = fnn.Params({"W1": np.zeros((1, 3)), "b1": [0.0, 1.0, 1.0]}, hidden=(), output=fnn.identity)
    run = fnn.train(params, [[0.0]], [[0.0, 1, 1]], eta=1e-9, epochs=1, validation=([[0.0]] * 3, np.eye(3)))
    assert run.history.validation_accuracy == [1 / 3]  # the first of equals
    half = fnn.Params({"W1": [[0.0]], "b1": [0.5]}, hidden=(), output=fnn.identity)
    run = fnn.train(half, [[0.0]], [[0.5]], eta=1.0, epochs=1, validation=([[0.0]] * 2, [[0.0], [1.0]]))
    assert run.history.validation_accuracy == [0.5]  # ½ isn't above ½


# A part of the cases.


def held_out(count: int, part: float, seed: int) -> Any:
    """Which of the cases a run must hold out."""
    numbers = np.random.Generator(np.random.PCG64([seed, 1])).bit_generator.random_raw(count)
    some = sorted(range(count), key=lambda case: numbers[case])[: round(part * count)]

    return np.isin(np.arange(count), some)


@given(problems(counts=(7, 64, 130, 300), widest=8), st.floats(0.1, 0.9), st.integers(0, 2**63 - 1), st.booleans())
@settings(deadline=None, max_examples=60)
def test_what_is_held_out_is_as_if_it_were_given(p: Problem, part: float, seed: int, batches: bool) -> None:
    out = held_out(len(p.x), part, seed)
    options: dict[str, Any] = {"eta": 0.01 / len(p.x), "epochs": 3, "seed": seed, "loss": p.loss}
    options |= {"reduction": p.reduction, "batch_size": 7 if batches else None}
    before = p.x.tobytes(), p.y.tobytes()
    run = trained(p, validation=part, **options)
    weights = None if p.weights is None else p.weights[~out]
    apart = fnn.train(
        p.params, fnn.Cases(p.x[~out], p.y[~out], weights=weights), validation=(p.x[out], p.y[out]), **options
    )

    assert run.params == apart.params
    assert run.history.error.tobytes() == apart.history.error.tobytes()
    assert run.history.validation_error is not None
    share = None if p.weights is None else p.weights[out]
    last = fnn.error(run.params, fnn.Cases(p.x[out], p.y[out], weights=share), loss=p.loss, reduction="mean")
    assert run.history.validation_error[-1] == last
    found, wanted = run.history.validation_accuracy, apart.history.validation_accuracy
    assert found is None or wanted is not None  # a part may happen to be one-hot where the whole isn't
    if found is not None and wanted is not None:
        assert_array_equal(found, wanted)
    assert (p.x.tobytes(), p.y.tobytes()) == before


def test_weights_of_classes_count_in_what_is_held_out() -> None:
    p = problem(3, (4, 3), (), fnn.softmax, fnn.cross_entropy, 60, labelled=True)
    out, shares = held_out(60, 0.25, 9), np.array([1.0, 2.0, 5.0])
    run = fnn.train(
        p.params, fnn.Cases(p.x, p.y, class_weights=shares), eta=0.01, epochs=2, seed=9, validation=0.25,
        reduction="mean", loss=p.loss,
    )  # fmt: skip
    held = fnn.Cases(p.x[out], p.y[out], weights=shares[p.y[out]])
    wanted = fnn.error(run.params, held, loss=p.loss, reduction="mean")

    assert run.history.validation_error is not None
    assert run.history.validation_error[-1] == wanted


def test_each_seed_holds_out_other_cases_and_each_case_has_its_turn() -> None:
    chosen = np.array([drawn(25, 100, seed) for seed in range(400)])

    assert (chosen.sum(axis=1) == 25).all()
    assert len({row.tobytes() for row in chosen}) == 400
    assert_array_equal(chosen[7], drawn(25, 100, 7))
    # 100 times each on average, with a standard deviation of √(400 · ¼ · ¾) ≈ 8.7.
    assert 60 < chosen.sum(axis=0).min() <= chosen.sum(axis=0).max() < 140


def test_the_cases_held_out_are_the_same_ones_for_ever() -> None:
    assert np.flatnonzero(drawn(5, 20, 0)).tolist() == [4, 7, 10, 11, 18]


@pytest.mark.parametrize("part, cases", [(0.5, 1), (0.1, 2), (0.9999, 2), (np.float32(0.25), 2), (1e-300, 50)])
def test_there_must_be_cases_on_both_sides(part: float, cases: int) -> None:
    x, y = np.zeros((cases, 2)), np.zeros((cases, 1))
    with pytest.raises(ValueError, match=rf"validation: {float(part)} of {cases} cases leaves none to validate"):
        fnn.train(fnn.init((2, 1), seed=0), x, y, eta=1, epochs=1, validation=part)


@pytest.mark.parametrize("part", [0, 1, 0.0, 1.0, -0.1, 1.5, np.nan, np.inf])
def test_a_part_must_be_one(part: float) -> None:
    x, y = np.zeros((10, 2)), np.zeros((10, 1))
    with pytest.raises(ValueError, match=r"validation: the fraction of the cases must be in \(0, 1\), got"):
        fnn.train(fnn.init((2, 1), seed=0), x, y, eta=1, epochs=1, validation=part)


def test_weights_must_be_left_on_both_sides() -> None:
    x, y, out = np.zeros((10, 2)), np.zeros((10, 1)), drawn(3, 10, 0)
    with pytest.raises(ValueError, match="validation weights: their sum must be above 0"):
        fnn.train(fnn.init((2, 1), seed=0), fnn.Cases(x, y, weights=~out * 1.0), eta=1, epochs=1, validation=0.3)
    with pytest.raises(ValueError, match=r"^weights: their sum must be above 0"):
        fnn.train(fnn.init((2, 1), seed=0), fnn.Cases(x, y, weights=out * 1.0), eta=1, epochs=1, validation=0.3)


@pytest.mark.parametrize("row", range(10))
def test_a_bad_case_has_the_number_that_it_has_for_the_caller(row: int) -> None:
    x, y = np.zeros((10, 2)), np.zeros((10, 1))
    x[row, 1] = np.nan
    with pytest.raises(ValueError, match=f"^x: NaN or infinity in row {row}$"):
        fnn.train(fnn.init((2, 1), seed=0), x, y, eta=1, epochs=1, validation=0.3)


@pytest.mark.parametrize("labelled", [False, True])
@pytest.mark.parametrize("batch_size", [16, None])
def test_a_part_of_data_that_are_read_where_they_lie(
    monkeypatch: pytest.MonkeyPatch, batch_size: int | None, labelled: bool
) -> None:
    monkeypatch.setattr("fnn.data.rows.CAST", 1)  # every array is large enough not to be copied
    random = np.random.default_rng(0)
    x, labels = random.integers(0, 256, (90, 12), np.uint8)[:, ::2], random.integers(0, 3, 90, np.int16)
    y = labels if labelled else np.eye(3, dtype=np.float32)[labels]
    params = fnn.init((6, 5, 3), seed=0, output=fnn.softmax)
    options: dict[str, Any] = {"eta": 0.1, "epochs": 4, "batch_size": batch_size, "loss": fnn.cross_entropy, "seed": 3}
    options |= {"reduction": "mean", "validation": 0.3}
    weights = np.linspace(1, 2, 90)
    run = fnn.train(params, fnn.Cases(x, y, weights=weights, scale=1 / 255), **options)
    monkeypatch.undo()
    dense = fnn.Cases(x * (1 / 255), labels if labelled else np.eye(3)[labels], weights=weights)
    plain = fnn.train(params, dense, **options)

    assert run.params == plain.params
    assert run.history.validation_error is not None
    assert plain.history.validation_error is not None
    assert run.history.validation_accuracy is not None
    assert plain.history.validation_accuracy is not None
    assert run.history.error.tobytes() == plain.history.error.tobytes()
    assert run.history.validation_error.tobytes() == plain.history.validation_error.tobytes()
    assert run.history.validation_accuracy.tobytes() == plain.history.validation_accuracy.tobytes()


@pytest.mark.parametrize("dtype", [np.float64, np.uint8])
def test_holding_out_copies_no_data(dtype: type[Any]) -> None:
    x, y = np.ones((20_000, 100), dtype), np.zeros((20_000, 1), dtype)
    params = fnn.init((100, 2, 1), seed=0)
    options: dict[str, Any] = {"eta": 1e-3, "epochs": 1, "batch_size": 100, "reduction": "mean", "validation": 0.3}
    fnn.train(params, x, y, **options)  # what is compiled stays
    tracemalloc.start()
    try:
        fnn.train(params, x, y, **options)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()

    assert peak < 8 * x.size / 5  # beside numbers for cases; targets are looked through by pieces


def test_a_run_that_diverges_looks_at_what_it_trains_on_only() -> None:
    # The case that is held out overflows with any b but 0; the others don't until b is large.
    out = int(np.flatnonzero(drawn(1, 4, 0))[0])
    x = np.zeros((4, 1))
    y = np.ones((4, 1))
    y[out] = 1e155
    params = fnn.Params({"W1": [[0.0]], "b1": [0.0]}, hidden=(), output=fnn.identity)
    with pytest.raises(fnn.TrainingDiverged) as info:
        fnn.train(params, x, y, eta=3.0, epochs=9_999, validation=0.25)
    rest = np.delete(y, out, axis=0)
    with pytest.raises(fnn.TrainingDiverged) as alone:
        fnn.train(params, x[:3], rest, eta=3.0, epochs=9_999)

    assert info.value.epoch == alone.value.epoch > 100
    assert info.value.params == alone.value.params


@pytest.mark.parametrize("units", [1, 2])
def test_no_class_is_right_where_an_output_is_nan(units: int) -> None:
    leaves = {"W1": np.full((1, 2), 1e200), "b1": np.zeros(2), "W2": np.ones((2, units)), "b2": np.zeros(units)}
    leaves["W2"][0, -1] = -1
    params = fnn.Params(leaves, hidden=fnn.exp, output=fnn.identity)  # ∞ − ∞ at the last unit for the first case
    assert np.isnan(fnn.forward(params, [1.0])[-1])
    problem = Problem(params, np.array([[1.0], [-1.0]]), np.array([0, 0]), np.zeros((2, units)), fnn.hinge, "sum", None)

    _, accuracy = measured(problem, 1, None)

    assert accuracy == fnn.accuracy(params, problem.x, problem.y, threshold=0) == 0.5


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("batch_size", [None, 7])
def test_a_run_knows_the_cases_that_it_held_out(dtype: type[Any], batch_size: int | None) -> None:
    p = problem(6, (3, 4, 2), (fnn.tanh,), fnn.identity, fnn.squared_error, 50, dtype=dtype, weighted=True)
    options: dict[str, Any] = dict(eta=0.1, epochs=2, batch_size=batch_size, reduction="mean", validation=0.24, seed=5)

    def run(y: Any) -> fnn.Run[Any]:
        return fnn.train(p.params, fnn.Cases(p.x, y, weights=p.weights), **options)

    first = run(p.y)
    rows, history = first.held_out, first.history
    assert rows is not None
    assert p.weights is not None
    assert history.validation_error is not None
    assert_array_equal(rows, np.array(sorted(set(rows.tolist())), np.int64), strict=True)
    assert len(rows) == 12
    held_out = fnn.Cases(p.x[rows], p.y[rows], weights=p.weights[rows])
    assert history.validation_error[-1] == pytest.approx(fnn.error(first.params, held_out, reduction="mean"), rel=1e-12)
    for row in range(0, 50, 5):  # only the others change the params
        y = p.y.copy()
        y[row] += 1
        assert (run(y).params == first.params) == (row in rows)


def test_the_cases_of_many_runs_and_of_one_that_goes_on(tmp_path: Path) -> None:
    p = problem(7, (3, 4, 2), (fnn.tanh,), fnn.identity, fnn.squared_error, 50)
    options: dict[str, Any] = dict(eta=0.01, epochs=2, validation=0.5)
    alone = [fnn.train(p.params, p.x, p.y, seed=seed, **options).held_out for seed in (1, 2)]
    together = [run.held_out for run in fnn.train_many([p.params] * 2, p.x, p.y, seed=fnn.Each([1, 2]), **options)]
    for checkpoint in (tmp_path / "run", tmp_path / "run"):
        resumed = fnn.train(p.params, p.x, p.y, seed=1, checkpoint=checkpoint, **options)
        assert_array_equal(resumed.held_out, alone[0])
    assert_array_equal(together[0], alone[0], strict=True)
    assert_array_equal(together[1], alone[1], strict=True)
    assert repr(together[0]) != repr(together[1])

    for validation in (None, (p.x, p.y), fnn.Cases(p.x, p.y)):
        assert fnn.train(p.params, p.x, p.y, **{**options, "validation": validation}).held_out is None
    assert fnn.train(p.params, iter([(p.x, p.y)]), eta=0.01, epochs=1, validation=(p.x, p.y)).held_out is None
