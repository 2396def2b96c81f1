"""Values are frozen dataclasses whose fields are checked."""

import inspect
import pickle
from dataclasses import KW_ONLY, FrozenInstanceError

import pytest

from fnn.values import Count, Flag, OptionalAtLeast0, OptionalCount, OptionalFinite, OptionalPositive, Positive, Value


class Point(Value):
    _: KW_ONLY
    n: Count = 1


class Located(Point):
    x: Positive
    y: Positive = 2.0
    limit: OptionalPositive = None


class Options(Value):
    count: OptionalCount = None
    finite: OptionalFinite = None
    at_least_0: OptionalAtLeast0 = None
    flag: Flag = False


def test_fields_of_a_subclass_stand_before_keyword_only_ones_of_its_base() -> None:
    assert [*inspect.signature(Located).parameters] == ["x", "y", "limit", "n"]
    assert Located.__match_args__ == ("x", "y", "limit")
    assert repr(Located(1, n=3)) == "fnn.Located(x=1.0, y=2.0, limit=None, n=3)"
    with pytest.raises(TypeError):
        Located(1.0, 2.0, None, 3)  # type: ignore[call-arg]  # n is keyword-only


def test_fields_are_checked() -> None:
    with pytest.raises(ValueError, match="y: must be finite and above 0, got -1"):
        Located(1.0, -1.0)
    with pytest.raises(ValueError, match="n: must be at least 1, got 0"):
        Located(1.0).__replace__(n=0)
    for name, value in (("count", 0), ("finite", float("inf")), ("at_least_0", -1.0)):
        assert getattr(Options(), name) is None
        with pytest.raises(ValueError, match=f"{name}: must be"):
            Options().__replace__(**{name: value})
    with pytest.raises(TypeError, match="flag: needs True or False, got 1"):
        Options().__replace__(flag=1)


def test_equal_if_class_and_fields_are() -> None:
    assert Located(1.0) == Located(1, 2.0, n=1) != Located(1.0, n=2)
    assert Point() != Options()
    assert hash(Located(1.0)) == hash(Located(1.0, 2.0))
    assert pickle.loads(pickle.dumps(Located(1.0, n=3))) == Located(1.0, n=3)


def test_cannot_be_changed() -> None:
    point = Located(1.0)

    assert point.__replace__(y=5) == Located(1.0, 5.0)
    with pytest.raises(FrozenInstanceError, match="cannot assign to field 'x'"):
        point.x = 2.0  # type: ignore[misc]  # what the test is about
    with pytest.raises(FrozenInstanceError, match="cannot delete field 'x'"):
        del point.x
