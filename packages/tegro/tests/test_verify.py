"""`tegro verify`: localnet keeps every fact, and a venue that breaks one is told so by that number alone."""

import asyncio
import json
import os
import pty
import re
import subprocess
import sys
from collections import Counter
from contextlib import suppress
from decimal import Decimal
from pathlib import Path

import pytest
from aiohttp import WSMsgType, web
from eth_abi import encode as abi_encode
from eth_account.messages import encode_typed_data
from eth_utils import keccak

from tegro import AsyncTegro, LocalSigner, OrderRequest, Side
from tegro.errors import NotConnected
from tegro.verify import Limits, Result, verify
from tegro.verify.checks import CHECKS
from tegro.verify.probe import UNUSED_WALLET

CHAIN_ID = 31337
EXCHANGE = "0x1d0888a1552996822b71e89ca735b06aed4b20a4"
WETH = "0x6b94a36d6ff05886d44b3dafabdefe85f09563ba"
WBTC = "0xcabd9e0ea17583d57a972c00a1413295e7c69246"
USDT = "0x7551122e441edbf3fffcbcf2f7fcc636b636482b"
DECIMALS = {WETH: 18, WBTC: 8, USDT: 6}
QUICK = Limits(listen_secs=0.3)

EXCHANGE_PATH = "/api/v1/exchange"
LIST = f"{EXCHANGE_PATH}/{CHAIN_ID}/market/list"
TRADES = f"{EXCHANGE_PATH}/{CHAIN_ID}/market/trades"
DEPTH = "/api/v1/orderbook/depth"
CHAINS = f"{EXCHANGE_PATH}/chain/list"
ORDERS = f"/api/v1/trading/market/orders/user/{UNUSED_WALLET}"
PORTFOLIO = f"/api/v1/accounts/{CHAIN_ID}/{UNUSED_WALLET}/portfolio"
BALANCE = f"/api/v1/accounts/{CHAIN_ID}/balances/{UNUSED_WALLET}/{USDT}"
HEALTH = "/api/v1/trading/health"
GENERATE = "/api/v1/trading/market/orders/typedData/generate"
ORDER_MEMBERS = (
    "baseToken address|quoteToken address|price uint256|totalQuantity uint256|isBuy bool|salt uint256|maker address|"
    "expiryTime uint256"
)
DOMAIN_MEMBERS = "name string|version string|chainId uint256|verifyingContract address"

TICKER_NAMES = "base_volume quote_volume price price_change_24h price_high_24h price_low_24h ask_low bid_high"


def selector(signature):
    return keccak(text=signature)[:4].hex()


def market_row(symbol, base, base_decimal):
    base_symbol, quote_symbol = symbol.split("_")
    return {
        "id": f"{CHAIN_ID}_{base}_{USDT}",
        "symbol": symbol,
        "chainId": CHAIN_ID,
        "state": "verified",
        "base_contract_address": base,
        "base_symbol": base_symbol,
        "base_decimal": base_decimal,
        "base_precision": 6,
        "quote_contract_address": USDT,
        "quote_symbol": quote_symbol,
        "quote_decimal": 6,
        "quote_precision": 2,
        "ticker": dict.fromkeys(TICKER_NAMES.split(), 1),
    }


