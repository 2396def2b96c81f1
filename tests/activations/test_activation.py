"""User-defined activations, made of jitted functions."""

from __future__ import annotations

import copy
import pickle
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numba import njit
from numpy.testing import assert_allclose, assert_array_equal

import fnn
from tests import scalars
from tests.njit import jitted
from tests.scalars import BELL, CUBE, RECIPROCAL, SOFTPLUS, STEP

ROOT = Path(__file__).parents[2]
DTYPES = (np.float64, np.float32)


@pytest.mark.parametrize("dtype", DTYPES)
@given(z=st.lists(st.floats(-30, 30, width=32), min_size=1, max_size=40))
@settings(deadline=None, max_examples=40)
def test_f_and_prime(dtype: type[Any], z: list[float]) -> None:
    exact = np.array(z)
    array = exact.astype(dtype)
    # They compute in float64 or nearly so, whatever the dtype; then there is one rounding, and one of a on the way.
    tolerance = 8 * np.finfo(dtype).eps
    for f, expected, prime in (
        (SOFTPLUS, np.logaddexp(0, exact), 1 / (1 + np.exp(-exact))),
        (BELL, np.exp(-(exact**2)), -2 * exact * np.exp(-(exact**2))),
        (CUBE, exact**3, 3 * exact**2),
    ):
        assert f(array).dtype == f.prime(array).dtype == dtype
        assert_allclose(f(array), expected, rtol=1000 * tolerance if f is BELL else tolerance, atol=1e-37)
        assert_allclose(f.prime(array), prime, rtol=1000 * tolerance if f is BELL else tolerance, atol=1e-37)


def test_integers_become_floats() -> None:
    assert_array_equal(STEP([-1.0, 0.0, 2.0]), [0, 0, 1])
    assert_array_equal(STEP.prime([-1.0, 0.0, 2.0]), [0, 0, 0])


def test_network_worked_by_hand() -> None:
    # x = 2: z¹ = 2·½ + 1 = 2, a¹ = 8; z² = −8 + 7 = −1, a² = −1. With y = 1: E = 2, ∂E/∂a² = −2.
    # δ² = −2 · 3(−1)² = −6, ∂E/∂W² = 8 δ² = −48; ∂E/∂a¹ = −δ² = 6, δ¹ = 6 · 3·2² = 72, ∂E/∂W¹ = 2 δ¹ = 144.
    leaves: dict[str, Any] = {"W1": [[0.5]], "b1": [1.0], "W2": [[-1.0]], "b2": [7.0]}
    params: fnn.Params[np.float64] = fnn.Params(leaves, hidden=CUBE, output=CUBE)
    t = fnn.backprop(params, [2.0], [1.0])

    assert fnn.forward(params, [2.0]) == -1
    assert t.error == 2
    assert [t.delta[2].item(), t.delta[1].item(), t.dE_da[0].item()] == [-6, 72, 36]
    assert t.grads.flat.tolist() == [144, 72, -48, -6]
    assert fnn.update(params, t.grads, 1.0).flat.tolist() == [-143.5, -71, 47, 13]


@pytest.mark.parametrize("output", [SOFTPLUS, BELL, CUBE, fnn.identity], ids=repr)
@pytest.mark.parametrize("hidden", [SOFTPLUS, BELL], ids=repr)
@pytest.mark.parametrize("depth", [1, 2, 3])
def test_gradients(hidden: fnn.Activation, output: fnn.Activation, depth: int) -> None:
    params = fnn.init((3, 4, 3, 2)[-depth - 1 :], seed=depth, hidden=hidden, output=output)
    random = np.random.default_rng(0)
    x, y = random.normal(size=(5, params.sizes[0])), random.normal(size=(5, 2))

    assert fnn.check_grad(params, x, y) <= 1e-7


@pytest.mark.usefixtures("exact_threads")
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("units", [1, 3, 16, 17, 70])
def test_activation_undefined_at_padding(units: int, dtype: type[Any]) -> None:
    leaves = {"W1": np.zeros((2, units), dtype), "b1": np.full(units, 4, dtype)}
    params: fnn.Params[Any] = fnn.Params(leaves, hidden=(), output=RECIPROCAL)
    x, y = np.ones((70, 2), dtype), np.zeros((70, units), dtype)

    assert (fnn.forward(params, x) == 0.25).all()
    # δ = ¼ · (−1/16) a case, and ∂E/∂b sums over 70
    assert_array_equal(fnn.grad(params, x, y)["b1"], np.full(units, -70 / 64))
    for threads in (1, 2):
        run = fnn.train(params, x, y, eta=0.25, epochs=1, threads=threads)
        assert_array_equal(run.params["b1"], np.full(units, 4 + 70 / 256))


