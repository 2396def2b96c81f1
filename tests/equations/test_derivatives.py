"""input_grad, jacobian, jvp, vjp and hvp against NumPy, and what they must have in common."""

from __future__ import annotations

import itertools
import pickle
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose
from numpy.typing import NDArray

import fnn
from tests import reference
from tests.oracles import WIDE
from tests.problems import PAIRS, Problem, problem, problems
from tests.scalars import CAUCHY, CAUCHY_WITH_SECOND, CUBE, CUBE_WITH_SECOND

TWICE = [(loss, output) for loss, output in PAIRS if loss is not CAUCHY]  # those with a second derivative
SMALL = (1, 2, 7, 65)
SIZES = [(3, 4, 2), (2, 5, 6), (4, 3), (1, 1), (70, 5, 66), (5, 70, 4)]
Reals = NDArray[np.float64]


def directions(p: Problem, seed: int = 0) -> tuple[fnn.Params[Any], NDArray[Any], NDArray[Any]]:
    """V, dx and u."""
    random = np.random.default_rng([seed, 1])
    v, dx, u = (
        random.normal(size=size).astype(p.params.dtype) for size in (p.params.flat.size, p.x.shape, p.dense.shape)
    )

    return p.params.with_flat(v), dx, u


def pushed(p: Problem, v: fnn.Params[Any], dx: NDArray[Any]) -> Reals:
    """R1 and R2 in NumPy, with whole Jacobians of the activations."""
    net, r = reference.network(p.params), np.asarray(dx, np.float64)
    z, a = reference.forward(net, p.x)
    for layer, name in enumerate(net.activations, start=1):
        r = r @ net.leaves[f"W{layer}"] + a[layer - 1] @ np.float64(v[f"W{layer}"]) + np.float64(v[f"b{layer}"])
        r = np.einsum("cji,ci->cj", reference.jacobian(name, z[layer]), r)

    return r


def pulled(p: Problem, u: NDArray[Any]) -> tuple[Reals, Reals]:
    """B1 to B4 in NumPy from ∂E/∂Aᴸ = U: with respect to the parameters, and to the inputs."""
    net, back, grads = reference.network(p.params), np.asarray(u, np.float64), {}
    z, a = reference.forward(net, p.x)
    for layer in range(len(net.activations), 0, -1):
        back = np.einsum("cj,cji->ci", back, reference.jacobian(net.activations[layer - 1], z[layer]))
        grads[f"W{layer}"], grads[f"b{layer}"] = a[layer - 1].T @ back, back.sum(axis=0)
        back = back @ net.leaves[f"W{layer}"].T

    return reference.flat(grads), back


def bent(p: Problem, v: fnn.Params[Any]) -> Reals:
    """H V by differences of NumPy's gradient along V, in extended precision."""
    net, h = reference.network(p.params), WIDE(1e-4)

    def grad_at(step: Any) -> NDArray[Any]:
        leaves = {key: leaf.astype(WIDE) + step * v[key].astype(WIDE) for key, leaf in net.leaves.items()}
        there = reference.Network(leaves, net.activations)
        return reference.flat(reference.backprop(there, p.x, p.dense, p.measure, p.reduction, p.weights).grads)

    near, far = grad_at(h) - grad_at(-h), grad_at(2 * h) - grad_at(-2 * h)

    return np.asarray((8 * near - far) / (12 * h), np.float64)


def near(mine: NDArray[Any], its: Reals, scale: float = 0.0) -> None:
    """Within 1e-10 of the greatest number, or of what it is the sum of; for float32 within a ten-thousandth."""
    tolerance = 5e-4 if mine.dtype == np.float32 else 1e-10
    assert mine.shape == its.shape
    assert np.abs(mine - its).max() <= tolerance * (np.abs(its).max() + scale + 1e-30)


@given(problems(counts=SMALL, widest=12), st.integers(0, 2**16))
@settings(deadline=None, max_examples=80)
def test_jvp(p: Problem, seed: int) -> None:
    v, dx, _ = directions(p, seed)
    still, no_dx = p.params.with_flat(0 * v.flat), 0 * dx
    size = float(np.abs(pushed(p, v, dx)).max())

    for mine, its in [
        (fnn.jvp(p.params, p.x, v=v, dx=dx), pushed(p, v, dx)),
        (fnn.jvp(p.params, p.x, v=v), pushed(p, v, no_dx)),
        (fnn.jvp(p.params, p.x, dx=dx), pushed(p, still, dx)),
    ]:
        assert mine.dtype == p.params.dtype
        near(mine, its, 10 * size)


