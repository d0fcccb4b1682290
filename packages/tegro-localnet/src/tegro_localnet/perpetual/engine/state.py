"""Everything the venue knows, and the small steps that all its parts share."""

from collections.abc import Callable, Iterable, Sequence
from typing import Final

import msgspec

from tegro_localnet.perpetual.engine.account import Account
from tegro_localnet.perpetual.engine.contract import Contract
from tegro_localnet.perpetual.engine.events import AccountChanged, Event, LevelChanged, OrderChanged, PositionState
from tegro_localnet.perpetual.engine.funding import FundingTerms
from tegro_localnet.perpetual.engine.market import Market
from tegro_localnet.perpetual.engine.order import Fill, Order
from tegro_localnet.perpetual.engine.position import Position
from tegro_localnet.perpetual.engine.records import AccountRecords, Income, OrderRegister
from tegro_localnet.perpetual.engine.rejection import Rejected
from tegro_localnet.perpetual.engine.terms import Execution, ExpiryReason, IncomeType, OrderStatus, Reason

HOUSE: Final = 0
"""Account of the insurance fund: it takes over what a liquidation could not sell."""
_FIRST_ORDER_ID: Final = 1_000_001


class Counter:
    """Rising numbers.

    Attributes
    ----------
    next : int
        The number that comes next.
    """

    def __init__(self, first: int) -> None:
        self.next = first

    def take(self) -> int:
        """Return the next number."""
        number = self.next
        self.next += 1
        return number


class VenueState:
    """Markets, accounts, orders, records, fees; and the events of the command that is being carried out.

    Parameters
    ----------
    contracts
        What is traded.
    terms
        How all contracts are funded at first.
    now_ms
        Unix milliseconds.
    emit
        Takes each event.
    """

    def __init__(
        self, contracts: Sequence[Contract], terms: FundingTerms, now_ms: int, emit: Callable[[Event], None]
    ) -> None:
        self.now_ms = now_ms
        self.emit: Final = emit
        self.markets: Final = {contract.symbol: Market(contract, terms, now_ms) for contract in contracts}
        self.accounts: Final = {HOUSE: Account(account_id=HOUSE, updated_ms=now_ms)}
        self.records: Final = {HOUSE: AccountRecords()}
        self.orders: Final = OrderRegister()
        self.fees_e8 = 0
        """What the venue has earned."""
        self.order_ids: Final = Counter(_FIRST_ORDER_ID)
        self.trade_ids: Final = Counter(1)
        self.income_ids: Final = Counter(1)
        self.countdowns: Final[dict[tuple[int, str], int]] = {}
        """When all orders of an account in a contract are to be cancelled."""
        self.sampled_ms = now_ms
        """When the middle of the books was last taken note of."""
        self.premium_ms = now_ms
        """When the premiums were last taken note of."""

    @property
    def house(self) -> Account:
        """The insurance fund."""
        return self.accounts[HOUSE]

    def market(self, symbol: str) -> Market:
        """Return a market, or refuse an unknown symbol."""
        market = self.markets.get(symbol)
        if market is None:
            raise Rejected(-1121)
        return market

    def pay(
        self, account: Account, amount_e8: int, kind: IncomeType, symbol: str = "", trade_id: int | None = None
    ) -> None:
        """Change a wallet and write it down; nothing happens for nothing."""
        if not amount_e8:
            return
        account.wallet_e8 += amount_e8
        account.updated_ms = self.now_ms
        self.records[account.account_id].incomes.append(
            Income(
                income_id=self.income_ids.take(),
                symbol=symbol,
                type=kind,
                amount_e8=amount_e8,
                trade_id=trade_id,
                time_ms=self.now_ms,
            )
        )

    def tell_order(
        self,
        order: Order,
        execution: Execution,
        reason: ExpiryReason = ExpiryReason.NONE,
        fill: Fill | None = None,
    ) -> None:
        """Say what happened to an order."""
        copy = msgspec.structs.replace(order)
        self.emit(OrderChanged(order=copy, execution=execution, reason=reason, fill=fill, time_ms=self.now_ms))

    def tell_account(
        self, account: Account, reason: Reason, positions: Iterable[Position] = (), change_e8: int = 0
    ) -> None:
        """Say what an account holds now."""
        self.emit(
            AccountChanged(
                account_id=account.account_id,
                reason=reason,
                wallet_e8=account.wallet_e8,
                cross_wallet_e8=account.cross_wallet_e8,
                change_e8=change_e8,
                positions=tuple(self.position_state(account, position) for position in positions),
                time_ms=self.now_ms,
            )
        )

    def position_state(self, account: Account, position: Position) -> PositionState:
        """Return a position as it is now."""
        return PositionState(
            position=msgspec.structs.replace(position),
            margin_type=account.setting(position.symbol).margin_type,
            unrealized_e8=position.unrealized_e8(self.markets[position.symbol].mark_e18),
        )

    def tell_level(self, order: Order) -> None:
        """Say what rests at the price of an order."""
        book = self.markets[order.symbol].book
        total_e8 = book.total_at(order.side, order.price_e18)
        self.emit(LevelChanged(order.symbol, order.side, order.price_e18, total_e8))

    def end(self, order: Order, status: OrderStatus, reason: ExpiryReason = ExpiryReason.NONE) -> None:
        """End an open order, whether it rests or not."""
        order.status = status
        order.updated_ms = self.now_ms
        self.withdraw(order)
        execution = Execution.CANCELED if status is OrderStatus.CANCELED else Execution.EXPIRED
        self.tell_order(order, execution, reason)

    def withdraw(self, order: Order) -> None:
        """Take an order out of the book and out of the account's open orders, if it is there."""
        if self.markets[order.symbol].book.remove(str(order.order_id)) is not None:
            self.tell_level(order)
        self.accounts[order.account_id].open_orders.get(order.symbol, {}).pop(order.order_id, None)
