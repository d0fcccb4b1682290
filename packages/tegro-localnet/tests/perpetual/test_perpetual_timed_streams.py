"""Streams on a clock that moves as it likes: the pace holds, no candle is left out, each ends with all its trades."""

import asyncio
import json
import random
from collections import defaultdict
from decimal import Decimal
from itertools import pairwise
from typing import Any

import pytest

from tegro_localnet.perpetual.agents import PerpetualCrowd
from tegro_localnet.perpetual.config import PerpetualConfig
from tegro_localnet.perpetual.gateway.hub import Follower
from tegro_localnet.perpetual.venue import PerpetualVenue

START_MS = 1_700_000_000_000
DAY_MS = 86_400_000


class Viewer:
    """A venue on a clock of its own, and one connection that follows a stream of ETHUSDT."""

    def __init__(self, stream: str) -> None:
        self.now_ms = START_MS
        self.venue = PerpetualVenue(PerpetualConfig(), lambda: self.now_ms, random.Random(1))
        self.crowd = PerpetualCrowd(self.venue, random.Random(1))
        self.follower = Follower(is_combined=False)
        name = f"ethusdt@{stream}"
        self.venue.hub.follow(self.follower, name)
        self.venue.feeds.started(name)

    def pass_by(self, step_ms: int, *, trades: bool = True) -> None:
        """Let time pass, let the crowd trade, and send what is due."""
        self.now_ms += step_ms
        if trades:
            self.crowd.quote()
            self.crowd.take()
        self.venue.pulse()

    async def shown(self) -> list[dict[str, Any]]:
        """Return the events that were sent, oldest first."""
        self.follower.close()
        frames = []
        async with asyncio.timeout(30):
            while (frame := (await self.follower.next_frame())[0]) != b"":
                frames.append(json.loads(frame))
        return frames

    def traded(self, interval_ms: int) -> dict[int, list[Any]]:
        """Return the engine's trades by the start of their interval."""
        found: dict[int, list[Any]] = defaultdict(list)
        for trade in self.venue.state.markets["ETHUSDT"].trades:
            found[trade.time_ms // interval_ms * interval_ms].append(trade)
        return found


@pytest.mark.parametrize(("interval", "interval_ms"), [("1s", 1_000), ("1m", 60_000)])
@pytest.mark.parametrize("step_ms", [50, 250, 970, 1_050, 2_300, 59_000])
async def test_every_candle_is_shown_and_closes_with_all_that_traded_in_it(
    interval: str, interval_ms: int, step_ms: int
) -> None:
    viewer = Viewer(f"kline_{interval}")
    steps = 120 if step_ms < 59_000 else 15
    for _ in range(steps):
        viewer.pass_by(step_ms)
    shown = [event["k"] for event in await viewer.shown()]
    traded = viewer.traded(interval_ms)

    opened = [candle["t"] for candle in shown]
    assert all(later in (earlier, earlier + interval_ms) for earlier, later in pairwise(opened))
    closed = {candle["t"]: candle for candle in shown if candle["x"]}
    last_ms = max(opened)
    assert set(closed) == set(range(opened[0], last_ms, interval_ms))
    assert any(trades for start_ms, trades in traded.items() if start_ms in closed) == bool(closed)
    for start_ms, candle in closed.items():
        trades = traded[start_ms]
        assert candle["n"] == len(trades)
        assert Decimal(candle["v"]) == sum(trade.quantity_e8 for trade in trades) / Decimal(10**8)
        if trades:
            prices = [trade.price_e18 for trade in trades]
            assert (Decimal(candle["h"]), Decimal(candle["l"]), Decimal(candle["c"])) == tuple(
                Decimal(price) / 10**18 for price in (max(prices), min(prices), prices[-1])
            )


async def test_a_clock_set_forward_by_a_day_does_not_bring_a_day_of_seconds() -> None:
    viewer = Viewer("kline_1s")
    viewer.pass_by(100)
    viewer.pass_by(DAY_MS, trades=False)
    viewer.pass_by(1_000, trades=False)
    shown = [event["k"] for event in await viewer.shown()]
    assert len(shown) < 70
    assert shown[-1]["t"] == viewer.now_ms // 1000 * 1000
    assert (shown[-1]["n"], shown[-1]["v"], shown[-1]["x"]) == (0, "0.00000000", False)


@pytest.mark.parametrize(
    ("stream", "period_ms"), [("markPrice@1s", 1_000), ("markPrice", 3_000), ("depth5@100ms", 100), ("ticker", 1_000)]
)
@pytest.mark.parametrize("step_ms", [50, 70, 90])
async def test_a_stream_keeps_its_pace_however_the_steps_fall(stream: str, period_ms: int, step_ms: int) -> None:
    viewer = Viewer(stream)
    for _ in range(30_000 // step_ms):
        viewer.pass_by(step_ms, trades=False)
    told_ms = [event["E"] for event in await viewer.shown()]
    periods = [time_ms // period_ms for time_ms in told_ms]
    assert periods == list(range(START_MS // period_ms, viewer.now_ms // period_ms + 1))


@pytest.mark.parametrize("stream", ["kline_1s", "kline_1M", "markPrice@1s", "depth5@100ms", "ticker"])
async def test_a_clock_set_back_by_an_hour_silences_no_stream(stream: str) -> None:
    viewer = Viewer(stream)
    viewer.pass_by(100, trades=False)
    viewer.pass_by(-3_600_000, trades=False)
    set_back_ms = viewer.now_ms
    viewer.pass_by(1_000, trades=False)
    told_ms = [event["E"] for event in await viewer.shown()]
    assert sorted(set(told_ms)) == [set_back_ms, viewer.now_ms, START_MS + 100]


def test_a_clock_set_back_by_an_hour_stops_neither_marks_nor_funding() -> None:
    viewer = Viewer("markPrice@1s")
    viewer.pass_by(100, trades=False)
    viewer.pass_by(-3_600_000, trades=False)
    ticks = viewer.venue.count
    for _ in range(5):
        viewer.pass_by(1_000, trades=False)
    assert viewer.venue.count == ticks + 5
