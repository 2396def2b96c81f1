"""`train` against the oracle, against `grad` and `update`, and against itself with other numbers of threads."""

import pickle
from dataclasses import replace
from itertools import pairwise, permutations
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose

import fnn
from tests import reference
from tests.paces import train_by_exactly, tune_by
from tests.problems import Problem, assert_near, problem, problems, trained

BATCHES = st.sampled_from([None, 1, 2, 5, 64, 100, 255, 256, 400, 513, 10_000])
FEW = (1, 2, 7, 64, 65, 257, 513, 700, 1100)


def steps(p: Problem, *, eta: float, epochs: int, batch_size: int | None, seed: int) -> fnn.Params[Any]:
    """Training by `grad` and `update`, in the oracle's order of cases."""
    params = p.params
    for epoch in range(epochs):
        for rows in reference.batches(len(p.x), batch_size, seed, epoch):
            q = p.rows(rows)
            params = fnn.update(params, fnn.grad(params, q.cases, **q.options), eta)

    return params


@given(problems(counts=FEW))
@settings(deadline=None, max_examples=100)
def test_one_step_is_update_of_grad_to_the_bit(p: Problem) -> None:
    run = fnn.train(p.params, p.cases, eta=0.1, epochs=1, **p.options)
    wanted = fnn.update(p.params, fnn.grad(p.params, p.cases, **p.options), 0.1)

    assert run.params.flat.tobytes() == wanted.flat.tobytes()
    assert (run.params.sizes, run.params.activations) == (p.params.sizes, p.params.activations)
    assert run.params.dtype == p.params.dtype


@given(problems(counts=(1, 2, 7, 65, 130, 600), widest=35), BATCHES, st.integers(0, 2**63 - 1))
@settings(deadline=None, max_examples=60)
def test_epochs_of_batches_are_such_steps_to_the_bit(p: Problem, batch_size: int | None, seed: int) -> None:
    options: dict[str, Any] = {"eta": 0.01 / len(p.x), "epochs": 2, "batch_size": batch_size, "seed": seed}
    run = trained(p, **options, **p.options)

    assert run.params.flat.tobytes() == steps(p, **options).flat.tobytes()


@pytest.mark.parametrize("layout", ["as it is", "labels", "one output", "backwards", "bytes"])
def test_cases_that_are_fetched_ahead(monkeypatch: pytest.MonkeyPatch, layout: str) -> None:
    # Enough that they don't stay in the second-level cache, with a last batch that is smaller.
    is_labelled, units = layout == "labels", 1 if layout == "one output" else 3
    loss, output = (fnn.cross_entropy, fnn.softmax) if is_labelled else (fnn.squared_error, fnn.sigmoid)
    p = problem(3, (400, 5, units), (fnn.tanh,), output, loss, 700, dtype=np.float32, labelled=is_labelled)
    if layout == "backwards":
        p = replace(p, x=p.x[::-1], y=p.y[::-1])
    elif layout == "bytes":
        p = replace(p, x=(20 * p.x).astype(np.int8), y=(p.y > 0).astype(np.uint8))
    options: dict[str, Any] = {"eta": 1e-3, "epochs": 2, "batch_size": 64, "seed": 4}
    wanted = steps(p, **options).flat.tobytes()
    train_by_exactly(monkeypatch)

    for threads in (1, 3):
        run = fnn.train(p.params, p.cases, threads=threads, **options, **p.options)
        assert run.params.flat.tobytes() == wanted


