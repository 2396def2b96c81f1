"""ONNX Runtime: the forward pass of one case as a graph of Gemm and Sigmoid nodes."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import onnxruntime
from onnx import TensorProto, helper, numpy_helper

from ..workloads import Array


def graph(start: tuple[Array, ...]) -> bytes:
    """The network, serialised."""
    nodes, tensors, name = [], [], "x"
    for layer in range(len(start) // 2):
        w, b, z, a = (f"{letter}{layer + 1}" for letter in "Wbza")
        tensors += [numpy_helper.from_array(leaf, key) for leaf, key in zip(start[2 * layer :], (w, b), strict=False)]
        nodes += [helper.make_node("Gemm", [name, w, b], [z]), helper.make_node("Sigmoid", [z], [a])]
        name = a
    ends = [
        helper.make_tensor_value_info(key, TensorProto.FLOAT, [1, n])
        for key, n in (("x", start[0].shape[0]), (name, start[-1].shape[0]))
    ]
    model = helper.make_model(
        helper.make_graph(nodes, "network", ends[:1], ends[1:], tensors),
        opset_imports=[helper.make_opsetid("", 17)],
        ir_version=8,
    )

    return bytes(model.SerializeToString())


def forward(start: tuple[Array, ...], x: Array, threads: int, style: str) -> Callable[[], object]:
    """`run`, from a NumPy array to a new one; or "bound": always from the same array into the same array."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_ALL
    session = onnxruntime.InferenceSession(graph(start), options, providers=["CPUExecutionProvider"])
    row, output = np.ascontiguousarray(x[None]), session.get_outputs()[0].name
    names, feed = [output], {"x": row}
    if style == "run":
        return lambda: session.run(names, feed)[0]

    result = np.empty((1, start[-1].shape[0]), np.float32)
    binding = session.io_binding()
    binding.bind_ortvalue_input("x", onnxruntime.OrtValue.ortvalue_from_numpy(row))
    binding.bind_ortvalue_output(output, onnxruntime.OrtValue.ortvalue_from_numpy(result))

    def call() -> Array:
        session.run_with_iobinding(binding)
        return result

    return call
