"""Bad cases and settings get a clear error from every function that takes them, and nothing is changed."""

import pickle
import re
import sys
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import fnn

NETWORK: fnn.Params[Any] = fnn.init((3, 4, 2), seed=0)
CLASSES: fnn.Params[Any] = fnn.init((3, 4, 5), seed=0, output=fnn.softmax)
ONE: fnn.Params[Any] = fnn.init((3, 1), seed=0)
SINGLE: fnn.Params[Any] = fnn.init((3, 4, 2), seed=0, dtype=np.float32)
X, Y = np.zeros((4, 3)), np.zeros((4, 2))
NAN, INF = float("nan"), float("inf")


def train(params: Any, x: Any, y: Any = None, **options: Any) -> Any:
    return fnn.train(params, x, y, **{"eta": 0.1, "epochs": 2, **options})


LEARNERS: list[Callable[..., Any]] = [fnn.error, fnn.grad, fnn.value_and_grad, fnn.backprop, fnn.check_grad, train]


def with_value(array: Any, place: Any, value: float) -> Any:
    changed = np.array(array, float)
    changed[place] = value

    return changed


def refuses(error: type[Exception], message: str, call: Callable[..., Any], *arguments: Any, **options: Any) -> None:
    """The call raises just this, and the network is as it was."""
    before = [(p, p.flat.tobytes()) for p in (NETWORK, CLASSES, ONE, SINGLE)]
    with pytest.raises(error) as info:
        call(*arguments, **options)
    assert type(info.value) is error
    assert re.search(message, str(info.value)), str(info.value)
    assert all(p.flat.tobytes() == flat for p, flat in before)


BAD_X = [
    (np.zeros((4, 5)), ValueError, "x: has 5 columns, but the network has 3 inputs"),
    (np.zeros((4, 0)), ValueError, r"x: has 0 columns, but the network has 3 inputs"),
    ([], ValueError, r"x: needs at least one case, got shape \(0,\)"),
    (np.zeros((3, 4)), ValueError, "x: has 4 columns, but the network has 3 inputs"),
    (np.zeros(4), ValueError, "x: has 4 columns, but the network has 3 inputs"),
    (np.zeros((0, 3)), ValueError, r"x: needs at least one case, got shape \(0, 3\)"),
    (1.0, ValueError, r"x: needs shape \(3,\) or \(N, 3\), got \(\)"),
    (np.zeros((2, 2, 3)), ValueError, r"x: needs shape \(3,\) or \(N, 3\), got \(2, 2, 3\)"),
    ([[1.0, 2.0, 3.0], [1.0]], ValueError, "x: can't be made an array"),
    ([["a", "b", "c"]], TypeError, "x: needs real numbers, got dtype <U1"),
    (None, TypeError, "x: needs real numbers, got dtype object"),
    ({1, 2, 3}, TypeError, "x: needs real numbers, got dtype object"),
    (np.zeros((4, 3), object), TypeError, "x: needs real numbers, got dtype object"),
    (np.ma.masked_less(np.eye(4, 3), 0.5), TypeError, "x: has masked elements"),
    (np.zeros((4, 3), complex), TypeError, "x: needs real numbers, got dtype complex128"),
    (np.zeros((4, 3), "m8[s]"), TypeError, r"x: needs real numbers, got dtype timedelta64\[s\]"),
    (with_value(X, (2, 1), NAN), ValueError, "x: NaN or infinity in row 2"),
    (with_value(X, (slice(1, 4), 0), INF), ValueError, "x: NaN or infinity in row 1"),
    (with_value(X, (3, 2), -INF), ValueError, "x: NaN or infinity in row 3"),
    ([0.0, NAN, 0.0], ValueError, "x: NaN or infinity$"),
]


@pytest.mark.parametrize("x, error, message", BAD_X)
def test_x(x: Any, error: type[Exception], message: str) -> None:
    y = Y[0] if message.endswith("$") else Y
    for call in LEARNERS:
        refuses(error, message, call, NETWORK, x, y)
    refuses(error, message, fnn.forward, NETWORK, x)
    if message.startswith("x: "):
        refuses(error, "validation " + message.rstrip("$"), train, NETWORK, X, Y, validation=(x, y))


