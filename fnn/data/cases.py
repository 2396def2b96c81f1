"""`Cases`: inputs, targets and weights as one value, checked and converted once."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, NoReturn, SupportsFloat

from numpy.typing import ArrayLike, NDArray

from fnn.boundary.calls import by_name
from fnn.boundary.checks import positive, real_array
from fnn.compiler.internals import NumbaType
from fnn.compiler.numba_types import numba_type
from fnn.data.conversion import convert, plain_arrays, require_no_fault
from fnn.data.rows import NO_LABELS, NO_WEIGHTS, CaseArrays
from fnn.losses.loss import Loss
from fnn.network.params import DT, Params

_FIELDS: Final = ("x", "y", "weights", "class_weights", "scale")


@by_name
class Cases:
    """Inputs and targets, what each case weighs, and what the inputs are multiplied by. Immutable.

    Stands wherever cases are wanted: ``fnn.train(params, cases, ..)``, ``validation=cases``. The first call checks the
    arrays and, unless they are read where they lie, converts them; the next ones with such a network and such a loss
    find them ready, so the arrays must stay as they are. Inside ``@njit`` they aren't converted: they must have the
    dtype of the params, y may be integer labels, and there are neither scale nor class_weights.

    Parameters
    ----------
    x
        Inputs: a batch, (N, n_0), or one case, (n_0,), of any real dtype (but long double), byte order and strides,
        such as ``np.memmap``, or a data frame of numbers: columns and rows count by position, names and index
        aren't compared. `forward`, `error`, `grad` and `train` copy no array of more than a megabyte: they cast its
        rows as they read them.
    y
        Targets, (N, n_L) or (n_L,); with a single output unit also (N,) or a number. For `cross_entropy`, `focal`,
        `kl_divergence` and `hinge` integers, (N,) or a number, are labels: 0 .. n_L − 1, or with a single output unit,
        which can't be softmax, 0 and 1. Probabilities sum to 1 within 10⁻⁵, those in float16 within 0.002.
    weights
        w_c ≥ 0 for each case, (N,); by default 1. A case of weight 2 counts as two. Metrics count each case once.
    class_weights
        k_d ≥ 0 for each class, which y must name, (n_L,), or (2,) with a single output unit: w_c is multiplied by k_d
        for a case of class d, by Σ_d k_d y_d if y are probabilities. "mean" divides by the sum of the results. The
        probabilities that are learned are those of cases so weighted; ``examples/classification.py`` calibrates them.
        (Inside ``@njit`` give ``weights=class_weights[labels]``.)
    scale
        Finite and above 0: x becomes ``x.astype(dtype) * dtype(scale)``; 1 / 255 makes bytes into numbers in [0, 1].

    Raises
    ------
    ValueError, TypeError
        Arrays that aren't real numbers; a scale out of range. What depends on the network and the loss is checked by
        the first call that has them: shapes, labels, NaN and infinity.

    Examples
    --------
    >>> import fnn
    >>> cases = fnn.Cases([[3.0, 4.0], [0.0, 2.0]], [[10.0], [4.0]], weights=[1.0, 2.0])
    >>> p = fnn.Params({"W1": [[1.0], [2.0]], "b1": [0.5]}, hidden=(), output=fnn.identity)
    >>> fnn.error(p, cases), len(cases)
    (1.375, 2)
    """

    __slots__ = ("__weakref__", "_converted", *_FIELDS)
    x: NDArray[Any]
    y: NDArray[Any]
    weights: NDArray[Any] | None
    class_weights: NDArray[Any] | None
    scale: float
    _converted: dict[tuple[object, ...], CaseArrays[Any]]

    def __init__(
        self, x: ArrayLike, y: ArrayLike, *, weights: ArrayLike | None = None, class_weights: ArrayLike | None = None,
        scale: SupportsFloat = 1.0,
    ) -> None:  # fmt: skip
        if isinstance(class_weights, str | Mapping):
            raise TypeError(
                f"class_weights: needs an array with a weight for each class, got {class_weights!r:.60}; of a dict k "
                "[k[label] for label in range(n)], balanced ones len(labels) / (n * np.bincount(labels, minlength=n))"
            )
        fields: tuple[Any, ...] = (
            real_array("x", x), real_array("y", y), None if weights is None else real_array("weights", weights),
            None if class_weights is None else real_array("class_weights", class_weights), positive("scale", scale),
        )  # fmt: skip
        for name, value in zip((*_FIELDS, "_converted"), (*fields, {}), strict=True):
            object.__setattr__(self, name, value)

    def arrays(
        self, params: Params[DT], loss: Loss, is_batch: bool = False, may_weigh_nothing: bool = False
    ) -> CaseArrays[DT]:
        """The cases as kernels take them for such params and this loss, free from faults; see `convert`.

        A batch of an iterable is converted whole.
        """
        key = (
            params.dtype.type,
            params.sizes[0],
            params.sizes[-1],
            params.activations[-1],
            loss,
            is_batch,
            may_weigh_nothing,
        )
        arrays = self._converted.get(key)
        if arrays is None:
            arrays = convert(
                params, self.x, self.y, self.weights, self.class_weights, self.scale, loss, is_batch, may_weigh_nothing
            )  # fmt: skip
            if not arrays.is_checked:
                require_no_fault(params, arrays, loss, may_weigh_nothing=may_weigh_nothing)
            arrays = self._converted[key] = arrays._replace(is_checked=True)

        return arrays

    @property
    def _numba_type_(self) -> NumbaType:
        """What Numba asks for before it passes cases to a jitted function."""
        return numba_type(self)

    def __len__(self) -> int:
        return 1 if self.x.ndim < 2 else len(self.x)

    def __setattr__(self, name: str, value: object) -> NoReturn:
        raise AttributeError(f"fnn.Cases is immutable: {name} can't be set")

    def __delattr__(self, name: str) -> NoReturn:
        raise AttributeError(f"fnn.Cases is immutable: {name} can't be deleted")

    def __repr__(self) -> str:
        others = [f"{name}=.." for name in ("weights", "class_weights") if getattr(self, name) is not None]
        others += [f"scale={self.scale}"] * (self.scale != 1)

        return f"fnn.Cases({', '.join([f'x={self.x.shape}', f'y={self.y.shape}', *others])})"

    def __reduce__(self) -> tuple[object, ...]:
        return _made, tuple(getattr(self, name) for name in _FIELDS)


def _made(x: ArrayLike, y: ArrayLike, weights: Any, class_weights: Any, scale: float) -> Cases:
    return Cases(x, y, weights=weights, class_weights=class_weights, scale=scale)


def cases_of(x: ArrayLike | Cases, y: ArrayLike | None) -> Cases:
    """The cases that two arguments of a call stand for: (Cases, None) or (x, y)."""
    if isinstance(x, Cases):
        if y is not None:
            raise TypeError("y: fnn.Cases has its own targets, so y can't be given beside it")
        return x
    if y is None:
        raise TypeError("y: needs the targets, unless x is fnn.Cases(x, y)")

    return Cases(x, y)


def arrays_of(
    params: Params[DT], x: ArrayLike | Cases, y: ArrayLike | None, loss: Loss, whole: bool = False
) -> CaseArrays[DT]:
    """The cases of a call as kernels take them; what isn't given as `Cases` may still have faults. See `convert`."""
    if isinstance(x, Cases):
        return cases_of(x, y).arrays(params, loss)
    plain = plain_arrays(params, x, y)
    if plain is not None:
        return CaseArrays(*plain, NO_LABELS, NO_WEIGHTS, plain[0] is not x)
    cases = cases_of(x, y)

    return convert(params, cases.x, cases.y, None, None, 1.0, loss, whole)
