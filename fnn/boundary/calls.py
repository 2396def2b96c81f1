"""How public functions are called: by name, and with a value for each of many networks."""

from collections.abc import Callable, Iterable, Sequence
from difflib import get_close_matches
from functools import wraps
from inspect import Parameter, signature
from typing import Any, Final, Generic, TypeVar, cast

F = TypeVar("F", bound=Callable[..., Any])
T_co = TypeVar("T_co", covariant=True)

# What parameters are called elsewhere, or what stands within another value: the ones that may be meant.
_OTHER_WORDS: Final = {
    "lr": ["eta"], "learning_rate": ["eta"], "validation_split": ["validation"], "validation_data": ["validation"],
    "activation": ["hidden", "output"], "random_state": ["seed"], "n_epochs": ["epochs"], "max_iter": ["epochs"],
    "criterion": ["loss"], "verbose": ["callbacks=[fnn.progress()]"],
    **{word: [f"x=fnn.Cases(x, y, {word}=..)"] for word in ("weights", "class_weights", "scale")},
    "sample_weight": ["x=fnn.Cases(x, y, weights=..)"], "class_weight": ["x=fnn.Cases(x, y, class_weights=..)"],
    **{word: [f"regularization=fnn.Regularization({word}=..)"] for word in ("l1", "l2", "dropout", "mask")},
    "alpha": ["regularization=fnn.Regularization(l2=..)"], "patience": ["stopping=fnn.Stopping(patience=..)"],
    "restore_best": ["stopping=fnn.Stopping(restore_best=True)"],
}  # fmt: skip


class Each(Generic[T_co]):
    """A value for each network, in their order, for `train_many`: ``eta=fnn.Each([0.1, 0.3, 1.0])``.

    It stands around a whole argument: ``optimizer=fnn.Each([fnn.adam(0.1), fnn.adam(0.3)])``.

    Raises
    ------
    TypeError
        One value instead of several.
    """

    __slots__ = ("values",)
    values: tuple[T_co, ...]

    def __init__(self, values: Iterable[T_co]) -> None:
        if not isinstance(values, Iterable):
            raise TypeError(f"fnn.Each: needs a value for each network, got {values!r}")
        self.values = tuple(values)

    def __repr__(self) -> str:
        return f"fnn.Each({list(self.values)!r:.60})"


def needs(name: str, what: str, value: object) -> TypeError:
    """The error for an argument of another type."""
    hint = "optimizer=fnn.Each([fnn.adam(0.1), fnn.adam(0.3)])"
    where = f"; fnn.Each stands around a whole argument of fnn.train_many: {hint}" if isinstance(value, Each) else ""
    if name == "eta" and isinstance(value, list | tuple):
        where = "; several of them are for several networks: fnn.train_many(.., eta=fnn.Each(..))"

    return TypeError(f"{name}: needs {what}, got {value!r}{where}")


def by_name(target: F) -> F:
    """Let the errors for arguments that a function or a class has no parameter for say which ones are meant.

    A call takes 0.2 µs more, so this isn't for the equations, for which Python's own error must do.
    """
    kind: Any = target
    if not isinstance(target, type):
        return counting(target, kind.__name__)
    kind.__init__ = counting(kind.__init__, kind.__name__)

    return target


def counting(function: F, name: str) -> F:
    """The same function, which refuses arguments that it has no parameter for, under a public name."""
    code = function.__code__
    most, names = code.co_argcount, frozenset(code.co_varnames[: code.co_argcount + code.co_kwonlyargcount])

    @wraps(function)
    def call(*arguments: Any, **named: Any) -> Any:
        if len(arguments) > most:
            raise _too_many(function, name, arguments)
        if not named.keys() <= names:
            raise _unknown(name, next(word for word in named if word not in names), names)
        return function(*arguments, **named)

    return cast(F, call)


def _too_many(function: Callable[..., Any], name: str, arguments: Sequence[object]) -> TypeError:
    parameters = [p for p in signature(function).parameters.values() if p.name != "self"]
    given = arguments[function.__code__.co_varnames[0] == "self" :]
    named = [p.name for p in parameters if p.kind is Parameter.KEYWORD_ONLY]
    taken = [p.name for p in parameters][: len(parameters) - len(named)]
    if len(given) > len(parameters):
        return TypeError(f"fnn.{name}: has {len(parameters)} parameters, got {len(given)} arguments")
    rest = [" ".join(repr(value).split())[:60] for value in given[len(taken) :]]
    would = ", ".join(f"{option}={value}" for option, value in zip(named, rest, strict=False))

    return TypeError(
        f"fnn.{name}: takes {', '.join(taken) or 'nothing'} without a name, and all else by name; did you mean {would}?"
    )


def _unknown(name: str, word: str, names: Iterable[str]) -> TypeError:
    """The error for a parameter that there isn't, with the one that is meant, perhaps by a word of other libraries."""
    known = sorted(set(names) - {"self"})
    meant = [other for other in _OTHER_WORDS.get(word, ()) if other.partition("=")[0] in known]
    meant += get_close_matches(word, known, 1)
    hint = f"did you mean {meant[0]}?" if meant else f"it has {', '.join(known)}"

    return TypeError(f"fnn.{name}: has no parameter {word}; {hint}")
