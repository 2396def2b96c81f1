"""The examples, each run as a program of its own, and the numbers that they print."""

import os
import re
import struct
import subprocess
import sys
import zlib
from functools import cache
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

import fnn

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
def output(name: str, *arguments: str | Path) -> str:
    done = start(name, *arguments)
    assert done.returncode == 0, done.stderr
    return done.stdout


def refusal(name: str, *arguments: str | Path, **environment: str) -> str:
    """The last line that an example says to a wrong call."""
    done = start(name, *arguments, **environment)
    assert done.returncode == 2
    assert "Traceback" not in done.stderr
    return done.stderr.splitlines()[-1]


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
        assert "not solved: E = 0.25" in output("xor.py", "--seed", "9")

    @pytest.mark.parametrize(("option", "value"), [("eta", "0"), ("eta", "nan"), ("epochs", "-1"), ("seed", "-1")])
    def test_values_out_of_range(self, option: str, value: str) -> None:
        assert refusal("xor.py", f"--{option}", value).startswith(f"xor.py: error: {option}: must be")


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
        for heading, body in re.findall(r"^(\S\S? .*│.*)\n((?: {4}.*\n)+)", output("figure1.py", *arguments), re.M):
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
        text = output(
            "digits.py", "--hidden", "3", "--epochs", "2", "--seed", "5", "--batch-size", "100", "--out", path
        )

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

        for options in ([], ["--float64"]):
            text = output("mnist.py", "--data", tmp_path, "--epochs", "30", *options)
            assert len(re.findall(r"^ +\d+ +0\.\d{5} +\d+\.\d\d%$", text, re.MULTILINE)) == 30
            assert "best: 100.00% of the 300 test images" in text

    @pytest.mark.skipif(MNIST is None, reason="FNN_MNIST doesn't say where MNIST's files are")
    def test_two_epochs_of_mnist(self) -> None:
        assert MNIST is not None
        done = start("mnist.py", "--epochs", "2", FNN_MNIST=MNIST)

        assert done.returncode == 0, done.stderr
        found = re.search(r"^best: (\S+)% of the 10,000 test images, after epoch 2$", done.stdout, re.MULTILINE)
        assert found
        assert 91 <= float(found[1]) < 96

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
