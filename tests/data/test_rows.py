"""Arrays of any real dtype, strides and byte order, of which no copy is made, against copies cast by NumPy."""

import tracemalloc
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

import fnn
from fnn.data import rows as data
from tests.paces import train_by_exactly

NATIVE = ("?", "b", "h", "i", "q", "B", "H", "I", "Q", "e", "f", "d")
DTYPES = st.sampled_from((*NATIVE, *(f">{kind}" for kind in "hiqHIQefd"), "g"))
FLOATS: tuple[type[Any], ...] = (np.float32, np.float64)
UNITS, CLASSES = 5, 3


def every_second(x: NDArray[Any]) -> NDArray[Any]:
    wide = np.zeros((2 * len(x), 3 * x.shape[1]), x.dtype)
    wide[::2, ::3] = x
    return wide[::2, ::3]


def reversed_both_ways(x: NDArray[Any]) -> NDArray[Any]:
    return np.ascontiguousarray(x[::-1, ::-1])[::-1, ::-1]


def unaligned(x: NDArray[Any]) -> NDArray[Any]:
    packed = np.zeros(len(x), [("pad", "u1"), ("x", x.dtype, x.shape[1:])])
    packed["x"] = x
    return packed["x"]


def read_only(x: NDArray[Any]) -> NDArray[Any]:
    x = x.copy()
    x.flags.writeable = False
    return x


def repeated(x: NDArray[Any]) -> NDArray[Any]:
    return np.broadcast_to(x[0], x.shape)


Layout = Callable[[NDArray[Any]], NDArray[Any]]
LAYOUTS: tuple[Layout, ...] = (
    np.ascontiguousarray, np.asfortranarray, every_second, reversed_both_ways, unaligned, read_only, repeated,
)  # fmt: skip


def numbers(random: np.random.Generator, dtype: np.dtype[Any], shape: tuple[int, ...]) -> NDArray[Any]:
    """Any finite numbers of the dtype that float32 has, too: all digits, integers to their limits, and subnormals."""
    if dtype.kind == "b":
        return random.integers(0, 2, shape).astype(dtype)
    if dtype.kind in "iu":
        limits = np.iinfo(dtype)
        wide = random.integers(limits.min, limits.max, shape, dtype=dtype.newbyteorder("="), endpoint=True)
        return wide.astype(dtype)
    exponents = random.integers(-26, 15, shape) if dtype.itemsize == 2 else random.integers(-150, 60, shape)

    return (random.normal(size=shape) * 2.0**exponents).astype(dtype)


@st.composite
def arrays(draw: st.DrawFn, count: int, columns: int) -> NDArray[Any]:
    random = np.random.default_rng(draw(st.integers(0, 2**32)))
    laid_out: Layout = draw(st.sampled_from(LAYOUTS))

    return laid_out(numbers(random, np.dtype(draw(DTYPES)), (count, columns)))


@st.composite
def targets(draw: st.DrawFn, count: int) -> NDArray[Any]:
    """One-hot or labels."""
    labels = np.random.default_rng(draw(st.integers(0, 2**32))).integers(0, CLASSES, count)
    if draw(st.booleans()):
        laid_out: Layout = draw(st.sampled_from(LAYOUTS))
        return laid_out(fnn.one_hot(labels, CLASSES).astype(draw(DTYPES)))
    made: NDArray[Any] = np.repeat(labels.astype(draw(st.sampled_from(["b", "B", ">h", "q", "Q"]))), 2)

    return made[::2]


Call = tuple[fnn.Params[Any], NDArray[Any], NDArray[Any], float]


@st.composite
def calls(draw: st.DrawFn) -> Call:
    """Params, x, y and a scale."""
    count, dtype = draw(st.sampled_from([2, 7, 70])), draw(st.sampled_from(FLOATS))
    params = fnn.init((UNITS, 4, CLASSES), output=fnn.softmax, seed=draw(st.integers(0, 99)), dtype=dtype)
    x = draw(arrays(count, UNITS))
    greatest = float(np.abs(x.astype(np.float64)).max()) or 1.0

    return params, x, draw(targets(count)), draw(st.sampled_from([1.0, 1 / greatest, 0.7 / greatest]))


def cast(dtype: np.dtype[Any], x: NDArray[Any], scale: float = 1.0) -> NDArray[Any]:
    plain = np.ascontiguousarray(x, dtype)
    return plain if scale == 1 else plain * dtype.type(scale)


def as_it_is(patch: pytest.MonkeyPatch) -> None:
    """From now on every array is large enough not to be copied."""
    patch.setattr(data, "CAST", 1)


def outcome(call: Callable[..., Any], *args: Any, **options: Any) -> Any:
    """What comes out, be it an error: with large numbers training may diverge."""
    try:
        return call(*args, **options)
    except (fnn.TrainingDiverged, ValueError) as error:
        return str(error)


