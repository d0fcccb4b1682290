"""What the event stream yields, and how a frame becomes it: pure."""

from collections.abc import Callable, Mapping
from typing import Final

from msgspec import Raw, Struct

from tegro import convert, wire
from tegro.model import BookChange, Order, Trade


class Connected(Struct, frozen=True):
    """The socket is open and the venue has taken every subscription. `attempt` counts the connections made, from 1."""

    attempt: int


class Disconnected(Struct, frozen=True):
    """The socket closed, or could not be opened; the next attempt follows by itself."""

    reason: str


class Lagged(Struct, frozen=True):
    """The reader was too slow: this many older events were dropped here. Treat it like a reconnect."""

    dropped: int


class Stale(Struct, frozen=True):
    """What is known of a market may be wrong from here on: do not trade on its book until its `Resync`.

    From `EventStream` it comes without a symbol and means everything that the stream follows: nothing arrived for so
    long that the connection is made again.
    """

    symbol: str | None
    """None means every market and wallet of the stream."""
    reason: str


class Resync(Struct, frozen=True):
    """A market's book was made anew from a snapshot and is right again: read it afresh. Only from `LiveBooks`."""

    symbol: str
    reason: str
    """What made it necessary."""


class BookUpdated(Struct, frozen=True):
    """A live book changed, once or more often, since the last of these for the market. Only from `LiveBooks`."""

    symbol: str


class BookChanged(Struct, frozen=True):
    """Levels of a book changed."""

    change: BookChange


class TradeEvent(Struct, frozen=True):
    """A public trade. It comes first when it is matched, then with `is_update` and the same id when it settles."""

    trade: Trade
    is_update: bool


class OrderEvent(Struct, frozen=True):
    """An order of a wallet; `action` is the venue's word, such as `order_submitted`."""

    action: str
    order: Order


class UserTradeEvent(Struct, frozen=True):
    """A trade of a wallet, `is_update` as in `TradeEvent`."""

    trade: Trade
    is_update: bool


type VenueEvent = BookChanged | TradeEvent | OrderEvent | UserTradeEvent
"""What the venue told."""

type StreamEvent = Connected | Disconnected | Lagged | Stale | VenueEvent
"""All that a stream yields."""

type LiveEvent = (
    Connected | Disconnected | Lagged | Stale | Resync | BookUpdated | TradeEvent | OrderEvent | UserTradeEvent
)
"""All that live books yield."""


def read_frame(frame: bytes | str) -> list[VenueEvent]:
    """Read one frame (protocol 8.3 to 8.6): one event, or several where the data is a list, as it was in early 2024.

    Raises
    ------
    msgspec.DecodeError, ValueError
        If the frame cannot be read, or its action is none that is known.
    """
    envelope = wire.decode_event(frame)
    read = _READERS.get(envelope.action)
    if read is None:
        raise ValueError(f"unknown action {envelope.action[:40]!r}")
    rows = wire.decode(envelope.data, list[Raw]) if bytes(envelope.data).startswith(b"[") else [envelope.data]
    return [read(envelope.action, row) for row in rows]


def _book_changed(_action: str, data: Raw) -> VenueEvent:
    return BookChanged(convert.change_of(wire.decode(data, convert.DiffReading)))


def _trade(action: str, data: Raw) -> VenueEvent:
    trade = convert.trade_of(wire.decode(data, wire.TradeInfo))
    return TradeEvent(trade, is_update=action.endswith("updated"))


def _user_trade(action: str, data: Raw) -> VenueEvent:
    trade = convert.trade_of(wire.decode(data, wire.TradeInfo))
    return UserTradeEvent(trade, is_update=action.endswith("updated"))


def _order(action: str, data: Raw) -> VenueEvent:
    return OrderEvent(action, convert.order_of(wire.decode(data, wire.OrderInfo)))


_READERS: Final[Mapping[str, Callable[[str, Raw], VenueEvent]]] = {
    "order_book_diff": _book_changed,
    "trade_created": _trade,
    "trade_updated": _trade,
    "user_trade_created": _user_trade,
    "user_trade_updated": _user_trade,
    "order_placed": _order,
    "order_submitted": _order,
    "order_submitted_onchain": _order,
    "order_trade_processed": _order,
}
