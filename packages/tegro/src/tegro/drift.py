"""Whether a live book has lost a change, told from snapshots: pure.

The stream has no sequence numbers (protocol 8.1), so a change that never arrived leaves no trace but a level whose
total stays wrong until its next change. A single snapshot cannot show that: the change may still be on its way, or one
may have overtaken the snapshot. So a level counts only if

1. no change of it has arrived since a moment well before the first snapshot was asked for, and
2. it differs from that snapshot, and
3. some time later no change of it has arrived still, and it differs from a second snapshot too.

Let the waits before each snapshot be longer than a change is under way and than a snapshot is old when it comes. Then
a stream that loses nothing is never accused: by 1 the snapshot is not older than our total, so by 2 it holds a newer
one, whose change arrives before 3. And a change that was lost is found by the second check after the loss: the last
change before it has arrived when that one begins. What another change of the same level heals meanwhile is no drift.
"""

from collections.abc import Iterable
from decimal import Decimal

from tegro.model import BookSnapshot, Side
from tegro.order_book import Difference, OrderBook


class DriftCheck:
    """One check of a book. Make it, wait, `compare`; if that finds something, wait and `compare` with a new snapshot.

    It is void once the book was replaced meanwhile.
    """

    def __init__(self, book: OrderBook) -> None:
        self._book = book
        self._since = book.changes
        self._suspects: set[tuple[Side, Decimal]] | None = None

    def compare(self, snapshot: BookSnapshot) -> list[Difference]:
        """Return the levels that differ from this snapshot, and differed from those before it: none means all is well.

        What the first call returns is a suspicion, what the second returns is proof.
        """
        found = self._book.differences(snapshot, self._since)
        if self._suspects is not None:
            found = [each for each in found if (each.side, each.price) in self._suspects]
        self._suspects = {(each.side, each.price) for each in found}
        return found


def drift_reason(found: Iterable[Difference]) -> str:
    """Return a sentence about levels that drifted, naming the first by price."""
    ordered = sorted(found, key=lambda each: (each.side, each.price))
    more = f", and {len(ordered) - 1} more" if len(ordered) > 1 else ""
    return f"a change was lost: {ordered[0]}{more}"
