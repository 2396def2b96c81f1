"""Quantized networks beside float32 and ONNX Runtime's int8: microseconds a call, for one case and for a batch.

``python -m tests.benchmarks.quantized`` measures them alone, each in a process of its own, so that none evicts the
other's weights from the caches. On a busy virtual machine with two cores of an AMD EPYC (family 26, VNNI), medians of
three rounds, float32's time by int8's, by bfloat16's, and the time of ONNX Runtime's better int8 by that of fnn's:

    784-128-10, one case and 256          1.3 and 2.7; 1.0 and 1.0; 1.9 and 1.3
    784-512-512-10, one case and 256      4.8 and 3.7; 1.7 and 0.9; 2.1 and 1.1
    784-4096-4096-10, one case and 256    12 and 7.7;  3.4 and 1.6; 1.8 and 1.3

So int8 is faster everywhere. bfloat16 is where the weights come from memory; in batches it only saves memory.
"""

from __future__ import annotations

import argparse
import logging
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

import fnn

from . import machine
from .measure import Call, Settings, compare, ratio
from .tables import Table, markdown
from .timing import repeated, seconds_each

Cases = NDArray[np.float32]
SIZES = ((784, 128, 10), (784, 512, 512, 10), (784, 4096, 4096, 10))
COUNTS = (1, 256)
CONTENDERS = {
    "float32": "fnn float32", "int8": "fnn int8", "bfloat16": "fnn bfloat16", "onnx": "ONNX float32",
    "onnx-dynamic": "ONNX int8, dynamic", "onnx-static": "ONNX int8, static",
}  # fmt: skip


def network(sizes: list[int]) -> fnn.Params[np.float32]:
    return fnn.init(tuple(sizes), seed=0, hidden=fnn.relu, output=fnn.softmax, dtype=np.float32)


def contender(name: str, sizes: list[int], x: Cases, threads: int) -> tuple[Callable[[], object], int]:
    """A call on the cases x, and the bytes of the model."""
    params = network(sizes)
    if name.startswith("onnx"):
        return onnx(params, name.partition("-")[2], x, threads)
    if name == "float32":
        return lambda: fnn.forward(params, x, threads=threads), params.flat.nbytes
    if name == "bfloat16":
        halves = fnn.quantize(params, weights="bfloat16")
        return lambda: halves(x, threads=threads), halves.nbytes
    integers = fnn.quantize(params, calibration(sizes))

    return lambda: integers(x, threads=threads), integers.nbytes


def calibration(sizes: list[int]) -> Cases:
    return np.random.default_rng(1).random((100, sizes[0]), dtype=np.float32)


def onnx(params: fnn.Params[np.float32], mode: str, x: Cases, threads: int) -> tuple[Callable[[], object], int]:
    """ONNX Runtime's own quantization of the same network, by output channel; or float32."""
    import onnxruntime
    from onnxruntime import quantization as tools

    logging.disable(logging.WARNING)  # it recommends a preprocessing that has nothing to do here
    with tempfile.TemporaryDirectory() as folder:
        plain, path = Path(folder, "plain.onnx"), Path(folder, "quantized.onnx")
        plain.write_bytes(fnn.to_onnx(params))
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        name = onnxruntime.InferenceSession(plain.read_bytes(), options).get_inputs()[0].name

        class Reader(tools.CalibrationDataReader):  # type: ignore[misc] # an untyped class
            batches: Iterator[dict[str, Cases]] = iter([{name: calibration([params.sizes[0]])}])

            def get_next(self) -> dict[str, Cases] | None:
                return next(self.batches, None)

        if mode == "dynamic":
            tools.quantize_dynamic(plain, path, per_channel=True, weight_type=tools.QuantType.QInt8)
        elif mode == "static":
            tools.quantize_static(plain, path, Reader(), per_channel=True, weight_type=tools.QuantType.QInt8)
        model = (path if mode else plain).read_bytes()
    session = onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])

    return lambda: session.run(None, {name: x}), len(model)


def job(name: str, sizes: list[int], count: int, threads: int, seconds: float) -> float:
    """Microseconds of a call."""
    x = np.random.default_rng(0).random((count, sizes[0]), dtype=np.float32)

    return 1e6 * seconds_each(repeated(contender(name, sizes, x, threads)[0]), seconds)


def measure(settings: Settings) -> Table:
    """All networks with one thread, by one case and by a batch."""
    columns = ["network, cases", *CONTENDERS.values(), "float32 / int8", "float32 / bfloat16", "ONNX's best / int8"]
    table = Table("quantized", "Quantized networks, one thread, µs a call", columns)
    for sizes in SIZES:
        for count in COUNTS:
            label = f"{'-'.join(map(str, sizes))}, {count}"
            common = {"job": "quantized:job", "sizes": sizes, "count": count, "threads": 1, "seconds": settings.seconds}
            contenders: dict[str, list[Call]] = {name: [{**common, "name": name}] for name in CONTENDERS}
            samples = compare(contenders, settings.repeats, table.notes)
            peers = [sample for name, sample in samples.items() if name.startswith("onnx-")]
            best = min(peers, key=lambda sample: sample.median, default=None)
            table.add(
                label,
                *(samples[name].median if name in samples else None for name in CONTENDERS),
                *(ratio(samples["float32"], samples[name]) for name in ("int8", "bfloat16")),
                ratio(best, samples["int8"]) if best else None,
            )
            table.raw[label] = {name: sample.values for name, sample in samples.items()}

    return table


def main() -> None:
    """Measure on this machine, and print."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.quantized", description=__doc__)
    parser.add_argument("--repeats", type=int, default=5, help="rounds A B C A B C (default 5)")
    options = parser.parse_args()
    print("\n".join(machine.describe()), end="\n\n", flush=True)
    print(markdown(measure(Settings(options.repeats, 0.5, False, "", machine.cores()))))


if __name__ == "__main__":
    main()
