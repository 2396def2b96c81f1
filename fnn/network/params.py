"""`Params`: the weights and biases of a network, an immutable mapping over one flat buffer."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import pairwise
from typing import Any, Generic, TypeVar, cast, overload

import numpy as np
from numba import types
from numba.extending import typeof_impl
from numpy.typing import ArrayLike, NDArray

from fnn.activations.activation import Activation
from fnn.checks import real_array
from fnn.compiler.numba_types import numba_type
from fnn.network.architecture import Architecture, architecture_of

DT = TypeVar("DT", bound=np.float32 | np.float64)


class Params(Mapping[str, NDArray[DT]], Generic[DT]):
    """The parameters W1, b1, .., WL, bL of a network, with its architecture. Immutable.

    A mapping from keys to read-only arrays, which are views of one flat buffer. Gradients are `Params` too.

    Parameters
    ----------
    leaves
        W1, b1, .., WL, bL: W_l of shape (n_{l−1}, n_l), b_l of shape (n_l,), real numbers. They are copied. If all
        are float32, so is the result; otherwise it is float64.
    hidden
        The activation of the hidden layers, or a sequence with one for each.
    output
        The activation of the output layer.

    Raises
    ------
    ValueError
        Unknown or missing keys, shapes that don't fit together.
    TypeError
        Leaves that aren't real numbers; activations that aren't `Activation`.

    Examples
    --------
    >>> import fnn
    >>> p = fnn.Params({"W1": [[1.0], [2.0]], "b1": [0.5]}, hidden=fnn.tanh, output=fnn.identity)
    >>> p
    fnn.Params(float64, 3 parameters)
      1: (2, 1) identity
    >>> p["W1"]
    array([[1.],
           [2.]])
    >>> p.flat
    array([1. , 2. , 0.5])
    """

    __slots__ = ("__weakref__", "_architecture", "_flat")
    _flat: NDArray[DT]
    _architecture: Architecture

    @overload
    def __init__(
        self: Params[np.float32],
        leaves: Mapping[str, NDArray[np.float32]],
        *,
        hidden: Activation | Sequence[Activation],
        output: Activation,
    ) -> None: ...
    @overload
    def __init__(
        self: Params[np.float64],
        leaves: Mapping[str, ArrayLike],
        *,
        hidden: Activation | Sequence[Activation],
        output: Activation,
    ) -> None: ...
    def __init__(
        self, leaves: Mapping[str, Any], *, hidden: Activation | Sequence[Activation], output: Activation
    ) -> None:
        arrays = {key: leaf_of(key, value) for key, value in _mapping(leaves).items()}
        sizes = _sizes_of(arrays)
        architecture = architecture_of(sizes, hidden, output)
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
        sizes = self._architecture.sizes
        if match is None or layer >= len(sizes):
            raise KeyError(f"{key!r}: the keys are W1, b1, .., W{len(sizes) - 1}, b{len(sizes) - 1}")
        start = sum((m + 1) * n for m, n in pairwise(sizes[:layer]))
        m, n = sizes[layer - 1], sizes[layer]
        if match[1] == "W":
            return self._flat[start : start + m * n].reshape(m, n)

        return self._flat[start + m * n : start + m * n + n]

    def __iter__(self) -> Iterator[str]:
        return (key for key, _, _ in self._architecture.slices())

    def __len__(self) -> int:
        return 2 * len(self._architecture.activations)

    @property
    def flat(self) -> NDArray[DT]:
        """All parameters as one read-only vector: W1, b1, .., WL, bL, each in row-major order."""
        return self._flat.view()

    @property
    def sizes(self) -> tuple[int, ...]:
        """Units of each layer, n_0 .. n_L."""
        return self._architecture.sizes

    @property
    def activations(self) -> tuple[Activation, ...]:
        """The activation of each of the layers 1 .. L."""
        return self._architecture.activations

    @property
    def dtype(self) -> np.dtype[DT]:
        """float32 or float64."""
        return self._flat.dtype

    @property
    def _numba_type_(self) -> types.Type:
        """What Numba asks for before a jitted function gets to see these parameters."""
        return numba_type(self)

    def replace(self, leaves: Mapping[str, ArrayLike]) -> Params[DT]:
        """The same architecture and dtype with some or all leaves replaced.

        Raises
        ------
        ValueError
            An unknown key, or a leaf of another shape.
        """
        flat = self._flat.copy()
        places = {key: (place, shape) for key, place, shape in self._architecture.slices()}
        for key, value in _mapping(leaves).items():
            if key not in places:
                raise ValueError(f"leaves: unknown key {key!r}; this network has {', '.join(places)}")
            place, shape = places[key]
            array = leaf_of(key, value)
            if array.shape != shape:
                raise ValueError(f"{key}: needs shape {shape}, got {array.shape}")
            with np.errstate(over="ignore"):
                flat[place] = array.ravel()
            if np.isfinite(array).all() and not np.isfinite(flat[place]).all():
                raise ValueError(f"{key}: has a value beyond {self.dtype}")

        return wrap(flat, self._architecture)

    def with_flat(self, flat: ArrayLike) -> Params[DT]:
        """The same architecture and dtype with other parameters, given as one vector in the order of `flat`.

        Raises
        ------
        ValueError
            A vector of another length, or with a value beyond the dtype.

        Examples
        --------
        >>> import fnn
        >>> p = fnn.Params({"W1": [[1.0], [2.0]], "b1": [0.5]}, hidden=(), output=fnn.tanh)
        >>> p.with_flat(10 * p.flat)["b1"]
        array([5.])
        """
        array = real_array("flat", flat)
        if array.shape != self._flat.shape:
            raise ValueError(f"flat: needs shape {self._flat.shape}, got {array.shape}")
        with np.errstate(over="ignore"):
            copied = array.astype(self.dtype)
        if np.isfinite(array).all() and not np.isfinite(copied).all():
            raise ValueError(f"flat: has a value beyond {self.dtype}")

        return wrap(copied, self._architecture)

    def __eq__(self, other: object) -> bool:
        """Whether architecture, dtype and every number are equal."""
        if not isinstance(other, Params):
            return NotImplemented

        return (
            self._architecture == other._architecture
            and self.dtype == other.dtype
            and np.array_equal(self._flat, other._flat)
        )

    def __setattr__(self, name: str, value: object) -> None:
        raise AttributeError(f"Params is immutable: {name} can't be set; use replace(), or build new Params")

    def __delattr__(self, name: str) -> None:
        raise AttributeError(f"Params is immutable: {name} can't be deleted")

    def __repr__(self) -> str:
        layers = zip(pairwise(self.sizes), self.activations, strict=True)
        lines = [f"  {layer}: {shape} {f.name}" for layer, (shape, f) in enumerate(layers, start=1)]

        return "\n".join([f"fnn.Params({self.dtype}, {self._flat.size} parameters)", *lines])

    def __copy__(self) -> Params[DT]:
        return self

    def __deepcopy__(self, memo: dict[int, Any]) -> Params[DT]:
        return self

    def __reduce__(self) -> tuple[Callable[..., Params[DT]], tuple[Any, ...]]:
        return _unpickled, (np.array(self._flat), self.sizes, self.activations)


@typeof_impl.register(Params)
def _typeof(params: Params[Any], c: Any) -> types.Type:
    """The type of an argument; a constant would be compiled in, every number of it."""
    if c.purpose.name == "constant":
        raise ValueError("params: a jitted function can't hold them as a global or a default; pass them as an argument")

    return params._numba_type_


def wrap(flat: NDArray[DT], architecture: Architecture) -> Params[DT]:
    """Params around a vector that nobody else writes to, without a check or a copy."""
    params: Params[DT] = _new(Params)
    _set_writeable(flat, False)
    _set_flat(params, flat)
    _set_architecture(params, architecture)

    return params


def params_of(
    leaves: Mapping[str, ArrayLike], hidden: Activation | Sequence[Activation], output: Activation
) -> Params[np.float32 | np.float64]:
    """Params of a dtype that isn't known before."""
    params: Params[Any] = Params(leaves, hidden=hidden, output=output)

    return params


