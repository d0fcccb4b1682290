"""The spot connector: a thin map of Hummingbot's exchange interface onto `tegro`, and how it takes up its orders."""

import asyncio
import time
from collections.abc import Collection
from typing import Any

from hummingbot.core.data_type.in_flight_order import InFlightOrder

from hummingbot_tegro.common.bot_identity import recorder_of
from hummingbot_tegro.common.earlier_orders import EarlierOrders
from tegro.errors import TegroError
from tegro.journal import JournalEntry
from tegro.model import Order

from .left_overs import LeftOvers, adopted_order, read_left_overs
from .order_sync import name_of
from .trading_exchange import TegroTradingExchange


class TegroExchange(EarlierOrders, TegroTradingExchange):
    """Trades one wallet on one chain of Tegro. The parameters are those of `TegroPublicExchange`.

    Before it is ready it looks at what an earlier run of the bot left behind: fills are booked, and open orders are
    cancelled or taken up again, as the settings say.
    """

    def __init__(self, *arguments: Any, **keywords: Any) -> None:  # noqa: ANN401  (handed on)
        super().__init__(*arguments, **keywords)
        self._in_doubt: dict[str, JournalEntry] = {}

    async def _take_up_again(self) -> None:
        # The new client has nothing ready yet, and orders of unknown fate to look for.
        await self._prepare()

    async def _take_up_once(self) -> None:
        # The journal is read first: the client marks orders in it as ended when it reads the venue's lists.
        await self._exchange_info(refresh=False)
        left = await self._left_overs()
        self._in_doubt = {entry.order_hash: entry for entry in left.in_doubt}
        for name, entries in left.adoptable.items():
            self._adopt(name, entries)
        await self._prepare()
        tracked = list(self._order_tracker.all_updatable_orders.values())
        await self._bring_up_to_date(tracked)
        await self._rearm_settlement_watch(tracked, left)
        earlier = self._open_earlier()
        if self._cancels_earlier:
            await self._cancel_earlier(earlier, left)
        self._tell_of(earlier, self._foreign_orders())
        self._earlier.clear()

    async def _left_overs(self) -> LeftOvers:
        recorder = recorder_of(self)
        if recorder is None:
            return LeftOvers()
        return await asyncio.to_thread(
            read_left_overs,
            self._link.client.journal,
            recorder,
            wallet=self._wallet,
            chain_id=self._link.environment.chain_id,
            tracked=set(self._order_tracker.all_updatable_orders),
            now_ms=time.time_ns() // 1_000_000,
        )

    async def _prepare(self) -> None:
        """Let the client read what an order needs, so that the first one is one request."""
        try:
            await self._link.client.prepare([await self._link.market(pair) for pair in self._trading_pairs])
        except TegroError as error:
            self.logger().warning(f"Orders will take longer or be refused: {error}")

    def _adopt(self, name: str, entries: Collection[JournalEntry]) -> InFlightOrder | None:
        """Track an order that this bot signed and Hummingbot does not know; None if its market is not listed."""
        first = next(iter(entries))
        pair = self._link.pair_of_market_id(first.market_id)
        if pair is None:
            self.logger().warning(f"The order {name} is on {first.market_id}, which Tegro does not list: look at it.")
            return None
        order = adopted_order(name, entries, pair)
        self._order_tracker.start_tracking_order(order)
        self._earlier.add(name)
        return order

    async def _see_untracked(self, order: Order) -> None:
        """Take up an order of an earlier run that has shown up after all.

        Whoever shares the journal may find it first, so the client need not tell.
        """
        entry = self._in_doubt.pop(order.order_hash, None)
        if entry is None:
            return
        # A part of a market order may be tracked already.
        adopted = self._order_tracker.all_updatable_orders.get(name_of(entry)) or self._adopt(name_of(entry), [entry])
        if adopted is None:
            return
        name = adopted.client_order_id
        self.logger().warning(f"The order {name} has shown up at Tegro: {_shown(order, adopted.trading_pair)}.")
        await self._sync.apply(adopted, [order])
        if self._cancels_earlier and not adopted.is_done:
            await self._cancel_together([adopted])

    async def _cancel_earlier(self, earlier: Collection[InFlightOrder], left: LeftOvers) -> None:
        for entry in left.in_doubt:
            await self._link.client.cancel_by_hash(entry.order_hash)
        if earlier:
            await self._cancel_together(earlier)

    async def _rearm_settlement_watch(self, tracked: Collection[InFlightOrder], left: LeftOvers) -> None:
        """Where fills are booked at match: look whether the chain refused one while the bot was away."""
        if self._options.fills == "settled":
            return
        for order in tracked:
            await self._all_trade_updates_for_order(order)
        for entry in left.recorded:
            if entry.order_id is not None:
                trades = await self._link.client.trades_of(entry.order_id)
                await self._judge_trades(name_of(entry), entry.order_id, trades)

    def _foreign_orders(self) -> list[str]:
        """Return the wallet's open orders that this bot did not place."""
        own = {order.exchange_order_id for order in self._order_tracker.all_updatable_orders.values()}
        foreign = [order for order in self._status.resting if order.order_id not in own and not self._is_ours(order)]
        return [_shown(order, self._link.pair_of_market_id(order.market_id)) for order in foreign]

    def _is_ours(self, order: Order) -> bool:
        entry = self._link.client.journal.find(order.order_hash)
        return entry is not None and self._is_own(name_of(entry))


def _shown(order: Order, pair: str | None) -> str:
    return f"{order.side} {order.quantity:f} {pair or order.market_id} at {order.price:f} ({order.order_id})"
