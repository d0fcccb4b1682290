"""Several chains behind one door: each request goes to the chain that it names (protocol 1: separate books)."""

from collections.abc import Mapping, Sequence
from typing import Final

import msgspec
from aiohttp import web
from msgspec import Struct

from tegro.wire import decode
from tegro_localnet.gateway.replies import Handler, answer
from tegro_localnet.listing import Listing
from tegro_localnet.venue import Venue

_CHAIN_LIST: Final = "/api/v1/exchange/chain/list"


class ChainDoors(Struct, frozen=True):
    """The endpoints of one chain, and what they are about. Every chain has the same ones in the same order."""

    routes: Sequence[web.RouteDef]
    listing: Listing
    venue: Venue


class _Body(Struct):
    """The members of a body that tell its chain."""

    chain_id: int | None = None
    order_ids: list[str] = []


class ChainRouter:
    """Endpoints that hand each request to one chain's own.

    Parameters
    ----------
    chains
        By chain id. The first one gets what names no chain.
    """

    def __init__(self, chains: Mapping[int, ChainDoors]) -> None:
        self._chains = chains
        self._first = next(iter(chains))

    def routes(self) -> list[web.RouteDef]:
        """Return the endpoints."""
        alike = zip(*(doors.routes for doors in self._chains.values()), strict=True)
        return [self._shared(same) for same in alike]

    def _shared(self, same: Sequence[web.RouteDef]) -> web.RouteDef:
        handlers: dict[int, Handler] = {
            chain_id: route.handler for chain_id, route in zip(self._chains, same, strict=True)
        }

        async def hand_on(request: web.Request) -> web.StreamResponse:
            return await handlers[await self._chain_of(request)](request)

        handler = self._list_chains if same[0].path == _CHAIN_LIST else hand_on
        if handler is hand_on and len(same) == 1:
            # One chain answers whatever a request names, so nobody has to find out which one that is.
            return same[0]
        return web.RouteDef(same[0].method, same[0].path, handler, same[0].kwargs)

    async def _list_chains(self, _: web.Request) -> web.Response:
        return answer([doors.listing.chain for doors in self._chains.values()])

    async def _chain_of(self, request: web.Request) -> int:
        """Return the chain a request names: by its id, by a market, or by an order. What is unclear, the first."""
        path, query = request.match_info, request.query
        market_id = path.get("market_id") or query.get("market_id") or ""
        named = path.get("chain_id") or query.get("chain_id") or market_id.partition("_")[0]
        body = _read(await request.read()) if request.can_read_body else _Body()
        order_ids = [*body.order_ids[:1], path.get("order_id", "")]
        found = (_number(named), body.chain_id, *map(self._chain_of_order, order_ids))
        return next((chain_id for chain_id in found if chain_id is not None and chain_id in self._chains), self._first)

    def _chain_of_order(self, order_id: str) -> int | None:
        known = (chain_id for chain_id, doors in self._chains.items() if doors.venue.orders.get(order_id) is not None)
        return next(known, None)


def _number(text: str) -> int | None:
    return int(text) if text.isascii() and text.isdigit() and len(text) < 20 else None


def _read(body: bytes) -> _Body:
    try:
        return decode(body, _Body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return _Body()
