"""`Regularization`: penalties and masks are part of the objective that `train` minimises and `error` tells."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose

import fnn
from tests.problems import Problem, problem, problems

P = problem(3, (4, 5, 3), (fnn.tanh,), fnn.softmax, fnn.cross_entropy, 12, labelled=True, weighted=True)
MASK: dict[str, Any] = {"W1": np.arange(20).reshape(4, 5) % 3 > 0, "b2": [1, 0, 1]}
LOOKS: list[Callable[..., Any]] = [fnn.error, fnn.grad, fnn.value_and_grad]


def train(params: fnn.Params[Any], cases: fnn.Cases, **options: Any) -> Any:
    return fnn.train(params, cases, eta=0.1, epochs=1, **options)


def masked(params: fnn.Params[Any]) -> fnn.Params[Any]:
    return params.replace({key: np.where(mask, params[key], 0) for key, mask in MASK.items()})


@pytest.mark.parametrize("reduction", ["sum", "mean"])
def test_the_objective_by_hand(reduction: Any) -> None:
    changes = fnn.Regularization(l2=0.3, l1=0.1, mask=MASK)
    options: dict[str, Any] = {"loss": P.loss, "reduction": reduction}
    E, g = fnn.value_and_grad(P.params, P.cases, regularization=changes, **options)
    start = masked(P.params)
    plain, slope = fnn.value_and_grad(start, P.cases, **options)
    weights = [start[key] for key in ("W1", "W2")]

    assert pytest.approx(plain + sum(0.15 * (W**2).sum() + 0.1 * np.abs(W).sum() for W in weights), rel=1e-14) == E
    assert fnn.error(P.params, P.cases, regularization=changes, **options) == E
    assert fnn.grad(P.params, P.cases, regularization=changes, **options) == g
    for key in start:
        penalty = 0.3 * start[key] + 0.1 * np.sign(start[key]) if key[0] == "W" else 0.0
        assert_allclose(g[key], (slope[key] + penalty) * MASK.get(key, 1), rtol=1e-13, atol=1e-16)
    for key, mask in MASK.items():
        assert (g[key][~np.array(mask, bool)] == 0).all()


def test_the_gradient_is_that_of_the_objective() -> None:
    changes = fnn.Regularization(l2=0.3, l1=0.1, mask=MASK)
    start = masked(P.params)  # differences move removed weights, too, which count as 0
    assert fnn.check_grad(start, P.cases, loss=P.loss, regularization=changes) < 1e-8


@given(problems(counts=(1, 2, 7, 65, 300), widest=20), st.sampled_from([0.0, 0.1]), st.sampled_from([0.0, 0.01]))
@settings(deadline=None, max_examples=60)
def test_steps_on_the_objective_are_those_of_train(p: Problem, l2: float, l1: float) -> None:
    eta, changes = 1e-3 / len(p.x), fnn.Regularization(l2=l2, l1=l1)
    params = p.params
    for _ in range(3):
        params = fnn.update(params, fnn.grad(params, p.cases, regularization=changes, **p.options), eta)
    if not np.isfinite(fnn.error(params, p.cases, **p.options)):
        return

    run = fnn.train(p.params, p.cases, eta=eta, epochs=3, regularization=changes, **p.options)
    assert run.params.flat.tobytes() == params.flat.tobytes()


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_steps_with_a_mask_are_those_of_train(dtype: type[Any]) -> None:
    p = problem(3, (4, 5, 3), (fnn.tanh,), fnn.softmax, fnn.cross_entropy, 12, dtype=dtype)
    changes, params = fnn.Regularization(l2=0.1, mask=MASK), masked(p.params)
    run = fnn.train(p.params, p.cases, eta=0.1, epochs=4, regularization=changes, **p.options)
    for _ in range(4):
        params = fnn.update(params, fnn.grad(params, p.cases, regularization=changes, **p.options), 0.1)

    assert run.params == params
    for key, mask in MASK.items():
        assert (run.params[key][~np.array(mask, bool)] == 0).all()


def test_nothing_to_regularize_changes_no_bit() -> None:
    for call in LOOKS:
        assert call(P.params, P.cases, regularization=fnn.Regularization(), **P.options) == call(
            P.params, P.cases, **P.options
        )


@pytest.mark.parametrize("dropout", [0.5, [0.0, 0.25]])
def test_dropout_is_for_training_alone(dropout: Any) -> None:
    for call in [*LOOKS, fnn.check_grad]:
        with pytest.raises(ValueError, match=r"regularization: dropout=.* is for training alone"):
            call(P.params, P.cases, regularization=fnn.Regularization(dropout=dropout), **P.options)


@pytest.mark.parametrize(
    "fields, error, message",
    [
        ({"l2": -1}, ValueError, "l2: must be finite and at least 0, got -1.0"),
        ({"l1": np.inf}, ValueError, "l1: must be finite and at least 0, got inf"),
        ({"l1": "0.1"}, TypeError, "l1: needs a number, got '0.1'"),
        ({"dropout": 1.0}, ValueError, r"dropout: must be at least 0 and below 1, got 1\.0"),
        ({"dropout": [0.1, -0.5]}, ValueError, r"dropout\[1\]: must be at least 0 and below 1, got -0\.5"),
        ({"dropout": None}, TypeError, "dropout: needs a number, got None"),
    ],
)
def test_numbers_out_of_range(fields: dict[str, Any], error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=f"^{message}"):
        fnn.Regularization(**fields)


@pytest.mark.parametrize(
    "regularization, error, message",
    [
        ({"l2": 0.1}, TypeError, r"regularization: needs fnn.Regularization\(..\), got {'l2': 0.1}"),
        (fnn.Regularization(mask={"W3": np.ones((1, 1))}), ValueError, "mask: unknown key 'W3'; this network"),
        (fnn.Regularization(mask={"W1": np.ones((2, 2))}), ValueError, r"mask\['W1'\]: needs shape \(4, 5\), got "),
        (fnn.Regularization(mask={"b1": np.full(5, 0.5)}), ValueError, r"mask\['b1'\]: must be 0 and 1, got 0.5"),
        (fnn.Regularization(dropout=[0.1] * 3), ValueError, "dropout: needs one number for all hidden layers"),
    ],
)
def test_what_does_not_fit_the_network(regularization: Any, error: type[Exception], message: str) -> None:
    for call in (*LOOKS, train):
        with pytest.raises(error, match=f"^{message}"):
            call(P.params, P.cases, loss=P.loss, regularization=regularization)


def test_lambda_beyond_float32() -> None:
    single = fnn.init((2, 1), seed=0, dtype=np.float32)
    with pytest.raises(ValueError, match=r"^l2: 1e\+39 is beyond float32"):
        fnn.error(single, [[0.0, 1.0]], [[1.0]], regularization=fnn.Regularization(l2=1e39))


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_the_penalty_by_central_differences(dtype: type[Any]) -> None:
    params = fnn.init((3, 17, 2), seed=0, dtype=dtype)
    E, slope = fnn.penalty(params, l2=0.7, l1=0.3)
    w = params.flat.astype(float)
    weight = np.concatenate([np.full(leaf.size, float(key[0] == "W")) for key, leaf in params.items()])

    def cost(flat: Any) -> float:
        return float(0.35 * weight @ flat**2 + 0.3 * weight @ np.abs(flat))

    h = 1e-6 * np.eye(len(w))
    assert_allclose(E, cost(w), rtol=1e-13)
    assert slope.dtype == dtype
    assert_allclose(slope.flat, [(cost(w + d) - cost(w - d)) / 2e-6 for d in h], rtol=1e-6, atol=1e-8)
    assert fnn.penalty(params)[0] == 0
    assert (fnn.penalty(params)[1].flat == 0).all()


def test_bad_penalties() -> None:
    params = fnn.init((2, 1), seed=0)
    with pytest.raises(ValueError, match="l2: must be finite and at least 0, got -1"):
        fnn.penalty(params, l2=-1)
    with pytest.raises(ValueError, match="l1: must be finite and at least 0, got inf"):
        fnn.penalty(params, l1=np.inf)
    with pytest.raises(ValueError, match=r"l2: 1e\+39 is beyond float32"):
        fnn.penalty(fnn.init((2, 1), seed=0, dtype=np.float32), l2=1e39)
    with pytest.raises(TypeError, match=r"params: needs fnn\.Params, got dict"):
        fnn.penalty(dict(params))  # type: ignore[arg-type]


def test_it_stays_as_it_was_made() -> None:
    mask, dropout = {"b1": np.ones(5)}, [0.0, 0.5]
    changes = fnn.Regularization(mask=mask, dropout=dropout)
    mask["b1"][:] = 0
    dropout[0] = 0.9

    assert changes.dropout == (0.0, 0.5)
    assert changes.mask is not None
    assert np.all(changes.mask["b1"])
    with pytest.raises(TypeError, match=r"^mask: needs a mapping"):
        fnn.Regularization(mask=3)  # type: ignore[arg-type]
