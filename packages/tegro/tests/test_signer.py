"""The local signer against eth-account; and that its key shows up nowhere."""

import copy
import json
import logging
import pickle
import traceback
from pathlib import Path

import pytest
from eth_account import Account
from eth_account.messages import encode_defunct
from hypothesis import given
from hypothesis import strategies as st

from tegro.errors import InvalidInput, SigningRefused
from tegro.signer import LocalSigner, Signer, address_of, text_digest

VECTORS = json.loads((Path(__file__).parent / "golden" / "vectors.json").read_text())
KEY = VECTORS["key"]
ADDRESS = VECTORS["address"]
CURVE_ORDER = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141
KEYS = st.integers(min_value=1, max_value=CURVE_ORDER - 1).map(lambda number: f"0x{number:064x}")
CANARY = "0x" + "c0ffee" * 10 + "c0de"
TRANSACTION = {
    "to": "0x7551122E441edBF3fffcBCF2f7FCC636B636482b",
    "value": 0,
    "data": "0x095ea7b3",
    "nonce": 3,
    "gas": 60_000,
    "maxFeePerGas": 10**9,
    "maxPriorityFeePerGas": 10**8,
    "chainId": 31337,
}


def holds_key(text, key=CANARY):
    """Whether a text shows a key: as hex in either case, as a number, or as the bytes Python prints."""
    digits = key.removeprefix("0x")
    forms = [digits, str(int(digits, 16)), repr(bytes.fromhex(digits))[2:-1]]
    return any(form.lower() in text.lower() for form in forms)


@given(KEYS)
def test_address_equals_eth_account(key):
    expected = Account.from_key(key).address
    assert LocalSigner(key).address == address_of(key) == expected


@given(KEYS, st.text(st.characters(codec="utf-8"), max_size=200))
async def test_text_signature_equals_eth_account(key, text):
    expected = Account.sign_message(encode_defunct(text=text), key)
    signature = await LocalSigner(key).sign_text(text)
    assert signature == "0x" + expected.signature.hex()
    assert text_digest(text) == expected.message_hash


async def test_vector_d():
    (vector,) = [vector for vector in VECTORS["vectors"] if vector["id"] == "D"]
    assert "0x" + text_digest(vector["text"]).hex() == vector["digest"]
    assert await LocalSigner(KEY).sign_text(vector["text"]) == vector["signature"]


async def test_transaction_recovers_to_the_wallet():
    raw = await LocalSigner(KEY).sign_transaction(TRANSACTION)
    assert Account.recover_transaction(raw) == ADDRESS
    assert raw == bytes(Account.sign_transaction(TRANSACTION, KEY).raw_transaction)


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"gas": None}, "the transaction cannot be signed: "),
        ({"to": "0x12"}, "the transaction cannot be signed: "),
        (
            {"from": "0x7551122E441edBF3fffcBCF2f7FCC636B636482b"},
            "the transaction cannot be signed: from field must match",
        ),
        ({"chainId": None}, "the transaction names no chainId"),
    ],
)
async def test_an_incomplete_or_foreign_transaction_is_refused(changes, sentence):
    transaction = {name: value for name, value in {**TRANSACTION, **changes}.items() if value is not None}
    with pytest.raises(SigningRefused, match=sentence) as refusal:
        await LocalSigner(CANARY).sign_transaction(transaction)
    assert not holds_key(shown_with_locals(refusal.value))


def test_a_key_is_taken_with_or_without_0x_and_in_either_case():
    digits = KEY.removeprefix("0x")
    assert {LocalSigner(text).address for text in (KEY, digits, digits.upper(), "0x" + digits.upper())} == {ADDRESS}


MALFORMED = [
    "",
    CANARY[:-1],
    CANARY + "0",
    CANARY[:-2] + "  ",
    CANARY[:-1] + "g",
    CANARY + "\n",
    "0x" + "0" * 64,
    f"0x{CURVE_ORDER:064x}",
    "correct horse battery staple",
]


@pytest.mark.parametrize("make", [LocalSigner, address_of])
@pytest.mark.parametrize("key", MALFORMED)
def test_a_malformed_key_is_refused_and_never_shown(make, key):
    with pytest.raises(InvalidInput, match=r"^a private key is 64 hex digits") as refusal:
        make(key)
    shown = shown_with_locals(refusal.value)
    assert not key or key not in shown
    assert CANARY[2:40] not in shown


def shown_with_locals(error):
    """Return what a traceback that prints local variables would print of our own frames and those below."""
    below_the_test = error.__traceback__.tb_next
    report = traceback.TracebackException(type(error), error, below_the_test, capture_locals=True)
    return "".join(report.format())


def test_the_key_is_in_no_text_of_the_signer(caplog):
    signer = LocalSigner(CANARY)
    with caplog.at_level(logging.DEBUG):
        logging.getLogger("tegro").debug("signer %s %r", signer, signer)
    for text in (repr(signer), str(signer), f"{signer}", f"{[signer]}", caplog.text, "".join(dir(signer))):
        assert not holds_key(text)
    assert repr(signer) == f"LocalSigner({Account.from_key(CANARY).address})"


def test_the_signer_has_no_public_member_with_the_key():
    signer = LocalSigner(CANARY)
    assert not hasattr(signer, "__dict__")
    members = {name: getattr(signer, name) for name in dir(signer) if not name.startswith("_")}
    assert members.keys() == {"address", "sign_digest", "sign_personal", "sign_typed", "sign_text", "sign_transaction"}
    assert not any(holds_key(repr(member)) for member in members.values())


@pytest.mark.parametrize("escape", [pickle.dumps, copy.copy, copy.deepcopy])
def test_the_signer_cannot_be_pickled_or_copied(escape):
    with pytest.raises(TypeError, match="a LocalSigner cannot be pickled or copied") as refusal:
        escape(LocalSigner(CANARY))
    assert not holds_key(shown_with_locals(refusal.value))


def test_a_digest_of_another_length_is_refused_without_the_key():
    with pytest.raises(ValueError, match="32 bytes") as refusal:
        LocalSigner(CANARY).sign_digest(b"short")
    assert not holds_key("".join(traceback.format_exception(refusal.value)))


def test_the_canary_check_finds_a_key():
    secret = bytes.fromhex(CANARY[2:])
    assert all(holds_key(text) for text in (CANARY, CANARY[2:].upper(), str(int(CANARY, 16)), f"key={secret!r}"))


def test_local_signer_is_a_signer():
    signer: Signer = LocalSigner(KEY)
    assert signer.address == ADDRESS
