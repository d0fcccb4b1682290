"""The client against localnet, and against a venue that misbehaves."""

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

from tegro.client import AsyncTegro
from tegro.errors import BadReply, Closed, InvalidInput, JournalFailure, NotConnected, SigningRefused
from tegro.journal import EntryState, MemoryJournal
from tegro.model import OrderRequest, OrderStatus, Side, TradeState
from tegro.outcome import Accepted, Cancelled, CancelRejected, Rejected, Unknown
from tegro.signer import LocalSigner
from tegro.stream import Connected, OrderEvent

KEY = "0xac0974bec39a17e36ba4a6b4d238ff944bacb478cbed5efcae784d7bf4f2ff80"
WALLET = "0xf39Fd6e51aad88F6F4ce6aB8827279cffFb92266"
EXCHANGE = "0x1d0888a1552996822b71e89ca735b06aed4b20a4"
CHAINS = "/api/v1/exchange/chain/list"
MARKETS = "/api/v1/exchange/31337/market/list"
ORDERS = f"/api/v1/trading/market/orders/user/{WALLET.lower()}"
PLACE = "/api/v1/trading/market/orders/place"
CANCEL = "/api/v1/trading/market/orders/cancel"
DEADLINE_SECS = 20


def chain_list(exchange=EXCHANGE, chain_id=31337):
    row = {"id": chain_id, "name": "localnet", "exchange_contract": exchange, "min_order_value": "2000000"}
    row["default_quote_token_contract_address"] = "0x7551122e441edbf3fffcbcf2f7fcc636b636482b"
    return json.dumps([row])


def market_row(number):
    base = f"0x{number:040x}"
    quote = "0x7551122e441edbf3fffcbcf2f7fcc636b636482b"
    return {
        "id": f"31337_{base}_{quote}",
        "symbol": f"T{number}_USDT",
        "chainId": 31337,
        "base_contract_address": base,
        "base_symbol": f"T{number}",
        "base_decimal": 18,
        "base_precision": 6,
        "quote_contract_address": quote,
        "quote_symbol": "USDT",
        "quote_decimal": 6,
        "quote_precision": 10,
    }


def order_row(number, order_hash="", status="open"):
    return {"order_id": str(number), "order_hash": order_hash, "side": "buy", "status": status}


def paged(stub, rows, largest_page):
    """Serve rows in pages, giving at most `largest_page` whatever is asked for."""

    async def handler(request):
        size = min(int(request.query["page_size"]), largest_page)
        start = (int(request.query["page"]) - 1) * size
        return await stub.reply(json.dumps(rows[start : start + size]))(request)

    return handler


@pytest.fixture
async def stubbed(stub, environment_at):
    """A client of the stub, which lists one chain."""
    stub.json("GET", CHAINS, chain_list())
    async with AsyncTegro(environment_at(stub.url), signer=LocalSigner(KEY), rng=random.Random(1)) as client:
        yield client


@pytest.fixture
def request_at(market):
    def make(price="3490", quantity="0.5", side=Side.BUY, **more):
        return OrderRequest(market=market, side=side, price=Decimal(price), quantity=Decimal(quantity), **more)

    return make


@pytest.fixture
def requests_sent():
    return []


@pytest.fixture
def trader_key():
    """Hold the key of `trader`, which the client does not give away."""
    return []


@pytest.fixture
async def trader(localnet, environment_at, requests_sent, trader_key):
    """A funded client on localnet, whose HTTP requests are recorded."""
    trace = aiohttp.TraceConfig()

    async def note(_session, _context, parameters):
        requests_sent.append((parameters.method, parameters.url.path))

    trace.on_request_start.append(note)
    wallet = localnet.new_wallet()
    trader_key.append(wallet.key)
    environment = environment_at(localnet.rest_url, localnet.rpc_url)
    async with (
        aiohttp.ClientSession(trace_configs=[trace]) as session,
        AsyncTegro(environment, signer=LocalSigner(wallet.key), session=session, clock_ms=lambda: 5) as client,
    ):
        yield client