class Venue:
    """What a venue that keeps every fact answers. A test changes one thing of it."""

    def __init__(self):
        self.chains = [
            {
                "id": CHAIN_ID,
                "name": "localnet",
                "exchange_contract": EXCHANGE,
                "min_order_value": "2000000",
                "fee": 0.05,
                "Active": True,
            }
        ]
        self.markets = [market_row("WETH_USDT", WETH, 18), market_row("WBTC_USDT", WBTC, 8)]
        self.answers = {
            DEPTH: {
                "timestamp": 1718543004,
                "bids": [{"price": "3490.0", "quantity": "1.5"}, {"price": "3489.5", "quantity": "4"}],
                "asks": [{"price": 3492, "quantity": 2}, {"price": 3490.2, "quantity": 0.25}],
            },
            f"{EXCHANGE_PATH}/{CHAIN_ID}/market/{self.markets[0]['id']}": self.markets[0],
            TRADES: [{"id": "t", "symbol": "WETH_USDT", "price": 1, "amount": "2", "state": "success", "timestamp": 9}],
            ORDERS: [],
            PORTFOLIO: [{"address": USDT, "balance": "0", "symbol": "USDT", "decimal": 6}],
            BALANCE: 0,
            HEALTH: {"status": "ok"},
        }
        self.other_book = None
        self.statuses = {}
        self.ignores_paging = self.ignores_symbol = self.wraps_markets = False
        self.refusal = (400, {"error": "unknown market"})
        self.events = [{"action": "order_book_diff", "data": {"symbol": "WETH_USDT", "timestamp": 1, "bids": []}}]
        self.answers_ping = True
        self.hangs_up = False
        self.commands = []
        self.price_decimals = 18
        self.order_members = ORDER_MEMBERS
        self.domain_name = "TegroDEX"

    async def serve(self, request):
        path, query = request.path, request.query
        if path == CHAINS:
            return web.json_response(self.chains)
        if path == LIST:
            rows = self.listed(query)
            return web.json_response({"data": rows, "success": True} if self.wraps_markets else rows)
        if path == DEPTH and query.get("market_id") == "no_such_market":
            return web.json_response(self.refusal[1], status=self.refusal[0])
        if path == DEPTH and "market_symbol" in query and self.other_book is not None:
            return web.json_response(self.other_book)
        return web.json_response(self.answers[path], status=self.statuses.get(path, 200))

    async def propose(self, request):
        """Build the order to sign that is asked for (protocol 4.7)."""
        if GENERATE in self.statuses:
            return web.json_response({"error": "insufficient balance"}, status=self.statuses[GENERATE])
        asked = await request.json()
        values = {
            "baseToken": WETH,
            "quoteToken": USDT,
            "price": str(int(Decimal(asked["price"]) * 10**self.price_decimals)),
            "totalQuantity": str(int(Decimal(asked["amount"]) * 10**18)),
            "isBuy": asked["side"] == "buy",
            "salt": "277564373322",
            "maker": asked["wallet_address"],
            "expiryTime": "0",
        }
        types = {
            name: [dict(zip(("name", "type"), member.split(), strict=True)) for member in members.split("|")]
            for name, members in (("EIP712Domain", DOMAIN_MEMBERS), ("Order", self.order_members))
        }
        message = {member["name"]: values[member["name"]] for member in types["Order"]}
        domain = {"name": self.domain_name, "version": "1", "chainId": CHAIN_ID, "verifyingContract": EXCHANGE}
        limit_order = {
            "chain_id": CHAIN_ID,
            "base_asset": USDT,
            "quote_asset": WETH,
            "side": 1,
            "volume_precision": message["totalQuantity"],
            "price_precision": message["price"],
            "order_hash": "",
            "raw_order_data": json.dumps(message),
            "signature": None,
            "market_id": self.markets[0]["id"],
            "market_symbol": asked["market_symbol"],
        }
        sign_data = {"types": types, "primaryType": "Order", "domain": domain, "message": message}
        return web.json_response({"limit_order": limit_order, "sign_data": sign_data})

    def listed(self, query):
        if "market_symbol" in query and not self.ignores_symbol:
            return [row for row in self.markets if row["symbol"] == query["market_symbol"]]
        if "page" not in query or self.ignores_paging:
            return self.markets
        page, size = int(query["page"]), int(query["page_size"])
        return self.markets[(page - 1) * size : page * size]

    async def stream(self, request):
        socket = web.WebSocketResponse(autoping=self.answers_ping)
        await socket.prepare(request)
        async for message in socket:
            if message.type is WSMsgType.TEXT:
                self.commands.append(message.json())
                if self.hangs_up:
                    await socket.close()
                for event in self.events:
                    await socket.send_json(event)
        return socket


