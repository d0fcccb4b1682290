"""The client: markets, books, balances and orders of one venue on one chain.

::

    async with AsyncTegro(Settings.load().environment("testnet"), signer=LocalSigner(key)) as tegro:
        market = await tegro.market("WETH_USDC")
        outcome = await tegro.place(OrderRequest(market=market, side=Side.BUY, price=..., quantity=...))
"""

import logging
import random
import secrets
import time
from collections.abc import Callable, Iterable, Sequence
from decimal import Decimal
from functools import lru_cache
from types import TracebackType
from typing import Final, Self
from weakref import WeakSet

import aiohttp

from tegro import wire
from tegro.allowance import AllowanceManager
from tegro.eip712 import CancelMessage, Domain, OrderMessage, order_message, parse_address
from tegro.errors import Closed, InvalidInput, JournalFailure, NotConnected, SigningRefused
from tegro.journal import Journal, JournalEntry, MemoryJournal
from tegro.model import Balance, BookSnapshot, Chain, Market, Order, OrderRequest, Side, Ticker, Token, Trade
from tegro.outcome import Cancelled, CancelOutcome, PlaceOutcome, Rejected
from tegro.paging import PAGE_SIZE, all_rows
from tegro.rest import RestClient
from tegro.settings import Environment
from tegro.signer import Signer
from tegro.stream import EventStream

_log = logging.getLogger(__name__)

OPEN_STATUSES: Final = ("active",)
"""The filter word for orders that rest in the book; it differs from the word in the order (protocol 4.12)."""


def _now_ms() -> int:
    return time.time_ns() // 1_000_000


