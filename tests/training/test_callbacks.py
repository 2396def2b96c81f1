"""Functions of the user that `train` calls after every epoch or every k steps."""

from typing import Any

import numpy as np
import pytest

import fnn
from fnn.training.callbacks import EachSteps
from tests.problems import Problem, problem
from tests.reference import permutation

P = problem(1, (3, 6, 2), (fnn.tanh,), fnn.sigmoid, fnn.squared_error, 40)


def train(**options: Any) -> fnn.Run[Any]:
    return fnn.train(P.params, P.x, P.y, **{"eta": 0.5, "batch_size": 7, "reduction": "mean", **options})


def test_true_ends_a_run_but_no_other_answer() -> None:
    assert train(epochs=3, callbacks=[fnn.each_epoch(lambda epoch, *_: epoch == 2)]).stop_reason == "callback"
    assert train(epochs=3, callbacks=[fnn.each_steps(4, lambda *_: np.bool_(True))]).stop_reason == "callback"
    assert train(epochs=3, callbacks=[fnn.each_steps(4, lambda *_: 1)]).stop_reason == "epochs"


@pytest.mark.parametrize("k", [1, 2, 5, 6, 7, 12, 100])
@pytest.mark.parametrize("batch_size", [7, None])
@pytest.mark.parametrize("others", [[], [fnn.each_epoch(lambda *_: None), fnn.each_steps(4, lambda *_: None)]])
def test_a_function_is_called_after_every_k_steps(k: int, batch_size: int | None, others: list[Any]) -> None:
    steps_per_epoch = 6 if batch_size else 1
    calls: list[tuple[int, fnn.Params[Any], float]] = []
    options: dict[str, Any] = {"epochs": 15, "batch_size": batch_size}
    run = train(callbacks=[fnn.each_steps(k, lambda *arguments: calls.append(arguments)), *others], **options)
    whole = train(**options)

    assert [step for step, _, _ in calls] == list(range(k, 15 * steps_per_epoch + 1, k))
    assert run.params == whole.params
    assert run.history.error.tobytes() == whole.history.error.tobytes()
    for step, params, error in calls:
        until = train(callbacks=[fnn.each_steps(step, lambda *_: True)], **options)
        assert params == until.params
        assert (until.stop_reason, until.state.step) == ("callback", step)
        if step % steps_per_epoch == 0:
            assert error == whole.history.error[step // steps_per_epoch - 1]


@pytest.mark.parametrize("reduction", ["sum", "mean"])
def test_the_error_so_far_is_that_of_the_cases_before_their_steps(reduction: Any) -> None:
    # Full of cases alike, so that their order doesn't matter; each step's error is that with the params before it.
    p = problem(5, (2, 1), (), fnn.identity, fnn.squared_error, 1)
    x, y = np.repeat(p.x, 10, axis=0), np.repeat(p.y, 10, axis=0)
    errors: list[float] = []
    wanted, params = [], p.params
    note: EachSteps[Any] = fnn.each_steps(1, lambda step, now, error: errors.append(error))
    fnn.train(params, x, y, eta=0.05, epochs=1, batch_size=2, reduction=reduction, callbacks=[note])
    for step in range(5):
        wanted.append(fnn.error(params, x[:2], y[:2], reduction="mean"))
        params = fnn.update(params, fnn.grad(params, x[:2], y[:2], reduction=reduction), 0.05)
        assert errors[step] == pytest.approx(np.mean(wanted), rel=1e-12)


@pytest.mark.parametrize("reduction", ["sum", "mean"])
def test_the_error_of_cases_that_weigh_nothing_is_nan(reduction: Any) -> None:
    # Cases alike but for their weights: one in four has one, and is alone in its batch.
    errors: list[float] = []
    note: EachSteps[Any] = fnn.each_steps(1, lambda step, now, error: errors.append(error))
    params = fnn.Params({"W1": [[0.0]], "b1": [0.0]}, hidden=(), output=fnn.identity)
    cases = fnn.Cases(np.zeros((4, 1)), np.full((4, 1), 4.0), weights=[0, 0, 0.5, 0])
    fnn.train(params, cases, eta=0.1, epochs=1, batch_size=1, reduction=reduction, callbacks=[note])
    place = permutation(4, 0, 0).index(2)

    assert place > 0
    assert np.isnan(errors[:place]).all()
    assert errors[place:] == [8.0] * (4 - place)  # ½ 4²


@pytest.mark.usefixtures("exact_threads")
@pytest.mark.parametrize("threads", [1, 2, 3])
def test_steps_are_counted_alike_with_any_threads(threads: int) -> None:
    p = problem(3, (5, 30, 3), (fnn.relu,), fnn.softmax, fnn.cross_entropy, 300)
    seen: list[tuple[int, bytes, float]] = []

    def note(step: int, params: fnn.Params[Any], error: float) -> bool:
        seen.append((step, params.flat.tobytes(), error))
        return step == 9

    options: dict[str, Any] = {"eta": 1e-3, "epochs": 4, "batch_size": 64, "loss": p.loss}
    run = fnn.train(p.params, p.x, p.y, threads=threads, callbacks=[fnn.each_steps(3, note)], **options)
    alone, seen = seen, []
    again = fnn.train(p.params, p.x, p.y, threads=1, callbacks=[fnn.each_steps(3, note)], **options)

    assert alone == seen
    assert [step for step, _, _ in seen] == [3, 6, 9]
    assert run.params == again.params
    assert len(run.history) == 1


def test_steps_that_diverge_are_not_shown() -> None:
    # b ← b − η (b − 1): |b − 1| doubles a step; its square overflows after some 512 steps.
    params, seen = fnn.Params({"W1": [[0.0]], "b1": [0.0]}, hidden=(), output=fnn.identity), list[Any]()
    note: EachSteps[Any] = fnn.each_steps(10, lambda step, now, error: seen.append((now["b1"].item(), error)))
    with pytest.raises(fnn.TrainingDiverged) as info:
        fnn.train(params, [[0.0]] * 100, [[1.0]] * 100, eta=3.0, epochs=99, batch_size=1, callbacks=[note])
    assert info.value.epoch == 6
    assert len(seen) == 51
    assert np.isfinite(seen).all()


def batches(p: Problem, size: int) -> list[tuple[Any, Any]]:
    return [(p.x[top : top + size], p.y[top : top + size]) for top in range(0, len(p.x), size)]


@pytest.mark.parametrize("k", [1, 2, 3, 5, 10])
def test_steps_of_a_stream(k: int) -> None:
    calls: list[tuple[int, fnn.Params[Any], float]] = []
    eta = fnn.exponential(0.5, factor=0.9)
    run = fnn.train(
        P.params,
        batches(P, 8),
        eta=eta,
        epochs=4,
        callbacks=[fnn.each_steps(k, lambda *arguments: calls.append(arguments))],
    )
    params, after = P.params, []
    errors: list[float] = []
    for step in range(20):
        x, y = batches(P, 8)[step % 5]
        errors = [*(errors if step % 5 else []), fnn.error(params, x, y)]
        params = fnn.update(params, fnn.grad(params, x, y), eta(step))
        after.append((step + 1, params, sum(errors) / (8 * len(errors))))

    assert [(step, params) for step, params, _ in calls] == [(step, params) for step, params, _ in after[k - 1 :: k]]
    assert [error for *_, error in calls] == pytest.approx([error for *_, error in after[k - 1 :: k]], rel=1e-12)
    assert run.history.eta is not None
    assert run.history.eta.tolist() == [eta(0), eta(5), eta(10), eta(15)]


def test_an_error_of_a_callback_comes_through() -> None:
    def fail(*_: object) -> None:
        raise KeyError("from the function")

    with pytest.raises(KeyError, match="from the function"):
        train(epochs=3, callbacks=[fnn.each_steps(2, fail)])


STEPS: Any = fnn.each_steps  # called with what they refuse
EPOCH: Any = fnn.each_epoch


@pytest.mark.parametrize(
    "make, error, message",
    [
        (lambda: STEPS(0, print), ValueError, "each_steps: k: must be at least 1, got 0"),
        (lambda: STEPS(1.0, print), TypeError, "each_steps: k: needs a whole number, got 1.0"),
        (lambda: STEPS(1, "print"), TypeError, "each_steps: needs a function after k, got 'print'"),
        (lambda: EPOCH(3), TypeError, "each_epoch: needs a function, got 3"),
        (lambda: train(epochs=1, callbacks=print), TypeError, "callbacks: needs a sequence such as"),
        (lambda: train(epochs=1, callbacks=fnn.each_epoch(print)), TypeError, "callbacks: needs a sequence such as"),
        (lambda: train(epochs=1, callbacks=[print]), TypeError, r"callbacks\[0\]: needs fnn.each_epoch\(f\), fnn.each"),
    ],
)
def test_what_is_no_callback_is_refused(make: Any, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        make()
