"""Optimizers and schedules against numbers of PyTorch 2.13.0, in float64, for machines without PyTorch."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.testing import assert_allclose

import fnn
from fnn.optimizers.optimizer import Optimizer

# W1 and b1 after 30 steps from START. Of AdamW's groups only W1's has weight decay 0.01.
AFTER_30_STEPS: dict[Optimizer, list[float]] = {
    fnn.gradient_descent(0.3): [  # SGD(lr=0.3)
        -0.016626846409604133, 0.22054878981047984, 0.31983215593763203, 0.2874398763810273, 0.2222065872693422,
        0.23616352744714403],
    fnn.momentum(0.1, alpha=0.8): [  # SGD(lr=0.1, momentum=0.8)
        -0.017913133334428528, 0.12478264040347839, 0.23605667426710752, 0.3221794075565873, 0.3182265380711772,
        0.2828369119433072],
    fnn.nesterov(0.1): [  # SGD(lr=0.1, momentum=0.9, nesterov=True)
        -0.00263463841955857, 0.1546372526275288, 0.25634321281447675, 0.32790782100714105, 0.2924028883337018,
        0.2528637655349732],
    fnn.adam(0.01): [  # Adam(lr=0.01)
        0.28533605734463874, -0.07349425933206656, 0.542538562051929, 0.13566966568553723, 0.3081291179970491,
        -0.3141891972084407],
    fnn.adamw(0.05): [  # AdamW(lr=0.05)
        -0.07598885996865981, 0.195030869811068, 0.13240527505307434, 0.2906289291735998, 0.2966756722601715,
        0.44186901349024477],
    fnn.amsgrad(0.01, beta_2=0.7): [  # Adam(lr=0.01, betas=(0.9, 0.7), amsgrad=True)
        0.3124653722362536, -0.10974396206607016, 0.5702647813037923, 0.10686644641854416, 0.3018240064892588,
        -0.32883273388494005],
    fnn.rmsprop(0.01, rho=0.99): [  # RMSprop(lr=0.01)
        0.06313007577761245, 0.13300532557705838, 0.31016626655984025, 0.2735213238136792, 0.29201913121295214,
        0.09913412484836981],
    fnn.adagrad(0.01): [  # Adagrad(lr=0.01)
        0.428004945825397, -0.21174714164208383, 0.7189884805556095, -0.019188458041952804, 0.24221325766664067,
        -0.5094937060144811],
    fnn.adadelta(0.7): [  # Adadelta(lr=0.7, rho=0.9)
        0.453390804063515, -0.22649184469096853, 0.7474343315162365, -0.043537724041742214, 0.2244479176491468,
        -0.5339011152421994],
    fnn.irprop(0.01): [  # Rprop(lr=0.01)
        0.39847530298507244, -0.042275293922262994, 0.2475375234776635, 0.17160308271670888, 0.23112614768639997,
        0.38807827635004233],
}  # fmt: skip
START = fnn.Params({"W1": [[0.5, -0.3], [0.8, -0.1]], "b1": [0.2, -0.6]}, hidden=(), output=fnn.identity)

# The rates at the steps 0, 6, 7, 29, 60 and at the last one.
RATES: list[tuple[fnn.Schedule, int, list[float]]] = [
    # StepLR(step_size=7, gamma=0.6), ExponentialLR(gamma=0.97), CosineAnnealingLR(T_max=99, eta_min=0.01)
    (fnn.step_decay(0.3, every=7, factor=0.6), 99,
        [0.3, 0.3, 0.18, 0.03888, 0.005038847999999999, 0.0002350924922879999]),
    (fnn.exponential(0.3, factor=0.97), 99,
        [0.3, 0.24989160147869993, 0.24239485343433892, 0.1240228047040693, 0.048242000706472936,
         0.014706961214042967]),
    (fnn.cosine(0.3, steps=99, end=0.01), 99,
        [0.3, 0.29737966110309244, 0.29643731909838406, 0.24281340463496162, 0.10757514531897386, 0.01]),
    # OneCycleLR(max_lr=0.3, total_steps=100); and total_steps=90, pct_start=0.61, div_factor=4, final_div_factor=10
    (fnn.one_cycle(0.3, steps=100), 99,
        [0.01200000000000001, 0.04136259853838731, 0.05145664916306916, 0.3, 0.17678402708565863, 1.2e-06]),
    (fnn.one_cycle(0.3, steps=90, rise=0.61, divisor=4, last_divisor=10), 89,
        [0.07500000000000001, 0.08180952088098581, 0.0842343841589521, 0.20091014926105105,
         0.27873839948731793, 0.0075]),
]  # fmt: skip


@pytest.mark.parametrize("optimizer", AFTER_30_STEPS, ids=repr)
def test_optimizers(optimizer: Optimizer) -> None:
    params, state, i = START, optimizer.init(START), np.arange(6)
    for step in range(30):
        slope = (0.5 + 0.2 * i) * params.flat - 0.1 * i + 0.3 * np.sin(step + i)
        params, state = optimizer.update(params, params.with_flat(slope), state)

    assert_allclose(params.flat, AFTER_30_STEPS[optimizer], rtol=1e-12)


@pytest.mark.parametrize("schedule, last, rates", RATES)
def test_schedules(schedule: fnn.Schedule, last: int, rates: list[float]) -> None:
    assert_allclose(schedule.at(np.array([0, 6, 7, 29, 60, last])), rates, rtol=1e-12)
