"""How a public function gets a body for nopython mode.

Numba loses the references that a frame holds when an exception from a called function passes through it. So the bodies
are inlined into the caller (``inline="always"``), which releases what it holds before it raises. A loop that raises
can't run in parallel, however, so under ``parallel=True`` they are called; what they raise inside ``prange`` then is a
SystemError with the error as its cause in the calling thread, and in another thread Numba loses it.

The parameters are those of the Python function, in its order and with its defaults: a body only names them.

Messages are constants: in Numba 0.68 an exception with an argument from run time leaks half a kilobyte.
``params["W9"]`` and ``t.z[9]`` can't be inlined; where there is no such layer, they leak what the caller holds.
"""

from collections.abc import Callable
from functools import wraps
from inspect import Parameter, Signature, signature
from types import SimpleNamespace
from typing import Any

from numba.core.targetconfig import ConfigStack
from numba.extending import overload, overload_method

from fnn.compiler.internals import NumbaType
from fnn.njit.types import ParamsType

Body = Callable[..., Any]


class Call(SimpleNamespace):
    """The types of a call's arguments, by the names of the parameters; for one that is left out, its default."""


def parameters_of(function: Callable[..., Any]) -> Signature:
    """The parameters of a public function as Numba takes them: none is keyword-only.

    A required one behind others with a default gets None, which the body refuses.
    """
    parameters: list[Parameter] = []
    for parameter in signature(function).parameters.values():
        default = parameter.default
        if default is Parameter.empty and parameters and parameters[-1].default is not Parameter.empty:
            default = None
        parameters.append(Parameter(parameter.name, Parameter.POSITIONAL_OR_KEYWORD, default=default))

    return Signature(parameters)


def in_nopython(function: Callable[..., Any], **options: Any) -> Callable[[Callable[[Call], Body]], Body]:
    """Register what chooses a body by the types of a call: inlined, or called where the caller is made parallel."""
    parameters = parameters_of(function)

    def decorate(choose: Callable[[Call], Body]) -> Body:
        overload(function, inline="always", **options)(_chooser(choose, parameters, parallel=False))
        overload(function, **options)(_chooser(choose, parameters, parallel=True))

        return choose

    return decorate


def _chooser(choose: Callable[[Call], Body], parameters: Signature, *, parallel: bool) -> Body:
    """What Numba asks for a body: None if another overload is due, or if `jittable` has the error."""

    def choose_if_due(*args: Any, **kwargs: Any) -> Body | None:
        if is_parallel() is not parallel:
            return None
        bound = parameters.bind(*args, **kwargs)
        bound.apply_defaults()
        if "params" in bound.arguments and not isinstance(bound.arguments["params"], ParamsType):
            return None
        body = choose(Call(**bound.arguments))
        names = body.__code__.co_varnames[: body.__code__.co_argcount]
        assert names == tuple(parameters.parameters), f"{choose.__name__}: the body has the parameters {names}"

        return _with_signature(body, parameters)

    return _with_signature(choose_if_due, parameters)


def _with_signature(function: Body, parameters: Signature) -> Body:
    vars(function)["__signature__"] = parameters

    return function


def method_in_nopython(kind: type[NumbaType], function: Callable[..., Any], call: Body) -> Callable[[Body], Body]:
    """Register what chooses a body for a public method, likewise; `call` is the body that calls the function.

    To inline that one always would work, but take seconds more to compile: Numba infers the types of a function once
    more at every level of inlining.
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
    """Whether the function that is being compiled is made parallel."""
    flags = ConfigStack.top_or_none()

    return flags is not None and bool(flags.auto_parallel.enabled)
