"""Nothing is placed without being followed, whatever fails at the start."""

import asyncio
from collections.abc import Callable

import pytest

from tegro.client import AsyncTegro
from tegro.errors import JournalFailure, NotConnected
from tegro.journal import EntryState, MemoryJournal
from tegro.model import OrderRequest, Side
from tegro.outcome import Accepted
from tegro.resolver import ResolverPolicy
from tegro.signer import LocalSigner
from tegro_localnet.faults import Fault, FaultKind

PORTFOLIO = "*/portfolio"
PLACE = "*/orders/place"
DEADLINE_SECS = 60
QUICK = ResolverPolicy(settle_secs=0.05, quiet_secs=0.02, give_up_secs=5.0)


async def until[T](read: Callable[[], T]) -> T:
    """Wait until something is there."""
    async with asyncio.timeout(DEADLINE_SECS):
        while not (seen := read()):  # noqa: ASYNC110  the venue lives in another thread
            await asyncio.sleep(0.01)
        return seen


async def short_sleep(secs: float) -> None:
    """Repeat a read soon."""
    await asyncio.sleep(min(secs, 0.05))


class JournalThatFailsOnce(MemoryJournal):
    """A disk that is full when the client starts, and is not a moment later."""

    is_full = False

    def compact(self, before_ms: int) -> int:
        if self.is_full:
            self.is_full = False
            raise JournalFailure("no space left")
        return super().compact(before_ms)


@pytest.fixture
async def left_open(localnet, environment_at):
    """Leave an order of unknown fate in a journal; make the client that comes after, and what it is told."""
    key, journal, told = localnet.new_wallet().key, JournalThatFailsOnce(), []
    clients = []

    def make() -> AsyncTegro:
        client = AsyncTegro(
            environment_at(localnet.rest_url, localnet.rpc_url),
            signer=LocalSigner(key),
            journal=journal,
            policy=QUICK,
            on_resolved=lambda _, resolution: told.append(resolution),
            sleep=short_sleep,
        )
        clients.append(client)
        return client

    async with make() as earlier:
        market = await earlier.market("WETH_USDC")
        request = OrderRequest(
            market=market, side=Side.SELL, price=market.tick_size * 900_000, quantity=market.lot_size * 10**5
        )
        localnet.faults.add(Fault(kind=FaultKind.DROP_REPLY, path=PLACE, wallet=earlier.wallet.lower()))
        hidden = localnet.faults.add(Fault(kind=FaultKind.HIDE, times=None))
        left = await earlier.place(request)
    localnet.faults.clear(hidden)
    assert journal.find(left.order_hash).state is EntryState.UNKNOWN
    yield make(), request, left.order_hash, told
    localnet.faults.clear(None)
    for client in clients:
        await client.aclose()


async def test_what_an_earlier_run_left_is_taken_up_even_if_preparing_fails(left_open, localnet):
    client, request, order_hash, told = left_open
    localnet.faults.add(Fault(kind=FaultKind.STATUS, path=PORTFOLIO, times=None, status=503))
    with pytest.raises(NotConnected):
        await client.prepare([request.market])
    (resolution,) = await until(lambda: told)
    assert (type(resolution), resolution.order_hash) == (Accepted, order_hash)


async def test_an_order_after_a_failure_of_the_journal_is_followed_too(left_open):
    client, request, order_hash, told = left_open
    client.journal.is_full = True
    with pytest.raises(JournalFailure):
        await client.place(request)
    assert isinstance(await client.place(request), Accepted)
    (resolution,) = await until(lambda: told)
    assert resolution.order_hash == order_hash
