"""Orders as the venue keeps them, and the indexes by which they are found."""

from collections.abc import Iterable, Iterator
from itertools import islice
from typing import Final

from msgspec import Struct

from tegro.model import PRICE_DECIMALS, CancelCode, Market, OrderStatus, Side
from tegro.wire import CancelReason, OrderInfo
from tegro_localnet.amounts import quoted_units
from tegro_localnet.signed_order import SignedOrder

CANCEL_REASONS: Final = {
    CancelCode.NONE: "",
    CancelCode.USER: "user_cancel",
    CancelCode.INSUFFICIENT_FUNDS: "insufficient_funds",
    CancelCode.INSUFFICIENT_ALLOWANCE: "insufficient_allowance",
    CancelCode.BELOW_MINIMUM: "below_minimum_order_value",
}
"""Only `user_cancel` is documented (protocol 5.6); the other words are this venue's."""


class OrderRecord(Struct, kw_only=True):
    """One order and how far it has come. Amounts are in the smallest unit of the base token."""

    order_id: str
    order_hash: str
    """64 hex digits without 0x, as responses show it."""
    order: SignedOrder
    market: Market
    side: Side
    status: OrderStatus = OrderStatus.OPEN
    filled_wei: int = 0
    pending_wei: int = 0
    matched_value: int = 0
    """Sum of price_e18 x quantity_wei of every match that has not failed."""
    cancel_code: int = CancelCode.NONE
    cancel_reason: str = ""
    created_ms: int

    @property
    def unmatched_wei(self) -> int:
        """What has not been matched, whether it still rests or not."""
        return self.order.total_quantity_wei - self.filled_wei - self.pending_wei

    @property
    def is_open(self) -> bool:
        """Whether the order may still trade."""
        return self.status is OrderStatus.OPEN

    @property
    def paid_token(self) -> str:
        """The token its owner pays with: quote for a buy, base for a sell."""
        return self.order.quote_token if self.side is Side.BUY else self.order.base_token

    @property
    def needed_wei(self) -> int:
        """What its owner must hold for the unmatched part, in the token that is paid."""
        if self.side is Side.SELL:
            return self.unmatched_wei
        return self.market.quote_wei(self.order.price_e18, self.unmatched_wei)

    def add_match(self, price_e18: int, quantity_wei: int) -> None:
        """Take over a match: it is pending until the chain has settled it."""
        self.pending_wei += quantity_wei
        self.matched_value += price_e18 * quantity_wei
        if self.unmatched_wei == 0:
            self.status = OrderStatus.CLOSED

    def settle_match(self, quantity_wei: int) -> None:
        """Move a settled amount from pending to filled."""
        self.pending_wei -= quantity_wei
        self.filled_wei += quantity_wei

    def unsettle_match(self, quantity_wei: int) -> None:
        """Move a settled amount back to pending, because the chain has taken its block back."""
        self.filled_wei -= quantity_wei
        self.pending_wei += quantity_wei

    def drop_match(self, price_e18: int, quantity_wei: int) -> None:
        """Take back a match that failed on chain; an order that was closed by it is open again."""
        self.pending_wei -= quantity_wei
        self.matched_value -= price_e18 * quantity_wei
        if self.status is OrderStatus.CLOSED:
            self.status = OrderStatus.OPEN

    def cancel(self, code: int, reason: str) -> None:
        """End the order before it was matched in full."""
        self.status = OrderStatus.CANCELLED
        self.cancel_code = code
        self.cancel_reason = reason

    def view(self) -> OrderInfo:
        """Return the order as the API shows it (protocol 4.12). `timestamp` is the time of placement."""
        market, order = self.market, self.order
        base_decimals = market.base.decimals
        total_wei = market.quote_wei(order.price_e18, order.total_quantity_wei)
        return OrderInfo(
            order_id=self.order_id,
            order_hash=self.order_hash,
            market_id=market.id,
            side=self.side.value,
            base_currency=market.base.symbol,
            quote_currency=market.quote.symbol,
            contract_address=market.base.address,
            quantity=quoted_units(order.total_quantity_wei, base_decimals),
            quantity_filled=quoted_units(self.filled_wei, base_decimals),
            quantity_pending=quoted_units(self.pending_wei, base_decimals),
            price=quoted_units(order.price_e18, PRICE_DECIMALS),
            avg_price=quoted_units(self._average_price_e18(), PRICE_DECIMALS),
            price_precision=quoted_units(order.signed_price),
            volume_precision=quoted_units(order.total_quantity_wei),
            total=quoted_units(total_wei, market.quote.decimals),
            fee=quoted_units(0),
            status=self.status.value,
            cancel=CancelReason(reason=self.cancel_reason, code=self.cancel_code),
            timestamp=self.created_ms,
        )

    def _average_price_e18(self) -> int:
        matched_wei = self.filled_wei + self.pending_wei
        return self.matched_value // matched_wei if matched_wei else 0


class OrderStore:
    """All orders of the venue's life, by id, by hash and by wallet."""

    def __init__(self) -> None:
        self._by_id: dict[str, OrderRecord] = {}
        self._by_hash: dict[str, list[OrderRecord]] = {}
        self._by_wallet: dict[str, list[OrderRecord]] = {}
        self._open: dict[str, dict[str, OrderRecord]] = {}

    def add(self, record: OrderRecord) -> None:
        """Keep a new order."""
        self._by_id[record.order_id] = record
        self._by_hash.setdefault(record.order_hash, []).append(record)
        self._by_wallet.setdefault(record.order.maker, []).append(record)
        self.index_open(record)

    def index_open(self, record: OrderRecord) -> None:
        """Bring the list of open orders up to date after a change of status."""
        open_orders = self._open.setdefault(record.order.maker, {})
        if record.is_open:
            open_orders[record.order_id] = record
        else:
            open_orders.pop(record.order_id, None)

    def has_hash(self, order_hash: str) -> bool:
        """Say whether an order with this hash (no 0x) was ever placed."""
        return order_hash in self._by_hash

    def by_hash(self, order_hash: str) -> list[OrderRecord]:
        """Return the orders with this hash (no 0x), oldest first: more than one only where a switch lets them be."""
        return self._by_hash.get(order_hash, [])

    def __getitem__(self, order_id: str) -> OrderRecord:
        return self._by_id[order_id]

    def get(self, order_id: str) -> OrderRecord | None:
        """Return an order; None where the id is not known."""
        return self._by_id.get(order_id)

    def __iter__(self) -> Iterator[OrderRecord]:
        """Yield all orders, oldest first."""
        return iter(self._by_id.values())

    def open_orders(self) -> Iterator[OrderRecord]:
        """Yield all open orders, wallet by wallet, each wallet's in the order of `open_of`."""
        return (record for _, records in sorted(self._open.items()) for record in records.values())

    def set_open(self, order_ids: Iterable[str]) -> None:
        """Say which orders are open, each wallet's in the order that `open_of` is to return."""
        self._open.clear()
        for order_id in order_ids:
            self.index_open(self._by_id[order_id])

    def of_wallet(self, wallet: str) -> Iterator[OrderRecord]:
        """Yield a wallet's orders, newest first."""
        return reversed(self._by_wallet.get(wallet, []))

    def newest(self, limit: int) -> list[OrderRecord]:
        """Return the last orders of anybody, newest first."""
        return list(islice(reversed(self._by_id.values()), limit))

    def open_of(self, wallet: str) -> list[OrderRecord]:
        """Return a wallet's open orders, oldest first."""
        return list(self._open.get(wallet, {}).values())
