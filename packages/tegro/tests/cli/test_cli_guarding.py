"""Commands that guard money: pins, allowances, panic, watchdog, doctor, verify --trade; the venue plays testnet."""

import asyncio
import json
import signal
import time
from decimal import Decimal

import pytest

from tegro.client import AsyncTegro
from tegro.settings import Settings
from tegro.signer import LocalSigner
from tegro.verify.trading import smallest_buy, verify_trading
from tegro_localnet.config import LocalnetConfig
from tegro_localnet.fault_spec import Fault, FaultKind

OTHER = "0x" + "22" * 20
FUNDS = {"WETH": Decimal(10), "USDC": Decimal(10_000)}


@pytest.fixture(scope="module")
def localnet_config():
    return LocalnetConfig(port=0, rpc_port=0, agents=False, settlement_interval_ms=50, chain_id=84532)


@pytest.fixture
def testnet(cli, localnet):
    cli.set(TEGRO_ENV="testnet", TEGRO_TESTNET_REST_URL=localnet.rest_url, TEGRO_TESTNET_RPC_URL=localnet.rpc_url)
    return cli


@pytest.fixture
def wallet(testnet, localnet):
    made = localnet.new_wallet(FUNDS)
    testnet.use(made)
    return made


def place(testnet, price="1000"):
    done = testnet("order", "place", "WETH_USDC", "buy", "0.1", price, "--yes", "--json")
    assert done.code == 0, done.err
    return done


def change_pins(testnet, change):
    path = testnet.home / "pins.json"
    venues = json.loads(path.read_text())
    for pins in venues.values():
        change(pins)
    path.write_text(json.dumps(venues))


def test_the_first_use_is_shown_and_a_changed_contract_stops_signing_until_it_is_confirmed(testnet, wallet, localnet):
    assert testnet("pins", "show").out == "nothing is pinned yet: the first use pins\n"
    contract = localnet.info.exchange_contract.lower()
    first = place(testnet)
    assert f"first use: testnet (chain 84532): from now on the exchange contract is {contract}" in first.err
    assert "'USDC' with 6 decimals" in first.err
    assert place(testnet, "990").err == ""
    shown = testnet("pins", "show", "--json")
    assert (shown.code, shown.json["exchange_contract"], shown.json["questions"]) == (0, contract, [])
    assert testnet("pins", "confirm") == (0, "nothing to confirm: the venue says what is pinned\n", "")

    change_pins(testnet, lambda pins: pins.update(exchange_contract=OTHER))
    refused = testnet("order", "place", "WETH_USDC", "buy", "0.1", "980", "--yes")
    assert refused.code == 1
    assert "tegro pins confirm" in refused.err
    assert testnet("allowance", "approve", "USDC", "--cap", "20000", "--yes").code == 1
    shown = testnet("pins", "show")
    assert shown.code == 1
    assert "CHANGED: exchange contract" in shown.out
    assert OTHER in testnet("doctor").out
    asked = testnet("pins", "confirm")
    assert asked.code == 2
    assert OTHER in asked.out
    assert contract in asked.out
    assert testnet("order", "cancel", "--all", "--yes").code == 1
    assert testnet("pins", "confirm", "--yes", "--json").json["changes"][0]["offered"] == contract
    place(testnet, "980")


def test_a_token_that_changed_is_shown_and_only_what_was_shown_is_pinned(testnet, wallet):
    assert "first use" in place(testnet).err
    before = testnet("pins", "show", "--json").json

    def spoil(pins):
        usdc = next(address for address, token in pins["tokens"].items() if token["symbol"] == "USDC")
        pins["tokens"][usdc]["decimals"] = 18
        weth = next(address for address, token in pins["tokens"].items() if token["symbol"] == "WETH")
        pins["tokens"][OTHER] = pins["tokens"].pop(weth)

    change_pins(testnet, spoil)
    assert testnet("order", "place", "WETH_USDC", "buy", "0.1", "980", "--yes").code == 1
    confirmed = testnet("pins", "confirm", "--yes")
    assert "USDC with 18 decimals" in confirmed.out
    assert "token WETH" in confirmed.out
    after = testnet("pins", "show", "--json").json
    # WBTC and TEGRO were never used, so nobody was shown what they are.
    assert set(after["tokens"]) == {OTHER, *before["tokens"]}
    place(testnet, "980")


