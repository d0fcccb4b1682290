"""The store: what it keeps, what it says it has seen, two processes at once, and files that are no store."""

import sqlite3
import subprocess
import sys
import threading
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tegro.candles import Candle, CandleStore, Interval
from tegro.candles.candle import SeenTrade
from tegro.candles.spans import Span
from tegro.errors import Closed, StoreFailure

M5 = Interval.FIVE_MINUTES
WRITER = """
import sys
from decimal import Decimal
from pathlib import Path
from tegro.candles import CandleStore
from tegro.candles.candle import SeenTrade
from tegro.candles.spans import Span

store = CandleStore(Path(sys.argv[1]))
first = int(sys.argv[2])
print("ready", flush=True)
sys.stdin.readline()
for number in range(first, first + 100):
    trade = SeenTrade(trade_id=str(number), timestamp_ms=number, price=Decimal(1), quantity=Decimal(1))
    store.add_trades("m", [trade], Span(number, number + 1))
"""


@pytest.fixture
def store(tmp_path):
    store = CandleStore(tmp_path / "folder" / "candles.sqlite")
    yield store
    store.close()


def trade(number, timestamp_ms, price="1.10", quantity="0.000000000000000001"):
    return SeenTrade(trade_id=str(number), timestamp_ms=timestamp_ms, price=Decimal(price), quantity=Decimal(quantity))


def bar(open_time_ms, *, base_volume=None):
    return Candle(
        open_time_ms=open_time_ms,
        close_time_ms=open_time_ms + 300_000,
        open=Decimal("1.1"),
        high=Decimal("1.30"),
        low=Decimal("0.9"),
        close=Decimal(1),
        base_volume=base_volume,
        quote_volume=None,
        trades=None,
        is_closed=True,
    )


def spans(found):
    return [(span.start_ms, span.end_ms) for span in found]


def test_trades_come_back_to_the_last_digit_oldest_first(store):
    late, early = trade(1, 200, "123456789012345678901234567890.123456789"), trade(2, 100)
    assert store.add_trades("m", [late, early]) == [late, early]
    assert store.trades("m", 0, 300) == [early, late]
    assert (store.trades("m", 100, 200), store.trades("m", 101, 201)) == ([early], [late])
    assert store.trades("other", 0, 300) == []


def test_a_trade_is_kept_once_and_only_a_new_one_is_reported(store):
    first = trade(1, 100)
    assert store.add_trades("m", [first, first]) == [first]
    assert store.add_trades("m", [trade(1, 100), trade(2, 100)]) == [trade(2, 100)]
    assert store.add_trades("other", [first]) == [first]
    assert [each.trade_id for each in store.trades("m", 0, 300)] == ["1", "2"]


def test_the_last_trade_before_a_moment_is_the_last_that_was_added_of_its_millisecond(store):
    store.add_trades("m", [trade(3, 100), trade(1, 100), trade(2, 50)])
    assert store.last_trade_before("m", 101) == trade(1, 100)
    assert store.last_trade_before("m", 100) == trade(2, 50)
    assert store.last_trade_before("m", 50) is None


def test_a_list_puts_the_trades_of_one_millisecond_in_the_order_in_which_they_matched(store):
    early, first, second, third, late = trade(0, 99), trade(1, 100), trade(2, 100), trade(3, 100), trade(4, 101)
    # A stream that came back in the middle of the millisecond told of the second and of what followed.
    for told in (second, third, late):
        store.add_trades("m", [told])
    assert store.add_trades("m", [early, first, second, third, late]) == [early, first]
    assert store.trades("m", 0, 300) == [early, first, second, third, late]
    assert store.last_trade_before("m", 101) == third


def test_a_list_that_tells_nothing_new_moves_nothing(store):
    first, second = trade(1, 100), trade(2, 100)
    store.add_trades("m", [first, second])
    assert store.add_trades("m", [first]) == []
    assert store.trades("m", 0, 300) == [first, second]


def test_times_grow_together_and_stay_apart(store):
    store.add_trades("m", [], Span(0, 10))
    store.add_trades("m", [], Span(20, 30))
    assert spans(store.traded_spans("m")) == [(0, 10), (20, 30)]
    store.add_trades("m", [], Span(10, 20))
    store.add_trades("m", [], None)
    store.add_trades("m", [], Span(50, 40))
    assert spans(store.traded_spans("m")) == [(0, 30)]
    assert spans(store.traded_spans("other")) == []


def test_bars_and_their_times_are_kept_by_interval(store):
    store.add_bars("m", M5, [bar(300_000), bar(0, base_volume=Decimal("0.10"))], Span(0, 600_000))
    assert store.bars("m", M5, 0, 600_000) == [bar(0, base_volume=Decimal("0.10")), bar(300_000)]
    assert store.bars("m", M5, 1, 300_000) == []
    assert store.bars("m", Interval.ONE_DAY, 0, 600_000) == []
    assert spans(store.charted_spans("m", M5)) == [(0, 600_000)]
    assert spans(store.charted_spans("m", Interval.ONE_DAY)) == spans(store.traded_spans("m")) == []