class AsyncTegro:
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
    session
        Used, never closed. None makes one, which is closed with the client.
    clock_ms
        Unix time in milliseconds.
    rng
        Randomness of order salts and of the waits between tries. None takes the operating system's.
    """

    def __init__(
        self,
        environment: Environment,
        *,
        signer: Signer | None = None,
        journal: Journal | None = None,
        session: aiohttp.ClientSession | None = None,
        clock_ms: Callable[[], int] = _now_ms,
        rng: random.Random | None = None,
    ) -> None:
        self.environment = environment
        self.journal: Journal = journal if journal is not None else MemoryJournal()
        self._signer = signer
        self._session = session
        self._owns_session = session is None
        self._clock_ms = clock_ms
        self._rng = rng or secrets.SystemRandom()
        self._rest: RestClient | None = None
        self._allowances: AllowanceManager | None = None
        self._streams: WeakSet[EventStream] = WeakSet()
        self._chain: Chain | None = None
        self._pin_failure: str | None = None
        self._markets: list[Market] | None = None
        self._is_closed = False

    async def __aenter__(self) -> Self:
        self._require_rest()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.aclose()

    async def aclose(self) -> None:
        """Close the streams and the connections that this client made. May be repeated."""
        self._is_closed = True
        for stream in list(self._streams):
            await stream.aclose()
        if self._allowances is not None:
            await self._allowances.aclose()
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
            self._allowances = AllowanceManager(self.environment, self._require_signer(), self.chain)
        return self._allowances

    # Markets

    async def chains(self) -> list[Chain]:
        """Return every chain that the venue lists, read anew.

        Raises
        ------
        SigningRefused
            If the venue has changed the exchange contract of our chain since this client first saw it. From then on
            nothing is signed any more.
        """
        chains = await self._require_rest().chains()
        for chain in chains:
            if chain.id == self.environment.chain_id:
                self._pin(chain)
        return chains

    async def chain(self) -> Chain:
        """Return the chain of the environment, as this client first saw it.

        Raises
        ------
        InvalidInput
            If the venue does not list it: the settings name the wrong venue or the wrong chain.
        SigningRefused
            As in `chains`.
        """
        if self._chain is None:
            listed = await self.chains()
            if self._chain is None:
                names = ", ".join(f"{chain.name} ({chain.id})" for chain in listed) or "none"
                env = self.environment
                raise InvalidInput(
                    f"the venue at {env.rest_url} does not list chain {env.chain_id} ({env.chain}); it lists {names}"
                )
        if self._pin_failure is not None:
            raise SigningRefused(self._pin_failure)
        return self._chain

    async def markets(self, *, refresh: bool = False) -> list[Market]:
        """Return every verified market of the chain, from all pages, by volume.

        Parameters
        ----------
        refresh
            False answers from memory after the first call.
        """
        rest = self._require_rest()
        if self._markets is None or refresh:
            self._markets = await all_rows(
                lambda page: rest.market_page(self.environment.chain_id, page=page, page_size=PAGE_SIZE),
                lambda market: market.id,
            )
        return list(self._markets)

    async def market(self, symbol: str) -> Market:
        """Return a market by its symbol (`WETH_USDC`) or its id.

        A symbol that is not known is looked for anew once, since it may just have been listed.

        Raises
        ------
        InvalidInput
            If there is none, or the symbol belongs to several markets; then give the id.
        """
        found = _named(await self.markets(), symbol) or _named(await self.markets(refresh=True), symbol)
        if not found:
            raise InvalidInput(f"there is no market {symbol!r} on {self.environment.chain}; `tegro markets` lists all")
        if len(found) > 1:
            ids = ", ".join(market.id for market in found)
            raise InvalidInput(f"the symbol {symbol!r} belongs to {len(found)} markets; name one by its id: {ids}")
        return found[0]

    async def ticker(self, symbol: str) -> Ticker:
        """Return a market's last 24 hours. Errors as in `market`."""
        market = await self.market(symbol)
        return await self._require_rest().ticker(market.chain_id, market.id)

    async def book(self, symbol: str) -> BookSnapshot:
        """Return a market's whole order book. Errors as in `market`."""
        return await self._require_rest().book(await self.market(symbol))

    async def public_trades(self, symbol: str, *, limit: int = 50) -> list[Trade]:
        """Return a market's latest trades, `limit` at most. Errors as in `market`."""
        return await self._require_rest().public_trades(await self.market(symbol), limit=limit)

    # A wallet

    async def balances(self, wallet: str | None = None) -> list[Balance]:
        """Return what a wallet holds of every token that the venue tracks for it; None means the signer's wallet."""
        return await self._require_rest().portfolio(self.environment.chain_id, self._wallet_or(wallet))

    async def balance(self, token: Token, wallet: str | None = None) -> Decimal:
        """Return what a wallet holds of one token, in human units; None means the signer's wallet."""
        rest = self._require_rest()
        return await rest.balance(self.environment.chain_id, self._wallet_or(wallet), token.address)

    async def orders(
        self, wallet: str | None = None, *, statuses: Sequence[str] = (), market: Market | None = None
    ) -> list[Order]:
        """Return a wallet's orders, from all pages.

        Parameters
        ----------
        wallet
            None means the signer's wallet.
        statuses
            The venue's filter words: `active`, `completed`, `cancelled`, `matched`; empty means no filter.
        market
            None means every market of the chain.
        """
        rest, owner = self._require_rest(), self._wallet_or(wallet)

        async def read_page(page: int) -> tuple[list[Order], int]:
            rows = await rest.order_page(
                self.environment.chain_id,
                owner,
                page=page,
                page_size=PAGE_SIZE,
                market_id=market.id if market is not None else None,
                statuses=statuses,
            )
            return rows, len(rows)

        return await all_rows(read_page, lambda order: order.order_id)

    async def order(self, order_id: str, wallet: str | None = None) -> Order | None:
        """Return one order of a wallet; None where the venue lists none with this id."""
        return await self._require_rest().order(self.environment.chain_id, self._wallet_or(wallet), order_id)

    async def order_by_hash(self, order_hash: str) -> Order | None:
        """Return the signer's order with this hash; None where no list of the venue has it.

        The venue has no look-up by hash, so this reads the open orders, then all of them. That the order is not there
        is weak evidence: one that was signed without an expiry may still arrive.
        """
        wanted = order_hash.lower()
        for statuses in (OPEN_STATUSES, ()):
            for order in await self.orders(statuses=statuses):
                if order.order_hash == wanted:
                    return order
        return None

    async def trades_of(self, order_id: str) -> list[Trade]:
        """Return the fills of an order; none yet is an empty list."""
        return await self._require_rest().trades_of(order_id)

    # Writes

    async def place(self, request: OrderRequest) -> PlaceOutcome:
        """Sign an order and send it, once: one HTTP request, after the chain was read once in a client's life.

        The order is in the journal before it leaves. If the outcome is `Unknown`, or this call is cancelled, the order
        may be live: do not send it again, look for its hash (`order_by_hash`).

        Raises
        ------
        InvalidInput
            If price, quantity or value is one that the venue must refuse. Nothing was signed.
        SigningRefused
            If the venue changed its exchange contract, or the signer will not sign. Nothing was sent.
        NotConnected
            If no connection could be made. The order did not leave this machine.
        """
        rest, signer = self._require_rest(), self._require_signer()
        chain = await self.chain()
        message = order_message(request, maker=signer.address, domain=_domain(chain), salt=self._salt())
        _require_minimum_value(request.market, message, chain)
        signature = await signer.sign_typed(message)
        self.journal.record_signed(self._entry(request, message, signature))
        try:
            outcome = await rest.place(_place_body(request, message, signature))
        except NotConnected as error:
            self._record(Rejected(order_hash=message.order_hash, reason=f"never sent: {error}"))
            raise
        self._record(outcome)
        return outcome

    async def cancel(self, order_ids: Sequence[str]) -> CancelOutcome:
        """Cancel orders by their ids: one signature, one HTTP request. It may be repeated.

        Raises
        ------
        InvalidInput
            If no id is given.
        SigningRefused, NotConnected
            As in `place`.
        """
        rest, signer = self._require_rest(), self._require_signer()
        unique = tuple(dict.fromkeys(order_ids))
        if not unique:
            raise InvalidInput("give at least one order id to cancel")
        chain = await self.chain()
        wallet = signer.address.lower()
        message = CancelMessage(order_ids=unique, user=wallet, domain=_domain(chain))
        signature = await signer.sign_typed(message)
        return await rest.cancel(wire.CancelBody(user_address=wallet, order_ids=list(unique), signature=signature))

    async def cancel_all(self, market: Market | None = None) -> CancelOutcome:
        """Cancel the signer's open orders, on one market or (None) on the whole chain.

        It lists them and signs the list of ids. The venue's own cancel-all takes a signature that never changes, so
        whoever saw it once could use it again (protocol 4.11). Errors as in `cancel`.
        """
        self._require_signer()
        resting = [order.order_id for order in await self.orders(statuses=OPEN_STATUSES, market=market)]
        return await self.cancel(resting) if resting else Cancelled(cancelled=(), not_cancelled=())

    def stream(self, markets: Iterable[Market] = (), wallets: Iterable[str] = ()) -> EventStream:
        """Return a stream of the events of markets and wallets. It is closed with the client at the latest."""
        session = self._require_session()
        checked = [parse_address(wallet) for wallet in wallets]
        stream = EventStream(self.environment, session, markets=markets, wallets=checked, rng=self._rng)
        self._streams.add(stream)
        return stream

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
            self._rest = RestClient(self.environment, session, rng=self._rng)
        return self._rest

    def _require_signer(self) -> Signer:
        if self._signer is None:
            raise InvalidInput("this needs a wallet: make the client with a signer")
        return self._signer

    def _wallet_or(self, wallet: str | None) -> str:
        return parse_address(wallet) if wallet is not None else self._require_signer().address.lower()

    def _pin(self, chain: Chain) -> None:
        if self._chain is None:
            self._chain = chain
        elif chain.exchange_contract != self._chain.exchange_contract:
            self._pin_failure = (
                f"the venue now names {chain.exchange_contract} as exchange contract of chain {chain.id}, "
                f"but this client began with {self._chain.exchange_contract}; nothing more is signed until a restart"
            )
            raise SigningRefused(self._pin_failure)

    def _salt(self) -> int:
        # 63 bits: unique enough for any wallet, and it fits the signed column of a venue that should keep it in one.
        return self._rng.getrandbits(63)

    def _entry(self, request: OrderRequest, message: OrderMessage, signature: str) -> JournalEntry:
        return JournalEntry(
            order_hash=message.order_hash,
            maker=message.maker,
            chain_id=request.market.chain_id,
            market_id=request.market.id,
            client_order_id=request.client_order_id,
            raw_order_data=message.raw_order_data(),
            signature=signature,
            side=request.side,
            price=request.price,
            quantity=request.quantity,
            signed_at_ms=self._clock_ms(),
        )

    def _record(self, outcome: PlaceOutcome) -> None:
        try:
            self.journal.record_outcome(outcome.order_hash, outcome)
        except (JournalFailure, Closed) as error:
            # The order's fate is known here and now; a full disk must not hide it from the caller.
            _log.error("the outcome of order %s was not written down: %s", outcome.order_hash, error)


