"""`Params`: an immutable mapping over one buffer, and `tree_map`."""

import copy
import pickle
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import pytest
from numpy.testing import assert_array_equal
from numpy.typing import ArrayLike

import fnn
from fnn.network.params import wrap
from tests.njit import jitted

W1, B1 = [[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]], [7.0, 8.0, 9.0]
W2, B2 = [[10.0], [11.0], [12.0]], [13.0]
LEAVES: dict[str, ArrayLike] = {"W1": W1, "b1": B1, "W2": W2, "b2": B2}


@pytest.fixture
def params() -> fnn.Params[np.float64]:
    return fnn.Params(LEAVES, hidden=fnn.tanh, output=fnn.identity)


def test_mapping_in_the_order_of_layers(params: fnn.Params[np.float64]) -> None:
    assert isinstance(params, Mapping)
    assert len(params) == 4
    assert list(params) == list(params.keys()) == ["W1", "b1", "W2", "b2"]
    assert {key: leaf.tolist() for key, leaf in params.items()} == LEAVES
    assert {key: leaf.tolist() for key, leaf in dict(params).items()} == LEAVES
    assert "W2" in params
    for key in ("W3", "W0", "W", "b", "w1", "W01", "W1 ", "flat", "", 1, None, ("W", 1)):
        assert key not in params
        assert params.get(key) is None  # type: ignore[arg-type]  # any object may be asked for


def test_order_of_more_than_nine_layers() -> None:
    params = fnn.init((2,) * 13, seed=0)

    assert list(params) == [f"{kind}{layer}" for layer in range(1, 13) for kind in "Wb"]
    again = fnn.Params(dict(reversed(list(params.items()))), hidden=fnn.sigmoid, output=fnn.sigmoid)
    assert again == params


def test_leaves_are_views_of_one_flat_buffer(params: fnn.Params[np.float64]) -> None:
    assert_array_equal(params.flat, np.arange(1.0, 14.0))
    assert params.flat.flags.c_contiguous
    for leaf in params.values():
        assert np.shares_memory(leaf, params.flat)
        assert leaf.flags.c_contiguous


def test_static_attributes(params: fnn.Params[np.float64]) -> None:
    assert params.sizes == (2, 3, 1)
    assert params.activations == (fnn.tanh, fnn.identity)
    assert params.dtype == np.float64


def test_repr_has_a_line_a_layer(params: fnn.Params[np.float64]) -> None:
    assert repr(params) == (
        "fnn.Params(float64, 13 parameters)\n"
        "  layer  W       b     activation\n"
        "  1      (2, 3)  (3,)  tanh\n"
        "  2      (3, 1)  (1,)  identity"
    )
    lines = repr(fnn.init((784, *[10] * 11), seed=0, output=fnn.softmax, dtype=np.float32)).splitlines()
    assert lines[0] == "fnn.Params(float32, 8950 parameters)"
    assert lines[1:3] == ["  layer  W          b      activation", "  1      (784, 10)  (10,)  sigmoid"]
    assert lines[-1] == "  11     (10, 10)   (10,)  softmax"


def test_activations_by_layer() -> None:
    hidden = [fnn.relu, fnn.tanh]
    params = fnn.init((2, 3, 4, 5), seed=0, hidden=hidden, output=fnn.softmax)

    assert params.activations == (fnn.relu, fnn.tanh, fnn.softmax)
    hidden[0] = fnn.identity
    assert params.activations[0] is fnn.relu


# Immutability.


def test_leaves_cannot_be_written(params: fnn.Params[np.float64]) -> None:
    for array in (params.flat, *params.values()):
        assert not array.flags.writeable
        with pytest.raises(ValueError, match="read-only"):
            array[...] = 0
        with pytest.raises(ValueError, match="read-only"):
            array += 1
        with pytest.raises(ValueError, match="WRITEABLE"):
            array.flags.writeable = True
        with pytest.raises(ValueError, match="WRITEABLE"):
            array.setflags(write=True)
    assert_array_equal(params.flat, np.arange(1.0, 14.0))


def test_items_cannot_be_assigned(params: fnn.Params[np.float64]) -> None:
    with pytest.raises(TypeError, match="item assignment"):
        params["W1"] = np.zeros((2, 3))  # type: ignore[index]  # bad input
    with pytest.raises(TypeError, match="item deletion"):
        del params["W1"]  # type: ignore[attr-defined]
    for method in ("update", "pop", "clear", "setdefault", "popitem"):
        assert not hasattr(params, method)


