"""A trained network leaves Python
===============================

One function of raw inputs as a file, as C, as ONNX; and how long a case takes.

The network reads scikit-learn's 8×8 digits, standardised for training. `fnn.fold` brings the scaling in, so that all
below take pixels as they come:

- `fnn.save` and `fnn.load`: the same bits;
- a call inside a function under ``@njit``;
- `fnn.to_c`: a header without dependencies, compiled here if there is a C compiler;
- `fnn.to_onnx`: for ONNX Runtime, if it is installed (``pip install 'fnn[onnx]' onnxruntime``).

Each is asked for the same digits, one at a time, and compared; the picture shows how long they take. Run it as::

    python examples/deploy.py
    python examples/deploy.py --hidden 128 --out reader
"""

import argparse
import ctypes
import shutil
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from importlib.util import find_spec
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TypeAlias

import numpy as np
from numba import njit
from numpy.typing import NDArray

import fnn

try:
    from matplotlib.figure import Figure
    from sklearn.datasets import load_digits
except ImportError as error:
    raise SystemExit(f"This example needs scikit-learn and matplotlib ({error}): pip install 'fnn[examples]'") from None

Reals: TypeAlias = NDArray[np.float32]
Network: TypeAlias = fnn.Params[np.float32]
OneCase: TypeAlias = Callable[[Reals], Reals]  # from 64 pixels to the probabilities of ten digits


def learn(pixels: Reals, labels: NDArray[np.int64], hidden: int) -> Network:
    """The network, in pixels."""
    shift, scale = pixels.mean(axis=0), pixels.std(axis=0)
    scale[scale == 0] = 1  # pixels that are always blank
    start = fnn.init((64, hidden, 10), seed=0, hidden=fnn.relu, output=fnn.softmax, dtype=np.float32)
    run = fnn.train(
        start, (pixels - shift) / scale, labels, loss=fnn.cross_entropy, reduction="mean",
        optimizer=fnn.adam(3e-3), epochs=20, batch_size=32,
    )  # fmt: skip

    return fnn.fold(run.params, x_shift=shift, x_scale=scale)


@njit
def probabilities(params: Network, x: Reals) -> Reals:
    """What any function under ``@njit`` may do with a network."""
    return fnn.forward(params, x)


def from_c(header: Path, folder: Path) -> OneCase | None:
    """The function of a header that `fnn.to_c` wrote, by a C compiler."""
    compiler = shutil.which("cc")
    if compiler is None:
        return None
    source, library = folder / "reader.c", folder / "reader.so"
    source.write_text(
        f'#include "{header.resolve()}"\nvoid run(const float *x, float *y) {{ reader_forward(x, y); }}\n'
    )
    subprocess.run([compiler, "-O3", "-march=native", "-shared", "-fPIC", "-o", library, source, "-lm"], check=True)
    run = ctypes.CDLL(str(library.resolve())).run
    run.argtypes, run.restype = [ctypes.c_void_p, ctypes.c_void_p], None

    def one(x: Reals) -> Reals:
        y = np.empty(10, np.float32)
        run(x.ctypes.data, y.ctypes.data)
        return y

    return one


def from_onnx(path: Path) -> OneCase | None:
    """The function of a file that `fnn.to_onnx` wrote, by ONNX Runtime on one thread."""
    if find_spec("onnxruntime") is None:
        return None
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])

    def one(x: Reals) -> Reals:
        y: Reals = session.run(None, {"x": x[None]})[0][0]
        return y

    return one


def microseconds(one: OneCase, x: Reals) -> float:
    """The median over 1,000 cases, one at a time."""
    times = []
    for case in x[:1000]:
        began = time.perf_counter()
        one(case)
        times.append(time.perf_counter() - began)

    return 1e6 * float(np.median(times))


def compared(ways: Mapping[str, OneCase | None], pixels: Reals, expected: Reals) -> dict[str, float]:
    """Print how long each takes, and how far it is off; the microseconds of those that are here."""
    times = {}
    print("one digit by     µs a call   largest difference")
    for name, one in ways.items():
        if one is None:
            print(f"{name:15}  not here")
            continue
        difference = max(float(np.abs(one(x) - a).max()) for x, a in zip(pixels, expected, strict=True))
        times[name] = microseconds(one, pixels)
        print(f"{name:15}  {times[name]:9.1f}   {difference:.1e}")

    return times


def save_picture(path: Path, times: Mapping[str, float]) -> None:
    figure = Figure(figsize=(8, 3), layout="constrained")
    axes = figure.subplots()
    bars = axes.barh([*times], [*times.values()], color="#0072b2")
    axes.bar_label(bars, fmt="{:.1f} µs", padding=4)
    axes.invert_yaxis()
    axes.set(xlabel="µs a call", xlim=(0, 1.15 * max(times.values())))
    axes.set_title("one digit, from its pixels to ten probabilities", loc="left")
    axes.spines[["top", "right"]].set_visible(False)
    figure.savefig(path, dpi=150)


def main(argv: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description="Write a trained network as .npz, C and ONNX, and time each.")
    parser.add_argument("--hidden", type=int, default=32, help="hidden units (default: %(default)s)")
    parser.add_argument("--out", type=Path, default=Path("."), help="folder for the files (default: %(default)s)")
    args = parser.parse_args(argv)

    images, labels = load_digits(return_X_y=True)
    pixels = images.astype(np.float32)
    try:
        args.out.mkdir(parents=True, exist_ok=True)
        params = learn(pixels, labels, args.hidden)
        file, header, model = (args.out / f"reader{suffix}" for suffix in (".npz", ".h", ".onnx"))
        fnn.save(file, params)
        header.write_text(fnn.to_c(params, name="reader"))
        if find_spec("onnx") is not None:
            model.write_bytes(fnn.to_onnx(params))
    except (OSError, ValueError) as error:
        parser.error(str(error))
    loaded = fnn.load(file)
    print(f"{fnn.accuracy(params, pixels, labels):.1%} of the {len(pixels)} digits that it learned from are right")
    print(f"saved and loaded: {'the same bits' if loaded == params else 'DIFFERENT'}")

    with TemporaryDirectory() as folder:
        ways: dict[str, OneCase | None] = {
            "fnn.forward": lambda x: fnn.forward(params, x),
            "inside @njit": lambda x: probabilities(params, x),
            "C": from_c(header, Path(folder)),
            "ONNX Runtime": from_onnx(model) if model.exists() else None,
        }
        times = compared(ways, pixels, fnn.forward(params, pixels))
    save_picture(args.out / "deploy.png", times)
    written = ", ".join(str(path) for path in (file, header, model) if path.exists())
    print(f"files: {written}")
    print(f"picture: {args.out / 'deploy.png'}")


if __name__ == "__main__":
    main()
