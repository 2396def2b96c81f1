"""Levenberg–Marquardt (Hagan and Menhaj 1994) by the rules of MATLAB's trainlm, and with Bayesian regularisation
(MacKay 1992; Foresee and Hagan 1997) by those of trainbr.

    L1  F = β E + ½ α Σ w² + ½ λ₂ Σ W²,   g = ∂F/∂w
    L2  s = (β G + α + λ₂ + μ)⁻¹ g;   w ← w − s if F(w − s) < F(w), and μ falls, else μ rises and s is tried anew

with α = 0 and β = 1 or, with Bayesian regularisation, the most probable ones, after each step:

    L3  γ = P − α tr (β G + α)⁻¹,   α = γ / Σ w²,   β = (n − γ) / (2 E)

γ is the effective number of parameters, n the number of targets. All threads go through this together and work out the
same numbers; the first one writes vectors.
"""

from typing import Final, NamedTuple

import numpy as np
from numba import types

from fnn.compiler.barrier import CANCELLED, cancel_if_interrupted, load_acquired, wait_for_all
from fnn.compiler.inline import inline
from fnn.compiler.intrinsics import Floats, like, shift
from fnn.compiler.linking import linked
from fnn.equations.kernels.backprop import GRADIENT
from fnn.equations.kernels.jacobian_rows import ROWS
from fnn.network.kernels.plan import Net, net_type
from fnn.numerics.dot import dot
from fnn.training.kernels.solvers.full_batch import add_penalty, objective, penalty_value
from fnn.training.kernels.solvers.normal_equations import (
    System,
    Terms,
    Worker,
    effective_parameters,
    factorize,
    greatest_diagonal,
    solution,
    system_type,
    terms_type,
    with_weights,
    worker_type,
)

SMALLEST_MU: Final = 1e-20


class Point(NamedTuple):
    """Parameters, and ∂E/∂w with the penalty's."""

    flat: Floats
    slope: Floats


class Rules(NamedTuple):
    """The hyperparameters."""

    decrease: float
    increase: float
    largest: float
    min_gradient: float
    rounding: float  # some roundings of the dtype
    is_bayesian: bool


class Work(NamedTuple):
    """Where E is worked out, and vectors."""

    net: Net
    capacity: int  # cases that it has room for
    parameters: int
    targets: float  # n
    per_case: float  # E times this is the error per case
    l2: float
    mask: Floats
    has_mask: bool
    at: Point  # where the run stands,
    trial: Point  # and where it may go
    g: Floats  # of the unknowns
    s: Floats


class Evidence(NamedTuple):
    """What L3 finds."""

    alpha: float
    beta: float
    gamma: float


RULES_TYPE: Final = types.NamedTuple([*[types.float64] * 5, types.boolean], Rules)
EVIDENCE_TYPE: Final = types.NamedUniTuple(types.float64, 3, Evidence)


def work_type(t: types.Float) -> types.Type:
    i, d, p = types.int64, types.float64, types.CPointer(t)
    point = types.NamedUniTuple(p, 2, Point)

    return types.NamedTuple([net_type(t), i, i, d, d, d, p, types.boolean, point, point, p, p], Work)


@inline
def is_cancelled(worker: Worker) -> bool:
    """Whether all threads have found an interrupt."""
    return load_acquired(shift(worker.barrier, CANCELLED)) != 0


@inline
def evaluate(worker: Worker, terms: Terms, work: Work, point: Point) -> float:
    """E of a point, and its slope; NaN after an interrupt."""
    net = with_weights(work.net, point.flat)
    error = objective(
        worker.thread, worker.threads, worker.barrier, net, work.capacity, ROWS, terms.cases, terms.loss, terms.scale,
        GRADIENT, point.slope, terms.shards,
    )  # fmt: skip
    if worker.thread == 0:
        add_penalty(net, work.l2, work.mask, work.has_mask, point.slope)
    wait_for_all(worker.barrier, worker.threads)
    return error


@inline
def total_of(work: Work, flat: Floats, error: float, evidence: Evidence) -> float:
    """L1: F."""
    total = evidence.beta * error + penalty_value(with_weights(work.net, flat), work.l2)
    if evidence.alpha > 0:
        total += 0.5 * evidence.alpha * dot(flat, flat, work.parameters)
    return total


