"""`init`: pinned bits, and each scheme's range and moments."""

import copy
import gc
import hashlib
import pickle
from collections.abc import Callable
from statistics import NormalDist
from typing import Any

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from numpy.typing import NDArray

import fnn

UNIFORM: dict[fnn.Initializer, Callable[[int, int], float]] = {  # the limits of a layer of m inputs and n outputs
    fnn.glorot_uniform: lambda m, n: (6 / (m + n)) ** 0.5,
    fnn.he_uniform: lambda m, n: (6 / m) ** 0.5,
    fnn.lecun_uniform: lambda m, n: (3 / m) ** 0.5,
}
NORMAL: dict[fnn.Initializer, Callable[[int, int], float]] = {  # their standard deviation
    fnn.glorot_normal: lambda m, n: (2 / (m + n)) ** 0.5,
    fnn.he_normal: lambda m, n: (2 / m) ** 0.5,
    fnn.lecun_normal: lambda m, n: (1 / m) ** 0.5,
    fnn.standard_normal: lambda m, n: 1.0,
}
SCHEMES = [*UNIFORM, *NORMAL, fnn.nguyen_widrow, fnn.uniform(-0.3, 0.3)]
SIZES = (300, 200, 100)


def assert_drawn(values: NDArray[Any], distribution: Callable[[float], float]) -> None:
    """Kolmogorov's test: the greatest distance from the distribution, which exceeds 1.95/√n once in a thousand."""
    expected = np.array([distribution(v) for v in sorted(values.ravel().tolist())])
    n = expected.size
    above, below = np.arange(1, n + 1) / n - expected, expected - np.arange(n) / n

    assert max(above.max(), below.max()) < 1.95 / n**0.5


@pytest.mark.parametrize("scheme", UNIFORM, ids=repr)
def test_uniform_schemes(scheme: fnn.Initializer) -> None:
    params = fnn.init(SIZES, seed=5, initializer=scheme)
    for layer in (1, 2):
        W = params[f"W{layer}"]
        limit = UNIFORM[scheme](*W.shape)
        assert np.abs(W).max() < limit
        assert_drawn(W / limit, lambda w: (w + 1) / 2)
        assert_array_equal(params[f"b{layer}"], 0)


@pytest.mark.parametrize("scheme", NORMAL, ids=repr)
def test_normal_schemes(scheme: fnn.Initializer) -> None:
    params = fnn.init(SIZES, seed=6, initializer=scheme)
    for layer in (1, 2):
        W = params[f"W{layer}"]
        deviation = NORMAL[scheme](*W.shape)
        # Four standard errors of the mean and of the deviation.
        assert abs(W.mean()) < 4 * deviation / W.size**0.5
        assert abs(W.std() / deviation - 1) < 4 / (2 * W.size) ** 0.5
        assert_drawn(W, NormalDist(0, deviation).cdf)


def test_standard_normal_draws_biases() -> None:
    params = fnn.init((2, 5000), seed=7, initializer=fnn.standard_normal)

    assert_drawn(params["b1"], NormalDist().cdf)


def test_uniform_limits() -> None:
    params = fnn.init((50, 400), seed=8, initializer=fnn.uniform(-0.3, 0.5))
    for leaf in params.values():
        assert leaf.min() > -0.3
        assert leaf.max() < 0.5
        assert_drawn(leaf, lambda w: (w + 0.3) / 0.8)


@pytest.mark.parametrize("m, n", [(1, 20), (5, 24), (24, 7), (3, 1), (900, 2)])
def test_nguyen_widrow(m: int, n: int) -> None:
    params = fnn.init((m, n, 4), seed=9, initializer=fnn.nguyen_widrow)
    W, b, length = params["W1"], params["b1"], 0.7 * n ** (1 / m)
    u = (np.random.PCG64(9).random_raw(m * n) >> 11) / 2.0**53
    directions = (2 * u - 1).reshape(m, n)

    assert_allclose(W, length * directions / np.linalg.norm(directions, axis=0), rtol=1e-9)
    assert_allclose(b, length * np.linspace(-1, 1, n) * np.sign(W[0]) if n > 1 else [0], atol=1e-15)
    assert_drawn(params["W2"] / (6 / (n + 4)) ** 0.5, lambda w: (w + 1) / 2)
    assert_array_equal(params["b2"], 0)


