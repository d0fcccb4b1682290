"""What a bot finds when it starts again: restored orders, one that its database never heard of, those of others."""

from decimal import Decimal
from pathlib import Path

import pytest
import pytest_asyncio
from hummingbot.client.config.client_config_map import ClientConfigMap, MarketDataCollectionConfigMap
from hummingbot.client.config.config_helpers import ClientConfigAdapter
from hummingbot.connector.exchange.tegro.bot_identity import order_id_prefix
from hummingbot.connector.markets_recorder import MarketsRecorder
from hummingbot.core.data_type.common import OrderType, PositionAction
from hummingbot.core.data_type.in_flight_order import OrderState
from hummingbot.model.sql_connection_manager import SQLConnectionManager, SQLConnectionType
from hummingbot.model.trade_fill import TradeFill

from tegro.model import Side
from tegro.perpetual import PerpetualOrderRequest

pytestmark = pytest.mark.asyncio(loop_scope="module")

PAIR, SYMBOL = "ETH-USDT", "ETHUSDT"


class RecordedBot:
    """One bot of this Hummingbot: a database of its own, and connectors that live one after the other."""

    def __init__(self, desk, folder: Path, name: str) -> None:
        self._desk = desk
        self._file = f"{name}.yml"
        path = str(folder / f"{name}.sqlite")
        settings = ClientConfigAdapter(ClientConfigMap())
        self._sql = SQLConnectionManager(settings, SQLConnectionType.TRADE_FILLS, db_path=path)
        self.recorder: MarketsRecorder | None = None

    async def start(self):
        """Start the bot's next connector as Hummingbot does: recorder, what the database has, network."""
        made = self._desk.new_connector()
        made._set_current_timestamp(1_800_000_000.0)
        self.stop()
        self.recorder = MarketsRecorder(self._sql, [made], self._file, "script", MarketDataCollectionConfigMap())
        self.recorder.start()
        self.recorder.restore_market_states(self._file, made)
        await made.start_network()
        await self._desk.until(lambda: made.ready)
        return made

    async def place(self, connector, price: str, amount: str = "1"):
        """Let a connector sell, and wait until the order is at the venue."""
        name = connector.sell(
            PAIR, Decimal(amount), OrderType.LIMIT, Decimal(price), position_action=PositionAction.OPEN
        )
        orders = connector.in_flight_orders
        await self._desk.until(lambda: name in orders and not orders[name].is_pending_create)
        return orders[name]

    def fills(self, client_order_id: str) -> list[Decimal]:
        """Return the amounts of an order's fills in the database."""
        with self._sql.get_new_session() as session:
            rows = session.query(TradeFill).filter(TradeFill.order_id == client_order_id).all()
            return [Decimal(str(row.amount)) for row in rows]

    def stop(self) -> None:
        if self.recorder is not None:
            self.recorder.stop()


@pytest.fixture
def make_bot(desk, tmp_path):
    bots: list[RecordedBot] = []

    def make(name: str) -> RecordedBot:
        bots.append(RecordedBot(desk, tmp_path, name))
        return bots[-1]

    yield make
    for bot in bots:
        bot.stop()
    MarketsRecorder._shared_instance = None


@pytest_asyncio.fixture(autouse=True, loop_scope="module")
async def _clean(desk):
    yield
    await desk.connector._link.client.cancel_all(SYMBOL)
    await desk.clear()


async def resting(desk) -> set[str]:
    return {order.client_order_id for order in await desk.connector._link.client.open_orders(SYMBOL)}


async def place_by_hand(desk, name: str, price: str) -> None:
    """Leave what a process leaves that dies between the venue's answer and its database."""
    client = desk.connector._link.client
    terms = {"side": Side.SELL, "quantity": Decimal(1), "price": Decimal(price), "client_order_id": name}
    await client.place(PerpetualOrderRequest(contract=await client.contract(SYMBOL), **terms))


async def test_orders_of_a_killed_run_are_cancelled_before_the_next_is_ready(desk, make_bot):
    bot = make_bot("crash")
    first = await bot.start()
    order = await bot.place(first, "2100")
    await first.stop_network()
    assert order.client_order_id in await resting(desk)
    await desk.other_places(Side.BUY, "0.25", "2100")

    second = await bot.start()
    assert order.client_order_id not in await resting(desk)
    assert not second.in_flight_orders
    assert bot.fills(order.client_order_id) == [Decimal("0.25")]
    await second.stop_network()


async def test_they_are_taken_up_where_the_settings_say_so(desk, make_bot, monkeypatch, settings_file, tmp_path):
    path = tmp_path / "adopt.toml"
    path.write_text(settings_file.read_text() + '[perpetual.localnet.hummingbot]\norders_at_start = "adopt"\n')
    monkeypatch.setenv("TEGRO_SETTINGS", str(path))
    bot = make_bot("adopt")
    first = await bot.start()
    order = await bot.place(first, "2100")
    await first.stop_network()
    await desk.other_places(Side.BUY, "0.25", "2100")

    second = await bot.start()
    restored = second.in_flight_orders[order.client_order_id]
    await desk.until(lambda: restored.executed_amount_base == Decimal("0.25"))
    assert restored.current_state is OrderState.PARTIALLY_FILLED
    await desk.other_places(Side.BUY, "0.75", "2100")
    await desk.until(lambda: bot.fills(order.client_order_id) == [Decimal("0.25"), Decimal("0.75")])
    await second.stop_network()


async def test_an_order_the_database_never_heard_of_is_booked_once_and_cancelled(desk, make_bot):
    bot = make_bot("orphan")
    await (await bot.start()).stop_network()
    name = f"{order_id_prefix(bot.recorder)}SETUT1"
    await place_by_hand(desk, name, "2100")
    await desk.other_places(Side.BUY, "0.25", "2100")
    for _ in range(2):
        connector = await bot.start()
        await desk.until(lambda: bot.fills(name) == [Decimal("0.25")])
        await connector.stop_network()
    assert name not in await resting(desk)


async def test_orders_of_another_bot_and_of_nobody_are_shown_and_left_alone(desk, make_bot, caplog):
    caplog.set_level("INFO")
    other_bot = make_bot("theirs")
    theirs = await other_bot.start()
    order = await other_bot.place(theirs, "2100")
    await place_by_hand(desk, "by-hand", "2150")
    caplog.clear()
    ours = await make_bot("ours").start()
    assert {order.client_order_id, "by-hand"} <= await resting(desk)
    told = " ".join(record.message for record in caplog.records if "left alone" in record.message)
    assert order.client_order_id in told
    assert "ETHUSDT by-hand" in told
    await ours.stop_network()
    await theirs.stop_network()


async def test_a_mistake_in_the_plug_ins_own_table_is_named(desk, monkeypatch, settings_file, tmp_path):
    path = tmp_path / "wrong.toml"
    monkeypatch.setenv("TEGRO_SETTINGS", str(path))
    for line, words in (
        ('orders_at_start = "keep"', "orders_at_start must be one of cancel, adopt, was 'keep'"),
        ('order_at_start = "adopt"', "order_at_start"),
    ):
        path.write_text(f"{settings_file.read_text()}[perpetual.localnet.hummingbot]\n{line}\n")
        with pytest.raises(Exception, match=words):
            desk.new_connector()
