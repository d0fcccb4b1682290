"""Trading with one wallet on localnet: what is refused before it is signed, market orders, batches, open questions."""

import asyncio
import logging
from collections.abc import Callable
from decimal import Decimal

import pytest
from eth_account import Account

from tegro.client import AsyncTegro
from tegro.errors import AllowanceMissing, ChainFailure, InvalidInput, LimitExceeded
from tegro.journal import UNRESOLVED, EntryState, MemoryJournal
from tegro.limits import Limits, MarketLimits
from tegro.model import OrderRequest, OrderStatus, OrderType, Side
from tegro.outcome import Accepted, Cancelled, CancelRejected, CancelUnknown, NotSent, Rejected, Unknown
from tegro.resolver import ResolverPolicy
from tegro.signer import LocalSigner
from tegro_localnet.faults import Fault, FaultKind

PLACE = "*/orders/place"
GENERATE_CANCEL = "*/typedData/generateCancelOrder"
DEADLINE_SECS = 20
QUICK = ResolverPolicy(settle_secs=0.05, quiet_secs=0.02, give_up_secs=5.0)


async def until[T](read: Callable[[], T]) -> T:
    """Wait until something is there."""
    async with asyncio.timeout(DEADLINE_SECS):
        while not (seen := read()):  # noqa: ASYNC110  the venue lives in another thread
            await asyncio.sleep(0.01)
        return seen


@pytest.fixture
async def closing(localnet, environment_at):
    """Make clients of new wallets, or of a key, that are closed at the end."""
    clients = []

    def make(*, key=None, approve=True, journal=None, on_resolved=None, on_taken=None, **settings):
        client = AsyncTegro(
            environment_at(localnet.rest_url, localnet.rpc_url, **settings),
            signer=LocalSigner(localnet.new_wallet(approve=approve).key if key is None else key),
            journal=journal,
            policy=QUICK,
            on_resolved=on_resolved,
            on_taken=on_taken,
        )
        clients.append(client)
        return client

    yield make
    for client in clients:
        await client.aclose()


@pytest.fixture
async def market(closing):
    return await closing().market("WETH_USDC")


@pytest.fixture(autouse=True)
def nothing_stays(localnet):
    """Leave neither a fault nor a resting order to the next test."""
    yield
    localnet.faults.release(None)
    localnet.faults.clear(None)
    venue = localnet.localnet.venue

    async def end_all():
        for record in all_records(localnet):
            if record.is_open:
                venue.end_order(record, 611)

    localnet.call(end_all())


def all_records(localnet):
    """Return the venue's own records of all orders."""
    return list(localnet.localnet.venue.orders._by_id.values())


def limit(market, side, price, quantity, **more):
    return OrderRequest(market=market, side=side, price=Decimal(price), quantity=Decimal(quantity), **more)


def venue_order(localnet, order_hash):
    """Return the venue's own record of an order."""
    return next((record for record in all_records(localnet) if "0x" + record.order_hash == order_hash), None)


# Market orders


async def test_a_market_sell_gets_from_each_bid_what_that_bid_pays(closing, market, localnet):
    buyer, seller = closing(), closing()
    for price, quantity in (("2010", "0.1"), ("2005", "0.2"), ("2000", "5")):
        assert isinstance(await buyer.place(limit(market, Side.BUY, price, quantity)), Accepted)
    before = await seller.balance(market.quote)
    result = await seller.place_market(market, Side.SELL, Decimal("0.4"), max_slippage_bps=100, client_order_id="exit")
    assert result.is_complete
    assert [(part.price, part.quantity) for part in result.plan.slices] == [
        (Decimal(2010), Decimal("0.1")),
        (Decimal(2005), Decimal("0.2")),
        (Decimal(2000), Decimal("0.1")),
    ]
    names = [entry.client_order_id for entry in seller.journal.entries()]
    assert names == ["exit", "exit/2", "exit/3"]
    await until(lambda: all(record.pending_wei == 0 for record in all_records(localnet)))
    gross = Decimal("0.1") * 2010 + Decimal("0.2") * 2005 + Decimal("0.1") * 2000
    fee_rate = (await seller.chain()).fee_rate
    assert await seller.balance(market.quote) - before == gross * (1 - fee_rate)


