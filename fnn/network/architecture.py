"""What is static about a network: its sizes and its activations."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fnn.activations.activation import Activation
from fnn.checks import whole
from fnn.network.layout import Layout, layout_of, narrow_layout_of


@dataclass(frozen=True, slots=True)
class Architecture:
    """What is static about a network: n_0 .. n_L and an activation for each of the layers 1 .. L."""

    sizes: tuple[int, ...]
    activations: tuple[Activation, ...]
    _layouts: dict[tuple[type, int, bool], Layout] = field(default_factory=dict, repr=False, compare=False)
    _narrow: dict[tuple[type, int, int], Layout] = field(default_factory=dict, repr=False, compare=False)
    _directions: dict[tuple[type, int, bool], Layout] = field(default_factory=dict, repr=False, compare=False)
    # All of it for jitted functions, by dtype: made when they first ask.
    _spec_float32: NDArray[np.int64] = field(init=False, repr=False, compare=False)
    _spec_float64: NDArray[np.int64] = field(init=False, repr=False, compare=False)

    def __getattr__(self, name: str) -> NDArray[np.int64]:
        if not name.startswith("_spec_"):
            raise AttributeError(name)
        functions = self._functions(np.dtype(name.removeprefix("_spec_")))
        spec = np.array([len(self.activations), *self.sizes, *functions], np.int64)
        spec.setflags(write=False)
        object.__setattr__(self, name, spec)

        return spec

    def _functions(self, dtype: np.dtype[Any]) -> list[int]:
        """What the kernels must know of each layer's activation, in turn."""
        return [number for f in self.activations for number in f.descriptor(dtype).tolist()]

    def layout(self, dtype: np.dtype[Any], rows: int, *, packed: bool = False) -> Layout:
        """Where the kernels find everything, for so many cases; made once and then remembered."""
        key = (dtype.type, rows, packed)
        found = self._layouts.get(key)
        if found is None:
            if len(self._layouts) > 100:
                self._layouts.clear()
            found = self._layouts[key] = layout_of(self.sizes, self._functions(dtype), rows, dtype, packed)

        return found

    def narrow_layout(self, dtype: np.dtype[Any], batch: int, outputs_code: int) -> Layout:
        """The layout for training it as a narrow network, in batches of so many cases; remembered as well."""
        key = (dtype.type, batch, outputs_code)
        found = self._narrow.get(key)
        if found is None:
            if len(self._narrow) > 100:
                self._narrow.clear()
            found = narrow_layout_of(self.sizes, self._functions(dtype), outputs_code, batch, dtype)
            self._narrow[key] = found

        return found

    def directions(self, dtype: np.dtype[Any], rows: int, *, with_second: bool) -> Layout:
        """The layout for derivatives along a direction (see `fnn.equations.kernels.directional`), remembered as well."""
        key = (dtype.type, rows, with_second)
        found = self._directions.get(key)
        if found is None:
            if len(self._directions) > 100:
                self._directions.clear()
            descriptors = [f.directional_descriptor(dtype, with_second=with_second) for f in self.activations]
            functions = [word for descriptor in descriptors for word in descriptor]
            found = self._directions[key] = layout_of(self.sizes, functions, rows, dtype, packed=False)

        return found

    @property
    def count(self) -> int:
        """How many weights and biases there are."""
        return sum((m + 1) * n for m, n in pairwise(self.sizes))

    def slices(self) -> Iterator[tuple[str, slice, tuple[int, ...]]]:
        """Each leaf's key, its place in the flat buffer and its shape, in order."""
        start = 0
        for layer, (m, n) in enumerate(pairwise(self.sizes), start=1):
            yield f"W{layer}", slice(start, start + m * n), (m, n)
            yield f"b{layer}", slice(start + m * n, start + m * n + n), (n,)
            start += (m + 1) * n


def architecture_of(
    sizes: Sequence[int], hidden: Activation | Sequence[Activation], output: Activation
) -> Architecture:
    """The architecture that the arguments of `init` and `Params` describe, or an error if they describe none."""
    if _is_text(sizes) or not isinstance(sizes, Iterable):
        raise TypeError(f"sizes: needs a sequence of layer sizes, got {sizes!r}")
    sizes = tuple(sizes)
    if len(sizes) < 2:
        raise ValueError(f"sizes: needs an input and an output size at least, got {tuple(sizes)!r}")
    sizes = tuple(whole(f"sizes[{i}]", n, at_least=1) for i, n in enumerate(sizes))
    layers = len(sizes) - 1
    if _is_text(hidden) or not isinstance(hidden, Activation | Sequence):
        raise TypeError(f"hidden: needs an activation such as fnn.sigmoid, or a sequence of them, got {hidden!r}")
    before = (hidden,) * (layers - 1) if isinstance(hidden, Activation) else tuple(hidden)
    if len(before) != layers - 1:
        raise ValueError(
            f"hidden: needs one activation, or a sequence of as many as there are hidden layers, {layers - 1}; "
            f"got {len(before)}"
        )
    for name, activation in [*((f"hidden[{i}]", f) for i, f in enumerate(before)), ("output", output)]:
        if not isinstance(activation, Activation):
            raise TypeError(f"{name}: needs an activation such as fnn.sigmoid, got {activation!r}")
    for activation in before:
        if activation.is_rowwise:
            raise ValueError(f"hidden: {activation!r} can only stand at the output")

    return Architecture(sizes, (*before, output))


def _is_text(value: object) -> bool:
    return isinstance(value, str)  # which is a sequence, too
