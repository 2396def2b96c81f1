"""The cases of a call: their faults, and how they get into the workspace."""

from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt
from numba import types

from fnn.activations.kernels.dispatch import CODE_OF_SIGMOID
from fnn.compiler.inline import inline
from fnn.compiler.intrinsics import (
    Floats,
    Integers,
    address,
    doubles,
    like,
    like_pointer,
    pointer,
    prefetch_line,
    shift,
    words_at,
)
from fnn.compiler.kernel import array, kernel
from fnn.compiler.linking import linked
from fnn.data.kernels.faults import (
    BAD_LABEL,
    BAD_WEIGHT,
    BAD_X,
    BAD_Y,
    FINE,
    NO_WEIGHT,
    NOT_A_DISTRIBUTION,
    ONE_UNIT,
    OUTSIDE,
)
from fnn.data.kernels.fetch import DATA, LABELLED, NUMBER, ROW, WEIGHTED, WEIGHTS, X, Y, fetch_case
from fnn.data.kernels.finite import is_finite
from fnn.losses.kernels.dispatch import ANY, ENDS, PROBABILITIES, RULE, bounds
from fnn.network.kernels import plan
from fnn.network.kernels.plan import Net, block, entry, net_type
from fnn.numerics.outer import copy_padded

SUM_TOLERANCE: Final = 1e-5  # probabilities that were rounded to float32 sum to 1 within this

Reals = npt.NDArray[np.floating]
Labels = npt.NDArray[np.int64]
Weights = npt.NDArray[np.float64]


class CasePointers(NamedTuple):
    """Pointers to the cases of a call. The targets are either the labels or y; without weights each case weighs 1."""

    number: int  # N
    x: Floats  # (N, n_0)
    y: Floats  # (N, n_L)
    labels: Integers  # (N,)
    weights: Floats  # (N,), float64
    order: Integers  # (N,)
    has_labels: bool
    has_weights: bool
    has_order: bool
    sources: int  # address of the words that say how to fetch the cases (`fnn.data.kernels.fetch`), or 0


def cases_type(dtype: types.Float) -> types.Type:
    floats, integers, flag = types.CPointer(dtype), types.CPointer(types.int64), types.boolean

    return types.NamedTuple(
        [types.int64, floats, floats, integers, types.CPointer(types.float64), integers, flag, flag, flag, types.int64],
        CasePointers,
    )


@inline
def cases_of(
    x: Reals, y: Reals, labels: Labels, weights: Weights, order: Labels, sources: int, number: int
) -> CasePointers:
    """Empty labels, weights and order stand for none; with sources only the order is taken from the arrays.

    If `number` is not 0, the cases are only those at the first `number` positions of the order.
    """
    if sources != 0:
        words = words_at(sources)
        return CasePointers(
            number or words[NUMBER], like_pointer(pointer(x), words[X + DATA]), pointer(y), pointer(labels),
            doubles(words_at(words[WEIGHTS])), pointer(order), words[LABELLED] != 0, words[WEIGHTED] != 0,
            order.size > 0, sources,
        )  # fmt: skip
    return CasePointers(
        number or x.shape[0], pointer(x), pointer(y), pointer(labels), pointer(weights), pointer(order),
        labels.size > 0, weights.size > 0, order.size > 0, 0,
    )  # fmt: skip


@linked(lambda t: types.int64(types.CPointer(t), types.int64, types.int64))
def first_not_finite(values: Floats, rows: int, columns: int) -> int:
    """The first row that holds NaN or infinity, or −1."""
    if is_finite(values, rows * columns):
        return -1
    row = 0
    while row < rows - 1 and is_finite(shift(values, row * columns), columns):  # another thread may write meanwhile
        row += 1
    return row


@linked(lambda t: types.UniTuple(types.int64, 2)(cases_type(t), *[types.int64] * 4, types.float64))
def find_fault(
    cases: CasePointers, inputs: int, outputs: int, code: int, loss: int, tolerance: float
) -> tuple[int, int]:
    """The first fault and its row; (FINE, −1) if there is none, or if the cases are to be fetched.

    Probabilities sum to 1 within the tolerance.
    """
    if cases.sources != 0:  # the typed layer has checked them, chunk by chunk
        return FINE, -1
    row = first_not_finite(cases.x, cases.number, inputs)
    if row >= 0:
        return BAD_X, row
    if cases.has_labels:
        if outputs == 1 and has_distribution(code, loss):
            return ONE_UNIT, 0
        greatest = max(outputs - 1, 1)
        for row in range(cases.number):
            if cases.labels[row] < 0 or cases.labels[row] > greatest:
                return BAD_LABEL, row
    else:
        row = first_not_finite(cases.y, cases.number, outputs)
        if row >= 0:
            return BAD_Y, row
        for row in range(0 if words_at(loss)[RULE] == ANY else cases.number):
            fault = target_fault(shift(cases.y, row * outputs), outputs, code, loss, tolerance)
            if fault != FINE:
                return fault, row
    if cases.has_weights:
        total = 0.0
        for row in range(cases.number):
            if not (cases.weights[row] >= 0 and like(cases.x, cases.weights[row]) < np.inf):
                return BAD_WEIGHT, row
            total += cases.weights[row]
        if not (total > 0 and 1.0 / total > 0 and like(cases.x, 1.0 / total) < np.inf):
            return NO_WEIGHT, 0
    return FINE, -1


