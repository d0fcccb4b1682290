"""How a fault is described, and which descriptions make no sense."""

from decimal import Decimal
from enum import StrEnum
from typing import Final

from msgspec import Struct
from msgspec.structs import fields

from tegro.model import Side
from tegro_localnet.parsing import read_address
from tegro_localnet.refusal import Refused, excerpt

MAX_DELAY_MS: Final = 600_000
_MAX_PATTERN_CHARACTERS: Final = 200
_MAX_RETRY_AFTER_SECS: Final = 3600
_CONTROL_PATHS: Final = "/localnet"
_API_KEY_CHARACTERS: Final = 64


class FaultKind(StrEnum):
    """What goes wrong."""

    DROP_REQUEST = "drop_request"
    """The connection is cut before the venue sees the request."""
    DROP_REPLY = "drop_reply"
    """The venue acts, then the connection is cut without an answer."""
    STATUS = "status"
    """The answer is an HTTP status; the venue acts before it only where `after` is set."""
    HOLD = "hold"
    """The venue acts late: on release or when `hold_ms` have passed, even if the client has gone meanwhile."""
    DELAY = "delay"
    """The venue acts at once and answers `delay_ms` late, or on release."""
    HIDE = "hide"
    """Lists of orders leave out what was placed over the API while this fault is set, as a lagging replica does."""
    NULL_SIDES = "null_sides"
    """A snapshot of a book has null in place of a side, as of an empty one: of `side`, or of both."""
    FRAME_DROP = "frame_drop"
    """A stream frame is not sent."""
    FRAME_DUPLICATE = "frame_duplicate"
    """A stream frame is sent twice."""
    FRAME_REORDER = "frame_reorder"
    """A stream frame is sent behind the next one of its socket, and waits for it."""
    FRAME_DELAY = "frame_delay"
    """A stream frame, and what follows it on its socket, is sent `delay_ms` late."""
    CUT = "cut"
    """The socket is cut in place of sending the frame."""
    SETTLEMENT_FAIL = "settlement_fail"
    """A match goes to the chain with a signature that the contract refuses: it fails there, its neighbours do not."""
    SETTLEMENT_HOLD = "settlement_hold"
    """A match goes to the chain late: on release or when `hold_ms` have passed."""

    @property
    def is_of_frames(self) -> bool:
        """Whether it happens to stream frames."""
        return self in _FRAME_KINDS

    @property
    def is_of_requests(self) -> bool:
        """Whether it happens to single requests; `hide` happens to the venue's picture of orders."""
        return not self.is_of_frames and not self.is_of_settlements and self is not FaultKind.HIDE

    @property
    def is_of_settlements(self) -> bool:
        """Whether it happens to matches on their way to the chain."""
        return self in (FaultKind.SETTLEMENT_FAIL, FaultKind.SETTLEMENT_HOLD)


_FRAME_KINDS: Final = frozenset(
    {
        FaultKind.FRAME_DROP,
        FaultKind.FRAME_DUPLICATE,
        FaultKind.FRAME_REORDER,
        FaultKind.FRAME_DELAY,
        FaultKind.CUT,
    }
)
_OPTIONS: Final[dict[FaultKind, frozenset[str]]] = {
    FaultKind.STATUS: frozenset({"status", "after", "retry_after_secs"}),
    FaultKind.HOLD: frozenset({"hold_ms"}),
    FaultKind.SETTLEMENT_HOLD: frozenset({"hold_ms"}),
    FaultKind.NULL_SIDES: frozenset({"side"}),
    FaultKind.DELAY: frozenset({"delay_ms"}),
    FaultKind.FRAME_DELAY: frozenset({"delay_ms"}),
}
"""Fields that only some kinds know. `path` belongs to requests, `action` to frames; the rest to every kind."""


