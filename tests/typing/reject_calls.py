"""Each line below that has a comment "expect" must be an error of that kind for mypy, and no other line."""

import numpy as np
from numba import njit
from numpy.typing import NDArray

import fnn

params = fnn.init((2, 3, 1), seed=0)
x, y = np.zeros((4, 2)), np.zeros((4, 1))

# A plain dict has lost its activations.
fnn.forward(dict(params), x)  # expect: arg-type
fnn.grad({"W1": np.zeros((2, 1)), "b1": np.zeros(1)}, x, y)  # expect: arg-type
fnn.update(params, dict(params), 0.1)  # expect: arg-type

# Names are values.
fnn.grad(params, x, y, loss="cross_entropy")  # expect: arg-type
fnn.grad(params, x, y, loss=fnn.sigmoid)  # expect: arg-type
fnn.grad(params, x, y, reduction="average")  # expect: arg-type

fnn.quantize(params, x, weights="int4")  # expect: arg-type
fnn.forward(fnn.quantize(params, x), x)  # expect: arg-type

# A parameter is a number, and only some losses have one.
fnn.huber("1.0")  # expect: arg-type
fnn.cross_entropy(0.1)  # expect: call-arg
fnn.log_cosh(1.0)  # expect: operator
fnn.Loss("mine")  # expect: call-arg

# Options have names, and there are no others.
fnn.grad(params, x, y, fnn.squared_error)  # expect: call-arg
fnn.grad(params, x, y, lr=0.1)  # expect: call-arg
fnn.update(params, fnn.grad(params, x, y))  # expect: call-arg
fnn.update(params, fnn.grad(params, x, y), "0.1")  # expect: arg-type
fnn.train(params, x, y, fnn.gradient_descent(0.1))  # expect: call-arg
fnn.train(params, x, y, eta=0.1, epochs=2.5)  # expect: arg-type
fnn.train(params, x, y, eta=0.1, epochs=2, batch_size=0.5)  # expect: arg-type
fnn.train(params, x, y, eta=0.1, epochs=2, validation="0.1")  # expect: arg-type
fnn.train(params, x, y, eta=0.1, epochs=2, stopping=5)  # expect: arg-type
fnn.train(params, x, y, eta=0.1, epochs=2, callbacks=[print])  # expect: list-item
fnn.train(params, x, y, eta=0.1, epochs=2, scale=0.5)  # expect: call-arg
fnn.grad(params, x, y, weights=[1, 1, 1, 1])  # expect: call-arg
fnn.Cases(x, y, [1, 1, 1, 1])  # expect: call-arg
fnn.train(params, x, y, eta=0.1, epochs=2, callbacks=[fnn.each_steps(1.5, print)])  # expect: arg-type
fnn.Stopping(5)  # expect: call-arg
fnn.Stopping(patience="5")  # expect: arg-type
fnn.Stopping(patient=5)  # expect: call-arg
fnn.top_k_accuracy(params, x, [0])  # expect: call-arg

# Of several networks each has one value or its own.
fnn.train_many(params, x, y, eta=0.1, epochs=2)  # expect: arg-type
fnn.train_many([params], x, y, eta=[0.1], epochs=2)  # expect: arg-type
fnn.train_many([params], x, y, eta=fnn.Each(["0.1"]), epochs=2)  # expect: list-item
fnn.train_many([params], x, y, eta=fnn.Each(0.1), epochs=2)  # expect: arg-type
fnn.train_many([params], x, y, eta=0.1, epochs=2, executor=8)  # expect: arg-type
fnn.train_many([params], x, y, eta=0.1, epochs=2).sum()  # expect: attr-defined

# Memory is an array of the dtype of params.
fnn.forward(params, x, workspace=4)  # expect: arg-type
fnn.workspace(params, 2.5)  # expect: arg-type
fnn.train(params, x, y, eta=0.1, epochs=2, workspace=fnn.workspace(params))  # expect: call-arg


@njit
def jitted(p: fnn.Params[np.float64], inputs: NDArray[np.float64]) -> NDArray[np.float64]:
    fnn.update(p, p)  # expect: call-arg
    return fnn.forward(p, inputs)


jitted(dict(params), x)  # expect: arg-type
jitted(params)  # expect: call-arg
jitted(params, x).append(1)  # expect: attr-defined

# What comes back has a type.
fnn.forward(params, x).flatten("C").append(1)  # expect: attr-defined
fnn.error(params, x, y).sum()  # expect: attr-defined

# Directions have names where there are two, and the parameters' are parameters.
fnn.jvp(params, x, params)  # expect: call-arg
fnn.jvp(params, x, v=x)  # expect: arg-type
fnn.hvp(params, x, y)  # expect: call-arg
fnn.hvp(params, x, y, v=params.flat)  # expect: arg-type
fnn.hvp(params, x, y, v=fnn.init((2, 3, 1), seed=0, dtype=np.float32))  # expect: misc
fnn.vjp(params, x)  # expect: call-arg
fnn.jacobian(params, x, "params")  # expect: call-arg
fnn.jacobian(params, x, by="weights")  # expect: arg-type
