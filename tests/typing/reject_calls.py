"""Each line below that has a comment "expect" must be an error of that kind for mypy, and no other line."""

import numpy as np

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

# Options have names, and there are no others.
fnn.grad(params, x, y, fnn.squared_error)  # expect: call-arg
fnn.grad(params, x, y, lr=0.1)  # expect: call-arg
fnn.grad(params, x)  # expect: call-arg
fnn.update(params, fnn.grad(params, x, y))  # expect: call-arg
fnn.update(params, fnn.grad(params, x, y), "0.1")  # expect: arg-type
fnn.train(params, x, y, 0.1)  # expect: call-arg
fnn.train(params, x, y, eta=0.1, epochs=2.5)  # expect: arg-type
fnn.train(params, x, y, eta=0.1, epochs=2, batch_size=0.5)  # expect: arg-type

# What comes back has a type.
fnn.forward(params, x).flatten("C").append(1)  # expect: attr-defined
fnn.error(params, x, y).sum()  # expect: attr-defined