@inline
def gradient(worker: Worker, system: System, work: Work, evidence: Evidence) -> float:
    """L1: g of the unknowns; returns the norm of g / β, which has the unit of E's gradient."""
    if worker.thread == 0:
        alpha, beta = like(work.g, evidence.alpha), like(work.g, evidence.beta)
        for i in range(system.unknowns):
            k = system.kept[i]
            work.g[i] = beta * work.at.slope[k] + alpha * work.at.flat[k]
    wait_for_all(worker.barrier, worker.threads)
    return np.sqrt(dot(work.g, work.g, system.unknowns)) / evidence.beta


@linked(
    lambda t: types.UniTuple(types.float64, 2)(
        worker_type(t), terms_type(t), system_type(t), work_type(t), RULES_TYPE, types.float64, types.float64,
        EVIDENCE_TYPE,
    )
)  # fmt: skip
def descend(
    worker: Worker, terms: Terms, system: System, work: Work, rules: Rules, error: float, mu: float, evidence: Evidence
) -> tuple[float, float]:
    """L2: E at the trial point, and the next μ; NaN if μ has passed its limit, or after an interrupt."""
    total = total_of(work, work.at.flat, error, evidence)
    while mu <= rules.largest:
        damping = mu + evidence.alpha
        if factorize(worker, system, evidence.beta, damping, work.g):
            solution(worker, system, evidence.beta, damping, work.g, work.s)
            if worker.thread == 0:
                move(system, work)
            wait_for_all(worker.barrier, worker.threads)
            error = evaluate(worker, terms, work, work.trial)
            if is_cancelled(worker):
                break
            if total_of(work, work.trial.flat, error, evidence) < total:
                return error, max(mu * rules.decrease, SMALLEST_MU)
        elif terms.shards == 0:  # else one process alone can't decide
            cancel_if_interrupted(worker.barrier)
            wait_for_all(worker.barrier, worker.threads)
            if is_cancelled(worker):
                break
        mu = max(mu * rules.increase, SMALLEST_MU)
    return np.nan, mu


@inline
def move(system: System, work: Work) -> None:
    """The trial point: w − s."""
    for i in range(work.parameters):
        work.trial.flat[i] = work.at.flat[i]
    for i in range(system.unknowns):
        work.trial.flat[system.kept[i]] -= work.s[i]


@inline
def accept(worker: Worker, work: Work) -> None:
    """Go to the trial point."""
    if worker.thread == 0:
        for i in range(work.parameters):
            work.at.flat[i], work.at.slope[i] = work.trial.flat[i], work.trial.slope[i]
    wait_for_all(worker.barrier, worker.threads)


@linked(
    lambda t: EVIDENCE_TYPE(worker_type(t), system_type(t), work_type(t), types.float64, types.float64, EVIDENCE_TYPE)
)
def next_evidence(
    worker: Worker, system: System, work: Work, rounding: float, error: float, evidence: Evidence
) -> Evidence:
    """L3, with G of the present parameters.

    What rounding errors amount to is added to α where γ is worked out: β may exceed α so far that the factor has no
    digit of it, or that there is none. So parameters that are only determined beyond rounding don't count.
    """
    damping = evidence.alpha + evidence.beta * rounding * system.unknowns * greatest_diagonal(system)
    if not factorize(worker, system, evidence.beta, damping, work.g):
        return evidence
    gamma = effective_parameters(worker, system, damping)
    return most_probable(work, error, min(max(gamma, 0.0), float(system.unknowns), work.targets), evidence)


@inline
def most_probable(work: Work, error: float, gamma: float, evidence: Evidence) -> Evidence:
    """L3: α and β by γ; one that isn't positive and finite, as after a perfect fit, stays as it is."""
    squares = dot(work.at.flat, work.at.flat, work.parameters)
    alpha = gamma / squares if squares > 0 else 0.0
    beta = (work.targets - gamma) / (2.0 * error) if error > 0 else 0.0
    return Evidence(
        alpha if 0 < alpha < np.inf else evidence.alpha, beta if 0 < beta < np.inf else evidence.beta, gamma
    )
