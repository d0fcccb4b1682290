"""The HTTP server that all doors share."""

import errno
import socket
from collections.abc import Awaitable, Callable, Iterable
from types import TracebackType
from typing import Final, Self

from aiohttp import web
from aiohttp.typedefs import Handler, Middleware

from tegro_localnet.errors import LocalnetError
from tegro_localnet.faults import FaultBoard
from tegro_localnet.gateway.envelope import Enveloping
from tegro_localnet.gateway.faulty import FaultyRequests
from tegro_localnet.gateway.headers import HeaderLog
from tegro_localnet.gateway.pace import Pace
from tegro_localnet.gateway.replies import refusals
from tegro_localnet.gateway.stream import StreamGateway
from tegro_localnet.switches import SwitchBoard, Switches

_SHUTDOWN_SECS: Final = 1.0


def bind(host: str, port: int) -> socket.socket:
    """Take a port before anything else is started; 0 takes a free one.

    Raises
    ------
    LocalnetError
        If the port is taken or the host is not this machine's.
    """
    try:
        return socket.create_server((host, port), reuse_port=False)
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            message = f"port {port} on {host} is taken; stop what uses it or choose another with --port"
        else:
            message = f"cannot listen on {host} port {port}: {error.strerror or error}"
        raise LocalnetError(message) from error


class GatewayServer:
    """Serves routes on a bound socket, as an async context manager."""

    def __init__(
        self,
        listener: socket.socket,
        routes: Iterable[web.RouteDef],
        stream: StreamGateway,
        faults: FaultBoard,
        *,
        headers: HeaderLog | None = None,
        switches: SwitchBoard | None = None,
        pace: Pace | None = None,
        durable: Callable[[], Awaitable[None]] | None = None,
    ) -> None:
        self._listener = listener
        # A fault meets the finished answer of the venue, also its refusal; what a fault itself cannot read is refused.
        faulty = FaultyRequests(faults)
        noting = [] if headers is None else [headers.note]
        enveloping = Enveloping(switches or SwitchBoard(Switches()))
        pacing = [] if pace is None else [pace.meet]
        waiting = [] if durable is None else [_answering_after(durable)]
        application = web.Application(
            middlewares=[*waiting, *noting, enveloping.form, refusals, *pacing, faulty.meet, refusals]
        )
        application.add_routes([*routes, *stream.routes()])
        application.on_shutdown.append(faulty.give_up)
        application.on_shutdown.append(stream.close_all)
        self._application = application
        # No body is unpacked: a packed one is refused as no JSON, before it could grow to a thousand times its size.
        self._runner = web.AppRunner(
            application, access_log=None, shutdown_timeout=_SHUTDOWN_SECS, auto_decompress=False
        )

    def endpoints(self) -> set[tuple[str, str]]:
        """Return method and path of everything that is answered; HEAD, which every GET brings along, left out."""
        return {
            (route.method, route.resource.canonical)
            for route in self._application.router.routes()
            if route.resource is not None and route.method != "HEAD"
        }

    async def __aenter__(self) -> Self:
        await self._runner.setup()
        await web.SockSite(self._runner, self._listener).start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._runner.cleanup()


def _answering_after(durable: Callable[[], Awaitable[None]]) -> Middleware:
    @web.middleware
    async def wait(request: web.Request, handler: Handler) -> web.StreamResponse:
        """Keep an answer back until what it tells of is on the disk."""
        response = await handler(request)
        await durable()
        return response

    return wait
