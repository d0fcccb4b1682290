"""Faults on demand, through real HTTP and WebSocket connections; what the venue did is checked after each."""

import asyncio
import logging
import random
import time
from collections import Counter
from decimal import Decimal
from typing import Any

import aiohttp
import pytest
from aiohttp import WSMsgType
from hypothesis import given
from hypothesis import strategies as st

from tegro_localnet.background import BackgroundLocalnet
from tegro_localnet.config import LocalnetConfig
from tegro_localnet.faults import Fault, FaultBoard, FaultKind

ORDERS = "/api/v1/trading/market/orders"
PLACE = f"{ORDERS}/place"
STREAM = "/api/v1/events/ws"
DEADLINE_SECS = 60
WALLET = "0x" + "ab" * 20


@pytest.fixture(scope="module")
def localnet_config() -> LocalnetConfig:
    return LocalnetConfig(port=0, rpc_port=0, agents=False, settlement_interval_ms=50, seed=7)


def buy(trader: Any, price: str = "100") -> dict[str, Any]:
    """Return the body of an order that will rest."""
    return trader.place_body("WETH_USDC", trader.order_message("WETH_USDC", "buy", price, "0.1"))


async def hashes(trader: Any, **query: Any) -> list[str]:
    return ["0x" + order["order_hash"] for order in await trader.orders(**query)]


# ---------------------------------------------------------------- requests


async def test_a_dropped_request_never_reaches_the_venue(someone: Any, api: Any, faults: FaultBoard) -> None:
    fault_id = faults.add(Fault(kind=FaultKind.DROP_REQUEST, path="*/orders/place"))
    body = buy(someone)
    with pytest.raises(aiohttp.ServerDisconnectedError):
        await api.post(PLACE, body)
    assert faults.fired(fault_id) == 1
    assert await hashes(someone) == []
    status, _ = await api.post(PLACE, body)
    assert status == 200


async def test_a_dropped_reply_comes_after_the_venue_has_acted(someone: Any, api: Any, faults: FaultBoard) -> None:
    faults.add(Fault(kind=FaultKind.DROP_REPLY, path="*/orders/place"))
    body = buy(someone)
    with pytest.raises(aiohttp.ServerDisconnectedError):
        await api.post(PLACE, body)
    assert await hashes(someone) == [body["order_hash"]]


async def test_a_refusal_of_the_venue_is_an_answer_that_can_be_lost(api: Any, faults: FaultBoard) -> None:
    faults.add(Fault(kind=FaultKind.DROP_REPLY))
    with pytest.raises(aiohttp.ServerDisconnectedError):
        await api.post(PLACE, {})
    faults.add(Fault(kind=FaultKind.STATUS, after=True))
    assert (await api.post(PLACE, {}))[0] == 503
    faults.add(Fault(kind=FaultKind.DELAY, delay_ms=1))
    assert (await api.post(PLACE, {}))[0] == 400


@pytest.mark.parametrize("status", [400, 429, 500, 503])
@pytest.mark.parametrize("after", [False, True])
async def test_a_status_answers_in_place_of_the_venue_or_after_it(
    someone: Any, api: Any, faults: FaultBoard, status: int, after: bool
) -> None:
    fault_id = faults.add(Fault(kind=FaultKind.STATUS, status=status, after=after, retry_after_secs=2))
    body = buy(someone)
    async with api.session.post(api.root + PLACE, json=body) as response:
        reply = await response.json()
    assert (response.status, response.headers["Retry-After"]) == (status, "2")
    assert reply == {"error": f"fault {fault_id} of localnet answers {status}"}
    assert await hashes(someone) == ([body["order_hash"]] if after else [])


async def test_a_status_without_retry_after_has_no_such_header(api: Any, faults: FaultBoard) -> None:
    faults.add(Fault(kind=FaultKind.STATUS))
    async with api.session.get(f"{api.root}/api/v1/trading/health") as response:
        assert response.status == 503
        assert "Retry-After" not in response.headers


async def test_a_held_request_is_acted_on_after_its_client_has_gone(
    someone: Any, api: Any, faults: FaultBoard, eventually: Any, caplog: pytest.LogCaptureFixture, reach: Any
) -> None:
    fault_id = faults.add(Fault(kind=FaultKind.HOLD, path="*/orders/place"))
    body = buy(someone)
    async with aiohttp.ClientSession() as session:
        request = asyncio.create_task(session.post(api.root + PLACE, json=body))
        await reach(lambda: faults.list()[0].held, 1)
        request.cancel()
        await asyncio.wait({request})
    assert await hashes(someone) == []
    assert faults.fired(fault_id) == 1
    assert faults.release(fault_id) == 1
    assert await eventually(lambda: hashes(someone), bool) == [body["order_hash"]]
    assert faults.release(fault_id) == 0
    assert [record for record in caplog.records if record.levelno >= logging.WARNING] == []