class Node:
    """A chain's node of which a test decides what the contracts answer."""

    def __init__(self):
        self.chain_id = CHAIN_ID
        self.code = "0x60"
        self.decimals = dict(DECIMALS)
        self.answers = {}
        self.methods = Counter()

    async def serve(self, request):
        asked = await request.json()
        self.methods[asked["method"]] += 1
        reply = {"jsonrpc": "2.0", "id": asked["id"]} | self.answer(asked["method"], asked["params"])
        return web.json_response(reply)

    def answer(self, method, params):
        if method == "eth_chainId":
            return {"result": hex(self.chain_id)}
        if method == "eth_getCode":
            return {"result": self.code}
        to, data = params[0]["to"].lower(), params[0]["data"].removeprefix("0x")
        if data == selector("decimals()") and to in self.decimals:
            return {"result": "0x" + abi_encode(["uint8"], [self.decimals[to]]).hex()}
        if to == EXCHANGE and data[:8] in self.answers:
            return {"result": "0x" + self.answers[data[:8]].hex()}
        return {"error": {"code": 3, "message": "execution reverted", "data": "0x"}}

    def tells_domain(self, name="TegroDEX", chain_id=CHAIN_ID):
        kinds = ["bytes1", "string", "string", "uint256", "address", "bytes32", "uint256[]"]
        values = [b"\x0f", name, "1", chain_id, EXCHANGE, bytes(32), []]
        self.answers[selector("eip712Domain()")] = abi_encode(kinds, values)


@pytest.fixture
def venue(stub):
    healthy = Venue()

    for path in (CHAINS, LIST, *healthy.answers):
        stub.answer("GET", path, healthy.serve)
    stub.answer("GET", "/stream", healthy.stream)
    stub.answer("POST", GENERATE, healthy.propose)
    return healthy


@pytest.fixture
async def node():
    made = Node()
    made.tells_domain()
    app = web.Application()
    app.router.add_post("/", made.serve)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    made.url = f"http://127.0.0.1:{site._server.sockets[0].getsockname()[1]}"
    yield made
    await runner.cleanup()


@pytest.fixture
def look(stub, venue, node, session, environment_at):
    """Verify the stubbed venue."""

    async def run(rpc_url=node.url, limits=QUICK):
        environment = environment_at(stub.url, rpc_url, stream_url=stub.url.replace("http", "ws") + "/stream")
        report = await verify(environment, session=session, limits=limits)
        assert [finding.number for finding in report.findings] == [f"V{number:02}" for number in (*range(1, 21), 25)]
        return report

    return run


def with_result(report, result):
    return {finding.number for finding in report.findings if finding.result is result}


def note_of(report, number):
    return next(finding.note for finding in report.findings if finding.number == number)


async def test_a_venue_that_keeps_every_fact(look, venue, stub, node):
    report = await look()
    assert [finding for finding in report.findings if finding.result is not Result.HOLDS] == []
    assert report.summary == "21 hold, 0 differ, 0 not checked"
    assert {(method, path) for method, path, _, _ in stub.requests if method != "GET"} == {("POST", GENERATE)}
    assert all(body == b"" for method, _, _, body in stub.requests if method == "GET")
    assert len(stub.requests) < 25
    assert set(node.methods) == {"eth_chainId", "eth_getCode", "eth_call"}
    assert venue.commands == [{"action": "subscribe", "channelId": f"{CHAIN_ID}/{WETH}"}]


async def test_the_notes_tell_what_the_protocol_leaves_open(look):
    report = await look()
    assert "the chain id's key is chainId" in note_of(report, "V06")
    assert note_of(report, "V10") == "bids: 2 levels of strings; asks: 2 levels of numbers; timestamp in seconds"
    assert "state success" in note_of(report, "V13")
    assert "1 of them with balance zero" in note_of(report, "V15")
    assert note_of(report, "V16") == "the number 0 for USDT"
    assert "HTTP 400, the body is an object with error" in note_of(report, "V19")


