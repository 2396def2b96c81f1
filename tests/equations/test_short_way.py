"""Small calls with arrays that kernels take as they are go a shorter way, with the same bits and errors."""

import pickle
import platform
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

import fnn
from fnn.network.params import wrap

DTYPES = [np.float32, np.float64]
HIDDEN = [1, 7, 8, 9, 15, 16, 17, 31, 32, 33, 130, 300, 1024, 1100]  # around vectors, panels, and what the stack holds


def network(sizes: tuple[int, ...], dtype: type[Any]) -> fnn.Params[Any]:
    params: fnn.Params[Any] = fnn.init(sizes, seed=1, hidden=fnn.tanh, output=fnn.softmax, dtype=dtype)
    return params.with_flat(params.flat + np.linspace(-0.1, 0.1, params.flat.size))  # biases other than 0


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("units", HIDDEN)
def test_one_case_has_the_bits_of_a_batch(dtype: type[Any], units: int) -> None:
    for sizes in [(units, 3), (5, units, 3), (2, units, 3, units, 40)]:
        params = network(sizes, dtype)
        x = np.random.default_rng(0).normal(size=(3, sizes[0])).astype(dtype)
        batch = fnn.forward(params, x)
        assert all(np.array_equal(fnn.forward(params, row), a) for row, a in zip(x, batch, strict=True))


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("units", [2, 1100])
def test_out_of_one_case(dtype: type[Any], units: int) -> None:
    params = network((3, units, 3), dtype)
    x = np.array([1, -2, 0.5], dtype)
    a = fnn.forward(params, x)
    for out in (np.zeros(3, dtype), x.copy()):
        given = out if out.any() else x
        assert fnn.forward(params, given, out) is out
        assert np.array_equal(out, a)
    untouched = np.full(3, 7, dtype)
    with pytest.raises(ValueError, match="x: NaN"):
        fnn.forward(params, np.array([1, np.nan, 0], dtype), untouched)
    assert (untouched == 7).all()
    wrong: list[tuple[Any, str]] = [
        (np.zeros(4, dtype), "shape"), (np.zeros((1, 3), dtype), "shape"), (frozen(a), "writable"),
        (np.zeros(6, dtype)[::2], "contiguous"), (np.zeros(3, int), "needs an array"), ([0, 0, 0], "needs an array"),
    ]  # fmt: skip
    for array, message in wrong:
        with pytest.raises((ValueError, TypeError), match=f"out: .*{message}"):
            fnn.forward(params, x, array)


def frozen(plain: NDArray[Any]) -> NDArray[Any]:
    """A copy that can't be written to."""
    copy = plain.copy()
    copy.flags.writeable = False

    return copy


def forms(plain: NDArray[Any]) -> dict[str, NDArray[Any]]:
    """The same numbers in arrays that kernels don't take as they are."""
    shifted = np.frombuffer(b"\0" + plain.tobytes(), np.uint8)[1:].view(plain.dtype).reshape(plain.shape)
    return {
        "frozen": frozen(plain),
        "columns first": np.asfortranarray(plain),
        "backwards": plain[..., ::-1].copy()[..., ::-1],
        "strided": np.repeat(plain, 2, axis=-1)[..., ::2],
        "swapped": plain.astype(plain.dtype.newbyteorder()),
        "unaligned": shifted,
        "another dtype": plain.astype(np.float32 if plain.dtype == np.float64 else np.float64),
        "subclass": plain.view(np.recarray),
    }


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("shape", [(), (1,), (6,), (300,)])
def test_arrays_of_other_forms_give_the_same_bits(dtype: type[Any], shape: tuple[int, ...]) -> None:
    params, random = network((4, 5, 2), dtype), np.random.default_rng(2)
    x = (random.integers(-8, 8, (*shape, 4)) / 4).astype(dtype)
    y = (random.integers(0, 8, (*shape, 2)) / 4).astype(dtype)
    a, (error, slope) = fnn.forward(params, x), fnn.value_and_grad(params, x, y)
    space = fnn.workspace(params, 300)
    assert fnn.value_and_grad(params, x, y, workspace=space) == (error, slope)
    assert fnn.error(params, x, y) == error
    for name, other in forms(x).items():
        assert np.array_equal(fnn.forward(params, other), a), name
        assert fnn.value_and_grad(params, other, y) == (error, slope), name
        assert fnn.value_and_grad(params, other, forms(y)[name], workspace=space) == (error, slope), name


