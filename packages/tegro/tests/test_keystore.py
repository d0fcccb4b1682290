"""Keystores against eth-account, and how a text names a signer; no key and no password shows up anywhere."""

import json
import resource
import stat
import traceback
from pathlib import Path

import pytest
from eth_account import Account

from tegro.errors import InvalidInput
from tegro.keystore import load_keystore, write_keystore
from tegro.signer import LocalSigner, signer_from
from tegro.web3signer import Web3Signer

KEY = "0x" + "c0ffee" * 10 + "beef"
WALLET = Account.from_key(KEY).address
OTHER = "0x7551122E441edBF3fffcBCF2f7FCC636B636482b"
PASSWORD = "correct horse battery staple"


def shown_with_locals(error):
    """Return what a traceback that prints local variables would print of the frames below the test."""
    report = traceback.TracebackException(type(error), error, error.__traceback__.tb_next, capture_locals=True)
    return "".join(report.format())


def holds_secret(text):
    forms = [KEY.removeprefix("0x"), str(int(KEY, 16)), repr(bytes.fromhex(KEY[2:]))[2:-1], PASSWORD]
    return any(form.lower() in text.lower() for form in forms)


def keyfile(password=PASSWORD, kdf="scrypt", **changes):
    """Return a keystore made by eth-account, with few rounds so that it opens quickly."""
    return Account.encrypt(KEY, password, kdf=kdf, iterations=2) | changes


@pytest.fixture
def path(tmp_path):
    return tmp_path / "wallet.json"


def written(path, document):
    path.write_text(document if isinstance(document, str) else json.dumps(document))
    return path


@pytest.mark.parametrize("kdf", ["scrypt", "pbkdf2"])
async def test_a_keystore_of_eth_account_opens(path, kdf):
    signer = load_keystore(written(path, keyfile(kdf=kdf)), PASSWORD)
    assert signer.address == WALLET
    assert await signer.sign_text("x") == await LocalSigner(KEY).sign_text("x")
    assert not holds_secret(repr(signer))


@pytest.mark.parametrize("address", ["", WALLET, WALLET.lower()[2:]])
def test_the_wallet_in_the_file_may_be_missing_or_spelt_otherwise(path, address):
    assert load_keystore(written(path, keyfile(address=address)), PASSWORD).address == WALLET


def test_names_in_capitals_as_old_clients_wrote_them_open_too(path):
    document = keyfile()
    document["crypto"]["KDF"] = document["crypto"].pop("kdf")
    assert load_keystore(written(path, document), PASSWORD).address == WALLET


def test_the_password_is_asked_for_only_when_it_is_needed(path, tmp_path):
    asked = []

    def ask():
        asked.append(1)
        return PASSWORD

    with pytest.raises(InvalidInput, match="cannot be read: No such file"):
        load_keystore(tmp_path / "none.json", ask)
    with pytest.raises(InvalidInput, match="is no keystore"):
        load_keystore(written(path, "{}"), ask)
    assert asked == []
    assert load_keystore(written(path, keyfile()), ask).address == WALLET
    assert asked == [1]


@pytest.mark.parametrize("kdf", ["scrypt", "pbkdf2"])
@pytest.mark.parametrize("password", ["", PASSWORD + " ", PASSWORD.upper()])
def test_a_wrong_password_is_one_sentence(path, kdf, password):
    written(path, keyfile(kdf=kdf))
    with pytest.raises(InvalidInput, match=r"^the keystore .*wallet.json is not opened by this password$") as refusal:
        load_keystore(path, password)
    assert not holds_secret(shown_with_locals(refusal.value))
    assert refusal.value.__context__ is None


def broken(**crypto):
    document = keyfile()
    document["crypto"] |= crypto
    return document


@pytest.mark.parametrize(
    "document",
    [
        broken(kdf="argon2id"),
        broken(kdfparams={}),
        broken(kdfparams={"dklen": 32, "n": 3, "p": 1, "r": 8, "salt": "00"}),
        broken(mac="zz"),
        broken(ciphertext=5),
        broken(cipherparams={}),
        {**keyfile(), "crypto": {}},
        Account.encrypt(KEY, PASSWORD, iterations=2) | {"crypto": {"kdf": "pbkdf2", "kdfparams": {"prf": "x"}}},
    ],
)
def test_a_damaged_keystore_is_one_sentence(path, document):
    written(path, document)
    with pytest.raises(InvalidInput, match=r"is damaged: its crypto part is not valid$") as refusal:
        load_keystore(path, PASSWORD)
    assert not holds_secret(shown_with_locals(refusal.value))


@pytest.mark.parametrize(
    ("document", "sentence"),
    [
        ("", "is no keystore"),
        ("not json", "is no keystore"),
        ("[]", "is no keystore"),
        ("0x" + "ab" * 32, "is no keystore"),
        ("[" * 100_000, "is no keystore"),
        ({"version": 4, "crypto": {}}, "is of version 4; only version 3 can be opened"),
        (keyfile(version=1), "is of version 1"),
    ],
    ids=range(7),
)
def test_a_file_that_is_no_keystore_is_named(path, document, sentence):
    written(path, document)
    with pytest.raises(InvalidInput, match=sentence) as refusal:
        load_keystore(path, PASSWORD)
    shown = shown_with_locals(refusal.value)
    assert not holds_secret(shown)
    assert "ab" * 32 not in shown, "somebody may have kept a bare key in a file"


def test_a_keystore_with_the_name_of_another_wallet_is_refused(path):
    written(path, keyfile(address=OTHER))
    with pytest.raises(InvalidInput, match=f"is of the wallet {OTHER.lower()}, but holds the key of {WALLET}"):
        load_keystore(path, PASSWORD)


