"""Calls that mypy must accept, with the types that it must find; test_types.py runs them as well."""

import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Literal, assert_type

import numpy as np
from numba import njit
from numpy.typing import NDArray

import fnn

x64 = np.array([[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]])
y64 = np.array([[0.0], [1.0], [1.0], [0.0]])
x32, y32 = x64.astype(np.float32), y64.astype(np.float32)
labels = np.array([0, 1, 1, 0])
weights = np.ones(4)

# The parameters carry their dtype.
params64 = assert_type(fnn.init((2, 3, 1), seed=0), fnn.Params[np.float64])
params32 = assert_type(fnn.init((2, 3, 1), seed=0, dtype=np.float32), fnn.Params[np.float32])
assert_type(fnn.init((2, 3, 2), seed=0, hidden=fnn.relu, output=fnn.softmax), fnn.Params[np.float64])
assert_type(params32["W1"], NDArray[np.float32])
assert_type(params32.flat, NDArray[np.float32])
assert_type(params32.dtype, np.dtype[np.float32])
assert_type(params32.sizes, tuple[int, ...])
assert_type(params32.activations, tuple[fnn.Activation, ...])
assert_type(dict(params32), dict[str, NDArray[np.float32]])
assert_type(params32.replace(dict(params32)), fnn.Params[np.float32])
assert_type(fnn.Params(dict(params32), hidden=fnn.tanh, output=fnn.identity), fnn.Params[np.float32])
assert_type(fnn.Params(dict(params64), hidden=fnn.tanh, output=fnn.identity), fnn.Params[np.float64])
assert_type(fnn.Params({"W1": [[1.0], [2.0]], "b1": [0.5]}, hidden=(), output=fnn.identity), fnn.Params[np.float64])

# So does what is computed with them.
assert_type(fnn.forward(params64, x64), NDArray[np.float64])
assert_type(fnn.forward(params32, x32), NDArray[np.float32])
assert_type(fnn.forward(params32, x32[0]), NDArray[np.float32])
assert_type(fnn.forward(params32, x64), NDArray[np.float32])
assert_type(fnn.error(params32, x32, y32), float)
assert_type(fnn.error(params32, fnn.Cases(x32, y32, weights=weights), loss=fnn.cross_entropy, reduction="mean"), float)
for loss in (fnn.huber, fnn.huber(2.0), fnn.quantile(0.9), fnn.focal(0), fnn.cross_entropy(label_smoothing=0.1)):
    assert_type(fnn.error(params32, fnn.Cases(x32, y32, class_weights=[1, 2]), loss=loss), float)
grads32 = assert_type(fnn.grad(params32, x32, y32), fnn.Params[np.float32])
grads64 = assert_type(fnn.grad(params64, x64, y64), fnn.Params[np.float64])
assert_type(fnn.value_and_grad(params32, x32, y32), tuple[float, fnn.Params[np.float32]])
assert_type(fnn.update(params32, grads32, 0.1), fnn.Params[np.float32])
assert_type(fnn.update(params64, grads64, 0.1), fnn.Params[np.float64])
assert_type(fnn.accuracy(params32, x32, labels), float)
q = assert_type(fnn.quantize(params64, x32), fnn.Quantized)
assert_type(fnn.quantize(params32, weights="bfloat16").weights, Literal["int8", "bfloat16"])
assert_type(q(x64, threads=1), NDArray[np.float32])
assert_type(q.leaves, dict[str, NDArray[Any]])
assert_type(fnn.to_c(q), str)
assert_type(fnn.check_grad(params64, x64, y64), float)
assert_type(fnn.explain(params64, x64, y64, by="columns"), str)
assert_type(params64._repr_html_(), str)

assert_type(fnn.input_grad(params32, fnn.Cases(x32, y32, weights=weights), reduction="mean"), NDArray[np.float32])
assert_type(fnn.jacobian(params32, x64), NDArray[np.float32])
assert_type(fnn.jacobian(params32, x64, by="params"), NDArray[np.float32])
assert_type(fnn.gauss_newton(params32, x32, y32, loss=fnn.huber), NDArray[np.float32])
assert_type(fnn.vjp(params32, x32, y32), tuple[fnn.Params[np.float32], NDArray[np.float32]])
assert_type(fnn.jvp(params64, x64, v=grads64, dx=x64), NDArray[np.float64])
assert_type(fnn.hvp(params32, x32, y32, loss=fnn.huber, v=grads32), fnn.Params[np.float32])

trace = fnn.backprop(params32, x32, y32)
assert_type(trace.z, dict[int, NDArray[np.float32]])
assert_type(trace.a, dict[int, NDArray[np.float32]])
assert_type(trace.delta, dict[int, NDArray[np.float32]])
assert_type(trace.dE_da, dict[int, NDArray[np.float32]])
assert_type(trace.grads, fnn.Params[np.float32])
assert_type(trace.error, float)

