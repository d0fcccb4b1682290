"""The resolver against a simulated venue that does everything wrong that a venue can, and a process that dies anywhere.

The venue's lists lag and move while they are read, replies get lost, requests arrive late, reads fail, the node fails.
Whatever happens: an order that the venue holds is never taken for rejected, nothing is cancelled that nobody wanted
cancelled, and in the end the journal says what the venue says.
"""

import asyncio
import contextlib
import random
from decimal import Decimal

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from tegro.errors import ChainFailure, NotConnected
from tegro.journal import UNRESOLVED, EntryState, JournalEntry, MemoryJournal
from tegro.model import Order, OrderStatus, Side
from tegro.outcome import Accepted, Rejected, Unknown
from tegro.paging import all_rows
from tegro.resolver import Resolver, ResolverPolicy

START_MS = 1_720_458_258_000
WALLET = "0xf39Fd6e51aad88F6F4ce6aB8827279cffFb92266"
POLICY = ResolverPolicy(settle_secs=10, quiet_secs=2, give_up_secs=30, expiry_margin_secs=60)
LONGEST_LAG_MS = 20_000
CLOCK_SKEW_MS = 10_000
PAGE_ROWS = 20
OLD_ORDERS = 45
FILTERS = {
    "active": lambda order: order.status is OrderStatus.OPEN,
    "matched": lambda order: order.pending > 0,
    "completed": lambda order: order.status is OrderStatus.CLOSED,
    "cancelled": lambda order: order.status is OrderStatus.CANCELLED,
}


class Killed(Exception):
    """The process died."""


class MortalJournal(MemoryJournal):
    """Dies at a write, before or after it is done. What was written stays."""

    def __init__(self, clock_ms):
        super().__init__(clock_ms=clock_ms)
        self.dies_in = None
        self.dies_after_the_write = False

    def record_outcome(self, order_hash, outcome):
        self._write(super().record_outcome, order_hash, outcome)

    def record_ended(self, order_hash):
        self._write(super().record_ended, order_hash)

    def want_cancel(self, order_hash):
        self._write(super().want_cancel, order_hash)

    def _write(self, write, *arguments):
        if self.dies_in is not None:
            self.dies_in -= 1
        dies = self.dies_in is not None and self.dies_in < 0
        if dies and not self.dies_after_the_write:
            raise Killed
        write(*arguments)
        if dies:
            raise Killed


class Venue:
    """Orders, requests that are under way, lists that lag, and the contract. Its clock is not quite ours."""

    def __init__(self, rng):
        self.rng = rng
        self.now_ms = START_MS
        self.skew_ms = rng.randint(-CLOCK_SKEW_MS, CLOCK_SKEW_MS)
        self.orders = {}
        """By hash, newest last."""
        self.visible_from_ms = {}
        self.under_way = {}
        """Requests that have not come in: the order by its hash."""
        self.arrivals = []
        self.remaining = {}
        self.cancels = []
        self.troubled = True
        for number in range(OLD_ORDERS):
            self._hold(self.order_for(f"0xold{number}"))

    def order_for(self, order_hash):
        return Order(
            order_id=f"id-{order_hash}",
            order_hash=order_hash,
            market_id="market",
            side=Side.BUY,
            price=Decimal(3000),
            quantity=Decimal(2),
            filled=Decimal(0),
            pending=Decimal(0),
            average_price=Decimal(0),
            status=OrderStatus.OPEN,
            cancel_code=0,
            cancel_reason="",
            timestamp_ms=self.now_ms,
        )

    def arrive(self, order_hash):
        """Take a request that was under way, unless it has expired; return whether it was taken."""
        expiry_time = self.under_way.pop(order_hash)
        self.arrivals.append(order_hash)
        if expiry_time and (self.now_ms + self.skew_ms) // 1000 >= expiry_time:
            return False
        self._hold(self.order_for(order_hash))
        return True

    def act(self):
        """Do something at random."""
        act = self.rng.choice([self.arrive_late, self.lose, self.match, self.settle, self.cancel_one])
        act()

    def arrive_late(self):
        if self.under_way and self.rng.random() < 0.5:
            self.arrive(self.rng.choice(list(self.under_way)))

    def lose(self):
        if self.under_way and self.rng.random() < 0.1:
            del self.under_way[self.rng.choice(list(self.under_way))]

    def match(self):
        self._change(lambda order: order.status is OrderStatus.OPEN, status=OrderStatus.CLOSED, pending=Decimal(2))

    def settle(self):
        changed = self._change(lambda order: order.pending > 0, pending=Decimal(0), filled=Decimal(2))
        if changed is not None:
            self.remaining[changed] = 1

    def cancel_one(self):
        self._change(lambda order: order.status is OrderStatus.OPEN, status=OrderStatus.CANCELLED)

    def listed(self, statuses):
        """Return a list as the replica has it: newest first, without what it has not seen yet."""
        shown = [order for order in self.orders.values() if self.visible_from_ms[order.order_hash] <= self.now_ms]
        return [order for order in reversed(shown) if not statuses or any(FILTERS[word](order) for word in statuses)]

    # What the resolver is given

    async def read_orders(self, statuses):
        async def page(number):
            if self.troubled:
                if self.rng.random() < 0.05:
                    raise NotConnected("cut")
                if self.rng.random() < 0.1:
                    self.act()  # the pages move while they are read
            rows = self.listed(statuses)[(number - 1) * PAGE_ROWS : number * PAGE_ROWS]
            return rows, len(rows)

        return await all_rows(page, lambda order: order.order_id)

    async def timestamp_secs(self):
        if self.troubled and self.rng.random() < 0.2:
            raise ChainFailure("the node is away")
        return (self.now_ms + self.skew_ms) // 1000

    async def remaining_of(self, order_hash):
        return self.remaining.get(order_hash, 0)

    async def cancel(self, order_id):
        self.cancels.append(order_id)
        order_hash = order_id.removeprefix("id-")
        if self.troubled and self.rng.random() < 0.5:
            raise NotConnected("cut")
        if self.orders[order_hash].status is OrderStatus.OPEN:
            self._replace(order_hash, status=OrderStatus.CANCELLED)

    async def sleep(self, delay_secs):
        end_ms = self.now_ms + int(delay_secs * 1000)
        await asyncio.sleep(0)
        while self.now_ms < end_ms:
            self.now_ms = min(end_ms, self.now_ms + 5_000)
            if self.troubled and self.rng.random() < 0.3:
                self.act()

    # Inside

    def _hold(self, order):
        self.orders[order.order_hash] = order
        lag_ms = self.rng.randint(0, LONGEST_LAG_MS) if self.troubled and self.rng.random() < 0.5 else 0
        self.visible_from_ms[order.order_hash] = self.now_ms + lag_ms

    def _change(self, applies, **changes):
        candidates = [order.order_hash for order in self.orders.values() if applies(order)]
        if not candidates:
            return None
        # Mostly the newest: the others are there to make the pages move.
        chosen = candidates[-1] if self.rng.random() < 0.7 else self.rng.choice(candidates)
        self._replace(chosen, **changes)
        return chosen

    def _replace(self, order_hash, **changes):
        old = self.orders[order_hash]
        values = {name: getattr(old, name) for name in old.__struct_fields__}
        self.orders[order_hash] = Order(**values | changes)


