"""One side of a snapshot, left as the text that the venue wrote until a level is looked at: pure.

Making numbers of a whole book costs several times what reading it does, and most of its levels are never looked at. So
a side is first proved right from its text, all of it, and only then left as text. What the proof does not cover need
not be wrong: `tegro.convert` then makes every number at once.
"""

from collections.abc import Sequence
from decimal import Decimal
from typing import Annotated, Final, overload, override

from msgspec import Meta, Struct

from tegro.model import BookLevel, Side

_DIGITS: Final = b"0123456789"
_EACH_DIGIT_AS_ZERO: Final = bytes.maketrans(b"123456789", b"000000000")

type ShortText = Annotated[str, Meta(max_length=60)]
"""So short that no number above zero, written with digits and a point, is out of the range of a uint256."""


class LevelText(Struct, frozen=True, gc=False):
    """A level with both numbers quoted, as the venue writes them today (protocol 4.4)."""

    price: ShortText
    quantity: ShortText


class RestingLevels(Sequence[BookLevel]):
    """One side of a book, the best price first, each price once, and nothing empty. Made by `resting_levels`.

    It reads like a tuple, and equals one with the same levels. A level is made once, when it is looked at or one behind
    it is. Several threads may read it.
    """

    __slots__ = ("_made", "_prices", "_quantities", "side")

    def __init__(self, side: Side, prices: Sequence[str] | Sequence[Decimal], quantities: Sequence[str]) -> None:
        self.side = side
        self._prices = prices
        self._quantities = quantities
        self._made: tuple[BookLevel, ...] = ()

    @override
    def __len__(self) -> int:
        return len(self._prices)

    @overload
    def __getitem__(self, index: int) -> BookLevel: ...
    @overload
    def __getitem__(self, index: slice) -> tuple[BookLevel, ...]: ...
    @override
    def __getitem__(self, index: int | slice) -> BookLevel | tuple[BookLevel, ...]:
        if not isinstance(index, slice):
            return self.best(index + 1 if index >= 0 else None)[index]
        start, stop, step = index.indices(len(self))
        return self.best(stop)[start:stop:step] if step > 0 else self.best(None)[index]

    @override
    def __eq__(self, other: object) -> bool:
        return isinstance(other, tuple | RestingLevels) and self[:] == other[:]

    @override
    def __hash__(self) -> int:
        return hash(self[:])

    @override
    def __repr__(self) -> str:
        return repr(self[:])

    def best(self, count: int | None) -> tuple[BookLevel, ...]:
        """Return so many of the best levels or more, where there are; all of them if `count` is None."""
        made, wanted = self._made, len(self) if count is None else count
        if len(made) < wanted:
            # At least twice as many as before: a walk through all of them must not copy them at each step.
            new = slice(len(made), max(wanted, 2 * len(made)))
            made += tuple(map(BookLevel, map(Decimal, self._prices[new]), map(Decimal, self._quantities[new])))
            self._made = made  # in one step: another thread sees the old or the new, and both are right
        return made


def resting_levels(
    bids: list[LevelText], asks: list[LevelText]
) -> tuple[Sequence[BookLevel], Sequence[BookLevel]] | None:
    """Return both sides of a snapshot, the best price first; None where their text does not prove that they are right.

    It does if each number is above zero and written with nothing but digits and a point, and each price of a side is
    above the one before it, or each is below.
    """
    levels = bids + asks
    if not levels:
        return (), ()
    texts = [level.price for level in levels]
    quantities = [level.quantity for level in levels]
    joined = f" {' '.join(texts)} {' '.join(quantities)} ".encode()
    if not _are_positive(joined, 2 * len(levels)):
        return None
    # Where all have their point at the same place, the order of the texts is that of the numbers.
    shape = joined[: len(texts[0]) + 1].translate(_EACH_DIGIT_AS_ZERO)
    is_uniform = joined.translate(_EACH_DIGIT_AS_ZERO).startswith(shape * len(texts) + b" ")
    if is_uniform:
        return _best_first_sides(texts, quantities, len(bids))
    return _best_first_sides(list(map(Decimal, texts)), quantities, len(bids))


def _best_first_sides[P: (str, Decimal)](
    prices: list[P], quantities: list[str], bids: int
) -> tuple[RestingLevels, RestingLevels] | None:
    best_bids = _best_first(Side.BUY, prices[:bids], quantities[:bids])
    best_asks = _best_first(Side.SELL, prices[bids:], quantities[bids:])
    return None if best_bids is None or best_asks is None else (best_bids, best_asks)


def _best_first[P: (str, Decimal)](side: Side, prices: list[P], quantities: list[str]) -> RestingLevels | None:
    is_falling = side is Side.BUY
    if prices and (prices[-1] > prices[0]) is is_falling:
        prices, quantities = prices[::-1], quantities[::-1]
    # Sorting what is in order already is quicker than comparing each price with the next.
    is_in_order = sorted(prices, reverse=is_falling) == prices and len(set(prices)) == len(prices)
    return RestingLevels(side, prices, quantities) if is_in_order else None


def _are_positive(joined: bytes, count: int) -> bool:
    """Return whether so many texts, with a space before and after each, are plainly numbers above zero."""
    points = joined.translate(None, _DIGITS)
    has_one_each = points == b" ." * count + b" "
    if not has_one_each and (points.strip(b" .") or points.count(b" ") != count + 1 or b".." in points):
        return False
    return b"  " not in joined.translate(None, b"0.")
