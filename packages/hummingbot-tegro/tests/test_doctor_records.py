"""What the check-up says of the files that bots write."""

import sqlite3
from contextlib import closing
from decimal import Decimal

import pytest

from hummingbot_tegro.doctor_records import option_findings, record_findings
from hummingbot_tegro.finding import Level
from hummingbot_tegro.home import create_home
from tegro.errors import SigningRefused
from tegro.journal import JournalEntry, SqliteJournal
from tegro.model import Chain, Side
from tegro.outcome import Unknown
from tegro.pins import FilePins
from tegro.settings import Settings

FIRST, SECOND = "0x" + "aa" * 20, "0x" + "bb" * 20


@pytest.fixture
def home(tmp_path):
    create_home(tmp_path / "home")
    return tmp_path / "home"


def findings(home):
    file = home / "conf" / "tegro.toml"
    return list(record_findings(home, Settings.load(file, {}), file))


def entry(order_hash):
    return JournalEntry(
        order_hash=order_hash,
        maker="0x" + "11" * 20,
        chain_id=31337,
        market_id="market",
        raw_order_data="{}",
        signature="0x00",
        side=Side.BUY,
        price=Decimal(1),
        quantity=Decimal(1),
        signed_at_ms=1,
    )


def chain(contract):
    return Chain(
        id=8453,
        name="base",
        exchange_contract=contract,
        settlement_contract=contract,
        default_quote_symbol="USDC",
        default_quote_address="0x" + "cc" * 20,
        min_order_value_wei=1,
        fee_percent=Decimal(0),
    )


def test_a_new_home_has_no_records_and_none_are_made(home):
    assert findings(home) == []
    assert list((home / "data").iterdir()) == []


def test_a_journal_is_read_and_not_touched(home):
    path = home / "data" / "tegro_journal.sqlite"
    SqliteJournal(path).close()
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA journal_mode = DELETE")  # to open it for writing would change this
    before = path.read_bytes(), path.stat().st_mtime_ns
    assert [finding.level for finding in findings(home)] == [Level.OK]
    assert [file.name for file in (home / "data").iterdir()] == [path.name]
    assert (path.read_bytes(), path.stat().st_mtime_ns) == before


def test_an_order_of_unknown_fate_is_a_note_and_a_known_one_is_well(home):
    journal = SqliteJournal(home / "data" / "tegro_journal.sqlite")
    [finding] = findings(home)
    assert (finding.level, finding.text.rpartition(": ")[2]) == (Level.OK, "empty")
    journal.record_signed(entry("0x01"))
    journal.record_outcome("0x01", Unknown(order_hash="0x01", cause="the reply was lost"))
    [finding] = findings(home)
    assert finding.level is Level.NOTE
    assert "1 unknown; of some orders it is not known" in finding.text
    assert finding.mend.startswith("start the bot again")
    journal.close()


def test_a_journal_that_is_none_is_an_error(home):
    path = home / "data" / "tegro_journal.sqlite"
    path.write_text("this is no journal, and long enough that SQLite sees it" * 20)
    [finding] = findings(home)
    assert finding.level is Level.ERROR
    assert str(path) in finding.text


def test_pins_are_well_until_the_venue_says_something_else(home):
    settings = home / "conf" / "tegro.toml"
    settings.write_text("[mainnet]\nchain = 'base'\n")
    environment = Settings.load(settings, {}).environment("mainnet")
    book = FilePins(home / "data" / "pins.json")
    book.check_chain(environment, chain(FIRST))
    [finding] = findings(home)
    assert (finding.level, finding.text) == (
        Level.OK,
        f"pins {home}/data/pins.json: the contract and 0 tokens of tegro on base",
    )
    with pytest.raises(SigningRefused):
        book.check_chain(environment, chain(SECOND))
    [finding] = findings(home)
    assert finding.level is Level.ERROR
    assert f"was {FIRST}, then {SECOND}; nothing is signed there" in finding.text
    assert finding.mend == (
        f"find out why, then: TEGRO_HOME={home}/data TEGRO_SETTINGS={settings} tegro pins confirm --env mainnet"
    )


def test_pins_that_cannot_be_read_are_an_error(home):
    (home / "data" / "pins.json").write_text("{")
    [finding] = findings(home)
    assert finding.level is Level.ERROR


def test_a_candle_store_is_named_with_its_size(home):
    (home / "data" / "tegro_candles_mainnet.sqlite").write_bytes(bytes(2_500_000))
    [finding] = findings(home)
    assert finding.text == f"candles {home}/data/tegro_candles_mainnet.sqlite: 2.5 MB"


def test_a_fill_that_was_taken_back_is_a_warning(home):
    (home / "data" / "tegro_reconciliation.jsonl").write_text('{"order": 1}\n{"order": 2}\n')
    [finding] = findings(home)
    assert finding.level is Level.WARNING
    assert finding.text.startswith("2 fills were booked")


def test_the_options_of_a_venue_are_shown_and_headers_by_name_alone(tmp_path):
    file = tmp_path / "tegro.toml"
    file.write_text(
        "[mainnet.headers]\nX-Partner = 'hidden-value'\n"
        "[mainnet.hummingbot]\nfills = 'matched'\nfee_share_header = 'X-Bot'\nfee_share_value = 'hidden-value'\n"
    )
    options, headers = option_findings(Settings.load(file, {}), file)
    assert options.text == "tegro: fills matched, orders_at_start cancel"
    assert headers.text == "tegro: sent with each request to https://api.tegro.com alone: X-Partner, X-Bot"
    assert "hidden-value" not in f"{options}{headers}"


def test_a_mistake_in_the_options_is_found_before_the_bot_starts(tmp_path):
    file = tmp_path / "tegro.toml"
    file.write_text("[testnet.hummingbot]\nfills = 'now'\n[mainnet.hummingbot]\norders_at_start = 'adopt'\n")
    mainnet, testnet = option_findings(Settings.load(file, {}), file)
    assert (mainnet.level, mainnet.text) == (Level.OK, "tegro: fills settled, orders_at_start adopt")
    assert testnet.level is Level.ERROR
    assert "fills must be one of settled, matched, was 'now'" in testnet.text


def test_the_settings_of_a_paper_exchange_are_shown_whole(tmp_path):
    file = tmp_path / "tegro.toml"
    file.write_text("[mainnet.paper]\nrealism = 'strict'\norder_latency_ms = 250\n[testnet.paper]\nrealism = 'easy'\n")
    mainnet, testnet = option_findings(Settings.load(file, {}), file)
    assert mainnet.level is Level.OK
    assert mainnet.text == (
        "tegro_paper_trade: order_latency_ms 250, cancel_latency_ms 500, queue_ahead whole, cancels_ahead none"
    )
    assert testnet.level is Level.ERROR
    assert "[testnet.paper] realism must be one of" in testnet.text


def test_settings_that_say_nothing_have_no_finding(tmp_path):
    file = tmp_path / "none.toml"
    assert list(option_findings(Settings.load(file, {}), file)) == []