class Fault(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One fault: what goes wrong, for which requests or frames, how often.

    Raises
    ------
    ValueError
        On construction, where a value cannot work or does not belong to the kind; the message says what to do.
    """

    kind: FaultKind
    path: str | None = None
    """Pattern of `fnmatch` over the path of a request, such as `*/orders/place`; None: every path of the exchange.

    Localnet's own paths never fail.
    """
    wallet: str | None = None
    """Only requests that name this wallet in path or body, frames of its channel, or its matches; None: of anybody.

    An API key of the perpetual venue works too: requests that carry it, frames of its account's user stream.
    """
    action: str | None = None
    """Only frames of this action, such as `order_book_diff`; None: of any."""
    times: int | None = 1
    """How many requests, frames or matches fail, for frames each socket counted by itself; None: all, until cleared."""
    probability: Decimal = Decimal(1)
    """Chance that a request or frame which fits does fail, above 0 and at most 1."""
    status: int = 503
    after: bool = False
    """Whether the venue acts before it answers with `status`."""
    retry_after_secs: int | None = None
    """Value of the header `Retry-After` beside `status`; None: no header."""
    delay_ms: int = 0
    hold_ms: int | None = None
    """How long a request or match is held; None: until it is released."""
    side: Side | None = None
    """Which side of a book is null; None: both."""

    @property
    def comes_first(self) -> bool:
        """Whether it happens to a request before the venue acts."""
        if self.kind is FaultKind.STATUS:
            return not self.after
        return self.kind in (FaultKind.DROP_REQUEST, FaultKind.HOLD)

    def __post_init__(self) -> None:
        self._check_belonging()
        self._check_target()
        _require(self.times is None or self.times >= 1, f"times must be 1 or more, or null, was {self.times}")
        _require(
            self.probability.is_finite() and 0 < self.probability <= 1,
            f"probability must be above 0 and at most 1, was {excerpt(self.probability)}",
        )
        _require(400 <= self.status <= 599, f"status must be from 400 to 599, was {self.status}")
        if self.retry_after_secs is not None:
            _require_within("retry_after_secs", self.retry_after_secs, 0, _MAX_RETRY_AFTER_SECS)
        if self.hold_ms is not None:
            _require_within("hold_ms", self.hold_ms, 1, MAX_DELAY_MS)
        if "delay_ms" in _OPTIONS.get(self.kind, ()):
            _require_within("delay_ms", self.delay_ms, 1, MAX_DELAY_MS)
        if self.kind is FaultKind.HIDE:
            _require(
                self.times in (None, 1) and self.probability == 1,
                "hide lasts until it is cleared and always happens: leave times and probability out",
            )

    def _check_belonging(self) -> None:
        known = _OPTIONS.get(self.kind, frozenset())
        if not self.kind.is_of_settlements:
            known |= {"action" if self.kind.is_of_frames else "path"}
        for name, default in _SPECIAL_DEFAULTS.items():
            _require(
                name in known or getattr(self, name) == default,
                f"{name} means nothing to a fault of kind {self.kind}: leave it out",
            )

    def _check_target(self) -> None:
        for name, text in (("path", self.path), ("action", self.action)):
            _require(
                text is None or 0 < len(text) <= _MAX_PATTERN_CHARACTERS,
                f"{name} must have 1 to {_MAX_PATTERN_CHARACTERS} characters; leave it out to mean any",
            )
        _require(
            self.path is None or not self.path.startswith(_CONTROL_PATHS),
            "path must be one of the exchange: localnet's own paths never fail",
        )
        if self.wallet is not None and not _is_api_key(self.wallet):
            try:
                read_address(self.wallet, "wallet")
            except Refused as refusal:
                raise ValueError(str(refusal)) from refusal


def _is_api_key(text: str) -> bool:
    return len(text) == _API_KEY_CHARACTERS and text.isascii() and text.isalnum()


_SPECIAL_DEFAULTS: Final = {
    option.name: option.default
    for option in fields(Fault)
    if option.name not in {"kind", "wallet", "times", "probability"}
}


def _require(condition: bool, message: str) -> None:  # noqa: FBT001 - an assertion reads best this way
    if not condition:
        raise ValueError(message)


def _require_within(name: str, value: int, least: int, most: int) -> None:
    _require(least <= value <= most, f"{name} must be from {least} to {most}, was {value}")