# On localnet


async def test_an_order_is_placed_and_cancelled_with_one_request_each(trader, requests_sent):
    market = await trader.market("WETH_USDC")
    order = OrderRequest(market=market, side=Side.BUY, price=Decimal("2000.5"), quantity=Decimal("0.25"))
    first = await trader.place(order)
    requests_sent.clear()
    second = await trader.place(order)
    assert requests_sent == [("POST", PLACE)]
    assert isinstance(first, Accepted)
    assert isinstance(second, Accepted)
    assert first.order_hash != second.order_hash
    requests_sent.clear()
    outcome = await trader.cancel([second.order_id, first.order_id, second.order_id])
    assert outcome == Cancelled(cancelled=(second.order_id, first.order_id), not_cancelled=())
    assert requests_sent == [("POST", "/api/v1/trading/market/orders/cancel")]
    ended = await trader.order(first.order_id)
    assert (ended.status, ended.cancel_code, ended.quantity) == (OrderStatus.CANCELLED, 611, Decimal("0.25"))


async def test_a_placed_order_is_found_by_id_by_hash_and_in_the_journal(trader):
    market = await trader.market("WETH_USDC")
    order = OrderRequest(
        market=market, side=Side.BUY, price=Decimal(1999), quantity=Decimal("0.5"), client_order_id="mine-1"
    )
    outcome = await trader.place(order)
    found = await trader.order(outcome.order_id)
    assert (found.price, found.quantity, found.side) == (Decimal(1999), Decimal("0.5"), Side.BUY)
    assert found == await trader.order_by_hash(outcome.order_hash.upper().replace("0X", "0x"))
    assert found in await trader.orders(statuses=("active",), market=market)
    entry = trader.journal.find_by_client_order_id("mine-1")
    assert (entry.order_hash, entry.order_id, entry.state) == (
        outcome.order_hash,
        outcome.order_id,
        EntryState.ACCEPTED,
    )
    assert entry.signed_at_ms == 5
    assert await trader.order_by_hash("0x" + "00" * 32) is None
    assert await trader.order("no-such-order") is None


async def test_the_hash_in_the_journal_is_the_one_eth_account_computes(trader, trader_key):
    market = await trader.market("WBTC_USDC")
    chain = await trader.chain()
    outcome = await trader.place(
        OrderRequest(market=market, side=Side.SELL, price=Decimal(70000), quantity=Decimal("0.00012345"))
    )
    entry = trader.journal.find(outcome.order_hash)
    names = ["baseToken", "quoteToken", "price", "totalQuantity", "isBuy", "salt", "maker", "expiryTime"]
    kinds = ["address", "address", "uint256", "uint256", "bool", "uint256", "address", "uint256"]
    message = json.loads(entry.raw_order_data)
    numbers = {"price", "totalQuantity", "salt", "expiryTime"}
    signable = encode_typed_data(
        domain_data={
            "name": "TegroDEX",
            "version": "1",
            "chainId": chain.id,
            "verifyingContract": chain.exchange_contract,
        },
        message_types={"Order": [{"name": n, "type": k} for n, k in zip(names, kinds, strict=True)]},
        message_data={name: int(value) if name in numbers else value for name, value in message.items()},
    )
    signed = Account.sign_message(signable, trader_key[0])
    assert ("0x" + signed.message_hash.hex(), "0x" + signed.signature.hex()) == (entry.order_hash, entry.signature)
    assert (message["price"], message["totalQuantity"]) == ("70000" + "0" * 18, "12345")


