"""How long a client may take to say what it wants, so that nobody keeps a connection for ever by sending slowly.

aiohttp ends a connection that stays silent after an answer, but waits without end for the head of the first request and
for a body.
"""

import asyncio
from typing import Final

from aiohttp import web

from tegro_localnet.gateway.replies import Handler

_REQUEST_SECS: Final = 30.0
_IDLE_SECS: Final = 75.0
"""From an answer to the end of the next request's head: what nginx gives."""


class Patience:
    """Ends connections whose requests do not come to their end.

    Parameters
    ----------
    request_secs : float
        How long the head of a connection's first request may take from the beginning of the connection, and how long
        the body of any request may take.
    idle_secs : float
        How long the head of a later request may take from the answer before it, silence included.
    """

    def __init__(self, request_secs: float = _REQUEST_SECS, idle_secs: float = _IDLE_SECS) -> None:
        self._request_secs = request_secs
        self.idle_secs: Final = idle_secs
        self._unheard: dict[asyncio.Protocol, asyncio.TimerHandle] = {}
        """Connections without a whole request yet."""

    @property
    def waiting(self) -> int:
        """How many connections have sent no whole request yet."""
        return len(self._unheard)

    def connection(self, server: web.Server) -> web.RequestHandler:
        """Return the protocol of a new connection. To be called by the loop that listens."""
        protocol = server()
        loop = asyncio.get_running_loop()
        self._unheard[protocol] = loop.call_later(self._request_secs, self._give_up, protocol)
        return protocol

    def heard(self, request: web.Request) -> None:
        """Take note that the head of a request is whole."""
        timer = self._unheard.pop(request.protocol, None)
        if timer is not None:
            timer.cancel()

    async def meet(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        """Answer a request whose body has not come whole, once it has; the handler reads it without waiting.

        Raises
        ------
        aiohttp.web.HTTPRequestTimeout
            If that takes too long.
        """
        try:
            async with asyncio.timeout(self._request_secs):
                await request.read()
        except TimeoutError:
            raise web.HTTPRequestTimeout(reason=f"the body was not whole within {self._request_secs:g} s") from None
        return await handler(request)

    def stop(self) -> None:
        """Forget the connections that are waited for: the server ends them itself."""
        for timer in self._unheard.values():
            timer.cancel()
        self._unheard.clear()

    def _give_up(self, protocol: web.RequestHandler) -> None:
        del self._unheard[protocol]
        protocol.force_close()
