"""Wallet balances: the `v1/accounts` service (protocol 4.14 and 4.15)."""

from msgspec import Struct

from tegro.wire.number import ZERO, NumberLiteral


class PortfolioEntry(Struct, kw_only=True):
    """One token of `GET v1/accounts/{chain_id}/{wallet}/portfolio`, in human units."""

    address: str
    balance: NumberLiteral
    symbol: str
    decimal: int
    price: NumberLiteral = ZERO
    """USD; 0 where unknown."""
    price_change_24_h: NumberLiteral = ZERO
    type: str = ""
    """`base` or `quote`."""
    placed_amount: NumberLiteral = ZERO
    """What open orders hold, so that available is balance less this (inferred)."""
