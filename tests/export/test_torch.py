"""`to_torch` and `from_torch`, with PyTorch's numbers."""

from __future__ import annotations

import sys
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

import fnn
from tests.export.networks import DTYPES, assert_agrees, cases

OPTIONS: dict[str, Any] = {"hidden": fnn.tanh, "output": fnn.sigmoid}


def network(dtype: type[Any]) -> fnn.Params[Any]:
    params: fnn.Params[Any] = fnn.init((3, 6, 5, 4), seed=0, initializer=fnn.standard_normal, dtype=dtype, **OPTIONS)

    return params


@pytest.mark.parametrize("dtype", DTYPES)
def test_names_and_layout(dtype: type[Any]) -> None:
    params = network(dtype)
    state = fnn.to_torch(params)

    assert list(state) == ["0.weight", "0.bias", "2.weight", "2.bias", "4.weight", "4.bias"]
    for layer in (1, 2, 3):
        weight, bias = state[f"{2 * layer - 2}.weight"], state[f"{2 * layer - 2}.bias"]
        np.testing.assert_array_equal(weight, params[f"W{layer}"].T, strict=True)
        np.testing.assert_array_equal(bias, params[f"b{layer}"], strict=True)
        assert weight.flags.c_contiguous
        assert weight.flags.writeable
        assert not np.shares_memory(weight, params.flat)
        assert not np.shares_memory(bias, params.flat)
    assert fnn.from_torch(state, **OPTIONS) == params
    renamed = {f"net.layers.{key}": value for key, value in state.items()}
    assert fnn.from_torch(renamed, **OPTIONS) == params


def test_against_numbers_of_pytorch() -> None:
    # The outputs of a Sequential of PyTorch 2.13.0 with this state_dict, in float64.
    x = [[0.1, -0.2, 0.3], [1.0, 2.0, -3.0]]
    expected = [
        [0.43616074384851916, 0.5879378592247252, 0.408897018515076, 0.09413644306982903],
        [0.17071755697135715, 0.8154303040652588, 0.17239006168404533, 0.5889295007072797],
    ]
    params = fnn.from_torch(fnn.to_torch(network(np.float64)), **OPTIONS)

    np.testing.assert_allclose(fnn.forward(params, x), expected, rtol=1e-14)


@pytest.mark.parametrize("dtype", DTYPES)
def test_against_pytorch(dtype: type[Any]) -> None:
    torch = pytest.importorskip("torch")
    nn = torch.nn
    modules = [nn.Linear(3, 6), nn.Tanh(), nn.Linear(6, 5), nn.Tanh(), nn.Linear(5, 4), nn.Sigmoid()]
    model = nn.Sequential(*modules).to(torch.float32 if dtype is np.float32 else torch.float64)
    theirs = fnn.from_torch(model.state_dict(), **OPTIONS)
    assert theirs == fnn.from_torch(dict(model.named_parameters()), **OPTIONS)
    assert_agrees(theirs, model(torch.from_numpy(cases(theirs))).detach().numpy())

    params = network(dtype)
    model.load_state_dict(fnn.to_torch(params, as_tensors=True))
    assert_agrees(params, model(torch.from_numpy(cases(params))).detach().numpy())
    assert fnn.from_torch(model.state_dict(), **OPTIONS) == params


def test_missing_torch_package(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "torch", None)
    with pytest.raises(ModuleNotFoundError, match=r"as_tensors needs the package torch: pip install 'fnn\[torch\]'"):
        fnn.to_torch(network(np.float64), as_tensors=True)
    with pytest.raises(TypeError, match="as_tensors: needs True or False, got 1"):
        fnn.to_torch(network(np.float64), as_tensors=1)  # type: ignore[call-overload]  # bad input


def layers(names: list[str], sizes: tuple[int, ...]) -> tuple[dict[str, NDArray[Any]], fnn.Params[np.float64]]:
    """A state with these names of layers, in order, and its network."""
    params = fnn.init(sizes, seed=0, initializer=fnn.standard_normal, **OPTIONS)
    state: dict[str, NDArray[Any]] = {}
    for layer, name in enumerate(names, start=1):
        state |= {f"{name}.weight": params[f"W{layer}"].T, f"{name}.bias": params[f"b{layer}"]}

    return state, params


def shuffled(state: dict[str, NDArray[Any]]) -> list[dict[str, NDArray[Any]]]:
    """The state in the order of its names, and in others."""
    random, keys = np.random.default_rng(0), sorted(state)
    orders = [keys, *(random.permutation(keys).tolist() for _ in range(9))]

    return [{key: state[key] for key in order} for order in orders]


@pytest.mark.parametrize(
    "names, sizes",
    [
        (["0", "2", "4", "6", "8", "10"], (4,) * 7),
        (["net.layer8", "net.layer9", "net.layer10", "net.layer11", "net.layer12"], (4,) * 6),
        (["a.9.linear", "a.10.linear"], (4, 4, 4)),
        (["block1.fc1", "block1.fc2", "block2.fc1", "block10.fc2"], (4,) * 5),
        (["hidden", "output"], (3, 5, 2)),
        (["fc1", "fc2", "fc10", "out"], (4, 4, 4, 4, 2)),
        (["encoder.0", "encoder.2", "decoder.0", "decoder.2"], (8, 4, 2, 4, 7)),
    ],
)  # fmt: skip
def test_order_of_keys(names: list[str], sizes: tuple[int, ...]) -> None:
    state, params = layers(names, sizes)
    for other in (state, *shuffled(state)):
        assert fnn.from_torch(other, **OPTIONS) == params


@pytest.mark.parametrize(
    "names, sizes, fit",
    [
        (["first", "second"], (4, 4, 4), "several orders"),
        (["second", "first"], (4, 3, 4), "several orders"),
        (["encoder.0", "encoder.2", "decoder.0", "decoder.2"], (8, 4, 2, 4, 8), "several orders"),
    ],
)  # fmt: skip
def test_unknown_orders_are_refused(names: list[str], sizes: tuple[int, ...], fit: str) -> None:
    state, _ = layers(names, sizes)
    for other in (state, *shuffled(state)):
        with pytest.raises(ValueError, match=f"state: the layers '.*' fit together in {fit}; rename their keys to 0.w"):
            fnn.from_torch(other, **OPTIONS)


def test_layers_that_fit_in_no_order_are_refused() -> None:
    state = layers(["in"], (3, 4))[0] | layers(["out"], (5, 2))[0]
    with pytest.raises(ValueError, match="state: the layers 'in', 'out' fit together in none; rename"):
        fnn.from_torch(state, **OPTIONS)


@pytest.mark.parametrize(
    "state, error, message",
    [
        ([], TypeError, r"state: needs a mapping such as model\.state_dict\(\), got list"),
        ({"1.running_mean": np.ones(3)}, ValueError, "'1.running_mean' is neither the weight nor the bias of a linear"),
        ({"0.weight": np.ones((3, 2))}, ValueError, "state: layer '0' needs a weight and a bias, it has only a weight"),
        ({"0.weight": np.ones(2), "0.bias": np.ones(2)}, ValueError, r"W1: needs shape \(n_in, n_out\), got \(2,\)"),
        ({"weight": np.ones((3, 2)), "bias": np.ones(2)}, ValueError, r"b1: needs shape \(3,\)"),
        ({"weight": [["a"]], "bias": np.ones(1)}, TypeError, "state: weight: needs real numbers"),
        ({}, ValueError, "'W1' is missing"),
    ],
)  # fmt: skip
def test_bad_input(state: Any, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        fnn.from_torch(state, **OPTIONS)
