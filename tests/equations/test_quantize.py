"""`quantize`: rounding to bfloat16, calibration, bad arguments, and the accuracy on MNIST."""

from __future__ import annotations

import os
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

import fnn
from tests.network.quantized import KINDS, cases, network, widened

X = [[1.0, 2.0, 3.0]]


def linear(W: Any) -> fnn.Params[np.float32]:
    """A layer without a bias."""
    weights = np.asarray(W, np.float32)

    return fnn.Params({"W1": weights, "b1": np.zeros(weights.shape[1], np.float32)}, hidden=(), output=fnn.identity)


def test_a_number_in_the_middle_becomes_the_even_bfloat16() -> None:
    every = np.arange(2**16, dtype=np.uint32)
    below = every[every & 0x7FFF < 0x7F7F]  # of both signs, without the greatest number
    halves = fnn.quantize(linear((below << 16 | 0x8000).view(np.float32)[None]), weights="bfloat16").leaves["W1"]

    np.testing.assert_array_equal(halves.ravel(), below + (below & 1))


@given(W=arrays(np.float32, (1, 9), elements=st.floats(-(2.0**127), 2.0**127, width=32)))
@settings(max_examples=300)
def test_bfloat16_is_the_nearest_one(W: Any) -> None:
    halves = fnn.quantize(linear(W), weights="bfloat16").leaves["W1"]
    for w, half in zip(W.ravel(), halves.ravel(), strict=True):
        near = np.array([half - 1, half, half + 1], np.uint16) if half & 0x7FFF else np.array([half], np.uint16)
        off = [abs(Fraction(float(other)) - Fraction(float(w))) for other in widened(near)]
        mine = abs(Fraction(float(widened(np.array([half]))[0])) - Fraction(float(w)))
        assert mine == min(off)


@given(
    W=arrays(np.float32, (3, 5), elements=st.floats(-(2.0**60), 2.0**60, width=32)),
    x=arrays(np.float32, (4, 3), elements=st.floats(-(2.0**60), 2.0**60, width=32)),
)
@settings(max_examples=300)
def test_int8_is_within_half_a_step(W: Any, x: Any) -> None:
    leaves = fnn.quantize(linear(W), x).leaves
    rate, zero = (float(number) for number in leaves["input1"])
    ends = rate * min(x.min(), 0) + zero, rate * max(x.max(), 0) + zero
    if np.ptp([*x.ravel(), 0]) > 2.0**-90:  # else the rate is at its limit
        assert -0.51 < ends[0] < 0.51
        assert 254.49 < ends[1] < 255.51
    assert zero == int(zero)
    assert 0 <= zero <= 255

    greatest = np.abs(W.astype(np.float64)).max(axis=0)
    assert np.abs(leaves["W1"]).max() <= 127
    np.testing.assert_array_equal(np.abs(leaves["W1"]).max(axis=0), np.where(greatest > 0, 127, 0))
    assert (np.abs(leaves["W1"] * (greatest / 127) - W) <= greatest / 254 * (1 + 1e-12)).all()
    np.testing.assert_allclose(leaves["scale1"], (greatest / 127 / rate).astype(np.float32), rtol=1e-6, atol=1e-44)


def test_pixels_are_exact() -> None:
    pixels = np.arange(256, dtype=np.uint8)[:, None]
    for scaled in (pixels, pixels / 255, (pixels / 255).astype(np.float32)):
        q = fnn.quantize(linear([[127.0]]), scaled)

        np.testing.assert_allclose(q(scaled).ravel(), 127.0 * scaled.ravel().astype(np.float64), rtol=3e-7)


@pytest.mark.parametrize("x", [np.zeros((2, 3)), np.full((2, 3), 1e-45)])
def test_inputs_of_no_range(x: Any) -> None:
    params = network((3, 4, 2), hidden=fnn.relu, output=fnn.identity)

    np.testing.assert_allclose(fnn.quantize(params, x)(x), fnn.forward(params, x), atol=0.02)


def test_zero_weights() -> None:
    q = fnn.quantize(linear([[0.0, 1.0]]), [[1.0]])

    np.testing.assert_array_equal(q([1.0]), [0.0, 1.0])


