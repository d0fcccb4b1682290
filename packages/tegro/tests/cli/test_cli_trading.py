"""Commands that look and trade, on localnet from end to end."""

import csv
import io
import json
import signal
from decimal import Decimal

import pytest

from tegro.journal import EntryState, SqliteJournal
from tegro.signer import LocalSigner
from tegro_localnet.fault_spec import Fault, FaultKind

PLACE_PATH = "*/orders/place"


FUNDS = {"WETH": Decimal(100), "USDC": Decimal(100_000)}


@pytest.fixture
def maker(localnet):
    return localnet.new_wallet(FUNDS)


@pytest.fixture
def taker(localnet):
    return localnet.new_wallet(FUNDS)


@pytest.fixture(scope="module")
def anybody(localnet):
    return localnet.new_wallet(FUNDS)


@pytest.fixture
def clean_book(local, localnet):
    """Cancel, after the test, what it left in the books: the module shares one venue."""
    wallets = []
    yield wallets.append
    for wallet in wallets:
        local.use(wallet)
        local("order", "cancel", "--all", "--yes")


def rest(local, wallet, side, quantity, price, *options):
    local.use(wallet)
    done = local("order", "place", "WETH_USDC", side, quantity, price, "--yes", "--json", *options)
    assert done.code == 0, done.err
    return done.json


def is_in_journal(local, order_hash):
    journal = SqliteJournal(local.home / "journal-localnet.sqlite3")
    try:
        return journal.find(order_hash)
    finally:
        journal.close()


def test_nothing_is_signed_unless_somebody_agrees(local, maker):
    local.use(maker)
    done = local("order", "place", "WETH_USDC", "buy", "0.1", "2000")
    assert (done.code, done.out) == (2, "")
    assert "buy 0.1 WETH at 2000, worth 200 USDC; it never expires" in done.err
    assert "say --yes" in done.err
    assert local("orders", "--status", "active", "--json").json == []
    assert local("order", "market", "WETH_USDC", "buy", "0.1").code == 2
    assert local("allowance", "approve", "USDC", "--cap", "999999").code == 2
    assert local("allowance", "revoke").code == 2
    assert local("panic").code == 2


def test_a_person_can_say_yes_no_and_ctrl_c(local, maker, clean_book):
    clean_book(maker)
    local.use(maker)
    order = ("order", "place", "WETH_USDC", "buy", "0.1", "2000")
    said_no = local.type_into(*order)
    said_no.answer("Go on? [y/N]: ", "n")
    assert said_no.end() == 1
    assert "nothing was done" in said_no.shown
    interrupted = local.type_into(*order)
    interrupted.wait_for("Go on? [y/N]: ")
    assert interrupted.interrupt() == 130
    assert local("orders", "--status", "active", "--json").json == []
    said_yes = local.type_into(*order)
    said_yes.answer("Go on? [y/N]: ", "y")
    said_yes.wait_for("accepted as")
    assert said_yes.end() == 0
    assert len(local("orders", "--json").json) == 1


def test_orders_fills_and_trades_tell_one_story(local, maker, taker, wait_until, clean_book):
    clean_book(maker)
    order = rest(local, maker, "buy", "0.5", "2000.25")
    rest(local, taker, "sell", "0.2", "2000.25")
    local.use(maker)
    (fill,) = wait_until(lambda: [each for each in local("fills", "--json").json if each["state"] == "success"])
    assert (fill["symbol"], fill["side"], fill["role"]) == ("WETH_USDC", "buy", "maker")
    assert (fill["price"], fill["quantity"], fill["fee"]) == ("2000.25", "0.2", "0.00014")
    (shown,) = local("orders", "--json").json
    assert (shown["order_id"], shown["symbol"]) == (order["order_id"], "WETH_USDC")
    assert (shown["filled"], shown["pending"], shown["remaining"], shown["status"]) == ("0.2", "0", "0.3", "open")
    assert local("orders", "--market", "WBTC_USDC", "--json").json == []
    (row,) = csv.DictReader(io.StringIO(local("orders", "--csv").out))
    assert {name: value or None for name, value in row.items()} == {
        name: None if value is None else str(value) for name, value in shown.items()
    } | {"cancel_reason": None}
    (row,) = csv.DictReader(io.StringIO(local("fills", "--csv").out))
    assert row["tx_hash"] == fill["tx_hash"]
    trade = local("trades", "WETH_USDC", "--json").json[-1]
    assert (trade["trade_id"], trade["taker_side"]) == (fill["trade_id"], "sell")
    assert "maker" in local("fills").out
    assert "2000.25" in local("trades", "WETH_USDC").out
    assert local("trades", "WETH_USDC", "--csv").out.startswith("time,symbol,taker_side,price,")
    held = {each["token"]: each for each in local("balances", "--json").json}
    assert Decimal(held["USDC"]["total"]) - Decimal(held["USDC"]["reserved"]) == Decimal(held["USDC"]["available"])
    # Of another wallet, without any key.
    local.use(None)
    assert local("fills", "--wallet", maker.address, "--json").json == [fill]
    assert local("orders").code == 2


