"""The description of all endpoints, at `/openapi.json`."""

from functools import cache

from aiohttp import web

from tegro_localnet.gateway.replies import answer
from tegro_localnet.openapi.document import describe


def openapi_routes() -> list[web.RouteDef]:
    """Return the endpoint."""
    return [web.get("/openapi.json", _show)]


@cache
def _document() -> dict[str, object]:
    return describe()


async def _show(_: web.Request) -> web.Response:
    return answer(_document())
