"""Table 3: whole processes, first calls, imports, memory: what a person waits for outside the training loop."""

from __future__ import annotations

import tempfile
import time
from pathlib import Path

from .measure import Call, ChildError, Sample, Settings, child, compare, python, ratio
from .peers import PEERS
from .tables import Table, verdict
from .xor_process import STEPS


def first_call(data: str) -> float:
    """Seconds of the first `fnn.train` of this process, on mid; `import fnn` is not counted."""
    from .timing import seconds
    from .workloads import Case, case

    full = case("mid", data)
    small = Case(full.sizes, full.start, full.x[:1280], full.y[:1280], full.batch, full.eta)
    learner = PEERS["fnn"].adapter().train(small, 0, "")

    return seconds(learner.run, 1)


def peak_memory(data: str, what: str) -> float:
    """Megabytes at most resident: of a bare `import numba`, or of an epoch of mid on all of MNIST, less its data."""
    import numba as numba

    if what == "numba":
        return peak()

    from .workloads import case

    problem = case("mid", data)
    PEERS["fnn"].adapter().train(problem, 0, "").run(1)

    return peak() - (problem.x.base if problem.x.base is not None else problem.x).nbytes / 1e6 - problem.y.nbytes / 1e6


def peak() -> float:
    """This process's peak in megabytes. Linux's ru_maxrss starts at the PARENT's size, so VmHWM where there is one."""
    status = Path("/proc/self/status")
    if status.exists():
        line = next(line for line in status.read_text().splitlines() if line.startswith("VmHWM"))
        return float(line.split()[1]) * 1024 / 1e6

    import resource

    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6


def whole_process(peer: str, cache: str | None = None) -> float:
    """Wall seconds from start to exit."""
    call: Call = {
        "job": "xor_process:train",
        "peer": peer,
        "environment": {} if cache is None else {"NUMBA_CACHE_DIR": cache},
    }
    begin = time.perf_counter()
    child(call)

    return time.perf_counter() - begin


def import_seconds(module: str) -> float:
    """Seconds of an import in a fresh interpreter."""
    code = f"import time; begin = time.perf_counter(); import {module}; print(time.perf_counter() - begin)"

    return float(python(["-c", code]))


def measure(settings: Settings) -> Table:
    """All rows of the table."""
    table = Table("processes", "Outside the training loop", ["", "measured", "must reach"])
    for section in (processes, first_calls, imports, memory):
        try:
            section(table, settings)
        except ChildError as error:
            table.notes.append(f"{section.__name__} left out: {error}")

    return table


def processes(table: Table, settings: Settings) -> None:
    """A process that imports, trains xor for 10,000 steps and exits."""
    label = f"s, process that trains xor for {STEPS:,} steps: "
    samples: dict[str, Sample] = {}
    for _ in range(settings.repeats):
        for peer in (p for p in ("jax", "torch", "torch-hand") if PEERS[p].installed):
            samples.setdefault(PEERS[peer].title, Sample()).values.append(whole_process(peer))
        with tempfile.TemporaryDirectory() as cache:
            for name in ("fnn, empty cache", "fnn, second run"):
                samples.setdefault(name, Sample()).values.append(whole_process("fnn", cache))
    jax = samples["JAX"].median / 2 if "JAX" in samples else None
    for name, sample in samples.items():
        limit = {"fnn, empty cache": 6.0, "fnn, second run": jax}.get(name)
        table.add(label + name, sample.median, verdict(sample.median, limit))
        table.raw[label + name] = sample.values


def first_calls(table: Table, settings: Settings) -> None:
    """The first call with an empty cache, and with a full one."""
    empty, full = Sample(), Sample()
    for _ in range(settings.repeats):
        with tempfile.TemporaryDirectory() as cache:
            call: Call = {
                "job": "processes:first_call",
                "data": settings.data,
                "environment": {"NUMBA_CACHE_DIR": cache},
            }
            empty.values.append(child(call))
            full.values.append(child(call))
    table.add("s, first train, float32, empty cache", empty.median, verdict(empty.median, 5.0))
    table.add("s, first train in a second process", full.median, verdict(full.median, 0.25))
    table.raw["first calls"] = [empty.values, full.values]


def imports(table: Table, settings: Settings) -> None:
    """`import fnn` beside `import numba`."""
    both = {"numba": Sample(), "fnn": Sample()}
    for module in both:
        import_seconds(module)  # writes the .pyc files
    for _ in range(3 * settings.repeats):
        for module, sample in both.items():
            sample.values.append(import_seconds(module))
    part = ratio(both["fnn"], both["numba"])
    table.add("s, import numba", both["numba"].median, verdict(None, None))
    table.add("import fnn / import numba", part, verdict(part, 1.15))
    table.raw["imports"] = {module: sample.values for module, sample in both.items()}


def memory(table: Table, settings: Settings) -> None:
    """Peak memory of an MNIST run."""
    common = {"job": "processes:peak_memory", "data": settings.data}
    with tempfile.TemporaryDirectory() as cache:
        cold: Call = {**common, "what": "fnn", "environment": {"NUMBA_CACHE_DIR": cache}}
        samples = compare({"numba": [{**common, "what": "numba"}]}, settings.repeats, table.notes)
        first = child(cold)
        samples |= compare({"fnn": [cold]}, settings.repeats, table.notes)
    over = samples["fnn"].median - samples["numba"].median
    table.add("MB over import numba and the data, MNIST run", over, verdict(over, 64.0))
    table.add("the same, while it compiles", first - samples["numba"].median, verdict(None, None))
    table.raw["memory"] = {name: sample.values for name, sample in samples.items()}