@pytest.mark.usefixtures("exact_threads")
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("sizes", [(2, 3, 1), (4, 33, 70, 5)])
def test_same_bits_for_any_threads_and_caller(sizes: tuple[int, ...], dtype: type[Any]) -> None:
    params: fnn.Params[Any] = fnn.init(sizes, seed=0, hidden=SOFTPLUS, output=BELL, dtype=dtype)
    random = np.random.default_rng(0)
    x, y = random.normal(size=(90, sizes[0])).astype(dtype), random.normal(size=(90, sizes[-1])).astype(dtype)
    first = fnn.train(params, x, y, eta=0.01, epochs=4, threads=1).params
    for threads in (2, 3, 4):
        assert fnn.train(params, x, y, eta=0.01, epochs=4, threads=threads).params == first

    stepped = params
    for _ in range(4):
        stepped = fnn.update(stepped, fnn.grad(stepped, x, y), 0.01)
    assert stepped == first == jitted.fit(params, x, y, 0.01, 4) == jitted.train(params, x, y, 0.01, 4).params
    assert jitted.value_and_grad(params, x, y, None) == fnn.value_and_grad(params, x, y, reduction="mean")
    assert jitted.error(params, x, y) == fnn.error(params, x, y)
    assert_array_equal(jitted.forward(params, x), fnn.forward(params, x))
    assert_array_equal(jitted.forward(params, x[5]), fnn.forward(params, x)[5])
    assert jitted.fit(params, x, y, 0.01, 1).activations == params.activations


def test_in_prange() -> None:
    params = fnn.init((4, 8, 2), seed=0, hidden=BELL, output=SOFTPLUS)
    random = np.random.default_rng(0)
    x, y = random.normal(size=(9, 5, 4)), random.normal(size=(9, 5, 2))
    outputs, _ = jitted.in_parallel(params, x, y)

    assert_array_equal(outputs, [fnn.forward(params, cases) for cases in x])


def test_interned_by_name_and_functions() -> None:
    again = fnn.Activation("bell", scalars.bell, scalars.bell_prime)
    assert again is BELL
    assert len({BELL, again, fnn.Activation("peak", scalars.bell, scalars.bell_prime), SOFTPLUS}) == 3
    assert fnn.init((2, 1), seed=0, output=again) == fnn.init((2, 1), seed=0, output=BELL)
    assert fnn.init((2, 1), seed=0, output=BELL) != fnn.init((2, 1), seed=0, output=SOFTPLUS)
    assert repr(BELL) == "fnn.Activation('bell', bell, bell_prime)"
    assert "  1      (2, 1)  (1,)  bell" in repr(fnn.init((2, 1), seed=0, output=BELL))


def test_update_refuses_other_activations() -> None:
    one, other = (fnn.init((2, 2), seed=0, output=f) for f in (BELL, SOFTPLUS))
    for update in (fnn.update, jitted.update):
        with pytest.raises(ValueError, match="grads: "):
            update(one, other, 0.1)
    assert one.replace({"b1": [1.0, 2.0]}).activations == (BELL,)


def test_copies() -> None:
    params = fnn.init((2, 2), seed=0, output=BELL)
    assert pickle.loads(pickle.dumps(BELL)) is copy.deepcopy(BELL) is copy.copy(BELL) is BELL
    assert pickle.loads(pickle.dumps(params)) == params


def test_local_function_is_pickled_by_value() -> None:
    @njit
    def f(z: float) -> float:
        return 2 * z

    @njit
    def prime(z: float, a: float) -> float:
        return 2.0

    activation = fnn.Activation("twice", f, prime)
    assert pickle.loads(pickle.dumps(activation)) is activation
    program = "import pickle, sys; print(pickle.load(sys.stdin.buffer)([3.0]).tolist())"
    done = subprocess.run(
        [sys.executable, "-c", program], input=pickle.dumps(activation), capture_output=True, cwd=ROOT
    )
    assert (done.stdout, done.stderr) == (b"[6.0]\n", b"")


