"""Two hundred WebSocket clients and twenty trading wallets at one localnet, for ten minutes.

No frame may be lost: every follower of the market must have received the same frames in the same order, and what they
tell must be the venue's book and trades. Nothing may be created or lost, and memory may only hold what was traded.

`TEGRO_SOAK_SECS` sets another length.
"""

import asyncio
import hashlib
import json
import os
import random
import subprocess
import sys
import time
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack
from decimal import Decimal
from typing import Any

import aiohttp
import psutil
import pytest
from eth_account import Account

from tegro.client import AsyncTegro
from tegro.errors import TegroError
from tegro.model import Market, OrderRequest, Side
from tegro.outcome import Accepted
from tegro.settings import Settings
from tegro.signer import LocalSigner
from tegro_localnet.chain.accounts import OPERATOR_KEY
from tegro_localnet.wallet import LocalWallet

pytestmark = [pytest.mark.soak, pytest.mark.timeout(0)]

DURATION_SECS = int(os.environ.get("TEGRO_SOAK_SECS", "600"))
FOLLOWERS, WALLETS = 200, 20
SYMBOL = "WETH_USDC"
FUNDS = {"WETH": Decimal(100), "USDC": Decimal(300_000)}
PAUSE_SECS = 1.0
DEADLINE_SECS = 120
KIB_PER_ORDER = 40
KIB_PER_TRADE_ON_CHAIN = 200
WARM_UP_KIB = 60_000
"""Caches that fill once, in either process."""


@pytest.fixture(scope="module")
def info(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Any]]:
    """A localnet as a user starts it; what it says of itself, and its process."""
    ready = tmp_path_factory.mktemp("soak") / "ready.json"
    command = [sys.executable, "-m", "tegro_localnet", "--port", "0", "--rpc-port", "0", "--no-agents", "--seed", "1"]
    process = subprocess.Popen([*command, "--ready-file", str(ready)], stdout=subprocess.DEVNULL)
    try:
        deadline = time.monotonic() + DEADLINE_SECS
        while not ready.exists():
            assert process.poll() is None, "localnet did not start"
            assert time.monotonic() < deadline, "localnet does not become ready"
            time.sleep(0.05)
        yield json.loads(ready.read_text()) | {"pid": process.pid}
    finally:
        process.terminate()
        process.wait(DEADLINE_SECS)


class Follower:
    """A WebSocket client that keeps a fingerprint of what it received; the first also keeps the frames."""

    def __init__(self, socket: aiohttp.ClientWebSocketResponse, *, keeps: bool) -> None:
        self._socket = socket
        self._keeps = keeps
        self._hash = hashlib.blake2b()
        self.count = 0
        self.frames: list[str] = []
        self.marked = asyncio.Event()

    async def read(self) -> None:
        async for message in self._socket:
            if message.type is not aiohttp.WSMsgType.TEXT:
                break
            if '"error"' in message.data:
                self.marked.set()
                continue
            self.count += 1
            self._hash.update(message.data.encode())
            if self._keeps:
                self.frames.append(message.data)

    async def read_up_to_now(self) -> None:
        """Frames are read in order, so the answer to a meaningless one comes after all that was sent before."""
        self.marked.clear()
        await self._socket.send_json({"action": "mark", "channelId": "x"})
        await self.marked.wait()

    @property
    def fingerprint(self) -> tuple[int, str]:
        return self.count, self._hash.hexdigest()


@pytest.fixture
async def followers(info: dict[str, Any], traders: list[AsyncTegro]) -> AsyncIterator[list[Follower]]:
    connector = aiohttp.TCPConnector(limit=0)
    async with aiohttp.ClientSession(connector=connector) as session, asyncio.TaskGroup() as readers:
        channel = (await traders[0].market(SYMBOL)).channel
        found, tasks = [], []
        for number in range(FOLLOWERS):
            socket = await session.ws_connect(info["stream_url"], max_msg_size=0)
            follower = Follower(socket, keeps=number == 0)
            tasks.append(readers.create_task(follower.read()))
            await socket.send_json({"action": "subscribe", "channelId": channel})
            await follower.read_up_to_now()
            found.append(follower)
        yield found
        for task in tasks:
            task.cancel()