@given(problems(counts=(*SMALL, 257, 600), widest=12), st.integers(0, 2**16))
@settings(deadline=None, max_examples=80)
def test_vjp(p: Problem, seed: int) -> None:
    *_, u = directions(p, seed)
    grads, inputs = fnn.vjp(p.params, p.x, u)
    its_grads, its_inputs = pulled(p, u)
    each = sum(np.abs(pulled(p.rows(slice(c, c + 1)), u[c : c + 1])[0]) for c in range(len(p.x)))

    near(grads.flat, its_grads, 10 * float(np.max(each)))
    near(inputs, its_inputs, float(np.abs(u).max()))
    assert (grads.dtype, inputs.dtype) == (p.params.dtype, p.params.dtype)
    assert (grads.sizes, grads.activations) == (p.params.sizes, p.params.activations)


@pytest.mark.parametrize("sizes", SIZES, ids=repr)
@pytest.mark.parametrize("output", [fnn.identity, fnn.sigmoid, fnn.softmax, fnn.log_softmax], ids=repr)
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_jacobian(sizes: tuple[int, ...], output: fnn.Activation, dtype: type[Any]) -> None:
    hidden = (fnn.tanh,) * (len(sizes) - 2)
    p = problem(1, sizes, hidden, output, fnn.squared_error, 3, dtype=dtype)
    net = reference.network(p.params)
    z, _ = reference.forward(net, p.x)
    wanted = np.broadcast_to(np.eye(sizes[0]), (3, sizes[0], sizes[0]))
    for layer, name in enumerate(net.activations, start=1):
        wanted = np.einsum("cji,si,csk->cjk", reference.jacobian(name, z[layer]), net.leaves[f"W{layer}"], wanted)

    found = fnn.jacobian(p.params, p.x)
    assert found.dtype == dtype
    near(found, wanted, 1.0)
    assert fnn.jacobian(p.params, p.x[1]).tobytes() == found[1].tobytes()
    assert fnn.jacobian(p.params, p.x[1:2]).shape == (1, sizes[-1], sizes[0])


@pytest.mark.parametrize("sizes", SIZES, ids=repr)
@pytest.mark.parametrize("count", [1, 3, 64, 130])
def test_rows_of_a_jacobian_are_vjps_and_columns_jvps(sizes: tuple[int, ...], count: int) -> None:
    p = problem(2, sizes, (fnn.sigmoid,) * (len(sizes) - 2), fnn.softmax, fnn.squared_error, count)
    found, inputs, outputs = fnn.jacobian(p.params, p.x), sizes[0], sizes[-1]
    rows = np.stack([fnn.vjp(p.params, p.x, np.tile(e, (count, 1)))[1] for e in np.eye(outputs)], axis=1)
    columns = np.stack([fnn.jvp(p.params, p.x, dx=np.tile(e, (count, 1))) for e in np.eye(inputs)], axis=2)

    assert found.tobytes() == (rows if outputs <= inputs else columns).tobytes()
    assert_allclose(rows, columns, rtol=1e-10, atol=1e-13)


@given(problems(counts=SMALL, dtypes=(np.float64,), widest=12), st.integers(0, 2**16))
@settings(deadline=None, max_examples=60)
def test_jvp_and_vjp_are_adjoint(p: Problem, seed: int) -> None:
    v, dx, u = directions(p, seed)
    grads, inputs = fnn.vjp(p.params, p.x, u)
    left, right = u * fnn.jvp(p.params, p.x, v=v, dx=dx), (*(grads.flat * v.flat), *(inputs * dx).ravel())
    whole = u * fnn.jvp(p.params, p.x, v=v), u * fnn.jvp(p.params, p.x, dx=dx)

    size = sum(float(np.abs(terms).sum()) for terms in (left, right, *whole))
    assert left.sum() == pytest.approx(sum(right), abs=1e-11 * size)


@given(problems(counts=(1, 2, 7, 65, 300)))
@settings(deadline=None, max_examples=80)
def test_input_grad(p: Problem) -> None:
    t = fnn.backprop(p.params, p.cases, **p.options)
    found = fnn.input_grad(p.params, p.cases, **p.options)

    assert found.dtype == p.params.dtype
    assert found.tobytes() == t.dE_da[0].tobytes()


