"""The epochs of a run by Levenberg–Marquardt: an accepted step each, or one that is given up and ends the run."""

from typing import Final, NamedTuple

import numpy as np
from numba import types

from fnn.compiler.barrier import wait_for_all
from fnn.compiler.inline import inline
from fnn.compiler.intrinsics import Floats, Integers, aligned, pointer, shift
from fnn.compiler.kernel import array, kernel, output
from fnn.compiler.linking import linked
from fnn.data.kernels.cases import Labels, Reals, Weights, cases_of
from fnn.network.kernels import plan
from fnn.network.kernels.plan import Net, entry
from fnn.training.kernels.sharded.shards import unit_of
from fnn.training.kernels.solvers.cursor import ENDING, EPOCH, LARGEST_MU, MIN_GRADIENT, NO_RULE, READY, STOPPED
from fnn.training.kernels.solvers.levenberg_marquardt import (
    EVIDENCE_TYPE,
    RULES_TYPE,
    Evidence,
    Point,
    Rules,
    Work,
    accept,
    descend,
    evaluate,
    gradient,
    is_cancelled,
    most_probable,
    next_evidence,
    work_type,
)
from fnn.training.kernels.solvers.normal_equations import (
    System,
    Terms,
    Worker,
    linearize,
    system_type,
    terms_type,
    worker_type,
)

VECTORS: Final = 6  # of work memory, as long as the parameters
# The numbers of the state; the last three only with Bayesian regularisation. β = 0: none yet.
MU, ALPHA, BETA, GAMMA = range(4)


class Records(NamedTuple):
    """Where a run stands, and what it tells."""

    numbers: Floats  # the state's
    error: Floats  # E of the present parameters, if the cursor says that they are READY
    told: Floats  # μ, ‖g‖, and with Bayesian regularisation α, β, γ: a row each, as long as the history
    history: Floats
    length: int
    cursor: Integers


def _records_type() -> types.Type:
    p = types.CPointer(types.float64)

    return types.NamedTuple([p, p, p, p, types.int64, types.CPointer(types.int64)], Records)


@inline
def record(records: Records, rule: int, error: float, norm: float, mu: float, evidence: Evidence, rules: Rules) -> None:
    """Store what an epoch ended with."""
    epoch, numbers, told = records.cursor[EPOCH], records.numbers, records.told
    told[epoch], told[records.length + epoch], numbers[MU] = mu, norm, mu
    if rules.is_bayesian:
        for i in range(3):
            value = evidence.alpha if i == 0 else evidence.beta if i == 1 else evidence.gamma
            told[(2 + i) * records.length + epoch] = numbers[ALPHA + i] = value
    records.history[epoch] = error
    records.cursor[EPOCH], records.cursor[ENDING] = epoch + 1, rule


@linked(
    lambda t: types.Tuple((types.boolean, types.float64, EVIDENCE_TYPE))(
        worker_type(t), terms_type(t), system_type(t), work_type(t), RULES_TYPE, EVIDENCE_TYPE
    )
)
def begin(
    worker: Worker, terms: Terms, system: System, work: Work, rules: Rules, evidence: Evidence
) -> tuple[bool, float, Evidence]:
    """E, its slope and G of the parameters of the start, and the first α and β, with γ = P as trainbr has them.

    With no more targets than parameters, where that leaves nothing to the noise, γ = n/2. False after an interrupt; G
    is missing if E isn't finite.
    """
    error = evaluate(worker, terms, work, work.at)
    if not np.isfinite(error):
        return not is_cancelled(worker), error, evidence
    is_done = linearize(worker, terms, system, work.at.flat)
    if rules.is_bayesian and evidence.beta == 0:
        gamma = float(system.unknowns) if work.targets > system.unknowns else 0.5 * work.targets
        evidence = most_probable(work, error, gamma, Evidence(1.0, 1.0, 0.0))
    return is_done, error, evidence