@pytest.mark.parametrize("row", [0, 63, 64, 255, 256, 300, 511, 512, 699])
@pytest.mark.parametrize("value", [NAN, INF])
def test_the_first_bad_row_of_many_is_named(row: int, value: float) -> None:
    x, y = np.zeros((700, 3)), np.zeros((700, 2))
    bad = with_value(x, (slice(row, None), 2), value)
    bad_y = with_value(y, (slice(row, None), 1), value)
    for call in LEARNERS:
        refuses(ValueError, f"x: NaN.* in row {row}$", call, NETWORK, bad, y)
        refuses(ValueError, f"y: NaN.* in row {row}$", call, NETWORK, x, bad_y)
    refuses(ValueError, f"x: NaN.* in row {row}$", fnn.forward, NETWORK, bad)


def test_values_beyond_float32() -> None:
    for call in [*LEARNERS[:4], train]:
        refuses(ValueError, "x: .*beyond float32 in row 1$", call, SINGLE, with_value(X, (1, 0), 1e39), Y)
        refuses(ValueError, "y: .*beyond float32 in row 2$", call, SINGLE, X, with_value(Y, (2, 1), -1e300))
    refuses(ValueError, "x: .*beyond float32 in row 1$", fnn.forward, SINGLE, with_value(X, (1, 0), 1e39))


BAD_Y = [
    (np.zeros((4, 3)), ValueError, r"y: needs shape \(4, 2\), got \(4, 3\)"),
    (np.zeros((3, 2)), ValueError, r"y: needs shape \(4, 2\), got \(3, 2\)"),
    (np.zeros((2, 4)), ValueError, r"y: needs shape \(4, 2\), got \(2, 4\)"),
    (np.zeros(8), ValueError, r"y: needs shape \(4, 2\), got \(8,\)"),
    (0.0, ValueError, r"y: needs shape \(4, 2\), got \(\)"),
    (np.zeros((0, 2)), ValueError, r"y: needs shape \(4, 2\), got \(0, 2\)"),
    ([0, 1, 1, 0], ValueError, r"got \(4,\); for .*labels, use loss=fnn.cross_entropy or fnn.one_hot\(labels, 2\)"),
    ([[1.0], [1.0, 2.0]], ValueError, "y: can't be made an array"),
    (np.zeros((4, 2), complex), TypeError, "y: needs real numbers, got dtype complex128"),
    ([["a", "b"]] * 4, TypeError, "y: needs real numbers, got dtype <U1"),
    (with_value(Y, (3, 0), NAN), ValueError, "y: NaN or infinity in row 3"),
    (with_value(Y, (slice(1, 4), 1), -INF), ValueError, "y: NaN or infinity in row 1"),
]


@pytest.mark.parametrize("y, error, message", BAD_Y)
def test_y(y: Any, error: type[Exception], message: str) -> None:
    for call in LEARNERS:
        refuses(error, message, call, NETWORK, X, y)
    prefix = "validation " if message.startswith("y: ") else ""
    refuses(error, prefix + message, train, NETWORK, X, Y, validation=(X, y))


def test_y_that_is_missing() -> None:
    for call in LEARNERS:
        refuses(TypeError, "y: needs the targets", call, NETWORK, X, None)


def test_y_beside_cases() -> None:
    for call in LEARNERS:
        refuses(TypeError, "y: fnn.Cases has its own targets", call, NETWORK, fnn.Cases(X, Y), Y)


def test_y_of_a_single_case() -> None:
    for call in LEARNERS:
        refuses(ValueError, r"y: needs shape \(2,\), got \(1, 2\)", call, NETWORK, X[0], Y[:1])
        refuses(ValueError, r"y: needs shape \(2,\), got \(\)", call, NETWORK, X[0], 1)
        refuses(ValueError, r"y: needs shape \(1, 2\), got \(2,\)", call, NETWORK, X[:1], Y[0])
        refuses(ValueError, "y: NaN or infinity$", call, NETWORK, X[0], [NAN, 1])


BAD_LABELS = [
    ([0, 1, 5, 6], ValueError, "y: labels must be 0 to 4, got 5 in row 2"),
    ([0, -1, 5, 6], ValueError, "y: labels must be 0 to 4, got -1 in row 1"),
    (np.array([0, 1, 2, 2**64 - 1], np.uint64), ValueError, "y: labels must be 0 to 4, got .* in row 3"),
    ([0, 1, 2], ValueError, "y: has 3 cases, but x has 4"),
    ([0, 1, 2, 3, 4], ValueError, "y: has 5 cases, but x has 4"),
    (0, ValueError, r"y: needs shape \(4, 5\), got \(\)"),
    ([0.0, 1.0, 2.0, 3.0], (ValueError, TypeError), r"y: "),  # labels are integers
    ([0.5, 1.0, 2.0, 3.0], (ValueError, TypeError), r"y: "),
    ([NAN] * 4, (ValueError, TypeError), r"y: "),
    (["a"] * 4, TypeError, "y: needs real numbers, got dtype <U1"),
]


