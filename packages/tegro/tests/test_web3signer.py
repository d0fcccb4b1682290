"""The Web3Signer client against a server that is eth-account and nothing else; and against one that cheats."""

import asyncio
import json
import traceback
from decimal import Decimal

import pytest
from aiohttp import web
from eth_account import Account
from eth_account.messages import encode_defunct, encode_typed_data

from tegro.eip712 import CancelMessage, Domain, order_message
from tegro.errors import InvalidInput, NotConnected, SigningRefused
from tegro.model import OrderRequest, Side
from tegro.signer import LocalSigner, Signer
from tegro.web3signer import Web3Signer

KEY = "0x" + "77" * 32
WALLET = Account.from_key(KEY).address
FOREIGN = "0x" + "66" * 32
DOMAIN = Domain(chain_id=31337, verifying_contract="0x1d0888a1552996822b71e89ca735b06aed4b20a4")
CURVE_ORDER = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141
TOKEN = "0x7551122E441edBF3fffcBCF2f7FCC636B636482b"
TRANSACTION = {
    "type": 2,
    "to": TOKEN,
    "value": 0,
    "data": "0x095ea7b3" + "ff" * 64,
    "nonce": 3,
    "gas": 60_000,
    "maxFeePerGas": 10**9,
    "maxPriorityFeePerGas": 10**8,
    "chainId": 31337,
}


class StubWeb3Signer:
    """What the documentation of Web3Signer says, done by eth-account."""

    def __init__(self):
        self.accounts = [WALLET.lower()]
        self.key = KEY
        self.chain_id = 31337
        self.calls = []
        self.answer = None
        """Replaces the honest answer: a function from the honest result to a response."""
        self.alter = {}
        """Changes of the transaction before it is signed."""

    def honest(self, method, params):
        if method == "eth_accounts":
            return self.accounts
        if method == "eth_sign":
            signable = encode_defunct(hexstr=params[1])
            return "0x" + Account.sign_message(signable, self.key).signature.hex()
        if method == "eth_signTypedData":
            assert isinstance(params[1], str), "the real one answers an object with an internal error"
            signable = encode_typed_data(full_message=json.loads(params[1]))
            return "0x" + Account.sign_message(signable, self.key).signature.hex()
        assert method == "eth_signTransaction"
        (asked,) = params
        assert asked.pop("from") == WALLET.lower()
        assert all(value.startswith("0x") for value in asked.values())
        asked["to"] = bytes.fromhex(asked["to"][2:])
        transaction = {**asked, "chainId": self.chain_id, **self.alter}
        return "0x" + Account.sign_transaction(transaction, self.key).raw_transaction.hex()

    async def handle(self, request):
        call = await request.json()
        assert (call["jsonrpc"], request.method) == ("2.0", "POST")
        self.calls.append((call["method"], call["params"]))
        result = self.honest(call["method"], call["params"])
        if self.answer is not None:
            return await self.answer(result)
        return web.json_response({"jsonrpc": "2.0", "id": call["id"], "result": result})

    def result(self, change):
        async def answer(honest):
            return web.json_response({"jsonrpc": "2.0", "id": 1, "result": change(honest)})

        self.answer = answer

    def reply(self, text, status=200):
        async def answer(_):
            return web.Response(text=text, status=status)

        self.answer = answer


@pytest.fixture
async def stub_signer():
    stub = StubWeb3Signer()
    app = web.Application()
    app.router.add_post("/", stub.handle)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    stub.url = f"http://127.0.0.1:{site._server.sockets[0].getsockname()[1]}"
    yield stub
    await runner.cleanup()


@pytest.fixture
def signer(stub_signer, session):
    return Web3Signer(stub_signer.url, WALLET.lower(), session=session)


@pytest.fixture
def order(market):
    request = OrderRequest(market=market, side=Side.BUY, price=Decimal("3490.5"), quantity=Decimal("0.25"))
    return order_message(request, maker=WALLET, domain=DOMAIN, salt=2**63 - 1)


CANCEL = CancelMessage(order_ids=("05881667-3bd3-4fc0-8b0e-db71c8a8fc99", "ä"), user=WALLET, domain=DOMAIN)


async def test_defect_53_signatures_are_those_of_the_same_key_held_here(signer, order):
    local: Signer = LocalSigner(KEY)
    remote: Signer = signer
    assert remote.address == local.address == WALLET
    for message in (order, CANCEL):
        assert await remote.sign_typed(message) == await local.sign_typed(message)
    for text in (WALLET.lower(), "", "ä\n"):
        assert await remote.sign_text(text) == await local.sign_text(text)
    for data in (b"", bytes(range(256))):
        assert await remote.sign_personal(data) == await local.sign_personal(data)


async def test_a_transaction_is_that_of_the_same_key_held_here(signer):
    expected = await LocalSigner(KEY).sign_transaction(TRANSACTION)
    assert await signer.sign_transaction(TRANSACTION) == expected
    spelt = {**TRANSACTION, "data": bytes.fromhex(TRANSACTION["data"][2:]), "from": WALLET.lower(), "to": TOKEN.lower()}
    assert await signer.sign_transaction(spelt) == expected


