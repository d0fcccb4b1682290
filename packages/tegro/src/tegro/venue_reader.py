"""Everything that is read of a venue: markets, books, trades, and what a wallet has there. Nothing here signs."""

import asyncio
from abc import ABC, abstractmethod
from collections.abc import Iterable, Sequence
from decimal import Decimal
from typing import Final

from tegro.eip712 import parse_address
from tegro.errors import InvalidInput
from tegro.model import (
    Balance,
    BookSnapshot,
    ChartBar,
    Fill,
    Market,
    Order,
    Ticker,
    Token,
    Trade,
)
from tegro.paging import PAGE_SIZE, all_rows
from tegro.rest import RestClient
from tegro.settings import Environment

OPEN_STATUSES: Final = ("active",)
"""The filter word for orders that rest in the book; it differs from the word in the order (protocol 4.12)."""
CONCURRENCY: Final = 8
"""Reads of one call that are under way at a time."""


class VenueReader(ABC):
    """The reading half of `AsyncTegro`. Reads may be repeated; each raises as `tegro.errors` says.

    Parameters
    ----------
    environment
        The venue and the chain.
    """

    def __init__(self, environment: Environment) -> None:
        self.environment = environment
        self._markets: dict[str, Market] | None = None

    @property
    @abstractmethod
    def wallet(self) -> str | None:
        """Address of the signer, in checksum case; None without one."""

    @abstractmethod
    def _require_rest(self) -> RestClient:
        """Return the requests to the venue, or refuse where the client is closed."""

    @abstractmethod
    def _observe(self, orders: Iterable[Order], wallet: str) -> None:
        """Take notice of what the venue says of a wallet's orders."""

    # Markets

    async def markets(self, *, refresh: bool = False) -> list[Market]:
        """Return every verified market of the chain, from all pages, by volume.

        Parameters
        ----------
        refresh
            False answers from memory after the first call.
        """
        rest = self._require_rest()
        if self._markets is None or refresh:
            found = await all_rows(
                lambda page: rest.market_page(self.environment.chain_id, page=page, page_size=PAGE_SIZE),
                lambda market: market.id,
            )
            self._markets = {market.id: market for market in found}
        return list(self._markets.values())

    def known_market(self, market_id: str) -> Market | None:
        """Return a market by its id if `markets` was read before and has it; else None."""
        return self._markets.get(market_id) if self._markets is not None else None

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

    async def tickers(self) -> list[tuple[Market, Ticker]]:
        """Return every verified market of the chain with its last 24 hours, from all pages, by volume."""
        rest = self._require_rest()
        return await all_rows(
            lambda page: rest.ticker_page(self.environment.chain_id, page=page, page_size=PAGE_SIZE),
            lambda row: row[0].id,
        )

    async def book(self, symbol: str) -> BookSnapshot:
        """Return a market's whole order book. Errors as in `market`."""
        return await self._require_rest().book(await self.market(symbol))

    async def public_trades(self, symbol: str, *, limit: int = 50) -> list[Trade]:
        """Return a market's latest trades, `limit` at most. Errors as in `market`."""
        return await self._require_rest().public_trades(await self.market(symbol), limit=limit)

    async def chart(self, symbol: str, *, interval_secs: int, start_ms: int, end_ms: int) -> list[ChartBar]:
        """Return the venue's own chart bars that open in a time, both ends included (protocol 10).

        The venue draws 300, 900, 3600, 14400, 86400 and 604800 seconds; `AsyncTegro.candles` gives sixteen intervals.
        Errors as in `market`.
        """
        market = await self.market(symbol)
        return await self._require_rest().chart(market, interval_secs=interval_secs, start_ms=start_ms, end_ms=end_ms)

    async def is_healthy(self) -> bool:
        """Return whether the venue's health check answers (protocol 4.16).

        Raises
        ------
        NotConnected
            If nothing answers at all.
        """
        return await self._require_rest().is_healthy()

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

        found = await all_rows(read_page, lambda order: order.order_id)
        self._observe(found, owner)
        return found

    async def order(self, order_id: str, wallet: str | None = None) -> Order | None:
        """Return one order of a wallet; None where the venue lists none with this id."""
        owner = self._wallet_or(wallet)
        found = await self._require_rest().order(self.environment.chain_id, owner, order_id)
        if found is not None:
            self._observe([found], owner)
        return found

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

    async def fills(self, wallet: str | None = None, *, market: Market | None = None) -> list[Fill]:
        """Return a wallet's fills, oldest first: one for each side that the wallet had in a trade.

        The venue lists trades by order only, so this asks once for each order that has matched.

        Parameters
        ----------
        wallet
            None means the signer's wallet.
        market
            None means every market of the chain.
        """
        owner = self._wallet_or(wallet)
        matched = [order for order in await self.orders(owner, market=market) if order.filled + order.pending > 0]
        asking = asyncio.Semaphore(CONCURRENCY)

        async def fills_of(order: Order) -> list[Fill]:
            async with asking:
                return [Fill(order=order, trade=trade) for trade in await self.trades_of(order.order_id)]

        found = [fill for fills in await asyncio.gather(*map(fills_of, matched)) for fill in fills]
        return sorted(found, key=lambda fill: (fill.trade.timestamp_ms, fill.trade.trade_id))

    def _wallet_or(self, wallet: str | None) -> str:
        if wallet is not None:
            return parse_address(wallet)
        if self.wallet is None:
            raise InvalidInput("this needs a wallet: make the client with a signer, or name an address")
        return self.wallet.lower()


def _named(markets: Iterable[Market], symbol: str) -> list[Market]:
    return [market for market in markets if symbol in (market.symbol, market.id)]