@pytest.mark.parametrize("name", ["flat", "sizes", "activations", "dtype", "flat_buffer", "architecture", "other"])
def test_attributes_cannot_be_changed(params: fnn.Params[np.float64], name: str) -> None:
    with pytest.raises(AttributeError, match=f"Params is immutable: {name} can't be set"):
        setattr(params, name, None)
    with pytest.raises(AttributeError, match=f"Params is immutable: {name} can't be deleted"):
        delattr(params, name)
    assert not hasattr(params, "__dict__")


def test_leaves_are_copied() -> None:
    W, b = np.array([[1.0], [2.0]]), np.array([3.0])
    params = fnn.Params({"W1": W, "b1": b}, hidden=(), output=fnn.identity)
    other = params.replace({"b1": b})
    W[:], b[:] = 0, 0

    assert_array_equal(params.flat, [1, 2, 3])
    assert_array_equal(other.flat, [1, 2, 3])


@pytest.mark.parametrize(
    "make",
    [
        lambda p: fnn.init((2, 3, 1), seed=0),
        lambda p: fnn.grad(p, [1, 2], [3]),
        lambda p: fnn.update(p, p, 0.1),
        lambda p: fnn.tree_map(lambda leaf: leaf, p),
        lambda p: p.replace({}),
        lambda p: p.with_flat(np.arange(30, dtype=p.dtype)[:13]),
        lambda p: fnn.train(p, [1, 2], [3], eta=1e-6, epochs=1).params,
        lambda p: fnn.train(p, [1, 2], [3], eta=1e-6, epochs=0).params,
        lambda p: fnn.train(p, [1, 2], [3], optimizer=fnn.adam(), epochs=1).state.vectors[1],
        lambda p: fnn.train_many([p], [1, 2], [3], eta=1e-6, epochs=1)[0].params,
        lambda p: fnn.adam().init(p).vectors[0],
        lambda p: fnn.adam().update(p, p, fnn.adam().init(p))[1].vectors[1],
        lambda p: fnn.hvp(p, [1, 2], [3], v=p),
        lambda p: pickle.loads(pickle.dumps(p)),
        lambda p: pickle.loads(pickle.dumps(p, 5)),
        lambda p: out_of_band(p),
        lambda p: saved(p, "params.npz"),
        lambda p: saved(p, "params.safetensors"),
        lambda p: jitted.update(p, p, 0.1),
        lambda p: jitted.with_flat(p, np.arange(30, dtype=p.dtype)[:13]),
        copy.copy,
        copy.deepcopy,
    ],
)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_all_params_are_immutable(dtype: Any, make: Callable[[Any], Any]) -> None:
    leaves = {key: np.array(leaf, dtype) for key, leaf in LEAVES.items()}
    params: fnn.Params[Any] = fnn.Params(leaves, hidden=fnn.tanh, output=fnn.identity)
    result = make(params)

    for array in (result.flat, *result.values()):
        assert not array.flags.writeable
        with pytest.raises(ValueError, match="WRITEABLE"):
            array.flags.writeable = True


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_pickled_params_have_the_dtype_itself_which_short_calls_look_for(dtype: Any) -> None:
    params = fnn.init((2, 3, 1), seed=0, dtype=dtype)
    for loaded in (pickle.loads(pickle.dumps(params)), out_of_band(params)):
        assert loaded == params
        assert loaded.dtype is np.dtype(dtype)


def out_of_band(params: fnn.Params[Any]) -> Any:
    """Params from memory that the receiver may go on writing to."""
    buffers: list[pickle.PickleBuffer] = []
    data = pickle.dumps(params, 5, buffer_callback=buffers.append)

    return pickle.loads(data, buffers=[bytearray(buffer) for buffer in buffers])


def saved(params: fnn.Params[Any], name: str) -> fnn.Params[Any]:
    with TemporaryDirectory() as folder:
        fnn.save(Path(folder, name), params)

        return fnn.load(Path(folder, name))


def test_mutable_results_share_no_memory_with_params() -> None:
    params = fnn.Params({"W1": [[1.0]], "b1": [0.0]}, hidden=(), output=fnn.identity)
    x = np.array([[2.0]])
    t = fnn.backprop(params, x, x)

    for array in (fnn.forward(params, x), *t.z.values(), *t.a.values(), *t.delta.values(), *t.dE_da.values()):
        assert not np.shares_memory(array, params.flat)
        assert not np.shares_memory(array, x)


