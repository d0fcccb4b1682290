"""A tape replayed as fast as possible: what the venue and the chain say of it equals what pandas makes of the file.

pandas reads the file by itself. Every number stays a whole one (Python's own, in columns of objects), so that equal
means equal to the last digit.
"""

import asyncio
import gzip
import json
import os
import random
from collections.abc import Callable, Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from tegro.model import Side, TradeState
from tegro_localnet.agents.agent import Agent
from tegro_localnet.agents.fast_replay import TRADERS, FastReplay, pair_of
from tegro_localnet.background import BackgroundLocalnet
from tegro_localnet.config import LocalnetConfig, ReplayConfig
from tegro_localnet.trades import TradeRecord

SYMBOL = "WETH_USDC"
E18 = 10**18
STOCK = 10**12
FEE_PARTS = 7
PARTS = 10_000
INTERVALS_SECS = (1, 60, 300, 3600, 86_400)
REAL_FILE = "ETHUSDT-trades-2024-08-08.csv"
DATA = os.environ.get("TEGRO_MARKET_DATA", "")
DEADLINE_SECS = 280
REAL_DEADLINE_SECS = 1700
DAY_MS = 86_400_000


def write_tape(path: Path, count: int) -> Path:
    """Write a packed file as exchanges publish them, with bursts in one millisecond and pauses of minutes."""
    rng = random.Random(20)
    price_cents, time_ms = 268_380, 1_723_161_255_611
    lines = ["id,price,qty,quote_qty,time,is_buyer_maker"]
    for number in range(count):
        price_cents += rng.choice((0, 0, 0, -1, 1, rng.randint(-60, 60)))
        time_ms += rng.choice((0, 0, 1, rng.randint(1, 900), rng.randint(1, 200_000) if rng.random() < 0.1 else 0))
        price, quantity = Decimal(price_cents).scaleb(-2), Decimal(rng.randint(1, 40_000)).scaleb(-4)
        is_buyer_maker = rng.choice(("true", "false"))
        lines.append(
            f"{number + 1520538925},{price:.8f},{quantity:.8f},{price * quantity:.8f},{time_ms},{is_buyer_maker}"
        )
    with gzip.open(path, "wt") as file:
        file.write("\n".join(lines) + "\n")
    return path


REAL = pytest.param(
    Path(DATA) / REAL_FILE,
    marks=[
        pytest.mark.skipif(not (Path(DATA) / REAL_FILE).is_file(), reason=f"TEGRO_MARKET_DATA has no {REAL_FILE}"),
        pytest.mark.timeout(REAL_DEADLINE_SECS + 60),
    ],
    id="recorded",
)