async def test_what_is_sent_is_what_the_documentation_says(signer, stub_signer, order):
    await signer.check()
    await signer.sign_typed(order)
    await signer.sign_text("ab")
    await signer.sign_transaction(TRANSACTION)
    accounts, typed, text, transaction = stub_signer.calls
    assert accounts == ("eth_accounts", [])
    assert typed[1][0] == WALLET.lower()
    assert json.loads(typed[1][1]) == order.typed_data()
    assert text == ("eth_sign", [WALLET.lower(), "0x6162"])
    assert transaction[1][0]["nonce"] == "0x3"
    assert "chainId" not in transaction[1][0]


async def test_without_a_session_it_makes_and_closes_its_own(stub_signer):
    signer = Web3Signer(stub_signer.url, WALLET)
    await signer.aclose()
    await signer.check()
    await signer.aclose()
    await signer.aclose()


async def test_a_given_session_stays_open(signer, session):
    await signer.check()
    await signer.aclose()
    assert not session.closed


# A signer that does not do its part


@pytest.mark.parametrize(
    ("accounts", "sentence"),
    [
        ([], "has no key of 0x.*; it has none"),
        ([TOKEN], f"has no key of {WALLET}; it has {TOKEN}"),
        (None, "answered eth_accounts with no list"),
        ("0x", "answered eth_accounts with no list"),
    ],
)
async def test_a_wallet_that_it_does_not_hold_is_refused(signer, stub_signer, accounts, sentence):
    stub_signer.result(lambda _: accounts)
    with pytest.raises(SigningRefused, match=sentence):
        await signer.check()


async def test_its_refusal_is_told(signer, stub_signer, order):
    stub_signer.reply('{"jsonrpc":"2.0","id":1,"error":{"code":-32000,"message":"locked\\u001b[2J"}}', status=400)
    with pytest.raises(SigningRefused, match=r"refuses eth_signTypedData: 'locked\\x1b\[2J'"):
        await signer.sign_typed(order)
    stub_signer.reply('{"jsonrpc":"2.0","id":1,"error":{}}')
    with pytest.raises(SigningRefused, match="no reason given"):
        await signer.sign_text("x")


@pytest.mark.parametrize("text", ["", "<html>", "[" * 100_000, '{"result": 5}'])
async def test_garbage_is_refused(signer, stub_signer, text):
    stub_signer.reply(text)
    with pytest.raises(SigningRefused, match="answered eth_sign in an unknown form"):
        await signer.sign_text("x")


async def test_an_error_of_the_server_may_be_tried_again(signer, stub_signer):
    stub_signer.reply("bad gateway", status=502)
    with pytest.raises(NotConnected, match="HTTP 502; nothing was signed"):
        await signer.sign_text("x")


async def test_a_redirect_is_not_followed(signer, stub_signer):
    async def elsewhere(_):
        return web.Response(status=307, headers={"Location": f"{stub_signer.url}/"})

    stub_signer.answer = elsewhere
    with pytest.raises(SigningRefused, match="in an unknown form"):
        await signer.sign_text("x")
    assert len(stub_signer.calls) == 1


async def test_silence_ends_in_time(stub_signer, session):
    never = asyncio.Event()

    async def wait(_):
        await never.wait()

    stub_signer.answer = wait
    with pytest.raises(NotConnected, match=r"gave no answer \(.*Timeout"):
        await Web3Signer(stub_signer.url, WALLET, session=session, timeout_secs=0.05).sign_text("x")
    never.set()


async def test_nobody_there_is_not_connected_and_the_password_is_not_shown(unused_tcp_port, session):
    signer = Web3Signer(f"http://user:canary@127.0.0.1:{unused_tcp_port}", WALLET, session=session)
    with pytest.raises(NotConnected, match=f"Web3Signer at 127.0.0.1:{unused_tcp_port} gave no answer") as failure:
        await signer.sign_text("x")
    assert "canary" not in "".join(traceback.format_exception(failure.value))


# A signer that cheats


def flipped(signature):
    """The same signature with the larger s, which recovers to the same wallet."""
    raw = bytes.fromhex(signature[2:])
    s = CURVE_ORDER - int.from_bytes(raw[32:64])
    return "0x" + raw[:32].hex() + s.to_bytes(32).hex() + f"{27 + 28 - raw[64]:02x}"


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (lambda _: None, "no signature of 65 bytes"),
        (lambda _: ["0x"], "no signature of 65 bytes"),
        (lambda good: good[2:], "no signature of 65 bytes"),
        (lambda good: good[:-2], "no signature of 65 bytes"),
        (lambda good: good + "00", "no signature of 65 bytes"),
        (lambda good: good[:-1] + "g", "no signature of 65 bytes"),
        (lambda good: good[:-2] + "02", "a signature that the exchange would refuse"),
        (lambda good: good[:-2] + "1d", "a signature that the exchange would refuse"),
        (flipped, "a signature that the exchange would refuse"),
        (lambda good: good[:-2] + ("1c" if good.endswith("1b") else "1b"), f"is not of {WALLET} over what was asked"),
        (lambda _: "0x" + "00" * 64 + "1b", f"is not of {WALLET} over what was asked"),
        (lambda _: "0x" + "ff" * 32 + "00" * 31 + "011b", f"is not of {WALLET} over what was asked"),
    ],
)
async def test_a_signature_that_is_not_ours_is_never_returned(signer, stub_signer, order, change, sentence):
    stub_signer.result(change)
    with pytest.raises(SigningRefused, match=sentence):
        await signer.sign_typed(order)
    with pytest.raises(SigningRefused, match=sentence):
        await signer.sign_text("x")


