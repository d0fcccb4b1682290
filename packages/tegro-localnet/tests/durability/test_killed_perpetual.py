"""`kill -9` at any moment: whatever the perpetual venue has acknowledged is there after the restart."""

import asyncio
import hmac
import random
import time
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import aiohttp
import pytest
from typer.testing import CliRunner

from tegro_localnet.cli import app

SYMBOL = "ETHUSDT"
CLOSED = ("FILLED", "CANCELED", "EXPIRED")
PLACED = ("symbol", "side", "positionSide", "type", "price", "origQty", "clientOrderId", "timeInForce")


class Account:
    """An account that remembers what the venue told it. A request without an answer may have been done or not."""

    def __init__(self, key: dict[str, Any], rng: random.Random) -> None:
        self.key = key
        self.rng = rng
        self.session: aiohttp.ClientSession
        self.orders: dict[int, dict[str, Any]] = {}
        self.fills: dict[int, dict[str, Any]] = {}
        self.incomes: dict[int, dict[str, Any]] = {}
        self.leverages = {20}
        """The leverage, and the one that was asked for when the venue ended."""
        self.listen_key: str | None = None

    async def ask(self, method: str, path: str, **values: Any) -> Any:
        """Send a signed request and return its answer, which may be a refusal."""
        query = urlencode(values | {"timestamp": time.time_ns() // 10**6, "recvWindow": 60_000})
        signature = hmac.new(self.key["apiSecret"].encode(), query.encode(), "sha256").hexdigest()
        headers = {"X-MBX-APIKEY": self.key["apiKey"]}
        url = f"/fapi/{path}?{query}&signature={signature}"
        async with self.session.request(method, url, headers=headers) as response:
            assert response.status in (200, 400), await response.text()
            return await response.json()

    async def act(self) -> None:
        """Place an order that often meets another, cancel one, or choose a leverage."""
        chance = self.rng.random()
        if chance < 0.7:
            await self.place()
        elif chance < 0.9:
            await self.cancel()
        elif chance < 0.95:
            leverage = self.rng.randint(5, 40)
            self.leverages.add(leverage)
            reply = await self.ask("POST", "v1/leverage", symbol=SYMBOL, leverage=leverage)
            self.leverages = {reply["leverage"]}
        else:
            self.listen_key = (await self.ask("POST", "v1/listenKey"))["listenKey"]

    async def place(self) -> None:
        order = {
            "symbol": SYMBOL,
            "side": self.rng.choice(["BUY", "SELL"]),
            "type": "LIMIT",
            "timeInForce": self.rng.choice(["GTC", "GTC", "IOC", "GTX"]),
            "quantity": Decimal(self.rng.randint(10, 500)).scaleb(-3),
            "price": 3000 + self.rng.randint(-3, 3),
            "newOrderRespType": "RESULT",
        }
        reply = await self.ask("POST", "v1/order", **order)
        if "orderId" in reply:
            self.orders[reply["orderId"]] = reply

    async def cancel(self) -> None:
        own = [order_id for order_id, order in self.orders.items() if order["status"] not in CLOSED]
        if own:
            order_id = self.rng.choice(own)
            reply = await self.ask("DELETE", "v1/order", symbol=SYMBOL, orderId=order_id)
            if "orderId" in reply:
                self.orders[order_id] = reply

    async def pages(self, path: str, key: str, step: str, **values: Any) -> dict[int, dict[str, Any]]:
        """Read a whole list, a thousand rows at a time; `step` is the number of a page or the first id of one."""
        found: dict[int, dict[str, Any]] = {}
        rows: list[dict[str, Any]] | None = None
        start = 1
        while rows is None or len(rows) == 1000:
            rows = await self.ask("GET", path, limit=1000, **values, **{step: start})
            found |= {row[key]: row for row in rows}
            start = start + 1 if step == "page" else max(found, default=0) + 1
        return found

    async def check(self) -> None:
        """Compare everything that was ever told with what the venue says now, and take note of what is new."""
        orders = await self.pages("v1/allOrders", "orderId", "orderId", symbol=SYMBOL)
        for order_id, told in self.orders.items():
            now = orders[order_id]
            assert {name: now[name] for name in PLACED} == {name: told[name] for name in PLACED}
            assert Decimal(now["executedQty"]) >= Decimal(told["executedQty"])
            if told["status"] in CLOSED:
                assert (now["status"], now["executedQty"]) == (told["status"], told["executedQty"])
        fills = await self.pages("v1/userTrades", "id", "fromId", symbol=SYMBOL)
        incomes = await self.pages("v1/income", "tranId", "page")
        assert fills | self.fills == fills
        assert incomes | self.incomes == incomes
        self.orders, self.fills, self.incomes = self.orders | orders, fills, incomes
        await self.check_sums()

    async def check_sums(self) -> None:
        """Let the account agree with its own past: income with the wallet, fills with orders and position."""
        account = await self.ask("GET", "v2/account")
        assert Decimal(account["totalWalletBalance"]) == sum(Decimal(row["income"]) for row in self.incomes.values())
        [position] = [row for row in account["positions"] if row["symbol"] == SYMBOL]
        signs = {"BUY": 1, "SELL": -1}
        held = sum(signs[fill["side"]] * Decimal(fill["qty"]) for fill in self.fills.values())
        assert Decimal(position["positionAmt"]) == held
        assert int(position["leverage"]) in self.leverages
        executed = sum(Decimal(order["executedQty"]) for order in self.orders.values())
        assert executed == sum(Decimal(fill["qty"]) for fill in self.fills.values())
        if self.listen_key is not None:
            assert await self.ask("PUT", "v1/listenKey") == {"listenKey": self.listen_key}

    async def picture(self) -> list[Any]:
        """Return what does not change by itself, with every field."""
        opened = await self.ask("GET", "v1/openOrders")
        settings = await self.ask("GET", "v1/symbolConfig")
        mode = await self.ask("GET", "v1/positionSide/dual")
        positions = [
            {name: row[name] for name in ("positionSide", "positionAmt", "entryPrice", "isolatedWallet", "leverage")}
            for row in await self.ask("GET", "v2/positionRisk")
        ]
        return [opened, settings, mode, positions, self.orders, self.fills, self.incomes]


class Desk:
    """Two accounts that trade with each other, and what localnet's own paths were told."""

    def __init__(self, rng: random.Random) -> None:
        self.rng = rng
        self.accounts: list[Account] = []
        self.index = {"3000.00000000"}
        self.session: aiohttp.ClientSession

    async def post(self, path: str, body: dict[str, Any]) -> Any:
        async with self.session.post(f"/localnet/perpetual/{path}", json=body) as response:
            assert response.status == 200, await response.text()
            return await response.json()

    async def open(self) -> None:
        """Make the accounts, one of them isolated in another contract, and set how the first one is funded."""
        for _ in range(2):
            account = Account(await self.post("api-keys", {"deposit": "1000000"}), self.rng)
            account.session = self.session
            self.accounts.append(account)
        await self.accounts[1].ask("POST", "v1/marginType", symbol="BTCUSDT", marginType="ISOLATED")
        await self.post("funding", {"symbol": SYMBOL, "interval_secs": 86_400, "rate": "0.00070000"})

    async def act(self) -> None:
        """Let an account act or, seldom, move the index."""
        if self.rng.random() < 0.05:
            price = f"{3000 + self.rng.randint(-5, 5)}.00000000"
            self.index.add(price)
            self.index = {(await self.post("index", {"symbol": SYMBOL, "price": price}))["indexPrice"]}
        else:
            await self.rng.choice(self.accounts).act()

    async def act_until_it_ends(self) -> None:
        """Trade until the venue does not answer any more."""
        try:
            while True:
                await self.act()
        except aiohttp.ClientError:
            return

    async def check(self) -> None:
        for account in self.accounts:
            await account.check()
        async with self.session.get("/fapi/v1/premiumIndex", params={"symbol": SYMBOL}) as response:
            premium = await response.json()
        assert premium["indexPrice"] in self.index
        assert (premium["lastFundingRate"], premium["nextFundingTime"] % 86_400_000) == ("0.00070000", 0)
        held = [account.fills for account in self.accounts]
        assert held[0].keys() == held[1].keys(), "a trade has two sides"

    async def picture(self) -> list[Any]:
        return [await account.picture() for account in self.accounts]

    def meet(self, session: aiohttp.ClientSession) -> None:
        """Go on over another connection."""
        self.session = session
        for account in self.accounts:
            account.session = session


async def kill_and_check(rounds: int, seed: int, path: Path, start: Any) -> None:
    rng = random.Random(seed)
    desk = Desk(rng)
    picture: list[Any] | None = None
    for number in range(rounds + 1):
        run = await start(path, "--seed", "5", "--durable", "power" if number % 2 else "process")
        async with aiohttp.ClientSession(run.rest_url) as session:
            desk.meet(session)
            if number == 0:
                await desk.open()
            await desk.check()
            assert picture in (None, await desk.picture())
            for _ in range(rng.randint(1, 120)):
                await desk.act()
            await desk.check()
            picture = await desk.picture() if number % 2 or number == rounds else None
            acting = None if picture else asyncio.create_task(desk.act_until_it_ends())
            for _ in range(rng.randint(0, 400)):
                await asyncio.sleep(0)
            await run.kill()
            if acting is not None:
                await acting
    assert all(len(account.fills) > 10 for account in desk.accounts)
    again = CliRunner().invoke(app, ["replay", str(path)])
    assert (again.exit_code, "perpetual: " in again.output) == (0, True), again.output


@pytest.mark.timeout(600)
async def test_nothing_that_the_perpetual_venue_acknowledged_is_lost(tmp_path: Path, start: Callable[..., Any]) -> None:
    await kill_and_check(3, 7, tmp_path / "data", start)


@pytest.mark.soak
@pytest.mark.timeout(7200)
async def test_nothing_of_the_perpetual_venue_is_lost_in_fifty_kills(tmp_path: Path, start: Callable[..., Any]) -> None:
    await kill_and_check(50, 8, tmp_path / "data", start)
