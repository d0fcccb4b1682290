"""What an account can look up later: its orders, fills, income, margin changes. The newest of each are kept."""

from collections import deque
from collections.abc import Iterator
from typing import Final

from msgspec import Struct, field

from tegro_localnet.perpetual.engine.order import Fill, Order
from tegro_localnet.perpetual.engine.rejection import Rejected
from tegro_localnet.perpetual.engine.terms import IncomeType, PositionSide

KEPT: Final = 10_000
"""How many ended orders, fills, income rows and margin changes are kept of an account."""


class Income(Struct, frozen=True, kw_only=True):
    """One reason why a wallet changed, with its sign."""

    income_id: int
    symbol: str
    type: IncomeType
    amount_e8: int
    trade_id: int | None
    time_ms: int


class MarginChange(Struct, frozen=True, kw_only=True):
    """Margin added to (or, negative, taken from) an isolated position by its owner."""

    symbol: str
    position_side: PositionSide
    amount_e8: int
    time_ms: int


class AccountRecords(Struct):
    """The past of one account."""

    orders: deque[int] = field(default_factory=deque)
    fills: deque[Fill] = field(default_factory=lambda: deque[Fill](maxlen=KEPT))
    incomes: deque[Income] = field(default_factory=lambda: deque[Income](maxlen=KEPT))
    margin_changes: deque[MarginChange] = field(default_factory=lambda: deque[MarginChange](maxlen=KEPT))
    forced: deque[Order] = field(default_factory=lambda: deque[Order](maxlen=KEPT))
    """Liquidation and deleveraging orders."""


class OrderRegister:
    """All orders by number, and by the client's own id within an account and a contract: the newest one counts."""

    def __init__(self) -> None:
        self._orders: dict[int, Order] = {}
        self._by_client_id: dict[tuple[int, str, str], int] = {}

    def add(self, order: Order, records: AccountRecords) -> None:
        """Take a new order; forget the account's oldest ended one where there are too many."""
        self._orders[order.order_id] = order
        self._by_client_id[order.account_id, order.symbol, order.client_order_id] = order.order_id
        records.orders.append(order.order_id)
        while len(records.orders) > KEPT and not self._orders[records.orders[0]].is_open:
            self._forget(records.orders.popleft())

    def __getitem__(self, order_id: int) -> Order:
        return self._orders[order_id]

    def find(self, account_id: int, symbol: str, order_id: int | None, client_order_id: str | None) -> Order | None:
        """Return an order by its number or, without one, by the client's id; None where the account has none such."""
        if order_id is None:
            order_id = self._by_client_id.get((account_id, symbol, client_order_id or ""))
        order = None if order_id is None else self._orders.get(order_id)
        return order if order is not None and (order.account_id, order.symbol) == (account_id, symbol) else None

    def all_of(self, records: AccountRecords) -> Iterator[Order]:
        """Yield the orders of an account, oldest first."""
        return (self._orders[order_id] for order_id in records.orders)

    def require_free(self, account_id: int, symbol: str, client_order_id: str) -> None:
        """Refuse a client order id that an open order has."""
        order = self.find(account_id, symbol, None, client_order_id)
        if order is not None and order.is_open:
            raise Rejected(-4116)

    def _forget(self, order_id: int) -> None:
        order = self._orders.pop(order_id)
        key = (order.account_id, order.symbol, order.client_order_id)
        if self._by_client_id.get(key) == order_id:
            del self._by_client_id[key]
