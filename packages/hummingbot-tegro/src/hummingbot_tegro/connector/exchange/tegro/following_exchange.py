"""The connector follows its orders: by the stream, by polling, and where the client finds an order again."""

import asyncio
import time
from collections.abc import Collection, Sequence
from pathlib import Path
from typing import Any, ClassVar, Final

import hummingbot
from hummingbot.connector.utils import TradeFillOrderDetails
from hummingbot.core.data_type.in_flight_order import InFlightOrder, OrderUpdate, TradeUpdate

from hummingbot_tegro.common.following import Following
from hummingbot_tegro.common.order_errors import FateUnknown
from tegro.errors import TegroError
from tegro.journal import JournalEntry
from tegro.model import Order, Trade, TradeState
from tegro.outcome import Absent, Accepted, Rejected, Resolution, SeenOnChain
from tegro.stream import (
    BookChanged,
    Connected,
    Disconnected,
    Lagged,
    OrderEvent,
    Stale,
    StreamEvent,
    TradeEvent,
    UserTradeEvent,
)

from .account_exchange import TegroAccountExchange
from .executors import stop_executors
from .order_mapping import order_state
from .order_sync import NeverPlaced, OrderSync, name_of
from .settlement_watch import FailedFill, SettlementWatch
from .status_reader import Answer, StatusReader
from .tegro_constants import VENUE

RECONCILIATION_FILE: Final = "tegro_reconciliation.jsonl"


