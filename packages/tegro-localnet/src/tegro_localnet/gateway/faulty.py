"""Carries out the faults of requests: cuts, statuses, late acts and late answers."""

import asyncio
from typing import Final

import msgspec
from aiohttp import web
from msgspec import Struct

from tegro.wire import decode
from tegro_localnet.faults import FaultBoard, FaultKind, Firing
from tegro_localnet.gateway.replies import Handler, answer, cut
from tegro_localnet.gateway.stream import STREAM_PATH

_EXCHANGE_PATHS: Final = "/api/"


class _Body(Struct):
    """The members of any body that name a wallet (protocol 4.7 to 4.11)."""

    wallet_address: str = ""
    user_address: str = ""
    raw_order_data: str = ""


class _RawOrder(Struct):
    maker: str = ""


class FaultyRequests:
    """The middleware that lets requests fail as the board says."""

    def __init__(self, board: FaultBoard) -> None:
        self._board = board

    async def give_up(self, _: web.Application) -> None:
        """Drop the requests that wait, unheard; called when the server stops."""
        self._board.close()

    @web.middleware
    async def meet(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        """Answer a request as the venue does, or as a fault will have it. Localnet's own paths never fail."""
        if not self._board.has_request_faults or not request.path.startswith(_EXCHANGE_PATHS):
            return await handler(request)
        # The body is read first: a held request must not need its client any more.
        body = await request.read() if request.can_read_body else b""
        opens_stream = request.path == STREAM_PATH
        firing = self._board.fire_request(request.path, _wallet_of(request, body), opens_stream=opens_stream)
        return await (handler(request) if firing is None else _suffer(firing, request, handler))


async def _suffer(firing: Firing, request: web.Request, handler: Handler) -> web.StreamResponse:
    fault = firing.fault
    match fault.kind:
        case FaultKind.DROP_REQUEST:
            return _end(request)
        case FaultKind.DROP_REPLY:
            await handler(request)
            return _end(request)
        case FaultKind.STATUS:
            if fault.after:
                await handler(request)
            return _status_answer(firing)
        case FaultKind.DELAY:
            reply = await handler(request)
            return reply if await _may_go_on(firing, fault.delay_ms) else _end(request)
        case _:
            may_act = await _may_go_on(firing, fault.hold_ms)
            is_pointless = request.path == STREAM_PATH and request.transport is None
            return await handler(request) if may_act and not is_pointless else _end(request)


async def _may_go_on(firing: Firing, limit_ms: int | None) -> bool:
    """Wait until a request is released or its time has passed; False: the venue stops."""
    try:
        async with asyncio.timeout(None if limit_ms is None else limit_ms / 1000):
            return await firing.gate if firing.gate is not None else True
    except TimeoutError:
        return True


def _end(request: web.Request) -> web.Response:
    """Cut the connection; the answer is for the server, which finds nobody to send it to."""
    cut(request)
    return web.Response()


def _status_answer(firing: Firing) -> web.Response:
    fault = firing.fault
    reply = answer({"error": f"fault {firing.id} of localnet answers {fault.status}"}, fault.status)
    if fault.retry_after_secs is not None:
        reply.headers["Retry-After"] = str(fault.retry_after_secs)
    return reply


def _wallet_of(request: web.Request, body: bytes) -> str | None:
    """Return the wallet that a request names in its path or body, in lower case; None: it names none."""
    wallet: str | None = request.match_info.get("wallet")
    if wallet is None and body:
        try:
            named = decode(body, _Body)
            wallet = (
                named.wallet_address or named.user_address or decode(named.raw_order_data.encode(), _RawOrder).maker
            )
        except (msgspec.DecodeError, UnicodeError, RecursionError):
            return None
    return wallet.lower() if wallet else None