def change(target, **values):
    """Return what changes a row (of a list, or found by its path)."""

    def apply(venue, _):
        row = venue.answers[target] if target in venue.answers else getattr(venue, target)[0]
        row.update(values)

    return apply


def answer(path, body):
    return lambda venue, _: venue.answers.update({path: body})


def put(name, value):
    return lambda venue, _: setattr(venue, name, value)


def drop(name, key):
    return lambda venue, _: getattr(venue, name)[0].pop(key)


BOOK = Venue().answers[DEPTH]
MARKET_PATH = f"{EXCHANGE_PATH}/{CHAIN_ID}/market/{Venue().markets[0]['id']}"

VIOLATIONS = [
    ("V01", lambda venue, _: setattr(venue, "chains", {"data": venue.chains, "success": True})),
    ("V02", change("chains", Active=False)),
    ("V02", drop("chains", "Active")),
    ("V02", change("chains", id=str(CHAIN_ID))),
    ("V03", lambda _, node: setattr(node, "code", "0x")),
    ("V04", change("chains", min_order_value=2000000)),
    ("V04", drop("chains", "min_order_value")),
    ("V05", change("chains", fee=5)),
    ("V05", drop("chains", "fee")),
    ("V06", put("wraps_markets", True)),
    ("V06", lambda venue, _: venue.markets[1].update(symbol="WBTC-USDT")),
    ("V06", lambda venue, _: venue.markets[1].update(id="WBTC")),
    ("V06", lambda venue, _: venue.markets.append({"symbol": "torn"})),
    ("V07", put("ignores_paging", True)),
    ("V08", put("ignores_symbol", True)),
    ("V08", lambda venue, _: venue.markets[1].update(state="new")),
    ("V09", lambda _, node: node.decimals.update({WBTC: 18})),
    ("V09", lambda _, node: node.decimals.pop(WBTC)),
    ("V10", answer(DEPTH, BOOK | {"bids": BOOK["bids"][::-1]})),
    ("V10", answer(DEPTH, BOOK | {"asks": BOOK["asks"][::-1]})),
    ("V10", answer(DEPTH, BOOK | {"bids": [{"price": "3490.2", "quantity": "1"}]})),
    ("V10", answer(DEPTH, BOOK | {"bids": [{"price": "1", "quantity": "0"}]})),
    ("V10", answer(DEPTH, {"bids": [], "asks": []})),
    ("V11", put("other_book", BOOK | {"bids": []})),
    ("V12", answer(MARKET_PATH, [market_row("WETH_USDT", WETH, 18)])),
    ("V12", answer(MARKET_PATH, market_row("WETH_USDT", WETH, 18) | {"ticker": {"price": 1}})),
    ("V12", answer(MARKET_PATH, market_row("WBTC_USDT", WBTC, 8))),
    ("V13", answer(TRADES, {"data": []})),
    ("V13", answer(TRADES, [{"priceFormatted": "1", "amount": "1", "timestamp": 1}])),
    ("V13", answer(TRADES, Venue().answers[TRADES] * 11)),
    ("V14", answer(ORDERS, None)),
    ("V14", lambda venue, _: venue.statuses.update({ORDERS: 404})),
    ("V14", answer(ORDERS, [{"order_id": "1", "status": "open"}])),
    ("V15", answer(PORTFOLIO, {"data": []})),
    ("V15", answer(PORTFOLIO, [{"symbol": "USDT", "balance": "0"}])),
    ("V16", answer(BALANCE, {"data": 0})),
    ("V16", answer(BALANCE, "none")),
    ("V17", lambda venue, _: venue.statuses.update({HEALTH: 404})),
    ("V18", put("answers_ping", False)),
    ("V18", put("events", [{"action": "error", "data": {}}])),
    ("V18", put("events", [{"action": "order_book_diff", "data": {"bids": "many"}}])),
    ("V18", put("events", ["hello"])),
    ("V18", lambda venue, _: [setattr(venue, "hangs_up", True), venue.events.clear()]),
    ("V19", put("refusal", (200, {}))),
    ("V19", put("refusal", (400, {"message": "no"}))),
    ("V19", put("refusal", (404, {"error": "no"}))),
    ("V20", lambda _, node: node.tells_domain(name="Tegro")),
    ("V20", lambda _, node: node.tells_domain(chain_id=1)),
    ("V25", put("price_decimals", 6)),
    ("V25", put("order_members", ORDER_MEMBERS.rpartition("|")[0])),
    ("V25", put("domain_name", "Tegro")),
]


