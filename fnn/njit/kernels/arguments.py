"""Arguments of the kernels that a user's @njit functions call: networks, matrices, cases and workspaces.

An array is a pointer with its rows and columns; a vector is one row, a number 1 × 1, and None has no rows.
"""

from typing import Generic, NamedTuple, TypeVar

from numba import types

from fnn.activations.kernels.dispatch import CODE, DESCRIPTOR_SIZE
from fnn.compiler.inline import inline
from fnn.compiler.internals import NumbaType
from fnn.compiler.intrinsics import Floats, Integers, address, aligned, integers, shift
from fnn.compiler.memory import allocate, is_null, release
from fnn.compiler.target import LINE, panel_width
from fnn.data.kernels.cases import CasePointers
from fnn.data.kernels.faults import FINE, MEMORY, NO_CASES, UNSUITED, WEIGHTS_SHAPE, WORKSPACE, X_COLUMNS, Y_SHAPE
from fnn.losses.kernels.dispatch import suits
from fnn.network.kernels.plan import COLUMNS, Net, Sizes, fill, rounded
from fnn.network.kernels.spec import Network, activation_of, network_type, size_of

T = TypeVar("T")


class Matrix(NamedTuple, Generic[T]):
    """An array, a vector, a number or None."""

    at: T
    rows: int
    columns: int


class Problem(NamedTuple):
    """What an error is computed of: a network, cases, the address of a loss, and whether to take the mean."""

    network: Network
    x: Matrix[Floats]
    y: Matrix[Floats]
    labels: Matrix[Integers]
    weights: Matrix[Floats]  # float64
    labelled: bool
    weighted: bool
    loss: int
    mean: bool


def matrix_type(t: NumbaType) -> NumbaType:
    return types.NamedTuple([types.CPointer(t), types.int64, types.int64], Matrix)


def problem_type(t: types.Float) -> NumbaType:
    matrices = [matrix_type(kind) for kind in (t, t, types.int64, types.float64)]
    measure = [types.boolean, types.boolean, types.int64, types.boolean]

    return types.NamedTuple([network_type(t), *matrices, *measure], Problem)


@inline
def is_same(one: Integers, other: Integers) -> bool:
    """Whether two networks have the same sizes and activations."""
    end, same = 2 + (1 + DESCRIPTOR_SIZE) * one[0], 0
    while same < end and one[same] == other[same]:
        same += 1
    return same == end


@inline
def shape_fault(problem: Problem) -> int:
    """The fault if shapes don't fit together or the output doesn't suit the loss, or FINE."""
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
def case_pointers(problem: Problem, order: Integers, has_order: bool) -> CasePointers:
    """The cases for the kernels of `fnn.equations` and `fnn.training`."""
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
def lay_out(network: Network, rows: int, packed: bool, table: Integers) -> Sizes:
    """Fill the table with the layout of a network for a number of cases."""
    layers = network.spec[0]
    lanes = panel_width(network.flat) // 2
    return _fill(layers, shift(network.spec, 1), activation_of(network.spec, 1), rows, lanes, packed, 0, table)


class Work(NamedTuple):
    """A network laid out in work memory, unless the status isn't FINE; to be given to `discard` at the end."""

    status: int
    net: Net
    table: Integers
    heap: Floats


@inline
def head(spec: Integers) -> int:
    """Elements at the start of a workspace that hold the table, in either dtype."""
    return rounded(2 * COLUMNS * (spec[0] + 1), LINE)


@inline
def claim(network: Network, rows: int, only_forward: bool, workspace: Matrix[Floats]) -> Work:
    """Lay out the network for a number of cases, in the workspace or, without one, on the heap."""
    spec = network.spec
    has_workspace, start = workspace.rows > 0, head(spec)
    status, heap = FINE, workspace.at
    if has_workspace:
        table = integers(aligned(heap))
        if workspace.columns < start + LINE:
            return Work(WORKSPACE, Net(spec[0], table, network.flat, heap), table, heap)
    else:
        table = allocate(spec, COLUMNS * (spec[0] + 1))
        if is_null(table):
            return Work(MEMORY, Net(spec[0], table, network.flat, heap), table, heap)
    sizes = lay_out(network, rows, False, table)
    needed = (sizes.forward if only_forward else sizes.whole) + LINE
    if not has_workspace:
        heap = allocate(network.flat, needed)
        space = aligned(heap)
        status = MEMORY if is_null(heap) else FINE
    else:
        space = shift(aligned(heap), start)
        status = WORKSPACE if workspace.columns < start + needed else FINE
    return Work(status, Net(spec[0], table, network.flat, space), table, heap)


@inline
def discard(work: Work, workspace: Matrix[Floats]) -> None:
    """Release the memory, unless it is the workspace."""
    if workspace.rows == 0:
        release(work.table)
        release(work.heap)
