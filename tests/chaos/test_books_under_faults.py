"""Live books of a real local venue while its stream and its snapshots go wrong: in the end they equal the venue's."""

import asyncio
import random
from collections import Counter
from contextlib import asynccontextmanager
from decimal import Decimal

import aiohttp
import pytest

from tegro.backoff import Backoff
from tegro.events import BookUpdated, Connected, Disconnected, Resync, Stale
from tegro.live_book import LiveBooks
from tegro.model import PRICE_DECIMALS, Side, scaled
from tegro.rest import RestClient
from tegro.settings import Environment, Settings
from tegro.stream import EventStream
from tegro.transport import ReadPolicy
from tegro.wire import CancelBody, encode
from tegro_localnet.agents.agent import Agent
from tegro_localnet.agents.decisions import Wish, quantity_worth
from tegro_localnet.config import LocalnetConfig
from tegro_localnet.faults import Fault, FaultKind
from tegro_localnet.signed_order import Domain

DEADLINE_SECS = 20
DEPTH = "*/orderbook/depth"
SOCKET = "*/events/ws"
DIFF = "order_book_diff"
SYMBOLS = ("WETH_USDC", "WBTC_USDC")
PRICES = {"WETH_USDC": 3_000, "WBTC_USDC": 95_000}
QUICK = Backoff(first_secs=0.005, cap_secs=0.05)


class Source:
    """What live books need of a client, with waits of milliseconds."""

    def __init__(self, localnet, session):
        settings = Settings.load(None, {"TEGRO_LOCALNET_REST_URL": localnet.rest_url})
        self._environment: Environment = settings.environment("localnet")
        self._session = session
        self._rest = RestClient(self._environment, session, reads=ReadPolicy(tries=1))
        self._markets = {market.id: market for market in localnet.markets.values()}

    async def book(self, symbol, /):
        return await self._rest.book(self._markets[symbol])

    def stream(self, markets=(), wallets=()):
        return EventStream(self._environment, self._session, markets=markets, wallets=wallets, backoff=QUICK)


class Traders:
    """Two wallets that change the books of a venue, through its own intake and on its own loop."""

    def __init__(self, localnet):
        self._localnet = localnet
        venue = localnet.localnet.venue
        domain = Domain(chain_id=localnet.chain_id, verifying_contract=localnet.deployment.exchange)
        stock = {"WETH": Decimal(10**6), "WBTC": Decimal(10**6), "USDC": Decimal(10**10)}
        self._domain, self._venue = domain, venue
        self._agents = [Agent(localnet.new_wallet(stock), venue, domain, random.Random(n)) for n in range(2)]

    def listed(self, symbol):
        return self._localnet.localnet._listing.market_named(symbol)

    async def act(self, rng, times, symbols=SYMBOLS):
        """Place and cancel at random."""
        await asyncio.to_thread(self._localnet.call, self._act(rng, times, symbols))

    async def place(self, symbol, side, price, worth=50):
        listed, price_e18 = self.listed(symbol), scaled(Decimal(price), PRICE_DECIMALS, "price")
        wish = Wish(side, price_e18, quantity_worth(listed, price_e18, worth))
        assert await asyncio.to_thread(self._localnet.call, self._agents[0].place(listed, wish))

    async def clear(self):
        async def cancel_everything():
            for agent in self._agents:
                for symbol in SYMBOLS:
                    agent.cancel_on(self.listed(symbol))

        await asyncio.to_thread(self._localnet.call, cancel_everything())

    async def _act(self, rng, times, symbols):
        for _ in range(times):
            agent, listed = rng.choice(self._agents), self.listed(rng.choice(symbols))
            resting = [
                each for each in self._venue.orders.open_of(agent.wallet.address) if each.market == listed.market
            ]
            if resting and rng.random() < 0.4:
                self._cancel(agent, rng.choice(resting).order_id)
                continue
            # Few prices, so that levels come and go and come again; one in ten crosses and trades.
            side, step = rng.choice((Side.BUY, Side.SELL)), rng.randint(1, 5) if rng.random() < 0.9 else -2
            price = PRICES[listed.market.symbol] + (-step if side is Side.BUY else step)
            price_e18 = price * 10**PRICE_DECIMALS
            await agent.place(listed, Wish(side, price_e18, quantity_worth(listed, price_e18, rng.randint(20, 60))))

    def _cancel(self, agent, order_id):
        signature = agent.wallet.sign_cancel([order_id], self._domain)
        body = CancelBody(user_address=agent.wallet.address, order_ids=[order_id], signature=signature)
        self._venue.cancel(encode(body))


