"""What the streams of a perpetual venue yield, and how a frame becomes it: pure."""

from collections.abc import Callable, Mapping, Sequence
from typing import Final

from msgspec import Raw, Struct

from tegro.perpetual import convert, wire
from tegro.perpetual.model import (
    DepthChange,
    MarginBalance,
    MarkPrice,
    PerpetualCandle,
    PerpetualFill,
    PerpetualOrder,
    PerpetualTrade,
    Position,
)


class ChannelConnected(Struct, frozen=True):
    """A socket is open and the venue has taken its subscriptions: `public`, `market` or `account`."""

    channel: str


class ChannelDisconnected(Struct, frozen=True):
    """A socket closed, or could not be opened; the next attempt follows by itself. What happens meanwhile is lost."""

    channel: str
    reason: str


class DepthEvent(Struct, frozen=True):
    """Levels of a book changed."""

    change: DepthChange


class PublicTradeEvent(Struct, frozen=True):
    """Something traded."""

    trade: PerpetualTrade


class MarkEvent(Struct, frozen=True):
    """Mark price, index price or coming funding."""

    mark: MarkPrice


class CandleEvent(Struct, frozen=True):
    """A candle as it stands; it comes again until it is closed."""

    symbol: str
    interval: str
    candle: PerpetualCandle


class OrderUpdate(Struct, frozen=True):
    """An own order changed."""

    order: PerpetualOrder
    fill: PerpetualFill | None
    """What traded; None where the change is another."""


class AccountEvent(Struct, frozen=True):
    """Balances or positions changed; only those that did are named."""

    reason: str
    """ORDER, FUNDING_FEE, DEPOSIT, ..."""
    balances: Sequence[MarginBalance]
    positions: Sequence[Position]
    time_ms: int


class MarginCallEvent(Struct, frozen=True):
    """Positions that come near their liquidation."""

    positions: Sequence[wire.EndangeredPosition]
    time_ms: int


class ListenKeyExpired(Struct, frozen=True):
    """The account's stream has ended; the socket is opened again with a new key."""


type VenueEvent = (
    DepthEvent
    | PublicTradeEvent
    | MarkEvent
    | CandleEvent
    | OrderUpdate
    | AccountEvent
    | MarginCallEvent
    | ListenKeyExpired
)


def read_combined(frame: bytes | str) -> VenueEvent | None:
    """Return the event of a frame of a combined stream; None for an answer to a request and for unknown events.

    Raises
    ------
    msgspec.DecodeError, ValueError
        If the frame is not what it says it is.
    """
    combined = wire.read(frame, wire.CombinedFrame)
    return read_event(combined.data) if combined.stream else None


def read_event(frame: bytes | str | Raw) -> VenueEvent | None:
    """Return the event of a plain frame; None for events that this version does not know. Errors as above."""
    kind = wire.read(frame, wire.EventHead).kind
    read = _READERS.get(kind)
    return None if read is None else read(frame)


def _depth(frame: bytes | str | Raw) -> VenueEvent:
    return DepthEvent(convert.change_of(wire.read(frame, wire.DepthUpdate)))


def _trade(frame: bytes | str | Raw) -> VenueEvent:
    return PublicTradeEvent(convert.trade_of(wire.read(frame, wire.AggregateTrade)))


def _mark(frame: bytes | str | Raw) -> VenueEvent:
    return MarkEvent(convert.mark_of_event(wire.read(frame, wire.MarkPriceUpdate)))


def _candle(frame: bytes | str | Raw) -> VenueEvent:
    bar = wire.read(frame, wire.KlineUpdate).bar
    return CandleEvent(bar.symbol, bar.interval, convert.candle_of_event(bar))


def _order(frame: bytes | str | Raw) -> VenueEvent:
    update = wire.read(frame, wire.OrderTradeUpdate)
    return OrderUpdate(convert.order_of_event(update), convert.fill_of_event(update))


def _account(frame: bytes | str | Raw) -> VenueEvent:
    update = wire.read(frame, wire.AccountUpdate)
    return AccountEvent(
        reason=update.account.reason,
        balances=[
            MarginBalance(asset=change.asset, wallet=change.wallet, available=None, equity=None)
            for change in update.account.balances
        ],
        positions=[convert.position_of_event(change) for change in update.account.positions],
        time_ms=update.time,
    )


def _margin_call(frame: bytes | str | Raw) -> VenueEvent:
    call = wire.read(frame, wire.MarginCall)
    return MarginCallEvent(call.positions, call.time)


_READERS: Final[Mapping[str, Callable[[bytes | str | Raw], VenueEvent]]] = {
    "depthUpdate": _depth,
    "aggTrade": _trade,
    "markPriceUpdate": _mark,
    "kline": _candle,
    "ORDER_TRADE_UPDATE": _order,
    "ACCOUNT_UPDATE": _account,
    "MARGIN_CALL": _margin_call,
    "listenKeyExpired": lambda _: ListenKeyExpired(),
}