async def test_a_trade_is_followed_from_the_match_to_the_chain(trader):
    market = await trader.market("TEGRO_USDC")
    stream = trader.stream([market], [trader.wallet])
    async with asyncio.timeout(DEADLINE_SECS):
        assert await anext(stream) == Connected(1)
        buy = await trader.place(
            OrderRequest(market=market, side=Side.BUY, price=Decimal("1.5"), quantity=Decimal("10.25"))
        )
        sell = await trader.place(
            OrderRequest(market=market, side=Side.SELL, price=Decimal("1.25"), quantity=Decimal("10.25"))
        )
        settled = set()
        async for event in stream:
            if isinstance(event, OrderEvent) and event.order.is_done:
                settled.add(event.order.order_id)
            if settled == {buy.order_id, sell.order_id}:
                break
    (trade,) = await trader.trades_of(buy.order_id)
    assert (trade.state, trade.quantity, trade.taker_side) == (TradeState.SUCCESS, Decimal("10.25"), Side.SELL)
    # The contract settles at the sell's limit (protocol 7.3).
    assert trade.price == Decimal("1.25")
    assert trade in await trader.public_trades("TEGRO_USDC", limit=5)
    assert (await trader.ticker("TEGRO_USDC")).last_price == Decimal("1.25")


async def test_balances_show_what_orders_hold(trader):
    market = await trader.market("WETH_USDC")
    await trader.place(OrderRequest(market=market, side=Side.BUY, price=Decimal(100), quantity=Decimal("0.5")))
    held = {balance.token.symbol: balance for balance in await trader.balances()}
    assert held["USDC"].reserved == 50
    assert held["USDC"].available == held["USDC"].total - 50
    assert await trader.balance(market.quote) == held["USDC"].total
    assert await trader.balance(market.quote, wallet="0x" + "00" * 19 + "01") == 0


async def test_defect_18_everything_open_is_cancelled_with_two_requests(trader, requests_sent):
    weth, wbtc = await trader.market("WETH_USDC"), await trader.market("WBTC_USDC")
    for market in (weth, wbtc, weth):
        await trader.place(OrderRequest(market=market, side=Side.BUY, price=Decimal(100), quantity=Decimal("0.5")))
    assert len((await trader.cancel_all(wbtc)).cancelled) == 1
    requests_sent.clear()
    assert len((await trader.cancel_all()).cancelled) == 2
    assert [method for method, _ in requests_sent] == ["GET", "POST"]
    assert await trader.cancel_all() == Cancelled(cancelled=(), not_cancelled=())


async def test_cancelling_what_is_not_there_says_not_found(trader):
    outcome = await trader.cancel(["05881667-3bd3-4fc0-8b0e-db71c8a8fc99"])
    assert isinstance(outcome, CancelRejected)
    assert outcome.not_found


async def test_an_order_beyond_the_funds_is_refused_before_it_is_signed(trader, requests_sent):
    market = await trader.market("WBTC_USDC")
    await trader.prepare([market])
    requests_sent.clear()
    with pytest.raises(InvalidInput, match=r"the order may cost 90000000 USDC .* but the wallet has only"):
        await trader.place(OrderRequest(market=market, side=Side.BUY, price=Decimal(90000), quantity=Decimal(1000)))
    assert ("POST", PLACE) not in requests_sent
    assert trader.journal.entries() == []


async def test_what_the_venue_refuses_is_journaled_with_its_reason(trader, localnet):
    market = await trader.market("WBTC_USDC")
    expired = OrderRequest(market=market, side=Side.BUY, price=Decimal(9000), quantity=Decimal("0.1"), expiry_time=1)
    outcome = await trader.place(expired)
    assert isinstance(outcome, Rejected)
    entry = trader.journal.find(outcome.order_hash)
    assert (entry.state, entry.detail) == (EntryState.REJECTED, outcome.reason)


async def test_a_reader_without_a_key_sees_markets_and_any_wallet(localnet, environment_at, trader):
    async with AsyncTegro(environment_at(localnet.rest_url)) as reader:
        assert {market.symbol for market in await reader.markets()} == {"WETH_USDC", "WBTC_USDC", "TEGRO_USDC"}
        assert (await reader.book("WETH_USDC")).symbol == "WETH_USDC"
        assert await reader.balances(trader.wallet) == await trader.balances()
        assert reader.wallet is None
        for call in (reader.balances(), reader.orders(), reader.cancel(["1"]), reader.cancel_all()):
            with pytest.raises(InvalidInput, match="needs a wallet"):
                await call
        with pytest.raises(InvalidInput, match="needs a wallet"):
            _ = reader.allowances


