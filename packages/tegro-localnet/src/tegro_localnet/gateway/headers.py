"""Which headers of their own clients send: a venue may share fees by one, and nobody could see it otherwise."""

from collections import Counter
from typing import Final

from aiohttp import web

from tegro_localnet.gateway.replies import Handler

_EXCHANGE_PATHS: Final = "/api/"
_MOST: Final = 1000
"""Different pairs of name and value that are counted."""
_USUAL: Final = frozenset(
    {
        "accept",
        "accept-encoding",
        "accept-language",
        "cache-control",
        "connection",
        "content-length",
        "content-type",
        "cookie",
        "host",
        "origin",
        "pragma",
        "referer",
        "transfer-encoding",
        "upgrade",
        "user-agent",
    }
)
"""What every HTTP client sends."""


class HeaderLog:
    """Counts requests of the exchange's paths by each header that is not a usual one."""

    def __init__(self) -> None:
        self._seen: Counter[tuple[str, str]] = Counter()

    def seen(self) -> dict[str, dict[str, int]]:
        """Return how many requests came with a header: by its name in lower case, then by its value."""
        found: dict[str, dict[str, int]] = {}
        for (name, value), count in self._seen.items():
            found.setdefault(name, {})[value] = count
        return found

    @web.middleware
    async def note(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        """Count the headers of a request, and go on with it."""
        if request.path.startswith(_EXCHANGE_PATHS):
            for name, value in request.headers.items():
                pair = (name.lower(), value)
                is_own = pair[0] not in _USUAL and not pair[0].startswith("sec-")
                if is_own and (pair in self._seen or len(self._seen) < _MOST):
                    self._seen[pair] += 1
        return await handler(request)
