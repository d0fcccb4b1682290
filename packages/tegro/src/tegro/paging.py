"""Reading a list that a venue gives in pages."""

from collections.abc import Awaitable, Callable
from typing import Final

from tegro.errors import BadReply

PAGE_SIZE: Final = 100
"""Rows asked for; the venue may give fewer."""

_PROVEN_PAGE_SIZE: Final = 20
"""What Hummingbot's connector ran with. The largest page that the venue allows is not known (protocol 3.6)."""
_MAX_PAGES: Final = 1000


async def all_rows[T](
    read_page: Callable[[int], Awaitable[tuple[list[T], int]]], identity: Callable[[T], str]
) -> list[T]:
    """Read every page and return the rows, each once, in the order of the venue.

    The last page is one that is shorter than the first (the first shows how many rows the venue really gives), or that
    brings nothing new: an empty one, or one that a venue without paging repeats.

    Parameters
    ----------
    read_page
        Takes the number of a page, from 1; returns its rows, and how many the venue sent before any was left out.
    identity
        What makes a row the same row when a list moves while it is read.

    Raises
    ------
    BadReply
        If the pages do not come to an end.
    """
    seen: dict[str, T] = {}
    first_page_rows = 0
    for page in range(1, _MAX_PAGES + 1):
        rows, sent = await read_page(page)
        known = len(seen)
        seen.update({identity(row): row for row in rows})
        if page == 1:
            first_page_rows = sent
        is_short = sent < max(first_page_rows, _PROVEN_PAGE_SIZE)
        if is_short or len(seen) == known:
            return list(seen.values())
    raise BadReply(f"the venue did not come to an end of its pages within {_MAX_PAGES}")
