"""Scalar functions of the user under ``@njit``: activations and losses."""

from __future__ import annotations

import inspect
import sys
from collections.abc import Callable, Container, Iterable
from importlib import import_module
from operator import attrgetter
from typing import Any, TypeAlias

from numba import types
from numba.core.dispatcher import Dispatcher
from numba.core.registry import cpu_target

from fnn.compiler.internals import NumbaError, NumbaType, TypingError, require_compiler

Scalar: TypeAlias = Callable[..., object]
Stored: TypeAlias = Scalar | tuple[str, str]


def require_jitted(name: str, function: Scalar, parameters: str) -> None:
    """Raise TypeError unless it is under ``@njit`` and takes as many arguments as `parameters` names."""
    require_compiler()
    if not isinstance(function, Dispatcher):
        hint = "; put @numba.njit above it" if callable(function) else ""
        raise TypeError(f"{name}: needs a function under @numba.njit, got {function!r}{hint}")
    own, count = inspect.signature(function.py_func).parameters.values(), len(parameters.split(", "))
    if len(own) != count or any(p.kind not in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD) for p in own):
        got = ", ".join(map(str, own))
        raise TypeError(f"{name}: needs to take {count} ({parameters}), got {function.__name__}({got})")


def require_numbers(number: NumbaType, names: Iterable[str], functions: Iterable[Any]) -> None:
    """Compile functions for arguments of type `number`; TypingError unless they return real numbers, never None.

    Kernels cast what is returned, and the cast of None takes any number for it.
    """
    for name, function in zip(names, functions, strict=False):
        arguments = (number,) * function.py_func.__code__.co_argcount
        call = function._numba_type_.get_call_type(cpu_target.typing_context, arguments, {})
        returned = call and call.return_type  # None: no signature fits, which the kernel says
        if returned is not None and not isinstance(returned, types.Float | types.Integer | types.Boolean):
            got = "may return None" if isinstance(returned, types.Optional) else f"returns {returned}"
            raise NoNumberError(f"{name} must always return a real number, but it {got}")


class NoNumberError(TypingError):
    """A function doesn't return a real number."""


def checked_functions(
    kind: str, name: str, built_in: Container[str], *, second: tuple[Scalar | None, str],
    **functions: tuple[Scalar, str],
) -> tuple[Scalar, ...]:  # fmt: skip
    """The functions, each given with what it takes, without a `second` that is None; errors unless all will do."""
    if not isinstance(name, str):
        raise TypeError(f"name: needs a string, got {name!r}")
    if not name.isidentifier():
        raise ValueError(f"name: must be an identifier, got {name!r}")
    if name in built_in:
        raise ValueError(f"name: fnn.{name} is a built-in {kind}")
    if second[0] is not None:
        functions["second"] = second[0], second[1]
    for key, (function, takes) in functions.items():
        require_jitted(key, function, takes)
        try:
            require_numbers(types.float64, [key], [function])
        except NoNumberError as error:
            raise TypeError(str(error)) from None
        except NumbaError:  # which is told when the function is used
            pass

    return tuple(function for function, _ in functions.values())


def representation(kind: str, name: str, functions: Iterable[Scalar]) -> str:
    """What `repr` shows of a value that is made of functions."""
    return f"fnn.{kind}({name!r}, {', '.join(getattr(function, '__name__', '?') for function in functions)})"


def stored(function: Scalar) -> Stored:
    """What to pickle for a function: its module and name or, if it can't be imported, the function itself."""
    python = getattr(function, "py_func", function)
    module, name = python.__module__, python.__qualname__
    if module != "__main__" and module in sys.modules:
        try:
            if attrgetter(name)(sys.modules[module]) is function:
                return module, name
        except AttributeError:  # a local function
            pass

    return function


def restored(reference: Stored) -> Scalar:
    """The function of a reference that `stored` returned."""
    if isinstance(reference, tuple):
        module, name = reference
        return attrgetter(name)(import_module(module))

    return reference
