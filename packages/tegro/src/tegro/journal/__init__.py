"""What was signed, written down before the bytes leave.

An order's hash is known before it is sent. `record_signed` puts the hash, the message and the signature on disk first,
so that after a lost reply, a crash or a restart the order can be found again by its hash; `record_outcome` adds what
became of it. An entry that is `signed`, `unknown` or `absent` may be live at the venue. No entry has room for a key.
"""

from tegro.journal.entry import OVER, UNRESOLVED, EntryState, JournalEntry
from tegro.journal.memory import MemoryJournal
from tegro.journal.protocol import Journal
from tegro.journal.sqlite import Durability, SqliteJournal, read_entries

__all__ = [
    "OVER",
    "UNRESOLVED",
    "Durability",
    "EntryState",
    "Journal",
    "JournalEntry",
    "MemoryJournal",
    "SqliteJournal",
    "read_entries",
]
