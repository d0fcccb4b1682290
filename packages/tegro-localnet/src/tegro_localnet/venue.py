"""The one place where commands become engine calls, order states and events (the life cycle of protocol 5.5)."""

import heapq
import random
import uuid
from collections.abc import Callable, Iterable, Mapping
from typing import Final

from tegro.model import CancelCode, OrderStatus, Side, TradeState
from tegro.wire import OrderInfo
from tegro_localnet.announcer import Announcer
from tegro_localnet.chain_mirror import ChainMirror
from tegro_localnet.engine.ledger import Lack, Ledger
from tegro_localnet.engine.matching import Fill, match
from tegro_localnet.engine.order_book import RestingOrder
from tegro_localnet.intake import CheckedOrder, Intake
from tegro_localnet.markets import ListedMarket
from tegro_localnet.orders import CANCEL_REASONS, OrderRecord, OrderStore
from tegro_localnet.refusal import Refused
from tegro_localnet.trades import TradeRecord, TradeStore

EXPIRED: Final = "expired"
"""Reason of an order that ended by its own expiryTime. It carries code 611, because its owner asked for that."""

_EXPIRED_ON_CHAIN: Final = "Order expired"
_LACK_CODES: Final = {
    Lack.FUNDS: CancelCode.INSUFFICIENT_FUNDS,
    Lack.ALLOWANCE: CancelCode.INSUFFICIENT_ALLOWANCE,
}
_LACK_TEXTS: Final = {Lack.FUNDS: "insufficient funds", Lack.ALLOWANCE: "insufficient allowance"}

type _Touched = list[tuple[Side, int]]


