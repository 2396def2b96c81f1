"""`Quantized`: a network for inference with weights of 8 or 16 bits."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, Final, SupportsIndex

import numpy as np
from numpy.typing import ArrayLike, NDArray

from fnn.activations.activation import Activation
from fnn.boundary.checks import is_one_case, real_array, whole
from fnn.compiler.threads import available, run_in_threads
from fnn.network.architecture import Architecture, table
from fnn.network.quantized.kernels.forward import BLOCK, bfloat16_kernel, int8_kernel
from fnn.network.quantized.kernels.tiles import INT8
from fnn.network.quantized.layout import FORMS, Kind, Leaves, Packed, pack, table_of, unpack, workspace_size

MOST_INPUTS: Final = 65_536  # of a layer of int8: 255 · 128 · 65536 < 2³¹, so that no sum overflows
WORTH_THREADS: Final = {"int8": 400_000_000, "bfloat16": 100_000_000}  # cases times parameters: a millisecond's work
_SINGLE: Final = np.dtype(np.float32)
_CAST: Final = 1 << 22  # numbers that are cast at a time


class Quantized:
    """A network for inference, with weights of int8 or bfloat16: `quantize` makes it, and ``q(x)`` calls it. Immutable.

    With bfloat16, which has the range of float32 but 8 digits instead of 24, F1 and F2 are those of `forward` with the
    weights rounded, to the bit. With int8, the weights and the inputs of each layer are integers:

        u = min(max(round(r a + o), 0), 255)
        z_j = s_j Σ_i (u_i − o) W_ij + b_j

    The sums are exact, in 32 bits; r, o and s_j are constants of the layer and its units. Three roundings are left, to
    nearest and halves to even: to u, of the sum to float32, and to z_j. So the outputs have the same bits on every
    processor, for any number of threads, and however cases are batched. What lies beyond the range of the calibration
    is clipped to it.

    Attributes
    ----------
    weights
        ``"int8"`` or ``"bfloat16"``.
    """

    __slots__ = ("__weakref__", "_packed", "_table", "architecture", "weights")
    architecture: Architecture
    weights: Kind
    _packed: Packed
    _table: NDArray[np.int64]  # empty before the first call: it has addresses of this process

    def __init__(self) -> None:
        raise TypeError("fnn.Quantized: fnn.quantize(params, x_calibration) makes one, or fnn.load")

    def __call__(self, x: ArrayLike, *, threads: SupportsIndex | None = None) -> NDArray[np.float32]:
        """The outputs a^L (F1, F2) for one case, (n_0,) → (n_L,), or a batch, (N, n_0) → (N, n_L), in float32.

        Parameters
        ----------
        x
            Real numbers, cast to float32, if large a piece at a time.
        threads
            A large batch, a millisecond's work, runs in at most this number of threads, by default in as many as
            `train` may have, with the same bits.

        Raises
        ------
        ValueError, TypeError
            x has another width, is empty, isn't made of real numbers, or holds NaN, infinity or a number beyond
            float32; threads is below 1.
        """
        inputs, units = self.architecture.sizes[0], self.architecture.sizes[-1]
        array = real_array("x", x)
        single = is_one_case("x", array, inputs)
        rows = array.reshape(1, inputs) if single else array
        count = len(rows)
        most = count if threads is None else whole("threads", threads, at_least=1)
        a = np.empty((count, units), np.float32)
        if count * self._packed.W.size < WORTH_THREADS[self.weights]:
            bad = self._run(rows, a)
        else:
            bad = self._run_by_threads(rows, a, min(most, available(), count // BLOCK) or 1)
        if bad >= 0:
            place = "" if single else f" in row {bad}"
            raise ValueError(f"x: NaN or infinity or a value beyond float32{place}")

        return a[0] if single else a

    def _run_by_threads(self, rows: NDArray[Any], a: NDArray[np.float32], threads: int) -> int:
        """`_run` by several threads, each with its range of the cases."""
        bad: list[int] = []

        def part(number: int, parts: int) -> None:
            top, bottom = (len(rows) * n // parts for n in (number, number + 1))
            row = self._run(rows[top:bottom], a[top:bottom])
            if row >= 0:
                bad.append(top + row)

        run_in_threads(part, threads)

        return min(bad, default=-1)

    def _run(self, rows: NDArray[Any], a: NDArray[np.float32]) -> int:
        """Write Aᴸ to a; the first row with NaN or infinity, or −1."""
        kernel = (int8_kernel if self.weights == INT8 else bfloat16_kernel)[_SINGLE]
        words = self._words()
        space = np.empty(workspace_size(words, min(len(rows), BLOCK)), np.uint8)
        if rows.dtype == _SINGLE and rows.flags.carray:
            return kernel(words, *self._packed, space, rows, a)
        step = max(_CAST // rows.shape[1] // BLOCK, 1) * BLOCK
        for top in range(0, len(rows), step):
            with np.errstate(over="ignore", under="ignore"):
                piece = np.ascontiguousarray(rows[top : top + step], np.float32)
            row = kernel(words, *self._packed, space, piece, a[top : top + step])
            if row >= 0:
                return top + row

        return -1

    def _words(self) -> NDArray[np.int64]:
        """The table that kernels read."""
        if not self._table.size:
            descriptors = [f.descriptor(_SINGLE).tolist() for f in self.activations]
            _set(self, "_table", table_of(self.sizes, self.weights, descriptors))

        return self._table

    @property
    def sizes(self) -> tuple[int, ...]:
        """Units of each layer, n_0 .. n_L."""
        return self.architecture.sizes

    @property
    def activations(self) -> tuple[Activation, ...]:
        """The activation of each of the layers 1 .. L."""
        return self.architecture.activations

    @property
    def nbytes(self) -> int:
        """The bytes that weights, biases and constants take in memory."""
        return sum(array.nbytes for array in self._packed)

    @property
    def leaves(self) -> dict[str, NDArray[Any]]:
        """The numbers, as read-only arrays that are unpacked anew at each access.

        ``W1`` (n_0, n_1) of int8, or of uint16 with the bits of bfloat16, and ``b1`` (n_1,) of float32; with int8 also
        ``scale1`` (n_1,), s, and ``input1`` (2,), r and o, of float32; and so on for each layer.
        """
        return unpack(self.sizes, self.weights, self._packed)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Quantized):
            return NotImplemented
        same_kind = self.architecture == other.architecture and self.weights == other.weights

        pairs: Iterable[tuple[NDArray[Any], NDArray[Any]]] = zip(self._packed, other._packed, strict=True)

        return same_kind and all(np.array_equal(mine, its) for mine, its in pairs)

    def __setattr__(self, name: str, value: object) -> None:
        raise AttributeError(f"Quantized is immutable: {name} can't be set; fnn.quantize makes another")

    def __delattr__(self, name: str) -> None:
        raise AttributeError(f"Quantized is immutable: {name} can't be deleted")

    def __repr__(self) -> str:
        rows: list[tuple[object, ...]] = [("layer", "W", "b", "activation")]
        for layer, f in enumerate(self.activations, start=1):
            shape = self.sizes[layer - 1 : layer + 1]
            rows.append((layer, shape, shape[1:], f.name))

        return f"fnn.Quantized({self.weights}, {self.architecture.count} parameters)\n{table(rows)}"

    def __copy__(self) -> Quantized:
        return self

    def __deepcopy__(self, memo: dict[int, Any]) -> Quantized:
        return self

    def __reduce__(self) -> tuple[Callable[..., Quantized], tuple[Any, ...]]:
        return _unpickled, (self.sizes, self.activations, self.weights, self.leaves)


_set = object.__setattr__


def quantized_of(architecture: Architecture, weights: Kind, leaves: Leaves) -> Quantized:
    """A quantized network of leaves like those of `Quantized.leaves`, which have been checked."""
    value: Quantized = object.__new__(Quantized)
    _set(value, "architecture", architecture)
    _set(value, "weights", weights)
    _set(value, "_packed", pack(architecture.sizes, weights, leaves))
    _set(value, "_table", np.empty(0, np.int64))

    return value


def leaf_types(architecture: Architecture, weights: Kind) -> dict[str, tuple[tuple[int, ...], np.dtype[Any]]]:
    """The shape and dtype of each leaf, in their order."""
    types: dict[str, tuple[tuple[int, ...], np.dtype[Any]]] = {}
    for key, _, shape in architecture.slices():
        types[key] = shape, FORMS[weights].dtype if key[0] == "W" else _SINGLE
        if weights == INT8 and key[0] == "b":
            types |= {f"scale{key[1:]}": (shape, _SINGLE), f"input{key[1:]}": ((2,), _SINGLE)}

    return types


def _unpickled(sizes: tuple[int, ...], activations: tuple[Activation, ...], weights: Kind, leaves: Leaves) -> Quantized:
    return quantized_of(Architecture(sizes, activations), weights, leaves)