async def test_a_held_request_whose_client_waits_is_answered(someone: Any, api: Any, faults: FaultBoard) -> None:
    faults.add(Fault(kind=FaultKind.HOLD, path="*/orders/place", hold_ms=30))
    begin_ns = time.monotonic_ns()
    order = await someone.place("WETH_USDC", "buy", "100", "0.1")
    assert time.monotonic_ns() - begin_ns >= 30_000_000
    assert order["status"] == "open"


async def test_clearing_lets_held_requests_go_on(someone: Any, faults: FaultBoard, reach: Any) -> None:
    faults.add(Fault(kind=FaultKind.HOLD, path="*/orders/place", times=None))
    placing = [asyncio.create_task(someone.place("WETH_USDC", "buy", str(price), "0.1")) for price in (100, 101)]
    await reach(lambda: faults.list()[0].held, 2)
    assert faults.clear() == 1
    orders = await asyncio.gather(*placing)
    assert [order["price"] for order in orders] == ["100", "101"]


async def test_a_delayed_answer_comes_late_though_the_venue_has_acted(
    someone: Any, faults: FaultBoard, eventually: Any, reach: Any
) -> None:
    fault_id = faults.add(Fault(kind=FaultKind.DELAY, path="*/orders/place", delay_ms=600_000))
    placing = asyncio.create_task(someone.place("WETH_USDC", "buy", "100", "0.1"))
    [order_hash] = await eventually(lambda: hashes(someone), bool)
    assert not placing.done()
    await reach(lambda: faults.release(fault_id), 1)
    assert "0x" + (await placing)["order_hash"] == order_hash


async def test_a_delay_lasts_as_long_as_it_says(api: Any, faults: FaultBoard) -> None:
    faults.add(Fault(kind=FaultKind.DELAY, delay_ms=30))
    begin_ns = time.monotonic_ns()
    assert await api.get("/api/v1/trading/health") == (200, {"status": "ok"})
    assert time.monotonic_ns() - begin_ns >= 30_000_000


async def test_hidden_orders_are_left_out_of_every_list_until_cleared(
    someone: Any, trader: Any, faults: FaultBoard
) -> None:
    other = trader({"USDC": "5000"})
    before = await someone.place("WETH_USDC", "buy", "100", "0.1")
    fault_id = faults.add(Fault(kind=FaultKind.HIDE, wallet=someone.account.address))
    others = await other.place("WETH_USDC", "buy", "103", "0.1")
    assert len(await hashes(someone)) == 1
    assert faults.fired(fault_id) == 0
    during = [await someone.place("WETH_USDC", "buy", price, "0.1") for price in ("101", "102")]
    known = [before["order_id"]]
    for query in ({}, {"statuses": "active"}, {"page_size": 1}):
        assert [order["order_id"] for order in await someone.orders(**query)] == known
    assert await someone.orders(order_id=during[0]["order_id"]) == []
    assert await someone.orders(page=2, page_size=1) == []
    await someone.cancel(during[0]["order_id"])
    assert await someone.orders(statuses="cancelled") == []
    assert [order["order_id"] for order in await other.orders()] == [others["order_id"]]
    assert faults.fired(fault_id) == 6
    faults.clear(fault_id)
    assert [order["order_id"] for order in await someone.orders()] == [
        during[1]["order_id"],
        during[0]["order_id"],
        *known,
    ]


async def test_what_was_held_and_accepted_meanwhile_is_hidden_too(
    someone: Any, faults: FaultBoard, localnet: BackgroundLocalnet, reach: Any
) -> None:
    faults.add(Fault(kind=FaultKind.HOLD, path="*/orders/place"))
    placing = asyncio.create_task(someone.place("WETH_USDC", "buy", "100", "0.1"))
    await reach(lambda: faults.list()[0].held, 1)
    faults.add(Fault(kind=FaultKind.HIDE, path="*/orders/user/*", times=None))
    faults.release()
    order = await placing
    assert localnet.localnet.venue.orders.get(order["order_id"]) is not None
    assert await hashes(someone) == []


# ---------------------------------------------------------------- whom a fault meets


