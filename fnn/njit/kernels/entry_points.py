"""The kernels behind the bodies of `fnn.njit`: each checks what only run time knows, and does the work of one call.

Most are entry points (see `fnn.compiler.linking`), so that a user's function compiles nothing but the call. Those of
`input_grad` and `vjp` become part of the function that calls them, so that others don't wait for them. They return a
status, and the user's function raises: an exception from a called function leaks what its caller holds.
"""

import numpy as np
from numba import types

from fnn.compiler.inline import inline
from fnn.compiler.intrinsics import Floats, address, like, shift
from fnn.compiler.linking import OnDemand, entry_point
from fnn.compiler.memory import allocate, is_null, release
from fnn.compiler.target import LINE
from fnn.data.kernels import faults
from fnn.data.kernels.cases import copy
from fnn.data.kernels.faults import FINE
from fnn.data.kernels.finite import is_finite
from fnn.equations.kernels.backprop import EVERYTHING
from fnn.equations.kernels.derivatives import input_gradient, vector_times_jacobian
from fnn.equations.kernels.forward import BLOCK, descend_flat, outputs
from fnn.equations.kernels.gradient import CHUNK, differentiate
from fnn.network.kernels import plan
from fnn.network.kernels.plan import CHAIN, COLUMNS, Net, block, entry
from fnn.network.kernels.spec import Network, network_type, size_of
from fnn.njit.kernels.arguments import (
    Matrix,
    Problem,
    case_pointers,
    claim,
    discard,
    head,
    is_same,
    lay_out,
    matrix_type,
    overlap,
    problem_type,
    shape_fault,
)
from fnn.njit.kernels.run import begin_run, end_run, prepare_run, take_steps
from fnn.optimizers.kernels import abi


@entry_point(lambda t: types.int64(network_type(t), types.int64))
def workspace_size(network: Network, rows: int) -> int:
    """Elements that any call for this number of cases can work in; 0 if there is no memory for the table."""
    table = allocate(network.spec, COLUMNS * (network.spec[0] + 1))
    if is_null(table):
        return 0
    size = head(network.spec) + lay_out(network, min(rows, CHUNK), False, table).whole + LINE
    release(table)
    return size


@entry_point(lambda t: types.int64(network_type(t), matrix_type(t), matrix_type(t), matrix_type(t)))
def forward_many(network: Network, x: Matrix[Floats], into: Matrix[Floats], workspace: Matrix[Floats]) -> int:
    """F1 and F2 for all cases."""
    spec = network.spec
    if x.columns != size_of(spec, 0):
        return faults.X_COLUMNS
    if x.rows == 0:
        return faults.NO_CASES
    if into.rows != x.rows or into.columns != size_of(spec, spec[0]):
        return faults.OUT_SHAPE
    # In place a block of x is read before its outputs are written.
    is_in_place = into.columns == x.columns and address(into.at) == address(x.at)
    if overlap(into, workspace) or (overlap(into, x) and not is_in_place):
        return faults.OUT_OVERLAPS
    if overlap(workspace, x):
        return faults.WORKSPACE_OVERLAPS
    work = claim(network, min(x.rows, BLOCK), True, workspace)
    status = work.status
    if status == FINE and outputs(work.net, x.at, x.rows, into.at) >= 0:
        status = faults.BAD_X
    discard(work, workspace)
    return status


@entry_point(
    lambda t: types.Tuple((types.float64, types.int64))(
        problem_type(t), types.int64, matrix_type(t), matrix_type(t), matrix_type(t)
    )
)  # fmt: skip
def differentiate_all(
    problem: Problem, wanted: int, into: Matrix[Floats], quantities: Matrix[Floats], workspace: Matrix[Floats]
) -> tuple[float, int]:
    """E of all cases and, unless `wanted` is ERROR_ONLY, ∂E/∂(W, b) into `into`.

    If it is EVERYTHING, z, a, ∂E/∂a and δ become the rows of `quantities`, by layer and then by case.
    """
    status = shape_fault(problem)
    if status != FINE:
        return 0.0, status
    rows = problem.x.rows
    capacity = rows if wanted == EVERYTHING else min(rows, CHUNK)
    work = claim(problem.network, capacity, False, workspace)
    error, status = 0.0, work.status
    if status == FINE:
        every = case_pointers(problem, problem.labels.at, False)
        error, status, _ = differentiate(work.net, capacity, every, False, problem.loss, problem.mean, wanted, into.at)
    if status == FINE and wanted == EVERYTHING:
        for row, column in enumerate((plan.Z, plan.A, plan.DE_DA, plan.DELTA)):
            copy_quantity(work.net, column, rows, shift(quantities.at, row * quantities.columns))
    discard(work, workspace)
    return error, status


