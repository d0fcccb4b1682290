"""Orders against a venue that fails in every way it can, and against a process that dies: none lost, none doubled.

Each run is one seed. It places, cancels, loses replies, is refused, is held up, dies and starts again; then the trouble
ends, and the journal must say of every order what the venue says. The venue is asked for its own records, not through
the client. Its clock and the client's are one that moves only while the client waits.
"""

import asyncio
import heapq
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from contextlib import asynccontextmanager
from decimal import Decimal
from pathlib import Path

import aiohttp
import pytest

from tegro.backoff import Backoff
from tegro.client import AsyncTegro
from tegro.errors import TegroError
from tegro.journal import EntryState, SqliteJournal
from tegro.model import OrderRequest, OrderStatus, Side
from tegro.outcome import Absent, Accepted, Rejected, Unknown
from tegro.resolver import ResolverPolicy
from tegro.settings import Settings
from tegro.signer import LocalSigner
from tegro_localnet.background import BackgroundLocalnet
from tegro_localnet.config import LocalnetConfig
from tegro_localnet.faults import Fault, FaultKind

POLICY = ResolverPolicy(
    settle_secs=2,
    quiet_secs=0.5,
    give_up_secs=8,
    expiry_margin_secs=5,
    retry=Backoff(first_secs=0.5, cap_secs=2),
    watch=Backoff(first_secs=2, cap_secs=8),
)
PLACE, CANCEL, LIST = "*/orders/place", "*/orders/cancel", "*/orders/user/*"
PATIENCE_SECS = 0.1
"""How long a client waits for the answer to a write. Any length is right: a later answer is one that is lost."""
DEADLINE_SECS = 30
WALLETS = 20
ORDERS_PER_RUN = 4
START_SECS = 1_800_000_000

WRITE_TROUBLES = (
    FaultKind.DROP_REQUEST,
    FaultKind.DROP_REPLY,
    FaultKind.STATUS,
    FaultKind.HOLD,
    FaultKind.DELAY,
)


class Clock:
    """A clock that moves only when everybody waits for it. Of many waits the shortest ends first."""

    def __init__(self):
        self.now_ms = START_SECS * 1000
        self._sleepers = []
        self._count = 0

    def __call__(self):
        return self.now_ms

    async def sleep(self, delay_secs):
        self._count += 1
        woken = asyncio.get_running_loop().create_future()
        heapq.heappush(self._sleepers, (self.now_ms + int(delay_secs * 1000), self._count, woken))
        await woken

    async def drive(self, work, wire):
        """Do some work; whenever it waits for this clock and for no answer, move the clock on."""
        task = asyncio.ensure_future(work)
        async with asyncio.timeout(DEADLINE_SECS):
            while not task.done():
                await asyncio.wait([task], timeout=0.001)
                if not wire.requests_under_way:
                    self._wake_next()
        return await task

    def forget(self):
        """Leave out those who sleep in a process that died."""
        self._sleepers.clear()

    def _wake_next(self):
        while self._sleepers:
            wake_ms, _, woken = heapq.heappop(self._sleepers)
            if not woken.done():
                self.now_ms = max(self.now_ms, wake_ms)
                woken.set_result(None)
                return


class Wire:
    """A client's session that counts what is under way, and gives up early on writes."""

    def __init__(self, session):
        self._session = session
        self.closed = False
        self.requests_under_way = 0

    @asynccontextmanager
    async def request(self, method, url, **options):
        if method == "POST":
            options["timeout"] = aiohttp.ClientTimeout(total=PATIENCE_SECS)
        self.requests_under_way += 1
        try:
            async with self._session.request(method, url, **options) as response:
                yield response
        finally:
            self.requests_under_way -= 1


@pytest.fixture(scope="module")
def clock():
    return Clock()


@pytest.fixture(scope="module")
def localnet(clock):
    config = LocalnetConfig(port=0, rpc_port=0, agents=False, settlement_interval_ms=20, seed=1)
    with BackgroundLocalnet(config, clock_ms=clock) as running:
        yield running


@pytest.fixture(scope="module")
def wallets(localnet):
    """Some wallets with funds; each run takes one, and finds the orders of earlier runs in its lists."""
    funds = {"WETH": Decimal(1000), "USDC": Decimal(1_000_000)}
    return [localnet.new_wallet(funds) for _ in range(WALLETS)]


@pytest.fixture(scope="module")
def journals(tmp_path_factory):
    """The folder of the journals, one for each wallet."""
    return tmp_path_factory.mktemp("journals")


def environment_of(localnet, *, with_chain):
    variables = {"TEGRO_LOCALNET_REST_URL": localnet.rest_url}
    variables["TEGRO_LOCALNET_RPC_URL"] = localnet.rpc_url if with_chain else ""
    return Settings.load(None, variables).environment("localnet")


