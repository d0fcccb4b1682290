"""What others do with the venue's orders at the contract: settle them, cancel them. And what the contract charges.

The contract takes pairs of signed orders from anyone (protocol 7.3), and the signatures of an order are public as soon
as a part of it was settled. The venue books what the chain has done, once, and lets go of what it can no longer settle.
"""

from typing import Final

from tegro.model import CancelCode, OrderStatus, Side, TradeState
from tegro_localnet.journal.commands import CancelledOnChain, FeeChanged, SettledElsewhere, TradeFailed, TradeSettled
from tegro_localnet.lifecycle import Lifecycle
from tegro_localnet.orders import OrderRecord
from tegro_localnet.trades import TradeRecord

CANCELLED_ON_CHAIN: Final = "cancelled_on_chain"
"""Reason of an order that its owner cancelled at the contract. It carries code 611."""
SETTLED_ELSEWHERE: Final = "settled_elsewhere"
"""Reason of an order of which others settled more than was left to match. It carries code 611."""

_FINISHED: Final = (CANCELLED_ON_CHAIN, SETTLED_ELSEWHERE)


class SharedLifecycle(Lifecycle):
    """The life of orders on a chain that others use as well."""

    booked: frozenset[tuple[str, str, str]] = frozenset()
    """Transaction, buy and sell order hash of what others settled: a block may be read twice."""

    def cancelled_on_chain(self, order_hash: str) -> None:
        """Take over that the owner of an order cancelled it at the contract. Safe to repeat.

        Matches of it that wait for settlement will fail there. Their other side goes back to the book then.
        """
        records = [record for record in self.orders.by_hash(order_hash) if _may_settle(record)]
        if records:
            with self.steps.step(CancelledOnChain(order_hash=order_hash)):
                for record in records:
                    self._end_order(record, CancelCode.USER, CANCELLED_ON_CHAIN)

    def settled_elsewhere(self, settlement: SettledElsewhere) -> None:
        """Take over that somebody else had a pair of orders settled. Safe to repeat.

        Where the venue has matched just that, its match is settled by it. Else the orders that the venue knows have
        that much less to trade; if it knows both, it books a trade.
        """
        key = (settlement.tx_hash, settlement.buy_hash, settlement.sell_hash)
        buy, sell = self._known(settlement.buy_hash), self._known(settlement.sell_hash)
        if key in self.booked or (buy is None and sell is None):
            return
        with self.steps.step(settlement):
            self.booked |= {key}
            trade = self._same_match(buy, sell, settlement.quantity_wei)
            if trade is not None:
                # Its own batch may still be under way, and stays so.
                batch = self.in_flight
                self.trades.take([trade.trade_id])
                self._settle(trade, settlement.tx_hash)
                self.in_flight = batch
                return
            self._book(buy, sell, settlement)

    def settle(self, trade: TradeRecord, tx_hash: str) -> None:
        """Take over that the chain has settled a match; also one that others had settled before."""
        if trade.state is TradeState.PENDING:
            super().settle(trade, tx_hash)
            return
        with self.steps.step(TradeSettled(trade_id=trade.trade_id, tx_hash=tx_hash)):
            self._landed(trade)
            again = SettledElsewhere(
                buy_hash=trade.buy.order_hash,
                sell_hash=trade.sell.order_hash,
                quantity_wei=trade.quantity_wei,
                price_e18=trade.price_e18,
                tx_hash=tx_hash,
            )
            self._book(trade.buy, trade.sell, again)

    def fail(self, trade: TradeRecord, tx_hash: str, reason: str) -> None:
        """Take over that the chain has refused a match; where others had settled it before, nothing is lost."""
        if trade.state is TradeState.PENDING:
            super().fail(trade, tx_hash, reason)
            return
        with self.steps.step(TradeFailed(trade_id=trade.trade_id, tx_hash=tx_hash, reason=reason)):
            self._landed(trade)

    def change_fee(self, fee_bps: int) -> None:
        """Take over what the contract charges from now on, also for the matches that it has not settled yet."""
        with self.steps.step(FeeChanged(fee_bps=fee_bps)):
            self.fee_bps = fee_bps
            for trade in self.trades:
                if trade.state is TradeState.PENDING:
                    trade.fee_bps = fee_bps

    def _fault_of(self, trade: TradeRecord, side: Side, reason: str) -> tuple[int, str] | None:
        record = trade.buy if side is Side.BUY else trade.sell
        if record.cancel_reason in _FINISHED:
            return record.cancel_code, record.cancel_reason
        other = trade.sell if side is Side.BUY else trade.buy
        return None if other.cancel_reason in _FINISHED else super()._fault_of(trade, side, reason)

    def _known(self, order_hash: str) -> OrderRecord | None:
        return next(iter(self.orders.by_hash(order_hash)), None)

    def _same_match(self, buy: OrderRecord | None, sell: OrderRecord | None, quantity_wei: int) -> TradeRecord | None:
        trades = () if buy is None else self.trades.of_order(buy.order_id)
        fitting = (
            trade
            for trade in trades
            if trade.sell is sell and trade.state is TradeState.PENDING and trade.quantity_wei == quantity_wei
        )
        return next(fitting, None)

    def _book(self, buy: OrderRecord | None, sell: OrderRecord | None, settlement: SettledElsewhere) -> None:
        known = [record for record in (buy, sell) if record is not None]
        for record in known:
            self._take_settled(record, settlement)
        if buy is not None and sell is not None:
            self._announcer.trade_updated(self._trade_elsewhere(buy, sell, settlement))
        for record in known:
            self._announcer.order_settled(record)

    def _take_settled(self, record: OrderRecord, settlement: SettledElsewhere) -> None:
        """Book an amount on one order, as far as it has so much left; what others took beyond that ends it."""
        was_cancelled = record.status is OrderStatus.CANCELLED
        taken_wei = min(settlement.quantity_wei, record.unmatched_wei)
        touched: list[tuple[Side, int]] = []
        self._take_from_book(record, touched)
        record.add_match(settlement.price_e18, taken_wei)
        record.settle_match(taken_wei)
        if was_cancelled:
            record.status = OrderStatus.CANCELLED
        elif taken_wei < settlement.quantity_wei:
            self._cancel(record, CancelCode.USER, SETTLED_ELSEWHERE)
        elif record.is_open:
            self._end_dust(record, touched)
        if record.is_open:
            self._rest(record, touched)
        self.orders.index_open(record)
        self.reserve_for_order(record)
        self._announcer.order_changed(record)
        self._announcer.book_changed(self.markets[record.market.id], dict.fromkeys(touched))

    def _trade_elsewhere(self, buy: OrderRecord, sell: OrderRecord, settlement: SettledElsewhere) -> TradeRecord:
        """Keep a trade that the venue did not make. The order that was placed first counts as the one that rested."""
        now_ms = self.steps.now_ms()
        trade = TradeRecord(
            trade_id=self._new_id(),
            buy=buy,
            sell=sell,
            is_buyer_maker=buy.created_ms <= sell.created_ms,
            quantity_wei=settlement.quantity_wei,
            price_e18=settlement.price_e18,
            resting_price_e18=settlement.price_e18,
            fee_bps=self.fee_bps,
            created_ms=now_ms,
            state=TradeState.SUCCESS,
            tx_hash=settlement.tx_hash,
        )
        self.trades.add(trade)
        self.trades.take([trade.trade_id])
        self.markets[buy.market.id].record_match(now_ms, trade.price_e18, trade.quantity_wei)
        return trade


def _may_settle(record: OrderRecord) -> bool:
    """Whether something of an order may still be settled, as far as the venue knows."""
    return record.is_open or (record.pending_wei > 0 and record.cancel_reason not in _FINISHED)
