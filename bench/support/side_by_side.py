"""What the benchmarks of our connectors beside Hummingbot's own share: rounds that take turns, and the table."""

import asyncio
import statistics
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from decimal import Decimal
from typing import Any, Final

import aiohttp
from hummingbot.connector.exchange_py_base import ExchangePyBase
from hummingbot.core.data_type.common import OrderType
from msgspec import Struct

OURS, THEIRS = "tegro", "binance"
OPEN_ORDERS: Final = 100
START_LIMIT_SECS: Final = 300.0
CYCLE_SECS: Final = 60.0
MOST_TIMES: Final = 1.0
"""Target of every row: ours is not the slower one."""
MOST_TIMES_OF_A_CHANGE: Final = 1.5
"""More is allowed here: the change goes into an exact book too, each number checked, that orders are held against."""


class Sample(Struct, frozen=True):
    """What one round took: the figure that counts, and one more that explains it."""

    figure: float
    beside: float


type Samples = dict[str, list[Sample]]


class Table:
    """Prints a row for each subject, and remembers whether every target was met."""

    def __init__(self) -> None:
        self.is_met = True

    def head(self) -> None:
        """Print what the columns are."""
        print(f"{'':62}  {OURS:>18}  {THEIRS:>18}  {'ratio':>7}  target")

    def row(self, what: str, found: Samples, most: float = MOST_TIMES) -> None:
        """Print medians of both, what stands beside them, and the median ratio."""
        ratios = [ours.figure / theirs.figure for ours, theirs in zip(found[OURS], found[THEIRS], strict=True)]
        ratio = statistics.median(ratios)
        shown = "  ".join(f"{_shown(found[name]):>18}" for name in (OURS, THEIRS))
        print(f"{what:62}  {shown}  {ratio:7.3f}  {most:.1f} {'met' if ratio <= most else 'MISSED'}", flush=True)
        self.is_met = self.is_met and ratio <= most


def _shown(samples: list[Sample]) -> str:
    figure, beside = (statistics.median(values) for values in zip(*map(_pair, samples), strict=True))
    return f"{figure:,.1f} ({beside:,.0f})"


def _pair(sample: Sample) -> tuple[float, float]:
    return sample.figure, sample.beside


class Bench:
    """Measures connectors against one server.

    Parameters
    ----------
    url
        Where the server is. It has `/flood/NAME/COUNT`, `/requests` and `/forget` besides.
    session
        Speaks to these.
    makers
        Makes a connector for some pairs, by name.
    pairs
        Every pair; orders and changes are of the first.
    price
        What the orders are placed at; they rest.
    order_options
        What else `buy()` is told.
    """

    def __init__(
        self,
        url: str,
        session: aiohttp.ClientSession,
        makers: Mapping[str, Callable[[list[str]], ExchangePyBase]],
        pairs: Sequence[str],
        price: Decimal,
        **order_options: Any,  # noqa: ANN401  Hummingbot has no types
    ) -> None:
        self._url = url
        self._session = session
        self._makers = makers
        self._pairs = pairs
        self._price = price
        self._order_options = order_options

    async def started(self, name: str, pairs: int) -> tuple[ExchangePyBase, float]:
        """Return a connector that is ready, and the milliseconds that took."""
        connector = self._makers[name](list(self._pairs[:pairs]))
        connector._set_current_timestamp(time.time())  # noqa: SLF001
        begun = time.perf_counter()
        await connector.start_network()
        connector.tick(time.time())
        await until(lambda: connector.ready)
        return connector, (time.perf_counter() - begun) * 1000

    async def place(self, connector: ExchangePyBase, count: int) -> Sample:
        """Return the microseconds of one order from `buy()` to open, and of CPU."""
        wall = cpu = 0.0
        for _ in range(count):
            wall_before, cpu_before = time.perf_counter(), time.process_time()
            order_id = connector.buy(
                self._pairs[0], Decimal("0.01"), OrderType.LIMIT, self._price, **self._order_options
            )
            await asyncio.sleep(0)  # the order is tracked from here on
            await connector.in_flight_orders[order_id].wait_until_processed_by_exchange()
            wall += time.perf_counter() - wall_before
            cpu += time.process_time() - cpu_before
        return Sample(wall / count * 1e6, cpu / count * 1e6)

    async def changes(self, name: str, connector: ExchangePyBase, count: int) -> Sample:
        """Return the microseconds of CPU of one change from the socket to the book, and those on the clock.

        The clock also sees the server, which writes the changes in a row while they are read.
        """
        wall_before, cpu_before = time.perf_counter(), time.process_time()
        mark = float((await self._post(f"flood/{name}/{count}"))["mark"])
        book = connector.get_order_book(self._pairs[0])
        await until(lambda: book.get_price(False) == mark)
        wall, cpu = time.perf_counter() - wall_before, time.process_time() - cpu_before
        return Sample(cpu / count * 1e6, wall / count * 1e6)

    async def status_cycle(self, name: str) -> Sample:
        """Return the milliseconds of one status cycle of many open orders, and its requests."""
        await self.forget()
        connector, _ = await self.started(name, 1)
        await self.place(connector, OPEN_ORDERS)
        # Some of Hummingbot's connectors skip a cycle that comes soon after the one before.
        connector._set_current_timestamp(time.time() + CYCLE_SECS)  # noqa: SLF001
        await self.requests()
        begun = time.perf_counter()
        await connector._update_order_status()  # noqa: SLF001
        took_ms = (time.perf_counter() - begun) * 1000
        requests = await self.requests()
        await connector.stop_network()
        return Sample(took_ms, requests)

    async def start(self, name: str, pairs: int) -> Sample:
        """Return the milliseconds of one start, and its requests."""
        await self.requests()
        connector, took_ms = await self.started(name, pairs)
        requests = await self.requests()
        await connector.stop_network()
        return Sample(took_ms, requests)

    async def requests(self) -> int:
        """Return how many requests came since the last call."""
        counts: dict[str, int] = await self._post("requests")
        return sum(count for path, count in counts.items() if path != "/requests")

    async def forget(self) -> None:
        """Let the server forget every order."""
        await self._post("forget")

    async def _post(self, path: str) -> dict[str, Any]:
        async with self._session.post(f"{self._url}/{path}") as answer:
            found: dict[str, Any] = await answer.json()
            return found


async def until(condition: Callable[[], bool]) -> None:
    """Wait until something is so."""
    async with asyncio.timeout(START_LIMIT_SECS):
        while not condition():  # noqa: ASYNC110  Hummingbot tells nobody
            await asyncio.sleep(0.001)


async def in_turns(rounds: int, work: Callable[[str], Awaitable[Sample]]) -> Samples:
    """Do the same with both, round by round; a round before the first fills caches, unless there is only one."""
    found: Samples = {OURS: [], THEIRS: []}
    for round_number in range(rounds if rounds == 1 else rounds + 1):
        for name, samples in found.items():
            sample = await work(name)
            if round_number or rounds == 1:
                samples.append(sample)
    return found