@given(problems(counts=(1, 2, 7, 65, 130, 300), widest=8, margin=1e-3), BATCHES, st.integers(0, 2**63 - 1))
@settings(deadline=None, max_examples=40)
def test_epochs_of_batches_by_the_oracle(p: Problem, batch_size: int | None, seed: int) -> None:
    options: dict[str, Any] = {"eta": 1e-5, "epochs": 3, "batch_size": batch_size, "seed": seed}
    with np.errstate(all="ignore"):
        net, errors = reference.train(
            reference.network(p.params), p.x.astype(float), p.dense, p.measure, reduction=p.reduction,
            weights=p.weights, **options,
        )  # fmt: skip
    try:
        run = fnn.train(p.params, p.cases, **options, **p.options)
    except fnn.TrainingDiverged:  # as exponential outputs may, but then the oracle does, too
        assert not np.max(np.abs(errors)) < 1e20
        return

    assert_near(run.params.flat, reference.flat(net.leaves), 10.0)
    assert_allclose(run.history.error, errors, rtol=1e-4 if p.params.dtype == np.float32 else 1e-10)


def test_learning_by_the_oracle_with_real_steps() -> None:
    # Smooth, in float64, and 60 steps long: a wrong order of cases would show in the second digit.
    p = problem(1, (3, 6, 2), (fnn.tanh,), fnn.sigmoid, fnn.squared_error, 23)
    options: dict[str, Any] = {"eta": 0.5, "epochs": 12, "batch_size": 5, "seed": 9}
    run = fnn.train(p.params, p.x, p.y, **options)
    net, errors = reference.train(reference.network(p.params), p.x, p.dense, p.measure, **options)

    assert_allclose(run.params.flat, reference.flat(net.leaves), rtol=1e-10)
    assert_allclose(run.history.error, errors, rtol=1e-10)


@pytest.mark.parametrize("reduction", ["sum", "mean"])
def test_the_last_smaller_batch_counts(reduction: Any) -> None:
    # One weight, identity, inputs 1: with targets t the step of a batch is η Σ (w − t). η = 1/4, batches of 2 of 3.
    params = fnn.Params({"W1": [[0.0]], "b1": [0.0]}, hidden=(), output=fnn.identity)
    x, y = np.zeros((3, 1)), np.array([[4.0], [8.0], [16.0]])
    i, j, k = reference.permutation(3, 0, 0)
    first = (y[i, 0] + y[j, 0]) / 4 / (2 if reduction == "mean" else 1)
    last = first - (first - y[k, 0]) / 4  # alone, whatever the reduction

    run = fnn.train(params, x, y, eta=0.25, epochs=1, batch_size=2, reduction=reduction)
    assert run.params["b1"].item() == last
    before = (y[i, 0] ** 2 + y[j, 0] ** 2 + (first - y[k, 0]) ** 2) / 2
    assert_allclose(run.history.error, [before / 3], rtol=1e-15)


def test_full_batch_is_the_default_and_larger_batches_are_full() -> None:
    p = problem(2, (2, 4, 1), (fnn.tanh,), fnn.sigmoid, fnn.squared_error, 9)
    wanted = fnn.train(p.params, p.x, p.y, eta=0.1, epochs=4)

    for batch_size in (None, 9, 10, 2**40):
        run = fnn.train(p.params, p.x, p.y, eta=0.1, epochs=4, batch_size=batch_size, seed=77)
        assert run.params == wanted.params


@given(problems(counts=(1, 2, 7, 65, 600)), st.sampled_from([None, 1, 16, 64, 200, 513]))
@settings(deadline=None, max_examples=20)
def test_the_bits_do_not_depend_on_the_number_of_threads(p: Problem, batch_size: int | None) -> None:
    options: dict[str, Any] = {
        "eta": 0.01 / len(p.x),
        "epochs": 1 if batch_size == 1 else 3,
        "batch_size": batch_size,
        **p.options,
    }
    wanted = trained(p, **options)

    with pytest.MonkeyPatch.context() as patch:
        train_by_exactly(patch)
        for threads in (1, 2, 3, 4):
            run = trained(p, threads=threads, **options)
            assert run.params.flat.tobytes() == wanted.params.flat.tobytes()
            assert run.history.error.tobytes() == wanted.history.error.tobytes()


