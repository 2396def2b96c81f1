"""`grad` against central differences, and whether `check_grad` would notice."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings

import fnn
from tests.problems import HIDDEN, KINKED, PAIRS, Problem, problem, problems

# The smaller the step, the fewer digits has the difference of two errors, where a derivative is nearly 0.
H = 2e-3
# Differences move z by about 2h: relus and losses must be further than that from their kinks.
MARGIN = 0.02


@pytest.mark.parametrize("depth", [1, 2, 3, 4])
@pytest.mark.parametrize("loss, output", PAIRS)
@pytest.mark.parametrize("hidden", HIDDEN)
def test_activations_by_losses_by_depths(
    hidden: fnn.Activation, loss: fnn.Loss, output: fnn.Activation, depth: int
) -> None:
    p = problem(depth, (*(3, 4, 3, 4)[:depth], 3), (hidden,) * (depth - 1), output, loss, 2, margin=MARGIN)

    assert fnn.check_grad(p.params, p.x, p.y, loss=loss, h=H) <= 1e-7


@given(problems(counts=(1, 2, 3, 5), dtypes=(np.float64,), widest=5, margin=MARGIN))
@settings(deadline=None, max_examples=100)
def test_networks_of_all_kinds(p: Problem) -> None:
    # The differences are off by h⁴ times a fifth derivative, which may be large: with h/4 by 256 times less.
    assert min(fnn.check_grad(p.params, p.cases, **p.options, h=h) for h in (H, H / 4)) <= 1e-7


@pytest.mark.parametrize("count", [64, 65, 256, 257, 513, 600])
@pytest.mark.parametrize(
    "loss, output",
    [(loss, f) for loss, f in PAIRS if f is not fnn.relu and loss not in KINKED],  # some are at the kink
)
def test_large_batches(loss: fnn.Loss, output: fnn.Activation, count: int) -> None:
    p = problem(count, (2, 3, 2), (fnn.tanh,), output, loss, count, weighted=True)

    for reduction in ("sum", "mean"):
        options = {**p.options, "reduction": reduction}
        assert fnn.check_grad(p.params, p.cases, **options, h=H) <= 1e-7


@pytest.mark.parametrize("factor", [1 + 1e-5, -1.0, 0.0])
@pytest.mark.parametrize("index", [0, 7, 11])
def test_a_wrong_gradient_is_found(monkeypatch: pytest.MonkeyPatch, factor: float, index: int) -> None:
    p = problem(1, (2, 3, 1), (fnn.tanh,), fnn.identity, fnn.squared_error, 4)

    def wrong(*args: Any, **options: Any) -> fnn.Params[np.float64]:
        grads = fnn.grad(*args, **options)
        flat = np.array(grads.flat)
        flat[index] *= factor
        leaves, at = {}, 0
        for key, leaf in grads.items():
            leaves[key] = flat[at : at + leaf.size].reshape(leaf.shape)
            at += leaf.size
        return grads.replace(leaves)

    monkeypatch.setattr("fnn.equations.check_grad.grad", wrong)

    # |wrong − right| relative to the greater of the two
    assert fnn.check_grad(p.params, p.x, p.y) == pytest.approx(abs(1 - factor) / max(1, abs(factor)), rel=1e-3)


def test_float32_params_are_checked_in_float64() -> None:
    p = problem(2, (2, 3, 1), (fnn.tanh,), fnn.identity, fnn.squared_error, 4, dtype=np.float32)

    assert fnn.check_grad(p.params, p.x, p.y) <= 1e-9


def test_no_gradient_is_no_error() -> None:
    params = fnn.Params({"W1": [[0.0]], "b1": [0.0]}, hidden=(), output=fnn.identity)

    assert fnn.check_grad(params, [0.0], [0.0]) == 0


def test_the_step_is_checked() -> None:
    params = fnn.Params({"W1": [[1.0]], "b1": [0.0]}, hidden=(), output=fnn.identity)

    with pytest.raises(ValueError, match="h: must be finite and above 0, got 0"):
        fnn.check_grad(params, [1.0], [1.0], h=0)
    with pytest.raises(TypeError, match=r"params: needs fnn\.Params"):
        fnn.check_grad({"W1": [[1.0]]}, [1.0], [1.0])  # type: ignore[arg-type]  # what bad input gets