# Equality and copies.


def test_equality(params: fnn.Params[np.float64]) -> None:
    same = fnn.Params(LEAVES, hidden=fnn.tanh, output=fnn.identity)
    assert params == same
    assert same is not params
    assert params != params.replace({"b2": [14.0]})
    assert params != fnn.Params(LEAVES, hidden=fnn.relu, output=fnn.identity)
    assert params != fnn.Params(LEAVES, hidden=fnn.tanh, output=fnn.sigmoid)
    assert params != fnn.tree_map(lambda leaf: leaf.astype(np.float32), params)
    # 13 numbers both: 2·3 + 3 + 3·1 + 1 = 12·1 + 1
    assert params != fnn.Params({"W1": np.ones((12, 1)), "b1": [1]}, hidden=(), output=fnn.identity)
    assert params != dict(params)
    assert params != 1
    with pytest.raises(TypeError, match="unhashable"):
        hash(params)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_pickling(dtype: type[Any], protocol: int) -> None:
    params = fnn.init((2, 3, 4), seed=1, hidden=fnn.relu, output=fnn.softmax, dtype=dtype)
    again = pickle.loads(pickle.dumps(params, protocol))

    assert again == params
    assert again.activations[0] is fnn.relu  # so that `is` and == agree
    assert fnn.forward(again, [1.0, 2.0]).tobytes() == fnn.forward(params, [1.0, 2.0]).tobytes()
    assert list(again) == list(params)


def test_activations_and_losses_are_pickled_by_name() -> None:
    for value in (fnn.sigmoid, fnn.tanh, fnn.relu, fnn.identity, fnn.softmax, fnn.squared_error, fnn.huber):
        assert pickle.loads(pickle.dumps(value)) is value
        assert copy.deepcopy(value) is value


def test_copies(params: fnn.Params[np.float64]) -> None:
    assert copy.copy(params) == params
    assert copy.deepcopy({"p": [params]})["p"][0] == params


def test_copies_of_an_architecture_have_no_addresses_of_this_process(params: fnn.Params[np.float64]) -> None:
    a, slope = fnn.forward(params, [1.0, 2.0]), fnn.grad(params, np.ones((3, 2)), np.ones((3, 1)))
    for architecture in (pickle.loads(pickle.dumps(params.architecture)), copy.deepcopy(params.architecture)):
        assert architecture == params.architecture
        assert architecture.recent is None
        again = wrap(params.flat_buffer.copy(), architecture)
        assert_array_equal(fnn.forward(again, np.array([1.0, 2.0])), a)
        assert fnn.grad(again, np.ones((3, 2)), np.ones((3, 1))) == slope


def test_savez(params: fnn.Params[np.float64], tmp_path: Any) -> None:
    np.savez(tmp_path / "p.npz", **dict(params))  # type: ignore[arg-type]  # NumPy's stub has options there
    with np.load(tmp_path / "p.npz") as file:
        assert fnn.Params(dict(file), hidden=fnn.tanh, output=fnn.identity) == params
        assert params.replace(dict(file)) == params


# Construction.


@pytest.mark.parametrize(
    "dtypes, expected",
    [
        ("ff", np.float32), ("dd", np.float64), ("fd", np.float64), ("df", np.float64), ("ii", np.float64),
        ("fi", np.float64), ("ee", np.float64), ("gg", np.float64), ("??", np.float64), ("BB", np.float64),
    ],
)  # fmt: skip
def test_dtype_of_leaves(dtypes: str, expected: type[Any]) -> None:
    leaves = {"W1": np.ones((2, 1), dtypes[0]), "b1": np.ones(1, dtypes[1])}
    params: fnn.Params[Any] = fnn.Params(leaves, hidden=(), output=fnn.identity)

    assert params.dtype == params.flat.dtype == params["W1"].dtype == expected
    assert_array_equal(params.flat, [1, 1, 1])


def test_leaves_in_any_layout() -> None:
    W = np.arange(12.0).reshape(3, 4)
    for array in (np.asfortranarray(W), W[::-1][::-1], W.astype(">f8"), np.repeat(W, 2, axis=1)[:, ::2], W.tolist()):
        params = fnn.Params({"b1": range(4), "W1": array}, hidden=(), output=fnn.identity)
        assert_array_equal(params.flat, [*range(12), *range(4)])
        assert params.flat.dtype.isnative
        assert params.flat.flags.aligned
    single: fnn.Params[Any] = fnn.Params(
        {"W1": W.astype(">f4"), "b1": np.ones(4, ">f4")}, hidden=(), output=fnn.identity
    )
    assert single.dtype == np.float32
    assert single.dtype.isnative
    assert_array_equal(single["W1"], W)


