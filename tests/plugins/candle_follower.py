"""A candle feed and all that it has told, followed by a test on a clock that the test moves."""

import asyncio

from tegro.candles import Interval

START_MS = 1_709_164_800_000
"""Thursday, 2024-02-29 00:00 UTC."""
SECOND_MS = 1000
MINUTE_MS = 60_000
DEADLINE_SECS = 20
M1, M5, S1 = (Interval(word) for word in ("1m", "5m", "1s"))


class Follower:
    """A feed and all that it has told."""

    def __init__(self, venue, feed):
        self.venue = venue
        self.clock = venue.clock
        self.feed = feed
        self.candles = []
        self.task = asyncio.create_task(self._follow())

    async def _follow(self):
        async for candle in self.feed:
            self.candles.append(candle)

    async def settle(self):
        """Let the feed do all that it can do now; fail with what it failed with."""
        settled = asyncio.create_task(self.venue.settled())
        await asyncio.wait({settled, self.task}, return_when=asyncio.FIRST_COMPLETED)
        settled.cancel()
        if self.task.done():
            self.task.result()

    async def connect(self):
        async with asyncio.timeout(DEADLINE_SECS):
            while not self.venue.streams:  # noqa: ASYNC110
                await asyncio.sleep(0)
        self.venue.connect()
        await self.settle()

    async def at(self, time_ms):
        """Let time pass, stopping wherever the feed wanted to be woken."""
        await self.settle()
        while self.clock.now_ms < time_ms:
            self.clock.move_to(min([time_ms, *(wake for wake in self.clock.wakes() if wake > self.clock.now_ms)]))
            await self.settle()

    def told(self):
        """Return all candles as (minutes after the start, closes, is closed), and forget them."""
        told, self.candles = self.candles, []
        return [((each.open_time_ms - START_MS) / MINUTE_MS, str(each.close), each.is_closed) for each in told]

    def closed(self):
        return [each for each in self.told() if each[2]]


def minutes(count):
    return START_MS + round(count * MINUTE_MS)