@pytest.mark.usefixtures("exact_threads")
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("batch_size", [96, 300, 601])  # the last is more than the workspace has room for
def test_the_bits_do_not_depend_on_who_takes_which_piece(batch_size: int, dtype: type[Any]) -> None:
    # Large enough for each thread's share to be cut, into other numbers of pieces in the two phases and the last batch.
    p = problem(4, (300, 130, 70, 5), (fnn.relu, fnn.tanh), fnn.softmax, fnn.cross_entropy, 700, dtype=dtype)
    runs = [
        fnn.train(p.params, p.x, p.y, eta=1e-3, epochs=3, batch_size=batch_size, loss=p.loss, threads=threads)
        for threads in (1, 2, 3, 4, 7)
    ]

    assert runs[0].params != p.params
    for run in runs:
        assert run.params == runs[0].params
        assert run.history.error.tobytes() == runs[0].history.error.tobytes()


@given(
    problems(counts=(1, 7, 65, 600, 1100), widest=8), st.sampled_from([None, 1, 3, 64, 200, 513]), st.integers(0, 99)
)
@settings(deadline=None, max_examples=40)
def test_the_bits_do_not_depend_on_how_the_run_is_cut(p: Problem, batch_size: int | None, seed: int) -> None:
    # Calls of the kernel end where the clock says, and their number of threads changes: here at random.
    options: dict[str, Any] = {
        "eta": 0.01 / len(p.x),
        "epochs": 1 if batch_size == 1 else 4,
        "batch_size": batch_size,
        **p.options,
    }
    wanted = trained(p, threads=1, **options)
    random = np.random.default_rng(seed)

    class AnyPace:
        def __init__(self, work: float, threads: int | None) -> None: ...

        def suggest(self) -> tuple[int, int]:
            return int(random.choice([1, 2, 3, 5, 50, 300])), int(random.integers(1, 4))

        def seconds(self, steps: int) -> float:
            return float(random.integers(0, 2))  # with a thread of its own for the call, or not

        def observe(self, steps: int, threads: int, seconds: float, starting: float = 0.0) -> None: ...

    with pytest.MonkeyPatch.context() as patch:
        tune_by(patch, AnyPace)
        run = fnn.train(p.params, p.cases, **options)

    assert run.params.flat.tobytes() == wanted.params.flat.tobytes()
    assert run.history.error.tobytes() == wanted.history.error.tobytes()


@pytest.mark.usefixtures("exact_threads")
def test_two_runs_give_the_same_bits() -> None:
    p = problem(3, (20, 70, 40, 5), (fnn.relu, fnn.tanh), fnn.softmax, fnn.cross_entropy, 700, dtype=np.float32)
    for threads in (1, 4):
        first, second = (
            fnn.train(p.params, p.x, p.y, eta=1e-3, epochs=5, batch_size=128, threads=threads, loss=p.loss)
            for _ in range(2)
        )
        assert first.params == second.params
        assert first.history.error.tobytes() == second.history.error.tobytes()


TARGETS = (1.0137, 2.3571, 5.9113, 11.7819, 17.1193, 31.3377)


def orders(seed: int, epochs: int) -> list[tuple[int, ...]]:
    """The order of six cases in each epoch, found by which one of all explains the parameters after it."""
    params = fnn.Params({"W1": [[0.0]], "b1": [0.0]}, hidden=(), output=fnn.identity)
    after = [0.0]
    fnn.train(
        params, np.zeros((6, 1)), np.array(TARGETS)[:, None], eta=0.5, epochs=epochs, batch_size=1, seed=seed,
        callbacks=[fnn.each_epoch(lambda epoch, now, record: after.append(now["b1"].item()))],
    )  # fmt: skip

    def through(order: tuple[int, ...], b: float) -> float:
        for case in order:
            b -= 0.5 * (b - TARGETS[case])
        return b

    everything = list(permutations(range(6)))
    return [min(everything, key=lambda order: abs(through(order, before) - b)) for before, b in pairwise(after)]


