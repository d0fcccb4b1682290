"""An engine's whole state as one value, and the state again from it.

What follows from the rest is not in it: which client order id means which order, and the levels of the books. Settings
and positions that are as they begin are left out, so that the value does not depend on who has looked at them.
"""

from msgspec import Struct

from tegro.model import Side
from tegro_localnet.engine.order_book import RestingOrder
from tegro_localnet.perpetual.engine.account import Account, SymbolSettings
from tegro_localnet.perpetual.engine.funding import FundingTerms, PremiumMean
from tegro_localnet.perpetual.engine.market import FundingRate, Market, Trade
from tegro_localnet.perpetual.engine.order import Fill, Order
from tegro_localnet.perpetual.engine.position import Position
from tegro_localnet.perpetual.engine.records import AccountRecords, Income, MarginChange
from tegro_localnet.perpetual.engine.state import VenueState


class MarketState(Struct, frozen=True, kw_only=True):
    """A contract: prices, funding, what traded, and the numbers of the orders of its book in their priority."""

    index_e18: int
    mark_e18: int
    basis_e18: tuple[int, ...]
    last_price_e18: int
    terms: FundingTerms
    premiums: PremiumMean
    next_funding_ms: int
    trades: tuple[Trade, ...]
    funding_rates: tuple[FundingRate, ...]
    resting: tuple[int, ...]


class AccountState(Struct, frozen=True, kw_only=True):
    """An account and its past. All orders that it can look up are in `orders`, oldest first."""

    wallet_e8: int
    is_hedge: bool
    updated_ms: int
    margin_call_ms: int
    settings: dict[str, SymbolSettings]
    positions: tuple[Position, ...]
    orders: tuple[Order, ...]
    open_orders: dict[str, tuple[int, ...]]
    fills: tuple[Fill, ...]
    incomes: tuple[Income, ...]
    margin_changes: tuple[MarginChange, ...]
    forced: tuple[Order, ...]


class EngineState(Struct, frozen=True, kw_only=True):
    """Everything that an engine knows, between two commands."""

    now_ms: int
    sampled_ms: int
    premium_ms: int
    fees_e8: int
    next_order_id: int
    next_trade_id: int
    next_income_id: int
    countdowns: tuple[tuple[int, str, int], ...]
    """Account, contract, and when its orders are to be cancelled."""
    accounts: tuple[AccountState, ...]
    """By number; the insurance fund is the first."""
    markets: dict[str, MarketState]


def take_state(state: VenueState) -> EngineState:
    """Return the whole state. It holds what the engine goes on changing, so it is to be encoded at once."""
    return EngineState(
        now_ms=state.now_ms,
        sampled_ms=state.sampled_ms,
        premium_ms=state.premium_ms,
        fees_e8=state.fees_e8,
        next_order_id=state.order_ids.next,
        next_trade_id=state.trade_ids.next,
        next_income_id=state.income_ids.next,
        countdowns=tuple((*key, due_ms) for key, due_ms in state.countdowns.items()),
        accounts=tuple(_account_state(state, account) for account in state.accounts.values()),
        markets={symbol: _market_state(market) for symbol, market in state.markets.items()},
    )


def restore_state(state: VenueState, taken: EngineState) -> None:
    """Bring the state of a fresh engine to what was taken. It owns the value from then on.

    Raises
    ------
    KeyError
        If a contract is not traded here, or an order is named that is not there.
    """
    state.now_ms, state.sampled_ms, state.premium_ms = taken.now_ms, taken.sampled_ms, taken.premium_ms
    state.fees_e8 = taken.fees_e8
    state.order_ids.next = taken.next_order_id
    state.trade_ids.next = taken.next_trade_id
    state.income_ids.next = taken.next_income_id
    state.countdowns.update({(account_id, symbol): due_ms for account_id, symbol, due_ms in taken.countdowns})
    for account_id, account in enumerate(taken.accounts):
        _restore_account(state, account_id, account)
    for symbol, market in taken.markets.items():
        _restore_market(state, state.markets[symbol], market)


def _market_state(market: Market) -> MarketState:
    return MarketState(
        index_e18=market.prices.index_e18,
        mark_e18=market.prices.mark_e18,
        basis_e18=tuple(market.prices.basis_e18),
        last_price_e18=market.last_price_e18,
        terms=market.terms,
        premiums=market.premiums,
        next_funding_ms=market.next_funding_ms,
        trades=tuple(market.trades),
        funding_rates=tuple(market.funding_rates),
        resting=tuple(int(order.order_id) for side in Side for order in market.book.orders(side)),
    )


def _account_state(state: VenueState, account: Account) -> AccountState:
    records = state.records[account.account_id]
    settings = sorted(account.settings.items())
    positions = account.positions.values()
    return AccountState(
        wallet_e8=account.wallet_e8,
        is_hedge=account.is_hedge,
        updated_ms=account.updated_ms,
        margin_call_ms=account.margin_call_ms,
        settings={symbol: each for symbol, each in settings if each != SymbolSettings()},
        positions=tuple(each for each in positions if each != Position(symbol=each.symbol, side=each.side)),
        orders=tuple(state.orders.all_of(records)),
        open_orders={symbol: tuple(orders) for symbol, orders in account.open_orders.items()},
        fills=tuple(records.fills),
        incomes=tuple(records.incomes),
        margin_changes=tuple(records.margin_changes),
        forced=tuple(records.forced),
    )


def _restore_account(state: VenueState, account_id: int, taken: AccountState) -> None:
    account = state.accounts[account_id] = Account(
        account_id=account_id,
        wallet_e8=taken.wallet_e8,
        is_hedge=taken.is_hedge,
        updated_ms=taken.updated_ms,
        margin_call_ms=taken.margin_call_ms,
        settings=dict(taken.settings),
        positions={(position.symbol, position.side): position for position in taken.positions},
    )
    records = state.records[account_id] = AccountRecords()
    for order in taken.orders:
        state.orders.add(order, records)
    for symbol, order_ids in taken.open_orders.items():
        account.open_orders[symbol] = {order_id: state.orders[order_id] for order_id in order_ids}
        for order in account.open_orders[symbol].values():
            # The margin of an account looks at the positions that its open orders could change.
            account.position(symbol, order.position_side)
    records.fills.extend(taken.fills)
    records.incomes.extend(taken.incomes)
    records.margin_changes.extend(taken.margin_changes)
    records.forced.extend(taken.forced)


def _restore_market(state: VenueState, market: Market, taken: MarketState) -> None:
    market.prices.index_e18, market.prices.mark_e18 = taken.index_e18, taken.mark_e18
    market.prices.basis_e18.extend(taken.basis_e18)
    market.last_price_e18 = taken.last_price_e18
    market.terms, market.premiums, market.next_funding_ms = taken.terms, taken.premiums, taken.next_funding_ms
    market.trades.extend(taken.trades)
    market.funding_rates.extend(taken.funding_rates)
    for order_id in taken.resting:
        order = state.orders[order_id]
        market.book.add(RestingOrder(str(order_id), order.side, order.price_e18, order.remaining_e8))