def test_module_function_is_pickled_by_reference() -> None:
    program = """if True:
        import pickle, sys
        from tests.scalars import BELL
        params = pickle.load(sys.stdin.buffer)
        print(params.activations[0] is BELL, params["b1"].tolist())
    """
    pickled = pickle.dumps(fnn.Params({"W1": [[1.0]], "b1": [2.0]}, hidden=(), output=BELL))
    done = subprocess.run([sys.executable, "-c", program], input=pickled, capture_output=True, cwd=ROOT)
    assert (done.stdout, done.stderr) == (b"True [2.0]\n", b"")


def test_first_use_in_several_threads() -> None:
    @njit
    def f(z: float) -> float:
        return z - 1

    @njit
    def prime(z: float, a: float) -> float:
        return 1.0

    def outputs(seed: int) -> Any:
        activation = fnn.Activation("shifted", f, prime)
        params = fnn.Params({"W1": [[1.0]], "b1": [float(seed)]}, hidden=(), output=activation)
        return fnn.forward(params, [1.0])[0], activation

    with ThreadPoolExecutor(4) as pool:
        results = list(pool.map(outputs, range(4)))
    assert [a for a, _ in results] == [0, 1, 2, 3]
    assert len({activation.code for _, activation in results}) == 1


@pytest.mark.parametrize(
    "arguments, error, text",
    [
        (("f", lambda z: z, scalars.of_a), TypeError, "f: needs a function under @numba.njit, got <function .*; put"),
        (("f", scalars.same, abs), TypeError, "prime: needs a function under @numba.njit, got <built-in function abs>"),
        (("f", 1.0, scalars.of_a), TypeError, "f: needs a function under @numba.njit, got 1.0$"),
        (("f", scalars.of_a, scalars.of_a), TypeError, r"f: needs to take 1 \(z\), got of_a\(z.*, a.*\)"),
        (("f", scalars.same, scalars.same), TypeError, r"prime: needs to take 2 \(z, a\), got same\(z.*\)"),
        (("", scalars.same, scalars.of_a), ValueError, "name: must be an identifier, got ''"),
        (("a b", scalars.same, scalars.of_a), ValueError, "name: must be an identifier, got 'a b'"),
        ((1, scalars.same, scalars.of_a), TypeError, "name: needs a string, got 1"),
        (("tanh", scalars.same, scalars.of_a), ValueError, "name: fnn.tanh is a built-in activation"),
    ],
)
def test_bad_arguments(arguments: Any, error: Any, text: str) -> None:
    with pytest.raises(error, match=text):
        fnn.Activation(*arguments)


@pytest.mark.parametrize("call", [fnn.forward, jitted.forward])
def test_function_that_does_not_compile(call: Any) -> None:
    params = fnn.init((2, 1), seed=0, output=fnn.Activation("wrong", njit(lambda z: z.nothing), scalars.of_a))
    with pytest.raises(TypeError, match=r"\('wrong', <lambda>, of_a\): f or prime can't be compiled for float64"):
        call(params, np.ones(2))
    with pytest.raises(TypeError, match="can't be compiled for float32"):
        params.activations[0](np.float32(1))


@pytest.mark.parametrize(
    "scalar, prime, got",
    [
        (scalars.same_or_none, scalars.of_a, "f must always return a real number, but it may return None"),
        (scalars.text, scalars.of_a, r"f must always return a real number, but it returns Literal\[str\]"),
        (scalars.same, scalars.same_or_none_of_two, "prime must always return a real number, but it may return None"),
        (scalars.same, scalars.pair_of_two, r"prime must always return a real number, but it returns UniTuple\("),
    ],
)
def test_functions_that_do_not_always_return_a_number(scalar: Any, prime: Any, got: str) -> None:
    for _ in range(2):
        with pytest.raises(TypeError, match=rf"^{got}"):
            fnn.Activation("partial", scalar, prime)


def test_second_that_may_return_none() -> None:
    with pytest.raises(TypeError, match="second must always return a real number, but it may return None"):
        fnn.Activation("partial", scalars.same, scalars.of_a, scalars.same_or_none_of_two)


def test_it_is_immutable() -> None:
    for name in ("name", "code", "other"):
        with pytest.raises((AttributeError, TypeError)):
            setattr(BELL, name, "other")