def test_every_epoch_and_every_seed_has_its_own_order() -> None:
    for seed in (0, 1, 2**62):
        assert orders(seed, 4) == [tuple(reference.permutation(6, seed, epoch)) for epoch in range(4)]
    assert len(set(orders(0, 4) + orders(1, 4))) == 8


def test_epochs_can_be_none_at_all() -> None:
    p = problem(4, (2, 1), (), fnn.sigmoid, fnn.squared_error, 3)
    run = fnn.train(p.params, p.x, p.y, eta=1, epochs=0, validation=(p.x, p.y))

    assert run.params == p.params
    assert len(run.history) == 0
    assert run.history.error.shape == (0,)
    assert run.history.validation_error is not None
    assert run.history.validation_error.shape == (0,)


@pytest.mark.parametrize("epochs", [1, 2, 3, 37, 1000])
def test_the_history_has_an_entry_an_epoch(epochs: int) -> None:
    # Without a callback several epochs run in one call of the kernel; the result must not show it.
    p = problem(5, (2, 3, 1), (fnn.tanh,), fnn.sigmoid, fnn.squared_error, 8)
    options: dict[str, Any] = {"eta": 0.1, "epochs": epochs, "batch_size": 3}
    seen: list[fnn.Record] = []
    one_by_one = fnn.train(
        p.params, p.x, p.y, callbacks=[fnn.each_epoch(lambda e, now, record: seen.append(record))], **options
    )
    run = fnn.train(p.params, p.x, p.y, **options)

    assert len(run.history) == epochs
    assert run.history.error.tobytes() == one_by_one.history.error.tobytes()
    assert run.params == one_by_one.params
    assert [record.error for record in seen] == run.history.error.tolist()
    assert run.history.validation_error is None
    assert run.history.validation_accuracy is None


@pytest.mark.parametrize("units", [1, 3])
def test_accuracy_with_signs_for_targets(units: int) -> None:
    random = np.random.default_rng(0)
    x, labels = random.normal(size=(50, 3)), random.integers(0, max(units, 2), 50)
    signs = 2.0 * labels[:, None] - 1 if units == 1 else 2.0 * np.eye(3)[labels] - 1
    params = fnn.init((3, units), seed=0, output=fnn.identity)
    for y in (labels, signs):
        run = fnn.train(params, x, y, eta=0.01, epochs=1, loss=fnn.hinge, validation=(x, y))
        a = fnn.forward(run.params, x)
        found = a[:, 0] > 0 if units == 1 else a.argmax(axis=1)
        assert run.history.validation_accuracy == [np.mean(found == labels)]


@pytest.mark.parametrize("reduction", ["sum", "mean"])
@pytest.mark.parametrize("loss, output", [(fnn.squared_error, fnn.sigmoid), (fnn.cross_entropy, fnn.softmax)])
def test_validation_and_callback(loss: fnn.Loss, output: fnn.Activation, reduction: Any) -> None:
    p = problem(6, (3, 5, 4), (fnn.tanh,), output, loss, 40)
    q = problem(7, (3, 5, 4), (fnn.tanh,), output, fnn.cross_entropy, 25, labelled=True)
    y = q.y if loss is fnn.cross_entropy else q.dense
    kept: list[tuple[int, fnn.Params[Any], fnn.Record]] = []
    run = fnn.train(
        p.params, p.x, p.y, eta=0.05, epochs=6, batch_size=7, loss=loss, reduction=reduction, validation=(q.x, y),
        callbacks=[fnn.each_epoch(lambda *arguments: kept.append(arguments))],
    )  # fmt: skip

    assert [epoch for epoch, _, _ in kept] == [1, 2, 3, 4, 5, 6]
    assert kept[-1][1] == run.params
    assert len({now.flat.tobytes() for _, now, _ in kept}) == 6  # kept params stay what they were
    assert run.history.validation_error is not None
    assert run.history.validation_accuracy is not None
    for i, (_, now, record) in enumerate(kept):
        assert not now.flat.flags.writeable
        assert record.validation_error == fnn.error(now, q.x, y, loss=loss, reduction="mean")
        assert record.validation_accuracy == fnn.accuracy(now, q.x, q.y)
        assert record.error == run.history.error[i]
        assert record.validation_error == run.history.validation_error[i]
        assert record.validation_accuracy == run.history.validation_accuracy[i]


