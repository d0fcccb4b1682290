"""Names and limits of the connector."""

from typing import Final

EXCHANGE_NAME: Final = "tegro"

CLIENT_ORDER_ID_PREFIX: Final = "TEGRO-"
MAX_CLIENT_ORDER_ID_LENGTH: Final = 32
"""The id never leaves this machine; 32 is what the old connector used, so databases keep their form."""

BALANCES_DEADLINE_SECS: Final = 20.0
"""How long a reading of the balances may take. It must end before Hummingbot's own limit of 30 seconds for `connect`:
when that is reached, the client keeps the file of a key that was never tested."""

SNAPSHOT_RETRY_SECS: Final = 1.0

PAIR_RETRY_SECS: Final = 30.0
"""Pause before a pair that the venue does not list is looked for again: it may be listed, or the settings mended."""

STATUS_RETRY_SECS: Final = 2.0
"""Pause before the start is tried again where the venue could not be read."""

JOURNAL_KEPT_MS: Final = 7 * 24 * 60 * 60 * 1000
"""How long an order that is over stays in the journal; it must outlive a restart or two."""

FEW: Final = 3
"""Orders that are asked for one by one; more are looked for in one list."""

CANCELS_AT_ONCE: Final = 100
"""Ids in one signed cancel. The largest list that the venue takes is not known (protocol 15)."""
