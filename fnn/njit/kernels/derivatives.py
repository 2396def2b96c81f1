"""`input_grad` and `vjp`: on demand, inlined into the caller, so that other callers don't compile them."""

from numba import types

from fnn.compiler.intrinsics import Floats
from fnn.compiler.linking import OnDemand
from fnn.data.kernels.cases import is_finite
from fnn.data.kernels.faults import BAD_U, BAD_X, FINE, NO_CASES, U_SHAPE, X_COLUMNS
from fnn.equations.kernels.derivatives import input_gradient, vector_times_jacobian
from fnn.equations.kernels.forward import BLOCK
from fnn.equations.kernels.gradient import CHUNK
from fnn.njit.kernels.arguments import (
    Matrix,
    Network,
    Problem,
    case_pointers,
    claim,
    discard,
    matrix_type,
    network_type,
    problem_type,
    shape_fault,
    size_of,
)


def input_gradient_all(problem: Problem, into: Matrix[Floats], workspace: Matrix[Floats]) -> int:
    """∂E/∂A⁰ of all cases."""
    status = shape_fault(problem)
    if status != FINE:
        return status
    work = claim(problem.network, min(problem.x.rows, BLOCK), False, workspace)
    status = work.status
    if status == FINE:
        every = case_pointers(problem, problem.labels.at, False)
        status, _ = input_gradient(work.net, every, problem.loss, problem.mean, into.at)
    discard(work, workspace)
    return status


def vjp_all(
    network: Network, x: Matrix[Floats], u: Matrix[Floats], into: Matrix[Floats], inputs: Matrix[Floats],
    workspace: Matrix[Floats],
) -> int:  # fmt: skip
    """B1 to B4 from ∂E/∂Aᴸ = U."""
    spec = network.spec
    if x.columns != size_of(spec, 0):
        return X_COLUMNS
    if x.rows == 0:
        return NO_CASES
    if u.rows != x.rows or u.columns != size_of(spec, spec[0]):
        return U_SHAPE
    if not is_finite(u.at, u.rows * u.columns):
        return BAD_U
    work = claim(network, min(x.rows, CHUNK), False, workspace)
    status = work.status
    if status == FINE and vector_times_jacobian(work.net, x.at, x.rows, u.at, into.at, inputs.at) >= 0:
        status = BAD_X
    discard(work, workspace)
    return status


INPUT_GRADIENT = OnDemand(input_gradient_all, lambda t: types.int64(problem_type(t), matrix_type(t), matrix_type(t)))
VJP = OnDemand(vjp_all, lambda t: types.int64(network_type(t), *[matrix_type(t)] * 5))