def bits(outcome: Any) -> Any:
    """All bits of what a call returns."""
    match outcome:
        case fnn.Params():
            return outcome.flat.tobytes()
        case fnn.Run(history=h):
            measured = [h.error, h.validation_error, h.validation_accuracy]
            return bits(outcome.params), [None if a is None else a.tobytes() for a in measured]
        case np.ndarray():
            return outcome.tobytes(), outcome.shape
        case tuple():
            return tuple(map(bits, outcome))

    return outcome


@given(calls(), st.sampled_from([None, 1, 3, 64]), st.booleans())
@settings(deadline=None, max_examples=300)
def test_bits_are_those_of_a_cast_copy(call: Call, batch_size: int | None, weighs: bool) -> None:
    params, x, y, scale = call
    before = x.tobytes(), y.tobytes()
    plain = cast(params.dtype, x, scale)
    plain_y = y.astype(np.int64) if y.ndim == 1 else cast(params.dtype, y)
    weights: dict[str, Any] = {"weights": np.linspace(1, 2, len(x)), "class_weights": [0.5, 1, 2]} if weighs else {}
    options: dict[str, Any] = {"loss": fnn.cross_entropy, "reduction": "mean"}
    training: dict[str, Any] = {"eta": 1e-3, "epochs": 2, "batch_size": batch_size, **options}

    cases = fnn.Cases(plain, plain_y, **weights)
    wanted = [
        outcome(fnn.train, params, cases, validation=fnn.Cases(plain, plain_y), **training),
        outcome(fnn.value_and_grad, params, cases, **options),
        outcome(fnn.forward, params, plain),
    ]
    with pytest.MonkeyPatch.context() as patch:
        as_it_is(patch)
        found = [
            outcome(
                fnn.train,
                params,
                fnn.Cases(x, y, scale=scale, **weights),
                validation=fnn.Cases(x, y, scale=scale),
                **training,
            ),
            outcome(fnn.value_and_grad, params, fnn.Cases(x, y, scale=scale, **weights), **options),
            outcome(fnn.forward, params, x, scale=scale),
        ]

    assert list(map(bits, found)) == list(map(bits, wanted))
    assert (x.tobytes(), y.tobytes()) == before


WIDE = 200  # rows of a few hundred kB


def wide_params(**options: Any) -> fnn.Params[np.float32]:
    return fnn.init((WIDE, 2, CLASSES), output=fnn.softmax, seed=1, dtype=np.float32, **options)


def file_of(x: NDArray[Any], path: Path) -> NDArray[Any]:
    """The array in a file that is mapped into memory."""
    np.save(path / "x.npy", x)
    mapped: NDArray[Any] = np.load(path / "x.npy", mmap_mode="r")

    return mapped


AS_THEY_ARE: dict[str, Callable[[NDArray[np.uint8], Path], NDArray[Any]]] = {
    "bytes": lambda x, path: x,
    "float64": lambda x, path: x.astype(np.float64),
    "columns first": lambda x, path: np.asfortranarray(x, np.float32),
    "reversed": lambda x, path: x.astype(np.float32)[::-1],
    "the other byte order": lambda x, path: x.astype(">f4"),
    "a file": file_of,
    "a file of float64": lambda x, path: file_of(x.astype(np.float64), path),
}


@pytest.mark.parametrize("how", AS_THEY_ARE)
def test_no_copy_of_the_whole_is_made(how: str, tmp_path: Path) -> None:
    random = np.random.default_rng(0)
    labels = random.integers(0, CLASSES, 40_000)
    x = AS_THEY_ARE[how](random.integers(0, 256, (40_000, WIDE), np.uint8), tmp_path)
    y, params = fnn.one_hot(labels, CLASSES, dtype=np.float32), wide_params()
    options: dict[str, Any] = {"loss": fnn.cross_entropy, "reduction": "mean"}

    def cases(**weights: Any) -> fnn.Cases:
        return fnn.Cases(x, y, scale=1 / 255, **weights)

    calls: dict[str, Callable[[], object]] = {
        "train": lambda: fnn.train(
            params, cases(weights=np.ones(len(x)), class_weights=np.ones(CLASSES)), eta=0.1, epochs=1, batch_size=100,
            validation=cases(), **options,
        ),
        "grad": lambda: fnn.grad(params, cases(class_weights=np.ones(CLASSES)), **options),
        "forward": lambda: fnn.forward(params, x, scale=1 / 255),
        "accuracy": lambda: fnn.accuracy(params, fnn.Cases(x, labels, scale=1 / 255)),
    }  # fmt: skip
    for call in calls.values():
        call()  # compiles
    for name, call in calls.items():
        tracemalloc.start()
        call()
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        assert peak < x.size / 2, name  # a copy takes four or eight times x.size


