"""A venue's lists, a chain and a clock for tests of the resolver, all without real time."""

import asyncio
from collections import deque
from decimal import Decimal

import pytest

from tegro.journal import JournalEntry
from tegro.model import Order, OrderStatus, Side
from tegro.outcome import Unknown
from tegro.resolver import STATUS_FILTERS, ResolverPolicy

START_MS = 1_720_458_258_000
WALLET = "0xf39Fd6e51aad88F6F4ce6aB8827279cffFb92266"
CHAIN_ID = 31337
HASH, OTHER = "0x" + "aa" * 32, "0x" + "bb" * 32
POLICY = ResolverPolicy(settle_secs=10, quiet_secs=2, give_up_secs=60, expiry_margin_secs=30)


def entry(order_hash=HASH, **changes):
    fields = {
        "order_hash": order_hash,
        "maker": WALLET,
        "chain_id": CHAIN_ID,
        "market_id": "market",
        "raw_order_data": "{}",
        "signature": "0x00",
        "side": Side.SELL,
        "price": Decimal(3000),
        "quantity": Decimal(2),
        "signed_at_ms": START_MS,
    }
    return JournalEntry(**fields | changes)


def order(order_hash=HASH, **changes):
    fields = {
        "order_id": f"id-{order_hash[2:6]}",
        "order_hash": order_hash,
        "market_id": "market",
        "side": Side.SELL,
        "price": Decimal(3000),
        "quantity": Decimal(2),
        "filled": Decimal(0),
        "pending": Decimal(0),
        "average_price": Decimal(0),
        "status": OrderStatus.OPEN,
        "cancel_code": 0,
        "cancel_reason": "",
        "timestamp_ms": START_MS,
    }
    return Order(**fields | changes)


DONE = {"status": OrderStatus.CLOSED, "filled": Decimal(2)}


class World:
    """A venue's lists, a chain and a clock that moves only while somebody sleeps."""

    def __init__(self):
        self.now_ms = START_MS
        self.slept = []
        self.lists = {statuses: [] for statuses in STATUS_FILTERS}
        self.reads = []
        self.read_failures = deque()
        """Taken one by one by the reads of single lists; None lets a read succeed."""
        self.at = []
        """(time, what happens then)"""
        self.remaining_of = {}
        self.chain_lag_secs = 0
        self.chain_failures = deque()
        self.gate = None

    async def sleep(self, delay_secs):
        self.slept.append(delay_secs)
        assert len(self.slept) < 500, "waits without an end"
        wake_ms = self.now_ms + int(delay_secs * 1000)
        await asyncio.sleep(0)  # others fall asleep at the same time
        self.now_ms = max(self.now_ms, wake_ms)
        for due in [event for event in self.at if event[0] <= self.now_ms]:
            self.at.remove(due)
            due[1]()

    def after(self, delay_secs, what):
        self.at.append((self.now_ms + delay_secs * 1000, what))

    def show(self, shown, *filters):
        for statuses in filters or (("active",), ()):
            self.lists[statuses].append(shown)

    async def read_orders(self, statuses):
        self.reads.append(tuple(statuses))
        if self.gate is not None:
            await self.gate.wait()
        failure = self.read_failures.popleft() if self.read_failures else None
        if failure is not None:
            raise failure
        return list(self.lists[tuple(statuses)])

    async def timestamp_secs(self):
        if self.chain_failures:
            raise self.chain_failures.popleft()
        return self.now_ms // 1000 - self.chain_lag_secs

    async def remaining(self, order_hash):
        return self.remaining_of.get(order_hash, 0)


def unknown(journal, order_hash=HASH, **changes):
    journal.record_signed(entry(order_hash, **changes))
    journal.record_outcome(order_hash, Unknown(order_hash=order_hash, cause="timeout"))


async def until(condition):
    """Let other tasks run until something holds. Nothing here waits for real time."""
    for _ in range(10_000):
        if condition():
            return
        await asyncio.sleep(0)
    pytest.fail("it never came to that")


async def run_watch(resolver, sleeps, world):
    """Let `watch` run until it has slept so often."""
    already = len(world.slept)
    task = asyncio.create_task(resolver.watch())
    await until(lambda: len(world.slept) >= already + sleeps or task.done())
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