@pytest.fixture(scope="module")
def localnet_config():
    return LocalnetConfig(port=0, rpc_port=0, agents=False, settlement_interval_ms=200, seed=4)


@pytest.fixture(scope="module")
def traders(localnet):
    return Traders(localnet)


@pytest.fixture
async def source(localnet):
    async with aiohttp.ClientSession() as session:
        yield Source(localnet, session)


@pytest.fixture(autouse=True)
async def quiet_venue(localnet, traders):
    """Begin with empty books, and leave no fault behind."""
    await traders.clear()
    yield
    localnet.faults.clear()


@pytest.fixture
def opened(source, localnet):
    """Open live books of all markets, with checks every few milliseconds or on no account."""

    @asynccontextmanager
    async def open_books(seed=1, *, check_secs=0.03):
        markets = [localnet.markets[symbol] for symbol in SYMBOLS]
        rng = random.Random(seed)
        settle_secs = 0.02
        books = LiveBooks(source, markets, check_secs=check_secs, settle_secs=settle_secs, backoff=QUICK, rng=rng)
        async with books:
            yield books

    return open_books


def sides(book):
    return [(level.price, level.quantity) for level in book]


async def is_right(books, source, localnet, symbol):
    """Return whether a book may be traded on and equals the venue's."""
    snapshot, book = await source.book(localnet.markets[symbol].id), books.book(symbol)
    equal = sides(book.bids()) == sides(snapshot.bids) and sides(book.asks()) == sides(snapshot.asks)
    return equal and not book.is_stale


async def all_right(books, source, localnet):
    async with asyncio.timeout(DEADLINE_SECS):
        for symbol in SYMBOLS:
            while not await is_right(books, source, localnet, symbol):  # noqa: ASYNC110  the venue tells nobody
                await asyncio.sleep(0.005)


async def until(books, *wanted):
    """Read on until an event of each type came; return what came."""
    found = []
    async with asyncio.timeout(DEADLINE_SECS):
        while {type(event) for event in found}.isdisjoint(wanted):
            found.append(await anext(books))
    return found


async def resynced(books):
    """Read on until every market was made anew."""
    symbols = set()
    async with asyncio.timeout(DEADLINE_SECS):
        while symbols != set(SYMBOLS):
            event = await anext(books)
            if isinstance(event, Resync):
                symbols.add(event.symbol)


async def fired(localnet, fault_id, times=1):
    async with asyncio.timeout(DEADLINE_SECS):
        while localnet.faults.fired(fault_id) < times:  # noqa: ASYNC110  nothing tells of it
            await asyncio.sleep(0.002)


async def test_a_change_that_the_venue_never_sent_is_found_by_a_check(opened, traders, localnet, source):
    async with opened() as books:
        await resynced(books)
        await traders.place("WETH_USDC", Side.BUY, 2_990)
        await until(books, BookUpdated)
        localnet.faults.add(Fault(kind=FaultKind.FRAME_DROP, action=DIFF))
        await traders.place("WETH_USDC", Side.BUY, 2_980)
        events = await until(books, Resync)
        (stale,) = [event for event in events if isinstance(event, Stale)]
        assert stale.reason.startswith("a change was lost: buy 2980 is 0 here and 0.01")
        assert events[-1] == Resync("WETH_USDC", stale.reason)
        assert books.drifts == 1
        await all_right(books, source, localnet)


async def test_a_socket_cut_before_it_opens_is_tried_again(opened, traders, localnet, source):
    await traders.act(random.Random(1), 10)
    fault = localnet.faults.add(Fault(kind=FaultKind.DROP_REQUEST, path=SOCKET, times=3))
    async with opened(check_secs=None) as books:
        await resynced(books)
        assert localnet.faults.fired(fault) == 3
        await all_right(books, source, localnet)


async def test_a_socket_cut_while_snapshots_are_pending_asks_for_new_ones(opened, traders, localnet, source):
    fault = localnet.faults.add(Fault(kind=FaultKind.HOLD, path=DEPTH, times=2))
    async with opened(check_secs=None) as books:
        await until(books, Connected)
        await fired(localnet, fault, 2)
        await traders.act(random.Random(2), 10)
        localnet.cut_streams()
        await until(books, Disconnected)
        assert all(books.book(symbol).is_stale for symbol in SYMBOLS)
        localnet.faults.release(fault)
        await resynced(books)
        await all_right(books, source, localnet)


