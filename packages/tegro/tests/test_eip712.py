"""Typed data against the published vectors and against eth-account, which we did not write."""

import json
import re
import subprocess
import sys
from decimal import Decimal
from pathlib import Path

import pytest
from eth_account import Account
from eth_account.messages import encode_typed_data
from eth_utils import keccak, to_checksum_address
from hypothesis import given
from hypothesis import strategies as st

from tegro.eip712 import (
    ORDER_V2,
    CancelMessage,
    Domain,
    OrderMessage,
    Schema,
    order_message,
    parse_address,
    to_checksum,
)
from tegro.errors import InvalidInput, SigningRefused
from tegro.keccak import keccak256
from tegro.model import Market, OrderRequest, Side, Token
from tegro.signer import LocalSigner
from tegro.wire import OrderToSign, PlaceOrderBody, decode

GOLDEN = Path(__file__).parent / "golden"
VECTORS = json.loads((GOLDEN / "vectors.json").read_text())
BY_ID = {vector["id"]: vector for vector in VECTORS["vectors"]}
KEY = VECTORS["key"]
CONTRACT = "0x1d0888a1552996822b71e89ca735b06aed4b20a4"
WALLET = VECTORS["address"]

UINT256 = st.integers(min_value=0, max_value=2**256 - 1)
ADDRESSES = st.binary(min_size=20, max_size=20).map(lambda raw: "0x" + raw.hex())
SPELLED_ADDRESSES = st.one_of(ADDRESSES, ADDRESSES.map(to_checksum_address))
KEYS = st.integers(min_value=1, max_value=2**255).map(lambda number: f"0x{number:064x}")
# Without lone surrogates: such text has no UTF-8 form.
TEXTS = st.text(st.characters(codec="utf-8"), max_size=60)
DOMAINS = st.builds(Domain, chain_id=UINT256, verifying_contract=SPELLED_ADDRESSES, name=TEXTS, version=TEXTS)
ORDERS = st.builds(
    OrderMessage,
    base_token=SPELLED_ADDRESSES,
    quote_token=SPELLED_ADDRESSES,
    price_e18=UINT256,
    total_quantity_wei=UINT256,
    is_buy=st.booleans(),
    salt=UINT256,
    maker=SPELLED_ADDRESSES,
    expiry_time=UINT256,
    domain=DOMAINS,
)
CANCELS = st.builds(
    CancelMessage,
    order_ids=st.lists(TEXTS, min_size=1, max_size=5).map(tuple),
    user=SPELLED_ADDRESSES,
    domain=DOMAINS,
)

ORDER_V1 = Schema(name="order-v1", fields=ORDER_V2.fields[:7])
"""The form of March 2024, without `expiryTime` (protocol 6.7)."""


def vector_domain(vector):
    fields = vector["domain"]
    return Domain(fields["chainId"], fields["verifyingContract"], fields["name"], fields["version"])


def vector_order(vector):
    message = vector["message"]
    return OrderMessage(
        base_token=message["baseToken"],
        quote_token=message["quoteToken"],
        price_e18=int(message["price"]),
        total_quantity_wei=int(message["totalQuantity"]),
        is_buy=message["isBuy"],
        salt=int(message["salt"]),
        maker=message["maker"],
        expiry_time=int(message["expiryTime"]),
        domain=vector_domain(vector),
    )


def vector_cancel(vector):
    message = vector["message"]
    return CancelMessage(order_ids=tuple(message["orderIds"]), user=message["user"], domain=vector_domain(vector))


def build(vector):
    return vector_order(vector) if vector["kind"] == "order" else vector_cancel(vector)


TYPED = [vector for vector in VECTORS["vectors"] if vector["kind"] != "personal_sign"]


@pytest.mark.parametrize("vector", TYPED, ids=lambda vector: vector["id"])
def test_vector(vector):
    message = build(vector)
    assert "0x" + message.digest.hex() == vector["digest"]
    if "structHash" in vector:
        assert "0x" + message.struct_hash.hex() == vector["structHash"]
    if "domainSeparator" in vector:
        assert "0x" + message.domain.separator.hex() == vector["domainSeparator"]


@pytest.mark.parametrize("vector", [v for v in TYPED if "signature" in v], ids=lambda vector: vector["id"])
async def test_vector_signature(vector):
    assert await LocalSigner(KEY).sign_typed(build(vector)) == vector["signature"]


def test_order_hash_is_the_digest():
    assert vector_order(BY_ID["A"]).order_hash == BY_ID["A"]["digest"]


def test_domain_and_type_hashes_of_the_protocol():
    assert ORDER_V2.type_hash.hex() == "74fc5d0f34d4e27526c7427ffd0a91537a88df2a9869010998f8dbb45b7a53dc"


