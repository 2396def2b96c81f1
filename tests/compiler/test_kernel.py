"""Kernels are compiled once for each dtype, and only those in use."""

import os
import subprocess
import sys
from collections.abc import Callable
from typing import Any

import numba
import numpy as np
import pytest
from numba import njit, types

import fnn
from fnn.activations.kernels.apply import activate_kernel
from fnn.compiler.barrier import SIZE
from fnn.compiler.kernel import Kernel
from fnn.compiler.kernel import kernel as kernel_of
from fnn.compiler.kernel import output as written
from fnn.compiler.target import LINE
from fnn.numerics.symmetric import BLOCK, gram_kernel, packed_size
from tests.problems import PAIRS, problem

event = pytest.importorskip("numba.core.event")


def call_everything(dtype: type[Any], sizes: tuple[int, ...], count: int) -> None:
    """Call every function that is for training, with all kinds of options and of arrays."""
    random = np.random.default_rng(0)
    for hidden, output, loss in [
        (fnn.tanh, fnn.identity, fnn.squared_error),
        (fnn.relu, fnn.softmax, fnn.cross_entropy),
        (fnn.sigmoid, fnn.sigmoid, fnn.cross_entropy),
    ]:
        params: fnn.Params[Any] = fnn.init(sizes, seed=0, hidden=hidden, output=output, dtype=dtype)
        x = random.normal(size=(count, sizes[0])).astype(dtype)
        y = fnn.one_hot(np.zeros(count, int), sizes[-1], dtype=dtype)
        for writeable in (True, False):
            x.flags.writeable = y.flags.writeable = writeable
            output(fnn.forward(params, x))
            hidden.prime(x)
            fnn.backprop(params, fnn.Cases(x, y, weights=np.ones(count)), loss=loss)
            fnn.update(params, fnn.grad(params, x, y, loss=loss, regularization=fnn.Regularization(l2=0.1)), 0.1)
            for batch_size in (None, 50):
                fnn.train(
                    params, x, y, loss=loss, eta=1e-3, epochs=1, threads=1, batch_size=batch_size, validation=(x, y)
                )
    for optimizer in (fnn.gradient_descent(fnn.cosine(1e-3, steps=9)), fnn.momentum(1e-3), fnn.adamw(), fnn.amsgrad()):
        options: dict[str, Any] = {"optimizer": optimizer, "epochs": 1, "threads": 1, "loss": loss}
        fnn.train(params, x, y, **options)
        regularization = fnn.Regularization(l2=1e-3, l1=1e-3, dropout=0.1)
        limited = optimizer.__replace__(shrink=1e-3, clip=1.0, clip_norm=1.0, max_norm=1.0)
        for either in (optimizer, limited):
            either.update(params, params, either.init(params))
        fnn.train(params, x, y, regularization=regularization, **options | {"optimizer": limited})
        fnn.train(params, x, y, regularization=fnn.Regularization(mask={"b1": np.zeros(sizes[1])}), **options)


def test_one_compilation_a_dtype_serves_all_shapes_and_options() -> None:
    for dtype in (np.float32, np.float64):
        call_everything(dtype, (2, 2, 2), 1)
    with event.install_recorder("numba:compile") as recorder:
        for dtype in (np.float32, np.float64):
            for sizes in [(1, 1), (3, 5, 2), (2, 40, 33, 17, 4), (300, 2)]:
                for count in (1, 70, 600):
                    call_everything(dtype, sizes, count)

    assert recorder.buffer == []


ACTIVATIONS = [f for f in vars(fnn).values() if isinstance(f, fnn.Activation) and not f.is_rowwise]
OPTIMIZERS = [
    fnn.momentum(0.1), fnn.nesterov(0.1), fnn.adam(), fnn.adamw(), fnn.nadam(), fnn.amsgrad(), fnn.rmsprop(),
    fnn.adagrad(), fnn.adadelta(), fnn.lion(), fnn.irprop(),
]  # fmt: skip
SCHEDULES = [
    fnn.step_decay(0.1, every=2, factor=0.5), fnn.exponential(0.1, factor=0.9), fnn.inverse_time(0.1, steps=3),
    fnn.cosine(0.1, steps=3), fnn.warm_up(0.1, steps=2), fnn.one_cycle(0.1, steps=5), fnn.plateau(0.1, patience=0),
]  # fmt: skip
REGULARIZATIONS = [
    fnn.Regularization(l2=0.1), fnn.Regularization(l1=0.1), fnn.Regularization(dropout=0.3),
    fnn.Regularization(mask={}),
]  # fmt: skip
LIMITS: list[dict[str, Any]] = [
    {"clip": 0.1}, {"clip_norm": 0.1}, {"weight_decay": 0.1}, {"shrink": 0.1}, {"shrink": 0.1, "decay_biases": True},
    {"max_norm": 0.1},
]  # fmt: skip


