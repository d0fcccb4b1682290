"""Names and limits of the perpetual connector."""

from typing import Final

EXCHANGE_NAME: Final = "tegro_perpetual"

VENUE: Final = "Tegro Perpetual"
"""What a message calls the venue."""

FUNDING_POLL_SECS: Final = 120
"""Funding payments are told by the stream; this is how often they are looked for besides."""

NO_PAYMENT: Final = -1
"""What stands for rate and amount where no funding was paid yet (Hummingbot's own convention)."""

KEY_REFUSALS: Final = frozenset({-1022, -2014, -2015})
"""Codes that say that key or signature are not right, or may not do this (dialect 1.9)."""
