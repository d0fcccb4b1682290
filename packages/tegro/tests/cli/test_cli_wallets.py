"""Which wallet a command is for, and what it takes to sign: no key on the command line, no key in any output."""

import asyncio
import json

import pytest
from aiohttp import web
from eth_account import Account

from tegro.signer import LocalSigner

KEY = "0x" + "5a" * 31 + "77"
OWNER = Account.from_key(KEY).address
PASSWORD = "a password with spaces"


@pytest.fixture
def keystore(cli):
    """Write a keystore of this wallet, made by eth-account with little work, so that it opens quickly."""
    path = cli.folder / "wallet.json"
    path.write_text(json.dumps(Account.encrypt(KEY, PASSWORD, kdf="pbkdf2", iterations=2)))
    return path


def test_a_private_key_as_an_argument_is_refused_and_not_repeated(cli):
    for where in ({"arguments": ("--signer", KEY)}, {"variable": KEY}, {"arguments": (f"--signer={KEY[2:]}",)}):
        cli.set(TEGRO_SIGNER=where.get("variable"))
        done = cli("wallet", "show", *where.get("arguments", ()))
        assert (done.code, done.out) == (2, "")
        assert "goes into the environment variable TEGRO_PRIVATE_KEY alone" in done.err
        assert KEY[2:20] not in done.err


def test_the_signer_named_wins_over_that_of_the_environment_and_that_over_the_key(cli, keystore):
    other = "0x" + "11" * 20
    cli.set(TEGRO_PRIVATE_KEY="0x" + "00" * 31 + "01")
    assert cli("wallet", "show", "--json").json["signer"] == "private key"
    cli.set(TEGRO_SIGNER=f"web3signer:http://127.0.0.1:9#{other}")
    assert cli("wallet", "show", "--json").json == {"address": other, "signer": "web3signer"}
    shown = cli("wallet", "show", "--signer", f"keystore:{keystore}")
    assert shown == (0, f"{OWNER} (keystore)\n", "")


def test_no_signer_at_all_is_told_in_a_sentence(cli):
    done = cli("wallet", "show")
    assert done.code == 2
    assert "--signer or $TEGRO_SIGNER" in done.err
    assert "TEGRO_PRIVATE_KEY" in done.err


def test_a_keystore_signs_with_a_password_from_the_environment_a_file_or_a_person(local, localnet, keystore):
    localnet.fund(OWNER)
    local.set(TEGRO_SIGNER=f"keystore:{keystore}")
    # To look, nobody needs the password.
    assert local("balances", "--json").code == 0
    cancel = ("order", "cancel", "--all", "--yes")
    nobody = local(*cancel)
    assert (nobody.code, "nobody can be asked" in nobody.err) == (2, True)
    local.set(TEGRO_KEYSTORE_PASSWORD=PASSWORD)
    assert local(*cancel) == (0, "cancelled: nothing\n", "")
    local.set(TEGRO_KEYSTORE_PASSWORD="wrong")
    assert "is not opened by this password" in local(*cancel).err
    secret = local.folder / "password"
    secret.write_text(f"{PASSWORD}\n")
    local.set(TEGRO_KEYSTORE_PASSWORD=None, TEGRO_KEYSTORE_PASSWORD_FILE=str(secret))
    assert local(*cancel).code == 0
    local.set(TEGRO_KEYSTORE_PASSWORD_FILE=str(local.folder / "nothing"))
    assert "which cannot be read" in local(*cancel).err
    local.set(TEGRO_KEYSTORE_PASSWORD_FILE=None)
    typist = local.type_into(*cancel)
    typist.answer("Password of the keystore: ", PASSWORD)
    assert typist.end() == 0
    assert PASSWORD not in typist.shown


def test_a_new_wallet_is_a_keystore_that_only_its_owner_reads(cli):
    path = cli.folder / "new.json"
    cli.set(TEGRO_KEYSTORE_PASSWORD=PASSWORD)
    done = cli("wallet", "new", str(path), "--json")
    assert done.code == 0
    key = Account.decrypt(path.read_text(), PASSWORD)
    assert Account.from_key(key).address == done.json["address"]
    assert key.hex().removeprefix("0x") not in done.out + done.err
    assert path.stat().st_mode & 0o077 == 0
    again = cli("wallet", "new", str(path))
    assert again.code == 2
    assert "never overwritten" in again.err


def test_a_key_is_imported_from_a_person_or_from_standard_input(cli):
    typed, piped = cli.folder / "typed.json", cli.folder / "piped.json"
    typist = cli.type_into("wallet", "import", str(typed))
    typist.answer("Private key (not shown): ", KEY)
    typist.answer("Password for the new keystore: ", PASSWORD)
    typist.answer("Repeat for confirmation: ", PASSWORD)
    assert typist.end() == 0
    assert KEY[2:] not in typist.shown
    assert PASSWORD not in typist.shown
    cli.set(TEGRO_KEYSTORE_PASSWORD=PASSWORD)
    process = cli.start("wallet", "import", str(piped))
    out, err = process.communicate(f"{KEY}\n", timeout=60)
    assert (process.returncode, err) == (0, "")
    assert f"wrote {piped} for the wallet {OWNER}" in out
    assert f"TEGRO_SIGNER=keystore:{piped}" in out
    for path in (typed, piped):
        assert Account.from_key(Account.decrypt(path.read_text(), PASSWORD)).address == OWNER
    process = cli.start("wallet", "import", str(cli.folder / "bad.json"))
    out, err = process.communicate(f"{KEY}9\n", timeout=60)
    assert (process.returncode, out) == (2, "")
    assert KEY[2:20] not in err


async def test_a_web3signer_signs_and_its_password_is_not_shown(local, localnet):
    """The signer is a real server, and what it signs is accepted by a real venue."""
    signer = LocalSigner(KEY)
    asked = []

    async def answer(request):
        call = await request.json()
        asked.append(call["method"])
        if call["method"] == "eth_accounts":
            return web.json_response({"jsonrpc": "2.0", "id": 1, "result": [OWNER.lower()]})
        data = json.loads(call["params"][1])
        signed = Account.sign_typed_data(KEY, full_message=data)
        return web.json_response(
            {"jsonrpc": "2.0", "id": 1, "result": "0x" + signed.signature.hex().removeprefix("0x")}
        )

    app = web.Application()
    app.router.add_post("/", answer)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    port = site._server.sockets[0].getsockname()[1]
    name = f"web3signer:http://me:hidden-word@127.0.0.1:{port}#{signer.address}"
    process = local.start("order", "cancel", "some-id", "--yes", "--signer", name)
    try:
        out, err = await asyncio.to_thread(process.communicate, None, 60)
    finally:
        await runner.cleanup()
    # The venue knows the wallet's signature, and no such order.
    assert (process.returncode, out) == (1, "")
    assert "refused" in err
    assert "hidden-word" not in err
    assert asked == ["eth_signTypedData"]


def test_a_damaged_keystore_is_a_sentence(cli):
    path = cli.folder / "torn.json"
    path.write_text("{")
    done = cli("wallet", "show", "--signer", f"keystore:{path}")
    assert done.code == 2
    assert "is no keystore" in done.err
    assert done.err.count("\n") == 1