# Markets and pages


@pytest.mark.parametrize(
    ("count", "largest_page"), [(0, 100), (19, 100), (20, 20), (47, 20), (100, 100), (250, 100), (201, 50)]
)
async def test_defects_4_and_5_every_market_is_found_whatever_page_size_the_venue_allows(
    stubbed, stub, count, largest_page
):
    rows = [market_row(number) for number in range(1, count + 1)]
    stub.answer("GET", MARKETS, paged(stub, rows, largest_page))
    assert [market.symbol for market in await stubbed.markets()] == [row["symbol"] for row in rows]


async def test_the_tickers_of_all_pages_come_with_their_markets(stubbed, stub):
    rows = [market_row(number) | {"ticker": {"price": number, "bid_high": 0.1}} for number in range(1, 46)]
    rows[0]["ticker"]["ask_low"] = 1e300
    stub.answer("GET", MARKETS, paged(stub, rows, 20))
    found = await stubbed.tickers()
    # An unreadable ticker leaves out its row here, and no market in the list of markets.
    assert [market.symbol for market, _ in found] == [f"T{number}_USDT" for number in range(2, 46)]
    assert [ticker.last_price for _, ticker in found] == list(range(2, 46))
    assert {ticker.best_bid for _, ticker in found} == {Decimal("0.1")}
    assert len(await stubbed.markets()) == 45


async def test_each_market_keeps_its_own_numbers_defect_4(stubbed, stub):
    rows = [market_row(1), market_row(2) | {"base_precision": 2}]
    stub.json("GET", MARKETS, json.dumps(rows))
    assert [(await stubbed.market(f"T{n}_USDT")).base_precision for n in (1, 2)] == [6, 2]


async def test_a_venue_without_paging_is_read_once(stubbed, stub):
    stub.json("GET", MARKETS, json.dumps([market_row(number) for number in range(120)]))
    assert len(await stubbed.markets()) == 120
    assert stub.count(MARKETS) == 2


async def test_a_venue_whose_pages_never_end_is_given_up(stubbed, stub):
    counter = iter(range(10**9))

    async def endless(request):
        return await stub.reply(json.dumps([market_row(next(counter)) for _ in range(20)]))(request)

    stub.answer("GET", MARKETS, endless)
    with pytest.raises(BadReply, match="did not come to an end"):
        await stubbed.markets()


async def test_every_page_of_orders_is_read_and_each_order_once(stubbed, stub):
    rows = [order_row(number) for number in range(45)]
    stub.answer("GET", ORDERS, paged(stub, rows[:20] + rows[19:], 20))
    assert [order.order_id for order in await stubbed.orders()] == [row["order_id"] for row in rows]


async def test_markets_are_read_once_and_again_when_asked_or_when_a_symbol_is_new(stubbed, stub):
    stub.json("GET", MARKETS, json.dumps([market_row(1)]), json.dumps([market_row(1), market_row(2)]))
    assert len(await stubbed.markets()) == len(await stubbed.markets()) == 1
    assert stub.count(MARKETS) == 1
    assert (await stubbed.market("T2_USDT")).symbol == "T2_USDT"
    assert stub.count(MARKETS) == 2
    with pytest.raises(InvalidInput, match="there is no market 'T3_USDT' on localnet"):
        await stubbed.market("T3_USDT")


async def test_a_symbol_of_two_markets_must_be_named_by_id(stubbed, stub):
    twin = market_row(2) | {"symbol": "T1_USDT"}
    stub.json("GET", MARKETS, json.dumps([market_row(1), twin]))
    with pytest.raises(InvalidInput, match="belongs to 2 markets"):
        await stubbed.market("T1_USDT")
    assert (await stubbed.market(twin["id"])).base.symbol == "T2"


async def test_defect_27_a_symbol_is_never_taken_apart(stubbed, stub):
    stub.json("GET", MARKETS, json.dumps([market_row(1) | {"symbol": "T1USDT"}]))
    market = await stubbed.market("T1USDT")
    assert (market.base.symbol, market.quote.symbol) == ("T1", "USDT")


