"""What may be said on the command line of the demo."""

import pytest
from typer.testing import CliRunner

from hummingbot_tegro.demo.cli import app
from hummingbot_tegro.demo.market import caps_of, clean_variables, funds_of, market_of
from hummingbot_tegro.demo.options import parse_duration, parse_pair
from tegro.errors import InvalidInput


@pytest.mark.parametrize(
    ("text", "seconds"), [("90s", 90), ("3m", 180), ("1h", 3600), (" 1S ", 1), ("24h", 86_400), ("1440m", 86_400)]
)
def test_a_duration_is_read(text, seconds):
    assert parse_duration(text) == seconds


@pytest.mark.parametrize("text", ["", "90", "s", "0s", "1d", "-3m", "1.5m", "3 m", "25h", "86401s", "٣s", "1m30s"])
def test_another_duration_is_refused_in_one_sentence(text):
    with pytest.raises(InvalidInput, match="--for must be a time such as 90s, 3m or 1h, up to 24h, was"):
        parse_duration(text)


@pytest.mark.parametrize("text", ["WETH-USDC", "weth_usdc", " WETH_USDC "])
def test_a_pair_is_read_in_both_spellings(text):
    assert parse_pair(text) == "WETH-USDC"


@pytest.mark.parametrize("text", ["WETH", "WETH-", "-USDC", "A-B-C", ""])
def test_what_is_no_pair_is_refused(text):
    with pytest.raises(InvalidInput, match="--pair must be two symbols"):
        parse_pair(text)


def test_a_market_that_localnet_has_not_is_refused_with_those_it_has():
    with pytest.raises(InvalidInput, match="localnet has no market DOGE-USDC; choose one of WETH-USDC, WBTC-USDC"):
        market_of("DOGE-USDC")


@pytest.mark.parametrize("pair", ["WETH-USDC", "WBTC-USDC", "TEGRO-USDC"])
def test_the_caps_are_below_what_the_wallet_holds(pair):
    market = market_of(pair)
    funds, caps = funds_of(market), caps_of(market)
    assert set(funds) == set(caps) == set(pair.split("-"))
    assert all(0 < caps[symbol] < funds[symbol] for symbol in funds)


def test_a_recording_that_is_not_there_is_refused():
    result = CliRunner().invoke(app, ["--replay", "no/such/file"])
    assert result.exit_code == 2


def test_children_get_no_variable_that_leads_elsewhere_or_holds_a_key():
    variables = {
        "PATH": "/bin",
        "TEGRO_PRIVATE_KEY": "0x1",
        "TEGRO_LOCALNET_REST_URL": "http://x",
        "HBOT_PASSWORD": "p",
    }
    assert clean_variables(variables) == {"PATH": "/bin"}
