"""Training on batches as they come, against training on all of them in one array, in their order."""

import os
import pickle
import signal
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose

import fnn
from fnn.equations.objective import objective_of
from fnn.optimizers.library import gradient_descent
from fnn.training.steppers.batches import BatchStepper
from tests.paces import Exactly, tune_by
from tests.problems import Problem, problem, problems

FEW = (1, 2, 7, 64, 65, 513, 700)
OPTIMIZERS = (fnn.momentum(0.01), fnn.adam(fnn.cosine(1e-2, steps=9)), fnn.adamw(1e-3), fnn.rmsprop(1e-3))
GOOD = (np.ones((4, 2)), np.zeros((4, 1)))


def batches(p: Problem, size: int) -> list[tuple[Any, ...]]:
    """The cases in their order, in batches."""
    weights = [] if p.weights is None else [p.weights]
    return [tuple(a[top : top + size] for a in (p.x, p.y, *weights)) for top in range(0, len(p.x), size)]


def of_loss(p: Problem) -> dict[str, Any]:
    return {"loss": p.loss, "reduction": p.reduction}


def in_order(
    p: Problem, optimizer: fnn.Optimizer, size: int, epochs: int, regularization: fnn.Regularization | None = None
) -> tuple[bytes, bytes, bytes]:
    """The bits of training on one array without shuffling, which `train` never does."""
    objective = objective_of(p.params, p.loss, p.reduction, regularization)
    arrays = p.cases.arrays(p.params, p.loss)
    stepper = BatchStepper(p.params, arrays, objective, optimizer, min(size, len(p.x)), 3, epochs)
    stepper.order = stepper.order[:0]
    for _ in range(epochs):
        stepper.run(stepper.steps_per_epoch, 1)
        if stepper.diverged:
            return b"", b"", b""
    state = b"".join(vector.flat.tobytes() for vector in stepper.snapshot().state.vectors)

    return stepper.params().flat.tobytes(), stepper.history.tobytes(), state


def bits(run: fnn.Run[Any]) -> tuple[bytes, bytes, bytes]:
    state = b"".join(vector.flat.tobytes() for vector in run.state.vectors)

    return run.params.flat.tobytes(), run.history.error.tobytes(), state


@given(problems(counts=FEW, widest=20), st.sampled_from([1, 3, 64, 512, 513, 10_000]), st.sampled_from([1, 2]))
@settings(deadline=None, max_examples=60)
def test_a_stream_has_the_bits_of_one_array_in_its_order(p: Problem, size: int, epochs: int) -> None:
    eta = 1e-3 / len(p.x)
    wanted = in_order(p, gradient_descent(eta), size, epochs)
    if wanted[0]:
        run = fnn.train(p.params, batches(p, size), eta=eta, epochs=epochs, **of_loss(p))
        assert bits(run) == wanted


@pytest.mark.parametrize("optimizer", OPTIMIZERS, ids=repr)
@pytest.mark.parametrize("regularization", [None, fnn.Regularization(dropout=0.3), fnn.Regularization(l2=0.1)], ids=str)
def test_so_it_has_with_optimizers_and_regularization(
    optimizer: fnn.Optimizer, regularization: fnn.Regularization | None
) -> None:
    p = problem(5, (4, 9, 3), (fnn.tanh,), fnn.softmax, fnn.cross_entropy, 70, labelled=True, weighted=True)
    wanted = in_order(p, optimizer, 8, 3, regularization)
    run = fnn.train(
        p.params, batches(p, 8), optimizer=optimizer, epochs=3, seed=3, regularization=regularization, **of_loss(p)
    )  # fmt: skip

    assert bits(run) == wanted


def test_steps_are_those_of_grad_and_update_and_the_error_is_per_case() -> None:
    p = problem(1, (3, 6, 2), (fnn.tanh,), fnn.sigmoid, fnn.squared_error, 23)
    params, error = p.params, 0.0
    for x, y in batches(p, 5):
        error += fnn.error(params, x, y)
        params = fnn.update(params, fnn.grad(params, x, y), 0.5)
    run = fnn.train(p.params, iter(batches(p, 5)), eta=0.5, epochs=1)

    assert run.params == params
    assert_allclose(run.history.error, [error / 23], rtol=1e-15)


