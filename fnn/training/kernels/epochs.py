"""The bookkeeping of both training loops: which cases a step's batch has, and what its error adds to the epoch's."""

from typing import NamedTuple

from fnn.compiler.inline import inline
from fnn.compiler.intrinsics import Floats, Integers
from fnn.data.kernels.cases import CasePointers, weight_of
from fnn.numerics.random import shuffle

# The cursor: epochs that have ended, the place of the next batch's first case in the order, whether the workspace holds
# the epoch's only batch (and the order is that of this epoch), whether an error was not finite; epochs of earlier runs,
# which count for what is drawn, whether the cases keep their order; and, unless it is 0, how far behind the error of an
# epoch its Σ W² is written.
EPOCH, CASE, LOADED, STOPPED, EARLIER, KEEPS_ORDER, SQUARES, CURSOR_SIZE = range(8)


class Position(NamedTuple):
    """Where training stands."""

    epoch: int
    first: int  # the place of the next batch's first case in the order
    total: float  # of this epoch so far: Σ_c w_c E_c
    weight: float  # and Σ_c w_c


class Batch(NamedTuple):
    """The cases of a step."""

    first: int
    rows: int
    weight: float  # Σ_c w_c
    scale: float  # a case of weight 1 has this weight in E


@inline
def position_at(cursor: Integers, sums: Floats) -> Position:
    return Position(cursor[EPOCH], cursor[CASE], sums[0], sums[1])


@inline
def store_position(at: Position, cursor: Integers, sums: Floats) -> None:
    cursor[EPOCH], cursor[CASE], sums[0], sums[1] = at.epoch, at.first, at.total, at.weight


@inline
def reshuffle(cases: CasePointers, chosen: Integers, has_chosen: bool, seed: int, cursor: Integers, epoch: int) -> None:
    """Fill the order with this epoch's permutation of all cases, or of the chosen ones."""
    shuffle(cases.order, cases.number, seed, epoch + cursor[EARLIER], cursor[KEEPS_ORDER] != 0)
    for place in range(cases.number if has_chosen else 0):
        cases.order[place] = chosen[cases.order[place]]


@inline
def begin_batch(at: Position, cases: CasePointers, batch_size: int, mean: bool) -> Batch:
    """The next batch of the epoch."""
    rows = min(batch_size, cases.number - at.first)
    weight = weight_of(cases, at.first, rows) if cases.has_weights else float(rows)
    return Batch(at.first, rows, weight, 1.0 / weight if mean and weight > 0 else 1.0)


@inline
def end_batch(
    at: Position, batch: Batch, error: float, cases: CasePointers, mean: bool, history: Floats, is_writer: bool
) -> Position:
    """The position after a batch; the last one of an epoch writes the epoch's error, Σ_c w_c E_c / Σ_c w_c."""
    total = at.total + (error * batch.weight if mean else error)
    weight, first = at.weight + batch.weight, at.first + batch.rows
    is_last = first == cases.number
    if is_last and is_writer:
        history[at.epoch] = total / weight
    return Position(at.epoch + is_last, 0 if is_last else first, 0.0 if is_last else total, 0.0 if is_last else weight)
