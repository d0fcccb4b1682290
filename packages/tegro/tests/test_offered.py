"""Typed data that a venue proposes: what was meant is signed, or nothing."""

import json
from decimal import Decimal
from pathlib import Path

import msgspec
import pytest
from eth_account.messages import encode_typed_data
from eth_utils import keccak
from hypothesis import given
from hypothesis import strategies as st

from tegro import wire
from tegro.eip712 import CancelMessage, Domain
from tegro.errors import InvalidInput, SigningRefused
from tegro.model import Market, OrderRequest, Side, Token
from tegro.offered import check_offered_cancel, check_offered_order, place_body

GOLDEN = Path(__file__).parent / "golden"
CONTRACT = "0xa492c74aAc592F7951d98000a602A22157019563"
DOMAIN = Domain(chain_id=8453, verifying_contract=CONTRACT)
MAKER = "0x3da2b15eB80B1F7d499D18b6f0B671C838E64Cb3"
OTHER = "0x" + "e1" * 20
ORDER_ID = "05881667-3bd3-4fc0-8b0e-db71c8a8fc99"
SALT = 277564373322
WETH = Token(address="0x4200000000000000000000000000000000000006", symbol="WETH", decimals=18)
USDC = Token(address="0x833589fcd6edb6e08f4c7c32d4f71b54bda02913", symbol="USDC", decimals=6)
MARKET = Market(
    id=f"8453_{WETH.address}_{USDC.address}",
    symbol="WETH_USDC",
    chain_id=8453,
    base=WETH,
    quote=USDC,
    base_precision=6,
    quote_precision=10,
)
BUY = OrderRequest(market=MARKET, side=Side.BUY, price=Decimal(2700), quantity=Decimal("0.1"))
SELL = OrderRequest(market=MARKET, side=Side.SELL, price=Decimal("2700.5"), quantity=Decimal(3))


def digest_by_eth_account(sign_data):
    signable = encode_typed_data(full_message=sign_data)
    return keccak(b"\x19" + signable.version + signable.header + signable.body)


def proposal(request=BUY, salt=SALT, expiry_time="0"):
    """Return the documented proposal, with the price scaled by 10^18 as the venue does since June 2024."""
    document = json.loads((GOLDEN / "http_post_generate_reply.json").read_text())
    message, body = document["sign_data"]["message"], document["limit_order"]
    is_buy = request.side is Side.BUY
    message |= {
        "price": str(int(request.price * 10**18)),
        "totalQuantity": str(int(request.quantity * 10**18)),
        "isBuy": is_buy,
        "salt": str(salt),
        "expiryTime": expiry_time,
    }
    body |= {
        "base_asset": USDC.address if is_buy else WETH.address,
        "quote_asset": WETH.address if is_buy else USDC.address,
        "side": 1 if is_buy else 0,
        "price_precision": message["price"],
        "volume_precision": message["totalQuantity"],
        "raw_order_data": json.dumps(message, sort_keys=True, separators=(",", ":")),
    }
    body["order_hash"] = "0x" + digest_by_eth_account(document["sign_data"]).hex()
    return document


def cancel_proposal():
    return json.loads((GOLDEN / "http_post_generate_cancel_reply.json").read_text())


def check(document, request=BUY, **changes):
    reply = wire.decode(json.dumps(document).encode(), wire.OrderToSign)
    return check_offered_order(reply, request, **{"maker": MAKER, "domain": DOMAIN} | changes)


def put(document, path, value):
    *folders, name = path.split(".")
    for folder in folders:
        document = document[int(folder) if folder.isdigit() else folder]
    document[name] = value


@pytest.mark.parametrize("request_", [BUY, SELL], ids=["buy", "sell"])
def test_what_was_meant_is_accepted_with_the_salt_of_the_venue(request_):
    document = proposal(request_)
    message = check(document, request_)
    assert message.salt == SALT
    assert message.digest == digest_by_eth_account(document["sign_data"])
    assert message.order_hash == document["limit_order"]["order_hash"]


@given(salt=st.integers(min_value=0, max_value=2**256 - 1))
def test_any_uint256_may_be_the_salt(salt):
    assert check(proposal(salt=salt)).salt == salt


def test_spellings_that_mean_the_same_are_accepted():
    document = proposal()
    document["sign_data"]["message"] |= {"maker": MAKER.lower(), "salt": SALT, "expiryTime": 0}
    document["sign_data"]["domain"] |= {"chainId": "8453", "verifyingContract": CONTRACT.lower()}
    document["limit_order"] |= {"side": "buy", "order_hash": document["limit_order"]["order_hash"][2:].upper()}
    document["limit_order"]["base_asset"] = document["limit_order"]["base_asset"].upper().replace("0X", "0x")
    assert check(document).salt == SALT