@pytest.mark.parametrize("threads", [2, 4])
def test_the_bits_do_not_depend_on_the_number_of_threads(threads: int, monkeypatch: pytest.MonkeyPatch) -> None:
    p = problem(2, (20, 30, 3), (fnn.tanh,), fnn.softmax, fnn.cross_entropy, 900, labelled=True)
    wanted = fnn.train(p.params, batches(p, 250), eta=1e-3, epochs=2, **of_loss(p))
    tune_by(monkeypatch, lambda work, most: Threads(threads))
    run = fnn.train(p.params, batches(p, 250), eta=1e-3, epochs=2, **of_loss(p))

    assert bits(run) == bits(wanted)


class Threads:
    """In the place of a pace."""

    def __init__(self, threads: int) -> None:
        self._threads = threads

    def suggest(self) -> tuple[int, int]:
        return 3, self._threads

    def seconds(self, steps: int) -> float:
        return 0.0

    def observe(self, steps: int, threads: int, seconds: float, starting: float = 0.0) -> None:
        assert threads == self._threads


class Again:
    """Batches that are made anew in every epoch, of different numbers."""

    def __init__(self, p: Problem) -> None:
        self.p, self.epochs = p, 0

    def __iter__(self) -> Iterator[tuple[Any, ...]]:
        self.epochs += 1
        yield from batches(self.p, 5)[: 6 - self.epochs]


def test_every_epoch_goes_through_the_iterable_anew() -> None:
    p = problem(1, (3, 6, 2), (fnn.tanh,), fnn.sigmoid, fnn.squared_error, 23)
    again, seen = Again(p), []
    run = fnn.train(
        p.params, again, eta=0.5, epochs=3, validation=(p.x, p.y),
        callbacks=[fnn.each_epoch(lambda epoch, params, record: seen.append((epoch, params)))],
    )  # fmt: skip
    by_hand = p.params
    for epoch in (1, 2, 3):
        for batch in batches(p, 5)[: 6 - epoch]:
            by_hand = fnn.train(by_hand, [batch], eta=0.5, epochs=1).params
        assert seen[epoch - 1] == (epoch, by_hand)

    assert again.epochs == 3
    assert run.params == by_hand
    assert run.history.validation_error is not None
    assert run.history.validation_error[-1] == fnn.error(by_hand, p.x, p.y, reduction="mean")


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("reduction", ["sum", "mean"])
@pytest.mark.parametrize(
    "optimizer, regularization",
    [(fnn.gradient_descent(0.1), None), (fnn.adamw(1e-2), None), (fnn.momentum(0.1), fnn.Regularization(l2=0.1))],
    ids=str,
)
def test_a_batch_that_weighs_nothing_has_no_gradient(
    optimizer: fnn.Optimizer, regularization: fnn.Regularization | None, reduction: Any, dtype: type[Any]
) -> None:
    p = problem(
        5, (4, 9, 3), (fnn.tanh,), fnn.softmax, fnn.cross_entropy, 40, labelled=True, weighted=True,
        reduction=reduction, dtype=dtype,
    )  # fmt: skip
    assert p.weights is not None
    p.weights[8:16], p.weights[16:24] = 0, 1e-42  # of the third, the inverse of the sum is beyond float32
    wanted = in_order(p, optimizer, 8, 3, regularization)
    run = fnn.train(
        p.params, batches(p, 8), optimizer=optimizer, epochs=3, seed=3, regularization=regularization, **of_loss(p)
    )  # fmt: skip

    assert bits(run) == wanted


