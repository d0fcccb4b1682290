"""Candles of the venue: `GET v1/exchange/{chain_id}/market/chart` (protocol 10)."""

from msgspec import UNSET, Struct, UnsetType

from tegro.wire.number import NumberLiteral


class ChartBar(Struct, kw_only=True, omit_defaults=True):
    """One bar. An interval in which nothing traded has none; the order of the list is not promised.

    No client is known to read a volume. Where a venue writes one (localnet does if it is told to), these are the names.
    """

    time: int
    """When it opens; seconds, as the web page reads it."""
    open: NumberLiteral
    high: NumberLiteral
    low: NumberLiteral
    close: NumberLiteral
    volume: NumberLiteral | UnsetType = UNSET
    """Base amount."""
    quote_volume: NumberLiteral | UnsetType = UNSET
