"""Recorded trades: what is read, when it is due, what it becomes on a market, and a whole replay that settles."""

import asyncio
import gzip
import io
import json
import os
import random
import signal
import subprocess
import sys
import threading
import urllib.request
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from tegro.model import Market, Side, Token
from tegro_localnet.agents.replay import (
    LEVELS,
    MAKER,
    ORDERS_A_WINDOW,
    TAKER,
    WINDOW_US,
    Quotes,
    Replay,
    ReplayProgress,
    quotes_for,
    resting_ladder,
)
from tegro_localnet.agents.stage import SpotMarket, SpotStage
from tegro_localnet.agents.tape import RecordedTrade, TapeOrder, TapeSummary, check_tape, coalesce, parse_tape, windows
from tegro_localnet.config import ReplayConfig
from tegro_localnet.engine.order_book import RestingOrder
from tegro_localnet.errors import LocalnetError
from tegro_localnet.localnet import Localnet
from tegro_localnet.markets import ListedMarket
from tegro_localnet.replay_view import show_bar
from tegro_localnet.trades import TradeRecord

E18 = 10**18
TICK_E18 = 10**16
LOT_WEI = 10**12
HEADER = "id,price,qty,quote_qty,time,is_buyer_maker"
DEADLINE_SECS = 60

prices = st.integers(1, 10**7).map(lambda ticks: ticks * TICK_E18)
recorded = st.builds(
    RecordedTrade,
    st.sampled_from(Side),
    st.integers(1, 10**25),
    st.integers(1, 10**22),
    st.integers(1_600_000_000_000_000, 1_600_000_100_000_000),
)


def listed_market() -> ListedMarket:
    base = Token(address="0x" + "aa" * 20, symbol="WETH", decimals=18)
    quote = Token(address="0x" + "bb" * 20, symbol="USDC", decimals=6)
    market = Market(
        id="m", symbol="WETH_USDC", chain_id=31337, base=base, quote=quote, base_precision=6, quote_precision=2
    )
    return ListedMarket(market, 2 * 10**6)


def row(trade: RecordedTrade, number: int = 1) -> str:
    price, quantity = (Decimal(value).scaleb(-18) for value in (trade.price_e18, trade.quantity_e18))
    return f"{number},{price:f},{quantity:f},0,{trade.time_us},{str(trade.side is Side.SELL).lower()}"


def small_tape(path: Path, seed: int, count: int = 60) -> list[RecordedTrade]:
    """Write a file as an exchange would, a trade every 200 ms on average; return what it says."""
    rng = random.Random(seed)
    price_cents, time_us = 268_000, 1_723_161_255_611_000
    trades = []
    for _ in range(count):
        price_cents += rng.randint(-40, 40)
        time_us += rng.randint(0, 400_000)
        side = rng.choice((Side.BUY, Side.SELL))
        trades.append(RecordedTrade(side, price_cents * TICK_E18, rng.randint(2_000, 900_000) * LOT_WEI, time_us))
    path.write_text("\n".join([HEADER, *(row(trade, number) for number, trade in enumerate(trades))]) + "\n")
    return trades


# ---- reading


def test_both_published_forms_are_understood() -> None:
    spot = ["1,2683.80000000,0.00200000,5.36760000,1723161255611,True,True\n"]
    newer = [
        "\n",
        "9,2683.8,0.002,5.3676,1723161255611000,false\n",
        "\n",
    ]
    perpetual = ["4308068523,2681.62,1.000,2681.62000000,1723161256560,true\n"]
    [old], [new], [future] = (parse_tape(lines, "tape") for lines in (spot, newer, perpetual))
    assert future == RecordedTrade(Side.SELL, 268162 * 10**16, E18, 1_723_161_256_560_000)
    assert old == RecordedTrade(Side.SELL, 26838 * 10**17, 2 * 10**15, 1_723_161_255_611_000)
    assert new == RecordedTrade(Side.BUY, 26838 * 10**17, 2 * 10**15, 1_723_161_255_611_000)