@given(problems(counts=SMALL, widest=8))
@settings(deadline=None, max_examples=60)
def test_input_grad_is_a_vjp_of_the_slope_of_the_loss(p: Problem) -> None:
    t, last = fnn.backprop(p.params, p.cases, **p.options), len(p.params.activations)
    if not np.isfinite(t.dE_da[last]).all():
        return
    grads, inputs = fnn.vjp(p.params, p.x, t.dE_da[last])
    if p.loss.kernel is None or not p.loss.kernel.is_direct:
        assert inputs.tobytes() == fnn.input_grad(p.params, p.cases, **p.options).tobytes()
        assert grads == t.grads


@pytest.mark.parametrize("depth", [1, 2, 3, 4])
@pytest.mark.parametrize("loss, output", TWICE, ids=repr)
def test_hvp(loss: fnn.Loss, output: fnn.Activation, depth: int) -> None:
    sizes, hidden = (4, 6, 5, 7, 3)[4 - depth :], (fnn.tanh, fnn.relu, fnn.sigmoid)[: depth - 1]
    for count, labelled, reduction in [(1, False, "sum"), (9, True, "mean"), (70, False, "mean")]:
        p = problem(
            depth, sizes, hidden, output, loss, count, weighted=count > 1, labelled=labelled, reduction=reduction,
            margin=1e-3,
        )  # fmt: skip
        v, *_ = directions(p)
        found, slope = fnn.hvp(p.params, p.cases, v=v, **p.options), np.abs(p.wanted.delta[depth]).max()
        near(found.flat, bent(p, v), float(slope))
        assert (found.sizes, found.activations) == (p.params.sizes, p.params.activations)


@pytest.mark.parametrize("count", [63, 64, 65, 255, 256, 257, 513])
def test_hvp_of_many_cases_is_the_sum_of_theirs(count: int) -> None:
    p = problem(3, (3, 5, 4, 2), (fnn.tanh, fnn.silu), fnn.softmax, fnn.cross_entropy, count)
    v, *_ = directions(p)
    each = np.array([fnn.hvp(p.params, x, y, loss=p.loss, v=v).flat for x, y in zip(p.x, p.y, strict=True)])

    near(fnn.hvp(p.params, p.x, p.y, loss=p.loss, v=v).flat, each.sum(axis=0))


@pytest.mark.parametrize("loss, output", TWICE, ids=repr)
def test_hvp_in_float32(loss: fnn.Loss, output: fnn.Activation) -> None:
    p = problem(5, (4, 9, 3), (fnn.gelu,), output, loss, 40, dtype=np.float32, margin=1e-3)
    exact = fnn.tree_map(lambda leaf: leaf.astype(np.float64), p.params)
    v, *_ = directions(p)
    wanted = fnn.hvp(exact, fnn.Cases(p.x, p.dense, weights=p.weights), v=v, **p.options)

    found = fnn.hvp(p.params, p.cases, v=v, **p.options)
    assert found.dtype == np.float32
    near(
        found.flat,
        wanted.flat,
        float(np.abs(fnn.grad(exact, fnn.Cases(p.x, p.dense, weights=p.weights), **p.options).flat).max()),
    )


@given(problems(counts=SMALL, dtypes=(np.float64,), widest=8), st.floats(-3, 3), st.floats(-3, 3))
@settings(deadline=None, max_examples=60)
def test_hvp_is_symmetric_and_linear(p: Problem, s: float, t: float) -> None:
    if p.loss is CAUCHY:
        return
    (v, *_), (w, *_) = directions(p, 1), directions(p, 2)
    h_v, h_w = (fnn.hvp(p.params, p.cases, v=d, **p.options).flat for d in (v, w))
    both = fnn.hvp(p.params, p.cases, v=p.params.with_flat(s * v.flat + t * w.flat), **p.options).flat
    # Softmax brings equal slopes to nothing, but for roundings of them.
    size = float(np.abs(h_v).sum() + np.abs(h_w).sum() + np.abs(p.wanted.dE_da[len(p.params.sizes) - 1]).sum())

    assert (v.flat * h_w).sum() == pytest.approx((w.flat * h_v).sum(), abs=1e-11 * (size + 1e-30) * 10)
    near(both, s * h_v + t * h_w, 10 * size)


