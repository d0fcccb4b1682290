"""The perpetual connector: a thin map of Hummingbot's derivative interface onto `tegro.perpetual`, and its start."""

import asyncio

from hummingbot.connector.markets_recorder import MarketsRecorder
from hummingbot.core.data_type.in_flight_order import PerpetualDerivativeInFlightOrder

from hummingbot_tegro.common.bot_identity import recorded_orders, recorder_of
from hummingbot_tegro.common.earlier_orders import EarlierOrders
from hummingbot_tegro.common.tracked_orders import ENDED
from tegro.perpetual import PerpetualOrder

from .missed_fills import last_recorded_ms, look_from_ms, orders_of, recorded_trades
from .order_reports import adopted_order, host_state, trade_update
from .perpetual_trading import TegroPerpetualTrading


class TegroPerpetualDerivative(EarlierOrders, TegroPerpetualTrading):
    """Trades one account. The parameters are those of `TegroPerpetualPublic`.

    Before it is ready it looks at what an earlier run of the bot left behind: fills are booked, also those of orders
    that ended meanwhile, and open orders are cancelled or taken up again, as the settings say.
    """

    async def _take_up_once(self) -> None:
        async with self._link.borrowed() as client:
            self._link.learn(await client.contracts())
        listed = await self._link.client.open_orders()
        await self._compare(list(self.in_flight_orders.values()), listed)
        untracked = [order for order in listed if order.client_order_id not in self._order_tracker.all_fillable_orders]
        recorder = recorder_of(self)
        if recorder is not None:
            for order in (*untracked, *await self._orders_with_missed_fills(recorder)):
                if self._is_own(order.client_order_id):
                    await self._adopt(order, recorder)
        earlier = self._open_earlier()
        if self._cancels_earlier:
            for tracked in earlier:
                await self._execute_order_cancel(tracked)
        foreign = [order for order in untracked if not self._is_own(order.client_order_id)]
        self._tell_of(earlier, [f"{order.symbol} {order.client_order_id}" for order in foreign])
        self._earlier.clear()

    async def _orders_with_missed_fills(self, recorder: MarketsRecorder) -> list[PerpetualOrder]:
        """Return the orders that are not tracked and have fills which the database lacks, also those of others."""
        client = self._link.client
        found: list[PerpetualOrder] = []
        recorded_ms = await asyncio.to_thread(last_recorded_ms, recorder, self.display_name)
        start_ms = look_from_ms(recorded_ms, client.rest.venue_ms())
        tracked = {order.exchange_order_id for order in self._order_tracker.all_fillable_orders.values()}
        for pair in list(self._trading_pairs):
            symbol = (await self._link.contract(pair)).symbol
            fills = await client.fills(symbol, start_ms=start_ms)
            trade_ids = [str(fill.trade_id) for fill in fills]
            recorded = await asyncio.to_thread(recorded_trades, recorder, self.display_name, pair, trade_ids)
            missed = {fill.order_id for fill in fills if str(fill.trade_id) not in recorded}
            found += await orders_of(client, symbol, {each for each in missed if str(each) not in tracked})
        return found

    async def _adopt(self, order: PerpetualOrder, recorder: MarketsRecorder) -> None:
        """Track an order that this bot placed and Hummingbot does not track, and book what it lacks of it."""
        pair, name = self._link.pair_of(order.symbol), order.client_order_id
        if pair is None:
            self.logger().warning(f"The order {name} is on {order.symbol}, which is not listed.")
            return
        is_recorded = name in await asyncio.to_thread(recorded_orders, recorder, [name])
        tracked = adopted_order(order, pair, self.get_leverage(pair), is_announced=is_recorded)
        if is_recorded:
            await self._recall_fills(tracked, order, recorder)
        if host_state(order) in ENDED:
            missed = order.filled - tracked.executed_amount_base
            self.logger().info(f"The order {name} filled {missed:f} {pair} while this bot was away: booked now.")
        self._order_tracker.start_tracking_order(tracked)
        self._earlier.add(name)
        await self._apply(tracked, order)

    async def _recall_fills(
        self, tracked: PerpetualDerivativeInFlightOrder, order: PerpetualOrder, recorder: MarketsRecorder
    ) -> None:
        """Put the fills that the database has into an order, so that none of them is booked again."""
        fills = await self._link.client.rest.fills(order.symbol, order_id=order.order_id)
        trade_ids = [str(fill.trade_id) for fill in fills]
        recorded = await asyncio.to_thread(
            recorded_trades, recorder, self.display_name, tracked.trading_pair, trade_ids
        )
        for fill in fills:
            if str(fill.trade_id) in recorded:
                tracked.update_with_trade_update(trade_update(fill, tracked, self.trade_fee_schema()))
