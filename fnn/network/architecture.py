"""The static part of a network: its sizes and its activations."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from fnn.activations.activation import Activation
from fnn.boundary.checks import whole
from fnn.network.layout import Layout, layout_of, narrow_layout_of, read_only

Hidden: TypeAlias = Activation | Sequence[Activation]  # one for all hidden layers, or one for each


@dataclass(frozen=True, slots=True)
class Architecture:
    """The sizes n_0 .. n_L of a network, and an activation for each of the layers 1 .. L."""

    sizes: tuple[int, ...]
    activations: tuple[Activation, ...]
    _layouts: dict[tuple[object, ...], Layout] = field(default_factory=dict, repr=False, compare=False)
    recent: Any = field(default=None, init=False, repr=False, compare=False)  # for `fnn.equations.short_calls`
    # The sizes and descriptors for jitted functions, by dtype: made on first access.
    _spec_float32: NDArray[np.int64] = field(init=False, repr=False, compare=False)
    _spec_float64: NDArray[np.int64] = field(init=False, repr=False, compare=False)

    def __getattr__(self, name: str) -> NDArray[np.int64]:
        if not name.startswith("_spec_"):
            raise AttributeError(name)
        descriptors = self._descriptors(np.dtype(name.removeprefix("_spec_")))
        spec = read_only([len(self.activations), *self.sizes, *descriptors])
        object.__setattr__(self, name, spec)

        return spec

    def __reduce__(self) -> tuple[type[Architecture], tuple[Any, ...]]:
        return Architecture, (self.sizes, self.activations)  # the rest holds addresses of this process

    def spec(self, dtype: np.dtype[Any]) -> NDArray[np.int64]:
        """The integers of `fnn.network.kernels.spec.Network`."""
        return self._spec_float32 if dtype.itemsize == 4 else self._spec_float64

    def _descriptors(self, dtype: np.dtype[Any]) -> list[int]:
        return [word for f in self.activations for word in f.descriptor(dtype).tolist()]

    def layout(self, dtype: np.dtype[Any], rows: int, *, packed: bool = False) -> Layout:
        """The layout for `rows` cases, with the weights as in `Params` or packed for training; cached."""
        key = dtype.type, rows, packed
        return self._layouts.get(key) or self._cache(
            key, layout_of(self.sizes, self._descriptors(dtype), rows, dtype, packed)
        )

    def narrow_layout(self, dtype: np.dtype[Any], batch: int, outputs_code: int) -> Layout:
        """The layout for training a narrow network in batches of `batch` cases; cached."""
        key = "narrow", dtype.type, batch, outputs_code
        return self._layouts.get(key) or self._cache(
            key, narrow_layout_of(self.sizes, self._descriptors(dtype), outputs_code, batch, dtype)
        )

    def r_layout(self, dtype: np.dtype[Any], rows: int, *, with_second: bool) -> Layout:
        """The layout for derivatives along a direction (see `fnn.equations.kernels.directional`); cached."""
        key = "r", dtype.type, rows, with_second
        if layout := self._layouts.get(key):
            return layout
        words = [word for f in self.activations for word in f.directional_descriptor(dtype, with_second=with_second)]

        return self._cache(key, layout_of(self.sizes, words, rows, dtype, packed=False))

    def _cache(self, key: tuple[object, ...], layout: Layout) -> Layout:
        if len(self._layouts) > 300:
            self._layouts.clear()
        self._layouts[key] = layout

        return layout

    @property
    def count(self) -> int:
        """The number of weights and biases."""
        return sum((m + 1) * n for m, n in pairwise(self.sizes))

    def slices(self) -> Iterator[tuple[str, slice, tuple[int, ...]]]:
        """The key of each leaf, its slice of the flat buffer and its shape, in order."""
        start = 0
        for layer, (m, n) in enumerate(pairwise(self.sizes), start=1):
            yield f"W{layer}", slice(start, start + m * n), (m, n)
            yield f"b{layer}", slice(start + m * n, start + m * n + n), (n,)
            start += (m + 1) * n

    def slices_of(self, name: str, keys: Iterable[str]) -> Iterator[tuple[str, slice, tuple[int, ...]]]:
        """`slices` of some leaves; ValueError, which begins with the name, for an unknown key."""
        slices = {key: (key, part, shape) for key, part, shape in self.slices()}
        for key in keys:
            if key not in slices:
                raise ValueError(f"{name}: unknown key {key!r}; this network has {', '.join(slices)}")
            yield slices[key]


def table(rows: Sequence[Sequence[object]]) -> str:
    """Rows of cells as lines of text, with columns flush left."""
    cells = [[str(cell) for cell in row] for row in rows]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]

    return "\n".join(f"  {'  '.join(map(str.ljust, row, widths))}".rstrip() for row in cells)


def architecture_of(sizes: Sequence[int], hidden: Hidden, output: Activation) -> Architecture:
    """The architecture of the arguments of `init` and `Params`; TypeError or ValueError if they don't describe one."""
    if _is_string(sizes) or not isinstance(sizes, Iterable):
        raise TypeError(f"sizes: needs a sequence of layer sizes, got {sizes!r}")
    sizes = tuple(sizes)
    if len(sizes) < 2:
        raise ValueError(f"sizes: needs an input and an output size at least, got {tuple(sizes)!r}")
    sizes = tuple(whole(f"sizes[{i}]", n, at_least=1) for i, n in enumerate(sizes))
    layers = len(sizes) - 1
    if _is_string(hidden) or not isinstance(hidden, Activation | Sequence):
        raise TypeError(f"hidden: needs an activation such as fnn.sigmoid, or a sequence of them, got {hidden!r}")
    before = (hidden,) * (layers - 1) if isinstance(hidden, Activation) else tuple(hidden)
    if len(before) != layers - 1:
        raise ValueError(
            f"hidden: needs one activation, or a sequence of {layers - 1}, one for each hidden layer; got {len(before)}"
        )
    for name, activation in [*((f"hidden[{i}]", f) for i, f in enumerate(before)), ("output", output)]:
        if not isinstance(activation, Activation):
            raise TypeError(f"{name}: needs an activation such as fnn.sigmoid, got {activation!r}")
    for activation in before:
        if activation.is_rowwise:
            raise ValueError(f"hidden: {activation!r} can only be the output activation")

    return Architecture(sizes, (*before, output))


def _is_string(value: object) -> bool:
    return isinstance(value, str)  # in line, mypy would call the branch unreachable