def test_candles_are_shown_kept_and_never_made_up(local, maker, taker, wait_until):
    rest(local, maker, "buy", "0.1", "1500")
    rest(local, taker, "sell", "0.1", "1500")
    local.use(None)
    wait_until(lambda: local("trades", "WETH_USDC", "--json").json)
    store = local.folder / "kept.sqlite3"
    done = wait_until(
        lambda: (
            done
            if (done := local("candles", "WETH_USDC", "1s", "--limit", "2", "--json", "--store", str(store))).code == 0
            else None
        )
    )
    first, second = done.json
    assert first["close_time_ms"] == second["open_time_ms"]
    assert store.exists()
    header, *rows = csv.reader(io.StringIO(local("candles", "WETH_USDC", "1s", "--limit", "2", "--csv").out))
    assert (header[0], len(rows)) == ("open_time", 2)
    missing = local("candles", "WETH_USDC", "1s", "--since", "2001-09-09T01:46:40")
    assert (missing.code, missing.out) == (2, "")
    missing = local("candles", "TEGRO_USDC", "1m", "--limit", "500")
    assert (missing.code, missing.out) == (2, "")
    assert "but" in missing.err
    assert not list(local.home.glob("candles*"))  # a localnet forgets its trades at each start


def test_a_limit_sell_that_gives_money_away_is_warned_of_and_a_market_order_keeps_it(local, maker, taker, wait_until):
    rest(local, maker, "buy", "0.1", "2100")
    rest(local, maker, "buy", "0.1", "2000")
    local.use(taker)
    done = local("order", "place", "WETH_USDC", "sell", "0.2", "2000")
    assert done.code == 2
    assert "warning: selling 0.2 WETH at 2000 gives away 10 USDC" in done.err
    result = local("order", "market", "WETH_USDC", "sell", "0.3", "--yes", "--json", "--client-order-id", "m")
    assert (result.code, [each["outcome"] for each in result.json["outcomes"]]) == (0, ["accepted", "accepted"])
    assert "the book held nothing for 0.1 within the slippage cap" in result.err
    fills = wait_until(lambda: found if len(found := local("fills", "--json").json) == 2 else None)
    assert [(each["price"], each["quantity"]) for each in fills] == [("2100", "0.1"), ("2000", "0.1")]
    empty = local("order", "market", "WETH_USDC", "sell", "1", "--yes")
    assert empty.code == 2
    assert "nobody is on the other side" in empty.err


def test_a_market_buy_says_what_it_matched(local, maker, taker):
    rest(local, maker, "sell", "0.1", "3000")
    local.use(taker)
    done = local("order", "market", "WETH_USDC", "buy", "0.1", "--yes", "--max-slippage-bps", "10")
    assert (done.code, done.err) == (0, "")
    assert done.out.startswith("matched 0.1 in ")


