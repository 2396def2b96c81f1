"""Softmax and log softmax, whose derivative is a Jacobian."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy.testing import assert_allclose

import fnn
from tests.activations.kernels.blocks import Kernels

Z = np.array([[0.2, -1.0, 0.5], [1.5, 0.3, -0.7]])
DE_DA = np.array([[0.6, -1.2, 0.3], [1.0, 0.5, -2.0]])
R_Z = np.array([[1.0, -0.5, 0.25], [-1.5, 0.75, 2.0]])
# A, Δ, R{A} and R{Δ} with constant ∂E/∂A, by PyTorch 2.13.0: the function, its vjp, its jvp, and the jvp of its vjp.
BY_PYTORCH: dict[fnn.Activation, list[Any]] = {
    fnn.softmax: [
        [[0.37720860075180745, 0.11361304722994513, 0.5091783520182475],
         [0.7082166164414095, 0.21331074565219668, 0.07847263790639376]],
        [[0.13476040954033622, -0.16391442966543407, 0.02915402012509783],
         [0.24226198557209064, -0.033687465005427214, -0.20857452056666348]],
        [[0.2083335681325707, -0.107670705976371, -0.1006628621561997],
         [-0.5344226740614273, 0.3189841615754993, 0.2154385124859279]],
        [[-0.010068415036395967, 0.12989113940267483, -0.11982272436627889],
         [0.3878746243760536, 0.12151130361844725, -0.5093859279945008]],
    ],
    fnn.log_softmax: [
        [[-0.9749569269138376, -2.1749569269138376, -0.6749569269138377],
         [-0.3450052766575144, -1.5450052766575144, -2.5450052766575144]],
        [[0.7131625802255422, -1.1659160858310165, 0.4527535056054742],
         [1.3541083082207048, 0.6066553728260984, -1.9607636810468032]],
        [[0.5523033348586033, -0.9476966651413967, -0.19769666514139672],
         [-0.7546034103898208, 1.4953965896101793, 2.7453965896101793]],
        [[0.06250007043977121, -0.0323012117929113, -0.030198858646859908],
         [-0.26721133703071365, 0.15949208078774962, 0.10771925624296398]],
    ],
}  # fmt: skip


@pytest.mark.parametrize("activation", BY_PYTORCH, ids=repr)
def test_against_pytorch(activation: fnn.Activation) -> None:
    kernels = Kernels(activation)
    a, delta, r_a, r_delta = BY_PYTORCH[activation]

    assert_allclose(kernels.f(Z), a, rtol=1e-14)
    assert_allclose(kernels.delta(Z, a, DE_DA), delta, rtol=1e-13)
    assert_allclose(kernels.push(Z, a, R_Z), r_a, rtol=1e-13)
    assert_allclose(kernels.add_second(Z, a, DE_DA, R_Z, r_a, np.zeros_like(Z)), r_delta, rtol=1e-12)
    assert_allclose(kernels.add_second(Z, a, DE_DA, R_Z, r_a, np.ones_like(Z)), 1 + np.array(r_delta), rtol=1e-13)


@pytest.mark.parametrize("activation", BY_PYTORCH, ids=repr)
def test_rows_shifted_by_a_constant(activation: fnn.Activation) -> None:
    kernels, z = Kernels(activation), np.array([[700.0, 710.0, 720.0]])

    assert_allclose(kernels.f(z), kernels.f(z - 700), rtol=1e-15)
    assert_allclose(kernels.f(z - 1e4), kernels.f(z - 700), rtol=1e-15)
