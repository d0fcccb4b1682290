"""Connectors driven as hummingbot-api drives them: many accounts in one process, loops started one by one.

The calls and their order are those of its services at commit 12a8522 (connectors) and 3596be3 (credentials). The
program itself is not needed: it is a caller of Hummingbot's registry, its credentials and its connectors.
"""

import asyncio
import time
from decimal import Decimal

import hummingbot
import pytest
import pytest_asyncio
from hummingbot.client.config.config_crypt import ETHKeyFileSecretManger
from hummingbot.client.config.config_helpers import (
    ClientConfigAdapter,
    ConfigValidationError,
    connector_name_from_file,
    get_connector_class,
    get_connector_hb_config,
    read_yml_file,
    reset_connector_hb_config,
    update_connector_hb_config,
)
from hummingbot.client.config.security import Security
from hummingbot.client.settings import AllConnectorSettings
from hummingbot.connector.exchange_py_base import ExchangePyBase
from hummingbot.core.data_type.common import OrderType
from hummingbot.core.data_type.in_flight_order import OrderState
from hummingbot.core.utils.async_utils import safe_ensure_future

from tegro.client import AsyncTegro
from tegro.model import OrderRequest, Side
from tegro.settings import Settings
from tegro.signer import LocalSigner

pytestmark = pytest.mark.asyncio(loop_scope="module")

NAME = "tegro_localnet"
PAIR, OTHER_PAIR = "WETH-USDC", "WBTC-USDC"
LOOPS = {
    "_trading_rules_polling_task": "_trading_rules_polling_loop",
    "_trading_fees_polling_task": "_trading_fees_polling_loop",
    "_user_stream_event_listener_task": "_user_stream_event_listener",
    "_lost_orders_update_task": "_lost_orders_update_polling_loop",
}


class AccountSecurity(Security):
    """Credentials in one folder for each account."""

    @classmethod
    def log_in(cls, folder, manager):
        """Decrypt the credentials of an account and put them into the registry."""
        cls.secrets_manager = Security.secrets_manager = manager
        cls._secure_configs.clear()
        for path in sorted(folder.glob("*.yml")):
            name = connector_name_from_file(path)
            config = ClientConfigAdapter(get_connector_hb_config(name).model_validate(read_yml_file(path)))
            config.decrypt_all_secure_data()
            cls._secure_configs[name] = config
            update_connector_hb_config(config)

    @classmethod
    def add_credentials(cls, folder, manager, keys):
        """Set the fields one by one, in the order in which the request has them, and store the account."""
        cls.log_in(folder, manager)
        config = ClientConfigAdapter(AllConnectorSettings.get_connector_config_keys(NAME))
        for key, value in keys.items():
            setattr(config, key, value)
        (folder / f"{NAME}.yml").write_text(config.generate_yml_output_str_with_comments())
        update_connector_hb_config(config)
        cls.log_in(folder, manager)


@pytest.fixture(scope="module")
def manager():
    return ETHKeyFileSecretManger("api-password")


@pytest.fixture(scope="module")
def host_folder(tmp_path_factory, localnet):
    """Hummingbot's data folder and our settings, as in the image of hummingbot-api."""
    folder = tmp_path_factory.mktemp("api")
    (folder / "tegro.toml").write_text(
        f'[localnet]\nrest_url = "{localnet.rest_url}"\nrpc_url = "{localnet.rpc_url}"\n'
    )
    before = hummingbot._data_path
    hummingbot.set_data_path(str(folder / "data"))
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TEGRO_SETTINGS", str(folder / "tegro.toml"))
        yield folder
    hummingbot._data_path = before
    reset_connector_hb_config(NAME)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def maker(localnet, host_folder):
    """Somebody else, so that the books have two sides."""
    wallet = localnet.new_wallet({"WETH": Decimal(50), "WBTC": Decimal(5), "USDC": Decimal(500_000)})
    environment = Settings.load(env={"TEGRO_LOCALNET_REST_URL": localnet.rest_url}).environment("localnet")
    async with AsyncTegro(environment, signer=LocalSigner(wallet.key)) as client:
        for symbol, price in (("WETH_USDC", 3000), ("WBTC_USDC", 95_000)):
            market = await client.market(symbol)
            for side, factor in ((Side.BUY, Decimal("0.9")), (Side.SELL, Decimal("1.1"))):
                await client.place(
                    OrderRequest(market=market, side=side, price=price * factor, quantity=Decimal("0.1"))
                )
        yield client


