"""The client: markets, books, balances and orders of one venue on one chain.

::

    async with AsyncTegro(Settings.load().environment("testnet"), signer=LocalSigner(key)) as tegro:
        market = await tegro.market("WETH_USDC")
        outcome = await tegro.place(OrderRequest(market=market, side=Side.BUY, price=..., quantity=...))
"""

import asyncio
import logging
import random
import secrets
import time
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from decimal import Decimal
from types import TracebackType
from typing import Self
from weakref import WeakSet

import aiohttp

from tegro.allowance import AllowanceManager, AllowanceState, ApprovalReceipt
from tegro.backoff import Sleep
from tegro.candles import Candle, CandleFeed, CandleStore, Interval, candle_history
from tegro.eip712 import parse_address
from tegro.errors import Closed, InvalidInput
from tegro.evm import EvmNode, Receipt
from tegro.journal import Journal, JournalEntry, MemoryJournal
from tegro.live_book import LiveBooks
from tegro.maker_only import TakenInstead
from tegro.market_orders import MarketResult
from tegro.model import (
    BookChange,
    Chain,
    Market,
    Order,
    OrderRequest,
    Side,
    Token,
)
from tegro.order_book import OrderBook
from tegro.outcome import CancelOutcome, NotSent, PlaceOutcome, Resolution
from tegro.panic import PanicPlan, PanicReport, panic
from tegro.pins import FirstUse, MemoryPins, PinBook
from tegro.resolver import ResolverPolicy
from tegro.rest import RestClient
from tegro.settings import Environment
from tegro.signer import Signer
from tegro.stream import EventStream, OrderEvent
from tegro.tracking import ObservedStream
from tegro.trader import Trader
from tegro.trust import Trust
from tegro.trusted_chain import TrustedChain
from tegro.venue_reader import CONCURRENCY, VenueReader

_log = logging.getLogger(__name__)


def _now_ms() -> int:
    return time.time_ns() // 1_000_000