def train_with_every_choice(dtype: type[Any], inner: tuple[int, ...], count: int) -> None:
    """Train with every built-in activation, loss, optimizer, schedule and regularization, one at a time."""

    def train(hidden: fnn.Activation, output: fnn.Activation, loss: fnn.Loss, **options: Any) -> None:
        p = problem(0, (3, *inner, 2), (fnn.tanh,) * len(inner), output, loss, count, dtype=dtype)
        params: fnn.Params[Any] = fnn.Params(p.params, hidden=hidden, output=output)
        fnn.train(params, p.x, p.y, loss=loss, epochs=3, **({"eta": 1e-3} | options))

    plain = fnn.sigmoid, fnn.sigmoid, fnn.squared_error
    train(*plain)
    for f in (*ACTIVATIONS, fnn.leaky_relu(), fnn.leaky_relu(0.1), fnn.elu(), fnn.elu(0.5)):
        train(f, *plain[1:])
    for loss, output in PAIRS:
        if not loss.scalars:  # a user's loss is compiled for itself
            train(fnn.sigmoid, output, loss)
    for optimizer in OPTIMIZERS:
        train(*plain, optimizer=optimizer, eta=None)
    for eta in SCHEDULES:
        train(*plain, eta=eta)
        train(*plain, optimizer=fnn.adam(eta), eta=None)
    for regularization in REGULARIZATIONS:
        train(*plain, regularization=regularization)
        train(*plain, optimizer=fnn.adam(), eta=None, regularization=regularization)
    for limit in LIMITS:
        train(*plain, optimizer=fnn.gradient_descent(1e-3, **limit), eta=None)
        train(*plain, optimizer=fnn.adam(**limit), eta=None)


def test_no_built_in_choice_compiles_the_loop_again() -> None:
    assert len(ACTIVATIONS) == 17
    kinds = {kind for kind in vars(fnn).values() if isinstance(kind, type)}
    for base, values in ((fnn.Optimizer, [fnn.gradient_descent(1), *OPTIMIZERS]), (fnn.Schedule, SCHEDULES)):
        assert {kind for kind in kinds if issubclass(kind, base) and kind is not base} == {type(v) for v in values}
    losses = {loss.name for loss in vars(fnn).values() if isinstance(loss, fnn.Loss)}
    assert losses == {loss.name for loss, _ in PAIRS if not loss.scalars}

    for dtype in (np.float32, np.float64):
        fnn.train(fnn.init((2, 2, 1), seed=0, dtype=dtype), [[1, 1]], [[1]], eta=1e-3, epochs=1)
        with event.install_recorder("numba:compile") as first:
            train_with_every_choice(dtype, (3,), 4)
        compiled = {e.data["dispatcher"].py_func.__name__ for _, e in first.buffer}
        assert compiled.isdisjoint({"descend", "descend_kernel", "forward", "backward", "gradient"})
        with event.install_recorder("numba:compile") as later:
            train_with_every_choice(dtype, (17, 5), 70)
        assert later.buffer == []


def test_a_users_activation_is_compiled_once_a_dtype() -> None:
    own = fnn.Activation("own", njit(lambda z: z + z), njit(lambda z, a: 2.0))  # float64 is compiled here, to check it

    def use(dtype: type[Any], sizes: tuple[int, ...]) -> None:
        params: fnn.Params[Any] = fnn.init(sizes, seed=0, hidden=own, output=own, dtype=dtype)
        x, y = np.ones((3, sizes[0]), dtype), np.ones((3, sizes[-1]), dtype)
        assert fnn.train(params, x, y, eta=1e-3, epochs=1).params != params
        assert own(x).sum() == 6 * sizes[0]

    for dtype, count in ((np.float32, 4), (np.float64, 2)):  # f, f′, and the kernels around them
        call_everything(dtype, (2, 2, 2), 1)
        with event.install_recorder("numba:compile") as first:
            use(dtype, (2, 2))
        assert len({e.data["dispatcher"] for _, e in first.buffer}) == count
        with event.install_recorder("numba:compile") as later:
            use(dtype, (3, 5, 2))
        assert later.buffer == []


