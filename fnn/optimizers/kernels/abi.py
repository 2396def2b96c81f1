"""What kernels know of an optimizer: the numbers of a step, the integers that describe it, and how its rule is called."""

from typing import Any, Final

from fnn.compiler.addresses import calling
from fnn.compiler.inline import intrinsic
from fnn.optimizers.kernels.rules import MAX_RULE_COEFFICIENTS, rule_type

# The numbers of a step: η, for G1; what decoupled decay leaves of a weight, and whether of a bias, too (else 0); the
# restraints (see `fnn.optimizers.regularization`), their decay likewise; MOST, the clipping, is infinite, and the norms are 0,
# where there is none; and the numbers of the rule.
ETA, KEEP, KEEP_BIASES, L2, L1, SHRINK, SHRINK_BIASES, MOST, GRADIENT_NORM, UNIT_NORM, RULE_COEFFICIENTS = range(11)
COEFFICIENTS: Final = RULE_COEFFICIENTS + MAX_RULE_COEFFICIENTS
MAX_STEPS: Final = 4096  # of a call of the kernel: their numbers are worked out before it

# In the integers that stand for a method; behind them, for each layer but the last, how often of 2⁵³ times a unit is
# dropped.
CASES_PHASE, ROWS_PHASE, RULE, STRIDE, MASK, MASKED, DESCRIPTOR_SIZE = range(7)


@intrinsic
def call_rule(
    typingctx: Any, rule: Any, w: Any, g: Any, state: Any, stride: Any, coefficients: Any, keep: Any, count: Any
) -> Any:
    """The rule for `count` parameters in a row."""
    return calling(rule_type(w.dtype))