def test_calls_remember_nothing_wrong_of_the_last_ones() -> None:
    """Each in a network that has seen others before, and in a new one."""
    random = np.random.default_rng(3)
    kinds: list[tuple[fnn.Params[Any], type[Any]]] = [(network((4, 5, 2), dtype), dtype) for dtype in DTYPES]
    shared = kinds[0][0].architecture
    kinds[1] = wrap(kinds[1][0].flat_buffer, shared), np.float64
    for _ in range(150):
        params, dtype = kinds[random.integers(2)]
        cases = int(random.choice([1, 2, 60, 300]))
        x = random.normal(size=(cases, 4)).astype(dtype)
        y = random.dirichlet(np.ones(2), cases).astype(dtype)
        if cases == 1 and random.integers(2):
            x, y = x[0], y[0]
        space = fnn.workspace(params, cases) if random.integers(2) else None
        loss = (fnn.squared_error, fnn.huber(0.5), fnn.cross_entropy)[random.integers(3)]
        options: dict[str, Any] = {"loss": loss, "reduction": ("sum", "mean")[random.integers(2)]}
        new: fnn.Params[Any] = pickle.loads(pickle.dumps(params))
        error, slope = fnn.value_and_grad(params, x, y, workspace=space, **options)
        assert (error, slope) == fnn.value_and_grad(new, frozen(x), frozen(y), **options)
        assert not slope.flat_buffer.flags.writeable
        assert fnn.error(params, x, y, workspace=space, **options) == error
        assert fnn.grad(params, x, y, workspace=space, **options) == slope


def test_inputs_are_only_read(tmp_path: Path) -> None:
    params = network((4, 9, 2), np.float64)
    x, y = np.random.default_rng(0).normal(size=(2, 300, 4))
    x.tofile(tmp_path / "x")
    mapped = np.frombuffer(np.memmap(tmp_path / "x", mode="r"), np.float64).reshape(300, 4)  # a write would be fatal
    y = y[:, :2].copy()
    assert fnn.grad(params, mapped, y) == fnn.grad(params, np.asfortranarray(x), y)
    weights = np.linspace(1, 2, 300)
    slopes = [fnn.grad(params, fnn.Cases(inputs, y, weights=weights)) for inputs in (mapped, np.asfortranarray(x))]
    assert slopes[0] == slopes[1]


def test_a_fault_is_told_as_for_arrays_of_another_form() -> None:
    params = network((4, 5, 2), np.float64)
    x, y = np.ones((3, 4)), np.ones((3, 2))
    bad = x.copy()
    bad[2, 1] = np.inf
    wrong: list[tuple[NDArray[Any], NDArray[Any]]] = [
        (bad, y), (x, np.full((3, 2), np.nan)), (x[:, :3].copy(), y), (x, y[:2]), (x, np.ones((3, 3))), (x[:0], y[:0]),
        (x[0], y), (x, y[0]), (np.ones(()), np.ones(())), (np.ones((1, 3, 4)), np.ones((1, 3, 2))),
        (np.ones(3), np.ones(2)), (np.ones(4), np.ones(3)), (bad[2], y[2]),
    ]  # fmt: skip
    for inputs, targets in wrong:
        for workspace in (None, fnn.workspace(params, 3), np.empty(1)):
            with pytest.raises(ValueError, match=r"^[xyw]") as short:
                fnn.grad(params, inputs, targets, workspace=workspace)
            with pytest.raises(ValueError, match=r"^[xyw]") as long:
                fnn.grad(params, frozen(inputs), frozen(targets), workspace=workspace)
            assert str(short.value) == str(long.value)


@pytest.mark.parametrize("dtype", DTYPES)
def test_a_workspace_is_checked(dtype: type[Any]) -> None:
    params = network((4, 5, 2), dtype)
    x, y = np.ones((3, 4), dtype), np.ones((3, 2), dtype)
    with pytest.raises(ValueError, match="workspace: needs"):
        fnn.grad(params, x, y, workspace=np.empty(3, dtype))
    with pytest.raises(TypeError, match="workspace: needs an array"):
        fnn.grad(params, x, y, workspace=np.empty(9999, np.int64))


COUNT_FAULTS = """
import resource, fnn, numpy as np
params, x, y = fnn.init((784, 200, 10), seed=0), np.ones((4, 784)), np.ones((4, 10))
for calls in (20, 100):
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    for _ in range(calls):
        fnn.grad(params, x, y)
print((resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before) / calls)
"""


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="about glibc")
def test_calls_use_memory_again() -> None:
    """2.5 MB, which the system would map anew at each call, 300 pages or more, if the C library returned them."""
    done = subprocess.run([sys.executable, "-c", COUNT_FAULTS], capture_output=True, text=True, check=True)
    assert float(done.stdout) < 50
