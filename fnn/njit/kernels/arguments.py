"""What jitted functions of others hand over: a network, its cases, and where to work and to write.

An array comes as a pointer, its rows and its columns; a vector is one row, a number one by one, and nothing has no row.
"""

from typing import Generic, NamedTuple, TypeVar

from numba import types

from fnn.activations.kernels.dispatch import CODE, DESCRIPTOR_SIZE
from fnn.compiler.inline import inline
from fnn.compiler.intrinsics import Floats, Integers, address, aligned, integers, shift
from fnn.compiler.memory import allocate, is_null, release
from fnn.compiler.target import LINE, panel_width
from fnn.data.kernels.cases import CasePointers
from fnn.data.kernels.faults import FINE, MEMORY, NO_CASES, UNSUITED, WEIGHTS_SHAPE, WORKSPACE, X_COLUMNS, Y_SHAPE
from fnn.losses.kernels.dispatch import suits
from fnn.network.kernels.plan import COLUMNS, Net, Sizes, fill, rounded

T = TypeVar("T")


class Network(NamedTuple):
    """`Params`. The architecture is L, n_0 .. n_L, and the activations of the layers 1 .. L, as in the table."""

    spec: Integers
    flat: Floats


class Matrix(NamedTuple, Generic[T]):
    """An array."""

    at: T
    rows: int
    columns: int


class Problem(NamedTuple):
    """A network, its cases, and how they are measured."""

    network: Network
    x: Matrix[Floats]
    y: Matrix[Floats]
    labels: Matrix[Integers]
    weights: Matrix[Floats]  # float64
    labelled: bool
    weighted: bool
    loss: int
    mean: bool


def network_type(t: types.Float) -> types.Type:
    """`Network` as a Numba type."""
    return types.NamedTuple([types.CPointer(types.int64), types.CPointer(t)], Network)


def matrix_type(t: types.Type) -> types.Type:
    """`Matrix` as a Numba type."""
    return types.NamedTuple([types.CPointer(t), types.int64, types.int64], Matrix)


def problem_type(t: types.Float) -> types.Type:
    """`Problem` as a Numba type."""
    matrices = [matrix_type(kind) for kind in (t, t, types.int64, types.float64)]
    measure = [types.boolean, types.boolean, types.int64, types.boolean]

    return types.NamedTuple([network_type(t), *matrices, *measure], Problem)


@inline
def size_of(spec: Integers, layer: int) -> int:
    """n_l."""
    return spec[1 + layer]


@inline
def activation_of(spec: Integers, layer: int) -> Integers:
    """The activation of a layer, l ≥ 1."""
    return shift(spec, 2 + spec[0] + (layer - 1) * DESCRIPTOR_SIZE)


@inline
def unfit(problem: Problem) -> int:
    """What of the shapes doesn't fit together, or FINE."""
    spec, rows = problem.network.spec, problem.x.rows
    if problem.x.columns != size_of(spec, 0):
        return X_COLUMNS
    if rows == 0:
        return NO_CASES
    outputs = size_of(spec, spec[0])
    if problem.labelled:
        if problem.labels.rows * problem.labels.columns != rows:
            return Y_SHAPE
    elif problem.y.rows != rows or problem.y.columns != outputs:
        return Y_SHAPE
    if problem.weighted and problem.weights.rows * problem.weights.columns != rows:
        return WEIGHTS_SHAPE
    code = activation_of(spec, spec[0])[CODE]
    return FINE if suits(problem.loss, code) else UNSUITED


@inline
def cases_in(problem: Problem, order: Integers, has_order: bool) -> CasePointers:
    """The cases as the kernels take them."""
    return CasePointers(
        problem.x.rows, problem.x.at, problem.y.at, problem.labels.at, problem.weights.at, order, problem.labelled,
        problem.weighted, has_order, 0,
    )  # fmt: skip


@inline
def overlap(one: Matrix[Floats], other: Matrix[Floats]) -> bool:
    """Whether two arrays share memory."""
    ends = shift(one.at, one.rows * one.columns), shift(other.at, other.rows * other.columns)
    return address(one.at) < address(ends[1]) and address(other.at) < address(ends[0])


_fill = inline(fill)


@inline
def laid_out(network: Network, rows: int, packed: bool, table: Integers) -> Sizes:
    """The layout of a network for so many cases."""
    layers = network.spec[0]
    lanes = panel_width(network.flat) // 2
    return _fill(layers, shift(network.spec, 1), activation_of(network.spec, 1), rows, lanes, packed, table)


class Work(NamedTuple):
    """A network laid out in work memory, unless the status says why not; `discard` it afterwards."""

    status: int
    net: Net
    table: Integers
    heap: Floats


@inline
def head(spec: Integers) -> int:
    """Elements of a workspace that hold the table, whatever the dtype."""
    return rounded(2 * COLUMNS * (spec[0] + 1), LINE)


@inline
def claim(network: Network, rows: int, only_forward: bool, workspace: Matrix[Floats]) -> Work:
    """Lay out the network for so many cases, in the workspace or, if there is none, on the heap."""
    spec = network.spec
    is_given, start = workspace.rows > 0, head(spec)
    status, heap = FINE, workspace.at
    if is_given:
        table = integers(aligned(heap))
        if workspace.columns < start + LINE:
            return Work(WORKSPACE, Net(spec[0], table, network.flat, heap), table, heap)
    else:
        table = allocate(spec, COLUMNS * (spec[0] + 1))
        if is_null(table):
            return Work(MEMORY, Net(spec[0], table, network.flat, heap), table, heap)
    sizes = laid_out(network, rows, False, table)
    needed = (sizes.forward if only_forward else sizes.whole) + LINE
    if not is_given:
        heap = allocate(network.flat, needed)
        space = aligned(heap)
        status = MEMORY if is_null(heap) else FINE
    else:
        space = shift(aligned(heap), start)
        status = WORKSPACE if workspace.columns < start + needed else FINE
    return Work(status, Net(spec[0], table, network.flat, space), table, heap)


@inline
def discard(work: Work, workspace: Matrix[Floats]) -> None:
    """Give back what isn't the workspace's."""
    if workspace.rows == 0:
        release(work.table)
        release(work.heap)