async def test_only_the_path_that_fits_fails(api: Any, faults: FaultBoard) -> None:
    fault_id = faults.add(Fault(kind=FaultKind.STATUS, path="/api/v1/exchange/*/market/list", times=None))
    assert (await api.get("/api/v1/exchange/chain/list"))[0] == 200
    assert (await api.get("/api/v1/exchange/31337/market/list"))[0] == 503
    assert faults.fired(fault_id) == 1


async def test_localnets_own_paths_never_fail(api: Any, faults: FaultBoard) -> None:
    faults.add(Fault(kind=FaultKind.STATUS, times=None))
    assert (await api.get("/api/v1/trading/health"))[0] == 503
    assert await api.get("/localnet/health") == (200, {"status": "ok"})


async def test_a_wallet_is_found_in_path_and_body(someone: Any, trader: Any, api: Any, faults: FaultBoard) -> None:
    other = trader({"USDC": "5000"})
    orders = {one.wallet: await one.place("WETH_USDC", "buy", "100", "0.1") for one in (someone, other)}
    faults.add(Fault(kind=FaultKind.STATUS, wallet=someone.account.address, times=None))

    async def statuses_of(one: Any) -> list[int]:
        order_ids = [orders[one.wallet]["order_id"]]
        proposal = {"market_symbol": "WETH_USDC", "side": "buy", "price": "100", "amount": "0.1"}
        all_body = {"chain_id": 31337, "wallet_address": one.wallet, "signature": one.sign_text(one.wallet)}
        replies = [
            await api.get(f"{ORDERS}/user/{one.account.address}"),
            await api.get(f"/api/v1/accounts/31337/{one.wallet}/portfolio"),
            await api.post(PLACE, buy(one, "101")),
            await api.post(
                f"{ORDERS}/typedData/generate", proposal | {"chain_id": 31337, "wallet_address": one.account.address}
            ),
            await api.post(
                f"{ORDERS}/typedData/generateCancelOrder", {"order_ids": order_ids, "user_address": one.wallet}
            ),
            await one.cancel(*order_ids),
            await api.post(f"{ORDERS}/cancel-all", all_body),
        ]
        return [status for status, _ in replies]

    assert await statuses_of(someone) == [503] * 7
    assert await statuses_of(other) == [200] * 7
    assert (await api.get("/api/v1/exchange/chain/list"))[0] == 200


@pytest.mark.parametrize("body", [b"{", b"\xff", b"[1]", b'{"raw_order_data": "{"}', b"[" * 100_000, b"{}"])
async def test_a_body_that_names_nobody_meets_no_fault_of_a_wallet(api: Any, faults: FaultBoard, body: bytes) -> None:
    fault_id = faults.add(Fault(kind=FaultKind.STATUS, wallet=WALLET))
    status, reply = await api.post(PLACE, body)
    assert (status, faults.fired(fault_id)) == (400, 0)
    assert "the body does not fit" in reply["error"]


async def test_a_body_that_is_too_long_is_refused_before_a_fault_is_spent(api: Any, faults: FaultBoard) -> None:
    fault_id = faults.add(Fault(kind=FaultKind.STATUS))
    status, reply = await api.post(PLACE, b" " * 2**21)
    assert (status, faults.fired(fault_id)) == (413, 0)
    assert "error" in reply


async def test_of_several_the_oldest_happens_and_each_as_often_as_it_says(api: Any, faults: FaultBoard) -> None:
    ids = [faults.add(Fault(kind=FaultKind.STATUS, status=500 + times, times=times)) for times in (2, 1)]
    seen = [(await api.get("/api/v1/trading/health"))[0] for _ in range(4)]
    assert seen == [502, 502, 501, 200]
    assert [faults.fired(fault_id) for fault_id in ids] == [2, 1]
    assert [entry.id for entry in faults.list()] == ids


@given(
    times=st.lists(st.none() | st.integers(1, 4), max_size=5), requests=st.integers(0, 20), seed=st.integers(0, 2**32)
)
def test_firings_are_counted_exactly(times: list[int | None], requests: int, seed: int) -> None:
    board = FaultBoard(random.Random(seed))
    ids = [board.add(Fault(kind=FaultKind.STATUS, times=count)) for count in times]
    happened = Counter(
        firing.id for _ in range(requests) if (firing := board.fire_request("/api/x", None, opens_stream=False))
    )
    left = requests
    for fault_id, count in zip(ids, times, strict=True):
        expected = left if count is None else min(left, count)
        left -= expected
        assert happened[fault_id] == board.fired(fault_id) == expected
    assert board.has_request_faults == (any(count is None for count in times) or sum(filter(None, times)) > requests)