class Venue:
    """Orders, trades and books of one chain. All methods run on one event loop; only `place` waits for the chain."""

    def __init__(
        self,
        *,
        markets: Mapping[str, ListedMarket],
        intake: Intake,
        ledger: Ledger,
        mirror: ChainMirror,
        announcer: Announcer,
        fee_bps: int,
        clock_ms: Callable[[], int],
        rng: random.Random,
    ) -> None:
        self.markets = markets
        """By market id."""
        self.orders = OrderStore()
        self.trades = TradeStore()
        self.ledger = ledger
        self._intake = intake
        self._mirror = mirror
        mirror.on_fall(self.end_uncovered)
        self._announcer = announcer
        self._fee_bps = fee_bps
        self._clock_ms = clock_ms
        self._rng = rng
        self._expiries: list[tuple[int, str]] = []

    async def place(self, body: bytes) -> OrderInfo:
        """Check, accept and match an order; returns it as it was before matching, in `open` (protocol 5.5).

        Raises
        ------
        Refused
            If any check fails. Nothing has changed then.
        """
        checked = self._intake.check_order(body)
        wallet, token, _ = _payment_of(checked)
        await self._mirror.ensure(wallet, [token])
        if self._refusal_of(checked) is not None:
            # The owner may have approved or received tokens a moment ago: ask the chain before saying no.
            await self._mirror.refresh([(wallet, token)])
        refusal = self._refusal_of(checked)
        if refusal is not None:
            raise Refused(refusal)
        return self._accept(checked)

    def cancel(self, body: bytes) -> list[str]:
        """Cancel by a signed list; ids that are unknown or not open are left out of the answer (protocol 12).

        Raises
        ------
        Refused
            If the request is malformed, not signed by the wallet, or names no open order of it.
        """
        wallet, order_ids = self._intake.check_cancel(body)
        records = self.open_orders(wallet, order_ids)
        if not records:
            raise Refused(f"Orders not found: {wallet} has no open order among those ids")
        for record in records:
            self.end_order(record, CancelCode.USER)
        return [record.order_id for record in records]

    def cancel_all(self, body: bytes) -> list[str]:
        """Cancel all open orders of a wallet; returns their ids, which may be none."""
        wallet = self._intake.check_cancel_all(body)
        records = self.orders.open_of(wallet)
        for record in records:
            self.end_order(record, CancelCode.USER)
        return [record.order_id for record in records]

    def open_orders(self, wallet: str, order_ids: Iterable[str]) -> list[OrderRecord]:
        """Return those of the ids that are open orders of the wallet, each once."""
        found = (self.orders.get(order_id) for order_id in dict.fromkeys(order_ids))
        return [record for record in found if record and record.is_open and record.order.maker == wallet]

    def end_order(self, record: OrderRecord, code: int, reason: str | None = None) -> None:
        """Take an order out of its book, end it with a cancel code, and say so."""
        touched: _Touched = []
        self._take_from_book(record, touched)
        self._cancel(record, code, reason)
        self._announcer.order_changed(record)
        self._announcer.book_changed(self.markets[record.market.id], touched)

    def end_uncovered(self, wallet: str, token: str) -> None:
        """Cancel the open orders that a wallet's funds or allowance no longer cover, each taken alone (711, 712)."""
        holding = self.ledger.holding(wallet, token)
        for record in self.orders.open_of(wallet):
            lack = holding.lack_of(record.needed_wei) if record.paid_token == token else None
            if lack is not None:
                self.end_order(record, _LACK_CODES[lack])

    def end_expired(self) -> None:
        """Cancel the open orders whose expiryTime has come."""
        now_secs = self._clock_ms() // 1000
        while self._expiries and self._expiries[0][0] <= now_secs:
            record = self.orders[heapq.heappop(self._expiries)[1]]
            if record.is_open:
                self.end_order(record, CancelCode.USER, EXPIRED)

    def settle(self, trade: TradeRecord, tx_hash: str) -> None:
        """Take over that the chain has settled a match."""
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

    def _refusal_of(self, checked: CheckedOrder) -> str | None:
        if self.orders.has_hash(checked.order_hash):
            return f"duplicate order: 0x{checked.order_hash} was placed before; change the salt"
        wallet, token, amount_wei = _payment_of(checked)
        lack = self.ledger.lack_for(wallet, token, amount_wei)
        if lack is None:
            return None
        holding = self.ledger.holding(wallet, token)
        has_wei = holding.balance_wei if lack is Lack.FUNDS else holding.allowance_wei
        return (
            f"{_LACK_TEXTS[lack]}: the order needs {amount_wei} of {token} beside {holding.reserved_wei} reserved, "
            f"{wallet} has {has_wei} (base units)"
        )

    def _accept(self, checked: CheckedOrder) -> OrderInfo:
        self.end_expired()
        record = OrderRecord(
            order_id=self._new_id(),
            order_hash=checked.order_hash,
            order=checked.order,
            market=checked.listed.market,
            side=checked.side,
            created_ms=self._clock_ms(),
        )
        self.orders.add(record)
        if checked.order.expiry_time:
            heapq.heappush(self._expiries, (checked.order.expiry_time, record.order_id))
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
        self._update_reservation(record)
        for trade in trades:
            self._announcer.trade_created(trade)
        if trades:
            for changed in (*(trade.maker for trade in trades), record):
                self._announcer.order_changed(changed)
        self._announcer.book_changed(listed, dict.fromkeys(touched))

    def _record_trade(self, listed: ListedMarket, taker: OrderRecord, fill: Fill) -> TradeRecord:
        maker = self.orders[fill.maker_order_id]
        buy, sell = (taker, maker) if taker.side is Side.BUY else (maker, taker)
        now_ms = self._clock_ms()
        trade = TradeRecord(
            trade_id=self._new_id(),
            buy=buy,
            sell=sell,
            is_buyer_maker=maker is buy,
            quantity_wei=fill.quantity_wei,
            price_e18=fill.price_e18,
            resting_price_e18=fill.resting_price_e18,
            fee_bps=self._fee_bps,
            created_ms=now_ms,
        )
        for record in (maker, taker):
            record.add_match(fill.price_e18, fill.quantity_wei)
            self.orders.index_open(record)
            self._reserve_for_trade(trade, record)
        self._update_reservation(maker)
        self.trades.add(trade)
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
        self.orders.index_open(record)
        self._update_reservation(record)

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
        self.end_uncovered(record.order.maker, record.paid_token)
        if record.is_open:
            self._enter_book(record, touched)
        else:
            self._announcer.book_changed(self.markets[record.market.id], touched)

    def _fault_of(self, trade: TradeRecord, side: Side, reason: str) -> tuple[int, str] | None:
        record = trade.buy if side is Side.BUY else trade.sell
        holding = self.ledger.holding(record.order.maker, record.paid_token)
        lack = holding.lack_of(trade.payment_wei(side))
        if lack is not None:
            code = _LACK_CODES[lack]
            return code, CANCEL_REASONS[code]
        if reason == _EXPIRED_ON_CHAIN:
            # The chain does not say which of the two it was; it was at least the one that ends first.
            expiries = [order.order.expiry_time for order in (trade.buy, trade.sell) if order.order.expiry_time]
            if record.order.expiry_time == min(expiries, default=None):
                return CancelCode.USER, EXPIRED
        return None

    def _reserve_for_trade(self, trade: TradeRecord, record: OrderRecord) -> None:
        key = f"{trade.trade_id}/{record.side}"
        self.ledger.reserve(key, record.order.maker, record.paid_token, trade.payment_wei(record.side))

    def _release(self, trade: TradeRecord) -> None:
        for side in Side:
            self.ledger.release(f"{trade.trade_id}/{side}")

    def _update_reservation(self, record: OrderRecord) -> None:
        needed_wei = record.needed_wei if record.is_open else 0
        self.ledger.reserve(record.order_id, record.order.maker, record.paid_token, needed_wei)

    def _new_id(self) -> str:
        return str(uuid.UUID(int=self._rng.getrandbits(128), version=4))


def _payment_of(checked: CheckedOrder) -> tuple[str, str, int]:
    """Return (wallet, token, amount) that an order may cost its owner."""
    order = checked.order
    if checked.side is Side.SELL:
        return order.maker, order.base_token, order.total_quantity_wei
    return order.maker, order.quote_token, checked.listed.value_wei(order.price_e18, order.total_quantity_wei)
