"""What a journal promises, whatever it is made of."""

from collections.abc import Collection
from typing import Protocol

from tegro.journal.entry import EntryState, JournalEntry
from tegro.outcome import Resolution


class Journal(Protocol):
    """The record of signed orders. Calls are synchronous and short: they are meant to be made from an event loop.

    Every method raises `Closed` after `close`, and `JournalFailure` if the record cannot be written or read.
    """

    def record_signed(self, entry: JournalEntry) -> None:
        """Write down a signed order. It has survived the death of this process when the call returns.

        Raises
        ------
        InvalidInput
            If an order with this hash is there already: sign with another salt. Or if `expiry_time` is out of range.
        """
        ...

    def record_outcome(self, order_hash: str, outcome: Resolution) -> None:
        """Write down what became of an order. May be repeated.

        An acceptance is final but for its end; a refusal gives way only to an acceptance, because the order was then
        seen at the venue; unknown and absent give way to everything. An outcome that may not follow changes nothing.

        Raises
        ------
        InvalidInput
            If no order with this hash was recorded.
        """
        ...

    def record_ended(self, order_hash: str) -> None:
        """Write down that an accepted order is over at the venue (`Order.is_done`). May be repeated.

        It changes nothing where the order was not accepted.

        Raises
        ------
        InvalidInput
            If no order with this hash was recorded.
        """
        ...

    def want_cancel(self, order_hash: str) -> None:
        """Write down that an order is to be cancelled as soon as it is seen at the venue. May be repeated.

        It changes nothing where the order has ended.

        Raises
        ------
        InvalidInput
            If no order with this hash was recorded.
        """
        ...

    def find(self, order_hash: str) -> JournalEntry | None:
        """Return the entry of an order, or None if this journal has not seen it."""
        ...

    def find_by_client_order_id(self, client_order_id: str) -> JournalEntry | None:
        """Return the entry that the caller gave this name, the newest if there are several; None if there is none."""
        ...

    def entries(
        self,
        *,
        states: Collection[EntryState] = tuple(EntryState),
        maker: str | None = None,
        without_id: bool = False,
    ) -> list[JournalEntry]:
        """Return the entries in these states, oldest first; of every wallet if `maker` is None.

        `without_id` leaves out those whose id at the venue is known.
        """
        ...

    def compact(self, before_ms: int) -> int:
        """Remove the orders that were rejected or ended before a time (Unix milliseconds); return how many.

        One that may still execute stays, however old it is. May be repeated.
        """
        ...

    def close(self) -> None:
        """Release the record. May be repeated."""
        ...
