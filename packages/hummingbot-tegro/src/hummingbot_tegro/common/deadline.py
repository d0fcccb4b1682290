"""How long a reading of the account may take."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

from tegro.errors import NotConnected

BALANCES_DEADLINE_SECS: Final = 20.0
"""It must end before Hummingbot's own limit of 30 seconds for `connect`: when that is reached, the client keeps the
file of a key that was never tested."""


@asynccontextmanager
async def whole_answer(hint: str) -> AsyncIterator[None]:
    """Give what is read in this block a time limit.

    Parameters
    ----------
    hint
        What the user should look at; ends the error's text.

    Raises
    ------
    NotConnected
        If it takes longer.
    """
    try:
        async with asyncio.timeout(BALANCES_DEADLINE_SECS):
            yield
    except TimeoutError:
        raise NotConnected(f"no whole answer within {BALANCES_DEADLINE_SECS:g} seconds; {hint}") from None
