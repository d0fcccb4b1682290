"""The outermost form of answers: the old envelope, and the member that holds a refusal's text (protocol 3.3, 3.7)."""

from typing import Final

import msgspec
from aiohttp import web

from tegro.wire import ErrorBody
from tegro_localnet.gateway.replies import Handler, answer
from tegro_localnet.switches import SwitchBoard

_EXCHANGE_PATHS: Final = "/api/"
_OK: Final = 200


class Enveloping:
    """The layer that gives answers of the exchange's paths the form that the switches want."""

    def __init__(self, switches: SwitchBoard) -> None:
        self._switches = switches

    def has_work(self) -> bool:
        """Say whether any answer has another form than the handlers give it."""
        now = self._switches.now
        return now.envelope == "wrapped" or now.error_body == "message"

    async def meet(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        """Answer a request in the wanted form. Localnet's own paths have one form only."""
        reply = await handler(request)
        body = reply.body if isinstance(reply, web.Response) else None
        if not request.path.startswith(_EXCHANGE_PATHS) or not isinstance(body, bytes) or not body:
            return reply
        if reply.status == _OK and self._switches.now.envelope == "wrapped":
            return answer({"message": "success", "data": msgspec.Raw(body)})
        if reply.status != _OK and self._switches.now.error_body == "message":
            refusal = msgspec.json.decode(body, type=ErrorBody)
            other = answer({"message": refusal.error}, reply.status)
            other.headers.update({name: value for name, value in reply.headers.items() if name == "Retry-After"})
            return other
        return reply