@pytest.mark.parametrize(("number", "violate"), VIOLATIONS, ids=[f"{n}-{i}" for i, (n, _) in enumerate(VIOLATIONS)])
async def test_what_is_violated_is_what_differs(look, venue, node, number, violate):
    violate(venue, node)
    report = await look()
    assert with_result(report, Result.DIFFERS) == {number}
    assert note_of(report, number)
    assert report.differs


def test_every_fact_is_violated_by_some_case():
    assert {number for number, _ in VIOLATIONS} == {check.number for check in CHECKS}


async def test_a_chain_that_is_not_listed_leaves_its_other_facts_unchecked(look, venue):
    venue.chains[0]["id"] = 1
    report = await look()
    assert with_result(report, Result.DIFFERS) == {"V02"}
    assert {"V03", "V04", "V05", "V20", "V25"} == with_result(report, Result.NOT_CHECKED)
    assert note_of(report, "V04") == f"chain {CHAIN_ID} is not in the chain list (V02)"


async def test_no_node_leaves_what_only_the_chain_knows_unchecked(look):
    report = await look(rpc_url="http://127.0.0.1:9/secret-access-key")
    assert with_result(report, Result.NOT_CHECKED) == {"V03", "V09", "V20"}
    assert not report.differs
    assert "secret-access-key" not in str(report)


async def test_a_node_of_another_chain_proves_nothing(look, node):
    node.chain_id = 1
    report = await look()
    assert with_result(report, Result.NOT_CHECKED) == {"V03", "V09", "V20"}
    assert f"is on chain 1, not on {CHAIN_ID}" in note_of(report, "V03")


async def test_silence_of_the_stream_is_no_difference(look, venue):
    venue.events = []
    report = await look()
    assert with_result(report, Result.NOT_CHECKED) == {"V18"}
    assert "ping answered; no book or trade event within 0.3 s" in note_of(report, "V18")


async def test_a_stream_that_cannot_be_opened(stub, venue, node, session, environment_at):
    elsewhere = environment_at(stub.url, node.url, stream_url="ws://127.0.0.1:9/stream")
    report = await verify(elsewhere, session=session, limits=QUICK)
    assert with_result(report, Result.NOT_CHECKED) == {"V18"}
    refused = environment_at(stub.url, node.url, stream_url=stub.url.replace("http", "ws") + "/nowhere")
    report = await verify(refused, session=session, limits=QUICK)
    assert with_result(report, Result.DIFFERS) == {"V18"}
    assert note_of(report, "V18").endswith("/nowhere refuses to open a WebSocket: HTTP 404")


async def test_a_book_that_moves_between_the_requests_is_no_difference(look, venue, stub):
    bodies = [json.dumps(BOOK | {"bids": [{"price": price, "quantity": "1"}]}) for price in (1, 2, 3, 4)]
    stub.json("GET", DEPTH, *bodies)
    report = await look()
    assert note_of(report, "V11") == "the book moved between the requests; run this again"


async def test_an_empty_market_shows_little_and_differs_in_nothing(look, venue):
    venue.answers[DEPTH] = {"timestamp": 1718543004000, "bids": None}
    venue.answers[TRADES] = []
    report = await look()
    assert with_result(report, Result.NOT_CHECKED) == {"V10", "V13"}
    expected = "bids: none, written as null; asks: none, written as missing; timestamp in milliseconds"
    assert expected in note_of(report, "V10")