def test_typed_data_is_what_the_venue_proposes():
    """Protocol 4.7: vector A is the documented reply of typedData/generate."""
    proposed = decode((GOLDEN / "http_post_generate_reply.json").read_bytes(), OrderToSign)
    built = vector_order(BY_ID["A"])
    typed_data = built.typed_data()
    assert typed_data["message"] == json.loads(bytes(proposed.sign_data.message))
    assert typed_data["domain"] == json.loads(bytes(proposed.sign_data.domain))
    assert typed_data["primaryType"] == proposed.sign_data.primary_type
    assert typed_data["types"] == {
        name: [{"name": field.name, "type": field.type} for field in fields]
        for name, fields in proposed.sign_data.types.items()
    }
    assert built.raw_order_data() == proposed.limit_order.raw_order_data


def test_raw_order_data_of_vector_e():
    body = decode((GOLDEN / "http_post_place_body.json").read_bytes(), PlaceOrderBody)
    assert vector_order(BY_ID["E"]).raw_order_data() == body.raw_order_data


@given(ORDERS)
def test_order_digest_equals_eth_account(order):
    assert eth_account_digest(order) == order.digest


@given(CANCELS)
def test_cancel_digest_equals_eth_account(cancel):
    assert eth_account_digest(cancel) == cancel.digest


@given(DOMAINS)
def test_domain_separator_equals_eth_account(domain):
    signable = encode_typed_data(full_message=CancelMessage(order_ids=("a",), user=WALLET, domain=domain).typed_data())
    assert signable.header == domain.separator


@given(st.one_of(ORDERS, CANCELS), KEYS)
def test_signature_equals_eth_account_and_recovers(message, key):
    signer = LocalSigner(key)
    signable = encode_typed_data(full_message=message.typed_data())
    signature = signer.sign_digest(message.digest)
    assert signature == bytes(Account.sign_message(signable, key).signature)
    assert Account.recover_message(signable, signature=signature) == signer.address


@given(ORDERS)
def test_typed_data_survives_json(order):
    assert eth_account_digest_of(json.loads(json.dumps(order.typed_data()))) == order.digest


def test_a_schema_without_expiry_signs_seven_members():
    fields = vector_order(BY_ID["B"])
    seven = OrderMessage(
        base_token=fields.base_token,
        quote_token=fields.quote_token,
        price_e18=fields.price_e18,
        total_quantity_wei=fields.total_quantity_wei,
        is_buy=fields.is_buy,
        salt=fields.salt,
        maker=fields.maker,
        domain=fields.domain,
        schema=ORDER_V1,
    )
    assert "expiryTime" not in seven.typed_data()["message"]
    assert "expiryTime" not in json.loads(seven.raw_order_data())
    assert eth_account_digest(seven) == seven.digest != fields.digest


def test_a_schema_without_expiry_refuses_one():
    with pytest.raises(InvalidInput, match="orders of the form order-v1 cannot expire, expiry_time was 5"):
        order_with(expiry_time=5, schema=ORDER_V1)


def eth_account_digest(message):
    return eth_account_digest_of(message.typed_data())


def eth_account_digest_of(typed_data):
    signable = encode_typed_data(full_message=typed_data)
    return keccak(b"\x19" + signable.version + signable.header + signable.body)


def order_with(**changes):
    fields = {
        "base_token": "0x6b94a36d6ff05886d44b3dafabdefe85f09563ba",
        "quote_token": "0x7551122e441edbf3fffcbcf2f7fcc636b636482b",
        "price_e18": 1,
        "total_quantity_wei": 1,
        "is_buy": True,
        "salt": 1,
        "maker": WALLET,
        "domain": Domain(80002, CONTRACT),
    }
    return OrderMessage(**{**fields, **changes})


@pytest.mark.parametrize("name", ["price_e18", "total_quantity_wei", "salt", "expiry_time"])
@pytest.mark.parametrize("value", [-1, 2**256])
def test_defect_55_a_number_that_is_no_uint256_is_refused(name, value):
    with pytest.raises(InvalidInput, match=f"^{re.escape(f'{name} must be from 0 to 2^256 - 1, was {value}')}$"):
        order_with(**{name: value})


@pytest.mark.parametrize("name", ["price_e18", "total_quantity_wei", "salt", "expiry_time"])
def test_the_largest_uint256_is_taken(name):
    assert eth_account_digest(order_with(**{name: 2**256 - 1})) == order_with(**{name: 2**256 - 1}).digest


@pytest.mark.parametrize("value", [-1, 2**256])
def test_a_chain_id_that_is_no_uint256_is_refused(value):
    with pytest.raises(InvalidInput, match="chain id must be from 0 to"):
        Domain(value, CONTRACT)


@pytest.mark.parametrize("name", ["base_token", "quote_token", "maker"])
def test_a_malformed_address_in_an_order_is_refused(name):
    with pytest.raises(InvalidInput, match="an address is 0x and 40 hex digits, was '0x12'"):
        order_with(**{name: "0x12"})


