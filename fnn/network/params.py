"""`Params`: the weights and biases of a network, an immutable mapping over one flat buffer."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from itertools import pairwise
from typing import Any, Generic, TypeAlias, TypeVar, cast, overload

import numpy as np
from numba import types
from numba.extending import typeof_impl
from numpy.typing import ArrayLike, NDArray

from fnn.activations.activation import Activation
from fnn.boundary.calls import by_name
from fnn.boundary.checks import real_array
from fnn.boundary.notebook import html_of
from fnn.compiler.numba_types import numba_type
from fnn.network.architecture import Architecture, Hidden, architecture_of, table
from fnn.network.leaves import cast_leaf, leaf_of, mapping_of, sizes_of

DT = TypeVar("DT", bound=np.float32 | np.float64)


@by_name
class Params(Mapping[str, NDArray[DT]], Generic[DT]):
    """The parameters W1, b1, .., WL, bL of a network, with its `architecture`: sizes and activations. Immutable.

    A mapping from keys to read-only arrays, which are views of one flat buffer. Gradients are `Params` too.

    Parameters
    ----------
    leaves
        W1, b1, .., WL, bL: W_l of shape (n_{l−1}, n_l), b_l of shape (n_l,), real numbers. They are copied. If all
        are float32, so is the result; otherwise it is float64.
    hidden, output
        The activation of the hidden layers, or a sequence with one for each; that of the output layer.

    Raises
    ------
    ValueError, TypeError
        Unknown or missing keys, shapes that don't fit together, leaves or activations of another type.

    Examples
    --------
    >>> import fnn
    >>> p = fnn.Params({"W1": [[1.0], [2.0]], "b1": [0.5]}, hidden=fnn.tanh, output=fnn.identity)
    >>> p
    fnn.Params(float64, 3 parameters)
      layer  W       b     activation
      1      (2, 1)  (1,)  identity
    >>> p["W1"].shape, p.flat
    ((2, 1), array([1. , 2. , 0.5]))
    """

    __slots__ = ("__weakref__", "architecture", "flat_buffer")
    architecture: Architecture
    flat_buffer: NDArray[DT]  # for fnn's own modules; users get a view of it, `flat`

    @overload
    def __init__(
        self: Params[np.float32], leaves: Mapping[str, NDArray[np.float32]], *, hidden: Hidden, output: Activation
    ) -> None: ...
    @overload
    def __init__(
        self: Params[np.float64], leaves: Mapping[str, ArrayLike], *, hidden: Hidden, output: Activation
    ) -> None: ...
    def __init__(self, leaves: Mapping[str, Any], *, hidden: Hidden, output: Activation) -> None:
        arrays = {key: leaf_of(key, value) for key, value in mapping_of(leaves).items()}
        architecture = architecture_of(sizes_of(arrays), hidden, output)
        dtype = np.float32 if all(a.dtype == np.float32 for a in arrays.values()) else np.float64
        flat = np.concatenate(
            [arrays[key].ravel() for key, _, _ in architecture.slices()], dtype=dtype, casting="unsafe"
        )
        _set_writeable(flat, False)
        _set_flat(self, flat)
        _set_architecture(self, architecture)

    def __getitem__(self, key: str) -> NDArray[DT]:
        match = re.fullmatch(r"([Wb])([1-9][0-9]*)", key) if isinstance(key, str) else None
        layer = int(match[2]) if match else 0
        sizes = self.architecture.sizes
        if match is None or layer >= len(sizes):
            raise KeyError(f"{key!r}: the keys are W1, b1, .., W{len(sizes) - 1}, b{len(sizes) - 1}")
        start = sum((m + 1) * n for m, n in pairwise(sizes[:layer]))
        m, n = sizes[layer - 1], sizes[layer]
        if match[1] == "W":
            return self.flat_buffer[start : start + m * n].reshape(m, n)

        return self.flat_buffer[start + m * n : start + m * n + n]

    def __iter__(self) -> Iterator[str]:
        return (key for key, _, _ in self.architecture.slices())

    def __len__(self) -> int:
        return 2 * len(self.architecture.activations)

    @property
    def flat(self) -> NDArray[DT]:
        """All parameters as one read-only vector: W1, b1, .., WL, bL, each in row-major order."""
        return self.flat_buffer.view()

    @property
    def sizes(self) -> tuple[int, ...]:
        """Units of each layer, n_0 .. n_L."""
        return self.architecture.sizes

    @property
    def activations(self) -> tuple[Activation, ...]:
        """The activation of each of the layers 1 .. L."""
        return self.architecture.activations

    @property
    def dtype(self) -> np.dtype[DT]:
        """float32 or float64."""
        return self.flat_buffer.dtype

    @property
    def _numba_type_(self) -> types.Type:
        """What Numba asks for before it passes parameters to a jitted function."""
        return numba_type(self)

    def replace(self, leaves: Mapping[str, ArrayLike]) -> Params[DT]:
        """The same network and dtype with other leaves; ValueError for unknown keys, other shapes or overflow."""
        flat = self.flat_buffer.copy()
        for key, part, shape in self.architecture.slices_of("leaves", mapping_of(leaves)):
            array = leaf_of(key, leaves[key])
            if array.shape != shape:
                raise ValueError(f"{key}: needs shape {shape}, got {array.shape}")
            flat[part] = cast_leaf(key, array, self.dtype).ravel()

        return wrap(flat, self.architecture)

    def with_flat(self, flat: ArrayLike) -> Params[DT]:
        """The same with the numbers of a vector like `flat`; ValueError for another length or a value beyond the dtype.

        >>> import fnn
        >>> p = fnn.Params({"W1": [[1.0], [2.0]], "b1": [0.5]}, hidden=(), output=fnn.tanh)
        >>> p.with_flat(10 * p.flat)["b1"]
        array([5.])
        """
        array = real_array("flat", flat)
        if array.shape != self.flat_buffer.shape:
            raise ValueError(f"flat: needs shape {self.flat_buffer.shape}, got {array.shape}")

        return wrap(cast_leaf("flat", array, self.dtype), self.architecture)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Params):
            return NotImplemented

        same_kind = self.architecture == other.architecture and self.dtype == other.dtype

        return same_kind and np.array_equal(self.flat_buffer, other.flat_buffer)

    def __setattr__(self, name: str, value: object) -> None:
        raise AttributeError(f"Params is immutable: {name} can't be set; use replace(), or build new Params")

    def __delattr__(self, name: str) -> None:
        raise AttributeError(f"Params is immutable: {name} can't be deleted")

    def __repr__(self) -> str:
        rows: list[tuple[object, ...]] = [("layer", "W", "b", "activation")]
        for layer, f in enumerate(self.activations, start=1):
            rows.append((layer, self[f"W{layer}"].shape, self[f"b{layer}"].shape, f.name))

        return f"fnn.Params({self.dtype}, {self.flat_buffer.size} parameters)\n{table(rows)}"

    def _repr_html_(self) -> str:
        """What a notebook shows."""
        return html_of(self)

    def __copy__(self) -> Params[DT]:
        return self

    def __deepcopy__(self, memo: dict[int, Any]) -> Params[DT]:
        return self

    def __reduce__(self) -> tuple[Callable[..., Params[DT]], tuple[Any, ...]]:
        return _unpickled, (np.array(self.flat_buffer), self.sizes, self.activations)


@typeof_impl.register(Params)
def _typeof(params: Params[Any], c: Any) -> types.Type:
    if c.purpose.name == "constant":  # Numba would compile in every number
        raise ValueError("params: a jitted function can't hold them as a global or a default; pass them as an argument")

    return params._numba_type_


def wrap(flat: NDArray[DT], architecture: Architecture) -> Params[DT]:
    """Params that take over a vector, without a check or a copy; the caller must not write to it any more."""
    dtype = np.dtype(flat.dtype.type)  # the one object that kernels know; a file or a pickle brings a copy of it
    if flat.base is None and flat.dtype is dtype:
        _set_writeable(flat, False)
    else:  # the writeability of what owns the memory would let that of a view be set
        flat = np.frombuffer(flat.data.toreadonly(), dtype)

    return around(flat, architecture)


def around(flat: NDArray[DT], architecture: Architecture) -> Params[DT]:
    """Params of a read-only vector of their own."""
    params: Params[DT] = _new(Params)
    _set_flat(params, flat)
    _set_architecture(params, architecture)

    return params


AnyParams: TypeAlias = Params[np.float32 | np.float64]  # of a dtype known only at run time


def params_of(leaves: Mapping[str, ArrayLike], hidden: Hidden, output: Activation) -> AnyParams:
    """The params of leaves whose dtype is known only at run time."""
    params: Params[Any] = Params(leaves, hidden=hidden, output=output)

    return params


_new = object.__new__
# `wrap` by `write=False` and object.__setattr__ takes 0.15 µs longer, 2.6 % of a `grad` of one case. To measure:
# python -m timeit -s "import numpy as np; a, f = np.ones(9), np.ndarray.setflags" "f(a, False)"  # 0.12 µs
# python -m timeit -s "import numpy as np; a = np.ones(9)" "a.setflags(write=False)"  # 0.19 µs
_set_writeable = cast(Callable[[NDArray[Any], bool], None], np.ndarray.setflags)
_set_flat, _set_architecture = (vars(Params)[slot].__set__ for slot in ("flat_buffer", "architecture"))


def _unpickled(flat: NDArray[DT], sizes: tuple[int, ...], activations: tuple[Activation, ...]) -> Params[DT]:
    dtype = np.dtype(flat.dtype.type)  # NumPy reads a pickle with a dtype of its own, not the one that calls look for

    return wrap(flat.astype(dtype, copy=False).view(dtype), Architecture(sizes, activations))


def require_params(name: str, value: object) -> None:
    """Raise TypeError unless the value is Params, with a hint at what is meant."""
    if not isinstance(value, Params):
        hint = "; fnn.init(..) makes them" if hasattr(value, "__array__") else ""
        if isinstance(value, Mapping):
            hint = (
                "; a plain mapping has lost its activations: wrap it as fnn.Params(d, hidden=.., output=..), "
                "or keep an architecture with params.replace(d)"
            )
        for name_of_own in ("params", "params_"):  # of a run, of an estimator
            if isinstance(getattr(value, name_of_own, None), Params):
                hint = f"; its .{name_of_own} are"
        if hasattr(value, "architecture"):  # of a quantized network
            hint = "; it is called itself: q(x)"
        raise TypeError(f"{name}: needs fnn.Params, got {type(value).__name__}{hint}")
