"""Which headers of their own clients send: a venue may share fees by one, and nobody could see it otherwise."""

from collections import Counter
from typing import Final

from aiohttp import web

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
        self._skipped: set[bytes] = set()
        """Usual names, in the spellings that came."""

    def seen(self) -> dict[str, dict[str, int]]:
        """Return how many requests came with a header: by its name in lower case, then by its value."""
        found: dict[str, dict[str, int]] = {}
        for (name, value), count in self._seen.items():
            found.setdefault(name, {})[value] = count
        return found

    def note(self, request: web.Request) -> None:
        """Count the headers of a request."""
        if not request.path.startswith(_EXCHANGE_PATHS):
            return
        for spelling, value in request.raw_headers:
            if spelling in self._skipped:
                continue
            name = spelling.decode(errors="replace").lower()
            if name in _USUAL or name.startswith("sec-"):
                if len(self._skipped) < _MOST:
                    self._skipped.add(spelling)
                continue
            pair = (name, value.decode(errors="replace"))
            if pair in self._seen or len(self._seen) < _MOST:
                self._seen[pair] += 1