# Writing


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """Return a keystore that we wrote; one for the module, since each takes a second."""
    path = tmp_path_factory.mktemp("keystores") / "new" / "wallet.json"
    return path, write_keystore(path, KEY.removeprefix("0x"), PASSWORD)


def test_what_is_written_opens_with_eth_account_and_here(made):
    path, address = made
    assert address == WALLET
    assert Account.decrypt(path.read_text(), PASSWORD) == bytes.fromhex(KEY[2:])
    assert load_keystore(path, PASSWORD).address == WALLET
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    assert not holds_secret(path.read_text())


def test_a_keystore_is_never_overwritten(made):
    path, _ = made
    before = path.read_bytes()
    with pytest.raises(InvalidInput, match="exists already; a keystore is never overwritten") as refusal:
        write_keystore(path, KEY, PASSWORD)
    assert path.read_bytes() == before
    assert not holds_secret(shown_with_locals(refusal.value))


@pytest.mark.parametrize(
    ("key", "password", "sentence"),
    [
        (KEY[:-1], PASSWORD, "a private key is 64 hex digits"),
        ("0x" + "0" * 64, PASSWORD, "a private key is 64 hex digits"),
        (KEY, "", "a keystore needs a password"),
    ],
    ids=["short", "zero", "no password"],
)
def test_nothing_is_written_for_bad_input(path, key, password, sentence):
    with pytest.raises(InvalidInput, match=sentence) as refusal:
        write_keystore(path, key, password)
    assert not path.exists()
    shown = shown_with_locals(refusal.value)
    assert KEY[2:40] not in shown
    assert not holds_secret(shown)


def test_a_full_disk_leaves_nothing_behind(path):
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1, limits[1]))
    try:
        with pytest.raises(InvalidInput, match=r"wallet.json cannot be written: File too large") as refusal:
            write_keystore(path, KEY, PASSWORD)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert not path.exists()
    assert not holds_secret(shown_with_locals(refusal.value))


def test_a_place_that_cannot_be_written_is_named():
    with pytest.raises(InvalidInput, match=r"/proc/tegro-wallets/a.json cannot be written") as refusal:
        write_keystore(Path("/proc/tegro-wallets/a.json"), KEY, PASSWORD)
    assert not holds_secret(shown_with_locals(refusal.value))


# A signer by its name


@pytest.mark.parametrize(
    "text", [KEY, KEY[2:], f"  {KEY.upper().replace('0X', '0x')}\n"], ids=["0x", "bare", "capitals"]
)
@pytest.mark.parametrize("address", [None, WALLET, WALLET.lower(), f" {WALLET}"])
def test_a_key_is_a_local_signer(text, address):
    signer = signer_from(text, address=address)
    assert isinstance(signer, LocalSigner)
    assert signer.address == WALLET


def test_a_keystore_is_opened_with_its_password(path):
    text = f"keystore:{written(path, keyfile())}"
    assert signer_from(text, password=PASSWORD).address == WALLET
    assert signer_from(text, password=lambda: PASSWORD, address=WALLET).address == WALLET
    with pytest.raises(InvalidInput, match="needs its password, and none was given"):
        signer_from(text)
    with pytest.raises(InvalidInput, match="is not opened by this password") as refusal:
        signer_from(text, password="wrong")
    assert not holds_secret(shown_with_locals(refusal.value))


def test_a_keystore_may_lie_in_the_home_folder(path, monkeypatch):
    written(path, keyfile())
    monkeypatch.setenv("HOME", str(path.parent))
    assert signer_from("keystore:~/wallet.json", password=PASSWORD).address == WALLET


@pytest.mark.parametrize(
    ("text", "address"),
    [
        (f"web3signer:http://127.0.0.1:9000#{WALLET}", None),
        (f"web3signer:http://127.0.0.1:9000#{WALLET.lower()}", WALLET),
        ("web3signer:http://127.0.0.1:9000", WALLET.lower()),
    ],
)
def test_a_web3signer_is_named_with_its_wallet(text, address):
    signer = signer_from(text, address=address)
    assert isinstance(signer, Web3Signer)
    assert signer.address == WALLET


@pytest.mark.parametrize(
    ("text", "address", "sentence"),
    [
        (KEY, OTHER, f"the signer is of the wallet {WALLET}, but {OTHER} was named"),
        (KEY, "0x12", "an address is 0x and 40 hex digits"),
        (KEY[:-1], WALLET, "a private key is 64 hex digits"),
        (f"{KEY}:{KEY}", WALLET, "a private key is 64 hex digits"),
        (f"key:{KEY}", None, "the other forms are keystore:PATH and web3signer:URL#0xADDRESS"),
        (f"{KEY}:", "0x12", "a private key is 64 hex digits"),
        ("", None, "a private key is 64 hex digits"),
        ("web3signer:http://127.0.0.1:9000", None, "name one, as in web3signer:URL#0xADDRESS"),
        (f"web3signer:http://127.0.0.1:9000#{WALLET}", OTHER, "but .* was named as the wallet"),
        (f"web3signer:127.0.0.1:9000#{WALLET}", None, "must be like http://host:9000"),
        ("web3signer:http://127.0.0.1:9000#0x12", None, "an address is 0x and 40 hex digits"),
        (f"keystore:/nowhere/{OTHER}", None, "needs its password"),
    ],
    ids=range(12),
)
def test_a_name_that_is_none_is_refused_and_no_key_is_shown(text, address, sentence):
    with pytest.raises(InvalidInput, match=sentence) as refusal:
        signer_from(text, address=address)
    shown = shown_with_locals(refusal.value)
    assert KEY[2:40] not in shown
    assert not holds_secret(shown)