def test_nguyen_widrow_covers_one_input_evenly() -> None:
    params = fnn.init((1, 21, 1), seed=10, initializer=fnn.nguyen_widrow)
    middles = np.sort(-params["b1"] / params["W1"][0])

    assert set(np.sign(params["W1"][0])) == {-1, 1}
    assert_allclose(middles, np.linspace(-1, 1, 21), atol=1e-15)


def test_a_scheme_of_ones_own_for_biases_and_outputs() -> None:
    def row_sums(W: Any) -> Any:
        return W.sum(axis=0)

    mine = fnn.Initializer("mine", lambda u, m, n: u, draws_biases=True, biases=row_sums, output=fnn.uniform(2, 3))
    params = fnn.init((3, 4, 5, 2), seed=11, initializer=mine)
    for layer in (1, 2):
        assert_array_equal(params[f"b{layer}"], params[f"W{layer}"].sum(axis=0))
    assert min(params["W3"].min(), params["b3"].min()) > 2

    # The output layer goes on where the layer before has ended.
    raw = np.random.PCG64(11).random_raw(12 + 20 + 1)
    assert params["W3"][0, 0] == 2 + ((raw[-1] >> 11) + 0.5) / 2**53


def test_uniform_numbers_of_pcg64() -> None:
    # The uniform numbers themselves, from NumPy's raw output by Python's integers.
    raw = np.random.PCG64(3).random_raw(9).tolist()
    u = [((r >> 11) + 0.5) / 2**53 for r in raw]
    params = fnn.init((2, 3), seed=3, initializer=fnn.uniform(0, 1))

    assert params.flat.tolist() == u


def test_leaves_are_drawn_in_order() -> None:
    flat = fnn.init((3, 4, 5), seed=1, initializer=fnn.standard_normal).flat

    assert len(set(flat.tolist())) == flat.size
    # What a deeper network starts with doesn't depend on what follows.
    assert_array_equal(fnn.init((3, 4), seed=1, initializer=fnn.standard_normal).flat, flat[:16])


# Any change here changes what every user's seeds mean.
PINNED = {
    "fnn.glorot_uniform": "25ee88666fa7d716 5305512ba44a71e8",
    "fnn.glorot_normal": "705a3d9a1050e4e7 ac2a39752a537fa2",
    "fnn.he_uniform": "d30886a55648b7f0 95cc1f1835ba08c2",
    "fnn.he_normal": "8f0f5518c5e6a047 42266c77bf310112",
    "fnn.lecun_uniform": "5ce4b4e3c4cde841 b987759ac51471e0",
    "fnn.lecun_normal": "287b80e21a2ef9d3 944292973159b2fa",
    "fnn.standard_normal": "8f3d9e8a9b5fcc49 87518a3ba45c1c51",
    "fnn.nguyen_widrow": "f662ca9f91af6323 d9041d334b750a37",
    "fnn.uniform(-0.3, 0.3)": "7e47bc199ab409c2 8b6f017f275c05b0",
}


@pytest.mark.parametrize("scheme", SCHEMES, ids=repr)
def test_bits_of_a_seed(scheme: fnn.Initializer) -> None:
    digests = []
    for dtype in (np.float64, np.float32):
        flat: np.ndarray[Any, Any] = fnn.init((7, 33, 5), seed=2024, initializer=scheme, dtype=dtype).flat
        little_endian = flat.astype(flat.dtype.newbyteorder("<"))
        digests.append(hashlib.sha256(little_endian.tobytes()).hexdigest()[:16])

    assert " ".join(digests) == PINNED[repr(scheme)]


@pytest.mark.parametrize("scheme", SCHEMES, ids=repr)
def test_float32_is_float64_rounded(scheme: fnn.Initializer) -> None:
    double = fnn.init((7, 33, 5), seed=1, initializer=scheme)
    single = fnn.init((7, 33, 5), seed=1, initializer=scheme, dtype=np.float32)

    assert (double.dtype.name, single.dtype.name) == ("float64", "float32")
    assert_array_equal(single.flat, double.flat.astype(np.float32))


def test_seeds_differ() -> None:
    seeds = (0, 1, 2, 2**31, 2**64, 2**200)

    assert len({fnn.init((2, 3, 1), seed=seed).flat.tobytes() for seed in seeds}) == len(seeds)
    assert fnn.init((2, 3, 1), seed=4) == fnn.init((2, 3, 1), seed=int(np.int64(4))) == fnn.init([2, 3, 1], seed=4)


def test_defaults() -> None:
    params = fnn.init((2, 3, 1), seed=0)

    assert params.activations == (fnn.sigmoid, fnn.sigmoid)
    assert params.dtype == np.float64
    assert params == fnn.init((2, 3, 1), seed=0, initializer=fnn.glorot_uniform)