class ChainView:
    def __init__(self, venue):
        self.timestamp_secs = venue.timestamp_secs
        self.remaining = venue.remaining_of


class OrdersUnderFaults(RuleBasedStateMachine):
    @initialize(seed=st.integers(0, 2**32), with_chain=st.booleans())
    def begin(self, seed, with_chain):
        self.loop = asyncio.new_event_loop()
        self.venue = Venue(random.Random(seed))
        self.journal = MortalJournal(lambda: self.venue.now_ms)
        self.with_chain = with_chain
        self.wanted = set()
        self.signed = 0
        self.resolver = self.new_resolver()

    def teardown(self):
        if hasattr(self, "loop"):
            try:
                self.settle_everything()
            finally:
                self.loop.close()

    def new_resolver(self):
        return Resolver(
            self.journal,
            WALLET,
            self.venue,
            chain_id=31337,
            chain=ChainView(self.venue) if self.with_chain else None,
            clock_ms=lambda: self.venue.now_ms,
            sleep=self.venue.sleep,
            rng=random.Random(self.signed),
            policy=POLICY,
            on_cancel_wanted=self.venue.cancel,
        )

    def run(self, work, timeout_secs=20):
        """Run something in the process. If the process dies of it, another one takes over."""

        async def whole():
            async with asyncio.timeout(timeout_secs):
                result = await work
                await asyncio.sleep(0)
                return result

        try:
            return self.loop.run_until_complete(whole())
        except Killed:
            self.restart()
            return None

    def restart(self):
        self.journal.dies_in = None
        others = asyncio.all_tasks(self.loop)

        async def end():
            for task in others:
                task.cancel()
            await asyncio.gather(*others, return_exceptions=True)

        self.loop.run_until_complete(end())
        self.resolver = self.new_resolver()
        self.run(self.resolver.resume())

    def sign(self, expires_in_secs):
        self.signed += 1
        order_hash = f"0x{self.signed}"
        expiry_time = self.venue.now_ms // 1000 + expires_in_secs if expires_in_secs else 0
        self.journal.record_signed(
            JournalEntry(
                order_hash=order_hash,
                maker=WALLET,
                chain_id=31337,
                market_id="market",
                raw_order_data="{}",
                signature="0x",
                side=Side.BUY,
                price=Decimal(3000),
                quantity=Decimal(2),
                signed_at_ms=self.venue.now_ms,
                expiry_time=expiry_time,
            )
        )
        return order_hash, expiry_time

    @rule(
        expires_in_secs=st.sampled_from([0, 0, 30, 120]),
        arrives=st.sampled_from(["at once", "late or never", "never"]),
        answer=st.sampled_from(["accepted", "unknown", "dies before it", "refused"]),
    )
    def place(self, expires_in_secs, arrives, answer):
        order_hash, expiry_time = self.sign(expires_in_secs)
        if answer == "refused":
            self.run(self.record(order_hash, Rejected(order_hash=order_hash, reason="insufficient allowance")))
            return
        if arrives != "never":
            self.venue.under_way[order_hash] = expiry_time
        if arrives == "at once":
            self.venue.arrive(order_hash)
        if answer == "dies before it":
            self.restart()
        elif answer == "accepted" and order_hash in self.venue.orders:
            self.run(self.record_acceptance(order_hash))
        else:
            self.run(self.record(order_hash, Unknown(order_hash=order_hash, cause="timeout")))

    async def record(self, order_hash, outcome):
        self.journal.record_outcome(order_hash, outcome)

    async def record_acceptance(self, order_hash):
        order = self.venue.orders[order_hash]
        outcome = Accepted(order_hash=order_hash, order_id=order.order_id, order=order)
        self.journal.record_outcome(order_hash, outcome)
        self.resolver.observe(order)

    @precondition(lambda self: self.signed)
    @rule(data=st.data())
    def resolve(self, data):
        order_hash = f"0x{data.draw(st.integers(1, self.signed))}"
        resolution = self.run(self.resolver.resolve(order_hash))
        if isinstance(resolution, Accepted):
            assert resolution.order_id == self.venue.orders[order_hash].order_id

    @precondition(lambda self: self.signed)
    @rule(data=st.data())
    def want_cancel(self, data):
        order_hash = f"0x{data.draw(st.integers(1, self.signed))}"
        self.wanted.add(order_hash)

        async def want():
            self.resolver.want_cancel(order_hash)

        self.run(want())

    @rule(data=st.data())
    def see_on_the_stream(self, data):
        order = self.venue.orders[data.draw(st.sampled_from(sorted(self.venue.orders)))]

        async def see():
            self.resolver.observe(order)

        self.run(see())

    @rule(times=st.integers(1, 3))
    def the_venue_acts(self, times):
        for _ in range(times):
            self.venue.act()

    @rule(passes=st.integers(1, 4))
    def watch(self, passes):
        self.run(self.watch_for(passes * 60_000))

    async def watch_for(self, span_ms):
        watching = asyncio.create_task(self.resolver.watch())
        end_ms = self.venue.now_ms + span_ms
        for _ in range(100_000):
            await asyncio.sleep(0)
            if self.venue.now_ms >= end_ms or watching.done():
                break
        watching.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await watching

    @rule(writes=st.integers(0, 3), after=st.booleans())
    def the_process_will_die(self, writes, after):
        self.journal.dies_in, self.journal.dies_after_the_write = writes, after

    @invariant()
    def no_order_is_lost_or_doubled(self):
        if not hasattr(self, "venue"):
            return
        held = self.venue.orders
        for entry in self.journal.entries():
            if entry.state is EntryState.REJECTED:
                assert entry.order_hash not in held, "an order that the venue holds was taken for rejected"
            if entry.state is EntryState.ENDED:
                assert held[entry.order_hash].is_done
            if entry.state is EntryState.ACCEPTED:
                assert entry.order_hash in held
            assert entry.order_id in (None, f"id-{entry.order_hash}")
        assert len(self.venue.arrivals) == len(set(self.venue.arrivals))
        assert {order_id.removeprefix("id-") for order_id in self.venue.cancels} <= self.wanted

    def settle_everything(self):
        """Let the trouble end. Then a restart and some watching must bring the journal to what the venue says."""
        venue = self.venue
        venue.troubled = False
        for order_hash in list(venue.under_way):
            venue.arrive(order_hash)
        venue.now_ms += LONGEST_LAG_MS + 300_000
        self.restart()
        self.run(self.watch_for(900_000))
        self.restart()
        self.no_order_is_lost_or_doubled()
        for entry in self.journal.entries():
            self.compare(entry)

    def compare(self, entry):
        order = self.venue.orders.get(entry.order_hash)
        if order is None:
            expected = {EntryState.REJECTED} if entry.expiry_time else {EntryState.REJECTED, EntryState.ABSENT}
            assert entry.state in expected
        else:
            assert entry.state is (EntryState.ENDED if order.is_done else EntryState.ACCEPTED)
            assert entry.order_id == order.order_id
            assert not (entry.cancel_wanted and order.status is OrderStatus.OPEN), "the cancel was forgotten"
        assert entry.state not in UNRESOLVED - {EntryState.ABSENT}


TestOrdersUnderFaults = OrdersUnderFaults.TestCase
TestOrdersUnderFaults.settings = settings(
    max_examples=60, stateful_step_count=15, deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
