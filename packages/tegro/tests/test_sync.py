"""The blocking twin: the same calls, from a program without an event loop."""

import asyncio
import inspect
import threading
import time
from decimal import Decimal

import pytest

from tegro.allowance import AllowanceManager
from tegro.candles import Interval
from tegro.client import AsyncTegro
from tegro.errors import Closed, InvalidInput
from tegro.events import Connected, OrderEvent
from tegro.journal import MemoryJournal
from tegro.model import OrderRequest, Side
from tegro.outcome import Accepted, Cancelled
from tegro.portal import Portal
from tegro.signer import LocalSigner
from tegro.sync import SyncAllowanceManager, Tegro

DEADLINE_SECS = 20


@pytest.fixture
def client(localnet, environment_at):
    environment = environment_at(localnet.rest_url, localnet.rpc_url)
    with Tegro(environment, signer=LocalSigner(localnet.new_wallet().key)) as made:
        yield made


@pytest.fixture
def portal():
    made = Portal()
    yield made
    made.close()


@pytest.mark.parametrize(("source", "twin"), [(AsyncTegro, Tegro), (AllowanceManager, SyncAllowanceManager)])
def test_every_public_coroutine_has_a_twin_of_the_same_form_and_words(source, twin):
    coroutines = {
        name: member
        for name, member in inspect.getmembers(source, inspect.iscoroutinefunction)
        if not name.startswith("_") and name != "aclose"
    }
    assert coroutines
    for name, member in coroutines.items():
        blocking = getattr(twin, name)
        assert not inspect.iscoroutinefunction(blocking)
        assert str(inspect.signature(blocking)) == str(inspect.signature(member)), name
        assert inspect.getdoc(blocking) == inspect.getdoc(member), name


def test_everything_else_that_is_public_is_there_too():
    names = {name for name in dir(AsyncTegro) if not name.startswith("_")} - {"aclose", "fresh_book", "followed_book"}
    assert names - set(dir(Tegro)) == {"known_market"}


def test_an_order_is_placed_seen_and_cancelled(client):
    market = client.market("WETH_USDC")
    client.prepare([market])
    outcome = client.place(
        OrderRequest(market=market, side=Side.BUY, price=Decimal("1500.5"), quantity=Decimal("0.25"))
    )
    assert isinstance(outcome, Accepted)
    assert [order.order_id for order in client.orders(statuses=["active"])] == [outcome.order_id]
    assert client.cancel([outcome.order_id]) == Cancelled(cancelled=(outcome.order_id,), not_cancelled=())
    assert client.journal.find(outcome.order_hash).order_id == outcome.order_id
    assert client.maker_orders_taken == {}


def test_errors_are_those_of_the_asynchronous_client(client):
    with pytest.raises(InvalidInput, match="there is no market 'NO_SUCH'"):
        client.market("NO_SUCH")
    with pytest.raises(InvalidInput, match="at least one order id"):
        client.cancel([])


def test_events_are_iterated_over(client):
    market = client.market("WETH_USDC")
    with client.stream([market], [client.wallet]) as events:
        assert isinstance(next(events), Connected)
        client.place(OrderRequest(market=market, side=Side.BUY, price=Decimal(1500), quantity=Decimal("0.1")))
        assert any(isinstance(event, OrderEvent) for event in events)
    client.cancel_all()


def test_a_live_book_is_followed_between_the_calls(client):
    market = client.market("WBTC_USDC")
    with client.live_books([market]) as books:
        for _ in books:
            if not books.book("WBTC_USDC").is_stale:
                break
        client.place(OrderRequest(market=market, side=Side.BUY, price=Decimal(60000), quantity=Decimal("0.01")))
        deadline_secs = time.monotonic() + DEADLINE_SECS
        while (best := books.book("WBTC_USDC").best_bid) is None and time.monotonic() < deadline_secs:
            pass
        assert best.price == Decimal(60000)
    client.cancel_all()


def test_candles_and_allowances_too(client):
    market = client.market("WETH_USDC")
    with client.candle_feed(market, Interval("1s")) as candles:
        assert iter(candles) is candles
    (state,) = client.allowances.state([market.base])
    assert state.allowance_wei > 0


def test_closing_may_be_repeated_and_ends_every_use(localnet, environment_at):
    client = Tegro(environment_at(localnet.rest_url), journal=MemoryJournal())
    assert client.wallet is None
    client.markets()
    client.close()
    client.close()
    with pytest.raises(Closed):
        client.markets()
    assert not any(thread.name == "tegro event loop" and thread.is_alive() for thread in threading.enumerate())


def test_calls_may_come_from_several_threads(client):
    found = []
    threads = [threading.Thread(target=lambda: found.append(client.market("WETH_USDC"))) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(DEADLINE_SECS)
    assert len(found) == 8


def test_a_call_from_inside_the_loop_is_refused_instead_of_waiting_for_itself(portal):
    async def call_again():
        portal.call(nothing())

    async def nothing():
        return None

    with pytest.raises(RuntimeError, match="use AsyncTegro"):
        portal.call(call_again())


def test_closing_during_a_call_ends_it(portal):
    began = threading.Event()

    async def wait_for_ever():
        began.set()
        await asyncio.Event().wait()

    raised = []

    def call():
        try:
            portal.call(wait_for_ever())
        except Closed as error:
            raised.append(str(error))

    caller = threading.Thread(target=call)
    caller.start()
    began.wait(DEADLINE_SECS)
    portal.close()
    caller.join(DEADLINE_SECS)
    assert raised == ["the client was closed during this call"]