@pytest.mark.parametrize("labels, error, message", BAD_LABELS)
def test_labels(labels: Any, error: Any, message: str) -> None:
    for call in LEARNERS:
        for kind in error if isinstance(error, tuple) else [error]:
            try:
                refuses(kind, message, call, CLASSES, X, labels, loss=fnn.cross_entropy)
                break
            except error:  # another one of those that are allowed
                pass
        else:
            pytest.fail("no error")


def test_labels_of_one_case_and_of_one_output() -> None:
    for call in LEARNERS:
        loss = {"loss": fnn.cross_entropy}
        refuses(ValueError, "y: labels must be 0 to 4, got 5$", call, CLASSES, X[0], 5, **loss)
        refuses(ValueError, r"y: needs shape \(5,\), got \(1,\)", call, CLASSES, X[0], [1], **loss)
        refuses(ValueError, "y: labels must be 0 to 1, got 2 in row 1", call, ONE, X, [0, 2, 0, 0], **loss)


@pytest.mark.parametrize("row", [0, 300, 699])
def test_the_first_bad_label_of_many_is_named(row: int) -> None:
    labels = np.zeros(700, int)
    labels[row:] = 9
    for call in LEARNERS:
        message = f"y: labels must be 0 to 4, got 9 in row {row}$"
        refuses(ValueError, message, call, CLASSES, np.zeros((700, 3)), labels, loss=fnn.cross_entropy)


def test_probabilities() -> None:
    good = np.full((4, 5), 0.2)
    for call in LEARNERS:
        loss = {"loss": fnn.cross_entropy}
        below, above, sums = (
            with_value(good, (2, 1), -0.01),
            with_value(good, (1, 1), 1.01),
            with_value(good, (3, 0), 0.3),
        )
        refuses(
            ValueError,
            "y: fnn.cross_entropy needs values between 0 and 1, got .* in row 2$",
            call,
            CLASSES,
            X,
            below,
            **loss,
        )
        refuses(
            ValueError,
            "y: fnn.cross_entropy needs values between 0 and 1, got .* in row 1$",
            call,
            CLASSES,
            X,
            above,
            **loss,
        )
        refuses(
            ValueError,
            "y: .*softmax needs values that sum to 1, got .* in row 3; divide each row by its sum$",
            call,
            CLASSES,
            X,
            sums,
            **loss,
        )
        refuses(
            ValueError, "y: fnn.cross_entropy needs values between 0 and 1", call, ONE, X, np.full((4, 1), 2.0), **loss
        )
        refuses(ValueError, "y: fnn.cross_entropy needs values between 0 and 1", call, ONE, X[0], [-1.0], **loss)


def test_probabilities_that_are_fine() -> None:
    rounded = np.full((4, 5), np.float32(0.2), np.float64)  # sums to 1.0000000149
    assert np.isfinite(fnn.error(CLASSES, X, rounded, loss=fnn.cross_entropy))
    # Sigmoid units are independent of each other: no sum.
    assert np.isfinite(fnn.error(NETWORK, X, np.ones((4, 2)), loss=fnn.cross_entropy))


BAD_WEIGHTS = [
    ([1, 1, -1, 1], ValueError, r"weights: must be finite and at least 0, got -1.0 in row 2"),
    ([1, NAN, -1, 1], ValueError, r"weights: must be finite and at least 0, got nan in row 1"),
    ([1, 1, 1, INF], ValueError, r"weights: must be finite and at least 0, got inf in row 3"),
    ([0, 0, 0, 0], ValueError, r"weights: their sum must be above 0"),
    ([1.7e308] * 4, ValueError, r"weights: their sum must be above 0"),
    ([1, 1, 1], ValueError, "weights: has 3 cases, but x has 4"),
    (1.0, ValueError, r"weights: needs one weight a case, shape \(4,\), got \(\)"),
    (np.ones((4, 1)), ValueError, r"weights: needs one weight a case, shape \(4,\), got \(4, 1\)"),
    (["a"] * 4, TypeError, "weights: needs real numbers, got dtype <U1"),
    ([1j] * 4, TypeError, "weights: needs real numbers, got dtype complex128"),
    ([[1], [1, 2]], ValueError, "weights: can't be made an array"),
]