@inline
def copy_quantity(net: Net, column: int, rows: int, into: Floats) -> None:
    """Copy a quantity of all layers; those of the input that don't exist, z and δ, keep their place."""
    at = 0
    for layer in range(net.layers + 1):
        units = entry(net, layer, plan.UNITS)
        if layer > 0 or column == plan.A or column == plan.DE_DA:
            for row in range(rows):
                copy(block(net, layer, column, row), shift(into, at + row * units), units)
        at += rows * units


@inline
def is_rate(w: Floats, eta: float) -> bool:
    """Whether η is finite and above 0 in the dtype of the parameters: float32 has neither 1e50 nor 1e-50."""
    rate = like(w, eta)
    return rate > 0 and rate < np.inf


@entry_point(lambda t: types.int64(network_type(t), network_type(t), types.float64, matrix_type(t)))
def update_all(network: Network, grads: Network, eta: float, into: Matrix[Floats]) -> int:
    """G1 for all parameters, if both have one architecture."""
    if not is_same(network.spec, grads.spec):
        return faults.STRUCTURE
    w = network.flat
    if not is_rate(w, eta):
        return faults.ETA
    descend_flat(w, grads.flat, like(w, eta), into.at, into.columns)
    return FINE


@entry_point(
    lambda t: types.int64(
        problem_type(t), types.float64, types.int64, types.int64, types.int64, matrix_type(types.float64),
        matrix_type(t),
    )
)  # fmt: skip
def train_all(
    problem: Problem, eta: float, batch: int, seed: int, epochs: int, history: Matrix[Floats], into: Matrix[Floats]
) -> int:
    """A whole training run by gradient descent, in one thread."""
    if not is_rate(problem.network.flat, eta):
        return faults.ETA
    ready = prepare_run(problem, batch, seed, epochs, into)
    every, status = ready.every, ready.status
    if status == FINE:
        batch = min(batch, every.number)
        run = begin_run(problem, ready.table, batch, batch > CHAIN, 0, 1, history.at)
        status = run.status
        if status == FINE:
            run.coefficients[abi.ETA] = like(run.coefficients, eta)
            steps = (every.number + batch - 1) // batch * epochs
            status = take_steps(run, problem, every, 0, 0, batch, seed, steps, history.at)
        status = end_run(run, status, into)
    release(every.order)
    release(ready.table)
    return status


def input_gradient_all(problem: Problem, into: Matrix[Floats], workspace: Matrix[Floats]) -> int:
    """∂E/∂A⁰ of all cases."""
    status = shape_fault(problem)
    if status != FINE:
        return status
    work = claim(problem.network, min(problem.x.rows, BLOCK), False, workspace)
    status = work.status
    if status == FINE:
        every = case_pointers(problem, problem.labels.at, False)
        status, _ = input_gradient(work.net, every, False, problem.loss, problem.mean, into.at)
    discard(work, workspace)
    return status


def vjp_all(
    network: Network, x: Matrix[Floats], u: Matrix[Floats], into: Matrix[Floats], inputs: Matrix[Floats],
    workspace: Matrix[Floats],
) -> int:  # fmt: skip
    """B1 to B4 from ∂E/∂Aᴸ = U."""
    spec = network.spec
    if x.columns != size_of(spec, 0):
        return faults.X_COLUMNS
    if x.rows == 0:
        return faults.NO_CASES
    if u.rows != x.rows or u.columns != size_of(spec, spec[0]):
        return faults.U_SHAPE
    if not is_finite(u.at, u.rows * u.columns):
        return faults.BAD_U
    work = claim(network, min(x.rows, CHUNK), False, workspace)
    status = work.status
    if status == FINE and vector_times_jacobian(work.net, x.at, x.rows, u.at, into.at, inputs.at) >= 0:
        status = faults.BAD_X
    discard(work, workspace)
    return status


INPUT_GRADIENT = OnDemand(input_gradient_all, lambda t: types.int64(problem_type(t), matrix_type(t), matrix_type(t)))
VJP = OnDemand(vjp_all, lambda t: types.int64(network_type(t), *[matrix_type(t)] * 5))
