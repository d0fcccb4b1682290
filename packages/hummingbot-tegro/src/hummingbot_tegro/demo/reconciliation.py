"""Four books of the same trades, and every difference between them in words.

What Hummingbot recorded, what the venue reports, what the settlement contract logged, and how the wallet's balances
changed on chain must tell one story, to the last unit of each token. Pure: the readers are in `readers`.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal, localcontext
from typing import Final

from msgspec import Struct

from tegro.model import PRICE_DECIMALS, Side, quote_total_wei

HOST_STEP: Final = Decimal("0.000001")
"""Hummingbot's database keeps six decimals of a price and an amount, and cuts the rest off."""

_DIGITS: Final = 160


class Fill(Struct, frozen=True, kw_only=True):
    """One fill of one of the bot's orders."""

    trade_id: str
    pair: str
    side: Side
    price: Decimal
    quantity: Decimal
    fee: Decimal
    """In `fee_token`, the one that was received."""
    fee_token: str


class VenueFill(Struct, frozen=True, kw_only=True):
    """A fill as the venue reports it, whose order it was, and where it was settled."""

    fill: Fill
    order_hash: str
    tx_hash: str
    is_maker: bool
    """Whether the bot's order rested."""


class ChainFill(Struct, frozen=True, kw_only=True):
    """A settlement that the contract logged, seen from the bot's order."""

    order_hash: str
    tx_hash: str
    pair: str
    side: Side
    price_e18: int
    quantity_wei: int
    quote_wei: int


class Books(Struct, frozen=True, kw_only=True):
    """All four sources."""

    host: Sequence[Fill]
    venue: Sequence[VenueFill]
    chain: Sequence[ChainFill]
    balance_changes_wei: Mapping[str, int]
    """Of the wallet, on chain, by token symbol."""
    decimals: Mapping[str, int]
    """Of each token."""


def differences(books: Books) -> list[str]:
    """Return every way in which the books disagree, naming source, trade and member; none if they agree."""
    return [*_host_against_venue(books), *_venue_against_chain(books), *_balances(books)]


def changes_wei(books: Books) -> dict[str, tuple[int, int, int, int]]:
    """Return how each token changed according to Hummingbot, the venue, the contract's log and the balances.

    In smallest units. The log names no fees, so the venue's are taken off it. Where a market has quantities of more
    than six decimals, Hummingbot's column is smaller by what its database cuts off.
    """
    host = _net_wei(books.host, books.decimals)
    venue = _net_wei([reported.fill for reported in books.venue], books.decimals)
    logged = _logged_less_fees(books)
    changed = {token: change for token, change in books.balance_changes_wei.items() if change}
    columns = (host, venue, logged, changed)
    tokens = sorted({token for column in columns for token in column})
    return {
        token: (host.get(token, 0), venue.get(token, 0), logged.get(token, 0), changed.get(token, 0))
        for token in tokens
    }


def _host_against_venue(books: Books) -> Iterable[str]:
    counts = Counter((fill.trade_id, fill.side) for fill in books.host)
    venue = {(reported.fill.trade_id, reported.fill.side): reported.fill for reported in books.venue}
    for (trade_id, side), count in counts.items():
        if count > 1:
            yield f"database: Hummingbot recorded trade {trade_id} ({side}) {count} times"
    for trade_id, side in sorted(venue.keys() - counts.keys()):
        yield f"database: Hummingbot did not record trade {trade_id} ({side}), which the venue reports"
    for fill in books.host:
        reported = venue.get((fill.trade_id, fill.side))
        if reported is None:
            yield f"venue: it does not report trade {fill.trade_id} ({fill.side}), which Hummingbot recorded"
        else:
            yield from _members(fill, reported)


def _members(fill: Fill, reported: Fill) -> Iterable[str]:
    for name in Fill.__struct_fields__:
        ours, theirs = getattr(fill, name), getattr(reported, name)
        if name in ("price", "quantity"):
            theirs -= theirs % HOST_STEP
        if ours != theirs:
            where = f"database against venue: trade {fill.trade_id}"
            yield f"{where}: {name} is {ours} in Hummingbot, {theirs} at the venue"


