"""The connector as `connect`, `balance` and the market list use it: made, asked once, thrown away."""

import asyncio
import gc
import tomllib
import warnings

import pytest
from aiohttp import web
from hummingbot.client.config.client_config_map import ClientConfigMap
from hummingbot.connector.exchange.tegro.tegro_exchange import TegroExchange
from hummingbot.core.network_iterator import NetworkStatus

from hummingbot_tegro.common import deadline
from tegro.errors import BadReply, InvalidInput, NotConnected, RateLimited
from tegro.settings import normalise_chain

pytestmark = pytest.mark.asyncio(loop_scope="module")

OTHER_KEY = "0x" + "43" * 32


async def test_balances_are_read_right_after_construction_and_nothing_stays_open(desk):
    connector = desk.new_connector(trading_pairs=[], trading_required=False)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        await connector._update_balances()
        balances = connector.get_all_balances()
        del connector
        gc.collect()
    assert balances["WETH"] > 0
    assert balances["USDC"] > 0
    assert not [warning for warning in caught if issubclass(warning.category, ResourceWarning)]


async def test_the_chain_that_was_answered_is_remembered(desk, settings_file, localnet, monkeypatch, tmp_path):
    other_file = tmp_path / "tegro.toml"
    other_file.write_text(f'# mine\n[localnet]\nrest_url = "{localnet.rest_url}"\n')
    monkeypatch.setenv("TEGRO_SETTINGS", str(other_file))
    await desk.new_connector()._update_balances()
    assert other_file.read_text().startswith("# mine")
    known = tomllib.loads(other_file.read_text())["localnet"].get("chain", "localnet")
    assert known == normalise_chain("localnet", "localnet")


async def test_a_host_that_is_down_is_named(desk, monkeypatch):
    monkeypatch.setenv("TEGRO_LOCALNET_REST_URL", "http://127.0.0.1:9")
    with pytest.raises(NotConnected, match=r"no connection to http://127\.0\.0\.1:9.*is .* the right address\?"):
        await desk.new_connector()._update_balances()


async def test_a_host_that_is_no_tegro_is_said_to_be_none(desk, monkeypatch, serving_at):
    async with serving_at(lambda request: _answer("<html>hello</html>")) as url:
        monkeypatch.setenv("TEGRO_LOCALNET_REST_URL", url)
        with pytest.raises(BadReply, match=r"is no Tegro \(GET v1/exchange/chain/list .*rest_url of \[localnet\]"):
            await desk.new_connector()._update_balances()


async def test_a_web_page_that_refuses_is_not_quoted(desk, monkeypatch, serving_at):
    async with serving_at(lambda request: _answer("<html>hello</html>", status=404)) as url:
        monkeypatch.setenv("TEGRO_LOCALNET_REST_URL", url)
        with pytest.raises(BadReply, match=r"is no Tegro \(HTTP 404 to the list of chains\)") as refusal:
            await desk.new_connector()._update_balances()
    assert "<html>" not in str(refusal.value)


async def test_a_host_that_asks_for_patience_may_well_be_tegro(desk, monkeypatch, serving_at):
    async with serving_at(lambda request: _answer('{"error": "slow down"}', status=429, wait_secs=3600)) as url:
        monkeypatch.setenv("TEGRO_LOCALNET_REST_URL", url)
        with pytest.raises(RateLimited, match="slow down"):
            await desk.new_connector()._update_balances()


async def test_a_silent_host_is_given_up_before_the_host_itself_gives_up(desk, monkeypatch, serving_at):
    hosts_own_limit_secs = ClientConfigMap().commands_timeout.other_commands_timeout
    assert hosts_own_limit_secs > deadline.BALANCES_DEADLINE_SECS
    is_over = asyncio.Event()
    monkeypatch.setattr(deadline, "BALANCES_DEADLINE_SECS", 0.1)
    async with serving_at(lambda request: _answer("[]", after=is_over)) as url:
        monkeypatch.setenv("TEGRO_LOCALNET_REST_URL", url)
        with pytest.raises(NotConnected, match=r"no whole answer within 0\.1 seconds"):
            await desk.new_connector()._update_balances()
        is_over.set()


async def _answer(
    text: str, *, status: int = 200, wait_secs: int | None = None, after: asyncio.Event | None = None
) -> web.Response:
    if after is not None:
        await after.wait()
    headers = {} if wait_secs is None else {"Retry-After": str(wait_secs)}
    return web.Response(text=text, status=status, content_type="text/html", headers=headers)


async def test_a_chain_that_the_venue_has_not_is_named(desk):
    connector = desk.new_connector(domain="tegro_testnet", chain_name="polygon")
    with pytest.raises(InvalidInput, match=r"does not list chain 80002 \(polygon\); it lists localnet \(31337\)"):
        await connector._update_balances()


async def test_a_key_of_another_wallet_is_refused_without_being_shown(desk):
    with pytest.raises(InvalidInput, match="connect again") as refusal:
        desk.new_connector(tegro_api_secret=OTHER_KEY)
    assert "4343" not in str(refusal.value)


async def test_the_key_is_in_no_text_of_the_connector(desk):
    connector = desk.connector
    texts = [repr(connector), str(vars(connector)), str(vars(connector._link)), str(connector.tracking_states)]
    assert desk.wallet.key[2:] not in "".join(texts)


async def test_an_instance_without_keys_reads_public_data(desk):
    connector = TegroExchange("", "", "", trading_pairs=["WETH-USDC"], trading_required=False, domain="tegro_localnet")
    assert "WETH-USDC" in await connector.all_trading_pairs()
    assert await connector.check_network() is NetworkStatus.CONNECTED
    await connector.start_network()
    await desk.until(lambda: connector.ready)
    await connector.stop_network()
    with pytest.raises(InvalidInput, match="wallet"):
        await connector._update_balances()


async def test_stopping_ends_every_task_and_closes_every_connection(desk):
    before = asyncio.all_tasks()
    connector = desk.new_connector()
    await connector.start_network()
    await desk.until(lambda: connector._user_stream_tracker.last_recv_time > 0)
    await desk.until(lambda: connector._orderbook_ds.are_books_fresh)
    await connector.stop_network()
    await connector.stop_network()
    await desk.until(lambda: not {task for task in asyncio.all_tasks() - before if not task.done()}, secs=5)
    assert connector._link._client is None
