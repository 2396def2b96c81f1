"""Each line below that has a comment "expect" must be an error of that kind for mypy, and no other line."""

import numpy as np

import fnn

params = fnn.init((2, 3, 1), seed=0)
params32 = fnn.init((2, 3, 1), seed=0, dtype=np.float32)

# Parameters are immutable.
params["W1"] = np.zeros((2, 3))  # expect: index
del params["W1"]  # expect: attr-defined
params.flat = np.zeros(13)  # expect: misc
params.update(W1=np.zeros((2, 3)))  # expect: attr-defined

# Sizes are integers, activations and schemes are values, dtypes are float32 or float64.
fnn.init(2, seed=0)  # expect: call-overload
fnn.init((2, 3.5, 1), seed=0)  # expect: arg-type
fnn.init((2, 3, 1), seed=0, hidden="relu")  # expect: arg-type
fnn.init((2, 3, 1), seed=0, dtype=np.int64)  # expect: type-var
fnn.init((2, 3, 1), 0)  # expect: call-overload
fnn.Params({"W1": np.zeros((2, 1)), "b1": np.zeros(1)}, hidden=fnn.tanh, output="sigmoid")  # expect: call-overload

# The dtype belongs to the type.
wrong: fnn.Params[np.float64] = params32  # expect: assignment
unknown: fnn.Params[np.float32] = fnn.load("p.npz")  # expect: assignment
other: fnn.Params[np.float64] = fnn.load("p.npz", dtype=np.float32)  # expect: arg-type
fnn.load("p.npz", dtype=np.float16)  # expect: type-var
fnn.load("p.npz", np.float32)  # expect: call-overload
fnn.save(params, "p.npz")  # expect: arg-type
