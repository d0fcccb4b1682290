"""What the client signs, when it refuses to, and what the journal has when something is lost."""

import asyncio
import json
import random
from decimal import Decimal

import aiohttp
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer
from eth_account import Account
from eth_account.messages import encode_typed_data
from stubbed_venue import (
    CANCEL,
    CHAINS,
    DEADLINE_SECS,
    EXCHANGE,
    KEY,
    ORDERS,
    PLACE,
    WALLET,
    chain_list,
    order_row,
    paged,
)

from tegro.client import AsyncTegro
from tegro.errors import Closed, InvalidInput, JournalFailure, NotConnected, SigningRefused
from tegro.journal import EntryState, MemoryJournal
from tegro.model import OrderRequest, Side
from tegro.outcome import Accepted, Cancelled, Rejected, Unknown
from tegro.signer import LocalSigner

# Signing only what is meant


async def test_a_chain_that_the_venue_does_not_list_is_a_mistake_in_the_settings(stub, environment_at):
    stub.json("GET", CHAINS, chain_list(chain_id=8453))
    async with AsyncTegro(environment_at(stub.url)) as client:
        with pytest.raises(InvalidInput, match=r"does not list chain 31337 \(localnet\); it lists localnet \(8453\)"):
            await client.chain()


async def test_nothing_is_signed_after_the_exchange_contract_changed(stubbed, stub, request_at):
    stub.json("GET", CHAINS, chain_list(), chain_list(exchange="0x" + "66" * 20), chain_list())
    await stubbed.chain()
    with pytest.raises(SigningRefused, match="the venue named 0x6666"):
        await stubbed.chains()
    for call in (stubbed.place(request_at()), stubbed.chain()):
        with pytest.raises(SigningRefused):
            await call
    assert stub.count(PLACE) == 0
    assert stubbed.journal.entries() == []


async def test_a_cancel_goes_out_for_the_contract_that_was_pinned_whatever_the_venue_says_now(stubbed, stub):
    stub.json("GET", CHAINS, chain_list(), chain_list(exchange="0x" + "66" * 20))
    stub.json("POST", CANCEL, '{"cancelled_order_ids":["1"]}')
    await stubbed.chain()
    with pytest.raises(SigningRefused):
        await stubbed.chains()
    assert await stubbed.cancel(["1"]) == Cancelled(cancelled=("1",), not_cancelled=())
    sent = json.loads(next(body for _, path, _, body in stub.requests if path == CANCEL))
    domain = {"name": "TegroDEX", "version": "1", "chainId": 31337, "verifyingContract": EXCHANGE}
    types = {"CancelOrder": [{"name": "orderIds", "type": "string[]"}, {"name": "user", "type": "address"}]}
    signable = encode_typed_data(domain, types, {"orderIds": ["1"], "user": WALLET.lower()})
    assert Account.recover_message(signable, signature=sent["signature"]) == WALLET


async def test_a_market_of_another_chain_is_not_signed_for(stubbed, make_market):
    order = OrderRequest(market=make_market(chain_id=8453), side=Side.BUY, price=Decimal(1), quantity=Decimal(5))
    with pytest.raises(SigningRefused, match="the venue offers chain 8453"):
        await stubbed.place(order)


@pytest.mark.parametrize(
    ("price", "quantity", "sentence"),
    [
        ("3490.00000000001", "1", "multiple of the tick size"),
        ("3490", "0.0000001", "multiple of the lot size"),
        ("0", "1", "must be above zero"),
        ("-1", "1", "must be above zero"),
        ("NaN", "1", "must be above zero|finite"),
        ("3490", "Infinity", "must be above zero|finite"),
        ("1", "1.999999", "must be worth at least 2 USDT, was 1.999999"),
    ],
)
async def test_defect_54_what_the_venue_must_refuse_is_never_signed(
    stubbed, stub, request_at, price, quantity, sentence
):
    with pytest.raises(InvalidInput, match=sentence):
        await stubbed.place(request_at(price, quantity))
    assert stub.count(PLACE) == 0
    assert stubbed.journal.entries() == []


async def test_the_minimum_is_stated_in_the_default_quote_token_alone(stubbed, stub, make_market, request_at):
    stub.json("POST", PLACE, '{"error":"too small, says the venue"}', status=400)
    other = make_market(quote=make_market().base, base=make_market().quote, symbol="USDT_WETH")
    order = OrderRequest(market=other, side=Side.BUY, price=Decimal("0.1"), quantity=Decimal("0.1"))
    assert isinstance(await stubbed.place(order), Rejected)


