"""The pages about the client: their Python runs against a localnet, their settings file is a complete one."""

import os
import re
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path

import pytest
from doc_pages import ROOT, read_blocks

from tegro import Accepted, OrderRequest, Settings, Side, Tegro
from tegro.journal import EntryState, SqliteJournal
from tegro.limits import Limits, MarketLimits
from tegro.settings import FixedPins, _Table
from tegro.signer import LocalSigner
from tegro_localnet.faults import Fault, FaultKind

CLIENT = ROOT / "docs/client.md"
PACKAGE = ROOT / "packages/tegro/README.md"
MOST_LINES = 15


def blocks(path: Path, language: str) -> list[tuple[int, str]]:
    """Return the fenced blocks of a page in a language, each with the number of its first line."""
    return [(block.line, block.text) for block in read_blocks(path) if block.language == language]


def run(path: Path, parts: list[tuple[int, str]]) -> dict[str, object]:
    """Run blocks one after the other in one namespace; a traceback shows the page's own lines."""
    names: dict[str, object] = {"__name__": "__main__"}
    for line, source in parts:
        exec(compile("\n" * (line - 1) + source, str(path), "exec"), names)
    return names


def connected(localnet, key: str, **options) -> Tegro:
    variables = {"TEGRO_LOCALNET_REST_URL": localnet.rest_url, "TEGRO_LOCALNET_RPC_URL": localnet.rpc_url}
    return Tegro(Settings.load(None, variables).environment("localnet"), signer=LocalSigner(key), **options)


@pytest.fixture
def maker(localnet) -> Iterator[Tegro]:
    """Somebody else, with bids on the book and a trade behind them."""
    with (
        connected(localnet, localnet.new_wallet().key) as maker,
        connected(localnet, localnet.new_wallet().key) as other,
    ):
        market = maker.market("WETH_USDC")
        for side, client in ((Side.SELL, maker), (Side.BUY, other)):
            order = OrderRequest(market=market, side=side, price=Decimal(2100), quantity=Decimal("0.1"))
            assert isinstance(client.place(order), Accepted)
        for price, quantity in (("2010", "0.1"), ("2005", "0.2"), ("2000", "5")):
            bid = OrderRequest(market=market, side=Side.BUY, price=Decimal(price), quantity=Decimal(quantity))
            assert isinstance(maker.place(bid), Accepted)
        yield maker
        maker.cancel_all()


@pytest.fixture
def wallet(localnet, monkeypatch, tmp_path):
    """The reader of the page: a funded wallet, an empty home, and the environment variables that the page names."""
    wallet = localnet.new_wallet()
    for name in [name for name in os.environ if name.startswith("TEGRO_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("TEGRO_LOCALNET_REST_URL", localnet.rest_url)
    monkeypatch.setenv("TEGRO_LOCALNET_RPC_URL", localnet.rpc_url)
    monkeypatch.setenv("TEGRO_PRIVATE_KEY", wallet.key)
    monkeypatch.setenv("TEGRO_KEYSTORE_PASSWORD", "a password of the documentation")
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    return wallet


def test_the_page_runs_from_its_first_block_to_its_last(maker, wallet, localnet, tmp_path, capsys):
    names = run(CLIENT, blocks(CLIENT, "python"))
    said = capsys.readouterr().out
    assert [part.price for part in names["result"].plan.slices] == [Decimal(2010), Decimal(2005), Decimal(2000)]
    assert all(isinstance(outcome, Accepted) for outcome in names["outcomes"])
    assert names["candles"][-1].high == Decimal(2100)
    assert names["from_keystore"].address == names["from_server"].address == names["signer"].address
    assert names["report"].is_safe
    assert wallet.key.removeprefix("0x") not in said
    journal = SqliteJournal(tmp_path / ".tegro/journal.sqlite3")
    assert next(entry.client_order_id for entry in journal.entries()) == "bid-1"
    journal.close()


def test_the_outcome_block_finds_an_order_whose_reply_was_lost(wallet, localnet, capsys):
    parts = blocks(CLIENT, "python")
    place = next(index for index, (_, source) in enumerate(parts) if "def tell(" in source)
    setup = next(index for index, (_, source) in enumerate(parts) if "SqliteJournal(home" in source)
    names = run(CLIENT, [parts[setup]])
    fault = Fault(kind=FaultKind.DROP_REPLY, path="*/orders/place", wallet=wallet.address.lower())
    localnet.faults.add(fault)
    exec(parts[place][1], names)
    said = capsys.readouterr().out
    assert "may be live" in said
    assert "found out: Accepted(" in said
    client = names["tegro"]
    (entry,) = client.journal.entries()
    assert entry.state is EntryState.ENDED or client.orders(statuses=["active"]) == []
    client.close()


@pytest.mark.parametrize("number", [0, 1])
def test_a_quickstart_has_at_most_fifteen_lines(number):
    assert len(blocks(CLIENT, "python")[number][1].splitlines()) <= MOST_LINES


# The page of the package


def test_the_code_of_the_package_page_runs(wallet, capsys):
    run(PACKAGE, blocks(PACKAGE, "python"))
    assert re.fullmatch(r"Cancelled\(cancelled=\('.+',\), not_cancelled=\(\)\)\n", capsys.readouterr().out)


# Settings


def test_the_settings_file_of_the_page_is_read_and_leaves_no_key_out(tmp_path):
    ((_, text),) = blocks(CLIENT, "toml")
    path = tmp_path / "tegro.toml"
    path.write_text(text)
    environment = Settings.load(path, {}).environment("mainnet")
    assert environment.limits.every_market.max_distance_bps == 300
    assert environment.pins.tokens == {"0x833589fcd6edb6e08f4c7c32d4f71b54bda02913": 6}
    documented = set(re.findall(r"^(?:([\w-]+) =|\[mainnet\.(\w+)\])", text, re.MULTILINE))
    keys = {key or table for key, table in documented}
    of_limits = {*MarketLimits.__struct_fields__, *Limits.__struct_fields__} - {"every_market", "markets"}
    # What the plug-in reads is on its own page.
    assert {*_Table.__struct_fields__, *of_limits, *FixedPins.__struct_fields__} - {"hummingbot", "paper"} <= keys


def test_what_the_page_calls_a_default_is_one(tmp_path):
    ((_, text),) = blocks(CLIENT, "toml")
    path = tmp_path / "tegro.toml"
    path.write_text(text.partition("[mainnet.approvals]")[0])
    assert Settings.load(path, {}).environment("mainnet") == Settings.load(None, {}).environment("mainnet")


def test_the_settings_of_the_package_page_are_read(tmp_path):
    ((_, text),) = blocks(PACKAGE, "toml")
    path = tmp_path / "tegro.toml"
    path.write_text(text)
    assert Settings.load(path, {}).environment("testnet").chain == "polygon"
