"""Recorded trades on the perpetual venue: what it says of them equals what pandas makes of the file.

pandas reads the file by itself. Every number stays a whole one (Python's own, in columns of objects), so that equal
means equal to the last digit.
"""

import asyncio
import os
import random
from collections.abc import Callable, Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any

import aiohttp
import pandas as pd
import pytest
from typer.testing import CliRunner

from tegro.model import Side
from tegro_localnet.agents.fast_replay import TRADERS, FastReplay, pair_of
from tegro_localnet.agents.replay import MAKER, TAKER, WINDOW_US, Replay
from tegro_localnet.agents.tape import check_tape, read_tape
from tegro_localnet.background import BackgroundLocalnet
from tegro_localnet.cli import app
from tegro_localnet.config import LocalnetConfig, ReplayConfig
from tegro_localnet.errors import LocalnetError
from tegro_localnet.localnet import Localnet
from tegro_localnet.perpetual.config import PerpetualConfig
from tegro_localnet.perpetual.engine.terms import IncomeType, PositionSide
from tegro_localnet.perpetual.stage import PerpetualStage
from tegro_localnet.perpetual.venue import PerpetualVenue

SYMBOL = "ETHUSDT"
E8 = 10**8
MINIMUM_E8 = 5 * E8
STOCK_E8 = 10**9 * E8
INTERVALS = {"1s": 1, "1m": 60, "5m": 300, "1h": 3_600, "1d": 86_400}
FIRST_MS = 1_723_161_256_560
REAL_FILE = "ETHUSDT-perpetual-trades-2024-08-08.csv"
DATA = os.environ.get("TEGRO_MARKET_DATA", "")
DEADLINE_SECS = 60
REAL_DEADLINE_SECS = 600


def write_tape(path: Path, count: int, smallest: int = 1) -> Path:
    """Write a file as exchanges publish them, with bursts in one millisecond, pauses, and trades that are too small.

    `smallest` is the size of every second trade, in thousandths.
    """
    rng = random.Random(21)
    price_cents, time_ms = 268_162, FIRST_MS
    lines = ["id,price,qty,quote_qty,time,is_buyer_maker"]
    for number in range(count):
        price, quantity = (
            Decimal(price_cents).scaleb(-2),
            Decimal(rng.choice((smallest, rng.randint(2, 9_000)))).scaleb(-3),
        )
        is_buyer_maker = rng.choice(("true", "false"))
        lines.append(f"{number + 4308068523},{price},{quantity},{price * quantity:.8f},{time_ms},{is_buyer_maker}")
        price_cents += rng.choice((0, 0, 0, -1, 1, rng.randint(-60, 60)))
        time_ms += rng.choice((0, 0, 1, rng.randint(1, 900)))
    path.write_text("\n".join(lines) + "\n")
    return path


REAL = pytest.param(
    Path(DATA) / REAL_FILE,
    marks=[
        pytest.mark.skipif(not (Path(DATA) / REAL_FILE).is_file(), reason=f"TEGRO_MARKET_DATA has no {REAL_FILE}"),
        pytest.mark.timeout(REAL_DEADLINE_SECS + 60),
    ],
    id="recorded",
)