async def test_a_market_buy_is_one_order_and_what_does_not_match_is_cancelled(closing, market, localnet):
    seller, buyer = closing(), closing()
    await seller.place(limit(market, Side.SELL, "2000", "0.1"))
    await seller.place(limit(market, Side.SELL, "2001", "0.1"))
    result = await buyer.place_market(market, Side.BUY, Decimal("0.5"), max_slippage_bps=100)
    assert len(result.outcomes) == 1
    assert result.plan.unfilled == Decimal("0.3")
    (order,) = result.orders
    assert order.filled + order.pending == Decimal("0.2")
    assert not order.is_open


async def test_a_market_order_on_an_empty_book_is_refused_before_anything_is_signed(closing, market):
    client = closing()
    with pytest.raises(InvalidInput, match="nobody is on the other side"):
        await client.place_market(market, Side.BUY, Decimal(1))
    with pytest.raises(InvalidInput, match="slippage must be from 0 to 9999"):
        await client.place_market(market, Side.BUY, Decimal(1), max_slippage_bps=10_000)
    assert client.journal.entries() == []


async def test_slices_end_with_the_first_that_is_not_accepted(closing, market, localnet):
    buyer, seller = closing(), closing()
    for price in ("2010", "2005", "2000"):
        await buyer.place(limit(market, Side.BUY, price, "0.1"))
    await seller.prepare([market])
    await seller.place(limit(market, Side.SELL, "3000", "0.01"))
    localnet.faults.add(Fault(kind=FaultKind.STATUS, path=PLACE, wallet=seller.wallet.lower(), status=400, times=1))
    result = await seller.place_market(market, Side.SELL, Decimal("0.3"), max_slippage_bps=100)
    assert [type(outcome) for outcome in result.outcomes] == [Rejected]
    assert not result.is_complete
    assert result.remainder is None


async def test_a_market_order_may_not_pass_as_a_limit_order(closing, market):
    with pytest.raises(InvalidInput, match="use place_market"):
        await closing().place(limit(market, Side.BUY, "2000", "1", order_type=OrderType.MARKET))


# Limit-maker


async def test_defect_9_a_limit_maker_that_would_take_is_not_signed(closing, market):
    seller, maker = closing(), closing(maker_distance_ticks=100)
    await seller.place(limit(market, Side.SELL, "2000", "1"))
    with pytest.raises(InvalidInput, match="would trade at once"):
        await maker.place(limit(market, Side.BUY, "2000", "1", order_type=OrderType.LIMIT_MAKER))
    with pytest.raises(InvalidInput, match="closer than the 100 ticks"):
        await maker.place(limit(market, Side.BUY, "1999.5", "1", order_type=OrderType.LIMIT_MAKER))
    assert maker.journal.entries() == []
    rests = limit(market, Side.BUY, "1999", "1", order_type=OrderType.LIMIT_MAKER)
    assert isinstance(await maker.place(rests), Accepted)


async def test_a_limit_maker_that_took_all_the_same_is_counted_and_told(closing, market, localnet):
    told = []
    seller, maker = closing(), closing(on_taken=told.append)
    await maker.prepare([market])
    held = localnet.faults.add(Fault(kind=FaultKind.HOLD, path=PLACE, wallet=maker.wallet.lower()))
    placing = asyncio.create_task(maker.place(limit(market, Side.BUY, "2000", "0.1", order_type=OrderType.LIMIT_MAKER)))
    await until(lambda: localnet.faults.fired(held))
    await seller.place(limit(market, Side.SELL, "2000", "0.1"))
    localnet.faults.release(held)
    outcome = await placing
    assert isinstance(outcome, Accepted)
    assert maker.maker_orders_taken == {}
    await until(lambda: venue_order(localnet, outcome.order_hash).pending_wei == 0)
    await maker.orders()
    await until(lambda: told)
    assert (told[0].order_id, told[0].quantity) == (outcome.order_id, Decimal("0.1"))
    assert maker.maker_orders_taken == {"WETH_USDC": 1}


async def test_a_limit_sell_far_below_the_bids_warns_of_what_it_gives_away(closing, market, caplog):
    buyer, seller = closing(), closing()
    await buyer.place(limit(market, Side.BUY, "2000", "0.1"))
    async with seller.live_books([market]) as books:
        async with asyncio.timeout(DEADLINE_SECS):
            async for _ in books:
                if not books.book("WETH_USDC").is_stale:
                    break
        with caplog.at_level(logging.WARNING):
            await seller.place(limit(market, Side.SELL, "1900", "0.1"))
    assert "gives away 10 USDC" in caplog.text