def test_a_class_that_weighs_nothing_may_fill_a_batch(tmp_path: Path) -> None:
    params, seen = fnn.init((2, 2), hidden=(), output=fnn.softmax, seed=1), list[float]()
    x, options = np.eye(2), dict[str, Any](eta=0.1, loss=fnn.cross_entropy, reduction="mean")
    nothing, batch = fnn.Cases(x, [0, 0], class_weights=[0, 1]), fnn.Cases(x, [1, 0], class_weights=[0, 1])
    note: Any = fnn.each_steps(1, lambda step, now, error: seen.append(error))
    run = fnn.train(params, [nothing, batch, nothing], epochs=2, callbacks=[note], **options)
    wanted = fnn.train(params, batch, epochs=2, **options)

    assert (run.params, run.state.step) == (wanted.params, 6)
    assert run.history.error.tolist() == wanted.history.error.tolist()
    assert np.isnan(seen).tolist() == [True, False, False] * 2
    with pytest.raises(ValueError, match=r"^weights: their sum must be above 0"):
        fnn.error(params, nothing, loss=fnn.cross_entropy)
    for _ in range(2):  # with a checkpoint, too
        with pytest.raises(fnn.BatchError, match=r"^x: the batches of epoch 1 weigh nothing$") as caught:
            fnn.train(params, [nothing] * 3, epochs=2, checkpoint=tmp_path / "run", **options)
        assert (caught.value.run.params, caught.value.run.state.step) == (params, 3)
    with pytest.raises(fnn.BatchError, match=r"^batch 1 of epoch 1: weights: their sum must be above 0, and it"):
        fnn.train(params, [(x, [0, 1], [1e308, 1e308])], epochs=1, **options)


class Counted:
    """Three batches, and how often they were gone through."""

    passes = 0

    def __iter__(self) -> Iterator[Any]:
        self.passes += 1
        return iter([GOOD] * 3)


@pytest.mark.parametrize(
    "options",
    [{"eta": 0.5}, {"eta": 0.5, "validation": GOOD}, {"optimizer": fnn.adam(fnn.plateau(0.1))}],
    ids=str,
)
@pytest.mark.parametrize("epochs, before, after", [(0, 0, 0), (1, 1, 0), (2, 2, 1), (5, 2, 4)])
def test_there_are_as_many_passes_as_epochs(
    epochs: int, before: int, after: int, options: dict[str, Any], tmp_path: Path
) -> None:
    plain, kept, again = Counted(), Counted(), Counted()
    wanted = fnn.train(network(), plain, epochs=epochs, **options)
    rules = fnn.Checkpoint(tmp_path / "run", seconds=0)
    stop: Any = fnn.each_steps(4, lambda *_: 1 / 0)  # in the second epoch
    with pytest.raises(ZeroDivisionError) if epochs > 1 else nullcontext():
        fnn.train(network(), kept, epochs=epochs, checkpoint=rules, callbacks=[stop], **options)
    run = fnn.train(network(), again, epochs=epochs, checkpoint=rules, **options)

    assert run.params == wanted.params
    assert [plain.passes, kept.passes, again.passes] == [epochs, before, after]


def test_other_dtypes_scale_and_class_weights() -> None:
    random = np.random.default_rng(0)
    x, labels = random.integers(0, 256, (40, 6), np.uint8), random.integers(0, 3, 40)
    params = fnn.init((6, 3), hidden=(), output=fnn.softmax, seed=1, dtype=np.float32)
    options: dict[str, Any] = {"eta": 0.1, "epochs": 1, "loss": fnn.cross_entropy}
    batch = fnn.Cases(np.asfortranarray(x), labels.tolist(), class_weights=[1, 2, 3], scale=1 / 255)
    run = fnn.train(params, [batch], **options)
    scaled = x.astype(np.float32) * np.float32(1 / 255)
    wanted = fnn.train(params, fnn.Cases(scaled, labels, class_weights=[1, 2, 3]), **options)

    assert run.params == wanted.params


def test_single_cases_are_batches_of_one() -> None:
    p = problem(1, (3, 2), (), fnn.sigmoid, fnn.squared_error, 4)
    one_by_one = fnn.train(p.params, list(zip(p.x, p.y, strict=True)), eta=0.5, epochs=2)

    assert one_by_one.params == fnn.train(p.params, batches(p, 1), eta=0.5, epochs=2).params


def network() -> fnn.Params[np.float64]:
    return fnn.init((2, 3, 1), seed=1)