@pytest.mark.parametrize("status", [429, 503])
async def test_an_answer_about_the_moment_is_no_difference(look, venue, status):
    venue.statuses[HEALTH] = status
    venue.refusal = (status, {"error": "later"})
    report = await look()
    assert with_result(report, Result.NOT_CHECKED) == {"V17", "V19"}
    assert note_of(report, "V17").startswith(f"HTTP {status}")


async def test_words_of_the_venue_are_shown_on_one_plain_line(look, venue):
    venue.chains[0]["name"] = "\x1b[31mred\n" + "x" * 1000
    note = note_of(await look(), "V01")
    assert note.isprintable()
    assert len(note) <= 300


async def test_time_that_ran_out_leaves_the_rest_unchecked(look):
    report = await look(limits=Limits(total_secs=0.0))
    assert with_result(report, Result.NOT_CHECKED) == {check.number for check in CHECKS}
    assert note_of(report, "V20") == "the time for all checks ran out"


async def test_a_domain_separator_getter_is_compared_with_ours(look, node):
    body = {
        "types": {"EIP712Domain": [], "Nothing": []},
        "primaryType": "Nothing",
        "domain": {"name": "TegroDEX", "version": "1", "chainId": CHAIN_ID, "verifyingContract": EXCHANGE},
        "message": {},
    }
    kinds = {"name": "string", "version": "string", "chainId": "uint256", "verifyingContract": "address"}
    body["types"]["EIP712Domain"] = [{"name": name, "type": kind} for name, kind in kinds.items()]
    getter = selector("DOMAIN_SEPARATOR()")
    node.answers = {getter: encode_typed_data(full_message=body).header}
    assert "DOMAIN_SEPARATOR is 0x" in note_of(await look(), "V20")
    node.answers = {getter: bytes(32)}
    assert with_result(await look(), Result.DIFFERS) == {"V20"}
    node.answers = {}
    assert with_result(await look(), Result.NOT_CHECKED) == {"V20"}


async def test_a_host_that_is_not_there(session, environment_at):
    with pytest.raises(NotConnected, match=r"no connection to http://127\.0\.0\.1:9"):
        await verify(environment_at("http://127.0.0.1:9"), session=session)


async def test_a_host_that_never_answers_whole(stub, session, environment_at):
    stub.answer("GET", CHAINS, stub.drop)
    with pytest.raises(NotConnected, match="got no whole answer"):
        await verify(environment_at(stub.url), session=session)


@pytest.mark.parametrize(("status", "body"), [(404, b""), (200, b"<html>Welcome</html>"), (200, b"7"), (200, b"")])
async def test_a_host_that_is_no_tegro(session, environment_at, stub, status, body):
    for path in (CHAINS, LIST, *Venue().answers):
        stub.answer("GET", path, stub.reply(body, status))
    report = await verify(environment_at(stub.url), session=session, limits=QUICK)
    assert with_result(report, Result.DIFFERS) >= {"V01", "V06", "V14", "V15", "V19"}
    assert with_result(report, Result.HOLDS) <= {"V17"}
    assert note_of(report, "V02") == "the chain list could not be read (V01)"


def test_the_page_about_it_lists_the_same_facts():
    page = (Path(__file__).parents[3] / "docs" / "verify.md").read_text().replace("`", "")
    rows = re.findall(r"^\| (V\d\d) \| (.+) \| (.+) \|$", page, re.MULTILINE)
    assert rows == [(check.number, check.fact, check.section) for check in CHECKS]


# Against localnet


@pytest.fixture
async def traded(localnet, environment_at):
    """Give localnet's first market a resting order on both sides, and a trade."""
    wallet = localnet.new_wallet()
    environment = environment_at(localnet.rest_url, localnet.rpc_url)
    async with AsyncTegro(environment, signer=LocalSigner(wallet.key)) as client:
        market = (await client.markets())[0]
        for side, price in ((Side.BUY, 2000), (Side.SELL, 2000), (Side.BUY, 1990), (Side.SELL, 2010)):
            request = OrderRequest(market=market, side=side, price=Decimal(price), quantity=Decimal("0.1"))
            assert await client.place(request)
    return environment


