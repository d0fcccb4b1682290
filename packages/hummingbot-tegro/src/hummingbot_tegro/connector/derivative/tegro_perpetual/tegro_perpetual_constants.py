"""Names and limits of the perpetual connector."""

from typing import Final

EXCHANGE_NAME: Final = "tegro_perpetual"

MAX_CLIENT_ORDER_ID_LENGTH: Final = 32
"""The venue takes 36; other clients of its dialect keep to 32 (dialect 9.6)."""

FUNDING_POLL_SECS: Final = 120
"""Funding payments are told by the stream; this is how often they are looked for besides."""

RETRY_SECS: Final = 1.0
PAIR_RETRY_SECS: Final = 30.0
"""Pause before a contract that the venue does not list is looked for again."""

BALANCES_DEADLINE_SECS: Final = 20.0
"""How long a reading of the account may take: less than Hummingbot's own limit of 30 seconds for `connect`."""

NO_PAYMENT: Final = -1
"""What stands for rate and amount where no funding was paid yet (Hummingbot's own convention)."""

KEY_REFUSALS: Final = frozenset({-1022, -2014, -2015})
"""Codes that say that key or signature are not right, or may not do this (dialect 1.9)."""