def test_a_bar_that_is_read_again_takes_the_place_of_the_old_one(store):
    store.add_bars("m", M5, [bar(0)], Span(0, 300_000))
    store.add_bars("m", M5, [bar(0, base_volume=Decimal(2))], Span(0, 300_000))
    assert [each.base_volume for each in store.bars("m", M5, 0, 1)] == [2]


@given(st.lists(st.integers(0, 20), max_size=8), st.integers(0, 20))
def test_what_is_forgotten_is_no_longer_said_to_be_seen(times, limit_ms):
    store = CandleStore()
    store.add_trades("m", [trade(number, time) for number, time in enumerate(times)], Span(0, 15))
    store.add_trades("m", [], Span(16, 21))
    store.forget_trades_before("m", limit_ms)
    assert [each.timestamp_ms for each in store.trades("m", 0, 100)] == sorted(t for t in times if t >= limit_ms)
    moments = {moment for span in store.traded_spans("m") for moment in range(span.start_ms, span.end_ms)}
    assert moments == {moment for moment in range(21) if moment != 15 and moment >= limit_ms}
    store.close()


def test_the_next_run_finds_what_the_last_one_left(tmp_path):
    path = tmp_path / "candles.sqlite"
    store = CandleStore(path)
    store.add_trades("m", [trade(1, 100)], Span(0, 200))
    store.close()
    again = CandleStore(path)
    assert again.trades("m", 0, 200) == [trade(1, 100)]
    assert spans(again.traded_spans("m")) == [(0, 200)]
    again.close()


def test_two_processes_write_at_once_and_nothing_is_lost(tmp_path):
    path = tmp_path / "candles.sqlite"
    writers = [
        subprocess.Popen(
            [sys.executable, "-c", WRITER, str(path), str(first)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for first in (0, 100)
    ]
    for writer in writers:
        assert writer.stdout.readline() == "ready\n"
    for writer in writers:
        writer.stdin.write("go\n")
        writer.stdin.flush()
    for writer in writers:
        writer.communicate(timeout=60)
        assert writer.returncode == 0
    store = CandleStore(path)
    assert [each.timestamp_ms for each in store.trades("m", 0, 1000)] == list(range(200))
    assert spans(store.traded_spans("m")) == [(0, 200)]
    store.close()


def test_a_time_is_never_said_to_be_seen_whose_trades_failed_to_be_kept(store):
    unwritable = trade(2, 2**70)
    with pytest.raises(OverflowError):
        store.add_trades("m", [trade(1, 1), unwritable], Span(0, 10))
    assert (store.trades("m", 0, 100), spans(store.traded_spans("m"))) == ([], [])
    store.add_trades("m", [trade(1, 1)], Span(0, 10))


def test_it_may_be_used_from_several_threads(store):
    def add(first):
        for number in range(first, first + 50):
            store.add_trades("m", [trade(number, number)], Span(number, number + 1))

    threads = [threading.Thread(target=add, args=(first,)) for first in (0, 50)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert spans(store.traded_spans("m")) == [(0, 100)]


def test_it_is_in_write_ahead_mode(store, tmp_path):
    with sqlite3.connect(tmp_path / "folder" / "candles.sqlite") as other:
        assert other.execute("PRAGMA journal_mode").fetchone() == ("wal",)
    other.close()


def test_after_close_it_says_so(store):
    store.close()
    store.close()
    with pytest.raises(Closed, match=r"the candle store .*candles.sqlite is closed"):
        store.trades("m", 0, 1)


def test_a_folder_that_cannot_be_made_is_a_store_failure(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreFailure, match="cannot be made"):
        CandleStore(tmp_path / "file" / "candles.sqlite")


def test_another_file_is_a_store_failure_and_stays_as_it_was(tmp_path):
    path = tmp_path / "notes.txt"
    path.write_text("nothing of sqlite" * 100)
    with pytest.raises(StoreFailure, match="cannot be used as a candle store"):
        CandleStore(path)
    assert path.read_text() == "nothing of sqlite" * 100


def test_a_file_of_a_newer_version_is_left_alone(tmp_path):
    path = tmp_path / "candles.sqlite"
    with sqlite3.connect(path) as newer:
        newer.execute("PRAGMA user_version = 99")
    newer.close()
    with pytest.raises(StoreFailure, match="newer version of tegro"):
        CandleStore(path)


def test_a_damaged_file_is_a_store_failure(tmp_path):
    path = tmp_path / "candles.sqlite"
    store = CandleStore(path)
    with sqlite3.connect(path) as other:
        other.execute("DROP TABLE trades")
    other.close()
    with pytest.raises(StoreFailure, match="cannot be used: no such table"):
        store.trades("m", 0, 1)
    with pytest.raises(StoreFailure, match="cannot be used: no such table"):
        store.add_trades("m", [trade(1, 1)])
    store.close()


def test_in_memory_it_leaves_no_file(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    store = CandleStore()
    store.add_trades("m", [trade(1, 1)])
    store.close()
    assert list(Path().iterdir()) == []
