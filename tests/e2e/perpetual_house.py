"""What the tests of perpetual bots share: accounts, the other side of their trades, and whether all sources agree."""

import asyncio
import json
import sqlite3
from collections import defaultdict
from collections.abc import Awaitable, Callable
from contextlib import closing
from decimal import Decimal
from pathlib import Path
from typing import Final

import httpx
import pytest

from hummingbot_tegro.report.database import read_records
from hummingbot_tegro.report.figures import compute
from hummingbot_tegro.report.records import Records
from tegro.model import Side
from tegro.perpetual import (
    Accepted,
    ApiKey,
    AsyncPerpetual,
    PerpetualEnvironment,
    PerpetualOrder,
    PerpetualOrderRequest,
    PositionSide,
    load_perpetual,
)
from tegro_localnet.background import BackgroundLocalnet

FORCED: Final = "autoclose-"
"""How the client order id of a liquidation begins (perpetual dialect 10.6)."""
_POLL_SECS: Final = 0.05
_DEADLINE_SECS: Final = 150.0
_QUANTUM: Final = Decimal("1e-8")
_TOLERANCE: Final = Decimal("1e-6")
"""What the divisions of an average price may leave."""


def tell(localnet: BackgroundLocalnet, path: str, /, **body: object) -> dict:
    """Use localnet's own paths."""
    answer = httpx.post(f"{localnet.rest_url}/localnet/{path}", json=body)
    assert answer.status_code == 200, answer.text
    return answer.json()


def clear(localnet: BackgroundLocalnet, path: str) -> int:
    """Take back something that localnet was told; return how many of it there were."""
    cleared: int = httpx.delete(f"{localnet.rest_url}/localnet/{path}").json()["cleared"]
    return cleared


def open_account(localnet: BackgroundLocalnet, deposit: Decimal) -> ApiKey:
    """Open an account with a deposit."""
    opened = tell(localnet, "perpetual/api-keys", deposit=str(deposit))
    return ApiKey(opened["apiKey"], opened["apiSecret"])


def point_at(localnet: BackgroundLocalnet, home: Path, *names: str) -> None:
    """Let perpetual environments of a home folder mean this localnet."""
    with (home / "conf" / "tegro.toml").open("a") as file:
        file.writelines(f'[perpetual.{name}]\nrest_url = "{localnet.rest_url}"\n' for name in names)


async def connect(bot, connector: str, key: ApiKey) -> None:
    """Store a key, as `connect` does."""
    given = {f"{connector}_api_key": key.key, f"{connector}_api_secret": key._secret.decode()}
    await asyncio.to_thread(bot._command, "connect", connector, "--keys-stdin", given=json.dumps(given))


def environment_of(localnet: BackgroundLocalnet) -> PerpetualEnvironment:
    """Return the perpetual venue of a localnet."""
    return load_perpetual("localnet", env={"TEGRO_PERPETUAL_LOCALNET_REST_URL": localnet.rest_url})


def recorded(database: Path, query: str, *values: object) -> list[tuple]:
    """Return rows of the bot's database; none before it has made its tables, or while it writes."""
    try:
        with closing(sqlite3.connect(f"file:{database}?mode=ro", uri=True)) as connection:
            return connection.execute(query, values).fetchall()
    except sqlite3.Error:
        return []


class Trader:
    """One account of a bot: what it wants, has and was told, at the venue and in the bot's database.

    Parameters
    ----------
    bot
        The bot; waiting fails when it has ended.
    connector
        Hummingbot's name of the connector that has the account.
    client
        A client of the same account.
    deposit
        What the account began with.
    """

    def __init__(self, bot, connector: str, client: AsyncPerpetual, deposit: Decimal) -> None:
        self.bot = bot
        self.connector = connector
        self.client = client
        self.deposit = deposit

    async def until(self, condition: Callable[[], Awaitable[object]]) -> None:
        """Wait until something is so, while the bot lives."""
        deadline = asyncio.get_running_loop().time() + _DEADLINE_SECS
        while not await condition():
            self.bot.require_alive()
            if asyncio.get_running_loop().time() > deadline:
                pytest.fail(f"it did not happen in time:\n{self.bot.log_tail()}")
            await asyncio.sleep(_POLL_SECS)

    async def logged(self, text: str) -> None:
        """Wait until the bot has written something to its log."""

        async def has() -> bool:
            return any(text in path.read_text() for path in (self.bot.home / "logs").glob("*.log"))

        await self.until(has)

    async def resting(self, symbol: str, side: Side) -> list[PerpetualOrder]:
        """Return the orders of the bot that rest on a side."""
        return [order for order in await self.client.open_orders(symbol) if order.side is side]

    async def quote(self, symbol: str, side: Side, position_side: PositionSide | None = None) -> PerpetualOrder:
        """Wait until an order of the bot rests on a side, of a position if one is named, and return it."""
        found: list[PerpetualOrder] = []

        async def rests() -> bool:
            orders = await self.resting(symbol, side)
            found[:] = [order for order in orders if position_side in (None, order.position_side)]
            return bool(found)

        await self.until(rests)
        return found[0]

    async def held(self) -> dict[tuple[str, PositionSide], Decimal]:
        """Return the positions of the account at the venue."""
        return {(each.symbol, each.position_side): each.quantity for each in await self.client.positions()}

    async def leverages(self) -> dict[str, int | None]:
        """Return the leverage of each contract in which the account has a position."""
        return {each.symbol: each.leverage for each in await self.client.positions()}

    async def booked(self, pair: str, count: int) -> None:
        """Wait until Hummingbot has recorded so many fills of a pair."""
        query = "SELECT count(*) FROM TradeFill WHERE market = ? AND symbol = ?"

        async def has() -> bool:
            rows = recorded(self.bot.database, query, self.connector, pair)
            return bool(rows) and rows[0][0] >= count

        await self.until(has)

    def payments(self, pair: str) -> int:
        """Return how many funding payments of a pair Hummingbot has recorded."""
        query = "SELECT count(*) FROM FundingPayment WHERE market = ? AND symbol = ?"
        rows = recorded(self.bot.database, query, self.connector, pair)
        return rows[0][0] if rows else 0

    async def paid_by_moment(self, symbol: str) -> list[Decimal]:
        """Return what the venue paid for a symbol at each funding; both sides of a hedge are paid at once."""
        paid: defaultdict[int, Decimal] = defaultdict(Decimal)
        for income in await self.client.income(symbol=symbol, kind="FUNDING_FEE"):
            paid[income.time_ms] += income.amount
        return [amount for _, amount in sorted(paid.items()) if amount]