async def test_localnet_keeps_every_fact(traded, session):
    report = await verify(traded, session=session, limits=QUICK)
    assert with_result(report, Result.DIFFERS) == set()
    assert with_result(report, Result.NOT_CHECKED) <= {"V18"}
    assert all(finding.note for finding in report.findings if finding.result is Result.NOT_CHECKED)
    assert note_of(report, "V20") == "hashOrder of a sample order equals our digest"


@pytest.fixture
def command(tmp_path):
    """Run `tegro verify` as a program."""

    def run(*arguments, rest_url, rpc_url=""):
        env = {name: value for name, value in os.environ.items() if not name.startswith("TEGRO_")}
        env |= {"TEGRO_LOCALNET_REST_URL": rest_url, "TEGRO_LOCALNET_RPC_URL": rpc_url, "TEGRO_PRIVATE_KEY": "no key"}
        program = [sys.executable, "-c", "from tegro.cli.main import main; main()", "verify", "--env", "localnet"]
        done = subprocess.run(
            [*program, *arguments], env=env, cwd=tmp_path, capture_output=True, text=True, timeout=60, check=False
        )
        return done.returncode, done.stdout, done.stderr

    return run


def test_the_command_prints_a_line_for_each_fact(command, localnet):
    code, out, err = command(rest_url=localnet.rest_url, rpc_url=localnet.rpc_url)
    lines = out.splitlines()
    assert (code, err, len(lines)) == (0, "", len(CHECKS) + 1)
    assert lines[0] == "V01 holds       the chain list is a bare JSON array (protocol 4.1, 3.3): lists localnet (31337)"
    assert lines[-1].startswith(f"localnet on localnet (31337) at {localnet.rest_url}: ")
    assert " 0 differ, " in lines[-1]


def test_a_terminal_gets_a_table(localnet, tmp_path):
    screen, inside = pty.openpty()
    env = os.environ | {"TEGRO_LOCALNET_REST_URL": localnet.rest_url, "COLUMNS": "200"}
    program = [sys.executable, "-c", "from tegro.cli.main import main; main()", "verify", "--env", "localnet"]
    with subprocess.Popen(program, env=env, cwd=tmp_path, stdout=inside, close_fds=True):
        os.close(inside)
        shown = b""
        # Linux ends a terminal whose other side is closed with an error.
        with suppress(OSError):
            while part := os.read(screen, 65536):
                shown += part
    os.close(screen)
    lines = re.sub(r"\x1b\[[\d;]*m", "", shown.decode()).splitlines()
    assert re.search(r"result\s+fact\s+protocol\s+seen", lines[0])
    assert re.search(r"V01\s+holds\s+the chain list is a bare JSON array\s+4\.1, 3\.3\s+lists localnet", lines[1])


def test_the_command_prints_json(command, localnet):
    code, out, _ = command("--json", rest_url=localnet.rest_url)
    document = json.loads(out)
    assert code == 0
    assert set(document) == {"environment", "chain", "chain_id", "rest_url", "findings", "summary"}
    assert {tuple(finding) for finding in document["findings"]} == {("number", "fact", "section", "result", "note")}
    counted = Counter(finding["result"] for finding in document["findings"])
    assert document["summary"] == {result.value: counted[result.value] for result in Result}
    assert document["findings"][8] == {
        "number": "V09",
        "fact": "base_decimal and quote_decimal are the tokens' decimals on the chain",
        "section": "4.2",
        "result": "not checked",
        "note": "no rpc_url is set for this environment",
    }


async def test_the_command_ends_with_1_where_something_differs(command, venue, stub):
    venue.chains = {}
    code, out, err = await asyncio.to_thread(command, "--json", rest_url=stub.url)
    assert (code, err) == (1, "")
    assert json.loads(out)["findings"][0]["result"] == "differs"


def test_the_command_says_in_one_sentence_that_a_host_is_not_there(command):
    code, out, err = command(rest_url="http://127.0.0.1:9")
    assert (code, out, err) == (1, "", "tegro: no connection to http://127.0.0.1:9: Connection refused\n")
