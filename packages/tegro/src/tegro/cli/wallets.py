"""Commands about the wallet itself: which one it is, and keystore files. None of them prints a key."""

import secrets
import sys
from pathlib import Path
from typing import Annotated

import typer

from tegro.cli.asking import ask_hidden
from tegro.cli.output import Form, form_of, say, show_json
from tegro.cli.session import AsJson, SignerName
from tegro.cli.signing import SIGNER_VARIABLE, new_keystore_password, signer_kind, wallet_of
from tegro.errors import InvalidInput

app = typer.Typer(no_args_is_help=True, help="Which wallet signs; keystore files for new and existing keys.")

Target = Annotated[Path, typer.Argument(help="The file to write; it must not exist.")]


@app.command()
def show(signer: SignerName = None, as_json: AsJson = False) -> None:
    """Show the address of the wallet that the other commands sign with."""
    wallet, kind, form = wallet_of(signer), signer_kind(signer), form_of(as_json=as_json)
    from tegro.eip712 import to_checksum

    address = to_checksum(wallet)
    if form is Form.JSON:
        show_json({"address": address, "signer": kind})
    say(f"{address} ({kind})", form)


@app.command()
def new(path: Target, as_json: AsJson = False) -> None:
    """Make a new key and write it into a keystore file, under a password. There is no other copy: back the file up."""
    _write(path, secrets.token_hex(32), form_of(as_json=as_json))


@app.command("import")
def import_key(path: Target, as_json: AsJson = False) -> None:
    """Write a key that you have into a keystore file. The key is asked for, or read from standard input."""
    form = form_of(as_json=as_json)
    key = ask_hidden("Private key (not shown)") if sys.stdin.isatty() else sys.stdin.readline()
    _write(path, key.strip(), form)


def _write(path: Path, key: str, form: Form) -> None:
    from tegro.keystore import write_keystore
    from tegro.signer import address_of

    address_of(key)  # a mistyped key is told before a password is asked for
    if path.exists():
        raise InvalidInput(f"{path} exists already; a keystore is never overwritten, choose another name")
    wallet = write_keystore(path, key, new_keystore_password())
    if form is Form.JSON:
        show_json({"address": wallet, "keystore": str(path)})
    say(f"wrote {path} for the wallet {wallet}", form)
    say(f"use it with: export {SIGNER_VARIABLE}=keystore:{path.absolute()}", form)
