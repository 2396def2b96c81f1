"""Weights of classes: as if each case had the weight of its class, in every loss."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from numpy.testing import assert_allclose

import fnn
from tests import reference
from tests.problems import LOSSES, problem

NAN, INF = float("nan"), float("inf")
K = np.array([0.5, 2.0, 3.0])
Z = np.array([[0.2, -1.0, 0.5], [1.5, 0.3, -0.7]])
CLASSES: fnn.Params[np.float64] = fnn.Params({"W1": np.eye(3), "b1": np.zeros(3)}, hidden=(), output=fnn.softmax)


def train(params: Any, cases: fnn.Cases, **options: Any) -> Any:
    return fnn.train(params, cases, eta=0.1, epochs=1, **options)


def test_what_torch_gives() -> None:
    # cross_entropy(z, [2, 0], weight=[2, 1, ½], reduction="mean"): the sum is divided by ½ + 2.
    cases = fnn.Cases(Z, [2, 0], class_weights=[2, 1, 0.5])
    t = fnn.backprop(CLASSES, cases, loss=fnn.cross_entropy, reduction="mean")

    assert t.error == pytest.approx(0.4109956067087791, rel=1e-14)
    wanted = [
        [0.0754417201503615, 0.022722609445989028, -0.09816432959635052],
        [-0.2334267068468724, 0.17064859652175735, 0.06277811032511502],
    ]
    assert_allclose(t.delta[1], wanted, rtol=1e-13)


@pytest.mark.parametrize("reduction", ["sum", "mean"])
@pytest.mark.parametrize("loss", [loss for loss in LOSSES if loss.targets.rule != 1])
def test_every_loss(loss: fnn.Loss, reduction: Any) -> None:
    output = loss.outputs[0] if loss.outputs else fnn.identity
    p = problem(3, (3, 4, 3), (fnn.tanh,), output, loss, 23, labelled=True, weighted=True)
    labels = np.random.default_rng(0).integers(0, 3, 23)
    assert p.weights is not None
    low = loss.targets.low if loss.targets.labels else 0.0
    dense = low + (1 - low) * np.eye(3)[labels]
    common: dict[str, Any] = {"loss": loss, "reduction": reduction}
    wanted = fnn.value_and_grad(p.params, fnn.Cases(p.x, dense, weights=p.weights * K[labels]), **common)

    for y in (labels, dense) if loss.targets.labels else (dense,):
        cases = fnn.Cases(p.x, y, weights=p.weights, class_weights=K)
        assert fnn.value_and_grad(p.params, cases, **common) == wanted
        assert fnn.error(p.params, cases, **common) == wanted[0]
        assert fnn.backprop(p.params, cases, **common).grads == wanted[1] == fnn.grad(p.params, cases, **common)
    alone = fnn.grad(p.params, fnn.Cases(p.x, dense, class_weights=K), **common)
    assert alone == fnn.grad(p.params, fnn.Cases(p.x, dense, weights=K[labels]), **common)


def test_a_class_of_weight_2_counts_as_two() -> None:
    params = fnn.init((3, 4, 3), seed=0, output=fnn.softmax)
    twice = np.concatenate([Z, Z[:1]])
    for reduction in ("sum", "mean"):
        options: Any = {"loss": fnn.cross_entropy, "reduction": reduction}
        grads = fnn.grad(params, fnn.Cases(Z, [2, 0], class_weights=[1, 1, 2]), **options)
        assert_allclose(grads.flat, fnn.grad(params, twice, [2, 0, 2], **options).flat, rtol=1e-13, atol=1e-16)


@pytest.mark.parametrize("reduction", ["sum", "mean"])
def test_batches_and_their_smaller_last_one(reduction: Any) -> None:
    # 23 cases in batches of 5: the last has 3, and each is divided by its own sum of weights.
    p = problem(5, (3, 4, 3), (fnn.tanh,), fnn.softmax, fnn.cross_entropy, 23, labelled=True, weighted=True)
    assert p.weights is not None
    options: dict[str, Any] = {"eta": 0.1, "epochs": 3, "batch_size": 5, "seed": 7, "reduction": reduction}
    run = fnn.train(
        p.params, fnn.Cases(p.x, p.y, weights=p.weights, class_weights=K), loss=fnn.cross_entropy, **options
    )
    net, errors = reference.train(
        reference.network(p.params), p.x, p.dense, p.measure, weights=p.weights * K[p.y], **options
    )

    assert_allclose(run.params.flat, reference.flat(net.leaves), rtol=1e-10, atol=1e-13)
    assert_allclose(run.history.error, errors, rtol=1e-12)


def test_probabilities_share_the_weights_of_their_classes() -> None:
    y = np.array([[0.2, 0.3, 0.5], [0.0, 1.0, 0.0]])
    wanted = fnn.grad(CLASSES, fnn.Cases(Z, y, weights=[0.2 * 0.5 + 0.3 * 2 + 0.5 * 3, 2.0]), loss=fnn.cross_entropy)

    found = fnn.grad(CLASSES, fnn.Cases(Z, y, class_weights=K), loss=fnn.cross_entropy)
    assert_allclose(found.flat, wanted.flat, rtol=1e-14)


@pytest.mark.parametrize("loss, output", [(fnn.cross_entropy, fnn.sigmoid), (fnn.hinge, fnn.identity)])
def test_a_single_unit_has_two_classes(loss: fnn.Loss, output: fnn.Activation) -> None:
    params = fnn.init((3, 1), seed=0, output=output)
    wanted = fnn.grad(params, fnn.Cases(Z, [1, 0], weights=[5.0, 2.0]), loss=loss)
    column = [[1.0], [loss.targets.low]]
    assert fnn.grad(params, fnn.Cases(Z, [1, 0], class_weights=[2, 5]), loss=loss) == wanted
    assert fnn.grad(params, fnn.Cases(Z, column, class_weights=[2, 5]), loss=loss) == wanted
    assert fnn.grad(params, fnn.Cases(Z[0], 1, class_weights=[2, 5]), loss=loss) == fnn.grad(
        params, fnn.Cases(Z[0], 1, weights=5), loss=loss
    )


def test_a_class_may_weigh_nothing() -> None:
    options: dict[str, Any] = {"loss": fnn.cross_entropy, "reduction": "mean"}
    some, none = (fnn.Cases(Z, labels, class_weights=[0, 1, 1]) for labels in ([2, 0], [0, 0]))
    assert fnn.error(CLASSES, some, **options) == fnn.error(CLASSES, Z[:1], [2], loss=fnn.cross_entropy)
    with pytest.raises(ValueError, match="weights: their sum must be above 0"):
        fnn.error(CLASSES, none, **options)


def test_check_grad_takes_them() -> None:
    params = fnn.init((3, 4, 3), seed=0, output=fnn.softmax)
    assert fnn.check_grad(params, fnn.Cases(Z, [2, 0], class_weights=K), loss=fnn.cross_entropy) < 1e-7


@pytest.mark.parametrize(
    "k, error, message",
    [
        ([1, 2], ValueError, r"class_weights: needs one weight a class, shape \(3,\), got \(2,\)"),
        (1.0, ValueError, r"class_weights: needs one weight a class, shape \(3,\), got \(\)"),
        ([1, -1, 1], ValueError, "class_weights: must be finite and at least 0, got -1 for class 1"),
        ([1, 1, NAN], ValueError, "class_weights: must be finite and at least 0, got nan for class 2"),
        ([INF, 1, 1], ValueError, "class_weights: must be finite and at least 0, got inf for class 0"),
        (["a", "b", "c"], TypeError, "class_weights: needs real numbers"),
        ([1e300, 1, 1], ValueError, "weights: must be finite and at least 0, got inf in row 1"),
    ],
)
def test_bad_weights(k: Any, error: type[Exception], message: str) -> None:
    calls: list[Callable[..., Any]] = [fnn.error, fnn.grad, fnn.value_and_grad, fnn.backprop, train]
    for call in calls:
        with pytest.raises(error, match=message):
            call(CLASSES, fnn.Cases(Z, [2, 0], weights=[1.0, 1e10], class_weights=k), loss=fnn.cross_entropy)


def test_targets_must_name_classes() -> None:
    reals = fnn.init((3, 3), seed=0, output=fnn.identity)
    message = "class_weights: need targets that name a class, by a label, one-hot or by probabilities; got .* in row 1"
    with pytest.raises(ValueError, match=message):
        fnn.grad(reals, fnn.Cases(Z, [[0.0, 0, 1], [0.5, -2, 1]], class_weights=K))
    several = fnn.init((3, 3), seed=0, output=fnn.sigmoid)
    with pytest.raises(ValueError, match=message):
        fnn.grad(several, fnn.Cases(Z, [[0.0, 0, 1], [0.0, 1, 1]], class_weights=K), loss=fnn.cross_entropy)
    # What else is wrong is said first.
    with pytest.raises(ValueError, match="labels must be 0 to 2, got 3 in row 1"):
        fnn.grad(CLASSES, fnn.Cases(Z, [2, 3], class_weights=K), loss=fnn.cross_entropy)
    with pytest.raises(ValueError, match="y: NaN or infinity in row 1"):
        fnn.grad(reals, fnn.Cases(Z, [[0.0, 0, 1], [NAN, 0, 1]], class_weights=K))
