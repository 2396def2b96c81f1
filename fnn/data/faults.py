"""What each fault that a kernel finds is to the caller: the one table of errors, for Python and for ``@njit``."""

from typing import Final, NamedTuple

from fnn.data.kernels import faults as codes


class Fault(NamedTuple):
    """The message of a fault, in which words in braces are replaced, the type of the error, and its rank.

    Of several faults in the cases, the lowest in rank is told.
    """

    message: str
    error: type[Exception] = ValueError
    rank: int = 0


FAULTS: Final = {
    codes.MEMORY: Fault("fnn: no memory for the workspace", MemoryError),
    codes.DIVERGED: Fault(
        "the error or the parameters became NaN or infinite; usually eta is too large", ArithmeticError
    ),
    codes.BAD_X: Fault("x: NaN or infinity", rank=0),
    codes.BAD_Y: Fault("y: NaN or infinity", rank=1),
    codes.BAD_LABEL: Fault("y: labels must be 0 to {greatest}", rank=1),
    codes.OUTSIDE: Fault("{targets}", rank=2),
    codes.NOT_A_DISTRIBUTION: Fault("y: {loss} needs values that sum to 1", rank=2),
    codes.ONE_UNIT: Fault(
        "y: {loss} over a single unit, whose output never changes, takes no labels; use fnn.sigmoid, or a unit for "
        "each class",
        rank=1,
    ),
    codes.BAD_WEIGHT: Fault("weights: must be finite and at least 0, in the dtype of params too", rank=3),
    codes.NO_WEIGHT: Fault("weights: their sum must be above 0, and it and its inverse finite", rank=3),
    codes.X_COLUMNS: Fault("x: has another number of columns than the network has inputs"),
    codes.NO_CASES: Fault("x: needs at least one case"),
    codes.Y_SHAPE: Fault("y: has another shape than the outputs for x"),
    codes.WEIGHTS_SHAPE: Fault("weights: needs one weight a case"),
    codes.UNSUITED: Fault("{outputs}"),
    codes.STRUCTURE: Fault("grads: needs the sizes and activations of params"),
    codes.U_SHAPE: Fault("u: has another shape than the outputs for x"),
    codes.BAD_U: Fault("u: NaN or infinity"),
    codes.OUT_SHAPE: Fault("out: needs the shape of the result"),
    codes.OUT_OVERLAPS: Fault("out: overlaps x or workspace in memory"),
    codes.WORKSPACE: Fault("workspace: is too small; fnn.workspace makes one for a number of cases"),
    codes.WORKSPACE_OVERLAPS: Fault("workspace: overlaps x in memory"),
    codes.BAD_PARAMS: Fault("params: hold NaN or infinity"),
    codes.ETA: Fault("eta: must be finite and above 0, in the dtype of params too"),
    codes.EPOCHS: Fault("epochs: must be at least 0"),
    codes.BATCH_SIZE: Fault("batch_size: must be at least 1"),
    codes.SEED: Fault("seed: must be at least 0"),
    codes.NEEDS_ALL_CASES: Fault("batch_size: the optimizer needs all cases in every step"),
    codes.RATE: Fault("eta: must be finite and at least 0 in every step"),
    codes.BEYOND: Fault(
        "optimizer: its numbers are beyond the dtype of params in some step, or epsilon is 0 there, or weight_decay "
        "takes more than all"
    ),
    codes.OTHER_STATE: Fault("state: is that of another optimizer, with another number of vectors"),
    codes.STATE_STRUCTURE: Fault("state: its vectors need the dtype, sizes and activations of params"),
}