def records_of(localnet, address):
    """Return the venue's own records of a wallet's orders, by hash as the client writes it."""

    async def read():
        # The clock may have passed an expiry a moment ago; the venue looks for that from time to time only.
        localnet.localnet.venue.end_expired()
        return {
            f"0x{record.order_hash}": (record.order_id, record.status, record.pending_wei)
            for record in localnet.localnet.venue.orders.of_wallet(address)
        }

    return localnet.call(read())


async def until(condition, what):
    """Wait for something that other threads bring about."""
    deadline = time.monotonic() + DEADLINE_SECS
    while not condition():
        if time.monotonic() > deadline:
            pytest.fail(f"{what}: not within {DEADLINE_SECS} s")
        await asyncio.sleep(0.002)


def compare(localnet, wallet, journal):
    """Hold the journal against the venue's records."""
    records = records_of(localnet, wallet.address)
    entries = {entry.order_hash: entry for entry in journal.entries(maker=wallet.address)}
    assert records.keys() <= entries.keys(), "the venue has an order that nobody wrote down"
    for order_hash, entry in entries.items():
        if order_hash in records:
            order_id, status, pending_wei = records[order_hash]
            is_done = status is not OrderStatus.OPEN and pending_wei == 0
            assert entry.state is (EntryState.ENDED if is_done else EntryState.ACCEPTED), f"{entry} is {status}"
            assert entry.order_id == order_id
            assert not (entry.cancel_wanted and status is OrderStatus.OPEN), f"the cancel of {entry} was forgotten"
        else:
            assert entry.state in (EntryState.REJECTED, EntryState.ABSENT), f"{entry} is not at the venue"
            assert entry.order_id is None