def _venue_against_chain(books: Books) -> Iterable[str]:
    reported = Counter(_as_logged(venue_fill, books.decimals) for venue_fill in books.venue)
    names = {_as_logged(venue_fill, books.decimals): venue_fill.fill.trade_id for venue_fill in books.venue}
    logged = Counter(books.chain)
    missing = list((reported - logged).elements())
    for extra in (logged - reported).elements():
        # The nearest relative of a row that fits nothing is the report of the same settlement of the same order.
        twin = next((one for one in missing if _identity(one) == _identity(extra)), None)
        if twin is None:
            yield (
                f"venue against chain: the contract logged a settlement of order {extra.order_hash} "
                f"in transaction {extra.tx_hash} that the venue does not report"
            )
            continue
        missing.remove(twin)
        for name in ChainFill.__struct_fields__:
            if getattr(twin, name) != getattr(extra, name):
                yield (
                    f"venue against chain: trade {names[twin]}: {name} is {getattr(twin, name)} at the venue, "
                    f"{getattr(extra, name)} in the contract's log"
                )
    for lost in missing:
        yield f"chain: the contract did not log trade {names[lost]} of order {lost.order_hash} that the venue reports"


def _identity(fill: ChainFill) -> tuple[str, str]:
    return fill.order_hash, fill.tx_hash


def _as_logged(venue_fill: VenueFill, decimals: Mapping[str, int]) -> ChainFill:
    fill = venue_fill.fill
    quantity_wei, quote_wei = _amounts_wei(fill, decimals)
    return ChainFill(
        order_hash=venue_fill.order_hash,
        tx_hash=venue_fill.tx_hash,
        pair=fill.pair,
        side=fill.side,
        price_e18=_units(fill.price, PRICE_DECIMALS),
        quantity_wei=quantity_wei,
        quote_wei=quote_wei,
    )


def _balances(books: Books) -> Iterable[str]:
    expected = _logged_less_fees(books)
    for token in sorted(expected.keys() | books.balance_changes_wei.keys()):
        changed = books.balance_changes_wei.get(token, 0)
        if changed != expected.get(token, 0):
            yield (
                f"balance: {token} changed by {changed} on chain (smallest units), "
                f"the trades and their fees say {expected.get(token, 0)}"
            )


def _logged_less_fees(books: Books) -> dict[str, int]:
    """Return what the contract's log and the venue's fees come to for the wallet, in smallest units."""
    change: defaultdict[str, int] = defaultdict(int)
    for logged in books.chain:
        _add(change, logged.pair, logged.side, logged.quantity_wei, logged.quote_wei)
    for reported in books.venue:
        change[reported.fill.fee_token] -= _fee_wei(reported.fill, books.decimals)
    return dict(change)


def _net_wei(fills: Iterable[Fill], decimals: Mapping[str, int]) -> dict[str, int]:
    change: defaultdict[str, int] = defaultdict(int)
    for fill in fills:
        _add(change, fill.pair, fill.side, *_amounts_wei(fill, decimals))
        change[fill.fee_token] -= _fee_wei(fill, decimals)
    return dict(change)


def _add(change: defaultdict[str, int], pair: str, side: Side, quantity_wei: int, quote_wei: int) -> None:
    base, quote = pair.split("-")
    sign = 1 if side is Side.BUY else -1
    change[base] += sign * quantity_wei
    change[quote] -= sign * quote_wei


def _amounts_wei(fill: Fill, decimals: Mapping[str, int]) -> tuple[int, int]:
    """Return a fill's quantity and what it costs, each in smallest units, as the contract reckons them."""
    base, quote = (decimals[token] for token in fill.pair.split("-"))
    quantity_wei = _units(fill.quantity, base)
    return quantity_wei, quote_total_wei(_units(fill.price, PRICE_DECIMALS), quantity_wei, base, quote)


def _fee_wei(fill: Fill, decimals: Mapping[str, int]) -> int:
    return _units(fill.fee, decimals[fill.fee_token])


def _units(amount: Decimal, decimals: int) -> int:
    """Return an amount in smallest units. What is finer cannot be right; it is cut off here and differs elsewhere."""
    with localcontext(prec=_DIGITS):
        return int(amount.scaleb(decimals))