def test_global_random_state_is_unchanged() -> None:
    before = np.random.get_state(legacy=False)  # noqa: NPY002  # the state under test
    first = fnn.init((2, 3, 1), seed=0)
    np.random.seed(1)  # noqa: NPY002
    second = fnn.init((2, 3, 1), seed=0)
    np.random.set_state(before)  # noqa: NPY002

    assert first == second


@pytest.mark.parametrize("scheme", SCHEMES, ids=repr)
def test_pickles_as_the_same_object(scheme: fnn.Initializer) -> None:
    for protocol in range(pickle.HIGHEST_PROTOCOL + 1):
        assert pickle.loads(pickle.dumps(scheme, protocol)) is scheme
    assert copy.copy(scheme) is copy.deepcopy(scheme) is scheme


def test_uniform_of_another_process() -> None:
    stored = pickle.dumps(fnn.uniform(-0.25, 0.5))
    gc.collect()  # none with these limits is left
    loaded = pickle.loads(stored)

    assert repr(loaded) == "fnn.uniform(-0.25, 0.5)"
    assert loaded is fnn.uniform(-0.25, 0.5)
    assert fnn.init((2, 3), seed=3, initializer=loaded) == fnn.init((2, 3), seed=3, initializer=fnn.uniform(-0.25, 0.5))
    assert fnn.uniform(-0.25, 0.75) != loaded


def zeros(u: Any, m: int, n: int) -> Any:
    return 0 * u


def test_pickles_of_schemes_of_ones_own() -> None:
    for name in ("mine", "he_normal"):
        mine = fnn.Initializer(name, zeros, draws_biases=True, doc="All 0.", output=fnn.he_normal)
        loaded = pickle.loads(pickle.dumps(mine))
        assert loaded == mine != fnn.he_normal
        assert (loaded.doc, loaded.output) == ("All 0.", fnn.he_normal)


def test_repr() -> None:
    assert repr(fnn.he_normal) == "fnn.he_normal"
    assert repr(fnn.uniform(-0.3, 0.3)) == "fnn.uniform(-0.3, 0.3)"


@pytest.mark.parametrize(
    "arguments, options, error, message",
    [
        ([()], {}, ValueError, r"sizes: needs an input and an output size at least, got \(\)"),
        ([(3,)], {}, ValueError, r"sizes: needs an input and an output size at least, got \(3,\)"),
        ([(3, 0)], {}, ValueError, r"sizes\[1\]: must be at least 1, got 0"),
        ([(-2, 3)], {}, ValueError, r"sizes\[0\]: must be at least 1, got -2"),
        ([(2.0, 3)], {}, TypeError, r"sizes\[0\]: needs a whole number, got 2.0"),
        ([("2", 3)], {}, TypeError, r"sizes\[0\]: needs a whole number, got '2'"),
        ([(True, 3)], {}, TypeError, r"sizes\[0\]: needs a whole number, got True"),
        ([5], {}, TypeError, "sizes"),
        ([(2, 3)], {"seed": -1}, ValueError, "seed: must be at least 0, got -1"),
        ([(2, 3)], {"seed": 0.5}, TypeError, "seed: needs a whole number, got 0.5"),
        ([(2, 3)], {"seed": None}, TypeError, "seed: needs a whole number, got None"),
        ([(2, 3)], {"dtype": np.float16}, TypeError, "dtype: needs .*, got <class 'numpy.float16'>"),
        ([(2, 3)], {"dtype": int}, TypeError, "dtype: needs np.float32 or np.float64"),
        ([(2, 3)], {"dtype": "complex"}, TypeError, "dtype: needs np.float32 or np.float64"),
        ([(2, 3)], {"initializer": "he"}, TypeError, "initializer: needs a scheme .* got 'he'"),
        ([(2, 3)], {"initializer": fnn.uniform}, TypeError, "initializer: needs a scheme"),
    ],
)  # fmt: skip
def test_bad_arguments(arguments: Any, options: Any, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        fnn.init(*arguments, **{"seed": 0, **options})


@pytest.mark.parametrize("low, high", [(1, 1), (2, 1), (np.nan, 1), (0, np.inf), (-np.inf, 0)])
def test_bad_limits(low: float, high: float) -> None:
    with pytest.raises(ValueError, match="uniform: needs finite low < high, got"):
        fnn.uniform(low, high)