@inline
def has_distribution(code: int, loss: int) -> bool:
    """Whether the targets of a case are probabilities of classes that exclude each other."""
    return words_at(loss)[RULE] == PROBABILITIES and code != CODE_OF_SIGMOID


@inline
def target_fault(y: Floats, outputs: int, code: int, loss: int, tolerance: float) -> int:
    """The fault of the targets of a case, by the loss's rule."""
    rule, (low, high) = words_at(loss)[RULE], bounds(loss)
    total = 0.0
    for d in range(outputs):
        if not low <= y[d] <= high or (rule == ENDS and low < y[d] < high):
            return OUTSIDE
        total += y[d]
    if has_distribution(code, loss) and abs(total - 1.0) > tolerance:
        return NOT_A_DISTRIBUTION
    return FINE


@inline
def case_at(cases: CasePointers, position: int) -> int:
    return cases.order[position] if cases.has_order else position


@inline
def weight_of(cases: CasePointers, first: int, rows: int) -> float:
    """Σ_c w_c over the positions first .. first + rows of the order."""
    total = 0.0
    for position in range(first, first + rows):
        total += cases.weights[case_at(cases, position)]
    return total


@linked(lambda t: types.float64(cases_type(t), types.int64, types.int64))
def total_weight(cases: CasePointers, first: int, rows: int) -> float:
    """`weight_of` by a call, which costs a kernel less time to compile."""
    return weight_of(cases, first, rows)


@linked(lambda t: types.void(cases_type(t), types.int64, types.int64, types.int64))
def prefetch_targets(cases: CasePointers, outputs: int, first: int, rows: int) -> None:
    """Prefetch the first and the last cache line of each case's targets; the processor itself prefetches the others."""
    each = address(shift(cases.y, outputs)) - address(cases.y)  # bytes
    start, step = address(cases.y), each
    if cases.sources != 0:
        words = words_at(cases.sources)
        start, step = words[Y + DATA], words[Y + ROW]
    elif cases.has_labels:
        start, step, each = address(cases.labels), 8, 8
    for position in range(first, first + rows):
        y = start + cases.order[position] * step
        prefetch_line(words_at(y))
        prefetch_line(words_at(y + each - 8))


@inline
def copy(source: Floats, into: Floats, count: int) -> None:
    for i in range(count):
        into[i] = source[i]


@linked(
    lambda t: types.void(net_type(t), cases_type(t), types.int64, types.float64, types.int64, types.int64, types.int64)
)
def load(net: Net, cases: CasePointers, first: int, scale: float, loss: int, top: int, bottom: int) -> None:
    """Fill the rows top .. bottom of the workspace with the cases at the positions first + row of the order.

    A⁰ gets the inputs, the targets get y or what a label stands for, and the weight of a case in E is w_c · scale.
    """
    inputs, outputs = entry(net, 0, plan.UNITS), entry(net, net.layers, plan.UNITS)
    stride, rows, first = entry(net, net.layers, plan.STRIDE), bottom - top, first + top
    x, y = block(net, 0, plan.A, top), shift(net.space, entry(net, 0, plan.TARGETS) + top * stride)
    case_weights = shift(net.space, entry(net, 0, plan.CASE_WEIGHTS) + top)
    if cases.sources != 0:
        for row in range(rows):
            to = shift(x, row * entry(net, 0, plan.STRIDE))
            fetch_case(cases.sources, case_at(cases, first + row), to, shift(y, row * stride))
    else:
        gather(cases, cases.x, inputs, first, rows, x, entry(net, 0, plan.STRIDE))
        if not cases.has_labels:
            gather(cases, cases.y, outputs, first, rows, y, stride)
    if cases.has_labels:
        low, high = bounds(loss)
        for row in range(rows):
            label = int(y[row * stride]) if cases.sources != 0 else cases.labels[case_at(cases, first + row)]
            for d in range(outputs):
                is_high = label != 0 if outputs == 1 else d == label
                y[row * stride + d] = like(y, high if is_high else low)
    for row in range(rows):
        case_weight = cases.weights[case_at(cases, first + row)] * scale if cases.has_weights else scale
        case_weights[row] = like(case_weights, case_weight)


@linked(lambda t: types.void(cases_type(t), types.CPointer(t), *[types.int64] * 3, types.CPointer(t), types.int64))
def gather(cases: CasePointers, source: Floats, columns: int, first: int, rows: int, into: Floats, stride: int) -> None:
    """Copy rows of x or y, in a loop that does nothing else: in one that fills all of a case, a row took 20 cycles.

    What is read where it lies (see `fnn.equations.kernels.gradient`) stays there.
    """
    if not cases.has_order and address(shift(source, first * columns)) == address(into):
        return
    if not cases.has_order and columns == stride:  # then all rows lie as one
        source, first, rows, columns, stride = shift(source, first * columns), 0, 1, rows * columns, rows * columns
    for row in range(rows):
        copy_padded(shift(source, case_at(cases, first + row) * columns), columns, shift(into, row * stride), stride)


@kernel(
    lambda t: types.UniTuple(types.int64, 2)(
        array(t, 2), array(t, 2), array(types.int64), array(types.float64), *[types.int64] * 3, types.float64
    )
)
def fault_kernel(
    x: Reals, y: Reals, labels: Labels, weights: Weights, outputs: int, code: int, loss: int, tolerance: float
) -> tuple[int, int]:
    """The first fault of the cases and its row."""
    return find_fault(cases_of(x, y, labels, weights, labels[:0], 0, 0), x.shape[1], outputs, code, loss, tolerance)