def test_an_expiry_is_accepted_only_if_it_was_meant():
    request = OrderRequest(market=MARKET, side=Side.BUY, price=BUY.price, quantity=BUY.quantity, expiry_time=1_900_000)
    assert check(proposal(expiry_time="1900000"), request).expiry_time == 1_900_000
    with pytest.raises(SigningRefused, match=r"message.expiryTime 0 to sign, but 1900000 was meant"):
        check(proposal(), request)
    with pytest.raises(SigningRefused, match=r"message.expiryTime 1900000 to sign, but 0 was meant"):
        check(proposal(expiry_time="1900000"))


WRONG = [
    ("sign_data.message.price", "2700000000000000000001"),
    ("sign_data.message.price", 2.7e21),
    ("sign_data.message.price", "0x925e06eec972b00000"),
    ("sign_data.message.price", "-1"),
    ("sign_data.message.price", "9" * 79),
    ("sign_data.message.totalQuantity", "1000000000000000000"),
    ("sign_data.message.isBuy", False),
    ("sign_data.message.isBuy", 1),
    ("sign_data.message.maker", OTHER),
    ("sign_data.message.maker", None),
    ("sign_data.message.baseToken", OTHER),
    ("sign_data.message.quoteToken", OTHER),
    ("sign_data.message.expiryTime", "1"),
    ("sign_data.message.expiryTime", False),
    ("sign_data.message.receiver", OTHER),
    ("sign_data.domain.name", "Tegro"),
    ("sign_data.domain.version", "5"),
    ("sign_data.domain.chainId", 1),
    ("sign_data.domain.verifyingContract", OTHER),
    ("sign_data.domain.salt", "0x00"),
    ("sign_data.primaryType", "CancelOrder"),
    ("sign_data.types.Order.0.type", "bytes20"),
    ("sign_data.types.Order.2.name", "totalQuantity"),
    ("sign_data.types.Permit", [{"name": "spender", "type": "address"}]),
    ("sign_data.types.EIP712Domain.2.type", "uint128"),
    ("limit_order.chain_id", 1),
    ("limit_order.base_asset", OTHER),
    ("limit_order.quote_asset", OTHER),
    ("limit_order.side", 0),
    ("limit_order.side", "sell"),
    ("limit_order.side", 7),
    ("limit_order.volume_precision", "1"),
    ("limit_order.price_precision", "1"),
    ("limit_order.order_hash", "0x" + "00" * 32),
    ("limit_order.signed_order_type", "other"),
    ("limit_order.market_id", f"8453_{OTHER}_{USDC.address}"),
    ("limit_order.market_symbol", "WETH_USDT"),
]


@pytest.mark.parametrize(("path", "value"), WRONG, ids=[f"{path}={value}"[:60] for path, value in WRONG])
def test_defect_1_any_difference_from_what_was_meant_is_refused_by_name(path, value):
    document = proposal()
    put(document, path, value)
    with pytest.raises(SigningRefused, match=r"^the venue offers .* nothing was signed$") as refusal:
        check(document)
    named = path.removeprefix("sign_data.")
    named = named if "Order." not in named and "EIP712Domain." not in named else named.rsplit(".", 2)[0]
    assert named in str(refusal.value) or f"'{named.rsplit('.', 1)[1]}'" in str(refusal.value)
    assert len(str(refusal.value)) < 400


@pytest.mark.parametrize("name", ["price", "totalQuantity", "isBuy", "maker", "baseToken", "quoteToken", "salt"])
def test_raw_order_data_must_be_the_same_message(name):
    document = proposal()
    raw = json.loads(document["limit_order"]["raw_order_data"])
    raw[name] = {"isBuy": False, "maker": OTHER, "baseToken": OTHER, "quoteToken": OTHER}.get(name, "12")
    document["limit_order"]["raw_order_data"] = json.dumps(raw)
    with pytest.raises(SigningRefused, match=rf"raw_order_data\.{name}"):
        check(document)


@pytest.mark.parametrize("text", ["", "[]", "{", "[" * 100_000])
def test_raw_order_data_that_is_no_object_is_refused(text):
    document = proposal()
    document["limit_order"]["raw_order_data"] = text
    with pytest.raises(SigningRefused, match="a raw_order_data that is no JSON object"):
        check(document)


@pytest.mark.parametrize("salt", [None, True, -1, 2**256, str(2**256), "1.0", "0x1", "", "٣", 1.0, [], "1" * 100])
def test_a_salt_that_is_no_uint256_is_refused(salt):
    document = proposal()
    document["sign_data"]["message"]["salt"] = salt
    with pytest.raises(SigningRefused, match=r"the venue offers the salt .* which is no uint256"):
        check(document)


@pytest.mark.parametrize("part", ["message", "domain"])
def test_a_message_or_domain_that_is_no_object_is_refused(part):
    document = proposal()
    document["sign_data"][part] = "Order"
    with pytest.raises(SigningRefused, match=f"a {part} that is no JSON object"):
        check(document)


