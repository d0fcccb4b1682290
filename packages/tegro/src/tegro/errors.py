"""Every error of the client, named for what the caller may do about it.

::

    TegroError
    ├── InvalidInput        the request cannot be right; nothing was sent          mend the input
    │   ├── LimitExceeded   one of your own limits forbids the order               wait, or change the limit
    │   └── HistoryMissing  candles that nobody has observed (`since_ms`)          ask from then, or keep a store
    ├── NotConnected        no answer to a read, or the write never left           try again
    ├── BadReply            the venue answered, but not in a form we know          report it; do not trade on it
    ├── Refused             the venue said no to a read or a helper call           read the text
    │   └── RateLimited     too many requests (`retry_after_secs`)                 wait
    ├── SigningRefused      what was asked to be signed is not what was meant      stop
    ├── AllowanceMissing    the exchange contract may not move enough of a token   approve
    ├── ChainFailure        the chain's node refused or lost a transaction         look at the transaction
    ├── JournalFailure      the journal could not be written or read               mend the disk; nothing new was sent
    ├── StoreFailure        the store of candles could not be written or read      mend the disk
    └── Closed              the client was used after it was closed                a bug in the caller

Placing and cancelling answer with a value of `tegro.outcome` instead: a write whose fate is unclear is no exception but
a third outcome. No message of any of these ever contains a key.
"""


class TegroError(Exception):
    """Base of everything this package raises on purpose."""


class InvalidInput(TegroError, ValueError):
    """The caller's input cannot be right. Nothing was sent."""


class HistoryMissing(InvalidInput):
    """Candles were asked for from a time that nobody has observed. None is made up."""

    def __init__(self, message: str, *, since_ms: int | None) -> None:
        super().__init__(message)
        self.since_ms = since_ms
        """Unix milliseconds from which the candles are there; None where there is none at all."""


class LimitExceeded(InvalidInput):
    """A limit of the settings file forbids the order. Nothing was signed."""


class NotConnected(TegroError):
    """A request that changes nothing got no answer. It may be repeated."""


class BadReply(TegroError):
    """The venue answered in a form that this version does not know."""


class Refused(TegroError):
    """The venue refused a request that changes nothing."""

    def __init__(self, message: str, *, status: int, code: int | None = None) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        """The venue's own number for the reason, where its dialect has one (perpetuals); else None."""


class RateLimited(Refused):
    """The venue asks for fewer requests."""

    def __init__(self, message: str, *, retry_after_secs: float | None = None) -> None:
        super().__init__(message, status=429)
        self.retry_after_secs = retry_after_secs


class SigningRefused(TegroError):
    """Something about the data to sign is not what the caller meant, or not what was pinned."""


class AllowanceMissing(TegroError):
    """The exchange contract may move less of a token than the order needs."""


class ChainFailure(TegroError):
    """A transaction was refused, reverted, or did not appear in time."""


class JournalFailure(TegroError):
    """The journal could not be written or read: a full disk, a lock, a damaged file. An order is not sent then."""


class StoreFailure(TegroError):
    """The store of candles and trades could not be written or read: a full disk, a lock, a damaged file."""


class Closed(TegroError):
    """The client, stream or journal was used after it was closed."""