class House:
    """A rich account that keeps a level on each side, and takes what the bots quote."""

    def __init__(self, client: AsyncPerpetual) -> None:
        self.client = client
        self._levels: dict[tuple[str, Side], str] = {}

    async def level(self, symbol: str, side: Side, price: str | None, quantity: str = "100") -> None:
        """Put a level on a side in place of the one before; no price leaves the side empty."""
        before = self._levels.pop((symbol, side), None)
        if before is not None:
            await self.client.cancel(symbol, before)
        if price is not None:
            order = await self.place(symbol, side, Decimal(price), Decimal(quantity))
            self._levels[symbol, side] = order.client_order_id

    async def take(self, order: PerpetualOrder, *, through: Decimal = Decimal(0)) -> None:
        """Trade with a resting order, and with what `through` stands before it in the book."""
        await self.place(order.symbol, order.side.opposite, order.price, order.remaining + through)

    async def place(self, symbol: str, side: Side, price: Decimal, quantity: Decimal) -> PerpetualOrder:
        """Place an order."""
        contract = await self.client.contract(symbol)
        outcome = await self.client.place(
            PerpetualOrderRequest(contract=contract, side=side, quantity=quantity, price=price)
        )
        assert isinstance(outcome, Accepted), outcome
        return outcome.order


async def require_agreement(
    trader: Trader, symbols: dict[str, str], held: dict[tuple[str, PositionSide], Decimal] | None = None
) -> set[int]:
    """Compare the bot's database, the venue's lists and the account, after everything of the bot has ended.

    Parameters
    ----------
    trader
        The account.
    symbols
        The venue's names of the pairs that were traded, by Hummingbot's.
    held
        The positions that are left; None means none.

    Returns
    -------
    set[int]
        The trades that the venue forced, which are no orders of the bot and which Hummingbot does not have.
    """
    records = read_records(trader.bot.database)
    forced = {
        trade_id
        for pair, symbol in symbols.items()
        for trade_id in await _require_same_fills(trader, records, pair, symbol)
    }
    for pair, symbol in symbols.items():
        listed = await trader.paid_by_moment(symbol)
        ours = [paid for paid in records.funding if (paid.connector, paid.pair) == (trader.connector, pair)]
        assert [paid.amount.quantize(_QUANTUM) for paid in ours] == listed
    assert await trader.client.open_orders() == []
    assert await trader.held() == (held or {})
    (balance,) = [each for each in await trader.client.balances() if each.asset == "USDT"]
    changes = [each.amount for each in await trader.client.income() if each.asset == "USDT"]
    assert sum(changes, Decimal(0)) == balance.wallet
    if not forced:
        bound = sum((each.quantity * each.entry_price for each in await trader.client.positions()), Decimal(0))
        assert abs(trader.deposit + _result(records, trader.connector) + bound - balance.wallet) < _TOLERANCE
    if not forced and not held:
        assert abs(trader.deposit + _reported(records, trader.connector) - balance.wallet) < _TOLERANCE
    return forced


async def _require_same_fills(trader: Trader, records: Records, pair: str, symbol: str) -> set[int]:
    """Compare the fills of a pair; return those that the venue forced."""
    listed = {fill.trade_id: fill for fill in await trader.client.fills(symbol)}
    ours = {
        int(fill.trade_id): (fill.side, fill.price, fill.quantity, fill.fees.get("USDT", Decimal(0)))
        for fill in records.fills
        if (fill.connector, fill.pair) == (trader.connector, pair)
    }
    assert ours == {
        trade_id: (fill.side, fill.price, fill.quantity, fill.fee)
        for trade_id, fill in listed.items()
        if trade_id in ours
    }
    missing = {trade_id: fill for trade_id, fill in listed.items() if trade_id not in ours}
    for fill in missing.values():
        assert await trader.client.order(symbol, f"{FORCED}{fill.order_id}") is not None, fill
    return set(missing)


def _result(records: Records, connector: str) -> Decimal:
    """Return what the fills and the funding in the database have brought in cash."""
    fills = [fill for fill in records.fills if fill.connector == connector]
    traded = sum((fill.price * fill.quantity * (1 if fill.side is Side.SELL else -1) for fill in fills), Decimal(0))
    fees = sum((amount for fill in fills for amount in fill.fees.values()), Decimal(0))
    return traded - fees + sum((each.amount for each in records.funding if each.connector == connector), Decimal(0))


def _reported(records: Records, connector: str) -> Decimal:
    """Return what our report says that a connector has earned."""
    figures = compute(records)
    traded = sum((market.net_pnl for market in figures.markets if market.connector == connector), Decimal(0))
    funding = (amount for market, amount in figures.funding.items() if market.split()[0] == connector)
    return traded + sum(funding, Decimal(0))