def test_a_limit_maker_an_expiry_and_a_name(local, maker, taker, clean_book):
    clean_book(maker)
    placed = rest(
        local, maker, "buy", "0.1", "1000", "--type", "limit_maker", "--expires-in", "600", "--client-order-id", "mine"
    )
    entry = is_in_journal(local, placed["order_hash"])
    assert (entry.order_type, entry.client_order_id) == ("limit_maker", "mine")
    assert entry.expiry_time - entry.signed_at_ms // 1000 in range(595, 601)
    again = local("order", "place", "WETH_USDC", "buy", "0.1", "1000", "--yes", "--client-order-id", "mine")
    assert again.code == 2
    assert "has an order named 'mine' already (accepted" in again.err
    local.use(taker)
    crossing = local("order", "place", "WETH_USDC", "sell", "0.1", "1000", "--yes", "--type", "limit_maker")
    assert crossing.code == 2
    assert "would trade at once" in crossing.err
    assert local("order", "place", "WETH_USDC", "sell", "0.1", "1000", "--yes", "--type", "ioc").code == 2
    assert local("orders", "--status", "active", "--json").json == []


def test_an_order_of_unknown_fate_is_exit_code_3_and_is_found_again(local, localnet, maker, clean_book):
    clean_book(maker)
    local.use(maker)
    localnet.faults.add(Fault(kind=FaultKind.DROP_REPLY, path=PLACE_PATH))
    lost = local("order", "place", "WETH_USDC", "buy", "0.1", "900", "--yes", "--json")
    assert (lost.code, lost.json["outcome"]) == (3, "unknown")
    order_hash = lost.json["order_hash"]
    assert f"tegro order resolve {order_hash}" in lost.err
    assert is_in_journal(local, order_hash).state is EntryState.UNKNOWN
    found = local("order", "resolve", order_hash, "--json")
    assert (found.code, found.json["outcome"]) == (0, "accepted")
    assert local("orders", "--json").json[0]["order_id"] == found.json["order_id"]


def test_the_next_order_first_takes_up_what_was_left_open(local, localnet, maker, clean_book):
    clean_book(maker)
    local.use(maker)
    localnet.faults.add(Fault(kind=FaultKind.DROP_REPLY, path=PLACE_PATH))
    order_hash = local("order", "place", "WETH_USDC", "buy", "0.1", "800", "--yes", "--json").json["order_hash"]
    done = local("order", "place", "WETH_USDC", "buy", "0.1", "810")
    assert f"from an earlier run: order {order_hash} is at the venue as " in done.err
    assert is_in_journal(local, order_hash).state is EntryState.ACCEPTED
    assert local("order", "resume").out == "0 orders were left open\n"
    cancelled = local("order", "cancel", order_hash, "--yes", "--json")
    assert (cancelled.code, cancelled.json["outcome"]) == (0, "cancelled")


def test_resume_tells_what_became_of_each(local, localnet, maker, clean_book):
    clean_book(maker)
    local.use(maker)
    localnet.faults.add(Fault(kind=FaultKind.DROP_REPLY, path=PLACE_PATH))
    order_hash = local("order", "place", "WETH_USDC", "buy", "0.1", "700", "--yes", "--json").json["order_hash"]
    done = local("order", "resume", "--json")
    assert (done.code, [each["outcome"] for each in done.json]) == (0, ["accepted"])
    assert done.json[0]["order_hash"] == order_hash


def test_cancel_by_id_by_market_and_all(local, maker):
    first = rest(local, maker, "buy", "0.1", "600")["order_id"]
    second = rest(local, maker, "buy", "0.1", "610")["order_id"]
    assert local("order", "cancel", first, "--yes") == (0, f"cancelled: {first}\n", "")
    assert local("order", "cancel", "--all", "--market", "WBTC_USDC", "--yes") == (0, "cancelled: nothing\n", "")
    assert local("order", "cancel", "--all", "--market", "WETH_USDC", "--yes") == (0, f"cancelled: {second}\n", "")
    assert local("order", "cancel", first, "--yes").code == 1
    assert "--market goes with --all" in local("order", "cancel", first, "--market", "WETH_USDC").err
    assert local("order", "resolve", "0x12").code == 2