async def test_defects_28_and_29_prices_come_with_one_request_of_the_right_market_and_to_the_last_digit(stubbed, stub):
    rows = [market_row(number) for number in (1, 2, 3)]
    stub.json("GET", MARKETS, json.dumps(rows))
    figures = '{"price": 0.1234567890123456789, "bid_high": 0.1234567890123456788, "ask_low": "0.123456789012345679"}'
    for row in rows:
        body = json.dumps(row)[:-1] + f', "ticker": {figures}}}'
        stub.json("GET", f"/api/v1/exchange/31337/market/{row['id']}", body)
    await stubbed.markets()
    before = len(stub.requests)
    ticker = await stubbed.ticker("T2_USDT")
    assert [path for _, path, _, _ in stub.requests[before:]] == [f"/api/v1/exchange/31337/market/{rows[1]['id']}"]
    assert ticker.symbol == "T2_USDT"
    assert ticker.last_price == Decimal("0.1234567890123456789")
    assert (ticker.best_bid, ticker.best_ask) == (Decimal("0.1234567890123456788"), Decimal("0.123456789012345679"))


async def test_defects_49_and_50_no_request_carries_a_credential_or_a_time(stubbed, stub, request_at):
    stub.json("GET", MARKETS, json.dumps([market_row(1)]))
    stub.json("GET", ORDERS, "[]")
    stub.json("POST", PLACE, '{"error":"no"}', status=400)
    await stubbed.markets()
    await stubbed.orders()
    assert isinstance(await stubbed.place(request_at()), Rejected)
    plain = {"host", "accept", "accept-encoding", "user-agent", "content-type", "content-length"}
    assert {name.lower() for headers in stub.headers for name in headers} <= plain
    assert {name for _, _, query, _ in stub.requests for name in query} <= {
        *("page", "page_size", "sort_by", "sort_order", "verified", "chain_id", "statuses", "market_id")
    }


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
    async with TestServer(app) as server:
        client = AsyncTegro(
            environment_at(str(server.make_url("")).rstrip("/")), signer=LocalSigner(KEY), journal=journal
        )
        await client.chain()
    async with client:
        with pytest.raises(NotConnected):
            await client.place(request_at())
    (entry,) = journal.entries()
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


# Life and death


async def test_closing_may_be_repeated_and_ends_every_use(stub, environment_at, request_at):
    client = AsyncTegro(environment_at(stub.url), signer=LocalSigner(KEY))
    stub.json("GET", CHAINS, chain_list())
    await client.chain()
    stream = client.stream()
    await client.aclose()
    await client.aclose()
    assert [event async for event in stream] == []
    calls = [client.chains(), client.markets(), client.orders(), client.place(request_at()), client.cancel(["1"])]
    for call in calls:
        with pytest.raises(Closed):
            await call
    with pytest.raises(Closed):
        client.stream()
    with pytest.raises(Closed):
        await client.__aenter__()


async def test_a_session_that_was_passed_in_stays_open(stub, environment_at, session):
    async with AsyncTegro(environment_at(stub.url), session=session):
        pass
    assert not session.closed


async def test_an_unused_client_opens_nothing(environment_at):
    client = AsyncTegro(environment_at("http://127.0.0.1:9"))
    await client.aclose()
    assert client._session is None


async def test_bad_addresses_and_empty_cancels_are_refused_here(stubbed):
    with pytest.raises(InvalidInput):
        await stubbed.balances("0x12")
    with pytest.raises(InvalidInput):
        stubbed.stream([], ["nonsense"])
    with pytest.raises(InvalidInput, match="at least one order id"):
        await stubbed.cancel([])


async def test_the_key_is_in_no_text_of_the_client(stubbed, caplog):
    texts = f"{stubbed!r} {stubbed} {vars(stubbed)!r} {caplog.text}"
    assert KEY[2:] not in texts.lower()
