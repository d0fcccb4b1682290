"""The client on localnet and on a stubbed venue: orders, markets, pages, and its life."""

import asyncio
import json
from decimal import Decimal

import pytest
from eth_account import Account
from eth_account.messages import encode_typed_data
from stubbed_venue import (
    CHAINS,
    DEADLINE_SECS,
    KEY,
    MARKETS,
    ORDERS,
    PLACE,
    chain_list,
    market_row,
    order_row,
    paged,
)

from tegro.client import AsyncTegro
from tegro.errors import BadReply, Closed, InvalidInput
from tegro.journal import EntryState
from tegro.model import OrderRequest, OrderStatus, Side, TradeState
from tegro.outcome import Accepted, Cancelled, CancelRejected, Rejected
from tegro.signer import LocalSigner
from tegro.stream import Connected, OrderEvent

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
