"""Every switch in both of its positions, as it is seen on the wire. Each test puts back what it changed."""

from collections.abc import AsyncIterator, Awaitable, Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from tegro_localnet.chain.rpc import ChainRpc
from tegro_localnet.config import LocalnetConfig
from tegro_localnet.localnet import Localnet
from tegro_localnet.switches import CHOICES, FIXED, SwitchBoard, Switches, read_switches

ORDERS = "/api/v1/trading/market/orders"
MARKET = {"chain_id": 31337, "market_symbol": "WETH_USDC"}

type Switch = Callable[..., Awaitable[None]]


@pytest.fixture(scope="module")
def localnet_config() -> LocalnetConfig:
    """Settle only when a test, or a switch, says so."""
    return LocalnetConfig(port=0, rpc_port=0, agents=False, settlement_interval_ms=3_600_000)


@pytest.fixture
async def switch(api: Any) -> AsyncIterator[Switch]:
    """Change switches over the control path; all are at their defaults after the test."""

    async def change(**wanted: str) -> None:
        status, views = await api.put("/localnet/switches", wanted)
        assert status == 200, views
        values = {view["name"]: view["value"] for view in views}
        assert wanted.items() <= values.items()

    yield change
    await change(**{name: choices[0] for name, choices in CHOICES.items()})


@pytest.fixture
async def someone(trader: Any) -> AsyncIterator[Any]:
    """A trader whose orders do not outlive the test."""
    made = trader()
    yield made
    for order in await made.orders(statuses="active"):
        await made.cancel(order["order_id"])


async def test_all_switches_are_listed_with_their_default_first(api: Any) -> None:
    status, views = await api.get("/localnet/switches")
    assert status == 200
    assert {view["name"]: tuple(view["choices"]) for view in views} == CHOICES
    assert all(view["value"] == view["choices"][0] for view in views)
    assert {view["name"] for view in views if view["fixed"]} == FIXED == {"price_scaling", "order_schema"}


@pytest.mark.parametrize(
    ("wanted", "sentence"),
    [
        ({"envelop": "bare"}, "unknown switch 'envelop': there are price_scaling, order_schema, envelope"),
        ({"envelope": "blue"}, "switch envelope must be bare or wrapped, was 'blue'"),
        ({"order_schema": "no_expiry"}, "start the localnet with --switch order_schema=no_expiry"),
        ({"envelope": "wrapped", "price_scaling": "quote_decimal"}, "price_scaling is part of the contract"),
        ({"envelope": 1}, "the body does not fit"),
    ],
)
async def test_what_cannot_be_switched_changes_nothing(api: Any, wanted: dict[str, Any], sentence: str) -> None:
    status, reply = await api.put("/localnet/switches", wanted)
    assert (status, list(reply)) == (400, ["error"])
    assert sentence in reply["error"]
    _, views = await api.get("/localnet/switches")
    assert all(view["value"] == view["choices"][0] for view in views)


async def test_a_listener_that_refuses_keeps_a_switch_where_it_is() -> None:
    board, heard = SwitchBoard(Switches()), []

    async def refuse(old: Switches, new: Switches) -> None:
        heard.append((old.fee, new.fee))
        raise ValueError("not now")

    board.on_change(refuse)
    with pytest.raises(ValueError, match="not now"):
        await board.change({"fee": "zero"})
    assert (heard, board.now) == ([("charged", "zero")], Switches())


@pytest.mark.parametrize("entry", ["envelope", "envelope=", "=bare", "x=y"])
def test_an_entry_of_the_command_line_must_make_sense(entry: str) -> None:
    with pytest.raises(ValueError, match=r"expected NAME=VALUE|must be bare or wrapped|unknown switch"):
        read_switches([entry])
    assert read_switches(["fee=zero", "envelope = wrapped"]) == Switches(fee="zero", envelope="wrapped")