run = assert_type(fnn.train(params32, x32, y32, eta=0.5, epochs=2, seed=0), fnn.Run[np.float32])
assert_type(run.params, fnn.Params[np.float32])
fnn.train(params64, x64, y64, eta=0.5, epochs=2, batch_size=None, reduction="mean", seed=0)
rules = fnn.Stopping(patience=5, min_improvement=1e-4, target_error=0.1, seconds=60, restore_best=True)
fnn.train(
    params64, x64, y64, eta=0.5, epochs=2, validation=(x64, y64), stopping=rules, callbacks=[fnn.each_steps(9, print)]
)
fnn.train(params64, x64, y64, eta=0.5, epochs=2, validation=0.2, stopping=fnn.Stopping(seconds=3.5))


def after_steps(step: int, params: fnn.Params[np.float32], error: float) -> bool:
    return error < 0.1


fnn.train(params32, x32, y32, eta=0.5, epochs=2, callbacks=[fnn.each_steps(np.int64(100), after_steps)])
assert_type(run.history.as_dict()["error"], NDArray[Any])
assert_type(run.history.seconds, NDArray[np.float64])
assert_type(run.history.best_epoch, int | None)
assert_type(run.held_out, NDArray[np.int64] | None)
stop_reason: str = run.stop_reason
two_classes = fnn.init((2, 2), seed=0, dtype=np.float32)
assert_type(fnn.top_k_accuracy(two_classes, x32, [0, 1, 1, 0], k=2), float)
assert_type(fnn.confusion_matrix(params32, x32, [0, 1, 1, 0]), NDArray[np.int64])
assert_type(fnn.r2_score(params32, x32, y32), float)
runs = assert_type(
    fnn.train_many([params32] * 2, x32, y32, eta=fnn.Each([0.5, 1]), epochs=2), list[fnn.Run[np.float32]]
)
fnn.train_many(
    [params64, params64], fnn.Each([x64, x64.tolist()]), y64, epochs=fnn.Each(range(2)),
    optimizer=fnn.Each([None, fnn.adam()]), eta=fnn.Each([fnn.cosine(1.0, steps=9), None]),
    loss=fnn.Each([fnn.squared_error, fnn.huber(2.0)]), validation=fnn.Each([None, (x64, y64)]), seed=fnn.Each([1, 2]),
    regularization=fnn.Each([fnn.Regularization(dropout=[0.0, 0.5]), None]),
)  # fmt: skip
with ThreadPoolExecutor(1) as executor:
    fnn.train_many([params64], x64, y64, eta=0.1, epochs=1, executor=executor)
fnn.train_many([params64], x64, y64, eta=0.1, epochs=1, executor=ThreadPoolExecutor)

# Memory of the caller's, and calls inside jitted functions.
workspace32 = assert_type(fnn.workspace(params32, 4), NDArray[np.float32])
assert_type(fnn.forward(params32, x32, out=np.empty((4, 1), np.float32), workspace=workspace32), NDArray[np.float32])
assert_type(fnn.value_and_grad(params32, x32, y32, workspace=workspace32), tuple[float, fnn.Params[np.float32]])


@njit
def step(params: fnn.Params[np.float32], x: NDArray[np.float32], y: NDArray[np.float32]) -> NDArray[np.float32]:
    t: fnn.Backprop[np.float32] = fnn.backprop(params, x, y)
    moved: fnn.Params[np.float32] = fnn.update(params, t.grads, 0.1)
    return fnn.forward(moved, x)


assert_type(step(params32, x32, y32), NDArray[np.float32])

# An activation is a function of arrays.
assert_type(fnn.sigmoid(x32), NDArray[np.floating])

# What a file or another program has decides the dtype, unless it is asked for.
with tempfile.TemporaryDirectory() as folder:
    fnn.save(Path(folder, "net.npz"), params32)
    loaded = assert_type(fnn.load(Path(folder, "net.npz"), activations=[fnn.tanh]), fnn.Params[np.float32 | np.float64])
    assert_type(fnn.load(Path(folder, "net.npz"), dtype=None), fnn.Params[np.float32 | np.float64])
    assert_type(fnn.load(Path(folder, "net.npz"), [fnn.tanh], dtype=np.float32), fnn.Params[np.float32])
    assert_type(fnn.load(str(Path(folder, "net.npz")), dtype=np.float64), fnn.Params[np.float64])
    fnn.save(Path(folder, "q.npz"), q)
    assert_type(fnn.load(Path(folder, "q.npz"), quantized=True), fnn.Quantized)
assert_type(fnn.forward(loaded, x64), NDArray[np.float32 | np.float64])
assert_type(fnn.to_c(params32, name="net"), str)
assert_type(fnn.to_python(params64), str)
state = assert_type(fnn.to_torch(params32), dict[str, NDArray[np.float32]])
assert_type(fnn.to_torch(params64, as_tensors=False), dict[str, NDArray[np.float64]])
assert_type(fnn.from_torch(state, hidden=fnn.tanh, output=fnn.tanh), fnn.Params[np.float32 | np.float64])
assert_type(fnn.to_sklearn(params64)["coefs_"], list[NDArray[Any]])