class AsyncTegro(VenueReader):
    """A venue on one chain, for one wallet or for none.

    Nothing is sent before the first call. Close it with `aclose`, or use it in `async with`.

    Parameters
    ----------
    environment
        The venue and the chain (`Settings.environment`).
    signer
        The wallet. None allows everything that needs no signature; the calls about a wallet then take an address.
    journal
        Where signed orders are written down before they are sent; never closed here. None keeps them in memory, which
        a restart forgets.
    pins
        What the venue said of its contracts before (`tegro.pins`). None begins anew, and remembers it until the end.
    session
        Used, never closed. None makes one, which is closed with the client.
    on_first_use
        Told of what is pinned for the first time; None logs it.
    on_resolved
        Told, with the journal's entry as it was before, of each order whose fate the client has found out.
    on_taken
        Told of each limit-maker order that took on arrival; it is counted and logged in any case.
    policy
        Patience in looking for orders of unknown fate; None means the defaults.
    clock_ms, sleep
        Unix time in milliseconds; waits.
    rng
        Randomness of order salts and of the waits between tries. None takes the operating system's.
    """

    def __init__(
        self,
        environment: Environment,
        *,
        signer: Signer | None = None,
        journal: Journal | None = None,
        pins: PinBook | None = None,
        session: aiohttp.ClientSession | None = None,
        on_first_use: Callable[[FirstUse], None] | None = None,
        on_resolved: Callable[[JournalEntry, Resolution], None] | None = None,
        on_taken: Callable[[TakenInstead], None] | None = None,
        policy: ResolverPolicy | None = None,
        clock_ms: Callable[[], int] = _now_ms,
        sleep: Sleep = asyncio.sleep,
        rng: random.Random | None = None,
    ) -> None:
        super().__init__(environment)
        self.journal: Journal = journal if journal is not None else MemoryJournal()
        self.pins: PinBook = pins if pins is not None else MemoryPins(clock_ms=clock_ms)
        self._signer = signer
        self._session = session
        self._owns_session = session is None
        self._on_first_use = on_first_use or _tell
        self._on_resolved = on_resolved
        self._on_taken = on_taken
        self._policy = policy
        self._clock_ms = clock_ms
        self._sleep = sleep
        self._rng = rng or secrets.SystemRandom()
        self._node = EvmNode(environment.rpc_url, environment.chain_id) if environment.rpc_url is not None else None
        self._rest: RestClient | None = None
        self._trusted: TrustedChain | None = None
        self._trader: Trader | None = None
        self._allowances: AllowanceManager | None = None
        self._streams: WeakSet[EventStream] = WeakSet()
        self._live_books: WeakSet[LiveBooks] = WeakSet()
        self._is_closed = False

    async def __aenter__(self) -> Self:
        self._require_rest()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.aclose()

    async def aclose(self) -> None:
        """Close the streams and the connections that this client made, end what it does by itself. May be repeated."""
        self._is_closed = True
        for books in list(self._live_books):
            await books.aclose()
        for stream in list(self._streams):
            await stream.aclose()
        if self._trader is not None:
            await self._trader.aclose()
        if self._allowances is not None:
            await self._allowances.aclose()
        if self._node is not None:
            await self._node.aclose()
        if self._owns_session and self._session is not None:
            await self._session.close()

    @property
    def wallet(self) -> str | None:
        """Address of the signer, in checksum case; None without one."""
        return self._signer.address if self._signer is not None else None

    @property
    def allowances(self) -> AllowanceManager:
        """What the exchange contract may move of the wallet's tokens, and how to change it.

        Raises
        ------
        InvalidInput
            If the client has no signer, or the environment no `rpc_url`.
        Closed
            If the client was closed.
        """
        self._require_rest()
        if self._allowances is None:
            self._allowances = AllowanceManager(
                self.environment,
                self._require_signer(),
                self.chain,
                tokens=self._tokens,
                require_tokens=self._require_chain().require_tokens,
                node=self._node,
            )
        return self._allowances

    # Chains, live books

    async def chains(self) -> list[Chain]:
        """Return every chain that the venue lists, read anew.

        Raises
        ------
        SigningRefused
            If our chain's exchange contract is not the one that was pinned. From then on nothing is signed or approved
            until the change was confirmed (`pins`).
        """
        return await self._require_chain().listed()

    async def chain(self) -> Chain:
        """Return the chain of the environment. The venue is asked again from time to time.

        Raises
        ------
        InvalidInput
            If the venue does not list it: the settings name the wrong venue or the wrong chain.
        SigningRefused
            As in `chains`.
        """
        return await self._require_chain().get()

    async def fresh_book(self, market: Market) -> OrderBook:
        """Return a market's order book as it is now: a followed one that is not stale, else one read anew."""
        followed = self.followed_book(market)
        if followed is not None:
            return followed
        book = OrderBook(market.symbol)
        book.apply_snapshot(await self._require_rest().book(market))
        return book

    def followed_book(self, market: Market) -> OrderBook | None:
        """Return a market's book if `live_books` of this client follow it and it is not stale; else None."""
        for books in self._live_books or ():
            book = books.live(market)
            if book is not None:
                return book
        return None

    # Orders

    async def prepare(self, markets: Iterable[Market]) -> None:
        """Do now what the first order on these markets would otherwise wait for. May be repeated.

        It takes up what the journal has left open, pins the exchange contract and the tokens, reads their decimals from
        the chain, asks the venue in which form it takes orders, and reads the wallet's funds. From then on an order is
        one HTTP request.

        Raises
        ------
        SigningRefused
            As in `place`.
        TegroError
            If the venue or the node cannot be read.
        """
        await self._require_trader().prepare(markets)

    async def place(self, request: OrderRequest) -> PlaceOutcome:
        """Check an order, sign it and send it, once: one HTTP request where everything was read before (`prepare`).

        The order is in the journal before it leaves. If the outcome is `Unknown`, or this call is cancelled, the order
        may be live: do not send it again. The client looks for it (`resolve`), and what it may cost stays reserved.

        Raises
        ------
        InvalidInput
            If price, quantity or value is one that the venue must refuse, the wallet does not hold what it may cost, a
            limit-maker would trade at once, or it is a market order (`place_market`). Nothing was signed.
        LimitExceeded
            If a limit of the settings forbids it. Nothing was signed.
        AllowanceMissing
            If the exchange contract may not move enough. Nothing was signed.
        SigningRefused
            If the venue is not what was pinned, takes orders in another form than the one that is signed here, proposes
            something else than what was meant, or the signer will not sign. Nothing was sent.
        NotConnected
            If no connection could be made. The order did not leave this machine.
        """
        return await self._require_trader().place(request)

    async def place_many(
        self, requests: Sequence[OrderRequest], *, concurrency: int = CONCURRENCY
    ) -> list[PlaceOutcome | NotSent]:
        """Place several orders and return what became of each, in their order. One that fails stops no other.

        Parameters
        ----------
        concurrency
            How many are under way at a time.

        Raises
        ------
        InvalidInput
            If `concurrency` is below 1. What is wrong with an order is in its `NotSent`.
        """
        return await self._require_trader().place_many(requests, concurrency)

    async def place_market(
        self,
        market: Market,
        side: Side,
        quantity: Decimal,
        *,
        max_slippage_bps: int | None = None,
        client_order_id: str | None = None,
    ) -> MarketResult:
        """Buy or sell through the book at once, and cancel what does not match.

        The venue knows limit orders only (protocol 5.2), and its contract settles at the sell's limit (7.3). So a buy
        is one order at the worst price it needs, and a sell one order per bid level at that level's price.

        Parameters
        ----------
        quantity
            In base.
        max_slippage_bps
            How much worse than the best price the worst one may be; None takes the one of the settings.
        client_order_id
            Name of the first order; each further one gets a number behind it.

        Raises
        ------
        InvalidInput
            If nobody is on the other side, or what can be filled is worth too little. Nothing was signed.
        TegroError
            As in `place`, for the first order. What stops a later one is in the result.
        """
        return await self._require_trader().place_market(market, side, quantity, max_slippage_bps, client_order_id)

    async def cancel(self, order_ids: Sequence[str]) -> CancelOutcome:
        """Cancel orders by their ids: one signature, one HTTP request. It may be repeated.

        Raises
        ------
        InvalidInput
            If no id is given.
        SigningRefused, NotConnected
            As in `place`.
        """
        return await self._require_trader().cancel(order_ids)

    async def cancel_by_hash(self, order_hash: str) -> CancelOutcome:
        """Cancel an order of the journal whose id may not be known yet. It may be repeated.

        While the order's own fate is unknown the cancel waits, also over a restart, and is sent when the order shows
        up; the outcome is `CancelUnknown` then. Errors as in `cancel`, and `InvalidInput` for an order that this
        journal does not know.
        """
        return await self._require_trader().cancel_by_hash(order_hash)

    async def cancel_all(self, market: Market | None = None, *, by_endpoint: bool = False) -> CancelOutcome:
        """Cancel the signer's open orders, on one market or (None) on the whole chain.

        It lists them and signs the list of ids.

        Parameters
        ----------
        by_endpoint
            Use the venue's own cancel-all instead, for the whole chain. Its signature never changes: whoever sees it
            once can cancel this wallet's orders with it at any later time (protocol 4.11).

        Raises
        ------
        TegroError
            As in `cancel`.
        """
        return await self._require_trader().cancel_all(market, by_endpoint=by_endpoint)

    async def panic(
        self, *, on_chain: bool = False, revoke: bool = True, progress: Callable[[str], None] | None = None
    ) -> PanicReport:
        """Cancel everything, take the allowances back, and report what could still execute. It may be repeated.

        It goes on where a step fails, and says so in the report.

        Parameters
        ----------
        on_chain
            Also make the exchange contract refuse each order that is open or of unknown fate: one transaction for each.
        revoke
            Take back what the exchange contract may move: one transaction for each token. Without a node of the chain
            (`rpc_url`) this fails, and the report says so.
        progress
            Told what is done next, in a few words; None tells nobody.
        """
        trader = self._require_trader()

        async def take_back() -> Sequence[ApprovalReceipt]:
            return await self._pinned_allowances().revoke(None)

        async def what_is_left() -> Sequence[AllowanceState]:
            return await self._pinned_allowances().state(await self._tokens())

        plan = PanicPlan(
            cancel_on_chain=trader.cancel_on_chain if on_chain else None,
            revoke=take_back if revoke else None,
            allowances=what_is_left if self._node is not None else None,
        )
        return await panic(self, plan, progress=progress, sleep=self._sleep)

    async def cancel_on_chain(self, order_hash: str) -> Receipt | None:
        """Make the exchange contract refuse an order of the journal for ever. It may be repeated.

        The only cancel that does not rest on the venue's word. The wallet pays for the transaction.

        Returns
        -------
        Receipt or None
            None where the contract has finished the order already; nothing was sent then.

        Raises
        ------
        InvalidInput
            If the order is not in the journal, or the environment has no `rpc_url`.
        SigningRefused, ChainFailure
            As in `tegro.exchange_contract.ExchangeContract.cancel_order`.
        """
        return await self._require_trader().cancel_on_chain(order_hash)

    # Fates

    async def resolve(self, order_hash: str) -> Resolution:
        """Find out what became of an order whose outcome is `Unknown`, waiting for it. It may be repeated.

        Raises
        ------
        InvalidInput
            If the order is not in the journal.
        """
        return await self._require_trader().resolver.resolve(order_hash)

    async def resume(self) -> list[Resolution]:
        """Take up what an earlier run has left open, and return what became of each such order.

        The first write of a client does this too, in the background. Call it to know before trading goes on.
        """
        return await self._require_trader().resolver.resume()

    @property
    def maker_orders_taken(self) -> Mapping[str, int]:
        """How many limit-maker orders of this client took on arrival, by market symbol.

        Nothing at the venue enforces what they mean (protocol 5.2): the book may move between check and arrival.
        """
        return self._require_trader().maker_only.taken

    # Streams

    def stream(self, markets: Iterable[Market] = (), wallets: Iterable[str] = ()) -> EventStream:
        """Return a stream of the events of markets and wallets. It is closed with the client at the latest."""
        session = self._require_session()
        checked = [parse_address(wallet) for wallet in wallets]
        stream = ObservedStream(self.environment, session, markets=markets, wallets=checked, rng=self._rng)
        stream.observe = self._observe_event
        self._streams.add(stream)
        return stream

    def live_books(
        self,
        markets: Iterable[Market],
        wallets: Iterable[str] = (),
        *,
        on_change: Callable[[BookChange], None] | None = None,
    ) -> LiveBooks:
        """Return books of these markets that keep themselves right. They are closed with the client at the latest.

        While they are followed and right, limit-maker and market orders use them instead of reading a book.

        Parameters
        ----------
        on_change
            Told at once of each change, for who keeps a copy of the books (`LiveBooks`).

        Raises
        ------
        InvalidInput
            If two of the markets have the same symbol, or a wallet is no address.
        """
        books = LiveBooks(self, markets, wallets, sleep=self._sleep, rng=self._rng, on_change=on_change)
        self._live_books.add(books)
        return books

    async def candles(
        self,
        symbol: str,
        interval: Interval,
        *,
        start_ms: int | None = None,
        end_ms: int | None = None,
        limit: int | None = None,
        store: CandleStore | None = None,
    ) -> list[Candle]:
        """Return a market's candles, oldest first, without a gap; nothing is made up.

        Parameters
        ----------
        start_ms
            Unix milliseconds; the first candle holds this moment. Give it or `limit`.
        end_ms
            The candles open before it; None means now.
        limit
            How many candles, back from `end_ms`.
        store
            What was seen before; it learns what is read. None knows only what the venue shows now.

        Raises
        ------
        HistoryMissing
            If not everything of that time is known; `since_ms` says from when on it is.
        TegroError
            As in `tegro.candles.candle_history`.
        """
        market = await self.market(symbol)
        return await candle_history(
            self, market, interval, start_ms=start_ms, end_ms=end_ms, limit=limit, store=store, clock_ms=self._clock_ms
        )

    def candle_feed(
        self, market: Market, interval: Interval, *, history: int = 0, store: CandleStore | None = None
    ) -> CandleFeed:
        """Return a market's candles, first `history` closed ones of the past, then live. Close it, or use `async with`.

        Parameters
        ----------
        store
            Keeps what is seen for the next time. None keeps what is needed in memory.
        """
        return CandleFeed(self, market, interval, history=history, store=store, clock_ms=self._clock_ms, rng=self._rng)

    # Inside

    def _require_session(self) -> aiohttp.ClientSession:
        if self._is_closed:
            raise Closed("the client is closed")
        if self._session is None:
            # The venue's API uses no cookies; one that it set all the same must not tie calls together.
            self._session = aiohttp.ClientSession(cookie_jar=aiohttp.DummyCookieJar())
        return self._session

    def _require_rest(self) -> RestClient:
        session = self._require_session()
        if self._rest is None:
            self._rest = RestClient(self.environment, session, sleep=self._sleep, rng=self._rng)
        return self._rest

    def _require_signer(self) -> Signer:
        if self._signer is None:
            raise InvalidInput("this needs a wallet: make the client with a signer")
        return self._signer

    def _pinned_allowances(self) -> AllowanceManager:
        """Return the approvals of the contract that was pinned, even where the venue names another one now."""
        chain = self._require_chain()
        return AllowanceManager(
            self.environment, self._require_signer(), chain.pinned, tokens=self._tokens, node=self._node
        )

    async def _tokens(self) -> list[Token]:
        """Return the tokens of all markets, each once."""
        return list(dict.fromkeys(token for market in await self.markets() for token in (market.base, market.quote)))

    def _require_chain(self) -> TrustedChain:
        rest = self._require_rest()
        if self._trusted is None:
            trust = Trust(self.environment, self.pins, self._node, self._on_first_use)
            self._trusted = TrustedChain(self.environment, rest.chains, trust, clock_ms=self._clock_ms)
        return self._trusted

    def _require_trader(self) -> Trader:
        rest, signer = self._require_rest(), self._require_signer()
        if self._trader is None:
            self._trader = Trader(
                self.environment,
                venue=self,
                rest=rest,
                chain=self._require_chain(),
                node=self._node,
                signer=signer,
                journal=self.journal,
                on_resolved=self._on_resolved,
                on_taken=self._on_taken,
                policy=self._policy,
                clock_ms=self._clock_ms,
                sleep=self._sleep,
                rng=self._rng,
            )
        return self._trader

    def _observe(self, orders: Iterable[Order], wallet: str) -> None:
        """Let the trader, where there is one, see what the venue says of its orders."""
        if self._trader is not None and wallet == self._trader.wallet:
            for order in orders:
                self._trader.tracking.observe(order)

    def _observe_event(self, event: OrderEvent, wallets: Collection[str]) -> None:
        # An event does not say whose order it is; a stream that follows other wallets too could bring theirs.
        own = self.wallet
        if own is not None and (set(wallets) == {own.lower()} or self.journal.find(event.order.order_hash) is not None):
            self._observe([event.order], own.lower())


def _tell(use: FirstUse) -> None:
    _log.info("%s", use)
