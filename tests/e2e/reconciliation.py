"""Four books of the same trades, and every difference between them in words.

What Hummingbot recorded, what the venue reports, what the settlement contract logged, and how the wallet's balances
changed on chain must tell one story, to the last unit of each token.
"""

import json
import sqlite3
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path

_HOST_STEP = Decimal("0.000001")
"""Hummingbot's database keeps six decimals of a price and an amount, and cuts the rest off."""


@dataclass(frozen=True)
class Fill:
    """One fill of one of our orders. `fee` is in the token that was received."""

    trade_id: str
    pair: str
    is_buy: bool
    price: Decimal
    quantity: Decimal
    fee: Decimal
    fee_token: str


@dataclass(frozen=True)
class VenueFill:
    """A fill as the venue reports it, and where it was settled."""

    fill: Fill
    order_hash: str
    tx_hash: str


@dataclass(frozen=True)
class ChainFill:
    """A settlement that the contract logged, seen from our order."""

    order_hash: str
    tx_hash: str
    pair: str
    is_buy: bool
    price_e18: int
    quantity_wei: int
    quote_wei: int


@dataclass(frozen=True)
class Books:
    """All four sources."""

    host: tuple[Fill, ...]
    venue: tuple[VenueFill, ...]
    chain: tuple[ChainFill, ...]
    balance_changes_wei: Mapping[str, int]
    decimals: Mapping[str, int]


def differences(books: Books) -> list[str]:
    """Return every way in which the books disagree; an empty list means that they are one."""
    return [
        *_host_against_venue(books),
        *_venue_against_chain(books),
        *_fees(books),
        *_balances(books),
    ]


def host_fills(database: Path) -> tuple[Fill, ...]:
    """Read the fills that Hummingbot recorded."""
    connection = sqlite3.connect(f"file:{database}?mode=ro", uri=True)
    try:
        rows = connection.execute(
            "SELECT exchange_trade_id, symbol, trade_type, price, amount, trade_fee FROM TradeFill"
        ).fetchall()
    finally:
        connection.close()
    fills = []
    for trade_id, pair, trade_type, price, amount, raw_fee in rows:
        (fee,) = json.loads(raw_fee)["flat_fees"]
        fills.append(
            Fill(
                trade_id=trade_id,
                pair=pair,
                is_buy=trade_type == "BUY",
                price=price * _HOST_STEP,
                quantity=amount * _HOST_STEP,
                fee=Decimal(fee["amount"]),
                fee_token=fee["token"],
            )
        )
    return tuple(fills)


def _host_against_venue(books: Books) -> Iterable[str]:
    host = Counter(fill.trade_id for fill in books.host)
    venue = {venue_fill.fill.trade_id: venue_fill.fill for venue_fill in books.venue}
    for trade_id, count in host.items():
        if count > 1:
            yield f"Hummingbot recorded the trade {trade_id} {count} times"
        if trade_id not in venue:
            yield f"Hummingbot recorded the trade {trade_id}, which the venue does not report"
    for trade_id in venue.keys() - host.keys():
        yield f"Hummingbot did not record the trade {trade_id}"
    for fill in books.host:
        reported = venue.get(fill.trade_id)
        for name in Fill.__dataclass_fields__ if reported is not None else ():
            ours, theirs = getattr(fill, name), getattr(reported, name)
            if name in ("price", "quantity"):
                theirs -= theirs % _HOST_STEP
            if ours != theirs:
                yield f"trade {fill.trade_id}: Hummingbot has {name} {ours}, the venue {theirs}"


def _venue_against_chain(books: Books) -> Iterable[str]:
    reported = Counter(_as_chain_sees_it(venue_fill, books.decimals) for venue_fill in books.venue)
    logged = Counter(books.chain)
    for missing in (reported - logged).elements():
        yield f"the venue reports what the contract did not log: {missing}"
    for extra in (logged - reported).elements():
        yield f"the contract logged what the venue does not report: {extra}"


def _as_chain_sees_it(venue_fill: VenueFill, decimals: Mapping[str, int]) -> ChainFill:
    fill = venue_fill.fill
    base, quote = fill.pair.split("-")
    price_e18, quantity_wei = int(fill.price.scaleb(18)), int(fill.quantity.scaleb(decimals[base]))
    return ChainFill(
        order_hash=venue_fill.order_hash,
        tx_hash=venue_fill.tx_hash,
        pair=fill.pair,
        is_buy=fill.is_buy,
        price_e18=price_e18,
        quantity_wei=quantity_wei,
        quote_wei=price_e18 * quantity_wei * 10 ** decimals[quote] // 10 ** (18 + decimals[base]),
    )


def _fees(books: Books) -> Iterable[str]:
    for fill in books.host:
        base, quote = fill.pair.split("-")
        received = base if fill.is_buy else quote
        if fill.fee_token != received:
            yield f"trade {fill.trade_id}: the fee was booked in {fill.fee_token}, but {received} was received"


def _balances(books: Books) -> Iterable[str]:
    """Compare the balances with what the contract logged, less the fees that Hummingbot booked."""
    expected: defaultdict[str, int] = defaultdict(int)
    for settled in books.chain:
        base, quote = settled.pair.split("-")
        sign = 1 if settled.is_buy else -1
        expected[base] += sign * settled.quantity_wei
        expected[quote] -= sign * settled.quote_wei
    for fill in books.host:
        expected[fill.fee_token] -= int(fill.fee.scaleb(books.decimals[fill.fee_token]))
    for token in sorted(expected.keys() | books.balance_changes_wei.keys()):
        changed = books.balance_changes_wei.get(token, 0)
        if changed != expected[token]:
            yield f"the balance of {token} changed by {changed} on chain, the books say {expected[token]}"