class Run:
    """One seeded run of one wallet."""

    def __init__(self, localnet, clock, wallet, journal_path, seed):
        self.localnet = localnet
        self.clock = clock
        self.wallet = wallet
        self.journal_path = journal_path
        self.rng = random.Random(seed)
        with_chain = self.rng.random() < 0.3
        self.environment = environment_of(localnet, with_chain=with_chain)
        # Without a chain, lists that hide an order for longer than any margin hide also that it executed in time.
        self.may_hide = self.rng.random() < 0.5
        self.may_expire = with_chain or not self.may_hide
        self.told = []
        """What was said of the fate of orders, by answers and by the resolver."""
        self.found_out = []
        """What the resolver alone said, with the state that it came from."""
        self.sessions = []

    async def whole(self):
        try:
            self.open()
            for _ in range(ORDERS_PER_RUN):
                await self.place_one()
                await self.rng.choice([self.nothing, self.nothing, self.cancel_one, self.resolve_one, self.restart])()
            await self.end_the_trouble()
        finally:
            self.clear_faults()
            await self.close()
            for session in self.sessions:
                await session.close()

    def open(self):
        session = aiohttp.ClientSession()
        self.sessions.append(session)
        self.wire = Wire(session)
        self.journal = SqliteJournal(self.journal_path, clock_ms=self.clock)
        self.client = AsyncTegro(
            self.environment,
            signer=LocalSigner(self.wallet.key),
            journal=self.journal,
            session=self.wire,
            on_resolved=self.on_resolved,
            policy=POLICY,
            clock_ms=self.clock,
            sleep=self.clock.sleep,
            rng=random.Random(self.rng.random()),
        )

    def on_resolved(self, before, resolution):
        self.told.append(resolution)
        self.found_out.append((before.state, type(resolution)))

    async def close(self):
        await self.client.aclose()
        self.journal.close()
        self.clock.forget()

    async def restart(self):
        await self.close()
        self.open()
        if self.rng.random() < 0.5:
            await self.drive(self.client.resume())

    async def drive(self, work):
        return await self.clock.drive(work, self.wire)

    def fault(self, kind, path=None, **options):
        return self.localnet.faults.add(Fault(kind=kind, path=path, wallet=self.wallet.address, **options))

    def clear_faults(self):
        for active in self.localnet.faults.list():
            if active.fault.wallet == self.wallet.address:
                self.localnet.faults.clear(active.id)

    # What is done

    async def place_one(self):
        market = await self.drive(self.client.market("WETH_USDC"))
        request = OrderRequest(
            market=market,
            side=self.rng.choice(list(Side)),
            price=Decimal(self.rng.randint(2990, 3010)),
            quantity=Decimal(self.rng.randint(1, 20)) / 100,
            expiry_time=self.clock.now_ms // 1000 + self.rng.randint(3, 30) if self.expires() else 0,
        )
        await self.drive(self.client.prepare([market]))
        self.trouble_the_lists()
        self.trouble_a_write(PLACE)
        if self.rng.random() < 0.15:
            await self.give_up_placing(request)
        else:
            try:
                self.told.append(await self.drive(self.client.place(request)))
            except TegroError as error:
                self.told.append(error)

    def expires(self):
        return self.may_expire and self.rng.random() < 0.4

    async def give_up_placing(self, request):
        """Cancel the call while the venue holds the request: nobody hears what became of it."""
        held = self.fault(FaultKind.HOLD, PLACE)
        placing = asyncio.ensure_future(self.client.place(request))
        # What it reads before it sends may fail and be tried again after a pause, so the clock has to go on.
        await self.drive(
            until(lambda: placing.done() or self.localnet.faults.fired(held), "the order came to the venue")
        )
        placing.cancel()
        await asyncio.gather(placing, return_exceptions=True)

    async def nothing(self):
        pass

    async def cancel_one(self):
        entries = self.journal.entries(maker=self.wallet.address)
        if entries:
            self.trouble_a_write(CANCEL)
            await self.drive(self.client.cancel_by_hash(self.rng.choice(entries).order_hash))

    async def resolve_one(self):
        entries = self.journal.entries(maker=self.wallet.address)
        if entries:
            self.told.append(await self.drive(self.client.resolve(self.rng.choice(entries).order_hash)))
        self.localnet.faults.release()

    # What goes wrong

    def trouble_a_write(self, path):
        kind = self.rng.choice(WRITE_TROUBLES) if self.rng.random() < 0.4 else None
        match kind:
            case FaultKind.DROP_REQUEST | FaultKind.DROP_REPLY:
                self.fault(kind, path)
            case FaultKind.STATUS:
                after = self.rng.random() < 0.7
                # A refusal with 400 is definite: only a venue that lies answers it after it has acted.
                status = self.rng.choice([429, 500, 503] if after else [400, 429, 500, 503])
                self.fault(kind, path, status=status, after=after)
            case FaultKind.HOLD:
                self.fault(kind, path)
            case FaultKind.DELAY:
                self.fault(kind, path, delay_ms=1000)
            case _:
                pass

    def trouble_the_lists(self):
        if self.may_hide and self.rng.random() < 0.6:
            self.fault(FaultKind.HIDE, LIST)
        if self.rng.random() < 0.15:
            self.fault(FaultKind.STATUS, LIST, status=503)
        if self.rng.random() < 0.1:
            self.fault(FaultKind.DROP_REPLY, LIST)

    # How it ends

    async def end_the_trouble(self):
        self.clear_faults()
        await until(self.is_venue_quiet, "everything that matched has settled")
        for _ in range(3):
            await self.close()
            self.open()
            await self.drive(self.client.resume())
            await until(lambda: not self.wire.requests_under_way, "the cancels were answered")
            await until(self.is_venue_quiet, "everything that matched has settled")
            if not self.is_venue_ahead():
                break  # else the next life sees what came of the cancels that this one sent, and what expired meanwhile
        compare(self.localnet, self.wallet, self.journal)
        self.compare_with_what_was_told()

    def is_venue_ahead(self):
        """Say whether the venue knows more than this life has seen: it sent a cancel, or an order expired since."""
        records = records_of(self.localnet, self.wallet.address)
        return any(
            entry.cancel_wanted or records[entry.order_hash][1] is not OrderStatus.OPEN
            for entry in self.journal.entries(states=[EntryState.ACCEPTED], maker=self.wallet.address)
        )

    def is_venue_quiet(self):
        records = records_of(self.localnet, self.wallet.address)
        held = any(active.held for active in self.localnet.faults.list())
        return not held and all(pending_wei == 0 for _, _, pending_wei in records.values())

    def compare_with_what_was_told(self):
        records = records_of(self.localnet, self.wallet.address)
        for said in self.told:
            match said:
                case Accepted():
                    assert records[said.order_hash][0] == said.order_id
                case Rejected():
                    assert said.order_hash not in records
                case Absent() | Unknown():
                    assert self.journal.find(said.order_hash) is not None
        adopted = [said.order_hash for said in self.told if isinstance(said, Accepted)]
        assert len({records[order_hash][0] for order_hash in adopted}) == len(set(adopted))


@pytest.fixture(scope="module")
def found_out():
    """How often the runs of this module came to each conclusion."""
    return Counter()


@pytest.fixture
def run(localnet, clock, wallets, journals, found_out):
    """Make one seeded run."""

    async def run(seed):
        wallet = wallets[seed % WALLETS]
        one = Run(localnet, clock, wallet, journals / f"{wallet.address}.sqlite", seed)
        await one.whole()
        found_out.update(one.found_out)

    return run


@pytest.mark.parametrize("seed", range(100))
async def test_no_order_is_lost_or_doubled(seed, run):
    await run(seed)


