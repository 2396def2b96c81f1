"""Values are frozen dataclasses whose fields are checked."""

import inspect
import pickle
from collections.abc import Callable
from dataclasses import KW_ONLY, FrozenInstanceError
from typing import Any

import numpy as np
import pytest

import fnn
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
    with pytest.raises(TypeError, match=r"^fnn.Located: takes x, y, limit without .* by name; did you mean n=3\?$"):
        Located(1.0, 2.0, None, 3)  # type: ignore[call-arg]  # n is keyword-only
    with pytest.raises(TypeError, match=r"^fnn.Located: has 4 parameters, got 5 arguments$"):
        Located(1.0, 2.0, None, 3, 4)  # type: ignore[call-arg]  # likewise


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


P, X, Y = fnn.init((2, 1), seed=0), np.ones((3, 2)), np.ones((3, 1))


@pytest.mark.parametrize(
    "make, text",
    [
        (lambda f: f.adam(lr=0.1), r"adam: has no parameter lr; did you mean eta\?"),
        (lambda f: f.init((2, 1), seed=0, activation=f.relu), "init: has no parameter activation; did you mean hidden"),
        (lambda f: f.train(P, X, Y, epoch=3), "train: has no parameter epoch; did you mean epochs"),
        (
            lambda f: f.train(P, X, Y, l2=0.1),
            r"train: has no parameter l2; did you mean regularization=fnn.Regularization\(l2=..\)",
        ),
        (
            lambda f: f.train(P, X, Y, weights=1),
            r"train: has no parameter weights; did you mean x=fnn.Cases\(x, y, weights=..\)",
        ),
        (
            lambda f: f.Stopping(zzz=1),
            "Stopping: has no parameter zzz; it has min_improvement, patience, restore_best, seconds, targ",
        ),
        (lambda f: f.Stopping(10), "Stopping: takes nothing without a name, .* did you mean patience=10"),
        (lambda f: f.cosine(1e-3, 1000), "cosine: takes eta without .* did you mean steps=1000"),
        (lambda f: f.plateau(0.1, 0.5, 3), "plateau: takes rate .* did you mean factor=0.5, patience=3"),
        (lambda f: f.Checkpoint("a", 3), "Checkpoint: takes path .* did you mean seconds=3"),
        (lambda f: f.Regularization(0.1), "Regularization: takes nothing .* did you mean l2=0.1"),
        (lambda f: f.Cases(X, Y, Y), r"Cases: takes x, y .* did you mean weights=array\(\[\[1.\], \[1.\], \[1.\]\]\)"),
        (lambda f: f.Params({}, f.tanh, f.relu), "Params: takes leaves .* mean hidden=fnn.tanh, output=fnn.relu"),
        (lambda f: f.cross_entropy(0.1), "cross_entropy: takes nothing .* did you mean label_smoothing=0.1"),
        (lambda f: f.train(P, X, Y, 0.1), "train: takes params, x, y .* did you mean optimizer=0.1"),
        (lambda f: f.train_many([P], X, Y, 0.1), "train_many: takes params, x, y .* did you mean optimizer=0.1"),
        (lambda f: f.init((2, 1), 0), "init: takes sizes .* did you mean seed=0"),
        (lambda f: f.one_hot([0], 2, np.float32), "one_hot: takes labels, n .* did you mean dtype="),
        (lambda f: f.accuracy(P, X, Y, 0.5), "accuracy: takes .* did you mean threshold=0.5"),
        (lambda f: f.confusion_matrix(P, X, Y, 0.5), "confusion_matrix: takes .* did you mean threshold=0.5"),
        (lambda f: f.top_k_accuracy(P, X, Y, 2), "top_k_accuracy: takes .* did you mean k=2"),
        (lambda f: f.penalty(P, 0.1), "penalty: takes params .* did you mean l2=0.1"),
        (lambda f: f.check_grad(P, X, Y, f.huber), "check_grad: takes params, x, y .* did you mean loss=fnn.huber"),
        (lambda f: f.from_torch({}, f.tanh), "from_torch: takes state .* did you mean hidden=fnn.tanh"),
    ],
)
def test_what_must_be_named_is_named_by_the_error(make: Callable[[Any], object], text: str) -> None:
    with pytest.raises(TypeError, match=rf"^fnn\.{text}"):
        make(fnn)


def test_help_shows_the_parameters_of_what_counts_its_arguments() -> None:
    assert [*inspect.signature(fnn.train).parameters][:5] == ["params", "x", "y", "optimizer", "eta"]
    assert [*inspect.signature(fnn.Cases).parameters] == ["x", "y", "weights", "class_weights", "scale"]
