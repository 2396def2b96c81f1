"""How a public function gets a body for nopython mode, and how that raises.

Numba loses the references that a frame holds when an exception from a called function passes through it. So the bodies
are put into their caller (``inline="always"``), who cleans up before it raises. A loop that raises can't run in
parallel, however, so under ``parallel=True`` they are called; what they raise inside ``prange`` then is a SystemError
with the error as its cause in the calling thread, and in another thread Numba loses it.

Messages are constant: in Numba 0.68 an exception with an argument that is known at run time only leaks half a kilobyte.
``params["W9"]`` and ``t.z[9]`` can't be put into the caller; where there is no such layer, they do leak what it holds.
"""

from collections.abc import Callable
from functools import wraps
from typing import Any

from numba import types
from numba.core.targetconfig import ConfigStack
from numba.extending import overload, overload_method, register_jitable

from fnn.data.kernels import cases
from fnn.njit.kernels import arguments as problem

Body = Callable[..., Any]
_X_COLUMNS, _NO_CASES, _BAD_X, _OUT_SHAPE = problem.X_COLUMNS, problem.NO_CASES, cases.BAD_X, problem.OUT_SHAPE
_Y_SHAPE, _BAD_Y, _BAD_LABEL = problem.Y_SHAPE, cases.BAD_Y, cases.BAD_LABEL
_WEIGHTS_SHAPE, _BAD_WEIGHT, _NO_WEIGHT = problem.WEIGHTS_SHAPE, cases.BAD_WEIGHT, cases.NO_WEIGHT
OUTSIDE, _NOT_A_DISTRIBUTION, UNSUITED = cases.OUTSIDE, cases.NOT_A_DISTRIBUTION, problem.UNSUITED
_ETA, _STRUCTURE, _EPOCHS, _BATCH, _SEED = problem.ETA, problem.STRUCTURE, problem.EPOCHS, problem.BATCH, problem.SEED
_DIVERGED, _WORKSPACE, _BAD_PARAMS = problem.DIVERGED, problem.WORKSPACE, problem.BAD_PARAMS
_OUT_OVERLAPS, _WORKSPACE_OVERLAPS = problem.OUT_OVERLAPS, problem.WORKSPACE_OVERLAPS


def in_nopython(function: Callable[..., Any], **options: Any) -> Callable[[Body], Body]:
    """Register what chooses a body for a public function: inlined, or called where the caller is made parallel."""

    def decorate(choose: Body) -> Body:
        inlined, called = _when(choose, lambda: not is_parallel()), _when(choose, is_parallel)
        overload(function, inline="always", **options)(inlined)
        overload(function, **options)(called)

        return choose

    return decorate


def method_in_nopython(kind: type[types.Type], function: Callable[..., Any], call: Body) -> Callable[[Body], Body]:
    """Register what chooses a body for a public method, likewise; `call` is the body that calls the function.

    Always to inline that one would do, but take seconds more to compile: Numba finds out the types in a function once
    more at every level of functions that are inlined.
    """

    def decorate(choose: Body) -> Body:
        @wraps(choose)
        def choose_or_call(*args: Any, **kwargs: Any) -> Body | None:
            body = choose(*args, **kwargs)

            return call if is_parallel() else body

        overload(function)(choose)
        overload_method(kind, function.__name__, inline="always")(choose_or_call)

        return choose

    return decorate


def is_parallel() -> bool:
    """Whether what is being compiled is made parallel."""
    flags = ConfigStack.top_or_none()

    return flags is not None and bool(flags.auto_parallel.enabled)


def _when(choose: Body, is_due: Callable[[], bool]) -> Body:
    @wraps(choose)
    def choose_if_due(*args: Any, **kwargs: Any) -> Body | None:
        return choose(*args, **kwargs) if is_due() else None

    return choose_if_due


@register_jitable(inline="always")
def refuse_inputs(status: int) -> None:
    """Raise what `forward` found; `refuse` would do, but takes longer to compile."""
    if status == _X_COLUMNS:
        raise ValueError("x: has another number of columns than the network has inputs")
    if status == _NO_CASES:
        raise ValueError("x: needs at least one case")
    if status == _BAD_X:
        raise ValueError("x: NaN or infinity")
    if status == _OUT_SHAPE:
        raise ValueError("out: needs the shape of the result")
    if status == _OUT_OVERLAPS:
        raise ValueError("out: overlaps x or workspace in memory")
    if status == _WORKSPACE_OVERLAPS:
        raise ValueError("workspace: overlaps x in memory")
    if status == _WORKSPACE:
        raise ValueError("workspace: is too small; fnn.workspace makes one for so many cases")
    raise MemoryError("fnn: no memory for the workspace")


@register_jitable(inline="always")
def refuse(status: int) -> None:
    """Raise what a status stands for.

    But OUTSIDE and UNSUITED, for which the loss has the words: whoever calls this raises those before. Only words that
    are constants of the function that raises them don't leak; Numba leaks half a kilobyte for others.
    """
    if status == _X_COLUMNS:
        raise ValueError("x: has another number of columns than the network has inputs")
    if status == _NO_CASES:
        raise ValueError("x: needs at least one case")
    if status == _BAD_X:
        raise ValueError("x: NaN or infinity")
    if status == _Y_SHAPE:
        raise ValueError("y: has another shape than the outputs for x")
    if status == _BAD_Y:
        raise ValueError("y: NaN or infinity")
    if status == _BAD_LABEL:
        raise ValueError("y: a label is not one of the network's classes")
    if status == _WEIGHTS_SHAPE:
        raise ValueError("weights: needs one weight a case")
    if status == _BAD_WEIGHT:
        raise ValueError("weights: must be finite and at least 0")
    if status == _NO_WEIGHT:
        raise ValueError("weights: their sum must be finite and above 0")
    if status == _NOT_A_DISTRIBUTION:
        raise ValueError("y: the loss needs values that sum to 1 with these outputs")
    if status == _ETA:
        raise ValueError("eta: must be finite and above 0, in the dtype of params too")
    if status == _STRUCTURE:
        raise ValueError("grads: needs the sizes and activations of params")
    if status == _BAD_PARAMS:
        raise ValueError("params: hold NaN or infinity")
    if status == _EPOCHS:
        raise ValueError("epochs: must be at least 0")
    if status == _BATCH:
        raise ValueError("batch_size: must be at least 1")
    if status == _SEED:
        raise ValueError("seed: must be at least 0")
    if status == _DIVERGED:
        raise ArithmeticError("the error or the parameters became NaN or infinite; usually eta is too large")
    if status == _WORKSPACE:
        raise ValueError("workspace: is too small; fnn.workspace makes one for so many cases")
    raise MemoryError("fnn: no memory for the workspace")
