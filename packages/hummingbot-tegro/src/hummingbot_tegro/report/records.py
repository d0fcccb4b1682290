"""What a Hummingbot recorded, as plain values. Amounts are human units, times Unix milliseconds."""

from collections.abc import Mapping, Sequence
from decimal import Decimal
from enum import StrEnum
from typing import Final

from msgspec import Struct

from tegro.model import Side

STEP: Final = Decimal("0.000001")
"""Hummingbot's database keeps six decimals of prices and amounts, and cuts the rest off."""


class Source(StrEnum):
    """Where a number comes from."""

    DATABASE = "database"
    """Hummingbot's database: six decimals."""
    JOURNAL = "journal"
    """Our journal of signed orders: exact."""


class OrderRecord(Struct, frozen=True, kw_only=True):
    """One order."""

    order_id: str
    """Hummingbot's own."""
    connector: str
    pair: str
    side: Side | None
    """None where nothing in the database tells it."""
    order_type: str
    """`LIMIT`, `LIMIT_MAKER` or `MARKET`."""
    price: Decimal
    quantity: Decimal
    created_at_ms: int
    """Of whole seconds."""
    last_status: str
    """Hummingbot's name of the newest event, for example `BuyOrderCompleted`."""

    @property
    def is_quote(self) -> bool:
        """Whether the order was meant to rest, or at least to have a price."""
        return self.order_type != "MARKET"


class FillRecord(Struct, frozen=True, kw_only=True):
    """One fill."""

    trade_id: str
    order_id: str
    connector: str
    pair: str
    side: Side
    order_type: str
    price: Decimal
    quantity: Decimal
    fees: Mapping[str, Decimal]
    """By token. The database has them as text, so nothing is cut off."""
    at_ms: int
    """Of whole seconds."""
    price_source: Source = Source.DATABASE
    quantity_source: Source = Source.DATABASE


class ExecutorRecord(Struct, frozen=True, kw_only=True):
    """One executor that has ended. The numbers are Hummingbot's own floats."""

    kind: str
    controller: str
    ended_as: str
    """Hummingbot's name, or an empty text where the executor does not tell."""
    net_pnl_quote: Decimal
    fees_quote: Decimal
    volume_quote: Decimal


class FundingRecord(Struct, frozen=True, kw_only=True):
    """One funding payment of a perpetual; positive was received."""

    connector: str
    pair: str
    amount: Decimal
    at_ms: int


class HeldRecord(Struct, frozen=True, kw_only=True):
    """A position that executors left behind."""

    controller: str
    connector: str
    pair: str
    side: str
    quantity: Decimal
    breakeven_price: Decimal


class Records(Struct, frozen=True, kw_only=True):
    """All that is reported on, oldest first."""

    orders: Sequence[OrderRecord]
    fills: Sequence[FillRecord]
    executors: Sequence[ExecutorRecord]
    funding: Sequence[FundingRecord]
    held: Sequence[HeldRecord]
