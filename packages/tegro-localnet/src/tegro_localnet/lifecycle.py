"""The life of orders and trades (protocol 5.5): what each command makes of them. No signatures, no chain, no waiting.

What happens here follows from the state, the command, the time of the step and the seed alone, so that a journal of the
commands gives the same venue again.
"""

import heapq
import random
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Final

from msgspec.structs import replace

from tegro.model import PRICE_DECIMALS, CancelCode, OrderStatus, Side, TradeState
from tegro.wire import OrderInfo
from tegro_localnet.announcer import Announcer
from tegro_localnet.engine.ledger import Lack, Ledger
from tegro_localnet.engine.matching import Fill, match
from tegro_localnet.engine.order_book import RestingOrder
from tegro_localnet.journal.commands import (
    BatchSent,
    BatchUnsent,
    Cancelled,
    ChainFollowed,
    Expired,
    HoldingRead,
    Matched,
    OrderAdded,
    OrderEnded,
    Placed,
    PrecisionsChanged,
    TradeFailed,
    TradeSettled,
    TradesUnsettled,
)
from tegro_localnet.markets import ListedMarket
from tegro_localnet.orders import CANCEL_REASONS, OrderRecord, OrderStore
from tegro_localnet.signed_order import SignedOrder
from tegro_localnet.steps import Steps
from tegro_localnet.trades import TradeRecord, TradeStore

EXPIRED: Final = "expired"
"""Reason of an order that ended by its own expiryTime. It carries code 611, because its owner asked for that."""

_EXPIRED_ON_CHAIN: Final = "Order expired"
LACK_CODES: Final = {
    Lack.FUNDS: CancelCode.INSUFFICIENT_FUNDS,
    Lack.ALLOWANCE: CancelCode.INSUFFICIENT_ALLOWANCE,
}

_UUID_FIXED: Final = 0xF000C000000000000000
"""The bits of a UUID that say which kind it is (RFC 9562, 5.4)."""
_UUID_VERSION_4: Final = 0x40008000000000000000

type _Touched = list[tuple[Side, int]]