# Checks before signing


async def test_defect_6_an_order_without_allowance_names_the_command_that_helps(closing, market):
    client = closing(approve=False)
    with pytest.raises(AllowanceMissing, match="tegro allowance USDC --cap 2000 --env localnet"):
        await client.place(limit(market, Side.BUY, "2000", "1"))
    assert client.journal.entries() == []


async def test_defect_6_a_missing_allowance_sends_no_approval_and_after_one_the_same_order_is_taken(closing, market):
    client = closing(approve=False)
    order = limit(market, Side.BUY, "2000", "1")
    with pytest.raises(AllowanceMissing):
        await client.place(order)
    (state,) = await client.allowances.state([market.quote])
    assert state.allowance_wei == 0
    await client.allowances.apply(await client.allowances.plan({market.quote: market.quote.to_wei(Decimal(2000))}))
    assert isinstance(await client.place(order), Accepted)


async def test_an_order_is_never_refused_on_an_old_reading(closing, market, localnet):
    wallet = localnet.new_wallet({"USDC": Decimal(1000)})
    client = closing(key=wallet.key)
    await client.prepare([market])
    wanted = limit(market, Side.BUY, "2000", "1")
    with pytest.raises(InvalidInput, match="the wallet has only 1000"):
        await client.place(wanted)
    localnet.fund(wallet.address, {"USDC": Decimal(1000)})
    localnet.approve(wallet, "USDC", Decimal(2000))
    assert isinstance(await client.place(wanted), Accepted)


async def test_two_orders_at_once_are_not_covered_by_the_same_funds(closing, market):
    client = closing()
    await client.prepare([market])
    held = await client.balance(market.base)
    each = (held * 2 / 3).quantize(market.lot_size)
    requests = [limit(market, Side.SELL, "9000", each) for _ in range(2)]
    outcomes = await client.place_many(requests, concurrency=2)
    assert sorted(type(outcome).__name__ for outcome in outcomes) == ["Accepted", "NotSent"]
    (refused,) = [outcome for outcome in outcomes if isinstance(outcome, NotSent)]
    assert refused.error == "InvalidInput"
    assert "the wallet has only" in refused.reason


async def test_a_batch_has_a_result_for_each_order_in_their_order(closing, market):
    client = closing()
    good = limit(market, Side.BUY, "1500", "0.1")
    bad = limit(market, Side.BUY, "1500.001", "0.1")
    outcomes = await client.place_many([good, bad, good], concurrency=3)
    assert [type(outcome) for outcome in outcomes] == [Accepted, NotSent, Accepted]
    assert "tick size" in outcomes[1].reason
    with pytest.raises(InvalidInput, match="at least one order must be sent at a time"):
        await client.place_many([good], concurrency=0)


@pytest.mark.parametrize(
    ("limits", "sentence"),
    [
        (Limits(every_market=MarketLimits(max_order_value=Decimal(100))), "above the limit of 100"),
        (Limits(every_market=MarketLimits(max_open_notional=Decimal(250))), "would be worth 300"),
        (Limits(every_market=MarketLimits(max_distance_bps=50)), "the mid price of WETH_USDC is not known"),
    ],
)
async def test_limits_are_held_before_anything_is_signed(closing, market, limits, sentence):
    client = closing(limits=limits)
    small = limit(market, Side.BUY, "1500", "0.06")
    if limits.every_market.max_distance_bps is None:
        assert isinstance(await client.place(small), Accepted)
    signed = len(client.journal.entries())
    with pytest.raises(LimitExceeded, match=sentence):
        await client.place(limit(market, Side.BUY, "1500", "0.14"))
    assert len(client.journal.entries()) == signed


async def test_defect_54_the_expiry_of_the_settings_is_signed(closing, market, localnet):
    client = closing(order_expiry_secs=3600)
    outcome = await client.place(limit(market, Side.BUY, "1500", "0.1"))
    (entry,) = client.journal.entries()
    assert entry.expiry_time == venue_order(localnet, outcome.order_hash).order.expiry_time
    assert 3500 < entry.expiry_time - entry.signed_at_ms // 1000 <= 3600
    named = await client.place(limit(market, Side.BUY, "1500", "0.1", expiry_time=9_999_999_999))
    assert client.journal.find(named.order_hash).expiry_time == 9_999_999_999


# Data proposed by the venue


