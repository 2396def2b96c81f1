"""The Jacobian by parameters and the generalised Gauss–Newton matrix against NumPy and JAX."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal
from numpy.typing import NDArray

import fnn
from fnn.equations import gauss_newton as module
from fnn.equations.gauss_newton import require_memory
from tests import reference
from tests.problems import PAIRS, Problem, problem, problems
from tests.scalars import CAUCHY, CAUCHY_WITH_SECOND

STRAIGHT = (fnn.absolute_error, fnn.quantile(0.8), fnn.hinge)
CONVEX = [
    (CAUCHY_WITH_SECOND if loss is CAUCHY else loss, output)
    for loss, output in PAIRS
    if loss not in STRAIGHT and loss.name != "focal"
]
SIZES = [(3, 4, 2), (2, 5, 6), (4, 3), (1, 1), (1, 20, 1), (5, 1, 3, 1), (3, 17, 9)]
Reals = NDArray[np.float64]


def slopes(p: Problem, start: Reals) -> Reals:
    """J3 and J4 in NumPy: a row for each row of `start`, ∂/∂zᴸ of each case, (N, rows, n_L)."""
    net = reference.network(p.params)
    z, a = reference.forward(net, p.x)
    back, rows = start, []
    for layer in range(len(net.activations), 0, -1):
        rows += [back, np.einsum("ci,crj->crij", a[layer - 1], back).reshape(*back.shape[:2], -1)]
        if layer > 1:
            prime = reference.jacobian(net.activations[layer - 2], z[layer - 1])
            back = np.einsum("crj,ij,cik->crk", back, net.leaves[f"W{layer}"], prime)

    return np.concatenate(rows[::-1], axis=2)


def by_params(p: Problem) -> Reals:
    net = reference.network(p.params)
    z, _ = reference.forward(net, p.x)

    return slopes(p, reference.jacobian(net.activations[-1], z[len(net.activations)]))


def curvature(p: Problem) -> tuple[Reals, bool]:
    """H of each case, (N, n_L, n_L), and whether it is that by zᴸ."""
    net, (name, q) = reference.network(p.params), p.measure
    last, top = net.activations[-1], len(net.activations)
    z, a = (quantity[top] for quantity in reference.forward(net, p.x))
    r, y = a - p.dense, p.dense
    if last in ("softmax", "log_softmax") and name in ("cross_entropy", "kl_divergence"):
        return reference.jacobian("softmax", z), True
    prime = np.einsum("cdd->cd", reference.jacobian(last, z)) if last not in ("softmax", "log_softmax") else r
    tables: dict[str, Callable[[], Reals]] = {
        "squared_error": lambda: np.ones_like(r),
        "huber": lambda: np.where(abs(r) < q, 1.0, 0.0),
        "log_cosh": lambda: np.asarray(1 / np.cosh(r) ** 2),
        "cauchy": lambda: np.maximum((1 - r**2) / (1 + r**2) ** 2, 0),
        "cross_entropy": lambda: np.asarray(prime),
        "poisson": lambda: np.asarray(prime**2 / a),
        "gamma": lambda: np.asarray(y / a if last == "exp" else (prime / a) ** 2),
    }

    return tables[name]()[:, :, None] * np.eye(r.shape[1]), name in ("cross_entropy", "poisson", "gamma")


def matrix(p: Problem) -> Reals:
    """J5 in NumPy."""
    H, by_z = curvature(p)
    J = slopes(p, np.broadcast_to(np.eye(H.shape[1]), H.shape)) if by_z else by_params(p)
    share = reference.shares(p.weights, p.reduction, len(p.x))

    return np.asarray(np.einsum("c,cri,crs,csj->ij", share, J, H, J, optimize=True))


def near(mine: NDArray[Any], wanted: Reals, tolerance: float = 1e-12) -> None:
    """Relative to the greatest number."""
    tolerance = 3e-5 if mine.dtype == np.float32 else tolerance
    assert mine.shape == wanted.shape
    assert np.abs(mine - wanted).max() <= tolerance * (np.abs(wanted).max() + 1e-30)


@pytest.mark.parametrize("sizes", SIZES, ids=repr)
@pytest.mark.parametrize("output", [fnn.identity, fnn.sigmoid, fnn.softmax, fnn.log_softmax], ids=repr)
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_jacobian_by_params(sizes: tuple[int, ...], output: fnn.Activation, dtype: type[Any]) -> None:
    p = problem(1, sizes, (fnn.tanh,) * (len(sizes) - 2), output, fnn.squared_error, 3, dtype=dtype)
    found = fnn.jacobian(p.params, p.x, by="params")

    assert found.dtype == dtype
    near(found, by_params(p))
    assert fnn.jacobian(p.params, p.x[1], by="params").tobytes() == found[1].tobytes()
    assert fnn.jacobian(p.params, p.x[1:2], by="params").shape == (1, sizes[-1], p.params.flat.size)
    assert fnn.jacobian(p.params, p.x, by="inputs").tobytes() == fnn.jacobian(p.params, p.x).tobytes()


@pytest.mark.parametrize("sizes", SIZES, ids=repr)
@pytest.mark.parametrize("count", [1, 3, 64, 130])
def test_rows_are_vjps(sizes: tuple[int, ...], count: int) -> None:
    p = problem(2, sizes, (fnn.sigmoid,) * (len(sizes) - 2), fnn.softmax, fnn.squared_error, count)
    rows = [[fnn.vjp(p.params, x, e)[0].flat for e in np.eye(sizes[-1])] for x in p.x]

    assert_allclose(fnn.jacobian(p.params, p.x, by="params"), rows, rtol=1e-12, atol=1e-14)


@given(problems(counts=(1, 2, 7, 65), dtypes=(np.float64,), widest=9))
@settings(deadline=None, max_examples=30)
def test_jacobian_by_differences(p: Problem) -> None:
    flat, found, h = p.params.flat, fnn.jacobian(p.params, p.x, by="params"), 1e-6
    for i in np.random.default_rng(len(flat)).permutation(len(flat))[:5]:
        step = h * np.eye(1, len(flat), i)[0]
        ends = [fnn.forward(p.params.with_flat(flat + side), p.x) for side in (step, -step)]
        assert_allclose(found[:, :, i], (ends[0] - ends[1]) / (2 * h), rtol=1e-6, atol=1e-8 * (1 + abs(ends[0]).max()))


@pytest.mark.parametrize("loss, output", CONVEX, ids=repr)
def test_gauss_newton_of_every_loss(loss: fnn.Loss, output: fnn.Activation) -> None:
    for depth, count, labelled, reduction, units in [
        (1, 1, False, "sum", 3), (2, 9, True, "mean", 3), (3, 70, False, "mean", 3), (2, 300, False, "sum", 2),
        (3, 260, True, "mean", 1),
    ]:  # fmt: skip
        if units == 1 and output in (fnn.softmax, fnn.log_softmax):
            continue
        p = problem(
            depth, (*(4, 6, 5)[3 - depth :], units), (fnn.tanh, fnn.sigmoid)[: depth - 1], output, loss, count,
            weighted=count > 1, labelled=labelled, reduction=reduction,
        )  # fmt: skip
        found = fnn.gauss_newton(p.params, p.cases, **p.options)
        near(found, matrix(p))
        assert_array_equal(found, found.T)


@given(problems(counts=(1, 2, 7, 65, 257), widest=12))
@settings(deadline=None, max_examples=60)
def test_gauss_newton_of_every_network(p: Problem) -> None:
    loss = CAUCHY_WITH_SECOND if p.loss is CAUCHY else p.loss
    if (loss, p.params.activations[-1]) not in CONVEX:
        return
    found = fnn.gauss_newton(p.params, p.cases, loss=loss, reduction=p.reduction)

    near(found, matrix(p), 1e-11)
    assert found.dtype == p.params.dtype
    assert (np.diag(found) >= 0).all()


LINEAR = [
    (loss, output)
    for loss, output in CONVEX
    if (output is fnn.identity or (loss.outputs and output is not fnn.softplus)) and loss is not CAUCHY_WITH_SECOND
]


@pytest.mark.parametrize("loss, output", LINEAR, ids=repr)
def test_of_a_single_layer_it_is_the_hessian(loss: fnn.Loss, output: fnn.Activation) -> None:
    p = problem(4, (3, 4), (), output, loss, 20, weighted=True, margin=1e-3)
    basis = [p.params.with_flat(e) for e in np.eye(p.params.flat.size)]
    hessian = np.array([fnn.hvp(p.params, p.cases, v=v, **p.options).flat for v in basis])

    near(fnn.gauss_newton(p.params, p.cases, **p.options), hessian)


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_rows_of_a_case_may_lie_in_two_blocks(dtype: type[Any]) -> None:
    p = problem(6, (2, 3, 7), (fnn.tanh,), fnn.softmax, fnn.cross_entropy, 150, dtype=dtype)  # 1050 rows, 256 a block
    near(fnn.gauss_newton(p.params, p.cases, loss=p.loss), matrix(p))


def test_it_is_the_sum_of_the_cases() -> None:
    p = problem(7, (3, 5, 2), (fnn.tanh,), fnn.identity, fnn.squared_error, 600)
    each = sum(fnn.gauss_newton(p.params, p.x[s], p.y[s]) for s in (slice(0, 1), slice(1, 300), slice(300, 600)))

    near(fnn.gauss_newton(p.params, p.x, p.y), np.asarray(each), 1e-13)


def test_class_weights() -> None:
    p = problem(8, (3, 4, 3), (fnn.tanh,), fnn.softmax, fnn.cross_entropy, 40, labelled=True)
    by_class = np.array([0.5, 2.0, 3.0])
    weighed = fnn.Cases(p.x, p.y, class_weights=by_class)
    same = fnn.Cases(p.x, p.y, weights=by_class[p.y])

    for reduction in ("sum", "mean"):
        options: dict[str, Any] = {"loss": p.loss, "reduction": reduction}
        assert_array_equal(fnn.gauss_newton(p.params, weighed, **options), fnn.gauss_newton(p.params, same, **options))


def test_a_case_of_weight_0_counts_for_nothing() -> None:
    p = problem(9, (2, 3, 1), (fnn.tanh,), fnn.exp, fnn.poisson, 3)
    x = np.vstack([p.x, [[300.0, 300.0]]])
    cases = fnn.Cases(x, np.vstack([p.y, [[1.0]]]), weights=[1, 1, 1, 0])

    near(fnn.gauss_newton(p.params, cases, loss=p.loss), matrix(p))


@given(problems(counts=(5, 65), dtypes=(np.float64,), widest=7), st.data())
@settings(deadline=None, max_examples=40)
def test_regularization(p: Problem, data: st.DataObject) -> None:
    """Against the whole matrix of the masked network; λ₂ is added exactly."""
    if (p.loss, p.params.activations[-1]) not in CONVEX:
        return
    random, l2 = np.random.default_rng(data.draw(st.integers(0, 2**16))), data.draw(st.sampled_from([0.0, 0.3]))
    mask = {key: random.integers(0, 2, leaf.shape) for key, leaf in p.params.items() if random.random() < 0.7}
    kept = np.concatenate([np.ravel(mask.get(key, np.ones(leaf.shape))) for key, leaf in p.params.items()]) == 1
    masked = p.params.with_flat(np.where(kept, p.params.flat, 0))
    regularization = fnn.Regularization(l2=l2, mask=mask)
    found = fnn.gauss_newton(p.params, p.cases, **p.options, regularization=regularization)
    without = fnn.gauss_newton(masked, p.cases, **p.options)
    is_weight = np.concatenate([np.full(leaf.size, key[0] == "W") for key, leaf in p.params.items()])

    wanted = np.where(np.outer(kept, kept), without, 0)
    plain = fnn.gauss_newton(p.params, p.cases, **p.options, regularization=fnn.Regularization(mask=mask))
    near(plain, wanted)
    assert_array_equal(found, plain + np.diag(np.where(kept & is_weight, l2, 0)))
    assert_array_equal(found[~kept], 0)


def test_memory_is_known_beforehand(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "memory_limit", lambda: 8e9)
    params = fnn.init((10, 3713, 4), seed=0)

    with pytest.raises(MemoryError, match=r"^params: 55,699 parameters need 24\.8 GB for matrices, and .* 8\.0 GB$"):
        fnn.gauss_newton(params, np.ones((1, 10)), np.ones((1, 4)))
    with pytest.raises(
        MemoryError, match=r"^params: 30,000 parameters need 10\.8 GB for matrices, and .* 8\.0 GB; take less$"
    ):
        require_memory(30_000, 3 * 30_000**2, np.dtype(np.float32), "; take less")
    monkeypatch.setattr(module, "memory_limit", lambda: 2000.0)  # 15 parameters, or 18 of which 4 are kept
    small = fnn.init((2, 2, 4), seed=0, output=fnn.identity)
    mask = {"W1": np.zeros((2, 2)), "W2": np.zeros((2, 4)), "b1": np.zeros(2)}
    found = fnn.gauss_newton(small, [1.0, 2.0], np.ones(4), regularization=fnn.Regularization(mask=mask))
    assert_array_equal(found[-4:, -4:], np.eye(4))
    with pytest.raises(MemoryError):
        fnn.gauss_newton(fnn.init((3, 4, 4), seed=0), [1.0, 2.0, 3.0], np.ones(4))


@pytest.mark.parametrize("loss, output, message", [
    (fnn.absolute_error, fnn.identity, "the second derivative of fnn.absolute_error is 0; use fnn.huber"),
    (fnn.quantile(0.9), fnn.identity, r"the second derivative of fnn.quantile\(q=0.9\) is 0; use fnn.huber"),
    (fnn.hinge, fnn.tanh, "the second derivative of fnn.hinge is 0; use fnn.cross_entropy"),
    (fnn.focal, fnn.softmax, "fnn.focal isn't convex in the outputs; use fnn.cross_entropy"),
    (CAUCHY, fnn.identity, r"fnn.Loss\('cauchy', .* has no second derivative; give it second="),
])  # fmt: skip
def test_losses_without_a_matrix(loss: fnn.Loss, output: fnn.Activation, message: str) -> None:
    with pytest.raises(ValueError, match=f"^loss: {message}"):
        fnn.gauss_newton(fnn.init((2, 3), seed=0, output=output), [1.0, 2.0], [0.0, 0.0, 1.0], loss=loss)


P = problem(3, (3, 4, 2), (fnn.tanh,), fnn.identity, fnn.squared_error, 5)
NAN = np.where(np.arange(15).reshape(5, 3) == 0, np.nan, P.x)
BAD: list[tuple[Callable[[], Any], type[Exception], str]] = [
    (lambda: fnn.jacobian(P.params, P.x, by="W"), ValueError, 'by: must be "inputs" or "params", got \'W\''),  # type: ignore[arg-type]
    (lambda: fnn.jacobian(P.params, P.x, by=None), ValueError, 'by: must be "inputs" or "params", got None'),  # type: ignore[arg-type]
    (lambda: fnn.jacobian(P.params, NAN, by="params"), ValueError, "x: NaN or infinity in row 0"),
    (lambda: fnn.jacobian(P.x, P.x, by="params"), TypeError, "params: "),  # type: ignore[arg-type]
    (lambda: fnn.gauss_newton(P.x, P.x, P.y), TypeError, "params: "),  # type: ignore[arg-type]
    (lambda: fnn.gauss_newton(P.params, NAN, P.y), ValueError, "x: NaN or infinity in row 0"),
    (lambda: fnn.gauss_newton(P.params, P.x, P.y[:, :1]), ValueError, r"y: needs shape \(5, 2\)"),
    (lambda: fnn.gauss_newton(P.params, P.x, P.y, loss=fnn.poisson), ValueError, "loss: fnn.poisson needs"),
    (lambda: fnn.gauss_newton(P.params, P.x, P.y, reduction="all"), ValueError, "reduction: "),  # type: ignore[arg-type]
    (
        lambda: fnn.gauss_newton(P.params, P.x, P.y, regularization=fnn.Regularization(l1=0.1)),
        ValueError, "regularization: l1 and dropout have no Gauss–Newton matrix, got Regularization",
    ),
    (
        lambda: fnn.gauss_newton(P.params, P.x, P.y, regularization=fnn.Regularization(dropout=0.5)),
        ValueError, "regularization: l1 and dropout",
    ),
]  # fmt: skip


@pytest.mark.parametrize("call, kind, message", BAD, ids=itertools.count())
def test_bad_input(call: Callable[[], Any], kind: type[Exception], message: str) -> None:
    with pytest.raises(kind, match=f"^{message}"):
        call()