@pytest.fixture(scope="module", params=[pytest.param(900, id="generated"), REAL])
def tape_path(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tape of so many trades, or a recorded one."""
    if isinstance(request.param, Path):
        return request.param
    return write_tape(tmp_path_factory.mktemp("tape") / "tape.csv", request.param)


def config_of(path: Path, **more: Any) -> LocalnetConfig:
    replay = ReplayConfig(path=path, speed=None, market=SYMBOL)
    return LocalnetConfig(port=0, rpc_port=0, agents=False, seed=5, perpetual_replay=replay, **more)


@pytest.fixture(scope="module")
def localnet_config(tape_path: Path) -> LocalnetConfig:
    return config_of(tape_path)


def trades_of(path: Path) -> pd.DataFrame:
    """Read the file into whole numbers of 10^-8, with who bought and who sold, and leave out what is too small."""
    frame = pd.read_csv(path, dtype=str)
    trades = pd.DataFrame({"time_ms": frame["time"].astype("int64")})
    trades["price"] = frame["price"].map(lambda text: int(Decimal(text).scaleb(8))).astype(object)
    trades["base"] = frame["qty"].map(lambda text: int(Decimal(text).scaleb(8))).astype(object)
    trades["quote"] = trades["price"] * trades["base"] // E8
    trades["is_buy"] = frame["is_buyer_maker"].str.lower() == "false"
    pairs = [pair_of(number) for number in range(len(trades))]
    trades["buyer"], trades["seller"] = [pair[0] for pair in pairs], [pair[1] for pair in pairs]
    return trades[trades["quote"].map(lambda quote: quote >= MINIMUM_E8)]


def candles_of(trades: pd.DataFrame, interval_secs: int) -> list[tuple[int, ...]]:
    opened_ms = trades["time_ms"] // (interval_secs * 1000) * (interval_secs * 1000)
    grouped, taken = trades.groupby(opened_ms), trades.assign(opened_ms=opened_ms)[trades["is_buy"]]
    prices = grouped["price"]
    table = pd.DataFrame(
        {"open": prices.first(), "high": prices.max(), "low": prices.min(), "close": prices.last()}
        | {"base": grouped["base"].sum(), "quote": grouped["quote"].sum(), "count": grouped.size()}
    )
    bought = taken.groupby("opened_ms")[["base", "quote"]].sum()
    table = table.join(bought.reindex(table.index, fill_value=0).add_suffix("_taken"))
    return [tuple(int(value) for value in row) for row in table.itertuples()]


def net_positions(trades: pd.DataFrame) -> dict[int, tuple[int, int]]:
    """Return quantity held and cash received of each trader, fees left out."""
    return {
        number: tuple(
            int(sign * (trades[trades["buyer"] == number][name].sum() - trades[trades["seller"] == number][name].sum()))
            for name, sign in (("base", 1), ("quote", -1))
        )
        for number in range(TRADERS)
    }


def fees_of(trades: pd.DataFrame) -> dict[int, int]:
    """Return what each trader paid: 0.02 % as maker, 0.04 % as taker, each fill rounded up."""
    fees = dict.fromkeys(range(TRADERS), 0)
    for trade in trades.itertuples():
        taker, maker = (trade.buyer, trade.seller) if trade.is_buy else (trade.seller, trade.buyer)
        fees[taker] -= -trade.quote * 4 // 10_000
        fees[maker] -= -trade.quote * 2 // 10_000
    return fees


class Public:
    """The public data of the venue over HTTP."""

    def __init__(self, session: aiohttp.ClientSession) -> None:
        self.session = session

    async def get(self, path: str, **query: Any) -> Any:
        async with self.session.get(path, params=query) as response:
            assert response.status == 200, await response.text()
            return await response.json()

    async def candles(self, path: str, interval: str, first_ms: int, last_ms: int, **query: Any) -> list[list[Any]]:
        """Read all candles of a span, a thousand at a time."""
        rows: list[list[Any]] = []
        start_ms = first_ms // 1000 * 1000 - INTERVALS[interval] * 1000
        while start_ms <= last_ms:
            span = {"startTime": start_ms, "endTime": last_ms, "limit": 1000}
            found = await self.get(path, interval=interval, **span, **query)
            if not found:
                break
            rows += found
            start_ms = found[-1][6] + 1
        return rows


def whole(text: str) -> int:
    return int(Decimal(text).scaleb(8))


def row_of(row: Sequence[Any]) -> tuple[int, ...]:
    opened_ms, opened, high, low, close, base, _, quote, count, base_taken, quote_taken, _ = row
    amounts = (whole(text) for text in (opened, high, low, close, base, quote))
    return (opened_ms, *amounts, count, whole(base_taken), whole(quote_taken))


async def wait_until(holds: Callable[[], bool]) -> None:
    while not holds():  # noqa: ASYNC110 - another thread changes what is read
        await asyncio.sleep(0.05)


async def test_a_tape_equals_what_pandas_makes_of_it(localnet: BackgroundLocalnet, tape_path: Path) -> None:
    side = localnet.localnet.perpetual
    assert side is not None
    assert isinstance(side.replay, FastReplay)
    progress, trades = side.replay.progress, trades_of(tape_path)
    async with asyncio.timeout(DEADLINE_SECS if tape_path.name != REAL_FILE else REAL_DEADLINE_SECS):
        await wait_until(lambda: progress.is_finished)
    assert 0 < len(trades) < progress.trades_in_tape
    async with aiohttp.ClientSession(localnet.rest_url) as session:
        public = Public(session)
        shown = await public.get("/localnet/perpetual/replay")
        below = progress.trades_in_tape - len(trades)
        counts = (shown["trades_replayed"], shown["trades_below_minimum"], shown["orders"], shown["is_finished"])
        assert counts == (progress.trades_in_tape, below, len(trades), True)
        await check_candles(public, trades)
        await check_prices(public, trades)
    accounts = [side.venue.state.accounts[number] for number in side.replay.stage.account_ids[1:]]
    fees = fees_of(trades)
    for number, (base_e8, cash_e8) in net_positions(trades).items():
        position = accounts[number].position(SYMBOL, PositionSide.BOTH)
        incomes = side.venue.state.records[accounts[number].account_id].incomes
        funded_e8 = sum(row.amount_e8 for row in incomes if row.type is IncomeType.FUNDING_FEE)
        cash_of_position_e8 = accounts[number].wallet_e8 - STOCK_E8 - funded_e8 + fees[number] - position.cost_e8
        assert (position.quantity_e8, cash_of_position_e8) == (base_e8, cash_e8)


async def check_candles(public: Public, trades: pd.DataFrame) -> None:
    first_ms, last_ms = int(trades["time_ms"].iloc[0]), int(trades["time_ms"].iloc[-1])
    for interval, interval_secs in INTERVALS.items():
        rows = await public.candles("/fapi/v1/klines", interval, first_ms, last_ms, symbol=SYMBOL)
        assert [row_of(row) for row in rows if row[8]] == candles_of(trades, interval_secs)
    day = await public.get("/fapi/v1/ticker/24hr", symbol=SYMBOL)
    assert (whole(day["volume"]), whole(day["quoteVolume"])) == (trades["base"].sum(), trades["quote"].sum())
    assert day["count"] == len(trades)


async def check_prices(public: Public, trades: pd.DataFrame) -> None:
    """Compare the index with the tape, minute by minute; the mark price stays near it."""
    first_ms, last_ms = int(trades["time_ms"].iloc[0]), int(trades["time_ms"].iloc[-1])
    rows = await public.candles("/fapi/v1/indexPriceKlines", "1m", first_ms, last_ms, pair=SYMBOL)
    closes = {row[0]: whole(row[4]) for row in rows}
    wanted = {row[0]: row[4] for row in candles_of(trades, 60)}
    assert {opened_ms: closes[opened_ms] for opened_ms in wanted} == wanted
    premium = await public.get("/fapi/v1/premiumIndex", symbol=SYMBOL)
    index, mark = Decimal(premium["indexPrice"]), Decimal(premium["markPrice"])
    assert index == Decimal(int(trades["price"].iloc[-1])).scaleb(-8)
    assert abs(mark - index) < index / 1000


class FakeTime:
    """A clock that only sleeping moves, for the tape and for the venue."""

    def __init__(self) -> None:
        self.now_us = FIRST_MS * 1000

    def clock_ns(self) -> int:
        return self.now_us * 1000

    def clock_ms(self) -> int:
        return self.now_us // 1000

    async def sleep_us(self, duration_us: int) -> None:
        self.now_us += duration_us


async def played(path: Path, speed: int) -> tuple[PerpetualVenue, Replay, FakeTime]:
    """Replay a file on a venue without doors, and return them when its tape has ended."""
    fake_time = FakeTime()
    venue = PerpetualVenue(PerpetualConfig(), fake_time.clock_ms, random.Random(1))
    stage = PerpetualStage(venue, SYMBOL, takers=1)
    parts: dict[str, Any] = {"tape": check_tape(path), "stage": stage}
    config = ReplayConfig(path=path, speed=speed)
    replay = Replay(config, **parts, clock_ns=fake_time.clock_ns, sleep_us=fake_time.sleep_us)
    playing = asyncio.create_task(replay.run())
    async with asyncio.timeout(DEADLINE_SECS):
        while not (replay.progress.is_finished or playing.done()):  # noqa: ASYNC110 - it says nothing when it ends
            await asyncio.sleep(0)
    playing.cancel()
    await asyncio.gather(playing, return_exceptions=True)
    assert replay.progress.is_finished
    return venue, replay, fake_time


@pytest.mark.parametrize("speed", [1, 7])
async def test_a_paced_replay_trades_the_volume_of_the_tape_in_its_time(tmp_path: Path, speed: int) -> None:
    path = write_tape(tmp_path / "tape.csv", 200, smallest=30)
    tape = list(read_tape(path))
    venue, replay, fake_time = await played(path, speed)
    span_us = tape[-1].time_us - tape[0].time_us
    assert fake_time.now_us - FIRST_MS * 1000 == span_us // speed // WINDOW_US * WINDOW_US
    assert (replay.progress.trades_replayed, replay.progress.trades_below_minimum) == (len(tape), 0)
    assert replay.progress.orders > 10
    maker_id, taker_id = replay.stage.account_ids[MAKER], replay.stage.account_ids[TAKER]
    fills = list(venue.state.records[taker_id].fills)
    assert {fill.is_maker for fill in fills} == {False}
    for side in Side:
        volume_e18 = sum(trade.quantity_e18 for trade in tape if trade.side is side)
        assert sum(fill.quantity_e8 for fill in fills if fill.side is side) * 10**10 == volume_e18
    assert {fill.price_e18 for fill in fills} <= {trade.price_e18 for trade in tape}
    market = venue.state.markets[SYMBOL]
    assert market.prices.index_e18 == market.last_price_e18
    assert venue.state.accounts[taker_id].orders() == []
    assert len(venue.state.accounts[maker_id].orders(SYMBOL)) > 2


async def test_a_trade_that_is_larger_than_an_order_may_be_comes_in_parts(tmp_path: Path) -> None:
    (tmp_path / "tape.csv").write_text(f"1,2681.62,25000.5,0,{FIRST_MS},false\n2,2681.62,1,0,{FIRST_MS + 900},true\n")
    venue, replay, _ = await played(tmp_path / "tape.csv", 1)
    taker = venue.state.accounts[replay.stage.account_ids[TAKER]]
    assert taker.position(SYMBOL, PositionSide.BOTH).quantity_e8 == (25_000 * E8 + E8 // 2) - E8


async def test_a_tape_is_not_played_at_a_time_that_a_data_folder_has_passed(tmp_path: Path) -> None:
    config = config_of(write_tape(tmp_path / "tape.csv", 30), data=tmp_path / "data")
    async with Localnet(config) as localnet:
        side = localnet.perpetual
        assert side is not None
        assert side.replay is not None
        async with asyncio.timeout(DEADLINE_SECS):
            await wait_until(lambda: side.replay.progress.is_finished)
        accounts = list(side.venue.state.accounts)
    with pytest.raises(LocalnetError, match="begins before the time that the perpetual venue of this data folder"):
        await Localnet(config).__aenter__()
    async with Localnet(LocalnetConfig(port=0, rpc_port=0, agents=False, data=tmp_path / "data")) as localnet:
        assert localnet.perpetual is not None
        assert list(localnet.perpetual.venue.state.accounts) == accounts


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"market": "DOGEUSDT"}, "replay market must be one of BTCUSDT, ETHUSDT, was DOGEUSDT"),
        ({"speed": 0}, "replay speed must be between 1 and 1000, or max, was 0"),
    ],
)
def test_settings_that_cannot_work_are_refused(settings: dict[str, Any], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        LocalnetConfig(perpetual_replay=ReplayConfig(path=Path("x"), **settings))


def test_the_command_says_which_contracts_there_are() -> None:
    options = ["--perpetual-replay", "tape.csv", "--perpetual-replay-market", "DOGEUSDT"]
    run = CliRunner().invoke(app, options)
    words = "tegro localnet: replay market must be one of BTCUSDT, ETHUSDT, was DOGEUSDT\n"
    assert (run.exit_code, run.stderr) == (2, words)


def test_only_one_tape_can_hold_the_clock_and_a_contract_is_needed() -> None:
    fast = ReplayConfig(path=Path("x"), speed=None)
    with pytest.raises(ValueError, match="only one of two replays can run at max"):
        LocalnetConfig(replay=fast, perpetual_replay=fast)
    with pytest.raises(ValueError, match="there is no perpetual venue"):
        LocalnetConfig(perpetual=None, perpetual_replay=fast)
    LocalnetConfig(replay=ReplayConfig(path=Path("x")), perpetual_replay=fast)
