"""∂Aᴸ/∂(W, b) and the generalised Gauss–Newton matrix against numbers from JAX 0.10.2 in float64.

JAX had the Jacobian by `jax.jacrev`, H by `jax.hessian` of a case's error by aᴸ or, with a direct loss, by zᴸ.
"""

from __future__ import annotations

import numpy as np
import pytest
from numpy.testing import assert_allclose
from numpy.typing import NDArray

import fnn

N = 11
# Of G: Frobenius norm, trace, [0, 0], [−1, −1], [1, 0], [−1, 0], [P/2, P/3], [−2, P/2]; of J, whose last axis is P:
# norm, sum, [0, 0, 0], [−1, −1, −1], [5, 0, P/2], [7, −1, P/3].
NUMBERS: list[tuple[tuple[int, ...], fnn.Activation, fnn.Activation, fnn.Loss, list[float], list[float]]] = [
    (
        (2, 5, 3), fnn.tanh, fnn.identity, fnn.squared_error,
        [5.944282288154707, 13.01846227177862, 0.14692810315963387, 1.0, -0.12892119571138896, -0.044674426816896165,
         -0.22458542191246142, -0.6519120900633707],
        [11.983811050428084, 33.67502493232871, -0.21676122194467579, 1.0, 0.0, 0.4099581635405265],
    ),
    (
        (3, 4, 4), fnn.sigmoid, fnn.softmax, fnn.cross_entropy,
        [1.0562885550856267, 1.8205756586001238, 0.009435974358585566, 0.1249824014963365, -0.007521281227037008,
         0.0015103829170332063, 0.011017264843808685, 0.07995743271658694],
        [2.2871801582203815, 1.0547118733938987e-15, -0.03912663256256985, 0.13017439676604659, -0.04225552070816803,
         0.036714452960104296],
    ),
    (
        (3, 4, 4), fnn.sigmoid, fnn.softmax, fnn.squared_error,
        [0.3111957823847111, 0.473838864489149, 0.0020672386142756476, 0.02152800217062853, -0.0018661291277837968,
         0.0001069877827195537, 0.0030488309677169255, 0.015367595067628676],
        [2.2871801582203815, 1.0547118733938987e-15, -0.03912663256256985, 0.13017439676604659, -0.04225552070816803,
         0.036714452960104296],
    ),
    (
        (2, 6, 2), fnn.tanh, fnn.sigmoid, fnn.cross_entropy,
        [1.1549340215407122, 2.2461807272225363, 0.03600257996635513, 0.23771405301145573, 0.0048913704898399454,
         -0.048408647140290646, -0.03922886520704727, 0.13538923723727636],
        [2.506512703501741, 3.933514566769709, 0.007668788548994273, 0.2366565893785616, 0.18015081833519436,
         -0.03651696075233125],
    ),
    (
        (3, 5, 1), fnn.silu, fnn.exp, fnn.poisson,
        [3.1830006843979826, 4.762492676409319, 0.14093347808155102, 1.6630466101744907, -0.0012581057372616227,
         0.17263074573566725, 0.07120794480137142, 0.015926624822614206],
        [10.250093356088216, 16.729607369398387, 1.6808859330029966, 0.7349216739095645, 0.18112433501944092,
         0.5639119205670056],
    ),
    (
        (2, 3, 4, 2), fnn.tanh, fnn.exp, fnn.gamma,
        [6.617307963032744, 9.059022401374934, 0.06974945964094206, 1.5079799310278768, -0.03048568854018986,
         -0.18372440669703471, -0.04984961147326415, 0.14828863195533104],
        [15.88592538766025, 55.30591270437387, -0.08943782792634798, 1.14526336938322, 0.2807568496705296,
         -0.13688669696224312],
    ),
    (
        (4, 3), fnn.tanh, fnn.tanh, fnn.huber,
        [0.7678463197234259, 1.898284208728146, 0.09825956688056764, 0.20649239713727324, 0.0, 0.0, 0.0,
         0.034596151503292434],
        [7.5469746089802285, 23.265728939309085, 0.49088241086109424, 0.9175340775917897, 0.0, -0.7075757772628709],
    ),
    (
        (1, 7, 1), fnn.tanh, fnn.identity, fnn.log_cosh,
        [1.7365074639980593, 2.0448503533772033, 0.01985297863709761, 0.4517313184092877, -0.009691605142074289,
         -0.04684981672789794, 0.015642149184717947, 0.02438339908409359],
        [7.493777332823472, 17.489685500597133, 0.10019621649511745, 1.0, 0.08100622301227606, 0.13415642074242862],
    ),
]  # fmt: skip


def targets(loss: fnn.Loss, output: fnn.Activation, units: int) -> NDArray[np.float64]:
    wave: NDArray[np.float64] = np.sin(0.5 * np.arange(N * units)).reshape(N, units)
    if loss is fnn.cross_entropy:
        wave = np.eye(units)[np.arange(N) % units] if output is fnn.softmax else (1 + wave) / 2
        return wave

    return 1.5 + wave if loss in (fnn.poisson, fnn.gamma) else 2 * wave


@pytest.mark.parametrize("sizes, hidden, output, loss, of_g, of_j", NUMBERS)
def test_numbers(
    sizes: tuple[int, ...], hidden: fnn.Activation, output: fnn.Activation, loss: fnn.Loss, of_g: list[float],
    of_j: list[float],
) -> None:  # fmt: skip
    like = fnn.init(sizes, hidden=hidden, output=output, seed=0, dtype=np.float64)
    p = like.flat.size
    params = like.with_flat(0.8 * np.sin(np.arange(1, p + 1)))
    x = np.cos(np.arange(N * sizes[0])).reshape(N, -1)
    cases = fnn.Cases(x, targets(loss, output, sizes[-1]), weights=1.0 + np.arange(N) % 3)

    g = fnn.gauss_newton(params, cases, loss=loss, reduction="mean")
    places = [(0, 0), (-1, -1), (1, 0), (-1, 0), (p // 2, p // 3), (-2, p // 2)]
    assert_allclose([np.linalg.norm(g), np.trace(g), *(g[at] for at in places)], of_g, rtol=1e-11, atol=1e-13)
    j = fnn.jacobian(params, x, by="params")
    places_of_j = [(0, 0, 0), (-1, -1, -1), (5, 0, p // 2), (7, -1, p // 3)]
    assert_allclose([np.linalg.norm(j), j.sum(), *(j[at] for at in places_of_j)], of_j, rtol=1e-11, atol=1e-13)
