"""Subscriptions, and connections that misbehave."""

import asyncio
from typing import Any

import pytest

from tegro_localnet.events import EventHub, Subscriber


async def test_an_unsubscribed_channel_is_silent(localnet: Any, trader: Any, listen: Any) -> None:
    someone = trader()
    channel = localnet.markets["WETH_USDC"].channel
    listener = await listen(someone.wallet, channel)
    await listener.command("unsubscribe", channel, "never-followed")
    order = await someone.place("WETH_USDC", "buy", "100", "0.1")
    await someone.cancel(order["order_id"])
    await listener.until(lambda event: event["data"].get("status") == "cancelled")
    assert listener.actions() == ["order_placed", "order_submitted", "order_submitted"]


async def test_two_subscriptions_to_one_channel_give_each_event_once(trader: Any, listen: Any) -> None:
    someone = trader()
    listener = await listen(someone.wallet, someone.account.address, someone.wallet.upper().replace("X", "x"))
    order = await someone.place("WETH_USDC", "buy", "100", "0.1")
    await listener.until(lambda event: event["action"] == "order_submitted")
    assert listener.actions() == ["order_placed", "order_submitted"]
    await someone.cancel(order["order_id"])


@pytest.mark.parametrize(
    ("frame", "sentence"),
    [
        ("{", "a frame must be an object"),
        ("[]", "a frame must be an object"),
        ('{"action": "subscribe"}', "a frame must be an object"),
        ('{"action": "shout", "channelId": "x"}', "action must be 'subscribe' or 'unsubscribe', was 'shout'"),
        ('{"action": "subscribe", "channelId": ""}', "channelId must have 1 to 200 characters"),
        ('{"action": "subscribe", "channelId": "%s"}' % ("x" * 201), "channelId must have 1 to 200 characters"),
    ],
)
async def test_a_frame_that_makes_no_sense_is_answered(listen: Any, frame: str, sentence: str) -> None:
    listener = await listen()
    await listener.socket.send_str(frame)
    event = await listener.until(lambda event: event["action"] == "error")
    assert sentence in event["data"]["error"]
    await listener.command("subscribe", "still-alive")


async def test_a_connection_may_follow_a_thousand_channels_and_no_more(listen: Any) -> None:
    listener = await listen(*(f"channel-{number}" for number in range(1000)))
    await listener.socket.send_json({"action": "subscribe", "channelId": "one-more"})
    event = await listener.until(lambda event: event["action"] == "error")
    assert event["data"]["error"] == "a connection may follow at most 1000 channels"


async def test_a_reader_that_stops_reading_is_cut_off_and_the_others_are_not(
    localnet: Any, trader: Any, listen: Any
) -> None:
    someone = trader()
    host, port = localnet.rest_url.removeprefix("http://").split(":")
    reader, writer = await asyncio.open_connection(host, int(port), limit=2**10)
    writer.write(
        b"GET /api/v1/events/ws HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n"
    )
    assert b"101" in await reader.readline()
    payload = b'{"action": "subscribe", "channelId": "flood"}'
    # A client's frame: text, final, masked with zeros.
    writer.write(bytes([0x81, 0x80 | len(payload), 0, 0, 0, 0]) + payload)
    await writer.drain()
    healthy = await listen(someone.wallet)
    hub = localnet.localnet.hub
    socket_buffer_bytes, frame = 64 * 2**20, {"filler": "x" * 20_000}

    async def flood() -> None:
        for _ in range(socket_buffer_bytes // 20_000 + 4096):
            hub.publish(["flood"], "noise", frame)
            await asyncio.sleep(0)

    await asyncio.get_running_loop().run_in_executor(None, localnet.call, flood())
    with pytest.raises((ConnectionError, asyncio.IncompleteReadError)):
        async with asyncio.timeout(15):
            await reader.readexactly(2**31)
    writer.close()
    order = await someone.place("WETH_USDC", "buy", "100", "0.1")
    await healthy.until(lambda event: event["action"] == "order_submitted")
    await someone.cancel(order["order_id"])


async def test_an_overflowed_subscriber_keeps_what_it_had_and_takes_no_more() -> None:
    hub, subscriber = EventHub(), Subscriber(limit=2)
    hub.subscribe(subscriber, "Channel")
    for number in range(3):
        hub.publish(["cHANNEL"], "noise", number)
    assert subscriber.overflowed.is_set()
    assert [await subscriber.next_frame() for _ in range(2)] == [
        b'{"action":"noise","data":0}',
        b'{"action":"noise","data":1}',
    ]
    hub.publish(["channel"], "noise", 3)
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0):
            await subscriber.next_frame()
