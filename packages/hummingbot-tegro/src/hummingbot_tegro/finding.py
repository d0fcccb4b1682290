"""What a check-up says of one thing it looked at."""

from enum import StrEnum

from msgspec import Struct


class Level(StrEnum):
    """How bad a finding is. Only an error is a reason for an exit code."""

    OK = "ok"
    NOTE = "note"
    WARNING = "warning"
    ERROR = "error"


class Finding(Struct, frozen=True):
    """One thing that was looked at."""

    level: Level
    text: str
    mend: str | None = None
    """What to do about it; None where there is nothing to do."""