def test_allowances_follow_the_settings_and_can_be_taken_back(testnet, localnet):
    testnet.use(localnet.new_wallet(FUNDS, approve=False))
    (testnet.folder / "tegro.toml").write_text('[testnet.approvals]\nUSDC = "1500"\nWETH = "2"\n')
    first = testnet("allowance", "approve", "--yes")
    assert first.code == 0
    assert "approved 1500 USDC in 0x" in first.out
    assert "approved 2 WETH in 0x" in first.out
    assert testnet("allowance", "approve", "--yes").out == "nothing to do: as much is allowed already\n"
    shown = {each["token"]: each for each in testnet("allowance", "--json").json}
    assert (shown["USDC"]["allowance"], shown["USDC"]["cap"], shown["WBTC"]["allowance"]) == ("1500", "1500", "0")
    assert shown["USDC"]["allowance_wei"] == "1500000000"
    assert testnet("allowance", "USDC").out.split()[-4:] == ["USDC", "1500", "1500", "10000"]
    # As error messages say it.
    assert testnet("allowance", "USDC", "--cap", "1600", "--yes").code == 0
    too_much = testnet("doctor", "--json")
    (check,) = [each for each in too_much.json["checks"] if each["subject"] == "allowances"]
    assert (too_much.code, check["level"], check["advice"][-4:]) == (1, "error", "USDC")
    (receipt,) = testnet("allowance", "revoke", "USDC", "--yes", "--json").json
    assert receipt["amount_wei"] == "0"
    assert testnet("allowance", "revoke", "--yes").out.startswith("revoked WETH in 0x")
    assert testnet("allowance", "revoke", "--yes").out == "nothing to do: nothing is allowed\n"


def test_panic_cancels_revokes_and_is_done_only_when_nothing_can_execute(testnet, wallet, localnet):
    order = place(testnet).json
    kept = testnet("panic", "--keep-allowances")
    assert kept.code == 1
    assert f"cancelled at the venue: {order['order_id']}" in kept.out
    assert f"could still execute: {order['order_hash']}" in kept.err
    assert "still allowed: 10000 USDC" in kept.err
    order = place(testnet).json
    done = testnet("panic", "--on-chain", "--yes", "--json")
    assert (done.code, done.json["is_safe"]) == (0, True)
    report = done.json["report"]
    assert (report["cancelled"], report["cancelled_on_chain"]) == ([order["order_id"]], [order["order_hash"]])
    assert {each["token"]["symbol"] for each in report["revoked"]} == {"WETH", "USDC"}
    assert all(each["allowance"] == "0" for each in testnet("allowance", "--json").json)
    assert localnet.deployment.exchange == report["revoked"][0].get("spender", localnet.deployment.exchange)
    again = testnet("panic", "--yes")
    assert (again.code, again.out.splitlines()[-1]) == (0, "nothing more of this wallet can execute")


def test_panic_without_a_node_does_not_claim_that_all_is_well(testnet, wallet):
    place(testnet)
    testnet.set(TEGRO_TESTNET_RPC_URL=None)
    done = testnet("panic")
    assert done.code == 1
    assert "no node is known" in done.err
    assert "allowances could not be read" in done.err


def test_the_watchdog_cancels_when_the_heartbeat_stops(testnet, wallet, wait_until):
    place(testnet)
    beat = testnet.folder / "beat"
    beat.write_text("1")
    dog = testnet.start("watchdog", "--heartbeat", str(beat), "--timeout", "0.5")
    try:
        assert dog.stderr.readline().startswith(f"watching {beat} for ")
        beats = iter(range(20))
        wait_until(lambda: beat.write_text(f"{time.monotonic_ns()}") and next(beats, None) is None)
        wait_until(lambda: testnet("orders", "--status", "active", "--json").json == [])
        assert "has stopped" in dog.stderr.readline()
        assert "the bot was silent for " in dog.stderr.readline()
        dog.send_signal(signal.SIGINT)
        assert (dog.communicate(timeout=60)[1], dog.returncode) == ("", 130)
    finally:
        dog.kill()
        dog.communicate()


def test_doctor_is_content_with_what_is_right(testnet, wallet):
    place(testnet)
    done = testnet("doctor", "--json")
    assert (done.code, done.json["is_ok"]) == (0, True)
    levels = {each["subject"]: each["level"] for each in done.json["checks"]}
    assert levels == dict.fromkeys(
        ("settings", "signer", "journal", "venue", "clock", "pins", "node", "allowances"), "ok"
    )
    lines = testnet("doctor").out.splitlines()
    assert "ok    journal: " in lines[2]
    assert lines[2].endswith("1 accepted")


