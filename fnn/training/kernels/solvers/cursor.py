"""What solvers read and write beside their state: where a run stands, and the rule that ends it."""

# The cursor: epochs that have ended; whether what a solver keeps, such as the gradient, is that of the present
# parameters; whether the error isn't finite; the rule that ends the run.
EPOCH, READY, STOPPED, ENDING, CURSOR_SIZE = range(5)

NO_RULE, MIN_GRADIENT, LARGEST_MU, LINE_SEARCH = range(4)
