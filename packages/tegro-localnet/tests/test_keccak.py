"""Each library that may hash gives what eth-hash gives, whichever is installed."""

from importlib.util import find_spec

import pytest
from eth_hash.auto import keccak
from hypothesis import given
from hypothesis import strategies as st

from tegro_localnet.keccak import BACKENDS, keccak256

INSTALLED = [name for name in BACKENDS if find_spec(name) is not None]


@given(data=st.binary(max_size=500))
def test_the_hash_is_the_one_of_ethereum(data: bytes) -> None:
    assert keccak256(data) == keccak(data)


@pytest.mark.parametrize("name", INSTALLED)
def test_each_library_gives_the_documented_hash_of_nothing(name: str) -> None:
    digest = BACKENDS[name]()(b"")
    assert digest.hex() == "c5d2460186f7233c927e7db2dcc703c0e500b653ca82273b7bfad8045d85a470"


def test_the_one_that_has_wheels_everywhere_is_always_there() -> None:
    assert "Crypto" in INSTALLED
