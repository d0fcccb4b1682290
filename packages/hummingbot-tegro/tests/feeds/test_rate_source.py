"""Rates of Tegro in a stock Hummingbot: exact, of all pairs, of every domain, without a key."""

import asyncio
import json
from decimal import Decimal
from fractions import Fraction

import pytest
import pytest_asyncio
from aiohttp import web
from aiohttp.test_utils import TestServer
from hummingbot.client.config.client_config_map import ClientConfigMap
from hummingbot.client.config.config_helpers import ClientConfigAdapter
from hummingbot.core.rate_oracle.rate_oracle import RATE_ORACLE_SOURCES, RateOracle
from hypothesis import given
from hypothesis import strategies as st

from hummingbot_tegro.host_settings import DOMAINS
from hummingbot_tegro.rate_source import TegroRateSource, price_of
from tegro.model import Side, Ticker

USDC = f"0x{1:040x}"

pytestmark = pytest.mark.asyncio(loop_scope="module")


class ListingVenue:
    """Lists markets in pages of twenty, and writes down what it was asked for."""

    def __init__(self):
        self.rows = []
        self.status = 200
        self.requests = []

    async def handle(self, request):
        self.requests.append(f"{request.path}?page={request.query['page']}")
        start = (int(request.query["page"]) - 1) * 20
        # As text: a number of Python would not keep its digits.
        return web.Response(status=self.status, text="[" + ",".join(self.rows[start : start + 20]) + "]")

    def list(self, base, *, number=2, **ticker):
        address = f"0x{number:040x}"
        row = {
            "id": f"1_{address}_{USDC}",
            "symbol": f"{base}_USDC",
            "base_contract_address": address,
            "base_symbol": base,
            "base_decimal": 18,
            "base_precision": 6,
            "quote_contract_address": USDC,
            "quote_symbol": "USDC",
            "quote_decimal": 6,
            "quote_precision": 18,
        }
        figures = ",".join(f'"{name}":{literal}' for name, literal in ticker.items())
        self.rows.append(json.dumps(row)[:-1] + f',"ticker":{{{figures}}}}}')


@pytest_asyncio.fixture(loop_scope="module")
async def listing(settings_at):
    made = ListingVenue()
    application = web.Application()
    application.router.add_get("/{path:.*}", made.handle)
    async with TestServer(application) as server:
        settings_at(str(server.make_url("")).rstrip("/"))
        yield made


def ticker_at(last=None, bid=None, ask=None):
    nothing = {"high": None, "low": None, "base_volume": Decimal(0), "quote_volume": Decimal(0)}
    return Ticker(symbol="A_B", last_price=last, best_bid=bid, best_ask=ask, **nothing)


prices = st.decimals(min_value="1e-18", max_value="1e12", places=18).filter(lambda price: price > 0)


@given(prices, prices, st.none() | prices)
async def test_the_price_is_the_exact_middle_or_the_last_one(one, other, last):
    bid, ask = sorted((one, other))
    assert 2 * Fraction(price_of(ticker_at(last, bid, ask))) == Fraction(bid) + Fraction(ask)
    assert price_of(ticker_at(last, bid, None)) == price_of(ticker_at(last, None, ask)) == last
    if bid < ask:
        assert price_of(ticker_at(last, bid=ask, ask=bid)) == last


async def test_defect_29_every_pair_of_every_page_has_its_own_exact_middle(listing):
    listing.list("AYB", number=7, price="1", bid_high="0.000000000000000001", ask_low="0.000000000000000002")
    listing.list("LAST", number=8, price="0.016584", bid_high="0.016", ask_low="0")
    listing.list("NONE", number=9, price="0", bid_high="0", ask_low="5")
    for number in range(10, 50):
        listing.list(f"T{number}", number=number, price="1", bid_high=f"{number}.1", ask_low=f"{number}.30")
    rates = await RATE_ORACLE_SOURCES["tegro"]().get_prices(quote_token="USDT")
    assert rates["AYB-USDC"] == Decimal("0.0000000000000000015")
    assert rates["LAST-USDC"] == Decimal("0.016584")
    assert "NONE-USDC" not in rates
    assert [rates[f"T{number}-USDC"] for number in range(10, 50)] == [
        number + Decimal("0.2") for number in range(10, 50)
    ]
    assert len(rates) == 42
    assert [request.rpartition("=")[2] for request in listing.requests] == ["1", "2", "3"]