async def test_envelope(api: Any, switch: Switch, someone: Any) -> None:
    paths = ("/api/v1/exchange/chain/list", f"{ORDERS}/user/{someone.wallet}", "/api/v1/trading/health")
    bare = [await api.get(path) for path in paths]
    await switch(envelope="wrapped")
    wrapped = [await api.get(path) for path in paths]
    assert wrapped == [(200, {"message": "success", "data": body}) for _, body in bare]
    status, reply = await api.post(
        f"{ORDERS}/place", someone.place_body("WETH_USDC", someone.order_message("WETH_USDC", "buy", "100", "1"))
    )
    assert (status, reply["message"], reply["data"]["status"]) == (200, "success", "open")
    status, reply = await api.get("/api/v1/exchange/1/market/list")
    assert (status, list(reply)) == (400, ["error"]), "a refusal was never in an envelope"
    await switch(envelope="bare")


async def test_error_body(api: Any, switch: Switch) -> None:
    for path, status in (("/api/v1/exchange/1/market/list", 400), ("/api/v1/nothing", 404)):
        answered, before = await api.get(path)
        assert (answered, list(before)) == (status, ["error"])
        await switch(error_body="message")
        assert await api.get(path) == (status, {"message": before["error"]})
        await switch(error_body="error")


async def test_a_faults_answer_keeps_its_header_in_the_other_form(api: Any, switch: Switch, faults: Any) -> None:
    from tegro_localnet.faults import Fault, FaultKind

    await switch(error_body="message")
    faults.add(Fault(kind=FaultKind.STATUS, status=429, retry_after_secs=7))
    async with api.session.get(api.root + "/api/v1/trading/health") as response:
        assert (response.status, response.headers["Retry-After"]) == (429, "7")
        assert list(await response.json()) == ["message"]


@pytest.mark.parametrize(("side", "number"), [("buy", 1), ("sell", 0)])
async def test_limit_order_side(api: Any, switch: Switch, someone: Any, side: str, number: int) -> None:
    wish = {"wallet_address": someone.wallet, "side": side, "price": "100", "amount": "1"} | MARKET
    _, proposal = await api.post(f"{ORDERS}/typedData/generate", wish)
    assert proposal["limit_order"]["side"] == number
    await switch(limit_order_side="word")
    _, proposal = await api.post(f"{ORDERS}/typedData/generate", wish)
    assert proposal["limit_order"]["side"] == side


async def test_market_chain_key(api: Any, switch: Switch) -> None:
    async def keys() -> set[str]:
        _, [market, *_] = await api.get("/api/v1/exchange/31337/market/list")
        _, alone = await api.get(f"/api/v1/exchange/31337/market/{market['id']}")
        assert alone.keys() == market.keys()
        return {"chainId", "chain_id"} & market.keys()

    assert await keys() == {"chainId", "chain_id"}
    await switch(market_chain_key="camel")
    assert await keys() == {"chainId"}
    await switch(market_chain_key="snake")
    assert await keys() == {"chain_id"}


async def test_order_and_depth_timestamps(
    localnet: Any, api: Any, switch: Switch, someone: Any, trader: Any, listen: Any
) -> None:
    async def times() -> dict[str, int]:
        listener = await listen(someone.wallet, localnet.markets["WETH_USDC"].channel)
        ask = await someone.place("WETH_USDC", "sell", "100", "1")
        bid = await trader().place("WETH_USDC", "buy", "100", "1")
        found = {"placed": ask["timestamp"]}
        for action in ("order_submitted", "order_book_diff", "trade_created"):
            event = await listener.until(lambda event, action=action: event["action"] == action)
            found[action] = event["data"]["timestamp"]
        found["order"] = (await someone.order(ask["order_id"]))["timestamp"]
        [trade] = await someone.trades(bid["order_id"])
        found["trade"] = trade["timestamp"]
        _, depth = await api.get("/api/v1/orderbook/depth", **MARKET)
        return found | {"depth": depth["timestamp"]}

    def in_ms(found: dict[str, int]) -> set[str]:
        return {name for name, time in found.items() if time > 10**11}

    books = {"depth", "order_book_diff"}
    first = await times()
    assert in_ms(first) == first.keys() - books
    await switch(order_timestamps="seconds", depth_timestamp="milliseconds")
    second = await times()
    assert in_ms(second) == books
    assert 0 <= second["placed"] - first["placed"] // 1000 < 600, "the same clock"


