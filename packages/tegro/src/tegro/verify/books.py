"""V10, V11 and V13: order books and public trades."""

from collections.abc import Mapping, Sequence
from decimal import Decimal
from itertools import pairwise
from typing import Final

from msgspec import Raw, Struct

from tegro import convert, wire
from tegro.model import Market
from tegro.verify.json_form import described, kind_of, members_of, rows_of, unit_of
from tegro.verify.probe import DEPTH, UNREADABLE, Probe
from tegro.verify.report import Differs, NotChecked

_TRADES_ASKED: Final = 10


class _Side(Struct, frozen=True):
    """One side of a book as it is written."""

    kind: str
    """`array`, or what stands in the place of an empty side."""
    levels: tuple[tuple[Decimal, Decimal], ...]
    number_kinds: frozenset[str]


async def book_is_in_order(probe: Probe) -> str:
    """V10."""
    members = members_of(await probe.get(DEPTH, _by_id(await probe.market())))
    bids, asks = _side(members, "bids"), _side(members, "asks")
    for name, side in (("bids", bids), ("asks", asks)):
        if any(above[0] <= below[0] for above, below in pairwise(side.levels)):
            raise Differs(f"{name} are not sorted from high to low")
        if any(quantity <= 0 for _, quantity in side.levels):
            raise Differs(f"{name} have a level without quantity")
    if bids.levels and asks.levels and bids.levels[0][0] >= asks.levels[-1][0]:
        raise Differs(f"the book is crossed: bid {bids.levels[0][0]:f}, ask {asks.levels[-1][0]:f}")
    note = f"{_words('bids', bids)}; {_words('asks', asks)}; timestamp in {_unit(members.get('timestamp'))}"
    if not bids.levels and not asks.levels:
        raise NotChecked(f"the book is empty: {note}")
    return note


async def book_by_symbol_equals_by_id(probe: Probe) -> str:
    """V11. A live book moves, so it is read by id before and after."""
    market = await probe.market()
    by_symbol = {"chain_id": str(market.chain_id), "market_symbol": market.symbol}
    before, named, after = [
        _levels(await probe.get(DEPTH, query)) for query in (_by_id(market), by_symbol, _by_id(market))
    ]
    if named in (before, after):
        return f"market_symbol={market.symbol} gives the book of its market_id"
    if before != after:
        raise NotChecked("the book moved between the requests; run this again")
    raise Differs(f"market_symbol={market.symbol} gives another book than its market_id")


async def public_trades_decode(probe: Probe) -> str:
    """V13."""
    market = await probe.market()
    query = {"market_id": market.id, "chain_id": str(market.chain_id), "limit": str(_TRADES_ASKED)}
    body = await probe.get(f"v1/exchange/{market.chain_id}/market/trades", query)
    if kind_of(body) != "array":
        raise Differs(f"the body is {described(body)}")
    rows = rows_of(body)
    if not rows:
        raise NotChecked(f"{market.symbol} has no trades")
    if len(rows) > _TRADES_ASKED:
        raise Differs(f"limit={_TRADES_ASKED} gives {len(rows)} trades")
    trades = []
    for row in rows:
        try:
            trades.append(wire.decode(row, wire.TradeInfo))
            convert.trade_of(trades[-1])
        except UNREADABLE as error:
            raise Differs(f"a trade cannot be read: {error}; it is {described(row)}") from None
    states = ", ".join(sorted({trade.state for trade in trades}))
    return f"{len(rows)} trades in state {states}; timestamp in {unit_of(trades[0].timestamp)}; {described(rows[0])}"


def _by_id(market: Market) -> dict[str, str]:
    return {"chain_id": str(market.chain_id), "market_id": market.id}


def _levels(body: bytes) -> list[tuple[tuple[Decimal, Decimal], ...]]:
    members = members_of(body)
    return [_side(members, name).levels for name in ("bids", "asks")]


def _side(members: Mapping[str, Raw], name: str) -> _Side:
    raw = members.get(name)
    kind = kind_of(raw)
    if raw is None or kind == "null":
        return _Side(kind, (), frozenset())
    levels = wire.decode(raw, list[wire.Level])
    numbers = [number for level in levels for number in (level.price, level.quantity)]
    values = tuple((convert.amount_of(level.price), convert.amount_of(level.quantity)) for level in levels)
    return _Side(kind, values, frozenset(map(kind_of, numbers)))


def _words(name: str, side: _Side) -> str:
    if not side.levels:
        return f"{name}: none, written as {'an empty array' if side.kind == 'array' else side.kind}"
    return f"{name}: {len(side.levels)} levels of {_and(sorted(side.number_kinds))}s"


def _unit(timestamp: Raw | None) -> str:
    if timestamp is None or kind_of(timestamp) != "number":
        raise Differs(f"timestamp is {described(timestamp)}")
    return unit_of(int(convert.amount_of(timestamp)))


def _and(words: Sequence[str]) -> str:
    return " and ".join(words)
