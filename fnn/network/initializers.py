"""Initial parameters: schemes that draw weights, and `init`.

A draw depends only on the seed: PCG64's raw output is the same everywhere, and becomes uniform and normal numbers by
operations whose bits IEEE 754 fixes. (NumPy's `standard_normal` may change, and calls the C library's `log`.)
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Final, overload
from weakref import WeakValueDictionary

import numpy as np
from numpy.typing import NDArray

from fnn.activations.activation import Activation
from fnn.activations.library import sigmoid
from fnn.boundary.calls import by_name
from fnn.boundary.checks import whole
from fnn.network.architecture import Hidden, architecture_of
from fnn.network.layout import cache_aligned
from fnn.network.params import DT, Params, wrap
from fnn.numerics.normal import normal_quantile
from fnn.numerics.powers import root
from fnn.values import Documented

Doubles = NDArray[np.float64]


@dataclass(frozen=True, slots=True, weakref_slot=True)
class Initializer(Documented):
    """A scheme that turns uniform numbers in (0, 1) into a layer's weights, given n_in and n_out."""

    name: str
    draw: Callable[[Doubles, int, int], Doubles]
    draws_biases: bool = False  # else biases are 0
    doc: str = field(default="", repr=False, compare=False)
    biases: Callable[[Doubles], Doubles] | None = None  # b of a layer's W, (n_in, n_out), in place of a draw
    output: Initializer | None = None  # the output layer's scheme; None: the same

    def __repr__(self) -> str:
        return f"fnn.{self.name}"

    def __reduce__(self) -> str | tuple[Any, ...]:
        is_constant = globals().get(self.name) is self
        if is_constant:
            return self.name
        if isinstance(self.draw, partial) and self.draw.func is _between:
            return uniform, self.draw.args

        return Initializer, (self.name, self.draw, self.draws_biases, self.doc, self.biases, self.output)


def uniform(low: float, high: float) -> Initializer:
    """W and b uniform in (low, high), finite, or ValueError; Rumelhart, Hinton and Williams used (−0.3, 0.3)."""
    if not -np.inf < low < high < np.inf:
        raise ValueError(f"uniform: needs finite low < high, got {low} and {high}")
    made = Initializer(
        f"uniform({low}, {high})", partial(_between, low, high), draws_biases=True, doc=uniform.__doc__ or ""
    )

    return _uniform.setdefault((made.name, low, high), made)


_uniform: Final[WeakValueDictionary[tuple[str, float, float], Initializer]] = WeakValueDictionary()  # of those in use


def _between(low: float, high: float, u: Doubles, m: int, n: int) -> Doubles:
    with np.errstate(under="ignore"):
        return low + (high - low) * u


def _within(limit: Callable[[int, int], float]) -> Callable[[Doubles, int, int], Doubles]:
    """Uniform in ±limit(n_in, n_out)."""
    return lambda u, m, n: limit(m, n) * (2 * u - 1)


def _spread(deviation: Callable[[int, int], float]) -> Callable[[Doubles, int, int], Doubles]:
    """Normal with mean 0 and standard deviation deviation(n_in, n_out)."""
    return lambda u, m, n: deviation(m, n) * normal_quantile(u)


def _nguyen_widrow_length(m: int, n: int) -> float:
    return 0.7 * root(n, m)


def _directions(u: Doubles, m: int, n: int) -> Doubles:
    """Columns in random directions, all of one length."""
    W = (2 * u - 1).reshape(m, n)
    square = np.zeros(n)
    for row in W:  # in a fixed order, which a reduction of NumPy's has not
        square += row * row

    return (_nguyen_widrow_length(m, n) * (W / np.sqrt(square))).ravel()


def _spread_evenly(W: Doubles) -> Doubles:
    """Biases from −length to length; the signs of the first row spread the steps of units with a single input, too."""
    m, n = W.shape
    even = (2 * np.arange(n) - (n - 1)) / max(n - 1, 1)

    b: Doubles = _nguyen_widrow_length(m, n) * even * np.sign(W[0])

    return b


glorot_uniform = Initializer(
    "glorot_uniform", _within(lambda m, n: float(np.sqrt(6 / (m + n)))),
    doc="W uniform in ±√(6/(n_in + n_out)), b = 0 (Glorot and Bengio 2010).",
)  # fmt: skip

glorot_normal = Initializer(
    "glorot_normal", _spread(lambda m, n: float(np.sqrt(2 / (m + n)))),
    doc="W normal with mean 0 and σ = √(2/(n_in + n_out)), b = 0 (Glorot and Bengio 2010).",
)  # fmt: skip

