"""Names of the paper exchanges. Only what an interpreter may load at its start is imported here."""

from typing import Final

SUFFIX: Final = "_paper_trade"
"""What Hummingbot appends to an exchange's name."""

DOMAINS: Final = ("tegro", "tegro_testnet", "tegro_localnet")
"""The domains of the spot connector, each of which has a paper exchange."""

PAPER_NAMES: Final = {domain + SUFFIX: domain for domain in DOMAINS}
"""Name of a paper exchange, and the domain whose market data it uses."""
