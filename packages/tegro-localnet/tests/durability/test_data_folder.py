"""A data folder: one localnet, one set of settings, the same bytes for the same inputs, and running them again."""

import asyncio
import random
import shutil
from pathlib import Path
from typing import Any

import pytest
from eth_account import Account
from typer.testing import CliRunner

from tegro_localnet.chain.node.chain import LocalChain
from tegro_localnet.chain.node.store import BlockStore
from tegro_localnet.cli import app
from tegro_localnet.config import LocalnetConfig
from tegro_localnet.elsewhere import SharedLifecycle
from tegro_localnet.errors import LocalnetError
from tegro_localnet.journal.folder import DataFolder
from tegro_localnet.journal.frames import Durability
from tegro_localnet.journal.journal import Journal
from tegro_localnet.journal.offline import rebuild
from tegro_localnet.journal.snapshot import take_snapshot
from tegro_localnet.journal.spot import KeptSpot
from tegro_localnet.localnet import Localnet
from tegro_localnet.perpetual.config import PerpetualConfig
from tegro_localnet.perpetual.engine.funding import FundingTerms
from tegro_localnet.signed_order import SignedOrder


def copy_of(folder: Any, path: Path) -> Path:
    """Return a folder of the same localnet in which nothing has happened yet."""
    path.mkdir()
    shutil.copy(folder.path / "manifest.json", path)
    return path


def trade_at_random(venue: SharedLifecycle, wallets: list[str], steps: int) -> None:
    """Do what follows from a seed: orders that meet each other, cancels, and verdicts of the chain."""
    rng = random.Random(3)
    market = next(iter(venue.markets.values())).market
    for number in range(steps):
        order = SignedOrder(
            base_token=market.base.address,
            quote_token=market.quote.address,
            price_e18=(3000 + rng.randint(-2, 2)) * 10**18,
            total_quantity_wei=rng.randint(1, 50) * 10**15,
            is_buy=rng.random() < 0.5,
            salt=number,
            maker=rng.choice(wallets),
        )
        venue.accept(order, market.id, f"{number:064x}")
        if rng.random() < 0.2:
            venue.end_orders(list(venue.orders.open_orders())[:2], 611)
        for trade in venue.trades.next_unsettled(1):
            venue.send_batch([trade], number)
            verdict = venue.settle if rng.random() < 0.8 else lambda item, tx: venue.fail(item, tx, "refused")
            verdict(trade, f"0x{number:x}")


def journaled(folder: Any, path: Path, steps: int = 60, snapshot_every: int = 10**6) -> SharedLifecycle:
    """Return a venue that has traded with a journal in a new folder."""
    venue, _ = rebuild(copy_of(folder, path))
    journal = Journal(path, Durability.PROCESS, snapshot_every)
    journal.open(KeptSpot(venue))
    trade_at_random(venue, folder.wallets, steps)
    journal.close()
    return venue


def files_of(path: Path) -> dict[str, bytes]:
    return {file.name: file.read_bytes() for file in path.iterdir()}


def test_the_same_seed_and_inputs_leave_the_same_bytes(folder: Any, tmp_path: Path) -> None:
    for name in ("a", "b"):
        journaled(folder, tmp_path / name, snapshot_every=50)
    assert files_of(tmp_path / "a") == files_of(tmp_path / "b")
    assert any(name.startswith("snapshot-") for name in files_of(tmp_path / "a"))


def test_the_same_transactions_at_the_same_times_leave_the_same_chain(tmp_path: Path) -> None:
    account = Account.from_key(b"\x01" * 32)
    for name in ("a", "b"):
        times = iter(range(1_700_000_000, 1_700_000_100))
        store = BlockStore(tmp_path / name, Durability.POWER)
        genesis = {bytes.fromhex(account.address[2:]): 10**24}
        chain = LocalChain(31337, genesis, lambda times=times: next(times), store)
        for nonce in range(3):
            transaction = {"chainId": 31337, "nonce": nonce, "to": "0x" + "11" * 20, "value": 5, "gas": 21000}
            fees = {"maxFeePerGas": 10**10, "maxPriorityFeePerGas": 1}
            chain.mine([chain.decode(bytes(account.sign_transaction(transaction | fees).raw_transaction))])
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()


@pytest.mark.parametrize("snapshot_every", [10**6, 7])
def test_a_venue_comes_back_as_it_was(folder: Any, tmp_path: Path, snapshot_every: int) -> None:
    venue = journaled(folder, tmp_path / "data", snapshot_every=snapshot_every)
    again, _ = rebuild(tmp_path / "data")
    assert take_snapshot(again) == take_snapshot(venue)
    assert again.steps.count == venue.steps.count > 60


