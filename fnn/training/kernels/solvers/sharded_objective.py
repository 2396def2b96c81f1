"""What solvers minimise, and G, summed along the tree of shards of all processes."""

import numpy as np

from fnn.compiler.barrier import wait_for_all
from fnn.compiler.intrinsics import Floats, Integers, like, shift, words_at
from fnn.compiler.linking import OnDemand
from fnn.data.kernels.cases import CasePointers
from fnn.equations.kernels.backprop import transpose
from fnn.equations.kernels.parts import partition
from fnn.network.kernels import plan
from fnn.network.kernels.plan import Net, entry
from fnn.training.kernels.sharded.leaves import plan_leaves
from fnn.training.kernels.sharded.shards import shards_of
from fnn.training.kernels.sharded.step import part_of, sum_step
from fnn.training.kernels.sharded.tree_sum import ERROR
from fnn.training.kernels.solvers.full_batch import sharded_type
from fnn.training.kernels.update_rule import UpdateRule
from fnn.training.kernels.work_stealing import Worker


def sharded_objective(
    thread: int, threads: int, barrier: Integers, net: Net, capacity: int, cases: CasePointers, loss: int,
    scale: float, words: int, into: Floats,
) -> float:  # fmt: skip
    """What `objective` does, by shards, in every process. The workspace has room for the cases of a leaf at least."""
    shards, worker = shards_of(words_at(words), into), Worker(thread, threads, barrier)
    if thread == 0:
        net.space[plan.ONE] = like(net.space, 1.0)
    transpose(net, 2, thread, threads)
    wait_for_all(barrier, threads)
    leaves = shift(shards.leaves, thread * shards.leaves_size)
    count = plan_leaves(shards, 0, shards.number, leaves)
    no_rule = UpdateRule(0, 0, leaves, into, into, 0)
    part = part_of(shards, 0, shards.number, leaves, count)
    if not sum_step(worker, net, capacity, cases, loss, scale, no_rule, shards, part, 0, 0):
        return np.nan
    error, end = shards.partial[ERROR], entry(net, net.layers, plan.B) + entry(net, net.layers, plan.UNITS)
    top, bottom = partition(end, thread, threads)
    for i in range(top, bottom):
        into[i] = shards.nodes[i]
    wait_for_all(barrier, threads)
    return error


SHARDED_OBJECTIVE = OnDemand(sharded_objective, sharded_type)
