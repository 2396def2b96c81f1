"""`forward`: the outputs of a network (F1, F2), for one case, a batch, or a batch by several threads."""

from __future__ import annotations

from typing import Any, Final, SupportsFloat, SupportsIndex

import numpy as np
from numpy.typing import ArrayLike, NDArray

from fnn.boundary.checks import require_apart, require_output, whole
from fnn.compiler.numba_types import jittable
from fnn.compiler.target import lanes_of
from fnn.compiler.threads import available, run_in_threads
from fnn.data.conversion import is_plain, raise_fault, rows_of, scale_of
from fnn.data.kernels import faults
from fnn.data.rows import CAST, NO_LABELS, NO_WEIGHTS, CaseArrays, cast
from fnn.equations.kernels.forward import BLOCK, LARGE_BLOCK, forward_kernel
from fnn.equations.kernels.forward_one import forward_one_kernel
from fnn.equations.workspace import space_for
from fnn.network.layout import Layout
from fnn.network.params import DT, Params, require_params
from fnn.numerics.blocked import pays

LEAST = 16  # cases of a thread
WORTH_THREADS = 100_000_000  # cases times parameters: a millisecond's work, ten times what starting threads takes
_UNSCALED: Final = 1.0


@jittable
def forward(
    params: Params[DT], x: ArrayLike, out: NDArray[DT] | None = None, workspace: NDArray[DT] | None = None, *,
    scale: SupportsFloat = _UNSCALED, threads: SupportsIndex | None = None,
) -> NDArray[DT]:  # fmt: skip
    """The network's outputs a^L (F1, F2).

        Zˡ = Aˡ⁻¹ Wˡ + bˡ,  Aˡ = f(Zˡ),  A⁰ = x

    Parameters
    ----------
    params, x
        The network, and one case, (n_0,), or a batch, (N, n_0), cast to its dtype, if large a piece at a time.
    out
        Where to write the result: C-contiguous, of its shape and dtype; x itself, or not overlapping a batch x.
    workspace
        Memory to work in, from `workspace`, apart from x and out; the call then runs in one thread. Inside ``@njit``
        a call with `out` allocates nothing if it has a workspace or if x is one case and no layer has more than 1000
        units.
    scale, threads
        Not inside ``@njit``. x is multiplied by `scale` once it is cast, as in `Cases`. A large batch (from 100 million
        cases times parameters on, a millisecond's work) runs in at most `threads` threads, by default as many as
        `train` may have, with the same bits.

    Returns
    -------
    (n_L,) or (N, n_L), also (N, 1): ``.ravel()`` it before it meets y of (N,). `out` if it was given.

    Raises
    ------
    ValueError
        x has another width, is empty, or holds NaN or infinity; out has another shape, workspace is too small, or one
        of them isn't contiguous or writable, or overlaps what it must not; threads is below 1.
    TypeError
        params isn't `Params`, x isn't made of real numbers, or out or workspace isn't an array of the dtype of params.

    Examples
    --------
    >>> import fnn
    >>> p = fnn.Params({"W1": [[1.0], [2.0]], "b1": [0.5]}, hidden=(), output=fnn.identity)
    >>> fnn.forward(p, [3.0, 4.0])
    array([11.5])
    """
    if type(params) is Params and scale is _UNSCALED and workspace is threads is None:
        short = _of_plain_array(params, x, out)
        if short is not None:
            return short
    require_params("params", params)
    flat, architecture = params.flat_buffer, params.architecture
    dtype, units = flat.dtype, architecture.sizes[-1]
    factor = 1.0 if type(scale) is float and scale == 1 else scale_of(params, scale)
    rows, single, is_source = rows_of(params, x, factor)
    most = None if threads is None else whole("threads", threads, at_least=1)
    a = np.empty((len(rows), units), dtype) if out is None else _rows_of_output(out, rows, single, dtype, units)
    scale_of_rows = factor if is_source else None
    if len(rows) * flat.size < WORTH_THREADS or workspace is not None:
        layout = layout_for(params, len(rows))
        space = space_for(workspace, layout.forward, dtype)
        if workspace is not None:
            require_apart("workspace", workspace, "x", rows)
            require_apart("out", a, "workspace", workspace)
        bad = _forward_rows(params, layout.table, space, rows, a, scale_of_rows)
    else:
        bad = forward_by_threads(params, rows, a, most or available(), scale_of_rows)
    if bad >= 0:
        raise_fault(params, CaseArrays(rows, a, NO_LABELS, NO_WEIGHTS, single), None, faults.BAD_X, bad)

    return out if out is not None else a[0] if single else a


