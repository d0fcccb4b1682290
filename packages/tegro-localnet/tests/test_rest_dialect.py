"""The REST dialect: names and types of the documented bodies, filters, paging, cancels, the old way of signing."""

import json
from pathlib import Path
from typing import Any

import pytest
from eth_account import Account
from eth_account.messages import encode_typed_data

pytestmark = pytest.mark.usefixtures("empty_books")

ORDERS = "/api/v1/trading/market/orders"
GOLDEN = Path(__file__).parents[2] / "tegro" / "tests" / "golden"
CHAIN = 31337


def shape(value: Any) -> Any:
    """Return names and JSON types: objects by member, lists by their first item, whole and broken numbers alike."""
    if isinstance(value, dict):
        return {name: shape(member) for name, member in value.items()}
    if isinstance(value, list):
        return [shape(value[0])] if value else []
    return "number" if type(value) in (int, float) else type(value).__name__


def golden(name: str) -> Any:
    return shape(json.loads((GOLDEN / f"{name}.json").read_text()))


@pytest.fixture
async def filled(trader: Any, eventually: Any) -> Any:
    """A seller with a partly filled order and a buyer with a filled one, settled."""
    seller, buyer = trader(), trader()
    ask = await seller.place("WETH_USDC", "sell", "3000", "1")
    bid = await buyer.place("WETH_USDC", "buy", "3000", "0.5")
    await eventually(lambda: buyer.order(bid["order_id"]), lambda order: order["quantity_filled"] == "0.5")
    yield seller, ask, buyer, bid
    await seller.cancel(ask["order_id"])


async def test_chain_list_and_market_objects_have_the_documented_shape(api: Any, filled: Any) -> None:
    _, chains = await api.get("/api/v1/exchange/chain/list")
    assert shape(chains) == golden("http_get_chain_list")
    assert chains[0]["fee"] == 0.07
    assert chains[0]["min_order_value"] == "2000000"
    _, markets = await api.get(f"/api/v1/exchange/{CHAIN}/market/list", page=1, sort_order="desc", sort_by="volume")
    assert shape(markets[0]) == golden("http_get_market_list")[0] | {"chain_id": "number"}
    assert markets[0]["symbol"] == "WETH_USDC", "the only one with volume comes first"
    _, market = await api.get(f"/api/v1/exchange/{CHAIN}/market/{markets[0]['id']}")
    assert market == markets[0]
    assert (market["ticker"]["price"], market["ticker"]["ask_low"], market["ticker"]["bid_high"]) == (3000, 3000, 0)


async def test_orders_trades_portfolio_and_depth_have_the_documented_shape(api: Any, filled: Any) -> None:
    seller, ask, buyer, _ = filled
    assert shape(await seller.orders(chain_id=CHAIN))[0] == golden("http_get_user_orders")[0]
    assert shape(ask) == golden("http_get_user_orders")[0]
    assert shape(await seller.trades(ask["order_id"])) == golden("http_get_order_trades")
    _, portfolio = await api.get(f"/api/v1/accounts/{CHAIN}/{buyer.wallet}/portfolio")
    assert shape(portfolio) == [golden("http_get_portfolio")[0]]
    assert {entry["symbol"]: entry["type"] for entry in portfolio}["USDC"] == "quote"
    _, depth = await api.get("/api/v1/orderbook/depth", chain_id=CHAIN, market_id=ask["market_id"])
    assert shape(depth) == golden("http_get_depth") | {"bids": "NoneType"}
    assert depth["timestamp"] < 10**11 < (await seller.order(ask["order_id"]))["timestamp"], "seconds, milliseconds"
    _, public = await api.get(f"/api/v1/exchange/{CHAIN}/market/trades", market_id=ask["market_id"], limit=1)
    assert shape(public) == golden("http_get_order_trades")


async def test_both_sides_of_depth_run_from_high_to_low(api: Any, trader: Any) -> None:
    someone = trader()
    for side, price in (("buy", "100"), ("buy", "102"), ("buy", "101"), ("sell", "301"), ("sell", "300")):
        await someone.place("WETH_USDC", side, price, "0.1")
    _, depth = await api.get("/api/v1/orderbook/depth", chain_id=CHAIN, market_symbol="WETH_USDC")
    assert [level["price"] for level in depth["bids"]] == ["102", "101", "100"]
    assert [level["price"] for level in depth["asks"]] == ["301", "300"]
    await cancel_everything(someone)


async def cancel_everything(someone: Any, path: str = "cancel-all") -> Any:
    body = {"chain_id": CHAIN, "wallet_address": someone.wallet, "signature": someone.sign_text(someone.wallet)}
    status, reply = await someone.api.post(f"{ORDERS}/{path}", body)
    assert status == 200, reply
    return reply


