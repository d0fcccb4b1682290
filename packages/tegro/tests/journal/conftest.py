"""Journals of both kinds, on a clock that stands still."""

import pytest
from journal_entries import (
    clock,
)

from tegro.journal import MemoryJournal, SqliteJournal


@pytest.fixture
def path(tmp_path):
    return tmp_path / "state" / "journal.sqlite"


@pytest.fixture(params=["memory", "sqlite"])
def journal(request, path):
    opened = MemoryJournal(clock_ms=clock) if request.param == "memory" else SqliteJournal(path, clock_ms=clock)
    yield opened
    opened.close()