@pytest.fixture
def account(tmp_path, localnet, manager, host_folder):
    """Return a function that makes an account with a funded wallet and stores its credentials."""

    def make(name, *, is_key_first=False):
        folder = tmp_path / name / "connectors"
        folder.mkdir(parents=True)
        wallet = localnet.new_wallet({"WETH": Decimal(2), "USDC": Decimal(9_000)})
        keys = {
            f"{NAME}_api_key": wallet.checksum_address,
            f"{NAME}_api_secret": wallet.key,
            "chain_name": "localnet",
        }
        if is_key_first:
            keys = dict(reversed(keys.items()))
        AccountSecurity.add_credentials(folder, manager, keys)
        return folder, wallet

    return make


async def until(condition, secs=20):
    deadline = time.monotonic() + secs
    while not condition():
        assert time.monotonic() < deadline, "it did not happen in time"
        await asyncio.sleep(0.02)


def make_connector(keys, *, is_trading):
    parameters = AllConnectorSettings.get_connector_settings()[NAME].conn_init_parameters(
        trading_pairs=[], trading_required=is_trading, api_keys=keys
    )
    connector = get_connector_class(NAME)(**parameters)
    assert isinstance(connector, ExchangePyBase)
    return connector


async def start_trading(folder, manager):
    """Make a connector of an account and start its loops. Orders and balances are asked for by hand."""
    AccountSecurity.log_in(folder, manager)
    connector = make_connector(AccountSecurity.api_keys(NAME), is_trading=True)
    await connector._initialize_trading_pair_symbol_map()
    await connector._update_trading_rules()
    await connector._update_balances()
    await stop(connector)
    for task, loop in LOOPS.items():
        setattr(connector, task, safe_ensure_future(getattr(connector, loop)()))
    connector._user_stream_tracker_task = connector._create_user_stream_tracker_task()
    return connector


async def stop(connector):
    for name in (*LOOPS, "_status_polling_task", "_user_stream_tracker_task"):
        task = getattr(connector, name, None)
        if task is not None:
            task.cancel()
            setattr(connector, name, None)
    connector.order_book_tracker.stop()
    await connector.stop_network()


async def update(connector):
    connector._set_current_timestamp(time.time())
    await connector._update_balances()
    if connector.in_flight_orders:
        await connector._update_order_status()


async def start_book(connector, pair):
    """Start the tracker of a connector that was made without pairs."""
    tracker = connector.order_book_tracker
    tracker._trading_pairs.append(pair)
    tracker.start()
    await asyncio.wait_for(tracker.wait_ready(), 20)
    await until(lambda: has_two_sides(connector, pair))


def is_at_the_venue(connector, order_id):
    order = connector.in_flight_orders.get(order_id)
    return order is not None and order.exchange_order_id is not None


def has_two_sides(connector, pair):
    book = connector.order_book_tracker.order_books.get(pair)
    if book is None:
        return False
    bids, asks = book.snapshot
    return len(bids) > 0 and len(asks) > 0


async def test_the_registry_lists_our_connectors_and_the_fields_of_their_credentials():
    assert {"tegro", "tegro_testnet", NAME} <= set(AllConnectorSettings.get_connector_settings())
    fields = AllConnectorSettings.get_connector_config_keys(NAME).__class__.model_fields
    assert [key for key in fields if key != "connector"] == [f"{NAME}_api_key", f"{NAME}_api_secret", "chain_name"]
    assert all(field.is_required() for key, field in fields.items() if key != "connector")