async def test_a_single_balance_is_a_bare_number(localnet: Any, api: Any, trader: Any) -> None:
    someone = trader({"USDC": "12.5"})
    token = localnet.deployment.tokens["USDC"]
    path = f"/api/v1/accounts/{CHAIN}/balances/{someone.account.address}"
    assert await api.get(f"{path}/{token}") == (200, 12.5)
    status, entries = await api.get(path)
    assert status == 200
    assert {entry["symbol"]: entry["balance"] for entry in entries}["USDC"] == "12.5"
    assert (await api.get(f"{path}/0x{'ab' * 20}"))[0] == 400


async def test_paging_walks_through_all_orders_newest_first(api: Any, trader: Any) -> None:
    someone = trader()
    placed = [(await someone.place("WETH_USDC", "buy", "100", "0.1"))["order_id"] for _ in range(5)]
    pages = [[order["order_id"] for order in await someone.orders(page=page, page_size=2)] for page in (1, 2, 3, 4)]
    assert pages == [placed[:2:-1], placed[2:0:-1], placed[:1], []]
    status, reply = await api.get(f"{ORDERS}/user/{someone.wallet}", page_size=501)
    assert status == 400
    assert reply["error"] == "page_size must be a whole number from 1 to 500, was '501'"
    await cancel_everything(someone)


async def test_status_and_market_filters(filled: Any) -> None:
    seller, ask, _, _ = filled
    ended = await seller.place("WBTC_USDC", "sell", "99000", "0.1")
    await seller.cancel(ended["order_id"])

    async def ids(**query: Any) -> set[str]:
        return {order["order_id"] for order in await seller.orders(**query)}

    assert await ids(statuses="active") == await ids(statuses="open") == {ask["order_id"]}
    assert await ids(statuses="cancelled") == {ended["order_id"]}
    assert await ids(statuses="active,cancelled") == {ask["order_id"], ended["order_id"]}
    assert await ids(statuses="completed") == await ids(statuses="closed") == await ids(statuses="matched") == set()
    assert await ids(market_id=ended["market_id"]) == {ended["order_id"]}
    assert await ids(order_id="unknown") == set()


@pytest.mark.parametrize("spelling", ["signature", "Signature"])
async def test_cancel_lists_what_it_cancelled_and_skips_the_rest(api: Any, trader: Any, spelling: str) -> None:
    someone, other = trader(), trader()
    mine = (await someone.place("WETH_USDC", "buy", "100", "0.1"))["order_id"]
    foreign = (await other.place("WETH_USDC", "buy", "100", "0.1"))["order_id"]
    body = someone.cancel_body([mine, foreign, "unknown"])
    body[spelling] = body.pop("signature")
    assert await api.post(f"{ORDERS}/cancel", body) == (200, {"cancelled_order_ids": [mine]})
    assert (await someone.order(mine))["cancel"] == {"reason": "user_cancel", "code": 611}
    assert (await other.order(foreign))["status"] == "open"
    status, reply = await api.post(f"{ORDERS}/cancel", body)
    assert status == 400
    assert "Order not found" in reply["error"]
    await cancel_everything(other)


async def test_a_cancel_must_be_signed_by_the_owner(api: Any, trader: Any) -> None:
    owner, thief = trader(), trader()
    order = await owner.place("WETH_USDC", "buy", "100", "0.1")
    forged = thief.cancel_body([order["order_id"]]) | {"user_address": owner.wallet}
    status, reply = await api.post(f"{ORDERS}/cancel", forged)
    assert status == 400
    assert "invalid signature" in reply["error"]
    theft = {"chain_id": CHAIN, "wallet_address": owner.wallet, "signature": thief.sign_text(owner.wallet)}
    status, reply = await api.post(f"{ORDERS}/cancel-all", theft)
    assert status == 400
    assert "invalid signature" in reply["error"]
    assert (await owner.order(order["order_id"]))["status"] == "open"


@pytest.mark.parametrize("path", ["cancel-all", "cancelAll"])
async def test_cancel_all_in_both_spellings(trader: Any, path: str) -> None:
    someone = trader()
    ids = [
        (await someone.place(symbol, "buy", price, "0.1"))["order_id"]
        for symbol, price in (("WETH_USDC", "100"), ("WBTC_USDC", "9000"))
    ]
    assert await cancel_everything(someone, path) == {"cancelled_order_ids": ids}
    assert await cancel_everything(someone, path) == {"cancelled_order_ids": []}


def sign_as_proposed(proposal: dict[str, Any], key: str) -> str:
    """Sign typed data exactly as the venue sent it, as the old connector did."""
    signable = encode_typed_data(full_message=proposal["sign_data"])
    return Account.sign_message(signable, key).signature.to_0x_hex()