def test_validation_without_classes_has_no_accuracy() -> None:
    p = problem(8, (3, 2), (), fnn.identity, fnn.squared_error, 5)
    run = fnn.train(p.params, p.x, p.y, eta=0.01, epochs=2, validation=(p.x, p.y))

    assert run.history.validation_accuracy is None
    assert run.history.validation_error is not None
    assert run.history.validation_error[-1] == fnn.error(run.params, p.x, p.y, reduction="mean")


def test_validation_changes_no_bit_of_the_training() -> None:
    p = problem(9, (3, 4, 2), (fnn.tanh,), fnn.sigmoid, fnn.squared_error, 20)
    plain = fnn.train(p.params, p.x, p.y, eta=0.1, epochs=5, batch_size=6)
    watched = fnn.train(p.params, p.x, p.y, eta=0.1, epochs=5, batch_size=6, validation=(p.x[:3], p.y[:3]))

    assert plain.params == watched.params


@pytest.mark.parametrize("answer, epochs", [(True, 3), (False, 5), (None, 5), (0, 5)])
def test_a_callback_stops_by_returning_true(answer: object, epochs: int) -> None:
    p = problem(10, (2, 3, 1), (fnn.tanh,), fnn.sigmoid, fnn.squared_error, 8)
    run = fnn.train(
        p.params,
        p.x,
        p.y,
        eta=0.1,
        epochs=5,
        callbacks=[fnn.each_epoch(lambda epoch, now, record: epoch == 3 and answer)],
    )

    assert len(run.history) == epochs
    assert run.params == fnn.train(p.params, p.x, p.y, eta=0.1, epochs=epochs).params


def test_an_error_in_a_callback_comes_through() -> None:
    p = problem(11, (2, 1), (), fnn.sigmoid, fnn.squared_error, 3)

    def callback(epoch: int, params: fnn.Params[np.float64], record: fnn.Record) -> None:
        raise KeyError("from the callback")

    with pytest.raises(KeyError, match="from the callback"):
        fnn.train(p.params, p.x, p.y, eta=0.1, epochs=5, callbacks=[fnn.each_epoch(callback)])


def test_a_callback_may_be_an_empty_list_of_a_kind() -> None:
    class Kept(list[int]):
        def __call__(self, epoch: int, params: fnn.Params[Any], record: fnn.Record) -> None:
            if epoch > 1:
                self.append(epoch)

    p, kept = problem(9, (2, 1), (), fnn.sigmoid, fnn.squared_error, 3), Kept()
    fnn.train(p.params, p.x, p.y, eta=0.1, epochs=3, callbacks=[fnn.each_epoch(kept)])

    assert kept == [2, 3]


def test_it_can_be_called_from_within_a_callback() -> None:
    p = problem(12, (2, 3, 1), (fnn.tanh,), fnn.sigmoid, fnn.squared_error, 8)
    inner: list[fnn.Params[Any]] = []

    def callback(epoch: int, params: fnn.Params[Any], record: fnn.Record) -> None:
        inner.append(fnn.train(p.params, p.x, p.y, eta=0.1, epochs=epoch).params)

    outer = fnn.train(p.params, p.x, p.y, eta=0.1, epochs=4, callbacks=[fnn.each_epoch(callback)])
    assert inner[-1] == outer.params


