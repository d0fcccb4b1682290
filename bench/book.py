"""How long it takes to make a usable book of a snapshot's JSON, and to apply a change to it; and where the time goes.

Usable means: the bytes were decoded, every number was proved to be in range and above zero, the levels are in order,
and the best bid and ask and the first 5 levels of each side were read as exact decimals. All candidates run in one
process in interleaved rounds; a ratio is the median of the ratios inside each round. A target is held against the
quietest stretch of the run, the least of the medians of every ten rounds. Exits with 3 if a target is missed.
"""

import argparse
import json
import re
import statistics
import sys
import time
from collections.abc import Callable
from decimal import Decimal
from typing import Any, Final

import msgspec
from support.exit_status import exit_status

from tegro import convert
from tegro.events import BookChanged, read_frame
from tegro.model import BookLevel, BookSnapshot
from tegro.order_book import OrderBook
from tegro.resting_levels import resting_levels

LEVELS: Final = 50
LOOKED_AT: Final = 5
SYMBOL: Final = "WETH_USDC"
MOST_MICROS: Final = 40
MOST_TIMES_EXACT: Final = 1.0
MOST_MICROS_OF_A_CHANGE: Final = 10
STRETCH: Final = 10

LOADS: Final = "json.loads: numbers stay text"
TEXT: Final = "msgspec, bare: structs, numbers stay text"
EXACT: Final = "msgspec, bare: structs with exact decimals"
BOOK: Final = "tegro: a usable book"
UNEVEN: Final = "tegro: the same, prices written without trailing zeros"
BARE: Final = "tegro: the same, numbers without quotes"
PROVED: Final = "piece: prove the text right and in order"
APPLIED: Final = "piece: put the snapshot into a new book"
LOOKED: Final = "piece: read the first levels as decimals"
TOUCHED: Final = "piece: the first change, all levels become decimals"
CHANGE: Final = "tegro: apply a decoded change of two levels"
FRAME: Final = "tegro: the same from the frame's text"


def level(price: int, quantity: int) -> dict[str, str]:
    """Return a level as the venue writes it (protocol 4.4): cents of a price, millionths of a quantity."""
    return {"price": f"{price // 100}.{price % 100:02}", "quantity": f"{quantity // 10**6}.{quantity % 10**6:06}"}


def snapshot_body() -> bytes:
    """Return a snapshot of 2 x 50 levels, both sides from high to low."""
    bids = [level(349_000 - 50 * step, 1_250_000 + 13_577 * step) for step in range(LEVELS)]
    asks = [level(349_050 + 50 * step, 2_410_000 + 7_919 * step) for step in reversed(range(LEVELS))]
    return json.dumps({"timestamp": 1718543004, "bids": bids, "asks": asks}, separators=(",", ":")).encode()


def diff_frame(quantity: int) -> bytes:
    """Return a frame that changes one level of each side."""
    data = {
        "timestamp": 1718543005,
        "symbol": SYMBOL,
        "bids": [level(348_000, quantity)],
        "asks": [level(350_050, quantity)],
    }
    return json.dumps({"action": "order_book_diff", "data": data}, separators=(",", ":")).encode()


BODY: Final = snapshot_body()
UNEVEN_BODY: Final = re.sub(rb'\.?0+"', b'"', BODY)
BARE_BODY: Final = re.sub(rb'"([0-9.]+)"', rb"\1", BODY)
TEXT_DECODER: Final = msgspec.json.Decoder(convert.DepthText)
EXACT_DECODER: Final = msgspec.json.Decoder(convert.DepthReading)
TEXT_READING: Final = TEXT_DECODER.decode(BODY)
FRAMES: Final = [diff_frame(10**6 * number) for number in range(1, 9)]
CHANGES: Final = [event.change for frame in FRAMES for event in read_frame(frame) if isinstance(event, BookChanged)]
LIVE: Final = OrderBook(SYMBOL)


def read_snapshot(body: bytes) -> BookSnapshot:
    """Read the snapshot as `RestClient.book` does."""
    return convert.read_snapshot(body, SYMBOL)


def put_into_book(snapshot: BookSnapshot) -> OrderBook:
    """Make a book of a snapshot that was read."""
    book = OrderBook(SYMBOL)
    book.apply_snapshot(snapshot)
    return book


def look_at(book: OrderBook) -> tuple[list[BookLevel], list[BookLevel], BookLevel | None, BookLevel | None]:
    """Return the first levels and the best ones, their numbers exact."""
    return book.bids(LOOKED_AT), book.asks(LOOKED_AT), book.best_bid, book.best_ask


def make_book(body: bytes) -> OrderBook:
    """Do what a client does with the body of a snapshot, until it can trade on it."""
    book = put_into_book(read_snapshot(body))
    look_at(book)
    return book


def apply_changes() -> None:
    """Apply eight changes."""
    for change in CHANGES:
        LIVE.apply_change(change)