@pytest.mark.parametrize(
    "item, words",
    [
        ((np.ones((4, 3)), np.zeros((4, 1))), r"x: has 3 columns, but the network has 2 inputs"),
        ((np.full((4, 2), np.nan), np.zeros((4, 1))), r"x: NaN or infinity in row 0"),
        ((np.ones((4, 2)), np.zeros((3, 1))), r"y: needs shape \(4, 1\), got \(3, 1\)"),
        ((np.ones((0, 2)), np.zeros((0, 1))), r"x: needs at least one case"),
        (
            (np.ones((4, 2)), np.zeros((4, 1)), -np.ones(4)),
            r"weights: must be finite and at least 0, got -1.0 in row 0",
        ),
        ((np.array([["a", "b"]]), np.zeros((1, 1))), r"x: needs real numbers, got dtype <U1"),
        (np.ones((4, 2)), r"needs fnn.Cases or a tuple \(x, y\) or \(x, y, weights\), got array"),
        ((np.ones((4, 2)),), r"needs fnn.Cases or a tuple \(x, y\) or \(x, y, weights\), got \(array"),
    ],
)
def test_a_bad_batch_is_told_by_its_number_and_nothing_is_lost(item: Any, words: str) -> None:
    class Spoilt:
        epochs = 0

        def __iter__(self) -> Iterator[Any]:
            self.epochs += 1
            yield GOOD
            yield GOOD
            yield GOOD if self.epochs == 1 else item

    with pytest.raises(fnn.BatchError, match=f"^batch 3 of epoch 2: {words}") as caught:
        fnn.train(network(), Spoilt(), eta=0.5, epochs=3)

    wanted = fnn.train(fnn.train(network(), [GOOD] * 3, eta=0.5, epochs=1).params, [GOOD] * 2, eta=0.5, epochs=1)
    error = caught.value
    assert (error.epoch, error.batch, len(error.run.history)) == (2, 3, 1)
    assert error.run.params == wanted.params
    again = pickle.loads(pickle.dumps(error))
    assert (str(again), again.run.params, again.batch) == (str(error), error.run.params, 3)


def test_an_error_of_the_iterable_loses_nothing() -> None:
    def failing() -> Iterator[Any]:
        yield GOOD
        raise OSError("the disk is gone")

    with pytest.raises(fnn.BatchError, match=r"^batch 2 of epoch 1: OSError\('the disk is gone'\)$") as caught:
        fnn.train(network(), failing(), eta=0.5, epochs=1)
    assert isinstance(caught.value.__cause__, OSError)
    assert caught.value.run.params == fnn.train(network(), [GOOD], eta=0.5, epochs=1).params


def test_an_interrupt_while_waiting_for_a_batch_is_none_of_its_faults() -> None:
    def interrupted() -> Iterator[Any]:
        yield GOOD
        raise KeyboardInterrupt

    with pytest.raises(fnn.TrainingInterrupted) as caught:
        fnn.train(network(), interrupted(), eta=0.5, epochs=1)
    assert caught.value.params == fnn.train(network(), [GOOD], eta=0.5, epochs=1).params


@pytest.mark.skipif(sys.platform == "win32", reason="needs POSIX signals")
@pytest.mark.parametrize("before", [0, 3])
@pytest.mark.usefixtures("default_sigint")
def test_ctrl_c_does_not_wait_for_a_batch(before: int) -> None:
    def slow() -> Iterator[Any]:
        yield from [GOOD] * before
        threading.Timer(0.1, lambda: os.kill(os.getpid(), signal.SIGINT)).start()
        time.sleep(20)

    began = time.monotonic()
    with pytest.raises(fnn.TrainingInterrupted) as caught:
        fnn.train(network(), slow(), eta=0.5, epochs=1)

    assert time.monotonic() - began < 10
    assert caught.value.state.step == before
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


@pytest.mark.parametrize("units", range(1, 30))
def test_the_last_good_parameters_are_those_of_a_step(units: int) -> None:
    # Wherever the weights lie in memory, which depends on how many there are.
    params = fnn.init((2, units, 1), seed=0, output=fnn.identity)
    huge = np.array([[1.0, 0.5]]), np.array([[1e300]])
    seen = [params]
    with pytest.raises(fnn.TrainingDiverged) as caught:
        fnn.train(
            params,
            [GOOD, GOOD, huge],
            eta=0.1,
            epochs=1,
            callbacks=[fnn.each_steps(1, lambda _, p, __: seen.append(p))],
        )

    assert caught.value.params in seen


