"""Names and limits of the connector."""

from typing import Final

EXCHANGE_NAME: Final = "tegro"

VENUE: Final = "Tegro"
"""What a message calls the venue."""

JOURNAL_KEPT_MS: Final = 7 * 24 * 60 * 60 * 1000
"""How long an order that is over stays in the journal; it must outlive a restart or two."""

FEW: Final = 3
"""Orders that are asked for one by one; more are looked for in one list."""

CANCELS_AT_ONCE: Final = 100
"""Ids in one signed cancel. The largest list that the venue takes is not known (protocol 15)."""