@given(st.lists(recorded), st.booleans())
def test_what_is_written_is_read(trades: list[RecordedTrade], with_header: bool) -> None:
    lines = [HEADER] * with_header + [row(trade, number) for number, trade in enumerate(trades)]
    assert list(parse_tape(lines, "x")) == trades


@pytest.mark.parametrize(
    ("line", "complaint"),
    [
        ("1,2,3,6,1723161255611", "expected 6 or 7 columns, found 5"),
        ("1,2,3,6,1723161255611,true,true,true", "expected 6 or 7 columns, found 8"),
        ("1,abc,3,6,1723161255611,true", "price must be a number above 0 and below 10^15, was 'abc'"),
        ("1,2,0,6,1723161255611,true", "qty must be a number above 0 and below 10^15, was '0'"),
        ("1,-2,3,6,1723161255611,true", "price must be a number above 0"),
        ("1,NaN,3,6,1723161255611,true", "price must be a number above 0"),
        ("1,1e999999,3,6,1723161255611,true", "price must be a number above 0"),
        ("1,1e-19,3,6,1723161255611,true", "price may have at most 18 decimals"),
        ("1,2,3,6,yesterday,true", "time must be Unix milliseconds or microseconds, was 'yesterday'"),
        ("1,2,3,6,-1723161255611,true", "time must be Unix"),
        ("1,2,3,6,1723161255611,perhaps", "is_buyer_maker must be true or false, was 'perhaps'"),
        (
            "1," + "x" * 200 + ",3,6,1723161255611,true",
            f"price must be a number above 0 and below 10^15, was '{'x' * 40}...'",
        ),
    ],
)
def test_a_malformed_row_is_named_by_its_line(line: str, complaint: str) -> None:
    good = "1,2,3,6,1723161255611,true"
    with pytest.raises(LocalnetError) as caught:
        list(parse_tape([HEADER, good, line, good], "tape.csv"))
    assert str(caught.value).startswith(f"tape.csv line 3: {complaint}")


def test_another_header_is_refused() -> None:
    with pytest.raises(LocalnetError, match=r"^x line 1: the columns must be id,price.*, were 'time,price,qty'$"):
        list(parse_tape(["time,price,qty"], "x"))


@pytest.mark.parametrize(
    ("content", "complaint"),
    [(None, "cannot read"), (b"", "holds no recorded trade"), (b"PK\x03\x04\xff\xfe", "is no CSV text")],
)
def test_a_file_that_is_no_tape_is_one_sentence(tmp_path: Path, content: bytes | None, complaint: str) -> None:
    path = tmp_path / "tape.csv"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(LocalnetError, match=complaint):
        check_tape(path)


def test_a_packed_tape_is_read_and_a_broken_one_is_one_sentence(tmp_path: Path) -> None:
    trades = small_tape(tmp_path / "tape.csv", seed=9)
    packed = gzip.compress((tmp_path / "tape.csv").read_bytes())
    path = tmp_path / "tape.csv.gz"
    path.write_bytes(packed)
    assert check_tape(path) == TapeSummary(len(trades), trades[0].time_us)
    for broken in (packed[:-9], b"PK" + packed, packed[:20] + b"\xff" * 30 + packed[50:]):
        path.write_bytes(broken)
        with pytest.raises(LocalnetError, match="is no whole gzip file"):
            check_tape(path)


# ---- pacing


@given(st.lists(recorded), st.integers(1, 100), st.integers(1, 10**6))
def test_windows_keep_every_trade_in_order_and_never_come_early(
    trades: list[RecordedTrade], speed: int, window_us: int
) -> None:
    found = list(windows(trades, speed, window_us))
    assert [trade for window in found for trade in window.trades] == trades
    assert [window.due_us for window in found] == sorted({window.due_us for window in found})
    latest_us = 0
    for window in found:
        for trade in window.trades:
            latest_us = max(latest_us, trade.time_us - trades[0].time_us)
            assert window.due_us * speed <= latest_us < (window.due_us + window_us) * speed


