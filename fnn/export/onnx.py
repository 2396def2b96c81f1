"""A network as an ONNX model."""

from __future__ import annotations

from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from fnn.activations.activation import Activation
from fnn.boundary.extras import extra
from fnn.export.formulas import FORMULAS, kinds_of, parameter_of, title_of, translated
from fnn.network.params import Params

_OPSET, _IR_VERSION = 17, 8  # supported by runtimes since 2022
_MAX_BYTES: Final = 2**31 - 2**20  # bytes of weights: protobuf's limit is 2 GiB

# Activations that ONNX Runtime has in both dtypes and without a parameter (which would be float32 even for float64).
_NODES: Final = {
    "identity": "Identity", "sigmoid": "Sigmoid", "tanh": "Tanh", "relu": "Relu", "exp": "Exp",
    "sin": "Sin", "softmax": "Softmax", "log_softmax": "LogSoftmax",
}  # fmt: skip
_OPERATIONS: Final = {
    "+": "Add", "-": "Sub", "*": "Mul", "/": "Div", ">": "Greater", "negative": "Neg", "max": "Max", "min": "Min",
    "where": "Where", "abs": "Abs", "exp": "Exp", "tanh": "Tanh", "floor": "Floor", "log": "Log", "erf": "Erf",
    "sin": "Sin",
}  # fmt: skip

_FLOAT32: Final = {  # formulas that take a tenth of the time, small results of which have fewer digits
    "gelu": "max(z, -40) * (0.5 + 0.5 * erf(0.7071067811865476 * z))",
    "gelu_tanh": "max(z, -40) / (1 + exp(-1.5957691216057308 * (z + 0.044715 * z * z * z)))",
    "gaussian": "exp(-(z * z))",
}
_COMPOSED: Final = {  # formulas of functions that ONNX lacks, without cancellation
    "expm1": "t = tanh(0.5 * z); (t + t) / (1 - t)",
    "log1p": "w = 1 + z; where(w > 1, log(w) * z / (w - 1), z)",
}


def to_onnx(params: Params[Any]) -> bytes:
    """The network as an ONNX model, for ONNX Runtime among others.

    The bytes are the contents of an ``.onnx`` file. Its input ``x`` is (N, n_0) and its output ``y`` (N, n_L), in the
    dtype of the parameters. Sigmoid, tanh and sin are the runtime's own, and so is erf in gelu of float32: the runtime
    may round them to the precision of numbers near 1, which leaves small results fewer digits.

    Raises
    ------
    ValueError, TypeError
        An activation of your own; a number that isn't finite; 2 GB or more, the limit of ONNX; anything but `Params`.
    ModuleNotFoundError
        The package onnx is missing; the extra ``fnn[onnx]`` installs it.
    """
    kinds = kinds_of(params, "ONNX")
    if params.flat.nbytes > _MAX_BYTES:
        raise ValueError(f"params: an ONNX model holds less than 2 GB, got {params.flat.nbytes} bytes")
    graph = _Graph(extra("onnx", "to_onnx"), params.dtype)
    for key, leaf in params.items():
        graph.initializer(key, leaf)
    a = "x"
    for layer, f in enumerate(params.activations, start=1):
        z = graph.node("Gemm", [a, f"W{layer}", f"b{layer}"])
        a = graph.activation(f, kinds[f], z)

    return graph.model(title_of(params.architecture, params.dtype), params.sizes[0], params.sizes[-1])


class _Graph:
    """A builder of nodes and constants."""

    def __init__(self, onnx: Any, dtype: np.dtype[Any]) -> None:
        self._onnx, self._dtype = onnx, dtype
        self._nodes: list[Any] = []
        self._initializers: list[Any] = []
        self._constants: dict[float, str] = {}

    def model(self, title: str, inputs: int, outputs: int) -> bytes:
        """The serialized model, whose output is that of the last node."""
        helper = self._onnx.helper
        kind = helper.np_dtype_to_tensor_dtype(self._dtype)
        x = helper.make_tensor_value_info("x", kind, ["N", inputs])
        y = helper.make_tensor_value_info("y", kind, ["N", outputs])
        self._nodes[-1].output[0] = "y"
        graph = helper.make_graph(self._nodes, "fnn", [x], [y], self._initializers, doc_string=title)
        opsets = [helper.make_opsetid("", _OPSET)]
        model = helper.make_model(graph, producer_name="fnn", opset_imports=opsets, ir_version=_IR_VERSION)

        return bytes(model.SerializeToString())

    def node(self, operation: str, inputs: list[str]) -> str:
        """Add a node; returns the name of its output."""
        name = f"{operation.lower()}{len(self._nodes)}"
        self._nodes.append(self._onnx.helper.make_node(operation, inputs, [name]))

        return name

    def initializer(self, name: str, value: NDArray[Any]) -> None:
        """Add an array to the model."""
        self._initializers.append(self._onnx.numpy_helper.from_array(np.array(value), name))

    def constant(self, number: float) -> str:
        """The name of a constant, which is added once."""
        if number not in self._constants:
            name = self._constants[number] = f"constant{len(self._constants)}"
            self.initializer(name, np.array(number, self._dtype))

        return self._constants[number]

    def activation(self, f: Activation, kind: str, z: str) -> str:
        """Add the nodes of an activation; returns the name of their output."""
        if kind in _NODES:
            return self.node(_NODES[kind], [z])
        formula = (_FLOAT32.get(kind) if self._dtype == np.float32 else None) or FORMULAS[kind]

        return translated(formula, z, parameter_of(f, self._dtype), self.constant, self._apply)

    def _apply(self, function: str, of: list[str]) -> str:
        """Add the nodes of a function."""
        if function in _COMPOSED:
            return translated(_COMPOSED[function], of[0], 0, self.constant, self._apply)

        return self.node(_OPERATIONS[function], of)