he_uniform = Initializer(
    "he_uniform", _within(lambda m, n: float(np.sqrt(6 / m))),
    doc="W uniform in ±√(6/n_in), b = 0 (He et al. 2015); for ReLU.",
)  # fmt: skip

he_normal = Initializer(
    "he_normal", _spread(lambda m, n: float(np.sqrt(2 / m))),
    doc="W normal with mean 0 and σ = √(2/n_in), b = 0 (He et al. 2015); for ReLU.",
)  # fmt: skip

lecun_uniform = Initializer(
    "lecun_uniform", _within(lambda m, n: float(np.sqrt(3 / m))),
    doc="W uniform in ±√(3/n_in), b = 0 (LeCun et al. 1998).",
)  # fmt: skip

lecun_normal = Initializer(
    "lecun_normal", _spread(lambda m, n: float(np.sqrt(1 / m))),
    doc="W normal with mean 0 and σ = √(1/n_in), b = 0 (LeCun et al. 1998).",
)  # fmt: skip

standard_normal = Initializer(
    "standard_normal", _spread(lambda m, n: 1.0), draws_biases=True,
    doc="W and b normal with mean 0 and σ = 1 (Nielsen 2015, chapter 1).",
)  # fmt: skip

nguyen_widrow = Initializer(
    "nguyen_widrow", _directions, biases=_spread_evenly, output=glorot_uniform,
    doc="""Units whose steps cover the inputs evenly, for tanh, inputs in about [−1, 1] and second-order methods.

    Hidden layers: columns of W in random directions, each of length 0.7 n_out^(1/n_in), and b evenly from −length to
    length (Nguyen and Widrow 1990, whose b is random in between). The output layer is that of `glorot_uniform`.
    """,
)  # fmt: skip


@overload
def init(
    sizes: Sequence[int], *, seed: int, hidden: Hidden = ..., output: Activation = ..., initializer: Initializer = ...
) -> Params[np.float64]: ...
@overload
def init(
    sizes: Sequence[int], *, seed: int, hidden: Hidden = ..., output: Activation = ..., initializer: Initializer = ...,
    dtype: type[DT],
) -> Params[DT]: ...  # fmt: skip
@by_name
def init(
    sizes: Sequence[int], *, seed: int, hidden: Hidden = sigmoid, output: Activation = sigmoid,
    initializer: Initializer = glorot_uniform, dtype: type[Any] = np.float64,
) -> Params[Any]:  # fmt: skip
    """Draw the initial parameters of a network.

    Parameters
    ----------
    sizes
        Units of each layer, n_0 .. n_L.
    seed
        An integer, at least 0. The same seed gives the same bits on every machine.
    hidden, output
        The activation of the hidden layers, or a sequence with one for each; that of the output layer.
    initializer
        A scheme such as `glorot_uniform`.
    dtype
        np.float64, or np.float32, which rounds the float64 parameters.

    Raises
    ------
    ValueError, TypeError
        Fewer than two sizes, a size below 1, a negative seed, activations that don't fit, another dtype.

    Examples
    --------
    >>> import fnn
    >>> fnn.init((784, 30, 10), seed=0)
    fnn.Params(float64, 23860 parameters)
      layer  W          b      activation
      1      (784, 30)  (30,)  sigmoid
      2      (30, 10)   (10,)  sigmoid
    """
    architecture = architecture_of(sizes, hidden, output)
    if dtype not in (np.float32, np.float64):
        raise TypeError(f"dtype: needs np.float32 or np.float64, got {dtype!r}")
    if not isinstance(initializer, Initializer):
        raise TypeError(f"initializer: needs a scheme such as fnn.glorot_uniform, got {initializer!r}")
    source = np.random.PCG64(whole("seed", seed, at_least=0))
    flat = cache_aligned(architecture.count, np.dtype(dtype))
    flat[:] = 0
    for key, part, shape in architecture.slices():
        if key.startswith("W"):
            m, n = shape
            scheme = initializer.output or initializer if part.stop + n == flat.size else initializer
        if key.startswith("W") or (scheme.draws_biases and not scheme.biases):
            raw = source.random_raw(part.stop - part.start)
            u = ((raw >> np.uint64(11)).astype(np.float64) + 0.5) * 2.0**-53  # in (0, 1)
            drawn = scheme.draw(u, m, n)
        elif scheme.biases:
            drawn = scheme.biases(drawn.reshape(m, n))
        else:
            continue
        with np.errstate(under="ignore") if dtype == np.float32 else nullcontext():
            flat[part] = drawn

    return wrap(flat, architecture)