@pytest.fixture(
    scope="module",
    params=[pytest.param(1500, id="matched"), pytest.param(250, id="settled", marks=pytest.mark.timeout(300)), REAL],
)
def tape_path(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tape of so many trades, or a recorded one."""
    if isinstance(request.param, Path):
        return request.param
    return write_tape(tmp_path_factory.mktemp("tape") / f"{request.param}.csv.gz", request.param)


@pytest.fixture(scope="module")
def settles(tape_path: Path) -> bool:
    """Whether the tape is settled on chain, which takes longer than all the rest."""
    return tape_path.name != "1500.csv.gz"


@pytest.fixture(scope="module")
def localnet_config(tape_path: Path, settles: bool) -> LocalnetConfig:
    return LocalnetConfig(
        port=0,
        rpc_port=0,
        agents=False,
        seed=5,
        settlement_interval_ms=50 if settles else 3_600_000,
        min_order_value=Decimal(0),
        full_chart=True,
        replay=ReplayConfig(path=tape_path, speed=None, market=SYMBOL),
    )


def trades_of(path: Path) -> pd.DataFrame:
    """Read the file into whole numbers: prices by 10^18, amounts in the smallest units."""
    frame = pd.read_csv(path, dtype=str)
    trades = pd.DataFrame({"time_secs": frame["time"].astype("int64") // 1000})
    trades["price"] = frame["price"].map(lambda text: int(Decimal(text).scaleb(18))).astype(object)
    trades["base"] = frame["qty"].map(lambda text: int(Decimal(text).scaleb(18))).astype(object)
    trades["value"] = trades["price"] * trades["base"]
    trades["quote"] = trades["value"] // 10**30
    pairs = [pair_of(number) for number in range(len(trades))]
    trades["buyer"], trades["seller"] = [pair[0] for pair in pairs], [pair[1] for pair in pairs]
    return trades


def candles_of(trades: pd.DataFrame, interval_secs: int) -> list[tuple[int, ...]]:
    grouped = trades.groupby(trades["time_secs"] // interval_secs * interval_secs)
    prices = grouped["price"]
    table = pd.DataFrame(
        {"open": prices.first(), "high": prices.max(), "low": prices.min(), "close": prices.last()}
        | {"base": grouped["base"].sum()}
    )
    return [tuple(int(value) for value in row) for row in table.itertuples()]


def positions_of(trades: pd.DataFrame) -> dict[int, tuple[int, int]]:
    """Return what each wallet holds in the end, fees paid, by its number."""
    base_fees = trades["base"].map(lambda amount: amount * FEE_PARTS // PARTS)
    quote_fees = trades["quote"].map(lambda amount: amount * FEE_PARTS // PARTS)
    bought, sold = trades.groupby("buyer"), trades.groupby("seller")
    base_in, quote_out = (trades["base"] - base_fees).groupby(trades["buyer"]).sum(), bought["quote"].sum()
    quote_in, base_out = (trades["quote"] - quote_fees).groupby(trades["seller"]).sum(), sold["base"].sum()
    return {
        number: (
            STOCK * E18 + base_in.get(number, 0) - base_out.get(number, 0),
            STOCK * 10**6 + quote_in.get(number, 0) - quote_out.get(number, 0),
        )
        for number in range(TRADERS)
    }


async def wait_until(holds: Callable[[], bool]) -> None:
    while not holds():  # noqa: ASYNC110 - another thread changes what is read
        await asyncio.sleep(0.05)


def traders_of(replay: FastReplay) -> Sequence[Agent]:
    """Return the traders that `pair_of` counts."""
    return replay.stage.traders[1:]


def positions_at_venue(replay: FastReplay, stored: Sequence[TradeRecord]) -> dict[int, tuple[int, int]]:
    """Return the same from the venue's own trades, settled or not."""
    numbers = {trader.wallet.address: number for number, trader in enumerate(traders_of(replay))}
    held = {number: [STOCK * E18, STOCK * 10**6] for number in numbers.values()}
    for trade in stored:
        buyer, seller = held[numbers[trade.buy.order.maker]], held[numbers[trade.sell.order.maker]]
        buyer[0] += trade.quantity_wei - trade.fee_wei(Side.BUY)
        buyer[1] -= trade.payment_wei(Side.BUY)
        seller[0] -= trade.payment_wei(Side.SELL)
        seller[1] += trade.quote_wei - trade.fee_wei(Side.SELL)
    return {number: (base_wei, quote_wei) for number, (base_wei, quote_wei) in held.items()}


async def check_against_pandas(localnet: Any, api: Any, path: Path) -> Sequence[TradeRecord]:
    """Compare candles, volumes and positions; return the venue's trades."""
    replay = localnet.localnet.replay
    assert isinstance(replay, FastReplay)
    await wait_until(lambda: replay.progress.is_finished)
    trades = trades_of(path)
    count = len(trades)
    _, progress = await api.get("/localnet/replay")
    assert (progress["trades_replayed"], progress["trades_below_minimum"], progress["orders"]) == (count, 0, count)

    for interval_secs in INTERVALS_SECS:
        assert await served_candles(localnet, api, interval_secs) == candles_of(trades, interval_secs)
    ticker = (await exactly(api, localnet.markets[SYMBOL].id, localnet))["ticker"]
    assert Decimal(ticker["base_volume"]) == Decimal(trades["base"].sum()).scaleb(-18)
    assert Decimal(ticker["quote_volume"]) == Decimal(trades["quote"].sum()).scaleb(-6)

    stored = localnet.localnet.venue.trades.latest(localnet.markets[SYMBOL].id, count + 1)
    assert len(stored) == count
    assert positions_at_venue(replay, stored) == positions_of(trades)
    return stored


async def served_candles(localnet: Any, api: Any, interval_secs: int) -> list[tuple[int, ...]]:
    bars = await exactly(api, "chart", localnet, market_symbol=SYMBOL, interval=interval_secs)
    names = ("open", "high", "low", "close", "volume")
    return [(bar["time"], *(int(Decimal(bar[name]).scaleb(18)) for name in names)) for bar in bars]


async def exactly(api: Any, what: str, localnet: Any, **query: Any) -> Any:
    """Read an answer without losing a digit of its bare numbers."""
    path = f"{api.root}/api/v1/exchange/{localnet.chain_id}/market/{what}"
    async with api.session.get(path, params=query) as response:
        return json.loads(await response.text(), parse_float=Decimal)


async def test_a_tape_equals_what_pandas_makes_of_it(
    localnet: BackgroundLocalnet, api: Any, chain: Any, tape_path: Path, settles: bool
) -> None:
    async with asyncio.timeout(DEADLINE_SECS if tape_path.suffix == ".gz" else REAL_DEADLINE_SECS):
        stored = await check_against_pandas(localnet, api, tape_path)
        if settles:
            await wait_until(lambda: all(trade.state is TradeState.SUCCESS for trade in stored))
            traders = traders_of(localnet.localnet.replay)
            for number, held in positions_of(trades_of(tape_path)).items():
                wallet = traders[number].wallet.address
                assert (chain.balance_wei("WETH", wallet), chain.balance_wei("USDC", wallet)) == held
    # The clock runs on from the last trade, not from today.
    last_ms = int(pd.read_csv(tape_path)["time"].max())
    _, clock = await api.get("/localnet/clock")
    assert clock["offset_ms"] < 0
    assert last_ms <= clock["now_ms"] < last_ms + DAY_MS
