"""G of Levenberg–Marquardt, summed along the tree of shards of all processes."""

from fnn.compiler.barrier import CANCELLED, store_released, wait_for_all
from fnn.compiler.inline import inline
from fnn.compiler.intrinsics import Floats, doubles, like_pointer, shift, words_at
from fnn.compiler.linking import OnDemand
from fnn.equations.kernels.gauss_newton import gauss_newton
from fnn.equations.kernels.parts import partition
from fnn.network.kernels.plan import Net
from fnn.training.kernels.sharded.shards import MATRICES, MATRIX_EXCHANGE, MATRIX_SIZE, first_case, shards_of
from fnn.training.kernels.sharded.step import call_exchange
from fnn.training.kernels.sharded.tree_sum import INTERRUPTED, SCALARS, scalars_size
from fnn.training.kernels.solvers.normal_equations import System, Terms, Worker, sharded_type


def sharded_gauss_newton(worker: Worker, terms: Terms, system: System, held: Net, net: Net, wide: Net) -> bool:
    """What `gauss_newton` does, by shards; the system's matrix is the first of the nodes."""
    words, depth, is_done = words_at(terms.shards), 0, True
    shards = shards_of(words, system.matrix)
    matrices, size = like_pointer(system.matrix, words[MATRICES]), words[MATRIX_SIZE]
    count = system.unknowns * system.stride
    for s in range(shards.first, shards.last):
        if is_done:
            start = first_case(shards, s) - first_case(shards, shards.first)
            end = first_case(shards, s + 1) - first_case(shards, shards.first)
            is_done = gauss_newton(
                worker.thread, worker.threads, worker.barrier, held, net, wide, terms.cases, terms.scale, terms.loss,
                terms.second_derivative, terms.start, system.kept, system.unknowns, worker.row, system.block,
                shift(matrices, depth * size), system.stride, start, end,
            )  # fmt: skip
        depth, width = depth + 1, 2
        while (s + 1) % width == 0 and s + 1 - width >= shards.first:
            depth, width = depth - 1, 2 * width
            add(worker, shift(matrices, (depth - 1) * size), shift(matrices, depth * size), count)
    if words[MATRIX_EXCHANGE] != 0:
        interrupted = shift(doubles(shift(matrices, size - scalars_size(matrices))), INTERRUPTED)
        if worker.thread == 0:
            clear_scalars(matrices, size, depth)
            interrupted[0] = 0.0 if is_done else 1.0
            interrupted[0] += call_exchange(words[MATRIX_EXCHANGE])
        wait_for_all(worker.barrier, worker.threads)
        is_done = interrupted[0] == 0.0
        if not is_done:
            store_released(shift(worker.barrier, CANCELLED), 1)
    return is_done


@inline
def clear_scalars(matrices: Floats, size: int, nodes: int) -> None:
    """Let the scalars of the nodes be 0."""
    for k in range(nodes):
        scalars = doubles(shift(matrices, (k + 1) * size - scalars_size(matrices)))
        for i in range(SCALARS):
            scalars[i] = 0.0


@inline
def add(worker: Worker, into: Floats, values: Floats, count: int) -> None:
    """The sum of two matrices; what is above their diagonals is of no use."""
    top, bottom = partition(count, worker.thread, worker.threads)
    for i in range(top, bottom):
        into[i] += values[i]
    wait_for_all(worker.barrier, worker.threads)


SHARDED_GAUSS_NEWTON = OnDemand(sharded_gauss_newton, sharded_type)