@pytest.mark.parametrize(
    "change, error, message",
    [
        (dict(params={"W1": X}), TypeError, r"params: needs fnn\.Params, got dict"),
        (dict(params=linear(np.full((3, 2), np.nan))), ValueError, "params: W1 has a number that isn't finite"),
        (dict(weights="int4"), ValueError, 'weights: needs "int8" or "bfloat16", got \'int4\''),
        (dict(weights=8), ValueError, 'weights: needs "int8" or "bfloat16", got 8'),
        (dict(x_calibration=None), ValueError, 'x_calibration: weights="int8" need cases like those to come'),
        (dict(weights="bfloat16"), ValueError, 'x_calibration: weights="bfloat16" need no calibration'),
        (dict(x_calibration=[[1.0, 2.0]]), ValueError, "x_calibration: has 2 columns, but the network has 3 inputs"),
        (dict(x_calibration=np.empty((0, 3))), ValueError, "x_calibration: needs at least one case"),
        (dict(x_calibration=np.ones((1, 1, 3))), ValueError, r"x_calibration: needs shape \(3,\) or \(N, 3\)"),
        (dict(x_calibration=["a", "b", "c"]), TypeError, "x_calibration: needs real numbers"),
        (dict(x_calibration=[X[0], [1, np.nan, 2]]), ValueError, "x_calibration: NaN or infinity .* in row 1"),
        (dict(x_calibration=[X[0], X[0], [1, 1e39, 2]]), ValueError, "x_calibration: .* beyond float32 in row 2"),
        (
            dict(params=linear(np.full((3, 2), 3e38)), x_calibration=[[1e30] * 3]),
            ValueError,
            "params: W1: its scale: has a value beyond float32",
        ),
        (dict(calibration=X), TypeError, "quantize: has no parameter calibration; did you mean x_calibration"),
    ],
)
def test_bad_arguments(change: dict[str, Any], error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        fnn.quantize(**(dict(params=network((3, 2)), x_calibration=X) | change))


def test_numbers_beyond_the_formats() -> None:
    huge = fnn.Params({"W1": [[1e39]], "b1": [0.0]}, hidden=(), output=fnn.identity)
    for kind in KINDS:
        with pytest.raises(ValueError, match="params: has a value beyond float32"):
            fnn.quantize(huge, [[1.0]] if kind == "int8" else None, weights=kind)
    with pytest.raises(ValueError, match="params: W1 has a value beyond bfloat16"):
        fnn.quantize(linear([[3.4e38]]), weights="bfloat16")
    for f in (fnn.exp, fnn.relu):
        params = network((1, 1, 1), hidden=f)
        steep = params.replace({"W1": [[1e38]], "b1": [1.0]})
        with pytest.raises(ValueError, match="x_calibration: the outputs of layer 1 aren't finite"):
            fnn.quantize(steep, [[100.0]])


def test_too_many_inputs() -> None:
    at_most = 65_536
    q = fnn.quantize(linear(np.ones((at_most, 1))), np.ones((1, at_most)))
    assert q(np.ones(at_most)) == at_most  # each 127 · 255, together just below 2³¹

    with pytest.raises(ValueError, match='weights="int8" allow 65536 inputs of a layer, W1 has 65537'):
        fnn.quantize(linear(np.ones((at_most + 1, 1))), np.ones((1, at_most + 1)))


def test_the_network_and_the_cases_stay_as_they_are() -> None:
    params, x = network((3, 4, 2)), cases(9, 3)
    before = params.flat.tobytes(), x.tobytes()
    for kind in KINDS:
        fnn.quantize(params, x if kind == "int8" else None, weights=kind)

    assert before == (params.flat.tobytes(), x.tobytes())


@pytest.mark.skipif("FNN_MNIST" not in os.environ, reason="FNN_MNIST doesn't say where MNIST's files are")
@pytest.mark.parametrize("hidden", [fnn.relu, fnn.tanh])
def test_accuracy_on_mnist_is_that_of_float32(hidden: fnn.Activation) -> None:
    folder = Path(os.environ["FNN_MNIST"])
    names = [
        ("train-images-idx3-ubyte", "train-labels-idx1-ubyte"),
        ("t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte"),
    ]
    data = [fnn.read_images_and_labels(*(folder / f"{name}.gz" for name in pair)) for pair in names]
    (x, y), (x_test, y_test) = ((images.reshape(len(images), -1) / np.float32(255), labels) for images, labels in data)
    start = fnn.init((784, 128, 10), seed=0, hidden=hidden, output=fnn.softmax, dtype=np.float32)
    params = fnn.train(
        start, x, y, optimizer=fnn.adam(1e-3), epochs=3, batch_size=100, loss=fnn.cross_entropy, reduction="mean"
    ).params
    accuracy = fnn.accuracy(params, x_test, y_test)

    assert accuracy > 0.96
    for q in (fnn.quantize(params, x[:1000]), fnn.quantize(params, weights="bfloat16")):
        assert abs((q(x_test).argmax(axis=1) == y_test).mean() - accuracy) < 0.001
