"""The HTTP server that all doors share."""

import asyncio
import errno
import socket
from collections.abc import Awaitable, Callable, Iterable
from functools import partial
from types import TracebackType
from typing import Final, Protocol, Self, cast

from aiohttp import web

from tegro_localnet.errors import LocalnetError
from tegro_localnet.faults import FaultBoard
from tegro_localnet.gateway.envelope import Enveloping
from tegro_localnet.gateway.faulty import FaultyRequests
from tegro_localnet.gateway.headers import HeaderLog
from tegro_localnet.gateway.pace import Pace
from tegro_localnet.gateway.patience import Patience
from tegro_localnet.gateway.replies import Handler, refusals
from tegro_localnet.gateway.stream import StreamGateway
from tegro_localnet.switches import SwitchBoard, Switches

_SHUTDOWN_SECS: Final = 1.0
_BACKLOG: Final = 128


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


class Layer(Protocol):
    """What may be around the answering of a request."""

    def has_work(self) -> bool:
        """Say whether it would do anything now."""

    async def meet(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        """Answer a request, as `handler` does or otherwise."""


class _Durable:
    """The layer that keeps an answer back until what it tells of is on the disk."""

    def __init__(self, wait: Callable[[], Awaitable[None]]) -> None:
        self._wait = wait

    def has_work(self) -> bool:
        return True

    async def meet(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        response = await handler(request)
        await self._wait()
        return response


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
        patience: Patience | None = None,
    ) -> None:
        self._listener = listener
        self._headers = headers or HeaderLog()
        self._patience = patience or Patience()
        faulty = FaultyRequests(faults)
        # The innermost first: a fault meets the finished answer of the venue, also its refusal.
        self._layers: list[Layer] = [faulty]
        if pace is not None:
            self._layers.append(pace)
        self._layers.append(Enveloping(switches or SwitchBoard(Switches())))
        if durable is not None:
            self._layers.append(_Durable(durable))
        application = web.Application(middlewares=[self._meet])
        application.add_routes([*routes, *stream.routes()])
        application.on_shutdown.append(faulty.give_up)
        application.on_shutdown.append(stream.close_all)
        self._application = application
        # No body is unpacked: a packed one is refused as no JSON, before it could grow to a thousand times its size.
        self._runner = web.AppRunner(
            application,
            access_log=None,
            shutdown_timeout=_SHUTDOWN_SECS,
            auto_decompress=False,
            keepalive_timeout=self._patience.idle_secs,
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
        # A runner that is set up has a server.
        connection = partial(self._patience.connection, cast("web.Server", self._runner.server))
        self._server = await asyncio.get_running_loop().create_server(connection, sock=self._listener, backlog=_BACKLOG)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.close()
        self._patience.stop()
        await self._runner.cleanup()

    @web.middleware
    async def _meet(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        """Answer a request through those layers that have something to do now: most of the time there are none."""
        self._patience.heard(request)
        self._headers.note(request)
        chain = partial(refusals, handler=handler)
        for layer in self._layers:
            if layer.has_work():
                chain = partial(refusals, handler=partial(layer.meet, handler=chain))
        if not request.content.is_eof():
            chain = partial(refusals, handler=partial(self._patience.meet, handler=chain))
        return await chain(request)