async def test_a_socket_cut_while_the_books_are_live_makes_them_stale_and_then_right(opened, traders, localnet, source):
    async with opened(check_secs=None) as books:
        await resynced(books)
        localnet.faults.add(Fault(kind=FaultKind.CUT, action=DIFF))
        await traders.place("WETH_USDC", Side.BUY, 2_990)
        events = await until(books, Disconnected)
        assert not any(isinstance(event, BookUpdated) for event in events)
        await resynced(books)
        await all_right(books, source, localnet)


async def test_frames_that_come_twice_and_late_do_no_harm(opened, traders, localnet, source):
    localnet.faults.add(Fault(kind=FaultKind.FRAME_DELAY, delay_ms=3, probability=Decimal("0.3"), times=None))
    localnet.faults.add(Fault(kind=FaultKind.FRAME_DUPLICATE, times=None))
    async with opened(check_secs=None) as books:
        await resynced(books)
        await traders.act(random.Random(3), 60)
        await all_right(books, source, localnet)


def draw_faults(rng):
    """Return what goes wrong in a run: some of everything that can happen to a stream and to snapshots."""
    frames = [FaultKind.FRAME_DROP, FaultKind.FRAME_DUPLICATE, FaultKind.FRAME_REORDER, FaultKind.CUT]
    faults = [
        Fault(kind=kind, action=DIFF, times=None, probability=Decimal(rng.choice(("0.05", "0.2"))))
        for kind in rng.sample(frames, rng.randint(1, 3))
    ]
    faults.append(Fault(kind=FaultKind.FRAME_DELAY, delay_ms=rng.randint(1, 15), times=2))
    faults.append(Fault(kind=FaultKind.DROP_REQUEST, path=SOCKET, times=rng.randint(1, 2)))
    depth = [
        Fault(kind=FaultKind.STATUS, path=DEPTH, status=rng.choice((429, 500, 503))),
        Fault(kind=FaultKind.DROP_REQUEST, path=DEPTH),
        Fault(kind=FaultKind.DROP_REPLY, path=DEPTH),
        Fault(kind=FaultKind.HOLD, path=DEPTH, hold_ms=rng.randint(1, 20)),
        Fault(kind=FaultKind.DELAY, path=DEPTH, delay_ms=rng.randint(1, 20)),
        Fault(kind=FaultKind.NULL_SIDES, path=DEPTH, side=rng.choice((*Side, None))),
    ]
    return faults + rng.sample(depth, 2)


async def one_run(seed, opened, traders, localnet, source):
    """Return what happened: faults by kind, and how often a check found that a change was lost."""
    rng = random.Random(seed)
    for fault in draw_faults(rng):
        localnet.faults.add(fault)
    async with opened(seed) as books:
        if rng.random() < 0.7:
            await resynced(books)
        for _ in range(rng.randint(4, 14)):
            await traders.act(rng, rng.randint(1, 6))
            if rng.random() < 0.08:
                localnet.cut_streams()
        happened = Counter({active.fault.kind: active.fired for active in localnet.faults.list()})
        localnet.faults.clear()
        await all_right(books, source, localnet)
    await traders.clear()
    return happened + Counter(drift=books.drifts)


async def runs(seeds, *desk):
    """Do the runs of some seeds; in them, all that can go wrong must have gone wrong, or they would prove nothing."""
    happened = Counter()
    for seed in seeds:
        try:
            happened += await one_run(seed, *desk)
        except BaseException as error:
            error.add_note(f"seed {seed}")
            raise
    # The others happen to orders and to settlements.
    of_books = {kind for kind in FaultKind if kind.is_of_frames or kind.is_of_requests}
    assert set(happened) == of_books | {"drift"}


@pytest.mark.parametrize("first", range(0, 100, 20))
async def test_books_equal_the_venues_after_everything_that_can_go_wrong(first, opened, traders, localnet, source):
    await runs(range(first, first + 20), opened, traders, localnet, source)


@pytest.mark.soak
@pytest.mark.parametrize("first", range(1_000, 3_000, 100))
async def test_books_equal_the_venues_after_2000_runs(first, opened, traders, localnet, source):
    await runs(range(first, first + 100), opened, traders, localnet, source)