class Lifecycle:
    """Orders, trades and books of one chain. Each method that changes them is a step, or a part of the caller's.

    Parameters
    ----------
    markets : mapping of str to ListedMarket
        By market id.
    ledger : Ledger
        What the wallets have and what is reserved of it.
    announcer : Announcer
        Who says what happened.
    fee_bps : int
        What the contract takes, in basis points.
    clock_ms : callable
        The time in Unix milliseconds.
    rng : random.Random
        Where the ids come from.

    Attributes
    ----------
    orders : OrderStore
        Every order.
    trades : TradeStore
        Every match.
    steps : Steps
        Where each change is noted.
    in_flight : BatchSent or None
        The matches whose transaction was sent and whose fate is not known.
    next_block : int
        The first block whose logs were not taken over.
    fee_bps : int
        What the contract takes now.
    expiries : list of (int, str)
        A heap of (expiryTime, order id).
    """

    def __init__(
        self,
        *,
        markets: Mapping[str, ListedMarket],
        ledger: Ledger,
        announcer: Announcer,
        fee_bps: int,
        clock_ms: Callable[[], int],
        rng: random.Random,
    ) -> None:
        self.markets = markets
        self.orders = OrderStore()
        self.trades = TradeStore()
        self.ledger = ledger
        self.steps = Steps(clock_ms)
        self.in_flight: BatchSent | None = None
        self.next_block = 0
        self.expiries: list[tuple[int, str]] = []
        self.rng = rng
        self._announcer = announcer
        self.fee_bps = fee_bps

    def accept(self, order: SignedOrder, market_id: str, order_hash: str) -> OrderInfo:
        """Take a checked order in and match it; returns it as it was before matching, in `open` (protocol 5.5)."""
        with self.steps.step(Placed(market_id=market_id, order_hash=order_hash, order=order)):
            return self._accept(order, self.markets[market_id], order_hash)

    def open_orders(self, wallet: str, order_ids: Iterable[str]) -> list[OrderRecord]:
        """Return those of the ids that are open orders of the wallet, each once."""
        found = (self.orders.get(order_id) for order_id in dict.fromkeys(order_ids))
        return [record for record in found if record and record.is_open and record.order.maker == wallet]

    def end_orders(self, records: Sequence[OrderRecord], code: int, reason: str | None = None) -> None:
        """Take open orders out of their books, end them with a cancel code, and say so."""
        if records:
            order_ids = tuple(record.order_id for record in records)
            with self.steps.step(Cancelled(order_ids=order_ids, code=code, reason=reason)):
                for record in records:
                    self._end_order(record, code, reason)

    def end_order(self, record: OrderRecord, code: int, reason: str | None = None) -> None:
        """Take an open order out of its book, end it with a cancel code, and say so."""
        self.end_orders([record], code, reason)

    def take_holding(self, wallet: str, token: str, balance_wei: int, allowance_wei: int) -> None:
        """Take over what the chain says of a wallet's token, and end the orders that this leaves uncovered."""
        holding = self.ledger.holding(wallet, token)
        known = (holding.balance_wei, holding.allowance_wei)
        if self.ledger.is_mirrored(wallet, token) and known == (balance_wei, allowance_wei):
            return
        reading = HoldingRead(wallet=wallet, token=token, balance_wei=balance_wei, allowance_wei=allowance_wei)
        with self.steps.step(reading):
            if self.ledger.mirror(wallet, token, balance_wei, allowance_wei):
                self._end_uncovered(wallet, token)

    def chain_followed(self, next_block: int) -> None:
        """Note that the logs of all blocks before this one were taken over."""
        with self.steps.step(ChainFollowed(next_block=next_block)):
            self.next_block = next_block

    def change_precisions(self, market_id: str, base_precision: int, quote_precision: int) -> None:
        """Change lot size and tick size of a market for the orders to come; those that rest stay as they are.

        Raises
        ------
        ValueError
            If a quantity would need more decimals than its token has, or a price more than 18.
        """
        listed = self.markets[market_id]
        most = listed.market.base.decimals
        if not (0 <= base_precision <= most and 0 <= quote_precision <= PRICE_DECIMALS):
            raise ValueError(
                f"{listed.market.symbol} allows 0 to {most} decimals in a quantity and 0 to {PRICE_DECIMALS} in a "
                f"price, were {base_precision} and {quote_precision}"
            )
        change = PrecisionsChanged(market_id=market_id, base_precision=base_precision, quote_precision=quote_precision)
        with self.steps.step(change):
            listed.market = replace(listed.market, base_precision=base_precision, quote_precision=quote_precision)

    def _end_order(self, record: OrderRecord, code: int, reason: str | None) -> None:
        touched: _Touched = []
        self._take_from_book(record, touched)
        self._cancel(record, code, reason)
        self._announcer.order_changed(record)
        self._announcer.book_changed(self.markets[record.market.id], touched)

    def _end_uncovered(self, wallet: str, token: str) -> None:
        """Cancel the open orders that a wallet's funds or allowance no longer cover, each taken alone (711, 712)."""
        holding = self.ledger.holding(wallet, token)
        for record in self.orders.open_of(wallet):
            lack = holding.lack_of(record.needed_wei) if record.paid_token == token else None
            if lack is not None:
                self.end_order(record, LACK_CODES[lack])

    def end_expired(self) -> None:
        """Cancel the open orders whose expiryTime has come."""
        if not self.expiries or self.expiries[0][0] > self.steps.now_ms() // 1000:
            return
        with self.steps.step(Expired()):
            now_secs = self.steps.now_ms() // 1000
            while self.expiries and self.expiries[0][0] <= now_secs:
                record = self.orders[heapq.heappop(self.expiries)[1]]
                if record.is_open:
                    self._end_order(record, CancelCode.USER, EXPIRED)

    def send_batch(self, trades: Sequence[TradeRecord], after_block: int) -> None:
        """Note that matches are about to be sent to the chain together, in a block after this one."""
        batch = BatchSent(trade_ids=tuple(trade.trade_id for trade in trades), after_block=after_block)
        with self.steps.step(batch):
            self.trades.take(batch.trade_ids)
            self.in_flight = batch

    def batch_unsent(self) -> None:
        """Note that the batch in flight never reached the chain: its matches wait again, before all others."""
        with self.steps.step(BatchUnsent()):
            batch, self.in_flight = self.in_flight, None
            if batch is not None:
                self.trades.put_back([self.trades[trade_id] for trade_id in batch.trade_ids])

    def settle(self, trade: TradeRecord, tx_hash: str) -> None:
        """Take over that the chain has settled a match."""
        with self.steps.step(TradeSettled(trade_id=trade.trade_id, tx_hash=tx_hash)):
            self._settle(trade, tx_hash)

    def _settle(self, trade: TradeRecord, tx_hash: str) -> None:
        self._landed(trade)
        trade.state = TradeState.SUCCESS
        trade.tx_hash = tx_hash
        for record in (trade.buy, trade.sell):
            record.settle_match(trade.quantity_wei)
        self._release(trade)
        self._announcer.trade_updated(trade)
        for record in (trade.maker, trade.taker):
            self._announcer.order_settled(record)

    def fail(self, trade: TradeRecord, tx_hash: str, reason: str) -> None:
        """Take over that the chain has refused a match.

        The side whose wallet cannot pay is cancelled (711, 712, or its expiry); the other side's amount goes back to
        the book unless its order has ended meanwhile. Where neither side is at fault, both end with 711 and the chain's
        words, because the same match would only fail again.
        """
        with self.steps.step(TradeFailed(trade_id=trade.trade_id, tx_hash=tx_hash, reason=reason)):
            self._fail(trade, tx_hash, reason)

    def unsettle(self, trades: Sequence[TradeRecord]) -> None:
        """Take over that the chain has taken back the blocks in which matches were settled, oldest match first.

        They are pending again, and wait for settlement before all others.
        """
        with self.steps.step(TradesUnsettled(trade_ids=tuple(trade.trade_id for trade in trades))):
            for trade in trades:
                trade.state = TradeState.PENDING
                trade.tx_hash = ""
                for record in (trade.buy, trade.sell):
                    record.unsettle_match(trade.quantity_wei)
                self.reserve_for_trade(trade)
                self._announcer.trade_updated(trade)
                for record in (trade.maker, trade.taker):
                    self._announcer.order_changed(record)
            self.trades.put_back(trades)

    def _landed(self, trade: TradeRecord) -> None:
        """Note that the fate of a match is known; the batch has landed with the last of its matches."""
        batch = self.in_flight
        if batch is not None and trade.trade_id == batch.trade_ids[-1]:
            self.in_flight = None

    def _fail(self, trade: TradeRecord, tx_hash: str, reason: str) -> None:
        self._landed(trade)
        trade.state = TradeState.FAILED
        trade.tx_hash = tx_hash
        self._release(trade)
        faults = {side: self._fault_of(trade, side, reason) for side in Side}
        if not any(faults.values()):
            faults = dict.fromkeys(Side, (CancelCode.INSUFFICIENT_FUNDS, reason))
        self._announcer.trade_updated(trade)
        returning = [record for record in (trade.buy, trade.sell) if self._drop(trade, record, faults[record.side])]
        for record in returning:
            self._return_to_book(record)

    def _accept(self, order: SignedOrder, listed: ListedMarket, order_hash: str) -> OrderInfo:
        self.end_expired()
        record = OrderRecord(
            order_id=self._new_id(),
            order_hash=order_hash,
            order=order,
            market=listed.market,
            side=Side.BUY if order.is_buy else Side.SELL,
            created_ms=self.steps.now_ms(),
        )
        self.orders.add(record)
        self.steps.note(OrderAdded(order_id=record.order_id))
        if order.expiry_time:
            heapq.heappush(self.expiries, (order.expiry_time, record.order_id))
        answer = record.view()
        self._announcer.order_placed(record)
        self._announcer.order_changed(record)
        self._enter_book(record, [])
        return answer

    def _enter_book(self, record: OrderRecord, touched: _Touched) -> None:
        """Match an order, let the rest of it stand in the book, and announce both."""
        listed = self.markets[record.market.id]
        result = match(listed.book, record.side, record.order.price_e18, record.unmatched_wei)
        trades = [self._record_trade(listed, record, fill) for fill in result.fills]
        touched += [(record.side.opposite, fill.resting_price_e18) for fill in result.fills]
        if result.fills:
            self._end_dust(trades[-1].maker, touched)
            self._end_dust(record, touched)
        if record.is_open:
            self._rest(record, touched)
        self.reserve_for_order(record)
        for trade in trades:
            self._announcer.trade_created(trade)
        if trades:
            for changed in (*(trade.maker for trade in trades), record):
                self._announcer.order_changed(changed)
        self._announcer.book_changed(listed, dict.fromkeys(touched))

    def _record_trade(self, listed: ListedMarket, taker: OrderRecord, fill: Fill) -> TradeRecord:
        maker = self.orders[fill.maker_order_id]
        buy, sell = (taker, maker) if taker.side is Side.BUY else (maker, taker)
        now_ms = self.steps.now_ms()
        trade = TradeRecord(
            trade_id=self._new_id(),
            buy=buy,
            sell=sell,
            is_buyer_maker=maker is buy,
            quantity_wei=fill.quantity_wei,
            price_e18=fill.price_e18,
            resting_price_e18=fill.resting_price_e18,
            fee_bps=self.fee_bps,
            created_ms=now_ms,
        )
        for record in (maker, taker):
            record.add_match(fill.price_e18, fill.quantity_wei)
            self.orders.index_open(record)
        self.reserve_for_trade(trade)
        self.reserve_for_order(maker)
        self.trades.add(trade)
        self.steps.note(
            Matched(
                trade_id=trade.trade_id,
                maker_order_id=maker.order_id,
                taker_order_id=taker.order_id,
                quantity_wei=trade.quantity_wei,
                price_e18=trade.price_e18,
            )
        )
        listed.record_match(now_ms, fill.price_e18, fill.quantity_wei)
        return trade

    def _end_dust(self, record: OrderRecord, touched: _Touched) -> None:
        """Cancel what a match has left of an order where it is worth too little to settle (811)."""
        listed = self.markets[record.market.id]
        value_wei = listed.value_wei(record.order.price_e18, record.unmatched_wei)
        if record.is_open and value_wei < listed.min_order_value_wei:
            self._take_from_book(record, touched)
            self._cancel(record, CancelCode.BELOW_MINIMUM)

    def _rest(self, record: OrderRecord, touched: _Touched) -> None:
        book = self.markets[record.market.id].book
        price_e18 = record.order.price_e18
        book.add(RestingOrder(record.order_id, record.side, price_e18, record.unmatched_wei))
        touched.append((record.side, price_e18))

    def _take_from_book(self, record: OrderRecord, touched: _Touched) -> None:
        if self.markets[record.market.id].book.remove(record.order_id) is not None:
            touched.append((record.side, record.order.price_e18))

    def _cancel(self, record: OrderRecord, code: int, reason: str | None = None) -> None:
        record.cancel(code, CANCEL_REASONS[code] if reason is None else reason)
        self.steps.note(OrderEnded(order_id=record.order_id, code=code))
        self.orders.index_open(record)
        self.reserve_for_order(record)

    def _drop(self, trade: TradeRecord, record: OrderRecord, fault: tuple[int, str] | None) -> bool:
        """Take a failed match back from an order, end the order where it is at fault; returns whether it goes on."""
        was_ended = record.status is OrderStatus.CANCELLED
        record.drop_match(trade.price_e18, trade.quantity_wei)
        if was_ended:
            self._announcer.order_changed(record)
        elif fault is not None:
            self.end_order(record, *fault)
        return record.is_open

    def _return_to_book(self, record: OrderRecord) -> None:
        """Let an order whose counterparty could not pay trade again, behind the others of its price."""
        self.orders.index_open(record)
        self._announcer.order_changed(record)
        touched: _Touched = []
        self._take_from_book(record, touched)
        self._end_uncovered(record.order.maker, record.paid_token)
        if record.is_open:
            self._enter_book(record, touched)
        else:
            self._announcer.book_changed(self.markets[record.market.id], touched)

    def _fault_of(self, trade: TradeRecord, side: Side, reason: str) -> tuple[int, str] | None:
        record = trade.buy if side is Side.BUY else trade.sell
        holding = self.ledger.holding(record.order.maker, record.paid_token)
        lack = holding.lack_of(trade.payment_wei(side))
        if lack is not None:
            code = LACK_CODES[lack]
            return code, CANCEL_REASONS[code]
        if reason == _EXPIRED_ON_CHAIN:
            # The chain does not say which of the two it was; it was at least the one that ends first.
            expiries = [order.order.expiry_time for order in (trade.buy, trade.sell) if order.order.expiry_time]
            if record.order.expiry_time == min(expiries, default=None):
                return CancelCode.USER, EXPIRED
        return None

    def reserve_for_trade(self, trade: TradeRecord) -> None:
        """Keep back what both sides of an unsettled match will pay. Safe to repeat."""
        for record in (trade.buy, trade.sell):
            key = f"{trade.trade_id}/{record.side}"
            self.ledger.reserve(key, record.order.maker, record.paid_token, trade.payment_wei(record.side))

    def reserve_for_order(self, record: OrderRecord) -> None:
        """Keep back what an order may still cost; nothing where it has ended. Safe to repeat."""
        needed_wei = record.needed_wei if record.is_open else 0
        self.ledger.reserve(record.order_id, record.order.maker, record.paid_token, needed_wei)

    def _release(self, trade: TradeRecord) -> None:
        for side in Side:
            self.ledger.release(f"{trade.trade_id}/{side}")

    def _new_id(self) -> str:
        """Return a random UUID of version 4, as `uuid.UUID(int=bits, version=4)` would be, in a fifth of its time."""
        digits = f"{self.rng.getrandbits(128) & ~_UUID_FIXED | _UUID_VERSION_4:032x}"
        return f"{digits[:8]}-{digits[8:12]}-{digits[12:16]}-{digits[16:20]}-{digits[20:]}"
