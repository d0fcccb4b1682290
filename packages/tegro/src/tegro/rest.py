"""The venue's REST API: one method per endpoint, model values in and out.

Reads are repeated within a small budget. Writes are sent exactly once, whatever happens: an answer that is not
definite leaves the order's fate open (`tegro.outcome`).
"""

import asyncio
import logging
import random
from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from typing import Final

import aiohttp
import msgspec
from msgspec import Raw, Struct

from tegro import convert, wire
from tegro.backoff import Sleep
from tegro.errors import BadReply, Refused
from tegro.model import Balance, BookSnapshot, Chain, ChartBar, Market, Order, Ticker, Trade
from tegro.outcome import (
    Accepted,
    Cancelled,
    CancelOutcome,
    CancelRejected,
    CancelUnknown,
    PlaceOutcome,
    Rejected,
    Unknown,
)
from tegro.settings import Environment
from tegro.transport import Lost, ReadPolicy, Reply, Timeouts, Transport

_log = logging.getLogger(__name__)

_EXCHANGE: Final = "v1/exchange"
_ORDERS: Final = "v1/trading/market/orders"
_ENVELOPE_NAMES: Final = frozenset({"data", "message", "success"})
_UNREADABLE: Final = (msgspec.DecodeError, ValueError, RecursionError)


