"""Codes of the faults that kernels find in the arguments of a call; `fnn.data.faults` has their messages."""

FINE, MEMORY, DIVERGED = range(3)
# Cases.
BAD_X, BAD_Y, BAD_LABEL, OUTSIDE, NOT_A_DISTRIBUTION, BAD_WEIGHT, NO_WEIGHT, ONE_UNIT = range(10, 18)
# Arguments that don't fit together.
X_COLUMNS, NO_CASES, Y_SHAPE, WEIGHTS_SHAPE, UNSUITED, STRUCTURE, U_SHAPE, BAD_U = range(20, 28)
OUT_SHAPE, OUT_OVERLAPS, WORKSPACE, WORKSPACE_OVERLAPS = range(30, 34)
# A run, and the step of an optimizer.
BAD_PARAMS, ETA, EPOCHS, BATCH_SIZE, SEED, NEEDS_ALL_CASES = range(40, 46)
RATE, BEYOND, OTHER_STATE, STATE_STRUCTURE = range(50, 54)