async def test_an_order_and_a_cancel_may_be_built_by_the_venue_and_are_checked(closing, market, localnet):
    client = closing(typed_data="server")
    outcome = await client.place(limit(market, Side.SELL, "2500.5", "0.25"))
    assert isinstance(outcome, Accepted)
    record = venue_order(localnet, outcome.order_hash)
    assert (record.order.price_e18, record.order.total_quantity_wei) == (2500_500000000000000000, 250000000000000000)
    assert isinstance(await client.cancel([outcome.order_id]), Cancelled)
    assert not record.is_open


async def test_a_cancel_that_the_venue_proposes_none_for_was_refused(closing):
    outcome = await closing(typed_data="server").cancel(["no-such-order"])
    assert isinstance(outcome, CancelRejected)
    assert (outcome.order_ids, outcome.not_found) == (("no-such-order",), True)
    assert "Orders not found" in outcome.reason


async def test_a_cancel_that_the_venue_has_no_time_for_may_be_repeated(closing, localnet):
    client = closing(typed_data="server")
    localnet.faults.add(Fault(kind=FaultKind.STATUS, path=GENERATE_CANCEL, times=None, status=429))
    outcome = await client.cancel(["any-order"])
    assert isinstance(outcome, CancelUnknown)
    assert "HTTP 429" in outcome.cause


# Open questions


async def test_an_order_whose_reply_was_lost_is_found_and_reported(closing, market, localnet):
    told = []
    client = closing(on_resolved=lambda entry, resolution: told.append((entry.state in UNRESOLVED, type(resolution))))
    await client.prepare([market])
    localnet.faults.add(Fault(kind=FaultKind.DROP_REPLY, path=PLACE, wallet=client.wallet.lower()))
    outcome = await client.place(limit(market, Side.BUY, "1500", "0.1", client_order_id="mine"))
    assert isinstance(outcome, Unknown)
    resolution = await client.resolve(outcome.order_hash)
    assert isinstance(resolution, Accepted)
    entry = client.journal.find_by_client_order_id("mine")
    assert (entry.state, entry.order_id) == (EntryState.ACCEPTED, resolution.order_id)
    # A reading of the funds may have shown the order before the client knew that its reply was lost.
    assert told == [(True, Accepted)]


async def test_without_being_asked_the_client_looks_for_an_order_of_unknown_fate(closing, market, localnet):
    client = closing()
    localnet.faults.add(Fault(kind=FaultKind.DROP_REPLY, path=PLACE, wallet=client.wallet.lower()))
    outcome = await client.place(limit(market, Side.BUY, "1500", "0.1"))
    assert isinstance(outcome, Unknown)
    entry = await until(
        lambda: (found := client.journal.find(outcome.order_hash)).state is EntryState.ACCEPTED and found
    )
    assert entry.order_id == venue_order(localnet, outcome.order_hash).order_id


async def test_a_cancel_waits_until_its_order_shows_up(closing, market, localnet):
    client = closing()
    await client.prepare([market])
    held = localnet.faults.add(Fault(kind=FaultKind.HOLD, path=PLACE, wallet=client.wallet.lower()))
    placing = asyncio.create_task(client.place(limit(market, Side.BUY, "1500", "0.1")))
    await until(lambda: localnet.faults.fired(held))
    placing.cancel()
    await asyncio.gather(placing, return_exceptions=True)
    (entry,) = client.journal.entries()
    assert isinstance(await client.cancel_by_hash(entry.order_hash), CancelUnknown)
    assert client.journal.find(entry.order_hash).cancel_wanted
    localnet.faults.release(held)
    record = await until(lambda: venue_order(localnet, entry.order_hash))
    await client.resume()
    await until(lambda: record.status is OrderStatus.CANCELLED)


async def test_a_cancel_by_hash_of_a_known_order_is_an_ordinary_cancel(closing, market):
    client = closing()
    outcome = await client.place(limit(market, Side.BUY, "1500", "0.1"))
    assert await client.cancel_by_hash(outcome.order_hash) == Cancelled(cancelled=(outcome.order_id,), not_cancelled=())
    await client.orders()
    again = await client.cancel_by_hash(outcome.order_hash)
    assert isinstance(again, CancelRejected)
    assert again.not_found
    with pytest.raises(InvalidInput, match="was signed with this journal"):
        await client.cancel_by_hash("0x" + "ab" * 32)


