"""A venue's whole state as one value, and the venue again from it.

What follows from the rest is not in it: reservations from open orders and unsettled matches, charts and figures of the
day from the matches, levels of the books from their orders.
"""

from msgspec import Struct
from msgspec.structs import replace

from tegro.model import OrderStatus, Side, TradeState
from tegro_localnet.elsewhere import SharedLifecycle
from tegro_localnet.engine.order_book import RestingOrder
from tegro_localnet.journal.commands import BatchSent
from tegro_localnet.orders import OrderRecord
from tegro_localnet.signed_order import SignedOrder
from tegro_localnet.trades import TradeRecord


class OrderState(Struct, frozen=True, kw_only=True):
    """An order; its market is named by id and its side is in the signed message."""

    order_id: str
    order_hash: str
    order: SignedOrder
    market_id: str
    status: OrderStatus
    filled_wei: int
    pending_wei: int
    matched_value: int
    cancel_code: int
    cancel_reason: str
    created_ms: int


class MatchState(Struct, frozen=True, kw_only=True):
    """A match; its orders are named by their ids."""

    trade_id: str
    buy_order_id: str
    sell_order_id: str
    is_buyer_maker: bool
    quantity_wei: int
    price_e18: int
    resting_price_e18: int
    fee_bps: int
    created_ms: int
    state: TradeState
    tx_hash: str


class MarketState(Struct, frozen=True, kw_only=True):
    """A market: how finely it trades, and the ids of the orders of its book in their priority."""

    base_precision: int
    quote_precision: int
    resting: tuple[str, ...]


class HoldingState(Struct, frozen=True, kw_only=True):
    """What the chain last said of a wallet's token."""

    wallet: str
    token: str
    balance_wei: int
    allowance_wei: int


class Snapshot(Struct, frozen=True, kw_only=True):
    """The state of a venue after `steps` steps."""

    steps: int
    rng: tuple[int, tuple[int, ...], None]
    orders: tuple[OrderState, ...]
    open_order_ids: tuple[str, ...]
    """In the order in which each wallet's are looked through."""
    matches: tuple[MatchState, ...]
    markets: dict[str, MarketState]
    holdings: tuple[HoldingState, ...]
    expiries: tuple[tuple[int, str], ...]
    in_flight: BatchSent | None
    next_block: int
    fee_bps: int
    booked: tuple[tuple[str, str, str], ...]
    """What others settled: transaction, buy and sell order hash."""


def take_snapshot(lifecycle: SharedLifecycle) -> Snapshot:
    """Return the state between two steps."""
    version, numbers, _ = lifecycle.rng.getstate()
    return Snapshot(
        steps=lifecycle.steps.count,
        rng=(version, numbers, None),
        orders=tuple(_order_state(record) for record in lifecycle.orders),
        open_order_ids=tuple(record.order_id for record in lifecycle.orders.open_orders()),
        matches=tuple(_match_state(trade) for trade in lifecycle.trades),
        markets={
            market_id: MarketState(
                base_precision=listed.market.base_precision,
                quote_precision=listed.market.quote_precision,
                resting=tuple(order.order_id for side in Side for order in listed.book.orders(side)),
            )
            for market_id, listed in lifecycle.markets.items()
        },
        holdings=tuple(
            HoldingState(
                wallet=wallet, token=token, balance_wei=holding.balance_wei, allowance_wei=holding.allowance_wei
            )
            for (wallet, token), holding in lifecycle.ledger.mirrored()
        ),
        expiries=tuple(lifecycle.expiries),
        in_flight=lifecycle.in_flight,
        next_block=lifecycle.next_block,
        fee_bps=lifecycle.fee_bps,
        booked=tuple(sorted(lifecycle.booked)),
    )


