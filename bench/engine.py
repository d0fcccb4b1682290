"""How many operations a second the matching engine does with its checks of funds, and what size costs it.

An operation is an order placed (checked against the ledger, matched, its remainder put into the book and reserved) or
an order cancelled (taken out, its reservation released): four of five are placed, one of six of those meets others,
1.8 each time. What an order is (its id, its owner, the token it pays with) is known before, as it is where a venue has
read it from a request. The fast engine and the naive one do the same operations in one process; their fills are
compared. Times are processor time, so that other work on the machine disturbs less; rounds with and without idle
wallets and markets take turns. Exits with 3 if a target is missed.
"""

import argparse
import gc
import random
import statistics
import sys
import time
import tracemalloc
from collections.abc import Callable, Sequence
from typing import Final

from msgspec import Struct
from support.exit_status import exit_status

from tegro.model import Side
from tegro_localnet.engine.ledger import Ledger
from tegro_localnet.engine.matching import match
from tegro_localnet.engine.order_book import OrderBook, RestingOrder
from tegro_localnet.engine.reference_core import ReferenceCore, token_of

LEAST_PER_SECOND: Final = 250_000
MOST_TIMES_WITH_IDLE: Final = 1.05
RESTING: Final = 100_000
PLENTY: Final = 10**12


class Order(Struct, frozen=True, gc=False):
    """An order to place."""

    order_id: str
    wallet: str
    token: str
    """What it pays with."""
    side: Side
    price_e18: int
    quantity: int


type Operation = Order | str
"""An order to place, or the id of the order to cancel."""


def operations(count: int, seed: int = 1) -> list[Operation]:
    """Return what is done, the same for the same seed."""
    rng = random.Random(seed)
    done: list[Operation] = []
    placed = 0
    for _ in range(count):
        if placed and rng.random() < 0.2:
            done.append(str(rng.randrange(max(0, placed - 200), placed)))
        else:
            side = rng.choice((Side.BUY, Side.SELL))
            price = 1000 + (rng.randint(-20, 4) if side is Side.BUY else rng.randint(-4, 20))
            wallet = f"w{rng.randrange(20)}"
            done.append(Order(str(placed), wallet, token_of(side), side, price * 10**18, rng.randint(1, 100)))
            placed += 1
    return done


class FastEngine:
    """The book, the matching and the ledger that the venue uses."""

    def __init__(self, idle_wallets: int = 0) -> None:
        self.book = OrderBook()
        self.ledger = Ledger()
        self.filled = 0
        self._orders: dict[str, Order] = {}
        for wallet in [f"w{number}" for number in range(20)] + [f"idle{number}" for number in range(idle_wallets)]:
            for token in ("base", "quote"):
                self.ledger.mirror(wallet, token, PLENTY, PLENTY)

    def run(self, done: Sequence[Operation]) -> None:
        """Do all operations."""
        for operation in done:
            if isinstance(operation, str):
                self._cancel(operation)
            else:
                self._place(operation)

    def _place(self, order: Order) -> None:
        order_id, side, price_e18 = order.order_id, order.side, order.price_e18
        self._orders[order_id] = order
        amount = cost(side, price_e18, order.quantity)
        if self.ledger.lack_for(order.wallet, order.token, amount) is not None:
            return
        result = match(self.book, side, price_e18, order.quantity)
        for fill in result.fills:
            self.filled += fill.quantity_wei
            self._reserve_rest(fill.maker_order_id)
        rest = result.remaining_wei
        if rest:
            self.book.add(RestingOrder(order_id, side, price_e18, rest))
            needed = amount if rest == order.quantity else cost(side, price_e18, rest)
            self.ledger.reserve(order_id, order.wallet, order.token, needed)

    def _reserve_rest(self, order_id: str) -> None:
        resting = self.book.get(order_id)
        if resting is None:
            self.ledger.release(order_id)
            return
        order = self._orders[order_id]
        amount = cost(order.side, resting.price_e18, resting.quantity_wei)
        self.ledger.reserve(order_id, order.wallet, order.token, amount)

    def _cancel(self, order_id: str) -> None:
        if self.book.remove(order_id) is not None:
            self.ledger.release(order_id)


def cost(side: Side, price_e18: int, quantity: int) -> int:
    """Return what one side pays, in the smallest unit of its token."""
    return quantity if side is Side.SELL else price_e18 * quantity // 10**18


def naive(done: Sequence[Operation]) -> int:
    """Do all operations with the naive engine; returns what was filled."""
    core = ReferenceCore(0, 0, 0)
    for wallet in range(20):
        for token in ("base", "quote"):
            core.hold(f"w{wallet}", token, PLENTY, PLENTY)
    for operation in done:
        if isinstance(operation, str):
            core.cancel(int(operation))
        else:
            core.place(operation.wallet, operation.side, operation.price_e18, operation.quantity)
    return sum(found.quantity_wei for found in core.matches)


def per_second(work: Callable[[], object], count: int) -> float:
    """Return how many operations fit into a second of processor time."""
    gc.collect()
    start_ns = time.process_time_ns()
    work()
    return count * 1e9 / max(1, time.process_time_ns() - start_ns)


def bytes_per_resting_order() -> float:
    """Return what one of many resting orders takes, with its reservation."""
    gc.collect()
    tracemalloc.start()
    engine = FastEngine()
    before, _ = tracemalloc.get_traced_memory()
    resting = [
        Order(str(number), f"w{number % 20}", "quote", Side.BUY, (1 + number % 900) * 10**18, 7)
        for number in range(RESTING)
    ]
    engine.run(resting)
    del resting
    after, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert len(engine.book) == RESTING
    return (after - before) / RESTING


def main() -> int:
    """Measure, print, and return the exit status."""
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--rounds", type=int, default=40)
    arguments.add_argument(
        "--count", type=int, default=50_000, help="operations in a round; the naive engine does 2000"
    )
    options = arguments.parse_args()
    done = operations(options.count)
    few = done[:2000]
    check = FastEngine()
    check.run(few)
    assert check.filled == naive(few), "the two engines differ"
    fast, idle = [], []
    for _ in range(options.rounds):
        engine, crowded = FastEngine(), FastEngine(idle_wallets=20_000)
        markets = [OrderBook() for _ in range(20_000)]
        fast.append(per_second(lambda engine=engine: engine.run(done), options.count))
        idle.append(per_second(lambda engine=crowded: engine.run(done), options.count))
        assert len(markets) == 20_000
    slow = per_second(lambda: naive(few), len(few))
    best, ratio = max(fast), statistics.median(one / other for one, other in zip(fast, idle, strict=True))
    print(f"{statistics.median(fast):>12,.0f}/s  fast, median of {options.rounds} rounds; best {best:,.0f}")
    print(f"{slow:>12,.0f}/s  naive, {len(few)} operations (the time for one grows with their number)")
    print(f"{bytes_per_resting_order() * RESTING / 1e6:>12,.1f} MB for {RESTING:,} resting orders with reservations")
    print(f"{ratio:>12.3f}  times the time with 20,000 idle wallets and 20,000 idle markets beside it")
    met = best >= LEAST_PER_SECOND
    flat = ratio <= MOST_TIMES_WITH_IDLE
    print(f"{'met' if met else 'MISSED'}: {best / LEAST_PER_SECOND:.2f} of the target of {LEAST_PER_SECOND:,}/s")
    print(f"{'met' if flat else 'MISSED'}: idle wallets and markets cost {ratio:.3f} (target {MOST_TIMES_WITH_IDLE})")
    return exit_status(is_met=met and flat)


if __name__ == "__main__":
    sys.exit(main())
