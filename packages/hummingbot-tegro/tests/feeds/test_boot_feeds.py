"""Candle feeds and rate sources in the fixed lists of a stock Hummingbot, seen from real interpreters."""

import json

import pytest

from hummingbot_tegro.connector.derivative.tegro_perpetual.perpetual_settings import DOMAINS as PERPETUAL_DOMAINS
from hummingbot_tegro.host_settings import DOMAINS

CANDLES = "hummingbot.data_feed.candles_feed.candles_factory"
RATES = "hummingbot.core.rate_oracle.rate_oracle"
SETTINGS = "hummingbot.client.config.client_config_map"

OURS = {"candles": [*DOMAINS, *PERPETUAL_DOMAINS], "sources": [*DOMAINS], "modes": [*DOMAINS]}

_LISTS = f"""
import json
from {CANDLES} import CandlesFactory
from {RATES} import RATE_ORACLE_SOURCES
from {SETTINGS} import RATE_SOURCE_MODES, ClientConfigMap
print(json.dumps({{
    "candles": list(CandlesFactory._candles_map),
    "sources": list(RATE_ORACLE_SOURCES),
    "modes": list(RATE_SOURCE_MODES),
    "default": ClientConfigMap().rate_oracle_source.name,
}}))
"""

_SMALL_LISTS = f"""
import json
from {CANDLES} import CandlesFactory
from {RATES} import RATE_ORACLE_SOURCES
print(json.dumps([name for each in (CandlesFactory._candles_map, RATE_ORACLE_SOURCES) for name in each]))
"""


@pytest.fixture
def feed_host(tmp_path, build_source_layout):
    """A source clone with the few connectors that Hummingbot's feeds and rates import, free to be altered."""
    needed = ("binance", "coinbase_advanced_trade", "gate_io", "grvt_perpetual", "mexc")
    return build_source_layout(tmp_path / "feeds", connectors=needed)


def answer(result):
    assert result.returncode == 0, result.stderr
    return json.loads(result.stdout)


def test_every_list_has_our_names_behind_the_stock_ones(installed_layout, without_start_up_files):
    ours = installed_layout.run("-c", _LISTS)
    stock = installed_layout.run("-S", "-c", _LISTS, **without_start_up_files)
    assert ours.stderr == stock.stderr == ""
    theirs = answer(stock)
    assert answer(ours) == theirs | {name: [*theirs[name], *names] for name, names in OURS.items()}


def test_registered_late_they_are_there_too(installed_layout, without_start_up_files):
    late = _LISTS.replace("print(", "import hummingbot_tegro.boot\nprint(")
    lists = answer(installed_layout.run("-S", "-c", late, **without_start_up_files))
    assert all(lists[name][-len(ours) :] == ours for name, ours in OURS.items())


@pytest.mark.parametrize(
    ("module", "old", "new", "complaint"),
    [
        (CANDLES, "_candles_map", "_feeds", "CandlesFactory has no '_candles_map'"),
        (RATES, "RATE_ORACLE_SOURCES", "SOURCES", f"{RATES} has no 'RATE_ORACLE_SOURCES'"),
    ],
)
def test_a_host_without_its_list_says_one_line_and_starts(feed_host, module, old, new, complaint):
    file = feed_host.cwd / f"{module.replace('.', '/')}.py"
    file.write_text(file.read_text().replace(old, new))
    result = feed_host.run("-c", f"import {module}; print('\"started\"')")
    assert answer(result) == "started"
    [line] = result.stderr.splitlines()
    assert f"hook on {module} of Hummingbot" in line
    assert f": {complaint}. Run 'tegro hummingbot doctor'" in line


def test_beside_a_connector_of_the_hosts_own_they_step_back(feed_host):
    names = [name for name in answer(feed_host.run("-c", _SMALL_LISTS)) if "tegro" in name]
    assert names == [*OURS["candles"], *OURS["sources"]]
    theirs = feed_host.cwd / "hummingbot" / "connector" / "exchange" / "tegro"
    theirs.mkdir()
    (theirs / "__init__.py").touch()
    assert not [name for name in answer(feed_host.run("-c", _SMALL_LISTS)) if "tegro" in name]


def test_a_name_that_the_host_has_already_stays_its_own(feed_host):
    file = feed_host.cwd / f"{CANDLES.replace('.', '/')}.py"
    file.write_text(
        file.read_text().replace('"backpack": Back', '"tegro": BinanceSpotCandles,\n        "backpack": Back')
    )
    script = f"from {CANDLES} import CandlesFactory; m = CandlesFactory._candles_map"
    result = feed_host.run("-c", f"{script}\nprint([m[n].__name__ for n in ('tegro', 'tegro_testnet')])")
    assert result.stdout == "['BinanceSpotCandles', 'TegroTestnetSpotCandles']\n"