class TegroFollowingExchange(Following, TegroAccountExchange):
    """Knows what became of orders. The parameters are those of `TegroPublicExchange`."""

    venue: ClassVar[str] = VENUE

    def __init__(self, *arguments: Any, **keywords: Any) -> None:  # noqa: ANN401  (handed on)
        super().__init__(*arguments, **keywords)
        self._placing: set[str] = set()
        self._sync = OrderSync(
            self._link,
            tracker=self._order_tracker,
            wallet=self._wallet,
            booking=self._options.fills,
            placing=self._placing,
            on_report=self._wallet_orders.see,
            on_trades=self._judge_trades,
            clock_secs=lambda: self.current_timestamp,
        )
        self._status = StatusReader(self._link, self._sync, self._wallet_orders)
        self._settlements = SettlementWatch(Path(hummingbot.data_path()) / RECONCILIATION_FILE)

    # Polling

    async def _update_order_status(self) -> None:
        """Bring every live order up to date, and look what the chain says of fills that were booked at match."""
        await super()._update_order_status()
        for order_id, name in self._settlements.waiting_orders.items():
            await self._judge_trades(name, order_id, await self._link.client.trades_of(order_id))

    async def _bring_up_to_date(self, orders: Collection[InFlightOrder]) -> None:
        """Apply what the venue says of these orders.

        Raises
        ------
        TegroError
            If the venue's lists could not be read. Nothing was changed.
        """
        settled = [order for order in orders if order.client_order_id not in self._placing]
        answers = await self._status.read(settled)
        await asyncio.gather(*(self._follow_up(order, answers[order.client_order_id]) for order in settled))
        for order in self._status.resting:
            await self._see_untracked(order)

    async def _follow_up(self, order: InFlightOrder, answer: Answer) -> None:
        try:
            if isinstance(answer, TegroError):
                raise answer
            await self._sync.apply(order, answer)
            await self._look_for_rest(order, answer)
        except NeverPlaced as error:
            self._update_order_after_failure(order.client_order_id, order.trading_pair, error)
        except FateUnknown:
            return  # the client looks for it
        except TegroError as error:
            if order.client_order_id in self._order_tracker.lost_orders:
                await self._handle_update_error_for_lost_order(order, error)
            else:
                await self._handle_update_error_for_active_order(order, error)

    async def _look_for_rest(self, order: InFlightOrder, reports: Sequence[Order]) -> None:
        """Take notice of what was just reported of an order; `TegroTradingExchange` cancels what must not rest."""

    async def _request_order_status(self, tracked_order: InFlightOrder) -> OrderUpdate:
        reports = await self._sync.find(tracked_order)
        state = order_state(reports, amount=tracked_order.amount, booking=self._options.fills)
        return OrderUpdate(
            trading_pair=tracked_order.trading_pair,
            update_timestamp=self.current_timestamp,
            new_state=state or tracked_order.current_state,
            client_order_id=tracked_order.client_order_id,
            exchange_order_id=reports[0].order_id,
        )

    async def _all_trade_updates_for_order(self, order: InFlightOrder) -> list[TradeUpdate]:
        try:
            return await self._sync.fills(order, self._sync.venue_ids(order))
        except (FateUnknown, NeverPlaced):
            return []

    # The stream

    async def _take(self, event: StreamEvent) -> None:
        if isinstance(event, Connected | Lagged):
            # What happened meanwhile was not told.
            await self._update_order_status()
            self._balances_wanted.set()
        elif isinstance(event, OrderEvent):
            self._wallet_orders.see(event.order)
            tracked = self._sync.tracked(event.order)
            if tracked is not None:
                await self._sync.apply(tracked, [event.order])
            else:
                await self._see_untracked(event.order)
            self._balances_wanted.set()
        elif isinstance(event, UserTradeEvent):
            if event.is_update:
                await self._take_verdict(event.trade)
        elif not isinstance(event, Disconnected | Stale | TradeEvent | BookChanged):
            raise TypeError(f"no event of the stream: {type(event).__name__}")

    async def _take_verdict(self, trade: Trade) -> None:
        booked = self._settlements.judge(trade)
        if booked is not None:
            await self._correct(trade, booked.client_order_id, booked.order_id)
        elif trade.state is TradeState.FAILED and self._options.fills == "settled":
            self.logger().warning(
                f"Tegro could not settle the match of {trade.quantity:f} {trade.symbol} at {trade.price:f}; "
                "it is not counted as a fill."
            )

    # What the client found out

    def _resolved(self, entry: JournalEntry, resolution: Resolution) -> None:
        self._background.start(self._take_resolution(entry, resolution))

    async def _take_resolution(self, entry: JournalEntry, resolution: Resolution) -> None:
        name = name_of(entry)
        tracked = self._order_tracker.all_updatable_orders.get(name)
        try:
            if tracked is None and isinstance(resolution, Accepted):
                await self._see_untracked(resolution.order)
            elif tracked is not None:
                await self._end_doubt(tracked, resolution)
        except TegroError as error:
            self.logger().warning(f"The order {name} could not be followed up: {error}")

    async def _end_doubt(self, tracked: InFlightOrder, resolution: Resolution) -> None:
        name = tracked.client_order_id
        if isinstance(resolution, Accepted):
            await self._sync.apply(tracked, [resolution.order])
            await self._look_for_rest(tracked, [resolution.order])
        elif isinstance(resolution, Rejected):
            # A part of a market order may be refused while others live: all of it is looked at.
            await self._bring_up_to_date([tracked])
        elif isinstance(resolution, Absent):
            self.logger().warning(
                f"Tegro does not show the order {name} ({resolution.order_hash}): {resolution.reason}. It was signed "
                "and may still be taken, so it stays in flight and its funds stay reserved. Only an on-chain cancel or "
                "an expiry (order_expiry_secs) makes it certain."
            )
        elif isinstance(resolution, SeenOnChain):
            self.logger().warning(
                f"The exchange contract knows the order {name} ({resolution.order_hash}), but no list of Tegro shows "
                "it: compare the wallet's balances with what Hummingbot reports."
            )

    async def _see_untracked(self, order: Order) -> None:
        """Take notice of an order of the wallet that may not be tracked; `TegroExchange` takes up its own."""

    # Fills that were booked at match

    async def _judge_trades(self, client_order_id: str, order_id: str, trades: Sequence[Trade]) -> None:
        """Compare the chain's verdicts with what was booked."""
        if self._options.fills == "settled":
            return
        for trade in trades:
            self._settlements.booked(trade, client_order_id=client_order_id, order_id=order_id)
            known = self._settlements.judge(trade)
            is_wrong = trade.state is TradeState.FAILED and (known or self._is_booked(trade, client_order_id))
            if is_wrong:
                await self._correct(trade, client_order_id, order_id)

    def _is_booked(self, trade: Trade, client_order_id: str) -> bool:
        order = self._order_tracker.all_fillable_orders.get(client_order_id)
        if order is not None and trade.trade_id in order.order_fills:
            return True
        pair = self._link.pair_of(trade.symbol)
        # What an earlier run of this bot wrote into its database.
        return TradeFillOrderDetails(self.display_name, trade.trade_id, pair) in self._current_trade_fills

    async def _correct(self, trade: Trade, client_order_id: str, order_id: str) -> None:
        """Stop what relies on a fill that never was, say so once, and let nothing more of its order happen."""
        if await asyncio.to_thread(self._settlements.is_told, trade.trade_id):
            return
        entry = self._link.client.journal.find_by_client_order_id(client_order_id)
        stopped = stop_executors(self, client_order_id)
        failed = FailedFill(
            time_ms=time.time_ns() // 1_000_000,
            connector=self.name,
            wallet=self._wallet,
            client_order_id=client_order_id,
            order_id=order_id,
            trade_id=trade.trade_id,
            symbol=trade.symbol,
            side=str(entry.side) if entry is not None else "",
            price=trade.price,
            quantity=trade.quantity,
            tx_hash=trade.tx_hash,
            stopped_executors=stopped,
        )
        if not await asyncio.to_thread(self._settlements.tell, failed):
            return
        executors = f"Stopped executors: {', '.join(stopped)}." if stopped else "No executor was to be stopped."
        self.logger().error(
            f"RECONCILE: the fill {trade.trade_id} of the order {client_order_id} ({trade.quantity:f} {trade.symbol} "
            f"at {trade.price:f}) was booked at match, and the chain refused it. Hummingbot cannot take it back: its "
            f"reports are wrong by it, the balances are right. {executors} It is written down in "
            f"{RECONCILIATION_FILE}."
        )
        self._balances_wanted.set()
        await self._link.client.cancel([order_id])
