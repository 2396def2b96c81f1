"""The examples, each run as a program of its own, and the numbers that they print."""

import contextlib
import importlib
import io
import itertools
import os
import re
import struct
import subprocess
import sys
import zlib
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import scipy.integrate
import scipy.special
import scipy.stats
from numpy.typing import NDArray

import fnn
from tests.training.ranks.launch import Mpi, mpirun

EXAMPLES = Path(__file__).parents[1] / "examples"
MNIST = os.environ.get("FNN_MNIST")


def start(name: str, *arguments: str | Path, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run an example with the fnn that is tested, far from where pictures could be left behind."""
    inherited = {key: value for key, value in os.environ.items() if key != "FNN_MNIST"}
    paths = [str(Path(fnn.__file__).parents[1]), *filter(None, [inherited.get("PYTHONPATH")])]
    return subprocess.run(
        [sys.executable, EXAMPLES / name, *arguments],
        env=inherited | {"PYTHONPATH": os.pathsep.join(paths), "PYTHONUTF8": "1"} | environment,
        capture_output=True,
        encoding="utf-8",
        timeout=120,
        check=False,
    )


@cache
def output(name: str, *arguments: str | Path, **environment: str) -> str:
    done = start(name, *arguments, **environment)
    assert done.returncode == 0, done.stderr
    return done.stdout


@cache
def program(name: str) -> Any:
    """An example as a module, under the name by which what Numba keeps of it finds it again."""
    sys.path.insert(0, str(EXAMPLES))
    try:
        return importlib.import_module(name)
    finally:
        sys.path.remove(str(EXAMPLES))


def said(name: str, *arguments: str | Path) -> str:
    """What an example prints by its `main`: where its first run is a process, and others would cost seconds each."""
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        program(name.removesuffix(".py")).main([*map(str, arguments)])
    return printed.getvalue()


def refusal(name: str, *arguments: str | Path, **environment: str) -> str:
    """The last line that an example says to a wrong call: by its `main`, as a process for each would cost a second."""
    said = io.StringIO()
    with pytest.MonkeyPatch.context() as patch, contextlib.redirect_stderr(said):
        patch.delenv("FNN_MNIST", raising=False)
        for key, value in environment.items():
            patch.setenv(key, value)
        patch.setattr(sys, "argv", [name])
        with pytest.raises(SystemExit) as ended:
            program(name.removesuffix(".py")).main([*map(str, arguments)])
    assert ended.value.code == 2
    return said.getvalue().splitlines()[-1]


def numbers(text: str) -> list[float]:
    return [float(found) for found in re.findall(r"(?<![\w.])-?\d+\.\d+", text)]


class TestXor:
    def test_the_error_falls_and_the_outputs_are_right(self) -> None:
        text = output("xor.py")

        errors = [numbers(line)[0] for line in re.findall(r"^ +[\d,]+   0\.\d{5}.*", text, re.MULTILINE)]
        assert len(errors) == 8
        assert errors == sorted(errors, reverse=True)
        cases = re.findall(r"^ ([01])  ([01]) +(\S+)  (\S+) +(\S+) +([01])$", text, re.MULTILINE)
        assert [(int(p), int(q), int(y)) for p, q, *_, y in cases] == [(0, 0, 0), (0, 1, 1), (1, 0, 1), (1, 1, 0)]
        for *_, a, y in cases:
            assert abs(float(a) - int(y)) < 0.05
        final = sum((float(a) - int(y)) ** 2 for *_, a, y in cases) / 2
        assert re.search(r"^solved: .*, E = (\S+)$", text, re.MULTILINE)
        assert numbers(text)[-1] == pytest.approx(final, abs=1e-4)

    def test_the_hidden_units_are_named_for_what_they_compute(self) -> None:
        text = output("xor.py")

        tables = {"OR": (0, 1, 1, 1), "AND": (0, 0, 0, 1), "NAND": (1, 1, 1, 0), "NOR": (1, 0, 0, 0)}
        cases = re.findall(r"^ [01]  [01] +(\S+)  (\S+)", text, re.MULTILINE)
        for unit, name in re.findall(r"^hidden unit (\d) is on for .*, which is (\w+)$", text, re.MULTILINE):
            assert tuple(round(float(case[int(unit) - 1])) for case in cases) == tables[name]
        assert text.count("which is") == 2

    def test_a_start_that_ends_in_a_local_minimum_is_called_that(self) -> None:
        assert "not solved: E = 0.25" in said("xor.py", "--seed", "9")

    @pytest.mark.parametrize(("option", "value"), [("eta", "0"), ("eta", "nan"), ("epochs", "-1"), ("seed", "-1")])
    def test_values_out_of_range(self, option: str, value: str) -> None:
        assert refusal("xor.py", f"--{option}", value).startswith(f"xor.py: error: {option}: must be")

    def test_the_picture(self, tmp_path: Path) -> None:
        said("xor.py", "--out", tmp_path / "xor.png")

        assert png_size((tmp_path / "xor.png").read_bytes()) == (1050, 1200)
        assert str(tmp_path / "no") in refusal("xor.py", "--epochs", "1", "--out", tmp_path / "no" / "xor.png")

    def test_what_the_picture_needs_is_named(self, tmp_path: Path) -> None:
        (tmp_path / "matplotlib.py").write_text("raise ModuleNotFoundError('no matplotlib here')")
        paths = f"{tmp_path}{os.pathsep}{Path(fnn.__file__).parents[1]}"
        done = start("xor.py", "--epochs", "1", "--out", tmp_path / "xor.png", PYTHONPATH=paths)

        assert done.returncode == 2
        assert done.stderr.endswith("xor.py: error: no matplotlib here\n")


W1 = np.array([[0.5, -0.4, 0.3, 0.8], [0.2, 0.6, -0.7, 0.1], [-0.3, 0.9, 0.4, -0.5]])
W2 = np.array([[1.0, -0.6, 0.4], [-0.8, 0.7, 0.2], [0.3, 0.5, -0.9], [0.6, -0.1, 1.1]])
W3 = np.array([[0.9, -1.2, 0.5, 0.7], [-0.6, 0.8, 1.1, -0.3], [1.3, 0.4, -0.8, 0.6]])
B1, B2, B3 = np.array([0.1, -0.2, 0.3, 0]), np.array([-0.1, 0.2, 0.1]), np.array([0.2, -0.3, 0.1, 0])


def error_of(x: NDArray[np.float64], y: NDArray[np.float64], *leaves: NDArray[np.float64]) -> float:
    """E of Figure-01's network, by nothing but its definition."""
    a = x
    for W, b in zip(leaves[0::2], leaves[1::2], strict=True):
        a = 1 / (1 + np.exp(-(a @ W + b)))
    return float(np.sum((a - y) ** 2) / 2)


def slope(x: NDArray[np.float64], y: NDArray[np.float64], leaf: int) -> NDArray[np.float64]:
    """∂E/∂(W1, b1, .., W3, b3, x)[leaf], by central differences."""
    values = [W1, B1, W2, B2, W3, B3, x]
    result = np.empty_like(values[leaf])
    for at in np.ndindex(result.shape):
        sides = []
        for step in (1e-5, -1e-5):
            moved = [value.copy() for value in values]
            moved[leaf][at] += step
            sides.append(error_of(moved[6], y, *moved[:6]))
        result[at] = (sides[0] - sides[1]) / 2e-5
    return result


class TestFigure1:
    X, Y = np.array([1.0, 0.5, -1.0]), np.array([1.0, 0.0, 1.0, 0.0])

    def blocks(self, tag: str, *arguments: str) -> list[tuple[str, NDArray[np.float64], NDArray[np.float64]]]:
        """The formula, fnn's numbers and S1's numbers of all blocks with that tag, in their order."""
        found = []
        text = said("figure1.py", *arguments) if arguments else output("figure1.py")
        for heading, body in re.findall(r"^(\S\S? .*│.*)\n((?: {4}.*\n)+)", text, re.M):
            if heading.startswith(f"{tag} "):
                halves = [line.split("│") for line in body.splitlines()]
                ours, theirs = ([numbers(half[side]) for half in halves] for side in (0, 1))
                found.append((heading, np.array([r for r in ours if r]), np.array([r for r in theirs if r])))
        return found

    def check(self, tag: str, expected: list[NDArray[np.float64]]) -> None:
        found = self.blocks(tag)
        assert len(found) == len(expected)
        for (_, ours, theirs), value in zip(found, expected, strict=True):
            np.testing.assert_allclose(ours, np.atleast_2d(value), rtol=0, atol=0.6e-5)
            np.testing.assert_allclose(theirs, ours.T, rtol=0, atol=1.1e-5)  # S1 writes the same numbers transposed

    def forward(self) -> tuple[list[NDArray[np.float64]], list[NDArray[np.float64]]]:
        z, a = [], [self.X]
        for W, b in ((W1, B1), (W2, B2), (W3, B3)):
            z.append(a[-1] @ W + b)
            a.append(1 / (1 + np.exp(-z[-1])))
        return z, a

    def test_forward(self) -> None:
        z, a = self.forward()
        self.check("F1", z)
        self.check("F2", a[1:])
        self.check("F3", [value * (1 - value) for value in a[1:]])
        # the first layer, worked out on paper
        np.testing.assert_array_equal(self.blocks("F1")[0][1], [[1.0, -1.2, -0.15, 1.35]])

    def test_error(self) -> None:
        _, a = self.forward()
        self.check("E1", [np.array([error_of(self.X, self.Y, W1, B1, W2, B2, W3, B3)])])
        self.check("E2", [a[3] - self.Y])

    def test_backward_agrees_with_central_differences(self) -> None:
        self.check("B1", [slope(self.X, self.Y, leaf) for leaf in (5, 3, 1)])  # ∂E/∂z = ∂E/∂b
        self.check("B2", [slope(self.X, self.Y, leaf) for leaf in (4, 2, 0)])
        self.check("B3", [slope(self.X, self.Y, leaf) for leaf in (5, 3, 1)])
        delta = [slope(self.X, self.Y, leaf) for leaf in (5, 3)]
        self.check("B4", [W3 @ delta[0], W2 @ delta[1], slope(self.X, self.Y, 6)])

    def test_learning(self) -> None:
        self.check("G1", [v - 0.5 * slope(self.X, self.Y, i) for i, v in enumerate((W1, B1, W2, B2, W3, B3))])

    def test_the_formulas_have_the_layers_of_their_convention(self) -> None:
        assert [heading.split("│")[0].split() for heading, *_ in self.blocks("B4")] == [
            ["B4", "∂E/∂a²", "=", "δ³", "(W³)ᵀ"],
            ["B4", "∂E/∂a¹", "=", "δ²", "(W²)ᵀ"],
            ["B4", "∂E/∂a⁰", "=", "δ¹", "(W¹)ᵀ"],
        ]
        assert [heading.split("│ ")[1] for heading, *_ in self.blocks("F1")] == [
            "z² = W² a¹ + b²",
            "z³ = W³ a² + b³",
            "z⁴ = W⁴ a³ + b⁴",
        ]

    def test_sums_by_hand(self) -> None:
        by_hand = re.findall(r"^ {8}= (.*) = (\S+)$", output("figure1.py"), re.MULTILINE)
        assert len(by_hand) == 4
        for sum_, result in by_hand:
            plain = sum_.replace(")(", ") * (").replace("−", "-")
            assert re.fullmatch(r"[-+*() .\d]+", plain)
            assert eval(plain) == pytest.approx(float(result), abs=2.5e-5)

    def test_another_case(self) -> None:
        arguments = ("--x", "0", "1", "1", "--y", "0", "0", "0", "1", "--eta", "0.1")
        x, y = np.array([0.0, 1.0, 1.0]), np.array([0.0, 0.0, 0.0, 1.0])
        found = self.blocks("G1", *arguments)[0][1]
        np.testing.assert_allclose(found, W1 - 0.1 * slope(x, y, 0), rtol=0, atol=0.6e-5)

    def test_values_out_of_range(self) -> None:
        assert refusal("figure1.py", "--eta", "-1") == "figure1.py: error: eta: must be finite and above 0, got -1.0"
        assert "error: x: NaN" in refusal("figure1.py", "--x", "nan", "0", "0")

    def test_the_picture(self, tmp_path: Path) -> None:
        said("figure1.py", "--out", tmp_path / "figure1.png")

        assert png_size((tmp_path / "figure1.png").read_bytes()) == (1350, 1200)
        assert str(tmp_path / "no") in refusal("figure1.py", "--out", tmp_path / "no" / "figure1.png")


def png_size(content: bytes) -> tuple[int, int]:
    """Width and height of a PNG file whose every chunk is sound."""
    assert content[:8] == b"\x89PNG\r\n\x1a\n"
    at, kinds = 8, []
    while at < len(content):
        (length,) = struct.unpack(">I", content[at : at + 4])
        (check,) = struct.unpack(">I", content[at + 8 + length : at + 12 + length])
        assert zlib.crc32(content[at + 4 : at + 8 + length]) == check
        kinds.append(content[at + 4 : at + 8])
        at += 12 + length
    assert (kinds[0], kinds[-1]) == (b"IHDR", b"IEND")
    width, height = struct.unpack(">II", content[16:24])
    return width, height


class TestDigits:
    def test_accuracy_and_picture(self, tmp_path: Path) -> None:
        text = output("digits.py", "--out", tmp_path)

        assert re.search(r"accuracy on 450 held-out digits: (\S+)%", text)
        assert 96 <= numbers(text)[0] < 100
        picture = tmp_path / "digits.png"
        assert f"picture: {picture}" in text
        assert png_size(picture.read_bytes()) == (1800, 750)

    def test_options_and_a_file_of_ones_own(self, tmp_path: Path) -> None:
        path = tmp_path / "few.png"
        text = said("digits.py", "--hidden", "3", "--epochs", "2", "--seed", "5", "--batch-size", "100", "--out", path)

        assert "trained on 1347 digits for 2 epochs" in text
        assert 10 < numbers(text)[0] < 96  # so small a network can't do it
        assert png_size(path.read_bytes()) == (1800, 750)

    def test_values_out_of_range(self, tmp_path: Path) -> None:
        nowhere = tmp_path / "no" / "such.png"
        assert str(nowhere) in refusal("digits.py", "--epochs", "1", "--out", nowhere)
        assert refusal("digits.py", "--epochs", "0") == "digits.py: error: --epochs: must be at least 1, got 0"

    def test_a_missing_package_is_named(self, tmp_path: Path) -> None:
        (tmp_path / "sklearn.py").write_text("raise ImportError('no scikit-learn here')")
        done = start(
            "digits.py", "--out", tmp_path, PYTHONPATH=f"{tmp_path}{os.pathsep}{Path(fnn.__file__).parents[1]}"
        )

        assert done.returncode == 1
        assert "pip install 'fnn[examples]'" in done.stderr
        assert "Traceback" not in done.stderr


def right_after(seed: int, sweeps: int) -> tuple[int | None, NDArray[np.float64]]:
    """The first sweep after which the symmetry network is right, and its last weights: by plain NumPy."""
    x = np.array(list(itertools.product((0.0, 1.0), repeat=6)))
    y = np.array([[float((*bits,) == (*bits[::-1],))] for bits in x])
    w = [np.array(leaf) for leaf in fnn.init((6, 2, 1), seed=seed, initializer=fnn.uniform(-0.3, 0.3)).values()]
    changes, first = [np.zeros_like(leaf) for leaf in w], None
    for sweep in range(sweeps + 1):
        hidden = 1 / (1 + np.exp(-(x @ w[0] + w[1])))
        a = 1 / (1 + np.exp(-(hidden @ w[2] + w[3])))
        if first is None and ((a > 0.5) == (y > 0.5)).all():
            first = sweep
        if sweep == sweeps:
            break
        delta = (a - y) * a * (1 - a)
        below = delta @ w[2].T * hidden * (1 - hidden)
        for i, g in enumerate((x.T @ below, below.sum(axis=0), hidden.T @ delta, delta.sum(axis=0))):
            changes[i] = -0.1 * g + 0.9 * changes[i]
            w[i] = w[i] + changes[i]
    return first, w[0]


class TestSymmetry:
    def test_the_report_and_the_picture(self, tmp_path: Path) -> None:
        text = output("symmetry.py", "--seeds", "4", "--sweeps", "2500", "--out", tmp_path)

        runs = [right_after(seed, 2500) for seed in range(4)]
        firsts = [first for first, _ in runs if first is not None]
        assert 0 < len(firsts) < 4
        assert f"solved: {len(firsts)} of 4 seeds within 2,500 sweeps" in text
        (median,) = re.findall(r"^first right after ([\d,]+) sweeps", text, re.MULTILINE)
        assert int(median.replace(",", "")) == pytest.approx(np.median(firsts), abs=1)
        pairs = np.array([np.sort(abs(W[:3]), axis=0) for first, W in runs if first is not None])
        _, two, four = np.median(pairs / pairs[:, :1], axis=(0, 2))
        (found,) = re.findall(r"^their magnitudes: (.*) \(", text, re.MULTILINE)
        np.testing.assert_allclose(numbers(found), [two, four], atol=0.011)
        assert [round(two), round(four)] == [2, 4]
        assert f"within 5% of 1 : 2 : 4: {len(firsts)} of {len(firsts)} networks" in text
        assert png_size((tmp_path / "symmetry.png").read_bytes()) == (1200, 750)

    def test_opposite_weights_and_their_ratio(self) -> None:
        W = np.array([[2.0, 4.0], [1.0, -8.0], [-4.0, 16.0], [4.0, -16.0], [-1.0, 8.0], [-2.2, -4.0]])
        params = fnn.Params(
            {"W1": W, "b1": [0.0, 0.0], "W2": [[1.0], [1.0]], "b2": [0.0]}, hidden=fnn.sigmoid, output=fnn.sigmoid
        )

        assert program("symmetry").asymmetry(params) == pytest.approx(0.2 / 16)
        np.testing.assert_allclose(program("symmetry").ratios(params), [[1.0, 1.0], [2.1, 2.0], [4.0, 4.0]])

    def test_none_that_solves_it(self, tmp_path: Path) -> None:
        text = said("symmetry.py", "--seeds", "2", "--sweeps", "50", "--out", tmp_path)

        assert text == "solved: 0 of 2 seeds within 50 sweeps\n"
        assert not list(tmp_path.iterdir())

    def test_values_out_of_range(self, tmp_path: Path) -> None:
        nowhere = tmp_path / "no" / "such.png"
        assert str(nowhere) in refusal("symmetry.py", "--seeds", "2", "--out", nowhere)
        assert refusal("symmetry.py", "--seeds", "0") == "symmetry.py: error: --seeds: must be at least 1, got 0"
        assert refusal("symmetry.py", "--sweeps", "0") == "symmetry.py: error: --sweeps: must be at least 1, got 0"


def write_idx(path: Path, elements: NDArray[np.uint8]) -> None:
    path.write_bytes(struct.pack(f">2x2B{elements.ndim}I", 8, elements.ndim, *elements.shape) + elements.tobytes())


class TestMnist:
    def test_a_small_set_under_other_names(self, tmp_path: Path) -> None:
        # Label k is a bright row k: a network of 10 units learns it within 30 passes over 300 images.
        labels = np.tile(np.arange(10, dtype=np.uint8), 30)
        images = np.zeros((300, 10, 4), np.uint8)
        images[np.arange(300), labels] = 255
        for name in ("train", "t10k"):
            write_idx(tmp_path / f"{name}-images.idx3-ubyte", images)
            write_idx(tmp_path / f"{name}-labels.idx1-ubyte", labels)

        recipes = [
            ["--recipe", "chapter3", "--eta", "2"],
            ["--recipe", "dropout", "--hidden", "64", "--batch-size", "10"],
        ]
        for options in ([], ["--float64"], *recipes):
            run = said if options else output
            text = run("mnist.py", "--data", tmp_path, "--epochs", "30", *options)
            assert len(re.findall(r"^ +\d+ +\d\.\d{5} +\d+\.\d\d%$", text, re.MULTILINE)) == 30
            assert "best: 100.00% of the 300 test images" in text

    @pytest.mark.skipif(MNIST is None, reason="FNN_MNIST doesn't say where MNIST's files are")
    def test_two_epochs_of_mnist(self) -> None:
        assert MNIST is not None
        done = start("mnist.py", "--epochs", "2", FNN_MNIST=MNIST)

        assert done.returncode == 0, done.stderr
        found = re.search(r"^best: (\S+)% of the 10,000 test images, after epoch 2$", done.stdout, re.MULTILINE)
        assert found
        assert 91 <= float(found[1]) < 96

    @pytest.mark.skipif(MNIST is None, reason="FNN_MNIST doesn't say where MNIST's files are")
    @pytest.mark.parametrize(
        ("recipe", "hidden", "least"),
        [("chapter3", "100", 95.5), ("dropout", "128", 92.5)],
        ids=["chapter3", "dropout"],
    )
    def test_two_epochs_of_the_other_recipes(self, recipe: str, hidden: str, least: float) -> None:
        assert MNIST is not None
        done = start("mnist.py", "--recipe", recipe, "--hidden", hidden, "--epochs", "2", FNN_MNIST=MNIST)

        assert done.returncode == 0, done.stderr
        found = re.search(r"^best: (\S+)% of the 10,000 test images, after epoch 2$", done.stdout, re.MULTILINE)
        assert found
        assert least <= float(found[1]) < 97.5
        kept = re.search(r"^best: (\S+)% of the 10,000 validation images, after epoch 2$", done.stdout, re.MULTILINE)
        assert kept
        assert 0 < abs(float(kept[1]) - float(found[1])) < 1.5  # of other images

    def test_the_picture(self, tmp_path: Path) -> None:
        random = np.random.default_rng(0)
        for name in ("train", "t10k"):
            write_idx(tmp_path / f"{name}-images.idx3-ubyte", random.integers(0, 255, (20, 3, 3)).astype(np.uint8))
            write_idx(tmp_path / f"{name}-labels.idx1-ubyte", random.integers(0, 10, 20).astype(np.uint8))
        arguments = "--data", tmp_path, "--hidden", "2", "--epochs", "2"
        said("mnist.py", *arguments, "--out", tmp_path / "mnist.png")

        assert png_size((tmp_path / "mnist.png").read_bytes()) == (1200, 675)
        assert str(tmp_path / "no") in refusal("mnist.py", *arguments, "--out", tmp_path / "no" / "mnist.png")

    def test_the_step_of_chapter_3(self) -> None:
        mnist = program("mnist")
        random = np.random.default_rng(0)
        images = mnist.Images(random.random((20, 4)), np.eye(10)[random.integers(0, 10, 20)])
        recipe = mnist.RECIPES["chapter3"]
        plan = mnist.plan_of(mnist.arguments(["--data", ".", "--hidden", "3", "--epochs", "1"])[1], recipe, 20)
        W1, b1, W2, b2 = recipe.start((4, 3, 10), 0, np.float64).values()
        run = mnist.experiment(recipe, plan._replace(batch_size=20), images, {"test": images}).run

        hidden = 1 / (1 + np.exp(-(images.x @ W1 + b1)))
        delta = 1 / (1 + np.exp(-(hidden @ W2 + b2))) - images.y
        below = delta @ W2.T * hidden * (1 - hidden)
        gradients = images.x.T @ below, below.sum(axis=0), hidden.T @ delta, delta.sum(axis=0)
        # the book's: w ← (1 − ηλ/n) w − η/m Σ ∂C/∂w,  b ← b − η/m Σ ∂C/∂b
        for old, new, g in zip((W1, b1, W2, b2), run.params.values(), gradients, strict=True):
            shrunk = (1 - 0.5 * 5 / 20) * old if old.ndim == 2 else old
            np.testing.assert_allclose(new, shrunk - 0.5 / 20 * g, rtol=1e-12, atol=1e-14)

    def test_values_out_of_range(self, tmp_path: Path) -> None:
        for name in ("train", "t10k"):
            write_idx(tmp_path / f"{name}-images.idx3-ubyte", np.zeros((2, 3, 3), np.uint8))
            write_idx(tmp_path / f"{name}-labels.idx1-ubyte", np.arange(2, dtype=np.uint8))
        for option in ("batch-size", "hidden", "eta"):
            line = refusal("mnist.py", "--data", tmp_path, "--recipe", "dropout", f"--{option}", "0")
            assert re.search(r"must be|above 0", line)
        assert "invalid choice" in refusal("mnist.py", "--recipe", "chapter2")

    def test_no_data_given(self) -> None:
        message = "mnist.py: error: say where MNIST's files are: --data DIR, or FNN_MNIST=DIR in the environment"
        assert refusal("mnist.py") == message
        assert refusal("mnist.py", FNN_MNIST="") == message

    def test_a_missing_folder(self, tmp_path: Path) -> None:
        assert (
            refusal("mnist.py", "--data", tmp_path / "none") == f"mnist.py: error: {tmp_path / 'none'}: no such folder"
        )

    def test_an_empty_folder(self, tmp_path: Path) -> None:
        expected = f"mnist.py: error: {tmp_path}: has none of train-images-idx3-ubyte, train-images-idx3-ubyte.gz, "
        assert refusal("mnist.py", FNN_MNIST=str(tmp_path)).startswith(expected)

    def test_a_damaged_file(self, tmp_path: Path) -> None:
        (tmp_path / "train-images-idx3-ubyte").write_bytes(b"\0\0\x08\x03\0\0")
        (tmp_path / "train-labels-idx1-ubyte").write_bytes(b"\0\0\x08\x01\0\0\0\x01\x05")
        line = refusal("mnist.py", "--data", tmp_path)
        assert line.startswith(f"mnist.py: error: {tmp_path / 'train-images-idx3-ubyte'}: truncated")


class TestCartpole:
    def accelerations(self, state: NDArray[np.float64], force: float) -> NDArray[np.float64]:
        """ẍ and θ̈, from what a step does to the velocities."""
        after = state.copy()
        program("cartpole").push(after, force)
        np.testing.assert_allclose(after[[0, 2]], state[[0, 2]] + 0.02 * state[[1, 3]], rtol=1e-15)
        return (after[[1, 3]] - state[[1, 3]]) / 0.02

    def test_the_physics_solve_the_equations_of_motion(self) -> None:
        random = np.random.default_rng(0)
        for state in random.uniform((-2, -3, -1.5, -4), (2, 3, 1.5, 4), (100, 4)):
            force = random.choice([-10.0, 10.0])
            _, _, theta, dtheta = state
            # Of Lagrange's function of a cart of 1 kg and a rod of 0.1 kg and 1 m: a linear system for ẍ and θ̈.
            m, half = 0.1, 0.5
            mass = [[1 + m, m * half * np.cos(theta)], [m * half * np.cos(theta), 4 / 3 * m * half**2]]
            forces = [force + m * half * dtheta**2 * np.sin(theta), m * half * 9.8 * np.sin(theta)]
            expected = np.linalg.solve(mass, forces)
            np.testing.assert_allclose(self.accelerations(state, force), expected, rtol=1e-9, atol=1e-9)

    def test_energy_changes_by_the_work_of_the_push(self) -> None:
        def energy(state: NDArray[np.float64]) -> float:
            _, dx, theta, dtheta = state
            centre = dx + 0.5 * dtheta * np.cos(theta), -0.5 * dtheta * np.sin(theta)
            kinetic = dx**2 / 2 + 0.05 * (centre[0] ** 2 + centre[1] ** 2) + 0.1 * 1.0**2 / 12 * dtheta**2 / 2
            return float(kinetic + 0.1 * 9.8 * 0.5 * np.cos(theta))

        for state in np.random.default_rng(1).uniform(-1, 1, (50, 4)):
            ddx, ddtheta = self.accelerations(state, 10.0)
            rate = np.array([state[1], ddx, state[3], ddtheta])
            power = (energy(state + 1e-5 * rate) - energy(state - 1e-5 * rate)) / 2e-5
            assert power == pytest.approx(10 * state[1], abs=1e-7)

    def test_a_trajectory_of_gymnasium(self) -> None:
        # As Gymnasium 1.4.0's CartPole has it.
        wanted = {
            1: [0.009600000000000001, 0.17467919574755525, 0.0292, -0.3230687179600081],
            6: [0.03481259551583313, -0.021289224954454344, -0.013479005208980672, -0.011545693213184105],
            12: [0.05184071751911466, -0.019379416292755025, -0.045699063011441055, -0.053725831554714054],
        }
        state = np.array([0.01, -0.02, 0.03, -0.04])
        for step, right in enumerate((1, 1, 0, 1, 0, 0, 1, 0, 1, 1, 0, 0), start=1):
            program("cartpole").push(state, 10.0 if right else -10.0)
            if step in wanted:
                np.testing.assert_allclose(state, wanted[step], rtol=1e-12)

    def test_an_episode_is_what_a_plain_loop_does(self) -> None:
        cartpole = program("cartpole")
        lengths = set()
        for seed in range(20):
            params = fnn.init((4, 8, 2), seed=seed, hidden=fnn.tanh, output=fnn.identity)
            state = np.array([0.1 * cartpole.uniform(seed, 1, 7, k) - 0.05 for k in range(4)])
            assert (np.abs(state) < 0.05).all()
            steps = 0
            while steps < 500 and abs(state[0]) <= 2.4 and abs(state[2]) <= 12 * 2 * np.pi / 360:
                ddx, ddtheta = self.accelerations(state, 10.0 * (2 * fnn.forward(params, state).argmax() - 1))
                state = state + 0.02 * np.array([state[1], ddx, state[3], ddtheta])
                steps += 1
            lengths.add(steps)
            assert cartpole.play(params, seed, 1, 7) == steps
            assert cartpole.play_in_numpy(params, seed, 1, 7) == steps
        assert len(lengths) > 3

    def test_pushing_to_one_side_fails_as_is_known(self) -> None:
        cartpole = program("cartpole")
        # In 3000 episodes of Gymnasium 1.4.0's CartPole a push to the left at every step failed after 8 to 11.
        params = cartpole.network(0).with_flat(np.zeros(58))
        assert set(cartpole.evaluate(params, 0, 200)) == {8, 9, 10, 11}

    def test_random_numbers(self) -> None:
        cartpole = program("cartpole")
        keys = list(itertools.product((0, 1, 2**40), range(3), range(20), range(20)))
        uniform = [cartpole.uniform(*key) for key in keys]
        assert len(set(uniform)) == len(keys)
        assert scipy.stats.kstest(uniform, "uniform").pvalue > 0.01
        assert scipy.stats.kstest([cartpole.normal(*key) for key in keys], "norm").pvalue > 0.01

    def test_it_is_solved_from_every_seed_whatever_the_number_of_threads(self) -> None:
        few, many = (
            output("cartpole.py", "--seeds", seeds, "--compare", "1", NUMBA_NUM_THREADS=threads)
            for threads, seeds in (("1", "10"), ("2", "3"))
        )
        means = re.findall(r"^seed (\d): ([\d,]+) steps in \S+ s; mean return of 100 new episodes: (\S+)$", few, re.M)
        assert len(means) == 10
        assert all(float(mean) >= 475 for *_, mean in means)
        assert "solved: 10 of 10" in few
        assert few.count("fnn, 1 thread ") == 1
        assert "fnn, 2 threads" in many
        timeless = [re.sub(r"[\d.]+ s\b", "", text[text.index("generation") :]) for text in (few, many)]
        assert timeless[0].split("\n\nseed 3:")[0] == timeless[1].split("\nsolved: 3 of 3")[0]

    def test_the_comparison_is_with_the_same_episodes(self, tmp_path: Path) -> None:
        picture = tmp_path / "cartpole.png"
        text = said("cartpole.py", "--generations", "3", "--compare", "3", "--pairs", "8", "--out", picture)
        assert "not solved: 0 of 1" in text
        assert "100.0% of the 48 returns in NumPy are the same" in text
        assert re.search(r"network in NumPy, loops in Python +[\d.]+ s, +[\d.]+ times as long", text)
        assert png_size(picture.read_bytes()) == (1200, 675)

    @pytest.mark.parametrize(
        ("option", "value"), [("generations", "0"), ("pairs", "0"), ("seed", "-1"), ("seeds", "0")]
    )
    def test_values_out_of_range(self, option: str, value: str) -> None:
        assert refusal("cartpole.py", f"--{option}", value).startswith(f"cartpole.py: error: --{option}: must be at")


class TestSurrogate:
    THETA = np.array([0.545, 0.028, 0.803, 0.024, 33.96, 5.93, 0.25, 0.25])  # the posterior's means, by Stan
    SD = np.array([0.064, 0.004, 0.091, 0.004, 2.9, 0.53, 0.044, 0.044])

    def solved(self, theta: NDArray[np.float64]) -> NDArray[np.float64]:
        """Hares and lynxes of every year, by SciPy."""
        alpha, beta, gamma, delta = theta[:4]
        solution = scipy.integrate.solve_ivp(
            lambda _, z: ((alpha - beta * z[1]) * z[0], (delta * z[0] - gamma) * z[1]),
            (0, 20), theta[4:6], t_eval=np.arange(21), rtol=1e-10, atol=1e-10,
        )  # fmt: skip
        return np.asarray(solution.y)

    def test_the_solution_of_the_equations(self) -> None:
        surrogate = program("surrogate")
        for factor in np.random.default_rng(0).uniform(0.8, 1.25, (10, 8)):
            hares, lynxes = np.empty(21), np.empty(21)
            surrogate.years(self.THETA * factor, hares, lynxes)
            np.testing.assert_allclose([hares, lynxes], self.solved(self.THETA * factor), rtol=2e-4)

    def test_the_log_posterior(self) -> None:
        surrogate = program("surrogate")
        norm, lognorm = scipy.stats.norm, scipy.stats.lognorm
        differences = []
        for factor in np.random.default_rng(0).uniform(0.9, 1.1, (10, 8)):
            theta = self.THETA * factor
            hares, lynxes = self.solved(theta)
            wanted = (
                norm.logpdf(theta[[0, 2]], 1, 0.5).sum()
                + norm.logpdf(theta[[1, 3]], 0.05, 0.05).sum()
                + lognorm.logpdf(theta[4:6], 1, scale=10).sum()
                + lognorm.logpdf(theta[6:], 1, scale=np.exp(-1)).sum()
                + lognorm.logpdf(surrogate.HARES, theta[6], scale=hares).sum()
                + lognorm.logpdf(surrogate.LYNXES, theta[7], scale=lynxes).sum()
                + np.log(theta).sum()  # the density of the logarithms
            )
            differences.append(wanted - surrogate.log_posterior(np.log(theta)))
        assert np.ptp(differences) < 2e-2
        assert surrogate.log_posterior(np.log(self.THETA * 40)) == -np.inf

    def test_the_chain_on_a_network_has_the_networks_moments(self) -> None:
        surrogate = program("surrogate")
        # A linear network a·z turns the standard normal into one with the mean a.
        a = np.linspace(-1, 1, 8)
        params: fnn.Params[np.float64] = fnn.Params(
            {"W1": a[:, None], "b1": [0]}, hidden=fnn.identity, output=fnn.identity
        )
        z, solved = surrogate.walk(1, params, np.zeros(8), np.eye(8), np.random.default_rng(0), 400_000, 10)
        assert solved == 0
        np.testing.assert_allclose(z.mean(axis=0), a, atol=0.08)
        np.testing.assert_allclose(np.cov(z.T), np.eye(8), atol=0.1)

    def test_moments_and_their_errors(self) -> None:
        surrogate = program("surrogate")
        means, sds, errors = [], [], []
        for seed in range(40):
            m = surrogate.moments(np.random.default_rng(seed).normal(3, 2, (2_000, 8)))
            means.append(m.mean)
            sds.append(m.sd)
            errors.append([m.mean_error, m.sd_error])
        np.testing.assert_allclose(np.mean(means), 3, atol=0.01)
        np.testing.assert_allclose(np.mean(sds), 2, atol=0.01)
        # of independent numbers: σ/√n and σ/√(2n)
        np.testing.assert_allclose(np.mean(errors, axis=(0, 2)), [2 / 2000**0.5, 2 / 4000**0.5], rtol=0.05)

    def test_the_chain_is_that_of_numpy(self) -> None:
        surrogate, random = program("surrogate"), np.random.default_rng(1)
        params = fnn.init((8, 32, 32, 1), seed=3, hidden=fnn.tanh, output=fnn.identity)
        found, _ = surrogate.walk(1, params, np.zeros(8), np.eye(8), np.random.default_rng(1), 5_000, 1)

        W1, b1, W2, b2, W3, b3 = params.values()
        z = np.zeros(8)
        for kept in found:
            np.testing.assert_allclose(kept, z, rtol=0, atol=1e-9)
            at = np.stack([z, z + 2.38 / 8**0.5 * random.standard_normal(8)])
            guess, new_guess = (np.tanh(np.tanh(at @ W1 + b1) @ W2 + b2) @ W3 + b3)[:, 0]
            if np.log(1 - random.random()) < new_guess - guess + (at[0] @ at[0] - at[1] @ at[1]) / 2:
                z = at[1]

    def test_the_report(self, tmp_path: Path) -> None:
        text = output("surrogate.py", "--quick", "--out", tmp_path / "surrogate.png")

        rows = re.findall(r"^[α-δhle].{15} ((?: +[-+]?\d+\.\d{3,4}){6})$", text, re.MULTILINE)
        found = np.array([numbers(row) for row in rows])
        assert found.shape == (8, 6)
        np.testing.assert_array_less(np.abs(found[:, 0] - self.THETA), 0.15 * self.SD + 5e-4)
        np.testing.assert_allclose(found[:, 1], self.SD, rtol=0.15)
        assert np.abs(found[:, 2:]).max() < 0.15
        assert np.abs(found[:, 2:]).max() > 0
        solved = [int(n.replace(",", "")) for n in re.findall(r"^(?:the|both).* ([\d,]+) +[\d.]+$", text, re.MULTILINE)]
        assert solved[:2] == [80_000, 0]
        assert 15_000 < solved[2] < 30_000
        assert text.count("which may be chance") == 2
        assert png_size((tmp_path / "surrogate.png").read_bytes()) == (1650, 750)

    def test_values_out_of_range(self) -> None:
        message = "surrogate.py: error: --steps: must be at least 4000, got 10"
        assert refusal("surrogate.py", "--steps", "10") == message
        assert refusal("surrogate.py", "--seed", "-1") == "surrogate.py: error: --seed: must be at least 0, got -1"


RELATIVES = {
    ("Colin", "father"): {"James"},
    ("Colin", "mother"): {"Victoria"},
    ("Colin", "sister"): {"Charlotte"},
    ("Colin", "uncle"): {"Arthur", "Charles"},
    ("Charlotte", "aunt"): {"Jennifer", "Margaret"},
    ("Christopher", "wife"): {"Penelope"},
    ("Margaret", "husband"): {"Arthur"},
    ("Margaret", "nephew"): {"Colin"},
    ("Jennifer", "brother"): {"James"},
    ("Christine", "son"): {"James"},
    ("Roberto", "daughter"): {"Lucia"},
    ("Alfonso", "uncle"): {"Emilio", "Tomaso"},
    ("Sophia", "aunt"): {"Angela", "Gina"},
    ("Tomaso", "niece"): {"Sophia"},
    ("Maria", "son"): {"Emilio"},
}


class TestFamilyTree:
    def test_the_relatives(self) -> None:
        answers = program("family_tree").answers()
        assert {question: answers[question] for question in RELATIVES} == RELATIVES
        for question in [("Colin", "wife"), ("Christopher", "father"), ("Arthur", "son"), ("Margaret", "brother")]:
            assert question not in answers
        # Six have parents in the tree, five couples, six have a son, two uncles, three a brother, four a nephew.
        assert len(answers) == 2 * 2 * (6 + 5 + 6 + 2 + 3 + 4) == 104
        assert sum(len(who) == 2 for who in answers.values()) == 8

    def test_the_questions_are_the_answers_as_numbers(self) -> None:
        tree = program("family_tree")
        x, y = tree.questions()
        read = {}
        for case, targets in zip(x, y, strict=True):
            assert case[:24].sum() == case[24:].sum() == 1
            question = tree.PERSONS[case[:24].argmax()], tree.RELATIONSHIPS[case[24:].argmax()]
            read[question] = {tree.PERSONS[d] for d in np.flatnonzero(targets)}
        assert len(tree.PERSONS) == 24
        assert read == tree.answers()

    def test_training_is_what_the_paper_says(self) -> None:
        tree = program("family_tree")
        settings, sweeps = tree.LARGER, 30
        net = tree.learn(settings, 3, sweeps)

        params = fnn.init((36, 12, 12, 6, 24), seed=3, initializer=fnn.uniform(-1.5, 1.5))
        leaves = {key: np.array(leaf) for key, leaf in params.items()}
        absent = np.ones((36, 12), bool)
        absent[:24, :6] = absent[24:, 6:] = False
        leaves["W1"][absent] = 0
        delta = {key: np.zeros_like(leaf) for key, leaf in leaves.items()}
        for sweep in range(sweeps):
            epsilon, alpha = (0.05, 0.5) if sweep < 20 else (0.1, 0.9)
            a = [net.learnt.x]
            for i in range(1, 5):
                a.append(1 / (1 + np.exp(-(a[-1] @ leaves[f"W{i}"] + leaves[f"b{i}"]))))
            back = a[4] - net.learnt.y
            back[np.abs(back) < 0.2] = 0
            gradient = {}
            for i in range(4, 0, -1):
                back = back * a[i] * (1 - a[i])
                gradient[f"W{i}"], gradient[f"b{i}"] = a[i - 1].T @ back, back.sum(axis=0)
                back = back @ leaves[f"W{i}"].T
            for key in leaves:
                delta[key] = -epsilon * gradient[key] + alpha * delta[key]
                leaves[key] = 0.998 * (leaves[key] + delta[key])
            leaves["W1"][absent] = 0

        assert (net.params["W1"][absent] == 0).all()
        assert (net.params["W1"][~absent] != 0).all()
        for key, leaf in leaves.items():
            np.testing.assert_allclose(net.params[key], leaf, rtol=1e-9, atol=1e-9)

    def test_the_questions_held_out_are_not_learnt(self) -> None:
        tree = program("family_tree")
        everything = {tuple(case) for case in tree.questions().x}
        sets = []
        for seed in range(3):
            net = tree.learn(tree.PAPER, seed, 0)
            learnt, held_out = ({tuple(case) for case in part.x} for part in net[1:])
            assert (len(learnt), len(held_out)) == (100, 4)
            assert learnt | held_out == everything
            sets.append(held_out)
        assert sets[0] != sets[1] != sets[2]

    def test_every_output_must_be_right(self) -> None:
        tree = program("family_tree")
        at = np.log(0.81 / 0.19)  # of the sigmoid: 0.81
        for z, right in ((at, 1), (0.9 * at, 0)):
            W = {f"W{i}": np.zeros(shape) for i, shape in enumerate([(36, 12), (12, 12), (12, 6), (6, 24)], start=1)}
            b = {f"b{i}": np.zeros(n) for i, n in enumerate([12, 12, 6], start=1)} | {"b4": np.full(24, -3.0)}
            b["b4"][5] = z
            params: fnn.Params[np.float64] = fnn.Params(W | b, hidden=fnn.sigmoid, output=fnn.sigmoid)
            asked = tree.Questions(np.eye(36)[:2], np.eye(24)[[5, 6]])
            assert tree.right(params, asked) == right
            assert tree.right(params, asked, 0.5) == 1

    def test_a_run_with_few_networks(self, tmp_path: Path) -> None:
        text = output("family_tree.py", "--seeds", "3", "--out", tmp_path)

        assert text.startswith("3 networks, 1500 sweeps each")
        found = re.findall(r"^  (learnt|held out) +(\d+) of +(\d+) right; .*: (\d+)$", text, re.MULTILINE)
        assert [(part, int(total)) for part, _, total, _ in found] == [("learnt", 300), ("held out", 12)] * 2
        counts = [(int(strict), int(loose)) for _, strict, _, loose in found]
        assert counts[:2] == [(0, 0), (0, 0)]  # nothing is learnt from weights so small
        assert counts[2][1] > 200
        assert counts[2][0] > 30
        picture = tmp_path / "family_tree.png"
        assert str(picture) in text
        assert png_size(picture.read_bytes()) == (1800, 900)

    def test_values_out_of_range(self, tmp_path: Path) -> None:
        nowhere = tmp_path / "no" / "such.png"
        assert str(nowhere) in refusal("family_tree.py", "--seeds", "1", "--sweeps", "1", "--out", nowhere)
        assert refusal("family_tree.py", "--seeds", "0") == "family_tree.py: error: --seeds: must be at least 1, got 0"
        assert refusal("family_tree.py", "--sweeps", "-1").startswith("family_tree.py: error: epochs: must be")


class TestRegression:
    def test_the_table(self) -> None:
        patients, progression = program("regression").table()

        assert patients.shape == (442, 10)
        assert patients["bp"].isna().sum() == 37
        assert (patients["sex"] == "male").sum() == 207  # as the paper's table has it
        assert (patients["sex"] == "female").sum() == 442 - 207
        assert progression.shape == (442,)

    def test_intervals_hold_nine_of_ten(self, tmp_path: Path) -> None:
        text = output("regression.py", "--out", tmp_path)

        learned, of_median = map(float, re.findall(r"error: ([\d.]+); of the median of all: ([\d.]+)", text)[0])
        assert learned < 0.9 * of_median
        inside = int(re.findall(r"hold (\d+)%", text)[0])
        assert 81 <= inside <= 99  # of 100 patients: three standard deviations
        assert png_size((tmp_path / "regression.png").read_bytes()) == (1350, 750)

    def test_bad_values(self) -> None:
        assert "'random_state' parameter of MLPRegressor must be" in refusal("regression.py", "--seed", "-1")


class TestCurve:
    def test_the_problems(self) -> None:
        sine, parity = program("curve").problems()

        np.testing.assert_allclose(sine.y[::10, 0], [0, -1, 0, 1, 0], atol=1e-15)
        assert sorted(map(tuple, parity.x)) == list(itertools.product([-1, 1], repeat=3))
        assert [y == 1 for y in parity.y[:, 0]] == [np.sum(x == 1) % 2 == 1 for x in parity.x]  # an odd number of ones

    def test_who_arrives(self) -> None:
        curve = program("curve")
        sine, method = curve.problems()[0], fnn.irprop()
        arrived = []
        for seed in range(6):
            start, rule = curve.network(sine.sizes, seed), fnn.Stopping(target_error=sine.goal / 2)
            run = fnn.train(
                start, sine.x, sine.y, optimizer=method, epochs=50, reduction="mean", stopping=rule
            )  # fmt: skip
            arrived.append(run.stop_reason == "target_error")
        count, seconds = curve.arrivals(sine, method, 6, 50)

        assert 0 < sum(arrived) < 6
        assert count == sum(arrived)
        assert 0 < seconds < 60
        none, never = curve.arrivals(sine, fnn.gradient_descent(1e3), 2, 50)
        assert none == 0
        assert np.isnan(never)

    def test_the_report(self, tmp_path: Path) -> None:
        text = output("curve.py", "--quick", "--out", tmp_path)

        of_sinc = dict(re.findall(r"^  (\S+) +(\d\.\de-\d\d) +\d+ ", text, re.MULTILINE))
        errors = [float(of_sinc[name]) for name in ("Levenberg-Marquardt", "L-BFGS", "Adam")]
        assert errors[0] < errors[1] / 10 < errors[2] / 100
        rows = re.findall(r"^  (\S+) +([\d.]+) +([\d.]+) of 61 +([\d.]+) +([\d.]+)%$", text, re.MULTILINE)
        of_sine = {name: numbers(" ".join(row)) for name, *row in rows}
        off, count, noise, inside = of_sine["Bayesian"]
        assert off < 0.15
        assert 5 < count < 20
        assert 0.25 < noise < 0.35
        assert 84 < inside < 95
        assert off < of_sine["Levenberg-Marquardt"][0]
        assert 85 < float(re.findall(r"the Bayesian intervals hold ([\d.]+)%", text)[0]) < 95
        of_starts = re.findall(r"^  (\w+) +(\d) +([\d.]+|nan) +(\d) +([\d.]+|nan)$", text, re.MULTILINE)
        assert [row[0] for row in of_starts] == list(program("curve").ALL)
        assert {(row[1], row[3]) for row in of_starts if row[0] in ("lbfgs", "levenberg_marquardt")} == {("3", "3")}
        assert png_size((tmp_path / "curve.png").read_bytes()) == (1650, 1125)

    def test_bad_values(self) -> None:
        assert refusal("curve.py", "--quick", "--seed", "-1") == "curve.py: error: seed: must be at least 0, got -1"


class TestClassification:
    def test_the_table(self) -> None:
        biopsies, found = program("classification").table()

        assert biopsies.shape == (463, 30)
        assert np.unique(found, return_counts=True)[1].tolist() == [357, 106]  # of 212 malignant ones, half
        assert len({*map(tuple, biopsies.to_numpy(np.float64))}) == 463

    def test_the_report(self, tmp_path: Path) -> None:
        text = output("classification.py", "--out", tmp_path)

        rows = re.findall(r"accuracy ([\d.]+)%, Brier score ([\d.]+), expects ([\d.]+) malignant, (\d+) came", text)
        before, after = (tuple(map(float, row)) for row in rows)
        assert after[1] < before[1]
        assert abs(after[2] - after[3]) < abs(before[2] - before[3])
        assert png_size((tmp_path / "classification.png").read_bytes()) == (1500, 675)

    def test_bad_values(self) -> None:
        assert "'random_state' parameter of MLPClassifier must be" in refusal("classification.py", "--seed", "-1")


class TestSweep:
    def test_the_ensemble_is_better_than_its_median(self, tmp_path: Path) -> None:
        text = output("sweep.py", "--seeds", "3", "--epochs", "60", "--out", tmp_path)

        rows = re.findall(r"^ +(\d+) +(\S+)  ([\d.]+)  ([\d.]+)  ([\d.]+)$", text, re.MULTILINE)
        assert len(rows) == 9
        median, least, largest = (np.array([float(row[i]) for row in rows]) for i in (2, 3, 4))
        assert ((least <= median) & (median <= largest)).all()
        units, eta, of_mean = re.findall(r"best: (\d+) units, η = (\S+); the ensemble's error: ([\d.]+)", text)[0]
        best = int(median.argmin())
        assert (int(units), float(eta)) == (int(rows[best][0]), float(rows[best][1]))
        assert float(of_mean) < median[best]
        assert png_size((tmp_path / "sweep.png").read_bytes()) == (1350, 750)

    def test_bad_values(self) -> None:
        assert refusal("sweep.py", "--seeds", "1") == "sweep.py: error: --seeds: must be at least 2, got 1"
        assert refusal("sweep.py", "--processes", "0") == "sweep.py: error: --processes: must be at least 1, got 0"

    def test_processes_learn_the_same(self, tmp_path: Path) -> None:
        arguments = ("--seeds", "2", "--epochs", "3", "--out", tmp_path)
        texts = [said("sweep.py", *arguments), output("sweep.py", *arguments, "--processes", "1")]

        assert re.sub("in .* s", "", texts[0]) == re.sub("in .* s", "", texts[1])


class TestDeploy:
    def test_every_way_gives_the_same(self, tmp_path: Path) -> None:
        text = output("deploy.py", "--hidden", "12", "--out", tmp_path)

        assert "saved and loaded: the same bits" in text
        ways = dict(re.findall(r"^(\S.*?) {2,}[\d.]+ +(\S+e[-+]\d+)$", text, re.MULTILINE))
        assert ways.keys() == {"fnn.forward", "inside @njit", "C", "ONNX Runtime"}
        assert float(ways["fnn.forward"]) == float(ways["inside @njit"]) == 0
        assert max(map(float, ways.values())) < 1e-5
        assert {path.name for path in tmp_path.iterdir()} == {"reader.npz", "reader.h", "reader.onnx", "deploy.png"}
        assert png_size((tmp_path / "deploy.png").read_bytes()) == (1200, 450)


class TestManyMachines:
    @pytest.mark.parametrize("mpi", ["mpich", "openmpi"])
    def test_ranks_change_no_bit(self, mpi: Mpi, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.delenv("FNN_MNIST", raising=False)
        options = [str(option) for option in ("--hidden", 16, "--epochs", 3, "--set", tmp_path / "set")]
        script = str(EXAMPLES / "many_machines.py")
        alone = output("many_machines.py", *options).splitlines()
        written = {path: path.stat().st_mtime_ns for path in (tmp_path / "set").rglob("*.npy")}
        more = "--local", str(tmp_path / "local"), "--out", str(tmp_path / "errors.png")
        together = mpirun(2, script, *options, *more, mpi=mpi).splitlines()

        assert len(written) == 4
        assert written == {path: path.stat().st_mtime_ns for path in written}
        assert len(list((tmp_path / "local").iterdir())) == 4
        assert (together[0], alone[0]) == ("2 ranks, 64 shards", "1 rank, 64 shards")
        assert together[1:-1] == alone[1:-1]
        errors, accuracies = zip(*(numbers(line) for line in alone[2:5]), strict=True)
        assert errors[0] > errors[1] > errors[2]
        assert accuracies[2] > 60
        assert re.fullmatch("digest of the parameters: [0-9a-f]{16}", alone[5])
        assert png_size((tmp_path / "errors.png").read_bytes()) == (1200, 675)

    def test_the_set_is_the_images(self, tmp_path: Path) -> None:
        example = program("many_machines")
        example.write(tmp_path, None)
        training, test = example.read(tmp_path)

        assert (training.x.shape, test.x.shape) == ((10_000, 784), (2_000, 784))
        assert isinstance(training.x, np.memmap)
        for images, seed in ((training, 1), (test, 2)):
            x, labels = example.made(len(images.x), seed)
            np.testing.assert_array_equal(images.x, x)
            np.testing.assert_array_equal(images.labels, labels)

    def test_bad_values(self, tmp_path: Path) -> None:
        folder = "--set", tmp_path
        shards = refusal("many_machines.py", *folder, "--shards", "12")
        assert shards == "many_machines.py: error: shards: must be a power of two, got 12"
        assert str(tmp_path / "no") in refusal("many_machines.py", *folder, "--data", tmp_path / "no")