_new = object.__new__
# The flag by its place: by its name, which NumPy's stubs insist on, it would take 0.06 µs more.
_set_writeable = cast(Callable[[NDArray[Any], bool], None], np.ndarray.setflags)
_set_flat, _set_architecture = (vars(Params)[slot].__set__ for slot in ("_flat", "_architecture"))  # past __setattr__


def _unpickled(
    flat: NDArray[DT], sizes: tuple[int, ...], activations: tuple[Activation, ...]
) -> Params[DT]:  # fmt: skip
    return wrap(flat, architecture_of(sizes, activations[:-1], activations[-1]))


def _mapping(leaves: object) -> Mapping[str, Any]:
    if not isinstance(leaves, Mapping):
        raise TypeError(f"leaves: needs a mapping from W1, b1, .. to arrays, got {type(leaves).__name__}")

    return leaves


def leaf_of(key: str, value: ArrayLike) -> NDArray[np.floating]:
    """The value as an array of float32, if it is one, or of float64."""
    array = real_array(key, value)
    is_single = array.dtype.kind == "f" and array.dtype.itemsize == 4

    return array.astype(np.float32 if is_single else np.float64, copy=False)


def _sizes_of(arrays: Mapping[str, NDArray[np.floating]]) -> tuple[int, ...]:
    """n_0 .. n_L from the leaves' shapes; ValueError where they don't fit together."""
    if strange := [key for key in arrays if not isinstance(key, str)]:
        raise TypeError(f"leaves: needs keys W1, b1, .., got the key {strange[0]!r}")
    layers = sum(key.startswith("W") for key in arrays)
    expected = {f"{kind}{layer}" for layer in range(1, layers + 1) for kind in "Wb"}
    missing = sorted(expected - set(arrays)) or ([] if layers else ["W1"])
    if unknown := sorted(set(arrays) - expected):
        lacks = f", and {missing[0]!r} is missing" if missing else ""
        raise ValueError(f"leaves: unknown key {unknown[0]!r}{lacks}; the keys are W1, b1, W2, b2, .. without a gap")
    if missing:
        raise ValueError(f"leaves: {missing[0]!r} is missing")
    sizes: list[int] = []
    for layer in range(1, layers + 1):
        W, b = arrays[f"W{layer}"], arrays[f"b{layer}"]
        if W.ndim != 2 or 0 in W.shape:
            raise ValueError(f"W{layer}: needs shape (n_in, n_out), got {W.shape}")
        if sizes and W.shape[0] != sizes[-1]:
            raise ValueError(f"W{layer}: needs {sizes[-1]} rows, as W{layer - 1} has columns; got shape {W.shape}")
        if b.shape != W.shape[1:]:
            raise ValueError(f"b{layer}: needs shape {W.shape[1:]}, as W{layer} has shape {W.shape}; got {b.shape}")
        sizes += [W.shape[0]] * (layer == 1) + [W.shape[1]]

    return tuple(sizes)


def require_params(name: str, value: object) -> None:
    """Raise TypeError if the value isn't Params, with the way to make it so."""
    if not isinstance(value, Params):
        hint = ""
        if isinstance(value, Mapping):
            hint = (
                "; a plain mapping has lost its activations: wrap it as fnn.Params(d, hidden=.., output=..), "
                "or keep an architecture with params.replace(d)"
            )
        raise TypeError(f"{name}: needs fnn.Params, got {type(value).__name__}{hint}")


def require_finite(params: Params[Any]) -> None:
    """Raise ValueError if a number isn't finite, for which files and languages may have no word."""
    for key, leaf in params.items():
        if not np.isfinite(leaf).all():
            raise ValueError(f"params: {key} has a number that isn't finite")