def test_old_snapshots_and_steps_are_forgotten(folder: Any, tmp_path: Path) -> None:
    journaled(folder, tmp_path / "data", snapshot_every=7)
    names = sorted(name.partition("-")[0] for name in files_of(tmp_path / "data"))
    assert names == ["manifest.json", "snapshot", "steps"]


def test_replay_compares_every_step(folder: Any, tmp_path: Path) -> None:
    journaled(folder, tmp_path / "data")
    steps = tmp_path / "data" / "steps-000000000000"
    before = steps.read_bytes()
    for path in (tmp_path / "data", steps):
        run = CliRunner().invoke(app, ["replay", str(path)])
        assert (run.exit_code, "gave what was written" in run.output) == (0, True)
    assert steps.read_bytes() == before


def test_replay_names_the_first_difference(folder: Any, tmp_path: Path) -> None:
    """Another seed gives the first order another id than was written."""
    journaled(folder, tmp_path / "data")
    manifest = tmp_path / "data" / "manifest.json"
    manifest.write_text(manifest.read_text().replace('"seed": 11', '"seed": 12'))
    run = CliRunner().invoke(app, ["replay", str(tmp_path / "data")])
    assert run.exit_code == 1
    assert "steps-000000000000 at offset 23: Placed gave OrderAdded" in run.stderr


def test_replay_of_something_else_is_refused(tmp_path: Path) -> None:
    run = CliRunner().invoke(app, ["replay", str(tmp_path)])
    assert (run.exit_code, run.stderr.count("\n")) == (2, 1)
    assert "holds no localnet" in run.stderr


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (
            "--chain 31337 --chain 84532 --data x",
            "one chain alone can be kept in a data folder; name one, or leave --data out",
        ),
        (
            "--chain 31337 --chain 84532 --rpc-url http://127.0.0.1:1",
            "one chain alone can use a node of its own; name one, or leave --rpc-url out",
        ),
        ("--chain 31337 --chain-id 8453", "name the chains with --chain or one with --chain-id, not with both"),
    ],
)
def test_options_that_exclude_each_other_are_one_sentence(options: str, words: str) -> None:
    run = CliRunner().invoke(app, options.split())
    assert (run.exit_code, run.stderr) == (2, f"tegro localnet: {words}\n")


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"chain_id": 8453}, "was made with chain_id 31337, not 8453"),
        ({"seed": 12}, "was made with seed 11, not 12"),
        ({"fee_bps": 0}, "was made with fee_bps 7, not 0"),
        ({"markets": LocalnetConfig().markets[:1]}, "was made for other markets: WETH_USDC, WBTC_USDC, TEGRO_USDC"),
        (
            {"perpetual": PerpetualConfig(funding=FundingTerms(interval_ms=60_000))},
            "was made with other settings of the perpetual venue",
        ),
    ],
)
async def test_other_settings_are_refused(folder: Any, settings: dict[str, Any], words: str) -> None:
    config = LocalnetConfig(port=0, rpc_port=0, agents=False, data=folder.path, **settings)
    with pytest.raises(LocalnetError, match=words):
        await asyncio.wait_for(Localnet(config).__aenter__(), 60)


async def test_a_second_localnet_on_the_folder_is_refused(folder: Any) -> None:
    first = DataFolder(folder.path)
    first.lock()
    try:
        with pytest.raises(LocalnetError, match="is in use by another localnet"):
            await Localnet(LocalnetConfig(port=0, rpc_port=0, data=folder.path)).__aenter__()
    finally:
        first.release()


def test_a_folder_with_other_things_is_refused(tmp_path: Path) -> None:
    (tmp_path / "thesis.tex").write_text("x")
    with pytest.raises(LocalnetError, match=r"is not a localnet's data folder and holds thesis.tex"):
        DataFolder(tmp_path)


def test_a_damaged_journal_is_refused_with_file_and_offset(folder: Any, tmp_path: Path) -> None:
    journaled(folder, tmp_path / "data")
    steps = tmp_path / "data" / "steps-000000000000"
    content = bytearray(steps.read_bytes())
    content[40] ^= 1
    steps.write_bytes(content)
    with pytest.raises(LocalnetError) as refusal:
        rebuild(tmp_path / "data")
    assert str(refusal.value).startswith(f"{steps} is damaged at offset 23;")
