"""Numbers of the dialect: plain decimal notation, read exactly."""

import numbers
import re
from collections.abc import Sequence
from decimal import Decimal
from itertools import chain
from typing import TYPE_CHECKING, Any, Final

_PLAIN: Final = re.compile(r"-?[0-9]{1,40}(?:\.[0-9]{1,40})?")
_PLAIN_ONES: Final = re.compile(rf"(?:{_PLAIN.pattern},)*")
_SHOWN: Final = 80
_SAFE_DIGITS: Final = 15

if TYPE_CHECKING:
    type Number = Decimal
else:
    # Left to itself, msgspec takes whatever `Decimal` does: NaN, which ends every comparison with an error, powers of
    # ten that fill the memory once they are whole numbers, underscores. It asks `read_number` about a type that it does
    # not know, and that the result is an instance of it; every decimal is one of this type.
    Number = numbers.Number


def read_number(_: type[Any], value: object) -> Decimal:
    """Return the number that a value of JSON is, for msgspec's `dec_hook`.

    The dialect writes numbers as texts. One without quotes has been through binary floating point when it comes here,
    which keeps `_SAFE_DIGITS`.

    Raises
    ------
    ValueError
        If it is no number in plain notation with at most 40 digits on each side of the point, or had no quotes and is
        longer than is safe.
    """
    text = value if isinstance(value, str) else repr(value)
    if not _PLAIN.fullmatch(text) or (text is not value and sum(map(str.isdigit, text)) > _SAFE_DIGITS):
        raise ValueError(f"expected a decimal number, was {text[:_SHOWN]!r}")
    return Decimal(text)


def require_levels(levels: Sequence[tuple[str, str]]) -> None:
    """Raise ValueError unless each price and quantity of a book's side is what `read_number` takes as text.

    All at once: asked about one number after the other, msgspec takes half as long again for a change of a book.
    """
    texts = list(chain.from_iterable(levels))
    joined = ",".join([*texts, ""])
    if joined.count(",") == len(texts) and _PLAIN_ONES.fullmatch(joined):
        return
    for text in texts:
        read_number(Decimal, text)
