"""The formulas that are told for each activation and each loss: read as arithmetic, they give the oracle's numbers."""

from __future__ import annotations

import math
import re
from typing import Any

import numpy as np
import pytest

import fnn
from fnn.display.wording import loss_wording, prime_of
from tests import oracles, reference
from tests.problems import PAIRS, problem

FUNCTIONS: dict[str, Any] = {
    "log": np.log, "cosh": np.cosh, "tanh": np.tanh, "cos": np.cos, "sign": np.sign, "max": max, "e": math.e,
    "σ": lambda z: 1 / (1 + np.exp(-z)), "Φ": lambda z: float(oracles.cdf(np.array(z))),
    "φ": lambda z: np.exp(-z * z / 2) / np.sqrt(2 * np.pi),
    "λ": 1.0507009873554805, "α": 1.6732632423543772,
}  # fmt: skip
WORDS = ("mish", "gelu_tanh")  # whose formulas name parts


def value(formula: str, **names: Any) -> float:
    """A formula's value."""
    signs = {"−": "-", "½": "0.5 * ", "·": " * ", "⊙": "*", "²": "**2", "^": "**", "λα": "λ * α", "[": "(", "]": ")"}
    for sign, python in signs.items():
        formula = formula.replace(sign, python)
    formula = re.sub(r"\|(.+?)\|", r"abs(\1)", formula)
    formula = re.sub(r"\b(log|cosh|cos) (cosh\([^)]*\)|\w+)", r"\1(\2)", formula)
    formula = re.sub(
        r"(?<=[\w)]) (?=[(\w])|(?<=\))(?=\()|(?<=\b[qδ])(?=\()", " * ", formula
    )  # what stands side by side

    return float(eval(formula, {"abs": abs} | FUNCTIONS | names))


def chosen(formula: str, **names: Any) -> float:
    """The value of a formula that may have cases: "1 where z > 0, else 0", "a where z < 0, b where .."."""
    if " where " not in formula:
        return value(formula, **names)
    for part in re.split(r", (?=−?[^,]* where |else )", formula):
        then, _, condition = part.partition(" where ")
        condition = condition.replace("|z|", "abs(z)").replace("y a", "y * a").replace("|r| ≤", "abs(r) <=")
        if not condition or eval(condition, {"abs": abs} | names):
            return value(then.removeprefix("else "), **names)
    raise AssertionError(formula)


@pytest.mark.parametrize("f", [f for f in oracles.ROWS if not f.name.startswith(WORDS)], ids=str)
def test_primes(f: fnn.Activation) -> None:
    z = np.array([-4.1, -2.3, -0.7, 0.4, 1.9, 6.5])
    a = oracles.ROWS[f].f(z.astype(oracles.WIDE)).astype(float)
    told = [chosen(prime_of(f).format(a="a", z="z"), a=a_i, z=z_i) for a_i, z_i in zip(a, z, strict=True)]

    np.testing.assert_allclose(
        told, oracles.ROWS[f].prime(z.astype(oracles.WIDE)).astype(float), rtol=1e-12, atol=1e-12
    )


@pytest.mark.parametrize("loss, output", [pair for pair in PAIRS if not pair[0].scalars], ids=str)
def test_losses(loss: fnn.Loss, output: fnn.Activation) -> None:
    p = problem(5, (2, 3), (), output, loss, 1)
    wanted, wording = p.wanted, loss_wording(loss, output)
    a, y = wanted.a[1][0], reference.smoothed(p.measure, output.name, p.dense)[0]
    error = re.sub(r", (y′|r|q) = .*", "", wording.error)
    before, summand = re.sub(r"([yar])′?_d", r"\1", error).split("Σ_d ")
    if loss.name == "huber":
        summand = summand.removeprefix("(").removesuffix(")")
    slope, delta = (text.replace("y′", "y") for text in wording[1:])

    sums = 0.0
    for d in range(3):
        names = {"a": a[d], "y": y[d], "r": a[d] - y[d], "q": loss.parameter, "δ": loss.parameter}
        sums += chosen(summand, **names)
        if " within " not in slope:
            assert chosen(slope, **names) == pytest.approx(wanted.dE_da[1][0, d], rel=1e-9)
        if delta:
            assert value(delta, **names) == pytest.approx(wanted.delta[1][0, d], rel=1e-9)
    assert sums * value(f"{before}1" if before else "1") == pytest.approx(wanted.error, rel=1e-9)
