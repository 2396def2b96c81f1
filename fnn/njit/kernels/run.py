"""A training run in a jitted function: its cases in order; parameters packed at its beginning, unpacked at its end."""

from typing import NamedTuple

from fnn.activations.kernels.dispatch import CODE
from fnn.compiler.barrier import SIZE
from fnn.compiler.inline import inline
from fnn.compiler.intrinsics import Floats, Integers, aligned, like, shift
from fnn.compiler.memory import allocate, is_null, release
from fnn.compiler.target import LINE
from fnn.data.kernels.cases import SUM_TOLERANCE, CasePointers, find_fault
from fnn.data.kernels.faults import BAD_PARAMS, BATCH_SIZE, DIVERGED, EPOCHS, FINE, MEMORY, SEED
from fnn.data.kernels.finite import is_finite
from fnn.equations.kernels.backprop import transpose
from fnn.network.kernels.pack import pack_weights, unpack_weights
from fnn.network.kernels.plan import COLUMNS, ONE, Net, rounded
from fnn.network.kernels.spec import activation_of, size_of
from fnn.njit.kernels.arguments import Matrix, Problem, case_pointers, lay_out, shape_fault
from fnn.optimizers.kernels import abi
from fnn.training.kernels.descend import CAPACITY, descend
from fnn.training.kernels.epochs import CURSOR_SIZE, STOPPED
from fnn.training.kernels.update_rule import UpdateRule


class PreparedRun(NamedTuple):
    """The cases and the table of a run, unless the status isn't FINE; `every.order` and `table` are to be released."""

    status: int
    every: CasePointers
    table: Integers


@inline
def prepare_run(problem: Problem, batch: int, seed: int, epochs: int, into: Matrix[Floats]) -> PreparedRun:
    """Check the arguments and the cases of a run, and put the cases in order."""
    spec, rows = problem.network.spec, problem.x.rows
    order, table = allocate(spec, rows), allocate(spec, COLUMNS * (spec[0] + 1))
    every = case_pointers(problem, order, True)
    status = shape_fault(problem)
    if status == FINE and (is_null(order) or is_null(table)):
        status = MEMORY
    elif status == FINE and not is_finite(problem.network.flat, into.columns):
        status = BAD_PARAMS
    elif status == FINE and (epochs < 0 or batch < 1 or seed < 0):
        status = EPOCHS if epochs < 0 else BATCH_SIZE if batch < 1 else SEED
    elif status == FINE:
        for row in range(rows):
            order[row] = row
        status, _ = find_fault(
            every, size_of(spec, 0), size_of(spec, spec[0]), activation_of(spec, spec[0])[CODE], problem.loss,
            SUM_TOLERANCE,
        )  # fmt: skip
    return PreparedRun(status, every, table)


class Run(NamedTuple):
    """A run in one thread, unless the status says why not; `end_run` afterwards."""

    status: int
    net: Net
    capacity: int
    stride: int  # from one packed vector to the next
    gradient: Floats
    vectors: Floats  # packed
    coefficients: Floats
    sums: Floats
    cursor: Integers
    descriptor: Integers
    memory: Floats


@inline
def begin_run(
    problem: Problem, table: Integers, batch: int, has_gradient: bool, vectors: int, rows: int, history: Floats
) -> Run:
    """Allocate a run with `vectors` packed vectors and `rows` rows of coefficients, and pack its weights."""
    flat, capacity = problem.network.flat, min(batch, CAPACITY)
    sizes = lay_out(problem.network, capacity, True, table)
    stride, of_rows = rounded(sizes.weights, LINE), rounded(rows * abi.COEFFICIENTS, LINE)
    # One behind the other: the weights, the gradient, the vectors, the coefficients, and the workspace.
    before = (1 + has_gradient + vectors) * stride
    memory, sums = allocate(flat, LINE + before + of_rows + sizes.whole), allocate(history, 2)
    cursor = allocate(table, CURSOR_SIZE + SIZE + abi.DESCRIPTOR_SIZE)
    status = MEMORY if is_null(memory) or is_null(sums) or is_null(cursor) else FINE
    weights = aligned(memory)
    gradient, coefficients = shift(weights, stride), shift(weights, before)
    net = Net(problem.network.spec[0], table, weights, shift(coefficients, of_rows))
    if status == FINE:
        pack_weights(net, flat)
        net.space[ONE] = like(flat, 1.0)
        transpose(net, 2, 0, 1)
    return Run(
        status, net, capacity, stride, gradient, shift(gradient, has_gradient * stride), coefficients, sums, cursor,
        shift(cursor, CURSOR_SIZE + SIZE), memory,
    )  # fmt: skip


@inline
def take_steps(
    run: Run, problem: Problem, every: CasePointers, phase: int, coefficient_stride: int, batch: int, seed: int,
    steps: int, history: Floats,
) -> int:  # fmt: skip
    """Take steps by the phase at an address or, if it is 0, by gradient descent."""
    rule = UpdateRule(0, phase, run.descriptor, run.vectors, run.coefficients, coefficient_stride)
    descend(
        0, 1, shift(run.cursor, CURSOR_SIZE), run.net, run.capacity, run.gradient, every, problem.loss, problem.mean,
        rule, batch, seed, steps, run.cursor, run.sums, history, run.cursor, False,
    )  # fmt: skip
    return DIVERGED if run.cursor[STOPPED] != 0 else FINE


@inline
def end_run(run: Run, status: int, into: Matrix[Floats]) -> int:
    """Unpack the weights and release the memory; the status, or DIVERGED if a weight isn't finite."""
    if run.status == FINE:
        unpack_weights(run.net, into.at)
    if status == FINE and not is_finite(into.at, into.columns):
        status = DIVERGED
    release(run.memory)
    release(run.sums)
    release(run.cursor)
    return status