def test_what_goes_wrong_leaves_the_last_good_parameters() -> None:
    # E = ½ (w − 1)² for x = 1, y = 1; with x = 1e200 the error is infinite.
    params = fnn.Params({"W1": [[0.0]], "b1": [0.0]}, hidden=(), output=fnn.identity)
    fine, infinite = (np.ones((1, 1)), np.ones((1, 1))), (np.full((1, 1), 1e300), np.ones((1, 1)))
    with pytest.raises(fnn.TrainingDiverged) as caught:
        fnn.train(params, [fine] * 20 + [infinite] * 2, eta=0.25, epochs=2)

    assert (caught.value.epoch, len(caught.value.history)) == (1, 0)
    assert np.isfinite(caught.value.params.flat).all()
    assert np.isfinite(fnn.error(caught.value.params, *fine))


@pytest.mark.parametrize(
    "x, options, kind, words",
    [
        (np.ones((4, 2)), {}, TypeError, "y: needs the targets; without y, x must be fnn.Cases or an iterable"),
        (3.0, {}, TypeError, "y: needs the targets"),
        ("ab", {}, TypeError, "y: needs the targets"),
        ([GOOD], {"batch_size": 2}, TypeError, "batch_size: x is an iterable of batches, each of which has its own"),
        (iter([GOOD]), {}, ValueError, "epochs: x is an iterator, which can be gone through once, not 2 times"),
        ([], {}, fnn.BatchError, "x: has no batches in epoch 1"),
        ([[0, 0], [0, 1]], {}, fnn.BatchError, "batch 1 of epoch 1: x: needs shape"),
        (iter([GOOD]), {"y": [1.0]}, TypeError, "y: an iterable of batches"),
    ],
)
def test_what_is_no_stream_is_refused(x: Any, options: dict[str, Any], kind: type[Exception], words: str) -> None:
    with pytest.raises(kind, match=f"^{words}"):
        fnn.train(network(), x, eta=0.5, epochs=2, **options)


def test_an_optimizer_that_needs_all_cases_is_refused() -> None:
    with pytest.raises(ValueError, match=r"^x: .* needs all cases in every step"):
        fnn.train(network(), [GOOD], optimizer=fnn.irprop(), epochs=1)


def test_an_iterator_serves_one_epoch_and_none_takes_nothing_from_it() -> None:
    taken = []

    def generated() -> Iterator[Any]:
        taken.append(1)
        yield GOOD

    assert fnn.train(network(), generated(), eta=0.5, epochs=0).params == network()
    assert not taken
    assert fnn.train(network(), generated(), eta=0.5, epochs=1).params != network()


def test_a_function_for_a_rate_is_asked_for_no_step_that_is_not_taken() -> None:
    asked = []

    def rate(step: int) -> float:
        asked.append(step)
        return 0.5 / (1 + step)

    run = fnn.train(network(), [GOOD] * 3, eta=rate, epochs=2)
    by_hand = network()
    for step in range(6):
        by_hand = fnn.train(by_hand, *GOOD, eta=0.5 / (1 + step), epochs=1).params

    assert (set(asked), run.params) == (set(range(6)), by_hand)


def test_every_call_teaches_how_fast_steps_are(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[int] = []

    class Noting(Exactly):
        """It wants seven steps a call."""

        def observe(self, steps: int, threads: int, seconds: float, starting: float = 0.0) -> None:
            seen.append(steps)

    tune_by(monkeypatch, Noting)
    r = np.random.default_rng(0)
    batches = [(r.normal(size=(5, 3)), r.normal(size=(5, 2))) for _ in range(3)]
    run = fnn.train(fnn.init((3, 4, 2), seed=0), batches, eta=0.01, epochs=10)

    assert run.state.step == 30
    assert seen == [2] + 9 * [3]  # to the end of the epoch; the first step tells how large batches are
