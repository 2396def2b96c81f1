"""Compiled code on disk: used by the next process, not after an edit, and not needed where there is no place for it."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numba import njit

import fnn
from fnn.compiler import cache as caching
from fnn.compiler.kernel import Kernel
from tests.problems import PAIRS, problem

PACKAGE = Path(fnn.__file__).parent

PROGRAM = """
import json, warnings
with warnings.catch_warnings(record=True) as caught:
    warnings.simplefilter("always")
    import fnn, numpy as np
    leaves = {"W1": np.ones((2, 1), np.float32), "b1": np.ones(1, np.float32)}
    answer = fnn.forward(fnn.Params(leaves, hidden=(), output=fnn.identity), [2.0, 3.0]).tolist()
print(json.dumps({"answer": answer, "warnings": [[w.category.__name__, str(w.message), w.filename] for w in caught]}))
"""


def run(folder: Path, **environment: str) -> dict[str, Any]:
    """What the program says with the copy of the package in this folder, and how often code came from the cache."""
    kept = {key: value for key, value in os.environ.items() if not key.startswith(("NUMBA", "PYTHON", "XDG"))}
    options = {"PYTHONDONTWRITEBYTECODE": "1", "NUMBA_DEBUG_CACHE": "1"}
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM], cwd=folder, env={**kept, **options, **environment},
        capture_output=True, text=True, check=False, timeout=300,
    )  # fmt: skip
    assert (done.returncode, done.stderr) == (0, "")
    *numba, last = done.stdout.splitlines()
    told: dict[str, Any] = json.loads(last)
    for what in ("loaded", "saved"):
        told[what] = sum(line.startswith(f"[cache] data {what}") for line in numba)
    told["folders"] = {line.split("'")[1] for line in numba if line.startswith("[cache] data")}

    return told


@pytest.fixture(scope="module")
def warm(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path, dict[str, Any]]:
    """A copy of the package, a folder for its compiled code, and what the first process said that used both."""
    folder = tmp_path_factory.mktemp("warm")
    shutil.copytree(PACKAGE, folder / "fnn", ignore=shutil.ignore_patterns("__pycache__"))
    cache = folder / "compiled"

    return folder, cache, run(folder, NUMBA_CACHE_DIR=str(cache))


def test_the_first_process_compiles_and_the_second_does_not(warm: tuple[Path, Path, dict[str, Any]]) -> None:
    folder, cache, first = warm
    second = run(folder, NUMBA_CACHE_DIR=str(cache))

    assert first["answer"] == second["answer"] == [6.0]
    assert first["loaded"] == 0
    assert first["saved"] > 3
    assert (second["loaded"], second["saved"]) == (first["saved"], 0)
    assert first["warnings"] == second["warnings"] == []
    assert all(path.startswith(str(cache)) for path in first["folders"])


def test_an_edit_of_another_file_changes_what_is_computed(warm: tuple[Path, Path, dict[str, Any]]) -> None:
    # The case that Numba's own key misses: the function is in another file than the one whose code is cached.
    folder, cache, first = warm
    source = folder / "fnn" / "kernels" / "piecewise.py"
    text = source.read_text(encoding="utf-8")
    assert text.count("    return z\n") == 1  # the identity
    source.write_text(text.replace("    return z\n", "    return z + z\n"), encoding="utf-8")
    edited = run(folder, NUMBA_CACHE_DIR=str(cache))
    source.write_text(text, encoding="utf-8")
    restored = run(folder, NUMBA_CACHE_DIR=str(cache))

    assert edited["answer"] == [12.0]
    assert (edited["loaded"], edited["saved"]) == (0, first["saved"])
    assert restored["answer"] == [6.0]


def test_without_a_folder_that_can_be_written(tmp_path: Path) -> None:
    # Not by permissions, which the administrator's account is not bound by: a folder can't be made below a file.
    shutil.copytree(PACKAGE, tmp_path / "fnn", ignore=shutil.ignore_patterns("__pycache__"))
    for folder in (tmp_path / "fnn", tmp_path / "fnn" / "kernels"):
        (folder / "__pycache__").write_text("a file", encoding="utf-8")
    nowhere = tmp_path / "file"
    nowhere.write_text("not a folder", encoding="utf-8")

    below = {name: str(nowhere / "below") for name in ("HOME", "XDG_CACHE_HOME", "NUMBA_CACHE_DIR")}
    told = run(tmp_path, **below)

    assert told["answer"] == [6.0]
    assert [category for category, _, _ in told["warnings"]] == ["RuntimeWarning"]
    assert "no folder for compiled code is writable" in told["warnings"][0][1]
    assert "NUMBA_CACHE_DIR" in told["warnings"][0][1]
    assert told["warnings"][0][2] == "<string>"  # the program's own line


def everything(dtype: type[Any], sizes: tuple[int, ...], count: int) -> None:
    """Every function of the library, with all kinds of options and of arrays."""
    random = np.random.default_rng(0)
    for hidden, output, loss in [
        (fnn.tanh, fnn.identity, fnn.squared_error),
        (fnn.relu, fnn.softmax, fnn.cross_entropy),
        (fnn.sigmoid, fnn.sigmoid, fnn.cross_entropy),
    ]:
        params: fnn.Params[Any] = fnn.init(sizes, seed=0, hidden=hidden, output=output, dtype=dtype)
        x = random.normal(size=(count, sizes[0])).astype(dtype)
        y = fnn.one_hot(np.zeros(count, int), sizes[-1], dtype=dtype)
        for writeable in (True, False):
            x.flags.writeable = y.flags.writeable = writeable
            output(fnn.forward(params, x))
            hidden.prime(x)
            fnn.backprop(params, fnn.Cases(x, y, weights=np.ones(count)), loss=loss)
            fnn.update(params, fnn.grad(params, x, y, loss=loss, reduction="mean"), 0.1)
            for batch_size in (None, 50):
                fnn.train(
                    params, x, y, loss=loss, eta=1e-3, epochs=1, threads=1, batch_size=batch_size, validation=(x, y)
                )
    for optimizer in (fnn.gradient_descent(fnn.cosine(1e-3, steps=9)), fnn.momentum(1e-3), fnn.adamw(), fnn.amsgrad()):
        optimizer.update(params, params, optimizer.init(params))
        options: dict[str, Any] = {"optimizer": optimizer, "epochs": 1, "threads": 1, "loss": loss}
        fnn.train(params, x, y, **options)
        fnn.train(
            params,
            x,
            y,
            regularization=fnn.Regularization(l2=1e-3, l1=1e-3, dropout=0.1),
            shrink=1e-3,
            clip=1,
            clip_norm=1,
            max_norm=1,
            **options,
        )
        fnn.train(params, x, y, regularization=fnn.Regularization(mask={"b1": np.zeros(sizes[1])}), **options)


def test_one_compilation_a_dtype_serves_everything() -> None:
    event = pytest.importorskip("numba.core.event")
    for dtype in (np.float32, np.float64):
        everything(dtype, (2, 2, 2), 1)
    with event.install_recorder("numba:compile") as recorder:
        for dtype in (np.float32, np.float64):
            for sizes in [(1, 1), (3, 5, 2), (2, 40, 33, 17, 4), (300, 2)]:
                for count in (1, 70, 600):
                    everything(dtype, sizes, count)

    assert recorder.buffer == []


ACTIVATIONS = [f for f in vars(fnn).values() if isinstance(f, fnn.Activation) and not f.is_rowwise]
OPTIMIZERS = [
    fnn.momentum(0.1), fnn.nesterov(0.1), fnn.adam(), fnn.adamw(), fnn.nadam(), fnn.amsgrad(), fnn.rmsprop(),
    fnn.adagrad(), fnn.adadelta(), fnn.lion(), fnn.irprop(),
]  # fmt: skip
SCHEDULES = [
    fnn.step_decay(0.1, every=2, factor=0.5), fnn.exponential(0.1, factor=0.9), fnn.inverse_time(0.1, steps=3),
    fnn.cosine(0.1, steps=3), fnn.warm_up(0.1, steps=2), fnn.one_cycle(0.1, steps=5), fnn.plateau(0.1, patience=0),
]  # fmt: skip
RESTRAINTS: list[dict[str, Any]] = [
    {"l2": 0.1}, {"l1": 0.1}, {"decay": 0.1}, {"decay": 0.1, "decay_biases": True}, {"clip": 0.1}, {"clip_norm": 0.1},
    {"max_norm": 0.1}, {"dropout": 0.3}, {"mask": {}},
]  # fmt: skip


def choices(dtype: type[Any], inner: tuple[int, ...], count: int) -> None:
    """Train with every built-in choice that there is, each in place of the plain one."""

    def train(hidden: fnn.Activation, output: fnn.Activation, loss: fnn.Loss, **options: Any) -> None:
        p = problem(0, (3, *inner, 2), (fnn.tanh,) * len(inner), output, loss, count, dtype=dtype)
        params: fnn.Params[Any] = fnn.Params(p.params, hidden=hidden, output=output)
        fnn.train(params, p.x, p.y, loss=loss, epochs=3, **({"eta": 1e-3} | options))

    plain = fnn.sigmoid, fnn.sigmoid, fnn.squared_error
    train(*plain)
    for f in (*ACTIVATIONS, fnn.leaky_relu(), fnn.leaky_relu(0.1), fnn.elu(), fnn.elu(0.5)):
        train(f, *plain[1:])
    for loss, output in PAIRS:
        if not loss.scalars:  # somebody's own is compiled for itself
            train(fnn.sigmoid, output, loss)
    for optimizer in OPTIMIZERS:
        train(*plain, optimizer=optimizer, eta=None)
    for eta in SCHEDULES:
        train(*plain, eta=eta)
        train(*plain, optimizer=fnn.adam(eta), eta=None)
    for restraint in RESTRAINTS:
        train(*plain, **restraint)
        train(*plain, optimizer=fnn.adam(), eta=None, **restraint)


def test_no_built_in_choice_compiles_anything_again() -> None:
    event = pytest.importorskip("numba.core.event")
    assert len(ACTIVATIONS) == 17
    kinds = {kind for kind in vars(fnn).values() if isinstance(kind, type)}
    for base, values in ((fnn.Optimizer, [fnn.gradient_descent(1), *OPTIMIZERS]), (fnn.Schedule, SCHEDULES)):
        assert {kind for kind in kinds if issubclass(kind, base) and kind is not base} == {type(v) for v in values}
    losses = {loss.name for loss in vars(fnn).values() if isinstance(loss, fnn.Loss)}
    assert losses == {loss.name for loss, _ in PAIRS if not loss.scalars}

    for dtype in (np.float32, np.float64):
        fnn.train(fnn.init((2, 2, 1), seed=0, dtype=dtype), [[1, 1]], [[1]], eta=1e-3, epochs=1)
        with event.install_recorder("numba:compile") as first:
            choices(dtype, (3,), 4)
        compiled = {e.data["dispatcher"].py_func.__name__ for _, e in first.buffer}
        assert compiled.isdisjoint({"descend", "descend_kernel", "forward", "backward", "gradient"})
        with event.install_recorder("numba:compile") as later:
            choices(dtype, (17, 5), 70)
        assert later.buffer == []


def test_an_activation_of_ones_own_is_compiled_once_a_dtype() -> None:
    event = pytest.importorskip("numba.core.event")
    own = fnn.Activation("own", njit(lambda z: z + z), njit(lambda z, a: 2.0))

    def use(dtype: type[Any], sizes: tuple[int, ...]) -> None:
        params: fnn.Params[Any] = fnn.init(sizes, seed=0, hidden=own, output=own, dtype=dtype)
        x, y = np.ones((3, sizes[0]), dtype), np.ones((3, sizes[-1]), dtype)
        assert fnn.train(params, x, y, eta=1e-3, epochs=1).params != params
        assert own(x).sum() == 6 * sizes[0]

    for dtype in (np.float32, np.float64):
        everything(dtype, (2, 2, 2), 1)
        with event.install_recorder("numba:compile") as first:
            use(dtype, (2, 2))
        assert len({e.data["dispatcher"] for _, e in first.buffer}) == 4  # f, f′, and the kernels around them
        with event.install_recorder("numba:compile") as later:
            use(dtype, (3, 5, 2))
        assert later.buffer == []


def test_only_activations_that_are_used_are_compiled() -> None:
    program = """if True:
        import fnn, numpy as np
        from fnn.activations.activation import _interned
        fnn.train(fnn.init((2, 2, 1), seed=0, hidden=fnn.tanh), np.ones((4, 2)), np.ones((4, 1)), eta=1.0, epochs=1)
        print(*[f"{f.name} {t}" for f in _interned.values() for t in {t for _, t in f._kernels._addresses}])
    """
    done = subprocess.run([sys.executable, "-c", program], cwd=PACKAGE.parent, capture_output=True, text=True)
    assert (done.stdout, done.stderr) == ("sigmoid float64 tanh float64\n", "")


def derivatives(dtype: type[Any]) -> None:
    """Those that are not for training."""
    params: fnn.Params[Any] = fnn.init((2, 3, 2), seed=0, dtype=dtype)
    x, y = np.ones((4, 2), dtype), np.zeros((4, 2), dtype)
    fnn.input_grad(params, x, y)
    fnn.hvp(params, x, y, v=params)
    fnn.jacobian(params, x)
    fnn.vjp(params, x, y)
    fnn.jvp(params, x, v=params)


def test_kernels_have_one_signature_a_dtype() -> None:
    for dtype in (np.float32, np.float64):
        everything(dtype, (2, 2, 2), 1)
        derivatives(dtype)
    modules = [module for name, module in sys.modules.items() if name.startswith("fnn.")]
    kernels = {id(v): v for module in modules for v in vars(module).values() if isinstance(v, Kernel)}.values()

    assert len(kernels) >= 6
    for kernel in kernels:
        assert set(kernel._compiled) == {np.dtype(np.float32), np.dtype(np.float64)}
        assert all(len(vars(compiled)["overloads"]) == 1 for compiled in kernel._compiled.values())


def test_a_kernel_refuses_to_compile_for_anything_else() -> None:
    from fnn.activations.kernels.apply import activate_kernel

    fnn.sigmoid(1.0)
    descriptor = fnn.sigmoid.descriptor(np.dtype(np.float64))
    with pytest.raises(TypeError, match="No matching definition"):
        activate_kernel[np.dtype(np.float64)](descriptor, np.zeros((1, 1), complex), np.zeros((1, 1), complex))


def test_the_key_covers_every_kernel_source(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "kernels"
    shutil.copytree(PACKAGE / "kernels", folder, ignore=shutil.ignore_patterns("__pycache__"))
    monkeypatch.setattr(caching, "__file__", str(folder / "caching.py"))
    keys = []
    for name in sorted(path.name for path in folder.glob("*.py")):
        source = folder / name
        text = source.read_text(encoding="utf-8")
        source.write_text(text + "\n", encoding="utf-8")
        keys.append(caching.sources.__wrapped__())
        source.write_text(text, encoding="utf-8")
    keys.append(caching.sources.__wrapped__())

    assert len(set(keys)) == len(keys)
    assert keys[-1] == caching.sources()


def one_more(x: float) -> float:
    return x + 1


def test_processes_that_compile_at_the_same_time_do_not_overwrite_each_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each has read the index before the other has written it; Numba would give both the same file."""
    monkeypatch.setattr("numba.core.config.CACHE_DIR", str(tmp_path))
    files = caching.KernelCache(one_more)._cache_file
    before = files._load_index()
    for dtype in ("float32", "float64"):
        with monkeypatch.context() as patch:
            patch.setattr(files, "_load_index", before.copy)
            files.save((dtype, caching.sources()), f"code for {dtype}")

    assert files.load(("float64", caching.sources())) == "code for float64"
    assert files.load(("float32", caching.sources())) is None  # compiled again, by whoever wants it
    assert len(list(tmp_path.rglob("*.nbc"))) == 2


def test_code_of_older_sources_is_thrown_away(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("numba.core.config.CACHE_DIR", str(tmp_path))
    files = caching.KernelCache(one_more)._cache_file
    files.save(("float32", "older"), "old")
    files.save(("float64", "newer"), "new")

    assert files.load(("float64", "newer")) == "new"
    assert files.load(("float32", "older")) is None
    assert len(list(tmp_path.rglob("*.nbc"))) == 1
