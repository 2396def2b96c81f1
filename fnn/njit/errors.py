"""Errors of calls in nopython mode: of typing, in a plain sentence, and those that a kernel finds.

    status = kernel(..)
    if status != FINE:
        refuse(status, loss)
        raise MemoryError(NO_MEMORY)

`refuse` returns with the error from the function that it is part of, by a jump table over all faults: as statements, an
``if`` and a ``raise`` for each, they would be half of the time that Numba needs for a user's function. The statement
after it is what Numba sees of it: in a block that ends with ``raise`` it gives back the references of all variables at
the beginning, before `refuse` comes, so nothing leaks.
"""

from typing import Any, Final

from numba import types
from numba.extending import intrinsic

from fnn.compiler.internals import IRBuilder, TypingError, ir
from fnn.data.faults import FAULTS
from fnn.data.kernels.faults import MEMORY
from fnn.njit.registration import Call
from fnn.njit.types import LossType, ParamsType, StateType

NO_MEMORY: Final = FAULTS[MEMORY].message


def unwrapped(argument: Any) -> Any:
    """The value of an argument that was left out, or of a literal; otherwise its type."""
    if isinstance(argument, types.Omitted):
        return argument.value
    if isinstance(argument, types.NoneType):
        return None

    return argument.literal_value if isinstance(argument, types.Literal) else argument


def require_left_out(call: Call, *names: str) -> None:
    """Raise unless nothing, None or an empty tuple stands for these parameters, which only Python's calls have."""
    for name in names:
        argument = getattr(call, name)
        is_given = isinstance(argument, types.Type) and not isinstance(argument, types.Omitted | types.NoneType)
        if is_given and argument != types.Tuple(()):
            raise TypingError(f"{name}: can't be given inside @njit")


def require_floats(name: str, params: ParamsType, array: Any, dimensions: tuple[int, ...]) -> None:
    """Raise unless it is an array of the dtype of params with one of these numbers of dimensions."""
    if not isinstance(array, types.Array):
        raise TypingError(f"{name}: must be an array inside @njit, got {array}")
    if array.dtype != params.dtype:
        raise TypingError(
            f"{name}: has dtype {array.dtype}, but params have {params.dtype}; convert it, e.g. with astype"
        )
    if array.ndim not in dimensions:
        needed = " or ".join(f"{n}" for n in dimensions)
        raise TypingError(f"{name}: needs {needed} dimensions, got an array with {array.ndim}")


def require_written(name: str, params: ParamsType, array: Any, ndim: int) -> None:
    """Raise unless it is None, or an array that a result of the dtype of params can be written to."""
    if unwrapped(array) is None:
        return
    require_floats(name, params, array, (ndim,))
    if array.layout != "C" or not array.mutable:
        raise TypingError(f"{name}: needs a C-contiguous, writable array")


def require_number(name: str, value: Any, *, whole: bool = False) -> None:
    """Raise unless it is a real number, or a whole one."""
    value = unwrapped(value)
    kinds = types.Integer | int if whole else types.Integer | types.Float | int | float
    if isinstance(value, bool) or not isinstance(value, kinds):
        raise TypingError(f"{name}: needs a {'whole ' if whole else ''}number, got {value}")


def require_network(name: str, network: Any) -> None:
    """Raise unless it is `Params`."""
    if not isinstance(network, ParamsType):
        raise TypingError(f"{name}: needs fnn.Params, got {network}")


def require_gradient(params: ParamsType, grads: Any) -> None:
    """Raise unless it is `Params` of the dtype of params."""
    if not isinstance(grads, ParamsType) or grads.dtype != params.dtype:
        raise TypingError(f"grads: needs fnn.Params of {params.dtype} inside @njit, got {grads}")


def require_state(state: Any) -> None:
    """Raise unless it is `OptimizerState`."""
    if not isinstance(state, StateType):
        raise TypingError(f"state: needs what init or update returned, got {state}")


@intrinsic
def refuse(typingctx: Any, status: Any, loss: Any) -> Any:
    """Raise the error of `FAULTS` for a status other than MEMORY, in words that are constants."""
    words = {}
    if isinstance(loss, LossType):
        words = {
            "loss": repr(loss.loss), "targets": loss.loss.needs_targets, "outputs": loss.loss.needs_output,
            "greatest": "the number of classes less one",
        }  # fmt: skip
    told = {code: fault for code, fault in FAULTS.items() if code != MEMORY and (words or "{" not in fault.message)}

    def codegen(context: Any, builder: IRBuilder, signature: Any, values: Any) -> Any:
        otherwise = builder.append_basic_block("refused")
        table = builder.switch(values[0], otherwise)
        for code, (message, error, _) in told.items():
            table.add_case(ir.Constant(ir.IntType(64), code), block := builder.append_basic_block("refuse"))
            builder.position_at_end(block)
            context.call_conv.return_user_exc(builder, error, (message.format_map(words),))
        builder.position_at_end(otherwise)
        return context.get_dummy_value()

    return types.none(types.int64, loss), codegen