def test_a_probability_is_drawn_from_the_seed() -> None:
    def pattern(seed: int) -> list[bool]:
        board = FaultBoard(random.Random(seed))
        board.add(Fault(kind=FaultKind.DROP_REQUEST, times=None, probability=Decimal("0.3")))
        return [board.fire_request("/api/x", None, opens_stream=False) is not None for _ in range(2000)]

    assert pattern(1) == pattern(1) != pattern(2)
    # Six standard deviations of 2000 draws at 0.3.
    assert abs(sum(pattern(1)) - 600) < 123


async def test_what_was_not_drawn_does_not_count(api: Any, faults: FaultBoard) -> None:
    fault_id = faults.add(Fault(kind=FaultKind.STATUS, times=5, probability=Decimal("0.5")))
    seen = Counter([(await api.get("/api/v1/trading/health"))[0] for _ in range(200)])
    assert seen == {503: 5, 200: 195}
    assert faults.fired(fault_id) == 5


async def test_every_firing_is_in_the_log(api: Any, faults: FaultBoard, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "tegro_localnet.faults")
    fault_id = faults.add(Fault(kind=FaultKind.STATUS))
    await api.get("/api/v1/trading/health")
    assert [record.getMessage() for record in caplog.records if record.name == "tegro_localnet.faults"] == [
        f"fault {fault_id}: status happens to 'the request /api/v1/trading/health'"
    ]


# ---------------------------------------------------------------- stream frames


@pytest.mark.parametrize(
    ("fault", "expected"),
    [
        (Fault(kind=FaultKind.FRAME_DROP), ["order_submitted"]),
        (Fault(kind=FaultKind.FRAME_DROP, action="order_submitted"), ["order_placed"]),
        (Fault(kind=FaultKind.FRAME_DUPLICATE), ["order_placed", "order_placed", "order_submitted"]),
        (Fault(kind=FaultKind.FRAME_REORDER), ["order_submitted", "order_placed"]),
        (Fault(kind=FaultKind.FRAME_REORDER, times=None), ["order_submitted", "order_placed"]),
        (Fault(kind=FaultKind.FRAME_DROP, action="trade_created"), ["order_placed", "order_submitted"]),
        (Fault(kind=FaultKind.FRAME_DROP, wallet=WALLET), ["order_placed", "order_submitted"]),
    ],
)
async def test_frames_are_dropped_doubled_and_swapped(
    someone: Any, listen: Any, faults: FaultBoard, fault: Fault, expected: list[str]
) -> None:
    listener = await listen(someone.wallet)
    faults.add(fault)
    await someone.place("WETH_USDC", "buy", "100", "0.1")
    faults.clear()
    await listener.command("subscribe", "the-end")
    assert listener.actions() == expected


async def test_a_delayed_frame_stops_what_is_behind_it_on_its_socket(
    someone: Any, listen: Any, faults: FaultBoard
) -> None:
    listener = await listen(someone.wallet)
    faults.add(Fault(kind=FaultKind.FRAME_DELAY, action="order_placed", delay_ms=50))
    begin_ns = time.monotonic_ns()
    await someone.place("WETH_USDC", "buy", "100", "0.1")
    await listener.until(lambda event: event["action"] == "order_submitted")
    assert time.monotonic_ns() - begin_ns >= 50_000_000
    assert listener.actions() == ["order_placed", "order_submitted"]


async def test_a_cut_ends_one_socket_before_the_frame(
    someone: Any, trader: Any, listen: Any, faults: FaultBoard, localnet: BackgroundLocalnet
) -> None:
    other = trader({"USDC": "5000"})
    channel = localnet.markets["WETH_USDC"].channel
    mine, others = await listen(someone.wallet, channel), await listen(other.wallet, channel)
    faults.add(Fault(kind=FaultKind.CUT, wallet=someone.account.address, action="order_submitted"))
    for one in (other, someone):
        await one.place("WETH_USDC", "buy", "100", "0.1")
    await mine.until(lambda event: event["action"] == "order_placed")
    async with asyncio.timeout(DEADLINE_SECS):
        message = await mine.socket.receive()
    assert message.type in (WSMsgType.CLOSED, WSMsgType.ERROR)
    assert mine.actions() == ["order_book_diff", "order_placed"]
    await others.until(lambda event: event["action"] == "order_book_diff" and len(others.events) == 4)
    assert others.actions() == ["order_placed", "order_submitted", "order_book_diff", "order_book_diff"]