def test_small_arrays_are_cast_once_and_long_double_is() -> None:
    x = np.zeros((10, 4))
    assert not data.is_to_fetch(x, np.dtype(np.float32))
    large = np.zeros((data.CAST, 1), np.longdouble)
    assert not data.is_to_fetch(large, np.dtype(np.float32))
    assert data.is_to_fetch(large.astype(np.float64), np.dtype(np.float32))
    assert not data.is_to_fetch(large.astype(np.float32), np.dtype(np.float32))


@pytest.mark.parametrize("kind", ["targets", "labels"])
def test_faults_are_told_as_for_a_copy(kind: str) -> None:
    random = np.random.default_rng(0)
    params = fnn.init((UNITS, CLASSES), hidden=(), output=fnn.softmax, seed=1, dtype=np.float32)
    for trial in range(60):
        x, labels = random.normal(size=(9, UNITS)), random.integers(0, CLASSES, 9)
        y = fnn.one_hot(labels, CLASSES) if kind == "targets" else labels.astype(np.int32)
        weights = np.ones(9)
        for _ in range(trial % 4 + 1):
            row, worse = random.integers(0, 9), random.integers(0, 6)
            if worse == 0:
                x[row, 2] = random.choice([np.nan, np.inf, 1e300])
            elif worse < 3:
                y[row] = random.choice([-1, 7]) if kind == "labels" else random.choice([np.nan, 2, 0.7])
            elif worse == 3:
                weights[row] = random.choice([-1, np.nan, np.inf])
            elif worse == 4:
                weights[:] = 0
        options: dict[str, Any] = {"eta": 1e-3, "epochs": 1, "loss": fnn.cross_entropy}
        wanted = bits(outcome(fnn.train, params, fnn.Cases(x, y, weights=weights), **options))
        with pytest.MonkeyPatch.context() as patch:
            as_it_is(patch)
            assert bits(outcome(fnn.train, params, fnn.Cases(x, y, weights=weights), **options)) == wanted


def test_a_number_that_scale_makes_infinite_is_refused() -> None:
    params = fnn.init((1, 1), seed=1, dtype=np.float32)
    x = np.array([[1.0], [1e30]])
    with pytest.MonkeyPatch.context() as patch:
        as_it_is(patch)
        with pytest.raises(ValueError, match="x: NaN or infinity or a value beyond float32 in row 1"):
            fnn.forward(params, x, scale=1e10)
        with pytest.raises(ValueError, match="x: NaN or infinity or a value beyond float32 in row 1"):
            fnn.train(params, fnn.Cases(x, x, scale=1e10), eta=1.0, epochs=1)


@pytest.mark.parametrize("scale", [0, -1.0, np.inf, np.nan, 1e-60])
def test_scale_must_be_above_0(scale: float) -> None:
    params = fnn.init((1, 1), seed=1, dtype=np.float32)
    for call in (
        lambda: fnn.forward(params, [1.0], scale=scale),
        lambda: fnn.error(params, fnn.Cases([1.0], [1.0], scale=scale)),
        lambda: fnn.train(params, fnn.Cases([[1.0]], [[1.0]], scale=scale), eta=1.0, epochs=1),
    ):
        with pytest.raises(ValueError, match="scale: "):
            call()


def test_scale_by_hand() -> None:
    # a = 2 · (10 · 0.5) + 1 = 11; E = ½ (11 − 10)², ∂E/∂W = 1 · 5.
    params = fnn.Params({"W1": [[2.0]], "b1": [1.0]}, hidden=(), output=fnn.identity)
    assert fnn.forward(params, np.array([10], np.uint8), scale=0.5).item() == 11
    assert fnn.error(params, fnn.Cases([10.0], [10.0], scale=0.5)) == 0.5
    assert fnn.grad(params, fnn.Cases([10.0], [10.0], scale=0.5)).flat.tolist() == [5, 1]


@pytest.mark.parametrize("threads", [1, 4])
def test_threads_fetch_the_same_bits(threads: int) -> None:
    random = np.random.default_rng(3)
    x, labels = random.integers(0, 256, (3000, 97), np.uint8), random.integers(0, CLASSES, 3000)
    params = fnn.init((97, 20, CLASSES), output=fnn.softmax, seed=1, dtype=np.float32)
    options: dict[str, Any] = {"eta": 0.1, "epochs": 2, "batch_size": 700, "loss": fnn.cross_entropy}
    wanted = fnn.train(params, x.astype(np.float32) * np.float32(1 / 255), labels, **options)
    with pytest.MonkeyPatch.context() as patch:
        as_it_is(patch)
        train_by_exactly(patch)
        run = fnn.train(params, fnn.Cases(x, labels, scale=1 / 255), threads=threads, **options)

    assert bits(run) == bits(wanted)
