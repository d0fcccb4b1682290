"""What an earlier run of this bot signed, and Hummingbot's database may not know: a bot can die between the two."""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from decimal import Decimal
from typing import Final

from hummingbot.connector.markets_recorder import MarketsRecorder
from hummingbot.core.data_type.in_flight_order import InFlightOrder
from msgspec import Struct, field

from hummingbot_tegro.common.bot_identity import order_id_prefix, recorded_orders
from hummingbot_tegro.common.sides import trade_type_of
from tegro.journal import UNRESOLVED, EntryState, Journal, JournalEntry

from .order_mapping import host_type_of
from .order_sync import name_of
from .tegro_constants import JOURNAL_KEPT_MS

_LOOKED_AT: Final = frozenset(EntryState) - {EntryState.REJECTED}
_ENDED_LATELY_MS: Final = 24 * 60 * 60 * 1000
"""How far back an order that is over is still compared with the database."""


class LeftOvers(Struct, frozen=True, kw_only=True):
    """Orders of this bot that are not tracked."""

    adoptable: Mapping[str, list[JournalEntry]] = field(default_factory=dict)
    """By client order id: the venue took them, and the database has never heard of them."""
    in_doubt: tuple[JournalEntry, ...] = ()
    """Whether the venue has them is not known; the client looks for them."""
    recorded: tuple[JournalEntry, ...] = ()
    """The database has them, as ended."""


def read_left_overs(
    journal: Journal,
    recorder: MarketsRecorder,
    *,
    wallet: str,
    chain_id: int,
    tracked: Collection[str],
    now_ms: int,
) -> LeftOvers:
    """Compare the journal with Hummingbot's database. It waits for the disk: call it in a thread.

    What has long been over is removed from the journal.

    Parameters
    ----------
    recorder
        Writes the bot's database, and says whose orders are its own.
    tracked
        Client order ids that Hummingbot tracks already.

    Raises
    ------
    JournalFailure
        If the journal cannot be read.
    """
    prefix = order_id_prefix(recorder)
    journal.compact(now_ms - JOURNAL_KEPT_MS)
    entries = [
        entry
        for entry in journal.entries(states=_LOOKED_AT, maker=wallet)
        if entry.chain_id == chain_id
        and name_of(entry).startswith(prefix)
        and name_of(entry) not in tracked
        and (entry.state is not EntryState.ENDED or entry.changed_at_ms > now_ms - _ENDED_LATELY_MS)
    ]
    recorded = recorded_orders(recorder, {name_of(entry) for entry in entries})
    return sort_left_overs(entries, recorded)


def sort_left_overs(entries: Iterable[JournalEntry], recorded: Collection[str]) -> LeftOvers:
    """Sort what was signed by what has to be done about it. Pure.

    Parameters
    ----------
    recorded
        Client order ids that the database has.
    """
    adoptable: defaultdict[str, list[JournalEntry]] = defaultdict(list)
    in_doubt, known = [], []
    for entry in entries:
        if entry.state in UNRESOLVED:
            in_doubt.append(entry)
        elif name_of(entry) in recorded:
            known.append(entry)
        elif entry.order_id is not None:
            adoptable[name_of(entry)].append(entry)
    return LeftOvers(adoptable=dict(adoptable), in_doubt=tuple(in_doubt), recorded=tuple(known))


def adopted_order(name: str, entries: Collection[JournalEntry], trading_pair: str) -> InFlightOrder:
    """Return an order as Hummingbot tracks it, made from what was signed: all parts of a market order together."""
    first = next(iter(entries))
    return InFlightOrder(
        client_order_id=name,
        trading_pair=trading_pair,
        order_type=host_type_of(first.order_type),
        trade_type=trade_type_of(first.side),
        amount=sum((entry.quantity for entry in entries), Decimal(0)),
        price=first.price,
        creation_timestamp=first.signed_at_ms / 1000,
    )