class RestClient:
    """Requests to one venue.

    Parameters
    ----------
    environment
        Where to. Its headers go with every request, to this host alone.
    session
        Used, never closed.
    reads, timeouts
        Limits of repetition and of time; None means the defaults.
    sleep, rng
        For the waits between reads; passed in so that a test need not wait.
    """

    def __init__(
        self,
        environment: Environment,
        session: aiohttp.ClientSession,
        *,
        reads: ReadPolicy | None = None,
        timeouts: Timeouts | None = None,
        sleep: Sleep = asyncio.sleep,
        rng: random.Random | None = None,
    ) -> None:
        self._transport = Transport(
            environment.rest_url,
            session,
            headers=environment.headers,
            reads=reads or ReadPolicy(),
            timeouts=timeouts or Timeouts(),
            sleep=sleep,
            rng=rng or random.Random(),  # noqa: S311  jitter, nothing secret
        )

    async def chains(self) -> list[Chain]:
        """Return the chains that the venue lists (protocol 4.1). A row that cannot be read is left out and logged."""
        path = f"{_EXCHANGE}/chain/list"
        rows = await self._get(path, {}, list[Raw])
        return _readable(path, rows, wire.ChainInfo, convert.chain_of)

    async def market_page(self, chain_id: int, *, page: int, page_size: int) -> tuple[list[Market], int]:
        """Return one page of the verified markets, and how many rows it had (protocol 4.2).

        A row that cannot be read is left out and logged, so that one odd listing does not hide the others.
        """
        return await self._market_page(lambda info: convert.market_of(info, chain_id), chain_id, page, page_size)

    async def ticker_page(self, chain_id: int, *, page: int, page_size: int) -> tuple[list[tuple[Market, Ticker]], int]:
        """Return what `market_page` does, each market with its last 24 hours: the venue sends both in one row."""

        def both_of(info: wire.MarketInfo) -> tuple[Market, Ticker]:
            return convert.market_of(info, chain_id), convert.ticker_of(info)

        return await self._market_page(both_of, chain_id, page, page_size)

    async def ticker(self, chain_id: int, market_id: str) -> Ticker:
        """Return a market's last 24 hours (protocol 4.3)."""
        path = f"{_EXCHANGE}/{chain_id}/market/{market_id}"
        return _converted(path, convert.ticker_of, await self._get(path, {}, wire.MarketInfo))

    async def market(self, chain_id: int, market_id: str) -> Market:
        """Return one market by its id (protocol 4.3)."""
        path = f"{_EXCHANGE}/{chain_id}/market/{market_id}"
        info = await self._get(path, {}, wire.MarketInfo)
        return _converted(path, lambda info: convert.market_of(info, chain_id), info)

    async def markets_named(self, chain_id: int, symbol: str) -> list[Market]:
        """Return the markets with a symbol, which need not be verified: none, one, or namesakes (protocol 4.2).

        A venue that does not know the filter sends others too; they are left out.
        """
        path = f"{_EXCHANGE}/{chain_id}/market/list"
        rows = await self._get(path, {"market_symbol": symbol}, list[Raw])
        markets = _readable(path, rows, wire.MarketInfo, lambda info: convert.market_of(info, chain_id))
        return [market for market in markets if market.symbol == symbol]

    async def book(self, market: Market) -> BookSnapshot:
        """Return a whole order book (protocol 4.4)."""
        path = "v1/orderbook/depth"
        query = {"chain_id": str(market.chain_id), "market_id": market.id}
        return await self._read(path, query, lambda body: convert.read_snapshot(body, market.symbol))

    async def public_trades(self, market: Market, *, limit: int) -> list[Trade]:
        """Return a market's latest trades (protocol 4.5)."""
        path = f"{_EXCHANGE}/{market.chain_id}/market/trades"
        query = {"market_id": market.id, "chain_id": str(market.chain_id), "limit": str(limit)}
        return await self._get_all(path, query, wire.TradeInfo, convert.trade_of)

    async def chart(self, market: Market, *, interval_secs: int, start_ms: int, end_ms: int) -> list[ChartBar]:
        """Return a market's candles of one of the six intervals that open in a time, in any order (protocol 10).

        An interval in which nothing traded has none. Both ends are Unix milliseconds and belong to the time.

        Raises
        ------
        Refused
            Among others, for an interval that the venue does not serve.
        """
        path = f"{_EXCHANGE}/{market.chain_id}/market/chart"
        # All that the web page sends, the only client known; which of it the venue needs is not known.
        query = {
            "chain_id": str(market.chain_id),
            "market_id": market.id,
            "base_asset": market.base.address,
            "quote_asset": market.quote.address,
            "interval": str(interval_secs),
            "from": str(start_ms),
            "to": str(end_ms),
        }
        return await self._get_all(path, query, wire.ChartBar, convert.chart_bar_of)

    async def order_page(
        self,
        chain_id: int,
        wallet: str,
        *,
        page: int,
        page_size: int,
        market_id: str | None = None,
        statuses: Sequence[str] = (),
    ) -> list[Order]:
        """Return one page of a wallet's orders (protocol 4.12)."""
        query = {"chain_id": str(chain_id)} | _page(page, page_size)
        if market_id is not None:
            query["market_id"] = market_id
        if statuses:
            query["statuses"] = ",".join(statuses)
        return await self._get_all(f"{_ORDERS}/user/{wallet.lower()}", query, wire.OrderInfo, convert.order_of)

    async def order(self, chain_id: int, wallet: str, order_id: str) -> Order | None:
        """Return one order of a wallet; None where the venue lists none with this id (protocol 4.12)."""
        query = {"chain_id": str(chain_id), "order_id": order_id}
        found = await self._get_all(f"{_ORDERS}/user/{wallet.lower()}", query, wire.OrderInfo, convert.order_of)
        return next((order for order in found if order.order_id == order_id), None)

    async def trades_of(self, order_id: str) -> list[Trade]:
        """Return the fills of an order (protocol 4.13)."""
        return await self._get_all(f"{_ORDERS}/trades/{order_id}", {}, wire.TradeInfo, convert.trade_of)

    async def portfolio(self, chain_id: int, wallet: str) -> list[Balance]:
        """Return what a wallet holds of every token that the venue tracks for it (protocol 4.14)."""
        path = f"v1/accounts/{chain_id}/{wallet.lower()}/portfolio"
        return await self._get_all(path, {}, wire.PortfolioEntry, convert.balance_of)

    async def balance(self, chain_id: int, wallet: str, token_address: str) -> Decimal:
        """Return what a wallet holds of one token, in human units (protocol 4.15)."""
        path = f"v1/accounts/{chain_id}/balances/{wallet.lower()}/{token_address.lower()}"
        return _converted(path, convert.amount_of, await self._get(path, {}, Raw))

    async def is_healthy(self) -> bool:
        """Return whether the venue's health check answers (protocol 4.16). False where it refuses.

        Raises
        ------
        NotConnected
            If no answer came.
        """
        try:
            await self._transport.get("v1/trading/health", {})
        except Refused:
            return False
        return True

    async def generate_order(self, body: wire.GenerateOrderBody) -> wire.OrderToSign:
        """Return the order that the venue proposes to sign (protocol 4.7).

        Never sign it as it is: `tegro.offered.check_offered_order`. Nothing changes at the venue, so this is repeated
        and fails as a read does.
        """
        return await self._ask(f"{_ORDERS}/typedData/generate", body, wire.OrderToSign)

    async def generate_cancel(self, body: wire.GenerateCancelBody) -> wire.CancelToSign:
        """Return the cancel that the venue proposes to sign (protocol 4.9); as `generate_order`.

        Raises
        ------
        Refused
            Among others, if one of the orders is not open (`Orders not found`).
        """
        return await self._ask(f"{_ORDERS}/typedData/generateCancelOrder", body, wire.CancelToSign)

    async def place(self, body: wire.PlaceOrderBody) -> PlaceOutcome:
        """Send a signed order, once (protocol 4.8). Never repeat it while the outcome is `Unknown`.

        Raises
        ------
        NotConnected
            If the connection was never made: the order did not leave this machine.
        """
        answer = await self._transport.post(f"{_ORDERS}/place", wire.encode(body))
        if isinstance(answer, Lost):
            return Unknown(order_hash=body.order_hash, cause=answer.cause)
        if answer.is_definite_refusal:
            return Rejected(order_hash=body.order_hash, reason=answer.text)
        if not answer.is_success:
            return Unknown(order_hash=body.order_hash, cause=_told(answer))
        try:
            order = convert.order_of(wire.decode(_bare(answer.body), wire.OrderInfo))
        except _UNREADABLE as error:
            return Unknown(order_hash=body.order_hash, cause=f"the venue's answer could not be read: {error}")
        if not order.order_id or order.order_hash not in (body.order_hash, ""):
            return Unknown(order_hash=body.order_hash, cause="the venue's answer is not about this order")
        return Accepted(order_hash=body.order_hash, order_id=order.order_id, order=order)

    async def cancel(self, body: wire.CancelBody) -> CancelOutcome:
        """Send a signed cancel, once (protocol 4.10). It may be sent again.

        Raises
        ------
        NotConnected
            If the connection was never made.
        """
        order_ids = tuple(body.order_ids)
        named = await self._cancelled_by("cancel", body, order_ids)
        if isinstance(named, CancelRejected | CancelUnknown):
            return named
        return Cancelled(
            cancelled=tuple(each for each in order_ids if each in (named or ())),
            not_cancelled=tuple(each for each in order_ids if each not in (named or ())),
        )

    async def cancel_all(self, body: wire.CancelAllBody) -> CancelOutcome:
        """Ask the venue to cancel every order of a wallet on a chain, once (protocol 4.11). It may be sent again.

        Its signature is over a text that never changes: whoever saw it once can use it again, at any time, to cancel
        all orders of the wallet. `cancel` with a list of ids has no such weakness.

        No client is known to read the answer, so an answer that names no orders is `CancelUnknown`: read the orders.

        Raises
        ------
        NotConnected
            If the connection was never made.
        """
        named = await self._cancelled_by("cancel-all", body, ())
        if isinstance(named, CancelRejected | CancelUnknown):
            return named
        if named is None:
            return CancelUnknown(order_ids=(), cause="the venue said yes, but not which orders it cancelled")
        return Cancelled(cancelled=tuple(named), not_cancelled=())

    async def _cancelled_by(
        self, endpoint: str, body: Struct, order_ids: tuple[str, ...]
    ) -> list[str] | CancelRejected | CancelUnknown | None:
        """Send a cancel once; return the ids that the venue says it cancelled, None where it names none."""
        answer = await self._transport.post(f"{_ORDERS}/{endpoint}", wire.encode(body))
        if isinstance(answer, Lost):
            return CancelUnknown(order_ids=order_ids, cause=answer.cause)
        if answer.is_definite_refusal:
            return refused_cancel(order_ids, answer.text)
        if not answer.is_success:
            return CancelUnknown(order_ids=order_ids, cause=_told(answer))
        try:
            return wire.decode(_bare(answer.body), wire.CancelReply).cancelled_order_ids
        except _UNREADABLE as error:
            return CancelUnknown(order_ids=order_ids, cause=f"the venue's answer could not be read: {error}")

    async def _market_page[M](
        self, convert_one: Callable[[wire.MarketInfo], M], chain_id: int, page: int, page_size: int
    ) -> tuple[list[M], int]:
        path = f"{_EXCHANGE}/{chain_id}/market/list"
        # What Hummingbot's connector asked for: the only form that is known to have run.
        query = {"sort_order": "desc", "sort_by": "volume", "verified": "true"} | _page(page, page_size)
        rows = await self._get(path, query, list[Raw])
        return _readable(path, rows, wire.MarketInfo, convert_one), len(rows)

    async def _get[T](self, path: str, query: Mapping[str, str], shape: type[T]) -> T:
        return await self._read(path, query, lambda body: wire.decode(body, shape))

    async def _read[T](self, path: str, query: Mapping[str, str], read: Callable[[bytes | Raw], T]) -> T:
        body = await self._transport.get(path, query)
        try:
            return read(_bare(body))
        except _UNREADABLE as error:
            raise BadReply(f"GET {path} was answered in an unknown form: {error}") from None

    async def _ask[T](self, path: str, body: Struct, shape: type[T]) -> T:
        answer = await self._transport.ask(path, wire.encode(body))
        try:
            return wire.decode(_bare(answer), shape)
        except _UNREADABLE as error:
            raise BadReply(f"POST {path} was answered in an unknown form: {error}") from None

    async def _get_all[T, M](
        self, path: str, query: Mapping[str, str], shape: type[T], convert_one: Callable[[T], M]
    ) -> list[M]:
        # An empty list may come as null, as an empty book side does.
        rows = await self._get(path, query, list[Raw] | None)  # type: ignore[arg-type]
        return [_converted(path, convert_one, _decoded(path, row, shape)) for row in rows or ()]