@given(st.lists(recorded), st.integers(2, 5))
def test_coalescing_loses_nothing(trades: list[RecordedTrade], limit: int) -> None:
    orders = coalesce(trades, limit)
    assert len(orders) <= limit
    assert sum(order.trade_count for order in orders) == len(trades)
    for side in Side:
        of_side = [trade for trade in trades if trade.side is side]
        made = [order for order in orders if order.side is side]
        assert sum(order.quantity_e18 for order in made) == sum(trade.quantity_e18 for trade in of_side)
        reach = max if side is Side.BUY else min
        if of_side:
            assert reach(order.price_e18 for order in made) == reach(trade.price_e18 for trade in of_side)


def test_neighbours_of_one_side_become_one_order_and_sides_alternate_while_they_fit() -> None:
    tape = (("buy", 3), ("buy", 5), ("sell", 4), ("buy", 6))
    trades = [RecordedTrade(Side(side), price, 1, 0) for side, price in tape]
    orders = [(order.side, order.price_e18, order.trade_count) for order in coalesce(trades, 3)]
    assert orders == [("buy", 5, 2), ("sell", 4, 1), ("buy", 6, 1)]


# ---- what a recorded trade becomes


@given(st.sampled_from(Side), st.integers(1, 10**25), st.integers(1, 10**24))
def test_a_wish_is_on_tick_on_lot_and_worth_the_minimum(side: Side, price_e18: int, quantity_e18: int) -> None:
    listed = listed_market()
    wish = SpotMarket(listed).wish_of(TapeOrder(side, price_e18, quantity_e18, 1))
    if wish is None:
        # A lot and half a tick of rounding, and no more, may keep an order of the minimum away.
        assert (price_e18 - TICK_E18) * (quantity_e18 - LOT_WEI) < 2 * E18 * E18
        return
    assert wish.price_e18 % TICK_E18 == wish.quantity_wei % LOT_WEI == 0
    assert 2 * abs(wish.price_e18 - price_e18) <= TICK_E18 or wish.price_e18 == TICK_E18
    assert 0 <= quantity_e18 - wish.quantity_wei < LOT_WEI
    assert listed.value_wei(wish.price_e18, wish.quantity_wei) >= listed.min_order_value_wei


