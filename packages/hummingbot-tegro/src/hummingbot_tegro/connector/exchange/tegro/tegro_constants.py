"""Names and limits of the connector."""

from typing import Final

EXCHANGE_NAME: Final = "tegro"
TESTNET: Final = "tegro_testnet"
LOCALNET: Final = "tegro_localnet"

CLIENT_ORDER_ID_PREFIX: Final = "TEGRO-"
MAX_CLIENT_ORDER_ID_LENGTH: Final = 32
"""The id never leaves this machine; 32 is what the old connector used, so databases keep their form."""

MARKET_MATCH_GRACE_SECS: Final = 0.5
"""How long a market order may stay in the book before what is left of it is cancelled. Whether the venue matches before
it answers is not known (protocol 15), and a cancel that overtakes the match would lose the order."""

LOOKUP_DELAYS_SECS: Final = (0.5, 1.0, 2.0)
"""Pauses before each search for an order whose placement got no clear answer."""

BALANCES_DEADLINE_SECS: Final = 20.0
"""How long a reading of the balances may take. It must end before Hummingbot's own limit of 30 seconds for `connect`:
when that is reached, the client keeps the file of a key that was never tested."""

SNAPSHOT_RETRY_SECS: Final = 1.0