def test_xor_is_learnt() -> None:
    x, y = [[0, 0], [0, 1], [1, 0], [1, 1]], [[0], [1], [1], [0]]
    run = fnn.train(fnn.init((2, 2, 1), seed=2), x, y, eta=2.0, epochs=3000)

    assert fnn.accuracy(run.params, x, [0, 1, 1, 0]) == 1
    assert run.history.error[-1] < 0.05 < run.history.error[0]


# Training that goes wrong.


def line(w: float, b: float = 0.0, dtype: type[Any] = np.float64) -> fnn.Params[Any]:
    return fnn.Params({"W1": np.array([[w]], dtype), "b1": np.array([b], dtype)}, hidden=(), output=fnn.identity)


def diverged(*arguments: Any, **options: Any) -> fnn.TrainingDiverged:
    """The error of a run that must diverge, after what holds for every one."""
    with pytest.raises(fnn.TrainingDiverged) as info:
        fnn.train(*arguments, **options)
    error = info.value
    assert len(error.history) <= error.epoch - 1
    assert np.isfinite(error.params.flat).all()
    assert np.isfinite(error.history.error).all()
    assert error.params.dtype == arguments[0].dtype
    assert f"in epoch {error.epoch}" in str(error)
    assert "eta is too large" in str(error)
    assert f"after epoch {len(error.history)}" in str(error)

    return error


def test_diverged_at_the_first_step() -> None:
    # ½(1e200 · 1e200)² is infinite with the parameters that the caller brought.
    error = diverged(line(1e200), [[1e200]], [[0.0]], eta=1, epochs=5)

    assert (error.epoch, len(error.history)) == (1, 0)
    assert error.params == line(1e200)


def test_diverged_within_the_first_epoch() -> None:
    # The first step makes b = 1e160, with which the second case's error is infinite.
    error = diverged(line(0), [[0.0], [0.0]], [[1.0], [1.0]], eta=1e160, epochs=5, batch_size=1)

    assert (error.epoch, len(error.history)) == (1, 0)
    assert error.params == line(0)


@pytest.mark.parametrize("stride", [1, None])
@pytest.mark.parametrize("reduction", ["sum", "mean"])
@pytest.mark.parametrize("dtype, eta", [(np.float64, 3.0), (np.float64, 1e6), (np.float32, 3.0), (np.float32, 50.0)])
def test_diverged_in_a_later_epoch(dtype: type[Any], eta: float, reduction: Any, stride: int | None) -> None:
    # b ← b − η (b − 1): |b − 1| grows by the factor |1 − η| an epoch, until its square overflows.
    def ignore(*_: object) -> None:
        pass

    error = diverged(
        line(0, dtype=dtype), [[0.0]], [[1.0]], eta=eta, epochs=100_000, reduction=reduction,
        callbacks=[fnn.each_epoch(ignore)] if stride else [],
    )  # fmt: skip

    assert 1 < error.epoch < 1300
    assert error.epoch - len(error.history) in (1, 2)  # 2 if the last parameters are finite, but the error is not
    assert np.isfinite(fnn.error(error.params, [[0.0]], [[1.0]]))
    again = fnn.train(line(0, dtype=dtype), [[0.0]], [[1.0]], eta=eta, epochs=len(error.history))
    assert again.params == error.params
    assert again.history.error.tobytes() == error.history.error.tobytes()
    # It went on as long as it could: two epochs more, and the error with the parameters is infinite.
    with pytest.raises(fnn.TrainingDiverged):
        fnn.train(line(0, dtype=dtype), [[0.0]], [[1.0]], eta=eta, epochs=len(error.history) + 2)


def test_diverged_by_overflowing_weights() -> None:
    # The error stays finite, as sigmoids saturate; the step itself overflows. E = ½(½ − 1e150)²: δ = −1e150/4, and
    # η δ = −1e308 · 1e150 / 4.
    params = fnn.Params({"W1": [[0.0]], "b1": [0.0]}, hidden=(), output=fnn.sigmoid)
    for epochs in (1, 7):
        error = diverged(params, [[1.0]], [[1e150]], eta=1e308, epochs=epochs)
        assert (error.epoch, len(error.history)) == (1, 0)
        assert error.params == params


