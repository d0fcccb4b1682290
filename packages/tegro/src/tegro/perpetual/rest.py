"""The REST API of a perpetual venue: one method per endpoint, model values in and out.

Reads are repeated within a small budget. Writes are sent once; only one that the venue refused for its timestamp goes
out again, with a new one, because that refusal means that it was not taken (dialect 1.5).
"""

import asyncio
import random
import time
from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Final

import aiohttp
import msgspec

from tegro.backoff import Sleep
from tegro.errors import BadReply, InvalidInput, NotConnected, Refused
from tegro.perpetual import convert, wire
from tegro.perpetual.model import (
    Contract,
    DepthSnapshot,
    FundingRate,
    Income,
    MarginBalance,
    MarginType,
    MarkPrice,
    PerpetualCandle,
    PerpetualFill,
    PerpetualOrder,
    PerpetualTrade,
    Position,
    PositionMode,
)
from tegro.perpetual.outcome import (
    Accepted,
    Cancelled,
    CancelOutcome,
    CancelUnknown,
    NotOpen,
    PlaceOutcome,
    Rejected,
    Unknown,
)
from tegro.perpetual.settings import PerpetualEnvironment
from tegro.perpetual.signing import ApiKey
from tegro.transport import Lost, ReadPolicy, Reply, Request, Timeouts, Transport

RECV_WINDOW_MS: Final = 5000
"""How long after its timestamp a signed request is taken."""
MAX_CANDLES: Final = 1500
_UNREADABLE: Final = (msgspec.DecodeError, msgspec.ValidationError, ValueError, RecursionError)
_TIMESTAMP: Final = -1021
_UNKNOWN_ORDER: Final = -2011
_NO_SUCH_ORDER: Final = -2013
_OUTCOME_OPEN: Final = frozenset({-1000, -1001, -1006, -1007})
"""Codes that leave open whether the order was taken (1.9)."""
_NOT_EXECUTED: Final = frozenset({-1003, -1008, -1015})
"""Too many requests, overload: the order went no further (1.7, 1.8)."""
_NOT_AVAILABLE: Final = "Service Unavailable."
"""Of the three kinds of 503 the one that says that nothing was executed (1.7)."""


