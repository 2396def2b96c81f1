"""What kernels know of an optimizer: the coefficients of a step, its descriptor, and how its rule is called."""

from typing import Any, Final

from fnn.compiler.addresses import calling
from fnn.compiler.inline import intrinsic
from fnn.optimizers.kernels.rules import MAX_RULE_COEFFICIENTS, rule_type

# The coefficients of a step: η, for G1; 1 − ηλ of decoupled decay, and 1 − d of shrinking; 1 if both apply to biases,
# else 0; λ₂ and λ₁ of the penalty; the limits of the gradient's elements (infinity for none), of its norm, and of the
# norm of the weights into a unit (0 for none); and those of the rule.
ETA, KEEP, SHRINK, DECAY_BIASES, L2, L1, CLIP, GRADIENT_NORM, UNIT_NORM, RULE_COEFFICIENTS = range(10)
COEFFICIENTS: Final = RULE_COEFFICIENTS + MAX_RULE_COEFFICIENTS
MAX_STEPS: Final = 4096  # of a call of a kernel: the coefficients of all are computed before it

# The descriptor. In training the chances of dropout follow: for each layer but the last, how many of 2⁵³ random numbers
# drop a unit.
CASES_PHASE, ROWS_PHASE, RULE, STRIDE, MASK, MASKED, DESCRIPTOR_SIZE = range(7)


@intrinsic
def call_rule(
    typingctx: Any, rule: Any, w: Any, g: Any, state: Any, stride: Any, coefficients: Any, keep: Any, count: Any
) -> Any:
    """The rule for `count` parameters in a row."""
    return calling(rule_type(w.dtype))