@pytest.mark.parametrize("weights, error, message", BAD_WEIGHTS)
def test_weights(weights: Any, error: type[Exception], message: str) -> None:
    def weighted(call: Callable[..., Any]) -> Any:
        return call(NETWORK, fnn.Cases(X, Y, weights=weights))

    for call in LEARNERS:
        refuses(error, message, weighted, call)


def test_the_weight_of_a_single_case() -> None:
    shape = r"weights: needs one weight a case, shape \(\), got \(1,\)"
    for call in LEARNERS:
        refuses(ValueError, shape, call, NETWORK, fnn.Cases(X[0], Y[0], weights=[1]))
        least = "weights: must be finite and at least 0, got -1.0$"
        refuses(ValueError, least, call, NETWORK, fnn.Cases(X[0], Y[0], weights=-1))


NOT_PARAMS = [
    (dict(NETWORK), r"params: needs fnn.Params, got dict; a plain mapping has lost its activations: wrap it as "
                    r"fnn.Params\(d, hidden=\.\., output=\.\.\), or keep an architecture with params.replace\(d\)"),
    (NETWORK.flat, "params: needs fnn.Params, got ndarray; fnn\\.init\\(\\.\\.\\) makes them$"),
    (None, "params: needs fnn.Params, got NoneType$"),
    ((3, 4, 2), "params: needs fnn.Params, got tuple$"),
]  # fmt: skip


@pytest.mark.parametrize("params, message", NOT_PARAMS)
def test_params(params: Any, message: str) -> None:
    for call in LEARNERS:
        refuses(TypeError, message, call, params, X, Y)
    refuses(TypeError, message, fnn.forward, params, X)
    refuses(TypeError, message, fnn.accuracy, params, X, [0] * 4)
    refuses(TypeError, message, fnn.update, params, NETWORK, 0.1)
    refuses(TypeError, message.replace("params:", "grads:"), fnn.update, NETWORK, params, 0.1)


@pytest.mark.parametrize(
    "options, error, message",
    [
        ({"loss": "mse"}, TypeError, "loss: needs a loss such as fnn.squared_error, got 'mse'"),
        ({"loss": fnn.sigmoid}, TypeError, "loss: needs a loss such as fnn.squared_error, got fnn.sigmoid"),
        ({"loss": None}, TypeError, "loss: needs a loss such as fnn.squared_error, got None"),
        ({"reduction": "average"}, ValueError, 'reduction: must be "sum" or "mean", got \'average\''),
        ({"reduction": None}, ValueError, 'reduction: must be "sum" or "mean", got None'),
        ({"reduction": ["sum"]}, ValueError, 'reduction: must be "sum" or "mean"'),
    ],
)
def test_choices(options: dict[str, Any], error: type[Exception], message: str) -> None:
    for call in LEARNERS:
        refuses(error, message, call, NETWORK, X, Y, **options)


BAD_NUMBERS = [
    (0, ValueError, "must be finite and above 0, got 0.0"),
    (-0.1, ValueError, "must be finite and above 0, got -0.1"),
    (NAN, ValueError, "must be finite and above 0, got nan"),
    (INF, ValueError, "must be finite and above 0, got inf"),
    ("0.1", TypeError, "needs a number, got '0.1'"),
    (1j, TypeError, "needs a number, got 1j"),
    (b"1", TypeError, "needs a number, got b'1'"),
    ([0.1], TypeError, "needs a number, got "),
    (np.array([0.1, 0.2]), TypeError, "needs a number, got "),
]


@pytest.mark.parametrize("eta, error, message", BAD_NUMBERS)
def test_eta(eta: Any, error: type[Exception], message: str) -> None:
    refuses(error, "eta: " + message, train, NETWORK, X, Y, eta=eta)
    refuses(error, "eta: " + message, fnn.update, NETWORK, NETWORK, eta)


def test_eta_cannot_be_left_out() -> None:
    refuses(TypeError, "eta: needs a number, got None", fnn.update, NETWORK, NETWORK, None)
    refuses(TypeError, "eta: needs a learning rate, or optimizer= needs an optimizer", train, NETWORK, X, Y, eta=None)