@pytest.mark.parametrize(
    ("side", "price", "quantity", "price_e18", "quantity_wei"),
    [
        (Side.BUY, "0.0000001", "12345678", "100000000000", "12345678000000000000000000"),
        (Side.SELL, "3490.1", "1234.5678", "3490100000000000000000", "1234567800000000000000"),
        (Side.BUY, "1E+2", "123", "100000000000000000000", "123000000000000000000"),
    ],
)
async def test_defects_2_and_3_numbers_are_sent_in_full(
    stubbed, stub, request_at, market, side, price, quantity, price_e18, quantity_wei
):
    stub.json("GET", CHAINS, chain_list().replace("2000000", "0"))
    stub.json("POST", PLACE, '{"error":"no"}', status=400)
    await stubbed.place(request_at(price, quantity, side))
    body = json.loads(stub.requests[-1][3])
    assert (body["price_precision"], body["volume_precision"]) == (price_e18, quantity_wei)
    message = json.loads(body["raw_order_data"])
    assert (message["price"], message["totalQuantity"], message["isBuy"]) == (price_e18, quantity_wei, side is Side.BUY)
    paid, received = (market.quote, market.base) if side is Side.BUY else (market.base, market.quote)
    assert (body["base_asset"], body["quote_asset"]) == (paid.address, received.address)
    assert (body["side"], message["maker"]) == (1 if side is Side.BUY else 0, WALLET)


# Fates


async def test_defect_8_a_lost_reply_leaves_the_hash_by_which_the_order_is_found(stubbed, stub, request_at):
    stub.answer("POST", PLACE, stub.drop)
    outcome = await stubbed.place(request_at(client_order_id="mine"))
    assert isinstance(outcome, Unknown)
    assert stub.count(PLACE) == 1
    entry = stubbed.journal.find_by_client_order_id("mine")
    assert (entry.order_hash, entry.state) == (outcome.order_hash, EntryState.UNKNOWN)
    others = [order_row(number, "ab" * 32) for number in range(30)]
    live = order_row("live", outcome.order_hash.removeprefix("0x"))
    stub.answer("GET", ORDERS, paged(stub, [*others, live], 20))
    assert (await stubbed.order_by_hash(outcome.order_hash)).order_id == "live"


async def test_the_order_is_in_the_journal_before_it_leaves(stubbed, stub, request_at):
    seen = []

    async def look(request):
        seen.extend(stubbed.journal.entries(states=[EntryState.SIGNED]))
        return await stub.drop(request)

    stub.answer("POST", PLACE, look)
    outcome = await stubbed.place(request_at())
    assert [entry.order_hash for entry in seen] == [outcome.order_hash]


async def test_a_cancelled_call_leaves_the_order_signed_in_the_journal(stubbed, stub, request_at):
    arrived, release = asyncio.Event(), asyncio.Event()

    async def hang(request):
        arrived.set()
        await release.wait()
        return await stub.drop(request)

    stub.answer("POST", PLACE, hang)
    placing = asyncio.create_task(stubbed.place(request_at()))
    async with asyncio.timeout(DEADLINE_SECS):
        await arrived.wait()
    placing.cancel()
    with pytest.raises(asyncio.CancelledError):
        await placing
    release.set()
    assert [entry.state for entry in stubbed.journal.entries()] == [EntryState.SIGNED]


async def test_an_order_that_never_left_is_journaled_as_never_sent(environment_at, request_at):
    async def chains(_):
        return web.Response(text=chain_list(), content_type="application/json")

    app = web.Application()
    app.router.add_get(CHAINS, chains)
    journal = MemoryJournal()
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(force_close=True)) as session:
        async with TestServer(app) as server:
            environment = environment_at(str(server.make_url("")).rstrip("/"))
            client = AsyncTegro(environment, signer=LocalSigner(KEY), journal=journal, session=session)
            # The application refuses both the question for the form of orders and this first order, with 404.
            assert isinstance(await client.place(request_at()), Rejected)
        async with client:
            with pytest.raises(NotConnected):
                await client.place(request_at())
    _, entry = journal.entries()
    assert entry.state is EntryState.REJECTED
    assert entry.detail.startswith("never sent: no connection")


async def test_a_journal_that_fails_after_the_fact_does_not_hide_the_outcome(stub, environment_at, request_at, caplog):
    class FullDisk(MemoryJournal):
        def record_outcome(self, order_hash, outcome):
            raise JournalFailure("no space left")

    stub.json("GET", CHAINS, chain_list())
    stub.json("POST", PLACE, '{"order_id":"1","side":"buy","status":"open"}')
    async with AsyncTegro(environment_at(stub.url), signer=LocalSigner(KEY), journal=FullDisk()) as client:
        assert isinstance(await client.place(request_at()), Accepted)
    assert "was not written down: no space left" in caplog.text


async def test_nothing_is_sent_if_the_journal_cannot_take_it(stub, environment_at, request_at):
    journal = MemoryJournal()
    stub.json("GET", CHAINS, chain_list())
    async with AsyncTegro(environment_at(stub.url), signer=LocalSigner(KEY), journal=journal) as client:
        journal.close()
        with pytest.raises(Closed):
            await client.place(request_at())
    assert stub.count(PLACE) == 0


async def test_the_same_seed_gives_the_same_order_and_another_salt_another_hash(stub, environment_at, request_at):
    stub.json("GET", CHAINS, chain_list())
    stub.json("POST", PLACE, "", status=500)
    hashes = []
    for seed in (1, 1, 2):
        async with AsyncTegro(environment_at(stub.url), signer=LocalSigner(KEY), rng=random.Random(seed)) as client:
            hashes.append((await client.place(request_at())).order_hash)
    assert hashes[0] == hashes[1] != hashes[2]
