"""How a body raises what a kernel found.

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

from fnn.compiler.internals import IRBuilder, ir
from fnn.data.faults import FAULTS
from fnn.data.kernels.faults import MEMORY
from fnn.njit.types import LossType

NO_MEMORY: Final = FAULTS[MEMORY].message


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
