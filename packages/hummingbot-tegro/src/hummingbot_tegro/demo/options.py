"""What the demo was asked for."""

import re
from pathlib import Path
from typing import Final

from msgspec import Struct

from tegro.errors import InvalidInput

_FORM: Final = re.compile(r"([0-9]{1,6})(s|m|h)")
_UNIT_SECS: Final = {"s": 1, "m": 60, "h": 3600}
_LONGEST_SECS: Final = 24 * 3600


class DemoOptions(Struct, frozen=True, kw_only=True):
    """One run of the demo."""

    duration_secs: int
    """How long the bot trades, from its first order on."""
    seed: int
    """Of the market and of the bot's decisions."""
    pair: str
    """As Hummingbot writes it, such as `WETH-USDC`."""
    fills: int | None
    """Settled fills at which it ends before its time; None is no such number."""
    replay: Path | None
    """Recorded trades that drive the market; None lets agents do it."""


def parse_duration(text: str) -> int:
    """Return the seconds of a duration such as 90s, 3m or 1h.

    Raises
    ------
    InvalidInput
        If it is none, or not between one second and a day.
    """
    found = _FORM.fullmatch(text.strip().lower())
    seconds = int(found[1]) * _UNIT_SECS[found[2]] if found else 0
    if not 1 <= seconds <= _LONGEST_SECS:
        raise InvalidInput(f"--for must be a time such as 90s, 3m or 1h, up to 24h, was {text!r}")
    return seconds


def parse_pair(text: str) -> str:
    """Return a pair as Hummingbot writes it.

    Raises
    ------
    InvalidInput
        If it is not two symbols.
    """
    pair = text.strip().upper().replace("_", "-")
    if len(symbols := pair.split("-")) != 2 or not all(symbols):
        raise InvalidInput(f"--pair must be two symbols such as WETH-USDC, was {text!r}")
    return pair