async def test_a_parity_of_0_or_1_is_written_as_27_or_28(signer, stub_signer, order):
    stub_signer.result(lambda good: good[:-2] + f"{int(good[-2:], 16) - 27:02x}")
    for message in (order, CANCEL):
        assert await signer.sign_typed(message) == await LocalSigner(KEY).sign_typed(message)


async def test_a_signature_of_another_key_is_never_returned(signer, stub_signer, order):
    stub_signer.key = FOREIGN
    for call in (signer.sign_typed(order), signer.sign_text("x"), signer.sign_personal(b"x")):
        with pytest.raises(SigningRefused, match="is not of"):
            await call
    with pytest.raises(SigningRefused, match=f"of {Account.from_key(FOREIGN).address}, not of {WALLET}"):
        await signer.sign_transaction(TRANSACTION)


async def test_a_signature_over_something_else_is_never_returned(signer, stub_signer, order):
    other = await LocalSigner(KEY).sign_typed(CANCEL)
    stub_signer.result(lambda _: other)
    with pytest.raises(SigningRefused, match="over what was asked"):
        await signer.sign_typed(order)


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"to": Account.from_key(FOREIGN).address}, "another to"),
        ({"data": "0x095ea7b3" + "ee" * 64}, "another data"),
        ({"nonce": 4}, "another nonce"),
        ({"gas": 60_001}, "another gas"),
        ({"value": 1}, "another value"),
        ({"maxFeePerGas": 2 * 10**9}, "another maxFeePerGas"),
        ({"maxPriorityFeePerGas": 1}, "another maxPriorityFeePerGas"),
        ({"chainId": 1}, "another chainId"),
        ({"accessList": [{"address": TOKEN, "storageKeys": ["0x" + "00" * 32]}]}, "something more in it"),
    ],
)
async def test_a_transaction_that_is_not_the_asked_one_is_never_returned(signer, stub_signer, change, named):
    stub_signer.alter = change
    with pytest.raises(SigningRefused, match=f"returned a transaction with {named}"):
        await signer.sign_transaction(TRANSACTION)


LEGACY = {"to": TOKEN, "value": 0, "data": "0x", "nonce": 3, "gas": 60_000, "gasPrice": 1, "chainId": 31337}


@pytest.mark.parametrize(
    "raw",
    [
        "0x",
        "0x02",
        "0x02" + "c0",
        "0x" + "02" * 50,
        "0x" + "ff" * 200,
        "0x" + Account.sign_transaction(LEGACY, KEY).raw_transaction.hex().removeprefix("0x"),
    ],
)
async def test_bytes_that_are_no_eip_1559_transaction_are_refused(signer, stub_signer, raw):
    stub_signer.result(lambda _: raw)
    with pytest.raises(SigningRefused, match="is no EIP-1559 transaction"):
        await signer.sign_transaction(TRANSACTION)
    stub_signer.result(lambda _: None)
    with pytest.raises(SigningRefused, match="returned no transaction"):
        await signer.sign_transaction(TRANSACTION)


# What is asked for


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"gas": None}, "it has no gas"),
        ({"chainId": None}, "it has no chainId"),
        ({"nonce": None}, "it has no nonce"),
        ({"gasPrice": 5}, "it has a field gasPrice"),
        ({"nonce": "0x3"}, "nonce must be a whole number, was '0x3'"),
        ({"value": -1}, "value must be a whole number, was -1"),
        ({"value": True}, "value must be a whole number, was True"),
        ({"data": "approve"}, "its data is not 0x and hex digits"),
        ({"from": TOKEN}, f"is one of {TOKEN}, not of {WALLET}"),
    ],
)
async def test_an_incomplete_or_foreign_transaction_is_not_sent(signer, stub_signer, change, sentence):
    transaction = {name: value for name, value in {**TRANSACTION, **change}.items() if value is not None}
    with pytest.raises(SigningRefused, match=sentence):
        await signer.sign_transaction(transaction)
    assert stub_signer.calls == []


@pytest.mark.parametrize("url", ["", "127.0.0.1:9000", "ftp://127.0.0.1", "http://", "http://[::1", "http://a:b"])
def test_an_address_that_is_none_is_refused_and_not_shown(url):
    with pytest.raises(InvalidInput, match=r"must be like http://host:9000 \(it is not shown here\)"):
        Web3Signer(url, WALLET)


def test_a_server_without_a_port_is_named_by_its_host():
    assert Web3Signer("https://signer.example/eth1", WALLET)._host == "signer.example"
