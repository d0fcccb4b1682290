"""The watch over the whole run finds a key wherever one could be left (tests/plugins/secret_watch.py)."""

import secrets
import sqlite3

import pytest

from tegro.signer import LocalSigner


@pytest.fixture
def used_key():
    key = secrets.token_bytes(32).hex()
    LocalSigner("0x" + key)
    return key


@pytest.mark.parametrize(
    "hide",
    [
        lambda key: key,
        lambda key: "0x" + key.upper(),
        lambda key: f"some words {key} more words",
        lambda key: "ab" * 40 + key + "cd" * 40,
    ],
)
def test_every_key_that_a_signer_was_made_of_is_found_as_text(secret_watch, used_key, hide):
    assert secret_watch.holds_key(hide(used_key).encode())


def test_a_key_is_found_as_bytes_in_a_database(secret_watch, used_key):
    connection = sqlite3.connect(":memory:")
    connection.execute("CREATE TABLE t (value BLOB)")
    connection.execute("INSERT INTO t VALUES (?)", (bytes.fromhex(used_key),))
    connection.commit()
    assert secret_watch.holds_key(connection.serialize())


def test_what_is_no_key_is_not_taken_for_one(secret_watch):
    assert not secret_watch.holds_key(secrets.token_hex(32).encode() + secrets.token_bytes(500))
