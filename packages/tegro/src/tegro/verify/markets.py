"""V06 to V09 and V12: markets, their paging and filters, their tokens and tickers."""

import re
from collections.abc import Mapping
from typing import Any, Final

import msgspec
from msgspec import Raw

from tegro import wire
from tegro.evm import Reverted
from tegro.verify.json_form import described, kind_of, members_of, rows_of, unwrapped
from tegro.verify.probe import UNREADABLE, Probe, market_of
from tegro.verify.report import Differs, NotChecked

_SYMBOL: Final = re.compile(r"[^_]+_[^_]+")
_TICKER: Final = tuple(field.encode_name for field in msgspec.structs.fields(wire.Ticker))
_MARKETS_ASKED: Final = 2
"""How many markets have their tokens looked at on the chain."""
_DECIMALS: Final[Mapping[str, Any]] = {
    "type": "function",
    "name": "decimals",
    "stateMutability": "view",
    "inputs": [],
    "outputs": [{"name": "", "type": "uint8"}],
}


async def market_rows_decode(probe: Probe) -> str:
    """V06."""
    body = await probe.market_rows()
    if kind_of(body) != "array":
        raise Differs(f"the body is {described(body)}")
    rows = [members_of(row) for row in rows_of(body)]
    if not rows:
        raise NotChecked("the list is empty")
    for row in rows:
        _require_market(row, probe.chain_id)
    spellings = sorted({key for row in rows for key in ("chainId", "chain_id") if key in row})
    return f"{len(rows)} rows; the chain id's key is {' and '.join(spellings) or 'absent'}"


async def pages_hold_what_is_asked(probe: Probe) -> str:
    """V07."""
    known = len(await probe.markets())
    if known == 1:
        raise NotChecked("there is one market only")
    pages = [await _ids(probe, {"page": page, "page_size": "1", "verified": "true"}) for page in ("1", "2")]
    sizes = [len(page) for page in pages]
    if sizes != [1, 1]:
        raise Differs(f"of {known} markets, pages 1 and 2 with page_size=1 have {sizes[0]} and {sizes[1]} rows")
    if pages[0] == pages[1]:
        raise Differs(f"pages 1 and 2 both have {pages[0][0]}")
    return "page_size=1 gives one row, page 2 another one"


async def filters_are_obeyed(probe: Probe) -> str:
    """V08."""
    markets = await probe.markets()
    states = sorted({market.state for market in markets})
    if states != ["verified"]:
        raise Differs(f"verified=true lists markets in state {', '.join(map(repr, states))}")
    # The last one: a venue that ignores the filter answers with the first.
    market = markets[-1]
    found = await _ids(probe, {"market_symbol": market.symbol})
    if found != [market.id]:
        raise Differs(f"market_symbol={market.symbol} gives {len(found)} rows: {', '.join(found[:2])}")
    return f"market_symbol={market.symbol} gives that market alone"


async def token_decimals_equal_the_chains(probe: Probe) -> str:
    """V09."""
    node = probe.node()
    markets = (await probe.markets())[:_MARKETS_ASKED]
    tokens = list(dict.fromkeys(token for market in markets for token in (market.base, market.quote)))
    for token in tokens:
        try:
            on_chain = int(await node.read(token.address, _DECIMALS))
        except Reverted:
            raise Differs(f"{token.symbol} at {token.address} has no decimals()") from None
        if on_chain != token.decimals:
            raise Differs(f"{token.symbol} has {on_chain} decimals on the chain, {token.decimals} in the list")
    return ", ".join(f"{token.symbol} {token.decimals}" for token in tokens)


async def market_has_ticker(probe: Probe) -> str:
    """V12."""
    market = await probe.market()
    body = await probe.get(f"v1/exchange/{probe.chain_id}/market/{market.id}")
    if kind_of(body) != "object":
        raise Differs(f"the body is {described(body)}")
    row = members_of(body)
    if "ticker" not in row:
        raise Differs(f"the body is {described(body)}")
    _require_market(row, probe.chain_id)
    if wire.text_of(row["id"]) != market.id:
        raise Differs(f"asked for {market.id}, got {wire.text_of(row['id'])}")
    ticker = members_of(row["ticker"])
    missing = [name for name in _TICKER if name not in ticker]
    if missing:
        raise Differs(f"the ticker has no {', '.join(missing)}; it has {', '.join(ticker)}")
    unknown = [name for name in ticker if name not in _TICKER]
    kinds = sorted({kind_of(value) for value in ticker.values()})
    return f"ticker values are of the kind {' and '.join(kinds)}; other members: {', '.join(unknown) or 'none'}"


async def _ids(probe: Probe, query: Mapping[str, str]) -> list[str]:
    rows = rows_of(unwrapped(await probe.get(probe.market_list, query)))
    return [market_of(members_of(row), probe.chain_id).id for row in rows]


def _require_market(row: Mapping[str, Raw], chain_id: int) -> None:
    """Raise `Differs` unless a row is a market with the symbol and the id of protocol 4.2."""
    try:
        market = market_of(row, chain_id)
    except UNREADABLE as error:
        raise Differs(f"a row cannot be read: {error}") from None
    if not _SYMBOL.fullmatch(market.symbol):
        raise Differs(f"a symbol is {market.symbol!r}")
    expected = f"{chain_id}_{market.base.address}_{market.quote.address}"
    if market.id != expected:
        raise Differs(f"the id of {market.symbol} is {market.id}, not {expected}")