@pytest.mark.parametrize(
    ("domain", "chain", "chain_id"),
    [("tegro", "base", 8453), ("tegro_testnet", "optimism", 11155420), ("tegro_localnet", "localnet", 31337)],
)
async def test_each_domain_reads_its_own_chain(listing, settings_file, domain, chain, chain_id):
    table = f"[{DOMAINS[domain]}]\n"
    settings_file.write_text(settings_file.read_text().replace(table, f'{table}chain = "{chain}"\n'))
    listing.list("WETH", price="3000")
    source = RATE_ORACLE_SOURCES[domain]()
    assert source.name == domain
    assert await source.get_prices() == {"WETH-USDC": 3000}
    assert listing.requests == [f"/api/v1/exchange/{chain_id}/market/list?page=1"]


async def test_a_namesake_of_a_listed_token_never_sets_its_price(listing):
    listing.list("WETH", number=2)
    listing.list("WETH", number=3, price="1")
    listing.list("WBTC", number=4, price="95000")
    listing.list("WBTC", number=5, price="2")
    assert await TegroRateSource().get_prices() == {"WBTC-USDC": 95000}


async def test_prices_are_kept_for_a_while_and_sources_do_not_mix(listing):
    listing.list("WETH", price="3000")
    one, other = RATE_ORACLE_SOURCES["tegro"](), RATE_ORACLE_SOURCES["tegro_testnet"]()
    for _ in range(3):
        for source in (one, other):
            found = await source.get_prices("USDT")
            assert found == await source.get_prices() == {"WETH-USDC": 3000}
            found.clear()
    assert len(listing.requests) == 2


async def test_a_venue_that_is_down_is_one_sentence_and_no_price(listing, caplog):
    listing.status = 403
    source = TegroRateSource()
    assert [await source._read_prices() for _ in range(3)] == [{}, {}, {}]
    [said] = [record.message for record in caplog.records if record.name.startswith("hummingbot_tegro")]
    assert said.startswith("No rates from tegro: ")
    listing.status = 200
    listing.list("WETH", price="3000")
    assert await source._read_prices() == {"WETH-USDC": 3000}
    listing.status = 403
    await source._read_prices()
    assert caplog.text.count("No rates from tegro") == 2


async def test_a_mistake_in_the_settings_is_told_and_stops_nothing(listing, settings_file, caplog):
    settings_file.write_text("[mainnet]\nrest_urll = 'x'\n")
    assert await TegroRateSource().get_prices() == {}
    assert "No rates from tegro: " in caplog.text
    assert "rest_urll" in caplog.text


# With a stock Hummingbot and a real venue


@pytest_asyncio.fixture(loop_scope="module")
async def oracle(venue, settings_at):
    """The oracle of this process, a new one for each test."""
    settings_at(venue.localnet.rest_url)
    RateOracle._shared_instance = None
    made = RateOracle.get_instance()
    yield made
    if made.started:
        made.stop()
        await made.stop_network()
    RateOracle._shared_instance = None


@pytest.mark.parametrize("domain", DOMAINS)
async def test_the_setting_takes_our_names_and_writes_them(oracle, domain):
    settings = ClientConfigAdapter(ClientConfigMap())
    settings.rate_oracle_source = domain
    assert type(oracle.source) is RATE_ORACLE_SOURCES[domain]
    assert oracle.source.name == domain
    written = settings.generate_yml_output_str_with_comments()
    assert f"rate_oracle_source:\n  name: {domain}\n" in written
    assert f", {domain}" in written
    again = ClientConfigMap(rate_oracle_source={"name": domain})
    assert again.rate_oracle_source.name == domain
    assert ClientConfigMap().rate_oracle_source.name == "gate_io"


async def test_the_oracle_prices_every_pair_and_bridges_two_tokens(oracle, venue, until):
    await venue.trade("0.05", symbol="TEGRO_USDC", quantity="100")
    await venue.quote("WETH_USDC", Side.BUY, "2990.01")
    await venue.quote("WETH_USDC", Side.SELL, "3010.02")
    await venue.quote("WBTC_USDC", Side.BUY, "90000", "0.1")
    await venue.quote("WBTC_USDC", Side.SELL, "90030.03", "0.1")
    settings = ClientConfigAdapter(ClientConfigMap())
    settings.rate_oracle_source = "tegro"
    settings.global_token.global_token_name = "USDC"
    oracle.quote_token = "USDC"
    oracle.start()
    async with asyncio.timeout(20):
        await oracle.get_ready()
    assert oracle.get_pair_rate("WETH-USDC") == Decimal("3000.015")
    assert oracle.get_pair_rate("TEGRO-USDC") == Decimal("0.05")
    assert oracle.get_pair_rate("USDC-WETH") == 1 / Decimal("3000.015")
    assert oracle.get_pair_rate("WETH-WBTC") == Decimal("3000.015") / Decimal("90015.015")
    assert oracle.get_pair_rate("NOPE-USDC") is None
    assert await oracle.get_value(Decimal(2), "WETH") == Decimal("6000.03")