@linked(
    lambda t: types.boolean(
        worker_type(t), terms_type(t), system_type(t), work_type(t), RULES_TYPE, _records_type(), types.int64
    )
)
def iterate(
    worker: Worker, terms: Terms, system: System, work: Work, rules: Rules, records: Records, epochs: int
) -> bool:
    """Some epochs, fewer if a rule ends the run, the first error isn't finite, or an interrupt came: then False.

    Of the epoch in which it came nothing is stored.
    """
    numbers, mu, error = records.numbers, records.numbers[MU], records.error[0]
    is_ready, rule = records.cursor[READY] != 0, NO_RULE
    evidence = Evidence(0.0, 1.0, 0.0)
    if rules.is_bayesian:
        evidence = Evidence(numbers[ALPHA], numbers[BETA], numbers[GAMMA])
    wait_for_all(worker.barrier, worker.threads)  # all have read what the first one will write
    if not is_ready:
        is_done, error, evidence = begin(worker, terms, system, work, rules, evidence)
        if not (is_done and np.isfinite(error)):
            if worker.thread == 0 and is_done:
                records.cursor[STOPPED] = 1
            return False
    norm = gradient(worker, system, work, evidence)
    for _ in range(epochs if np.isfinite(norm) else 0):
        if norm > rules.min_gradient:
            found, next_mu = descend(worker, terms, system, work, rules, error, mu, evidence)
            if np.isfinite(found):
                if not linearize(worker, terms, system, work.trial.flat):
                    return False
                accept(worker, work)
                error, mu = found, next_mu
                if rules.is_bayesian:
                    evidence = next_evidence(worker, system, work, rules.rounding, error, evidence)
                norm = gradient(worker, system, work, evidence)
                if not np.isfinite(norm):
                    break
            elif is_cancelled(worker):
                return False
            else:
                rule = LARGEST_MU
        rule = MIN_GRADIENT if norm <= rules.min_gradient else rule
        if worker.thread == 0:
            record(records, rule, work.per_case * error, norm, mu, evidence, rules)
        if rule != NO_RULE:
            break
    if worker.thread == 0 and not np.isfinite(norm):
        records.cursor[STOPPED] = 1
    if worker.thread == 0:
        records.error[0] = error
    return True


@inline
def network(table: Labels, weights: Floats, space: Reals) -> Net:
    """A network in a workspace."""
    return Net(table.size // plan.COLUMNS - 1, pointer(table), weights, aligned(pointer(space)))


@kernel(
    lambda t: types.void(
        *[types.int64] * 2, output(types.int64), array(types.int64), output(t), types.int64, array(types.int64),
        *[output(t)] * 3, array(t, 2), array(t, 2), array(types.int64), array(types.float64), types.int64,
        array(types.int64), *[types.int64] * 3, types.boolean, types.float64, array(t), array(types.int64),
        types.int64, types.boolean, *[output(t, 2)] * 2, *[output(t)] * 3, array(t), *[output(t, 2)] * 2,
        array(types.float64), types.boolean, *[output(types.float64)] * 2, output(types.float64, 2),
        output(types.float64), output(types.int64), *[types.int64] * 2,
    )
)  # fmt: skip
def levenberg_marquardt_kernel(
    thread: int, threads: int, barrier: Labels, table: Labels, space: Reals, capacity: int, block_table: Labels,
    own_space: Reals, wide_space: Reals, row: Reals, x: Reals, y: Reals, labels: Labels, weights: Weights, sources: int,
    chosen: Labels, loss: int, second_derivative: int, start: int, mean: bool, l2: float, mask: Reals, kept: Labels,
    rows: int, is_dual: bool, matrix: Reals, factor: Reals, inverses: Reals, scratch: Reals, block: Reals,
    penalty: Reals, products: Reals, vectors: Reals, rules: Weights, bayesian: bool, numbers: Weights, error: Weights,
    told: Weights, history: Weights, cursor: Labels, epochs: int, shards: int,
) -> None:  # fmt: skip
    """Some epochs from the parameters that are the first of the vectors, which are changed in place.

    The other vectors are work memory of the run, as all arrays are that may be written to; `own_space`, `wide_space`
    and `row` are the thread's own. `chosen` are the only cases that count, or empty: all do. An empty mask removes
    nothing. `products` is empty unless the system is dual, and the penalty 0. `shards` is an address or 0.
    """
    cases = cases_of(x, y, labels, weights, chosen, sources, chosen.size)
    at, unit, count = pointer(vectors), unit_of(cases, True, shards), vectors.shape[1]
    net, own, wide = (
        network(table, at, space),
        network(block_table, at, own_space),
        network(block_table, at, wide_space),
    )
    held = net if capacity == cases.number else own
    worker = Worker(thread, threads, pointer(barrier), held, own, wide, pointer(row))
    terms = Terms(cases, unit if mean else 1.0, loss, second_derivative, start, shards)
    system = System(
        kept.size, pointer(kept), rows, is_dual, pointer(matrix), matrix.shape[1], pointer(factor), factor.shape[1],
        pointer(inverses), pointer(scratch), aligned(pointer(block)), pointer(penalty), products.size > 0,
        pointer(products),
    )  # fmt: skip
    work = Work(
        net, capacity, count, entry(net, net.layers, plan.UNITS) / unit, 1.0 if mean else unit, l2, pointer(mask),
        mask.size > 0, Point(at, shift(at, count)), Point(shift(at, 2 * count), shift(at, 3 * count)),
        shift(at, 4 * count), shift(at, 5 * count),
    )  # fmt: skip
    records = Records(
        pointer(numbers), pointer(error), pointer(told), pointer(history), history.size, pointer(cursor)
    )  # fmt: skip
    given = Rules(rules[0], rules[1], rules[2], rules[3], rules[4], bayesian)
    is_ready = iterate(worker, terms, system, work, given, records, epochs)
    if thread == 0:
        cursor[READY] = is_ready
