"""One side of a snapshot, left as the text that the venue wrote until a level is looked at: pure.

Making numbers of a whole book costs several times what reading it does, and most of its levels are never looked at. So
a side is first proved right from its text, all of it, and only then left as text. What the proof does not cover need
not be wrong: `tegro.convert` then makes every number at once.
"""

from collections.abc import Sequence
from decimal import Decimal
from operator import gt, lt
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
    joined = " ".join(["", *texts, *quantities, ""]).encode()
    if not _are_positive(joined, 2 * len(levels)):
        return None
    # Where all have their point at the same place, the order of the texts is that of the numbers.
    shape = joined[: len(texts[0]) + 1].translate(_EACH_DIGIT_AS_ZERO)
    is_uniform = joined.translate(_EACH_DIGIT_AS_ZERO).startswith(shape * len(texts) + b" ")
    prices = texts if is_uniform else list(map(Decimal, texts))
    count = len(bids)
    best_bids = _best_first(Side.BUY, prices[:count], quantities[:count])
    best_asks = _best_first(Side.SELL, prices[count:], quantities[count:])
    return None if best_bids is None or best_asks is None else (best_bids, best_asks)


def _best_first(
    side: Side, prices: Sequence[str] | Sequence[Decimal], quantities: Sequence[str]
) -> RestingLevels | None:
    is_better = gt if side is Side.BUY else lt
    if prices and is_better(prices[-1], prices[0]):
        prices, quantities = prices[::-1], quantities[::-1]
    return RestingLevels(side, prices, quantities) if all(map(is_better, prices, prices[1:])) else None


def _are_positive(joined: bytes, count: int) -> bool:
    """Return whether so many texts, with a space before and after each, are plainly numbers above zero."""
    points = joined.translate(None, _DIGITS)
    return (
        not points.strip(b" .")
        and points.count(b" ") == count + 1
        and b".." not in points
        and b"  " not in joined.translate(None, b"0.")
    )
