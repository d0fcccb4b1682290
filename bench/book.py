"""How long it takes to make a usable book of a snapshot's JSON, and to apply a change to it; and where the time goes.

Usable means: every number exact and in range, levels sorted, best prices known, ready for changes. All candidates run
in one process in interleaved rounds; a ratio is the median of the ratios inside each round. Exits with 1 if a target is
missed. The one of 40 microseconds counts as out of reach, not as missed, on a machine where the bare decoder alone,
turning the same bytes into the same exact numbers, takes longer than that.
"""

import argparse
import json
import statistics
import sys
import time
from collections.abc import Callable
from decimal import Decimal
from typing import Any, Final

import msgspec

from tegro import convert, wire
from tegro.events import BookChanged, read_frame
from tegro.model import BookSnapshot
from tegro.order_book import OrderBook

LEVELS: Final = 50
SYMBOL: Final = "WETH_USDC"
MOST_MICROS: Final = 40
MOST_TIMES_THE_BARE_DECODER: Final = 2.0
MOST_MICROS_OF_A_CHANGE: Final = 10

LOADS: Final = "json.loads: numbers stay text"
LITERAL: Final = "msgspec, bare: structs, numbers stay text"
EXACT: Final = "msgspec, bare: structs with exact decimals"
BOOK: Final = "tegro: a usable book"
DECIMALS: Final = "piece: Decimal(text) of the 200 numbers"
CHECKED: Final = "piece: check and sort what was decoded"
APPLIED: Final = "piece: put the sorted snapshot into a new book"
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
LITERAL_DECODER: Final = msgspec.json.Decoder(wire.DepthSnapshot)
EXACT_DECODER: Final = msgspec.json.Decoder(convert.DepthReading)
EXACT_READING: Final = EXACT_DECODER.decode(BODY)
TEXTS: Final = [text for side in ("bids", "asks") for row in json.loads(BODY)[side] for text in row.values()]
FRAMES: Final = [diff_frame(10**6 * number) for number in range(1, 9)]


def read_snapshot() -> BookSnapshot:
    """Read the snapshot as `RestClient.book` does."""
    return convert.snapshot_of(wire.decode(BODY, convert.DepthReading), SYMBOL)


SNAPSHOT: Final = read_snapshot()
CHANGES: Final = [event.change for frame in FRAMES for event in read_frame(frame) if isinstance(event, BookChanged)]
LIVE: Final = OrderBook(SYMBOL)


def make_book() -> OrderBook:
    """Do what a client does with the body of a snapshot."""
    book = OrderBook(SYMBOL)
    book.apply_snapshot(read_snapshot())
    return book


def put_into_book() -> None:
    """Make a book of a snapshot that is decoded."""
    OrderBook(SYMBOL).apply_snapshot(SNAPSHOT)


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


# Each with how many of the thing a call does.
CANDIDATES: Final[dict[str, tuple[Callable[[], Any], int]]] = {
    LOADS: (lambda: json.loads(BODY), 1),
    LITERAL: (lambda: LITERAL_DECODER.decode(BODY), 1),
    EXACT: (lambda: EXACT_DECODER.decode(BODY), 1),
    BOOK: (make_book, 1),
    DECIMALS: (lambda: list(map(Decimal, TEXTS)), 1),
    CHECKED: (lambda: convert.snapshot_of(EXACT_READING, SYMBOL), 1),
    APPLIED: (put_into_book, 1),
    CHANGE: (apply_changes, len(CHANGES)),
    FRAME: (apply_frames, len(FRAMES)),
}


def measure(rounds: int, count: int) -> dict[str, list[float]]:
    """Return, for each candidate, the microseconds that one of it took in each round."""
    micros: dict[str, list[float]] = {name: [] for name in CANDIDATES}
    for _ in range(rounds):
        for name, (call, times) in CANDIDATES.items():
            start_ns = time.perf_counter_ns()
            for _ in range(count):
                call()
            micros[name].append((time.perf_counter_ns() - start_ns) / count / times / 1000)
    return micros


def ratio(above: list[float], below: list[float]) -> float:
    """Return the median over the rounds of one candidate's time divided by another's."""
    return statistics.median(a / b for a, b in zip(above, below, strict=True))


def check_book() -> None:
    """End the run if the book is not what plain Python makes of the same bytes."""
    plain, book = json.loads(BODY), make_book()
    for side, levels in (("bids", book.bids()), ("asks", book.asks())):
        expected = sorted((Decimal(row["price"]), Decimal(row["quantity"])) for row in plain[side])
        if sorted((each.price, each.quantity) for each in levels) != expected:
            sys.exit(f"the book's {side} are not those of the snapshot")


def verdict(micros: dict[str, list[float]]) -> bool:
    """Print what came of each target; return whether none was missed."""
    floor, book = statistics.median(micros[EXACT]), statistics.median(micros[BOOK])
    change, times = statistics.median(micros[CHANGE]), ratio(micros[BOOK], micros[EXACT])
    is_out_of_reach = book > MOST_MICROS < floor
    reached = "met" if book <= MOST_MICROS else "OUT OF REACH" if is_out_of_reach else "MISSED"
    print(
        f"{reached}: a usable book in {book:.0f} us (target {MOST_MICROS}); "
        f"decoding the same bytes into exact numbers, and nothing else, takes {floor:.0f} us here"
    )
    is_near = times <= MOST_TIMES_THE_BARE_DECODER
    print(
        f"{'met' if is_near else 'MISSED'}: that is {times:.2f} times the bare decoder "
        f"(target {MOST_TIMES_THE_BARE_DECODER})"
    )
    is_quick = change <= MOST_MICROS_OF_A_CHANGE
    print(
        f"{'met' if is_quick else 'MISSED'}: a change is applied in {change:.1f} us (target {MOST_MICROS_OF_A_CHANGE})"
    )
    return (book <= MOST_MICROS or is_out_of_reach) and is_near and is_quick


def main() -> int:
    """Measure, print, and return the exit status."""
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--rounds", type=int, default=100)
    arguments.add_argument("--count", type=int, default=50, help="runs of each candidate in a round")
    options = arguments.parse_args()
    check_book()
    LIVE.apply_snapshot(SNAPSHOT)
    measure(3, options.count)  # fill caches before it counts
    micros = measure(options.rounds, options.count)
    print(f"snapshot of 2 x {LEVELS} levels, {len(BODY)} bytes")
    print(f"{'median us':>10}  {'x bare':>7}  {'x json':>7}  candidate")
    for name, values in micros.items():
        to_bare, to_json = ratio(values, micros[EXACT]), ratio(values, micros[LOADS])
        print(f"{statistics.median(values):>10.1f}  {to_bare:>7.2f}  {to_json:>7.2f}  {name}")
    return 0 if verdict(micros) else 1


if __name__ == "__main__":
    sys.exit(main())