def test_eta_may_be_any_real_number() -> None:
    wanted = fnn.update(NETWORK, NETWORK, 0.5)
    for eta in (np.float32(0.5), np.float64(0.5), np.array(0.5)):
        assert fnn.update(NETWORK, NETWORK, eta) == wanted
    assert fnn.update(NETWORK, NETWORK, 2) == fnn.update(NETWORK, NETWORK, 2.0)


@pytest.mark.parametrize("name, least", [("epochs", 0), ("batch_size", 1), ("seed", 0), ("threads", 1)])
@pytest.mark.parametrize("value", [-1, 1.0, "1", True, NAN, [1], 0])
def test_whole_numbers(name: str, least: int, value: Any) -> None:
    if value == 0 and value is not False:
        if least == 1:
            refuses(ValueError, f"{name}: must be at least 1, got 0", train, NETWORK, X, Y, **{name: 0})
        else:
            train(NETWORK, X, Y, **{name: 0})
    elif isinstance(value, int) and not isinstance(value, bool):
        refuses(ValueError, f"{name}: must be at least {least}, got -1", train, NETWORK, X, Y, **{name: value})
    else:
        message = f"{name}: needs a whole number, got {re.escape(repr(value))}"
        refuses(TypeError, message, train, NETWORK, X, Y, **{name: value})


@pytest.mark.parametrize("value, error", [(0, ValueError), (-5, ValueError), (1.5, TypeError), (True, TypeError)])
def test_threads_of_forward(value: Any, error: type[Exception]) -> None:
    refuses(error, "threads: ", fnn.forward, NETWORK, X, threads=value)


def test_numpy_integers_are_whole_numbers() -> None:
    options = {"epochs": np.int64(2), "batch_size": np.uint8(2), "seed": np.int32(1), "threads": np.int8(1)}

    assert train(NETWORK, X, Y, **options).params == train(NETWORK, X, Y, epochs=2, batch_size=2, seed=1).params


def test_epochs_cannot_be_left_to_chance() -> None:
    refuses(TypeError, "epochs: needs a whole number, got None", train, NETWORK, X, Y, epochs=None)


@pytest.mark.parametrize("epochs", [2**50, 2**62, 2**70])
def test_more_epochs_than_memory_holds_are_refused_by_name(epochs: int) -> None:
    refuses(MemoryError, f"epochs: no memory for the errors of {epochs} epochs", train, NETWORK, X, Y, epochs=epochs)


def test_a_masked_array_without_a_mask_is_an_array() -> None:
    np.testing.assert_array_equal(fnn.forward(NETWORK, np.ma.array(X)), fnn.forward(NETWORK, X))


@pytest.mark.parametrize("seed", [2**63 - 1, 2**63, 2**64 - 1, 2**64, 2**100])
def test_large_seeds_work_or_are_refused_by_name(seed: int) -> None:
    try:
        train(NETWORK, X, Y, seed=seed, batch_size=1)
    except ValueError as error:
        assert "seed: must be" in str(error)


@pytest.mark.parametrize("validation", [True, X, [X, Y], (X,), (X, Y, X), "xy"])
def test_validation(validation: Any) -> None:
    refuses(
        TypeError,
        r"validation: needs fnn.Cases or a tuple \(x, y\), or the fraction of the cases, got",
        train,
        NETWORK,
        X,
        Y,
        validation=validation,
    )


@pytest.mark.parametrize(
    "callbacks, message",
    [
        (3, "callbacks: needs a sequence such as .fnn.each_epoch"),
        (fnn.progress(False), "callbacks: needs a sequence such as .fnn.each_epoch"),
        ([print], r"callbacks\[0\]: needs fnn.each_epoch\(f\), fnn.each_steps\(k, f\) or fnn.progress\(\), got"),
        ([fnn.progress(False), "each"], r"callbacks\[1\]: needs fnn.each_epoch"),
    ],
)
def test_callbacks(callbacks: Any, message: str) -> None:
    refuses(TypeError, message, train, NETWORK, X, Y, callbacks=callbacks)


@pytest.mark.parametrize("function", [3, "print", [print]])
def test_functions_of_callbacks(function: Any) -> None:
    refuses(TypeError, "each_epoch: needs a function, got ", fnn.each_epoch, function)
    refuses(TypeError, "each_steps: needs a function after k, got ", fnn.each_steps, 1, function)