class PerpetualRest:
    """Requests to one perpetual venue.

    Parameters
    ----------
    environment
        Where to. Nothing signed leaves before its host was confirmed.
    session
        Used, never closed.
    api_key
        None for what needs none.
    reads, timeouts
        Limits of repetition and of time; None means the defaults.
    clock_ms
        This machine's time; the venue's is learned from `GET v1/time`.
    sleep, rng
        For the waits between reads; passed in so that a test need not wait.
    """

    def __init__(
        self,
        environment: PerpetualEnvironment,
        session: aiohttp.ClientSession,
        *,
        api_key: ApiKey | None = None,
        reads: ReadPolicy | None = None,
        timeouts: Timeouts | None = None,
        clock_ms: Callable[[], int] = lambda: time.time_ns() // 1_000_000,
        sleep: Sleep = asyncio.sleep,
        rng: random.Random | None = None,
    ) -> None:
        self._environment = environment
        self._api_key = api_key
        self._clock_ms = clock_ms
        self._ahead_ms: int | None = None
        self._transport = Transport(
            environment.rest_url,
            session,
            headers={},
            reads=reads or ReadPolicy(),
            timeouts=timeouts or Timeouts(),
            sleep=sleep,
            rng=rng or random.Random(),  # noqa: S311  jitter, nothing secret
            root="/fapi/",
        )

    # The market

    async def synchronise(self) -> None:
        """Learn how far the venue's clock is ahead of this machine's."""
        before_ms = self._clock_ms()
        told = await self._get("v1/time", {}, wire.ServerTime)
        self._ahead_ms = told.server_time - (before_ms + self._clock_ms()) // 2

    def venue_ms(self) -> int:
        """Return the venue's time, as far as it is known."""
        return self._clock_ms() + (self._ahead_ms or 0)

    async def contracts(self) -> list[Contract]:
        """Return every contract that can be read (3.3); others are left out."""
        info = await self._get("v1/exchangeInfo", {}, wire.ExchangeInfo)
        found = []
        for raw in info.symbols:
            try:
                found.append(convert.contract_of(wire.read(raw, wire.SymbolInfo)))
            except _UNREADABLE:
                continue
        return found

    async def depth(self, symbol: str, *, limit: int = 1000) -> DepthSnapshot:
        """Return a book (3.4); `limit` is 5, 10, 20, 50, 100, 500 or 1000."""
        told = await self._get("v1/depth", {"symbol": symbol, "limit": str(limit)}, wire.Depth)
        return convert.snapshot_of(told, symbol)

    async def last_price(self, symbol: str) -> Decimal:
        """Return the price of the last trade (3.11)."""
        return (await self._get("v2/ticker/price", {"symbol": symbol}, wire.LastPrice)).price

    async def trades(self, symbol: str, *, limit: int = 500) -> list[PerpetualTrade]:
        """Return the latest public trades, oldest first (3.6)."""
        rows = await self._get("v1/aggTrades", {"symbol": symbol, "limit": str(limit)}, list[wire.AggregateTrade])
        return [convert.trade_of(row, symbol) for row in rows]

    async def candles(
        self,
        symbol: str,
        interval: str,
        *,
        start_ms: int | None = None,
        end_ms: int | None = None,
        limit: int = 500,
    ) -> list[PerpetualCandle]:
        """Return candles by open time, both ends included, oldest first (3.7). The running one may be the last."""
        query = {"symbol": symbol, "interval": interval, "limit": str(limit)}
        query |= {
            name: str(value) for name, value in (("startTime", start_ms), ("endTime", end_ms)) if value is not None
        }
        rows = await self._get("v1/klines", query, list[wire.Kline])
        return [convert.candle_of(row, self.venue_ms()) for row in rows]

    async def mark_price(self, symbol: str) -> MarkPrice:
        """Return mark and index price and the coming funding (3.8)."""
        return convert.mark_of(await self._get("v1/premiumIndex", {"symbol": symbol}, wire.PremiumIndex))

    async def funding_rates(self, symbol: str, *, limit: int = 100) -> list[FundingRate]:
        """Return the latest funding settlements, oldest first (3.9)."""
        rows = await self._get("v1/fundingRate", {"symbol": symbol, "limit": str(limit)}, list[wire.FundingRow])
        return [convert.funding_of(row) for row in rows]

    # The account

    async def balances(self) -> list[MarginBalance]:
        """Return what the account has (5.1)."""
        account = await self._get_signed("v2/account", {}, wire.Account)
        return [convert.balance_of(row) for row in account.assets]

    async def positions(self, symbol: str | None = None) -> list[Position]:
        """Return every position, flat ones too (5.3)."""
        rows = await self._get_signed("v2/positionRisk", _named(symbol), list[wire.PositionRisk])
        return [convert.position_of(row) for row in rows]

    async def position_mode(self) -> PositionMode:
        """Return how positions are kept (5.6)."""
        told = await self._get_signed("v1/positionSide/dual", {}, wire.PositionSideDual)
        return PositionMode.HEDGE if told.dual_side_position else PositionMode.ONE_WAY

    async def set_position_mode(self, mode: PositionMode) -> None:
        """Change how positions are kept, for the whole account. Nothing happens where it is so already."""
        if await self.position_mode() is not mode:
            parameters = {"dualSidePosition": str(mode is PositionMode.HEDGE).lower()}
            await self._change("POST", "v1/positionSide/dual", parameters)

    async def set_leverage(self, symbol: str, leverage: int) -> int:
        """Set a contract's leverage and return what the venue set (5.4). May be repeated."""
        body = await self._change("POST", "v1/leverage", {"symbol": symbol, "leverage": str(leverage)})
        return _read("v1/leverage", body, wire.LeverageReply).leverage

    async def set_margin_type(self, symbol: str, margin_type: MarginType) -> None:
        """Set what stands behind a contract's positions (5.5). Nothing happens where it is so already."""
        positions = await self.positions(symbol)
        if any(position.margin_type is not margin_type for position in positions):
            await self._change("POST", "v1/marginType", {"symbol": symbol, "marginType": margin_type.value})

    async def fee_rates(self, symbol: str) -> tuple[Decimal, Decimal]:
        """Return what makers and takers pay, as fractions of the notional (5.10)."""
        told = await self._get_signed("v1/commissionRate", {"symbol": symbol}, wire.CommissionRate)
        return told.maker_commission_rate, told.taker_commission_rate

    async def income(
        self, *, symbol: str | None = None, kind: str | None = None, start_ms: int | None = None, limit: int = 1000
    ) -> list[Income]:
        """Return changes of the wallet balance, oldest first (5.9); None as `start_ms` means the last seven days."""
        query = {**_named(symbol), "limit": str(limit)}
        query |= {"incomeType": kind} if kind is not None else {}
        query |= {"startTime": str(start_ms)} if start_ms is not None else {}
        rows = await self._get_signed("v1/income", query, list[wire.IncomeRow])
        return [convert.income_of(row) for row in rows]

    # Orders

    async def place(self, parameters: Mapping[str, str]) -> PlaceOutcome:
        """Send an order, once (4.2). It must name `symbol` and `newClientOrderId`.

        Raises
        ------
        NotConnected
            If the connection was never made: the order did not leave this machine.
        SigningRefused
            If the host was not confirmed.
        """
        client_order_id = parameters["newClientOrderId"]
        answer, sent_at_ms = await self._write("POST", "v1/order", parameters)

        def unknown(cause: str) -> Unknown:
            return Unknown(
                client_order_id=client_order_id, symbol=parameters["symbol"], cause=cause, sent_at_ms=sent_at_ms
            )

        if isinstance(answer, Lost):
            return unknown(answer.cause)
        if not answer.is_success:
            if _was_not_taken(answer):
                return Rejected(client_order_id=client_order_id, reason=answer.text, code=answer.code)
            return unknown(f"HTTP {answer.status}: {answer.text}")
        try:
            order = convert.order_of(wire.read(answer.body, wire.OrderInfo))
        except _UNREADABLE as error:
            return unknown(f"the venue's answer could not be read: {error}")
        if order.client_order_id != client_order_id:
            return unknown("the venue's answer is not about this order")
        return Accepted(client_order_id=client_order_id, order=order)

    async def cancel(self, symbol: str, client_order_id: str) -> CancelOutcome:
        """Cancel an order (4.4). It may be sent again. Errors as in `place`."""
        parameters = {"symbol": symbol, "origClientOrderId": client_order_id}
        answer, _ = await self._write("DELETE", "v1/order", parameters)
        if isinstance(answer, Lost):
            return CancelUnknown(client_order_id=client_order_id, cause=answer.cause)
        if answer.is_success:
            try:
                return Cancelled(order=convert.order_of(wire.read(answer.body, wire.OrderInfo)))
            except _UNREADABLE as error:
                return CancelUnknown(client_order_id=client_order_id, cause=f"unreadable answer: {error}")
        if answer.code in (_UNKNOWN_ORDER, _NO_SUCH_ORDER):
            return NotOpen(client_order_id=client_order_id, reason=answer.text)
        return CancelUnknown(client_order_id=client_order_id, cause=f"HTTP {answer.status}: {answer.text}")

    async def cancel_all(self, symbol: str) -> None:
        """Cancel every open order of a contract (4.7). May be repeated. Errors as in a read."""
        await self._change("DELETE", "v1/allOpenOrders", {"symbol": symbol})

    async def order(self, symbol: str, client_order_id: str) -> PerpetualOrder | None:
        """Return an order by its owner's id (4.3); None where the venue knows none. Other failures raise."""
        return await self._find({"symbol": symbol, "origClientOrderId": client_order_id})

    async def order_by_id(self, symbol: str, order_id: int) -> PerpetualOrder | None:
        """Return an order by the venue's id (4.3); None where the venue knows none. Other failures raise."""
        return await self._find({"symbol": symbol, "orderId": str(order_id)})

    async def _find(self, query: Mapping[str, str]) -> PerpetualOrder | None:
        try:
            told = await self._get_signed("v1/order", query, wire.OrderInfo)
        except Refused as refused:
            if refused.code == _NO_SUCH_ORDER:
                return None
            raise
        return convert.order_of(told)

    async def open_orders(self, symbol: str | None = None) -> list[PerpetualOrder]:
        """Return the open orders (4.9); None means of every contract."""
        rows = await self._get_signed("v1/openOrders", _named(symbol), list[wire.OrderInfo])
        return [convert.order_of(row) for row in rows]

    async def orders(self, symbol: str, *, from_id: int) -> list[PerpetualOrder]:
        """Return own orders of a contract from a venue's id on, oldest first, at most 1,000 (4.9).

        How long the venue lists an order that is over is its own affair: the last seven days are sure.
        """
        query = {"symbol": symbol, "orderId": str(from_id), "limit": "1000"}
        rows = await self._get_signed("v1/allOrders", query, list[wire.OrderInfo])
        return [convert.order_of(row) for row in rows]

    async def fills(
        self, symbol: str, *, order_id: int | None = None, from_id: int | None = None, start_ms: int | None = None
    ) -> list[PerpetualFill]:
        """Return own fills of a contract, oldest first, at most 1,000 (4.9); give `from_id` or `start_ms`, not both."""
        query = {"symbol": symbol, "limit": "1000"}
        bounds = (("orderId", order_id), ("fromId", from_id), ("startTime", start_ms))
        query |= {name: str(value) for name, value in bounds if value is not None}
        rows = await self._get_signed("v1/userTrades", query, list[wire.UserTrade])
        return [convert.fill_of(row) for row in rows]

    # The key of the user stream

    async def open_listen_key(self) -> str:
        """Return the key of the account's stream, valid for an hour (5.11)."""
        body = await self._transport.read(
            lambda: Request(method="POST", path="v1/listenKey", headers=self._key_header())
        )
        return _read("v1/listenKey", body, wire.ListenKey).listen_key

    async def keep_listen_key(self) -> None:
        """Let the key live for another hour. Raises `Refused` where it has ended."""
        await self._transport.read(lambda: Request(method="PUT", path="v1/listenKey", headers=self._key_header()))

    # How requests are made

    async def _get[T](self, path: str, query: Mapping[str, str], kind: type[T]) -> T:
        return _read(path, await self._transport.get(path, query), kind)

    async def _get_signed[T](self, path: str, query: Mapping[str, str], kind: type[T]) -> T:
        async def ask() -> bytes:
            await self._require_time()
            headers = self._key_header()
            return await self._transport.read(
                lambda: Request(method="GET", path=path, query=self._signed(query)[0], headers=headers)
            )

        try:
            return _read(path, await ask(), kind)
        except Refused as refused:
            if refused.code != _TIMESTAMP:
                raise
            self._ahead_ms = None
        return _read(path, await ask(), kind)

    async def _change(self, method: str, path: str, parameters: Mapping[str, str]) -> bytes:
        """Send a write whose repetition is harmless; return the body of a success."""
        answer, _ = await self._write(method, path, parameters)
        if isinstance(answer, Lost):
            raise NotConnected(answer.cause)
        if answer.is_success:
            return answer.body
        told = f"{method} {path} was answered with HTTP {answer.status}: {answer.text}"
        if answer.status >= 500:
            raise NotConnected(told)
        raise Refused(told, status=answer.status, code=answer.code)

    async def _write(self, method: str, path: str, parameters: Mapping[str, str]) -> tuple[Reply | Lost, int]:
        """Send a signed write; return the answer and the timestamp of the request that it answers."""
        answer, sent_at_ms = await self._write_once(method, path, parameters)
        if isinstance(answer, Reply) and not answer.is_success and answer.code == _TIMESTAMP:
            self._ahead_ms = None
            answer, sent_at_ms = await self._write_once(method, path, parameters)
        return answer, sent_at_ms

    async def _write_once(self, method: str, path: str, parameters: Mapping[str, str]) -> tuple[Reply | Lost, int]:
        await self._require_time()
        text, sent_at_ms = self._signed(parameters)
        in_query = method == "DELETE"
        request = Request(
            method=method,
            path=path,
            query=text if in_query else "",
            body=None if in_query else text.encode(),
            content_type="application/x-www-form-urlencoded",
            headers=self._key_header(),
        )
        return await self._transport.send(request), sent_at_ms

    async def _require_time(self) -> None:
        self._environment.require_confirmed()
        if self._ahead_ms is None:
            await self.synchronise()

    def _signed(self, parameters: Mapping[str, str]) -> tuple[str, int]:
        timestamp_ms = self.venue_ms()
        return self._key().signed(parameters, timestamp_ms=timestamp_ms, recv_window_ms=RECV_WINDOW_MS), timestamp_ms

    def _key_header(self) -> dict[str, str]:
        self._environment.require_confirmed()
        return {"X-MBX-APIKEY": self._key().key}

    def _key(self) -> ApiKey:
        if self._api_key is None:
            raise InvalidInput("this needs an API key and its secret, and none was given")
        return self._api_key


def _was_not_taken(answer: Reply) -> bool:
    """Whether a refusal means that the order is not at the venue and never will be."""
    code = answer.code
    if code in _OUTCOME_OPEN:
        return False
    if code in _NOT_EXECUTED or (answer.status == 503 and answer.text == _NOT_AVAILABLE):
        return True
    return answer.is_definite_refusal and code is not None


def _named(symbol: str | None) -> dict[str, str]:
    return {} if symbol is None else {"symbol": symbol}


def _read[T](path: str, body: bytes, kind: type[T]) -> T:
    try:
        return wire.read(body, kind)
    except _UNREADABLE as error:
        raise BadReply(f"{path} could not be read: {error}") from None