@pytest.mark.parametrize(
    "changes, error, message",
    [
        ({"W3": [[1]]}, ValueError, "'b3' is missing"),
        ({"W3": [[1]], "b3": None}, TypeError, "b3: needs real numbers, got dtype object"),
        ({"w1": [1]}, ValueError, "unknown key 'w1'"),
        ({"b3": [1]}, ValueError, "unknown key 'b3'"),
        ({"b2": ...}, ValueError, "'b2' is missing"),
        ({"W1": ..., "b1": ...}, ValueError, "W1"),  # a gap
        ({"W2": ...}, ValueError, "'b2'|'W2'"),
        ({"W1": [1.0, 2.0]}, ValueError, r"W1: needs shape \(n_in, n_out\), got \(2,\)"),
        ({"W1": np.ones((0, 3))}, ValueError, r"W1: needs shape \(n_in, n_out\), got \(0, 3\)"),
        ({"W1": np.ones((1, 2, 3))}, ValueError, r"W1: needs shape \(n_in, n_out\), got \(1, 2, 3\)"),
        ({"W2": [[1.0], [2.0]]}, ValueError, r"W2: needs 3 rows, as W1 has columns; got shape \(2, 1\)"),
        ({"b1": [1.0, 2.0]}, ValueError, r"b1: needs shape \(3,\), as W1 has shape \(2, 3\); got \(2,\)"),
        ({"b1": [[1.0, 2.0, 3.0]]}, ValueError, r"b1: needs shape \(3,\), as W1 has shape \(2, 3\); got \(1, 3\)"),
        ({"b2": 13.0}, ValueError, r"b2: needs shape \(1,\), as W2 has shape \(3, 1\); got \(\)"),
        ({"b2": [1j]}, TypeError, "b2: needs real numbers, got dtype complex128"),
        ({"b2": ["1"]}, TypeError, "b2: needs real numbers, got dtype <U1"),
        ({"b2": [object()]}, TypeError, "b2: needs real numbers, got dtype object"),
        ({"b2": np.array(["2020"], "M8[Y]")}, TypeError, r"b2: needs real numbers, got dtype datetime64\[Y\]"),
        ({"W1": [[1.0], [2.0, 3.0]]}, ValueError, "W1"),  # rows of different lengths
        ({1: [1.0]}, (ValueError, TypeError), "key"),
    ],
)
def test_bad_leaves(changes: dict[Any, Any], error: Any, message: str) -> None:
    leaves = {key: value for key, value in {**LEAVES, **changes}.items() if value is not ...}

    with pytest.raises(error, match=message):
        fnn.Params(leaves, hidden=fnn.tanh, output=fnn.identity)


def test_no_layers() -> None:
    with pytest.raises(ValueError, match="'W1' is missing"):
        fnn.Params({}, hidden=(), output=fnn.identity)
    with pytest.raises(TypeError, match=r"leaves: needs a mapping from W1, b1, \.\. to arrays, got list"):
        fnn.Params([1.0], hidden=(), output=fnn.identity)  # type: ignore[call-overload]  # bad input


