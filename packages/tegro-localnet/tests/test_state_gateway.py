"""What localnet tells its own page, compared with what the venue's own endpoints and the chain say."""

from decimal import Decimal
from typing import Any

import pytest

SYMBOL = "WETH_USDC"


@pytest.fixture
def state(api: Any):
    async def read(**query: Any) -> Any:
        status, answer = await api.get("/localnet/state", **query)
        assert status == 200, answer
        return answer

    return read


def of_wallet(state: Any, wallet: str) -> Any:
    [found] = [each for each in state["wallets"] if each["wallet"] == wallet]
    return found


async def test_a_wallet_is_shown_as_soon_as_it_is_funded(localnet: Any, state: Any) -> None:
    wallet = localnet.new_wallet({"USDC": Decimal("12.345678")}, approve=False)
    assert of_wallet(await state(), wallet.address) == {
        "wallet": wallet.address,
        "open_orders": 0,
        "holdings": [{"symbol": "USDC", "balance": "12.345678", "reserved": "0", "allowance": "0"}],
    }


async def test_an_order_reserves_and_is_listed(someone: Any, state: Any) -> None:
    placed = await someone.place(SYMBOL, "buy", "1000.5", "2")
    seen = await state()
    wallet = of_wallet(seen, someone.wallet)
    assert wallet["open_orders"] == 1
    assert wallet["holdings"] == [{"symbol": "USDC", "balance": "5000", "reserved": "2001", "allowance": "5000"}]
    order = seen["orders"][0]
    assert order["order_id"] == placed["order_id"]
    assert (order["wallet"], order["symbol"], order["side"]) == (someone.wallet, SYMBOL, "buy")
    assert (order["price"], order["quantity"], order["filled"], order["status"]) == ("1000.5", "2", "0", "open")
    await someone.cancel(placed["order_id"])
    ended = (await state())["orders"][0]
    assert (ended["status"], ended["cancel_code"], ended["cancel_reason"]) == ("cancelled", 611, "user_cancel")


async def test_a_settlement_shows_what_the_venue_and_the_chain_say(
    localnet: Any, trader: Any, chain: Any, api: Any, state: Any, eventually: Any
) -> None:
    seller, buyer = trader({"WETH": "1"}), trader({"USDC": "5000"})
    await seller.place(SYMBOL, "sell", "2000.25", "0.5")
    taking = await buyer.place(SYMBOL, "buy", "2000.25", "0.5")
    seen = await eventually(state, lambda seen: seen["settlements"] and seen["settlements"][0]["state"] == "success")
    [trade] = await buyer.trades(taking["order_id"])
    settlement = seen["settlements"][0]
    assert settlement == {
        "trade_id": trade["id"],
        "symbol": SYMBOL,
        "price": "2000.25",
        "quantity": "0.5",
        "taker_side": "buy",
        "state": "success",
        "tx_hash": trade["tx_hash"],
        "maker": seller.wallet,
        "taker": buyer.wallet,
        "created_ms": trade["timestamp"],
    }
    assert chain.web3.eth.get_transaction_receipt(settlement["tx_hash"])["status"] == 1
    weth = next(each for each in of_wallet(seen, buyer.wallet)["holdings"] if each["symbol"] == "WETH")
    assert Decimal(weth["balance"]).scaleb(18) == chain.balance_wei("WETH", buyer.wallet)
    _, market = await api.get(f"/localnet/markets/{SYMBOL}")
    assert market["trades"][0] == settlement
    assert market["market"]["last_price"] == "2000.25"
    _, candles = await api.get(f"/localnet/markets/{SYMBOL}/candles", interval=60, limit=1)
    [candle] = candles
    assert (candle["close"], candle["time_secs"] % 60) == ("2000.25", 0)


async def test_levels_come_best_first_and_agree_with_the_venue(trader: Any, api: Any) -> None:
    buyer, seller = trader({"USDC": "5000"}), trader({"WETH": "5"})
    ids = [(await buyer.place(SYMBOL, "buy", price, "0.5"))["order_id"] for price in ("900.5", "901.5", "901.5")]
    other = [(await seller.place(SYMBOL, "sell", price, "0.25"))["order_id"] for price in ("9001", "9000")]
    _, market = await api.get(f"/localnet/markets/{SYMBOL}")
    assert market["bids"] == [{"price": "901.5", "quantity": "1"}, {"price": "900.5", "quantity": "0.5"}]
    assert market["asks"] == [{"price": "9000", "quantity": "0.25"}, {"price": "9001", "quantity": "0.25"}]
    _, depth = await api.get("/api/v1/orderbook/depth", market_symbol=SYMBOL)
    assert (market["bids"], market["asks"][::-1]) == (depth["bids"], depth["asks"])
    assert market["market"]["open_orders"] == 5
    await buyer.cancel(*ids)
    await seller.cancel(*other)


async def test_markets_name_their_channel_and_candles(localnet: Any, api: Any) -> None:
    _, markets = await api.get("/localnet/markets")
    assert [market["symbol"] for market in markets] == list(localnet.markets)
    for market in markets:
        assert market["channel"] == localnet.markets[market["symbol"]].channel
        assert market["intervals_secs"] == [60, 300, 900, 3600, 14_400, 86_400, 604_800]


@pytest.mark.parametrize(
    ("path", "sentence"),
    [
        ("/localnet/markets/NO_SUCH", "unknown market 'NO_SUCH'"),
        (f"/localnet/markets/{SYMBOL}/candles?interval=61", "interval must be one of 60, 300"),
        (f"/localnet/markets/{SYMBOL}/candles?limit=0", "limit must be a whole number from 1"),
        ("/localnet/perpetual/markets/NOUSDT", "unknown contract 'NOUSDT'"),
        ("/localnet/perpetual/markets/ETHUSDT/candles?interval=61", "interval must be one of 1, 60"),
        ("/localnet/state?limit=501", "limit must be a whole number from 1 to 500"),
    ],
)
async def test_a_wrong_question_is_refused_in_a_sentence(api: Any, path: str, sentence: str) -> None:
    status, answer = await api.get(path)
    assert status == 400
    assert sentence in answer["error"]


async def test_lists_are_cut_where_they_are_told_to(localnet: Any, state: Any, someone: Any) -> None:
    localnet.new_wallet({"USDC": Decimal(1)})
    localnet.new_wallet({"USDC": Decimal(1)})
    ids = [(await someone.place(SYMBOL, "buy", "500.5", "0.1"))["order_id"] for _ in range(3)]
    seen = await state(limit=2)
    assert [order["order_id"] for order in seen["orders"]] == ids[:0:-1]
    assert len(seen["wallets"]) == 2
    await someone.cancel(*ids)
