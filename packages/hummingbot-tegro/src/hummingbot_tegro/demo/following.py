"""What the demo shows while it runs: the venue's events about one wallet and one market, kept as a picture."""

from collections.abc import Iterable
from decimal import Decimal
from typing import Final

from msgspec import Struct

from hummingbot_tegro.demo.readers import venue_fill, venue_fills
from hummingbot_tegro.demo.reconciliation import VenueFill
from tegro.client import AsyncTegro
from tegro.events import BookChanged, Connected, Lagged, OrderEvent, UserTradeEvent
from tegro.model import Market, Order, Side, Trade, TradeState
from tegro.order_book import OrderBook


class Tally(Struct, frozen=True, kw_only=True):
    """Counts and sums over the settled fills of the bot."""

    fills: int
    makers: int
    buys: int
    position: Decimal
    """Change of base, net of fees."""
    cash: Decimal
    """Change of quote, net of fees."""
    fees: Decimal
    """All fees, in quote, those in base at the last price."""
    volume: Decimal
    """In quote."""
    transactions: int
    """Settlement transactions with a fill of the bot in it."""
    price: Decimal
    """At which the position is valued."""

    @property
    def takers(self) -> int:
        """Fills as taker."""
        return self.fills - self.makers

    @property
    def sells(self) -> int:
        """Fills of sell orders."""
        return self.fills - self.buys

    @property
    def profit(self) -> Decimal:
        """Profit or loss in quote, fees paid."""
        return self.cash + self.position * self.price


def tally_of(fills: Iterable[VenueFill], price: Decimal) -> Tally:
    """Sum up settled fills, valuing base at a price."""
    all_fills = list(fills)
    position = cash = fees = volume = Decimal(0)
    for reported in all_fills:
        fill = reported.fill
        is_buy = fill.side is Side.BUY
        value = fill.price * fill.quantity
        volume += value
        position += fill.quantity - fill.fee if is_buy else -fill.quantity
        cash += -value if is_buy else value - fill.fee
        fees += fill.fee * fill.price if is_buy else fill.fee
    return Tally(
        fills=len(all_fills),
        makers=sum(reported.is_maker for reported in all_fills),
        buys=sum(reported.fill.side is Side.BUY for reported in all_fills),
        position=position,
        cash=cash,
        fees=fees,
        volume=volume,
        transactions=len({reported.tx_hash for reported in all_fills}),
        price=price,
    )


class Follower:
    """The picture of one wallet on one market."""

    def __init__(self, market: Market, wallet: str) -> None:
        self.market: Final = market
        self.book: Final = OrderBook(market.symbol)
        self.open_orders: dict[str, Order] = {}
        """The bot's orders in the book, by id."""
        self.fills: dict[tuple[str, Side], VenueFill] = {}
        """The bot's settled fills, oldest first."""
        self.waiting: set[str] = set()
        """Trades of the bot that wait for the chain, by id."""
        self.has_begun = False
        """Whether the bot has placed an order yet."""
        self._wallet = wallet.lower()

    async def follow(self, client: AsyncTegro) -> None:
        """Keep the picture up to date until cancelled."""
        async with client.stream(markets=[self.market], wallets=[self._wallet]) as events:
            async for event in events:
                match event:
                    case Connected() | Lagged():
                        self.book.mark_stale("reconnected")
                        await self._begin_again(client)
                    case BookChanged():
                        self.book.apply_change(event.change)
                    case OrderEvent():
                        self._take_order(event.order)
                    case UserTradeEvent():
                        self._take_trade(event.trade)

    @property
    def price(self) -> Decimal:
        """Middle of the book, or the last fill's price where a side is empty."""
        bid, ask = self.book.best_bid, self.book.best_ask
        if bid is not None and ask is not None:
            return (bid.price + ask.price) / 2
        return next(reversed(self.fills.values())).fill.price if self.fills else Decimal(0)

    def tally(self) -> Tally:
        """Sum up what was settled so far."""
        return tally_of(self.fills.values(), self.price)

    async def _begin_again(self, client: AsyncTegro) -> None:
        """Read what the events before may have told. Nothing is lost: events that come meanwhile wait in the stream."""
        self.book.apply_snapshot(await client.book(self.market.symbol))
        orders = await client.orders(market=self.market)
        self.open_orders = {order.order_id: order for order in orders if order.is_open}
        self.has_begun = self.has_begun or bool(orders)
        for found in await venue_fills(client, orders):
            self.fills[found.fill.trade_id, found.fill.side] = found
        self.waiting.clear()

    def _take_order(self, order: Order) -> None:
        self.has_begun = True
        if order.is_open:
            self.open_orders[order.order_id] = order
        else:
            self.open_orders.pop(order.order_id, None)

    def _take_trade(self, trade: Trade) -> None:
        if trade.state is TradeState.PENDING:
            self.waiting.add(trade.trade_id)
            return
        self.waiting.discard(trade.trade_id)
        if trade.state is TradeState.SUCCESS:
            for side in self._sides(trade):
                # An event does not say whose order it was; nothing that is shown needs it.
                self.fills[trade.trade_id, side] = venue_fill(trade, side, self.market, order_hash="")

    def _sides(self, trade: Trade) -> list[Side]:
        buyer, seller = (trade.maker, trade.taker) if trade.is_buyer_maker else (trade.taker, trade.maker)
        return [side for side, owner in ((Side.BUY, buyer), (Side.SELL, seller)) if owner == self._wallet]