@pytest.mark.looks_back
def test_the_runs_came_to_every_conclusion(found_out, request):
    if sum(item.name.startswith("test_no_order_is_lost_or_doubled") for item in request.session.items) < 100:
        pytest.skip("not all the runs were asked for")
    for before, conclusion in [
        (EntryState.SIGNED, Accepted),
        (EntryState.UNKNOWN, Accepted),
        (EntryState.ABSENT, Accepted),
        (EntryState.SIGNED, Absent),
        (EntryState.UNKNOWN, Absent),
        (EntryState.ABSENT, Rejected),
    ]:
        assert found_out[before, conclusion], f"no run went from {before} to {conclusion.__name__}"


@pytest.mark.soak
@pytest.mark.parametrize("seed", range(100, 2100))
async def test_no_order_is_lost_or_doubled_in_the_long_run(seed, run):
    await run(seed)


# The process dies


def start_trader(localnet, wallet, journal_path, dies):
    script = Path(__file__).with_name("killed_trader.py")
    return subprocess.Popen([sys.executable, script, localnet.rest_url, wallet.key, str(journal_path), dies])


async def killed(trader):
    await until(lambda: trader.poll() is not None, "the trader died")
    assert trader.returncode == -signal.SIGKILL


@pytest.fixture
async def afterwards(localnet, clock, wallets):
    """Start again on the journal of a process that died: returns the resolutions and the journal."""
    journals = []

    async def start_again(journal_path, wallet):
        journal = SqliteJournal(journal_path, clock_ms=clock)
        journals.append(journal)
        async with aiohttp.ClientSession() as session:
            wire = Wire(session)
            client = AsyncTegro(
                environment_of(localnet, with_chain=False),
                signer=LocalSigner(wallet.key),
                journal=journal,
                session=wire,
                policy=POLICY,
                clock_ms=clock,
                sleep=clock.sleep,
            )
            resolutions = await clock.drive(client.resume(), wire)
            await client.aclose()
        compare(localnet, wallet, journal)
        return [type(resolution) for resolution in resolutions], journal.find_by_client_order_id("the one")

    yield start_again
    for journal in journals:
        journal.close()


@pytest.fixture
def wallet(localnet):
    return localnet.new_wallet({"USDC": Decimal(1000)})


@pytest.mark.parametrize(
    ("dies", "resolutions", "state"),
    [
        ("before signed", [], None),
        ("after signed", [Absent], EntryState.ABSENT),
        ("before outcome", [Accepted], EntryState.ACCEPTED),
        ("after outcome", [Accepted], EntryState.ACCEPTED),
        ("after written", [], EntryState.ACCEPTED),
    ],
)
async def test_a_process_that_dies_at_a_step_of_the_journal(
    dies, resolutions, state, localnet, wallet, tmp_path, afterwards
):
    await killed(start_trader(localnet, wallet, tmp_path / "journal.sqlite", dies))
    found, entry = await afterwards(tmp_path / "journal.sqlite", wallet)
    assert found == resolutions
    assert (entry.state if entry is not None else None) == state
    assert len(records_of(localnet, wallet.address)) == (state is EntryState.ACCEPTED)


async def test_a_process_that_dies_after_the_venue_took_its_order(localnet, wallet, tmp_path, afterwards):
    fault = localnet.faults.add(Fault(kind=FaultKind.DELAY, path=PLACE, wallet=wallet.address, delay_ms=60_000))
    trader = start_trader(localnet, wallet, tmp_path / "journal.sqlite", "never")
    await until(lambda: records_of(localnet, wallet.address), "the venue took the order")
    trader.kill()
    await killed(trader)
    found, entry = await afterwards(tmp_path / "journal.sqlite", wallet)
    assert (found, entry.state) == ([Accepted], EntryState.ACCEPTED)
    localnet.faults.clear(fault)


async def test_a_process_that_dies_before_the_venue_took_its_order(localnet, wallet, tmp_path, afterwards):
    fault = localnet.faults.add(Fault(kind=FaultKind.HOLD, path=PLACE, wallet=wallet.address))
    trader = start_trader(localnet, wallet, tmp_path / "journal.sqlite", "never")
    await until(lambda: localnet.faults.fired(fault), "the order came to the venue")
    trader.kill()
    await killed(trader)
    found, entry = await afterwards(tmp_path / "journal.sqlite", wallet)
    assert (found, entry.state) == ([Absent], EntryState.ABSENT)
    localnet.faults.clear(fault)
    await until(lambda: records_of(localnet, wallet.address), "the venue took the order late")
    found, entry = await afterwards(tmp_path / "journal.sqlite", wallet)
    assert (found, entry.state) == ([Accepted], EntryState.ACCEPTED)
