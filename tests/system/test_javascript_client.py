"""A whole client in JavaScript, with ethers and plain HTTP, trades on the local venue from list to settlement."""

import json
import subprocess
from decimal import Decimal
from pathlib import Path
from shutil import which
from typing import Any

import httpx
import pytest

pytestmark = pytest.mark.system

HERE = Path(__file__).parent
PROGRAM = HERE / "javascript_client.mjs"
SYMBOL = "WETH_USDC"


@pytest.fixture
def report(localnet: Any) -> dict[str, Any]:
    """Run the program with two wallets that have tokens and gas, and no allowance yet."""
    node = which("node")
    assert node, "Node.js is missing: run scripts/system-tools"
    assert (HERE / "node_modules" / "ws").is_dir(), "the npm packages are missing: run scripts/system-tools"
    wallets = {
        "maker": localnet.new_wallet({"WETH": Decimal(5)}, approve=False).key,
        "taker": localnet.new_wallet({"USDC": Decimal(50_000)}, approve=False).key,
    }
    request = {"restUrl": localnet.rest_url, "rpcUrl": localnet.rpc_url, "symbol": SYMBOL, **wallets}
    done = subprocess.run(
        [node, PROGRAM], input=json.dumps(request), capture_output=True, text=True, timeout=110, check=False
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_it_lists_signs_trades_follows_and_cancels(localnet: Any, report: dict[str, Any]) -> None:
    assert report["markets"] == list(localnet.markets)
    # The order as ethers hashed it, through acceptance, match and settlement.
    resting, taking = report["resting"], report["taking"]
    assert (resting["status"], resting["quantity"], taking["side"]) == ("open", "0.75", "buy")
    sold, bought = report["sold"], report["bought"]
    assert sold == bought
    assert (sold["state"], sold["maker"], sold["taker"]) == ("success", report["maker"], report["taker"])
    assert (sold["price"], sold["amount"], sold["is_buyer_maker"]) == (3100.5, 0.25, False)
    assert report["receiptStatus"] == 1
    assert report["filledAfterTrade"] == "0.25"
    # What the chain holds now: the amount less the fee, which is taken from what is received.
    fee_bps = localnet.info.fee_bps
    amount_wei = 25 * 10**16
    assert int(report["takerBaseWei"]) == amount_wei - amount_wei * fee_bps // 10_000
    assert report["cancelledOne"] == [resting["order_id"]]
    assert report["endCode"] == 611
    assert sorted(report["cancelledAll"]) == sorted(report["others"])
    assert report["left"] == []


def test_what_it_reports_is_what_the_venue_says(localnet: Any, report: dict[str, Any]) -> None:
    orders = httpx.get(f"{localnet.rest_url}/api/v1/trading/market/orders/user/{report['maker']}").json()
    ended = {order["order_id"]: (order["status"], order["cancel"]["code"]) for order in orders}
    assert ended == dict.fromkeys([report["resting"]["order_id"], *report["others"]], ("cancelled", 611))
    trades = httpx.get(f"{localnet.rest_url}/api/v1/trading/market/orders/trades/{report['taking']['order_id']}").json()
    assert [trade["tx_hash"] for trade in trades] == [report["sold"]["txHash"]]


def test_it_is_a_short_program() -> None:
    assert len(PROGRAM.read_text().splitlines()) < 200