async def test_a_frame_for_two_wallets_fails_for_the_one_that_is_meant(
    someone: Any, trader: Any, listen: Any, faults: FaultBoard
) -> None:
    seller = trader({"WETH": "1"})
    maker, taker = await listen(someone.wallet), await listen(seller.wallet)
    await someone.place("WETH_USDC", "buy", "2500", "0.1")
    faults.add(Fault(kind=FaultKind.FRAME_DROP, wallet=someone.wallet, action="user_trade_created", times=None))
    await seller.place("WETH_USDC", "sell", "2500", "0.1")
    for listener in (maker, taker):
        await listener.until(lambda event: event["action"] == "user_trade_updated")
    assert "user_trade_created" not in maker.actions()
    assert "user_trade_created" in taker.actions()


async def test_each_socket_that_a_frame_misses_counts(
    someone: Any, listen: Any, faults: FaultBoard, localnet: BackgroundLocalnet
) -> None:
    listeners = [await listen(localnet.markets["WETH_USDC"].channel) for _ in range(3)]
    fault_id = faults.add(Fault(kind=FaultKind.FRAME_DROP, action="order_book_diff", times=2))
    await someone.place("WETH_USDC", "buy", "100", "0.1")
    assert faults.fired(fault_id) == 2
    for listener in listeners:
        await listener.command("subscribe", "the-end")
    assert sorted(len(listener.events) for listener in listeners) == [0, 0, 1]


async def test_all_streams_can_be_cut_at_once(
    someone: Any, listen: Any, api: Any, localnet: BackgroundLocalnet, reach: Any
) -> None:
    for cut in (
        lambda: asyncio.to_thread(localnet.cut_streams),
        lambda: api.post("/localnet/streams/cut", {}),
    ):
        # The venue has noticed that those of before have gone.
        await reach(localnet.cut_streams, 0)
        listeners = [await listen(someone.wallet) for _ in range(2)]
        assert await cut() in (2, (200, {"cut": 2}))
        for listener in listeners:
            async with asyncio.timeout(DEADLINE_SECS):
                assert (await listener.socket.receive()).type in (WSMsgType.CLOSED, WSMsgType.ERROR)


async def test_the_opening_of_a_stream_meets_what_comes_before_it(
    localnet: BackgroundLocalnet, api: Any, faults: FaultBoard, reach: Any
) -> None:
    faults.add(Fault(kind=FaultKind.DROP_REQUEST, path=STREAM))
    # aiohttp repeats a request without effects once when the connection ends without an answer.
    faults.add(Fault(kind=FaultKind.DROP_REQUEST, path=STREAM))
    with pytest.raises(aiohttp.ServerDisconnectedError):
        await api.session.ws_connect(localnet.stream_url)
    faults.add(Fault(kind=FaultKind.STATUS, status=503))
    with pytest.raises(aiohttp.WSServerHandshakeError, match="503"):
        await api.session.ws_connect(localnet.stream_url)
    faults.clear()
    hold = faults.add(Fault(kind=FaultKind.HOLD))
    opening = asyncio.create_task(api.session.ws_connect(localnet.stream_url))
    await reach(lambda: faults.release(hold), 1)
    await (await opening).close()


@pytest.mark.parametrize(
    "fault",
    [
        Fault(kind=FaultKind.DROP_REPLY, times=None),
        Fault(kind=FaultKind.DELAY, delay_ms=600_000, times=None),
        Fault(kind=FaultKind.STATUS, after=True, times=None),
        Fault(kind=FaultKind.HIDE, times=None),
    ],
)
async def test_the_opening_of_a_stream_has_no_after(listen: Any, faults: FaultBoard, fault: Fault) -> None:
    fault_id = faults.add(fault)
    await listen(WALLET)
    assert faults.fired(fault_id) == 0


async def test_a_held_stream_whose_client_has_gone_is_not_opened(
    localnet: BackgroundLocalnet, faults: FaultBoard, caplog: pytest.LogCaptureFixture, reach: Any
) -> None:
    faults.add(Fault(kind=FaultKind.HOLD))
    async with aiohttp.ClientSession() as session:
        opening = asyncio.create_task(session.ws_connect(localnet.stream_url))
        await reach(lambda: faults.list()[0].held, 1)
        opening.cancel()
        await asyncio.wait({opening})
    # The venue sees the end of the connection before the next one is served.
    async with aiohttp.ClientSession() as session, session.get(f"{localnet.rest_url}/localnet/health"):
        assert faults.release() == 1
    await reach(localnet.cut_streams, 0)
    assert [record for record in caplog.records if record.levelno >= logging.WARNING] == []