async def test_depth_values_and_empty_sides(localnet: Any, api: Any, switch: Switch, someone: Any, listen: Any) -> None:
    listener = await listen(localnet.markets["WETH_USDC"].channel)

    async def book(price: str) -> tuple[Any, Any]:
        order = await someone.place("WETH_USDC", "buy", price, "0.5")
        event = await listener.until(lambda event: event["action"] == "order_book_diff")
        _, depth = await api.get("/api/v1/orderbook/depth", **MARKET)
        await someone.cancel(order["order_id"])
        await listener.until(lambda event: event["action"] == "order_book_diff")
        return (depth["bids"], depth["asks"]), (event["data"]["bids"], event["data"]["asks"])

    level = [{"price": "100.5", "quantity": "0.5"}]
    assert await book("100.5") == ((level, None), (level, None))
    await switch(depth_values="numbers", empty_side="list")
    level = [{"price": 100.5, "quantity": 0.5}]
    assert await book("100.5") == ((level, []), (level, []))


async def test_report_price(api: Any, switch: Switch, someone: Any, trader: Any) -> None:
    await someone.place("WETH_USDC", "buy", "110", "1")
    ask = await trader().place("WETH_USDC", "sell", "100", "1")
    [trade] = await someone.trades(ask["order_id"])
    assert (trade["price"], "settled_price" in trade) == ("100", False)
    await switch(report_price="resting")
    [trade] = await someone.trades(ask["order_id"])
    assert (trade["price"], trade["settled_price"]) == ("110", "100")


def altered(body: dict[str, Any], someone: Any, what: str) -> dict[str, Any]:
    """Return a place body in which one thing is wrong that one check is for."""
    match what:
        case "check_order_hash":
            return body | {"order_hash": "0x" + "ab" * 32}
        case "check_signature":
            return body | {"signature": someone.sign_text("something else")}
        case _:
            return body | {"price_precision": "1", "base_asset": "0x" + "00" * 20, "market_symbol": "X", "side": 0}


@pytest.mark.parametrize(
    ("check", "sentence"),
    [
        ("check_order_hash", "order_hash does not belong to raw_order_data"),
        ("check_signature", "invalid signature"),
        ("check_outer_fields", "market_symbol must be WETH_USDC"),
    ],
)
async def test_a_check_of_the_form_can_be_turned_off(
    api: Any, switch: Switch, someone: Any, check: str, sentence: str
) -> None:
    message = someone.order_message("WETH_USDC", "buy", "100", "1")
    good = someone.place_body("WETH_USDC", message)
    bad = altered(good, someone, check)
    status, reply = await api.post(f"{ORDERS}/place", bad)
    assert status == 400
    assert sentence in reply["error"]
    await switch(**{check: "off"})
    status, order = await api.post(f"{ORDERS}/place", bad)
    assert (status, order["price"], order["quantity"], order["side"]) == (200, "100", "1", "buy")
    assert "0x" + order["order_hash"] == good["order_hash"], "the venue knows it by the digest of the message"


@pytest.mark.parametrize(
    ("check", "terms", "sentence"),
    [
        ("check_tick_and_lot", ("100.001", "1"), "multiple of the tick size 0.01"),
        ("check_tick_and_lot", ("100", "1.0000001"), "multiple of the lot size 0.000001"),
        ("check_minimum_value", ("100", "0.001"), "order value must be at least 2 USDC, was 0.1"),
    ],
)
async def test_a_check_of_the_terms_can_be_turned_off(
    api: Any, switch: Switch, someone: Any, check: str, terms: tuple[str, str], sentence: str
) -> None:
    body = someone.place_body("WETH_USDC", someone.order_message("WETH_USDC", "buy", *terms))
    status, reply = await api.post(f"{ORDERS}/place", body)
    assert status == 400
    assert sentence in reply["error"]
    await switch(**{check: "off"})
    status, order = await api.post(f"{ORDERS}/place", body)
    assert (status, order["price"], order["quantity"]) == (200, *terms)
    zero = someone.place_body("WETH_USDC", someone.order_message("WETH_USDC", "buy", "0", "0"))
    assert (await api.post(f"{ORDERS}/place", zero))[0] == 400, "nothing at all is no order in any position"