def refused_cancel(order_ids: tuple[str, ...], reason: str) -> CancelRejected:
    """Return the outcome of a cancel that the venue refused for this reason (protocol 3.7)."""
    return CancelRejected(order_ids=order_ids, reason=reason, not_found="not found" in reason.lower())


def _page(page: int, page_size: int) -> dict[str, str]:
    return {"page": str(page), "page_size": str(page_size)}


def _bare(body: bytes) -> bytes | Raw:
    """Return the data inside the envelope that the venue used until July 2024, else the body (protocol 3.3)."""
    if b'"data"' not in body or not body.lstrip().startswith(b"{"):
        return body
    members = msgspec.json.decode(body, type=dict[str, Raw])
    return members["data"] if "data" in members and members.keys() <= _ENVELOPE_NAMES else body


def _decoded[T](path: str, row: Raw, shape: type[T]) -> T:
    try:
        return wire.decode(row, shape)
    except _UNREADABLE as error:
        raise BadReply(f"GET {path} was answered in an unknown form: {error}") from None


def _converted[T, M](path: str, convert_one: Callable[[T], M], value: T) -> M:
    try:
        return convert_one(value)
    except ValueError as error:
        raise BadReply(f"GET {path} was answered with a value that cannot be right: {error}") from None


def _readable[T, M](path: str, rows: Sequence[Raw], shape: type[T], convert_one: Callable[[T], M]) -> list[M]:
    values = []
    for row in rows:
        try:
            values.append(_converted(path, convert_one, _decoded(path, row, shape)))
        except BadReply as error:
            _log.warning("left out one row: %s", error)
    return values


def _told(answer: Reply) -> str:
    return f"the venue answered with HTTP {answer.status}: {answer.text}"