async def test_the_old_way_generate_sign_place_generate_sign_cancel(api: Any, trader: Any) -> None:
    someone = trader()
    wish = {
        "chain_id": CHAIN,
        "wallet_address": someone.account.address,
        "market_symbol": "WETH_USDC",
        "side": "buy",
        "price": "1999.5",
        "amount": 0.25,
    }
    status, proposal = await api.post(f"{ORDERS}/typedData/generate", wish)
    assert status == 200
    assert shape(proposal) == golden("http_post_generate_reply")
    key = someone.account.key.to_0x_hex()
    body = proposal["limit_order"] | {"signature": sign_as_proposed(proposal, key)}
    status, order = await api.post(f"{ORDERS}/place", body)
    assert status == 200, order
    assert "0x" + order["order_hash"] == body["order_hash"]
    assert (order["price"], order["quantity"]) == ("1999.5", "0.25")

    ask = {"order_ids": [order["order_id"]], "user_address": someone.wallet}
    status, proposal = await api.post(f"{ORDERS}/typedData/generateCancelOrder", ask)
    assert status == 200
    assert shape(proposal) == golden("http_post_generate_cancel_reply")
    body = proposal["cancel_order"] | {"Signature": sign_as_proposed(proposal, key)}
    assert await api.post(f"{ORDERS}/cancel", body) == (200, {"cancelled_order_ids": [order["order_id"]]})
    status, reply = await api.post(f"{ORDERS}/typedData/generateCancelOrder", ask)
    assert status == 400
    assert "Orders not found" in reply["error"]


async def test_an_order_without_a_price_is_refused(api: Any, trader: Any) -> None:
    wish = {"chain_id": CHAIN, "wallet_address": trader().wallet, "market_symbol": "WETH_USDC", "side": "buy"}
    status, reply = await api.post(f"{ORDERS}/typedData/generate", wish | {"amount": "1"})
    assert status == 400
    assert reply["error"].startswith("price is missing")


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/api/v1/exchange/1/market/list", 400),
        ("/api/v1/exchange/abc/market/list", 400),
        (f"/api/v1/exchange/{CHAIN}/market/list?page=0", 400),
        (f"/api/v1/exchange/{CHAIN}/market/list?page=%D9%A1", 400),
        (f"/api/v1/exchange/{CHAIN}/market/list?sort_by=name", 400),
        (f"/api/v1/exchange/{CHAIN}/market/list?sort_by=volume&sort_order=up", 400),
        (f"/api/v1/exchange/{CHAIN}/market/list?market_symbol=NO_SUCH", 400),
        (f"/api/v1/exchange/{CHAIN}/market/unknown", 400),
        (f"/api/v1/exchange/{CHAIN}/market/trades", 400),
        (f"/api/v1/orderbook/depth?chain_id={CHAIN}", 400),
        ("/api/v1/orderbook/depth?chain_id=99999999999999999999&market_symbol=WETH_USDC", 400),
        (f"{ORDERS}/user/nobody", 400),
        (f"{ORDERS}/user/0x{'ab' * 20}?statuses=sleeping", 400),
        (f"/api/v1/accounts/{CHAIN}/nobody/portfolio", 400),
        ("/api/v1/nothing", 404),
        (f"{ORDERS}/place", 405),
    ],
)
async def test_bad_queries_are_refused_with_a_sentence(api: Any, path: str, status: int) -> None:
    answered, reply = await api.get(path)
    assert (answered, list(reply)) == (status, ["error"])
    assert reply["error"]


async def test_trades_of_an_unknown_order_are_none(api: Any) -> None:
    assert await api.get(f"{ORDERS}/trades/unknown") == (200, [])


async def test_health_and_info(localnet: Any, api: Any) -> None:
    assert await api.get("/api/v1/trading/health") == (200, {"status": "ok"})
    assert await api.get("/localnet/health") == (200, {"status": "ok"})
    _, info = await api.get("/localnet/info")
    assert info["rpc_url"] == localnet.rpc_url
    assert info["exchange_contract"] == localnet.deployment.exchange
    assert info["markets"] == ["WETH_USDC", "WBTC_USDC", "TEGRO_USDC"]
    assert not any("key" in name for name in info)


async def test_the_faucet_gives_what_was_asked_or_some_of_each(api: Any, chain: Any) -> None:
    wallet = Account.create().address
    body = {"wallet": wallet, "amounts": {"USDC": "12.34", "WBTC": 2}, "native": "0.5"}
    status, reply = await api.post("/localnet/faucet", body)
    assert (status, reply["amounts"], reply["native"]) == (200, {"USDC": "12.34", "WBTC": "2"}, "0.5")
    assert chain.balance_wei("USDC", wallet) == 12_340_000
    assert chain.balance_wei("WBTC", wallet) == 2 * 10**8
    assert chain.balance_wei("WETH", wallet) == 0
    assert chain.web3.eth.get_balance(wallet) == 5 * 10**17
    await api.post("/localnet/faucet", {"wallet": wallet})
    assert chain.balance_wei("WETH", wallet) == 100 * 10**18
