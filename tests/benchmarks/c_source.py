"""Table of `fnn.to_c`: a dense layer n → n of identity units in C, nanoseconds a case, beside Eigen in C++."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from collections.abc import Sequence
from pathlib import Path
from string import Template

import fnn

from .measure import Settings
from .tables import Table, verdict
from .workloads import start

# Units, and nanoseconds allowed. RTNeural, a C++ library for audio, took 3.4 to 271 ns on an older processor.
LIMITS = {4: 4.0, 8: 7.0, 16: 18.0, 32: 60.0, 64: 250.0}
OPTIONS = (["-O3"], ["-O3", "-march=native"])
EIGEN = Path(os.environ.get("EIGEN", "/usr/include/eigen3"))

HEADERS = {
    "fnn": '#include "net.h"',
    # The matrix of weights by outputs and inputs, as RTNeural has it.
    "Eigen": "#include <Eigen/Dense>\nEigen::Matrix<float, $n, $n> W;\nEigen::Matrix<float, $n, 1> b;",
}
BODIES = {
    "fnn": "net_forward(x, y);",
    "Eigen": "typedef Eigen::Matrix<float, $n, 1> V;Eigen::Map<V> z(y); z.noalias() = W * Eigen::Map<const V>(x) + b;",
}
LAYER = """\
$header
#ifdef __cplusplus
extern "C"
#endif
void run(const float *x, float *y, int cases);
void run(const float *x, float *y, int cases) {
    for (; cases; cases--, x += $n, y += $n) { $body }
}
"""
CLOCK = """\
#include <stdio.h>
#include <time.h>
void run(const float *x, float *y, int cases);
static float x[64 * $n], y[64 * $n];
static double now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return 1e9 * t.tv_sec + t.tv_nsec;
}
int main(void) {
    double best = 1e30, end = now() + $nanoseconds;
    for (int i = 0; i < 64 * $n; i++) x[i] = i * 37 % 101 / 101.0f - 0.5f;
    while (now() < end) {
        double begin = now();
        for (int i = 0; i < 20; i++) run(x, y, 64);
        double each = (now() - begin) / (20 * 64);
        best = each < best ? each : best;
    }
    printf("%g", best);
    return 0;
}
"""


def layer(peer: str, units: int, options: Sequence[str], seconds: float) -> float:
    """The least nanoseconds of a case, in blocks of 1280."""
    words = {"n": units, "nanoseconds": 1e9 * seconds}
    compiler, suffix = ("cc", "c") if peer == "fnn" else ("c++", "cpp")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        w, b = start((units, units))
        params = fnn.Params({"W1": w, "b1": b}, hidden=(), output=fnn.identity)
        (folder / "net.h").write_text(fnn.to_c(params, "net"))
        text = Template(LAYER).substitute(words, header=HEADERS[peer], body=BODIES[peer])
        (folder / f"layer.{suffix}").write_text(Template(text).substitute(words))
        (folder / "clock.c").write_text(Template(CLOCK).substitute(words))
        for command in (
            [compiler, *options, f"-I{EIGEN}", "-c", f"layer.{suffix}"],
            ["cc", *options, "-c", "clock.c"],
            [compiler, "layer.o", "clock.o", "-o", "clock", "-lm"],
        ):
            subprocess.run(command, cwd=folder, check=True)
        return float(subprocess.run([folder / "clock"], capture_output=True, text=True, check=True).stdout)


def measure(settings: Settings) -> Table:
    """All layers with all options; of the rounds the best."""
    table = Table("c", "Dense layer n → n in C, float32: ns a case", ["", "fnn", "Eigen", "fnn must reach"])
    peers = ["fnn"] * bool(shutil.which("cc")) + ["Eigen"] * bool(shutil.which("c++") and EIGEN.exists())
    for options in OPTIONS:
        for units, limit in LIMITS.items():
            found: dict[str, list[float]] = {p: [] for p in peers}
            for _ in range(settings.repeats):
                for p in peers:
                    found[p].append(layer(p, units, options, settings.seconds / 4))
            least = {p: min(values) for p, values in found.items()}
            label = f"{units} units, {' '.join(options)}"
            table.add(label, least.get("fnn"), least.get("Eigen"), verdict(least.get("fnn"), limit))
            table.raw[label] = found

    return table