def test_diverged_with_validation_and_history_of_the_same_length() -> None:
    error = diverged(
        line(0), [[0.0]], [[1.0]], eta=1e30, epochs=100, validation=([[0.0]], [[1.0]]), batch_size=1
    )  # fmt: skip

    assert error.history.validation_error is not None
    assert error.history.validation_accuracy is not None
    assert len(error.history.validation_error) == len(error.history.validation_accuracy) == len(error.history)
    assert len(error.history) >= 2
    # The error of an epoch is measured before its step: that of the next epoch is this epoch's validation error.
    assert error.history.validation_error[:-1].tolist() == error.history.error[1:].tolist()
    assert np.isfinite(fnn.error(error.params, [[0.0]], [[1.0]]))


@pytest.mark.parametrize("seed", range(6))
def test_the_error_with_the_last_good_parameters_is_finite(seed: int) -> None:
    # Case 1 is fine as long as w = b = 0; case 0 makes them ½, with which case 1 overflows. Which is first changes.
    x, y = [[1.0], [1e200]], [[1.0], [0.0]]
    error = diverged(line(0), x, y, eta=0.5, epochs=50, batch_size=1, seed=seed)

    assert np.isfinite(fnn.error(error.params, x, y))


@pytest.mark.usefixtures("exact_threads")
@pytest.mark.parametrize("threads", [1, 2, 4])
def test_diverged_alike_with_any_number_of_threads(threads: int) -> None:
    p = problem(13, (5, 30, 3), (fnn.relu,), fnn.identity, fnn.squared_error, 300)
    options: dict[str, Any] = {"eta": 10.0, "epochs": 50, "batch_size": 64}
    wanted = diverged(p.params, p.x, p.y, **options)
    error = diverged(p.params, p.x, p.y, threads=threads, **options)

    assert error.epoch == wanted.epoch
    assert error.params == wanted.params
    assert np.isfinite(fnn.error(error.params, p.x, p.y))


def test_diverged_can_be_pickled() -> None:
    # As it must be to come out of a worker process.
    error = diverged(line(1e200), [[1e200]], [[0.0]], eta=1, epochs=5)
    copy = pickle.loads(pickle.dumps(error))

    assert (copy.epoch, copy.params, str(copy)) == (error.epoch, error.params, str(error))


def test_run_history_and_record_can_be_pickled() -> None:
    p = problem(14, (2, 1), (), fnn.sigmoid, fnn.squared_error, 3)
    run = fnn.train(p.params, p.x, p.y, eta=1, epochs=3, validation=(p.x, p.y))
    copy = pickle.loads(pickle.dumps(run))

    assert copy.params == run.params
    assert copy.history.error.tobytes() == run.history.error.tobytes()


def test_a_callback_may_answer_with_a_truth_of_numpy() -> None:
    x, y = [[0.0], [1.0]], [[0.0], [1.0]]
    run = fnn.train(
        line(0.5), x, y, eta=0.1, epochs=9, callbacks=[fnn.each_epoch(lambda epoch, p, record: np.float64(epoch) >= 3)]
    )

    assert len(run.history) == 3


@pytest.mark.parametrize("eta", [1e300, 1e-60])
def test_an_eta_beyond_float32_is_refused_there(eta: float) -> None:
    params = fnn.init((1, 1), seed=0, dtype=np.float32)

    with pytest.raises(ValueError, match=r"eta: .* is beyond float32"):
        fnn.train(params, [[1.0]], [[1.0]], eta=eta, epochs=1)
    with pytest.raises(ValueError, match=r"eta: .* is beyond float32"):
        fnn.update(params, params, eta)
    assert fnn.update(fnn.init((1, 1), seed=0), fnn.init((1, 1), seed=0), eta).flat.shape == (2,)
