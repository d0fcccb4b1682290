"""Switches: what this venue may do otherwise, where nothing public says what the real one does (protocol 12).

Every switch has a default, which is what protocol 12 suggests, and one other position. All but the two that are built
into the contract can be changed while the localnet runs.
"""

from collections.abc import Awaitable, Callable, Mapping
from enum import StrEnum
from typing import Final, Literal, get_args, get_type_hints

from msgspec import Struct
from msgspec.structs import asdict, replace


class ReportPrice(StrEnum):
    """Which price trades report. The venue's own choice is not public (protocol 7.3)."""

    SETTLEMENT = "settlement"
    """What the contract pays: the sell order's limit."""
    RESTING = "resting"
    """The level that was taken; `settled_price` then stands beside it."""


type OnOff = Literal["on", "off"]


class Switches(Struct, frozen=True, kw_only=True):
    """The position of every switch. The first of its values is the default.

    Raises
    ------
    ValueError
        On construction, where a value is none of its switch; the message names those that are.
    """

    price_scaling: Literal["e18", "quote_decimal"] = "e18"
    """What the signed price is multiplied by: 10^18, or 10^(decimals of the quote token). Part of the contract."""
    order_schema: Literal["expiry", "no_expiry"] = "expiry"
    """Whether the signed order ends with `expiryTime`, or has the seven members before it. Part of the contract."""
    envelope: Literal["bare", "wrapped"] = "bare"
    """`wrapped` puts each answer into `{"message":"success","data":...}`, as before July 2024."""
    limit_order_side: Literal["number", "word"] = "number"
    """How `typedData/generate` writes the side: 1 and 0, or `buy` and `sell`."""
    market_chain_key: Literal["both", "camel", "snake"] = "both"
    """Whether markets have `chainId`, `chain_id`, or both."""
    order_timestamps: Literal["milliseconds", "seconds"] = "milliseconds"
    """Unit of `timestamp` in orders and trades."""
    depth_timestamp: Literal["seconds", "milliseconds"] = "seconds"
    """Unit of `timestamp` in snapshots and changes of a book."""
    depth_values: Literal["strings", "numbers"] = "strings"
    """How prices and quantities of a book are written."""
    empty_side: Literal["null", "list"] = "null"
    """How a side of a book without levels is written."""
    error_body: Literal["error", "message"] = "error"
    """The member of a refusal that holds its text."""
    check_order_hash: OnOff = "on"
    """Whether `order_hash` must be the digest of the message. The venue knows an order by its own digest anyway."""
    check_signature: OnOff = "on"
    """Whether the signer of an order must be its maker. The contract refuses the others when it settles."""
    check_outer_fields: OnOff = "on"
    """Whether the fields beside the signed message must agree with it."""
    check_tick_and_lot: OnOff = "on"
    """Whether price and quantity must be multiples of tick size and lot size."""
    check_minimum_value: OnOff = "on"
    """Whether an order must be worth the minimum. What a match leaves below it is cancelled all the same."""
    check_balance: OnOff = "on"
    """Whether the wallet must hold what the order may cost."""
    check_allowance: OnOff = "on"
    """Whether the exchange must be allowed to move what the order may cost."""
    report_price: Literal["settlement", "resting"] = "settlement"
    """Which price trades report: what the contract pays, or the level that was taken."""
    settlement: Literal["delayed", "instant"] = "delayed"
    """`instant` settles the matches of an order before the answer to it is sent."""
    mixed_cancel: Literal["cancel_good", "refuse_all"] = "cancel_good"
    """What a cancel does that names open orders and others."""
    duplicate_hash: Literal["refuse", "accept"] = "refuse"
    """Whether one signed order may be placed twice."""
    subscribe_ack: Literal["none", "echo"] = "none"
    """Whether the stream answers a subscription with the same frame."""
    market_order: Literal["refuse", "sweep"] = "refuse"
    """What `typedData/generate` does without a price: refuse, or take the worst level that the amount needs."""
    fee: Literal["charged", "zero"] = "charged"
    """Whether the contract takes its fee."""
    self_trade: Literal["allow", "refuse"] = "allow"
    """Whether an order may match another one of its wallet (protocol 5.2). `refuse` turns the newer one away."""

    def __post_init__(self) -> None:
        for name, value in asdict(self).items():
            if value not in CHOICES[name]:
                message = f"switch {name} must be {' or '.join(CHOICES[name])}, was {str(value)[:80]!r}"
                raise ValueError(message)

    @property
    def reported_price(self) -> ReportPrice:
        """Which price trades report."""
        return ReportPrice(self.report_price)

    def changed(self, given: Mapping[str, str]) -> "Switches":
        """Return these switches with some of them in other positions.

        Raises
        ------
        ValueError
            If there is no such switch, or it has no such position.
        """
        unknown = next((name for name in given if name not in CHOICES), None)
        if unknown is not None:
            message = f"unknown switch {unknown[:80]!r}: there are {', '.join(CHOICES)}"
            raise ValueError(message)
        return replace(self, **dict(given))


def _choices(hint: object) -> tuple[str, ...]:
    return get_args(getattr(hint, "__value__", hint))


CHOICES: Final[dict[str, tuple[str, ...]]] = {name: _choices(hint) for name, hint in get_type_hints(Switches).items()}
"""The positions of each switch by its name, the default first."""

FIXED: Final = frozenset({"price_scaling", "order_schema"})
"""Built into the contract: chosen at the start and never changed."""

type ChangeListener = Callable[[Switches, Switches], Awaitable[None]]


class SwitchBoard:
    """The switches of a running localnet. Whoever heeds one reads it from `now` each time.

    Parameters
    ----------
    switches
        Their positions at the start.
    """

    def __init__(self, switches: Switches) -> None:
        self.now = switches
        self._listeners: list[ChangeListener] = []

    def on_change(self, listener: ChangeListener) -> None:
        """Await `listener(old, new)` before a change takes effect. Where it raises, nothing changes."""
        self._listeners.append(listener)

    async def change(self, given: Mapping[str, str]) -> Switches:
        """Put some switches into other positions and return all of them. May be repeated safely.

        Raises
        ------
        ValueError
            If there is no such switch or position, or it cannot change any more.
        """
        wanted = self.now.changed(given)
        fixed = next((name for name in FIXED if getattr(wanted, name) != getattr(self.now, name)), None)
        if fixed is not None:
            position = getattr(wanted, fixed)
            message = f"switch {fixed} is part of the contract: start the localnet with --switch {fixed}={position}"
            raise ValueError(message)
        for listener in self._listeners:
            await listener(self.now, wanted)
        self.now = wanted
        return wanted


def read_switches(entries: list[str]) -> Switches:
    """Return the switches that `NAME=VALUE` entries describe.

    Raises
    ------
    ValueError
        If an entry has another form, or names no switch or position.
    """
    return Switches().changed(pairs_of(entries))


def pairs_of(entries: list[str]) -> dict[str, str]:
    """Return `NAME=VALUE` entries by name. Raises `ValueError` where one has another form."""
    for entry in entries:
        if "=" not in entry:
            message = f"expected NAME=VALUE, such as envelope=wrapped, was {entry[:80]!r}"
            raise ValueError(message)
    split = (entry.partition("=") for entry in entries)
    return {name.strip(): value.strip() for name, _, value in split}
