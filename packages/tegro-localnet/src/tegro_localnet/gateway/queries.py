"""The parts of a request that several endpoints read alike."""

from collections.abc import Sequence
from typing import Final

from aiohttp import web

from tegro_localnet.listing import Listing
from tegro_localnet.markets import ListedMarket
from tegro_localnet.parsing import read_count
from tegro_localnet.refusal import Refused, excerpt

DEFAULT_PAGE_SIZE: Final = 100
MAX_PAGE_SIZE: Final = 500


def require_chain(text: str | None, listing: Listing) -> None:
    """Refuse a chain that is not this venue's; an absent one means this venue's."""
    chain_id = listing.chain.id
    if read_count(text, "chain_id", default=chain_id, least=0, most=10**17) != chain_id:
        raise Refused(f"unknown chain_id {excerpt(text)}: this venue trades on {chain_id}")


def listed_market(market_id: str | None, symbol: str | None, listing: Listing) -> ListedMarket:
    """Return the market that an id or a symbol names."""
    if not market_id and not symbol:
        raise Refused("market_id or market_symbol is missing")
    listed = listing.markets.get(market_id.lower()) if market_id else listing.market_named(symbol or "")
    if listed is None:
        raise Refused(f"unknown market {excerpt(market_id or symbol)}")
    return listed


def page_of[T](items: Sequence[T], request: web.Request) -> Sequence[T]:
    """Return the part of a list that `page` and `page_size` ask for (protocol 3.6); empty behind the end."""
    query = request.query
    page = read_count(query.get("page"), "page", default=1, least=1, most=10**9)
    size = read_count(query.get("page_size"), "page_size", default=DEFAULT_PAGE_SIZE, least=1, most=MAX_PAGE_SIZE)
    return items[(page - 1) * size : page * size]
