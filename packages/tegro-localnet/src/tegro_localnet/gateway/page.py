"""Localnet's page and the API's own page, as files. No other host is ever asked for anything."""

from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any, Final

from aiohttp import web

from tegro_localnet.page import STATIC

_TYPES: Final = {
    ".css": "text/css",
    ".html": "text/html",
    ".js": "text/javascript",
    ".svg": "image/svg+xml",
    ".txt": "text/plain",
}
_POLICY: Final = (
    "default-src 'self'; img-src 'self' data:; object-src 'none'; base-uri 'none'; form-action 'none'; "
    "frame-ancestors 'none'"
)
"""Scripts, styles and connections of this origin alone; Swagger UI's icons are data addresses."""
_PAGES: Final = {"/": "index.html", "/docs": "docs.html"}


def page_routes() -> list[web.RouteDef]:
    """Return a path for each file, so that none outside the folder can be named."""
    named = {path: STATIC / name for path, name in _PAGES.items()}
    others = {
        f"/page/{file.relative_to(STATIC).as_posix()}": file
        for file in sorted(STATIC.rglob("*"))
        if file.suffix in _TYPES and file not in named.values()
    }
    return [web.get(path, _serving(file)) for path, file in (named | others).items()]


def _serving(file: Path) -> Callable[[web.Request], Coroutine[Any, Any, web.StreamResponse]]:
    headers = {
        "Content-Type": f"{_TYPES[file.suffix]}; charset=utf-8",
        "Content-Security-Policy": _POLICY,
        "X-Content-Type-Options": "nosniff",
        "Referrer-Policy": "no-referrer",
        # The files change with the package, not with time: ask again, and get a 304.
        "Cache-Control": "no-cache",
    }

    async def serve(_: web.Request) -> web.StreamResponse:
        return web.FileResponse(file, headers=headers)

    return serve