@pytest.mark.parametrize(
    "hidden, output, error, message",
    [
        (
            [],
            fnn.identity,
            ValueError,
            "hidden: needs one activation, or a sequence of 1, one for each hidden layer; got 0",
        ),
        ([fnn.tanh] * 2, fnn.identity, ValueError, "hidden: .* a sequence of 1, one for each hidden layer; got 2"),
        (fnn.softmax, fnn.identity, ValueError, "hidden: fnn.softmax can only be the output activation"),
        (["tanh"], fnn.identity, TypeError, r"hidden\[0\]: needs an activation such as fnn.sigmoid, got 'tanh'"),
        ([np.tanh], fnn.identity, TypeError, r"hidden\[0\]: needs an activation"),
        (fnn.tanh, "softmax", TypeError, "output: needs an activation such as fnn.sigmoid, got 'softmax'"),
        (fnn.tanh, None, TypeError, "output: needs an activation such as fnn.sigmoid, got None"),
        (fnn.tanh, fnn.squared_error, TypeError, "output: needs an activation"),
        (None, fnn.identity, TypeError, "hidden: needs"),
        (np.tanh, fnn.identity, TypeError, "hidden: needs"),
    ],
)
def test_bad_activations(hidden: Any, output: Any, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        fnn.Params(LEAVES, hidden=hidden, output=output)
    with pytest.raises(error, match=message):
        fnn.init((2, 3, 1), seed=0, hidden=hidden, output=output)


# replace


def test_replace(params: fnn.Params[np.float64]) -> None:
    other = params.replace({"b1": [0, 0, 1], "W2": np.ones((3, 1), np.float32)})

    assert_array_equal(other.flat, [1, 2, 3, 4, 5, 6, 0, 0, 1, 1, 1, 1, 13])
    assert (other.sizes, other.activations, other.dtype) == (params.sizes, params.activations, params.dtype)
    assert_array_equal(params.flat, np.arange(1.0, 14.0))
    assert params.replace({}) == params


def test_replace_keeps_the_dtype() -> None:
    params = fnn.init((2, 1), seed=0, dtype=np.float32)
    third = params.replace({"b1": [1 / 3]})

    assert third.dtype == np.float32
    assert third["b1"][0] == np.float32(1 / 3)


@pytest.mark.parametrize(
    "leaves, error, message",
    [
        ({"b3": [1]}, ValueError, "leaves: unknown key 'b3'; this network has W1, b1, W2, b2"),
        ({1: [1]}, ValueError, "leaves: unknown key 1"),
        ({"b1": [1]}, ValueError, r"b1: needs shape \(3,\), got \(1,\)"),
        ({"W1": np.ones((3, 2))}, ValueError, r"W1: needs shape \(2, 3\), got \(3, 2\)"),
        ({"b2": [1j]}, TypeError, "b2: needs real numbers, got dtype complex128"),
        ([("b2", [1])], TypeError, "leaves: needs a mapping .* got list"),
        (None, TypeError, "leaves: needs a mapping .* got NoneType"),
    ],
)
def test_replace_refuses(params: fnn.Params[np.float64], leaves: Any, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        params.replace(leaves)
    assert_array_equal(params.flat, np.arange(1.0, 14.0))


# with_flat


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_with_flat(params: fnn.Params[np.float64], dtype: Any) -> None:
    start = fnn.init((2, 3, 1), seed=0, hidden=fnn.relu, output=fnn.tanh, dtype=dtype)
    vector = np.arange(13.0)
    for values in (vector, vector.astype(np.int32), list(vector), np.repeat(vector, 2)[::2], vector[::-1].copy()[::-1]):
        other = start.with_flat(values)
        assert_array_equal(other["W1"], [[0, 1, 2], [3, 4, 5]])
        assert_array_equal(other["b1"], [6, 7, 8])
        assert_array_equal(other["W2"], [[9], [10], [11]])
        assert_array_equal(other["b2"], [12])
        assert (other.sizes, other.activations, other.dtype) == ((2, 3, 1), (fnn.relu, fnn.tanh), dtype)
    other = start.with_flat(vector)
    vector[:] = 0
    assert other.flat[12] == 12
    assert not other.flat.flags.writeable
    assert start.with_flat(start.flat) == start


@pytest.mark.parametrize(
    "flat, error, message",
    [
        (np.ones(12), ValueError, r"flat: needs shape \(13,\), got \(12,\)"),
        (np.ones((1, 13)), ValueError, r"flat: needs shape \(13,\), got \(1, 13\)"),
        (1.0, ValueError, r"flat: needs shape \(13,\), got \(\)"),
        (np.ones(13) * 1j, TypeError, "flat: needs real numbers, got dtype complex128"),
        (np.full(13, 1e300), ValueError, "flat: has a value beyond float32"),
    ],
)
def test_with_flat_refuses(flat: Any, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        fnn.init((2, 3, 1), seed=0, dtype=np.float32).with_flat(flat)


def test_unknown_key_names_the_known_keys(params: fnn.Params[np.float64]) -> None:
    for key in ("W3", "b0", "x", "W-1", "W1.0"):
        with pytest.raises(KeyError, match=re.escape(f"'{key}': the keys are W1, b1, .., W2, b2")):
            params[key]


# tree_map


def test_tree_map(params: fnn.Params[np.float64]) -> None:
    seen: list[tuple[Any, ...]] = []

    def f(a: Any, b: Any, c: Any) -> Any:
        seen.append((a.shape, b.shape, c.shape))
        return a + 10 * b - c

    mapped = fnn.tree_map(f, params, params, params)

    assert_array_equal(mapped.flat, 10 * np.arange(1.0, 14.0))
    assert (mapped.sizes, mapped.activations) == (params.sizes, params.activations)
    assert seen == [((2, 3),) * 3, ((3,),) * 3, ((3, 1),) * 3, ((1,),) * 3]


def test_dtype_of_tree_map(params: fnn.Params[np.float64]) -> None:
    single = fnn.tree_map(lambda leaf: leaf.astype(np.float32), params)

    assert single.dtype == np.float32
    assert fnn.tree_map(lambda a, b: a + b, single, params).dtype == np.float64
    assert fnn.tree_map(lambda leaf: leaf > 3, params).dtype == np.float64
    assert_array_equal(fnn.tree_map(lambda leaf: leaf > 3, params).flat, np.arange(1, 14) > 3)


def test_tree_map_copies(params: fnn.Params[np.float64]) -> None:
    mapped = fnn.tree_map(lambda leaf: leaf, params)

    assert mapped == params
    assert not np.shares_memory(mapped.flat, params.flat)


@pytest.mark.parametrize(
    "other, message",
    [
        (fnn.init((2, 4, 1), seed=0, hidden=fnn.tanh, output=fnn.identity),
         r"trees\[1\]: needs sizes \(2, 3, 1\), got \(2, 4, 1\)"),
        (fnn.init((2, 3, 3, 1), seed=0, hidden=fnn.tanh, output=fnn.identity), r"trees\[1\]: needs sizes"),
        (fnn.init((2, 3, 1), seed=0, hidden=fnn.relu, output=fnn.identity),
         r"trees\[1\]: needs activations \(fnn.tanh, fnn.identity\), got \(fnn.relu, fnn.identity\)"),
    ],
)  # fmt: skip
def test_tree_map_and_update_refuse_another_structure(
    params: fnn.Params[np.float64], other: fnn.Params[np.float64], message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        fnn.tree_map(np.add, params, other)
    with pytest.raises(ValueError, match=message.replace(r"trees\[1\]", "grads")):
        fnn.update(params, other, 0.1)


def test_tree_map_refuses(params: fnn.Params[np.float64]) -> None:
    with pytest.raises(TypeError, match=r"trees\[0\]: needs fnn.Params, got dict; a plain mapping has lost its act"):
        fnn.tree_map(np.negative, dict(params))  # type: ignore[arg-type]  # bad input
    with pytest.raises(TypeError, match=r"trees\[1\]: needs fnn.Params, got ndarray; fnn\.init\(\.\.\) makes them$"):
        fnn.tree_map(np.add, params, params.flat)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match=r"f at W1: must keep the shape \(2, 3\), returned \(3, 2\)"):
        fnn.tree_map(np.transpose, params)
    with pytest.raises(TypeError, match="f at W1: needs real numbers, got dtype object"):
        fnn.tree_map(lambda leaf: None, params)  # type: ignore[arg-type,return-value]
    with pytest.raises(ZeroDivisionError):
        fnn.tree_map(lambda leaf: leaf / (1 // 0), params)


def test_sizes_may_be_any_sequence_but_a_string() -> None:
    assert fnn.init(np.array([2, 3]), seed=0).sizes == (2, 3)  # type: ignore[call-overload]
    with pytest.raises(TypeError, match=r"hidden: needs an activation .* got 'tanh'"):
        fnn.init((2, 3, 1), seed=0, hidden="tanh")  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="sizes: needs a sequence of layer sizes, got '23'"):
        fnn.init("23", seed=0)  # type: ignore[arg-type]


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_a_vector_whose_dtype_is_another_object(dtype: type[Any]) -> None:
    params: fnn.Params[Any] = fnn.init((3, 4, 2), seed=0, dtype=dtype)
    x, y = np.ones((5, 3), dtype), np.ones((5, 2), dtype)
    flat = pickle.loads(pickle.dumps(params.flat.copy()))
    assert flat.dtype is not np.dtype(dtype)
    same = wrap(flat, params.architecture)
    assert same.dtype is np.dtype(dtype)
    assert not same.flat.flags.writeable
    with pytest.raises(ValueError, match="WRITEABLE"):
        same.flat.flags.writeable = True
    grads = fnn.grad(same, x, y)
    assert grads == fnn.grad(params, x, y)
    assert fnn.update(same, grads, 0.1) == fnn.update(params, grads, 0.1)
    assert np.array_equal(fnn.forward(same, pickle.loads(pickle.dumps(x))), fnn.forward(params, x))