async def test_a_second_account_may_follow_when_its_address_comes_before_its_key(account):
    # The registry has one set of fields for all accounts, so the key is compared with the address that is there.
    reset_connector_hb_config(NAME)
    _, first = account("one")
    _, second = account("two")
    with pytest.raises(
        ConfigValidationError, match=f"belongs to the wallet .*, not to {second.checksum_address}"
    ) as no:
        account("three", is_key_first=True)
    assert all(wallet.key.removeprefix("0x") not in str(no.value) for wallet in (first, second))


@pytest.mark.parametrize("is_key_first", [False, True])
async def test_credentials_are_stored_encrypted_and_come_back(account, manager, is_key_first):
    reset_connector_hb_config(NAME)
    folder, wallet = account("one", is_key_first=is_key_first)
    stored = (folder / f"{NAME}.yml").read_text()
    assert wallet.key.removeprefix("0x") not in stored
    AccountSecurity._secure_configs.clear()
    AccountSecurity.log_in(folder, manager)
    assert AccountSecurity.api_keys(NAME) == {
        f"{NAME}_api_key": wallet.checksum_address,
        f"{NAME}_api_secret": wallet.key,
        "chain_name": "localnet",
    }


async def test_two_accounts_trade_beside_each_other_in_one_process(account, manager, maker):
    first_folder, first_wallet = account("one")
    second_folder, second_wallet = account("two")
    first = await start_trading(first_folder, manager)
    second = await start_trading(second_folder, manager)
    try:
        await start_book(first, PAIR)
        assert await first.add_trading_pair(OTHER_PAIR)
        await until(lambda: has_two_sides(first, OTHER_PAIR))
        await start_book(second, PAIR)

        order_ids = {
            connector: connector.buy(PAIR, Decimal("0.1"), OrderType.LIMIT, Decimal(price))
            for connector, price in ((first, 2800), (second, 2810))
        }
        for connector, order_id in order_ids.items():
            await until(lambda c=connector, o=order_id: is_at_the_venue(c, o))
            await update(connector)
            assert connector.in_flight_orders[order_id].current_state is OrderState.OPEN
            assert connector.get_balance("USDC") == 9_000
            assert connector.get_available_balance("USDC") < 9_000 - 270
        assert await wallets_with_orders(maker, first_wallet, second_wallet) == [1, 1]

        first.cancel(PAIR, order_ids[first])
        await until(lambda: order_ids[first] not in first.in_flight_orders)
        assert await wallets_with_orders(maker, first_wallet, second_wallet) == [0, 1]

        assert await first.remove_trading_pair(OTHER_PAIR)
        assert OTHER_PAIR not in first.order_book_tracker.order_books
        [result] = await second.cancel_all(10)
        assert (result.order_id, result.success) == (order_ids[second], True)
    finally:
        await stop(first)
        await stop(second)


async def wallets_with_orders(client, *wallets):
    return [len(await client.orders(wallet.address, statuses=("active",))) for wallet in wallets]


@pytest.mark.parametrize("remembered", [(), (f"{NAME}_api_key", "chain_name")])
async def test_market_data_needs_no_account(host_folder, localnet, maker, remembered):
    # Later versions blank the secret alone and leave what an account that was added has put into the registry.
    values = {f"{NAME}_api_key": localnet.new_wallet().checksum_address, "chain_name": "localnet"}
    fields = AllConnectorSettings.get_connector_config_keys(NAME).__class__.model_fields
    keys = {key: values[key] if key in remembered else "" for key in fields if key != "connector"}
    connector = make_connector(keys, is_trading=False)
    try:
        connector._trading_pairs.append(PAIR)
        await connector.start_network()
        await until(lambda: has_two_sides(connector, PAIR))
        await connector._update_trading_rules()
        rule = connector.trading_rules[PAIR]
        assert min(rule.min_price_increment, rule.min_base_amount_increment) > 0
        assert {OrderType.LIMIT, OrderType.LIMIT_MAKER, OrderType.MARKET} == set(connector.supported_order_types())
        assert set(await connector.get_last_traded_prices([PAIR])) == {PAIR}
    finally:
        await stop(connector)
