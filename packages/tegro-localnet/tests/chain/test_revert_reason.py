"""What a refusal left behind is put into words, whatever it is."""

import pytest
from eth_abi import encode
from hypothesis import given
from hypothesis import strategies as st

from tegro_localnet.chain.revert import revert_reason

ERROR, PANIC = bytes.fromhex("08c379a0"), bytes.fromhex("4e487b71")


@given(st.text())
def test_reads_any_text(text) -> None:
    assert revert_reason(ERROR + encode(["string"], [text])) == text


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"", "no reason given"),
        (PANIC + encode(["uint256"], [0x11]), "panic 0x11"),
        (bytes.fromhex("deadbeef01"), "custom error 0xdeadbeef01"),
        (ERROR + b"\x01", "unreadable refusal 0x08c379a001"),
        (ERROR + encode(["bytes"], [b"\xff"]), "unreadable refusal 0x" + (ERROR + encode(["bytes"], [b"\xff"])).hex()),
    ],
)
def test_words_for_other_refusals(data, words) -> None:
    assert revert_reason(data) == words


@given(st.binary(max_size=200))
def test_never_fails(data) -> None:
    assert revert_reason(data)
    assert revert_reason(ERROR + data) is not None
    assert revert_reason(PANIC + data) is not None
