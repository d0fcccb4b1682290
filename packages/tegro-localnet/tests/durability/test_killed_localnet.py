"""`kill -9` at any moment: what a client was told is there after the restart, and every match settles exactly once."""

import asyncio
import random
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import aiohttp
import pytest

SYMBOL = "WETH_USDC"
DEADLINE_SECS = 60


class Client:
    """Two wallets that trade with each other and remember what the venue told them."""

    def __init__(self, traders: list[Any], rng: random.Random) -> None:
        self.traders = traders
        self.rng = rng
        self.accepted: dict[str, int] = {}
        """Order id to the number of its trader."""
        self.cancelled: set[str] = set()
        self.settled: dict[str, str] = {}
        """Trade id to the hash of its transaction."""

    async def act(self) -> None:
        """Place an order at a price that often meets another, or cancel one."""
        number = self.rng.randrange(2)
        trader = self.traders[number]
        own = [order_id for order_id, owner in self.accepted.items() if owner == number]
        if own and self.rng.random() < 0.3:
            order_id = self.rng.choice(own)
            status, answer = await trader.cancel(order_id)
            if status == 200 and order_id in answer["cancelled_order_ids"]:
                self.cancelled.add(order_id)
            return
        side = self.rng.choice(["buy", "sell"])
        price = str(Decimal(3000) + self.rng.randint(-2, 2))
        reply = await trader.place(SYMBOL, side, price, str(Decimal(self.rng.randint(1, 50)) / 1000))
        self.accepted[reply["order_id"]] = number

    async def act_until_it_ends(self) -> None:
        """Trade until the venue does not answer any more."""
        try:
            while True:
                await self.act()
        except aiohttp.ClientError:
            return

    async def check(self) -> list[dict[str, Any]]:
        """Compare everything that was ever told with what the venue says now; returns the trades."""
        trades: dict[str, dict[str, Any]] = {}
        for order_id, number in self.accepted.items():
            order = await self.traders[number].order(order_id)
            if order_id in self.cancelled:
                assert (order["status"], order["cancel"]["code"]) == ("cancelled", 611)
            for trade in await self.traders[number].trades(order_id):
                trades[trade["id"]] = trade
        for trade_id, tx_hash in self.settled.items():
            assert (trades[trade_id]["state"], trades[trade_id]["tx_hash"]) == ("success", tx_hash)
        self.settled |= {trade["id"]: trade["tx_hash"] for trade in trades.values() if trade["state"] == "success"}
        return list(trades.values())

    async def check_until_all_is_settled(self) -> list[dict[str, Any]]:
        """Check again and again until no trade waits for the chain."""
        async with asyncio.timeout(DEADLINE_SECS):
            while True:
                trades = await self.check()
                if all(trade["state"] != "pending" for trade in trades):
                    return trades
                await asyncio.sleep(0.05)


async def kill_and_check(rounds: int, seed: int, folder: Any, start: Any, api_at: Any, trader_at: Any) -> None:
    rng = random.Random(seed)
    client = Client([], rng)
    for _ in range(rounds):
        run = await start(folder.path)
        async with aiohttp.ClientSession() as session:
            client.traders = [trader_at(folder.place, api_at(session, run.rest_url), key) for key in folder.keys]
            await client.check()
            for _ in range(rng.randint(1, 30)):
                await client.act()
            if rng.random() < 0.5:
                await client.check()
            acting = asyncio.create_task(client.act_until_it_ends())
            for _ in range(rng.randint(0, 200)):
                await asyncio.sleep(0)
            await run.kill()
            await acting
    run = await start(folder.path)
    async with aiohttp.ClientSession() as session:
        client.traders = [trader_at(folder.place, api_at(session, run.rest_url), key) for key in folder.keys]
        await client.act()
        trades = await client.check_until_all_is_settled()
    await run_agrees(run, folder, trades)
    await run.stop()


async def run_agrees(run: Any, folder: Any, trades: list[dict[str, Any]]) -> None:
    deployment = folder.place.deployment
    counts = await asyncio.to_thread(run.settlements, deployment.exchange)
    assert {trade["state"] for trade in trades} == {"success"}
    assert set(counts.values()) <= {1}
    assert len(counts) >= sum(trade["state"] == "success" for trade in trades) > 0
    owners = [*folder.wallets, deployment.fee_recipient]
    for token in ("WETH", "USDC"):
        assert await asyncio.to_thread(run.missing_wei, deployment.tokens[token], owners) == 0


@pytest.mark.timeout(600)
async def test_nothing_that_was_acknowledged_is_lost(
    folder: Any, start: Callable[..., Any], api_at: Any, trader_at: Any
) -> None:
    await kill_and_check(3, 2026, folder, start, api_at, trader_at)


@pytest.mark.soak
@pytest.mark.timeout(7200)
async def test_nothing_is_lost_in_fifty_kills(
    folder: Any, start: Callable[..., Any], api_at: Any, trader_at: Any
) -> None:
    await kill_and_check(50, 4, folder, start, api_at, trader_at)