def test_a_member_that_is_missing_is_refused():
    for part in ("message", "domain", "types"):
        document = proposal()
        document["sign_data"][part].popitem()
        with pytest.raises(SigningRefused, match=f"{part} with the members|salt"):
            check(document)


def test_a_proposal_for_another_wallet_or_contract_than_ours_is_refused():
    with pytest.raises(SigningRefused, match=r"message\.maker"):
        check(proposal(), maker=OTHER)
    with pytest.raises(SigningRefused, match=r"domain\.verifyingContract"):
        check(proposal(), domain=Domain(chain_id=8453, verifying_contract=OTHER))
    with pytest.raises(SigningRefused, match="is on chain 8453, but the order would be signed for chain 1"):
        check(proposal(), domain=Domain(chain_id=1, verifying_contract=CONTRACT))


def test_a_request_off_its_step_is_bad_input():
    request = OrderRequest(market=MARKET, side=Side.BUY, price=BUY.price, quantity=Decimal("0.1234567"))
    with pytest.raises(InvalidInput, match="lot size"):
        check(proposal(), request)


JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=5,
)


@given(
    name=st.sampled_from(["price", "totalQuantity", "isBuy", "maker", "baseToken", "quoteToken", "expiryTime"]),
    value=JSON_VALUES,
)
def test_no_value_in_the_message_but_the_meant_one_passes(name, value):
    document = proposal()
    meant = document["sign_data"]["message"][name]
    document["sign_data"]["message"][name] = value
    try:
        message = check(document)
    except SigningRefused:
        return
    # Whatever spelling passed: what is signed is what was meant.
    assert message.typed_data()["message"][name] == meant or name == "maker"
    assert "0x" + message.digest.hex() == document["limit_order"]["order_hash"]


def test_the_body_to_place_is_the_one_that_the_venue_documents():
    document = proposal()
    meant = place_body(BUY, check(document), None)
    assert json.loads(msgspec.json.encode(meant)) == document["limit_order"]
    assert place_body(SELL, check(proposal(SELL), SELL), "0x12").signature == "0x12"


# Cancels


CANCEL_DOMAIN = Domain(chain_id=80002, verifying_contract="0x1d0888a1552996822b71e89ca735b06aed4b20a4")
USER = "0xf39fd6e51aad88f6f4ce6ab8827279cfffb92266"


def check_cancel(document, order_ids=(ORDER_ID,), user=USER):
    reply = wire.decode(json.dumps(document).encode(), wire.CancelToSign)
    return check_offered_cancel(reply, order_ids, user=user, domain=CANCEL_DOMAIN)


def test_the_documented_cancel_is_accepted():
    document = cancel_proposal()
    message = check_cancel(document)
    assert isinstance(message, CancelMessage)
    assert message.digest == digest_by_eth_account(document["sign_data"])
    assert check_cancel(document, user="0xf39Fd6e51aad88F6F4ce6aB8827279cffFb92266").digest == message.digest


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("sign_data.message.orderIds", [ORDER_ID, "64c02448-6c31-43dc-859f-2b7c479af6ec"]),
        ("sign_data.message.orderIds", []),
        ("sign_data.message.orderIds", ORDER_ID),
        ("sign_data.message.user", OTHER),
        ("sign_data.domain.chainId", 1),
        ("sign_data.domain.verifyingContract", OTHER),
        ("sign_data.primaryType", "Order"),
        ("sign_data.types.CancelOrder", [{"name": "user", "type": "address"}]),
        ("cancel_order.order_ids", []),
        ("cancel_order.user_address", OTHER),
    ],
)
def test_any_difference_in_a_cancel_is_refused(path, value):
    document = cancel_proposal()
    put(document, path, value)
    with pytest.raises(SigningRefused, match="nothing was signed"):
        check_cancel(document)


def test_other_ids_or_none_are_refused():
    with pytest.raises(SigningRefused, match="orderIds"):
        check_cancel(cancel_proposal(), ("another",))
    with pytest.raises(InvalidInput):
        check_cancel(cancel_proposal(), ())


def test_an_order_in_the_place_of_a_cancel_is_refused():
    document = cancel_proposal() | {"sign_data": proposal()["sign_data"]}
    with pytest.raises(SigningRefused, match="primaryType 'Order' to sign, but 'CancelOrder' was meant"):
        check_cancel(document)
    document["sign_data"]["primaryType"] = "CancelOrder"
    with pytest.raises(SigningRefused, match="types"):
        check_cancel(document)


def test_a_cancel_in_the_place_of_an_order_is_refused():
    document = proposal() | {"sign_data": cancel_proposal()["sign_data"]}
    with pytest.raises(SigningRefused):
        check(document)
    document["sign_data"]["message"]["salt"] = "1"
    with pytest.raises(SigningRefused, match="primaryType 'CancelOrder' to sign, but 'Order' was meant"):
        check(document)