def test_a_malformed_contract_or_user_is_refused():
    with pytest.raises(InvalidInput, match="an address is 0x"):
        Domain(1, "exchange")
    with pytest.raises(InvalidInput, match="an address is 0x"):
        CancelMessage(order_ids=("a",), user="me", domain=Domain(1, CONTRACT))


def test_a_cancel_of_nothing_is_refused():
    with pytest.raises(InvalidInput, match="a cancel must name at least one order id"):
        CancelMessage(order_ids=(), user=WALLET, domain=Domain(1, CONTRACT))


WETH_USDT = Market(
    id="80002_0x6b94a36d6ff05886d44b3dafabdefe85f09563ba_0x7551122e441edbf3fffcbcf2f7fcc636b636482b",
    symbol="WETH_USDT",
    chain_id=80002,
    base=Token(address="0x6b94a36d6ff05886d44b3dafabdefe85f09563ba", symbol="WETH", decimals=18),
    quote=Token(address="0x7551122e441edbf3fffcbcf2f7fcc636b636482b", symbol="USDT", decimals=6),
    base_precision=6,
    quote_precision=10,
)


def request(**changes):
    fields = {"market": WETH_USDT, "side": Side.BUY, "price": Decimal(3490), "quantity": Decimal("3.9999")}
    return OrderRequest(**{**fields, **changes})


def test_order_message_of_a_request_is_vector_b():
    message = order_message(request(), maker=WALLET, domain=Domain(80002, CONTRACT), salt=277564373322)
    assert message == vector_order(BY_ID["B"])
    assert message.order_hash == BY_ID["B"]["digest"]


def test_order_message_of_a_sell_that_expires():
    message = order_message(
        request(side=Side.SELL, expiry_time=1_800_000_000), maker=WALLET, domain=Domain(80002, CONTRACT), salt=1
    )
    assert (message.is_buy, message.expiry_time) == (False, 1_800_000_000)


def test_order_message_refuses_a_price_off_the_tick():
    with pytest.raises(InvalidInput, match="price on WETH_USDT must be a multiple of the tick size"):
        order_message(request(price=Decimal("1E-11")), maker=WALLET, domain=Domain(80002, CONTRACT), salt=1)


@pytest.mark.parametrize("name", ["price", "quantity"])
@pytest.mark.parametrize("number", [0.1, "0.1", 1, True, None])
def test_defect_55_a_number_that_is_no_decimal_is_refused(name, number):
    with pytest.raises(InvalidInput, match=rf"^{name} on WETH_USDT must be a Decimal such as .*, was {number!r}$"):
        order_message(request(**{name: number}), maker=WALLET, domain=Domain(80002, CONTRACT), salt=1)


def test_order_message_refuses_the_domain_of_another_chain():
    with pytest.raises(
        SigningRefused, match="WETH_USDT is on chain 80002, but the order would be signed for chain 8453"
    ):
        order_message(request(), maker=WALLET, domain=Domain(8453, CONTRACT), salt=1)


@given(ADDRESSES)
def test_checksum_equals_eth_utils(address):
    assert to_checksum(address) == to_checksum_address(address)
    assert parse_address(to_checksum(address)) == address
    assert parse_address("0x" + address[2:].upper()) == address


@given(ADDRESSES, st.integers(min_value=2, max_value=41))
def test_a_letter_in_the_wrong_case_is_refused(address, index):
    right = to_checksum_address(address)
    wrong = right[:index] + right[index].swapcase() + right[index + 1 :]
    if wrong == right or wrong[2:] in (address[2:], address[2:].upper()):
        assert parse_address(wrong) == address  # a digit has no case, and one case throughout carries no checksum
    else:
        with pytest.raises(InvalidInput, match="is not its checksum; check it for a typing error"):
            parse_address(wrong)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "0x",
        "0x" + "1" * 39,
        "0x" + "1" * 41,
        "1" * 42,
        "0x" + "g" * 40,
        "0x" + " " * 40,
        "0x" + "٣" * 40,
        "x" * 900,
    ],
)
def test_what_is_no_address_is_refused_in_one_short_sentence(text):
    with pytest.raises(InvalidInput, match=r"^an address is 0x and 40 hex digits, was ") as refusal:
        parse_address(text)
    assert len(str(refusal.value)) < 140


@given(st.binary(max_size=600))
def test_keccak_equals_eth_utils(data):
    assert keccak256(data) == keccak(data)


def test_keccak_without_the_fast_library():
    """Users without the extra `fast` have no sha3 module; a fresh interpreter in which it cannot be imported."""
    script = (
        "import sys; sys.modules['sha3'] = None\n"
        "from tegro.keccak import keccak256\n"
        "print(keccak256(b'').hex(), 'Crypto.Hash.keccak' in sys.modules)"
    )
    result = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert result.stdout.split() == ["c5d2460186f7233c927e7db2dcc703c0e500b653ca82273b7bfad8045d85a470", "True"]