@given(problems(counts=(2, 65, 257)), st.integers(0, 2**16))
@settings(deadline=None, max_examples=60)
def test_a_case_gives_the_same_bits_alone_and_in_any_batch(p: Problem, pick: int) -> None:
    row = pick % len(p.x)
    v, dx, u = directions(p)
    calls: list[Callable[[Any], Any]] = [
        lambda c: fnn.jvp(p.params, p.x[c], v=v, dx=dx[c]),
        lambda c: fnn.jvp(p.params, p.x[c], dx=dx[c]),
        lambda c: fnn.vjp(p.params, p.x[c], u[c])[1],
        lambda c: fnn.jacobian(p.params, p.x[c]),
        lambda c: fnn.input_grad(
            p.params, fnn.Cases(p.x[c], p.y[c], weights=None if p.weights is None else p.weights[c]), loss=p.loss
        ),
    ]
    for call in calls:
        assert call(slice(None))[row].tobytes() == call(row).tobytes()


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("sizes", SIZES, ids=repr)
def test_what_the_workspaces_hold_before_does_not_matter(
    sizes: tuple[int, ...], dtype: type[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    p = problem(9, sizes, (fnn.gelu,) * (len(sizes) - 2), fnn.softmax, fnn.squared_error, 70, dtype=dtype)
    v, dx, u = directions(p)

    def found() -> list[bytes]:
        grads, inputs = fnn.vjp(p.params, p.x, u)
        arrays = (
            grads.flat, inputs, fnn.hvp(p.params, p.x, p.y, v=v).flat, fnn.input_grad(p.params, p.x, p.y),
            fnn.jvp(p.params, p.x, v=v, dx=dx), fnn.jvp(p.params, p.x, v=v), fnn.jacobian(p.params, p.x),
            fnn.jacobian(p.params, p.x, by="params"), fnn.gauss_newton(p.params, p.x, p.y),
        )  # fmt: skip
        return [array.tobytes() for array in arrays]

    wanted = found()
    for module in ("fnn.equations.jacobians", "fnn.equations.derivatives", "fnn.equations.gauss_newton"):
        monkeypatch.setattr(f"{module}.workspaces", lambda dtype, *sizes: [np.full(n, np.nan, dtype) for n in sizes])

    assert found() == wanted


def test_derivatives_of_a_case_are_those_of_a_batch_of_one() -> None:
    p = problem(4, (3, 4, 2), (fnn.tanh,), fnn.sigmoid, fnn.squared_error, 1)
    v, dx, u = directions(p)
    x, y = p.x[0], p.y[0]

    assert fnn.hvp(p.params, x, y, v=v) == fnn.hvp(p.params, p.x, p.y, v=v)
    assert fnn.vjp(p.params, x, u[0])[0] == fnn.vjp(p.params, p.x, u)[0]
    assert fnn.vjp(p.params, x, u[0])[1].shape == fnn.input_grad(p.params, x, y).shape == (3,)
    assert fnn.jvp(p.params, x, v=v, dx=dx[0]).shape == (2,)
    assert fnn.jacobian(p.params, x).shape == (2, 3)


class TestSecondDerivativesOfOnesOwn:
    SIZES = (3, 4, 2)

    def test_of_an_activation(self) -> None:
        p = problem(6, self.SIZES, (fnn.tanh,), fnn.identity, fnn.squared_error, 9)
        net, plain = (fnn.Params(dict(p.params), hidden=f, output=fnn.identity) for f in (CUBE_WITH_SECOND, CUBE))
        v, h = net.with_flat(directions(p)[0].flat), 1e-3
        steps = [
            fnn.grad(plain.with_flat(plain.flat + s * h * v.flat), p.x, p.y).flat for s in (1, -1, 2, -2)
        ]  # fmt: skip
        wanted = (8 * (steps[0] - steps[1]) - (steps[2] - steps[3])) / (12 * h)

        assert_allclose(fnn.hvp(net, p.x, p.y, v=v).flat, wanted, rtol=1e-7, atol=1e-8)
        with pytest.raises(ValueError, match=r"^params: hvp needs the second derivative of fnn.Activation\('cube'"):
            fnn.hvp(plain, p.x, p.y, v=plain)
        assert fnn.jvp(plain, p.x, v=plain.with_flat(v.flat)).tobytes() == fnn.jvp(net, p.x, v=v).tobytes()

    def test_of_a_loss(self) -> None:
        p = problem(7, self.SIZES, (fnn.tanh,), fnn.identity, CAUCHY, 9, weighted=True)
        v, *_ = directions(p)

        near(fnn.hvp(p.params, fnn.Cases(p.x, p.y, weights=p.weights), loss=CAUCHY_WITH_SECOND, v=v).flat, bent(p, v))
        with pytest.raises(ValueError, match=r"^loss: hvp needs the second derivative of fnn.Loss\('cauchy'"):
            fnn.hvp(p.params, p.x, p.y, loss=CAUCHY, v=v)

    def test_they_are_part_of_what_it_is(self) -> None:
        assert CUBE != CUBE_WITH_SECOND
        assert CAUCHY != CAUCHY_WITH_SECOND
        for value in (CUBE, CUBE_WITH_SECOND, CAUCHY, CAUCHY_WITH_SECOND):
            assert pickle.loads(pickle.dumps(value)) == value
        assert repr(CUBE_WITH_SECOND).endswith(", cube_second)")
        assert repr(CAUCHY_WITH_SECOND).endswith(", cauchy_second)")

    def test_they_must_be_jitted(self) -> None:
        f, prime = CUBE._scalars
        with pytest.raises(TypeError, match=r"^second: needs a function under @numba.njit"):
            fnn.Activation("cube", f, prime, lambda z, a: 2.0)
        with pytest.raises(TypeError, match=r"^second: needs to take 2 \(a, y\)"):
            fnn.Loss("cauchy", CAUCHY.scalars[0], CAUCHY.scalars[1], f)


P = problem(8, (3, 4, 2), (fnn.tanh,), fnn.sigmoid, fnn.squared_error, 5)
OTHER = fnn.init((3, 5, 2), seed=0)
NAN = np.full((5, 3), np.nan)
BAD: list[tuple[Callable[[], Any], type[Exception], str]] = [
    (lambda: fnn.jvp(P.params, P.x), ValueError, "v, dx: needs a direction .* got neither"),
    (lambda: fnn.jvp(P.params, P.x, v=OTHER), ValueError, r"v: needs sizes \(3, 4, 2\), got \(3, 5, 2\)"),
    (lambda: fnn.jvp(P.params, P.x, dx=P.x[:4]), ValueError, r"dx: needs shape \(5, 3\), got \(4, 3\)"),
    (lambda: fnn.jvp(P.params, P.x[0], dx=P.x), ValueError, r"dx: needs shape \(3,\), got \(5, 3\)"),
    (lambda: fnn.jvp(P.params, P.x, dx=NAN), ValueError, "dx: NaN or infinity"),
    (lambda: fnn.jvp(P.params, NAN, v=P.params), ValueError, "x: NaN or infinity in row 0"),
    (lambda: fnn.jvp(dict(P.params), P.x, dx=P.x), TypeError, "params: "),  # type: ignore[arg-type]
    (lambda: fnn.jvp(P.params, P.x, v=dict(P.params)), TypeError, "v: "),  # type: ignore[arg-type]
    (lambda: fnn.vjp(P.params, P.x, P.x), ValueError, r"u: needs shape \(5, 2\), got \(5, 3\)"),
    (lambda: fnn.vjp(P.params, P.x, P.y + np.inf), ValueError, "u: NaN or infinity"),
    (lambda: fnn.vjp(P.params, P.x, [["a", "b"]] * 5), TypeError, "u: needs real numbers"),
    (lambda: fnn.vjp(P.params, NAN, P.y), ValueError, "x: NaN or infinity in row 0"),
    (lambda: fnn.jacobian(P.params, NAN), ValueError, "x: NaN or infinity in row 0"),
    (lambda: fnn.jacobian(P.params, P.x[:, :2]), ValueError, "x: has 2 columns, but the network has 3 inputs"),
    (lambda: fnn.input_grad(P.params, P.x, P.y[:, :1]), ValueError, r"y: needs shape \(5, 2\)"),
    (lambda: fnn.input_grad(P.params, fnn.Cases(P.x, P.y, weights=-np.ones(5))), ValueError, "weights: must be finite"),
    (lambda: fnn.hvp(P.params, P.x, P.y, v=OTHER), ValueError, r"v: needs sizes \(3, 4, 2\)"),
    (lambda: fnn.hvp(P.params, NAN, P.y, v=P.params), ValueError, "x: NaN or infinity in row 0"),
    (lambda: fnn.hvp(P.params, P.x, P.y, loss=fnn.poisson, v=P.params), ValueError, "loss: fnn.poisson needs"),
    (lambda: fnn.hvp(P.params, P.x, P.y, reduction="all", v=P.params), ValueError, "reduction: "),  # type: ignore[arg-type]
]  # fmt: skip


@pytest.mark.parametrize("call, kind, message", BAD, ids=itertools.count())
def test_bad_input(call: Callable[[], Any], kind: type[Exception], message: str) -> None:
    with pytest.raises(kind, match=f"^{message}"):
        call()
