"""`input_grad` for jitted functions of others, which it becomes part of: who doesn't use it need not wait for it."""

from numba import types

from fnn.kernels.derivatives import input_gradient
from fnn.kernels.evaluate import BLOCK
from fnn.kernels.intrinsics import Floats
from fnn.kernels.linking import OnDemand
from fnn.kernels.problem import FINE, Matrix, Problem, cases_in, claim, discard, matrix_type, problem_type, unfit


def input_gradient_all(problem: Problem, into: Matrix[Floats], workspace: Matrix[Floats]) -> int:
    """∂E/∂A⁰ of all cases."""
    status = unfit(problem)
    if status != FINE:
        return status
    work = claim(problem.network, min(problem.x.rows, BLOCK), False, workspace)
    status = work.status
    if status == FINE:
        every = cases_in(problem, problem.labels.at, False)
        status, _ = input_gradient(work.net, every, problem.loss, problem.mean, into.at)
    discard(work, workspace)
    return status


INPUT_GRADIENT = OnDemand(
    input_gradient_all, lambda t: types.int64(problem_type(t), matrix_type(t), matrix_type(t))
)  # fmt: skip
