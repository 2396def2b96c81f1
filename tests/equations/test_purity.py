"""No argument is changed, whatever its layout, and none is kept."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

import fnn

pytestmark = pytest.mark.usefixtures("exact_threads")
DTYPES = [np.float32, np.float64]
CALLS: list[Callable[..., Any]] = [
    lambda p, x, y, w: fnn.forward(p, x),
    lambda p, x, y, w: fnn.error(p, fnn.Cases(x, y, weights=w)),
    lambda p, x, y, w: fnn.value_and_grad(p, fnn.Cases(x, y, weights=w))[1],
    lambda p, x, y, w: fnn.grad(p, fnn.Cases(x, y, weights=w)),
    lambda p, x, y, w: fnn.backprop(p, fnn.Cases(x, y, weights=w)).grads,
    lambda p, x, y, w: fnn.input_grad(p, fnn.Cases(x, y, weights=w)),
    lambda p, x, y, w: fnn.jacobian(p, x),
    lambda p, x, y, w: fnn.jacobian(p, x, by="params"),
    lambda p, x, y, w: fnn.gauss_newton(p, fnn.Cases(x, y, weights=w)),
    lambda p, x, y, w: fnn.vjp(p, x, y)[0],
    lambda p, x, y, w: fnn.jvp(p, x, v=p, dx=x),
    lambda p, x, y, w: fnn.hvp(p, fnn.Cases(x, y, weights=w), v=p),
    lambda p, x, y, w: fnn.check_grad(p, fnn.Cases(x, y, weights=w), h=1e-2),
    lambda p, x, y, w: fnn.train(p, fnn.Cases(x, y, weights=w), eta=0.1, epochs=3, batch_size=4).params,
    lambda p, x, y, w: fnn.train(p, fnn.Cases(x, y, weights=w), eta=0.1, epochs=3, threads=2, validation=(x, y)).params,
]
NAMES = [
    "forward",
    "error",
    "value_and_grad",
    "grad",
    "backprop",
    "input_grad",
    "jacobian",
    "jacobian_by_params",
    "gauss_newton",
    "vjp",
    "jvp",
    "hvp",
    "check_grad",
    "train",
    "train_by_threads",
]


def base(count: int, width: int) -> NDArray[np.int64]:
    """Small integers, which all layouts and dtypes hold exactly."""
    return (np.arange(count * width) * 7 % 5 % 2).reshape(count, width)


def wide(a: NDArray[Any]) -> NDArray[Any]:
    """Every second number of a larger array."""
    large = np.full([2 * n for n in a.shape], 9.0)
    view = large[tuple(slice(1, None, 2) for _ in a.shape)]
    view[...] = a

    return view


def unaligned(a: NDArray[Any]) -> NDArray[Any]:
    """At an odd address."""
    array = np.frombuffer(bytearray(a.size * 8 + 1), np.float64, offset=1, count=a.size).reshape(a.shape)
    array[...] = a
    assert not array.flags.aligned

    return array


def read_only(a: NDArray[Any]) -> NDArray[Any]:
    array = a.astype(float)
    array.flags.writeable = False

    return array


LAYOUTS: dict[str, Callable[[NDArray[Any]], Any]] = {
    "float32": lambda a: a.astype(np.float32),
    "float64": lambda a: a.astype(np.float64),
    "float16": lambda a: a.astype(np.float16),
    "longdouble": lambda a: a.astype(np.longdouble),
    "int": lambda a: a,
    "uint8": lambda a: a.astype(np.uint8),
    "bool": lambda a: a.astype(bool),
    "byte-swapped": lambda a: a.astype(">f8"),
    "byte-swapped int": lambda a: a.astype(">i4"),
    "Fortran": lambda a: np.asfortranarray(a, dtype=float),
    "strided": wide,
    "reversed": lambda a: np.ascontiguousarray(a[::-1], dtype=float)[::-1],
    "broadcast": lambda a: np.broadcast_to(a[:1].astype(float), a.shape),
    "read-only": read_only,
    "unaligned": unaligned,
    "masked": lambda a: np.ma.masked_array(a.astype(float)),
    "list": lambda a: a.tolist(),
    "tuple": lambda a: tuple(a.tolist()),
}


def bits(value: Any) -> tuple[Any, ...]:
    """What must not change: bytes, and those of the whole array that a view looks into; dtype, layout, flags."""
    if isinstance(value, np.ndarray):
        whole = value if value.base is None else value.base
        memory = whole.tobytes() if isinstance(whole, np.ndarray) else bytes(memoryview(whole).cast("B"))
        return value.tobytes(), memory, value.dtype, value.shape, value.strides, str(value.flags)

    return (repr(value),)


def numbers(value: Any) -> bytes:
    """The bits of a result."""
    return value.flat.tobytes() if isinstance(value, fnn.Params) else np.asarray(value).tobytes()


@pytest.mark.parametrize("call", CALLS, ids=NAMES)
@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("dtype", DTYPES)
def test_arguments_in_any_layout(dtype: type[Any], layout: str, call: Callable[..., Any]) -> None:
    params = fnn.init((3, 5, 2), seed=1, dtype=dtype)
    make = LAYOUTS[layout]
    x, y, w = base(9, 3), base(9, 2), base(9, 1)[:, 0] + 1
    if layout == "broadcast":
        x, y, w = (np.broadcast_to(a[:1], a.shape).copy() for a in (x, y, w))
    if layout == "bool":
        w = np.ones_like(w)
    arguments = make(x), make(y), make(w)
    wanted = call(params, x.astype(dtype), y.astype(dtype), w.astype(float))
    before, flat = [bits(a) for a in arguments], params.flat.tobytes()

    result = call(params, *arguments)

    assert [bits(a) for a in arguments] == before
    assert params.flat.tobytes() == flat
    assert numbers(result) == numbers(wanted)


@pytest.mark.parametrize("dtype", DTYPES)
def test_labels_are_left_alone(dtype: type[Any]) -> None:
    params = fnn.init((3, 5, 4), seed=1, output=fnn.softmax, dtype=dtype)
    labels = np.arange(9) % 4
    labels.flags.writeable = False
    before = bits(labels)
    fnn.train(params, base(9, 3), labels, loss=fnn.cross_entropy, eta=0.1, epochs=3, batch_size=2)
    fnn.accuracy(params, base(9, 3), labels)
    fnn.one_hot(labels, 4)

    assert bits(labels) == before


def test_grads_are_left_alone_by_update() -> None:
    params, grads = fnn.init((3, 2), seed=0, dtype=np.float32), fnn.init((3, 2), seed=1)
    before = params.flat.tobytes(), grads.flat.tobytes()
    after = fnn.update(params, grads, 0.5)  # type: ignore[misc]  # the dtypes differ

    assert (params.flat.tobytes(), grads.flat.tobytes()) == before
    assert not np.shares_memory(after.flat, params.flat)


def test_results_do_not_share_memory_with_arguments() -> None:
    params = fnn.init((3, 3), seed=0, output=fnn.identity)
    x, y = base(4, 3).astype(float), base(4, 3).astype(float)
    t = fnn.backprop(params, x, y)
    run = fnn.train(params, x, y, eta=0.1, epochs=2)
    arrays = [fnn.forward(params, x), fnn.grad(params, x, y).flat, *t.a.values(), *t.dE_da.values(), run.history.error]

    assert not any(np.shares_memory(array, other) for array in arrays for other in (x, y, params.flat))


def test_results_of_two_calls_do_not_share_memory() -> None:
    params, x = fnn.init((3, 2), seed=0), np.ones((4, 3))
    first = fnn.forward(params, x)
    kept = first.copy()
    fnn.forward(params, -x)

    np.testing.assert_array_equal(first, kept)


def test_the_same_call_gives_the_same_bits() -> None:
    params = fnn.init((3, 40, 2), seed=1)
    x, y = np.random.default_rng(0).normal(size=(100, 3)), np.random.default_rng(1).normal(size=(100, 2))
    for call in CALLS:
        assert numbers(call(params, x, y, None)) == numbers(call(params, x, y, None))


def test_random_state_is_neither_read_nor_changed() -> None:
    params = fnn.init((3, 2), seed=0)
    x, y = base(20, 3), base(20, 2)
    options: dict[str, Any] = {"eta": 0.1, "epochs": 3, "batch_size": 4, "seed": 5}
    before = np.random.get_state(legacy=False)  # noqa: NPY002  # that fnn doesn't touch it is the point
    first = fnn.train(params, x, y, **options)
    assert repr(np.random.get_state(legacy=False)) == repr(before)  # noqa: NPY002
    np.random.seed(123)  # noqa: NPY002
    second = fnn.train(params, x, y, **options)
    np.random.set_state(before)  # noqa: NPY002

    assert first.params == second.params