def restore(lifecycle: SharedLifecycle, snapshot: Snapshot) -> None:
    """Bring a fresh venue to the state of a snapshot.

    Raises
    ------
    KeyError
        If the snapshot names a market or an order that is not there.
    """
    lifecycle.steps.count = snapshot.steps
    lifecycle.rng.setstate(snapshot.rng)
    _restore_orders(lifecycle, snapshot)
    _restore_matches(lifecycle, snapshot)
    for holding in snapshot.holdings:
        lifecycle.ledger.mirror(holding.wallet, holding.token, holding.balance_wei, holding.allowance_wei)
    _restore_markets(lifecycle, snapshot)
    lifecycle.expiries[:] = snapshot.expiries
    lifecycle.in_flight = snapshot.in_flight
    lifecycle.next_block = snapshot.next_block
    lifecycle.fee_bps = snapshot.fee_bps
    lifecycle.booked = frozenset(snapshot.booked)


def _restore_orders(lifecycle: SharedLifecycle, snapshot: Snapshot) -> None:
    for state in snapshot.orders:
        lifecycle.orders.add(
            OrderRecord(
                order_id=state.order_id,
                order_hash=state.order_hash,
                order=state.order,
                market=lifecycle.markets[state.market_id].market,
                side=Side.BUY if state.order.is_buy else Side.SELL,
                status=state.status,
                filled_wei=state.filled_wei,
                pending_wei=state.pending_wei,
                matched_value=state.matched_value,
                cancel_code=state.cancel_code,
                cancel_reason=state.cancel_reason,
                created_ms=state.created_ms,
            )
        )
    lifecycle.orders.set_open(snapshot.open_order_ids)
    for order_id in snapshot.open_order_ids:
        lifecycle.reserve_for_order(lifecycle.orders[order_id])


def _restore_matches(lifecycle: SharedLifecycle, snapshot: Snapshot) -> None:
    for state in snapshot.matches:
        trade = TradeRecord(
            trade_id=state.trade_id,
            buy=lifecycle.orders[state.buy_order_id],
            sell=lifecycle.orders[state.sell_order_id],
            is_buyer_maker=state.is_buyer_maker,
            quantity_wei=state.quantity_wei,
            price_e18=state.price_e18,
            resting_price_e18=state.resting_price_e18,
            fee_bps=state.fee_bps,
            created_ms=state.created_ms,
            state=state.state,
            tx_hash=state.tx_hash,
        )
        lifecycle.trades.add(trade)
        if trade.state is TradeState.PENDING:
            lifecycle.reserve_for_trade(trade)
        else:
            lifecycle.trades.take([trade.trade_id])
        listed = lifecycle.markets[trade.buy.market.id]
        listed.record_match(trade.created_ms, trade.price_e18, trade.quantity_wei)
    if snapshot.in_flight is not None:
        lifecycle.trades.take(snapshot.in_flight.trade_ids)


def _restore_markets(lifecycle: SharedLifecycle, snapshot: Snapshot) -> None:
    for market_id, state in snapshot.markets.items():
        listed = lifecycle.markets[market_id]
        listed.market = replace(
            listed.market, base_precision=state.base_precision, quote_precision=state.quote_precision
        )
        for order_id in state.resting:
            record = lifecycle.orders[order_id]
            listed.book.add(RestingOrder(order_id, record.side, record.order.price_e18, record.unmatched_wei))


def _order_state(record: OrderRecord) -> OrderState:
    return OrderState(
        order_id=record.order_id,
        order_hash=record.order_hash,
        order=record.order,
        market_id=record.market.id,
        status=record.status,
        filled_wei=record.filled_wei,
        pending_wei=record.pending_wei,
        matched_value=record.matched_value,
        cancel_code=record.cancel_code,
        cancel_reason=record.cancel_reason,
        created_ms=record.created_ms,
    )


def _match_state(trade: TradeRecord) -> MatchState:
    return MatchState(
        trade_id=trade.trade_id,
        buy_order_id=trade.buy.order_id,
        sell_order_id=trade.sell.order_id,
        is_buyer_maker=trade.is_buyer_maker,
        quantity_wei=trade.quantity_wei,
        price_e18=trade.price_e18,
        resting_price_e18=trade.resting_price_e18,
        fee_bps=trade.fee_bps,
        created_ms=trade.created_ms,
        state=trade.state,
        tx_hash=trade.tx_hash,
    )
