"""What is wrong is said: when compiling where it can be known, otherwise by the call, which leaks nothing."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numba import njit
from numba.core.errors import TypingError
from numba.extending import overload

import fnn
from fnn import one_hot as encode
from tests.njit import jitted

P = fnn.init((4, 3, 2), seed=0)
PAIR = (P, P)
ADAM = fnn.adam(1e-3)
X, Y = np.ones((5, 4)), np.ones((5, 2))
CASES = fnn.Cases(X, Y)
NAN = np.where(np.arange(20).reshape(5, 4) == 7, np.nan, X)


@njit
def by_variable(params: Any, key: Any) -> Any:
    return params[key]


@njit
def unknown_key(params: Any) -> Any:
    return params["w1"]


@njit
def writes(params: Any) -> None:
    params["W1"][0, 0] = 1.0


@njit
def unknown_reduction(params: Any, x: Any, y: Any) -> Any:
    return fnn.error(params, x, y, reduction="max")  # type: ignore[arg-type]  # refused when compiled


@njit
def literal_eta(params: Any, x: Any, y: Any) -> Any:
    return fnn.train(params, x, y, eta=True, epochs=1)


@njit
def endless(params: Any, x: Any, y: Any) -> Any:
    return fnn.train(params, x, y, eta=0.1)  # type: ignore[call-arg]  # refused when compiled


@njit
def outputs_by_name(params: Any, x: Any) -> Any:
    return fnn.forward(x=x, params=params)


@njit
def of_a_global(x: Any) -> Any:
    return fnn.forward(P, x)


@njit
def of_a_tuple(x: Any) -> Any:
    return fnn.forward(PAIR[1], x)


@njit
def of_global_cases(params: Any) -> Any:
    return fnn.error(params, CASES)


@njit
def weighs(params: Any, x: Any, y: Any) -> Any:
    return fnn.grad(params, x, y, weights=x)  # type: ignore[call-arg]  # refused when compiled


@njit
def has_no_targets(params: Any, x: Any) -> Any:
    return fnn.grad(params, x)


@njit
def has_more_targets(params: Any, cases: Any, y: Any) -> Any:
    return fnn.grad(params, cases, y)


@njit
def forward_scaled(params: Any, x: Any) -> Any:
    return fnn.forward(params, x, scale=2.0)


@njit
def forward_by_threads(params: Any, x: Any) -> Any:
    return fnn.forward(params, x, threads=2)


@njit
def scaled(x: Any, y: Any) -> Any:
    return fnn.Cases(x, y, scale=2.0)


@njit
def weighs_classes(x: Any, y: Any, weights: Any) -> Any:
    return fnn.Cases(x, y, class_weights=weights)


@njit
def regularizes(params: Any, x: Any, y: Any, value: Any) -> Any:
    return fnn.grad(params, x, y, regularization=value)


@njit
def validates(params: Any, x: Any, y: Any) -> Any:
    return fnn.train(params, x, y, eta=0.1, epochs=1, validation=(x, y))


@njit
def stops(params: Any, x: Any, y: Any, value: Any) -> Any:
    return fnn.train(params, x, y, eta=0.1, epochs=1, stopping=value)


@njit
def calls_back(params: Any, x: Any, y: Any, value: Any) -> Any:
    return fnn.train(params, x, y, eta=0.1, epochs=1, callbacks=(value,))


@njit
def writes_checkpoints(params: Any, x: Any, y: Any, value: Any) -> Any:
    return fnn.train(params, x, y, eta=0.1, epochs=1, checkpoint=value)


@njit
def goes_on(params: Any, x: Any, y: Any, value: Any) -> Any:
    return fnn.train(params, x, y, eta=0.1, epochs=1, state=value)


@pytest.mark.parametrize(
    "call, arguments, text",
    [
        (jitted.forward, (P, X.astype(np.float32)), "x: has dtype float32, but params have float64"),
        (jitted.forward, (P, X.astype(np.int64)), "x: has dtype int64, but params have float64"),
        (jitted.forward, (P, X[None]), "x: needs 1 or 2 dimensions, got an array with 3"),
        (jitted.forward, (P, 1.0), "x: must be an array"),
        (jitted.forward, (P, X, np.ones(2)), "out: needs 2 dimensions, got an array with 1"),
        (jitted.forward, (P, X, Y.T), "out: needs a C-contiguous, writable array"),
        (jitted.error, (P, X, Y[None]), "y: needs 1 or 2 dimensions, got an array with 3"),
        (jitted.error, (P, X, np.ones(5, np.int64)), "y: fnn.squared_error takes no labels; use loss=fnn."),
        (jitted.error, (P, X[0], 1), "y: fnn.squared_error takes no labels; use loss=fnn."),
        (jitted.error, (P, X, np.ones((5, 2), np.int64)), "y: has dtype int64, but params have float64"),
        (jitted.update, (P, P, True), "eta: needs a number, got bool"),
        (literal_eta, (P, X, Y), "eta: needs a number, got True"),
        (endless, (P, X, Y), "epochs: needs a whole number, got None"),
        (jitted.train_by_threads, (P, X, Y, 1.5), "threads: needs a whole number"),
        (jitted.value_and_grad, (P, X, Y, 1.0), "weights: needs one number a case"),
        (jitted.any_loss, (P, X, Y, 3), "loss: must be a constant such as fnn.cross_entropy"),
        (jitted.update, (P, X, 0.1), "grads: needs fnn.Params of float64"),
        (jitted.update, (P, P, "a"), "eta: needs a number"),
        (jitted.train, (P, X, Y, 0.1, 1.5), "epochs: needs a whole number"),
        (jitted.with_flat, (P, P.flat[None]), "flat: needs 1 dimensions, got an array with 2"),
        (jitted.with_flat, (P, X[0].astype(np.float32)), "flat: has dtype float32, but params have float64"),
        (jitted.with_flat, (P, 1.0), "flat: must be an array"),
        (by_variable, (P, "W1"), "the key must be a literal string"),
        (jitted.forward, (X, X), "params: needs fnn.Params, got array(float64, 2d, C)"),
        (outputs_by_name, (X, X), "params: needs fnn.Params, got array(float64, 2d, C)"),
        (jitted.grad, (1, X, Y), "params: needs fnn.Params, got int64"),
        (jitted.update, (X, P, 0.1), "params: needs fnn.Params, got array(float64, 2d, C)"),
        (jitted.train, (None, X, Y, 0.1, 1), "params: needs fnn.Params, got none"),
        (jitted.first_outputs, (X, X), "params: needs fnn.Params, got array(float64, 2d, C)"),
        (of_a_global, (X,), "params: a jitted function can't hold them as a global or a default"),
        (of_a_tuple, (X,), "params: a jitted function can't hold them as a global or a default"),
        (unknown_key, (P,), "there is no key 'w1'"),
        (unknown_reduction, (P, X, Y), 'reduction: must be the constant "sum" or "mean"'),
        (weighs, (P, X, Y), "got an unexpected keyword argument 'weights'"),
        (has_no_targets, (P, X), "y: needs the targets, unless x is fnn.Cases(x, y)"),
        (has_more_targets, (P, CASES, Y), "y: fnn.Cases has its own targets, so y can't be given beside it"),
        (jitted.all_of_cases, (P, fnn.Cases(X.astype("f"), Y)), "x: has dtype float32, but params have float64"),
        (jitted.all_of_cases, (P, fnn.Cases(X, Y, scale=2.0)), "scale: fnn.Cases(x=(5, 4), y=(5, 2), scale=2.0) can't"),
        (jitted.all_of_cases, (P, fnn.Cases(X, Y, class_weights=[1.0, 2.0])), "class_weights: fnn.Cases(x=(5, 4), "),
        (of_global_cases, (P,), "cases: a jitted function can't hold them as a global or a default"),
        (scaled, (X, Y), "scale: can't be given inside @njit"),
        (weighs_classes, (X, Y, Y[0]), "class_weights: can't be given inside @njit"),
        (forward_scaled, (P, X), "scale: can't be given inside @njit"),
        (forward_by_threads, (P, X), "threads: can't be given inside @njit"),
        (regularizes, (P, X, Y, 1), "regularization: can't be given inside @njit"),
        (validates, (P, X, Y), "validation: can't be given inside @njit"),
        (stops, (P, X, Y, 1), "stopping: can't be given inside @njit"),
        (calls_back, (P, X, Y, 1), "callbacks: can't be given inside @njit"),
        (writes_checkpoints, (P, X, Y, 1), "checkpoint: can't be given inside @njit"),
        (goes_on, (P, X, Y, ADAM.init(P)), "state: can't be given inside @njit"),
        (writes, (P,), "Cannot modify readonly array"),
    ],
)  # fmt: skip
def test_typing_errors_are_plain_sentences(call: Any, arguments: Any, text: str) -> None:
    with pytest.raises(TypingError) as caught:
        call(*arguments)
    assert text in str(caught.value)


@njit
def initializes(seed: int) -> Any:
    return fnn.init((2, 1), seed=seed)


@njit
def activates(x: Any) -> Any:
    return fnn.tanh(x)


@njit
def makes_params(x: Any) -> Any:
    return fnn.Params(x, hidden=(), output=fnn.tanh)


@njit
def makes_an_optimizer(eta: float) -> Any:
    return fnn.adam(eta)


@njit
def translates(params: Any) -> Any:
    return fnn.to_c(params)


@njit
def encodes(x: Any) -> Any:
    return encode(x, 2)


@pytest.mark.parametrize(
    "call, argument, name",
    [
        (initializes, 1, "init"),
        (activates, X, "tanh"),
        (makes_params, 1, "Params"),
        (makes_an_optimizer, 0.1, "adam"),
        (translates, P, "to_c"),
        (encodes, X, "one_hot"),
    ],
)
def test_names_that_are_for_python_alone(call: Any, argument: Any, name: str) -> None:
    with pytest.raises(TypingError, match=f"fnn.{name}: can't be used inside @njit; use it outside, and pass the"):
        call(argument)


def test_an_overload_of_the_user_takes_their_place() -> None:
    @overload(fnn.r2_score)
    def r2_score(params, x, y):  # type: ignore[no-untyped-def]  # Numba compares the annotations, too
        return lambda params, x, y: 7

    assert njit(lambda params, x, y: fnn.r2_score(params, x, y))(P, X, Y) == 7


S = fnn.init((4, 3), seed=0, output=fnn.softmax)
ONE = fnn.init((4, 1), seed=0, output=fnn.log_softmax)
H = fnn.init((4, 2), seed=0, output=fnn.identity)
F = fnn.init((4, 3, 2), seed=0, dtype=np.float32)


@pytest.mark.parametrize(
    "call, arguments, text",
    [
        (jitted.forward, (P, X[:, :3]), "x: has another number of columns"),
        (jitted.forward, (P, np.ones(5)), "x: has another number of columns"),
        (jitted.forward, (P, X[:0]), "x: needs at least one case"),
        (jitted.forward, (P, NAN), "x: NaN or infinity"),
        (jitted.forward, (P, NAN[1]), "x: NaN or infinity"),
        (jitted.forward, (P, X, np.ones((5, 3))), "out: needs the shape of the result"),
        (jitted.forward, (P, X[0], np.ones(3)), "out: needs the shape of the result"),
        (jitted.error, (P, X, Y[:4]), "y: has another shape"),
        (jitted.error, (P, X, Y[:, 0]), "y: has another shape"),
        (jitted.error, (P, X[0], 0.5), "y: has another shape"),
        (jitted.grad, (P, X, NAN[:, 2:]), "y: NaN or infinity"),
        (jitted.grad, (P, NAN, Y), "x: NaN or infinity"),
        (jitted.value_and_grad, (P, X, Y, np.ones(4)), "weights: needs one weight a case"),
        (jitted.value_and_grad, (P, X, Y, -np.ones(5)), "weights: must be finite and at least 0"),
        (jitted.value_and_grad, (P, X, Y, np.zeros(5)), "weights: their sum must be above 0, and it"),
        (jitted.cross_entropy, (fnn.init((4, 2), seed=0, output=fnn.tanh), X, Y), "loss: fnn.cross_entropy needs"),
        (jitted.cross_entropy, (S, X, np.full(5, 3)), "y: labels must be 0 to the number of classes less one"),
        (jitted.cross_entropy, (ONE, X, np.full(5, 1)), "y: fnn.cross_entropy over a single unit, whose output never"),
        (jitted.cross_entropy, (ONE, X, np.full(5, 0)), "takes no labels; use fnn.sigmoid, or a unit for each class"),
        (jitted.cross_entropy, (S, X, np.full((5, 3), 2.0)), "y: fnn.cross_entropy needs values between 0 and 1"),
        (jitted.cross_entropy, (S, X, np.full((5, 3), 0.5)), "y: fnn.cross_entropy needs values that sum to 1"),
        (jitted.any_loss, (S, X, np.zeros((5, 3)), fnn.kl_divergence), "y: fnn.kl_divergence needs values that sum"),
        (jitted.any_loss, (S, X, np.ones((5, 3)), fnn.hinge), "loss: fnn.hinge needs fnn.identity or fnn.tanh at"),
        (jitted.any_loss, (H, X, np.zeros((5, 2)), fnn.hinge), "y: fnn.hinge needs the values −1 and 1"),
        (jitted.update, (P, fnn.init((4, 5, 2), seed=0), 0.1), "grads: needs the sizes and activations of params"),
        (jitted.update, (P, P, 0.0), "eta: must be finite and above 0"),
        (jitted.update, (P, P, np.inf), "eta: must be finite and above 0"),
        (jitted.update, (F, F, 1e50), "eta: must be finite and above 0, in the dtype of params"),
        (jitted.update, (F, F, 1e-50), "eta: must be finite and above 0, in the dtype of params"),
        (jitted.train, (F, X.astype(np.float32), Y.astype(np.float32), 1e50, 1), "eta: must be finite and above 0"),
        (jitted.with_flat, (P, X[0].copy()), "flat: needs as many elements as params have"),
        (jitted.train, (P, X, Y, -1.0, 1), "eta: must be finite and above 0"),
        (jitted.train, (P, X, Y, 0.1, -1), "epochs: must be at least 0"),
        (jitted.train, (P.with_flat(P.flat * np.nan), X, Y, 0.1, 1), "params: hold NaN or infinity"),
        (jitted.train_by_threads, (P, X, Y, 0), "threads: must be at least 1"),
        (jitted.train_by_threads, (P, X[::-1], Y, -5), "threads: must be at least 1"),
        (jitted.train_in_batches, (S, X, np.ones(5, np.int64), 0.1, 1, 0, 0, None), "batch_size: must be at least 1"),
        (jitted.train_in_batches, (S, X, np.ones(5, np.int64), 0.1, 1, 2, -1, None), "seed: must be at least 0"),
    ],
)  # fmt: skip
def test_wrong_numbers_raise(call: Any, arguments: Any, text: str) -> None:
    with pytest.raises(ValueError, match=text):
        call(*arguments)


def test_train_takes_any_number_of_threads_that_there_may_be() -> None:
    wanted = fnn.train(P, X, Y, eta=0.1, epochs=2).params
    for threads in (1, 3, None):
        assert jitted.train_by_threads(P, X, Y, threads).params == wanted
    assert jitted.train_by_threads(P, X[::-1], Y, 3).params == fnn.train(P, X[::-1], Y, eta=0.1, epochs=2).params


def test_divergence_raises() -> None:
    params = fnn.init((4, 3, 2), seed=0, hidden=fnn.identity, output=fnn.identity)
    with pytest.raises(ArithmeticError, match="usually eta is too large"):
        jitted.train(params, X, Y, 1e200, 5)


def test_a_layer_that_is_not_there() -> None:
    with pytest.raises(KeyError, match="no such layer"):
        jitted.second_layer(S)


@pytest.mark.parametrize(
    "out, error, text",
    [
        (np.ones((5, 2), np.float32), TypeError, "out: needs an array of float64, got float32"),
        ([1.0], TypeError, "out: needs an array of float64, got list"),
        (np.ones((2, 5)), ValueError, r"out: needs shape \(5, 2\), got \(2, 5\)"),
        (np.ones((2, 5)).T, ValueError, "out: needs to be C-contiguous and writable"),
    ],
)
def test_out_from_python(out: Any, error: Any, text: str) -> None:
    with pytest.raises(error, match=text):
        fnn.forward(P, X, out)


def test_numba_garbles_or_loses_an_error_in_a_parallel_loop() -> None:
    wanted = fnn.forward(P, X)[:, 0]
    for _ in range(20):
        try:
            jitted.first_outputs(P, NAN)  # lost, if another thread than the caller's came upon it
        except (SystemError, ValueError) as error:
            cause = error.__cause__ if isinstance(error, SystemError) else error
            assert isinstance(cause, ValueError)
            assert str(cause) == "x: NaN or infinity"
        np.testing.assert_array_equal(jitted.first_outputs(P, X), wanted)