@given(st.lists(st.tuples(st.sampled_from(Side), prices), min_size=1))
def test_quotes_meet_the_tape_and_never_cross(tape: list[tuple[Side, int]]) -> None:
    market = SpotMarket(listed_market())
    quotes: Quotes | None = None
    for side, price_e18 in tape:
        wish = market.wish_of(TapeOrder(side, price_e18, 10**24, 1))
        assert wish is not None
        quotes = quotes_for(market, wish, quotes)
        assert quotes.best(side.opposite) == price_e18
        assert 0 < quotes.ask_e18 - quotes.bid_e18 <= max(price_e18 // 1000, TICK_E18)
        assert quotes.ask_e18 % TICK_E18 == quotes.bid_e18 % TICK_E18 == 0


@given(st.sampled_from(Side), prices, prices)
def test_the_replay_maker_never_takes(side: Side, best_e18: int, other_e18: int) -> None:
    listed = listed_market()
    listed.book.add(RestingOrder("theirs", side.opposite, other_e18, E18))
    wishes = resting_ladder(SpotMarket(listed), side, best_e18, 7 * LOT_WEI)
    found = [wish.price_e18 for wish in wishes]
    assert found == sorted(set(found), reverse=side is Side.BUY)
    assert len(found) <= LEVELS
    expected_best_e18 = min(best_e18, other_e18 - TICK_E18) if side is Side.BUY else max(best_e18, other_e18 + TICK_E18)
    assert found[:1] == [expected_best_e18] * (expected_best_e18 > 0)
    assert all(price > 0 for price in found)


# ---- a whole replay


class FakeTime:
    """A clock that only sleeping moves."""

    def __init__(self) -> None:
        self.now_ns = 5_000_000_000
        self.sleeps_us: list[int] = []

    def clock_ns(self) -> int:
        return self.now_ns

    async def sleep_us(self, duration_us: int) -> None:
        self.sleeps_us.append(duration_us)
        self.now_ns += duration_us * 1000


@pytest.fixture
def play(localnet: Any) -> Callable[..., Replay]:
    """Replay a file on the running localnet as quickly as it goes; return the replay when its tape has ended."""

    def run(path: Path, fake_time: FakeTime, *, seed: int, speed: int = 1) -> Replay:
        inner: Localnet = localnet.localnet
        stage = SpotStage(
            inner._listing.market_named("WETH_USDC"),
            venue=inner.venue,
            domain=inner.deployment.domain,
            rng=random.Random(seed),
            equip=inner._equip,
        )
        replay = Replay(
            ReplayConfig(path=path, speed=speed),
            tape=check_tape(path),
            stage=stage,
            clock_ns=fake_time.clock_ns,
            sleep_us=fake_time.sleep_us,
        )

        async def until_the_end() -> None:
            playing = asyncio.create_task(replay.run())
            async with asyncio.timeout(DEADLINE_SECS):
                while not (replay.progress.is_finished or playing.done()):  # noqa: ASYNC110
                    await asyncio.sleep(0.01)
            playing.cancel()
            await asyncio.wait([playing])
            stage.cancel(MAKER)

        localnet.call(until_the_end())
        return replay

    return run


def wallet_of(replay: Replay, number: int) -> str:
    return replay.stage.traders[number].wallet.address


def trades_with(localnet: Any, wallet: str) -> list[TradeRecord]:
    """Return the trades that have a wallet on either side, oldest first."""
    market = localnet.markets["WETH_USDC"]
    trades = localnet.localnet.venue.trades.latest(market.id, 10_000)
    return [trade for trade in reversed(trades) if wallet in (trade.maker.order.maker, trade.taker.order.maker)]


@pytest.mark.parametrize("speed", [1, 3])
async def test_a_replay_trades_the_recorded_volume_in_its_time_and_settles(
    play: Any, localnet: Any, chain: Any, tmp_path: Path, eventually: Any, speed: int
) -> None:
    tape = small_tape(tmp_path / "tape.csv", seed=speed)
    fake_time = FakeTime()
    replay = play(tmp_path / "tape.csv", fake_time, seed=speed, speed=speed)

    span_us = tape[-1].time_us - tape[0].time_us
    assert sum(fake_time.sleeps_us) == span_us // speed // WINDOW_US * WINDOW_US
    assert replay.progress.trades_replayed == replay.progress.trades_in_tape == len(tape)
    assert replay.progress.trades_below_minimum == 0
    assert replay.progress.orders <= ORDERS_A_WINDOW * (len(fake_time.sleeps_us) + 1)

    taker, maker = wallet_of(replay, TAKER), wallet_of(replay, MAKER)
    trades = trades_with(localnet, taker)
    assert {(trade.taker.order.maker, trade.maker.order.maker) for trade in trades} == {(taker, maker)}
    traded, volume = dict.fromkeys(Side, 0), dict.fromkeys(Side, 0)
    for trade in trades:
        traded[trade.taker.side] += trade.quantity_wei
    for recorded_trade in tape:
        volume[recorded_trade.side] += recorded_trade.quantity_e18
    assert traded == volume
    assert {trade.price_e18 for trade in trades} <= {recorded_trade.price_e18 for recorded_trade in tape}

    async def states() -> set[str]:
        return {str(trade.state) for trade in trades}

    await eventually(states, lambda found: found == {"success"})
    fees_wei = sum(trade.quantity_wei * 7 // 10_000 for trade in trades if trade.taker.side is Side.BUY)
    expected_wei = 10**12 * E18 + volume[Side.BUY] - fees_wei - volume[Side.SELL]
    assert await asyncio.to_thread(chain.balance_wei, "WETH", taker) == expected_wei


async def test_better_quotes_of_others_are_hit_first(
    play: Any, localnet: Any, trader: Any, tmp_path: Path, eventually: Any
) -> None:
    third_party = trader({"WETH": "5", "USDC": "20000"})
    ask = await third_party.place("WETH_USDC", "sell", "2699.5", "0.4")
    bid = await third_party.place("WETH_USDC", "buy", "2699.2", "0.3")
    worse = await third_party.place("WETH_USDC", "buy", "2698.99", "0.3")
    rows = ["1,2700.004,1,0,1723161255611,false", "2,2699,1,0,1723161256611,true", "3,2699,0.0007,0,1723161258611,true"]
    (tmp_path / "tape.csv").write_text("\n".join(rows))
    replay = await asyncio.to_thread(play, tmp_path / "tape.csv", FakeTime(), seed=11)

    assert (replay.progress.orders, replay.progress.trades_below_minimum) == (2, 1)
    fills = [
        (trade.maker.order.maker, trade.taker.side.value, trade.resting_price_e18, trade.quantity_wei)
        for trade in trades_with(localnet, wallet_of(replay, TAKER))
    ]
    maker = wallet_of(replay, MAKER)
    assert fills == [
        (third_party.wallet, "buy", 26995 * 10**17, 4 * 10**17),
        (maker, "buy", 2700 * E18, 6 * 10**17),
        (third_party.wallet, "sell", 26992 * 10**17, 3 * 10**17),
        (maker, "sell", 2699 * E18, 7 * 10**17),
    ]
    for placed, status in ((ask, "closed"), (bid, "closed"), (worse, "open")):
        assert (await third_party.order(placed["order_id"]))["status"] == status
    await third_party.cancel(worse["order_id"])


async def test_a_standing_quote_that_blocks_the_tape_is_not_taken_by_the_replay_maker(
    play: Any, localnet: Any, trader: Any, tmp_path: Path
) -> None:
    third_party = trader({"USDC": "20000"})
    bid = await third_party.place("WETH_USDC", "buy", "2710", "2")
    (tmp_path / "tape.csv").write_text("1,2700,1,0,1723161255611,false\n2,2699,0.5,0,1723161256611,true\n")
    replay = await asyncio.to_thread(play, tmp_path / "tape.csv", FakeTime(), seed=12)
    [trade] = trades_with(localnet, wallet_of(replay, TAKER))
    assert (trade.maker.order.maker, trade.quantity_wei) == (third_party.wallet, 5 * 10**17)
    assert localnet.localnet.venue.orders.open_of(wallet_of(replay, TAKER)) == []
    await third_party.cancel(bid["order_id"])


async def test_quotes_stay_while_they_can_meet_the_tape_and_grow_for_a_large_trade(
    play: Any, localnet: Any, tmp_path: Path
) -> None:
    rows = ["1,2700,1,0,1723161255611,false", "2,2700,0.5,0,1723161256611,false", "3,2700,50,0,1723161258611,false"]
    (tmp_path / "tape.csv").write_text("\n".join(rows))
    replay = await asyncio.to_thread(play, tmp_path / "tape.csv", FakeTime(), seed=13)
    fills = [trade.quantity_wei for trade in trades_with(localnet, wallet_of(replay, TAKER))]
    assert fills == [E18, E18 // 2, 50 * E18]
    made = list(localnet.localnet.venue.orders.of_wallet(wallet_of(replay, MAKER)))
    assert len(made) == 2 * 2 * LEVELS


# ---- as a user runs it


def run_cli(*arguments: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "tegro_localnet", "--port", "0", "--rpc-port", "0", *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=os.environ | {"COLUMNS": "200", "NO_COLOR": "1", "PYTHONUNBUFFERED": "1"},
    )


@pytest.mark.parametrize("name", ["ETHUSDT-trades-2024-08-08.csv", "ETHUSDT-perpetual-trades-2024-08-08.csv"])
def test_recorded_files_are_read_to_their_end(name: str) -> None:
    path = Path(os.environ.get("TEGRO_MARKET_DATA", "")) / name
    if not path.is_file():
        pytest.skip(f"TEGRO_MARKET_DATA has no {name}")
    assert check_tape(path).trade_count == len(path.read_text().splitlines()) - 1


async def test_a_terminal_shows_how_far_a_replay_has_come() -> None:
    screen, progress = io.StringIO(), ReplayProgress(12, trades_replayed=5)
    showing = asyncio.create_task(show_bar(progress, Console(file=screen, force_terminal=True, width=80)))
    async with asyncio.timeout(DEADLINE_SECS):
        while "5/12" not in screen.getvalue():  # noqa: ASYNC110 - the bar draws itself when it likes
            await asyncio.sleep(0.01)
        progress.trades_replayed, progress.is_finished = 12, True
        await showing
    assert "12/12" in screen.getvalue()


@pytest.mark.parametrize("speed", ["10", "max"])
def test_the_command_replays_says_when_the_tape_ends_and_keeps_the_last_quotes(tmp_path: Path, speed: str) -> None:
    small_tape(tmp_path / "tape.csv", seed=5, count=12)
    ready = tmp_path / "ready.json"
    options = ("--replay-speed", speed, "--replay-market", "WBTC_USDC", "--ready-file", str(ready))
    process = run_cli("--replay", str(tmp_path / "tape.csv"), *options)
    try:
        timer = threading.Timer(DEADLINE_SECS, process.kill)
        timer.start()
        last = next((line for line in process.stdout if "end of the tape" in line), "the deadline passed")
        assert "replay on WBTC_USDC has reached the end of the tape, its last quotes stay: 12 of 12" in last
        info = json.loads(ready.read_text())
        listing = f"{info['rest_url']}/api/v1/exchange/{info['chain_id']}/market/list"
        with urllib.request.urlopen(listing, timeout=DEADLINE_SECS) as reply:
            tickers = {market["symbol"]: market["ticker"] for market in json.load(reply)}
        assert 2600 < tickers["WBTC_USDC"]["bid_high"] < tickers["WBTC_USDC"]["ask_low"] < 2760
        assert tickers["WETH_USDC"]["bid_high"] == 0
        with urllib.request.urlopen(f"{info['rest_url']}/localnet/replay", timeout=DEADLINE_SECS) as reply:
            progress = json.load(reply)
        assert (progress["trades_replayed"], progress["is_finished"]) == (12, True)
        process.send_signal(signal.SIGINT)
        assert (process.communicate(timeout=DEADLINE_SECS)[1], process.returncode) == ("", 0)
    finally:
        timer.cancel()
        process.kill()
        process.communicate()


@pytest.mark.parametrize(
    ("options", "code", "complaint"),
    [
        ((), 1, "tape.csv line 2: expected 6 or 7 columns, found 1"),
        (("--replay-speed", "0"), 2, "replay speed must be between 1 and 1000, or max, was 0"),
        (("--replay-speed", "fast"), 2, "replay speed must be a whole number or 'max', was 'fast'"),
        (("--replay-market", "WETH_DOGE"), 2, "replay market must be one of WETH_USDC, "),
    ],
)
def test_bad_input_gives_one_sentence_before_anything_starts(
    tmp_path: Path, options: tuple[str, ...], code: int, complaint: str
) -> None:
    (tmp_path / "tape.csv").write_text(f"{HEADER}\nnonsense\n")
    process = run_cli("--replay", str(tmp_path / "tape.csv"), *options)
    output, complaints = process.communicate(timeout=DEADLINE_SECS)
    assert (process.returncode, output) == (code, "")
    assert complaint in complaints
    assert len(complaints.splitlines()) == 1
