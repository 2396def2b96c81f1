from __future__ import annotations

import pytest

from .model import WHOLE_ROWS, Exchange, Model, Network, Steps, line, smallest

LINK = Network("a link", 1e-5, 1e9)
STEPS = Steps((1, 101), (1.01e-3, 2.01e-3))  # a millisecond, and 10 µs a case
LARGE, SMALL = Exchange(1_000_000, LINK, 1e10), Exchange(100_000, LINK, 1e10)


def test_a_message() -> None:
    assert LINK.seconds(1_000_000) == pytest.approx(1.01e-3)


def test_steps() -> None:
    steps = Steps((1, 3, 10), (5.0, 6.0, 20.0))
    assert [steps.seconds(cases) for cases in (1, 2, 3, 4, 10, 20)] == [5, 5.5, 6, 8, 20, 40]
    assert steps.seconds(0.5) == 4.75
    assert Steps((8,), (2.0,)).seconds(1000) == 2


def test_exchanges_by_hand() -> None:
    # Two levels down and two up, with 500,000 and 250,000 bytes; as many are added on the way down.
    assert LARGE.seconds(4) == pytest.approx(4e-5 + 2 * 0.75e-3 + 0.75e-4)
    assert SMALL.seconds(8) == pytest.approx(3 * (1e-5 + 1e-4 + 1e-5))
    assert LARGE.seconds(1) == SMALL.seconds(1) == 0


@pytest.mark.parametrize("levels", [1, 2, 7, 10])
def test_exchanges_level_by_level(levels: int) -> None:
    for exchange in (LARGE, SMALL):
        seconds, size = 0.0, float(exchange.row)
        for _ in range(levels):
            if exchange.row < WHOLE_ROWS:
                seconds += LINK.seconds(size) + size / 1e10
            else:
                size /= 2
                seconds += 2 * LINK.seconds(size) + size / 1e10
        assert exchange.seconds(2**levels) == pytest.approx(seconds)


def test_scaling() -> None:
    model = Model(STEPS, LARGE)
    exchange = 4e-5 + 2 * 0.75e-3 + 0.75e-4
    assert model.weak(1, 100) == model.strong(1, 100) == 1
    assert model.weak(4, 100) == pytest.approx(2e-3 / (2e-3 + exchange))
    assert model.strong(4, 100) == pytest.approx(2e-3 / (1.25e-3 + exchange))
    assert model._replace(speed=10).strong(4, 100) == pytest.approx(2e-4 / (1.25e-4 + exchange))


def test_where_another_rank_pays() -> None:
    # Half a batch less must be worth the exchange: 5 µs a case of the batch, and 1.07 ms.
    assert LARGE.seconds(2) == pytest.approx(1.07e-3)
    assert Model(STEPS, LARGE).pays_from() == 214
    assert Model(STEPS, LARGE, speed=10).pays_from() == 2140
    assert Model(Steps((1,), (1.0,)), LARGE).pays_from() == 0
    assert smallest(lambda number: number >= 7) == 8
    assert smallest(lambda number: True) == 2


def test_a_line_through_messages() -> None:
    sizes = (64, 1_000_064)
    latency, bandwidth = line(sizes, (1e-5, 1.01e-3))
    assert latency == 1e-5
    assert bandwidth == pytest.approx(1e9)