async def test_a_second_life_of_the_journal_takes_up_what_was_left_open(closing, market, localnet):
    key = localnet.new_wallet().key
    journal = MemoryJournal()
    first = closing(key=key, journal=journal)
    await first.prepare([market])
    localnet.faults.add(Fault(kind=FaultKind.DROP_REPLY, path=PLACE, wallet=first.wallet.lower()))
    hidden = localnet.faults.add(Fault(kind=FaultKind.HIDE, times=None))  # so that the first life cannot find out
    outcome = await first.place(limit(market, Side.BUY, "1500", "0.1"))
    await first.aclose()
    localnet.faults.clear(hidden)
    second = closing(key=key, journal=journal)
    (resolution,) = await second.resume()
    assert isinstance(resolution, Accepted)
    assert resolution.order_hash == outcome.order_hash


async def test_what_an_unknown_order_may_cost_is_not_spent_again(closing, market, localnet):
    client = closing()
    await client.prepare([market])
    held = await client.balance(market.base)
    localnet.faults.add(Fault(kind=FaultKind.DROP_REQUEST, path=PLACE, wallet=client.wallet.lower()))
    outcome = await client.place(limit(market, Side.SELL, "9000", held))
    assert isinstance(outcome, Unknown)
    with pytest.raises(InvalidInput, match="other orders hold"):
        await client.place(limit(market, Side.SELL, "9000", "0.1"))


async def test_a_refused_order_holds_nothing_any_more(closing, market, localnet):
    client = closing()
    await client.prepare([market])
    localnet.faults.add(Fault(kind=FaultKind.STATUS, path=PLACE, wallet=client.wallet.lower(), status=400))
    assert isinstance(await client.place(limit(market, Side.SELL, "9000", "0.1")), Rejected)
    assert client._trader.funds.held_wei(market.base) == 0


async def test_cancel_all_by_the_venues_own_endpoint(closing, market):
    client = closing()
    first = await client.place(limit(market, Side.BUY, "1500", "0.1"))
    outcome = await client.cancel_all(by_endpoint=True)
    assert outcome == Cancelled(cancelled=(first.order_id,), not_cancelled=())
    with pytest.raises(InvalidInput, match="knows no markets"):
        await client.cancel_all(market, by_endpoint=True)


async def test_fills_say_which_side_the_wallet_was_and_what_it_paid(closing, market, localnet):
    maker, taker = closing(), closing()
    resting = await maker.place(limit(market, Side.SELL, "2000", "0.1"))
    taking = await taker.place(limit(market, Side.BUY, "2000", "0.1"))
    await until(lambda: venue_order(localnet, taking.order_hash).pending_wei == 0)
    (made,), (took,) = await maker.fills(), await taker.fills(market=market)
    assert (made.order.order_id, made.is_maker) == (resting.order_id, True)
    assert (took.order.order_id, took.is_maker) == (taking.order_id, False)
    assert took.fee == Decimal("0.1") * (await taker.chain()).fee_rate
    assert made.fee == 200 * (await maker.chain()).fee_rate


async def test_what_is_used_for_the_first_time_is_shown(localnet, environment_at, market):
    seen = []
    wallet = localnet.new_wallet()
    environment = environment_at(localnet.rest_url, localnet.rpc_url)
    async with AsyncTegro(environment, signer=LocalSigner(wallet.key), on_first_use=seen.append) as client:
        await client.prepare([market])
        await client.prepare([market])
    assert [use.what for use in seen] == [
        "exchange contract",
        f"token at {market.base.address}",
        f"token at {market.quote.address}",
    ]
    assert seen[0].value == localnet.deployment.exchange.lower()


async def test_a_wallet_is_that_of_its_key(closing, localnet):
    key = localnet.new_wallet().key
    assert closing(key=key).wallet == Account.from_key(key).address


async def test_a_node_on_another_chain_stops_the_first_order(localnet, environment_at, market, node_proxy):
    proxy = await node_proxy(localnet.rpc_url)
    for _ in range(10):
        proxy.result("eth_chainId", "0x1")
    wallet = localnet.new_wallet()
    async with AsyncTegro(environment_at(localnet.rest_url, proxy.url), signer=LocalSigner(wallet.key)) as client:
        with pytest.raises(ChainFailure, match="chain 1,"):
            await client.place(limit(market, Side.BUY, "1500", "0.1"))
    assert client.journal.entries() == []