@pytest.fixture
async def traders(info: dict[str, Any]) -> AsyncIterator[list[AsyncTegro]]:
    variables = {"TEGRO_LOCALNET_REST_URL": info["rest_url"], "TEGRO_LOCALNET_RPC_URL": info["rpc_url"]}
    environment = Settings.load(None, variables).environment("localnet")
    async with AsyncExitStack() as stack, aiohttp.ClientSession() as session:
        clients = []
        for _ in range(WALLETS):
            signer = LocalSigner(Account.create().key.hex())
            body = {"wallet": signer.address, "amounts": {name: str(amount) for name, amount in FUNDS.items()}}
            async with session.post(info["faucet_url"], json=body) as reply:
                assert reply.status == 200, await reply.text()
            client = await stack.enter_async_context(AsyncTegro(environment, signer=signer))
            market = await client.market(SYMBOL)
            caps = {token: token.to_wei(FUNDS[token.symbol]) for token in (market.base, market.quote)}
            await client.allowances.apply(await client.allowances.plan(caps))
            await client.prepare([market])
            clients.append(client)
        yield clients


class Session:
    """What the traders did, and how much memory the venue and its chain held meanwhile."""

    def __init__(self, info: dict[str, Any]) -> None:
        self.outcomes: Counter[str] = Counter()
        self._venue = psutil.Process(info["pid"])
        self.memory_kib: list[tuple[int, int]] = []
        self.accepted: list[int] = []

    async def trade(self, client: AsyncTegro, rng: random.Random, end_secs: float) -> None:
        """Place and cancel around one price until the time is over."""
        market = await client.market(SYMBOL)
        resting: list[str] = []
        while time.monotonic() < end_secs:
            await asyncio.sleep(PAUSE_SECS * rng.uniform(0.5, 1.5))
            if len(resting) > 4:
                await client.cancel([resting.pop(0)])
                self.outcomes["cancelled"] += 1
                continue
            side = rng.choice(list(Side))
            away = Decimal(rng.randint(-30, 100)).scaleb(-1)
            price = Decimal(3000) - away if side is Side.BUY else Decimal(3000) + away
            quantity = Decimal(rng.randint(1000, 30_000)).scaleb(-6)
            try:
                outcome = await client.place(OrderRequest(market=market, side=side, price=price, quantity=quantity))
            except TegroError as error:
                self.outcomes[type(error).__name__] += 1
                continue
            self.outcomes[type(outcome).__name__] += 1
            if isinstance(outcome, Accepted):
                resting.append(outcome.order_id)

    async def watch_memory(self, end_secs: float) -> None:
        while time.monotonic() < end_secs:
            self.note_memory()
            await asyncio.sleep(min(5.0, DURATION_SECS / 12))

    def note_memory(self) -> None:
        chain = self._venue.children()
        held = [process.memory_info().rss // 1024 for process in (self._venue, *chain)]
        self.memory_kib.append((held[0], sum(held[1:])))
        self.accepted.append(self.outcomes["Accepted"])


async def test_no_frame_is_lost_memory_is_steady_and_nothing_is_created(
    info: dict[str, Any], followers: list[Follower], traders: list[AsyncTegro]
) -> None:
    session, end_secs = Session(info), time.monotonic() + DURATION_SECS
    async with asyncio.TaskGroup() as group:
        for number, client in enumerate(traders):
            group.create_task(session.trade(client, random.Random(number), end_secs))
        group.create_task(session.watch_memory(end_secs))
    trades = await everything_settled(traders)
    session.note_memory()
    async with asyncio.timeout(DEADLINE_SECS):
        await asyncio.gather(*(follower.read_up_to_now() for follower in followers))

    assert len({follower.fingerprint for follower in followers}) == 1
    await check_told(followers[0], trades, info, await traders[0].market(SYMBOL))
    await check_conservation(traders, info)
    check_memory(session, len(trades))
    print(report(session, followers, trades))  # noqa: T201 - the figures are what a soak is run for


async def everything_settled(traders: list[AsyncTegro]) -> dict[str, str]:
    """Wait until no trade is pending; return the state of each by its id."""
    async with asyncio.timeout(DEADLINE_SECS):
        while True:
            states: dict[str, str] = {}
            for client in traders:
                states |= {fill.trade.trade_id: fill.trade.state.value for fill in await client.fills()}
            if "pending" not in states.values():
                return states
            await asyncio.sleep(0.5)


async def check_told(follower: Follower, trades: dict[str, str], info: dict[str, Any], market: Market) -> None:
    """Hold the frames of one follower against the venue's book and trades."""
    told: dict[str, Counter[str]] = {"trade_created": Counter(), "trade_updated": Counter()}
    book: dict[str, dict[Decimal, Decimal]] = {"bids": {}, "asks": {}}
    for frame in follower.frames:
        event = json.loads(frame)
        if event["action"] in told:
            told[event["action"]][event["data"]["id"]] += 1
        elif event["action"] == "order_book_diff":
            for name, side in book.items():
                for level in event["data"].get(name) or ():
                    side[Decimal(level["price"])] = Decimal(level["quantity"])
    assert told["trade_created"] == told["trade_updated"] == Counter(trades.keys())
    async with aiohttp.ClientSession() as session:
        query = {"chain_id": info["chain_id"], "market_id": market.id}
        async with session.get(f"{info['rest_url']}/api/v1/orderbook/depth", params=query) as reply:
            depth = await reply.json()
    for name, side in book.items():
        served = {Decimal(level["price"]): Decimal(level["quantity"]) for level in depth[name] or ()}
        assert {price: total for price, total in side.items() if total} == served


async def check_conservation(traders: list[AsyncTegro], info: dict[str, Any]) -> None:
    market = await traders[0].market(SYMBOL)
    for token in (market.base, market.quote):
        held = 0
        for client in traders:
            [state] = await client.allowances.state([token])
            assert state.balance_wei is not None
            assert state.balance_wei >= 0
            held += state.balance_wei
        fees = await fees_wei(info, token.address)
        assert held + fees == WALLETS * token.to_wei(FUNDS[token.symbol])


async def fees_wei(info: dict[str, Any], token: str) -> int:
    """Return the balance of the fee recipient, who has nothing else, by plain JSON-RPC."""
    recipient = LocalWallet(OPERATOR_KEY).address.removeprefix("0x")
    call = {"to": token, "data": f"0x70a08231{recipient:0>64}"}
    request = {"jsonrpc": "2.0", "id": 1, "method": "eth_call", "params": [call, "latest"]}
    async with aiohttp.ClientSession() as session, session.post(info["rpc_url"], json=request) as reply:
        return int((await reply.json())["result"], 16)


def check_memory(session: Session, trade_count: int) -> None:
    """What is kept for each order and trade is bounded; the first third only fills caches."""
    third = len(session.memory_kib) // 3
    venue_kib, chain_kib = (
        session.memory_kib[-1][which] - max(held[which] for held in session.memory_kib[: third + 1]) for which in (0, 1)
    )
    orders = session.accepted[-1] - session.accepted[third]
    assert venue_kib <= orders * KIB_PER_ORDER + WARM_UP_KIB
    assert chain_kib <= trade_count * KIB_PER_TRADE_ON_CHAIN + WARM_UP_KIB


def report(session: Session, followers: list[Follower], trades: dict[str, str]) -> str:
    first, last = session.memory_kib[0], session.memory_kib[-1]
    return (
        f"{DURATION_SECS} s, {FOLLOWERS} followers, {WALLETS} wallets: {dict(session.outcomes)}, "
        f"{dict(Counter(trades.values()))} trades, {followers[0].count} frames to each follower, "
        f"memory in MiB: venue {first[0] // 1024} to {last[0] // 1024}, chain {first[1] // 1024} to {last[1] // 1024}"
    )
