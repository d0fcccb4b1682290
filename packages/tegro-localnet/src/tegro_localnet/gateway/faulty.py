"""Carries out the faults of requests: cuts, statuses, late acts and late answers."""

from typing import Final

import msgspec
from aiohttp import web

from tegro.model import Side
from tegro_localnet.faults import FaultBoard, FaultKind, Firing
from tegro_localnet.gateway.replies import Handler, answer, cut
from tegro_localnet.gateway.request_wallet import wallet_of
from tegro_localnet.gateway.stream import STREAM_PATH
from tegro_localnet.perpetual.gateway import fault_answers

_EXCHANGE_PATHS: Final = ("/api/", fault_answers.PATHS)


class FaultyRequests:
    """The layer that lets requests fail as the board says."""

    def __init__(self, board: FaultBoard) -> None:
        self._board = board

    async def give_up(self, _: web.Application) -> None:
        """Drop the requests that wait, unheard; called when the server stops."""
        self._board.close()

    def has_work(self) -> bool:
        """Say whether any request may fail now."""
        return self._board.has_request_faults

    async def meet(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        """Answer a request as the venue does, or as a fault will have it. Localnet's own paths never fail."""
        if not request.path.startswith(_EXCHANGE_PATHS):
            return await handler(request)
        # The body is read first: a held request must not need its client any more.
        wallet = await wallet_of(request)
        firing = self._board.fire_request(request.path, wallet, opens_stream=request.path == STREAM_PATH)
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
            return _status_answer(firing, request.path)
        case FaultKind.NULL_SIDES:
            return _without_sides(await handler(request), fault.side)
        case FaultKind.DELAY:
            reply = await handler(request)
            return reply if await firing.may_go_on(fault.delay_ms) else _end(request)
        case _:
            may_act = await firing.may_go_on(fault.hold_ms)
            is_pointless = request.path == STREAM_PATH and request.transport is None
            return await handler(request) if may_act and not is_pointless else _end(request)


def _end(request: web.Request) -> web.Response:
    """Cut the connection; the answer is for the server, which finds nobody to send it to."""
    cut(request)
    return web.Response()


def _without_sides(reply: web.StreamResponse, side: Side | None) -> web.StreamResponse:
    """Return a snapshot of a book with null in place of one side, or of both (None); a refusal as it is."""
    if reply.status != 200 or not isinstance(reply, web.Response) or not isinstance(reply.body, bytes):
        return reply
    members = msgspec.json.decode(reply.body, type=dict[str, msgspec.Raw])
    gone = [name for name, owner in (("bids", Side.BUY), ("asks", Side.SELL)) if side in (None, owner)]
    return answer(members | dict.fromkeys(gone, None))


def _status_answer(firing: Firing, path: str) -> web.Response:
    fault = firing.fault
    is_perpetual = path.startswith(fault_answers.PATHS)
    body: object = {"error": f"fault {firing.id} of localnet answers {fault.status}"}
    reply = answer(fault_answers.fault_body(fault.status) if is_perpetual else body, fault.status)
    if fault.retry_after_secs is not None:
        reply.headers["Retry-After"] = str(fault.retry_after_secs)
    return reply
