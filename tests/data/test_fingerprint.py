"""Fingerprints: other numbers have others, the same have the same wherever they lie."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

import fnn
from fnn.data.fingerprint import fingerprint, fingerprints

LARGE = np.random.default_rng(0).normal(size=(3000, 7))  # of several pieces


def test_it_begins_with_dtype_and_shape() -> None:
    assert fingerprint(LARGE).startswith("float64 (3000, 7) ")
    assert fingerprint(np.empty((0, 3))) == "None"


def test_the_same_numbers_have_the_same_wherever_they_lie() -> None:
    wide = np.zeros((6000, 9))
    wide[::2, 1:8] = LARGE

    assert fingerprint(LARGE) == fingerprint(LARGE.copy()) == fingerprint(np.asfortranarray(LARGE))
    assert fingerprint(LARGE) == fingerprint(wide[::2, 1:8])


def test_others_have_others() -> None:
    others: list[NDArray[Any]] = [
        LARGE, LARGE[::-1], LARGE[:-1], LARGE.reshape(7, 3000), LARGE.ravel(), LARGE.view(np.int64),
        LARGE.astype(np.float32), LARGE.astype(">f8"),
    ]  # fmt: skip
    for place in [(0, 0), (1500, 3), (2999, 6)]:
        others.append(LARGE.copy())
        others[-1][place] = np.nextafter(LARGE[place], 9)

    assert len({fingerprint(array) for array in others}) == len(others)


def test_of_cases() -> None:
    params = fnn.init((7, 3), hidden=(), output=fnn.softmax, seed=1)
    labels, weights = np.arange(3000) % 3, np.linspace(1, 2, 3000)
    found = fingerprints(fnn.Cases(LARGE, labels, weights=weights).arrays(params, fnn.cross_entropy))

    assert found == {
        "x": fingerprint(LARGE), "y": fingerprint(labels), "weights": fingerprint(weights)
    }  # fmt: skip
    assert fingerprints(fnn.Cases(LARGE, labels).arrays(params, fnn.cross_entropy))["weights"] == "None"