async def test_balance_and_allowance_can_go_unchecked(
    api: Any, switch: Switch, trader: Any, someone: Any, localnet: Any
) -> None:
    poor = trader({"USDC": "10"}, approve=False)

    async def place() -> str:
        body = poor.place_body("WETH_USDC", poor.order_message("WETH_USDC", "buy", "100", "1"))
        status, reply = await api.post(f"{ORDERS}/place", body)
        return "placed" if status == 200 else reply["error"].split(":")[0]

    assert await place() == "insufficient funds"
    await switch(check_balance="off")
    assert await place() == "insufficient allowance"
    await switch(check_balance="on", check_allowance="off")
    assert await place() == "insufficient funds"
    await switch(check_balance="off")
    assert await place() == "placed"
    [order] = await poor.orders(statuses="active")
    ask = await someone.place("WETH_USDC", "sell", "100", "1")
    localnet.call(localnet.localnet.settlement.settle_batch())
    assert (await someone.order(ask["order_id"]))["status"] == "open"
    order = await poor.order(order["order_id"])
    assert (order["status"], order["cancel"]["code"]) == ("cancelled", 711), "the chain has checked it after all"


async def test_settlement(switch: Switch, someone: Any, trader: Any) -> None:
    other = trader()
    await someone.place("WETH_USDC", "sell", "90", "1")
    bid = await other.place("WETH_USDC", "buy", "90", "1")
    assert (await other.order(bid["order_id"]))["quantity_pending"] == "1"
    await switch(settlement="instant")
    await someone.place("WETH_USDC", "sell", "90", "1")
    second = await other.place("WETH_USDC", "buy", "90", "1")
    for order_id in (bid["order_id"], second["order_id"]):
        order = await other.order(order_id)
        assert (order["quantity_pending"], order["quantity_filled"]) == ("0", "1")


async def test_mixed_cancel(switch: Switch, someone: Any) -> None:
    order = await someone.place("WETH_USDC", "buy", "100", "1")
    await switch(mixed_cancel="refuse_all")
    status, reply = await someone.cancel(order["order_id"], "unknown")
    assert status == 400
    assert "Order not found" in reply["error"]
    assert (await someone.order(order["order_id"]))["status"] == "open"
    await switch(mixed_cancel="cancel_good")
    assert await someone.cancel(order["order_id"], "unknown") == (200, {"cancelled_order_ids": [order["order_id"]]})


async def test_duplicate_hash(api: Any, switch: Switch, someone: Any) -> None:
    body = someone.place_body("WETH_USDC", someone.order_message("WETH_USDC", "buy", "100", "1"))
    _, first = await api.post(f"{ORDERS}/place", body)
    status, reply = await api.post(f"{ORDERS}/place", body)
    assert status == 400
    assert reply["error"].startswith("duplicate order")
    await switch(duplicate_hash="accept")
    status, second = await api.post(f"{ORDERS}/place", body)
    assert (status, second["order_hash"]) == (200, first["order_hash"])
    assert second["order_id"] != first["order_id"]


async def test_subscribe_ack(localnet: Any, switch: Switch, listen: Any) -> None:
    channel = localnet.markets["WETH_USDC"].channel
    assert (await listen(channel)).events == []
    await switch(subscribe_ack="echo")
    listener = await listen(channel)
    assert listener.events == [{"action": "subscribe", "channelId": channel}]
    await listener.command("unsubscribe", channel)
    assert listener.events[1:] == [{"action": "unsubscribe", "channelId": channel}]


async def test_market_order(api: Any, switch: Switch, someone: Any, trader: Any) -> None:
    for price in ("101", "102", "103"):
        await someone.place("WETH_USDC", "sell", price, "1")
    for price in ("98", "97"):
        await someone.place("WETH_USDC", "buy", price, "1")
    wish = {"wallet_address": trader().wallet, "amount": "1.5"} | MARKET

    async def generate(side: str, **change: str) -> Any:
        return await api.post(f"{ORDERS}/typedData/generate", wish | {"side": side} | change)

    assert (await generate("buy"))[0] == 400
    await switch(market_order="sweep")
    prices = {side: (await generate(side))[1]["limit_order"]["price_precision"] for side in ("buy", "sell")}
    assert prices == {"buy": str(102 * 10**18), "sell": str(97 * 10**18)}
    status, reply = await generate("sell", amount="2.5")
    assert (status, reply["error"]) == (400, "price is missing, and the book holds less than the amount")
    status, proposal = await generate("buy", price="50")
    assert proposal["limit_order"]["price_precision"] == str(50 * 10**18), "a price that is given counts"