def test_only_activations_in_use_are_compiled() -> None:
    program = """if True:
        import fnn, numpy as np
        from fnn.activations.activation import _interned
        fnn.train(fnn.init((2, 2, 1), seed=0, hidden=fnn.tanh), np.ones((4, 2)), np.ones((4, 1)), eta=1.0, epochs=1)
        print(*[f"{f.name} {t}" for f in _interned.values() for t in f._kernels.f._compiled])
    """
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert (done.stdout, done.stderr) == ("sigmoid float64 tanh float64\n", "")


def call_derivatives(dtype: type[Any]) -> None:
    """Call the functions that are not for training."""
    params: fnn.Params[Any] = fnn.init((2, 3, 2), seed=0, dtype=dtype)
    x, y = np.ones((4, 2), dtype), np.zeros((4, 2), dtype)
    fnn.input_grad(params, x, y)
    fnn.hvp(params, x, y, v=params)
    fnn.gauss_newton(params, x, y)
    fnn.jacobian(params, x)
    fnn.jacobian(params, x, by="params")
    fnn.vjp(params, x, y)
    fnn.jvp(params, x, v=params)
    scratch = np.empty(packed_size(2, BLOCK, x.dtype) + LINE, dtype)
    gram_kernel[x.dtype](0, 1, np.zeros(SIZE, np.int64), x, np.empty((2, 2), dtype), scratch)


def test_kernels_have_one_signature_a_dtype() -> None:
    for dtype in (np.float32, np.float64):
        call_everything(dtype, (2, 2, 2), 1)
        call_derivatives(dtype)
    modules = [module for name, module in sys.modules.items() if name.startswith("fnn.")]
    kernels = {id(v): v for module in modules for v in vars(module).values() if isinstance(v, Kernel)}.values()
    both = {np.dtype(np.float32), np.dtype(np.float64)}

    assert sum(set(kernel._compiled) == both for kernel in kernels) >= 20  # other tests may have called more of them
    for kernel in kernels:
        assert all(len(vars(compiled)["overloads"]) == 1 for compiled in kernel._compiled.values())


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_a_direct_call_runs_the_same_code(dtype: type[Any]) -> None:
    kind, z = np.dtype(dtype), np.linspace(-9, 9, 35, dtype=dtype).reshape(5, 7)
    descriptor, one, other = fnn.sigmoid.descriptor(kind), np.empty_like(z), np.empty_like(z)
    activate_kernel[kind](descriptor, z, one)
    with event.install_recorder("numba:compile") as recorder:
        activate_kernel.direct[kind](descriptor, z, other)

    assert recorder.buffer == []
    assert one.tobytes() == other.tobytes()


def test_a_kernel_refuses_other_dtypes() -> None:
    fnn.sigmoid(1.0)
    descriptor = fnn.sigmoid.descriptor(np.dtype(np.float64))
    with pytest.raises(TypeError, match="No matching definition"):
        activate_kernel[np.dtype(np.float64)](descriptor, np.zeros((1, 1), complex), np.zeros((1, 1), complex))


@kernel_of(lambda t: types.void(written(t)))
def doubled(a: Any) -> None:
    a[0] *= 2


@pytest.mark.parametrize(
    "call",
    [
        lambda: doubled[np.dtype(np.float64)](np.zeros(1)),
        lambda: fnn.Activation("alone", abs, abs),
        lambda: fnn.Loss("alone", abs, abs),
    ],
)
def test_the_compiler_is_needed(monkeypatch: pytest.MonkeyPatch, call: Callable[[], object]) -> None:
    monkeypatch.setattr(numba.config, "DISABLE_JIT", 1)
    with pytest.raises(RuntimeError, match="fnn needs Numba's compiler, but NUMBA_DISABLE_JIT turns it off"):
        call()


def test_a_process_without_the_compiler() -> None:
    code = (
        "import fnn\n"
        "p = fnn.init((1, 1), seed=0)\n"
        "calls = [lambda: fnn.forward(p, [1.0]), lambda: fnn.train(p, [1.0], [1.0], eta=0.1, epochs=1),\n"
        "         lambda: fnn.sigmoid(1.0), lambda: fnn.adam().update(p, p, fnn.adam().init(p))]\n"
        "for call in calls:\n"
        "    try:\n"
        "        call()\n"
        "    except RuntimeError as error:\n"
        "        assert 'NUMBA_DISABLE_JIT' in str(error)\n"
        "    else:\n"
        "        raise AssertionError\n"
    )
    environment = os.environ | {"NUMBA_DISABLE_JIT": "1"}
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
