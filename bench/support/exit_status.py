"""How a benchmark ends: a missed target is not taken for a benchmark that broke (status 1, as Python has it)."""

from typing import Final

MET: Final = 0
MISSED: Final = 3
"""Everything was measured, and a target was missed."""


def exit_status(*, is_met: bool) -> int:
    """Return the status of a benchmark that came to its end."""
    return MET if is_met else MISSED