async def test_fee(localnet: Any, api: Any, switch: Switch, trader: Any, chain: Any) -> None:
    async def trade() -> tuple[int, Decimal, Any]:
        buyer, seller = trader({"USDC": "1000"}), trader({"WETH": "5"})
        await seller.place("WETH_USDC", "sell", "200", "1")
        bid = await buyer.place("WETH_USDC", "buy", "200", "1")
        localnet.call(localnet.localnet.settlement.settle_batch())
        [shown] = await buyer.trades(bid["order_id"])
        _, [listed] = await api.get("/api/v1/exchange/chain/list")
        return 10**18 - chain.balance_wei("WETH", buyer.wallet), Decimal(shown["taker_fee"]), listed["fee"]

    assert await trade() == (7 * 10**14, Decimal("0.0007"), 0.07)
    await switch(fee="zero")
    assert await trade() == (0, 0, 0)
    await switch(fee="charged")
    assert await trade() == (7 * 10**14, Decimal("0.0007"), 0.07)


async def test_a_match_that_waits_pays_the_fee_of_its_settlement(
    localnet: Any, switch: Switch, trader: Any, chain: Any
) -> None:
    buyer, seller = trader({"USDC": "1000"}), trader({"WETH": "5"})
    await seller.place("WETH_USDC", "sell", "200", "1")
    bid = await buyer.place("WETH_USDC", "buy", "200", "1")
    await switch(fee="zero")
    localnet.call(localnet.localnet.settlement.settle_batch())
    [shown] = await buyer.trades(bid["order_id"])
    assert (shown["state"], shown["taker_fee"]) == ("success", "0")
    assert chain.balance_wei("WETH", buyer.wallet) == 10**18


async def test_self_trade(api: Any, switch: Switch, someone: Any, trader: Any) -> None:
    other = trader()
    first = await other.place("WETH_USDC", "sell", "90", "1")
    await someone.place("WETH_USDC", "sell", "91", "1")
    await switch(self_trade="refuse")

    async def buy(quantity: str, price: str = "95") -> tuple[int, Any]:
        body = someone.place_body("WETH_USDC", someone.order_message("WETH_USDC", "buy", price, quantity))
        return await api.post(f"{ORDERS}/place", body)

    status, reply = await buy("1.5")
    assert status == 400
    assert reply["error"].startswith("self-trade")
    assert (await other.order(first["order_id"]))["quantity_pending"] == "0", "nothing was matched"
    assert (await buy("1.5", "90.5"))[0] == 200, "it does not reach the own order"
    await switch(self_trade="allow")
    assert (await buy("1"))[0] == 200
    for order in await other.orders(statuses="active"):
        await other.cancel(order["order_id"])


async def test_a_folder_taken_up_again_charges_what_its_switch_says(tmp_path: Path) -> None:
    config = LocalnetConfig(port=0, rpc_port=0, agents=False, data=tmp_path / "data")
    async with Localnet(config) as first:
        await first.switches.change({"fee": "zero"})
        assert (first.venue.fee_bps, await fee_on_chain(first)) == (0, 0)
    async with Localnet(config) as second:
        assert (second.venue.fee_bps, await fee_on_chain(second)) == (7, 7)


async def fee_on_chain(localnet: Localnet) -> int:
    exchange = localnet.deployment.form.exchange
    async with aiohttp.ClientSession() as session:
        rpc = ChainRpc(localnet.rpc_url, session)
        [fee_bps] = exchange.decode(
            "feeAmount", await rpc.call(localnet.deployment.exchange, exchange.encode("feeAmount"))
        )
    return int(fee_bps)
