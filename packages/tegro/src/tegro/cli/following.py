"""What goes on until Ctrl-C: a book's best prices, a market's trades. One line each, of JSON if asked for."""

from collections import deque
from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

from tegro.cli.output import Column, Form, show_json_line, show_line, tell
from tegro.errors import InvalidInput
from tegro.events import BookUpdated, Connected, Disconnected, Resync, Stale, TradeEvent
from tegro.model import BookLevel, Trade

if TYPE_CHECKING:
    from tegro.client import AsyncTegro
    from tegro.order_book import OrderBook

_REMEMBERED: Final = 10_000
"""Trades that are not shown a second time."""


def require_lines(form: Form) -> None:
    """Refuse CSV where the output does not end.

    Raises
    ------
    InvalidInput
        If that is what was asked for.
    """
    if form is Form.CSV:
        raise InvalidInput("--follow prints lines, with --json lines of JSON; leave --csv out")


async def follow_book(client: "AsyncTegro", symbol: str, levels: int, form: Form) -> None:
    """Print a market's book whenever it changes: in words its best prices, as JSON its best levels."""
    market = await client.market(symbol)
    shown: object = None
    async with client.live_books([market]) as books:
        async for event in books:
            if isinstance(event, BookUpdated | Resync):
                book = books.book(market.symbol)
                picture = _levels(book, levels) if form is Form.JSON else _best(book)
                if picture == shown or book.is_stale:
                    continue
                shown = picture
                if isinstance(picture, dict):
                    show_json_line(picture)
                else:
                    show_line(picture)
            elif isinstance(event, Stale):
                tell(f"the book is stale: {event.reason}")


async def follow_trades(
    client: "AsyncTegro", symbol: str, limit: int, columns: Sequence[Column[Trade]], form: Form
) -> None:
    """Print a market's latest trades and then each new one, once."""
    market = await client.market(symbol)
    shown: deque[str] = deque(maxlen=_REMEMBERED)

    def show(trades: Sequence[Trade]) -> None:
        for trade in trades:
            if trade.trade_id in shown:
                continue
            shown.append(trade.trade_id)
            if form is Form.JSON:
                show_json_line({column.name: column.of(trade) for column in columns})
            else:
                show_line(column.of(trade) for column in columns if column.heading is not None)

    async for event in client.stream([market]):
        match event:
            case Connected():
                # The stream replays nothing: what was missed before is in the list.
                latest = await client.public_trades(market.id, limit=limit)
                show(sorted(latest, key=lambda trade: trade.timestamp_ms))
            case TradeEvent(trade=trade) if trade.symbol == market.symbol:
                show([trade])
            case Disconnected(reason=reason):
                tell(f"the connection was lost ({reason}); connecting again")


def _levels(book: "OrderBook", levels: int) -> dict[str, object]:
    return {"symbol": book.symbol, "bids": book.bids(levels), "asks": book.asks(levels)}


def _best(book: "OrderBook") -> tuple[object, ...]:
    return (*_cells(book.best_bid), "|", *reversed(_cells(book.best_ask)))


def _cells(level: BookLevel | None) -> tuple[object, object]:
    return (level.price, level.quantity) if level is not None else (None, None)
