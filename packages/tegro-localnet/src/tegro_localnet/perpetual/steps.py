"""What can happen to a perpetual venue, as values: the contents of its journal.

The engine's commands are written as they are, refused ones too: also they take numbers. What the venue decides beside
the engine has commands of its own. What came of a command is written as a digest, so that running it again can be
compared.
"""

from msgspec import Struct

from tegro_localnet.perpetual.engine import commands as engine


class KeyIssued(Struct, frozen=True, kw_only=True, tag=True, tag_field="command"):
    """An account got an API key."""

    account_id: int
    api_key: str
    api_secret: str

    def __repr__(self) -> str:
        return f"KeyIssued(account_id={self.account_id})"


class ListenKeySet(Struct, frozen=True, kw_only=True, tag=True, tag_field="command"):
    """The user stream of an account has this name, until a moment. A tick ends it then."""

    account_id: int
    listen_key: str
    end_ms: int


class ListenKeyEnded(Struct, frozen=True, kw_only=True, tag=True, tag_field="command"):
    """A user stream was ended by its owner."""

    listen_key: str


class RoleGiven(Struct, frozen=True, kw_only=True, tag=True, tag_field="command"):
    """An account belongs to a part of localnet, such as an agent, which finds it again by this name."""

    role: str
    account_id: int


type Command = engine.Command | KeyIssued | ListenKeySet | ListenKeyEnded | RoleGiven


class Outcome(Struct, frozen=True, kw_only=True):
    """What came of a command: the code of its refusal (0: none), how many events it had, and their checksum."""

    refusal: int
    events: int
    checksum: int


class Entry(Struct, frozen=True, kw_only=True):
    """One step of a perpetual venue: when it was, what was asked for, and what came of it."""

    at_ms: int
    command: Command
    outcome: Outcome