def test_nothing_is_cancelled_unless_somebody_agrees(local, maker, clean_book):
    clean_book(maker)
    order_id = rest(local, maker, "buy", "0.1", "605")["order_id"]
    statement = f"cancelling on localnet (localnet) from {LocalSigner(maker.key).address}: "
    for named, words in (
        ((order_id,), order_id),
        (("--all",), "every open order"),
        (("--all", "--market", "WETH_USDC"), "every open order on WETH_USDC"),
    ):
        refused = local("order", "cancel", *named)
        assert (refused.code, refused.out) == (2, "")
        assert f"{statement}{words}; nobody can be asked here, so say --yes to agree" in refused.err
    assert [each["order_id"] for each in local("orders", "--status", "active", "--json").json] == [order_id]
    typist = local.type_into("order", "cancel", order_id)
    typist.answer("Go on?", "n")
    assert typist.end() == 1
    assert "nothing was done" in typist.shown
    typist = local.type_into("order", "cancel", order_id)
    typist.answer("Go on?", "y")
    assert typist.end() == 0
    assert local("orders", "--status", "active", "--json").json == []


def test_a_cancel_whose_reply_is_lost_is_exit_code_3(local, localnet, maker):
    order_id = rest(local, maker, "buy", "0.1", "500")["order_id"]
    localnet.faults.add(Fault(kind=FaultKind.DROP_REPLY, path="*/orders/cancel"))
    lost = local("order", "cancel", order_id, "--yes")
    assert lost.code == 3
    assert "cancelling again is safe" in lost.err


def test_follow_prints_lines_until_ctrl_c(local, maker, taker, wait_until, clean_book):
    clean_book(maker)
    rest(local, maker, "buy", "0.3", "400")
    rest(local, taker, "sell", "0.1", "400")
    (before,) = wait_until(lambda: local("trades", "WETH_USDC", "--limit", "1", "--json").json)
    following = {name: local.start(name, "WETH_USDC", "--follow", "--json") for name in ("book", "trades")}
    try:
        trades = iter(following["trades"].stdout.readline, "")
        seen = [json.loads(next(trades))["trade_id"]]
        while seen[-1] != before["trade_id"]:
            seen.append(json.loads(next(trades))["trade_id"])
        books = iter(following["book"].stdout.readline, "")
        assert json.loads(next(books))["bids"][0] == {"price": "400", "quantity": "0.2"}
        rest(local, taker, "sell", "0.05", "400")
        assert json.loads(next(books))["bids"][0] == {"price": "400", "quantity": "0.15"}
        live = json.loads(next(trades))
        assert (live["price"], live["quantity"], live["trade_id"] in seen) == ("400", "0.05", False)
    finally:
        for process in following.values():
            process.send_signal(signal.SIGINT)
        ends = [(process.communicate(timeout=30)[1], process.returncode) for process in following.values()]
    assert ends == [("", 130), ("", 130)]
    assert local("trades", "WETH_USDC", "--follow", "--csv").code == 2
    assert local("candles", "WETH_USDC", "1m", "--follow", "--since", "2026-01-01").code == 2


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("markets", "--json", "--csv"), "choose one of --json and --csv"),
        (("candles", "WETH_USDC", "7m"), "an interval must be one of"),
        (("candles", "WETH_USDC", "1m", "--since", "yesterday"), "must be a date or time of ISO 8601"),
        (("order", "place", "WETH_USDC", "buy", "1", "2000", "--type", "market"), "tegro order market"),
        (("order", "place", "WETH_USDC", "buy", "0.0001", "2000", "--yes"), "must be worth at least 2 USDC"),
        (("order", "market", "WETH_USDC", "buy", "x"), "quantity must be a plain number such as 0.5"),
        (("verify", "--market", "WETH_USDC"), "go with --trade"),
        (("allowance", "approve"), "name a token and its --cap"),
        (("allowance", "approve", "USDC"), "no cap for USDC"),
        (("allowance", "USDC", "WETH", "--cap", "5"), "--cap is for one token"),
        (("allowance", "USDC", "--cap", "0.0000001"), "at most 6 decimals"),
        (("watchdog", "--heartbeat", "x", "--timeout", "nan"), "must be above zero"),
    ],
)
def test_wrong_input_is_one_sentence(local, anybody, arguments, sentence):
    local.use(anybody)
    done = local(*arguments)
    assert (done.code, done.out) == (2, "")
    assert sentence in done.err
    assert done.err.count("\n") == 1