def _domain(chain: Chain) -> Domain:
    return _domain_of(chain.id, chain.exchange_contract)


@lru_cache(maxsize=16)
def _domain_of(chain_id: int, exchange_contract: str) -> Domain:
    """Return one value per contract: it keeps its separator, which every order would otherwise hash again."""
    return Domain(chain_id=chain_id, verifying_contract=exchange_contract)


def _named(markets: Iterable[Market], symbol: str) -> list[Market]:
    return [market for market in markets if symbol in (market.symbol, market.id)]


def _require_minimum_value(market: Market, message: OrderMessage, chain: Chain) -> None:
    # The minimum is stated in the chain's default quote token; what it is in another one is not known.
    if market.quote.address != chain.default_quote_address:
        return
    value_wei = market.quote_wei(message.price_e18, message.total_quantity_wei)
    if value_wei < chain.min_order_value_wei:
        least = market.quote.from_wei(chain.min_order_value_wei)
        value = market.quote.from_wei(value_wei)
        raise InvalidInput(
            f"an order on {market.symbol} must be worth at least {least} {market.quote.symbol}, was {value}"
        )


def _place_body(request: OrderRequest, message: OrderMessage, signature: str) -> wire.PlaceOrderBody:
    market, is_buy = request.market, request.side is Side.BUY
    paid, received = (market.quote, market.base) if is_buy else (market.base, market.quote)
    return wire.PlaceOrderBody(
        chain_id=market.chain_id,
        base_asset=paid.address,
        quote_asset=received.address,
        side=1 if is_buy else 0,
        volume_precision=str(message.total_quantity_wei),
        price_precision=str(message.price_e18),
        order_hash=message.order_hash,
        raw_order_data=message.raw_order_data(),
        signature=signature,
        market_id=market.id,
        market_symbol=market.symbol,
    )
