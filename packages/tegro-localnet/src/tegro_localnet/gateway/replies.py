"""Answers, and the middleware that turns every refusal into one."""

import logging
from collections.abc import Awaitable, Callable
from typing import Final

from aiohttp import web

from tegro.wire import encode
from tegro_localnet.chain.errors import ChainError
from tegro_localnet.errors import LocalnetError
from tegro_localnet.refusal import Refused

_LOG: Final = logging.getLogger(__name__)

type Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


def answer(body: object, status: int = 200) -> web.Response:
    """Return a JSON answer, bare as the venue has sent it since July 2024 (protocol 3.3)."""
    return web.Response(body=encode(body), status=status, content_type="application/json")


def cut(request: web.Request) -> None:
    """End a connection at once, without an answer or a closing handshake; nothing happens where it has ended."""
    if request.transport is not None:
        request.transport.abort()


@web.middleware
async def refusals(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Answer a refusal with 400 and `{"error": text}`, and anything unforeseen with 500 and a line in the log."""
    try:
        return await handler(request)
    except Refused as refusal:
        return answer({"error": str(refusal)}, 400)
    except web.HTTPException as problem:
        return answer({"error": f"{request.method} {request.path}: {problem.reason}"}, problem.status)
    except (ChainError, LocalnetError) as error:
        return answer({"error": str(error)}, 503)
    except Exception as error:  # noqa: BLE001 - the last resort: a client gets an answer, the log the cause
        if isinstance(error, ConnectionError) and request.transport is None:
            return answer({"error": "the client has gone in the middle of its request"}, 400)
        _LOG.exception("%s %s failed", request.method, request.path)
        return answer({"error": "internal error of localnet; its log has the details"}, 500)