def layout_for(params: Params[DT], cases: int) -> Layout:
    """The layout for the cases that go through the network together."""
    architecture, dtype = params.architecture, params.dtype
    if cases <= BLOCK:
        return architecture.layout(dtype, cases)
    most = LARGE_BLOCK if pays(cases, max(architecture.sizes[1:]), lanes_of(dtype)) else BLOCK

    return architecture.layout(dtype, min(cases, most))


def _of_plain_array(params: Params[DT], x: Any, out: NDArray[DT] | None) -> NDArray[DT] | None:
    """Aᴸ, the short way for small calls; None if kernels can't take x or out as it is, or x has a fault or is large."""
    flat, architecture = params.flat_buffer, params.architecture
    dtype, sizes = flat.dtype, architecture.sizes
    if type(x) is not np.ndarray:
        return None
    if x.ndim != 2:
        a = np.empty(sizes[-1], dtype) if out is None else out
        return a if forward_one_kernel.direct[dtype](architecture.spec(dtype), flat, x, a) else None
    rows = len(x)
    if out is None and is_plain(x, dtype) and x.shape[1] == sizes[0] and 0 < rows * flat.size < WORTH_THREADS:
        layout = layout_for(params, rows)
        a = np.empty((rows, sizes[-1]), dtype)
        if forward_kernel.direct[dtype](layout.table, flat, np.empty(layout.forward, dtype), x, a) < 0:
            return a

    return None


def _rows_of_output(out: NDArray[DT], rows: NDArray[Any], single: bool, dtype: np.dtype[DT], units: int) -> NDArray[DT]:
    """The argument `out`, checked, as a matrix with a row for each case."""
    require_output("out", out, dtype, (units,) if single else (len(rows), units))
    a = out.reshape(len(rows), units)
    if not single:
        require_apart("out", a, "x", rows, or_equal=True)

    return a


def forward_by_threads(
    params: Params[DT], rows: NDArray[Any], a: NDArray[DT], threads: int, scale: float | None = None
) -> int:
    """`_forward_rows` by several threads, each with its range of the cases."""
    layout = layout_for(params, len(rows))
    bad: dict[int, int] = {}

    def part(number: int, parts: int) -> None:
        top, bottom = (len(rows) * n // parts for n in (number, number + 1))
        space = np.zeros(layout.forward, params.dtype)
        row = _forward_rows(params, layout.table, space, rows[top:bottom], a[top:bottom], scale)
        if row >= 0:
            bad[number] = top + row

    run_in_threads(part, min(threads, len(rows) // LEAST) or 1)

    return min(bad.values(), default=-1)


def _forward_rows(
    params: Params[DT], table: NDArray[np.int64], space: NDArray[DT], rows: NDArray[Any], a: NDArray[DT],
    scale: float | None,
) -> int:  # fmt: skip
    """Write Aᴸ to a; the first row with NaN or infinity, or −1. With a scale, rows are cast and scaled by the chunk."""
    kernel, step = forward_kernel[params.dtype], max(CAST // (8 * rows.shape[1]), BLOCK)
    if scale is None:
        return kernel(table, params.flat_buffer, space, rows, a)
    for top in range(0, len(rows), step):
        chunk = slice(top, top + step)
        row = kernel(table, params.flat_buffer, space, cast(params.dtype, rows[chunk], scale), a[chunk])
        if row >= 0:
            return top + row

    return -1