def test_doctor_says_what_is_wrong_and_what_to_do(testnet, wallet, localnet):
    localnet.faults.add(Fault(kind=FaultKind.DROP_REPLY, path="*/orders/place"))
    assert testnet("order", "place", "WETH_USDC", "buy", "0.1", "950", "--yes").code == 3
    journal = testnet("doctor")
    assert "1 unknown; find out what became of the open ones: tegro order resume" in journal.out
    assert journal.code == 0
    testnet.use(None)
    assert "note  signer: none is named; set TEGRO_SIGNER or TEGRO_PRIVATE_KEY" in testnet("doctor").out
    testnet.set(TEGRO_SIGNER=f"web3signer:http://127.0.0.1:9#{OTHER}")
    down = testnet("doctor")
    assert down.code == 1
    assert "error web3signer: Web3Signer at 127.0.0.1:9 gave no answer" in down.out
    testnet.set(TEGRO_SIGNER="keystore:/nowhere", TEGRO_TESTNET_RPC_URL="http://127.0.0.1:9")
    wrong = testnet("doctor")
    assert wrong.code == 1
    assert "error signer: the keystore /nowhere cannot be read" in wrong.out
    assert "error node: " in wrong.out
    assert "look at rpc_url of [testnet]" in wrong.out
    testnet.set(TEGRO_TESTNET_REST_URL="http://127.0.0.1:9", TEGRO_TESTNET_RPC_URL=None, TEGRO_SIGNER=None)
    away = testnet("doctor")
    assert "error venue: no connection to http://127.0.0.1:9" in away.out
    assert "note  clock: the venue does not say its time" in away.out
    assert "note  node: none is known" in away.out
    (testnet.home / "journal-testnet.sqlite3").write_bytes(b"no database at all, and long enough to be looked at")
    assert "error journal: " in testnet("doctor").out
    (testnet.folder / "tegro.toml").write_text("[nonsense]")
    settings = testnet("doctor")
    assert (settings.code, len(settings.out.splitlines())) == (1, 1)
    assert "error settings: tegro.toml: unknown table [nonsense]" in settings.out


async def test_doctor_tells_a_wrong_clock(testnet, stub):
    told = {"Date": "Fri, 02 Jan 2026 03:04:05 GMT"}
    stub.answer("GET", "/api/v1/trading/health", stub.reply("{}", headers=told))
    testnet.set(TEGRO_TESTNET_REST_URL=stub.url)
    process = testnet.start("doctor")
    out, _ = await asyncio.to_thread(process.communicate, None, 60)
    assert process.returncode == 1
    assert " s ahead of the venue's; set this machine's clock" in out


def facts(report):
    return {each["number"]: (each["result"], each["note"]) for each in report["findings"]}


def test_verify_trade_places_and_cancels_one_minimum_order(testnet, wallet):
    # Somebody is in the book, so that it is known what is far away.
    place(testnet, "2000")
    refused = testnet("verify", "--trade")
    assert refused.code == 2
    assert "buy 0.002 WETH_USDC at 1000" in refused.err
    done = testnet("verify", "--trade", "--yes", "--json")
    assert done.code == 0
    seen = facts(done.json)
    assert [seen[number][0] for number in ("V01", "V20", "V21", "V22", "V23", "V24")] == ["holds"] * 6
    assert "cancelled, code 611" in seen["V24"][1]
    assert [each["price"] for each in testnet("orders", "--status", "active", "--json").json] == ["2000"]


def trade_facts(localnet, wallet):
    """What `verify --trade` says of its own four facts."""
    settings = Settings.load(
        env={"TEGRO_TESTNET_REST_URL": localnet.rest_url, "TEGRO_TESTNET_RPC_URL": localnet.rpc_url}
    )

    async def look():
        async with AsyncTegro(settings.environment("testnet"), signer=LocalSigner(wallet.key)) as client:
            request = await smallest_buy(client, await client.market("WETH_USDC"))
            return [finding.result.value for finding in await verify_trading(client, request)]

    return asyncio.run(look())


def test_verify_trade_says_at_which_step_a_venue_differs(testnet, wallet, localnet):
    place(testnet, "2000")
    refuses = {"kind": FaultKind.STATUS, "status": 400}
    fault = localnet.faults.add(Fault(path="*/orders/cancel", **refuses))
    assert trade_facts(localnet, wallet) == ["holds", "holds", "differs", "not checked"]
    localnet.faults.clear(fault)
    localnet.faults.add(Fault(path="*/orders/place", **refuses))
    assert trade_facts(localnet, wallet) == ["differs", "not checked", "not checked", "not checked"]
    localnet.faults.add(Fault(kind=FaultKind.DROP_REPLY, path="*/orders/place"))
    assert trade_facts(localnet, wallet) == ["not checked"] * 4
    poor = localnet.new_wallet({"USDC": Decimal(1)}, approve=False)
    assert trade_facts(localnet, poor) == ["not checked"] * 4


def test_verify_trade_is_not_for_mainnet_nor_for_an_empty_book(testnet, wallet):
    mainnet = testnet("verify", "--trade", "--yes", "--env", "mainnet")
    assert mainnet.code == 2
    assert "testnet and localnet only" in mainnet.err
    empty = testnet("verify", "--trade", "--yes", "--market", "WBTC_USDC")
    assert empty.code == 2
    assert "the book of WBTC_USDC is empty" in empty.err