def apply_frames() -> None:
    """Read and apply eight frames."""
    for frame in FRAMES:
        for event in read_frame(frame):
            if isinstance(event, BookChanged):
                LIVE.apply_change(event.change)


# Each with how many of the thing a call does, and what makes the argument of each call, which is not timed.
CANDIDATES: Final[dict[str, tuple[Callable[[Any], Any], int, Callable[[], Any]]]] = {
    LOADS: (json.loads, 1, lambda: BODY),
    TEXT: (TEXT_DECODER.decode, 1, lambda: BODY),
    EXACT: (EXACT_DECODER.decode, 1, lambda: BODY),
    BOOK: (make_book, 1, lambda: BODY),
    UNEVEN: (make_book, 1, lambda: UNEVEN_BODY),
    BARE: (make_book, 1, lambda: BARE_BODY),
    PROVED: (lambda depth: resting_levels(depth.bids, depth.asks), 1, lambda: TEXT_READING),
    APPLIED: (put_into_book, 1, lambda: read_snapshot(BODY)),
    LOOKED: (look_at, 1, lambda: put_into_book(read_snapshot(BODY))),
    TOUCHED: (lambda book: book.apply_change(CHANGES[0]), 1, lambda: put_into_book(read_snapshot(BODY))),
    CHANGE: (lambda _: apply_changes(), len(CHANGES), lambda: None),
    FRAME: (lambda _: apply_frames(), len(FRAMES), lambda: None),
}


def measure(rounds: int, count: int) -> dict[str, list[float]]:
    """Return, for each candidate, the microseconds that one of it took in each round."""
    micros: dict[str, list[float]] = {name: [] for name in CANDIDATES}
    for _ in range(rounds):
        for name, (call, times, make_argument) in CANDIDATES.items():
            arguments = [make_argument() for _ in range(count)]
            start_ns = time.perf_counter_ns()
            for argument in arguments:
                call(argument)
            micros[name].append((time.perf_counter_ns() - start_ns) / count / times / 1000)
    return micros


def quietest(values: list[float]) -> float:
    """Return the least of the medians of each stretch of rounds: what it takes when nothing else runs."""
    return min(statistics.median(values[start : start + STRETCH]) for start in range(0, len(values), STRETCH))


def ratio(above: list[float], below: list[float]) -> float:
    """Return the median over the rounds of one candidate's time divided by another's."""
    return statistics.median(a / b for a, b in zip(above, below, strict=True))


def check_books() -> None:
    """End the run if a book is not what plain Python makes of the same bytes."""
    plain = json.loads(BODY)
    for body in (BODY, UNEVEN_BODY, BARE_BODY):
        book = make_book(body)
        for side, levels in (("bids", book.bids()), ("asks", book.asks())):
            expected = sorted((Decimal(row["price"]), Decimal(row["quantity"])) for row in plain[side])
            if sorted((each.price, each.quantity) for each in levels) != expected:
                sys.exit(f"the book's {side} are not those of the snapshot")


def verdict(micros: dict[str, list[float]]) -> bool:
    """Print what came of each target; return whether none was missed."""
    book, change = quietest(micros[BOOK]), quietest(micros[CHANGE])
    times = ratio(micros[BOOK], micros[EXACT])
    targets = (
        (book <= MOST_MICROS, f"a usable book in {book:.1f} us (target {MOST_MICROS})"),
        (times <= MOST_TIMES_EXACT, f"that is {times:.2f} times a decode into decimals (target {MOST_TIMES_EXACT})"),
        (change <= MOST_MICROS_OF_A_CHANGE, f"a change in {change:.1f} us (target {MOST_MICROS_OF_A_CHANGE})"),
    )
    for is_met, sentence in targets:
        print(f"{'met' if is_met else 'MISSED'}: {sentence}")
    return all(is_met for is_met, _ in targets)


def main() -> int:
    """Measure, print, and return the exit status."""
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--rounds", type=int, default=100)
    arguments.add_argument("--count", type=int, default=50, help="runs of each candidate in a round")
    options = arguments.parse_args()
    check_books()
    LIVE.apply_snapshot(read_snapshot(BODY))
    measure(3, options.count)  # fill caches before it counts
    micros = measure(options.rounds, options.count)
    print(f"snapshot of 2 x {LEVELS} levels, {len(BODY)} bytes")
    print(f"{'quiet us':>9}  {'median us':>9}  {'x text':>7}  {'x json':>7}  candidate")
    for name, values in micros.items():
        to_text, to_json = ratio(values, micros[TEXT]), ratio(values, micros[LOADS])
        median = statistics.median(values)
        print(f"{quietest(values):>9.1f}  {median:>9.1f}  {to_text:>7.2f}  {to_json:>7.2f}  {name}")
    return exit_status(is_met=verdict(micros))


if __name__ == "__main__":
    sys.exit(main())