@pytest.mark.parametrize("shown", ["no", 0, 1.0, []])
def test_progress(shown: Any) -> None:
    refuses(TypeError, "shown: needs True or False, got ", fnn.progress, shown)


def test_what_is_wrong_is_said_before_any_work_and_before_any_callback() -> None:
    called: list[int] = []
    watch: list[fnn.Callback[Any]] = [fnn.each_epoch(lambda epoch, params, record: called.append(epoch))]
    for options in ({"epochs": -1}, {"validation": (X, Y[:3])}, {"threads": 0}, {"seed": -1}):
        with pytest.raises(ValueError, match=f"{next(iter(options))}.*: "):
            train(NETWORK, X, Y, callbacks=watch, **options)
    assert not called


def test_labels_and_columns_get_the_hint_that_helps() -> None:
    classes = fnn.init((2, 3), seed=0, output=fnn.softmax)
    x = [[0.0, 1.0], [1.0, 0.0]]

    refuses(
        ValueError, r"or labels, which must be integers: got float64", fnn.grad, classes, x, [0.0, 1.0],
        loss=fnn.cross_entropy,
    )  # fmt: skip
    refuses(
        ValueError, r"labels must be 0 to 2, got 9223372036854775807", fnn.grad, classes, x,
        np.array([0, 2**64 - 1], np.uint64), loss=fnn.cross_entropy,
    )  # fmt: skip


def test_cases_are_converted_and_checked_once(monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[str] = []
    for name in ("convert", "require_no_fault"):
        whole: Any = sys.modules["fnn.data.cases"].__dict__[name]

        def noting(*given: Any, name: str = name, whole: Any = whole, **named: Any) -> Any:
            calls.append(name)
            return whole(*given, **named)

        monkeypatch.setattr(f"fnn.data.cases.{name}", noting)
    cases = fnn.Cases(X.tolist(), Y.tolist(), weights=[1, 2, 3, 4])
    params = NETWORK
    for _ in range(5):
        params = fnn.update(params, fnn.grad(params, cases), 0.1)
    train(params, cases, validation=cases)
    assert calls == ["convert", "require_no_fault"]
    fnn.error(SINGLE, cases)
    fnn.error(NETWORK, cases, loss=fnn.log_cosh)
    assert calls == ["convert", "require_no_fault"] * 3


def test_cases_give_the_bits_of_their_arrays() -> None:
    random = np.random.default_rng(0)
    x, y = random.normal(size=(70, 3)), random.random((70, 2))
    cases = fnn.Cases(x, y)
    for params in (NETWORK, SINGLE):
        assert fnn.value_and_grad(params, cases) == fnn.value_and_grad(params, x, y)
        assert fnn.hvp(params, cases, v=params) == fnn.hvp(params, x, y, v=params)
        assert fnn.gauss_newton(params, cases).tobytes() == fnn.gauss_newton(params, x, y).tobytes()
        assert fnn.input_grad(params, cases).tobytes() == fnn.input_grad(params, x, y).tobytes()
        assert fnn.backprop(params, cases).grads == fnn.backprop(params, x, y).grads
        assert train(params, cases, batch_size=8).params == train(params, x, y, batch_size=8).params


def test_cases_are_immutable_values() -> None:
    cases = fnn.Cases(X, [0, 1, 2, 3], class_weights=[1, 2], scale=0.5)
    assert repr(cases) == "fnn.Cases(x=(4, 3), y=(4,), class_weights=.., scale=0.5)"
    assert (len(cases), len(fnn.Cases(X[0], Y[0]))) == (4, 1)
    copied = pickle.loads(pickle.dumps(cases))
    assert (copied.x.tobytes(), copied.scale, copied.weights) == (cases.x.tobytes(), 0.5, None)
    with pytest.raises(AttributeError, match="Cases is immutable: scale can't be set"):
        cases.scale = 1.0
    with pytest.raises(AttributeError, match="Cases is immutable: x can't be deleted"):
        del cases.x


@pytest.mark.parametrize("scale", [0, -1.0, NAN, INF, "1", None])
def test_scale(scale: Any) -> None:
    refuses((ValueError, TypeError)[scale in ("1", None)], "scale: ", fnn.Cases, X, Y, scale=scale)
