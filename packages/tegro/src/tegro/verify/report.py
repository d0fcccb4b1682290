"""What a check says, and what all of them say together."""

import re
from enum import StrEnum
from typing import Final

from msgspec import Struct

_MAX_NOTE: Final = 300
_CONTROL: Final = re.compile(r"[\x00-\x1f\x7f-\x9f]+")


class Result(StrEnum):
    """What became of a fact."""

    HOLDS = "holds"
    DIFFERS = "differs"
    NOT_CHECKED = "not checked"


class Differs(Exception):
    """The venue does not behave as the fact says; the text is what was seen instead."""


class NotChecked(Exception):
    """The fact could not be looked at; the text says why."""


class Finding(Struct, frozen=True, kw_only=True):
    """One fact and what was found."""

    number: str
    """`V01` and so on; a number keeps its meaning from version to version."""
    fact: str
    section: str
    """Where `docs/protocol.md` states it."""
    result: Result
    note: str = ""
    """What was seen, or why it was not checked. Printable, on one line."""


class Report(Struct, frozen=True, kw_only=True):
    """All findings about one venue on one chain."""

    environment: str
    chain: str
    chain_id: int
    rest_url: str
    findings: tuple[Finding, ...]

    @property
    def differs(self) -> bool:
        """Whether any fact differs."""
        return self.count(Result.DIFFERS) > 0

    @property
    def summary(self) -> str:
        """The numbers of each result, in words."""
        holds, differ, unchecked = (self.count(result) for result in Result)
        return f"{holds} hold, {differ} differ, {unchecked} not checked"

    def count(self, result: Result) -> int:
        """Return how many facts have a result."""
        return sum(finding.result is result for finding in self.findings)


def printable(text: str) -> str:
    """Return a venue's words as they may be shown: one line, no control characters, not endless."""
    return _CONTROL.sub(" ", text).strip()[:_MAX_NOTE]
