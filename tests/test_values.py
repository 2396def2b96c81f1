"""Values with checked fields are what `@dataclass(frozen=True)` makes."""

import inspect
import pickle
from dataclasses import KW_ONLY, FrozenInstanceError, dataclass

import pytest

from fnn.values import Count, Positive, Value


class Point(Value):
    x: Positive
    y: Positive = 2.0
    _: KW_ONLY
    n: Count = 1


class Farther(Point):
    z: Positive = 4.0


@dataclass(frozen=True)
class Oracle:
    x: float
    y: float = 2.0
    _: KW_ONLY
    n: int = 1


@dataclass(frozen=True)
class FartherOracle(Oracle):
    z: float = 4.0


def test_made_as_a_dataclass_is() -> None:
    assert vars(Point(1.0, n=3)) == vars(Oracle(1.0, n=3))
    assert vars(Farther(1.0, 3.0, 5.0)) == vars(FartherOracle(1.0, 3.0, 5.0))
    for kind, oracle in ((Point, Oracle), (Farther, FartherOracle)):
        got, wanted = inspect.signature(kind).parameters, inspect.signature(oracle).parameters
        assert [(p.name, p.kind, p.default) for p in got.values()] == [
            (p.name, p.kind, p.default) for p in wanted.values()
        ]
        assert kind.__match_args__ == oracle.__match_args__


def test_refuses_what_it_has_no_field_for() -> None:
    for wrong in ((), (1.0, 2.0, 3)):
        with pytest.raises(TypeError):
            Point(*wrong)
    with pytest.raises(ValueError, match="y: must be finite and above 0, got -1"):
        Point(1.0, -1.0)


def test_equal_if_all_of_it_is() -> None:
    assert Point(1.0) == Point(1.0, 2.0, n=1) != Point(1.0, n=2)
    assert Point(1.0) != Farther(1.0)
    assert hash(Point(1.0)) == hash(Point(1.0, 2.0))
    assert pickle.loads(pickle.dumps(Farther(1.0, 3.0, 5.0))) == Farther(1.0, 3.0, 5.0)
    assert repr(Farther(1.0)) == "fnn.Farther(x=1.0, y=2.0, z=4.0, n=1)"


def test_cannot_be_changed() -> None:
    point = Point(1.0)

    assert point.__replace__(y=5.0) == Point(1.0, 5.0)
    with pytest.raises(FrozenInstanceError, match="cannot assign to field 'x'"):
        point.x = 2.0  # type: ignore[misc]  # what it says
    with pytest.raises(FrozenInstanceError, match="cannot delete field 'x'"):
        del point.x
    assert not hasattr(point, "__signature__")
